//! `replay`: archived claims decided again.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::ingest::look_into_house;
use super::output::{Exit, Failure, Output};
use crate::config::Config;
use crate::ids::FileDigest;
use crate::pipeline::house::rule_pack;
use crate::pipeline::reference_store::read_directory;
use crate::pipeline::replay::{Instead, replay};

/// Decide archived claims again and compare with what was decided.
#[derive(Debug, Args)]
#[command(
    after_help = "Without --rules and --refdata the rules and facts that each decision pinned are used, and nothing may\nchange. The digest covers every determination: the same on any machine and number of threads.\n\nExamples:\n  claimstream replay --all --dry-run\n  claimstream replay --file sha256:… --refdata new-fees --dry-run --json"
)]
pub struct Replay {
    /// Every archived claim.
    #[arg(long, required_unless_present_any = ["file", "partner"])]
    all: bool,
    /// Only this file.
    #[arg(long, value_name = "ID")]
    file: Option<FileDigest>,
    /// Only this partner's files.
    #[arg(long, value_name = "ID")]
    partner: Option<String>,
    /// Rule pack to use instead of the pinned one (directory with calop.toml).
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// Reference data to use instead of the pinned one; tables that are absent stay as they are.
    #[arg(long, value_name = "DIR")]
    refdata: Option<PathBuf>,
    /// Change nothing. The only mode of this version.
    #[arg(long)]
    dry_run: bool,
}

impl Replay {
    pub fn run(self, config: Config, output: &Output) -> Result<Exit, Failure> {
        if !self.dry_run {
            return Err(Failure::usage(
                "this version replays with --dry-run only: committing a replay needs reversals, which it does not write",
            ));
        }
        let start = Instant::now();
        let rules = match &self.rules {
            Some(directory) => {
                let mut config = config.clone();
                config.rules.dir = Some(directory.clone());
                Some(rule_pack(&config)?)
            }
            None => None,
        };
        let house = look_into_house(config)?;
        let reference = self
            .refdata
            .as_deref()
            .map(|directory| read_directory(&house.reference, directory))
            .transpose()
            .map_err(Failure::usage)?;
        let bar = output.progress(0, "replaying");
        let mut printed = Ok(());
        let report = replay(
            &house,
            &Instead { rules, reference },
            &|row| self.file.is_none_or(|file| file == row.file) && self.partner.as_deref().is_none_or(|partner| partner == row.partner.as_str()),
            &mut |difference| {
                let (before, after) = (&difference.before, &difference.after);
                let carcs =
                    |determination: &crate::adjudication::determination::Determination| determination.carcs().map(|carc| carc.to_string()).collect::<Vec<_>>();
                let line = output
                    .object(&json!({
                        "type": "difference", "claim_id": difference.claim, "outcome": [before.outcome(), after.outcome()],
                        "paid": [before.paid(), after.paid()], "carcs": [carcs(before), carcs(after)],
                    }))
                    .and_then(|()| {
                        output.text(&format!(
                            "{}: {} {} → {} {}",
                            difference.claim,
                            before.outcome().as_str(),
                            before.paid(),
                            after.outcome().as_str(),
                            after.paid()
                        ))
                    });
                if printed.is_ok() {
                    printed = line;
                }
            },
            &|claims| bar.set_position(claims),
        )?;
        printed?;
        bar.finish_and_clear();
        let seconds = start.elapsed().as_secs_f64();
        let run: String = report.digest.hex().chars().take(16).collect();
        output.object(&json!({
            "type": "result", "run": run, "claims": report.claims, "unchanged": report.unchanged, "changed": report.changed,
            "errors": report.errors, "net": report.net, "digest": report.digest, "committed": false, "seconds": (seconds * 1000.0).round() / 1000.0,
        }))?;
        output.text(&format!(
            "{} claims: {} unchanged, {} changed, {} errors, net {}",
            report.claims, report.unchanged, report.changed, report.errors, report.net
        ))?;
        output.text(&format!("digest {} in {seconds:.2} s", report.digest))?;
        Ok(if report.changed > 0 || report.errors > 0 {
            Exit::Findings
        } else {
            Exit::Done
        })
    }
}
