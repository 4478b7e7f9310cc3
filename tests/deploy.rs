//! What is shipped for operators fits the program: every metric that an alert or a panel names is declared,
//! and the judges that come with Prometheus and systemd agree, where they are installed.
#![allow(clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use claimstream::telemetry;
use serde_json::Value;

const ALERTS: &str = "deploy/prometheus/alerts.yml";
const ALERT_TESTS: &str = "deploy/prometheus/alerts_test.yml";
const DASHBOARD: &str = "deploy/grafana/claimstream.json";
const UNIT: &str = "deploy/systemd/claimstream.service";

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Everything with our prefix in a text, other words of it left out.
fn names_in(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("claims_"))
        .collect()
}

/// The declared metrics as they are scraped.
fn scraped_names() -> BTreeSet<String> {
    let histograms: BTreeSet<&str> = telemetry::histograms().collect();
    let plain = telemetry::METRICS
        .iter()
        .filter(|name| !histograms.contains(*name))
        .map(|name| (*name).to_string());
    let parts = histograms
        .iter()
        .flat_map(|name| ["_bucket", "_sum", "_count"].map(|suffix| format!("{name}{suffix}")));
    plain.chain(parts).collect()
}

fn unknown<'t>(text: &'t str, known: &BTreeSet<String>) -> Vec<&'t str> {
    names_in(text).into_iter().filter(|name| !known.contains(*name)).collect()
}

fn dashboard() -> Value {
    serde_json::from_str(&read(DASHBOARD)).unwrap_or_else(|error| panic!("{DASHBOARD}: {error}"))
}

/// The panels that ask for something.
fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    let panels = dashboard["panels"].as_array().unwrap_or_else(|| panic!("{DASHBOARD} has no panels"));
    panels.iter().filter(|panel| panel["type"] != "row")
}

fn expressions(panel: &Value) -> Vec<&str> {
    let targets = panel["targets"].as_array().unwrap_or_else(|| panic!("{} has no targets", panel["title"]));
    targets
        .iter()
        .map(|target| target["expr"].as_str().unwrap_or_else(|| panic!("{}: a target without expr", panel["title"])))
        .collect()
}

#[test]
fn alerts_and_panels_name_declared_metrics() {
    let known = scraped_names();
    assert_eq!(unknown("sum(claims_no_such_total) + claims_files_total", &known), ["claims_no_such_total"]);
    assert_eq!(
        unknown("claims_decision_seconds", &known),
        ["claims_decision_seconds"],
        "a histogram is scraped in parts"
    );
    for file in [ALERTS, ALERT_TESTS] {
        let text = read(file);
        assert!(unknown(&text, &known).is_empty(), "{file}: {:?}", unknown(&text, &known));
        assert!(!names_in(&text).is_empty());
    }
    let dashboard = dashboard();
    for panel in panels(&dashboard) {
        for expression in expressions(panel) {
            assert!(unknown(expression, &known).is_empty(), "{}: {:?}", panel["title"], unknown(expression, &known));
            assert!(!names_in(expression).is_empty(), "{}: asks for no metric of ours", panel["title"]);
        }
    }
}

/// What nobody looks at need not be recorded.
#[test]
fn every_metric_is_on_the_dashboard_or_in_an_alert() {
    let dashboard = dashboard();
    let texts: Vec<&str> = panels(&dashboard).flat_map(expressions).collect();
    let text = format!("{}{}", texts.join("\n"), read(ALERTS));
    // Counted for those who ask ad hoc.
    let ad_hoc = ["claims_parse_bytes_total", "claims_dlq_redriven_total"];
    let shown = names_in(&text);
    let is_shown = |name: &&&str| shown.contains(**name) || shown.contains(format!("{name}_bucket").as_str()) || ad_hoc.contains(*name);
    let unseen: Vec<&&str> = telemetry::METRICS.iter().filter(|name| !is_shown(name)).collect();
    assert!(unseen.is_empty(), "{unseen:?}");
}

