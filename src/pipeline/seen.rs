//! What earlier decisions left behind: line fingerprints, consumed authorization units, and which decisions
//! were taken back.
//!
//! The lines of the batch being decided and of the latest committed batches are in memory; older ones
//! are in the ledger's sorted runs on disk. Work is sharded by member, and a fingerprint or an
//! authorization row belongs to one member: two threads never ask for the same key, so the locks only
//! guard the maps and the order of decisions does not depend on the number of threads.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use super::house::House;
use super::originals::{Standing, Successor};
use super::services::Services;
use crate::adjudication::determination::UnitsConsumed;
use crate::adjudication::facts::EarlierService;
use crate::adjudication::other_claims::ForLater;
use crate::ids::{ClaimId, Token};
use crate::ledger::claim_index::{ClaimEntry, ClaimIndex, NUMBER_BYTES};
use crate::ledger::line_index::{self, LineEntry, Run, Span};
use crate::ledger::{Ledger, LedgerError, LineFingerprint, Seq};
use crate::limits;
use crate::money::Quantity;
use crate::tables::refdata::authorizations::AuthorizationRow;

const PARTS: usize = 64;

/// Batches after which a claim is asked from the ledger: those that wait for their commit are fewer, for one
/// is being committed and one waits for it.
const BATCHES_IN_MEMORY: u64 = 4;

/// Lines in memory, each with its claim and the number of its batch.
type Lines = HashMap<LineFingerprint, (ClaimId, u64), BuildHasherDefault<FirstBytes>>;

/// Lines and units of every decision so far.
#[derive(Debug)]
pub struct Seen {
    /// Of the batch being decided and of the batches that are not in a run.
    parts: [Mutex<Lines>; PARTS],
    /// The number of the batch being decided.
    batch: AtomicU64,
    /// Decided batches, oldest first, until they are in a run.
    recent: Mutex<VecDeque<Recent>>,
    runs: RwLock<Vec<Run>>,
    units: Mutex<HashMap<AuthorizationRow, Quantity>>,
    /// What is counted over months.
    services: Services,
    /// Where runs are kept; `None`: everything stays in memory.
    directory: Option<PathBuf>,
    /// Claims whose decision was taken back: few.
    reversed: RwLock<HashSet<ClaimId>>,
    /// What came after a decision that was taken back, with the number of its batch, until that is
    /// committed.
    successors: Mutex<HashMap<ClaimId, (Successor, u64)>>,
    /// What the claims of the latest batches leave for later ones, with the number of their batch.
    left: Mutex<HashMap<ClaimId, (ForLater, u64)>>,
    /// Committed batches whose claims are still answered from `left`, each with its first position.
    committed: Mutex<VecDeque<(u64, Seq)>>,
    claims: Mutex<ClaimIndex>,
    /// Claims of batches up to here are committed for good, and asked from the ledger.
    durable: AtomicU64,
    /// A look-up failed; the next batch boundary reports it.
    failed: Mutex<Option<LedgerError>>,
}

#[derive(Debug, Clone, Copy)]
struct Recent {
    batch: u64,
    lines: usize,
    /// Journal position of the batch's first fact, once it is committed.
    committed: Option<Seq>,
}

impl Seen {
    /// Nothing seen yet, nothing kept.
    pub fn empty() -> Seen {
        Seen {
            parts: std::array::from_fn(|_| Mutex::default()),
            batch: AtomicU64::new(1),
            recent: Mutex::default(),
            runs: RwLock::default(),
            units: Mutex::default(),
            services: Services::default(),
            directory: None,
            reversed: RwLock::default(),
            successors: Mutex::default(),
            left: Mutex::default(),
            committed: Mutex::default(),
            claims: Mutex::default(),
            durable: AtomicU64::new(0),
            failed: Mutex::default(),
        }
    }

