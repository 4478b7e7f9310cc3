//! `ack pending|show`: what partners said of the 835s they have, and who has not said anything yet.
//!
//! Reads the ledger beside a running service: whoever chases an acknowledgement need not stop it.

use clap::Subcommand;
use serde_json::{Value, json};

use super::output::{Exit, Failure, Output};
use crate::clock::Timestamp;
use crate::config::{Config, Enrolment};
use crate::events::fact::{Fact, RemitAcknowledged};
use crate::ids::PartnerId;
use crate::intake::data_directory::DataDirectory;
use crate::ledger::remits::{RemitRow, RemitState, Remits};
use crate::ledger::sqlite::SqliteLedger;
use crate::ledger::{Ledger, Seq};
use crate::pipeline::house::HouseError;

/// 835s that are read at once.
const ROWS_AT_ONCE: usize = 1_000;

/// What partners said of the 835s that were delivered to them.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  claimstream ack pending\n  claimstream ack show CS000000042\n  claimstream ack show 000000107 --json")]
pub enum AckCommand {
    /// Delivered 835s that were not accepted yet, oldest first: waiting, overdue or rejected.
    Pending,
    /// What is known of one 835.
    Show {
        /// Its trace number (TRN02) or its interchange control number (ISA13).
        number: String,
    },
}

impl AckCommand {
    pub fn run(self, config: &Config, output: &Output) -> Result<Exit, Failure> {
        let ledger = open_beside(config)?;
        match self {
            AckCommand::Pending => pending(&ledger, config, output),
            AckCommand::Show { number } => show(&ledger, config, &number, output),
        }
    }
}

fn open_beside(config: &Config) -> Result<SqliteLedger, Failure> {
    let directory = DataDirectory::beside(&config.service.data_dir)?;
    let (keys, _) = directory.keys(config.phi.key_file.as_deref(), false)?;
    Ok(SqliteLedger::open_to_read(&directory.ledger(), &keys).map_err(HouseError::from)?)
}

/// How it stands with an 835 that a partner has.
fn state(row: &RemitRow, config: &Config, now: Timestamp) -> &'static str {
    match row.state {
        RemitState::Unsent if config.carrier_of(&row.payee_npi).is_some() => "to-be-sent",
        RemitState::Unsent => "waiting-for-enrolment",
        RemitState::Sent if is_overdue(row, config, now) => "overdue",
        RemitState::Sent => "waiting",
        RemitState::Accepted => "accepted",
        RemitState::AcceptedWithErrors => "accepted-with-errors",
        RemitState::Rejected => "rejected",
        RemitState::Elsewhere => "written",
    }
}

fn is_overdue(row: &RemitRow, config: &Config, now: Timestamp) -> bool {
    let carrier = row.partner.as_ref().and_then(|partner| config.partner_named(partner.as_str()));
    let enrolment = carrier.map_or_else(Enrolment::default, |partner| partner.remit.clone());
    row.sent_at.is_some_and(|sent_at| sent_at <= enrolment.overdue_since(now))
}

fn age_seconds(row: &RemitRow, now: Timestamp) -> Option<i64> {
    row.sent_at.map(|sent_at| now.unix_seconds().saturating_sub(sent_at.unix_seconds()).max(0))
}

