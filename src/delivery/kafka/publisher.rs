//! One transactional producer: fences its forerunners, and publishes a round as one transaction.

use std::fmt;
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, PurgeConfig};

use super::connection::{Watch, client};
use super::{KafkaError, progress, topics};
use crate::config::Kafka;
use crate::delivery::sink::{OutgoingEvent, RefusedEvent};
use crate::ledger::OutboxMark;
use crate::limits;

/// The one outbox of a ledger.
pub(super) const SHARD: &str = "0";

/// The number under which the progress record is sent; events have their place.
const PROGRESS: usize = usize::MAX;

/// Between two looks at what the brokers have acknowledged.
const LOOK: Duration = Duration::from_millis(1);

/// Who fences whom.
pub(super) fn transactional_id(kafka: &Kafka) -> String {
    format!("{}-outbox-{SHARD}", kafka.prefix)
}

/// Why a transaction did not become true.
#[derive(Debug)]
pub(super) enum Failed {
    /// It was aborted; the producer can go on.
    Aborted(String),
    /// How it ended is not known, or the producer is of no more use.
    Unknown(String),
    /// It was aborted, because the brokers do not take these.
    Refused(Vec<RefusedEvent>),
    /// Another producer has this transactional id now.
    Fenced,
    /// No trying again helps.
    Hopeless(KafkaError),
}

