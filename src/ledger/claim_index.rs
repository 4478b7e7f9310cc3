//! Where the decision of a payer's claim number stands: sorted runs of claim ids, asked for replacements
//! and voids only.
//!
//! The number is the beginning of the claim's id. Nobody writes this index while claims are decided: it
//! is read from the ledger's own runs when the first number is asked for, and kept on disk from there on.

use std::path::PathBuf;

use super::line_index::{self, Run, Span};
use super::{Ledger, LedgerError, Seq};
use crate::durable::create_directory;
use crate::ids::ClaimId;
use crate::limits;

/// A claim and where its decision or rejection stands.
pub type ClaimEntry = (ClaimId, Seq);

pub use crate::ids::NUMBER_BYTES;

/// Claims by the beginning of their ids.
#[derive(Debug, Default)]
pub struct ClaimIndex {
    /// `None`: everything stays in memory.
    directory: Option<PathBuf>,
    /// `None`: not opened yet.
    runs: Option<Vec<Run>>,
    /// Batches that are in no run, oldest first, each sorted.
    batches: Vec<(Seq, Vec<ClaimEntry>)>,
    /// The last batch that was read.
    read_to: Seq,
}

impl ClaimIndex {
    pub fn kept_in(directory: PathBuf) -> ClaimIndex {
        ClaimIndex {
            directory: Some(directory),
            ..ClaimIndex::default()
        }
    }

    /// Where the newest entry of the claim with this beginning stands, of the batches that begin up to
    /// `up_to`. Those up to `durable` may be written to disk.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn find(&mut self, beginning: [u8; NUMBER_BYTES], ledger: &impl Ledger, durable: Seq, up_to: Seq) -> Result<Option<ClaimEntry>, LedgerError> {
        self.catch_up(ledger, durable, up_to)?;
        let begins = |claim: &ClaimId| claim.as_bytes().split_at(NUMBER_BYTES).0.cmp(&beginning[..]);
        for (_, claims) in self.batches.iter().rev() {
            if let Ok(place) = claims.binary_search_by(|(claim, _)| begins(claim)) {
                return Ok(claims.get(place).copied());
            }
        }
        for run in self.runs.iter().flatten().rev() {
            if let Some((claim, seq)) = run.find_beginning(&beginning)? {
                return Ok(Some((ClaimId::from_bytes(claim), seq_of(&seq))));
            }
        }
        Ok(None)
    }

    fn catch_up(&mut self, ledger: &impl Ledger, durable: Seq, up_to: Seq) -> Result<(), LedgerError> {
        if self.runs.is_none() {
            let runs = match &self.directory {
                Some(directory) => {
                    create_directory(directory)?;
                    line_index::open_runs(directory)?
                }
                None => Vec::new(),
            };
            self.read_to = runs.last().map_or(0, Run::last);
            self.runs = Some(runs);
        }
        let mut written = Ok(());
        let mut entries: usize = self.batches.iter().map(|(_, claims)| claims.len()).sum();
        let after = self.read_to;
        ledger.claims_between(after, up_to, &mut |first, claims| {
            entries += claims.len();
            self.batches.push((first, claims));
            self.read_to = first;
            // Millions of claims are read in pieces: no more is in memory than what a run takes.
            if entries >= limits::LINES_IN_MEMORY && written.is_ok() {
                written = self.settle(durable);
                entries = self.batches.iter().map(|(_, claims)| claims.len()).sum();
            }
        })?;
        written
    }

    /// Writes the batches up to `durable` as a run.
    fn settle(&mut self, durable: Seq) -> Result<(), LedgerError> {
        let (Some(directory), Some(runs)) = (&self.directory, &mut self.runs) else {
            return Ok(());
        };
        let settled = self.batches.partition_point(|(first, _)| *first <= durable);
        let of_run = self.batches.get(..settled).unwrap_or_default();
        let (Some((first, _)), Some((last, _))) = (of_run.first(), of_run.last()) else {
            return Ok(());
        };
        let span = Span {
            after: runs.last().map_or(0, Run::last),
            first: *first,
            last: *last,
        };
        let of_entry = |(claim, seq): &ClaimEntry| (*claim.as_bytes(), ClaimId::from_bytes(u128::from(*seq).to_be_bytes()));
        let mut entries: Vec<line_index::LineEntry> = of_run.iter().flat_map(|(_, claims)| claims).map(of_entry).collect();
        entries.sort_unstable_by(|(one, one_seq), (other, other_seq)| (one, one_seq.as_bytes()).cmp(&(other, other_seq.as_bytes())));
        runs.push(Run::write(directory, span, &entries)?);
        line_index::merge_small(directory, runs)?;
        self.batches.drain(..settled);
        Ok(())
    }
}

