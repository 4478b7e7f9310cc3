//! SNIP 5: codes that others define (S502–S513). The shape of a code is always checked; whether it is
//! in its set only when the set is loaded. NPIs (S501) were read when the claim was assembled.

use chrono::NaiveDate;

use crate::claim::diagnosis::{ClaimCode, Diagnosis, DiagnosisKind, InpatientProcedure};
use crate::claim::institutional::InstitutionalClaim;
use crate::claim::other_payer::InboundAdjustment;
use crate::claim::party::{Address, Provider, ProviderRole};
use crate::claim::service_line::ServiceLine;
use crate::claim::{Claim, ClaimDetail};
use crate::finding::{Check, ClaimStatus, Finding};
use crate::ids::{Form, NubcCode, PlaceOfService, Taxonomy};
use crate::loop_id::LoopId;
use crate::phi::Purpose;
use crate::position::{Position, SegmentPosition};

use super::{CodeLookup, CodeVerdict, EditContext, component, element, invalid, procedure_element, shape, whole};

/// ICD-10 is sent for services that end on this day or later.
const ICD_10_FROM: Option<NaiveDate> = NaiveDate::from_ymd_opt(2015, 10, 1);

pub(super) fn findings<'a>(claim: &'a Claim, context: &EditContext<'a>) -> impl Iterator<Item = Finding> + use<'a> {
    let sets = context.code_sets;
    let through = claim.dates().map_or(context.received_on, |dates| dates.through);
    let of_form = match &claim.detail {
        ClaimDetail::Professional(detail) => {
            let position = component(LoopId::L2300, claim.at, 5, 1);
            [detail.place_of_service.and_then(|place| place_of_service(place, position, sets)), None, None, None, None]
        }
        ClaimDetail::Institutional(detail) => bill_codes(claim, detail),
    };
    let institutional = claim.institutional();
    of_form
        .into_iter()
        .flatten()
        .chain(claim.diagnoses.iter().flat_map(move |diagnosis| diagnosis_code(diagnosis, through, sets)))
        .chain(institutional.into_iter().flat_map(move |detail| nubc_codes(detail).chain(inpatient_procedures(detail, through, sets))))
        .chain(taxonomies(claim, sets))
        .chain(addresses(claim))
        .chain(claim.other_payers.iter().flat_map(move |payer| adjustments(&payer.adjustments, LoopId::L2320, None, sets)))
        .chain(claim.lines.iter().flat_map(move |line| line_findings(claim, line, through, sets)))
}

fn line_findings<'a>(claim: &'a Claim, line: &'a ServiceLine, through: NaiveDate, sets: &'a dyn CodeLookup) -> impl Iterator<Item = Finding> + use<'a> {
    let on = claim.service_dates(line).map_or(through, |service| service.value.from);
    let element_number = procedure_element(claim.form);
    let place = line.professional.place_of_service;
    let modifiers = line.modifiers.iter().zip(3..).filter_map(move |(modifier, place)| {
        let modifier = (*modifier)?;
        let passes = shape::is_two_characters(modifier.as_bytes()) && is_known(sets.modifier(modifier, on));
        (!passes).then(|| Finding::status(Check::S504, invalid(453), component(LoopId::L2400, line.at, element_number, place)))
    });
    let adjustments = line
        .other_payers
        .iter()
        .flat_map(move |adjudication| adjustments(&adjudication.adjustments, LoopId::L2430, Some(line.number), sets));
    [
        procedure_code(claim.form, line, on, sets),
        place.and_then(|place| place_of_service(place, element(LoopId::L2400, line.at, 5), sets)),
        revenue_code(claim.form, line, sets),
        drug_code(line, sets),
    ]
    .into_iter()
    .flatten()
    .chain(modifiers)
    .map(|finding| finding.on_line(line.number))
    .chain(adjustments)
}

