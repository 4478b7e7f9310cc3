//! Code sets: which codes exist (DOMAIN I).
//!
//! Two kinds. The public lists that ship are complete, small and free of anyone's texts: they always
//! answer. The large sets are loaded from the files their owners publish; until then the answer is
//! [`Listing::NotLoaded`] and their checks are not enforced.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, LazyLock};

use compact_str::CompactString;

use super::csv_table::{LoadError, Problem, Row, columns, error_at, read_rows};
use crate::ids::{Code, DiagnosisCode, Taxonomy};
use crate::limits;

columns! { "code_sets": code; label }

/// What a code set says of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// The set was never loaded: nothing follows.
    NotLoaded,
    Unlisted,
    Listed,
    /// A heading of codes, too general to bill (ICD-10 order file, flag 0).
    Heading,
}

/// A public list that ships with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PublicList {
    /// CMS place of service. CLM05-1 (P), SV105.
    PlaceOfService,
    /// States, territories and provinces. N402.
    State,
    /// CL103.
    PatientStatus,
    /// CL101.
    AdmissionType,
    /// CL102.
    AdmissionSource,
    /// The first two digits of a bill type without its leading zero. CLM05-1 (I).
    FacilityType,
    /// Modifiers that part a pair of codes under NCCI.
    BypassModifier,
}

impl PublicList {
    pub const ALL: [PublicList; 7] = [
        PublicList::PlaceOfService,
        PublicList::State,
        PublicList::PatientStatus,
        PublicList::AdmissionType,
        PublicList::AdmissionSource,
        PublicList::FacilityType,
        PublicList::BypassModifier,
    ];

    fn text(self) -> &'static str {
        match self {
            PublicList::PlaceOfService => include_str!("../../config/code_sets/place_of_service.csv"),
            PublicList::State => include_str!("../../config/code_sets/states.csv"),
            PublicList::PatientStatus => include_str!("../../config/code_sets/patient_status.csv"),
            PublicList::AdmissionType => include_str!("../../config/code_sets/admission_types.csv"),
            PublicList::AdmissionSource => include_str!("../../config/code_sets/admission_sources.csv"),
            PublicList::FacilityType => include_str!("../../config/code_sets/facility_types.csv"),
            PublicList::BypassModifier => include_str!("../../config/code_sets/bypass_modifiers.csv"),
        }
    }

    /// Whether the list has the code.
    pub fn contains(self, code: &[u8]) -> bool {
        self.rows().is_ok_and(|rows| find(rows, code).is_some())
    }

    /// Our own short label of a code, where the list has one.
    pub fn label(self, code: &[u8]) -> Option<&'static str> {
        self.rows()
            .ok()
            .and_then(|rows| find(rows, code))
            .map(CompactString::as_str)
            .filter(|label| !label.is_empty())
    }

    /// # Errors
    /// [`LoadError`] when the list is wrong, which a test rules out.
    fn rows(self) -> Result<&'static [CodeRow], &'static LoadError> {
        static LISTS: LazyLock<[Result<Vec<CodeRow>, LoadError>; PublicList::ALL.len()]> = LazyLock::new(|| PublicList::ALL.map(|list| read_list(list.text())));
        let place = PublicList::ALL.iter().position(|list| *list == self);
        match place.and_then(|place| LISTS.get(place)) {
            Some(Ok(rows)) => Ok(rows),
            Some(Err(error)) => Err(error),
            None => Ok(&[]),
        }
    }
}

type CodeRow = (Code<8>, CompactString);

fn find<'a>(rows: &'a [CodeRow], code: &[u8]) -> Option<&'a CompactString> {
    let place = rows.binary_search_by(|(known, _)| known.as_bytes().cmp(code)).ok()?;
    rows.get(place).map(|(_, label)| label)
}

fn read_list(text: &str) -> Result<Vec<CodeRow>, LoadError> {
    let mut rows: Vec<(Code<8>, u32, CompactString)> = Vec::new();
    read_rows(text.as_bytes(), |row: &Row<'_, Column>| {
        let code = row.required(Column::code, "a code", |text| text.parse().ok())?;
        rows.push((code, row.number, row.text(Column::label).into()));
        Ok(())
    })?;
    rows.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()).then(a.1.cmp(&b.1)));
    match rows.iter().zip(rows.iter().skip(1)).find(|(a, b)| a.0 == b.0) {
        Some((first, second)) => Err(error_at(second.1, Column::code, Problem::Repeated { row: first.1 })),
        None => Ok(rows.into_iter().map(|(code, _, label)| (code, label)).collect()),
    }
}

/// The large sets, each once it is loaded.
#[derive(Debug, Clone, Default)]
pub struct CodeSets {
    diagnoses: Option<Arc<OrderFile>>,
    inpatient_procedures: Option<Arc<OrderFile>>,
    taxonomies: Option<Arc<Vec<Taxonomy>>>,
}

