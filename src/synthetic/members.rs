//! Members by number: everything about one follows from its number and the seed.

use chrono::{Datelike, Days, NaiveDate};

use super::draw::{Draw, Stream};
use super::plan::{Place, visit_day};
use super::recipe::Recipe;
use super::scenario::{Defect, MemberClass, Scenario, rotation};
use super::special::SHARE_OF_COST;
use crate::ids::Form;
use crate::money::Money;

/// A made-up person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub cin: String,
    pub last_name: &'static str,
    pub first_name: &'static str,
    pub birth_date: NaiveDate,
    /// `F` or `M`.
    pub sex: &'static str,
    pub house: u64,
    pub town: Town,
    pub aid_code: &'static str,
    pub network: &'static str,
    /// Number of the assigned primary care provider.
    pub pcp: Option<u64>,
    pub coverage: Vec<(NaiveDate, Option<NaiveDate>)>,
    pub death_date: Option<NaiveDate>,
    /// Covered by another payer too.
    pub is_insured: bool,
    /// A month.
    pub share_of_cost: Money,
    /// The other payer is asked later.
    pub ohc_code: &'static str,
    pub is_in_hospice: bool,
    /// When the plan heard of the coverage; `None`: when it began.
    pub added_on: Option<NaiveDate>,
}

/// City and five-digit ZIP in Orange County.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Town {
    pub city: &'static str,
    pub zip: &'static str,
}

pub(super) const TOWNS: &[Town] = &[
    Town {
        city: "SANTA ANA",
        zip: "92701",
    },
    Town { city: "ANAHEIM", zip: "92801" },
    Town { city: "ORANGE", zip: "92866" },
    Town {
        city: "GARDEN GROVE",
        zip: "92840",
    },
    Town {
        city: "FULLERTON",
        zip: "92832",
    },
    Town {
        city: "WESTMINSTER",
        zip: "92683",
    },
    Town { city: "TUSTIN", zip: "92780" },
    Town { city: "IRVINE", zip: "92618" },
];

const LAST_NAMES: &[&str] = &[
    "TESTALDER",
    "TESTASPEN",
    "TESTBIRCH",
    "TESTCEDAR",
    "TESTELM",
    "TESTFIR",
    "TESTHAZEL",
    "TESTJUNIPER",
    "TESTLAUREL",
    "TESTMAPLE",
    "TESTOAK",
    "TESTOLIVE",
    "TESTPALM",
    "TESTPINE",
    "TESTROWAN",
    "TESTSORREL",
    "TESTSPRUCE",
    "TESTWALNUT",
    "TESTWILLOW",
    "TESTYEW",
];
const WOMENS_NAMES: &[&str] = &[
    "ANA", "BINH", "CARMEN", "DANA", "ELENA", "FARAH", "GRACE", "HOA", "IRIS", "JUNE", "KIM", "LUPE", "MARIA", "NORA",
];
const MENS_NAMES: &[&str] = &[
    "ALEX", "BEN", "CARLOS", "DAVID", "ELI", "FELIX", "GUS", "HAI", "IVAN", "JOSE", "KHOA", "LUIS", "MINH", "NOAH",
];

/// After every visit, which are five days and more before the anchor.
const BORN_DAYS_BEFORE: u64 = 4;

/// Members that any claim may be of, and those with members of their own.
const REGULAR_MEMBERS_MIN: u64 = 50;
const REGULAR_MEMBERS_MAX: u64 = 850_000;

/// How many members a recipe needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Membership {
    pub regular: u64,
    /// Members of each scenario that has its own.
    pub per_scenario: u64,
}

impl Membership {
    pub(super) fn of(recipe: &Recipe) -> Membership {
        let shortest = rotation(Form::Professional).len().min(rotation(Form::Institutional).len());
        let occurrences = (recipe.claims() * u64::from(recipe.errors_per_mille()) / 1_000).div_ceil(shortest as u64);
        Membership {
            regular: (recipe.claims() / 3).clamp(REGULAR_MEMBERS_MIN, REGULAR_MEMBERS_MAX),
            // Enough that none comes near the days that keep its claims apart.
            per_scenario: occurrences.min(50_000).max(occurrences.div_ceil(100)),
        }
    }

    pub(super) fn total(self) -> u64 {
        self.regular + own_members().len() as u64 * self.per_scenario
    }

    /// The class of a member number.
    pub(super) fn class(self, number: u64) -> MemberClass {
        let slot = number.checked_sub(self.regular).and_then(|own| own.checked_div(self.per_scenario));
        slot.and_then(|slot| own_members().get(usize::try_from(slot).ok()?).copied())
            .map_or(MemberClass::Regular, |(_, scenario)| scenario.member_class())
    }

