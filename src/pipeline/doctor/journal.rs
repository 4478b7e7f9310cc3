//! One walk over the journal: no gaps, every entry opens, and its claims add up to what the files say.

use std::collections::{BTreeMap, BTreeSet};

use super::acknowledged::Acknowledged;
use super::outgoing::Answers;
use super::reference::reference_data;
use super::store::Records;
use super::{Check, Named, OnProgress, Patient};
use crate::clock::Timestamp;
use crate::events::fact::{ClaimCounts, Fact};
use crate::ids::{ContentDigest, FileDigest};
use crate::ledger::sqlite::SqliteLedger;
use crate::ledger::{FileRow, FileState, Ledger, LedgerError, Seq};

/// Entries read at once.
const ROUND: usize = 2_048;

/// Seconds that a clock may go back: the machine's are set right in small steps.
const CLOCK_STEP_MAX: i64 = 300;

const RESTORE: &str = "restore the newest backup and take in again what came after it";

/// What the walk saw.
#[derive(Default)]
pub(super) struct Walk<'a> {
    missing: Named,
    unreadable: Named,
    /// First decisions and rejections, by file.
    tallies: BTreeMap<FileDigest, ClaimCounts>,
    /// Files whose end the journal has.
    ended: BTreeSet<FileDigest>,
    acknowledged: Acknowledged<'a>,
    answers: Answers,
    /// Reference data that decisions name.
    reference: BTreeSet<ContentDigest>,
    latest: Option<Timestamp>,
}

/// Reads every entry once.
///
/// # Errors
/// [`LedgerError`] when the database fails; an entry that does not open is a finding.
pub(super) fn walk<'a>(patient: &Patient<'a>, records: &Records, progress: OnProgress<'_>) -> Result<Walk<'a>, LedgerError> {
    let mut walk = Walk {
        acknowledged: Acknowledged::by(patient.config),
        answers: Answers::under(patient.directory.outbound(), records),
        ..Walk::default()
    };
    let mut expected = 1;
    while expected <= records.last_seq {
        let entries = read(patient.ledger, expected, records.last_seq)?;
        if entries.is_empty() {
            walk.missing.add(|| positions(expected, records.last_seq));
            break;
        }
        for (seq, fact) in entries {
            if seq > expected {
                walk.missing.add(|| positions(expected, seq - 1));
            }
            expected = seq + 1;
            match fact {
                Some(fact) => walk.accept(seq, &fact),
                None => walk.unreadable.add(|| positions(seq, seq)),
            }
        }
        progress(expected - 1, records.last_seq);
    }
    Ok(walk)
}

/// The next entries; `None` for one that does not open. Read one by one where a round has such an entry,
/// so that it can be named.
fn read(ledger: &SqliteLedger, from: Seq, last: Seq) -> Result<Vec<(Seq, Option<Fact>)>, LedgerError> {
    match ledger.facts(from, ROUND) {
        Ok(facts) => Ok(facts.into_iter().map(|(seq, fact)| (seq, Some(fact))).collect()),
        Err(error) if error.is_integrity_failure() => {
            let mut entries = Vec::new();
            for seq in from..=last {
                match ledger.fact(seq) {
                    Ok(fact) => entries.push((seq, Some(fact))),
                    Err(LedgerError::Inconsistent { .. }) => {}
                    Err(error) if error.is_integrity_failure() => entries.push((seq, None)),
                    Err(error) => return Err(error),
                }
                if entries.len() >= ROUND {
                    break;
                }
            }
            Ok(entries)
        }
        Err(error) => Err(error),
    }
}

fn positions(first: Seq, last: Seq) -> String {
    if first == last {
        format!("position {first}")
    } else {
        format!("positions {first} to {last}")
    }
}

impl<'a> Walk<'a> {
    fn accept(&mut self, seq: Seq, fact: &Fact) {
        self.acknowledged.accept(seq, fact);
        self.answers.accept(seq, fact);
        let at = match fact {
            Fact::FileReceived(_) | Fact::FileDuplicate(_) => None,
            Fact::FileRejected(rejected) => {
                self.ended.insert(rejected.file);
                Some(rejected.rejected_at)
            }
            Fact::FileCompleted(completed) => {
                self.ended.insert(completed.file);
                Some(completed.completed_at)
            }
            Fact::AckBuilt(ack) => Some(ack.built_at),
            Fact::ClaimRejected(rejection) => {
                self.tallies.entry(rejection.source.file).or_default().rejected(rejection.echo.charge);
                Some(rejection.decided_at)
            }
            Fact::ClaimAdjudicated(decision) => {
                self.reference.insert(decision.refdata);
                let determination = &decision.determination;
                // A later version decides a claim again that is counted already.
                if decision.version == 1 {
                    let tally = self.tallies.entry(decision.source.file).or_default();
                    tally.decided(determination.outcome(), determination.charge(), determination.paid());
                }
                Some(decision.decided_at)
            }
            Fact::ClaimReversed(reversal) => Some(reversal.reversed_at),
            Fact::RemitBuilt(remit) => Some(remit.built_at),
            Fact::RemitDelivered(delivered) => Some(delivered.delivered_at),
            Fact::RemitSent(sent) => Some(sent.sent_at),
            Fact::RemitAcknowledged(acknowledged) => Some(acknowledged.acknowledged_at),
            Fact::DeadLettered(letter) => Some(letter.parked_at),
            Fact::Redriven(_) => None,
        };
        self.latest = self.latest.max(at);
    }

