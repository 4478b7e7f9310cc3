//! What must be right whatever process looks: gauges derived from the ledger.

use std::time::{Duration, SystemTime};

use chrono::{Days, NaiveDate};
use metrics::{counter, gauge};

use super::outbound::lags;
use super::reference_store;
use super::remit_answers::Outcome;
use super::tally;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::delivery::FILES_DELIVERY;
use crate::events::fact::{DeadUnit, Fact};
use crate::ids::ContentDigest;
use crate::intake::data_directory::DataDirectory;
use crate::ledger::remits::Remits;
use crate::ledger::{FileState, Ledger, LedgerError};
use crate::limits;
use crate::tables::rules::RulePack;
use crate::telemetry as names;

/// Sets the gauges; remembers the files that were closed before, which never change, so that a look costs
/// what came since.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Every file up to this number is closed.
    closed_through: i64,
    /// Of those files.
    imbalance: u64,
}

impl Gauges {
    /// Looks and sets. `rules` says how soon a payment is due; the ledger may be a reading connection.
    ///
    /// # Errors
    /// [`LedgerError`]; then some gauges are as they were.
    pub fn refresh(&mut self, ledger: &(impl Ledger + Remits), config: &Config, rules: &RulePack) -> Result<(), LedgerError> {
        let now = Timestamp::now();
        let (files_lag, events_lag) = lags(ledger, config)?;
        for (delivery, lag) in [("files", files_lag), ("events", events_lag)] {
            gauge!(names::OUTBOX_LAG_EVENTS, "delivery" => delivery).set(lag as f64);
        }
        dead_letters(ledger)?;
        remits(ledger, config, now)?;
        let (imbalance, late_files) = self.files(ledger, now)?;
        gauge!(names::CONSERVATION_IMBALANCE).set(imbalance as f64);
        gauge!(names::ACKS_OVERDUE).set((late_files + late_answers(ledger, now)?) as f64);
        let due = due(&ledger.claims_due_by_receipt()?, now.date_in(config.payer.timezone), rules.prompt_pay.days);
        for (within, claims) in ["late", "1d", "5d"].into_iter().zip(due) {
            gauge!(names::DUE_CLAIMS, "within" => within).set(claims as f64);
        }
        Ok(())
    }

    /// The imbalance of all files, and how many are open for too long.
    fn files(&mut self, ledger: &impl Ledger, now: Timestamp) -> Result<(u64, u64), LedgerError> {
        let (mut open_imbalance, mut late, mut is_contiguous) = (0, 0, true);
        for row in ledger.files_after(self.closed_through)? {
            let imbalance = row.progress.counts.conservation().unsigned_abs();
            let is_closed = row.state != FileState::Open;
            is_contiguous &= is_closed;
            if is_contiguous {
                self.closed_through = row.number;
                self.imbalance += imbalance;
            } else {
                open_imbalance += imbalance;
            }
            late += u64::from(!is_closed && is_overdue(row.received_at, now));
        }
        Ok((self.imbalance + open_imbalance, late))
    }
}

/// Which program and rule pack decide, and how old the reference data is. For the start, and after a load.
pub fn describe(directory: &DataDirectory, rules: ContentDigest) {
    gauge!(names::BUILD_INFO, "version" => env!("CARGO_PKG_VERSION"), "rules" => rules.to_string()).set(1.0);
    reference_age(directory);
}

/// How old the reference data is; absent as long as none was loaded.
pub fn reference_age(directory: &DataDirectory) {
    if let Some(loaded_at) = reference_store::loaded_at(&directory.refdata()) {
        let age = SystemTime::now().duration_since(loaded_at).unwrap_or(Duration::ZERO);
        gauge!(names::REFDATA_AGE_SECONDS).set(age.as_secs_f64().floor());
    }
}

fn is_overdue(since: Timestamp, now: Timestamp) -> bool {
    now.unix_seconds().saturating_sub(since.unix_seconds()) > limits::ACKNOWLEDGE_WITHIN_SECONDS
}

fn dead_letters(ledger: &impl Ledger) -> Result<(), LedgerError> {
    let letters = ledger.dead_letters()?;
    for unit in [DeadUnit::Answer, DeadUnit::Event(0)] {
        let open = letters.iter().filter(|row| !row.is_redriven && row.unit.stage() == unit.stage()).count();
        gauge!(names::DLQ_DEPTH, "stage" => unit.stage()).set(open as f64);
    }
    let redriven = letters.iter().filter(|row| row.is_redriven).count() as u64;
    counter!(names::DLQ_REDRIVEN_TOTAL).absolute(redriven);
    Ok(())
}

