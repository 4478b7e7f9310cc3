//! Files of ours: private, and there whole or not at all.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
#[cfg(target_os = "linux")]
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rayon::prelude::*;

use crate::failpoints::reach;

/// So many files cost more, synced one by one, than all that their disk still has to write.
#[cfg(target_os = "linux")]
const FILES_TO_SYNC_AT_ONCE: usize = 8;

/// Creates a directory and its parents, 0700; those it makes are durable when it returns.
///
/// # Errors
/// I/O.
pub fn create_directory(path: &Path) -> io::Result<()> {
    let is_missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
    let missing: Vec<&Path> = path.ancestors().take_while(is_missing).collect();
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    missing.into_iter().rev().try_for_each(|made| {
        reach("durable::directory::before-sync")?;
        sync_parent(made)
    })
}

/// Makes the name of a file or directory durable.
///
/// # Errors
/// I/O.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        // A relative name stands in the working directory.
        Some(parent) if parent.as_os_str().is_empty() => File::open(".")?.sync_all(),
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// Writes a whole file (0600) so that it appears complete or not at all: temporary name, sync, rename,
/// sync of the directory.
///
/// # Errors
/// I/O.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = private_file(&temporary)?.truncate(true).open(&temporary)?;
    file.write_all(bytes)?;
    reach("durable::write::before-sync")?;
    file.sync_all()?;
    publish(&temporary, path)
}

/// Renames a synced file into place and syncs the directory.
///
/// # Errors
/// I/O.
pub fn publish(temporary: &Path, path: &Path) -> io::Result<()> {
    reach("durable::publish::before-rename")?;
    fs::rename(temporary, path)?;
    reach("durable::publish::before-sync")?;
    sync_parent(path)?;
    reach("durable::publish::after-sync")
}

/// Makes the bytes of files durable.
///
/// # Errors
/// I/O.
pub fn sync_files<'f>(files: impl ExactSizeIterator<Item = &'f File>) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if files.len() >= FILES_TO_SYNC_AT_ONCE {
        return sync_disks(files);
    }
    let files: Vec<&File> = files.collect();
    files.into_par_iter().try_for_each(File::sync_all)
}

/// Many small files of one disk take little longer this way than one of them.
#[cfg(target_os = "linux")]
fn sync_disks<'f>(files: impl Iterator<Item = &'f File>) -> io::Result<()> {
    let mut synced = BTreeSet::new();
    for file in files {
        if synced.insert(file.metadata()?.dev()) {
            rustix::fs::syncfs(file)?;
        }
    }
    Ok(())
}

/// Makes the names in directories durable, each directory once.
///
/// # Errors
/// I/O.
pub fn sync_directories<'p>(directories: impl Iterator<Item = &'p Path>) -> io::Result<()> {
    let directories: BTreeSet<&Path> = directories.collect();
    directories.into_par_iter().try_for_each(|directory| File::open(directory)?.sync_all())
}

/// Options that create a file 0600 for reading and writing, never through a symbolic link's target
/// that is not ours: an existing link is refused.
///
/// # Errors
/// When the path is a symbolic link.
pub fn private_file(path: &Path) -> io::Result<OpenOptions> {
    if path.is_symlink() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "a symbolic link stands where a file of ours belongs",
        ));
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    Ok(options)
}
