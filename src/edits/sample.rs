//! Clean claims for the tests of this room, and the table that changes one thing at a time.

use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime};

use super::{EditContext, edit};
use crate::claim::diagnosis::{Diagnosis, DiagnosisKind, ValueCode};
use crate::claim::institutional::InstitutionalClaim;
use crate::claim::other_payer::{InboundAdjustment, LineAdjudication, OtherPayer};
use crate::claim::party::{Address, BillingProvider, Name, Provider, ProviderRole, Subscriber};
use crate::claim::professional::{ProfessionalClaim, ProfessionalLine};
use crate::claim::service_line::ServiceLine;
use crate::claim::{Claim, ClaimDetail, Located};
use crate::finding::{Finding, ReportCode};
use crate::ids::{Carc, Cin, DiagnosisCode, Form, Modifier, Npi, NubcCode, PlaceOfService, ProcedureCode, Qualifier, RevenueCode, Taxonomy, Tin};
use crate::money::{Money, Quantity};
use crate::phi::Phi;
use crate::position::{ByteRange, SegmentPosition, SegmentTag};
use crate::tables::reasons::AdjustmentGroup;
use crate::x12::element::DateRange;

/// The day on which every sample claim arrives.
pub(super) const RECEIVED: NaiveDate = NaiveDate::from_ymd_opt(2025, 3, 1).unwrap();

/// What a row does to a clean claim.
pub(super) type Change = fn(&mut Claim);

/// Each row: what it shows, the one change to the clean claim, the findings that follow.
pub(super) fn check_rows(clean: fn() -> Claim, rows: &[(&str, Change, &str)]) {
    check_rows_in(&EditContext::unenforced(RECEIVED), clean, rows);
}

/// As [`check_rows`], under another context.
pub(super) fn check_rows_in(context: &EditContext<'_>, clean: fn() -> Claim, rows: &[(&str, Change, &str)]) {
    for (shows, change, expected) in rows {
        let mut claim = clean();
        change(&mut claim);
        assert_eq!(rendered(&edit(&claim, context)), *expected, "{shows}");
    }
}

/// `S301 A7:400+178 2300 CLM02 line 1`, joined by `; `.
pub(super) fn rendered(findings: &[Finding]) -> String {
    let render = |finding: &Finding| {
        let position = finding.position;
        let loop_id = position.loop_id.unwrap();
        let place = position.element_name().unwrap_or(position.segment.to_string());
        let second = match finding.code {
            ReportCode::Status(status) => status.second.map(|second| format!("+{second}")).unwrap_or_default(),
            _ => panic!("a claim status"),
        };
        let line = finding.line.map(|line| format!(" line {line}")).unwrap_or_default();
        format!("{} {}{second} {loop_id} {place}{line}", finding.check, finding.code)
    };
    findings.iter().map(render).collect::<Vec<_>>().join("; ")
}

pub(super) fn at(tag: &str) -> SegmentPosition {
    SegmentPosition {
        tag: SegmentTag::of(tag),
        ordinal: 10,
        byte: 1000,
        length: 20,
    }
}

pub(super) fn code(text: &str) -> Option<Qualifier> {
    Qualifier::parse(text.as_bytes()).ok()
}

pub(super) fn procedure(text: &str) -> Option<ProcedureCode> {
    ProcedureCode::parse(text.as_bytes()).ok()
}

pub(super) fn revenue(text: &str) -> Option<RevenueCode> {
    RevenueCode::parse(text.as_bytes()).ok()
}

pub(super) fn modifier(text: &str) -> Option<Modifier> {
    Modifier::parse(text.as_bytes()).ok()
}

pub(super) fn date((year, month, day): (i32, u32, u32)) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(year, month, day)
}

pub(super) fn span(from: (i32, u32, u32), through: (i32, u32, u32)) -> Located<DateRange> {
    Located {
        value: DateRange {
            from: date(from).unwrap(),
            through: date(through).unwrap(),
        },
        at: at("DTP"),
    }
}

pub(super) fn day(day: (i32, u32, u32)) -> Located<DateRange> {
    span(day, day)
}

