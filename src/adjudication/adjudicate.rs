//! The steps in order: read this first.
//!
//! First what concerns the claim as a whole (encounter, void or replacement, routing), then line by line
//! [`GATES`], pricing, other payers, share of cost; behind the decision, signs of fraud. The first step
//! that denies a line gives it its
//! reason. Lines go one after the other, each through all steps, so that a line sees which of the lines
//! before it stand and what they use of an authorization.
//!
//! To the next editor: a new step is a function `(case, line, so far) → Ruling` in a file of its own, a
//! [`Rule`] in the trace, and a row in [`GATES`] at its place in DOMAIN J's decision order. Timely
//! filing stands before prior authorization so that a late line never uses units.

use rust_decimal::Decimal;

use super::adjustment::Adjustment;
use super::authorized_units::EXCEEDED;
use super::case::{Case, Draw, OpenLine, SoFar};
use super::coordination::{PRIOR_PAYER, PriorPayments};
use super::determination::{Aside, Determination, LineDetermination, PendReason, Raised, Unbalanced, UnitsConsumed};
use super::facts::{Facts, Receipt};
use super::member_billing::{self, SHARE_OF_COST};
use super::pricing::{Price, case_amount, price};
use super::replacement::{Frequency, Link};
use super::routing::{self, Route, route};
use super::rule_id::RuleId;
use super::ruling::{Reason, Ruling, Verdict};
use super::telling::{Told, Trace};
use super::trace::{Rule, StepResult};
use super::{
    billing_restrictions, coding_edits, coordination, duplicate, eligibility, exemptions, fraud_signals, prior_auth, prompt_pay, qualified_beneficiary,
    reductions, replacement, timely_filing,
};
use crate::claim::Claim;
use crate::claim::service_line::ServiceLine;
use crate::ids::Form;
use crate::money::{Money, Quantity};
use crate::position::SegmentPosition;
use crate::tables::refdata::ReferenceData;
use crate::tables::refdata::fee_schedule::{FeeMethod, FeeRow};
use crate::tables::rules::{RulePack, UnpricedAction};

/// Rules and reference data.
#[derive(Debug, Clone, Copy)]
pub struct Tables<'a> {
    pub rules: &'a RulePack,
    pub reference: &'a ReferenceData,
}

