//! Prior authorization: which one a line uses, where it needs one (DOMAIN C).

use super::authorization_needs::{Need, is_room, needs, service_facility};
use super::authorized_units::drawn;
use super::billing_restrictions::for_each_diagnosis;
use super::case::{Case, OpenLine, SoFar};
use super::determination::Signal;
use super::facts::AuthorizationFacts;
use super::rule_id::RuleId;
use super::ruling::{Reason, Ruling, Verdict};
use super::{admission_notice, exemptions};
use crate::ids::AuthorizationNumber;
use crate::position::SegmentPosition;
use crate::tables::code_range::CodeKey;
use crate::tables::refdata::authorizations::{AuthorizationStatus, AuthorizationType};
use crate::tables::refdata::providers::ProviderKind;

const ABSENT: Reason = Reason::contractual("197");
const NUMBER_INVALID: Reason = ABSENT.remark("M62");
const DENIED_WHEN_REQUESTED: Reason = Reason::contractual("39");
const OTHER_PROVIDER: Reason = Reason::contractual("296");
const OTHER_SERVICE: Reason = Reason::contractual("284").remark("N54");
const OTHER_LEVEL_OF_CARE: Reason = Reason::contractual("186").remark("N758");
const TIME_LIMIT: Reason = Reason::contractual("302").remark("N351");
const REFERRAL_INVALID: Reason = Reason::contractual("288").remark("N489");
const REFERRAL_REFUSED: Reason = Reason::contractual("288").remark("N630");

/// The steps of DOMAIN C4; the first that fails decides.
pub(super) fn rule(case: &Case<'_>, line: &OpenLine<'_>, so_far: &SoFar<'_>) -> Ruling {
    let ruling = judged(case, line, so_far);
    if !is_assessment_by_specialist(case, line) {
        return ruling;
    }
    let ruling = match ruling.verdict {
        Verdict::Skipped if ruling.id.is_none() => ruling.by(RuleId::HealthAssessment),
        _ => ruling,
    };
    match ruling.signal {
        None => ruling.signalling(Signal::HealthAssessment),
        Some(_) => ruling,
    }
}

fn judged(case: &Case<'_>, line: &OpenLine<'_>, so_far: &SoFar<'_>) -> Ruling {
    let notice = admission_notice::of_emergency(case, line);
    if let Some(Ruling {
        verdict: Verdict::Denied(_), ..
    }) = &notice
    {
        return notice.unwrap_or_else(|| not_needed(line));
    }
    let mut excused = None;
    for need in needs(case, line, so_far) {
        match exemptions::exempt(case, line, need) {
            Some(exemption) => _ = excused.get_or_insert(exemption),
            None => return authorized(case, line, so_far, need),
        }
    }
    excused.or(notice).unwrap_or_else(|| not_needed(line))
}

fn not_needed(line: &OpenLine<'_>) -> Ruling {
    Ruling::skipped("needs no authorization").at(line.line.at)
}

