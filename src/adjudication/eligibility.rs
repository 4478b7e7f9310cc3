//! Coverage on every day of service, death and birth (DOMAIN E1).

use chrono::NaiveDate;

use super::case::{Case, OpenLine, SoFar};
use super::facts::{CoverageFacts, Known, MemberFacts};
use super::rule_id::RuleId;
use super::ruling::{Reason, Ruling};
use crate::phi::{Phi, Purpose};
use crate::x12::element::DateRange;

const AFTER_DEATH: Reason = Reason::contractual("13");
const BEFORE_BIRTH: Reason = Reason::contractual("14");
const BEFORE_COVERAGE: Reason = Reason::contractual("26");
const AFTER_COVERAGE: Reason = Reason::contractual("27");
const NOT_OUR_MEMBER: Reason = Reason::contractual("31");
const ANOTHER_PATIENT: Reason = Reason::contractual("140");
const LAPSE: Reason = Reason::contractual("200");
const PARTLY_COVERED: Reason = Reason::contractual("239");

/// Eligibility is by inclusive days, never by months. An 837I is judged by its statement dates: the
/// provider must split a stay that is partly covered.
pub(super) fn rule(case: &Case<'_>, line: &OpenLine<'_>, _: &SoFar<'_>) -> Ruling {
    let member = case.facts.member.found();
    if member.is_some_and(|member| is_another_patient(case, member)) {
        return Ruling::denied(ANOTHER_PATIENT, "another birth date on the claim than on record")
            .by(RuleId::AnotherPatient)
            .at(case.claim.subscriber.name_at);
    }
    if let Some(ruling) = of_a_lifetime(case, member, line.dates.value) {
        return ruling.at(line.dates.at);
    }
    match (&case.facts.member, member) {
        (Known::NotLoaded, _) => Ruling::not_enforced("members not loaded"),
        (Known::Unknown, _) | (_, None) => Ruling::denied(NOT_OUR_MEMBER, "no member with this id")
            .by(RuleId::NotOurMember)
            .at(case.claim.subscriber.name_at),
        (Known::Found(_), Some(member)) => {
            let statement = case.claim.institutional().and_then(|claim| claim.statement);
            let span = statement.unwrap_or(line.dates);
            of_coverage(&member.coverage, span.value, statement.is_some()).at(span.at)
        }
    }
}

/// The day of the patient's death. An id of somebody else tells nothing of the patient.
pub(super) fn death(case: &Case<'_>) -> Option<NaiveDate> {
    let member = case.facts.member.found();
    earliest_death(case, member).filter(|_| !member.is_some_and(|member| is_another_patient(case, member)))
}

/// Whether the subscriber is the patient and was born on another day than the member of that id. A claim
/// that gives no birth date says nothing.
fn is_another_patient(case: &Case<'_>, member: &MemberFacts) -> bool {
    let on_claim = case.claim.subscriber.birth_date.filter(|_| case.claim.patient.is_none());
    let differs = |on_claim: Phi<NaiveDate>| on_claim.expose_for(Purpose::Adjudicate) != member.birth_date.expose_for(Purpose::Adjudicate);
    case.tables.rules.eligibility.birth_date_must_agree && on_claim.is_some_and(differs)
}

/// Service after death or before birth. A newborn may be billed under its mother's id: then its own
/// birth date (2010CA) counts.
fn of_a_lifetime(case: &Case<'_>, member: Option<&MemberFacts>, service: DateRange) -> Option<Ruling> {
    if earliest_death(case, member).is_some_and(|death| death < service.through) {
        return Some(Ruling::denied(AFTER_DEATH, "service after the date of death").by(RuleId::AfterDeath));
    }
    let birth_date = match member.filter(|_| case.claim.patient.is_none()) {
        Some(member) => Some(member.birth_date),
        None => case.claim.patient_birth_date(),
    };
    let is_unborn = birth_date.is_some_and(|birth| service.from < *birth.expose_for(Purpose::Adjudicate));
    is_unborn.then(|| Ruling::denied(BEFORE_BIRTH, "service before the date of birth").by(RuleId::BeforeBirth))
}

fn earliest_death(case: &Case<'_>, member: Option<&MemberFacts>) -> Option<NaiveDate> {
    let patient = case.claim.patient.as_deref();
    let on_claim = patient.map_or(case.claim.subscriber.death_date, |patient| patient.death_date);
    let known = member.filter(|_| patient.is_none());
    let deaths = [
        on_claim.map(|death| *death.expose_for(Purpose::Adjudicate)),
        known.and_then(|member| *member.death_date.expose_for(Purpose::Adjudicate)),
    ];
    deaths.into_iter().flatten().min()
}

