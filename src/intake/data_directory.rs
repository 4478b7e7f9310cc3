//! The data directory (INTERFACE 2): its places, its modes, its lock and its keys.

use std::fs::{File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::durable::{create_directory, private_file, sync_parent, write_private};
use crate::failpoints::reach;
use crate::sealing::{Keys, SealError};

/// Why a data directory can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirectoryError {
    #[error("{path}: cannot be created or opened")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path} is in use by another claimstream process; wait for it to end or use another --data-dir")]
    Locked { path: PathBuf },
    #[error("{path}: no data directory; `claimstream demo` or `claimstream ingest` makes one")]
    Missing { path: PathBuf },
    #[error("{path}: no key file; create one with `claimstream demo` or `claimstream ingest`, or set [phi] key_file")]
    NoKeys { path: PathBuf },
    #[error("{path}: {source}")]
    Keys { path: PathBuf, source: SealError },
}

/// Bytes that may still be written to the file system of a directory.
///
/// # Errors
/// I/O.
pub fn free_bytes(directory: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(directory)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// The places with what cannot be made again, beside the ledger itself. Keys stay apart, and the index is
/// rebuilt from the ledger.
pub const KEPT: [&str; 6] = ["archive", "events", "outbound", "refdata", "rules", "audit"];

/// An opened data directory; the lock is held until it is dropped.
#[derive(Debug)]
pub struct DataDirectory {
    root: PathBuf,
    _lock: Option<File>,
}

impl DataDirectory {
    /// Creates what is missing (0700) and takes the lock.
    ///
    /// # Errors
    /// [`DataDirectoryError::Locked`] when another process has it; I/O otherwise.
    pub fn open(root: &Path) -> Result<DataDirectory, DataDirectoryError> {
        for place in ["", "index"].into_iter().chain(KEPT) {
            make(&root.join(place))?;
        }
        let directory = DataDirectory {
            root: root.to_path_buf(),
            _lock: Some(lock(root)?),
        };
        // SQLite would create it by the umask; its journal files take the mode of the database.
        let ledger = directory.ledger();
        reach("directory::open::before-ledger-file")
            .and_then(|()| private_file(&ledger)?.open(&ledger))
            // Whoever made the places may have been killed before their names were durable.
            .and_then(|_| {
                reach("directory::open::before-sync")?;
                sync_parent(root)?;
                sync_parent(&ledger)
            })
            .map_err(|source| DataDirectoryError::Io { path: ledger, source })?;
        Ok(directory)
    }

    /// Opens a directory that something was taken into before; makes none.
    ///
    /// # Errors
    /// [`DataDirectoryError::Missing`], and those of [`DataDirectory::open`].
    pub fn open_existing(root: &Path) -> Result<DataDirectory, DataDirectoryError> {
        if root.join("ledger.db").exists() {
            DataDirectory::open(root)
        } else {
            Err(DataDirectoryError::Missing { path: root.to_path_buf() })
        }
    }

    /// Opens a directory for a look: takes the lock, makes and changes nothing.
    ///
    /// # Errors
    /// [`DataDirectoryError::Missing`], [`DataDirectoryError::Locked`], I/O.
    pub fn look_at(root: &Path) -> Result<DataDirectory, DataDirectoryError> {
        if !root.join("ledger.db").exists() {
            return Err(DataDirectoryError::Missing { path: root.to_path_buf() });
        }
        let path = root.join("lock");
        let lock = match File::open(&path) {
            Ok(file) => Some(locked(file, root)?),
            // Nobody works here; who begins to makes the file.
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(DataDirectoryError::Io { path, source }),
        };
        Ok(DataDirectory {
            root: root.to_path_buf(),
            _lock: lock,
        })
    }

    /// Opens a directory in which somebody else may be at work, for what does not write to the ledger:
    /// takes no lock, makes nothing.
    ///
    /// # Errors
    /// [`DataDirectoryError::Missing`].
    pub fn beside(root: &Path) -> Result<DataDirectory, DataDirectoryError> {
        if !root.join("ledger.db").exists() {
            return Err(DataDirectoryError::Missing { path: root.to_path_buf() });
        }
        Ok(DataDirectory {
            root: root.to_path_buf(),
            _lock: None,
        })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn archive(&self) -> PathBuf {
        self.root.join("archive")
    }

    pub fn ledger(&self) -> PathBuf {
        self.root.join("ledger.db")
    }

    /// Runs of line fingerprints; can be rebuilt from the ledger.
    pub fn index(&self) -> PathBuf {
        self.root.join("index")
    }

    pub fn events(&self) -> PathBuf {
        self.root.join("events")
    }

    pub fn outbound(&self) -> PathBuf {
        self.root.join("outbound")
    }

    pub fn refdata(&self) -> PathBuf {
        self.root.join("refdata")
    }

    /// Rule packs that decisions name.
    pub fn rules(&self) -> PathBuf {
        self.root.join("rules")
    }

    /// The keys of `key_file`, or of `keys/master.key` inside the directory. With `may_create`, a
    /// missing default file is made; the second value says so, because keys beside the data protect
    /// nothing against a copied disk.
    ///
    /// # Errors
    /// [`DataDirectoryError::NoKeys`], [`DataDirectoryError::Keys`], I/O.
    pub fn keys(&self, key_file: Option<&Path>, may_create: bool) -> Result<(Keys, bool), DataDirectoryError> {
        let default = self.root.join("keys").join("master.key");
        let path = key_file.unwrap_or(&default);
        let is_new = key_file.is_none() && may_create && !path.exists();
        if is_new {
            make(&self.root.join("keys"))?;
            let text = Keys::generate().map_err(|source| DataDirectoryError::Keys {
                path: path.to_path_buf(),
                source,
            })?;
            let written = reach("directory::keys::before-write")
                .and_then(|()| write_private(path, text.as_bytes()))
                .and_then(|()| reach("directory::keys::after-write"));
            written.map_err(|source| DataDirectoryError::Io {
                path: path.to_path_buf(),
                source,
            })?;
        }
        let mut text = Zeroizing::new(String::new());
        match File::open(path).and_then(|file| file.take(4096).read_to_string(&mut text)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(DataDirectoryError::NoKeys { path: path.to_path_buf() }),
            Err(source) => {
                return Err(DataDirectoryError::Io {
                    path: path.to_path_buf(),
                    source,
                });
            }
        }
        let keys = Keys::parse(&text).map_err(|source| DataDirectoryError::Keys {
            path: path.to_path_buf(),
            source,
        })?;
        Ok((keys, is_new))
    }
}

/// Takes the lock of a directory, which must exist; held until the file is dropped.
///
/// # Errors
/// [`DataDirectoryError::Locked`], I/O.
pub fn lock(root: &Path) -> Result<File, DataDirectoryError> {
    let path = root.join("lock");
    let file = private_file(&path).and_then(|options| options.open(&path));
    locked(file.map_err(|source| DataDirectoryError::Io { path, source })?, root)
}

fn locked(file: File, root: &Path) -> Result<File, DataDirectoryError> {
    let path = root.to_path_buf();
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DataDirectoryError::Locked { path }),
        Err(TryLockError::Error(source)) => Err(DataDirectoryError::Io { path, source }),
    }
}

