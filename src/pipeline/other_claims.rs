//! Where the ledger knows claims by what later ones of the member ask them for.
//!
//! Each claim that has something to say takes a place in the index of lines: the keyed token of what it is
//! asked by and a number, the first free one. So those of a day or month are found one after the other, and
//! what they say is read from their decisions; a claim that was taken back keeps its place and says nothing.

use crate::adjudication::facts::OtherClaims;
use crate::adjudication::other_claims::{Beside, ForLater};
use crate::events::fact::Fact;
use crate::ids::ClaimId;
use crate::ledger::claim_index::NUMBER_BYTES;
use crate::ledger::{Ledger, LedgerError, LineFingerprint};
use crate::limits;
use crate::sealing::Keys;

use super::seen::Seen;

/// The places of one claim and of those before it.
#[derive(Debug, Default)]
pub struct Places(Vec<Place>);

#[derive(Debug)]
struct Place {
    beside: Beside,
    /// In the order of their decisions.
    holders: Vec<ClaimId>,
    /// For this claim; `None` beyond [`limits::CLAIMS_BESIDE_MAX`].
    free: Option<LineFingerprint>,
}

/// Looks for what a committed claim left for later ones.
pub trait FindForLater: Fn(&ClaimId) -> Result<ForLater, LedgerError> {}

impl<F: Fn(&ClaimId) -> Result<ForLater, LedgerError>> FindForLater for F {}

impl Places {
    pub fn of(asked: Vec<(Beside, Vec<u8>)>, keys: &Keys, seen: &Seen) -> Places {
        let place = |(beside, mut identity): (Beside, Vec<u8>)| {
            let length = identity.len();
            let mut holders = Vec::new();
            let free = (0..limits::CLAIMS_BESIDE_MAX).find_map(|number| {
                identity.truncate(length);
                identity.push(number);
                let fingerprint = *keys.token("line", &identity).as_bytes();
                match seen.holder(&fingerprint) {
                    Some(holder) => {
                        holders.push(holder);
                        None
                    }
                    None => Some(fingerprint),
                }
            });
            Place { beside, holders, free }
        };
        Places(asked.into_iter().map(place).collect())
    }

    /// What the claims before say, `but` one that is replaced.
    pub fn facts(&self, but: Option<ClaimId>, seen: &Seen, find: &impl FindForLater) -> OtherClaims {
        let mut others = OtherClaims::default();
        for place in &self.0 {
            let standing = place.holders.iter().filter(|holder| Some(**holder) != but && !seen.is_reversed(holder));
            for holder in standing {
                match seen.left(holder).map_or_else(|| find(holder), Ok) {
                    Ok(left) => others.add(place.beside, &left),
                    Err(error) => seen.fail(error),
                }
            }
        }
        others
    }

    /// The places that a claim takes with what it leaves.
    pub fn taken(self, left: &ForLater) -> impl Iterator<Item = LineFingerprint> {
        self.0.into_iter().filter(|place| left.has(place.beside)).filter_map(|place| place.free)
    }
}

/// What a claim of the ledger left for later ones.
///
/// # Errors
/// [`LedgerError`].
pub fn for_later(ledger: &impl Ledger, seen: &Seen, claim: &ClaimId) -> Result<ForLater, LedgerError> {
    let Some((beginning, _)) = claim.as_bytes().split_first_chunk::<NUMBER_BYTES>() else {
        return Ok(ForLater::default());
    };
    let Some((found, seq)) = seen.decided_claim(*beginning, ledger, seen.durable())? else {
        return Ok(ForLater::default());
    };
    match ledger.fact(seq)? {
        Fact::ClaimAdjudicated(decision) if found == *claim => Ok(ForLater::of(*claim, &decision.echo, &decision.determination)),
        _ => Ok(ForLater::default()),
    }
}