/// Steps 2 to 11.
fn authorized(case: &Case<'_>, line: &OpenLine<'_>, so_far: &SoFar<'_>, need: Need) -> Ruling {
    let Some(on_file) = case.facts.authorizations.found() else {
        return Ruling::not_enforced("authorizations not loaded").by(RuleId::AuthorizationAbsent);
    };
    let mut candidates = match candidates(case, line, on_file, need) {
        Ok(candidates) => candidates,
        Err(ruling) => return *ruling,
    };
    let evidence = candidates.at;
    let rows = &mut candidates.rows;
    let is_denied = rows.iter().any(|row| row.status == AuthorizationStatus::Denied);
    rows.retain(|row| is_granted(row));
    if rows.is_empty() {
        return match (need, is_denied) {
            (Need::Referral, _) => Ruling::denied(REFERRAL_REFUSED, "the referral is not granted").by(RuleId::ReferralRefused),
            (_, true) => Ruling::denied(DENIED_WHEN_REQUESTED, "the authorization was denied when requested").by(RuleId::AuthorizationDenied),
            (_, false) => Ruling::denied(ABSENT, "the authorization is pended or cancelled").by(RuleId::AuthorizationOpen),
        }
        .at(evidence);
    }
    rows.retain(|row| is_for_provider(case, line, row));
    if rows.is_empty() {
        return Ruling::denied(OTHER_PROVIDER, "the authorization is for another provider")
            .by(RuleId::AuthorizationProvider)
            .at(evidence);
    }
    let is_of_stay = is_room(case, line.line.revenue) && rows.iter().any(|row| row.kind == AuthorizationType::Inpatient);
    rows.retain(|row| is_for_service(case, line, row, need));
    if rows.is_empty() {
        return other_service(need, is_of_stay).at(evidence);
    }
    let span = line.dates.value;
    rows.retain(|row| row.service.covers(span.from) && row.service.covers(span.through));
    if rows.is_empty() {
        return Ruling::denied(TIME_LIMIT, "outside the authorized dates")
            .by(RuleId::AuthorizationDates)
            .at(line.dates.at);
    }
    match need {
        Need::Notification => admission_notice::notified(case, line, rows),
        Need::Stay if !is_room(case, line.line.revenue) => Ruling::passed("a service of the authorized stay").by(RuleId::ScheduledStay),
        Need::Listed
        | Need::Wrap
        | Need::Referral
        | Need::Unlisted
        | Need::Consult
        | Need::FollowUp
        | Need::HighLevelVisit
        | Need::Stay
        | Need::Tertiary
        | Need::OutOfNetwork => drawn(case, line, so_far, rows, need),
    }
    .at(evidence)
}

/// P8.
fn is_assessment_by_specialist(case: &Case<'_>, line: &OpenLine<'_>) -> bool {
    let Some(rule) = &case.tables.rules.prior_authorization.health_assessment else {
        return false;
    };
    let is_assessment = line.line.procedure.is_some_and(|code| rule.codes.contains(CodeKey::of(code.as_bytes())));
    if !is_assessment || case.rendering(line.line).1.is_none_or(|provider| provider.kind != ProviderKind::Specialist) {
        return false;
    }
    let day = line.dates.value.from;
    let since = case.facts.member.found().and_then(|member| member.enrolled_since(day));
    since.is_some_and(|since| day.signed_duration_since(since).num_days() < i64::from(rule.days))
}

/// What has expired since is still good for services of its time.
fn is_granted(row: &AuthorizationFacts) -> bool {
    matches!(row.status, AuthorizationStatus::Approved | AuthorizationStatus::Expired)
}

/// Step 7, and of step 11 the stay at another level of care than was authorized.
fn other_service(need: Need, is_of_stay: bool) -> Ruling {
    if is_of_stay {
        return Ruling::denied(OTHER_LEVEL_OF_CARE, "the stay is authorized at another level of care").by(RuleId::LevelOfCare);
    }
    let id = match need {
        Need::HighLevelVisit => RuleId::HighLevelVisit,
        _ => RuleId::AuthorizationService,
    };
    Ruling::denied(OTHER_SERVICE, "the authorization is for other services").by(id)
}

/// The rows that a line may use, and where it names them.
struct Candidates<'a> {
    rows: Vec<&'a AuthorizationFacts>,
    at: SegmentPosition,
}

