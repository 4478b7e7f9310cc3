//! Bytes → typed claims, against a byte loop (about 10 MB of each workload) and against the typed 837 of x12-types
//! (1 MB: it takes 180 times the memory of its input), each in the same run. TARGETS: 500 MB/s, 40 times x12-types.

#![allow(clippy::unwrap_used)] // a bench whose workload can't be read must stop

use std::hint::black_box;

use claimstream::claim::Assembled;
use claimstream::money::Money;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use x12_types::util::Parser;
use x12_types::v005010::{_837, Transmission};

#[path = "workloads.rs"]
#[allow(dead_code)]
mod workloads;
use workloads::Workload;

/// The timed runs count; this one looks.
fn assert_that_claims_are_whole(file: &Workload) {
    workloads::parse(file, |Assembled { claim, findings }| {
        assert_eq!(findings, []);
        assert_eq!(claim.charge, claim.lines.iter().map(|line| line.charge).sum::<Money>());
        assert!(claim.diagnoses.len() >= 2 && claim.providers.len() == 1 && claim.lines.len() >= 2);
        assert!(claim.subscriber.cin.is_some() && claim.billing_provider.tin.is_some());
    });
}

fn against_bytes(criterion: &mut Criterion) {
    for file in workloads::all(10_000_000) {
        assert_that_claims_are_whole(&file);
        let bytes = file.text.as_bytes();
        let mut group = criterion.benchmark_group(format!("parse {}", file.name));
        group.sample_size(20).throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function("byte loop", |bencher| bencher.iter(|| workloads::byte_loop(black_box(bytes))));
        group.bench_function("typed claims", |bencher| bencher.iter(|| typed_claims(black_box(&file))));
        group.finish();
    }
}

fn typed_claims(file: &Workload) {
    let mut claims = 0;
    let segments = workloads::parse(file, |assembled| {
        black_box(assembled);
        claims += 1;
    });
    assert_eq!((segments, claims), (file.segments, file.claims));
}

fn against_x12_types(criterion: &mut Criterion) {
    let file = workloads::lean(1_700, usize::MAX);
    let mut group = criterion.benchmark_group("parse 1 MB 837P");
    group.sample_size(10).throughput(Throughput::Bytes(file.text.len() as u64));
    group.bench_function("typed claims", |bencher| bencher.iter(|| typed_claims(black_box(&file))));
    group.bench_function("x12-types", |bencher| {
        bencher.iter(|| {
            let (rest, transmission) = Transmission::<_837>::parse(black_box(&file.text)).unwrap();
            assert!(rest.is_empty());
            let sets = transmission.functional_group.iter().flat_map(|group| &group.segments);
            let claims: usize = sets.flat_map(|set| &set.loop_2000).map(|level| level.loop_2300.len()).sum();
            assert_eq!(claims, file.claims);
        });
    });
    group.finish();
}

criterion_group!(benches, against_bytes, against_x12_types);
criterion_main!(benches);
