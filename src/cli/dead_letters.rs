//! `dlq ls|show|redrive`: what could not leave, and sending it on its way again.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::ingest::{deliver, look_into_house, open_existing_house, resume};
use super::output::{Exit, Failure, Output};
use crate::config::Config;
use crate::events::fact::DeadReason;
use crate::ids::{ClaimId, FileDigest, Npi};
use crate::pipeline::dead_letters::{self, DeadLetter, Selection};

/// The dead-letter store: what could not leave, and sending it on its way again.
#[derive(Debug, Subcommand)]
pub enum DeadLetters {
    /// List the letters that wait.
    Ls {
        #[command(flatten)]
        select: Select,
        /// Those that were sent again, too.
        #[arg(long)]
        redriven: bool,
        /// At most this many.
        #[arg(long, value_name = "N", default_value_t = 1_000)]
        max: usize,
    },
    /// One letter with the event it stands for.
    Show {
        /// Its number, as `ls` prints it.
        number: u64,
    },
    /// Render and publish letters again; what fails again is a letter again.
    #[command(after_help = "Examples:\n  claimstream dlq redrive --all --dry-run\n  claimstream dlq redrive --payee 1234567893")]
    Redrive {
        #[command(flatten)]
        select: Select,
        /// Numbers of letters, as `ls` prints them.
        #[arg(value_name = "NUMBER")]
        numbers: Vec<u64>,
        /// Every letter that waits.
        #[arg(long)]
        all: bool,
        /// At most this many, the oldest first.
        #[arg(long, value_name = "N", default_value_t = 1_000)]
        max: usize,
        /// Say which letters these are; send nothing.
        #[arg(long)]
        dry_run: bool,
    },
}

/// Which letters.
#[derive(Debug, Args)]
pub struct Select {
    /// Those about this claim.
    #[arg(long, value_name = "ID")]
    claim: Option<ClaimId>,
    /// Those about this file.
    #[arg(long, value_name = "DIGEST")]
    file: Option<FileDigest>,
    /// Those about this payee.
    #[arg(long, value_name = "NPI", value_parser = npi)]
    payee: Option<Npi>,
    /// Those put aside for this reason: unbalanced, unwritable, refused.
    #[arg(long, value_parser = reason)]
    reason: Option<DeadReason>,
}

fn npi(text: &str) -> Result<Npi, String> {
    Npi::parse(text.as_bytes()).map_err(|_| "expected an NPI of ten digits".to_string())
}

fn reason(text: &str) -> Result<DeadReason, String> {
    let found = DeadReason::ALL.into_iter().find(|reason| reason.as_str() == text);
    found.ok_or_else(|| format!("expected one of {}", DeadReason::ALL.map(DeadReason::as_str).join(", ")))
}

impl Select {
    fn is_empty(&self) -> bool {
        self.claim.is_none() && self.file.is_none() && self.payee.is_none() && self.reason.is_none()
    }

    fn selection(&self) -> Selection {
        Selection {
            claim: self.claim,
            file: self.file,
            payee: self.payee,
            reason: self.reason,
            ..Selection::default()
        }
    }
}

impl DeadLetters {
    pub fn run(self, config: Config, output: &Output) -> Result<Exit, Failure> {
        match self {
            DeadLetters::Ls { select, redriven, max } => ls(config, &select, redriven, max, output),
            DeadLetters::Show { number } => show(config, number, output),
            DeadLetters::Redrive {
                select,
                numbers,
                all,
                max,
                dry_run,
            } => {
                if !all && numbers.is_empty() && select.is_empty() {
                    return Err(Failure::usage(
                        "which letters? name them by number or by --claim, --file, --payee, --reason, or say --all",
                    ));
                }
                let selection = Selection { numbers, ..select.selection() };
                redrive(config, &selection, max, dry_run, output)
            }
        }
    }
}