/// A producer that has fenced its forerunners.
pub(super) struct Publisher {
    producer: BaseProducer<Watch>,
    prefix: String,
    is_one_by_one: bool,
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Publisher {
    /// A new producer, and how far the outbox has come as the progress topic says after the others were
    /// fenced. `one_by_one`: every record in a batch of its own, so that a refusal names it.
    pub(super) fn start(kafka: &Kafka, is_one_by_one: bool, timeout: Duration) -> Result<(Publisher, Option<OutboxMark>), Failed> {
        let give_up = kafka.give_up_after.duration();
        // Longer than we try: a transaction that the brokers time out would look like a rival.
        let transaction_timeout = (give_up + Duration::from_secs(30)).min(Duration::from_secs(15 * 60));
        let mut config = client(kafka);
        config
            .set("transactional.id", transactional_id(kafka))
            .set("transaction.timeout.ms", transaction_timeout.as_millis().to_string())
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("compression.type", kafka.compression.as_str())
            .set("linger.ms", "5")
            .set("batch.size", "1000000")
            .set("batch.num.messages", if is_one_by_one { "1" } else { "100000" })
            // The brokers judge the size, per topic; this bounds a request.
            .set("message.max.bytes", limits::KAFKA_REQUEST_BYTES_MAX.to_string())
            .set("queue.buffering.max.messages", limits::KAFKA_QUEUE_RECORDS_MAX.to_string())
            .set("queue.buffering.max.kbytes", limits::KAFKA_QUEUE_KBYTES_MAX.to_string())
            // The same partition for a key as Java producers choose.
            .set("partitioner", "murmur2_random");
        let producer: BaseProducer<Watch> =
            FromClientConfigAndContext::from_config_and_context(&config, Watch::default()).map_err(|error| Failed::Hopeless(KafkaError::Client(error)))?;
        let publisher = Publisher {
            producer,
            prefix: kafka.prefix.clone(),
            is_one_by_one,
        };
        publisher.producer.init_transactions(timeout).map_err(|error| publisher.classify(&error))?;
        reach("kafka::open::after-fence")?;
        let progress = progress::read(kafka, timeout)?;
        reach("kafka::open::after-progress")?;
        Ok((publisher, progress))
    }

    /// The cluster's own id, empty where the brokers tell none.
    pub(super) fn cluster(&self) -> String {
        self.producer.client().fetch_cluster_id(Duration::from_secs(1)).unwrap_or_default()
    }

    pub(super) fn is_one_by_one(&self) -> bool {
        self.is_one_by_one
    }

    /// Publishes events and how far the outbox comes with them, all or nothing.
    pub(super) fn transaction(&self, events: &[OutgoingEvent], through: &OutboxMark, limit: Duration) -> Result<(), Failed> {
        let deadline = Instant::now() + limit;
        self.producer.context().take_failed();
        self.producer.begin_transaction().map_err(|error| self.classify(&error))?;
        reach("kafka::transaction::after-begin")?;
        let outcome = self
            .send_all(events, through, deadline)
            .and_then(|()| reach("kafka::transaction::after-send"))
            .and_then(|()| self.drain(deadline))
            .and_then(|()| reach("kafka::transaction::before-commit"))
            .and_then(|()| self.commit(deadline))
            .and_then(|()| reach("kafka::transaction::after-commit"));
        let Err(failed) = outcome else { return Ok(()) };
        match failed {
            Failed::Aborted(_) | Failed::Refused(_) => self.abort(deadline).and(Err(failed)),
            Failed::Unknown(_) | Failed::Fenced | Failed::Hopeless(_) => Err(failed),
        }
    }

    fn send_all(&self, events: &[OutgoingEvent], through: &OutboxMark, deadline: Instant) -> Result<(), Failed> {
        for (place, outgoing) in events.iter().enumerate() {
            let topic = topics::topic_name(&self.prefix, outgoing.topic);
            let value = outgoing.event.value.as_slice();
            let record = BaseRecord::with_opaque_to(&topic, place)
                .key(outgoing.event.key.as_bytes())
                .headers(headers(outgoing));
            // A dead letter of a dead letter has no value.
            let record = if value.is_empty() { record } else { record.payload(value) };
            self.send(record, deadline)?;
        }
        let topic = topics::progress_topic(&self.prefix);
        let value = progress::record(through);
        self.send(
            BaseRecord::with_opaque_to(&topic, PROGRESS).key(SHARD.as_bytes()).payload(value.as_slice()),
            deadline,
        )
    }

    /// Hands a record to the client library, waiting for room in its queue.
    fn send(&self, mut record: BaseRecord<'_, [u8], [u8], usize>, deadline: Instant) -> Result<(), Failed> {
        loop {
            let place = record.delivery_opaque;
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((ClientError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) if Instant::now() < deadline => {
                    self.producer.poll(LOOK);
                    record = back;
                }
                Err((ClientError::MessageProduction(code), _)) if is_about_the_record(code) => {
                    return Err(Failed::Refused(refusal(place, code).into_iter().collect()));
                }
                Err((error, _)) => return Err(self.classify_failed_records().unwrap_or_else(|| self.classify(&error))),
            }
        }
    }

    /// Waits until every record is acknowledged. Before the commit, because that would look for it only
    /// every 100 ms.
    fn drain(&self, deadline: Instant) -> Result<(), Failed> {
        while self.producer.in_flight_count() > 0 {
            self.producer.poll(LOOK);
            if self.producer.context().has_failed() || self.producer.client().fatal_error().is_some() {
                break;
            }
            if Instant::now() >= deadline {
                return Err(Failed::Unknown(
                    self.describe(&ClientError::MessageProduction(RDKafkaErrorCode::MessageTimedOut)),
                ));
            }
        }
        match self.classify_failed_records() {
            Some(failed) => Err(failed),
            None => Ok(()),
        }
    }

    fn commit(&self, deadline: Instant) -> Result<(), Failed> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(500));
            match self.producer.commit_transaction(left) {
                Ok(()) => return Ok(()),
                Err(ClientError::Transaction(error))
                    if error.is_retriable() && !error.is_fatal() && error.code() != RDKafkaErrorCode::OperationTimedOut && Instant::now() < deadline => {}
                Err(error) => return Err(self.classify_failed_records().unwrap_or_else(|| self.classify(&error))),
            }
        }
    }

    /// What is queued or on its way is taken back first: the abort waits for it, and nobody else looks.
    fn abort(&self, deadline: Instant) -> Result<(), Failed> {
        self.producer.purge(PurgeConfig::default().queue().inflight());
        while self.producer.in_flight_count() > 0 && Instant::now() < deadline {
            self.producer.poll(LOOK);
        }
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(500));
        self.producer.abort_transaction(left).map_err(|error| match self.classify(&error) {
            Failed::Fenced => Failed::Fenced,
            failed => Failed::Unknown(format!("{failed:?}")),
        })
    }

    /// What follows from records that were not taken.
    fn classify_failed_records(&self) -> Option<Failed> {
        let failed = self.producer.context().take_failed();
        let (_, first) = *failed.first()?;
        if let Some((code, reason)) = self.producer.client().fatal_error() {
            return Some(if is_fence(code) { Failed::Fenced } else { Failed::Unknown(reason) });
        }
        let refused: Vec<RefusedEvent> = failed
            .iter()
            .filter(|(_, code)| is_about_the_record(*code))
            .filter_map(|(place, code)| refusal(*place, *code))
            .collect();
        if refused.is_empty() {
            let error = ClientError::MessageProduction(first);
            return Some(if is_denied(first) {
                Failed::Hopeless(KafkaError::Request(error))
            } else {
                Failed::Aborted(self.describe(&error))
            });
        }
        Some(Failed::Refused(refused))
    }

    fn classify(&self, error: &ClientError) -> Failed {
        let fatal = self.producer.client().fatal_error().map(|(code, _)| code);
        let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
        if is_fence(code) || fatal.is_some_and(is_fence) {
            return Failed::Fenced;
        }
        if is_denied(code) {
            return Failed::Hopeless(KafkaError::Request(error.clone()));
        }
        // Errors arrive as events, which somebody has to take.
        self.producer.poll(Duration::ZERO);
        match error {
            ClientError::Transaction(transaction) if fatal.is_none() && transaction.txn_requires_abort() => Failed::Aborted(self.describe(error)),
            _ => Failed::Unknown(self.describe(error)),
        }
    }

    fn describe(&self, error: &ClientError) -> String {
        self.producer.context().describe(error)
    }
}

