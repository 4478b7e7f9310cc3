//! The tables of `ledger.db`, their version, and how an older one is taken over.
//!
//! To the next editor: [`TABLES`] and the tables of [`remits`] and [`reversals`] are version [`VERSION`]; change them together
//! and write the migration.

use rusqlite::{Connection, params};

use super::{LedgerError, Seq, reach};
use super::{journal, payables, remits, reversals};
use crate::events::fact::Fact;
use crate::ids::{Npi, Tin};
use crate::sealing::{Keys, RecordKey};

/// Version 1 was never released; 2 had one delivery for events and files together, 3 had payees in
/// clear, 4 did not say which facts have answers, nor what was taken from which channel, and 5 did not know
/// which partner has which 835; 6 knew nothing of what is taken back.
const VERSION: i64 = 7;

/// Facts that a migration has in memory.
const FACTS_AT_ONCE: usize = 1_024;

const TABLES: &str = "
CREATE TABLE meta(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE file(number INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, partner TEXT NOT NULL, bytes INTEGER NOT NULL,
                  received_at INTEGER NOT NULL, state TEXT NOT NULL, progress TEXT NOT NULL);
CREATE TABLE receipt(number INTEGER PRIMARY KEY, file INTEGER NOT NULL REFERENCES file, received_at INTEGER NOT NULL);
CREATE TABLE control_number(sender TEXT, receiver TEXT, isa13 TEXT, file INTEGER NOT NULL REFERENCES file, PRIMARY KEY(sender, receiver, isa13)) WITHOUT ROWID;
CREATE TABLE journal(seq INTEGER PRIMARY KEY, sealed BLOB NOT NULL);
CREATE TABLE answer(seq INTEGER PRIMARY KEY);
CREATE TABLE taken(partner TEXT, name BLOB, bytes INTEGER NOT NULL, modified INTEGER NOT NULL, file INTEGER NOT NULL REFERENCES file, PRIMARY KEY(partner, name)) WITHOUT ROWID;
CREATE TABLE line_run(first_seq INTEGER PRIMARY KEY, entries BLOB NOT NULL);
CREATE TABLE claim_run(first_seq INTEGER PRIMARY KEY, entries BLOB NOT NULL);
CREATE TABLE unit_use(authorization_row INTEGER PRIMARY KEY, units TEXT NOT NULL);
CREATE TABLE payee(number INTEGER PRIMARY KEY, sealed BLOB NOT NULL);
CREATE TABLE payable(payee INTEGER NOT NULL REFERENCES payee, seq INTEGER NOT NULL, received_on INTEGER NOT NULL, charge INTEGER NOT NULL,
                     paid INTEGER NOT NULL, principal INTEGER, PRIMARY KEY(payee, seq)) WITHOUT ROWID;
CREATE TABLE counter(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE delivery(name TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE dead_letter(letter INTEGER PRIMARY KEY, seq INTEGER NOT NULL, event INTEGER, is_redriven INTEGER NOT NULL);
";

/// The record key of a database, which is made or brought to this version where it is new or older.
pub(super) fn open(connection: &Connection, keys: &Keys) -> Result<RecordKey, LedgerError> {
    match version(connection)? {
        0 => create(connection, keys),
        found @ 2..=VERSION => {
            let key = record_key(connection, keys)?;
            if found < 3 {
                migrate_from_2(connection)?;
            }
            if found < 4 {
                migrate_from_3(connection, &key)?;
            }
            if found < 5 {
                migrate_from_4(connection, &key)?;
            }
            if found < 6 {
                migrate_from_5(connection, &key)?;
            }
            if found < 7 {
                migrate_from_6(connection)?;
            }
            Ok(key)
        }
        found => Err(LedgerError::Schema { found, known: VERSION }),
    }
}

/// The record key of a database of this version.
pub(super) fn look_at(connection: &Connection, keys: &Keys) -> Result<RecordKey, LedgerError> {
    match version(connection)? {
        VERSION => record_key(connection, keys),
        found => Err(LedgerError::Schema { found, known: VERSION }),
    }
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn record_key(connection: &Connection, keys: &Keys) -> Result<RecordKey, LedgerError> {
    let wrapped: Vec<u8> = connection.query_row("SELECT value FROM meta WHERE name = 'record_key'", [], |row| row.get(0))?;
    Ok(keys.record_key(&wrapped)?)
}

fn create(connection: &Connection, keys: &Keys) -> Result<RecordKey, LedgerError> {
    let (wrapped, key) = keys.new_record_key()?;
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.execute_batch(remits::TABLE)?;
    transaction.execute_batch(reversals::TABLES)?;
    transaction.execute("INSERT INTO meta VALUES ('record_key', ?1)", [wrapped])?;
    transaction.execute("INSERT INTO meta VALUES ('generation', randomblob(16))", [])?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    reach("ledger::create::before-commit")?;
    transaction.commit()?;
    reach("ledger::create::after-commit")?;
    Ok(key)
}

/// Files and the event log have a position each, and the ledger a generation.
fn migrate_from_2(connection: &Connection) -> Result<(), LedgerError> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(
        "CREATE TABLE dead_letter(letter INTEGER PRIMARY KEY, seq INTEGER NOT NULL, event INTEGER, is_redriven INTEGER NOT NULL);
         INSERT INTO meta VALUES ('generation', randomblob(16));
         INSERT INTO delivery SELECT 'files', state FROM delivery WHERE name = 'outbound';
         UPDATE delivery SET name = 'event-log' WHERE name = 'outbound';",
    )?;
    transaction.pragma_update(None, "user_version", 3)?;
    transaction.commit()?;
    Ok(())
}

/// Payees are sealed: a TIN may be a person's social security number.
fn migrate_from_3(connection: &Connection, key: &RecordKey) -> Result<(), LedgerError> {
    let payees: Vec<(i64, String, String)> = connection
        .prepare("SELECT number, npi, tin FROM payee")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    // Rows of other tables go on naming the payees by number; what is dropped is overwritten.
    connection.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA secure_delete = ON;")?;
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch("DROP TABLE payee; CREATE TABLE payee(number INTEGER PRIMARY KEY, sealed BLOB NOT NULL);")?;
    for (number, npi, tin) in payees {
        let npi = Npi::parse(npi.as_bytes()).map_err(|_| LedgerError::Inconsistent { what: "a payee without NPI" })?;
        let sealed = payables::seal_payee(key, number, &(npi, Tin::parse(tin.as_bytes()).ok()))?;
        transaction.execute("INSERT INTO payee VALUES (?1, ?2)", params![number, sealed])?;
    }
    transaction.pragma_update(None, "user_version", 4)?;
    transaction.commit()?;
    connection.execute_batch("PRAGMA secure_delete = OFF; PRAGMA foreign_keys = ON; PRAGMA wal_checkpoint(TRUNCATE);")?;
    Ok(())
}

/// Facts with an answer are found without reading the others.
fn migrate_from_4(connection: &Connection, key: &RecordKey) -> Result<(), LedgerError> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(
        "CREATE TABLE answer(seq INTEGER PRIMARY KEY);
         CREATE TABLE taken(partner TEXT, name BLOB, bytes INTEGER NOT NULL, modified INTEGER NOT NULL, file INTEGER NOT NULL REFERENCES file, PRIMARY KEY(partner, name)) WITHOUT ROWID;",
    )?;
    let mut from = 1;
    loop {
        let facts: Vec<(Seq, Fact)> = journal::read(&transaction, key, from, FACTS_AT_ONCE)?;
        let Some((last, _)) = facts.last() else { break };
        from = last + 1;
        for (seq, _) in facts.iter().filter(|(_, fact)| fact.has_answer()) {
            transaction.execute("INSERT INTO answer VALUES (?1)", [journal::as_i64(*seq)])?;
        }
    }
    transaction.pragma_update(None, "user_version", 5)?;
    transaction.commit()?;
    Ok(())
}

/// 835s are known by what became of them. Those that were written are not sent by a partner's channel now:
/// something else has carried them.
fn migrate_from_5(connection: &Connection, key: &RecordKey) -> Result<(), LedgerError> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(remits::TABLE)?;
    remits::fill(&transaction, key)?;
    transaction.pragma_update(None, "user_version", 6)?;
    transaction.commit()?;
    Ok(())
}

/// Nothing was taken back, so everything that waits bears interest on all of it.
fn migrate_from_6(connection: &Connection) -> Result<(), LedgerError> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(reversals::TABLES)?;
    transaction.execute_batch("ALTER TABLE payable ADD COLUMN principal INTEGER; UPDATE payable SET principal = paid;")?;
    transaction.pragma_update(None, "user_version", 7)?;
    transaction.commit()?;
    Ok(())
}
