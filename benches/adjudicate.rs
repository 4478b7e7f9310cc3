//! Parsed claims → determinations, with the reference data of a whole plan in memory: 900,000 members,
//! 100,000 authorizations, 12,000 rates. TARGETS: 400,000 claims a second on one core. Workload: 10,000
//! claims of the generator, three professional to one institutional, 5 % with a defect, most of them of
//! a member that no other claim is of.

#![allow(clippy::unwrap_used)] // a bench whose workload can't be read must stop

use std::collections::HashSet;
use std::hint::black_box;

use chrono::NaiveDate;
use claimstream::adjudication::determination::{ClaimOutcome, Determination};
use claimstream::adjudication::facts::{Facts, Known, Receipt};
use claimstream::adjudication::{Tables, adjudicate, adjudicate_untold, line_identity};
use claimstream::claim::{Assembler, Claim};
use claimstream::guide::walker::Walker;
use claimstream::ids::Form;
use claimstream::limits;
use claimstream::money::Quantity;
use claimstream::synthetic::{Mix, REFERENCE_FILES, Recipe, write_claims, write_key};
use claimstream::tables::guides::guide;
use claimstream::tables::refdata::{ReferenceData, ReferenceTable};
use claimstream::tables::rules::RulePack;
use claimstream::x12::tokenizer::for_each_segment;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const CLAIMS: usize = 10_000;
const MEMBERS: usize = 900_000;
const AUTHORIZATIONS: usize = 100_000;
const RATES: usize = 12_000;

/// Three times as many claims as are used, so that few are of one member.
fn recipe() -> Recipe {
    Recipe::new(Mix::Both, 3 * CLAIMS as u64, 11, 50, NaiveDate::from_ymd_opt(2026, 11, 1).unwrap()).unwrap()
}

