//! Element values: dates, date ranges, times. nom over a few bytes; values never reach an error.

use chrono::{NaiveDate, NaiveTime};
use nom::Parser;
use nom::bytes::complete::take_while_m_n;
use nom::combinator::{all_consuming, map_opt};
use serde::{Deserialize, Serialize};

use crate::word;

/// First and last day, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DateRange {
    #[serde(with = "crate::text_form::day")]
    pub from: NaiveDate,
    #[serde(with = "crate::text_form::day")]
    pub through: NaiveDate,
}

impl DateRange {
    pub fn day(date: NaiveDate) -> DateRange {
        DateRange { from: date, through: date }
    }

    pub fn contains(self, date: NaiveDate) -> bool {
        self.from <= date && date <= self.through
    }

    pub fn is_ordered(self) -> bool {
        self.from <= self.through
    }

    /// Days of the range, both ends included; 0 when out of order.
    pub fn days(self) -> i64 {
        ((self.through - self.from).num_days() + 1).max(0)
    }
}

/// `CCYYMMDD`. Eight digits at once: dates stand in every line, and three parsers for one number cost as much as
/// the rest of the line.
#[inline]
pub fn date(text: &[u8]) -> Option<NaiveDate> {
    let number = word::number_of(text).filter(|_| text.len() == 8)?;
    NaiveDate::from_ymd_opt(i32::try_from(number / 10_000).ok()?, number / 100 % 100, number % 100)
}

/// `YYMMDD` of the ISA, this century.
pub fn date_yymmdd(text: &[u8]) -> Option<NaiveDate> {
    all_consuming(map_opt((digits(2), digits(2), digits(2)), |(year, month, day)| {
        NaiveDate::from_ymd_opt(2000 + i32::try_from(year).ok()?, month, day)
    }))
    .parse(text)
    .ok()
    .map(|(_, date)| date)
}

/// `D8` (one day) or `RD8` (`CCYYMMDD-CCYYMMDD`), as DTP02 says; `DT` keeps the day of `CCYYMMDDHHMM`.
pub fn date_period(qualifier: &[u8], text: &[u8]) -> Option<DateRange> {
    match qualifier {
        b"D8" => date(text).map(DateRange::day),
        b"DT" => text
            .get(..8)
            .and_then(date)
            .filter(|_| text.get(8..).and_then(time).is_some())
            .map(DateRange::day),
        b"RD8" => {
            let (from, rest) = text.split_at_checked(8)?;
            Some(DateRange {
                from: date(from)?,
                through: date(rest.strip_prefix(b"-")?)?,
            })
        }
        _ => None,
    }
}

/// `HHMM`, `HHMMSS` or with decimal seconds `HHMMSSD`, `HHMMSSDD`.
pub fn time(text: &[u8]) -> Option<NaiveTime> {
    let (rest, (hour, minute)) = (digits(2), digits(2)).parse(text).ok()?;
    let second = match rest.len() {
        0 => 0,
        2..=4 => digits(2).parse(rest).ok().filter(|(rest, _)| rest.iter().all(u8::is_ascii_digit))?.1,
        _ => return None,
    };
    NaiveTime::from_hms_opt(hour, minute, second)
}

fn digits<'a>(count: usize) -> impl Parser<&'a [u8], Output = u32, Error = nom::error::Error<&'a [u8]>> {
    take_while_m_n(count, count, |byte: u8| byte.is_ascii_digit()).map(|text: &[u8]| text.iter().fold(0, |value, byte| value * 10 + u32::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_exist() {
        assert_eq!(date(b"20240229"), NaiveDate::from_ymd_opt(2024, 2, 29));
        for wrong in ["20230229", "2024022", "202402299", "2024O229", ""] {
            assert_eq!(date(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn periods_follow_their_qualifier() {
        assert_eq!(date_period(b"RD8", b"20250101-20250104").map(DateRange::days), Some(4));
        assert_eq!(date_period(b"DT", b"202501010815").map(DateRange::days), Some(1));
        assert_eq!(date_period(b"D8", b"20250101-20250104"), None);
        assert_eq!(date_period(b"DT", b"202501012500"), None);
        assert!(time(b"2359").is_some());
        assert_eq!(time(b"2400"), None);
    }
}