type Gate = fn(&Case<'_>, &OpenLine<'_>, &SoFar<'_>) -> Ruling;

/// What a line must pass before it is priced, in the order of DOMAIN J.
const GATES: [(Rule, Gate); 8] = [
    (Rule::Eligibility, eligibility::rule),
    (Rule::TimelyFiling, timely_filing::rule),
    (Rule::Coordination, coordination::rule),
    (Rule::Restriction, billing_restrictions::rule),
    (Rule::Duplicate, duplicate::rule),
    (Rule::PriorAuthorization, prior_auth::rule),
    (Rule::CodePair, coding_edits::pair_rule),
    (Rule::UnitLimit, coding_edits::unit_rule),
];

/// Billed above allowed.
pub(super) const CONTRACTUAL_DIFFERENCE: Reason = Reason::contractual("45");
const INCLUDED: Reason = Reason::contractual("97").remark("M80");
const PACKAGED: Reason = Reason::contractual("97").remark("N19");

/// Decides a claim and tells each step. Pure and total: equal values give an equal determination, and a
/// rule that fails pends the claim.
pub fn adjudicate(claim: &Claim, receipt: &Receipt, facts: &Facts, tables: &Tables<'_>) -> Determination {
    // Five steps of the claim, ten of each line.
    let trace = Trace::Told(Vec::with_capacity(5 + 10 * claim.lines.len()));
    determine(claim, receipt, facts, tables, trace)
}

/// The same determination without its trace, for many claims in a row.
pub fn adjudicate_untold(claim: &Claim, receipt: &Receipt, facts: &Facts, tables: &Tables<'_>) -> Determination {
    determine(claim, receipt, facts, tables, Trace::Untold)
}

fn determine(claim: &Claim, receipt: &Receipt, facts: &Facts, tables: &Tables<'_>, mut trace: Trace) -> Determination {
    let case = Case::new(claim, receipt, facts, tables);
    let mut aside = Aside::default();
    let lines = match whole_claim(&case, &mut aside, &mut trace) {
        _ if claim.lines.is_empty() => None,
        Some(fate) => {
            trace.not_reached(0, steps_from(0).chain([Rule::MemberBilling]));
            Some(claim.lines.iter().map(|line| fate.of(line)).collect())
        }
        None => line_by_line(&case, &mut aside, &mut trace).ok(),
    };
    let lines = lines.map(|lines| qualified_beneficiary::relieved(&case, lines, &mut aside.remarks, &mut trace));
    let lines = lines.map(|lines| member_billing::alerted(&case, lines));
    let lines = lines.map(|lines| exemptions::marked(&case, lines));
    let determination = lines.and_then(|lines| Determination::new(claim.charge, lines, aside).ok());
    let determination = determination.unwrap_or_else(|| failed(&case, &mut trace));
    let reversed = replacement::reversed(&case, &determination);
    let determination = determination.reversing(reversed);
    let suspicions = fraud_signals::notice(&case, determination.lines(), &mut trace);
    trace.of_claim(&case, || prompt_pay::due(&case));
    determination.with_suspicions(suspicions).with_trace(trace.steps())
}

/// The steps of a line from one on, pricing included.
fn steps_from(place: usize) -> impl Iterator<Item = Rule> {
    GATES.into_iter().skip(place).map(|(rule, _)| rule).chain([Rule::FeeSchedule])
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

/// Encounters are recorded, and so are voids whose original can be taken back. A replacement goes on where
/// its original can be. A claim that nobody can be paid for is pended. Then routing.
fn whole_claim(case: &Case<'_>, aside: &mut Aside, trace: &mut Trace) -> Option<Fate> {
    let at = case.claim.at;
    if case.receipt.is_encounter {
        trace.of_claim(case, || Told::new(RuleId::Encounter, StepResult::Recorded, "an encounter (BHT06 is RP)", at));
        trace.not_reached(0, [Rule::Replacement, Rule::Routing].into_iter());
        return Some(Fate::Recorded(Rule::Encounter));
    }
    trace.of_claim(case, || Told::new(RuleId::Encounter, StepResult::Skipped, "no encounter", None));
    let link = replacement::link(case);
    trace.of_claim(case, || link.told());
    if let Some(fate) = linked(link, aside) {
        trace.not_reached(0, [Rule::Routing].into_iter());
        return Some(fate);
    }
    if case.claim.billing_provider.npi.is_none() {
        let at = case.claim.billing_provider.at;
        let note = "the billing provider has no NPI to be paid under";
        trace.of_claim(case, || Told::new(RuleId::Payee, StepResult::Pended, note, at));
        aside.pend_reason = Some(PendReason::NoPayee);
        return Some(Fate::Pended(Rule::Routing));
    }
    routed(case, aside, trace)
}

/// What the frequency decides by itself; `None`: the claim goes on.
fn linked(link: Link, aside: &mut Aside) -> Option<Fate> {
    match link {
        Link::NotAsked(_) | Link::Replaces(..) => None,
        Link::Voids(..) => Some(Fate::Recorded(Rule::Replacement)),
        Link::Refused { reason, .. } => Some(Fate::Denied(Rule::Replacement, reason)),
        Link::NotLookedUp(_, Frequency::Void) => Some(Fate::Recorded(Rule::Replacement)),
        Link::NotLookedUp(_, Frequency::Replacement) => {
            aside.pend_reason = Some(PendReason::Replacement);
            Some(Fate::Pended(Rule::Replacement))
        }
    }
}

fn routed(case: &Case<'_>, aside: &mut Aside, trace: &mut Trace) -> Option<Fate> {
    let at = case.claim.subscriber.name_at;
    let (told, fate) = match route(case) {
        Route::Ours(note) => (Told::new(RuleId::RoutePlan, StepResult::Passed, note, at), None),
        Route::NotEnforced(note) => (Told::new(RuleId::RoutePlan, StepResult::NotEnforced, note, at), None),
        Route::Split(note) => (Told::new(RuleId::RouteSplit, StepResult::Passed, note, at), None),
        Route::Denied(reason) => {
            let told = Told::new(RuleId::RouteDenied, StepResult::Denied, "the member's network is responsible", at);
            (told.giving(reason), Some(Fate::Denied(Rule::Routing, reason)))
        }
        Route::DeniedByRow(reason) => {
            let told = Told::new(
                RuleId::RouteDeniedByRow,
                StepResult::Denied,
                "the network's row says why it is not paid here",
                at,
            );
            (told.giving(reason), Some(Fate::Denied(Rule::Routing, reason)))
        }
        Route::Forwarded(reason, to) => {
            aside.forward_to = Some(to);
            let told = Told::new(RuleId::RouteForwarded, StepResult::Forwarded, "the member's network is responsible", at);
            (told.giving(reason), Some(Fate::Forwarded(reason)))
        }
        Route::Unknown => {
            aside.pend_reason = Some(PendReason::NetworkUnknown);
            let note = "no row says who is responsible for the member's network";
            let told = Told::new(RuleId::RouteUnknown, StepResult::Pended, note, at);
            (told, Some(Fate::Pended(Rule::Routing)))
        }
    };
    trace.of_claim(case, || told);
    fate
}

/// What is spent line by line.
struct Purse {
    prior: PriorPayments,
    share_of_cost: Money,
    /// The share of cost is not met: why nothing is paid.
    unmet: Option<Reason>,
}

fn line_by_line(case: &Case<'_>, aside: &mut Aside, trace: &mut Trace) -> Result<Vec<LineDetermination>, Unbalanced> {
    let percents = match reductions::several(case) {
        None => Vec::new(),
        // Which procedure of a day is the dearest that stands is only known when all were decided once.
        Some(rules) => {
            let once = in_their_order(case, Vec::new(), &mut Aside::default(), &mut Trace::Untold)?;
            reductions::percents(case, rules, &once.rates)
        }
    };
    in_their_order(case, percents, aside, trace).map(|so_far| so_far.lines)
}

fn in_their_order<'a>(case: &Case<'a>, percents: Vec<(usize, Decimal)>, aside: &mut Aside, trace: &mut Trace) -> Result<SoFar<'a>, Unbalanced> {
    let review = member_billing::review(case);
    let mut purse = Purse {
        prior: PriorPayments::of(case.claim),
        share_of_cost: review.share_of_cost,
        unmet: review.unmet,
    };
    let mut so_far = SoFar::paying(percents);
    so_far.lines.reserve_exact(case.claim.lines.len());
    for line in &case.claim.lines {
        let decided = decide(case, line, &mut so_far, &mut purse, aside, trace)?;
        let exempted = so_far.exempted.take();
        so_far.lines.push(decided.with_exempted(exempted));
    }
    let at = review.evidence.map(|amount| amount.at);
    trace.of_claim(case, || {
        let told = Told::new(review.id, StepResult::Passed, review.note, at);
        match review.unmet {
            Some(reason) => Told {
                result: StepResult::Denied,
                ..told
            }
            .giving(reason),
            None => told,
        }
    });
    aside.remarks.extend(review.remarks);
    aside.payers_before = coordination::payers_before(case.claim);
    aside.signals.extend(review.signals);
    aside.consumed = std::mem::take(&mut so_far.consumed);
    Ok(so_far)
}

