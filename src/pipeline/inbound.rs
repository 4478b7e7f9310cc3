//! The way of one file: sealed, surveyed, decided in batches, closed with its acknowledgements.
//!
//! To the next editor: pass 1 ([`survey`]) and pass 2 ([`Underway`], for small files [`decide_at_once`])
//! read the same sealed bytes. Progress counts the claims that pass 2 hands out; the claims of a file stand
//! in the journal in their order, maybe with those of other files between them.

use std::io::{self, Read};
use std::time::Instant;

use super::acknowledge::{acknowledgements, note_rejections};
use super::decide::{Decided, Desk, Pending};
use super::house::{House, HouseError};
use super::open_sets::{OpenSet, SetRead, for_each_claim};
use super::originals;
use super::other_claims;
use super::outbox::Unrecorded;
use super::reading::ReadError;
use super::remit_answers;
use super::seen::Seen;
use super::set_places::{SetPlaces, answered};
use super::survey::{SurveyError, survey};
use super::tally::{self, BatchTally};
use super::underway::Underway;
use super::verdict::Survey;
use crate::adjudication::decision::ClaimSource;
use crate::claim::assembler::{Assembled, SetHeader};
use crate::clock::Timestamp;
use crate::config::{Config, Profile};
use crate::envelope::Interchange;
use crate::events::fact::{ClaimCounts, Fact, FileCompleted, FileRejected, RejectReason};
use crate::finding::{Check, Finding, ReportCode};
use crate::ids::{ClaimId, ContentDigest, PartnerId, PayerClaimNumber, Token};
use crate::intake::archive::Archived;
use crate::ledger::{Admission, Arrival, Batch, Counter, FileRow, FileState, Ledger, LedgerError, Numbers, Progress, Seq, reach};
use crate::position::Position;
use crate::sealing::SealError;

/// What became of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileReport {
    /// The same bytes had been received before; nothing changed.
    pub is_duplicate: bool,
    pub rejected: Option<RejectReason>,
    pub interchanges: u32,
    pub transaction_sets: u32,
    pub counts: ClaimCounts,
}

/// Why a file could not be taken in. What was committed stays; the next start goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum InboundError {
    #[error("the file cannot be read or archived")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Survey(#[from] SurveyError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    House(#[from] HouseError),
    #[error("the archived file does not read the same twice")]
    Unstable,
    #[error("decided with the rule pack {digest}, which is neither in force nor kept in rules/; restore it from a backup or point [rules] dir to it")]
    OtherRules { digest: ContentDigest },
    #[error("the threads of this run cannot be started")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    #[error("a later stage stopped")]
    Stopped,
    #[error("interrupted; what is decided is kept, and the next start goes on from there")]
    Interrupted,
}

impl InboundError {
    /// Sealed bytes were changed, or don't read the same twice (exit 5), as against I/O trouble (exit 1).
    pub fn is_integrity_failure(&self) -> bool {
        match self {
            InboundError::Unstable => true,
            InboundError::Ledger(error) => error.is_integrity_failure(),
            InboundError::Io(error) | InboundError::Read(ReadError::Io(error)) | InboundError::Survey(SurveyError::Io(error)) => {
                error.get_ref().is_some_and(|inner| matches!(inner.downcast_ref(), Some(SealError::Tampered)))
            }
            InboundError::Read(ReadError::NotX12(_))
            | InboundError::Survey(SurveyError::Guide(_) | SurveyError::NotX12(_))
            | InboundError::House(_)
            | InboundError::OtherRules { .. }
            | InboundError::Threads(_)
            | InboundError::Stopped
            | InboundError::Interrupted => false,
        }
    }
}

/// Called as work goes on: bytes of the file that are read, of how many.
pub type OnProgress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// A file that is in the archive, and how it came there.
#[derive(Debug, Clone)]
pub struct Arrived {
    pub archived: Archived,
    /// Whose channel it came through; `None`: the one its first ISA names.
    pub partner: Option<PartnerId>,
    pub received_at: Timestamp,
}

