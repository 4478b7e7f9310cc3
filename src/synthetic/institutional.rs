//! Institutional claims: what a hospital bills, sound and with one defect.

use chrono::Days;

use super::claim::{Claim, Line, Price, Setting, Stay, StayKind};
use super::maker::{Subject, Visit};
use super::plan::Purpose;
use super::providers::{Role, other_organization};
use super::restricted;
use super::scenario::Scenario;
use super::services::{
    ADMISSIONS, ANCILLARIES, COSTLY_GROUP, DELIVERY_DIAGNOSIS, DELIVERY_OUTCOME, DELIVERY_ROOM, DIAGNOSES, EMERGENCY_DIAGNOSES, EMERGENCY_PROCEDURE,
    EMERGENCY_VISITS, FOR_NEWBORNS, FOR_WOMEN, INPATIENT_LABORATORY, LISTED_PROCEDURES, LISTED_THERAPY, MATERNITY_ROOM, NOT_COVERED, OF_HOSPITAL, PACKAGED,
    PHARMACY, PROCEDURE_DIAGNOSES, Procedure, RESPIRATORY, ROOM, RevenueRate, RevenueService, SUPPLIES, UNPRICED, VISITS, WEIGHTED_GROUP,
};
use crate::money::{Money, Quantity};

/// The claim of a visit to a hospital.
pub(super) fn made(mut visit: Visit<'_>) -> Claim {
    use Scenario::*;
    if visit.place.purpose == Purpose::Reporting {
        return outpatient(visit, Encounter);
    }
    let scenario = visit.scenario.unwrap_or_else(|| match visit.draw.below(100) {
        0..44 => Outpatient,
        44..56 => Emergency,
        56..64 => AuthorizedProcedure,
        64..70 => AuthorizedTherapy,
        70..82 => InpatientPerDiem,
        82..90 => EmergencyAdmission,
        _ => InpatientCaseRate,
    });
    match scenario {
        Emergency => emergency(visit),
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
        InpatientCaseRate if may_deliver(&visit) => delivery(visit, InpatientCaseRate),
        InpatientPerDiem | InpatientCaseRate => inpatient(visit, InpatientPerDiem),
        EmergencyAdmission => inpatient(visit, EmergencyAdmission),
        WrongSex => beside_a_visit(visit, scenario, &FOR_WOMEN),
        WrongAge => beside_a_visit(visit, scenario, &FOR_NEWBORNS),
        NotCovered => beside_a_visit(visit, scenario, &NOT_COVERED),
        Unpriced => beside_a_visit(visit, scenario, &UNPRICED),
        WrongBillType | WrongPatientStatus => match restricted::of(scenario) {
            Some(restricted) => beside_a_visit(visit, scenario, &restricted.procedure),
            None => outpatient(visit, scenario),
        },
        ProcedureMissing => procedure_missing(visit),
        IncludedInCase => delivery(visit, IncludedInCase),
        EstimateBilled | HospitalPatientPaid => with_amount(visit, scenario),
        GroupRate | CostlyStay => by_group(visit, scenario),
        HospitalRate => beside_a_visit(visit, scenario, &OF_HOSPITAL),
        Packaged => beside_a_visit(visit, scenario, &PACKAGED),
        SeveralMonths => several_months(visit),
        ConditionOnAdmission | StayUnauthorized | OtherLevelOfCare | NoticeLate | PartlyCovered => inpatient(visit, scenario),
        PairedProcedure | PartedPair | UnitsOfLine | UnitsOfDay => under_coding_edits(visit, scenario),
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
        | OtherPayerPaid
        | WrongSpecialty
        | ModifierMissing
        | ModifierForbidden
        | OtherDiagnosis
        | UnitsRestricted
        | UnitsOfDayRestricted
        | UnitsCut
        | ForReview
        | OnlyTold
        | ShareOfCostPaid
        | ShareOfCostDiffers
        | ShareOfCostUnsaid
        | SameLine
        | SuspectDuplicate
        | DelayRefused
        | DelayExcused
        | CapitatedGroup
        | HospiceElected
        | NotEnrolled
        | OnlySoOften
        | ServiceOfNetwork
        | QualifiedBeneficiary
        | ChasedCoverage
        | RetroactiveCoverage
        | ContractLimit
        | ForwardedEmergency
        | ChildPreventive
        | HealthCenter
        | IndianHealth
        | CheapRepair
        | Misdirected
        | GoodCause
        | OtherPayerLate
        | BeforeBirth
        | GraceGranted
        | TertiaryVisit
        | AssignedProvider
        | PairBegun
        | PairContinued
        | ShareOfCostMet
        | AssessmentBySpecialist
        | UnlistedService
        | Outpatient
        | OfficeVisit
        | Therapy
        | SpecialistConsult
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
        | AbsentDiagnosis
        | LateClaim
        | LateLine
        | ReferrerMissing
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
        | OutsideNetwork
        | NotOnSchedule
        | Duplicate
        | BeforeCoverage
        | AfterCoverage
        | CoverageGap
        | AfterDeath
        | BirthDateDiffers
        | OtherCoverage
        | DelayUnproved
        | WrongPlace
        | NetworkResponsible
        | Forwarded
        | NetworkUnknown
        | PatientPaid => outpatient(visit, scenario),
    }
}

