//! Older line fingerprints on disk: immutable sorted runs with a filter each, so that memory does not
//! grow with the lines ever seen (nine bits a line) and a look-up costs no disk access when the line is
//! new.
//!
//! Everything here can be rebuilt from the ledger's own runs: a file that is missing, cut or of another
//! version is left out, and its lines are read from the ledger again.
//!
//! ```text
//! file    "CLSTRUN1" · sequence before · first · last · entries · filter bytes   (8 bytes each, big-endian)
//!         filter · entries of 32 bytes, sorted: 16 fingerprint, 16 claim id
//! ```

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use xorf::{BinaryFuse8, Filter};

use super::{LineFingerprint, Seq};
use crate::durable::{private_file, publish};
use crate::ids::ClaimId;
use crate::limits;

const MAGIC: &[u8; 8] = b"CLSTRUN1";
const HEADER_BYTES: usize = 48;
const ENTRY_BYTES: usize = 32;

/// A fingerprint and the claim that had it first.
pub type LineEntry = (LineFingerprint, ClaimId);

/// One sorted run on disk.
#[derive(Debug)]
pub struct Run {
    path: PathBuf,
    file: File,
    /// The last position of the run before it, and the positions of its own first and last batch: runs
    /// form a chain, so a lost one is noticed.
    after: Seq,
    first: Seq,
    last: Seq,
    entries: u64,
    entries_at: u64,
    filter: BinaryFuse8,
}

impl Run {
    /// Writes sorted, deduplicated entries as a run; durable when it returns.
    ///
    /// # Errors
    /// I/O.
    pub fn write(directory: &Path, (after, first, last): (Seq, Seq, Seq), entries: &[LineEntry]) -> io::Result<Run> {
        let keys: Vec<u64> = {
            let mut keys: Vec<u64> = entries.iter().map(|(fingerprint, _)| key(fingerprint)).collect();
            keys.sort_unstable();
            keys.dedup();
            keys
        };
        let filter = BinaryFuse8::try_from(&keys).map_err(io::Error::other)?;
        let filter_bytes = postcard::to_stdvec(&(&filter.descriptor, &*filter.fingerprints)).map_err(io::Error::other)?;
        let path = directory.join(format!("lines-{first:016x}.run"));
        let temporary = path.with_extension("tmp");
        let mut out = BufWriter::new(private_file(&temporary)?.truncate(true).open(&temporary)?);
        out.write_all(MAGIC)?;
        for number in [after, first, last, entries.len() as u64, filter_bytes.len() as u64] {
            out.write_all(&number.to_be_bytes())?;
        }
        out.write_all(&filter_bytes)?;
        for (fingerprint, claim) in entries {
            out.write_all(fingerprint)?;
            out.write_all(claim.as_bytes())?;
        }
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        publish(&temporary, &path)?;
        let entries_at = (HEADER_BYTES + filter_bytes.len()) as u64;
        Ok(Run {
            file: File::open(&path)?,
            path,
            after,
            first,
            last,
            entries: entries.len() as u64,
            entries_at,
            filter,
        })
    }

