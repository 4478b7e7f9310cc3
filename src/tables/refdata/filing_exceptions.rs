//! Claims whose time to file began later than their service says (DOMAIN B2 E7, E8): those that another
//! entity received first, and those that a dispute showed good cause for. `filing_exceptions.csv`.

use std::collections::HashMap;
use std::fmt;
use std::io::Read;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::ids::{Cin, Npi};
use crate::tables::csv_table::{LoadError, Problem, TableDigest, columns, read_rows, vocabulary};
use crate::tables::period::Period;

columns! { "filing_exceptions.csv": kind, cin, billing_npi, service_from, service_to, first_received_on, source; }

vocabulary! {
    FilingExceptionKind {
        /// Sent to the wrong network first: the day it arrived there counts as the day of receipt.
        Misdirected = "misdirected",
        /// A dispute showed good cause: the claim is not late.
        GoodCause = "good_cause",
    }
}

/// What was granted for the services of a member by a billing provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilingException {
    pub kind: FilingExceptionKind,
    /// Days of service it is for.
    pub service: Period,
    /// Of a misdirected claim.
    pub first_received_on: Option<NaiveDate>,
}

/// Every exception, by member and billing provider.
#[derive(Clone, Default)]
pub struct FilingExceptions {
    rows: HashMap<(Cin, Npi), Vec<FilingException>>,
}

impl fmt::Debug for FilingExceptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FilingExceptions({} rows)", self.len())
    }
}

impl FilingExceptions {
    /// # Errors
    /// [`LoadError`] at the first bad row.
    pub fn read(source: impl Read) -> Result<FilingExceptions, LoadError> {
        FilingExceptions::read_digested(source).map(|(exceptions, _)| exceptions)
    }

    pub(super) fn read_digested(source: impl Read) -> Result<(FilingExceptions, TableDigest), LoadError> {
        let mut rows: HashMap<(Cin, Npi), Vec<FilingException>> = HashMap::new();
        let digest = read_rows(source, |row| {
            let cin = row.required(Column::cin, "a CIN: 9, seven digits and a letter", |text| Cin::parse(text.as_bytes()).ok())?;
            let npi = row.required(Column::billing_npi, "an NPI", |text| Npi::parse(text.as_bytes()).ok())?;
            row.date(Column::service_from)?;
            if row.text(Column::source).is_empty() {
                return Err(row.error(
                    Column::source,
                    Problem::Empty {
                        expected: "where it was granted",
                    },
                ));
            }
            let kind = row.word(Column::kind)?;
            let first_received_on = row.optional_date(Column::first_received_on)?;
            match (kind, first_received_on) {
                (FilingExceptionKind::Misdirected, None) => {
                    let expected = "the day on which the first entity received it";
                    return Err(row.error(Column::first_received_on, Problem::Empty { expected }));
                }
                (FilingExceptionKind::GoodCause, Some(_)) => {
                    return Err(row.error(Column::first_received_on, Problem::Rule("given though good cause needs none")));
                }
                _ => {}
            }
            rows.entry((cin, npi)).or_default().push(FilingException {
                kind,
                service: row.period(Column::service_from, Column::service_to)?,
                first_received_on,
            });
            Ok(())
        })?;
        for of_claims in rows.values_mut() {
            of_claims.sort_by_key(|exception| (exception.kind, exception.first_received_on, exception.service.from(), exception.service.to()));
        }
        Ok((FilingExceptions { rows }, digest))
    }

    /// Those of a member's services by a billing provider: misdirected ones first, by the day of receipt.
    pub fn of(&self, cin: &Cin, npi: &Npi) -> &[FilingException] {
        self.rows.get(&(*cin, *npi)).map_or(&[], Vec::as_slice)
    }

    pub fn len(&self) -> usize {
        self.rows.values().map(Vec::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rows: &str) -> Result<FilingExceptions, LoadError> {
        FilingExceptions::read(format!("kind,cin,billing_npi,service_from,service_to,first_received_on,source\n{rows}\n").as_bytes())
    }

    #[test]
    fn exceptions_are_found_by_member_and_billing_provider() {
        let exceptions =
            read("good_cause,90000001A,1234567893,2024-01-01,2024-01-31,,PDR 7\nmisdirected,90000001A,1234567893,2024-01-01,,2024-06-01,CHOC").unwrap();
        let (cin, npi) = (Cin::parse(b"90000001A").unwrap(), Npi::parse(b"1234567893").unwrap());
        let kinds: Vec<&str> = exceptions.of(&cin, &npi).iter().map(|exception| exception.kind.as_str()).collect();
        assert_eq!(kinds, ["misdirected", "good_cause"]);
        assert!(exceptions.of(&Cin::parse(b"90000002A").unwrap(), &npi).is_empty());
        assert_eq!((exceptions.len(), format!("{exceptions:?}")), (2, "FilingExceptions(2 rows)".to_string()));
    }

    #[test]
    fn a_bad_row_fails_the_load_at_its_place_without_its_value() {
        for (row, message) in [
            ("late,90000001A,1234567893,2024-01-01,,,x", "column kind: not one of misdirected, good_cause"),
            (
                "misdirected,90000001A,1234567893,2024-01-01,,,x",
                "column first_received_on: empty, expected the day on which the first entity received it",
            ),
            (
                "good_cause,90000001A,1234567893,2024-01-01,,2024-02-01,x",
                "column first_received_on: given though good cause needs none",
            ),
            ("good_cause,90000001A,1234567893,,,,x", "column service_from: empty, expected a date YYYY-MM-DD"),
            (
                "good_cause,90000001A,1234567893,2024-01-01,,,",
                "column source: empty, expected where it was granted",
            ),
        ] {
            assert_eq!(read(row).unwrap_err().to_string(), format!("filing_exceptions.csv row 2, {message}"));
        }
    }
}
