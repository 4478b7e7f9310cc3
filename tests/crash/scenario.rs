//! The work that is interrupted, and what it must come to.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use claimstream::failpoints;
use claimstream::ids::{ClaimId, FileDigest, PayerClaimNumber};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use super::answers::{event_without_clock, without_clock};
use super::site::{Run, Site, TOPICS, files_below};

/// Batches of three claims, so that there is much between them.
const INFLIGHT: &str = "16";
const RECEIVED: &str = "2026-06-15T09:00:00-07:00";

/// The commands in their order: reference data, more of it, then files of every kind, small ones among
/// them that are taken in together. Without the data directory, which is the caller's.
pub const COMMANDS: [&[&str]; 3] = [
    &["refdata", "load", "reference"],
    &["refdata", "load", "more"],
    &[
        "ingest",
        "two-interchanges.837",
        "small-1.837",
        "small-2.837",
        "small-3.837",
        "small-4.837",
        "small-5.837",
        "small-6.837",
        "small-7.837",
        "small-2.837",
        "note.txt",
        "institutional.837",
        "cut.837",
        "institutional-again.837",
        "corrections.837",
        "--received-at",
        RECEIVED,
    ],
];

/// The one that takes in files.
pub const INGEST: usize = 2;

/// One site with everything in it, and what an uninterrupted run did there.
pub struct Scenario {
    pub site: Site,
    /// Times that each command came to each failpoint.
    pub reached: [BTreeMap<&'static str, usize>; COMMANDS.len()],
    pub whole: Outcome,
    /// Values of the claims that nothing may print.
    pub protected: Vec<String>,
}

/// What a data directory has come to, without what the clock decides.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    /// By `ce_id`; but for arrivals of a file that had arrived before, of which a repeated command makes
    /// more.
    pub events: BTreeMap<String, Value>,
    pub outbound: BTreeMap<String, String>,
    ledger: BTreeMap<&'static str, Vec<String>>,
    names: BTreeSet<String>,
}

/// Made once for all tests.
pub fn scenario() -> &'static Scenario {
    static SCENARIO: OnceLock<Scenario> = OnceLock::new();
    SCENARIO.get_or_init(Scenario::make)
}

impl Scenario {
    fn make() -> Scenario {
        let site = Site::new()
            .with("CLAIMSTREAM__LIMITS__INFLIGHT_CLAIMS", INFLIGHT)
            .with("CLAIMSTREAM__LIMITS__THREADS", "2");
        let protected = inputs(&site);
        let mut scenario = Scenario {
            site,
            reached: Default::default(),
            whole: Outcome {
                events: BTreeMap::new(),
                outbound: BTreeMap::new(),
                ledger: BTreeMap::new(),
                names: BTreeSet::new(),
            },
            protected,
        };
        for command in 0..COMMANDS.len() {
            litter(&scenario.site.path("whole"), command);
            copy(&scenario.site.path("whole"), &scenario.before(command));
            let run = Run::of(scenario.command(command, "whole").env("FAILPOINTS", notes()).output().unwrap());
            assert!(matches!(run.code, Some(0 | 4)), "{}", run.stderr);
            scenario.reached[command] = reached(&run.stderr);
        }
        scenario.whole = scenario.outcome("whole");
        scenario.check_whole();
        scenario
    }

    /// The scenario is rich enough to show something.
    fn check_whole(&self) {
        let kinds: BTreeSet<&str> = self.whole.events.values().map(|event| event["headers"]["ce_type"].as_str().unwrap()).collect();
        for kind in [
            "file.received",
            "file.rejected",
            "file.completed",
            "ack.ta1",
            "ack.999",
            "ack.277ca",
            "claim.rejected",
            "claim.adjudicated",
            "claim.reversed",
            "remit.built",
            "remit.delivered",
        ] {
            assert!(kinds.contains(format!("claims.{kind}.v1").as_str()), "no {kind} in {kinds:?}");
        }
    }

    /// The data directory as it was before a command; with left-overs in it, as of an earlier crash.
    fn before(&self, command: usize) -> std::path::PathBuf {
        self.site.path(&format!("before-{command}"))
    }

    /// A data directory of its own, as it was before a command.
    pub fn start(&self, data: &str, command: usize) {
        copy(&self.before(command), &self.site.path(data));
    }

    pub fn command(&self, command: usize, data: &str) -> Command {
        self.command_at(&self.site, command, data)
    }

    /// A command with the settings of a site that is the scenario's own but for those.
    pub fn command_at(&self, site: &Site, command: usize, data: &str) -> Command {
        let data = self.site.path(data).display().to_string();
        site.command(&[&["--data-dir", &data], COMMANDS[command]].concat())
    }

