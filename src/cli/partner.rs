//! `partner ls|suspend|resume|channel`: cutting a partner off, letting it on, and choosing its channel, while
//! the service runs.

use clap::{Subcommand, ValueEnum};
use serde::Serialize;
use serde_json::json;

use super::output::{Exit, Failure, Output};
use crate::config::{Channel, Config, Fallback};
use crate::ids::PartnerId;
use crate::service::{self, Chosen, ControlError, Side};

/// The partners of the configuration, and who of them is cut off.
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  claimstream partner suspend officeally --reason 'breach reported by phone'\n  claimstream partner channel officeally fallback --reason 'their server moves'\n  claimstream partner ls --json"
)]
pub enum PartnerCommand {
    /// Every partner with its channels, the one in use, and whether it is suspended.
    Ls,
    /// Cut a partner off: a running service exchanges nothing with it a second later. What waits stays.
    Suspend {
        id: String,
        /// Kept, and shown by `partner ls`.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Only say what would be done.
        #[arg(long)]
        dry_run: bool,
    },
    /// Let a suspended partner on.
    Resume {
        id: String,
        /// Only say what would be done.
        #[arg(long)]
        dry_run: bool,
    },
    /// Choose a partner's channel by hand: a running service uses it a second later, and so does every later
    /// one until `auto` leaves it to the service again.
    Channel {
        id: String,
        #[arg(value_enum)]
        channel: ChannelChoice,
        /// Kept, and shown by `partner ls`.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Only say what would be done.
        #[arg(long)]
        dry_run: bool,
    },
}

/// Which channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ChannelChoice {
    /// That of [partner.sftp] or [partner.folder], however long it fails.
    Main,
    /// That of [partner.fallback], however long it fails.
    Fallback,
    /// As fail_over_after has it.
    Auto,
}

impl ChannelChoice {
    fn side(self) -> Option<Side> {
        match self {
            ChannelChoice::Main => Some(Side::Main),
            ChannelChoice::Fallback => Some(Side::Fallback),
            ChannelChoice::Auto => None,
        }
    }
}

impl PartnerCommand {
    pub fn run(self, config: &Config, output: &Output) -> Result<Exit, Failure> {
        match self {
            PartnerCommand::Ls => list(config, output)?,
            PartnerCommand::Suspend { id, reason, dry_run } => {
                let partner = known(config, &id)?;
                if !dry_run {
                    service::suspend(&config.service.data_dir, &partner, &reason)?;
                }
                told(&partner, "suspended", dry_run, output)?;
            }
            PartnerCommand::Resume { id, dry_run } => {
                let partner = known(config, &id)?;
                if !dry_run {
                    service::resume(&config.service.data_dir, &partner)?;
                }
                told(&partner, "resumed", dry_run, output)?;
            }
            PartnerCommand::Channel { id, channel, reason, dry_run } => {
                let partner = known(config, &id)?;
                if config.partner_named(&id).is_none_or(|partner| partner.fallback.is_none()) {
                    return Err(Failure::usage(format!("partner `{id}` has one channel, expected [partner.fallback] beside it")));
                }
                if !dry_run {
                    service::choose_channel(&config.service.data_dir, &partner, channel.side(), &reason)?;
                }
                let done = match channel.side() {
                    Some(side) => format!("served through {}", side.as_str()),
                    None => "served as fail_over_after has it".to_string(),
                };
                told(&partner, &done, dry_run, output)?;
            }
        }
        Ok(Exit::Done)
    }
}

fn known(config: &Config, id: &str) -> Result<PartnerId, Failure> {
    match config.partner_named(id) {
        Some(partner) => Ok(partner.profile.id.clone()),
        None => Err(Failure::not_found(format!("no partner `{id}` in the configuration"))),
    }
}

fn told(partner: &PartnerId, what: &str, dry_run: bool, output: &Output) -> Result<(), Failure> {
    output.object(&json!({"type": "result", "partner": partner, "done": what, "dry_run": dry_run}))?;
    output.text(&format!("{partner} {} {what}", if dry_run { "would be" } else { "is" }))?;
    Ok(())
}

fn list(config: &Config, output: &Output) -> Result<(), Failure> {
    let data_dir = &config.service.data_dir;
    let suspended = service::suspended(data_dir)?;
    let (chosen, in_use) = (service::chosen_channels(data_dir)?, service::channels_in_use(data_dir)?);
    for partner in &config.partners {
        let id = partner.profile.id.as_str();
        let channel = partner.channel.as_ref().map_or_else(|| "door".to_string(), shown);
        let reason = suspended.get(id);
        let fallback = partner.fallback.as_ref().map(|fallback| Second::of(fallback, chosen.get(id), in_use.get(id)));
        output.object(&json!({
            "type": "partner", "id": id, "channel": channel, "suspended": reason.is_some(), "reason": reason,
            "fallback": fallback,
        }))?;
        let state = reason.map_or_else(|| "active".to_string(), |reason| format!("suspended: {reason}"));
        output.text(&format!("{id:<20} {channel:<45} {state}"))?;
        if let Some(fallback) = fallback {
            output.text(&fallback.text())?;
        }
    }
    output.object(&json!({"type": "result", "partners": config.partners.len(), "suspended": suspended.len()}))?;
    Ok(())
}

/// The second channel of a partner, as a service last had it.
#[derive(Debug, Serialize)]
struct Second<'a> {
    channel: String,
    in_use: &'static str,
    /// When and why.
    since: Option<&'a str>,
    chosen: &'static str,
    reason: Option<&'a str>,
}

impl<'a> Second<'a> {
    fn of(fallback: &Fallback, chosen: Option<&'a Chosen>, in_use: Option<&'a Chosen>) -> Second<'a> {
        Second {
            channel: shown(&fallback.channel),
            in_use: in_use.map_or(Side::Main, |in_use| in_use.side).as_str(),
            since: in_use.map(|in_use| in_use.reason.as_str()),
            chosen: chosen.map_or("auto", |chosen| chosen.side.as_str()),
            reason: chosen.map(|chosen| chosen.reason.as_str()),
        }
    }

    fn text(&self) -> String {
        let since = self.since.unwrap_or_default();
        let chosen = self.reason.map_or_else(String::new, |reason| format!("; chosen: {} ({reason})", self.chosen));
        let channel = format!("fallback {}", self.channel);
        format!("{:<20} {channel:<45} in use: {} {since}{chosen}", "", self.in_use)
    }
}

fn shown(channel: &Channel) -> String {
    match channel {
        Channel::Sftp(sftp) => format!("sftp {}@{}:{}", sftp.user, sftp.host, sftp.port),
        Channel::Folder(folder) => format!("folder {}", folder.inbound.display()),
    }
}

impl From<ControlError> for Failure {
    fn from(error: ControlError) -> Failure {
        match error {
            ControlError::Io { .. } => Failure::unfinished(error),
            ControlError::NotSuspended { .. } => Failure::not_found(error),
        }
    }
}