pub(super) fn diagnosis(kind: DiagnosisKind, code: &str) -> Diagnosis {
    Diagnosis {
        at: at("HI"),
        element: 1,
        kind,
        code: Phi::new(DiagnosisCode::parse(code.as_bytes()).unwrap()),
        is_icd9: false,
        present_on_admission: None,
    }
}

pub(super) fn provider(role: ProviderRole) -> Provider {
    Provider {
        at: at("NM1"),
        role,
        name: Name::default(),
        npi: Npi::parse(b"1234567893").ok(),
        taxonomy: Taxonomy::parse(b"207RC0000X").ok(),
    }
}

pub(super) fn value_code(code: &str, amount: i64) -> ValueCode {
    ValueCode {
        at: at("HI"),
        code: NubcCode::parse(code.as_bytes()).unwrap(),
        amount: Money::from_cents(amount * 100),
    }
}

pub(super) fn adjustment(reason: &str, cents: i64) -> InboundAdjustment {
    InboundAdjustment {
        at: at("CAS"),
        group: Some(AdjustmentGroup::ContractualObligation),
        reason: Carc::parse(reason.as_bytes()).ok(),
        amount: Money::from_cents(cents),
    }
}

pub(super) fn institutional_detail(claim: &mut Claim) -> &mut InstitutionalClaim {
    match &mut claim.detail {
        ClaimDetail::Institutional(detail) => detail,
        ClaimDetail::Professional(_) => panic!("an institutional claim"),
    }
}

/// An office visit and an electrocardiogram: 150.00 + 75.00.
pub(super) fn professional() -> Claim {
    let line = |number, text, cents, pointers| ServiceLine {
        number,
        at: at("SV1"),
        procedure: procedure(text),
        charge: Money::from_cents(cents),
        units: Quantity::ONE,
        service: Some(day((2025, 1, 20))),
        professional: ProfessionalLine {
            diagnosis_pointers: pointers,
            ..ProfessionalLine::default()
        },
        ..ServiceLine::default()
    };
    Claim {
        detail: ClaimDetail::Professional(ProfessionalClaim {
            place_of_service: PlaceOfService::parse(b"11").ok(),
            ..ProfessionalClaim::default()
        }),
        lines: vec![line(1, "99214", 15000, [1, 2, 0, 0]), line(2, "93000", 7500, [2, 0, 0, 0])],
        providers: vec![provider(ProviderRole::Rendering)],
        ..header(Form::Professional, 22500)
    }
}

/// [`professional`] after another payer that paid the visit in part: 100.00, 50.00 adjusted on the
/// line and 75.00 on the claim.
pub(super) fn secondary() -> Claim {
    let mut claim = professional();
    Arc::make_mut(&mut claim.subscriber).payer_responsibility = code("S");
    claim.other_payers = vec![OtherPayer {
        at: at("SBR"),
        payer_responsibility: code("P"),
        adjustments: vec![adjustment("1", 7500)],
        paid: Some(Money::from_cents(10000)),
        payer_id: "FIRST".into(),
        adjudicated_on: date((2025, 2, 1)),
        ..OtherPayer::default()
    }];
    claim.lines[0].other_payers = vec![LineAdjudication {
        at: at("SVD"),
        payer_id: "FIRST".into(),
        paid: Money::from_cents(10000),
        adjustments: vec![adjustment("45", 5000)],
        adjudicated_on: date((2025, 2, 1)),
        ..LineAdjudication::default()
    }];
    claim
}

