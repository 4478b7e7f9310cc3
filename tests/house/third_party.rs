//! Other people's files, read where they are present: what is valid has no structural finding, and
//! nothing at all makes the program panic.

use std::path::PathBuf;

use super::site::{Site, repository};

const SAMPLES: &str = "../shared/samples/third-party";

/// Path, kind and validity of every file of the manifest; empty when the samples are not here.
fn manifest() -> Vec<(String, String, String)> {
    let text = std::fs::read_to_string(PathBuf::from(repository(SAMPLES)).join("MANIFEST.tsv")).unwrap_or_default();
    let rows = text.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
    let rows: Vec<_> = rows
        .filter(|row| row.len() > 6)
        .map(|row| (format!("{}/{}", repository(SAMPLES), row[0]), row[5].to_string(), row[6].to_string()))
        .collect();
    if rows.is_empty() {
        eprintln!("left out: {SAMPLES} is not here");
    }
    rows
}

#[test]
fn valid_claim_files_have_no_structural_finding() {
    let site = Site::new();
    let rows = manifest();
    let valid: Vec<&str> = rows
        .iter()
        .filter(|(_, kind, valid)| matches!(kind.as_str(), "837P" | "837I") && valid != "no")
        .map(|(path, ..)| path.as_str())
        .collect();
    if valid.is_empty() {
        return;
    }
    let run = site.json(&[&["validate", "--snip", "1-2"], valid.as_slice()].concat()).expect(0);
    assert_eq!(run.lines().len(), valid.len(), "no finding: {}", run.stdout);
    for result in run.of_type("result") {
        assert_eq!((&result["verdict"], &result["claims"]["rejected"]), (&"accepted".into(), &0.into()), "{result}");
        assert_ne!(result["claims"]["received"], 0, "{result}");
    }
}

#[test]
fn no_file_makes_it_panic() {
    let site = Site::new();
    let rows = manifest();
    let files: Vec<&str> = rows.iter().map(|(path, ..)| path.as_str()).collect();
    if files.is_empty() {
        return;
    }
    let validated = site.json(&[&["validate", "--ack-dir", "acks"], files.as_slice()].concat()).expect(4);
    let results = validated.of_type("result");
    assert!(
        results.iter().map(|result| result["file"].as_str().unwrap()).eq(files.iter().copied()),
        "a result for each file, in order"
    );
    let ingested = site.json(&[&["--data-dir", "data", "ingest"], files.as_slice()].concat()).expect(4).result();
    assert_eq!((&ingested["files"], &ingested["conservation"]), (&files.len().into(), &0.into()), "{ingested}");
    let status = site.json(&["--data-dir", "data", "status"]).expect(0);
    let distinct = files.len() as u64 - ingested["duplicates"].as_u64().unwrap();
    assert_eq!((&status.result()["conservation"], &status.result()["files"]), (&0.into(), &distinct.into()));
    assert!(status.of_type("file").iter().all(|file| file["state"] != "open"));
}
