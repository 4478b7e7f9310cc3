//! What the member may owe: nothing but a share of cost (DOMAIN D1).

use super::case::Case;
use super::determination::{Raised, Signal};
use super::ruling::{Note, Reason};
use crate::claim::Located;
use crate::money::Money;
use crate::tables::reasons::AdjustmentGroup;

/// The share of cost: the only amount that is ever the patient's.
pub(super) const SHARE_OF_COST: Reason = Reason::new(AdjustmentGroup::PatientResponsibility, "142");

/// What the claim says the patient paid, against the share of cost on record.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Review {
    /// What may be taken off as PR-142, over all lines.
    pub share_of_cost: Money,
    pub signals: Vec<Raised>,
    pub note: Note,
    pub evidence: Option<Located<Money>>,
}

/// MB1, MB2, MB4, MB5 and MB6. An amount that the patient paid without owing it is told and never
/// deducted: the provider must give it back.
pub(super) fn review(case: &Case<'_>) -> Review {
    let mut review = Review {
        share_of_cost: Money::ZERO,
        signals: Vec::new(),
        note: "nothing paid by the patient".into(),
        evidence: None,
    };
    if let Some(estimate) = case.claim.institutional().and_then(|claim| claim.patient_estimate).filter(is_positive) {
        review.raise(Signal::PatientEstimate, estimate, "the patient is billed an estimate");
    }
    let (met, paid) = amounts(case);
    let Some(coverage) = case.coverage else {
        return review;
    };
    let on_record = coverage.share_of_cost;
    if on_record.is_zero() {
        if let Some(paid) = paid.filter(is_positive) {
            review.raise(Signal::PatientPaid, paid, "the patient paid and owes no share of cost");
        }
    }
    if let Some(met) = met.filter(is_positive) {
        review.share_of_cost = met.value.min(on_record);
        if met.value != on_record && !(on_record.is_zero() && paid == Some(met)) {
            review.raise(Signal::ShareOfCostMismatch, met, "the patient paid another amount than the share of cost on record");
        } else if met.value == on_record {
            review.note = "the patient paid the share of cost".into();
            review.evidence = Some(met);
        }
    }
    review
}

/// What met the share of cost, and what the patient paid: both AMT*F5 on an 837P; value codes 23 and
/// FC on an 837I.
fn amounts(case: &Case<'_>) -> (Option<Located<Money>>, Option<Located<Money>>) {
    let value = |code| {
        let found = case.claim.institutional().and_then(|claim| claim.value(code));
        found.map(|value| Located {
            value: value.amount,
            at: value.at,
        })
    };
    match case.claim.professional() {
        Some(professional) => (professional.patient_paid, professional.patient_paid),
        None => (value("23"), value("FC")),
    }
}

fn is_positive(amount: &Located<Money>) -> bool {
    amount.value > Money::ZERO
}

impl Review {
    fn raise(&mut self, signal: Signal, amount: Located<Money>, note: &'static str) {
        self.signals.push(Raised {
            signal,
            line: 0,
            amount: Some(amount.value),
        });
        self.note = note.into();
        self.evidence = Some(amount);
    }
}
