//! One partner: its channel is looked into, what is whole is sealed and handed over, what answers it is
//! sent.
//!
//! To the next editor: the order is sealed, decided, removed. A file leaves the partner's folder only
//! when the ledger has it under the look with which it was taken, so whatever is cut off in between is
//! found again at the next look, and recognised.

mod remittances;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, info, warn};

use self::remittances::{Remittances, content};
use super::channel::Channel;
use super::control::{Choice, Suspension};
use super::fail_over::{FailOver, Place};
use super::hand::{Hand, InHand};
use super::stream;
use super::worker::{Job, upload_delivery};
use crate::clock::Timestamp;
use crate::config::{Completion, Partner};
use crate::delivery::FILES_DELIVERY;
use crate::events::fact::{AckBuilt, Fact};
use crate::intake::archive::{Archive, Archived, Sealed};
use crate::intake::channel::{ChannelError, Listed, Listing, RemoteName};
use crate::intake::completeness::{self, Tail, Upload, Verdict};
use crate::intake::openpgp::{OpenPgp, Stamp};
use crate::intake::unpack::{self, UnpackError};
use crate::ledger::readers::SharedReaders;
use crate::ledger::{Ledger, LedgerError, Seq, Taken};
use crate::limits;
use crate::pipeline::health::Health;
use crate::pipeline::tally;
use crate::pipeline::together::Room;
use crate::sealing::Keys;
use crate::telemetry::Chain;

/// The second look at a file that seems whole.
const SECOND_LOOK: Duration = Duration::from_millis(100);

/// Longest wait after trouble with a channel.
const TROUBLE_MAX: Duration = Duration::from_secs(300);

/// Wait before a task that panicked starts again.
const AFTER_PANIC: Duration = Duration::from_secs(5);

/// What the tasks of all partners share.
#[derive(Debug)]
pub struct Desk {
    pub keys: Arc<Keys>,
    pub archive: Archive,
    pub readers: SharedReaders,
    pub outbound: PathBuf,
    pub data_dir: PathBuf,
    pub seals_outbound: bool,
    /// Files of a partner in hand at once.
    pub room: Room,
    /// Changes when answers are released.
    pub released: watch::Receiver<()>,
    pub health: Arc<Health>,
}

