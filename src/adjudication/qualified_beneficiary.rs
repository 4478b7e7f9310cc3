//! Qualified Medicare beneficiaries (DOMAIN E3, D3 303): Medicare decides first and leaves a deductible, a
//! coinsurance or a copayment. What the plan does not pay of it is nobody's to collect: it has a reason of
//! its own instead of being part of the contractual difference, and the remittance says so.

use super::case::Case;
use super::determination::{LineDetermination, LineOutcome};
use super::rule_id::RuleId;
use super::ruling::Reason;
use super::telling::{Told, Trace};
use super::trace::StepResult;
use crate::claim::other_payer::{InboundAdjustment, OtherPayer};
use crate::claim::service_line::ServiceLine;
use crate::ids::Rarc;
use crate::money::Money;
use crate::tables::reasons::AdjustmentGroup;
use crate::tables::rules::QualifiedBeneficiaries;

/// The lines with their reasons, and what the claim as a whole is told.
pub(super) fn relieved(case: &Case<'_>, lines: Vec<LineDetermination>, remarks: &mut Vec<Rarc>, trace: &mut Trace) -> Vec<LineDetermination> {
    let Some((rules, medicare)) = medicare(case) else { return lines };
    let reason = Reason::from(rules.not_owed);
    let mut of_claim = left_unpaid(&medicare.adjustments, lines.iter().map(LineDetermination::amount_paid).sum());
    let mut is_relieved = false;
    let mut relieve = |(line, decided): (&ServiceLine, LineDetermination)| {
        if decided.outcome() != LineOutcome::Paid {
            return decided;
        }
        let own = adjustments_of_line(medicare, line);
        let left = match own.is_empty() {
            true => of_claim,
            false => left_unpaid(own.iter().copied(), decided.amount_paid()),
        };
        let (decided, taken) = decided.explained(super::adjudicate::CONTRACTUAL_DIFFERENCE.carc, reason, left);
        if own.is_empty() {
            of_claim -= taken;
        }
        is_relieved |= !taken.is_zero();
        decided
    };
    let lines = case.claim.lines.iter().zip(lines).map(&mut relieve).collect();
    remarks.extend(told(case, rules, medicare));
    trace.of_claim(case, || match is_relieved {
        true => Told::new(RuleId::QualifiedBeneficiary, StepResult::Cut, "what Medicare left is not owed", medicare.at).giving(reason),
        false => Told::new(
            RuleId::QualifiedBeneficiary,
            StepResult::Passed,
            "the plan pays what Medicare left",
            medicare.at,
        ),
    });
    lines
}

/// Medicare on the claim of a beneficiary whose coverage says so.
fn medicare<'a>(case: &Case<'a>) -> Option<(&'a QualifiedBeneficiaries, &'a OtherPayer)> {
    let rules = case.tables.rules.coordination.qualified_beneficiaries.as_ref()?;
    let is_medicare = |payer: &&OtherPayer| payer.filing_indicator.is_some_and(|indicator| rules.payers.contains(&indicator));
    let medicare = case.claim.other_payers.iter().find(is_medicare)?;
    let aid_code = case.coverage?.aid_code?;
    rules.aid_codes.contains(&aid_code).then_some((rules, medicare))
}

/// Those of loop 2430.
fn adjustments_of_line<'c>(medicare: &OtherPayer, line: &'c ServiceLine) -> Vec<&'c InboundAdjustment> {
    let decided = line.other_payers.iter().filter(|decided| decided.payer_id == medicare.payer_id);
    decided.flat_map(|decided| &decided.adjustments).collect()
}

fn left_unpaid<'c>(adjustments: impl IntoIterator<Item = &'c InboundAdjustment>, paid: Money) -> Money {
    let left: Money = adjustments.into_iter().filter(is_of_patient).map(|adjustment| adjustment.amount).sum();
    (left - paid).max(Money::ZERO)
}

fn is_of_patient(adjustment: &&InboundAdjustment) -> bool {
    adjustment.group == Some(AdjustmentGroup::PatientResponsibility) && adjustment.amount > Money::ZERO
}

