//! Interest on late payment (DOMAIN E7).

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::money::Money;

/// The prompt-pay rule in force for a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptPay {
    /// Calendar days after receipt that bear no interest.
    pub days: u16,
    /// Simple interest, percent a year.
    pub annual_rate_percent: Decimal,
    /// Days of the year by which the rate is divided.
    pub divisor: u16,
}

impl PromptPay {
    /// AB 3275, claims received from 2026-01-01: 30 calendar days, 15 % a year.
    pub fn ab3275() -> PromptPay {
        PromptPay {
            days: 30,
            annual_rate_percent: Decimal::from(15),
            divisor: 365,
        }
    }

    /// Days of interest for a payment on `pay_date`: the first day after the free ones counts 1, the
    /// day of payment is included.
    pub fn days_late(&self, received_on: NaiveDate, pay_date: NaiveDate) -> i64 {
        ((pay_date - received_on).num_days() - i64::from(self.days)).max(0)
    }
}

/// Interest owed on `principal`, half-up to the cent: `principal × rate × days late / divisor`.
pub fn interest(principal: Money, received_on: NaiveDate, pay_date: NaiveDate, rule: &PromptPay) -> Money {
    let days = Decimal::from(rule.days_late(received_on, pay_date));
    let yearly = principal.decimal().saturating_mul(rule.annual_rate_percent).saturating_mul(days);
    let divisor = Decimal::from(rule.divisor.max(1)) * Decimal::ONE_HUNDRED;
    Money::rounded(yearly.checked_div(divisor).unwrap_or(Decimal::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interest_by_the_day() {
        for (cents, received, paid, interest_cents) in [
            (12205, "2026-01-16", "2026-02-15", 0),
            (12205, "2026-01-16", "2026-02-16", 5),
            (12205, "2026-01-16", "2026-02-20", 25),
            (100_000, "2026-01-01", "2026-01-31", 0),
            (100_000, "2026-01-01", "2026-02-01", 41),
            (100_000, "2026-01-01", "2026-02-10", 411),
            (25_000, "2026-01-01", "2026-02-15", 154),
            (4_000, "2026-01-01", "2026-02-05", 8),
            (4_000, "2026-02-05", "2026-01-01", 0),
            (0, "2026-01-01", "2027-01-01", 0),
        ] {
            let computed = interest(Money::from_cents(cents), received.parse().unwrap(), paid.parse().unwrap(), &PromptPay::ab3275());
            assert_eq!(computed, Money::from_cents(interest_cents), "{cents} received {received} paid {paid}");
        }
    }
}
