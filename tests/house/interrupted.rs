//! Killed at any moment, a second start ends as if nothing had happened.

use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::answers::{element, segments};
use super::site::{Site, TOPICS};
use super::twice::{events_without_clock, generate, ingest, outbound_without_clock};

/// Small batches, so that there are moments between them.
pub const INFLIGHT: &str = "420";

/// When the process is killed: as soon as this holds of the data directory.
pub type Moment = fn(&Site) -> bool;

const MOMENTS: [(&str, Moment); 5] = [
    ("while the file is sealed or surveyed", |site| count(site, "archive") > 0),
    ("after the first claims are in the ledger", |site| size(site, "ledger.db-wal") > 300_000),
    ("when most claims are in the ledger", |site| size(site, "ledger.db-wal") > 800_000),
    ("when the first events are written", |site| size(site, "events/claims.decisions.ndjson") > 0),
    ("when the first 835 is written", |site| count(site, "outbound/835") > 0),
];

pub fn size(site: &Site, name: &str) -> u64 {
    fs::metadata(site.path("data").join(name)).map_or(0, |metadata| metadata.len())
}

fn count(site: &Site, name: &str) -> usize {
    fs::read_dir(site.path("data").join(name)).map_or(0, Iterator::count)
}

/// Starts an ingest and kills it at the moment; whether it was still running then.
pub fn killed(site: &Site, moment: Moment) -> bool {
    let arguments = ["--data-dir", "data", "ingest", "claims.837", "--received-at", "2026-06-15T09:00:00-07:00"];
    let mut child = site.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let was_running = loop {
        if child.try_wait().unwrap().is_some() {
            break false;
        }
        if moment(site) {
            break true;
        }
        assert!(Instant::now() < deadline, "the moment did not come");
        std::thread::sleep(Duration::from_millis(1));
    };
    child.kill().unwrap();
    child.wait().unwrap();
    was_running
}

/// Decisions in their order; the others, whose order may differ, sorted; arrivals of the same file again
/// left out.
fn comparable(site: &Site, data: &str) -> BTreeMap<&'static str, Vec<String>> {
    let lines = |events: Vec<Value>| -> Vec<String> {
        let new = |event: &&Value| event["headers"]["ce_type"] != "claims.file.duplicate.v1";
        events.iter().filter(new).map(Value::to_string).collect()
    };
    let mut topics: BTreeMap<&str, Vec<String>> = events_without_clock(site, data)
        .into_iter()
        .map(|(topic, events)| (topic, lines(events)))
        .collect();
    topics.values_mut().for_each(|lines| lines.sort());
    let decisions = events_without_clock(site, data).remove("decisions").unwrap();
    topics.insert("decisions", lines(decisions));
    topics
}

#[test]
fn an_interrupted_ingest_ends_as_an_uninterrupted_one() {
    let whole = Site::new().with("CLAIMSTREAM__LIMITS__INFLIGHT_CLAIMS", INFLIGHT);
    generate(&whole, "claims.837", "600");
    ingest(&whole, "data", "claims.837");
    let (events, outbound) = (comparable(&whole, "data"), outbound_without_clock(&whole, "data"));

    let mut interrupted = 0;
    for (what, moment) in MOMENTS {
        // The same keys: tokens are part of what is compared.
        fs::rename(whole.path("data"), whole.path(&format!("before {what}"))).unwrap();
        let site = &whole;
        site.json(&["--data-dir", "data", "refdata", "load", "reference"]).expect(0);
        interrupted += usize::from(killed(site, moment));

        let again = site.json(&["--data-dir", "data", "ingest", "claims.837", "--received-at", "2026-06-15T09:00:00-07:00"]);
        assert!(matches!(again.code, Some(0 | 4)), "{what}: {}", again.stderr);
        let status = site.json(&["--data-dir", "data", "status"]).expect(0).result();
        assert_eq!(
            (&status["conservation"], &status["claims"]["received"]),
            (&0.into(), &600.into()),
            "{what}: {status}"
        );
        assert_eq!(
            (&status["waiting_for_payment"], &status["outbox_lag"]),
            (&0.into(), &0.into()),
            "{what}: {status}"
        );

        assert_eq!(comparable(site, "data"), events, "{what}");
        assert_eq!(outbound_without_clock(site, "data"), outbound, "{what}");
        assert_no_event_twice(site);
        assert_each_claim_is_paid_once(site);
        assert!(
            site.tree("data/archive").keys().all(|name| name.ends_with(".sealed")),
            "{what}: left-overs in the archive"
        );
    }
    assert!(interrupted >= 3, "only {interrupted} runs were interrupted");
}

fn assert_no_event_twice(site: &Site) {
    let ids = || {
        TOPICS
            .into_iter()
            .flat_map(|topic| site.events("data", topic))
            .map(|event| event["headers"]["ce_id"].to_string())
    };
    let unique: std::collections::BTreeSet<String> = ids().collect();
    assert_eq!(unique.len(), ids().count());
}

/// CLP07, our claim number, stands in exactly one 835 for every claim that was paid,
/// denied or forwarded.
fn assert_each_claim_is_paid_once(site: &Site) {
    let mut paid: Vec<String> = site
        .tree("data/outbound/835")
        .values()
        .flat_map(|bytes| element(&segments(bytes), "CLP", 7))
        .collect();
    paid.sort();
    let decided = site.events("data", "decisions");
    let remitted = decided.iter().filter(|event| {
        let outcome = event["value"]["outcome"].as_str().unwrap();
        matches!(outcome, "paid" | "denied" | "forwarded")
    });
    let mut expected: Vec<String> = remitted
        .map(|event| event["value"]["payer_claim_number"].as_str().unwrap().to_string())
        .collect();
    expected.sort();
    assert_eq!(paid, expected);
}
