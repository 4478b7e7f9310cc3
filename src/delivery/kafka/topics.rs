//! The topics: their names, what each of them needs, creating and checking them.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;

use super::connection::{Watch, client};
use super::patience::Patience;
use super::publisher::Failed;
use super::{KafkaError, REQUEST_MAX};
use crate::config::Kafka;
use crate::events::cloudevent::Topic;
use crate::limits;

/// Partitions of a topic of events: room for six consumers of one group.
pub const PARTITIONS: i32 = 6;

/// Replication as the brokers have it by default.
pub const BROKERS_REPLICATION: i32 = -1;

/// The name of a topic of events.
pub fn topic_name(prefix: &str, topic: Topic) -> String {
    format!("{prefix}.{}", topic.name())
}

/// The name of the topic that says how far the outbox has come.
pub fn progress_topic(prefix: &str) -> String {
    format!("{prefix}.progress")
}

/// All of them.
pub fn names(prefix: &str) -> Vec<String> {
    let events = Topic::ALL.into_iter().map(|topic| topic_name(prefix, topic));
    events.chain([progress_topic(prefix)]).collect()
}

/// Creates the topics that are not there; returns their names. One try, for the start of delivery.
///
/// # Errors
/// [`Failed`]: no broker, topics missing that may not be made.
pub(super) fn ensure(kafka: &Kafka, timeout: Duration) -> Result<(), Failed> {
    let admin = Admin::connect(kafka, timeout)?;
    let missing = admin.missing()?;
    if missing.is_empty() {
        Ok(())
    } else if kafka.create_topics {
        admin.create(&missing, PARTITIONS, BROKERS_REPLICATION)
    } else {
        Err(Failed::Hopeless(KafkaError::MissingTopics { names: missing }))
    }
}

/// Creates the topics that are not there; returns their names.
///
/// # Errors
/// [`KafkaError`].
pub fn create(kafka: &Kafka, partitions: i32, replication: i32) -> Result<Vec<String>, KafkaError> {
    Patience::new(kafka).until_it_works(|left| {
        let admin = Admin::connect(kafka, left)?;
        let missing = admin.missing()?;
        admin.create(&missing, partitions, replication).map(|()| missing)
    })
}

/// Something about the topics that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicFinding {
    pub topic: String,
    /// What was found, and what was expected.
    pub message: String,
    /// Not wrong on a cluster of one broker.
    pub is_note: bool,
}

/// Compares the topics with what delivery needs of them.
///
/// # Errors
/// [`KafkaError`].
pub fn check(kafka: &Kafka) -> Result<Vec<TopicFinding>, KafkaError> {
    Patience::new(kafka).until_it_works(|left| {
        let admin = Admin::connect(kafka, left)?;
        let missing = admin.missing()?;
        let mut findings: Vec<TopicFinding> = missing.iter().map(|topic| finding(topic, "is missing, expected to be there".into())).collect();
        let present: Vec<String> = names(&kafka.prefix).into_iter().filter(|name| !missing.contains(name)).collect();
        for config in admin.configs(&present)? {
            findings.extend(admin.findings_of(&config));
        }
        Ok(findings)
    })
}

fn finding(topic: &str, message: String) -> TopicFinding {
    TopicFinding {
        topic: topic.to_string(),
        message,
        is_note: false,
    }
}

/// Partitions and replicas of the topics that are there.
type Shapes = BTreeMap<String, (usize, usize)>;

/// One connection for requests about topics.
struct Admin {
    client: AdminClient<Watch>,
    prefix: String,
    brokers: usize,
    shapes: Shapes,
    timeout: Duration,
}

impl Admin {
    fn connect(kafka: &Kafka, timeout: Duration) -> Result<Admin, Failed> {
        let client: AdminClient<Watch> = FromClientConfigAndContext::from_config_and_context(&client(kafka), Watch::default())
            .map_err(|error| Failed::Hopeless(KafkaError::Client(error)))?;
        let metadata = client
            .inner()
            .fetch_metadata(None, timeout)
            .map_err(|error| Failed::Unknown(client.inner().context().describe(&error)))?;
        Ok(Admin {
            prefix: kafka.prefix.clone(),
            brokers: metadata.brokers().len(),
            shapes: shapes(&metadata),
            timeout: timeout.min(REQUEST_MAX),
            client,
        })
    }

    fn missing(&self) -> Result<Vec<String>, Failed> {
        Ok(names(&self.prefix).into_iter().filter(|name| !self.shapes.contains_key(name)).collect())
    }

