//! Follows ISA/GS/ST … SE/GE/IEA through a stream of segments and says what begins and ends.
//!
//! A missing trailer closes what it should have closed, with its finding, so that what follows is
//! still read in its place.

use super::{Group, Interchange, TransactionSet, group, interchange, transaction_set};
use crate::finding::{Check, Finding, ReportCode};
use crate::position::{Position, SegmentTag};
use crate::x12::segment::Segment;

/// What a segment means to the envelope. Findings belong to the thing that begins or ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    InterchangeBegan(Interchange, Vec<Finding>),
    GroupBegan(Group, Vec<Finding>),
    SetBegan(TransactionSet, Vec<Finding>),
    SetEnded { segments: u32, findings: Vec<Finding> },
    GroupEnded { findings: Vec<Finding> },
    InterchangeEnded { findings: Vec<Finding> },
}

/// State of the envelope; one per file.
#[derive(Debug, Default)]
pub struct EnvelopeReader {
    interchange: Option<(Interchange, u32)>,
    group: Option<(Group, u32)>,
    set: Option<TransactionSet>,
    /// Segments that stand in no set of the open group, or in no group of the open interchange.
    strays_in_group: Vec<Finding>,
    strays_in_interchange: Vec<Finding>,
    /// ST02 of the current group, to find repeats. Bounded by the sets of one group.
    control_numbers: std::collections::HashSet<compact_str::CompactString>,
}

impl EnvelopeReader {
    /// What this segment begins or ends; empty for the segments inside a set, which is where
    /// [`EnvelopeReader::in_set`] holds.
    #[inline]
    pub fn accept(&mut self, segment: &Segment<'_>) -> Vec<Event> {
        // All but a handful of the segments of a file.
        if self.set.is_some() && !is_envelope(segment.tag()) {
            return Vec::new();
        }
        self.accept_envelope(segment)
    }

    fn accept_envelope(&mut self, segment: &Segment<'_>) -> Vec<Event> {
        match segment.id() {
            b"ISA" => {
                let mut events = self.close_interchange(segment, 23);
                let (interchange, findings) = interchange::begin(segment);
                self.strays_in_interchange.clear();
                self.interchange = Some((interchange.clone(), 0));
                events.push(Event::InterchangeBegan(interchange, findings));
                events
            }
            b"IEA" => {
                let mut events = self.close_group(segment);
                if let Some((interchange, groups)) = self.interchange.take() {
                    let mut findings = std::mem::take(&mut self.strays_in_interchange);
                    findings.extend(interchange::end(&interchange, groups, segment));
                    events.push(Event::InterchangeEnded { findings });
                }
                events
            }
            b"GS" => {
                let mut events = self.close_group(segment);
                let (group, findings) = group::begin(segment);
                if let Some((_, groups)) = &mut self.interchange {
                    *groups += 1;
                }
                self.control_numbers.clear();
                self.strays_in_group.clear();
                self.group = Some((group.clone(), 0));
                events.push(Event::GroupBegan(group, findings));
                events
            }
            b"GE" if self.group.is_none() => self.stray(segment),
            b"GE" => {
                let mut events = self.close_set(segment);
                if let Some((group, sets)) = self.group.take() {
                    let mut findings = std::mem::take(&mut self.strays_in_group);
                    findings.extend(group::end(&group, sets, segment));
                    events.push(Event::GroupEnded { findings });
                }
                events
            }
            // A set in no group can be answered by no 999: what follows up to the next GS is strays.
            b"ST" if self.group.is_none() => self.stray(segment),
            b"ST" => {
                let mut events = self.close_set(segment);
                let (set, mut findings) = transaction_set::begin(segment, self.group().is_some_and(Group::has_acknowledgements));
                if let Some((_, sets)) = &mut self.group {
                    *sets += 1;
                }
                if !self.control_numbers.insert(set.control_number.as_str().into()) {
                    findings.push(Finding::new(Check::S109, ReportCode::Set(7), segment.position_of(None, 2)));
                }
                self.set = Some(set.clone());
                events.push(Event::SetBegan(set, findings));
                events
            }
            b"SE" => match self.set.take() {
                Some(set) => vec![Event::SetEnded {
                    segments: segment.at.ordinal,
                    findings: transaction_set::end(&set, segment.at.ordinal, segment),
                }],
                None => self.stray(segment),
            },
            _ if self.set.is_some() => Vec::new(),
            _ => self.stray(segment),
        }
    }

    /// Whether a TA1 may stand here: between the ISA and its first GS, or where there is none.
    pub fn takes_ta1(&self) -> bool {
        self.interchange.as_ref().is_some_and(|(_, groups)| *groups == 0) && self.group.is_none()
    }