    /// The member and the day (before the anchor) of a claim.
    pub(super) fn visit(self, recipe: &Recipe, place: Place, defect: Option<Defect>) -> (u64, u64) {
        let own = defect.and_then(|defect| {
            let slot = own_members().iter().position(|own| *own == (place.form, defect.scenario))?;
            Some((slot as u64, defect.occurrence))
        });
        let (member, round) = match own {
            Some((slot, occurrence)) => (
                self.regular + slot * self.per_scenario + occurrence % self.per_scenario.max(1),
                occurrence / self.per_scenario.max(1),
            ),
            None => (place.of_all % self.regular, place.of_all / self.regular),
        };
        (member, visit_day(recipe, member, round))
    }
}

/// The scenarios with members of their own, by form.
fn own_members() -> &'static [(Form, Scenario)] {
    use std::sync::LazyLock;
    static OWN: LazyLock<Vec<(Form, Scenario)>> = LazyLock::new(|| {
        [Form::Professional, Form::Institutional]
            .into_iter()
            .flat_map(|form| rotation(form).iter().map(move |scenario| (form, *scenario)))
            .filter(|(_, scenario)| scenario.member_class() != MemberClass::Regular)
            .collect()
    });
    &OWN
}

/// A well-formed id of nobody: numbers from the total on belong to no member.
pub(super) fn unknown_cin(recipe: &Recipe, membership: Membership, occurrence: u64) -> String {
    cin(recipe, membership.total() + occurrence)
}

/// The member of a number.
pub(super) fn member(recipe: &Recipe, membership: Membership, number: u64) -> Member {
    let class = membership.class(number);
    let mut draw = Draw::new(recipe.seed(), Stream::Member, number);
    let is_child = class == MemberClass::Child || (class == MemberClass::Regular && draw.one_in(5));
    let age_days = if class == MemberClass::Newborn {
        BORN_DAYS_BEFORE
    } else if is_child {
        3 * 366 + draw.below(13 * 365)
    } else {
        22 * 366 + draw.below(if class == MemberClass::Mother { 18 } else { 42 } * 365)
    };
    let sex = match (class, draw.one_in(2)) {
        (MemberClass::Mother, _) => "F",
        (MemberClass::Male, _) | (_, true) => "M",
        (_, false) => "F",
    };
    let own_network = draw.pick(&["COD", "CCN", "CCN"]);
    let network = match class {
        MemberClass::Capitated => "FCHS",
        MemberClass::Delegated => "CHOC",
        MemberClass::Unassigned => "NEWNET",
        MemberClass::OfGroup => "AMVI",
        MemberClass::Assigned => "CCN",
        MemberClass::Direct => "COD",
        MemberClass::OfSplitNetwork => "SPLT",
        MemberClass::OfShortLimit => "NNTY",
        MemberClass::OfGracedNetwork => "GRCE",
        MemberClass::Regular
        | MemberClass::NotYetCovered
        | MemberClass::NoLongerCovered
        | MemberClass::Lapsed
        | MemberClass::Deceased
        | MemberClass::Insured
        | MemberClass::Male
        | MemberClass::Mother
        | MemberClass::Sharing
        | MemberClass::Consenting
        | MemberClass::InHospice
        | MemberClass::Qualified
        | MemberClass::Chased
        | MemberClass::Retroactive
        | MemberClass::Child
        | MemberClass::Newborn
        | MemberClass::Enrolling
        | MemberClass::Leaving
        | MemberClass::Adult => own_network,
    };
    let birth_date = recipe.days_before(age_days);
    Member {
        cin: cin(recipe, number),
        last_name: draw.pick(LAST_NAMES),
        first_name: draw.pick(if sex == "F" { WOMENS_NAMES } else { MENS_NAMES }),
        birth_date,
        sex,
        house: 1 + draw.below(9_800),
        town: draw.pick(TOWNS),
        aid_code: match class {
            MemberClass::Consenting => "7M",
            MemberClass::Qualified => "80",
            _ if is_child => "P5",
            _ => "M1",
        },
        network,
        pcp: (network != "COD").then(|| draw.below(primary_care_providers(recipe))),
        coverage: coverage(recipe, class, birth_date, recipe.days_before(visit_day(recipe, number, 0)), &mut draw),
        is_insured: matches!(class, MemberClass::Insured | MemberClass::Qualified | MemberClass::Chased),
        ohc_code: if class == MemberClass::Chased { "A" } else { "" },
        is_in_hospice: class == MemberClass::InHospice,
        added_on: (class == MemberClass::Retroactive).then(|| recipe.days_before(10)),
        share_of_cost: if class == MemberClass::Sharing { SHARE_OF_COST } else { Money::ZERO },
        death_date: (class == MemberClass::Deceased).then(|| recipe.days_before(200 + draw.below(150))),
    }
}

/// Primary care providers that members are assigned to. They bill nothing here, so that no claim is
/// exempt from authorization by coming from one (DOMAIN C2 P1, P2).
pub(super) fn primary_care_providers(recipe: &Recipe) -> u64 {
    (recipe.claims() / 1_500).clamp(5, 500)
}

