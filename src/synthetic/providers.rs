//! Billing organisations and the people who work there, by number; the same for every seed.

use super::members::{TOWNS, Town};
use super::recipe::Recipe;
use crate::ids::Form;

/// A clinic or hospital that bills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Organization {
    pub form: Form,
    pub number: u64,
    pub name: String,
    pub npi: String,
    pub tin: String,
    pub taxonomy: &'static str,
    pub street: String,
    pub town: Town,
    /// ZIP + 4.
    pub zip4: u64,
}

/// What a person at an organisation does; decides which rules apply to the visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    FamilyDoctor,
    SecondFamilyDoctor,
    Specialist,
    /// Imaging and therapy.
    Technical,
    Attending,
    SecondAttending,
}

/// A person who renders (2310B, 837P) or attends (2310A, 837I).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Practitioner {
    pub npi: String,
    pub last_name: &'static str,
    pub first_name: &'static str,
    pub taxonomy: &'static str,
    /// `kind` of `providers.csv`.
    pub kind: &'static str,
}

/// First numbers of each kind of provider; far enough apart never to meet.
const CLINICS: u64 = 20_000_000;
const CLINIC_STAFF: u64 = 30_000_000;
const HOSPITALS: u64 = 60_000_000;
const HOSPITAL_STAFF: u64 = 70_000_000;
const PRIMARY_CARE: u64 = 90_000_000;

/// How many organisations bill in a form.
pub(super) fn organizations(recipe: &Recipe, form: Form) -> u64 {
    match form {
        Form::Professional => (recipe.claims() / 200).clamp(12, 400),
        Form::Institutional => (recipe.claims() / 400).clamp(4, 60),
    }
}

/// Claims in a row by one organisation, as a practice system sends them.
const RUN_CLAIMS: u64 = 20;

/// Who bills the n-th claim of a form.
pub(super) fn billing(recipe: &Recipe, form: Form, of_form: u64) -> Organization {
    organization(form, of_form / RUN_CLAIMS % organizations(recipe, form))
}

/// Another organisation of the same form.
pub(super) fn other_organization(recipe: &Recipe, organization_now: &Organization) -> Organization {
    let count = organizations(recipe, organization_now.form);
    organization(organization_now.form, (organization_now.number + 1) % count)
}

/// The one behind all others, which has no contract.
pub(super) fn uncontracted(recipe: &Recipe, form: Form) -> Organization {
    organization(form, organizations(recipe, form))
}

/// The one behind that, whose enrolment has ended.
pub(super) fn lapsed(recipe: &Recipe, form: Form) -> Organization {
    organization(form, organizations(recipe, form) + 1)
}

/// The one behind that, a tertiary centre.
pub(super) fn tertiary(recipe: &Recipe, form: Form) -> Organization {
    organization(form, organizations(recipe, form) + 2)
}

pub(super) fn organization(form: Form, number: u64) -> Organization {
    let (first, tin, taxonomy, name) = match form {
        Form::Professional => (CLINICS, 951_000_000, "261QM1300X", "SYNTHETIC CLINIC"),
        Form::Institutional => (HOSPITALS, 952_000_000, "282N00000X", "SYNTHETIC HOSPITAL"),
    };
    Organization {
        form,
        number,
        name: format!("{name} {number:04}"),
        npi: npi(first + number),
        tin: (tin + number).to_string(),
        taxonomy,
        street: format!("{} SAMPLE CENTER DR", 100 + number),
        town: town(number),
        zip4: 1_000 + number,
    }
}

