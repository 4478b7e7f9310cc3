//! What only shows when file, key and reference data are read together.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use chrono::NaiveDate;

use super::scenario::{Scenario, rotation};
use super::*;
use crate::ids::Form;
use crate::money::Money;
use crate::x12::segment::Segment;
use crate::x12::tokenizer::for_each_segment;

fn recipe(form: Mix, claims: u64, errors_per_mille: u32) -> Recipe {
    Recipe::new(form, claims, 42, errors_per_mille, NaiveDate::from_ymd_opt(2026, 11, 1).unwrap()).unwrap()
}

const FORMS: [Mix; 3] = [Mix::Professional, Mix::Institutional, Mix::Both];

fn file(recipe: &Recipe) -> Vec<u8> {
    let mut bytes = Vec::new();
    let written = write_claims(recipe, &mut bytes).unwrap();
    assert_eq!((written.bytes, written.claims), (bytes.len() as u64, recipe.claims()));
    bytes
}

type Row = BTreeMap<String, String>;

fn rows(csv: &[u8]) -> Vec<Row> {
    csv::Reader::from_reader(csv).deserialize().map(Result::unwrap).collect()
}

fn key(recipe: &Recipe) -> Vec<Row> {
    let mut csv = Vec::new();
    write_key(recipe, &mut csv).unwrap();
    rows(&csv)
}

fn table(recipe: &Recipe, file_name: &str) -> Vec<Row> {
    let mut csv = Vec::new();
    let table = REFERENCE_FILES.iter().find(|table| table.file_name == file_name).unwrap();
    table.write(recipe, &mut csv).unwrap();
    rows(&csv)
}

/// A claim as it stands in the file.
#[derive(Debug, Default, Clone)]
struct Read {
    position: [String; 4],
    pcn: String,
    charge: Money,
    place: String,
    member: String,
    billing: String,
    rendering: String,
    authorization: String,
    statement: String,
    lines: Vec<ReadLine>,
}

#[derive(Debug, Default, Clone)]
struct ReadLine {
    code: String,
    charge: Money,
    units: String,
    date: String,
}

fn text(segment: &Segment<'_>, element: usize) -> String {
    String::from_utf8(segment.element(element).to_vec()).unwrap()
}

/// Reads the claims and checks every count and control number on the way.
fn read(bytes: &[u8]) -> Vec<Read> {
    let mut claims: Vec<Read> = Vec::new();
    let (mut now, mut levels, mut sets, mut groups) = (Read::default(), 0, 0, 0);
    for_each_segment(bytes, 4_096, |segment| {
        let of = |element| text(segment, element);
        match String::from_utf8_lossy(segment.id()).as_ref() {
            "ISA" => (now.position[0], groups) = (of(13), 0),
            "GS" => (now.position[1], sets) = (of(6), 0),
            "ST" => (now.position[2], now.position[3], levels) = (of(2), "0".to_string(), 0),
            "HL" => {
                levels += 1;
                assert_eq!(of(1), levels.to_string());
                assert!(of(2).is_empty() || of(2).parse::<u64>().unwrap() < levels);
            }
            "NM1" if of(1) == "85" => now.billing = of(9),
            "NM1" if of(1) == "IL" => now.member = of(9),
            "NM1" if of(1) == "82" => claims.last_mut().unwrap().rendering = of(9),
            "CLM" => {
                now.position[3] = (now.position[3].parse::<u64>().unwrap() + 1).to_string();
                claims.push(Read {
                    pcn: of(1),
                    charge: Money::parse_x12(segment.element(2)).unwrap(),
                    place: of(5),
                    ..now.clone()
                });
            }
            "REF" if of(1) == "G1" => claims.last_mut().unwrap().authorization = of(2),
            "DTP" if of(1) == "434" => claims.last_mut().unwrap().statement = of(3),
            "SV1" | "SV2" => {
                let institutional = segment.is("SV2");
                let (code, first) = if institutional { (of(1) + "/" + &of(2), 3) } else { (of(1), 2) };
                claims.last_mut().unwrap().lines.push(ReadLine {
                    code,
                    charge: Money::parse_x12(segment.element(first)).unwrap(),
                    units: of(first + 2),
                    date: String::new(),
                });
            }
            "DTP" if of(1) == "472" => claims.last_mut().unwrap().lines.last_mut().unwrap().date = of(3),
            "SE" => {
                assert_eq!([of(1), of(2)], [segment.at.ordinal.to_string(), now.position[2].clone()]);
                sets += 1;
            }
            "GE" => {
                assert_eq!([of(1), of(2)], [sets.to_string(), now.position[1].clone()]);
                groups += 1;
            }
            "IEA" => assert_eq!([of(1), of(2)], [groups.to_string(), now.position[0].clone()]),
            _ => {}
        }
    })
    .unwrap();
    claims
}

