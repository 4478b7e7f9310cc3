//! The command line: each command parses its arguments, makes one library call, and prints.
//!
//! Data goes to stdout, everything else to stderr. With `--json` every command prints one object, or
//! NDJSON whose last line is `{"type":"result",…}`. Exit codes are [`Exit`].

mod acknowledged;
mod backup;
mod bench;
mod completions;
mod config;
mod dead_letters;
mod demo;
mod doctor;
mod explain;
mod generate;
mod ingest;
mod inspect;
mod output;
mod overview;
mod partner;
mod refdata;
mod remit;
mod replay;
mod rules;
mod run;
mod signals;
mod status;
mod topics;
mod validate;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use output::{Exit, Failure};
use output::{Output, fail};

use crate::config::{Config, ConfigError};
use crate::telemetry::{self, Format, LogLevel};

/// 837 claim files in; explained decisions, events and balanced 835 remittances out.
#[derive(Debug, Parser)]
#[command(
    name = "claimstream",
    version,
    max_term_width = 100,
    after_help = "Exit codes: 0 done · 1 could not finish · 2 usage or configuration · 3 not found · 4 finished with findings · 5 integrity failure · 6 partial · 75 try again"
)]
pub struct Arguments {
    /// Configuration file (TOML); every key is documented in config/claimstream.toml.
    #[arg(long, global = true, value_name = "FILE", env = "CLAIMSTREAM_CONFIG")]
    config: Option<PathBuf>,
    /// Data directory; created when missing, one process at a time.
    #[arg(long, global = true, value_name = "DIR", env = "CLAIMSTREAM_DATA_DIR")]
    data_dir: Option<PathBuf>,
    /// Machine-readable output: one object, or NDJSON ending with a result line.
    #[arg(long, global = true)]
    json: bool,
    /// Log level on stderr: off, error, warn, info, debug, trace; warnings at most unless it is given.
    #[arg(long, global = true, value_name = "LEVEL")]
    log: Option<LogLevel>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The main job on synthetic claims: reference data, files, decisions, events, 835s.
    Demo(demo::Demo),
    /// Take in claim files: seal, validate, decide, acknowledge, pay.
    Ingest(ingest::Ingest),
    /// The service: channels in, acknowledgements and remittances out, events published.
    Run(run::Run),
    /// The partners: list them, cut one off, let it on.
    #[command(subcommand)]
    Partner(partner::PartnerCommand),
    /// Report findings of files and the acknowledgements they would get; changes nothing.
    Validate(validate::Validate),
    /// The loop tree of a file, its values masked; changes nothing.
    Inspect(inspect::Inspect),
    /// Conservation, stage and due date of files and claims.
    Status(status::Status),
    /// Why a claim was decided as it was, down to the bytes of the archived file.
    Explain(explain::Explain),
    /// Decide archived claims again and compare with what was decided.
    Replay(replay::Replay),
    /// What partners said of the 835s that they have, and what to chase.
    #[command(subcommand)]
    Ack(acknowledged::AckCommand),
    /// Payment run, and the proof that an 835 balances.
    #[command(subcommand)]
    Remit(remit::Remit),
    /// Reference data: members, providers, authorizations, fees.
    #[command(subcommand)]
    Refdata(refdata::Refdata),
    /// Rule packs: check one, work the examples of its rules.
    #[command(subcommand)]
    Rules(rules::RulesCommand),
    /// Providers whose claims, taken together, a person should look at.
    #[command(subcommand)]
    Signals(signals::Signals),
    /// Deterministic synthetic claim files, the reference data that fits them, and the answer key.
    Gen(generate::Generate),
    /// Speed of each stage on a file, in memory, on one thread.
    Bench(bench::Bench),
    /// The dead-letter store: what could not leave, and sending it on its way again.
    #[command(subcommand, name = "dlq")]
    DeadLetters(dead_letters::DeadLetters),
    /// The Kafka topics, and what is in them.
    #[command(subcommand)]
    Topics(topics::Topics),
    /// Check or show the configuration in force.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Is the data directory as its ledger says, and can work go on? A look only.
    Doctor(doctor::Doctor),
    /// Copy the data directory to a new directory, with a digest of every file.
    Backup(backup::Backup),
    /// Put a backup into a new or empty data directory.
    Restore(backup::Restore),
    /// Shell completions on stdout.
    Completions(completions::Completions),
}

/// Runs the program; the only place that turns results into an exit code.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    let output = Output::new(arguments.json);
    let (path, data_dir) = (arguments.config, arguments.data_dir);
    let read_config = move || load_config(path.as_deref(), data_dir.as_deref());
    let outcome = read_config().map_err(Failure::usage).and_then(|config| {
        // A one-off command says on stdout what it did; the configured level is the service's.
        let (level, format) = match &arguments.command {
            Command::Run(_) => (config.telemetry.log, Format::Json),
            _ => (config.telemetry.log.min(LogLevel::Warn), Format::Text),
        };
        telemetry::init(arguments.log.unwrap_or(level), format, config.telemetry.collector.as_ref());
        match arguments.command {
            Command::Run(command) => command.run(config, Box::new(read_config), &output),
            Command::Partner(command) => command.run(&config, &output),
            Command::Demo(command) => command.run(config, &output),
            Command::Ingest(command) => command.run(config, &output),
            Command::Validate(command) => command.run(&config, &output),
            Command::Inspect(command) => command.run(&config, &output),
            Command::Status(command) => command.run(config, &output),
            Command::Explain(command) => command.run(config, &output),
            Command::Replay(command) => command.run(config, &output),
            Command::Ack(command) => command.run(&config, &output),
            Command::Remit(command) => command.run(config, &output),
            Command::Refdata(command) => command.run(config, &output),
            Command::Rules(command) => command.run(&config, &output),
            Command::Signals(command) => command.run(config, &output),
            Command::Gen(command) => command.run(&config, &output),
            Command::Bench(command) => command.run(config, &output),
            Command::DeadLetters(command) => command.run(config, &output),
            Command::Topics(command) => command.run(&config, &output),
            Command::Config(command) => command.run(&config, &output),
            Command::Doctor(command) => command.run(&config, &output),
            Command::Backup(command) => command.run(&config, &output),
            Command::Restore(command) => command.run(&config, &output),
            Command::Completions(command) => command.run(&output),
        }
    });
    telemetry::flush();
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => fail(&failure, arguments.json),
    }
}

fn load_config(path: Option<&Path>, data_dir: Option<&Path>) -> Result<Config, ConfigError> {
    let mut config = Config::load(path, std::env::vars())?;
    // Without a configuration file the data directory is the one of the interface, not the service's.
    if let Some(directory) = data_dir {
        config.service.data_dir = directory.to_path_buf();
    } else if path.is_none() && std::env::var_os("CLAIMSTREAM__SERVICE__DATA_DIR").is_none() {
        config.service.data_dir = PathBuf::from("./claimstream-data");
    }
    Ok(config)
}
