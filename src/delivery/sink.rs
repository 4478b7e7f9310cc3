//! What the two ways of publishing events have in common: they take the events of the journal in its
//! order, each step whole or not at all, and know how far they have come.

use std::borrow::Cow;
use std::io;

use super::kafka::KafkaError;
use crate::events::cloudevent::{CloudEvent, Topic};
use crate::ledger::{Delivered, OutboxMark, Seq};

/// An event on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingEvent {
    /// Journal position that it leaves with.
    pub seq: Seq,
    /// Journal position of the fact it is an event of, and its place among those: another one for what is
    /// sent again.
    pub origin: (Seq, u16),
    /// Where it goes; a dead letter keeps its event, and goes elsewhere.
    pub topic: Topic,
    pub event: CloudEvent,
    /// `dlq-*` headers of a dead letter.
    pub added: Vec<(&'static str, String)>,
}

impl OutgoingEvent {
    /// Every header but those of the way it goes.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, Cow<'_, str>)> {
        let added = self.added.iter().map(|(name, value)| (*name, Cow::Borrowed(value.as_str())));
        self.event.headers().into_iter().chain(added)
    }
}

/// Where events go: the embedded event log, or Kafka.
pub trait EventSink: Send + std::fmt::Debug {
    /// Events of the facts up to here have left.
    fn position(&self) -> Seq;

    /// Publishes the events of the facts after [`EventSink::position`] up to `through`, and moves the
    /// position there, as one step.
    ///
    /// # Errors
    /// [`SinkError`]: nothing more can be published in this run; what waits is not lost.
    fn append(&mut self, events: &[OutgoingEvent], through: &OutboxMark) -> Result<Appended, SinkError>;
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// All of it is published. The ledger records this.
    Whole(Delivered),
    /// It is not known, or nothing of it is published: go on from [`EventSink::position`], with events
    /// rendered anew.
    Unsure,
    /// Nothing is published, because these can't be, for their own sake.
    Refused(Vec<RefusedEvent>),
}

/// An event that will never be taken as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedEvent {
    /// Its place among the events of the step.
    pub place: usize,
    /// The sink's words for it; no part of the event.
    pub reason: String,
}

/// Why nothing more can be published in this run.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    #[error("the event log cannot be written")]
    EventLog(#[from] io::Error),
    #[error(transparent)]
    Kafka(#[from] KafkaError),
}

impl SinkError {
    /// Where to look before it is tried again.
    pub fn hint(&self) -> &'static str {
        match self {
            SinkError::EventLog(_) => "",
            SinkError::Kafka(_) => ", see `claimstream topics check`",
        }
    }
}
