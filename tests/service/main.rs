//! The service as its users meet it: the real binary, real folders, a real OpenSSH server.
//!
//! Where no OpenSSH server can be had, its tests say "left out" and pass.

// `clippy.toml` allows these in tests, which it does not see in a test crate's own functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod clearinghouses;
mod door;
mod fallback;
mod folders;
mod live;
mod openpgp;
mod pace;
mod remittances;
#[path = "../sftp/server.rs"]
#[allow(dead_code, reason = "the tests of the channel use more of it")]
mod server;
mod signals;
#[path = "../house/site.rs"]
#[allow(dead_code, reason = "the whole house uses more of it")]
mod site;
mod spans;
mod town;
