//! Every field of a claim, from one set of each form.

use chrono::NaiveTime;

use super::*;
use crate::claim::diagnosis::{ClaimCode, DiagnosisKind};
use crate::claim::party::{Address, Provider, ProviderRole};
use crate::ids::{AuthorizationNumber, Cin, DiagnosisCode, Modifier, NubcCode, PayerClaimNumber, ProcedureCode};
use crate::money::{Money, Quantity};
use crate::tables::reasons::AdjustmentGroup;
use crate::x12::element::DateRange;

#[test]
fn the_set_header() {
    let set = Set::read(Form::Institutional, INSTITUTIONAL);
    assert_eq!(
        set.header,
        SetHeader {
            purpose: short("18"),
            reference: "BATCH0002".into(),
            claim_kind: short("RP"),
            submitter: person("TEST CLEARINGHOUSE", "", ""),
            submitter_id: "SUB01".into(),
            receiver_id: "RCV01".into(),
            text: set.header.text.clone(),
        }
    );
}

#[test]
fn professional_parties() {
    let (set, claim) = one(Form::Professional, PROFESSIONAL);
    let billing = &*claim.billing_provider;
    assert_eq!(set.at(billing.at), "NM1*85*1*CLINICIAN*CARA*M***XX*1234567893");
    assert_eq!(billing.name, person("CLINICIAN", "CARA", "M"));
    assert_eq!((billing.npi, billing.tin), (npi("1234567893"), "951234567".parse().ok()));
    assert_eq!(billing.taxonomy, "207Q00000X".parse().ok());
    let address = Address {
        street: "100 MAIN ST SUITE 7".into(),
        city: "ORANGE".into(),
        state: "CA".into(),
        zip: "928680000".into(),
    };
    assert_eq!(billing.address, address, "not the pay-to address");
    assert_eq!(set.at(billing.street_at), "N3*100 MAIN ST*SUITE 7");
    assert_eq!(set.at(billing.city_at), "N4*ORANGE*CA*928680000");

    let subscriber = &*claim.subscriber;
    assert_eq!(set.at(subscriber.at), "SBR*P*18*GRP*****MB*MC");
    assert_eq!((subscriber.payer_responsibility, subscriber.filing_indicator), (short("P"), short("MC")));
    assert!(subscriber.is_patient && subscriber.pregnant);
    assert_eq!(set.at(subscriber.name_at), "NM1*IL*1*TESTMEMBER*ANA*Q***MI*91234567A2");
    assert_eq!(subscriber.name, Phi::new(person("TESTMEMBER", "ANA", "Q")));
    assert_eq!(subscriber.member_id, Phi::new("91234567A2".into()));
    assert_eq!(subscriber.cin, Cin::parse(b"91234567A").ok().map(Phi::new));
    let address = Address {
        street: "1 TEST AVE".into(),
        city: "SANTA ANA".into(),
        state: "CA".into(),
        zip: "927010000".into(),
    };
    assert_eq!(subscriber.address, Phi::new(address));
    assert_eq!(subscriber.birth_date, Some(Phi::new(day(1990, 2, 14))));
    assert_eq!(subscriber.sex, short("F").map(Phi::new));
    assert_eq!(subscriber.death_date, Some(Phi::new(day(2025, 1, 31))));
    assert_eq!(
        (set.at(subscriber.payer_at), subscriber.payer_id.as_str()),
        ("NM1*PR*2*TEST PLAN*****PI*CALOP", "CALOP")
    );
    assert_eq!(claim.patient, None);
}

