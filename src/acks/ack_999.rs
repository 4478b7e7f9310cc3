//! 999 (005010X231A1): what became of each transaction set of a received functional group (DOMAIN G3).
//!
//! IK404, the copy of a bad value, is never written. The segments of x12-types render all but AK1 and
//! AK2: its structs end before AK103 and AK203, which the guide requires.

use compact_str::CompactString;
use x12_types::v005010::{_999LoopIK3, _999LoopIK4, AK9, IK3, IK4, IK5};

use crate::finding::{ElementError, Finding, ReportCode, SegmentError, Severity};
use crate::ids::ControlNumber;
use crate::loop_id::LoopId;
use crate::position::Position;
use crate::x12::outgoing::{Envelope, Guide, OutgoingInterchange, simple};

/// Set errors that an IK5 has room for (IK502–506). Of group errors three are written (AK905–907), as
/// many as the segment of x12-types has; no group has more of its own.
const TRAILER_CODES_MAX: usize = 5;

/// GS and GE of the received group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedGroup {
    /// GS01.
    pub functional_id: CompactString,
    /// GS06.
    pub control_number: ControlNumber,
    /// GS08.
    pub version: CompactString,
    /// GE01; `None` when it is missing or no number.
    pub included_sets: Option<u32>,
}

/// ST and findings of one received set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedSet<'a> {
    /// ST01.
    pub set_id: &'a str,
    /// ST02.
    pub control_number: &'a ControlNumber,
    /// ST03, empty when absent.
    pub version: &'a str,
    /// Nothing of the set goes on.
    pub is_rejected: bool,
    /// Claims of it are rejected, also where their findings are not among those that were kept.
    pub has_rejected_claims: bool,
    /// Findings of its set, segments and elements; others are passed over.
    pub findings: &'a [Finding],
}

/// IK501.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetVerdict {
    Accepted,
    /// The set goes on; what is reported may have cost single claims.
    AcceptedWithErrors,
    Rejected,
}

impl SetVerdict {
    pub fn of(set: &ReceivedSet<'_>) -> SetVerdict {
        if set.is_rejected {
            SetVerdict::Rejected
        } else if set.has_rejected_claims || set.findings.iter().any(is_reported) {
            SetVerdict::AcceptedWithErrors
        } else {
            SetVerdict::Accepted
        }
    }

    pub fn code(self) -> &'static str {
        match self {
            SetVerdict::Accepted => "A",
            SetVerdict::AcceptedWithErrors => "E",
            SetVerdict::Rejected => "R",
        }
    }
}

/// A 999 being written: one transaction set for each received group, piece by piece.
#[derive(Debug)]
pub struct Acknowledgement {
    out: OutgoingInterchange,
    included: Option<u32>,
    received: u32,
    accepted: u32,
    noted: bool,
}

impl Acknowledgement {
    /// Its bytes come with the first piece.
    pub fn open(envelope: &Envelope) -> Acknowledgement {
        Acknowledgement {
            out: OutgoingInterchange::open(envelope, Guide::Acknowledgement),
            included: None,
            received: 0,
            accepted: 0,
            noted: false,
        }
    }

    pub fn begin_group(&mut self, group: &ReceivedGroup) -> Vec<u8> {
        (self.included, self.received, self.accepted, self.noted) = (group.included_sets, 0, 0, false);
        self.out.begin_set();
        self.out.segment(&[
            "AK1",
            &simple(&group.functional_id),
            &simple(group.control_number.as_str()),
            &simple(&group.version),
        ]);
        self.out.take()
    }

