//! What would become of a file, without a data directory: findings and acknowledgements only.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use super::acknowledge::{acknowledgements, note_rejections};
use super::answer_writer::{AnswerError, ClaimFacts, write_acknowledgement};
use super::decide::Desk;
use super::house::{HouseError, profile, rule_pack};
use super::inbound::{InboundError, first_interchange, other_usage, pending};
use super::open_sets::{SetRead, for_each_claim};
use super::seen::Seen;
use super::set_places::{SetPlaces, answered};
use super::survey::survey;
use super::verdict::{GroupVerdict, SetVerdict, Survey};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::delivery::files::OutboundFiles;
use crate::envelope::Interchange;
use crate::events::fact::{Fact, FactHead, RejectReason};
use crate::finding::{Finding, ReportCode, Severity, SnipLevel};
use crate::ids::{FileDigest, PartnerId};
use crate::intake::archive::digest_of;
use crate::ledger::{FileRow, FileState, LedgerError, Numbers, Progress, Seq};
use crate::sealing::Keys;
use crate::tables::refdata::ReferenceData;

/// Whether claims got in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Accepted,
    Partial,
    Rejected,
}

/// The sums of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validation {
    pub verdict: Verdict,
    /// Why no claim got in.
    pub reason: Option<RejectReason>,
    /// TA104 of the first interchange that is rejected, else `A`; `None` without an ISA.
    pub ta1: Option<&'static str>,
    /// AK901 per group, IK501 per set.
    pub ak9: Vec<&'static str>,
    pub ik5: Vec<&'static str>,
    pub received: u64,
    pub rejected: u64,
}

/// A finding and the claim it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValidationFinding {
    pub finding: Finding,
    /// CLM counted from 1 within its ST; `None` for envelope and set findings.
    pub claim: Option<u32>,
}

