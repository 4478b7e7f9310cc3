//! Data files as typed tables, checked against each other when they are loaded.

pub mod code_range;
pub mod code_sets;
mod csv_table;
mod guide_files;
mod guide_loops;
mod guide_ways;
pub mod guides;
pub mod period;
pub mod reasons;
pub mod refdata;
pub mod rules;
pub mod unlisted_codes;

pub use csv_table::{LoadError, Problem};
