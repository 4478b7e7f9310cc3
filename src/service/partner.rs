//! One partner: its channel is looked into, what is whole is sealed and handed over, what answers it is
//! sent.
//!
//! To the next editor: the order is sealed, decided, removed. A file leaves the partner's folder only
//! when the ledger has it under the look with which it was taken, so whatever is cut off in between is
//! found again at the next look, and recognised.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, info, warn};

use super::channel::Channel;
use super::control::{Choice, Suspension};
use super::fail_over::{FailOver, Place};
use super::stream;
use super::worker::{FileJob, Job, upload_delivery};
use crate::clock::Timestamp;
use crate::config::{Completion, Partner};
use crate::delivery::FILES_DELIVERY;
use crate::events::fact::{AckBuilt, Fact};
use crate::intake::archive::{Archive, Archived};
use crate::intake::channel::{ChannelError, Listed, Listing, RemoteName};
use crate::intake::completeness::{self, Tail, Upload, Verdict};
use crate::intake::data_directory::free_bytes;
use crate::intake::openpgp::{OpenPgp, Stamp};
use crate::intake::unpack::{self, UnpackError};
use crate::ledger::readers::SharedReaders;
use crate::ledger::{Ledger, LedgerError, Seq, Taken};
use crate::limits;
use crate::pipeline::health::{Health, Part};
use crate::pipeline::tally;
use crate::sealing::{Keys, SealedReader};
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
    let mut fail_over = FailOver::new(&partner, said.choice, &desk.data_dir);
    let mut round = Round {
        channel: fail_over.place().channel(),
        place: fail_over.place().clone(),
        has_failed: false,
        openpgp: Arc::new(OpenPgp::new(partner.pgp.clone())),
        partner,
        desk,
        jobs,
        uploads: HashMap::new(),
        sent: None,
        troubles: 0,
    };
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
        let wait = tokio::select! {
            biased;
            () = ends(&mut ending) => return,
            () = suspension.becomes(true) => continue,
            () = fail_over.is_asked() => continue,
            wait = round.go() => wait,
        };
        fail_over.looked(!round.has_failed, began);
        let wait = fail_over.at_most(wait);
        tokio::select! {
            biased;
            () = ends(&mut ending) => return,
            () = suspension.becomes(true) => {}
            () = fail_over.is_asked() => {}
            () = tokio::time::sleep(wait) => {}
        }
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
    /// Where that is.
    place: Place,
    /// The last look at it.
    has_failed: bool,
    openpgp: Arc<OpenPgp>,
    /// Files that are not taken yet.
    uploads: HashMap<RemoteName, Known>,
    /// Answers up to here are with the partner.
    sent: Option<Seq>,
    /// Looks that failed, one after the other.
    troubles: u32,
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
enum Sealed {
    Whole(Archived),
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

    /// One look, and how long to wait for the next.
    async fn go(&mut self) -> Duration {
        let poll = self.partner.poll.duration();
        let id = self.partner.profile.id.clone();
        let id = id.as_str();
        let looked = self.look().await;
        self.has_failed = matches!(looked, Err(Trouble::Channel(_)));
        match looked {
            Ok(waits_for_second_look) => {
                if self.troubles > 0 {
                    info!(partner = id, "the channel works again");
                }
                self.troubles = 0;
                if waits_for_second_look { SECOND_LOOK.min(poll) } else { poll }
            }
            Err(Trouble::Ended) => poll,
            Err(trouble) => {
                self.troubles = self.troubles.saturating_add(1);
                let wait = poll.saturating_mul(1 << self.troubles.min(8)).min(TROUBLE_MAX).max(poll);
                let needs_a_person = matches!(&trouble, Trouble::Channel(error) if error.needs_a_person());
                if needs_a_person {
                    error!(partner = id, error = %Chain(&trouble), "the channel is refused");
                } else {
                    warn!(partner = id, error = %Chain(&trouble), tries = self.troubles, "the channel is in trouble, the next look comes later");
                }
                wait
            }
        }
    }

