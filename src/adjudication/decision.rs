//! A determination with everything that pins it: which claim, which bytes, which facts, which rules.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::determination::{ClaimOutcome, Determination, UnitsConsumed};
use super::facts::{Facts, Receipt};
use super::fraud_signals::Suspicion;
use crate::claim::echo::ClaimEcho;
use crate::clock::Timestamp;
use crate::finding::Finding;
use crate::ids::{ClaimId, ContentDigest, ControlNumber, FileDigest, Form, Npi, PartnerId, PayerClaimNumber, Tin, Token};
use crate::money::Money;
use crate::position::ByteRange;

/// Where a claim came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimSource {
    pub file: FileDigest,
    pub partner: PartnerId,
    pub isa13: ControlNumber,
    pub gs06: ControlNumber,
    pub st02: ControlNumber,
    /// Offset of the ST in the file.
    pub st_byte: u64,
    /// CLM counted from 1 within its ST.
    pub ordinal: u32,
    pub bytes: ByteRange,
}

impl ClaimSource {
    pub fn claim_id(&self) -> ClaimId {
        ClaimId::derive(&self.file, self.st_byte, self.ordinal)
    }
}

/// An adjudicated claim as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub claim_id: ClaimId,
    /// 1 for the first decision on a claim.
    pub version: u16,
    pub source: ClaimSource,
    /// CLP07 and REF*1K: what the provider quotes back to us.
    pub payer_claim_number: PayerClaimNumber,
    pub received_at: Timestamp,
    pub decided_at: Timestamp,
    pub receipt: Receipt,
    pub member_token: Token,
    pub pcn_token: Token,
    pub echo: ClaimEcho,
    pub facts: Facts,
    pub determination: Determination,
    /// Signs of fraud: beside the decision, no part of it.
    pub suspicions: Vec<Suspicion>,
    /// Warnings of the edits.
    pub findings: Vec<Finding>,
    pub rules: ContentDigest,
    pub refdata: ContentDigest,
}

/// What the answer to a claim's receipt tells of it: the first fields of a [`Decision`], in its order,
/// so that they are read without the rest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DecisionHead {
    pub claim_id: ClaimId,
    pub version: u16,
    pub source: ClaimSource,
    pub payer_claim_number: PayerClaimNumber,
    pub received_at: Timestamp,
    pub decided_at: Timestamp,
    pub receipt: Receipt,
    pub member_token: Token,
    pub pcn_token: Token,
    pub echo: ClaimEcho,
}

impl From<Decision> for DecisionHead {
    fn from(decision: Decision) -> DecisionHead {
        DecisionHead {
            claim_id: decision.claim_id,
            version: decision.version,
            source: decision.source,
            payer_claim_number: decision.payer_claim_number,
            received_at: decision.received_at,
            decided_at: decision.decided_at,
            receipt: decision.receipt,
            member_token: decision.member_token,
            pcn_token: decision.pcn_token,
            echo: decision.echo,
        }
    }
}

/// A claim rejected before adjudication: answered on the 999 or 277CA, never on an 835.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    pub claim_id: ClaimId,
    pub source: ClaimSource,
    pub received_at: Timestamp,
    pub decided_at: Timestamp,
    pub member_token: Token,
    pub pcn_token: Token,
    pub echo: ClaimEcho,
    /// At least one rejects.
    pub findings: Vec<Finding>,
}

/// A decision that is taken back, because another claim replaces or voids the one it was about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reversal {
    /// The claim whose decision it was, and that decision's version.
    pub claim_id: ClaimId,
    pub version: u16,
    /// Where the decision stands in the journal.
    pub decided_seq: u64,
    pub source: ClaimSource,
    pub form: Form,
    pub payer_claim_number: PayerClaimNumber,
    pub member_token: Token,
    pub pcn_token: Token,
    pub billing_npi: Option<Npi>,
    pub billing_tin: Option<Tin>,
    pub outcome: ClaimOutcome,
    pub charge: Money,
    pub paid: Money,
    /// What it had taken of authorizations, and gives back.
    pub returned: Vec<UnitsConsumed>,
    pub reason: ReversalReason,
    /// The claim that replaces or voids it; its decision stands right behind this in the journal.
    pub by: ClaimId,
    /// What that claim is paid.
    pub corrected_paid: Money,
    /// When that claim was received, in the payer's time zone.
    #[serde(with = "crate::text_form::day")]
    pub received_on: NaiveDate,
    pub reversed_at: Timestamp,
}

/// Why a decision is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReversalReason {
    /// Frequency 8.
    Void,
    /// Frequency 7.
    Replacement,
}

impl ReversalReason {
    pub fn as_str(self) -> &'static str {
        match self {
            ReversalReason::Void => "void",
            ReversalReason::Replacement => "replacement",
        }
    }
}
