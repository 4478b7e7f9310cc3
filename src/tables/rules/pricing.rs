//! What a rule pack says of prices (DOMAIN E6). The rates are `fee_schedule.csv`.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::{CodeList, RuleError, UnpricedAction, optional_toml_date};
use crate::ids::Modifier;
use crate::tables::code_range::CodeKey;
use crate::tables::period::Period;

/// DOMAIN E6. A pack may leave out all but what happens without a rate.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PricingRules {
    pub unpriced: UnpricedAction,
    /// All that fit a line are multiplied.
    #[serde(default)]
    pub multipliers: Vec<Multiplier>,
    #[serde(default)]
    pub multiple_procedures: Option<MultipleProcedures>,
    /// By the months from the month of service to that of receipt, the longest first that fits (DOMAIN B4).
    #[serde(default)]
    pub late_filing: Vec<LateFiling>,
}

/// A percentage of a rate, for a modifier or for everything, in a span of service dates.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Multiplier {
    /// Lines with this modifier, unless the rate's own row is for it; every line when left out.
    #[serde(default)]
    modifier: Option<Modifier>,
    /// Every procedure and revenue code when left out.
    #[serde(default)]
    codes: Option<CodeList>,
    pub percent: Decimal,
    #[serde(default, deserialize_with = "optional_toml_date")]
    effective_from: Option<NaiveDate>,
    #[serde(default, deserialize_with = "optional_toml_date")]
    effective_to: Option<NaiveDate>,
}

impl Multiplier {
    /// Whether it goes on a line with these modifiers and codes; `of_row` is the modifier that the rate is
    /// for already.
    pub fn fits(&self, modifiers: &[Option<Modifier>], of_row: Option<Modifier>, codes: &[CodeKey], day: NaiveDate) -> bool {
        let modifier = self
            .modifier
            .is_none_or(|modifier| of_row != Some(modifier) && modifiers.contains(&Some(modifier)));
        let code = self.codes.as_ref().is_none_or(|list| codes.iter().any(|code| list.contains(*code)));
        modifier && code && Period::new(self.effective_from, self.effective_to).is_some_and(|period| period.covers(day))
    }
}

/// Procedures of one day by one provider: the dearest at the first percentage, the next at the second, all
/// others at the last (CARC 59).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MultipleProcedures {
    pub codes: CodeList,
    pub percents: Vec<Decimal>,
}

impl MultipleProcedures {
    /// Of the procedure with so many dearer ones.
    pub fn percent(&self, dearer: usize) -> Decimal {
        let own = self.percents.get(dearer).or(self.percents.last());
        own.copied().unwrap_or(Decimal::ONE_HUNDRED)
    }
}

/// What is paid of a claim that came in so many months after the month of service (CARC B4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LateFiling {
    pub from_month: u16,
    pub percent: Decimal,
}

impl PricingRules {
    /// The percentage that is left of a claim received so many months after the month of service.
    pub fn late_percent(&self, months: i32) -> Option<Decimal> {
        let reached = self.late_filing.iter().filter(|late| i32::from(late.from_month) <= months);
        reached.max_by_key(|late| late.from_month).map(|late| late.percent)
    }

    pub(super) fn check(&self) -> Result<(), RuleError> {
        let up_to = |percent: Decimal, most: Decimal, key, expected| match percent > Decimal::ZERO && percent <= most {
            true => Ok(()),
            false => Err(RuleError::OutOfRange { key, expected }),
        };
        for multiplier in &self.multipliers {
            up_to(multiplier.percent, Decimal::ONE_THOUSAND, "pricing.multipliers percent", "above 0 to 1000")?;
            if Period::new(multiplier.effective_from, multiplier.effective_to).is_none() {
                let key = "pricing.multipliers effective_to";
                let expected = "a day not before effective_from";
                return Err(RuleError::OutOfRange { key, expected });
            }
        }
        if let Some(multiple) = &self.multiple_procedures {
            if multiple.codes.is_empty() {
                return Err(RuleError::Empty {
                    key: "pricing.multiple_procedures codes",
                });
            }
            if multiple.percents.is_empty() {
                return Err(RuleError::Empty {
                    key: "pricing.multiple_procedures percents",
                });
            }
            for percent in &multiple.percents {
                let key = "pricing.multiple_procedures percents";
                up_to(*percent, Decimal::ONE_HUNDRED, key, "above 0 to 100")?;
            }
        }
        for late in &self.late_filing {
            up_to(late.percent, Decimal::ONE_HUNDRED, "pricing.late_filing percent", "above 0 to 100")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::tables::rules::RulePack;
    use rust_decimal::Decimal;

    const UNPRICED: &str = "unpriced = { action = \"deny\", group = \"CO\", carc = \"147\" }";

    fn pack(lines: &str) -> Result<RulePack, String> {
        let text = RulePack::EMBEDDED_TEXT.replace(UNPRICED, &format!("{UNPRICED}\n{lines}"));
        RulePack::parse(&text).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        for (lines, message) in [
            (
                "multipliers = [{ percent = \"0\" }]",
                "pricing.multipliers percent is out of range, expected above 0 to 1000",
            ),
            (
                "multipliers = [{ percent = \"1000.1\" }]",
                "pricing.multipliers percent is out of range, expected above 0 to 1000",
            ),
            (
                "multipliers = [{ percent = \"110\", effective_from = 2025-01-02, effective_to = 2025-01-01 }]",
                "pricing.multipliers effective_to is out of range, expected a day not before effective_from",
            ),
            (
                "multiple_procedures = { codes = [], percents = [\"100\"] }",
                "pricing.multiple_procedures codes is empty",
            ),
            (
                "multiple_procedures = { codes = [\"10000\"], percents = [] }",
                "pricing.multiple_procedures percents is empty",
            ),
            (
                "multiple_procedures = { codes = [\"10000\"], percents = [\"100\", \"101\"] }",
                "pricing.multiple_procedures percents is out of range, expected above 0 to 100",
            ),
            (
                "late_filing = [{ from_month = 7, percent = \"0\" }]",
                "pricing.late_filing percent is out of range, expected above 0 to 100",
            ),
        ] {
            assert_eq!(pack(lines).unwrap_err(), format!("rule pack: {message}"), "{lines}");
        }
    }

    #[test]
    fn the_later_the_less() {
        let pack = pack("late_filing = [{ from_month = 10, percent = \"50\" }, { from_month = 7, percent = \"75\" }]").unwrap();
        for (months, percent) in [(-1, None), (6, None), (7, Some(75)), (9, Some(75)), (10, Some(50)), (30, Some(50))] {
            assert_eq!(pack.pricing.late_percent(months), percent.map(Decimal::from), "{months}");
        }
    }
}
