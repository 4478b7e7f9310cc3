//! A 999 (005010X231A1) that answers what we sent, read segment by segment: the sets it names one by one,
//! then what it says of their group. Nothing grows with the number of sets.
//!
//! What does not follow the guide's order (AK1; AK2, its notes and IK5, any number of times; AK9) makes the
//! whole answer unreadable: half of an answer is none.

use compact_str::CompactString;

use super::ack_999::SetVerdict;
use crate::ids::ControlNumber;
use crate::x12::segment::Segment;

/// Codes that an IK5 or AK9 has room for (IK502–506, AK905–909).
const TRAILER_CODES_MAX: usize = 5;

/// AK2 and IK5.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnsweredSet {
    /// AK201.
    pub set_id: CompactString,
    /// AK202, our ST02.
    pub control_number: ControlNumber,
    pub verdict: SetVerdict,
    /// IK502–506, as far as they are numbers.
    pub codes: Vec<u8>,
}

/// AK1 and AK9.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnsweredGroup {
    /// AK101, our GS01.
    pub functional_id: CompactString,
    /// AK102, our GS06.
    pub control_number: ControlNumber,
    pub verdict: GroupVerdict,
    /// AK905–909, as far as they are numbers.
    pub codes: Vec<u8>,
}

/// AK901.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupVerdict {
    Accepted,
    AcceptedWithErrors,
    /// At least one set was rejected.
    PartlyAccepted,
    Rejected,
}

impl GroupVerdict {
    /// `M`, `W` and `X` reject because of what protects the group.
    fn read(code: &[u8]) -> Option<GroupVerdict> {
        match code {
            b"A" => Some(GroupVerdict::Accepted),
            b"E" => Some(GroupVerdict::AcceptedWithErrors),
            b"P" => Some(GroupVerdict::PartlyAccepted),
            b"R" | b"M" | b"W" | b"X" => Some(GroupVerdict::Rejected),
            _ => None,
        }
    }
}

/// Reads one 999, from behind its ST to before its SE.
#[derive(Debug, Default)]
pub struct AnswerReader {
    place: Place,
    group: Option<(CompactString, ControlNumber)>,
    set: Option<(CompactString, ControlNumber)>,
    trailer: Option<(GroupVerdict, Vec<u8>)>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    #[default]
    Start,
    InGroup,
    InSet,
    End,
    /// It is no answer that can be read.
    Lost,
}

impl AnswerReader {
    /// Takes the next segment; a set that it ends.
    pub fn accept(&mut self, segment: &Segment<'_>) -> Option<AnsweredSet> {
        let read = match (self.place, segment.id()) {
            (Place::Start, b"AK1") => {
                self.group = identified(segment, 2);
                self.group.as_ref().map(|_| (Place::InGroup, None))
            }
            (Place::InGroup, b"AK2") => {
                self.set = identified(segment, 3);
                self.set.as_ref().map(|_| (Place::InSet, None))
            }
            (Place::InSet, b"IK3" | b"IK4" | b"CTX") => Some((Place::InSet, None)),
            (Place::InSet, b"IK5") => self.end_set(segment).map(|set| (Place::InGroup, Some(set))),
            (Place::InGroup, b"AK9") => {
                let verdict = GroupVerdict::read(segment.element(1));
                self.trailer = verdict.map(|verdict| (verdict, codes(segment, 5)));
                verdict.map(|_| (Place::End, None))
            }
            _ => None,
        };
        let (place, set) = read.unwrap_or((Place::Lost, None));
        self.place = place;
        set
    }

    fn end_set(&mut self, segment: &Segment<'_>) -> Option<AnsweredSet> {
        let verdict = match segment.element(1) {
            b"A" => SetVerdict::Accepted,
            b"E" => SetVerdict::AcceptedWithErrors,
            b"R" | b"M" | b"W" | b"X" => SetVerdict::Rejected,
            _ => return None,
        };
        let (set_id, control_number) = self.set.take()?;
        Some(AnsweredSet {
            set_id,
            control_number,
            verdict,
            codes: codes(segment, 2),
        })
    }

    /// What it says of the group; `None` when it can't be read.
    pub fn finish(self) -> Option<AnsweredGroup> {
        let ((functional_id, control_number), (verdict, codes)) = (self.group?, self.trailer?);
        (self.place == Place::End).then_some(AnsweredGroup {
            functional_id,
            control_number,
            verdict,
            codes,
        })
    }
}

