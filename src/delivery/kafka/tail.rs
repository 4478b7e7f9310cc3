//! Reading a topic to its end: what a consumer of ours would see.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError as ClientError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{Offset, TopicPartitionList};

use super::connection::{Watch, client};
use super::patience::Patience;
use super::publisher::Failed;
use super::{KafkaError, REQUEST_MAX};
use crate::config::Kafka;

/// What to read.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// Leave out what was aborted, or may still be.
    pub committed: bool,
    /// From its beginning to what is now its end; else what comes from now on.
    pub from_beginning: bool,
    pub records_max: u64,
    /// How long to go on without a record.
    pub idle: Duration,
}

/// A record as it stands in the topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub key: Option<Vec<u8>>,
    pub headers: Vec<(String, Vec<u8>)>,
    pub value: Option<Vec<u8>>,
    pub partition: i32,
    pub offset: i64,
}

/// Reads records of a topic, each partition in its order; returns how many.
///
/// # Errors
/// [`KafkaError`], and those of `each`.
pub fn read<E: From<KafkaError>>(kafka: &Kafka, topic: &str, reading: Reading, mut each: impl FnMut(&Record) -> Result<(), E>) -> Result<u64, E> {
    let mut config = client(kafka);
    config
        .set("group.id", format!("{}-tail", kafka.prefix))
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("isolation.level", if reading.committed { "read_committed" } else { "read_uncommitted" })
        .set("enable.partition.eof", "true");
    let consumer: BaseConsumer<Watch> = FromClientConfigAndContext::from_config_and_context(&config, Watch::default()).map_err(KafkaError::Client)?;
    let mut open = Patience::new(kafka).until_it_works(|left| assign(&consumer, topic, reading.from_beginning, left.min(REQUEST_MAX)))?;
    let (mut count, mut last) = (0, Instant::now());
    while count < reading.records_max && !(reading.from_beginning && open.is_empty()) && last.elapsed() < reading.idle {
        match consumer.poll(Duration::from_millis(100)) {
            None => {}
            Some(Err(ClientError::PartitionEOF(partition))) if reading.from_beginning => {
                open.remove(&partition);
            }
            Some(Err(ClientError::PartitionEOF(_))) => {}
            Some(Err(error)) => return Err(KafkaError::Request(error).into()),
            Some(Ok(message)) => {
                let (partition, offset) = (message.partition(), message.offset());
                if reading.from_beginning {
                    match open.get(&partition) {
                        Some(end) if offset < *end => {}
                        // It came after we began.
                        Some(_) | None => {
                            open.remove(&partition);
                            continue;
                        }
                    }
                }
                each(&record(&message))?;
                (count, last) = (count + 1, Instant::now());
            }
        }
    }
    Ok(count)
}

/// All partitions, and where each ends now.
fn assign(consumer: &BaseConsumer<Watch>, topic: &str, from_beginning: bool, timeout: Duration) -> Result<BTreeMap<i32, i64>, Failed> {
    let unknown = |error: ClientError| Failed::Unknown(consumer.context().describe(&error));
    let metadata = consumer.fetch_metadata(None, timeout).map_err(unknown)?;
    let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else {
        return Err(Failed::Hopeless(KafkaError::NoSuchTopic { topic: topic.to_string() }));
    };
    let (mut open, mut partitions) = (BTreeMap::new(), TopicPartitionList::new());
    for partition in found.partitions() {
        let (low, high) = consumer.fetch_watermarks(topic, partition.id(), timeout).map_err(unknown)?;
        let begin = if from_beginning { low } else { high };
        partitions.add_partition_offset(topic, partition.id(), Offset::Offset(begin)).map_err(unknown)?;
        if high > low || !from_beginning {
            open.insert(partition.id(), high);
        }
    }
    consumer.assign(&partitions).map_err(unknown)?;
    Ok(open)
}

fn record(message: &BorrowedMessage<'_>) -> Record {
    let headers = message.headers().map(|headers| {
        let header = headers.iter().map(|header| (header.key.to_string(), header.value.unwrap_or_default().to_vec()));
        header.collect()
    });
    Record {
        key: message.key().map(<[u8]>::to_vec),
        headers: headers.unwrap_or_default(),
        value: message.payload().map(<[u8]>::to_vec),
        partition: message.partition(),
        offset: message.offset(),
    }
}
