//! What the pipeline tells the metrics: once for a batch, a file, a round or a payment, never for each
//! claim or line. Everything is counted after it is committed.
//!
//! Counters belong to the process and begin at 0 with it; what must be right across a restart comes from
//! the ledger ([`super::gauges`]).

use std::collections::BTreeMap;
use std::time::Duration;

use metrics::{counter, gauge, histogram};

use super::remit_answers::Outcome;
use super::validation::report_envelopes;
use super::verdict::Survey;
use crate::adjudication::determination::{LineOutcome, PendReason};
use crate::adjudication::trace::Rule;
use crate::clock::Timestamp;
use crate::events::fact::{AckKind, ClaimCounts, Fact, RejectReason, RemitBuilt};
use crate::finding::{Finding, Severity, SnipLevel};
use crate::ids::{Carc, Form, PartnerId};
use crate::ledger::FileRow;
use crate::money::Money;
use crate::tables::reasons;
use crate::telemetry as names;

/// What the decisions of one batch said.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct BatchTally {
    reasons: BTreeMap<Carc, u64>,
    findings: FindingTally,
    pends: Vec<(PendReason, u64)>,
    /// Claims with a line that was there before.
    duplicates: u64,
}

/// Findings by SNIP level and severity.
#[derive(Debug, Default, PartialEq, Eq)]
struct FindingTally(BTreeMap<(SnipLevel, Severity), u64>);

impl BatchTally {
    pub fn of(facts: &[Fact]) -> BatchTally {
        let mut tally = BatchTally::default();
        for fact in facts {
            match fact {
                Fact::ClaimRejected(rejection) => rejection.findings.iter().for_each(|finding| tally.findings.add(finding)),
                Fact::ClaimAdjudicated(decision) => {
                    decision.findings.iter().for_each(|finding| tally.findings.add(finding));
                    let determination = &decision.determination;
                    let lines = determination.lines();
                    for adjustment in lines.iter().flat_map(|line| line.adjustments()) {
                        *tally.reasons.entry(adjustment.carc).or_default() += 1;
                    }
                    tally.duplicates += u64::from(lines.iter().any(|line| line.rule() == Rule::Duplicate && line.outcome() == LineOutcome::Denied));
                    determination.pend_reason().into_iter().for_each(|reason| tally.add_pend(reason));
                }
                Fact::FileReceived(_)
                | Fact::FileDuplicate(_)
                | Fact::FileRejected(_)
                | Fact::FileCompleted(_)
                | Fact::AckBuilt(_)
                | Fact::RemitBuilt(_)
                | Fact::ClaimReversed(_)
                | Fact::RemitDelivered(_)
                | Fact::RemitSent(_)
                | Fact::RemitAcknowledged(_)
                | Fact::DeadLettered(_)
                | Fact::Redriven(_) => {}
            }
        }
        tally
    }

    fn add_pend(&mut self, reason: PendReason) {
        match self.pends.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => self.pends.push((reason, 1)),
        }
    }

    /// `before` and `after`: the counts of the batch's file.
    pub fn record(&self, before: &ClaimCounts, after: &ClaimCounts) {
        decided(before, after);
        let mut others = 0;
        for (carc, count) in &self.reasons {
            // The list of reasons is closed: so is the label.
            match reasons::carc(carc) {
                Some(row) => counter!(names::DECISION_REASONS_TOTAL, "carc" => row.code.as_str()).increment(*count),
                None => others += count,
            }
        }
        if others > 0 {
            counter!(names::DECISION_REASONS_TOTAL, "carc" => "other").increment(others);
        }
        for (reason, count) in &self.pends {
            counter!(names::PENDS_TOTAL, "reason" => reason.as_str()).increment(*count);
        }
        if self.duplicates > 0 {
            counter!(names::DUPLICATES_TOTAL, "kind" => "claim").increment(self.duplicates);
        }
        self.findings.record();
    }
}

impl FindingTally {
    fn add(&mut self, finding: &Finding) {
        *self.0.entry((finding.check.snip(), finding.severity)).or_default() += 1;
    }

