//! The one thread that owns the house: files, payments and deliveries, one after the other. Small files
//! are taken in together; large ones take turns with everything else.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{Datelike, Days, TimeZone};
use chrono_tz::Tz;
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{info, warn};

use super::{Served, needs_a_restart};
use crate::clock::Timestamp;
use crate::config::{Config, Schedule};
use crate::delivery::kafka::KafkaError;
use crate::delivery::sink::SinkError;
use crate::ids::PartnerId;
use crate::ledger::{Batch, Delivered, Ledger, LedgerError, Seq, Taken};
use crate::pipeline::gauges::{self, Gauges};
use crate::pipeline::health::{Health, Part};
use crate::pipeline::house::House;
use crate::pipeline::inbound::{self, Arrived, Begun, FileReport, InboundError};
use crate::pipeline::outbound::{self, OutboundError};
use crate::pipeline::payment_run;
use crate::pipeline::remit_sending::{self, SentRemit};
use crate::pipeline::rule_store;
use crate::pipeline::seen::Seen;
use crate::pipeline::together::{Room, take_in_together};
use crate::pipeline::underway::Underway;
use crate::tables::refdata::ReferenceData;
use crate::tables::rules::RulePack;
use crate::telemetry::Chain;

/// How often the thread looks for what time brings: a payment run, an outbox that waits.
const TICK: Duration = Duration::from_secs(1);

/// A large file's claims are decided for so long while others wait.
const TURN: Duration = Duration::from_millis(100);

/// Between two times that the gauges are read from the ledger.
const GAUGES_EVERY: Duration = Duration::from_secs(5);

/// After trouble with the brokers, the next try: twice as long each time, up to this.
const EVENTS_WAIT_MAX: Duration = Duration::from_secs(300);

/// Something for the thread to do.
#[derive(Debug)]
pub enum Job {
    File(Box<FileJob>),
    /// A file that the ledger has is out of its partner's folder.
    PutAway {
        partner: PartnerId,
        look: Taken,
    },
    /// Answers are with a partner up to here.
    Sent {
        partner: PartnerId,
        through: Seq,
        done: oneshot::Sender<()>,
    },
    RemitsSent(SentRemits),
    Reload(Box<Reloaded>),
}

/// What was read again.
#[derive(Debug)]
pub struct Reloaded {
    pub config: Config,
    pub rules: RulePack,
    pub reference: ReferenceData,
}

/// 835s that were uploaded to a partner.
#[derive(Debug)]
pub struct SentRemits {
    pub partner: PartnerId,
    pub sent: Vec<SentRemit>,
    pub done: oneshot::Sender<()>,
}

/// A file that is sealed in the archive.
#[derive(Debug)]
pub struct FileJob {
    pub arrived: Arrived,
    pub partner: PartnerId,
    /// What the channel showed of it; `None`: it was posted.
    pub look: Option<Taken>,
    /// Told when the ledger has the file; dropped when it has not.
    pub done: oneshot::Sender<FileReport>,
}

/// Why the thread ended: the next start goes on from what is committed.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error(transparent)]
    Inbound(#[from] InboundError),
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("the worker's thread panicked")]
    Panicked,
}

/// The house and what it has open.
#[derive(Debug)]
pub struct Worker {
    house: House,
    served: Served,
    /// Files whose claims are decided in turns, the one that has waited longest first.
    large: VecDeque<Large>,
    /// Met when it was looked what fits together.
    next: Option<Job>,
    /// Files whose going the ledger learns with the next that it writes.
    put_away: Vec<(PartnerId, Taken)>,
    next_payment: Timestamp,
    events: EventsWait,
    health: Arc<Health>,
    /// Tells the partners' tasks that there may be answers to send.
    released: watch::Sender<()>,
    /// What [`Job::Reload`] made of the configuration.
    in_force: watch::Sender<Arc<Config>>,
    gauges: Gauges,
    gauged: Option<Instant>,
}

/// A large file, and who waits for it: nobody when an earlier run had begun it.
#[derive(Debug)]
struct Large {
    claims: Underway,
    job: Option<FileJob>,
}

/// There is no job.
struct Nothing;

/// When the outbox is tried again.
#[derive(Debug, Default)]
struct EventsWait {
    until: Option<Instant>,
    last: Duration,
}