/// Takes a few bytes at a time.
struct Sips(Vec<u8>);

impl Write for Sips {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(17);
        self.0.extend_from_slice(&bytes[..count]);
        Ok(count)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_same_recipe_gives_the_same_bytes() {
    for form in FORMS {
        let recipe = recipe(form, 300, 100);
        let mut sips = Sips(Vec::new());
        write_claims(&recipe, &mut sips).unwrap();
        assert!(sips.0 == file(&recipe) && key(&recipe) == key(&recipe));
        let other = Recipe::new(form, 300, 43, 100, recipe.anchor()).unwrap();
        assert!(file(&other) != sips.0);
    }
}

/// Guards against a change of the bytes that nobody meant: the key of demo and benches depends on them.
#[test]
fn the_bytes_are_these() {
    let digest = blake3::hash(&file(&recipe(Mix::Both, 300, 100))).to_hex();
    assert_eq!(&digest.as_str()[..16], "edca02082601d0a7");
}

#[test]
fn the_key_has_every_claim_of_the_file_in_its_place() {
    for form in FORMS {
        let recipe = recipe(form, 1_501, 100);
        let (claims, key) = (read(&file(&recipe)), key(&recipe));
        assert_eq!((claims.len(), key.len()), (1_501, 1_501));
        for (claim, row) in claims.iter().zip(&key) {
            assert_eq!(claim.position, [&row["isa13"], &row["gs06"], &row["st02"], &row["ordinal"]].map(String::clone));
            assert_eq!((&claim.pcn, &claim.charge.to_string()), (&row["pcn"], &row["charge"]));
            let sum: Money = claim.lines.iter().map(|line| line.charge).sum();
            assert_eq!(sum == claim.charge, row["scenario"] != "charge-not-sum", "{}", row["scenario"]);
        }
        let pcns: BTreeSet<&String> = claims.iter().map(|claim| &claim.pcn).collect();
        assert!(pcns.len() == 1_501 && pcns.iter().all(|pcn| pcn.len() <= 20));
    }
}

#[test]
fn every_scenario_occurs_and_every_line_balances() {
    for (mix, forms) in FORMS
        .into_iter()
        .zip([&[Form::Professional][..], &[Form::Institutional], &[Form::Professional, Form::Institutional]])
    {
        let recipe = recipe(mix, 3_000, 100);
        let key = key(&recipe);
        for form in forms {
            for scenario in rotation(*form) {
                assert!(
                    key.iter().any(|row| row["form"] == form.as_str() && row["scenario"] == scenario.name()),
                    "{form} {}",
                    scenario.name()
                );
            }
        }
        assert!(
            key.iter()
                .any(|row| row["scenario"] == Scenario::Encounter.name() && row["outcome"] == "recorded")
        );
        for (claim, row) in read(&file(&recipe)).iter().zip(&key).filter(|(_, row)| row["outcome"] != "rejected") {
            let mut paid = Money::ZERO;
            for (line, decided) in claim.lines.iter().zip(row["lines"].split('|')) {
                let parts: Vec<&str> = decided.split(':').collect();
                let amount = |text: &str| Money::parse_x12(text.as_bytes()).unwrap();
                let adjusted: Money = parts[3]
                    .split('+')
                    .filter(|part| !part.is_empty())
                    .map(|part| amount(part.split('=').nth(1).unwrap()))
                    .sum();
                match parts[1] {
                    "pended" | "recorded" => assert_eq!((amount(parts[2]), adjusted), (Money::ZERO, Money::ZERO)),
                    _ => assert_eq!(line.charge, amount(parts[2]) + adjusted, "{}", row["scenario"]),
                }
                paid += amount(parts[2]);
            }
            assert_eq!((row["lines"].split('|').count(), row["paid"].clone()), (claim.lines.len(), paid.to_string()));
        }
    }
}

#[test]
fn without_errors_everything_is_paid() {
    for form in FORMS {
        assert!(key(&recipe(form, 700, 0)).iter().all(|row| row["outcome"] == "paid"));
    }
}

/// DOMAIN E4: the exact line key, and that no two claims of a member fall on a day.
#[test]
fn only_seeded_duplicates_repeat_a_line() {
    for form in FORMS {
        for errors in [100, 900] {
            let recipe = recipe(form, 2_000, errors);
            let mut seen: BTreeMap<String, bool> = BTreeMap::new();
            for (claim, row) in read(&file(&recipe)).iter().zip(key(&recipe)) {
                for (line, left) in claim.lines.iter().zip((0..claim.lines.len()).rev()) {
                    let who = if claim.rendering.is_empty() { &claim.billing } else { &claim.rendering };
                    let key = [
                        &claim.member,
                        who,
                        &line.code,
                        &line.date,
                        &claim.statement,
                        &claim.place,
                        &line.units,
                        &line.charge.to_string(),
                    ]
                    .map(String::as_str)
                    .join("|");
                    let expected = match row["scenario"].as_str() {
                        "duplicate" => Some(true),
                        "same-line" if left == 0 => Some(true),
                        _ => None,
                    };
                    assert_eq!(seen.get(&key).copied(), expected, "{}", row["pcn"]);
                    seen.entry(key).or_insert(row["outcome"] == "paid");
                }
            }
        }
    }
}

#[test]
fn reference_data_fits_the_claims() {
    let recipe = recipe(Mix::Both, 2_000, 100);
    let column = |file_name: &str, column: &str| -> BTreeSet<String> { table(&recipe, file_name).into_iter().map(|row| row[column].clone()).collect() };
    let (members, npis, fees) = (column("members.csv", "cin"), column("providers.csv", "npi"), column("fee_schedule.csv", "code"));
    let numbers = column("authorizations.csv", "auth_number");
    for (claim, row) in read(&file(&recipe)).iter().zip(key(&recipe)) {
        let scenario = row["scenario"].as_str();
        assert_eq!(members.contains(&claim.member), scenario != "unknown-member");
        assert!(npis.contains(&claim.billing));
        assert!(claim.rendering.is_empty() || npis.contains(&claim.rendering) == (scenario != "practitioner-check-digit"));
        assert!(claim.authorization.is_empty() || numbers.contains(&claim.authorization) == (scenario != "authorization-unknown"));
        for line in &claim.lines {
            let (revenue, service) = line.code.split_once('/').unwrap_or(("", &line.code));
            let code = service.split(':').nth(1).unwrap_or(revenue);
            assert!(fees.contains(code) || ["unpriced", "not-on-schedule"].contains(&scenario), "{code}");
        }
    }
    let duplicate_numbers = table(&recipe, "authorizations.csv");
    assert_eq!(numbers.len(), duplicate_numbers.len());
}

#[test]
fn dates_lie_where_the_key_needs_them() {
    let recipe = recipe(Mix::Both, 2_000, 100);
    let age = |text: &str| -> i64 {
        let date = NaiveDate::parse_from_str(text, "%Y%m%d").unwrap();
        (recipe.anchor() - date).num_days()
    };
    for (claim, row) in read(&file(&recipe)).iter().zip(key(&recipe)) {
        let through = claim.statement.split('-').nth(1);
        let dates: Vec<i64> = claim
            .lines
            .iter()
            .map(|line| line.date.as_str())
            .chain(through)
            .filter(|date| !date.is_empty())
            .map(age)
            .collect();
        match row["scenario"].as_str() {
            "late-claim"
            | "delay-unproved"
            | "delay-refused"
            | "delay-excused"
            | "retroactive-coverage"
            | "contract-limit"
            | "misdirected"
            | "good-cause"
            | "other-payer-late"
            | "grace-granted" => assert!(dates.iter().all(|age| *age >= 420)),
            "late-line" => assert!(dates.iter().filter(|age| **age >= 420).count() == 1 && dates.iter().filter(|age| **age <= 150).count() > 0),
            "future-date" => assert!(dates.iter().all(|age| *age < -900)),
            _ => assert!(dates.iter().all(|age| (5..=160).contains(age)), "{}", row["pcn"]),
        }
    }
}

#[test]
fn interchanges_and_sets_are_bounded() {
    let count = |recipe: &Recipe| {
        let written = write_claims(recipe, &mut io::sink()).unwrap();
        [written.interchanges, written.transaction_sets]
    };
    assert_eq!(count(&recipe(Mix::Professional, 400, 0)), [1, 4]);
    assert_eq!(count(&recipe(Mix::Both, 2_000, 0)), [2, 6]);
    assert_eq!(count(&recipe(Mix::Professional, 2_000, 0).with_interchange_claims(2_000)), [1, 4]);
    assert!(
        file(&recipe(Mix::Professional, 1, 0).with_usage(Usage::Production))
            .windows(3)
            .any(|bytes| bytes == b"*P*")
    );
}
