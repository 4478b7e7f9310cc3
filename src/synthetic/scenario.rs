//! What a claim is made to show, and what must come of it (DOMAIN B to E, H).
//!
//! To the next editor: a new defect needs its row in the table, its place in a rotation, and its
//! making in `professional.rs` or `institutional.rs`. The answer key follows from the row.

use super::recipe::Recipe;
use crate::ids::Form;

macro_rules! scenarios {
    ($($(#[$doc:meta])* $variant:ident $name:literal, $effect:ident $(($reason:literal))?, $class:ident, $grant:ident;)*) => {
        /// One fact per claim; the name is the `scenario` column of the answer key.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum Scenario { $($(#[$doc])* $variant),* }

        impl Scenario {
            pub(super) fn name(self) -> &'static str {
                match self { $(Scenario::$variant => $name),* }
            }

            pub(super) fn effect(self) -> Effect {
                match self { $(Scenario::$variant => Effect::$effect $(($reason))?),* }
            }

            pub(super) fn member_class(self) -> MemberClass {
                match self { $(Scenario::$variant => MemberClass::$class),* }
            }

            pub(super) fn grant(self) -> Grant {
                match self { $(Scenario::$variant => Grant::$grant),* }
            }
        }
    };
}

// Name, what comes of it, whose it is, what of its authorization.
scenarios! {
    OfficeVisit "office-visit", Priced, Regular, Sound;
    Therapy "therapy", Priced, Regular, Sound;
    AuthorizedProcedure "authorized-procedure", Priced, Regular, Sound;
    AuthorizedTherapy "authorized-therapy", Priced, Regular, Sound;
    /// An initial consult by a specialist, with its authorization (DOMAIN C2 P3).
    SpecialistConsult "specialist-consult", Priced, Regular, Sound;
    /// A procedure of the authorization list in place of service 23 or revenue 0450, exempt.
    Emergency "emergency", Priced, Regular, Sound;
    Outpatient "outpatient", Priced, Regular, Sound;
    InpatientPerDiem "inpatient-per-diem", Priced, Regular, Sound;
    InpatientCaseRate "inpatient-case-rate", Priced, Regular, Sound;
    EmergencyAdmission "emergency-admission", Priced, Regular, Sound;
    Encounter "encounter", Recorded, Regular, Sound;

    UnknownMember "unknown-member", Rejected, Regular, Sound;
    ChargeNotSum "charge-not-sum", Rejected, Regular, Sound;
    PractitionerCheckDigit "practitioner-check-digit", Rejected, Regular, Sound;
    LineDateMissing "line-date-missing", Rejected, Regular, Sound;
    StatementDatesMissing "statement-dates-missing", Rejected, Regular, Sound;
    FacilityQualifier "facility-qualifier", Rejected, Regular, Sound;
    ReplacementWithoutOriginal "replacement-without-original", Rejected, Regular, Sound;
    FutureDate "future-date", Rejected, Regular, Sound;
    AbsentDiagnosis "absent-diagnosis", Rejected, Regular, Sound;

    NetworkResponsible "network-responsible", DeniesClaim("CO-109/N418"), Capitated, Sound;
    Forwarded "forwarded", Forwarded("CO-B11"), Delegated, Sound;
    NetworkUnknown "network-unknown", Pended, Unassigned, Sound;
    BeforeCoverage "before-coverage", DeniesClaim("CO-26"), NotYetCovered, Sound;
    AfterCoverage "after-coverage", DeniesClaim("CO-27"), NoLongerCovered, Sound;
    CoverageGap "coverage-gap", DeniesClaim("CO-200"), Lapsed, Sound;
    /// The claim's birth date is a day off the one on record.
    BirthDateDiffers "birth-date-differs", DeniesClaim("CO-140"), Regular, Sound;
    OtherCoverage "other-coverage", DeniesClaim("CO-22/MA04"), Insured, Sound;
    AfterDeath "after-death", DeniesClaim("CO-13"), Deceased, Sound;
    LateClaim "late-claim", DeniesClaim("CO-29"), Regular, Sound;
    /// A delay reason that needs an attachment, and none.
    DelayUnproved "delay-unproved", DeniesClaim("CO-252/N706"), Regular, Sound;
    LateLine "late-line", DeniesLine("CO-29"), Regular, Sound;
    WrongSex "wrong-sex", DeniesLine("CO-7"), Male, Sound;
    WrongAge "wrong-age", DeniesLine("CO-6/N129"), Adult, Sound;
    WrongPlace "wrong-place", DeniesLine("CO-5/M77"), Regular, Sound;
    NotCovered "not-covered", DeniesLine("CO-96/N130"), Regular, Sound;
    Duplicate "duplicate", DeniesClaim("OA-18"), Regular, Sound;
    /// By members of their own, so that no other claim's authorization is found for them.
    AuthorizationMissing "authorization-missing", DeniesLine("CO-197"), Adult, Missing;
    AuthorizationUnknown "authorization-unknown", DeniesLine("CO-197/M62"), Regular, UnknownNumber;
    AuthorizationDenied "authorization-denied", DeniesLine("CO-39"), Regular, Denied;
    AuthorizationCancelled "authorization-cancelled", DeniesLine("CO-197"), Regular, Cancelled;
    AuthorizationOtherProvider "authorization-other-provider", DeniesLine("CO-296"), Regular, OtherProvider;
    AuthorizationOtherCode "authorization-other-code", DeniesLine("CO-284/N54"), Regular, OtherCode;
    AuthorizationExpired "authorization-expired", DeniesLine("CO-302/N351"), Regular, OutsideDates;
    AuthorizationUnitsShort "authorization-units-short", CutsUnits("CO-198/N640"), Regular, UnitsShort;
    AuthorizationUsedUp "authorization-used-up", DeniesLine("CO-198/N640"), Regular, UsedUp;
    /// A visit to an organisation without a contract, which nobody agreed to (DOMAIN C1).
    OutsideNetwork "outside-network", DeniesClaim("CO-197"), Adult, Sound;
    /// A scheduled stay without any authorization (C1).
    StayUnauthorized "stay-unauthorized", DeniesClaim("CO-197"), Adult, Missing;
    /// A room of another level than was authorized (C4 step 11).
    OtherLevelOfCare "other-level-of-care", DeniesLine("CO-186/N758"), Regular, OtherLevel;
    /// An emergency admission that the plan was told of too late (C4 step 10).
    NoticeLate "notice-late", DeniesLine("CO-210/N385"), Regular, LateNotice;
    Unpriced "unpriced", DeniesLine("CO-147"), Regular, Sound;
    PatientPaid "patient-paid", Priced, Regular, Sound;

    /// An exempt service of the authorization list, by what the claim shows of it (DOMAIN C3).
    FamilyPlanning "family-planning", Priced, Adult, Missing;
    UrgentCare "urgent-care", Priced, Adult, Missing;
    Termination "pregnancy-termination", Priced, Adult, Missing;
    Assault "sexual-assault", Priced, Adult, Missing;
    Infection "sexually-transmitted-disease", Priced, Adult, Missing;
    Prenatal "basic-prenatal", Priced, Adult, Missing;
    HivTest "hiv-testing", Priced, Adult, Missing;
    MinorConsent "minor-consent", Priced, Consenting, Missing;
    /// Its number is on file for somebody else.
    AuthorizationForeign "authorization-foreign", DeniesLine("CO-197/M62"), Regular, OtherMember;
    WrapMissing "wrap-missing", DeniesLine("CO-197"), Adult, Missing;
    ReferralMissing "referral-missing", DeniesLine("CO-288/N475"), Adult, Missing;
    ReferralUnknown "referral-unknown", DeniesLine("CO-288/N489"), Adult, Missing;
    ReferralRefused "referral-refused", DeniesLine("CO-288/N630"), Adult, Denied;
    ReferralShort "referral-short", CutsUnits("CO-287"), Adult, UnitsShort;
    ConsultUnauthorized "consult-unauthorized", DeniesLine("CO-197"), Assigned, Missing;
    /// By a member of the open network, without a primary care provider (DOMAIN C2 P6).
    OpenConsult "open-consult", Priced, Direct, Missing;
    FollowUpUnauthorized "follow-up-unauthorized", DeniesLine("CO-197"), Adult, Missing;
    HighLevelUnauthorized "high-level-unauthorized", DeniesLine("CO-197"), Adult, Missing;
    /// Under the authorization of the consult.
    FollowUp "follow-up", Priced, Adult, Sound;
    /// More therapy than a day has hours: paid, and told.
    HoursBeyondDay "hours-beyond-day", Priced, Adult, Missing;
    /// Another payer paid a part.
    OtherPayerPaid "other-payer-paid", Priced, Insured, Sound;
    ShareOfCostPaid "share-of-cost-paid", Priced, Sharing, Sound;
    ShareOfCostDiffers "share-of-cost-differs", Priced, Sharing, Sound;
    ShareOfCostUnsaid "share-of-cost-unsaid", Priced, Sharing, Sound;
    SameLine "same-line", DeniesLine("OA-18"), Regular, Sound;
    /// An earlier claim again with higher charges.
    SuspectDuplicate "suspect-duplicate", Pended, Regular, Sound;
    /// A delay reason that the payer does not take, and one that it does, with its note.
    DelayRefused "delay-refused", DeniesClaim("CO-29/N892"), Regular, Sound;
    DelayExcused "delay-excused", Priced, Regular, Sound;
    CapitatedGroup "capitated-group", DeniesClaim("CO-24"), OfGroup, Sound;
    IncludedInCase "included-in-case", DeniesLine("CO-97/M80"), Mother, Sound;
    EstimateBilled "estimate-billed", Priced, Regular, Sound;
    HospitalPatientPaid "hospital-patient-paid", Priced, Regular, Sound;
    WrongSpecialty "wrong-specialty", DeniesLine("CO-8/N95"), Regular, Sound;
    ModifierMissing "modifier-missing", DeniesLine("CO-16/N822"), Regular, Sound;
    ModifierForbidden "modifier-forbidden", DeniesLine("CO-4/N519"), Regular, Sound;
    OtherDiagnosis "other-diagnosis", DeniesLine("CO-11/M76"), Regular, Sound;
    UnitsRestricted "units-restricted", DeniesLine("CO-119/M86"), Regular, Sound;
    UnitsOfDayRestricted "units-of-day-restricted", DeniesLine("CO-119/M86"), Regular, Sound;
    UnitsCut "units-cut", CutsUnits("CO-119/M86"), Regular, Sound;
    /// Rows that send a line to a person, and that only tell.
    ForReview "for-review", Pended, Regular, Sound;
    OnlyTold "only-told", Priced, Regular, Sound;
    ReferrerMissing "referrer-missing", DeniesLine("CO-183/N286"), Regular, Sound;
    DrugCodeMissing "drug-code-missing", DeniesLine("CO-16/M119"), Regular, Sound;
    DescriptionMissing "description-missing", DeniesLine("CO-16/N350"), Regular, Sound;
    ConsentMissing "consent-missing", DeniesLine("CO-252/N3"), Regular, Sound;
    AttachmentMissing "attachment-missing", DeniesLine("CO-252/M127"), Regular, Sound;
    LaboratoryNumberMissing "laboratory-number-missing", DeniesLine("CO-B23/MA120"), Regular, Sound;
    TelehealthNotCovered "telehealth-not-covered", DeniesLine("CO-96/N776"), Regular, Sound;
    PrimaryServiceMissing "primary-service-missing", DeniesLine("CO-107/N122"), Regular, Sound;
    Bundled "bundled", DeniesLine("CO-97/N19"), Regular, Sound;
    MutuallyExclusive "mutually-exclusive", DeniesLine("CO-231"), Regular, Sound;
    OtherAidCode "other-aid-code", DeniesLine("CO-258/N103"), Regular, Sound;
    /// By an organisation without a contract.
    OutOfNetwork "out-of-network", DeniesLine("CO-242"), Regular, Sound;
    NotOnSchedule "not-on-schedule", DeniesLine("CO-96/N448"), Regular, Sound;
    WrongBillType "wrong-bill-type", DeniesLine("CO-282/MA30"), Regular, Sound;
    WrongPatientStatus "wrong-patient-status", DeniesLine("CO-306"), Regular, Sound;
    ProcedureMissing "procedure-missing", DeniesLine("CO-16/M20"), Regular, Sound;
    SeveralMonths "several-months", DeniesLine("CO-267/N74"), Regular, Sound;
    ConditionOnAdmission "condition-on-admission", DeniesLine("CO-233"), Regular, Sound;
    /// Both columns of an NCCI pair.
    PairedProcedure "paired-procedure", DeniesLine("CO-236/N20"), Regular, Sound;
    /// The same with a modifier that says the services were separate.
    PartedPair "parted-pair", Priced, Regular, Sound;
    UnitsOfLine "units-of-line", CutsUnits("CO-151/N362"), Regular, Sound;
    UnitsOfDay "units-of-day", CutsUnits("CO-151/N362"), Regular, Sound;
    HospiceElected "hospice-elected", DeniesLine("CO-B9"), InHospice, Sound;
    /// By an organisation whose enrolment has ended.
    NotEnrolled "not-enrolled", DeniesLine("CO-299/N570"), Regular, Sound;
    OnlySoOften "only-so-often", DeniesLine("CO-119/M90"), Regular, Sound;
    /// A service that the member's network answers for, though the plan does for all others.
    ServiceOfNetwork "service-of-network", DeniesLine("CO-24"), OfSplitNetwork, Sound;
    /// Medicare paid a part, and the member owes nothing of the rest.
    QualifiedBeneficiary "qualified-beneficiary", Priced, Qualified, Sound;
    /// Other coverage of a kind that is asked later.
    ChasedCoverage "chased-coverage", Priced, Chased, Sound;
    /// Late, of a member whose coverage was posted lately.
    RetroactiveCoverage "retroactive-coverage", Priced, Retroactive, Sound;
    /// Late by the contract of the member's network.
    ContractLimit "contract-limit", DeniesClaim("CO-29"), OfShortLimit, Sound;
    /// Late, and excused: another network or another payer had it first, or a dispute showed why.
    Misdirected "misdirected", Priced, Regular, Sound;
    GoodCause "good-cause", Priced, Regular, Sound;
    OtherPayerLate "other-payer-late", Priced, Insured, Sound;
    /// The procedures of an NCCI pair on two claims of a day.
    PairBegun "pair-begun", Priced, Adult, Sound;
    PairContinued "pair-continued", DeniesLine("CO-236/N20"), Regular, Sound;
    /// On a day of the month whose share of cost an earlier claim took off.
    ShareOfCostMet "share-of-cost-met", Priced, Regular, Sound;
    /// Late, within the days of grace of the member's network.
    GraceGranted "grace-granted", Priced, OfGracedNetwork, Sound;
    /// A listed examination, by the member's own primary care provider (DOMAIN C2 P1).
    AssignedProvider "assigned-provider", Priced, Assigned, Missing;
    /// The first assessment of a new member, by a specialist: paid, and told.
    AssessmentBySpecialist "assessment-by-specialist", Priced, Enrolling, Missing;
    /// A stay whose last day is not covered.
    PartlyCovered "partly-covered", DeniesClaim("CO-239"), Leaving, Sound;
    /// Of a member who was born after the service.
    BeforeBirth "before-birth", DeniesClaim("CO-14"), Newborn, Sound;
    /// An elective visit to a tertiary centre.
    TertiaryVisit "tertiary-visit", DeniesClaim("CO-197"), Adult, Missing;
    /// A code that stands for no certain service.
    UnlistedService "unlisted-service", DeniesLine("CO-197"), Adult, Missing;
    ForwardedEmergency "forwarded-emergency", Forwarded("CO-B11"), Delegated, Sound;
    ChildPreventive "child-preventive", Priced, Child, Missing;
    /// Visits outside the network that need nobody's agreement there.
    HealthCenter "health-center", Priced, Adult, Sound;
    IndianHealth "indian-health", Priced, Adult, Sound;
    CheapRepair "cheap-repair", Priced, Adult, Missing;
    /// Stays that are paid by the weight of their group, and what one cost beyond.
    GroupRate "group-rate", Priced, Regular, Sound;
    CostlyStay "costly-stay", Priced, Regular, Sound;
    HospitalRate "hospital-rate", Priced, Regular, Sound;
    Packaged "packaged", DeniesLine("CO-97/N19"), Regular, Sound;
    ReplacementOfNothing "replacement-of-nothing", DeniesClaim("CO-16/M47/N152"), Regular, Sound;
    VoidOfNothing "void-of-nothing", DeniesClaim("CO-16/M47/N152"), Regular, Sound;

    /// The same claim again under frequency 7, in a file of corrections: decided as it was.
    Replacement "replacement", Priced, Regular, Sound;
    Void "void", Recorded, Regular, Sound;
}

/// What comes of a claim beyond its price; reasons are group and CARC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Lines are paid at their price.
    Priced,
    /// Kept out by 999 or 277CA: never adjudicated.
    Rejected,
    /// Every line is denied.
    DeniesClaim(&'static str),
    /// The one line that the scenario is about is denied.
    DeniesLine(&'static str),
    /// The one line that the scenario is about is paid for part of its units.
    CutsUnits(&'static str),
    Forwarded(&'static str),
    Pended,
    Recorded,
}

/// What a member must be like for a scenario. Scenarios with a class other than regular have members
/// of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MemberClass {
    Regular,
    NotYetCovered,
    NoLongerCovered,
    Lapsed,
    Deceased,
    /// Covered by another payer too.
    Insured,
    Male,
    Adult,
    /// In a network that is responsible itself and takes no forwarded claims.
    Capitated,
    /// In a network that claims are forwarded to.
    Delegated,
    /// In a network without a row in `networks.csv`.
    Unassigned,
    /// In a network that is paid by the head.
    OfGroup,
    /// A woman who may have a child.
    Mother,
    /// Owes a share of cost each month.
    Sharing,
    /// Under an aid code for what minors may consent to.
    Consenting,
    /// In a network where everybody has a primary care provider.
    Assigned,
    /// In the network where nobody has one.
    Direct,
    InHospice,
    /// In a network that answers for some services itself.
    OfSplitNetwork,
    /// In a network with a filing limit of its own.
    OfShortLimit,
    /// Under Medicare's protection from bills.
    Qualified,
    /// Covered by another payer that is asked later.
    Chased,
    /// Covered since long, as the plan heard lately.
    Retroactive,
    Child,
    /// Born after every visit.
    Newborn,
    /// In a network whose late claims have grace.
    OfGracedNetwork,
    /// Covered since lately.
    Enrolling,
    /// Covered until the day before the claim's last.
    Leaving,
}

/// The authorization behind a claim that needs one (DOMAIN C4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grant {
    Sound,
    Missing,
    UnknownNumber,
    Denied,
    Cancelled,
    OtherProvider,
    OtherMember,
    OtherCode,
    OutsideDates,
    UnitsShort,
    UsedUp,
    /// For a room of another level.
    OtherLevel,
    /// Notified days after the admission.
    LateNotice,
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
    Scenario::ReferrerMissing,
    Scenario::PairedProcedure,
    Scenario::DrugCodeMissing,
    Scenario::Bundled,
    Scenario::DescriptionMissing,
    Scenario::UnitsOfLine,
    Scenario::ConsentMissing,
    Scenario::MutuallyExclusive,
    Scenario::AttachmentMissing,
    Scenario::PartedPair,
    Scenario::LaboratoryNumberMissing,
    Scenario::PrimaryServiceMissing,
    Scenario::TelehealthNotCovered,
    Scenario::UnitsOfDay,
    Scenario::OtherAidCode,
    Scenario::OutOfNetwork,
    Scenario::NotOnSchedule,
    Scenario::BirthDateDiffers,
    Scenario::OtherCoverage,
    Scenario::DelayUnproved,
    Scenario::ReplacementOfNothing,
    Scenario::VoidOfNothing,
    Scenario::OutsideNetwork,
    Scenario::FamilyPlanning,
    Scenario::AuthorizationForeign,
    Scenario::WrongSpecialty,
    Scenario::ShareOfCostPaid,
    Scenario::UrgentCare,
    Scenario::ReferralMissing,
    Scenario::SuspectDuplicate,
    Scenario::ModifierMissing,
    Scenario::Termination,
    Scenario::DelayRefused,
    Scenario::ConsultUnauthorized,
    Scenario::OpenConsult,
    Scenario::ShareOfCostDiffers,
    Scenario::Assault,
    Scenario::ModifierForbidden,
    Scenario::ReferralUnknown,
    Scenario::CapitatedGroup,
    Scenario::Infection,
    Scenario::SameLine,
    Scenario::OtherDiagnosis,
    Scenario::WrapMissing,
    Scenario::Prenatal,
    Scenario::DelayExcused,
    Scenario::OtherPayerPaid,
    Scenario::ReferralRefused,
    Scenario::HivTest,
    Scenario::UnitsRestricted,
    Scenario::FollowUpUnauthorized,
    Scenario::ShareOfCostUnsaid,
    Scenario::MinorConsent,
    Scenario::UnitsOfDayRestricted,
    Scenario::ReferralShort,
    Scenario::HighLevelUnauthorized,
    Scenario::UnitsCut,
    Scenario::FollowUp,
    Scenario::ForReview,
    Scenario::HoursBeyondDay,
    Scenario::OnlyTold,
    Scenario::HospiceElected,
    Scenario::NotEnrolled,
    Scenario::OnlySoOften,
    Scenario::ServiceOfNetwork,
    Scenario::QualifiedBeneficiary,
    Scenario::ChasedCoverage,
    Scenario::RetroactiveCoverage,
    Scenario::ContractLimit,
    Scenario::ForwardedEmergency,
    Scenario::ChildPreventive,
    Scenario::HealthCenter,
    Scenario::IndianHealth,
    Scenario::CheapRepair,
    Scenario::Misdirected,
    Scenario::GoodCause,
    Scenario::OtherPayerLate,
    Scenario::BeforeBirth,
    Scenario::UnlistedService,
    Scenario::GraceGranted,
    Scenario::AssignedProvider,
    Scenario::AssessmentBySpecialist,
    Scenario::PairBegun,
    Scenario::PairContinued,
    Scenario::ShareOfCostMet,
    Scenario::TertiaryVisit,
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
    Scenario::WrongBillType,
    Scenario::PairedProcedure,
    Scenario::WrongPatientStatus,
    Scenario::UnitsOfLine,
    Scenario::ProcedureMissing,
    Scenario::PartedPair,
    Scenario::SeveralMonths,
    Scenario::UnitsOfDay,
    Scenario::ConditionOnAdmission,
    Scenario::BirthDateDiffers,
    Scenario::OtherCoverage,
    Scenario::ReplacementOfNothing,
    Scenario::VoidOfNothing,
    Scenario::StayUnauthorized,
    Scenario::OtherLevelOfCare,
    Scenario::NoticeLate,
    Scenario::AuthorizationForeign,
    Scenario::IncludedInCase,
    Scenario::EstimateBilled,
    Scenario::CapitatedGroup,
    Scenario::HospitalPatientPaid,
    Scenario::GroupRate,
    Scenario::CostlyStay,
    Scenario::HospitalRate,
    Scenario::Packaged,
    Scenario::PartlyCovered,
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

impl Scenario {
    /// The scenario whose claim of the same turn comes before: of the same member, day and provider.
    pub(super) fn follows(self) -> Option<Scenario> {
        match self {
            Scenario::PairContinued => Some(Scenario::PairBegun),
            Scenario::ShareOfCostMet => Some(Scenario::ShareOfCostPaid),
            _ => None,
        }
    }
}

/// The claim of a form that has a scenario for the n-th time; the inverse of [`defect`].
pub(super) fn position(recipe: &Recipe, form: Form, wanted: Defect) -> Option<u64> {
    let turns = rotation(form);
    let turn = turns.iter().position(|scenario| *scenario == wanted.scenario)?;
    let before = wanted.occurrence * turns.len() as u64 + turn as u64;
    let rate = u64::from(recipe.errors_per_mille());
    ((before + 1) * 1_000).div_ceil(rate.max(1)).checked_sub(1)
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
        let recipe = Recipe::new(Mix::Professional, 2_000, 1, 100, NaiveDate::from_ymd_opt(2026, 11, 1).unwrap()).unwrap();
        let defects: Vec<Defect> = (0..2_000).filter_map(|claim| defect(&recipe, Form::Professional, claim)).collect();
        assert_eq!((defects.len(), PROFESSIONAL.len()), (200, 119));
        for scenario in PROFESSIONAL {
            let occurrences: Vec<u64> = defects
                .iter()
                .filter(|defect| defect.scenario == *scenario)
                .map(|defect| defect.occurrence)
                .collect();
            assert!(matches!(occurrences[..], [0] | [0, 1]), "{}", scenario.name());
        }
        assert_eq!(defect(&recipe, Form::Professional, 0), None);
        for claim in 0..2_000 {
            let found = defect(&recipe, Form::Professional, claim);
            assert!(found.is_none_or(|found| position(&recipe, Form::Professional, found) == Some(claim)));
        }
    }

    #[test]
    fn each_rotation_has_each_defect_once() {
        for form in [Form::Professional, Form::Institutional] {
            assert_eq!(rotation(form).iter().collect::<BTreeSet<_>>().len(), rotation(form).len());
        }
    }
}