    fn record(&self) {
        for ((snip, severity), count) in &self.0 {
            let severity = match severity {
                Severity::Ignore => continue,
                Severity::Warn => "warning",
                Severity::Reject => "error",
            };
            counter!(names::FINDINGS_TOTAL, "snip" => snip.0.to_string(), "severity" => severity).increment(*count);
        }
    }
}

fn decided(before: &ClaimCounts, after: &ClaimCounts) {
    for (outcome, before, after) in [
        ("rejected", before.rejected, after.rejected),
        ("paid", before.paid, after.paid),
        ("denied", before.denied, after.denied),
        ("pended", before.pended, after.pended),
        ("forwarded", before.forwarded, after.forwarded),
        ("recorded", before.recorded, after.recorded),
    ] {
        counter!(names::DECISIONS_TOTAL, "outcome" => outcome).increment(after.saturating_sub(before));
    }
}

/// A batch of claims was decided, on all threads.
pub fn batch_decided(took: Duration) {
    histogram!(names::DECISION_SECONDS).record(took);
}

/// A rule, an edit or a look-up panicked on one claim.
pub fn rule_panicked(stage: &'static str) {
    counter!(names::RULE_PANICS_TOTAL, "stage" => stage).increment(1);
}

/// Pass 1 has read a file.
pub fn surveyed(bytes: u64, took: Duration) {
    counter!(names::PARSE_BYTES_TOTAL).increment(bytes);
    histogram!(names::PARSE_SECONDS).record(took);
}

/// The same bytes came again.
pub fn file_seen_before(partner: &PartnerId) {
    counter!(names::FILES_TOTAL, "partner" => partner.to_string(), "outcome" => "duplicate").increment(1);
    counter!(names::DUPLICATES_TOTAL, "kind" => "bytes").increment(1);
}

/// Every claim of a file has its outcome. `outside`: those rejected without a decision of their own.
pub fn file_closed(row: &FileRow, survey: &Survey, rejected: Option<RejectReason>, outside: u64) {
    let partner = || row.partner.to_string();
    let outcome = if rejected.is_some() { "rejected" } else { "completed" };
    counter!(names::FILES_TOTAL, "partner" => partner(), "outcome" => outcome).increment(1);
    counter!(names::FILE_BYTES_TOTAL, "partner" => partner()).increment(row.bytes);
    if let Some(reason) = rejected {
        counter!(names::PARSE_ERRORS_TOTAL, "code" => reason.as_str()).increment(1);
    }
    let accepted = survey.interchanges.iter().filter(|interchange| interchange.is_accepted()).count() as u64;
    let all = survey.interchanges.len() as u64;
    for (outcome, count) in [("accepted", accepted), ("rejected", all.saturating_sub(accepted))] {
        counter!(names::INTERCHANGES_TOTAL, "partner" => partner(), "outcome" => outcome).increment(count);
    }
    let repeated = survey.interchanges.iter().filter(|interchange| interchange.note() == Some(25)).count() as u64;
    counter!(names::DUPLICATES_TOTAL, "kind" => "isa13").increment(repeated);
    for set in survey.sets() {
        let form = match set.form {
            Some(Form::Professional) => "837p",
            Some(Form::Institutional) => "837i",
            None => "other",
        };
        counter!(names::RECEIVED_TOTAL, "type" => form).increment(u64::from(set.claims));
    }
    counter!(names::DECISIONS_TOTAL, "outcome" => "rejected").increment(outside);
    let mut findings = FindingTally::default();
    report_envelopes(survey, &mut |finding, _| findings.add(&finding));
    findings.record();
    let elapsed = Timestamp::now().unix_seconds().saturating_sub(row.received_at.unix_seconds());
    histogram!(names::FILE_TO_DECISION_SECONDS).record(Duration::from_secs(u64::try_from(elapsed).unwrap_or(0)));
}

/// Answers that one round wrote, or put aside.
#[derive(Debug, Default)]
pub struct AnswerTally {
    acks: BTreeMap<(AckKind, bool), u64>,
    remits: [u64; 2],
    paid: Money,
    interest: Money,
    unbalanced: u64,
}