/// A remark for each kind of amount that Medicare left, on the claim or its lines.
fn told(case: &Case<'_>, rules: &QualifiedBeneficiaries, medicare: &OtherPayer) -> Vec<Rarc> {
    let of_lines = case.claim.lines.iter().flat_map(|line| adjustments_of_line(medicare, line));
    let left: Vec<&InboundAdjustment> = medicare.adjustments.iter().chain(of_lines).filter(is_of_patient).collect();
    let is_left = |carc: &str| left.iter().any(|adjustment| adjustment.reason.is_some_and(|reason| reason.as_str() == carc));
    let kinds = [("1", rules.deductible), ("2", rules.coinsurance), ("3", rules.copayment)];
    kinds.into_iter().filter(|(carc, _)| is_left(carc)).filter_map(|(_, remark)| remark).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::claim::Claim;
    use crate::claim::other_payer::LineAdjudication;
    use crate::tables::refdata::{ReferenceData, ReferenceTable};

    const QUALIFIED: &str = "91234567V";

    fn plan_with_a_beneficiary() -> ReferenceData {
        let header = "cin,birth_date,sex,eligible_from,eligible_to,aid_code,network,pcp_npi,share_of_cost,death_date,other_coverage,added_on";
        let rows = format!("{header}\n{QUALIFIED},1950-05-05,F,2020-01-01,,80,CCN,,0,,yes,\n{MEMBER},1980-05-05,F,2020-01-01,,M1,CCN,,0,,yes,\n");
        plan().with_table(ReferenceTable::Members, rows.as_bytes()).unwrap()
    }

    /// A visit of 150.00 of which Medicare paid 80.00 and left these to the patient, on its line or the claim.
    fn visit(left: &[(&str, &str)], on_line: bool) -> Claim {
        let adjustments: Vec<InboundAdjustment> = left
            .iter()
            .map(|(carc, amount)| adjustment(AdjustmentGroup::PatientResponsibility, carc, amount))
            .collect();
        let of_claim = OtherPayer {
            at: at("SBR"),
            filing_indicator: qualifier("MB"),
            payer_id: "MEDICARE".into(),
            paid: Some(money("80")),
            adjustments: if on_line { Vec::new() } else { adjustments.clone() },
            ..OtherPayer::default()
        };
        let of_line = LineAdjudication {
            payer_id: "MEDICARE".into(),
            paid: money("80"),
            adjustments,
            ..LineAdjudication::default()
        };
        let visit = claim(vec![line("99214", 1, "150", "2025-01-20")]).of_member(QUALIFIED).after(of_claim);
        visit.with(|claim| claim.lines[0].other_payers.extend(Some(of_line).filter(|_| on_line)))
    }

    #[test]
    fn what_medicare_left_and_the_plan_does_not_pay_is_nobodys() {
        let plan = plan_with_a_beneficiary();
        for on_line in [true, false] {
            for (left, result, remarks) in [
                // The plan allows 122.05: it pays 20.00, and up to 42.05.
                (&[("2", "20")][..], "paid 20.00 CO-45 27.95 OA-23 102.05", "N782"),
                (&[("1", "42.05")], "paid 42.05 CO-45 27.95 OA-23 80.00", "N781"),
                (&[("1", "42"), ("3", "8.05")], "paid 42.05 CO-45 19.95 OA-23 80.00 CO-303 8.00", "N781 N783"),
                // More than the difference holds is the difference.
                (&[("2", "100")], "paid 42.05 OA-23 80.00 CO-303 27.95", "N782"),
            ] {
                let determination = decided(&visit(left, on_line), &plan);
                assert_eq!(outcome(&determination), result, "{left:?} {on_line}");
                let told: Vec<String> = determination.remarks().iter().map(ToString::to_string).collect();
                assert_eq!(told.join(" "), remarks, "{left:?} {on_line}");
            }
        }
    }

    #[test]
    fn only_of_a_beneficiary_and_only_medicare() {
        let plan = plan_with_a_beneficiary();
        let left = [("2", "100")];
        let commercial = visit(&left, true).with(|claim| claim.other_payers[0].filing_indicator = qualifier("CI"));
        for claim in [visit(&left, true).of_member(MEMBER), commercial] {
            let determination = decided(&claim, &plan);
            assert_eq!(outcome(&determination), "paid 42.05 CO-45 27.95 OA-23 80.00");
            assert!(determination.remarks().is_empty());
        }
    }
}
