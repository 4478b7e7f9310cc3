//! Providers the plan knows, contracted or not. `providers.csv`, one row per NPI and TIN.

use std::fmt;
use std::io::Read;

use compact_str::CompactString;

use crate::ids::{Npi, Taxonomy, Tin};
use crate::phi::Phi;
use crate::tables::csv_table::{LoadError, Problem, TableDigest, columns, read_rows, vocabulary};
use crate::tables::period::Period;

columns! { "providers.csv": npi, tin, group_tin, taxonomy, kind, contracted, enrolled_from, enrolled_to, payment, routing, account;; group_npi, tertiary }

vocabulary! {
    /// What a provider is to the plan.
    ProviderKind {
        /// Primary care.
        Pcp = "pcp",
        Specialist = "specialist",
        Facility = "facility",
        Other = "other",
    }
}

vocabulary! {
    /// BPR04 of the provider's payments.
    PaymentMethod { Ach = "ach", Check = "check" }
}

/// Every provider row, found by NPI.
#[derive(Clone, Default)]
pub struct Providers {
    /// Sorted by NPI, rows of one NPI in file order.
    rows: Vec<Provider>,
    has_tertiary: bool,
}

/// A provider under one TIN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    pub npi: Npi,
    pub tin: Option<Tin>,
    /// TIN of the group the provider is affiliated with.
    pub group_tin: Option<Tin>,
    pub taxonomy: Option<Taxonomy>,
    pub kind: ProviderKind,
    pub contracted: bool,
    /// NPI of that group.
    pub group_npi: Option<Npi>,
    /// A tertiary centre: its elective services need prior authorization.
    pub tertiary: bool,
    /// Medi-Cal enrolment.
    pub enrolled: Period,
    pub payment: PaymentMethod,
    pub bank: Option<BankAccount>,
}

/// Where ACH payments go. BPR13, BPR15.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankAccount {
    /// Nine digits.
    pub routing: Phi<CompactString>,
    pub account: Phi<CompactString>,
}

impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Providers({} rows)", self.rows.len())
    }
}

impl Providers {
    /// # Errors
    /// [`LoadError`] at the first bad row.
    pub fn read(source: impl Read) -> Result<Providers, LoadError> {
        Providers::read_digested(source).map(|(providers, _)| providers)
    }

    pub(super) fn read_digested(source: impl Read) -> Result<(Providers, TableDigest), LoadError> {
        let mut rows = Vec::new();
        let digest = read_rows(source, |row| {
            rows.push(read_row(row)?);
            Ok(())
        })?;
        rows.sort_by_key(|row: &Provider| row.npi);
        let has_tertiary = rows.iter().any(|row| row.tertiary);
        Ok((Providers { rows, has_tertiary }, digest))
    }

    /// The rows of an NPI, in file order; empty when unknown.
    pub fn find(&self, npi: &Npi) -> &[Provider] {
        let start = self.rows.partition_point(|row| row.npi < *npi);
        let found = self.rows.get(start..).unwrap_or_default();
        found.get(..found.partition_point(|row| row.npi == *npi)).unwrap_or_default()
    }

    /// The row of an NPI that bills under a TIN, else its first row.
    pub fn find_under(&self, npi: &Npi, tin: Option<&Tin>) -> Option<&Provider> {
        let rows = self.find(npi);
        rows.iter().find(|row| tin.is_some() && row.tin.as_ref() == tin).or(rows.first())
    }

