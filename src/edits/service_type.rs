//! SNIP 6: what a kind of service needs to be understood, and whether type of bill, revenue codes and
//! patient status tell one story (S601, S602).
//!
//! Only what leaves a claim unpriceable or contradictory is asked for here; modifiers, places and
//! limits of a service are restriction rows of the payer, answered with an 835.

use crate::claim::institutional::InstitutionalClaim;
use crate::claim::service_line::ServiceLine;
use crate::claim::{Claim, ClaimDetail};
use crate::finding::{Check, Finding};
use crate::loop_id::LoopId;

use super::{Found, component, disagrees, element, missing, procedure_family, shape};

pub(super) fn check(claim: &Claim, found: &mut Found) {
    if let Some(detail) = claim.institutional() {
        found.add(long_term_care(claim, detail));
        found.add(status_of_frequency(claim, detail));
    }
    for line in &claim.lines {
        found.add(match &claim.detail {
            ClaimDetail::Professional(_) => equipment(line),
            ClaimDetail::Institutional(detail) => visit_procedure(detail, line).or_else(|| outpatient_accommodation(detail, line)),
        });
    }
}

/// S601. Skilled nursing and intermediate care are paid by the day: some line is room and board or
/// leave. A bill for no payment (frequency 0) has none.
fn long_term_care(claim: &Claim, detail: &InstitutionalClaim) -> Option<Finding> {
    let is_long_term = matches!(facility(detail), b"21" | b"65" | b"66");
    let is_no_payment = claim.frequency.is_some_and(|frequency| frequency.as_bytes() == b"0");
    let has_days = claim.lines.iter().any(|line| line.revenue.is_some_and(shape::is_accommodation));
    (is_long_term && !is_no_payment && !has_days).then(|| Finding::status(Check::S601, missing(455).and(228), component(LoopId::L2300, claim.at, 5, 1)))
}

/// S601. Home health visits (therapies, nursing, aides, social work) and ambulance trips on an
/// outpatient bill are told apart by their procedure.
fn visit_procedure(detail: &InstitutionalClaim, line: &ServiceLine) -> Option<Finding> {
    let is_visit = match facility(detail) {
        b"32" | b"33" | b"34" => shape::is_revenue_within(line.revenue, 420..=449) || shape::is_revenue_within(line.revenue, 550..=579),
        b"13" | b"85" => shape::is_revenue_within(line.revenue, 540..=549),
        _ => false,
    };
    (is_visit && line.procedure.is_none()).then(|| Finding::status(Check::S601, missing(507), element(LoopId::L2400, line.at, 2)).on_line(line.number))
}

/// S601. Equipment on one line is rented (RR) or bought (NU, UE), not both.
fn equipment(line: &ServiceLine) -> Option<Finding> {
    let is_equipment = line.procedure.is_some_and(procedure_family::is_equipment);
    let is_bought = line.has_modifier("NU") || line.has_modifier("UE");
    (is_equipment && is_bought && line.has_modifier("RR"))
        .then(|| Finding::status(Check::S601, disagrees(453), component(LoopId::L2400, line.at, 1, 3)).on_line(line.number))
}

/// S602. An interim bill (frequency 2, 3) is for a patient who is still there (status 30); a last one
/// (4), and a hospital's only one (1), for a patient who is not.
fn status_of_frequency(claim: &Claim, detail: &InstitutionalClaim) -> Option<Finding> {
    if !detail.is_inpatient() {
        return None;
    }
    let is_still_there = detail.patient_status?.as_bytes() == b"30";
    let agrees = match claim.frequency?.as_bytes() {
        b"2" | b"3" => is_still_there,
        b"4" => !is_still_there,
        b"1" => !is_still_there || facility(detail) != b"11",
        _ => true,
    };
    (!agrees).then(|| Finding::status(Check::S602, disagrees(228).and(234), element(LoopId::L2300, detail.admission_codes_at, 3)))
}

/// S602. Nobody sleeps in an outpatient department, clinic or surgery center.
fn outpatient_accommodation(detail: &InstitutionalClaim, line: &ServiceLine) -> Option<Finding> {
    let is_outpatient = matches!(facility(detail), b"13" | b"14" | b"83" | b"85" | [b'7', _]);
    let is_room = shape::is_revenue_within(line.revenue, 110..=219);
    (is_outpatient && is_room).then(|| Finding::status(Check::S602, disagrees(228).and(455), element(LoopId::L2400, line.at, 1)).on_line(line.number))
}

