//! Which 835s wait for their way out, which partner has which, and what it said of them.
//!
//! An index beside the journal: a row for each 835, made and changed with the facts that say so. NPIs stand
//! in it in clear, as they do in the names of outbound directories; they are public.

use rusqlite::{Connection, Row, params};
use serde::Deserialize;

use super::journal::{self, as_i64};
use super::sqlite::SqliteLedger;
use super::{LedgerError, Seq};
use crate::clock::Timestamp;
use crate::events::fact::{AnsweredBy, Fact, RemitAcknowledged, RemitBuilt, RemitDelivered, RemitSent, RemitVerdict};
use crate::events::stored::Stored;
use crate::ids::{Npi, PartnerId, TraceNumber};
use crate::sealing::RecordKey;

/// The partial indexes name their states by number, so that only 835s that wait for something are in them.
pub(super) const TABLE: &str = "
CREATE TABLE remit(seq INTEGER PRIMARY KEY, trace TEXT NOT NULL, control_number INTEGER NOT NULL, payee_npi TEXT NOT NULL, state INTEGER NOT NULL,
                   partner TEXT, sent_at INTEGER, ta1 INTEGER, answer INTEGER);
CREATE INDEX remit_by_trace ON remit(trace);
CREATE INDEX remit_by_control_number ON remit(control_number);
CREATE INDEX remit_unsent ON remit(payee_npi, seq) WHERE state = 0;
CREATE INDEX remit_unanswered ON remit(partner, sent_at) WHERE state = 1;
CREATE INDEX remit_pending ON remit(sent_at, seq) WHERE state IN (1, 4);
";

/// Facts of a migration that are in memory.
const FACTS_AT_ONCE: usize = 1_024;

/// How far an 835 has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RemitState {
    /// No partner has it.
    Unsent,
    /// A partner has it, and said nothing of what is in it.
    Sent,
    Accepted,
    AcceptedWithErrors,
    Rejected,
    /// Written where something else takes it from: no partner was configured.
    Elsewhere,
}

impl RemitState {
    const ALL: [RemitState; 6] = [
        RemitState::Unsent,
        RemitState::Sent,
        RemitState::Accepted,
        RemitState::AcceptedWithErrors,
        RemitState::Rejected,
        RemitState::Elsewhere,
    ];

    /// As the table and its indexes have it.
    fn number(self) -> i64 {
        match self {
            RemitState::Unsent => 0,
            RemitState::Sent => 1,
            RemitState::Accepted => 2,
            RemitState::AcceptedWithErrors => 3,
            RemitState::Rejected => 4,
            RemitState::Elsewhere => 5,
        }
    }

    fn of(verdict: RemitVerdict) -> RemitState {
        match verdict {
            RemitVerdict::Accepted => RemitState::Accepted,
            RemitVerdict::AcceptedWithErrors => RemitState::AcceptedWithErrors,
            RemitVerdict::Rejected => RemitState::Rejected,
        }
    }
}

/// One 835.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemitRow {
    /// Journal position of its [`RemitBuilt`].
    pub built: Seq,
    pub trace: TraceNumber,
    /// ISA13 and GS06.
    pub control_number: u32,
    pub payee_npi: Npi,
    pub state: RemitState,
    pub partner: Option<PartnerId>,
    pub sent_at: Option<Timestamp>,
    /// Journal positions of the last TA1 and of the last 999 about it.
    pub ta1: Option<Seq>,
    pub answer: Option<Seq>,
}

impl RemitRow {
    /// The name of its file, below the payee's directory and with the partner.
    pub fn file_name(&self) -> String {
        format!("{}.835", self.trace)
    }
}

/// What is known of the 835s of a ledger.
pub trait Remits {
    /// Payees with 835s that no partner has, in the order of their NPIs.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn payees_unsent(&self) -> Result<Vec<Npi>, LedgerError>;

    /// 835s of a payee that no partner has, after `after` and up to `through`, the oldest `count` of them;
    /// without those whose writing was put aside.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn remits_unsent(&self, payee: &Npi, after: Seq, through: Seq, count: usize) -> Result<Vec<RemitRow>, LedgerError>;

