//! The steps in order: read this first.
//!
//! First what concerns the claim as a whole (encounter, void, replacement, routing), then line by line
//! [`GATES`], pricing, other payers, share of cost. The first step that denies a line gives it its
//! reason. Lines go one after the other, each through all steps, so that a line sees which of the lines
//! before it stand and what they use of an authorization.
//!
//! To the next editor: a new step is a function `(case, line, so far) → Ruling` in a file of its own, a
//! [`Rule`] in the trace, and a row in [`GATES`] at its place in DOMAIN J's decision order. Timely
//! filing stands before prior authorization so that a late line never uses units.

use super::adjustment::Adjustment;
use super::case::{Case, Draw, OpenLine, SoFar};
use super::coordination::{PRIOR_PAYER, PriorPayments};
use super::determination::{Aside, Determination, LineDetermination, PendReason, Raised, Unbalanced, UnitsConsumed};
use super::facts::{Facts, Receipt};
use super::member_billing::{self, SHARE_OF_COST};
use super::pricing::{Price, method, price};
use super::routing::{Route, route};
use super::ruling::{Note, Reason, Ruling, Verdict};
use super::trace::{Rule, Step, StepResult};
use super::{billing_restrictions, coordination, duplicate, eligibility, prior_auth, timely_filing};
use crate::claim::Claim;
use crate::claim::service_line::ServiceLine;
use crate::money::{Money, Quantity};
use crate::position::SegmentPosition;
use crate::tables::refdata::ReferenceData;
use crate::tables::rules::{RulePack, UnpricedAction};

/// Rules and reference data.
#[derive(Debug, Clone, Copy)]
pub struct Tables<'a> {
    pub rules: &'a RulePack,
    pub reference: &'a ReferenceData,
}