/// Takes in one file: seals it, decides its claims, journals its acknowledgements.
///
/// # Errors
/// [`InboundError`]; a file that is no X12 is no error but a rejected file in the report.
pub fn ingest(
    house: &mut House,
    seen: &Seen,
    input: &mut dyn Read,
    partner: Option<&PartnerId>,
    received_at: Timestamp,
    progress: OnProgress<'_>,
) -> Result<FileReport, InboundError> {
    // A name that is not configured is refused before anything is kept.
    house.profile(partner, None)?;
    let arrived = Arrived {
        archived: house.archive.receive(input, &house.keys)?,
        partner: partner.cloned(),
        received_at,
    };
    ingest_archived(house, seen, &arrived, progress)
}

/// The same for a file that is in the archive already.
///
/// # Errors
/// As [`ingest`].
pub fn ingest_archived(house: &mut House, seen: &Seen, arrived: &Arrived, progress: OnProgress<'_>) -> Result<FileReport, InboundError> {
    begin(house, arrived)?.finish(house, seen, progress)
}

/// A file after the first look inside.
#[derive(Debug)]
pub enum Begun {
    /// Known before, or rejected as a whole.
    Done(FileReport),
    Underway(Box<Underway>),
}

impl Begun {
    /// Decides all that is left, without a pause.
    ///
    /// # Errors
    /// [`InboundError`].
    pub fn finish(self, house: &mut House, seen: &Seen, progress: OnProgress<'_>) -> Result<FileReport, InboundError> {
        match self {
            Begun::Done(report) => Ok(report),
            Begun::Underway(mut file) => {
                file.go_on(house, seen, progress, &|| false)?;
                file.complete(house)
            }
        }
    }
}

/// Admits a file and looks into it; its claims are still to be decided.
///
/// # Errors
/// [`InboundError`].
pub fn begin(house: &mut House, arrived: &Arrived) -> Result<Begun, InboundError> {
    match admit(house, arrived)? {
        Admitted::Known(report) => Ok(Begun::Done(report)),
        Admitted::Undecided(row, profile) => begin_again(house, *row, *profile),
    }
}

/// The same for a file that was admitted before.
///
/// # Errors
/// [`InboundError`].
pub fn begin_again(house: &mut House, row: FileRow, profile: Profile) -> Result<Begun, InboundError> {
    let span = tracing::info_span!("file", trace = row.file.trace(), partner = row.partner.as_str());
    let _file = span.clone().entered();
    let survey = survey_archived(house, &row, &profile)?;
    let decided_at = Timestamp::now();
    match survey.rejection() {
        Some((reason, byte)) => reject(house, &row, &profile, &survey, reason, byte, decided_at).map(Begun::Done),
        None => {
            // Before its claims: whoever comes with the same numbers while they are decided repeats them.
            house.ledger.append(&Batch {
                control_numbers: control_numbers(&survey),
                file: Some((row.number, row.progress, FileState::Open)),
                ..Batch::default()
            })?;
            Underway::begin(house, row, profile, survey, decided_at, span).map(|file| Begun::Underway(Box::new(file)))
        }
    }
}

/// Takes in a small file with what is not durable yet; the position of its claims is noted for when it is.
pub(super) fn take_in_at_once(house: &mut House, seen: &Seen, arrived: &Arrived, undurable: &mut Vec<Seq>) -> Result<FileReport, InboundError> {
    let (row, profile) = match admit(house, arrived)? {
        Admitted::Known(report) => return Ok(report),
        Admitted::Undecided(row, profile) => (row, profile),
    };
    let _file = tracing::info_span!("file", trace = row.file.trace(), partner = row.partner.as_str()).entered();
    let survey = survey_archived(house, &row, &profile)?;
    let decided_at = Timestamp::now();
    if let Some((reason, byte)) = survey.rejection() {
        return reject(house, &row, &profile, &survey, reason, byte, decided_at);
    }
    let decided = {
        let _decide = tracing::info_span!("decide", claims = survey.claims()).entered();
        decide_at_once(house, seen, &row, &profile, &survey, decided_at, undurable)?
    };
    complete(house, &row, &profile, &survey, decided, decided_at)
}

enum Admitted {
    Known(FileReport),
    Undecided(Box<FileRow>, Box<Profile>),
}

