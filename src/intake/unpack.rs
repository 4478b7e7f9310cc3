//! Files that arrive packed are opened on the way in: gzip with any number of members, zip with any number
//! of entries, in the order in which they stand and as one stream; an OpenPGP message, and what it holds
//! of these.
//!
//! Nothing is written and no name of an entry is used. What unpacks out of proportion is refused while
//! it is read, in constant memory. An archive within an archive stays one, and is then no X12.

use std::io::{self, BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use super::openpgp::framing::{Form, Recognised, recognise};
use super::openpgp::{OpenPgp, OpenPgpError};
use super::zip_entries::ZipEntries;
use crate::limits;

/// How a file is packed, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    Plain,
    Gzip,
    Zip,
    OpenPgp(Form),
}

/// Looks at the first bytes of a file, `limits::PACKING_BYTES` where it has them.
pub fn packing(first: &[u8]) -> Packing {
    if first.starts_with(&GZIP) {
        Packing::Gzip
    } else if first.starts_with(&ZIP) {
        Packing::Zip
    } else if let Recognised::Message(form) = recognise(first) {
        Packing::OpenPgp(form)
    } else {
        Packing::Plain
    }
}

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZIP: [u8; 4] = *b"PK\x03\x04";

/// Why a packed file can't be opened. Inside an [`io::Error`]: [`UnpackError::of`] finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnpackError {
    /// Its upload is not whole yet.
    #[error("the packed file ends too early")]
    Truncated,
    #[error(
        "the packed file unpacks to more than {} times its size or {} GiB, which claims don't",
        limits::UNPACKED_RATIO_MAX,
        limits::UNPACKED_BYTES_MAX >> 30
    )]
    Bomb,
    /// Also an OpenPGP message whose integrity is not proven.
    #[error("the packed file is damaged, or was changed on its way")]
    Damaged,
    #[error("the zip file is encrypted, has too many entries or is not made with deflate, expected plain deflate or stored entries")]
    Unsupported,
    #[error(transparent)]
    OpenPgp(OpenPgpError),
}

impl From<OpenPgpError> for UnpackError {
    fn from(error: OpenPgpError) -> UnpackError {
        UnpackError::OpenPgp(error)
    }
}

impl UnpackError {
    /// A word for a metric: one of few.
    pub fn as_str(self) -> &'static str {
        match self {
            UnpackError::Truncated => "truncated",
            UnpackError::Bomb => "bomb",
            UnpackError::Damaged => "damaged",
            UnpackError::Unsupported | UnpackError::OpenPgp(OpenPgpError::Layers) => "unsupported",
            UnpackError::OpenPgp(OpenPgpError::NotConfigured | OpenPgpError::Keys(_)) => "no-key",
            UnpackError::OpenPgp(OpenPgpError::NotEncrypted) => "not-encrypted",
            UnpackError::OpenPgp(OpenPgpError::NotForUs) => "other-key",
            UnpackError::OpenPgp(OpenPgpError::NotSigned) => "not-signed",
        }
    }

    /// What went wrong while unpacking; `None` when the reading of the packed bytes failed.
    pub fn of(error: &io::Error) -> Option<UnpackError> {
        error.get_ref()?.downcast_ref().copied()
    }
}

impl From<UnpackError> for io::Error {
    fn from(error: UnpackError) -> io::Error {
        let kind = match error {
            UnpackError::Truncated => io::ErrorKind::UnexpectedEof,
            UnpackError::Bomb | UnpackError::Damaged | UnpackError::Unsupported | UnpackError::OpenPgp(_) => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, error)
    }
}

/// Unpacks while it is read; what is not packed is handed through. `openpgp` has the keys to messages.
///
/// # Errors
/// Those of `input`, here and while reading; an [`UnpackError`] here and while reading what is packed.
pub fn opened(input: Box<dyn Read + Send>, openpgp: &OpenPgp) -> io::Result<Box<dyn Read + Send>> {
    let (packing, input) = peeked(input)?;
    if packing == Packing::Plain {
        return Ok(input);
    }
    let counts = Arc::new(Counts::default());
    let input = Counted {
        input,
        counts: Arc::clone(&counts),
    };
    let (content, is_within) = match packing {
        Packing::OpenPgp(form) => {
            let plain: Box<dyn Read + Send> = Box::new(openpgp.open(Box::new(input), form)?);
            let (within, plain) = peeked(plain).map_err(of_whole)?;
            let counted = Counted {
                input: plain,
                counts: Arc::default(),
            };
            (content_of(within, counted), true)
        }
        packing => (content_of(packing, input), false),
    };
    Ok(Box::new(Unpacked {
        content,
        is_within,
        counts,
        bytes: 0,
        ended: None,
    }))
}