fn outpatient(mut visit: Visit<'_>, scenario: Scenario) -> Claim {
    let (diagnoses, lines) = visit_lines(&mut visit);
    let setting = day_setting(&visit, StayKind::Outpatient);
    visit.claim(scenario, Role::Attending, setting, diagnoses, lines, Subject::default())
}

/// A clinic visit with tests, and what the pharmacy or the ward hands out.
fn visit_lines(visit: &mut Visit<'_>) -> (Vec<&'static str>, Vec<Line>) {
    let diagnosis_count = 1 + visit.draw.below(3);
    let diagnoses = visit.several(DIAGNOSES, usize::try_from(diagnosis_count).unwrap_or(1));
    let first = visit.draw.pick(VISITS);
    let mut lines = vec![visit.line(&first, 1)];
    let beside = usize::try_from(visit.draw.below(4)).unwrap_or(0);
    for procedure in visit.several(ANCILLARIES, beside) {
        lines.push(visit.line(&procedure, 1));
    }
    if visit.draw.one_in(3) {
        let service = if visit.draw.one_in(2) { PHARMACY } else { SUPPLIES };
        lines.push(revenue_line(visit, service, 1));
    }
    (diagnoses, lines)
}

fn emergency(mut visit: Visit<'_>) -> Claim {
    let arrival = visit.draw.pick(EMERGENCY_VISITS);
    let lines = vec![
        visit.line(&arrival, 1),
        visit.line(&EMERGENCY_PROCEDURE, 1),
        revenue_line(&mut visit, PHARMACY, 1),
    ];
    let diagnoses = visit.several(EMERGENCY_DIAGNOSES, 1);
    let setting = day_setting(&visit, StayKind::OutpatientEmergency);
    visit.claim(Scenario::Emergency, Role::SecondAttending, setting, diagnoses, lines, Subject::default())
}

/// An outpatient service of the authorization list.
fn listed(mut visit: Visit<'_>, scenario: Scenario, procedure: &Procedure, units: u32) -> Claim {
    let mut lines = vec![visit.line(procedure, units)];
    if visit.draw.one_in(2) {
        lines.push(revenue_line(&mut visit, SUPPLIES, 1));
    }
    let diagnoses = visit.several(PROCEDURE_DIAGNOSES, 1);
    let units_left = visit.units(3);
    let own = visit.authorization(&visit.organization.npi, procedure.code, units);
    let stranger = other_organization(visit.recipe, &visit.organization).npi;
    let subject = Subject {
        line: 0,
        units_left,
        authorization: visit.authorized(scenario, own, &stranger, units_left),
    };
    let setting = day_setting(&visit, StayKind::Outpatient);
    visit.claim(scenario, Role::Attending, setting, diagnoses, lines, subject)
}

/// One service that must be denied, alone or as the last line of a visit that is paid.
fn beside_a_visit(mut visit: Visit<'_>, scenario: Scenario, procedure: &Procedure) -> Claim {
    let (diagnoses, mut lines) = visit_lines(&mut visit);
    if visit.draw.one_in(2) {
        lines.clear();
    }
    lines.push(visit.line(procedure, 1));
    let last = lines.len() - 1;
    let setting = day_setting(&visit, StayKind::Outpatient);
    visit.claim(scenario, Role::Attending, setting, diagnoses, lines, Subject::line(last))
}

