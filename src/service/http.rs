//! The service's port for operators: `/livez`, `/readyz`, `/metrics`.
//!
//! One request a connection, so that what bounds a connection bounds a request: bytes, time, and how many
//! there are at once. Nothing here needs to know who asks, and nothing protected is ever answered; the
//! default address is local all the same.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

use crate::limits;
use crate::pipeline::health::Health;

/// Between two times that the recorder tidies its histograms.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Answers until `shutdown` is over; then open requests have their time to end.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    health: Arc<Health>,
    metrics: PrometheusHandle,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let bounds = Bounds {
        request_bytes: limits::HTTP_REQUEST_BYTES_MAX,
        time: Duration::from_secs(limits::HTTP_SECONDS_MAX),
        connections: limits::HTTP_CONNECTIONS_MAX,
    };
    serve_within(bounds, listener, health, metrics, shutdown).await
}

async fn serve_within(
    bounds: Bounds,
    listener: TcpListener,
    health: Arc<Health>,
    metrics: PrometheusHandle,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let recorder = metrics.clone();
    let upkeep = tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP_EVERY).await;
            recorder.run_upkeep();
        }
    });
    let door = Door {
        listener,
        bounds,
        places: Arc::new(Semaphore::new(bounds.connections)),
    };
    let served = axum::serve(door, router(health, metrics)).with_graceful_shutdown(shutdown).await;
    upkeep.abort();
    served
}

fn router(health: Arc<Health>, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route("/livez", get(alive).with_state(Arc::clone(&health)))
        .route("/readyz", get(ready).with_state(health))
        .route("/metrics", get(scraped).with_state(metrics))
        .layer(map_response(last_of_its_connection))
}

async fn alive(State(health): State<Arc<Health>>) -> Response {
    if health.is_alive() {
        (StatusCode::OK, "ok\n").into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the worker does not answer\n").into_response()
    }
}

async fn ready(State(health): State<Arc<Health>>) -> Response {
    let parts = health.parts();
    let is_ready = parts.iter().all(|part| part.ready);
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({ "ready": is_ready, "parts": parts }).to_string();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn scraped(State(metrics): State<PrometheusHandle>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render()).into_response()
}

async fn last_of_its_connection(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What a stranger may use of us.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    request_bytes: usize,
    /// From the connection to the last byte of the answer.
    time: Duration,
    connections: usize,
}

/// Lets in as many as there are places; the others wait in the listener's queue.
#[derive(Debug)]
struct Door {
    listener: TcpListener,
    bounds: Bounds,
    places: Arc<Semaphore>,
}

