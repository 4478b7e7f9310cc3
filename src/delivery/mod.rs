//! Where things leave the house: events to the embedded log or to Kafka, files for partners and payees.

pub mod event_log;
pub mod files;
pub mod kafka;
pub mod sink;

/// The name under which the ledger keeps how far the files have come.
pub const FILES_DELIVERY: &str = "files";
