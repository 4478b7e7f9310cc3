//! Killed, out of disk, out of power: whatever stops the binary, the same commands again end as if
//! nothing had happened. Nothing is lost, nothing is there twice, as a comparison of directories sees it.
//!
//! ```text
//! cargo test --features failpoints --test crash
//! CLAIMSTREAM_KILLS=500     random kills instead of 50
//! CLAIMSTREAM_KAFKA_KILLS=500    random kills on the way to Kafka instead of 10
//! CLAIMSTREAM_BROKER_ROUNDS=50   broker faults instead of 3
//! CLAIMSTREAM_EVERY=1       every call of the disk fails once, every moment is a power loss; 4: every fourth; else a sample
//! ```
//!
//! What it shows: every failpoint (`src/failpoints.rs`) at its first, second and last time by `kill -9`,
//! and by a full disk and an I/O error at its first and second; kills from outside at random moments;
//! every call that changes a file, SQLite's own among them, failing (`disk.c`); a file system that is
//! really full; and power losses, by what [`power`] says there about the disk it assumes.
//!
//! What it does not show: a disk that lies about its syncs, or that loses what it had synced; two
//! faults of different kinds in one run.
//!
//! The same to a real broker is in [`to_kafka`], with what happens to brokers; where none can be had it
//! says "left out".

// `clippy.toml` allows these in tests, which it does not see in a test crate's own functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

// The parts of another test crate, of which this one needs some.
#[allow(dead_code)]
#[path = "../house/answers.rs"]
mod answers;
#[allow(dead_code)]
#[path = "../kafka/broker.rs"]
mod broker;
#[allow(dead_code)]
#[path = "../house/site.rs"]
mod site;

mod calls;
mod disk;
mod full;
mod kills;
mod points;
mod power;
mod scenario;
mod to_kafka;
