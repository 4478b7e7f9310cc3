//! The event about a decision that is taken back.

use chrono::NaiveDate;
use serde::Serialize;

use super::cloudevent::{At, CloudEvent, Source, Topic, event_id, json, source};
use crate::adjudication::decision::{Reversal, ReversalReason};
use crate::adjudication::determination::ClaimOutcome;
use crate::ids::{ClaimId, Form, Npi, PayerClaimNumber, Token};
use crate::money::Money;

/// About the claim that was decided, under its id: whoever follows it learns what became of it.
pub(super) fn claim_reversed(reversal: &Reversal) -> CloudEvent {
    #[derive(Serialize)]
    struct View<'a> {
        claim_id: ClaimId,
        version: u16,
        form: Form,
        source: Source<'a>,
        payer_claim_number: &'a PayerClaimNumber,
        reversed_at: At,
        member_token: Token,
        pcn_token: Token,
        billing_npi: Option<Npi>,
        payee_npi: Option<Npi>,
        reason: ReversalReason,
        reversed_by: ClaimId,
        #[serde(with = "crate::text_form::day")]
        received_on: NaiveDate,
        outcome: ClaimOutcome,
        charge: Money,
        paid: Money,
        corrected_paid: Money,
        units_returned: usize,
    }
    let claim = &reversal.source;
    CloudEvent {
        topic: Topic::Decisions,
        key: reversal.claim_id.to_string(),
        kind: "claims.claim.reversed.v1",
        id: event_id(
            &claim.file,
            claim.st_byte,
            claim.ordinal,
            "claim.reversed",
            reversal.version,
            &reversal.by.to_string(),
        ),
        time: reversal.reversed_at,
        value: json(&View {
            claim_id: reversal.claim_id,
            version: reversal.version,
            form: reversal.form,
            source: source(claim),
            payer_claim_number: &reversal.payer_claim_number,
            reversed_at: At(reversal.reversed_at),
            member_token: reversal.member_token,
            pcn_token: reversal.pcn_token,
            billing_npi: reversal.billing_npi,
            payee_npi: reversal.billing_npi,
            reason: reversal.reason,
            reversed_by: reversal.by,
            received_on: reversal.received_on,
            outcome: reversal.outcome,
            charge: reversal.charge,
            paid: reversal.paid,
            corrected_paid: reversal.corrected_paid,
            units_returned: reversal.returned.len(),
        }),
    }
}