type Gate = fn(&Case<'_>, &OpenLine<'_>, &SoFar<'_>) -> Ruling;

/// What a line must pass before it is priced, in the order of DOMAIN J.
const GATES: [(Rule, Gate); 6] = [
    (Rule::Eligibility, eligibility::rule),
    (Rule::TimelyFiling, timely_filing::rule),
    (Rule::Coordination, coordination::rule),
    (Rule::Restriction, billing_restrictions::rule),
    (Rule::Duplicate, duplicate::rule),
    (Rule::PriorAuthorization, prior_auth::rule),
];

/// Billed above allowed.
const CONTRACTUAL_DIFFERENCE: Reason = Reason::contractual("45");
const INCLUDED: Reason = Reason::contractual("97").remark("M80");
const DOLLARS_EXCEEDED: Reason = Reason::contractual("198").remark("N640");

/// Decides a claim. Pure and total: equal values give an equal determination, and a rule that fails
/// pends the claim.
pub fn adjudicate(claim: &Claim, receipt: &Receipt, facts: &Facts, tables: &Tables<'_>) -> Determination {
    let case = Case::new(claim, receipt, facts, tables);
    let mut aside = Aside {
        trace: Vec::with_capacity(2 + 8 * claim.lines.len()),
        ..Aside::default()
    };
    if claim.lines.is_empty() {
        return failed(claim, aside.trace);
    }
    let lines = match whole_claim(&case, &mut aside) {
        Some(fate) => claim.lines.iter().map(|line| fate.of(line)).collect(),
        None => match line_by_line(&case, &mut aside) {
            Ok(lines) => lines,
            Err(_) => return failed(claim, aside.trace),
        },
    };
    Determination::new(claim.charge, lines, aside).unwrap_or_else(|_| failed(claim, Vec::new()))
}

/// A decision on every line at once.
enum Fate {
    Recorded(Rule),
    Pended(Rule),
    Denied(Rule, Reason),
    Forwarded(Reason),
}

impl Fate {
    fn of(&self, line: &ServiceLine) -> LineDetermination {
        match self {
            Fate::Recorded(rule) => LineDetermination::recorded(line.number, line.charge, *rule),
            Fate::Pended(rule) => LineDetermination::pended(line.number, line.charge, *rule),
            Fate::Denied(rule, reason) => LineDetermination::denied(line.number, line.charge, reason.adjusts(line.charge), *rule),
            Fate::Forwarded(reason) => LineDetermination::forwarded(line.number, line.charge, reason.adjusts(line.charge)),
        }
    }
}

/// Encounters and voids are recorded. A replacement is pended: its original must be reversed first, and
/// that is a person's work here, so that nothing is ever paid twice. Then routing.
fn whole_claim(case: &Case<'_>, aside: &mut Aside) -> Option<Fate> {
    let mut step = |rule, result, note: Note, evidence| {
        aside.trace.push(Step {
            line: 0,
            rule,
            result,
            note,
            evidence,
        });
    };
    let at = Some(case.claim.at);
    if case.receipt.is_encounter {
        step(Rule::Encounter, StepResult::Recorded, "an encounter (BHT06 is RP)".into(), at);
        return Some(Fate::Recorded(Rule::Encounter));
    }
    if case.claim.is_void() {
        step(Rule::Replacement, StepResult::Recorded, "a void (frequency 8)".into(), at);
        return Some(Fate::Recorded(Rule::Replacement));
    }
    if case.claim.is_replacement() {
        step(Rule::Replacement, StepResult::Pended, "a replacement (frequency 7)".into(), at);
        aside.pend_reason = Some(PendReason::Replacement);
        return Some(Fate::Pended(Rule::Replacement));
    }
    if case.claim.billing_provider.npi.is_none() {
        let at = Some(case.claim.billing_provider.at);
        step(Rule::Routing, StepResult::Pended, "the billing provider has no NPI to be paid under".into(), at);
        aside.pend_reason = Some(PendReason::NoPayee);
        return Some(Fate::Pended(Rule::Routing));
    }
    let at = Some(case.claim.subscriber.name_at);
    match route(case) {
        Route::Ours(note) => {
            step(Rule::Routing, StepResult::Passed, note, at);
            None
        }
        Route::NotEnforced(note) => {
            step(Rule::Routing, StepResult::NotEnforced, note, at);
            None
        }
        Route::Denied(reason) => {
            step(Rule::Routing, StepResult::Denied, "the member's network is responsible".into(), at);
            Some(Fate::Denied(Rule::Routing, reason))
        }
        Route::Forwarded(reason, to) => {
            step(Rule::Routing, StepResult::Forwarded, "the member's network is responsible".into(), at);
            aside.forward_to = Some(to);
            Some(Fate::Forwarded(reason))
        }
        Route::Unknown => {
            step(
                Rule::Routing,
                StepResult::Pended,
                "no row says who is responsible for the member's network".into(),
                at,
            );
            aside.pend_reason = Some(PendReason::NetworkUnknown);
            Some(Fate::Pended(Rule::Routing))
        }
    }
}

/// What is spent line by line.
struct Purse {
    prior: PriorPayments,
    share_of_cost: Money,
}

fn line_by_line<'a>(case: &Case<'a>, aside: &mut Aside) -> Result<Vec<LineDetermination>, Unbalanced> {
    let review = member_billing::review(case);
    let mut purse = Purse {
        prior: PriorPayments::of(case.claim),
        share_of_cost: review.share_of_cost,
    };
    let mut so_far = SoFar::default();
    so_far.lines.reserve_exact(case.claim.lines.len());
    for line in &case.claim.lines {
        let decided = decide(case, line, &mut so_far, &mut purse, aside)?;
        so_far.lines.push(decided);
    }
    aside.trace.push(Step {
        line: 0,
        rule: Rule::MemberBilling,
        result: StepResult::Passed,
        note: review.note,
        evidence: review.evidence.map(|amount| amount.at),
    });
    aside.signals.extend(review.signals);
    aside.consumed = so_far.consumed;
    Ok(so_far.lines)
}

