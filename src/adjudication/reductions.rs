//! What is taken off a rate, in the order of DOMAIN E6: procedures of one day, the cap of units, the lesser
//! of billed and allowed, late filing. Each difference has its own reason.

use std::cmp::Reverse;

use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;

use super::case::{Case, OpenLine, SoFar};
use super::rule_id::RuleId;
use super::ruling::Reason;
use super::timely_filing;
use crate::ids::Npi;
use crate::money::{Money, Quantity};
use crate::tables::code_range::CodeKey;
use crate::tables::refdata::fee_schedule::{FeeRow, Rate};
use crate::tables::rules::MultipleProcedures;
use crate::x12::element::DateRange;

/// Further procedures of a day.
pub(super) const MULTIPLE: Reason = Reason::contractual("59");
/// Units above the schedule's cap.
pub(super) const UNITS_ABOVE_CAP: Reason = Reason::contractual("222");
/// Filed late without an exception.
pub(super) const LATE: Reason = Reason::contractual("B4");

/// An amount that a line is not paid above, with the reason for what lies above it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ceiling {
    pub id: RuleId,
    pub reason: Reason,
    pub amount: Money,
    /// Units that are not paid.
    pub units: Quantity,
}

/// The ceilings of a rate before the lesser of billed and allowed, in their order. A case rate has none.
pub(super) fn ceilings(open: &OpenLine<'_>, row: &FeeRow, rate: Money, so_far: &SoFar<'_>) -> impl Iterator<Item = Ceiling> {
    let is_case = matches!(row.rate, Rate::Case(_));
    let percent = so_far.percent().filter(|percent| !is_case && *percent < Decimal::ONE_HUNDRED);
    let reduced = percent.map(|percent| Ceiling {
        id: RuleId::FeeMultiple,
        reason: MULTIPLE,
        amount: rate.percent(percent),
        units: Quantity::ZERO,
    });
    let cap = row.units_max.filter(|cap| !is_case && open.units > *cap);
    let before = reduced.map_or(rate, |reduced| reduced.amount);
    let capped = cap.map(|cap| Ceiling {
        id: RuleId::FeeUnitsAbove,
        reason: UNITS_ABOVE_CAP,
        amount: before.share(cap, open.units),
        units: open.units.less(cap),
    });
    [reduced, capped].into_iter().flatten()
}

/// The percentage that late filing leaves, where the rule pack cuts it and no exception excuses the line.
pub(super) fn late_percent(case: &Case<'_>, open: &OpenLine<'_>) -> Option<Decimal> {
    let rules = &case.tables.rules.pricing;
    if rules.late_filing.is_empty() {
        return None;
    }
    let months = month(case.receipt.received_on) - month(timely_filing::last_day_of_service(case, open));
    let percent = rules.late_percent(months)?;
    let is_excused = timely_filing::is_excused(case, open);
    (!is_excused && percent < Decimal::ONE_HUNDRED).then_some(percent)
}

/// Months since the year 0.
fn month(day: NaiveDate) -> i32 {
    day.year() * 12 + i32::try_from(day.month0()).unwrap_or_default()
}

/// The rule about several procedures of a day, if the claim could have such.
pub(super) fn several<'a>(case: &Case<'a>) -> Option<&'a MultipleProcedures> {
    let rules = case.tables.rules.pricing.multiple_procedures.as_ref()?;
    let listed = case.claim.lines.iter().filter_map(|line| line.procedure.as_ref());
    (listed.filter(|code| rules.codes.contains(CodeKey::of(code.as_bytes()))).count() > 1).then_some(rules)
}

