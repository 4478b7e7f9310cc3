//! The files of the National Correct Coding Initiative as CMS publishes them (DOMAIN I): text with tabs
//! or commas, a copyright of several lines, a header of one or several rows, and columns found by what
//! their header says.
//!
//! To the next editor: the layouts were taken from many files over the years, and each year has one more
//! line of header. What is no row before the first one is header; what is no row behind it is an error.

use std::io::{BufRead, BufReader, Read};

use crate::ids::ProcedureCode;
use crate::tables::csv_table::{LoadError, Problem, vocabulary};

vocabulary! {
    /// Whose services a file is for.
    CodingSetting {
        Practitioner = "practitioner",
        /// Outpatient departments of hospitals.
        Outpatient = "outpatient",
        /// Suppliers of durable medical equipment.
        Equipment = "equipment",
    }
}

impl CodingSetting {
    /// What the name of a published file, or the header of its values, says.
    pub(super) fn named_in(text: &str) -> Option<CodingSetting> {
        let text = text.to_ascii_lowercase();
        let is = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if is(&["ccipra", "practitioner", "-pra", "_pra"]) {
            Some(CodingSetting::Practitioner)
        } else if is(&["ccioph", "outpatient", "-oph", "_oph"]) {
            Some(CodingSetting::Outpatient)
        } else if is(&["dme", "equipment", "supplier"]) {
            Some(CodingSetting::Equipment)
        } else {
            None
        }
    }
}

/// A procedure as a number of 26 bits that sorts like its text: five letters and digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CodeNumber(pub u32);

impl CodeNumber {
    pub const BITS: u32 = 26;

    pub(super) fn of(code: &ProcedureCode) -> Option<CodeNumber> {
        CodeNumber::parse(code.as_bytes())
    }

    pub(super) fn parse(text: &[u8]) -> Option<CodeNumber> {
        let number = text
            .iter()
            .try_fold(0, |number: u32, byte| char::from(*byte).to_digit(36).map(|digit| number * 36 + digit));
        number.filter(|_| text.len() == 5).map(CodeNumber)
    }
}

/// Rows of a published file behind its header.
pub(super) struct PublishedRows<'a> {
    reader: csv::Reader<Box<dyn Read + 'a>>,
    record: csv::ByteRecord,
    file: &'a str,
    has_begun: bool,
}

/// Columns of a header, each by place.
pub(super) type Place = Option<usize>;

impl<'a> PublishedRows<'a> {
    /// Finds the header: the first row for which `header` finds its columns.
    ///
    /// # Errors
    /// [`LoadError`] when there is none.
    pub(super) fn open<H>(
        file: &'a str,
        source: &'a mut dyn Read,
        expected: &'static str,
        header: impl Fn(&[String]) -> Option<H>,
    ) -> Result<(PublishedRows<'a>, H), LoadError> {
        let mut source = BufReader::with_capacity(64 * 1024, source);
        // The copyright may have commas; only the tables of a file with tabs have tabs.
        let start = source.fill_buf().map_err(|error| unreadable(file, 1, error.kind()))?;
        let delimiter = if start.contains(&b'\t') { b'\t' } else { b',' };
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(Box::new(source) as Box<dyn Read + 'a>);
        let mut rows = PublishedRows {
            reader,
            record: csv::ByteRecord::new(),
            file,
            has_begun: false,
        };
        while rows.read()? {
            let names: Vec<String> = rows.record.iter().map(plain).collect();
            if let Some(header) = header(&names) {
                return Ok((rows, header));
            }
        }
        Err(LoadError {
            row: 0,
            ..rows.error(None, Problem::Rule(expected))
        })
    }

    fn read(&mut self) -> Result<bool, LoadError> {
        let read = self.reader.read_byte_record(&mut self.record);
        read.map_err(|error| match error.kind() {
            csv::ErrorKind::Io(error) => unreadable(self.file, self.line(), error.kind()),
            _ => unreadable(self.file, self.line(), std::io::ErrorKind::Other),
        })
    }

    /// Goes to the next row that has the last of these columns and a code in the first. Rows that are
    /// shorter are none, and before the first row neither are those without a code.
    ///
    /// # Errors
    /// [`LoadError`] at a row without a code behind the first one.
    pub(super) fn next(&mut self, code: usize, last: usize, column: &'static str) -> Result<Option<CodeNumber>, LoadError> {
        while self.read()? {
            if self.record.len() <= last || self.record.iter().all(|field| field.trim_ascii().is_empty()) {
                continue;
            }
            match CodeNumber::parse(self.field(code)) {
                Some(number) => {
                    self.has_begun = true;
                    return Ok(Some(number));
                }
                None if self.has_begun => return Err(self.error(Some(column), Problem::Unexpected { expected: A_CODE })),
                None => {}
            }
        }
        Ok(None)
    }

    pub(super) fn field(&self, place: usize) -> &[u8] {
        self.record.get(place).unwrap_or_default().trim_ascii()
    }

    /// The line of the row at hand, counted from 1.
    pub(super) fn line(&self) -> u32 {
        self.record.position().map_or(1, |position| u32::try_from(position.line()).unwrap_or(u32::MAX))
    }

    pub(super) fn error(&self, column: Option<&'static str>, problem: Problem) -> LoadError {
        LoadError {
            file: self.file.to_string().into(),
            row: self.line(),
            column,
            problem,
        }
    }
}

pub(super) const A_CODE: &str = "a procedure of five letters and digits";

fn unreadable(file: &str, row: u32, kind: std::io::ErrorKind) -> LoadError {
    LoadError {
        file: file.to_string().into(),
        row,
        column: None,
        problem: Problem::Unreadable(kind),
    }
}

/// A header's words without what is between them: `HCPCS/\nCPT Code` is `hcpcscptcode`.
fn plain(field: &[u8]) -> String {
    let letters = field.iter().filter(|byte| byte.is_ascii_alphanumeric());
    letters.map(|byte| char::from(byte.to_ascii_lowercase())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_whose_services_a_file_is_for() {
        use CodingSetting::*;
        for (name, setting) in [
            ("ccipra-v322r0-f1.txt", Some(Practitioner)),
            ("ccioph-v322r0-f4.txt", Some(Outpatient)),
            ("MCR_MUE_OutpatientHospitalServices_Eff_01-01-2026.csv", Some(Outpatient)),
            ("medicaid-ncci-ptp-edits-dme.csv", Some(Equipment)),
            ("Practitioner Services MUE Values", Some(Practitioner)),
            ("DME Supplier Services MUE Values", Some(Equipment)),
            ("ncci_ptp.csv", None),
        ] {
            assert_eq!(CodingSetting::named_in(name), setting, "{name}");
        }
    }

    #[test]
    fn codes_are_numbers_in_the_order_of_their_text() {
        let number = |text: &str| CodeNumber::parse(text.as_bytes());
        assert!(number("00001") < number("99999") && number("99999") < number("A0001") && number("A0001") < number("ZZZZZ"));
        assert!(number("ZZZZZ").unwrap().0 < 1 << CodeNumber::BITS);
        for none in ["9921", "992134", "9921é", "99 13", ""] {
            assert_eq!(number(none), None, "{none}");
        }
    }
}