/// S502, S513. ICD-10-CM, billable, effective on the last day of service; and its POA value.
fn diagnosis_code(diagnosis: &Diagnosis, through: NaiveDate, sets: &dyn CodeLookup) -> impl Iterator<Item = Finding> + use<> {
    let place = |place| component(LoopId::L2300, diagnosis.at, diagnosis.element, place);
    let status = invalid(match diagnosis.kind {
        DiagnosisKind::Principal => 254,
        DiagnosisKind::Other => 255,
        DiagnosisKind::Admitting => 232,
        DiagnosisKind::ReasonForVisit => 673,
        DiagnosisKind::ExternalCause => 509,
    });
    let code = diagnosis.code.expose_for(Purpose::Adjudicate);
    let failure: Option<ClaimStatus> = if diagnosis.is_icd9 {
        (Some(through) >= ICD_10_FROM).then(|| status.and(508))
    } else if !shape::is_diagnosis(code.as_bytes()) {
        Some(status.and(700))
    } else {
        match sets.diagnosis(*code, through) {
            CodeVerdict::Valid | CodeVerdict::NotLoaded => None,
            CodeVerdict::NotBillable => Some(invalid(772).and(status.status)),
            CodeVerdict::Unknown | CodeVerdict::NotOnDate => Some(status.and(700)),
        }
    };
    let has_poa = diagnosis
        .present_on_admission
        .is_none_or(|present| shape::is_present_on_admission(present.as_bytes()));
    [
        failure.map(|status| Finding::status(Check::S502, status, place(2))),
        (!has_poa).then(|| Finding::status(Check::S513, invalid(688), place(9))),
    ]
    .into_iter()
    .flatten()
}

/// S503. HCPCS or CPT, valid on the day; on a prospective-payment line (revenue 002x) a HIPPS code.
fn procedure_code(form: Form, line: &ServiceLine, on: NaiveDate, sets: &dyn CodeLookup) -> Option<Finding> {
    let procedure = line.procedure?;
    let code = procedure.as_bytes();
    let about = |status: u16| {
        Some(Finding::status(
            Check::S503,
            invalid(status),
            component(LoopId::L2400, line.at, procedure_element(form), 2),
        ))
    };
    let unknown = if code.first().is_some_and(u8::is_ascii_alphabetic) { 507 } else { 454 };
    if shape::is_revenue_within(line.revenue, 20..=29) {
        return if shape::is_hipps(code) { None } else { about(507) };
    }
    if !shape::is_procedure(code) {
        return about(unknown);
    }
    match sets.procedure(procedure, on) {
        CodeVerdict::Valid | CodeVerdict::NotLoaded => None,
        CodeVerdict::Unknown | CodeVerdict::NotBillable => about(unknown),
        CodeVerdict::NotOnDate => about(796),
    }
}

/// S505.
fn place_of_service(place: PlaceOfService, position: Position, sets: &dyn CodeLookup) -> Option<Finding> {
    let passes = shape::is_place_of_service(place.as_bytes()) && is_known(sets.place_of_service(place));
    (!passes).then(|| Finding::status(Check::S505, invalid(249), position))
}

/// S506.
fn revenue_code(form: Form, line: &ServiceLine, sets: &dyn CodeLookup) -> Option<Finding> {
    let code = line.revenue.filter(|_| form == Form::Institutional)?;
    let passes = shape::is_revenue(code) && is_known(sets.revenue(code));
    (!passes).then(|| Finding::status(Check::S506, invalid(455), element(LoopId::L2400, line.at, 1)))
}

/// S507. Type of bill, frequency, admission type, point of origin and patient status.
fn bill_codes(claim: &Claim, detail: &InstitutionalClaim) -> [Option<Finding>; 5] {
    let bill = |place| component(LoopId::L2300, claim.at, 5, place);
    let admission = |number| element(LoopId::L2300, detail.admission_codes_at, number);
    [
        (detail.facility_type, shape::is_facility_type as fn(&[u8]) -> bool, 228, bill(1)),
        (claim.frequency, shape::is_bill_frequency, 228, bill(3)),
        (detail.admission_type, shape::is_admission_type, 231, admission(1)),
        (detail.admission_source, shape::is_admission_source, 229, admission(2)),
        (detail.patient_status, shape::is_patient_status, 234, admission(3)),
    ]
    .map(|(code, is_valid, status, position)| {
        let passes = code.is_none_or(|code| is_valid(code.as_bytes()));
        (!passes).then(|| Finding::status(Check::S507, invalid(status), position))
    })
}