/// C4 steps 2 to 4: the numbers on the line (837P only; an 837I has none, DOMAIN 0.3), else on the
/// claim, else the member's own rows for this provider and service.
fn candidates<'a>(case: &Case<'_>, line: &OpenLine<'_>, on_file: &'a [AuthorizationFacts], need: Need) -> Result<Candidates<'a>, Box<Ruling>> {
    let is_referral = need == Need::Referral;
    let referral = case.claim.referral.as_ref().filter(|_| is_referral);
    let on_line = if is_referral { &[][..] } else { &line.line.authorizations };
    let on_claim = case.claim.prior_authorization.as_ref().filter(|_| !is_referral);
    let named_at = on_line.first().or(on_claim).map(|number| number.at);
    let Some(at) = named_at.or_else(|| referral.map(|number| number.at)) else {
        let rows = match case.tables.rules.prior_authorization.auto_match {
            true => unnamed(case, line, on_file, need),
            false => Vec::new(),
        };
        return match rows.is_empty() {
            true => Err(Box::new(absent(case, need).at(line.line.at))),
            false => Ok(Candidates { rows, at: line.line.at }),
        };
    };
    let is_named = |number: &AuthorizationNumber| match (referral, on_line.is_empty()) {
        (Some(referral), _) => referral.value == number.as_str(),
        (None, true) => on_claim.is_some_and(|named| named.value == *number),
        (None, false) => on_line.iter().any(|named| named.value == *number),
    };
    let mut rows: Vec<&AuthorizationFacts> = on_file.iter().filter(|row| row.is_referral == is_referral && is_named(&row.number)).collect();
    let is_on_file = !rows.is_empty();
    rows.retain(|row| row.is_of_member);
    if !rows.is_empty() {
        return Ok(Candidates { rows, at });
    }
    let ruling = match (is_referral, is_on_file) {
        (true, false) => Ruling::denied(REFERRAL_INVALID, "the referral is not on file").by(RuleId::ReferralUnknown),
        (true, true) => Ruling::denied(REFERRAL_INVALID, "the referral is another member's").by(RuleId::ReferralUnknown),
        (false, false) => Ruling::denied(NUMBER_INVALID, "the authorization number is not on file").by(RuleId::AuthorizationUnknown),
        (false, true) => Ruling::denied(NUMBER_INVALID, "the authorization is another member's").by(RuleId::AuthorizationForeign),
    };
    Err(Box::new(ruling.at(at)))
}

/// The member's rows that fit; where none does, those that name this provider for something so close that
/// the line is told about it: a consult for a high-level visit (P5: "a consult-only authorization is for
/// other services"), a stay for a room of another level.
fn unnamed<'a>(case: &Case<'_>, line: &OpenLine<'_>, on_file: &'a [AuthorizationFacts], need: Need) -> Vec<&'a AuthorizationFacts> {
    let is_ours = |row: &&AuthorizationFacts| row.is_of_member && row.is_referral == (need == Need::Referral) && is_for_provider(case, line, row);
    let fitting: Vec<&AuthorizationFacts> = on_file.iter().filter(|row| is_ours(row) && is_for_service(case, line, row, need)).collect();
    if !fitting.is_empty() {
        return fitting;
    }
    let close = match need {
        Need::HighLevelVisit => AuthorizationType::Consult,
        Need::Listed | Need::Stay if is_room(case, line.line.revenue) => AuthorizationType::Inpatient,
        _ => return Vec::new(),
    };
    let span = line.dates.value;
    let is_close = |row: &AuthorizationFacts| row.kind == close && is_granted(row) && row.service.covers(span.from) && row.service.covers(span.through);
    on_file.iter().filter(|row| is_ours(row) && is_close(row)).collect()
}

pub(super) fn absent(case: &Case<'_>, need: Need) -> Ruling {
    let (reason, note, id) = need.absent(case);
    Ruling::denied(reason, note).by(id)
}

/// Step 6: the rendering or billing provider, the billing provider's group, or where it was rendered.
fn is_for_provider(case: &Case<'_>, line: &OpenLine<'_>, row: &AuthorizationFacts) -> bool {
    let (rendering_npi, rendering) = case.rendering(line.line);
    let billing = &case.claim.billing_provider;
    let facility = || service_facility(case, line.line);
    let by_npi = row
        .provider_npi
        .map(|npi| Some(npi) == rendering_npi || Some(npi) == billing.npi || Some(npi) == facility());
    let by_group = row.group_tin.map(|tin| {
        let groups = [
            billing.tin,
            case.billing_provider().and_then(|provider| provider.group_tin),
            rendering.and_then(|provider| provider.group_tin),
        ];
        groups.contains(&Some(tin))
    });
    let by_facility = row.facility_npi.map(|npi| {
        let is_hospital = case.claim.institutional().is_some();
        Some(npi) == facility() || (is_hospital && Some(npi) == billing.npi)
    });
    let asked = [by_npi, by_group, by_facility];
    asked.contains(&Some(true)) || asked.iter().all(Option::is_none)
}

