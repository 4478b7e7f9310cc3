//! Which entity is responsible for the claim (DOMAIN E2).

use compact_str::CompactString;

use super::case::Case;
use super::facts::Known;
use super::ruling::Reason;
use crate::tables::refdata::networks::{NetworkRow, Responsible};

/// Sent to the wrong payer, and we do not pass it on.
const MISROUTED: Reason = Reason::contractual("109").remark("N418");
const PASSED_ON: Reason = Reason::contractual("B11");

/// Where a claim belongs.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Route {
    /// Here, or there is no way to tell.
    Ours(&'static str),
    NotEnforced(&'static str),
    Denied(Reason),
    /// With the reason of the network's row: capitation, a contracted group.
    DeniedByRow(Reason),
    Forwarded(Reason, CompactString),
    /// No row says.
    Unknown,
}

/// The network is that of the member's coverage on the claim's first day of service. Whether a member
/// is covered at all is for eligibility to say.
pub(super) fn route(case: &Case<'_>) -> Route {
    let Some(networks) = &case.tables.reference.networks else {
        return Route::NotEnforced("networks not loaded");
    };
    if case.facts.member == Known::NotLoaded {
        return Route::NotEnforced("members not loaded");
    }
    let (Some(day), Some(coverage)) = (case.first_day, case.coverage) else {
        return Route::Ours("no coverage on the first day of service");
    };
    let Some(network) = coverage.network else {
        return Route::Ours("the member is in no network");
    };
    match networks.responsible(network, case.claim.form, day).map(|row| &row.responsible) {
        None => Route::Unknown,
        Some(Responsible::Plan) => Route::Ours("the plan is responsible"),
        Some(Responsible::Network { forward_to: Some(to), .. }) => Route::Forwarded(PASSED_ON, to.clone()),
        Some(Responsible::Network { denial: Some(reason), .. }) => Route::DeniedByRow((*reason).into()),
        Some(Responsible::Network { .. }) => Route::Denied(MISROUTED),
    }
}

/// The row that [`route`] came to, for who is told.
pub(super) fn deciding_row<'a>(case: &Case<'a>) -> Option<&'a NetworkRow> {
    let networks = case.tables.reference.networks.as_deref()?;
    networks.responsible(case.coverage?.network?, case.claim.form, case.first_day?)
}

#[cfg(test)]
mod tests {
    use super::super::determination::{ClaimOutcome, PendReason};
    use super::super::testing::*;
    use crate::tables::refdata::{ReferenceData, ReferenceTable};

    #[test]
    fn the_networks_row_says_who_is_responsible() {
        for (member, result, pended, forwarded) in [
            (MEMBER, "paid 122.05 CO-45 27.95", None, None),
            (CAPITATED, "denied CO-109/N418 150.00", None, None),
            (DELEGATED, "forwarded CO-B11 150.00", None, Some("CHOC-HA")),
            (MISPLACED, "pended", Some(PendReason::NetworkUnknown), None),
            // Not covered: for eligibility to say.
            (LAPSED, "denied CO-200 150.00", None, None),
        ] {
            let determination = decided(&claim(vec![line("99214", 1, "150", "2025-01-20")]).of_member(member), &plan());
            assert_eq!(outcome(&determination), result, "{member}");
            assert_eq!((determination.pend_reason(), determination.forward_to()), (pended, forwarded), "{member}");
        }
    }

    #[test]
    fn a_row_may_say_why_a_claim_is_not_paid_here() {
        for (reason, result) in [
            ("24,", "denied CO-24 150.00"),
            ("109,N803", "denied CO-109/N803 150.00"),
            (",", "denied CO-109/N418 150.00"),
        ] {
            let rows = format!(
                "network,name,service_category,effective_from,effective_to,responsible,forward_to,carc,rarc\nFCHS,Family Choice,*,,,network,,{reason}\n"
            );
            let plan = plan().with_table(ReferenceTable::Networks, rows.as_bytes()).unwrap();
            let visit = claim(vec![line("99214", 1, "150", "2025-01-20")]).of_member(CAPITATED);
            assert_eq!(outcome(&decided(&visit, &plan)), result);
        }
    }

    #[test]
    fn a_row_is_for_one_form() {
        let stay = stay("2025-01-01/2025-01-02", vec![line("0250", 1, "100", "2025-01-01")]).of_member(DELEGATED);
        assert_eq!(decided(&stay, &plan()).pend_reason(), Some(PendReason::NetworkUnknown));
    }

    #[test]
    fn what_was_never_loaded_is_not_enforced_but_not_paid_without_rates() {
        let claim = claim(vec![line("99214", 1, "150", "2025-01-20")]).of_member(CAPITATED);
        let determination = decided(&claim, &ReferenceData::embedded().unwrap());
        assert_eq!(
            (determination.outcome(), determination.pend_reason()),
            (ClaimOutcome::Pended, Some(PendReason::Unpriced))
        );
        let not_enforced = determination
            .trace()
            .iter()
            .filter(|step| step.result == super::super::trace::StepResult::NotEnforced);
        assert_eq!(
            not_enforced.map(|step| step.note.to_string()).collect::<Vec<_>>(),
            [
                "members not loaded",
                "members not loaded",
                "members not loaded",
                "NCCI pairs not loaded",
                "MUE values not loaded"
            ]
        );
    }
}