    /// The same commands again, from the one that was stopped; then nothing tells the directory from that
    /// of an uninterrupted run. What had been visible is still there, to the byte.
    pub fn recover(&self, data: &str, from: usize) {
        let visible = self.visible(data);
        for command in from..COMMANDS.len() {
            let output = self.command(command, data).output().unwrap();
            assert_eq!(output.status.signal(), None, "the second start was killed");
            let run = Run::of(output);
            assert!(matches!(run.code, Some(0 | 4)), "the second start failed: {}", run.stderr);
        }
        self.assert_whole(data);
        let after = self.visible(data);
        let changed: Vec<&String> = visible.difference(&after).map(|(what, _)| what).collect();
        assert!(changed.is_empty(), "was visible and is not, or has changed: {changed:?}");
        fs::remove_dir_all(self.site.path(data)).unwrap();
    }

    pub fn assert_whole(&self, data: &str) {
        let outcome = self.outcome(data);
        let names = |one: &Outcome, other: &Outcome| one.names.difference(&other.names).cloned().collect::<Vec<_>>();
        assert_eq!(
            (names(&outcome, &self.whole), names(&self.whole, &outcome)),
            (vec![], vec![]),
            "files left over, files missing"
        );
        assert_same_events(&outcome.events, &self.whole.events);
        for (name, text) in &self.whole.outbound {
            assert!(&outcome.outbound[name] == text, "{name} differs");
        }
        self.assert_whole_ledger(&outcome.ledger);
    }

    fn assert_whole_ledger(&self, ledger: &BTreeMap<&'static str, Vec<String>>) {
        for (table, rows) in &self.whole.ledger {
            assert!(&ledger[table] == rows, "{table} of the ledger differs");
        }
    }

    /// The same of a directory whose events are elsewhere.
    pub fn assert_whole_but_for_events(&self, data: &str) {
        let outbound = self.outbound(data);
        assert!(outbound.keys().eq(self.whole.outbound.keys()), "outbound files left over or missing");
        for (name, text) in &self.whole.outbound {
            assert!(&outbound[name] == text, "{name} differs");
        }
        self.assert_whole_ledger(&ledger(&self.site.path(data).join("ledger.db")));
    }

    /// What partners and consumers may have read, and where: whole lines of the event log, outbound files.
    fn visible(&self, data: &str) -> BTreeSet<(String, String)> {
        let root = self.site.path(data);
        let mut visible = BTreeSet::new();
        for topic in TOPICS {
            let text = fs::read(root.join(format!("events/claims.{topic}.ndjson"))).unwrap_or_default();
            // What a power loss left of unsynced lines was never promised.
            let lines = text
                .split_inclusive(|byte| *byte == b'\n')
                .filter(|line| line.ends_with(b"}\n") && line.starts_with(b"{") && !line.contains(&0));
            visible.extend(lines.map(|line| (format!("an event of {topic}"), String::from_utf8_lossy(line).into_owned())));
        }
        if root.join("outbound").exists() {
            let files = files_below(&root.join("outbound"))
                .into_iter()
                .filter(|path| path.extension().is_some_and(|kind| kind != "tmp"));
            visible.extend(files.map(|path| (path.strip_prefix(&root).unwrap().display().to_string(), fs::read_to_string(&path).unwrap())));
        }
        visible
    }

    fn outbound(&self, data: &str) -> BTreeMap<String, String> {
        let files = self.site.tree(&format!("{data}/outbound"));
        files.into_iter().map(|(name, bytes)| (name, without_clock(&bytes))).collect()
    }

    pub fn outcome(&self, data: &str) -> Outcome {
        let mut events = BTreeMap::new();
        for event in TOPICS.iter().flat_map(|topic| self.site.events(data, topic)) {
            let id = event["headers"]["ce_id"].as_str().unwrap().to_string();
            if event["headers"]["ce_type"] != "claims.file.duplicate.v1" {
                assert!(events.insert(id, event_without_clock(event)).is_none(), "an event twice");
            }
        }
        let root = self.site.path(data);
        let names = files_below(&root)
            .into_iter()
            .map(|path| path.strip_prefix(&root).unwrap().display().to_string());
        // The index is cut as the batches were; it is compared through the ledger's own runs.
        let is_cut_anew = |name: &str| name.starts_with("ledger.db-") || name.starts_with("index/") && name.ends_with(".run");
        Outcome {
            events,
            outbound: self.outbound(data),
            ledger: ledger(&root.join("ledger.db")),
            names: names.filter(|name| !is_cut_anew(name)).collect(),
        }
    }
}

