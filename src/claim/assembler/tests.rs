//! Whole sets through tokenizer and placer: every field, sharing, other payers, located findings.

use chrono::{NaiveDate, NaiveTime};
use proptest::prelude::*;

use super::placer::Placer;
use super::*;
use crate::claim::claim::Located;
use crate::claim::diagnosis::{ClaimCode, DiagnosisKind};
use crate::claim::party::{Address, Name, Provider, ProviderRole};
use crate::ids::{AuthorizationNumber, Cin, DiagnosisCode, Modifier, Npi, NubcCode, PayerClaimNumber, ProcedureCode, Qualifier};
use crate::money::{Money, Quantity};
use crate::phi::Phi;
use crate::position::SegmentPosition;
use crate::tables::reasons::AdjustmentGroup;
use crate::x12::element::DateRange;
use crate::x12::tokenizer::for_each_segment;

const ISA: &str = "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260116*0930*^*00501*000000001*0*T*:~";

const PROFESSIONAL: &str = "\
GS*HC*SENDER*RECEIVER*20260116*0930*1*X*005010X222A1~
ST*837*0001*005010X222A1~
BHT*0019*00*BATCH0001*20260116*0930*CH~
NM1*41*2*TEST CLEARINGHOUSE*****46*SUB01~
PER*IC*EDI DESK*TE*5555550100~
NM1*40*2*TEST PLAN*****46*RCV01~
HL*1**20*1~
PRV*BI*PXC*207Q00000X~
NM1*85*1*CLINICIAN*CARA*M***XX*1234567893~
N3*100 MAIN ST*SUITE 7~
N4*ORANGE*CA*928680000~
REF*EI*951234567~
NM1*87*2~
N3*PO BOX 9~
N4*ELSEWHERE*NV*890010000~
NM1*PE*2*PAY TO PLAN*****PI*999~
REF*EI*000000000~
HL*2*1*22*0~
SBR*P*18*GRP*****MB*MC~
PAT*****D8*20250131***Y~
NM1*IL*1*TESTMEMBER*ANA*Q***MI*91234567A2~
N3*1 TEST AVE~
N4*SANTA ANA*CA*927010000~
DMG*D8*19900214*F~
NM1*PR*2*TEST PLAN*****PI*CALOP~
CLM*PCN0001*225.5***11:B:7*Y*A*Y*Y**AA:OA::CA*********11~
DTP*439*D8*20250105~
DTP*435*D8*20250106~
DTP*096*D8*20250109~
PWK*OZ*BM***AC*DCN77~
PWK*OZ*FX~
AMT*F5*10~
REF*4N*3~
REF*F8*ICN0042~
REF*9F*REFERRAL7~
REF*G1*AUTH123456~
REF*X4*05D1234567~
REF*D9*OA0000000001~
NTE*ADD*REMARK~
CR1*LB*150**A*DH*12~
CRC*07*Y*01~
CRC*ZZ*Y*AV~
HI*ABK:E119*ABF:I10*BF:4019*BP:00840~
NM1*DN*1*REFERRER*RITA****XX*1000000012~
NM1*82*1*DOCTOR*DANA****XX*1000000020~
PRV*PE*PXC*207RC0000X~
NM1*77*2*TEST SURGERY CENTER~
N3*5 ELM ST~
LX*1~
SV1*HC:99214:25::59::VISIT*150.5*UN*1.5*12**2:1**Y**Y*Y~
DTP*472*RD8*20250106-20250107~
REF*6R*LINE-1~
REF*G1*LINEAUTH1~
REF*G1*THEIRS**2U:PAYER9~
REF*F4*05D7654321~
NM1*82*1*OTHER*OTTO****XX*1000000038~
PRV*PE*PXC*208000000X~
LX*2~
SV1*HC:00840:P1*75*MJ*45***1~
DTP*472*D8*20250106~
LIN**N4*00409123401~
CTP****2*ML~
SE*65*0001~
GE*1*1~
IEA*1*000000001~
";

