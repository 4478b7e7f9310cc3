//! Facts: the entries of the ledger's journal. Events, acknowledgements and 835s are rendered from
//! them, in journal order, to the same bytes each time.
//!
//! To the next editor: facts are stored for years. Add a variant or a new struct; never reorder
//! variants or change a stored struct's fields without a form that still reads the former ([`super::stored`]).

use chrono::NaiveDate;
use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use crate::adjudication::decision::{ClaimSource, Decision, DecisionHead, Rejection, Reversal};
use crate::adjudication::determination::ClaimOutcome;
use crate::clock::Timestamp;
use crate::envelope::{Group, Interchange, TransactionSet};
use crate::finding::{Finding, ReportCode};
use crate::ids::{FileDigest, Npi, PartnerId, Tin, TraceNumber};
use crate::money::Money;
use crate::phi::Phi;

/// One entry of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fact {
    FileReceived(FileReceived),
    FileDuplicate(FileDuplicate),
    FileRejected(FileRejected),
    FileCompleted(FileCompleted),
    AckBuilt(Box<AckBuilt>),
    ClaimRejected(Box<Rejection>),
    ClaimAdjudicated(Box<Decision>),
    RemitBuilt(Box<RemitBuilt>),
    RemitDelivered(RemitDelivered),
    DeadLettered(Box<DeadLettered>),
    Redriven(Redriven),
    RemitSent(RemitSent),
    RemitAcknowledged(Box<RemitAcknowledged>),
    ClaimReversed(Box<Reversal>),
}

impl Fact {
    /// An acknowledgement or 835 leaves because of this fact.
    pub fn has_answer(&self) -> bool {
        matches!(self, Fact::AckBuilt(_) | Fact::RemitBuilt(_) | Fact::Redriven(_))
    }

    /// Where the claim of a claim's fact came from.
    pub fn claim_source(&self) -> Option<&ClaimSource> {
        match self {
            Fact::ClaimRejected(rejection) => Some(&rejection.source),
            Fact::ClaimAdjudicated(decision) => Some(&decision.source),
            _ => None,
        }
    }
}

/// A fact as the answer to a claim's receipt needs it: claims without what decided them, and the others
/// by their kind. Read from the stored bytes of a [`Fact`], so its variants stand in the same order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub enum FactHead {
    FileReceived,
    FileDuplicate,
    FileRejected,
    FileCompleted,
    AckBuilt,
    ClaimRejected(Box<Rejection>),
    ClaimAdjudicated(Box<DecisionHead>),
    RemitBuilt,
    RemitDelivered,
    DeadLettered,
    Redriven,
    RemitSent,
    RemitAcknowledged,
    ClaimReversed,
}

impl FactHead {
    /// Where the claim of a claim's fact came from.
    pub fn claim_source(&self) -> Option<&ClaimSource> {
        match self {
            FactHead::ClaimRejected(rejection) => Some(&rejection.source),
            FactHead::ClaimAdjudicated(decision) => Some(&decision.source),
            _ => None,
        }
    }
}

impl From<Fact> for FactHead {
    fn from(fact: Fact) -> FactHead {
        match fact {
            Fact::FileReceived(_) => FactHead::FileReceived,
            Fact::FileDuplicate(_) => FactHead::FileDuplicate,
            Fact::FileRejected(_) => FactHead::FileRejected,
            Fact::FileCompleted(_) => FactHead::FileCompleted,
            Fact::AckBuilt(_) => FactHead::AckBuilt,
            Fact::ClaimRejected(rejection) => FactHead::ClaimRejected(rejection),
            Fact::ClaimAdjudicated(decision) => FactHead::ClaimAdjudicated(Box::new((*decision).into())),
            Fact::RemitBuilt(_) => FactHead::RemitBuilt,
            Fact::RemitDelivered(_) => FactHead::RemitDelivered,
            Fact::DeadLettered(_) => FactHead::DeadLettered,
            Fact::Redriven(_) => FactHead::Redriven,
            Fact::RemitSent(_) => FactHead::RemitSent,
            Fact::RemitAcknowledged(_) => FactHead::RemitAcknowledged,
            Fact::ClaimReversed(_) => FactHead::ClaimReversed,
        }
    }
}

/// A file was sealed into the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileReceived {
    pub file: FileDigest,
    pub partner: PartnerId,
    pub bytes: u64,
    pub received_at: Timestamp,
}

/// The same bytes came again; nothing changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDuplicate {
    pub file: FileDigest,
    pub partner: PartnerId,
    /// Counts the receipts of this ledger; makes the event id of each arrival its own.
    pub receipt: u64,
    pub received_at: Timestamp,
}

