//! The embedded ledger: one SQLite database in write-ahead mode, one writer.
//!
//! Facts are stored sealed, one row each, in sequence; fingerprints and claim ids as one sorted run
//! per batch instead of a B-tree with random keys, which was the bottleneck of a prototype.
//!
//! To the next editor: what an index holds must be derivable from the journal.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, params};

use super::claim_index::{self, ClaimEntry};
use super::journal::{self, as_i64};
use super::line_index::{self, LineEntry};
use super::payables::{self, Payees};
use super::remits;
use super::reversals;
use super::schema;
use super::step::Step;
use super::{
    Admission, Arrival, Batch, ClaimDue, Counter, DeadLetterRow, Delivered, FileRow, FileState, Ledger, LedgerError, OutboxMark, PayeeDue, Progress, Seq,
    Taken, reach,
};
use crate::clock::Timestamp;
use crate::events::fact::{DeadUnit, Fact, FactHead, PayeeBalance};
use crate::ids::{ClaimId, FileDigest, PartnerId};
use crate::money::Quantity;
use crate::sealing::{Keys, RecordKey};
use crate::tables::refdata::authorizations::AuthorizationRow;
use crate::text_form;

/// Of a connection that reads: the journal is read once, from one end to the other.
const READER_CACHE_KIB: usize = 2_048;

/// The ledger in `ledger.db`.
#[derive(Debug)]
pub struct SqliteLedger {
    pub(super) connection: Connection,
    key: RecordKey,
    payees: Payees,
}

impl SqliteLedger {
    /// Opens or creates the database. Its record key is wrapped by the master key.
    ///
    /// # Errors
    /// [`LedgerError`]: another master key, an unknown schema, an SQLite with a known corruption bug.
    pub fn open(path: &Path, keys: &Keys) -> Result<SqliteLedger, LedgerError> {
        super::inspection::require_sound_sqlite()?;
        let connection = Connection::open(path)?;
        connection.execute_batch("PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000; PRAGMA cache_size = -8192;")?;
        connection.set_prepared_statement_cache_capacity(64);
        let key = schema::open(&connection, keys)?;
        let payees = Payees::read(&connection, &key)?;
        Ok(SqliteLedger { connection, key, payees })
    }

    /// Opens an existing database for a look: reads only, makes no schema, migrates none.
    ///
    /// # Errors
    /// Those of [`SqliteLedger::open`].
    pub fn open_to_read(path: &Path, keys: &Keys) -> Result<SqliteLedger, LedgerError> {
        super::inspection::require_sound_sqlite()?;
        let connection = super::inspection::connect_to_read(path)?;
        connection.execute_batch(&format!("PRAGMA cache_size = -{READER_CACHE_KIB};"))?;
        let key = schema::look_at(&connection, keys)?;
        let payees = Payees::read(&connection, &key)?;
        Ok(SqliteLedger { connection, key, payees })
    }

