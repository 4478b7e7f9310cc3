//! The progress topic: compacted, one partition, one key per outbox; its last committed record is how
//! far the outbox has come.

use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError as ClientError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use super::connection::{Watch, client};
use super::publisher::{Failed, SHARD};
use super::{KafkaError, topics};
use crate::config::Kafka;
use crate::ledger::OutboxMark;

/// Offsets from the end where the last record most likely is: between compactions the topic has two
/// offsets for every transaction.
const TAIL: i64 = 1_000;

/// The value of a progress record.
pub(super) fn record(mark: &OutboxMark) -> Vec<u8> {
    // Two texts and a number are always JSON.
    serde_json::to_vec(mark).unwrap_or_default()
}

/// The last committed mark, read to the end of the topic.
pub(super) fn read(kafka: &Kafka, timeout: Duration) -> Result<Option<OutboxMark>, Failed> {
    let mut config = client(kafka);
    config
        .set("group.id", format!("{}-outbox-{SHARD}", kafka.prefix))
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("isolation.level", "read_committed")
        // Else the broker waits half a second for more before it says that this is the end.
        .set("fetch.wait.max.ms", "10")
        .set("enable.partition.eof", "true");
    let consumer: BaseConsumer<Watch> =
        FromClientConfigAndContext::from_config_and_context(&config, Watch::default()).map_err(|error| Failed::Hopeless(KafkaError::Client(error)))?;
    let unknown = |error: ClientError| Failed::Unknown(consumer.context().describe(&error));
    let topic = topics::progress_topic(&kafka.prefix);
    let (low, high) = consumer.fetch_watermarks(&topic, 0, timeout).map_err(unknown)?;
    let tail = (high - TAIL).max(low);
    match last_from(&consumer, &topic, tail, timeout)? {
        None if tail > low => last_from(&consumer, &topic, low, timeout),
        found => Ok(found),
    }
}

fn last_from(consumer: &BaseConsumer<Watch>, topic: &str, offset: i64, timeout: Duration) -> Result<Option<OutboxMark>, Failed> {
    let unknown = |error: ClientError| Failed::Unknown(consumer.context().describe(&error));
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(topic, 0, Offset::Offset(offset)).map_err(unknown)?;
    consumer.assign(&partitions).map_err(unknown)?;
    let deadline = Instant::now() + timeout;
    let mut last = None;
    while Instant::now() < deadline {
        match consumer.poll(Duration::from_millis(100)) {
            None => {}
            Some(Err(ClientError::PartitionEOF(_))) => return Ok(last),
            Some(Err(error)) => return Err(unknown(error)),
            Some(Ok(message)) if message.key() == Some(SHARD.as_bytes()) => {
                let mark = message.payload().and_then(|value| serde_json::from_slice(value).ok());
                last = Some(mark.ok_or_else(|| Failed::Hopeless(KafkaError::ForeignRecord { topic: topic.to_string() }))?);
            }
            Some(Ok(_)) => {}
        }
    }
    Err(Failed::Unknown(format!("{topic}: its end was not reached in {} s", timeout.as_secs())))
}
