//! What the member may owe: nothing but a share of cost (DOMAIN D1).

use super::case::Case;
use super::determination::{Raised, Signal};
use super::rule_id::RuleId;
use super::ruling::Reason;
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
    pub id: RuleId,
    pub note: &'static str,
    pub evidence: Option<Located<Money>>,
}

/// MB1, MB2, MB4, MB5 and MB6. An amount that the patient paid without owing it is told and never
/// deducted: the provider must give it back.
pub(super) fn review(case: &Case<'_>) -> Review {
    let mut review = Review {
        share_of_cost: Money::ZERO,
        signals: Vec::new(),
        id: RuleId::MemberOwesNothing,
        note: "nothing paid by the patient",
        evidence: None,
    };
    if let Some(estimate) = case.claim.institutional().and_then(|claim| claim.patient_estimate).filter(is_positive) {
        review.raise(RuleId::PatientEstimate, Signal::PatientEstimate, estimate, "the patient is billed an estimate");
    }
    let (met, paid) = amounts(case);
    let Some(coverage) = case.coverage else {
        return review;
    };
    let on_record = coverage.share_of_cost;
    if on_record.is_zero()
        && let Some(paid) = paid.filter(is_positive)
    {
        let id = match case.claim.institutional() {
            Some(_) => RuleId::PatientPaidHospital,
            None => RuleId::PatientPaid,
        };
        review.raise(id, Signal::PatientPaid, paid, "the patient paid and owes no share of cost");
    }
    if let Some(met) = met.filter(is_positive) {
        review.share_of_cost = met.value.min(on_record);
        if met.value != on_record && !(on_record.is_zero() && paid == Some(met)) {
            review.raise(
                RuleId::ShareOfCostMismatch,
                Signal::ShareOfCostMismatch,
                met,
                "the patient paid another amount than the share of cost on record",
            );
        } else if met.value == on_record {
            review.id = RuleId::ShareOfCost;
            review.note = "the patient paid the share of cost";
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
    fn raise(&mut self, id: RuleId, signal: Signal, amount: Located<Money>, note: &'static str) {
        self.signals.push(Raised {
            signal,
            line: 0,
            amount: Some(amount.value),
        });
        self.id = id;
        self.note = note;
        self.evidence = Some(amount);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use crate::claim::diagnosis::ValueCode;
    use crate::claim::{Claim, Located};

    fn with_patient_paid(member: &str, amount: &str) -> Claim {
        let paid = Some(Located {
            value: money(amount),
            at: at("AMT"),
        });
        claim(vec![line("99214", 1, "150", "2025-01-20"), line("93000", 1, "75", "2025-01-20")])
            .of_member(member)
            .with(|claim| claim.professional_mut().patient_paid = paid)
    }

    #[test]
    fn only_a_share_of_cost_is_the_patients() {
        let full = ["paid 122.05 CO-45 27.95", "paid 16.25 CO-45 58.75"];
        for (member, paid, lines, raised) in [
            (MEMBER, "0", full, &[][..]),
            (MEMBER, "20", full, &["patient-paid 20.00"]),
            (SHARING, "0", full, &[]),
            (SHARING, "100", ["paid 22.05 CO-45 27.95 PR-142 100.00", full[1]], &[]),
            (
                SHARING,
                "60",
                ["paid 62.05 CO-45 27.95 PR-142 60.00", full[1]],
                &["share-of-cost-mismatch 60.00"],
            ),
            (
                SHARING,
                "130",
                ["paid 22.05 CO-45 27.95 PR-142 100.00", full[1]],
                &["share-of-cost-mismatch 130.00"],
            ),
        ] {
            let determination = decided(&with_patient_paid(member, paid), &plan());
            assert_eq!(lines_of(&determination), lines, "{member} {paid}");
            assert_eq!(signals(&determination), raised, "{member} {paid}");
        }
    }

    #[test]
    fn a_share_of_cost_goes_on_to_the_next_line() {
        let claim = with_patient_paid(SHARING, "100").with(|claim| claim.lines.reverse());
        let determination = decided(&claim, &plan());
        assert_eq!(
            lines_of(&determination),
            ["paid CO-45 58.75 PR-142 16.25", "paid 38.30 CO-45 27.95 PR-142 83.75"]
        );
        assert_eq!(determination.patient_responsibility(), money("100"));
    }

    #[test]
    fn institutional_amounts_are_value_codes() {
        for (member, codes, estimate, result, raised) in [
            (MEMBER, &[][..], None, "paid 100.00 CO-45 150.00", &[][..]),
            (MEMBER, &[("FC", "10")], None, "paid 100.00 CO-45 150.00", &["patient-paid 10.00"]),
            (MEMBER, &[("23", "10")], None, "paid 100.00 CO-45 150.00", &["share-of-cost-mismatch 10.00"]),
            (SHARING, &[("23", "100")], None, "paid CO-45 150.00 PR-142 100.00", &[]),
            (MEMBER, &[], Some("40"), "paid 100.00 CO-45 150.00", &["patient-estimate 40.00"]),
        ] {
            let claim = stay("2025-01-01/2025-01-02", vec![line("0250", 1, "250", "2025-01-01")])
                .of_member(member)
                .with(|claim| {
                    let detail = claim.institutional_mut();
                    detail.value_codes = codes
                        .iter()
                        .map(|(code, amount)| ValueCode {
                            at: at("HI"),
                            code: code.parse().unwrap(),
                            amount: money(amount),
                        })
                        .collect();
                    detail.patient_estimate = estimate.map(|amount| Located {
                        value: money(amount),
                        at: at("AMT"),
                    });
                });
            let determination = decided(&claim, &plan());
            assert_eq!(
                (outcome(&determination).as_str(), &signals(&determination)[..]),
                (result, &raised.iter().map(ToString::to_string).collect::<Vec<_>>()[..]),
                "{member} {codes:?}"
            );
        }
    }
}
