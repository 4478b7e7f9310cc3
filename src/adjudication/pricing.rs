//! What the plan allows for a line (DOMAIN E6).

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::case::{Case, OpenLine, SoFar};
use crate::ids::Modifier;
use crate::money::Money;
use crate::tables::code_range::CodeKey;
use crate::tables::refdata::CodeType;
use crate::tables::refdata::fee_schedule::{FeeLimits, FeeRow, FeeSchedule, Rate};

/// The rate of a line, before the lesser of billed and allowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Price<'a> {
    Rated {
        allowed: Money,
        row: &'a FeeRow,
        /// By a modifier or an increase.
        is_multiplied: bool,
        /// More than the case rate, for a stay that cost far more.
        is_outlier: bool,
    },
    /// Part of a case rate that earlier lines took up.
    Included,
    /// Part of what else is paid.
    Packaged,
    /// No rate, or one of zero: CO-45 may not take a whole charge.
    NoRate,
    /// The fee schedule was never loaded.
    NotLoaded,
}

pub(super) fn price<'a>(case: &Case<'a>, line: &OpenLine<'_>, so_far: &SoFar<'a>) -> Price<'a> {
    let Some(schedule) = case.tables.reference.fee_schedule.as_deref() else {
        return Price::NotLoaded;
    };
    let Some(row) = rate(case, line, schedule) else {
        return Price::NoRate;
    };
    let of_case = case_amount(case, row);
    // A case rate is the claim's, whatever its lines are.
    let factor = if of_case.is_some() { None } else { factor(case, line, row) };
    let multiplied = |amount: Decimal| Money::rounded(factor.map_or(amount, |factor| amount.saturating_mul(factor)));
    let allowed = match row.rate {
        Rate::Fee(amount) | Rate::PerDiem(amount) => multiplied(amount.decimal().saturating_mul(line.units.decimal())),
        Rate::Percent(percent) => multiplied(line.billed.decimal().saturating_mul(percent) / Decimal::ONE_HUNDRED),
        Rate::Case(rate) => {
            let amount = of_case.unwrap_or(rate);
            match so_far.left_of_case(row, amount) {
                left if left.is_zero() && !amount.is_zero() => return Price::Included,
                left => left,
            }
        }
        Rate::Packaged => return Price::Packaged,
    };
    if allowed.is_zero() && !line.billed.is_zero() {
        return Price::NoRate;
    }
    Price::Rated {
        allowed,
        row,
        is_multiplied: factor.is_some(),
        is_outlier: of_case.is_some_and(|amount| row.rate != Rate::Case(amount)),
    }
}

/// What a case rate comes to for the claim.
pub(super) fn case_amount(case: &Case<'_>, row: &FeeRow) -> Option<Money> {
    match row.rate {
        Rate::Case(amount) => Some(amount + row.outlier.as_ref().map_or(Money::ZERO, |outlier| outlier.of(case.claim.charge, amount))),
        Rate::Fee(_) | Rate::PerDiem(_) | Rate::Percent(_) | Rate::Packaged => None,
    }
}

/// The product of the multipliers that go on a line; `None` when there is none.
fn factor(case: &Case<'_>, line: &OpenLine<'_>, row: &FeeRow) -> Option<Decimal> {
    let multipliers = &case.tables.rules.pricing.multipliers;
    if multipliers.is_empty() {
        return None;
    }
    let codes = [
        line.line.procedure.as_ref().map(|code| code.as_bytes()),
        line.line.revenue.as_ref().map(|code| code.as_bytes()),
    ];
    let codes: Vec<CodeKey> = codes.into_iter().flatten().map(CodeKey::of).collect();
    let day = line.dates.value.from;
    let fitting = multipliers
        .iter()
        .filter(|multiplier| multiplier.fits(&line.line.modifiers, row.modifier, &codes, day));
    fitting
        .map(|multiplier| multiplier.percent / Decimal::ONE_HUNDRED)
        .reduce(Decimal::saturating_mul)
}

/// The row that [`price`] came to, for who is told.
pub(super) fn deciding_row<'a>(case: &Case<'a>, line: &OpenLine<'_>) -> Option<&'a FeeRow> {
    rate(case, line, case.tables.reference.fee_schedule.as_deref()?)
}

/// Whether the fee schedule has a rate for a line; yes when it was never loaded.
pub(super) fn is_listed(case: &Case<'_>, line: &OpenLine<'_>) -> bool {
    let schedule = case.tables.reference.fee_schedule.as_deref();
    schedule.is_none_or(|schedule| rate(case, line, schedule).is_some())
}

