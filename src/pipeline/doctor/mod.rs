//! `doctor`: is everything in the data directory as its ledger says, and can work go on?
//!
//! A look only: nothing is made, migrated or mended. It holds the lock of the directory while it looks,
//! because journal, event log and outbound files move one after the other: between two of those steps a
//! house that works well looks broken. A running service says how it is by `/readyz` and `/metrics`.
//!
//! To the next editor: a check has one sentence and one way out, and names what it is about by digest,
//! position or claim id, never by a value.

mod acknowledged;
mod archive;
mod broker;
mod directory;
mod journal;
mod outgoing;
mod reference;
mod store;

use crate::clock::Timestamp;
use crate::config::Config;
use crate::intake::data_directory::{DataDirectory, DataDirectoryError};
use crate::ledger::LedgerError;
use crate::ledger::sqlite::SqliteLedger;
use crate::limits;
use crate::sealing::Keys;

/// How one thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Health {
    /// It could not be looked at, or there is nothing to look at.
    Skipped,
    Ok,
    Warn,
    Fail,
    /// What is stored was changed, lost or contradicts itself.
    Damaged,
}

impl Health {
    /// As reports spell it; damage is a failure that also says so.
    pub fn as_str(self) -> &'static str {
        match self {
            Health::Skipped => "skipped",
            Health::Ok => "ok",
            Health::Warn => "warn",
            Health::Fail | Health::Damaged => "fail",
        }
    }
}

/// One check: how it is, in a sentence, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub name: &'static str,
    pub health: Health,
    pub message: String,
    pub remedy: Option<&'static str>,
    /// What it is about, at most `limits::DOCTOR_NAMES_MAX` of it.
    pub subjects: Vec<String>,
}

impl Check {
    fn new(name: &'static str, health: Health, message: impl Into<String>, remedy: Option<&'static str>) -> Check {
        Check {
            name,
            health,
            message: message.into(),
            remedy,
            subjects: Vec::new(),
        }
    }

    fn ok(name: &'static str, message: impl Into<String>) -> Check {
        Check::new(name, Health::Ok, message, None)
    }

    fn skipped(name: &'static str, message: impl Into<String>) -> Check {
        Check::new(name, Health::Skipped, message, None)
    }

    fn warn(name: &'static str, message: impl Into<String>, remedy: &'static str) -> Check {
        Check::new(name, Health::Warn, message, Some(remedy))
    }

    fn fail(name: &'static str, message: impl Into<String>, remedy: &'static str) -> Check {
        Check::new(name, Health::Fail, message, Some(remedy))
    }

    fn damaged(name: &'static str, message: impl Into<String>, remedy: &'static str) -> Check {
        Check::new(name, Health::Damaged, message, Some(remedy))
    }

    fn about(self, named: Named) -> Check {
        Check { subjects: named.names, ..self }
    }
}

/// Names, the first few of them kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Named {
    names: Vec<String>,
    count: u64,
}

impl Named {
    fn add(&mut self, name: impl FnOnce() -> String) {
        self.count += 1;
        if self.names.len() < limits::DOCTOR_NAMES_MAX {
            self.names.push(name());
        }
    }
}

impl<T: ToString> FromIterator<T> for Named {
    fn from_iter<I: IntoIterator<Item = T>>(names: I) -> Named {
        let mut named = Named::default();
        names.into_iter().for_each(|name| named.add(|| name.to_string()));
        named
    }
}

/// Called as work goes on: journal positions read, of how many.
pub type OnProgress<'a> = &'a dyn Fn(u64, u64);

/// Everything that is looked at.
struct Patient<'a> {
    config: &'a Config,
    directory: &'a DataDirectory,
    keys: &'a Keys,
    ledger: &'a SqliteLedger,
    deep: bool,
    now: Timestamp,
}

/// The checks that need an opened ledger.
const INSIDE: [&str; 11] = [
    "journal",
    "conservation",
    "clock",
    "acknowledgements",
    "outbound",
    "remittances",
    "reference-data",
    "files",
    "outbox",
    "event-log",
    "archive",
];

/// Looks at everything. `deep` reads every byte of the archive, every 835 and every index.
///
/// # Errors
/// [`DataDirectoryError`] when there is no data directory, or another process works in it.
pub fn examine(config: &Config, deep: bool, now: Timestamp, progress: OnProgress<'_>) -> Result<Vec<Check>, DataDirectoryError> {
    let directory = DataDirectory::look_at(&config.service.data_dir)?;
    let mut checks = vec![
        directory::modes(&directory),
        directory::disk(&directory),
        store::sqlite(),
        store::pages(&directory, deep),
    ];
    checks.push(directory::rules(config));
    let keys = directory.keys(config.phi.key_file.as_deref(), false);
    match keys.map(|(keys, _)| (SqliteLedger::open_to_read(&directory.ledger(), &keys), keys)) {
        Ok((Ok(ledger), keys)) => {
            checks.push(directory::keys(&directory, config, &keys));
            let patient = Patient {
                config,
                directory: &directory,
                keys: &keys,
                ledger: &ledger,
                deep,
                now,
            };
            inside(&patient, progress, &mut checks);
        }
        Ok((Err(error), _)) => {
            checks.push(not_opened(&error));
            checks.extend(INSIDE.map(|name| Check::skipped(name, "the ledger was not opened")));
        }
        Err(error) => {
            let remedy = "put the key file back where the configuration has it, or set [phi] key_file; without it nothing sealed can be read";
            checks.push(Check::fail("keys", error.to_string(), remedy));
            checks.extend(INSIDE.map(|name| Check::skipped(name, "needs the key")));
        }
    }
    checks.extend(broker::checks(config));
    Ok(checks)
}

fn inside(patient: &Patient<'_>, progress: OnProgress<'_>, checks: &mut Vec<Check>) {
    match store::Records::read(patient) {
        Ok(records) => {
            let walk = journal::walk(patient, &records, progress);
            match walk {
                Ok(walk) => checks.extend(walk.checks(patient, &records)),
                Err(error) => checks.push(unreadable("journal", &error)),
            }
            checks.extend([store::open_files(&records), store::outbox(&records), outgoing::event_log(patient, &records)]);
            checks.push(archive::archive(patient, &records));
        }
        Err(error) => checks.push(unreadable("ledger", &error)),
    }
}

fn not_opened(error: &LedgerError) -> Check {
    match error {
        LedgerError::Seal(_) => Check::fail(
            "keys",
            "the key file is not the one that this ledger was made with",
            "point [phi] key_file to the key file of this data directory",
        ),
        LedgerError::Schema { .. } => Check::fail(
            "schema",
            error.to_string(),
            "a newer program reads a newer schema; an older schema is migrated by the next start that works",
        ),
        other => unreadable("opening", other),
    }
}

fn unreadable(name: &'static str, error: &LedgerError) -> Check {
    const RESTORE: &str = "restore the newest backup";
    let message = match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    let is_damage = matches!(error, LedgerError::Store(store) if crate::ledger::inspection::is_damage(store));
    if is_damage || error.is_integrity_failure() {
        Check::damaged(name, message, RESTORE)
    } else {
        Check::fail(name, message, "see that the disk and the modes of the data directory are in order")
    }
}