    /// AK2 to IK5 of one received set.
    pub fn set(&mut self, set: &ReceivedSet<'_>) -> Vec<u8> {
        let verdict = SetVerdict::of(set);
        self.received += 1;
        match verdict {
            SetVerdict::Accepted => self.accepted += 1,
            SetVerdict::AcceptedWithErrors => (self.accepted, self.noted) = (self.accepted + 1, true),
            SetVerdict::Rejected => {}
        }
        self.out
            .segment(&["AK2", &simple(set.set_id), &simple(set.control_number.as_str()), &simple(set.version)]);
        let segments = segment_notes(set.findings);
        for segment in &segments {
            self.out.rendered(segment);
        }
        let mut codes = trailer_codes(set.findings, |code| match code {
            ReportCode::Set(code) => Some(code),
            ReportCode::Ta1(_) | ReportCode::Group(_) | ReportCode::Segment(_) | ReportCode::Element(_) | ReportCode::Status(_) => None,
        });
        if (!segments.is_empty() || (verdict != SetVerdict::Accepted && codes.is_empty())) && !codes.contains(&SEGMENTS_IN_ERROR) {
            codes.truncate(TRAILER_CODES_MAX - 1);
            codes.push(SEGMENTS_IN_ERROR);
        }
        let code = |place: usize| codes.get(place).map(u8::to_string);
        self.out.rendered(&IK5 {
            _01: Some(verdict.code().into()),
            _02: code(0),
            _03: code(1),
            _04: code(2),
            _05: code(3),
            _06: code(4),
        });
        self.out.take()
    }

    /// AK9 and SE. `findings` are those about the group; one that rejects, rejects all of its sets.
    pub fn end_group(&mut self, findings: &[Finding]) -> Vec<u8> {
        let group_code = |code| match code {
            ReportCode::Group(code) => Some(code),
            ReportCode::Ta1(_) | ReportCode::Set(_) | ReportCode::Segment(_) | ReportCode::Element(_) | ReportCode::Status(_) => None,
        };
        let rejected = findings.iter().any(|finding| finding.rejects() && group_code(finding.code).is_some());
        let codes = trailer_codes(findings, group_code);
        let accepted = if rejected { 0 } else { self.accepted };
        let verdict = if rejected || (accepted == 0 && self.received > 0) {
            "R"
        } else if accepted < self.received {
            "P"
        } else if self.noted || !codes.is_empty() {
            "E"
        } else {
            "A"
        };
        let code = |place: usize| codes.get(place).map(u8::to_string);
        self.out.rendered(&AK9 {
            _01: Some(verdict.into()),
            _02: Some(self.included.unwrap_or(self.received).to_string()),
            _03: Some(self.received.to_string()),
            _04: Some(accepted.to_string()),
            _05: code(0),
            _06: code(1),
            _07: code(2),
        });
        self.out.end_set();
        self.out.take()
    }

    pub fn close(self) -> Vec<u8> {
        self.out.close()
    }
}

/// IK502: one or more segments in error.
const SEGMENTS_IN_ERROR: u8 = 5;

/// Whether a finding stands on a 999.
fn is_reported(finding: &Finding) -> bool {
    finding.severity != Severity::Ignore
        && match finding.code {
            ReportCode::Set(_) | ReportCode::Segment(_) | ReportCode::Element(_) => true,
            ReportCode::Ta1(_) | ReportCode::Group(_) | ReportCode::Status(_) => false,
        }
}

/// The codes that `select` finds, each once, in order of discovery.
fn trailer_codes(findings: &[Finding], select: impl Fn(ReportCode) -> Option<u8>) -> Vec<u8> {
    let mut codes = Vec::new();
    for code in findings
        .iter()
        .filter(|finding| finding.severity != Severity::Ignore)
        .filter_map(|finding| select(finding.code))
    {
        if !codes.contains(&code) && codes.len() < TRAILER_CODES_MAX {
            codes.push(code);
        }
    }
    codes
}

