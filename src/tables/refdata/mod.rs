//! Reference data: the CSV files of INTERFACE 4 as typed, immutable lookup tables.

pub mod authorizations;
mod code_columns;
mod csv_table;
pub mod members;
mod packed;
pub mod period;
pub mod providers;

pub use code_columns::CodeType;
pub use csv_table::{LoadError, Problem, ReferenceTable};