fn decide<'a>(
    case: &Case<'a>,
    line: &ServiceLine,
    so_far: &mut SoFar<'a>,
    purse: &mut Purse,
    aside: &mut Aside,
    trace: &mut Trace,
) -> Result<LineDetermination, Unbalanced> {
    let Some(dates) = case.claim.service_dates(line) else {
        trace.of_claim(case, || Told::new(RuleId::Failed, StepResult::Pended, "no service date", line.at));
        trace.not_reached(line.number, steps_from(0));
        aside.pend_reason.get_or_insert(PendReason::RuleFailure);
        return Ok(LineDetermination::pended(line.number, line.charge, Rule::Eligibility));
    };
    let mut open = OpenLine::new(line, dates);
    if let Some(reason) = routing::of_line(case, line) {
        let note = "the member's network is responsible for the service";
        trace.of_line(case, &open, so_far, || {
            Told::new(RuleId::RouteSplit, StepResult::Denied, note, line.at).giving(reason)
        });
        trace.not_reached(line.number, steps_from(0));
        return Ok(LineDetermination::denied(line.number, line.charge, reason.adjusts(line.charge), Rule::Routing));
    }
    for ((rule, gate), place) in GATES.into_iter().zip(1..) {
        let ruling = gate(case, &open, so_far);
        if let Some(signal) = ruling.signal {
            aside.signals.push(Raised {
                signal,
                line: line.number,
                amount: None,
            });
        }
        trace.of_line(case, &open, so_far, || Told {
            id: ruling.id.unwrap_or(RuleId::general(rule)),
            result: ruling.verdict.result(),
            note: ruling.note,
            given: ruling.verdict.given(),
            at: ruling.evidence,
            draws: ruling.draws,
        });
        match ruling.verdict {
            Verdict::Passed | Verdict::Skipped | Verdict::NotEnforced => {}
            Verdict::Cut(reason, kept) => open.cut(reason, kept),
            Verdict::Denied(reason) => {
                trace.not_reached(line.number, steps_from(place));
                return Ok(LineDetermination::denied(line.number, line.charge, reason.adjusts(line.charge), rule));
            }
            Verdict::Pended(reason) => {
                trace.not_reached(line.number, steps_from(place));
                aside.pend_reason.get_or_insert(reason);
                return Ok(LineDetermination::pended(line.number, line.charge, rule));
            }
        }
        if ruling.exempted.is_some() {
            so_far.exempted = ruling.exempted;
        }
        // Behind the cut: what a step draws fits what it leaves.
        open.draws = open.draws.or(ruling.draws);
    }
    settle(case, open, so_far, purse, aside, trace)
}

