//! The reasoning behind one decision, run again on its stored facts and under its own rules.

use super::decide::determine_and_tell;
use super::house::House;
use super::inbound::InboundError;
use super::open_sets::for_each_claim;
use super::replay::open_reference;
use super::rule_store;
use super::survey::survey;
use crate::adjudication::Tables;
use crate::adjudication::decision::{ClaimSource, Decision, Reversal};
use crate::adjudication::trace::{Evidence, Step};
use crate::claim::Claim;
use crate::events::fact::Fact;
use crate::finding::Finding;
use crate::ids::{ClaimId, PartnerId};
use crate::ledger::Ledger;
use crate::position::ByteRange;

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
        /// How the decision was taken back, where it was.
        reversal: Option<Box<Reversal>>,
        steps: Vec<ToldStep>,
        /// The same determination came out again.
        same_again: bool,
        /// The archived file is, byte for byte, the one that was received, and every element still stands
        /// where the trace says (always true without `verify`).
        bytes_hold: bool,
    },
}

/// A step with the bytes of what it looked at.
#[derive(Debug)]
pub struct ToldStep {
    pub step: Step,
    /// As many as the step has evidence.
    pub places: Vec<Place>,
}

/// An element in the archived file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub evidence: Evidence,
    /// Of the component, element or segment that is meant; `None` where the file leaves it out.
    pub bytes: Option<ByteRange>,
    /// The segment begins where the trace says.
    pub is_there: bool,
}

/// Explains a claim; `None` when the ledger does not have it.
///
/// # Errors
/// [`InboundError`] when the archive or ledger cannot be read, or the pack that decided is gone.
pub fn explain(house: &House, claim_id: &ClaimId, verify: bool) -> Result<Option<Explanation>, InboundError> {
    let Some(seq) = house.ledger.find_claim(claim_id)? else { return Ok(None) };
    let decision = match house.ledger.fact(seq)? {
        Fact::ClaimAdjudicated(decision) => decision,
        Fact::ClaimRejected(rejection) => {
            let stands = |found: ReadAgain| found.claim.bytes == rejection.source.bytes;
            let bytes_hold = !verify || read_claim(house, &rejection.source)?.is_some_and(stands);
            let findings = rejection.findings;
            return Ok(Some(Explanation::Rejected { findings, bytes_hold }));
        }
        _ => return Err(InboundError::Unstable),
    };
    let reversal = match house.ledger.reversal_of(seq)? {
        None => None,
        Some(reversal) => match house.ledger.fact(reversal)? {
            Fact::ClaimReversed(reversal) => Some(reversal),
            _ => return Err(InboundError::Unstable),
        },
    };
    let ReadAgain { claim, interchange_byte } = read_claim(house, &decision.source)?.ok_or(InboundError::Unstable)?;
    let rules = rule_store::in_force_or_kept(&house.directory.rules(), &house.keys, &house.rules, decision.rules)?
        .ok_or(InboundError::OtherRules { digest: decision.rules })?;
    let reference = open_reference(house, decision.refdata).map_err(super::house::HouseError::Reference)?;
    let tables = Tables {
        rules: &rules,
        reference: &reference,
    };
    let again = determine_and_tell(&claim, &decision.receipt, &decision.facts, &tables);
    let separator = component_separator(house, &decision.source, interchange_byte)?;
    let mut steps = Vec::with_capacity(again.trace().len());
    for step in again.trace() {
        let places = step.evidence.iter().map(|evidence| place(house, &decision.source, separator, *evidence));
        let places = places.collect::<Result<Vec<Place>, InboundError>>()?;
        steps.push(ToldStep { step: step.clone(), places });
    }
    let same_again = again.bare() == decision.determination;
    let evidence_stands = || steps.iter().flat_map(|step| &step.places).all(|place| place.is_there);
    let bytes_hold = !verify || (evidence_stands() && is_as_received(house, &decision.source)?);
    Ok(Some(Explanation::Decided {
        decision,
        reversal,
        steps,
        same_again,
        bytes_hold,
    }))
}