impl Worker {
    pub fn new(house: House, health: Arc<Health>, released: watch::Sender<()>, in_force: watch::Sender<Arc<Config>>) -> Worker {
        let next_payment = next_run(&house.config.remit.schedule, house.config.payer.timezone, Timestamp::now());
        Worker {
            house,
            served: Served::default(),
            large: VecDeque::new(),
            next: None,
            put_away: Vec::new(),
            next_payment,
            events: EventsWait::default(),
            health,
            released,
            in_force,
            gauges: Gauges::default(),
            gauged: None,
        }
    }

    /// Works until nobody sends jobs any more, or the house is interrupted.
    ///
    /// # Errors
    /// [`WorkerError`]: work can't go on.
    pub fn work(mut self, runtime: &Handle, mut jobs: mpsc::Receiver<Job>) -> Result<Served, WorkerError> {
        gauges::describe(&self.house.directory, self.house.rules.digest());
        let seen = Seen::load(&self.house)?;
        let health = Arc::clone(&self.health);
        health.set(Part::ReferenceData, Ok(()));
        for (row, profile) in inbound::unfinished(&self.house)? {
            info!(bytes = row.bytes, "going on with a file that an earlier run had begun");
            if let Begun::Underway(claims) = inbound::begin_again(&mut self.house, row, profile)? {
                self.large.push_back(Large { claims: *claims, job: None });
            }
        }
        health.set(Part::Ledger, Ok(()));
        loop {
            health.beat();
            self.deliver()?;
            self.measure()?;
            let job = match self.next.take() {
                Some(job) => Ok(Some(job)),
                None if !self.large.is_empty() => match jobs.try_recv() {
                    Ok(job) => Ok(Some(job)),
                    Err(TryRecvError::Empty) => Err(Nothing),
                    Err(TryRecvError::Disconnected) => Ok(None),
                },
                // Made inside, where the runtime's clock is known.
                None => runtime.block_on(async { tokio::time::timeout(TICK, jobs.recv()).await }).map_err(|_| Nothing),
            };
            match job {
                Ok(None) => return self.leave(),
                Ok(Some(Job::File(file))) if !self.knows(&file.partner) => {}
                Ok(Some(Job::File(file))) => self.files(&seen, *file, &mut jobs)?,
                Ok(Some(Job::PutAway { partner, look })) => self.put_away.push((partner, look)),
                Ok(Some(Job::Sent { partner, through, done })) => self.sent(&partner, through, done)?,
                Ok(Some(Job::RemitsSent(SentRemits { partner, sent, done }))) => {
                    remit_sending::record(&mut self.house.ledger, &partner, &sent)?;
                    let _ = done.send(());
                }
                Ok(Some(Job::Reload(reloaded))) => self.reload(*reloaded),
                Err(Nothing) => self.pay_when_due()?,
            }
            match self.turn(&seen, &jobs) {
                Err(WorkerError::Inbound(InboundError::Interrupted)) => return self.leave(),
                done => done?,
            }
        }
    }

    /// Goes on with the large file that has waited longest, for a while.
    fn turn(&mut self, seen: &Seen, jobs: &mpsc::Receiver<Job>) -> Result<(), WorkerError> {
        let Some(Large { mut claims, job }) = self.large.pop_front() else {
            return Ok(());
        };
        let (health, begun, is_alone) = (Arc::clone(&self.health), Instant::now(), self.large.is_empty());
        let others_wait = || begun.elapsed() >= TURN && !(is_alone && jobs.is_empty());
        if !claims.go_on(&mut self.house, seen, &|_, _| health.beat(), &others_wait)? {
            self.large.push_back(Large { claims, job });
            return Ok(());
        }
        let report = claims.complete(&mut self.house)?;
        if let Some(job) = job {
            self.house.ledger.append(&taken(&job, mem::take(&mut self.put_away)))?;
            self.is_in(job, report);
        }
        Ok(())
    }

    /// Takes in a file, and with a small one those that wait behind it.
    fn files(&mut self, seen: &Seen, first: FileJob, jobs: &mut mpsc::Receiver<Job>) -> Result<(), WorkerError> {
        let mut room = Room::of(&self.house.config);
        if !room.take(first.arrived.archived.bytes) {
            return self.large(first);
        }
        let mut files = vec![first];
        while let Ok(job) = jobs.try_recv() {
            match job {
                Job::File(file) if !self.knows(&file.partner) => {}
                Job::File(file) if room.take(file.arrived.archived.bytes) => files.push(*file),
                other => {
                    self.next = Some(other);
                    break;
                }
            }
        }
        let arrived: Vec<Arrived> = files.iter().map(|file| file.arrived.clone()).collect();
        let put_away = &mut self.put_away;
        let reports = take_in_together(&mut self.house, seen, &arrived, &mut |ledger, place| {
            let batch = files.get(place).map(|file| taken(file, mem::take(put_away))).unwrap_or_default();
            ledger.append(&batch).map(drop)
        })?;
        for (file, report) in files.into_iter().zip(reports) {
            self.is_in(file, report);
        }
        Ok(())
    }

