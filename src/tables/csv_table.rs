//! The one reader of CSV files (INTERFACE 4): columns by header name, typed fields, located
//! errors that never carry a value (`members.csv` is protected, and a file without its header has its
//! first member where the names should be).
//!
//! To the next editor: a table's digest covers the fields in canonical column order, each with its
//! length, so a file's column order, quoting and line ends do not matter but every value does. Decisions
//! name digests, so a table that does not use a new column must keep its own: a column that comes later
//! goes into the third list of [`columns!`], whose fields are hashed only where they are filled.

use std::borrow::Cow;
use std::fmt;
use std::io::Read;

use chrono::NaiveDate;

use super::period::Period;
use crate::clock::Timestamp;
use crate::limits;
use crate::money::{Money, Quantity};

/// Why a table file was refused: where, what was found, what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct LoadError {
    pub file: Cow<'static, str>,
    /// Counted from 1, the header; 0 when the file as a whole is meant.
    pub row: u32,
    pub column: Option<&'static str>,
    pub problem: Problem,
}

/// `members.csv row 17, column birth_date: not a date, expected YYYY-MM-DD`
impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.row > 0 {
            write!(f, " row {}", self.row)?;
        }
        if let Some(column) = self.column {
            write!(f, ", column {column}")?;
        }
        write!(f, ": {}", self.problem)
    }
}

/// What is wrong with a row. Never carries a value of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("cannot be read ({0})")]
    Unreadable(std::io::ErrorKind),
    #[error("not UTF-8 text")]
    NotUtf8,
    #[error("no header row, expected the column names")]
    NoHeader,
    #[error("field {field} of the header is no known column, did you mean `{nearest}`?")]
    UnknownColumn { field: usize, nearest: &'static str },
    #[error("the column is named twice")]
    RepeatedColumn,
    #[error("the column is missing")]
    MissingColumn,
    #[error("{found} fields, expected {expected}")]
    FieldCount { found: u64, expected: u64 },
    #[error("empty, expected {expected}")]
    Empty { expected: &'static str },
    #[error("not {expected}")]
    Unexpected { expected: &'static str },
    #[error("not one of {}", .0.join(", "))]
    NotOneOf(Vec<&'static str>),
    #[error("ends before it begins")]
    Reversed,
    #[error("differs from row {row}, expected the same for one member")]
    Contradicts { row: u32 },
    #[error("overlaps row {row}, expected one row for each date")]
    Overlaps { row: u32 },
    #[error("the same as row {row}, expected each once")]
    Repeated { row: u32 },
    #[error("{0}")]
    Rule(&'static str),
    #[error("more than {0} rows")]
    TooManyRows(u32),
}

/// Columns of one table. Variants are spelled as the header spells them.
pub(super) trait Columns: Copy + 'static {
    const FILE: &'static str;
    /// In canonical order, required ones first.
    const NAMES: &'static [&'static str];
    /// How many of [`Columns::NAMES`] the header must have.
    const REQUIRED: usize;
    /// How many of [`Columns::NAMES`] the digest takes empty or not; the ones behind came later, and
    /// count where they are filled.
    const ALWAYS_DIGESTED: usize;
    fn place(self) -> usize;
    fn name(self) -> &'static str {
        Self::NAMES.get(self.place()).copied().unwrap_or_default()
    }
}

/// The header's name of a column variant: itself, without the mark of a name that is a Rust keyword.
pub(super) const fn header_name(variant: &'static str) -> &'static str {
    match variant.as_bytes() {
        [b'r', b'#', name @ ..] => match std::str::from_utf8(name) {
            Ok(name) => name,
            Err(_) => variant,
        },
        _ => variant,
    }
}

/// Declares the columns of a table: required, optional, and optional ones that came after tables of this
/// kind were first loaded: `columns! { "members.csv": cin, birth_date; added_on; last_name }`.
macro_rules! columns {
    ($file:literal: $($required:ident),+; $($optional:ident),* $(; $($added:ident),+)?) => {
        #[allow(non_camel_case_types)]
        #[derive(Debug, Clone, Copy)]
        enum Column { $($required,)+ $($optional,)* $($($added,)+)? }

        impl $crate::tables::csv_table::Columns for Column {
            const FILE: &'static str = $file;
            const NAMES: &'static [&'static str] = &[
                $($crate::tables::csv_table::header_name(stringify!($required)),)+
                $($crate::tables::csv_table::header_name(stringify!($optional)),)*
                $($($crate::tables::csv_table::header_name(stringify!($added)),)+)?
            ];
            const REQUIRED: usize = [$(stringify!($required)),+].len();
            const ALWAYS_DIGESTED: usize = Self::REQUIRED + { let optional: &[&str] = &[$(stringify!($optional)),*]; optional.len() };
            fn place(self) -> usize {
                self as usize
            }
        }
    };
}
pub(super) use columns;

/// Declares a closed vocabulary: an enum whose words are the same in CSV files and stored records.
macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The word that files and records use.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }

        impl $crate::tables::csv_table::Vocabulary for $name {
            const ALL: &'static [$name] = $name::ALL;
            fn word(self) -> &'static str {
                self.as_str()
            }
        }
    };
}
pub(super) use vocabulary;

