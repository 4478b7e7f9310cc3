//! Frequency 7 and 8: what a claim replaces or voids (DOMAIN A4).
//!
//! A claim that was replaced or voided before stands no more: facts name what replaced it last, and say
//! where that was voided. Its number is looked up among the member's own claims, so that nobody learns
//! here which numbers others have. A replacement that is refused, late or waiting takes nothing back.

use super::case::Case;
use super::determination::{ClaimOutcome, Determination, LineDetermination, LineOutcome};
use super::facts::{Known, OriginalClaim};
use super::rule_id::RuleId;
use super::ruling::Reason;
use super::telling::Told;
use super::trace::{Rule, StepResult};
use crate::ids::ClaimId;
use crate::position::SegmentPosition;

const UNKNOWN: Reason = Reason::contractual("16").remark("M47").remark("N152");
const OPEN: Reason = Reason::contractual("16").remark("N779");

/// Which of the two a claim is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frequency {
    Replacement,
    Void,
}

/// What the frequency of a claim comes to. Each with the segment that it was read in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Link {
    /// Neither a replacement nor a void.
    NotAsked(SegmentPosition),
    Replaces(SegmentPosition, ClaimId),
    Voids(SegmentPosition, ClaimId),
    /// As decisions of a program that could not look up originals.
    NotLookedUp(SegmentPosition, Frequency),
    Refused {
        id: RuleId,
        reason: Reason,
        note: &'static str,
        at: SegmentPosition,
    },
}

impl Link {
    pub(super) fn told(self) -> Told {
        match self {
            Link::NotAsked(at) => Told::new(RuleId::Replacement, StepResult::Skipped, "neither a replacement nor a void", at),
            Link::Replaces(at, _) => Told::new(RuleId::Replacement, StepResult::Passed, "replaces an earlier claim", at),
            Link::Voids(at, _) => Told::new(RuleId::Void, StepResult::Recorded, "takes an earlier claim back", at),
            Link::NotLookedUp(at, Frequency::Replacement) => Told::new(RuleId::Replacement, StepResult::Pended, "a replacement (frequency 7)", at),
            Link::NotLookedUp(at, Frequency::Void) => Told::new(RuleId::Void, StepResult::Recorded, "a void (frequency 8)", at),
            Link::Refused { id, reason, note, at } => Told::new(id, StepResult::Denied, note, at).giving(reason),
        }
    }
}

/// What a claim replaces or voids, or why it can't.
pub(super) fn link(case: &Case<'_>) -> Link {
    let claim = case.claim;
    let frequency = match (claim.is_replacement(), claim.is_void()) {
        (true, _) => Frequency::Replacement,
        (false, true) => Frequency::Void,
        (false, false) => return Link::NotAsked(claim.at),
    };
    let at = claim.original_claim.as_ref().map_or(claim.at, |number| number.at);
    let refused = |id, reason, note| Link::Refused { id, reason, note, at };
    let original = match case.facts.original {
        Known::NotLoaded => return Link::NotLookedUp(claim.at, frequency),
        Known::Unknown => return refused(RuleId::OriginalUnknown, UNKNOWN, "no claim of the member has this number"),
        Known::Found(original) => original,
    };
    if original.is_voided {
        return refused(RuleId::OriginalVoided, UNKNOWN, "the claim it names was voided");
    }
    if !original.is_of_same_payee {
        return refused(RuleId::OriginalOfOther, UNKNOWN, "the claim it names was billed by somebody else");
    }
    match (original.outcome, frequency) {
        (ClaimOutcome::Pended, _) => refused(RuleId::OriginalOpen, OPEN, "the claim it names is not decided yet"),
        // An encounter was never paid: there is nothing to take back.
        (ClaimOutcome::Recorded, _) => refused(RuleId::OriginalUnknown, UNKNOWN, "the claim it names was an encounter or a void"),
        (ClaimOutcome::Paid | ClaimOutcome::Denied | ClaimOutcome::Forwarded, Frequency::Replacement) => Link::Replaces(at, original.claim),
        (ClaimOutcome::Paid | ClaimOutcome::Denied | ClaimOutcome::Forwarded, Frequency::Void) => Link::Voids(at, original.claim),
    }
}

/// What a claim replaces, where it can.
pub(super) fn original<'a>(case: &Case<'a>) -> Option<&'a OriginalClaim> {
    match link(case) {
        Link::Replaces(..) => case.facts.original.found(),
        Link::NotAsked(_) | Link::Voids(..) | Link::NotLookedUp(..) | Link::Refused { .. } => None,
    }
}

