//! The list of codes that need prior authorization (DOMAIN C1). `prior_auth_codes.csv`. A code that is
//! not on the list needs none.

use std::cmp::Reverse;
use std::io::Read;

use chrono::NaiveDate;
use compact_str::CompactString;

use super::code_columns::{read_code_range, read_modifier};
use crate::ids::{Modifier, PlaceOfService};
use crate::money::{Money, Quantity};
use crate::tables::code_range::{CodeKey, CodeRange, RangeIndex};
use crate::tables::csv_table::{LoadError, Problem, TableDigest, columns, read_rows, refuse_overlaps, vocabulary};
use crate::tables::period::Period;

columns! {
    "prior_auth_codes.csv": code_from, code_to, modifier, line_of_business, effective_from, effective_to, requirement, note;
    pos, min_age, max_age, amount_threshold; units_free, list
}

vocabulary! {
    /// The plan a member is in.
    LineOfBusiness { MediCal = "medi-cal", OneCare = "onecare" }
}

vocabulary! {
    /// What the list asks for.
    Requirement {
        Required = "required",
        /// The plan must be told, no authorization is needed.
        Notify = "notify",
        None = "none",
    }
}

vocabulary! {
    /// What kind of leave an entry asks for.
    List {
        General = "general",
        /// Incontinence supplies, hearing aids, long-term and day care: an authorization of type wrap.
        Wrap = "wrap",
        /// A referral (REF*9F) instead of an authorization.
        Referral = "referral",
    }
}

/// The list.
#[derive(Debug, Clone, Default)]
pub struct PriorAuthCodes {
    index: RangeIndex<PriorAuthCode>,
}

/// One entry of the list; a condition that is `None` always holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriorAuthCode {
    pub codes: CodeRange,
    pub modifier: Option<Modifier>,
    pub line_of_business: Option<LineOfBusiness>,
    pub effective: Period,
    pub requirement: Requirement,
    pub note: CompactString,
    pub place_of_service: Option<PlaceOfService>,
    /// In years on the service date, inclusive.
    pub age_min: Option<u16>,
    pub age_max: Option<u16>,
    /// The entry applies from this line charge on.
    pub amount_min: Option<Money>,
    /// Units of a claim that need none.
    pub units_free: Option<Quantity>,
    pub list: List,
}

/// What is asked of the list.
#[derive(Debug, Clone, Copy)]
pub struct PriorAuthQuery<'a> {
    /// Procedure or revenue code.
    pub code: &'a [u8],
    pub modifiers: &'a [Option<Modifier>],
    pub line_of_business: LineOfBusiness,
    /// Service date: the list's version is that of the service, not of the receipt.
    pub date: NaiveDate,
    pub place_of_service: Option<PlaceOfService>,
    /// Unknown ages meet no age condition.
    pub age_years: Option<u16>,
    pub charge: Money,
}

impl PriorAuthCodes {
    /// # Errors
    /// [`LoadError`] at the first bad row, or where two rows of equal conditions overlap in time.
    pub fn read(source: impl Read) -> Result<PriorAuthCodes, LoadError> {
        PriorAuthCodes::read_digested(source).map(|(codes, _)| codes)
    }

    pub(super) fn read_digested(source: impl Read) -> Result<(PriorAuthCodes, TableDigest), LoadError> {
        let mut rows = Vec::new();
        let digest = read_rows(source, |row| {
            let entry = read_row(row)?;
            let conditions = (
                entry.codes,
                entry.modifier,
                entry.line_of_business,
                entry.place_of_service,
                entry.age_min,
                entry.age_max,
                entry.amount_min,
            );
            rows.push((conditions, entry.effective, row.number, entry));
            Ok(())
        })?;
        refuse_overlaps(&mut rows, Column::effective_from)?;
        let index = RangeIndex::new(rows.into_iter().map(|(_, _, _, entry)| (entry.codes, entry)).collect());
        Ok((PriorAuthCodes { index }, digest))
    }

    /// The most specific entry that applies: one for the modifier before one for any, then the
    /// narrowest code range, then more conditions, then the later effective date.
    pub fn find(&self, query: &PriorAuthQuery<'_>) -> Option<&PriorAuthCode> {
        let entries = self.index.containing(CodeKey::of(query.code)).map(|(_, entry)| entry);
        entries.filter(|entry| entry.applies(query)).max_by_key(|entry| entry.specificity())
    }