/// An institutional claim is priced by its group if the group has a rate, else by procedure, else by
/// revenue code; a professional line by procedure.
fn rate<'a>(case: &Case<'a>, line: &OpenLine<'_>, schedule: &'a FeeSchedule) -> Option<&'a FeeRow> {
    let day: NaiveDate = line.dates.value.from;
    let modifiers = &line.line.modifiers;
    let group = case.claim.institutional().and_then(|claim| claim.drg.as_ref());
    let holds = |limits: &FeeLimits| {
        let rendering = case.rendering(line.line).1.or_else(|| case.billing_provider());
        limits.hold(case.claim.form, rendering.map(|provider| provider.kind), || case.age_on(day))
    };
    let find = |code_type, code: &[u8], modifiers: &[Option<Modifier>]| schedule.find(code_type, code, modifiers, day, &holds);
    let by_group = || find(CodeType::Drg, group?.as_bytes(), &[]);
    let by_procedure = || find(CodeType::Hcpcs, line.line.procedure.as_ref()?.as_bytes(), modifiers);
    let by_revenue = || find(CodeType::Revenue, line.line.revenue.as_ref()?.as_bytes(), modifiers);
    by_group().or_else(by_procedure).or_else(by_revenue)
}

#[cfg(test)]
mod tests {
    use super::super::determination::PendReason;
    use super::super::testing::*;
    use super::super::{Tables, adjudicate};
    use crate::tables::refdata::{ReferenceData, ReferenceTable};
    use crate::tables::rules::RulePack;

    #[test]
    fn each_method_and_the_lesser_of_billed_and_allowed() {
        for (code, units, charge, result) in [
            ("99214", 1, "150", "paid 122.05 CO-45 27.95"),
            ("99214", 3, "450", "paid 366.15 CO-45 83.85"),
            ("99214", 1, "100", "paid 100.00"),
            ("99214", 1, "0", "paid"),
            ("99214:25", 1, "150", "paid 122.05 CO-45 27.95"),
            ("99999", 1, "150", "denied CO-147 150.00"),
            ("00000", 1, "150", "denied CO-147 150.00"),
        ] {
            let claim = claim(vec![line(code, units, charge, "2025-01-20")]);
            assert_eq!(outcome(&decided(&claim, &plan())), result, "{code} {units} {charge}");
        }
        for (code, units, charge, result) in [
            ("0250", 1, "100.01", "paid 40.00 CO-45 60.01"),
            ("0250", 1, "100.02", "paid 40.01 CO-45 60.01"),
            ("0122", 2, "5000", "paid 4200.00 CO-45 800.00"),
            ("0122", 2, "4000", "paid 4000.00"),
            ("0999", 2, "4000", "denied CO-147 4000.00"),
        ] {
            let claim = stay("2025-01-01/2025-01-03", vec![line(code, units, charge, "2025-01-01")]);
            assert_eq!(outcome(&decided(&claim, &plan())), result, "{code} {units} {charge}");
        }
    }

    #[test]
    fn a_case_rate_is_paid_once_on_the_first_lines_whose_charges_hold_it() {
        let lines = || {
            vec![
                line("0122", 1, "0", "2025-01-01"),
                line("0122", 2, "5000", "2025-01-01"),
                line("0250", 1, "100", "2025-01-01"),
                line("0122", 1, "3000", "2025-01-02"),
            ]
        };
        assert_eq!(
            lines_of(&decided(&stay("2025-01-01/2025-01-03", lines()), &plan())),
            ["paid", "paid 4200.00 CO-45 800.00", "paid 40.00 CO-45 60.00", "denied CO-97/M80 3000.00"]
        );
        let grouped = stay("2025-01-01/2025-01-03", lines()).with(|claim| claim.institutional_mut().drg = "560".parse().ok());
        assert_eq!(
            lines_of(&decided(&grouped, &plan())),
            ["paid", "paid 5000.00", "paid 100.00", "paid 2900.00 CO-45 100.00"]
        );
    }

