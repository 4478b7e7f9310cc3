//! `run`: day and night, from the partners' channels to their answers.
//!
//! One task per partner looks into its channel, seals what is whole, and sends what is answered
//! ([`partner`]). One thread owns the house: it decides, pays and publishes, one job after the other
//! ([`worker`]). Between them stands a short queue, so a slow ledger or broker slows the looking, and
//! nothing piles up. Whatever happens to a task, the truth is in the ledger: a task that starts again
//! looks again, and what was taken is recognised.

mod channel;
mod control;
mod door;
mod door_answer;
mod door_tokens;
mod fail_over;
pub mod hand;
mod http;
mod partner;
pub mod probe;
mod stream;
mod visit;
pub mod worker;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

use self::control::{Choices, Suspensions};
use self::door::Door;
use self::partner::{Desk, Said};
use self::worker::{Job, Reloaded, Worker};
use crate::config::{Config, ConfigError, Partner};
use crate::ids::PartnerId;
use crate::ledger::readers::SharedReaders;
use crate::limits;
use crate::pipeline::health::Health;
use crate::pipeline::house::{House, HouseError, rule_pack};
use crate::pipeline::reference_store;
use crate::pipeline::together::Room;
use crate::sealing::Keys;
use crate::telemetry::{self, Chain};

pub use self::control::{Chosen, ControlError, Side, channels_in_use, choose_channel, chosen_channels, resume, suspend, suspended};
pub use self::door_tokens::TokenFileError;

/// Jobs that wait for the worker: each is one small message, their files are sealed on disk.
const JOBS_WAITING: usize = 64;

/// Time in which tasks let go of what they hold when the service ends.
const GOODBYE: Duration = Duration::from_secs(5);

/// Where a configuration comes from, to read it again.
pub type ReadConfig = Box<dyn Fn() -> Result<Config, ConfigError> + Send>;

