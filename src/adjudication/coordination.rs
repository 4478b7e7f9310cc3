//! Other coverage: Medi-Cal pays last (DOMAIN E3).

use super::case::{Case, OpenLine, SoFar};
use super::exemptions;
use super::rule_id::RuleId;
use super::ruling::{Reason, Ruling};
use crate::claim::Claim;
use crate::claim::other_payer::{InboundAdjustment, OtherPayer};
use crate::claim::service_line::ServiceLine;
use crate::money::Money;
use crate::tables::reasons::AdjustmentGroup;

/// Another payer may owe, and the claim does not name it.
const OTHER_COVERAGE: Reason = Reason::contractual("22").remark("MA04");
/// The claim names the other payer and does not say what it decided.
const NO_DECISION_OF_OTHER: Reason = Reason::contractual("22").remark("N4");
/// What prior payers paid or settled.
pub(super) const PRIOR_PAYER: Reason = Reason::new(AdjustmentGroup::OtherAdjustment, "23");

pub(super) fn rule(case: &Case<'_>, line: &OpenLine<'_>, _: &SoFar<'_>) -> Ruling {
    if let Some(decided) = case.claim.other_payers.iter().find(|payer| has_decided(payer)) {
        return Ruling::passed("another payer has decided").by(RuleId::OtherPayerDecided).at(decided.at);
    }
    if let Some(decided) = line.line.other_payers.first() {
        return Ruling::passed("another payer has decided on the line")
            .by(RuleId::OtherPayerDecided)
            .at(decided.at);
    }
    let Some(coverage) = case.coverage else {
        return Ruling::not_enforced("members not loaded");
    };
    if !coverage.has_other_coverage {
        return Ruling::passed("no other coverage on file")
            .by(RuleId::NoOtherCoverage)
            .at(case.claim.subscriber.at);
    }
    if let Some(service) = exemptions::paid_before_other_coverage(case, line) {
        return Ruling::passed(format!("paid first, recovered later: {service}"))
            .by(RuleId::PaidFirst)
            .at(line.line.at);
    }
    let chased = &case.tables.rules.coordination.pay_and_chase;
    if coverage.other_coverage_code.is_some_and(|code| chased.contains(&code)) {
        return Ruling::passed("paid first, recovered later: the kind of other coverage")
            .by(RuleId::PaidFirst)
            .at(case.claim.subscriber.at);
    }
    let note = "other coverage on file and no decision of its payer on the claim";
    match case.claim.other_payers.first() {
        None => Ruling::denied(OTHER_COVERAGE, note).at(case.claim.subscriber.at),
        Some(named) => Ruling::denied(NO_DECISION_OF_OTHER, note).at(named.at),
    }
}

/// How many other payers have decided before the plan. 2320, and 2430 of the line that most decided on.
pub(super) fn payers_before(claim: &Claim) -> u8 {
    let decided = claim.other_payers.iter().filter(|payer| has_decided(payer)).count();
    let on_a_line = claim.lines.iter().map(|line| line.other_payers.len()).max().unwrap_or(0);
    u8::try_from(decided.max(on_a_line)).unwrap_or(u8::MAX)
}

/// What other payers paid and left to the patient, spent line by line.
#[derive(Debug, Clone, Default)]
pub(super) struct PriorPayments {
    /// AMT*D that no 2430 accounts for.
    unallocated: Money,
    /// What the payers left to the patient, on claim level; `None` when they do not say.
    responsibility: Option<Money>,
    /// No other payer has decided anything.
    is_none: bool,
}

impl PriorPayments {
    pub(super) fn of(claim: &Claim) -> PriorPayments {
        if claim.other_payers.is_empty() && claim.lines.iter().all(|line| line.other_payers.is_empty()) {
            return PriorPayments {
                is_none: true,
                ..PriorPayments::default()
            };
        }
        let decided = || claim.other_payers.iter().filter(|payer| has_decided(payer));
        let paid: Money = decided().filter_map(|payer| payer.paid).sum();
        let on_lines: Money = claim.lines.iter().flat_map(|line| &line.other_payers).map(|payer| payer.paid).sum();
        PriorPayments {
            unallocated: (paid - on_lines).max(Money::ZERO),
            // Each later payer takes over part of what the one before left.
            responsibility: decided().filter_map(left_to_patient).min(),
            is_none: false,
        }
    }