    /// How many 835s of each payee no partner has; without those whose writing was put aside.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn unsent_by_payee(&self) -> Result<Vec<(Npi, u64)>, LedgerError>;

    /// 835s that a partner has and did not accept, oldest first, after this one's time and position.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn remits_pending(&self, after: Option<(Timestamp, Seq)>, count: usize) -> Result<Vec<RemitRow>, LedgerError>;

    /// How many 835s a partner has and said nothing of; with `until`, those sent by then.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn remits_unanswered(&self, partner: &PartnerId, until: Option<Timestamp>) -> Result<u64, LedgerError>;

    /// The 835 that was built at this position.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn remit(&self, built: Seq) -> Result<Option<RemitRow>, LedgerError>;

    /// The 835s of this TRN02: one, unless numbers began again.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn remits_traced(&self, trace: &str) -> Result<Vec<RemitRow>, LedgerError>;

    /// The 835s of this ISA13, in the order of the journal: one, unless numbers began again.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn remits_numbered(&self, control_number: u32) -> Result<Vec<RemitRow>, LedgerError>;
}

const COLUMNS: &str = "seq, trace, control_number, payee_npi, state, partner, sent_at, ta1, answer";

/// What is in the dead-letter store was not written. Its table is small.
const IS_WRITTEN: &str = "NOT EXISTS (SELECT 1 FROM dead_letter AS letter WHERE letter.seq = remit.seq AND letter.event IS NULL AND NOT letter.is_redriven)";

impl Remits for SqliteLedger {
    fn payees_unsent(&self) -> Result<Vec<Npi>, LedgerError> {
        // From one payee to the next, however many 835s stand between them.
        let mut statement = self.connection.prepare_cached(
            "WITH RECURSIVE payee(npi) AS (SELECT min(payee_npi) FROM remit WHERE state = 0 UNION ALL
             SELECT (SELECT min(payee_npi) FROM remit WHERE state = 0 AND payee_npi > payee.npi) FROM payee WHERE payee.npi IS NOT NULL)
             SELECT npi FROM payee WHERE npi IS NOT NULL",
        )?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        rows.map(|npi| stored_npi(&npi?)).collect()
    }

    fn remits_unsent(&self, payee: &Npi, after: Seq, through: Seq, count: usize) -> Result<Vec<RemitRow>, LedgerError> {
        let sql = format!("SELECT {COLUMNS} FROM remit WHERE state = 0 AND payee_npi = ?1 AND seq > ?2 AND seq <= ?3 AND {IS_WRITTEN} ORDER BY seq LIMIT ?4");
        rows(
            &self.connection,
            &sql,
            params![payee.as_str(), as_i64(after), as_i64(through), as_i64(count as u64)],
        )
    }

    fn unsent_by_payee(&self) -> Result<Vec<(Npi, u64)>, LedgerError> {
        let sql = format!("SELECT payee_npi, count(*) FROM remit WHERE state = 0 AND {IS_WRITTEN} GROUP BY payee_npi ORDER BY payee_npi");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
        rows.map(|row| {
            let (npi, count) = row?;
            Ok((stored_npi(&npi)?, count.unsigned_abs()))
        })
        .collect()
    }

    fn remits_pending(&self, after: Option<(Timestamp, Seq)>, count: usize) -> Result<Vec<RemitRow>, LedgerError> {
        let (sent_at, seq) = after.map_or((i64::MIN, 0), |(sent_at, seq)| (sent_at.unix_seconds(), as_i64(seq)));
        let sql = format!("SELECT {COLUMNS} FROM remit WHERE state IN (1, 4) AND (sent_at, seq) > (?1, ?2) ORDER BY sent_at, seq LIMIT ?3");
        rows(&self.connection, &sql, params![sent_at, seq, as_i64(count as u64)])
    }

    fn remits_unanswered(&self, partner: &PartnerId, until: Option<Timestamp>) -> Result<u64, LedgerError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT count(*) FROM remit WHERE state = 1 AND partner = ?1 AND sent_at <= ?2")?;
        let until = until.map_or(i64::MAX, Timestamp::unix_seconds);
        Ok(statement
            .query_row(params![partner.as_str(), until], |row| row.get::<_, i64>(0))?
            .unsigned_abs())
    }

    fn remit(&self, built: Seq) -> Result<Option<RemitRow>, LedgerError> {
        Ok(rows(&self.connection, &format!("SELECT {COLUMNS} FROM remit WHERE seq = ?1"), [as_i64(built)])?.pop())
    }

    fn remits_traced(&self, trace: &str) -> Result<Vec<RemitRow>, LedgerError> {
        rows(&self.connection, &format!("SELECT {COLUMNS} FROM remit WHERE trace = ?1 ORDER BY seq"), [trace])
    }

    fn remits_numbered(&self, control_number: u32) -> Result<Vec<RemitRow>, LedgerError> {
        let sql = format!("SELECT {COLUMNS} FROM remit WHERE control_number = ?1 ORDER BY seq");
        rows(&self.connection, &sql, [control_number])
    }
}

