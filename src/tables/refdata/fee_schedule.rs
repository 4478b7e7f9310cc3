//! What the plan allows for a service (DOMAIN E6). `fee_schedule.csv`.

use std::io::Read;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::code_columns::{CodeType, read_modifier, read_typed_code};
use super::outliers::Outlier;
use super::providers::ProviderKind;
use crate::ids::{Code, Form, Modifier};
use crate::money::{Money, Quantity};
use crate::tables::code_range::CodeKey;
use crate::tables::csv_table::{LoadError, Problem, TableDigest, columns, read_rows, refuse_overlaps, vocabulary};
use crate::tables::period::Period;

columns! {
    "fee_schedule.csv": code_type, code, modifier, method, amount, effective_from, effective_to;;
    provider_kind, min_age, max_age, units_max, form, weight, cost_percent, outlier_threshold, outlier_percent
}

vocabulary! {
    /// How a rate becomes an allowed amount.
    FeeMethod { Fee = "fee", PerDiem = "per_diem", Percent = "percent", Case = "case", Packaged = "packaged" }
}

/// Every rate.
#[derive(Debug, Clone, Default)]
pub struct FeeSchedule {
    /// Of each row its code, the empty key for any. Apart, because a search reads codes only.
    keys: Vec<(CodeType, CodeKey)>,
    /// Sorted by code, then by modifier, then by first effective day.
    rows: Vec<FeeRow>,
    /// Some row is for a group of revenue codes.
    has_groups: bool,
}

/// One rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeeRow {
    pub code_type: CodeType,
    /// `None`: any code without its own row. Of a group of revenue codes its three digits and an `X`.
    pub code: Option<Code<8>>,
    /// `None`: any modifiers without their own row.
    pub modifier: Option<Modifier>,
    pub rate: Rate,
    pub effective: Period,
    /// `None`: for everybody without a row of their own.
    pub limits: Option<FeeLimits>,
    /// Units that are paid on a line.
    pub units_max: Option<Quantity>,
    /// A case rate is a base rate times the weight of a group.
    pub is_weighted: bool,
    /// Of a case rate.
    pub outlier: Option<Box<Outlier>>,
}

/// Whom a rate is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FeeLimits {
    /// Of the rendering, else the billing provider.
    pub kind: Option<ProviderKind>,
    /// Whole years on the day of service; an unknown age is in no band.
    pub age_min: Option<u16>,
    pub age_max: Option<u16>,
    /// Claims of this form: what a hospital is paid for a procedure is not what a practitioner is.
    pub form: Option<Form>,
}

impl FeeLimits {
    pub fn hold(&self, form: Form, kind: Option<ProviderKind>, age_years: impl FnOnce() -> Option<u16>) -> bool {
        let of_kind = self.form.is_none_or(|own| form == own) && self.kind.is_none_or(|own| kind == Some(own));
        let is_band = self.age_min.is_some() || self.age_max.is_some();
        of_kind && (!is_band || age_years().is_some_and(|age| self.age_min.is_none_or(|min| min <= age) && self.age_max.is_none_or(|max| age <= max)))
    }