    /// Opens a run; `None` when it is not a whole one of this version.
    fn open(path: &Path) -> io::Result<Option<Run>> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut header = [0; HEADER_BYTES];
        if length < HEADER_BYTES as u64 {
            return Ok(None);
        }
        file.read_exact_at(&mut header, 0)?;
        let (magic, numbers) = header.split_at(MAGIC.len());
        let [after, first, last, entries, filter_bytes] = *numbers.as_chunks::<8>().0 else {
            return Ok(None);
        };
        let [after, first, last, entries, filter_bytes] = [after, first, last, entries, filter_bytes].map(u64::from_be_bytes);
        let whole = filter_bytes
            .checked_add(HEADER_BYTES as u64)
            .and_then(|at| at.checked_add(entries.checked_mul(ENTRY_BYTES as u64)?));
        if magic != MAGIC || whole != Some(length) {
            return Ok(None);
        }
        let mut filter = vec![0; usize::try_from(filter_bytes).unwrap_or(0)];
        file.read_exact_at(&mut filter, HEADER_BYTES as u64)?;
        let Ok((descriptor, fingerprints)) = postcard::from_bytes(&filter) else {
            return Ok(None);
        };
        let filter = BinaryFuse8 { descriptor, fingerprints };
        Ok(Some(Run {
            path: path.to_path_buf(),
            file,
            after,
            first,
            last,
            entries,
            entries_at: HEADER_BYTES as u64 + filter_bytes,
            filter,
        }))
    }

    /// The claim that had this line, if one of the run did.
    ///
    /// # Errors
    /// I/O.
    pub fn find(&self, fingerprint: &LineFingerprint) -> io::Result<Option<ClaimId>> {
        if !self.filter.contains(&key(fingerprint)) {
            return Ok(None);
        }
        let (mut low, mut high) = (0, self.entries);
        while low < high {
            let middle = low + (high - low) / 2;
            let (found, claim) = self.entry(middle)?;
            match found.cmp(fingerprint) {
                std::cmp::Ordering::Equal => return Ok(Some(claim)),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }

    fn entry(&self, place: u64) -> io::Result<LineEntry> {
        let mut entry = [0; ENTRY_BYTES];
        self.file.read_exact_at(&mut entry, self.entries_at + place * ENTRY_BYTES as u64)?;
        Ok(split(&entry))
    }

    fn read_all(&self) -> io::Result<Vec<LineEntry>> {
        let mut bytes = vec![0; usize::try_from(self.entries).unwrap_or(0) * ENTRY_BYTES];
        self.file.read_exact_at(&mut bytes, self.entries_at)?;
        Ok(bytes.as_chunks::<ENTRY_BYTES>().0.iter().map(split).collect())
    }

    /// Last journal position whose lines are in it.
    pub fn last(&self) -> Seq {
        self.last
    }
}

/// Opens the runs of a directory in journal order, up to the first gap; what lies behind a gap is
/// removed, and read from the ledger again.
///
/// # Errors
/// I/O.
pub fn open_runs(directory: &Path) -> io::Result<Vec<Run>> {
    let mut runs = Vec::new();
    for file in fs::read_dir(directory)? {
        let path = file?.path();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("run") => match Run::open(&path)? {
                Some(run) => runs.push(run),
                None => fs::remove_file(&path)?,
            },
            Some("tmp") => fs::remove_file(&path)?,
            _ => {}
        }
    }
    // A merged run and its parts may both be there after a crash: the wider one holds the parts.
    runs.sort_by_key(|run| (run.first, u64::MAX - run.last));
    let mut kept: Vec<Run> = Vec::new();
    for run in runs {
        let before = kept.last().map_or(0, |before| before.last);
        if run.after == before && run.last > before {
            kept.push(run);
        } else {
            fs::remove_file(&run.path)?;
        }
    }
    Ok(kept)
}

/// Puts the last runs together while they are many and small, so that a look-up asks few filters.
///
/// # Errors
/// I/O; the parts stay until the merged run is durable.
pub fn merge_small(directory: &Path, runs: &mut Vec<Run>) -> io::Result<()> {
    let small = runs.iter().rev().take_while(|run| run.entries < limits::LINE_RUN_MERGED_MIN).count();
    if small < limits::LINE_RUNS_SMALL_MAX {
        return Ok(());
    }
    let parts = runs.split_off(runs.len() - small);
    let mut entries = Vec::new();
    for part in &parts {
        entries.extend(part.read_all()?);
    }
    sort(&mut entries);
    let (Some(oldest), Some(newest)) = (parts.first(), parts.last()) else {
        return Ok(());
    };
    let first = oldest.first;
    runs.push(Run::write(directory, (oldest.after, first, newest.last), &entries)?);
    for part in parts.iter().filter(|part| part.first != first) {
        fs::remove_file(&part.path)?;
    }
    Ok(())
}

