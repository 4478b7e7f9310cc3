//! Whether the claim came in time (DOMAIN B).

use chrono::{Days, NaiveDate};

use super::case::{Case, OpenLine, SoFar};
use super::determination::Signal;
use super::replacement;
use super::rule_id::RuleId;
use super::ruling::{Reason, Ruling};
use super::trace::Note;
use crate::claim::Located;
use crate::tables::refdata::RowReason;
use crate::tables::refdata::filing_exceptions::FilingExceptionKind;
use crate::tables::refdata::filing_limits::{FilingLimit, FilingSpan};
use crate::tables::rules::{DelayProof, DelayReason};

const LATE: Reason = Reason::contractual("29");
/// A delay reason (CLM20) was given and does not excuse.
const LATE_DESPITE_REASON: Reason = LATE.remark("N892");

/// A professional line is judged by its last day, an institutional claim by its statement's last day
/// (B5, B6). The limit is that of the member's network and the billing provider's contract on the day
/// of receipt, grace included.
pub(super) fn rule(case: &Case<'_>, line: &OpenLine<'_>, _: &SoFar<'_>) -> Ruling {
    let anchor = anchor(case, line);
    let Some(limit) = case.filing_limit else {
        return Ruling::not_enforced("no filing limit for this network and day of receipt")
            .by(RuleId::FilingNoLimit)
            .at(anchor.at);
    };
    judged(case, line, limit, anchor.value).at(anchor.at)
}

/// The day from which a line is measured: its own last day, and the last day of an institutional statement.
pub(super) fn last_day_of_service(case: &Case<'_>, line: &OpenLine<'_>) -> NaiveDate {
    anchor(case, line).value
}

fn anchor(case: &Case<'_>, line: &OpenLine<'_>) -> Located<NaiveDate> {
    let statement = case.claim.institutional().and_then(|claim| claim.statement);
    let service = statement.unwrap_or(line.dates);
    Located {
        value: service.value.through,
        at: service.at,
    }
}

/// Whether an exception would excuse a line, were it late (DOMAIN B2).
pub(super) fn is_excused(case: &Case<'_>, line: &OpenLine<'_>) -> bool {
    let limit = case.filing_limit;
    limit.is_some_and(|limit| excuse(case, line, limit, last_day_of_service(case, line)).is_some())
}

fn judged(case: &Case<'_>, line: &OpenLine<'_>, limit: &FilingLimit, service: NaiveDate) -> Ruling {
    let received = case.receipt.received_on;
    // A day beyond the calendar's end is later than any receipt.
    let last_day = last_day(case, limit, service).unwrap_or(NaiveDate::MAX);
    let is_timely = received <= last_day;
    if is_timely {
        let ruling = Ruling::passed(elapsed(service, received, last_day)).by(timely_by(case, limit, service));
        // A year never ends before its 365 days, so only years can be timely where days are late.
        let is_late_in_days = matches!(limit.limit, FilingSpan::Years(_)) && other_reading(case, limit, service).is_some_and(|last_day| last_day < received);
        return if is_late_in_days {
            ruling.signalling(Signal::TimelyFilingBoundary).by(RuleId::FilingBoundary)
        } else {
            ruling
        };
    }
    if let Some((id, excuse)) = excuse(case, line, limit, service) {
        return Ruling::passed(excuse).by(id);
    }
    let (reason, id) = match (case.claim.delay_reason, delayed(received, case, limit, service)) {
        (_, Delay::Unproved(contested)) => (contested.into(), RuleId::FilingDelayUnproved),
        (Some(_), _) => (LATE_DESPITE_REASON, RuleId::FilingDelayRefused),
        (None, _) if limit.network.is_some() => (LATE, RuleId::FilingNetwork),
        (None, _) => (LATE, RuleId::FilingLate),
    };
    let ruling = Ruling::denied(reason, elapsed(service, received, last_day));
    match other_reading(case, limit, service) {
        Some(last_day) if received <= last_day => ruling.signalling(Signal::TimelyFilingBoundary).by(RuleId::FilingBoundary),
        Some(_) | None => ruling.by(id),
    }
}

