//! `ingest`: files in, through the same path as the service.

use std::fs::File;
use std::io::{self, Read};
use std::mem;
use std::path::{Path, PathBuf};
use std::time::Instant;

use chrono::NaiveDate;
use clap::Args;
use indicatif::ProgressBar;
use serde_json::json;

use super::output::{Exit, Failure, Output, claims, claims_text};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::events::fact::ClaimCounts;
use crate::ids::PartnerId;
use crate::intake::archive::Sealed;
use crate::intake::openpgp::OpenPgp;
use crate::intake::unpack;
use crate::money::Money;
use crate::pipeline::house::{House, HouseError, Opening};
use crate::pipeline::inbound::{self, Arrived, FileReport, InboundError};
use crate::pipeline::outbound::{self, Delivery};
use crate::pipeline::payment_run;
use crate::pipeline::seen::Seen;
use crate::pipeline::together::{Room, take_in_together};
use crate::tables::refdata::Origin;

/// Take in claim files: seal, validate, decide, acknowledge, pay.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  claimstream ingest claims.837\n  sftp … | claimstream ingest -\n  claimstream ingest --json claims.837 --received-at 2026-01-16T12:00:00-08:00 --pay-date 2026-02-20"
)]
pub struct Ingest {
    /// Claim files, also gzip, zip or (with --partner) OpenPGP; `-` reads standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Treat the files as this partner's; else the partner whose sender and receiver match.
    #[arg(long, value_name = "ID")]
    partner: Option<String>,
    /// When the bytes were first received (RFC 3339); timely filing counts from here.
    #[arg(long, value_name = "RFC3339", value_parser = timestamp)]
    received_at: Option<Timestamp>,
    /// Date of the payment run at the end; else the day of --received-at, else today.
    #[arg(long, value_name = "DATE")]
    pay_date: Option<NaiveDate>,
    /// Leave the claims for a later payment run.
    #[arg(long)]
    no_remit: bool,
}

fn timestamp(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text).map_err(|_| "expected an RFC 3339 instant such as 2026-01-16T12:00:00-08:00".to_string())
}

/// The sums of a run over several files.
#[derive(Debug, Default)]
pub struct Ingested {
    pub files: u64,
    /// Files of an earlier run that this one finished; their claims are counted here.
    pub resumed: u64,
    pub duplicates: u64,
    pub rejected_files: u64,
    pub interchanges: u32,
    pub transaction_sets: u32,
    pub counts: ClaimCounts,
    pub remittances: u64,
    pub interest: Money,
    pub delivery: Delivery,
    pub seconds: f64,
}

impl Ingest {
    pub fn run(self, config: Config, output: &Output) -> Result<Exit, Failure> {
        let mut house = open_house(config, output)?;
        let ingested = ingest_files(
            &mut house,
            &self.files,
            self.partner.map(PartnerId::new).as_ref(),
            self.received_at,
            self.pay_date,
            self.no_remit,
            output,
        )?;
        ingested.print(output)?;
        Ok(ingested.exit())
    }
}

/// Opens the house of an earlier run, for what goes on with it.
pub fn open_existing_house(config: Config) -> Result<House, Failure> {
    Ok(House::open(config, Opening::MustExist)?)
}

/// Opens the house for a look, also while the service is at work in it.
pub fn look_into_house(config: Config) -> Result<House, Failure> {
    Ok(House::open(config, Opening::ToLook)?)
}

/// Opens the house, making a key file when there is none, and says so.
pub fn open_house(config: Config, output: &Output) -> Result<House, HouseError> {
    let house = House::open(config, Opening::MayCreate)?;
    if house.keys_are_new {
        output.note("warning: a key file was made inside the data directory; keep keys elsewhere ([phi] key_file), or a copied directory can be read");
    }
    Ok(house)
}

/// Says once per run which tables were never loaded, because their checks are not enforced.
fn note_unloaded(house: &House, output: &Output) {
    let unloaded: Vec<&str> = house
        .reference
        .contents()
        .iter()
        .filter(|content| content.origin == Origin::NeverLoaded)
        .map(|content| content.table.file_name())
        .collect();
    if !unloaded.is_empty() {
        output.note(&format!("not loaded, so not enforced: {}", unloaded.join(", ")));
    }
    output.note("code sets (ICD-10, HCPCS, revenue, taxonomy) not loaded: codes are checked by their shape");
}

