//! Pairs of procedures that are not paid side by side: NCCI procedure-to-procedure edits (DOMAIN I, D2).
//! `ncci_ptp*`, `ccipra*`, `ccioph*`: any number of files, which together are the table.
//!
//! To the next editor: some three and a half million pairs are published, so a pair is twelve bytes: a
//! number that sorts by setting and column 2, and two days.

use std::fmt;

use chrono::{Datelike, NaiveDate};

use super::TableFile;
use super::published::{A_CODE, CodeNumber, CodingSetting, Place, PublishedRows};
use crate::ids::ProcedureCode;
use crate::limits;
use crate::tables::csv_table::{LoadError, Problem, TableDigest};

/// Every pair that is or was in force.
#[derive(Clone, Default)]
pub struct NcciPairs {
    /// Setting, column 2, column 1, whether modifiers part them; sorted.
    keys: Vec<u64>,
    /// First and last day in force, in days since [`DAY_ZERO`]; of the key at the same place.
    spans: Vec<(u16, u16)>,
}

/// What column 1 means for a line of column 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NcciPair {
    /// Indicator 1: a bypass modifier says that the services were separate.
    pub modifiers_part: bool,
}

/// Files that name no setting hold for every one; its number comes behind those of the settings.
const ANY_SETTING: u64 = 3;
/// 1980-01-01; pairs are published from 1996 on.
const DAY_ZERO: i32 = 722_815;
const OPEN: u16 = u16::MAX;

impl fmt::Debug for NcciPairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NcciPairs({} pairs)", self.keys.len())
    }
}

impl NcciPairs {
    /// Reads every file of a load. Pairs that were taken back as if they had never been (indicator 9, or
    /// deleted on their first day) are left out.
    ///
    /// # Errors
    /// [`LoadError`] at the first bad row.
    pub(super) fn read_digested(files: &mut [TableFile<'_>]) -> Result<(NcciPairs, TableDigest), LoadError> {
        let mut pairs = Vec::new();
        for file in files {
            let setting = CodingSetting::named_in(file.name).map_or(ANY_SETTING, |setting| setting as u64);
            read_file(file, setting, &mut pairs)?;
        }
        pairs.sort_unstable();
        pairs.dedup();
        let mut hasher = blake3::Hasher::new_derive_key("claimstream NCCI pairs v1");
        for (key, (from, to)) in &pairs {
            hasher.update(&key.to_le_bytes()).update(&from.to_le_bytes()).update(&to.to_le_bytes());
        }
        let (keys, spans) = pairs.into_iter().unzip();
        Ok((NcciPairs { keys, spans }, *hasher.finalize().as_bytes()))
    }

    /// The pairs whose column 2 is this procedure.
    pub fn of_column_two(&self, setting: CodingSetting, column_two: &ProcedureCode) -> ColumnTwo<'_> {
        let ranges = CodeNumber::of(column_two).map_or([0..0, 0..0], |column_two| {
            [setting as u64, ANY_SETTING].map(|setting| {
                let first = key(setting, column_two, CodeNumber(0), false);
                let end = first + (1 << (CodeNumber::BITS + 1));
                self.keys.partition_point(|key| *key < first)..self.keys.partition_point(|key| *key < end)
            })
        });
        ColumnTwo { pairs: self, ranges }
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

/// The pairs of one column 2 procedure.
#[derive(Debug, Clone)]
pub struct ColumnTwo<'a> {
    pairs: &'a NcciPairs,
    ranges: [std::ops::Range<usize>; 2],
}

impl ColumnTwo<'_> {
    pub fn is_empty(&self) -> bool {
        self.ranges.iter().all(std::ops::Range::is_empty)
    }

