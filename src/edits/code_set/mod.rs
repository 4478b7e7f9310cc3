//! SNIP 5: codes that others define (S502–S513). The shape of a code is always checked; whether it is
//! in its set only when the set is loaded. NPIs (S501) were read when the claim was assembled.

mod billing;
mod clinical;
mod parties;

use chrono::NaiveDate;

use super::{CodeLookup, CodeVerdict, EditContext, component, element};
use crate::claim::service_line::ServiceLine;
use crate::claim::{Claim, ClaimDetail};
use crate::finding::Finding;
use crate::loop_id::LoopId;

pub(super) fn findings<'a>(claim: &'a Claim, context: &EditContext<'a>) -> impl Iterator<Item = Finding> + use<'a> {
    let sets = context.code_sets;
    let through = claim.dates().map_or(context.received_on, |dates| dates.through);
    let of_form = match &claim.detail {
        ClaimDetail::Professional(detail) => {
            let position = component(LoopId::L2300, claim.at, 5, 1);
            let place = detail.place_of_service.and_then(|place| billing::place_of_service(place, position, sets));
            [place, None, None, None, None]
        }
        ClaimDetail::Institutional(detail) => billing::bill_codes(claim, detail),
    };
    let of_stay = claim
        .institutional()
        .into_iter()
        .flat_map(move |detail| billing::nubc_codes(detail).chain(clinical::inpatient_procedures(detail, through, sets)));
    of_form
        .into_iter()
        .flatten()
        .chain(
            claim
                .diagnoses
                .iter()
                .flat_map(move |diagnosis| clinical::diagnosis_code(diagnosis, through, sets)),
        )
        .chain(of_stay)
        .chain(parties::taxonomies(claim, sets))
        .chain(parties::addresses(claim))
        .chain(
            claim
                .other_payers
                .iter()
                .flat_map(move |payer| parties::adjustments(&payer.adjustments, LoopId::L2320, sets)),
        )
        .chain(claim.lines.iter().flat_map(move |line| line_codes(claim, line, through, sets)))
}

fn line_codes<'a>(claim: &'a Claim, line: &'a ServiceLine, through: NaiveDate, sets: &'a dyn CodeLookup) -> impl Iterator<Item = Finding> + use<'a> {
    let on = claim.service_dates(line).map_or(through, |service| service.value.from);
    let place = line.professional.place_of_service;
    let adjustments = line
        .other_payers
        .iter()
        .flat_map(move |adjudication| parties::adjustments(&adjudication.adjustments, LoopId::L2430, sets));
    [
        clinical::procedure_code(claim.form, line, on, sets),
        place.and_then(|place| billing::place_of_service(place, element(LoopId::L2400, line.at, 5), sets)),
        billing::revenue_code(claim.form, line, sets),
        clinical::drug_code(line, sets),
    ]
    .into_iter()
    .flatten()
    .chain(clinical::modifiers(claim.form, line, on, sets))
    .chain(adjustments)
    .map(|finding| finding.on_line(line.number))
}

/// Not refused: a set that is not loaded refuses nothing.
fn is_known(verdict: CodeVerdict) -> bool {
    match verdict {
        CodeVerdict::NotLoaded | CodeVerdict::Valid => true,
        CodeVerdict::Unknown | CodeVerdict::NotBillable | CodeVerdict::NotOnDate => false,
    }
}
