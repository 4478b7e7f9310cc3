//! The lazy accessors, on the fixtures that say everything.

use super::*;
use crate::money::{Money, Quantity};
use crate::position::SegmentTag;
use crate::x12::element::DateRange;

const PROFESSIONAL: &str = include_str!("../../../../fixtures/valid/837p--every-loop-and-segment.x12");
const INSTITUTIONAL: &str = include_str!("../../../../fixtures/valid/837i--every-loop-and-segment.x12");

fn first(form: Form, file: &str) -> Claim {
    let set = Set::read_bytes(form, file.as_bytes().to_vec());
    assert_eq!(set.claims.len(), 2);
    *set.claims[0].claim.clone()
}

fn shown(qualifier: Option<Qualifier>) -> String {
    qualifier.map_or_else(|| "-".to_string(), |qualifier| qualifier.to_string())
}

#[test]
fn consents_are_those_of_clm() {
    let consents = first(Form::Professional, PROFESSIONAL).consents();
    assert!(consents.provider_signed && consents.signed_for_patient);
    let codes = [
        consents.assignment,
        consents.benefits_assigned,
        consents.release_of_information,
        consents.special_program,
    ];
    assert_eq!(codes.map(shown), ["A", "Y", "Y", "02"]);
    let consents = first(Form::Institutional, INSTITUTIONAL).consents();
    assert!(!consents.provider_signed && consents.special_program.is_none());
    assert_eq!(shown(consents.assignment), "A");
}

#[test]
fn every_date_has_its_kind() {
    let claim = first(Form::Professional, PROFESSIONAL);
    let kinds: Vec<String> = claim.qualified_dates().map(|date| date.kind.to_string()).collect();
    let expected = "431 454 304 453 439 484 455 471 314 297 296 435 096 090 091 444 050";
    assert_eq!(kinds.join(" "), expected);
    assert!(claim.qualified_dates().all(|date| date.period.is_some()));
    let kinds: Vec<String> = claim.qualified_line_dates(1).map(|date| date.kind.to_string()).collect();
    assert_eq!(kinds.join(" "), "472 471 607 463 461 304 738 739 011 455 454");
    assert_eq!(claim.qualified_line_dates(2).count(), 1);
    // The discharge hour is a time.
    let claim = first(Form::Institutional, INSTITUTIONAL);
    let periods: Vec<Option<i64>> = claim.qualified_dates().map(|date| date.period.map(DateRange::days)).collect();
    assert_eq!(periods, [None, Some(4), Some(1), Some(1)]);
}

#[test]
fn every_condition_is_there() {
    let claim = first(Form::Professional, PROFESSIONAL);
    let conditions: Vec<_> = claim
        .conditions()
        .map(|each| (each.line, each.category.to_string(), each.apply, each.codes.iter().flatten().count()))
        .collect();
    let each = |line, category: &str, apply, codes| (line, category.to_string(), apply, codes);
    let expected = [
        each(None, "07", true, 3),
        each(None, "07", false, 1),
        each(None, "E1", true, 2),
        each(None, "75", true, 1),
        each(None, "ZZ", true, 2),
        each(Some(1), "07", true, 1),
        each(Some(1), "70", false, 1),
        each(Some(1), "09", true, 2),
    ];
    assert_eq!(conditions, expected);
}

#[test]
fn every_health_care_code_is_there() {
    let codes = |claim: &Claim| claim.health_care_codes().map(|code| code.qualifier.to_string()).collect::<Vec<_>>().join(" ");
    let claim = first(Form::Professional, PROFESSIONAL);
    assert_eq!(codes(&claim), "ABK ABF ABF BP BO BG BG BG");
    assert!(claim.health_care_codes().any(|code| code.code == Phi::new(&b"00400"[..])));
    let claim = first(Form::Institutional, INSTITUTIONAL);
    assert_eq!(
        codes(&claim),
        "ABK ABJ APR APR ABN DR ABF ABF ABF BBR BBQ BBQ BI BI BI BH BH BH BE BE BE BG BG BG TC TC TC"
    );
    let spans = claim.health_care_codes().filter(|code| code.qualifier.to_string() == "BI");
    assert_eq!(
        spans.map(|code| code.period.map(DateRange::days)).collect::<Vec<_>>(),
        [Some(4), Some(3), Some(2)]
    );
    assert_eq!(claim.health_care_codes().filter(|code| code.present_on_admission.is_some()).count(), 5);
    assert_eq!(
        claim.health_care_codes().filter_map(|code| code.amount).sum::<Money>(),
        Money::from_cents(15_300)
    );
}

#[test]
fn attachments_drugs_and_other_payers() {
    let claim = first(Form::Professional, PROFESSIONAL);
    let attachments: Vec<_> = claim
        .attachments()
        .map(|each| (each.line, shown(each.report), shown(each.transmission)))
        .collect();
    assert_eq!(attachments.len(), 3);
    assert_eq!(attachments[2], (Some(1), "OZ".to_string(), "FX".to_string()));
    assert_eq!(claim.attachments().next().unwrap().control_number, Phi::new(&b"ATTACH0001"[..]));
    let drug = claim.drug_quantity(2).unwrap();
    assert_eq!((drug.quantity, drug.unit.to_string().as_str()), (Quantity::parse_x12(b"2").unwrap(), "ML"));
    assert_eq!(claim.drug_quantity(1), None);
    let services: Vec<_> = claim.adjudicated_services(1).collect();
    assert_eq!(services.len(), 1);
    assert_eq!(services[0].procedure.unwrap().to_string(), "E0601");
    assert_eq!((services[0].modifiers[0].unwrap().as_str(), services[0].bundled_into), ("RR", Some(1)));
    let remarks = |claim: &Claim, payer| claim.remark_codes(payer).count();
    assert_eq!([remarks(&claim, 0), remarks(&claim, 1), remarks(&claim, 2)], [5, 0, 0]);
    let names = |payer| {
        claim
            .other_payer_segments(payer)
            .filter(|segment| segment.at.tag == SegmentTag::of("NM1"))
            .count()
    };
    assert_eq!([names(0), names(1), names(2)], [8, 2, 0]);
    let claim = first(Form::Institutional, INSTITUTIONAL);
    assert_eq!([remarks(&claim, 0), remarks(&claim, 1)], [10, 0]);
    let repriced = claim.segments_of(LoopId::L2300, SegmentTag::of("HCP")).next().unwrap();
    assert_eq!(
        (repriced.amount(2), repriced.quantity(12)),
        (Some(Money::from_cents(850_000)), Quantity::parse_x12(b"3").ok())
    );
}
