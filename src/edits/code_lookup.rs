//! What the checks ask of external code sets. The tables answer; this room only asks.

use std::fmt;

use chrono::NaiveDate;

use crate::ids::{Carc, DiagnosisCode, Modifier, PlaceOfService, ProcedureCode, RevenueCode, Taxonomy};

/// What a code set says of a code on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeVerdict {
    /// The set was never loaded: only the code's shape is checked.
    NotLoaded,
    Valid,
    /// Not in the set.
    Unknown,
    /// A heading: a longer code must be sent.
    NotBillable,
    /// In the set, but not on that day.
    NotOnDate,
}

/// External code sets (DOMAIN I). Every answer defaults to not loaded.
pub trait CodeLookup: fmt::Debug + Sync {
    /// ICD-10-CM.
    fn diagnosis(&self, _code: DiagnosisCode, _on: NaiveDate) -> CodeVerdict {
        CodeVerdict::NotLoaded
    }
    /// ICD-10-PCS.
    fn inpatient_procedure(&self, _code: DiagnosisCode, _on: NaiveDate) -> CodeVerdict {
        CodeVerdict::NotLoaded
    }
    /// HCPCS and CPT.
    fn procedure(&self, _code: ProcedureCode, _on: NaiveDate) -> CodeVerdict {
        CodeVerdict::NotLoaded
    }
    fn modifier(&self, _code: Modifier, _on: NaiveDate) -> CodeVerdict {
        CodeVerdict::NotLoaded
    }
    fn place_of_service(&self, _code: PlaceOfService) -> CodeVerdict {
        CodeVerdict::NotLoaded
    }
    /// NUBC.
    fn revenue(&self, _code: RevenueCode) -> CodeVerdict {
        CodeVerdict::NotLoaded
    }
    /// NUCC.
    fn taxonomy(&self, _code: Taxonomy) -> CodeVerdict {
        CodeVerdict::NotLoaded
    }
    /// National drug code, eleven digits.
    fn drug(&self, _ndc: &str) -> CodeVerdict {
        CodeVerdict::NotLoaded
    }
    /// CARC, ever valid: another payer may have used one that has since ended.
    fn adjustment_reason(&self, _code: Carc) -> CodeVerdict {
        CodeVerdict::NotLoaded
    }
}

/// No code set is loaded.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCodeSets;

impl CodeLookup for NoCodeSets {}
