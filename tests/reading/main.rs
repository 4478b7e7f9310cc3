//! Two readers, one answer: our segments against those of a naive reader and of x12-types, and those of
//! one chunk against those of any others.

// `clippy.toml` allows these in tests, which it does not see in a test crate's own functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod chunks;
mod naive;

use std::fs;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use claimstream::synthetic::{Mix, Recipe, write_claims};
use claimstream::x12::tokenizer::for_each_segment;
use rayon::prelude::*;

/// Generated files, and every how many of them x12-types reads too.
const GENERATED: u64 = 10_000;
const READ_BY_X12_TYPES: u64 = 1;

/// Ours say of every element what the naive reader says, and where each segment starts.
fn assert_read_alike(name: &str, bytes: &[u8]) -> usize {
    let expected = naive::segments(bytes);
    let mut count = 0;
    for_each_segment(bytes, usize::MAX, |segment| {
        let (start, elements) = &expected[count];
        assert_eq!(segment.at.byte, *start as u64, "{name}: segment {count}");
        assert_eq!(segment.element_count() + 1, elements.len(), "{name}: segment {count}");
        let alike = elements.iter().enumerate().all(|(number, element)| segment.element(number) == *element);
        assert!(alike, "{name}: an element of segment {count} differs");
        let separator = segment.separators.component;
        for (number, element) in elements.iter().enumerate() {
            assert!(
                segment.components(number).eq(element.split(|byte| *byte == separator)),
                "{name}: segment {count}"
            );
        }
        count += 1;
    })
    .unwrap();
    assert_eq!(count, expected.len(), "{name}");
    count
}

/// x12-types cuts every segment into the same elements. It knows `*` and `~` only, one line feed after a
/// segment, and segments that have elements.
fn assert_x12_types_agrees(name: &str, text: &str) {
    let mut rest = text;
    for_each_segment(text.as_bytes(), usize::MAX, |segment| {
        let id = std::str::from_utf8(segment.id()).unwrap();
        let (after, elements) = x12_types::util::parse_line(rest, id).unwrap_or_else(|_| panic!("{name}: {id} is not where x12-types reads"));
        let ours = segment.elements().map(|(_, element)| element);
        assert!(
            ours.eq(elements.iter().map(|element| element.as_bytes())),
            "{name}: x12-types reads another {id}"
        );
        rest = after;
    })
    .unwrap();
    assert_eq!(rest, "", "{name}: x12-types has not read all");
}

fn files_below(root: &Path) -> Vec<PathBuf> {
    let (mut files, mut open) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { open.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

/// Whether a file is one that the naive reader can read: X12 that ends with its IEA.
fn is_whole(bytes: &[u8]) -> bool {
    for_each_segment(bytes, usize::MAX, |_| {}).is_ok() && bytes.trim_ascii_start().starts_with(b"ISA") && {
        let mut last_is_iea = false;
        for_each_segment(bytes, usize::MAX, |segment| last_is_iea = segment.is("IEA")).unwrap();
        last_is_iea
    }
}

#[test]
fn fixtures_and_samples_are_read_alike() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut counts = Vec::new();
    for directory in ["fixtures", "fuzz/corpus/whole_file", "../shared/samples"] {
        let mut read = 0;
        for path in files_below(&root.join(directory)) {
            let (name, bytes) = (path.display().to_string(), fs::read(&path).unwrap());
            if !is_whole(&bytes) {
                continue;
            }
            read += 1;
            assert_read_alike(&name, &bytes);
            let text = std::str::from_utf8(&bytes).unwrap_or_default();
            let plain = bytes[3] == b'*' && bytes[105] == b'~' && !text.contains('\r') && !text.contains("\n\n");
            if plain
                && text.is_ascii()
                && !text.contains("~\n ")
                && text.split_terminator('~').all(|segment| segment.contains('*') || segment.trim().is_empty())
            {
                assert_x12_types_agrees(&name, text.trim_end_matches('\n'));
            }
        }
        counts.push(read);
    }
    assert!(counts[0] >= 60 && counts[1] >= 8, "{counts:?} files were read");
    if counts[2] == 0 {
        eprintln!("left out: ../shared/samples is not here");
    }
}

#[test]
fn generated_files_are_read_alike() {
    let anchor = NaiveDate::from_ymd_opt(2026, 1, 16).unwrap();
    let segments: usize = (0..GENERATED)
        .into_par_iter()
        .map(|seed| {
            let mix = [Mix::Professional, Mix::Institutional, Mix::Both][seed as usize % 3];
            let recipe = Recipe::new(mix, 1 + seed % 7, seed, (seed % 10 * 90) as u32, anchor).unwrap();
            let recipe = recipe.with_interchange_claims(1 + seed % 5);
            let mut bytes = Vec::new();
            write_claims(&recipe, &mut bytes).unwrap();
            let name = format!("seed {seed}");
            if seed.is_multiple_of(READ_BY_X12_TYPES) {
                assert_x12_types_agrees(&name, std::str::from_utf8(&bytes).unwrap());
            }
            assert_read_alike(&name, &bytes)
        })
        .sum();
    assert!(segments > 100 * GENERATED as usize, "{segments} segments");
}