/// The percentage of each line by its place: of the lines that have a rate, those with a listed procedure,
/// dearest first among those of the same dates and rendering provider, equal ones in their order.
pub(super) fn percents(case: &Case<'_>, rules: &MultipleProcedures, rates: &[(usize, Money)]) -> Vec<(usize, Decimal)> {
    type Group = (Option<DateRange>, Option<Npi>);
    let mut listed: Vec<(Group, Reverse<Money>, usize)> = Vec::new();
    for (place, rate) in rates {
        let Some(line) = case.claim.lines.get(*place) else { continue };
        let is_listed = line.procedure.as_ref().is_some_and(|code| rules.codes.contains(CodeKey::of(code.as_bytes())));
        if is_listed {
            let dates = case.claim.service_dates(line).map(|dates| dates.value);
            listed.push(((dates, case.claim.rendering_npi(line)), Reverse(*rate), *place));
        }
    }
    listed.sort();
    let (mut percents, mut dearer, mut group) = (Vec::with_capacity(listed.len()), 0, None);
    for (of, _, place) in listed {
        dearer = if group == Some(of) { dearer + 1 } else { 0 };
        group = Some(of);
        percents.push((place, rules.percent(dearer)));
    }
    percents.sort_by_key(|(place, _)| *place);
    percents
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::determination::Determination;
    use super::super::testing::*;
    use super::super::{Tables, adjudicate};
    use crate::claim::Claim;
    use crate::claim::service_line::ServiceLine;
    use crate::ids::Qualifier;
    use crate::money::{Money, Quantity};
    use crate::tables::refdata::{ReferenceData, ReferenceTable};
    use crate::tables::rules::RulePack;

    const UNPRICED: &str = "unpriced = { action = \"deny\", group = \"CO\", carc = \"147\" }";
    const MULTIPLE: &str = "multiple_procedures = { codes = [[\"10000\", \"69999\"]], percents = [\"100\", \"50\", \"25\"] }";

    fn with_rules(claim: &Claim, received_on: &str, lines: &str, plan: &ReferenceData) -> Determination {
        let text = RulePack::EMBEDDED_TEXT.replace(UNPRICED, &format!("{UNPRICED}\n{lines}"));
        let pack = RulePack::parse(&text).unwrap();
        let tables = Tables { rules: &pack, reference: plan };
        adjudicate(claim, &received(received_on), &facts(claim, plan), &tables)
    }

    fn with_fees(rows: &str) -> ReferenceData {
        let header = "code_type,code,modifier,method,amount,effective_from,effective_to,provider_kind,min_age,max_age,units_max";
        plan()
            .with_table(ReferenceTable::FeeSchedule, format!("{header}\n{rows}\n").as_bytes())
            .unwrap()
    }

    fn surgery(code: &str, charge: &str) -> ServiceLine {
        line(code, 1, charge, "2025-01-20")
    }

    #[test]
    fn modifiers_and_increases_multiply_the_rate() {
        let fees = with_fees("HCPCS,20610,,fee,100.01,,,,,,\nHCPCS,20610,TC,fee,70,,,,,,\nREV,0250,,percent,40,,,,,,");
        let rules = "multipliers = [{ modifier = \"26\", percent = \"40\" }, { modifier = \"50\", percent = \"150\" }, { modifier = \"TC\", percent = \"60\" }, \
                     { percent = \"107.5\", effective_from = 2025-01-01, effective_to = 2025-12-31 }]";
        for (code, day, result) in [
            ("20610", "2024-12-31", "paid 100.01 CO-45 399.99"),
            // 107.51075
            ("20610", "2025-01-01", "paid 107.51 CO-45 392.49"),
            // 43.0043
            ("20610:26", "2025-01-20", "paid 43.00 CO-45 457.00"),
            // 161.266125
            ("20610:50", "2025-01-20", "paid 161.27 CO-45 338.73"),
            // 64.50645
            ("20610:26:50", "2025-01-20", "paid 64.51 CO-45 435.49"),
            // Its own row is for TC already.
            ("20610:TC", "2024-12-31", "paid 70.00 CO-45 430.00"),
        ] {
            let claim = claim(vec![line(code, 1, "500", day)]);
            let determination = with_rules(&claim, "2025-02-15", rules, &fees);
            assert_eq!(outcome(&determination), result, "{code} {day}");
        }
        let drug = stay("2025-01-01/2025-01-02", vec![line("0250", 1, "100", "2025-01-01")]);
        assert_eq!(outcome(&with_rules(&drug, "2025-02-15", rules, &fees)), "paid 43.00 CO-45 57.00");
    }

    #[test]
    fn the_dearest_procedure_of_a_day_is_paid_in_full() {
        let fees = with_fees("HCPCS,20610,,fee,100,,,,,,\nHCPCS,20611,,fee,300,,,,,,\nHCPCS,20612,,fee,100,,,,,,\nHCPCS,99214,,fee,122.05,,,,,,");
        for (lines, result) in [
            (vec![surgery("20610", "150")], "paid 100.00 CO-45 50.00"),
            (
                vec![surgery("20610", "150"), surgery("20611", "400"), surgery("20612", "100")],
                "paid 50.00 CO-45 50.00 CO-59 50.00; paid 300.00 CO-45 100.00; paid 25.00 CO-59 75.00",
            ),
            // The visit is not listed, and another day is another day.
            (
                vec![surgery("99214", "150"), surgery("20610", "150"), line("20611", 1, "400", "2025-01-21")],
                "paid 122.05 CO-45 27.95; paid 100.00 CO-45 50.00; paid 300.00 CO-45 100.00",
            ),
            // Less was billed than the rate: the reduction is of the rate, and takes what lies above it.
            (
                vec![surgery("20611", "400"), surgery("20610", "80"), surgery("20612", "20")],
                "paid 300.00 CO-45 100.00; paid 50.00 CO-59 30.00; paid 20.00",
            ),
            // What is denied is not the dearest.
            (
                vec![surgery("20610", "150"), line("20611", 1, "400", "2020-01-20")],
                "paid 100.00 CO-45 50.00; denied CO-29 400.00",
            ),
            (
                vec![surgery("20611", "400"), surgery("20611", "400"), surgery("20610", "150")],
                "paid 300.00 CO-45 100.00; denied OA-18 400.00; paid 50.00 CO-45 50.00 CO-59 50.00",
            ),
        ] {
            let claim = claim(lines);
            assert_eq!(outcome(&with_rules(&claim, "2025-02-15", MULTIPLE, &fees)), result);
        }
    }

    #[test]
    fn units_above_the_cap_and_rates_for_some() {
        let fees = with_fees(
            "HCPCS,J1000,,fee,10,,,,,,4\nHCPCS,93000,,fee,122.05,,,,,,\nHCPCS,93000,,fee,140,,,specialist,,,\n\
             HCPCS,93000,,fee,150,,,specialist,0,50,\nHCPCS,93000,,fee,130,,,,0,20,",
        );
        for (line, specialist, member, result) in [
            (line("J1000", 4, "100", "2025-01-20"), false, MEMBER, "paid 40.00 CO-45 60.00"),
            (line("J1000", 5, "100", "2025-01-20"), false, MEMBER, "paid 40.00 CO-45 50.00 CO-222x1 10.00"),
            (line("J1000", 5, "45", "2025-01-20"), false, MEMBER, "paid 40.00 CO-222x1 5.00"),
            (line("93000", 1, "200", "2025-01-20"), false, MEMBER, "paid 122.05 CO-45 77.95"),
            (line("93000", 1, "200", "2025-01-20"), true, MEMBER, "paid 150.00 CO-45 50.00"),
            (line("93000", 1, "200", "2025-01-20"), false, CHILD, "paid 130.00 CO-45 70.00"),
        ] {
            let mut claim = claim(vec![line]).of_member(member);
            if specialist {
                claim = claim.rendered_by(SPECIALIST);
            }
            let determination = with_rules(&claim, "2025-02-15", "", &fees);
            assert_eq!(outcome(&determination), result);
            let (line, cut) = (&determination.lines()[0], result.contains("CO-222x1"));
            assert_eq!(line.paid_units(), if cut { Quantity::whole(4) } else { claim.lines[0].units }, "{result}");
        }
    }

    #[test]
    fn late_filing_costs_a_part_unless_excused() {
        let rules = "late_filing = [{ from_month = 7, percent = \"75\" }, { from_month = 10, percent = \"50\" }]";
        let visit = || claim(vec![line("99214", 1, "150", "2025-01-31")]);
        for (received_on, delay, result) in [
            ("2025-07-31", None, "paid 122.05 CO-45 27.95"),
            // 91.5375
            ("2025-08-01", None, "paid 91.54 CO-45 27.95 CO-B4 30.51"),
            ("2025-10-31", None, "paid 91.54 CO-45 27.95 CO-B4 30.51"),
            // 61.025
            ("2025-11-01", None, "paid 61.03 CO-45 27.95 CO-B4 61.02"),
            ("2025-11-01", Some("1"), "paid 122.05 CO-45 27.95"),
            ("2026-02-01", None, "denied CO-29 150.00"),
        ] {
            let claim = visit().with(|claim| {
                claim.delay_reason = delay.map(|code| code.parse::<Qualifier>().unwrap());
                claim.has_note = delay.is_some();
            });
            assert_eq!(outcome(&with_rules(&claim, received_on, rules, &plan())), result, "{received_on} {delay:?}");
        }
    }

    /// Half-up on integers.
    fn half_up(amount: i128, by: i128) -> i128 {
        (2 * amount + by) / (2 * by)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        /// Two procedures of a day against the same sums on integers, in the order of DOMAIN E6.
        #[test]
        fn exact_to_the_cent(fees in [1i128..50_000, 1i128..50_000], charges in [1i128..80_000, 1i128..80_000], units in 1u32..6, factor in 1i128..2_000, late in 1i128..101) {
            let table = with_fees(&format!(
                "HCPCS,20610,,fee,{},,,,,,3\nHCPCS,20611,,fee,{},,,,,,3",
                Money::from_cents(fees[0] as i64), Money::from_cents(fees[1] as i64)
            ));
            let rules = format!(
                "{MULTIPLE}\nmultipliers = [{{ percent = \"{}.{}\" }}]\nlate_filing = [{{ from_month = 1, percent = \"{late}\" }}]",
                factor / 10, factor % 10
            );
            let billed = |place: usize| Money::from_cents(charges[place] as i64).to_x12();
            let claim = claim(vec![line("20610", units, &billed(0), "2025-01-20"), line("20611", units, &billed(1), "2025-01-20")]);
            let determination = with_rules(&claim, "2025-02-15", &rules, &table);

            let rates = fees.map(|fee| half_up(fee * i128::from(units) * factor, 1000));
            let dearest = if rates[1] > rates[0] { 1 } else { 0 };
            for (place, decided) in determination.lines().iter().enumerate() {
                let rate = rates[place];
                if rate == 0 {
                    prop_assert!(decided.adjustments().iter().all(|adjustment| adjustment.carc.as_str() == "147"));
                    continue;
                }
                let stands_alone = rates[1 - place] == 0;
                let percent = if place == dearest || stands_alone { 100 } else { 50 };
                let reduced = half_up(rate * percent, 100);
                let capped = if units > 3 { half_up(reduced * 3, i128::from(units)) } else { reduced };
                let allowed = charges[place].min(rate).min(reduced).min(capped);
                let paid = half_up(allowed * late, 100);
                prop_assert_eq!(i128::from(decided.amount_paid().cents()), paid, "line {}", place);
                let of = |carc: &str| -> i128 {
                    let of_carc = decided.adjustments().iter().filter(|adjustment| adjustment.carc.as_str() == carc);
                    of_carc.map(|adjustment| i128::from(adjustment.amount.cents())).sum()
                };
                let (in_full, in_part) = (charges[place].min(rate), charges[place].min(rate).min(reduced));
                prop_assert_eq!([of("45"), of("59"), of("222"), of("B4")], [charges[place] - in_full, in_full - in_part, in_part - allowed, allowed - paid]);
            }
        }
    }
}
