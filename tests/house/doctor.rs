//! `doctor`: each fault, made for real on a real data directory, is found and named.

use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Stdio;

use claimstream::events::fact::{Answer, Fact};
use claimstream::ledger::Ledger;
use claimstream::ledger::sqlite::SqliteLedger;
use claimstream::sealing::Keys;
use rusqlite::Connection;
use serde_json::Value;

use super::interrupted::{INFLIGHT, Moment, killed, size};
use super::site::{Run, Site, files_below, repository};
use super::twice::{generate, ingest};

/// A house that took in sixty claims.
fn told() -> Site {
    let site = Site::new();
    generate(&site, "claims.837", "60");
    ingest(&site, "data", "claims.837");
    site
}

fn doctor(site: &Site, options: &[&str]) -> Run {
    site.json(&[&["--data-dir", "data", "doctor"], options].concat())
}

fn check(run: &Run, name: &str) -> Value {
    let found = run.of_type("check").into_iter().find(|check| check["check"] == name);
    found.unwrap_or_else(|| panic!("no check {name}: {}", run.stdout))
}

fn flip(path: &std::path::Path, from_the_end: usize) {
    let mut bytes = fs::read(path).unwrap();
    let byte = bytes.len() - from_the_end;
    bytes[byte] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn first_below(site: &Site, directory: &str, ending: &str) -> std::path::PathBuf {
    let files = files_below(&site.path(directory)).into_iter();
    files.into_iter().find(|path| path.to_str().unwrap().ends_with(ending)).unwrap()
}

fn sql(site: &Site, statement: &str) {
    let connection = Connection::open(site.path("data/ledger.db")).unwrap();
    assert!(connection.execute(statement, []).unwrap() > 0, "{statement}");
}

/// The journal, as the ledger opens it.
fn facts(site: &Site) -> Vec<(u64, Fact)> {
    let keys = Keys::parse(&fs::read_to_string(site.path("master.key")).unwrap()).unwrap();
    SqliteLedger::open_to_read(&site.path("data/ledger.db"), &keys)
        .unwrap()
        .facts(1, 10_000)
        .unwrap()
}

#[test]
fn a_sound_house_is_sound_and_stays_as_it_is() {
    let site = told();
    let before = site.tree("data");
    for options in [&[][..], &["--deep"]] {
        let run = doctor(&site, options).expect(0);
        let wrong = run
            .of_type("check")
            .into_iter()
            .filter(|check| !matches!(check["state"].as_str(), Some("ok" | "skipped")));
        assert_eq!(wrong.count(), 0, "{}", run.stdout);
        assert_eq!((&run.result()["fail"], &run.result()["warn"]), (&0.into(), &0.into()));
    }
    assert!(site.tree("data") == before, "a look changed something");
    let text = site.run(&["--data-dir", "data", "doctor"]).expect(0);
    assert!(
        text.stdout.contains("ok       archive") && text.stdout.contains("every byte of them authentic"),
        "{}",
        text.stdout
    );
}

/// A fault: what is done, which check finds it, how, with which exit, and what it must name.
struct Fault {
    name: &'static str,
    make: fn(&Site) -> String,
    check: &'static str,
    state: &'static str,
    exit: i32,
}

const FAULTS: [Fault; 20] = [
    Fault {
        name: "a byte of the archive is flipped",
        make: flipped_archive,
        check: "archive",
        state: "fail",
        exit: 5,
    },
    Fault {
        name: "a header of the archive is changed",
        make: changed_header,
        check: "archive",
        state: "fail",
        exit: 5,
    },
    Fault {
        name: "a sealed copy is gone",
        make: lost_copy,
        check: "archive",
        state: "fail",
        exit: 5,
    },
    Fault {
        name: "the key file is gone",
        make: lost_key,
        check: "keys",
        state: "fail",
        exit: 4,
    },
    Fault {
        name: "the key file is another one",
        make: other_key,
        check: "keys",
        state: "fail",
        exit: 4,
    },
    Fault {
        name: "the key file is none",
        make: no_key,
        check: "keys",
        state: "fail",
        exit: 4,
    },
    Fault {
        name: "a file is open to others",
        make: open_mode,
        check: "data-directory",
        state: "warn",
        exit: 4,
    },
    Fault {
        name: "the event log is cut",
        make: cut_log,
        check: "event-log",
        state: "fail",
        exit: 5,
    },
    Fault {
        name: "the event log has more than recorded",
        make: longer_log,
        check: "event-log",
        state: "warn",
        exit: 4,
    },
    Fault {
        name: "an acknowledgement was taken",
        make: taken_answer,
        check: "outbound",
        state: "warn",
        exit: 4,
    },
    Fault {
        name: "an entry of the journal is deleted",
        make: deleted_entry,
        check: "journal",
        state: "fail",
        exit: 5,
    },
    Fault {
        name: "an entry of the journal is changed",
        make: changed_entry,
        check: "journal",
        state: "fail",
        exit: 5,
    },
    Fault {
        name: "a decided claim is deleted",
        make: deleted_claim,
        check: "conservation",
        state: "fail",
        exit: 5,
    },
    Fault {
        name: "a 277CA is deleted",
        make: deleted_277ca,
        check: "acknowledgements",
        state: "fail",
        exit: 5,
    },
    Fault {
        name: "the end of the journal is gone",
        make: cut_journal,
        check: "outbox",
        state: "fail",
        exit: 5,
    },
    Fault {
        name: "a count of the ledger is changed",
        make: changed_count,
        check: "conservation",
        state: "fail",
        exit: 5,
    },
    Fault {
        name: "pages of the ledger are overwritten",
        make: damaged_pages,
        check: "ledger",
        state: "fail",
        exit: 5,
    },
    Fault {
        name: "reference data is changed",
        make: changed_reference,
        check: "reference-data",
        state: "fail",
        exit: 5,
    },
    Fault {
        name: "reference data is gone",
        make: lost_reference,
        check: "reference-data",
        state: "fail",
        exit: 5,
    },
    Fault {
        name: "the ledger is of a newer program",
        make: newer_schema,
        check: "schema",
        state: "fail",
        exit: 4,
    },
];

#[test]
fn each_fault_is_named() {
    let site = told();
    for fault in FAULTS {
        // The same house each time: a copy of it is broken.
        let broken = Site::new();
        for (name, bytes) in site.tree("") {
            broken.file(&name, bytes);
        }
        for path in files_below(&broken.path("data")) {
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            for directory in path.ancestors().skip(1).take_while(|path| path.starts_with(broken.path("data"))) {
                fs::set_permissions(directory, Permissions::from_mode(0o700)).unwrap();
            }
        }
        let named = (fault.make)(&broken);
        // Beside the gap that is left, nothing is damaged: a claim waits for its answer.
        let is_damage = fault.exit == 5 && fault.check != "acknowledgements";
        let run = doctor(&broken, &[]).expect(fault.exit);
        let found = check(&run, fault.check);
        assert_eq!(
            (&found["state"], &found["integrity"]),
            (&fault.state.into(), &is_damage.into()),
            "{}: {found}",
            fault.name
        );
        assert!(found.to_string().contains(&named), "{}: {named:?} is not in {found}", fault.name);
        assert!(found["remedy"].is_string(), "{}", fault.name);
        run.says_none_of(&["TESTCEDAR"]);
    }
}

fn archived(site: &Site) -> std::path::PathBuf {
    first_below(site, "data/archive", ".sealed")
}

fn flipped_archive(site: &Site) -> String {
    let (path, length) = (archived(site), fs::metadata(site.path("claims.837")).unwrap().len());
    flip(&path, 17);
    format!(
        "{} is changed in bytes 0..{length} of the received file",
        path.file_name().unwrap().to_str().unwrap()
    )
}

fn changed_header(site: &Site) -> String {
    let path = archived(site);
    flip(&path, usize::try_from(fs::metadata(&path).unwrap().len()).unwrap() - 20);
    "header".into()
}

fn lost_copy(site: &Site) -> String {
    let path = archived(site);
    fs::remove_file(&path).unwrap();
    format!("{} is missing", path.file_name().unwrap().to_str().unwrap())
}

fn lost_key(site: &Site) -> String {
    fs::remove_file(site.path("master.key")).unwrap();
    "master.key: no key file".into()
}

fn other_key(site: &Site) -> String {
    fs::write(site.path("master.key"), Keys::generate().unwrap().as_bytes()).unwrap();
    "not the one".into()
}

fn no_key(site: &Site) -> String {
    fs::write(site.path("master.key"), "secret").unwrap();
    "master.key".into()
}

fn open_mode(site: &Site) -> String {
    fs::set_permissions(site.path("data/ledger.db"), Permissions::from_mode(0o644)).unwrap();
    "ledger.db is 0644".into()
}

fn cut_log(site: &Site) -> String {
    let path = site.path("data/events/claims.decisions.ndjson");
    let length = fs::metadata(&path).unwrap().len();
    fs::File::options().write(true).open(&path).unwrap().set_len(length - 1).unwrap();
    format!("claims.decisions.ndjson has {} bytes, {length} are recorded", length - 1)
}

fn longer_log(site: &Site) -> String {
    let path = site.path("data/events/claims.acks.ndjson");
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend_from_slice(b"{}\n");
    fs::write(&path, bytes).unwrap();
    "claims.acks.ndjson".into()
}

fn taken_answer(site: &Site) -> String {
    let path = first_below(site, "data/outbound/default", ".277ca");
    fs::remove_file(&path).unwrap();
    format!("outbound/default/{}", path.file_name().unwrap().to_str().unwrap())
}

fn deleted_entry(site: &Site) -> String {
    sql(site, "DELETE FROM journal WHERE seq BETWEEN 7 AND 9");
    "positions 7 to 9".into()
}

fn changed_entry(site: &Site) -> String {
    sql(site, "UPDATE journal SET sealed = (SELECT sealed FROM journal WHERE seq = 5) WHERE seq = 6");
    "position 6".into()
}

fn deleted_claim(site: &Site) -> String {
    let facts = facts(site);
    let (seq, decision) = facts
        .iter()
        .find_map(|(seq, fact)| {
            if let Fact::ClaimAdjudicated(decision) = fact {
                Some((seq, decision))
            } else {
                None
            }
        })
        .unwrap();
    sql(site, &format!("DELETE FROM journal WHERE seq = {seq}"));
    decision.source.file.to_string()
}

/// The claims of the first 277CA are named.
fn deleted_277ca(site: &Site) -> String {
    let facts = facts(site);
    let (seq, first) = facts
        .iter()
        .find_map(|(seq, fact)| match fact {
            Fact::AckBuilt(ack) => {
                if let Answer::Claims { first, .. } = ack.answer {
                    Some((seq, first))
                } else {
                    None
                }
            }
            _ => None,
        })
        .unwrap();
    sql(site, &format!("DELETE FROM journal WHERE seq = {seq}"));
    let claim = facts.iter().find_map(|(seq, fact)| match fact {
        Fact::ClaimAdjudicated(decision) if *seq == first => Some(decision.claim_id),
        Fact::ClaimRejected(rejection) if *seq == first => Some(rejection.claim_id),
        _ => None,
    });
    format!("claim {}: no 277CA", claim.unwrap())
}

fn cut_journal(site: &Site) -> String {
    sql(site, "DELETE FROM journal WHERE seq = (SELECT max(seq) FROM journal)");
    "the journal ends at".into()
}

fn changed_count(site: &Site) -> String {
    sql(site, "UPDATE file SET progress = json_set(progress, '$.counts.received', 61)");
    "61 claims received, 60 accounted for".into()
}

fn damaged_pages(site: &Site) -> String {
    let path = site.path("data/ledger.db");
    let mut bytes = fs::read(&path).unwrap();
    bytes.iter_mut().skip(16_384).step_by(11).for_each(|byte| *byte ^= 0xff);
    fs::write(&path, bytes).unwrap();
    "damaged".into()
}

fn changed_reference(site: &Site) -> String {
    flip(&first_below(site, "data/refdata", "fee_schedule.csv.sealed"), 1);
    "fee_schedule.csv".into()
}

/// Another load is in force; the one that decided is removed.
fn lost_reference(site: &Site) -> String {
    let decided = fs::read_to_string(site.path("data/refdata/current")).unwrap();
    let fees = fs::read_to_string(site.path("reference/fee_schedule.csv")).unwrap();
    site.file("less/fee_schedule.csv", fees.lines().next().unwrap());
    site.json(&["--data-dir", "data", "refdata", "load", "less"]).expect(0);
    fs::remove_dir_all(site.path("data/refdata").join(&decided)).unwrap();
    decided
}

fn newer_schema(site: &Site) -> String {
    Connection::open(site.path("data/ledger.db"))
        .unwrap()
        .pragma_update(None, "user_version", 999)
        .unwrap();
    "schema 999".into()
}

#[test]
fn an_835_that_was_changed_is_found_by_a_deep_look() {
    let site = told();
    let path = first_below(&site, "data/outbound/835", ".835");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("BPR*I*", "BPR*I*1", 1)).unwrap();
    doctor(&site, &[]).expect(0);
    let name = path.file_name().unwrap().to_str().unwrap();
    let found = check(&doctor(&site, &["--deep"]).expect(5), "remittances");
    assert!(found.to_string().contains(name), "{found}");
}

