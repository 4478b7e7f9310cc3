//! What is scraped after a file has gone its way is what became of it. One process, one recorder: one test.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use claimstream::clock::Timestamp;
use claimstream::config::Config;
use claimstream::pipeline::gauges::{self, Gauges};
use claimstream::pipeline::house::{House, Opening};
use claimstream::pipeline::seen::Seen;
use claimstream::pipeline::{inbound, outbound, payment_run};
use claimstream::telemetry;

/// The values of a scrape, by name and labels as they stand there.
fn scrape() -> BTreeMap<String, f64> {
    let text = telemetry::install_metrics().unwrap().render();
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(name, value)| (name.to_string(), value.parse().unwrap()))
        .collect()
}

#[test]
fn a_file_is_counted_once_and_as_it_went() {
    telemetry::install_metrics().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut config = Config::parse("test", "", std::iter::empty()).unwrap();
    config.service.data_dir = directory.path().to_path_buf();
    let mut house = House::open(config, Opening::MayCreate).unwrap();
    let seen = Seen::load(&house).unwrap();
    let received_at = Timestamp::now();
    let professional = include_bytes!("../fixtures/valid/837p--dependent-drug-and-other-payer.x12");
    let mut ingest = |bytes: &[u8]| inbound::ingest(&mut house, &seen, &mut { bytes }, None, received_at, &|_, _| {}).unwrap();
    let (report, again, broken) = (ingest(professional), ingest(professional), ingest(b"not X12 at all"));
    assert!(again.is_duplicate && broken.rejected.is_some() && report.counts.received > 0);
    let pay_date = received_at.date_in(house.config.payer.timezone);
    let paid = payment_run::run(&mut house, pay_date, &|_, _| {}).unwrap();
    let delivery = outbound::deliver(&mut house, &|_, _| {}).unwrap();
    let mut looked = Gauges::default();
    looked.refresh(&house.ledger, &house.config, &house.rules).unwrap();
    gauges::describe(&house.directory, house.rules.digest());

    let scraped = scrape();
    let value = |name: &str| scraped.get(name).copied().unwrap_or(-1.0);
    let sum = |name: &str| -> f64 {
        let with_labels = format!("{name}{{");
        scraped
            .iter()
            .filter(|(key, _)| *key == name || key.starts_with(&with_labels))
            .map(|(_, value)| value)
            .sum()
    };
    let counts = report.counts;
    for (name, expected) in [
        ("claims_files_total{partner=\"default\",outcome=\"completed\"}", 1),
        ("claims_files_total{partner=\"default\",outcome=\"duplicate\"}", 1),
        ("claims_files_total{partner=\"default\",outcome=\"rejected\"}", 1),
        ("claims_parse_errors_total{code=\"not-x12\"}", 1),
        ("claims_file_bytes_total{partner=\"default\"}", professional.len() as u64 + 14),
        ("claims_duplicates_total{kind=\"bytes\"}", 1),
        ("claims_received_total{type=\"837p\"}", counts.received),
        ("claims_decisions_total{outcome=\"paid\"}", counts.paid),
        ("claims_decisions_total{outcome=\"denied\"}", counts.denied),
        ("claims_decisions_total{outcome=\"pended\"}", counts.pended),
        ("claims_decisions_total{outcome=\"rejected\"}", counts.rejected),
        ("claims_file_to_decision_seconds_count", 2),
        ("claims_decision_seconds_count", 1),
        ("claims_remits_total{outcome=\"written\"}", paid.remittances),
        ("claims_events_total", delivery.events),
        ("claims_remit_unbalanced_total", 0),
        ("claims_conservation_imbalance", 0),
        ("claims_outbox_lag_events{delivery=\"files\"}", 0),
        ("claims_outbox_lag_events{delivery=\"events\"}", 0),
        ("claims_dlq_depth{stage=\"answer\"}", 0),
        ("claims_acks_overdue", 0),
        ("claims_due_claims{within=\"late\"}", 0),
        ("claims_kafka_fenced_total", 0),
    ] {
        assert_eq!(value(name), expected as f64, "{name}\n{scraped:#?}");
    }
    assert_eq!(sum("claims_decisions_total"), counts.received as f64, "{scraped:#?}");
    assert_eq!(sum("claims_acks_total"), delivery.acknowledgements as f64, "{scraped:#?}");
    assert_eq!(sum("claims_build_info"), 1.0);
    for name in scraped.keys() {
        let metric = name.split('{').next().unwrap_or_default();
        let base = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|suffix| metric.strip_suffix(suffix))
            .unwrap_or(metric);
        assert!(
            telemetry::METRICS.contains(&metric) || telemetry::METRICS.contains(&base),
            "{name} is not declared"
        );
    }
}
