//! What the plan allows for a line (DOMAIN E6).

use chrono::NaiveDate;

use super::case::{Case, OpenLine, SoFar};
use crate::money::Money;
use crate::tables::refdata::CodeType;
use crate::tables::refdata::fee_schedule::{FeeRow, FeeSchedule, Rate};

/// The rate of a line, before the lesser of billed and allowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Price<'a> {
    Rated {
        allowed: Money,
        /// A case rate that this line takes up for the claim.
        case_rate: Option<&'a FeeRow>,
        method: &'static str,
    },
    /// Part of a case rate that an earlier line took up.
    Included,
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
    let (allowed, case_rate, method) = match row.rate {
        Rate::Fee(amount) => (amount.times(line.units), None, "fee"),
        Rate::PerDiem(amount) => (amount.times(line.units), None, "per diem"),
        Rate::Percent(percent) => (line.billed.percent(percent), None, "percent of charge"),
        Rate::Case(_) if so_far.case_rates.iter().any(|taken| std::ptr::eq(*taken, row)) => return Price::Included,
        // A line without a charge can carry no payment, so the rate waits for the next.
        Rate::Case(amount) => (amount, Some(row).filter(|_| !line.billed.is_zero()), "case rate"),
    };
    if allowed.is_zero() && !line.billed.is_zero() {
        return Price::NoRate;
    }
    Price::Rated { allowed, case_rate, method }
}

/// An institutional claim is priced by its group if the group has a rate, else by procedure, else by
/// revenue code; a professional line by procedure.
fn rate<'a>(case: &Case<'a>, line: &OpenLine<'_>, schedule: &'a FeeSchedule) -> Option<&'a FeeRow> {
    let day: NaiveDate = line.dates.value.from;
    let modifiers = &line.line.modifiers;
    let group = case.claim.institutional().and_then(|claim| claim.drg.as_ref());
    let by_group = || schedule.find(CodeType::Drg, group?.as_bytes(), &[], day);
    let by_procedure = || schedule.find(CodeType::Hcpcs, line.line.procedure.as_ref()?.as_bytes(), modifiers, day);
    let by_revenue = || schedule.find(CodeType::Revenue, line.line.revenue.as_ref()?.as_bytes(), modifiers, day);
    by_group().or_else(by_procedure).or_else(by_revenue)
}
