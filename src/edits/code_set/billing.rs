//! Codes of the bill: place of service, revenue, type of bill, admission and NUBC codes (S505–S507).

use super::is_known;
use crate::claim::Claim;
use crate::claim::diagnosis::ClaimCode;
use crate::claim::institutional::InstitutionalClaim;
use crate::claim::service_line::ServiceLine;
use crate::edits::{CodeLookup, Found, component, element, invalid, shape, whole};
use crate::finding::{Check, Finding};
use crate::ids::{Form, NubcCode, PlaceOfService};
use crate::loop_id::LoopId;
use crate::position::{Position, SegmentPosition};

/// S505.
pub(super) fn place_of_service(place: PlaceOfService, position: Position, sets: &dyn CodeLookup) -> Option<Finding> {
    let passes = shape::is_place_of_service(place.as_bytes()) && is_known(sets.place_of_service(place));
    (!passes).then(|| Finding::status(Check::S505, invalid(249), position))
}

/// S506.
pub(super) fn revenue_code(form: Form, line: &ServiceLine, sets: &dyn CodeLookup) -> Option<Finding> {
    let code = line.revenue.filter(|_| form == Form::Institutional)?;
    let passes = shape::is_revenue(code) && is_known(sets.revenue(code));
    (!passes).then(|| Finding::status(Check::S506, invalid(455), element(LoopId::L2400, line.at, 1)))
}

/// S507. Type of bill, frequency, admission type, point of origin and patient status.
pub(super) fn bill_codes(claim: &Claim, detail: &InstitutionalClaim, found: &mut Found) {
    let bill = |place| component(LoopId::L2300, claim.at, 5, place);
    let admission = |number| element(LoopId::L2300, detail.admission_codes_at, number);
    for (code, is_valid, status, position) in [
        (detail.facility_type, shape::is_facility_type as fn(&[u8]) -> bool, 228, bill(1)),
        (claim.frequency, shape::is_bill_frequency, 228, bill(3)),
        (detail.admission_type, shape::is_admission_type, 231, admission(1)),
        (detail.admission_source, shape::is_admission_source, 229, admission(2)),
        (detail.patient_status, shape::is_patient_status, 234, admission(3)),
    ] {
        let passes = code.is_none_or(|code| is_valid(code.as_bytes()));
        found.add((!passes).then(|| Finding::status(Check::S507, invalid(status), position)));
    }
}

/// S507. Value, condition and occurrence codes.
pub(super) fn nubc_codes(detail: &InstitutionalClaim, found: &mut Found) {
    let mut check = |at: SegmentPosition, code: NubcCode, status: u16| {
        let passes = shape::is_two_characters(code.as_bytes());
        found.add((!passes).then(|| Finding::status(Check::S507, invalid(status), whole(LoopId::L2300, at))));
    };
    for value in &detail.value_codes {
        check(value.at, value.code, 725);
    }
    for code in &detail.codes {
        match *code {
            ClaimCode::Condition { at, code } => check(at, code, 460),
            ClaimCode::Occurrence { at, code, .. } => check(at, code, 719),
            ClaimCode::OccurrenceSpan { at, code, .. } => check(at, code, 721),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claim::ClaimDetail;
    use crate::edits::sample::{at, check_rows, code, institutional, institutional_detail, professional, revenue, value_code};

    fn place(text: &str) -> Option<PlaceOfService> {
        PlaceOfService::parse(text.as_bytes()).ok()
    }

    fn nubc(text: &str) -> NubcCode {
        NubcCode::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn places() {
        check_rows(
            professional,
            &[
                (
                    "no such place on the claim",
                    |claim| {
                        if let ClaimDetail::Professional(detail) = &mut claim.detail {
                            detail.place_of_service = place("98");
                        }
                    },
                    "S505 A7:249 2300 CLM05-1",
                ),
                (
                    "no such place on the line",
                    |claim| claim.lines[1].professional.place_of_service = place("1"),
                    "S505 A7:249 2400 SV105 line 2",
                ),
                ("telehealth at home", |claim| claim.lines[1].professional.place_of_service = place("10"), ""),
            ],
        );
    }

    #[test]
    fn revenue_codes() {
        check_rows(
            institutional,
            &[
                ("three digits", |claim| claim.lines[1].revenue = revenue("450"), "S506 A7:455 2400 SV201 line 2"),
                ("pharmacy", |claim| claim.lines[1].revenue = revenue("0250"), ""),
            ],
        );
    }

    #[test]
    fn bills() {
        check_rows(
            institutional,
            &[
                (
                    "type of bill",
                    |claim| institutional_detail(claim).facility_type = code("91"),
                    "S507 A7:228 2300 CLM05-1",
                ),
                ("frequency", |claim| claim.frequency = code("11"), "S507 A7:228 2300 CLM05-3"),
                (
                    "admission type",
                    |claim| institutional_detail(claim).admission_type = code("8"),
                    "S507 A7:231 2300 CL101",
                ),
                (
                    "point of origin",
                    |claim| institutional_detail(claim).admission_source = code("Z"),
                    "S507 A7:229 2300 CL102",
                ),
                (
                    "patient status",
                    |claim| institutional_detail(claim).patient_status = code("99"),
                    "S507 A7:234 2300 CL103",
                ),
                ("died", |claim| institutional_detail(claim).patient_status = code("20"), ""),
            ],
        );
    }

    #[test]
    fn nubc_codes() {
        check_rows(
            institutional,
            &[
                (
                    "value code",
                    |claim| institutional_detail(claim).value_codes.push(value_code("2", 1)),
                    "S507 A7:725 2300 HI",
                ),
                ("patient paid", |claim| institutional_detail(claim).value_codes.push(value_code("FC", 1)), ""),
                (
                    "condition, occurrence and span",
                    |claim| {
                        institutional_detail(claim).codes = vec![
                            ClaimCode::Condition {
                                at: at("HI"),
                                code: nubc("A1A"),
                            },
                            ClaimCode::Occurrence {
                                at: at("HI"),
                                code: nubc("1"),
                                date: None,
                            },
                            ClaimCode::OccurrenceSpan {
                                at: at("HI"),
                                code: nubc("7-"),
                                span: None,
                            },
                        ];
                    },
                    "S507 A7:460 2300 HI; S507 A7:719 2300 HI; S507 A7:721 2300 HI",
                ),
                (
                    "well-formed ones",
                    |claim| {
                        institutional_detail(claim).codes = vec![
                            ClaimCode::Condition {
                                at: at("HI"),
                                code: nubc("09"),
                            },
                            ClaimCode::Occurrence {
                                at: at("HI"),
                                code: nubc("A1"),
                                date: None,
                            },
                            ClaimCode::OccurrenceSpan {
                                at: at("HI"),
                                code: nubc("74"),
                                span: None,
                            },
                        ];
                    },
                    "",
                ),
            ],
        );
    }
}