/// A closed set of words.
pub(super) trait Vocabulary: Copy + 'static {
    const ALL: &'static [Self];
    fn word(self) -> &'static str;
}

/// The BLAKE3 of a table's rows in canonical form.
pub(super) type TableDigest = [u8; 32];

/// Reads every row of a table and hands it to `each`.
///
/// # Errors
/// [`LoadError`] of the header, of the CSV itself, or the first one that `each` returns.
pub(super) fn read_rows<C: Columns>(source: impl Read, mut each: impl FnMut(&Row<'_, C>) -> Result<(), LoadError>) -> Result<TableDigest, LoadError> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(source);
    let mut record = csv::StringRecord::new();
    if !reader.read_record(&mut record).map_err(|error| csv_error::<C>(1, &error))? {
        return Err(LoadError {
            file: C::FILE.into(),
            row: 1,
            column: None,
            problem: Problem::NoHeader,
        });
    }
    let places = read_header::<C>(&record)?;
    let mut hasher = blake3::Hasher::new_derive_key("claimstream reference table v1");
    // One update a row: thirty small ones cost more than reading the row.
    let mut canonical = Vec::new();
    let mut row = 1;
    while reader.read_record(&mut record).map_err(|error| csv_error::<C>(row + 1, &error))? {
        row += 1;
        if row > limits::REFERENCE_ROWS_MAX {
            return Err(LoadError {
                file: C::FILE.into(),
                row,
                column: None,
                problem: Problem::TooManyRows(limits::REFERENCE_ROWS_MAX),
            });
        }
        let row = Row {
            record: &record,
            places: &places,
            number: row,
            columns: std::marker::PhantomData,
        };
        canonical.clear();
        row.write_canonical(&mut canonical);
        hasher.update(&canonical);
        each(&row)?;
    }
    Ok(*hasher.finalize().as_bytes())
}

/// For each canonical column, the field that holds it.
fn read_header<C: Columns>(header: &csv::StringRecord) -> Result<Vec<Option<usize>>, LoadError> {
    let error = |column, problem| LoadError {
        file: C::FILE.into(),
        row: 1,
        column,
        problem,
    };
    let mut places: Vec<Option<usize>> = vec![None; C::NAMES.len()];
    for (field, name) in header.iter().enumerate() {
        let name = if field == 0 {
            name.trim_start_matches('\u{feff}').trim_matches('"')
        } else {
            name
        };
        let name = name.trim_ascii();
        let known = C::NAMES.iter().zip(&mut places).find(|(known, _)| **known == name);
        match known {
            Some((_, place)) if place.is_none() => *place = Some(field),
            Some((known, _)) => return Err(error(Some(*known), Problem::RepeatedColumn)),
            None => {
                return Err(error(
                    None,
                    Problem::UnknownColumn {
                        field: field + 1,
                        nearest: nearest(name, C::NAMES),
                    },
                ));
            }
        }
    }
    match C::NAMES.iter().zip(&places).take(C::REQUIRED).find(|(_, place)| place.is_none()) {
        Some((missing, _)) => Err(error(Some(*missing), Problem::MissingColumn)),
        None => Ok(places),
    }
}

/// The known name that is spelled most like `name`.
fn nearest(name: &str, known: &[&'static str]) -> &'static str {
    known
        .iter()
        .copied()
        .min_by_key(|known| strsim::damerau_levenshtein(known, name))
        .unwrap_or_default()
}

fn csv_error<C: Columns>(row: u32, error: &csv::Error) -> LoadError {
    let problem = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => Problem::FieldCount {
            found: *len,
            expected: *expected_len,
        },
        csv::ErrorKind::Utf8 { .. } => Problem::NotUtf8,
        csv::ErrorKind::Io(error) => Problem::Unreadable(error.kind()),
        // The rest cannot happen while reading string records.
        _ => Problem::Unreadable(std::io::ErrorKind::Other),
    };
    LoadError {
        file: C::FILE.into(),
        row,
        column: None,
        problem,
    }
}

/// One row; its getters name the row and column when a field is not what it should be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a, C> {
    record: &'a csv::StringRecord,
    places: &'a [Option<usize>],
    /// Counted from 1, the header.
    pub(super) number: u32,
    columns: std::marker::PhantomData<C>,
}

impl<'a, C: Columns> Row<'a, C> {
    /// The field as it stands; empty when the column is missing.
    pub(super) fn text(&self, column: C) -> &'a str {
        self.at(column.place())
    }

    fn at(&self, place: usize) -> &'a str {
        self.places
            .get(place)
            .copied()
            .flatten()
            .and_then(|field| self.record.get(field))
            .unwrap_or_default()
            .trim_ascii()
    }

    pub(super) fn error(&self, column: C, problem: Problem) -> LoadError {
        error_at(self.number, column, problem)
    }

    /// A field that must be there.
    pub(super) fn required<T>(&self, column: C, expected: &'static str, parse: impl FnOnce(&'a str) -> Option<T>) -> Result<T, LoadError> {
        match self.text(column) {
            "" => Err(self.error(column, Problem::Empty { expected })),
            text => parse(text).ok_or_else(|| self.error(column, Problem::Unexpected { expected })),
        }
    }

    /// A field that may be empty.
    pub(super) fn optional<T>(&self, column: C, expected: &'static str, parse: impl FnOnce(&'a str) -> Option<T>) -> Result<Option<T>, LoadError> {
        match self.text(column) {
            "" => Ok(None),
            _ => self.required(column, expected, parse).map(Some),
        }
    }

    /// A field where empty and `*` both mean any.
    pub(super) fn unless_any<T>(&self, column: C, expected: &'static str, parse: impl FnOnce(&'a str) -> Option<T>) -> Result<Option<T>, LoadError> {
        match self.text(column) {
            "*" => Ok(None),
            _ => self.optional(column, expected, parse),
        }
    }

    pub(super) fn date(&self, column: C) -> Result<NaiveDate, LoadError> {
        self.required(column, A_DATE, parse_date)
    }

    pub(super) fn optional_date(&self, column: C) -> Result<Option<NaiveDate>, LoadError> {
        self.optional(column, A_DATE, parse_date)
    }

    /// Two dates that stand in order; either may be open.
    pub(super) fn period(&self, from: C, to: C) -> Result<Period, LoadError> {
        Period::new(self.optional_date(from)?, self.optional_date(to)?).ok_or_else(|| self.error(to, Problem::Reversed))
    }

    pub(super) fn yes_no(&self, column: C) -> Result<bool, LoadError> {
        self.required(column, YES_OR_NO, parse_yes_no)
    }

    pub(super) fn word<V: Vocabulary>(&self, column: C) -> Result<V, LoadError> {
        self.parse_word(column, self.text(column))
    }

    /// A word, or `None` when empty or `*`.
    pub(super) fn word_unless_any<V: Vocabulary>(&self, column: C) -> Result<Option<V>, LoadError> {
        match self.text(column) {
            "" | "*" => Ok(None),
            _ => self.word(column).map(Some),
        }
    }

    /// Words separated by spaces; none when empty.
    pub(super) fn words<V: Vocabulary>(&self, column: C) -> Result<Vec<V>, LoadError> {
        self.text(column).split_ascii_whitespace().map(|text| self.parse_word(column, text)).collect()
    }

    fn parse_word<V: Vocabulary>(&self, column: C, text: &str) -> Result<V, LoadError> {
        let known = V::ALL.iter().copied().find(|word| word.word() == text);
        known.ok_or_else(|| self.error(column, Problem::NotOneOf(V::ALL.iter().map(|word| word.word()).collect())))
    }

    /// An amount that is not negative.
    pub(super) fn optional_money(&self, column: C) -> Result<Option<Money>, LoadError> {
        self.optional(column, "an amount of at most two decimals, not negative", |text| {
            Money::parse_x12(text.as_bytes()).ok().filter(|amount| !amount.is_negative())
        })
    }

    /// A count that is not negative.
    pub(super) fn optional_quantity(&self, column: C) -> Result<Option<Quantity>, LoadError> {
        self.optional(column, "a quantity, not negative", |text| {
            Quantity::parse_x12(text.as_bytes()).ok().filter(|quantity| !quantity.is_negative())
        })
    }

    /// An instant; a date alone counts as its noon UTC, which is the same day in every US time zone.
    pub(super) fn optional_timestamp(&self, column: C) -> Result<Option<Timestamp>, LoadError> {
        self.optional(column, "an RFC 3339 time or a date", |text| match parse_date(text) {
            Some(date) => date.and_hms_opt(12, 0, 0).map(|noon| Timestamp::from_unix_seconds(noon.and_utc().timestamp())),
            None => Timestamp::parse_rfc3339(text).ok(),
        })
    }

    /// Each field in canonical order behind its length; of the columns that came later the filled ones,
    /// behind a mark that is no length and their place.
    fn write_canonical(&self, out: &mut Vec<u8>) {
        for place in 0..C::NAMES.len() {
            let text = self.at(place);
            if place >= C::ALWAYS_DIGESTED {
                if text.is_empty() {
                    continue;
                }
                out.extend_from_slice(&u32::MAX.to_le_bytes());
                out.extend_from_slice(&(place as u32).to_le_bytes());
            }
            out.extend_from_slice(&(text.len() as u32).to_le_bytes());
            out.extend_from_slice(text.as_bytes());
        }
    }
}