/// No claim of the file was let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRejected {
    pub file: FileDigest,
    pub partner: PartnerId,
    pub reason: RejectReason,
    /// Where reading stopped, or where the rejected envelope stands.
    pub byte: u64,
    /// CLM segments that were seen.
    pub counts: ClaimCounts,
    pub rejected_at: Timestamp,
}

/// Why no claim of a file was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RejectReason {
    /// No ISA at its start, or foreign bytes.
    NotX12,
    /// It ends before its IEA (TA1 023).
    Truncated,
    /// Every interchange, group or set was rejected.
    Envelope,
    /// ISA13 was used before with other bytes (TA1 025).
    DuplicateControlNumber,
    /// No claim in it.
    Empty,
}

impl RejectReason {
    pub fn as_str(self) -> &'static str {
        match self {
            RejectReason::NotX12 => "not-x12",
            RejectReason::Truncated => "truncated",
            RejectReason::Envelope => "envelope",
            RejectReason::DuplicateControlNumber => "duplicate-control-number",
            RejectReason::Empty => "empty",
        }
    }
}

/// Every claim of the file has its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileCompleted {
    pub file: FileDigest,
    pub partner: PartnerId,
    pub interchanges: u32,
    pub transaction_sets: u32,
    pub counts: ClaimCounts,
    pub completed_at: Timestamp,
}

/// The identity of conservation: `received = rejected + paid + denied + pended + forwarded + recorded`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimCounts {
    pub received: u64,
    pub rejected: u64,
    pub paid: u64,
    pub denied: u64,
    pub pended: u64,
    pub forwarded: u64,
    pub recorded: u64,
    /// Σ CLM02 of the claims that were read.
    pub charge: Money,
    /// Σ paid, without interest.
    pub amount_paid: Money,
}

impl ClaimCounts {
    /// Counts one adjudicated claim.
    pub fn decided(&mut self, outcome: ClaimOutcome, charge: Money, paid: Money) {
        self.received += 1;
        self.charge += charge;
        self.amount_paid += paid;
        *match outcome {
            ClaimOutcome::Paid => &mut self.paid,
            ClaimOutcome::Denied => &mut self.denied,
            ClaimOutcome::Pended => &mut self.pended,
            ClaimOutcome::Forwarded => &mut self.forwarded,
            ClaimOutcome::Recorded => &mut self.recorded,
        } += 1;
    }

    /// Counts one rejected claim.
    pub fn rejected(&mut self, charge: Money) {
        self.received += 1;
        self.rejected += 1;
        self.charge += charge;
    }

    pub fn add(&mut self, other: &ClaimCounts) {
        self.received += other.received;
        self.rejected += other.rejected;
        self.paid += other.paid;
        self.denied += other.denied;
        self.pended += other.pended;
        self.forwarded += other.forwarded;
        self.recorded += other.recorded;
        self.charge += other.charge;
        self.amount_paid += other.amount_paid;
    }

    /// Received minus everything accounted for; must be 0.
    pub fn conservation(&self) -> i64 {
        let accounted = self.rejected + self.paid + self.denied + self.pended + self.forwarded + self.recorded;
        i64::try_from(i128::from(self.received) - i128::from(accounted)).unwrap_or(i64::MAX)
    }
}

/// The three acknowledgements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AckKind {
    Ta1,
    #[serde(rename = "999")]
    Implementation,
    #[serde(rename = "277ca")]
    ClaimStatus,
}

impl AckKind {
    pub fn as_str(self) -> &'static str {
        match self {
            AckKind::Ta1 => "ta1",
            AckKind::Implementation => "999",
            AckKind::ClaimStatus => "277ca",
        }
    }
}

/// An acknowledgement: everything its bytes are rendered from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AckBuilt {
    pub file: FileDigest,
    pub partner: PartnerId,
    pub interchange: Interchange,
    /// Our ISA13; names the file.
    pub control_number: u32,
    pub built_at: Timestamp,
    pub answer: Answer,
}

impl AckBuilt {
    /// The name of its file, below the partner's directory.
    pub fn file_name(&self) -> String {
        format!("{:09}.{}", self.control_number, self.kind().as_str())
    }

    pub fn kind(&self) -> AckKind {
        match self.answer {
            Answer::Interchange { .. } => AckKind::Ta1,
            Answer::Group { .. } => AckKind::Implementation,
            Answer::Claims { .. } => AckKind::ClaimStatus,
        }
    }
}

/// What an acknowledgement says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// TA1: accepted, or the note of the first rejecting finding.
    Interchange { note: Option<u16> },
    /// 999 of one functional group.
    Group {
        group: Group,
        sets: Vec<SetAnswer>,
        findings: Vec<Finding>,
    },
    /// 277CA of one accepted set; its claims stand in the journal from `first` to `last`.
    Claims {
        set: TransactionSet,
        header: SetParties,
        first: u64,
        last: u64,
    },
}

