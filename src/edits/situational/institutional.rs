//! Situations of an institutional claim: admission, discharge, reason for visit, attending provider
//! (S404–S408), and its dates (S417, S418).

use chrono::NaiveDate;

use crate::claim::Claim;
use crate::claim::diagnosis::{DiagnosisKind, InpatientProcedure};
use crate::claim::institutional::InstitutionalClaim;
use crate::claim::party::ProviderRole;
use crate::edits::{Found, disagrees, element, invalid, missing, shape, whole};
use crate::finding::{Check, ClaimStatus, Finding};
use crate::ids::Qualifier;
use crate::loop_id::LoopId;
use crate::position::Position;

pub(super) fn check(claim: &Claim, detail: &InstitutionalClaim, received_on: NaiveDate, found: &mut Found) {
    admission(claim, detail, found);
    found.add(discharge_hour(claim, detail));
    found.add(reason_for_visit(claim, detail));
    found.add(attending_provider(claim));
    statement(detail, received_on, found);
    for procedure in &detail.procedures {
        found.add(procedure_in_future(procedure, received_on));
    }
}

/// S404. An inpatient bill has admission date, type, point of origin and diagnosis.
fn admission(claim: &Claim, detail: &InstitutionalClaim, found: &mut Found) {
    if !detail.is_inpatient() {
        return;
    }
    let mut lacking = |is_lacking: bool, status: u16, position: Position| {
        found.add(is_lacking.then(|| Finding::status(Check::S404, missing(status), position)));
    };
    let codes = |number| element(LoopId::L2300, detail.admission_codes_at, number);
    let has_diagnosis = claim.diagnoses.iter().any(|diagnosis| diagnosis.kind == DiagnosisKind::Admitting);
    lacking(detail.admission.is_none(), 189, whole(LoopId::L2300, claim.at));
    lacking(detail.admission_type.is_none(), 231, codes(1));
    lacking(detail.admission_source.is_none(), 229, codes(2));
    lacking(!has_diagnosis, 232, whole(LoopId::L2300, claim.at));
}

/// S405. Who has left a hospital did so at some hour. Not asked of skilled nursing (21x), of interim
/// bills, nor of a patient who is still there (status 30).
fn discharge_hour(claim: &Claim, detail: &InstitutionalClaim) -> Option<Finding> {
    let is_hospital = is_one_of(detail.facility_type, &["11", "18"]);
    let is_final = is_one_of(claim.frequency, &["1", "4", "7"]);
    let has_left = detail.patient_status.is_some_and(|status| status.as_bytes() != b"30");
    (is_hospital && is_final && has_left && detail.discharge_hour.is_none()).then(|| Finding::status(Check::S405, missing(233), whole(LoopId::L2300, claim.at)))
}

/// S406. Who comes unscheduled to an emergency or urgent-care department comes for a reason.
fn reason_for_visit(claim: &Claim, detail: &InstitutionalClaim) -> Option<Finding> {
    let is_outpatient = is_one_of(detail.facility_type, &["13", "85"]);
    let is_unscheduled = is_one_of(detail.admission_type, &["1", "2", "5"]);
    let is_urgent = |code: Option<_>| {
        shape::is_revenue_within(code, 450..=459)
            || [516, 526, 762]
                .into_iter()
                .any(|department| shape::is_revenue_within(code, department..=department))
    };
    let needed = is_outpatient && is_unscheduled && claim.lines.iter().any(|line| is_urgent(line.revenue));
    let has_reason = claim.diagnoses.iter().any(|diagnosis| diagnosis.kind == DiagnosisKind::ReasonForVisit);
    (needed && !has_reason).then(|| Finding::status(Check::S406, missing(673), whole(LoopId::L2300, claim.at)))
}

/// S408. Somebody attends, except on a transport alone (revenue 054x).
fn attending_provider(claim: &Claim) -> Option<Finding> {
    let is_transport_only = claim.lines.iter().all(|line| shape::is_revenue_within(line.revenue, 540..=549));
    (claim.provider(ProviderRole::Attending).is_none() && !is_transport_only)
        .then(|| Finding::status(Check::S408, missing(124).of("71"), whole(LoopId::L2300, claim.at)))
}

/// S417, S418. The statement is in order, and neither it nor the admission is in the future.
fn statement(detail: &InstitutionalClaim, received_on: NaiveDate, found: &mut Found) {
    let about = |check: Check, status: ClaimStatus, at| Finding::status(check, status, element(LoopId::L2300, at, 3));
    if let Some(statement) = detail.statement {
        found.add((!statement.value.is_ordered()).then(|| about(Check::S417, disagrees(187).and(188), statement.at)));
        found.add((statement.value.through > received_on).then(|| about(Check::S418, invalid(510).and(188), statement.at)));
    }
    if let Some(admission) = detail.admission {
        found.add((admission.value > received_on).then(|| about(Check::S418, invalid(510).and(189), admission.at)));
    }
}