const INSTITUTIONAL: &str = "\
GS*HC*SENDER*RECEIVER*20260116*0930*1*X*005010X223A2~
ST*837*0001*005010X223A2~
BHT*0019*18*BATCH0002*20260116*0930*RP~
NM1*41*2*TEST CLEARINGHOUSE*****46*SUB01~
NM1*40*2*TEST PLAN*****46*RCV01~
HL*1**20*1~
PRV*BI*PXC*282N00000X~
NM1*85*2*TEST HOSPITAL*****XX*1234567893~
N3*200 HOSPITAL WAY~
N4*ORANGE*CA*928680000~
REF*EI*951234568~
HL*2*1*22*0~
SBR*P*18*******MC~
NM1*IL*1*TESTMEMBER*BEN****MI*91234568C~
DMG*D8*19800214*M~
NM1*PR*2*TEST PLAN*****PI*99250~
CLM*PCN0002*9000***11:A:1**A*Y*Y~
DTP*096*TM*1130~
DTP*434*RD8*20250101-20250104~
DTP*435*DT*202501010815~
CL1*1*7*01~
AMT*F3*20.25~
HI*ABK:I214:::::::Y~
HI*ABJ:R079~
HI*APR:R0789*APR:R55~
HI*ABN:W19XXXA:::::::N~
HI*DR:281~
HI*ABF:I10:::::::1*ABF:E785~
HI*BBR:02703DZ:D8:20250102~
HI*BBQ:B2111ZZ:D8:20250103~
HI*BI:70:RD8:20241220-20241224~
HI*BH:11:D8:20250101*BH:A1:D8:19800214~
HI*BE:80:::3*BE:23:::50~
HI*BG:09*BG:C5~
NM1*71*1*ATTEND*ALEX****XX*1000000012~
PRV*AT*PXC*207RI0011X~
NM1*72*1*OPERATE*OLGA****XX*1000000020~
NM1*DN*1*REFERRER*RITA****XX*1000000038~
LX*1~
SV2*0120**6000*DA*3**100~
LX*2~
SV2*0450*HC:99285:25*3000*UN*1~
DTP*472*D8*20250101~
REF*6R*LINE-2~
NM1*82*1*RENDER*RAY****XX*1000000046~
SE*45*0001~
GE*1*1~
IEA*1*000000001~
";

/// A set whose HL, parties and trailer are always the same; `claims` stands under the subscriber.
fn professional_with(claims: &str) -> String {
    let (before, rest) = PROFESSIONAL.split_once("CLM*").unwrap();
    let (_, after) = rest.split_once("SE*").unwrap();
    format!("{before}{claims}SE*{after}")
}

fn institutional_with(claims: &str) -> String {
    let (before, rest) = INSTITUTIONAL.split_once("CLM*").unwrap();
    let (_, after) = rest.split_once("SE*").unwrap();
    format!("{before}{claims}SE*{after}")
}

struct Set {
    bytes: Vec<u8>,
    header: SetHeader,
    claims: Vec<Assembled>,
}

impl Set {
    fn read(form: Form, body: &str) -> Set {
        Set::read_bytes(form, [ISA.as_bytes(), b"\n", body.as_bytes()].concat())
    }

    fn read_bytes(form: Form, bytes: Vec<u8>) -> Set {
        let (mut placer, mut assembler, mut claims) = (Placer::new(form), Assembler::new(form), Vec::new());
        let _ = for_each_segment(&bytes, 4096, |segment| {
            if segment.at.ordinal > 0 {
                let (loop_id, starts_loop) = placer.place(segment);
                claims.extend(assembler.accept(segment, loop_id, starts_loop));
            }
        });
        claims.extend(assembler.finish());
        Set {
            bytes,
            header: assembler.header().clone(),
            claims,
        }
    }

    fn text(&self, range: ByteRange) -> &str {
        std::str::from_utf8(&self.bytes[range.start as usize..range.end as usize]).unwrap()
    }

