//! `demo`: from nothing to balanced 835s, and nobody's name left in the open.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::site::{Run, Site, TOPICS, files_below};

/// The demo, its ingest repeated with every log line on, and what both printed.
fn demo() -> (Site, Vec<Run>) {
    let site = Site::new();
    let run = site.json(&["--data-dir", "data", "--log", "trace", "demo", "--claims", "300"]).expect(0);
    (site, vec![run])
}

#[test]
fn everything_comes_out_as_the_key_says() {
    let (site, runs) = demo();
    let result = runs[0].result();
    assert_eq!((&result["conservation"], &result["as_expected"]), (&0.into(), &300.into()), "{result}");
    assert_eq!((&result["different"], &result["missing"]), (&0.into(), &0.into()), "{result}");
    let claims = &result["claims"];
    let sum = ["rejected", "paid", "denied", "pended", "forwarded", "recorded"].map(|outcome| claims[outcome].as_u64().unwrap());
    assert_eq!(claims["received"].as_u64(), Some(sum.iter().sum()));
    assert!(claims["rejected"] != 0 && claims["denied"] != 0 && claims["paid"] != 0, "{claims}");

    let events: usize = TOPICS.map(|topic| site.events("data", topic).len()).iter().sum();
    assert!(TOPICS[..3].iter().all(|topic| !site.events("data", topic).is_empty()));
    assert_eq!(result["events"].as_u64(), Some(events as u64));
    assert_eq!(site.events("data", "decisions").len(), 300);

    let remittances: Vec<String> = files_below(&site.path("data/outbound/835"))
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    assert_eq!(result["remittances"].as_u64(), Some(remittances.len() as u64));
    let check: Vec<&str> = ["remit", "check"].into_iter().chain(remittances.iter().map(String::as_str)).collect();
    let checked = site.json(&check).expect(0);
    assert_eq!(checked.result()["balanced"].as_u64(), Some(remittances.len() as u64));
    let paid: Vec<_> = checked.of_type("file").iter().map(|file| cents(&file["paid"])).collect();
    assert_eq!(paid.iter().sum::<i64>(), cents(&result["paid"]), "what the 835s pay is what was decided");
}

fn cents(amount: &serde_json::Value) -> i64 {
    amount.as_str().unwrap().replace('.', "").parse().unwrap()
}

#[test]
fn files_are_ours_alone_and_nobody_is_named_in_them() {
    let (site, mut runs) = demo();
    for path in files_below(&site.path("data")) {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        for directory in path.ancestors().skip(1).take_while(|directory| directory.starts_with(site.path("data"))) {
            assert_eq!(mode(directory), 0o700, "{}", directory.display());
        }
    }

    let canaries = canaries(&site.path("data/demo"));
    assert!(canaries.len() > 500, "{} canaries", canaries.len());
    let claim = site.claims_that_are("data", "denied").remove(0);
    let data = |arguments: &[&str]| site.run(&[&["--data-dir", "data", "--log", "trace"], arguments].concat());
    runs.push(data(&["status"]));
    runs.push(data(&["status", &claim]));
    runs.push(data(&["explain", &claim, "--verify"]));
    runs.push(data(&["--json", "explain", &claim, "--verify"]));
    runs.push(data(&["replay", "--all", "--dry-run"]));
    runs.push(data(&["remit", "show"]));
    runs.push(data(&["refdata", "status"]));
    let canaries: Vec<&str> = canaries.iter().map(String::as_str).collect();
    for run in runs {
        run.expect(0).says_none_of(&canaries);
    }
    for place in ["archive", "refdata", "events", "rules", "audit", "keys"] {
        if site.path("data").join(place).exists() {
            for (name, bytes) in site.tree(&format!("data/{place}")) {
                assert_none_in(&bytes, &canaries, &format!("{place}/{name}"));
            }
        }
    }
    for path in fs::read_dir(site.path("data"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
    {
        assert_none_in(&fs::read(&path).unwrap(), &canaries, &path.display().to_string());
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// What names someone in the demo's file: member ids and names, streets, control numbers of patients.
fn canaries(demo: &Path) -> BTreeSet<String> {
    let file = files_below(demo)
        .into_iter()
        .find(|path| path.extension().is_some_and(|extension| extension == "837"))
        .unwrap();
    let text = fs::read_to_string(file).unwrap();
    let (mut canaries, mut in_subscriber) = (BTreeSet::new(), false);
    for segment in text.split('~') {
        let elements: Vec<&str> = segment.trim().split('*').collect();
        match elements[..] {
            ["NM1", "IL" | "QC", _, last, .., member] => {
                canaries.extend([last.to_string(), member.to_string()]);
                in_subscriber = true;
            }
            ["NM1", ..] => in_subscriber = false,
            ["N3", street] if in_subscriber => drop(canaries.insert(street.to_string())),
            ["CLM", control_number, ..] => drop(canaries.insert(control_number.to_string())),
            _ => {}
        }
    }
    canaries.retain(|canary| canary.len() >= 6);
    canaries
}

fn assert_none_in(bytes: &[u8], canaries: &[&str], place: &str) {
    // One pass over the bytes for all canaries: words that begin where a canary may.
    let by_start: std::collections::HashMap<[u8; 6], Vec<&str>> = canaries.iter().fold(Default::default(), |mut starts, canary| {
        starts.entry(canary.as_bytes()[..6].try_into().unwrap()).or_insert_with(Vec::new).push(canary);
        starts
    });
    for (offset, window) in bytes.windows(6).enumerate() {
        for canary in by_start.get(window).into_iter().flatten() {
            assert!(!bytes[offset..].starts_with(canary.as_bytes()), "{canary} stands in {place}");
        }
    }
}
