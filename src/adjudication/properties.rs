//! What holds for every claim, however odd.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::determination::{ClaimOutcome, Determination, LineOutcome};
use super::facts::{EarlierLine, Facts, Known, Receipt};
use super::testing::*;
use crate::claim::diagnosis::{DiagnosisKind, ValueCode};
use crate::claim::other_payer::{LineAdjudication, OtherPayer};
use crate::claim::service_line::ServiceLine;
use crate::claim::{Claim, Located};
use crate::ids::ClaimId;
use crate::money::{Money, Quantity};
use crate::tables::reasons::AdjustmentGroup;
use crate::tables::refdata::authorizations::AuthorizationRow;
use crate::tables::refdata::{ReferenceData, ReferenceTable};

const ROWS: &[&str] = &[
    "A1,91234567A,approved,service,2024-01-01,2025-12-31,1234567893,951234567,97112,97112,,4,unit,1,",
    "A1,91234567A,approved,service,2024-01-01,2025-06-30,,,97110,97119,,3,visit,0,",
    "A2,91234567D,approved,consult,2024-01-01,,1457389991,951234567,99202,99205,,1,visit,0,",
    "A3,91234567A,denied,service,2024-01-01,,,,70553,,,,unit,0,",
    "A4,91234567D,approved,service,2024-01-01,,,,70553,97112,,500,$,100,",
    "A5,91234567A,approved,inpatient,2024-01-01,,,,0120,,,2,day,0,2025-01-10",
];

/// Rows of every action on overlapping codes.
const RESTRICTIONS: &[&str] = &[
    r#"r1,units_per_line,HCPCS,*,,,,"{""max"":3}",cut,CO,222,"#,
    r#"r2,units_per_day,HCPCS,97000,97999,,,"{""max"":2}",cut,CO,151,N362"#,
    r#"r2,units_per_day,HCPCS,97112,,,,"{""max"":2}",cut,CO,119,N640"#,
    r#"r3,bundled,HCPCS,93000,,,,"{""into"":[""99202-99215""]}",deny,CO,97,N19"#,
    r#"r3,age,HCPCS,93000,,,,"{""min_years"":10}",deny,CO,6,N129"#,
    r#"r0,diagnosis,HCPCS,99200,99299,,,"{""require_prefix"":[""I1""]}",warn,,,"#,
    r#"r5,mutually_exclusive,HCPCS,99204,99215,,,"{""with"":[""99202-99215""]}",deny,CO,231,"#,
    r#"r4,modifier,HCPCS,97112,,,,"{""require_any"":[""GP""]}",pend,,,"#,
    r#"r6,bill_type,REV,0250,,,,"{""allow"":[""131""]}",deny,CO,282,MA30"#,
    r#"r7,sex,DX,A50,A64,,,"{""sex"":""M""}",deny,CO,10,"#,
    r#"r8,frequency,HCPCS,99214,,,,"{""max"":1,""months"":12}",deny,CO,119,"#,
];

/// The plan of the other property with restrictions, and with made-up pairs and limits.
fn with_coding_edits(restrictions: &str) -> ReferenceData {
    const PAIRS: &str = "Column 1,Column 2,*,Effective,Deletion,Modifier\n70553,K0739,,20200101,*,1\n00000,99999,,20200101,*,0\n";
    const LIMITS: &str = "HCPCS/CPT Code,MUE Values,MUE Adjudication Indicator\n97112,1,2 Day\n70553,1,1 Line\n00000,0,3 Day\n";
    static BARE: LazyLock<ReferenceData> = LazyLock::new(|| {
        let plan = with_authorizations(ROWS).with_table(ReferenceTable::NcciPairs, PAIRS.as_bytes()).unwrap();
        plan.with_table(ReferenceTable::UnitLimits, LIMITS.as_bytes()).unwrap()
    });
    let header = "rule_id,kind,code_type,code_from,code_to,effective_from,effective_to,params,action,group,carc,rarc";
    BARE.with_table(ReferenceTable::Restrictions, format!("{header}\n{restrictions}\n").as_bytes())
        .unwrap()
}

fn cents() -> impl Strategy<Value = Money> {
    prop_oneof![Just(0), -500i64..0, 1i64..60_000].prop_map(Money::from_cents)
}