/// Why a published file was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodeSetError {
    #[error("line {line}: cannot be read ({kind})")]
    Unreadable { line: u32, kind: std::io::ErrorKind },
    #[error("line {line}: not a row of an ICD-10 order file, expected a code in columns 7 to 13 and 0 or 1 in column 15")]
    NotAnOrderRow { line: u32 },
    #[error("no header with a column `Code`, expected the NUCC taxonomy file")]
    NoTaxonomyHeader,
    #[error("line {line}: not a taxonomy of ten characters")]
    NotATaxonomy { line: u32 },
    #[error("no codes")]
    Empty,
}

impl CodeSets {
    /// Whether an ICD-10-CM code may be billed.
    pub fn diagnosis(&self, code: &DiagnosisCode) -> Listing {
        self.diagnoses.as_ref().map_or(Listing::NotLoaded, |set| set.find(code))
    }

    /// Whether an ICD-10-PCS code may be billed.
    pub fn inpatient_procedure(&self, code: &DiagnosisCode) -> Listing {
        self.inpatient_procedures.as_ref().map_or(Listing::NotLoaded, |set| set.find(code))
    }

    /// Whether NUCC lists the taxonomy.
    pub fn taxonomy(&self, code: &Taxonomy) -> Listing {
        match &self.taxonomies {
            None => Listing::NotLoaded,
            Some(set) if set.binary_search(code).is_ok() => Listing::Listed,
            Some(_) => Listing::Unlisted,
        }
    }

    /// With the ICD-10-CM order file (`icd10cm_order_YYYY.txt`).
    ///
    /// # Errors
    /// [`CodeSetError`] at the first line that is no row of such a file.
    pub fn with_diagnoses(self, file: impl Read) -> Result<CodeSets, CodeSetError> {
        Ok(CodeSets {
            diagnoses: Some(Arc::new(OrderFile::read(file)?)),
            ..self
        })
    }

    /// With the ICD-10-PCS order file.
    ///
    /// # Errors
    /// [`CodeSetError`] at the first line that is no row of such a file.
    pub fn with_inpatient_procedures(self, file: impl Read) -> Result<CodeSets, CodeSetError> {
        Ok(CodeSets {
            inpatient_procedures: Some(Arc::new(OrderFile::read(file)?)),
            ..self
        })
    }

    /// With the NUCC taxonomy (`nucc_taxonomy_NNN.csv`).
    ///
    /// # Errors
    /// [`CodeSetError`] when there is no `Code` column or a code is no taxonomy.
    pub fn with_taxonomies(self, file: impl Read) -> Result<CodeSets, CodeSetError> {
        Ok(CodeSets {
            taxonomies: Some(Arc::new(read_taxonomies(file)?)),
            ..self
        })
    }
}

/// An ICD-10 order file: code and whether it may be billed, sorted.
#[derive(Debug, Default)]
struct OrderFile(Vec<(DiagnosisCode, bool)>);

impl OrderFile {
    fn read(file: impl Read) -> Result<OrderFile, CodeSetError> {
        let mut codes = Vec::new();
        let mut reader = BufReader::new(file);
        let mut text = Vec::new();
        for line in 1.. {
            text.clear();
            let bytes = (&mut reader).take(limits::SEGMENT_BYTES_MAX as u64).read_until(b'\n', &mut text);
            match bytes.map_err(|error| CodeSetError::Unreadable { line, kind: error.kind() })? {
                0 => break,
                _ if text.trim_ascii().is_empty() => {}
                _ => codes.push(order_row(&text).ok_or(CodeSetError::NotAnOrderRow { line })?),
            }
        }
        codes.sort_unstable();
        if codes.is_empty() { Err(CodeSetError::Empty) } else { Ok(OrderFile(codes)) }
    }

    fn find(&self, code: &DiagnosisCode) -> Listing {
        match self.0.binary_search_by_key(code, |(known, _)| *known).ok().and_then(|place| self.0.get(place)) {
            None => Listing::Unlisted,
            Some((_, true)) => Listing::Listed,
            Some((_, false)) => Listing::Heading,
        }
    }
}

/// Columns 7–13 and 15, counted from 1.
fn order_row(text: &[u8]) -> Option<(DiagnosisCode, bool)> {
    let code = DiagnosisCode::parse(text.get(6..13)?.trim_ascii()).ok()?;
    let is_code = code.as_bytes().iter().all(u8::is_ascii_alphanumeric);
    match text.get(13..16)? {
        b" 1 " if is_code => Some((code, true)),
        b" 0 " if is_code => Some((code, false)),
        _ => None,
    }
}