#[test]
fn professional_claim() {
    let (set, claim) = one(Form::Professional, PROFESSIONAL);
    assert_eq!((claim.form, claim.ordinal), (Form::Professional, 1));
    assert_eq!(set.at(claim.at), "CLM*PCN0001*225.5***11:B:7*Y*A*Y*Y**AA:OA::CA*********11");
    assert!(set.text(claim.bytes).starts_with("CLM*PCN0001*") && set.text(claim.bytes).ends_with("CTP****2*ML"));
    assert_eq!(claim.patient_control_number, Phi::new("PCN0001".into()));
    assert_eq!(claim.charge, money("225.5"));
    assert_eq!((claim.frequency, claim.delay_reason), (short("7"), short("11")));
    assert_eq!(
        claim.prior_authorization.as_ref().map(|found| (found.value.clone(), set.at(found.at))),
        Some((AuthorizationNumber::new("AUTH123456"), "REF*G1*AUTH123456"))
    );
    assert_eq!(
        claim.referral.as_ref().map(|found| (found.value.as_str(), set.at(found.at))),
        Some(("REFERRAL7", "REF*9F*REFERRAL7"))
    );
    assert_eq!(
        claim.original_claim.as_ref().map(|found| (found.value.clone(), set.at(found.at))),
        Some((PayerClaimNumber::new("ICN0042"), "REF*F8*ICN0042"))
    );
    assert_eq!(
        (claim.authorization_exception, claim.clearinghouse_trace.as_str()),
        (short("3"), "OA0000000001")
    );
    assert!(claim.has_clia && claim.has_attachment && claim.has_note);
    assert_eq!(claim.attachment_without_control.map(|found| set.at(found)), Some("PWK*OZ*FX"));

    let detail = claim.professional().unwrap();
    assert_eq!(detail.place_of_service, "11".parse().ok());
    assert_eq!((detail.related_causes, detail.accident_state), ([short("AA"), short("OA"), None], short("CA")));
    assert_eq!(
        (detail.accident_date, detail.admission_date, detail.discharge_date),
        (Some(day(2025, 1, 5)), Some(day(2025, 1, 6)), Some(day(2025, 1, 9)))
    );
    assert_eq!(
        detail.patient_paid.map(|found| (found.value, set.at(found.at))),
        Some((money("10"), "AMT*F5*10"))
    );
    assert!(detail.has_ambulance_transport && detail.has_ambulance_certification && detail.has_epsdt_referral);

    let diagnoses: Vec<_> = claim
        .diagnoses
        .iter()
        .map(|found| (found.kind, found.element, found.code, found.is_icd9))
        .collect();
    assert_eq!(
        diagnoses,
        [
            (DiagnosisKind::Principal, 1, diagnosis_code("E119"), false),
            (DiagnosisKind::Other, 2, diagnosis_code("I10"), false),
            (DiagnosisKind::Other, 3, diagnosis_code("4019"), true),
        ]
    );
    assert_eq!(set.at(claim.diagnoses[0].at), "HI*ABK:E119*ABF:I10*BF:4019*BP:00840");
    assert_eq!(
        providers(&set, &claim.providers),
        [
            (ProviderRole::Referring, "REFERRER".into(), npi("1000000012"), "".into(), 'N'),
            (ProviderRole::Rendering, "DOCTOR".into(), npi("1000000020"), "207RC0000X".into(), 'N'),
            (ProviderRole::ServiceFacility, "TEST SURGERY CENTER".into(), None, "".into(), 'N'),
        ]
    );
    assert_eq!(claim.other_payers, []);
}

