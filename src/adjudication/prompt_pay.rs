//! By when a claim must be paid or denied (DOMAIN E7). The interest itself is known when it is paid:
//! `remittance::prompt_pay`.

use chrono::NaiveDate;

use super::case::Case;
use super::routing::{self, Route};
use super::rule_id::RuleId;
use super::telling::Told;
use super::trace::StepResult;
use crate::claim::service_line::ServiceLine;

/// The last day without interest, counted from receipt; of an emergency that is passed on, the last day for
/// that.
pub(super) fn due(case: &Case<'_>) -> Told {
    if let Some(day) = forwarding_day(case) {
        return Told::new(RuleId::ForwardBy, StepResult::Passed, format!("an emergency, to be passed on by {day}"), None);
    }
    let rule = &case.tables.rules.prompt_pay;
    let received = case.receipt.received_on;
    let due = rule.last_day(received);
    if received < rule.received_from {
        let Some(due) = due else {
            return Told::new(RuleId::DueBefore, StepResult::Skipped, "received before the rule began", None);
        };
        let note = format!("to be paid or denied by {due}, by working days");
        return Told::new(RuleId::DueBefore, StepResult::Passed, note, None);
    }
    let note = due.map_or_else(|| "never".to_string(), |due| format!("to be paid or denied by {due}"));
    Told::new(RuleId::DueDate, StepResult::Passed, note, None)
}

/// For an emergency that another entity answers for and is passed on to it.
fn forwarding_day(case: &Case<'_>) -> Option<NaiveDate> {
    let day = case.tables.rules.prompt_pay.forwarding_day(case.receipt.received_on)?;
    let is_passed_on = matches!(routing::route(case), Route::Forwarded(..)) && !case.receipt.is_encounter;
    let is_emergency = |line: &ServiceLine| {
        let place = case.claim.place_of_service(line).is_some_and(|place| place.as_str() == "23");
        place || line.revenue.is_some_and(|revenue| revenue.as_str().starts_with("045"))
    };
    (is_passed_on && case.claim.lines.iter().any(is_emergency)).then_some(day)
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::super::trace::Rule;

    #[test]
    fn the_thirtieth_day_is_the_last() {
        let visit = || claim(vec![line("99214", 1, "150", "2025-12-20")]);
        for (received_on, text) in [
            ("2025-12-31", "received before the rule began"),
            ("2026-01-01", "to be paid or denied by 2026-01-31"),
            ("2026-02-01", "to be paid or denied by 2026-03-03"),
        ] {
            let determination = decided_on(&visit(), received_on, &plan());
            assert_eq!(note(&determination, 0, Rule::PromptPay), text, "{received_on}");
        }
    }

    #[test]
    fn an_emergency_of_another_entity_is_passed_on_in_ten_working_days() {
        let visit = |place: &str| {
            let claim = claim(vec![line("99214", 1, "150", "2025-12-20")]);
            claim.with(|claim| claim.professional_mut().place_of_service = place.parse().ok())
        };
        for (claim, text) in [
            (visit("23").of_member(DELEGATED), "an emergency, to be passed on by 2026-01-30"),
            (visit("11").of_member(DELEGATED), "to be paid or denied by 2026-02-15"),
            (visit("23"), "to be paid or denied by 2026-02-15"),
        ] {
            let determination = decided_on(&claim, "2026-01-16", &plan());
            assert_eq!(note(&determination, 0, Rule::PromptPay), text);
        }
    }
}