/// How a stream is packed, and the stream from its first byte on.
fn peeked(mut input: Box<dyn Read + Send>) -> io::Result<(Packing, Box<dyn Read + Send>)> {
    let mut first = Vec::with_capacity(limits::PACKING_BYTES);
    input.by_ref().take(limits::PACKING_BYTES as u64).read_to_end(&mut first)?;
    let begins_only = |mark: &[u8]| !first.is_empty() && first.len() < mark.len() && mark.starts_with(&first);
    if begins_only(&GZIP) || begins_only(&ZIP) || recognise(&first) == Recognised::Perhaps {
        return Err(UnpackError::Truncated.into());
    }
    Ok((packing(&first), Box::new(Cursor::new(first).chain(input))))
}

fn content_of(packing: Packing, input: Counted) -> Content {
    let input = BufReader::with_capacity(16 * 1024, input);
    match packing {
        Packing::Gzip => Content::Gzip(Box::new(MultiGzDecoder::new(input))),
        Packing::Zip => Content::Zip(Box::new(ZipEntries::new(input))),
        // A message within a message stays one, as an archive within an archive does.
        Packing::Plain | Packing::OpenPgp(_) => Content::Plain(input),
    }
}

/// What is packed within a message that is whole will not grow.
fn of_whole(error: io::Error) -> io::Error {
    match UnpackError::of(&error) {
        None if error.kind() == io::ErrorKind::UnexpectedEof => UnpackError::Damaged.into(),
        _ => error,
    }
}

/// The bytes as they arrive. The buffer is small, because the bound on the ratio takes all in it as used.
pub(super) type Packed = BufReader<Counted>;

/// Counts what was read, and knows an error of the input from one of its content.
pub(super) struct Counted {
    input: Box<dyn Read + Send>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    bytes: AtomicU64,
    is_broken: AtomicBool,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.input.read(into) {
            Ok(count) => {
                self.counts.bytes.fetch_add(count as u64, Ordering::Relaxed);
                Ok(count)
            }
            Err(error) => {
                let is_broken = error.kind() != io::ErrorKind::Interrupted;
                self.counts.is_broken.fetch_or(is_broken, Ordering::Relaxed);
                Err(error)
            }
        }
    }
}

enum Content {
    Plain(Packed),
    Gzip(Box<MultiGzDecoder<Packed>>),
    Zip(Box<ZipEntries>),
}

/// The unpacked bytes, within their bounds.
struct Unpacked {
    content: Content,
    /// Within a message.
    is_within: bool,
    /// Of the file as it arrives.
    counts: Arc<Counts>,
    bytes: u64,
    /// After an error there is only this one: a decoder would go on as if it had come to its end.
    ended: Option<UnpackError>,
}

impl Read for Unpacked {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if let Some(error) = self.ended {
            return Err(error.into());
        }
        let read = match &mut self.content {
            Content::Plain(plain) => plain.read(into),
            Content::Gzip(gzip) => gzip.read(into),
            Content::Zip(zip) => zip.read(into),
        };
        match read {
            Ok(count) => {
                self.bytes += count as u64;
                if self.is_out_of_proportion() {
                    return Err(self.end(UnpackError::Bomb));
                }
                if count == 0 && self.is_within && !into.is_empty() {
                    self.finish()?;
                }
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) if self.counts.is_broken.load(Ordering::Relaxed) => {
                self.end(UnpackError::Truncated);
                Err(error)
            }
            Err(error) => {
                let is_short = error.kind() == io::ErrorKind::UnexpectedEof && !self.is_within;
                let otherwise = if is_short { UnpackError::Truncated } else { UnpackError::Damaged };
                Err(self.end(UnpackError::of(&error).unwrap_or(otherwise)))
            }
        }
    }
}

impl Unpacked {
    /// What is packed within a message ends before the message does: only there is its integrity proven.
    fn finish(&mut self) -> io::Result<()> {
        let rest: &mut dyn Read = match &mut self.content {
            Content::Plain(plain) => plain,
            Content::Gzip(gzip) => gzip.get_mut(),
            Content::Zip(zip) => zip.packed(),
        };
        match io::copy(rest, &mut io::sink()) {
            Ok(0) => Ok(()),
            Ok(_) => Err(self.end(UnpackError::Damaged)),
            Err(error) if self.counts.is_broken.load(Ordering::Relaxed) => Err(error),
            Err(error) => Err(self.end(UnpackError::of(&error).unwrap_or(UnpackError::Damaged))),
        }
    }

