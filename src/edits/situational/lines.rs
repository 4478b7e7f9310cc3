//! Situations of one service line: anesthesia, laboratory, pointers, descriptions, drugs and dates
//! (S407, S410, S412, S414–S418).

use chrono::NaiveDate;

use crate::claim::Claim;
use crate::claim::diagnosis::DiagnosisKind;
use crate::claim::institutional::InstitutionalClaim;
use crate::claim::service_line::ServiceLine;
use crate::edits::{Found, component, disagrees, element, invalid, missing, procedure_element, procedure_family, whole};
use crate::finding::{Check, ClaimStatus, Finding};
use crate::ids::Form;
use crate::loop_id::LoopId;
use crate::position::Position;
use crate::tables::unlisted_codes::is_unlisted;

/// Since this day of service Medi-Cal asks for the NDC of drugs given by a physician (DOMAIN A5).
const DRUG_CODES_FROM: Option<NaiveDate> = NaiveDate::from_ymd_opt(2009, 4, 1);

pub(super) fn check(claim: &Claim, line: &ServiceLine, received_on: NaiveDate, found: &mut Found) {
    match claim.form {
        Form::Professional => {
            found.add(anesthesia_minutes(line));
            found.add(laboratory_number(claim, line));
            found.add(diagnosis_pointer(claim, line));
        }
        Form::Institutional => found.add(outpatient_date(claim, line)),
    }
    found.add(unlisted_description(claim.form, line));
    found.add(drug_quantity(line));
    found.add(drug_code(claim, line));
    dates(claim, line, received_on, found);
}

/// S407. An outpatient procedure has its own day.
fn outpatient_date(claim: &Claim, line: &ServiceLine) -> Option<Finding> {
    let is_outpatient = claim.institutional().is_some_and(is_outpatient);
    (is_outpatient && line.procedure.is_some() && line.service.is_none()).then(|| about(line, Check::S407, missing(187), whole(LoopId::L2400, line.at)))
}

/// S410. Anesthesia is counted in minutes.
fn anesthesia_minutes(line: &ServiceLine) -> Option<Finding> {
    let is_timed = line.procedure.is_some_and(procedure_family::is_timed_anesthesia);
    (is_timed && !line.professional.is_minutes).then(|| about(line, Check::S410, invalid(251), element(LoopId::L2400, line.at, 3)))
}

/// S412. A laboratory is certified.
fn laboratory_number(claim: &Claim, line: &ServiceLine) -> Option<Finding> {
    let is_laboratory = line.procedure.is_some_and(procedure_family::is_laboratory);
    (is_laboratory && !claim.has_clia && !line.has_clia).then(|| about(line, Check::S412, missing(544), component(LoopId::L2400, line.at, 1, 2)))
}

/// S414. A pointer points to one of the claim's diagnoses.
fn diagnosis_pointer(claim: &Claim, line: &ServiceLine) -> Option<Finding> {
    let diagnoses = claim
        .diagnoses
        .iter()
        .filter(|diagnosis| matches!(diagnosis.kind, DiagnosisKind::Principal | DiagnosisKind::Other))
        .count();
    let (_, place) = line
        .professional
        .diagnosis_pointers
        .iter()
        .zip(1..)
        .find(|(pointer, _)| usize::from(**pointer) > diagnoses)?;
    Some(about(line, Check::S414, invalid(477), component(LoopId::L2400, line.at, 7, place)))
}

/// S415. A code without a meaning of its own says what was done. For a drug its NDC says it.
fn unlisted_description(form: Form, line: &ServiceLine) -> Option<Finding> {
    let procedure = line.procedure?;
    let is_said = line.has_description || (procedure_family::is_drug(procedure) && line.ndc.is_some());
    (is_unlisted(procedure) && !is_said).then(|| about(line, Check::S415, missing(306), component(LoopId::L2400, line.at, procedure_element(form), 7)))
}

/// S416. An NDC has its quantity and unit.
fn drug_quantity(line: &ServiceLine) -> Option<Finding> {
    let ndc = line.ndc.as_ref()?;
    (!line.has_ndc_quantity).then(|| about(line, Check::S416, missing(222), whole(LoopId::L2410, ndc.at)))
}

