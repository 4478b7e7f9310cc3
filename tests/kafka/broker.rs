//! A broker, and what a consumer that knows nothing of us reads from it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;

use super::site::{Site, repository};

/// A running broker.
#[derive(Debug, Clone)]
pub struct Broker {
    pub address: String,
    directory: Option<PathBuf>,
    /// TLS and SASL: the authority's file, and the password of the user `claimstream`.
    secured: Option<(PathBuf, String)>,
}

/// The broker that tests share, each with topics of its own; `None` where it can't be had.
pub fn shared() -> Option<Broker> {
    static BROKER: OnceLock<Option<Broker>> = OnceLock::new();
    BROKER
        .get_or_init(|| match std::env::var("CLAIMSTREAM_KAFKA") {
            Ok(address) => Some(Broker {
                address,
                directory: None,
                secured: None,
            }),
            Err(_) => Broker::start("kafka-tests", false),
        })
        .clone()
}

/// A broker that a test may end, behind TLS and SASL; `None` where it can't be had.
pub fn own(name: &str) -> Option<Broker> {
    if std::env::var_os("CLAIMSTREAM_KAFKA").is_some() {
        println!("left out: the broker of CLAIMSTREAM_KAFKA is not ours to stop");
        return None;
    }
    Broker::start(name, true)
}

fn service(arguments: &[&str], directory: &Path) -> std::process::Output {
    let script = repository("tests/services/kafka");
    let mut command = Command::new(script);
    command.args(arguments).arg("--dir").arg(directory).stdin(Stdio::null());
    command.output().unwrap()
}

impl Broker {
    fn start(name: &str, is_secured: bool) -> Option<Broker> {
        if !Path::new(&repository("tests/services/kafka")).exists() {
            println!("left out: tests/services/kafka is not there");
            return None;
        }
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        let started = service(if is_secured { &["start", "--tls"] } else { &["start"] }, &directory);
        if started.status.code() == Some(3) {
            println!("left out: no Kafka to be had here: {}", String::from_utf8_lossy(&started.stderr));
            return None;
        }
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        stop_after_us(&directory);
        Some(Broker {
            address: String::from_utf8(started.stdout).unwrap().trim().to_string(),
            secured: is_secured.then(|| {
                let password = std::fs::read_to_string(directory.join("password")).unwrap();
                (directory.join("ca.pem"), password.trim().to_string())
            }),
            directory: Some(directory),
        })
    }

