//! A file whose claims are decided in batches, as long as nobody else waits.
//!
//! To the next editor: the reader lives as long as the file is under way; the other threads end with each
//! turn, and with them everything that is decided is committed. So between two turns the ledger and
//! [`Seen`] are as if the file had ended there, and another file may be decided.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rayon::prelude::*;
use tracing::Span;
use tracing::field::Empty;

use super::decide::{Decided, Desk, FindOriginal, Pending, shard};
use super::house::House;
use super::inbound::{DecidedClaims, FileReport, InboundError, OnProgress, append, complete, pending};
use super::open_sets::{SetRead, for_each_claim};
use super::originals;
use super::other_claims::{self, FindForLater};
use super::outbox::Unrecorded;
use super::seen::Seen;
use super::set_places::SetPlaces;
use super::tally;
use super::verdict::Survey;
use crate::clock::Timestamp;
use crate::config::Profile;
use crate::events::fact::Fact;
use crate::ids::{ClaimId, FileDigest, PayerClaimNumber, Token};
use crate::ledger::readers::Readers;
use crate::ledger::{FileRow, Ledger, LedgerError, Progress, Seq};
use crate::limits;

/// Batches between the reader and the publisher: one in each of the four threads, one in each channel.
const BATCHES_IN_FLIGHT: usize = 7;

/// Claims of one batch, so that no more than `[limits] inflight_claims` are in memory.
pub(super) fn batch_claims(inflight_claims: usize) -> usize {
    (inflight_claims / BATCHES_IN_FLIGHT).clamp(1, limits::BATCH_CLAIMS)
}

/// Pass 2 of a file.
#[derive(Debug)]
pub struct Underway {
    row: FileRow,
    profile: Profile,
    survey: Arc<Survey>,
    decided_at: Timestamp,
    /// Of everything that is done for the file.
    span: Span,
    places: SetPlaces,
    pool: rayon::ThreadPool,
    batches: Receiver<ReadBatch>,
    reader: JoinHandle<Result<Vec<SetRead>, InboundError>>,
}

/// Claims that were read, and the byte where reading them ended.
type ReadBatch = (u64, Vec<Pending>);

impl Underway {
    /// Begins to read the claims that have no outcome yet.
    ///
    /// # Errors
    /// [`InboundError`].
    pub fn begin(house: &House, row: FileRow, profile: Profile, survey: Survey, decided_at: Timestamp, span: Span) -> Result<Underway, InboundError> {
        let limits = &house.config.limits;
        let survey = Arc::new(survey);
        let (read, batches) = sync_channel(1);
        let mut input = house.archive.open(&row.file, &house.keys)?;
        let (reading, of, interrupt) = (Arc::clone(&survey), row.clone(), Arc::clone(&house.interrupt));
        let batch_claims = batch_claims(limits.inflight_claims);
        let reader = thread::Builder::new()
            .name("reader".into())
            .spawn(move || read_claims(&mut input, &of, &reading, batch_claims, &read, &interrupt))?;
        Ok(Underway {
            places: SetPlaces::of_unfinished(&house.ledger, &row)?,
            pool: rayon::ThreadPoolBuilder::new().num_threads(limits.threads).build()?,
            row,
            profile,
            survey,
            decided_at,
            span,
            batches,
            reader,
        })
    }

    /// Decides, commits and publishes batches in three threads, until `others_wait` after one of them;
    /// whether all claims are decided.
    ///
    /// # Errors
    /// [`InboundError`].
    pub fn go_on(&mut self, house: &mut House, seen: &Seen, progress: OnProgress<'_>, others_wait: &dyn Fn() -> bool) -> Result<bool, InboundError> {
        let _file = self.span.clone().entered();
        let deciding = tracing::info_span!("decide", claims = Empty).entered();
        seen.all_is_durable(house.ledger.last_seq()?);
        let House {
            config,
            keys,
            ledger,
            outbox,
            directory,
            reference,
            rules,
            ..
        } = house;
        let (readers, unrecorded) = (&Readers::new(directory.ledger(), &**keys), outbox.unrecorded());
        let desk = Desk::new((keys, reference, rules, config), &self.row, &self.profile, self.decided_at);
        let (decided, to_commit) = sync_channel::<Vec<Decided>>(1);
        let (committed, to_publish) = sync_channel::<(Seq, Vec<Fact>)>(1);
        let (row, places, of) = (&self.row, &mut self.places, Span::clone(&deciding));
        let (reached, is_over) = thread::scope(|scope| {
            scope.spawn(move || outbox.follow(readers, &to_publish));
            let committer = scope.spawn(move || of.in_scope(|| commit(ledger, seen, row, places, &to_commit, &unrecorded, &committed)));
            // No claim names one of its own file; what earlier batches took back is in `seen` until a reader sees it.
            let up_to = seen.durable();
            let find_original = |number: &PayerClaimNumber, member: &Token| readers.read(|ledger| originals::find(ledger, seen, up_to, number, member));
            let find_for_later = |claim: &ClaimId| readers.read(|ledger| other_claims::for_later(ledger, seen, claim));
            let (mut looked_up, mut is_over) = (Ok(()), true);
            for (byte, batch) in &self.batches {
                progress(byte, row.bytes);
                let start = Instant::now();
                let batch = decide_batch(&self.pool, &desk, seen, (&find_original, &find_for_later), batch);
                tally::batch_decided(start.elapsed());
                looked_up = seen.batch_decided();
                if looked_up.is_err() || decided.send(batch).is_err() {
                    break;
                }
                if others_wait() {
                    is_over = false;
                    break;
                }
            }
            drop(decided);
            let reached = committer.join().unwrap_or(Err(InboundError::Stopped))?;
            looked_up?;
            Ok::<(Progress, bool), InboundError>((reached, is_over))
        })?;
        deciding.record("claims", reached.claims - row.progress.claims);
        self.row.progress = reached;
        Ok(is_over)
    }

