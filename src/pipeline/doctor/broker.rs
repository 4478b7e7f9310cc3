//! Kafka from outside: can its brokers be reached, and are the topics there?

use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::{Check, Named};
use crate::config::{Config, Kafka, Period};
use crate::delivery::kafka::topics;

/// One broker that answers is enough to start from; each is tried for so long.
const PATIENCE: Duration = Duration::from_secs(3);
/// And so long for what they know of the topics.
const TOPICS_PATIENCE: Period = Period::from_secs(10);

pub(super) fn checks(config: &Config) -> Vec<Check> {
    let Some(kafka) = &config.kafka else {
        return vec![Check::skipped("broker", "no [kafka]: events go to the embedded event log")];
    };
    let silent: Vec<String> = kafka
        .brokers
        .iter()
        .filter_map(|broker| Some(format!("{broker}: {}", reach(broker).err()?)))
        .collect();
    let (all, silent) = (kafka.brokers.len(), silent.into_iter().collect::<Named>());
    let reached = all as u64 - silent.count;
    let check = match (reached, silent.count) {
        (0, _) => Check::fail(
            "broker",
            format!("none of {all} broker(s) can be reached"),
            "see that [kafka] brokers is right and a broker runs there; claims are decided meanwhile, and their events wait in the outbox",
        ),
        (_, 0) => Check::ok("broker", format!("{reached} of {all} broker(s) can be reached")),
        _ => Check::warn(
            "broker",
            format!("{reached} of {all} broker(s) can be reached"),
            "see why the others are silent: one more and events stop",
        ),
    };
    let mut checks = vec![check.about(silent)];
    if reached > 0 {
        checks.push(topics(kafka));
    }
    checks
}

/// Are the topics as delivery needs them?
fn topics(kafka: &Kafka) -> Check {
    let remedy = "`claimstream topics create` makes what is missing; see `claimstream topics check`";
    let hasty = Kafka {
        give_up_after: kafka.give_up_after.min(TOPICS_PATIENCE),
        ..kafka.clone()
    };
    match topics::check(&hasty) {
        Ok(findings) => {
            let (notes, wrong): (Vec<_>, Vec<_>) = findings.into_iter().partition(|finding| finding.is_note);
            let named = |findings: Vec<topics::TopicFinding>| findings.into_iter().map(|finding| format!("{}: {}", finding.topic, finding.message)).collect();
            match (wrong.is_empty(), notes.is_empty()) {
                (true, true) => Check::ok("topics", "as delivery needs them"),
                (true, false) => Check::ok("topics", "as delivery needs them, on one broker").about(named(notes)),
                (false, _) => Check::fail("topics", "not as delivery needs them", remedy).about(named(wrong)),
            }
        }
        Err(error) => Check::fail("topics", error.to_string(), remedy),
    }
}

fn reach(broker: &str) -> std::io::Result<()> {
    let mut failed = std::io::Error::other("the name has no address");
    for address in broker.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(_) => return Ok(()),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}