#[test]
fn professional_lines() {
    let (set, claim) = one(Form::Professional, PROFESSIONAL);
    let [first, second] = &claim.lines[..] else { panic!("two lines") };
    assert_eq!((first.number, second.number), (1, 2));
    assert_eq!(set.at(first.at), "SV1*HC:99214:25::59::VISIT*150.5*UN*1.5*12**2:1**Y**Y*Y");
    let text = set.text(first.bytes);
    assert!(text.starts_with("LX*1~") && text.ends_with("PRV*PE*PXC*208000000X"), "{text}");
    assert_eq!(first.procedure, "99214".parse::<ProcedureCode>().ok());
    let modifier = |text: &str| text.parse::<Modifier>().ok();
    assert_eq!(first.modifiers, [modifier("25"), modifier("59"), None, None], "absent ones at the end");
    assert!(first.has_description && first.has_clia && !first.has_ndc_quantity);
    assert_eq!((first.charge, first.units), (money("150.5"), quantity("1.5")));
    assert_eq!((first.revenue, first.non_covered), (None, Money::ZERO));
    let service = first.service.unwrap();
    assert_eq!(
        (service.value, set.at(service.at)),
        (range(day(2025, 1, 6), day(2025, 1, 7)), "DTP*472*RD8*20250106-20250107")
    );
    assert_eq!(first.control_number, "LINE-1");
    let authorizations: Vec<_> = first.authorizations.iter().map(|found| (found.value.as_str(), set.at(found.at))).collect();
    assert_eq!(authorizations, [("LINEAUTH1", "REF*G1*LINEAUTH1")], "not another payer's");
    assert_eq!(
        providers(&set, &first.providers),
        [(ProviderRole::Rendering, "OTHER".into(), npi("1000000038"), "208000000X".into(), 'N')]
    );
    let professional = &first.professional;
    assert_eq!(professional.place_of_service, "12".parse().ok());
    assert_eq!(professional.diagnosis_pointers, [2, 1, 0, 0]);
    assert!(professional.is_emergency && professional.is_epsdt && professional.is_family_planning && !professional.is_minutes);
    assert_eq!(professional.minutes, None);

    assert!(set.text(second.bytes).starts_with("LX*2~") && set.text(second.bytes).ends_with("CTP****2*ML"));
    assert_eq!((second.professional.is_minutes, second.professional.minutes), (true, Some(quantity("45"))));
    assert_eq!(second.professional.diagnosis_pointers, [1, 0, 0, 0]);
    assert_eq!(
        second.ndc.as_ref().map(|found| (found.value.as_str(), set.at(found.at))),
        Some(("00409123401", "LIN**N4*00409123401"))
    );
    assert!(second.has_ndc_quantity && !second.has_description && !second.has_clia);
    assert_eq!((second.providers.len(), second.authorizations.len()), (0, 0));
    assert!(!(second.professional.is_emergency || second.professional.is_epsdt || second.professional.is_family_planning));
}

#[test]
fn institutional_claim() {
    let (set, claim) = one(Form::Institutional, INSTITUTIONAL);
    let detail = claim.institutional().unwrap();
    assert_eq!((detail.facility_type, claim.frequency), (short("11"), short("1")));
    let statement = detail.statement.unwrap();
    assert_eq!(
        (statement.value, set.at(statement.at)),
        (range(day(2025, 1, 1), day(2025, 1, 4)), "DTP*434*RD8*20250101-20250104")
    );
    let admission = detail.admission.unwrap();
    assert_eq!((admission.value, set.at(admission.at)), (day(2025, 1, 1), "DTP*435*DT*202501010815"));
    assert_eq!(detail.discharge_hour, NaiveTime::from_hms_opt(11, 30, 0));
    assert_eq!(
        (detail.admission_type, detail.admission_source, detail.patient_status),
        (short("1"), short("7"), short("01"))
    );
    assert_eq!(
        detail.patient_estimate.map(|found| (found.value, set.at(found.at))),
        Some((money("20.25"), "AMT*F3*20.25"))
    );
    assert_eq!(detail.drg, "281".parse().ok());
    let diagnoses: Vec<_> = claim
        .diagnoses
        .iter()
        .map(|found| (found.kind, found.element, found.code, found.present_on_admission))
        .collect();
    assert_eq!(
        diagnoses,
        [
            (DiagnosisKind::Principal, 1, diagnosis_code("I214"), short("Y")),
            (DiagnosisKind::Admitting, 1, diagnosis_code("R079"), None),
            (DiagnosisKind::ReasonForVisit, 1, diagnosis_code("R0789"), None),
            (DiagnosisKind::ReasonForVisit, 2, diagnosis_code("R55"), None),
            (DiagnosisKind::ExternalCause, 1, diagnosis_code("W19XXXA"), short("N")),
            (DiagnosisKind::Other, 1, diagnosis_code("I10"), short("1")),
            (DiagnosisKind::Other, 2, diagnosis_code("E785"), None),
        ]
    );
    let procedures: Vec<_> = detail.procedures.iter().map(|found| (found.is_principal, found.code, found.date)).collect();
    assert_eq!(
        procedures,
        [
            (true, diagnosis_code("02703DZ"), Some(day(2025, 1, 2))),
            (false, diagnosis_code("B2111ZZ"), Some(day(2025, 1, 3))),
        ]
    );
    let values: Vec<_> = detail
        .value_codes
        .iter()
        .map(|found| (found.code.as_str(), found.amount, set.at(found.at)))
        .collect();
    let at = "HI*BE:80:::3*BE:23:::50";
    assert_eq!(values, [("80", money("3"), at), ("23", money("50"), at)]);
    let code = |text: &str| text.parse::<NubcCode>().unwrap();
    let at = |segment: &str| SegmentPosition {
        tag: tags::HI,
        byte: String::from_utf8_lossy(&set.bytes).find(segment).unwrap() as u64,
        length: segment.len() as u32,
        ordinal: String::from_utf8_lossy(&set.bytes).split(segment).next().unwrap().matches('~').count() as u32 - 1,
    };
    let occurrences = at("HI*BH:11:D8:20250101*BH:A1:D8:19800214");
    assert_eq!(
        detail.codes,
        [
            ClaimCode::OccurrenceSpan {
                at: at("HI*BI:70:RD8:20241220-20241224"),
                code: code("70"),
                span: Some(range(day(2024, 12, 20), day(2024, 12, 24))),
            },
            ClaimCode::Occurrence {
                at: occurrences,
                code: code("11"),
                date: Some(day(2025, 1, 1)),
            },
            ClaimCode::Occurrence {
                at: occurrences,
                code: code("A1"),
                date: Some(day(1980, 2, 14)),
            },
            ClaimCode::Condition {
                at: at("HI*BG:09*BG:C5"),
                code: code("09"),
            },
            ClaimCode::Condition {
                at: at("HI*BG:09*BG:C5"),
                code: code("C5"),
            },
        ]
    );
    assert_eq!(
        providers(&set, &claim.providers),
        [
            (ProviderRole::Attending, "ATTEND".into(), npi("1000000012"), "207RI0011X".into(), 'N'),
            (ProviderRole::Operating, "OPERATE".into(), npi("1000000020"), "".into(), 'N'),
            (ProviderRole::Referring, "REFERRER".into(), npi("1000000038"), "".into(), 'N'),
        ]
    );
}