/// Why a look ended early. The next one begins anew.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Channel(#[from] ChannelError),
    #[error("the ledger cannot be read")]
    Ledger(#[from] LedgerError),
    #[error("a file of ours cannot be read or written")]
    Io(#[from] io::Error),
    #[error("the service takes nothing in any more")]
    Ended,
}

/// What operators say of a partner.
#[derive(Clone)]
pub(super) struct Said {
    pub(super) suspension: Suspension,
    pub(super) choice: Choice,
}

/// Looks after a partner until `ending`; a panic ends one look, not the partner.
pub(super) async fn supervise(partner: Partner, desk: Arc<Desk>, jobs: mpsc::Sender<Job>, said: Said, ending: watch::Receiver<bool>) {
    loop {
        let look_after = look_after(partner.clone(), Arc::clone(&desk), jobs.clone(), said.clone(), ending.clone());
        match tokio::spawn(look_after).await {
            Err(failed) if failed.is_panic() && !*ending.borrow() => {
                error!(partner = partner.profile.id.as_str(), "the channel's task panicked, it starts again");
                tokio::time::sleep(AFTER_PANIC).await;
            }
            _ => return,
        }
    }
}

async fn look_after(partner: Partner, desk: Arc<Desk>, jobs: mpsc::Sender<Job>, said: Said, mut ending: watch::Receiver<bool>) {
    let id = partner.profile.id.clone();
    let mut suspension = said.suspension;
    // Who only posts has no channel to look into.
    let Some(mut fail_over) = FailOver::new(&partner, said.choice, &desk.data_dir) else {
        return;
    };
    let mut round = Round {
        channel: fail_over.place().channel(),
        place: fail_over.place().clone(),
        has_failed: false,
        openpgp: Arc::new(OpenPgp::new(partner.pgp.clone())),
        partner,
        hand: Hand::new(desk.room),
        desk,
        jobs,
        uploads: HashMap::new(),
        sent: None,
        remittances: Remittances::default(),
        troubles: 0,
    };
    let mut released = round.desk.released.clone();
    let mut visit = Visit::Look;
    round.check_keys().await;
    loop {
        if suspension.is_on() {
            // Whatever is open closes with it.
            round.channel = round.place.channel();
            fail_over.close();
            warn!(partner = id.as_str(), "the partner is suspended, nothing is exchanged");
            tokio::select! {
                biased;
                () = ends(&mut ending) => return,
                () = suspension.becomes(false) => info!(partner = id.as_str(), "the partner goes on"),
            }
        }
        if fail_over.turns().await {
            round.go_to(fail_over.place());
        }
        let began = Instant::now();
        let next = tokio::select! {
            biased;
            () = ends(&mut ending) => return,
            () = suspension.becomes(true) => continue,
            () = fail_over.is_asked() => continue,
            next = round.go(visit) => next,
        };
        fail_over.looked(!round.has_failed, began);
        let next = Instant::now() + fail_over.at_most(next.saturating_duration_since(Instant::now()));
        visit = tokio::select! {
            biased;
            () = ends(&mut ending) => return,
            () = suspension.becomes(true) => Visit::Look,
            () = fail_over.is_asked() => Visit::Look,
            () = tokio::time::sleep_until(next.into()) => Visit::Look,
            Ok(()) = released.changed(), if round.troubles == 0 => Visit::Answers(next),
        }
    }
}

/// A file that somebody else took, or has in use, is left for the next look.
fn unless_missed<T>(done: Result<T, Trouble>) -> Result<Option<T>, Trouble> {
    match done {
        Err(Trouble::Channel(ChannelError::Gone | ChannelError::Refused { .. })) => Ok(None),
        done => done.map(Some),
    }
}

/// Also when nobody is left who could say so.
async fn ends(ending: &mut watch::Receiver<bool>) {
    let _ = ending.wait_for(|ends| *ends).await;
}

struct Round {
    partner: Partner,
    desk: Arc<Desk>,
    jobs: mpsc::Sender<Job>,
    channel: Channel,
    hand: Hand,
    /// Where that is.
    place: Place,
    /// The last look at it.
    has_failed: bool,
    openpgp: Arc<OpenPgp>,
    /// Files that are not taken yet.
    uploads: HashMap<RemoteName, Known>,
    /// Answers up to here are with the partner.
    sent: Option<Seq>,
    remittances: Remittances,
    /// Looks that failed, one after the other.
    troubles: u32,
}

/// Why the channel is used.
#[derive(Debug, Clone, Copy)]
enum Visit {
    Look,
    /// Something was released; the next look is at this time.
    Answers(Instant),
}

/// What is known of a file in the folder.
struct Known {
    upload: Upload,
    /// First seen.
    since: Instant,
    /// As its bytes were when they were last read.
    end: Option<(u64, i64, Tail)>,
    /// Refused with these bytes, at this time, with these keys: said once, and looked at again when one of
    /// them changes.
    refused: Option<(u64, i64, Stamp)>,
}

/// What came of a file that was to be sealed.
enum Sealing {
    Whole(Sealed),
    /// It ended too early.
    CutShort,
    /// It stays where it is.
    Refused(UnpackError),
}

impl Round {
    /// What is wrong with keys is better known before a file needs them.
    async fn check_keys(&self) {
        let openpgp = Arc::clone(&self.openpgp);
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || openpgp.check()).await {
            error!(partner = self.partner.profile.id.as_str(), %error, "OpenPGP messages of the partner cannot be opened");
        }
    }

    /// Goes on with the partner's other channel: what is there is not known yet.
    fn go_to(&mut self, place: &Place) {
        self.channel = place.channel();
        self.place = place.clone();
        self.uploads.clear();
        self.troubles = 0;
    }

    /// One visit, and when to look next.
    async fn go(&mut self, visit: Visit) -> Instant {
        let poll = self.partner.poll.duration();
        let id = self.partner.profile.id.clone();
        let id = id.as_str();
        let visited = match visit {
            Visit::Look => {
                let looked = self.look().await;
                looked.map(|waits_for_second_look| Instant::now() + if waits_for_second_look { SECOND_LOOK.min(poll) } else { poll })
            }
            Visit::Answers(next_look) => self.send_all().await.map(|()| next_look),
        };
        self.has_failed = matches!(visited, Err(Trouble::Channel(_)));
        match visited {
            Ok(next_look) => {
                if self.troubles > 0 {
                    info!(partner = id, "the channel works again");
                }
                self.troubles = 0;
                next_look
            }
            Err(Trouble::Ended) => Instant::now() + poll,
            Err(trouble) => {
                self.troubles = self.troubles.saturating_add(1);
                let wait = poll.saturating_mul(1 << self.troubles.min(8)).min(TROUBLE_MAX).max(poll);
                let needs_a_person = matches!(&trouble, Trouble::Channel(error) if error.needs_a_person());
                if needs_a_person {
                    error!(partner = id, error = %Chain(&trouble), "the channel is refused");
                } else {
                    warn!(partner = id, error = %Chain(&trouble), tries = self.troubles, "the channel is in trouble, the next look comes later");
                }
                Instant::now() + wait
            }
        }
    }

    /// Looks at every file, takes what is whole, sends what is answered. Whether a file seems whole and
    /// only has to show that it does not grow.
    async fn look(&mut self) -> Result<bool, Trouble> {
        // Of a look that was broken off: these files are still where they were.
        self.hand.take();
        if self.remittances.is_first_time() {
            // What was sent and not recorded before a crash is recorded before its answers are read.
            self.send_remittances().await?;
        }
        let mut waits_for_second_look = false;
        if self.has_room() {
            let begun = Instant::now();
            let listed = self.channel.list().await;
            let files = listed.as_ref().ok().map(|listing| listing.files.len());
            tally::channel_looked(&self.partner.profile.id, begun.elapsed(), files);
            let listing = listed?;
            self.uploads
                .retain(|name, _| listing.files.binary_search_by(|file| file.name.cmp(name)).is_ok());
            let looked = self.look_at_all(&listing).await;
            // What is sealed by now is decided, whatever became of the others.
            self.decide().await?;
            waits_for_second_look = looked?;
        }
        self.send_all().await?;
        Ok(waits_for_second_look)
    }

    async fn look_at_all(&mut self, listing: &Listing) -> Result<bool, Trouble> {
        let mut waits_for_second_look = false;
        for file in &listing.files {
            if self.partner.complete == Completion::Marker && completeness::is_marker(&file.name) {
                continue;
            }
            waits_for_second_look |= unless_missed(self.look_at(file, listing).await)?.unwrap_or_default();
        }
        Ok(waits_for_second_look)
    }

    async fn look_at(&mut self, file: &Listed, listing: &Listing) -> Result<bool, Trouble> {
        let openpgp = Arc::clone(&self.openpgp);
        let known = self.known(&file.name);
        if known.refused.is_some() && known.refused == Some((file.bytes, file.modified, openpgp.stamp())) {
            return Ok(false);
        }
        let tail = match completeness::by_listing(self.partner.complete, &file.name, listing) {
            Some(tail) => tail,
            None => self.tail(file).await?,
        };
        let stall_after = self.partner.stall_after.duration();
        let known = self.known(&file.name);
        match known.upload.look(file.bytes, file.modified, tail, Timestamp::now(), stall_after) {
            Verdict::Waiting => Ok(matches!(tail, Tail::Whole | Tail::Packed)),
            Verdict::Whole | Verdict::Foreign => {
                tally::file_waited(self.known(&file.name).since.elapsed());
                self.take(file, listing).await?;
                Ok(false)
            }
            Verdict::Stalled { since } => {
                warn!(
                    partner = self.partner.profile.id.as_str(),
                    bytes = file.bytes,
                    since = since.to_rfc3339(),
                    "an upload has stopped growing before its end; it is waited for"
                );
                Ok(false)
            }
        }
    }

    fn known(&mut self, name: &RemoteName) -> &mut Known {
        self.uploads.entry(name.clone()).or_insert_with(|| Known {
            upload: Upload::new(),
            end: None,
            refused: None,
            since: Instant::now(),
        })
    }

    /// What the first and the last bytes say; read once for each size and time.
    async fn tail(&mut self, file: &Listed) -> Result<Tail, Trouble> {
        if let Some((bytes, modified, tail)) = self.known(&file.name).end
            && (bytes, modified) == (file.bytes, file.modified)
        {
            return Ok(tail);
        }
        let first = self.channel.read_at(&file.name, 0, limits::HEAD_BYTES).await?;
        let from = file.bytes.saturating_sub(limits::TAIL_BYTES as u64);
        let last = self.channel.read_at(&file.name, from, limits::TAIL_BYTES).await?;
        let tail = completeness::tail_of_named(&file.name, &first, &last);
        self.known(&file.name).end = Some((file.bytes, file.modified, tail));
        Ok(tail)
    }

    /// Seals a file, to be decided with others.
    async fn take(&mut self, file: &Listed, listing: &Listing) -> Result<(), Trouble> {
        let look = Taken {
            name: self.desk.keys.token("remote-name", &self.place.name_in(file.name.as_str())),
            bytes: file.bytes,
            modified: file.modified,
        };
        let partner = self.partner.profile.id.clone();
        let was_taken = self.read_ledger(move |ledger| ledger.taken(&partner, &look)).await?.is_some();
        let (received_at, keys) = (Timestamp::now(), self.openpgp.stamp());
        let sealed = if was_taken {
            None
        } else {
            match self.seal(file).await? {
                Sealing::Whole(sealed) => Some(sealed),
                Sealing::CutShort => {
                    self.known(&file.name).upload.was_cut_short();
                    return Ok(());
                }
                Sealing::Refused(why) => {
                    self.refuse(file, keys, why);
                    return Ok(());
                }
            }
        };
        let marker = completeness::marker_of(&file.name, listing).filter(|_| self.partner.complete == Completion::Marker);
        let is_full = self.hand.add(InHand {
            file: file.clone(),
            marker: marker.cloned(),
            look,
            received_at,
            sealed,
        });
        if is_full {
            self.decide().await?;
        }
        Ok(())
    }

    /// Has the files in hand decided, takes them out of the folder, and sends what answers them.
    async fn decide(&mut self) -> Result<(), Trouble> {
        let mut files = self.hand.take();
        if files.is_empty() {
            return Ok(());
        }
        let sealed: Vec<Option<Sealed>> = files.iter_mut().map(|file| file.sealed.take()).collect();
        let archived: Vec<Option<Archived>> = sealed.iter().map(|sealed| sealed.as_ref().map(|sealed| sealed.archived)).collect();
        let desk = Arc::clone(&self.desk);
        let keeping = tokio::task::spawn_blocking(move || desk.archive.keep(sealed.into_iter().flatten().collect()));
        keeping.await.map_err(io::Error::other)??;
        let mut taken_in = Vec::with_capacity(files.len());
        for (file, archived) in files.iter().zip(archived) {
            let Some(archived) = archived else { continue };
            let (job, report) = file.job(archived, &self.partner.profile.id);
            self.jobs.send(Job::File(Box::new(job))).await.map_err(|_| Trouble::Ended)?;
            taken_in.push(report);
        }
        for report in taken_in {
            report.await.map_err(|_| Trouble::Ended)?;
        }
        for file in files {
            unless_missed(self.put_away(file).await)?;
        }
        self.channel.settle().await?;
        // A long list of files must not hold up its answers.
        self.send_answers().await
    }

    /// Takes a file out of the folder that the ledger has.
    async fn put_away(&mut self, InHand { file, marker, look, .. }: InHand) -> Result<(), Trouble> {
        // What was appended since then is not taken: the file stays, and is looked at as it is now.
        if self.channel.read_at(&file.name, file.bytes, 1).await?.is_empty() {
            self.remove(&file.name).await?;
            if let Some(marker) = marker {
                self.remove(&marker).await?;
            }
            let partner = self.partner.profile.id.clone();
            self.jobs.send(Job::PutAway { partner, look }).await.map_err(|_| Trouble::Ended)?;
        }
        self.uploads.remove(&file.name);
        Ok(())
    }

    async fn remove(&mut self, name: &RemoteName) -> Result<(), ChannelError> {
        match &self.place.processed {
            None => self.channel.remove(name).await,
            Some(folder) => self.channel.rename_into(name, folder).await,
        }
    }

    /// A packed file that can't be opened stays, and is said once.
    fn refuse(&mut self, file: &Listed, keys: Stamp, why: UnpackError) {
        self.known(&file.name).refused = Some((file.bytes, file.modified, keys));
        let partner = &self.partner.profile.id;
        tally::file_refused(partner, why.as_str());
        error!(
            partner = partner.as_str(),
            bytes = file.bytes,
            error = %why,
            "a packed file is refused and stays where it is until it or the keys change"
        );
    }

    /// Streams a file into the archive, opened where it is packed.
    async fn seal(&mut self, file: &Listed) -> Result<Sealing, Trouble> {
        let (sender, stream) = stream::pair();
        let (desk, openpgp) = (Arc::clone(&self.desk), Arc::clone(&self.openpgp));
        let sealing = tokio::task::spawn_blocking(move || {
            let mut input = unpack::opened(Box::new(stream), &openpgp)?;
            desk.archive.seal(&mut input, &desk.keys)
        });
        let mut offset = 0;
        while offset < file.bytes {
            let wanted = usize::try_from(file.bytes - offset).unwrap_or(usize::MAX).min(limits::READ_BYTES);
            let bytes = self.channel.read_at(&file.name, offset, wanted).await?;
            if bytes.is_empty() {
                // Shorter than a moment ago: somebody writes it anew.
                return Ok(Sealing::CutShort);
            }
            offset += bytes.len() as u64;
            if !sender.bytes(bytes).await {
                break;
            }
        }
        sender.end().await;
        match sealing.await.map_err(io::Error::other)? {
            Ok(sealed) => Ok(Sealing::Whole(sealed)),
            Err(error) => match UnpackError::of(&error) {
                Some(UnpackError::Truncated) => Ok(Sealing::CutShort),
                Some(refused) => Ok(Sealing::Refused(refused)),
                None => Err(error.into()),
            },
        }
    }

    async fn send_all(&mut self) -> Result<(), Trouble> {
        self.send_answers().await?;
        self.send_remittances().await
    }

    /// Sends the acknowledgements that are released, in their order.
    async fn send_answers(&mut self) -> Result<(), Trouble> {
        let delivery = upload_delivery(&self.partner.profile.id);
        loop {
            let (known, delivery) = (self.sent, delivery.clone());
            let (mut through, answers) = self
                .read_ledger(move |ledger| {
                    let position = |name: &str| Ok::<Seq, LedgerError>(ledger.delivered(name)?.unwrap_or_default().seq);
                    let sent = known.map_or_else(|| position(&delivery), Ok)?;
                    let released = position(FILES_DELIVERY)?;
                    let mut answers = ledger.answers(sent, limits::FILES_RELEASED_AT_ONCE)?;
                    answers.retain(|(seq, _)| *seq <= released);
                    Ok((sent, answers))
                })
                .await?;
            let before = through;
            for (seq, fact) in &answers {
                if let Fact::AckBuilt(ack) = fact
                    && ack.partner == self.partner.profile.id
                {
                    self.send(ack).await?;
                }
                through = *seq;
            }
            self.channel.settle().await?;
            self.sent = Some(through);
            if through == before {
                return Ok(());
            }
            let (done, recorded) = oneshot::channel();
            let partner = self.partner.profile.id.clone();
            self.jobs.send(Job::Sent { partner, through, done }).await.map_err(|_| Trouble::Ended)?;
            recorded.await.map_err(|_| Trouble::Ended)?;
        }
    }

    async fn send(&mut self, ack: &AckBuilt) -> Result<(), Trouble> {
        let name = ack.file_name();
        let path = self.desk.outbound.join(self.partner.profile.id.as_str()).join(&name);
        let mut content = content(&self.desk, path)?;
        let Some(name) = RemoteName::parse(&name) else {
            return Ok(());
        };
        self.channel.put(&name, &mut *content).await?;
        info!(
            partner = self.partner.profile.id.as_str(),
            kind = ack.kind().as_str(),
            number = ack.control_number,
            "an acknowledgement is sent"
        );
        Ok(())
    }

    async fn read_ledger<T: Send + 'static>(
        &self,
        read: impl FnOnce(&crate::ledger::sqlite::SqliteLedger) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, Trouble> {
        let desk = Arc::clone(&self.desk);
        let read = tokio::task::spawn_blocking(move || desk.readers.read(read)).await;
        Ok(read.map_err(io::Error::other)??)
    }

    /// Below the limit nothing more is taken in: what the ledger has must be able to go on.
    fn has_room(&self) -> bool {
        let has_room = self.desk.health.has_room(&self.desk.data_dir);
        if !has_room {
            error!(partner = self.partner.profile.id.as_str(), "the disk is nearly full, nothing is taken in");
        }
        has_room
    }
}