/// S507. Value, condition and occurrence codes.
fn nubc_codes(detail: &InstitutionalClaim) -> impl Iterator<Item = Finding> + '_ {
    let check = |at: SegmentPosition, code: NubcCode, status: u16| {
        (!shape::is_two_characters(code.as_bytes())).then(|| Finding::status(Check::S507, invalid(status), whole(LoopId::L2300, at)))
    };
    let values = detail.value_codes.iter().filter_map(move |value| check(value.at, value.code, 725));
    let others = detail.codes.iter().filter_map(move |code| match *code {
        ClaimCode::Condition { at, code } => check(at, code, 460),
        ClaimCode::Occurrence { at, code, .. } => check(at, code, 719),
        ClaimCode::OccurrenceSpan { at, code, .. } => check(at, code, 721),
    });
    values.chain(others)
}

/// S508. ICD-10-PCS since ICD-10 is sent.
fn inpatient_procedures<'a>(detail: &'a InstitutionalClaim, through: NaiveDate, sets: &'a dyn CodeLookup) -> impl Iterator<Item = Finding> + use<'a> {
    let check = move |procedure: &InpatientProcedure| {
        let code = procedure.code.expose_for(Purpose::Adjudicate);
        let on = procedure.date.unwrap_or(through);
        let passes = shape::is_inpatient_procedure(code.as_bytes()) && is_known(sets.inpatient_procedure(*code, on));
        let status = invalid(if procedure.is_principal { 465 } else { 490 }).and(700);
        (!passes).then(|| Finding::status(Check::S508, status, whole(LoopId::L2300, procedure.at)))
    };
    detail
        .procedures
        .iter()
        .filter(move |_| Some(through) >= ICD_10_FROM)
        .filter_map(check)
}

/// S509. Taxonomies of the billing provider and of the claim's and its lines' providers.
fn taxonomies<'a>(claim: &'a Claim, sets: &'a dyn CodeLookup) -> impl Iterator<Item = Finding> + use<'a> {
    let check = move |taxonomy: Option<Taxonomy>, entity: &str, position: Position| {
        let passes = taxonomy.is_none_or(|taxonomy| shape::is_taxonomy(taxonomy.as_bytes()) && is_known(sets.taxonomy(taxonomy)));
        (!passes).then(|| Finding::status(Check::S509, invalid(145).of(entity), position))
    };
    let of_provider = move |provider: &Provider, is_on_line: bool| {
        let position = whole(provider_loop(claim.form, provider.role, is_on_line), provider.at);
        check(provider.taxonomy, provider.role.entity(), position)
    };
    let billing = &claim.billing_provider;
    let on_lines = claim.lines.iter().flat_map(move |line| {
        let findings = line.providers.iter().filter_map(move |provider| of_provider(provider, true));
        findings.map(|finding| finding.on_line(line.number))
    });
    check(billing.taxonomy, "85", whole(LoopId::L2010AA, billing.at))
        .into_iter()
        .chain(claim.providers.iter().filter_map(move |provider| of_provider(provider, false)))
        .chain(on_lines)
}

/// S510.
fn drug_code(line: &ServiceLine, sets: &dyn CodeLookup) -> Option<Finding> {
    let ndc = line.ndc.as_ref()?;
    let passes = shape::is_drug_code(&ndc.value) && is_known(sets.drug(&ndc.value));
    (!passes).then(|| Finding::status(Check::S510, invalid(218), element(LoopId::L2410, ndc.at, 3)))
}