/// Pricing, other payers' payments and the share of cost of a line that passed every gate.
fn settle<'a>(
    case: &Case<'a>,
    open: OpenLine<'_>,
    so_far: &mut SoFar<'a>,
    purse: &mut Purse,
    aside: &mut Aside,
    trace: &mut Trace,
) -> Result<LineDetermination, Unbalanced> {
    let line = open.line;
    let priced = price(case, &open, so_far);
    let unpriced = case.tables.rules.pricing.unpriced;
    trace.of_line(case, &open, so_far, || told_price(&priced, unpriced, line.at));
    let denied = |reason: Reason| {
        Ok(LineDetermination::denied(
            line.number,
            line.charge,
            reason.adjusts(line.charge),
            Rule::FeeSchedule,
        ))
    };
    match (priced, unpriced) {
        (
            Price::Rated {
                allowed,
                row,
                is_multiplied,
                is_outlier,
            },
            _,
        ) => {
            if let Some(reason) = purse.unmet {
                let adjustment = reason.adjusts(line.charge);
                return Ok(LineDetermination::denied(line.number, line.charge, adjustment, Rule::MemberBilling));
            }
            if is_multiplied {
                trace.of_line(case, &open, so_far, || {
                    Told::new(
                        RuleId::FeeMultiplied,
                        StepResult::Passed,
                        "a modifier or an increase multiplies the rate",
                        line.at,
                    )
                });
            }
            if is_outlier {
                let note = "a stay that cost far more than its rate";
                trace.of_line(case, &open, so_far, || Told::new(RuleId::FeeOutlier, StepResult::Passed, note, line.at));
            }
            if case.tables.rules.pricing.multiple_procedures.is_some() {
                so_far.rates.push((so_far.lines.len(), allowed));
            }
            if let Some(amount) = case_amount(case, row) {
                so_far.take_of_case(row, amount, open.billed.min(allowed));
            }
            let untouched = matches!(trace, Trace::Told(_)).then(|| open.clone());
            let (paid, reduced) = pay(case, open, (allowed, row), so_far, purse)?;
            let is_reduced = paid.adjustments().iter().any(|adjustment| adjustment.carc == PRIOR_PAYER.carc);
            if let Some(open) = &untouched {
                for (id, reason) in reduced {
                    let note = "less than the rate is paid";
                    trace.of_line(case, open, so_far, || Told::new(id, StepResult::Cut, note, line.at).giving(reason));
                }
            }
            if let Some(open) = untouched.filter(|_| is_reduced) {
                trace.of_line(case, &open, so_far, || {
                    Told::new(RuleId::PriorPayment, StepResult::Cut, "what other payers paid is taken off", None).giving(PRIOR_PAYER)
                });
            }
            Ok(paid)
        }
        (Price::Included, _) => denied(INCLUDED),
        (Price::Packaged, _) => denied(PACKAGED),
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

fn told_price(priced: &Price<'_>, unpriced: UnpricedAction, at: SegmentPosition) -> Told {
    match (priced, unpriced) {
        (Price::Rated { row, .. }, _) => {
            let method = row.rate.method();
            let id = match method {
                FeeMethod::Fee if row.limits.is_some_and(|limits| limits.form == Some(Form::Institutional)) => RuleId::FeeOutpatient,
                FeeMethod::Fee => RuleId::FeeEach,
                FeeMethod::PerDiem => RuleId::FeePerDiem,
                FeeMethod::Percent => RuleId::FeePercent,
                FeeMethod::Case if row.is_weighted => RuleId::FeeGroup,
                FeeMethod::Case => RuleId::FeeCase,
                FeeMethod::Packaged => RuleId::FeePackaged,
            };
            Told::new(id, StepResult::Paid, method.as_str(), at)
        }
        (Price::Packaged, _) => Told::new(RuleId::FeePackaged, StepResult::Denied, "part of what else is paid", at).giving(PACKAGED),
        (Price::Included, _) => Told::new(RuleId::FeeIncluded, StepResult::Denied, "included in the case rate", at).giving(INCLUDED),
        (Price::NoRate, UnpricedAction::Deny { group, carc, rarc }) => {
            let rarcs = [rarc, None];
            Told::new(RuleId::FeeAbsent, StepResult::Denied, "no rate", at).giving(Reason { group, carc, rarcs })
        }
        (Price::NoRate, UnpricedAction::Pend) => Told::new(RuleId::FeeAbsent, StepResult::Pended, "no rate", at),
        (Price::NotLoaded, _) => Told::new(RuleId::FeesNotLoaded, StepResult::Pended, "fee schedule not loaded", at),
    }
}

/// What a line's rate was reduced by.
type Reduced = Vec<(RuleId, Reason)>;

/// The lesser of billed and allowed and of what reduces the rate, then what others have paid, then what the
/// patient owes; each difference with its reason.
fn pay(
    case: &Case<'_>,
    mut open: OpenLine<'_>,
    (rate, row): (Money, &FeeRow),
    so_far: &mut SoFar<'_>,
    purse: &mut Purse,
) -> Result<(LineDetermination, Reduced), Unbalanced> {
    let line = open.line;
    let late = reductions::late_percent(case, &open);
    let mut reduced = Reduced::new();
    let mut adjustments = std::mem::take(&mut open.cuts);
    let mut allowed = open.billed.min(rate);
    if allowed < open.billed {
        adjustments.push(CONTRACTUAL_DIFFERENCE.adjusts(open.billed - allowed));
    }
    let mut kept = open.units;
    for ceiling in reductions::ceilings(&open, row, rate, so_far) {
        if ceiling.amount < allowed {
            kept = kept.less(ceiling.units);
            let adjustment = ceiling.reason.adjusts(allowed - ceiling.amount);
            adjustments.push(match ceiling.units.is_zero() {
                true => adjustment,
                false => adjustment.with_quantity(ceiling.units),
            });
            allowed = ceiling.amount;
            reduced.push((ceiling.id, ceiling.reason));
        }
    }
    open.keep(kept);
    if let Some(percent) = late.filter(|_| !allowed.is_zero()) {
        let left = allowed.percent(percent);
        if left < allowed {
            adjustments.push(reductions::LATE.adjusts(allowed - left));
            reduced.push((RuleId::FeeLate, reductions::LATE));
        }
        allowed = left;
    }
    let mut adjust = |reason: Reason, amount: Money| {
        if !amount.is_zero() {
            adjustments.push(reason.adjusts(amount));
        }
    };
    if let Some(Draw::Dollars { left, .. }) = open.draws {
        adjust(EXCEEDED, (allowed - left).max(Money::ZERO));
        allowed = allowed.min(left);
    }
    let ours = purse.prior.reduce(line, allowed);
    adjust(PRIOR_PAYER, allowed - ours);
    let of_patient = purse.share_of_cost.min(ours);
    let mut paid = ours;
    if !of_patient.is_zero() {
        purse.share_of_cost -= of_patient;
        adjust(SHARE_OF_COST, of_patient);
        paid -= of_patient;
    }
    so_far.consumed.extend(open.draws.map(|draw| {
        let (row, units) = match draw {
            Draw::Units { row, units } => (row, units),
            Draw::Dollars { row, .. } => (row, Quantity::dollars(allowed)),
        };
        UnitsConsumed { line: line.number, row, units }
    }));
    let paid = LineDetermination::paid(line.number, line.charge, allowed, paid, open.units, adjustments, Rule::FeeSchedule)?;
    Ok((paid, reduced))
}

impl OpenLine<'_> {
    /// Keeps so many units and their part of the charge; of an authorization, no more than is kept.
    fn cut(&mut self, reason: Reason, kept: Quantity) {
        let billed = self.billed.share(kept, self.units);
        let amount = self.billed - billed;
        if !amount.is_zero() {
            let adjustment: Adjustment = reason.adjusts(amount);
            self.cuts.push(adjustment.with_quantity(self.units.less(kept)));
        }
        self.billed = billed;
        self.keep(kept);
    }

    /// So many units are paid.
    fn keep(&mut self, kept: Quantity) {
        self.units = kept;
        // Dollars are drawn by what is allowed.
        if let Some(Draw::Units { units, .. }) = &mut self.draws {
            *units = (*units).min(kept);
        }
    }
}

/// A claim that has no lines or whose lines do not add up: a rule failed, or its charges never did. It
/// is pended whole.
fn failed(case: &Case<'_>, trace: &mut Trace) -> Determination {
    let note = "no lines, or charge, adjustments and payment do not add up";
    trace.of_claim(case, || Told::new(RuleId::Failed, StepResult::Pended, note, case.claim.at));
    let lines = case
        .claim
        .lines
        .iter()
        .map(|line| LineDetermination::pended(line.number, line.charge, Rule::FeeSchedule));
    Determination::pended(exemptions::marked(case, lines.collect()), PendReason::RuleFailure)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::testing::*;
    use super::super::trace::Step;
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
                &[
                    (0, Rule::Encounter, StepResult::Skipped),
                    (0, Rule::Replacement, StepResult::Skipped),
                    (0, Rule::Routing, StepResult::Passed),
                ][..],
                &of_late_line(1),
                &of_late_line(2),
                &[
                    (0, Rule::MemberBilling, StepResult::Passed),
                    (0, Rule::FraudSignals, StepResult::Skipped),
                    (0, Rule::PromptPay, StepResult::Skipped),
                ],
            ]
            .concat()
        );
        assert!(determination.lines().iter().all(|line| line.rule() == Rule::TimelyFiling));
    }

    fn of_late_line(line: u16) -> [(u16, Rule, StepResult); 9] {
        [
            (line, Rule::Eligibility, StepResult::Passed),
            (line, Rule::TimelyFiling, StepResult::Denied),
            (line, Rule::Coordination, StepResult::NotReached),
            (line, Rule::Restriction, StepResult::NotReached),
            (line, Rule::Duplicate, StepResult::NotReached),
            (line, Rule::PriorAuthorization, StepResult::NotReached),
            (line, Rule::CodePair, StepResult::NotReached),
            (line, Rule::UnitLimit, StepResult::NotReached),
            (line, Rule::FeeSchedule, StepResult::NotReached),
        ]
    }

    #[test]
    fn every_step_of_a_paid_line_is_told() {
        let determination = decided(&claim(vec![line("99214", 1, "150", "2025-01-20")]), &plan());
        let steps: Vec<(RuleId, StepResult, String)> = determination.trace().iter().map(told).collect();
        let step = |id, result, rest: &str| (id, result, rest.to_string());
        assert_eq!(
            steps,
            [
                step(RuleId::Encounter, StepResult::Skipped, ""),
                step(RuleId::Replacement, StepResult::Skipped, "2300 CLM05-3"),
                step(RuleId::RoutePlan, StepResult::Passed, "2010BA NM109 networks.csv CCN 837P"),
                step(RuleId::Covered, StepResult::Passed, "2400 DTP03 2010BA NM109 members.csv "),
                step(RuleId::FilingLine, StepResult::Passed, "2400 DTP03 filing_limits.csv * contracted"),
                step(RuleId::NoOtherCoverage, StepResult::Passed, "2000B SBR members.csv "),
                step(RuleId::RestrictionsMet, StepResult::Passed, "2400 SV101-2"),
                step(RuleId::NoDuplicate, StepResult::Passed, "2400 SV101-2 2400 SV102 2400 DTP03 2400 SV104"),
                step(RuleId::AuthorizationNotNeeded, StepResult::Skipped, "2400 SV101-2"),
                step(RuleId::NoCodePair, StepResult::NotEnforced, "2400 SV101-2"),
                step(RuleId::UnitsWithin, StepResult::NotEnforced, "2400 SV101-2 2400 SV104"),
                step(
                    RuleId::FeeEach,
                    StepResult::Paid,
                    "2400 SV101-2 2400 SV102 2400 SV104 fee_schedule.csv HCPCS 99214"
                ),
                step(RuleId::MemberOwesNothing, StepResult::Passed, "members.csv "),
                step(RuleId::FraudNone, StepResult::Skipped, ""),
                step(RuleId::DueBefore, StepResult::Skipped, "rule pack prompt_pay"),
            ]
        );
    }

    /// Id and result, then where the evidence stands and which row decided.
    fn told(step: &Step) -> (RuleId, StepResult, String) {
        let evidence = step.evidence.iter();
        let mut words: Vec<String> = evidence.map(|evidence| format!("{} {}", evidence.loop_id.unwrap(), evidence.name())).collect();
        words.extend(step.row.iter().map(|row| format!("{} {}", row.table, row.row.as_deref().unwrap_or_default())));
        assert!(step.row.iter().all(|row| row.digest.is_some()));
        (step.id, step.result, words.join(" "))
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
