//! Other coverage: Medi-Cal pays last (DOMAIN E3).

use super::case::{Case, OpenLine, SoFar};
use super::exemptions;
use super::ruling::{Reason, Ruling};
use crate::claim::Claim;
use crate::claim::other_payer::{InboundAdjustment, OtherPayer};
use crate::claim::service_line::ServiceLine;
use crate::money::Money;
use crate::tables::reasons::AdjustmentGroup;

/// Another payer may owe, and its payment information is missing.
const OTHER_COVERAGE: Reason = Reason::contractual("22").remark("MA04");
/// What prior payers paid or settled.
pub(super) const PRIOR_PAYER: Reason = Reason::new(AdjustmentGroup::OtherAdjustment, "23");

pub(super) fn rule(case: &Case<'_>, line: &OpenLine<'_>, _: &SoFar<'_>) -> Ruling {
    if let Some(decided) = case.claim.other_payers.iter().find(|payer| has_decided(payer)) {
        return Ruling::passed("another payer has decided").at(decided.at);
    }
    if let Some(decided) = line.line.other_payers.first() {
        return Ruling::passed("another payer has decided on the line").at(decided.at);
    }
    let Some(coverage) = case.coverage else {
        return Ruling::not_enforced("members not loaded");
    };
    if !coverage.has_other_coverage {
        return Ruling::passed("no other coverage on file");
    }
    if let Some(service) = exemptions::paid_before_other_coverage(case, line) {
        return Ruling::passed(format!("paid first, recovered later: {service}")).at(line.line.at);
    }
    let named = case.claim.other_payers.first().map_or(case.claim.subscriber.at, |payer| payer.at);
    Ruling::denied(OTHER_COVERAGE, "other coverage on file and no decision of its payer on the claim").at(named)
}

/// What other payers paid and left to the patient, spent line by line.
#[derive(Debug, Clone, Default)]
pub(super) struct PriorPayments {
    /// AMT*D that no 2430 accounts for.
    unallocated: Money,
    /// What the payers left to the patient, on claim level; `None` when they do not say.
    responsibility: Option<Money>,
}

impl PriorPayments {
    pub(super) fn of(claim: &Claim) -> PriorPayments {
        let decided = || claim.other_payers.iter().filter(|payer| has_decided(payer));
        let paid: Money = decided().filter_map(|payer| payer.paid).sum();
        let on_lines: Money = claim.lines.iter().flat_map(|line| &line.other_payers).map(|payer| payer.paid).sum();
        PriorPayments {
            unallocated: (paid - on_lines).max(Money::ZERO),
            // Each later payer takes over part of what the one before left.
            responsibility: decided().filter_map(left_to_patient).min(),
        }
    }

    /// What we pay of an allowed amount: `min(allowed − paid by others, left to the patient)`, never
    /// below zero.
    pub(super) fn reduce(&mut self, line: &ServiceLine, allowed: Money) -> Money {
        let on_line: Money = line.other_payers.iter().map(|payer| payer.paid).sum();
        let open = (allowed - on_line.max(Money::ZERO)).max(Money::ZERO);
        let drawn = self.unallocated.min(open);
        self.unallocated -= drawn;
        let on_line_responsibility = line.other_payers.iter().map(|payer| patient_share(&payer.adjustments)).min();
        match (on_line_responsibility, self.responsibility) {
            (Some(responsibility), _) => (open - drawn).min(responsibility),
            (None, Some(responsibility)) => {
                let paid = (open - drawn).min(responsibility);
                self.responsibility = Some(responsibility - paid);
                paid
            }
            (None, None) => open - drawn,
        }
    }
}

/// A 2320 that names a payer without saying what it paid is no decision.
fn has_decided(payer: &OtherPayer) -> bool {
    payer.paid.is_some() || payer.adjudicated_on.is_some() || !payer.adjustments.is_empty()
}

/// AMT*EAF, else the PR amounts of the claim's own CAS; `None` when the payer explained nothing.
fn left_to_patient(payer: &OtherPayer) -> Option<Money> {
    payer
        .remaining_patient_liability
        .or_else(|| (!payer.adjustments.is_empty()).then(|| patient_share(&payer.adjustments)))
        .map(|left| left.max(Money::ZERO))
}

fn patient_share(adjustments: &[InboundAdjustment]) -> Money {
    let shares = adjustments.iter().filter(|adjustment| adjustment.group == Some(AdjustmentGroup::PatientResponsibility));
    shares.map(|adjustment| adjustment.amount).sum::<Money>().max(Money::ZERO)
}
