//! The ledger's database from outside: its pages, its copy, what it says of itself. Needs no key, and
//! changes nothing.

use std::path::Path;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};

use super::{LedgerError, Seq, journal};
use crate::text_form;

/// Versions before it can corrupt a write-ahead log that is reset while it is read.
const SQLITE_MIN: i32 = 3_051_003;

/// Pages copied between two calls of the progress.
const PAGES_PER_STEP: i32 = 256;

/// Pages of damage that SQLite lists.
const DAMAGE_LISTED: u32 = 10;

/// What a ledger says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerState {
    pub schema: i64,
    pub last_seq: Seq,
    /// Of the master key that wraps its record key.
    pub key_id: String,
    /// Made with the ledger, the same in its copies; `None` in ledgers of before there was one.
    pub generation: Option<String>,
}

/// Refuses an SQLite that can corrupt the ledger.
///
/// # Errors
/// [`LedgerError::SqliteTooOld`].
pub fn require_sound_sqlite() -> Result<(), LedgerError> {
    require_sound(rusqlite::version_number(), rusqlite::version())
}

fn require_sound(number: i32, text: &str) -> Result<(), LedgerError> {
    if number < SQLITE_MIN {
        Err(LedgerError::SqliteTooOld { found: text.to_string() })
    } else {
        Ok(())
    }
}

/// Opens an existing database for reading.
pub(super) fn connect_to_read(path: &Path) -> Result<Connection, LedgerError> {
    // Not SQLITE_OPEN_READ_ONLY: that leaves the files of its write-ahead log behind where there were none.
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -32768;")?;
    Ok(connection)
}

/// What SQLite finds wrong with the pages of the database: nothing when they are sound. `deep` also
/// compares indexes with their tables.
///
/// # Errors
/// [`LedgerError`] when the database cannot be asked.
pub fn damaged_pages(path: &Path, deep: bool) -> Result<Vec<String>, LedgerError> {
    let check = if deep { "integrity_check" } else { "quick_check" };
    let read = || -> Result<Vec<String>, LedgerError> {
        let connection = connect_to_read(path)?;
        let mut statement = connection.prepare(&format!("PRAGMA {check}({DAMAGE_LISTED})"))?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    };
    match read() {
        Ok(lines) if lines == ["ok"] => Ok(Vec::new()),
        Ok(lines) => Ok(lines),
        Err(LedgerError::Store(error)) if is_damage(&error) => Ok(vec![error.to_string()]),
        Err(error) => Err(error),
    }
}

/// The database is not as SQLite wrote it, as against one that can't be reached.
pub fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// What a ledger says of itself.
///
/// # Errors
/// [`LedgerError`].
pub fn state(path: &Path) -> Result<LedgerState, LedgerError> {
    state_of(&connect_to_read(path)?)
}

fn state_of(connection: &Connection) -> Result<LedgerState, LedgerError> {
    let meta = |name: &str| -> rusqlite::Result<Option<Vec<u8>>> {
        let mut statement = connection.prepare("SELECT value FROM meta WHERE name = ?1")?;
        statement.query_row([name], |row| row.get(0)).optional()
    };
    let wrapped = meta("record_key")?.unwrap_or_default();
    Ok(LedgerState {
        schema: connection.query_row("PRAGMA user_version", [], |row| row.get(0))?,
        last_seq: journal::last_seq(connection)?,
        key_id: text_form::hex(wrapped.get(..4).unwrap_or_default()),
        generation: meta("generation")?.map(|generation| text_form::hex(&generation)),
    })
}

/// Copies the database page by page, with what its write-ahead log has, into a file that does not exist
/// or is empty. The pages are those of the source, where `VACUUM INTO` would write others: so a copy can
/// be compared with it, and costs no more than reading it. `progress` is told pages copied, of how many.
///
/// # Errors
/// [`LedgerError`]; [`LedgerError::Inconsistent`] when the copy is not whole.
pub fn copy(path: &Path, to: &Path, progress: &dyn Fn(u64, u64)) -> Result<LedgerState, LedgerError> {
    let source = connect_to_read(path)?;
    let mut target = Connection::open(to)?;
    {
        let backup = Backup::new(&source, &mut target)?;
        loop {
            let step = backup.step(PAGES_PER_STEP)?;
            let (count, remaining) = (backup.progress().pagecount, backup.progress().remaining);
            progress(u64::from((count - remaining).unsigned_abs()), u64::from(count.unsigned_abs()));
            match step {
                StepResult::Done => break,
                StepResult::More => {}
                // Nobody else works on the directory; a reader from outside ends soon.
                _ => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }
    // One file that needs no log beside it; the next start turns the log on again.
    target.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    let state = state_of(&target)?;
    if state != state_of(&source)? {
        return Err(LedgerError::Inconsistent {
            what: "a copy differs from the ledger",
        });
    }
    Ok(state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::sqlite::SqliteLedger;
    use crate::sealing::Keys;

    #[test]
    fn an_sqlite_with_the_bug_is_refused() {
        assert!(matches!(require_sound(3_051_002, "3.51.2"), Err(LedgerError::SqliteTooOld { found }) if found == "3.51.2"));
        assert!(require_sound(3_051_003, "3.51.3").is_ok());
        assert!(require_sound_sqlite().is_ok());
    }

    #[test]
    fn a_copy_is_the_ledger_and_damage_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let [path, copied] = ["ledger.db", "copy.db"].map(|name| directory.path().join(name));
        let text = Keys::generate().unwrap();
        let keys = Keys::parse(&text).unwrap();
        assert!(SqliteLedger::open_to_read(&path, &keys).is_err() && !path.exists(), "a look makes no ledger");
        // Open while it is copied: what stands in its log is copied too.
        let open = SqliteLedger::open(&path, &keys).unwrap();
        let state = copy(&path, &copied, &|_, _| {}).unwrap();
        assert_eq!((state.last_seq, &state.key_id), (0, &keys.id()));
        drop(open);
        assert_eq!(super::state(&copied).unwrap(), state);
        assert!(SqliteLedger::open_to_read(&copied, &keys).is_ok());
        assert_eq!(damaged_pages(&copied, true).unwrap(), [""; 0]);
        let names = || {
            let mut names: Vec<_> = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        assert_eq!(names(), ["copy.db", "ledger.db"], "a look leaves nothing behind");

        let mut bytes = std::fs::read(&copied).unwrap();
        for byte in bytes.iter_mut().skip(16_384).step_by(7) {
            *byte ^= 0xff;
        }
        std::fs::write(&copied, bytes).unwrap();
        assert!(!damaged_pages(&copied, false).unwrap().is_empty());
        std::fs::write(&copied, "not a database, and long enough to be taken for one if nobody looked").unwrap();
        assert!(!damaged_pages(&copied, false).unwrap().is_empty());
    }
}
