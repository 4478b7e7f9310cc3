//! Which acknowledgements a file gets, as facts (DOMAIN G1): TA1 per interchange that is rejected or
//! asks for it, 999 per functional group, 277CA per set that goes on.
//!
//! What acknowledges something of ours gets none, so that no two houses answer each other for ever: no 999
//! for a 999, no TA1 for a TA1, and a TA1 for a 999 only where its interchange can't be read.

use super::answer_writer::ClaimFacts;
use super::verdict::{GroupVerdict, InterchangeVerdict, SetVerdict, Survey};
use crate::adjudication::decision::ClaimSource;
use crate::claim::assembler::SetHeader;
use crate::clock::Timestamp;
use crate::config::AckPolicy;
use crate::config::Profile;
use crate::events::fact::{AckBuilt, Answer, Fact, FactHead, RejectReason, SetAnswer, SetParties};
use crate::finding::{Finding, ReportCode};
use crate::ids::FileDigest;
use crate::ledger::{FileRow, LedgerError, Numbers, Seq};

/// A set whose claims have their outcomes in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAnswered {
    pub st_byte: u64,
    pub header: SetHeader,
    pub first: Seq,
    pub last: Seq,
    pub claims: u32,
    /// A claim of it was rejected in pass 2, so that no 999 says so. See [`note_rejections`].
    pub rejects: bool,
}

/// Facts read at once.
const ROUND: usize = 2_048;

/// Finds out which sets have a claim that was rejected in pass 2, where the profile answers only those.
///
/// # Errors
/// [`LedgerError`].
pub fn note_rejections(file: FileDigest, answered: &mut [SetAnswered], profile: &Profile, facts: &impl ClaimFacts) -> Result<(), LedgerError> {
    if profile.ack.x277ca == AckPolicy::Always {
        return Ok(());
    }
    for set in answered.iter_mut().filter(|set| set.claims > 0) {
        let mut from = set.first;
        while from <= set.last && !set.rejects {
            let left = usize::try_from(set.last + 1 - from).unwrap_or(usize::MAX);
            let read = facts.claim_facts(from, left.min(ROUND))?;
            let Some((last, _)) = read.last() else { break };
            from = last + 1;
            let is_of_set = |source: &ClaimSource| source.file == file && source.st_byte == set.st_byte;
            set.rejects = read
                .iter()
                .any(|(_, fact)| matches!(fact, FactHead::ClaimRejected(rejection) if is_of_set(&rejection.source)));
        }
    }
    Ok(())
}

/// The acknowledgements of a file, in the order in which they are sent. `answered` is in file order.
pub fn acknowledgements(
    numbers: &mut Numbers,
    row: &FileRow,
    profile: &Profile,
    survey: &Survey,
    rejection: Option<RejectReason>,
    answered: &[SetAnswered],
    at: Timestamp,
) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut answered = answered.iter().peekable();
    let mut build = |interchange: &InterchangeVerdict, answer: Answer| {
        let ack = AckBuilt {
            file: row.file,
            partner: row.partner.clone(),
            interchange: interchange.interchange.clone(),
            control_number: numbers.take(),
            built_at: at,
            answer,
        };
        facts.push(Fact::AckBuilt(Box::new(ack)));
    };
    for interchange in &survey.interchanges {
        let note = note(interchange, rejection);
        let is_wanted = interchange.interchange.wants_ack || profile.ack.ta1 == AckPolicy::Always;
        let has_only_ta1s = !interchange.ta1s.is_empty() && interchange.groups.is_empty();
        if (note.is_some() && !has_only_ta1s) || (is_wanted && !interchange.only_answers()) {
            build(interchange, Answer::Interchange { note });
        }
        if note.is_some() {
            continue;
        }
        for group in interchange.groups.iter().filter(|group| !group.is_answer()) {
            let answer = group_answer(group);
            let is_clean = matches!(&answer, Answer::Group { sets, findings, .. } if findings.is_empty() && sets.iter().all(|set| set.findings.is_empty()));
            if profile.ack.x999 == AckPolicy::Always || !is_clean {
                build(interchange, answer);
            }
            for set in &group.sets {
                let of_set = answered.next_if(|answered| answered.st_byte == set.set.byte);
                let Some(answered) = of_set.filter(|answered| answered.claims > 0) else {
                    continue;
                };
                if profile.ack.x277ca == AckPolicy::Always || answered.rejects || !set.rejected.is_empty() {
                    let answer = Answer::Claims {
                        set: set.set.clone(),
                        header: parties(&answered.header),
                        first: answered.first,
                        last: answered.last,
                    };
                    build(interchange, answer);
                }
            }
        }
    }
    facts
}

/// TA105: the interchange's own note; in a file that lets no claim in because its bytes end or stop
/// being X12, every interchange has one.
fn note(interchange: &InterchangeVerdict, rejection: Option<RejectReason>) -> Option<u16> {
    interchange.note().or(match rejection {
        Some(RejectReason::Truncated) => Some(23),
        Some(RejectReason::NotX12) => Some(22),
        Some(RejectReason::Envelope | RejectReason::DuplicateControlNumber | RejectReason::Empty) | None => None,
    })
}

fn group_answer(verdict: &GroupVerdict) -> Answer {
    Answer::Group {
        group: verdict.group.clone(),
        sets: verdict.sets.iter().map(set_answer).collect(),
        findings: verdict.findings.clone(),
    }
}

fn set_answer(verdict: &SetVerdict) -> SetAnswer {
    let mut findings: Vec<Finding> = verdict
        .findings
        .iter()
        .chain(verdict.claim_findings.iter().map(|claim| &claim.finding))
        .copied()
        .filter(|finding| !matches!(finding.code, ReportCode::Status(_)))
        .collect();
    findings.sort_by_key(|finding| finding.position.ordinal);
    SetAnswer {
        set: verdict.set.clone(),
        findings,
        is_rejected: !verdict.is_accepted(),
        rejected_claims: verdict.rejected.len(),
    }
}

fn parties(header: &SetHeader) -> SetParties {
    SetParties {
        submitter_name: header.submitter.last.clone(),
        submitter_id: header.submitter_id.clone(),
        receiver_id: header.receiver_id.clone(),
        reference: header.reference.clone(),
    }
}
