//! What every command prints with: results, progress, errors and exit codes.

use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use crate::delivery::kafka::KafkaError;
use crate::events::fact::ClaimCounts;
use crate::intake::data_directory::DataDirectoryError;
use crate::pipeline::house::HouseError;
use crate::pipeline::inbound::InboundError;
use crate::pipeline::outbound::{Delivery, OutboundError};
use crate::telemetry::Chain;

/// How the program ends (INTERFACE 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done,
    /// The answer is no.
    Unfinished,
    /// Rejected claims, differences.
    Findings,
    /// Unbalanced 835, conservation not zero.
    Integrity,
    /// Units are in the dead-letter store.
    Partial,
    /// Not yet.
    TryAgain,
}

/// How a delivery lets its command end.
impl From<Delivery> for Exit {
    fn from(delivery: Delivery) -> Exit {
        if delivery.unbalanced > 0 {
            Exit::Integrity
        } else if delivery.dead_letters > 0 {
            Exit::Partial
        } else {
            Exit::Done
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Unfinished => 1,
            Exit::Findings => 4,
            Exit::Integrity => 5,
            Exit::Partial => 6,
            Exit::TryAgain => 75,
        })
    }
}

/// Why a command did not finish, with the exit code it means.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    source: Box<dyn Error>,
}

impl Failure {
    /// Exit 1: I/O, broker, store.
    pub fn unfinished(source: impl Into<Box<dyn Error>>) -> Failure {
        Failure {
            code: 1,
            source: source.into(),
        }
    }

    /// Exit 2: usage or configuration.
    pub fn usage(source: impl Into<Box<dyn Error>>) -> Failure {
        Failure {
            code: 2,
            source: source.into(),
        }
    }

    /// Exit 3.
    pub fn not_found(source: impl Into<Box<dyn Error>>) -> Failure {
        Failure {
            code: 3,
            source: source.into(),
        }
    }

    /// Exit 5.
    pub fn integrity(source: impl Into<Box<dyn Error>>) -> Failure {
        Failure {
            code: 5,
            source: source.into(),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::unfinished(error)
    }
}

impl From<HouseError> for Failure {
    fn from(error: HouseError) -> Failure {
        match &error {
            HouseError::UnknownPartner { .. } | HouseError::Rules(_) => Failure::usage(error),
            HouseError::Directory(DataDirectoryError::Locked { .. }) => Failure {
                code: 75,
                source: error.into(),
            },
            HouseError::Directory(_) | HouseError::Ledger(_) | HouseError::Reference(_) | HouseError::Io { .. } => Failure::unfinished(error),
        }
    }
}

impl From<DataDirectoryError> for Failure {
    fn from(error: DataDirectoryError) -> Failure {
        HouseError::from(error).into()
    }
}

impl From<InboundError> for Failure {
    fn from(error: InboundError) -> Failure {
        match error {
            InboundError::House(error) => error.into(),
            changed if changed.is_integrity_failure() => Failure::integrity(changed),
            other => Failure::unfinished(other),
        }
    }
}

impl From<OutboundError> for Failure {
    fn from(error: OutboundError) -> Failure {
        if error.is_integrity_failure() {
            Failure::integrity(error)
        } else {
            Failure::unfinished(error)
        }
    }
}

impl From<crate::ledger::LedgerError> for Failure {
    fn from(error: crate::ledger::LedgerError) -> Failure {
        if error.is_integrity_failure() {
            Failure::integrity(error)
        } else {
            Failure::unfinished(error)
        }
    }
}

impl From<KafkaError> for Failure {
    fn from(error: KafkaError) -> Failure {
        match error {
            KafkaError::Client(_) => Failure::usage(error),
            KafkaError::Ledger(error) => error.into(),
            KafkaError::NoSuchTopic { .. } => Failure::not_found(error),
            KafkaError::GaveUp { .. }
            | KafkaError::Fenced { .. }
            | KafkaError::MissingTopics { .. }
            | KafkaError::OtherLedger { .. }
            | KafkaError::Ahead { .. }
            | KafkaError::Diverged { .. }
            | KafkaError::LostRecord { .. }
            | KafkaError::ForeignRecord { .. }
            | KafkaError::Request(_) => Failure::unfinished(error),
        }
    }
}

/// Prints a failure with its chain, once, on stderr.
pub fn fail(failure: &Failure, json: bool) -> ExitCode {
    let text = Chain(&*failure.source).to_string();
    let mut stderr = io::stderr();
    // A closed stderr leaves only the exit code, which says enough.
    let _ = if json {
        writeln!(stderr, "{}", json!({"type": "error", "code": failure.code, "message": text}))
    } else {
        writeln!(stderr, "error: {text}")
    };
    ExitCode::from(failure.code)
}

/// Stdout in the chosen form.
#[derive(Debug)]
pub struct Output {
    json: bool,
}

impl Output {
    pub fn new(json: bool) -> Output {
        Output { json }
    }

    pub fn is_json(&self) -> bool {
        self.json
    }

    /// One JSON object on its own line; nothing in text mode.
    ///
    /// # Errors
    /// I/O.
    pub fn object(&self, value: &Value) -> io::Result<()> {
        if self.json { writeln!(io::stdout().lock(), "{value}") } else { Ok(()) }
    }

    /// A line of text; nothing in JSON mode.
    ///
    /// # Errors
    /// I/O.
    pub fn text(&self, line: &str) -> io::Result<()> {
        if self.json { Ok(()) } else { writeln!(io::stdout().lock(), "{line}") }
    }

    /// A note for the person at the terminal, on stderr.
    pub fn note(&self, line: &str) {
        let _ = writeln!(io::stderr(), "{line}");
    }

    /// A progress bar that shows only where someone watches.
    pub fn progress(&self, length: u64, what: &'static str) -> ProgressBar {
        let target = if io::stderr().is_terminal() && !self.json {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(length), target).with_message(what);
        if let Ok(style) = ProgressStyle::with_template("{msg:>10} {wide_bar} {percent:>3}% {eta}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }
}

/// The `claims` object of results.
pub fn claims(counts: &ClaimCounts) -> Value {
    json!({
        "received": counts.received, "rejected": counts.rejected, "paid": counts.paid, "denied": counts.denied,
        "pended": counts.pended, "forwarded": counts.forwarded, "recorded": counts.recorded,
    })
}

/// The same as a line of text.
pub fn claims_text(counts: &ClaimCounts) -> String {
    format!(
        "{} claims = {} paid + {} denied + {} pended + {} forwarded + {} recorded + {} rejected",
        counts.received, counts.paid, counts.denied, counts.pended, counts.forwarded, counts.recorded, counts.rejected
    )
}
