//! TA1: what became of a received interchange (DOMAIN G2).

use compact_str::CompactString;

use crate::ids::ControlNumber;
use crate::x12::outgoing::{Envelope, interchange_without_group, simple};

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
            let text = String::from_utf8(render(&envelope(), &received, verdict)).unwrap();
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines.get(1..), Some(&[expected, "IEA*0*000000001~"][..]));
        }
    }
}
