//! Deciding archived claims again, and comparing with what was decided.
//!
//! Without other rules or reference data a replay uses what each decision pinned: its facts, its rule
//! pack, its reference tables. Then nothing may change. The digest covers every determination in claim
//! order; the same bytes, facts and rules give the same digest on any machine and number of threads.

use std::collections::HashMap;

use rayon::prelude::*;

use super::decide::determine;
use super::house::House;
use super::inbound::InboundError;
use super::open_sets::for_each_claim;
use super::reference_store::{self, ReferenceStoreError};
use super::rule_store;
use super::survey::survey;
use crate::adjudication::Tables;
use crate::adjudication::decision::Decision;
use crate::adjudication::determination::Determination;
use crate::adjudication::facts::{Facts, Known};
use crate::claim::Claim;
use crate::events::fact::Fact;
use crate::ids::{ClaimId, ContentDigest, PartnerId};
use crate::ledger::{FileRow, FileState, Ledger};
use crate::limits;
use crate::money::{Money, Quantity};
use crate::tables::refdata::ReferenceData;
use crate::tables::refdata::authorizations::AuthorizationRow;
use crate::tables::rules::RulePack;

/// What is replayed with, instead of what was pinned.
#[derive(Debug, Default)]
pub struct Instead {
    pub rules: Option<RulePack>,
    pub reference: Option<ReferenceData>,
}

/// A decision, and how it comes out now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub claim: ClaimId,
    pub before: Determination,
    pub after: Determination,
}

/// The sums of a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayReport {
    pub claims: u64,
    pub unchanged: u64,
    pub changed: u64,
    /// Claims whose pinned rules or reference data are gone.
    pub errors: u64,
    /// Σ (paid after − paid before).
    pub net: Money,
    pub digest: ContentDigest,
}

/// Replays the decided claims of the selected files; hands every difference to `each`.
///
/// # Errors
/// [`InboundError`] when the archive or ledger cannot be read.
pub fn replay(
    house: &House,
    instead: &Instead,
    select: &dyn Fn(&FileRow) -> bool,
    each: &mut dyn FnMut(&Difference),
    progress: &dyn Fn(u64),
) -> Result<ReplayReport, InboundError> {
    let mut hasher = blake3::Hasher::new_derive_key("claimstream replay v1");
    let mut report = ReplayReport {
        claims: 0,
        unchanged: 0,
        changed: 0,
        errors: 0,
        net: Money::ZERO,
        digest: ContentDigest::from_bytes([0; 32]),
    };
    let mut pins = Pins::new(house);
    let files = house.ledger.files()?;
    for row in files.iter().filter(|row| row.state == FileState::Completed && select(row)) {
        replay_file(house, row, instead, &mut pins, &mut |outcome| {
            report.claims += 1;
            match outcome {
                None => report.errors += 1,
                Some(decided) => {
                    hasher
                        .update(decided.claim.as_bytes())
                        .update(&postcard::to_stdvec(&decided.after).unwrap_or_default());
                    if decided.before == decided.after {
                        report.unchanged += 1;
                    } else {
                        report.changed += 1;
                        report.net += decided.after.paid() - decided.before.paid();
                        each(&decided);
                    }
                }
            }
            progress(report.claims);
        })?;
    }
    report.digest = ContentDigest::from_bytes(*hasher.finalize().as_bytes());
    Ok(report)
}

/// `None`: what the decision pinned is gone.
type Outcome = Option<Difference>;

/// Walks the archived file and the journal side by side: both have the claims in the same order.
fn replay_file(house: &House, row: &FileRow, instead: &Instead, pins: &mut Pins<'_>, each: &mut dyn FnMut(Outcome)) -> Result<(), InboundError> {
    let partner: Option<&PartnerId> = house.config.partner_named(row.partner.as_str()).map(|partner| &partner.profile.id);
    let profile = house.profile(partner, None)?;
    let survey = survey(&mut house.archive.open(&row.file, &house.keys)?, &profile.severity, &mut |_, _| Vec::new())?;
    let mut seq = row.progress.first_seq;
    let mut batch: Vec<Claim> = Vec::with_capacity(limits::BATCH_CLAIMS);
    let mut decide = |batch: &mut Vec<Claim>| -> Result<(), InboundError> {
        let mut facts: Vec<Fact> = Vec::with_capacity(batch.len());
        while facts.len() < batch.len() {
            let read = house.ledger.facts(seq, batch.len() - facts.len())?;
            let Some((last, _)) = read.last() else { return Err(InboundError::Unstable) };
            seq = last + 1;
            let of_file = |fact: &Fact| fact.claim_source().is_some_and(|source| source.file == row.file);
            facts.extend(read.into_iter().map(|(_, fact)| fact).filter(of_file));
        }
        let mut work: Vec<(Claim, Box<Decision>)> = Vec::with_capacity(batch.len());
        for (claim, fact) in batch.drain(..).zip(facts) {
            match fact {
                Fact::ClaimAdjudicated(decision) if decision.source.ordinal == claim.ordinal && decision.source.bytes == claim.bytes => {
                    work.push((claim, decision))
                }
                Fact::ClaimRejected(rejection) if rejection.source.ordinal == claim.ordinal => {}
                _ => return Err(InboundError::Unstable),
            }
        }
        for (_, decision) in &work {
            pins.pin(house, decision);
        }
        let outcomes: Vec<Outcome> = work
            .into_par_iter()
            .with_min_len(64)
            .map(|(claim, decision)| decide_again(&claim, *decision, instead, pins))
            .collect();
        outcomes.into_iter().for_each(&mut *each);
        Ok(())
    };
    let mut archived = house.archive.open(&row.file, &house.keys)?;
    for_each_claim(
        &mut archived,
        &survey,
        &mut |_, _, assembled, _| {
            batch.push(*assembled.claim);
            if batch.len() >= limits::BATCH_CLAIMS { decide(&mut batch) } else { Ok(()) }
        },
        &mut |_| {},
    )?;
    decide(&mut batch)
}

