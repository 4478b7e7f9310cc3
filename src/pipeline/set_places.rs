//! Where the claims of a file's sets stand in the journal.

use super::acknowledge::SetAnswered;
use super::answer_writer::ClaimFacts;
use super::open_sets::{SetRead, open_sets};
use super::verdict::Survey;
use crate::adjudication::decision::ClaimSource;
use crate::events::fact::Fact;
use crate::ledger::{FileRow, LedgerError, Seq};

/// Facts read at once.
const ROUND: usize = 2_048;

/// From the first claim of each set to its last, in file order. Claims of other files may stand between
/// them.
#[derive(Debug, Default)]
pub struct SetPlaces(Vec<Place>);

#[derive(Debug)]
struct Place {
    st_byte: u64,
    first: Seq,
    last: Seq,
}

impl SetPlaces {
    /// Of what an earlier process has decided of a file.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn of_unfinished(facts: &impl ClaimFacts, row: &FileRow) -> Result<SetPlaces, LedgerError> {
        let (mut places, mut left, mut from) = (SetPlaces::default(), row.progress.claims, row.progress.first_seq);
        while left > 0 {
            let read = facts.claim_facts(from, ROUND)?;
            let Some((last, _)) = read.last() else {
                return Err(LedgerError::Inconsistent {
                    what: "a file has fewer claims than it should",
                });
            };
            from = last + 1;
            for (seq, source) in read.iter().filter_map(|(seq, fact)| Some((*seq, fact.claim_source()?))) {
                if source.file == row.file && left > 0 {
                    places.claim(seq, source);
                    left -= 1;
                }
            }
        }
        Ok(places)
    }

    /// Facts that were journaled from `first` on, all of one file.
    pub fn note(&mut self, first: Seq, facts: &[Fact]) {
        let claims = (first..).zip(facts).filter_map(|(seq, fact)| Some((seq, fact.claim_source()?)));
        claims.for_each(|(seq, source)| self.claim(seq, source));
    }

    fn claim(&mut self, seq: Seq, source: &ClaimSource) {
        match self.0.last_mut().filter(|place| place.st_byte == source.st_byte) {
            Some(place) => place.last = seq,
            None => self.0.push(Place {
                st_byte: source.st_byte,
                first: seq,
                last: seq,
            }),
        }
    }
}

/// The open sets with the places of their claims.
pub fn answered(survey: &Survey, sets: &[SetRead], places: &SetPlaces) -> Vec<SetAnswered> {
    let mut places = places.0.iter().peekable();
    open_sets(survey)
        .zip(sets)
        .map(|(open, read)| {
            let st_byte = open.verdict.set.byte;
            // A set without claims has none.
            let (first, last) = places
                .next_if(|place| place.st_byte == st_byte)
                .map_or((1, 0), |place| (place.first, place.last));
            SetAnswered {
                st_byte,
                header: read.header.clone(),
                first,
                last,
                claims: read.claims,
                rejects: false,
            }
        })
        .collect()
}