fn rows(connection: &Connection, sql: &str, parameters: impl rusqlite::Params) -> Result<Vec<RemitRow>, LedgerError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    let mut read = Vec::new();
    while let Some(row) = rows.next()? {
        read.push(remit_row(row)?);
    }
    Ok(read)
}

fn remit_row(row: &Row<'_>) -> Result<RemitRow, LedgerError> {
    let position = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(i64::unsigned_abs));
    let state: i64 = row.get(4)?;
    let state = RemitState::ALL.into_iter().find(|known| known.number() == state);
    Ok(RemitRow {
        built: row.get::<_, i64>(0)?.unsigned_abs(),
        trace: TraceNumber::new(row.get::<_, String>(1)?),
        control_number: row.get(2)?,
        payee_npi: stored_npi(&row.get::<_, String>(3)?)?,
        state: state.ok_or(LedgerError::Inconsistent {
            what: "an 835 in an unknown state",
        })?,
        partner: row.get::<_, Option<String>>(5)?.map(PartnerId::new),
        sent_at: row.get::<_, Option<i64>>(6)?.map(Timestamp::from_unix_seconds),
        ta1: position(7)?,
        answer: position(8)?,
    })
}

fn stored_npi(text: &str) -> Result<Npi, LedgerError> {
    Npi::parse(text.as_bytes()).map_err(|_| LedgerError::Inconsistent {
        what: "an 835 without its payee's NPI",
    })
}

/// Notes what these facts say of 835s.
pub(super) fn note(connection: &Connection, first: Seq, facts: &[Fact]) -> Result<(), LedgerError> {
    for (seq, fact) in (first..).zip(facts) {
        match fact {
            Fact::RemitBuilt(remit) => built(connection, seq, remit)?,
            Fact::RemitDelivered(delivered) => delivered_elsewhere(connection, delivered)?,
            Fact::RemitSent(remit) => sent(connection, remit)?,
            Fact::RemitAcknowledged(answer) => acknowledged(connection, seq, answer)?,
            Fact::FileReceived(_)
            | Fact::FileDuplicate(_)
            | Fact::FileRejected(_)
            | Fact::FileCompleted(_)
            | Fact::AckBuilt(_)
            | Fact::ClaimRejected(_)
            | Fact::ClaimAdjudicated(_)
            | Fact::ClaimReversed(_)
            | Fact::DeadLettered(_)
            | Fact::Redriven(_) => {}
        }
    }
    Ok(())
}

fn built(connection: &Connection, seq: Seq, remit: &RemitBuilt) -> Result<(), LedgerError> {
    connection
        .prepare_cached("INSERT INTO remit(seq, trace, control_number, payee_npi, state) VALUES (?1, ?2, ?3, ?4, 0)")?
        .execute(params![as_i64(seq), remit.trace.as_str(), remit.control_number, remit.payee_npi.as_str()])?;
    Ok(())
}

/// Written again after a dead letter was sent on its way, it is delivered already.
fn delivered_elsewhere(connection: &Connection, delivered: &RemitDelivered) -> Result<(), LedgerError> {
    connection
        .prepare_cached("UPDATE remit SET state = 5 WHERE trace = ?1 AND payee_npi = ?2 AND state = 0")?
        .execute(params![delivered.trace.as_str(), delivered.payee_npi.as_str()])?;
    Ok(())
}