    fn is_out_of_proportion(&self) -> bool {
        let packed = self.counts.bytes.load(Ordering::Relaxed);
        let proportionate = packed.saturating_mul(limits::UNPACKED_RATIO_MAX);
        self.bytes > limits::UNPACKED_BYTES_MAX || (self.bytes > limits::UNPACKED_FREE_BYTES && self.bytes > proportionate)
    }

    fn end(&mut self, error: UnpackError) -> io::Error {
        self.ended = Some(error);
        error.into()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn unpacked(bytes: &[u8]) -> Result<Vec<u8>, UnpackError> {
        let mut content = Vec::new();
        opened(Box::new(Cursor::new(bytes.to_vec())), &OpenPgp::default())
            .and_then(|mut reader| reader.read_to_end(&mut content))
            .map(|_| content)
            .map_err(|error| UnpackError::of(&error).unwrap())
    }

    #[test]
    fn gzip_members_follow_one_another() {
        let text = b"ISA*00*TEXT~".repeat(5_000);
        assert_eq!(unpacked(&gzip(&text)).unwrap(), text);
        assert_eq!(unpacked(&[gzip(&text), gzip(b""), gzip(&text)].concat()).unwrap(), text.repeat(2));
        assert_eq!(unpacked(&gzip(&gzip(b"ISA"))).unwrap(), gzip(b"ISA"), "one layer only");
    }

    #[test]
    fn what_is_not_packed_is_handed_through() {
        for text in [&b""[..], b"I", b"ISA", b"ISA*00*TEXT~", b"PKISA", b"\x1fISA", b"PK\x05\x06"] {
            assert_eq!(packing(text), Packing::Plain);
            assert_eq!(unpacked(text).unwrap(), text);
        }
    }

    #[test]
    fn a_gzip_that_ends_early_is_truncated_at_every_byte() {
        let one = gzip(b"ISA*00*TEXT~");
        let two = [one.clone(), gzip(b"IEA*1~")].concat();
        for length in (1..two.len()).filter(|length| *length != one.len()) {
            assert_eq!(unpacked(&two[..length]), Err(UnpackError::Truncated), "{length} of {}", two.len());
        }
    }

    #[test]
    fn a_gzip_that_was_changed_is_damaged() {
        let whole = gzip(b"ISA*00*TEXT~ISA*00*TEXT~");
        let mut checksum = whole.clone();
        let place = checksum.len() - 8;
        checksum[place] ^= 1;
        assert_eq!(unpacked(&checksum), Err(UnpackError::Damaged));
        assert_eq!(
            unpacked(&[&whole[..], b"ISA*00*TEXT~"].concat()),
            Err(UnpackError::Damaged),
            "something behind it"
        );
    }

    #[test]
    fn a_bomb_is_refused_at_once_and_ever_after() {
        let packed = gzip(&vec![0; 100 << 20]);
        assert!(packed.len() < 1 << 20);
        let began = std::time::Instant::now();
        let mut reader = opened(Box::new(Cursor::new(packed)), &OpenPgp::default()).unwrap();
        let mut handed_out = 0;
        let mut buffer = vec![0; limits::READ_BYTES];
        let error = loop {
            match reader.read(&mut buffer) {
                Ok(count) => handed_out += count,
                Err(error) => break error,
            }
        };
        assert_eq!(UnpackError::of(&error), Some(UnpackError::Bomb));
        assert!(handed_out < 4 << 20, "{handed_out} bytes");
        assert!(began.elapsed().as_secs() < 1);
        assert!(reader.read(&mut buffer).is_err());
    }

    #[test]
    fn what_shrinks_well_below_the_free_bytes_is_no_bomb() {
        let blank = vec![b' '; 1_000_000];
        assert_eq!(unpacked(&gzip(&blank)).unwrap(), blank);
    }

    /// Hands out some bytes, then fails as a lost connection does.
    struct Lost(Cursor<Vec<u8>>);

    impl Read for Lost {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            match self.0.read(into)? {
                0 => Err(io::ErrorKind::UnexpectedEof.into()),
                count => Ok(count),
            }
        }
    }

    #[test]
    fn a_lost_connection_is_not_taken_for_a_truncated_file() {
        let packed = gzip(b"ISA*00*TEXT~");
        let half = packed[..packed.len() - 5].to_vec();
        let read = opened(Box::new(Lost(Cursor::new(half))), &OpenPgp::default()).and_then(|mut reader| reader.read_to_end(&mut Vec::new()));
        let error = read.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(UnpackError::of(&error), None);
    }
}
