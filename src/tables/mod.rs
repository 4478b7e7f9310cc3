//! Data files as typed tables, checked against each other when they are loaded.

pub mod code_range;
pub mod reasons;
pub mod refdata;
