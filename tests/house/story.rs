//! The reference story: two lines, the second filed ten days too late, the payment five days late.

use std::path::Path;

use serde_json::Value;

use super::answers::{all, element, segments};
use super::site::{Site, repository};

/// DOMAIN L: received on 2026-01-16, 361 and 371 days after service; paid on 2026-02-20, day 35.
fn tell(file: &str, reference: &str) {
    let site = Site::new();
    site.json(&["--data-dir", "data", "refdata", "load", reference]).expect(0);
    let arguments = [
        "--data-dir",
        "data",
        "ingest",
        file,
        "--received-at",
        "2026-01-16T12:00:00-08:00",
        "--pay-date",
        "2026-02-20",
    ];
    let result = site.json(&arguments).expect(0).result();
    assert_eq!(
        [&result["paid"], &result["interest"], &result["charge"]].map(|amount| amount.as_str().unwrap()),
        ["122.05", "0.25", "225.00"]
    );
    assert_eq!((&result["remittances"], &result["conservation"]), (&1.into(), &0.into()), "{result}");

    let event = &site.events("data", "decisions")[0]["value"];
    assert_eq!(
        (&event["outcome"], &event["charge"], &event["paid"]),
        (&"paid".into(), &"225.00".into(), &"122.05".into())
    );
    let line = |number: usize| {
        let line = &event["lines"][number];
        let reason = &line["adjustments"][0];
        ["outcome", "paid", "rule"]
            .map(|field| line[field].clone())
            .into_iter()
            .chain(["group", "carc", "amount"].map(|field| reason[field].clone()))
    };
    assert!(line(0).eq(["paid", "122.05", "fee-schedule", "CO", "45", "27.95"].map(Value::from)), "{event}");
    assert!(line(1).eq(["denied", "0.00", "timely-filing", "CO", "29", "75.00"].map(Value::from)), "{event}");

    let remittances = site.tree("data/outbound/835");
    let (name, bytes) = remittances.first_key_value().unwrap();
    let path = format!("data/outbound/835/{name}");
    assert_eq!(site.json(&["remit", "check", &path]).expect(0).result()["balanced"], 1);
    let segments = segments(bytes);
    // R values have no trailing zeros: 122.05 + 0.25.
    assert_eq!(
        (element(&segments, "BPR", 2), element(&segments, "BPR", 16)),
        (vec!["122.3".into()], vec!["20260220".into()])
    );
    let claim = all(&segments, "CLP")[0];
    assert_eq!(claim[2..5], ["1", "225", "122.05"], "processed as primary, charge, payment");
    assert!(all(&segments, "AMT").contains(&&["AMT", "I", "0.25"].map(String::from)[..]));
    assert_eq!(
        all(&segments, "CAS").iter().map(|cas| cas[1..4].join(" ")).collect::<Vec<_>>(),
        ["CO 45 27.95", "CO 29 75"]
    );
    let adjustment = all(&segments, "PLB")[0];
    assert!(adjustment[3].starts_with("L6:") && adjustment[4] == "-0.25", "{adjustment:?}");
    assert_eq!(adjustment[3].trim_start_matches("L6:"), claim[7], "the interest names its claim");

    // A day before the interest begins there is none: the clock of the law, not of the machine.
    let arguments = [
        "--data-dir",
        "on-time",
        "ingest",
        file,
        "--received-at",
        "2026-01-16T12:00:00-08:00",
        "--pay-date",
        "2026-02-15",
    ];
    site.json(&["--data-dir", "on-time", "refdata", "load", reference]).expect(0);
    assert_eq!(site.json(&arguments).expect(0).result()["interest"], "0.00");
}

#[test]
fn of_our_own_two_lines() {
    tell(&repository("fixtures/story/two-lines-one-late.x12"), &repository("fixtures/story/reference"));
}

#[test]
fn of_the_shared_sample() {
    let sample = repository("../shared/samples/837p_two_lines.x12");
    if !Path::new(&sample).exists() {
        eprintln!("left out: {sample} is not here");
        return;
    }
    let reference = Site::new();
    reference.file(
        "members.csv",
        "cin,birth_date,sex,eligible_from,eligible_to,aid_code,network,pcp_npi,share_of_cost,death_date,other_coverage,added_on\n\
         91234567A,1990-02-14,F,2024-01-01,,M1,COD,,0.00,,,2024-01-01\n",
    );
    reference.file(
        "providers.csv",
        "npi,tin,group_tin,taxonomy,kind,contracted,enrolled_from,enrolled_to,payment,routing,account\n\
         1234567893,951234567,951234567,207Q00000X,pcp,yes,2020-01-01,,check,,\n",
    );
    let fees = std::fs::read(repository("fixtures/story/reference/fee_schedule.csv")).unwrap();
    reference.file("fee_schedule.csv", fees);
    tell(&sample, &reference.path("").display().to_string());
}
