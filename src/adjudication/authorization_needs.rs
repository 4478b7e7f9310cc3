//! Why a line needs an authorization (DOMAIN C1, C2): the first question of C4.

use super::case::{Case, OpenLine, SoFar};
use super::rule_id::RuleId;
use super::ruling::Reason;
use crate::claim::party::ProviderRole;
use crate::claim::service_line::ServiceLine;
use crate::ids::{Npi, RevenueCode};
use crate::money::{Money, Quantity};
use crate::tables::code_range::CodeKey;
use crate::tables::refdata::prior_auth_codes::{LineOfBusiness, List, PriorAuthCode, PriorAuthQuery, Requirement};
use crate::tables::refdata::providers::ProviderKind;
use crate::tables::rules::OutOfNetwork;
use crate::tables::unlisted_codes::is_unlisted;

const ABSENT: Reason = Reason::contractual("197");
const NOT_NOTIFIED: Reason = ABSENT.remark("N385");
const NOT_IN_NETWORK: Reason = Reason::contractual("242");
const NO_REFERRAL: Reason = Reason::contractual("288").remark("N475");

/// Why a line needs an authorization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// On the list.
    Listed,
    /// On the list of wrap services, which have authorizations of their own.
    Wrap,
    /// On the list: a referral is needed.
    Referral,
    /// On the list: the plan must be told.
    Notification,
    /// An unlisted code that the list has no entry for.
    Unlisted,
    /// A specialist's first consult (P3).
    Consult,
    /// A specialist's routine follow-up, covered by the consult's authorization (P4).
    FollowUp,
    /// A specialist's visit of the highest level, which needs its own (P5).
    HighLevelVisit,
    /// A service of a scheduled hospital stay, whose authorization covers it.
    Stay,
    /// An elective service at a tertiary centre.
    Tertiary,
    /// A service of a provider outside the network.
    OutOfNetwork,
}

/// What the list, the visit or the code asks for, then what the stay does, then who renders it and
/// where. One authorization serves them all, so the first that nothing excuses from is the one to meet.
pub(super) fn needs<'c>(case: &'c Case<'_>, line: &'c OpenLine<'_>, so_far: &'c SoFar<'_>) -> impl Iterator<Item = Need> + 'c {
    let of_code = visit(case, line).or_else(|| code(case, line, so_far));
    let of_claim = [stay as fn(&Case<'_>, &OpenLine<'_>) -> Option<Need>, tertiary, out_of_network];
    of_code.into_iter().chain(of_claim.into_iter().filter_map(|need| need(case, line)))
}

impl Need {
    /// What a line is denied with that has no authorization, and by which rule.
    pub(super) fn absent(self, case: &Case<'_>) -> (Reason, &'static str, RuleId) {
        match self {
            Need::Listed => (ABSENT, "on the authorization list, and no authorization found", RuleId::AuthorizationAbsent),
            Need::Wrap => (ABSENT, "a wrap service without a wrap authorization", RuleId::WrapService),
            Need::Referral => (NO_REFERRAL, "no referral found", RuleId::ReferralAbsent),
            Need::Notification => (NOT_NOTIFIED, "the plan was not notified", RuleId::Notified),
            Need::Unlisted => (ABSENT, "an unlisted code without authorization", RuleId::UnlistedCode),
            Need::Consult => (ABSENT, "a specialist's initial consult without authorization", RuleId::Consult),
            Need::FollowUp => (ABSENT, "a specialist's follow-up without the consult's authorization", RuleId::FollowUp),
            Need::HighLevelVisit => (ABSENT, "a specialist's high-level visit without its own authorization", RuleId::HighLevelVisit),
            Need::Stay => (ABSENT, "a scheduled stay without authorization", RuleId::ScheduledStay),
            Need::Tertiary => (ABSENT, "an elective service at a tertiary centre without authorization", RuleId::TertiaryCentre),
            Need::OutOfNetwork => {
                let reason = match case.tables.rules.prior_authorization.out_of_network {
                    OutOfNetwork::Off | OutOfNetwork::NotAuthorized => ABSENT,
                    OutOfNetwork::NotInNetwork => NOT_IN_NETWORK,
                };
                (reason, "outside the network without authorization", RuleId::OutOfNetworkService)
            }
        }
    }
}