fn sent(connection: &Connection, remit: &RemitSent) -> Result<(), LedgerError> {
    let changed = connection
        .prepare_cached("UPDATE remit SET state = 1, partner = ?2, sent_at = ?3 WHERE seq = ?1 AND state = 0")?
        .execute(params![as_i64(remit.built), remit.partner.as_str(), remit.sent_at.unix_seconds()])?;
    exactly_one(changed, "an 835 that was sent was not to be sent")
}

/// The last 999 is in force; a TA1 counts where it rejects, and until there is a 999.
fn acknowledged(connection: &Connection, seq: Seq, answer: &RemitAcknowledged) -> Result<(), LedgerError> {
    let state = RemitState::of(answer.verdict).number();
    let changed = match answer.by {
        AnsweredBy::Implementation => connection
            .prepare_cached("UPDATE remit SET state = ?2, answer = ?3 WHERE seq = ?1")?
            .execute(params![as_i64(answer.built), state, as_i64(seq)])?,
        AnsweredBy::Ta1 if answer.verdict == RemitVerdict::Rejected => connection
            .prepare_cached("UPDATE remit SET state = iif(answer IS NULL, ?2, state), ta1 = ?3 WHERE seq = ?1")?
            .execute(params![as_i64(answer.built), state, as_i64(seq)])?,
        AnsweredBy::Ta1 => connection
            .prepare_cached("UPDATE remit SET state = iif(answer IS NULL, 1, state), ta1 = ?2 WHERE seq = ?1")?
            .execute(params![as_i64(answer.built), as_i64(seq)])?,
    };
    exactly_one(changed, "an answer to an 835 that is not there")
}

fn exactly_one(changed: usize, what: &'static str) -> Result<(), LedgerError> {
    if changed == 1 { Ok(()) } else { Err(LedgerError::Inconsistent { what }) }
}

/// Fills the table from a journal of version 5, which knows 835s that were built, and written where something
/// else takes them from.
pub(super) fn fill(connection: &Connection, key: &RecordKey) -> Result<(), LedgerError> {
    let mut from = 1;
    loop {
        let facts: Vec<(Seq, Known)> = journal::read(connection, key, from, FACTS_AT_ONCE)?;
        let Some((last, _)) = facts.last() else { return Ok(()) };
        from = last + 1;
        for (seq, fact) in &facts {
            match fact {
                Known::RemitBuilt(remit) => built(connection, *seq, remit)?,
                Known::RemitDelivered(delivered) => delivered_elsewhere(connection, delivered)?,
                Known::FileReceived
                | Known::FileDuplicate
                | Known::FileRejected
                | Known::FileCompleted
                | Known::AckBuilt
                | Known::ClaimRejected
                | Known::ClaimAdjudicated
                | Known::DeadLettered
                | Known::Redriven => {}
            }
        }
    }
}

/// The facts of version 5, in their order; of those that are not about 835s the kind is read only.
#[derive(Debug, Deserialize)]
enum Known {
    FileReceived,
    FileDuplicate,
    FileRejected,
    FileCompleted,
    AckBuilt,
    ClaimRejected,
    ClaimAdjudicated,
    RemitBuilt(Box<RemitBuilt>),
    RemitDelivered(RemitDelivered),
    DeadLettered,
    Redriven,
}

impl Stored for Known {}

#[cfg(test)]
mod tests {
    use super::super::{Batch, Ledger};
    use super::*;
    use crate::events::fact::{DeadLettered, DeadReason, DeadUnit, Redriven};
    use crate::ids::FileDigest;
    use crate::money::Money;
    use crate::sealing::Keys;

