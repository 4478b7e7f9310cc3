//! The same file: into two houses, on other threads, a second time, under another name, changed.

use std::collections::BTreeMap;

use serde_json::Value;

use super::answers::{event_without_clock, without_clock};
use super::site::{Site, TOPICS};

/// A received-at near the generated dates, so that nothing depends on today.
const RECEIVED: &str = "2026-06-15T09:00:00-07:00";
const ANCHOR: &str = "2026-06-01";

pub fn generate(site: &Site, name: &str, claims: &str) {
    let arguments = [
        "gen", "mix", "--claims", claims, "--seed", "1", "--errors", "10", "--anchor", ANCHOR, "--out", name,
    ];
    site.json(&[&arguments[..], &["--refdata", "reference", "--key", "key.csv"]].concat()).expect(0);
}

/// A data directory that knows the reference data and took in the file.
pub fn ingest(site: &Site, data: &str, file: &str) -> Value {
    site.json(&["--data-dir", data, "refdata", "load", "reference"]).expect(0);
    site.json(&["--data-dir", data, "ingest", file, "--received-at", RECEIVED]).expect(4).result()
}

pub fn again(site: &Site, data: &str, file: &str) -> Value {
    site.json(&["--data-dir", data, "ingest", file, "--received-at", RECEIVED]).expect(0).result()
}

/// Every event of a data directory without `ce_time` and the `*_at` fields, by topic.
pub fn events_without_clock(site: &Site, data: &str) -> BTreeMap<&'static str, Vec<Value>> {
    TOPICS
        .map(|topic| (topic, site.events(data, topic).into_iter().map(event_without_clock).collect()))
        .into()
}

/// Acknowledgements and 835s without what the clock decides.
pub fn outbound_without_clock(site: &Site, data: &str) -> BTreeMap<String, String> {
    let files = site.tree(&format!("{data}/outbound"));
    files.into_iter().map(|(name, bytes)| (name, without_clock(&bytes))).collect()
}

#[test]
fn two_houses_decide_and_say_the_same() {
    let site = Site::new();
    generate(&site, "a.837", "2000");
    generate(&site, "b.837", "2000");
    assert_eq!(
        std::fs::read(site.path("a.837")).unwrap(),
        std::fs::read(site.path("b.837")).unwrap(),
        "gen is deterministic"
    );

    let site = site.with("CLAIMSTREAM__LIMITS__THREADS", "1").with("RAYON_NUM_THREADS", "1");
    let one = ingest(&site, "one", "a.837");
    // Other threads, other batches.
    let site = site
        .with("CLAIMSTREAM__LIMITS__THREADS", "2")
        .with("RAYON_NUM_THREADS", "2")
        .with("CLAIMSTREAM__LIMITS__INFLIGHT_CLAIMS", "3000");
    let two = ingest(&site, "two", "b.837");

    assert_eq!((&one["conservation"], &one["claims"]["received"]), (&0.into(), &2000.into()), "{one}");
    for field in [
        "claims",
        "charge",
        "paid",
        "interest",
        "remittances",
        "events",
        "transaction_sets",
        "interchanges",
    ] {
        assert_eq!(one[field], two[field], "{field}");
    }
    for ((topic, one), (_, two)) in events_without_clock(&site, "one").into_iter().zip(events_without_clock(&site, "two")) {
        assert_eq!(one.len(), two.len(), "{topic}");
        for (one, two) in one.iter().zip(&two) {
            assert_eq!(one, two, "{topic}");
        }
    }
    let (one, two) = (outbound_without_clock(&site, "one"), outbound_without_clock(&site, "two"));
    assert!(one.keys().any(|name| name.ends_with(".835")) && one.keys().any(|name| name.ends_with(".277ca")));
    assert_eq!(one.keys().collect::<Vec<_>>(), two.keys().collect::<Vec<_>>());
    for (name, text) in &one {
        assert_eq!(text, &two[name], "{name}");
    }
}

#[test]
fn a_file_that_comes_again_pays_nothing_more() {
    let site = Site::new();
    generate(&site, "claims.837", "60");
    let first = ingest(&site, "data", "claims.837");
    assert!(first["remittances"].as_u64().unwrap() > 0);
    let paid = site.tree("data/outbound/835");
    let decisions = site.events("data", "decisions").len();

    std::fs::copy(site.path("claims.837"), site.path("renamed.837")).unwrap();
    for name in ["claims.837", "renamed.837"] {
        let again = again(&site, "data", name);
        assert_eq!((&again["duplicates"], &again["remittances"]), (&1.into(), &0.into()), "{again}");
        assert_eq!((&again["claims"]["received"], &again["paid"]), (&0.into(), &"0.00".into()), "{again}");
    }
    assert_eq!(site.tree("data/outbound/835"), paid);
    assert_eq!(site.events("data", "decisions").len(), decisions);
    let kinds: Vec<Value> = site.events("data", "files").iter().map(|event| event["headers"]["ce_type"].clone()).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "claims.file.duplicate.v1").count(), 2);
    let mut ids: Vec<String> = TOPICS
        .iter()
        .flat_map(|topic| site.events("data", topic))
        .map(|event| event["headers"]["ce_id"].as_str().unwrap().to_string())
        .collect();
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "no event id twice");
}

#[test]
fn the_same_bytes_twice_in_one_run_are_one_file() {
    let site = Site::new();
    generate(&site, "claims.837", "20");
    std::fs::copy(site.path("claims.837"), site.path("renamed.837")).unwrap();
    let run = site.json(&["--data-dir", "data", "ingest", "claims.837", "renamed.837", "--received-at", RECEIVED]);
    assert_eq!((&run.result()["files"], &run.result()["duplicates"]), (&2.into(), &1.into()));
    assert_eq!(run.result()["claims"]["received"], 20);
}
