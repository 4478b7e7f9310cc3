//! TA1: what became of a received interchange (DOMAIN G2).

use compact_str::CompactString;

use crate::ids::ControlNumber;
use crate::x12::outgoing::{Envelope, interchange_without_group, simple};
use crate::x12::segment::Segment;

/// ISA09, ISA10 and ISA13 of the received interchange, as received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedInterchange {
    pub control_number: ControlNumber,
    pub date: CompactString,
    pub time: CompactString,
}

/// TA104, with the note code of TA105 (000–031) where there is something to note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InterchangeVerdict {
    Accepted,
    AcceptedWithErrors(u16),
    Rejected(u16),
}

impl InterchangeVerdict {
    fn code(self) -> &'static str {
        match self {
            InterchangeVerdict::Accepted => "A",
            InterchangeVerdict::AcceptedWithErrors(_) => "E",
            InterchangeVerdict::Rejected(_) => "R",
        }
    }

    fn note(self) -> u16 {
        match self {
            InterchangeVerdict::Accepted => 0,
            InterchangeVerdict::AcceptedWithErrors(note) | InterchangeVerdict::Rejected(note) => note,
        }
    }
}

/// A TA1 that answers an interchange of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnsweredInterchange {
    /// TA101, our ISA13.
    pub control_number: u32,
    pub verdict: InterchangeVerdict,
}

/// What a TA1 says; `None` where it says nothing that can be read.
pub fn read(segment: &Segment<'_>) -> Option<AnsweredInterchange> {
    let number = |element: usize, longest: usize| {
        let text = segment.element(element);
        let is_number = (1..=longest).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
        std::str::from_utf8(text).ok().filter(|_| is_number)?.parse::<u32>().ok()
    };
    let note = u16::try_from(number(5, 3)?).ok()?;
    let verdict = match segment.element(4) {
        b"A" => InterchangeVerdict::Accepted,
        b"E" => InterchangeVerdict::AcceptedWithErrors(note),
        b"R" => InterchangeVerdict::Rejected(note),
        _ => return None,
    };
    Some(AnsweredInterchange {
        control_number: number(1, 9)?,
        verdict,
    })
}

/// An interchange with one TA1.
pub fn render(envelope: &Envelope, received: &ReceivedInterchange, verdict: InterchangeVerdict) -> Vec<u8> {
    interchange_without_group(
        envelope,
        &[
            "TA1",
            &simple(received.control_number.as_str()),
            &simple(&received.date),
            &simple(&received.time),
            verdict.code(),
            &format!("{:03}", verdict.note()),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::x12::outgoing::tests::envelope;
    use crate::x12::tokenizer::for_each_segment;

    fn read_back(bytes: &[u8]) -> Option<AnsweredInterchange> {
        let mut answers = Vec::new();
        for_each_segment(bytes, usize::MAX, |segment| {
            if segment.is("TA1") {
                answers.push(read(segment));
            }
        })
        .unwrap();
        assert_eq!(answers.len(), 1);
        answers.pop()?
    }

    #[test]
    fn each_verdict_has_its_code_and_note() {
        let received = ReceivedInterchange {
            control_number: ControlNumber::new("000000905"),
            date: "260116".into(),
            time: "0930".into(),
        };
        for (verdict, expected) in [
            (InterchangeVerdict::Accepted, "TA1*000000905*260116*0930*A*000~"),
            (InterchangeVerdict::AcceptedWithErrors(18), "TA1*000000905*260116*0930*E*018~"),
            (InterchangeVerdict::Rejected(25), "TA1*000000905*260116*0930*R*025~"),
        ] {
            let bytes = render(&envelope(), &received, verdict);
            let answer = AnsweredInterchange { control_number: 905, verdict };
            assert_eq!(read_back(&bytes), Some(answer));
            let text = String::from_utf8(bytes).unwrap();
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines.get(1..), Some(&[expected, "IEA*0*000000001~"][..]));
        }
    }

    #[test]
    fn what_says_nothing_is_no_answer() {
        let received = ReceivedInterchange {
            control_number: ControlNumber::new("000000905"),
            date: "260116".into(),
            time: "0930".into(),
        };
        let good = String::from_utf8(render(&envelope(), &received, InterchangeVerdict::Accepted)).unwrap();
        for ta1 in [
            "TA1",
            "TA1*x*260116*0930*A*000",
            "TA1*1234567890*260116*0930*A*000",
            "TA1*905*260116*0930*Q*000",
            "TA1*905*260116*0930*A*-1",
        ] {
            let text = good.replace("TA1*000000905*260116*0930*A*000", ta1);
            assert_ne!(text, good);
            assert_eq!(read_back(text.as_bytes()), None, "{ta1}");
        }
    }
}
