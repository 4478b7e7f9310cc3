//! The whole way: bytes → sealed archive → decisions → ledger → events → acknowledgements and 835s, all
//! of it durable, on all cores, into an empty data directory (TARGETS: 80,000 claims a second on two).
//! Workload: 20,000 sound claims of both forms in two interchanges.

#![allow(clippy::unwrap_used)] // a bench whose workload can't be read must stop

use claimstream::config::Config;
use claimstream::pipeline::house::{House, Opening};
use claimstream::pipeline::seen::Seen;
use claimstream::pipeline::{inbound, outbound, payment_run};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tempfile::TempDir;

#[path = "generated_file.rs"]
mod generated_file;
use generated_file::GeneratedFile;

/// An opened house with nothing in it but the reference data.
fn empty_house(file: &GeneratedFile) -> (TempDir, House) {
    let directory = tempfile::tempdir().unwrap();
    let mut config = Config::load(None, std::iter::empty()).unwrap();
    config.service.data_dir = directory.path().join("data");
    let mut house = House::open(config, Opening::MayCreate).unwrap();
    house.reference = file.reference.clone();
    (directory, house)
}

/// Returns the house, so that closing it is not timed.
fn ingest(file: &GeneratedFile, (directory, mut house): (TempDir, House)) -> (TempDir, House) {
    let received_at = generated_file::received_at();
    let seen = Seen::load(&house).unwrap();
    let report = inbound::ingest(&mut house, &seen, &mut file.bytes.as_slice(), None, received_at, &|_, _| {}).unwrap();
    assert_eq!((report.counts.received, report.counts.paid), (file.claims, file.claims));
    assert_eq!(report.counts.conservation(), 0);
    let run = payment_run::run(&mut house, received_at.date_in(chrono_tz::America::Los_Angeles), &|_, _| {}).unwrap();
    assert_eq!((run.claims, run.paid), (file.claims, report.counts.amount_paid));
    let delivery = outbound::deliver(&mut house, &|_, _| {}).unwrap();
    assert_eq!(delivery.remittances, run.remittances);
    assert!(delivery.events > file.claims);
    (directory, house)
}

fn file_to_ledger(criterion: &mut Criterion) {
    let file = generated_file::sound(20_000);
    let mut group = criterion.benchmark_group("file to ledger, 20,000 claims");
    group.sample_size(10).throughput(Throughput::ElementsAndBytes {
        elements: file.claims,
        bytes: file.bytes.len() as u64,
    });
    group.bench_function("ingest, pay, deliver", |bencher| {
        bencher.iter_batched(|| empty_house(&file), |house| ingest(&file, house), BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group!(benches, file_to_ledger);
criterion_main!(benches);