    fn append_in_one_transaction(&mut self, batch: &Batch) -> Result<Seq, LedgerError> {
        let transaction = Step::begin(&self.connection)?;
        let first = journal::insert(&transaction, &self.key, &batch.facts)?;
        insert_runs(&transaction, first, batch)?;
        payables::insert(&transaction, &self.key, &mut self.payees, first, &batch.facts)?;
        insert_dead_letters(&transaction, first, &batch.facts)?;
        {
            let mut statement = transaction.prepare_cached("SELECT units FROM unit_use WHERE authorization_row = ?1")?;
            let mut write = transaction.prepare_cached("INSERT OR REPLACE INTO unit_use VALUES (?1, ?2)")?;
            let mut change = |row: &AuthorizationRow, after: &dyn Fn(Quantity) -> Option<Quantity>| {
                let key = row.as_u64().cast_signed();
                let before: Option<String> = statement.query_row([key], |row| row.get(0)).optional()?;
                let before = before.as_deref().map_or(Ok(Quantity::ZERO), stored_units)?;
                let after = after(before).ok_or(LedgerError::Inconsistent {
                    what: "more units were to be given back than were used",
                })?;
                write.execute(params![key, after.to_string()])?;
                Ok::<(), LedgerError>(())
            };
            for (row, units) in &batch.units {
                change(row, &|before| Some(before + *units))?;
            }
            for (row, units) in &batch.returned {
                change(row, &|before| (before >= *units).then(|| before.less(*units)))?;
            }
        }
        if let Some((number, progress, state)) = &batch.file {
            let progress = serde_json::to_string(progress).unwrap_or_default();
            transaction
                .prepare_cached("UPDATE file SET progress = ?2, state = ?3 WHERE number = ?1")?
                .execute(params![number, progress, state_text(*state)])?;
            for (sender, receiver, isa13) in &batch.control_numbers {
                transaction
                    .prepare_cached("INSERT OR REPLACE INTO control_number VALUES (?1, ?2, ?3, ?4)")?
                    .execute(params![sender, receiver, isa13, number])?;
            }
        }
        payables::settle(&transaction, &self.payees, &batch.facts)?;
        reversals::insert(&transaction, &self.payees, first, &batch.facts)?;
        remits::note(&transaction, first, &batch.facts)?;
        for (counter, value) in &batch.counters {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO counter VALUES (?1, ?2)")?
                .execute(params![counter.name(), value])?;
        }
        for (delivery, delivered) in &batch.delivered {
            let state = serde_json::to_string(delivered).unwrap_or_default();
            transaction
                .prepare_cached("INSERT OR REPLACE INTO delivery VALUES (?1, ?2)")?
                .execute(params![delivery, state])?;
        }
        for (partner, look) in &batch.put_away {
            transaction
                .prepare_cached("DELETE FROM taken WHERE partner = ?1 AND name = ?2 AND bytes = ?3 AND modified = ?4")?
                .execute(params![partner.as_str(), look.name.as_bytes(), as_i64(look.bytes), look.modified])?;
        }
        if let Some((partner, look, file)) = &batch.taken {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO taken SELECT ?1, ?2, ?3, ?4, number FROM file WHERE digest = ?5")?
                .execute(params![
                    partner.as_str(),
                    look.name.as_bytes(),
                    as_i64(look.bytes),
                    look.modified,
                    file.as_bytes()
                ])?;
        }
        reach("ledger::append::before-commit")?;
        transaction.commit()?;
        reach("ledger::append::after-commit")?;
        Ok(first)
    }

    /// The file of this digest.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn file_row(&self, digest: &FileDigest) -> Result<Option<FileRow>, LedgerError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT number, digest, partner, bytes, received_at, state, progress FROM file WHERE digest = ?1")?;
        Ok(statement.query_row([digest.as_bytes()], read_file_row).optional()?)
    }
}

fn read_file_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<FileRow> {
    let state: String = row.get(5)?;
    let progress: String = row.get(6)?;
    let damaged = |column| rusqlite::Error::InvalidColumnType(column, "unreadable".into(), rusqlite::types::Type::Text);
    Ok(FileRow {
        number: row.get(0)?,
        file: FileDigest::from_bytes(row.get(1)?),
        partner: PartnerId::new(row.get::<_, String>(2)?),
        bytes: row.get::<_, i64>(3)?.unsigned_abs(),
        received_at: Timestamp::from_unix_seconds(row.get(4)?),
        state: match state.as_str() {
            "open" => FileState::Open,
            "completed" => FileState::Completed,
            "rejected" => FileState::Rejected,
            _ => return Err(damaged(5)),
        },
        progress: serde_json::from_str(&progress).map_err(|_| damaged(6))?,
    })
}

fn state_text(state: FileState) -> &'static str {
    match state {
        FileState::Open => "open",
        FileState::Completed => "completed",
        FileState::Rejected => "rejected",
    }
}

