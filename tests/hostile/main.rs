//! Input that means harm, or that nobody meant at all: nothing panics or hangs, what is wrong is told
//! with its place, and sound claims beside it still get in.

// `clippy.toml` allows these in tests, which it does not see in a test crate's own functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod cases;
mod corpus;
mod huge;
mod invariants;
mod mutation;
mod structure;
mod values;
mod verdicts;