/// One set on a 999.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAnswer {
    pub set: TransactionSet,
    /// Findings of the set itself and of its claims, in file order.
    pub findings: Vec<Finding>,
    /// The set as a whole is rejected (IK501 R).
    pub is_rejected: bool,
    pub rejected_claims: u32,
}

/// Who sent a set, and under which reference. 1000A, BHT03.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetParties {
    pub submitter_name: CompactString,
    pub submitter_id: CompactString,
    pub receiver_id: CompactString,
    pub reference: CompactString,
}

/// A payment to one payee: everything its 835 is rendered from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemitBuilt {
    pub trace: TraceNumber,
    /// Our ISA13.
    pub control_number: u32,
    pub payee_npi: Npi,
    pub payee_tin: Option<Tin>,
    pub payee_name: CompactString,
    /// Paid by ACH to this account; by check when there is none.
    pub payee_bank: Option<PayeeBank>,
    pub pay_date: NaiveDate,
    pub built_at: Timestamp,
    /// Journal sequence of each claim, with the interest added to it.
    pub claims: Vec<RemittedSeq>,
    /// Σ CLP03; those of decisions that are taken back are negative.
    pub charge: Money,
    /// Σ CLP04 of the claims that are paid.
    pub paid: Money,
    pub interest: Money,
    pub recovery: Recovery,
}

/// What a payment takes back, and how: what the payee has too much (DOMAIN F4, F5).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// What reversed decisions had paid: Σ CLP04 of the reversals, without its sign.
    pub reversed: Money,
    /// Of an earlier payment's balance, collected by this one. PLB FB, positive.
    pub collected: Money,
    /// The payment that forwarded it last.
    pub collected_from: Option<TraceNumber>,
    /// What this payment is short of: the payee's balance grows by it. PLB FB, negative.
    pub forwarded: Money,
}

impl Recovery {
    /// A payment that comes to `due` before balances, to a payee that owes `balance`: never below zero.
    pub fn of(reversed: Money, due: Money, balance: &PayeeBalance) -> Recovery {
        let collected = balance.owed.min(due.max(Money::ZERO));
        Recovery {
            reversed,
            collected,
            collected_from: balance.forwarded_by.clone().filter(|_| !collected.is_zero()),
            forwarded: (-due).max(Money::ZERO),
        }
    }
}

/// What a payee has too much, until later payments have collected it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PayeeBalance {
    pub owed: Money,
    /// The payment that forwarded it last.
    pub forwarded_by: Option<TraceNumber>,
}

impl PayeeBalance {
    /// After a payment.
    pub fn after(self, trace: &TraceNumber, recovery: &Recovery) -> PayeeBalance {
        let forwarded_by = match recovery.forwarded.is_zero() {
            true => self.forwarded_by,
            false => Some(trace.clone()),
        };
        PayeeBalance {
            owed: self.owed + recovery.forwarded - recovery.collected,
            forwarded_by,
        }
    }
}

/// The payee's account as it was when the payment was built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayeeBank {
    #[serde(with = "crate::phi::sealing")]
    pub routing: Phi<CompactString>,
    #[serde(with = "crate::phi::sealing")]
    pub account: Phi<CompactString>,
}

/// One claim of a remittance, or the reversal of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemittedSeq {
    pub seq: u64,
    pub interest: Money,
}

impl RemitBuilt {
    /// The name of its file, below the payee's directory.
    pub fn file_name(&self) -> String {
        format!("{}.835", self.trace)
    }

    /// BPR02: Σ CLP04 − Σ PLB, interest and what is forwarded being negative PLBs.
    pub fn payment(&self) -> Money {
        self.paid + self.interest - self.recovery.reversed - self.recovery.collected + self.recovery.forwarded
    }

    /// Σ CLP04.
    pub fn net_paid(&self) -> Money {
        self.paid - self.recovery.reversed
    }
}

/// The 835 was written where the payee's channel takes it from: what delivery is as long as no partner is
/// configured. See [`RemitSent`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemitDelivered {
    pub trace: TraceNumber,
    pub payee_npi: Npi,
    pub delivered_at: Timestamp,
}

/// The 835 is with the partner that carries it to its payee.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemitSent {
    pub trace: TraceNumber,
    /// Its ISA13 and GS06.
    pub control_number: u32,
    pub payee_npi: Npi,
    pub partner: PartnerId,
    /// Journal position of its [`RemitBuilt`].
    pub built: u64,
    pub sent_at: Timestamp,
}