impl Ledger for SqliteLedger {
    fn admit(&mut self, arrival: &Arrival) -> Result<Admission, LedgerError> {
        let known = self.file_row(&arrival.file)?;
        let transaction = Step::begin(&self.connection)?;
        let number = match &known {
            Some(row) => row.number,
            None => {
                let progress = serde_json::to_string(&Progress::default()).unwrap_or_default();
                transaction.execute(
                    "INSERT INTO file(digest, partner, bytes, received_at, state, progress) VALUES (?1, ?2, ?3, ?4, 'open', ?5)",
                    params![
                        arrival.file.as_bytes(),
                        arrival.partner.as_str(),
                        as_i64(arrival.bytes),
                        arrival.received_at.unix_seconds(),
                        progress
                    ],
                )?;
                let number = transaction.last_insert_rowid();
                let fact = Fact::FileReceived(crate::events::fact::FileReceived {
                    file: arrival.file,
                    partner: arrival.partner.clone(),
                    bytes: arrival.bytes,
                    received_at: arrival.received_at,
                });
                journal::insert(&transaction, &self.key, std::slice::from_ref(&fact))?;
                number
            }
        };
        transaction.execute(
            "INSERT INTO receipt(file, received_at) VALUES (?1, ?2)",
            params![number, arrival.received_at.unix_seconds()],
        )?;
        let receipt = transaction.last_insert_rowid().unsigned_abs();
        if let Some(row) = known.as_ref().filter(|row| row.state != FileState::Open) {
            let fact = Fact::FileDuplicate(crate::events::fact::FileDuplicate {
                file: row.file,
                partner: arrival.partner.clone(),
                receipt,
                received_at: arrival.received_at,
            });
            journal::insert(&transaction, &self.key, std::slice::from_ref(&fact))?;
        }
        reach("ledger::admit::before-commit")?;
        transaction.commit()?;
        reach("ledger::admit::after-commit")?;
        Ok(match known {
            Some(row) if row.state == FileState::Open => Admission::Unfinished(row),
            Some(row) => Admission::Duplicate(row),
            None => Admission::New(self.file_row(&arrival.file)?.ok_or(LedgerError::Inconsistent {
                what: "a recorded file is missing",
            })?),
        })
    }

    fn append(&mut self, batch: &Batch) -> Result<Seq, LedgerError> {
        let appended = self.append_in_one_transaction(batch);
        if appended.is_err() {
            // Payees that came with the batch went with it: their numbers will be those of others.
            self.payees = Payees::read(&self.connection, &self.key)?;
        }
        appended
    }

    fn begin_together(&mut self) -> Result<(), LedgerError> {
        Ok(self.connection.execute_batch("BEGIN")?)
    }

    fn commit_together(&mut self) -> Result<(), LedgerError> {
        reach("ledger::together::before-commit")?;
        self.connection.execute_batch("COMMIT")?;
        reach("ledger::together::after-commit")?;
        Ok(())
    }

    fn undo_together(&mut self) -> Result<(), LedgerError> {
        if !self.connection.is_autocommit() {
            self.connection.execute_batch("ROLLBACK")?;
        }
        self.payees = Payees::read(&self.connection, &self.key)?;
        Ok(())
    }

    fn facts(&self, from: Seq, count: usize) -> Result<Vec<(Seq, Fact)>, LedgerError> {
        journal::read(&self.connection, &self.key, from, count)
    }

    fn fact_heads(&self, from: Seq, count: usize) -> Result<Vec<(Seq, FactHead)>, LedgerError> {
        journal::read(&self.connection, &self.key, from, count)
    }

    fn answers(&self, after: Seq, count: usize) -> Result<Vec<(Seq, Fact)>, LedgerError> {
        journal::read_answers(&self.connection, &self.key, after, count)
    }

    fn facts_at(&self, positions: &[Seq]) -> Result<Vec<Fact>, LedgerError> {
        journal::read_at(&self.connection, &self.key, positions)
    }

    fn last_seq(&self) -> Result<Seq, LedgerError> {
        Ok(journal::last_seq(&self.connection)?)
    }

    fn counter(&self, counter: Counter) -> Result<u32, LedgerError> {
        let mut statement = self.connection.prepare_cached("SELECT value FROM counter WHERE name = ?1")?;
        Ok(statement.query_row([counter.name()], |row| row.get(0)).optional()?.unwrap_or(0))
    }