fn of_coverage(coverage: &[CoverageFacts], span: DateRange, is_statement: bool) -> Ruling {
    let Some(day) = first_uncovered(coverage, span) else {
        return Ruling::passed("covered on every day of service");
    };
    if is_statement && coverage.iter().any(|segment| overlaps(segment, span)) {
        return Ruling::denied(PARTLY_COVERED, "the statement spans covered and uncovered days").by(RuleId::PartlyCovered);
    }
    if coverage.is_empty() {
        Ruling::denied(NOT_OUR_MEMBER, "never covered").by(RuleId::NotOurMember)
    } else if coverage.iter().all(|segment| day < segment.from) {
        Ruling::denied(BEFORE_COVERAGE, "before the first day of coverage").by(RuleId::BeforeCoverage)
    } else if coverage.iter().all(|segment| segment.to.is_some_and(|to| to < day)) {
        Ruling::denied(AFTER_COVERAGE, "after the last day of coverage").by(RuleId::AfterCoverage)
    } else {
        Ruling::denied(LAPSE, "in a lapse of coverage").by(RuleId::Lapse)
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::testing::*;
    use crate::claim::party::Patient;
    use crate::phi::Phi;

    #[test]
    fn every_day_of_service_must_be_covered() {
        for (member, service, result) in [
            (MEMBER, "2025-01-20", "paid 122.05 CO-45 27.95"),
            (LAPSED, "2022-12-31", "denied CO-26 150.00"),
            (LAPSED, "2023-01-01", "paid 122.05 CO-45 27.95"),
            (LAPSED, "2023-12-31", "paid 122.05 CO-45 27.95"),
            (LAPSED, "2024-01-01", "denied CO-200 150.00"),
            (LAPSED, "2023-12-31/2024-01-01", "denied CO-200 150.00"),
            (LAPSED, "2022-12-31/2023-01-02", "denied CO-26 150.00"),
            (LAPSED, "2025-07-01/2025-09-30", "paid 122.05 CO-45 27.95"),
            (LAPSED, "2025-09-30/2025-10-01", "denied CO-27 150.00"),
            (LAPSED, "2025-10-01", "denied CO-27 150.00"),
            ("91234567Z", "2025-01-20", "denied CO-31 150.00"),
        ] {
            let claim = claim(vec![line("99214", 1, "150", service)]).of_member(member);
            let received = if service < "2024" { "2023-12-31" } else { "2025-11-01" };
            assert_eq!(outcome(&decided_on(&claim, received, &plan())), result, "{member} {service}");
        }
    }

    #[test]
    fn a_stay_is_covered_as_a_whole() {
        for (statement, result) in [
            ("2025-07-01/2025-07-03", "paid 100.00 CO-45 150.00"),
            ("2025-06-30/2025-07-02", "denied CO-239 250.00"),
            ("2025-09-29/2025-10-02", "denied CO-239 250.00"),
            ("2025-06-27/2025-06-29", "denied CO-200 250.00"),
            ("2025-10-01/2025-10-03", "denied CO-27 250.00"),
        ] {
            let mut room = line("0250", 1, "250", "2025-07-02");
            room.service = None;
            let claim = stay(statement, vec![room]).of_member(LAPSED);
            assert_eq!(outcome(&decided_on(&claim, "2025-11-01", &plan())), result, "{statement}");
        }
    }

    #[test]
    fn nobody_is_treated_after_death_or_before_birth() {
        let visit = |service: &str| claim(vec![line("99214", 1, "150", service)]).of_member(DECEASED);
        for (service, result, raised) in [
            ("2025-01-15", "paid 122.05 CO-45 27.95", &[][..]),
            ("2025-01-16", "denied CO-13 150.00", &["deceased"]),
            ("2025-01-14/2025-01-16", "denied CO-13 150.00", &["deceased"]),
            ("1980-05-04", "denied CO-14 150.00", &["inactive-provider"]),
        ] {
            let determination = decided(&visit(service), &plan());
            assert_eq!(outcome(&determination), result, "{service}");
            assert_eq!(signals(&determination), raised, "{service}");
        }
        // PAT06 tells of a death that the plan has not heard of.
        let told = visit("2025-01-10").with(|claim| Arc::make_mut(&mut claim.subscriber).death_date = Some(Phi::new(day("2025-01-09"))));
        assert_eq!(outcome(&decided(&told, &plan())), "denied CO-13 150.00");
    }

    #[test]
    fn a_newborn_on_its_mothers_id_has_its_own_birth_date() {
        for (birth, result) in [("2025-01-20", "paid 122.05 CO-45 27.95"), ("2025-01-21", "denied CO-14 150.00")] {
            let newborn = Patient {
                birth_date: Some(Phi::new(day(birth))),
                ..Patient::default()
            };
            let claim = claim(vec![line("99214", 1, "150", "2025-01-20")]).with(|claim| claim.patient = Some(Arc::new(newborn)));
            assert_eq!(outcome(&decided(&claim, &plan())), result, "{birth}");
        }
    }
    #[test]
    fn an_id_with_another_birth_date_is_somebody_elses() {
        let born = |birth: &str| {
            claim(vec![line("99214", 1, "150", "2025-01-20")]).with(|claim| {
                Arc::make_mut(&mut claim.subscriber).birth_date = Some(Phi::new(day(birth)));
            })
        };
        assert_eq!(outcome(&decided(&born("1980-05-05"), &plan())), "paid 122.05 CO-45 27.95");
        assert_eq!(outcome(&decided(&born("1980-05-06"), &plan())), "denied CO-140 150.00");
        // A newborn on its mother's id has its own.
        let newborn = born("1980-05-06").with(|claim| {
            let patient = Patient {
                birth_date: Some(Phi::new(day("2025-01-20"))),
                ..Patient::default()
            };
            claim.patient = Some(Arc::new(patient));
        });
        assert_eq!(outcome(&decided(&newborn, &plan())), "paid 122.05 CO-45 27.95");
    }

    #[test]
    fn a_merged_id_is_covered_as_the_one_that_stands_for_it() {
        let merged = plan()
            .with_table(
                crate::tables::refdata::ReferenceTable::MemberAliases,
                format!("cin_old,cin_new\n90000001A,{MEMBER}\n").as_bytes(),
            )
            .unwrap();
        let visit = claim(vec![line("99214", 1, "150", "2025-01-20")]).of_member("90000001A");
        assert_eq!(outcome(&decided(&visit, &merged)), "paid 122.05 CO-45 27.95");
        assert_eq!(outcome(&decided(&visit, &plan())), "denied CO-31 150.00");
    }
}