    /// Not one that a new configuration has no more: its file is left to whoever sent it.
    fn knows(&self, partner: &PartnerId) -> bool {
        let is_known = self.house.config.partner_named(partner.as_str()).is_some();
        if !is_known {
            warn!(partner = partner.as_str(), "the partner is not configured any more, its file is not taken in");
        }
        is_known
    }

    /// Takes a large file in as far as its claims; they are decided in turns.
    fn large(&mut self, job: FileJob) -> Result<(), WorkerError> {
        let digest = job.arrived.archived.file;
        if let Some(large) = self.large.iter_mut().find(|large| *large.claims.file() == digest) {
            // The same bytes again, or what an earlier run had begun: one of them is told.
            large.job.get_or_insert(job);
            return Ok(());
        }
        match inbound::begin(&mut self.house, &job.arrived)? {
            Begun::Underway(claims) => self.large.push_back(Large {
                claims: *claims,
                job: Some(job),
            }),
            Begun::Done(report) => {
                self.house.ledger.append(&taken(&job, mem::take(&mut self.put_away)))?;
                self.is_in(job, report);
            }
        }
        Ok(())
    }

    fn is_in(&mut self, file: FileJob, report: FileReport) {
        self.served.files += 1;
        self.served.claims += report.counts.received;
        // The task may have been ended: what it does not hear, it reads in the ledger.
        let _ = file.done.send(report);
    }

    /// Nobody sends jobs any more.
    fn leave(mut self) -> Result<Served, WorkerError> {
        self.house.ledger.append(&Batch {
            put_away: mem::take(&mut self.put_away),
            ..Batch::default()
        })?;
        Ok(self.served)
    }

    /// Sets the gauges, now and then.
    fn measure(&mut self) -> Result<(), LedgerError> {
        if self.gauged.is_some_and(|last| last.elapsed() < GAUGES_EVERY) {
            return Ok(());
        }
        self.gauged = Some(Instant::now());
        gauges::reference_age(&self.house.directory);
        self.gauges.refresh(&self.house.ledger, &self.house.config, &self.house.rules)
    }

    fn sent(&mut self, partner: &PartnerId, through: Seq, done: oneshot::Sender<()>) -> Result<(), WorkerError> {
        let position = Delivered {
            seq: through,
            ..Delivered::default()
        };
        self.house.ledger.append(&Batch {
            delivered: vec![(upload_delivery(partner), position)],
            put_away: mem::take(&mut self.put_away),
            ..Batch::default()
        })?;
        let _ = done.send(());
        Ok(())
    }

    fn pay_when_due(&mut self) -> Result<(), WorkerError> {
        let now = Timestamp::now();
        if now < self.next_payment {
            return Ok(());
        }
        let zone = self.house.config.payer.timezone;
        let run = payment_run::run(&mut self.house, now.date_in(zone), &|_, _| {})?;
        self.served.remittances += run.remittances;
        self.next_payment = next_run(&self.house.config.remit.schedule, zone, now);
        info!(remittances = run.remittances, claims = run.claims, "a payment run is built");
        Ok(())
    }

