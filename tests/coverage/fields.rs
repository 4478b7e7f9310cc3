//! The typed fields of the claim, by the segment they are read from.

use claimstream::ids::Form;
use claimstream::loop_id::LoopId;

/// What is read from a segment.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    pub path: &'static str,
    /// It says no more than others beside it: a flag set twice, the first level of a set.
    pub shadowed: bool,
}

/// Forms (`P`, `I` or `PI`), loops, segment as the page names it, field. `=` before a field: shadowed.
const FIELDS: &[(&str, &str, &str, &str)] = &[
    ("PI", "ST", "BHT", "header.{purpose, reference, claim_kind}"),
    ("PI", "1000A", "NM1*41", "header.{submitter, submitter_id}"),
    ("PI", "1000B", "NM1*40", "header.receiver_id"),
    ("PI", "2000A", "HL*20", "=billing_provider"),
    ("PI", "2000A", "PRV", "billing_provider.taxonomy"),
    ("PI", "2010AA", "NM1*85", "billing_provider.{name, npi}"),
    ("PI", "2010AA", "N3", "billing_provider.address"),
    ("PI", "2010AA", "N4", "billing_provider.address"),
    ("P", "2010AA", "REF*EI SY", "billing_provider.tin"),
    ("I", "2010AA", "REF*EI", "billing_provider.tin"),
    ("PI", "2000B", "HL*22", "subscriber"),
    ("PI", "2000B", "SBR", "subscriber.{payer_responsibility, is_patient, filing_indicator}"),
    ("P", "2000B", "PAT", "subscriber.{death_date, pregnant}"),
    ("PI", "2010BA", "NM1*IL", "subscriber.{name, member_id, cin}"),
    ("PI", "2010BA", "N3", "subscriber.address"),
    ("PI", "2010BA", "N4", "subscriber.address"),
    ("PI", "2010BA", "DMG", "subscriber.{birth_date, sex}"),
    ("PI", "2010BB", "NM1*PR", "subscriber.payer_id"),
    ("PI", "2000C", "HL*23", "patient"),
    ("PI", "2000C", "PAT", "patient.{relationship, death_date, pregnant}"),
    ("PI", "2010CA", "NM1*QC", "patient.name"),
    ("PI", "2010CA", "N3", "patient.address"),
    ("PI", "2010CA", "N4", "patient.address"),
    ("PI", "2010CA", "DMG", "patient.{birth_date, sex}"),
    (
        "P",
        "2300",
        "CLM",
        "{patient_control_number, charge, frequency, delay_reason, place_of_service, related_causes, …}",
    ),
    ("I", "2300", "CLM", "{patient_control_number, charge, frequency, delay_reason, facility_type}"),
    ("P", "2300", "DTP*439", "accident_date"),
    ("P", "2300", "DTP*435", "admission_date"),
    ("P", "2300", "DTP*096", "discharge_date"),
    ("I", "2300", "DTP*434", "statement"),
    ("I", "2300", "DTP*435", "admission"),
    ("I", "2300", "DTP*096", "discharge_hour"),
    ("I", "2300", "CL1", "{admission_type, admission_source, patient_status}"),
    ("PI", "2300", "PWK*AA BM EL EM FT FX", "=has_attachment"),
    ("P", "2300", "AMT*F5", "patient_paid"),
    ("I", "2300", "AMT*F3", "patient_estimate"),
    ("PI", "2300", "REF*4N", "authorization_exception"),
    ("PI", "2300", "REF*9F", "referral"),
    ("PI", "2300", "REF*G1", "prior_authorization"),
    ("PI", "2300", "REF*F8", "original_claim"),
    ("P", "2300", "REF*X4", "has_clia"),
    ("PI", "2300", "REF*D9", "clearinghouse_trace"),
    ("P", "2300", "NTE*ADD CER DCP DGN TPO", "has_note"),
    ("I", "2300", "NTE*ALG DCP DGN DME MED NTR ODT RHB RLH RNH SET SFM SPT UPI", "=has_note"),
    ("I", "2300", "NTE*ADD", "=has_note"),
    ("P", "2300", "CR1", "=has_ambulance_transport"),
    ("P", "2300", "CRC*07", "=has_ambulance_certification"),
    ("P", "2300", "CRC*ZZ", "has_epsdt_referral"),
    ("PI", "2300", "HI*ABK BK", "diagnoses"),
    ("I", "2300", "HI*ABJ BJ", "diagnoses"),
    ("I", "2300", "HI*APR PR", "diagnoses"),
    ("I", "2300", "HI*ABN BN", "diagnoses"),
    ("I", "2300", "HI*ABF BF", "diagnoses"),
    ("I", "2300", "HI*DR", "drg"),
    ("I", "2300", "HI*BBR BR CAH", "procedures"),
    ("I", "2300", "HI*BBQ BQ", "procedures"),
    ("I", "2300", "HI*BI", "codes"),
    ("I", "2300", "HI*BH", "codes"),
    ("I", "2300", "HI*BE", "value_codes"),
    ("I", "2300", "HI*BG", "codes"),
    ("P", "2310A", "NM1*DN P3", "providers"),
    ("P", "2310B", "NM1*82", "providers"),
    ("P", "2310B", "PRV", "providers.taxonomy"),
    ("P", "2310C", "NM1*77", "providers"),
    ("P", "2310D", "NM1*DQ", "providers"),
    ("P", "2310E", "NM1*PW", "providers"),
    ("P", "2310F", "NM1*45", "providers"),
    ("I", "2310A", "NM1*71", "providers"),
    ("I", "2310A", "PRV", "providers.taxonomy"),
    ("I", "2310B", "NM1*72", "providers"),
    ("I", "2310C", "NM1*ZZ", "providers"),
    ("I", "2310D", "NM1*82", "providers"),
    ("I", "2310E", "NM1*77", "providers"),
    ("I", "2310F", "NM1*DN", "providers"),
    ("PI", "2320", "SBR", "other_payers.{payer_responsibility, filing_indicator}"),
    ("PI", "2320", "CAS", "other_payers.adjustments"),
    ("PI", "2320", "AMT*D", "other_payers.paid"),
    ("PI", "2320", "AMT*A8", "other_payers.non_covered"),
    ("PI", "2320", "AMT*EAF", "other_payers.remaining_patient_liability"),
    ("PI", "2330B", "NM1*PR", "other_payers.payer_id"),
    ("PI", "2330B", "DTP*573", "other_payers.adjudicated_on"),
    ("PI", "2400", "LX", "lines.number"),
    ("P", "2400", "SV1", "lines.{procedure, modifiers, charge, units, professional, …}"),
    ("I", "2400", "SV2", "lines.{revenue, procedure, modifiers, charge, units, non_covered, …}"),
    ("P", "2400", "PWK*AA BM EL EM FT FX", "=has_attachment"),
    ("I", "2400", "PWK*AA BM EL EM FT FX", "=has_attachment"),
    ("P", "2400", "CR1", "=has_ambulance_transport"),
    ("P", "2400", "CRC*07", "=has_ambulance_certification"),
    ("PI", "2400", "DTP*472", "lines.service"),
    ("PI", "2400", "REF*6R", "lines.control_number"),
    ("P", "2400", "REF*G1", "lines.authorizations"),
    ("P", "2400", "REF*X4", "=lines.has_clia"),
    ("P", "2400", "REF*F4", "=lines.has_clia"),
    ("P", "2410", "LIN", "lines.ndc"),
    ("I", "2410", "LIN", "lines.ndc"),
    ("PI", "2410", "CTP", "lines.has_ndc_quantity"),
    ("P", "2420A", "NM1*82", "lines.providers"),
    ("P", "2420A", "PRV", "lines.providers.taxonomy"),
    ("P", "2420B", "NM1*QB", "lines.providers"),
    ("P", "2420C", "NM1*77", "lines.providers"),
    ("P", "2420D", "NM1*DQ", "lines.providers"),
    ("P", "2420E", "NM1*DK", "lines.providers"),
    ("P", "2420F", "NM1*DN P3", "lines.providers"),
    ("P", "2420G", "NM1*PW", "lines.providers"),
    ("P", "2420H", "NM1*45", "lines.providers"),
    ("I", "2420A", "NM1*72", "lines.providers"),
    ("I", "2420B", "NM1*ZZ", "lines.providers"),
    ("I", "2420C", "NM1*82", "lines.providers"),
    ("I", "2420D", "NM1*DN", "lines.providers"),
    ("PI", "2430", "SVD", "lines.other_payers.{payer_id, paid, units}"),
    ("PI", "2430", "CAS", "lines.other_payers.adjustments"),
    ("PI", "2430", "DTP*573", "lines.other_payers.adjudicated_on"),
];

/// The field of a segment; `None`: it is in the text only.
pub fn of(form: Form, loop_id: LoopId, name: &str) -> Option<Field> {
    let found = FIELDS
        .iter()
        .find(|(forms, own, segment, _)| forms.contains(letter(form)) && *own == loop_id.as_str() && *segment == name);
    found.map(|(.., path)| Field {
        path: path.trim_start_matches('='),
        shadowed: path.starts_with('='),
    })
}

/// Every entry, once for each of its forms.
pub fn all() -> impl Iterator<Item = (Form, LoopId, &'static str)> {
    let forms = [Form::Professional, Form::Institutional];
    forms.into_iter().flat_map(|form| {
        let of_form = FIELDS.iter().filter(move |(forms, ..)| forms.contains(letter(form)));
        of_form.map(move |(_, loop_id, segment, _)| (form, loop_id.parse().unwrap(), *segment))
    })
}

fn letter(form: Form) -> char {
    match form {
        Form::Professional => 'P',
        Form::Institutional => 'I',
    }
}