#[test]
fn institutional_lines() {
    let (set, claim) = one(Form::Institutional, INSTITUTIONAL);
    let [room, emergency] = &claim.lines[..] else { panic!("two lines") };
    assert_eq!(
        (room.revenue, room.procedure, room.modifiers),
        ("0120".parse().ok(), None, [None, None, None, None])
    );
    assert_eq!((room.charge, room.units, room.non_covered), (money("6000"), quantity("3"), money("100")));
    assert_eq!(
        (set.at(room.at), set.text(room.bytes)),
        ("SV2*0120**6000*DA*3**100", "LX*1~\nSV2*0120**6000*DA*3**100")
    );
    assert_eq!(room.service, None);
    assert_eq!((emergency.revenue, emergency.procedure), ("0450".parse().ok(), "99285".parse().ok()));
    assert_eq!(emergency.modifiers[0], "25".parse().ok());
    assert_eq!(emergency.service.map(|service| service.value), Some(range(day(2025, 1, 1), day(2025, 1, 1))));
    assert_eq!(emergency.control_number, "LINE-2");
    assert_eq!(emergency.providers[0].role, ProviderRole::Rendering);
    assert_eq!(emergency.professional, Default::default());
}

#[test]
fn other_payers_keep_to_themselves() {
    let body = professional_with(
        "CLM*C1*100***11:B:1*Y*A*Y*Y~\nHI*ABK:E119~\nNM1*82*1*DOCTOR*DANA****XX*1000000020~\n\
         SBR*P*18*******MB~\nCAS*PR*1*10**2*5.5~\nCAS*CO*45*20~\nAMT*D*60~\nAMT*A8*1~\nAMT*EAF*15.5~\nOI***Y***Y~\n\
         NM1*IL*1*OTHERNAME*OLA****MI*OTHERID~\nN3*9 OTHER ST~\nNM1*PR*2*FIRST PAYER*****PI*PAY1~\nDTP*573*D8*20250201~\nREF*G1*THEIRAUTH~\n\
         NM1*82*1~\nREF*G2*X~\n\
         SBR*S*18*******CI~\nAMT*D*0~\nNM1*PR*2*SECOND PAYER*****PI*PAY2~\n\
         LX*1~\nSV1*HC:99213*100*UN*1***1~\nDTP*472*D8*20250106~\n\
         SVD*PAY1*60*HC:99213**1~\nCAS*CO*45*-20~\nDTP*573*D8*20250202~\nSVD*PAY2*0*HC:99213**1~\nCAS*XX*23*60~\n",
    );
    let (set, claim) = one(Form::Professional, &body);
    assert_eq!(claim.providers.len(), 1);
    assert_eq!((claim.prior_authorization.is_none(), claim.subscriber.payer_id.as_str()), (true, "CALOP"));
    assert_eq!(claim.subscriber.name, Phi::new(person("TESTMEMBER", "ANA", "Q")));
    let [first, second] = &claim.other_payers[..] else { panic!("two payers") };
    assert_eq!(set.at(first.at), "SBR*P*18*******MB");
    assert_eq!((first.payer_responsibility, first.filing_indicator), (short("P"), short("MB")));
    let adjustments: Vec<_> = first
        .adjustments
        .iter()
        .map(|found| (found.group, found.reason.map(|reason| reason.to_string()), found.amount, set.at(found.at)))
        .collect();
    let (patient, contractual) = (Some(AdjustmentGroup::PatientResponsibility), Some(AdjustmentGroup::ContractualObligation));
    assert_eq!(
        adjustments,
        [
            (patient, Some("1".into()), money("10"), "CAS*PR*1*10**2*5.5"),
            (patient, Some("2".into()), money("5.5"), "CAS*PR*1*10**2*5.5"),
            (contractual, Some("45".into()), money("20"), "CAS*CO*45*20"),
        ]
    );
    assert_eq!(
        (first.paid, first.non_covered, first.remaining_patient_liability),
        (Some(money("60")), Some(money("1")), Some(money("15.5")))
    );
    assert_eq!((first.payer_id.as_str(), first.adjudicated_on), ("PAY1", Some(day(2025, 2, 1))));
    assert_eq!(
        (second.payer_id.as_str(), second.paid, second.adjudicated_on),
        ("PAY2", Some(Money::ZERO), None)
    );
    assert_eq!(second.payer_responsibility, short("S"));
    let [first, second] = &claim.lines[0].other_payers[..] else {
        panic!("two adjudications")
    };
    assert_eq!((first.payer_id.as_str(), first.paid, first.units), ("PAY1", money("60"), Some(quantity("1"))));
    assert_eq!((set.at(first.at), first.adjudicated_on), ("SVD*PAY1*60*HC:99213**1", Some(day(2025, 2, 2))));
    assert_eq!((first.adjustments[0].group, first.adjustments[0].amount), (contractual, money("-20")));
    assert_eq!(
        (second.payer_id.as_str(), second.adjudicated_on, second.adjustments[0].group),
        ("PAY2", None, None)
    );
}

fn range(from: NaiveDate, through: NaiveDate) -> DateRange {
    DateRange { from, through }
}

fn money(text: &str) -> Money {
    Money::parse_x12(text.as_bytes()).unwrap()
}

fn quantity(text: &str) -> Quantity {
    Quantity::parse_x12(text.as_bytes()).unwrap()
}

fn diagnosis_code(text: &str) -> Phi<DiagnosisCode> {
    Phi::new(text.parse().unwrap())
}

fn providers(set: &Set, providers: &[Provider]) -> Vec<(ProviderRole, String, Option<Npi>, String, char)> {
    let row = |provider: &Provider| {
        let taxonomy = provider.taxonomy.map(|taxonomy| taxonomy.to_string()).unwrap_or_default();
        let segment = set.at(provider.at).chars().next().unwrap();
        (provider.role, provider.name.last.to_string(), provider.npi, taxonomy, segment)
    };
    providers.iter().map(row).collect()
}
