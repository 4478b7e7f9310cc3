//! `partner ls|suspend|resume`: cutting a partner off, and letting it on, while the service runs.

use clap::Subcommand;
use serde_json::json;

use super::output::{Exit, Failure, Output};
use crate::config::{Channel, Config};
use crate::ids::PartnerId;
use crate::service::{self, ControlError};

/// The partners of the configuration, and who of them is cut off.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  claimstream partner suspend officeally --reason 'breach reported by phone'\n  claimstream partner ls --json")]
pub enum PartnerCommand {
    /// Every partner with its channel, and whether it is suspended.
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
    let suspended = service::suspended(&config.service.data_dir)?;
    for partner in &config.partners {
        let id = partner.profile.id.as_str();
        let channel = match &partner.channel {
            Channel::Sftp(sftp) => format!("sftp {}@{}:{}", sftp.user, sftp.host, sftp.port),
            Channel::Folder(folder) => format!("folder {}", folder.inbound.display()),
            Channel::Door => "door".to_string(),
        };
        let reason = suspended.get(id);
        output.object(&json!({"type": "partner", "id": id, "channel": channel, "suspended": reason.is_some(), "reason": reason}))?;
        let state = reason.map_or_else(|| "active".to_string(), |reason| format!("suspended: {reason}"));
        output.text(&format!("{id:<20} {channel:<45} {state}"))?;
    }
    output.object(&json!({"type": "result", "partners": config.partners.len(), "suspended": suspended.len()}))?;
    Ok(())
}

impl From<ControlError> for Failure {
    fn from(error: ControlError) -> Failure {
        match error {
            ControlError::Io { .. } => Failure::unfinished(error),
            ControlError::NotSuspended { .. } => Failure::not_found(error),
        }
    }
}