#[test]
fn what_must_be_alerted_on_is() {
    let alerts = read(ALERTS);
    for name in [
        telemetry::CONSERVATION_IMBALANCE,
        telemetry::REMIT_UNBALANCED_TOTAL,
        telemetry::ACKS_OVERDUE,
        telemetry::DUE_CLAIMS,
        telemetry::REMITS_OVERDUE,
        telemetry::REMIT_ANSWERS_TOTAL,
        telemetry::REFDATA_AGE_SECONDS,
        telemetry::SFTP_UP,
        telemetry::DLQ_DEPTH,
        telemetry::OUTBOX_LAG_EVENTS,
        telemetry::WORKER_BEAT_TIMESTAMP_SECONDS,
        telemetry::KAFKA_FENCED_TOTAL,
    ] {
        assert!(names_in(&alerts).contains(name), "no alert on {name}");
    }
}

#[test]
fn the_dashboard_is_one_that_grafana_takes() {
    let dashboard = dashboard();
    assert!(dashboard["schemaVersion"].as_u64().is_some_and(|version| version >= 36));
    for field in ["title", "uid"] {
        assert!(dashboard[field].as_str().is_some_and(|text| !text.is_empty()), "{field}");
    }
    assert!(dashboard.get("id").is_none(), "an id is the importing Grafana's to give");
    let all = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = all.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), all.len(), "panel ids are unique");
    let titles: BTreeSet<&str> = all.iter().map(|panel| panel["title"].as_str().unwrap()).collect();
    assert_eq!(titles.len(), all.len(), "panel titles are unique");
    let mut taken: BTreeSet<(u64, u64)> = BTreeSet::new();
    for panel in all {
        let [x, y, width, height] = ["x", "y", "w", "h"].map(|field| panel["gridPos"][field].as_u64().unwrap_or_else(|| panic!("{}: gridPos", panel["title"])));
        assert!(width > 0 && height > 0 && x + width <= 24, "{}", panel["title"]);
        for cell in (x..x + width).flat_map(|x| (y..y + height).map(move |y| (x, y))) {
            assert!(taken.insert(cell), "{} lies on another panel", panel["title"]);
        }
    }
    for panel in panels(&dashboard) {
        let references: BTreeSet<&str> = panel["targets"]
            .as_array()
            .unwrap()
            .iter()
            .map(|target| target["refId"].as_str().unwrap())
            .collect();
        assert_eq!(references.len(), expressions(panel).len(), "{}", panel["title"]);
        assert!(panel["datasource"].is_object() && panel["fieldConfig"].is_object(), "{}", panel["title"]);
    }
}

#[test]
fn the_unit_file_gives_no_more_than_it_must() {
    let unit = read(UNIT);
    let settings: BTreeSet<&str> = unit.lines().filter(|line| !line.starts_with('#')).collect();
    for setting in [
        "Type=exec",
        "Restart=on-failure",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "DynamicUser=yes",
        "StateDirectory=claimstream",
        "UMask=0077",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "CapabilityBoundingSet=",
        "LimitCORE=0",
    ] {
        assert!(settings.contains(setting), "{setting}");
    }
}

/// A program that is on the path or, for promtool, where `tests/run` puts it; `None` says so.
fn tool(name: &str) -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .map(|target| target.join("test-tools/prometheus/usr/bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = target
        .into_iter()
        .chain(std::env::split_paths(&path))
        .map(|directory| directory.join(name))
        .find(|path| path.is_file());
    if found.is_none() {
        eprintln!("left out: {name} is not installed");
    }
    found
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn promtool_takes_the_rules_and_their_tests_pass() {
    let Some(promtool) = tool("promtool") else { return };
    for (arguments, file) in [(["check", "rules"], ALERTS), (["test", "rules"], ALERT_TESTS)] {
        let run = Command::new(&promtool)
            .args(arguments)
            .arg(file)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(run.status.success(), "{file}: {}", said(&run));
    }
}

#[test]
fn systemd_takes_the_unit() {
    let Some(analyze) = tool("systemd-analyze") else { return };
    // It wants the program to be there.
    let directory = tempfile::tempdir().unwrap();
    let unit = directory.path().join("claimstream.service");
    fs::write(&unit, read(UNIT).replace("/usr/local/bin/claimstream", "/bin/true")).unwrap();
    let run = Command::new(analyze).args(["verify", "--man=no"]).arg(&unit).output().unwrap();
    assert!(run.status.success() && !said(&run).contains("claimstream.service"), "{}", said(&run));
}
