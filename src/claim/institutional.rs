//! What only an 837I claim has.

use chrono::{NaiveDate, NaiveTime};

use super::claim::Located;
use super::diagnosis::{ClaimCode, InpatientProcedure, ValueCode};
use crate::ids::{Drg, Qualifier};
use crate::money::Money;
use crate::position::SegmentPosition;
use crate::x12::element::DateRange;

/// Loop 2300 of 005010X223A2.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstitutionalClaim {
    /// CLM05-1: the first two digits of the type of bill, without its leading zero (`11`, `13`).
    pub facility_type: Option<Qualifier>,
    /// DTP*434.
    pub statement: Option<Located<DateRange>>,
    /// DTP*435.
    pub admission: Option<Located<NaiveDate>>,
    /// The time in DTP*435 (form DT).
    pub admission_time: Option<NaiveTime>,
    /// DTP*096.
    pub discharge_hour: Option<NaiveTime>,
    /// CL1.
    pub admission_codes_at: SegmentPosition,
    /// CL101, CL102, CL103.
    pub admission_type: Option<Qualifier>,
    pub admission_source: Option<Qualifier>,
    pub patient_status: Option<Qualifier>,
    /// AMT*F3: estimated amount due from the patient.
    pub patient_estimate: Option<Located<Money>>,
    pub drg: Option<Drg>,
    pub procedures: Vec<InpatientProcedure>,
    pub value_codes: Vec<ValueCode>,
    pub codes: Vec<ClaimCode>,
}

impl InstitutionalClaim {
    /// Hospital and skilled-nursing inpatient types of bill: 11x, 18x, 21x.
    pub fn is_inpatient(&self) -> bool {
        self.facility_type.is_some_and(|facility| is_inpatient(facility.as_bytes()))
    }

    /// The amount of a value code (`23` share of cost, `FC` patient paid, `80` covered days).
    pub fn value(&self, code: &str) -> Option<&ValueCode> {
        self.value_codes.iter().find(|value| value.code.as_str() == code)
    }
}

/// Whether a facility type (CLM05-1) is a hospital's or skilled nursing facility's inpatient one.
pub fn is_inpatient(facility: &[u8]) -> bool {
    matches!(facility, b"11" | b"18" | b"21")
}
