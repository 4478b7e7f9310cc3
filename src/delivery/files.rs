//! Files for partners and payees under `outbound/`: complete or not there at all.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::durable::{create_directory, private_file, publish};
use crate::sealing::{Keys, SealedWriter};

/// The outbound directory.
#[derive(Debug)]
pub struct OutboundFiles<'k> {
    root: PathBuf,
    /// `[phi] seal_outbound`: sealed until they are sent.
    seal: Option<&'k Keys>,
}

impl<'k> OutboundFiles<'k> {
    pub fn new(root: PathBuf, seal: Option<&'k Keys>) -> OutboundFiles<'k> {
        OutboundFiles { root, seal }
    }

    /// Writes one file through `render`; it appears under its name when it is complete and durable.
    /// The name parts are ours (partner ids of the configuration, control numbers, NPIs), never text
    /// that was received.
    ///
    /// # Errors
    /// I/O, and those of `render`; then the file does not appear.
    pub fn write<E: From<io::Error>>(&self, name: &[&str], render: impl FnOnce(&mut dyn Write) -> Result<(), E>) -> Result<PathBuf, E> {
        let mut path = self.root.clone();
        path.extend(name);
        if let Some(directory) = path.parent() {
            create_directory(directory)?;
        }
        let temporary = path.with_extension("tmp");
        let file = private_file(&temporary)?.truncate(true).open(&temporary)?;
        match self.seal {
            None => {
                let mut out = BufWriter::new(file);
                render(&mut out)?;
                finish(out.into_inner().map_err(io::IntoInnerError::into_error)?, &temporary, &path)?;
            }
            Some(keys) => {
                path.as_mut_os_string().push(".sealed");
                let mut out = SealedWriter::new(BufWriter::new(file), keys)?;
                render(&mut out)?;
                finish(out.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?, &temporary, &path)?;
            }
        }
        Ok(path)
    }
}

fn finish(file: File, temporary: &Path, path: &Path) -> io::Result<()> {
    file.sync_all()?;
    publish(temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_rendering_leaves_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let files = OutboundFiles::new(directory.path().to_path_buf(), None);
        let written = files.write(&["835", "1234567893", "CS1.835"], |out| out.write_all(b"ISA")).unwrap();
        assert_eq!(std::fs::read(written).unwrap(), b"ISA");
        let failed = files.write(&["835", "1234567893", "CS2.835"], |out| {
            out.write_all(b"IS")?;
            Err(io::Error::other("stopped"))
        });
        assert!(failed.is_err());
        assert!(!directory.path().join("835/1234567893/CS2.835").exists());
    }
}