/// 835s that partners have and said nothing of. What is alerted on is there from the start.
fn remits(ledger: &impl Remits, config: &Config, now: Timestamp) -> Result<(), LedgerError> {
    for partner in &config.partners {
        let id = &partner.profile.id;
        let overdue = ledger.remits_unanswered(id, Some(partner.remit.overdue_since(now)))?;
        gauge!(names::REMITS_UNACKNOWLEDGED, "partner" => id.to_string()).set(ledger.remits_unanswered(id, None)? as f64);
        gauge!(names::REMITS_OVERDUE, "partner" => id.to_string()).set(overdue as f64);
        tally::remits_answered(id, Outcome::Rejected, 0);
    }
    Ok(())
}

/// Acknowledgements that were built long ago and not written.
fn late_answers(ledger: &impl Ledger, now: Timestamp) -> Result<u64, LedgerError> {
    let written = ledger.delivered(FILES_DELIVERY)?.unwrap_or_default().seq;
    let waiting = ledger.answers(written, limits::OVERDUE_ANSWERS_READ)?;
    let is_late = |fact: &Fact| matches!(fact, Fact::AckBuilt(ack) if is_overdue(ack.built_at, now));
    Ok(waiting.iter().filter(|(_, fact)| is_late(fact)).count() as u64)
}

/// Claims whose payment is late, due today or tomorrow, due in the four days after; each counts once.
fn due(waiting: &[(NaiveDate, u64)], today: NaiveDate, days: u32) -> [u64; 3] {
    let mut due = [0; 3];
    for (received_on, claims) in waiting {
        let left = received_on.checked_add_days(Days::new(u64::from(days))).map(|last| (last - today).num_days());
        let [late, day, week] = &mut due;
        match left {
            Some(..0) => *late += claims,
            Some(0..=1) => *day += claims,
            Some(2..=5) => *week += claims,
            Some(6..) | None => {}
        }
    }
    due
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{FileDigest, PartnerId};
    use crate::ledger::{Arrival, Batch, Progress};
    use crate::pipeline::house::{House, Opening};

    #[test]
    fn a_payment_is_due_on_the_last_of_its_days() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let today = day("2026-03-31");
        for (received, due_now) in [
            ("2026-02-28", [7, 0, 0]), // 30 days end on 30 March
            ("2026-03-01", [0, 7, 0]),
            ("2026-03-02", [0, 7, 0]),
            ("2026-03-03", [0, 0, 7]),
            ("2026-03-06", [0, 0, 7]),
            ("2026-03-07", [0, 0, 0]),
        ] {
            assert_eq!(due(&[(day(received), 7)], today, 30), due_now, "{received}");
        }
        assert_eq!(due(&[(day("2026-02-01"), 1), (day("2026-02-02"), 2)], today, 30), [3, 0, 0]);
    }

    #[test]
    fn files_count_once_and_an_imbalance_stays() {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config::parse("test", "", std::iter::empty()).unwrap();
        config.service.data_dir = directory.path().to_path_buf();
        let mut house = House::open(config, Opening::MayCreate).unwrap();
        let now = Timestamp::now();
        let long_ago = Timestamp::from_unix_seconds(now.unix_seconds() - limits::ACKNOWLEDGE_WITHIN_SECONDS - 1);
        let mut arrive = |digest: u8, received_at| {
            let arrival = Arrival {
                file: FileDigest::from_bytes([digest; 32]),
                partner: PartnerId::new("officeally"),
                bytes: 1,
                received_at,
            };
            match house.ledger.admit(&arrival).unwrap() {
                crate::ledger::Admission::New(row) => row.number,
                other => panic!("{other:?}"),
            }
        };
        let (first, second, third) = (arrive(1, now), arrive(2, long_ago), arrive(3, now));
        let mut close = |number, received, rejected, state| {
            let mut progress = Progress::default();
            (progress.counts.received, progress.counts.rejected) = (received, rejected);
            let file = Some((number, progress, state));
            house.ledger.append(&Batch { file, ..Batch::default() }).unwrap();
        };
        close(first, 2, 2, FileState::Completed);
        close(second, 3, 2, FileState::Open);
        close(third, 1, 3, FileState::Rejected);
        let mut gauges = Gauges::default();
        assert_eq!(gauges.files(&house.ledger, now).unwrap(), (3, 1), "differences do not cancel out");
        assert_eq!(
            gauges,
            Gauges {
                closed_through: first,
                imbalance: 0
            }
        );

        let mut progress = Progress::default();
        (progress.counts.received, progress.counts.rejected) = (2, 2);
        house
            .ledger
            .append(&Batch {
                file: Some((second, progress, FileState::Completed)),
                ..Batch::default()
            })
            .unwrap();
        assert_eq!(gauges.files(&house.ledger, now).unwrap(), (2, 0));
        assert_eq!(gauges.files(&house.ledger, now).unwrap(), (2, 0), "nothing is counted twice");
        assert_eq!(gauges.closed_through, third);
        gauges.refresh(&house.ledger, &house.config, &house.rules).unwrap();
    }
}