/// Why a file can't be validated.
#[derive(Debug, thiserror::Error)]
pub enum ValidationError {
    #[error("{path}: cannot be read")]
    Open { path: PathBuf, source: io::Error },
    #[error(transparent)]
    House(#[from] HouseError),
    #[error(transparent)]
    Inbound(#[from] InboundError),
    #[error("an acknowledgement cannot be written")]
    Answer(#[from] AnswerError),
    #[error(transparent)]
    Reference(#[from] crate::tables::LoadError),
    #[error(transparent)]
    Seal(#[from] crate::sealing::SealError),
}

/// Validates a file; every finding of the wanted SNIP levels goes to `each`, in reading order. Checks
/// above the highest level wanted reject nothing; those below the lowest reject and go unreported.
/// Acknowledgements are written into the directory of `acks_to`, under its next control numbers.
///
/// # Errors
/// [`ValidationError`]; bad X12 is a finding, not an error.
pub fn validate(
    config: &Config,
    path: &Path,
    partner: Option<&PartnerId>,
    levels: (SnipLevel, SnipLevel),
    acks_to: Option<(&Path, &mut Numbers)>,
    each: &mut dyn FnMut(&ValidationFinding),
) -> Result<Validation, ValidationError> {
    let open = || {
        File::open(path).map(BufReader::new).map_err(|source| ValidationError::Open {
            path: path.to_path_buf(),
            source,
        })
    };
    let mut each = |finding: Finding, claim: Option<u32>| {
        let level = finding.check.snip();
        if levels.0 <= level && level <= levels.1 && finding.severity != Severity::Ignore {
            each(&ValidationFinding { finding, claim });
        }
    };
    let digest = digest_of(&mut open()? as &mut dyn Read).map_err(InboundError::Io)?;
    let first = first_interchange(&mut open()?).map_err(InboundError::Io)?;
    let mut profile = profile(config, partner, first.as_ref())?;
    profile.severity = profile.severity.up_to(levels.1);
    let mut extra = |interchange: &Interchange, at| other_usage(&profile, interchange, at).into_iter().collect();
    let survey = survey(&mut open()?, &profile.severity, &mut extra).map_err(InboundError::Survey)?;
    let rejection = survey.rejection();
    report_envelopes(&survey, &mut each);
    let (now, row) = (Timestamp::now(), file_row(digest, &profile.id));
    let rules = rule_pack(config)?;
    let reference = ReferenceData::embedded()?;
    let keys = Keys::parse(&Keys::generate()?)?;
    let desk = Desk {
        keys: &keys,
        reference: &reference,
        rules: &rules,
        severity: &profile.severity,
        payer_ids: &config.payer.ids,
        zone: config.payer.timezone,
        received_at: now,
        decided_at: now,
    };
    let (seen, mut sets, mut facts, mut rejected) = (Seen::empty(), Vec::new(), Vec::new(), 0);
    if rejection.is_none() {
        for_each_claim(
            &mut open()?,
            &survey,
            &mut |open, header, assembled, _| {
                let fact = desk
                    .decide(
                        pending(&row, &open, header, assembled),
                        &seen,
                        (&|_: &_, _: &_| Ok(None), &|_: &_| Ok(Default::default())),
                    )
                    .fact;
                let (findings, ordinal) = match &fact {
                    Fact::ClaimAdjudicated(decision) => (&decision.findings, decision.source.ordinal),
                    Fact::ClaimRejected(rejection) => (&rejection.findings, rejection.source.ordinal),
                    _ => return Ok(()),
                };
                rejected += u64::from(matches!(fact, Fact::ClaimRejected(_)));
                findings.iter().for_each(|finding| each(*finding, Some(ordinal)));
                if acks_to.is_some() {
                    facts.push(fact);
                }
                Ok::<(), InboundError>(())
            },
            &mut |set| sets.push(set),
        )?;
    }
    let received = survey.claims();
    let read: u64 = sets.iter().map(|set: &SetRead| u64::from(set.claims)).sum();
    let rejected = rejected + received - read;
    if let Some((directory, numbers)) = acks_to {
        let mut places = SetPlaces::default();
        places.note(1, &facts);
        let facts = HeldFacts(facts.into_iter().map(FactHead::from).collect());
        let mut answered = answered(&survey, &sets, &places);
        note_rejections(digest, &mut answered, &profile, &facts).map_err(InboundError::Ledger)?;
        let acks = acknowledgements(numbers, &row, &profile, &survey, rejection.map(|(reason, _)| reason), &answered, now);
        write_acks(config, directory, &acks, &facts)?;
    }
    Ok(Validation {
        verdict: match (received - rejected, rejected, rejection) {
            (0, 0, None) if survey.has_answers() && survey.findings_that_reject() == 0 => Verdict::Accepted,
            (0, ..) => Verdict::Rejected,
            (_, 0, None) if survey.findings_that_reject() == 0 => Verdict::Accepted,
            _ => Verdict::Partial,
        },
        reason: rejection.map(|(reason, _)| reason),
        ta1: survey.interchanges.first().map(|_| {
            if survey.interchanges.iter().all(|interchange| interchange.is_accepted()) && survey.stopped.is_none() {
                "A"
            } else {
                "R"
            }
        }),
        ak9: answered_groups(&survey).map(group_code).collect(),
        ik5: answered_groups(&survey).flat_map(|group| &group.sets).map(set_code).collect(),
        received,
        rejected,
    })
}

fn file_row(file: FileDigest, partner: &PartnerId) -> FileRow {
    FileRow {
        number: 0,
        file,
        partner: partner.clone(),
        bytes: 0,
        received_at: Timestamp::now(),
        state: FileState::Open,
        progress: Progress::default(),
    }
}

/// Findings that no claim carries: of envelopes, sets, the claims of rejected sets, and of where the
/// bytes stopped being X12.
pub(super) fn report_envelopes(survey: &Survey, each: &mut dyn FnMut(Finding, Option<u32>)) {
    let whole_file = survey.rejection().is_some();
    for interchange in &survey.interchanges {
        interchange.findings.iter().for_each(|finding| each(*finding, None));
        for group in &interchange.groups {
            group.findings.iter().for_each(|finding| each(*finding, None));
            for set in &group.sets {
                set.findings.iter().for_each(|finding| each(*finding, None));
                if whole_file || !interchange.is_accepted() || !group.is_accepted() || !set.is_accepted() {
                    set.claim_findings.iter().for_each(|claim| each(claim.finding, Some(claim.first)));
                }
            }
        }
    }
    survey.stop_finding().into_iter().for_each(|finding| each(finding, None));
}

/// Those that a 999 is about.
fn answered_groups(survey: &Survey) -> impl Iterator<Item = &GroupVerdict> {
    let groups = survey.interchanges.iter().flat_map(|interchange| &interchange.groups);
    groups.filter(|group| !group.is_answer())
}

/// AK901.
fn group_code(group: &GroupVerdict) -> &'static str {
    let accepted = group.sets.iter().filter(|set| set.is_accepted()).count();
    if !group.is_accepted() || (accepted == 0 && !group.sets.is_empty()) {
        "R"
    } else if accepted < group.sets.len() {
        "P"
    } else if !group.findings.is_empty() || group.sets.iter().any(|set| set_code(set) == "E") {
        "E"
    } else {
        "A"
    }
}

/// IK501.
fn set_code(set: &SetVerdict) -> &'static str {
    let of_claims = set.claim_findings.iter().map(|claim| &claim.finding);
    // What a 277CA tells of a claim is no error of the set.
    let is_reported = set
        .findings
        .iter()
        .chain(of_claims)
        .any(|finding| !matches!(finding.code, ReportCode::Status(_)));
    match (set.is_accepted(), is_reported) {
        (false, _) => "R",
        (true, true) => "E",
        (true, false) => "A",
    }
}

fn write_acks(config: &Config, directory: &Path, acks: &[Fact], facts: &HeldFacts) -> Result<(), ValidationError> {
    let files = OutboundFiles::new(directory.to_path_buf(), None);
    for fact in acks {
        if let Fact::AckBuilt(ack) = fact {
            let name = ack.file_name();
            files.write(&[&name], |out: &mut dyn Write| write_acknowledgement(facts, config, ack, out))?;
        }
    }
    Ok(())
}

/// The claims of a validated file; there is no ledger to read them from.
struct HeldFacts(Vec<FactHead>);

impl ClaimFacts for HeldFacts {
    fn claim_facts(&self, from: Seq, count: usize) -> Result<Vec<(Seq, FactHead)>, LedgerError> {
        let start = usize::try_from(from).unwrap_or(usize::MAX).saturating_sub(1);
        Ok((from..).zip(self.0.iter().skip(start).take(count).cloned()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_validated_as_its_senders() {
        let directory = tempfile::tempdir().unwrap();
        let (config, file) = (directory.path().join("claimstream.toml"), directory.path().join("a.837"));
        let text = include_str!("../../fixtures/valid/837p--dependent-drug-and-other-payer.x12");
        std::fs::write(&file, text).unwrap();
        for (receiver, usage, ta1) in [("CALOPTIMA", "T", "A"), ("CALOPTIMA", "P", "R"), ("ANOTHER", "P", "A")] {
            let partner = format!(
                "[[partner]]\nid = \"officeally\"\nisa_sender = \"ZZ:330897513\"\nisa_receiver = \"ZZ:{receiver}\"\nusage = \"{usage}\"\n\
                 [partner.folder]\nin = \"in\"\nout = \"out\"\n"
            );
            std::fs::write(&config, partner).unwrap();
            let config = Config::load(Some(&config), std::iter::empty()).unwrap();
            let validation = validate(&config, &file, None, (SnipLevel(1), SnipLevel(7)), None, &mut |_| {}).unwrap();
            assert_eq!(validation.ta1, Some(ta1), "{receiver} {usage}");
        }
    }
}
