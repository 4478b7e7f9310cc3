//! The SFTP channel against a real OpenSSH server of `tests/services/sftp`. Where none can be had a test says
//! "left out" and passes.

// `clippy.toml` allows these in tests, which it does not see in a test crate's own functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod faults;
mod folders;
mod server;
mod trust;