    fn fact(&self, seq: Seq) -> Result<Fact, LedgerError> {
        journal::read_at(&self.connection, &self.key, &[seq])?.pop().ok_or(LedgerError::Inconsistent {
            what: "a journal position without fact",
        })
    }

    fn control_number_received(&self, sender: &str, receiver: &str, isa13: &str, other_than: i64) -> Result<Option<Timestamp>, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT received_at FROM control_number JOIN file ON file.number = control_number.file WHERE sender = ?1 AND receiver = ?2 AND isa13 = ?3 AND file.number != ?4",
        )?;
        let received: Option<i64> = statement.query_row(params![sender, receiver, isa13, other_than], |row| row.get(0)).optional()?;
        Ok(received.map(Timestamp::from_unix_seconds))
    }

    fn fingerprints(&self, after: Seq, each: &mut dyn FnMut(Seq, &[LineEntry])) -> Result<(), LedgerError> {
        let mut statement = self
            .connection
            .prepare("SELECT first_seq, entries FROM line_run WHERE first_seq > ?1 ORDER BY first_seq")?;
        let mut rows = statement.query([as_i64(after)])?;
        while let Some(row) = rows.next()? {
            let entries = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
            let entries: Vec<LineEntry> = entries.as_chunks::<32>().0.iter().map(line_index::split).collect();
            each(row.get::<_, i64>(0)?.unsigned_abs(), &entries);
        }
        Ok(())
    }

    fn units_used(&self) -> Result<Vec<(AuthorizationRow, Quantity)>, LedgerError> {
        let mut statement = self.connection.prepare("SELECT authorization_row, units FROM unit_use")?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
        rows.map(|row| {
            let (row, units) = row?;
            Ok((AuthorizationRow::from_u64(row.cast_unsigned()), stored_units(&units)?))
        })
        .collect()
    }

    fn payees_due(&self) -> Result<Vec<PayeeDue>, LedgerError> {
        payables::payees_due(&self.connection, &self.payees)
    }

    fn claims_due(&self, payee: i64, after: Seq, count: usize) -> Result<Vec<ClaimDue>, LedgerError> {
        payables::claims_due(&self.connection, payee, after, count)
    }

    fn claims_due_by_receipt(&self) -> Result<Vec<(chrono::NaiveDate, u64)>, LedgerError> {
        payables::claims_due_by_receipt(&self.connection)
    }

    fn balance(&self, payee: i64) -> Result<PayeeBalance, LedgerError> {
        reversals::balance(&self.connection, payee)
    }

    fn reversal_of(&self, decided: Seq) -> Result<Option<Seq>, LedgerError> {
        reversals::reversal_of(&self.connection, decided)
    }

    fn reversed_claims(&self) -> Result<Vec<ClaimId>, LedgerError> {
        reversals::reversed_claims(&self.connection)
    }

    fn claims_between(&self, after: Seq, up_to: Seq, each: &mut dyn FnMut(Seq, Vec<ClaimEntry>)) -> Result<(), LedgerError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT first_seq, entries FROM claim_run WHERE first_seq > ?1 AND first_seq <= ?2 ORDER BY first_seq")?;
        let mut rows = statement.query([as_i64(after), as_i64(up_to)])?;
        while let Some(row) = rows.next()? {
            let entries = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
            let entries = entries.as_chunks::<24>().0.iter().map(claim_index::split).collect();
            each(row.get::<_, i64>(0)?.unsigned_abs(), entries);
        }
        Ok(())
    }

    fn files_after(&self, number: i64) -> Result<Vec<FileRow>, LedgerError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT number, digest, partner, bytes, received_at, state, progress FROM file WHERE number > ?1 ORDER BY number")?;
        let rows = statement.query_map([number], read_file_row)?;
        rows.map(|row| Ok(row?)).collect()
    }

    fn find_claim(&self, claim: &ClaimId) -> Result<Option<Seq>, LedgerError> {
        let mut statement = self.connection.prepare("SELECT entries FROM claim_run ORDER BY first_seq DESC")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let entries = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?.as_chunks::<24>().0;
            if let Ok(found) = entries.binary_search_by(|entry| entry.split_at(16).0.cmp(claim.as_bytes())) {
                return Ok(entries
                    .get(found)
                    .and_then(|entry| entry.split_at(16).1.try_into().ok())
                    .map(Seq::from_be_bytes));
            }
        }
        Ok(None)
    }

    fn outbox_mark(&self, seq: Seq) -> Result<Option<OutboxMark>, LedgerError> {
        let generation: Vec<u8> = self
            .connection
            .query_row("SELECT value FROM meta WHERE name = 'generation'", [], |row| row.get(0))?;
        let sealed: Option<Vec<u8>> = if seq == 0 {
            Some(Vec::new())
        } else {
            let mut statement = self.connection.prepare_cached("SELECT sealed FROM journal WHERE seq = ?1")?;
            statement.query_row([as_i64(seq)], |row| row.get(0)).optional()?
        };
        Ok(sealed.map(|sealed| OutboxMark {
            generation: text_form::hex(&generation),
            seq,
            entry: blake3::hash(&sealed).to_hex().chars().take(32).collect(),
        }))
    }

    fn dead_letters(&self) -> Result<Vec<DeadLetterRow>, LedgerError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT letter, seq, event, is_redriven FROM dead_letter ORDER BY letter")?;
        let rows = statement.query_map([], |row| {
            Ok(DeadLetterRow {
                letter: row.get::<_, i64>(0)?.unsigned_abs(),
                seq: row.get::<_, i64>(1)?.unsigned_abs(),
                unit: row.get::<_, Option<u16>>(2)?.map_or(DeadUnit::Answer, DeadUnit::Event),
                is_redriven: row.get(3)?,
            })
        })?;
        rows.map(|row| Ok(row?)).collect()
    }

    fn taken(&self, partner: &PartnerId, look: &Taken) -> Result<Option<FileDigest>, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT digest FROM taken JOIN file ON file.number = taken.file WHERE taken.partner = ?1 AND name = ?2 AND taken.bytes = ?3 AND modified = ?4",
        )?;
        let found = statement.query_row(params![partner.as_str(), look.name.as_bytes(), as_i64(look.bytes), look.modified], |row| {
            row.get(0)
        });
        Ok(found.optional()?.map(FileDigest::from_bytes))
    }

    fn delivered(&self, delivery: &str) -> Result<Option<Delivered>, LedgerError> {
        let mut statement = self.connection.prepare_cached("SELECT state FROM delivery WHERE name = ?1")?;
        let state: Option<String> = statement.query_row([delivery], |row| row.get(0)).optional()?;
        match state {
            None => Ok(None),
            Some(state) => serde_json::from_str(&state).map(Some).map_err(|_| LedgerError::Inconsistent {
                what: "a delivery position is unreadable",
            }),
        }
    }
}

