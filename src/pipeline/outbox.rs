//! The events' way out of the house: the journal, in order, to the event log or to Kafka.
//!
//! [`Outbox::follow`] publishes what is committed while the next claims are decided, from the facts in
//! memory; [`Outbox::publish`] is one step of it, from wherever the facts come. How far the events have
//! come is the sink's to say. The ledger records it with its next batch: a crash before that repeats the
//! step to the same bytes, and what Kafka has already is known from its own record.

use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};

use super::outgoing::outgoing_events;
use super::tally;
use crate::clock::Timestamp;
use crate::config::{Config, Kafka};
use crate::delivery::event_log::{self, EventLog};
use crate::delivery::kafka::{self, KafkaError, KafkaSink};
use crate::delivery::sink::{Appended, EventSink, RefusedEvent, SinkError};
use crate::events::fact::{DeadLettered, DeadReason, DeadUnit, Fact};
use crate::ledger::readers::Readers;
use crate::ledger::{DeadLetterRow, Delivered, Ledger, LedgerError, Seq};
use crate::sealing::Keys;

/// Facts of one step, at most; fewer where fewer claims may be in memory.
pub const ROUND: usize = 2_048;

/// Where the events go, and how far they have come.
#[derive(Debug)]
pub struct Outbox {
    /// The name under which the ledger keeps their position.
    delivery: String,
    log: PathBuf,
    kafka: Option<Kafka>,
    way: Way,
    /// Published, and not recorded in the ledger yet.
    unrecorded: Arc<Unrecorded>,
    /// Events published since it was last asked.
    published: u64,
}

/// A position that the ledger is to record with its next batch.
#[derive(Debug, Default)]
pub struct Unrecorded(Mutex<Option<(String, Delivered)>>);

impl Unrecorded {
    fn set(&self, delivery: &str, position: Delivered) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((delivery.to_string(), position));
    }

    /// For [`crate::ledger::Batch::delivered`].
    pub fn take(&self) -> Option<(String, Delivered)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[derive(Debug)]
enum Way {
    /// Not needed yet.
    Closed,
    Open(Box<dyn EventSink>),
    /// Nothing more leaves in this run.
    Lost(SinkError),
    /// Not to be tried now.
    Held,
}

impl Way {
    fn lost(error: SinkError) -> Way {
        if matches!(error, SinkError::Kafka(KafkaError::Fenced { .. })) {
            tally::outbox_fenced();
        }
        Way::Lost(error)
    }
}

/// What became of a step.
#[derive(Debug)]
pub enum Step {
    /// Published, or there was nothing to publish.
    Done,
    /// Go on from the position, with events rendered anew.
    Unsure,
    /// Nothing is published until these are known.
    Refused(Vec<Fact>),
    /// No way out.
    Lost,
}

/// The name under which the ledger keeps the position of events.
pub fn events_delivery(config: &Config) -> String {
    match &config.kafka {
        None => event_log::DELIVERY.to_string(),
        Some(kafka) => kafka::delivery_name(kafka),
    }
}

impl Outbox {
    pub fn new(config: &Config, log: PathBuf) -> Outbox {
        Outbox {
            delivery: events_delivery(config),
            log,
            kafka: config.kafka.clone(),
            way: Way::Closed,
            unrecorded: Arc::default(),
            published: 0,
        }
    }

