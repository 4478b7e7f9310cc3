//! Professional claims: what a clinic bills, sound and with one defect.

use super::claim::{Claim, Line, Setting};
use super::maker::{Subject, Visit};
use super::plan::Purpose;
use super::providers::{Role, other_organization};
use super::restricted::{self, Company};
use super::scenario::Scenario;
use super::services::{
    ANCILLARIES, CONSULT, DIAGNOSES, DRUG, EMERGENCY_DIAGNOSES, EMERGENCY_PROCEDURE, EMERGENCY_VISITS, FOR_NEWBORNS, FOR_WOMEN, INJECTION, LISTED_PROCEDURES,
    LISTED_THERAPY, MANUAL_THERAPY, NOT_AT_HOME, NOT_COVERED, OF_NETWORK, PROCEDURE_DIAGNOSES, Procedure, THERAPY, UNPRICED, VISITS,
};
use super::special;
use crate::money::Money;

const OFFICE: Setting = Setting::Office { place: "11" };
const HOME: Setting = Setting::Office { place: "12" };
const EMERGENCY_ROOM: Setting = Setting::Office { place: "23" };

/// The claim of a visit to a clinic.
pub(super) fn made(mut visit: Visit<'_>) -> Claim {
    use Scenario::*;
    if visit.place.purpose == Purpose::Reporting {
        return office_visit(visit, Encounter, 1);
    }
    let scenario = visit.scenario.unwrap_or_else(|| match visit.draw.below(100) {
        0..74 => OfficeVisit,
        74..83 => Therapy,
        83..89 => AuthorizedProcedure,
        89..93 => AuthorizedTherapy,
        93..96 => SpecialistConsult,
        _ => Emergency,
    });
    match scenario {
        Therapy => therapy(visit),
        AuthorizedProcedure
        | AuthorizationMissing
        | AuthorizationUnknown
        | AuthorizationDenied
        | AuthorizationCancelled
        | AuthorizationOtherProvider
        | AuthorizationOtherCode
        | AuthorizationForeign
        | AuthorizationExpired => {
            let procedure = visit.draw.pick(LISTED_PROCEDURES);
            listed(visit, scenario, &procedure, 1)
        }
        AuthorizedTherapy => {
            let units = visit.units(4);
            listed(visit, scenario, &LISTED_THERAPY, units)
        }
        AuthorizationUnitsShort | AuthorizationUsedUp => listed(visit, scenario, &LISTED_THERAPY, 4),
        SpecialistConsult => consult(visit),
        Emergency => emergency(visit),
        LateLine => late_line(visit),
        WrongSex => beside_a_visit(visit, scenario, &FOR_WOMEN, OFFICE),
        WrongAge => beside_a_visit(visit, scenario, &FOR_NEWBORNS, OFFICE),
        WrongPlace => beside_a_visit(visit, scenario, &NOT_AT_HOME, HOME),
        NotCovered => beside_a_visit(visit, scenario, &NOT_COVERED, OFFICE),
        ServiceOfNetwork => beside_a_visit(visit, scenario, &OF_NETWORK, OFFICE),
        Unpriced => beside_a_visit(visit, scenario, &UNPRICED, OFFICE),
        ReferrerMissing
        | DrugCodeMissing
        | DescriptionMissing
        | ConsentMissing
        | AttachmentMissing
        | LaboratoryNumberMissing
        | TelehealthNotCovered
        | PrimaryServiceMissing
        | Bundled
        | MutuallyExclusive
        | OtherAidCode
        | OutOfNetwork
        | WrongSpecialty
        | ModifierMissing
        | ModifierForbidden
        | OtherDiagnosis
        | UnitsRestricted
        | UnitsOfDayRestricted
        | UnitsCut
        | ForReview
        | OnlyTold
        | HospiceElected
        | NotEnrolled
        | OnlySoOften
        | NotOnSchedule => restricted(visit, scenario),
        ShareOfCostPaid | ShareOfCostDiffers | ShareOfCostUnsaid => special::share_of_cost(visit, scenario),
        SameLine => same_line(visit),
        PairedProcedure | PartedPair | UnitsOfLine | UnitsOfDay => under_coding_edits(visit, scenario),
        AbsentDiagnosis => absent_diagnosis(visit),
        PatientPaid => patient_paid(visit),
        FamilyPlanning
        | UrgentCare
        | Termination
        | Assault
        | Infection
        | Prenatal
        | MinorConsent
        | HivTest
        | WrapMissing
        | ReferralMissing
        | ReferralUnknown
        | ReferralRefused
        | ReferralShort
        | ConsultUnauthorized
        | OpenConsult
        | FollowUpUnauthorized
        | HighLevelUnauthorized
        | FollowUp
        | HoursBeyondDay
        | QualifiedBeneficiary
        | ChasedCoverage
        | ForwardedEmergency
        | ChildPreventive
        | HealthCenter
        | IndianHealth
        | CheapRepair
        | UnlistedService
        | OtherPayerLate
        | AssignedProvider
        | PairBegun
        | PairContinued
        | ShareOfCostMet
        | AssessmentBySpecialist
        | OtherPayerPaid => match special::made(visit.clone(), scenario) {
            Some(claim) => claim,
            None => office_visit(visit, scenario, 1),
        },
        OfficeVisit
        | Outpatient
        | InpatientPerDiem
        | InpatientCaseRate
        | EmergencyAdmission
        | WrongBillType
        | WrongPatientStatus
        | ProcedureMissing
        | SeveralMonths
        | ConditionOnAdmission
        | Encounter
        | UnknownMember
        | ChargeNotSum
        | PractitionerCheckDigit
        | LineDateMissing
        | StatementDatesMissing
        | FacilityQualifier
        | ReplacementWithoutOriginal
        | ReplacementOfNothing
        | VoidOfNothing
        | Replacement
        | Void
        | FutureDate
        | LateClaim
        | Duplicate
        | SuspectDuplicate
        | BeforeCoverage
        | AfterCoverage
        | CoverageGap
        | AfterDeath
        | BirthDateDiffers
        | OtherCoverage
        | DelayUnproved
        | DelayRefused
        | DelayExcused
        | CapitatedGroup
        | RetroactiveCoverage
        | Misdirected
        | GoodCause
        | BeforeBirth
        | GraceGranted
        | TertiaryVisit
        | PartlyCovered
        | ContractLimit
        | GroupRate
        | CostlyStay
        | HospitalRate
        | Packaged
        | IncludedInCase
        | EstimateBilled
        | HospitalPatientPaid
        | NetworkResponsible
        | Forwarded
        | OutsideNetwork
        | StayUnauthorized
        | OtherLevelOfCare
        | NoticeLate
        | NetworkUnknown => office_visit(visit, scenario, 1),
    }
}

