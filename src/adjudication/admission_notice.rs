//! Whether the plan was told of an admission in time (DOMAIN C4 step 10).

use chrono::{Days, NaiveDateTime, NaiveTime, TimeZone};

use super::authorization_needs::is_room;
use super::case::{Case, OpenLine};
use super::facts::AuthorizationFacts;
use super::rule_id::RuleId;
use super::ruling::{Reason, Ruling};
use crate::clock::Timestamp;
use crate::tables::refdata::authorizations::{AuthorizationStatus, AuthorizationType};
use crate::tables::rules::EmergencyNotice;

pub(super) const NOT_NOTIFIED: Reason = Reason::contractual("197").remark("N385");
const NOTIFIED_LATE: Reason = Reason::contractual("210").remark("N385");

/// Of a line that the list asks a notice for.
pub(super) fn notified(case: &Case<'_>, line: &OpenLine<'_>, rows: &[&AuthorizationFacts]) -> Ruling {
    match rows.iter().filter_map(|row| row.notified_at).min() {
        None => Ruling::denied(NOT_NOTIFIED, "the plan was not notified"),
        Some(at) if is_late(case, line, at) => Ruling::denied(NOTIFIED_LATE, "the plan was notified too long after the admission"),
        Some(_) => Ruling::passed("the plan was notified in time"),
    }
    .by(RuleId::Notified)
}

/// Of the rooms of an emergency admission (CL101, bill type 11x), whatever the list says: being an
/// emergency excuses from asking before, not from telling. What came before the room stands.
pub(super) fn of_emergency(case: &Case<'_>, line: &OpenLine<'_>) -> Option<Ruling> {
    let rules = &case.tables.rules.prior_authorization;
    let claim = case.claim.institutional()?;
    let is_hospital = claim.facility_type.is_some_and(|facility| facility.as_bytes() == b"11");
    let is_emergency = claim.admission_type.is_some_and(|kind| rules.emergency_admissions.contains(&kind));
    if !is_hospital || !is_emergency || !is_room(case, line.line.revenue) {
        return None;
    }
    let on_file = case.facts.authorizations.found()?;
    let admitted = claim.admission.map_or(line.dates.value.from, |admission| admission.value);
    let is_of_stay = |row: &&AuthorizationFacts| {
        let is_open = match row.status {
            AuthorizationStatus::Approved | AuthorizationStatus::Expired | AuthorizationStatus::Pended => true,
            AuthorizationStatus::Denied | AuthorizationStatus::Cancelled => false,
        };
        is_open && row.is_of_member && !row.is_referral && row.kind == AuthorizationType::Inpatient && row.service.covers(admitted)
    };
    let told = on_file.iter().filter(is_of_stay).filter_map(|row| row.notified_at).min();
    let ruling = match (told, rules.emergency_notice) {
        (Some(at), _) if is_late(case, line, at) => Ruling::denied(NOTIFIED_LATE, "the plan was told too long after the emergency admission"),
        (Some(_), _) => Ruling::passed("the plan was told of the emergency admission in time"),
        (None, EmergencyNotice::IfLate) => return None,
        (None, EmergencyNotice::Required) => Ruling::denied(NOT_NOTIFIED, "the plan was not told of the emergency admission"),
    };
    Some(
        ruling
            .by(RuleId::EmergencyNotice)
            .at(claim.admission.map_or(claim.admission_codes_at, |admission| admission.at)),
    )
}

/// The time runs from the hour of admission, from the end of its day where DTP*435 has no hour.
fn is_late(case: &Case<'_>, line: &OpenLine<'_>, notified_at: Timestamp) -> bool {
    let rules = &case.tables.rules.prior_authorization;
    let claim = case.claim.institutional();
    let day = claim
        .and_then(|claim| claim.admission)
        .map_or(line.dates.value.from, |admission| admission.value);
    let admitted = match claim.and_then(|claim| claim.admission_time) {
        Some(time) => Some(day.and_time(time)),
        None => day.checked_add_days(Days::new(1)).map(|next| next.and_time(NaiveTime::MIN)),
    };
    let admitted = admitted.and_then(|local| instant(case, local));
    admitted.is_some_and(|admitted| notified_at.unix_seconds() > admitted + i64::from(rules.notification_hours) * 3600)
}

