//! Decisions as they were stored at first, and how they read today. What was not asked then stands at
//! its default.
//!
//! To the next editor: these shapes do not change any more. What a stored struct of today gains gets its
//! default in the conversions here. Once a release has stored today's shapes, they are a form of their
//! own: they move here beside the first, and `events::stored` learns a third.

use chrono::NaiveDate;
use compact_str::CompactString;
use serde::Deserialize;

use super::adjustment::Adjustment;
use super::decision;
use super::determination::{self, ClaimOutcome, LineOutcome, PendReason, UnitsConsumed};
use super::facts::{self, EarlierLine, Known, Receipt};
use super::fraud_signals::{FraudSignal, Suspicion};
use super::trace::Rule;
use crate::claim::echo::ClaimEcho;
use crate::clock::Timestamp;
use crate::finding::Finding;
use crate::ids::{AidCode, AuthorizationNumber, ClaimId, ContentDigest, Modifier, NetworkId, Npi, PayerClaimNumber, Taxonomy, Tin, Token};
use crate::money::{Money, Quantity};
use crate::phi::{Phi, sealing};
use crate::tables::code_range::CodeRange;
use crate::tables::period::Period;
use crate::tables::refdata::authorizations::{AuthorizationRow, AuthorizationStatus, AuthorizationType, UnitBasis};
use crate::tables::refdata::members::Sex;
use crate::tables::refdata::providers::ProviderKind;

#[derive(Debug, Deserialize)]
pub struct Decision {
    claim_id: ClaimId,
    version: u16,
    source: decision::ClaimSource,
    payer_claim_number: PayerClaimNumber,
    received_at: Timestamp,
    decided_at: Timestamp,
    receipt: Receipt,
    member_token: Token,
    pcn_token: Token,
    echo: ClaimEcho,
    facts: Facts,
    determination: Determination,
    findings: Vec<Finding>,
    rules: ContentDigest,
    refdata: ContentDigest,
}

#[derive(Debug, Deserialize)]
struct Facts {
    member: Known<MemberFacts>,
    providers: Vec<(Npi, Known<ProviderFacts>)>,
    authorizations: Known<Vec<AuthorizationFacts>>,
    duplicates: Vec<EarlierLine>,
    /// Never looked up then: replacements were pended.
    #[allow(dead_code, reason = "it stands between what is read")]
    original: Option<(ClaimId, NaiveDate)>,
}

#[derive(Debug, Deserialize)]
struct MemberFacts {
    #[serde(with = "sealing")]
    birth_date: Phi<NaiveDate>,
    sex: Sex,
    #[serde(with = "sealing")]
    death_date: Phi<Option<NaiveDate>>,
    coverage: Vec<CoverageFacts>,
}

#[derive(Debug, Deserialize)]
struct CoverageFacts {
    #[serde(with = "crate::text_form::day")]
    from: NaiveDate,
    #[serde(with = "crate::text_form::optional_day")]
    to: Option<NaiveDate>,
    aid_code: Option<AidCode>,
    network: Option<NetworkId>,
    pcp_npi: Option<Npi>,
    share_of_cost: Money,
    has_other_coverage: bool,
    #[serde(with = "crate::text_form::optional_day")]
    added_on: Option<NaiveDate>,
}

#[derive(Debug, Deserialize)]
struct ProviderFacts {
    tin: Option<Tin>,
    group_tin: Option<Tin>,
    taxonomy: Option<Taxonomy>,
    kind: ProviderKind,
    contracted: bool,
}

#[derive(Debug, Deserialize)]
struct AuthorizationFacts {
    row: AuthorizationRow,
    number: AuthorizationNumber,
    is_of_member: bool,
    status: AuthorizationStatus,
    kind: AuthorizationType,
    service: Period,
    provider_npi: Option<Npi>,
    group_tin: Option<Tin>,
    codes: CodeRange,
    modifier: Option<Modifier>,
    units: Option<Quantity>,
    unit_basis: UnitBasis,
    units_used: Quantity,
    notified_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Determination {
    pub(super) outcome: ClaimOutcome,
    pub(super) pend_reason: Option<PendReason>,
    pub(super) charge: Money,
    pub(super) paid: Money,
    pub(super) lines: Vec<LineDetermination>,
    pub(super) signals: Vec<Raised>,
    pub(super) consumed: Vec<UnitsConsumed>,
    pub(super) forward_to: Option<CompactString>,
}

#[derive(Debug, Deserialize)]
pub(super) struct LineDetermination {
    pub(super) number: u16,
    pub(super) outcome: LineOutcome,
    pub(super) charge: Money,
    pub(super) allowed: Money,
    pub(super) paid: Money,
    pub(super) paid_units: Quantity,
    pub(super) adjustments: Vec<Adjustment>,
    pub(super) rule: Rule,
}

/// Signs of fraud stood among what is told of a decision.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Raised {
    signal: Signal,
    line: u16,
    amount: Option<Money>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
enum Signal {
    PatientPaid,
    ShareOfCostMismatch,
    PatientEstimate,
    TimelyFilingBoundary,
    Deceased,
    ForeignAuthorization,
}

impl Raised {
    pub(super) fn told(self) -> Option<determination::Raised> {
        let signal = match self.signal {
            Signal::PatientPaid => determination::Signal::PatientPaid,
            Signal::ShareOfCostMismatch => determination::Signal::ShareOfCostMismatch,
            Signal::PatientEstimate => determination::Signal::PatientEstimate,
            Signal::TimelyFilingBoundary => determination::Signal::TimelyFilingBoundary,
            Signal::Deceased | Signal::ForeignAuthorization => return None,
        };
        let (line, amount) = (self.line, self.amount);
        Some(determination::Raised { signal, line, amount })
    }