fn office_visit(mut visit: Visit<'_>, scenario: Scenario, fewest_lines: usize) -> Claim {
    let (diagnoses, lines) = visit_lines(&mut visit, fewest_lines);
    let role = family_doctor(&mut visit);
    visit.claim(scenario, role, OFFICE, diagnoses, lines, Subject::default())
}

/// A visit with one to six lines, and its diagnoses.
fn visit_lines(visit: &mut Visit<'_>, fewest_lines: usize) -> (Vec<&'static str>, Vec<Line>) {
    let diagnosis_count = 1 + visit.draw.below(3);
    let diagnoses = visit.several(DIAGNOSES, usize::try_from(diagnosis_count).unwrap_or(1));
    let wanted = match visit.draw.below(100) {
        0..22 => 1,
        22..46 => 2,
        46..66 => 3,
        66..82 => 4,
        82..93 => 5,
        _ => 6,
    };
    let beside = visit.several(ANCILLARIES, fewest_lines.max(wanted) - 1);
    let first = visit.draw.pick(VISITS);
    let mut lines = vec![visit.line(&first, 1)];
    for procedure in &beside {
        let pointers = if diagnoses.len() > 1 && visit.draw.one_in(3) { "2" } else { "1" };
        lines.push(Line {
            pointers,
            ..visit.line(procedure, 1)
        });
    }
    if lines.len() == 2 && visit.draw.one_in(6) {
        lines.push(visit.line(&INJECTION, 1));
        lines.push(visit.line(&DRUG, 10));
    }
    let has_procedure = lines.iter().skip(1).any(|line| !line.is_laboratory);
    if let Some(first) = lines.first_mut() {
        first.pointers = ["1", "1:2", "1:2:3"].get(diagnoses.len() - 1).copied().unwrap_or("1");
        first.modifier = if has_procedure { "25" } else { "" };
    }
    (diagnoses, lines)
}

fn family_doctor(visit: &mut Visit<'_>) -> Role {
    if visit.draw.one_in(2) { Role::FamilyDoctor } else { Role::SecondFamilyDoctor }
}

fn therapy(mut visit: Visit<'_>) -> Claim {
    let units = visit.units(4);
    let mut lines = vec![visit.line(&THERAPY, units).with_modifier("GP")];
    if visit.draw.one_in(2) {
        let units = visit.units(2);
        lines.push(visit.line(&MANUAL_THERAPY, units).with_modifier("GP"));
    }
    let diagnoses = visit.several(PROCEDURE_DIAGNOSES, 1);
    visit.claim(Scenario::Therapy, Role::Technical, OFFICE, diagnoses, lines, Subject::default())
}