    fn create(&self, missing: &[String], partitions: i32, replication: i32) -> Result<(), Failed> {
        if missing.is_empty() {
            return Ok(());
        }
        let (progress, dead_letters) = (progress_topic(&self.prefix), topic_name(&self.prefix, Topic::DeadLetters));
        let bytes_max = limits::KAFKA_REQUEST_BYTES_MAX.to_string();
        let new: Vec<NewTopic<'_>> = missing
            .iter()
            .map(|name| {
                let replication = TopicReplication::Fixed(replication);
                if *name == progress {
                    NewTopic::new(name, 1, replication).set("cleanup.policy", "compact")
                } else if *name == dead_letters {
                    // It takes what the others do not.
                    NewTopic::new(name, partitions, replication).set("max.message.bytes", &bytes_max)
                } else {
                    NewTopic::new(name, partitions, replication)
                }
            })
            .collect();
        for created in block_on(self.client.create_topics(&new, &self.options())).map_err(|error| self.unknown(&error))? {
            match created {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((_, code)) => return Err(Failed::Hopeless(KafkaError::Request(ClientError::AdminOp(code)))),
            }
        }
        self.wait_until_known(missing)
    }

    /// A topic is created by the controller, and known to the brokers a moment later.
    fn wait_until_known(&self, topics: &[String]) -> Result<(), Failed> {
        let deadline = Instant::now() + self.timeout;
        loop {
            let metadata = self.client.inner().fetch_metadata(None, self.timeout).map_err(|error| self.unknown(&error))?;
            let known = shapes(&metadata);
            if topics.iter().all(|topic| known.get(topic).is_some_and(|(partitions, _)| *partitions > 0)) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(Failed::Unknown("the brokers do not know the topics that were created".to_string()));
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn configs(&self, topics: &[String]) -> Result<Vec<ConfigResource>, Failed> {
        // To ask for none is an error.
        if topics.is_empty() {
            return Ok(Vec::new());
        }
        let resources: Vec<ResourceSpecifier<'_>> = topics.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
        let described = block_on(self.client.describe_configs(&resources, &self.options())).map_err(|error| self.unknown(&error))?;
        let described: Result<Vec<ConfigResource>, RDKafkaErrorCode> = described.into_iter().collect();
        described.map_err(|code| Failed::Hopeless(KafkaError::Request(ClientError::AdminOp(code))))
    }

    fn findings_of(&self, config: &ConfigResource) -> Vec<TopicFinding> {
        let rdkafka::admin::OwnedResourceSpecifier::Topic(topic) = &config.specifier else {
            return Vec::new();
        };
        let value = |name: &str| config.get(name).and_then(|entry| entry.value.as_deref()).unwrap_or_default();
        let (partitions, replicas) = self.shapes.get(topic).copied().unwrap_or_default();
        let mut findings = Vec::new();
        if *topic == progress_topic(&self.prefix) {
            if value("cleanup.policy") != "compact" {
                let found = value("cleanup.policy");
                findings.push(finding(
                    topic,
                    format!("cleanup.policy is {found}, expected compact: its last record must stay"),
                ));
            }
            if partitions != 1 {
                findings.push(finding(topic, format!("{partitions} partitions, expected 1")));
            }
        }
        let in_sync: usize = value("min.insync.replicas").parse().unwrap_or(1);
        if replicas < 2 || in_sync < 2 {
            let message = format!("{replicas} replicas and min.insync.replicas {in_sync}, expected 2 or more of both: one lost disk loses events");
            findings.push(TopicFinding {
                is_note: self.brokers < 2,
                ..finding(topic, message)
            });
        }
        findings
    }

    fn options(&self) -> AdminOptions {
        AdminOptions::new().operation_timeout(Some(self.timeout)).request_timeout(Some(self.timeout))
    }

    fn unknown(&self, error: &ClientError) -> Failed {
        Failed::Unknown(self.client.inner().context().describe(error))
    }
}

fn shapes(metadata: &Metadata) -> Shapes {
    let known = metadata.topics().iter().filter(|topic| topic.error().is_none());
    let shape = known.map(|topic| {
        let replicas = topic.partitions().iter().map(|partition| partition.replicas().len()).min();
        (topic.name().to_string(), (topic.partitions().len(), replicas.unwrap_or(0)))
    });
    shape.collect()
}

/// Waits for an answer that another thread brings.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_has_its_name_and_the_progress_is_one_of_them() {
        assert_eq!(
            names("claims"),
            [
                "claims.files",
                "claims.acks",
                "claims.decisions",
                "claims.findings",
                "claims.remits",
                "claims.dlq",
                "claims.progress"
            ]
        );
    }

    #[test]
    fn an_answer_from_another_thread_is_waited_for() {
        assert_eq!(block_on(async { 7 }), 7);
        let mut asked = 0;
        let answer = std::future::poll_fn(|context| {
            asked += 1;
            let waker = context.waker().clone();
            thread::spawn(move || waker.wake());
            if asked < 3 { Poll::Pending } else { Poll::Ready(asked) }
        });
        assert_eq!(block_on(answer), 3);
    }
}
