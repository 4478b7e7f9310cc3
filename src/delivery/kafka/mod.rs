//! Events to Kafka, each exactly once.
//!
//! One transactional producer per outbox. What has left is not what we remember but what the compacted
//! progress topic says, into which every transaction also writes how far it came. At the start, and after
//! every error whose outcome is not known: a new producer fences whatever was there before it, then the
//! progress is read to its end, and publishing goes on from there, with events rendered anew from the
//! journal. Nothing is sent again from memory.
//!
//! To the next editor: the order fence, read, send is what makes it exactly once; after the fence nobody
//! else can commit past our read. A producer that was fenced itself ends the run: making it anew would
//! let two publishers fence each other for ever.

mod connection;
mod patience;
mod progress;
mod publisher;
pub mod tail;
pub mod topics;

use std::time::{Duration, Instant};

use rdkafka::error::KafkaError as ClientError;

use self::patience::Patience;
use self::publisher::{Failed, Publisher};
use super::sink::{Appended, EventSink, OutgoingEvent, SinkError};
use crate::config::Kafka;
use crate::ledger::{Delivered, Ledger, LedgerError, OutboxMark, Seq};
use crate::telemetry;

/// Why events can't be published now. The brokers and topics are named, never a value.
#[derive(Debug, thiserror::Error)]
pub enum KafkaError {
    #[error("the Kafka client cannot be set up; check [kafka] of the configuration")]
    Client(#[source] ClientError),
    #[error("Kafka at {brokers}: no progress for {seconds} s; the last trouble was: {last}")]
    GaveUp { brokers: String, seconds: u64, last: String },
    #[error("another publisher took over the outbox {transactional_id}; this one has stopped, run only one")]
    Fenced { transactional_id: String },
    #[error("topics are missing: {}; create them with `claimstream topics create`, or set create_topics", names.join(", "))]
    MissingTopics { names: Vec<String> },
    #[error(
        "{topic} is the record of another ledger (generation {found}, expected {expected}): use the data directory it belongs to, or another [kafka] prefix"
    )]
    OtherLedger { topic: String, found: String, expected: String },
    #[error("{topic} is ahead of this ledger (entry {found}, expected at most {end}): the ledger is an older copy, use the newest one")]
    Ahead { topic: String, found: Seq, end: Seq },
    #[error("{topic} and this ledger went different ways (entry {found} differs): the ledger comes from a copy, use the one that published last")]
    Diverged { topic: String, found: Seq },
    #[error(
        "{topic} no longer says what was published (entry {recorded} and before, by the ledger): restore it, or set another [kafka] prefix to publish everything again"
    )]
    LostRecord { topic: String, recorded: Seq },
    #[error("{topic}: a record that is not ours, expected how far an outbox has come")]
    ForeignRecord { topic: String },
    #[error("{topic}: no such topic at these brokers")]
    NoSuchTopic { topic: String },
    #[error("Kafka refused what was asked of it")]
    Request(#[source] ClientError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// The name under which the ledger keeps how far it believes the events have come: a hint.
pub fn delivery_name(kafka: &Kafka) -> String {
    format!("kafka/{}", kafka.prefix)
}

/// The events' way to Kafka.
#[derive(Debug)]
pub struct KafkaSink {
    kafka: Kafka,
    publisher: Publisher,
    /// What the progress topic says.
    progress: OutboxMark,
    /// The cluster's own id.
    cluster: String,
    patience: Patience,
}

impl KafkaSink {
    /// Fences other publishers of this outbox and finds out how far it has come.
    ///
    /// # Errors
    /// [`KafkaError`]: no broker, missing topics, or a progress topic that does not fit the ledger.
    pub fn open(kafka: &Kafka, ledger: &impl Ledger, recorded: Option<&Delivered>) -> Result<KafkaSink, KafkaError> {
        let mut patience = Patience::new(kafka);
        patience.until_it_works(|left| topics::ensure(kafka, left))?;
        let start = ledger.outbox_mark(0)?.unwrap_or_else(|| OutboxMark {
            generation: String::new(),
            seq: 0,
            entry: String::new(),
        });
        let (publisher, found) = patience.until_it_works(|left| Publisher::start(kafka, false, left))?;
        let cluster = publisher.cluster();
        let topic = topics::progress_topic(&kafka.prefix);
        let progress = match found {
            None => match recorded.filter(|recorded| recorded.seq > 0 && recorded.cluster == cluster) {
                None => start,
                Some(recorded) => {
                    return Err(KafkaError::LostRecord { topic, recorded: recorded.seq });
                }
            },
            Some(found) if found.generation != start.generation => {
                return Err(KafkaError::OtherLedger {
                    topic,
                    found: found.generation,
                    expected: start.generation,
                });
            }
            Some(found) => match ledger.outbox_mark(found.seq)? {
                Some(own) if own == found => found,
                Some(_) => return Err(KafkaError::Diverged { topic, found: found.seq }),
                None => {
                    return Err(KafkaError::Ahead {
                        topic,
                        found: found.seq,
                        end: ledger.last_seq()?,
                    });
                }
            },
        };
        patience.progressed();
        Ok(KafkaSink {
            kafka: kafka.clone(),
            publisher,
            progress,
            cluster,
            patience,
        })
    }

    /// A new producer in place of the one whose last transaction ended nobody knows how. `attempted` is
    /// where it would have come to.
    fn start_again(&mut self, one_by_one: bool, attempted: &OutboxMark) -> Result<(), KafkaError> {
        let (kafka, patience) = (&self.kafka, &mut self.patience);
        let (publisher, found) = patience.until_it_works(|left| Publisher::start(kafka, one_by_one, left))?;
        self.publisher = publisher;
        match found {
            None if self.progress.seq == 0 => Ok(()),
            Some(found) if found == self.progress => Ok(()),
            Some(found) if found == *attempted => {
                self.progress = found;
                self.patience.progressed();
                Ok(())
            }
            // Somebody else went on from where we were.
            None | Some(_) => Err(self.fenced()),
        }
    }

    fn fenced(&self) -> KafkaError {
        KafkaError::Fenced {
            transactional_id: publisher::transactional_id(&self.kafka),
        }
    }
}

impl EventSink for KafkaSink {
    fn position(&self) -> Seq {
        self.progress.seq
    }

    fn append(&mut self, events: &[OutgoingEvent], through: &OutboxMark) -> Result<Appended, SinkError> {
        let start = Instant::now();
        let outcome = self.publisher.transaction(events, through, self.patience.per_transaction());
        record(&outcome, start.elapsed());
        match outcome {
            Ok(()) => {
                self.progress = through.clone();
                self.patience.progressed();
                if self.publisher.is_one_by_one() {
                    self.start_again(false, through)?;
                }
                Ok(Appended::Whole(Delivered {
                    seq: through.seq,
                    cluster: self.cluster.clone(),
                    ..Delivered::default()
                }))
            }
            Err(Failed::Refused(refused)) if self.publisher.is_one_by_one() => {
                self.patience.progressed();
                Ok(Appended::Refused(refused))
            }
            // A batch is refused as a whole: find out which of its events it was.
            Err(Failed::Refused(_)) => {
                self.start_again(true, through)?;
                Ok(Appended::Unsure)
            }
            Err(Failed::Aborted(error)) => {
                self.patience.wait(&error)?;
                Ok(Appended::Unsure)
            }
            Err(Failed::Unknown(error)) => {
                self.patience.wait(&error)?;
                self.start_again(self.publisher.is_one_by_one(), through)?;
                Ok(Appended::Unsure)
            }
            Err(Failed::Fenced) => Err(self.fenced().into()),
            Err(Failed::Hopeless(error)) => Err(error.into()),
        }
    }
}

/// Tells the metrics how a transaction ended, as far as we know.
fn record(outcome: &Result<(), Failed>, took: Duration) {
    let outcome = match outcome {
        Ok(()) => "committed",
        Err(Failed::Aborted(_)) => "aborted",
        Err(Failed::Unknown(_)) => "unknown",
        Err(Failed::Refused(_)) => "refused",
        Err(Failed::Fenced) => "fenced",
        Err(Failed::Hopeless(_)) => "failed",
    };
    metrics::counter!(telemetry::KAFKA_TRANSACTIONS_TOTAL, "outcome" => outcome).increment(1);
    metrics::histogram!(telemetry::KAFKA_TRANSACTION_SECONDS).record(took);
}

/// What a request may take within the patience that is left.
const REQUEST_MAX: Duration = Duration::from_secs(10);
