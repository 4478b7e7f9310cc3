//! Exactly once, against real brokers.
//!
//! `CLAIMSTREAM_KAFKA=host:port` names a broker to use; else `tests/services/kafka` starts one. Where none
//! can be had a test says "left out" and passes.

// `clippy.toml` allows these in tests, which it does not see in a test crate's own functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

// The parts of another test crate, of which this one needs some.
#[allow(dead_code)]
#[path = "../house/answers.rs"]
mod answers;
mod broker;
mod dead_letters;
mod faults;
mod same_as_the_log;
#[path = "../house/site.rs"]
#[allow(dead_code, reason = "the whole house uses more of it")]
mod site;
mod topics;
