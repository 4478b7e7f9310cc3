//! The typed claim: what every later stage sees of an 837.

use std::sync::Arc;

use chrono::NaiveDate;
use compact_str::CompactString;

use super::diagnosis::{Diagnosis, DiagnosisKind};
use super::institutional::InstitutionalClaim;
use super::other_payer::OtherPayer;
use super::party::{BillingProvider, Patient, Provider, ProviderRole, Subscriber};
use super::professional::ProfessionalClaim;
use super::service_line::ServiceLine;
use super::source::{SourceSegment, SourceText};
use crate::ids::{AuthorizationNumber, Form, Npi, PayerClaimNumber, PlaceOfService, Qualifier, Taxonomy};
use crate::loop_id::LoopId;
use crate::money::Money;
use crate::phi::Phi;
use crate::position::{ByteRange, SegmentPosition, SegmentTag};
use crate::x12::element::DateRange;

/// A value and the segment it was read from: what `explain` shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Located<T> {
    pub value: T,
    pub at: SegmentPosition,
}

/// A reference as received. REF02.
pub type Reference = Located<CompactString>;

/// One claim: loop 2300 with the loops above and below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub form: Form,
    /// CLM counted from 1 within its transaction set.
    pub ordinal: u32,
    /// CLM to the claim's last segment.
    pub bytes: ByteRange,
    /// The CLM segment.
    pub at: SegmentPosition,
    pub billing_provider: Arc<BillingProvider>,
    pub subscriber: Arc<Subscriber>,
    pub patient: Option<Arc<Patient>>,
    /// CLM01.
    pub patient_control_number: Phi<CompactString>,
    /// CLM02.
    pub charge: Money,
    /// CLM05-3: `1` original, `7` replacement, `8` void; others on institutional claims.
    pub frequency: Option<Qualifier>,
    /// CLM20.
    pub delay_reason: Option<Qualifier>,
    /// REF*G1.
    pub prior_authorization: Option<Located<AuthorizationNumber>>,
    /// REF*9F.
    pub referral: Option<Reference>,
    /// REF*F8: the payer's number of the claim that is replaced or voided.
    pub original_claim: Option<Located<PayerClaimNumber>>,
    /// REF*4N.
    pub authorization_exception: Option<Qualifier>,
    /// REF*D9.
    pub clearinghouse_trace: CompactString,
    /// REF*X4.
    pub has_clia: bool,
    /// PWK with a control number; and PWK by mail, fax or file without one.
    pub has_attachment: bool,
    pub attachment_without_control: Option<SegmentPosition>,
    /// NTE is present: remark text.
    pub has_note: bool,
    pub diagnoses: Vec<Diagnosis>,
    /// 2310x.
    pub providers: Vec<Provider>,
    /// 2320.
    pub other_payers: Vec<OtherPayer>,
    pub detail: ClaimDetail,
    pub lines: Vec<ServiceLine>,
    /// CLM to the claim's last segment, as received.
    pub text: SourceText,
}

/// The part that the two forms do not share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimDetail {
    Professional(ProfessionalClaim),
    Institutional(Box<InstitutionalClaim>),
}

impl Claim {
    pub fn professional(&self) -> Option<&ProfessionalClaim> {
        match &self.detail {
            ClaimDetail::Professional(professional) => Some(professional),
            ClaimDetail::Institutional(_) => None,
        }
    }

    pub fn institutional(&self) -> Option<&InstitutionalClaim> {
        match &self.detail {
            ClaimDetail::Institutional(institutional) => Some(institutional),
            ClaimDetail::Professional(_) => None,
        }
    }

    /// Every segment of the claim, and before it those of the billing provider, subscriber and patient.
    pub fn segments(&self) -> impl Iterator<Item = SourceSegment<'_>> {
        let patient = self.patient.iter().flat_map(|patient| patient.text.segments());
        let shared = self.billing_provider.text.segments().chain(self.subscriber.text.segments());
        shared.chain(patient).chain(self.text.segments())
    }

    /// Those of a loop (all its repeats) with a tag, in the order received.
    pub fn segments_of(&self, loop_id: LoopId, tag: SegmentTag) -> impl Iterator<Item = SourceSegment<'_>> {
        self.segments().filter(move |segment| segment.loop_id == Some(loop_id) && segment.at.tag == tag)
    }

    /// Frequency 7.
    pub fn is_replacement(&self) -> bool {
        self.frequency.is_some_and(|frequency| frequency.as_bytes() == b"7")
    }

    /// Frequency 8.
    pub fn is_void(&self) -> bool {
        self.frequency.is_some_and(|frequency| frequency.as_bytes() == b"8")
    }

    /// The claim-level provider of a role.
    pub fn provider(&self, role: ProviderRole) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.role == role)
    }

    /// Who rendered a line: 2420A, else 2310B, else the billing provider.
    pub fn rendering_npi(&self, line: &ServiceLine) -> Option<Npi> {
        line.rendering_npi()
            .or_else(|| self.provider(ProviderRole::Rendering).and_then(|provider| provider.npi))
            .or(self.billing_provider.npi)
    }

    /// Taxonomy of the rendering, else the billing provider.
    pub fn rendering_taxonomy(&self) -> Option<Taxonomy> {
        self.provider(ProviderRole::Rendering)
            .and_then(|provider| provider.taxonomy)
            .or(self.billing_provider.taxonomy)
    }

    /// Where a line was rendered: SV105, else CLM05-1 (P); none for institutional claims.
    pub fn place_of_service(&self, line: &ServiceLine) -> Option<PlaceOfService> {
        line.professional
            .place_of_service
            .or_else(|| self.professional().and_then(|claim| claim.place_of_service))
    }

    /// When a line was rendered: DTP*472, else the statement dates (I).
    pub fn service_dates(&self, line: &ServiceLine) -> Option<Located<DateRange>> {
        line.service.or_else(|| self.institutional().and_then(|claim| claim.statement))
    }

    /// First to last day of service on the claim: the statement (I) or the span of its lines (P).
    pub fn dates(&self) -> Option<DateRange> {
        if let Some(statement) = self.institutional().and_then(|claim| claim.statement) {
            return Some(statement.value);
        }
        let ranges = || self.lines.iter().filter_map(|line| line.service.map(|service| service.value));
        Some(DateRange {
            from: ranges().map(|range| range.from).min()?,
            through: ranges().map(|range| range.through).max()?,
        })
    }

    /// Birth date of the patient: 2010CA, else the subscriber's.
    pub fn patient_birth_date(&self) -> Option<Phi<NaiveDate>> {
        match &self.patient {
            Some(patient) => patient.birth_date,
            None => self.subscriber.birth_date,
        }
    }

    /// Principal diagnosis. ABK.
    pub fn principal_diagnosis(&self) -> Option<&Diagnosis> {
        self.diagnoses.iter().find(|diagnosis| diagnosis.kind == DiagnosisKind::Principal)
    }

    /// The diagnoses that a professional line points to: pointers count ABK and ABF in order.
    pub fn pointed_diagnoses<'a>(&'a self, line: &'a ServiceLine) -> impl Iterator<Item = &'a Diagnosis> + 'a {
        line.professional.diagnosis_pointers.iter().filter_map(move |pointer| {
            let place = usize::from(*pointer).checked_sub(1)?;
            self.diagnoses
                .iter()
                .filter(|diagnosis| matches!(diagnosis.kind, DiagnosisKind::Principal | DiagnosisKind::Other))
                .nth(place)
        })
    }
}
