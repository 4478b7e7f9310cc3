//! What leaves: the journal, in order, as events, acknowledgements and 835s.
//!
//! Files and events have a position each. One pass per round: the round's events are published as one
//! step, its files released, and then the positions move in the ledger together with the facts that the
//! round itself made (a remittance was delivered, a unit was put aside). A crash in between repeats the
//! round to the same bytes; what Kafka has already is known from its own record of the position. Events
//! that can't leave now do not hold up the files.

use std::io::Write;

use super::answer_writer::{AnswerError, write_acknowledgement, write_remittance};
use super::house::House;
use super::outgoing::outgoing_events;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::delivery::event_log::{self, EventLog};
use crate::delivery::files::{OutboundFiles, Staged, release};
use crate::delivery::kafka::KafkaSink;
use crate::delivery::sink::{Appended, EventSink, SinkError};
use crate::delivery::{FILES_DELIVERY, kafka};
use crate::events::fact::{DeadLettered, DeadReason, DeadUnit, Fact, RemitDelivered};
use crate::ledger::{Batch, DeadLetterRow, Delivered, Ledger, LedgerError, Seq, reach};
use crate::limits;

/// Facts of one round, at most; fewer where fewer claims may be in memory.
const ROUND: usize = 2_048;

/// What left in one call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivery {
    pub events: u64,
    pub acknowledgements: u64,
    pub remittances: u64,
    /// Units that were put aside, and those of them that would have been wrong.
    pub dead_letters: u64,
    pub unbalanced: u64,
}

/// Why delivery stopped. What was recorded stays delivered; the rest waits.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    #[error("{waiting} journal entries wait in the outbox, nothing is lost; they leave with the next `claimstream ingest`{}", source.hint())]
    Events { waiting: u64, source: SinkError },
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("an outbound file was not released")]
    Answer(#[from] AnswerError),
}

impl OutboundError {
    /// What is stored contradicts itself (exit 5), as against I/O trouble (exit 1).
    pub fn is_integrity_failure(&self) -> bool {
        match self {
            OutboundError::Ledger(error) | OutboundError::Answer(AnswerError::Ledger(error)) => error.is_integrity_failure(),
            OutboundError::Answer(answer) => answer.is_about_the_answer(),
            OutboundError::Events { .. } => false,
        }
    }
}

/// Delivers everything that the journal has and the outside has not. `progress` is told the position
/// and the end.
///
/// # Errors
/// [`OutboundError`].
pub fn deliver(house: &mut House, progress: &dyn Fn(Seq, Seq)) -> Result<Delivery, OutboundError> {
    let mut total = Delivery::default();
    let mut files = house.ledger.delivered(FILES_DELIVERY)?.unwrap_or_default();
    let mut events = Events::open(house)?;
    let round = house.config.limits.inflight_claims.min(ROUND);
    loop {
        let position = events.position().map_or(files.seq, |position| position.min(files.seq));
        let facts = house.ledger.facts(position + 1, round)?;
        let Some((last, _)) = facts.last() else { break };
        let last = *last;
        let mut batch = Batch::default();
        if let Some(recorded) = events.publish(house, &facts, &mut total)? {
            batch.delivered.push((events.delivery.clone(), recorded));
        }
        if last > files.seq {
            let new: Vec<&(Seq, Fact)> = facts.iter().filter(|(seq, _)| *seq > files.seq).collect();
            batch.facts = publish_files(house, &new, &mut total)?;
            files.seq = last;
            batch.delivered.push((FILES_DELIVERY.to_string(), files.clone()));
        }
        reach("outbound::round::before-position")?;
        house.ledger.append(&batch)?;
        reach("outbound::round::after-position")?;
        progress(last, house.ledger.last_seq()?);
    }
    events.finish(house)?;
    Ok(total)
}

