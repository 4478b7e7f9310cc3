//! Restrictions (DOMAIN D2) that hang on what somebody is on a day: a provider's enrolment, a stay that
//! ended shortly before, the election of a hospice.

use chrono::NaiveDate;

use super::case::{Case, OpenLine};
use super::facts::Known;
use super::restriction_conditions::{Condition, known};
use crate::claim::institutional::InstitutionalClaim;
use crate::ids::Modifier;
use crate::tables::period::Period;
use crate::tables::refdata::restrictions::EnrolledRole;

/// Facility types of hospices, outside and inside a hospital.
const HOSPICE_BILLS: [&str; 2] = ["81", "82"];
/// Place of service of a hospice.
const HOSPICE_PLACE: &str = "34";

/// The billing or rendering provider has a row of `providers.csv`, and is enrolled on every day of service.
pub(super) fn enrolled(case: &Case<'_>, line: &OpenLine<'_>, role: EnrolledRole) -> Condition {
    let npi = match role {
        EnrolledRole::Billing => case.claim.billing_provider.npi,
        EnrolledRole::Rendering => case.claim.rendering_npi(line.line),
    };
    let Some(npi) = npi else { return Condition::Met };
    let days = line.dates.value;
    match known(case, npi) {
        Some(Known::Found(provider)) => (provider.enrolled.covers(days.from) && provider.enrolled.covers(days.through)).into(),
        Some(Known::Unknown) => Condition::Failed,
        Some(Known::NotLoaded) | None => Condition::Unknown("providers are not at hand"),
    }
}

/// An inpatient claim whose patient left the same facility at most so many days before the admission. The
/// bills of one long stay have one admission, which lies before the bills behind the first.
pub(super) fn is_readmission(case: &Case<'_>, days: u16) -> bool {
    let inpatient = case.claim.institutional().filter(|claim| claim.is_inpatient());
    let Some(admitted) = inpatient.and_then(admission) else { return false };
    let stays = &case.facts.others.stays;
    stays.iter().any(|stay| {
        let since = (admitted - stay.through).num_days();
        stay.billing_npi == case.claim.billing_provider.npi && (0..=i64::from(days)).contains(&since)
    })
}

/// DTP*435, else the statement's first day.
fn admission(claim: &InstitutionalClaim) -> Option<NaiveDate> {
    let admitted = claim.admission.map(|admission| admission.value);
    admitted.or_else(|| Some(claim.statement?.value.from))
}

/// The member has elected no hospice on the days of service, the hospice bills, or a modifier says that the
/// service has nothing to do with it (GW) or is the attending physician's (GV).
pub(super) fn is_beside_hospice(case: &Case<'_>, line: &OpenLine<'_>, unless_modifier: &[Modifier]) -> bool {
    let days = Period::new(Some(line.dates.value.from), Some(line.dates.value.through)).unwrap_or_default();
    let mut elected = case.facts.hospice.iter().filter(|elected| elected.overlaps(days));
    let facility = case.claim.institutional().and_then(|claim| claim.facility_type);
    let place = case.claim.place_of_service(line.line);
    elected.next().is_none()
        || facility.is_some_and(|facility| HOSPICE_BILLS.contains(&facility.as_str()))
        || place.is_some_and(|place| place.as_str() == HOSPICE_PLACE)
        || line.line.modifiers().any(|modifier| unless_modifier.contains(&modifier))
}

#[cfg(test)]
mod tests {
    use super::super::facts::Stay;
    use super::super::testing::*;
    use crate::claim::Claim;
    use crate::ids::ClaimId;
    use crate::tables::refdata::{ReferenceData, ReferenceTable};

    const PAID: &str = "paid 122.05 CO-45 27.95";

    fn visit() -> Claim {
        claim(vec![line("99214", 1, "150", "2025-01-20")])
    }