/// A local time as an instant. Of the hour that comes twice in autumn the second counts, and the hour
/// that spring leaves out is the one behind it: to the hospital's good.
fn instant(case: &Case<'_>, local: NaiveDateTime) -> Option<i64> {
    let zone = case.tables.rules.prior_authorization.notification_zone;
    let known = zone.from_local_datetime(&local).latest();
    let known = known.or_else(|| zone.from_local_datetime(&local.checked_add_signed(chrono::TimeDelta::hours(1))?).latest());
    known.map(|instant| instant.timestamp())
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use crate::claim::{Claim, Located};
    use crate::tables::rules::RulePack;

    /// Admitted at an hour, or on a day, of a month of 2025.
    fn emergency(admitted: &str, kind: &str) -> Claim {
        let (day_text, time) = admitted.split_at(10);
        let lines = vec![line("0122", 1, "6000", day_text), line("0450", 1, "100", day_text)];
        stay(day_text, lines).with(|claim| {
            let detail = claim.institutional_mut();
            detail.admission_type = qualifier(kind);
            detail.admission = Some(Located {
                value: day(day_text),
                at: at("DTP"),
            });
            detail.admission_time = time.strip_prefix('T').and_then(|time| format!("{time}:00").parse().ok());
        })
    }

    fn stay_of(notified_at: &str) -> String {
        format!("A1,91234567A,approved,inpatient,2025-01-01,2025-12-31,1234567893,,0122,,,9,day,0,{notified_at}")
    }

    #[test]
    fn the_time_runs_from_the_hour_of_admission() {
        const TOLD: &str = "paid 4200.00 CO-45 1800.00";
        const LATE: &str = "denied CO-210/N385 6000.00";
        for (admitted, notified_at, result) in [
            ("2025-01-10T13:30", "2025-01-11T13:30:00-08:00", TOLD),
            ("2025-01-10T13:30", "2025-01-11T13:30:01-08:00", LATE),
            // Without an hour from the end of the day.
            ("2025-01-10", "2025-01-12T00:00:00-08:00", TOLD),
            ("2025-01-10", "2025-01-12T00:00:01-08:00", LATE),
            // Summer time is seven hours behind.
            ("2025-07-10T13:30", "2025-07-11T13:30:00-07:00", TOLD),
            ("2025-07-10T13:30", "2025-07-11T13:30:01-07:00", LATE),
            ("2025-07-10", "2025-07-12T00:00:01-07:00", LATE),
            // A night of 23 hours, and a time that it leaves out; one of 25, and a time that it has twice.
            ("2025-03-08T12:00", "2025-03-09T13:00:00-07:00", TOLD),
            ("2025-03-08T12:00", "2025-03-09T13:00:01-07:00", LATE),
            ("2025-03-09T02:30", "2025-03-10T03:30:00-07:00", TOLD),
            ("2025-03-09T02:30", "2025-03-10T03:30:01-07:00", LATE),
            ("2025-11-02T01:30", "2025-11-03T01:30:00-08:00", TOLD),
            ("2025-11-02T01:30", "2025-11-03T01:30:01-08:00", LATE),
        ] {
            let determination = decided_on(&emergency(admitted, "1"), "2025-12-01", &with_authorizations(&[&stay_of(notified_at)]));
            let lines = lines_of(&determination);
            assert_eq!(lines.first().map(String::as_str), Some(result), "{admitted} {notified_at}");
            // The emergency room comes before the stay.
            assert_eq!(lines.get(1).map(String::as_str), Some("denied CO-147 100.00"));
        }
    }

    #[test]
    fn what_is_no_emergency_stay_needs_no_notice() {
        let late = stay_of("2025-02-10");
        let decided = |claim: &Claim, rows: &[&str]| lines_of(&decided(claim, &with_authorizations(rows))).swap_remove(0);
        assert_eq!(decided(&emergency("2025-01-10", "5"), &[&late]), "denied CO-210/N385 6000.00");
        for (what, claim, rows) in [
            ("elective", emergency("2025-01-10", "3"), &[late.as_str()][..]),
            ("nothing on file", emergency("2025-01-10", "1"), &[]),
            ("no notice on file", emergency("2025-01-10", "1"), &[&stay_of("")]),
            ("another stay", emergency("2024-12-31", "1"), &[&late]),
        ] {
            assert_eq!(decided(&claim, rows), "paid 4200.00 CO-45 1800.00", "{what}");
        }
    }

    #[test]
    fn a_pack_may_require_a_notice() {
        let text = RulePack::EMBEDDED_TEXT.replace(r#"emergency_notice = "if_late""#, r#"emergency_notice = "required""#);
        let pack = RulePack::parse(&text).unwrap();
        let decided = |rows: &[&str]| {
            let (claim, plan) = (emergency("2025-01-10", "1"), with_authorizations(rows));
            let tables = crate::adjudication::Tables {
                rules: &pack,
                reference: &plan,
            };
            let determination = crate::adjudication::adjudicate(&claim, &received("2025-02-15"), &facts(&claim, &plan), &tables);
            lines_of(&determination).swap_remove(0)
        };
        assert_eq!(decided(&[]), "denied CO-197/N385 6000.00");
        assert_eq!(decided(&[&stay_of("")]), "denied CO-197/N385 6000.00");
        assert_eq!(decided(&[&stay_of("2025-01-11")]), "paid 4200.00 CO-45 1800.00");
    }
}
