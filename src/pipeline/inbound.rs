//! The way of one file: sealed, surveyed, decided in batches, closed with its acknowledgements.
//!
//! To the next editor: pass 1 ([`survey`]) and pass 2 ([`decide_claims`]) read the same sealed bytes.
//! Progress counts the claims that pass 2 hands out, and the claims of a file stand in the journal
//! without anything between them: resume and the 277CA's range rely on both. So whatever writes to the
//! journal resumes the open files first.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use rayon::prelude::*;

use super::acknowledge::{SetAnswered, acknowledgements, note_rejections};
use super::decide::{Decided, Desk, Pending, shard};
use super::house::{House, HouseError};
use super::open_sets::{OpenSet, SetRead, for_each_claim, open_sets};
use super::outbox::Unrecorded;
use super::reading::ReadError;
use super::seen::Seen;
use super::survey::{SurveyError, survey};
use super::tally::{self, BatchTally};
use super::verdict::Survey;
use crate::adjudication::decision::ClaimSource;
use crate::claim::assembler::{Assembled, SetHeader};
use crate::clock::Timestamp;
use crate::config::{Config, Profile};
use crate::envelope::Interchange;
use crate::events::fact::{ClaimCounts, Fact, FileCompleted, FileRejected, RejectReason};
use crate::finding::{Check, Finding, ReportCode};
use crate::ids::{ContentDigest, PartnerId};
use crate::intake::archive::Archived;
use crate::ledger::readers::Readers;
use crate::ledger::{Admission, Arrival, Batch, Counter, FileRow, FileState, Ledger, LedgerError, Numbers, Progress, Seq, reach};
use crate::limits;
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
    #[error("decided with the rule pack {digest}, which is not the one in force; point [rules] dir to it")]
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

/// How a file becomes durable.
#[derive(Debug)]
pub(super) enum Pace<'p> {
    /// In batches, which are published while the next ones are decided.
    Streamed,
    /// In one piece, with others: these are the positions of batches that are not durable yet.
    Together(&'p mut Vec<Seq>),
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
    take_in(house, seen, arrived, Pace::Streamed, progress)
}

/// Admits a file, and has it decided where it is new.
pub(super) fn take_in(house: &mut House, seen: &Seen, arrived: &Arrived, pace: Pace<'_>, progress: OnProgress<'_>) -> Result<FileReport, InboundError> {
    let Archived { file, bytes } = arrived.archived;
    let profile = profile_of(house, &file, arrived.partner.as_ref())?;
    let arrival = Arrival {
        file,
        partner: profile.id.clone(),
        bytes,
        received_at: arrived.received_at,
    };
    match house.ledger.admit(&arrival)? {
        Admission::Duplicate(row) => {
            tally::file_seen_before(&arrival.partner);
            tracing::info!(trace = row.file.trace(), partner = arrival.partner.as_str(), "file received before");
            Ok(FileReport {
                is_duplicate: true,
                ..FileReport::default()
            })
        }
        Admission::New(row) | Admission::Unfinished(row) => process(house, seen, &row, &profile, pace, progress),
    }
}

/// Goes on with the files that an earlier process did not finish.
///
/// # Errors
/// [`InboundError`].
pub fn resume(house: &mut House, seen: &Seen, progress: OnProgress<'_>) -> Result<Vec<FileReport>, InboundError> {
    let unfinished: Vec<FileRow> = house.ledger.files()?.into_iter().filter(|row| row.state == FileState::Open).collect();
    unfinished
        .into_iter()
        .map(|row| {
            let named = Some(&row.partner).filter(|partner| partner.as_str() != Profile::default().id.as_str());
            let profile = house.profile(named, None)?;
            process(house, seen, &row, &profile, Pace::Streamed, progress)
        })
        .collect()
}

