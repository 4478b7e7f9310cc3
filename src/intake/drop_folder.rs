//! A partner's channel that is two directories of this machine.
//!
//! What lies in the inbound one is the partner's: only regular files are seen and no link is followed.
//! Calls are short and local, so they are plain blocking ones.

use std::collections::BTreeSet;
use std::fs::{self, DirEntry, File, OpenOptions};
use std::io::{self, Read};
use std::mem;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::channel::{ChannelError, Listed, Listing, RemoteName};
use crate::config::Folder;
use crate::durable::{create_directory, sync_directories, sync_files};
use crate::limits;

/// Files that are put and wait to appear: each is an open file.
const STAGED_MAX: usize = 64;

/// The two directories.
#[derive(Debug)]
pub struct DropFolder {
    config: Folder,
    /// Put, and not visible yet.
    staged: Vec<Staged>,
    /// Directories whose names have changed.
    changed: BTreeSet<PathBuf>,
}

/// A file that is complete, under its temporary name.
#[derive(Debug)]
struct Staged {
    file: File,
    temporary: PathBuf,
    path: PathBuf,
}

impl DropFolder {
    pub fn new(config: Folder) -> DropFolder {
        DropFolder {
            config,
            staged: Vec::new(),
            changed: BTreeSet::new(),
        }
    }

    /// The regular files of the inbound directory; the first `limits::LISTED_FILES_MAX` that are met.
    ///
    /// # Errors
    /// When the directory can't be read.
    pub async fn list(&mut self) -> Result<Listing, ChannelError> {
        let mut listing = Listing::default();
        for entry in fs::read_dir(&self.config.inbound).map_err(refused)? {
            match listed(&entry.map_err(refused)?) {
                Ok(Some(file)) if listing.files.len() < limits::LISTED_FILES_MAX => listing.files.push(file),
                Ok(_) => listing.refused += 1,
                // Taken away since the directory was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(refused(error)),
            }
        }
        listing.files.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(listing)
    }

    /// Bytes of an inbound file from `offset` on; fewer than `bytes` only at its end.
    ///
    /// # Errors
    /// [`ChannelError::Gone`]; what is no regular file, or can't be read, is refused.
    pub async fn read_at(&mut self, name: &RemoteName, offset: u64, bytes: usize) -> Result<Vec<u8>, ChannelError> {
        // Neither a link's target nor a pipe without a writer may hold us.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(self.inbound(name)).map_err(gone)?;
        let metadata = file.metadata().map_err(refused)?;
        if !metadata.is_file() {
            return Err(not_a_file());
        }
        let there = metadata.len().saturating_sub(offset);
        let mut content = vec![0; usize::try_from(there).unwrap_or(usize::MAX).min(bytes)];
        let count = read_full(&file, &mut content, offset).map_err(refused)?;
        content.truncate(count);
        Ok(content)
    }

    /// Puts a file into the outbound directory, where [`DropFolder::settle`] lets it appear, whole, 0600.
    /// One of the same name is replaced.
    ///
    /// # Errors
    /// What can't be written is refused, as is a name that leaves no room for a temporary one.
    pub async fn put(&mut self, name: &RemoteName, content: &mut (dyn Read + Send)) -> Result<(), ChannelError> {
        // Known from the name, so that the next try replaces what a killed one has left.
        let temporary = self.config.outbound.join(format!(".{}.tmp", name.as_str()));
        let path = self.config.outbound.join(name.as_str());
        let file = write(&temporary, content).map_err(|error| {
            // What failed above is the error to report; the next try removes the rest.
            let _ = fs::remove_file(&temporary);
            refused(error)
        })?;
        // Put once more, after a try that failed later on.
        self.staged.retain(|staged| staged.path != path);
        self.staged.push(Staged { file, temporary, path });
        if self.staged.len() < STAGED_MAX { Ok(()) } else { self.settle().await }
    }

    /// What was put is visible, and what was put, removed and moved is durable, when this returns. For
    /// many files together, because the disk syncs them in little more than the time of one.
    ///
    /// # Errors
    /// What can't be synced or renamed is refused; it is to be put again.
    pub async fn settle(&mut self) -> Result<(), ChannelError> {
        let staged = mem::take(&mut self.staged);
        sync_files(staged.iter().map(|staged| &staged.file)).map_err(refused)?;
        for Staged { temporary, path, .. } in staged {
            fs::rename(&temporary, &path).map_err(refused)?;
            self.change(&path);
        }
        let changed = mem::take(&mut self.changed);
        sync_directories(changed.iter().map(PathBuf::as_path)).map_err(refused)
    }

