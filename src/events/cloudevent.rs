//! Facts as CloudEvents 1.0: topic, key, headers and a JSON value (INTERFACE 3).
//!
//! Deterministic: the same fact gives the same id and the same bytes on every rendering. Clock values
//! stand only in `*_at` fields and keyed values only in `*_token` fields.

use std::borrow::Cow;
use std::sync::LazyLock;

use compact_str::CompactString;
use serde::{Serialize, Serializer};

use super::adjudicated::claim_adjudicated;
use super::fact::{AckBuilt, Answer, ClaimCounts, Fact, FileCompleted, FileDuplicate, FileReceived, FileRejected};
use super::remits::{remit_acknowledged, remit_built, remit_delivered, remit_sent};
use super::reversals::claim_reversed;
use crate::adjudication::decision::{ClaimSource, Decision, Rejection};
use crate::adjudication::determination::{Raised, Signal};
use crate::adjudication::fraud_signals::Suspicion;
use crate::clock::Timestamp;
use crate::finding::{Check, Finding, Severity, SnipLevel};
use crate::ids::{ClaimId, ControlNumber, FileDigest, Form, Npi, PartnerId, Token};
use crate::money::Money;
use crate::text_form;

/// The topics, without the configurable prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    Files,
    Acks,
    Decisions,
    Findings,
    Remits,
    /// What could not leave, with the reason beside it.
    DeadLetters,
}

impl Topic {
    pub const ALL: [Topic; 6] = [Topic::Files, Topic::Acks, Topic::Decisions, Topic::Findings, Topic::Remits, Topic::DeadLetters];

    /// The name after the prefix: `claims.` + this.
    pub fn name(self) -> &'static str {
        match self {
            Topic::Files => "files",
            Topic::Acks => "acks",
            Topic::Decisions => "decisions",
            Topic::Findings => "findings",
            Topic::Remits => "remits",
            Topic::DeadLetters => "dlq",
        }
    }
}

/// One event, ready to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudEvent {
    pub topic: Topic,
    pub key: String,
    /// `ce_type`.
    pub kind: &'static str,
    /// `ce_id`.
    pub id: String,
    /// `ce_time`.
    pub time: Timestamp,
    /// A JSON object.
    pub value: Vec<u8>,
}

impl CloudEvent {
    /// The CloudEvents attributes of the binary mode, without the value.
    pub fn headers(&self) -> [(&'static str, Cow<'_, str>); 6] {
        [
            ("ce_specversion", "1.0".into()),
            ("ce_id", self.id.as_str().into()),
            ("ce_source", "claimstream".into()),
            ("ce_type", self.kind.into()),
            ("ce_time", self.time.to_rfc3339().into()),
            ("content-type", "application/json".into()),
        ]
    }
}

/// The events of one fact, in order: the fact itself, then its findings.
pub fn render(fact: &Fact) -> Vec<CloudEvent> {
    match fact {
        Fact::FileReceived(received) => vec![file_received(received)],
        Fact::FileDuplicate(duplicate) => vec![file_duplicate(duplicate)],
        Fact::FileRejected(rejected) => vec![file_rejected(rejected)],
        Fact::FileCompleted(completed) => vec![file_completed(completed)],
        Fact::AckBuilt(ack) => vec![ack_built(ack)],
        Fact::ClaimRejected(rejection) => vec![claim_rejected(rejection)],
        Fact::ClaimAdjudicated(decision) => {
            let mut events = vec![claim_adjudicated(decision)];
            events.extend(decision.determination.signals().iter().map(|raised| signal(decision, raised)));
            events.extend(decision.suspicions.iter().map(|suspicion| fraud_signal(decision, *suspicion)));
            events
        }
        Fact::ClaimReversed(reversal) => vec![claim_reversed(reversal)],
        Fact::RemitBuilt(remit) => vec![remit_built(remit)],
        Fact::RemitDelivered(delivered) => vec![remit_delivered(delivered)],
        Fact::RemitSent(sent) => vec![remit_sent(sent)],
        Fact::RemitAcknowledged(acknowledged) => vec![remit_acknowledged(acknowledged)],
        // Theirs are the events of other facts: see `dead_letter`.
        Fact::DeadLettered(_) | Fact::Redriven(_) => Vec::new(),
    }
}

