use claimstream::acks::ack_999::{Acknowledgement, ReceivedGroup, ReceivedSet};
use claimstream::acks::status_277ca::{AnsweredClaim, AnsweredSet, ClaimAcknowledgement, Organisation, ProviderRun, StatusTotals, TotalsDiffer};
use claimstream::acks::ta1::{self, InterchangeVerdict, ReceivedInterchange};
use claimstream::adjudication::decision::{DecisionHead, Rejection};
use claimstream::finding::{Check, ClaimStatus, ElementError, Finding, ReportCode, SegmentError, StatusCategory};
use claimstream::ids::{ControlNumber, Npi, Tin};
use claimstream::loop_id::LoopId;
use claimstream::position::{Position, SegmentPosition, SegmentTag};
use x12_types::util::Parser;
use x12_types::v005010::{_277, _999, Transmission};

use crate::samples::{self, cents, day};

fn position(loop_id: LoopId, tag: &str, ordinal: u32, element: u8) -> Position {
    let segment = SegmentPosition {
        tag: SegmentTag::of(tag),
        ordinal,
        byte: 0,
        length: 0,
    };
    Position {
        element,
        ..Position::of_segment(Some(loop_id), segment)
    }
}

#[test]
fn a_ta1_refuses_a_repeated_interchange() {
    let received = ReceivedInterchange {
        control_number: ControlNumber::new("000000905"),
        date: "260116".into(),
        time: "0800".into(),
    };
    let bytes = ta1::render(&samples::envelope("2026-01-16T10:00:00-08:00"), &received, InterchangeVerdict::Rejected(25));
    crate::assert_golden("repeated-interchange.ta1", &bytes);
}

#[test]
fn a_999_for_a_set_that_goes_on_and_one_that_does_not() {
    let mut acknowledgement = Acknowledgement::open(&samples::envelope("2026-01-16T10:00:00-08:00"));
    let group = ReceivedGroup {
        functional_id: "HC".into(),
        control_number: ControlNumber::new("905"),
        version: "005010X222A1".into(),
        included_sets: Some(3),
    };
    let inside_a_claim = [
        Finding::new(
            Check::S202,
            ReportCode::Element(ElementError::InvalidCode),
            Position {
                component: 2,
                ..position(LoopId::L2300, "CLM", 22, 5)
            },
        ),
        Finding::new(
            Check::S208,
            ReportCode::Segment(SegmentError::RequiredMissing),
            position(LoopId::L2400, "DTP", 27, 0),
        ),
    ];
    let of_the_set = [Finding::new(Check::S108, ReportCode::Set(4), position(LoopId::Trailer, "SE", 40, 1))];
    let sets: [(&str, bool, &[Finding]); 3] = [("0001", false, &[]), ("0002", false, &inside_a_claim), ("0003", true, &of_the_set)];
    let mut bytes = acknowledgement.begin_group(&group);
    for (control_number, is_rejected, findings) in sets {
        bytes.extend(acknowledgement.set(&ReceivedSet {
            has_rejected_claims: false,
            set_id: "837",
            control_number: &ControlNumber::new(control_number),
            version: "005010X222A1",
            is_rejected,
            findings,
        }));
    }
    bytes.extend(acknowledgement.end_group(&[]));
    bytes.extend(acknowledgement.close());
    crate::assert_golden("accepted-with-errors-and-rejected.999", &bytes);

    let text = String::from_utf8(bytes).unwrap();
    let (rest, read) = Transmission::<_999>::parse(&text).unwrap();
    assert_eq!((rest, read.functional_group[0].segments[0].loop_ak2.len()), ("", 3));
}

/// Rejected: a member whom nobody knows, a bad line, a syntax error told by the 999.
fn rejections() -> [Rejection; 3] {
    use StatusCategory::{A3, A7};
    let claim = |ordinal: u32, findings: Vec<Finding>| {
        let mut echo = samples::echo(
            &format!("PCN010{ordinal}"),
            "91234569D",
            ("NOBODY", "JO"),
            vec![samples::line(1, "99213", 10_000, "2026-01-05"), samples::line(2, "93000", 20_000, "2026-01-06")],
        );
        echo.billing_last = "OTHER CLINIC".into();
        echo.billing_npi = Some(Npi::parse(b"1093817462").unwrap());
        samples::rejection(ordinal, echo, findings)
    };
    let status = |status: ClaimStatus| Finding::status(Check::S702, status, position(LoopId::L2010BA, "NM1", 8, 9));
    let mut without_anything = claim(
        7,
        vec![Finding::new(
            Check::S201,
            ReportCode::Element(ElementError::RequiredMissing),
            position(LoopId::L2010BA, "NM1", 8, 9),
        )],
    );
    without_anything.echo.dates = None;
    without_anything.echo.member_id = Default::default();
    without_anything.echo.patient_last = Default::default();
    without_anything.echo.patient_control_number = Default::default();
    [
        claim(5, vec![status(ClaimStatus::new(A3, 33).of("IL"))]),
        claim(
            6,
            vec![
                status(ClaimStatus::new(A7, 400).and(178)),
                status(ClaimStatus::new(A7, 507)).on_line(2),
                status(ClaimStatus::new(A7, 453)).on_line(2),
            ],
        ),
        without_anything,
    ]
}

