//! The compressed layer of a message (RFC 9580, 5.6), read within bounds.

use std::fmt;
use std::io::{self, BufRead, Read};

use flate2::{Decompress, FlushDecompress, Status};
use pgp::composed::Message;

use super::{OpenPgpError, Source};
use crate::intake::unpack::UnpackError;

/// What a compressed message holds. Its end comes when the message around it was read to its own.
pub(super) struct Inflate {
    message: Message<'static>,
    /// `None`: stored as it is.
    inflate: Option<Decompress>,
    source: Source,
    read: u64,
    is_finished: bool,
}

impl fmt::Debug for Inflate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Inflate({} bytes)", self.read)
    }
}

impl Inflate {
    /// The first octet says how it is compressed.
    pub(super) fn new(mut message: Message<'static>, source: Source) -> Result<Inflate, UnpackError> {
        let mut algorithm = [0];
        message.read_exact(&mut algorithm).map_err(|_| UnpackError::Damaged)?;
        let inflate = match algorithm {
            [0] => None,
            [1] => Some(Decompress::new(false)),
            [2] => Some(Decompress::new(true)),
            _ => return Err(OpenPgpError::Layers.into()),
        };
        Ok(Inflate {
            message,
            inflate,
            source,
            read: 0,
            is_finished: false,
        })
    }

    /// Zero at the end of the deflate stream.
    fn next(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(inflate) = &mut self.inflate else {
            return self.message.read(into);
        };
        loop {
            let available = self.message.fill_buf()?;
            let is_last = available.is_empty();
            let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
            let status = inflate.decompress(available, into, FlushDecompress::None).map_err(|_| UnpackError::Damaged)?;
            let used = usize::try_from(inflate.total_in() - before_in).unwrap_or(usize::MAX);
            let count = usize::try_from(inflate.total_out() - before_out).unwrap_or(usize::MAX);
            self.message.consume(used);
            match status {
                _ if count > 0 => return Ok(count),
                Status::StreamEnd => return Ok(0),
                Status::Ok | Status::BufError if is_last => return Err(UnpackError::Damaged.into()),
                Status::Ok | Status::BufError => {}
            }
        }
    }
}

impl Read for Inflate {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.is_finished || into.is_empty() {
            return Ok(0);
        }
        self.source.allows(self.read)?;
        let count = self.next(into)?;
        self.read += count as u64;
        if count == 0 {
            // Only behind the last byte is the integrity of the message proven.
            io::copy(&mut self.message, &mut io::sink())?;
            self.is_finished = true;
        }
        Ok(count)
    }
}