/// What the partner that has an 835 said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemitAcknowledged {
    pub trace: TraceNumber,
    /// ISA13 and GS06 of the 835.
    pub control_number: u32,
    pub payee_npi: Npi,
    pub partner: PartnerId,
    /// Journal position of its [`RemitBuilt`].
    pub built: u64,
    /// Where it says so: the file, and in it the ST of the 999 or the TA1.
    pub file: FileDigest,
    pub byte: u64,
    pub by: AnsweredBy,
    pub verdict: RemitVerdict,
    /// TA105, AK905 and IK502, as far as they are numbers.
    pub codes: Vec<ReportCode>,
    /// When that file was received.
    pub acknowledged_at: Timestamp,
}

/// By which acknowledgement a partner answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnsweredBy {
    /// Of the interchange alone: what is in it was not looked at yet.
    Ta1,
    #[serde(rename = "999")]
    Implementation,
}

impl AnsweredBy {
    pub const ALL: [AnsweredBy; 2] = [AnsweredBy::Ta1, AnsweredBy::Implementation];

    pub fn as_str(self) -> &'static str {
        match self {
            AnsweredBy::Ta1 => "ta1",
            AnsweredBy::Implementation => "999",
        }
    }
}

/// What became of an 835 at the partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RemitVerdict {
    Accepted,
    AcceptedWithErrors,
    Rejected,
}

impl RemitVerdict {
    pub const ALL: [RemitVerdict; 3] = [RemitVerdict::Accepted, RemitVerdict::AcceptedWithErrors, RemitVerdict::Rejected];

    pub fn as_str(self) -> &'static str {
        match self {
            RemitVerdict::Accepted => "accepted",
            RemitVerdict::AcceptedWithErrors => "accepted-with-errors",
            RemitVerdict::Rejected => "rejected",
        }
    }
}

/// A unit could not leave and was put aside, so that what stands behind it can.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLettered {
    /// Journal position of the fact that the unit is rendered from.
    pub seq: u64,
    pub unit: DeadUnit,
    pub reason: DeadReason,
    /// Positions and sums, as errors have them; no element value.
    pub detail: CompactString,
    /// How often it was tried, this time included.
    pub attempts: u32,
    pub parked_at: Timestamp,
}

/// What could not leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DeadUnit {
    /// The acknowledgement or 835 of the fact.
    Answer,
    /// The event at this place among those of the fact.
    Event(u16),
}

impl DeadUnit {
    /// The stage at which it failed: `dlq-stage`.
    pub fn stage(self) -> &'static str {
        match self {
            DeadUnit::Answer => "answer",
            DeadUnit::Event(_) => "event",
        }
    }
}

/// Why a unit could not leave: `dlq-reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeadReason {
    /// An 835 that does not balance, or a 277CA whose totals do not fit its claims.
    Unbalanced,
    /// An answer that can't be written, or not be read back.
    Unwritable,
    /// An event that the brokers do not take: too large, invalid.
    Refused,
}

impl DeadReason {
    pub const ALL: [DeadReason; 3] = [DeadReason::Unbalanced, DeadReason::Unwritable, DeadReason::Refused];

    pub fn as_str(self) -> &'static str {
        match self {
            DeadReason::Unbalanced => "unbalanced",
            DeadReason::Unwritable => "unwritable",
            DeadReason::Refused => "refused",
        }
    }
}

/// A dead letter was sent on its way again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redriven {
    /// Journal position of the dead letter.
    pub letter: u64,
    pub redriven_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conservation_is_zero_when_every_claim_has_one_outcome() {
        let mut counts = ClaimCounts::default();
        counts.decided(ClaimOutcome::Paid, Money::from_cents(100), Money::from_cents(80));
        counts.decided(ClaimOutcome::Denied, Money::from_cents(100), Money::ZERO);
        counts.rejected(Money::from_cents(100));
        assert_eq!((counts.received, counts.conservation()), (3, 0));
        counts.received += 1;
        assert_eq!(counts.conservation(), 1);
    }

    #[test]
    fn no_payment_is_negative_and_every_balance_is_collected() {
        let cents = Money::from_cents;
        let mut balance = PayeeBalance::default();
        for (number, (due, payment, owed)) in [
            (5_000, 5_000, 0),
            (-3_000, 0, 3_000),
            (-500, 0, 3_500),
            (1_000, 0, 2_500),
            (0, 0, 2_500),
            (4_000, 1_500, 0),
            (100, 100, 0),
        ]
        .into_iter()
        .enumerate()
        {
            let recovery = Recovery::of(Money::ZERO, cents(due), &balance);
            assert_eq!(cents(due) - recovery.collected + recovery.forwarded, cents(payment), "{number}");
            let trace = TraceNumber::new(format!("CS{number:09}"));
            balance = balance.after(&trace, &recovery);
            assert_eq!(balance.owed, cents(owed), "{number}");
        }
        // The last payment that was short is the one to name.
        assert_eq!(balance.forwarded_by, Some(TraceNumber::new("CS000000002")));
    }
}
