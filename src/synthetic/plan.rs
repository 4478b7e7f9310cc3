//! How claims lie in a file: interchanges, groups of one form, transaction sets of at most 5,000
//! claims. Every position is computed, none is stored, so a file of any size takes no memory.

use super::draw::{Draw, Stream};
use super::recipe::{Mix, Recipe};
use crate::ids::Form;

/// Claims of one transaction set, the guide's recommendation.
const SET_CLAIMS_MAX: u64 = 5_000;

/// Highest control number of nine digits.
const CONTROL_NUMBERS: u64 = 999_999_999;

/// BHT06.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Chargeable,
    /// An encounter: recorded, never paid.
    Reporting,
}

/// Where a claim stands among all claims of its recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub form: Form,
    pub purpose: Purpose,
    /// Counts the claims of this form from 0, in file order.
    pub of_form: u64,
    /// Counts all claims from 0, in file order.
    pub of_all: u64,
}

/// One interchange with its groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Interchange {
    pub isa13: u64,
    pub groups: Vec<Group>,
}

/// One functional group: the sets of one form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub form: Form,
    pub gs06: u64,
    pub sets: Vec<Set>,
}

/// One transaction set: consecutive claims of one form and purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Set {
    /// Counts the sets of its group from 1.
    pub st02: u64,
    pub purpose: Purpose,
    pub first_of_form: u64,
    pub claims: u64,
}

/// The layout of a recipe.
#[derive(Debug, Clone)]
pub(super) struct Plan<'a> {
    recipe: &'a Recipe,
    set_claims: u64,
}

impl<'a> Plan<'a> {
    pub(super) fn new(recipe: &'a Recipe) -> Plan<'a> {
        Plan {
            recipe,
            set_claims: recipe.claims().div_ceil(4).clamp(100, SET_CLAIMS_MAX),
        }
    }

    pub(super) fn interchanges(&self) -> impl Iterator<Item = Interchange> + '_ {
        (0..self.interchange_count()).map(|number| self.interchange(number))
    }

    /// Claims of a form in the whole file.
    pub(super) fn claims_of(&self, form: Form) -> u64 {
        let last = self.interchange_count() - 1;
        last * share(self.recipe.form(), form, self.recipe.interchange_claims()) + self.claims_in(last, form)
    }

    /// The claim of a form at a position counted from 0.
    pub(super) fn place(&self, form: Form, of_form: u64) -> Place {
        let whole = self.recipe.interchange_claims();
        let per_interchange = share(self.recipe.form(), form, whole).max(1);
        let number = of_form / per_interchange;
        let before_it = match form {
            Form::Professional => 0,
            Form::Institutional => self.claims_in(number, Form::Professional),
        };
        let is_encounter = of_form >= self.claims_of(form).saturating_sub(self.encounters(form));
        Place {
            form,
            purpose: if is_encounter { Purpose::Reporting } else { Purpose::Chargeable },
            of_form,
            of_all: number * whole + before_it + of_form % per_interchange,
        }
    }

    fn interchange_count(&self) -> u64 {
        self.recipe.claims().div_ceil(self.recipe.interchange_claims())
    }

    fn claims_in(&self, number: u64, form: Form) -> u64 {
        let whole = self.recipe.interchange_claims();
        let held = self.recipe.claims().saturating_sub(number * whole).min(whole);
        share(self.recipe.form(), form, held)
    }

    /// Encounters are the last claims of the last interchange, in a set of their own; a recipe without
    /// errors has none.
    fn encounters(&self, form: Form) -> u64 {
        let carries = self.recipe.form().forms().first() == Some(&form) && self.recipe.errors_per_mille() > 0;
        if !carries {
            return 0;
        }
        let last = self.claims_in(self.interchange_count() - 1, form);
        (self.claims_of(form) / 50).min(50).min(last)
    }

    fn interchange(&self, number: u64) -> Interchange {
        let slots = CONTROL_NUMBERS / (2 * self.interchange_count());
        let slot = self.recipe.control_base() % slots;
        let mut groups = Vec::new();
        for form in self.recipe.form().forms() {
            let claims = self.claims_in(number, *form);
            if claims > 0 {
                let gs06 = (slot * self.interchange_count() + number) * 2 + groups.len() as u64 + 1;
                groups.push(self.group(number, *form, gs06, claims));
            }
        }
        Interchange {
            isa13: slot * self.interchange_count() + number + 1,
            groups,
        }
    }