    fn at(&self, position: SegmentPosition) -> &str {
        self.text(position.range())
    }
}

fn one(form: Form, body: &str) -> (Set, Claim) {
    let set = Set::read(form, body);
    assert_eq!(set.claims.len(), 1);
    assert_eq!(set.claims[0].findings, []);
    let claim = set.claims[0].claim.clone();
    (set, claim)
}

fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap()
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

fn short(text: &str) -> Option<Qualifier> {
    Some(text.parse().unwrap())
}

fn npi(text: &str) -> Option<Npi> {
    Some(Npi::parse(text.as_bytes()).unwrap())
}

fn person(last: &str, first: &str, middle: &str) -> Name {
    Name {
        last: last.into(),
        first: first.into(),
        middle: middle.into(),
    }
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

#[test]
fn claims_share_what_they_inherit() {
    let claim = |number: &str| format!("CLM*{number}*1***11:B:1*Y*A*Y*Y~\nLX*1~\nSV1*HC:99213*1*UN*1***1~\n");
    let body = [
        claim("A"),
        claim("B"),
        "HL*3*2*23*0~\nPAT*19*****D8*20250301~\nNM1*QC*1*TESTCHILD*CAI~\nN3*1 TEST AVE~\nN4*SANTA ANA*CA*927010000~\nDMG*D8*20250101*U~\n".into(),
        claim("C"),
        "HL*4*1*22*0~\nSBR*S~\nNM1*IL*1*SECOND*SUE****MI*91234568C~\nNM1*PR*2*TEST PLAN*****PI*99250~\n".into(),
        claim("D"),
        "HL*5**20*1~\nNM1*85*2*SECOND CLINIC*****XX*1000000053~\nHL*6*5*22*0~\nSBR*P*18~\n".into(),
        claim("E"),
    ]
    .concat();
    let set = Set::read(Form::Professional, &professional_with(&body));
    let [a, b, c, d, e] = &set.claims[..] else { panic!("five claims") };
    let [a, b, c, d, e] = [&a.claim, &b.claim, &c.claim, &d.claim, &e.claim];
    assert_eq!([a, b, c, d, e].map(|claim| claim.ordinal), [1, 2, 3, 4, 5]);
    use std::sync::Arc;
    assert!(Arc::ptr_eq(&a.subscriber, &b.subscriber) && Arc::ptr_eq(&b.subscriber, &c.subscriber));
    assert!(Arc::ptr_eq(&a.billing_provider, &d.billing_provider) && !Arc::ptr_eq(&a.billing_provider, &e.billing_provider));
    assert_eq!(a.billing_provider.npi, npi("1234567893"));
    assert_eq!(
        (e.billing_provider.npi, e.billing_provider.tin, e.billing_provider.taxonomy),
        (npi("1000000053"), None, None)
    );
    assert_eq!(d.subscriber.name, Phi::new(person("SECOND", "SUE", "")));
    assert!(!d.subscriber.is_patient && d.subscriber.birth_date.is_none());
    assert_eq!([a, b, c, d, e].map(|claim| claim.patient.is_some()), [false, false, true, false, false]);
    let patient = c.patient.as_ref().unwrap();
    assert_eq!(set.at(patient.at), "PAT*19*****D8*20250301", "PAT06 is empty here");
    assert_eq!((patient.relationship, patient.death_date, patient.pregnant), (short("19"), None, false));
    assert_eq!(patient.name, Phi::new(person("TESTCHILD", "CAI", "")));
    assert_eq!(patient.address, a.subscriber.address);
    assert_eq!((patient.birth_date, patient.sex), (Some(Phi::new(day(2025, 1, 1))), short("U").map(Phi::new)));
    assert_eq!(set.text(a.bytes), claim("A").trim_end().trim_end_matches('~'));
}

/// Where each unreadable value is reported: its code, its line, and the text that stands at its byte.
#[test]
fn unreadable_values_are_located() {
    let claim = "CLM*C*100***11:B:1*Y*A*Y*Y~\nREF*D9*T~\nHI*ABK:E119~\nNM1*82*1*DOCTOR*DANA****XX*1000000020~\nPRV*PE*PXC*207RC0000X~\nSBR*P~\nCAS*PR*1*10~\nAMT*D*5~\n\
                 LX*7~\nSV1*HC:99213:25:59*100*UN*1*11**1:2~\nNM1*DK*1*ORDER*ORA****XX*1000000020~\nSVD*P*5*HC:1**1~\n";
    for (from, to, finding, line, at) in [
        ("*C*100*", "*C*1OO*", "S305 A7:693 CLM02", None, "1OO***11"),
        ("*C*100*", "*C*-1*", "S305 A7:693 CLM02", None, "-1***11"),
        ("*C*100*", "*C*1.005*", "S305 A7:697 CLM02", None, "1.005***11"),
        ("*C*100*", "*C*99999999999*", "S305 A7:693 CLM02", None, "99999999999*"),
        ("11:B:1", "111:B:1", "S505 A7:249 CLM05-1", None, "111:B:1"),
        ("ABK:E119~", "ABK:E119*ABF:I1000000X~", "S502 A7:255 HI02-2", None, "I1000000X~"),
        ("ABK:E119~", "ABK:E11900000~", "S502 A7:254 HI01-2", None, "E11900000~"),
        ("*1000000020~\nPRV", "*1000000021~\nPRV", "S501 A7:562:82 NM109", None, "1000000021~\nPRV"),
        ("207RC0000X", "207RC00000X", "S509 A7:145 PRV03", None, "207RC00000X"),
        ("CAS*PR*1*10~", "CAS*PR*1*10**10000*5~", "S512 A7:521 CAS05", None, "10000*5"),
        ("CAS*PR*1*10~", "CAS*PR*1*1O~", "S305 A7:693 CAS03", None, "1O~"),
        ("AMT*D*5", "AMT*D*-5", "S305 A7:693 AMT02", None, "-5~"),
        ("HC:99213:", "HC:992130000:", "S503 A7:507 SV101-2", Some(7), "992130000:"),
        (":25:59", ":25:599", "S504 A7:453 SV101-4", Some(7), "599*100"),
        ("59*100*UN", "59*1,00*UN", "S305 A7:693 SV102", Some(7), "1,00*UN"),
        ("UN*1*11", "UN*-1*11", "S305 A7:476 SV104", Some(7), "-1*11"),
        ("UN*1*11", "UN*1*111", "S505 A7:249 SV105", Some(7), "111**1:2"),
        ("**1:2~", "**1:0~", "S414 A7:477 SV107-2", Some(7), "0~"),
        ("**1:2~", "**A:2~", "S414 A7:477 SV107-1", Some(7), "A:2~"),
        ("*1000000020~\nSVD", "*100~\nSVD", "S501 A7:562:DK NM109", Some(7), "100~\nSVD"),
        ("SVD*P*5", "SVD*P*5.123", "S305 A7:697 SVD02", Some(7), "5.123"),
    ] {
        assert_eq!(claim.matches(from).count(), 1, "{from}");
        expect_one(Form::Professional, &professional_with(&claim.replace(from, to)), (finding, line, at));
    }
}

#[test]
fn unreadable_institutional_values_are_located() {
    let claim = "CLM*C*100***11:A:1**A*Y*Y~\nCL1*1*7*01~\nHI*ABK:I214:::::::Y~\nHI*DR:281~\nHI*BBR:02703DZ:D8:20250102~\nHI*BH:11:D8:20250101~\nHI*BI:70:RD8:20241220-20241224~\n\
                 HI*BE:80:::3*BE:23:::50~\nHI*BG:09~\nLX*1~\nSV2*0120**100*DA*3**0~\n";
    for (from, to, finding, line, at) in [
        ("11:A:1", "1111:A:1", "S507 A7:228 CLM05-1", None, "1111:A"),
        ("CL1*1*7*01", "CL1*1111*7*01", "S507 A7:231 CL101", None, "1111*7"),
        ("CL1*1*7*01", "CL1*1*7777*01", "S507 A7:229 CL102", None, "7777*"),
        ("CL1*1*7*01", "CL1*1*7*0101", "S507 A7:234 CL103", None, "0101~"),
        (":::::::Y", ":::::::YYYY", "S513 A7:688 HI01-9", None, "YYYY~"),
        ("DR:281", "DR:281281", "S507 A7:256 HI01-2", None, "281281~"),
        ("02703DZ", "02703DZZZ", "S508 A7:465 HI01-2", None, "02703DZZZ"),
        ("D8:20250102", "D8:20250132", "S508 A7:465 HI01-4", None, "20250132~"),
        ("BH:11:D8:20250101", "BH:11:D8:20250229", "S507 A7:719 HI01-4", None, "20250229~"),
        ("BH:11", "BH:1111", "S507 A7:719 HI01-2", None, "1111:D8"),
        ("RD8:20241220-", "RD8:2024122O-", "S507 A7:719 HI01-4", None, "2024122O-"),
        ("BE:23:::50", "BE:23:::-50", "S305 A7:693 HI02-5", None, "-50~"),
        ("BE:23:::50", "BE:2323:::50", "S507 A7:725 HI02-2", None, "2323:"),
        ("BG:09", "BG:0909", "S507 A7:460 HI01-2", None, "0909~"),
        ("SV2*0120", "SV2*01200", "S506 A7:455 SV201", Some(1), "01200*"),
        ("DA*3**0", "DA*3**-0.01", "S305 A7:693 SV207", Some(1), "-0.01"),
        ("DA*3**0", "DA*three**0", "S305 A7:476 SV205", Some(1), "three"),
    ] {
        assert_eq!(claim.matches(from).count(), 1, "{from}");
        expect_one(Form::Institutional, &institutional_with(&claim.replace(from, to)), (finding, line, at));
    }
}

fn expect_one(form: Form, body: &str, (expected, line, at): (&str, Option<u16>, &str)) {
    let set = Set::read(form, body);
    let [found] = &set.claims[0].findings[..] else {
        panic!("{expected}: found {:?}", set.claims[0].findings)
    };
    let name = found.position.element_name().unwrap();
    assert_eq!(format!("{} {} {name}", found.check, found.code), expected);
    assert_eq!(found.line, line, "{expected}");
    assert!(
        set.bytes[found.position.byte as usize..].starts_with(at.as_bytes()),
        "{expected} stands at {at}"
    );
    assert_eq!(found.position.loop_id.is_some_and(|found| found >= LoopId::L2400), line.is_some());
}

#[test]
fn every_claim_bears_the_findings_of_its_billing_provider() {
    let claims = "CLM*A*1***11:B:1*Y*A*Y*Y~\nCLM*B*1***11:B:1*Y*A*Y*Y~\nHL*3**20*1~\nHL*4*3*22*0~\nCLM*C*1***11:B:1*Y*A*Y*Y~\n";
    let body = professional_with(claims)
        .replace("XX*1234567893", "XX*1234567890")
        .replace("951234567", "95-1234567");
    let set = Set::read(Form::Professional, &body);
    let findings: Vec<Vec<String>> = set
        .claims
        .iter()
        .map(|assembled| assembled.findings.iter().map(|found| format!("{} {}", found.check, found.code)).collect())
        .collect();
    let both = vec!["S501 A7:562:85".to_string(), "S703 A7:128:85".to_string()];
    assert_eq!(findings, [both.clone(), both, vec![]]);
    assert_eq!(
        (set.claims[0].claim.billing_provider.npi, set.claims[0].claim.billing_provider.tin),
        (None, None)
    );
}

#[test]
fn bad_values_leave_their_field_empty() {
    let claims = "CLM*A*-5***11:B:1*Y*A*Y*Y~\nAMT*F5*x~\nLX*A~\nSV1*HC:99213*1.234*UN*-1***0:5~\nDTP*472*D8*20251301~\nLX*~\n";
    let set = Set::read(Form::Professional, &professional_with(claims));
    let claim = &set.claims[0].claim;
    assert_eq!((claim.charge, claim.professional().unwrap().patient_paid), (Money::ZERO, None));
    let [first, second] = &claim.lines[..] else { panic!("two lines") };
    assert_eq!((first.number, second.number), (1, 2), "by place when LX01 is no number");
    assert_eq!((first.charge, first.units, first.service.is_none()), (Money::ZERO, Quantity::default(), true));
    assert_eq!(first.professional.diagnosis_pointers, [0, 5, 0, 0], "the second pointer keeps its place");
    assert_eq!((second.at.tag, second.procedure), (crate::position::SegmentTag::of("LX"), None));
}

#[test]
fn segments_without_a_place_change_nothing() {
    let (set, expected) = one(Form::Professional, PROFESSIONAL);
    let mut assembler = Assembler::new(Form::Professional);
    let mut placer = Placer::new(Form::Professional);
    let mut claims = Vec::new();
    for_each_segment(&set.bytes, 4096, |segment| {
        if segment.at.ordinal > 0 {
            let (loop_id, starts_loop) = placer.place(segment);
            // Everything comes a second time, without a place; not what ends or counts claims.
            if !matches!(segment.id(), b"HL" | b"CLM" | b"SE") {
                assert_eq!(assembler.accept(segment, None, false), None);
            }
            claims.extend(assembler.accept(segment, loop_id, starts_loop));
        }
    })
    .unwrap();
    assert_eq!(claims.len(), 1);
    assert_eq!(claims[0].claim, expected);
}

#[test]
fn a_claim_without_a_place_still_ends_the_one_before_it_and_counts() {
    let body = professional_with("CLM*A*1***11:B:1*Y*A*Y*Y~\nCLM*LOST*1***11:B:1*Y*A*Y*Y~\nCLM*C*1***11:B:1*Y*A*Y*Y~\n");
    let bytes = [ISA.as_bytes(), body.as_bytes()].concat();
    let (mut placer, mut assembler, mut claims) = (Placer::new(Form::Professional), Assembler::new(Form::Professional), Vec::new());
    for_each_segment(&bytes, 4096, |segment| {
        if segment.at.ordinal > 0 {
            let (loop_id, starts_loop) = if segment.element(1) == b"LOST" {
                (None, false)
            } else {
                placer.place(segment)
            };
            claims.extend(assembler.accept(segment, loop_id, starts_loop).map(|assembled| assembled.claim.ordinal));
        }
    })
    .unwrap();
    assert_eq!(claims, [1, 3]);
}

#[test]
fn repeats_stay_within_their_limits() {
    let many = |count: usize, text: &str| text.repeat(count);
    let claims = [
        "CLM*A*1***11:A:1**A*Y*Y~\n".into(),
        many(50, "HI*ABF:I10*ABF:I10*BBQ:B2111ZZ*BE:23:::1*BG:09*BG:09~\n"),
        many(40, "NM1*72*1*O~\n"),
        many(20, "SBR*P~\nCAS*CO*1*1**2*1**3*1**4*1**5*1**6*1~\nCAS*CO*1*1**2*1**3*1**4*1**5*1**6*1~\n"),
        many(
            1200,
            "LX*1~\nREF*G1*A~\nREF*G1*A~\nREF*G1*A~\nREF*G1*A~\nREF*G1*A~\nREF*G1*A~\nSV2*0120**x*DA*3~\n",
        ),
        many(20, "SVD*P*1~\n"),
    ]
    .concat();
    let set = Set::read(Form::Institutional, &institutional_with(&claims));
    let Assembled { claim, findings } = &set.claims[0];
    let detail = claim.institutional().unwrap();
    assert_eq!(claim.diagnoses.len(), limits::DIAGNOSES_MAX);
    assert_eq!(
        (detail.procedures.len(), detail.value_codes.len(), detail.codes.len()),
        (limits::PROCEDURES_MAX, 50, limits::NUBC_CODES_MAX)
    );
    assert_eq!(claim.providers.len(), limits::PROVIDERS_MAX);
    assert_eq!(claim.other_payers.len(), limits::OTHER_PAYERS_MAX);
    assert_eq!(claim.other_payers[9].adjustments.len(), 12, "a dropped payer's adjustments are dropped too");
    assert_eq!(claim.lines.len(), limits::INSTITUTIONAL_LINES_MAX);
    assert_eq!(claim.lines[998].authorizations.len(), limits::LINE_AUTHORIZATIONS_MAX);
    assert_eq!(claim.lines[998].other_payers.len(), 0, "they belong to a dropped line");
    assert_eq!(findings.len(), 999);
}

#[test]
fn stored_text_is_bounded_and_utf8() {
    let body = professional_with(&format!("CLM*{}*1***11:B:1*Y*A*Y*Y~\nREF*D9*A\u{e9}~\n", "X".repeat(5000)));
    let mut bytes = [ISA.as_bytes(), body.as_bytes()].concat();
    let accent = bytes.windows(2).position(|pair| pair == "\u{e9}".as_bytes()).unwrap();
    bytes[accent] = 0xff;
    bytes[accent + 1] = b'B';
    let set = Set::read_bytes(Form::Professional, bytes);
    let claim = &set.claims[0].claim;
    assert_eq!(claim.patient_control_number, Phi::new("X".repeat(limits::TEXT_BYTES_MAX).into()));
    assert_eq!(claim.clearinghouse_trace, "A\u{fffd}B");
}

#[test]
fn the_last_claim_survives_a_set_that_is_cut_short() {
    let whole = [ISA, PROFESSIONAL].concat();
    let cut = whole.find("LX*2~").unwrap();
    let set = Set::read_bytes(Form::Professional, whole.as_bytes()[..cut].to_vec());
    assert_eq!((set.claims.len(), set.claims[0].claim.lines.len()), (1, 1));
}

fn located(claim: &Claim) -> Vec<Located<()>> {
    claim.lines.iter().map(|line| Located { value: (), at: line.at }).collect()
}

proptest! {
    /// Noise anywhere, and segments in loops where they don't belong: no panic, and every claim keeps
    /// inside its bytes.
    #[test]
    fn any_noise_ends_without_a_panic(
        institutional: bool,
        noise in proptest::collection::vec(prop_oneof![Just(b'*'), Just(b'~'), Just(b':'), any::<u8>()], 0..40),
        at in 0usize..3000,
        places in proptest::collection::vec((0usize..LoopId::ALL.len(), any::<bool>(), any::<bool>()), 1..60),
    ) {
        let (form, body) = if institutional { (Form::Institutional, INSTITUTIONAL) } else { (Form::Professional, PROFESSIONAL) };
        let mut bytes = [ISA.as_bytes(), body.as_bytes()].concat();
        let at = 106 + at % (bytes.len() - 106);
        bytes.splice(at..at, noise);
        let set = Set::read_bytes(form, bytes.clone());
        for Assembled { claim, .. } in &set.claims {
            for line in located(claim) {
                prop_assert!(claim.bytes.start <= line.at.byte && line.at.range().end <= claim.bytes.end);
            }
        }
        let (mut assembler, mut place) = (Assembler::new(form), places.iter().cycle());
        let mut placer = Placer::new(form);
        let _ = for_each_segment(&bytes, 512, |segment| {
            let (own, own_start) = placer.place(segment);
            let Some((loop_number, starts_loop, astray)) = place.next() else { return };
            let (loop_id, starts_loop) = if *astray { (LoopId::ALL.get(*loop_number).copied(), *starts_loop) } else { (own, own_start) };
            assembler.accept(segment, loop_id, starts_loop);
        });
        assembler.finish();
    }
}
