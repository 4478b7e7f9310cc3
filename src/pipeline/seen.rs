//! What earlier decisions left behind: line fingerprints and consumed authorization units, in memory,
//! rebuilt from the ledger.
//!
//! Work is sharded by member, and a fingerprint or an authorization row belongs to one member: two
//! threads never ask for the same key, so the locks only guard the maps and the order of decisions
//! does not depend on the number of threads.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ids::ClaimId;
use crate::ledger::{Ledger, LedgerError, LineFingerprint};
use crate::money::Quantity;
use crate::tables::refdata::authorizations::AuthorizationRow;

const PARTS: usize = 64;

/// Lines and units of every decision so far.
#[derive(Debug)]
pub struct Seen {
    lines: [Mutex<HashMap<LineFingerprint, ClaimId>>; PARTS],
    units: Mutex<HashMap<AuthorizationRow, Quantity>>,
}

impl Seen {
    /// Reads what the ledger has.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn load(ledger: &impl Ledger) -> Result<Seen, LedgerError> {
        let seen = Seen::empty();
        ledger.fingerprints(&mut |fingerprint, claim| {
            seen.part(&fingerprint).entry(fingerprint).or_insert(claim);
        })?;
        lock(&seen.units).extend(ledger.units_used()?);
        Ok(seen)
    }

    /// Nothing seen yet.
    pub fn empty() -> Seen {
        Seen { lines: std::array::from_fn(|_| Mutex::default()), units: Mutex::default() }
    }

    /// The first claim, not denied, that had this line.
    pub fn line(&self, fingerprint: &LineFingerprint) -> Option<ClaimId> {
        self.part(fingerprint).get(fingerprint).copied()
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

    fn part(&self, fingerprint: &LineFingerprint) -> MutexGuard<'_, HashMap<LineFingerprint, ClaimId>> {
        let [first, ..] = fingerprint;
        let [zeroth, others @ ..] = &self.lines;
        lock(others.get(usize::from(*first) % PARTS).unwrap_or(zeroth))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
