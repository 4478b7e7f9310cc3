//! Professional claims of one service each, with what makes it one that needs no authorization, or needs
//! one of its own kind (DOMAIN C1 to C4); claims that another payer or the patient has paid for (D1, E3).

use super::claim::{Claim, Setting};
use super::maker::{Subject, Visit};
use super::providers::Role;
use super::restricted::{COLUMN_ONE, COLUMN_TWO};
use super::scenario::Scenario;
use super::services::{
    ASSESSMENT, DIAGNOSES, EXEMPTED, FIRST_VISIT, HIGH_LEVEL_VISIT, HIV_TEST, LATER_VISIT, LISTED_EXAMINATION, PROCEDURE_DIAGNOSES, Procedure, REFERRED,
    REPAIR, THERAPY, UNLISTED, VISITS, WRAPPED,
};
use crate::money::Money;

/// One service, and what stands beside it.
struct Special {
    scenario: Scenario,
    procedure: Procedure,
    modifier: &'static str,
    /// Empty: any that means nothing.
    diagnosis: &'static str,
    place: &'static str,
    role: Role,
    units: u32,
}

const fn of(scenario: Scenario, procedure: Procedure) -> Special {
    Special {
        scenario,
        procedure,
        modifier: "",
        diagnosis: "",
        place: "11",
        role: Role::Technical,
        units: 1,
    }
}

const fn exempted(scenario: Scenario, diagnosis: &'static str) -> Special {
    Special {
        diagnosis,
        ..of(scenario, EXEMPTED)
    }
}

const fn by_specialist(scenario: Scenario, procedure: Procedure) -> Special {
    Special {
        role: Role::Specialist,
        ..of(scenario, procedure)
    }
}

#[rustfmt::skip] // a table
const SPECIALS: &[Special] = &[
    Special { modifier: "FP", ..exempted(Scenario::FamilyPlanning, "") },
    Special { place: "20", ..exempted(Scenario::UrgentCare, "") },
    exempted(Scenario::Termination, "Z332"),
    exempted(Scenario::Assault, "T7421XA"),
    exempted(Scenario::Infection, "A539"),
    exempted(Scenario::Prenatal, "Z3400"),
    exempted(Scenario::MinorConsent, ""),
    of(Scenario::HivTest, HIV_TEST),
    of(Scenario::WrapMissing, WRAPPED),
    of(Scenario::ReferralMissing, REFERRED),
    of(Scenario::ReferralUnknown, REFERRED),
    of(Scenario::ReferralRefused, REFERRED),
    Special { units: 4, ..of(Scenario::ReferralShort, REFERRED) },
    by_specialist(Scenario::ConsultUnauthorized, FIRST_VISIT),
    by_specialist(Scenario::OpenConsult, FIRST_VISIT),
    by_specialist(Scenario::FollowUpUnauthorized, LATER_VISIT),
    by_specialist(Scenario::HighLevelUnauthorized, HIGH_LEVEL_VISIT),
    by_specialist(Scenario::FollowUp, LATER_VISIT),
    Special { units: 97, modifier: "GP", ..of(Scenario::HoursBeyondDay, THERAPY) },
    Special { role: Role::FamilyDoctor, ..of(Scenario::OtherPayerPaid, LATER_VISIT) },
    Special { role: Role::FamilyDoctor, ..of(Scenario::QualifiedBeneficiary, LATER_VISIT) },
    Special { role: Role::FamilyDoctor, ..of(Scenario::ChasedCoverage, LATER_VISIT) },
    Special { place: "23", role: Role::FamilyDoctor, ..of(Scenario::ForwardedEmergency, LATER_VISIT) },
    Special { modifier: "EP", ..exempted(Scenario::ChildPreventive, "") },
    Special { place: "50", role: Role::FamilyDoctor, ..of(Scenario::HealthCenter, LATER_VISIT) },
    Special { place: "05", role: Role::FamilyDoctor, ..of(Scenario::IndianHealth, LATER_VISIT) },
    of(Scenario::CheapRepair, REPAIR),
    of(Scenario::UnlistedService, UNLISTED),
    by_specialist(Scenario::AssessmentBySpecialist, ASSESSMENT),
    Special { role: Role::FamilyDoctor, ..of(Scenario::PairBegun, COLUMN_ONE) },
    Special { role: Role::FamilyDoctor, ..of(Scenario::PairContinued, COLUMN_TWO) },
    Special { role: Role::FamilyDoctor, ..of(Scenario::ShareOfCostMet, COLUMN_ONE) },
    Special { role: Role::FamilyDoctor, ..of(Scenario::AssignedProvider, LISTED_EXAMINATION) },
    Special { role: Role::FamilyDoctor, ..of(Scenario::OtherPayerLate, LATER_VISIT) },
];

