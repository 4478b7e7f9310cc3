//! Points at every durable step, where a test stops the process or lets the step fail.
//!
//! A build without the feature `failpoints` has none of it: [`reach`] is then an empty function. With
//! it, the environment variable `FAILPOINTS` says what happens where, in the words of the crate `fail`:
//!
//! ```text
//! FAILPOINTS='ledger::append::before-commit=1*off->return(kill)'     dies at the second time, as by kill -9
//! FAILPOINTS='archive::seal::before-sync=return(ENOSPC)'             the disk is full from the first time on
//! FAILPOINTS='event-log::sync::before=1*return(EIO)->off'            fails once
//! FAILPOINTS='event-log::sync::before=return(note)'                  says on stderr that it was reached
//! ```
//!
//! To the next editor: a new durable step gets a point before and after it and their names in [`ALL`];
//! `tests/tidy.rs` holds the table and the code to each other, and `tests/crash` fails for a point that
//! its scenario never reaches (those of `kafka` where it has a broker).

use std::io;

/// Every point: room or file, step, moment.
pub const ALL: &[&str] = &[
    "durable::directory::before-sync",
    "durable::write::before-sync",
    "durable::publish::before-rename",
    "durable::publish::before-sync",
    "durable::publish::after-sync",
    "directory::open::before-ledger-file",
    "directory::open::before-sync",
    "directory::keys::before-write",
    "directory::keys::after-write",
    "archive::discard::before-remove",
    "archive::seal::before-write",
    "archive::seal::before-sync",
    "archive::seal::before-publish",
    "archive::seal::before-directory-sync",
    "archive::seal::after-publish",
    "archive::duplicate::before-remove",
    "ledger::create::before-commit",
    "ledger::create::after-commit",
    "ledger::admit::before-commit",
    "ledger::admit::after-commit",
    "ledger::append::before-commit",
    "ledger::append::after-commit",
    "ledger::together::before-commit",
    "ledger::together::after-commit",
    "line-index::open::before-remove",
    "line-index::run::before-sync",
    "line-index::run::before-publish",
    "line-index::run::after-publish",
    "line-index::merge::before-remove",
    "refdata::load::before-discard",
    "refdata::load::before-seal",
    "refdata::seal::before-sync",
    "refdata::load::before-publish",
    "refdata::load::before-current",
    "refdata::load::after-current",
    "inbound::claims::before-append",
    "inbound::claims::after-append",
    "inbound::rejection::before-append",
    "inbound::rejection::after-append",
    "inbound::completion::before-append",
    "inbound::completion::after-append",
    "payment-run::record::before-append",
    "payment-run::record::after-append",
    "event-log::open::before-cut",
    "event-log::open::before-sync",
    "event-log::append::before-write",
    "event-log::append::after-write",
    "event-log::sync::before",
    "event-log::sync::after",
    "outbound-files::stage::before-write",
    "outbound-files::stage::after-write",
    "outbound-files::release::before-sync",
    "outbound-files::release::before-rename",
    "outbound-files::release::before-directory-sync",
    "outbound-files::release::after-directory-sync",
    "outbound::round::before-position",
    "outbound::round::after-position",
    "kafka::open::after-fence",
    "kafka::open::after-progress",
    "kafka::transaction::after-begin",
    "kafka::transaction::after-send",
    "kafka::transaction::before-commit",
    "kafka::transaction::after-commit",
];

/// The process is at a point of [`ALL`].
///
/// # Errors
/// What a test asked for, as the operating system would say it; never in a build without `failpoints`.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn reach(_point: &'static str) -> io::Result<()> {
    Ok(())
}

/// The process is at a point of [`ALL`].
///
/// # Errors
/// What a test asked for, as the operating system would say it.
#[cfg(feature = "failpoints")]
pub fn reach(point: &'static str) -> io::Result<()> {
    fail::fail_point!(point, |action| act(point, action.as_deref()));
    Ok(())
}

/// Reads `FAILPOINTS`; to be held while the program runs.
#[cfg(feature = "failpoints")]
pub fn arm() -> fail::FailScenario<'static> {
    fail::FailScenario::setup()
}

#[cfg(feature = "failpoints")]
fn act(point: &str, action: Option<&str>) -> io::Result<()> {
    const EIO: i32 = 5;
    const ENOSPC: i32 = 28;
    match action {
        Some("kill") => {
            // SIGKILL from a shell, because sending it ourselves takes unsafe code. Where there is no
            // shell, an abort flushes and unlocks as little as a kill does.
            let _ = std::process::Command::new("/bin/sh")
                .args(["-c", "kill -9 \"$0\"", &std::process::id().to_string()])
                .status();
            std::process::abort()
        }
        Some("note") => io::Write::write_all(&mut io::stderr(), format!("reached {point}\n").as_bytes()),
        Some("ENOSPC") => Err(io::Error::from_raw_os_error(ENOSPC)),
        Some("EIO") => Err(io::Error::from_raw_os_error(EIO)),
        _ => Err(io::Error::other("FAILPOINTS asks for what no failpoint does")),
    }
}
