//! HI: diagnoses, procedures and NUBC codes of a claim.

use chrono::NaiveDate;

use crate::ids::{DiagnosisCode, Drg, NubcCode, Qualifier};
use crate::money::Money;
use crate::phi::Phi;
use crate::position::SegmentPosition;
use crate::x12::element::DateRange;

/// Which place a diagnosis has on the claim. The HI qualifier in its ICD-10 spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DiagnosisKind {
    /// ABK.
    Principal,
    /// ABF.
    Other,
    /// ABJ.
    Admitting,
    /// APR.
    ReasonForVisit,
    /// ABN.
    ExternalCause,
}

/// One diagnosis. Protected: what a person suffers from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    pub at: SegmentPosition,
    /// Element number of the composite inside its HI, from 1.
    pub element: u8,
    pub kind: DiagnosisKind,
    pub code: Phi<DiagnosisCode>,
    /// Sent under an ICD-9 qualifier (BK, BF, BJ, PR, BN).
    pub is_icd9: bool,
    /// HI component 9: Y, N, U, W.
    pub present_on_admission: Option<Qualifier>,
}

/// BBR (principal) or BBQ: an ICD-10-PCS procedure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InpatientProcedure {
    pub at: SegmentPosition,
    pub is_principal: bool,
    pub code: Phi<DiagnosisCode>,
    pub date: Option<NaiveDate>,
}

/// BE: a value code with its amount (or count of days for 80, 81).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueCode {
    pub at: SegmentPosition,
    pub code: NubcCode,
    pub amount: Money,
}

/// BG, BH, BI: condition, occurrence and occurrence span codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimCode {
    Condition {
        at: SegmentPosition,
        code: NubcCode,
    },
    Occurrence {
        at: SegmentPosition,
        code: NubcCode,
        date: Option<NaiveDate>,
    },
    OccurrenceSpan {
        at: SegmentPosition,
        code: NubcCode,
        span: Option<DateRange>,
    },
}

/// DR.
pub type DiagnosisRelatedGroup = Drg;