fn admit(house: &mut House, arrived: &Arrived) -> Result<Admitted, InboundError> {
    let Archived { file, bytes } = arrived.archived;
    let profile = profile_of(house, &file, arrived.partner.as_ref())?;
    let arrival = Arrival {
        file,
        partner: profile.id.clone(),
        bytes,
        received_at: arrived.received_at,
    };
    Ok(match house.ledger.admit(&arrival)? {
        Admission::Duplicate(row) => {
            tally::file_seen_before(&arrival.partner);
            tracing::info!(trace = row.file.trace(), partner = arrival.partner.as_str(), "file received before");
            Admitted::Known(FileReport {
                is_duplicate: true,
                ..FileReport::default()
            })
        }
        Admission::New(row) | Admission::Unfinished(row) => Admitted::Undecided(Box::new(row), Box::new(profile)),
    })
}

/// Files that an earlier process did not finish, for [`begin_again`].
///
/// # Errors
/// [`InboundError`].
pub fn unfinished(house: &House) -> Result<Vec<(FileRow, Profile)>, InboundError> {
    let rows = house.ledger.files()?.into_iter().filter(|row| row.state == FileState::Open);
    rows.map(|row| {
        let named = Some(&row.partner).filter(|partner| partner.as_str() != Profile::default().id.as_str());
        let profile = house.profile(named, None)?;
        Ok((row, profile))
    })
    .collect()
}

/// Goes on with all of them.
///
/// # Errors
/// [`InboundError`].
pub fn resume(house: &mut House, seen: &Seen, progress: OnProgress<'_>) -> Result<Vec<FileReport>, InboundError> {
    let unfinished = unfinished(house)?.into_iter();
    unfinished
        .map(|(row, profile)| begin_again(house, row, profile)?.finish(house, seen, progress))
        .collect()
}

/// Of the partner that is named, else of the one that the file's first ISA names.
fn profile_of(house: &House, file: &crate::ids::FileDigest, partner: Option<&PartnerId>) -> Result<Profile, InboundError> {
    let first = match partner {
        Some(_) => None,
        None => first_interchange(&mut house.archive.open(file, &house.keys)?)?,
    };
    Ok(house.profile(partner, first.as_ref())?)
}

/// What the first ISA of a file declares; `None` when the file does not begin with one.
pub fn first_interchange(input: &mut dyn Read) -> io::Result<Option<Interchange>> {
    let mut start = Vec::with_capacity(1024);
    input.take(1024).read_to_end(&mut start)?;
    let mut first = None;
    // Whatever follows the ISA is read again in pass 1, with its errors.
    let _ = crate::x12::tokenizer::for_each_segment(&start, usize::MAX, |segment| {
        if segment.is("ISA") && first.is_none() {
            first = Some(crate::envelope::interchange::begin(segment).0);
        }
    });
    Ok(first)
}

fn survey_archived(house: &House, row: &FileRow, profile: &Profile) -> Result<Survey, InboundError> {
    let _survey = tracing::info_span!("survey", bytes = row.bytes).entered();
    let mut archived = house.archive.open(&row.file, &house.keys)?;
    let start = Instant::now();
    let mut failed = None;
    let mut result = survey(&mut archived, &profile.severity, &mut |interchange, position| {
        let (sender, receiver) = (&interchange.sender, &interchange.receiver);
        let received_at = house
            .ledger
            .control_number_received(sender, receiver, interchange.control_number.as_str(), row.number);
        let received_at = received_at.unwrap_or_else(|error| {
            failed = Some(error);
            None
        });
        let is_repeated = received_at.is_some_and(|before| is_within(before, row.received_at, profile.isa13_days));
        let mut findings = Vec::new();
        if is_repeated {
            findings.push(Finding::new(Check::S105, ReportCode::Ta1(25), position));
        }
        findings.extend(other_usage(profile, interchange, position));
        if house.enforces_parties {
            findings.extend(other_parties(&house.config, profile, interchange, position));
        }
        findings
    })?;
    if let Some(partner) = house.config.partner_named(profile.id.as_str()).filter(|_| house.enforces_parties) {
        remit_answers::admit_answering_parties(&mut result, &house.config, partner);
    }
    tally::surveyed(row.bytes, start.elapsed());
    failed.map_or(Ok(result), |error| Err(error.into()))
}

