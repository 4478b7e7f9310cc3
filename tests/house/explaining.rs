//! `explain`: the decision again, from the stored facts and the archived bytes; never from changed ones.

use std::fs;

use claimstream::adjudication::rule_id::RuleId;
use claimstream::tables::rules::RulePack;
use serde_json::Value;

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
        let told: Vec<&Value> = steps.iter().flat_map(|step| step["evidence"].as_array().unwrap()).collect();
        assert!(told.iter().filter(|evidence| evidence["loop"].is_string()).count() > 5);
        for evidence in told {
            let segment = bytes_of(&file, &evidence["segment_bytes"]);
            assert!(
                segment.starts_with(&format!("{}*", evidence["segment"].as_str().unwrap())),
                "{evidence} is {segment}"
            );
            // Two ways, one answer: the element cut out of the file, and split out of its segment.
            let (element, component) = split_name(evidence);
            let expected = segment.split('*').nth(element).map(|value| match component {
                0 => value,
                part => value.split(':').nth(part - 1).unwrap_or_default(),
            });
            match (element, evidence["bytes"].is_null()) {
                (0, _) => assert_eq!(bytes_of(&file, &evidence["bytes"]), segment),
                (_, true) => assert_eq!(expected.unwrap_or_default(), "", "{evidence}"),
                (_, false) => assert_eq!(Some(bytes_of(&file, &evidence["bytes"])), expected, "{evidence}"),
            }
        }
        for step in &steps {
            assert!(step["id"].as_str().unwrap().parse::<RuleId>().is_ok() && step["says"].is_string(), "{step}");
            if step["result"] == "denied" {
                assert!(step["reason"]["means"].is_string(), "{step}");
            }
        }
        assert!(steps.iter().any(|step| step["row"]["digest"].is_string()));
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

fn bytes_of<'f>(file: &'f str, range: &Value) -> &'f str {
    let at = |place: usize| usize::try_from(range[place].as_u64().unwrap()).unwrap();
    &file[at(0)..at(1)]
}

/// Element and component of `SV101-2`; 0 where the whole is meant.
fn split_name(evidence: &Value) -> (usize, usize) {
    let name = evidence["element"].as_str().unwrap();
    let place = name.strip_prefix(evidence["segment"].as_str().unwrap()).unwrap();
    let (element, component) = place.split_once('-').unwrap_or((place, ""));
    (element.parse().unwrap_or_default(), component.parse().unwrap_or_default())
}

/// The claims, decided with the embedded pack, come out the same.
fn stands_in(site: &Site, claims: &[String], when: &str) {
    let pack = RulePack::embedded().unwrap().digest().to_string();
    for claim in claims {
        let result = site.json(&explain(claim, &["--verify"])).expect(0).result();
        assert_eq!((&result["verified"], result["rules"].as_str()), (&true.into(), Some(pack.as_str())), "{when}");
    }
    let replayed = site.json(&["--data-dir", "data", "replay", "--all", "--dry-run"]).expect(0).result();
    assert_eq!((&replayed["changed"], &replayed["errors"]), (&0.into(), &0.into()), "{when}");
}

#[test]
fn a_decision_is_explained_under_the_pack_that_it_was_made_with() {
    let site = decided();
    let claims = ["paid", "denied"].map(|outcome| site.claims_that_are("data", outcome).remove(0));
    stands_in(&site, &claims, "the pack of then");
    // From now on another pack decides: no authorization is found without its number.
    let stricter = RulePack::EMBEDDED_TEXT.replace("auto_match = true", "auto_match = false");
    site.file("stricter/calop.toml", &stricter);
    let config = site.file("stricter.toml", "[rules]\ndir = \"stricter\"\n");
    let site = site.with("CLAIMSTREAM_CONFIG", &config);
    stands_in(&site, &claims, "another pack in force");
    // Both packs decide claims of one ledger, and both are found again.
    site.json(&["--data-dir", "data", "gen", "mix", "--claims", "40", "--seed", "9", "--out", "more.837"])
        .expect(0);
    site.json(&["--data-dir", "data", "ingest", "more.837"]);
    assert_eq!(fs::read_dir(site.path("data/rules")).unwrap().count(), 2);
    stands_in(&site, &claims, "decisions of two packs");
    // A pack that is gone is said to be.
    let embedded = RulePack::embedded().unwrap().digest().hex();
    fs::remove_dir_all(site.path("data/rules").join(embedded)).unwrap();
    let run = site.json(&explain(&claims[0], &["--verify"]));
    assert_ne!(run.code, Some(0));
    assert!(run.stderr.contains("neither in force nor kept"), "{}", run.stderr);
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
