//! Who is owed for which claims, until a remittance has settled them.
//!
//! Payees are stored sealed, because a TIN may be a person's social security number; they are few, and
//! found in memory.

use std::collections::HashMap;

use chrono::{Datelike, NaiveDate};
use rusqlite::{Connection, params};

use super::journal::as_i64;
use super::{ClaimDue, LedgerError, PayeeDue, Seq};
use crate::adjudication::decision::{Decision, Reversal};
use crate::events::fact::Fact;
use crate::ids::{Npi, Tin};
use crate::money::Money;
use crate::sealing::RecordKey;

/// Who is paid: the billing provider under the tax number it billed with.
type Payee = (Npi, Option<Tin>);

/// Every payee with the number under which claims name it.
#[derive(Debug, Default)]
pub(super) struct Payees(HashMap<Payee, i64>);

impl Payees {
    pub(super) fn read(connection: &Connection, key: &RecordKey) -> Result<Payees, LedgerError> {
        let mut statement = connection.prepare("SELECT number, sealed FROM payee")?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
        let payees = rows.map(|row| {
            let (number, sealed) = row?;
            let payee: Payee = postcard::from_bytes(&key.open(&place(number), &sealed)?)?;
            Ok((payee, number))
        });
        payees.collect::<Result<_, LedgerError>>().map(Payees)
    }

    pub(super) fn number(&self, payee: &Payee) -> Option<i64> {
        self.0.get(payee).copied()
    }

    /// The number of a payee, which is recorded when it is a new one.
    fn number_or_record(&mut self, connection: &Connection, key: &RecordKey, payee: Payee) -> Result<i64, LedgerError> {
        if let Some(number) = self.number(&payee) {
            return Ok(number);
        }
        let sealed_under = i64::try_from(self.0.len()).unwrap_or(i64::MAX).saturating_add(1);
        connection
            .prepare_cached("INSERT INTO payee VALUES (?1, ?2)")?
            .execute(params![sealed_under, seal_payee(key, sealed_under, &payee)?])?;
        self.0.insert(payee, sealed_under);
        Ok(sealed_under)
    }
}

pub(super) fn seal_payee(key: &RecordKey, number: i64, payee: &Payee) -> Result<Vec<u8>, LedgerError> {
    Ok(key.seal(&place(number), &postcard::to_stdvec(payee)?)?)
}

/// What a sealed payee is bound to.
fn place(number: i64) -> [u8; 13] {
    let mut place = *b"payee........";
    place.iter_mut().skip(5).zip(number.to_be_bytes()).for_each(|(to, from)| *to = from);
    place
}

/// Records what the decisions among these facts owe.
pub(super) fn insert(connection: &Connection, key: &RecordKey, payees: &mut Payees, first: Seq, facts: &[Fact]) -> Result<(), LedgerError> {
    let mut statement = connection.prepare_cached("INSERT INTO payable VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for (seq, fact) in (first..).zip(facts) {
        if let Fact::ClaimReversed(reversal) = fact {
            take_back(connection, key, payees, seq, reversal)?;
        }
        let Fact::ClaimAdjudicated(decision) = fact else { continue };
        let Some(npi) = decision.echo.billing_npi.filter(|_| decision.determination.outcome().is_remitted()) else {
            continue;
        };
        let number = payees.number_or_record(connection, key, (npi, decision.echo.billing_tin))?;
        let (received_on, determination) = (decision.receipt.received_on.num_days_from_ce(), &decision.determination);
        statement.execute(params![
            number,
            as_i64(seq),
            received_on,
            determination.charge().cents(),
            determination.paid().cents(),
            newly_due(decision).cents()
        ])?;
    }
    Ok(())
}

/// What bears interest: of a replacement only what its original had not been paid.
fn newly_due(decision: &Decision) -> Money {
    let paid = decision.determination.paid();
    match (decision.determination.reverses(), decision.facts.original.found()) {
        (Some(_), Some(original)) => (paid - original.paid).max(Money::ZERO),
        (None, _) | (_, None) => paid,
    }
}

