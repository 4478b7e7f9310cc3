//! Interest on late payment (DOMAIN E7).

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::money::Money;
use crate::tables::rules::PromptPayRules;

/// Interest owed on `principal`, half-up to the cent: `principal × rate × days late / divisor`.
///
/// The first day after the free ones counts 1, the day of payment is included. Claims received before
/// the rule began bear none.
pub fn interest(principal: Money, received_on: NaiveDate, pay_date: NaiveDate, rule: &PromptPayRules) -> Money {
    if received_on < rule.received_from {
        return Money::ZERO;
    }
    let days = Decimal::from(((pay_date - received_on).num_days() - i64::from(rule.days)).max(0));
    let yearly = principal.decimal().saturating_mul(rule.rate_percent).saturating_mul(days);
    let divisor = Decimal::from(rule.divisor_days.max(1)) * Decimal::ONE_HUNDRED;
    Money::rounded(yearly.checked_div(divisor).unwrap_or(Decimal::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Interest on cents received on 2026-01-01 and paid so many days after the thirtieth day.
    fn late(cents: i64, days: i64) -> Money {
        let received = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
        let paid = received + chrono::TimeDelta::days(30 + days);
        interest(
            Money::from_cents(cents),
            received,
            paid,
            &crate::tables::rules::RulePack::embedded().unwrap().prompt_pay,
        )
    }

    #[test]
    fn domain_e7_vector_1_a_thousand_a_day_late() {
        assert_eq!(late(100_000, 1), Money::from_cents(41));
    }

    #[test]
    fn domain_e7_vector_2_a_thousand_ten_days_late() {
        assert_eq!(late(100_000, 10), Money::from_cents(411));
    }

    #[test]
    fn domain_e7_vector_3_two_hundred_and_fifty_fifteen_days_late() {
        assert_eq!(late(25_000, 15), Money::from_cents(154));
    }

    #[test]
    fn domain_e7_vector_4_forty_five_days_late() {
        assert_eq!(late(4_000, 5), Money::from_cents(8));
    }

    #[test]
    fn domain_e7_vector_5_the_thirtieth_day_bears_none() {
        assert_eq!((late(100_000, 0), late(100_000, -3)), (Money::ZERO, Money::ZERO));
    }

    #[test]
    fn interest_by_the_day() {
        let rule = &crate::tables::rules::RulePack::embedded().unwrap().prompt_pay;
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
            (100_000, "2025-12-31", "2026-06-01", 0),
        ] {
            let computed = interest(Money::from_cents(cents), received.parse().unwrap(), paid.parse().unwrap(), rule);
            assert_eq!(computed, Money::from_cents(interest_cents), "{cents} received {received} paid {paid}");
        }
    }
}