/// The JSON of a value of ours, in the order of its fields. Our values have text keys and no failing
/// parts, so there is always JSON.
pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1024);
    let _ = serde_json::to_writer(&mut bytes, value);
    bytes
}

/// An instant as events have it.
pub(super) struct At(pub Timestamp);

impl Serialize for At {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339())
    }
}

fn file_received(fact: &FileReceived) -> CloudEvent {
    #[derive(Serialize)]
    struct View<'a> {
        file: &'a FileDigest,
        partner: &'a PartnerId,
        bytes: u64,
        received_at: At,
    }
    CloudEvent {
        topic: Topic::Files,
        key: fact.partner.to_string(),
        kind: "claims.file.received.v1",
        id: event_id(&fact.file, 0, 0, "file.received", 1, ""),
        time: fact.received_at,
        value: json(&View {
            file: &fact.file,
            partner: &fact.partner,
            bytes: fact.bytes,
            received_at: At(fact.received_at),
        }),
    }
}

fn file_duplicate(fact: &FileDuplicate) -> CloudEvent {
    #[derive(Serialize)]
    struct View<'a> {
        file: &'a FileDigest,
        partner: &'a PartnerId,
        receipt: u64,
        received_at: At,
    }
    CloudEvent {
        topic: Topic::Files,
        key: fact.partner.to_string(),
        kind: "claims.file.duplicate.v1",
        id: event_id(&fact.file, 0, 0, "file.duplicate", 1, &fact.receipt.to_string()),
        time: fact.received_at,
        value: json(&View {
            file: &fact.file,
            partner: &fact.partner,
            receipt: fact.receipt,
            received_at: At(fact.received_at),
        }),
    }
}

fn file_rejected(fact: &FileRejected) -> CloudEvent {
    #[derive(Serialize)]
    struct View<'a> {
        file: &'a FileDigest,
        partner: &'a PartnerId,
        reason: super::fact::RejectReason,
        byte: u64,
        claims: Counts,
        rejected_at: At,
    }
    CloudEvent {
        topic: Topic::Files,
        key: fact.partner.to_string(),
        kind: "claims.file.rejected.v1",
        id: event_id(&fact.file, 0, 0, "file.rejected", 1, ""),
        time: fact.rejected_at,
        value: json(&View {
            file: &fact.file,
            partner: &fact.partner,
            reason: fact.reason,
            byte: fact.byte,
            claims: Counts::of(&fact.counts),
            rejected_at: At(fact.rejected_at),
        }),
    }
}

fn file_completed(fact: &FileCompleted) -> CloudEvent {
    #[derive(Serialize)]
    struct View<'a> {
        file: &'a FileDigest,
        partner: &'a PartnerId,
        interchanges: u32,
        transaction_sets: u32,
        claims: Counts,
        charge: Money,
        paid: Money,
        conservation: i64,
        completed_at: At,
    }
    CloudEvent {
        topic: Topic::Files,
        key: fact.partner.to_string(),
        kind: "claims.file.completed.v1",
        id: event_id(&fact.file, 0, 0, "file.completed", 1, ""),
        time: fact.completed_at,
        value: json(&View {
            file: &fact.file,
            partner: &fact.partner,
            interchanges: fact.interchanges,
            transaction_sets: fact.transaction_sets,
            claims: Counts::of(&fact.counts),
            charge: fact.counts.charge,
            paid: fact.counts.amount_paid,
            conservation: fact.counts.conservation(),
            completed_at: At(fact.completed_at),
        }),
    }
}

#[derive(Serialize)]
struct Counts {
    received: u64,
    rejected: u64,
    paid: u64,
    denied: u64,
    pended: u64,
    forwarded: u64,
    recorded: u64,
}