/// The claims that reach adjudication, with the outcome that the answer key expects.
fn workload(recipe: &Recipe) -> Vec<(Claim, String)> {
    let (mut file, mut key) = (Vec::new(), Vec::new());
    write_claims(recipe, &mut file).unwrap();
    write_key(recipe, &mut key).unwrap();
    let mut claims = Vec::new();
    let mut set: Option<(Walker<'_>, Assembler)> = None;
    for_each_segment(&file, limits::READ_BYTES, |segment| {
        if segment.id() == b"ST" {
            let form = if segment.element(3) == b"005010X222A1" {
                Form::Professional
            } else {
                Form::Institutional
            };
            set = Some((Walker::new(guide(form).unwrap()), Assembler::new(form)));
        }
        let Some((walker, assembler)) = set.as_mut().filter(|_| segment.at.ordinal > 0) else {
            return;
        };
        let placed = walker.accept(segment);
        claims.extend(assembler.accept(segment, placed.loop_id, placed.starts_loop).map(|assembled| *assembled.claim));
    })
    .unwrap();
    let mut rows = csv::Reader::from_reader(key.as_slice());
    let outcomes = rows.records().map(|row| row.unwrap().get(7).unwrap_or_default().to_string());
    let keyed = claims
        .into_iter()
        .zip(outcomes)
        .filter(|(_, outcome)| outcome != "rejected" && outcome != "recorded");
    let chosen: Vec<(Claim, String)> = keyed.step_by(2).take(CLAIMS).collect();
    assert_eq!(chosen.len(), CLAIMS);
    chosen
}

/// The generator's tables, filled up to the size of a plan.
fn plan(recipe: &Recipe) -> ReferenceData {
    let reference = REFERENCE_FILES.iter().fold(ReferenceData::embedded().unwrap(), |reference, file| {
        let mut text = Vec::new();
        file.write(recipe, &mut text).unwrap();
        let mut text = String::from_utf8(text).unwrap();
        match file.file_name {
            "members.csv" => fill_members(&mut text),
            "authorizations.csv" => fill_authorizations(&mut text),
            "fee_schedule.csv" => fill_rates(&mut text),
            _ => {}
        }
        reference.with_table(ReferenceTable::of_file(file.file_name).unwrap(), text.as_bytes()).unwrap()
    });
    assert!(reference.members.as_ref().unwrap().len() >= MEMBERS);
    assert!(reference.authorizations.as_ref().unwrap().len() >= AUTHORIZATIONS);
    reference
}

fn fill_members(text: &mut String) {
    let known: HashSet<String> = text.lines().map(|row| row.chars().take(9).collect()).collect();
    // 7 and ten million have no common factor: the numbers are spread and differ.
    let numbers = (0..).map(|number: usize| format!("9{:07}Z", number * 7 % 10_000_000));
    for cin in numbers.filter(|cin| !known.contains(cin)).take(MEMBERS) {
        text.push_str(&format!("{cin},1980-05-05,F,2020-01-01,,M1,CCN,,0,,no,,,\n"));
    }
}

fn fill_authorizations(text: &mut String) {
    for number in 0..AUTHORIZATIONS {
        let cin = format!("9{:07}Z", number * 7 % 10_000_000);
        text.push_str(&format!(
            "B{number:09},{cin},approved,service,2026-01-01,2026-12-31,1234567893,951234567,97112,97112,,12,unit,0,,\n"
        ));
    }
}

fn fill_rates(text: &mut String) {
    for number in 0..RATES {
        text.push_str(&format!("HCPCS,V{number:05},,fee,12.34,,,,,,,\n"));
    }
}

fn gather(claim: &Claim, reference: &ReferenceData) -> Facts {
    Facts::gather(claim, reference, &|_| Quantity::ZERO, Vec::new(), Known::NotLoaded)
}

fn bench(criterion: &mut Criterion) {
    let recipe = recipe();
    let claims = workload(&recipe);
    let reference = plan(&recipe);
    let tables = Tables {
        rules: RulePack::embedded().unwrap(),
        reference: &reference,
    };
    let receipt = Receipt {
        received_on: recipe.anchor(),
        is_encounter: false,
    };
    let facts: Vec<Facts> = claims.iter().map(|(claim, _)| gather(claim, &reference)).collect();
    let decide = |claim: &Claim, facts: &Facts| -> Determination { adjudicate_untold(claim, &receipt, facts, &tables) };
    // Without a ledger the duplicates of earlier claims are paid.
    let paid = claims
        .iter()
        .zip(&facts)
        .filter(|((claim, _), facts)| decide(claim, facts).outcome() == ClaimOutcome::Paid)
        .count();
    let expected = claims.iter().filter(|(_, outcome)| outcome == "paid").count();
    assert!((expected..expected + CLAIMS / 100).contains(&paid), "{paid} claims paid, {expected} expected");

    let mut group = criterion.benchmark_group("adjudicate 10,000 claims");
    group.sample_size(30).throughput(Throughput::Elements(CLAIMS as u64));
    group.bench_function("decide", |bencher| {
        bencher.iter(|| {
            let decided = claims.iter().zip(&facts).map(|((claim, _), facts)| decide(black_box(claim), facts).outcome());
            assert_eq!(decided.filter(|outcome| *outcome == ClaimOutcome::Paid).count(), paid);
        });
    });
    group.bench_function("decide and tell each step", |bencher| {
        bencher.iter(|| {
            let told = claims
                .iter()
                .zip(&facts)
                .map(|((claim, _), facts)| adjudicate(black_box(claim), &receipt, facts, &tables).trace().len());
            assert!(told.sum::<usize>() > 10 * CLAIMS);
        });
    });
    group.bench_function("gather facts and decide", |bencher| {
        bencher.iter(|| {
            let decided = claims.iter().map(|(claim, _)| decide(claim, &gather(black_box(claim), &reference)).outcome());
            assert_eq!(decided.filter(|outcome| *outcome == ClaimOutcome::Paid).count(), paid);
        });
    });
    group.bench_function("line identities", |bencher| {
        bencher.iter(|| {
            let lines = claims.iter().flat_map(|(claim, _)| claim.lines.iter().map(move |line| (claim, line)));
            lines
                .filter_map(|(claim, line)| line_identity(black_box(claim), line))
                .map(|identity| identity.len())
                .sum::<usize>()
        });
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
