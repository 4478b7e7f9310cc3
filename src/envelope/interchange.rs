//! ISA and IEA.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use crate::finding::{Check, Finding, ReportCode};
use crate::ids::ControlNumber;
use crate::x12::element;
use crate::x12::segment::Segment;

/// An interchange as its ISA declares it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interchange {
    /// `qualifier:id` of ISA05 and ISA06, padding removed.
    pub sender: CompactString,
    /// `qualifier:id` of ISA07 and ISA08.
    pub receiver: CompactString,
    /// ISA09 and ISA10 as received; echoed on a TA1.
    pub date: CompactString,
    pub time: CompactString,
    /// ISA13 as received.
    pub control_number: ControlNumber,
    /// ISA14 = 1: a TA1 is wanted in any case.
    pub wants_ack: bool,
    /// ISA15: `P` or `T`.
    pub usage: CompactString,
    /// Offset of the ISA.
    pub byte: u64,
}

/// Reads an ISA and reports what is wrong in it.
pub fn begin(segment: &Segment<'_>) -> (Interchange, Vec<Finding>) {
    let text = |number: usize| CompactString::from_utf8_lossy(segment.element(number).trim_ascii_end());
    let party = |qualifier: usize, id: usize| CompactString::from_utf8_lossy(segment.element(qualifier)) + ":" + &text(id);
    let mut findings = Vec::new();
    let mut note = |code: u16, element: usize| findings.push(Finding::new(Check::S101, ReportCode::Ta1(code), segment.position_of(None, element)));
    if segment.element(12) != b"00501" {
        note(17, 12);
    }
    if element::date_yymmdd(segment.element(9)).is_none() {
        note(14, 9);
    }
    if element::time(segment.element(10)).is_none() {
        note(15, 10);
    }
    let control_number = segment.element(13);
    if control_number.len() != 9 || !control_number.iter().all(u8::is_ascii_digit) {
        note(18, 13);
    }
    if !matches!(segment.element(15), b"P" | b"T") {
        note(20, 15);
    }
    let interchange = Interchange {
        sender: party(5, 6),
        receiver: party(7, 8),
        date: text(9),
        time: text(10),
        control_number: ControlNumber::new(text(13)),
        wants_ack: segment.element(14) == b"1",
        usage: text(15),
        byte: segment.at.byte,
    };
    (interchange, findings)
}

/// Checks an IEA against its ISA and the groups counted between them.
pub fn end(interchange: &Interchange, groups: u32, segment: &Segment<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !number_equals(segment.element(1), groups) {
        findings.push(Finding::new(Check::S102, ReportCode::Ta1(21), segment.position_of(None, 1)));
    }
    if segment.element(2) != interchange.control_number.as_str().as_bytes() {
        findings.push(Finding::new(Check::S102, ReportCode::Ta1(1), segment.position_of(None, 2)));
    }
    findings
}

/// Whether a count element says `expected`; leading zeros are allowed, signs and points are not.
pub(super) fn number_equals(text: &[u8], expected: u32) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit) && std::str::from_utf8(text).ok().and_then(|text| text.parse::<u32>().ok()) == Some(expected)
}