/// The claim of a scenario of the table.
pub(super) fn made(mut visit: Visit<'_>, scenario: Scenario) -> Option<Claim> {
    let special = SPECIALS.iter().find(|special| special.scenario == scenario)?;
    let lines = vec![visit.line(&special.procedure, special.units).with_modifier(special.modifier)];
    let diagnoses = match special.diagnosis {
        "" => visit.several(PROCEDURE_DIAGNOSES, 1),
        diagnosis => vec![diagnosis],
    };
    let practitioner = visit.organization.practitioner(special.role).npi;
    let mut own = visit.authorization(&practitioner, special.procedure.code, special.units);
    let units_left = visit.units(3);
    let (referral, authorization) = match scenario {
        Scenario::ReferralUnknown => (Some(format!("X{}", visit.stem)), (None, Vec::new())),
        Scenario::ReferralRefused | Scenario::ReferralShort => {
            own.is_referral = true;
            let (number, rows) = visit.authorized(scenario, own, "", units_left);
            (number, (None, rows))
        }
        // What was authorized is the consult.
        Scenario::FollowUp => {
            (own.kind, own.unit_basis, own.code) = ("consult", "visit", FIRST_VISIT.code);
            (None, (Some(own.number.clone()), vec![own]))
        }
        _ => (None, (None, Vec::new())),
    };
    let subject = Subject {
        line: 0,
        units_left,
        authorization,
    };
    let claim = visit.claim(scenario, special.role, Setting::Office { place: special.place }, diagnoses, lines, subject);
    let claim = Claim {
        referral_number: referral,
        ..claim
    };
    Some(match scenario {
        Scenario::OtherPayerPaid | Scenario::OtherPayerLate | Scenario::QualifiedBeneficiary => paid_in_part(claim),
        _ => claim,
    })
}

/// Half of what the plan allows, to the dollar, was paid by another payer; the rest of the charge is the
/// patient's to that payer.
fn paid_in_part(claim: Claim) -> Claim {
    let paid = Money::from_cents((claim.paid().cents() / 200).max(1) * 100);
    Claim {
        prior_payment: Some(paid),
        ..claim
    }
    .decided(0, 0)
}

/// Visits by who has a share of cost: what the patient paid of it goes off the first lines.
pub(super) fn share_of_cost(mut visit: Visit<'_>, scenario: Scenario) -> Claim {
    let diagnoses = visit.several(DIAGNOSES, 1);
    let wanted = visit.units(3);
    let services = visit.several(VISITS, usize::try_from(wanted).unwrap_or(1));
    let lines = services.iter().map(|service| visit.line(service, 1)).collect();
    let paid = match scenario {
        Scenario::ShareOfCostPaid => Some(SHARE_OF_COST),
        Scenario::ShareOfCostDiffers => Some(Money::from_cents(SHARE_OF_COST.cents() / 3)),
        _ => None,
    };
    let claim = visit.claim(
        scenario,
        Role::FamilyDoctor,
        Setting::Office { place: "11" },
        diagnoses,
        lines,
        Subject::default(),
    );
    Claim {
        patient_paid: paid,
        share_of_cost: paid.unwrap_or_default(),
        ..claim
    }
    .decided(0, 0)
}

/// A month, of members that have one.
pub(super) const SHARE_OF_COST: Money = Money::from_cents(6_000);
