//! Bytes → segments and their elements, against a loop over the same bytes in the same run (TARGETS: at least 1.8
//! times as fast, 1.5 GB/s). About 10 MB of each workload, in chunks of one read.

#![allow(clippy::unwrap_used)] // a bench whose workload can't be read must stop

use std::hint::black_box;

use claimstream::limits;
use claimstream::x12::tokenizer::for_each_segment;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

#[path = "workloads.rs"]
#[allow(dead_code)]
mod workloads;

fn tokenize(criterion: &mut Criterion) {
    for file in workloads::all(10_000_000) {
        let bytes = file.text.as_bytes();
        let mut group = criterion.benchmark_group(format!("tokenize {}", file.name));
        group.sample_size(20).throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function("byte loop", |bencher| bencher.iter(|| workloads::byte_loop(black_box(bytes))));
        group.bench_function("segments", |bencher| {
            bencher.iter(|| {
                let mut segments = 0;
                for_each_segment(black_box(bytes), limits::READ_BYTES, |segment| {
                    segments += usize::from(!black_box(segment).bytes.is_empty())
                })
                .unwrap();
                assert_eq!(segments, file.segments);
            });
        });
        // A separator before each element, a terminator behind each segment, and the identifiers.
        let between = bytes.iter().filter(|byte| **byte == b'*').count() + file.segments;
        let identifiers: usize = file.text.split_terminator('~').map(|segment| segment.find('*').unwrap_or(segment.len())).sum();
        group.bench_function("segments and elements", |bencher| {
            bencher.iter(|| assert_eq!(workloads::tokenize(black_box(bytes)), (file.segments, bytes.len() - between - identifiers)));
        });
        group.finish();
    }
}

criterion_group!(benches, tokenize);
criterion_main!(benches);