fn ls(config: Config, select: &Select, with_redriven: bool, max: usize, output: &Output) -> Result<Exit, Failure> {
    let house = look_into_house(config)?;
    let selection = Selection {
        with_redriven,
        ..select.selection()
    };
    let letters = dead_letters::select(&house.ledger, &selection, max)?;
    for letter in &letters {
        print(letter, output)?;
    }
    output.object(&json!({"type": "result", "letters": letters.len()}))?;
    output.text(&format!("{} dead letters", letters.len()))?;
    Ok(Exit::Done)
}

fn show(config: Config, number: u64, output: &Output) -> Result<Exit, Failure> {
    let house = look_into_house(config)?;
    let selection = Selection {
        numbers: vec![number],
        with_redriven: true,
        ..Selection::default()
    };
    let Some(letter) = dead_letters::select(&house.ledger, &selection, 1)?.pop() else {
        return Err(Failure::not_found(format!("{number}: no such dead letter")));
    };
    let mut shown = summary(&letter, "result");
    if let Some(event) = letter.event() {
        let headers: Map<String, Value> = event.headers().iter().map(|(name, value)| ((*name).to_string(), json!(value))).collect();
        let value: Value = serde_json::from_slice(&event.value).unwrap_or_default();
        shown.insert("headers".into(), headers.into());
        shown.insert("value".into(), value);
    }
    if !output.is_json() {
        for (name, value) in shown.iter().filter(|(name, _)| *name != "type") {
            output.text(&format!("{name:<12} {}", value.as_str().map_or_else(|| value.to_string(), str::to_string)))?;
        }
    }
    output.object(&shown.into())?;
    Ok(Exit::Done)
}

fn redrive(config: Config, selection: &Selection, max: usize, dry_run: bool, output: &Output) -> Result<Exit, Failure> {
    let mut house = open_existing_house(config)?;
    let letters = dead_letters::select(&house.ledger, selection, max)?;
    if letters.is_empty() && !selection.numbers.is_empty() {
        return Err(Failure::not_found("no such dead letter waits"));
    }
    for letter in &letters {
        print(letter, output)?;
    }
    if dry_run {
        output.object(&json!({"type": "result", "letters": letters.len(), "dead_again": 0, "dry_run": true}))?;
        output.text(&format!("{} dead letters would be sent again", letters.len()))?;
        return Ok(Exit::Done);
    }
    resume(&mut house, output)?;
    dead_letters::redrive(&mut house.ledger, &letters)?;
    let delivery = deliver(&mut house, output)?;
    output.object(&json!({"type": "result", "letters": letters.len(), "dead_again": delivery.dead_letters, "dry_run": false}))?;
    output.text(&format!(
        "{} dead letters were sent again, {} of them are dead letters again",
        letters.len(),
        delivery.dead_letters
    ))?;
    Ok(delivery.into())
}

fn print(letter: &DeadLetter, output: &Output) -> Result<(), Failure> {
    let shown = summary(letter, "letter");
    output.text(&format!(
        "{:>8}  {:<7} {:<11} {} x  {} {}: {}",
        letter.number,
        letter.letter.unit.stage(),
        letter.letter.reason.as_str(),
        letter.letter.attempts,
        shown.get("ce_type").and_then(Value::as_str).unwrap_or_default(),
        shown.get("key").and_then(Value::as_str).unwrap_or_default(),
        letter.letter.detail
    ))?;
    output.object(&shown.into())?;
    Ok(())
}

fn summary(letter: &DeadLetter, kind: &str) -> Map<String, Value> {
    let event = letter.event();
    let fields = [
        ("type", json!(kind)),
        ("number", json!(letter.number)),
        ("stage", json!(letter.letter.unit.stage())),
        ("reason", json!(letter.letter.reason.as_str())),
        ("detail", json!(letter.letter.detail)),
        ("attempts", json!(letter.letter.attempts)),
        ("parked_at", json!(letter.letter.parked_at.to_rfc3339())),
        ("location", json!(format!("journal/{}", letter.letter.seq))),
        ("redriven", json!(letter.is_redriven)),
        ("ce_type", json!(event.as_ref().map(|event| event.kind))),
        ("key", json!(event.as_ref().map(|event| &event.key))),
    ];
    fields.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
}
