//! Hostile files, small ones: each with what is said of it and how many claims get in.
//!
//! `@@` in a file marks the byte that its finding must name (`@here`). Of many findings three are listed.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::invariants;
use super::verdicts::{base, stay, unmarked, verdict};
use super::{structure, values};

pub struct Case {
    name: String,
    bytes: Vec<u8>,
    expected: &'static str,
}

/// Generous: a hang is what is looked for.
const PATIENCE: Duration = Duration::from_secs(30);

pub fn case(name: impl Into<String>, bytes: impl Into<Vec<u8>>, expected: &'static str) -> Case {
    Case {
        name: name.into(),
        bytes: bytes.into(),
        expected,
    }
}

fn cases() -> Vec<Case> {
    [
        structure::separators(),
        values::professional_codes(),
        values::institutional_codes(),
        values::amounts(),
        values::dates(),
        structure::hierarchies(),
        values::names(),
        structure::segments(),
        structure::envelopes(),
        structure::line_ends(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn each_is_told_and_its_sound_neighbours_get_in() {
    let cases = cases();
    assert!(cases.len() >= 350, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let (bytes, mark) = unmarked(&case.bytes);
        let begin = Instant::now();
        let Ok(found) = std::panic::catch_unwind(|| {
            invariants::tokenizer(&bytes);
            invariants::envelope(&bytes);
            invariants::whole_file(&bytes);
            verdict(&bytes, mark)
        }) else {
            wrong.push(format!("{} | panics", case.name));
            continue;
        };
        if found != case.expected || begin.elapsed() > PATIENCE {
            wrong.push(format!("{} | {found}", case.name));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn no_case_is_there_twice() {
    let cases = cases();
    let files: HashSet<&[u8]> = cases.iter().map(|case| case.bytes.as_slice()).collect();
    assert_eq!(files.len(), cases.len());
}

/// Cut anywhere, no claim gets in and the last byte that was read is told.
#[test]
fn a_file_cut_at_any_byte_lets_nothing_in() {
    for file in [base(), stay()] {
        let end = file.trim_end().len();
        for length in 1..end {
            let bytes = &file.as_bytes()[..length];
            let (survey, claims) = invariants::read_file(bytes);
            assert!(claims.is_empty() && survey.rejection().is_some(), "cut at {length}");
            let (_, byte) = survey.rejection().unwrap();
            assert!(byte <= length as u64, "cut at {length}, told at {byte}");
            // What is told is where the last whole segment ends, or the ISA that never was one.
            let whole = bytes.iter().rposition(|byte| *byte == b'~').map_or(0, |place| place + 1);
            let line_end = bytes[whole..].iter().take_while(|byte| **byte == b'\n').count();
            assert!([whole, whole + line_end].contains(&(byte as usize)), "cut at {length}, told at {byte}");
        }
    }
}