/// S511. States and ZIPs of billing provider, subscriber and patient. The billing provider's ZIP is
/// S419's; an address without a state is foreign, one in Canada has no ZIP.
fn addresses(claim: &Claim) -> impl Iterator<Item = Finding> + '_ {
    let state = |address: &Address, loop_id, at, entity: &str| {
        let passes = address.state.is_empty() || shape::is_state_or_province(&address.state);
        (!passes).then(|| Finding::status(Check::S511, invalid(501).of(entity), element(loop_id, at, 2)))
    };
    let zip = |address: &Address, loop_id, at, entity: &str| {
        let passes = !shape::is_us_state(&address.state) || shape::is_zip(&address.zip);
        (!passes).then(|| Finding::status(Check::S511, invalid(500).of(entity), element(loop_id, at, 3)))
    };
    let person = move |address: &Address, loop_id, at, entity: &str| [state(address, loop_id, at, entity), zip(address, loop_id, at, entity)];
    let (provider, subscriber) = (&claim.billing_provider, &claim.subscriber);
    [state(&provider.address, LoopId::L2010AA, provider.city_at, "85")]
        .into_iter()
        .chain(person(
            subscriber.address.expose_for(Purpose::Adjudicate),
            LoopId::L2010BA,
            subscriber.city_at,
            "IL",
        ))
        .chain(
            claim
                .patient
                .iter()
                .flat_map(move |patient| person(patient.address.expose_for(Purpose::Adjudicate), LoopId::L2010CA, patient.city_at, "QC")),
        )
        .flatten()
}

/// S512. Group and reason of another payer's adjustments.
fn adjustments<'a>(
    adjustments: &'a [InboundAdjustment],
    loop_id: LoopId,
    line: Option<u16>,
    sets: &'a dyn CodeLookup,
) -> impl Iterator<Item = Finding> + use<'a> {
    adjustments.iter().flat_map(move |adjustment| {
        let has_reason = adjustment
            .reason
            .is_some_and(|reason| shape::is_adjustment_reason(reason.as_bytes()) && is_known(sets.adjustment_reason(reason)));
        let findings = [
            (adjustment.group.is_none()).then(|| Finding::status(Check::S512, invalid(696), element(loop_id, adjustment.at, 1))),
            (!has_reason).then(|| Finding::status(Check::S512, invalid(521), whole(loop_id, adjustment.at))),
        ];
        findings.into_iter().flatten().map(move |finding| Finding { line, ..finding })
    })
}

/// The loop in which a provider of a role stands: 2310x on the claim, 2420x on a line.
fn provider_loop(form: Form, role: ProviderRole, is_on_line: bool) -> LoopId {
    use LoopId::*;
    use ProviderRole::*;
    let (on_claim, on_line) = match (form, role) {
        (Form::Professional, Referring) => (L2310A, L2420F),
        (Form::Professional, Rendering) => (L2310B, L2420A),
        (Form::Professional, ServiceFacility) => (L2310C, L2420C),
        (Form::Professional, Supervising) => (L2310D, L2420D),
        (Form::Professional, AmbulancePickUp) => (L2310E, L2420G),
        (Form::Professional, AmbulanceDropOff) => (L2310F, L2420H),
        (Form::Professional, PurchasedService) => (L2300, L2420B),
        (Form::Professional, Ordering) => (L2300, L2420E),
        (Form::Institutional, Attending) => (L2310A, L2400),
        (Form::Institutional, Operating) => (L2310B, L2420A),
        (Form::Institutional, OtherOperating) => (L2310C, L2420B),
        (Form::Institutional, Rendering) => (L2310D, L2420C),
        (Form::Institutional, ServiceFacility) => (L2310E, L2400),
        (Form::Institutional, Referring) => (L2310F, L2420D),
        (Form::Professional, Attending | Operating | OtherOperating)
        | (Form::Institutional, Supervising | AmbulancePickUp | AmbulanceDropOff | PurchasedService | Ordering) => (L2300, L2400),
    };
    if is_on_line { on_line } else { on_claim }
}

fn is_known(verdict: CodeVerdict) -> bool {
    match verdict {
        CodeVerdict::NotLoaded | CodeVerdict::Valid => true,
        CodeVerdict::Unknown | CodeVerdict::NotBillable | CodeVerdict::NotOnDate => false,
    }
}