fn totals(claims: &[AnsweredClaim<'_>]) -> StatusTotals {
    claims.iter().fold(StatusTotals::default(), |mut totals, claim| {
        totals.add(claim);
        totals
    })
}

fn write(runs: &[Vec<AnsweredClaim<'_>>], set_totals: StatusTotals) -> Result<Vec<u8>, TotalsDiffer> {
    let payer = Organisation {
        name: "CALOPTIMA HEALTH".into(),
        id: "CALOP".into(),
    };
    let mut acknowledgement = ClaimAcknowledgement::open(&samples::envelope("2026-01-16T10:00:00-08:00"), payer);
    let mut bytes = acknowledgement.begin_set(&AnsweredSet {
        reference: "CALACK0001".into(),
        submitter: Organisation {
            name: "OFFICE ALLY".into(),
            id: "330897513".into(),
        },
        batch: "BATCH0001".into(),
        received_on: day("2026-01-16"),
        processed_on: day("2026-01-16"),
        totals: set_totals,
    });
    for run in runs {
        let echo = match run[0] {
            AnsweredClaim::Accepted(decision) => &decision.echo,
            AnsweredClaim::Rejected(rejection) => &rejection.echo,
        };
        bytes.extend(acknowledgement.begin_provider(&ProviderRun::of(echo, totals(run)))?);
        for claim in run {
            bytes.extend(acknowledgement.claim(claim));
        }
    }
    bytes.extend(acknowledgement.end_set()?);
    bytes.extend(acknowledgement.close());
    Ok(bytes)
}

#[test]
fn a_277ca_lists_every_claim_under_its_provider() {
    let decisions: [DecisionHead; 2] = [samples::one_line_late().into(), samples::inpatient().into()];
    let rejections = rejections();
    let accepted: Vec<AnsweredClaim<'_>> = decisions.iter().map(AnsweredClaim::Accepted).collect();
    let rejected: Vec<AnsweredClaim<'_>> = rejections.iter().map(AnsweredClaim::Rejected).collect();
    let all: Vec<AnsweredClaim<'_>> = accepted.iter().chain(&rejected).copied().collect();
    let bytes = write(&[accepted.clone(), rejected.clone(), accepted], {
        let mut totals = totals(&all);
        totals.accepted *= 2;
        totals.accepted_amount += totals.accepted_amount;
        totals
    })
    .unwrap();
    crate::assert_golden("accepted-and-rejected-claims.277ca", &bytes);
    assert!(Transmission::<_277>::parse(std::str::from_utf8(&bytes).unwrap()).is_ok());
}

#[test]
fn a_billing_provider_without_npi_is_named_by_its_tin() {
    let rejection = &mut rejections()[0];
    rejection.echo.billing_npi = None;
    rejection.echo.billing_tin = Some("951234567".parse::<Tin>().unwrap());
    let run = vec![AnsweredClaim::Rejected(rejection)];
    let text = String::from_utf8(write(std::slice::from_ref(&run), totals(&run)).unwrap()).unwrap();
    assert!(text.contains("NM1*85*2*OTHER CLINIC*****FI*951234567~"), "{text}");
}

#[test]
fn totals_that_do_not_come_out_are_refused() {
    let decision: DecisionHead = samples::one_line_late().into();
    let run = vec![AnsweredClaim::Accepted(&decision)];
    let mut announced = totals(&run);
    announced.rejected = 1;
    announced.rejected_amount = cents(500);
    let refused = write(std::slice::from_ref(&run), announced);
    assert_eq!(
        refused,
        Err(TotalsDiffer {
            level: "the set",
            found: 1,
            expected: 2,
            difference: cents(-500)
        })
    );
}