    #[test]
    fn a_provider_is_enrolled_on_every_day_of_service() {
        let since = |billing_from: &str, rendering_to: &str| {
            let header = "npi,tin,group_tin,taxonomy,kind,contracted,enrolled_from,enrolled_to,payment,routing,account";
            let rows = format!(
                "{header}\n{CLINIC},951234567,,,other,yes,{billing_from},,check,,\n{FAMILY_DOCTOR},953000001,,,pcp,yes,2010-01-01,{rendering_to},check,,\n"
            );
            let row = |role: &str| format!(r#"rule,enrolled,HCPCS,99214,,,,"{{""role"":""{role}""}}",deny,CO,B7,N767"#);
            let with = |role: &str| -> ReferenceData { with_restrictions(&row(role)).with_table(ReferenceTable::Providers, rows.as_bytes()).unwrap() };
            [with("billing"), with("rendering")]
        };
        let denied = "denied CO-B7/N767 150.00";
        for (billing_from, rendering_to, results) in [
            ("2010-01-01", "", [PAID, PAID]),
            ("2025-01-20", "2025-01-20", [PAID, PAID]),
            ("2025-01-21", "", [denied, PAID]),
            ("2010-01-01", "2025-01-19", [PAID, denied]),
        ] {
            for (plan, result) in since(billing_from, rendering_to).iter().zip(results) {
                let found = outcome(&decided(&visit().rendered_by(FAMILY_DOCTOR), plan));
                assert_eq!(found, result, "{billing_from} {rendering_to}");
            }
        }
        let unknown = visit().rendered_by("1972574325");
        let [_, rendering] = since("2010-01-01", "");
        assert_eq!(outcome(&decided(&unknown, &rendering)), denied);
    }

    #[test]
    fn a_stay_that_begins_soon_after_another_is_a_readmission() {
        let plan = with_restrictions(r#"rule,readmission,TOB,11x,,,,"{""days"":30}",deny,CO,249,"#);
        let (paid, denied) = ("paid 100.00 CO-45 150.00", "denied CO-249 250.00");
        for (what, facility, days, bill, result) in [
            ("thirty days", CLINIC, "2024-12-01/2024-12-21", "11", denied),
            ("a day more", CLINIC, "2024-12-01/2024-12-20", "11", paid),
            ("the day of discharge", CLINIC, "2025-01-10/2025-01-20", "11", denied),
            ("the bill before of one stay", CLINIC, "2025-01-10/2025-01-21", "11", paid),
            ("another facility", SPECIALIST, "2024-12-01/2024-12-21", "11", paid),
            ("no stay", CLINIC, "2024-12-01/2024-12-21", "13", paid),
        ] {
            let claim = stay("2025-01-20/2025-01-22", vec![line("0250", 1, "250", "2025-01-20")]);
            let claim = claim.with(|claim| claim.institutional_mut().facility_type = qualifier(bill));
            let mut facts = facts(&claim, &plan);
            let dates = dates(days);
            facts.others.stays.push(Stay {
                claim: ClaimId::from_bytes([7; 16]),
                billing_npi: npi(facility),
                from: dates.from,
                through: dates.through,
            });
            assert_eq!(outcome(&decided_with(&claim, &received("2025-02-15"), &facts, &plan)), result, "{what}");
        }
    }

    #[test]
    fn a_hospice_is_paid_for_its_illness() {
        let members = "cin,birth_date,sex,eligible_from,eligible_to,aid_code,network,pcp_npi,share_of_cost,death_date,other_coverage,added_on,hospice\n\
                       91234567A,1980-05-05,F,2020-01-01,2025-01-19,M1,CCN,,,,,,no\n91234567A,1980-05-05,F,2025-01-20,2025-01-31,M1,CCN,,,,,,yes\n\
                       91234567A,1980-05-05,F,2025-02-01,,M1,CCN,,,,,,\n";
        let plan = |params: &str| {
            let plan = with_restrictions(&format!(r#"rule,hospice,HCPCS,99202,99215,,,"{params}",deny,CO,B9,"#));
            plan.with_table(ReferenceTable::Members, members.as_bytes()).unwrap()
        };
        let (any, unless) = ("{}", r#"{""unless_modifier"":[""GV"",""GW""]}"#);
        let denied = "denied CO-B9 150.00";
        for (params, code, service, place, result) in [
            (any, "99214", "2025-01-19", "11", PAID),
            (any, "99214", "2025-01-20", "11", denied),
            (any, "99214", "2025-01-31", "11", denied),
            (any, "99214", "2025-02-01", "11", PAID),
            (any, "99214", "2025-01-19/2025-01-20", "11", denied),
            (any, "99214", "2025-01-20", "34", PAID),
            (any, "99214:GW", "2025-01-20", "11", denied),
            (unless, "99214:GW", "2025-01-20", "11", PAID),
            (unless, "99214:25", "2025-01-20", "11", denied),
        ] {
            let visit = claim(vec![line(code, 1, "150", service)]);
            let visit = visit.with(|claim| claim.professional_mut().place_of_service = place.parse().ok());
            assert_eq!(outcome(&decided(&visit, &plan(params))), result, "{params} {code} {service} {place}");
        }
    }
}
