//! Synthetic decisions to answer.

use chrono::NaiveDate;
use claimstream::adjudication::adjustment::Adjustment;
use claimstream::adjudication::decision::{ClaimSource, Decision, Rejection};
use claimstream::adjudication::determination::{Aside, Determination, LineDetermination};
use claimstream::adjudication::facts::{Facts, Receipt};
use claimstream::adjudication::trace::Rule;
use claimstream::claim::echo::{ClaimEcho, LineEcho};
use claimstream::clock::Timestamp;
use claimstream::finding::Finding;
use claimstream::ids::*;
use claimstream::money::{Money, Quantity};
use claimstream::phi::Phi;
use claimstream::position::ByteRange;
use claimstream::remittance::payment_batch::{BankAccount, Payee, Payer, PaymentMethod};
use claimstream::tables::reasons::AdjustmentGroup;
use claimstream::x12::element::DateRange;
use claimstream::x12::outgoing::{Envelope, Usage};

pub const CLINIC: &str = "1234567893";

pub fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub fn cents(cents: i64) -> Money {
    Money::from_cents(cents)
}

pub fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

pub fn envelope(created: &str) -> Envelope {
    Envelope {
        sender: "ZZ:CALOP".parse().unwrap(),
        receiver: "ZZ:330897513".parse().unwrap(),
        interchange_control: 1,
        group_control: 1,
        usage: Usage::Test,
        created_at: at(created),
        zone: chrono_tz::America::Los_Angeles,
    }
}

fn account(routing: &str, account: &str) -> BankAccount {
    BankAccount {
        routing: Phi::new(routing.into()),
        account: Phi::new(account.into()),
    }
}

pub fn payer() -> Payer {
    Payer {
        name: "CALOPTIMA HEALTH".into(),
        tin: "330123456".parse().unwrap(),
        id: "CALOP".into(),
        street: "505 CITY PARKWAY WEST".into(),
        city: "ORANGE".into(),
        state: "CA".into(),
        zip: "92868".into(),
        contact_name: "EDI".into(),
        contact_phone: "7142468600".into(),
        web_site: Some("www.payer.example/disputes".into()),
        bank: Some(account("121000248", "1234567")),
    }
}

pub fn payee() -> Payee {
    Payee {
        npi: Npi::parse(CLINIC.as_bytes()).unwrap(),
        tin: Some("951234567".parse().unwrap()),
        name: "SAMPLE FAMILY CLINIC".into(),
        payment: PaymentMethod::Ach(account("121000358", "7654321")),
    }
}

pub fn adjustment(group: AdjustmentGroup, carc: &str, amount: i64) -> Adjustment {
    Adjustment::new(group, carc.parse().unwrap(), cents(amount))
}

pub fn line(number: u16, procedure: &str, charge: i64, service: &str) -> LineEcho {
    LineEcho {
        number,
        procedure: Some(procedure.parse().unwrap()),
        modifiers: [None; 4],
        revenue: None,
        charge: cents(charge),
        units: Quantity::ONE,
        service: Some(DateRange::day(day(service))),
        control_number: format!("L{number}").into(),
    }
}

pub fn echo(control_number: &str, member: &str, name: (&str, &str), lines: Vec<LineEcho>) -> ClaimEcho {
    let days = || lines.iter().filter_map(|line| line.service);
    ClaimEcho {
        form: Form::Professional,
        patient_control_number: Phi::new(control_number.into()),
        charge: lines.iter().map(|line| line.charge).sum(),
        facility: "11".into(),
        frequency: Some("1".parse::<Qualifier>().unwrap()),
        member_id: Phi::new(member.into()),
        patient_last: Phi::new(name.0.into()),
        patient_first: Phi::new(name.1.into()),
        patient_middle: Phi::default(),
        billing_npi: Some(Npi::parse(CLINIC.as_bytes()).unwrap()),
        billing_tin: Some("951234567".parse().unwrap()),
        billing_last: "SAMPLE FAMILY CLINIC".into(),
        billing_first: "".into(),
        rendering_npi: Some(Npi::parse(b"1093817462").unwrap()),
        rendering_last: "DOCTOR".into(),
        rendering_first: "DANA".into(),
        dates: days()
            .map(|day| day.from)
            .min()
            .zip(days().map(|day| day.through).max())
            .map(|(from, through)| DateRange { from, through }),
        prior_authorization: None,
        original_claim: None,
        clearinghouse_trace: "".into(),
        drg: None,
        lines,
    }
}

fn source(ordinal: u32) -> ClaimSource {
    ClaimSource {
        file: FileDigest::from_bytes([7; 32]),
        partner: PartnerId::new("officeally"),
        isa13: ControlNumber::new("000000905"),
        gs06: ControlNumber::new("905"),
        st02: ControlNumber::new("0001"),
        st_byte: 180,
        ordinal,
        bytes: ByteRange::new(1000, 2000),
    }
}

