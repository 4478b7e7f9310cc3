//! A file of a channel as something a thread can read: the task fetches, the thread seals.

use std::io::{self, Read};

use tokio::sync::mpsc;

/// What the task says.
enum Piece {
    Bytes(Vec<u8>),
    End,
}

/// The task's side.
#[derive(Debug)]
pub struct Sender(mpsc::Sender<Piece>);

/// The thread's side: ends with an error where the task ended without saying that the file did.
#[derive(Debug)]
pub struct Stream {
    pieces: mpsc::Receiver<Piece>,
    piece: Vec<u8>,
    at: usize,
    has_ended: bool,
}

impl std::fmt::Debug for Piece {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Piece::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Piece::End => f.write_str("end"),
        }
    }
}

/// A stream with room for a few pieces: a slow disk slows the channel.
pub fn pair() -> (Sender, Stream) {
    let (sender, pieces) = mpsc::channel(4);
    let stream = Stream {
        pieces,
        piece: Vec::new(),
        at: 0,
        has_ended: false,
    };
    (Sender(sender), stream)
}

impl Sender {
    /// Whether somebody still reads.
    pub async fn bytes(&self, bytes: Vec<u8>) -> bool {
        self.0.send(Piece::Bytes(bytes)).await.is_ok()
    }

    /// The file ends here.
    pub async fn end(self) {
        // A reader that failed says so itself.
        let _ = self.0.send(Piece::End).await;
    }
}

impl Read for Stream {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() && !self.has_ended {
            match self.pieces.blocking_recv() {
                Some(Piece::Bytes(piece)) => (self.piece, self.at) = (piece, 0),
                Some(Piece::End) => self.has_ended = true,
                None => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the channel was given up within a file")),
            }
        }
        let mut rest = self.piece.get(self.at..).unwrap_or_default();
        let count = rest.read(out)?;
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_was_given_up_is_no_file() {
        for ends in [true, false] {
            let (sender, mut stream) = pair();
            let reader = tokio::task::spawn_blocking(move || {
                let mut read = Vec::new();
                stream.read_to_end(&mut read).map(|_| read)
            });
            assert!(sender.bytes(b"ISA*".to_vec()).await && sender.bytes(Vec::new()).await && sender.bytes(b"00".to_vec()).await);
            if ends {
                sender.end().await;
            } else {
                drop(sender);
            }
            let read = reader.await.unwrap();
            assert_eq!(read.ok(), ends.then(|| b"ISA*00".to_vec()));
        }
    }
}