    pub fn file(&self) -> &FileDigest {
        &self.row.file
    }

    /// Closes the file when all its claims are decided.
    ///
    /// # Errors
    /// [`InboundError`]; also of the reader.
    pub fn complete(self, house: &mut House) -> Result<FileReport, InboundError> {
        let _file = self.span.entered();
        let decided = DecidedClaims {
            progress: self.row.progress,
            sets: self.reader.join().unwrap_or(Err(InboundError::Stopped))?,
            places: self.places,
        };
        complete(house, &self.row, &self.profile, &self.survey, decided, self.decided_at)
    }
}

/// Reads the claims of the open sets, leaving out those that are decided, and sends them in batches.
fn read_claims(
    input: &mut dyn Read,
    row: &FileRow,
    survey: &Survey,
    batch_claims: usize,
    out: &SyncSender<ReadBatch>,
    interrupt: &AtomicBool,
) -> Result<Vec<SetRead>, InboundError> {
    let mut batch = Vec::with_capacity(batch_claims);
    let (mut count, mut sets) = (0, Vec::new());
    for_each_claim(
        input,
        survey,
        &mut |open, header, assembled, end| {
            count += 1;
            if count > row.progress.claims {
                batch.push(pending(row, &open, header, assembled));
            }
            if batch.len() >= batch_claims {
                if interrupt.load(Ordering::Relaxed) {
                    return Err(InboundError::Interrupted);
                }
                let full = std::mem::replace(&mut batch, Vec::with_capacity(batch_claims));
                out.send((end, full)).map_err(|_| InboundError::Stopped)?;
            }
            Ok::<(), InboundError>(())
        },
        &mut |set| sets.push(set),
    )?;
    if !batch.is_empty() {
        out.send((row.bytes, batch)).map_err(|_| InboundError::Stopped)?;
    }
    Ok(sets)
}

/// Decides a batch on all threads; members keep their order, results keep the file's.
fn decide_batch(
    pool: &rayon::ThreadPool,
    desk: &Desk<'_>,
    seen: &Seen,
    find: (&(impl FindOriginal + Sync), &(impl FindForLater + Sync)),
    batch: Vec<Pending>,
) -> Vec<Decided> {
    let mut shards: Vec<Vec<(usize, Pending)>> = (0..limits::MEMBER_SHARDS).map(|_| Vec::new()).collect();
    for (place, pending) in batch.into_iter().enumerate() {
        if let Some(shard) = shards.get_mut(shard(&pending.assembled.claim)) {
            shard.push((place, pending));
        }
    }
    let mut decided: Vec<(usize, Decided)> = pool.install(|| {
        shards
            .into_par_iter()
            .flat_map_iter(|shard| shard.into_iter().map(|(place, pending)| (place, desk.decide(pending, seen, find))))
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
    places: &mut SetPlaces,
    batches: &Receiver<Vec<Decided>>,
    unrecorded: &Unrecorded,
    committed: &SyncSender<(Seq, Vec<Fact>)>,
) -> Result<Progress, InboundError> {
    let mut progress = row.progress;
    for decided in batches {
        let (first, facts) = append(ledger, row, &mut progress, decided, unrecorded)?;
        places.note(first, &facts);
        seen.batch_committed(first).map_err(LedgerError::Index)?;
        // Nobody may be listening any more: what can't leave now leaves later, from the ledger.
        let _ = committed.send((first, facts));
    }
    Ok(progress)
}
