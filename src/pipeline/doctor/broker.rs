//! Kafka from outside: can its brokers be reached?

use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::{Check, Named};
use crate::config::Config;

/// One broker that answers is enough to start from; each is tried for so long.
const PATIENCE: Duration = Duration::from_secs(3);

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
    vec![check.about(silent)]
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
