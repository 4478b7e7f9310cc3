//! Connections within bounds: bytes, time, and how many there are at once.
//!
//! A connection may use what a stranger may. Where there is a door, whoever answers a request can allow its
//! connection more, once it knows who asks: until then the connection reads no further, so that nobody sends
//! us a large file before we have asked for it.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use crate::limits;

/// What a stranger may use of us.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub request_bytes: usize,
    /// From the connection to the last byte of the answer.
    pub time: Duration,
    pub connections: usize,
    /// A request may be allowed more.
    pub can_grow: bool,
}

/// Lets in as many as there are places; the others wait in the listener's queue.
#[derive(Debug)]
pub struct Gate {
    listener: TcpListener,
    bounds: Bounds,
    places: Arc<Semaphore>,
}

impl Gate {
    pub fn new(listener: TcpListener, bounds: Bounds) -> Gate {
        Gate {
            listener,
            bounds,
            places: Arc::new(Semaphore::new(bounds.connections)),
        }
    }
}

impl Listener for Gate {
    type Io = Visit;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Visit, SocketAddr) {
        // The semaphore is never closed.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // An answer's last bytes must not wait for the other side to have acknowledged those before them.
        let _ = stream.set_nodelay(true);
        (Visit::new(stream, &self.bounds, place), address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// What a connection may use, for whoever answers its request.
#[derive(Debug, Clone)]
pub struct Allowance(Arc<Mutex<Left>>);

#[derive(Debug)]
struct Left {
    bytes: usize,
    until: Instant,
    /// Nobody has said yet whether there is more: at the end of the bytes the connection waits.
    can_grow: bool,
    waits: Option<Waker>,
}

impl Allowance {
    /// Allows this many bytes more, and this much time from now on. Once.
    pub fn grow(&self, bytes: usize, time: Duration) {
        let mut left = self.left();
        if left.can_grow {
            left.can_grow = false;
            left.bytes = left.bytes.saturating_add(bytes);
            left.until = Instant::now() + time;
            left.waits.take().into_iter().for_each(Waker::wake);
        }
    }

    fn left(&self) -> MutexGuard<'_, Left> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connected<IncomingStream<'_, Gate>> for Allowance {
    fn connect_info(stream: IncomingStream<'_, Gate>) -> Allowance {
        stream.io().allowance.clone()
    }
}

/// A connection within its bounds: beyond them it fails, and is closed.
#[derive(Debug)]
pub struct Visit {
    stream: TcpStream,
    allowance: Allowance,
    end: Pin<Box<Sleep>>,
    /// Where a request may be refused before all of it has come.
    farewell: Option<Farewell>,
    _place: Option<OwnedSemaphorePermit>,
}

/// What is still read after the last word: a line that is cut while bytes come takes the answer with it.
#[derive(Debug)]
struct Farewell {
    /// Begun when everything is said.
    end: Option<Pin<Box<Sleep>>>,
    bytes_left: usize,
}

impl Visit {
    fn new(stream: TcpStream, bounds: &Bounds, place: Option<OwnedSemaphorePermit>) -> Visit {
        let until = Instant::now() + bounds.time;
        let left = Left {
            bytes: bounds.request_bytes,
            until,
            can_grow: bounds.can_grow,
            waits: None,
        };
        Visit {
            stream,
            allowance: Allowance(Arc::new(Mutex::new(left))),
            end: Box::pin(sleep_until(until)),
            farewell: bounds.can_grow.then_some(Farewell {
                end: None,
                bytes_left: limits::DOOR_DISCARDED_BYTES_MAX,
            }),
            _place: place,
        }
    }

    fn in_time(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        while self.end.as_mut().poll(context).is_ready() {
            let until = self.allowance.left().until;
            if until <= Instant::now() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.end.as_mut().reset(until);
        }
        Ok(())
    }

    /// Reads up to what is left, and waits there to be allowed more.
    fn read_up_to_the_end(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut left = self.allowance.left();
        if left.bytes == 0 {
            left.waits = Some(context.waker().clone());
            return Poll::Pending;
        }
        let count = buffer.remaining().min(left.bytes);
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(count));
        let polled = Pin::new(&mut self.stream).poll_read(context, &mut part);
        let read = part.filled().len();
        left.bytes -= read;
        drop(left);
        buffer.advance(read);
        polled
    }
}

impl AsyncRead for Visit {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.in_time(context)?;
        if self.allowance.left().can_grow {
            return self.read_up_to_the_end(context, buffer);
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        let mut left = self.allowance.left();
        match left.bytes.checked_sub(buffer.filled().len() - before) {
            Some(bytes) => {
                left.bytes = bytes;
                polled
            }
            None => Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
        }
    }
}

impl AsyncWrite for Visit {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.in_time(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Visit { stream, farewell, .. } = &mut *self;
        let Some(farewell) = farewell else {
            return Pin::new(stream).poll_shutdown(context);
        };
        if farewell.end.is_none() {
            match Pin::new(&mut *stream).poll_shutdown(context) {
                Poll::Ready(Ok(())) => farewell.end = Some(Box::pin(sleep(Duration::from_secs(limits::DOOR_DISCARD_SECONDS_MAX)))),
                unsaid => return unsaid,
            }
        }
        farewell.hear_out(stream, context)
    }
}

impl Farewell {
    /// Until the other side has no more to say, or has said too much.
    fn hear_out(&mut self, stream: &mut TcpStream, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.end.as_mut().is_none_or(|end| end.as_mut().poll(context).is_ready()) {
            return Poll::Ready(Ok(()));
        }
        let mut space = [0; 8 * 1024];
        loop {
            let mut buffer = ReadBuf::new(&mut space);
            match Pin::new(&mut *stream).poll_read(context, &mut buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) => match self.bytes_left.checked_sub(buffer.filled().len()) {
                    Some(left) if !buffer.filled().is_empty() => self.bytes_left = left,
                    _ => return Poll::Ready(Ok(())),
                },
            }
        }
    }
}
