//! Clinical codes: diagnoses, procedures, modifiers and drugs (S502–S504, S508, S510, S513).

use chrono::NaiveDate;

use super::is_known;
use crate::claim::diagnosis::{Diagnosis, DiagnosisKind, InpatientProcedure};
use crate::claim::institutional::InstitutionalClaim;
use crate::claim::service_line::ServiceLine;
use crate::edits::{CodeLookup, CodeVerdict, Found, component, element, invalid, procedure_element, shape, whole};
use crate::finding::{Check, ClaimStatus, Finding};
use crate::ids::Form;
use crate::loop_id::LoopId;
use crate::phi::Purpose;

/// ICD-10 is sent for services that end on this day or later.
const ICD_10_FROM: Option<NaiveDate> = NaiveDate::from_ymd_opt(2015, 10, 1);

/// S502, S513. ICD-10-CM, billable, effective on the last day of service; and its POA value.
pub(super) fn diagnosis_code(diagnosis: &Diagnosis, through: NaiveDate, sets: &dyn CodeLookup, found: &mut Found) {
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
    found.add(failure.map(|status| Finding::status(Check::S502, status, place(2))));
    found.add((!has_poa).then(|| Finding::status(Check::S513, invalid(688), place(9))));
}

/// S503. HCPCS or CPT, valid on the day; on a prospective-payment line (revenue 002x) a HIPPS code.
pub(super) fn procedure_code(form: Form, line: &ServiceLine, on: NaiveDate, sets: &dyn CodeLookup) -> Option<Finding> {
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

/// S504.
pub(super) fn modifiers(form: Form, line: &ServiceLine, on: NaiveDate, sets: &dyn CodeLookup, found: &mut Found) {
    for (modifier, place) in line.modifiers.iter().zip(3..) {
        let Some(modifier) = *modifier else { continue };
        let passes = shape::is_two_characters(modifier.as_bytes()) && is_known(sets.modifier(modifier, on));
        let position = component(LoopId::L2400, line.at, procedure_element(form), place);
        found.add((!passes).then(|| Finding::status(Check::S504, invalid(453), position).on_line(line.number)));
    }
}

/// S508. ICD-10-PCS since ICD-10 is sent.
pub(super) fn inpatient_procedures(detail: &InstitutionalClaim, through: NaiveDate, sets: &dyn CodeLookup, found: &mut Found) {
    let check = |procedure: &InpatientProcedure| {
        let code = procedure.code.expose_for(Purpose::Adjudicate);
        let on = procedure.date.unwrap_or(through);
        let passes = shape::is_inpatient_procedure(code.as_bytes()) && is_known(sets.inpatient_procedure(*code, on));
        let status = invalid(if procedure.is_principal { 465 } else { 490 }).and(700);
        (!passes).then(|| Finding::status(Check::S508, status, whole(LoopId::L2300, procedure.at)))
    };
    for procedure in detail.procedures.iter().filter(|_| Some(through) >= ICD_10_FROM) {
        found.add(check(procedure));
    }
}

/// S510.
pub(super) fn drug_code(line: &ServiceLine, sets: &dyn CodeLookup) -> Option<Finding> {
    let ndc = line.ndc.as_ref()?;
    let passes = shape::is_drug_code(&ndc.value) && is_known(sets.drug(&ndc.value));
    (!passes).then(|| Finding::status(Check::S510, invalid(218), element(LoopId::L2410, ndc.at, 3)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claim::{Claim, Located};
    use crate::edits::EditContext;
    use crate::edits::sample::{
        RECEIVED, at, check_rows, check_rows_in, code, day, diagnosis, institutional, institutional_detail, modifier, outpatient, procedure, professional,
        revenue, span,
    };
    use crate::ids::{DiagnosisCode, Modifier, ProcedureCode};
    use crate::phi::Phi;

    /// Code sets in which nothing is on its day, billable or known, as its field says.
    #[derive(Debug)]
    struct Answering(CodeVerdict);

    impl CodeLookup for Answering {
        fn diagnosis(&self, _: DiagnosisCode, _: NaiveDate) -> CodeVerdict {
            self.0
        }
        fn inpatient_procedure(&self, _: DiagnosisCode, _: NaiveDate) -> CodeVerdict {
            self.0
        }
        fn procedure(&self, _: ProcedureCode, _: NaiveDate) -> CodeVerdict {
            self.0
        }
        fn modifier(&self, _: Modifier, _: NaiveDate) -> CodeVerdict {
            self.0
        }
        fn drug(&self, _: &str) -> CodeVerdict {
            self.0
        }
    }

    /// One line, one diagnosis, one modifier, one drug.
    fn single() -> Claim {
        let mut claim = professional();
        claim.lines.pop();
        claim.charge = claim.lines[0].charge;
        claim.diagnoses.pop();
        claim.lines[0].procedure = procedure("J3301");
        claim.lines[0].modifiers[0] = modifier("UD");
        claim.lines[0].professional.diagnosis_pointers = [1, 0, 0, 0];
        claim.lines[0].has_ndc_quantity = true;
        claim.lines[0].ndc = Some(Located {
            value: "00026063512".into(),
            at: at("LIN"),
        });
        claim
    }

    fn with_procedure(text: &str, is_principal: bool) -> InpatientProcedure {
        InpatientProcedure {
            at: at("HI"),
            is_principal,
            code: Phi::new(DiagnosisCode::parse(text.as_bytes()).unwrap()),
            date: None,
        }
    }

    #[test]
    fn loaded_sets_decide() {
        for (verdict, expected) in [
            (CodeVerdict::NotLoaded, ""),
            (CodeVerdict::Valid, ""),
            (
                CodeVerdict::Unknown,
                "S502 A7:254+700 2300 HI01-2; S503 A7:507 2400 SV101-2 line 1; S510 A7:218 2410 LIN03 line 1; S504 A7:453 2400 SV101-3 line 1",
            ),
            (
                CodeVerdict::NotBillable,
                "S502 A7:772+254 2300 HI01-2; S503 A7:507 2400 SV101-2 line 1; S510 A7:218 2410 LIN03 line 1; S504 A7:453 2400 SV101-3 line 1",
            ),
            (
                CodeVerdict::NotOnDate,
                "S502 A7:254+700 2300 HI01-2; S503 A7:796 2400 SV101-2 line 1; S510 A7:218 2410 LIN03 line 1; S504 A7:453 2400 SV101-3 line 1",
            ),
        ] {
            let sets = Answering(verdict);
            let context = EditContext {
                code_sets: &sets,
                ..EditContext::unenforced(RECEIVED)
            };
            check_rows_in(&context, single, &[("every set", |_| {}, expected)]);
        }
    }

    #[test]
    fn diagnoses() {
        check_rows(
            professional,
            &[
                (
                    "principal",
                    |claim| claim.diagnoses[0] = diagnosis(DiagnosisKind::Principal, "11E9"),
                    "S502 A7:254+700 2300 HI01-2",
                ),
                (
                    "other",
                    |claim| claim.diagnoses[1] = diagnosis(DiagnosisKind::Other, "I1.0"),
                    "S502 A7:255+700 2300 HI01-2",
                ),
                ("ICD-9 after its end", |claim| claim.diagnoses[1].is_icd9 = true, "S502 A7:255+508 2300 HI01-2"),
                (
                    "ICD-9 before",
                    |claim| {
                        claim.diagnoses[1] = diagnosis(DiagnosisKind::Other, "4019");
                        claim.diagnoses[1].is_icd9 = true;
                        claim.lines.iter_mut().for_each(|line| line.service = Some(day((2015, 9, 30))));
                    },
                    "",
                ),
            ],
        );
        check_rows(
            institutional,
            &[
                (
                    "admitting",
                    |claim| claim.diagnoses[1] = diagnosis(DiagnosisKind::Admitting, "X"),
                    "S502 A7:232+700 2300 HI01-2",
                ),
                (
                    "reason for visit",
                    |claim| claim.diagnoses.push(diagnosis(DiagnosisKind::ReasonForVisit, "X")),
                    "S502 A7:673+700 2300 HI01-2",
                ),
                (
                    "external cause",
                    |claim| claim.diagnoses.push(diagnosis(DiagnosisKind::ExternalCause, "X")),
                    "S502 A7:509+700 2300 HI01-2",
                ),
                (
                    "present on admission, no such value",
                    |claim| claim.diagnoses[0].present_on_admission = code("E"),
                    "S513 A7:688 2300 HI01-9",
                ),
                ("present on admission, exempt", |claim| claim.diagnoses[0].present_on_admission = code("1"), ""),
            ],
        );
    }

    #[test]
    fn procedures() {
        check_rows(
            professional,
            &[
                (
                    "four digits",
                    |claim| claim.lines[0].procedure = procedure("9921"),
                    "S503 A7:454 2400 SV101-2 line 1",
                ),
                (
                    "two letters",
                    |claim| claim.lines[0].procedure = procedure("JA330"),
                    "S503 A7:507 2400 SV101-2 line 1",
                ),
                ("category III", |claim| claim.lines[0].procedure = procedure("0042T"), ""),
                (
                    "a modifier of one character",
                    |claim| claim.lines[0].modifiers = [modifier("25"), modifier("5"), None, None],
                    "S504 A7:453 2400 SV101-4 line 1",
                ),
            ],
        );
        check_rows(
            outpatient,
            &[
                (
                    "HIPPS on a payment line",
                    |claim| {
                        claim.lines[0].revenue = revenue("0023");
                        claim.lines[0].procedure = procedure("1AFKS");
                    },
                    "",
                ),
                (
                    "HIPPS on another line",
                    |claim| claim.lines[0].procedure = procedure("1AFKS"),
                    "S503 A7:454 2400 SV202-2 line 1",
                ),
                (
                    "a short HIPPS",
                    |claim| {
                        claim.lines[0].revenue = revenue("0023");
                        claim.lines[0].procedure = procedure("1AFK");
                    },
                    "S503 A7:507 2400 SV202-2 line 1",
                ),
                (
                    "an institutional modifier",
                    |claim| claim.lines[0].modifiers[0] = modifier("2"),
                    "S504 A7:453 2400 SV202-3 line 1",
                ),
            ],
        );
    }

    #[test]
    fn inpatient_procedures() {
        check_rows(
            institutional,
            &[
                (
                    "seven characters",
                    |claim| institutional_detail(claim).procedures.push(with_procedure("02HV33Z", true)),
                    "",
                ),
                (
                    "principal, six",
                    |claim| institutional_detail(claim).procedures.push(with_procedure("02HV33", true)),
                    "S508 A7:465+700 2300 HI",
                ),
                (
                    "other, with an O",
                    |claim| institutional_detail(claim).procedures.push(with_procedure("O2HV33Z", false)),
                    "S508 A7:490+700 2300 HI",
                ),
                (
                    "ICD-9 before its end",
                    |claim| {
                        let detail = institutional_detail(claim);
                        detail.procedures.push(with_procedure("3722", true));
                        detail.statement = Some(span((2015, 9, 1), (2015, 9, 4)));
                        claim.lines[1].service = Some(day((2015, 9, 1)));
                    },
                    "",
                ),
            ],
        );
    }

    #[test]
    fn drugs() {
        check_rows(
            single,
            &[
                ("eleven digits", |_| {}, ""),
                (
                    "ten",
                    |claim| {
                        claim.lines[0].ndc = Some(Located {
                            value: "0002606351".into(),
                            at: at("LIN"),
                        })
                    },
                    "S510 A7:218 2410 LIN03 line 1",
                ),
            ],
        );
    }
}