/// Journal entries that have not left in full, as the ledger knows.
///
/// # Errors
/// [`LedgerError`].
pub fn lag(house: &House) -> Result<u64, LedgerError> {
    let files = house.ledger.delivered(FILES_DELIVERY)?.unwrap_or_default().seq;
    let events = house.ledger.delivered(&events_delivery(&house.config))?.unwrap_or_default().seq;
    Ok(house.ledger.last_seq()?.saturating_sub(files.min(events)))
}

/// The name under which the ledger keeps the position of events.
pub fn events_delivery(config: &Config) -> String {
    match &config.kafka {
        None => event_log::DELIVERY.to_string(),
        Some(kafka) => kafka::delivery_name(kafka),
    }
}

/// The way of the events, for as long as it is open.
struct Events {
    delivery: String,
    sink: Result<Box<dyn EventSink>, SinkError>,
}

impl Events {
    fn open(house: &House) -> Result<Events, LedgerError> {
        let delivery = events_delivery(&house.config);
        let recorded = house.ledger.delivered(&delivery)?;
        let sink: Result<Box<dyn EventSink>, SinkError> = match &house.config.kafka {
            None => match EventLog::open(&house.directory.events(), &recorded.unwrap_or_default()) {
                Ok(log) => Ok(Box::new(log)),
                Err(error) => Err(error.into()),
            },
            Some(kafka) => match KafkaSink::open(kafka, &house.ledger, recorded.as_ref()) {
                Ok(sink) => Ok(Box::new(sink)),
                Err(error) => Err(error.into()),
            },
        };
        Ok(Events { delivery, sink })
    }

    fn position(&self) -> Option<Seq> {
        self.sink.as_ref().ok().map(|sink| sink.position())
    }

    /// Publishes what of these facts has not left; what the ledger is to record when something has.
    fn publish(&mut self, house: &mut House, facts: &[(Seq, Fact)], total: &mut Delivery) -> Result<Option<Delivered>, OutboundError> {
        let Ok(sink) = &mut self.sink else { return Ok(None) };
        let new = facts.partition_point(|(seq, _)| *seq <= sink.position());
        let Some(facts @ [.., (last, _)]) = facts.get(new..) else { return Ok(None) };
        let letters = house.ledger.dead_letters()?;
        let events = outgoing_events(&house.ledger, facts, &letters)?;
        let through = house.ledger.outbox_mark(*last)?.ok_or(LedgerError::Inconsistent {
            what: "a journal position without fact",
        })?;
        match sink.append(&events, &through) {
            Ok(Appended::Whole(recorded)) => {
                total.events += events.len() as u64;
                Ok(Some(recorded))
            }
            Ok(Appended::Unsure) => Ok(None),
            Ok(Appended::Refused(refused)) => {
                // Known before anything behind them leaves: a crash must not forget them.
                let facts = refused.iter().filter_map(|refused| {
                    let (seq, place) = events.get(refused.place)?.origin;
                    Some(dead_letter(seq, DeadUnit::Event(place), DeadReason::Refused, &refused.reason, &letters))
                });
                let batch = Batch {
                    facts: facts.collect(),
                    ..Batch::default()
                };
                total.dead_letters += batch.facts.len() as u64;
                house.ledger.append(&batch)?;
                Ok(None)
            }
            Err(error) => {
                self.sink = Err(error);
                Ok(None)
            }
        }
    }

    fn finish(self, house: &House) -> Result<(), OutboundError> {
        match self.sink {
            Ok(_) => Ok(()),
            Err(source) => {
                let left = house.ledger.delivered(&self.delivery)?.unwrap_or_default().seq;
                let waiting = house.ledger.last_seq()?.saturating_sub(left);
                Err(OutboundError::Events { waiting, source })
            }
        }
    }
}

fn dead_letter(seq: Seq, unit: DeadUnit, reason: DeadReason, detail: &str, before: &[DeadLetterRow]) -> Fact {
    let attempts = before.iter().filter(|row| (row.seq, row.unit) == (seq, unit)).count() + 1;
    Fact::DeadLettered(Box::new(DeadLettered {
        seq,
        unit,
        reason,
        detail: detail.into(),
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        parked_at: Timestamp::now(),
    }))
}

