//! Facts as CloudEvents 1.0: topic, key, headers and a JSON value (INTERFACE 3).
//!
//! Deterministic: the same fact gives the same id and the same bytes on every rendering. Clock values
//! stand only in `*_at` fields and keyed values only in `*_token` fields.

use serde::Serialize;
use serde_json::{Value, json};

use super::fact::{AckBuilt, Answer, ClaimCounts, Fact, FileCompleted, FileDuplicate, FileReceived, FileRejected, RemitBuilt, RemitDelivered};
use crate::adjudication::adjustment::Adjustment;
use crate::adjudication::decision::{ClaimSource, Decision, Rejection};
use crate::adjudication::determination::{LineDetermination, LineOutcome, Raised, Signal};
use crate::claim::echo::LineEcho;
use crate::clock::Timestamp;
use crate::finding::Finding;
use crate::ids::FileDigest;

/// The topics, without the configurable prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    Files,
    Acks,
    Decisions,
    Findings,
    Remits,
}

impl Topic {
    pub const ALL: [Topic; 5] = [Topic::Files, Topic::Acks, Topic::Decisions, Topic::Findings, Topic::Remits];

    /// The name after the prefix: `claims.` + this.
    pub fn name(self) -> &'static str {
        match self {
            Topic::Files => "files",
            Topic::Acks => "acks",
            Topic::Decisions => "decisions",
            Topic::Findings => "findings",
            Topic::Remits => "remits",
        }
    }
}

/// One event, ready to be published.
#[derive(Debug, Clone, PartialEq)]
pub struct CloudEvent {
    pub topic: Topic,
    pub key: String,
    /// `ce_type`.
    pub kind: &'static str,
    /// `ce_id`.
    pub id: String,
    /// `ce_time`.
    pub time: Timestamp,
    pub value: Value,
}

impl CloudEvent {
    /// The CloudEvents attributes of the binary mode, without the value.
    pub fn headers(&self) -> [(&'static str, String); 6] {
        [
            ("ce_specversion", "1.0".to_string()),
            ("ce_id", self.id.clone()),
            ("ce_source", "claimstream".to_string()),
            ("ce_type", self.kind.to_string()),
            ("ce_time", self.time.to_rfc3339()),
            ("content-type", "application/json".to_string()),
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
            events
        }
        Fact::RemitBuilt(remit) => vec![remit_built(remit)],
        Fact::RemitDelivered(delivered) => vec![remit_delivered(delivered)],
    }
}

fn file_received(fact: &FileReceived) -> CloudEvent {
    CloudEvent {
        topic: Topic::Files,
        key: fact.partner.to_string(),
        kind: "claims.file.received.v1",
        id: event_id(&fact.file, 0, 0, "file.received", 1, ""),
        time: fact.received_at,
        value: json!({"file": fact.file, "partner": fact.partner, "bytes": fact.bytes, "received_at": at(fact.received_at)}),
    }
}

fn file_duplicate(fact: &FileDuplicate) -> CloudEvent {
    CloudEvent {
        topic: Topic::Files,
        key: fact.partner.to_string(),
        kind: "claims.file.duplicate.v1",
        id: event_id(&fact.file, 0, 0, "file.duplicate", 1, &fact.receipt.to_string()),
        time: fact.received_at,
        value: json!({"file": fact.file, "partner": fact.partner, "receipt": fact.receipt, "received_at": at(fact.received_at)}),
    }
}

fn file_rejected(fact: &FileRejected) -> CloudEvent {
    CloudEvent {
        topic: Topic::Files,
        key: fact.partner.to_string(),
        kind: "claims.file.rejected.v1",
        id: event_id(&fact.file, 0, 0, "file.rejected", 1, ""),
        time: fact.rejected_at,
        value: json!({"file": fact.file, "partner": fact.partner, "reason": fact.reason, "byte": fact.byte, "claims": counts(&fact.counts), "rejected_at": at(fact.rejected_at)}),
    }
}

fn file_completed(fact: &FileCompleted) -> CloudEvent {
    CloudEvent {
        topic: Topic::Files,
        key: fact.partner.to_string(),
        kind: "claims.file.completed.v1",
        id: event_id(&fact.file, 0, 0, "file.completed", 1, ""),
        time: fact.completed_at,
        value: json!({
            "file": fact.file, "partner": fact.partner, "interchanges": fact.interchanges, "transaction_sets": fact.transaction_sets,
            "claims": counts(&fact.counts), "charge": fact.counts.charge, "paid": fact.counts.amount_paid,
            "conservation": fact.counts.conservation(), "completed_at": at(fact.completed_at),
        }),
    }
}

fn counts(counts: &ClaimCounts) -> Value {
    json!({
        "received": counts.received, "rejected": counts.rejected, "paid": counts.paid, "denied": counts.denied,
        "pended": counts.pended, "forwarded": counts.forwarded, "recorded": counts.recorded,
    })
}

fn ack_built(ack: &AckBuilt) -> CloudEvent {
    let (kind, st_byte, subject) = match &ack.answer {
        Answer::Interchange { note } => (
            "claims.ack.ta1.v1",
            ack.interchange.byte,
            json!({"note": note.map(|note| format!("{note:03}"))}),
        ),
        Answer::Group { group, sets, findings } => (
            "claims.ack.999.v1",
            group.byte,
            json!({
                "gs06": group.control_number, "transaction_sets": sets.len(),
                "rejected_sets": sets.iter().filter(|set| set.is_rejected).count(),
                "rejected_claims": sets.iter().map(|set| u64::from(set.rejected_claims)).sum::<u64>(),
                "findings": findings.len() + sets.iter().map(|set| set.findings.len()).sum::<usize>(),
            }),
        ),
        Answer::Claims { set, first, last, .. } => ("claims.ack.277ca.v1", set.byte, json!({"st02": set.control_number, "claims": last + 1 - first})),
    };
    let mut value = json!({
        "file": ack.file, "partner": ack.partner, "isa13": ack.interchange.control_number,
        "control_number": format!("{:09}", ack.control_number), "built_at": at(ack.built_at),
    });
    if let (Value::Object(value), Value::Object(subject)) = (&mut value, subject) {
        value.extend(subject);
    }
    CloudEvent {
        topic: Topic::Acks,
        key: format!("{}/{}", ack.interchange.sender, ack.interchange.control_number),
        kind,
        id: event_id(&ack.file, st_byte, 0, kind, 1, ""),
        time: ack.built_at,
        value,
    }
}

#[derive(Serialize)]
struct Source<'a> {
    file: &'a FileDigest,
    partner: &'a str,
    isa13: &'a str,
    gs06: &'a str,
    st02: &'a str,
    ordinal: u32,
    bytes: [u64; 2],
}