fn make(path: &Path) -> Result<(), DataDirectoryError> {
    create_directory(path).map_err(|source| DataDirectoryError::Io {
        path: path.to_path_buf(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use std::fs;

    use super::*;

    #[test]
    fn one_process_at_a_time_and_private_modes() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("data");
        assert!(matches!(DataDirectory::open_existing(&root), Err(DataDirectoryError::Missing { .. })));
        assert!(matches!(DataDirectory::look_at(&root), Err(DataDirectoryError::Missing { .. })));
        assert!(matches!(DataDirectory::beside(&root), Err(DataDirectoryError::Missing { .. })));
        assert!(!root.exists());
        let opened = DataDirectory::open(&root).unwrap();
        assert!(matches!(DataDirectory::open(&root), Err(DataDirectoryError::Locked { .. })));
        assert!(matches!(DataDirectory::look_at(&root), Err(DataDirectoryError::Locked { .. })));
        assert!(DataDirectory::beside(&root).is_ok());
        assert!(matches!(opened.keys(None, false), Err(DataDirectoryError::NoKeys { .. })));
        let (keys, is_new) = opened.keys(None, true).unwrap();
        assert!(is_new);
        assert_eq!(opened.keys(None, true).unwrap().0.id(), keys.id());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            [&root, &root.join("keys/master.key"), &root.join("lock"), &opened.ledger()].map(|path| mode(path)),
            [0o700, 0o600, 0o600, 0o600]
        );
        drop(opened);
        fs::remove_dir(root.join("index")).unwrap();
        drop(DataDirectory::look_at(&root).unwrap());
        assert!(!root.join("index").exists(), "a look makes nothing");
        assert!(DataDirectory::open(&root).is_ok());
    }
}
