//! One claim from its loops to its fact: edits, facts, adjudication. A rule that panics stops its own
//! claim, never the file.

use std::panic::{AssertUnwindSafe, catch_unwind};

use chrono_tz::Tz;

use super::originals::{Standing, Successor};
use super::other_claims::{FindForLater, Places};
use super::seen::Seen;
use super::tally;
use crate::adjudication::decision::{ClaimSource, Decision, Rejection, Reversal};
use crate::adjudication::determination::{Determination, LineDetermination, LineOutcome, PendReason};
use crate::adjudication::facts::{EarlierLine, Facts, Known, Receipt};
use crate::adjudication::other_claims::{self, ForLater};
use crate::adjudication::trace::Rule;
use crate::adjudication::{Tables, adjudicate, adjudicate_untold, frequency, line_identity};
use crate::claim::Claim;
use crate::claim::assembler::Assembled;
use crate::claim::echo::ClaimEcho;
use crate::clock::Timestamp;
use crate::config::{Config, Profile, SeverityProfile};
use crate::edits::{EditContext, Lookup, NoCodeSets, ProviderLookup, edit};
use crate::events::fact::Fact;
use crate::finding::{Finding, Severity};
use crate::ids::{Cin, ClaimId, PayerClaimNumber, Token};
use crate::ledger::{FileRow, LedgerError, LineFingerprint};
use crate::phi::{Phi, Purpose};
use crate::sealing::Keys;
use crate::tables::refdata::ReferenceData;
use crate::tables::rules::RulePack;

/// A claim that was read, waiting for its decision.
#[derive(Debug)]
pub struct Pending {
    pub source: ClaimSource,
    pub assembled: Assembled,
    /// Findings of pass 1 about this claim, severities applied.
    pub structural: Vec<Finding>,
    pub is_encounter: bool,
}

/// The fact of a claim, and what later claims must know of it.
#[derive(Debug)]
pub struct Decided {
    pub fact: Fact,
    /// The decision that it takes back.
    pub reversal: Option<Box<Reversal>>,
    pub fingerprints: Vec<(LineFingerprint, ClaimId)>,
}

/// What every claim of a run is decided with.
#[derive(Debug, Clone, Copy)]
pub struct Desk<'a> {
    pub keys: &'a Keys,
    pub reference: &'a ReferenceData,
    pub rules: &'a RulePack,
    pub severity: &'a SeverityProfile,
    /// Payer ids that mean us (2010BB NM109).
    pub payer_ids: &'a [String],
    pub zone: Tz,
    pub received_at: Timestamp,
    pub decided_at: Timestamp,
}

