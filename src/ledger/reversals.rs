//! Which decisions were taken back, and what payees have too much since.
//!
//! Few rows: only replacements and voids write any. Like every index, derivable from the journal.

use rusqlite::{Connection, OptionalExtension, params};

use super::journal::as_i64;
use super::payables::Payees;
use super::{LedgerError, Seq};
use crate::events::fact::{Fact, PayeeBalance};
use crate::ids::{ClaimId, TraceNumber};
use crate::money::Money;

/// `seq` is that of the reversal; the decision that it makes room for stands right behind it.
pub(super) const TABLES: &str = "
CREATE TABLE reversed(decided_seq INTEGER PRIMARY KEY, seq INTEGER NOT NULL, claim BLOB NOT NULL);
CREATE TABLE payee_balance(payee INTEGER PRIMARY KEY REFERENCES payee, owed INTEGER NOT NULL, forwarded_by TEXT);
";

/// Records the reversals and balances among these facts. A decision is taken back once.
pub(super) fn insert(connection: &Connection, payees: &Payees, first: Seq, facts: &[Fact]) -> Result<(), LedgerError> {
    for (seq, fact) in (first..).zip(facts) {
        if let Fact::ClaimReversed(reversal) = fact {
            let inserted = connection
                .prepare_cached("INSERT OR IGNORE INTO reversed VALUES (?1, ?2, ?3)")?
                .execute(params![as_i64(reversal.decided_seq), as_i64(seq), reversal.claim_id.as_bytes()])?;
            if inserted != 1 {
                return Err(LedgerError::Inconsistent {
                    what: "a decision was to be taken back twice",
                });
            }
        }
        if let Fact::RemitBuilt(remit) = fact
            && let Some(payee) = payees.number(&(remit.payee_npi, remit.payee_tin))
        {
            let before = balance(connection, payee)?;
            let after = before.clone().after(&remit.trace, &remit.recovery);
            if after.owed.is_negative() {
                return Err(LedgerError::Inconsistent {
                    what: "more was collected than a payee owed",
                });
            }
            if after != before {
                connection
                    .prepare_cached("INSERT OR REPLACE INTO payee_balance VALUES (?1, ?2, ?3)")?
                    .execute(params![payee, after.owed.cents(), after.forwarded_by.as_ref().map(TraceNumber::as_str)])?;
            }
        }
    }
    Ok(())
}

/// See [`super::Ledger::balance`].
pub(super) fn balance(connection: &Connection, payee: i64) -> Result<PayeeBalance, LedgerError> {
    let mut statement = connection.prepare_cached("SELECT owed, forwarded_by FROM payee_balance WHERE payee = ?1")?;
    let found = statement
        .query_row([payee], |row| Ok((row.get(0)?, row.get::<_, Option<String>>(1)?)))
        .optional()?;
    Ok(found.map_or_else(PayeeBalance::default, |(owed, forwarded_by)| PayeeBalance {
        owed: Money::from_cents(owed),
        forwarded_by: forwarded_by.map(TraceNumber::new),
    }))
}

/// See [`super::Ledger::reversal_of`].
pub(super) fn reversal_of(connection: &Connection, decided: Seq) -> Result<Option<Seq>, LedgerError> {
    let mut statement = connection.prepare_cached("SELECT seq FROM reversed WHERE decided_seq = ?1")?;
    let found: Option<i64> = statement.query_row([as_i64(decided)], |row| row.get(0)).optional()?;
    Ok(found.map(i64::unsigned_abs))
}

/// See [`super::Ledger::reversed_claims`].
pub(super) fn reversed_claims(connection: &Connection) -> Result<Vec<ClaimId>, LedgerError> {
    let mut statement = connection.prepare("SELECT claim FROM reversed")?;
    let rows = statement.query_map([], |row| row.get::<_, [u8; 16]>(0))?;
    rows.map(|row| Ok(ClaimId::from_bytes(row?))).collect()
}