/// A position in the place of a claim id.
fn seq_of(place: &ClaimId) -> Seq {
    Seq::try_from(u128::from_be_bytes(*place.as_bytes())).unwrap_or(Seq::MAX)
}

/// An entry of the ledger's runs: 16 bytes of claim id, 8 of position.
pub(super) fn split(entry: &[u8; 24]) -> ClaimEntry {
    let (mut claim, mut seq) = ([0; 16], [0; 8]);
    claim.iter_mut().chain(&mut seq).zip(entry).for_each(|(to, from)| *to = *from);
    (ClaimId::from_bytes(claim), Seq::from_be_bytes(seq))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::sqlite::SqliteLedger;
    use crate::sealing::Keys;

    fn claim(number: u64) -> ClaimId {
        let mut id = [0; 16];
        id.iter_mut()
            .zip(blake3::hash(&number.to_be_bytes()).as_bytes())
            .for_each(|(to, from)| *to = *from);
        ClaimId::from_bytes(id)
    }

    fn beginning(claim: &ClaimId) -> [u8; NUMBER_BYTES] {
        claim.as_bytes()[..NUMBER_BYTES].try_into().unwrap()
    }

    /// Batches of a thousand claims, as a ledger has them.
    fn with_batches(index: &mut ClaimIndex, ledger: &SqliteLedger, batches: std::ops::Range<u64>, durable: u64) {
        index.catch_up(ledger, durable, Seq::MAX).unwrap();
        for batch in batches {
            let first = batch * 1_000 + 1;
            let mut claims: Vec<ClaimEntry> = (first..first + 1_000).map(|seq| (claim(seq), seq)).collect();
            claims.sort_unstable();
            index.batches.push((first, claims));
            index.read_to = first;
        }
        index.settle(durable).unwrap();
    }

    #[test]
    fn every_claim_is_found_in_memory_and_on_disk() {
        let directory = tempfile::tempdir().unwrap();
        let keys = Keys::parse(&Keys::generate().unwrap()).unwrap();
        let ledger = SqliteLedger::open(&directory.path().join("ledger.db"), &keys).unwrap();
        let runs = directory.path().join("claims");
        let mut index = ClaimIndex::kept_in(runs.clone());
        // What is not durable stays in memory.
        with_batches(&mut index, &ledger, 0..20, 15_001);
        assert_eq!((index.batches.len(), index.runs.as_ref().unwrap().len()), (4, 1));
        let mut memory = ClaimIndex::default();
        with_batches(&mut memory, &ledger, 0..20, 20_000);
        for index in [&mut index, &mut memory] {
            for seq in (1..=20_000).step_by(7) {
                let found = index.find(beginning(&claim(seq)), &ledger, 0, Seq::MAX).unwrap();
                assert_eq!(found, Some((claim(seq), seq)));
            }
            assert_eq!(index.find(beginning(&claim(20_001)), &ledger, 0, Seq::MAX).unwrap(), None);
        }
        // The next start reads on behind the runs.
        let mut again = ClaimIndex::kept_in(runs);
        assert_eq!(again.find(beginning(&claim(3)), &ledger, 0, Seq::MAX).unwrap(), Some((claim(3), 3)));
        assert_eq!(
            (again.read_to, again.find(beginning(&claim(19_000)), &ledger, 0, Seq::MAX).unwrap()),
            (15_001, None)
        );
    }
}