/// Refuses two rows of the same key whose periods share a day. Leaves `rows` sorted by key and first day.
pub(super) fn refuse_overlaps<C: Columns, K: Ord, T>(rows: &mut [(K, Period, u32, T)], column: C) -> Result<(), LoadError> {
    rows.sort_by(|a, b| (&a.0, a.1, a.2).cmp(&(&b.0, b.1, b.2)));
    // Sorted by first day, any overlap shows between neighbours.
    match rows.iter().zip(rows.iter().skip(1)).find(|(a, b)| a.0 == b.0 && a.1.overlaps(b.1)) {
        Some((first, second)) => Err(error_at(first.2.max(second.2), column, Problem::Overlaps { row: first.2.min(second.2) })),
        None => Ok(()),
    }
}

/// An error about a row that is no longer at hand.
pub(super) fn error_at<C: Columns>(row: u32, column: C, problem: Problem) -> LoadError {
    LoadError {
        file: C::FILE.into(),
        row,
        column: Some(column.name()),
        problem,
    }
}

const A_DATE: &str = "a date YYYY-MM-DD";
const YES_OR_NO: &str = "yes or no";

pub(super) fn parse_yes_no(text: &str) -> Option<bool> {
    match text {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

/// `YYYY-MM-DD` and nothing else.
pub(super) fn parse_date(text: &str) -> Option<NaiveDate> {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u32>().ok()).flatten();
    let (year, rest) = text.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    if year.len() != 4 || month.len() != 2 || day.len() != 2 {
        return None;
    }
    NaiveDate::from_ymd_opt(i32::try_from(digits(year)?).ok()?, digits(month)?, digits(day)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    columns! { "networks.csv": network, name; note }

    fn read(text: &str) -> Result<(Vec<[String; 3]>, TableDigest), LoadError> {
        let mut rows = Vec::new();
        let digest = read_rows::<Column>(text.as_bytes(), |row| {
            rows.push([Column::network, Column::name, Column::note].map(|column| row.text(column).to_string()));
            Ok(())
        })?;
        Ok((rows, digest))
    }

    #[test]
    fn columns_go_by_name_and_form_does_not_change_the_digest() {
        let plain = read("network,name,note\nA,Alpha,\n").unwrap();
        assert_eq!(plain.0, [["A", "Alpha", ""]]);
        for same in [
            "name,network\nAlpha,A\n",
            "\u{feff}network,name\r\nA,\"Alpha\"\r\n",
            "network , name\n A , Alpha",
        ] {
            assert_eq!(read(same).as_ref(), Ok(&plain), "{same:?}");
        }
        for other in [
            "network,name\nA,Alphb\n",
            "network,name,note\nA,Alpha,x\n",
            "network,name\nAA,lpha\n",
            "network,name\n",
        ] {
            assert_ne!(read(other).unwrap().1, plain.1, "{other:?}");
        }
    }

    mod later {
        use super::super::*;

        columns! { "networks.csv": network, name; note; remark, since }

        pub(super) fn digest(text: &str) -> TableDigest {
            let columns = [Column::network, Column::name, Column::note, Column::remark, Column::since];
            read_rows::<Column>(text.as_bytes(), |row| {
                assert!(columns.iter().any(|column| !row.text(*column).is_empty()));
                Ok(())
            })
            .unwrap()
        }
    }

    #[test]
    fn a_column_that_came_later_counts_where_it_is_filled() {
        let before = read("network,name,note\nA,Alpha,x\nB,Beta,\n").unwrap().1;
        assert_eq!(later::digest("network,name,note\nA,Alpha,x\nB,Beta,\n"), before);
        assert_eq!(later::digest("network,name,note,since,remark\nA,Alpha,x,,\nB,Beta,,,\n"), before);
        let filled = ["A,Alpha,x,y,\nB,Beta,,,\n", "A,Alpha,x,,y\nB,Beta,,,\n", "A,Alpha,x,,\nB,Beta,,y,\n"];
        let mut digests: Vec<TableDigest> = filled.map(|rows| later::digest(&format!("network,name,note,remark,since\n{rows}"))).to_vec();
        digests.push(before);
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), 4);
    }

    #[test]
    fn what_is_no_table_is_refused_with_its_place() {
        for (text, message) in [
            ("", "networks.csv row 1: no header row, expected the column names"),
            (
                "network,nam\n",
                "networks.csv row 1: field 2 of the header is no known column, did you mean `name`?",
            ),
            ("network,name,network\n", "networks.csv row 1, column network: the column is named twice"),
            ("network,note\n", "networks.csv row 1, column name: the column is missing"),
            ("network,name\nA,Alpha\nB\n", "networks.csv row 3: 1 fields, expected 2"),
        ] {
            assert_eq!(read(text).unwrap_err().to_string(), message);
        }
        let not_utf8 = read_rows::<Column>(b"network,name\nA,\xff\n".as_slice(), |_| Ok(()));
        assert_eq!(not_utf8.unwrap_err().to_string(), "networks.csv row 2: not UTF-8 text");
    }

    #[test]
    fn fields_are_typed() {
        let typed = |text: &str, get: &dyn Fn(&Row<'_, Column>) -> Result<String, LoadError>| {
            let mut outcome = Ok(String::new());
            read_rows::<Column>(format!("network,name,note\nA,B,{text}\n").as_bytes(), |row| {
                outcome = get(row);
                Ok(())
            })
            .unwrap();
            outcome.map_err(|error| error.to_string())
        };
        let date = |row: &Row<'_, Column>| row.date(Column::note).map(|date| date.to_string());
        let flag = |row: &Row<'_, Column>| row.yes_no(Column::note).map(|flag| flag.to_string());
        let money = |row: &Row<'_, Column>| row.optional_money(Column::note).map(|money| money.unwrap_or_default().to_string());
        let time = |row: &Row<'_, Column>| {
            row.optional_timestamp(Column::note)
                .map(|time| time.map(Timestamp::to_rfc3339).unwrap_or_default())
        };
        let at = "networks.csv row 2, column note: ";
        for (text, get, result) in [
            ("2024-02-29", &date as &dyn Fn(&Row<'_, Column>) -> _, Ok("2024-02-29")),
            ("2023-02-29", &date, Err("not a date YYYY-MM-DD")),
            ("24-02-29", &date, Err("not a date YYYY-MM-DD")),
            ("+024-02-29", &date, Err("not a date YYYY-MM-DD")),
            ("", &date, Err("empty, expected a date YYYY-MM-DD")),
            ("yes", &flag, Ok("true")),
            ("no", &flag, Ok("false")),
            ("true", &flag, Err("not yes or no")),
            ("12.5", &money, Ok("12.50")),
            ("", &money, Ok("0.00")),
            ("-1", &money, Err("not an amount of at most two decimals, not negative")),
            ("1.005", &money, Err("not an amount of at most two decimals, not negative")),
            ("2026-01-02T03:04:05-08:00", &time, Ok("2026-01-02T11:04:05Z")),
            ("2026-01-02", &time, Ok("2026-01-02T12:00:00Z")),
            ("noon", &time, Err("not an RFC 3339 time or a date")),
        ] {
            assert_eq!(
                typed(text, get),
                result.map(String::from).map_err(|error: &str| format!("{at}{error}")),
                "{text}"
            );
        }
    }
}