/// A revenue code that needs a procedure and has none, after a visit that is paid.
fn procedure_missing(mut visit: Visit<'_>) -> Claim {
    let (diagnoses, mut lines) = visit_lines(&mut visit);
    lines.push(revenue_line(&mut visit, restricted::NEEDS_PROCEDURE, 1));
    let last = lines.len() - 1;
    let setting = day_setting(&visit, StayKind::Outpatient);
    visit.claim(Scenario::ProcedureMissing, Role::Attending, setting, diagnoses, lines, Subject::line(last))
}

/// A statement of more than a month with a service that must be billed by the month.
fn several_months(mut visit: Visit<'_>) -> Claim {
    let (diagnoses, mut lines) = visit_lines(&mut visit);
    lines.extend(restricted::of(Scenario::SeveralMonths).map(|restricted| visit.line(&restricted.procedure, 1)));
    let last = lines.len() - 1;
    let setting = stay_setting(&visit, StayKind::Outpatient, 40);
    visit.claim(Scenario::SeveralMonths, Role::Attending, setting, diagnoses, lines, Subject::line(last))
}

/// Services of an NCCI pair, or more units than are believed.
fn under_coding_edits(mut visit: Visit<'_>, scenario: Scenario) -> Claim {
    let (lines, subject) = visit.coding_edit_lines(scenario);
    let diagnoses = visit.several(DIAGNOSES, 1);
    let setting = day_setting(&visit, StayKind::Outpatient);
    visit.claim(scenario, Role::Attending, setting, diagnoses, lines, subject)
}

/// A stay with its authorization for the room; through the emergency room, that visit too.
fn inpatient(mut visit: Visit<'_>, scenario: Scenario) -> Claim {
    let (diagnosis, group) = visit.draw.pick(ADMISSIONS);
    let through_emergency = matches!(scenario, Scenario::EmergencyAdmission | Scenario::NoticeLate);
    let kind = if through_emergency {
        StayKind::EmergencyInpatient { group }
    } else {
        StayKind::Inpatient { group }
    };
    let days = visit.units(6);
    let setting = stay_setting(&visit, kind, days);
    let mut lines = vec![
        revenue_line(&mut visit, ROOM, days),
        revenue_line(&mut visit, PHARMACY, days),
        revenue_line(&mut visit, INPATIENT_LABORATORY, 1),
    ];
    if visit.draw.one_in(3) {
        lines.push(revenue_line(&mut visit, RESPIRATORY, 1));
    }
    if through_emergency {
        let arrival = visit.draw.pick(EMERGENCY_VISITS);
        lines.push(visit.line(&arrival, 1));
    }
    // What is restricted comes last.
    lines.extend(restricted::of(scenario).map(|restricted| visit.line(&restricted.procedure, 1)));
    for line in &mut lines {
        line.date = admitted(&setting).unwrap_or(line.date);
    }
    let mut own = visit.authorization(&visit.organization.npi, ROOM.code, days);
    (own.kind, own.unit_basis, own.notified_on) = ("inpatient", "day", admitted(&setting));
    let stranger = other_organization(visit.recipe, &visit.organization).npi;
    let subject = Subject {
        // What is restricted comes last, the room first.
        line: if scenario == Scenario::ConditionOnAdmission { lines.len() - 1 } else { 0 },
        authorization: visit.authorized(scenario, own, &stranger, 0),
        ..Subject::default()
    };
    let more = visit.several(DIAGNOSES, 2);
    let diagnoses = [diagnosis].into_iter().chain(more).collect();
    visit.claim(scenario, Role::Attending, setting, diagnoses, lines, subject)
}

