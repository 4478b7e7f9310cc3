//! `explain`: the decision again, from the stored facts and the archived bytes; never from changed ones.

use std::fs;

use super::site::{Site, files_below};
use super::twice::{generate, ingest};

fn decided() -> Site {
    let site = Site::new();
    generate(&site, "claims.837", "60");
    ingest(&site, "data", "claims.837");
    site
}

fn explain<'a>(claim: &'a str, options: &[&'a str]) -> Vec<&'a str> {
    [&["--data-dir", "data", "explain", claim], options].concat()
}

#[test]
fn each_outcome_is_explained_and_verified() {
    let site = decided();
    let file = fs::read_to_string(site.path("claims.837")).unwrap();
    for outcome in ["paid", "denied"] {
        let claim = site.claims_that_are("data", outcome).remove(0);
        let run = site.json(&explain(&claim, &["--verify"])).expect(0);
        let result = run.result();
        assert_eq!(
            (&result["outcome"], &result["verified"], &result["same_again"]),
            (&outcome.into(), &true.into(), &true.into()),
            "{result}"
        );
        let steps = run.of_type("step");
        assert!(!steps.is_empty());
        for evidence in steps.iter().map(|step| &step["evidence"]).filter(|evidence| !evidence.is_null()) {
            let at = |place: usize| usize::try_from(evidence["bytes"][place].as_u64().unwrap()).unwrap();
            let segment = &file[at(0)..at(1)];
            assert!(
                segment.starts_with(&format!("{}*", evidence["segment"].as_str().unwrap())),
                "{evidence} is {segment}"
            );
        }
        assert!(site.run(&explain(&claim, &["--verify"])).expect(0).stdout.contains("verified: "));
        let one_line = site.json(&explain(&claim, &["--line", "1"])).expect(0).of_type("step");
        assert!(one_line.iter().all(|step| step["line"] == 0 || step["line"] == 1));
    }
    let claim = site.claims_that_are("data", "rejected").remove(0);
    let run = site.json(&explain(&claim, &["--verify"])).expect(0);
    assert_eq!((&run.result()["outcome"], &run.result()["verified"]), (&"rejected".into(), &true.into()));
    assert!(
        run.of_type("finding")
            .iter()
            .all(|finding| finding["code"].is_string() && finding["byte"].is_u64())
    );
    assert!(!run.of_type("finding").is_empty());
}

#[test]
fn a_changed_archive_explains_nothing() {
    let site = decided();
    let claims = ["paid", "rejected"].map(|outcome| site.claims_that_are("data", outcome).remove(0));
    let sealed = files_below(&site.path("data/archive")).remove(0);
    let bytes = fs::read(&sealed).unwrap();
    for place in [0, 40, bytes.len() / 2, bytes.len() - 1] {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        fs::write(&sealed, changed).unwrap();
        for claim in &claims {
            let run = site.json(&explain(claim, &["--verify"]));
            assert!(matches!(run.code, Some(1 | 5)), "byte {place}: {:?}", run.code);
            assert_eq!(run.stdout, "", "byte {place}");
        }
    }
    // In the sealed content a change is told from I/O trouble.
    let mut changed = bytes.clone();
    changed[bytes.len() / 2] ^= 1;
    fs::write(&sealed, changed).unwrap();
    site.json(&explain(&claims[0], &["--verify"])).expect(5);
    site.json(&["--data-dir", "data", "replay", "--all", "--dry-run"]).expect(5);

    fs::write(&sealed, &bytes[..bytes.len() - 100]).unwrap();
    assert_ne!(site.json(&explain(&claims[0], &["--verify"])).code, Some(0), "cut off at the end");
    fs::write(&sealed, bytes).unwrap();
    site.json(&explain(&claims[0], &["--verify"])).expect(0);
}
