//! What adjudication must know beyond the claim: fetched by the pipeline, stored sealed with the
//! decision, so that the decision of then can be run again without today's tables.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{AidCode, AuthorizationNumber, ClaimId, Modifier, NetworkId, Npi, Taxonomy, Tin};
use crate::money::{Money, Quantity};
use crate::phi::{Phi, sealing};
use crate::tables::refdata::authorizations::{AuthorizationRow, AuthorizationStatus, AuthorizationType, UnitBasis};
use crate::tables::refdata::members::Sex;
use crate::tables::refdata::providers::ProviderKind;

/// Everything adjudication looks up outside the claim and the rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    pub member: Known<MemberFacts>,
    /// Billing and rendering providers of the claim, each NPI once.
    pub providers: Vec<(Npi, Known<ProviderFacts>)>,
    /// Every authorization row that the claim could use: the member's own, and rows of the numbers
    /// that the claim names. `NotLoaded` when authorizations were never loaded.
    pub authorizations: Known<Vec<AuthorizationFacts>>,
    /// Earlier lines, not denied, that are exactly this claim's lines (DOMAIN E4).
    pub duplicates: Vec<EarlierLine>,
    /// The claim that REF*F8 names.
    pub original: Option<OriginalClaim>,
}

/// A look-up's answer: the table was never loaded, it has no such row, or the row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Known<T> {
    #[default]
    NotLoaded,
    Unknown,
    Found(T),
}

impl<T> Known<T> {
    pub fn found(&self) -> Option<&T> {
        match self {
            Known::Found(found) => Some(found),
            Known::NotLoaded | Known::Unknown => None,
        }
    }
}

/// A member's rows of `members.csv`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberFacts {
    #[serde(with = "sealing")]
    pub birth_date: Phi<NaiveDate>,
    pub sex: Sex,
    #[serde(with = "sealing")]
    pub death_date: Phi<Option<NaiveDate>>,
    /// Ordered by `from`.
    pub coverage: Vec<CoverageFacts>,
}

/// One eligibility segment; both ends are covered days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverageFacts {
    pub from: NaiveDate,
    pub to: Option<NaiveDate>,
    pub aid_code: Option<AidCode>,
    pub network: Option<NetworkId>,
    pub pcp_npi: Option<Npi>,
    pub share_of_cost: Money,
    pub has_other_coverage: bool,
    pub added_on: Option<NaiveDate>,
}

impl CoverageFacts {
    pub fn covers(&self, day: NaiveDate) -> bool {
        self.from <= day && self.to.is_none_or(|to| day <= to)
    }
}

/// A provider's row of `providers.csv`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderFacts {
    pub tin: Option<Tin>,
    pub group_tin: Option<Tin>,
    pub taxonomy: Option<Taxonomy>,
    pub kind: ProviderKind,
    pub contracted: bool,
}

/// An authorized line with the units used before this claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationFacts {
    pub row: AuthorizationRow,
    pub number: AuthorizationNumber,
    /// The authorization names this claim's member.
    pub is_of_member: bool,
    pub status: AuthorizationStatus,
    pub kind: AuthorizationType,
    pub service_from: Option<NaiveDate>,
    pub service_to: Option<NaiveDate>,
    pub provider_npi: Option<Npi>,
    pub group_tin: Option<Tin>,
    pub code_from: compact_str::CompactString,
    pub code_to: compact_str::CompactString,
    pub modifier: Option<Modifier>,
    /// `None`: no limit.
    pub units: Option<Quantity>,
    pub unit_basis: UnitBasis,
    /// Units of the table plus units consumed by earlier decisions.
    pub units_used: Quantity,
    pub notified_at: Option<Timestamp>,
}

/// An earlier line that equals one of this claim's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierLine {
    /// LX01 of this claim's line.
    pub line: u16,
    pub earlier_claim: ClaimId,
}

/// The claim that a replacement or void names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginalClaim {
    pub claim: ClaimId,
    pub decided_on: NaiveDate,
}

/// What holds for the whole claim but stands outside it: envelope and receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Calendar date of receipt in the payer's time zone (DOMAIN B7).
    pub received_on: NaiveDate,
    /// BHT06 = RP: an encounter, recorded and not paid.
    pub is_encounter: bool,
}