    const PAYEES: [&[u8]; 2] = [b"1234567893", b"1881546299"];

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(1_790_000_000 + seconds)
    }

    fn remittance(number: u32, payee: &[u8]) -> RemitBuilt {
        RemitBuilt {
            trace: TraceNumber::new(format!("CS{number:09}")),
            control_number: number,
            payee_npi: Npi::parse(payee).unwrap(),
            payee_tin: None,
            payee_name: "PAYEE".into(),
            payee_bank: None,
            pay_date: chrono::NaiveDate::from_ymd_opt(2026, 2, 20).unwrap(),
            built_at: at(0),
            claims: Vec::new(),
            charge: Money::ZERO,
            paid: Money::ZERO,
            interest: Money::ZERO,
            recovery: Default::default(),
        }
    }

    fn sent(built: Seq, remit: &RemitBuilt, sent_at: Timestamp) -> Fact {
        Fact::RemitSent(RemitSent {
            trace: remit.trace.clone(),
            control_number: remit.control_number,
            payee_npi: remit.payee_npi,
            partner: PartnerId::new("officeally"),
            built,
            sent_at,
        })
    }

    fn answered(built: Seq, remit: &RemitBuilt, by: AnsweredBy, verdict: RemitVerdict) -> Fact {
        Fact::RemitAcknowledged(Box::new(RemitAcknowledged {
            trace: remit.trace.clone(),
            control_number: remit.control_number,
            payee_npi: remit.payee_npi,
            partner: PartnerId::new("officeally"),
            built,
            file: FileDigest::from_bytes([1; 32]),
            byte: 1,
            by,
            verdict,
            codes: Vec::new(),
            acknowledged_at: at(9),
        }))
    }

    fn open(directory: &std::path::Path) -> SqliteLedger {
        let path = directory.join("keys");
        if !path.exists() {
            std::fs::write(&path, Keys::generate().unwrap().as_bytes()).unwrap();
        }
        SqliteLedger::open(&directory.join("ledger.db"), &Keys::parse(&std::fs::read_to_string(path).unwrap()).unwrap()).unwrap()
    }

    fn append(ledger: &mut SqliteLedger, facts: Vec<Fact>) -> Result<Seq, LedgerError> {
        ledger.append(&Batch { facts, ..Batch::default() })
    }

    #[test]
    fn an_835_goes_from_waiting_to_answered() {
        let directory = tempfile::tempdir().unwrap();
        let mut ledger = open(directory.path());
        let remits: Vec<RemitBuilt> = [(1, PAYEES[0]), (2, PAYEES[1]), (3, PAYEES[0])]
            .map(|(number, payee)| remittance(number, payee))
            .into();
        append(&mut ledger, remits.iter().cloned().map(|remit| Fact::RemitBuilt(Box::new(remit))).collect()).unwrap();
        let npis = PAYEES.map(|payee| Npi::parse(payee).unwrap());
        let unsent = |ledger: &SqliteLedger, payee: usize, after, through| {
            let rows = ledger.remits_unsent(&npis[payee], after, through, 10).unwrap();
            rows.into_iter().map(|row| row.built).collect::<Vec<_>>()
        };
        assert_eq!(ledger.payees_unsent().unwrap(), npis);
        assert_eq!(ledger.unsent_by_payee().unwrap(), [(npis[0], 2), (npis[1], 1)]);
        assert_eq!(unsent(&ledger, 0, 0, 3), [1, 3]);
        assert_eq!((unsent(&ledger, 0, 0, 2), unsent(&ledger, 0, 1, 3)), (vec![1], vec![3]));

        // What could not be written has nothing to send, until it is sent on its way again.
        let letter = Fact::DeadLettered(Box::new(DeadLettered {
            seq: 3,
            unit: DeadUnit::Answer,
            reason: DeadReason::Unbalanced,
            detail: "".into(),
            attempts: 1,
            parked_at: at(0),
        }));
        let letter = append(&mut ledger, vec![letter]).unwrap();
        assert_eq!((unsent(&ledger, 0, 0, 9), ledger.unsent_by_payee().unwrap()[0].1), (vec![1], 1));
        append(&mut ledger, vec![Fact::Redriven(Redriven { letter, redriven_at: at(0) })]).unwrap();
        assert_eq!(unsent(&ledger, 0, 0, 9), [1, 3]);

        append(&mut ledger, vec![sent(1, &remits[0], at(10)), sent(2, &remits[1], at(5))]).unwrap();
        assert!(append(&mut ledger, vec![sent(1, &remits[0], at(11))]).is_err(), "sent once");
        assert_eq!(ledger.payees_unsent().unwrap(), npis[..1]);
        let partner = PartnerId::new("officeally");
        let unanswered = |ledger: &SqliteLedger, until| ledger.remits_unanswered(&partner, until).unwrap();
        assert_eq!(
            (unanswered(&ledger, None), unanswered(&ledger, Some(at(5))), unanswered(&ledger, Some(at(4)))),
            (2, 1, 0)
        );
        assert_eq!(ledger.remits_unanswered(&PartnerId::new("change"), None).unwrap(), 0);
        let pending = |ledger: &SqliteLedger| {
            let (mut after, mut pending) = (None, Vec::new());
            while let Some(row) = ledger.remits_pending(after, 1).unwrap().pop() {
                after = Some((row.sent_at.unwrap(), row.built));
                pending.push((row.built, row.state));
            }
            pending
        };
        assert_eq!(pending(&ledger), [(2, RemitState::Sent), (1, RemitState::Sent)]);

        use AnsweredBy::{Implementation, Ta1};
        use RemitVerdict::{Accepted, AcceptedWithErrors, Rejected};
        for (by, verdict, state, still_pending) in [
            (Ta1, Accepted, RemitState::Sent, 2),
            (Ta1, Rejected, RemitState::Rejected, 2),
            // It came in after all.
            (Ta1, Accepted, RemitState::Sent, 2),
            (Implementation, Rejected, RemitState::Rejected, 2),
            (Implementation, AcceptedWithErrors, RemitState::AcceptedWithErrors, 1),
            (Ta1, Rejected, RemitState::AcceptedWithErrors, 1),
            (Implementation, Accepted, RemitState::Accepted, 1),
        ] {
            append(&mut ledger, vec![answered(1, &remits[0], by, verdict)]).unwrap();
            assert_eq!(ledger.remit(1).unwrap().unwrap().state, state, "{by:?} {verdict:?}");
            assert_eq!(pending(&ledger).len(), still_pending, "{by:?} {verdict:?}");
        }
        let row = ledger.remits_numbered(1).unwrap().pop().unwrap();
        assert_eq!(ledger.remits_traced("CS000000001").unwrap(), std::slice::from_ref(&row));
        assert!(matches!(ledger.fact(row.answer.unwrap()).unwrap(), Fact::RemitAcknowledged(answer) if answer.by == Implementation));
        assert!(matches!(ledger.fact(row.ta1.unwrap()).unwrap(), Fact::RemitAcknowledged(answer) if answer.by == Ta1));
        assert_eq!((row.partner, row.sent_at), (Some(partner.clone()), Some(at(10))));
        assert!(append(&mut ledger, vec![answered(99, &remits[0], Ta1, Accepted)]).is_err());
    }

    #[test]
    fn the_835s_of_version_5_were_carried_by_others() {
        let directory = tempfile::tempdir().unwrap();
        let mut ledger = open(directory.path());
        let (first, second) = (remittance(1, PAYEES[0]), remittance(2, PAYEES[1]));
        let written = Fact::RemitDelivered(RemitDelivered {
            trace: first.trace.clone(),
            payee_npi: first.payee_npi,
            delivered_at: at(1),
        });
        append(
            &mut ledger,
            vec![Fact::RemitBuilt(Box::new(first)), Fact::RemitBuilt(Box::new(second)), written],
        )
        .unwrap();
        let rows = |ledger: &SqliteLedger| [1, 2].map(|built| ledger.remit(built).unwrap());
        let before = rows(&ledger);
        ledger
            .connection
            .execute_batch(
                "DROP TABLE remit; DROP TABLE reversed; DROP TABLE payee_balance; ALTER TABLE payable DROP COLUMN principal; PRAGMA user_version = 5;",
            )
            .unwrap();
        drop(ledger);
        let ledger = open(directory.path());
        assert_eq!(rows(&ledger), before, "the index is what the journal says");
        let states = rows(&ledger).map(|row| row.unwrap().state);
        // The second was not written yet.
        assert_eq!(states, [RemitState::Elsewhere, RemitState::Unsent]);
    }
}
