//! What Kafka gets is what the embedded event log gets.

use std::collections::BTreeMap;

use serde_json::Value;

use super::answers::event_without_clock;
use super::broker::{Broker, Record, shared};
use super::site::{Site, TOPICS};

pub const RECEIVED: &str = "2026-06-15T09:00:00-07:00";

pub fn generate(site: &Site, name: &str, claims: &str, seed: &str) {
    let arguments = [
        "gen",
        "mix",
        "--claims",
        claims,
        "--seed",
        seed,
        "--errors",
        "10",
        "--anchor",
        "2026-06-01",
        "--out",
        name,
    ];
    site.json(&[&arguments[..], &["--refdata", "reference", "--key", "key.csv"]].concat()).expect(0);
}

/// A run without Kafka on the same keys: what should be published.
pub fn ingest_to_log(site: &Site, data: &str, file: &str) -> Value {
    let site = site.without("CLAIMSTREAM__KAFKA__");
    site.json(&["--data-dir", data, "refdata", "load", "reference"]).expect(0);
    let run = site.json(&["--data-dir", data, "ingest", file, "--received-at", RECEIVED]);
    assert!(matches!(run.code, Some(0 | 4)), "{}", run.stderr);
    run.result()
}

/// All events of an outbox on a broker by topic, without receipts of a file that came again.
pub fn published(broker: &Broker, prefix: &str) -> BTreeMap<&'static str, Vec<Record>> {
    let new = |record: &Record| record.headers["ce_type"] != "claims.file.duplicate.v1";
    TOPICS
        .map(|topic| {
            let records = broker.committed(&format!("{prefix}.{topic}"));
            (topic, records.into_iter().filter(new).collect())
        })
        .into()
}

/// Fails unless the broker has exactly the events of the log, each once, those of a key in their order.
pub fn assert_as_logged(site: &Site, data: &str, published: &BTreeMap<&'static str, Vec<Record>>) {
    for (topic, records) in published {
        let logged = site.events(data, topic);
        assert_eq!(by_key(logged.into_iter()), by_key(records.iter().map(Record::as_line)), "{topic}");
        let mut ids: Vec<&str> = records.iter().map(Record::id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), records.len(), "{topic}: an event twice");
        let mut last: BTreeMap<i32, u64> = BTreeMap::new();
        for record in records {
            let before = last.insert(record.partition, record.seq()).unwrap_or(0);
            assert!(before <= record.seq(), "{topic}: {} after {before}", record.seq());
        }
    }
}

/// Events of each key in their order, without clock values. Rounds decide in which order remittances are
/// built and told to be delivered, so `ce_type` and id order those of one key.
fn by_key(events: impl Iterator<Item = Value>) -> BTreeMap<String, Vec<String>> {
    let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for event in events.into_iter().map(event_without_clock) {
        keys.entry(event["key"].to_string()).or_default().push(event.to_string());
    }
    keys
}

#[test]
fn kafka_gets_what_the_embedded_log_gets() {
    let Some(broker) = shared() else { return };
    let (site, prefix) = (broker.site("same"), broker.prefix("same"));
    generate(&site, "claims.837", "120", "1");
    let logged = ingest_to_log(&site, "log", "claims.837");
    site.json(&["--data-dir", "data", "refdata", "load", "reference"]).expect(0);
    let ingest = ["--data-dir", "data", "ingest", "claims.837", "--received-at", RECEIVED];
    let result = site.json(&ingest).expect(4).result();
    assert_eq!((&result["events"], &result["claims"]), (&logged["events"], &logged["claims"]));
    let first = published(&broker, &prefix);
    assert!(first.values().map(Vec::len).sum::<usize>() > 120, "{first:?}");
    assert_as_logged(&site, "log", &first);
    assert!(
        !site.path("data/events/claims.decisions.ndjson").exists(),
        "the log is not written beside Kafka"
    );

    // The same file again: only its receipt is told.
    assert_eq!(site.json(&ingest).expect(0).result()["events"], 1);
    assert_as_logged(&site, "log", &published(&broker, &prefix));
    let files = broker.committed(&format!("{prefix}.files"));
    assert_eq!(files.iter().filter(|record| record.headers["ce_type"] == "claims.file.duplicate.v1").count(), 1);
    assert_eq!(site.json(&["--data-dir", "data", "status"]).expect(0).result()["outbox_lag"], 0);

    // The embedded log, taken up by the same ledger afterwards, begins with all of it.
    let plain = site.without("CLAIMSTREAM__KAFKA__");
    plain.json(&ingest).expect(0);
    assert_eq!(plain.events("data", "decisions").len(), 120);
}
