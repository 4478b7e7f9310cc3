//! What earlier decisions left behind: line fingerprints and consumed authorization units.
//!
//! The lines of the batch being decided and of the latest committed batches are in memory; older ones
//! are in the ledger's sorted runs on disk. Work is sharded by member, and a fingerprint or an
//! authorization row belongs to one member: two threads never ask for the same key, so the locks only
//! guard the maps and the order of decisions does not depend on the number of threads.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::ids::ClaimId;
use crate::ledger::line_index::{self, LineEntry, Run};
use crate::ledger::{Ledger, LedgerError, LineFingerprint, Seq};
use crate::limits;
use crate::money::Quantity;
use crate::tables::refdata::authorizations::AuthorizationRow;

const PARTS: usize = 64;

type Lines = HashMap<LineFingerprint, ClaimId>;

/// Lines and units of every decision so far.
#[derive(Debug)]
pub struct Seen {
    /// Of the batch being decided.
    current: [Mutex<Lines>; PARTS],
    /// Of decided batches, oldest first, until they are in a run.
    recent: RwLock<VecDeque<Recent>>,
    runs: RwLock<Vec<Run>>,
    units: Mutex<HashMap<AuthorizationRow, Quantity>>,
    /// Where runs are kept; `None`: everything stays in memory.
    directory: Option<PathBuf>,
    /// A look-up on disk failed; the next batch boundary reports it.
    failed: Mutex<Option<io::Error>>,
}

#[derive(Debug)]
struct Recent {
    lines: Arc<Lines>,
    /// Journal positions of the batch, once it is committed.
    committed: Option<(Seq, Seq)>,
}

impl Seen {
    /// Nothing seen yet, nothing kept.
    pub fn empty() -> Seen {
        Seen {
            current: std::array::from_fn(|_| Mutex::default()),
            recent: RwLock::default(),
            runs: RwLock::default(),
            units: Mutex::default(),
            directory: None,
            failed: Mutex::default(),
        }
    }