/// What makes a claim timely that no exception had to excuse.
fn timely_by(case: &Case<'_>, limit: &FilingLimit, service: NaiveDate) -> RuleId {
    let received = case.receipt.received_on;
    let is_without_grace = || {
        limit
            .limit
            .last_day(service)
            .is_none_or(|last_day| received <= case.tables.rules.timely_filing.rolled(last_day))
    };
    if limit.last_day(service).is_some_and(|last_day| last_day < received) {
        RuleId::FilingRolled
    } else if limit.grace_days > 0 && !is_without_grace() {
        RuleId::FilingGrace
    } else if limit.network.is_some() {
        RuleId::FilingNetwork
    } else if case.claim.institutional().is_some() {
        RuleId::FilingStatement
    } else {
        RuleId::FilingLine
    }
}

/// The last timely day, moved to a working day where the rule pack says so (B9).
fn last_day(case: &Case<'_>, limit: &FilingLimit, service: NaiveDate) -> Option<NaiveDate> {
    limit.last_day(service).map(|last_day| case.tables.rules.timely_filing.rolled(last_day))
}

/// The last timely day if days were read as years or the reverse (B4); `None` for other limits.
fn other_reading(case: &Case<'_>, limit: &FilingLimit, service: NaiveDate) -> Option<NaiveDate> {
    let boundary = case.tables.rules.timely_filing.boundary;
    let other = match limit.limit {
        FilingSpan::Days(days) if days == boundary.days => FilingSpan::Years(boundary.years),
        FilingSpan::Years(years) if years == boundary.years => FilingSpan::Days(boundary.days),
        FilingSpan::Days(_) | FilingSpan::Years(_) => return None,
    };
    plus_days(other.last_day(service)?, limit.grace_days)
}

/// The exception that makes a late claim timely, in the order of DOMAIN B2.
fn excuse(case: &Case<'_>, line: &OpenLine<'_>, limit: &FilingLimit, service: NaiveDate) -> Option<(RuleId, Note)> {
    if let Some(original) = replacement::original(case)
        && plus_days(original.decided_on, case.tables.rules.timely_filing.replacement_days).is_none_or(|last_day| case.receipt.received_on <= last_day)
        && was_timely(case, line, service, original.filed_on)
    {
        return Some((RuleId::FilingReplacement, "exception: a replacement of a claim that was timely".into()));
    }
    excuse_on(case.receipt.received_on, case, line, limit, service)
}

/// A replacement has its own time, but makes nothing timely that was late when it was filed at first.
fn was_timely(case: &Case<'_>, line: &OpenLine<'_>, service: NaiveDate, filed_on: NaiveDate) -> bool {
    case.filing_limit_on(filed_on).is_none_or(|limit| {
        let is_timely = last_day(case, limit, service).is_none_or(|last_day| filed_on <= last_day);
        is_timely || excuse_on(filed_on, case, line, limit, service).is_some()
    })
}

/// The exceptions that any claim has that is received on a day.
fn excuse_on(received: NaiveDate, case: &Case<'_>, line: &OpenLine<'_>, limit: &FilingLimit, service: NaiveDate) -> Option<(RuleId, Note)> {
    let is_in_time = |last_day: Option<NaiveDate>| last_day.is_none_or(|last_day| received <= last_day);
    let segment = case.facts.member.found().and_then(|member| member.coverage_on(service));
    let posted = segment.and_then(|segment| segment.added_on);
    if posted.is_some_and(|posted| posted > service && is_in_time(last_day(case, limit, posted))) {
        return Some((RuleId::FilingRetroactive, "exception: retroactive eligibility".into()));
    }
    let decided = primary_decision(case, line).filter(|decided| *decided > service);
    let floor = case.tables.rules.timely_filing.cob_days_min;
    if decided.is_some_and(|decided| is_in_time(last_day(case, limit, decided)) || is_in_time(plus_days(decided, floor))) {
        return Some((RuleId::FilingOtherPayer, "exception: another payer decided first".into()));
    }
    if let Delay::Excused(reason) = delayed(received, case, limit, service) {
        return Some((RuleId::FilingDelayReason, format!("exception: delay reason {}", reason.code).into()));
    }
    let granted = || case.facts.filing_exceptions.iter().filter(|exception| exception.service.covers(service));
    let arrived = granted().filter_map(|exception| exception.first_received_on).min();
    let last_day = last_day(case, limit, service).unwrap_or(NaiveDate::MAX);
    if arrived.is_some_and(|arrived| arrived <= last_day) {
        return Some((RuleId::FilingMisdirected, "exception: another entity received it first".into()));
    }
    granted()
        .any(|exception| exception.kind == FilingExceptionKind::GoodCause)
        .then(|| (RuleId::FilingGoodCause, "exception: good cause shown".into()))
}

