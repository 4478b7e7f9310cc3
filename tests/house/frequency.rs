//! Units over months: the second file knows what the first was paid for, also when the row that counts came
//! between them.

use std::fs;

use serde_json::Value;

use super::site::{Site, repository};

const ROW: &str = r#"yearly,frequency,HCPCS,99214,,,,"{""max"":1,""months"":12}",deny,CO,119,M86"#;

fn ingest(site: &Site, name: &str) {
    site.json(&["--data-dir", "data", "ingest", name, "--received-at", "2025-06-15T12:00:00-08:00"])
        .expect(0);
}

/// The reasons of each line of each claim, with the events in their order.
fn reasons(site: &Site) -> Vec<Value> {
    let decided = site.events("data", "decisions");
    decided
        .iter()
        .map(|event| event["value"]["lines"][0]["adjustments"][0]["carc"].clone())
        .collect()
}

#[test]
fn a_later_file_counts_what_was_paid_before() {
    let site = Site::new();
    for table in fs::read_dir(repository("fixtures/rules/reference")).unwrap() {
        let path = table.unwrap().path();
        site.file(&format!("reference/{}", path.file_name().unwrap().to_string_lossy()), fs::read(&path).unwrap());
    }
    let visit = fs::read_to_string(repository("fixtures/rules/FWA-none--an-ordinary-visit.x12")).unwrap();
    let other = |number: &str, day: &str| visit.replace("000000901", number).replace("P-901A", number).replace("20250120", day);
    site.json(&["--data-dir", "data", "refdata", "load", "reference"]).expect(0);
    site.file("first.837", &visit);
    ingest(&site, "first.837");
    let restrictions = fs::read_to_string(site.path("reference/restrictions.csv")).unwrap();
    site.file("reference/restrictions.csv", format!("{}\n{ROW}\n", restrictions.trim_end()));
    site.json(&["--data-dir", "data", "refdata", "load", "reference"]).expect(0);
    site.file("second.837", other("000000911", "20250601"));
    ingest(&site, "second.837");
    // Another start knows as much as the last.
    site.file("third.837", other("000000912", "20250602"));
    ingest(&site, "third.837");
    assert_eq!(reasons(&site), ["45", "119", "119"]);
    let replayed = site.json(&["--data-dir", "data", "replay", "--dry-run", "--all"]).expect(0).result();
    assert_eq!((&replayed["claims"], &replayed["changed"]), (&3.into(), &0.into()), "{replayed}");
}