    /// A segment outside every set: one finding for the first of a group or interchange is enough.
    fn stray(&mut self, segment: &Segment<'_>) -> Vec<Event> {
        let position = Position::of_segment(None, segment.at);
        if self.group.is_some() {
            if self.strays_in_group.is_empty() {
                self.strays_in_group.push(Finding::new(Check::S106, ReportCode::Group(6), position));
            }
        } else if self.strays_in_interchange.is_empty() && !(segment.is("TA1") && self.takes_ta1()) {
            self.strays_in_interchange.push(Finding::new(Check::S101, ReportCode::Ta1(22), position));
        }
        Vec::new()
    }

    /// Nothing readable follows: whatever is open is closed with the TA1 `note` 023 (the file ended) or
    /// 022 (its bytes stopped being X12).
    pub fn finish(&mut self, byte: u64, note: u16) -> Vec<Event> {
        let position = Position {
            loop_id: None,
            segment: SegmentTag::of("IEA"),
            ordinal: 0,
            element: 0,
            component: 0,
            byte,
        };
        self.close_all(position, note)
    }

    pub fn interchange(&self) -> Option<&Interchange> {
        self.interchange.as_ref().map(|(interchange, _)| interchange)
    }

    pub fn group(&self) -> Option<&Group> {
        self.group.as_ref().map(|(group, _)| group)
    }

    /// Whether the next segment stands inside a transaction set.
    #[inline]
    pub fn in_set(&self) -> bool {
        self.set.is_some()
    }

    fn close_set(&mut self, at: &Segment<'_>) -> Vec<Event> {
        let position = Position::of_segment(None, at.at);
        self.set.take().map(|_| missing_set_trailer(position, at.at.ordinal)).into_iter().collect()
    }

    fn close_group(&mut self, at: &Segment<'_>) -> Vec<Event> {
        let mut events = self.close_set(at);
        if self.group.take().is_some() {
            events.push(missing_group_trailer(Position::of_segment(None, at.at)));
        }
        events
    }

    fn close_interchange(&mut self, at: &Segment<'_>, note: u16) -> Vec<Event> {
        self.close_all(Position::of_segment(None, at.at), note)
    }

    fn close_all(&mut self, position: Position, note: u16) -> Vec<Event> {
        let mut events = Vec::new();
        if self.set.take().is_some() {
            events.push(missing_set_trailer(position, position.ordinal));
        }
        if self.group.take().is_some() {
            events.push(missing_group_trailer(position));
        }
        if self.interchange.take().is_some() {
            events.push(Event::InterchangeEnded {
                findings: vec![Finding::new(Check::S103, ReportCode::Ta1(note), position)],
            });
        }
        events
    }
}

/// Whether a segment may be one of the envelope's: a longer identifier may begin like one.
#[inline]
fn is_envelope(tag: SegmentTag) -> bool {
    const TAGS: [SegmentTag; 6] = [
        SegmentTag::of("ISA"),
        SegmentTag::of("IEA"),
        SegmentTag::of("GS"),
        SegmentTag::of("GE"),
        SegmentTag::of("ST"),
        SegmentTag::of("SE"),
    ];
    TAGS.iter().any(|envelope| envelope.packed() == tag.packed())
}

fn missing_set_trailer(position: Position, segments: u32) -> Event {
    Event::SetEnded {
        segments,
        findings: vec![Finding::new(Check::S108, ReportCode::Set(2), position)],
    }
}