    /// Releases and publishes what waits. Brokers that can't be reached hold up events only, and are
    /// tried again after a while.
    fn deliver(&mut self) -> Result<(), WorkerError> {
        if outbound::lag(&self.house)? == 0 {
            self.health.set(Part::Events, Ok(()));
            return Ok(());
        }
        if self.events.until.is_none_or(|until| until <= Instant::now()) {
            self.house.outbox.let_go();
        }
        let health = Arc::clone(&self.health);
        let told = |_, _| {
            health.beat();
            self.released.send_replace(());
        };
        match outbound::deliver(&mut self.house, &told) {
            Ok(delivery) => {
                if delivery.events > 0 {
                    self.events = EventsWait::default();
                    self.health.set(Part::Events, Ok(()));
                }
                if delivery.dead_letters > 0 {
                    warn!(letters = delivery.dead_letters, "units could not leave and are in the dead-letter store");
                }
                Ok(())
            }
            Err(OutboundError::Events {
                source: source @ SinkError::Kafka(KafkaError::Fenced { .. }),
                waiting,
            }) => Err(OutboundError::Events { waiting, source }.into()),
            Err(error @ OutboundError::Events { .. }) => {
                self.events.last = (self.events.last * 2).clamp(TICK, EVENTS_WAIT_MAX);
                self.events.until = Some(Instant::now() + self.events.last);
                self.house.outbox.hold();
                self.health.set(Part::Events, Err("events wait for the brokers".into()));
                warn!(error = %Chain(&error), seconds = self.events.last.as_secs(), "events wait, the next try comes later");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Takes over what can change while the service runs. What is refused leaves everything as it is.
    fn reload(&mut self, Reloaded { config, rules, reference }: Reloaded) {
        if let Err(error) = rule_store::keep(&self.house.directory.rules(), &self.house.keys, &rules) {
            warn!(error = %Chain(&error), "the rule pack cannot be kept, so what is in force stays");
            return;
        }
        let before = &self.house.config;
        let left = needs_a_restart(before, &config);
        if !left.is_empty() {
            warn!(keys = left.join(", "), "changes that need a restart are left");
        }
        let config = Config {
            service: before.service.clone(),
            kafka: before.kafka.clone(),
            ledger: before.ledger.clone(),
            phi: before.phi.clone(),
            ..config
        };
        self.next_payment = next_run(&config.remit.schedule, config.payer.timezone, Timestamp::now());
        (self.house.rules, self.house.reference, self.house.config) = (rules, reference, config);
        self.in_force.send_replace(Arc::new(self.house.config.clone()));
        gauges::describe(&self.house.directory, self.house.rules.digest());
        let (refdata, rules) = (self.house.reference.digest(), self.house.rules.digest());
        info!(%refdata, %rules, "configuration, rules and reference data are read again");
    }
}

/// What the ledger is to know of a file beside its claims, and of those before it.
fn taken(file: &FileJob, put_away: Vec<(PartnerId, Taken)>) -> Batch {
    Batch {
        taken: file.look.map(|look| (file.partner.clone(), look, file.arrived.archived.file)),
        put_away,
        ..Batch::default()
    }
}

/// The name under which the ledger keeps how far a partner has its answers.
pub fn upload_delivery(partner: &PartnerId) -> String {
    format!("upload/{partner}")
}

/// The first moment of the schedule after now.
fn next_run(schedule: &Schedule, zone: Tz, now: Timestamp) -> Timestamp {
    let today = now.date_in(zone);
    let moments = (0..=7).filter_map(|days| {
        let day = today.checked_add_days(Days::new(days))?;
        let is_due = schedule.days().contains(&day.weekday());
        // A time that the clocks skip is the first one after it.
        let local = day.and_time(schedule.time());
        let moment = zone
            .from_local_datetime(&local)
            .earliest()
            .or_else(|| zone.from_local_datetime(&(local + chrono::TimeDelta::hours(1))).earliest())?;
        is_due.then(|| Timestamp::from_unix_seconds(moment.timestamp()))
    });
    moments
        .into_iter()
        .find(|moment| *moment > now)
        .unwrap_or_else(|| Timestamp::from_unix_seconds(i64::MAX))
}

#[cfg(test)]
mod tests {
    use chrono::{NaiveTime, Weekday};

    use super::*;

    #[test]
    fn payment_runs_are_at_the_payers_time() {
        let schedule = Schedule::new(vec![Weekday::Tue, Weekday::Fri], NaiveTime::from_hms_opt(18, 0, 0).unwrap());
        let zone = chrono_tz::America::Los_Angeles;
        for (now, next) in [
            ("2026-11-22T12:00:00-08:00", "2026-11-25T02:00:00Z"),
            ("2026-11-24T17:59:59-08:00", "2026-11-25T02:00:00Z"),
            ("2026-11-24T18:00:00-08:00", "2026-11-28T02:00:00Z"),
            // Summer time.
            ("2026-07-01T00:00:00-07:00", "2026-07-04T01:00:00Z"),
        ] {
            let now = Timestamp::parse_rfc3339(now).unwrap();
            assert_eq!(next_run(&schedule, zone, now).to_rfc3339(), next);
        }
        let skipped = Schedule::new(vec![Weekday::Sun], NaiveTime::from_hms_opt(2, 30, 0).unwrap());
        let now = Timestamp::parse_rfc3339("2026-03-07T12:00:00-08:00").unwrap();
        assert_eq!(next_run(&skipped, zone, now).to_rfc3339(), "2026-03-08T10:30:00Z");
    }
}
