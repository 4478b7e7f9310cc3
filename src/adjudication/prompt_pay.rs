//! By when a claim must be paid or denied (DOMAIN E7). The interest itself is known when it is paid:
//! `remittance::prompt_pay`.

use super::case::Case;
use super::rule_id::RuleId;
use super::telling::Told;
use super::trace::StepResult;

/// The last day without interest, counted from receipt.
pub(super) fn due(case: &Case<'_>) -> Told {
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
}
