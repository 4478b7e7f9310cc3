//! What a file was answered, read again from the ledger: its acknowledgements as they stand under
//! `outbound/`, and the decisions of its claims as their events have them. The same for the first time it
//! came and for every later one.

use std::io::{self, Write};

use super::answer_writer::{AnswerError, write_acknowledgement};
use crate::config::Config;
use crate::events::cloudevent::{Topic, render};
use crate::events::fact::{AckBuilt, AckKind, ClaimCounts, Fact, RejectReason};
use crate::ids::{FileDigest, PartnerId};
use crate::ledger::sqlite::SqliteLedger;
use crate::ledger::{FileState, Ledger};
use crate::limits;

/// Facts read at once.
const FACTS_AT_ONCE: usize = 256;

/// The answer to a file that is closed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileAnswer {
    /// `None`: at least one set of it was read.
    pub rejected: Option<RejectReason>,
    pub counts: ClaimCounts,
    pub acknowledgements: Vec<AckText>,
    /// Beyond the limit.
    pub acknowledgements_left_out: u64,
    /// The values of the decision events, in the order of the file's claims; none where there are too many.
    pub decisions: Vec<Vec<u8>>,
    pub decisions_left_out: u64,
}

/// One acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AckText {
    pub kind: AckKind,
    /// Our ISA13; names the file under `outbound/`.
    pub control_number: u32,
    /// X12.
    pub content: String,
}

/// What the ledger has of a file for a partner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Looked {
    Answer(Box<FileAnswer>),
    /// It came from another partner first, whose answers they are.
    OtherPartner,
    /// Unknown, or not every claim of it has its outcome.
    NotYet,
}

/// Reads the answer to a file, with at most [`limits::DOOR_DECISIONS_MAX`] decisions.
///
/// # Errors
/// [`AnswerError`].
pub fn answer_of(ledger: &SqliteLedger, config: &Config, file: &FileDigest, partner: &PartnerId) -> Result<Looked, AnswerError> {
    let row = match ledger.file_row(file)? {
        Some(row) if row.partner != *partner => return Ok(Looked::OtherPartner),
        Some(row) if row.state != FileState::Open => row,
        Some(_) | None => return Ok(Looked::NotYet),
    };
    let mut answer = FileAnswer {
        counts: row.progress.counts,
        ..FileAnswer::default()
    };
    let mut from = row.progress.first_seq;
    // A ledger from before files without claims had a place in the journal does not know where to look.
    'journal: while from > 0 {
        let facts = ledger.facts(from, FACTS_AT_ONCE)?;
        let Some((last, _)) = facts.last() else { break };
        from = last + 1;
        for (_, fact) in &facts {
            match fact {
                Fact::ClaimRejected(_) | Fact::ClaimAdjudicated(_) if fact.claim_source().is_some_and(|source| source.file == *file) => {
                    answer.add_decision(fact);
                }
                Fact::AckBuilt(ack) if ack.file == *file => answer.add_acknowledgement(ledger, config, ack)?,
                Fact::FileRejected(rejected) if rejected.file == *file => answer.rejected = Some(rejected.reason),
                Fact::FileCompleted(completed) if completed.file == *file => break 'journal,
                Fact::FileReceived(_)
                | Fact::FileDuplicate(_)
                | Fact::FileRejected(_)
                | Fact::FileCompleted(_)
                | Fact::AckBuilt(_)
                | Fact::ClaimRejected(_)
                | Fact::ClaimAdjudicated(_)
                | Fact::RemitBuilt(_)
                | Fact::ClaimReversed(_)
                | Fact::RemitDelivered(_)
                | Fact::RemitSent(_)
                | Fact::RemitAcknowledged(_)
                | Fact::DeadLettered(_)
                | Fact::Redriven(_) => {
                    // Between its claims there may be others'; behind its rejection stand its answers alone.
                    if answer.rejected.is_some() {
                        break 'journal;
                    }
                }
            }
        }
    }
    Ok(Looked::Answer(Box::new(answer)))
}

impl FileAnswer {
    fn add_decision(&mut self, fact: &Fact) {
        if self.decisions_left_out > 0 || self.decisions.len() == limits::DOOR_DECISIONS_MAX {
            // Some of them would pass for all.
            self.decisions_left_out += 1 + self.decisions.len() as u64;
            self.decisions = Vec::new();
            return;
        }
        let decision = render(fact).into_iter().find(|event| event.topic == Topic::Decisions);
        self.decisions.extend(decision.map(|event| event.value));
    }