/// A partner's row says whether it sends test or production files.
pub fn other_usage(profile: &Profile, interchange: &Interchange, at: Position) -> Option<Finding> {
    let differs = profile.usage.is_some_and(|usage| usage.as_str() != interchange.usage.as_str());
    differs.then(|| Finding::new(Check::S104, ReportCode::Ta1(20), Position { element: 15, ..at }))
}

/// A partner's channel carries its own interchanges only, to the receiver that was agreed.
fn other_parties(config: &Config, profile: &Profile, interchange: &Interchange, at: Position) -> Option<Finding> {
    let partner = config.partner_named(profile.id.as_str())?;
    let differs = |party: &crate::config::InterchangeParty, found: &str| party.to_string() != found;
    let (note, element) = if differs(&partner.isa_sender, &interchange.sender) {
        (6, 6)
    } else if differs(&partner.isa_receiver, &interchange.receiver) {
        (8, 8)
    } else {
        return None;
    };
    Some(Finding::new(Check::S104, ReportCode::Ta1(note), Position { element, ..at }))
}

/// Files may be handed over later than they were received, in any order: the distance counts.
fn is_within(before: Timestamp, now: Timestamp, days: u32) -> bool {
    before.unix_seconds().abs_diff(now.unix_seconds()) < u64::from(days) * 86_400
}

/// Records a file that lets no claim in, with its reason and its negative answers.
fn reject(
    house: &mut House,
    row: &FileRow,
    profile: &Profile,
    survey: &Survey,
    reason: RejectReason,
    byte: u64,
    at: Timestamp,
) -> Result<FileReport, InboundError> {
    let counts = ClaimCounts {
        received: survey.claims(),
        rejected: survey.claims(),
        ..ClaimCounts::default()
    };
    let mut facts = vec![Fact::FileRejected(FileRejected {
        file: row.file,
        partner: row.partner.clone(),
        reason,
        byte,
        counts,
        rejected_at: at,
    })];
    let mut numbers = Numbers::after_last(&house.ledger, Counter::Interchange)?;
    facts.extend(acknowledgements(&mut numbers, row, profile, survey, Some(reason), &[], at));
    let progress = Progress {
        claims: survey.claims(),
        counts,
        first_seq: house.ledger.last_seq()? + 1,
    };
    reach("inbound::rejection::before-append")?;
    house.ledger.append(&Batch {
        facts,
        counters: vec![numbers.used()],
        file: Some((row.number, progress, FileState::Rejected)),
        ..Batch::default()
    })?;
    reach("inbound::rejection::after-append")?;
    tally::file_closed(row, survey, Some(reason), counts.rejected);
    tracing::info!(reason = reason.as_str(), byte, claims = counts.rejected, "file rejected");
    Ok(report(survey, counts, Some(reason)))
}

fn report(survey: &Survey, counts: ClaimCounts, rejected: Option<RejectReason>) -> FileReport {
    FileReport {
        is_duplicate: false,
        rejected,
        interchanges: u32::try_from(survey.interchanges.len()).unwrap_or(u32::MAX),
        transaction_sets: u32::try_from(survey.sets().count()).unwrap_or(u32::MAX),
        counts,
    }
}

/// Sender, receiver and ISA13 of the interchanges that are accepted.
fn control_numbers(survey: &Survey) -> Vec<(String, String, String)> {
    let accepted = survey.interchanges.iter().filter(|interchange| interchange.is_accepted());
    accepted
        .map(|accepted| {
            let Interchange {
                sender,
                receiver,
                control_number,
                ..
            } = &accepted.interchange;
            (sender.to_string(), receiver.to_string(), control_number.to_string())
        })
        .collect()
}

/// What pass 2 came to.
pub(super) struct DecidedClaims {
    pub progress: Progress,
    /// Of the open sets, in file order.
    pub sets: Vec<SetRead>,
    pub places: SetPlaces,
}

