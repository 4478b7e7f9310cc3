//! `status`: what became of files and claims, and whether everything is accounted for.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use chrono::{Days, NaiveDate};
use clap::Args;
use serde_json::{Value, json};

use super::ingest::look_into_house;
use super::output::{Exit, Failure, Output, claims, claims_text};
use super::overview::{self, Waiting};
use crate::adjudication::decision::Decision;
use crate::config::Config;
use crate::events::fact::{ClaimCounts, Fact};
use crate::ids::{ClaimId, FileDigest};
use crate::intake::archive::digest_of;
use crate::ledger::remits::Remits;
use crate::ledger::{FileRow, FileState, Ledger};
use crate::pipeline::house::House;
use crate::pipeline::outbound;

/// Conservation, stage and due date of files and claims.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  claimstream status\n  claimstream status claims.837\n  claimstream status 5f0c9a1be3d24c7f9f1f2f7f5a0b6c1d")]
pub struct Status {
    /// A file (its path, or its digest), or a claim id. Everything when left out.
    subject: Option<String>,
}

impl Status {
    pub fn run(self, config: Config, output: &Output) -> Result<Exit, Failure> {
        let house = look_into_house(config)?;
        match self.subject {
            None => all(&house, output),
            Some(subject) => match subject.parse::<ClaimId>() {
                Ok(claim) => of_claim(&house, &claim, output),
                Err(_) => of_file(&house, &subject, output),
            },
        }
    }
}

fn all(house: &House, output: &Output) -> Result<Exit, Failure> {
    let files = house.ledger.files()?;
    let mut total = ClaimCounts::default();
    for row in &files {
        total.add(&row.progress.counts);
        if output.is_json() {
            print_file(house, row, output)?;
        }
    }
    let waiting: u64 = house.ledger.payees_due()?.iter().map(|payee| payee.claims).sum();
    let lag = outbound::lag(house)?;
    let (enrolled, unenrolled) = unsent(house)?;
    let dead = house.ledger.dead_letters()?.iter().filter(|row| !row.is_redriven).count();
    output.object(&json!({
        "type": "result", "files": files.len(), "claims": claims(&total), "charge": total.charge, "paid": total.amount_paid,
        "conservation": total.conservation(), "waiting_for_payment": waiting, "outbox_lag": lag, "dead_letters": dead,
        "remits_to_send": enrolled, "remits_waiting_for_enrolment": unenrolled,
    }))?;
    let waiting = Waiting {
        dead_letters: dead,
        remits_to_send: enrolled,
        remits_unenrolled: unenrolled,
    };
    overview::print(house, &files, &total, waiting, output)?;
    Ok(if total.conservation() == 0 { Exit::Done } else { Exit::Integrity })
}

/// 835s that no partner has: of payees with a partner that carries them, and of others.
fn unsent(house: &House) -> Result<(u64, u64), Failure> {
    let (mut enrolled, mut unenrolled) = (0, 0);
    for (payee, count) in house.ledger.unsent_by_payee()? {
        *match house.config.carrier_of(&payee) {
            Some(_) => &mut enrolled,
            None => &mut unenrolled,
        } += count;
    }
    Ok((enrolled, unenrolled))
}

fn of_file(house: &House, subject: &str, output: &Output) -> Result<Exit, Failure> {
    let digest = if Path::new(subject).is_file() {
        Some(digest_of(&mut File::open(subject)? as &mut dyn Read)?)
    } else {
        subject.parse::<FileDigest>().ok()
    };
    let row = digest.and_then(|digest| house.ledger.files().ok()?.into_iter().find(|row| row.file == digest));
    let Some(row) = row else {
        return Err(Failure::not_found(format!("{subject}: no such file or claim in this data directory")));
    };
    print_file(house, &row, output)?;
    output.object(&json!({"type": "result", "conservation": row.progress.counts.conservation()}))?;
    Ok(if row.progress.counts.conservation() == 0 {
        Exit::Done
    } else {
        Exit::Integrity
    })
}

fn print_file(house: &House, row: &FileRow, output: &Output) -> Result<(), Failure> {
    let counts = &row.progress.counts;
    let state = overview::state(row.state);
    let rejected = match row.state {
        FileState::Rejected => match house.ledger.fact(row.progress.first_seq)? {
            Fact::FileRejected(rejected) => Some(rejected),
            _ => return Err(Failure::integrity("the rejection of a file is not where the ledger has it")),
        },
        FileState::Open | FileState::Completed => None,
    };
    let (reason, byte) = (
        rejected.as_ref().map(|rejected| rejected.reason),
        rejected.as_ref().map(|rejected| rejected.byte),
    );
    output.object(&json!({
        "type": "file", "file": row.file, "partner": row.partner, "state": state, "bytes": row.bytes, "received_at": row.received_at.to_rfc3339(),
        "claims": claims(counts), "charge": counts.charge, "paid": counts.amount_paid, "conservation": counts.conservation(),
        "reason": reason, "byte": byte,
    }))?;
    let why = match (json!(reason).as_str(), byte) {
        (Some(reason), Some(byte)) => format!(" ({reason}, byte {byte})"),
        _ => String::new(),
    };
    output.text(&format!("{} {} {state}{why}: {}", row.file, row.partner, claims_text(counts)))?;
    Ok(())
}

fn of_claim(house: &House, claim: &ClaimId, output: &Output) -> Result<Exit, Failure> {
    let seq = house
        .ledger
        .find_claim(claim)?
        .ok_or_else(|| Failure::not_found(format!("claim {claim} is not in this data directory")))?;
    let value = match house.ledger.fact(seq)? {
        Fact::ClaimAdjudicated(decision) => decided(house, &decision),
        Fact::ClaimRejected(rejection) => json!({
            "type": "result", "claim_id": rejection.claim_id, "outcome": "rejected", "charge": rejection.echo.charge,
            "received_at": rejection.received_at.to_rfc3339(), "codes": rejection.findings.iter().map(|finding| finding.code.to_string()).collect::<Vec<_>>(),
        }),
        _ => return Err(Failure::integrity("the claim index points to something else")),
    };
    if output.is_json() {
        output.object(&value)?;
    } else if let Value::Object(fields) = &value {
        for (name, value) in fields.iter().filter(|(name, _)| *name != "type") {
            output.text(&format!("{name:<16} {}", value.as_str().map_or_else(|| value.to_string(), str::to_string)))?;
        }
    }
    Ok(Exit::Done)
}

/// The last day for paying or denying; for claims received before the rule began, as if it held.
fn due_date(house: &House, received_on: NaiveDate) -> Option<NaiveDate> {
    let rules = &house.rules.prompt_pay;
    rules
        .last_day(received_on)
        .or_else(|| received_on.checked_add_days(Days::new(u64::from(rules.days))))
}

fn decided(house: &House, decision: &Decision) -> Value {
    let determination = &decision.determination;
    json!({
        "type": "result", "claim_id": decision.claim_id, "outcome": determination.outcome(), "pend_reason": determination.pend_reason(),
        "charge": determination.charge(), "paid": determination.paid(), "payer_claim_number": decision.payer_claim_number,
        "received_at": decision.received_at.to_rfc3339(), "decided_at": decision.decided_at.to_rfc3339(),
        "due_date": due_date(house, decision.receipt.received_on),
    })
}