/// A service of the authorization list, alone or before an unlisted one.
fn listed(mut visit: Visit<'_>, scenario: Scenario, procedure: &Procedure, units: u32) -> Claim {
    let mut lines = vec![visit.line(procedure, units)];
    if visit.draw.one_in(2) {
        let beside = visit.draw.pick(ANCILLARIES);
        lines.push(visit.line(&beside, 1));
    }
    let diagnoses = visit.several(PROCEDURE_DIAGNOSES, 1);
    let units_left = visit.units(3);
    let own = visit.authorization(&visit.organization.practitioner(Role::Technical).npi, procedure.code, units);
    let stranger = other_organization(visit.recipe, &visit.organization).practitioner(Role::Technical).npi;
    let subject = Subject {
        line: 0,
        units_left,
        authorization: visit.authorized(scenario, own, &stranger, units_left),
    };
    visit.claim(scenario, Role::Technical, OFFICE, diagnoses, lines, subject)
}

fn consult(mut visit: Visit<'_>) -> Claim {
    let lines = vec![visit.line(&CONSULT, 1)];
    let diagnoses = visit.several(DIAGNOSES, 2);
    let mut own = visit.authorization(&visit.organization.practitioner(Role::Specialist).npi, CONSULT.code, 1);
    (own.kind, own.unit_basis) = ("consult", "visit");
    let subject = Subject {
        authorization: (Some(own.number.clone()), vec![own]),
        ..Subject::default()
    };
    visit.claim(Scenario::SpecialistConsult, Role::Specialist, OFFICE, diagnoses, lines, subject)
}

fn emergency(mut visit: Visit<'_>) -> Claim {
    let arrival = visit.draw.pick(EMERGENCY_VISITS);
    let lines = vec![visit.line(&arrival, 1), visit.line(&EMERGENCY_PROCEDURE, 1)];
    let diagnoses = visit.several(EMERGENCY_DIAGNOSES, 1);
    visit.claim(
        Scenario::Emergency,
        Role::SecondFamilyDoctor,
        EMERGENCY_ROOM,
        diagnoses,
        lines,
        Subject::default(),
    )
}

fn late_line(mut visit: Visit<'_>) -> Claim {
    let (diagnoses, mut lines) = visit_lines(&mut visit, 2);
    let last = lines.len() - 1;
    if let Some(line) = lines.last_mut() {
        line.date = visit.late_date;
    }
    let role = family_doctor(&mut visit);
    visit.claim(Scenario::LateLine, role, OFFICE, diagnoses, lines, Subject::line(last))
}

/// One service that must be denied, alone or as the last line of a visit that is paid.
fn beside_a_visit(mut visit: Visit<'_>, scenario: Scenario, procedure: &Procedure, setting: Setting) -> Claim {
    let (diagnoses, mut lines) = visit_lines(&mut visit, 1);
    if visit.draw.one_in(2) {
        lines.clear();
    }
    lines.push(visit.line(procedure, 1));
    let last = lines.len() - 1;
    let role = family_doctor(&mut visit);
    visit.claim(scenario, role, setting, diagnoses, lines, Subject::line(last))
}

/// A service with a restriction, in the company that its table names.
fn restricted(mut visit: Visit<'_>, scenario: Scenario) -> Claim {
    let (diagnoses, mut lines) = visit_lines(&mut visit, 1);
    let restricted = restricted::of(scenario);
    let company = restricted.map_or(Company::Any, |restricted| restricted.company);
    if company == Company::Alone || (company == Company::Any && visit.draw.one_in(2)) {
        lines.clear();
    }
    lines.extend(restricted.map(|restricted| visit.line(&restricted.procedure, restricted.units).with_modifier(restricted.modifier)));
    let last = lines.len().saturating_sub(1);
    let role = family_doctor(&mut visit);
    let subject = Subject {
        units_left: 2,
        ..Subject::line(last)
    };
    visit.claim(scenario, role, OFFICE, diagnoses, lines, subject)
}

/// Services of an NCCI pair, or more units than are believed.
fn under_coding_edits(mut visit: Visit<'_>, scenario: Scenario) -> Claim {
    let (lines, subject) = visit.coding_edit_lines(scenario);
    let diagnoses = visit.several(DIAGNOSES, 1);
    let role = family_doctor(&mut visit);
    visit.claim(scenario, role, OFFICE, diagnoses, lines, subject)
}

/// A visit whose last line is billed twice.
fn same_line(mut visit: Visit<'_>) -> Claim {
    let (diagnoses, mut lines) = visit_lines(&mut visit, 2);
    lines.extend(lines.last().cloned());
    let last = lines.len() - 1;
    let role = family_doctor(&mut visit);
    visit.claim(Scenario::SameLine, role, OFFICE, diagnoses, lines, Subject::line(last))
}

fn absent_diagnosis(visit: Visit<'_>) -> Claim {
    let mut claim = office_visit(visit, Scenario::AbsentDiagnosis, 1);
    if let Some(line) = claim.lines.last_mut() {
        line.pointers = "9";
    }
    claim
}

fn patient_paid(mut visit: Visit<'_>) -> Claim {
    let dollars = 10 + i64::try_from(visit.draw.below(20)).unwrap_or(0);
    Claim {
        patient_paid: Some(Money::from_cents(dollars * 100)),
        ..office_visit(visit, Scenario::PatientPaid, 1)
    }
}
