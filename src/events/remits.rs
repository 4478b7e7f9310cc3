//! Events about 835s: built, delivered, acknowledged.

use chrono::NaiveDate;
use serde::Serialize;

use super::cloudevent::{At, CloudEvent, Topic, event_hasher, event_id, hex_128, json};
use super::fact::{AnsweredBy, RemitAcknowledged, RemitBuilt, RemitDelivered, RemitSent, RemitVerdict};
use crate::clock::Timestamp;
use crate::ids::{FileDigest, Npi, PartnerId, TraceNumber};
use crate::money::Money;

/// The payment run has built it.
pub(super) fn remit_built(remit: &RemitBuilt) -> CloudEvent {
    #[derive(Serialize)]
    struct View<'a> {
        trn02: &'a TraceNumber,
        control_number: String,
        payee_npi: Npi,
        method: &'static str,
        pay_date: NaiveDate,
        claims: usize,
        charge: Money,
        paid: Money,
        interest: Money,
        reversed: Money,
        collected: Money,
        forwarded: Money,
        payment: Money,
        built_at: At,
    }
    let method = match (remit.payment().is_zero(), &remit.payee_bank) {
        (true, _) => "non",
        (false, Some(_)) => "ach",
        (false, None) => "check",
    };
    CloudEvent {
        topic: Topic::Remits,
        key: remit.payee_npi.to_string(),
        kind: "claims.remit.built.v1",
        id: remit_id(remit.trace.as_str(), "remit.built"),
        time: remit.built_at,
        value: json(&View {
            trn02: &remit.trace,
            control_number: format!("{:09}", remit.control_number),
            payee_npi: remit.payee_npi,
            method,
            pay_date: remit.pay_date,
            claims: remit.claims.len(),
            charge: remit.charge,
            paid: remit.paid,
            interest: remit.interest,
            reversed: remit.recovery.reversed,
            collected: remit.recovery.collected,
            forwarded: remit.recovery.forwarded,
            payment: remit.payment(),
            built_at: At(remit.built_at),
        }),
    }
}

/// Written where the payee's channel takes it from.
pub(super) fn remit_delivered(fact: &RemitDelivered) -> CloudEvent {
    delivered(&fact.trace, fact.payee_npi, None, fact.delivered_at)
}

/// With the partner that carries it.
pub(super) fn remit_sent(fact: &RemitSent) -> CloudEvent {
    delivered(&fact.trace, fact.payee_npi, Some(&fact.partner), fact.sent_at)
}

fn delivered(trace: &TraceNumber, payee_npi: Npi, partner: Option<&PartnerId>, delivered_at: Timestamp) -> CloudEvent {
    #[derive(Serialize)]
    struct View<'a> {
        trn02: &'a TraceNumber,
        payee_npi: Npi,
        partner: Option<&'a PartnerId>,
        delivered_at: At,
    }
    CloudEvent {
        topic: Topic::Remits,
        key: payee_npi.to_string(),
        kind: "claims.remit.delivered.v1",
        id: remit_id(trace.as_str(), "remit.delivered"),
        time: delivered_at,
        value: json(&View {
            trn02: trace,
            payee_npi,
            partner,
            delivered_at: At(delivered_at),
        }),
    }
}

/// The partner said what became of it.
pub(super) fn remit_acknowledged(fact: &RemitAcknowledged) -> CloudEvent {
    #[derive(Serialize)]
    struct View<'a> {
        trn02: &'a TraceNumber,
        control_number: String,
        payee_npi: Npi,
        partner: &'a PartnerId,
        file: &'a FileDigest,
        byte: u64,
        by: AnsweredBy,
        verdict: RemitVerdict,
        codes: Vec<String>,
        acknowledged_at: At,
    }
    CloudEvent {
        topic: Topic::Remits,
        key: fact.payee_npi.to_string(),
        kind: "claims.remit.acknowledged.v1",
        id: event_id(&fact.file, fact.byte, 0, "remit.acknowledged", 1, fact.trace.as_str()),
        time: fact.acknowledged_at,
        value: json(&View {
            trn02: &fact.trace,
            control_number: format!("{:09}", fact.control_number),
            payee_npi: fact.payee_npi,
            partner: &fact.partner,
            file: &fact.file,
            byte: fact.byte,
            by: fact.by,
            verdict: fact.verdict,
            codes: fact.codes.iter().map(ToString::to_string).collect(),
            acknowledged_at: At(fact.acknowledged_at),
        }),
    }
}

/// `ce_id` of what happens once to each 835.
fn remit_id(trace: &str, kind: &str) -> String {
    let mut hasher = event_hasher();
    hasher.update(kind.as_bytes()).update(&[0]).update(trace.as_bytes());
    hex_128(&hasher)
}
