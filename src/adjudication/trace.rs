//! The reasoning behind a determination: each step, its result, and the bytes it looked at.
//!
//! A trace is never stored: adjudication is pure, so `explain` runs it again on the stored facts.

use std::borrow::Cow;
use std::fmt;

use compact_str::CompactString;
use serde::{Deserialize, Serialize, Serializer};

use super::rule_id::RuleId;
use crate::ids::{Carc, ContentDigest, Rarc};
use crate::loop_id::LoopId;
use crate::position::SegmentPosition;
use crate::tables::period::Period;
use crate::tables::reasons::AdjustmentGroup;

/// The steps of adjudication, in the order in which they run (DOMAIN J, decision order); steps that came
/// later stand behind, since stored decisions know them by their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Encounters (BHT06 = RP) and voids are recorded, not paid.
    Encounter,
    /// Frequency 7 and 8.
    Replacement,
    /// Which entity is responsible (DOMAIN E2).
    Routing,
    /// Coverage on each day of service, death (E1).
    Eligibility,
    /// B.
    TimelyFiling,
    /// Other coverage (E3).
    Coordination,
    /// Code restrictions (D2).
    Restriction,
    /// Exact duplicates (E4).
    Duplicate,
    /// C.
    PriorAuthorization,
    /// Pricing by the fee schedule (E6).
    FeeSchedule,
    /// Members may not be billed (D1).
    MemberBilling,
    /// Pairs of procedures, behind prior authorization (D2, NCCI PTP).
    CodePair,
    /// Units of a procedure, behind pairs (D2, MUE).
    UnitLimit,
    /// The last day for paying without interest (E7). Never the rule of a line.
    PromptPay,
    /// Signs of fraud (E5). Never the rule of a line.
    FraudSignals,
}

impl Rule {
    pub fn as_str(self) -> &'static str {
        match self {
            Rule::Encounter => "encounter",
            Rule::Replacement => "replacement",
            Rule::Routing => "routing",
            Rule::Eligibility => "eligibility",
            Rule::TimelyFiling => "timely-filing",
            Rule::Coordination => "coordination",
            Rule::Restriction => "restriction",
            Rule::Duplicate => "duplicate",
            Rule::PriorAuthorization => "prior-authorization",
            Rule::FeeSchedule => "fee-schedule",
            Rule::MemberBilling => "member-billing",
            Rule::CodePair => "ncci-ptp",
            Rule::UnitLimit => "mue",
            Rule::PromptPay => "prompt-pay",
            Rule::FraudSignals => "fraud-signals",
        }
    }
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepResult {
    /// The rule holds; the line goes on.
    Passed,
    /// The rule does not apply, for the reason in the note.
    Skipped,
    /// The table it needs was never loaded.
    NotEnforced,
    /// The line is denied.
    Denied,
    /// Part of the line is cut.
    Cut,
    /// A person must look.
    Pended,
    /// Another entity is responsible.
    Forwarded,
    /// Priced.
    Paid,
    /// Kept without payment.
    Recorded,
    /// An earlier step decided.
    NotReached,
}

/// What a step says: value-free (numbers of days, names of rule rows and exemptions), never an
/// identifier. Put into words only when it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    Text(Cow<'static, str>),
    /// Days from the service to the receipt, and how many there may be.
    Elapsed {
        days: i32,
        limit: i32,
    },
}

impl From<&'static str> for Note {
    fn from(text: &'static str) -> Note {
        Note::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Note {
    fn from(text: String) -> Note {
        Note::Text(Cow::Owned(text))
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::Text(text) => f.pad(text),
            Note::Elapsed { days, limit } => write!(f, "{days} of {limit} days"),
        }
    }
}

impl Serialize for Note {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An element that a step looked at: where it stands, never its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Evidence {
    /// `None` where a claim does not keep the loop.
    pub loop_id: Option<LoopId>,
    pub segment: SegmentPosition,
    /// From 1; 0 is the segment as a whole.
    pub element: u8,
    /// From 1; 0 is the element as a whole.
    pub component: u8,
}

impl Evidence {
    pub(super) fn of(loop_id: LoopId, segment: SegmentPosition, element: u8) -> Evidence {
        Evidence {
            loop_id: Some(loop_id),
            segment,
            element,
            component: 0,
        }
    }

    pub(super) fn part(self, component: u8) -> Evidence {
        Evidence { component, ..self }
    }

    /// `SV101-2`, `CLM05`, or just `CLM`.
    pub fn name(&self) -> String {
        let tag = self.segment.tag;
        match (self.element, self.component) {
            (0, _) => tag.to_string(),
            (element, 0) => format!("{tag}{element:02}"),
            (element, component) => format!("{tag}{element:02}-{component}"),
        }
    }
}

/// The row of a table, or the entry of a rule pack, that decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableRow {
    /// File name of a reference table, or `rule pack`.
    pub table: &'static str,
    /// What names the row in its table; `None` where it would name a member.
    pub row: Option<CompactString>,
    #[serde(flatten)]
    pub effective: Period,
    /// Of the table's content, or of the pack.
    pub digest: Option<ContentDigest>,
}

/// What a step gave the line: group, reason and remarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Given {
    pub group: AdjustmentGroup,
    pub carc: Carc,
    pub rarcs: [Option<Rarc>; 2],
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.group.code(), self.carc)?;
        self.rarcs.iter().flatten().try_for_each(|rarc| write!(f, "/{rarc}"))
    }
}

/// One step of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// LX01; 0 when the step is about the claim as a whole.
    pub line: u16,
    pub rule: Rule,
    /// The rule that the step came to; the step's general one when it was not reached.
    pub id: RuleId,
    pub result: StepResult,
    pub note: Note,
    pub given: Option<Given>,
    pub evidence: Vec<Evidence>,
    pub row: Option<TableRow>,
}
