//! Bytes → typed claims with every element checked and every edit asked, SNIP 1 to 7, against a byte loop in the same
//! run (TARGETS: SNIP 1 to 5 at 250 MB/s). About 10 MB of each workload; every claim is sound.

#![allow(clippy::unwrap_used)] // a bench whose workload can't be read must stop

use std::hint::black_box;

use chrono::NaiveDate;
use claimstream::edits::EditContext;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

#[path = "workloads.rs"]
#[allow(dead_code)]
mod workloads;

fn validate(criterion: &mut Criterion) {
    let context = EditContext::unenforced(NaiveDate::from_ymd_opt(2026, 1, 16).unwrap());
    for file in workloads::all(10_000_000) {
        let bytes = file.text.as_bytes();
        let mut group = criterion.benchmark_group(format!("validate {}", file.name));
        group.sample_size(20).throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function("byte loop", |bencher| bencher.iter(|| workloads::byte_loop(black_box(bytes))));
        group.bench_function("checked claims", |bencher| {
            bencher.iter(|| assert_eq!(workloads::validate(black_box(&file), &context), (file.claims, 0)));
        });
        group.finish();
    }
}

criterion_group!(benches, validate);
criterion_main!(benches);