fn decide<'a>(case: &Case<'a>, line: &ServiceLine, so_far: &mut SoFar<'a>, purse: &mut Purse, aside: &mut Aside) -> Result<LineDetermination, Unbalanced> {
    let Some(dates) = case.claim.service_dates(line) else {
        record(
            aside,
            line,
            Rule::Eligibility,
            &Verdict::Pended(PendReason::RuleFailure),
            "no service date".into(),
            Some(line.at),
        );
        aside.pend_reason.get_or_insert(PendReason::RuleFailure);
        return Ok(LineDetermination::pended(line.number, line.charge, Rule::Eligibility));
    };
    let mut open = OpenLine::new(line, dates);
    for (rule, gate) in GATES {
        let ruling = gate(case, &open, so_far);
        record(aside, line, rule, &ruling.verdict, ruling.note, ruling.evidence);
        if let Some((signal, amount)) = ruling.signal {
            aside.signals.push(Raised {
                signal,
                line: line.number,
                amount,
            });
        }
        open.draws = open.draws.or(ruling.draws);
        match ruling.verdict {
            Verdict::Passed | Verdict::Skipped | Verdict::NotEnforced => {}
            Verdict::Cut(reason, kept) => open.cut(reason, kept),
            Verdict::Denied(reason) => return Ok(LineDetermination::denied(line.number, line.charge, reason.adjusts(line.charge), rule)),
            Verdict::Pended(reason) => {
                aside.pend_reason.get_or_insert(reason);
                return Ok(LineDetermination::pended(line.number, line.charge, rule));
            }
        }
    }
    settle(case, open, so_far, purse, aside)
}

/// Pricing, other payers' payments and the share of cost of a line that passed every gate.
fn settle<'a>(case: &Case<'a>, open: OpenLine<'_>, so_far: &mut SoFar<'a>, purse: &mut Purse, aside: &mut Aside) -> Result<LineDetermination, Unbalanced> {
    let line = open.line;
    let priced = price(case, &open, so_far);
    let unpriced = case.tables.rules.pricing.unpriced;
    let (result, note) = match (&priced, unpriced) {
        (Price::Rated { row, .. }, _) => (StepResult::Paid, method(row)),
        (Price::Included, _) => (StepResult::Denied, "included in the case rate"),
        (Price::NoRate, UnpricedAction::Deny { .. }) => (StepResult::Denied, "no rate"),
        (Price::NoRate, UnpricedAction::Pend) => (StepResult::Pended, "no rate"),
        (Price::NotLoaded, _) => (StepResult::Pended, "fee schedule not loaded"),
    };
    aside.trace.push(Step {
        line: line.number,
        rule: Rule::FeeSchedule,
        result,
        note: note.into(),
        evidence: Some(line.at),
    });
    let denied = |reason: Reason| {
        Ok(LineDetermination::denied(
            line.number,
            line.charge,
            reason.adjusts(line.charge),
            Rule::FeeSchedule,
        ))
    };
    match (priced, unpriced) {
        (Price::Rated { allowed, row }, _) => {
            so_far.take_of_case(row, open.billed.min(allowed));
            pay(open, allowed, so_far, purse)
        }
        (Price::Included, _) => denied(INCLUDED),
        (Price::NoRate, UnpricedAction::Deny { group, carc, rarc }) => denied(Reason {
            group,
            carc,
            rarcs: [rarc, None],
        }),
        // Paying what is asked because no schedule was loaded would be worse than waiting for one.
        (Price::NoRate, UnpricedAction::Pend) | (Price::NotLoaded, _) => {
            aside.pend_reason.get_or_insert(PendReason::Unpriced);
            Ok(LineDetermination::pended(line.number, line.charge, Rule::FeeSchedule))
        }
    }
}

