//! Small files in one transaction: all of them, or none. One sync costs as much as hundreds of claims, and
//! a small file alone has several.

use super::house::House;
use super::inbound::{Arrived, FileReport, InboundError, take_in_at_once};
use super::seen::Seen;
use super::underway::batch_claims;
use crate::config::Config;
use crate::ledger::sqlite::SqliteLedger;
use crate::ledger::{Ledger, LedgerError};
use crate::limits;

/// What still fits into one transaction.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    files: usize,
    bytes: u64,
    /// Of one file.
    bytes_max: u64,
}

impl Room {
    /// All of it. What `[limits] inflight_claims` says of claims is kept here in bytes.
    pub fn of(config: &Config) -> Room {
        let claims = config.limits.inflight_claims;
        Room {
            files: limits::FILES_TOGETHER,
            bytes: limits::BYTES_TOGETHER.min(limits::CLAIM_BYTES_TYPICAL * claims as u64),
            bytes_max: limits::SMALL_FILE_BYTES.min(limits::CLAIM_BYTES_TYPICAL * batch_claims(claims) as u64),
        }
    }

    /// Whether a file may be taken in with others at all.
    pub fn is_small(&self, bytes: u64) -> bool {
        bytes <= self.bytes_max
    }

    /// Makes room for a file, if there is some.
    pub fn take(&mut self, bytes: u64) -> bool {
        let fits = self.files > 0 && self.is_small(bytes) && bytes <= self.bytes;
        if fits {
            self.files -= 1;
            self.bytes -= bytes;
        }
        fits
    }
}

/// Takes in small files; `also` journals what belongs to each of them.
///
/// # Errors
/// [`InboundError`]; then nothing of them happened.
pub fn take_in_together(
    house: &mut House,
    seen: &Seen,
    arrived: &[Arrived],
    also: &mut dyn FnMut(&mut SqliteLedger, usize) -> Result<(), LedgerError>,
) -> Result<Vec<FileReport>, InboundError> {
    let mut undurable = Vec::new();
    house.ledger.begin_together()?;
    let mut take_in_all = || -> Result<Vec<FileReport>, InboundError> {
        let mut reports = Vec::with_capacity(arrived.len());
        for (place, file) in arrived.iter().enumerate() {
            reports.push(take_in_at_once(house, seen, file, &mut undurable)?);
            also(&mut house.ledger, place)?;
        }
        let _commit = tracing::info_span!("commit", files = arrived.len()).entered();
        house.ledger.commit_together()?;
        Ok(reports)
    };
    let reports = take_in_all();
    if reports.is_err() {
        house.ledger.undo_together()?;
    }
    let reports = reports?;
    for first in undurable {
        seen.batch_committed(first).map_err(LedgerError::Index)?;
    }
    seen.all_is_durable(house.ledger.last_seq()?);
    Ok(reports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_files_share_the_room_of_a_transaction() {
        let config = |inflight: &str| {
            let text = format!("[limits]\ninflight_claims = {inflight}\n");
            Config::parse("test", &text, std::iter::empty()).unwrap()
        };
        let mut room = Room::of(&config("50000"));
        assert!(room.take(0) && room.take(64 * 1024) && !room.take(64 * 1024 + 1));
        let taken = std::iter::repeat_with(|| room.take(8)).take_while(|taken| *taken).count();
        assert_eq!(taken, 126, "no more files");
        let mut room = Room::of(&config("50000"));
        let taken = std::iter::repeat_with(|| room.take(60_000)).take_while(|taken| *taken).count();
        assert_eq!(taken, 17, "no more bytes");
        // Sixteen claims in seven batches: two in each.
        let mut room = Room::of(&config("16"));
        assert!(!room.take(2049) && room.take(2048));
    }
}
