//! What a claim is made to show, and what must come of it (DOMAIN B to E, H).
//!
//! To the next editor: a new defect needs its variant and name here, its place in a rotation, its
//! member class if it depends on the member, and its making in `professional.rs` or
//! `institutional.rs`. The answer key follows from the lines' expected decisions.

use super::recipe::Recipe;
use crate::ids::Form;

macro_rules! scenarios {
    ($($(#[$doc:meta])* $variant:ident $name:literal;)*) => {
        /// One fact per claim; the name is the `scenario` column of the answer key.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Scenario { $($(#[$doc])* $variant),* }

        impl Scenario {
            pub(super) fn name(self) -> &'static str {
                match self { $(Scenario::$variant => $name),* }
            }
        }
    };
}

scenarios! {
    OfficeVisit "office-visit";
    Therapy "therapy";
    AuthorizedProcedure "authorized-procedure";
    AuthorizedTherapy "authorized-therapy";
    /// An initial consult by a specialist, with its authorization (DOMAIN C2 P3).
    SpecialistConsult "specialist-consult";
    /// A procedure of the authorization list in place of service 23 or revenue 0450, exempt.
    Emergency "emergency";
    Outpatient "outpatient";
    InpatientPerDiem "inpatient-per-diem";
    InpatientCaseRate "inpatient-case-rate";
    EmergencyAdmission "emergency-admission";
    Encounter "encounter";

    UnknownMember "unknown-member";
    ChargeNotSum "charge-not-sum";
    PractitionerCheckDigit "practitioner-check-digit";
    LineDateMissing "line-date-missing";
    StatementDatesMissing "statement-dates-missing";
    FacilityQualifier "facility-qualifier";
    ReplacementWithoutOriginal "replacement-without-original";
    FutureDate "future-date";
    AbsentDiagnosis "absent-diagnosis";

    LateClaim "late-claim";
    LateLine "late-line";
    Duplicate "duplicate";
    BeforeCoverage "before-coverage";
    AfterCoverage "after-coverage";
    CoverageGap "coverage-gap";
    AfterDeath "after-death";
    WrongSex "wrong-sex";
    WrongAge "wrong-age";
    WrongPlace "wrong-place";
    NotCovered "not-covered";
    AuthorizationMissing "authorization-missing";
    AuthorizationUnknown "authorization-unknown";
    AuthorizationDenied "authorization-denied";
    AuthorizationCancelled "authorization-cancelled";
    AuthorizationOtherProvider "authorization-other-provider";
    AuthorizationOtherCode "authorization-other-code";
    AuthorizationExpired "authorization-expired";
    AuthorizationUnitsShort "authorization-units-short";
    AuthorizationUsedUp "authorization-used-up";
    Unpriced "unpriced";
    NetworkResponsible "network-responsible";
    Forwarded "forwarded";
    NetworkUnknown "network-unknown";
    PatientPaid "patient-paid";
}

/// What a member must be like for a scenario; each such scenario has members of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MemberClass {
    Regular,
    NotYetCovered,
    NoLongerCovered,
    Lapsed,
    Deceased,
    Male,
    Adult,
    /// In a network that is responsible itself and takes no forwarded claims.
    Capitated,
    /// In a network that claims are forwarded to.
    Delegated,
    /// In a network without a row in `networks.csv`.
    Unassigned,
}