/// Publishes the acknowledgements and 835s among the facts; returns the facts this makes. An answer that
/// would be wrong is put aside, and the others go on.
fn publish_files(house: &House, facts: &[&(Seq, Fact)], total: &mut Delivery) -> Result<Vec<Fact>, OutboundError> {
    let letters = house.ledger.dead_letters()?;
    let (mut made, mut staged) = (Vec::new(), Vec::new());
    for (seq, fact) in facts {
        if staged.len() >= limits::FILES_RELEASED_AT_ONCE {
            release(std::mem::take(&mut staged)).map_err(AnswerError::Io)?;
        }
        let (origin, redriven);
        let (seq, fact) = match fact {
            Fact::Redriven(again) => match house.ledger.fact(again.letter)? {
                Fact::DeadLettered(letter) if letter.unit == DeadUnit::Answer => {
                    (origin, redriven) = (letter.seq, house.ledger.fact(letter.seq)?);
                    (&origin, &redriven)
                }
                _ => continue,
            },
            fact => (seq, fact),
        };
        match stage_answer(house, fact) {
            Ok(None) => {}
            Ok(Some(file)) => {
                staged.push(file);
                count_answer(fact, total, &mut made);
            }
            Err(error) if error.is_about_the_answer() => {
                let reason = error.dead_reason();
                total.dead_letters += 1;
                total.unbalanced += u64::from(reason == DeadReason::Unbalanced);
                made.push(dead_letter(*seq, DeadUnit::Answer, reason, &error.to_string(), &letters));
            }
            Err(error) => return Err(error.into()),
        }
    }
    release(staged).map_err(AnswerError::Io)?;
    Ok(made)
}

/// Renders the answer of a fact, where it has one, ready to be released.
fn stage_answer(house: &House, fact: &Fact) -> Result<Option<Staged>, AnswerError> {
    let files = OutboundFiles::new(house.directory.outbound(), house.config.phi.seal_outbound.then_some(&house.keys));
    match fact {
        Fact::AckBuilt(ack) => {
            let name = ack.file_name();
            let write = |out: &mut dyn Write| write_acknowledgement(&house.ledger, &house.config, ack, out);
            files.stage(&[ack.partner.as_str(), &name], write).map(Some)
        }
        Fact::RemitBuilt(remit) => {
            let name = remit.file_name();
            let write = |out: &mut dyn Write| write_remittance(&house.ledger, &house.config, remit, out);
            files.stage(&["835", remit.payee_npi.as_str(), &name], write).map(Some)
        }
        Fact::FileReceived(_)
        | Fact::FileDuplicate(_)
        | Fact::FileRejected(_)
        | Fact::FileCompleted(_)
        | Fact::ClaimRejected(_)
        | Fact::ClaimAdjudicated(_)
        | Fact::RemitDelivered(_)
        | Fact::DeadLettered(_)
        | Fact::Redriven(_) => Ok(None),
    }
}

