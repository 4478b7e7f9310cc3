//! The seeds of the fuzz targets, whole and changed, through what the targets hold the parser to: what a
//! fuzzer does for hours, for some seconds and with the ordinary compiler.

use std::fs;
use std::path::PathBuf;

use super::invariants;
use super::mutation::{Draw, mutated};

type Target = (&'static str, fn(&[u8]), usize);

/// Each target, and how many changed versions of each of its seeds are tried.
const TARGETS: [Target; 4] = [
    ("tokenizer", invariants::tokenizer, 400),
    ("envelope", invariants::envelope, 300),
    ("claim", invariants::claim, 60),
    ("whole_file", invariants::whole_file, 40),
];

fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut paths: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_string();
    paths.iter().map(|path| (name(path), fs::read(path).unwrap())).collect()
}

/// Runs one target over its seeds; a panic names the seed and the number of the change.
fn replay((target, holds, changes): Target) {
    let seeds = seeds(target);
    assert!(seeds.len() >= 10, "{target} has few seeds");
    for (name, bytes) in &seeds {
        held(&format!("{target}/{name}"), holds, bytes);
        for change in 0..changes {
            let mut draw = Draw::new(1 + change as u64);
            held(&format!("{target}/{name} change {change}"), holds, &mutated(bytes, &mut draw));
        }
    }
}

fn held(name: &str, holds: fn(&[u8]), bytes: &[u8]) {
    let result = std::panic::catch_unwind(|| holds(bytes));
    assert!(result.is_ok(), "{name}: does not hold (see the panic above)");
}

#[test]
fn tokenizer() {
    replay(TARGETS[0]);
}

#[test]
fn envelope() {
    replay(TARGETS[1]);
}

#[test]
fn claim() {
    replay(TARGETS[2]);
}

#[test]
fn whole_file() {
    replay(TARGETS[3]);
}

/// Small files break in ways that no draw finds: every seed cut at every byte.
#[test]
fn cut_at_every_byte() {
    for (target, holds, _) in TARGETS.into_iter().take(2) {
        for (name, bytes) in seeds(target) {
            for end in 0..bytes.len() {
                held(&format!("{target}/{name} cut at {end}"), holds, &bytes[..end]);
            }
        }
    }
}