/// Step 7: code or revenue code, modifier, and, where the row has them, place and diagnosis.
fn is_for_service(case: &Case<'_>, line: &OpenLine<'_>, row: &AuthorizationFacts, need: Need) -> bool {
    let lists = |code: Option<&[u8]>| code.is_some_and(|code| row.codes.contains(CodeKey::of(code)));
    let of_line = line.line;
    let is_listed = || lists(of_line.procedure.as_ref().map(|code| code.as_bytes())) || lists(of_line.revenue.as_ref().map(|code| code.as_bytes()));
    let has_modifier = row.modifier.is_none_or(|modifier| of_line.modifiers.contains(&Some(modifier)));
    let has_place = row.place_of_service.is_none_or(|place| case.claim.place_of_service(of_line) == Some(place));
    let has_diagnosis = row
        .diagnoses
        .is_none_or(|family| for_each_diagnosis(case.claim, line.line, &mut |code| family.contains(CodeKey::of(code))));
    let is_consult = row.kind == AuthorizationType::Consult;
    has_modifier
        && has_place
        && has_diagnosis
        && match need {
            Need::Listed | Need::Notification | Need::Consult | Need::Unlisted | Need::Referral | Need::Tertiary | Need::OutOfNetwork => is_listed(),
            Need::Wrap => is_listed() && row.kind == AuthorizationType::Wrap,
            Need::FollowUp => is_listed() || is_consult,
            // A consult for any code does not list the visit (P5).
            Need::HighLevelVisit => is_listed() && !(is_consult && row.codes.is_any()),
            Need::Stay => is_listed() || (!is_room(case, of_line.revenue) && is_for_stay(case, row)),
        }
}