    fn group(&self, number: u64, form: Form, gs06: u64, claims: u64) -> Group {
        let first = number * share(self.recipe.form(), form, self.recipe.interchange_claims());
        let is_last = number + 1 == self.interchange_count();
        let encounters = if is_last { self.encounters(form) } else { 0 };
        let mut sets = Vec::new();
        for (purpose, from, to) in [
            (Purpose::Chargeable, first, first + claims - encounters),
            (Purpose::Reporting, first + claims - encounters, first + claims),
        ] {
            let mut next = from;
            while next < to {
                let claims = self.set_claims.min(to - next);
                sets.push(Set {
                    st02: sets.len() as u64 + 1,
                    purpose,
                    first_of_form: next,
                    claims,
                });
                next += claims;
            }
        }
        Group { form, gs06, sets }
    }
}

/// How many of `claims` are of a form: in a mix a quarter is institutional.
fn share(mix: Mix, form: Form, claims: u64) -> u64 {
    match (mix, form) {
        (Mix::Professional, Form::Professional) | (Mix::Institutional, Form::Institutional) => claims,
        (Mix::Professional, Form::Institutional) | (Mix::Institutional, Form::Professional) => 0,
        (Mix::Both, Form::Professional) => claims - claims / 4,
        (Mix::Both, Form::Institutional) => claims / 4,
    }
}

/// The day of a member's n-th claim, in days before the anchor: 5 to 150, never the same day twice for
/// one member while it has at most [`VISIT_DAYS`] claims.
pub(super) fn visit_day(recipe: &Recipe, member: u64, round: u64) -> u64 {
    let start = Draw::new(recipe.seed(), Stream::VisitDate, member).below(VISIT_DAYS);
    // 37 and 146 have no common factor, so the steps visit every day before one returns.
    5 + (start + (round % VISIT_DAYS) * 37) % VISIT_DAYS
}

/// Days that timely claims are spread over.
pub(super) const VISIT_DAYS: u64 = 146;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chrono::NaiveDate;

    use super::*;

    fn recipe(form: Mix, claims: u64, errors: u32) -> Recipe {
        Recipe::new(form, claims, 7, errors, NaiveDate::from_ymd_opt(2026, 11, 1).unwrap()).unwrap()
    }

    #[test]
    fn every_claim_stands_once_in_file_order() {
        for (form, claims, errors) in [
            (Mix::Both, 1, 0),
            (Mix::Both, 7, 100),
            (Mix::Both, 1_003, 100),
            (Mix::Institutional, 2_001, 50),
            (Mix::Professional, 999, 0),
        ] {
            let recipe = recipe(form, claims, errors);
            let plan = Plan::new(&recipe);
            let mut order = Vec::new();
            for interchange in plan.interchanges() {
                for group in &interchange.groups {
                    for set in &group.sets {
                        order.extend((0..set.claims).map(|offset| {
                            let place = plan.place(group.form, set.first_of_form + offset);
                            assert_eq!(place.purpose, set.purpose);
                            place.of_all
                        }));
                    }
                }
            }
            assert_eq!(order, (0..claims).collect::<Vec<_>>(), "{form:?} {claims}");
            let counted: u64 = form.forms().iter().map(|form| plan.claims_of(*form)).sum();
            assert_eq!(counted, claims);
        }
    }

    #[test]
    fn control_numbers_are_of_nine_digits_and_unique_across_seeds() {
        let mut isa13 = BTreeSet::new();
        let mut gs06 = BTreeSet::new();
        for seed in 0..200 {
            let recipe = Recipe::new(Mix::Both, 3_000, seed, 0, NaiveDate::from_ymd_opt(2026, 11, 1).unwrap()).unwrap();
            for interchange in Plan::new(&recipe).interchanges() {
                assert!(interchange.isa13 <= CONTROL_NUMBERS && isa13.insert(interchange.isa13));
                assert!(interchange.groups.iter().all(|group| group.gs06 <= CONTROL_NUMBERS && gs06.insert(group.gs06)));
            }
        }
    }

    #[test]
    fn a_member_never_has_two_claims_on_a_day() {
        let recipe = recipe(Mix::Professional, 10, 0);
        let days: BTreeSet<u64> = (0..VISIT_DAYS).map(|round| visit_day(&recipe, 3, round)).collect();
        assert_eq!((days.len() as u64, days.first(), days.last()), (VISIT_DAYS, Some(&5), Some(&150)));
    }
}