/// Units as this ledger wrote them. Taking unreadable ones for none would give them out again.
fn stored_units(text: &str) -> Result<Quantity, LedgerError> {
    text.parse().map_err(|_| LedgerError::Inconsistent {
        what: "the used units of an authorization are unreadable",
    })
}

/// One sorted run per batch and index: (fingerprint, claim) and (claim id, sequence).
fn insert_runs(connection: &Connection, first: Seq, batch: &Batch) -> Result<(), LedgerError> {
    if !batch.fingerprints.is_empty() {
        let mut entries: Vec<[u8; 32]> = batch
            .fingerprints
            .iter()
            .map(|(fingerprint, claim)| {
                let mut entry = [0; 32];
                entry
                    .iter_mut()
                    .zip(fingerprint.iter().chain(claim.as_bytes()))
                    .for_each(|(to, from)| *to = *from);
                entry
            })
            .collect();
        entries.sort_unstable();
        connection
            .prepare_cached("INSERT INTO line_run VALUES (?1, ?2)")?
            .execute(params![as_i64(first), entries.as_flattened()])?;
    }
    let mut claims: Vec<[u8; 24]> = (first..)
        .zip(&batch.facts)
        .filter_map(|(seq, fact)| {
            let claim = match fact {
                Fact::ClaimAdjudicated(decision) => decision.claim_id,
                Fact::ClaimRejected(rejection) => rejection.claim_id,
                Fact::FileReceived(_)
                | Fact::FileDuplicate(_)
                | Fact::FileRejected(_)
                | Fact::FileCompleted(_)
                | Fact::AckBuilt(_)
                | Fact::ClaimReversed(_)
                | Fact::RemitBuilt(_)
                | Fact::RemitDelivered(_)
                | Fact::RemitSent(_)
                | Fact::RemitAcknowledged(_)
                | Fact::DeadLettered(_)
                | Fact::Redriven(_) => return None,
            };
            let mut entry = [0; 24];
            entry
                .iter_mut()
                .zip(claim.as_bytes().iter().copied().chain(seq.to_be_bytes()))
                .for_each(|(to, from)| *to = from);
            Some(entry)
        })
        .collect();
    if !claims.is_empty() {
        claims.sort_unstable();
        connection
            .prepare_cached("INSERT INTO claim_run VALUES (?1, ?2)")?
            .execute(params![as_i64(first), claims.as_flattened()])?;
    }
    Ok(())
}