#[test]
fn what_waits_for_delivery_is_named() {
    let site = Site::new();
    generate(&site, "claims.837", "20");
    site.json(&["--data-dir", "data", "refdata", "load", "reference"]).expect(0);
    // The event log refuses to write through a link: the claims are decided, and nothing leaves.
    symlink("nowhere", site.path("data/events/claims.files.ndjson")).unwrap();
    site.json(&["--data-dir", "data", "ingest", "claims.837"]).expect(1);
    let found = check(&doctor(&site, &[]).expect(4), "outbox");
    assert_eq!(found["state"], "fail");
    assert!(found["message"].as_str().unwrap().contains("from position 1 on"), "{found}");

    fs::remove_file(site.path("data/events/claims.files.ndjson")).unwrap();
    site.json(&["--data-dir", "data", "ingest", "claims.837"]).expect(0);
    doctor(&site, &[]).expect(0);
}

#[test]
fn a_killed_ingest_is_named_and_nothing_of_it_is_damage() {
    let site = Site::new().with("CLAIMSTREAM__LIMITS__INFLIGHT_CLAIMS", INFLIGHT);
    generate(&site, "claims.837", "1500");
    let first_batches: Moment = |site| size(site, "ledger.db-wal") > 300_000;
    let interrupted = (0..5).any(|_| {
        let _ = fs::remove_dir_all(site.path("data"));
        site.json(&["--data-dir", "data", "refdata", "load", "reference"]).expect(0);
        killed(&site, first_batches)
    });
    assert!(interrupted, "no run was interrupted");
    let run = doctor(&site, &["--deep"]).expect(4);
    assert_eq!(
        (check(&run, "files")["state"].as_str(), check(&run, "outbox")["state"].as_str()),
        (Some("warn"), Some("fail")),
        "{}",
        run.stdout
    );
    for sound in ["ledger", "journal", "conservation", "archive", "acknowledgements"] {
        assert_eq!(check(&run, sound)["state"], "ok", "{}", run.stdout);
    }
    // The look left the log of the interrupted transaction where the next start needs it.
    ingest(&site, "data", "claims.837");
    doctor(&site, &["--deep"]).expect(0);
}