impl AnswerTally {
    /// The answer of this fact was written, or refused because it would be wrong.
    pub fn add(&mut self, fact: &Fact, is_written: bool) {
        match fact {
            Fact::AckBuilt(ack) => *self.acks.entry((ack.kind(), is_written)).or_default() += 1,
            Fact::RemitBuilt(remit) if is_written => {
                self.remits[0] += 1;
                self.paid += remit.payment();
                self.interest += remit.interest;
            }
            Fact::RemitBuilt(_) => self.remits[1] += 1,
            Fact::FileReceived(_)
            | Fact::FileDuplicate(_)
            | Fact::FileRejected(_)
            | Fact::FileCompleted(_)
            | Fact::ClaimRejected(_)
            | Fact::ClaimAdjudicated(_)
            | Fact::ClaimReversed(_)
            | Fact::RemitDelivered(_)
            | Fact::RemitSent(_)
            | Fact::RemitAcknowledged(_)
            | Fact::DeadLettered(_)
            | Fact::Redriven(_) => {}
        }
    }

    pub fn add_unbalanced(&mut self) {
        self.unbalanced += 1;
    }

    pub fn record(&self) {
        for ((kind, is_written), count) in &self.acks {
            let outcome = if *is_written { "written" } else { "refused" };
            counter!(names::ACKS_TOTAL, "kind" => kind.as_str(), "outcome" => outcome).increment(*count);
        }
        for (outcome, count) in ["written", "refused"].into_iter().zip(self.remits) {
            counter!(names::REMITS_TOTAL, "outcome" => outcome).increment(count);
        }
        let cents = |amount: Money| u64::try_from(amount.cents()).unwrap_or(0);
        counter!(names::REMIT_AMOUNT_CENTS_TOTAL).increment(cents(self.paid));
        counter!(names::INTEREST_CENTS_TOTAL).increment(cents(self.interest));
        counter!(names::REMIT_UNBALANCED_TOTAL).increment(self.unbalanced);
    }
}

/// Answers of a partner to what it was sent.
pub fn remits_answered(partner: &PartnerId, outcome: Outcome, count: u64) {
    counter!(names::REMIT_ANSWERS_TOTAL, "partner" => partner.to_string(), "outcome" => outcome.as_str()).increment(count);
}

/// Events of one step left.
pub fn events_published(count: u64) {
    counter!(names::EVENTS_TOTAL).increment(count);
}

/// Another publisher took over the outbox.
pub fn outbox_fenced() {
    counter!(names::KAFKA_FENCED_TOTAL).increment(1);
}

/// A payment was built, `days` after its oldest claim was received.
pub fn remittance_built(remit: &RemitBuilt, oldest: chrono::NaiveDate) {
    let days = u64::try_from((remit.pay_date - oldest).num_days()).unwrap_or(0);
    histogram!(names::FILE_TO_REMIT_SECONDS).record(Duration::from_secs(days * 86_400));
}

/// A look into the inbound folder of a partner: how long it took, and how many files were there unless
/// the channel could not be used.
pub fn channel_looked(partner: &PartnerId, took: Duration, listed: Option<usize>) {
    gauge!(names::SFTP_UP, "partner" => partner.to_string()).set(if listed.is_some() { 1.0 } else { 0.0 });
    histogram!(names::SFTP_POLL_SECONDS).record(took);
    if let Some(listed) = listed {
        gauge!(names::SFTP_FILES_LISTED, "partner" => partner.to_string()).set(listed as f64);
    }
}

/// A request at the door was answered; refusals would make the times of answers look short.
pub fn door_answered(status: u16, took: Duration) {
    counter!(names::DOOR_REQUESTS_TOTAL, "status" => status.to_string()).increment(1);
    if status == 200 {
        histogram!(names::DOOR_SECONDS).record(took);
    }
}

/// A packed file in an inbound folder can't be opened, and stays there.
pub fn file_refused(partner: &PartnerId, reason: &'static str) {
    counter!(names::FILES_REFUSED_TOTAL, "partner" => partner.to_string(), "reason" => reason).increment(1);
}

/// A file in an inbound folder was found whole, this long after it was first seen.
pub fn file_waited(waited: Duration) {
    histogram!(names::FILE_WAIT_SECONDS).record(waited);
}