    /// What we pay of an allowed amount: `min(allowed − paid by others, left to the patient)`, never
    /// below zero.
    pub(super) fn reduce(&mut self, line: &ServiceLine, allowed: Money) -> Money {
        if self.is_none {
            return allowed;
        }
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
    let shares = adjustments
        .iter()
        .filter(|adjustment| adjustment.group == Some(AdjustmentGroup::PatientResponsibility));
    shares.map(|adjustment| adjustment.amount).sum::<Money>().max(Money::ZERO)
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::super::trace::Rule;
    use super::*;
    use crate::claim::diagnosis::DiagnosisKind;
    use crate::claim::other_payer::LineAdjudication;
    use crate::tables::refdata::ReferenceTable;
    use AdjustmentGroup::{ContractualObligation as CO, PatientResponsibility as PR};

    fn payer(paid: &str) -> OtherPayer {
        OtherPayer {
            at: at("SBR"),
            paid: Some(money(paid)),
            ..OtherPayer::default()
        }
    }

    #[test]
    fn other_coverage_goes_first() {
        let visit = || claim(vec![line("99214", 1, "150", "2025-01-20")]);
        let prenatal = visit().with(|claim| claim.diagnoses = vec![diagnosis(DiagnosisKind::Principal, "Z3400")]);
        for (what, claim, result, text) in [
            ("none on file", visit(), "paid 122.05 CO-45 27.95", "no other coverage on file"),
            (
                "on file",
                visit().of_member(INSURED),
                "denied CO-22/MA04 150.00",
                "other coverage on file and no decision of its payer on the claim",
            ),
            (
                "named only",
                visit().of_member(INSURED).after(OtherPayer::default()),
                "denied CO-22/N4 150.00",
                "other coverage on file and no decision of its payer on the claim",
            ),
            (
                "prenatal",
                prenatal.of_member(INSURED),
                "paid 122.05 CO-45 27.95",
                "paid first, recovered later: basic-prenatal",
            ),
            (
                "decided",
                visit().of_member(INSURED).after(payer("0")),
                "paid 122.05 CO-45 27.95",
                "another payer has decided",
            ),
        ] {
            let determination = decided(&claim, &plan());
            assert_eq!(outcome(&determination), result, "{what}");
            assert_eq!(note(&determination, 1, Rule::Coordination), text, "{what}");
        }
    }

    #[test]
    fn a_kind_of_other_coverage_is_paid_first_and_recovered_later() {
        const MEMBERS: &str = "cin,birth_date,sex,eligible_from,eligible_to,aid_code,network,pcp_npi,share_of_cost,death_date,other_coverage,added_on,ohc_code
91234567E,1980-05-05,F,2020-01-01,,M1,CCN,1003000126,0,,yes,2020-01-01,A
91234567A,1980-05-05,F,2020-01-01,,M1,CCN,1003000126,0,,yes,2020-01-01,V
";
        let plan = plan().with_table(ReferenceTable::Members, MEMBERS.as_bytes()).unwrap();
        let visit = |member: &str| claim(vec![line("99214", 1, "150", "2025-01-20")]).of_member(member);
        assert_eq!(outcome(&decided(&visit(INSURED), &plan)), "paid 122.05 CO-45 27.95");
        assert_eq!(outcome(&decided(&visit(MEMBER), &plan)), "denied CO-22/MA04 150.00");
    }

    #[test]
    fn what_others_paid_is_taken_off_the_allowed_amount() {
        let with = |payer: OtherPayer| claim(vec![line("99214", 1, "150", "2025-01-20")]).of_member(INSURED).after(payer);
        let explained = |paid: &str, patient: &str| OtherPayer {
            adjustments: vec![adjustment(CO, "45", "10"), adjustment(PR, "1", patient)],
            ..payer(paid)
        };
        let liable = OtherPayer {
            remaining_patient_liability: Some(money("30")),
            ..payer("80")
        };
        for (what, claim, result) in [
            ("nothing paid", with(payer("0")), "paid 122.05 CO-45 27.95"),
            ("part paid", with(payer("100")), "paid 22.05 CO-45 27.95 OA-23 100.00"),
            ("as much", with(payer("122.05")), "paid CO-45 27.95 OA-23 122.05"),
            ("more", with(payer("140")), "paid CO-45 27.95 OA-23 122.05"),
            ("patient owes less", with(explained("100", "15")), "paid 15.00 CO-45 27.95 OA-23 107.05"),
            ("patient owes nothing", with(explained("100", "0")), "paid CO-45 27.95 OA-23 122.05"),
            ("patient owes more", with(explained("100", "40")), "paid 22.05 CO-45 27.95 OA-23 100.00"),
            ("EAF", with(liable), "paid 30.00 CO-45 27.95 OA-23 92.05"),
        ] {
            assert_eq!(outcome(&decided(&claim, &plan())), result, "{what}");
        }
    }

    #[test]
    fn payments_belong_to_their_line_or_are_spent_line_by_line() {
        let lines = || vec![line("99214", 1, "150", "2025-01-20"), line("93000", 1, "75", "2025-01-20")];
        let on_claim = claim(lines()).of_member(INSURED).after(payer("125"));
        assert_eq!(
            lines_of(&decided(&on_claim, &plan())),
            ["paid CO-45 27.95 OA-23 122.05", "paid 13.30 CO-45 58.75 OA-23 2.95"]
        );
        let mut split = lines();
        for (line, (paid, patient)) in split.iter_mut().zip([("100", "50"), ("10", "5")]) {
            line.other_payers.push(LineAdjudication {
                paid: money(paid),
                adjustments: vec![adjustment(PR, "2", patient)],
                ..LineAdjudication::default()
            });
        }
        let on_lines = claim(split).of_member(INSURED).after(payer("110"));
        assert_eq!(
            lines_of(&decided(&on_lines, &plan())),
            ["paid 22.05 CO-45 27.95 OA-23 100.00", "paid 5.00 CO-45 58.75 OA-23 11.25"]
        );
    }
}