    /// The pair with a column 1 procedure that is in force on a day. Of several, the one that no modifier
    /// parts.
    pub fn beside(&self, column_one: &ProcedureCode, day: NaiveDate) -> Option<NcciPair> {
        let column_one = u64::from(CodeNumber::of(column_one)?.0) << 1;
        let day = day_number(day)?;
        let low_bits = (1 << (CodeNumber::BITS + 1)) - 1;
        let mut found: Option<NcciPair> = None;
        for range in &self.ranges {
            let keys = self.pairs.keys.get(range.clone()).unwrap_or_default();
            let spans = self.pairs.spans.get(range.clone()).unwrap_or_default();
            let start = keys.partition_point(|key| key & low_bits < column_one);
            for (key, (from, to)) in keys.iter().zip(spans).skip(start) {
                if key & low_bits & !1 != column_one {
                    break;
                }
                if (*from..=*to).contains(&day) {
                    let modifiers_part = key & 1 == 1 && found.is_none_or(|found| found.modifiers_part);
                    found = Some(NcciPair { modifiers_part });
                }
            }
        }
        found
    }
}

type Packed = (u64, (u16, u16));

fn key(setting: u64, column_two: CodeNumber, column_one: CodeNumber, modifiers_part: bool) -> u64 {
    let codes = (setting << CodeNumber::BITS | u64::from(column_two.0)) << CodeNumber::BITS | u64::from(column_one.0);
    codes << 1 | u64::from(modifiers_part)
}

fn day_number(day: NaiveDate) -> Option<u16> {
    u16::try_from(day.num_days_from_ce() - DAY_ZERO).ok().filter(|number| *number < OPEN)
}

/// Where the columns are: those of a row whose first two are `Column 1` and `Column 2`. The others may
/// be named in rows above or below; then they stand as they always did.
struct Header {
    effective: usize,
    deletion: usize,
    modifier: usize,
}

fn header(names: &[String]) -> Option<Header> {
    let is_header = names.first().is_some_and(|name| name.starts_with("column1") && !name.contains("column2"));
    let place = |word: &str| -> Place { names.iter().position(|name| name.starts_with(word)) };
    (is_header && names.get(1).is_some_and(|name| name.starts_with("column2"))).then(|| Header {
        effective: place("effective").unwrap_or(3),
        deletion: place("deletion").unwrap_or(4),
        modifier: place("modifier").unwrap_or(5),
    })
}

fn read_file(file: &mut TableFile<'_>, setting: u64, pairs: &mut Vec<Packed>) -> Result<(), LoadError> {
    let expected = "no header row, expected one that begins with Column 1 and Column 2";
    let (mut rows, header) = PublishedRows::open(file.name, &mut *file.source, expected, header)?;
    let last = header.effective.max(header.deletion).max(header.modifier);
    while let Some(column_one) = rows.next(0, last, "Column 1")? {
        let unexpected = |column, expected| rows.error(Some(column), Problem::Unexpected { expected });
        let column_two = CodeNumber::parse(rows.field(1)).ok_or_else(|| unexpected("Column 2", A_CODE))?;
        let from = parse_day(rows.field(header.effective)).ok_or_else(|| unexpected("Effective Date", A_DAY))?;
        let to = match rows.field(header.deletion) {
            b"*" | b"" => OPEN,
            text => parse_day(text).ok_or_else(|| unexpected("Deletion Date", A_DAY))?,
        };
        if to < from {
            return Err(rows.error(Some("Deletion Date"), Problem::Reversed));
        }
        let modifiers_part = match rows.field(header.modifier) {
            b"0" => false,
            b"1" => true,
            b"9" => continue,
            _ => return Err(unexpected("Modifier", "0, 1 or 9")),
        };
        if to == from {
            continue;
        }
        if pairs.len() >= limits::REFERENCE_ROWS_MAX as usize {
            return Err(rows.error(None, Problem::TooManyRows(limits::REFERENCE_ROWS_MAX)));
        }
        pairs.push((key(setting, column_two, column_one, modifiers_part), (from, to)));
    }
    Ok(())
}

const A_DAY: &str = "a date YYYYMMDD";