/// The publisher is at a failpoint; what a test asks for comes as an error whose outcome is not known.
fn reach(point: &'static str) -> Result<(), Failed> {
    crate::failpoints::reach(point).map_err(|error| Failed::Unknown(error.to_string()))
}

/// The event's own headers, and by which step it came: a consumer can tell a repeated one by these.
fn headers(outgoing: &OutgoingEvent) -> OwnedHeaders {
    let seq = outgoing.seq.to_string();
    let of_the_way = [("outbox-shard", SHARD), ("outbox-seq", seq.as_str())];
    let mut headers = OwnedHeaders::new_with_capacity(8 + outgoing.added.len());
    for (key, value) in outgoing.headers() {
        headers = headers.insert(Header {
            key,
            value: Some(value.as_bytes()),
        });
    }
    of_the_way.into_iter().fold(headers, |headers, (key, value)| {
        headers.insert(Header {
            key,
            value: Some(value.as_bytes()),
        })
    })
}

fn refusal(place: usize, code: RDKafkaErrorCode) -> Option<RefusedEvent> {
    (place != PROGRESS).then(|| RefusedEvent {
        place,
        reason: code.to_string(),
    })
}

/// The record will never be taken, however often it is sent.
fn is_about_the_record(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{InvalidMessageSize, InvalidRecord, MessageSizeTooLarge};
    matches!(code, MessageSizeTooLarge | InvalidMessageSize | InvalidRecord)
}

fn is_fence(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced)
}

fn is_denied(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{ClusterAuthorizationFailed, TopicAuthorizationFailed, TransactionalIdAuthorizationFailed};
    matches!(code, ClusterAuthorizationFailed | TopicAuthorizationFailed | TransactionalIdAuthorizationFailed)
}