fn any_line() -> impl Strategy<Value = ServiceLine> {
    let codes = prop::sample::select(vec![
        "99214", "99213", "99204", "99215", "93000", "97112", "97112:GP", "70553", "K0739", "00000", "99999", "0120", "0122", "0250", "0200",
    ]);
    let days = prop::sample::select(vec![
        "2025-01-10",
        "2025-01-10/2025-01-13",
        "2024-01-01",
        "2023-12-30/2024-01-02",
        "2025-01-13/2025-01-10",
    ]);
    (codes, 0u32..6, 0i64..60_000, days, prop::option::weighted(0.2, (cents(), cents())), 0u8..20).prop_map(
        |(code, units, charge, service, adjudicated, odd)| {
            let mut line = line(code, units, &Money::from_cents(charge).to_x12(), service);
            if let Some((paid, patient)) = adjudicated {
                line.other_payers.push(LineAdjudication {
                    paid,
                    adjustments: vec![adjustment(AdjustmentGroup::PatientResponsibility, "1", &patient.to_x12())],
                    ..LineAdjudication::default()
                });
            }
            match odd {
                0 => line.service = None,
                1 => line.procedure = None,
                2 => line.units = Quantity::parse_x12(b"-1.5").unwrap_or_default(),
                _ => {}
            }
            line
        },
    )
}

fn any_claim() -> impl Strategy<Value = (Claim, Receipt, bool)> {
    let members = prop::sample::select(vec![
        MEMBER,
        UNASSIGNED,
        SHARING,
        INSURED,
        LAPSED,
        DECEASED,
        CAPITATED,
        DELEGATED,
        MISPLACED,
        CHILD,
        "90000000A",
    ]);
    let head = (
        members,
        any::<bool>(),
        prop::sample::select(vec!["1", "7", "8"]),
        prop::option::of(prop::sample::select(vec!["A1", "A2", "A3", "A4", "A9"])),
        prop::option::of(cents()),
    );
    let more = (
        prop::option::weighted(0.3, (prop::option::of(cents()), prop::option::of(cents()), cents())),
        prop::sample::select(vec!["2025-02-15", "2024-12-31", "2026-01-12", "2020-01-01"]),
        0u8..20,
        prop::sample::select(vec!["I10", "A539", "Z3400"]),
        any::<bool>(),
    );
    (prop::collection::vec(any_line(), 0..5), head, more).prop_map(
        |(lines, (member, is_institutional, frequency, number, paid), (other, on, odd, dx, by_specialist))| {
            let mut claim = match is_institutional {
                true => stay("2025-01-10/2025-01-13", lines),
                false => claim(lines),
            }
            .of_member(member)
            .with(|claim| {
                // Mostly originals.
                claim.frequency = qualifier(if odd < 15 { "1" } else { frequency });
                claim.diagnoses = vec![diagnosis(DiagnosisKind::Principal, dx)];
                if odd == 0 {
                    claim.charge += Money::from_cents(1);
                }
                let amount = |tag| paid.map(|value| Located { value, at: at(tag) });
                if is_institutional {
                    let detail = claim.institutional_mut();
                    detail.admission_type = qualifier(if odd % 2 == 0 { "1" } else { "3" });
                    detail.patient_estimate = amount("AMT");
                    let codes = paid.iter().flat_map(|amount| ["23", "FC"].map(|code| (code, *amount)));
                    detail.value_codes = codes
                        .map(|(code, amount)| ValueCode {
                            at: at("HI"),
                            code: code.parse().unwrap(),
                            amount,
                        })
                        .collect();
                } else {
                    claim.professional_mut().patient_paid = amount("AMT");
                }
            });
            if let Some(number) = number {
                claim = claim.authorized_by(number);
            }
            if by_specialist {
                claim = claim.rendered_by(SPECIALIST);
            }
            if let Some((paid, remaining, patient)) = other {
                claim = claim.after(OtherPayer {
                    paid,
                    remaining_patient_liability: remaining,
                    adjustments: vec![adjustment(AdjustmentGroup::PatientResponsibility, "1", &patient.to_x12())],
                    ..OtherPayer::default()
                });
            }
            let receipt = Receipt {
                is_encounter: odd == 1,
                ..received(on)
            };
            (claim, receipt, odd == 2)
        },
    )
}

