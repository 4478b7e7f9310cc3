//! `topics create|check|tail`: the Kafka topics, and what is in them.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use clap::{ArgAction, Args, Subcommand};
use serde_json::{Map, Value, json};

use super::output::{Exit, Failure, Output};
use crate::config::{Config, Kafka};
use crate::delivery::event_log;
use crate::delivery::kafka::tail::{Reading, Record, read};
use crate::delivery::kafka::topics;
use crate::events::cloudevent::Topic;

/// The Kafka topics, and what is in them.
#[derive(Debug, Subcommand)]
pub enum Topics {
    /// Create the topics that are not there: events, dead letters, progress.
    Create {
        /// Partitions of each topic of events; the progress topic has one.
        #[arg(long, value_name = "N", default_value_t = topics::PARTITIONS, value_parser = clap::value_parser!(i32).range(1..=10_000))]
        partitions: i32,
        /// Replicas of each partition; as the brokers have it by default when left out.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=100))]
        replication: Option<i32>,
    },
    /// Compare the topics with what delivery needs of them.
    Check,
    /// Print a topic's records, one JSON object a line, to what is now its end.
    Tail(Tail),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  claimstream topics tail decisions --committed\n  claimstream topics tail claims.dlq --max 10")]
pub struct Tail {
    /// The topic's name, with or without its prefix.
    topic: String,
    /// Only what is committed, as a consumer with read_committed sees it.
    #[arg(long)]
    committed: bool,
    /// Read from the beginning to what is now the end; else print what comes from now on.
    #[arg(long, value_name = "yes|no", default_value = "yes", value_parser = yes_or_no, action = ArgAction::Set)]
    from_beginning: bool,
    /// Stop after this many records.
    #[arg(long, value_name = "N")]
    max: Option<u64>,
    /// Stop when nothing comes for this many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    timeout: u64,
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("expected yes or no".to_string()),
    }
}

impl Topics {
    pub fn run(self, config: &Config, output: &Output) -> Result<Exit, Failure> {
        match self {
            Topics::Create { partitions, replication } => create(kafka(config)?, partitions, replication, output),
            Topics::Check => check(kafka(config)?, output),
            Topics::Tail(tail) => tail.run(config, output),
        }
    }
}

fn kafka(config: &Config) -> Result<&Kafka, Failure> {
    let missing = "no [kafka] section in the configuration: events go to the embedded event log, which needs no topics";
    config.kafka.as_ref().ok_or_else(|| Failure::usage(missing))
}

fn create(kafka: &Kafka, partitions: i32, replication: Option<i32>, output: &Output) -> Result<Exit, Failure> {
    let created = topics::create(kafka, partitions, replication.unwrap_or(topics::BROKERS_REPLICATION))?;
    output.object(&json!({"type": "result", "created": created, "topics": topics::names(&kafka.prefix)}))?;
    for name in &created {
        output.text(&format!("created {name}"))?;
    }
    if created.is_empty() {
        output.text("every topic is there")?;
    }
    Ok(Exit::Done)
}

fn check(kafka: &Kafka, output: &Output) -> Result<Exit, Failure> {
    let findings = topics::check(kafka)?;
    for finding in &findings {
        let severity = if finding.is_note { "note" } else { "error" };
        output.object(&json!({"type": "finding", "severity": severity, "topic": finding.topic, "message": finding.message}))?;
        output.text(&format!("{severity}: {} {}", finding.topic, finding.message))?;
    }
    let wrong = findings.iter().filter(|finding| !finding.is_note).count();
    output.object(&json!({"type": "result", "topics": topics::names(&kafka.prefix).len(), "findings": wrong}))?;
    output.text(&format!("{} topics, {wrong} findings", topics::names(&kafka.prefix).len()))?;
    Ok(if wrong == 0 { Exit::Done } else { Exit::Findings })
}

impl Tail {
    fn run(self, config: &Config, output: &Output) -> Result<Exit, Failure> {
        let count = match &config.kafka {
            Some(kafka) => self.kafka(kafka)?,
            None => self.event_log(&config.service.data_dir.join("events"))?,
        };
        output.object(&json!({"type": "result", "records": count}))?;
        Ok(Exit::Done)
    }

    fn kafka(&self, kafka: &Kafka) -> Result<u64, Failure> {
        let full = topics::names(&kafka.prefix);
        let with_prefix = format!("{}.{}", kafka.prefix, self.topic);
        let topic = if full.contains(&with_prefix) { &with_prefix } else { &self.topic };
        let reading = Reading {
            committed: self.committed,
            from_beginning: self.from_beginning,
            records_max: self.max.unwrap_or(u64::MAX),
            idle: std::time::Duration::from_secs(self.timeout),
        };
        let mut out = io::stdout().lock();
        read(kafka, topic, reading, |record| -> Result<(), Failure> {
            Ok(writeln!(out, "{}", line(record))?)
        })
    }

    /// The file's lines; the last one may still be being written.
    fn event_log(&self, directory: &Path) -> Result<u64, Failure> {
        let name = self.topic.strip_prefix("claims.").unwrap_or(&self.topic);
        let known = Topic::ALL.into_iter().find(|topic| topic.name() == name);
        let path = known.map(|topic| event_log::path(directory, topic.name())).filter(|path| path.exists());
        let path = path.ok_or_else(|| Failure::not_found(format!("{}: no such topic in {}", self.topic, directory.display())))?;
        let (mut lines, mut line, mut count) = (BufReader::new(File::open(path)?), Vec::new(), 0);
        let mut out = io::stdout().lock();
        while count < self.max.unwrap_or(u64::MAX) && lines.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            out.write_all(&line)?;
            line.clear();
            count += 1;
        }
        Ok(count)
    }
}

/// A record as the event log would have it, and where it stands.
fn line(record: &Record) -> Value {
    let text = |bytes: &[u8]| Value::String(String::from_utf8_lossy(bytes).into_owned());
    let headers: Map<String, Value> = record.headers.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    let value = record.value.as_ref().map(|value| serde_json::from_slice(value).unwrap_or_else(|_| text(value)));
    json!({"key": record.key.as_deref().map(text), "headers": headers, "value": value, "partition": record.partition, "offset": record.offset})
}