fn source(source: &ClaimSource) -> Source<'_> {
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
    let claim = &rejection.source;
    CloudEvent {
        topic: Topic::Decisions,
        key: rejection.claim_id.to_string(),
        kind: "claims.claim.rejected.v1",
        id: event_id(&claim.file, claim.st_byte, claim.ordinal, "claim.rejected", 1, ""),
        time: rejection.decided_at,
        value: json!({
            "claim_id": rejection.claim_id, "version": 1, "form": rejection.echo.form, "source": source(claim),
            "received_at": at(rejection.received_at), "decided_at": at(rejection.decided_at),
            "member_token": rejection.member_token, "pcn_token": rejection.pcn_token,
            "billing_npi": rejection.echo.billing_npi, "outcome": "rejected", "charge": rejection.echo.charge,
            "findings": rejection.findings.iter().map(finding).collect::<Vec<_>>(),
        }),
    }
}

#[derive(Serialize)]
struct AdjustmentView<'a> {
    group: &'static str,
    carc: &'a str,
    amount: crate::money::Money,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<crate::money::Quantity>,
    rarc: Vec<&'a str>,
}

fn adjustment(adjustment: &Adjustment) -> AdjustmentView<'_> {
    AdjustmentView {
        group: adjustment.group.code(),
        carc: adjustment.carc.as_str(),
        amount: adjustment.amount,
        quantity: adjustment.quantity,
        rarc: adjustment.rarcs.iter().map(|rarc| rarc.as_str()).collect(),
    }
}

fn claim_adjudicated(decision: &Decision) -> CloudEvent {
    let (claim, determination, echo) = (&decision.source, &decision.determination, &decision.echo);
    let lines: Vec<Value> = determination
        .lines()
        .iter()
        .map(|line| line_view(line, echo.lines.iter().find(|echo| echo.number == line.number())))
        .collect();
    CloudEvent {
        topic: Topic::Decisions,
        key: decision.claim_id.to_string(),
        kind: "claims.claim.adjudicated.v1",
        id: event_id(&claim.file, claim.st_byte, claim.ordinal, "claim.adjudicated", decision.version, ""),
        time: decision.decided_at,
        value: json!({
            "claim_id": decision.claim_id, "version": decision.version, "form": echo.form, "source": source(claim),
            "payer_claim_number": decision.payer_claim_number,
            "received_at": at(decision.received_at), "decided_at": at(decision.decided_at),
            "member_token": decision.member_token, "pcn_token": decision.pcn_token,
            "billing_npi": echo.billing_npi, "payee_npi": echo.billing_npi, "frequency": echo.frequency,
            "outcome": determination.outcome(), "pend_reason": determination.pend_reason(),
            "charge": determination.charge(), "paid": determination.paid(), "patient_responsibility": determination.patient_responsibility(),
            "forward_to": determination.forward_to(),
            "adjustments": [], "lines": lines,
            "findings": decision.findings.iter().map(finding).collect::<Vec<_>>(),
            "rules": decision.rules, "refdata": decision.refdata, "run": "live",
        }),
    }
}