    fn suspicion(&self) -> Option<Suspicion> {
        let signal = match self.signal {
            Signal::Deceased => FraudSignal::Deceased,
            Signal::ForeignAuthorization => FraudSignal::ForeignAuthorization,
            Signal::PatientPaid | Signal::ShareOfCostMismatch | Signal::PatientEstimate | Signal::TimelyFilingBoundary => return None,
        };
        Some(Suspicion { signal, line: self.line })
    }
}

impl From<Decision> for decision::Decision {
    fn from(former: Decision) -> decision::Decision {
        decision::Decision {
            claim_id: former.claim_id,
            version: former.version,
            source: former.source,
            payer_claim_number: former.payer_claim_number,
            received_at: former.received_at,
            decided_at: former.decided_at,
            receipt: former.receipt,
            member_token: former.member_token,
            pcn_token: former.pcn_token,
            echo: former.echo,
            facts: former.facts.into(),
            suspicions: former.determination.signals.iter().filter_map(Raised::suspicion).collect(),
            determination: former.determination.into(),
            findings: former.findings,
            rules: former.rules,
            refdata: former.refdata,
        }
    }
}

impl From<Facts> for facts::Facts {
    fn from(former: Facts) -> facts::Facts {
        facts::Facts {
            member: former.member.map(Into::into),
            providers: former.providers.into_iter().map(|(npi, found)| (npi, found.map(Into::into))).collect(),
            authorizations: former.authorizations.map(|rows| rows.into_iter().map(Into::into).collect()),
            duplicates: former.duplicates,
            original: Known::NotLoaded,
            filing_exceptions: Vec::new(),
            services: Vec::new(),
            others: facts::OtherClaims::default(),
            hospice: Vec::new(),
        }
    }
}

impl From<MemberFacts> for facts::MemberFacts {
    fn from(former: MemberFacts) -> facts::MemberFacts {
        facts::MemberFacts {
            birth_date: former.birth_date,
            sex: former.sex,
            death_date: former.death_date,
            coverage: former.coverage.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<CoverageFacts> for facts::CoverageFacts {
    fn from(former: CoverageFacts) -> facts::CoverageFacts {
        facts::CoverageFacts {
            from: former.from,
            to: former.to,
            aid_code: former.aid_code,
            network: former.network,
            pcp_npi: former.pcp_npi,
            share_of_cost: former.share_of_cost,
            has_other_coverage: former.has_other_coverage,
            other_coverage_code: None,
            added_on: former.added_on,
        }
    }
}

impl From<ProviderFacts> for facts::ProviderFacts {
    fn from(former: ProviderFacts) -> facts::ProviderFacts {
        facts::ProviderFacts {
            tin: former.tin,
            group_tin: former.group_tin,
            taxonomy: former.taxonomy,
            kind: former.kind,
            contracted: former.contracted,
            group_npi: None,
            tertiary: false,
            // Open ends: nobody was inactive.
            enrolled: Period::default(),
        }
    }
}

impl From<AuthorizationFacts> for facts::AuthorizationFacts {
    fn from(former: AuthorizationFacts) -> facts::AuthorizationFacts {
        facts::AuthorizationFacts {
            row: former.row,
            number: former.number,
            is_of_member: former.is_of_member,
            status: former.status,
            kind: former.kind,
            service: former.service,
            provider_npi: former.provider_npi,
            group_tin: former.group_tin,
            codes: former.codes,
            modifier: former.modifier,
            units: former.units,
            unit_basis: former.unit_basis,
            units_used: former.units_used,
            notified_at: former.notified_at,
            facility_npi: None,
            place_of_service: None,
            diagnoses: None,
            is_referral: false,
        }
    }
}
