//! Working days: neither Saturdays nor Sundays nor the holidays that a rule pack lists.

use chrono::{Datelike, NaiveDate, Weekday};
use serde::Deserialize;

use super::toml_date;

/// No calendar of holidays is so dense that the days it is asked for are not in ten years.
const DAYS_MAX: usize = 3650;

/// A TOML date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Holiday(#[serde(deserialize_with = "toml_date")] pub NaiveDate);

/// The working day of a place (from 1) behind a day.
pub(super) fn working_day_after(day: NaiveDate, place: u32, holidays: &[Holiday]) -> Option<NaiveDate> {
    let place = usize::try_from(place).ok()?.checked_sub(1)?;
    let mut working = day.iter_days().skip(1).take(DAYS_MAX).filter(|day| is_working_day(*day, holidays));
    working.nth(place)
}

/// The day itself, or the first working day behind it.
pub(super) fn rolled(day: NaiveDate, holidays: &[Holiday]) -> NaiveDate {
    let mut days = day.iter_days().take(DAYS_MAX);
    days.find(|day| is_working_day(*day, holidays)).unwrap_or(day)
}

fn is_working_day(day: NaiveDate, holidays: &[Holiday]) -> bool {
    !matches!(day.weekday(), Weekday::Sat | Weekday::Sun) && !holidays.contains(&Holiday(day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekends_and_holidays_do_not_count() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let holidays = [Holiday(day("2026-01-19"))];
        for (from, place, after, roll) in [
            // A Thursday.
            ("2026-01-15", 1, "2026-01-16", "2026-01-15"),
            ("2026-01-16", 1, "2026-01-20", "2026-01-16"),
            ("2026-01-17", 2, "2026-01-21", "2026-01-20"),
            ("2026-01-19", 10, "2026-02-02", "2026-01-20"),
        ] {
            assert_eq!(working_day_after(day(from), place, &holidays), Some(day(after)), "{from}");
            assert_eq!(rolled(day(from), &holidays), day(roll), "{from}");
        }
        assert_eq!(working_day_after(day("2026-01-15"), 0, &[]), None);
    }
}
