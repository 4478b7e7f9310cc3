use claimstream::adjudication::adjustment::Adjustment;
use claimstream::adjudication::decision::{Decision, ReversalReason};
use claimstream::adjudication::determination::{Aside, Determination, LineDetermination};
use claimstream::adjudication::trace::Rule;
use claimstream::ids::TraceNumber;
use claimstream::money::{Money, Quantity};
use claimstream::remittance::balance;
use claimstream::remittance::payment_batch::{Balances, PaymentMethod, PaymentTotals, RemittedClaim};
use claimstream::remittance::prompt_pay::interest;
use claimstream::remittance::writer_835::{Remittance, RemittanceError, RemittanceHeader};
use claimstream::tables::reasons::AdjustmentGroup;
use claimstream::tables::rules::RulePack;
use proptest::prelude::*;
use x12_types::util::Parser;
use x12_types::v005010::{_835, Transmission};

use crate::samples::{self, cents, day};

/// Writes all claims to one payee, paid by ACH or by cheque.
fn write(claims: &[RemittedClaim<'_>], by_check: bool, announced: PaymentTotals) -> Result<Vec<u8>, RemittanceError> {
    write_with(claims, by_check, announced, Balances::default())
}

fn write_with(claims: &[RemittedClaim<'_>], by_check: bool, announced: PaymentTotals, balances: Balances<'_>) -> Result<Vec<u8>, RemittanceError> {
    let (envelope, payer, mut payee) = (samples::envelope("2026-02-19T09:30:00-08:00"), samples::payer(), samples::payee());
    if by_check {
        payee.payment = PaymentMethod::Check;
    }
    let header = RemittanceHeader {
        envelope: &envelope,
        payer: &payer,
        payee: &payee,
        trace: &TraceNumber::new("EFT0000001"),
        pay_date: day("2026-02-20"),
        produced_on: day("2026-02-19"),
        totals: announced,
        balances,
    };
    let mut remittance = Remittance::begin(&header)?;
    let mut bytes = Vec::new();
    for claim in claims {
        bytes.extend(remittance.claim(claim)?);
    }
    bytes.extend(remittance.end()?);
    Ok(bytes)
}

fn write_balanced(claims: &[RemittedClaim<'_>], by_check: bool) -> Vec<u8> {
    let bytes = write(claims, by_check, claims.iter().copied().collect()).unwrap();
    let report = balance::check(&bytes).unwrap();
    assert!(report.is_balanced(), "{:?}", report.findings);
    bytes
}

fn on_time(decision: &Decision) -> RemittedClaim<'_> {
    RemittedClaim {
        decision,
        interest: Money::ZERO,
        reversed: None,
    }
}

#[test]
fn a_late_payment_by_ach_carries_its_interest() {
    let decision = samples::one_line_late();
    let owed = interest(
        decision.determination.paid(),
        decision.receipt.received_on,
        day("2026-02-20"),
        &RulePack::embedded().unwrap().prompt_pay,
    );
    let bytes = write_balanced(
        &[RemittedClaim {
            decision: &decision,
            interest: owed,
            reversed: None,
        }],
        false,
    );
    crate::assert_golden("late-payment-by-ach.835", &bytes);
}

#[test]
fn every_kind_of_claim_on_one_cheque() {
    let decisions = [
        samples::one_line_late(),
        samples::inpatient(),
        samples::forwarded(),
        samples::denied("31"),
        samples::denied("27"),
    ];
    let claims: Vec<RemittedClaim<'_>> = decisions.iter().map(on_time).collect();
    crate::assert_golden("every-kind-of-claim-by-check.835", &write_balanced(&claims, true));
}

/// DOMAIN F4 and F5: the reversal first, its signs turned, then what corrects it; what the payment is short
/// of goes to the next one.
#[test]
fn a_reversal_stands_before_its_correction_and_no_payment_is_negative() {
    let (stay, visit, denied) = (samples::inpatient(), samples::one_line_late(), samples::denied("27"));
    let reversed = |decision, reason| RemittedClaim {
        reversed: Some(reason),
        ..on_time(decision)
    };
    let claims = [
        reversed(&visit, ReversalReason::Replacement),
        on_time(&denied),
        reversed(&stay, ReversalReason::Void),
    ];
    let totals: PaymentTotals = claims.iter().copied().collect();
    assert_eq!(totals.payment, -(visit.determination.paid() + stay.determination.paid()));
    let short = |balances| write_with(&claims, true, totals, balances);
    assert_eq!(short(Balances::default()), Err(RemittanceError::NegativePayment(totals.payment)));
    let trace = TraceNumber::new("EFT0000000");
    let bytes = short(Balances {
        forwarded: -totals.payment,
        ..Balances::default()
    })
    .unwrap();
    assert!(balance::check(&bytes).unwrap().is_balanced());
    crate::assert_golden("reversals-and-a-balance-forward.835", &bytes);

    // The next one collects what it can.
    let claims = [on_time(&visit)];
    let balances = Balances {
        collected: cents(2_205),
        collected_from: Some(&trace),
        ..Balances::default()
    };
    let text = String::from_utf8(write_with(&claims, true, claims.iter().copied().collect(), balances).unwrap()).unwrap();
    assert!(balance::check(text.as_bytes()).unwrap().is_balanced());
    assert!(text.contains("BPR*I*100*C*CHK"), "{text}");
    assert!(text.contains("PLB*1234567893*20261231*FB:EFT0000000*22.05~"), "{text}");
}

#[test]
fn nothing_paid_is_a_notification() {
    let decision = samples::denied("29");
    crate::assert_golden("nothing-paid.835", &write_balanced(&[on_time(&decision)], false));
}

/// MOA of a visit and MIA of a stay, each remark in its place; both balance, and the other reader reads them.
#[test]
fn what_is_said_of_a_claim_as_a_whole() {
    for (mut decision, segment) in [
        (samples::one_line_late(), "MOA***MA59*N861~"),
        (samples::inpatient(), "MIA*0****MA59***************N861~"),
    ] {
        let old = &decision.determination;
        let aside = Aside {
            remarks: ["MA59", "N861"].map(|remark| remark.parse().unwrap()).into(),
            ..Aside::default()
        };
        decision.determination = Determination::new(old.charge(), old.lines().to_vec(), aside).unwrap();
        let text = String::from_utf8(write_balanced(&[on_time(&decision)], true)).unwrap();
        assert_eq!(text.lines().filter(|line| *line == segment).count(), 1, "{text}");
        let (rest, read) = Transmission::<_835>::parse(&text).unwrap();
        assert_eq!((rest, read.to_string()), ("", text.clone()));
    }
}

/// CLP02: secondary after one other payer, tertiary after more, primary where none took anything off.
#[test]
fn the_payers_before_make_the_claim_status() {
    for (carc, payers_before, status) in [("23", 1, "*2*"), ("23", 2, "*3*"), ("23", 3, "*3*"), ("45", 2, "*1*")] {
        let mut decision = samples::one_line_late();
        let (charge, paid, taken) = (cents(22_500), cents(12_205), 10_295);
        let group = if carc == "23" {
            AdjustmentGroup::OtherAdjustment
        } else {
            AdjustmentGroup::ContractualObligation
        };
        let adjustments = vec![samples::adjustment(group, carc, taken)];
        let line = LineDetermination::paid(1, charge, charge, paid, Quantity::ONE, adjustments, Rule::FeeSchedule).unwrap();
        let aside = Aside {
            payers_before,
            ..Aside::default()
        };
        decision.determination = Determination::new(charge, vec![line], aside).unwrap();
        let text = String::from_utf8(write_balanced(&[on_time(&decision)], true)).unwrap();
        let claim = text.lines().find(|line| line.starts_with("CLP*")).unwrap();
        assert!(claim.contains(&format!("{status}225*122.05*")), "{carc} {payers_before}: {claim}");
    }
}

#[test]
fn what_does_not_belong_is_refused() {
    let good = samples::one_line_late();
    let announced: PaymentTotals = [on_time(&good)].into_iter().collect();

    let mut foreign = good.clone();
    foreign.echo.billing_npi = Some(claimstream::ids::Npi::parse(b"1093817462").unwrap());
    assert_eq!(write(&[on_time(&foreign)], false, announced), Err(RemittanceError::OtherPayee(good.claim_id)));

    let mut pended = good.clone();
    let lines = vec![LineDetermination::pended(1, cents(22_500), Rule::Routing)];
    pended.determination = Determination::new(cents(22_500), lines, Aside::default()).unwrap();
    assert!(matches!(write(&[on_time(&pended)], false, announced), Err(RemittanceError::NotRemitted { .. })));

    let twice = write(&[on_time(&good), on_time(&good)], false, announced);
    assert_eq!(
        twice,
        Err(RemittanceError::TotalsDiffer {
            difference: cents(12_205),
            claims: 2,
            expected: 1
        })
    );
}

#[test]
fn thirteen_late_claims_need_three_provider_adjustments() {
    let decision = samples::one_line_late();
    let claims = [RemittedClaim {
        decision: &decision,
        interest: cents(25),
        reversed: None,
    }; 13];
    let text = String::from_utf8(write_balanced(&claims, false)).unwrap();
    let pairs: Vec<usize> = text
        .lines()
        .filter(|line| line.starts_with("PLB"))
        .map(|line| line.matches("L6:").count())
        .collect();
    assert_eq!(pairs, [6, 6, 1]);
    assert!(text.contains("BPR*I*1589.9*C*ACH"));
}

#[test]
fn seven_reasons_of_a_group_need_two_adjustment_segments() {
    let adjustments: Vec<Adjustment> = (1..=7)
        .map(|carc| samples::adjustment(AdjustmentGroup::ContractualObligation, &carc.to_string(), 100))
        .collect();
    let mut decision = samples::denied("29");
    let line = LineDetermination::paid(1, cents(9_000), cents(8_300), cents(8_300), Quantity::ONE, adjustments, Rule::FeeSchedule).unwrap();
    decision.determination = Determination::new(cents(9_000), vec![line], Aside::default()).unwrap();
    let text = String::from_utf8(write_balanced(&[on_time(&decision)], false)).unwrap();
    let segments: Vec<&str> = text.lines().filter(|line| line.starts_with("CAS")).collect();
    assert_eq!(segments, ["CAS*CO*1*1**2*1**3*1**4*1**5*1**6*1~", "CAS*CO*7*1~"]);
}

#[test]
fn the_claim_status_says_how_the_claim_was_processed() {
    use AdjustmentGroup::{ContractualObligation, OtherAdjustment};
    let paid = |carc: &str, group| {
        let cut = vec![samples::adjustment(group, carc, 1_000)];
        LineDetermination::paid(1, cents(9_000), cents(8_000), cents(8_000), Quantity::ONE, cut, Rule::FeeSchedule).unwrap()
    };
    let denied = |carc: &str| LineDetermination::denied(2, cents(9_000), samples::adjustment(ContractualObligation, carc, 0), Rule::Eligibility);
    let forwarded = || LineDetermination::forwarded(2, cents(9_000), samples::adjustment(ContractualObligation, "B11", 0));
    for (lines, status) in [
        (vec![paid("45", ContractualObligation), denied("29")], "1"),
        (vec![paid("23", OtherAdjustment), denied("29")], "2"),
        (vec![denied("31"), denied("31")], "4"),
        (vec![denied("31"), denied("29")], "1"),
        (vec![paid("45", ContractualObligation), forwarded()], "19"),
        (vec![denied("29"), forwarded()], "23"),
    ] {
        let mut decision = samples::forwarded();
        let aside = Aside {
            forward_to: Some("PROSPECT".into()),
            ..Aside::default()
        };
        let charge = lines.iter().map(LineDetermination::charge).sum();
        decision.determination = Determination::new(charge, lines, aside).unwrap();
        let text = String::from_utf8(write_balanced(&[on_time(&decision)], false)).unwrap();
        assert!(text.contains(&format!("CLP*PCN0003*{status}*")), "{status}: {text}");
        assert_eq!(text.contains("NM1*TT"), ["19", "23"].contains(&status), "{status}");
    }
}

#[test]
fn third_party_remittances_balance() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/samples");
    let Ok(manifest) = std::fs::read_to_string(folder.join("third-party/MANIFEST.tsv")) else {
        return;
    };
    let valid = manifest.lines().filter_map(|row| {
        let columns: Vec<&str> = row.split('\t').collect();
        (columns.get(5) == Some(&"835") && columns.get(6) == Some(&"yes")).then(|| folder.join("third-party").join(columns[0]))
    });
    let files: Vec<_> = valid.chain([folder.join("835_ach_interest.x12")]).collect();
    assert!(files.len() > 5);
    for file in files {
        let report = balance::check(&std::fs::read(&file).unwrap()).unwrap();
        assert!(report.is_balanced(), "{}: {:#?}", file.display(), report.findings);
    }
}

/// Group and cents of each cut of a line, the cents paid, and whether it is denied instead.
type LineParts = (Vec<(u8, i64)>, i64, bool);

fn line_parts() -> impl Strategy<Value = LineParts> {
    let group = 0u8..4;
    (proptest::collection::vec((group, 1i64..50_000), 0..9), 0i64..500_000, any::<bool>())
}

fn determination_of(parts: &[LineParts]) -> Determination {
    use AdjustmentGroup::*;
    let groups = [ContractualObligation, OtherAdjustment, PayerInitiated, PatientResponsibility];
    let lines: Vec<LineDetermination> = parts
        .iter()
        .zip(1u16..)
        .map(|((cuts, paid, denied), number)| {
            let adjustments: Vec<Adjustment> = cuts
                .iter()
                .map(|(group, amount)| samples::adjustment(groups[usize::from(*group)], "45", *amount))
                .collect();
            let charge = cents(*paid) + adjustments.iter().map(|adjustment| adjustment.amount).sum();
            if *denied {
                LineDetermination::denied(number, charge, samples::adjustment(ContractualObligation, "29", 0), Rule::TimelyFiling)
            } else {
                LineDetermination::paid(number, charge, cents(*paid), cents(*paid), Quantity::ONE, adjustments, Rule::FeeSchedule).unwrap()
            }
        })
        .collect();
    let charge = lines.iter().map(LineDetermination::charge).sum();
    Determination::new(charge, lines, Aside::default()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn whatever_is_decided_balances_and_is_read_by_another_reader(
        claims in proptest::collection::vec((proptest::collection::vec(line_parts(), 1..7), 0i64..2_000), 1..6),
        by_check in any::<bool>(),
        turned in proptest::collection::vec(any::<bool>(), 6),
    ) {
        let decisions: Vec<(Decision, Money)> = claims
            .iter()
            .map(|(parts, owed)| {
                let mut decision = samples::denied("29");
                decision.determination = determination_of(parts);
                let lines = decision.determination.lines().iter();
                decision.echo.lines = lines.map(|line| samples::line(line.number(), "99213", line.charge().cents(), "2026-01-05")).collect();
                (decision, cents(*owed))
            })
            .collect();
        let remitted = decisions.iter().map(|(decision, interest)| RemittedClaim { decision, interest: *interest, reversed: None });
        let remitted: Vec<RemittedClaim<'_>> = remitted
            .zip(&turned)
            .map(|(claim, turned)| match turned {
                true => RemittedClaim { interest: Money::ZERO, reversed: Some(ReversalReason::Replacement), ..claim },
                false => claim,
            })
            .collect();
        let totals: PaymentTotals = remitted.iter().copied().collect();
        let balances = Balances { forwarded: (-totals.payment).max(Money::ZERO), ..Balances::default() };
        let payment = totals.payment + balances.forwarded;
        let bytes = write_with(&remitted, by_check, totals, balances).unwrap();

        let report = balance::check(&bytes).unwrap();
        prop_assert!(report.is_balanced(), "{:?}", report.findings);
        prop_assert_eq!((report.claims, report.charge, report.paid, report.payment), (totals.claims, totals.charge, totals.paid, payment));

        let text = String::from_utf8(bytes).unwrap();
        let (rest, read) = Transmission::<_835>::parse(&text).unwrap();
        prop_assert_eq!(rest, "");
        let set = &read.functional_group[0].segments[0];
        prop_assert_eq!(&set.bpr._02, &payment.to_x12());
        let paid: Vec<&str> = set.loop_2000.iter().flat_map(|header| &header.loop_2100).map(|claim| claim.clp._04.as_str()).collect();
        let expected: Vec<String> = remitted
            .iter()
            .map(|claim| {
                let paid = claim.decision.determination.paid();
                (if claim.reversed.is_some() { -paid } else { paid }).to_x12().into()
            })
            .collect();
        prop_assert_eq!(paid, expected);
        prop_assert_eq!(read.to_string(), text);
    }
}
