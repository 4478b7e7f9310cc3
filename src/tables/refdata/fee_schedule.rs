//! What the plan allows for a service (DOMAIN E6). `fee_schedule.csv`.

use std::io::Read;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::code_columns::{CodeType, read_modifier, read_typed_code};
use super::providers::ProviderKind;
use crate::ids::{Code, Modifier};
use crate::money::{Money, Quantity};
use crate::tables::code_range::CodeKey;
use crate::tables::csv_table::{LoadError, Problem, TableDigest, columns, read_rows, refuse_overlaps, vocabulary};
use crate::tables::period::Period;

columns! { "fee_schedule.csv": code_type, code, modifier, method, amount, effective_from, effective_to;; provider_kind, min_age, max_age, units_max }

vocabulary! {
    /// How a rate becomes an allowed amount.
    FeeMethod { Fee = "fee", PerDiem = "per_diem", Percent = "percent", Case = "case" }
}

/// Every rate.
#[derive(Debug, Clone, Default)]
pub struct FeeSchedule {
    /// Of each row its code, the empty key for any. Apart, because a search reads codes only.
    keys: Vec<(CodeType, CodeKey)>,
    /// Sorted by code, then by modifier, then by first effective day.
    rows: Vec<FeeRow>,
}

/// One rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeeRow {
    pub code_type: CodeType,
    /// `None`: any code without its own row.
    pub code: Option<Code<8>>,
    /// `None`: any modifiers without their own row.
    pub modifier: Option<Modifier>,
    pub rate: Rate,
    pub effective: Period,
    /// `None`: for everybody without a row of their own.
    pub limits: Option<FeeLimits>,
    /// Units that are paid on a line.
    pub units_max: Option<Quantity>,
}

/// Whom a rate is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FeeLimits {
    /// Of the rendering, else the billing provider.
    pub kind: Option<ProviderKind>,
    /// Whole years on the day of service; an unknown age is in no band.
    pub age_min: Option<u16>,
    pub age_max: Option<u16>,
}

impl FeeLimits {
    pub fn hold(&self, kind: Option<ProviderKind>, age_years: impl FnOnce() -> Option<u16>) -> bool {
        let of_kind = self.kind.is_none_or(|own| kind == Some(own));
        let is_band = self.age_min.is_some() || self.age_max.is_some();
        of_kind && (!is_band || age_years().is_some_and(|age| self.age_min.is_none_or(|min| min <= age) && self.age_max.is_none_or(|max| age <= max)))
    }

    /// Lower is more particular: a kind of provider before none, then the narrower band.
    fn breadth(&self) -> (bool, u16) {
        let width = self.age_max.unwrap_or(u16::MAX).saturating_sub(self.age_min.unwrap_or(0));
        (self.kind.is_none(), width)
    }
}

/// A method with its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// Times units, then the lesser of billed and allowed.
    Fee(Money),
    /// Times days: the line's units.
    PerDiem(Money),
    /// Per cent of the charge.
    Percent(Decimal),
    /// Once a claim, on its first line.
    Case(Money),
}

impl Rate {
    pub fn method(self) -> FeeMethod {
        match self {
            Rate::Fee(_) => FeeMethod::Fee,
            Rate::PerDiem(_) => FeeMethod::PerDiem,
            Rate::Percent(_) => FeeMethod::Percent,
            Rate::Case(_) => FeeMethod::Case,
        }
    }
}

impl FeeSchedule {
    /// # Errors
    /// [`LoadError`] at the first bad row, or where two rates of one code and modifier overlap in time.
    pub fn read(source: impl Read) -> Result<FeeSchedule, LoadError> {
        FeeSchedule::read_digested(source).map(|(schedule, _)| schedule)
    }

    pub(super) fn read_digested(source: impl Read) -> Result<(FeeSchedule, TableDigest), LoadError> {
        let mut rows = Vec::new();
        let digest = read_rows(source, |row| {
            let fee = read_row(row)?;
            let code = fee.code.map_or(CodeKey::of(b""), |code| CodeKey::of(code.as_bytes()));
            let key = (fee.code_type, code, fee.modifier, fee.limits);
            rows.push((key, fee.effective, row.number, fee));
            Ok(())
        })?;
        refuse_overlaps(&mut rows, Column::effective_from)?;
        Ok((
            FeeSchedule {
                keys: rows.iter().map(|((code_type, code, ..), ..)| (*code_type, *code)).collect(),
                rows: rows.into_iter().map(|(_, _, _, fee)| fee).collect(),
            },
            digest,
        ))
    }

