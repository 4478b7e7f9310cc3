//! The command line as a contract: JSON on every command, exit codes, one process at a time.

use std::fs;
use std::io::{Read, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

use claimstream::adjudication::rule_id::RuleId;
use claimstream::tables::rules::RulePack;

use super::site::{Run, Site, repository};

const STORY: &str = "fixtures/story/two-lines-one-late.x12";
const REFERENCE: &str = "fixtures/story/reference";

/// A data directory in which the story has been told, and its claim.
fn told() -> (Site, String) {
    let site = Site::new();
    site.json(&["--data-dir", "data", "refdata", "load", &repository(REFERENCE)]).expect(0);
    let arguments = [
        "--data-dir",
        "data",
        "ingest",
        &repository(STORY),
        "--received-at",
        "2026-01-16T12:00:00-08:00",
        "--pay-date",
        "2026-02-20",
    ];
    site.json(&arguments).expect(0);
    let claim = site.claims_that_are("data", "paid").remove(0);
    (site, claim)
}

#[test]
fn every_command_speaks_json() {
    let (site, claim) = told();
    let (story, reference) = (repository(STORY), repository(REFERENCE));
    let remittance = format!("data/outbound/835/{}", site.tree("data/outbound/835").first_key_value().unwrap().0);
    for command in [
        "demo --claims 20".to_string(),
        "gen mix --claims 5 --seed 3 --out made.837 --refdata made --key made.csv".to_string(),
        format!("ingest {story}"),
        format!("validate {story} --ack-dir acks"),
        format!("inspect {story}"),
        format!("inspect {story} --at 200"),
        "status".to_string(),
        format!("status {story}"),
        format!("status {claim}"),
        format!("explain {claim} --line 2 --verify"),
        "replay --all --dry-run".to_string(),
        "remit build --dry-run".to_string(),
        "remit build --pay-date 2026-02-21".to_string(),
        format!("remit check {remittance}"),
        "remit show".to_string(),
        "dlq ls".to_string(),
        "dlq redrive --all --dry-run".to_string(),
        "topics tail decisions --max 1".to_string(),
        format!("refdata load {reference} --dry-run"),
        format!("refdata load {reference}"),
        "refdata status".to_string(),
        "signals upcoding".to_string(),
        "rules check".to_string(),
        format!("rules check {}", repository("config/rules")),
        format!("rules test --examples {}", repository("fixtures/rules")),
        format!("rules test --coverage --examples {}", repository("fixtures/rules")),
        format!("bench {story} --refdata {reference}"),
        "doctor".to_string(),
        "doctor --deep".to_string(),
        "backup copy".to_string(),
        "restore copy".to_string(),
        "config check".to_string(),
        "config show".to_string(),
        "completions bash".to_string(),
        "completions zsh".to_string(),
        "completions fish".to_string(),
    ] {
        // Neither replaces what is in use: a demo the reference data, a restore anything.
        let data = if command.starts_with("demo") || command.starts_with("restore") {
            command.split(' ').next().unwrap()
        } else {
            "data"
        };
        let arguments: Vec<&str> = ["--data-dir", data].into_iter().chain(command.split(' ')).collect();
        let run = site.json(&arguments).expect(0);
        assert_eq!(run.of_type("result").len(), 1, "{command}: one result, the last line");
        run.result();
    }
}

#[test]
fn every_shell_gets_its_completions() {
    let site = Site::new();
    for shell in ["bash", "zsh", "fish"] {
        let run = site.run(&["completions", shell]).expect(0);
        assert!(run.stdout.contains("claimstream") && run.stdout.contains("refdata"), "{shell}");
    }
}

/// A failure says so on stderr, as JSON with its code when JSON was asked for, and on stdout nothing.
fn fails(run: Run, code: i32, says: &[&str]) {
    let run = run.expect(code);
    assert_eq!(run.stdout, "");
    for text in says {
        assert!(run.stderr.contains(text), "{text} is not in {}", run.stderr);
    }
}

#[test]
fn a_rule_pack_is_checked_and_tested_before_it_decides() {
    let site = Site::new();
    let examples = repository("fixtures/rules");
    let pack = |name: &str, from: &str, to: &str| {
        let text = RulePack::EMBEDDED_TEXT.replace(from, to);
        assert_ne!(text, RulePack::EMBEDDED_TEXT);
        site.file(&format!("{name}/calop.toml"), text);
        site.path(name).display().to_string()
    };
    let unread = pack("unread", "auto_match = true", "auto_match = yes");
    fails(site.run(&["rules", "check", &unread]), 2, &["line ", "column 14"]);
    let dead = pack("dead", "carc = \"147\"", "carc = \"15\"");
    fails(site.run(&["rules", "check", &dead]), 2, &["deactivated"]);
    fails(site.run(&["rules", "check", "nowhere"]), 3, &["calop.toml"]);
    fails(site.run(&["rules", "test", "--examples", "nowhere"]), 3, &["nowhere"]);
    // It can be used, and decides otherwise: an example says so.
    let stricter = pack("stricter", "auto_match = true", "auto_match = false");
    site.run(&["rules", "check", &stricter]).expect(0);
    let run = site.json(&["rules", "test", &stricter, "--examples", &examples]).expect(4);
    let named = |name: &str| run.of_type("example").into_iter().find(|example| example["name"] == name).unwrap();
    let otherwise = named("PA-9--found-without-a-number");
    assert_eq!((&otherwise["holds"], &otherwise["found"][0]), (&false.into(), &"denied CO-197 50.00".into()));
    assert_eq!(named("PA-9--units-are-left")["holds"], true, "its number is on the claim");
    let failed = run.of_type("example").iter().filter(|example| example["holds"] == false).count();
    assert_eq!(run.result()["failed"], failed);
    let covered = site.json(&["rules", "test", "--coverage", "--examples", &examples]).expect(0);
    assert_eq!(covered.result()["never_fired"], serde_json::json!([]));
    assert_eq!(covered.of_type("rule").len(), RuleId::ALL.len());
    // Without examples hardly any rule fires.
    site.file("none/notes.txt", "");
    let run = site.json(&["rules", "test", "--coverage", "--examples", "none"]).expect(4);
    assert!(run.result()["never_fired"].as_array().unwrap().len() > 20);
}

#[test]
fn bad_usage_and_bad_configuration_are_exit_2() {
    let site = Site::new();
    fails(site.run(&["ingest", "--no-such-flag", "x"]), 2, &["--no-such-flag"]);
    fails(site.run(&["ingest"]), 2, &["FILE"]);
    fails(site.run(&["ingest", "x", "--received-at", "yesterday"]), 2, &["RFC 3339"]);
    fails(site.run(&["validate", "x", "--snip", "0-9"]), 2, &["1 to 7"]);
    fails(
        site.run(&["gen", "mix", "--claims", "5", "--seed", "1", "--errors", "95", "--out", "x"]),
        2,
        &[],
    );
    fails(site.run(&["replay", "--all"]), 2, &["--dry-run"]);
    fails(site.run(&["--json", "gen", "mix", "--claims", "5", "--seed", "1"]), 2, &["--out", "\"code\":2"]);
    let config = site.file("config.toml", "[payer]\ntimezon = \"America/Los_Angeles\"\n");
    fails(site.run(&["--config", &config, "config", "check"]), 2, &["timezon", "timezone", "config.toml"]);
    let config = site.file("config.toml", "[limts]\nthreads = 1\n");
    fails(
        site.run(&["--json", "--config", &config, "config", "check"]),
        2,
        &["limts", "limits", "\"type\":\"error\""],
    );
    fails(site.run(&["--config", "missing.toml", "config", "check"]), 2, &["missing.toml"]);
    fails(
        site.run(&["--data-dir", "data", "ingest", &repository(STORY), "--partner", "nobody"]),
        2,
        &["nobody"],
    );
    let site = site.with("CLAIMSTREAM__LIMITS__THREDS", "2");
    fails(site.run(&["config", "check"]), 2, &["CLAIMSTREAM__LIMITS__THREDS", "threads"]);
}

#[test]
fn what_is_not_there_is_exit_3() {
    let site = Site::new();
    let unknown = "0123456789abcdef0123456789abcdef";
    fails(site.run(&["--data-dir", "data", "ingest", "missing.837"]), 3, &["missing.837"]);
    fails(site.run(&["validate", "missing.837"]), 3, &["missing.837"]);
    fails(site.run(&["inspect", "missing.837"]), 3, &["missing.837"]);
    fails(site.run(&["inspect", &repository(STORY), "--at", "99999999"]), 3, &["99999999", "bytes"]);
    fails(site.run(&["bench", "missing.837"]), 3, &["missing.837"]);
    fails(site.run(&["remit", "check", "missing.835"]), 3, &["missing.835"]);
    fails(site.run(&["--data-dir", "data", "refdata", "load", "missing"]), 3, &["missing"]);
    fails(site.run(&["--data-dir", "data", "explain", unknown]), 3, &[unknown]);
    fails(site.run(&["--data-dir", "data", "status", unknown]), 3, &[unknown]);
    fails(site.run(&["--json", "--data-dir", "data", "status", "missing.837"]), 3, &["\"code\":3"]);
}

#[test]
fn a_second_process_is_told_to_try_again() {
    let site = Site::new();
    let mut command = site.command(&["--data-dir", "data", "--json", "ingest", "-"]);
    let mut first = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while !site.path("data/archive").exists() || fs::read_dir(site.path("data/archive")).unwrap().count() == 0 {
        assert!(Instant::now() < deadline, "the first process has not begun");
        std::thread::sleep(Duration::from_millis(5));
    }
    fails(site.run(&["--data-dir", "data", "remit", "build"]), 75, &["in use"]);
    fails(site.run(&["--data-dir", "data", "ingest", &repository(STORY)]), 75, &["in use"]);
    // A look disturbs nobody.
    site.run(&["--data-dir", "data", "status"]).expect(0);

    // The first one was not disturbed.
    first.stdin.take().unwrap().write_all(&fs::read(repository(STORY)).unwrap()).unwrap();
    let mut said = String::new();
    first.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(first.wait().unwrap().success());
    assert!(said.contains("\"received\":1"), "{said}");
    site.run(&["--data-dir", "data", "status"]).expect(0);
}

#[test]
fn an_835_that_was_changed_does_not_balance() {
    let (site, _) = told();
    let bytes = site.tree("data/outbound/835").into_values().next().unwrap();
    let text = String::from_utf8(bytes).unwrap();
    site.json(&["remit", "check", &site.file("whole.835", &text)]).expect(0);
    for (name, old, new) in [
        ("payment", "BPR*I*122.3*", "BPR*I*122.4*"),
        ("claim-payment", "*225*122.05**", "*225*122.06**"),
        ("line-payment", "*150*122.05**", "*150*122.5**"),
        ("adjustment", "CAS*CO*45*27.95", "CAS*CO*45*27.94"),
        ("interest", "*-0.25~", "*0.25~"),
    ] {
        assert_eq!(text.matches(old).count(), 1, "{old}");
        let path = site.file(name, text.replace(old, new));
        let run = site.json(&["remit", "check", &path]).expect(5);
        assert_eq!(run.result()["unbalanced"], 1, "{name}");
        assert!(!run.of_type("finding").is_empty(), "{name}");
        run.says_none_of(&["TESTCEDAR", "SAGE", "91234573C", "PCNCEDAR"]);
    }
    let cut = site.file("cut", &text[..text.len() / 2]);
    fails(site.run(&["remit", "check", &cut]), 5, &["cut"]);
}

#[test]
fn a_bad_row_of_reference_data_changes_nothing() {
    let (site, _) = told();
    let status = |site: &Site| site.json(&["--data-dir", "data", "refdata", "status"]).expect(0).result();
    let before = status(&site);
    for table in ["members.csv", "providers.csv", "fee_schedule.csv"] {
        let text = fs::read_to_string(format!("{}/{table}", repository(REFERENCE))).unwrap();
        site.file(&format!("bad/{table}"), text.replace("1985-03-09", "1985-13-99"));
    }
    for option in [&["--dry-run"][..], &[]] {
        let run = site.run(&[&["--data-dir", "data", "refdata", "load", "bad"], option].concat());
        fails(run, 2, &["members.csv", "birth_date", "2"]);
        let run = site.run(&[&["--data-dir", "data", "refdata", "load", "bad"], option].concat());
        run.says_none_of(&["1985-13-99", "91234573C"]);
    }
    assert_eq!(status(&site), before);
}