/// Two interchanges in one file with both forms, an institutional file, one that is cut, one that comes
/// again. Returns names and numbers of members.
fn inputs(site: &Site) -> Vec<String> {
    let make = |form: &str, claims: &str, seed: &str, name: &str, reference: &str| {
        let arguments = [
            "gen",
            form,
            "--claims",
            claims,
            "--seed",
            seed,
            "--errors",
            "15",
            "--anchor",
            "2026-06-01",
            "--out",
            name,
        ];
        site.json(&[&arguments[..], &["--refdata", reference]].concat()).expect(0);
        fs::read_to_string(site.path(name)).unwrap()
    };
    let one = make("mix", "30", "1", "one.837", "reference");
    let two = make("837p", "9", "2", "two.837", "other");
    let institutional = make("837i", "12", "3", "institutional.837", "other");
    for small in 1..=7 {
        let text = make("837p", "1", &(10 + small).to_string(), &format!("small-{small}.837"), "other");
        assert!(text.len() < 2048, "too large to be taken in with others");
    }
    site.file("note.txt", "please call back");
    // Another ISA13, in ISA and IEA.
    let isa13 = |text: &str| text.split('*').nth(13).unwrap().to_string();
    let (before, after) = (isa13(&two), "000000077");
    assert_ne!(before, after);
    site.file("two-interchanges.837", one.clone() + &two.replace(&before, after));
    corrections(site, &one);
    let cut = institutional.find("~\nSE*").or_else(|| institutional.find("~SE*")).unwrap();
    site.file("cut.837", &institutional.replace(&isa13(&institutional), "000000088")[..cut]);
    site.file("institutional-again.837", &institutional);
    let fees = fs::read_to_string(site.path("reference/fee_schedule.csv")).unwrap();
    let last = fees.trim_end().rfind('\n').unwrap();
    site.file("more/fee_schedule.csv", &fees[..=last]);
    let segments = |text: &str| text.split('~').map(|segment| segment.trim().to_string()).collect::<Vec<_>>();
    let members = segments(&(one + &two + &institutional))
        .into_iter()
        .filter(|segment| segment.starts_with("NM1*IL*"));
    let values = members.flat_map(|segment| [3, 9].map(|element| segment.split('*').nth(element).unwrap_or_default().to_string()));
    values.filter(|value| value.len() > 3).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Corrections of the first interchange, under the numbers that its claims have in the file of both.
fn corrections(site: &Site, one: &str) {
    let arguments = "gen mix --claims 30 --seed 1 --errors 15 --anchor 2026-06-01 --out one-again.837 --corrections corrections.837";
    site.json(&arguments.split(' ').collect::<Vec<_>>()).expect(0);
    assert_eq!(fs::read_to_string(site.path("one-again.837")).unwrap(), one);
    let digest = |name: &str| {
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &fs::read(site.path(name)).unwrap());
        FileDigest::from_bytes(hash.as_ref().try_into().unwrap())
    };
    let (alone, both) = (digest("one-again.837"), digest("two-interchanges.837"));
    let mut text = fs::read_to_string(site.path("corrections.837")).unwrap();
    for (st_byte, _) in one.match_indices("ST*837*") {
        for ordinal in 1..=30 {
            let number = |file| PayerClaimNumber::of(&ClaimId::derive(file, st_byte as u64, ordinal)).to_string();
            text = text.replace(&number(&alone), &number(&both));
        }
    }
    site.file("corrections.837", text);
}

/// Events by `ce_id` are those that are expected, and no other.
pub fn assert_same_events(found: &BTreeMap<String, Value>, expected: &BTreeMap<String, Value>) {
    let ids = |one: &BTreeMap<String, Value>, other: &BTreeMap<String, Value>| one.keys().filter(|id| !other.contains_key(*id)).count();
    assert_eq!((ids(found, expected), ids(expected, found)), (0, 0), "events too many, events missing");
    for (id, event) in expected {
        assert!(&found[id] == event, "event {id} differs");
    }
}