/// S416. A drug code has an NDC, except inside an inpatient stay.
fn drug_code(claim: &Claim, line: &ServiceLine) -> Option<Finding> {
    let is_drug = line.procedure.is_some_and(procedure_family::is_drug);
    let is_asked_for = claim.service_dates(line).map(|service| service.value.from) >= DRUG_CODES_FROM;
    let is_inpatient = claim.institutional().is_some_and(InstitutionalClaim::is_inpatient);
    (is_drug && is_asked_for && !is_inpatient && line.ndc.is_none()).then(|| {
        about(
            line,
            Check::S416,
            missing(218),
            component(LoopId::L2400, line.at, procedure_element(claim.form), 2),
        )
    })
}

/// S417, S418. Service dates are in order, inside the statement of an institutional claim, and not in
/// the future.
fn dates(claim: &Claim, line: &ServiceLine, received_on: NaiveDate, found: &mut Found) {
    let Some(service) = line.service else { return };
    let statement = claim.institutional().and_then(|detail| detail.statement).map(|statement| statement.value);
    let is_inside = statement
        .filter(|statement| statement.is_ordered())
        .is_none_or(|statement| statement.contains(service.value.from) && statement.contains(service.value.through));
    let position = element(LoopId::L2400, service.at, 3);
    let is_future = service.value.from > received_on || service.value.through > received_on;
    let is_disordered = !service.value.is_ordered() || !is_inside;
    found.add(is_disordered.then(|| about(line, Check::S417, disagrees(187).and(188), position)));
    found.add(is_future.then(|| about(line, Check::S418, invalid(510).and(187), position)));
}

/// Outpatient care, home health and clinics: not the inpatient, intermediate-care and swing-bed types
/// of bill.
fn is_outpatient(detail: &InstitutionalClaim) -> bool {
    detail
        .facility_type
        .is_some_and(|facility| matches!(facility.as_bytes(), [b'7' | b'8', _] | [_, b'3' | b'4' | b'9']))
}

fn about(line: &ServiceLine, check: Check, status: ClaimStatus, position: Position) -> Finding {
    Finding::status(check, status, position).on_line(line.number)
}

#[cfg(test)]
mod tests {
    use crate::claim::Located;
    use crate::edits::sample::{at, check_rows, day, institutional, institutional_detail, outpatient, procedure, professional, span};

    #[test]
    fn outpatient_dates() {
        check_rows(
            outpatient,
            &[
                ("no date on the line", |claim| claim.lines[0].service = None, "S407 A6:187 2400 SV2 line 1"),
                (
                    "no procedure on the line",
                    |claim| {
                        claim.lines[0].service = None;
                        claim.lines[0].procedure = None;
                    },
                    "",
                ),
            ],
        );
        check_rows(institutional, &[("no date on an inpatient line", |claim| claim.lines[1].service = None, "")]);
    }

    #[test]
    fn anesthesia() {
        check_rows(
            professional,
            &[
                ("units", |claim| claim.lines[0].procedure = procedure("00142"), "S410 A7:251 2400 SV103 line 1"),
                (
                    "minutes",
                    |claim| {
                        claim.lines[0].procedure = procedure("00142");
                        claim.lines[0].professional.is_minutes = true;
                    },
                    "",
                ),
            ],
        );
    }

    #[test]
    fn laboratories() {
        check_rows(
            professional,
            &[
                (
                    "no CLIA number",
                    |claim| claim.lines[1].procedure = procedure("87070"),
                    "S412 A6:544 2400 SV101-2 line 2",
                ),
                (
                    "one on the claim",
                    |claim| {
                        claim.lines[1].procedure = procedure("87070");
                        claim.has_clia = true;
                    },
                    "",
                ),
                (
                    "one on the line",
                    |claim| {
                        claim.lines[1].procedure = procedure("87070");
                        claim.lines[1].has_clia = true;
                    },
                    "",
                ),
            ],
        );
    }