/// A configuration in which the sender of a file is answered as a policy says.
fn answering(site: &Site, file: &str, policy: &str) -> String {
    let isa = fs::read_to_string(file).unwrap();
    let elements: Vec<&str> = isa.split('*').map(str::trim).collect();
    let [sender, receiver] = [&elements[5..7], &elements[7..9]].map(|party| party.join(":"));
    let usage = &elements[15][..1];
    let text = format!(
        "[[partner]]\nid = \"house\"\nisa_sender = \"{sender}\"\nisa_receiver = \"{receiver}\"\nusage = \"{usage}\"\n\
         [partner.folder]\nin = \"in\"\nout = \"out\"\n[partner.ack]\nx999 = \"{policy}\"\nx277ca = \"{policy}\"\n"
    );
    site.file(&format!("{policy}.toml"), text)
}

/// A house that took in claims of a partner who is answered on errors only, and that configuration.
fn quietly_told(claims: &str) -> (Site, String) {
    let site = Site::new();
    generate(&site, "claims.837", claims);
    let config = answering(&site, site.path("claims.837").to_str().unwrap(), "on-error");
    site.json(&["--data-dir", "data", "refdata", "load", "reference"]).expect(0);
    site.json(&["--config", &config, "--data-dir", "data", "ingest", "claims.837"]).expect(4);
    (site, config)
}