    /// `kill`, `restart`, `pause` or `resume`.
    pub fn service(&self, command: &str) {
        let done = service(&[command], self.directory.as_ref().unwrap());
        assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// A site whose runs publish to this broker under a prefix of its own; `log` is a twin without Kafka.
    pub fn site(&self, prefix: &str) -> Site {
        self.publishing(Site::new(), &self.prefix(prefix))
    }

    /// The site, publishing to this broker under the prefix.
    pub fn publishing(&self, site: Site, prefix: &str) -> Site {
        let site = site
            .with("CLAIMSTREAM__KAFKA__BROKERS", &self.address)
            .with("CLAIMSTREAM__KAFKA__PREFIX", prefix)
            .with("CLAIMSTREAM__KAFKA__GIVE_UP_AFTER", "30s");
        match &self.secured {
            None => site,
            Some((authority, password)) => site
                .with("CLAIMSTREAM__KAFKA__TLS__CA_FILE", &authority.display().to_string())
                .with("CLAIMSTREAM__KAFKA__SASL__USERNAME", "claimstream")
                .with("CLAIMSTREAM__KAFKA__SASL__PASSWORD", password),
        }
    }

    /// Unique for each run, so that a broker that stays has no topics of an earlier one.
    pub fn prefix(&self, name: &str) -> String {
        format!("{name}-{}", std::process::id())
    }

    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.address);
        if let Some((authority, password)) = &self.secured {
            config.set("security.protocol", "sasl_ssl").set("ssl.ca.location", authority.to_str().unwrap());
            config.set("sasl.mechanisms", "SCRAM-SHA-512").set("sasl.username", "claimstream");
            config.set("sasl.password", password);
        }
        config
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.client().create().unwrap()
    }

    pub fn create_topic(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        let topic = settings.iter().fold(topic, |topic, (key, value)| topic.set(key, value));
        wait_for(self.admin().create_topics([&topic], &AdminOptions::new())).unwrap()[0]
            .as_ref()
            .unwrap();
    }

    pub fn set(&self, topic: &str, key: &str, value: &str) {
        let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set(key, value);
        wait_for(self.admin().alter_configs([&change], &AdminOptions::new())).unwrap();
    }

    pub fn delete_topic(&self, name: &str) {
        self.delete_topics(&[name]);
    }

    pub fn delete_topics(&self, names: &[&str]) {
        for deleted in wait_for(self.admin().delete_topics(names, &AdminOptions::new())).unwrap() {
            deleted.unwrap();
        }
    }

    /// Everything of a topic that is committed, partition by partition in its order.
    pub fn committed(&self, topic: &str) -> Vec<Record> {
        self.wait_for_markers(topic);
        let mut config = self.client();
        config.set("group.id", "judge").set("isolation.level", "read_committed");
        config.set("enable.partition.eof", "true").set("enable.auto.commit", "false");
        // The broker says at once that this is the end.
        config.set("fetch.wait.max.ms", "10");
        let consumer: BaseConsumer = config.create().unwrap();
        let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(10)).unwrap();
        let partitions: Vec<i32> = metadata.topics()[0].partitions().iter().map(|partition| partition.id()).collect();
        let mut assignment = TopicPartitionList::new();
        partitions.iter().for_each(|partition| {
            assignment.add_partition_offset(topic, *partition, Offset::Beginning).unwrap();
        });
        consumer.assign(&assignment).unwrap();
        let (mut ended, mut records) = (0, Vec::new());
        let deadline = Instant::now() + Duration::from_secs(30);
        while ended < partitions.len() {
            assert!(Instant::now() < deadline, "{topic}: no end");
            match consumer.poll(Duration::from_millis(100)) {
                None => {}
                Some(Err(KafkaError::PartitionEOF(_))) => ended += 1,
                Some(Err(error)) => panic!("{topic}: {error}"),
                Some(Ok(message)) => records.push(Record::of(&message)),
            }
        }
        records
    }

    /// A commit is answered before each partition has its marker, behind which a reader of what is committed does not
    /// look. A transaction that nobody ends holds up nobody here for long.
    fn wait_for_markers(&self, topic: &str) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.end(topic, "read_committed") < self.end(topic, "read_uncommitted") && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// How many records a topic has, aborted ones and markers among them; 0 while it is not there.
    pub fn high_watermark(&self, topic: &str) -> i64 {
        self.end(topic, "read_committed")
    }

    /// How many records of a topic there are for who reads so.
    fn end(&self, topic: &str, isolation: &str) -> i64 {
        let consumer: BaseConsumer = self.client().set("isolation.level", isolation).create().unwrap();
        let wait = Duration::from_secs(5);
        let Ok(metadata) = consumer.fetch_metadata(None, wait) else { return 0 };
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let partitions = found.map(|found| found.partitions().len()).unwrap_or_default();
        (0..partitions)
            .map(|partition| {
                consumer
                    .fetch_watermarks(topic, i32::try_from(partition).unwrap(), wait)
                    .map_or(0, |(_, high)| high)
            })
            .sum()
    }
}

/// The broker ends when this process has, however it does.
fn stop_after_us(directory: &Path) {
    let watch = "while kill -0 \"$0\" 2>/dev/null; do sleep 0.2; done; exec \"$1\" stop --dir \"$2\"";
    let mut command = Command::new("setsid");
    command.args([
        "--fork",
        "bash",
        "-c",
        watch,
        &std::process::id().to_string(),
        &repository("tests/services/kafka"),
    ]);
    command.arg(directory).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(command.status().unwrap().success());
}

/// A record as a consumer gets it.
#[derive(Debug, Clone)]
pub struct Record {
    pub key: String,
    pub headers: BTreeMap<String, String>,
    pub value: Vec<u8>,
    pub partition: i32,
}

impl Record {
    fn of(message: &impl Message) -> Record {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let headers = message.headers().map(|headers| {
            let header = headers.iter().map(|header| (header.key.to_string(), text(header.value.unwrap_or_default())));
            header.collect()
        });
        Record {
            key: text(message.key().unwrap()),
            headers: headers.unwrap_or_default(),
            value: message.payload().unwrap_or_default().to_vec(),
            partition: message.partition(),
        }
    }

    pub fn id(&self) -> &str {
        &self.headers["ce_id"]
    }

    pub fn seq(&self) -> u64 {
        self.headers["outbox-seq"].parse().unwrap()
    }

    /// As a line of the embedded log, without the headers of the way.
    pub fn as_line(&self) -> Value {
        let mut headers = self.headers.clone();
        assert_eq!(headers.remove("outbox-shard").as_deref(), Some("0"));
        headers.remove("outbox-seq").unwrap();
        let value: Value = serde_json::from_slice(&self.value).unwrap();
        serde_json::json!({"key": self.key, "headers": headers, "value": value})
    }
}

/// Waits for an answer of the admin client, whose own thread brings it.
fn wait_for<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(output) => return output,
            std::task::Poll::Pending => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}