/// What a delay reason (CLM20) comes to.
enum Delay<'a> {
    /// None, or one that the payer does not take, or that does not leave enough time.
    No,
    Excused(&'a DelayReason),
    /// It would be excused with its proof, and the rule pack has a reason of its own for that.
    Unproved(RowReason),
}

fn delayed<'a>(received: NaiveDate, case: &Case<'a>, limit: &FilingLimit, service: NaiveDate) -> Delay<'a> {
    let Some(reason) = case.claim.delay_reason.and_then(|code| case.tables.rules.delay_reason(code)) else {
        return Delay::No;
    };
    let last_day = limit.last_day(service).and_then(|last_day| plus_days(last_day, reason.extra_days));
    if last_day.is_some_and(|last_day| last_day < received) {
        return Delay::No;
    }
    let has_proof = match reason.needs {
        DelayProof::Nothing => true,
        DelayProof::Note => case.claim.has_note,
        DelayProof::Attachment => case.claim.has_attachment,
    };
    match reason.without_proof {
        _ if has_proof => Delay::Excused(reason),
        Some(contested) => Delay::Unproved(contested),
        None => Delay::No,
    }
}

fn plus_days(day: NaiveDate, days: u32) -> Option<NaiveDate> {
    day.checked_add_days(Days::new(u64::from(days)))
}

/// The last day on which another payer decided. DTP*573 of 2430, else of 2330B.
fn primary_decision(case: &Case<'_>, line: &OpenLine<'_>) -> Option<NaiveDate> {
    let of_line = line.line.other_payers.iter().filter_map(|payer| payer.adjudicated_on).max();
    of_line.or_else(|| case.claim.other_payers.iter().filter_map(|payer| payer.adjudicated_on).max())
}

fn elapsed(service: NaiveDate, received: NaiveDate, last_day: NaiveDate) -> Note {
    let days = |to: NaiveDate| i32::try_from(to.signed_duration_since(service).num_days()).unwrap_or(i32::MAX);
    Note::Elapsed {
        days: days(received),
        limit: days(last_day),
    }
}

#[cfg(test)]
mod tests {
    use super::super::rule_id::RuleId;
    use super::super::testing::*;
    use super::super::trace::Rule;
    use super::super::{Tables, adjudicate};
    use crate::claim::other_payer::OtherPayer;
    use crate::tables::refdata::ReferenceTable;
    use crate::tables::rules::RulePack;

    const TIMELY: &str = "paid 122.05 CO-45 27.95";
    const DENIED: &str = "denied CO-29 150.00";

    #[test]
    fn the_vectors_of_domain_b6() {
        for (service, received, result, boundary) in [
            ("2025-01-15", "2026-01-15", TIMELY, false),
            ("2025-01-15", "2026-01-16", DENIED, false),
            ("2024-01-01", "2024-12-31", TIMELY, false),
            ("2024-01-01", "2025-01-01", DENIED, true),
            ("2024-02-29", "2025-02-28", TIMELY, false),
            ("2023-02-28", "2024-02-28", TIMELY, false),
            ("2023-03-01", "2024-03-01", TIMELY, false),
            ("2023-03-01", "2024-05-29", TIMELY, false),
            ("2023-08-01", "2024-10-29", TIMELY, false),
            ("2023-08-01", "2024-10-30", DENIED, true),
            ("2023-08-01", "2024-10-31", DENIED, false),
        ] {
            let determination = decided_on(&claim(vec![line("99214", 1, "150", service)]), received, &plan());
            assert_eq!(outcome(&determination), result, "{service} {received}");
            let expected: &[&str] = if boundary { &["timely-filing-boundary"] } else { &[] };
            assert_eq!(signals(&determination), expected, "{service} {received}");
        }
        let two = claim(vec![line("99214", 1, "150", "2025-01-10"), line("99214", 1, "150", "2025-01-20")]);
        let determination = decided_on(&two, "2026-01-15", &plan());
        assert_eq!(lines_of(&determination), [DENIED, TIMELY]);
        assert_eq!(note(&determination, 1, Rule::TimelyFiling), "370 of 365 days");
        assert_eq!(note(&determination, 2, Rule::TimelyFiling), "360 of 365 days");
        let stay = stay("2025-01-01/2025-01-20", vec![line("0250", 1, "100", "2025-01-02")]);
        for (received, result) in [("2026-01-20", "paid 40.00 CO-45 60.00"), ("2026-01-21", "denied CO-29 100.00")] {
            assert_eq!(outcome(&decided_on(&stay, received, &plan())), result, "{received}");
        }
    }

