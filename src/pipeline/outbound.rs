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
use crate::delivery::event_log::{self, EventLog};
use crate::delivery::files::{OutboundFiles, Staged, release};
use crate::delivery::kafka::KafkaSink;
use crate::delivery::sink::{Appended, EventSink, SinkError};
use crate::delivery::{FILES_DELIVERY, kafka};
use crate::events::fact::{DeadLettered, DeadReason, DeadUnit, Fact, RemitDelivered};
use crate::ledger::{Batch, DeadLetterRow, Delivered, Ledger, LedgerError, Seq};
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
    #[error("{waiting} journal entries wait in the outbox, nothing is lost; run `claimstream topics check`, then `claimstream ingest` again")]
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
        house.ledger.append(&batch)?;
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
    let events = house.ledger.delivered(&events_delivery(house))?.unwrap_or_default().seq;
    Ok(house.ledger.last_seq()?.saturating_sub(files.min(events)))
}

/// The name under which the ledger keeps the position of events.
fn events_delivery(house: &House) -> String {
    match &house.config.kafka {
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
        let delivery = events_delivery(house);
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
            let name = format!("{:09}.{}", ack.control_number, ack.kind().as_str());
            let write = |out: &mut dyn Write| write_acknowledgement(&house.ledger, &house.config, ack, out);
            files.stage(&[ack.partner.as_str(), &name], write).map(Some)
        }
        Fact::RemitBuilt(remit) => {
            let name = format!("{}.835", remit.trace);
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
