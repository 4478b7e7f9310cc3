//! `run`: the service.

use clap::Args;
use serde_json::json;

use super::output::{Exit, Failure, Output};
use crate::config::Config;
use crate::pipeline::house::{House, Opening};
use crate::service::worker::WorkerError;
use crate::service::{self, ReadConfig, ServiceError, Signals};

/// The service: claims in from the partners' channels, acknowledgements out, events published, payments
/// built on schedule. Ends on SIGTERM or SIGINT; reads configuration, rules and reference data again on
/// SIGHUP.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  claimstream --config /etc/claimstream.toml run\n  systemctl reload claimstream        # after a change of the configuration, or `refdata load`\n  claimstream partner suspend officeally --reason 'breach reported'"
)]
pub struct Run {}

/// Threads of the partners' tasks: they wait more than they work.
const THREADS: usize = 2;

impl Run {
    pub fn run(self, config: Config, read_config: ReadConfig, output: &Output) -> Result<Exit, Failure> {
        if config.phi.key_file.is_none() {
            return Err(Failure::usage(
                "[phi] key_file is not set; the service does not keep its keys beside what they protect",
            ));
        }
        if config.partners.is_empty() {
            return Err(Failure::usage("no [[partner]] in the configuration; the service has no channel to look into"));
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()?;
        // Before anything else: who is asked to end while the house is opened ends in good order too.
        let signals = runtime.block_on(async { Signals::new() })?;
        let house = House::open(config, Opening::MayCreate)?;
        let served = runtime.block_on(service::run(house, read_config, signals))?;
        // A read that hangs on a dead server must not hold up the end.
        runtime.shutdown_background();
        output.object(&json!({"type": "result", "files": served.files, "claims": served.claims, "remittances": served.remittances}))?;
        output.text(&format!("{} files, {} claims, {} remittances", served.files, served.claims, served.remittances))?;
        Ok(Exit::Done)
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Failure {
        match error {
            ServiceError::Worker(WorkerError::Inbound(error)) => error.into(),
            ServiceError::Worker(WorkerError::Outbound(error)) => error.into(),
            ServiceError::Worker(WorkerError::Ledger(error)) => error.into(),
            ServiceError::Tokens(_) => Failure::usage(error),
            ServiceError::Worker(WorkerError::Panicked) | ServiceError::Io(_) | ServiceError::Listen { .. } => Failure::unfinished(error),
        }
    }
}
