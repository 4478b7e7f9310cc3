//! How long after the service a claim may be filed (DOMAIN B1, B2). `filing_limits.csv`. Grace is
//! granted by rows of this table only.

use std::io::Read;

use chrono::{Months, NaiveDate};
use compact_str::CompactString;

use crate::ids::NetworkId;
use crate::tables::csv_table::{LoadError, Problem, TableDigest, columns, parse_yes_no, read_rows, refuse_overlaps, vocabulary};
use crate::tables::period::Period;

columns! { "filing_limits.csv": network, contracted, received_from, received_to, unit, limit, grace_days, source; }

/// Floors of 28 CCR 1300.71(b)(1), in days: a limit below them is refused (DOMAIN B2 E9).
const CONTRACTED_DAYS_MIN: u32 = 90;
const NON_CONTRACTED_DAYS_MIN: u32 = 180;

/// A hundred years: beyond it a limit is a slip of the pen.
const LIMIT_DAYS_MAX: u32 = 36_525;

vocabulary! {
    Unit { Days = "days", Years = "years" }
}

/// Every limit.
#[derive(Debug, Clone, Default)]
pub struct FilingLimits {
    rows: Vec<FilingLimit>,
}

/// The limit of a network and contract for claims received in a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilingLimit {
    /// `None`: any network without its own row.
    pub network: Option<NetworkId>,
    /// `None`: contracted or not.
    pub contracted: Option<bool>,
    pub received: Period,
    pub limit: FilingSpan,
    pub grace_days: u32,
    /// Where the limit is written.
    pub source: CompactString,
}

/// A span after the service date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilingSpan {
    Days(u32),
    /// Anniversaries; 29 February is followed by 28 February.
    Years(u32),
}

impl FilingSpan {
    /// The last timely day.
    pub fn last_day(self, service: NaiveDate) -> Option<NaiveDate> {
        match self {
            FilingSpan::Days(days) => service.checked_add_days(chrono::Days::new(u64::from(days))),
            FilingSpan::Years(years) => service.checked_add_months(Months::new(years.checked_mul(12)?)),
        }
    }

    fn days_at_least(self) -> u32 {
        match self {
            FilingSpan::Days(days) => days,
            FilingSpan::Years(years) => years.saturating_mul(365),
        }
    }
}

impl FilingLimit {
    /// The last timely day, grace included.
    pub fn last_day(&self, service: NaiveDate) -> Option<NaiveDate> {
        let last_day = self.limit.last_day(service)?;
        match self.grace_days {
            0 => Some(last_day),
            grace => last_day.checked_add_days(chrono::Days::new(u64::from(grace))),
        }
    }
}

impl FilingLimits {
    /// # Errors
    /// [`LoadError`] at the first bad row, a limit below the statutory floor, or where two rows of equal
    /// specificity overlap in time.
    pub fn read(source: impl Read) -> Result<FilingLimits, LoadError> {
        FilingLimits::read_digested(source).map(|(limits, _)| limits)
    }

    pub(super) fn read_digested(source: impl Read) -> Result<(FilingLimits, TableDigest), LoadError> {
        let mut rows = Vec::new();
        let digest = read_rows(source, |row| {
            let limit = read_row(row)?;
            rows.push(((limit.network, limit.contracted), limit.received, row.number, limit));
            Ok(())
        })?;
        refuse_overlaps(&mut rows, Column::received_from)?;
        Ok((
            FilingLimits {
                rows: rows.into_iter().map(|(_, _, _, limit)| limit).collect(),
            },
            digest,
        ))
    }

    /// The row for a claim of a network and a billing provider: the network's own before one for any,
    /// then one for the contract before one for both. There are tens of rows, so a scan finds it.
    pub fn find(&self, network: Option<NetworkId>, contracted: bool, received: NaiveDate) -> Option<&FilingLimit> {
        let applies = |row: &&FilingLimit| {
            row.network.is_none_or(|known| network == Some(known)) && row.contracted.is_none_or(|known| known == contracted) && row.received.covers(received)
        };
        self.rows
            .iter()
            .filter(applies)
            .max_by_key(|row| (row.network.is_some(), row.contracted.is_some()))
    }

