//! The whole house with the real binary: what goes in, what comes out, what stays on disk.
//!
//! `CLAIMSTREAM_REWRITE_GOLDENS=1 cargo test --test house` rewrites the goldens beside
//! `fixtures/invalid`; read the difference.

// `clippy.toml` allows these in tests, which it does not see in a test crate's own functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod answers;
mod backup;
mod bad_input;
mod contract;
mod demo;
mod doctor;
mod explaining;
mod fixtures;
mod frequency;
mod inspecting;
mod interrupted;
mod linkage;
mod replaying;
mod site;
mod story;
mod third_party;
mod twice;