    /// Events of the facts up to here have left; `None` when nothing can leave now. Opens the way.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn position(&mut self, ledger: &impl Ledger) -> Result<Option<Seq>, LedgerError> {
        if matches!(self.way, Way::Closed) {
            let recorded = ledger.delivered(&self.delivery)?;
            let sink: Result<Box<dyn EventSink>, SinkError> = match &self.kafka {
                None => match EventLog::open(&self.log, &recorded.unwrap_or_default()) {
                    Ok(log) => Ok(Box::new(log)),
                    Err(error) => Err(error.into()),
                },
                Some(kafka) => match KafkaSink::open(kafka, ledger, recorded.as_ref()) {
                    Ok(sink) => Ok(Box::new(sink)),
                    Err(error) => Err(error.into()),
                },
            };
            self.way = sink.map_or_else(Way::lost, Way::Open);
        }
        Ok(match &self.way {
            Way::Open(sink) => Some(sink.position()),
            Way::Closed | Way::Lost(_) | Way::Held => None,
        })
    }

    /// Publishes what of these facts has not left: they begin at the position or before it.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn publish(&mut self, ledger: &impl Ledger, facts: &[(Seq, Fact)]) -> Result<Step, LedgerError> {
        let Way::Open(sink) = &mut self.way else { return Ok(Step::Lost) };
        let new = facts.partition_point(|(seq, _)| *seq <= sink.position());
        let Some(facts @ [.., (last, _)]) = facts.get(new..) else {
            return Ok(Step::Done);
        };
        let letters = ledger.dead_letters()?;
        let events = outgoing_events(ledger, facts, &letters)?;
        let through = ledger.outbox_mark(*last)?.ok_or(LedgerError::Inconsistent {
            what: "a journal position without fact",
        })?;
        match sink.append(&events, &through) {
            Ok(Appended::Whole(recorded)) => {
                self.published += events.len() as u64;
                tally::events_published(events.len() as u64);
                self.unrecorded.set(&self.delivery, recorded);
                Ok(Step::Done)
            }
            Ok(Appended::Unsure) => Ok(Step::Unsure),
            Ok(Appended::Refused(refused)) => {
                let letter = |refused: &RefusedEvent| {
                    let (seq, place) = events.get(refused.place)?.origin;
                    Some(dead_letter(seq, DeadUnit::Event(place), DeadReason::Refused, &refused.reason, &letters))
                };
                Ok(Step::Refused(refused.iter().filter_map(letter).collect()))
            }
            Err(error) => {
                self.way = Way::lost(error);
                Ok(Step::Lost)
            }
        }
    }

    /// Publishes batches as they are committed, each from its first position on, with what stands before
    /// it in the journal. Ends early when something needs the ledger's writer, or nothing can leave:
    /// what waits then leaves with [`super::outbound::deliver`].
    pub fn follow(&mut self, readers: &Readers<&Keys>, committed: &Receiver<(Seq, Vec<Fact>)>) {
        for (first, facts) in committed {
            let facts: Vec<(Seq, Fact)> = (first..).zip(facts).collect();
            let followed = readers.read(|ledger| self.catch_up(ledger, &facts));
            if !matches!(followed, Ok(true)) {
                return;
            }
        }
    }

    /// Publishes everything up to the last of these facts; whether it could.
    fn catch_up(&mut self, ledger: &impl Ledger, facts: &[(Seq, Fact)]) -> Result<bool, LedgerError> {
        let (Some((first, _)), Some((last, _))) = (facts.first(), facts.last()) else {
            return Ok(true);
        };
        loop {
            let step = match self.position(ledger)? {
                None => return Ok(false),
                Some(position) if position >= *last => return Ok(true),
                Some(position) if position + 1 >= *first => self.publish(ledger, facts)?,
                Some(position) => {
                    let missing = usize::try_from(first - position - 1).unwrap_or(usize::MAX);
                    self.publish(ledger, &ledger.facts(position + 1, missing.min(ROUND))?)?
                }
            };
            if matches!(step, Step::Refused(_) | Step::Lost) {
                return Ok(false);
            }
        }
    }

    /// Leaves everything in the journal until it is let go: for a while after trouble.
    pub fn hold(&mut self) {
        self.way = Way::Held;
    }

    /// Opens the way again when it is next needed.
    pub fn let_go(&mut self) {
        if matches!(self.way, Way::Held) {
            self.way = Way::Closed;
        }
    }

    /// Where the committer finds what it is to record.
    pub fn unrecorded(&self) -> Arc<Unrecorded> {
        Arc::clone(&self.unrecorded)
    }

    /// Events published since this was last asked.
    pub fn take_published(&mut self) -> u64 {
        std::mem::take(&mut self.published)
    }

    /// Why nothing more leaves; the next time it is tried again.
    pub fn take_trouble(&mut self) -> Option<SinkError> {
        match std::mem::replace(&mut self.way, Way::Closed) {
            Way::Lost(error) => Some(error),
            open => {
                self.way = open;
                None
            }
        }
    }
}

/// What is put aside, as the journal has it.
pub fn dead_letter(seq: Seq, unit: DeadUnit, reason: DeadReason, detail: &str, before: &[DeadLetterRow]) -> Fact {
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
