//! The envelope of what we send: ISA, GS, ST and their trailers around one kind of answer.
//!
//! An [`OutgoingInterchange`] hands out its bytes piece by piece, so an answer about a million claims
//! never sits in memory. It reads no clock and draws no number: both come in with the [`Envelope`].

use std::borrow::Cow;
use std::fmt;

use chrono::DateTime;
use chrono_tz::Tz;

use super::writer::SegmentWriter;
use crate::clock::Timestamp;
pub use crate::config::{InterchangeParty, Usage};

/// One more than the largest control number that fits nine digits.
const CONTROL_NUMBERS: u32 = 1_000_000_000;

/// Who sends and receives, under which numbers, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    pub sender: InterchangeParty,
    pub receiver: InterchangeParty,
    /// ISA13, at most nine digits.
    pub interchange_control: u32,
    /// GS06, at most nine digits.
    pub group_control: u32,
    pub usage: Usage,
    pub created_at: Timestamp,
    /// The payer's time zone, in which ISA09/10 and GS04/05 are written.
    pub zone: Tz,
}

impl Envelope {
    /// The creation instant as the payer's clock shows it.
    pub fn created(&self) -> DateTime<Tz> {
        self.created_at.utc().with_timezone(&self.zone)
    }
}

/// The kinds of transaction set that we send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guide {
    /// 999, 005010X231A1.
    Acknowledgement,
    /// 277CA, 005010X214.
    ClaimStatus,
    /// 835, 005010X221A1.
    Remittance,
}

impl Guide {
    /// GS01.
    fn group_id(self) -> &'static str {
        match self {
            Guide::Acknowledgement => "FA",
            Guide::ClaimStatus => "HN",
            Guide::Remittance => "HP",
        }
    }

    /// ST01.
    fn set_id(self) -> &'static str {
        match self {
            Guide::Acknowledgement => "999",
            Guide::ClaimStatus => "277",
            Guide::Remittance => "835",
        }
    }

    /// GS08.
    fn version(self) -> &'static str {
        match self {
            Guide::Acknowledgement => "005010X231A1",
            Guide::ClaimStatus => "005010X214",
            Guide::Remittance => "005010X221A1",
        }
    }

    /// ST03; the 835 guide does not use it (DOMAIN F1).
    fn set_version(self) -> &'static str {
        match self {
            Guide::Acknowledgement | Guide::ClaimStatus => self.version(),
            Guide::Remittance => "",
        }
    }
}

/// An interchange with one functional group, being written. Each segment stands on its own line.
#[derive(Debug)]
pub struct OutgoingInterchange {
    writer: SegmentWriter,
    guide: Guide,
    interchange_control: String,
    group_control: String,
    sets: u32,
}

impl OutgoingInterchange {
    /// Writes ISA and GS.
    pub fn open(envelope: &Envelope, guide: Guide) -> OutgoingInterchange {
        let mut interchange = OutgoingInterchange {
            writer: SegmentWriter::default(),
            guide,
            interchange_control: control_nine(envelope.interchange_control),
            group_control: (envelope.group_control % CONTROL_NUMBERS).to_string(),
            sets: 0,
        };
        write_isa(&mut interchange.writer, envelope);
        let created = envelope.created();
        interchange.segment(&[
            "GS",
            guide.group_id(),
            envelope.sender.id(),
            envelope.receiver.id(),
            &created.format("%Y%m%d").to_string(),
            &created.format("%H%M").to_string(),
            &interchange.group_control.clone(),
            "X",
            guide.version(),
        ]);
        interchange
    }

    /// Writes ST; sets are numbered from `0001`.
    pub fn begin_set(&mut self) {
        self.sets += 1;
        self.writer.restart_count();
        self.segment(&["ST", self.guide.set_id(), &set_control(self.sets), self.guide.set_version()]);
    }

    /// One segment by our own writer. Composites come from [`OutgoingInterchange::composite`], free text
    /// through [`simple`].
    pub fn segment(&mut self, elements: &[&str]) {
        self.writer.segment(elements);
        self.writer.line_end();
    }

    /// Segments or loops as x12-types renders them.
    pub fn rendered(&mut self, segments: &impl fmt::Display) {
        self.writer.rendered(segments);
    }

    pub fn composite(&self, components: &[&str]) -> String {
        self.writer.composite(components)
    }

    /// Writes SE with the count of the set's segments, ST and SE included.
    pub fn end_set(&mut self) {
        let count = (self.writer.count() + 1).to_string();
        self.segment(&["SE", &count, &set_control(self.sets)]);
    }