impl Organization {
    pub(super) fn roles(&self) -> &'static [Role] {
        match self.form {
            Form::Professional => &[Role::FamilyDoctor, Role::SecondFamilyDoctor, Role::Specialist, Role::Technical],
            Form::Institutional => &[Role::Attending, Role::SecondAttending],
        }
    }

    pub(super) fn practitioner(&self, role: Role) -> Practitioner {
        let (first, place, kind, taxonomy, last_name) = match role {
            Role::FamilyDoctor => (CLINIC_STAFF, 0, "pcp", PRIMARY_CARE_TAXONOMY, "SAMPLEFAMILY"),
            Role::SecondFamilyDoctor => (CLINIC_STAFF, 1, "pcp", "208D00000X", "SAMPLEGENERAL"),
            Role::Specialist => (CLINIC_STAFF, 2, "specialist", "207RC0000X", "SAMPLEHEART"),
            Role::Technical => (CLINIC_STAFF, 3, "other", "2085R0202X", "SAMPLEIMAGING"),
            Role::Attending => (HOSPITAL_STAFF, 0, "other", "208M00000X", "SAMPLEHOSPITAL"),
            Role::SecondAttending => (HOSPITAL_STAFF, 1, "other", "207P00000X", "SAMPLEURGENT"),
        };
        Practitioner {
            npi: npi(first + self.number * 8 + place),
            last_name,
            first_name: if (self.number + place).is_multiple_of(2) { "DANA" } else { "ROBIN" },
            taxonomy,
            kind,
        }
    }
}

/// NPI and TIN of an assigned primary care provider.
pub(super) fn primary_care(number: u64) -> (String, String) {
    (npi(PRIMARY_CARE + number), (953_000_000 + number).to_string())
}

/// The same provider, as who renders a service.
pub(super) fn assigned(number: u64) -> Practitioner {
    Practitioner {
        npi: primary_care(number).0,
        last_name: "SAMPLEASSIGNED",
        first_name: "ROBIN",
        taxonomy: PRIMARY_CARE_TAXONOMY,
        kind: "pcp",
    }
}

/// Family medicine.
pub(super) const PRIMARY_CARE_TAXONOMY: &str = "207Q00000X";

fn town(number: u64) -> Town {
    usize::try_from(number)
        .ok()
        .and_then(|number| TOWNS.get(number % TOWNS.len()))
        .copied()
        .unwrap_or_default()
}

/// `1`, eight digits and the Luhn digit over `80840` + NPI (DOMAIN A3).
fn npi(number: u64) -> String {
    let nine = 100_000_000 + number % 100_000_000;
    let (sum, _, _) = (0..9).fold((24, nine, true), |(sum, rest, doubled), _| {
        let digit = rest % 10;
        let counted = match doubled {
            true if digit >= 5 => digit * 2 - 9,
            true => digit * 2,
            false => digit,
        };
        (sum + counted, rest / 10, !doubled)
    });
    format!("{nine}{}", (10 - sum % 10) % 10)
}

/// The same NPI with a check digit that cannot be right.
pub(super) fn with_wrong_check_digit(npi: &str) -> String {
    let (nine, digit) = npi.split_at_checked(9).unwrap_or((npi, "0"));
    let wrong = (digit.parse::<u8>().unwrap_or(0) + 1) % 10;
    format!("{nine}{wrong}")
}

/// A nine-digit routing number with its ABA check digit, in the range of travelers' cheques.
pub(super) fn routing_number(number: u64) -> String {
    let eight = 80_000_000 + number % 10_000_000;
    // From the last digit to the first.
    let weights = [7, 3, 1, 7, 3, 1, 7, 3];
    let (sum, _) = weights.iter().fold((0, eight), |(sum, rest), weight| (sum + rest % 10 * weight, rest / 10));
    format!("{eight}{}", (10 - sum % 10) % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Npi;

    #[test]
    fn every_npi_is_valid_and_every_wrong_one_is_not() {
        for form in [Form::Professional, Form::Institutional] {
            for number in 0..60 {
                let place = organization(form, number);
                let people = place.roles().iter().map(|role| place.practitioner(*role).npi);
                for npi in people.chain([place.npi.clone(), primary_care(number).0]) {
                    assert!(Npi::parse(npi.as_bytes()).is_ok(), "{npi}");
                    assert!(Npi::parse(with_wrong_check_digit(&npi).as_bytes()).is_err());
                }
            }
        }
    }

    #[test]
    fn routing_numbers_have_their_check_digit() {
        for number in 0..50 {
            let digits: Vec<u32> = routing_number(number).chars().filter_map(|digit| digit.to_digit(10)).collect();
            let sum: u32 = digits.iter().zip([3, 7, 1, 3, 7, 1, 3, 7, 1]).map(|(digit, weight)| digit * weight).sum();
            assert_eq!((digits.len(), sum % 10), (9, 0));
        }
    }
}
