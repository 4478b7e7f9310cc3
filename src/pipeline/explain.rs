//! The reasoning behind one decision, run again on its stored facts.

use super::house::House;
use super::inbound::{InboundError, for_each_claim};
use super::replay::open_reference;
use super::survey::survey;
use crate::adjudication::decision::Decision;
use crate::adjudication::trace::Step;
use crate::adjudication::{Tables, adjudicate};
use crate::claim::Claim;
use crate::events::fact::Fact;
use crate::finding::Finding;
use crate::ids::{ClaimId, PartnerId};
use crate::ledger::Ledger;

/// What is known of one claim: a rejection explains itself; a decision is run again.
#[derive(Debug)]
pub enum Explanation {
    Rejected(Vec<Finding>),
    Decided {
        decision: Box<Decision>,
        steps: Vec<Step>,
        /// The same determination came out again.
        same_again: bool,
        /// Every piece of evidence still stands where the trace says (always true without `verify`).
        bytes_hold: bool,
    },
}

/// Explains a claim; `None` when the ledger does not have it.
///
/// # Errors
/// [`InboundError`] when the archive or ledger cannot be read.
pub fn explain(house: &House, claim_id: &ClaimId, verify: bool) -> Result<Option<Explanation>, InboundError> {
    let Some(seq) = house.ledger.find_claim(claim_id)? else { return Ok(None) };
    let decision = match house.ledger.fact(seq)? {
        Fact::ClaimAdjudicated(decision) => decision,
        Fact::ClaimRejected(rejection) => return Ok(Some(Explanation::Rejected(rejection.findings))),
        _ => return Err(InboundError::Unstable),
    };
    let claim = read_claim(house, &decision)?.ok_or(InboundError::Unstable)?;
    let reference = open_reference(house, decision.refdata).map_err(super::house::HouseError::Reference)?;
    let again = adjudicate(
        &claim,
        &decision.receipt,
        &decision.facts,
        &Tables {
            rules: &house.rules,
            reference: &reference,
        },
    );
    let steps = again.trace().to_vec();
    let same_again = again.without_trace() == decision.determination;
    let bytes_hold = !verify || evidence_holds(house, &decision, &steps)?;
    Ok(Some(Explanation::Decided {
        decision,
        steps,
        same_again,
        bytes_hold,
    }))
}

/// Reads the bytes of every piece of evidence again: the segment must begin where the trace says.
fn evidence_holds(house: &House, decision: &Decision, steps: &[Step]) -> Result<bool, InboundError> {
    for at in steps.iter().filter_map(|step| step.evidence) {
        let bytes = house.archive.read_range(&decision.source.file, &house.keys, at.range())?;
        if !bytes.starts_with(at.tag.as_str().as_bytes()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The claim of a decision, from the archived file.
fn read_claim(house: &House, decision: &Decision) -> Result<Option<Claim>, InboundError> {
    let source = &decision.source;
    let partner: Option<&PartnerId> = house.config.partner_named(source.partner.as_str()).map(|partner| &partner.profile.id);
    let profile = house.profile(partner, None)?;
    let survey = survey(&mut house.archive.open(&source.file, &house.keys)?, &profile.severity, &mut |_, _| Vec::new())?;
    let mut found = None;
    let mut archived = house.archive.open(&source.file, &house.keys)?;
    for_each_claim(
        &mut archived,
        &survey,
        &mut |open, _, assembled, _| {
            if open.verdict.set.byte == source.st_byte && assembled.claim.ordinal == source.ordinal {
                found = Some(assembled.claim);
            }
            Ok::<(), InboundError>(())
        },
        &mut |_| {},
    )?;
    Ok(found)
}
