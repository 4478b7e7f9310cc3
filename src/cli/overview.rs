//! `status` for people: everything that is accounted for, on one screen.

use chrono::Days;

use super::output::{Failure, Output};
use crate::config::Config;
use crate::events::fact::ClaimCounts;
use crate::ledger::{FileRow, FileState, Ledger};
use crate::pipeline::house::House;
use crate::pipeline::outbound;
use crate::service;

/// Files shown, the latest ones.
const FILES_SHOWN: usize = 8;

/// Width of the longest bar.
const BAR: u64 = 40;

/// What `status` counts beside files and claims.
#[derive(Debug, Clone, Copy)]
pub struct Waiting {
    pub dead_letters: usize,
    pub remits_to_send: u64,
    pub remits_unenrolled: u64,
}

/// Prints the screen.
pub fn print(house: &House, files: &[FileRow], total: &ClaimCounts, waiting: Waiting, output: &Output) -> Result<(), Failure> {
    claims(total, output)?;
    output.text(&format!("Money     charged {}, paid {}", total.charge, total.amount_paid))?;
    payments(house, output)?;
    output.text(&format!(
        "835s      {} to send, {} of payees whom no partner carries",
        waiting.remits_to_send, waiting.remits_unenrolled
    ))?;
    let (answers, events) = outbound::lags(&house.ledger, &house.config)?;
    output.text(&format!(
        "Outbox    answers {answers} behind, events {events} behind, {} dead letters",
        waiting.dead_letters
    ))?;
    partners(&house.config, output)?;
    latest(files, output)
}

fn claims(total: &ClaimCounts, output: &Output) -> Result<(), Failure> {
    output.text(&format!("Claims    {} received, conservation {}", total.received, total.conservation()))?;
    let outcomes = [
        ("paid", total.paid),
        ("denied", total.denied),
        ("pended", total.pended),
        ("forwarded", total.forwarded),
        ("recorded", total.recorded),
        ("rejected", total.rejected),
    ];
    let most = outcomes.iter().map(|(_, count)| *count).max().unwrap_or_default().max(1);
    for (outcome, count) in outcomes.into_iter().filter(|(_, count)| *count > 0) {
        // Whoever is few is seen all the same.
        let bar = "█".repeat(usize::try_from((count * BAR).div_ceil(most)).unwrap_or_default());
        output.text(&format!("  {outcome:<10}{count:>10}  {bar}"))?;
    }
    Ok(())
}

/// How many claims wait for a payment run, and when the oldest of them is late.
fn payments(house: &House, output: &Output) -> Result<(), Failure> {
    let due = house.ledger.claims_due_by_receipt()?;
    let waiting: u64 = due.iter().map(|(_, claims)| claims).sum();
    let oldest = due.iter().map(|(received, _)| *received).min();
    let days = Days::new(u64::from(house.rules.prompt_pay.days));
    let until = oldest.and_then(|received| received.checked_add_days(days));
    output.text(&match (oldest, until) {
        (Some(received), Some(until)) => format!("Payments  {waiting} claims wait; the oldest was received {received} and is due by {until}"),
        _ => format!("Payments  {waiting} claims wait"),
    })?;
    Ok(())
}

fn partners(config: &Config, output: &Output) -> Result<(), Failure> {
    if config.partners.is_empty() {
        return Ok(());
    }
    let suspended = service::suspended(&config.service.data_dir).unwrap_or_default();
    let names: Vec<String> = (config.partners.iter())
        .map(|partner| {
            let id = &partner.profile.id;
            let is_suspended = suspended.contains_key(id.as_str());
            format!("{id}{}", if is_suspended { " (suspended)" } else { "" })
        })
        .collect();
    output.text(&format!("Partners  {}", names.join(", ")))?;
    Ok(())
}

fn latest(files: &[FileRow], output: &Output) -> Result<(), Failure> {
    let count = |state| files.iter().filter(|row| row.state == state).count();
    output.text(&format!(
        "Files     {} completed, {} open, {} rejected",
        count(FileState::Completed),
        count(FileState::Open),
        count(FileState::Rejected)
    ))?;
    let earlier = files.len().saturating_sub(FILES_SHOWN);
    if earlier > 0 {
        output.text(&format!("  … {earlier} earlier ones"))?;
    }
    for row in files.iter().skip(earlier) {
        let counts = &row.progress.counts;
        let digest = row.file.hex();
        output.text(&format!(
            "  {}  {:<9}  {:<14}  {}  {:>8} claims, {} rejected",
            row.received_at.to_rfc3339(),
            state(row.state),
            row.partner.as_str(),
            digest.get(..16).unwrap_or_default(),
            counts.received,
            counts.rejected
        ))?;
    }
    Ok(())
}

/// The word for a state, as everywhere.
pub fn state(state: FileState) -> &'static str {
    match state {
        FileState::Open => "open",
        FileState::Completed => "completed",
        FileState::Rejected => "rejected",
    }
}