fn facility(detail: &InstitutionalClaim) -> &[u8] {
    detail.facility_type.as_ref().map_or(&[], |facility| facility.as_bytes())
}

#[cfg(test)]
mod tests {
    use crate::edits::sample::{check_rows, code, institutional, institutional_detail, modifier, outpatient, procedure, professional, revenue};

    #[test]
    fn equipment() {
        check_rows(
            professional,
            &[
                (
                    "rented",
                    |claim| {
                        claim.lines[0].procedure = procedure("E0570");
                        claim.lines[0].modifiers = [modifier("RR"), None, None, None];
                    },
                    "",
                ),
                (
                    "rented and bought",
                    |claim| {
                        claim.lines[0].procedure = procedure("E0570");
                        claim.lines[0].modifiers = [modifier("RR"), modifier("NU"), None, None];
                    },
                    "S601 A8:453 2400 SV101-3 line 1",
                ),
            ],
        );
    }

    #[test]
    fn visits() {
        check_rows(
            outpatient,
            &[
                (
                    "home health nursing with its procedure",
                    |claim| {
                        institutional_detail(claim).facility_type = code("32");
                        claim.lines[0].revenue = revenue("0551");
                    },
                    "",
                ),
                (
                    "without",
                    |claim| {
                        institutional_detail(claim).facility_type = code("32");
                        claim.lines[0].revenue = revenue("0551");
                        claim.lines[0].procedure = None;
                    },
                    "S601 A6:507 2400 SV202 line 1",
                ),
                (
                    "an ambulance trip without",
                    |claim| {
                        claim.lines[0].revenue = revenue("0540");
                        claim.lines[0].procedure = None;
                    },
                    "S601 A6:507 2400 SV202 line 1",
                ),
                ("another service without", |claim| claim.lines[0].procedure = None, ""),
            ],
        );
    }

    #[test]
    fn long_term_care() {
        check_rows(
            institutional,
            &[
                ("with days", |claim| institutional_detail(claim).facility_type = code("21"), ""),
                (
                    "without",
                    |claim| {
                        institutional_detail(claim).facility_type = code("21");
                        institutional_detail(claim).value_codes.clear();
                        claim.lines[0].revenue = revenue("0250");
                    },
                    "S601 A6:455+228 2300 CLM05-1",
                ),
                (
                    "without, for no payment",
                    |claim| {
                        institutional_detail(claim).facility_type = code("21");
                        institutional_detail(claim).value_codes.clear();
                        claim.lines[0].revenue = revenue("0250");
                        claim.frequency = code("0");
                    },
                    "",
                ),
            ],
        );
    }

    #[test]
    fn frequency_and_status() {
        check_rows(
            institutional,
            &[
                ("interim and gone", |claim| claim.frequency = code("2"), "S602 A8:228+234 2300 CL103"),
                (
                    "interim and still there",
                    |claim| {
                        claim.frequency = code("3");
                        institutional_detail(claim).patient_status = code("30");
                    },
                    "",
                ),
                (
                    "only bill and still there",
                    |claim| institutional_detail(claim).patient_status = code("30"),
                    "S602 A8:228+234 2300 CL103",
                ),
                (
                    "last bill and still there",
                    |claim| {
                        claim.frequency = code("4");
                        institutional_detail(claim).patient_status = code("30");
                    },
                    "S602 A8:228+234 2300 CL103",
                ),
                (
                    "a month of skilled nursing",
                    |claim| {
                        institutional_detail(claim).facility_type = code("21");
                        institutional_detail(claim).patient_status = code("30");
                    },
                    "",
                ),
            ],
        );
    }

    #[test]
    fn accommodation() {
        check_rows(
            outpatient,
            &[
                (
                    "a room in an outpatient department",
                    |claim| claim.lines[0].revenue = revenue("0120"),
                    "S602 A8:228+455 2400 SV201 line 1",
                ),
                ("an observation room", |claim| claim.lines[0].revenue = revenue("0762"), ""),
            ],
        );
    }
}