    #[test]
    fn the_last_day_of_a_line_counts() {
        let claim = claim(vec![line("99214", 1, "150", "2025-01-01/2025-01-15")]);
        assert_eq!(outcome(&decided_on(&claim, "2026-01-15", &plan())), TIMELY);
        assert_eq!(outcome(&decided_on(&claim, "2026-01-16", &plan())), DENIED);
    }

    #[test]
    fn a_limit_in_years_is_told_where_days_would_be_late() {
        let limits = "network,contracted,received_from,received_to,unit,limit,grace_days,source\n*,*,,,years,1,0,test\nCOD,yes,,,days,90,0,test\n";
        let plan = plan().with_table(ReferenceTable::FilingLimits, limits.as_bytes()).unwrap();
        for (member, service, received, result, raised) in [
            (MEMBER, "2024-01-01", "2025-01-01", TIMELY, &["timely-filing-boundary"][..]),
            (MEMBER, "2024-01-01", "2025-01-02", DENIED, &[]),
            (MEMBER, "2023-01-01", "2024-01-01", TIMELY, &[]),
            (UNASSIGNED, "2025-01-01", "2025-04-01", TIMELY, &[]),
            (UNASSIGNED, "2025-01-01", "2025-04-02", DENIED, &[]),
        ] {
            let claim = claim(vec![line("99214", 1, "150", service)]).of_member(member);
            let determination = decided_on(&claim, received, &plan);
            assert_eq!(outcome(&determination), result, "{member} {service} {received}");
            assert_eq!(signals(&determination), raised, "{member} {service} {received}");
        }
    }

