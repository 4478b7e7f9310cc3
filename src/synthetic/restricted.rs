//! Services of made-up codes, each with the one restriction or coding edit that its scenario is about
//! (DOMAIN D2). The rows of the reference data and the lines of the claims come from here.

use super::scenario::Scenario;
use super::services::{Procedure, RevenueRate, RevenueService, procedure};

/// A procedure with its row of `restrictions.csv`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Restricted {
    pub scenario: Scenario,
    pub procedure: Procedure,
    pub modifier: &'static str,
    pub company: Company,
    pub kind: &'static str,
    pub params: &'static str,
    pub action: &'static str,
    pub carc: &'static str,
    pub rarc: &'static str,
    pub units: u32,
}

/// What else the claim bills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Company {
    /// The restriction is about what stands beside it: a visit.
    Visit,
    /// Sometimes a visit.
    Any,
    /// Nothing: a visit might bring what must be missing.
    Alone,
}

const fn row(scenario: Scenario, code: &'static str, kind: &'static str, params: &'static str, carc: &'static str, rarc: &'static str) -> Restricted {
    Restricted {
        scenario,
        procedure: procedure(code, 4_000, "0510"),
        modifier: "",
        company: Company::Any,
        kind,
        params,
        action: "deny",
        carc,
        rarc,
        units: 1,
    }
}

const fn beside(company: Company, restricted: Restricted) -> Restricted {
    Restricted { company, ..restricted }
}

/// Every such procedure.
#[rustfmt::skip] // a table
pub(super) const RESTRICTED: &[Restricted] = &[
    row(Scenario::ReferrerMissing, "X9101", "referring_ordering", r#"{"role":"either","on_file":true}"#, "183", "N286"),
    row(Scenario::DrugCodeMissing, "X9102", "ndc", r#"{"require":"code"}"#, "16", "M119"),
    row(Scenario::DescriptionMissing, "X9103", "unlisted", "{}", "16", "N350"),
    row(Scenario::ConsentMissing, "X9104", "consent", "{}", "252", "N3"),
    row(Scenario::AttachmentMissing, "X9105", "attachment", r#"{"with_control":true}"#, "252", "M127"),
    beside(Company::Alone, row(Scenario::LaboratoryNumberMissing, "X9106", "clia", "{}", "B23", "MA120")),
    Restricted { modifier: "GT", ..row(Scenario::TelehealthNotCovered, "X9107", "telehealth", r#"{"covered":false}"#, "96", "N776") },
    row(Scenario::PrimaryServiceMissing, "X9108", "add_on", r#"{"primary":["X9109"]}"#, "107", "N122"),
    beside(Company::Visit, row(Scenario::Bundled, "X9110", "bundled", r#"{"into":["99202-99215"]}"#, "97", "N19")),
    beside(Company::Visit, row(Scenario::MutuallyExclusive, "X9111", "mutually_exclusive", r#"{"with":["99202-99215"]}"#, "231", "")),
    row(Scenario::OtherAidCode, "X9112", "aid_code", r#"{"allow":["0Z"]}"#, "258", "N103"),
    // What else an organisation outside the network bills is denied too, for want of an authorization.
    beside(Company::Alone, row(Scenario::OutOfNetwork, "X9113", "out_of_network", "{}", "242", "")),
    row(Scenario::WrongSpecialty, "X9119", "taxonomy", r#"{"allow_prefix":["2084"]}"#, "8", "N95"),
    row(Scenario::ModifierMissing, "X9120", "modifier", r#"{"require_any":["TC"]}"#, "16", "N822"),
    Restricted { modifier: "GC", ..row(Scenario::ModifierForbidden, "X9121", "modifier", r#"{"forbid":["GC"]}"#, "4", "N519") },
    row(Scenario::OtherDiagnosis, "X9122", "diagnosis", r#"{"require_prefix":["Z99"]}"#, "11", "M76"),
    Restricted { units: 3, ..row(Scenario::UnitsRestricted, "X9123", "units_per_line", r#"{"max":2}"#, "119", "M86") },
    Restricted { units: 3, ..row(Scenario::UnitsOfDayRestricted, "X9124", "units_per_day", r#"{"max":2}"#, "119", "M86") },
    Restricted { units: 3, action: "cut", ..row(Scenario::UnitsCut, "X9125", "units_per_line", r#"{"max":2}"#, "119", "M86") },
    beside(Company::Alone, Restricted { action: "pend", ..row(Scenario::ForReview, "X9126", "non_covered", "{}", "96", "N130") }),
    Restricted { action: "warn", ..row(Scenario::OnlyTold, "X9127", "non_covered", "{}", "96", "N130") },
    row(Scenario::HospiceElected, "X9128", "hospice", "{}", "B9", ""),
    row(Scenario::NotEnrolled, "X9129", "enrolled", r#"{"role":"billing"}"#, "299", "N570"),
    Restricted { units: 2, ..row(Scenario::OnlySoOften, "X9130", "frequency", r#"{"max":1,"months":12}"#, "119", "M90") },
    row(Scenario::WrongBillType, "X9114", "bill_type", r#"{"allow":["11x"]}"#, "282", "MA30"),
    row(Scenario::WrongPatientStatus, "X9115", "patient_status", r#"{"allow":["30"]}"#, "306", ""),
    row(Scenario::SeveralMonths, "X9116", "span", r#"{"within":"month"}"#, "267", "N74"),
    row(Scenario::ConditionOnAdmission, "X9117", "present_on_admission", r#"{"forbid":["Y"]}"#, "233", ""),
    Restricted { procedure: procedure("X9118", 0, "0510"), ..row(Scenario::NotOnSchedule, "X9118", "fee_listed", "{}", "96", "N448") },
];

/// Billed without a procedure, though its row asks for one.
pub(super) const NEEDS_PROCEDURE: RevenueService = RevenueService {
    code: "0637",
    rate: RevenueRate::Percent(30),
};

/// The columns of an NCCI pair, the second of which may stand beside the first with a modifier.
pub(super) const COLUMN_ONE: Procedure = procedure("X9201", 5_000, "0510");
pub(super) const COLUMN_TWO: Procedure = procedure("X9202", 2_000, "0510");

/// At most so many units of a line and of a day.
pub(super) const FEW_OF_A_LINE: (Procedure, u32) = (procedure("X9203", 1_500, "0510"), 2);
pub(super) const FEW_OF_A_DAY: (Procedure, u32) = (procedure("X9204", 1_200, "0510"), 3);

/// The procedure that a scenario is about.
pub(super) fn of(scenario: Scenario) -> Option<&'static Restricted> {
    RESTRICTED.iter().find(|restricted| restricted.scenario == scenario)
}

/// Those of the room that have a fee.
pub(super) fn priced() -> impl Iterator<Item = &'static Procedure> {
    let restricted = RESTRICTED
        .iter()
        .map(|restricted| &restricted.procedure)
        .filter(|procedure| procedure.fee_cents > 0);
    restricted.chain([&COLUMN_ONE, &COLUMN_TWO, &FEW_OF_A_LINE.0, &FEW_OF_A_DAY.0])
}