    /// Hands out the bytes written since the last call.
    pub fn take(&mut self) -> Vec<u8> {
        self.writer.take()
    }

    /// Writes GE and IEA and hands out the last bytes.
    pub fn close(mut self) -> Vec<u8> {
        let (sets, group, interchange) = (self.sets.to_string(), self.group_control.clone(), self.interchange_control.clone());
        self.segment(&["GE", &sets, &group]);
        self.segment(&["IEA", "1", &interchange]);
        self.take()
    }
}

/// An interchange that holds only a TA1 (no functional group).
pub fn interchange_without_group(envelope: &Envelope, ta1: &[&str]) -> Vec<u8> {
    let mut writer = SegmentWriter::default();
    write_isa(&mut writer, envelope);
    writer.segment(ta1).line_end();
    writer.segment(&["IEA", "0", &control_nine(envelope.interchange_control)]).line_end();
    writer.take()
}

/// A received value as one simple element of ours: separators, control bytes and characters outside
/// ASCII become blanks, outer blanks go.
pub fn simple(value: &str) -> Cow<'_, str> {
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'*' | b':' | b'^' | b'~');
    let trimmed = value.trim_matches(' ');
    if trimmed.bytes().all(plain) {
        return Cow::Borrowed(trimmed);
    }
    let blank = |character: char| if u8::try_from(character).is_ok_and(plain) { character } else { ' ' };
    let replaced: String = trimmed.chars().map(blank).collect();
    Cow::Owned(replaced.trim_matches(' ').to_owned())
}

fn write_isa(writer: &mut SegmentWriter, envelope: &Envelope) {
    let created = envelope.created();
    let blank = " ".repeat(10);
    writer
        .segment(&[
            "ISA",
            "00",
            &blank,
            "00",
            &blank,
            envelope.sender.qualifier(),
            &format!("{:<15}", envelope.sender.id()),
            envelope.receiver.qualifier(),
            &format!("{:<15}", envelope.receiver.id()),
            &created.format("%y%m%d").to_string(),
            &created.format("%H%M").to_string(),
            "^",
            "00501",
            &control_nine(envelope.interchange_control),
            "0",
            envelope.usage.as_str(),
            ":",
        ])
        .line_end();
}

fn control_nine(number: u32) -> String {
    format!("{:09}", number % CONTROL_NUMBERS)
}

fn set_control(number: u32) -> String {
    format!("{number:04}")
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::x12::tokenizer::for_each_segment;

    /// `ZZ:CALOP` to `ZZ:330897513`, numbers 1 and 1, created 2026-02-19 09:30 Pacific.
    pub fn envelope() -> Envelope {
        Envelope {
            sender: "ZZ:CALOP".parse().unwrap(),
            receiver: "ZZ:330897513".parse().unwrap(),
            interchange_control: 1,
            group_control: 1,
            usage: Usage::Test,
            created_at: Timestamp::parse_rfc3339("2026-02-19T09:30:00-08:00").unwrap(),
            zone: chrono_tz::America::Los_Angeles,
        }
    }

    #[test]
    fn an_envelope_counts_its_sets_and_segments() {
        let mut interchange = OutgoingInterchange::open(&envelope(), Guide::ClaimStatus);
        for _ in 0..2 {
            interchange.begin_set();
            interchange.segment(&["BHT", "0085"]);
            interchange.rendered(&"TRN*1*0~\nLX*1~\n");
            interchange.end_set();
        }
        let mut bytes = interchange.take();
        bytes.extend(interchange.close());
        let mut read = Vec::new();
        for_each_segment(&bytes, 50, |segment| read.push(String::from_utf8_lossy(segment.bytes).into_owned())).unwrap();
        assert_eq!(
            read.join("~"),
            "ISA*00*          *00*          *ZZ*CALOP          *ZZ*330897513      *260219*0930*^*00501*000000001*0*T*:~\
             GS*HN*CALOP*330897513*20260219*0930*1*X*005010X214~\
             ST*277*0001*005010X214~BHT*0085~TRN*1*0~LX*1~SE*5*0001~\
             ST*277*0002*005010X214~BHT*0085~TRN*1*0~LX*1~SE*5*0002~\
             GE*2*1~IEA*1*000000001"
        );
    }

    #[test]
    fn received_text_cannot_break_the_frame() {
        for (received, written) in [
            ("ANA", "ANA"),
            (" A*B:C^D~E ", "A B C D E"),
            ("MU\u{d1}OZ", "MU OZ"),
            ("A\nB", "A B"),
            ("~", ""),
        ] {
            assert_eq!(simple(received), written);
        }
    }
}