#[test]
fn a_claim_that_was_never_acknowledged_is_named() {
    let (site, quiet) = quietly_told("20");
    site.json(&["--config", &quiet, "--data-dir", "data", "doctor"]).expect(0);
    let strict = answering(&site, site.path("claims.837").to_str().unwrap(), "always");
    let run = site.json(&["--config", &strict, "--data-dir", "data", "doctor"]).expect(4);
    let found = check(&run, "acknowledgements");
    assert_eq!((&found["state"], &found["integrity"]), (&"fail".into(), &false.into()), "{found}");
    let paid = site.claims_that_are("data", "paid");
    assert!(
        paid.iter().any(|claim| found.to_string().contains(&format!("claim {claim}: no 277CA"))),
        "{found}"
    );
    assert!(found.to_string().contains(&format!("claim {}: no 999", paid[0])), "{found}");
}

#[test]
fn a_claim_that_is_rejected_is_acknowledged_whatever_the_policy() {
    let (site, quiet) = quietly_told("60");
    assert_eq!(site.claims_that_are("data", "rejected").len(), 2);
    first_below(&site, "data/outbound/house", ".277ca");
    site.json(&["--config", &quiet, "--data-dir", "data", "doctor"]).expect(0);
    // `validate` writes the answers that the house would send.
    let fixture = repository("fixtures/invalid/S701--payer-is-another-one.x12");
    let quiet = answering(&site, &fixture, "on-error");
    site.json(&["--config", &quiet, "validate", &fixture, "--ack-dir", "acks"]).expect(4);
    let answers: Vec<String> = site.tree("acks").into_keys().collect();
    assert!(answers.len() == 1 && answers[0].ends_with(".277ca"), "{answers:?}");
}