    #[test]
    fn pointers() {
        check_rows(
            professional,
            &[
                (
                    "to the third of two",
                    |claim| claim.lines[0].professional.diagnosis_pointers = [1, 3, 0, 0],
                    "S414 A7:477 2400 SV107-2 line 1",
                ),
                ("to the second", |claim| claim.lines[0].professional.diagnosis_pointers = [2, 0, 0, 0], ""),
                (
                    "to a diagnosis taken away",
                    |claim| {
                        claim.diagnoses.pop();
                    },
                    "S414 A7:477 2400 SV107-2 line 1; S414 A7:477 2400 SV107-1 line 2",
                ),
            ],
        );
    }

    #[test]
    fn unlisted_procedures() {
        check_rows(
            professional,
            &[
                (
                    "without a description",
                    |claim| claim.lines[0].procedure = procedure("64999"),
                    "S415 A6:306 2400 SV101-7 line 1",
                ),
                (
                    "with one",
                    |claim| {
                        claim.lines[0].procedure = procedure("64999");
                        claim.lines[0].has_description = true;
                    },
                    "",
                ),
                (
                    "a drug with its NDC",
                    |claim| {
                        claim.lines[0].procedure = procedure("J3490");
                        claim.lines[0].has_ndc_quantity = true;
                        claim.lines[0].ndc = Some(Located {
                            value: "00026063512".into(),
                            at: at("LIN"),
                        });
                    },
                    "",
                ),
            ],
        );
        check_rows(
            outpatient,
            &[(
                "institutional",
                |claim| claim.lines[0].procedure = procedure("64999"),
                "S415 A6:306 2400 SV202-7 line 1",
            )],
        );
    }

    #[test]
    fn drugs() {
        check_rows(
            professional,
            &[
                (
                    "without NDC",
                    |claim| claim.lines[0].procedure = procedure("J3301"),
                    "S416 A6:218 2400 SV101-2 line 1",
                ),
                (
                    "before NDCs were asked for",
                    |claim| {
                        claim.lines[0].procedure = procedure("J3301");
                        claim.lines[0].service = Some(day((2009, 3, 31)));
                    },
                    "",
                ),
                (
                    "without quantity",
                    |claim| {
                        claim.lines[0].procedure = procedure("J3301");
                        claim.lines[0].ndc = Some(Located {
                            value: "00026063512".into(),
                            at: at("LIN"),
                        });
                    },
                    "S416 A6:222 2410 LIN line 1",
                ),
            ],
        );
        check_rows(institutional, &[("inside a stay", |claim| claim.lines[1].procedure = procedure("J3301"), "")]);
        check_rows(
            outpatient,
            &[(
                "outpatient",
                |claim| claim.lines[0].procedure = procedure("J3301"),
                "S416 A6:218 2400 SV202-2 line 1",
            )],
        );
    }

    #[test]
    fn dates() {
        check_rows(
            professional,
            &[
                (
                    "reversed",
                    |claim| claim.lines[0].service = Some(span((2025, 1, 20), (2025, 1, 19))),
                    "S417 A8:187+188 2400 DTP03 line 1",
                ),
                ("today", |claim| claim.lines[0].service = Some(day((2025, 3, 1))), ""),
                (
                    "tomorrow",
                    |claim| claim.lines[0].service = Some(day((2025, 3, 2))),
                    "S418 A7:510+187 2400 DTP03 line 1",
                ),
            ],
        );
        check_rows(
            institutional,
            &[
                (
                    "before the statement",
                    |claim| claim.lines[1].service = Some(day((2024, 12, 31))),
                    "S417 A8:187+188 2400 DTP03 line 2",
                ),
                ("on its last day", |claim| claim.lines[1].service = Some(day((2025, 1, 4))), ""),
                (
                    "a statement out of order is reported once",
                    |claim| institutional_detail(claim).statement = Some(span((2025, 1, 4), (2025, 1, 1))),
                    "S417 A8:187+188 2300 DTP03",
                ),
            ],
        );
    }
}
