//! `config check|show`.

use clap::Subcommand;
use serde_json::json;

use super::output::{Exit, Failure, Output};
use crate::config::Config;

/// Check or show the configuration in force.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Exit 0 when the configuration can be used; exit 2 with the reason when not.
    Check,
    /// Every key in force, secrets redacted.
    Show,
}

impl ConfigCommand {
    pub fn run(self, config: &Config, output: &Output) -> Result<Exit, Failure> {
        match self {
            ConfigCommand::Check => {
                crate::pipeline::house::rule_pack(config)?;
                output.object(&json!({"type": "result", "ok": true, "partners": config.partners.len()}))?;
                output.text(&format!("configuration is usable, {} partner(s)", config.partners.len()))?;
            }
            ConfigCommand::Show => {
                let mut shown = json!(config);
                if let Some(fields) = shown.as_object_mut() {
                    fields.insert("type".to_string(), json!("result"));
                }
                output.object(&shown)?;
                if !output.is_json() {
                    output.text(&toml::to_string_pretty(config).map_err(Failure::unfinished)?)?;
                }
            }
        }
        Ok(Exit::Done)
    }
}
