//! `remit build|check|show`: payment runs and proofs.

use std::fs::File;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use clap::Subcommand;
use serde_json::json;

use super::ingest::{deliver, look_into_house, open_existing_house, resume};
use super::output::{Exit, Failure, Output};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::events::fact::Fact;
use crate::ledger::Ledger;
use crate::pipeline::payment_run;
use crate::pipeline::reading::{ReadError, for_each_segment};
use crate::remittance::balance::{BalanceCheck, BalanceReport};

/// Payment run, and the proof that an 835 balances.
#[derive(Debug, Subcommand)]
pub enum Remit {
    /// Pay every claim that waits: one 835 per payee.
    Build {
        /// Payment effective date (BPR16); today when left out.
        #[arg(long, value_name = "DATE")]
        pay_date: Option<NaiveDate>,
        /// Say what would be paid; build nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Prove that 835 files balance: per line, claim and transaction. Needs no data directory.
    Check {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// The payments built so far.
    Show,
}

impl Remit {
    pub fn run(self, config: Config, output: &Output) -> Result<Exit, Failure> {
        match self {
            Remit::Build { pay_date, dry_run } => build(config, pay_date, dry_run, output),
            Remit::Check { files } => check(&files, output),
            Remit::Show => show(config, output),
        }
    }
}

fn build(config: Config, pay_date: Option<NaiveDate>, dry_run: bool, output: &Output) -> Result<Exit, Failure> {
    let mut house = open_existing_house(config)?;
    if dry_run {
        let due = house.ledger.payees_due()?;
        let claims: u64 = due.iter().map(|payee| payee.claims).sum();
        output.object(&json!({"type": "result", "payees": due.len(), "claims": claims, "dry_run": true}))?;
        output.text(&format!("{claims} claims wait for payment to {} payees", due.len()))?;
        return Ok(Exit::Done);
    }
    resume(&mut house, output)?;
    let pay_date = pay_date.unwrap_or_else(|| Timestamp::now().date_in(house.config.payer.timezone));
    let run = payment_run::run(&mut house, pay_date, &|_, _| {})?;
    let delivery = deliver(&mut house, output)?;
    output.object(&json!({
        "type": "result", "remittances": run.remittances, "claims": run.claims, "paid": run.paid, "interest": run.interest, "pay_date": pay_date, "dry_run": false,
    }))?;
    output.text(&format!(
        "{} remittances for {} claims: paid {}, interest {}",
        run.remittances, run.claims, run.paid, run.interest
    ))?;
    Ok(delivery.into())
}

fn check(files: &[PathBuf], output: &Output) -> Result<Exit, Failure> {
    let mut balanced = 0;
    for path in files {
        let report = check_file(path)?;
        let verdict = if report.is_balanced() { "balanced" } else { "unbalanced" };
        balanced += usize::from(report.is_balanced());
        for finding in &report.findings {
            output.object(&json!({
                "type": "finding", "file": path.display().to_string(), "segment": finding.at.tag.text(), "segment_ordinal": finding.at.ordinal,
                "byte": finding.at.byte, "difference": finding.difference, "message": finding.to_string(),
            }))?;
            output.text(&format!("{}: {finding}", path.display()))?;
        }
        output.object(&json!({
            "type": "file", "file": path.display().to_string(), "verdict": verdict, "transaction_sets": report.sets, "claims": report.claims, "lines": report.lines,
            "charge": report.charge, "paid": report.paid, "provider_adjustments": report.provider_adjustments, "payment": report.payment,
        }))?;
        output.text(&format!(
            "{}: {verdict}, {} claims, paid {}, payment {}",
            path.display(),
            report.claims,
            report.paid,
            report.payment
        ))?;
    }
    output.object(&json!({"type": "result", "files": files.len(), "balanced": balanced, "unbalanced": files.len() - balanced}))?;
    Ok(if balanced == files.len() { Exit::Done } else { Exit::Integrity })
}

fn check_file(path: &Path) -> Result<BalanceReport, Failure> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let mut file = File::open(path).map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            Failure::not_found(named(&error))
        } else {
            Failure::unfinished(named(&error))
        }
    })?;
    let mut check = BalanceCheck::default();
    for_each_segment(&mut file, |segment| {
        check.accept(segment);
        Ok::<(), ReadError>(())
    })
    .map_err(|error| Failure::integrity(named(&error)))?;
    Ok(check.finish())
}

fn show(config: Config, output: &Output) -> Result<Exit, Failure> {
    let house = look_into_house(config)?;
    let (mut from, mut payments) = (1, 0u64);
    loop {
        let facts = house.ledger.facts(from, 4_096)?;
        let Some((last, _)) = facts.last() else { break };
        from = last + 1;
        for (_, fact) in &facts {
            if let Fact::RemitBuilt(remit) = fact {
                payments += 1;
                output.object(&json!({
                    "type": "remittance", "trn02": remit.trace, "payee_npi": remit.payee_npi, "pay_date": remit.pay_date, "claims": remit.claims.len(),
                    "charge": remit.charge, "paid": remit.paid, "interest": remit.interest, "reversed": remit.recovery.reversed,
                    "collected": remit.recovery.collected, "forwarded": remit.recovery.forwarded, "payment": remit.payment(),
                }))?;
                output.text(&format!(
                    "{} to {} on {}: {} claims, payment {}",
                    remit.trace,
                    remit.payee_npi,
                    remit.pay_date,
                    remit.claims.len(),
                    remit.payment()
                ))?;
            }
        }
    }
    output.object(&json!({"type": "result", "remittances": payments}))?;
    Ok(Exit::Done)
}
