//! Whether a sealed copy is still what was received.

use std::io::{self, Read};

use aws_lc_rs::digest;

use super::archive::{Archive, finish};
use crate::ids::FileDigest;
use crate::limits::SEALED_CHUNK_BYTES;
use crate::position::ByteRange;
use crate::sealing::{Keys, SealError, sealed_length};

/// What is wrong with a sealed copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    #[error("is missing")]
    Missing,
    #[error("has {found} bytes, expected {expected}")]
    Length { found: u64, expected: u64 },
    #[error("has a changed header (bytes 0..80 of the sealed copy)")]
    Header,
    /// Of the received file.
    #[error("is changed in bytes {}..{} of the received file", .0.start, .0.end)]
    Bytes(ByteRange),
    #[error("opens, but is another file than its name says")]
    Content,
}

impl Archive {
    /// Compares a copy with what is known of its file: there, of the right length, with a header that the
    /// key opens; with `read`, every chunk of it and its digest too.
    ///
    /// # Errors
    /// I/O trouble that says nothing about the bytes.
    pub fn verify(&self, file: &FileDigest, bytes: u64, keys: &Keys, read: bool) -> io::Result<Vec<Damage>> {
        let found = match std::fs::metadata(self.path(file)) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![Damage::Missing]),
            Err(error) => return Err(error),
        };
        let expected = sealed_length(bytes);
        if found != expected {
            return Ok(vec![Damage::Length { found, expected }]);
        }
        match self.open(file, keys) {
            Err(error) if seal_error(&error).is_some() => Ok(vec![Damage::Header]),
            Err(error) => Err(error),
            Ok(_) if !read => Ok(Vec::new()),
            Ok(reader) => verify_content(reader, file, bytes),
        }
    }
}

/// Reads on behind a damaged chunk, so that all damage is named at once.
fn verify_content<R: Read + io::Seek>(mut reader: crate::sealing::SealedReader<R>, file: &FileDigest, bytes: u64) -> io::Result<Vec<Damage>> {
    let chunk = SEALED_CHUNK_BYTES as u64;
    let mut damaged: Vec<ByteRange> = Vec::new();
    let mut hasher = digest::Context::new(&digest::SHA256);
    let mut buffer = vec![0; SEALED_CHUNK_BYTES];
    let mut at = 0;
    let mut resume_at = None;
    loop {
        let step = match resume_at.take() {
            Some(byte) => reader.seek_to(byte).map(|()| None),
            None => reader.read(&mut buffer).map(Some),
        };
        match step {
            Ok(None) => {}
            Ok(Some(0)) => break,
            Ok(Some(count)) => {
                hasher.update(buffer.get(..count).unwrap_or_default());
                at += count as u64;
            }
            Err(error) if seal_error(&error) == Some(SealError::Tampered) => {
                let range = ByteRange::new(at, (at + chunk).min(bytes));
                match damaged.last_mut().filter(|last| last.end == range.start) {
                    Some(last) => last.end = range.end,
                    None => damaged.push(range),
                }
                at += chunk;
                if at >= bytes {
                    break;
                }
                resume_at = Some(at);
            }
            Err(error) => return Err(error),
        }
    }
    if damaged.is_empty() && finish(hasher) != *file {
        return Ok(vec![Damage::Content]);
    }
    Ok(damaged.into_iter().map(Damage::Bytes).collect())
}

fn seal_error(error: &io::Error) -> Option<SealError> {
    error.get_ref().and_then(|inner| inner.downcast_ref()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNK: usize = SEALED_CHUNK_BYTES;

    #[test]
    fn damage_is_named_by_its_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let keys = Keys::parse(&Keys::generate().unwrap()).unwrap();
        let archive = Archive::new(directory.path().to_path_buf());
        let text = vec![7; 3 * CHUNK + 10];
        let archived = archive.receive(&mut text.as_slice(), &keys).unwrap();
        let path = archive.path(&archived.file);
        let whole = std::fs::read(&path).unwrap();
        let range = |start: usize, end: usize| Damage::Bytes(ByteRange::new(start as u64, end as u64));
        let sealed = CHUNK + 16;
        // Which byte of the sealed copy is flipped, and what is found with and without reading.
        for (flipped, quick, thorough) in [
            (vec![], vec![], vec![]),
            (vec![3], vec![Damage::Header], vec![Damage::Header]),
            (vec![72], vec![Damage::Header], vec![Damage::Header]),
            // The last bytes of the header are authenticated with every chunk.
            (vec![79], vec![], vec![range(0, 3 * CHUNK + 10)]),
            (vec![80], vec![], vec![range(0, CHUNK)]),
            (vec![80 + sealed], vec![], vec![range(CHUNK, 2 * CHUNK)]),
            (vec![80, 80 + 2 * sealed - 1], vec![], vec![range(0, 2 * CHUNK)]),
            (vec![80, 80 + 2 * sealed], vec![], vec![range(0, CHUNK), range(2 * CHUNK, 3 * CHUNK)]),
            (vec![whole.len() - 1], vec![], vec![range(3 * CHUNK, 3 * CHUNK + 10)]),
        ] {
            let mut changed = whole.clone();
            flipped.iter().for_each(|byte: &usize| changed[*byte] ^= 1);
            std::fs::write(&path, changed).unwrap();
            let verify = |read| archive.verify(&archived.file, archived.bytes, &keys, read).unwrap();
            assert_eq!((verify(false), verify(true)), (quick, thorough), "{flipped:?}");
        }
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let (found, expected) = (whole.len() as u64 - 1, whole.len() as u64);
        let verify = |file: &FileDigest| archive.verify(file, archived.bytes, &keys, true).unwrap();
        assert_eq!(verify(&archived.file), [Damage::Length { found, expected }]);

        let other = FileDigest::from_bytes([9; 32]);
        std::fs::write(archive.path(&other), &whole).unwrap();
        assert_eq!(verify(&other), [Damage::Content]);
        std::fs::remove_file(archive.path(&other)).unwrap();
        assert_eq!(verify(&other), [Damage::Missing]);
    }
}