/// An emergency stay of one line, whose group has a rate. What a costly one cost beyond it, half of its charge,
/// is paid for three fifths above 10,000.00.
fn by_group(mut visit: Visit<'_>, scenario: Scenario) -> Claim {
    let more = i64::try_from(visit.draw.below(400)).unwrap_or(0);
    let ((group, cents), charge_cents) = match scenario {
        Scenario::CostlyStay => (COSTLY_GROUP, 10_000_000 + 10_000 * more),
        _ => (WEIGHTED_GROUP, 900_000 + 1_000 * more),
    };
    let above = match scenario {
        Scenario::CostlyStay => (charge_cents / 2 - cents - 1_000_000) * 3 / 5,
        _ => 0,
    };
    let days = visit.units(5);
    let setting = stay_setting(&visit, StayKind::EmergencyInpatient { group }, days);
    let line = Line {
        price: Price::Whole(Money::from_cents(cents + above)),
        ..Line::of_revenue(PHARMACY, 1, Money::from_cents(charge_cents), visit.date)
    };
    let diagnoses = visit.several(DIAGNOSES, 2);
    visit.claim(scenario, Role::Attending, setting, diagnoses, vec![line], Subject::default())
}

/// An estimate of what the patient owes, or what a patient paid who owes nothing.
fn with_amount(mut visit: Visit<'_>, scenario: Scenario) -> Claim {
    let dollars = 10 + i64::try_from(visit.draw.below(20)).unwrap_or(0);
    Claim {
        patient_paid: Some(Money::from_cents(dollars * 100)),
        ..outpatient(visit, scenario)
    }
}

/// Routine delivery: exempt from authorization, paid by the case (DOMAIN C3). What stands behind the first
/// line of the room is included in it.
fn delivery(mut visit: Visit<'_>, scenario: Scenario) -> Claim {
    let days = visit.units(2);
    let setting = stay_setting(&visit, StayKind::Delivery, days);
    let mut lines = vec![
        revenue_line(&mut visit, MATERNITY_ROOM, days),
        revenue_line(&mut visit, PHARMACY, 1),
        revenue_line(&mut visit, DELIVERY_ROOM, 1),
    ];
    if scenario == Scenario::IncludedInCase {
        // At another charge than the first, whose duplicate it would be.
        let charge = lines.first().map_or(Money::ZERO, |room| room.charge) + Money::from_cents(100);
        lines.push(Line {
            charge,
            ..revenue_line(&mut visit, MATERNITY_ROOM, 1)
        });
    }
    let diagnoses = vec![DELIVERY_DIAGNOSIS, DELIVERY_OUTCOME];
    visit.claim(scenario, Role::Attending, setting, diagnoses, lines, Subject::line(3))
}

/// A woman of 22 to 44 on the day.
fn may_deliver(visit: &Visit<'_>) -> bool {
    let years = visit.date.years_since(visit.member.birth_date).unwrap_or(0);
    visit.member.sex == "F" && (18..45).contains(&years)
}

fn day_setting(visit: &Visit<'_>, kind: StayKind) -> Setting {
    Setting::Hospital(Stay {
        kind,
        from: visit.date,
        through: visit.date,
    })
}

fn stay_setting(visit: &Visit<'_>, kind: StayKind, days: u32) -> Setting {
    Setting::Hospital(Stay {
        kind,
        from: visit.date.checked_sub_days(Days::new(u64::from(days))).unwrap_or(visit.date),
        through: visit.date,
    })
}

fn admitted(setting: &Setting) -> Option<chrono::NaiveDate> {
    match setting {
        Setting::Hospital(stay) => Some(stay.from),
        Setting::Office { .. } => None,
    }
}

/// Charged well above what is allowed, so that every rate ends in a write-down.
fn revenue_line(visit: &mut Visit<'_>, service: RevenueService, units: u32) -> Line {
    let charge = match service.rate {
        RevenueRate::PerDiemCents(cents) => visit.asks_more(cents).times(Quantity::whole(units)),
        RevenueRate::CaseCents(cents) => visit.asks_more(cents),
        RevenueRate::Percent(_) => {
            let cents = 2_000 + i64::try_from(visit.draw.below(90_000)).unwrap_or(0);
            Money::from_cents(cents).times(Quantity::whole(units))
        }
    };
    Line::of_revenue(service, units, charge, visit.date)
}

impl Visit<'_> {
    fn asks_more(&mut self, cents: i64) -> Money {
        let percent = 150 + i64::try_from(self.draw.below(200)).unwrap_or(0);
        Money::from_cents(cents * percent / 100)
    }
}
