//! People and organisations of a claim.

use chrono::NaiveDate;
use compact_str::CompactString;

use super::source::SourceText;
use crate::ids::{Cin, Npi, Qualifier, Taxonomy, Tin};
use crate::phi::Phi;
use crate::position::SegmentPosition;

/// A name as NM1 gives it. NM103, NM104, NM105.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Name {
    /// Last name, or the organisation's name.
    pub last: CompactString,
    pub first: CompactString,
    pub middle: CompactString,
}

/// N3 and N4.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Address {
    pub street: CompactString,
    pub city: CompactString,
    pub state: CompactString,
    pub zip: CompactString,
}

/// Loops 2000A, 2010AA, 2010AB. Organisations and licensed persons; not protected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BillingProvider {
    /// NM1*85.
    pub at: SegmentPosition,
    pub name: Name,
    /// `None` when NM109 is absent or no NPI (a finding says which).
    pub npi: Option<Npi>,
    /// REF*EI or REF*SY.
    pub tin: Option<Tin>,
    /// PRV*BI.
    pub taxonomy: Option<Taxonomy>,
    pub address: Address,
    /// N3 and N4 for findings about the address.
    pub street_at: SegmentPosition,
    pub city_at: SegmentPosition,
    /// 2000A to 2010AC, as received.
    pub text: SourceText,
}

/// Loops 2000B, 2010BA, 2010BB.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subscriber {
    /// SBR.
    pub at: SegmentPosition,
    /// SBR01: P, S, T, A–H, U.
    pub payer_responsibility: Option<Qualifier>,
    /// SBR02 = 18: the subscriber is the patient.
    pub is_patient: bool,
    /// SBR09.
    pub filing_indicator: Option<Qualifier>,
    /// NM1*IL.
    pub name_at: SegmentPosition,
    pub name: Phi<Name>,
    /// NM109 as received.
    pub member_id: Phi<CompactString>,
    /// NM109 read as a CIN (first nine characters of any of its forms).
    pub cin: Option<Phi<Cin>>,
    pub address: Phi<Address>,
    /// N4.
    pub city_at: SegmentPosition,
    pub birth_date: Option<Phi<NaiveDate>>,
    /// DMG03: F, M, U.
    pub sex: Option<Phi<Qualifier>>,
    /// PAT06 of 2000B.
    pub death_date: Option<Phi<NaiveDate>>,
    /// PAT09 = Y.
    pub pregnant: bool,
    /// NM1*PR in 2010BB.
    pub payer_at: SegmentPosition,
    /// NM109 of 2010BB.
    pub payer_id: CompactString,
    /// 2000B to 2010BB, as received.
    pub text: SourceText,
}

/// Loops 2000C and 2010CA: a patient who is not the subscriber.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patient {
    /// PAT.
    pub at: SegmentPosition,
    /// PAT01.
    pub relationship: Option<Qualifier>,
    pub name: Phi<Name>,
    pub address: Phi<Address>,
    /// N4.
    pub city_at: SegmentPosition,
    pub birth_date: Option<Phi<NaiveDate>>,
    pub sex: Option<Phi<Qualifier>>,
    pub death_date: Option<Phi<NaiveDate>>,
    pub pregnant: bool,
    /// 2000C and 2010CA, as received.
    pub text: SourceText,
}

/// What a provider did for the claim or line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProviderRole {
    /// NM1*82, 2310B (P), 2310D (I), 2420A/C.
    Rendering,
    /// NM1*DN or P3.
    Referring,
    /// NM1*DK, 2420E.
    Ordering,
    /// NM1*DQ.
    Supervising,
    /// NM1*71, 2310A (I).
    Attending,
    /// NM1*72.
    Operating,
    /// NM1*ZZ, 2310C (I).
    OtherOperating,
    /// NM1*77.
    ServiceFacility,
    /// NM1*QB.
    PurchasedService,
    /// NM1*PW / NM1*45.
    AmbulancePickUp,
    AmbulanceDropOff,
}

impl ProviderRole {
    /// From NM101; `None` when the entity is no provider.
    pub fn of_entity(entity: &[u8]) -> Option<ProviderRole> {
        Some(match entity {
            b"82" => ProviderRole::Rendering,
            b"DN" | b"P3" => ProviderRole::Referring,
            b"DK" => ProviderRole::Ordering,
            b"DQ" => ProviderRole::Supervising,
            b"71" => ProviderRole::Attending,
            b"72" => ProviderRole::Operating,
            b"ZZ" => ProviderRole::OtherOperating,
            b"77" => ProviderRole::ServiceFacility,
            b"QB" => ProviderRole::PurchasedService,
            b"PW" => ProviderRole::AmbulancePickUp,
            b"45" => ProviderRole::AmbulanceDropOff,
            _ => return None,
        })
    }

    /// NM101, as 277CA entity codes spell it.
    pub fn entity(self) -> &'static str {
        match self {
            ProviderRole::Rendering => "82",
            ProviderRole::Referring => "DN",
            ProviderRole::Ordering => "DK",
            ProviderRole::Supervising => "DQ",
            ProviderRole::Attending => "71",
            ProviderRole::Operating => "72",
            ProviderRole::OtherOperating => "ZZ",
            ProviderRole::ServiceFacility => "77",
            ProviderRole::PurchasedService => "QB",
            ProviderRole::AmbulancePickUp => "PW",
            ProviderRole::AmbulanceDropOff => "45",
        }
    }
}

/// Loops 2310x and 2420x.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    pub at: SegmentPosition,
    pub role: ProviderRole,
    pub name: Name,
    pub npi: Option<Npi>,
    pub taxonomy: Option<Taxonomy>,
}