impl<'a> Desk<'a> {
    /// What the house has, and what belongs to this file.
    pub fn new(
        (keys, reference, rules, config): (&'a Keys, &'a ReferenceData, &'a RulePack, &'a Config),
        row: &FileRow,
        profile: &'a Profile,
        decided_at: Timestamp,
    ) -> Desk<'a> {
        Desk {
            keys,
            reference,
            rules,
            severity: &profile.severity,
            payer_ids: &config.payer.ids,
            zone: config.payer.timezone,
            received_at: row.received_at,
            decided_at,
        }
    }

    /// Rejects or adjudicates one claim. The order of calls per member is the order of decisions.
    /// `find_original` is asked for replacements and voids, `find_for_later` where other claims count.
    pub fn decide(&self, pending: Pending, seen: &Seen, (find_original, find_for_later): (&impl FindOriginal, &impl FindForLater)) -> Decided {
        let Pending {
            source,
            assembled: Assembled { claim, findings: reading },
            structural,
            is_encounter,
        } = pending;
        let receipt = Receipt {
            received_on: self.received_at.date_in(self.zone),
            is_encounter,
        };
        let (mut findings, mut edits_failed) = (structural, false);
        if !findings.iter().any(Finding::rejects) {
            findings.extend(reading);
            edits_failed = guarded("edits", || self.edit(&claim, &receipt)).map(|edits| findings.extend(edits)).is_none();
            findings.retain_mut(|finding| {
                finding.severity = self.severity.severity(finding.check);
                finding.severity != Severity::Ignore
            });
        }
        let claim_id = source.claim_id();
        let (member_token, pcn_token) = self.tokens(&claim);
        if findings.iter().any(Finding::rejects) {
            let (received_at, decided_at) = (self.received_at, self.decided_at);
            let rejection = Rejection {
                claim_id,
                source,
                received_at,
                decided_at,
                member_token,
                pcn_token,
                echo: ClaimEcho::of(&claim),
                findings,
            };
            return Decided {
                fact: Fact::ClaimRejected(Box::new(rejection)),
                reversal: None,
                fingerprints: Vec::new(),
            };
        }
        let fingerprints = self.fingerprints(&claim);
        let original = match asks_for_original(&claim) && !is_encounter {
            true => original(&claim, &member_token, find_original).unwrap_or_else(|error| {
                seen.fail(error);
                Known::NotLoaded
            }),
            false => Known::NotLoaded,
        };
        // As if a replaced claim had never been. One that can't be replaced decides nothing here.
        let replaced = original.found().filter(|_| claim.is_replacement());
        let duplicates = fingerprints
            .iter()
            .filter_map(|(line, fingerprint)| {
                let earlier = seen.line(fingerprint, replaced.map(|replaced| replaced.claim_id));
                earlier.map(|earlier_claim| EarlierLine { line: *line, earlier_claim })
            })
            .collect();
        let units_used = |row| {
            let given_back = replaced.iter().flat_map(|replaced| &replaced.consumed).filter(|consumed| consumed.row == row);
            given_back.fold(seen.units_used(row), |used, consumed| used.less(consumed.units))
        };
        let fact = match &original {
            Known::Found(standing) => Known::Found(standing.fact(&claim, self.zone)),
            Known::Unknown => Known::Unknown,
            Known::NotLoaded => Known::NotLoaded,
        };
        let gathered = guarded("facts", || Facts::gather(&claim, self.reference, &units_used, duplicates, fact));
        let failed = edits_failed || gathered.is_none();
        let mut facts = gathered.unwrap_or_default();
        if frequency::asks_for_services(&claim, self.reference) {
            facts.services = frequency::of_claim(&claim, &seen.services(&member_token, replaced.map(|replaced| replaced.claim_id)));
        }
        let places = Places::of(other_claims::asked(&claim, &facts, self.rules, self.reference), self.keys, seen);
        facts.others = places.facts(replaced.map(|replaced| replaced.claim_id), seen, find_for_later);
        let tables = Tables {
            rules: self.rules,
            reference: self.reference,
        };
        let determination = match failed {
            true => rule_failure(&claim),
            false => determine(&claim, &receipt, &facts, &tables),
        };
        let reversed = match original {
            Known::Found(standing) => Some(standing).filter(|standing| determination.reverses() == Some(standing.claim_id)),
            Known::Unknown | Known::NotLoaded => None,
        };
        let suspicions = determination.suspicions().to_vec();
        let determination = determination.bare();
        for consumed in determination.consumed() {
            seen.consume(consumed.row, consumed.units);
        }
        // Lines that were denied are no originals (DOMAIN E4): the provider may send them again.
        let mut fingerprints: Vec<(LineFingerprint, ClaimId)> = fingerprints
            .into_iter()
            .filter(|(number, _)| {
                determination
                    .lines()
                    .iter()
                    .any(|line| line.number() == *number && matches!(line.outcome(), LineOutcome::Paid | LineOutcome::Pended))
            })
            .map(|(_, fingerprint)| (fingerprint, claim_id))
            .collect();
        let echo = ClaimEcho::of(&claim);
        let paid = frequency::services_paid(claim_id, &echo, &determination, self.reference);
        seen.remember_services(member_token, paid);
        let left = ForLater::of(claim_id, &echo, &determination);
        fingerprints.extend(places.taken(&left).map(|place| (place, claim_id)));
        if !left.is_empty() {
            seen.remember_for_later(claim_id, left);
        }
        let decision = Decision {
            claim_id,
            version: 1,
            payer_claim_number: PayerClaimNumber::of(&claim_id),
            source,
            received_at: self.received_at,
            decided_at: self.decided_at,
            receipt,
            member_token,
            pcn_token,
            echo,
            facts,
            determination,
            suspicions,
            findings,
            rules: self.rules.digest(),
            refdata: self.reference.digest(),
        };
        let reversal = reversed.map(|standing| {
            let successor = match !decision.determination.outcome().is_remitted() {
                true => Successor::Voided,
                false => Successor::Replaced(Box::new(Standing::of(&decision, None))),
            };
            seen.reverse(&standing, successor);
            Box::new(standing.reversed_by(&decision))
        });
        for (fingerprint, claim) in &fingerprints {
            seen.remember(*fingerprint, *claim);
        }
        Decided {
            fact: Fact::ClaimAdjudicated(Box::new(decision)),
            reversal,
            fingerprints,
        }
    }

    /// The edits of SNIP 3 to 7.
    pub fn edit(&self, claim: &Claim, receipt: &Receipt) -> Vec<Finding> {
        let found = |cin: &Phi<Cin>| self.reference.member(cin.expose_for(Purpose::Adjudicate)).is_some();
        let member = match &self.reference.members {
            None => Lookup::NotLoaded,
            Some(_) if claim.subscriber.cin.as_ref().is_some_and(found) => Lookup::Known,
            Some(_) => Lookup::Unknown,
        };
        let billing_provider = match (&self.reference.providers, claim.billing_provider.npi) {
            (None, _) => ProviderLookup::NotLoaded,
            (Some(_), None) => ProviderLookup::Unknown,
            (Some(providers), Some(npi)) => match (providers.find(&npi), claim.billing_provider.tin) {
                ([], _) => ProviderLookup::Unknown,
                (rows, Some(tin)) if rows.iter().all(|row| row.tin.is_some_and(|known| known != tin)) => ProviderLookup::TinDiffers,
                _ => ProviderLookup::Known,
            },
        };
        edit(
            claim,
            &EditContext {
                received_on: receipt.received_on,
                is_encounter: receipt.is_encounter,
                payer_ids: self.payer_ids,
                member,
                billing_provider,
                code_sets: &NoCodeSets,
                channel: None,
            },
        )
    }

    /// Keyed tokens of the member and the patient control number.
    fn tokens(&self, claim: &Claim) -> (Token, Token) {
        let subscriber = &claim.subscriber;
        let member = match &subscriber.cin {
            Some(cin) => self.keys.token("member", cin.expose_for(Purpose::Tokenise).as_bytes()),
            None => self.keys.token("member", subscriber.member_id.expose_for(Purpose::Tokenise).as_bytes()),
        };
        (
            member,
            self.keys.token("pcn", claim.patient_control_number.expose_for(Purpose::Tokenise).as_bytes()),
        )
    }

    fn fingerprints(&self, claim: &Claim) -> Vec<(u16, LineFingerprint)> {
        let fingerprint = |identity: Vec<u8>| *self.keys.token("line", &identity).as_bytes();
        claim
            .lines
            .iter()
            .filter_map(|line| line_identity(claim, line).map(|identity| (line.number, fingerprint(identity))))
            .collect()
    }
}

