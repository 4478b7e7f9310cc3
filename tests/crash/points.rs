//! The matrix of failpoints: killed there, out of disk there, an I/O error there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;

use claimstream::failpoints;
use serde_json::Value;

use super::answers::without_clock;
use super::scenario::{COMMANDS, Scenario, each, scenario, was_killed};
use super::site::{Run, Site, TOPICS};
use super::to_kafka;

/// One command, stopped at one point at one of its times.
pub struct Stop {
    pub command: usize,
    pub point: &'static str,
    /// From 1.
    pub time: usize,
    pub how: &'static str,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} at {} time {}", COMMANDS[self.command][..2].join(" "), self.how, self.point, self.time)
    }
}

impl Stop {
    /// For `FAILPOINTS`.
    pub fn order(&self) -> String {
        match self.time {
            1 => format!("{}=1*return({})->off", self.point, self.how),
            time => format!("{}={}*off->1*return({})->off", self.point, time - 1, self.how),
        }
    }
}

/// At how many points.
pub fn points(stops: &[Stop]) -> usize {
    stops.iter().map(|stop| stop.point).collect::<BTreeSet<_>>().len()
}

/// The times at which a point that was reached so often is of interest.
fn times(count: usize) -> BTreeSet<usize> {
    [1, 2, count].into_iter().filter(|time| *time <= count).collect()
}

fn stops(scenario: &Scenario, how: &'static str, times: impl Fn(usize) -> BTreeSet<usize>) -> Vec<Stop> {
    let of_command = |command: usize| scenario.reached[command].iter().map(move |(point, count)| (command, *point, *count));
    let all = (0..COMMANDS.len()).flat_map(of_command);
    all.flat_map(|(command, point, count)| times(count).into_iter().map(move |time| Stop { command, point, time, how }))
        .collect()
}

#[test]
fn no_point_is_dead() {
    let scenario = scenario();
    let reached: BTreeSet<&str> = scenario.reached.iter().flat_map(|reached| reached.keys().copied()).collect();
    let dead: Vec<&&str> = failpoints::ALL
        .iter()
        .filter(|point| !reached.contains(**point) && !OWN_KEYS.contains(point) && !point.starts_with(to_kafka::OWN))
        .collect();
    assert!(dead.is_empty(), "points that the scenario never comes to: {dead:?}");
}

#[test]
fn killed_at_every_point() {
    let scenario = scenario();
    let stops = stops(scenario, "kill", times);
    assert!(stops.len() >= 100, "only {} stops", stops.len());
    each(&stops, |number, stop| {
        let data = format!("kill-{number}");
        scenario.start(&data, stop.command);
        let output = scenario.command(stop.command, &data).env("FAILPOINTS", stop.order()).output().unwrap();
        assert!(was_killed(&output), "it went on: {}", String::from_utf8_lossy(&output.stderr));
        scenario.recover(&data, stop.command);
    });
    println!("{} kills at {} points", stops.len(), points(&stops));
}

/// What is taken back is taken back once: committed and not told yet, it is told by the next start, and paid
/// by its payment run.
#[test]
fn killed_between_a_reversal_and_its_event() {
    let scenario = scenario();
    let (command, point) = (COMMANDS.len() - 1, "inbound::claims::after-append");
    let stop = Stop {
        command,
        point,
        // Of the corrections, which come last.
        time: scenario.reached[command][point],
        how: "kill",
    };
    let data = "killed-after-a-reversal";
    scenario.start(data, command);
    let output = scenario.command(command, data).env("FAILPOINTS", stop.order()).output().unwrap();
    assert!(was_killed(&output), "{}", String::from_utf8_lossy(&output.stderr));
    let ledger = rusqlite::Connection::open(scenario.site.path(data).join("ledger.db")).unwrap();
    let reversed: i64 = ledger.query_row("SELECT count(*) FROM reversed", [], |row| row.get(0)).unwrap();
    let reversed = reversed as usize;
    drop(ledger);
    let told = |data: &str| {
        let events = scenario.site.events(data, "decisions").into_iter();
        events.filter(|event| event["headers"]["ce_type"] == "claims.claim.reversed.v1").count()
    };
    // The last batch has one, of which nobody has heard.
    assert_eq!(reversed, told("whole"));
    assert!(told(data) < reversed);
    scenario.recover(data, command);
}