pub fn decision(ordinal: u32, echo: ClaimEcho, determination: Determination) -> Decision {
    Decision {
        claim_id: source(ordinal).claim_id(),
        version: 1,
        source: source(ordinal),
        payer_claim_number: PayerClaimNumber::new(format!("CALP2600000{ordinal}")),
        received_at: at("2026-01-16T08:00:00-08:00"),
        decided_at: at("2026-01-16T09:00:00-08:00"),
        receipt: Receipt {
            received_on: day("2026-01-16"),
            is_encounter: false,
        },
        member_token: Token::from_bytes([1; 16]),
        pcn_token: Token::from_bytes([2; 16]),
        echo,
        facts: Facts::default(),
        determination,
        suspicions: Vec::new(),
        findings: Vec::new(),
        rules: ContentDigest::from_bytes([3; 32]),
        refdata: ContentDigest::from_bytes([4; 32]),
    }
}

pub fn rejection(ordinal: u32, echo: ClaimEcho, findings: Vec<Finding>) -> Rejection {
    Rejection {
        claim_id: source(ordinal).claim_id(),
        source: source(ordinal),
        received_at: at("2026-01-16T08:00:00-08:00"),
        decided_at: at("2026-01-16T09:00:00-08:00"),
        member_token: Token::from_bytes([1; 16]),
        pcn_token: Token::from_bytes([2; 16]),
        echo,
        findings,
    }
}

/// DOMAIN L: a visit paid by the fee schedule and a late one.
pub fn one_line_late() -> Decision {
    let mut echo = echo(
        "PCN0001",
        "91234567A",
        ("TESTMEMBER", "ANA"),
        vec![line(1, "99214", 15000, "2025-01-20"), line(2, "93000", 7500, "2025-01-10")],
    );
    echo.prior_authorization = Some(AuthorizationNumber::new("AUTH123456"));
    echo.clearinghouse_trace = "OA0000000001".into();
    let lines = vec![
        LineDetermination::paid(
            1,
            cents(15000),
            cents(12205),
            cents(12205),
            Quantity::ONE,
            vec![adjustment(AdjustmentGroup::ContractualObligation, "45", 2795)],
            Rule::FeeSchedule,
        )
        .unwrap(),
        LineDetermination::denied(
            2,
            cents(7500),
            adjustment(AdjustmentGroup::ContractualObligation, "29", 0).with_remark("N210".parse().unwrap()),
            Rule::TimelyFiling,
        ),
    ];
    decision(1, echo, Determination::new(cents(22500), lines, Aside::default()).unwrap())
}

/// An inpatient claim without line dates, paid with a share of cost, its last line cut by other payers.
pub fn inpatient() -> Decision {
    let mut room = line(1, "00000", 900_000, "2026-01-02");
    (room.procedure, room.revenue, room.service, room.units) = (None, Some("0120".parse().unwrap()), None, Quantity::whole(3));
    let mut drug = line(2, "J0696", 10_000, "2026-01-02");
    (drug.revenue, drug.service, drug.units) = (Some("0636".parse().unwrap()), None, Quantity::whole(4));
    drug.modifiers = [Some("JW".parse().unwrap()), None, None, None];
    let mut echo = echo("PCN0002", "91234569D", ("MEMBER", "BO"), vec![room, drug]);
    echo.form = Form::Institutional;
    echo.dates = Some(DateRange {
        from: day("2026-01-02"),
        through: day("2026-01-05"),
    });
    (echo.facility, echo.drg) = ("11".into(), Some("194".parse().unwrap()));
    use AdjustmentGroup::*;
    let lines = vec![
        LineDetermination::paid(
            1,
            cents(900_000),
            cents(600_000),
            cents(595_000),
            Quantity::whole(3),
            vec![
                adjustment(PatientResponsibility, "142", 5_000),
                adjustment(ContractualObligation, "45", 300_000).with_remark("N842".parse().unwrap()),
            ],
            Rule::FeeSchedule,
        )
        .unwrap(),
        LineDetermination::paid(
            2,
            cents(10_000),
            cents(4_000),
            cents(1_000),
            Quantity::whole(2),
            vec![
                adjustment(ContractualObligation, "45", 4_000),
                adjustment(OtherAdjustment, "23", 3_000),
                adjustment(ContractualObligation, "222", 2_000).with_quantity(Quantity::whole(2)),
            ],
            Rule::Coordination,
        )
        .unwrap(),
    ];
    decision(2, echo, Determination::new(cents(910_000), lines, Aside::default()).unwrap())
}

/// A claim of another network, sent on.
pub fn forwarded() -> Decision {
    let echo = echo("PCN0003", "91234560C", ("MEMBER", "CY"), vec![line(1, "99213", 9_000, "2026-01-05")]);
    let lines = vec![LineDetermination::forwarded(
        1,
        cents(9_000),
        adjustment(AdjustmentGroup::ContractualObligation, "B11", 0),
    )];
    let aside = Aside {
        forward_to: Some("PROSPECT".into()),
        ..Aside::default()
    };
    decision(3, echo, Determination::new(cents(9_000), lines, aside).unwrap())
}

/// A claim denied whole with one reason.
pub fn denied(carc: &str) -> Decision {
    let echo = echo("PCN0004", "91234561E", ("MEMBER", "DI"), vec![line(1, "99213", 9_000, "2026-01-05")]);
    let reason = adjustment(AdjustmentGroup::ContractualObligation, carc, 0);
    let lines = vec![LineDetermination::denied(1, cents(9_000), reason, Rule::Eligibility)];
    decision(4, echo, Determination::new(cents(9_000), lines, Aside::default()).unwrap())
}