/// Closes a file whose claims all have their outcome: acknowledgements, control numbers, completion.
pub(super) fn complete(
    house: &mut House,
    row: &FileRow,
    profile: &Profile,
    survey: &Survey,
    decided: DecidedClaims,
    at: Timestamp,
) -> Result<FileReport, InboundError> {
    let DecidedClaims {
        progress: mut done,
        sets,
        places,
    } = decided;
    let read: u64 = sets.iter().map(|set| u64::from(set.claims)).sum();
    if read != done.claims || read > survey.claims() {
        return Err(InboundError::Unstable);
    }
    // Claims of sets that were rejected whole, and a CLM that stands where no claim can, are counted
    // here: they have no fact of their own.
    let outside = survey.claims() - read;
    done.counts.received += outside;
    done.counts.rejected += outside;
    let mut answered = answered(survey, &sets, &places);
    note_rejections(row.file, &mut answered, profile, &house.ledger)?;
    let mut numbers = Numbers::after_last(&house.ledger, Counter::Interchange)?;
    let mut facts = acknowledgements(&mut numbers, row, profile, survey, None, &answered, at);
    let report = report(survey, done.counts, None);
    let mut answers = remit_answers::find(&house.ledger, row, survey)?;
    facts.append(&mut answers.facts);
    facts.push(Fact::FileCompleted(FileCompleted {
        file: row.file,
        partner: row.partner.clone(),
        interchanges: report.interchanges,
        transaction_sets: report.transaction_sets,
        counts: done.counts,
        completed_at: at,
    }));
    if done.first_seq == 0 {
        // No claim of it has a fact: it begins with its answers.
        done.first_seq = house.ledger.last_seq()? + 1;
    }
    let closing = tracing::info_span!("commit").entered();
    reach("inbound::completion::before-append")?;
    house.ledger.append(&Batch {
        facts,
        counters: vec![numbers.used()],
        control_numbers: control_numbers(survey),
        file: Some((
            row.number,
            Progress {
                claims: survey.claims(),
                ..done
            },
            FileState::Completed,
        )),
        ..Batch::default()
    })?;
    reach("inbound::completion::after-append")?;
    drop(closing);
    tally::file_closed(row, survey, None, outside);
    answers.report(row);
    let ClaimCounts { received, rejected, .. } = done.counts;
    tracing::info!(bytes = row.bytes, received, rejected, "file completed");
    Ok(report)
}

/// Pass 2 of a small file, on this thread.
fn decide_at_once(
    house: &mut House,
    seen: &Seen,
    row: &FileRow,
    profile: &Profile,
    survey: &Survey,
    decided_at: Timestamp,
    firsts: &mut Vec<Seq>,
) -> Result<DecidedClaims, InboundError> {
    let (mut claims, mut sets) = (Vec::new(), Vec::new());
    for_each_claim(
        &mut house.archive.open(&row.file, &house.keys)?,
        survey,
        &mut |open, header, assembled, _| {
            claims.push(pending(row, &open, header, assembled));
            Ok::<(), InboundError>(())
        },
        &mut |set| sets.push(set),
    )?;
    let left = claims.into_iter().skip(usize::try_from(row.progress.claims).unwrap_or(usize::MAX));
    let desk = Desk::new((&house.keys, &house.reference, &house.rules, &house.config), row, profile, decided_at);
    let start = Instant::now();
    // On this connection, which alone sees what is not durable yet.
    let find_original = |number: &PayerClaimNumber, member: &Token| originals::find(&house.ledger, seen, Seq::MAX, number, member);
    let find_for_later = |claim: &ClaimId| other_claims::for_later(&house.ledger, seen, claim);
    let decided: Vec<Decided> = left.map(|pending| desk.decide(pending, seen, (&find_original, &find_for_later))).collect();
    let (mut progress, mut places) = (row.progress, SetPlaces::of_unfinished(&house.ledger, row)?);
    if !decided.is_empty() {
        tally::batch_decided(start.elapsed());
        seen.batch_decided()?;
        let unrecorded = house.outbox.unrecorded();
        let (first, facts) = append(&mut house.ledger, row, &mut progress, decided, &unrecorded)?;
        places.note(first, &facts);
        firsts.push(first);
    }
    Ok(DecidedClaims { progress, sets, places })
}

