//! What a restriction asks of a line: the kinds of DOMAIN D2 that a claim and the tables can decide.
//!
//! To the next editor: a new kind is a variant here, a word with its parameters in
//! `restriction_params`, and a condition in `adjudication::restriction_conditions`.

use compact_str::CompactString;

use super::members::Sex;
use crate::ids::{AidCode, Modifier, PlaceOfService, Qualifier};
use crate::money::Quantity;
use crate::tables::code_range::{CodeKey, CodeRange};
use crate::tables::csv_table::vocabulary;

/// What must hold, or the action follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestrictionKind {
    /// Age in years on the service date, inclusive; at least one bound.
    Age {
        min_years: Option<u16>,
        max_years: Option<u16>,
    },
    Sex(Sex),
    PlaceOfService {
        allow: Vec<PlaceOfService>,
    },
    /// Of the rendering, else the billing provider.
    Taxonomy {
        allow_prefix: Vec<CompactString>,
    },
    Modifier(ModifierCondition),
    /// Of a diagnosis that the line points to; without the point.
    Diagnosis {
        require_prefix: Vec<CompactString>,
    },
    UnitsPerLine {
        max: Quantity,
    },
    UnitsPerDay {
        max: Quantity,
    },
    /// Paid units of this member and code in the months before.
    Frequency {
        max: Quantity,
        months: u16,
    },
    /// Never payable.
    NonCovered,
    /// Facility and frequency of an institutional claim, without its leading zero: `13` is any frequency.
    BillType {
        allow_prefix: Vec<CompactString>,
    },
    /// CL103.
    PatientStatus {
        allow: Vec<Qualifier>,
    },
    ReferringOrdering(Referral),
    /// On revenue codes: the line has a procedure, one of these unless there are none.
    RevenueNeedsProcedure(CodeRanges),
    /// Part of another service of the day.
    Bundled {
        into: CodeRanges,
    },
    /// Not beside another service of the day: the first of them stands.
    MutuallyExclusive {
        with: CodeRanges,
    },
    /// Only beside its primary service of the day.
    AddOn {
        primary: CodeRanges,
    },
    Ndc(NdcCondition),
    /// An unlisted code is described (SV101-7, SV202-7).
    Unlisted,
    /// PWK is there: consent forms and other attachments.
    Attachment {
        /// With an attachment control number (PWK06).
        with_control: bool,
    },
    /// A patient under the mother's id (2010CA): in the month of birth and so many months after it.
    Newborn {
        months_after: u16,
    },
    /// A laboratory certificate number on the line or the claim (REF*X4, REF*F4).
    Clia,
    Telehealth(TelehealthCondition),
    PresentOnAdmission(AdmissionCondition),
    /// The statement (I) or the line (P) stays within one month or year.
    Span {
        within: CalendarPart,
    },
    /// Of the coverage on the service date.
    AidCode(AidCodeCondition),
    /// The billing provider is contracted, or the service may be had from anyone (DOMAIN C3).
    OutOfNetwork,
    /// The fee schedule has a rate.
    FeeListed,
    /// The provider's enrolment covers the service dates.
    Enrolled(EnrolledRole),
    /// No stay at the same facility that was paid for ended within so many days before the admission.
    Readmission {
        days: u16,
    },
    /// The member has not elected a hospice, or the hospice itself bills, or a modifier says that the
    /// service is its own matter.
    Hospice {
        unless_modifier: Vec<Modifier>,
    },
}

vocabulary! {
    /// Whose enrolment is asked for.
    EnrolledRole { Billing = "billing", Rendering = "rendering" }
}

/// A condition on the line's modifiers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModifierCondition {
    RequireAny(Vec<Modifier>),
    Forbid(Vec<Modifier>),
}

/// Who must have referred to or ordered a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referral {
    pub role: ReferralRole,
    /// The provider has a row in `providers.csv`.
    pub on_file: bool,
    /// Empty: any taxonomy.
    pub allow_prefix: Vec<CompactString>,
}

vocabulary! {
    ReferralRole {
        /// NM1*DN.
        Referring = "referring",
        /// NM1*DK.
        Ordering = "ordering",
        Either = "either",
    }
}

/// A condition on the drug of a line (2410).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NdcCondition {
    /// LIN03 has eleven digits.
    Code,
    /// CTP04 and CTP05.
    Quantity,
    /// The drug, where there is one, begins with one of these.
    AllowPrefix(Vec<CompactString>),
}

/// A condition on services at a distance: place of service 02 or 10, or one of their modifiers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TelehealthCondition {
    NotCovered,
    /// In place of service 02 or 10, one of these modifiers.
    RequireAny(Vec<Modifier>),
}

/// A condition on the diagnoses of an inpatient claim, HI component 9; on a row of diagnoses, of those
/// in its range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdmissionCondition {
    Required,
    Forbid(Vec<Qualifier>),
}

vocabulary! {
    CalendarPart { Month = "month", Year = "year" }
}

/// A condition on the member's aid code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AidCodeCondition {
    Allow(Vec<AidCode>),
    Forbid(Vec<AidCode>),
}

/// Procedures by code and range.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CodeRanges(pub(super) Vec<CodeRange>);

impl CodeRanges {
    pub fn contains(&self, code: &[u8]) -> bool {
        let key = CodeKey::of(code);
        self.0.iter().any(|range| range.contains(key))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl RestrictionKind {
    /// Whether units above a maximum can be cut.
    pub(super) fn counts_units(&self) -> bool {
        match self {
            RestrictionKind::UnitsPerLine { .. } | RestrictionKind::UnitsPerDay { .. } | RestrictionKind::Frequency { .. } => true,
            RestrictionKind::Age { .. }
            | RestrictionKind::Sex(_)
            | RestrictionKind::PlaceOfService { .. }
            | RestrictionKind::Taxonomy { .. }
            | RestrictionKind::Modifier(_)
            | RestrictionKind::Diagnosis { .. }
            | RestrictionKind::NonCovered
            | RestrictionKind::BillType { .. }
            | RestrictionKind::PatientStatus { .. }
            | RestrictionKind::ReferringOrdering(_)
            | RestrictionKind::RevenueNeedsProcedure(_)
            | RestrictionKind::Bundled { .. }
            | RestrictionKind::MutuallyExclusive { .. }
            | RestrictionKind::AddOn { .. }
            | RestrictionKind::Ndc(_)
            | RestrictionKind::Unlisted
            | RestrictionKind::Attachment { .. }
            | RestrictionKind::Newborn { .. }
            | RestrictionKind::Clia
            | RestrictionKind::Telehealth(_)
            | RestrictionKind::PresentOnAdmission(_)
            | RestrictionKind::Span { .. }
            | RestrictionKind::AidCode(_)
            | RestrictionKind::OutOfNetwork
            | RestrictionKind::FeeListed
            | RestrictionKind::Enrolled(_)
            | RestrictionKind::Readmission { .. }
            | RestrictionKind::Hospice { .. } => false,
        }
    }
}
