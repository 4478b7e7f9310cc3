//! What operators see: log lines, spans, the panic hook, metric names.
//!
//! Logs go to stderr, without colour (so `NO_COLOR` has nothing to switch off): text for a person at a
//! terminal, JSON lines for the service. Our own modules log at the chosen level; libraries at warnings at
//! most, since they don't know what must not be shown.

mod collector;
mod exporting;
mod json_lines;
mod metric_names;
mod spans;

use std::error::Error;
use std::fmt;
use std::io::Write;
use std::panic::{self, PanicHookInfo};
use std::str::FromStr;

use serde::{Serialize, Serializer};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

pub use collector::Collector;
pub use exporting::flush;
use json_lines::{JsonLine, JsonMembers};
pub use metric_names::*;

/// How much is logged. `--log`, `[telemetry] log`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum LogLevel {
    Off,
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    pub const ALL: [LogLevel; 6] = [LogLevel::Off, LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace];

    pub fn as_str(self) -> &'static str {
        match self {
            LogLevel::Off => "off",
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
            LogLevel::Trace => "trace",
        }
    }

    fn filter(self) -> LevelFilter {
        match self {
            LogLevel::Off => LevelFilter::OFF,
            LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Trace => LevelFilter::TRACE,
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for LogLevel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A word that is no log level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no log level, expected one of off, error, warn, info, debug, trace")]
pub struct UnknownLogLevel;

impl FromStr for LogLevel {
    type Err = UnknownLogLevel;
    fn from_str(text: &str) -> Result<LogLevel, UnknownLogLevel> {
        LogLevel::ALL.into_iter().find(|level| level.as_str() == text).ok_or(UnknownLogLevel)
    }
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For one-off commands: a line to read.
    Text,
    /// For the service: one JSON object a line.
    Json,
}

/// An error with what caused it, on one line; a cause that says the same again is left out.
#[derive(Debug)]
pub struct Chain<'e>(pub &'e dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = self.0.to_string();
        f.write_str(&last)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            let message = error.to_string();
            if message != last {
                write!(f, ": {message}")?;
                last = message;
            }
            source = error.source();
        }
        Ok(())
    }
}

/// Sends log lines to stderr and spans to the collector from here on, and installs the panic hook. A second
/// call changes nothing.
pub fn init(level: LogLevel, format: Format, collector: Option<&Collector>) {
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false);
    let lines = match format {
        Format::Text => lines.boxed(),
        Format::Json => lines.event_format(JsonLine).fmt_fields(JsonMembers).boxed(),
    };
    let exporting = collector.map(exporting::begin);
    let (spans, failed) = match exporting {
        None => (None, None),
        Some(Ok(queue)) => (Some(spans::ExportedSpans::new(queue).with_filter(spans::of_ours())), None),
        Some(Err(error)) => (None, Some(error)),
    };
    // An error means that a subscriber is already there, as in tests: it stays.
    let _ = tracing_subscriber::registry().with(lines.with_filter(targets(level))).with(spans).try_init();
    if let Some(error) = failed {
        tracing::error!(error = %Chain(&error), "spans are not exported");
    }
    panic::set_hook(Box::new(move |panic| {
        let line = match format {
            Format::Text => panic_line(panic),
            Format::Json => json_lines::error_line(&panic_line(panic)),
        };
        // Nobody can be told when stderr itself fails.
        let _ = writeln!(std::io::stderr(), "{line}");
    }));
}

fn targets(level: LogLevel) -> Targets {
    let level = level.filter();
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target(env!("CARGO_CRATE_NAME"), level)
}

/// Where it panicked. The message stays out: it may hold a value of a claim.
fn panic_line(panic: &PanicHookInfo<'_>) -> String {
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    match panic.location() {
        Some(location) => format!("panic in thread {thread} at {location} (its message may hold protected values and is not shown)"),
        None => format!("panic in thread {thread} (its message may hold protected values and is not shown)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_log_warnings_at_most() {
        use tracing_subscriber::filter::LevelFilter as Level;
        for (chosen, target, level, logged) in [
            (LogLevel::Trace, "claimstream::intake", Level::TRACE, true),
            (LogLevel::Trace, "rusqlite", Level::INFO, false),
            (LogLevel::Trace, "rusqlite", Level::WARN, true),
            (LogLevel::Error, "rusqlite", Level::WARN, false),
            (LogLevel::Info, "claimstream", Level::DEBUG, false),
            (LogLevel::Off, "claimstream", Level::ERROR, false),
        ] {
            let level = level.into_level().unwrap();
            assert_eq!(targets(chosen).would_enable(target, &level), logged, "{chosen} {target} {level}");
        }
    }

    #[test]
    fn levels_read_as_they_show() {
        for level in LogLevel::ALL {
            assert_eq!(level.to_string().parse(), Ok(level));
        }
        assert!("loud".parse::<LogLevel>().is_err());
    }

    #[test]
    fn a_panic_shows_its_place_and_not_its_message() {
        use std::sync::{Arc, Mutex};
        let line = Arc::new(Mutex::new(String::new()));
        let seen = Arc::clone(&line);
        let name = std::thread::current().id();
        let previous = Arc::new(panic::take_hook());
        let others = Arc::clone(&previous);
        // The hook is the process's: panics of tests on other threads still go where they went.
        panic::set_hook(Box::new(move |panic| {
            if std::thread::current().id() == name {
                *seen.lock().unwrap() = panic_line(panic);
            } else {
                others(panic);
            }
        }));
        let outcome = panic::catch_unwind(|| panic!("TESTMEMBER ANA"));
        panic::set_hook(Box::new(move |panic| previous(panic)));
        assert!(outcome.is_err());
        let line = line.lock().unwrap();
        assert!(line.contains("telemetry/mod.rs:") && !line.contains("TESTMEMBER"), "{line}");
    }
}
