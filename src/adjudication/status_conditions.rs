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
