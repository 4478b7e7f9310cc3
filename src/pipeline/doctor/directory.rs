//! The data directory itself: modes, space, the key's place, the rule pack.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{Check, Named};
use crate::config::Config;
use crate::intake::data_directory::{DataDirectory, free_bytes};
use crate::limits;
use crate::pipeline::house::rule_pack;
use crate::sealing::Keys;

const MODES: &str = "chmod: directories 0700, files 0600; see which process wrote them otherwise";

/// Nobody else may read: directories 0700, files 0600 or less.
pub(super) fn modes(directory: &DataDirectory) -> Check {
    let mut open = Named::default();
    let mut places = 0u64;
    let mut visit = |path: &Path, mode: u32, is_directory: bool| {
        places += 1;
        let allowed = if is_directory { 0o700 } else { 0o600 };
        if mode & 0o777 & !allowed != 0 {
            open.add(|| format!("{} is {:04o}", path.display(), mode & 0o7777));
        }
    };
    match each_below(directory.root(), &mut visit) {
        Ok(()) if open.count == 0 => Check::ok("data-directory", format!("{places} places, all of them private")),
        Ok(()) => Check::warn(
            "data-directory",
            format!("others may read or change {} of {places} place(s)", open.count),
            MODES,
        )
        .about(open),
        Err(error) => Check::fail(
            "data-directory",
            format!("cannot be listed: {error}"),
            "run doctor as the user that owns the data directory",
        ),
    }
}

/// Every directory and file at and below a path, without following links.
fn each_below(root: &Path, visit: &mut impl FnMut(&Path, u32, bool)) -> io::Result<()> {
    let mut open: Vec<PathBuf> = vec![root.to_path_buf()];
    while let Some(path) = open.pop() {
        let metadata = fs::symlink_metadata(&path)?;
        if metadata.is_symlink() {
            continue;
        }
        visit(&path, metadata.permissions().mode(), metadata.is_dir());
        if metadata.is_dir() {
            for entry in fs::read_dir(&path)? {
                open.push(entry?.path());
            }
        }
    }
    Ok(())
}

pub(super) fn disk(directory: &DataDirectory) -> Check {
    match free_bytes(directory.root()) {
        Err(error) => Check::skipped("disk", format!("free space is not known: {error}")),
        Ok(free) => free_space(free),
    }
}

fn free_space(free: u64) -> Check {
    const GIB: u64 = 1 << 30;
    let message = format!("{}.{} GiB free", free / GIB, free % GIB * 10 / GIB);
    if free < limits::DISK_FREE_BYTES_MIN {
        Check::fail(
            "disk",
            message,
            "make room: a ledger that cannot write stops taking files in, and loses nothing that it has",
        )
    } else {
        Check::ok("disk", message)
    }
}

/// The key opened the ledger; where it lies is worth a word.
pub(super) fn keys(directory: &DataDirectory, config: &Config, keys: &Keys) -> Check {
    let place = match config.phi.key_file.as_deref() {
        Some(path) if !path.starts_with(directory.root()) => "",
        Some(_) | None => "; it lies inside the data directory, where a copied disk has both (good for a trial)",
    };
    Check::ok("keys", format!("key {} opens the ledger{place}", keys.id()))
}

pub(super) fn rules(config: &Config) -> Check {
    match rule_pack(config) {
        Ok(rules) => Check::ok("rules", format!("rule pack {} is usable", rules.digest())),
        Err(error) => Check::fail(
            "rules",
            error.to_string(),
            "correct [rules] dir or the pack; `claimstream config check` says where",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Health;
    use super::*;

    #[test]
    fn a_disk_that_is_full_soon_fails() {
        for (free, health, message) in [
            (0, Health::Fail, "0.0 GiB free"),
            (limits::DISK_FREE_BYTES_MIN - 1, Health::Fail, "0.9 GiB free"),
            (limits::DISK_FREE_BYTES_MIN, Health::Ok, "1.0 GiB free"),
            (5 << 29, Health::Ok, "2.5 GiB free"),
        ] {
            let check = free_space(free);
            assert_eq!((check.health, check.message.as_str()), (health, message));
        }
    }
}