/// IK3 loops in the order of the segments: one for each segment error, one for all element errors of
/// a segment. The same error twice is one note.
fn segment_notes(findings: &[Finding]) -> Vec<_999LoopIK3> {
    let mut reported: Vec<&Finding> = findings.iter().filter(|finding| is_reported(finding)).collect();
    reported.sort_by_key(|finding| finding.position.ordinal);
    let mut notes: Vec<Note> = Vec::new();
    for finding in reported {
        let (segment_error, element_error) = match finding.code {
            ReportCode::Segment(error) => (error, None),
            ReportCode::Element(error) => (SegmentError::HasElementErrors, Some(error)),
            ReportCode::Ta1(_) | ReportCode::Group(_) | ReportCode::Set(_) | ReportCode::Status(_) => continue,
        };
        let same = |note: &&mut Note| note.is_about(&finding.position) && note.error == segment_error;
        let in_this_segment = notes.iter_mut().rev().take_while(|note| note.segment.ordinal == finding.position.ordinal);
        let element = element_error.map(|error| (finding.position.element, finding.position.component, error));
        match in_this_segment.into_iter().find(same) {
            Some(note) => note.elements.extend(element.filter(|element| !note.elements.contains(element))),
            None => notes.push(Note {
                segment: finding.position,
                error: segment_error,
                elements: element.into_iter().collect(),
            }),
        }
    }
    notes.into_iter().map(Note::into_loop).collect()
}

struct Note {
    segment: Position,
    error: SegmentError,
    /// Element and component from 1 (0: the whole), and what is wrong there.
    elements: Vec<(u8, u8, ElementError)>,
}

impl Note {
    fn is_about(&self, position: &Position) -> bool {
        self.segment.ordinal == position.ordinal && self.segment.segment == position.segment && self.segment.loop_id == position.loop_id
    }

    fn into_loop(self) -> _999LoopIK3 {
        let tag = self.segment.segment.text();
        _999LoopIK3 {
            ik3: IK3 {
                // A foreign identifier may be someone's name: it is not repeated.
                _01: Some(if tag == "?" { "UNK".into() } else { tag.into() }),
                _02: Some(self.segment.ordinal.to_string()),
                _03: self.segment.loop_id.and_then(loop_identifier),
                _04: Some(self.error.code().into()),
            },
            ctx: Vec::new(),
            loop_ik4: self.elements.iter().map(element_note).collect(),
        }
    }
}

fn element_note((element, component, error): &(u8, u8, ElementError)) -> _999LoopIK4 {
    let place = if *component == 0 {
        element.to_string()
    } else {
        format!("{element}:{component}")
    };
    _999LoopIK4 {
        ik4: IK4 {
            _01: Some(place),
            _03: Some(error.code().into()),
            ..IK4::default()
        },
        ctx: Vec::new(),
    }
}

