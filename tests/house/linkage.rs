//! Replacements and voids from the command line: what was paid is taken back once, what is paid instead adds
//! up, and what a payee has too much is collected later.

use std::collections::BTreeMap;
use std::fs;

use claimstream::money::Money;
use serde_json::Value;

use super::site::{Run, Site};

const FIRST: &str = "2026-06-15T09:00:00-07:00";
const SECOND: &str = "2026-06-20T09:00:00-07:00";

fn money(value: &Value) -> Money {
    Money::parse_x12_total(value.as_str().unwrap().as_bytes()).unwrap_or_else(|_| panic!("{value}"))
}

/// A data directory that has paid six claims of one clinic.
fn paid() -> Site {
    let site = Site::new();
    let generate = "gen 837p --claims 6 --seed 4 --anchor 2026-06-01 --out first.837 --refdata reference --key key.csv";
    site.json(&generate.split(' ').collect::<Vec<_>>()).expect(0);
    site.json(&["--data-dir", "data", "refdata", "load", "reference"]).expect(0);
    ingest(&site, "first.837", FIRST).expect(0);
    site
}

fn ingest(site: &Site, file: &str, received_at: &str) -> Run {
    site.json(&["--data-dir", "data", "ingest", file, "--received-at", received_at])
}

fn decisions(site: &Site, kind: &str) -> Vec<Value> {
    let events = site.events("data", "decisions").into_iter();
    let of_kind = events.filter(|event| event["headers"]["ce_type"] == format!("claims.claim.{kind}.v1").as_str());
    of_kind.map(|event| event["value"].clone()).collect()
}

/// A claim of the first file, sent again.
struct Again<'a> {
    /// In the first file, from 1.
    claim: usize,
    frequency: &'a str,
    /// REF*F8.
    number: Option<&'a str>,
    /// CLM02 and SV102 of the first line, less so many dollars.
    less: u32,
    /// Days later.
    later: u32,
}