/// Sorts entries; of equal fingerprints the first claim stays.
pub fn sort(entries: &mut Vec<LineEntry>) {
    entries.sort_by_key(|(fingerprint, _)| *fingerprint);
    entries.dedup_by_key(|(fingerprint, _)| *fingerprint);
}

/// The fingerprint is a keyed hash, so any eight bytes of it are as good a filter key as a hash of it.
fn key(fingerprint: &LineFingerprint) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *fingerprint;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// An entry as it is stored: 16 bytes of fingerprint, 16 of claim id.
pub(super) fn split(entry: &[u8; ENTRY_BYTES]) -> LineEntry {
    let (mut fingerprint, mut claim) = ([0; 16], [0; 16]);
    fingerprint.iter_mut().chain(&mut claim).zip(entry).for_each(|(to, from)| *to = *from);
    (fingerprint, ClaimId::from_bytes(claim))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u64) -> LineEntry {
        let hash = *blake3::hash(&number.to_be_bytes()).as_bytes();
        let mut fingerprint = [0; 16];
        fingerprint.copy_from_slice(&hash[..16]);
        let mut claim = [0; 16];
        claim[8..].copy_from_slice(&number.to_be_bytes());
        (fingerprint, ClaimId::from_bytes(claim))
    }

    fn entries(numbers: std::ops::Range<u64>) -> Vec<LineEntry> {
        let mut entries: Vec<LineEntry> = numbers.map(entry).collect();
        sort(&mut entries);
        entries
    }

    #[test]
    fn a_run_finds_what_it_has_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        Run::write(directory.path(), (0, 1, 10), &entries(0..5_000)).unwrap();
        let runs = open_runs(directory.path()).unwrap();
        for number in 0..10_000 {
            let (fingerprint, claim) = entry(number);
            let found = runs[0].find(&fingerprint).unwrap();
            assert_eq!(found, (number < 5_000).then_some(claim), "{number}");
        }
    }

    #[test]
    fn small_runs_are_merged_and_the_first_claim_stays() {
        let directory = tempfile::tempdir().unwrap();
        let mut runs = Vec::new();
        for part in 0..limits::LINE_RUNS_SMALL_MAX as u64 {
            let mut entries = entries(part * 100..part * 100 + 100);
            entries.push((entry(0).0, ClaimId::from_bytes([part as u8 + 1; 16])));
            if part == 0 {
                entries.pop();
            }
            sort(&mut entries);
            runs.push(Run::write(directory.path(), (part * 10, part * 10 + 1, part * 10 + 10), &entries).unwrap());
            merge_small(directory.path(), &mut runs).unwrap();
        }
        assert_eq!(runs.len(), 1);
        assert_eq!(runs[0].find(&entry(0).0).unwrap(), Some(entry(0).1));
        let reopened = open_runs(directory.path()).unwrap();
        assert_eq!((reopened.len(), reopened[0].last()), (1, limits::LINE_RUNS_SMALL_MAX as u64 * 10));
    }

    #[test]
    fn what_follows_a_lost_run_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        for part in 0..3 {
            Run::write(directory.path(), (part * 10, part * 10 + 1, part * 10 + 10), &entries(part..part + 1)).unwrap();
        }
        fs::remove_file(directory.path().join(format!("lines-{:016x}.run", 11))).unwrap();
        let runs = open_runs(directory.path()).unwrap();
        assert_eq!(runs.iter().map(Run::last).collect::<Vec<_>>(), [10]);
    }

    #[test]
    fn a_cut_run_is_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let run = Run::write(directory.path(), (0, 1, 10), &entries(0..100)).unwrap();
        let path = run.path.clone();
        let length = fs::metadata(&path).unwrap().len();
        File::options().write(true).open(&path).unwrap().set_len(length - 1).unwrap();
        assert!(open_runs(directory.path()).unwrap().is_empty());
        assert!(!path.exists());
    }
}