fn insert_dead_letters(connection: &Connection, first: Seq, facts: &[Fact]) -> Result<(), LedgerError> {
    for (seq, fact) in (first..).zip(facts) {
        if let Fact::DeadLettered(letter) = fact {
            let event = match letter.unit {
                DeadUnit::Answer => None,
                DeadUnit::Event(place) => Some(place),
            };
            connection
                .prepare_cached("INSERT INTO dead_letter VALUES (?1, ?2, ?3, 0)")?
                .execute(params![as_i64(seq), as_i64(letter.seq), event])?;
        }
        if let Fact::Redriven(redriven) = fact {
            connection
                .prepare_cached("UPDATE dead_letter SET is_redriven = 1 WHERE letter = ?1")?
                .execute([as_i64(redriven.letter)])?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Numbers;
    use super::*;
    use crate::ids::{Npi, Tin};

    fn arrival() -> Arrival {
        Arrival {
            file: FileDigest::from_bytes([1; 32]),
            partner: PartnerId::new("default"),
            bytes: 10,
            received_at: Timestamp::from_unix_seconds(1_790_000_000),
        }
    }

    fn open(directory: &Path) -> SqliteLedger {
        let path = directory.join("keys");
        if !path.exists() {
            std::fs::write(&path, Keys::generate().unwrap().as_bytes()).unwrap();
        }
        SqliteLedger::open(&directory.join("ledger.db"), &Keys::parse(&std::fs::read_to_string(path).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn a_file_is_admitted_once() {
        let directory = tempfile::tempdir().unwrap();
        let mut ledger = open(directory.path());
        let Admission::New(row) = ledger.admit(&arrival()).unwrap() else {
            panic!("new")
        };
        assert!(matches!(ledger.admit(&arrival()).unwrap(), Admission::Unfinished(_)));
        let progress = Progress {
            claims: 3,
            ..Progress::default()
        };
        ledger
            .append(&Batch {
                file: Some((row.number, progress, FileState::Completed)),
                ..Batch::default()
            })
            .unwrap();
        drop(ledger);
        let mut ledger = open(directory.path());
        let Admission::Duplicate(row) = ledger.admit(&arrival()).unwrap() else {
            panic!("duplicate")
        };
        assert_eq!(row.progress.claims, 3);
        let facts = ledger.facts(1, 10).unwrap();
        assert!(
            matches!(facts.as_slice(), [(1, Fact::FileReceived(_)), (2, Fact::FileDuplicate(_))]),
            "{facts:?}"
        );
    }

    #[test]
    fn numbers_never_repeat_and_units_add_up() {
        let directory = tempfile::tempdir().unwrap();
        let mut ledger = open(directory.path());
        let mut numbers = Numbers::after_last(&ledger, Counter::Interchange).unwrap();
        assert_eq!((numbers.take(), numbers.take()), (1, 2));
        ledger
            .append(&Batch {
                counters: vec![numbers.used()],
                ..Batch::default()
            })
            .unwrap();
        assert_eq!(
            (ledger.counter(Counter::Interchange).unwrap(), ledger.counter(Counter::Payment).unwrap()),
            (2, 0)
        );
        for _ in 0..2 {
            ledger
                .append(&Batch {
                    units: vec![(AuthorizationRow::from_u64(u64::MAX), Quantity::whole(2))],
                    ..Batch::default()
                })
                .unwrap();
        }
        assert_eq!(ledger.units_used().unwrap(), [(AuthorizationRow::from_u64(u64::MAX), Quantity::whole(4))]);
        // A sum has more digits than one line may bill, and is still the sum.
        let most: Quantity = "9999999999.99".parse().unwrap();
        for _ in 0..2 {
            ledger
                .append(&Batch {
                    units: vec![(AuthorizationRow::from_u64(1), most)],
                    ..Batch::default()
                })
                .unwrap();
        }
        assert_eq!(ledger.units_used().unwrap().last(), Some(&(AuthorizationRow::from_u64(1), most + most)));
    }

    #[test]
    fn a_ledger_of_version_2_is_taken_over() {
        let directory = tempfile::tempdir().unwrap();
        let mut ledger = open(directory.path());
        ledger.admit(&arrival()).unwrap();
        let mark = ledger.outbox_mark(1).unwrap().unwrap();
        ledger
            .connection
            .execute_batch(
                "DROP TABLE dead_letter; DROP TABLE answer; DROP TABLE taken; DROP TABLE remit; DROP TABLE reversed; DROP TABLE payee_balance; ALTER TABLE payable DROP COLUMN principal; DELETE FROM meta WHERE name = 'generation'; ALTER TABLE payee ADD COLUMN npi TEXT; ALTER TABLE payee ADD COLUMN tin TEXT; PRAGMA user_version = 2;
                 INSERT INTO payee VALUES (1, x'', '1234567893', '951234567');
                 INSERT INTO delivery VALUES ('outbound', '{\"seq\":1,\"lengths\":{\"files\":7}}');",
            )
            .unwrap();
        drop(ledger);
        let ledger = open(directory.path());
        for delivery in ["files", "event-log"] {
            let delivered = ledger.delivered(delivery).unwrap().unwrap();
            assert_eq!((delivered.seq, delivered.lengths.get("files")), (1, Some(&7)), "{delivery}");
        }
        assert_eq!(ledger.delivered("outbound").unwrap(), None);
        assert_eq!(ledger.dead_letters().unwrap(), []);
        let after = ledger.outbox_mark(1).unwrap().unwrap();
        assert_eq!((after.seq, &after.entry), (1, &mark.entry));
        assert_ne!(after.generation, mark.generation);
        assert_eq!(ledger.outbox_mark(2).unwrap(), None);
        let payee = (Npi::parse(b"1234567893").unwrap(), Tin::parse(b"951234567").ok());
        assert_eq!(ledger.payees.number(&payee), Some(1));
        drop(ledger);
        let stored = std::fs::read(directory.path().join("ledger.db")).unwrap();
        assert!(!stored.windows(9).any(|window| window == b"951234567"));
        assert_eq!(open(directory.path()).outbox_mark(1).unwrap(), Some(after));
    }

    #[test]
    fn another_key_does_not_open_the_ledger() {
        let directory = tempfile::tempdir().unwrap();
        drop(open(directory.path()));
        std::fs::remove_file(directory.path().join("keys")).unwrap();
        let other = Keys::parse(&Keys::generate().unwrap()).unwrap();
        assert!(matches!(
            SqliteLedger::open(&directory.path().join("ledger.db"), &other),
            Err(LedgerError::Seal(_))
        ));
    }
}