    /// The checks that the walk answers, in the order of a report.
    pub fn checks(self, patient: &Patient<'_>, records: &Records) -> Vec<Check> {
        let mut checks = vec![self.sequence(records), self.conservation(records), clock(patient.now, self.latest)];
        let Walk {
            acknowledged,
            answers,
            reference,
            ..
        } = self;
        checks.push(acknowledged.check());
        checks.extend(answers.checks(patient));
        checks.push(reference_data(patient, &reference));
        checks
    }

    fn sequence(&self, records: &Records) -> Check {
        if self.missing.count > 0 {
            Check::damaged("journal", "entries are missing", RESTORE).about(self.missing.clone())
        } else if self.unreadable.count > 0 {
            let message = format!("{} of the entries were changed and do not open", self.unreadable.count);
            Check::damaged("journal", message, RESTORE).about(self.unreadable.clone())
        } else {
            Check::ok("journal", format!("{} entries without a gap, all of them authentic", records.last_seq))
        }
    }

    fn conservation(&self, records: &Records) -> Check {
        let differing: Named = records
            .files
            .iter()
            .filter_map(|row| self.difference(row).map(|what| format!("{}: {what}", row.file)))
            .collect();
        if differing.count == 0 {
            let received: u64 = records.files.iter().map(|row| row.progress.counts.received).sum();
            let message = format!("{received} claim(s) of {} file(s), each with one outcome", records.files.len());
            Check::ok("conservation", message)
        } else {
            let message = format!("the claims of {} file(s) do not add up", differing.count);
            Check::damaged("conservation", message, RESTORE).about(differing)
        }
    }

    /// Why a file's counts and the journal's claims do not agree.
    fn difference(&self, row: &FileRow) -> Option<String> {
        let counts = &row.progress.counts;
        if counts.conservation() != 0 {
            let accounted = i128::from(counts.received) - i128::from(counts.conservation());
            return Some(format!("{} claims received, {accounted} accounted for", counts.received));
        }
        let tally = self.tallies.get(&row.file).copied().unwrap_or_default();
        let outcomes = |counts: &ClaimCounts| [counts.paid, counts.denied, counts.pended, counts.forwarded, counts.recorded];
        let (ended, complete) = match row.state {
            FileState::Open => (true, tally.rejected == counts.rejected),
            FileState::Completed => (self.ended.contains(&row.file), tally.rejected <= counts.rejected),
            // Its claims were never let in: they have no entries of their own.
            FileState::Rejected => return (!self.ended.contains(&row.file)).then(|| "its rejection is not in the journal".to_string()),
        };
        if !ended {
            Some("its completion is not in the journal".to_string())
        } else if outcomes(&tally) != outcomes(counts) || !complete {
            let in_journal: u64 = outcomes(&tally).iter().sum();
            let counted: u64 = outcomes(counts).iter().sum();
            Some(format!("{counted} decided claims are counted, {in_journal} are in the journal"))
        } else if (tally.charge, tally.amount_paid) != (counts.charge, counts.amount_paid) {
            Some(format!("its sums differ from the journal's by {}", counts.amount_paid - tally.amount_paid))
        } else {
            None
        }
    }
}

/// A clock behind what it said before makes receipts earlier than they are.
fn clock(now: Timestamp, latest: Option<Timestamp>) -> Check {
    let behind = latest.map_or(0, |latest| latest.unix_seconds() - now.unix_seconds());
    if behind > CLOCK_STEP_MAX {
        let message = format!("the clock is {behind} seconds behind what the ledger recorded last");
        Check::fail("clock", message, "set the clock: receipt times and interest are counted by it")
    } else {
        Check::ok("clock", format!("{}, not behind the ledger", now.to_rfc3339()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Health;
    use super::*;

    #[test]
    fn a_clock_may_go_back_a_little() {
        let now = 1_790_000_000;
        for (latest, health) in [
            (None, Health::Ok),
            (Some(now - 1), Health::Ok),
            (Some(now + CLOCK_STEP_MAX), Health::Ok),
            (Some(now + CLOCK_STEP_MAX + 1), Health::Fail),
        ] {
            let check = clock(Timestamp::from_unix_seconds(now), latest.map(Timestamp::from_unix_seconds));
            assert_eq!(check.health, health, "{latest:?}");
        }
    }
}