/// Looks for the claim that a replacement or void names, among those of its member.
pub trait FindOriginal: Fn(&PayerClaimNumber, &Token) -> Result<Option<Standing>, LedgerError> {}

impl<F: Fn(&PayerClaimNumber, &Token) -> Result<Option<Standing>, LedgerError>> FindOriginal for F {}

fn asks_for_original(claim: &Claim) -> bool {
    claim.is_replacement() || claim.is_void()
}

fn original(claim: &Claim, member: &Token, find: &impl FindOriginal) -> Result<Known<Standing>, LedgerError> {
    let found = match &claim.original_claim {
        Some(number) => find(&number.value, member)?,
        None => None,
    };
    Ok(found.map_or(Known::Unknown, Known::Found))
}

/// Adjudicates without a trace; a panic pends the claim for a person.
pub fn determine(claim: &Claim, receipt: &Receipt, facts: &Facts, tables: &Tables<'_>) -> Determination {
    guarded("adjudication", || adjudicate_untold(claim, receipt, facts, tables)).unwrap_or_else(|| rule_failure(claim))
}

/// The same determination with its trace.
pub fn determine_and_tell(claim: &Claim, receipt: &Receipt, facts: &Facts, tables: &Tables<'_>) -> Determination {
    guarded("adjudication", || adjudicate(claim, receipt, facts, tables)).unwrap_or_else(|| rule_failure(claim))
}

/// Runs a rule of one claim; `None` when it panicked.
fn guarded<T>(stage: &'static str, rule: impl FnOnce() -> T) -> Option<T> {
    let result = catch_unwind(AssertUnwindSafe(rule));
    if result.is_err() {
        tally::rule_panicked(stage);
    }
    result.ok()
}

/// Which part of the work a claim belongs to: all claims of a member to the same.
pub fn shard(claim: &Claim) -> usize {
    let mut hasher = blake3::Hasher::new();
    match &claim.subscriber.cin {
        Some(cin) => hasher.update(cin.expose_for(Purpose::Adjudicate).as_bytes()),
        None => hasher.update(claim.subscriber.member_id.expose_for(Purpose::Adjudicate).as_bytes()),
    };
    let [first, ..] = *hasher.finalize().as_bytes();
    usize::from(first) % crate::limits::MEMBER_SHARDS
}

fn rule_failure(claim: &Claim) -> Determination {
    let lines = claim.lines.iter();
    let pended = lines.map(|line| LineDetermination::pended(line.number, line.charge, Rule::FeeSchedule));
    Determination::pended(pended.collect(), PendReason::RuleFailure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_result_of_its_own_claim() {
        assert_eq!(guarded("edits", || 1), Some(1));
        assert_eq!(guarded("edits", || -> u8 { panic!("a rule failed") }), None);
    }
}