/// Why the service ended other than by a signal.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    #[error("the service cannot be set up")]
    Io(#[from] std::io::Error),
    #[error("{address}: cannot listen there")]
    Listen { address: std::net::SocketAddr, source: std::io::Error },
    #[error("the door's tokens cannot be used")]
    Tokens(#[from] TokenFileError),
    #[error(transparent)]
    Worker(#[from] worker::WorkerError),
}

/// What a run of the service did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Served {
    pub files: u64,
    pub claims: u64,
    pub remittances: u64,
}

/// Runs until a signal to end: SIGTERM and SIGINT end it, SIGHUP reads configuration and reference data
/// again. The file in work is left with the next batch of claims; the next start goes on from there.
///
/// # Errors
/// [`ServiceError`].
pub async fn run(mut house: House, read_config: ReadConfig, mut signals: Signals) -> Result<Served, ServiceError> {
    house.enforces_parties = true;
    let config = house.config.clone();
    let interrupt = Arc::clone(&house.interrupt);
    let metrics = telemetry::install_metrics().map_err(std::io::Error::other)?;
    let address = config.service.listen;
    let listener = TcpListener::bind(address).await.map_err(|source| ServiceError::Listen { address, source })?;
    info!(address = %listener.local_addr()?, "health and metrics are answered");
    let patience = config.kafka.as_ref().map_or(Duration::ZERO, |kafka| kafka.give_up_after.duration());
    let health = Arc::new(Health::silent_for(Duration::from_secs(limits::WORKER_SILENT_SECONDS_MAX) + patience));
    let (released, hears) = watch::channel(());
    let refdata = house.directory.refdata();
    let desk = Arc::new(Desk {
        health: Arc::clone(&health),
        keys: Arc::clone(&house.keys),
        archive: house.archive.clone(),
        readers: SharedReaders::new(house.directory.ledger(), Arc::clone(&house.keys)),
        outbound: house.directory.outbound(),
        data_dir: house.directory.root().to_path_buf(),
        seals_outbound: config.phi.seal_outbound,
        room: Room::of(&config),
        released: hears,
    });
    let suspensions = Suspensions::watch(control::directory(&desk.data_dir));
    let choices = Choices::watch(control::channel_directory(&desk.data_dir));
    let (jobs, waiting) = mpsc::channel(JOBS_WAITING);
    let (finished, mut worker_ended) = mpsc::channel(1);
    let (in_force, reads) = watch::channel(Arc::new(config.clone()));
    let door = match config.service.door.clone() {
        None => None,
        Some(settings) => {
            let suspension = suspensions.of(&settings.partner);
            let door = Arc::new(Door::open(settings, Arc::clone(&desk), suspension, jobs.clone(), reads)?);
            tokio::spawn(Arc::clone(&door).watch_disk());
            Some(door)
        }
    };
    let (answering, ends) = watch::channel(());
    let answers = tokio::spawn(http::serve(listener, Arc::clone(&health), metrics, door.clone(), async move {
        let mut ends = ends;
        // Ends with what it watches.
        while ends.changed().await.is_ok() {}
    }));
    let worker = Worker::new(house, health, released, in_force);
    let runtime = tokio::runtime::Handle::current();
    let thread = std::thread::Builder::new().name("worker".into()).spawn(move || {
        let served = worker.work(&runtime, waiting);
        // Nobody may be waiting any more.
        let _ = finished.blocking_send(());
        served
    })?;
    let mut watching = Watching {
        desk,
        jobs: jobs.clone(),
        suspensions,
        choices,
        tasks: HashMap::new(),
    };
    watching.take_up(&config.partners);
    info!(partners = config.partners.len(), "the service runs");
    loop {
        tokio::select! {
            _ = signals.end.recv() => break,
            _ = signals.interrupt.recv() => break,
            _ = worker_ended.recv() => break,
            _ = signals.reload.recv() => {
                let config = match read_config() {
                    Ok(config) => config,
                    Err(error) => {
                        error!(%error, "the new configuration is refused, the one in force stays");
                        continue;
                    }
                };
                match read_again(config, refdata.clone(), Arc::clone(&watching.desk.keys)).await {
                    Ok(reloaded) => {
                        watching.take_up(&reloaded.config.partners);
                        door.iter().for_each(|door| door.read_again());
                        if jobs.send(Job::Reload(Box::new(reloaded))).await.is_err() {
                            break;
                        }
                    }
                    Err(error) => error!(error = %Chain(&error), "the new rules or reference data are refused, what is in force stays"),
                }
            },
        }
    }
    info!("the service ends");
    interrupt.store(true, Ordering::Relaxed);
    door.iter().for_each(|door| door.close());
    watching.let_go().await;
    drop((watching, jobs));
    let served = tokio::task::spawn_blocking(move || thread.join()).await;
    drop(answering);
    if let Ok(Err(error)) = answers.await {
        warn!(%error, "health and metrics were no longer answered");
    }
    match served {
        Ok(Ok(served)) => Ok(served?),
        Ok(Err(_)) | Err(_) => Err(worker::WorkerError::Panicked.into()),
    }
}

/// Rules and reference data, read while the worker goes on with those in force.
async fn read_again(config: Config, refdata: PathBuf, keys: Arc<Keys>) -> Result<Reloaded, HouseError> {
    let read = move || {
        let rules = rule_pack(&config)?;
        let reference = reference_store::current(&refdata, &keys)?;
        Ok(Reloaded { config, rules, reference })
    };
    let panicked = |error| HouseError::Io {
        path: PathBuf::new(),
        source: std::io::Error::other(error),
    };
    tokio::task::spawn_blocking(read).await.map_err(panicked)?
}

/// What the service is told by signals, from when this is made.
#[derive(Debug)]
pub struct Signals {
    end: Signal,
    interrupt: Signal,
    reload: Signal,
}

impl Signals {
    /// Inside a runtime.
    ///
    /// # Errors
    /// Of the operating system.
    pub fn new() -> std::io::Result<Signals> {
        Ok(Signals {
            end: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            reload: signal(SignalKind::hangup())?,
        })
    }
}

/// The tasks of the partners.
struct Watching {
    desk: Arc<Desk>,
    jobs: mpsc::Sender<Job>,
    suspensions: Suspensions,
    choices: Choices,
    tasks: HashMap<PartnerId, Task>,
}

struct Task {
    partner: Partner,
    ends: watch::Sender<bool>,
    handle: JoinHandle<()>,
}

impl Watching {
    /// Starts a task for each partner, and ends those of partners that are gone or changed.
    fn take_up(&mut self, partners: &[Partner]) {
        self.tasks.retain(|id, task| {
            let stays = partners.contains(&task.partner) && !task.handle.is_finished();
            if !stays {
                info!(partner = id.as_str(), "the channel is given up");
                task.ends.send_replace(true);
            }
            stays
        });
        // Whoever has the door only has no channel to look into.
        for partner in partners.iter().filter(|partner| partner.channel.is_some()) {
            let id = partner.profile.id.clone();
            if self.tasks.contains_key(&id) {
                continue;
            }
            let (ends, ending) = watch::channel(false);
            let said = Said {
                suspension: self.suspensions.of(&id),
                choice: self.choices.of(&id),
            };
            let task = partner::supervise(partner.clone(), Arc::clone(&self.desk), self.jobs.clone(), said, ending);
            let handle = tokio::spawn(task);
            let partner = partner.clone();
            self.tasks.insert(id, Task { partner, ends, handle });
        }
    }

    async fn let_go(&mut self) {
        for task in self.tasks.values() {
            task.ends.send_replace(true);
        }
        for (id, task) in self.tasks.drain() {
            let abort = task.handle.abort_handle();
            if tokio::time::timeout(GOODBYE, task.handle).await.is_err() {
                warn!(partner = id.as_str(), "the channel did not end in time, it is cut off");
                abort.abort();
            }
        }
    }
}

/// What configuration can't be changed while the service runs, in the words of its keys.
pub(crate) fn needs_a_restart(before: &Config, after: &Config) -> Vec<&'static str> {
    let mut keys = Vec::new();
    let mut note = |differs: bool, key| {
        if differs {
            keys.push(key);
        }
    };
    note(before.service != after.service, "[service]");
    note(before.kafka != after.kafka, "[kafka]");
    note(before.ledger != after.ledger, "[ledger]");
    note(before.phi != after.phi, "[phi]");
    note(before.telemetry != after.telemetry, "[telemetry]");
    keys
}