    pub fn len(&self) -> usize {
        self.index.len()
    }

    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }
}

impl PriorAuthCode {
    fn applies(&self, query: &PriorAuthQuery<'_>) -> bool {
        self.effective.covers(query.date)
            && self.modifier.is_none_or(|modifier| query.modifiers.contains(&Some(modifier)))
            && self.line_of_business.is_none_or(|line| line == query.line_of_business)
            && self.place_of_service.is_none_or(|place| query.place_of_service == Some(place))
            && self.age_min.is_none_or(|age| query.age_years.is_some_and(|years| age <= years))
            && self.age_max.is_none_or(|age| query.age_years.is_some_and(|years| years <= age))
            && self.amount_min.is_none_or(|amount| amount <= query.charge)
    }

    fn specificity(&self) -> impl Ord + use<> {
        let conditions = [
            self.place_of_service.is_some(),
            self.age_min.is_some(),
            self.age_max.is_some(),
            self.amount_min.is_some(),
            self.line_of_business.is_some(),
        ];
        let met = conditions.iter().filter(|condition| **condition).count();
        (
            self.modifier.is_some(),
            Reverse(self.codes.width()),
            met,
            self.amount_min,
            self.effective.from(),
        )
    }
}

type Row<'a> = crate::tables::csv_table::Row<'a, Column>;

fn read_row(row: &Row<'_>) -> Result<PriorAuthCode, LoadError> {
    let age = |column| row.unless_any(column, "an age in whole years", |text| text.parse::<u16>().ok());
    let entry = PriorAuthCode {
        codes: read_code_range(row, Column::code_from, Column::code_to)?,
        modifier: read_modifier(row, Column::modifier)?,
        line_of_business: row.word_unless_any(Column::line_of_business)?,
        effective: row.period(Column::effective_from, Column::effective_to)?,
        requirement: row.word(Column::requirement)?,
        note: row.text(Column::note).into(),
        place_of_service: row.unless_any(Column::pos, "a place of service of two characters", parse_place)?,
        age_min: age(Column::min_age)?,
        age_max: age(Column::max_age)?,
        amount_min: row.optional_money(Column::amount_threshold)?,
        units_free: row.optional_quantity(Column::units_free)?,
        list: match row.text(Column::list) {
            "" => List::General,
            _ => row.word(Column::list)?,
        },
    };
    match entry.age_min.zip(entry.age_max) {
        Some((min, max)) if max < min => Err(row.error(Column::max_age, Problem::Rule("below the lowest age"))),
        _ => Ok(entry),
    }
}

