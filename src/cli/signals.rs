//! `signals`: providers whose claims, taken together, a person should look at.

use clap::Subcommand;
use serde_json::json;

use super::ingest::look_into_house;
use super::output::{Exit, Failure, Output};
use crate::adjudication::peer_comparison::outlying;
use crate::config::Config;
use crate::pipeline::provider_visits;

/// Signs of fraud, waste and abuse that show over many claims.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  claimstream signals upcoding\n  claimstream signals upcoding --json")]
pub enum Signals {
    /// Providers who bill high visits far more often than the peers of their specialty.
    #[command(
        after_help = "Counts what was paid and not taken back, by `[fraud_signals] upcoding` of the rule pack. Decides nothing.\nExit 4 when somebody stands out.\n\nExamples:\n  claimstream signals upcoding"
    )]
    Upcoding,
}

impl Signals {
    pub fn run(self, config: Config, output: &Output) -> Result<Exit, Failure> {
        let Signals::Upcoding = self;
        let house = look_into_house(config)?;
        let rules = house.rules.fraud_signals.upcoding.as_ref();
        let (counts, found) = match rules {
            None => Default::default(),
            Some(rules) => {
                let counts = provider_visits::counted(&house.ledger, &house.reference, rules)?;
                let found = outlying(&counts, rules);
                (counts, found)
            }
        };
        for outlying in &found {
            output.object(&json!({
                "type": "signal", "signal": "upcoding", "provider": outlying.provider, "specialty": outlying.specialty,
                "visits": outlying.visits, "high": outlying.high, "percent": outlying.percent,
                "peers": outlying.peers, "peers_percent": outlying.peers_percent,
            }))?;
            output.text(&format!(
                "{} {}: {} of {} visits are of high levels, {} %; {} peers have {} %",
                outlying.provider, outlying.specialty, outlying.high, outlying.visits, outlying.percent, outlying.peers, outlying.peers_percent
            ))?;
        }
        output.object(&json!({
            "type": "result", "signals": found.len(), "providers": counts.len(), "is_counted": rules.is_some(), "rules": house.rules.digest(),
        }))?;
        output.text(&match rules {
            None => "the rule pack counts no visits".to_string(),
            Some(_) => format!("{} of {} providers stand out", found.len(), counts.len()),
        })?;
        Ok(if found.is_empty() { Exit::Done } else { Exit::Findings })
    }
}
