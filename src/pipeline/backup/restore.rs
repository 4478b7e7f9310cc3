//! The way back: compared with its manifest first, and complete or not there.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::copying::{copy_all, digest_of, files_below, sync};
use super::{BackupError, FORMAT, LEDGER, MANIFEST, Manifest, OnProgress, at, changed};
use crate::config::Config;
use crate::durable::create_directory;
use crate::intake::data_directory::{self, KEPT};
use crate::ledger::inspection;

/// Where a restore puts things before it is sure of them; its left-overs are our own.
const STAGE: &str = "restore.tmp";

/// What may stand in a directory that is restored into: keys come another way, and a disk has its own.
const NOT_IN_THE_WAY: [&str; 4] = ["keys", "lock", "lost+found", STAGE];

/// Puts a backup into the configured data directory, which must be missing or empty. Every digest is
/// compared before the first byte is written, and again while it is.
///
/// # Errors
/// [`BackupError`]; then the data directory has nothing of it under its name.
pub fn restore(config: &Config, source: &Path, progress: OnProgress<'_>) -> Result<Manifest, BackupError> {
    let root = &config.service.data_dir;
    let manifest = read_manifest(source)?;
    require_empty(root)?;
    let (done, all) = (AtomicU64::new(0), 2 * manifest.bytes());
    let step = |bytes| progress(done.fetch_add(bytes, Ordering::Relaxed) + bytes, all);
    verify(source, &manifest, &step)?;

    create_directory(root).map_err(at(root))?;
    let _lock = data_directory::lock(root)?;
    // Now nobody else can begin here; somebody may have before.
    require_empty(root)?;
    let stage = root.join(STAGE);
    if stage.exists() {
        fs::remove_dir_all(&stage).map_err(at(&stage))?;
    }
    create_directory(&stage).map_err(at(&stage))?;
    let restored = put(source, &stage, root, &manifest, &step);
    let _ = fs::remove_dir_all(&stage);
    restored.map(|()| manifest)
}

fn put(source: &Path, stage: &Path, root: &Path, manifest: &Manifest, step: &(dyn Fn(u64) + Sync)) -> Result<(), BackupError> {
    let paths: Vec<PathBuf> = manifest.files.iter().map(|entry| PathBuf::from(&entry.path)).collect();
    let copied = copy_all(source, stage, &paths, step)?;
    if let Some((entry, _)) = manifest.files.iter().zip(&copied).find(|(entry, copied)| entry != copied) {
        return Err(changed(&entry.path, "changed while it was restored"));
    }
    // The ledger last: without it there is no data directory.
    for place in KEPT.into_iter().chain([LEDGER]) {
        let (from, to) = (stage.join(place), root.join(place));
        if from.exists() {
            fs::rename(&from, &to).map_err(at(&to))?;
        }
    }
    sync(root)
}

fn read_manifest(source: &Path) -> Result<Manifest, BackupError> {
    let path = source.join(MANIFEST);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(BackupError::NotABackup { path: source.to_path_buf() }),
        Err(error) => return Err(at(&path)(error)),
    };
    let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|_| changed(MANIFEST, "is no manifest"))?;
    if manifest.format != FORMAT {
        return Err(changed(MANIFEST, "is of a format that this program does not know"));
    }
    let is_ours = |path: &str| {
        let mut parts = Path::new(path).components();
        let first = parts.next();
        let place = matches!(first, Some(Component::Normal(name)) if KEPT.iter().any(|kept| name == *kept));
        path == LEDGER || (place && parts.all(|part| matches!(part, Component::Normal(_))))
    };
    match manifest.files.iter().find(|entry| !is_ours(&entry.path)) {
        Some(_) => Err(changed(MANIFEST, "names a file outside of what a backup holds")),
        None => Ok(manifest),
    }
}

/// Every file as the manifest has it, no other file beside them, and a ledger that says the same of itself.
fn verify(source: &Path, manifest: &Manifest, step: &(dyn Fn(u64) + Sync)) -> Result<(), BackupError> {
    let named: BTreeSet<PathBuf> = manifest.files.iter().map(|entry| PathBuf::from(&entry.path)).collect();
    let found: BTreeSet<PathBuf> = files_below(source, Path::new(""))?
        .into_iter()
        .filter(|path| path != Path::new(MANIFEST))
        .collect();
    if let Some(missing) = named.difference(&found).next() {
        return Err(changed(&missing.display().to_string(), "is missing"));
    }
    if let Some(other) = found.difference(&named).next() {
        return Err(changed(&other.display().to_string(), "is not in the manifest"));
    }
    manifest.files.par_iter().try_for_each(|entry| {
        let (bytes, digest) = digest_of(&source.join(&entry.path))?;
        step(bytes);
        if (bytes, digest) == (entry.bytes, entry.digest) {
            Ok(())
        } else {
            Err(changed(&entry.path, "is not as it was backed up"))
        }
    })?;
    let state = inspection::state(&source.join(LEDGER))?;
    if (state.last_seq, state.schema, &state.key_id, &state.generation) != (manifest.last_seq, manifest.schema, &manifest.key_id, &manifest.generation) {
        return Err(changed(LEDGER, "is another ledger than the manifest says"));
    }
    Ok(())
}

fn require_empty(root: &Path) -> Result<(), BackupError> {
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(at(root)(error)),
    };
    for entry in entries {
        let name = entry.map_err(at(root))?.file_name();
        if !NOT_IN_THE_WAY.iter().any(|allowed| name == *allowed) {
            return Err(BackupError::NotEmpty { path: root.to_path_buf() });
        }
    }
    Ok(())
}
