//! `validate`: findings, and the acknowledgements a file would get; changes nothing.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::output::{Exit, Failure, Output};
use crate::config::Config;
use crate::finding::{Finding, SnipLevel};
use crate::ids::PartnerId;
use crate::ledger::{Counter, Numbers};
use crate::pipeline::validation::{Validation, ValidationFinding, Verdict, validate};

/// Report findings of files and the acknowledgements they would get; changes nothing.
#[derive(Debug, Args)]
#[command(
    after_help = "Needs no data directory: members and providers are not looked up (S702 and S703 check the format only).\n\nExamples:\n  claimstream validate claims.837\n  claimstream validate --snip 1-2 --json claims.837 | jq .code\n  claimstream validate claims.837 --ack-dir acks"
)]
pub struct Validate {
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// SNIP levels to report, one (`3`) or a range (`1-5`); all by default. The verdict is that of the
    /// levels up to the highest.
    #[arg(long, value_name = "1-7", default_value = "1-7", value_parser = levels)]
    snip: (u8, u8),
    /// Write the TA1, 999 and 277CA into this directory.
    #[arg(long, value_name = "DIR")]
    ack_dir: Option<PathBuf>,
    /// Validate as this partner's.
    #[arg(long, value_name = "ID")]
    partner: Option<String>,
}

fn levels(text: &str) -> Result<(u8, u8), String> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    match (from.parse(), to.parse()) {
        (Ok(from), Ok(to)) if 1 <= from && from <= to && to <= 7 => Ok((from, to)),
        _ => Err("expected a level from 1 to 7 or a range such as 1-5".to_string()),
    }
}

impl Validate {
    pub fn run(self, config: &Config, output: &Output) -> Result<Exit, Failure> {
        let partner = self.partner.clone().map(PartnerId::new);
        let mut all_accepted = true;
        let mut numbers = Numbers::first(Counter::Interchange);
        for path in &self.files {
            let name = path.display().to_string();
            let mut found: u64 = 0;
            let mut printed = Ok(());
            let validation = validate(
                config,
                path,
                partner.as_ref(),
                (SnipLevel(self.snip.0), SnipLevel(self.snip.1)),
                self.ack_dir.as_deref().map(|directory| (directory, &mut numbers)),
                &mut |finding| {
                    found += 1;
                    if printed.is_ok() {
                        printed = print(&name, finding, output);
                    }
                },
            )
            .map_err(|error| match error {
                crate::pipeline::validation::ValidationError::Open { ref source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                    Failure::not_found(error)
                }
                crate::pipeline::validation::ValidationError::House(error) => error.into(),
                other => Failure::unfinished(other),
            })?;
            printed?;
            result(&name, &validation, found, output)?;
            all_accepted &= validation.verdict == Verdict::Accepted && found == 0;
        }
        Ok(if all_accepted { Exit::Done } else { Exit::Findings })
    }
}

fn print(file: &str, found: &ValidationFinding, output: &Output) -> std::io::Result<()> {
    let Finding {
        check,
        code,
        severity,
        position,
        line,
    } = &found.finding;
    output.object(&json!({
        "type": "finding", "file": file, "severity": severity, "snip": check.snip(), "check": check, "code": code.to_string(),
        "loop": position.loop_id.map(|loop_id| loop_id.as_str()), "segment": position.segment.text(), "segment_ordinal": position.ordinal,
        "element": position.element_name(), "byte": position.byte, "claim_ordinal": found.claim, "line": line, "message": found.finding.to_string(),
    }))?;
    let claim = found.claim.map_or_else(String::new, |claim| format!(" claim {claim}"));
    output.text(&format!("{file}:{claim} {} [{code}]", found.finding))
}

fn result(file: &str, validation: &Validation, findings: u64, output: &Output) -> std::io::Result<()> {
    let verdict = match validation.verdict {
        Verdict::Accepted => "accepted",
        Verdict::Partial => "partial",
        Verdict::Rejected => "rejected",
    };
    output.object(&json!({
        "type": "result", "file": file, "verdict": verdict, "ta1": validation.ta1, "ak9": validation.ak9, "ik5": validation.ik5,
        "claims": {"received": validation.received, "accepted": validation.received - validation.rejected, "rejected": validation.rejected},
        "findings": findings, "reason": validation.reason,
    }))?;
    let why = json!(validation.reason).as_str().map_or_else(String::new, |reason| format!(" ({reason})"));
    output.text(&format!(
        "{file}: {verdict}{why}, {} claims received, {} rejected, {findings} findings",
        validation.received, validation.rejected
    ))
}