fn parse_day(text: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() == 8)?;
    day_number(NaiveDate::parse_from_str(text, "%Y%m%d").ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRACTITIONER: &str = "ccipra-v900r0-f1.txt";

    fn read(files: &[(&str, &str)]) -> Result<(NcciPairs, TableDigest), LoadError> {
        let mut sources: Vec<&[u8]> = files.iter().map(|(_, text)| text.as_bytes()).collect();
        let mut files: Vec<TableFile<'_>> = (files.iter().zip(&mut sources)).map(|((name, _), source)| TableFile { name, source }).collect();
        NcciPairs::read_digested(&mut files)
    }

    fn found(pairs: &NcciPairs, setting: CodingSetting, one: &str, two: &str, day: &str) -> Option<bool> {
        let of = pairs.of_column_two(setting, &two.parse().unwrap());
        of.beside(&one.parse().unwrap(), day.parse().unwrap()).map(|pair| pair.modifiers_part)
    }

    /// As practitioners' files are laid out: a copyright, a title, a header of four rows, tabs.
    const STACKED: &str = "\"Made-up pairs, no codes of anyone\r\nAll rights, reserved\"\t\t\t\t\t\t\r\n\
        Column1/Column2 Edits\t\t\t\t\t\t\r\n\
        Column 1\tColumn 2\t*=in existence\tEffective\tDeletion\tModifier\tPTP Edit Rationale\r\n\
        \t\tprior to 1996\tDate\tDate\t0=not allowed\t\r\n\
        \t\t\t\t*=no data\t1=allowed\t\r\n\
        \t\t\t\t\t9=not applicable\t\r\n\
        X9001\tX9002\t\t20200101\t*\t1\tMade up\r\n\
        X9001\tX9003\t*\t20200101\t20241231\t0\tMade up\r\n\
        X9001\tX9004\t\t20200101\t20200101\t9\tMade up\r\n\
        X9001\tX9005\t\t20200101\t20200101\t1\tMade up\r\n\
        end of file\r\n";

    #[test]
    fn pairs_are_found_by_setting_codes_and_day() {
        let (pairs, _) = read(&[(PRACTITIONER, STACKED)]).unwrap();
        assert_eq!(pairs.len(), 2);
        use CodingSetting::{Outpatient, Practitioner};
        for (setting, one, two, day, result) in [
            (Practitioner, "X9001", "X9002", "2025-01-20", Some(true)),
            (Practitioner, "X9001", "X9002", "2020-01-01", Some(true)),
            (Practitioner, "X9001", "X9002", "2019-12-31", None),
            (Practitioner, "X9002", "X9001", "2025-01-20", None),
            (Outpatient, "X9001", "X9002", "2025-01-20", None),
            (Practitioner, "X9001", "X9003", "2024-12-31", Some(false)),
            (Practitioner, "X9001", "X9003", "2025-01-01", None),
            (Practitioner, "X9001", "X9004", "2020-01-01", None),
            (Practitioner, "X9001", "X9005", "2020-01-01", None),
            (Practitioner, "X9001", "99213", "2020-01-01", None),
        ] {
            assert_eq!(found(&pairs, setting, one, two, day), result, "{setting:?} {one} {two} {day}");
        }
        assert!(pairs.of_column_two(Practitioner, &"X9004".parse().unwrap()).is_empty());
    }

    #[test]
    fn other_layouts_and_several_files_are_one_table() {
        let commas = "Column 1,Column 2,Effective Date,Deletion Date,Modifier Indicator,PTP Edit Rationale\nX9001,X9002,20200101,*,1,\"a, b\"\n";
        let hospital = "Column 1,Column 2,*=in existence prior to 1996,Effective Date,Deletion Date *=no data,Modifier\nX9001,X9002,,20210101,,0\n";
        let (pairs, digest) = read(&[("ncci_ptp_practitioner.csv", commas), ("ccioph-v900r0-f1.txt", hospital)]).unwrap();
        assert_eq!(pairs.len(), 2);
        assert_eq!(found(&pairs, CodingSetting::Practitioner, "X9001", "X9002", "2025-01-20"), Some(true));
        assert_eq!(found(&pairs, CodingSetting::Outpatient, "X9001", "X9002", "2025-01-20"), Some(false));
        assert_eq!(found(&pairs, CodingSetting::Equipment, "X9001", "X9002", "2025-01-20"), None);
        // However the pairs are spread over files.
        let swapped = read(&[("ccioph-v900r0-f1.txt", hospital), ("ccipra-f2.csv", commas), ("ccipra-f3.csv", commas)]).unwrap();
        assert_eq!(swapped.1, digest);
        // A file that names no setting is for all; the stricter pair counts.
        let (any, other) = read(&[("ncci_ptp.csv", commas), ("ccioph-v900r0-f1.txt", hospital)]).unwrap();
        assert_ne!(other, digest);
        assert_eq!(found(&any, CodingSetting::Equipment, "X9001", "X9002", "2025-01-20"), Some(true));
        assert_eq!(found(&any, CodingSetting::Outpatient, "X9001", "X9002", "2025-01-20"), Some(false));
        assert_eq!(found(&any, CodingSetting::Outpatient, "X9001", "X9002", "2020-06-01"), Some(true));
    }

    #[test]
    fn a_bad_row_fails_the_load_at_its_place() {
        let good = "Column 1\tColumn 2\t*\tEffective\tDeletion\tModifier\nX9001\tX9002\t\t20200101\t20301231\t1\nX9001\tX9003\t\t20200101\t20301231\t1\n";
        assert!(read(&[(PRACTITIONER, good)]).is_ok());
        for (from, to, message) in [
            ("Column 2", "Second", ": no header row, expected one that begins with Column 1 and Column 2"),
            (
                "X9001\tX9003",
                "X90\tX9003",
                " row 3, column Column 1: not a procedure of five letters and digits",
            ),
            ("X9002", "X900é", " row 2, column Column 2: not a procedure of five letters and digits"),
            ("20200101", "2020-1-1", " row 2, column Effective Date: not a date YYYYMMDD"),
            ("20301231", "20301331", " row 2, column Deletion Date: not a date YYYYMMDD"),
            ("20301231", "20191231", " row 2, column Deletion Date: ends before it begins"),
            ("\t1\n", "\t2\n", " row 2, column Modifier: not 0, 1 or 9"),
        ] {
            let text = good.replacen(from, to, 1);
            assert_eq!(
                read(&[(PRACTITIONER, &text)]).unwrap_err().to_string(),
                format!("{PRACTITIONER}{message}"),
                "{text}"
            );
        }
        assert_eq!(
            read(&[(PRACTITIONER, "")]).unwrap_err().to_string(),
            format!("{PRACTITIONER}: no header row, expected one that begins with Column 1 and Column 2")
        );
    }

    /// As many as a quarter's practitioner edits in force, and each of them found.
    #[test]
    fn a_million_pairs_take_twelve_bytes_each() {
        use std::fmt::Write;
        let code = |number: usize| format!("X{number:04}");
        let mut text = String::from("Column 1\tColumn 2\t*\tEffective\tDeletion\tModifier\n");
        for number in 0..1_000_000 {
            let (one, two, modifier) = (number / 1_000, 1_000 + number % 1_000, number % 2);
            writeln!(text, "X{one:04}\tX{two:04}\t\t20200101\t*\t{modifier}").unwrap();
        }
        let (pairs, _) = read(&[(PRACTITIONER, &text)]).unwrap();
        assert_eq!(pairs.len(), 1_000_000);
        let bytes = pairs.keys.capacity() * size_of::<u64>() + pairs.spans.capacity() * size_of::<(u16, u16)>();
        assert!(bytes <= 13_000_000, "{bytes} bytes");
        for number in (0..1_000_000).step_by(9_973) {
            let (one, two) = (code(number / 1_000), code(1_000 + number % 1_000));
            let pair = found(&pairs, CodingSetting::Practitioner, &one, &two, "2025-01-20");
            assert_eq!(pair, Some(number % 2 == 1), "{one} {two}");
        }
        assert_eq!(found(&pairs, CodingSetting::Practitioner, "X1000", "X1000", "2025-01-20"), None);
    }

    #[test]
    fn days_are_counted_from_1980() {
        let day = |text: &str| day_number(text.parse().unwrap());
        assert_eq!((day("1980-01-01"), day("1979-12-31"), day("2159-06-06")), (Some(0), None, None));
    }
}