    pub fn rows(&self) -> &[FilingLimit] {
        &self.rows
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

type Row<'a> = crate::tables::csv_table::Row<'a, Column>;

fn read_row(row: &Row<'_>) -> Result<FilingLimit, LoadError> {
    let a_number = "a whole number of 1 to 36525";
    let number = row.required(Column::limit, a_number, |text| {
        text.parse::<u32>().ok().filter(|number| (1..=LIMIT_DAYS_MAX).contains(number))
    })?;
    let filing_limit = FilingLimit {
        network: row.unless_any(Column::network, "a network of at most 12 characters", |text| {
            NetworkId::parse(text.as_bytes()).ok()
        })?,
        contracted: row.unless_any(Column::contracted, "yes or no", parse_yes_no)?,
        received: row.period(Column::received_from, Column::received_to)?,
        limit: match row.word(Column::unit)? {
            Unit::Days => FilingSpan::Days(number),
            Unit::Years => FilingSpan::Years(number),
        },
        grace_days: row
            .optional(Column::grace_days, "a whole number of 0 to 36525", |text| {
                text.parse().ok().filter(|days| *days <= LIMIT_DAYS_MAX)
            })?
            .unwrap_or(0),
        source: row.text(Column::source).into(),
    };
    let days = filing_limit.limit.days_at_least();
    if days < CONTRACTED_DAYS_MIN {
        return Err(row.error(Column::limit, Problem::Rule("below the statutory 90 days")));
    }
    if filing_limit.contracted != Some(true) && days < NON_CONTRACTED_DAYS_MIN {
        return Err(row.error(Column::limit, Problem::Rule("below the statutory 180 days of providers without a contract")));
    }
    Ok(filing_limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rows: &str) -> Result<FilingLimits, LoadError> {
        FilingLimits::read(format!("network,contracted,received_from,received_to,unit,limit,grace_days,source\n{rows}\n").as_bytes())
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn the_most_specific_network_wins() {
        let limits = read("*,*,,,days,365,,any\n*,no,,,days,200,,without contract\nCHOC,yes,,,days,90,,choc\nKAISER,*,,,years,1,,kaiser").unwrap();
        let find = |network: Option<&str>, contracted| {
            limits
                .find(network.map(|text| text.parse().unwrap()), contracted, day("2025-01-01"))
                .map(|limit| limit.source.as_str())
        };
        for (network, contracted, source) in [
            (None, true, "any"),
            (None, false, "without contract"),
            (Some("CHOC"), true, "choc"),
            (Some("CHOC"), false, "without contract"),
            (Some("KAISER"), false, "kaiser"),
            (Some("COD"), true, "any"),
        ] {
            assert_eq!(find(network, contracted), Some(source), "{network:?} {contracted}");
        }
    }

    #[test]
    fn days_and_years_part_at_a_29_february() {
        for (span, service, last) in [
            (FilingSpan::Days(365), "2025-01-15", "2026-01-15"),
            (FilingSpan::Days(365), "2024-01-01", "2024-12-31"),
            (FilingSpan::Years(1), "2024-01-01", "2025-01-01"),
            (FilingSpan::Days(365), "2024-02-29", "2025-02-28"),
            (FilingSpan::Years(1), "2024-02-29", "2025-02-28"),
        ] {
            assert_eq!(span.last_day(day(service)), Some(day(last)), "{span:?} {service}");
        }
    }

    #[test]
    fn a_bad_row_fails_the_load_at_its_place() {
        for (rows, message) in [
            ("*,perhaps,,,days,365,,", "row 2, column contracted: not yes or no"),
            ("*,*,2025-01-02,2025-01-01,days,365,,", "row 2, column received_to: ends before it begins"),
            ("*,*,,,months,12,,", "row 2, column unit: not one of days, years"),
            ("*,*,,,days,,,", "row 2, column limit: empty, expected a whole number of 1 to 36525"),
            ("*,*,,,years,0,,", "row 2, column limit: not a whole number of 1 to 36525"),
            ("*,*,,,days,365,-1,", "row 2, column grace_days: not a whole number of 0 to 36525"),
            ("*,yes,,,days,89,,", "row 2, column limit: below the statutory 90 days"),
            (
                "*,no,,,days,179,,",
                "row 2, column limit: below the statutory 180 days of providers without a contract",
            ),
            (
                "*,*,,,days,179,,",
                "row 2, column limit: below the statutory 180 days of providers without a contract",
            ),
            (
                "*,*,,,days,365,,\n*,*,2025-01-01,,days,365,90,",
                "row 3, column received_from: overlaps row 2, expected one row for each date",
            ),
        ] {
            assert_eq!(read(rows).unwrap_err().to_string(), format!("filing_limits.csv {message}"));
        }
        assert!(read("*,yes,,,days,90,,\n*,no,,,days,180,,").is_ok());
    }
}
