//! Whether the claim came in time (DOMAIN B).

use chrono::{Days, NaiveDate};

use super::case::{Case, OpenLine, SoFar};
use super::determination::Signal;
use super::ruling::{Reason, Ruling};
use crate::claim::Located;
use crate::tables::refdata::filing_limits::{FilingLimit, FilingSpan};

const LATE: Reason = Reason::contractual("29");
/// A delay reason (CLM20) was given and does not excuse.
const LATE_DESPITE_REASON: Reason = LATE.remark("N892");

/// A professional line is judged by its last day, an institutional claim by its statement's last day
/// (B5, B6). The limit is that of the member's network and the billing provider's contract on the day
/// of receipt, grace included.
pub(super) fn rule(case: &Case<'_>, line: &OpenLine<'_>, _: &SoFar<'_>) -> Ruling {
    let statement = case.claim.institutional().and_then(|claim| claim.statement);
    let service = statement.unwrap_or(line.dates);
    let anchor = Located {
        value: service.value.through,
        at: service.at,
    };
    let network = case.coverage.and_then(|coverage| coverage.network);
    let is_contracted = case.billing_provider().is_some_and(|provider| provider.contracted);
    let received = case.receipt.received_on;
    let Some(limit) = case.tables.reference.filing_limits.find(network, is_contracted, received) else {
        return Ruling::not_enforced("no filing limit for this network and day of receipt").at(anchor.at);
    };
    judged(case, line, limit, anchor.value).at(anchor.at)
}

fn judged(case: &Case<'_>, line: &OpenLine<'_>, limit: &FilingLimit, service: NaiveDate) -> Ruling {
    let received = case.receipt.received_on;
    // A day beyond the calendar's end is later than any receipt.
    let last_day = limit.last_day(service).unwrap_or(NaiveDate::MAX);
    let is_timely = received <= last_day;
    let readings_differ = other_reading(limit, service).is_some_and(|other_last_day| (received <= other_last_day) != is_timely);
    let ruling = if is_timely {
        Ruling::passed(elapsed(service, received, last_day))
    } else if let Some(excuse) = excuse(case, line, limit, service) {
        return Ruling::passed(excuse);
    } else if case.claim.delay_reason.is_some() {
        Ruling::denied(LATE_DESPITE_REASON, elapsed(service, received, last_day))
    } else {
        Ruling::denied(LATE, elapsed(service, received, last_day))
    };
    match readings_differ {
        true => ruling.signalling(Signal::TimelyFilingBoundary, None),
        false => ruling,
    }
}

/// The last timely day if days were read as years or the reverse (B4); `None` for limits that are no
/// whole number of years.
fn other_reading(limit: &FilingLimit, service: NaiveDate) -> Option<NaiveDate> {
    let other = match limit.limit {
        FilingSpan::Days(days) if days % 365 == 0 => FilingSpan::Years(days / 365),
        FilingSpan::Days(_) => return None,
        FilingSpan::Years(years) => FilingSpan::Days(years.checked_mul(365)?),
    };
    other.last_day(service)?.checked_add_days(Days::new(u64::from(limit.grace_days)))
}

/// The exception that makes a late claim timely, in the order of DOMAIN B2.
fn excuse(case: &Case<'_>, line: &OpenLine<'_>, limit: &FilingLimit, service: NaiveDate) -> Option<&'static str> {
    let received = case.receipt.received_on;
    let is_timely_from = |start: NaiveDate| start > service && limit.last_day(start).is_some_and(|last_day| received <= last_day);
    let segment = case.facts.member.found().and_then(|member| member.coverage_on(service));
    if segment.and_then(|segment| segment.added_on).is_some_and(is_timely_from) {
        return Some("exception: retroactive eligibility");
    }
    // No limit is shorter than 90 days, so the statutory 90 days after a primary decision are kept (E5).
    if primary_decision(case, line).is_some_and(is_timely_from) {
        return Some("exception: another payer decided first");
    }
    None
}

/// The last day on which another payer decided. DTP*573 of 2430, else of 2330B.
fn primary_decision(case: &Case<'_>, line: &OpenLine<'_>) -> Option<NaiveDate> {
    let of_line = line.line.other_payers.iter().filter_map(|payer| payer.adjudicated_on).max();
    of_line.or_else(|| case.claim.other_payers.iter().filter_map(|payer| payer.adjudicated_on).max())
}

fn elapsed(service: NaiveDate, received: NaiveDate, last_day: NaiveDate) -> String {
    let days = |to: NaiveDate| to.signed_duration_since(service).num_days();
    format!("{} of {} days", days(received), days(last_day))
}