impl axum::serve::Listener for Door {
    type Io = Visit;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Visit, SocketAddr) {
        // The semaphore is never closed.
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        let (stream, address) = axum::serve::Listener::accept(&mut self.listener).await;
        let visit = Visit {
            stream,
            bytes_left: self.bounds.request_bytes,
            end: Box::pin(tokio::time::sleep(self.bounds.time)),
            _place: place,
        };
        (visit, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection within its bounds: beyond them it fails, and is closed.
#[derive(Debug)]
struct Visit {
    stream: TcpStream,
    bytes_left: usize,
    end: Pin<Box<Sleep>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Visit {
    fn in_time(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.end.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Visit {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.in_time(context)?;
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        match self.bytes_left.checked_sub(buffer.filled().len() - before) {
            Some(left) => {
                self.bytes_left = left;
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
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream as StdStream;
    use std::time::Instant;

    use super::*;
    use crate::pipeline::health::Part;
    use crate::telemetry;

    struct Service {
        runtime: tokio::runtime::Runtime,
        address: SocketAddr,
        health: Arc<Health>,
        stop: Option<tokio::sync::oneshot::Sender<()>>,
        served: tokio::task::JoinHandle<io::Result<()>>,
    }

    const BOUNDS: Bounds = Bounds {
        request_bytes: 8 * 1024,
        time: Duration::from_secs(10),
        connections: 32,
    };

    fn service(bounds: Bounds, health: Health) -> Service {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let health = Arc::new(health);
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let metrics = telemetry::install_metrics().unwrap();
        let served = runtime.spawn(serve_within(bounds, listener, Arc::clone(&health), metrics, async {
            let _ = stopped.await;
        }));
        Service {
            runtime,
            address,
            health,
            stop: Some(stop),
            served,
        }
    }

    impl Service {
        fn connect(&self) -> StdStream {
            let stream = StdStream::connect(self.address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            stream
        }

        /// Sends bytes and reads until the other side closes.
        fn ask(&self, request: &str) -> String {
            let mut stream = self.connect();
            stream.write_all(request.as_bytes()).unwrap();
            read_to_close(&mut stream)
        }

        fn get(&self, path: &str) -> String {
            self.ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"))
        }
    }

    fn read_to_close(stream: &mut StdStream) -> String {
        let mut answer = Vec::new();
        // A connection that is reset has been closed, too.
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    }

    fn body(answer: &str) -> &str {
        answer.split_once("\r\n\r\n").unwrap().1
    }

    #[test]
    fn three_paths_and_nothing_else() {
        let service = service(BOUNDS, Health::new());
        for (method, path, status) in [
            ("GET", "/livez", "200"),
            ("GET", "/readyz", "503"),
            ("GET", "/metrics", "200"),
            ("POST", "/livez", "405"),
            ("PUT", "/readyz", "405"),
            ("DELETE", "/metrics", "405"),
            ("GET", "/", "404"),
            ("GET", "/metrics/", "404"),
            ("GET", "/../etc/passwd", "404"),
            ("POST", "/debug", "404"),
        ] {
            let answer = service.ask(&format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"));
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{method} {path}: {answer}");
            let head = answer.to_ascii_lowercase();
            assert!(head.contains("connection: close") && !head.contains("\r\nserver:"), "{answer}");
        }
        assert!(!service.ask("rubbish\r\n\r\n").starts_with("HTTP/1.1 200"));
    }

    #[test]
    fn ready_says_which_part_is_not() {
        let service = service(BOUNDS, Health::new());
        Part::ALL.into_iter().for_each(|part| service.health.set(part, Ok(())));
        let answer = service.get("/readyz");
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("application/json"), "{answer}");
        service.health.set(Part::Events, Err("no broker answers".into()));
        let answer = service.get("/readyz");
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        let value: serde_json::Value = serde_json::from_str(body(&answer)).unwrap();
        assert_eq!(
            (&value["ready"], &value["parts"][2]),
            (&false.into(), &json!({"part": "events", "ready": false, "reason": "no broker answers"}))
        );
        let scraped = service.get("/metrics");
        assert!(scraped.contains("claims_part_ready{part=\"ledger\"} 1"), "{scraped}");
        assert!(scraped.contains("version=0.0.4"), "{scraped}");
    }

    #[test]
    fn alive_until_the_worker_is_silent() {
        let service = service(BOUNDS, Health::silent_for(Duration::from_millis(300)));
        service.health.beat();
        assert_eq!(body(&service.get("/livez")), "ok\n");
        std::thread::sleep(Duration::from_millis(350));
        assert!(service.get("/livez").starts_with("HTTP/1.1 503 "));
        service.health.beat();
        assert!(service.get("/livez").starts_with("HTTP/1.1 200 "));
    }

    #[test]
    fn slow_and_large_requests_are_cut_off() {
        let bounds = Bounds {
            time: Duration::from_millis(500),
            ..BOUNDS
        };
        let service = service(bounds, Health::new());
        let start = Instant::now();
        assert_eq!(service.ask("GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: "), "");
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        let large = format!("GET /livez HTTP/1.1\r\nHost: x\r\nX-Large: {}\r\n\r\n", "a".repeat(64 * 1024));
        let mut stream = service.connect();
        // The other side may have closed before all of it is sent.
        let _ = stream.write_all(large.as_bytes());
        assert!(!read_to_close(&mut stream).contains(" 200 "));
        assert!(service.get("/livez").starts_with("HTTP/1.1 200 "));
    }

    #[test]
    fn more_than_there_are_places_wait() {
        let bounds = Bounds {
            connections: 2,
            time: Duration::from_secs(1),
            ..BOUNDS
        };
        let service = service(bounds, Health::new());
        let idle = [service.connect(), service.connect()];
        // Answered as soon as the idle ones have had their time.
        assert!(service.get("/livez").starts_with("HTTP/1.1 200 "));
        drop(idle);
    }

    #[test]
    fn shutdown_ends_it() {
        let mut service = service(BOUNDS, Health::new());
        assert!(service.get("/livez").starts_with("HTTP/1.1 200 "));
        service.stop.take().unwrap().send(()).unwrap();
        service.runtime.block_on(&mut service.served).unwrap().unwrap();
        assert!(StdStream::connect(service.address).is_err());
    }
}