/// The lesser of billed and allowed, then what others have paid, then what the patient owes; each
/// difference with its reason.
fn pay(open: OpenLine<'_>, rate: Money, so_far: &mut SoFar<'_>, purse: &mut Purse) -> Result<LineDetermination, Unbalanced> {
    let line = open.line;
    let mut adjustments = open.cuts;
    let mut adjust = |reason: Reason, amount: Money| {
        if !amount.is_zero() {
            adjustments.push(reason.adjusts(amount));
        }
    };
    let mut allowed = open.billed.min(rate);
    adjust(CONTRACTUAL_DIFFERENCE, open.billed - allowed);
    if let Some(Draw::Dollars { left, .. }) = open.draws {
        adjust(DOLLARS_EXCEEDED, (allowed - left).max(Money::ZERO));
        allowed = allowed.min(left);
    }
    let ours = purse.prior.reduce(line, allowed);
    adjust(PRIOR_PAYER, allowed - ours);
    let of_patient = purse.share_of_cost.min(ours);
    purse.share_of_cost -= of_patient;
    adjust(SHARE_OF_COST, of_patient);
    so_far.consumed.extend(open.draws.map(|draw| {
        let (row, units) = match draw {
            Draw::Units { row, units } => (row, units),
            Draw::Dollars { row, .. } => (row, Quantity::dollars(allowed)),
        };
        UnitsConsumed { line: line.number, row, units }
    }));
    LineDetermination::paid(line.number, line.charge, allowed, ours - of_patient, open.units, adjustments, Rule::FeeSchedule)
}

impl OpenLine<'_> {
    /// Keeps so many units and their part of the charge.
    fn cut(&mut self, reason: Reason, kept: Quantity) {
        let billed = self.billed.share(kept, self.units);
        let amount = self.billed - billed;
        if !amount.is_zero() {
            let adjustment: Adjustment = reason.adjusts(amount);
            self.cuts.push(adjustment.with_quantity(self.units.less(kept)));
        }
        (self.units, self.billed) = (kept, billed);
    }
}

fn record(aside: &mut Aside, line: &ServiceLine, rule: Rule, verdict: &Verdict, note: Note, evidence: Option<SegmentPosition>) {
    aside.trace.push(Step {
        line: line.number,
        rule,
        result: verdict.result(),
        note,
        evidence,
    });
}