/// Opens every chunk of the archived file and compares its digest with the one it was received under.
fn is_as_received(house: &House, source: &ClaimSource) -> Result<bool, InboundError> {
    let files = house.ledger.files()?;
    let Some(row) = files.iter().find(|row| row.file == source.file) else {
        return Ok(false);
    };
    Ok(house.archive.verify(&source.file, row.bytes, &house.keys, true)?.is_empty())
}

/// Reads the bytes of an element again: its segment must begin where the trace says.
fn place(house: &House, source: &ClaimSource, separator: u8, evidence: Evidence) -> Result<Place, InboundError> {
    let range = evidence.segment.range();
    let segment = house.archive.read_range(&source.file, &house.keys, range)?;
    let tag = evidence.segment.tag.text();
    let is_there = segment.starts_with(tag.as_bytes());
    let found = match segment.get(tag.len()) {
        Some(element_separator) if is_there => part_of(&segment, *element_separator, separator, &evidence),
        Some(_) | None => None,
    };
    Ok(Place {
        evidence,
        bytes: found.map(|(from, to)| ByteRange::new(range.start + from as u64, range.start + to as u64)),
        is_there,
    })
}

/// From and to of what is meant inside its segment, when it is there and not empty.
fn part_of(segment: &[u8], element_separator: u8, component_separator: u8, evidence: &Evidence) -> Option<(usize, usize)> {
    if evidence.element == 0 {
        return Some((0, segment.len()));
    }
    let element = nth(segment, (0, segment.len()), element_separator, usize::from(evidence.element))?;
    let part = match usize::from(evidence.component).checked_sub(1) {
        None => element,
        Some(before) => nth(segment, element, component_separator, before)?,
    };
    (part.0 < part.1).then_some(part)
}

/// The part after so many separators.
fn nth(bytes: &[u8], (from, to): (usize, usize), separator: u8, place: usize) -> Option<(usize, usize)> {
    let mut start = from;
    for (number, part) in bytes.get(from..to)?.split(|byte| *byte == separator).enumerate() {
        if number == place {
            return Some((start, start + part.len()));
        }
        start += part.len() + 1;
    }
    None
}

/// ISA16 of the claim's interchange.
fn component_separator(house: &House, source: &ClaimSource, interchange_byte: u64) -> Result<u8, InboundError> {
    const PLACE: u64 = 104;
    let range = ByteRange::new(interchange_byte + PLACE, interchange_byte + PLACE + 1);
    let bytes = house.archive.read_range(&source.file, &house.keys, range)?;
    bytes.first().copied().ok_or(InboundError::Unstable)
}

struct ReadAgain {
    claim: Claim,
    /// Where its ISA stands.
    interchange_byte: u64,
}

/// A claim again, from the archived file.
fn read_claim(house: &House, source: &ClaimSource) -> Result<Option<ReadAgain>, InboundError> {
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
                found = Some(ReadAgain {
                    claim: *assembled.claim,
                    interchange_byte: open.interchange.byte,
                });
            }
            Ok::<(), InboundError>(())
        },
        &mut |_| {},
    )?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::{SegmentPosition, SegmentTag};

    #[test]
    fn an_element_is_found_in_its_segment() {
        let segment = b"SV1*HC:99214:25*150*UN*1***1";
        let at = |element, component| {
            let evidence = Evidence {
                loop_id: None,
                segment: SegmentPosition {
                    tag: SegmentTag::of("SV1"),
                    ..SegmentPosition::default()
                },
                element,
                component,
            };
            part_of(segment, b'*', b':', &evidence).map(|(from, to)| std::str::from_utf8(&segment[from..to]).unwrap())
        };
        for (element, component, text) in [
            (0, 0, Some("SV1*HC:99214:25*150*UN*1***1")),
            (1, 0, Some("HC:99214:25")),
            (1, 2, Some("99214")),
            (1, 3, Some("25")),
            (1, 4, None),
            (2, 0, Some("150")),
            (2, 1, Some("150")),
            (5, 0, None),
            (7, 0, Some("1")),
            (8, 0, None),
        ] {
            assert_eq!(at(element, component), text, "{element} {component}");
        }
    }
}
