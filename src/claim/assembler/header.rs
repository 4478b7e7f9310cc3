//! The claim itself: loop 2300.

use super::super::claim::{Claim, ClaimDetail, Located};
use super::super::institutional::InstitutionalClaim;
use super::super::professional::ProfessionalClaim;
use super::reading::{Reading, tags, text};
use crate::finding::Check;
use crate::ids::{AuthorizationNumber, PayerClaimNumber, PlaceOfService, Qualifier};
use crate::phi::Phi;
use crate::x12::element::time;
use crate::x12::segment::Segment;

pub(super) fn read(claim: &mut Claim, reading: &mut Reading<'_, '_>) {
    let segment = reading.segment;
    match segment.tag() {
        tags::CLM => read_claim(claim, reading),
        tags::DTP => match &mut claim.detail {
            ClaimDetail::Professional(detail) => read_professional_date(detail, reading),
            ClaimDetail::Institutional(detail) => read_institutional_date(detail, reading),
        },
        tags::AMT => read_amount(claim, reading),
        tags::CL1 => {
            if let ClaimDetail::Institutional(detail) = &mut claim.detail {
                detail.admission_codes_at = segment.at;
                detail.admission_type = reading.code(1, Qualifier::parse, Check::S507, 231);
                detail.admission_source = reading.code(2, Qualifier::parse, Check::S507, 229);
                detail.patient_status = reading.code(3, Qualifier::parse, Check::S507, 234);
            }
        }
        tags::NTE => claim.has_note = true,
        tags::PWK | tags::CR1 | tags::CRC => read_evidence(claim, segment),
        _ => {}
    }
}

fn read_claim(claim: &mut Claim, reading: &mut Reading<'_, '_>) {
    claim.patient_control_number = Phi::new(reading.text(1));
    claim.charge = reading.amount(2).unwrap_or_default();
    let mut facility = reading.segment.components(5);
    let facility_code = facility.next().unwrap_or_default();
    claim.frequency = facility.nth(1).and_then(|frequency| Qualifier::parse(frequency).ok());
    claim.delay_reason = reading.qualifier(20);
    match &mut claim.detail {
        ClaimDetail::Professional(detail) => {
            detail.place_of_service = reading.component_code(5, 1, facility_code, PlaceOfService::parse, Check::S505, 249);
            if !reading.element(11).is_empty() {
                let mut causes = reading.segment.components(11).map(|cause| Qualifier::parse(cause).ok());
                detail.related_causes = std::array::from_fn(|_| causes.next().flatten());
                detail.accident_state = causes.next().flatten();
                detail.accident_country = causes.next().flatten();
            }
        }
        ClaimDetail::Institutional(detail) => {
            detail.facility_type = reading.component_code(5, 1, facility_code, Qualifier::parse, Check::S507, 228);
        }
    }
}

pub(super) fn read_reference(claim: &mut Claim, segment: &Segment<'_>) {
    let value = segment.element(2);
    if value.is_empty() {
        return;
    }
    match segment.element(1) {
        b"G1" => {
            claim.prior_authorization = Some(Located {
                value: AuthorizationNumber::new(text(value)),
                at: segment.at,
            });
        }
        b"9F" => {
            claim.referral = Some(Located {
                value: text(value),
                at: segment.at,
            });
        }
        b"F8" => {
            claim.original_claim = Some(Located {
                value: PayerClaimNumber::new(text(value)),
                at: segment.at,
            });
        }
        b"4N" => claim.authorization_exception = Qualifier::parse(value).ok(),
        b"D9" => claim.clearinghouse_trace = text(value),
        b"X4" => claim.has_clia = true,
        _ => {}
    }
}

fn read_professional_date(detail: &mut ProfessionalClaim, reading: &Reading<'_, '_>) {
    let field = match reading.element(1) {
        b"439" => &mut detail.accident_date,
        b"435" => &mut detail.admission_date,
        b"096" => &mut detail.discharge_date,
        _ => return,
    };
    *field = reading.period().map(|day| day.from);
}

fn read_institutional_date(detail: &mut InstitutionalClaim, reading: &Reading<'_, '_>) {
    let at = reading.segment.at;
    match reading.element(1) {
        b"434" => detail.statement = reading.period().map(|value| Located { value, at }),
        b"435" => {
            detail.admission = reading.period().map(|day| Located { value: day.from, at });
            // DT: the day and HHMM behind it.
            detail.admission_time = reading.element(3).get(8..).and_then(time);
        }
        b"096" => detail.discharge_hour = time(reading.element(3)),
        _ => {}
    }
}

/// AMT*F5 is professional, AMT*F3 institutional (DOMAIN 0.2).
fn read_amount(claim: &mut Claim, reading: &mut Reading<'_, '_>) {
    let at = reading.segment.at;
    match (&mut claim.detail, reading.element(1)) {
        (ClaimDetail::Professional(detail), b"F5") => detail.patient_paid = reading.amount(2).map(|value| Located { value, at }),
        (ClaimDetail::Institutional(detail), b"F3") => detail.patient_estimate = reading.amount(2).map(|value| Located { value, at }),
        _ => {}
    }
}

/// Attachments and certifications of the claim or a line, of which only the presence counts.
pub(super) fn read_evidence(claim: &mut Claim, segment: &Segment<'_>) {
    match segment.tag() {
        tags::PWK => {
            let is_sent = matches!(segment.element(2), b"BM" | b"EL" | b"EM" | b"FX" | b"FT");
            if !segment.element(6).is_empty() {
                claim.has_attachment = true;
            } else if is_sent {
                claim.attachment_without_control.get_or_insert(segment.at);
            }
        }
        tag => {
            if let ClaimDetail::Professional(detail) = &mut claim.detail {
                detail.has_ambulance_transport |= tag == tags::CR1;
                detail.has_ambulance_certification |= tag == tags::CRC && segment.element(1) == b"07";
                detail.has_epsdt_referral |= tag == tags::CRC && segment.element(1) == b"ZZ";
            }
        }
    }
}
