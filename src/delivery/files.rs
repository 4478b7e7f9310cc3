//! Files for partners and payees under `outbound/`: complete or not there at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use crate::durable::{create_directory, private_file, sync_directories, sync_files};
use crate::failpoints::reach;
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
    ///
    /// # Errors
    /// I/O, and those of `render`; then the file does not appear.
    pub fn write<E: From<io::Error>>(&self, name: &[&str], render: impl FnOnce(&mut dyn Write) -> Result<(), E>) -> Result<PathBuf, E> {
        let staged = self.stage(name, render)?;
        let path = staged.path.clone();
        release(vec![staged])?;
        Ok(path)
    }

    /// Writes one file through `render` under a temporary name, to be released with others. The name
    /// parts are ours (partner ids of the configuration, control numbers, NPIs), never text that was
    /// received.
    ///
    /// # Errors
    /// I/O, and those of `render`; then nothing is left to be released.
    pub fn stage<E: From<io::Error>>(&self, name: &[&str], render: impl FnOnce(&mut dyn Write) -> Result<(), E>) -> Result<Staged, E> {
        let mut path = self.root.clone();
        path.extend(name);
        if let Some(directory) = path.parent() {
            create_directory(directory)?;
        }
        let temporary = path.with_extension("tmp");
        reach("outbound-files::stage::before-write")?;
        let file = private_file(&temporary)?.truncate(true).open(&temporary)?;
        let out = match self.seal {
            None => {
                let mut out = BufWriter::new(file);
                render(&mut out)?;
                out
            }
            Some(keys) => {
                path.as_mut_os_string().push(".sealed");
                let mut out = SealedWriter::new(BufWriter::new(file), keys)?;
                render(&mut out)?;
                out.finish()?
            }
        };
        let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        reach("outbound-files::stage::after-write")?;
        Ok(Staged { file, temporary, path })
    }
}

/// A file that is complete, but neither durable nor visible.
#[derive(Debug)]
pub struct Staged {
    file: File,
    temporary: PathBuf,
    path: PathBuf,
}

/// Makes files durable, and then visible under their names. Together, because the disk syncs many files
/// in little more than the time of one.
///
/// # Errors
/// I/O; some of the files may be visible then, each of them whole.
pub fn release(staged: Vec<Staged>) -> io::Result<()> {
    reach("outbound-files::release::before-sync")?;
    sync_files(staged.iter().map(|staged| &staged.file))?;
    for staged in &staged {
        reach("outbound-files::release::before-rename")?;
        fs::rename(&staged.temporary, &staged.path)?;
    }
    reach("outbound-files::release::before-directory-sync")?;
    sync_directories(staged.iter().filter_map(|staged| staged.path.parent()))?;
    reach("outbound-files::release::after-directory-sync")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_visible_before_its_release() {
        let directory = tempfile::tempdir().unwrap();
        let files = OutboundFiles::new(directory.path().to_path_buf(), None);
        let names = [["835", "1234567893", "CS1.835"], ["835", "1000000012", "CS2.835"]];
        let staged: Vec<Staged> = names.iter().map(|name| files.stage(name, |out| out.write_all(b"ISA")).unwrap()).collect();
        let visible = || names.map(|name| directory.path().join(name.join("/")).exists());
        assert_eq!(visible(), [false, false]);
        release(staged).unwrap();
        assert_eq!(visible(), [true, true]);
    }

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
