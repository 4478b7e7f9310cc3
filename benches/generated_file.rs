//! The workload of the benches that decide claims: a file of the generator and the reference data that
//! fits it, so that every claim has one right outcome.

use chrono::NaiveDate;
use claimstream::clock::Timestamp;
use claimstream::synthetic::{Mix, REFERENCE_FILES, Recipe, write_claims};
use claimstream::tables::refdata::{ReferenceData, ReferenceTable};

/// A file, and what is known beside it.
pub struct GeneratedFile {
    pub bytes: Vec<u8>,
    pub claims: u64,
    pub reference: ReferenceData,
}

/// Sound claims of both forms, one institutional to three professional: all of them are paid.
pub fn sound(claims: u64) -> GeneratedFile {
    let anchor = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
    let recipe = Recipe::new(Mix::Both, claims, 1, 0, anchor).unwrap();
    let mut bytes = Vec::new();
    write_claims(&recipe, &mut bytes).unwrap();
    let mut reference = ReferenceData::embedded().unwrap();
    for file in REFERENCE_FILES {
        let mut table = Vec::new();
        file.write(&recipe, &mut table).unwrap();
        let table_name = ReferenceTable::of_file(file.file_name).unwrap();
        reference = reference.with_table(table_name, table.as_slice()).unwrap();
    }
    GeneratedFile { bytes, claims, reference }
}

/// A receipt two weeks after the last date of service.
pub fn received_at() -> Timestamp {
    Timestamp::parse_rfc3339("2026-01-16T12:00:00-08:00").unwrap()
}
