//! GS and GE.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::interchange::number_equals;
use crate::finding::{Check, Finding, ReportCode};
use crate::ids::{ControlNumber, Form};
use crate::x12::segment::Segment;

/// A functional group as its GS declares it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// GS01, GS02, GS03.
    pub functional_id: CompactString,
    pub sender: CompactString,
    pub receiver: CompactString,
    /// GS06 as received.
    pub control_number: ControlNumber,
    /// GS08.
    pub guide: CompactString,
    /// The claim form of GS08, when it is one of ours.
    pub form: Option<Form>,
    /// Offset of the GS.
    pub byte: u64,
}

impl Group {
    /// Acknowledgements of what we sent (GS01 `FA`).
    pub fn has_acknowledgements(&self) -> bool {
        self.functional_id == ACKNOWLEDGEMENTS
    }
}

/// GS01 of 999s.
const ACKNOWLEDGEMENTS: &str = "FA";

/// The claim guides that are read, with the aliases that some senders use (DOMAIN A1).
pub fn form_of_guide(guide: &[u8]) -> Option<Form> {
    match guide {
        b"005010X222A1" | b"005010X222A2" => Some(Form::Professional),
        b"005010X223A2" | b"005010X223A3" => Some(Form::Institutional),
        _ => None,
    }
}

/// Reads a GS and reports an unsupported guide, and a control number that is not one to nine digits.
pub fn begin(segment: &Segment<'_>) -> (Group, Vec<Finding>) {
    let text = |number: usize| CompactString::from_utf8_lossy(segment.element(number).trim_ascii_end());
    let form = form_of_guide(segment.element(8)).filter(|_| segment.element(1) == b"HC");
    let mut findings = Vec::new();
    if segment.element(1) == ACKNOWLEDGEMENTS.as_bytes() {
        // 005010X231, whichever of its errata.
        if !segment.element(8).starts_with(b"005010X231") {
            findings.push(Finding::new(Check::S107, ReportCode::Group(2), segment.position_of(None, 8)));
        }
    } else if segment.element(1) != b"HC" {
        findings.push(Finding::new(Check::S107, ReportCode::Group(1), segment.position_of(None, 1)));
    } else if form.is_none() {
        findings.push(Finding::new(Check::S107, ReportCode::Group(2), segment.position_of(None, 8)));
    }
    let control_number = segment.element(6);
    if !(1..=9).contains(&control_number.len()) || !control_number.iter().all(u8::is_ascii_digit) {
        findings.push(Finding::new(Check::S106, ReportCode::Group(6), segment.position_of(None, 6)));
    }
    let group = Group {
        functional_id: text(1),
        sender: text(2),
        receiver: text(3),
        control_number: ControlNumber::new(text(6)),
        guide: text(8),
        form,
        byte: segment.at.byte,
    };
    (group, findings)
}

/// Checks a GE against its GS and the sets counted between them.
pub fn end(group: &Group, sets: u32, segment: &Segment<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !number_equals(segment.element(1), sets) {
        findings.push(Finding::new(Check::S106, ReportCode::Group(5), segment.position_of(None, 1)));
    }
    if segment.element(2) != group.control_number.as_str().as_bytes() {
        findings.push(Finding::new(Check::S106, ReportCode::Group(4), segment.position_of(None, 2)));
    }
    findings
}
