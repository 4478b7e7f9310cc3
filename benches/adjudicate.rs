//! Claims and their facts → determinations, one thread (TARGETS: 400,000 claims a second). Workload:
//! 20,000 sound claims of both forms, their members, providers and authorizations in memory; the second
//! figure looks the facts up as well.

#![allow(clippy::unwrap_used)] // a bench whose workload can't be read must stop

use std::hint::black_box;

use claimstream::adjudication::determination::ClaimOutcome;
use claimstream::adjudication::facts::{Facts, Receipt};
use claimstream::adjudication::{Tables, adjudicate};
use claimstream::claim::Claim;
use claimstream::config::SeverityProfile;
use claimstream::money::Quantity;
use claimstream::pipeline::inbound::{InboundError, for_each_claim};
use claimstream::pipeline::survey::survey;
use claimstream::tables::rules::RulePack;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

#[path = "generated_file.rs"]
mod generated_file;

fn claims_of(bytes: &[u8]) -> Vec<Claim> {
    let survey = survey(&mut &*bytes, &SeverityProfile::default(), &mut |_, _| Vec::new()).unwrap();
    let mut claims = Vec::new();
    for_each_claim(
        &mut &*bytes,
        &survey,
        &mut |_, _, assembled, _| {
            claims.push(assembled.claim);
            Ok::<(), InboundError>(())
        },
        &mut |_| {},
    )
    .unwrap();
    claims
}

fn decide(criterion: &mut Criterion) {
    let file = generated_file::sound(20_000);
    let claims = claims_of(&file.bytes);
    let tables = Tables {
        rules: RulePack::embedded().unwrap(),
        reference: &file.reference,
    };
    let receipt = Receipt {
        received_on: generated_file::received_at().date_in(chrono_tz::America::Los_Angeles),
        is_encounter: false,
    };
    let gather = |claim: &Claim| Facts::gather(claim, &file.reference, &|_| Quantity::ZERO, Vec::new(), None);
    let is_paid = |claim: &Claim, facts: &Facts| adjudicate(claim, &receipt, facts, &tables).outcome() == ClaimOutcome::Paid;
    let facts: Vec<Facts> = claims.iter().map(gather).collect();

    let mut group = criterion.benchmark_group("adjudicate 20,000 claims");
    group.sample_size(20).throughput(Throughput::Elements(file.claims));
    group.bench_function("decisions", |bencher| {
        bencher.iter(|| {
            let paid = black_box(&claims).iter().zip(&facts).filter(|(claim, facts)| is_paid(claim, facts)).count();
            assert_eq!(paid as u64, file.claims);
        });
    });
    group.bench_function("facts and decisions", |bencher| {
        bencher.iter(|| {
            let paid = black_box(&claims).iter().filter(|claim| is_paid(claim, &gather(claim))).count();
            assert_eq!(paid as u64, file.claims);
        });
    });
    group.finish();
}

criterion_group!(benches, decide);
criterion_main!(benches);
