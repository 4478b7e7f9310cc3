//! HI: the health care codes of a claim. Each composite is
//! `qualifier:code:date-qualifier:date:amount:quantity:version:code:present-on-admission` (C022).

use super::super::claim::{Claim, ClaimDetail};
use super::super::diagnosis::{ClaimCode, Diagnosis, DiagnosisKind, InpatientProcedure, ValueCode};
use super::super::institutional::InstitutionalClaim;
use super::push_within;
use super::reading::Reading;
use crate::finding::Check;
use crate::ids::{DiagnosisCode, Drg, NubcCode, Qualifier};
use crate::limits;
use crate::phi::Phi;
use crate::x12::element::{DateRange, date_period};

/// The components of one C022; absent ones are empty.
struct Composite<'a> {
    /// Element number inside the HI.
    element: usize,
    parts: [&'a [u8]; 9],
}

impl<'a> Composite<'a> {
    fn part(&self, place: usize) -> &'a [u8] {
        self.parts.get(place.wrapping_sub(1)).copied().unwrap_or_default()
    }
}

pub(super) fn read(claim: &mut Claim, reading: &mut Reading<'_, '_>) {
    for element in 1..=reading.segment.element_count() {
        let mut components = reading.segment.components(element);
        let composite = Composite {
            element,
            parts: std::array::from_fn(|_| components.next().unwrap_or_default()),
        };
        match (diagnosis_kind(composite.part(1)), &mut claim.detail) {
            (Some((kind, is_icd9)), _) => {
                if let Some(diagnosis) = diagnosis(&composite, kind, is_icd9, reading) {
                    push_within(&mut claim.diagnoses, limits::DIAGNOSES_MAX, diagnosis);
                }
            }
            (None, ClaimDetail::Institutional(detail)) => read_institutional(detail, &composite, reading),
            (None, ClaimDetail::Professional(_)) => {}
        }
    }
}

/// The place of a diagnosis, and whether its qualifier is the ICD-9 one.
fn diagnosis_kind(qualifier: &[u8]) -> Option<(DiagnosisKind, bool)> {
    Some(match qualifier {
        b"ABK" => (DiagnosisKind::Principal, false),
        b"ABF" => (DiagnosisKind::Other, false),
        b"ABJ" => (DiagnosisKind::Admitting, false),
        b"APR" => (DiagnosisKind::ReasonForVisit, false),
        b"ABN" => (DiagnosisKind::ExternalCause, false),
        b"BK" => (DiagnosisKind::Principal, true),
        b"BF" => (DiagnosisKind::Other, true),
        b"BJ" => (DiagnosisKind::Admitting, true),
        b"PR" => (DiagnosisKind::ReasonForVisit, true),
        b"BN" => (DiagnosisKind::ExternalCause, true),
        _ => return None,
    })
}

fn diagnosis(composite: &Composite<'_>, kind: DiagnosisKind, is_icd9: bool, reading: &mut Reading<'_, '_>) -> Option<Diagnosis> {
    let status = if kind == DiagnosisKind::Principal { 254 } else { 255 };
    let element = composite.element;
    let code = reading.component_code(element, 2, composite.part(2), DiagnosisCode::parse, Check::S502, status)?;
    Some(Diagnosis {
        at: reading.segment.at,
        element: u8::try_from(element).unwrap_or(u8::MAX),
        kind,
        code: Phi::new(code),
        is_icd9,
        present_on_admission: reading.component_code(element, 9, composite.part(9), Qualifier::parse, Check::S513, 688),
    })
}

fn read_institutional(detail: &mut InstitutionalClaim, composite: &Composite<'_>, reading: &mut Reading<'_, '_>) {
    let at = reading.segment.at;
    let (element, value) = (composite.element, composite.part(2));
    let nubc = |reading: &mut Reading<'_, '_>, status| reading.component_code(element, 2, value, NubcCode::parse, Check::S507, status);
    match composite.part(1) {
        // Under an ICD-9 qualifier too: the code then is in no table of ICD-10-PCS and says so.
        qualifier @ (b"BBR" | b"BR" | b"BBQ" | b"BQ") => {
            let is_principal = matches!(qualifier, b"BBR" | b"BR");
            let status = if is_principal { 465 } else { 490 };
            if let Some(code) = reading.component_code(element, 2, value, DiagnosisCode::parse, Check::S508, status) {
                let procedure = InpatientProcedure {
                    at,
                    is_principal,
                    code: Phi::new(code),
                    date: period(composite).map(|day| day.from),
                };
                push_within(&mut detail.procedures, limits::PROCEDURES_MAX, procedure);
            }
        }
        b"BE" => {
            if let Some(code) = nubc(reading, 725) {
                // Dollars, or a count of days (80 to 83): both have at most two decimals.
                let amount = reading.component_amount(element, 5, composite.part(5)).unwrap_or_default();
                push_within(&mut detail.value_codes, limits::NUBC_CODES_MAX, ValueCode { at, code, amount });
            }
        }
        b"BG" => {
            if let Some(code) = nubc(reading, 460) {
                push_within(&mut detail.codes, limits::NUBC_CODES_MAX, ClaimCode::Condition { at, code });
            }
        }
        b"BH" => {
            if let Some(code) = nubc(reading, 719) {
                let date = period(composite).map(|day| day.from);
                push_within(&mut detail.codes, limits::NUBC_CODES_MAX, ClaimCode::Occurrence { at, code, date });
            }
        }
        b"BI" => {
            if let Some(code) = nubc(reading, 719) {
                let span = period(composite);
                push_within(&mut detail.codes, limits::NUBC_CODES_MAX, ClaimCode::OccurrenceSpan { at, code, span });
            }
        }
        b"DR" => {
            // 256: the DRG code.
            detail.drg = reading.component_code(element, 2, value, Drg::parse, Check::S507, 256);
        }
        _ => {}
    }
}

/// Components 3 and 4; the guide's walk reports what is no date.
fn period(composite: &Composite<'_>) -> Option<DateRange> {
    date_period(composite.part(3), composite.part(4))
}