    /// The rate on a day: the code's own for the first of the line's modifiers that has one, then the
    /// code's own for any modifier, then a rate for any code. Of several rows that are for the line, the one
    /// for the fewest: `holds` says whether limits do.
    pub fn find(
        &self,
        code_type: CodeType,
        code: &[u8],
        modifiers: &[Option<Modifier>],
        date: NaiveDate,
        holds: &dyn Fn(&FeeLimits) -> bool,
    ) -> Option<&FeeRow> {
        let modifiers = || modifiers.iter().filter(|modifier| modifier.is_some()).chain(std::iter::once(&None));
        [CodeKey::of(code), CodeKey::of(b"")].into_iter().find_map(|code| {
            let rows = self.of_code((code_type, code));
            modifiers().find_map(|modifier| {
                let of_modifier = rows.iter().filter(|fee| fee.modifier == *modifier && fee.effective.covers(date));
                let holding = of_modifier.filter(|fee| fee.limits.as_ref().is_none_or(holds));
                holding.min_by_key(|fee| fee.limits.map_or((true, u16::MAX), |limits| limits.breadth()))
            })
        })
    }

    fn of_code(&self, key: (CodeType, CodeKey)) -> &[FeeRow] {
        let start = self.keys.partition_point(|known| *known < key);
        let found = self.keys.get(start..).unwrap_or_default().iter().take_while(|known| **known == key).count();
        self.rows.get(start..start + found).unwrap_or_default()
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

type Row<'a> = crate::tables::csv_table::Row<'a, Column>;

fn read_row(row: &Row<'_>) -> Result<FeeRow, LoadError> {
    let code_type = match row.word(Column::code_type)? {
        known @ (CodeType::Hcpcs | CodeType::Revenue | CodeType::Drg) => known,
        CodeType::Diagnosis | CodeType::TypeOfBill => return Err(row.error(Column::code_type, Problem::NotOneOf(vec!["HCPCS", "REV", "DRG"]))),
    };
    let amount = || {
        row.optional_money(Column::amount)?
            .ok_or_else(|| row.error(Column::amount, Problem::Empty { expected: "an amount" }))
    };
    let age = |column| row.unless_any(column, "an age in whole years", |text| text.parse::<u16>().ok());
    let limits = FeeLimits {
        kind: row.word_unless_any(Column::provider_kind)?,
        age_min: age(Column::min_age)?,
        age_max: age(Column::max_age)?,
    };
    if limits.age_min.zip(limits.age_max).is_some_and(|(min, max)| max < min) {
        return Err(row.error(Column::max_age, Problem::Rule("below the lowest age")));
    }
    Ok(FeeRow {
        code_type,
        code: read_typed_code(row, code_type, Column::code)?,
        modifier: read_modifier(row, Column::modifier)?,
        rate: match row.word(Column::method)? {
            FeeMethod::Fee => Rate::Fee(amount()?),
            FeeMethod::PerDiem => Rate::PerDiem(amount()?),
            FeeMethod::Case => Rate::Case(amount()?),
            FeeMethod::Percent => Rate::Percent(row.required(Column::amount, "a percentage of 0 to 1000", parse_percent)?),
        },
        effective: row.period(Column::effective_from, Column::effective_to)?,
        limits: (limits != FeeLimits::default()).then_some(limits),
        units_max: row.optional_quantity(Column::units_max)?,
    })
}

fn parse_percent(text: &str) -> Option<Decimal> {
    let percent = crate::money::Quantity::parse_x12(text.as_bytes()).ok()?.decimal();
    (Decimal::ZERO..=Decimal::ONE_THOUSAND).contains(&percent).then_some(percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rows: &str) -> Result<FeeSchedule, LoadError> {
        FeeSchedule::read(format!("code_type,code,modifier,method,amount,effective_from,effective_to\n{rows}\n").as_bytes())
    }

    #[test]
    fn the_modifiers_own_rate_goes_first_and_any_code_last() {
        let schedule = read(
            "HCPCS,99214,,fee,122.05,2024-01-01,\nHCPCS,71046,26,fee,12,2024-01-01,2024-12-31\nHCPCS,71046,26,fee,13,2025-01-01,\n\
             HCPCS,71046,TC,fee,20,2024-01-01,\nHCPCS,71046,,fee,32,2024-01-01,\nREV,120,,per_diem,1500,,\nREV,*,,percent,30.5,,\nDRG,560,,case,8000,,",
        )
        .unwrap();
        let find = |code_type, code: &str, modifiers: &[&str], date: &str| {
            let modifiers: Vec<Option<Modifier>> = modifiers.iter().map(|text| Modifier::parse(text.as_bytes()).ok()).collect();
            schedule
                .find(code_type, code.as_bytes(), &modifiers, date.parse().unwrap(), &|_| false)
                .map(|fee| fee.rate)
        };
        let fee = |cents| Some(Rate::Fee(Money::from_cents(cents)));
        for (code_type, code, modifiers, date, rate) in [
            (CodeType::Hcpcs, "99214", &["25"][..], "2025-01-20", fee(12205)),
            (CodeType::Hcpcs, "99214", &["25"], "2023-12-31", None),
            (CodeType::Hcpcs, "71046", &[], "2025-01-01", fee(3200)),
            (CodeType::Hcpcs, "71046", &["26"], "2024-12-31", fee(1200)),
            (CodeType::Hcpcs, "71046", &["26"], "2025-01-01", fee(1300)),
            (CodeType::Hcpcs, "71046", &["59", "TC"], "2025-01-01", fee(2000)),
            (CodeType::Hcpcs, "71045", &[], "2025-01-01", None),
            (CodeType::Revenue, "0120", &[], "2025-01-01", Some(Rate::PerDiem(Money::from_cents(150_000)))),
            (CodeType::Revenue, "0450", &[], "2025-01-01", Some(Rate::Percent(Decimal::new(305, 1)))),
            (CodeType::Drg, "560", &[], "2025-01-01", Some(Rate::Case(Money::from_cents(800_000)))),
        ] {
            assert_eq!(find(code_type, code, modifiers, date), rate, "{code} {modifiers:?} {date}");
        }
    }

    #[test]
    fn the_more_particular_row_goes_first() {
        let text = "code_type,code,modifier,method,amount,effective_from,effective_to,provider_kind,min_age,max_age,units_max\n\
                    HCPCS,99214,,fee,1,,,,,,\nHCPCS,99214,,fee,2,,,,0,20,\nHCPCS,99214,,fee,3,,,,10,12,\n\
                    HCPCS,99214,,fee,4,,,pcp,,,\nHCPCS,99214,,fee,5,,,pcp,,64,9\n";
        let schedule = FeeSchedule::read(text.as_bytes()).unwrap();
        for (kind, age, cents) in [
            (None, None, 100),
            (Some(ProviderKind::Specialist), Some(30), 100),
            (None, Some(9), 200),
            (None, Some(11), 300),
            (Some(ProviderKind::Pcp), None, 400),
            (Some(ProviderKind::Pcp), Some(65), 400),
            (Some(ProviderKind::Pcp), Some(11), 500),
        ] {
            let day = "2025-01-20".parse().unwrap();
            let found = schedule.find(CodeType::Hcpcs, b"99214", &[], day, &|limits| limits.hold(kind, || age));
            assert_eq!(found.map(|fee| fee.rate), Some(Rate::Fee(Money::from_cents(cents))), "{kind:?} {age:?}");
        }
        let twice = text.replace("fee,3,,,,10,12,", "fee,3,,,,0,20,");
        assert_eq!(
            FeeSchedule::read(twice.as_bytes()).unwrap_err().to_string(),
            "fee_schedule.csv row 4, column effective_from: overlaps row 3, expected one row for each date"
        );
        let reversed = text.replace("10,12,", "12,10,");
        assert_eq!(
            FeeSchedule::read(reversed.as_bytes()).unwrap_err().to_string(),
            "fee_schedule.csv row 4, column max_age: below the lowest age"
        );
    }

    #[test]
    fn a_bad_row_fails_the_load_at_its_place() {
        for (rows, message) in [
            ("DX,A64,,fee,1,,", "row 2, column code_type: not one of HCPCS, REV, DRG"),
            ("HCPCS,,,fee,1,,", "row 2, column code: empty, expected a code of 1 to 8 characters"),
            ("HCPCS,99214,255,fee,1,,", "row 2, column modifier: not a modifier of two characters"),
            ("HCPCS,99214,,rate,1,,", "row 2, column method: not one of fee, per_diem, percent, case"),
            ("HCPCS,99214,,fee,,,", "row 2, column amount: empty, expected an amount"),
            (
                "HCPCS,99214,,fee,1.005,,",
                "row 2, column amount: not an amount of at most two decimals, not negative",
            ),
            ("HCPCS,99214,,percent,1001,,", "row 2, column amount: not a percentage of 0 to 1000"),
            ("HCPCS,99214,,fee,1,2025-01-02,2025-01-01", "row 2, column effective_to: ends before it begins"),
            (
                "HCPCS,99214,,fee,1,,\nHCPCS,99214,,fee,2,2025-01-01,",
                "row 3, column effective_from: overlaps row 2, expected one row for each date",
            ),
        ] {
            assert_eq!(read(rows).unwrap_err().to_string(), format!("fee_schedule.csv {message}"));
        }
    }
}
