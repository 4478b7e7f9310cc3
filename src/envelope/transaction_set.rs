//! ST and SE.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::interchange::number_equals;
use crate::finding::{Check, Finding, ReportCode};
use crate::ids::ControlNumber;
use crate::x12::segment::Segment;

/// ST01 of an acknowledgement.
const ACKNOWLEDGEMENT: &str = "999";

/// A transaction set as its ST declares it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionSet {
    /// ST01.
    pub id: CompactString,
    /// ST02 as received.
    pub control_number: ControlNumber,
    /// ST03.
    pub guide: CompactString,
    /// Offset of the ST: with the file's digest it names the set.
    pub byte: u64,
}

impl TransactionSet {
    /// A 999.
    pub fn is_acknowledgement(&self) -> bool {
        self.id == ACKNOWLEDGEMENT
    }
}

/// Reads an ST and reports a set that is not what its group is for: acknowledgements, or claims.
pub fn begin(segment: &Segment<'_>, has_acknowledgements: bool) -> (TransactionSet, Vec<Finding>) {
    let text = |number: usize| CompactString::from_utf8_lossy(segment.element(number).trim_ascii_end());
    let mut findings = Vec::new();
    let expected = if has_acknowledgements { ACKNOWLEDGEMENT } else { "837" };
    if segment.element(1) != expected.as_bytes() {
        findings.push(Finding::new(Check::S110, ReportCode::Set(1), segment.position_of(None, 1)));
    }
    if !(4..=9).contains(&segment.element(2).len()) {
        findings.push(Finding::new(Check::S108, ReportCode::Set(7), segment.position_of(None, 2)));
    }
    (
        TransactionSet {
            id: text(1),
            control_number: ControlNumber::new(text(2)),
            guide: text(3),
            byte: segment.at.byte,
        },
        findings,
    )
}

/// Checks an SE against its ST; `segments` counts ST and SE too.
pub fn end(set: &TransactionSet, segments: u32, segment: &Segment<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !number_equals(segment.element(1), segments) {
        findings.push(Finding::new(Check::S108, ReportCode::Set(4), segment.position_of(None, 1)));
    }
    if segment.element(2) != set.control_number.as_str().as_bytes() {
        findings.push(Finding::new(Check::S108, ReportCode::Set(3), segment.position_of(None, 2)));
    }
    findings
}