/// P3 to P5.
fn visit(case: &Case<'_>, line: &OpenLine<'_>) -> Option<Need> {
    let procedure = line.line.procedure.as_ref()?;
    if case.rendering(line.line).1?.kind != ProviderKind::Specialist {
        return None;
    }
    let rules = &case.tables.rules.prior_authorization;
    let code = CodeKey::of(procedure.as_bytes());
    let needs = [
        (&rules.initial_consults, Need::Consult),
        (&rules.follow_ups, Need::FollowUp),
        (&rules.new_authorization, Need::HighLevelVisit),
    ];
    needs.into_iter().find(|(codes, _)| codes.contains(code)).map(|(_, need)| need)
}

/// C1: the list's version is that of the service date; an unlisted code needs none only where it says so.
fn code(case: &Case<'_>, line: &OpenLine<'_>, so_far: &SoFar<'_>) -> Option<Need> {
    let repairs = &case.tables.rules.prior_authorization.wheelchair_repairs;
    if is_repair(case, line.line) && repair_total(case) >= repairs.below {
        return Some(Need::Listed);
    }
    let Some(entry) = list_row(case, line) else {
        let is_asked = case.tables.rules.prior_authorization.unlisted && case.tables.reference.prior_auth_codes.is_some();
        return (is_asked && line.line.procedure.is_some_and(is_unlisted)).then_some(Need::Unlisted);
    };
    match (entry.requirement, entry.list) {
        (Requirement::None, _) => None,
        _ if is_free(case, line, so_far, entry) => None,
        (Requirement::Notify, _) => Some(Need::Notification),
        (Requirement::Required, List::General) => Some(Need::Listed),
        (Requirement::Required, List::Wrap) => Some(Need::Wrap),
        (Requirement::Required, List::Referral) => Some(Need::Referral),
    }
}

/// Whether the units are those that the list leaves free on a claim. A line that goes beyond them needs
/// its authorization whole.
pub(super) fn is_free(case: &Case<'_>, line: &OpenLine<'_>, so_far: &SoFar<'_>, entry: &PriorAuthCode) -> bool {
    let Some(free) = entry.units_free else { return false };
    let is_same = |earlier: &ServiceLine| (earlier.procedure, earlier.revenue) == (line.line.procedure, line.line.revenue);
    let earlier = so_far.standing(case.claim).filter(|(earlier, _)| is_same(earlier));
    let used: Quantity = earlier.map(|(_, decided)| decided.paid_units()).sum();
    used + line.units <= free
}

/// What the list says of the procedure, else of the revenue code.
pub(super) fn list_row<'a>(case: &Case<'a>, line: &OpenLine<'_>) -> Option<&'a PriorAuthCode> {
    let list = case.tables.reference.prior_auth_codes.as_deref()?;
    let date = line.dates.value.from;
    let entry = |code: &[u8]| {
        list.find(&PriorAuthQuery {
            code,
            modifiers: &line.line.modifiers,
            line_of_business: LineOfBusiness::MediCal,
            date,
            place_of_service: case.claim.place_of_service(line.line),
            age_years: case.age_on(date),
            charge: line.line.charge,
        })
    };
    let by_procedure = line.line.procedure.as_ref().and_then(|code| entry(code.as_bytes()));
    by_procedure.or_else(|| line.line.revenue.as_ref().and_then(|code| entry(code.as_bytes())))
}

pub(super) fn is_repair(case: &Case<'_>, line: &ServiceLine) -> bool {
    let repairs = &case.tables.rules.prior_authorization.wheelchair_repairs;
    line.procedure.is_some_and(|code| repairs.codes.contains(CodeKey::of(code.as_bytes())))
}

