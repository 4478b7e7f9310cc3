//! `replay`: what was decided comes out again, and with other fees differs by exactly those.

use std::fs;

use serde_json::Value;

use super::site::{Site, repository};
use super::twice::{generate, ingest};

fn replay(site: &Site, options: &[&str], code: i32) -> Value {
    let arguments = [&["--data-dir", "data", "replay", "--dry-run"], options].concat();
    site.json(&arguments).expect(code).result()
}

#[test]
fn the_same_again_on_any_number_of_threads() {
    let site = Site::new();
    generate(&site, "claims.837", "300");
    let decided = ingest(&site, "data", "claims.837");
    let before = site.tree("data/events");
    let first = replay(&site, &["--all"], 0);
    assert_eq!(
        (&first["changed"], &first["errors"], &first["net"]),
        (&0.into(), &0.into(), &"0.00".into()),
        "{first}"
    );
    let count = |name: &str| decided["claims"][name].as_u64().unwrap();
    assert_eq!(first["claims"].as_u64(), Some(count("received") - count("rejected")));
    assert_eq!(first["digest"], replay(&site, &["--all"], 0)["digest"]);
    for threads in ["1", "2"] {
        let site = Site::new().with("CLAIMSTREAM__LIMITS__THREADS", threads).with("RAYON_NUM_THREADS", threads);
        generate(&site, "claims.837", "300");
        ingest(&site, "data", "claims.837");
        assert_eq!(
            first["digest"],
            replay(&site, &["--all"], 0)["digest"],
            "{threads} threads, another house, another key"
        );
    }
    assert_eq!(site.tree("data/events"), before, "a dry run changes nothing");
}

#[test]
fn another_fee_changes_what_it_pays_for() {
    let site = Site::new();
    let (story, reference) = (repository("fixtures/story/two-lines-one-late.x12"), repository("fixtures/story/reference"));
    site.json(&["--data-dir", "data", "refdata", "load", &reference]).expect(0);
    site.json(&["--data-dir", "data", "ingest", &story, "--received-at", "2026-01-16T12:00:00-08:00"])
        .expect(0);
    let fees = fs::read_to_string(format!("{reference}/fee_schedule.csv")).unwrap();
    for (name, fee, net, changed) in [
        ("lower", "100.00", "-22.05", 1),
        ("higher", "130.10", "8.05", 1),
        ("above-the-charge", "999", "27.95", 1),
        ("same", "122.05", "0.00", 0),
    ] {
        site.file(&format!("{name}/fee_schedule.csv"), fees.replace("122.05", fee));
        let result = replay(&site, &["--all", "--refdata", name], if changed == 0 { 0 } else { 4 });
        assert_eq!(
            (&result["claims"], &result["changed"], &result["net"]),
            (&1.into(), &changed.into(), &net.into()),
            "{name}: {result}"
        );
        assert_eq!(result["committed"], false);
    }
    // The fee of the line that was too late changes nothing.
    site.file("late/fee_schedule.csv", fees.replace("16.25", "20.00"));
    assert_eq!(replay(&site, &["--all", "--refdata", "late"], 0)["changed"], 0);
    assert_eq!(replay(&site, &["--all"], 0)["changed"], 0, "the pinned fees are still the ones decided with");
}
