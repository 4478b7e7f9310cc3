//! What the answers to a claim must repeat of it: the fields that the 835, the 277CA and the events
//! carry. Stored sealed with each decision, so that every answer can be rendered from the ledger alone.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::claim::Claim;
use super::party::ProviderRole;
use crate::ids::{AuthorizationNumber, Drg, Form, Modifier, Npi, PayerClaimNumber, ProcedureCode, Qualifier, RevenueCode, Tin};
use crate::money::{Money, Quantity};
use crate::phi::{Phi, sealing};
use crate::x12::element::DateRange;

/// The repeatable part of a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimEcho {
    pub form: Form,
    /// CLM01.
    #[serde(with = "sealing")]
    pub patient_control_number: Phi<CompactString>,
    /// CLM02.
    pub charge: Money,
    /// CLM05-1.
    pub facility: CompactString,
    /// CLM05-3.
    pub frequency: Option<Qualifier>,
    /// NM109 of 2010BA as received.
    #[serde(with = "sealing")]
    pub member_id: Phi<CompactString>,
    /// Patient's name: 2010CA, else 2010BA.
    #[serde(with = "sealing")]
    pub patient_last: Phi<CompactString>,
    #[serde(with = "sealing")]
    pub patient_first: Phi<CompactString>,
    #[serde(with = "sealing")]
    pub patient_middle: Phi<CompactString>,
    pub billing_npi: Option<Npi>,
    pub billing_tin: Option<Tin>,
    pub billing_last: CompactString,
    pub billing_first: CompactString,
    /// 2310B (P) or 2310A attending (I), when different from the billing provider.
    pub rendering_npi: Option<Npi>,
    pub rendering_last: CompactString,
    pub rendering_first: CompactString,
    /// DTP*434 (I) or the span of the lines (P).
    pub dates: Option<DateRange>,
    pub prior_authorization: Option<AuthorizationNumber>,
    pub original_claim: Option<PayerClaimNumber>,
    /// REF*D9.
    pub clearinghouse_trace: CompactString,
    pub drg: Option<Drg>,
    pub lines: Vec<LineEcho>,
}

/// The repeatable part of a service line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineEcho {
    pub number: u16,
    pub procedure: Option<ProcedureCode>,
    pub modifiers: [Option<Modifier>; 4],
    pub revenue: Option<RevenueCode>,
    pub charge: Money,
    pub units: Quantity,
    pub service: Option<DateRange>,
    /// REF*6R.
    pub control_number: CompactString,
}

impl ClaimEcho {
    pub fn of(claim: &Claim) -> ClaimEcho {
        let name = claim.patient.as_ref().map_or(&claim.subscriber.name, |patient| &patient.name);
        let rendering = claim
            .provider(match claim.form {
                Form::Professional => ProviderRole::Rendering,
                Form::Institutional => ProviderRole::Attending,
            })
            .filter(|provider| provider.npi != claim.billing_provider.npi);
        let facility = match &claim.detail {
            super::claim::ClaimDetail::Professional(detail) => detail.place_of_service.map(|place| CompactString::from(place.as_str())),
            super::claim::ClaimDetail::Institutional(detail) => detail.facility_type.map(|facility| CompactString::from(facility.as_str())),
        };
        ClaimEcho {
            form: claim.form,
            patient_control_number: claim.patient_control_number.clone(),
            charge: claim.charge,
            facility: facility.unwrap_or_default(),
            frequency: claim.frequency,
            member_id: claim.subscriber.member_id.clone(),
            patient_last: name.map(|name| name.last.clone()),
            patient_first: name.map(|name| name.first.clone()),
            patient_middle: name.map(|name| name.middle.clone()),
            billing_npi: claim.billing_provider.npi,
            billing_tin: claim.billing_provider.tin,
            billing_last: claim.billing_provider.name.last.clone(),
            billing_first: claim.billing_provider.name.first.clone(),
            rendering_npi: rendering.and_then(|provider| provider.npi),
            rendering_last: rendering.map(|provider| provider.name.last.clone()).unwrap_or_default(),
            rendering_first: rendering.map(|provider| provider.name.first.clone()).unwrap_or_default(),
            dates: claim.dates(),
            prior_authorization: claim.prior_authorization.as_ref().map(|number| number.value.clone()),
            original_claim: claim.original_claim.as_ref().map(|number| number.value.clone()),
            clearinghouse_trace: claim.clearinghouse_trace.clone(),
            drg: claim.institutional().and_then(|detail| detail.drg),
            lines: claim
                .lines
                .iter()
                .map(|line| LineEcho {
                    number: line.number,
                    procedure: line.procedure,
                    modifiers: line.modifiers,
                    revenue: line.revenue,
                    charge: line.charge,
                    units: line.units,
                    service: line.service.map(|service| service.value),
                    control_number: line.control_number.clone(),
                })
                .collect(),
        }
    }
}

impl LineEcho {
    /// `HC:99214` or `NU:0120`: the composite medical procedure identifier without modifiers.
    pub fn code(&self) -> String {
        let (qualifier, code) = match (&self.procedure, &self.revenue) {
            (Some(procedure), _) => ("HC:", procedure.as_str()),
            (None, Some(revenue)) => ("NU:", revenue.as_str()),
            (None, None) => ("", ""),
        };
        // With room for four modifiers.
        let mut text = String::with_capacity(24);
        text.push_str(qualifier);
        text.push_str(code);
        text
    }

    /// `HC:99214:25` or `NU:0120`: the same with its modifiers, as SVC01 repeats it.
    pub fn code_with_modifiers(&self) -> String {
        let mut text = self.code();
        for modifier in self.modifiers.iter().flatten().filter(|_| self.procedure.is_some()) {
            text.push(':');
            text.push_str(modifier.as_str());
        }
        text
    }
}
