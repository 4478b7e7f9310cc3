//! Which entity is responsible for the claim (DOMAIN E2).

use compact_str::CompactString;

use super::case::Case;
use super::facts::Known;
use super::ruling::{Note, Reason};
use crate::tables::refdata::networks::Responsible;

/// Sent to the wrong payer, and we do not pass it on.
const MISROUTED: Reason = Reason::contractual("109").remark("N418");
const PASSED_ON: Reason = Reason::contractual("B11");

/// Where a claim belongs.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Route {
    /// Here, or there is no way to tell.
    Ours(Note),
    NotEnforced(Note),
    Denied(Reason),
    Forwarded(Reason, CompactString),
    /// No row says.
    Unknown,
}

/// The network is that of the member's coverage on the claim's first day of service. Whether a member
/// is covered at all is for eligibility to say.
pub(super) fn route(case: &Case<'_>) -> Route {
    let Some(networks) = &case.tables.reference.networks else {
        return Route::NotEnforced("networks not loaded".into());
    };
    if case.facts.member == Known::NotLoaded {
        return Route::NotEnforced("members not loaded".into());
    }
    let (Some(day), Some(coverage)) = (case.first_day, case.coverage) else {
        return Route::Ours("no coverage on the first day of service".into());
    };
    let Some(network) = coverage.network else {
        return Route::Ours("the member is in no network".into());
    };
    match networks.responsible(network, case.claim.form, day).map(|row| &row.responsible) {
        None => Route::Unknown,
        Some(Responsible::Plan) => Route::Ours("the plan is responsible".into()),
        Some(Responsible::Network { forward_to: None }) => Route::Denied(MISROUTED),
        Some(Responsible::Network { forward_to: Some(to) }) => Route::Forwarded(PASSED_ON, to.clone()),
    }
}
