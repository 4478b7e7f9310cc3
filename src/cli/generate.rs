//! `gen`: synthetic files, the reference data that fits them, the answer key.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use chrono::{Datelike, NaiveDate};
use clap::{Args, ValueEnum};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::json;

use super::output::{Exit, Failure, Output};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::durable::create_directory;
use crate::synthetic::{Mix, REFERENCE_FILES, Recipe, write_claims, write_corrections, write_corrections_key, write_key};

/// Deterministic synthetic claim files, the reference data that fits them, and the answer key.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  claimstream gen mix --claims 20000 --seed 1 --errors 3 --out claims.837 --refdata refdata --key key.csv\n  claimstream gen 837p --claims 100 --seed 7 > claims.837\n\nThe same arguments give the same bytes. Service dates lie before --anchor (default: the first day of\nthis month), so the key holds for files that are ingested within six months after it."
)]
pub struct Generate {
    /// Which forms.
    form: FormChoice,
    /// Number of claims.
    #[arg(long, value_name = "N")]
    claims: u64,
    /// Seed: another one makes other people, dates and amounts.
    #[arg(long, value_name = "S")]
    seed: u64,
    /// Percent of the claims that get one known defect each (0 to 90, one decimal).
    #[arg(long, value_name = "PCT", default_value = "0")]
    errors: Decimal,
    /// Where the claims go; standard output when left out.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write the fitting reference data into this directory.
    #[arg(long, value_name = "DIR")]
    refdata: Option<PathBuf>,
    /// Write the expected outcomes (CSV).
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Write a file that replaces and voids some of the claims, to be ingested after them.
    #[arg(long, value_name = "FILE")]
    corrections: Option<PathBuf>,
    /// Write the expected outcomes of the corrections (CSV).
    #[arg(long, value_name = "FILE")]
    corrections_key: Option<PathBuf>,
    /// Day that the service dates lie before.
    #[arg(long, value_name = "DATE")]
    anchor: Option<NaiveDate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormChoice {
    #[value(name = "837p")]
    Professional,
    #[value(name = "837i")]
    Institutional,
    Mix,
}

impl Generate {
    pub fn run(self, config: &Config, output: &Output) -> Result<Exit, Failure> {
        let form = match self.form {
            FormChoice::Professional => Mix::Professional,
            FormChoice::Institutional => Mix::Institutional,
            FormChoice::Mix => Mix::Both,
        };
        let per_mille = (self.errors * Decimal::TEN)
            .to_u32()
            .ok_or_else(|| Failure::usage("--errors: expected a percentage from 0 to 90"))?;
        let recipe = Recipe::new(form, self.claims, self.seed, per_mille, self.anchor.unwrap_or_else(|| default_anchor(config))).map_err(Failure::usage)?;
        let written = match &self.out {
            Some(path) => to_file(path, |out| write_claims(&recipe, out))?,
            None if output.is_json() => return Err(Failure::usage("--json needs --out: standard output can't carry both the claims and the result")),
            None => {
                let mut out = BufWriter::new(io::stdout().lock());
                let written = write_claims(&recipe, &mut out)?;
                out.flush()?;
                written
            }
        };
        if let Some(directory) = &self.refdata {
            write_reference(&recipe, directory)?;
        }
        if let Some(path) = &self.key {
            to_file(path, |out| write_key(&recipe, out))?;
        }
        if let Some(path) = &self.corrections {
            to_file(path, |out| write_corrections(&recipe, out))?;
        }
        if let Some(path) = &self.corrections_key {
            to_file(path, |out| write_corrections_key(&recipe, out))?;
        }
        output.object(&json!({
            "type": "result", "claims": written.claims, "bytes": written.bytes, "interchanges": written.interchanges,
            "transaction_sets": written.transaction_sets, "seed": self.seed, "anchor": recipe.anchor(),
        }))?;
        if self.out.is_some() {
            output.text(&format!(
                "{} claims, {} bytes, {} interchanges, {} transaction sets",
                written.claims, written.bytes, written.interchanges, written.transaction_sets
            ))?;
        }
        Ok(Exit::Done)
    }
}

/// The first day of this month at the payer.
pub fn default_anchor(config: &Config) -> NaiveDate {
    let today = Timestamp::now().date_in(config.payer.timezone);
    today.with_day(1).unwrap_or(today)
}

/// Writes every reference table of a recipe.
pub fn write_reference(recipe: &Recipe, directory: &Path) -> Result<(), Failure> {
    create_directory(directory).map_err(Failure::unfinished)?;
    for table in REFERENCE_FILES {
        to_file(&directory.join(table.file_name), |out| table.write(recipe, out))?;
    }
    Ok(())
}

/// Writes a file (0600 when it is new) through a buffer.
pub fn to_file<T>(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<T>) -> Result<T, Failure> {
    let named = |error: io::Error| Failure::unfinished(format!("{}: {error}", path.display()));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut out = BufWriter::new(options.open(path).map_err(named)?);
    let result = write(&mut out).map_err(named)?;
    out.flush().map_err(named)?;
    Ok(result)
}