/// What the claim charges for wheelchair repairs.
pub(super) fn repair_total(case: &Case<'_>) -> Money {
    case.claim.lines.iter().filter(|line| is_repair(case, line)).map(|line| line.charge).sum()
}

/// C1: a hospital stay (bill type 11x) of a scheduled kind. A room that the list asks nothing for stands
/// for a stay that it asks nothing for.
fn stay(case: &Case<'_>, line: &OpenLine<'_>) -> Option<Need> {
    let claim = case.claim.institutional()?;
    let is_scheduled = claim
        .admission_type
        .is_some_and(|kind| case.tables.rules.prior_authorization.scheduled_admissions.contains(&kind));
    let is_hospital = claim.facility_type.is_some_and(|facility| facility.as_bytes() == b"11");
    let is_let_go = || list_row(case, line).is_some_and(|entry| entry.requirement == Requirement::None);
    (is_hospital && is_scheduled && !is_let_go()).then_some(Need::Stay)
}

/// C1: what is no emergency by its admission; others are excused by what they show.
fn tertiary(case: &Case<'_>, line: &OpenLine<'_>) -> Option<Need> {
    if !case.tables.rules.prior_authorization.tertiary_elective {
        return None;
    }
    let at_centre = |npi: Option<Npi>| case.facts.provider(npi).is_some_and(|provider| provider.tertiary);
    let is_elective = case.claim.institutional().is_none_or(|claim| {
        let scheduled = &case.tables.rules.prior_authorization.scheduled_admissions;
        !claim.is_inpatient() || claim.admission_type.is_some_and(|kind| scheduled.contains(&kind))
    });
    (is_elective && (at_centre(case.claim.billing_provider.npi) || at_centre(service_facility(case, line.line)))).then_some(Need::Tertiary)
}

/// C1. Emergencies, and what may be had from anyone, are excused by what they show (C3).
fn out_of_network(case: &Case<'_>, _: &OpenLine<'_>) -> Option<Need> {
    let is_asked = match case.tables.rules.prior_authorization.out_of_network {
        OutOfNetwork::Off => false,
        OutOfNetwork::NotAuthorized | OutOfNetwork::NotInNetwork => true,
    };
    (is_asked && case.is_in_network == Some(false)).then_some(Need::OutOfNetwork)
}

/// Where a line was rendered, if that is named: 2420C, else 2310C (P), 2310E (I).
pub(super) fn service_facility(case: &Case<'_>, line: &ServiceLine) -> Option<Npi> {
    let of_line = line.providers.iter().find(|provider| provider.role == ProviderRole::ServiceFacility);
    of_line.or_else(|| case.claim.provider(ProviderRole::ServiceFacility))?.npi
}