#[test]
fn a_look_makes_nothing_and_waits_for_nobody() {
    let site = Site::new();
    let missing = site.json(&["--data-dir", "data", "doctor"]).expect(1);
    assert!(missing.stderr.contains("no data directory") && !site.path("data").exists());

    let site = told();
    let mut command = site.command(&["--data-dir", "data", "ingest", "-"]);
    let mut other = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    // It says something once it has the house, and waits for the file then.
    other.stderr.as_mut().unwrap().read_exact(&mut [0; 1]).unwrap();
    let run = doctor(&site, &[]).expect(75);
    assert!(run.stderr.contains("in use"), "{}", run.stderr);
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn brokers_that_are_silent_are_named() {
    let site = told();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap().to_string();
    let gone = {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        closed.local_addr().unwrap().to_string()
    };
    for (brokers, state, exit, named) in [
        (format!("\"{gone}\""), "fail", 4, true),
        (format!("\"{here}\", \"{gone}\""), "warn", 4, true),
        (format!("\"{here}\""), "ok", 0, false),
    ] {
        let config = site.file("kafka.toml", format!("[kafka]\nbrokers = [{brokers}]\n"));
        let run = site.json(&["--config", &config, "--data-dir", "data", "doctor"]).expect(exit);
        let found = check(&run, "broker");
        assert_eq!((&found["state"], found.to_string().contains(&gone)), (&state.into(), named), "{found}");
    }
}