fn decide_again(claim: &Claim, decision: Decision, instead: &Instead, pins: &Pins<'_>) -> Outcome {
    let rules = instead.rules.as_ref().or_else(|| pins.rules(&decision.rules));
    let pinned = pins.reference(&decision.refdata);
    let (rules, pinned) = (rules?, pinned?);
    let after = match &instead.reference {
        None => determine(claim, &decision.receipt, &decision.facts, &Tables { rules, reference: pinned }),
        Some(reference) => {
            let facts = regather(claim, &decision.facts, pinned, reference);
            determine(claim, &decision.receipt, &facts, &Tables { rules, reference })
        }
    };
    Some(Difference {
        claim: decision.claim_id,
        before: decision.determination,
        after: after.bare(),
    })
}

/// The facts of then with today's look-ups: members, providers and authorizations from `reference`,
/// the ledger's part (duplicates, units consumed) as it was before the claim.
fn regather(claim: &Claim, then: &Facts, pinned: &ReferenceData, reference: &ReferenceData) -> Facts {
    let table_units = |row: AuthorizationRow, number: &crate::ids::AuthorizationNumber| {
        let mut rows = pinned.authorizations.iter().flat_map(|authorizations| authorizations.by_number(number));
        rows.find(|authorization| authorization.row == row)
            .map_or(Quantity::ZERO, |authorization| authorization.units_used)
    };
    let consumed: HashMap<AuthorizationRow, Quantity> = match &then.authorizations {
        Known::Found(rows) => rows
            .iter()
            .map(|row| (row.row, row.units_used.less(table_units(row.row, &row.number))))
            .collect(),
        Known::NotLoaded | Known::Unknown => HashMap::new(),
    };
    let gathered = Facts::gather(
        claim,
        reference,
        &|row| consumed.get(&row).copied().unwrap_or(Quantity::ZERO),
        then.duplicates.clone(),
        then.original.clone(),
    );
    Facts {
        services: then.services.clone(),
        others: then.others.clone(),
        ..gathered
    }
}

/// Rule packs and reference data by the digests that decisions name; each is opened once.
struct Pins<'h> {
    in_force: &'h RulePack,
    rules: HashMap<ContentDigest, Option<RulePack>>,
    reference: HashMap<ContentDigest, Option<ReferenceData>>,
}

impl<'h> Pins<'h> {
    fn new(house: &'h House) -> Pins<'h> {
        Pins {
            in_force: &house.rules,
            rules: HashMap::new(),
            reference: HashMap::new(),
        }
    }

    fn pin(&mut self, house: &House, decision: &Decision) {
        self.reference
            .entry(decision.refdata)
            .or_insert_with(|| open_reference(house, decision.refdata).ok());
        if self.in_force.digest() != decision.rules {
            let kept = || rule_store::by_digest(&house.directory.rules(), &house.keys, decision.rules);
            self.rules.entry(decision.rules).or_insert_with(|| kept().ok().flatten());
        }
    }

    fn reference(&self, digest: &ContentDigest) -> Option<&ReferenceData> {
        self.reference.get(digest).and_then(Option::as_ref)
    }

    fn rules(&self, digest: &ContentDigest) -> Option<&RulePack> {
        Some(self.in_force)
            .filter(|rules| rules.digest() == *digest)
            .or_else(|| self.rules.get(digest)?.as_ref())
    }
}

/// The reference data of a digest; the current one without reading it again.
///
/// # Errors
/// [`ReferenceStoreError`].
pub fn open_reference(house: &House, digest: ContentDigest) -> Result<ReferenceData, ReferenceStoreError> {
    if house.reference.digest() == digest {
        Ok(house.reference.clone())
    } else {
        reference_store::by_digest(&house.directory.refdata(), &house.keys, digest)
    }
}