fn pending(ledger: &SqliteLedger, config: &Config, output: &Output) -> Result<Exit, Failure> {
    let now = Timestamp::now();
    let (mut after, mut counts) = (None, [0u64; 3]);
    loop {
        let rows = ledger.remits_pending(after, ROWS_AT_ONCE)?;
        let Some(last) = rows.last() else { break };
        after = last.sent_at.map(|sent_at| (sent_at, last.built));
        for row in &rows {
            let state = state(row, config, now);
            let [waiting, overdue, rejected] = &mut counts;
            *match state {
                "rejected" => rejected,
                "overdue" => overdue,
                _ => waiting,
            } += 1;
            let (sent_at, age) = (row.sent_at.map(Timestamp::to_rfc3339), age_seconds(row, now));
            output.object(&json!({
                "type": "pending", "trn02": row.trace, "isa13": isa13(row), "payee_npi": row.payee_npi, "partner": row.partner, "sent_at": sent_at,
                "age_seconds": age, "state": state,
            }))?;
            output.text(&format!(
                "{} to {} by {}, sent {}, {} ago: {state}",
                row.trace,
                row.payee_npi,
                row.partner.as_ref().map_or("-", PartnerId::as_str),
                sent_at.as_deref().unwrap_or("-"),
                span(age.unwrap_or(0)),
            ))?;
        }
        if after.is_none() {
            break;
        }
    }
    let [waiting, overdue, rejected] = counts;
    output.object(&json!({"type": "result", "pending": waiting + overdue + rejected, "waiting": waiting, "overdue": overdue, "rejected": rejected}))?;
    output.text(&format!("{waiting} waiting, {overdue} overdue, {rejected} rejected"))?;
    Ok(if overdue + rejected > 0 { Exit::Findings } else { Exit::Done })
}

/// As long as a person would say it.
fn span(seconds: i64) -> String {
    let (unit, unit_seconds) = match seconds {
        ..120 => ("s", 1),
        120..7_200 => ("m", 60),
        7_200..172_800 => ("h", 3_600),
        172_800.. => ("d", 86_400),
    };
    format!("{}{unit}", seconds / unit_seconds)
}

fn isa13(row: &RemitRow) -> String {
    format!("{:09}", row.control_number)
}

fn show(ledger: &SqliteLedger, config: &Config, number: &str, output: &Output) -> Result<Exit, Failure> {
    let mut rows = ledger.remits_traced(number)?;
    if rows.is_empty()
        && let Ok(number) = number.parse()
    {
        rows = ledger.remits_numbered(number)?;
    }
    // Numbers that began again are those of the last 835 that has them.
    let Some(row) = rows.pop() else {
        return Err(Failure::not_found(format!("{number}: no 835 of this TRN02 or ISA13 in this data directory")));
    };
    let Fact::RemitBuilt(remit) = ledger.fact(row.built)? else {
        return Err(Failure::integrity("the index of 835s points to something else"));
    };
    let now = Timestamp::now();
    let (ta1, answer) = (answer(ledger, row.ta1)?, answer(ledger, row.answer)?);
    let value = json!({
        "type": "result", "trn02": row.trace, "isa13": isa13(&row), "payee_npi": row.payee_npi, "pay_date": remit.pay_date, "claims": remit.claims.len(),
        "payment": remit.payment(), "built_at": remit.built_at.to_rfc3339(), "state": state(&row, config, now), "partner": row.partner,
        "sent_at": row.sent_at.map(Timestamp::to_rfc3339), "age_seconds": age_seconds(&row, now), "999": answer, "ta1": ta1,
    });
    if output.is_json() {
        output.object(&value)?;
    } else if let Value::Object(fields) = &value {
        for (name, value) in fields.iter().filter(|(name, value)| *name != "type" && !value.is_null()) {
            output.text(&format!("{name:<12} {}", value.as_str().map_or_else(|| value.to_string(), str::to_string)))?;
        }
    }
    Ok(Exit::Done)
}

/// The fact at a position of the index, as it is shown.
fn answer(ledger: &SqliteLedger, seq: Option<Seq>) -> Result<Option<Value>, Failure> {
    let Some(seq) = seq else { return Ok(None) };
    let Fact::RemitAcknowledged(answer) = ledger.fact(seq)? else {
        return Err(Failure::integrity("the index of 835s points to something else"));
    };
    let RemitAcknowledged {
        verdict,
        codes,
        file,
        byte,
        acknowledged_at,
        ..
    } = *answer;
    let codes: Vec<String> = codes.iter().map(ToString::to_string).collect();
    Ok(Some(
        json!({"verdict": verdict, "codes": codes, "file": file, "byte": byte, "received_at": acknowledged_at.to_rfc3339()}),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_said_in_its_largest_unit() {
        for (seconds, said) in [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (7_199, "119m"),
            (7_200, "2h"),
            (172_799, "47h"),
            (172_800, "2d"),
        ] {
            assert_eq!(span(seconds), said);
        }
    }
}
