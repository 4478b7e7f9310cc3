//! What the member may owe: nothing but a share of cost (DOMAIN D1).

use super::case::Case;
use super::determination::{LineDetermination, LineOutcome, Raised, Signal};
use super::rule_id::RuleId;
use super::ruling::Reason;
use crate::claim::Located;
use crate::ids::Rarc;
use crate::money::Money;
use crate::tables::reasons::AdjustmentGroup;

/// The share of cost: the only amount that is ever the patient's.
pub(super) const SHARE_OF_COST: Reason = Reason::new(AdjustmentGroup::PatientResponsibility, "142");

/// What the claim says the patient paid, against the share of cost on record.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Review {
    /// What may be taken off as PR-142, over all lines.
    pub share_of_cost: Money,
    /// The share of cost is not met, and the rule pack says that nothing is paid then.
    pub unmet: Option<Reason>,
    pub signals: Vec<Raised>,
    /// What the claim is told, by the rule pack.
    pub remarks: Vec<Rarc>,
    pub id: RuleId,
    pub note: &'static str,
    pub evidence: Option<Located<Money>>,
}

/// MB1 to MB6. An amount that the patient paid without owing it is told and never
/// deducted: the provider must give it back.
pub(super) fn review(case: &Case<'_>) -> Review {
    let mut review = Review {
        share_of_cost: Money::ZERO,
        unmet: None,
        signals: Vec::new(),
        remarks: Vec::new(),
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
    let (on_record, says) = (coverage.share_of_cost, &case.tables.rules.member_billing);
    // What earlier claims of the month took off is met.
    let left = (on_record - case.facts.others.share_of_cost).max(Money::ZERO);
    if on_record.is_zero()
        && let Some(paid) = paid.filter(is_positive)
    {
        let id = match case.claim.institutional() {
            Some(_) => RuleId::PatientPaidHospital,
            None => RuleId::PatientPaid,
        };
        review.raise(id, Signal::PatientPaid, paid, "the patient paid and owes no share of cost");
        review.remark(says.patient_paid);
    }
    if let Some(met) = met.filter(is_positive) {
        review.share_of_cost = met.value.min(left);
        if met.value != left && !(on_record.is_zero() && paid == Some(met)) {
            review.raise(
                RuleId::ShareOfCostMismatch,
                Signal::ShareOfCostMismatch,
                met,
                "the patient paid another amount than is left of the share of cost on record",
            );
            review.remark(says.share_of_cost_differs);
        } else if met.value == left {
            review.id = RuleId::ShareOfCost;
            review.note = "the patient paid the share of cost";
            review.evidence = Some(met);
        }
    } else if left.is_zero() && !on_record.is_zero() {
        review.id = RuleId::ShareOfCostMet;
        review.note = "earlier claims of the month took the share of cost off";
    } else if !on_record.is_zero() {
        review.unmet = says.share_of_cost_unmet.map(Reason::from);
        review.id = match review.unmet {
            Some(_) => RuleId::ShareOfCostUnmet,
            None => RuleId::ShareOfCostMissing,
        };
        review.note = "the claim does not say what the patient paid of the share of cost";
        review.evidence = met;
        review.remark(says.share_of_cost_missing);
    }
    review
}

/// DOMAIN D1, invariant 3: lines of which nothing is paid are told that the patient owes nothing, where the
/// rule pack asks for it.
pub(super) fn alerted(case: &Case<'_>, lines: Vec<LineDetermination>) -> Vec<LineDetermination> {
    let Some(remark) = case.tables.rules.member_billing.nothing_paid else {
        return lines;
    };
    let alerted = lines.into_iter().map(|line| match line.outcome() {
        LineOutcome::Denied => line.remarked(remark),
        LineOutcome::Paid | LineOutcome::Pended | LineOutcome::Forwarded | LineOutcome::Recorded => line,
    });
    alerted.collect()
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
    fn remark(&mut self, remark: Option<Rarc>) {
        self.remarks.extend(remark.filter(|remark| !self.remarks.contains(remark)));
    }

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
    use super::super::{Tables, adjudicate};
    use crate::claim::diagnosis::ValueCode;
    use crate::claim::{Claim, Located};
    use crate::tables::rules::RulePack;

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

    /// The remarks and lines of a claim by the shipped pack with a change.
    fn told(member: &str, paid: &str, change: (&str, &str)) -> (Vec<String>, Vec<String>) {
        let text = RulePack::EMBEDDED_TEXT.replace(change.0, change.1);
        let pack = RulePack::parse(&text).unwrap();
        let (claim, plan) = (with_patient_paid(member, paid), plan());
        let tables = Tables {
            rules: &pack,
            reference: &plan,
        };
        let determination = adjudicate(&claim, &received("2025-02-15"), &facts(&claim, &plan), &tables);
        let remarks = determination.remarks().iter().map(ToString::to_string).collect();
        (remarks, lines_of(&determination))
    }

    #[test]
    fn the_remittance_says_what_the_patient_is_owed() {
        let shipped = ("", "");
        let silent = ("patient_paid = \"MA59\"\n", "");
        for (member, paid, change, remarks) in [
            (MEMBER, "0", shipped, &[][..]),
            (MEMBER, "20", shipped, &["MA59"]),
            (MEMBER, "20", silent, &[]),
            (SHARING, "0", shipped, &["N58"]),
            (SHARING, "100", shipped, &[]),
            (SHARING, "60", shipped, &["N861"]),
            (SHARING, "130", shipped, &["N861"]),
        ] {
            assert_eq!(told(member, paid, change).0, remarks, "{member} {paid}");
        }
    }

    #[test]
    fn a_pack_may_pay_nothing_before_the_share_of_cost_is_met() {
        let unmet = "patient_paid = \"MA59\"\nshare_of_cost_unmet = { group = \"CO\", carc = \"178\" }\nnothing_paid = \"N842\"";
        let change = ("patient_paid = \"MA59\"", unmet);
        for (member, paid, lines) in [
            (MEMBER, "0", ["paid 122.05 CO-45 27.95", "paid 16.25 CO-45 58.75"]),
            (SHARING, "0", ["denied CO-178/N842 150.00", "denied CO-178/N842 75.00"]),
            (SHARING, "60", ["paid 62.05 CO-45 27.95 PR-142 60.00", "paid 16.25 CO-45 58.75"]),
            (LAPSED, "0", ["denied CO-200/N842 150.00", "denied CO-200/N842 75.00"]),
        ] {
            assert_eq!(told(member, paid, change).1, lines, "{member} {paid}");
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
