//! Which entity is responsible for the claim (DOMAIN E2).

use compact_str::CompactString;

use super::case::Case;
use super::facts::Known;
use super::ruling::Reason;
use crate::claim::service_line::ServiceLine;
use crate::tables::code_range::CodeKey;
use crate::tables::refdata::CodeType;
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
    /// The plan's in part: each line has its own answer.
    Split(&'static str),
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
    let general = networks.responsible(network, case.claim.form, day);
    match answering(case, general) {
        Answering::Nobody => Route::Unknown,
        Answering::Several => Route::Split("the plan is responsible for some of the services"),
        Answering::One(row) => match &row.responsible {
            Responsible::Plan => Route::Ours("the plan is responsible"),
            Responsible::Network { forward_to: Some(to), .. } => Route::Forwarded(PASSED_ON, to.clone()),
            Responsible::Network { denial: Some(reason), .. } => Route::DeniedByRow((*reason).into()),
            Responsible::Network { .. } => Route::Denied(MISROUTED),
        },
    }
}

/// The rows that answer for the lines of a claim.
enum Answering<'a> {
    /// A line has no row.
    Nobody,
    /// All lines have the same answer.
    One(&'a NetworkRow),
    Several,
}

fn answering<'a>(case: &Case<'a>, general: Option<&'a NetworkRow>) -> Answering<'a> {
    if !splits(case) {
        return general.map_or(Answering::Nobody, Answering::One);
    }
    let mut rows = case.claim.lines.iter().map(|line| row_of_line(case, line));
    let Some(first) = rows.next().flatten() else { return Answering::Nobody };
    let mut answering = Answering::One(first);
    for row in rows {
        match row {
            None => return Answering::Nobody,
            Some(row) if row.responsible != first.responsible => answering = Answering::Several,
            Some(_) => {}
        }
    }
    answering
}

/// Whether the tables set services of the member's network apart by their codes.
fn splits(case: &Case<'_>) -> bool {
    let network = case.coverage.and_then(|coverage| coverage.network);
    let networks = case.tables.reference.networks.as_ref();
    networks.zip(network).is_some_and(|(networks, network)| networks.sets_apart(network))
}

/// The row that sets the line's service apart, else the network's own.
fn row_of_line<'a>(case: &Case<'a>, line: &ServiceLine) -> Option<&'a NetworkRow> {
    let networks = case.tables.reference.networks.as_deref()?;
    let (network, form, day) = (case.coverage?.network?, case.claim.form, case.first_day?);
    let procedure = line.procedure.as_ref().map(|code| (CodeType::Hcpcs, CodeKey::of(code.as_bytes())));
    let revenue = line.revenue.as_ref().map(|code| (CodeType::Revenue, CodeKey::of(code.as_bytes())));
    let codes: Vec<(CodeType, CodeKey)> = procedure.into_iter().chain(revenue).collect();
    networks
        .set_apart(network, form, day, &codes)
        .or_else(|| networks.responsible(network, form, day))
}

/// Why a line of a claim that is the plan's in part is not: such a claim is not passed on as a whole, so who
/// billed it must send the line to the network.
pub(super) fn of_line(case: &Case<'_>, line: &ServiceLine) -> Option<Reason> {
    if !splits(case) {
        return None;
    }
    match &row_of_line(case, line)?.responsible {
        Responsible::Plan => None,
        Responsible::Network { denial: Some(reason), .. } => Some((*reason).into()),
        Responsible::Network { .. } => Some(MISROUTED),
    }
}

/// The row that [`route`] or [`of_line`] came to, for who is told.
pub(super) fn deciding_row<'a>(case: &Case<'a>, line: Option<&ServiceLine>) -> Option<&'a NetworkRow> {
    match line {
        Some(line) => row_of_line(case, line),
        None if splits(case) => row_of_line(case, case.claim.lines.first()?),
        None => {
            let networks = case.tables.reference.networks.as_deref()?;
            networks.responsible(case.coverage?.network?, case.claim.form, case.first_day?)
        }
    }
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
    fn services_are_set_apart_by_their_codes() {
        let plan = |rows: &str| {
            let header = "network,name,service_category,effective_from,effective_to,responsible,forward_to,carc,rarc,code_type,code_from,code_to";
            plan().with_table(ReferenceTable::Networks, format!("{header}\n{rows}\n").as_bytes()).unwrap()
        };
        let (visit, test) = (|| line("99214", 1, "150", "2025-01-20"), || line("93000", 1, "20", "2025-01-20"));
        let test_is_ours = "FCHS,Family Choice,*,,,network,,,,,,\nFCHS,tests,*,,,plan,,,,HCPCS,93000,93010";
        let test_is_theirs = "FCHS,Family Choice,*,,,plan,,,,,,\nFCHS,tests,*,,,network,,24,,HCPCS,93000,";
        let passed_on = "FCHS,Family Choice,*,,,network,FAMILY,,,,,\nFCHS,tests,*,,,plan,,,,HCPCS,93000,";
        for (rows, lines, result) in [
            (test_is_ours, vec![visit()], "denied CO-109/N418 150.00"),
            (test_is_ours, vec![test()], "paid 16.25 CO-45 3.75"),
            (test_is_ours, vec![visit(), test()], "denied CO-109/N418 150.00; paid 16.25 CO-45 3.75"),
            (test_is_theirs, vec![visit(), test()], "paid 122.05 CO-45 27.95; denied CO-24 20.00"),
            (test_is_theirs, vec![test()], "denied CO-24 20.00"),
            (passed_on, vec![visit()], "forwarded CO-B11 150.00"),
            (passed_on, vec![visit(), test()], "denied CO-109/N418 150.00; paid 16.25 CO-45 3.75"),
            ("FCHS,tests,*,,,plan,,,,HCPCS,93000,", vec![visit(), test()], "pended; pended"),
        ] {
            let determination = decided(&claim(lines).of_member(CAPITATED), &plan(rows));
            assert_eq!(outcome(&determination), result, "{rows}");
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