fn missing_group_trailer(position: Position) -> Event {
    Event::GroupEnded {
        findings: vec![Finding::new(Check::S106, ReportCode::Group(3), position)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x12::tokenizer::for_each_segment;

    const ISA: &str = "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260116*0930*^*00501*000000001*0*T*:~";
    const GS: &str = "GS*HC*SENDER*RECEIVER*20260116*0930*7*X*005010X222A1~";
    const ST: &str = "ST*837*0001*005010X222A1~BHT*0019~";

    /// The codes of all findings of a text, and how many interchanges, groups and sets ended.
    fn codes(text: &str) -> (Vec<String>, [usize; 3]) {
        let mut reader = EnvelopeReader::default();
        let (mut codes, mut ended) = (Vec::new(), [0; 3]);
        let mut note = |events: Vec<Event>| {
            for event in events {
                let findings = match event {
                    Event::InterchangeBegan(_, findings) | Event::GroupBegan(_, findings) | Event::SetBegan(_, findings) => findings,
                    Event::InterchangeEnded { findings } => {
                        ended[0] += 1;
                        findings
                    }
                    Event::GroupEnded { findings } => {
                        ended[1] += 1;
                        findings
                    }
                    Event::SetEnded { findings, .. } => {
                        ended[2] += 1;
                        findings
                    }
                };
                codes.extend(findings.iter().map(|finding| finding.code.to_string()));
            }
        };
        for_each_segment(text.as_bytes(), usize::MAX, |segment| note(reader.accept(segment))).unwrap();
        note(reader.finish(text.len() as u64, 23));
        (codes, ended)
    }

    #[test]
    fn each_disagreement_has_its_code() {
        let se = "SE*3*0001~";
        for (text, expected) in [
            (format!("{ISA}{GS}{ST}{se}GE*1*7~IEA*1*000000001~"), vec![]),
            (format!("{ISA}{GS}{ST}{se}GE*1*7~IEA*1*000000002~"), vec!["TA1:001"]),
            // Acknowledgements of what we sent: a TA1 alone, before a group, and nowhere else; a 999 in its group.
            (format!("{ISA}TA1*000000007*260116*0930*A*000~IEA*0*000000001~"), vec![]),
            (format!("{ISA}TA1*000000007*260116*0930*A*000~{GS}{ST}{se}GE*1*7~IEA*1*000000001~"), vec![]),
            (
                format!("{ISA}{GS}{ST}{se}GE*1*7~TA1*000000007*260116*0930*A*000~IEA*1*000000001~"),
                vec!["TA1:022"],
            ),
            (
                format!(
                    "{ISA}{}ST*999*0001*005010X231A1~AK1*HP*7~SE*3*0001~GE*1*7~IEA*1*000000001~",
                    GS.replace("HC", "FA").replace("X222A1", "X231A1")
                ),
                vec![],
            ),
            (
                format!(
                    "{ISA}{}ST*837*0001*005010X231A1~AK1*HP*7~SE*3*0001~GE*1*7~IEA*1*000000001~",
                    GS.replace("HC", "FA").replace("X222A1", "X231A1")
                ),
                vec!["IK502:1"],
            ),
            (
                format!("{ISA}{GS}ST*999*0001*005010X231A1~AK1*HP*7~SE*3*0001~GE*1*7~IEA*1*000000001~"),
                vec!["IK502:1"],
            ),
            (
                format!("{ISA}{}{ST}{se}GE*1*7~IEA*1*000000001~", GS.replace("HC", "FA")),
                vec!["AK905:2", "IK502:1"],
            ),
            (format!("{ISA}{GS}{ST}{se}GE*1*7~IEA*2*000000001~"), vec!["TA1:021"]),
            (format!("{ISA}{GS}{ST}{se}GE*1*7~"), vec!["TA1:023"]),
            (format!("{ISA}{GS}{ST}{se}IEA*1*000000001~"), vec!["AK905:3"]),
            (format!("{ISA}{GS}{ST}{se}NM1*85~REF*G1~GE*1*7~IEA*1*000000001~"), vec!["AK905:6"]),
            (format!("{ISA}NM1*85~{GS}{ST}{se}GE*1*7~IEA*1*000000001~"), vec!["TA1:022"]),
            (format!("{ISA}{ST}{se}IEA*0*000000001~"), vec!["TA1:022"]),
            (format!("{ISA}{GS}{ST}{se}GE*1*7~GE*1*7~IEA*1*000000001~"), vec!["TA1:022"]),
            (format!("{ISA}{GS}{ST}{se}GE*1*7~{ST}{se}IEA*1*000000001~"), vec!["TA1:022"]),
            (format!("{ISA}{GS}{ST}{se}GE*1*8~IEA*1*000000001~"), vec!["AK905:4"]),
            (format!("{ISA}{GS}{ST}{se}GE*2*7~IEA*1*000000001~"), vec!["AK905:5"]),
            (format!("{ISA}{GS}{ST}GE*1*7~IEA*1*000000001~"), vec!["IK502:2"]),
            (format!("{ISA}{GS}{ST}SE*3*0002~GE*1*7~IEA*1*000000001~"), vec!["IK502:3"]),
            (format!("{ISA}{GS}{ST}SE*4*0001~GE*1*7~IEA*1*000000001~"), vec!["IK502:4"]),
            (format!("{ISA}{GS}{ST}{se}{ST}{se}GE*2*7~IEA*1*000000001~"), vec!["IK502:7"]),
            (format!("{ISA}{}{ST}{se}GE*1*7~IEA*1*000000001~", GS.replace("X222A1", "X298")), vec!["AK905:2"]),
            (format!("{ISA}{}{ST}{se}GE*1*A7~IEA*1*000000001~", GS.replace("*7*", "*A7*")), vec!["AK905:6"]),
            (
                format!("{ISA}{}{ST}{se}GE*1*1234567890~IEA*1*000000001~", GS.replace("*7*", "*1234567890*")),
                vec!["AK905:6"],
            ),
            (format!("{ISA}{GS}{ST}{se}GE*1*7~{ISA}IEA*0*000000001~"), vec!["TA1:023"]),
            (format!("{}{GS}{ST}{se}GE*1*7~IEA*1*000000001~", ISA.replace("00501", "00401")), vec!["TA1:017"]),
        ] {
            assert_eq!(codes(&text).0, expected, "{text}");
        }
    }

    #[test]
    fn what_is_open_at_the_end_is_closed() {
        assert_eq!(
            codes(&format!("{ISA}{GS}{ST}")),
            (vec!["IK502:2".into(), "AK905:3".into(), "TA1:023".into()], [1, 1, 1])
        );
    }
}