/// An identifier of at most so many characters, and a control number of one to nine.
fn identified(segment: &Segment<'_>, longest: usize) -> Option<(CompactString, ControlNumber)> {
    let plain = |text: &[u8], longest: usize| {
        let fits = (1..=longest).contains(&text.len()) && text.iter().all(u8::is_ascii_alphanumeric);
        fits.then(|| CompactString::from_utf8_lossy(text))
    };
    Some((plain(segment.element(1), longest)?, ControlNumber::new(plain(segment.element(2), 9)?)))
}

/// The codes from this element on: one or two digits.
fn codes(segment: &Segment<'_>, from: usize) -> Vec<u8> {
    let numbers = (from..from + TRAILER_CODES_MAX).map(|element| segment.element(element));
    numbers
        .filter(|text| (1..=2).contains(&text.len()))
        .filter_map(|text| std::str::from_utf8(text).ok()?.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ack_999::{Acknowledgement, ReceivedGroup, ReceivedSet};
    use super::*;
    use crate::finding::{Check, Finding, ReportCode, SegmentError, Severity};
    use crate::position::{Position, SegmentPosition, SegmentTag};
    use crate::x12::outgoing::tests::envelope;
    use crate::x12::tokenizer::for_each_segment;

    /// The sets and the group of every 999 in a text.
    fn read(text: &[u8]) -> (Vec<AnsweredSet>, Option<AnsweredGroup>) {
        let (mut reader, mut sets) = (AnswerReader::default(), Vec::new());
        let _ = for_each_segment(text, usize::MAX, |segment| {
            if !["ISA", "GS", "ST", "SE", "GE", "IEA"].iter().any(|id| segment.is(id)) {
                sets.extend(reader.accept(segment));
            }
        });
        (sets, reader.finish())
    }

    fn within(body: &str) -> Vec<u8> {
        const ISA: &str = "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260116*0930*^*00501*000000001*0*T*:~";
        format!("{ISA}{body}").into_bytes()
    }

    #[test]
    fn the_order_of_the_guide_is_an_answer_and_no_other() {
        const SET: &str = "AK2*835*0001~IK5*A~";
        for (body, expected) in [
            (format!("AK1*HP*7*005010X221A1~{SET}AK9*A*1*1*1~"), Some("A")),
            // A group that is accepted needs no sets, nor its version.
            ("AK1*HP*7~AK9*A*1*1*1~".into(), Some("A")),
            (
                "AK1*HP*7~AK2*835*0001~IK3*CLP*9*2100*8~CTX*CLM01:1~IK4*1**7~CTX*SITUATIONAL TRIGGER~IK5*E*5~AK9*E*1*1*1~".into(),
                Some("E"),
            ),
            ("AK1*HP*7~AK9*P*2*2*1~".into(), Some("P")),
            ("AK1*HP*7~AK9*R*1*1*0*4~".into(), Some("R")),
            ("AK1*HP*7~AK9*X*1*1*0~".into(), Some("R")),
            (SET.into(), None),
            (format!("AK1*HP*7~{SET}"), None),
            ("AK9*A*1*1*1~".into(), None),
            ("AK1*HP*7~AK2*835*0001~AK9*A*1*1*1~".into(), None),
            ("AK1*HP*7~AK2*835*0001~AK2*835*0002~IK5*A~AK9*A*1*1*1~".into(), None),
            ("AK1*HP*7~IK5*A~AK9*A*1*1*1~".into(), None),
            ("AK1*HP*7~IK3*CLP*9~AK9*A*1*1*1~".into(), None),
            ("AK1*HP*7~AK2*835*0001~IK5*Q~AK9*A*1*1*1~".into(), None),
            ("AK1*HP*7~AK9*Q*1*1*1~".into(), None),
            ("AK1*HP*7~AK9*A*1*1*1~AK9*R*1*1*0~".into(), None),
            ("AK1*HP*7~AK1*HP*8~AK9*A*1*1*1~".into(), None),
            ("AK1*HP*7~AK9*A*1*1*1~AK1*HP*8~".into(), None),
            ("AK1*HP*7~NM1*QC*1~AK9*A*1*1*1~".into(), None),
            ("AK1*HP~AK9*A*1*1*1~".into(), None),
            ("AK1*HP*1234567890~AK9*A*1*1*1~".into(), None),
            ("AK1*HPX*7~AK9*A*1*1*1~".into(), None),
            ("AK1**7~AK9*A*1*1*1~".into(), None),
            (String::new(), None),
        ] {
            let verdict = read(&within(&body)).1.map(|group| match group.verdict {
                GroupVerdict::Accepted => "A",
                GroupVerdict::AcceptedWithErrors => "E",
                GroupVerdict::PartlyAccepted => "P",
                GroupVerdict::Rejected => "R",
            });
            assert_eq!(verdict, expected, "{body}");
        }
    }

    #[test]
    fn codes_are_numbers() {
        let (sets, group) = read(&within("AK1*HP*7~AK2*835*0001~IK5*R*5*I6*123*x*23~AK9*R*1*1*0*4**19~"));
        assert_eq!(sets[0].codes, [5, 23]);
        assert_eq!(group.unwrap().codes, [4, 19]);
    }

    fn finding(code: ReportCode, ordinal: u32) -> Finding {
        let segment = SegmentPosition {
            tag: SegmentTag::of("CLP"),
            ordinal,
            byte: 0,
            length: 1,
        };
        Finding::new(Check::S201, code, Position::of_segment(None, segment))
    }

    fn findings() -> impl Strategy<Value = Vec<Finding>> {
        let code = prop_oneof![
            (1u8..30).prop_map(ReportCode::Set),
            Just(ReportCode::Segment(SegmentError::RequiredMissing)),
            Just(ReportCode::Ta1(1)),
        ];
        let severity = prop_oneof![Just(Severity::Reject), Just(Severity::Warn), Just(Severity::Ignore)];
        prop::collection::vec(
            (code, 1u32..50, severity).prop_map(|(code, ordinal, severity)| Finding {
                severity,
                ..finding(code, ordinal)
            }),
            0..4,
        )
    }

    proptest! {
        #[test]
        fn what_our_own_999_says_is_read_back(
            sets in prop::collection::vec((any::<bool>(), any::<bool>(), findings()), 0..6),
            group_code in prop::option::of(1u8..30),
            number in 1u32..1_000_000_000,
        ) {
            let group = ReceivedGroup {
                functional_id: "HP".into(),
                control_number: ControlNumber::new(number.to_string()),
                version: "005010X221A1".into(),
                included_sets: None,
            };
            let mut writer = Acknowledgement::open(&envelope());
            let mut bytes = writer.begin_group(&group);
            let mut expected = Vec::new();
            for (place, (is_rejected, has_rejected_claims, findings)) in sets.iter().enumerate() {
                let control_number = ControlNumber::new(format!("{:04}", place + 1));
                let set = ReceivedSet {
                    set_id: "835",
                    control_number: &control_number,
                    version: "",
                    is_rejected: *is_rejected,
                    has_rejected_claims: *has_rejected_claims,
                    findings,
                };
                expected.push((control_number.clone(), SetVerdict::of(&set)));
                bytes.extend(writer.set(&set));
            }
            let group_findings: Vec<Finding> = group_code.iter().map(|code| finding(ReportCode::Group(*code), 0)).collect();
            bytes.extend(writer.end_group(&group_findings));
            bytes.extend(writer.close());

            let (read_sets, read_group) = read(&bytes);
            let read_sets: Vec<_> = read_sets.into_iter().map(|set| (set.control_number, set.verdict)).collect();
            prop_assert_eq!(&read_sets, &expected);
            let read_group = read_group.unwrap();
            prop_assert_eq!(read_group.control_number.as_str(), number.to_string());
            let rejected = expected.iter().filter(|(_, verdict)| *verdict == SetVerdict::Rejected).count();
            let verdict = if group_code.is_some() || (rejected == expected.len() && rejected > 0) {
                GroupVerdict::Rejected
            } else if rejected > 0 {
                GroupVerdict::PartlyAccepted
            } else if expected.iter().any(|(_, verdict)| *verdict == SetVerdict::AcceptedWithErrors) {
                GroupVerdict::AcceptedWithErrors
            } else {
                GroupVerdict::Accepted
            };
            prop_assert_eq!(read_group.verdict, verdict);
        }

        #[test]
        fn hostile_answers_are_read_or_not(pieces in prop::collection::vec((prop_oneof![
            Just("AK1"), Just("AK2"), Just("IK3"), Just("IK4"), Just("CTX"), Just("IK5"), Just("AK9"), Just("TA1")
        ], "[A-Z0-9*:^ \\x00-\\x1f\\x80-\\xff]{0,20}"), 0..12)) {
            let body: String = pieces.iter().map(|(id, elements)| format!("{id}*{elements}~")).collect();
            let (sets, group) = read(&within(&body));
            prop_assert!(sets.len() <= pieces.len());
            prop_assert!(group.is_none_or(|group| group.control_number.as_str().len() <= 9 && group.codes.len() <= TRAILER_CODES_MAX));
        }
    }
}
