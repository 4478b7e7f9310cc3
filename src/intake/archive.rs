//! The archive: every received file, sealed before anything looks inside, named by its digest.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest;
use tracing::field::Empty;

use crate::durable::{private_file, sync_directories, sync_files};
use crate::failpoints::reach;
use crate::ids::FileDigest;
use crate::limits;
use crate::sealing::{Keys, SealedReader, SealedWriter};

/// The sealed files of a data directory.
#[derive(Debug, Clone)]
pub struct Archive {
    directory: PathBuf,
}

/// A file that is in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Archived {
    pub file: FileDigest,
    pub bytes: u64,
}

/// A file that is sealed, and in the archive as soon as it is kept; one that is not leaves nothing.
#[derive(Debug)]
pub struct Sealed {
    pub archived: Archived,
    temporary: PathBuf,
    file: File,
    is_kept: bool,
}

impl Drop for Sealed {
    fn drop(&mut self) {
        if !self.is_kept {
            // What can't be removed now goes at the next start.
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

impl Archive {
    pub fn new(directory: PathBuf) -> Archive {
        Archive { directory }
    }

    /// Removes what a killed process left half received. Only while no other process receives.
    ///
    /// # Errors
    /// I/O.
    pub fn discard_unfinished(&self) -> io::Result<()> {
        for entry in std::fs::read_dir(&self.directory)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "tmp") {
                reach("archive::discard::before-remove")?;
                std::fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// Seals a stream while hashing it: one pass, constant memory, durable when it returns. The same
    /// bytes a second time leave the first copy in place.
    ///
    /// # Errors
    /// I/O.
    pub fn receive(&self, input: &mut dyn Read, keys: &Keys) -> io::Result<Archived> {
        let sealed = self.seal(input, keys)?;
        let archived = sealed.archived;
        self.keep(vec![sealed])?;
        Ok(archived)
    }

    /// The same as far as [`Archive::keep`], which makes it durable together with others.
    ///
    /// # Errors
    /// I/O.
    pub fn seal(&self, input: &mut dyn Read, keys: &Keys) -> io::Result<Sealed> {
        // Several files may be on their way in at once.
        static RECEIVED: AtomicU64 = AtomicU64::new(0);
        let sealing = tracing::info_span!("seal", trace = Empty, bytes = Empty).entered();
        let number = RECEIVED.fetch_add(1, Ordering::Relaxed);
        let temporary = self.directory.join(format!("incoming-{}-{number}.tmp", std::process::id()));
        let file = private_file(&temporary)?.truncate(true).open(&temporary)?;
        let written = write_sealed(file, input, keys);
        if written.is_err() {
            // What could not be read to its end is of no use; the next start looks again.
            let _ = std::fs::remove_file(&temporary);
        }
        if let Ok((archived, _)) = &written {
            sealing.record("trace", archived.file.trace());
            sealing.record("bytes", archived.bytes);
        }
        written.map(|(archived, file)| Sealed {
            archived,
            temporary,
            file,
            is_kept: false,
        })
    }

    /// Files that are in the archive, durably, when it returns.
    ///
    /// # Errors
    /// I/O; some of the files may be there then.
    pub fn keep(&self, mut sealed: Vec<Sealed>) -> io::Result<()> {
        reach("archive::seal::before-sync")?;
        sync_files(sealed.iter().map(|sealed| &sealed.file))?;
        for sealed in &mut sealed {
            let path = self.path(&sealed.archived.file);
            if path.exists() {
                reach("archive::duplicate::before-remove")?;
                std::fs::remove_file(&sealed.temporary)?;
            } else {
                reach("archive::seal::before-publish")?;
                std::fs::rename(&sealed.temporary, &path)?;
            }
            sealed.is_kept = true;
        }
        // Also of those that were there: whoever published them may have been killed before their names were
        // durable.
        reach("archive::seal::before-directory-sync")?;
        sync_directories(std::iter::once(self.directory.as_path()))?;
        reach("archive::seal::after-publish")
    }

    /// Opens an archived file for reading.
    ///
    /// # Errors
    /// I/O; another key or a changed copy inside the [`io::Error`].
    pub fn open(&self, file: &FileDigest, keys: &Keys) -> io::Result<SealedReader<BufReader<File>>> {
        SealedReader::new(BufReader::with_capacity(limits::READ_BYTES, File::open(self.path(file))?), keys)
    }

    /// The bytes of a range of an archived file, at most `limits::SEGMENT_BYTES_MAX` of them.
    ///
    /// # Errors
    /// I/O; a range beyond the end.
    pub fn read_range(&self, file: &FileDigest, keys: &Keys, range: crate::position::ByteRange) -> io::Result<Vec<u8>> {
        let mut reader = self.open(file, keys)?;
        reader.seek_to(range.start)?;
        let length = usize::try_from(range.length()).unwrap_or(usize::MAX).min(limits::SEGMENT_BYTES_MAX);
        let mut bytes = vec![0; length];
        reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn path(&self, file: &FileDigest) -> PathBuf {
        self.directory.join(format!("{}.sealed", file.hex()))
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

/// Seals and hashes a stream into a file.
fn write_sealed(file: File, input: &mut dyn Read, keys: &Keys) -> io::Result<(Archived, File)> {
    let mut writer = SealedWriter::new(BufWriter::with_capacity(limits::READ_BYTES, file), keys)?;
    let mut hasher = digest::Context::new(&digest::SHA256);
    let mut read = Vec::new();
    let mut bytes = 0;
    // As large as the file needs it.
    while Read::take(&mut *input, limits::READ_BYTES as u64).read_to_end(&mut read)? > 0 {
        hasher.update(&read);
        reach("archive::seal::before-write")?;
        writer.write_all(&read)?;
        bytes += read.len() as u64;
        read.clear();
    }
    let file = writer.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok((Archived { file: finish(hasher), bytes }, file))
}

/// The digest under which a file would be archived.
///
/// # Errors
/// I/O.
pub fn digest_of(input: &mut dyn Read) -> io::Result<FileDigest> {
    let mut hasher = digest::Context::new(&digest::SHA256);
    io::copy(input, &mut HashWriter(&mut hasher))?;
    Ok(finish(hasher))
}

struct HashWriter<'h>(&'h mut digest::Context);

impl Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn finish(hasher: digest::Context) -> FileDigest {
    let mut sha256 = [0; 32];
    sha256.iter_mut().zip(hasher.finish().as_ref()).for_each(|(to, from)| *to = *from);
    FileDigest::from_bytes(sha256)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::ByteRange;

    #[test]
    fn a_received_file_is_sealed_and_named_by_its_digest() {
        let directory = tempfile::tempdir().unwrap();
        let keys = Keys::parse(&Keys::generate().unwrap()).unwrap();
        let archive = Archive::new(directory.path().to_path_buf());
        let text = b"ISA*00*MEMBERNAME".repeat(10_000);
        let archived = archive.receive(&mut text.as_slice(), &keys).unwrap();
        assert_eq!(archive.receive(&mut text.as_slice(), &keys).unwrap(), archived);
        let stored = std::fs::read(directory.path().join(format!("{}.sealed", archived.file.hex()))).unwrap();
        assert!(!stored.windows(10).any(|window| window == b"MEMBERNAME"), "no plain text on disk");
        let mut read = Vec::new();
        archive.open(&archived.file, &keys).unwrap().read_to_end(&mut read).unwrap();
        assert_eq!(read, text);
        assert_eq!(
            archive.read_range(&archived.file, &keys, ByteRange::new(100_000, 100_020)).unwrap(),
            &text[100_000..100_020]
        );
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        std::fs::write(directory.path().join("incoming-1.tmp"), "half").unwrap();
        archive.discard_unfinished().unwrap();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