/// Room and board of a hospital stay (bill type 11x): where authorized days are counted.
pub(super) fn is_room(case: &Case<'_>, revenue: Option<RevenueCode>) -> bool {
    let rooms = &case.tables.rules.prior_authorization.room_and_board;
    case.claim.institutional().is_some_and(|claim| claim.is_inpatient()) && revenue.is_some_and(|code| rooms.contains(CodeKey::of(code.as_bytes())))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::determination::Determination;
    use super::super::testing::*;
    use crate::claim::Claim;
    use crate::claim::party::{Provider, ProviderRole};
    use crate::ids::Npi;
    use crate::tables::refdata::{ReferenceData, ReferenceTable};

    const PROVIDERS: &str = "npi,tin,group_tin,taxonomy,kind,contracted,enrolled_from,enrolled_to,payment,routing,account,group_npi,tertiary\n";

    fn listing(rows: &str, authorizations: &[&str]) -> ReferenceData {
        let header = "code_from,code_to,modifier,line_of_business,effective_from,effective_to,requirement,note,units_free,list";
        with_authorizations(authorizations)
            .with_table(ReferenceTable::PriorAuthCodes, format!("{header}\n{rows}\n").as_bytes())
            .unwrap()
    }

    fn of_providers(row: &str, authorizations: &[&str]) -> ReferenceData {
        with_authorizations(authorizations)
            .with_table(ReferenceTable::Providers, format!("{PROVIDERS}{row}\n").as_bytes())
            .unwrap()
    }

    fn visit() -> Claim {
        claim(vec![line("99214", 1, "150", "2025-01-20")])
    }

    #[test]
    fn unlisted_codes_need_one_unless_the_list_has_them() {
        let unlisted = || claim(vec![line("64999", 1, "500", "2025-01-20")]);
        const GRANTED: &str = "A1,91234567A,approved,service,2025-01-01,2025-01-31,,,64999,,,1,unit,0,";
        // No rate here: passing this step shows in the next.
        for (what, rows, authorizations, result) in [
            ("no entry", "", &[][..], "denied CO-197 500.00"),
            ("authorized", "", &[GRANTED][..], "denied CO-147 500.00"),
            ("let go", "64999,,,*,,,none,,,", &[], "denied CO-147 500.00"),
            ("listed", "64999,,,*,,,required,,,", &[], "denied CO-197 500.00"),
        ] {
            assert_eq!(outcome(&decided(&unlisted(), &listing(rows, authorizations))), result, "{what}");
        }
    }

    #[test]
    fn units_that_are_free_and_wrap_services() {
        const GRANTED: &str = "A1,91234567A,approved,service,2025-01-01,2025-01-31,,,97112,,,9,unit,0,";
        let wrap = GRANTED.replacen("service", "wrap", 1);
        let lines = |units: [u32; 2]| claim(vec![line("97112", units[0], "200", "2025-01-20"), line("97112", units[1], "200", "2025-01-21")]);
        let free = "97112,,,*,,,required,,3,";
        let decided = |units, rows: &str, authorizations: &[&str]| lines_of(&decided(&lines(units), &listing(rows, authorizations)));
        assert_eq!(decided([1, 2], free, &[]), ["paid 31.05 CO-45 168.95", "paid 62.10 CO-45 137.90"]);
        assert_eq!(decided([2, 2], free, &[]), ["paid 62.10 CO-45 137.90", "denied CO-197 200.00"]);
        assert_eq!(decided([4, 3], free, &[]), ["denied CO-197 200.00", "paid 93.15 CO-45 106.85"]);
        let listed = "97112,,,*,,,required,,,wrap";
        assert_eq!(decided([1, 1], listed, &[GRANTED]), ["denied CO-197 200.00", "denied CO-197 200.00"]);
        assert_eq!(decided([1, 1], listed, &[&wrap]), ["paid 31.05 CO-45 168.95", "paid 31.05 CO-45 168.95"]);
    }

    #[test]
    fn scheduled_stays() {
        let admitted = |kind: &str, revenue: &str| {
            let lines = vec![line(revenue, 2, "6000", "2025-01-10"), line("0250", 3, "100", "2025-01-10")];
            stay("2025-01-10/2025-01-12", lines).with(|claim| claim.institutional_mut().admission_type = qualifier(kind))
        };
        const DAYS: &str = "A1,91234567A,approved,inpatient,2025-01-10,2025-01-13,1234567893,,0120,,,3,day,0,";
        let paid = "paid 3300.00 CO-45 2700.00; paid 40.00 CO-45 60.00";
        for (what, claim, authorizations, result) in [
            ("elective", admitted("3", "0120"), &[][..], "denied CO-197 6000.00; denied CO-197 100.00"),
            ("authorized", admitted("3", "0120"), &[DAYS][..], paid),
            ("by its number", admitted("3", "0120").authorized_by("A1"), &[DAYS], paid),
            ("urgent", admitted("2", "0120"), &[DAYS], paid),
            (
                "a room that is not on the list",
                admitted("3", "0110"),
                &[],
                "denied CO-197 6000.00; denied CO-197 100.00",
            ),
            (
                "outpatient",
                admitted("3", "0250").with(|claim| claim.institutional_mut().facility_type = qualifier("13")),
                &[],
                "paid 2400.00 CO-45 3600.00; paid 40.00 CO-45 60.00",
            ),
        ] {
            let determination = decided(&claim, &with_authorizations(authorizations));
            assert_eq!(outcome(&determination), result, "{what}");
            // Days are counted on the room alone.
            let used: Vec<(u16, String)> = determination.consumed().iter().map(|used| (used.line, used.units.to_string())).collect();
            let room = [(1, "2".to_string())];
            let expected: &[(u16, String)] = if outcome(&determination) == paid { &room } else { &[] };
            assert_eq!(used, expected, "{what}");
        }
    }

    fn at_facility(npi: &str) -> Claim {
        visit().with(|claim| {
            claim.providers.push(Provider {
                at: at("NM1"),
                role: ProviderRole::ServiceFacility,
                name: Default::default(),
                npi: Npi::parse(npi.as_bytes()).ok(),
                taxonomy: None,
            });
        })
    }

    #[test]
    fn tertiary_centres() {
        const CENTRE: &str = "1234567893,951234567,,,other,yes,,,,,,,\n1003000126,953000001,,,facility,yes,,,,,,,yes";
        const GRANTED: &str = "A1,91234567A,approved,service,2025-01-01,2025-01-31,,,99214,,,1,visit,0,";
        let decided = |claim: &Claim, authorizations: &[&str]| -> Determination { decided(claim, &of_providers(CENTRE, authorizations)) };
        let paid = "paid 122.05 CO-45 27.95";
        assert_eq!(outcome(&decided(&visit(), &[])), paid);
        assert_eq!(outcome(&decided(&at_facility("1003000126"), &[])), "denied CO-197 150.00");
        assert_eq!(outcome(&decided(&at_facility("1003000126"), &[GRANTED])), paid);
        let emergency = at_facility("1003000126").with(|claim| claim.professional_mut().place_of_service = "23".parse().ok());
        assert_eq!(outcome(&decided(&emergency, &[])), paid);
    }

    #[test]
    fn outside_the_network() {
        const OUTSIDE: &str = "1234567893,951234567,,,other,no,,,,,,,";
        const GRANTED: &str = "A1,91234567A,approved,service,2025-01-01,2025-01-31,,,99214,,,1,visit,0,";
        let paid = "paid 122.05 CO-45 27.95";
        let placed = |place: &str| visit().with(|claim| claim.professional_mut().place_of_service = place.parse().ok());
        let with_modifier = |modifier: &str| claim(vec![line(&format!("99214:{modifier}"), 1, "150", "2025-01-20")]);
        for (what, claim, authorizations, result) in [
            ("a visit", visit(), &[][..], "denied CO-197 150.00"),
            ("authorized", visit(), &[GRANTED][..], paid),
            ("an emergency", placed("23"), &[], paid),
            ("family planning", with_modifier("FP"), &[], paid),
            ("a health center", placed("50"), &[], paid),
            ("Indian health", placed("05"), &[], paid),
            // Exempt from authorization, and from no network rule.
            ("urgent care", placed("20"), &[], "denied CO-197 150.00"),
        ] {
            assert_eq!(outcome(&decided(&claim, &of_providers(OUTSIDE, authorizations))), result, "{what}");
        }
        let unknown = visit().with(|claim| Arc::make_mut(&mut claim.billing_provider).npi = npi("1003000126"));
        assert_eq!(outcome(&decided(&unknown, &of_providers(OUTSIDE, &[]))), "denied CO-197 150.00");
        // What is on the list needs its own, wherever it is had.
        let listed = claim(vec![line("97112", 1, "50", "2025-01-20")]).with(|claim| claim.professional_mut().place_of_service = "50".parse().ok());
        assert_eq!(outcome(&decided(&listed, &of_providers(OUTSIDE, &[]))), "denied CO-197 50.00");
    }
}
