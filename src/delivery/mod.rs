//! Where things leave the house: the event log, and files for partners and payees.

pub mod event_log;
pub mod files;
