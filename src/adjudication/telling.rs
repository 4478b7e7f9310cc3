//! The steps of a decision as they happen, put into the words of its trace for who asks.

use super::case::{Case, Draw, OpenLine, SoFar};
use super::rule_id::RuleId;
use super::ruling::Reason;
use super::trace::{Given, Note, Rule, Step, StepResult};
use super::{deciding_row, evidence};
use crate::position::SegmentPosition;

/// The steps as they happen, if anyone asked for them.
pub(super) enum Trace {
    Told(Vec<Step>),
    Untold,
}

/// What a step came to, before it is told.
pub(super) struct Told {
    pub id: RuleId,
    pub result: StepResult,
    pub note: Note,
    pub given: Option<Given>,
    /// The segment that the step itself points at.
    pub at: Option<SegmentPosition>,
    /// What the step takes from an authorization.
    pub draws: Option<Draw>,
}

impl Told {
    pub(super) fn new(id: RuleId, result: StepResult, note: impl Into<Note>, at: impl Into<Option<SegmentPosition>>) -> Told {
        Told {
            id,
            result,
            note: note.into(),
            given: None,
            at: at.into(),
            draws: None,
        }
    }

    pub(super) fn giving(self, reason: Reason) -> Told {
        Told {
            given: Some(reason.given()),
            ..self
        }
    }
}

impl Trace {
    /// Tells a step of the claim as a whole.
    pub(super) fn of_claim(&mut self, case: &Case<'_>, tell: impl FnOnce() -> Told) {
        if let Trace::Told(steps) = self {
            let told = tell();
            steps.push(Step {
                line: 0,
                rule: told.id.step(),
                id: told.id,
                result: told.result,
                note: told.note,
                given: told.given,
                evidence: evidence::of(told.id, case, None, told.at),
                row: deciding_row::of_claim(told.id, case),
            });
        }
    }

    /// Tells a step of a line. What it looked at and the row that decided are found again for who asks:
    /// the steps are functions of values, so they come to the same.
    #[inline]
    pub(super) fn of_line(&mut self, case: &Case<'_>, line: &OpenLine<'_>, so_far: &SoFar<'_>, tell: impl FnOnce() -> Told) {
        if let Trace::Told(steps) = self {
            steps.push(step_of_line(case, line, so_far, tell()));
        }
    }

    /// Tells which steps a decision left out; `line` 0 for the claim as a whole.
    pub(super) fn not_reached(&mut self, line: u16, steps_left: impl Iterator<Item = Rule>) {
        if let Trace::Told(steps) = self {
            steps.extend(steps_left.map(|rule| Step {
                line,
                rule,
                id: RuleId::general(rule),
                result: StepResult::NotReached,
                note: "an earlier step decided".into(),
                given: None,
                evidence: Vec::new(),
                row: None,
            }));
        }
    }

    pub(super) fn steps(self) -> Vec<Step> {
        match self {
            Trace::Told(steps) => steps,
            Trace::Untold => Vec::new(),
        }
    }
}

#[cold]
fn step_of_line(case: &Case<'_>, line: &OpenLine<'_>, so_far: &SoFar<'_>, told: Told) -> Step {
    Step {
        line: line.line.number,
        rule: told.id.step(),
        id: told.id,
        result: told.result,
        note: told.note,
        given: told.given,
        evidence: evidence::of(told.id, case, Some(line), told.at),
        row: deciding_row::of_line(told.id, case, line, so_far, told.draws),
    }
}
