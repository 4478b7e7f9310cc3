//! Lists of codes in a rule pack: single codes and ranges, in the spelling of their kind.

use compact_str::CompactString;
use serde::Deserialize;

use crate::ids::Code;
use crate::tables::code_range::{CodeKey, CodeRange, CodeScreen, RangeError};

/// An entry as the pack spells it.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Entry {
    One(CompactString),
    Ends(CompactString, CompactString),
}

/// An entry that is no code or no range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum EntryError {
    #[error("entry {0} is no code of 1 to 8 letters and digits, or two of them")]
    NotACode(usize),
    #[error("entry {0}: {1}")]
    Range(usize, #[source] RangeError),
}

/// Procedure or revenue codes: exact.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<Entry>")]
pub struct CodeList(Vec<CodeRange>);

/// Diagnoses: families, with or without their point.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<Entry>")]
pub struct DiagnosisList(Vec<CodeRange>);

impl CodeList {
    pub(super) fn extend(&mut self, other: &CodeList) {
        self.0.extend(&other.0);
    }

    pub(super) fn screen(&self) -> CodeScreen {
        CodeScreen::of(self.0.iter().copied())
    }

    pub fn contains(&self, code: CodeKey) -> bool {
        self.0.iter().any(|range| range.contains(code))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl DiagnosisList {
    pub(super) fn extend(&mut self, other: &DiagnosisList) {
        self.0.extend(&other.0);
    }

    pub(super) fn screen(&self) -> CodeScreen {
        CodeScreen::of(self.0.iter().copied())
    }

    pub fn contains(&self, code: CodeKey) -> bool {
        self.0.iter().any(|range| range.contains(code))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<Vec<Entry>> for CodeList {
    type Error = EntryError;
    fn try_from(entries: Vec<Entry>) -> Result<CodeList, EntryError> {
        ranges(&entries, CodeRange::exact).map(CodeList)
    }
}

impl TryFrom<Vec<Entry>> for DiagnosisList {
    type Error = EntryError;
    fn try_from(entries: Vec<Entry>) -> Result<DiagnosisList, EntryError> {
        ranges(&entries, CodeRange::families).map(DiagnosisList)
    }
}

fn ranges(entries: &[Entry], make: fn(Code<8>, Code<8>) -> Result<CodeRange, RangeError>) -> Result<Vec<CodeRange>, EntryError> {
    let numbered = entries.iter().zip(1..);
    numbered
        .map(|(entry, number)| {
            let (from, to) = match entry {
                Entry::One(code) => (code, code),
                Entry::Ends(from, to) => (from, to),
            };
            let (from, to) = parse_code(from).zip(parse_code(to)).ok_or(EntryError::NotACode(number))?;
            make(from, to).map_err(|error| EntryError::Range(number, error))
        })
        .collect()
}

/// A code without the point of a diagnosis.
pub(super) fn parse_code(text: &str) -> Option<Code<8>> {
    let bare = text.replace('.', "");
    bare.bytes().all(|byte| byte.is_ascii_alphanumeric()).then(|| bare.parse().ok()).flatten()
}