    /// Lower is more particular: a form before both, a kind of provider before none, then the narrower band.
    fn breadth(&self) -> (bool, bool, u16) {
        let width = self.age_max.unwrap_or(u16::MAX).saturating_sub(self.age_min.unwrap_or(0));
        (self.form.is_none(), self.kind.is_none(), width)
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
    /// Part of what else is paid.
    Packaged,
}

impl Rate {
    pub fn method(self) -> FeeMethod {
        match self {
            Rate::Fee(_) => FeeMethod::Fee,
            Rate::PerDiem(_) => FeeMethod::PerDiem,
            Rate::Percent(_) => FeeMethod::Percent,
            Rate::Case(_) => FeeMethod::Case,
            Rate::Packaged => FeeMethod::Packaged,
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
                has_groups: rows
                    .iter()
                    .any(|((code_type, ..), _, _, fee)| *code_type == CodeType::Revenue && fee.code.is_some_and(|code| code.as_bytes().ends_with(GROUP))),
                keys: rows.iter().map(|((code_type, code, ..), ..)| (*code_type, *code)).collect(),
                rows: rows.into_iter().map(|(_, _, _, fee)| fee).collect(),
            },
            digest,
        ))
    }

    /// The rate on a day: the code's own for the first of the line's modifiers that has one, then the
    /// code's own for any modifier, then that of its group of revenue codes, then a rate for any code. Of
    /// several rows that are for the line, the one for the fewest: `holds` says whether limits do.
    pub fn find(
        &self,
        code_type: CodeType,
        code: &[u8],
        modifiers: &[Option<Modifier>],
        date: NaiveDate,
        holds: &dyn Fn(&FeeLimits) -> bool,
    ) -> Option<&FeeRow> {
        let modifiers = || modifiers.iter().filter(|modifier| modifier.is_some()).chain(std::iter::once(&None));
        let group = self.group_of(code_type, code);
        [Some(CodeKey::of(code)), group, Some(CodeKey::of(b""))].into_iter().flatten().find_map(|code| {
            let rows = self.of_code((code_type, code));
            modifiers().find_map(|modifier| {
                let of_modifier = rows.iter().filter(|fee| fee.modifier == *modifier && fee.effective.covers(date));
                let holding = of_modifier.filter(|fee| fee.limits.as_ref().is_none_or(holds));
                holding.min_by_key(|fee| fee.limits.map_or((true, true, u16::MAX), |limits| limits.breadth()))
            })
        })
    }

    fn group_of(&self, code_type: CodeType, code: &[u8]) -> Option<CodeKey> {
        let digits = code.get(..3).filter(|_| self.has_groups && code_type == CodeType::Revenue)?;
        Some(CodeKey::of(&[digits, GROUP].concat()))
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

/// In last place of a revenue code: the group of all that begin as it does.
const GROUP: &[u8] = b"X";

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
        form: row.word_unless_any(Column::form)?,
    };
    if limits.age_min.zip(limits.age_max).is_some_and(|(min, max)| max < min) {
        return Err(row.error(Column::max_age, Problem::Rule("below the lowest age")));
    }
    let method = row.word(Column::method)?;
    let (weight, outlier) = read_case(row, method)?;
    Ok(FeeRow {
        code_type,
        code: match row.text(Column::code).strip_suffix(['x', 'X']) {
            Some(digits) if code_type == CodeType::Revenue => Some(read_group(row, digits)?),
            Some(_) | None => read_typed_code(row, code_type, Column::code)?,
        },
        modifier: read_modifier(row, Column::modifier)?,
        rate: match method {
            FeeMethod::Fee => Rate::Fee(amount()?),
            FeeMethod::PerDiem => Rate::PerDiem(amount()?),
            FeeMethod::Case => Rate::Case(weighed(amount()?, weight)),
            FeeMethod::Packaged => Rate::Packaged,
            FeeMethod::Percent => Rate::Percent(row.required(Column::amount, "a percentage of 0 to 1000", parse_percent)?),
        },
        effective: row.period(Column::effective_from, Column::effective_to)?,
        limits: (limits != FeeLimits::default()).then_some(limits),
        units_max: row.optional_quantity(Column::units_max)?,
        is_weighted: weight.is_some(),
        outlier: outlier.map(Box::new),
    })
}

/// A base rate times a weight.
fn weighed(base: Money, weight: Option<Decimal>) -> Money {
    weight.map_or(base, |weight| Money::rounded(base.decimal().saturating_mul(weight)))
}

/// `012x`, or `12x`.
fn read_group(row: &Row<'_>, digits: &str) -> Result<Code<8>, LoadError> {
    let group = match digits.len() {
        2 => format!("0{digits}X"),
        _ => format!("{digits}X"),
    };
    let is_group = group.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let expected = "a revenue code, or the beginning of some with an x behind it";
    group
        .parse()
        .ok()
        .filter(|_| is_group)
        .ok_or_else(|| row.error(Column::code, Problem::Unexpected { expected }))
}