/// S418.
fn procedure_in_future(procedure: &InpatientProcedure, received_on: NaiveDate) -> Option<Finding> {
    let second = if procedure.is_principal { 486 } else { 492 };
    procedure
        .date
        .filter(|date| *date > received_on)
        .map(|_| Finding::status(Check::S418, invalid(510).and(second), whole(LoopId::L2300, procedure.at)))
}

fn is_one_of(code: Option<Qualifier>, codes: &[&str]) -> bool {
    code.is_some_and(|code| codes.contains(&code.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edits::sample::{at, check_rows, code, date, diagnosis, institutional, institutional_detail, outpatient, revenue, span};
    use crate::ids::DiagnosisCode;
    use crate::phi::Phi;

    #[test]
    fn admissions() {
        check_rows(
            institutional,
            &[
                ("no date", |claim| institutional_detail(claim).admission = None, "S404 A6:189 2300 CLM"),
                ("no type", |claim| institutional_detail(claim).admission_type = None, "S404 A6:231 2300 CL101"),
                (
                    "no source",
                    |claim| institutional_detail(claim).admission_source = None,
                    "S404 A6:229 2300 CL102",
                ),
                (
                    "no admitting diagnosis",
                    |claim| claim.diagnoses.retain(|diagnosis| diagnosis.kind != DiagnosisKind::Admitting),
                    "S404 A6:232 2300 CLM",
                ),
            ],
        );
        check_rows(
            outpatient,
            &[("none of them as an outpatient", |claim| institutional_detail(claim).admission_source = None, "")],
        );
    }

    #[test]
    fn discharges() {
        check_rows(
            institutional,
            &[
                (
                    "no discharge hour",
                    |claim| institutional_detail(claim).discharge_hour = None,
                    "S405 A6:233 2300 CLM",
                ),
                (
                    "still a patient, interim bill",
                    |claim| {
                        institutional_detail(claim).discharge_hour = None;
                        institutional_detail(claim).patient_status = code("30");
                        claim.frequency = code("2");
                    },
                    "",
                ),
                (
                    "skilled nursing",
                    |claim| {
                        institutional_detail(claim).discharge_hour = None;
                        institutional_detail(claim).facility_type = code("21");
                    },
                    "",
                ),
            ],
        );
    }

    /// An emergency visit with its reason.
    fn emergency() -> Claim {
        let mut claim = outpatient();
        institutional_detail(&mut claim).admission_type = code("1");
        claim.lines[0].revenue = revenue("0450");
        claim.diagnoses.push(diagnosis(DiagnosisKind::ReasonForVisit, "R079"));
        claim
    }

    #[test]
    fn reasons_for_visit() {
        check_rows(
            emergency,
            &[
                ("with a reason", |_| {}, ""),
                (
                    "without",
                    |claim| claim.diagnoses.retain(|diagnosis| diagnosis.kind != DiagnosisKind::ReasonForVisit),
                    "S406 A6:673 2300 CLM",
                ),
                (
                    "elective",
                    |claim| {
                        claim.diagnoses.retain(|diagnosis| diagnosis.kind != DiagnosisKind::ReasonForVisit);
                        institutional_detail(claim).admission_type = code("3");
                    },
                    "",
                ),
                (
                    "no urgent department",
                    |claim| {
                        claim.diagnoses.retain(|diagnosis| diagnosis.kind != DiagnosisKind::ReasonForVisit);
                        claim.lines[0].revenue = revenue("0300");
                    },
                    "",
                ),
            ],
        );
    }

    #[test]
    fn attending_providers() {
        check_rows(
            outpatient,
            &[
                ("absent", |claim| claim.providers.clear(), "S408 A6:124:71 2300 CLM"),
                (
                    "absent on a transport",
                    |claim| {
                        claim.providers.clear();
                        claim.lines.iter_mut().for_each(|line| line.revenue = revenue("0540"));
                    },
                    "",
                ),
            ],
        );
    }

    #[test]
    fn dates() {
        check_rows(
            institutional,
            &[
                (
                    "reversed statement",
                    |claim| {
                        institutional_detail(claim).statement = Some(span((2025, 1, 4), (2025, 1, 1)));
                    },
                    "S417 A8:187+188 2300 DTP03",
                ),
                (
                    "statement ends tomorrow",
                    |claim| {
                        institutional_detail(claim).statement = Some(span((2025, 1, 1), (2025, 3, 2)));
                    },
                    "S418 A7:510+188 2300 DTP03",
                ),
                (
                    "admission tomorrow",
                    |claim| {
                        institutional_detail(claim).admission = Some(crate::claim::Located {
                            value: date((2025, 3, 2)).unwrap(),
                            at: at("DTP"),
                        })
                    },
                    "S418 A7:510+189 2300 DTP03",
                ),
                (
                    "procedures of today and tomorrow",
                    |claim| {
                        for (is_principal, day) in [(true, 1), (false, 2)] {
                            institutional_detail(claim).procedures.push(InpatientProcedure {
                                at: at("HI"),
                                is_principal,
                                code: Phi::new(DiagnosisCode::parse(b"0DTJ4ZZ").unwrap()),
                                date: date((2025, 3, day)),
                            });
                        }
                    },
                    "S418 A7:510+492 2300 HI",
                ),
            ],
        );
    }
}