    /// Opens the runs of the data directory and reads what the ledger has beyond them. As many
    /// authorization rows as are on file have their place from the start: memory does not grow with use.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn load(house: &House) -> Result<Seen, LedgerError> {
        let (ledger, directory) = (&house.ledger, house.directory.index());
        let runs = line_index::open_runs(&directory)?;
        let covered = runs.last().map_or(0, Run::last);
        let mut units = HashMap::with_capacity(house.reference.authorizations.as_ref().map_or(0, |authorizations| authorizations.len()));
        units.extend(ledger.units_used()?);
        let seen = Seen {
            runs: RwLock::new(runs),
            reversed: RwLock::new(ledger.reversed_claims()?.into_iter().collect()),
            claims: Mutex::new(ClaimIndex::kept_in(directory.join("claims"))),
            durable: AtomicU64::new(ledger.last_seq()?),
            directory: Some(directory),
            units: Mutex::new(units),
            services: Services::load(ledger, &house.reference)?,
            ..Seen::empty()
        };
        let mut unread = Ok(());
        ledger.fingerprints(covered, &mut |first, entries| {
            entries.iter().for_each(|(fingerprint, claim)| seen.remember(*fingerprint, *claim));
            if unread.is_ok() {
                unread = seen.batch_decided().and_then(|()| Ok(seen.batch_committed(first)?));
            }
        })?;
        unread?;
        Ok(seen)
    }

    /// The first claim, neither denied nor taken back nor `but` this one, that had this line: the oldest
    /// place is asked first, so the answer does not depend on what has moved to disk.
    pub fn line(&self, fingerprint: &LineFingerprint, but: Option<ClaimId>) -> Option<ClaimId> {
        let stands = |claim: &ClaimId| Some(*claim) != but && !self.is_reversed(claim);
        let runs = self.runs.read().unwrap_or_else(PoisonError::into_inner);
        let on_disk = runs.iter().find_map(|run| {
            run.find(fingerprint, &stands).unwrap_or_else(|error| {
                self.fail(error.into());
                None
            })
        });
        let in_memory = || self.part(fingerprint).get(fingerprint).map(|(claim, _)| *claim);
        on_disk.or_else(|| in_memory().filter(stands))
    }

    /// The claim that has a place, whether it stands or not.
    pub fn holder(&self, place: &LineFingerprint) -> Option<ClaimId> {
        let runs = self.runs.read().unwrap_or_else(PoisonError::into_inner);
        let on_disk = runs.iter().find_map(|run| {
            run.find(place, &|_| true).unwrap_or_else(|error| {
                self.fail(error.into());
                None
            })
        });
        on_disk.or_else(|| self.part(place).get(place).map(|(claim, _)| *claim))
    }

    /// What a claim of the latest batches leaves for later ones; `None`: ask the ledger.
    pub fn left(&self, claim: &ClaimId) -> Option<ForLater> {
        lock(&self.left).get(claim).map(|(left, _)| left.clone())
    }

    pub fn remember_for_later(&self, claim: ClaimId, left: ForLater) {
        let batch = self.batch.load(Ordering::Relaxed);
        lock(&self.left).insert(claim, (left, batch));
    }

    /// Remembers a line of a claim; the first claim keeps it, as long as it stands.
    pub fn remember(&self, fingerprint: LineFingerprint, claim: ClaimId) {
        let batch = self.batch.load(Ordering::Relaxed);
        let mut part = self.part(&fingerprint);
        let first = part.entry(fingerprint).or_insert((claim, batch));
        if first.0 != claim && self.is_reversed(&first.0) {
            *first = (claim, batch);
        }
    }

    pub fn is_reversed(&self, claim: &ClaimId) -> bool {
        self.reversed.read().unwrap_or_else(PoisonError::into_inner).contains(claim)
    }

    /// A decision is taken back: its lines stand no more, and what it took of authorizations is there
    /// again.
    pub fn reverse(&self, original: &Standing, successor: Successor) {
        self.reversed.write().unwrap_or_else(PoisonError::into_inner).insert(original.claim_id);
        let batch = self.batch.load(Ordering::Relaxed);
        lock(&self.successors).insert(original.claim_id, (successor, batch));
        let mut used = lock(&self.units);
        for UnitsConsumed { row, units, .. } in &original.consumed {
            let before = used.entry(*row).or_insert(Quantity::ZERO);
            *before = before.less(*units);
        }
    }

    /// What came after the decision on a claim, where that is not committed yet.
    pub fn successor(&self, claim: &ClaimId) -> Option<Successor> {
        lock(&self.successors).get(claim).map(|(successor, _)| successor.clone())
    }

    /// A claim by the beginning of its id, and where its decision or rejection stands; of the ledger's
    /// batches up to a position.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn decided_claim(&self, beginning: [u8; NUMBER_BYTES], ledger: &impl Ledger, up_to: Seq) -> Result<Option<ClaimEntry>, LedgerError> {
        lock(&self.claims).find(beginning, ledger, self.durable(), up_to)
    }

    /// Claims of the ledger's batches up to here are asked from the ledger, later ones from memory.
    pub fn durable(&self) -> Seq {
        self.durable.load(Ordering::Acquire)
    }

    /// Everything up to here is committed, and nothing is under way.
    pub fn all_is_durable(&self, last: Seq) {
        lock(&self.committed).clear();
        lock(&self.left).clear();
        self.durable.store(last, Ordering::Release);
    }

    /// Claims are asked from the ledger [`BATCHES_IN_MEMORY`] batches after their own was decided: not when it
    /// is committed, so that what the index of claims reads and writes does not depend on who was faster.
    fn let_go(&self, decided: u64) {
        let mut committed = lock(&self.committed);
        let old = committed.partition_point(|(batch, _)| batch + BATCHES_IN_MEMORY <= decided);
        let Some((batch, first)) = committed.drain(..old).next_back() else { return };
        self.durable.fetch_max(first, Ordering::AcqRel);
        lock(&self.left).retain(|_, (_, of_batch)| *of_batch > batch);
    }

    /// A look-up failed: the decisions of the batch must not be committed.
    pub fn fail(&self, error: LedgerError) {
        *lock(&self.failed) = Some(error);
    }

    /// What the member was paid for, of codes that are counted over months, as far as it stands and is not of
    /// `but` this claim.
    pub fn services(&self, member: &Token, but: Option<ClaimId>) -> Vec<EarlierService> {
        let mut services = self.services.of(member);
        services.retain(|service| Some(service.claim) != but && !self.is_reversed(&service.claim));
        services
    }

    pub fn remember_services(&self, member: Token, paid: Vec<EarlierService>) {
        self.services.remember(member, paid);
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
    /// A look-up of the batch that failed; its decisions must not be committed.
    pub fn batch_decided(&self) -> Result<(), LedgerError> {
        let batch = self.batch.fetch_add(1, Ordering::Relaxed);
        let mut recent = lock(&self.recent);
        let before: usize = recent.iter().map(|recent| recent.lines).sum();
        let all: usize = self.parts.iter().map(|part| lock(part).len()).sum();
        recent.push_back(Recent {
            batch,
            lines: all.saturating_sub(before),
            committed: None,
        });
        self.let_go(batch);
        lock(&self.failed).take().map_or(Ok(()), Err)
    }

    /// The oldest uncommitted batch is in the journal, from `first` on. Writes a run when enough lines
    /// are.
    ///
    /// # Errors
    /// I/O.
    pub fn batch_committed(&self, first: Seq) -> io::Result<()> {
        let committed = lock(&self.recent).iter_mut().find(|recent| recent.committed.is_none()).map(|recent| {
            recent.committed = Some(first);
            recent.batch
        });
        if let Some(batch) = committed {
            lock(&self.successors).retain(|_, (_, of_batch)| *of_batch > batch);
            lock(&self.committed).push_back((batch, first));
        }
        self.settle()
    }

    /// Moves the lines of committed batches from memory to disk once they are many.
    fn settle(&self) -> io::Result<()> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let committed: Vec<(Recent, Seq)> = lock(&self.recent).iter().map_while(|recent| recent.committed.map(|at| (*recent, at))).collect();
        let (Some((_, first)), Some((newest, last))) = (committed.first(), committed.last()) else {
            return Ok(());
        };
        if committed.iter().map(|(recent, _)| recent.lines).sum::<usize>() < limits::LINES_IN_MEMORY {
            return Ok(());
        }
        let is_settled = |batch: u64| batch <= newest.batch;
        let mut entries: Vec<LineEntry> = Vec::new();
        for part in &self.parts {
            let lines = lock(part);
            let settled = lines.iter().filter(|(_, (_, batch))| is_settled(*batch));
            entries.extend(settled.map(|(fingerprint, (claim, _))| (*fingerprint, *claim)));
        }
        line_index::sort(&mut entries);
        let after = self.runs.read().unwrap_or_else(PoisonError::into_inner).last().map_or(0, Run::last);
        let span = Span {
            after,
            first: *first,
            last: *last,
        };
        let run = Run::write(directory, span, &entries)?;
        let mut runs = self.runs.write().unwrap_or_else(PoisonError::into_inner);
        runs.push(run);
        line_index::merge_small(directory, &mut runs)?;
        let mut recent = lock(&self.recent);
        recent.drain(..committed.len());
        for part in &self.parts {
            lock(part).retain(|_, (_, batch)| !is_settled(*batch));
        }
        Ok(())
    }

    fn part(&self, fingerprint: &LineFingerprint) -> MutexGuard<'_, Lines> {
        let [.., last] = fingerprint;
        let [zeroth, others @ ..] = &self.parts;
        lock(others.get(usize::from(*last) % PARTS).unwrap_or(zeroth))
    }
}

/// A fingerprint is a keyed hash: some bytes of it are the hash.
#[derive(Debug, Default)]
struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    // The length of the array, which is always the same.
    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        // Three batches make a run: two runs, and one batch that stays in memory.
        let lines = limits::LINES_IN_MEMORY as u32 / 3 + 1;
        for batch in 0..7 {
            for line in 0..lines {
                seen.remember(fingerprint(batch * lines + line), ClaimId::from_bytes([batch as u8; 16]));
            }
            seen.remember(fingerprint(0), ClaimId::from_bytes([0xff; 16]));
            seen.batch_decided().unwrap();
            seen.batch_committed(u64::from(batch) * 100 + 1).unwrap();
        }
        assert_eq!(seen.runs.read().unwrap().len(), 2);
        assert_eq!(lock(&seen.recent).len(), 1);
        for line in 0..lines * 7 {
            assert_eq!(
                seen.line(&fingerprint(line), None),
                Some(ClaimId::from_bytes([(line / lines) as u8; 16])),
                "{line}"
            );
        }
        assert_eq!(seen.line(&fingerprint(lines * 7), None), None);
    }
}