/// A word of the message by which the person at the terminal knows what failed.
const NAMED: &[(&str, &[&str])] = &[
    ("durable", &["cannot be", "failed", "not released"]),
    ("directory", &["data/", "fault-"]),
    ("archive", &["archive"]),
    ("ledger", &["ledger"]),
    ("line-index", &["line index"]),
    ("refdata", &["refdata"]),
    ("inbound", &["ledger"]),
    ("payment-run", &["ledger"]),
    ("event-log", &["event log"]),
    ("outbound-files", &["outbound file"]),
    ("outbound", &["ledger"]),
];

const SAID: [&str; 4] = ["No space left on device", "Input/output error", "database or disk is full", "disk I/O error"];

#[test]
fn out_of_disk_at_every_point() {
    let scenario = scenario();
    let first_two = |count| (1..=2).filter(|time| *time <= count).collect::<BTreeSet<_>>();
    // In the last command that comes there: what several do is the same code.
    let is_last = |stop: &Stop| !scenario.reached[stop.command + 1..].iter().any(|reached| reached.contains_key(stop.point));
    let stops: Vec<Stop> = ["ENOSPC", "EIO"]
        .into_iter()
        .flat_map(|how| stops(scenario, how, first_two))
        .filter(is_last)
        .collect();
    each(&stops, |number, stop| {
        let data = format!("fault-{number}");
        scenario.start(&data, stop.command);
        let run = Run::of(scenario.command(stop.command, &data).env("FAILPOINTS", stop.order()).output().unwrap()).expect(1);
        let room = stop.point.split("::").next().unwrap();
        let (_, words) = NAMED.iter().find(|(named, _)| *named == room).unwrap();
        let message = run.stderr.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
        assert!(words.iter().any(|word| message.contains(word)), "says not what failed: {message}");
        assert!(SAID.iter().any(|said| message.contains(said)), "says not why: {message}");
        run.says_none_of(&scenario.protected.iter().map(String::as_str).collect::<Vec<_>>());
        scenario.recover(&data, stop.command);
    });
    println!("{} faults at {} points", stops.len(), points(&stops));
}

/// Reached when no key file is configured.
const OWN_KEYS: &[&str] = &["directory::keys::before-write", "directory::keys::after-write"];

/// A start without keys makes them; killed there, nothing was sealed with keys that are lost.
#[test]
fn killed_while_the_keys_are_made() {
    let site = Site::new();
    let arguments = ["gen", "837p", "--claims", "6", "--seed", "4", "--anchor", "2026-06-01", "--out", "claims.837"];
    site.json(&arguments).expect(0);
    let ingest = |data: &str| {
        let mut command = site.command(&["--data-dir", data, "ingest", "claims.837", "--received-at", "2026-06-15T09:00:00-07:00"]);
        command.env_remove("CLAIMSTREAM__PHI__KEY_FILE");
        command
    };
    assert!(matches!(Run::of(ingest("whole").output().unwrap()).code, Some(0 | 4)));
    let whole = comparable(&site, "whole");
    let points = [
        "durable::write::before-sync",
        "durable::publish::before-rename",
        "durable::publish::before-sync",
    ];
    for how in ["kill", "ENOSPC", "EIO"] {
        for point in OWN_KEYS.iter().chain(&points) {
            let output = ingest("data").env("FAILPOINTS", format!("{point}=1*return({how})->off")).output().unwrap();
            assert!(
                was_killed(&output) == (how == "kill") && !output.status.success(),
                "{how} at {point}: {}",
                output.status
            );
            assert!(matches!(Run::of(ingest("data").output().unwrap()).code, Some(0 | 4)), "{point}");
            assert_eq!(comparable(&site, "data"), whole, "{point}");
            assert_eq!(site.tree("data/keys").keys().collect::<Vec<_>>(), ["master.key"], "{point}");
            fs::remove_dir_all(site.path("data")).unwrap();
        }
    }
}

/// Without the clock and without what the keys decide.
fn comparable(site: &Site, data: &str) -> (BTreeMap<String, Value>, BTreeMap<String, String>) {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.retain(|name, _| name != "ce_time" && !name.ends_with("_at") && !name.ends_with("_token"));
                fields.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let events = TOPICS.iter().flat_map(|topic| site.events(data, topic)).map(|mut event| {
        strip(&mut event);
        (event["headers"]["ce_id"].to_string(), event)
    });
    let outbound = site
        .tree(&format!("{data}/outbound"))
        .into_iter()
        .map(|(name, bytes)| (name, without_clock(&bytes)));
    (events.collect(), outbound.collect())
}