/// A claim that was read, with its source and the findings of pass 1.
pub fn pending(row: &FileRow, open: &OpenSet<'_>, header: &SetHeader, assembled: Assembled) -> Pending {
    let claim = &assembled.claim;
    let source = ClaimSource {
        file: row.file,
        partner: row.partner.clone(),
        isa13: open.interchange.control_number.clone(),
        gs06: open.group.control_number.clone(),
        st02: open.verdict.set.control_number.clone(),
        st_byte: open.verdict.set.byte,
        ordinal: claim.ordinal,
        bytes: claim.bytes,
    };
    let mut structural: Vec<Finding> = open.verdict.findings_of(claim.ordinal);
    if open.verdict.rejected.contains(claim.ordinal) && !structural.iter().any(Finding::rejects) {
        // Its own finding was beyond the bound of kept findings; the claim is rejected all the same.
        structural.push(Finding::new(
            Check::S110,
            ReportCode::Segment(crate::finding::SegmentError::HasElementErrors),
            Position::of_segment(Some(crate::loop_id::LoopId::L2300), claim.at),
        ));
    }
    Pending {
        source,
        structural,
        is_encounter: header.is_encounter(),
        assembled,
    }
}

/// Journals a batch with the progress it makes true; the position of its first fact, and its facts.
pub(super) fn append(
    ledger: &mut impl Ledger,
    row: &FileRow,
    progress: &mut Progress,
    decided: Vec<Decided>,
    unrecorded: &Unrecorded,
) -> Result<(Seq, Vec<Fact>), InboundError> {
    let before = progress.counts;
    let mut batch = Batch::default();
    let first_of_batch = ledger.last_seq()? + 1;
    for decided in decided {
        progress.claims += 1;
        if let Some(mut reversal) = decided.reversal {
            if reversal.decided_seq == 0 {
                reversal.decided_seq = position_of(&reversal.claim_id, ledger, first_of_batch, &batch.facts)?;
            }
            batch.returned.extend(reversal.returned.iter().map(|returned| (returned.row, returned.units)));
            batch.facts.push(Fact::ClaimReversed(reversal));
        }
        match &decided.fact {
            Fact::ClaimAdjudicated(decision) => {
                let determination = &decision.determination;
                progress.counts.decided(determination.outcome(), determination.charge(), determination.paid());
                batch
                    .units
                    .extend(determination.consumed().iter().map(|consumed| (consumed.row, consumed.units)));
            }
            Fact::ClaimRejected(rejection) => progress.counts.rejected(rejection.echo.charge),
            Fact::FileReceived(_)
            | Fact::FileDuplicate(_)
            | Fact::FileRejected(_)
            | Fact::FileCompleted(_)
            | Fact::AckBuilt(_)
            | Fact::ClaimReversed(_)
            | Fact::RemitBuilt(_)
            | Fact::RemitDelivered(_)
            | Fact::RemitSent(_)
            | Fact::RemitAcknowledged(_)
            | Fact::DeadLettered(_)
            | Fact::Redriven(_) => {}
        }
        batch.fingerprints.extend(decided.fingerprints);
        batch.facts.push(decided.fact);
    }
    if progress.first_seq == 0 {
        progress.first_seq = first_of_batch;
    }
    let _commit = tracing::info_span!("commit", claims = batch.facts.len()).entered();
    batch.file = Some((row.number, *progress, FileState::Open));
    batch.delivered.extend(unrecorded.take());
    reach("inbound::claims::before-append")?;
    let first = ledger.append(&batch)?;
    reach("inbound::claims::after-append")?;
    BatchTally::of(&batch.facts).record(&before, &progress.counts);
    Ok((first, batch.facts))
}

/// Where a claim's decision stands that was not in the journal when it was asked for.
fn position_of(claim: &ClaimId, ledger: &impl Ledger, first: Seq, facts: &[Fact]) -> Result<Seq, LedgerError> {
    let is_it = |fact: &Fact| matches!(fact, Fact::ClaimAdjudicated(decision) if decision.claim_id == *claim);
    let in_batch = (first..).zip(facts).find_map(|(seq, fact)| is_it(fact).then_some(seq));
    match in_batch {
        Some(seq) => Ok(seq),
        None => ledger.find_claim(claim)?.ok_or(LedgerError::Inconsistent {
            what: "a decision that is to be taken back is not in the journal",
        }),
    }
}