    fn change(&mut self, path: &Path) {
        if let Some(directory) = path.parent() {
            self.changed.insert(directory.to_path_buf());
        }
    }

    /// Removes an inbound file.
    ///
    /// # Errors
    /// [`ChannelError::Gone`]; refused.
    pub async fn remove(&mut self, name: &RemoteName) -> Result<(), ChannelError> {
        let path = self.inbound(name);
        fs::remove_file(&path).map_err(gone)?;
        self.change(&path);
        Ok(())
    }

    /// Moves an inbound file into another directory of the same file system, under its name. `folder`
    /// stands beside the inbound directory or is absolute; it is created when missing. A file of that
    /// name there is replaced.
    ///
    /// # Errors
    /// [`ChannelError::Gone`]; what is no regular file, or can't be moved, is refused.
    pub async fn rename_into(&mut self, name: &RemoteName, folder: &str) -> Result<(), ChannelError> {
        let from = self.inbound(name);
        if !fs::symlink_metadata(&from).map_err(gone)?.is_file() {
            return Err(not_a_file());
        }
        let beside = self.config.inbound.parent().unwrap_or(&self.config.inbound);
        let folder = beside.join(folder);
        create_directory(&folder).map_err(refused)?;
        fs::rename(&from, folder.join(name.as_str())).map_err(gone)?;
        self.changed.insert(folder);
        self.change(&from);
        Ok(())
    }

    fn inbound(&self, name: &RemoteName) -> PathBuf {
        self.config.inbound.join(name.as_str())
    }
}

/// `None` for what is no regular file or has no proper name.
fn listed(entry: &DirEntry) -> io::Result<Option<Listed>> {
    let metadata = fs::symlink_metadata(entry.path())?;
    let name = entry.file_name().to_str().and_then(RemoteName::parse);
    Ok(name.filter(|_| metadata.is_file()).map(|name| Listed {
        name,
        bytes: metadata.len(),
        modified: metadata.mtime(),
    }))
}

