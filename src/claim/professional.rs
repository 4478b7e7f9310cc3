//! What only an 837P claim has.

use chrono::NaiveDate;

use super::claim::Located;
use crate::ids::{PlaceOfService, Qualifier};
use crate::money::{Money, Quantity};

/// Loop 2300 of 005010X222A1.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfessionalClaim {
    /// CLM05-1.
    pub place_of_service: Option<PlaceOfService>,
    /// CLM11-1..3: AA, EM, OA.
    pub related_causes: [Option<Qualifier>; 3],
    /// CLM11-4: state of an auto accident.
    pub accident_state: Option<Qualifier>,
    /// CLM11-5: country of an accident outside the United States.
    pub accident_country: Option<Qualifier>,
    /// DTP*439.
    pub accident_date: Option<NaiveDate>,
    /// DTP*435 / DTP*096.
    pub admission_date: Option<NaiveDate>,
    pub discharge_date: Option<NaiveDate>,
    /// AMT*F5: what the patient paid.
    pub patient_paid: Option<Located<Money>>,
    /// CR1 is present.
    pub has_ambulance_transport: bool,
    /// CRC*07 is present.
    pub has_ambulance_certification: bool,
    /// CRC*ZZ is present.
    pub has_epsdt_referral: bool,
}

/// SV1 and its neighbours in loop 2400.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfessionalLine {
    /// SV105.
    pub place_of_service: Option<PlaceOfService>,
    /// SV107: diagnosis pointers, 0 = absent.
    pub diagnosis_pointers: [u8; 4],
    /// SV109 = Y.
    pub is_emergency: bool,
    /// SV111 = Y.
    pub is_epsdt: bool,
    /// SV112 = Y.
    pub is_family_planning: bool,
    /// SV103 = MJ: units are minutes.
    pub is_minutes: bool,
    /// Units behind MJ before any conversion; the same as the line's units.
    pub minutes: Option<Quantity>,
}
