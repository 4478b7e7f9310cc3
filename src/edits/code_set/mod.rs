//! SNIP 5: codes that others define (S502–S513). The shape of a code is always checked; whether it is
//! in its set only when the set is loaded. NPIs (S501) were read when the claim was assembled.

mod billing;
mod clinical;
mod parties;

use chrono::NaiveDate;

use super::{CodeLookup, CodeVerdict, EditContext, Found, component, element};
use crate::claim::service_line::ServiceLine;
use crate::claim::{Claim, ClaimDetail};
use crate::finding::Finding;
use crate::loop_id::LoopId;

pub(super) fn check(claim: &Claim, context: &EditContext<'_>, found: &mut Found) {
    let sets = context.code_sets;
    let through = claim.dates().map_or(context.received_on, |dates| dates.through);
    match &claim.detail {
        ClaimDetail::Professional(detail) => {
            let position = component(LoopId::L2300, claim.at, 5, 1);
            found.add(detail.place_of_service.and_then(|place| billing::place_of_service(place, position, sets)));
        }
        ClaimDetail::Institutional(detail) => billing::bill_codes(claim, detail, found),
    }
    for diagnosis in &claim.diagnoses {
        clinical::diagnosis_code(diagnosis, through, sets, found);
    }
    if let Some(detail) = claim.institutional() {
        billing::nubc_codes(detail, found);
        clinical::inpatient_procedures(detail, through, sets, found);
    }
    parties::taxonomies(claim, sets, found);
    parties::addresses(claim, found);
    for payer in &claim.other_payers {
        parties::adjustments(&payer.adjustments, LoopId::L2320, None, sets, found);
    }
    for line in &claim.lines {
        line_codes(claim, line, through, sets, found);
    }
}

fn line_codes(claim: &Claim, line: &ServiceLine, through: NaiveDate, sets: &dyn CodeLookup, found: &mut Found) {
    let on = claim.service_dates(line).map_or(through, |service| service.value.from);
    let place = line.professional.place_of_service;
    let on_line = |finding: Finding| finding.on_line(line.number);
    found.add(clinical::procedure_code(claim.form, line, on, sets).map(on_line));
    let place = place.and_then(|place| billing::place_of_service(place, element(LoopId::L2400, line.at, 5), sets));
    found.add(place.map(on_line));
    found.add(billing::revenue_code(claim.form, line, sets).map(on_line));
    found.add(clinical::drug_code(line, sets).map(on_line));
    clinical::modifiers(claim.form, line, on, sets, found);
    for adjudication in &line.other_payers {
        parties::adjustments(&adjudication.adjustments, LoopId::L2430, Some(line.number), sets, found);
    }
}

/// Not refused: a set that is not loaded refuses nothing.
fn is_known(verdict: CodeVerdict) -> bool {
    match verdict {
        CodeVerdict::NotLoaded | CodeVerdict::Valid => true,
        CodeVerdict::Unknown | CodeVerdict::NotBillable | CodeVerdict::NotOnDate => false,
    }
}