fn check(claim: &Claim, facts: &Facts, determination: &Determination) -> Result<(), TestCaseError> {
    let mut paid = Money::ZERO;
    prop_assert_eq!(determination.lines().len(), claim.lines.len());
    for (line, billed) in determination.lines().iter().zip(&claim.lines) {
        let adjusted: Money = line.adjustments().iter().map(|adjustment| adjustment.amount).sum();
        prop_assert_eq!((line.number(), line.charge()), (billed.number, billed.charge));
        paid += line.amount_paid();
        match line.outcome() {
            LineOutcome::Paid | LineOutcome::Denied | LineOutcome::Forwarded => prop_assert_eq!(line.charge() - adjusted, line.amount_paid()),
            LineOutcome::Pended | LineOutcome::Recorded => prop_assert!(adjusted.is_zero() && line.amount_paid().is_zero()),
        }
        for adjustment in line.adjustments() {
            prop_assert!(adjustment.amount > Money::ZERO);
            let is_patients = adjustment.group == AdjustmentGroup::PatientResponsibility;
            prop_assert_eq!(is_patients, adjustment.carc.as_str() == "142");
            prop_assert!(
                adjustment.carc.as_str() != "45" || adjustment.amount < line.charge(),
                "CO-45 takes a whole charge"
            );
            let reasons = crate::tables::reasons::Reasons::embedded().unwrap();
            prop_assert_eq!(reasons.check(adjustment.group, &adjustment.carc, &adjustment.rarcs), Ok(()));
        }
        if line.outcome() != LineOutcome::Paid {
            prop_assert!(determination.consumed().iter().all(|consumed| consumed.line != line.number()));
        }
    }
    prop_assert_eq!(determination.paid(), paid);
    let owed = facts
        .member
        .found()
        .map(|member| member.coverage.iter().map(|segment| segment.share_of_cost).max().unwrap_or_default());
    prop_assert!(determination.patient_responsibility() <= owed.unwrap_or_default());
    for row in facts.authorizations.found().into_iter().flatten() {
        let consumed: Quantity = determination
            .consumed()
            .iter()
            .filter(|consumed| consumed.row == row.row)
            .map(|consumed| consumed.units)
            .sum();
        prop_assert!(!consumed.is_negative());
        prop_assert!(row.units.is_none_or(|units| consumed <= units.less(row.units_used)));
    }
    if determination.outcome() == ClaimOutcome::Pended {
        prop_assert!(determination.pend_reason().is_some() && determination.consumed().is_empty());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_determination_balances_and_is_the_same_again((claim, receipt, is_duplicate) in any_claim()) {
        let plan = with_authorizations(ROWS);
        let earlier = EarlierLine { line: 1, earlier_claim: ClaimId::from_bytes([0; 16]) };
        let duplicates = if is_duplicate { vec![earlier] } else { Vec::new() };
        let facts = Facts::gather(&claim, &plan, &|_| Quantity::ZERO, duplicates, Known::NotLoaded);
        let determination = decided_with(&claim, &receipt, &facts, &plan);
        check(&claim, &facts, &determination)?;
        prop_assert_eq!(&determination, &decided_with(&claim, &receipt, &facts, &plan));
        // Told or not, and with facts that were stored.
        let tables = super::Tables { rules: crate::tables::rules::RulePack::embedded().unwrap(), reference: &plan };
        prop_assert_eq!(&super::adjudicate_untold(&claim, &receipt, &facts, &tables), &determination.clone().without_trace());
        let stored: Facts = postcard::from_bytes(&postcard::to_stdvec(&facts).unwrap()).unwrap();
        prop_assert_eq!(&stored, &facts);
        prop_assert_eq!(&determination, &decided_with(&claim, &receipt, &stored, &plan));
    }

    /// Over several claims no more is used than was granted, each line uses a row once, and giving back
    /// what a claim used, the latest first, leads to where it was decided: it comes out the same again.
    #[test]
    fn units_add_up_over_claims_and_come_back(claims in prop::collection::vec(any_claim(), 1..5), rows in Just(ROWS.to_vec()).prop_shuffle()) {
        let (plan, shuffled) = (with_authorizations(ROWS), with_authorizations(&rows));
        let decide = |plan: &ReferenceData, claim: &Claim, receipt: &Receipt, used: &BTreeMap<AuthorizationRow, Quantity>| {
            let facts = Facts::gather(claim, plan, &|row| used.get(&row).copied().unwrap_or_default(), Vec::new(), Known::Unknown);
            (decided_with(claim, receipt, &facts, plan).without_trace(), facts)
        };
        let mut used: BTreeMap<AuthorizationRow, Quantity> = BTreeMap::new();
        let mut decided = Vec::new();
        for (claim, receipt, _) in &claims {
            let before = used.clone();
            let (determination, facts) = decide(&plan, claim, receipt, &used);
            prop_assert_eq!(&decide(&shuffled, claim, receipt, &used).0, &determination);
            let mut seen = Vec::new();
            for consumed in determination.consumed() {
                prop_assert!(!seen.contains(&(consumed.row, consumed.line)), "a line uses a row twice");
                seen.push((consumed.row, consumed.line));
                let sum = used.entry(consumed.row).or_default();
                *sum = *sum + consumed.units;
            }
            for row in facts.authorizations.found().into_iter().flatten() {
                let earlier = before.get(&row.row).copied().unwrap_or_default();
                let since = used.get(&row.row).copied().unwrap_or_default().less(earlier);
                prop_assert!(since.is_zero() || row.units.is_none_or(|granted| row.units_used + since <= granted));
            }
            decided.push((claim, receipt, determination, before));
        }
        for (claim, receipt, determination, before) in decided.into_iter().rev() {
            for consumed in determination.consumed() {
                let left = used.entry(consumed.row).or_default();
                *left = left.less(consumed.units);
            }
            used.retain(|_, units| !units.is_zero());
            let before: BTreeMap<_, _> = before.into_iter().filter(|(_, units)| !units.is_zero()).collect();
            prop_assert_eq!(&used, &before);
            prop_assert_eq!(decide(&plan, claim, receipt, &used).0, determination);
        }
    }

    #[test]
    fn the_order_of_restrictions_and_rows_of_other_codes_change_nothing((claim, receipt, _) in any_claim(), rows in Just(RESTRICTIONS.to_vec()).prop_shuffle()) {
        let decide = |rows: &[&str]| {
            let plan = with_coding_edits(&rows.join("\n"));
            let facts = Facts::gather(&claim, &plan, &|_| Quantity::ZERO, Vec::new(), Known::NotLoaded);
            let determination = decided_with(&claim, &receipt, &facts, &plan);
            // Other tables have another digest, and nothing else may differ.
            let mut steps = determination.trace().to_vec();
            steps.iter_mut().flat_map(|step| &mut step.row).for_each(|row| row.digest = None);
            check(&claim, &facts, &determination).map(|()| (determination.without_trace(), steps))
        };
        let determination = decide(RESTRICTIONS)?;
        prop_assert_eq!(&decide(&rows)?, &determination);
        let mut with_others = rows.clone();
        with_others.insert(0, "aaa,non_covered,HCPCS,11111,,,,{},deny,CO,96,N130");
        with_others.push("zzz,non_covered,REV,0999,,,,{},pend,,,");
        prop_assert_eq!(&decide(&with_others)?, &determination);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_order_of_rows_and_unrelated_rows_change_nothing((claim, receipt, _) in any_claim(), tables in shuffled_tables()) {
        let decide = |tables: &[(ReferenceTable, String)]| {
            let plan = tables.iter().fold(plan(), |plan, (table, text)| plan.with_table(*table, text.as_bytes()).unwrap());
            let facts = Facts::gather(&claim, &plan, &|_| Quantity::ZERO, Vec::new(), Known::NotLoaded);
            let determination = decided_with(&claim, &receipt, &facts, &plan);
            (facts, determination.without_trace())
        };
        let as_written: Vec<(ReferenceTable, String)> = all_tables().into_iter().map(|(table, header, rows)| (table, format!("{header}\n{}\n", rows.join("\n")))).collect();
        let (facts, determination) = decide(&as_written);
        let (other_facts, other) = decide(&tables);
        prop_assert_eq!(facts.member, other_facts.member);
        prop_assert_eq!(other, determination);
    }
}

/// Every table with its header and rows.
fn all_tables() -> Vec<(ReferenceTable, &'static str, Vec<&'static str>)> {
    let with_rows = TABLES.into_iter().map(|(table, text)| {
        let mut lines = text.lines();
        (table, lines.next().unwrap(), lines.collect())
    });
    with_rows.chain([(ReferenceTable::Authorizations, AUTHORIZATIONS, ROWS.to_vec())]).collect()
}

/// The tables with their rows in any order, and among them rows of others: members, providers, codes and
/// networks that no claim names.
fn shuffled_tables() -> impl Strategy<Value = Vec<(ReferenceTable, String)>> {
    let tables: Vec<_> = all_tables()
        .into_iter()
        .map(|(table, header, mut rows)| {
            rows.extend(
                match table {
                    ReferenceTable::Members => "99999999Z,1990-01-01,M,2020-01-01,,M1,CCN,1003000126,50.00,,yes,",
                    ReferenceTable::Providers => "1881546299,959999999,,208D00000X,pcp,no,2010-01-01,,check,,",
                    ReferenceTable::FeeSchedule => "HCPCS,11111,,fee,1.00,,",
                    ReferenceTable::PriorAuthCodes => "11111,,,medi-cal,2020-01-01,,required,",
                    ReferenceTable::Networks => "NOBODY,Nobody,*,,,network,",
                    _ => "Z9,99999999Z,approved,service,2024-01-01,,,,97112,,,9,unit,0,",
                }
                .split_terminator('\n'),
            );
            Just(rows)
                .prop_shuffle()
                .prop_map(move |rows| (table, format!("{header}\n{}\n", rows.join("\n"))))
        })
        .collect();
    tables
}