/// The weight of a case rate, and what a stay that costs far more is paid.
fn read_case(row: &Row<'_>, method: FeeMethod) -> Result<(Option<Decimal>, Option<Outlier>), LoadError> {
    let of_case = [Column::weight, Column::cost_percent, Column::outlier_threshold, Column::outlier_percent];
    if let Some(column) = of_case.into_iter().find(|column| method != FeeMethod::Case && !row.text(*column).is_empty()) {
        return Err(row.error(column, Problem::Rule("given though the method is not case")));
    }
    let weight = row.optional(Column::weight, "a weight above 0 to 1000", |text| {
        parse_percent(text).filter(|weight| !weight.is_zero())
    })?;
    let percent = |column| row.optional(column, "a percentage of 0 to 1000", parse_percent);
    let (cost_percent, of_rest) = (percent(Column::cost_percent)?, percent(Column::outlier_percent)?);
    let outlier = match (row.optional_money(Column::outlier_threshold)?, of_rest) {
        (Some(threshold), Some(percent)) => Some(Outlier {
            cost_percent: cost_percent.unwrap_or(Decimal::ONE_HUNDRED),
            threshold,
            percent,
        }),
        (Some(_), None) => {
            return Err(row.error(
                Column::outlier_percent,
                Problem::Empty {
                    expected: "a percentage beside a threshold",
                },
            ));
        }
        (None, _) if of_rest.is_some() || cost_percent.is_some() => {
            return Err(row.error(
                Column::outlier_threshold,
                Problem::Empty {
                    expected: "an amount beside a percentage",
                },
            ));
        }
        (None, _) => None,
    };
    Ok((weight, outlier))
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
            let found = schedule.find(CodeType::Hcpcs, b"99214", &[], day, &|limits| limits.hold(Form::Professional, kind, || age));
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
    fn a_revenue_codes_own_row_goes_before_its_groups() {
        let schedule = read("REV,012x,,per_diem,1500,,\nREV,0122,,case,4200,,\nREV,21x,,per_diem,900,,\nREV,*,,percent,30,,").unwrap();
        for (code, rate) in [
            ("0120", Rate::PerDiem(Money::from_cents(150_000))),
            ("0129", Rate::PerDiem(Money::from_cents(150_000))),
            ("0122", Rate::Case(Money::from_cents(420_000))),
            ("0210", Rate::PerDiem(Money::from_cents(90_000))),
            ("0130", Rate::Percent(Decimal::from(30))),
        ] {
            let found = schedule.find(CodeType::Revenue, code.as_bytes(), &[], "2025-01-20".parse().unwrap(), &|_| true);
            assert_eq!(found.map(|fee| fee.rate), Some(rate), "{code}");
        }
        assert_eq!(
            read("REV,01ax,,per_diem,1,,").unwrap_err().to_string(),
            "fee_schedule.csv row 2, column code: not a revenue code, or the beginning of some with an x behind it"
        );
    }

    #[test]
    fn a_case_rate_may_have_a_weight_and_an_outlier() {
        let read = |method: &str, rest: &str| {
            let header = "code_type,code,modifier,method,amount,effective_from,effective_to,weight,cost_percent,outlier_threshold,outlier_percent";
            FeeSchedule::read(format!("{header}\nDRG,560,,{method},6500.00,,,{rest}\n").as_bytes())
        };
        let rate = |rest: &str| {
            read("case", rest)
                .unwrap()
                .rows
                .first()
                .map(|fee| (fee.rate, fee.is_weighted, fee.outlier.is_some()))
        };
        // 0.43215 of 6,500.00 is 2,808.975.
        assert_eq!(rate("0.43215,,,"), Some((Rate::Case(Money::from_cents(280_898)), true, false)));
        assert_eq!(rate(",,40000,60"), Some((Rate::Case(Money::from_cents(650_000)), false, true)));
        for (method, rest, message) in [
            ("fee", "1,,,", "column weight: given though the method is not case"),
            ("case", "0,,,", "column weight: not a weight above 0 to 1000"),
            ("case", ",,40000,", "column outlier_percent: empty, expected a percentage beside a threshold"),
            ("case", ",30,,60", "column outlier_threshold: empty, expected an amount beside a percentage"),
        ] {
            assert_eq!(read(method, rest).unwrap_err().to_string(), format!("fee_schedule.csv row 2, {message}"));
        }
    }

    #[test]
    fn a_bad_row_fails_the_load_at_its_place() {
        for (rows, message) in [
            ("DX,A64,,fee,1,,", "row 2, column code_type: not one of HCPCS, REV, DRG"),
            ("HCPCS,,,fee,1,,", "row 2, column code: empty, expected a code of 1 to 8 characters"),
            ("HCPCS,99214,255,fee,1,,", "row 2, column modifier: not a modifier of two characters"),
            (
                "HCPCS,99214,,rate,1,,",
                "row 2, column method: not one of fee, per_diem, percent, case, packaged",
            ),
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