/// What comes of a claim beyond its price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Lines are paid at their price.
    Priced,
    /// Kept out by 999 or 277CA: never adjudicated.
    Rejected,
    /// Group and reason that deny every line.
    DeniesClaim(&'static str),
    /// Group and reason that deny the one line the scenario is about.
    DeniesLine(&'static str),
    /// Part of the units of the one line is cut with this group and reason.
    CutsUnits(&'static str),
    Forwarded(&'static str),
    Pended,
    Recorded,
}

impl Scenario {
    pub(super) fn effect(self) -> Effect {
        use Scenario::*;
        match self {
            OfficeVisit | Therapy | AuthorizedProcedure | AuthorizedTherapy | SpecialistConsult | Emergency | Outpatient | InpatientPerDiem
            | InpatientCaseRate | EmergencyAdmission | PatientPaid => Effect::Priced,
            UnknownMember
            | ChargeNotSum
            | PractitionerCheckDigit
            | LineDateMissing
            | StatementDatesMissing
            | FacilityQualifier
            | ReplacementWithoutOriginal
            | FutureDate
            | AbsentDiagnosis => Effect::Rejected,
            LateClaim => Effect::DeniesClaim("CO-29"),
            Duplicate => Effect::DeniesClaim("OA-18"),
            BeforeCoverage => Effect::DeniesClaim("CO-26"),
            AfterCoverage => Effect::DeniesClaim("CO-27"),
            CoverageGap => Effect::DeniesClaim("CO-200"),
            AfterDeath => Effect::DeniesClaim("CO-13"),
            NetworkResponsible => Effect::DeniesClaim("CO-109"),
            LateLine => Effect::DeniesLine("CO-29"),
            WrongSex => Effect::DeniesLine("CO-7"),
            WrongAge => Effect::DeniesLine("CO-6"),
            WrongPlace => Effect::DeniesLine("CO-5"),
            NotCovered => Effect::DeniesLine("CO-96"),
            AuthorizationMissing | AuthorizationUnknown | AuthorizationCancelled => Effect::DeniesLine("CO-197"),
            AuthorizationDenied => Effect::DeniesLine("CO-39"),
            AuthorizationOtherProvider => Effect::DeniesLine("CO-296"),
            AuthorizationOtherCode => Effect::DeniesLine("CO-284"),
            AuthorizationExpired => Effect::DeniesLine("CO-302"),
            AuthorizationUsedUp => Effect::DeniesLine("CO-198"),
            AuthorizationUnitsShort => Effect::CutsUnits("CO-198"),
            Unpriced => Effect::DeniesLine("CO-147"),
            Forwarded => Effect::Forwarded("CO-B11"),
            NetworkUnknown => Effect::Pended,
            Encounter => Effect::Recorded,
        }
    }

    /// Whose members the scenario is about.
    pub(super) fn member_class(self) -> MemberClass {
        use Scenario::*;
        match self {
            BeforeCoverage => MemberClass::NotYetCovered,
            AfterCoverage => MemberClass::NoLongerCovered,
            CoverageGap => MemberClass::Lapsed,
            AfterDeath => MemberClass::Deceased,
            WrongSex => MemberClass::Male,
            // Members of their own also keep other claims' authorizations from being found for them.
            WrongAge | AuthorizationMissing => MemberClass::Adult,
            NetworkResponsible => MemberClass::Capitated,
            Forwarded => MemberClass::Delegated,
            NetworkUnknown => MemberClass::Unassigned,
            OfficeVisit
            | Therapy
            | AuthorizedProcedure
            | AuthorizedTherapy
            | SpecialistConsult
            | Emergency
            | Outpatient
            | InpatientPerDiem
            | InpatientCaseRate
            | EmergencyAdmission
            | Encounter
            | UnknownMember
            | ChargeNotSum
            | PractitionerCheckDigit
            | LineDateMissing
            | StatementDatesMissing
            | FacilityQualifier
            | ReplacementWithoutOriginal
            | FutureDate
            | AbsentDiagnosis
            | LateClaim
            | LateLine
            | Duplicate
            | WrongPlace
            | NotCovered
            | AuthorizationUnknown
            | AuthorizationDenied
            | AuthorizationCancelled
            | AuthorizationOtherProvider
            | AuthorizationOtherCode
            | AuthorizationExpired
            | AuthorizationUnitsShort
            | AuthorizationUsedUp
            | Unpriced
            | PatientPaid => MemberClass::Regular,
        }
    }
}

/// Defects of professional claims, in the order they take turns.
const PROFESSIONAL: &[Scenario] = &[
    Scenario::UnknownMember,
    Scenario::LateClaim,
    Scenario::AuthorizationMissing,
    Scenario::Duplicate,
    Scenario::ChargeNotSum,
    Scenario::BeforeCoverage,
    Scenario::NotCovered,
    Scenario::AuthorizationExpired,
    Scenario::PractitionerCheckDigit,
    Scenario::LateLine,
    Scenario::AfterCoverage,
    Scenario::AuthorizationUnitsShort,
    Scenario::LineDateMissing,
    Scenario::WrongSex,
    Scenario::NetworkResponsible,
    Scenario::AuthorizationOtherCode,
    Scenario::FacilityQualifier,
    Scenario::CoverageGap,
    Scenario::PatientPaid,
    Scenario::AuthorizationOtherProvider,
    Scenario::ReplacementWithoutOriginal,
    Scenario::WrongAge,
    Scenario::Forwarded,
    Scenario::AuthorizationUsedUp,
    Scenario::FutureDate,
    Scenario::AfterDeath,
    Scenario::NetworkUnknown,
    Scenario::AuthorizationDenied,
    Scenario::AbsentDiagnosis,
    Scenario::WrongPlace,
    Scenario::Unpriced,
    Scenario::AuthorizationUnknown,
    Scenario::AuthorizationCancelled,
];

/// Defects of institutional claims, in the order they take turns.
const INSTITUTIONAL: &[Scenario] = &[
    Scenario::UnknownMember,
    Scenario::LateClaim,
    Scenario::AuthorizationMissing,
    Scenario::Duplicate,
    Scenario::ChargeNotSum,
    Scenario::BeforeCoverage,
    Scenario::NotCovered,
    Scenario::AuthorizationExpired,
    Scenario::PractitionerCheckDigit,
    Scenario::AfterCoverage,
    Scenario::AuthorizationUnitsShort,
    Scenario::StatementDatesMissing,
    Scenario::WrongSex,
    Scenario::NetworkResponsible,
    Scenario::AuthorizationOtherCode,
    Scenario::FacilityQualifier,
    Scenario::CoverageGap,
    Scenario::AuthorizationOtherProvider,
    Scenario::ReplacementWithoutOriginal,
    Scenario::WrongAge,
    Scenario::Forwarded,
    Scenario::AuthorizationUsedUp,
    Scenario::FutureDate,
    Scenario::AfterDeath,
    Scenario::NetworkUnknown,
    Scenario::AuthorizationDenied,
    Scenario::Unpriced,
    Scenario::AuthorizationUnknown,
    Scenario::AuthorizationCancelled,
];

/// The defects that take turns in a form.
pub(super) fn rotation(form: Form) -> &'static [Scenario] {
    match form {
        Form::Professional => PROFESSIONAL,
        Form::Institutional => INSTITUTIONAL,
    }
}

/// A defect and how often its form had it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Defect {
    pub scenario: Scenario,
    pub occurrence: u64,
}

/// The defect of a form's claim, if it is one of the seeded ones: they are spread evenly, and never
/// stand on a form's first claim.
pub(super) fn defect(recipe: &Recipe, form: Form, of_form: u64) -> Option<Defect> {
    let rate = u64::from(recipe.errors_per_mille());
    let before = of_form * rate / 1_000;
    if (of_form + 1) * rate / 1_000 == before {
        return None;
    }
    let turns = rotation(form);
    let length = turns.len() as u64;
    let scenario = usize::try_from(before % length).ok().and_then(|turn| turns.get(turn))?;
    Some(Defect {
        scenario: *scenario,
        occurrence: before / length,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chrono::NaiveDate;

    use super::*;
    use crate::synthetic::recipe::Mix;

    #[test]
    fn defects_are_as_many_as_asked_and_take_turns() {
        let recipe = Recipe::new(Mix::Professional, 1_000, 1, 66, NaiveDate::from_ymd_opt(2026, 11, 1).unwrap()).unwrap();
        let defects: Vec<Defect> = (0..1_000).filter_map(|claim| defect(&recipe, Form::Professional, claim)).collect();
        assert_eq!(defects.len(), 66);
        for scenario in PROFESSIONAL {
            let occurrences: Vec<u64> = defects
                .iter()
                .filter(|defect| defect.scenario == *scenario)
                .map(|defect| defect.occurrence)
                .collect();
            assert_eq!(occurrences, [0, 1], "{}", scenario.name());
        }
        assert_eq!(defect(&recipe, Form::Professional, 0), None);
    }

    #[test]
    fn each_rotation_has_each_defect_once() {
        for form in [Form::Professional, Form::Institutional] {
            assert_eq!(rotation(form).iter().collect::<BTreeSet<_>>().len(), rotation(form).len());
        }
    }
}
