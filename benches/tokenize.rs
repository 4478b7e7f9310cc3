//! Bytes → segments, against a loop over the same bytes in the same run (TARGETS: at least 1.8 times
//! as fast). Workload: 10 MB of small professional claims, in chunks of one read.

#![allow(clippy::unwrap_used)] // a bench whose workload can't be read must stop

use std::hint::black_box;

use claimstream::limits;
use claimstream::position::SegmentTag;
use claimstream::x12::tokenizer::for_each_segment;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

#[path = "synthetic_file.rs"]
mod synthetic_file;

const CLM: SegmentTag = SegmentTag::of("CLM");

fn tokenize(criterion: &mut Criterion) {
    let file = synthetic_file::professional(17_000);
    let bytes = file.text.as_bytes();
    let mut group = criterion.benchmark_group("tokenize 10 MB 837P");
    group.sample_size(20).throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("byte loop", |bencher| bencher.iter(|| synthetic_file::byte_loop(black_box(bytes))));
    group.bench_function("segments", |bencher| {
        bencher.iter(|| {
            let (mut segments, mut claims) = (0, 0);
            for_each_segment(black_box(bytes), limits::READ_BYTES, |segment| {
                segments += 1;
                claims += usize::from(segment.tag() == CLM);
            })
            .unwrap();
            assert_eq!((segments, claims), (file.segments, file.claims));
        });
    });
    group.bench_function("segments and elements", |bencher| {
        bencher.iter(|| {
            let (mut segments, mut element_bytes) = (0, 0);
            for_each_segment(black_box(bytes), limits::READ_BYTES, |segment| {
                segments += 1;
                element_bytes += segment.elements().map(|(_, element)| element.len()).sum::<usize>();
            })
            .unwrap();
            assert_eq!(segments, file.segments);
            black_box(element_bytes)
        });
    });
    group.finish();
}

criterion_group!(benches, tokenize);
criterion_main!(benches);