    /// Looks at every file, takes what is whole, sends what is answered. Whether a file seems whole and
    /// only has to show that it does not grow.
    async fn look(&mut self) -> Result<bool, Trouble> {
        let mut waits_for_second_look = false;
        if self.has_room() {
            let begun = Instant::now();
            let listed = self.channel.list().await;
            let files = listed.as_ref().ok().map(|listing| listing.files.len());
            tally::channel_looked(&self.partner.profile.id, begun.elapsed(), files);
            let listing = listed?;
            self.uploads
                .retain(|name, _| listing.files.binary_search_by(|file| file.name.cmp(name)).is_ok());
            for file in &listing.files {
                if self.partner.complete == Completion::Marker && completeness::is_marker(&file.name) {
                    continue;
                }
                match self.look_at(file, &listing).await {
                    Ok(soon) => waits_for_second_look |= soon,
                    // Somebody else took it, or has it in use.
                    Err(Trouble::Channel(ChannelError::Gone | ChannelError::Refused { .. })) => {}
                    Err(trouble) => return Err(trouble),
                }
            }
        }
        self.send_answers().await?;
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
                // A long list of files must not hold up its answers.
                self.send_answers().await?;
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

    /// Seals a file, has it decided, and takes it out of the folder.
    async fn take(&mut self, file: &Listed, listing: &Listing) -> Result<(), Trouble> {
        let look = Taken {
            name: self.desk.keys.token("remote-name", &self.place.name_in(file.name.as_str())),
            bytes: file.bytes,
            modified: file.modified,
        };
        let partner = self.partner.profile.id.clone();
        let of = partner.clone();
        let was_taken = self.read_ledger(move |ledger| ledger.taken(&of, &look)).await?.is_some();
        if !was_taken {
            let received_at = Timestamp::now();
            let keys = self.openpgp.stamp();
            let archived = match self.seal(file).await? {
                Sealed::Whole(archived) => archived,
                Sealed::CutShort => {
                    self.known(&file.name).upload.was_cut_short();
                    return Ok(());
                }
                Sealed::Refused(why) => {
                    self.refuse(file, keys, why);
                    return Ok(());
                }
            };
            let (done, taken_in) = oneshot::channel();
            let job = FileJob {
                archived,
                partner: partner.clone(),
                received_at,
                look,
                done,
            };
            self.jobs.send(Job::File(Box::new(job))).await.map_err(|_| Trouble::Ended)?;
            taken_in.await.map_err(|_| Trouble::Ended)?;
        }
        // What was appended since then is not taken: the file stays, and is looked at as it is now.
        if self.channel.read_at(&file.name, file.bytes, 1).await?.is_empty() {
            self.put_away(&file.name).await?;
            if let Some(marker) = completeness::marker_of(&file.name, listing).filter(|_| self.partner.complete == Completion::Marker) {
                self.put_away(marker).await?;
            }
            self.jobs.send(Job::PutAway { partner, look }).await.map_err(|_| Trouble::Ended)?;
        }
        self.uploads.remove(&file.name);
        Ok(())
    }

    async fn put_away(&mut self, name: &RemoteName) -> Result<(), ChannelError> {
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
    async fn seal(&mut self, file: &Listed) -> Result<Sealed, Trouble> {
        let (sender, stream) = stream::pair();
        let (desk, openpgp) = (Arc::clone(&self.desk), Arc::clone(&self.openpgp));
        let sealing = tokio::task::spawn_blocking(move || {
            let mut input = unpack::opened(Box::new(stream), &openpgp)?;
            desk.archive.receive(&mut input, &desk.keys)
        });
        let mut offset = 0;
        while offset < file.bytes {
            let wanted = usize::try_from(file.bytes - offset).unwrap_or(usize::MAX).min(limits::READ_BYTES);
            let bytes = self.channel.read_at(&file.name, offset, wanted).await?;
            if bytes.is_empty() {
                // Shorter than a moment ago: somebody writes it anew.
                return Ok(Sealed::CutShort);
            }
            offset += bytes.len() as u64;
            if !sender.bytes(bytes).await {
                break;
            }
        }
        sender.end().await;
        match sealing.await.map_err(io::Error::other)? {
            Ok(archived) => Ok(Sealed::Whole(archived)),
            Err(error) => match UnpackError::of(&error) {
                Some(UnpackError::Truncated) => Ok(Sealed::CutShort),
                Some(refused) => Ok(Sealed::Refused(refused)),
                None => Err(error.into()),
            },
        }
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
        let mut path = self.desk.outbound.join(self.partner.profile.id.as_str()).join(&name);
        let mut content: Box<dyn Read + Send> = if self.desk.seals_outbound {
            path.as_mut_os_string().push(".sealed");
            Box::new(SealedReader::new(BufReader::new(File::open(&path)?), &self.desk.keys)?)
        } else {
            Box::new(File::open(&path)?)
        };
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
        let has_room = free_bytes(&self.desk.data_dir).map_or(true, |free| free >= limits::DISK_FREE_BYTES_MIN);
        let state = if has_room {
            Ok(())
        } else {
            Err("nearly full, nothing is taken in".to_string())
        };
        self.desk.health.set(Part::Disk, state);
        if !has_room {
            error!(partner = self.partner.profile.id.as_str(), "the disk is nearly full, nothing is taken in");
        }
        has_room
    }
}