/// The claim that a decision takes back. What came too late to be decided leaves the original as it is.
pub(super) fn reversed(case: &Case<'_>, decided: &Determination) -> Option<ClaimId> {
    let is_late = |line: &LineDetermination| line.outcome() == LineOutcome::Denied && line.rule() == Rule::TimelyFiling;
    match link(case) {
        Link::Voids(_, original) if !case.receipt.is_encounter => Some(original),
        Link::Replaces(_, original) if decided.outcome().is_remitted() && !decided.lines().iter().all(is_late) => Some(original),
        Link::Voids(..) | Link::Replaces(..) | Link::NotAsked(_) | Link::NotLookedUp(..) | Link::Refused { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::{Facts, Receipt};
    use super::super::testing::*;
    use super::*;
    use crate::claim::{Claim, Located};
    use crate::ids::PayerClaimNumber;
    use crate::money::{Money, Quantity};

    fn original(outcome: ClaimOutcome) -> OriginalClaim {
        OriginalClaim {
            claim: ClaimId::from_bytes([7; 16]),
            version: 1,
            decided_on: day("2025-02-10"),
            filed_on: day("2025-02-01"),
            outcome,
            paid: Money::from_cents(12_205),
            is_of_same_payee: true,
            is_voided: false,
        }
    }

    fn with_frequency(frequency: &str, service: &str) -> Claim {
        claim(vec![line("99214", 1, "150", service)]).with(|claim| {
            claim.frequency = qualifier(frequency);
            claim.original_claim = Some(Located {
                value: PayerClaimNumber::new("C070707070707070707"),
                at: claim.at,
            });
        })
    }

    fn decided_after(claim: &Claim, received: &str, original: Known<OriginalClaim>, is_encounter: bool) -> Determination {
        let plan = plan();
        let facts = Facts::gather(claim, &plan, &|_| Quantity::ZERO, Vec::new(), original);
        let receipt = Receipt {
            received_on: day(received),
            is_encounter,
        };
        decided_with(claim, &receipt, &facts, &plan)
    }

    #[test]
    fn what_becomes_of_the_claim_that_is_named() {
        use ClaimOutcome::{Denied, Forwarded, Paid, Pended, Recorded};
        let paid = "paid 122.05 CO-45 27.95";
        let unknown = "denied CO-16/M47/N152 150.00";
        let found = |outcome| Known::Found(original(outcome));
        let but = |change: &dyn Fn(&mut OriginalClaim)| {
            let mut original = original(Paid);
            change(&mut original);
            Known::Found(original)
        };
        for (what, facts, replacement, void, reverses) in [
            ("paid", found(Paid), paid, "recorded", true),
            ("denied", found(Denied), paid, "recorded", true),
            ("forwarded", found(Forwarded), paid, "recorded", true),
            ("pended", found(Pended), "denied CO-16/N779 150.00", "denied CO-16/N779 150.00", false),
            ("an encounter", found(Recorded), unknown, unknown, false),
            ("unknown", Known::Unknown, unknown, unknown, false),
            ("voided", but(&|original| original.is_voided = true), unknown, unknown, false),
            ("another payee's", but(&|original| original.is_of_same_payee = false), unknown, unknown, false),
            ("not looked up", Known::NotLoaded, "pended", "recorded", false),
        ] {
            for (frequency, result) in [("7", replacement), ("8", void)] {
                let determination = decided_after(&with_frequency(frequency, "2025-01-20"), "2025-02-15", facts.clone(), false);
                assert_eq!(outcome(&determination), result, "{what} {frequency}");
                assert_eq!(determination.reverses().is_some(), reverses, "{what} {frequency}");
            }
        }
        let original = decided_after(&with_frequency("1", "2025-01-20"), "2025-02-15", found(Paid), false);
        assert_eq!((outcome(&original).as_str(), original.reverses()), (paid, None));
        for frequency in ["7", "8"] {
            let encounter = decided_after(&with_frequency(frequency, "2025-01-20"), "2025-02-15", found(Paid), true);
            assert_eq!((outcome(&encounter).as_str(), encounter.reverses()), ("recorded", None));
        }
    }

    #[test]
    fn a_late_replacement_leaves_its_original() {
        // The service is late by itself from 2026-01-20 on; the original was decided on 2025-02-10.
        for (received, result, reverses) in [
            ("2026-01-20", "paid 122.05 CO-45 27.95", true),
            ("2026-02-10", "paid 122.05 CO-45 27.95", true),
            ("2026-02-11", "denied CO-29 150.00", false),
        ] {
            let found = Known::Found(original(ClaimOutcome::Paid));
            let determination = decided_after(&with_frequency("7", "2025-01-20"), received, found, false);
            assert_eq!(outcome(&determination), result, "{received}");
            assert_eq!(determination.reverses().is_some(), reverses, "{received}");
        }
        // What was late when it was filed at first stays late.
        let late = OriginalClaim {
            filed_on: day("2026-01-21"),
            decided_on: day("2026-01-22"),
            ..original(ClaimOutcome::Denied)
        };
        let determination = decided_after(&with_frequency("7", "2025-01-20"), "2026-01-23", Known::Found(late), false);
        assert_eq!((outcome(&determination).as_str(), determination.reverses()), ("denied CO-29 150.00", None));
    }

    #[test]
    fn a_replacement_that_waits_takes_nothing_back() {
        let unassigned = with_frequency("7", "2025-01-20").of_member(MISPLACED);
        let determination = decided_after(&unassigned, "2025-02-15", Known::Found(original(ClaimOutcome::Paid)), false);
        assert_eq!((outcome(&determination).as_str(), determination.reverses()), ("pended", None));
    }
}
