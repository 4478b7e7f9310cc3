//! Interest on late payment (DOMAIN E7).

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::money::Money;
use crate::tables::rules::PromptPayRules;

/// Interest owed on `principal`, half-up to the cent: `principal × rate × days late / divisor`.
///
/// The first day after the free ones counts 1, the day of payment is included. Claims received before
/// the rule began bear none, unless the rules say what held then.
pub fn interest(principal: Money, received_on: NaiveDate, pay_date: NaiveDate, rule: &PromptPayRules) -> Money {
    let yearly = principal.decimal().saturating_mul(rule.rate_percent);
    of_days_late(yearly, received_on, pay_date, rule)
}

/// Interest on emergency services: where an earlier rule holds, the greater of [`interest`] and of its yearly
/// amount for the same days. Nothing is owed on nothing.
pub fn emergency_interest(principal: Money, received_on: NaiveDate, pay_date: NaiveDate, rule: &PromptPayRules) -> Money {
    let owed = interest(principal, received_on, pay_date, rule);
    match &rule.before {
        Some(before) if received_on < rule.received_from && principal > Money::ZERO => {
            let yearly = before.emergency_yearly.decimal().saturating_mul(Decimal::ONE_HUNDRED);
            owed.max(of_days_late(yearly, received_on, pay_date, rule))
        }
        Some(_) | None => owed,
    }
}

/// Of interest that was owed and not paid along: the greater of an amount and of a part of the interest. What a
/// payment run owes it pays along.
pub fn penalty(interest: Money, rule: &PromptPayRules) -> Money {
    match rule.penalty {
        Some(penalty) if interest > Money::ZERO => penalty.at_least.max(interest.percent(penalty.percent)),
        Some(_) | None => Money::ZERO,
    }
}

/// The share of a hundred times a yearly amount for the days after the last one without interest.
fn of_days_late(yearly_hundredfold: Decimal, received_on: NaiveDate, pay_date: NaiveDate, rule: &PromptPayRules) -> Money {
    let Some(last_day) = rule.last_day(received_on) else {
        return Money::ZERO;
    };
    let days = Decimal::from((pay_date - last_day).num_days().max(0));
    let divisor = Decimal::from(rule.divisor_days.max(1)) * Decimal::ONE_HUNDRED;
    let share = yearly_hundredfold.saturating_mul(days).checked_div(divisor);
    Money::rounded(share.unwrap_or(Decimal::ZERO))
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

    fn rules(lines: &str) -> crate::tables::rules::RulePack {
        let text = crate::tables::rules::RulePack::EMBEDDED_TEXT.replace("penalty =", "# penalty =");
        crate::tables::rules::RulePack::parse(&text.replace("divisor_days = 365\n", &format!("divisor_days = 365\n{lines}\n"))).unwrap()
    }

    /// Received on 2025-10-01: thirty working days end on 2025-11-12.
    #[test]
    fn earlier_claims_have_working_days_and_emergencies_a_yearly_amount() {
        let pack = rules("before = { working_days = 30, emergency_yearly = \"15\" }");
        for (cents, paid, owed, of_emergency) in [
            (100_000, "2025-11-12", 0, 0),
            (100_000, "2025-11-13", 41, 41),
            // 15.00 a year are 0.04 a day, more than the interest on less than 100.00.
            (5_000, "2025-11-13", 2, 4),
            (5_000, "2026-11-12", 750, 1500),
            (0, "2026-11-12", 0, 0),
        ] {
            let (principal, received, paid) = (Money::from_cents(cents), "2025-10-01".parse().unwrap(), paid.parse().unwrap());
            let both = [interest, emergency_interest].map(|of| of(principal, received, paid, &pack.prompt_pay));
            assert_eq!(both, [owed, of_emergency].map(Money::from_cents), "{cents} {paid}");
        }
        let (received, paid) = ("2026-01-01".parse().unwrap(), "2026-02-01".parse().unwrap());
        assert_eq!(
            emergency_interest(Money::from_cents(5_000), received, paid, &pack.prompt_pay),
            Money::from_cents(2)
        );
    }

    #[test]
    fn the_greater_of_fifteen_and_a_tenth() {
        let pack = rules("penalty = { at_least = \"15\", percent = \"10\" }");
        for (interest, owed) in [(0, 0), (1, 1500), (14_999, 1500), (15_000, 1500), (15_005, 1501), (100_000, 10_000)] {
            assert_eq!(penalty(Money::from_cents(interest), &pack.prompt_pay), Money::from_cents(owed), "{interest}");
        }
        assert_eq!(penalty(Money::from_cents(100), &rules("").prompt_pay), Money::ZERO);
    }
}