/// IK303, four characters at most: longer loop names (`2010BA`) and the segments around the loops have
/// none, their ordinal says where they stand.
fn loop_identifier(loop_id: LoopId) -> Option<String> {
    match loop_id {
        LoopId::Header | LoopId::Trailer => None,
        inner => Some(inner.to_string()).filter(|name| name.len() <= 4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Check;
    use crate::position::{SegmentPosition, SegmentTag};
    use crate::x12::outgoing::tests::envelope;

    fn finding(code: ReportCode, tag: &str, ordinal: u32, element: u8, component: u8) -> Finding {
        let segment = SegmentPosition {
            tag: SegmentTag::from_bytes(tag.as_bytes()),
            ordinal,
            byte: u64::from(ordinal) * 20,
            length: 10,
        };
        let position = Position {
            element,
            component,
            ..Position::of_segment(Some(LoopId::L2400), segment)
        };
        Finding::new(Check::S201, code, position)
    }

    /// The segments from AK2 (or AK9) on of a group of sets, each rejected or not, with its findings.
    fn rendered(sets: &[(bool, Vec<Finding>)], group_findings: &[Finding]) -> Vec<String> {
        let mut acknowledgement = Acknowledgement::open(&envelope());
        let group = ReceivedGroup {
            functional_id: "HC".into(),
            control_number: ControlNumber::new("905"),
            version: "005010X222A1".into(),
            included_sets: None,
        };
        let mut bytes = acknowledgement.begin_group(&group);
        for (is_rejected, findings) in sets {
            bytes.extend(acknowledgement.set(&ReceivedSet {
                has_rejected_claims: false,
                set_id: "837",
                control_number: &ControlNumber::new("0001"),
                version: "005010X222A1",
                is_rejected: *is_rejected,
                findings,
            }));
        }
        bytes.extend(acknowledgement.end_group(group_findings));
        bytes.extend(acknowledgement.close());
        let text = String::from_utf8(bytes).unwrap();
        text.lines()
            .map(|line| line.trim_end_matches('~').to_owned())
            .filter(|line| ["IK", "AK9"].iter().any(|start| line.starts_with(start)))
            .collect()
    }

    #[test]
    fn element_errors_share_the_note_of_their_segment() {
        use ElementError::{InvalidCode, RequiredMissing};
        let findings = vec![
            finding(ReportCode::Element(InvalidCode), "SV1", 27, 1, 3),
            finding(ReportCode::Element(InvalidCode), "SV1", 26, 1, 1),
            finding(ReportCode::Segment(SegmentError::NotUsedPresent), "SV1", 26, 0, 0),
            finding(ReportCode::Element(RequiredMissing), "SV1", 26, 2, 0),
            finding(ReportCode::Element(RequiredMissing), "SV1", 26, 2, 0),
        ];
        assert_eq!(
            rendered(&[(false, findings)], &[]),
            [
                "IK3*SV1*26*2400*8",
                "IK4*1:1**7",
                "IK4*2**1",
                "IK3*SV1*26*2400*I4",
                "IK3*SV1*27*2400*8",
                "IK4*1:3**7",
                "IK5*E*5",
                "AK9*E*1*1*1"
            ]
        );
    }

    #[test]
    fn verdicts_of_sets_and_group() {
        let missing = || finding(ReportCode::Segment(SegmentError::RequiredMissing), "DTP", 30, 0, 0);
        let status = || {
            let status = crate::finding::ClaimStatus::new(crate::finding::StatusCategory::A7, 562);
            finding(ReportCode::Status(status), "NM1", 8, 9, 0)
        };
        let ignored = || Finding {
            severity: Severity::Ignore,
            ..missing()
        };
        let wrong_count = || finding(ReportCode::Set(4), "SE", 40, 1, 0);
        let warned_group = || Finding {
            severity: Severity::Warn,
            ..finding(ReportCode::Group(5), "GE", 0, 1, 0)
        };
        for (sets, group, expected) in [
            (vec![(false, vec![])], vec![], "IK5*A AK9*A*1*1*1"),
            (vec![(false, vec![status(), ignored()])], vec![], "IK5*A AK9*A*1*1*1"),
            (vec![(false, vec![missing()])], vec![], "IK3*DTP*30*2400*3 IK5*E*5 AK9*E*1*1*1"),
            (vec![(true, vec![wrong_count()])], vec![], "IK5*R*4 AK9*R*1*1*0"),
            (vec![(true, vec![])], vec![], "IK5*R*5 AK9*R*1*1*0"),
            (
                vec![(true, vec![wrong_count(), missing()]), (false, vec![])],
                vec![],
                "IK3*DTP*30*2400*3 IK5*R*4*5 IK5*A AK9*P*2*2*1",
            ),
            (vec![(false, vec![])], vec![warned_group()], "IK5*A AK9*E*1*1*1*5"),
            (vec![(false, vec![])], vec![finding(ReportCode::Group(4), "GE", 0, 2, 0)], "IK5*A AK9*R*1*1*0*4"),
        ] {
            assert_eq!(rendered(&sets, &group).join(" "), expected);
        }
    }

    #[test]
    fn a_foreign_identifier_is_not_repeated() {
        let findings = vec![finding(ReportCode::Segment(SegmentError::Unrecognised), "anaSMITH", 9, 0, 0)];
        assert_eq!(rendered(&[(true, findings)], &[]).first().map(String::as_str), Some("IK3*UNK*9*2400*1"));
    }

    #[test]
    fn a_rejected_claim_whose_finding_was_not_kept_is_an_error_all_the_same() {
        let set = ReceivedSet {
            set_id: "837",
            control_number: &ControlNumber::new("0001"),
            version: "005010X222A1",
            is_rejected: false,
            has_rejected_claims: true,
            findings: &[],
        };
        let bytes = Acknowledgement::open(&envelope()).set(&set);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains("IK5*E*5~"), "{text}");
    }
}