impl Counts {
    fn of(counts: &ClaimCounts) -> Counts {
        Counts {
            received: counts.received,
            rejected: counts.rejected,
            paid: counts.paid,
            denied: counts.denied,
            pended: counts.pended,
            forwarded: counts.forwarded,
            recorded: counts.recorded,
        }
    }
}

fn ack_built(ack: &AckBuilt) -> CloudEvent {
    #[derive(Serialize)]
    struct View<'a> {
        file: &'a FileDigest,
        partner: &'a PartnerId,
        isa13: &'a ControlNumber,
        control_number: String,
        built_at: At,
        #[serde(flatten)]
        subject: Subject<'a>,
    }
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Subject<'a> {
        Interchange {
            note: Option<String>,
        },
        Group {
            gs06: &'a ControlNumber,
            transaction_sets: usize,
            rejected_sets: usize,
            rejected_claims: u64,
            findings: usize,
        },
        Set {
            st02: &'a ControlNumber,
            claims: u64,
        },
    }
    let (kind, st_byte, subject) = match &ack.answer {
        Answer::Interchange { note } => (
            "claims.ack.ta1.v1",
            ack.interchange.byte,
            Subject::Interchange {
                note: note.map(|note| format!("{note:03}")),
            },
        ),
        Answer::Group { group, sets, findings } => (
            "claims.ack.999.v1",
            group.byte,
            Subject::Group {
                gs06: &group.control_number,
                transaction_sets: sets.len(),
                rejected_sets: sets.iter().filter(|set| set.is_rejected).count(),
                rejected_claims: sets.iter().map(|set| u64::from(set.rejected_claims)).sum::<u64>(),
                findings: findings.len() + sets.iter().map(|set| set.findings.len()).sum::<usize>(),
            },
        ),
        Answer::Claims { set, first, last, .. } => (
            "claims.ack.277ca.v1",
            set.byte,
            Subject::Set {
                st02: &set.control_number,
                claims: last + 1 - first,
            },
        ),
    };
    CloudEvent {
        topic: Topic::Acks,
        key: format!("{}/{}", ack.interchange.sender, ack.interchange.control_number),
        kind,
        id: event_id(&ack.file, st_byte, 0, kind, 1, ""),
        time: ack.built_at,
        value: json(&View {
            file: &ack.file,
            partner: &ack.partner,
            isa13: &ack.interchange.control_number,
            control_number: format!("{:09}", ack.control_number),
            built_at: At(ack.built_at),
            subject,
        }),
    }
}

#[derive(Serialize)]
pub(super) struct Source<'a> {
    file: &'a FileDigest,
    partner: &'a str,
    isa13: &'a str,
    gs06: &'a str,
    st02: &'a str,
    ordinal: u32,
    bytes: [u64; 2],
}

pub(super) fn source(source: &ClaimSource) -> Source<'_> {
    Source {
        file: &source.file,
        partner: source.partner.as_str(),
        isa13: source.isa13.as_str(),
        gs06: source.gs06.as_str(),
        st02: source.st02.as_str(),
        ordinal: source.ordinal,
        bytes: [source.bytes.start, source.bytes.end],
    }
}

fn claim_rejected(rejection: &Rejection) -> CloudEvent {
    #[derive(Serialize)]
    struct View<'a> {
        claim_id: ClaimId,
        version: u16,
        form: Form,
        source: Source<'a>,
        received_at: At,
        decided_at: At,
        member_token: Token,
        pcn_token: Token,
        billing_npi: Option<Npi>,
        outcome: &'static str,
        charge: Money,
        findings: Vec<FindingView>,
    }
    let claim = &rejection.source;
    CloudEvent {
        topic: Topic::Decisions,
        key: rejection.claim_id.to_string(),
        kind: "claims.claim.rejected.v1",
        id: event_id(&claim.file, claim.st_byte, claim.ordinal, "claim.rejected", 1, ""),
        time: rejection.decided_at,
        value: json(&View {
            claim_id: rejection.claim_id,
            version: 1,
            form: rejection.echo.form,
            source: source(claim),
            received_at: At(rejection.received_at),
            decided_at: At(rejection.decided_at),
            member_token: rejection.member_token,
            pcn_token: rejection.pcn_token,
            billing_npi: rejection.echo.billing_npi,
            outcome: "rejected",
            charge: rejection.echo.charge,
            findings: rejection.findings.iter().map(FindingView::of).collect(),
        }),
    }
}