fn line_view(line: &LineDetermination, echo: Option<&LineEcho>) -> Value {
    json!({
        "number": line.number(),
        "code": echo.map(LineEcho::code),
        "modifiers": echo.map(|echo| echo.modifiers.iter().flatten().map(|modifier| modifier.as_str()).collect::<Vec<_>>()).unwrap_or_default(),
        "units": echo.map(|echo| echo.units),
        "service_from": echo.and_then(|echo| echo.service).map(|service| service.from),
        "service_to": echo.and_then(|echo| echo.service).map(|service| service.through),
        "outcome": line.outcome(),
        "charge": line.charge(),
        "allowed": (line.outcome() == LineOutcome::Paid).then(|| line.allowed()),
        "paid": line.amount_paid(),
        "adjustments": line.adjustments().iter().map(adjustment).collect::<Vec<_>>(),
        "rule": line.rule().as_str(),
    })
}

fn signal(decision: &Decision, raised: &Raised) -> CloudEvent {
    let claim = &decision.source;
    let kind = match raised.signal {
        Signal::PatientPaid | Signal::ShareOfCostMismatch | Signal::PatientEstimate => "claims.finding.member-billing.v1",
        Signal::TimelyFilingBoundary => "claims.finding.timely-filing-boundary.v1",
        Signal::Deceased | Signal::ForeignAuthorization => "claims.finding.fwa.v1",
    };
    CloudEvent {
        topic: Topic::Findings,
        key: decision.claim_id.to_string(),
        kind,
        id: event_id(
            &claim.file,
            claim.st_byte,
            claim.ordinal,
            kind,
            decision.version,
            &format!("{}/{}", raised.signal.as_str(), raised.line),
        ),
        time: decision.decided_at,
        value: json!({
            "claim_id": decision.claim_id, "version": decision.version, "source": source(claim),
            "finding": raised.signal.as_str(), "line": raised.line, "amount": raised.amount,
            "member_token": decision.member_token, "billing_npi": decision.echo.billing_npi, "decided_at": at(decision.decided_at),
        }),
    }
}

fn finding(finding: &Finding) -> Value {
    json!({
        "check": finding.check, "snip": finding.check.snip(), "severity": finding.severity, "code": finding.code.to_string(),
        "loop": finding.position.loop_id.map(|loop_id| loop_id.as_str()), "segment": finding.position.segment.as_str(),
        "segment_ordinal": finding.position.ordinal, "element": finding.position.element_name(), "byte": finding.position.byte,
        "line": finding.line,
    })
}

fn remit_built(remit: &RemitBuilt) -> CloudEvent {
    CloudEvent {
        topic: Topic::Remits,
        key: remit.payee_npi.to_string(),
        kind: "claims.remit.built.v1",
        id: remit_id(remit.trace.as_str(), "remit.built"),
        time: remit.built_at,
        value: json!({
            "trn02": remit.trace, "control_number": format!("{:09}", remit.control_number), "payee_npi": remit.payee_npi,
            "method": if remit.payment().is_zero() { "non" } else if remit.payee_bank.is_some() { "ach" } else { "check" },
            "pay_date": remit.pay_date, "claims": remit.claims.len(), "charge": remit.charge, "paid": remit.paid,
            "interest": remit.interest, "payment": remit.payment(), "built_at": at(remit.built_at),
        }),
    }
}

fn remit_delivered(delivered: &RemitDelivered) -> CloudEvent {
    CloudEvent {
        topic: Topic::Remits,
        key: delivered.payee_npi.to_string(),
        kind: "claims.remit.delivered.v1",
        id: remit_id(delivered.trace.as_str(), "remit.delivered"),
        time: delivered.delivered_at,
        value: json!({"trn02": delivered.trace, "payee_npi": delivered.payee_npi, "delivered_at": at(delivered.delivered_at)}),
    }
}

fn at(timestamp: Timestamp) -> String {
    timestamp.to_rfc3339()
}

/// `ce_id`: a hash of what the event is about, never of when it was rendered.
fn event_id(file: &FileDigest, st_byte: u64, ordinal: u32, kind: &str, version: u16, discriminator: &str) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("claimstream event id v1");
    hasher.update(file.as_bytes()).update(&st_byte.to_be_bytes()).update(&ordinal.to_be_bytes());
    hasher
        .update(kind.as_bytes())
        .update(&[0])
        .update(&version.to_be_bytes())
        .update(discriminator.as_bytes());
    hex_128(&hasher)
}

fn remit_id(trace: &str, kind: &str) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("claimstream event id v1");
    hasher.update(kind.as_bytes()).update(&[0]).update(trace.as_bytes());
    hex_128(&hasher)
}

fn hex_128(hasher: &blake3::Hasher) -> String {
    let mut id = [0; 16];
    hasher.finalize_xof().fill(&mut id);
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}
