//! `doctor`: what is wrong with a data directory, and what to do.

use clap::Args;
use serde_json::json;

use super::output::{Exit, Failure, Output};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::pipeline::doctor::{Check, Health, examine};
use crate::service::probe::{self, Answers};

/// Is the data directory as its ledger says, and can work go on? A look only.
#[derive(Debug, Args)]
#[command(
    after_help = "Each check is ok, warn, fail or skipped, with one sentence and what to do. Nothing is made, migrated or mended. While another process works in the data directory doctor says so and ends with 75: between two steps of its work a house that works well looks broken. A running service says how it is by /readyz and /metrics, or to --live, which asks it at [service] listen and opens nothing.\n\nExit codes: 0 every check is ok or skipped · 4 something is wrong · 5 something stored was changed or lost · 1 it could not look · 75 in use\nWith --live: 0 ready · 75 alive, and not ready yet · 1 not alive, or nobody there\n\nExamples:\n  claimstream doctor\n  claimstream doctor --deep\n  claimstream doctor --live\n  claimstream doctor --json | jq 'select(.state == \"fail\")'"
)]
pub struct Doctor {
    /// Read every byte of the archive, prove that every 835 balances, compare every index with its table.
    #[arg(long)]
    deep: bool,
    /// Ask the running service whether it is alive and ready; nothing else is looked at.
    #[arg(long, conflicts_with = "deep")]
    live: bool,
}

impl Doctor {
    pub fn run(self, config: &Config, output: &Output) -> Result<Exit, Failure> {
        if self.live {
            return ask(config, output);
        }
        let bar = output.progress(0, "examining");
        let checks = examine(config, self.deep, Timestamp::now(), &|position, end| {
            bar.set_length(end);
            bar.set_position(position);
        });
        bar.finish_and_clear();
        let checks = checks?;
        checks.iter().try_for_each(|check| print(check, output))?;
        let count = |health: &[Health]| checks.iter().filter(|check| health.contains(&check.health)).count();
        let (ok, warn, fail) = (count(&[Health::Ok]), count(&[Health::Warn]), count(&[Health::Fail, Health::Damaged]));
        let skipped = count(&[Health::Skipped]);
        output.object(&json!({"type": "result", "ok": ok, "warn": warn, "fail": fail, "skipped": skipped, "deep": self.deep}))?;
        output.text(&format!("{ok} ok, {warn} to be looked at, {fail} wrong, {skipped} skipped"))?;
        Ok(match checks.iter().map(|check| check.health).max() {
            Some(Health::Damaged) => Exit::Integrity,
            Some(Health::Warn | Health::Fail) => Exit::Findings,
            Some(Health::Ok | Health::Skipped) | None => Exit::Done,
        })
    }
}

/// Asks the service that the configuration names.
fn ask(config: &Config, output: &Output) -> Result<Exit, Failure> {
    let listen = config.service.listen;
    let Answers { is_alive, is_ready, parts } = probe::look(listen).map_err(|error| Failure::unfinished(format!("{listen}: no service answers: {error}")))?;
    output.object(&json!({"type": "result", "alive": is_alive, "ready": is_ready, "parts": parts}))?;
    let (exit, said) = match (is_alive, is_ready) {
        (true, true) => (Exit::Done, "ready"),
        (true, false) => (Exit::TryAgain, "alive, not ready yet"),
        (false, _) => (Exit::Unfinished, "not alive"),
    };
    output.text(said)?;
    for part in parts.as_array().into_iter().flatten().filter(|part| part.get("ready") == Some(&false.into())) {
        let text = |key: &str| part.get(key).and_then(serde_json::Value::as_str).unwrap_or_default();
        output.text(&format!("  {:<17} {}", text("part"), text("reason")))?;
    }
    Ok(exit)
}

fn print(check: &Check, output: &Output) -> Result<(), Failure> {
    output.object(&json!({
        "type": "check", "check": check.name, "state": check.health.as_str(), "integrity": check.health == Health::Damaged,
        "message": check.message, "remedy": check.remedy, "subjects": check.subjects,
    }))?;
    output.text(&format!("{:<8} {:<17} {}", check.health.as_str(), check.name, check.message))?;
    for subject in &check.subjects {
        output.text(&format!("{:<26} - {subject}", ""))?;
    }
    match check.remedy {
        Some(remedy) => Ok(output.text(&format!("{:<26} do: {remedy}", ""))?),
        None => Ok(()),
    }
}
