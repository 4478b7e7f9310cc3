//! `bench`: megabytes and claims per second of each stage.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::output::{Exit, Failure, Output};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::config::Profile;
use crate::pipeline::bench::bench;
use crate::pipeline::decide::Desk;
use crate::pipeline::house::rule_pack;
use crate::pipeline::reference_store::read_directory;
use crate::sealing::Keys;
use crate::tables::refdata::ReferenceData;

/// Speed of each stage on a file, in memory, on one thread.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  claimstream gen 837p --claims 20000 --seed 1 --out b.837 --refdata b.refdata\n  claimstream bench b.837 --refdata b.refdata"
)]
pub struct Bench {
    file: PathBuf,
    /// Reference data to adjudicate with (directory of CSV files); the embedded tables when left out.
    #[arg(long, value_name = "DIR")]
    refdata: Option<PathBuf>,
}

impl Bench {
    pub fn run(self, config: Config, output: &Output) -> Result<Exit, Failure> {
        let named = |error: std::io::Error| {
            let message = format!("{}: {error}", self.file.display());
            if error.kind() == std::io::ErrorKind::NotFound {
                Failure::not_found(message)
            } else {
                Failure::unfinished(message)
            }
        };
        let bytes = std::fs::read(&self.file).map_err(named)?;
        let mut reference = ReferenceData::embedded().map_err(Failure::unfinished)?;
        if let Some(directory) = &self.refdata {
            reference = read_directory(&reference, directory).map_err(Failure::usage)?;
        }
        let rules = rule_pack(&config)?;
        let keys = Keys::generate().and_then(|text| Keys::parse(&text)).map_err(Failure::unfinished)?;
        let (profile, now) = (Profile::default(), Timestamp::now());
        let desk = Desk {
            keys: &keys,
            reference: &reference,
            rules: &rules,
            severity: &profile.severity,
            payer_ids: &config.payer.ids,
            zone: config.payer.timezone,
            received_at: now,
            decided_at: now,
        };
        let report = bench(&bytes, &desk)?;
        let rounded = |value: f64| (value * 10.0).round() / 10.0;
        let stages: Vec<_> = report
            .stages
            .iter()
            .map(|stage| json!({"stage": stage.stage, "mb_per_s": rounded(stage.mb_per_s), "claims_per_s": stage.claims_per_s.round()}))
            .collect();
        output.object(&json!({"type": "result", "bytes": report.bytes, "claims": report.claims, "stages": stages}))?;
        output.text(&format!("{} bytes, {} claims, one thread", report.bytes, report.claims))?;
        for stage in &report.stages {
            output.text(&format!(
                "{:<11} {:>9.1} MB/s {:>12.0} claims/s",
                stage.stage, stage.mb_per_s, stage.claims_per_s
            ))?;
        }
        Ok(Exit::Done)
    }
}