/// The whole way of several files: unfinished work first, then the files, the payment run, delivery.
pub fn ingest_files(
    house: &mut House,
    files: &[PathBuf],
    partner: Option<&PartnerId>,
    received_at: Option<Timestamp>,
    pay_date: Option<NaiveDate>,
    no_remit: bool,
    output: &Output,
) -> Result<Ingested, Failure> {
    let start = Instant::now();
    note_unloaded(house, output);
    // A name that is wrong is better told before the first file is taken in.
    house.profile(partner, None)?;
    let mut bytes = 0;
    for path in files {
        bytes += open(path)?.1;
    }
    let keys = partner
        .and_then(|id| house.config.partner_named(id.as_str()))
        .and_then(|partner| partner.pgp.clone());
    let openpgp = OpenPgp::new(keys);
    let mut ingested = Ingested::default();
    let (seen, resumed) = resume(house, output)?;
    ingested.resumed = resumed.len() as u64;
    resumed.iter().for_each(|report| ingested.add(report));
    let room = Room::of(&house.config);
    let mut intake = Intake {
        house,
        seen: &seen,
        output,
        ingested: &mut ingested,
        room,
        held: Vec::new(),
        bar: output.progress(bytes, "deciding"),
        bytes: 0,
    };
    for path in files {
        intake.file(path, &openpgp, partner, received_at.unwrap_or_else(Timestamp::now))?;
    }
    intake.held()?;
    intake.bar.finish_and_clear();
    // Nothing is decided from here on: the lines seen need no memory any more.
    drop(seen);
    if !no_remit && house.config.remit.on_ingest {
        let pay_date = pay_date.unwrap_or_else(|| received_at.unwrap_or_else(Timestamp::now).date_in(house.config.payer.timezone));
        let bar = output.progress(0, "paying");
        let run = payment_run::run(house, pay_date, &|claims, of| {
            bar.set_length(of);
            bar.set_position(claims);
        })?;
        bar.finish_and_clear();
        ingested.remittances = run.remittances;
        ingested.interest = run.interest;
    }
    ingested.delivery = deliver(house, output)?;
    ingested.seconds = start.elapsed().as_secs_f64();
    Ok(ingested)
}

/// Files on their way in: large ones each on its own, small ones together.
struct Intake<'i> {
    house: &'i mut House,
    seen: &'i Seen,
    output: &'i Output,
    ingested: &'i mut Ingested,
    /// What the next transaction still has room for.
    room: Room,
    /// Sealed, and neither in the archive nor decided.
    held: Vec<(&'i Path, Sealed, Arrived)>,
    bar: ProgressBar,
    /// Of the files that are decided.
    bytes: u64,
}

impl<'i> Intake<'i> {
    fn file(&mut self, path: &'i Path, openpgp: &OpenPgp, partner: Option<&PartnerId>, received_at: Timestamp) -> Result<(), Failure> {
        let mut input = Unpacked {
            input: Some(open(path)?.0),
            opened: Box::new(io::empty()),
            openpgp,
        };
        let sealed = self.house.archive.seal(&mut input, &self.house.keys).map_err(InboundError::from)?;
        let arrived = Arrived {
            archived: sealed.archived,
            partner: partner.cloned(),
            received_at,
        };
        let bytes = arrived.archived.bytes;
        if !self.room.take(bytes) {
            self.held()?;
            if !self.room.take(bytes) {
                self.house.archive.keep(vec![sealed]).map_err(InboundError::from)?;
                let (before, bar) = (self.bytes, &self.bar);
                let report = inbound::ingest_archived(self.house, self.seen, &arrived, &|read, _| bar.set_position(before + read))?;
                return self.note(path, bytes, &report);
            }
        }
        self.held.push((path, sealed, arrived));
        Ok(())
    }

    /// Takes in the small files that wait, and makes room for others.
    fn held(&mut self) -> Result<(), Failure> {
        self.room = Room::of(&self.house.config);
        let (mut paths, mut sealed, mut arrived) = (Vec::new(), Vec::new(), Vec::new());
        for (path, file, arrival) in mem::take(&mut self.held) {
            paths.push((path, arrival.archived.bytes));
            sealed.push(file);
            arrived.push(arrival);
        }
        if arrived.is_empty() {
            return Ok(());
        }
        self.house.archive.keep(sealed).map_err(InboundError::from)?;
        let reports = take_in_together(self.house, self.seen, &arrived, &mut |_, _| Ok(()))?;
        let mut files = paths.into_iter().zip(&reports);
        files.try_for_each(|((path, bytes), report)| self.note(path, bytes, report))
    }

    fn note(&mut self, path: &Path, bytes: u64, report: &FileReport) -> Result<(), Failure> {
        self.bytes += bytes;
        self.bar.set_position(self.bytes);
        self.ingested.files += 1;
        self.ingested.add(report);
        Ok(describe(path, report, self.output)?)
    }
}