/// Three days in hospital through the emergency department: 6,000.00 + 3,000.00.
pub(super) fn institutional() -> Claim {
    let room = ServiceLine {
        number: 1,
        at: at("SV2"),
        revenue: revenue("0120"),
        charge: Money::from_cents(600_000),
        units: Quantity::whole(3),
        ..ServiceLine::default()
    };
    let emergency = ServiceLine {
        number: 2,
        revenue: revenue("0450"),
        procedure: procedure("99285"),
        charge: Money::from_cents(300_000),
        units: Quantity::ONE,
        service: Some(day((2025, 1, 1))),
        ..room.clone()
    };
    let mut principal = diagnosis(DiagnosisKind::Principal, "I214");
    principal.present_on_admission = code("Y");
    Claim {
        detail: ClaimDetail::Institutional(Box::new(InstitutionalClaim {
            facility_type: code("11"),
            statement: Some(span((2025, 1, 1), (2025, 1, 4))),
            admission: Some(Located {
                value: date((2025, 1, 1)).unwrap(),
                at: at("DTP"),
            }),
            discharge_hour: NaiveTime::from_hms_opt(11, 30, 0),
            admission_codes_at: at("CL1"),
            admission_type: code("1"),
            admission_source: code("1"),
            patient_status: code("01"),
            value_codes: vec![value_code("80", 3), value_code("23", 50)],
            ..InstitutionalClaim::default()
        })),
        diagnoses: vec![principal, diagnosis(DiagnosisKind::Admitting, "I214")],
        lines: vec![room, emergency],
        providers: vec![provider(ProviderRole::Attending)],
        ..header(Form::Institutional, 900_000)
    }
}

/// A scheduled outpatient test: 89.95.
pub(super) fn outpatient() -> Claim {
    let line = ServiceLine {
        number: 1,
        at: at("SV2"),
        revenue: revenue("0730"),
        procedure: procedure("93010"),
        charge: Money::from_cents(8995),
        units: Quantity::ONE,
        service: Some(day((2025, 1, 20))),
        ..ServiceLine::default()
    };
    Claim {
        detail: ClaimDetail::Institutional(Box::new(InstitutionalClaim {
            facility_type: code("13"),
            statement: Some(day((2025, 1, 20))),
            admission_codes_at: at("CL1"),
            admission_type: code("3"),
            patient_status: code("01"),
            ..InstitutionalClaim::default()
        })),
        lines: vec![line],
        providers: vec![provider(ProviderRole::Attending)],
        ..header(Form::Institutional, 8995)
    }
}

fn header(form: Form, cents: i64) -> Claim {
    Claim {
        form,
        ordinal: 1,
        bytes: ByteRange::new(1000, 2000),
        at: at("CLM"),
        billing_provider: Arc::new(billing_provider()),
        subscriber: Arc::new(subscriber()),
        patient: None,
        patient_control_number: Phi::new("PCN1".into()),
        charge: Money::from_cents(cents),
        frequency: code("1"),
        delay_reason: None,
        prior_authorization: None,
        referral: None,
        original_claim: None,
        authorization_exception: None,
        clearinghouse_trace: "".into(),
        has_clia: false,
        has_attachment: false,
        attachment_without_control: None,
        has_note: false,
        diagnoses: vec![diagnosis(DiagnosisKind::Principal, "E119"), diagnosis(DiagnosisKind::Other, "I10")],
        providers: Vec::new(),
        other_payers: Vec::new(),
        detail: ClaimDetail::Professional(ProfessionalClaim::default()),
        lines: Vec::new(),
        text: Default::default(),
    }
}

fn billing_provider() -> BillingProvider {
    BillingProvider {
        at: at("NM1"),
        npi: Npi::parse(b"1234567893").ok(),
        tin: Tin::parse(b"951234567").ok(),
        taxonomy: Taxonomy::parse(b"207Q00000X").ok(),
        address: Address {
            street: "100 MAIN ST".into(),
            city: "ORANGE".into(),
            state: "CA".into(),
            zip: "928680000".into(),
        },
        street_at: at("N3"),
        city_at: at("N4"),
        ..BillingProvider::default()
    }
}

fn subscriber() -> Subscriber {
    Subscriber {
        at: at("SBR"),
        payer_responsibility: code("P"),
        is_patient: true,
        filing_indicator: code("MC"),
        name_at: at("NM1"),
        member_id: Phi::new("91234567A".into()),
        cin: Cin::parse(b"91234567A").ok().map(Phi::new),
        address: Phi::new(Address {
            street: "1 TEST AVE".into(),
            city: "SANTA ANA".into(),
            state: "CA".into(),
            zip: "92701".into(),
        }),
        city_at: at("N4"),
        birth_date: date((1990, 2, 14)).map(Phi::new),
        sex: code("F").map(Phi::new),
        payer_at: at("NM1"),
        payer_id: "CALOP".into(),
        ..Subscriber::default()
    }
}
