//! The reasoning behind one decision, run again on its stored facts.

use super::decide::determine_and_tell;
use super::house::House;
use super::inbound::InboundError;
use super::open_sets::for_each_claim;
use super::replay::open_reference;
use super::survey::survey;
use crate::adjudication::Tables;
use crate::adjudication::decision::{ClaimSource, Decision};
use crate::adjudication::trace::Step;
use crate::claim::Claim;
use crate::events::fact::Fact;
use crate::finding::Finding;
use crate::ids::{ClaimId, PartnerId};
use crate::ledger::Ledger;

/// What is known of one claim: a rejection explains itself; a decision is run again.
#[derive(Debug)]
pub enum Explanation {
    Rejected {
        findings: Vec<Finding>,
        /// The archived file still has the claim where it was rejected (always true without `verify`).
        bytes_hold: bool,
    },
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
        Fact::ClaimRejected(rejection) => {
            let stands = |claim: Claim| claim.bytes == rejection.source.bytes;
            let bytes_hold = !verify || read_claim(house, &rejection.source)?.is_some_and(stands);
            let findings = rejection.findings;
            return Ok(Some(Explanation::Rejected { findings, bytes_hold }));
        }
        _ => return Err(InboundError::Unstable),
    };
    let claim = read_claim(house, &decision.source)?.ok_or(InboundError::Unstable)?;
    if house.rules.digest() != decision.rules {
        return Err(InboundError::OtherRules { digest: decision.rules });
    }
    let reference = open_reference(house, decision.refdata).map_err(super::house::HouseError::Reference)?;
    let again = determine_and_tell(
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
        if !bytes.starts_with(at.tag.text().as_bytes()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A claim again, from the archived file.
fn read_claim(house: &House, source: &ClaimSource) -> Result<Option<Claim>, InboundError> {
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