/// Finishes the files that an earlier run had begun. Whatever writes to the journal begins with this.
pub fn resume(house: &mut House, output: &Output) -> Result<(Seen, Vec<FileReport>), Failure> {
    let seen = Seen::load(house)?;
    let resumed = inbound::resume(house, &seen, &|_, _| {})?;
    if !resumed.is_empty() {
        output.note(&format!("finished {} file(s) that an earlier run had begun", resumed.len()));
    }
    Ok((seen, resumed))
}

/// Delivers what waits in the outbox.
pub fn deliver(house: &mut House, output: &Output) -> Result<Delivery, Failure> {
    let bar = output.progress(0, "delivering");
    let delivery = outbound::deliver(house, &|position, end| {
        bar.set_length(end);
        bar.set_position(position);
    })?;
    bar.finish_and_clear();
    if delivery.dead_letters > 0 {
        output.note(&format!(
            "warning: {} unit(s) could not leave and are in the dead-letter store; see `claimstream dlq ls`",
            delivery.dead_letters
        ));
    }
    Ok(delivery)
}

fn open(path: &Path) -> Result<(Box<dyn Read + Send>, u64), Failure> {
    if path.as_os_str() == "-" {
        return Ok((Box::new(io::stdin()), 0));
    }
    let at = |error: io::Error| {
        let message = format!("{}: {error}", path.display());
        if error.kind() == io::ErrorKind::NotFound {
            Failure::not_found(message)
        } else {
            Failure::unfinished(message)
        }
    };
    let file = File::open(path).map_err(at)?;
    let metadata = file.metadata().map_err(at)?;
    if metadata.is_dir() {
        return Err(Failure::usage(format!("{}: is a directory, expected a file", path.display())));
    }
    Ok((Box::new(file), metadata.len()))
}

/// A file that is opened where it is packed, when it is first read: standard input may have nothing yet.
struct Unpacked<'o> {
    input: Option<Box<dyn Read + Send>>,
    opened: Box<dyn Read + Send>,
    openpgp: &'o OpenPgp,
}

impl Read for Unpacked<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if let Some(input) = self.input.take() {
            self.opened = unpack::opened(input, self.openpgp)?;
        }
        self.opened.read(into)
    }
}

fn describe(path: &Path, report: &FileReport, output: &Output) -> io::Result<()> {
    let name = path.display();
    match (report.is_duplicate, report.rejected) {
        (true, _) => output.text(&format!("{name}: received before, nothing changed")),
        (false, Some(reason)) => output.text(&format!("{name}: rejected, no claim let in ({})", json!(reason).as_str().unwrap_or_default())),
        (false, None) => output.text(&format!("{name}: {}", claims_text(&report.counts))),
    }
}

impl Ingested {
    fn add(&mut self, report: &FileReport) {
        self.duplicates += u64::from(report.is_duplicate);
        self.rejected_files += u64::from(report.rejected.is_some());
        self.interchanges += report.interchanges;
        self.transaction_sets += report.transaction_sets;
        self.counts.add(&report.counts);
    }

    pub fn print(&self, output: &Output) -> io::Result<()> {
        output.object(&json!({
            "type": "result", "files": self.files, "resumed": self.resumed, "duplicates": self.duplicates, "rejected_files": self.rejected_files,
            "interchanges": self.interchanges, "transaction_sets": self.transaction_sets, "claims": claims(&self.counts),
            "charge": self.counts.charge, "paid": self.counts.amount_paid, "interest": self.interest, "remittances": self.remittances,
            "events": self.delivery.events, "dead_letters": self.delivery.dead_letters, "conservation": self.counts.conservation(), "seconds": (self.seconds * 1000.0).round() / 1000.0,
        }))?;
        output.text(&format!(
            "charged {}, paid {}, interest {}",
            self.counts.charge, self.counts.amount_paid, self.interest
        ))?;
        output.text(&format!(
            "{} remittances, {} acknowledgements, {} events, conservation {}, {:.2} s",
            self.remittances,
            self.delivery.acknowledgements,
            self.delivery.events,
            self.counts.conservation(),
            self.seconds
        ))
    }

    pub fn exit(&self) -> Exit {
        if self.counts.conservation() != 0 {
            return Exit::Integrity;
        }
        match Exit::from(self.delivery) {
            Exit::Done if self.counts.rejected > 0 || self.rejected_files > 0 => Exit::Findings,
            exit => exit,
        }
    }
}