    #[test]
    fn a_stay_is_paid_by_the_weight_of_its_group_and_what_it_cost_beyond() {
        let header = "code_type,code,modifier,method,amount,effective_from,effective_to,weight,cost_percent,outlier_threshold,outlier_percent";
        let rows = "DRG,560,,case,6500.00,,,0.4321,,,\nDRG,871,,case,6500.00,,,2,30,40000,60\nREV,*,,percent,40,,,,,,\nREV,012x,,per_diem,1500,,,,,,";
        let plan = plan()
            .with_table(ReferenceTable::FeeSchedule, format!("{header}\n{rows}\n").as_bytes())
            .unwrap();
        for (group, charges, result) in [
            ("560", ["5000", "100"], "paid 2808.65 CO-45 2191.35; denied CO-97/M80 100.00"),
            ("560", ["2000", "1000"], "paid 2000.00; paid 808.65 CO-45 191.35"),
            // It cost 52,999.80: rate and threshold hold 53,000.00.
            ("871", ["176666", "0"], "paid 13000.00 CO-45 163666.00; denied"),
            // 60,000.00, of which 7,000.00 lie above.
            ("871", ["199000", "1000"], "paid 17200.00 CO-45 181800.00; denied CO-97/M80 1000.00"),
            ("999", ["100", "90"], "paid 40.00 CO-45 60.00; paid 36.00 CO-45 54.00"),
        ] {
            let lines = charges.map(|charge| line("0250", 1, charge, "2025-01-01")).to_vec();
            let claim = stay("2025-01-01/2025-01-03", lines).with(|claim| claim.institutional_mut().drg = group.parse().ok());
            assert_eq!(outcome(&decided(&claim, &plan)), result, "{group} {charges:?}");
        }
        let room = stay("2025-01-01/2025-01-03", vec![line("0129", 2, "4000", "2025-01-01")]);
        assert_eq!(outcome(&decided(&room, &plan)), "paid 3000.00 CO-45 1000.00");
    }

    #[test]
    fn a_hospital_has_rates_of_its_own_and_what_they_hold() {
        let header = "code_type,code,modifier,method,amount,effective_from,effective_to,form";
        let rows = "HCPCS,99214,,fee,122.05,,,\nHCPCS,99214,,fee,140,,,hospital\nHCPCS,93000,,fee,16.25,,,\nHCPCS,93000,,packaged,,,,hospital";
        let plan = plan()
            .with_table(ReferenceTable::FeeSchedule, format!("{header}\n{rows}\n").as_bytes())
            .unwrap();
        let lines = || vec![line("99214", 1, "150", "2025-01-20"), line("93000", 1, "20", "2025-01-20")];
        let hospital = stay("2025-01-20/2025-01-20", lines()).with(|claim| claim.institutional_mut().facility_type = qualifier("13"));
        for (claim, result) in [
            (claim(lines()), "paid 122.05 CO-45 27.95; paid 16.25 CO-45 3.75"),
            (hospital, "paid 140.00 CO-45 10.00; denied CO-97/N19 20.00"),
        ] {
            assert_eq!(outcome(&decided(&claim, &plan)), result);
        }
    }

    #[test]
    fn without_a_rate_the_rule_pack_decides() {
        let unpriced = claim(vec![line("99999", 1, "150", "2025-01-20")]);
        let pack = RulePack::EMBEDDED_TEXT.replace(
            r#"unpriced = { action = "deny", group = "CO", carc = "147" }"#,
            r#"unpriced = { action = "pend" }"#,
        );
        let pack = RulePack::parse(&pack).unwrap();
        let plan = plan();
        let tables = Tables {
            rules: &pack,
            reference: &plan,
        };
        let determination = adjudicate(&unpriced, &received("2025-02-15"), &facts(&unpriced, &plan), &tables);
        assert_eq!(
            (outcome(&determination).as_str(), determination.pend_reason()),
            ("pended", Some(PendReason::Unpriced))
        );
    }

    #[test]
    fn without_a_schedule_nothing_is_paid() {
        let members = "cin,birth_date,sex,eligible_from,eligible_to,aid_code,network,pcp_npi,share_of_cost,death_date,other_coverage,added_on\n\
                       91234567A,1980-05-05,F,2020-01-01,,,CCN,,,,,\n";
        let plan = ReferenceData::embedded()
            .unwrap()
            .with_table(ReferenceTable::Members, members.as_bytes())
            .unwrap();
        let determination = decided(&claim(vec![line("99214", 1, "150", "2025-01-20")]), &plan);
        assert_eq!(
            (outcome(&determination).as_str(), determination.pend_reason()),
            ("pended", Some(PendReason::Unpriced))
        );
    }
}