/// Records what a payee must give back. Where the decision that is taken back waits for payment itself,
/// it goes out beside its reversal, and no more of it is late than what stays paid.
fn take_back(connection: &Connection, key: &RecordKey, payees: &mut Payees, seq: Seq, reversal: &Reversal) -> Result<(), LedgerError> {
    let Some(npi) = reversal.billing_npi.filter(|_| reversal.outcome.is_remitted()) else {
        return Ok(());
    };
    let number = payees.number_or_record(connection, key, (npi, reversal.billing_tin))?;
    connection
        .prepare_cached("INSERT INTO payable VALUES (?1, ?2, ?3, ?4, ?5, NULL)")?
        .execute(params![
            number,
            as_i64(seq),
            reversal.received_on.num_days_from_ce(),
            -reversal.charge.cents(),
            -reversal.paid.cents()
        ])?;
    connection
        .prepare_cached("UPDATE payable SET principal = min(principal, ?3) WHERE payee = ?1 AND seq = ?2")?
        .execute(params![number, as_i64(reversal.decided_seq), reversal.corrected_paid.cents()])?;
    Ok(())
}

/// Takes off what the remittances among these facts pay; each claim exactly once.
pub(super) fn settle(connection: &Connection, payees: &Payees, facts: &[Fact]) -> Result<(), LedgerError> {
    let mut settle = connection.prepare_cached("DELETE FROM payable WHERE payee = ?1 AND seq = ?2")?;
    for fact in facts {
        let Fact::RemitBuilt(remit) = fact else { continue };
        let payee = payees.number(&(remit.payee_npi, remit.payee_tin));
        for claim in &remit.claims {
            if settle.execute(params![payee, as_i64(claim.seq)])? != 1 {
                return Err(LedgerError::Inconsistent {
                    what: "a claim to be paid was not payable",
                });
            }
        }
    }
    Ok(())
}

/// Payees with claims that wait for payment, in the order of their NPI and TIN.
pub(super) fn payees_due(connection: &Connection, payees: &Payees) -> Result<Vec<PayeeDue>, LedgerError> {
    let mut statement = connection.prepare("SELECT payee, count(*) FROM payable GROUP BY payee")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let counts: HashMap<i64, i64> = rows.collect::<Result<_, _>>()?;
    let mut due: Vec<PayeeDue> = (payees.0.iter())
        .filter_map(|((npi, tin), number)| {
            counts.get(number).map(|claims| PayeeDue {
                number: *number,
                npi: *npi,
                tin: *tin,
                claims: claims.unsigned_abs(),
            })
        })
        .collect();
    due.sort_by(|one, other| (one.npi.as_str(), one.tin.as_ref().map(Tin::as_str)).cmp(&(other.npi.as_str(), other.tin.as_ref().map(Tin::as_str))));
    Ok(due)
}

/// See [`super::Ledger::claims_due_by_receipt`].
pub(super) fn claims_due_by_receipt(connection: &Connection) -> Result<Vec<(NaiveDate, u64)>, LedgerError> {
    let mut statement = connection.prepare_cached("SELECT received_on, count(*) FROM payable GROUP BY received_on ORDER BY received_on")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))?;
    rows.map(|row| {
        let (days, claims) = row?;
        Ok((received_on(days)?, claims.unsigned_abs()))
    })
    .collect()
}

fn received_on(days: i32) -> Result<NaiveDate, LedgerError> {
    NaiveDate::from_num_days_from_ce_opt(days).ok_or(LedgerError::Inconsistent {
        what: "a claim to be paid without receipt date",
    })
}

/// See [`super::Ledger::claims_due`].
pub(super) fn claims_due(connection: &Connection, payee: i64, after: Seq, count: usize) -> Result<Vec<ClaimDue>, LedgerError> {
    let mut statement =
        connection.prepare_cached("SELECT seq, received_on, charge, paid, principal FROM payable WHERE payee = ?1 AND seq > +?2 ORDER BY seq LIMIT +?3")?;
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![payee, as_i64(after), count], |row| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, i32>(1)?,
            row.get(2)?,
            row.get(3)?,
            row.get::<_, Option<i64>>(4)?,
        ))
    })?;
    rows.map(|row| {
        let (seq, days, charge, paid, principal) = row?;
        Ok(ClaimDue {
            seq: seq.unsigned_abs(),
            received_on: received_on(days)?,
            charge: Money::from_cents(charge),
            paid: Money::from_cents(paid),
            principal: principal.map(Money::from_cents),
        })
    })
    .collect()
}
