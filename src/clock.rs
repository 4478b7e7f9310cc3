//! Time, as values. Nothing below the pipeline reads a clock; it is handed a [`Timestamp`].

use chrono::{DateTime, NaiveDate, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::text_form;

/// An instant in UTC with second precision, as events print it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From seconds since 1970-01-01T00:00:00Z.
    pub fn from_unix_seconds(seconds: i64) -> Timestamp {
        Timestamp(seconds)
    }

    pub fn unix_seconds(self) -> i64 {
        self.0
    }

    /// The current instant. Called at the rim only (`cli`, `pipeline`).
    pub fn now() -> Timestamp {
        Timestamp(Utc::now().timestamp())
    }

    /// Reads RFC 3339 with any offset.
    ///
    /// # Errors
    /// When the text is no RFC 3339 instant.
    pub fn parse_rfc3339(text: &str) -> Result<Timestamp, chrono::ParseError> {
        DateTime::parse_from_rfc3339(text).map(|instant| Timestamp(instant.timestamp()))
    }

    pub fn to_rfc3339(self) -> String {
        let instant = self.utc();
        let (day, second) = (instant.date_naive(), instant.num_seconds_from_midnight());
        let digit = |number: u32| char::from(b'0' + (number % 10) as u8);
        let mut text = String::with_capacity(20);
        text.push_str(&text_form::day::text(day));
        for (before, number) in [('T', second / 3_600), (':', second / 60 % 60), (':', second % 60)] {
            text.extend([before, digit(number / 10), digit(number)]);
        }
        text.push('Z');
        text
    }

    pub fn utc(self) -> DateTime<Utc> {
        Utc.timestamp_opt(self.0, 0).single().unwrap_or_default()
    }

    /// The payer's calendar date at this instant (DOMAIN B7: Pacific time for CalOptima).
    pub fn date_in(self, zone: Tz) -> NaiveDate {
        self.utc().with_timezone(&zone).date_naive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_receipt_date_is_the_payers_day() {
        let late_evening = Timestamp::parse_rfc3339("2026-01-16T23:59:59-08:00").map(|t| t.date_in(chrono_tz::America::Los_Angeles));
        assert_eq!(late_evening.ok(), NaiveDate::from_ymd_opt(2026, 1, 16));
        assert_eq!(
            Timestamp::parse_rfc3339("2026-01-16T12:00:00-08:00").map(Timestamp::to_rfc3339).ok().as_deref(),
            Some("2026-01-16T20:00:00Z")
        );
    }
}
