//! By when claims must be paid or denied, and what lateness costs (DOMAIN E7).

use chrono::{Days, NaiveDate};
use rust_decimal::Decimal;
use serde::Deserialize;

use super::working_days::working_day_after;
use super::{Holiday, RuleError, toml_date};
use crate::money::Money;

/// DOMAIN E7.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptPayRules {
    /// Claims received from this day on.
    #[serde(deserialize_with = "toml_date")]
    pub received_from: NaiveDate,
    /// The last day without interest, counted from receipt.
    pub days: u32,
    /// A year, simple.
    pub rate_percent: Decimal,
    pub divisor_days: u32,
    /// Claims received earlier; without it they bear no interest.
    #[serde(default)]
    pub before: Option<EarlierPromptPay>,
    /// Of interest that was owed and not paid with the claim.
    #[serde(default)]
    pub penalty: Option<Penalty>,
    /// Claims that another entity answers for.
    #[serde(default)]
    pub forwarding: Option<Forwarding>,
}

/// By when a claim is passed on to who answers for it (28 CCR 1300.71(b)(2)(A)).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forwarding {
    /// Of emergency services, from the day after receipt.
    pub emergency_working_days: u32,
    /// Days that are no working days, beside Saturdays and Sundays.
    #[serde(default)]
    pub holidays: Vec<Holiday>,
}

/// What held for claims received before [`PromptPayRules::received_from`], at the same rate.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlierPromptPay {
    /// From the day after receipt: 30, and 45 for a health maintenance organization.
    pub working_days: u32,
    /// Days that are no working days, beside Saturdays and Sundays.
    #[serde(default)]
    pub holidays: Vec<Holiday>,
    /// A year, of emergency services: the greater of this and the interest.
    #[serde(default)]
    pub emergency_yearly: Money,
}

/// The greater of an amount and of a part of the interest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Penalty {
    pub at_least: Money,
    pub percent: Decimal,
}

impl PromptPayRules {
    /// The last day without interest; `None` where a claim received on a day never bears any.
    pub fn last_day(&self, received_on: NaiveDate) -> Option<NaiveDate> {
        if received_on >= self.received_from {
            return received_on.checked_add_days(Days::new(u64::from(self.days)));
        }
        let before = self.before.as_ref()?;
        working_day_after(received_on, before.working_days, &before.holidays)
    }

    /// The last day for passing on an emergency claim that another entity answers for.
    pub fn forwarding_day(&self, received_on: NaiveDate) -> Option<NaiveDate> {
        let forwarding = self.forwarding.as_ref()?;
        working_day_after(received_on, forwarding.emergency_working_days, &forwarding.holidays)
    }

    pub(super) fn check(&self) -> Result<(), RuleError> {
        let in_range = |holds: bool, key, expected| if holds { Ok(()) } else { Err(RuleError::OutOfRange { key, expected }) };
        let percent = Decimal::ZERO..=Decimal::ONE_HUNDRED;
        in_range((1..=3650).contains(&self.days), "prompt_pay.days", "1 to 3650")?;
        in_range((360..=366).contains(&self.divisor_days), "prompt_pay.divisor_days", "360 to 366")?;
        in_range(percent.contains(&self.rate_percent), "prompt_pay.rate_percent", "0 to 100")?;
        if let Some(before) = &self.before {
            in_range((1..=366).contains(&before.working_days), "prompt_pay.before working_days", "1 to 366")?;
            let key = "prompt_pay.before emergency_yearly";
            in_range(!before.emergency_yearly.is_negative(), key, "0 or more")?;
        }
        if let Some(forwarding) = &self.forwarding {
            let key = "prompt_pay.forwarding emergency_working_days";
            in_range((1..=366).contains(&forwarding.emergency_working_days), key, "1 to 366")?;
        }
        if let Some(penalty) = &self.penalty {
            in_range(percent.contains(&penalty.percent), "prompt_pay.penalty percent", "0 to 100")?;
            in_range(!penalty.at_least.is_negative(), "prompt_pay.penalty at_least", "0 or more")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::tables::rules::RulePack;

    fn pack(lines: &str) -> Result<RulePack, String> {
        let text = RulePack::EMBEDDED_TEXT
            .replace("penalty =", "# penalty =")
            .replace("forwarding =", "# forwarding =")
            .replace("divisor_days = 365\n", &format!("divisor_days = 365\n{lines}\n"));
        RulePack::parse(&text).map_err(|error| error.to_string())
    }

    #[test]
    fn the_last_day_without_interest() {
        let holidays = "holidays = [2025-11-11, 2025-11-27, 2025-12-25]";
        for (before, received_on, last_day) in [
            (None, "2025-12-31", None),
            (None, "2026-01-01", Some("2026-01-31")),
            (Some("{ working_days = 1 }"), "2025-11-07", Some("2025-11-10")),
            (Some("{ working_days = 30 }"), "2025-10-01", Some("2025-11-12")),
            (Some(&*format!("{{ working_days = 30, {holidays} }}")), "2025-10-01", Some("2025-11-13")),
            (Some(&*format!("{{ working_days = 45, {holidays} }}")), "2025-10-01", Some("2025-12-05")),
            (Some("{ working_days = 45 }"), "2026-01-01", Some("2026-01-31")),
        ] {
            let pack = pack(&before.map(|before| format!("before = {before}")).unwrap_or_default()).unwrap();
            let found = pack.prompt_pay.last_day(received_on.parse().unwrap()).map(|day| day.to_string());
            assert_eq!(found.as_deref(), last_day, "{before:?} {received_on}");
        }
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        for (lines, message) in [
            (
                "before = { working_days = 0 }",
                "prompt_pay.before working_days is out of range, expected 1 to 366",
            ),
            (
                "before = { working_days = 30, emergency_yearly = \"-1\" }",
                "prompt_pay.before emergency_yearly is out of range, expected 0 or more",
            ),
            (
                "forwarding = { emergency_working_days = 0 }",
                "prompt_pay.forwarding emergency_working_days is out of range, expected 1 to 366",
            ),
            (
                "penalty = { at_least = \"15\", percent = \"101\" }",
                "prompt_pay.penalty percent is out of range, expected 0 to 100",
            ),
        ] {
            assert_eq!(pack(lines).unwrap_err(), format!("rule pack: {message}"), "{lines}");
        }
    }
}