    /// Whether any provider is a tertiary centre.
    pub fn has_tertiary(&self) -> bool {
        self.has_tertiary
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

type Row<'a> = crate::tables::csv_table::Row<'a, Column>;

fn read_row(row: &Row<'_>) -> Result<Provider, LoadError> {
    Ok(Provider {
        npi: row.required(Column::npi, "an NPI: ten digits with a check digit", |text| Npi::parse(text.as_bytes()).ok())?,
        tin: row.optional(Column::tin, A_TIN, parse_tin)?,
        group_tin: row.optional(Column::group_tin, A_TIN, parse_tin)?,
        taxonomy: row.optional(Column::taxonomy, "a taxonomy of ten characters", |text| {
            Taxonomy::parse(text.as_bytes())
                .ok()
                .filter(|_| text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        })?,
        kind: if row.text(Column::kind).is_empty() {
            ProviderKind::Other
        } else {
            row.word(Column::kind)?
        },
        contracted: row.yes_no(Column::contracted)?,
        group_npi: row.optional(Column::group_npi, "an NPI", |text| Npi::parse(text.as_bytes()).ok())?,
        tertiary: !row.text(Column::tertiary).is_empty() && row.yes_no(Column::tertiary)?,
        enrolled: row.period(Column::enrolled_from, Column::enrolled_to)?,
        payment: if row.text(Column::payment).is_empty() {
            PaymentMethod::Check
        } else {
            row.word(Column::payment)?
        },
        bank: read_bank(row)?,
    })
}

fn read_bank(row: &Row<'_>) -> Result<Option<BankAccount>, LoadError> {
    let routing = row.optional(Column::routing, "a routing number of nine digits", |text| {
        (text.len() == 9 && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
    })?;
    // BPR15 holds 35 characters.
    let account = row.optional(Column::account, "an account number of at most 35 letters and digits", |text| {
        (text.len() <= 35 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')).then_some(text)
    })?;
    match (routing, account) {
        (Some(routing), Some(account)) => Ok(Some(BankAccount {
            routing: Phi::new(routing.into()),
            account: Phi::new(account.into()),
        })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(row.error(Column::account, Problem::Rule("empty beside a routing number"))),
        (None, Some(_)) => Err(row.error(Column::routing, Problem::Rule("empty beside an account number"))),
    }
}

const A_TIN: &str = "a TIN of nine digits";

pub(super) fn parse_tin(text: &str) -> Option<Tin> {
    Tin::parse(text.as_bytes())
        .ok()
        .filter(|_| text.len() == 9 && text.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "npi,tin,group_tin,taxonomy,kind,contracted,enrolled_from,enrolled_to,payment,routing,account";

    fn read(rows: &[&str]) -> Result<Providers, LoadError> {
        Providers::read(format!("{HEADER}\n{}\n", rows.join("\n")).as_bytes())
    }

    fn npi(text: &str) -> Npi {
        Npi::parse(text.as_bytes()).unwrap()
    }

    fn tin(text: &str) -> Tin {
        Tin::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn an_npi_has_a_row_for_each_tin() {
        let providers = read(&[
            "1234567893,951234567,,207Q00000X,pcp,yes,2020-01-01,2024-12-31,ach,121000358,000123",
            "1003000126,,,,,no,,,,,",
            "1234567893,957654321,951234567,207R00000X,specialist,no,,,check,,",
        ])
        .unwrap();
        assert_eq!(providers.len(), 3);
        let [first, second] = providers.find(&npi("1234567893")) else {
            panic!("two rows expected")
        };
        assert_eq!(
            (first.tin, first.kind, first.contracted, first.payment),
            (Some(tin("951234567")), ProviderKind::Pcp, true, PaymentMethod::Ach)
        );
        assert!(first.enrolled.covers("2024-12-31".parse().unwrap()) && !first.enrolled.covers("2025-01-01".parse().unwrap()));
        assert_eq!(
            (second.group_tin, second.kind, second.contracted, &second.bank),
            (Some(tin("951234567")), ProviderKind::Specialist, false, &None)
        );
        let [bare] = providers.find(&npi("1003000126")) else {
            panic!("one row expected")
        };
        assert_eq!((bare.tin, bare.kind, bare.payment), (None, ProviderKind::Other, PaymentMethod::Check));
        assert!(providers.find(&npi("1111111112")).is_empty());
        let under = |tin: Option<&Tin>| providers.find_under(&npi("1234567893"), tin).map(|row| row.kind);
        assert_eq!(under(Some(&tin("957654321"))), Some(ProviderKind::Specialist));
        assert_eq!(under(Some(&tin("950000000"))), Some(ProviderKind::Pcp));
        assert_eq!(under(None), Some(ProviderKind::Pcp));
    }

    #[test]
    fn groups_and_tertiary_centres() {
        let read = |row: &str| Providers::read(format!("{HEADER},group_npi,tertiary\n{row}\n").as_bytes());
        let providers = read("1234567893,951234567,,,facility,yes,,,,,,1003000126,yes").unwrap();
        let [centre] = providers.find(&npi("1234567893")) else {
            panic!("one row expected")
        };
        assert_eq!(
            (centre.group_npi, centre.tertiary, providers.has_tertiary()),
            (Some(npi("1003000126")), true, true)
        );
        assert!(!read("1234567893,951234567,,,facility,yes,,,,,,,").unwrap().has_tertiary());
        assert!(read("1234567893,951234567,,,facility,yes,,,,,,1,").is_err());
        assert!(read("1234567893,951234567,,,facility,yes,,,,,,,true").is_err());
    }

    #[test]
    fn bank_numbers_do_not_print() {
        let providers = read(&["1234567893,951234567,,207Q00000X,pcp,yes,,,ach,121000358,000123"]).unwrap();
        let shown = format!("{providers:?} {:?}", providers.find(&npi("1234567893")));
        assert!(!shown.contains("121000358") && !shown.contains("000123"), "{shown}");
    }

    #[test]
    fn a_bad_row_fails_the_load_at_its_place() {
        for (row, message) in [
            ("1234567890,,,,pcp,yes,,,,,", "column npi: not an NPI: ten digits with a check digit"),
            ("1234567893,95-1234567,,,pcp,yes,,,,,", "column tin: not a TIN of nine digits"),
            ("1234567893,,95123456,,pcp,yes,,,,,", "column group_tin: not a TIN of nine digits"),
            ("1234567893,,,207Q,pcp,yes,,,,,", "column taxonomy: not a taxonomy of ten characters"),
            ("1234567893,,,,gp,yes,,,,,", "column kind: not one of pcp, specialist, facility, other"),
            ("1234567893,,,,pcp,,,,,,", "column contracted: empty, expected yes or no"),
            ("1234567893,,,,pcp,yes,2024-02-01,2024-01-01,,,", "column enrolled_to: ends before it begins"),
            ("1234567893,,,,pcp,yes,,,eft,,", "column payment: not one of ach, check"),
            ("1234567893,,,,pcp,yes,,,ach,12100035,1", "column routing: not a routing number of nine digits"),
            (
                "1234567893,,,,pcp,yes,,,ach,121000358,1 2",
                "column account: not an account number of at most 35 letters and digits",
            ),
            ("1234567893,,,,pcp,yes,,,ach,121000358,", "column account: empty beside a routing number"),
            ("1234567893,,,,pcp,yes,,,ach,,1", "column routing: empty beside an account number"),
        ] {
            assert_eq!(read(&[row]).unwrap_err().to_string(), format!("providers.csv row 2, {message}"));
        }
    }
}
