//! Days from one to another, both included; either end may be open.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// A span of calendar days. `None` is open-ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Period {
    #[serde(with = "crate::text_form::optional_day")]
    from: Option<NaiveDate>,
    #[serde(with = "crate::text_form::optional_day")]
    to: Option<NaiveDate>,
}

impl Period {
    /// `None` when the span ends before it begins.
    pub fn new(from: Option<NaiveDate>, to: Option<NaiveDate>) -> Option<Period> {
        match (from, to) {
            (Some(from), Some(to)) if to < from => None,
            _ => Some(Period { from, to }),
        }
    }

    pub fn from(self) -> Option<NaiveDate> {
        self.from
    }

    pub fn to(self) -> Option<NaiveDate> {
        self.to
    }

    pub fn covers(self, day: NaiveDate) -> bool {
        self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day <= to)
    }

    pub fn overlaps(self, other: Period) -> bool {
        let begins_by_end = |a: Period, b: Period| a.from.zip(b.to).is_none_or(|(from, to)| from <= to);
        begins_by_end(self, other) && begins_by_end(other, self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(from: &str, to: &str) -> Period {
        Period::new(from.parse().ok(), to.parse().ok()).unwrap()
    }

    #[test]
    fn both_ends_are_covered() {
        let january = period("2025-01-01", "2025-01-31");
        for (day, covered) in [("2024-12-31", false), ("2025-01-01", true), ("2025-01-31", true), ("2025-02-01", false)] {
            assert_eq!(january.covers(day.parse().unwrap()), covered, "{day}");
        }
        assert_eq!(Period::new("2025-01-02".parse().ok(), "2025-01-01".parse().ok()), None);
    }

    #[test]
    fn periods_that_share_a_day_overlap() {
        for (a, b, overlap) in [
            (("2025-01-01", "2025-01-31"), ("2025-01-31", ""), true),
            (("2025-01-01", "2025-01-31"), ("2025-02-01", ""), false),
            (("2025-01-01", ""), ("", "2024-12-31"), false),
            (("2025-01-01", ""), ("", ""), true),
        ] {
            assert_eq!(period(a.0, a.1).overlaps(period(b.0, b.1)), overlap, "{a:?} {b:?}");
            assert_eq!(period(b.0, b.1).overlaps(period(a.0, a.1)), overlap, "{b:?} {a:?}");
        }
    }
}
