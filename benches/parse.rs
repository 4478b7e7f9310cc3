//! Bytes → typed claims, against a byte loop (10 MB) and against the typed 837 of x12-types (1 MB: it
//! takes 180 times the memory of its input), each in the same run. TARGETS: 500 MB/s, 40 times
//! x12-types. Workload: small professional claims, no two alike.

#![allow(clippy::unwrap_used)] // a bench whose workload can't be read must stop

use std::hint::black_box;

use claimstream::claim::{Assembled, Assembler};
use claimstream::guide::walker::Walker;
use claimstream::ids::Form;
use claimstream::limits;
use claimstream::money::Money;
use claimstream::tables::guides::guide;
use claimstream::x12::tokenizer::for_each_segment;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use x12_types::util::Parser;
use x12_types::v005010::{_837, Transmission};

#[path = "synthetic_file.rs"]
mod synthetic_file;

/// Runs `each` over the claims and returns how many segments they were read from.
fn parse(bytes: &[u8], mut each: impl FnMut(Assembled)) -> usize {
    let mut walker = Walker::new(guide(Form::Professional).unwrap());
    let mut assembler = Assembler::new(Form::Professional);
    let mut segments = 0;
    for_each_segment(bytes, limits::READ_BYTES, |segment| {
        segments += 1;
        if segment.at.ordinal > 0 {
            let place = walker.place(segment);
            if let Some(assembled) = assembler.accept(segment, place.loop_id, place.starts_loop) {
                each(assembled);
            }
        }
    })
    .unwrap();
    segments
}

/// The timed runs count; this one looks.
fn assert_that_claims_are_whole(bytes: &[u8]) {
    parse(bytes, |Assembled { claim, findings }| {
        assert_eq!(findings, []);
        assert_eq!(claim.charge, claim.lines.iter().map(|line| line.charge).sum::<Money>());
        assert_eq!((claim.diagnoses.len(), claim.providers.len()), (2, 1));
        assert!(claim.subscriber.cin.is_some() && claim.billing_provider.tin.is_some());
    });
}

fn against_bytes(criterion: &mut Criterion) {
    let file = synthetic_file::professional(17_000);
    let bytes = file.text.as_bytes();
    assert_that_claims_are_whole(bytes);
    let mut group = criterion.benchmark_group("parse 10 MB 837P");
    group.sample_size(20).throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("byte loop", |bencher| bencher.iter(|| synthetic_file::byte_loop(black_box(bytes))));
    group.bench_function("typed claims", |bencher| {
        bencher.iter(|| {
            let mut claims = 0;
            let segments = parse(black_box(bytes), |assembled| {
                black_box(assembled);
                claims += 1;
            });
            assert_eq!((segments, claims), (file.segments, file.claims));
        });
    });
    group.finish();
}

fn against_x12_types(criterion: &mut Criterion) {
    let file = synthetic_file::professional(1_700);
    let mut group = criterion.benchmark_group("parse 1 MB 837P");
    group.sample_size(10).throughput(Throughput::Bytes(file.text.len() as u64));
    group.bench_function("typed claims", |bencher| {
        bencher.iter(|| {
            let mut claims = 0;
            parse(black_box(file.text.as_bytes()), |assembled| {
                black_box(assembled);
                claims += 1;
            });
            assert_eq!(claims, file.claims);
        });
    });
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
