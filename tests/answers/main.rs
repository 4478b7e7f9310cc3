//! What we send, whole: 835, TA1, 999 and 277CA against golden files under `fixtures/answers`.
//!
//! `CLAIMSTREAM_REWRITE_GOLDENS=1 cargo test --test answers` rewrites them; read the difference.

// `clippy.toml` allows these in tests, which it does not see in a test crate's helpers.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod acknowledgements;
mod remittances;
mod samples;

use std::path::Path;

/// Compares with a golden file.
fn assert_golden(name: &str, bytes: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/answers").join(name);
    if std::env::var_os("CLAIMSTREAM_REWRITE_GOLDENS").is_some() {
        std::fs::write(&path, bytes).unwrap();
    }
    let golden = std::fs::read(&path).unwrap_or_default();
    assert_eq!(String::from_utf8_lossy(bytes), String::from_utf8_lossy(&golden), "{name}");
}