pub(super) fn parse_place(text: &str) -> Option<PlaceOfService> {
    PlaceOfService::parse(text.as_bytes())
        .ok()
        .filter(|_| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "code_from,code_to,modifier,line_of_business,effective_from,effective_to,requirement,note,pos,min_age,max_age,amount_threshold";

    fn read(rows: &str) -> Result<PriorAuthCodes, LoadError> {
        PriorAuthCodes::read(format!("{HEADER}\n{rows}\n").as_bytes())
    }

    const LIST: &str = "\
K0001,K0009,,*,,,none,range,,,,
K0001,,,*,,,required,single,,,,250
K0001,,RR,*,,,notify,rental,,,,
95810,,,medi-cal,2024-01-01,2024-12-31,required,old,,,,
95810,,,*,2025-01-01,,required,new,,,,
95811,,,onecare,,,required,other plan,,,,
99204,99205,,*,,,required,child,11,0,20,
0100,0219,,*,,,required,room,,,,";

    #[test]
    fn entries_of_other_lists_and_with_free_units() {
        let rows = "T4521,T4525,,*,,,required,,,,,,200,wrap\n99242,,,*,,,required,,,,,,,referral\n97112,,,*,,,required,,,,,,,";
        let list = PriorAuthCodes::read(format!("{HEADER},units_free,list\n{rows}\n").as_bytes()).unwrap();
        let found = |code: &str| {
            let query = PriorAuthQuery {
                code: code.as_bytes(),
                modifiers: &[],
                line_of_business: LineOfBusiness::MediCal,
                date: "2025-01-01".parse().unwrap(),
                place_of_service: None,
                age_years: None,
                charge: Money::ZERO,
            };
            list.find(&query).map(|entry| (entry.list, entry.units_free.map(|units| units.to_string())))
        };
        assert_eq!(found("T4522"), Some((List::Wrap, Some("200".into()))));
        assert_eq!(found("99242"), Some((List::Referral, None)));
        assert_eq!(found("97112"), Some((List::General, None)));
        let error = PriorAuthCodes::read(format!("{HEADER},list\n97112,,,*,,,required,,,,,,special\n").as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "prior_auth_codes.csv row 2, column list: not one of general, wrap, referral");
    }

    #[test]
    fn the_most_specific_entry_that_applies_is_found() {
        let list = read(LIST).unwrap();
        let (none, rr) = ([None; 4], [None, Modifier::parse(b"RR").ok(), None, None]);
        let query = |code: &'static str, modifiers, date: &str, place: &str, age, cents| {
            let query = PriorAuthQuery {
                code: code.as_bytes(),
                modifiers,
                line_of_business: LineOfBusiness::MediCal,
                date: date.parse().unwrap(),
                place_of_service: parse_place(place),
                age_years: age,
                charge: Money::from_cents(cents),
            };
            list.find(&query).map(|entry| entry.note.as_str())
        };
        for (code, modifiers, date, place, age, cents, found) in [
            ("K0001", &none, "2025-01-01", "12", None, 25000, Some("single")),
            ("K0001", &none, "2025-01-01", "12", None, 24999, Some("range")),
            ("K0001", &rr, "2025-01-01", "12", None, 25000, Some("rental")),
            ("K0005", &rr, "2025-01-01", "12", None, 25000, Some("range")),
            ("K0010", &none, "2025-01-01", "12", None, 25000, None),
            ("95810", &none, "2024-12-31", "11", None, 1, Some("old")),
            ("95810", &none, "2025-01-01", "11", None, 1, Some("new")),
            ("95810", &none, "2023-12-31", "11", None, 1, None),
            ("95811", &none, "2025-01-01", "11", None, 1, None),
            ("99205", &none, "2025-01-01", "11", Some(20), 1, Some("child")),
            ("99205", &none, "2025-01-01", "11", Some(21), 1, None),
            ("99205", &none, "2025-01-01", "11", None, 1, None),
            ("99205", &none, "2025-01-01", "22", Some(20), 1, None),
            ("0128", &none, "2025-01-01", "", None, 1, Some("room")),
            ("01280", &none, "2025-01-01", "", None, 1, None),
        ] {
            assert_eq!(query(code, modifiers, date, place, age, cents), found, "{code} {date} {place} {age:?} {cents}");
        }
    }

    #[test]
    fn a_bad_row_fails_the_load_at_its_place() {
        for (rows, message) in [
            (",K0009,,*,,,none,,,,,", "row 2, column code_from: empty, expected a code of 1 to 8 characters"),
            ("K0001,K009,,*,,,none,,,,,", "row 2, column code_to: of another length than the code it ends"),
            ("K0001,,R,*,,,none,,,,,", "row 2, column modifier: not a modifier of two characters"),
            ("K0001,,,medicare,,,none,,,,,", "row 2, column line_of_business: not one of medi-cal, onecare"),
            ("K0001,,,*,,,maybe,,,,,", "row 2, column requirement: not one of required, notify, none"),
            ("K0001,,,*,2025-02-01,2025-01-01,none,,,,,", "row 2, column effective_to: ends before it begins"),
            ("K0001,,,*,,,none,,office,,,", "row 2, column pos: not a place of service of two characters"),
            ("K0001,,,*,,,none,,,-1,,", "row 2, column min_age: not an age in whole years"),
            ("K0001,,,*,,,none,,,5,4,", "row 2, column max_age: below the lowest age"),
            (
                "K0001,,,*,,,none,,,,,x",
                "row 2, column amount_threshold: not an amount of at most two decimals, not negative",
            ),
            (
                "K0001,,,*,2025-01-01,,none,,,,,\nK0001,,,*,,2025-01-01,required,,,,,",
                "row 3, column effective_from: overlaps row 2, expected one row for each date",
            ),
        ] {
            assert_eq!(read(rows).unwrap_err().to_string(), format!("prior_auth_codes.csv {message}"));
        }
        assert!(read("K0001,,,*,2025-01-02,,none,,,,,\nK0001,,,*,,2025-01-01,required,,,,,").is_ok());
    }
}
