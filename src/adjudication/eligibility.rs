//! Coverage on every day of service, death and birth (DOMAIN E1).

use chrono::NaiveDate;

use super::case::{Case, OpenLine, SoFar};
use super::determination::Signal;
use super::facts::{CoverageFacts, Known, MemberFacts};
use super::ruling::{Reason, Ruling};
use crate::phi::Purpose;
use crate::x12::element::DateRange;

const AFTER_DEATH: Reason = Reason::contractual("13");
const BEFORE_BIRTH: Reason = Reason::contractual("14");
const BEFORE_COVERAGE: Reason = Reason::contractual("26");
const AFTER_COVERAGE: Reason = Reason::contractual("27");
const NOT_OUR_MEMBER: Reason = Reason::contractual("31");
const LAPSE: Reason = Reason::contractual("200");
const PARTLY_COVERED: Reason = Reason::contractual("239");

/// Eligibility is by inclusive days, never by months. An 837I is judged by its statement dates: the
/// provider must split a stay that is partly covered.
pub(super) fn rule(case: &Case<'_>, line: &OpenLine<'_>, _: &SoFar<'_>) -> Ruling {
    let member = case.facts.member.found();
    if let Some(ruling) = of_a_lifetime(case, member, line.dates.value) {
        return ruling.at(line.dates.at);
    }
    match (&case.facts.member, member) {
        (Known::NotLoaded, _) => Ruling::not_enforced("members not loaded"),
        (Known::Unknown, _) | (_, None) => Ruling::denied(NOT_OUR_MEMBER, "no member with this id").at(case.claim.subscriber.name_at),
        (Known::Found(_), Some(member)) => {
            let statement = case.claim.institutional().and_then(|claim| claim.statement);
            let span = statement.unwrap_or(line.dates);
            of_coverage(&member.coverage, span.value, statement.is_some()).at(span.at)
        }
    }
}

/// Service after death or before birth. A newborn may be billed under its mother's id: then its own
/// birth date (2010CA) counts.
fn of_a_lifetime(case: &Case<'_>, member: Option<&MemberFacts>, service: DateRange) -> Option<Ruling> {
    let patient = case.claim.patient.as_deref();
    let on_claim = patient.map_or(case.claim.subscriber.death_date, |patient| patient.death_date);
    let known = member.filter(|_| patient.is_none());
    let deaths = [
        on_claim.map(|death| *death.expose_for(Purpose::Adjudicate)),
        known.and_then(|member| *member.death_date.expose_for(Purpose::Adjudicate)),
    ];
    if deaths.iter().flatten().min().is_some_and(|death| *death < service.through) {
        return Some(Ruling::denied(AFTER_DEATH, "service after the date of death").signalling(Signal::Deceased, None));
    }
    let birth_date = match known {
        Some(member) => Some(member.birth_date),
        None => case.claim.patient_birth_date(),
    };
    let is_unborn = birth_date.is_some_and(|birth| service.from < *birth.expose_for(Purpose::Adjudicate));
    is_unborn.then(|| Ruling::denied(BEFORE_BIRTH, "service before the date of birth"))
}

fn of_coverage(coverage: &[CoverageFacts], span: DateRange, is_statement: bool) -> Ruling {
    let Some(day) = first_uncovered(coverage, span) else {
        return Ruling::passed("covered on every day of service");
    };
    if is_statement && coverage.iter().any(|segment| overlaps(segment, span)) {
        return Ruling::denied(PARTLY_COVERED, "the statement spans covered and uncovered days");
    }
    if coverage.is_empty() {
        Ruling::denied(NOT_OUR_MEMBER, "never covered")
    } else if coverage.iter().all(|segment| day < segment.from) {
        Ruling::denied(BEFORE_COVERAGE, "before the first day of coverage")
    } else if coverage.iter().all(|segment| segment.to.is_some_and(|to| to < day)) {
        Ruling::denied(AFTER_COVERAGE, "after the last day of coverage")
    } else {
        Ruling::denied(LAPSE, "in a lapse of coverage")
    }
}

/// The first day of the span that no segment covers. Each turn passes the end of a segment, so there
/// are at most as many turns as segments.
fn first_uncovered(coverage: &[CoverageFacts], span: DateRange) -> Option<NaiveDate> {
    let mut day = span.from;
    while day <= span.through {
        let mut covering = coverage.iter().filter(|segment| segment.covers(day)).peekable();
        if covering.peek().is_none() {
            return Some(day);
        }
        // An open end covers all that follows.
        let last = covering.map(|segment| segment.to.unwrap_or(NaiveDate::MAX)).max()?;
        day = last.succ_opt()?;
    }
    None
}

fn overlaps(segment: &CoverageFacts, span: DateRange) -> bool {
    segment.from <= span.through && segment.to.is_none_or(|to| span.from <= to)
}
