//! What a step says about a line. Steps are functions of values: they return a [`Ruling`], and
//! [`super::adjudicate()`] carries it out.

use super::adjustment::Adjustment;
use super::case::Draw;
use super::determination::{Exempted, PendReason, Signal};
use super::rule_id::RuleId;
use super::trace::{Given, Note, StepResult};
use crate::ids::{Carc, Rarc};
use crate::money::{Money, Quantity};
use crate::position::SegmentPosition;
use crate::tables::reasons::AdjustmentGroup;
use crate::tables::refdata::RowReason;

/// A step's result with what it looked at.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ruling {
    pub verdict: Verdict,
    /// `None`: the general rule of the step.
    pub id: Option<RuleId>,
    pub note: Note,
    pub evidence: Option<SegmentPosition>,
    pub signal: Option<Signal>,
    /// What the line takes from an authorization if it is paid.
    pub draws: Option<Draw>,
    /// The exempt service in place of an authorization.
    pub exempted: Option<Box<Exempted>>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Verdict {
    Passed,
    Skipped,
    NotEnforced,
    Denied(Reason),
    /// Only so many units go on.
    Cut(Reason, Quantity),
    Pended(PendReason),
}

/// Group, adjustment reason and remarks, before the amount is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reason {
    pub group: AdjustmentGroup,
    pub carc: Carc,
    pub rarcs: [Option<Rarc>; 2],
}

impl Reason {
    /// A contractual obligation: never the member's to pay (DOMAIN D1).
    pub(super) const fn contractual(carc: &str) -> Reason {
        Reason::new(AdjustmentGroup::ContractualObligation, carc)
    }

    pub(super) const fn new(group: AdjustmentGroup, carc: &str) -> Reason {
        Reason {
            group,
            carc: Carc::of(carc),
            rarcs: [None, None],
        }
    }

    pub(super) const fn remark(self, rarc: &str) -> Reason {
        let rarc = Some(Rarc::of(rarc));
        let rarcs = match self.rarcs {
            [None, second] => [rarc, second],
            [first, _] => [first, rarc],
        };
        Reason { rarcs, ..self }
    }

    pub(super) fn given(&self) -> Given {
        Given {
            group: self.group,
            carc: self.carc,
            rarcs: self.rarcs,
        }
    }

    pub(super) fn adjusts(&self, amount: Money) -> Adjustment {
        let adjustment = Adjustment::new(self.group, self.carc, amount);
        self.rarcs.iter().flatten().fold(adjustment, |adjustment, rarc| adjustment.with_remark(*rarc))
    }
}

impl From<RowReason> for Reason {
    fn from(reason: RowReason) -> Reason {
        Reason {
            group: reason.group,
            carc: reason.carc,
            rarcs: [reason.rarc, None],
        }
    }
}

impl Ruling {
    fn new(verdict: Verdict, note: impl Into<Note>) -> Ruling {
        Ruling {
            verdict,
            id: None,
            note: note.into(),
            evidence: None,
            signal: None,
            draws: None,
            exempted: None,
        }
    }

    pub(super) fn passed(note: impl Into<Note>) -> Ruling {
        Ruling::new(Verdict::Passed, note)
    }

    pub(super) fn skipped(note: impl Into<Note>) -> Ruling {
        Ruling::new(Verdict::Skipped, note)
    }

    pub(super) fn not_enforced(note: impl Into<Note>) -> Ruling {
        Ruling::new(Verdict::NotEnforced, note)
    }

    pub(super) fn denied(reason: Reason, note: impl Into<Note>) -> Ruling {
        Ruling::new(Verdict::Denied(reason), note)
    }

    pub(super) fn cut(reason: Reason, kept: Quantity, note: impl Into<Note>) -> Ruling {
        Ruling::new(Verdict::Cut(reason, kept), note)
    }

    pub(super) fn pended(reason: PendReason, note: impl Into<Note>) -> Ruling {
        Ruling::new(Verdict::Pended(reason), note)
    }

    pub(super) fn by(mut self, id: RuleId) -> Ruling {
        self.id = Some(id);
        self
    }

    pub(super) fn at(mut self, evidence: SegmentPosition) -> Ruling {
        self.evidence = Some(evidence);
        self
    }

    pub(super) fn signalling(mut self, signal: Signal) -> Ruling {
        self.signal = Some(signal);
        self
    }

    pub(super) fn exempting(mut self, exempted: Exempted) -> Ruling {
        self.exempted = Some(Box::new(exempted));
        self
    }

    pub(super) fn drawing(mut self, draw: Draw) -> Ruling {
        self.draws = Some(draw);
        self
    }
}

impl Verdict {
    /// The reason, as the trace tells it.
    pub(super) fn given(&self) -> Option<Given> {
        match self {
            Verdict::Denied(reason) | Verdict::Cut(reason, _) => Some(reason.given()),
            Verdict::Passed | Verdict::Skipped | Verdict::NotEnforced | Verdict::Pended(_) => None,
        }
    }

    pub(super) fn result(&self) -> StepResult {
        match self {
            Verdict::Passed => StepResult::Passed,
            Verdict::Skipped => StepResult::Skipped,
            Verdict::NotEnforced => StepResult::NotEnforced,
            Verdict::Denied(_) => StepResult::Denied,
            Verdict::Cut(..) => StepResult::Cut,
            Verdict::Pended(_) => StepResult::Pended,
        }
    }
}