    /// Opens the runs of `directory` and reads what the ledger has beyond them.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn load(ledger: &impl Ledger, directory: &Path) -> Result<Seen, LedgerError> {
        let runs = line_index::open_runs(directory)?;
        let covered = runs.last().map_or(0, Run::last);
        let mut seen = Seen {
            runs: RwLock::new(runs),
            directory: Some(directory.to_path_buf()),
            ..Seen::empty()
        };
        let mut unread = Ok(());
        ledger.fingerprints(covered, &mut |first, entries| {
            let lines = Arc::new(entries.iter().copied().collect::<Lines>());
            write(&seen.recent).push_back(Recent {
                lines,
                committed: Some((first, first)),
            });
            let settled = seen.settle();
            if unread.is_ok() {
                unread = settled;
            }
        })?;
        unread?;
        seen.units = Mutex::new(ledger.units_used()?.into_iter().collect());
        Ok(seen)
    }

    /// The first claim, not denied, that had this line: the oldest place is asked first, so the answer
    /// does not depend on what has moved to disk.
    pub fn line(&self, fingerprint: &LineFingerprint) -> Option<ClaimId> {
        let on_disk = read(&self.runs).iter().find_map(|run| {
            run.find(fingerprint).unwrap_or_else(|error| {
                *lock(&self.failed) = Some(error);
                None
            })
        });
        on_disk
            .or_else(|| read(&self.recent).iter().find_map(|recent| recent.lines.get(fingerprint)).copied())
            .or_else(|| self.part(fingerprint).get(fingerprint).copied())
    }

    /// Remembers a line of a claim; the first claim keeps it.
    pub fn remember(&self, fingerprint: LineFingerprint, claim: ClaimId) {
        self.part(&fingerprint).entry(fingerprint).or_insert(claim);
    }

    /// Units that decisions have taken from an authorization row.
    pub fn units_used(&self, row: AuthorizationRow) -> Quantity {
        lock(&self.units).get(&row).copied().unwrap_or(Quantity::ZERO)
    }

    pub fn consume(&self, row: AuthorizationRow, units: Quantity) {
        let mut used = lock(&self.units);
        let before = used.entry(row).or_insert(Quantity::ZERO);
        *before = *before + units;
    }

    /// A batch was decided: its lines wait for their commit.
    ///
    /// # Errors
    /// A look-up of the batch that failed on disk; its decisions must not be committed.
    pub fn batch_decided(&self) -> io::Result<()> {
        let lines: Lines = self.current.iter().flat_map(|part| std::mem::take(&mut *lock(part))).collect();
        write(&self.recent).push_back(Recent {
            lines: Arc::new(lines),
            committed: None,
        });
        lock(&self.failed).take().map_or(Ok(()), Err)
    }

    /// The oldest uncommitted batch is in the journal, from `first` on. Writes a run when enough
    /// batches are.
    ///
    /// # Errors
    /// I/O.
    pub fn batch_committed(&self, first: Seq) -> io::Result<()> {
        if let Some(recent) = write(&self.recent).iter_mut().find(|recent| recent.committed.is_none()) {
            recent.committed = Some((first, first));
        }
        self.settle()
    }

    /// Moves the committed batches from memory to disk once they are many.
    fn settle(&self) -> io::Result<()> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let committed: Vec<(Arc<Lines>, Seq, Seq)> = read(&self.recent)
            .iter()
            .map_while(|recent| recent.committed.map(|(first, last)| (recent.lines.clone(), first, last)))
            .collect();
        let (Some((_, first, _)), Some((_, _, last))) = (committed.first(), committed.last()) else {
            return Ok(());
        };
        if committed.len() < limits::LINE_BATCHES_IN_MEMORY {
            return Ok(());
        }
        // Older batches come first, and sorting is stable: of equal lines the first claim stays.
        let mut entries: Vec<LineEntry> = committed
            .iter()
            .flat_map(|(lines, ..)| lines.iter().map(|(fingerprint, claim)| (*fingerprint, *claim)))
            .collect();
        line_index::sort(&mut entries);
        let after = read(&self.runs).last().map_or(0, Run::last);
        let run = Run::write(directory, (after, *first, *last), &entries)?;
        let mut runs = write(&self.runs);
        runs.push(run);
        line_index::merge_small(directory, &mut runs)?;
        write(&self.recent).drain(..committed.len());
        Ok(())
    }

    fn part(&self, fingerprint: &LineFingerprint) -> MutexGuard<'_, Lines> {
        let [first, ..] = fingerprint;
        let [zeroth, others @ ..] = &self.current;
        lock(others.get(usize::from(*first) % PARTS).unwrap_or(zeroth))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read<T>(shared: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    shared.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(shared: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    shared.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(number: u32) -> LineFingerprint {
        let hash = *blake3::hash(&number.to_be_bytes()).as_bytes();
        let mut fingerprint = [0; 16];
        fingerprint.copy_from_slice(&hash[..16]);
        fingerprint
    }

    #[test]
    fn a_line_is_found_wherever_it_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let seen = Seen {
            directory: Some(directory.path().to_path_buf()),
            ..Seen::empty()
        };
        let batches = limits::LINE_BATCHES_IN_MEMORY as u32 * 2 + 3;
        for batch in 0..batches {
            for line in 0..10 {
                seen.remember(fingerprint(batch * 10 + line), ClaimId::from_bytes([batch as u8; 16]));
            }
            seen.remember(fingerprint(0), ClaimId::from_bytes([0xff; 16]));
            seen.batch_decided().unwrap();
            seen.batch_committed(u64::from(batch) * 100 + 1).unwrap();
        }
        assert_eq!(read(&seen.runs).len(), 2);
        assert_eq!(read(&seen.recent).len(), 3);
        for line in 0..batches * 10 {
            assert_eq!(seen.line(&fingerprint(line)), Some(ClaimId::from_bytes([(line / 10) as u8; 16])), "{line}");
        }
        assert_eq!(seen.line(&fingerprint(batches * 10)), None);
    }
}