/// Whole months, as Medi-Cal grants them. Timely claims lie 5 to 150 days before the anchor, stays
/// begin up to 160 days before it; late claims lie up to 575 days before it.
/// `visit`: the day of the member's first claim, and the only one of a member whose coverage hangs on it.
fn coverage(recipe: &Recipe, class: MemberClass, birth_date: NaiveDate, visit: NaiveDate, draw: &mut Draw) -> Vec<(NaiveDate, Option<NaiveDate>)> {
    let since = first_of_month(recipe.days_before(1_500 + draw.below(700))).max(birth_date);
    let ended = first_of_month(recipe.days_before(200 + draw.below(90))).checked_sub_days(Days::new(1));
    match class {
        MemberClass::NotYetCovered => vec![(recipe.anchor(), None)],
        MemberClass::NoLongerCovered => vec![(since, ended)],
        MemberClass::Enrolling => vec![(visit.checked_sub_days(Days::new(40)).unwrap_or(visit), None)],
        MemberClass::Leaving => vec![(since, visit.pred_opt())],
        MemberClass::Lapsed => vec![(since, ended), (recipe.anchor(), None)],
        MemberClass::Regular
        | MemberClass::Deceased
        | MemberClass::Insured
        | MemberClass::Male
        | MemberClass::Adult
        | MemberClass::Mother
        | MemberClass::Sharing
        | MemberClass::Consenting
        | MemberClass::Assigned
        | MemberClass::Direct
        | MemberClass::InHospice
        | MemberClass::OfSplitNetwork
        | MemberClass::OfShortLimit
        | MemberClass::OfGracedNetwork
        | MemberClass::Qualified
        | MemberClass::Chased
        | MemberClass::Retroactive
        | MemberClass::Child
        | MemberClass::Newborn
        | MemberClass::OfGroup
        | MemberClass::Capitated
        | MemberClass::Delegated
        | MemberClass::Unassigned => vec![(since, None)],
    }
}

fn first_of_month(date: NaiveDate) -> NaiveDate {
    date.with_day(1).unwrap_or(date)
}

/// `9`, seven digits that no other number of the seed has, and a letter (DOMAIN A2).
fn cin(recipe: &Recipe, number: u64) -> String {
    const NUMBERS: u64 = 10_000_000;
    const LETTERS: &[char] = &['A', 'C', 'D', 'E', 'F', 'G', 'H', 'M', 'N', 'T', 'U', 'V', 'W', 'X', 'Y', 'Z'];
    let shift = Draw::new(recipe.seed(), Stream::Member, u64::MAX).below(NUMBERS);
    // A multiplier without a factor in common with ten million permutes the seven digits.
    let digits = (number % NUMBERS * 6_700_417 + shift) % NUMBERS;
    let letter = Draw::new(recipe.seed(), Stream::Member, u64::MAX ^ digits).pick(LETTERS);
    format!("9{digits:07}{letter}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::ids::Cin;
    use crate::synthetic::recipe::Mix;

    fn recipe(claims: u64, errors: u32) -> Recipe {
        Recipe::new(Mix::Both, claims, 3, errors, NaiveDate::from_ymd_opt(2026, 11, 1).unwrap()).unwrap()
    }

    #[test]
    fn ids_are_well_formed_and_of_one_member() {
        let recipe = recipe(9_000, 100);
        let membership = Membership::of(&recipe);
        let ids: BTreeSet<String> = (0..membership.total()).map(|number| member(&recipe, membership, number).cin).collect();
        assert_eq!(ids.len() as u64, membership.total());
        assert!(ids.iter().all(|id| Cin::parse(id.as_bytes()).is_ok()));
        assert!((0..500).all(|occurrence| !ids.contains(&unknown_cin(&recipe, membership, occurrence))));
    }

    #[test]
    fn membership_scales_and_is_bounded() {
        assert_eq!(Membership::of(&recipe(1, 0)).total(), 50);
        assert_eq!(Membership::of(&recipe(3_000, 0)).total(), 1_000);
        assert_eq!(Membership::of(&recipe(99_999_999, 0)).total(), 850_000);
    }

    #[test]
    fn coverage_fits_the_class() {
        let recipe = recipe(20_000, 200);
        let membership = Membership::of(&recipe);
        for number in 0..membership.total() {
            let person = member(&recipe, membership, number);
            let covered = |day| person.coverage.iter().any(|(from, to)| *from <= day && to.is_none_or(|to| day <= to));
            let visits_are_covered = [5, 150, 160].map(|days| covered(recipe.days_before(days)));
            match membership.class(number) {
                MemberClass::NotYetCovered | MemberClass::NoLongerCovered | MemberClass::Lapsed | MemberClass::Newborn => {
                    assert_eq!(visits_are_covered, [false; 3])
                }
                // Their coverage hangs on their one claim.
                MemberClass::Enrolling | MemberClass::Leaving => {}
                MemberClass::Deceased => assert!(person.death_date.unwrap() < recipe.days_before(160)),
                _ => assert!(visits_are_covered == [true; 3] && covered(recipe.days_before(575))),
            }
        }
    }
}