/// What an earlier crash may have left behind, so that the steps that remove it are reached.
fn litter(data: &Path, command: usize) {
    if command == 0 {
        return;
    }
    for name in ["archive/incoming-1.tmp", "archive/incoming-2.tmp", "index/lines-1.tmp", "index/lines-2.tmp"] {
        fs::write(data.join(name), "half").unwrap();
    }
    if command == 1 {
        // Its name is the digest that the load will have.
        let probe = data.with_file_name("probe");
        copy(data, &probe);
        let site = data.parent().unwrap();
        let mut load = Command::new(env!("CARGO_BIN_EXE_claimstream"));
        load.args(["--json", "--data-dir"]).arg(&probe).args(COMMANDS[1]).current_dir(site);
        load.env_clear().env("CLAIMSTREAM__PHI__KEY_FILE", site.join("master.key"));
        let result: Value = serde_json::from_slice(&load.output().unwrap().stdout).unwrap();
        let digest = result["digest"].as_str().unwrap().trim_start_matches("b3:").to_string();
        fs::remove_dir_all(probe).unwrap();
        let staging = data.join(format!("refdata/{digest}.tmp"));
        fs::create_dir(&staging).unwrap();
        fs::write(staging.join("members.csv.sealed"), "half").unwrap();
    }
}

/// How often the points were reached, by what a run that was told to note it said.
pub fn reached(stderr: &str) -> BTreeMap<&'static str, usize> {
    let mut reached = BTreeMap::new();
    for name in stderr.lines().filter_map(|line| line.strip_prefix("reached ")) {
        let name = failpoints::ALL.iter().find(|point| **point == name).unwrap();
        *reached.entry(*name).or_default() += 1;
    }
    reached
}

/// For `FAILPOINTS`: say of every point that it was reached.
pub fn notes() -> String {
    let notes: Vec<String> = failpoints::ALL.iter().map(|point| format!("{point}=return(note)")).collect();
    notes.join(";")
}

/// What the ledger holds apart from its sealed facts (the events are those): by table, as text. Positions
/// are left out, since a file that arrives once more takes one; that they have no gap is asked instead.
fn ledger(path: &Path) -> BTreeMap<&'static str, Vec<String>> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let rows = |query: &str| -> Vec<String> {
        let mut statement = connection.prepare(query).unwrap();
        let mut rows: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        rows.sort();
        rows
    };
    let entries = |table: &str, width: usize| -> Vec<String> {
        let mut statement = connection.prepare(&format!("SELECT entries FROM {table}")).unwrap();
        let runs: Vec<Vec<u8>> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let mut entries: Vec<String> = runs
            .iter()
            .flat_map(|run| run.chunks(width))
            .map(|entry| format!("{:x?}", &entry[..entry.len().min(32)]))
            .collect();
        entries.sort();
        entries
    };
    let claims = entries("claim_run", 24).into_iter().map(|entry| entry.split(", ").take(16).collect()).collect();
    BTreeMap::from([
        ("reversed", rows("SELECT hex(claim) FROM reversed")),
        ("payee_balance", rows("SELECT CAST(owed AS TEXT) FROM payee_balance")),
        ("whole", rows("SELECT integrity_check FROM pragma_integrity_check")),
        (
            "journal without a gap, all of it delivered",
            rows("SELECT (max(seq) = count(*)) || ' ' || (max(seq) = (SELECT min(json_extract(state, '$.seq')) FROM delivery)) FROM journal"),
        ),
        (
            "file",
            rows("SELECT hex(digest) || partner || bytes || state || json_extract(progress, '$.claims') || json_extract(progress, '$.counts') FROM file"),
        ),
        (
            "control_number",
            rows("SELECT sender || receiver || isa13 || hex(digest) FROM control_number JOIN file ON number = file"),
        ),
        ("lines", entries("line_run", 32)),
        ("claims", claims),
        ("unit_use", rows("SELECT authorization_row || ' ' || units FROM unit_use")),
        ("payee", rows("SELECT number || '' FROM payee")),
        ("payable", rows("SELECT payee || ' ' || charge || ' ' || paid FROM payable")),
        ("counter", rows("SELECT name || ' ' || value FROM counter")),
    ])
}

/// Copies a directory, if it is there.
pub fn copy(from: &Path, to: &Path) {
    let Ok(entries) = fs::read_dir(from) else { return };
    fs::create_dir_all(to).unwrap();
    for entry in entries {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

pub fn was_killed(output: &Output) -> bool {
    output.status.signal() == Some(9)
}

/// A setting of the long run.
pub fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Does every task, two at a time, and fails with all that failed.
pub fn each<T: Sync + std::fmt::Display>(tasks: &[T], work: impl Fn(usize, &T) + Sync) {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut failed = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(task) = tasks.get(number) else { break failed };
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(number, task))) {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_string()));
                failed.push(format!("{task}: {}", text.unwrap_or_default()));
            }
        }
    };
    let failed: Vec<String> = std::thread::scope(|scope| {
        let workers = [(); 2].map(|()| scope.spawn(worker));
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(failed.is_empty(), "{} of {} failed\n{}", failed.len(), tasks.len(), failed.join("\n\n"));
}
