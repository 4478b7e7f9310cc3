//! The ledger's database, its file rows, and how far delivery has come.

use super::{Check, Named, Patient, unreadable};
use crate::delivery::FILES_DELIVERY;
use crate::intake::data_directory::DataDirectory;
use crate::ledger::inspection;
use crate::ledger::{DeadLetterRow, Delivered, FileRow, FileState, Ledger, LedgerError, Seq};
use crate::pipeline::outbox::events_delivery;

/// What the ledger keeps beside its journal.
pub(super) struct Records {
    /// Oldest first.
    pub files: Vec<FileRow>,
    pub last_seq: Seq,
    /// How far events and files have come.
    pub events: Delivered,
    pub files_delivered: Delivered,
    pub dead_letters: Vec<DeadLetterRow>,
}

impl Records {
    pub fn read(patient: &Patient<'_>) -> Result<Records, LedgerError> {
        Ok(Records {
            files: patient.ledger.files()?,
            last_seq: patient.ledger.last_seq()?,
            events: patient.ledger.delivered(&events_delivery(patient.config))?.unwrap_or_default(),
            files_delivered: patient.ledger.delivered(FILES_DELIVERY)?.unwrap_or_default(),
            dead_letters: patient.ledger.dead_letters()?,
        })
    }
}

pub(super) fn sqlite() -> Check {
    match inspection::require_sound_sqlite() {
        Ok(()) => Check::ok("sqlite", format!("version {}", rusqlite::version())),
        Err(error) => Check::fail("sqlite", error.to_string(), "build with the bundled SQLite (rusqlite feature `bundled`)"),
    }
}

pub(super) fn pages(directory: &DataDirectory, deep: bool) -> Check {
    match inspection::damaged_pages(&directory.ledger(), deep) {
        Ok(damage) if damage.is_empty() => Check::ok("ledger", if deep { "pages and indexes are sound" } else { "pages are sound" }),
        Ok(damage) => Check::damaged(
            "ledger",
            "the database is damaged",
            "restore the newest backup and take in again what came after it",
        )
        .about(damage.into_iter().collect()),
        Err(error) => unreadable("ledger", &error),
    }
}

pub(super) fn open_files(records: &Records) -> Check {
    let open: Named = records.files.iter().filter(|row| row.state == FileState::Open).map(|row| row.file).collect();
    if open.count == 0 {
        Check::ok("files", format!("{} file(s), all of them finished", records.files.len()))
    } else {
        let message = format!("{} of {} file(s) were interrupted", open.count, records.files.len());
        Check::warn("files", message, "`claimstream ingest` or `claimstream run` goes on where it stopped").about(open)
    }
}

pub(super) fn outbox(records: &Records) -> Check {
    let (delivered, last) = (records.events.seq.min(records.files_delivered.seq), records.last_seq);
    match last.checked_sub(delivered) {
        Some(0) => Check::ok("outbox", format!("all {last} facts are delivered")),
        Some(lag) => Check::fail(
            "outbox",
            format!("{lag} fact(s) wait for delivery, from position {} on", delivered + 1),
            "`claimstream ingest FILE`, `claimstream remit build` or `claimstream run` delivers what waits",
        ),
        None => Check::damaged(
            "outbox",
            format!("position {delivered} is delivered, and the journal ends at {last}"),
            "the end of the journal is lost: restore the newest backup",
        ),
    }
}

pub(super) fn dead_letters(records: &Records) -> Check {
    let waiting: Named = records
        .dead_letters
        .iter()
        .filter(|letter| !letter.is_redriven)
        .map(|letter| letter.letter)
        .collect();
    if waiting.count == 0 {
        Check::ok("dead-letters", "none waits")
    } else {
        let message = format!("{} unit(s) could not leave and were put aside", waiting.count);
        Check::warn(
            "dead-letters",
            message,
            "see why with `claimstream dlq ls`, and send them again with `claimstream dlq redrive`",
        )
        .about(waiting)
    }
}
