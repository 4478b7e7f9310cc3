//! The reasoning behind a determination: each step, its result, and the bytes it looked at.
//!
//! A trace is never stored: adjudication is pure, so `explain` runs it again on the stored facts.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use crate::position::SegmentPosition;

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

/// One step of one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// LX01; 0 when the step is about the claim as a whole.
    pub line: u16,
    pub rule: Rule,
    pub result: StepResult,
    pub note: Note,
    /// The segment that the step read.
    #[serde(skip)]
    pub evidence: Option<SegmentPosition>,
}