/// The partner of a file is the one its first ISA names.
fn profile_of(house: &House, file: &crate::ids::FileDigest, partner: Option<&PartnerId>) -> Result<Profile, InboundError> {
    let first = first_interchange(&mut house.archive.open(file, &house.keys)?)?;
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

fn process(house: &mut House, seen: &Seen, row: &FileRow, profile: &Profile, pace: Pace<'_>, progress: OnProgress<'_>) -> Result<FileReport, InboundError> {
    let _file = tracing::info_span!("file", trace = row.file.trace(), partner = row.partner.as_str()).entered();
    let survey = survey_archived(house, row, profile)?;
    let decided_at = Timestamp::now();
    if let Some((reason, byte)) = survey.rejection() {
        return reject(house, row, profile, &survey, reason, byte, decided_at);
    }
    let deciding = tracing::info_span!("decide", claims = tracing::field::Empty).entered();
    let (done, sets) = match pace {
        Pace::Streamed => decide_claims(house, seen, row, profile, &survey, decided_at, progress)?,
        Pace::Together(firsts) => decide_at_once(house, seen, row, profile, &survey, decided_at, firsts)?,
    };
    deciding.record("claims", done.claims);
    drop(deciding);
    complete(house, row, profile, &survey, done, &sets, decided_at)
}

fn survey_archived(house: &House, row: &FileRow, profile: &Profile) -> Result<Survey, InboundError> {
    let _survey = tracing::info_span!("survey", bytes = row.bytes).entered();
    let mut archived = house.archive.open(&row.file, &house.keys)?;
    let start = Instant::now();
    let mut failed = None;
    let result = survey(&mut archived, &profile.severity, &mut |interchange, position| {
        let (sender, receiver) = (&interchange.sender, &interchange.receiver);
        let received_at = house.ledger.control_number_received(sender, receiver, interchange.control_number.as_str());
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

/// Closes a file whose claims all have their outcome: acknowledgements, control numbers, completion.
fn complete(
    house: &mut House,
    row: &FileRow,
    profile: &Profile,
    survey: &Survey,
    mut done: Progress,
    sets: &[SetRead],
    at: Timestamp,
) -> Result<FileReport, InboundError> {
    let read: u64 = sets.iter().map(|set| u64::from(set.claims)).sum();
    if read != done.claims || read > survey.claims() {
        return Err(InboundError::Unstable);
    }
    // Claims of sets that were rejected whole, and a CLM that stands where no claim can, are counted
    // here: they have no fact of their own.
    let outside = survey.claims() - read;
    done.counts.received += outside;
    done.counts.rejected += outside;
    let mut answered = answered(survey, sets, done.first_seq);
    note_rejections(&mut answered, profile, &house.ledger)?;
    let mut numbers = Numbers::after_last(&house.ledger, Counter::Interchange)?;
    let mut facts = acknowledgements(&mut numbers, row, profile, survey, None, &answered, at);
    let interchanges = survey.interchanges.iter().filter(|interchange| interchange.is_accepted());
    let control_numbers = interchanges
        .map(|accepted| {
            (
                accepted.interchange.sender.to_string(),
                accepted.interchange.receiver.to_string(),
                accepted.interchange.control_number.to_string(),
            )
        })
        .collect();
    let report = report(survey, done.counts, None);
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
        control_numbers,
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
    let ClaimCounts { received, rejected, .. } = done.counts;
    tracing::info!(bytes = row.bytes, received, rejected, "file completed");
    Ok(report)
}

/// Which journal positions belong to which open set, when the first claim of the file has `first`.
pub fn answered(survey: &Survey, sets: &[SetRead], first: Seq) -> Vec<SetAnswered> {
    let mut next = first;
    open_sets(survey)
        .zip(sets)
        .map(|(open, read)| {
            let first = next;
            next += u64::from(read.claims);
            SetAnswered {
                st_byte: open.verdict.set.byte,
                header: read.header.clone(),
                first,
                last: next.saturating_sub(1),
                claims: read.claims,
                rejects: false,
            }
        })
        .collect()
}

/// Pass 2: reads, decides, commits and publishes in four threads; returns the progress reached and what was read
/// of the open sets.
fn decide_claims(
    house: &mut House,
    seen: &Seen,
    row: &FileRow,
    profile: &Profile,
    survey: &Survey,
    decided_at: Timestamp,
    progress: OnProgress<'_>,
) -> Result<(Progress, Vec<SetRead>), InboundError> {
    let House {
        config,
        keys,
        archive,
        ledger,
        outbox,
        directory,
        interrupt,
        reference,
        rules,
        ..
    } = house;
    let (readers, unrecorded) = (Readers::new(directory.ledger(), &**keys), outbox.unrecorded());
    let desk = Desk::new((keys, reference, rules, config), row, profile, decided_at);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(config.limits.threads).build()?;
    let mut archived = archive.open(&row.file, keys)?;
    let (read, to_decide) = sync_channel::<Vec<Pending>>(1);
    let (decided, to_commit) = sync_channel::<Vec<Decided>>(1);
    let (committed, to_publish) = sync_channel::<(Seq, Vec<Fact>)>(1);
    let interrupt: &AtomicBool = interrupt;
    let deciding = tracing::Span::current();
    let (skip, batch_claims) = (row.progress.claims, batch_claims(config.limits.inflight_claims));
    thread::scope(|scope| {
        let reader = scope.spawn(move || read_claims(&mut archived, row, survey, (skip, batch_claims), &read, (interrupt, progress)));
        scope.spawn(move || outbox.follow(&readers, &to_publish));
        let committer = scope.spawn(move || deciding.in_scope(|| commit(ledger, seen, row, &to_commit, &unrecorded, &committed)));
        let mut looked_up = Ok(());
        for batch in to_decide {
            let start = Instant::now();
            let batch = decide_batch(&pool, &desk, seen, batch);
            tally::batch_decided(start.elapsed());
            looked_up = seen.batch_decided();
            if looked_up.is_err() || decided.send(batch).is_err() {
                break;
            }
        }
        drop(decided);
        let committed = committer.join().unwrap_or(Err(InboundError::Stopped))?;
        looked_up.map_err(LedgerError::Index)?;
        let sets = reader.join().unwrap_or(Err(InboundError::Stopped))?;
        Ok((committed, sets))
    })
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
) -> Result<(Progress, Vec<SetRead>), InboundError> {
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
    let decided: Vec<Decided> = left.map(|pending| desk.decide(pending, seen)).collect();
    let mut progress = row.progress;
    if !decided.is_empty() {
        tally::batch_decided(start.elapsed());
        seen.batch_decided().map_err(LedgerError::Index)?;
        let unrecorded = house.outbox.unrecorded();
        let (first, _) = append(&mut house.ledger, row, &mut progress, decided, &unrecorded)?;
        firsts.push(first);
    }
    Ok((progress, sets))
}

/// Batches between the reader and the publisher: one in each of the four threads, one in each channel.
const BATCHES_IN_FLIGHT: usize = 7;

/// Claims of one batch, so that no more than `[limits] inflight_claims` are in memory.
pub(super) fn batch_claims(inflight_claims: usize) -> usize {
    (inflight_claims / BATCHES_IN_FLIGHT).clamp(1, limits::BATCH_CLAIMS)
}

/// Reads the claims of the open sets, leaving out the first `skip`, and sends them in batches.
fn read_claims(
    input: &mut dyn Read,
    row: &FileRow,
    survey: &Survey,
    (skip, batch_claims): (u64, usize),
    out: &SyncSender<Vec<Pending>>,
    (interrupt, progress): (&AtomicBool, OnProgress<'_>),
) -> Result<Vec<SetRead>, InboundError> {
    let mut batch = Vec::with_capacity(batch_claims);
    let (mut count, mut sets) = (0, Vec::new());
    for_each_claim(
        input,
        survey,
        &mut |open, header, assembled, end| {
            count += 1;
            if count > skip {
                batch.push(pending(row, &open, header, assembled));
            }
            if batch.len() >= batch_claims {
                progress(end, row.bytes);
                if interrupt.load(Ordering::Relaxed) {
                    return Err(InboundError::Interrupted);
                }
                out.send(std::mem::replace(&mut batch, Vec::with_capacity(batch_claims)))
                    .map_err(|_| InboundError::Stopped)?;
            }
            Ok::<(), InboundError>(())
        },
        &mut |set| sets.push(set),
    )?;
    if !batch.is_empty() {
        out.send(batch).map_err(|_| InboundError::Stopped)?;
    }
    progress(row.bytes, row.bytes);
    Ok(sets)
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

/// Decides a batch on all threads; members keep their order, results keep the file's.
fn decide_batch(pool: &rayon::ThreadPool, desk: &Desk<'_>, seen: &Seen, batch: Vec<Pending>) -> Vec<Decided> {
    let mut shards: Vec<Vec<(usize, Pending)>> = (0..limits::MEMBER_SHARDS).map(|_| Vec::new()).collect();
    for (place, pending) in batch.into_iter().enumerate() {
        if let Some(shard) = shards.get_mut(shard(&pending.assembled.claim)) {
            shard.push((place, pending));
        }
    }
    let mut decided: Vec<(usize, Decided)> = pool.install(|| {
        shards
            .into_par_iter()
            .flat_map_iter(|shard| shard.into_iter().map(|(place, pending)| (place, desk.decide(pending, seen))))
            .collect()
    });
    decided.sort_unstable_by_key(|(place, _)| *place);
    decided.into_iter().map(|(_, decided)| decided).collect()
}

/// Commits batches in order, each with the progress it makes true, and hands on what is committed.
fn commit(
    ledger: &mut impl Ledger,
    seen: &Seen,
    row: &FileRow,
    batches: &Receiver<Vec<Decided>>,
    unrecorded: &Unrecorded,
    committed: &SyncSender<(Seq, Vec<Fact>)>,
) -> Result<Progress, InboundError> {
    let mut progress = row.progress;
    for decided in batches {
        let (first, facts) = append(ledger, row, &mut progress, decided, unrecorded)?;
        seen.batch_committed(first).map_err(LedgerError::Index)?;
        // Nobody may be listening any more: what can't leave now leaves later, from the ledger.
        let _ = committed.send((first, facts));
    }
    Ok(progress)
}

/// Journals a batch with the progress it makes true; the position of its first fact, and its facts.
fn append(
    ledger: &mut impl Ledger,
    row: &FileRow,
    progress: &mut Progress,
    decided: Vec<Decided>,
    unrecorded: &Unrecorded,
) -> Result<(Seq, Vec<Fact>), InboundError> {
    let before = progress.counts;
    let mut batch = Batch::default();
    for decided in decided {
        progress.claims += 1;
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
            | Fact::RemitBuilt(_)
            | Fact::RemitDelivered(_)
            | Fact::DeadLettered(_)
            | Fact::Redriven(_) => {}
        }
        batch.fingerprints.extend(decided.fingerprints);
        batch.facts.push(decided.fact);
    }
    if progress.first_seq == 0 {
        progress.first_seq = ledger.last_seq()? + 1;
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