/// Writes these claims as a file of its own.
fn write(site: &Site, name: &str, isa13: &str, claims: &[Again<'_>]) {
    let first = fs::read_to_string(site.path("first.837")).unwrap();
    let segments: Vec<Vec<String>> = first
        .split_terminator('~')
        .map(|segment| segment.split('*').map(str::to_string).collect())
        .collect();
    let levels: Vec<usize> = (0..segments.len()).filter(|place| segments[*place][0] == "HL").collect();
    let mut written: Vec<Vec<String>> = segments[..levels[1]].to_vec();
    for (place, again) in claims.iter().enumerate() {
        let from = levels[again.claim];
        let to = levels.get(again.claim + 1).copied().unwrap_or(segments.len() - 3);
        let mut is_first_line = true;
        for segment in &segments[from..to] {
            let mut segment = segment.clone();
            let cheaper = |amount: &str| {
                (Money::parse_x12(amount.as_bytes()).unwrap() - Money::from_cents(i64::from(again.less) * 100))
                    .to_x12()
                    .to_string()
            };
            match segment[0].as_str() {
                "HL" => segment[1] = (place + 2).to_string(),
                "CLM" => {
                    segment[2] = cheaper(&segment[2]);
                    segment[5] = segment[5].replace(":1", &format!(":{}", again.frequency));
                }
                "SV1" if is_first_line => {
                    segment[2] = cheaper(&segment[2]);
                    is_first_line = false;
                }
                "DTP" => segment[3] = (segment[3].parse::<u32>().unwrap() + again.later).to_string(),
                _ => {}
            }
            let is_claim = segment[0] == "CLM";
            written.push(segment);
            if let Some(number) = again.number.filter(|_| is_claim) {
                written.push(vec!["REF".into(), "F8".into(), number.into()]);
            }
        }
    }
    let set = written.iter().position(|segment| segment[0] == "ST").unwrap();
    let count = (written.len() - set + 1).to_string();
    written.push(vec!["SE".into(), count, "0001".into()]);
    written.push(vec!["GE".into(), "1".into(), segments[1][6].clone()]);
    written.push(vec!["IEA".into(), "1".into(), isa13.into()]);
    written[0][13] = isa13.into();
    let text: String = written.iter().map(|segment| segment.join("*") + "~").collect();
    site.file(name, text);
}

/// The segments of the newest 835.
fn newest_835(site: &Site) -> Vec<String> {
    let remittances = site.tree("data/outbound/835");
    let (_, bytes) = remittances.iter().max_by_key(|(name, _)| name.rsplit('/').next().unwrap().to_string()).unwrap();
    String::from_utf8(bytes.clone())
        .unwrap()
        .split('~')
        .map(|segment| segment.trim().to_string())
        .collect()
}

fn all_balance(site: &Site) {
    let files: Vec<String> = site.tree("data/outbound/835").keys().map(|name| format!("data/outbound/835/{name}")).collect();
    let arguments: Vec<&str> = ["remit", "check"].into_iter().chain(files.iter().map(String::as_str)).collect();
    site.json(&arguments).expect(0);
}

/// Σ payments of the events, and what the payee still has too much.
fn payments(site: &Site) -> (Money, Money) {
    let events = site.events("data", "remits").into_iter().map(|event| event["value"].clone());
    events
        .filter(|value| value.get("payment").is_some())
        .fold((Money::ZERO, Money::ZERO), |(paid, owed), value| {
            (
                paid + money(&value["payment"]) - money(&value["interest"]),
                owed + money(&value["forwarded"]) - money(&value["collected"]),
            )
        })
}

#[test]
fn what_was_paid_is_taken_back_once_and_paid_anew() {
    let site = paid();
    let originals = decisions(&site, "adjudicated");
    let number = |claim: usize| originals[claim - 1]["payer_claim_number"].as_str().unwrap().to_string();
    let (one, two, three) = (number(1), number(2), number(3));
    let again = |claim, frequency, number, less| Again {
        claim,
        frequency,
        number,
        less,
        later: 0,
    };
    write(
        &site,
        "second.837",
        "000000071",
        &[again(1, "7", Some(&one), 60), again(2, "8", Some(&two), 0), again(4, "8", Some(&three), 0)],
    );
    let result = ingest(&site, "second.837", SECOND).expect(0).result();
    // Another member's claim is not found.
    assert_eq!(
        (&result["claims"]["paid"], &result["claims"]["recorded"], &result["claims"]["denied"]),
        (&1.into(), &1.into(), &1.into()),
        "{result}"
    );
    assert_eq!(result["conservation"], 0);

    let decided = decisions(&site, "adjudicated");
    let replacement = &decided[6];
    assert!(money(&replacement["paid"]) < money(&originals[0]["paid"]), "{replacement}");
    let reversed = decisions(&site, "reversed");
    let told: Vec<(&Value, &Value, &Value)> = reversed
        .iter()
        .map(|value| (&value["claim_id"], &value["reason"], &value["reversed_by"]))
        .collect();
    assert_eq!(
        told,
        [
            (&originals[0]["claim_id"], &Value::from("replacement"), &decided[6]["claim_id"]),
            (&originals[1]["claim_id"], &Value::from("void"), &decided[7]["claim_id"]),
        ]
    );

    // The reversal, its correction, the void, and a claim denied; what the payment is short of goes on.
    let remittance = newest_835(&site);
    let claims: Vec<Vec<&str>> = remittance
        .iter()
        .filter(|segment| segment.starts_with("CLP*"))
        .map(|segment| segment.split('*').collect())
        .collect();
    let shown: Vec<(&str, &str, bool)> = claims.iter().map(|claim| (claim[2], claim[7], claim[4].starts_with('-'))).collect();
    assert_eq!(shown[0], ("22", one.as_str(), true));
    assert_eq!((shown[1].0, shown[1].2), ("1", false));
    assert_eq!(shown[1].1, replacement["payer_claim_number"].as_str().unwrap());
    assert_eq!(shown[2], ("22", two.as_str(), true));
    assert_eq!((claims.len(), claims[3][4]), (4, "0"));
    assert!(remittance.contains(&"MOA***N694".to_string()) && remittance.contains(&"MOA***N693".to_string()));
    assert!(remittance[3].starts_with("BPR*H*0*C*NON*"), "{}", remittance[3]);
    let trace = remittance[4].split('*').nth(2).unwrap().to_string();
    let short = money(&originals[0]["paid"]) + money(&originals[1]["paid"]) - money(&replacement["paid"]);
    assert!(
        remittance
            .iter()
            .any(|segment| *segment == format!("PLB*1200000002*20261231*FB:{trace}*-{}", short.to_x12())
                || segment.ends_with(&format!("FB:{trace}*-{}", short.to_x12())))
    );
    all_balance(&site);
    let standing = |decided: &[Value], reversed: &[Value]| -> Money {
        let sum = |values: &[Value]| values.iter().map(|value| money(&value["paid"])).sum::<Money>();
        sum(decided) - sum(reversed)
    };
    let (sent, owed) = payments(&site);
    assert_eq!((sent - owed, owed), (standing(&decided, &reversed), short));

    // The same file again changes nothing.
    let before = site.tree("data/outbound");
    let result = ingest(&site, "second.837", SECOND).expect(0).result();
    assert_eq!((&result["duplicates"], &result["remittances"]), (&1.into(), &0.into()));
    assert_eq!(site.tree("data/outbound"), before);

    // Under its first number the claim is voided in its newest version; the void of a void is refused. What
    // is paid next is collected first.
    let later = |claim, days| Again {
        claim,
        frequency: "1",
        number: None,
        less: 0,
        later: days,
    };
    write(
        &site,
        "third.837",
        "000000072",
        &[
            again(1, "8", Some(&one), 60),
            again(2, "8", Some(&two), 0),
            later(2, 0),
            later(3, 1),
            later(5, 1),
        ],
    );
    let result = ingest(&site, "third.837", SECOND).expect(0).result();
    assert_eq!(
        (&result["claims"]["paid"], &result["claims"]["recorded"], &result["claims"]["denied"]),
        (&3.into(), &1.into(), &1.into()),
        "a voided claim is no duplicate: {result}"
    );
    let (decided, reversed) = (decisions(&site, "adjudicated"), decisions(&site, "reversed"));
    assert_eq!(reversed[2]["claim_id"], replacement["claim_id"]);
    let remittance = newest_835(&site);
    assert!(
        remittance
            .iter()
            .any(|segment| segment.starts_with("PLB*") && segment.contains(&format!("FB:{trace}*")))
    );
    all_balance(&site);
    let (sent, owed) = payments(&site);
    assert_eq!(sent - owed, standing(&decided, &reversed));
    assert!(owed < short, "{owed} of {short}");

    // Each side says what became of the other.
    let explain = |claim: &Value| {
        let run = site.json(&["--data-dir", "data", "explain", claim.as_str().unwrap(), "--verify"]).expect(0);
        run.result()
    };
    let (original, replaced) = (explain(&originals[0]["claim_id"]), explain(&replacement["claim_id"]));
    assert_eq!(
        (&original["reversed_by"], &original["reversal"]),
        (&replacement["claim_id"], &"replacement".into())
    );
    assert_eq!((&replaced["reverses"], &replaced["reversal"]), (&originals[0]["claim_id"], &"void".into()));
    let replay = site.json(&["--data-dir", "data", "replay", "--dry-run", "--all"]).expect(0).result();
    assert_eq!((&replay["claims"], &replay["changed"]), (&14.into(), &0.into()), "{replay}");
    let doctor = site.json(&["--data-dir", "data", "doctor"]);
    let is_sick = |check: &Value| check["integrity"] == true || check["state"] == "fail" || check["check"] == "data-directory" && check["state"] != "ok";
    let sick: Vec<Value> = doctor.of_type("check").into_iter().filter(is_sick).collect();
    assert!(sick.is_empty(), "{sick:?}");
}

#[test]
fn corrections_come_out_as_their_key_says() {
    let site = Site::new();
    let generate = "gen mix --claims 600 --seed 9 --errors 23 --anchor 2026-06-01 --out first.837 --refdata reference --key key.csv --corrections second.837 --corrections-key second.csv";
    site.json(&generate.split(' ').collect::<Vec<_>>()).expect(0);
    site.json(&["--data-dir", "data", "refdata", "load", "reference"]).expect(0);
    ingest(&site, "first.837", FIRST).expect(4);
    ingest(&site, "second.837", SECOND).expect(0);
    all_balance(&site);
    let mut found: BTreeMap<(String, String, String, String), (String, String)> = BTreeMap::new();
    for value in decisions(&site, "adjudicated") {
        let source = &value["source"];
        let text = |name: &str| source[name].as_str().unwrap().to_string();
        let place = (text("isa13"), text("gs06"), text("st02"), source["ordinal"].to_string());
        found.insert(place, (value["outcome"].as_str().unwrap().into(), value["paid"].as_str().unwrap().into()));
    }
    let mut scenarios: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut key = csv::Reader::from_path(site.path("second.csv")).unwrap();
    for row in key.records().map(Result::unwrap) {
        let place = (row[0].to_string(), row[1].to_string(), row[2].to_string(), row[3].to_string());
        assert_eq!(found.get(&place), Some(&(row[7].to_string(), row[9].to_string())), "{row:?}");
        *scenarios.entry((row[6].to_string(), row[7].to_string())).or_default() += 1;
    }
    let of = |scenario: &str, outcome: &str| scenarios.get(&(scenario.to_string(), outcome.to_string())).copied().unwrap_or(0);
    assert!(
        of("void", "recorded") > 30 && of("replacement", "paid") > 30 && of("replacement", "denied") > 1,
        "{scenarios:?}"
    );
    let taken_back = decisions(&site, "reversed").len();
    // What was too late for its first time stays, and is not taken back.
    assert!(taken_back <= scenarios.values().sum::<usize>() && taken_back > 60, "{taken_back}");
    let again = ingest(&site, "second.837", SECOND).expect(0).result();
    assert_eq!(again["remittances"], 0);
}
