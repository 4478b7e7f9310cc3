//! Files from one directory to another, with their digests, on the disk.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::{BackupError, Entry, at};
use crate::durable::{create_directory, private_file};
use crate::ids::ContentDigest;
use crate::limits;

/// Files below `root/below`, as paths below `root`, sorted.
pub(super) fn files_below(root: &Path, below: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let (mut files, mut open) = (Vec::new(), vec![below.to_path_buf()]);
    while let Some(relative) = open.pop() {
        let path = root.join(&relative);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(at(&path)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(at(&path))?;
            let kind = entry.file_type().map_err(at(&path))?;
            let name = relative.join(entry.file_name());
            match (kind.is_dir(), kind.is_file()) {
                (true, _) => open.push(name),
                (_, true) => files.push(name),
                (false, false) => return Err(BackupError::Foreign { path: root.join(name) }),
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Copies files to the same places below another directory, all of them on the disk when it returns, and
/// gives their digests in the same order.
pub(super) fn copy_all(from: &Path, to: &Path, paths: &[PathBuf], step: &(dyn Fn(u64) + Sync)) -> Result<Vec<Entry>, BackupError> {
    let directories: BTreeSet<PathBuf> = paths
        .iter()
        .filter_map(|path| path.parent())
        .flat_map(Path::ancestors)
        .map(|path| to.join(path))
        .collect();
    directories
        .iter()
        .try_for_each(|directory| create_directory(directory).map_err(at(directory)))?;
    let entries = paths
        .par_iter()
        .map(|path| {
            let (source, target) = (from.join(path), to.join(path));
            let mut input = File::open(&source).map_err(at(&source))?;
            let mut output = private_file(&target).and_then(|options| options.open(&target)).map_err(at(&target))?;
            let (bytes, digest) = copy(&mut input, &mut output, step).map_err(at(&target))?;
            output.sync_all().map_err(at(&target))?;
            Ok(Entry {
                path: path.display().to_string(),
                bytes,
                digest,
            })
        })
        .collect::<Result<Vec<Entry>, BackupError>>()?;
    directories.par_iter().try_for_each(|directory| sync(directory))?;
    Ok(entries)
}

fn copy(input: &mut dyn Read, output: &mut dyn Write, step: &dyn Fn(u64)) -> io::Result<(u64, ContentDigest)> {
    let (mut hasher, mut buffer, mut bytes) = (blake3::Hasher::new(), vec![0; limits::READ_BYTES], 0);
    loop {
        let count = match input.read(&mut buffer) {
            Ok(0) => return Ok((bytes, ContentDigest::from_bytes(*hasher.finalize().as_bytes()))),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let read = buffer.get(..count).unwrap_or_default();
        hasher.update(read);
        output.write_all(read)?;
        bytes += count as u64;
        step(count as u64);
    }
}

pub(super) fn digest_of(path: &Path) -> Result<(u64, ContentDigest), BackupError> {
    let mut file = File::open(path).map_err(at(path))?;
    copy(&mut file, &mut io::sink(), &|_| {}).map_err(at(path))
}

pub(super) fn sync(path: &Path) -> Result<(), BackupError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(at(path))
}