/// A claim that has no lines or whose lines do not add up: a rule failed, or its charges never did. It
/// is pended whole.
fn failed(claim: &Claim, mut trace: Vec<Step>) -> Determination {
    trace.push(Step {
        line: 0,
        rule: Rule::FeeSchedule,
        result: StepResult::Pended,
        note: "no lines, or charge, adjustments and payment do not add up".into(),
        evidence: Some(claim.at),
    });
    let lines = claim
        .lines
        .iter()
        .map(|line| LineDetermination::pended(line.number, line.charge, Rule::FeeSchedule));
    Determination::pended(lines.collect(), PendReason::RuleFailure, trace)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::testing::*;
    use super::*;
    use crate::adjudication::determination::ClaimOutcome;

    #[test]
    fn what_concerns_the_whole_claim_goes_first() {
        let visit = |frequency: &str| claim(vec![line("99214", 1, "150", "2020-01-20")]).with(|claim| claim.frequency = qualifier(frequency));
        for (frequency, is_encounter, result, outcome, pended) in [
            ("1", false, "denied CO-29 150.00", ClaimOutcome::Denied, None),
            ("1", true, "recorded", ClaimOutcome::Recorded, None),
            ("7", true, "recorded", ClaimOutcome::Recorded, None),
            ("7", false, "pended", ClaimOutcome::Pended, Some(PendReason::Replacement)),
            ("8", false, "recorded", ClaimOutcome::Recorded, None),
        ] {
            let claim = visit(frequency);
            let receipt = Receipt {
                is_encounter,
                ..received("2025-02-15")
            };
            let plan = plan();
            let determination = decided_with(&claim, &receipt, &facts(&claim, &plan), &plan);
            assert_eq!(lines_of(&determination), [result], "{frequency} {is_encounter}");
            assert_eq!(
                (determination.outcome(), determination.pend_reason()),
                (outcome, pended),
                "{frequency} {is_encounter}"
            );
        }
    }

    #[test]
    fn the_first_denying_step_gives_the_reason() {
        // Late, of an insured member, listed without authorization, without a rate and twice.
        let late = line("97112", 1, "50", "2023-01-20");
        let determination = decided(&claim(vec![late.clone(), late]).of_member(INSURED), &plan());
        assert_eq!(lines_of(&determination), ["denied CO-29 50.00", "denied CO-29 50.00"]);
        let steps: Vec<(u16, Rule, StepResult)> = determination.trace().iter().map(|step| (step.line, step.rule, step.result)).collect();
        assert_eq!(
            steps,
            [
                (0, Rule::Routing, StepResult::Passed),
                (1, Rule::Eligibility, StepResult::Passed),
                (1, Rule::TimelyFiling, StepResult::Denied),
                (2, Rule::Eligibility, StepResult::Passed),
                (2, Rule::TimelyFiling, StepResult::Denied),
                (0, Rule::MemberBilling, StepResult::Passed),
            ]
        );
        assert!(determination.lines().iter().all(|line| line.rule() == Rule::TimelyFiling));
    }

    #[test]
    fn every_step_of_a_paid_line_is_told() {
        let determination = decided(&claim(vec![line("99214", 1, "150", "2025-01-20")]), &plan());
        let steps: Vec<(Rule, StepResult)> = determination.trace().iter().map(|step| (step.rule, step.result)).collect();
        assert_eq!(
            steps,
            [
                (Rule::Routing, StepResult::Passed),
                (Rule::Eligibility, StepResult::Passed),
                (Rule::TimelyFiling, StepResult::Passed),
                (Rule::Coordination, StepResult::Passed),
                (Rule::Restriction, StepResult::Passed),
                (Rule::Duplicate, StepResult::Passed),
                (Rule::PriorAuthorization, StepResult::Skipped),
                (Rule::FeeSchedule, StepResult::Paid),
                (Rule::MemberBilling, StepResult::Passed),
            ]
        );
        let evidence: Vec<String> = determination.trace().iter().filter_map(|step| Some(step.evidence?.tag.to_string())).collect();
        assert_eq!(evidence, ["NM1", "DTP", "DTP", "SBR", "SV1", "SV1", "SV1", "SV1"]);
    }

    #[test]
    fn a_claim_without_lines_is_pended() {
        let determination = decided(&claim(Vec::new()), &plan());
        assert_eq!(
            (determination.outcome(), determination.pend_reason()),
            (ClaimOutcome::Pended, Some(PendReason::RuleFailure))
        );
    }

    #[test]
    fn a_claim_that_does_not_add_up_is_pended() {
        let claim = claim(vec![line("99214", 1, "150", "2025-01-20")]).with(|claim| claim.charge = money("151"));
        let determination = decided(&claim, &plan());
        assert_eq!(
            (outcome(&determination).as_str(), determination.pend_reason()),
            ("pended", Some(PendReason::RuleFailure))
        );
        assert_eq!(determination.charge(), money("150"));
    }

    #[test]
    fn a_claim_that_nobody_can_be_paid_for_is_pended() {
        let claim = claim(vec![line("99214", 1, "150", "2025-01-20")]).with(|claim| Arc::make_mut(&mut claim.billing_provider).npi = None);
        let determination = decided(&claim, &plan());
        assert_eq!(
            (outcome(&determination).as_str(), determination.pend_reason()),
            ("pended", Some(PendReason::NoPayee))
        );
    }

    #[test]
    fn a_line_without_a_date_pends_the_claim() {
        let undated = claim(vec![line("99214", 1, "150", "2025-01-20"), line("93000", 1, "20", "2025-01-20")]).with(|claim| claim.lines[1].service = None);
        let determination = decided(&undated, &plan());
        assert_eq!(lines_of(&determination), ["pended", "pended"]);
        assert_eq!(determination.pend_reason(), Some(PendReason::RuleFailure));
    }
}