    fn add_acknowledgement(&mut self, ledger: &SqliteLedger, config: &Config, ack: &AckBuilt) -> Result<(), AnswerError> {
        let used: usize = self.acknowledgements.iter().map(|ack| ack.content.len()).sum();
        let mut text = Bounded {
            bytes: Vec::new(),
            left: limits::DOOR_ACKNOWLEDGEMENT_BYTES_MAX.saturating_sub(used),
            is_full: false,
        };
        match write_acknowledgement(ledger, config, ack, &mut text) {
            Ok(()) => self.acknowledgements.push(AckText {
                kind: ack.kind(),
                control_number: ack.control_number,
                content: String::from_utf8_lossy(&text.bytes).into_owned(),
            }),
            // One that would be wrong is put aside when it is to be released.
            Err(error) if text.is_full || error.is_about_the_answer() => self.acknowledgements_left_out += 1,
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Takes bytes up to a bound, and fails beyond it.
struct Bounded {
    bytes: Vec<u8>,
    left: usize,
    is_full: bool,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.left.checked_sub(bytes.len()) {
            Some(left) => {
                self.left = left;
                self.bytes.extend_from_slice(bytes);
                Ok(bytes.len())
            }
            None => {
                self.is_full = true;
                Err(io::ErrorKind::FileTooLarge.into())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::delivery::event_log;
    use crate::pipeline::house::{House, Opening};
    use crate::pipeline::seen::Seen;
    use crate::pipeline::{inbound, outbound};

    const PROFESSIONAL: &[u8] = include_bytes!("../../fixtures/valid/837p--dependent-drug-and-other-payer.x12");

    fn house(directory: &std::path::Path) -> House {
        let mut config = Config::parse("test", "", std::iter::empty()).unwrap();
        config.service.data_dir = directory.to_path_buf();
        House::open(config, Opening::MayCreate).unwrap()
    }

    #[test]
    fn an_answer_is_what_left_and_stays_so() {
        let directory = tempfile::tempdir().unwrap();
        let mut house = house(directory.path());
        let seen = Seen::load(&house).unwrap();
        let files: [&[u8]; 3] = [PROFESSIONAL, b"no X12 at all", &PROFESSIONAL[..PROFESSIONAL.len() - 30]];
        let mut received = Vec::new();
        // Each twice: the second time changes nothing.
        for bytes in files.iter().chain(&files) {
            let report = inbound::ingest(&mut house, &seen, &mut { *bytes }, None, Timestamp::now(), &|_, _| {}).unwrap();
            received.push((crate::intake::archive::digest_of(&mut { *bytes }).unwrap(), report));
        }
        let delivery = outbound::deliver(&mut house, &|_, _| {}).unwrap();
        let (default, other) = (PartnerId::new("default"), PartnerId::new("other"));
        let looked = |digest, partner| answer_of(&house.ledger, &house.config, digest, partner).unwrap();
        let answer = |digest| match looked(digest, &default) {
            Looked::Answer(answer) => *answer,
            other => panic!("{other:?}"),
        };
        let mut acknowledgements = 0;
        for (place, (digest, report)) in received.iter().take(3).enumerate() {
            let answer = answer(digest);
            assert_eq!((answer.counts, answer.rejected), (report.counts, report.rejected), "file {place}");
            for ack in &answer.acknowledgements {
                let name = format!("default/{:09}.{}", ack.control_number, ack.kind.as_str());
                assert_eq!(std::fs::read_to_string(house.directory.outbound().join(name)).unwrap(), ack.content);
            }
            acknowledgements += answer.acknowledgements.len() as u64;
            assert_eq!(looked(digest, &other), Looked::OtherPartner);
        }
        assert_eq!(acknowledgements, delivery.acknowledgements);
        let told = std::fs::read_to_string(event_log::path(&house.directory.events(), "decisions")).unwrap();
        let told: Vec<serde_json::Value> = told
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["value"].take())
            .collect();
        let answered: Vec<serde_json::Value> = (answer(&received[0].0).decisions.iter())
            .map(|value| serde_json::from_slice(value).unwrap())
            .collect();
        assert!(!answered.is_empty() && told == answered);
        let unknown = crate::intake::archive::digest_of(&mut &b"never seen"[..]).unwrap();
        assert_eq!(looked(&unknown, &default), Looked::NotYet);
    }

    #[test]
    fn too_many_decisions_are_counted_and_too_long_acknowledgements_too() {
        let directory = tempfile::tempdir().unwrap();
        let mut house = house(directory.path());
        let seen = Seen::load(&house).unwrap();
        let report = inbound::ingest(&mut house, &seen, &mut { PROFESSIONAL }, None, Timestamp::now(), &|_, _| {}).unwrap();
        let first = house.ledger.files().unwrap()[0].progress.first_seq;
        let fact = house.ledger.fact(first).unwrap();
        let mut answer = FileAnswer::default();
        let many = limits::DOOR_DECISIONS_MAX as u64;
        (0..many).for_each(|_| answer.add_decision(&fact));
        assert_eq!((answer.decisions.len() as u64, answer.decisions_left_out), (many, 0));
        answer.add_decision(&fact);
        answer.add_decision(&fact);
        assert_eq!((answer.decisions.len(), answer.decisions_left_out), (0, many + 2));
        let ack = match house.ledger.fact(first + report.counts.received).unwrap() {
            Fact::AckBuilt(ack) => ack,
            other => panic!("{other:?}"),
        };
        answer.acknowledgements = vec![AckText {
            kind: AckKind::Ta1,
            control_number: 1,
            content: " ".repeat(limits::DOOR_ACKNOWLEDGEMENT_BYTES_MAX - 10),
        }];
        answer.add_acknowledgement(&house.ledger, &house.config, &ack).unwrap();
        assert_eq!((answer.acknowledgements.len(), answer.acknowledgements_left_out), (1, 1));
    }
}
