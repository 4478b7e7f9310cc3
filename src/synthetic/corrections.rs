//! Which claims of a file are replaced and which are voided: of each form's claims one in ten is voided and
//! one in ten sent again, as long as there is a decision to take back.

use super::claim::{Claim, Outcome};
use super::maker::Maker;
use super::plan::{Group, Interchange, Purpose, Set};
use super::scenario::Scenario;
use crate::ids::Form;

/// The correction of a set's claim at an offset from 0; its original's number is still to be filled in.
pub(super) fn of(maker: &Maker<'_>, form: Form, set: &Set, offset: u64) -> Option<Claim> {
    let of_form = set.first_of_form + offset;
    let is_void = match of_form % 10 {
        3 => true,
        7 => false,
        _ => return None,
    };
    if set.purpose == Purpose::Reporting {
        return None;
    }
    let claim = maker.claim(form, of_form);
    // What stands of a duplicate, or of a claim that follows another, depends on what became of that one.
    let is_decided = matches!(claim.outcome(), Outcome::Paid | Outcome::Denied | Outcome::Forwarded);
    let is_sound =
        !matches!(claim.scenario, Scenario::Duplicate | Scenario::ReplacementOfNothing | Scenario::VoidOfNothing) && claim.scenario.follows().is_none();
    (is_decided && is_sound).then(|| if is_void { claim.voided() } else { claim.replaced() })
}

/// The interchanges of the corrections: what has none is left out.
pub(super) fn plan(maker: &Maker<'_>) -> Vec<Interchange> {
    let has_any = |form: Form, set: &Set| (0..set.claims).any(|offset| of(maker, form, set, offset).is_some());
    let group = |group: Group| Group {
        sets: group.sets.into_iter().filter(|set| has_any(group.form, set)).collect(),
        ..group
    };
    let interchange = |interchange: Interchange| Interchange {
        groups: interchange.groups.into_iter().map(group).filter(|group| !group.sets.is_empty()).collect(),
        ..interchange
    };
    let all = maker.plan().interchanges().map(interchange);
    all.filter(|interchange| !interchange.groups.is_empty()).collect()
}

/// ISA13 of the corrections of an interchange: another than any of the file has.
pub(super) fn isa13(interchange: &Interchange) -> u64 {
    (interchange.isa13 + 500_000_000) % 1_000_000_000
}
