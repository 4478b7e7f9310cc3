//! `refdata load|status`: members, providers, authorizations, rules of payment.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::ingest::{look_into_house, open_house};
use super::output::{Exit, Failure, Output};
use crate::config::Config;
use crate::intake::data_directory::DataDirectoryError;
use crate::pipeline::house::{House, HouseError};
use crate::pipeline::reference_store::{self, ReferenceStoreError};
use crate::tables::refdata::{Origin, ReferenceData};

/// Reference data: members, providers, authorizations, fees.
#[derive(Debug, Subcommand)]
pub enum Refdata {
    /// Check every row of a directory of CSV files and make it current; one bad row and nothing changes.
    Load {
        /// Directory with members.csv, providers.csv, … or the published NCCI files (any of them).
        dir: PathBuf,
        /// Check only.
        #[arg(long)]
        dry_run: bool,
    },
    /// Which tables are in force, with their rows and digest.
    Status,
}

impl Refdata {
    pub fn run(self, config: Config, output: &Output) -> Result<Exit, Failure> {
        match self {
            Refdata::Load { dir, dry_run } => {
                let (house, is_served) = open_or_look(config, output)?;
                let reference = load(&house, &dir, dry_run)?;
                print(&reference, output)?;
                if is_served && !dry_run {
                    output.note("a service is at work here: it decides with this from its next reload on (systemctl reload claimstream, or SIGHUP)");
                }
            }
            Refdata::Status => print(&look_into_house(config)?.reference, output)?,
        }
        Ok(Exit::Done)
    }
}

/// The house, and whether somebody else is at work in it: reference data is the one thing that two may
/// write.
fn open_or_look(config: Config, output: &Output) -> Result<(House, bool), Failure> {
    match open_house(config.clone(), output) {
        Err(HouseError::Directory(DataDirectoryError::Locked { .. })) => Ok((look_into_house(config)?, true)),
        opened => Ok((opened?, false)),
    }
}

fn load(house: &House, directory: &std::path::Path, dry_run: bool) -> Result<ReferenceData, Failure> {
    let loaded = if dry_run {
        reference_store::read_directory(&house.reference, directory)
    } else {
        reference_store::load(&house.directory.refdata(), &house.keys, directory)
    };
    loaded.map_err(|error| match error {
        ReferenceStoreError::Load { .. } => Failure::usage(error),
        ReferenceStoreError::Empty { .. } => Failure::not_found(error),
        other => Failure::unfinished(other),
    })
}

fn print(reference: &ReferenceData, output: &Output) -> Result<(), Failure> {
    let origin = |origin| match origin {
        Origin::NeverLoaded => "never loaded, not enforced",
        Origin::Embedded => "embedded",
        Origin::Loaded => "loaded",
    };
    for content in reference.contents() {
        output.text(&format!(
            "{:<22} {:>9} rows  {}",
            content.table.file_name(),
            content.rows,
            origin(content.origin)
        ))?;
    }
    output.text(&format!("digest {}", reference.digest()))?;
    let tables: Vec<_> = reference
        .contents()
        .iter()
        .map(|content| json!({"file": content.table.file_name(), "rows": content.rows, "origin": origin(content.origin), "digest": content.digest}))
        .collect();
    output.object(&json!({"type": "result", "digest": reference.digest(), "tables": tables}))?;
    Ok(())
}