    #[test]
    fn exceptions_in_their_order() {
        let late = || claim(vec![line("99214", 1, "150", "2024-06-01")]);
        let settled = |on: &str| OtherPayer {
            paid: Some(money("0")),
            adjudicated_on: Some(day(on)),
            ..OtherPayer::default()
        };
        let delayed = |code: &str, note: bool, attachment: bool| {
            late().with(|claim| {
                claim.delay_reason = qualifier(code);
                claim.has_note = note;
                claim.has_attachment = attachment;
            })
        };
        let refused = "denied CO-29/N892 150.00";
        for (what, claim, received, result, note_text) in [
            ("late", late(), "2026-01-15", DENIED, "593 of 365 days"),
            (
                "retroactive",
                late().of_member(RETROACTIVE),
                "2026-01-15",
                TIMELY,
                "exception: retroactive eligibility",
            ),
            ("too long after", late().of_member(RETROACTIVE), "2026-12-02", DENIED, "914 of 365 days"),
            (
                "other payer",
                late().after(settled("2025-03-01")),
                "2026-01-15",
                TIMELY,
                "exception: another payer decided first",
            ),
            ("long decided", late().after(settled("2024-07-01")), "2026-01-15", DENIED, "593 of 365 days"),
            ("reason 1", delayed("1", true, false), "2026-01-15", TIMELY, "exception: delay reason 1"),
            ("no note", delayed("1", false, false), "2026-01-15", refused, "593 of 365 days"),
            (
                "reason 7",
                delayed("7", true, false),
                "2026-01-15",
                "denied CO-252/N706 150.00",
                "593 of 365 days",
            ),
            ("unproved and over", delayed("7", true, false), "2026-06-02", refused, "731 of 365 days"),
            ("attachment", delayed("7", false, true), "2026-01-15", TIMELY, "exception: delay reason 7"),
            ("reason 9", delayed("9", true, true), "2026-01-15", refused, "593 of 365 days"),
            ("extra days over", delayed("1", true, false), "2026-06-02", refused, "731 of 365 days"),
        ] {
            let determination = decided_on(&claim, received, &plan());
            assert_eq!(outcome(&determination), result, "{what}");
            assert_eq!(note(&determination, 1, Rule::TimelyFiling), note_text, "{what}");
        }
    }
    #[test]
    fn what_was_granted_makes_a_late_claim_timely() {
        let rows = |rows: &str| {
            let table = format!("kind,cin,billing_npi,service_from,service_to,first_received_on,source\n{rows}\n");
            plan().with_table(ReferenceTable::FilingExceptions, table.as_bytes()).unwrap()
        };
        let late = claim(vec![line("99214", 1, "150", "2024-06-01")]);
        let misdirected = |arrived: &str| rows(&format!("misdirected,{MEMBER},{CLINIC},2024-06-01,2024-06-30,{arrived},CHOC"));
        for (what, plan, result, text) in [
            (
                "in time elsewhere",
                misdirected("2025-06-01"),
                TIMELY,
                "exception: another entity received it first",
            ),
            ("late elsewhere too", misdirected("2025-06-02"), DENIED, "593 of 365 days"),
            (
                "good cause",
                rows(&format!("good_cause,{MEMBER},{CLINIC},2024-06-01,,,PDR 7")),
                TIMELY,
                "exception: good cause shown",
            ),
            (
                "for other days",
                rows(&format!("good_cause,{MEMBER},{CLINIC},2024-06-02,,,PDR 7")),
                DENIED,
                "593 of 365 days",
            ),
            (
                "for another provider",
                rows(&format!("good_cause,{MEMBER},{FAMILY_DOCTOR},2024-06-01,,,PDR 7")),
                DENIED,
                "593 of 365 days",
            ),
        ] {
            let determination = decided_on(&late, "2026-01-15", &plan);
            assert_eq!(outcome(&determination), result, "{what}");
            assert_eq!(note(&determination, 1, Rule::TimelyFiling), text, "{what}");
        }
    }

    /// B6: each bill of a stay on its own statement's last day, whatever its place in the sequence.
    #[test]
    fn interim_bills_are_each_on_their_own_through_date() {
        for frequency in ["1", "2", "3", "4"] {
            let bill = stay("2025-01-01/2025-01-20", vec![line("0250", 1, "100", "2025-01-05")]).with(|claim| claim.frequency = qualifier(frequency));
            for (received, result) in [("2026-01-20", "paid 40.00 CO-45 60.00"), ("2026-01-21", "denied CO-29 100.00")] {
                assert_eq!(outcome(&decided_on(&bill, received, &plan())), result, "{frequency} {received}");
            }
        }
    }

    /// DOMAIN B9. 2026-01-10 is a Saturday, the 365th day from 2025-01-10.
    #[test]
    fn a_last_day_on_a_weekend_moves_where_the_pack_says_so() {
        let boundary = "boundary = { days = 365, years = 1 }";
        let rolls = "roll_to_business_day = true";
        let with_holiday = "roll_to_business_day = true\nholidays = [2026-01-12]";
        for (service, lines, received_on, result) in [
            ("2025-01-10", "", "2026-01-12", DENIED),
            ("2025-01-10", rolls, "2026-01-12", TIMELY),
            ("2025-01-10", rolls, "2026-01-13", DENIED),
            ("2025-01-10", with_holiday, "2026-01-13", TIMELY),
            // A Friday.
            ("2025-01-09", rolls, "2026-01-12", DENIED),
        ] {
            let text = RulePack::EMBEDDED_TEXT.replace(boundary, &format!("{boundary}\n{lines}"));
            let (pack, plan) = (RulePack::parse(&text).unwrap(), plan());
            let tables = Tables {
                rules: &pack,
                reference: &plan,
            };
            let visit = claim(vec![line("99214", 1, "150", service)]);
            let determination = adjudicate(&visit, &received(received_on), &facts(&visit, &plan), &tables);
            assert_eq!(outcome(&determination), result, "{service} {lines} {received_on}");
            let told = determination.trace().iter().any(|step| step.id == RuleId::FilingRolled);
            assert_eq!(told, result == TIMELY, "{service} {lines} {received_on}");
        }
    }
}