fn count_answer(fact: &Fact, total: &mut Delivery, made: &mut Vec<Fact>) {
    if let Fact::RemitBuilt(remit) = fact {
        total.remittances += 1;
        made.push(Fact::RemitDelivered(RemitDelivered {
            trace: remit.trace.clone(),
            payee_npi: remit.payee_npi,
            delivered_at: Timestamp::now(),
        }));
    } else {
        total.acknowledgements += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::events::fact::{Redriven, RemitBuilt};
    use crate::ids::{Npi, TraceNumber};
    use crate::money::Money;
    use crate::pipeline::dead_letters::{self, Selection};
    use crate::pipeline::house::Opening;

    fn remittance(trace: &str, paid: Money) -> Fact {
        Fact::RemitBuilt(Box::new(RemitBuilt {
            trace: TraceNumber::new(trace),
            control_number: 1,
            payee_npi: Npi::parse(b"1234567893").unwrap(),
            payee_tin: None,
            payee_name: "PAYEE".into(),
            payee_bank: None,
            pay_date: chrono::NaiveDate::from_ymd_opt(2026, 2, 20).unwrap(),
            built_at: Timestamp::from_unix_seconds(1_790_000_000),
            claims: Vec::new(),
            charge: Money::ZERO,
            paid,
            interest: Money::ZERO,
        }))
    }

    fn lines(house: &House, topic: &str) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(event_log::path(&house.directory.events(), topic)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn an_answer_that_would_be_wrong_is_put_aside_and_those_behind_it_leave() {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config::parse("test", "", std::iter::empty()).unwrap();
        config.service.data_dir = directory.path().to_path_buf();
        let mut house = House::open(config, Opening::MayCreate).unwrap();
        let batch = |facts| Batch { facts, ..Batch::default() };
        let wrong = house
            .ledger
            .append(&batch(vec![remittance("CS1", Money::from_cents(500)), remittance("CS2", Money::ZERO)]))
            .unwrap();

        let delivery = deliver(&mut house, &|_, _| {}).unwrap();
        assert_eq!((delivery.remittances, delivery.dead_letters, delivery.unbalanced), (1, 1, 1));
        let outbound = house.directory.outbound().join("835/1234567893");
        assert!(outbound.join("CS2.835").exists() && !outbound.join("CS1.835").exists());
        assert_eq!(lag(&house).unwrap(), 0);

        let (built, letters) = (lines(&house, "remits"), lines(&house, "dlq"));
        assert_eq!((built.len(), letters.len()), (3, 1), "two built, one delivered");
        assert_eq!((&letters[0]["key"], &letters[0]["value"]), (&built[0]["key"], &built[0]["value"]));
        assert_eq!(letters[0]["headers"]["ce_id"], built[0]["headers"]["ce_id"]);
        assert_eq!(letters[0]["headers"]["dlq-reason"], "unbalanced");
        assert_eq!(letters[0]["headers"]["dlq-location"], format!("journal/{wrong}"));

        // Sent again it is as wrong as before; what was sent again is not open any more.
        let open = dead_letters::select(&house.ledger, &Selection::default(), 10).unwrap();
        dead_letters::redrive(&mut house.ledger, &open).unwrap();
        assert_eq!(deliver(&mut house, &|_, _| {}).unwrap().unbalanced, 1);
        let again = dead_letters::select(&house.ledger, &Selection::default(), 10).unwrap();
        assert_eq!((open.len(), again.len(), again[0].letter.attempts), (1, 1, 2));
        assert_ne!(open[0].number, again[0].number);
        assert_eq!((lines(&house, "remits").len(), lines(&house, "dlq").len()), (3, 2));
    }

    /// As a broker that refuses would have left it: the event, its letter, the letter's own.
    #[test]
    fn a_refused_event_leaves_as_a_letter_and_a_refused_letter_without_its_value() {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config::parse("test", "", std::iter::empty()).unwrap();
        config.service.data_dir = directory.path().to_path_buf();
        let mut house = House::open(config, Opening::MayCreate).unwrap();
        let refused = |seq| dead_letter(seq, DeadUnit::Event(0), DeadReason::Refused, "too large", &[]);
        let facts = vec![
            remittance("CS2", Money::ZERO),
            refused(1),
            refused(2),
            Fact::Redriven(Redriven {
                letter: 2,
                redriven_at: Timestamp::from_unix_seconds(0),
            }),
        ];
        house.ledger.append(&Batch { facts, ..Batch::default() }).unwrap();
        let facts = house.ledger.facts(1, 10).unwrap();
        let events = outgoing_events(&house.ledger, &facts, &house.ledger.dead_letters().unwrap()).unwrap();
        let told: Vec<(Seq, &str, bool)> = events
            .iter()
            .map(|event| (event.seq, event.topic.name(), event.event.value.is_empty()))
            .collect();
        // Not the event itself nor its first letter: these were refused. Then the event again.
        assert_eq!(told, [(3, "dlq", true), (4, "remits", false)]);
        assert_eq!(events[0].event.id, events[1].event.id);
        assert!(events[0].added.iter().any(|(name, _)| *name == "dlq-value-bytes"));
    }
}