fn read_taxonomies(file: impl Read) -> Result<Vec<Taxonomy>, CodeSetError> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(file);
    let mut record = csv::ByteRecord::new();
    let mut codes = Vec::new();
    let mut column = None;
    for line in 1.. {
        let more = reader.read_byte_record(&mut record).map_err(|error| match error.kind() {
            csv::ErrorKind::Io(error) => CodeSetError::Unreadable { line, kind: error.kind() },
            _ => CodeSetError::NotATaxonomy { line },
        })?;
        if !more {
            break;
        }
        match column {
            None => {
                column = Some(
                    record
                        .iter()
                        .position(|name| name.trim_ascii().ends_with(b"Code"))
                        .ok_or(CodeSetError::NoTaxonomyHeader)?,
                )
            }
            Some(column) => {
                let code = record.get(column).map(<[u8]>::trim_ascii).filter(|code| code.len() == 10);
                codes.push(code.and_then(|code| Taxonomy::parse(code).ok()).ok_or(CodeSetError::NotATaxonomy { line })?);
            }
        }
    }
    codes.sort_unstable();
    if codes.is_empty() { Err(CodeSetError::Empty) } else { Ok(codes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_that_ship_answer() {
        for list in PublicList::ALL {
            assert!(list.rows().is_ok_and(|rows| !rows.is_empty()), "{list:?}");
        }
        for (list, code, known) in [
            (PublicList::PlaceOfService, "11", true),
            (PublicList::PlaceOfService, "10", true),
            (PublicList::PlaceOfService, "98", false),
            (PublicList::PlaceOfService, "1", false),
            (PublicList::State, "CA", true),
            (PublicList::State, "ZZ", false),
            (PublicList::PatientStatus, "30", true),
            (PublicList::PatientStatus, "08", false),
            (PublicList::AdmissionType, "9", true),
            (PublicList::AdmissionType, "7", false),
            (PublicList::AdmissionSource, "G", true),
            (PublicList::AdmissionSource, "7", false),
            (PublicList::FacilityType, "13", true),
            (PublicList::FacilityType, "19", false),
            (PublicList::BypassModifier, "XU", true),
            (PublicList::BypassModifier, "50", false),
        ] {
            assert_eq!(list.contains(code.as_bytes()), known, "{list:?} {code}");
        }
        assert_eq!(PublicList::PlaceOfService.label(b"23"), Some("emergency room"));
        assert_eq!(PublicList::PatientStatus.label(b"30"), None);
    }

    #[test]
    fn a_list_with_a_code_twice_is_refused() {
        assert_eq!(
            read_list("code,label\n11,a\n11,b\n").unwrap_err().to_string(),
            "code_sets row 3, column code: the same as row 2, expected each once"
        );
    }

    #[test]
    fn a_set_that_was_never_loaded_says_so() {
        let sets = CodeSets::default();
        let code = "A000".parse().unwrap();
        assert_eq!(
            (
                sets.diagnosis(&code),
                sets.inpatient_procedure(&code),
                sets.taxonomy(&"207Q00000X".parse().unwrap())
            ),
            (Listing::NotLoaded, Listing::NotLoaded, Listing::NotLoaded)
        );
    }

    #[test]
    fn an_icd_order_file_knows_codes_from_headings() {
        let file = "00001 A00     0 Own heading                                                  Own heading\r\n00002 A000    1 Own code                                                     Own code\n";
        let sets = CodeSets::default().with_diagnoses(file.as_bytes()).unwrap();
        for (code, known) in [("A00", Listing::Heading), ("A000", Listing::Listed), ("A001", Listing::Unlisted)] {
            assert_eq!(sets.diagnosis(&code.parse().unwrap()), known, "{code}");
        }
        assert_eq!(sets.inpatient_procedure(&"A000".parse().unwrap()), Listing::NotLoaded);
        for (text, error) in [
            ("", CodeSetError::Empty),
            ("A000    Own code of the codes file\n", CodeSetError::NotAnOrderRow { line: 1 }),
            ("00001 A00     0 x\n\n00002 A000    2 x\n", CodeSetError::NotAnOrderRow { line: 3 }),
        ] {
            assert_eq!(CodeSets::default().with_inpatient_procedures(text.as_bytes()).unwrap_err(), error);
        }
    }

    #[test]
    fn the_taxonomy_file_is_read_by_its_code_column() {
        let sets = CodeSets::default()
            .with_taxonomies("\u{feff}\"Code\",\"Grouping\"\n\"207Q00000X\",\"Own\"\n".as_bytes())
            .unwrap();
        for (code, known) in [("207Q00000X", Listing::Listed), ("207R00000X", Listing::Unlisted)] {
            assert_eq!(sets.taxonomy(&code.parse().unwrap()), known, "{code}");
        }
        for (text, error) in [
            ("Name\nx\n", CodeSetError::NoTaxonomyHeader),
            ("Code\n207Q\n", CodeSetError::NotATaxonomy { line: 2 }),
            ("Code\n", CodeSetError::Empty),
        ] {
            assert_eq!(CodeSets::default().with_taxonomies(text.as_bytes()).unwrap_err(), error, "{text}");
        }
    }
}
