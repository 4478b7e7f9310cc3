//! A consistent copy of a data directory, and the way back.
//!
//! A backup is a directory: `manifest.json`, `ledger.db`, and the places of
//! [`data_directory::KEPT`](crate::intake::data_directory::KEPT) as they are. Sealed things stay sealed;
//! keys are never in it, so that a lost backup is no lost secret. The lock of the data directory is held
//! while it is copied: nothing moves.
//!
//! To the next editor: what is not in [`MANIFEST`] is not restored, and a backup with something that the
//! manifest does not name is refused. Nothing appears under its name before all of it is on the disk.

mod copying;
mod restore;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

pub use restore::restore;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::config::Config;
use crate::durable::{create_directory, private_file, write_private};
use crate::ids::ContentDigest;
use crate::intake::data_directory::{DataDirectory, DataDirectoryError, KEPT};
use crate::ledger::inspection::{self, LedgerState};
use crate::ledger::{LedgerError, Seq};
use copying::{copy_all, digest_of, files_below, sync};

const MANIFEST: &str = "manifest.json";
const LEDGER: &str = "ledger.db";
const FORMAT: &str = "claimstream-backup 1";

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: String,
    pub program: String,
    pub made_at: String,
    /// The journal's last position.
    pub last_seq: Seq,
    /// Of the ledger; the same in all its copies.
    pub generation: Option<String>,
    /// Of the key file without which none of this can be read.
    pub key_id: String,
    pub schema: i64,
    /// In the order of their paths.
    pub files: Vec<Entry>,
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Entry {
    /// Below the backup, with `/` between its parts.
    pub path: String,
    pub bytes: u64,
    /// BLAKE3 of its bytes as they are stored.
    pub digest: ContentDigest,
}

impl Manifest {
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|entry| entry.bytes).sum()
    }
}

/// Why a directory is not backed up or restored. What was there before is untouched.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error(transparent)]
    Directory(#[from] DataDirectoryError),
    #[error("the ledger cannot be copied")]
    Ledger(#[from] LedgerError),
    #[error("{path}: cannot be read or written")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path} exists; a backup is made under a new name")]
    Exists { path: PathBuf },
    #[error("{path} is inside the data directory; a backup belongs on another disk")]
    Inside { path: PathBuf },
    #[error("{path} has something in it; restore into a new or empty data directory")]
    NotEmpty { path: PathBuf },
    #[error("{path}: no backup, expected a directory with manifest.json")]
    NotABackup { path: PathBuf },
    #[error("{path}: not a file or directory; nothing is copied through links")]
    Foreign { path: PathBuf },
    #[error("{path}: {what}; nothing was restored")]
    Changed { path: String, what: &'static str },
}

impl BackupError {
    /// A backup that is not what its manifest says (exit 5), as against one that can't be read (exit 1).
    pub fn is_integrity_failure(&self) -> bool {
        match self {
            BackupError::Changed { .. } => true,
            BackupError::Ledger(error) => error.is_integrity_failure(),
            BackupError::Directory(_)
            | BackupError::Io { .. }
            | BackupError::Exists { .. }
            | BackupError::Inside { .. }
            | BackupError::NotEmpty { .. }
            | BackupError::NotABackup { .. }
            | BackupError::Foreign { .. } => false,
        }
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> BackupError + '_ {
    move |source| BackupError::Io {
        path: path.to_path_buf(),
        source,
    }
}

/// Called as work goes on: bytes done, of how many.
pub type OnProgress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// Copies the data directory to `destination`, which must not exist. Needs no key.
///
/// # Errors
/// [`BackupError`]; then `destination` does not exist.
pub fn backup(config: &Config, destination: &Path, made_at: Timestamp, progress: OnProgress<'_>) -> Result<Manifest, BackupError> {
    let directory = DataDirectory::look_at(&config.service.data_dir)?;
    if destination.symlink_metadata().is_ok() {
        return Err(BackupError::Exists {
            path: destination.to_path_buf(),
        });
    }
    let parent = match destination.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let root = fs::canonicalize(directory.root()).map_err(at(directory.root()))?;
    if fs::canonicalize(parent).map_err(at(parent))?.starts_with(&root) {
        return Err(BackupError::Inside {
            path: destination.to_path_buf(),
        });
    }
    let mut staging = destination.to_path_buf();
    staging.as_mut_os_string().push(format!(".partial-{}", std::process::id()));
    create_directory(&staging).map_err(at(&staging))?;
    let made = fill(&directory, config.phi.key_file.as_deref(), &staging, made_at, progress).and_then(|manifest| {
        fs::rename(&staging, destination).map_err(at(destination))?;
        sync(parent)?;
        Ok(manifest)
    });
    if made.is_err() {
        // Half a backup is none; what stopped it is told, not what tidying up says.
        let _ = fs::remove_dir_all(&staging);
    }
    made
}

fn fill(directory: &DataDirectory, key_file: Option<&Path>, to: &Path, made_at: Timestamp, progress: OnProgress<'_>) -> Result<Manifest, BackupError> {
    let key_file = key_file.and_then(|path| fs::canonicalize(path).ok());
    let mut paths = Vec::new();
    for place in KEPT {
        paths.extend(files_below(directory.root(), Path::new(place))?);
    }
    // Half-written files of a killed process, and a key file that was put among what is kept.
    paths.retain(|path| path.extension().is_none_or(|extension| extension != "tmp"));
    paths.retain(|path| key_file.is_none() || fs::canonicalize(directory.root().join(path)).ok() != key_file);

    let sizes: Vec<u64> = paths
        .iter()
        .map(|path| fs::metadata(directory.root().join(path)).map(|metadata| metadata.len()).map_err(at(path)))
        .collect::<Result<_, _>>()?;
    let ledger_bytes = fs::metadata(directory.ledger()).map_err(at(&directory.ledger()))?.len();
    let (done, all) = (AtomicU64::new(ledger_bytes), ledger_bytes + sizes.iter().sum::<u64>());
    let ledger = private_file(&to.join(LEDGER)).and_then(|options| options.open(to.join(LEDGER)));
    drop(ledger.map_err(at(&to.join(LEDGER)))?);
    let LedgerState {
        schema,
        last_seq,
        key_id,
        generation,
    } = inspection::copy(&directory.ledger(), &to.join(LEDGER), &|pages, of| {
        progress(ledger_bytes / of.max(1) * pages, all);
    })?;
    sync(&to.join(LEDGER))?;
    let mut files: Vec<Entry> = copy_all(directory.root(), to, &paths, &|bytes| {
        progress(done.fetch_add(bytes, Ordering::Relaxed) + bytes, all);
    })?;
    let (bytes, digest) = digest_of(&to.join(LEDGER))?;
    files.push(Entry {
        path: LEDGER.to_string(),
        bytes,
        digest,
    });
    files.sort();
    let manifest = Manifest {
        format: FORMAT.to_string(),
        program: env!("CARGO_PKG_VERSION").to_string(),
        made_at: made_at.to_rfc3339(),
        last_seq,
        generation,
        key_id,
        schema,
        files,
    };
    // Our own values have text keys and no failing parts.
    let text = serde_json::to_vec_pretty(&manifest).unwrap_or_default();
    write_private(&to.join(MANIFEST), &text).map_err(at(&to.join(MANIFEST)))?;
    Ok(manifest)
}

fn changed(path: &str, what: &'static str) -> BackupError {
    BackupError::Changed { path: path.to_string(), what }
}