/// An authorization of the stay itself, which the services beside the room go under.
fn is_for_stay(case: &Case<'_>, row: &AuthorizationFacts) -> bool {
    let mut rooms = case
        .claim
        .lines
        .iter()
        .filter_map(|line| line.revenue)
        .filter(|revenue| is_room(case, Some(*revenue)));
    row.kind == AuthorizationType::Inpatient || rooms.any(|revenue| row.codes.contains(CodeKey::of(revenue.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::super::trace::Rule;
    use crate::claim::Located;
    use crate::ids::AuthorizationNumber;

    #[test]
    fn the_steps_of_domain_c4() {
        const PAID: &str = "paid 31.05 CO-45 18.95";
        let row = |from: &str, to: &str| THERAPY.replacen(from, to, 1);
        let named = || therapy(1).authorized_by("A1");
        for (what, claim, row, result) in [
            ("authorized", named(), row("", ""), PAID),
            ("not named", therapy(1), row("", ""), PAID),
            ("nothing on file", therapy(1), row("91234567A", "91234567C"), "denied CO-197 50.00"),
            ("only for another service", therapy(1), row("97112,97112", "70553,70553"), "denied CO-197 50.00"),
            ("unknown number", therapy(1).authorized_by("A9"), row("", ""), "denied CO-197/M62 50.00"),
            ("another member's", named(), row("91234567A", "91234567C"), "denied CO-197/M62 50.00"),
            ("denied", named(), row("approved", "denied"), "denied CO-39 50.00"),
            ("pended", named(), row("approved", "pended"), "denied CO-197 50.00"),
            ("cancelled", named(), row("approved", "cancelled"), "denied CO-197 50.00"),
            ("expired since", named(), row("approved", "expired"), PAID),
            ("the group's", named(), row("1457389991", "1679576722"), PAID),
            (
                "another provider",
                named(),
                row("1457389991,951234567", "1679576722,957654321"),
                "denied CO-296 50.00",
            ),
            (
                "another provider, any group",
                named(),
                row("1457389991,951234567", "1679576722,"),
                "denied CO-296 50.00",
            ),
            ("any provider", named(), row("1457389991,951234567", ","), PAID),
            ("another code", named(), row("97112,97112", "70553,70553"), "denied CO-284/N54 50.00"),
            ("any code", named(), row("97112,97112", "*,"), PAID),
            ("another modifier", named(), row("97112,97112,,", "97112,97112,GP,"), "denied CO-284/N54 50.00"),
            ("before its dates", named(), row("2025-01-01", "2025-01-21"), "denied CO-302/N351 50.00"),
            ("its last day", named(), row("2025-01-31", "2025-01-20"), PAID),
            ("after its dates", named(), row("2025-01-31", "2025-01-19"), "denied CO-302/N351 50.00"),
            ("two left", therapy(2).authorized_by("A1"), row("", ""), "paid 62.10 CO-45 37.90"),
            (
                "one short",
                therapy(3).authorized_by("A1"),
                row("", ""),
                "paid 62.10 CO-198x1/N640 50.00 CO-45 37.90",
            ),
            ("none left", named(), row("4,unit,2", "4,unit,4"), "denied CO-198/N640 50.00"),
            (
                "no limit",
                therapy(9).authorized_by("A1"),
                row("4,unit,2", ",unit,2"),
                "paid 279.45 CO-45 170.55",
            ),
            (
                "dollars",
                therapy(3).authorized_by("A1"),
                row("4,unit,2", "100,$,60"),
                "paid 40.00 CO-45 56.85 CO-198/N640 53.15",
            ),
            (
                "dollars gone",
                therapy(3).authorized_by("A1"),
                row("4,unit,2", "100,$,100"),
                "denied CO-198/N640 150.00",
            ),
        ] {
            let determination = with(&claim, &[&row]);
            assert_eq!(outcome(&determination), result, "{what}");
            let foreign: &[&str] = if what == "another member's" { &["foreign-authorization"] } else { &[] };
            assert_eq!(signals(&determination), foreign, "{what}");
        }
    }

    #[test]
    fn a_number_on_the_line_goes_before_the_claims() {
        let other = THERAPY.replacen("A1", "A2", 1).replacen("4,unit,2", "1,unit,1", 1);
        let named = |number: &str| Located {
            value: AuthorizationNumber::new(number),
            at: at("REF"),
        };
        let claim = therapy(1).authorized_by("A1");
        assert_eq!(outcome(&with(&claim, &[THERAPY, &other])), "paid 31.05 CO-45 18.95");
        let claim = claim.with(|claim| claim.lines[0].authorizations = vec![named("A2")]);
        assert_eq!(outcome(&with(&claim, &[THERAPY, &other])), "denied CO-198/N640 50.00");
        // A row without units left stands back behind one that has some.
        let claim = claim.with(|claim| claim.lines[0].authorizations.push(named("A1")));
        assert_eq!(outcome(&with(&claim, &[THERAPY, &other])), "paid 31.05 CO-45 18.95");
    }

    #[test]
    fn specialists_consults_and_follow_ups() {
        const CONSULT: &str = "A1,91234567A,approved,consult,2025-01-01,2025-01-31,1457389991,951234567,99202,99205,,1,visit,0,";
        const OWN: &str = "A1,91234567A,approved,service,2025-01-01,2025-01-31,1457389991,951234567,99215,99215,,1,visit,0,";
        let visit = |code: &str| claim(vec![line(code, 1, "200", "2025-01-20")]);
        let by_specialist = |code: &str| visit(code).rendered_by(SPECIALIST);
        let used_up = CONSULT.replacen("1,visit,0", "1,visit,1", 1);
        for (what, claim, row, result, used) in [
            ("no specialist", visit("99204"), "", "paid 153.60 CO-45 46.40", None),
            ("P3 without", by_specialist("99204"), "", "denied CO-197 200.00", None),
            ("P3", by_specialist("99204"), CONSULT, "paid 153.60 CO-45 46.40", Some("1")),
            ("P3 again", by_specialist("99204"), &used_up, "denied CO-198/N640 200.00", None),
            ("P4 without", by_specialist("99213"), "", "denied CO-197 200.00", None),
            ("P4", by_specialist("99213"), CONSULT, "paid 72.40 CO-45 127.60", Some("0")),
            ("P4 again", by_specialist("99213"), &used_up, "paid 72.40 CO-45 127.60", Some("0")),
            (
                "P4 named",
                by_specialist("99213").authorized_by("A1"),
                &used_up,
                "paid 72.40 CO-45 127.60",
                Some("0"),
            ),
            (
                "P5 consult only",
                by_specialist("99215").authorized_by("A1"),
                CONSULT,
                "denied CO-284/N54 200.00",
                None,
            ),
            ("P5", by_specialist("99215").authorized_by("A1"), OWN, "paid 170.00 CO-45 30.00", Some("1")),
            ("not an E/M", by_specialist("93000"), "", "paid 16.25 CO-45 183.75", None),
            ("P5 unnamed, consult only", by_specialist("99215"), CONSULT, "denied CO-284/N54 200.00", None),
            ("P5 unnamed, nothing", by_specialist("99215"), "", "denied CO-197 200.00", None),
            ("P6", by_specialist("99204").of_member(UNASSIGNED), "", "paid 153.60 CO-45 46.40", None),
            (
                "P6 is the initial consult",
                by_specialist("99213").of_member(UNASSIGNED),
                "",
                "denied CO-197 200.00",
                None,
            ),
        ] {
            let rows = [row];
            let determination = with(&claim, if row.is_empty() { &[] } else { &rows });
            assert_eq!(outcome(&determination), result, "{what}");
            let consumed = determination.consumed().first().map(|consumed| consumed.units.to_string());
            assert_eq!(consumed.as_deref(), used, "{what}");
        }
    }

    #[test]
    fn room_days_and_notification() {
        let room = |revenue: &str, days: u32| stay("2025-01-10/2025-01-13", vec![line(revenue, days, "6000", "2025-01-10")]);
        const DAYS: &str = "A1,91234567A,approved,inpatient,2025-01-10,2025-01-13,1234567893,,0120,,,2,day,0,";
        assert_eq!(outcome(&with(&room("0120", 2), &[DAYS])), "paid 3300.00 CO-45 2700.00");
        assert_eq!(outcome(&with(&room("0120", 3), &[DAYS])), "paid 3300.00 CO-198x1/N640 2000.00 CO-45 700.00");
        assert_eq!(outcome(&with(&room("0120", 3), &[])), "denied CO-197 6000.00");
        let notice = |at: &str| DAYS.replacen("0120", "0200", 1).replacen("day,0,", &format!("day,0,{at}"), 1);
        for (notified_at, result) in [
            ("2025-01-10T20:00:00-08:00", "denied CO-147 6000.00"),
            ("2025-01-12T00:00:00-08:00", "denied CO-147 6000.00"),
            ("2025-01-12T00:00:01-08:00", "denied CO-210/N385 6000.00"),
            ("", "denied CO-197/N385 6000.00"),
        ] {
            // 0200 has no rate here: passing this step shows in the next.
            assert_eq!(outcome(&with(&room("0200", 1), &[&notice(notified_at)])), result, "{notified_at}");
        }
        assert_eq!(outcome(&with(&room("0200", 1), &[])), "denied CO-197/N385 6000.00");
    }

    #[test]
    fn tables_that_were_never_loaded() {
        let loaded = plan();
        let claim = claim(vec![line("99214", 1, "150", "2025-01-20")]);
        assert_eq!(note(&decided(&claim, &loaded), 1, Rule::PriorAuthorization), "needs no authorization");
        let mut without = plan();
        without.authorizations = None;
        let determination = decided(&therapy(1), &without);
        assert_eq!(note(&determination, 1, Rule::PriorAuthorization), "authorizations not loaded");
        assert_eq!(outcome(&determination), "paid 31.05 CO-45 18.95");
    }

    #[test]
    fn where_and_for_what_it_was_granted() {
        let extended = |row: &str, facility: &str, place: &str, diagnosis: &str| {
            let header = format!("{AUTHORIZATIONS},facility_npi,pos,dx,referral");
            let text = format!("{header}\n{row},{facility},{place},{diagnosis},\n");
            plan()
                .with_table(crate::tables::refdata::ReferenceTable::Authorizations, text.as_bytes())
                .unwrap()
        };
        let at_facility = |claim: crate::claim::Claim| {
            claim.with(|claim| {
                claim.providers.push(crate::claim::party::Provider {
                    at: at("NM1"),
                    role: crate::claim::party::ProviderRole::ServiceFacility,
                    name: Default::default(),
                    npi: npi("1679576722"),
                    taxonomy: None,
                });
            })
        };
        const PAID: &str = "paid 31.05 CO-45 18.95";
        const ELSEWHERE: &str = "A1,91234567A,approved,service,2025-01-01,2025-01-31,,,97112,97112,,4,unit,2,";
        for (what, claim, row, facility, place, diagnosis, result) in [
            ("its facility", at_facility(therapy(1)), ELSEWHERE, "1679576722", "", "", PAID),
            ("no facility", therapy(1), ELSEWHERE, "1679576722", "", "", "denied CO-296 50.00"),
            ("its facility or its provider", therapy(1), THERAPY, "1679576722", "", "", PAID),
            ("its place", therapy(1), THERAPY, "", "11", "", PAID),
            ("another place", therapy(1), THERAPY, "", "12", "", "denied CO-284/N54 50.00"),
            ("its diagnosis", therapy(1), THERAPY, "", "", "I1", PAID),
            ("another diagnosis", therapy(1), THERAPY, "", "", "M54.5", "denied CO-284/N54 50.00"),
        ] {
            let determination = decided(&claim.authorized_by("A1"), &extended(row, facility, place, diagnosis));
            assert_eq!(outcome(&determination), result, "{what}");
        }
        // The row's provider may be the facility too.
        let hospital = THERAPY.replacen("1457389991,951234567", "1679576722,", 1);
        assert_eq!(outcome(&with(&at_facility(therapy(1)).authorized_by("A1"), &[&hospital])), PAID);
    }

    #[test]
    fn referrals() {
        let listed =
            "code_from,code_to,modifier,line_of_business,effective_from,effective_to,requirement,note,units_free,list\n97112,,,*,,,required,,,referral\n";
        let plan = |row: &str| {
            let text = format!("{AUTHORIZATIONS},referral\n{row}\n");
            let plan = plan()
                .with_table(crate::tables::refdata::ReferenceTable::PriorAuthCodes, listed.as_bytes())
                .unwrap();
            plan.with_table(crate::tables::refdata::ReferenceTable::Authorizations, text.as_bytes())
                .unwrap()
        };
        let referred = |units, number: &str| {
            therapy(units).with(|claim| {
                claim.referral = Some(Located {
                    value: number.into(),
                    at: at("REF"),
                });
            })
        };
        let referral = format!("{THERAPY},yes").replacen("A1", "R1", 1);
        let row = |from: &str, to: &str| referral.replacen(from, to, 1);
        const PAID: &str = "paid 31.05 CO-45 18.95";
        for (what, claim, row, result) in [
            ("referred", referred(1, "R1"), row("", ""), PAID),
            ("not named", therapy(1), row("", ""), PAID),
            ("beside an authorization's number", therapy(1).authorized_by("A9"), row("", ""), PAID),
            ("none", therapy(1), row("97112,97112", "70553,70553"), "denied CO-288/N475 50.00"),
            ("unknown", referred(1, "R9"), row("", ""), "denied CO-288/N489 50.00"),
            ("an authorization", referred(1, "R1"), row(",yes", ",no"), "denied CO-288/N489 50.00"),
            ("another member's", referred(1, "R1"), row("91234567A", "91234567C"), "denied CO-288/N489 50.00"),
            ("denied", referred(1, "R1"), row("approved", "denied"), "denied CO-288/N630 50.00"),
            ("cancelled", referred(1, "R1"), row("approved", "cancelled"), "denied CO-288/N630 50.00"),
            ("other dates", referred(1, "R1"), row("2025-01-31", "2025-01-19"), "denied CO-302/N351 50.00"),
            ("one short", referred(3, "R1"), row("", ""), "paid 62.10 CO-287x1 50.00 CO-45 37.90"),
            ("none left", referred(1, "R1"), row("4,unit,2", "4,unit,4"), "denied CO-287 50.00"),
        ] {
            assert_eq!(outcome(&decided(&claim, &plan(&row))), result, "{what}");
        }
        // A referral is no authorization.
        let mut as_listed = plan(&referral);
        as_listed.prior_auth_codes = super::super::testing::plan().prior_auth_codes;
        assert_eq!(outcome(&decided(&therapy(1).authorized_by("R1"), &as_listed)), "denied CO-197/M62 50.00");
        assert_eq!(outcome(&decided(&therapy(1), &as_listed)), "denied CO-197 50.00");
    }

    #[test]
    fn a_stay_at_another_level_of_care() {
        const DAYS: &str = "A1,91234567A,approved,inpatient,2025-01-10,2025-01-14,1234567893,,0110,0119,,3,day,0,";
        let stay = || stay("2025-01-10/2025-01-13", vec![line("0120", 3, "6000", "2025-01-10")]);
        let level = "denied CO-186/N758 6000.00";
        assert_eq!(outcome(&with(&stay().authorized_by("A1"), &[DAYS])), level);
        assert_eq!(outcome(&with(&stay(), &[DAYS])), level);
        // No stay, or one of other days: nothing was authorized.
        assert_eq!(outcome(&with(&stay(), &[&DAYS.replacen("inpatient", "service", 1)])), "denied CO-197 6000.00");
        assert_eq!(
            outcome(&with(&stay(), &[&DAYS.replacen("2025-01-10", "2025-01-11", 1)])),
            "denied CO-197 6000.00"
        );
    }

    #[test]
    fn days_are_counted_over_all_rooms() {
        let rooms = |days: [u32; 2]| {
            let lines = vec![
                line("0120", days[0], "6000", "2025-01-10"),
                line("0250", 9, "100", "2025-01-10"),
                line("0120", days[1], "2000", "2025-01-12"),
            ];
            stay("2025-01-10/2025-01-14", lines).authorized_by("A1")
        };
        const DAYS: &str = "A1,91234567A,approved,inpatient,2025-01-10,2025-01-14,1234567893,,*,,,4,day,1,";
        let listed = "code_from,code_to,modifier,line_of_business,effective_from,effective_to,requirement,note\n0100,0999,,*,,,required,\n";
        let plan = with_authorizations(&[DAYS])
            .with_table(crate::tables::refdata::ReferenceTable::PriorAuthCodes, listed.as_bytes())
            .unwrap();
        for (days, result, used) in [
            (
                [2, 1],
                "paid 3300.00 CO-45 2700.00; paid 40.00 CO-45 60.00; paid 1650.00 CO-45 350.00",
                ["2", "0", "1"],
            ),
            (
                [2, 2],
                "paid 3300.00 CO-45 2700.00; paid 40.00 CO-45 60.00; paid 1000.00 CO-198x1/N640 1000.00",
                ["2", "0", "1"],
            ),
            (
                [3, 1],
                "paid 4950.00 CO-45 1050.00; paid 40.00 CO-45 60.00; denied CO-198/N640 2000.00",
                ["3", "0", ""],
            ),
        ] {
            let determination = decided(&rooms(days), &plan);
            assert_eq!(outcome(&determination), result, "{days:?}");
            let found: Vec<String> = determination.consumed().iter().map(|used| used.units.to_string()).collect();
            let expected: Vec<&str> = used.into_iter().filter(|units| !units.is_empty()).collect();
            assert_eq!(found, expected, "{days:?}");
        }
    }

    #[test]
    fn an_assessment_by_a_specialist_is_told() {
        let visit = |code: &str, day: &str| claim(vec![line(code, 1, "90", day)]).rendered_by(SPECIALIST).of_member(LAPSED);
        // Covered again from 2025-07-01.
        for (what, claim, told) in [
            ("the first day", visit("99396", "2025-07-01"), true),
            ("in a week", visit("99396", "2025-07-08"), true),
            ("another service", visit("93000", "2025-07-08"), false),
            ("by the clinic", visit("99396", "2025-07-08").with(|claim| claim.providers.clear()), false),
            ("an old member", visit("99396", "2025-07-08").of_member(MEMBER), false),
            ("of 120 days", visit("99396", "2020-04-29").of_member(MEMBER), true),
            ("after 120 days", visit("99396", "2020-04-30").of_member(MEMBER), false),
        ] {
            let determination = decided_on(&claim, &claim.dates().unwrap().from.to_string(), &plan());
            let expected: &[&str] = if told { &["health-assessment-by-specialist"] } else { &[] };
            assert_eq!(signals(&determination), expected, "{what}");
        }
    }
}
