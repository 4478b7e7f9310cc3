//! Every claim of a completed file is answered where its partner's profile wants an answer.

use std::collections::{BTreeMap, VecDeque};

use super::{Check, Named};
use crate::adjudication::decision::ClaimSource;
use crate::config::{AckPolicy, Acknowledgements, Config, Profile};
use crate::events::fact::{AckBuilt, Answer, Fact, FileCompleted};
use crate::ids::{ClaimId, ControlNumber, FileDigest};
use crate::ledger::Seq;

/// Claims whose file has not ended yet, and those that were left without an answer.
#[derive(Default)]
pub(super) struct Acknowledged<'a> {
    config: Option<&'a Config>,
    waiting: BTreeMap<FileDigest, Waiting>,
    unanswered: Named,
    claims: u64,
}

/// The claims of one file, in the order of the journal, which is that of its 277CAs.
#[derive(Default)]
struct Waiting {
    claims: VecDeque<Claim>,
    without_277ca: Vec<Claim>,
    /// By ISA13 and GS06: a claim of the group, and how many there are.
    without_999: BTreeMap<(ControlNumber, ControlNumber), (ClaimId, u64)>,
}

struct Claim {
    seq: Seq,
    id: ClaimId,
    is_rejected: bool,
}

impl<'a> Acknowledged<'a> {
    /// By the profiles of a configuration.
    pub fn by(config: &'a Config) -> Acknowledged<'a> {
        Acknowledged {
            config: Some(config),
            ..Acknowledged::default()
        }
    }

    pub fn accept(&mut self, seq: Seq, fact: &Fact) {
        match fact {
            Fact::ClaimAdjudicated(decision) if decision.version == 1 => self.claim(seq, decision.claim_id, &decision.source, false),
            Fact::ClaimRejected(rejection) => self.claim(seq, rejection.claim_id, &rejection.source, true),
            Fact::AckBuilt(ack) => {
                if let Some(waiting) = self.waiting.get_mut(&ack.file) {
                    waiting.answered(ack);
                }
            }
            Fact::FileCompleted(completed) => self.ended(completed),
            Fact::ClaimAdjudicated(_)
            | Fact::FileReceived(_)
            | Fact::FileDuplicate(_)
            | Fact::FileRejected(_)
            | Fact::RemitBuilt(_)
            | Fact::ClaimReversed(_)
            | Fact::RemitDelivered(_)
            | Fact::RemitSent(_)
            | Fact::RemitAcknowledged(_)
            | Fact::DeadLettered(_)
            | Fact::Redriven(_) => {}
        }
    }

    fn claim(&mut self, seq: Seq, id: ClaimId, source: &ClaimSource, is_rejected: bool) {
        let waiting = self.waiting.entry(source.file).or_default();
        waiting.claims.push_back(Claim { seq, id, is_rejected });
        let group = (source.isa13.clone(), source.gs06.clone());
        waiting.without_999.entry(group).or_insert((id, 0)).1 += 1;
        self.claims += 1;
    }

    fn ended(&mut self, completed: &FileCompleted) {
        let Some(waiting) = self.waiting.remove(&completed.file) else { return };
        let profile = self.config.and_then(|config| config.partner_named(completed.partner.as_str()));
        let wanted: Acknowledgements = profile.map_or(Profile::default().ack, |partner| partner.profile.ack);
        if wanted.x999 == AckPolicy::Always {
            for ((_, gs06), (claim, count)) in &waiting.without_999 {
                self.unanswered
                    .add(|| format!("claim {claim}: no 999 for its group (GS06 {gs06}) of {count} claims, file {}", completed.file));
            }
        }
        for claim in waiting.without_277ca.iter().chain(&waiting.claims) {
            if claim.is_rejected || wanted.x277ca == AckPolicy::Always {
                self.unanswered
                    .add(|| format!("claim {}: no 277CA for journal position {}, file {}", claim.id, claim.seq, completed.file));
            }
        }
    }

    pub fn check(self) -> Check {
        if self.unanswered.count == 0 {
            let message = format!("{} claim(s), each answered where its partner wants it", self.claims);
            return Check::ok("acknowledgements", message);
        }
        let message = format!("{} claim(s) or group(s) of completed files were never acknowledged", self.unanswered.count);
        let remedy =
            "their sender waits: restore the newest backup and take the file in again, or tell the sender how they were decided (`claimstream status CLAIM`)";
        Check::fail("acknowledgements", message, remedy).about(self.unanswered)
    }
}

impl Waiting {
    fn answered(&mut self, ack: &AckBuilt) {
        match &ack.answer {
            // What came before the range was passed over.
            Answer::Claims { first, last, .. } => {
                while let Some(claim) = self.claims.pop_front_if(|claim| claim.seq < *first) {
                    self.without_277ca.push(claim);
                }
                while self.claims.pop_front_if(|claim| claim.seq <= *last).is_some() {}
            }
            Answer::Group { group, .. } => {
                let group = (ack.interchange.control_number.clone(), group.control_number.clone());
                self.without_999.remove(&group);
            }
            Answer::Interchange { .. } => {}
        }
    }
}