#[derive(Serialize)]
struct FoundBeside<'a> {
    claim_id: ClaimId,
    version: u16,
    source: Source<'a>,
    finding: &'static str,
    line: u16,
    amount: Option<Money>,
    member_token: Token,
    billing_npi: Option<Npi>,
    decided_at: At,
}

fn signal(decision: &Decision, raised: &Raised) -> CloudEvent {
    let kind = match raised.signal {
        Signal::PatientPaid | Signal::ShareOfCostMismatch | Signal::PatientEstimate => "claims.finding.member-billing.v1",
        Signal::TimelyFilingBoundary => "claims.finding.timely-filing-boundary.v1",
        Signal::HealthAssessment => "claims.finding.primary-care.v1",
    };
    told_beside(decision, kind, raised.signal.as_str(), raised.line, raised.amount)
}

fn fraud_signal(decision: &Decision, suspicion: Suspicion) -> CloudEvent {
    told_beside(decision, "claims.finding.fwa.v1", suspicion.signal.as_str(), suspicion.line, None)
}

/// What was noticed, beside the decision.
fn told_beside(decision: &Decision, kind: &'static str, finding: &'static str, line: u16, amount: Option<Money>) -> CloudEvent {
    let claim = &decision.source;
    CloudEvent {
        topic: Topic::Findings,
        key: decision.claim_id.to_string(),
        kind,
        id: event_id(&claim.file, claim.st_byte, claim.ordinal, kind, decision.version, &format!("{finding}/{line}")),
        time: decision.decided_at,
        value: json(&FoundBeside {
            claim_id: decision.claim_id,
            version: decision.version,
            source: source(claim),
            finding,
            line,
            amount,
            member_token: decision.member_token,
            billing_npi: decision.echo.billing_npi,
            decided_at: At(decision.decided_at),
        }),
    }
}

#[derive(Serialize)]
pub(super) struct FindingView {
    check: Check,
    snip: SnipLevel,
    severity: Severity,
    code: String,
    r#loop: Option<&'static str>,
    segment: CompactString,
    segment_ordinal: u32,
    element: Option<String>,
    byte: u64,
    line: Option<u16>,
}

impl FindingView {
    pub(super) fn of(finding: &Finding) -> FindingView {
        FindingView {
            check: finding.check,
            snip: finding.check.snip(),
            severity: finding.severity,
            code: finding.code.to_string(),
            r#loop: finding.position.loop_id.map(|loop_id| loop_id.as_str()),
            segment: finding.position.segment.text(),
            segment_ordinal: finding.position.ordinal,
            element: finding.position.element_name(),
            byte: finding.position.byte,
            line: finding.line,
        }
    }
}

/// `ce_id`: a hash of what the event is about, never of when it was rendered.
pub(super) fn event_id(file: &FileDigest, st_byte: u64, ordinal: u32, kind: &str, version: u16, discriminator: &str) -> String {
    let mut hasher = event_hasher();
    hasher.update(file.as_bytes()).update(&st_byte.to_be_bytes()).update(&ordinal.to_be_bytes());
    hasher
        .update(kind.as_bytes())
        .update(&[0])
        .update(&version.to_be_bytes())
        .update(discriminator.as_bytes());
    hex_128(&hasher)
}

/// Hashes what an event is about; the context is hashed once, not for each event.
pub(super) fn event_hasher() -> blake3::Hasher {
    static OF_EVENTS: LazyLock<blake3::Hasher> = LazyLock::new(|| blake3::Hasher::new_derive_key("claimstream event id v1"));
    OF_EVENTS.clone()
}

pub(super) fn hex_128(hasher: &blake3::Hasher) -> String {
    let mut id = [0; 16];
    hasher.finalize_xof().fill(&mut id);
    text_form::hex(&id)
}