fn read_full(file: &File, into: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut count = 0;
    while let Some(room) = into.get_mut(count..).filter(|room| !room.is_empty()) {
        match file.read_at(room, offset + count as u64) {
            Ok(0) => break,
            Ok(read) => count += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

/// Writes a new file, 0600. What stands under its name is removed, never written to: it
/// may be a link.
fn write(temporary: &Path, content: &mut (dyn Read + Send)) -> io::Result<File> {
    match fs::remove_file(temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary)?;
    io::copy(content, &mut file)?;
    Ok(file)
}

fn gone(error: io::Error) -> ChannelError {
    match error.kind() {
        io::ErrorKind::NotFound => ChannelError::Gone,
        _ => refused(error),
    }
}

fn refused(error: io::Error) -> ChannelError {
    ChannelError::Refused { reason: error.to_string() }
}

fn not_a_file() -> ChannelError {
    ChannelError::Refused {
        reason: "not a regular file".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    struct Place {
        root: tempfile::TempDir,
        folder: DropFolder,
    }

    impl Place {
        fn new() -> Place {
            let root = tempfile::tempdir().unwrap();
            let config = Folder {
                inbound: root.path().join("in"),
                outbound: root.path().join("out"),
            };
            fs::create_dir(&config.inbound).unwrap();
            fs::create_dir(&config.outbound).unwrap();
            let folder = DropFolder::new(config);
            Place { root, folder }
        }

        fn write(&self, path: &str, content: &[u8]) {
            fs::write(self.root.path().join(path), content).unwrap();
        }

        fn read(&self, path: &str) -> Option<Vec<u8>> {
            fs::read(self.root.path().join(path)).ok()
        }

        fn names(&self, path: &str) -> Vec<String> {
            let entries = fs::read_dir(self.root.path().join(path)).unwrap();
            let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        }
    }

    /// Local files are never waited for.
    fn now<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("a drop folder waits for nothing"),
        }
    }

    fn name(text: &str) -> RemoteName {
        RemoteName::parse(text).unwrap()
    }

    #[test]
    fn only_regular_files_with_proper_names_are_listed() {
        let mut place = Place::new();
        place.write("in/b.837", b"ISA");
        place.write("in/a.837", b"");
        place.write("in/line\nend", b"ISA");
        place.write("secret", b"secret");
        fs::create_dir(place.root.path().join("in/folder")).unwrap();
        symlink(place.root.path().join("secret"), place.root.path().join("in/link")).unwrap();
        symlink("nowhere", place.root.path().join("in/dangling")).unwrap();
        let pipe = place.root.path().join("in/pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());

        let listing = now(place.folder.list()).unwrap();
        let listed: Vec<(&str, u64)> = listing.files.iter().map(|file| (file.name.as_str(), file.bytes)).collect();
        assert_eq!(listed, [("a.837", 0), ("b.837", 3)]);
        assert!(listing.files.iter().all(|file| file.modified > 1_700_000_000));
        assert_eq!(listing.refused, 5);

        for other in ["link", "dangling", "pipe", "folder"] {
            let error = now(place.folder.read_at(&name(other), 0, 100)).unwrap_err();
            assert!(matches!(error, ChannelError::Refused { .. }), "{other}: {error}");
        }
        let error = now(place.folder.rename_into(&name("link"), "done")).unwrap_err();
        assert!(matches!(error, ChannelError::Refused { .. }), "{error}");
    }

    #[test]
    fn bytes_are_read_from_any_place() {
        let mut place = Place::new();
        place.write("in/a", b"0123456789");
        for (offset, bytes, expected) in [(0, 3, "012"), (7, 3, "789"), (7, 100, "789"), (10, 5, ""), (99, 5, ""), (0, 0, "")] {
            let read = now(place.folder.read_at(&name("a"), offset, bytes)).unwrap();
            assert_eq!(read, expected.as_bytes(), "{bytes} from {offset}");
        }
        assert!(matches!(now(place.folder.read_at(&name("b"), 0, 1)), Err(ChannelError::Gone)));
    }

    #[test]
    fn a_file_is_put_whole_and_private() {
        let mut place = Place::new();
        place.write("out/1.999", b"an older and longer one");
        place.write("precious", b"precious");
        // Left behind by someone, or set as a trap.
        symlink(place.root.path().join("precious"), place.root.path().join("out/.1.999.tmp")).unwrap();
        now(place.folder.put(&name("1.999"), &mut &b"ISA*new"[..])).unwrap();
        assert_eq!(place.read("out/1.999").unwrap(), b"an older and longer one");
        now(place.folder.settle()).unwrap();
        assert_eq!(place.read("out/1.999").unwrap(), b"ISA*new");
        assert_eq!(place.read("precious").unwrap(), b"precious");
        assert_eq!(place.names("out"), ["1.999"]);
        let mode = fs::metadata(place.root.path().join("out/1.999")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_cannot_be_read_to_its_end_is_not_put() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::ConnectionReset.into())
            }
        }
        let mut place = Place::new();
        place.write("out/1.999", b"older");
        let error = now(place.folder.put(&name("1.999"), &mut b"ISA".chain(Broken))).unwrap_err();
        assert!(matches!(error, ChannelError::Refused { .. }));
        now(place.folder.settle()).unwrap();
        assert_eq!(place.read("out/1.999").unwrap(), b"older");
        assert_eq!(place.names("out"), ["1.999"]);
    }

    #[test]
    fn a_taken_file_is_moved_or_removed() {
        let mut place = Place::new();
        place.write("in/a", b"1");
        now(place.folder.rename_into(&name("a"), "done")).unwrap();
        place.write("in/a", b"2");
        now(place.folder.rename_into(&name("a"), "done")).unwrap();
        assert_eq!(place.read("done/a").unwrap(), b"2");
        place.write("in/b", b"3");
        let elsewhere = place.root.path().join("deep/er");
        now(place.folder.rename_into(&name("b"), elsewhere.to_str().unwrap())).unwrap();
        assert_eq!(place.read("deep/er/b").unwrap(), b"3");
        place.write("in/c", b"4");
        now(place.folder.remove(&name("c"))).unwrap();
        assert!(place.names("in").is_empty());
        assert!(matches!(now(place.folder.remove(&name("c"))), Err(ChannelError::Gone)));
        assert!(matches!(now(place.folder.rename_into(&name("c"), "done")), Err(ChannelError::Gone)));
    }
}
