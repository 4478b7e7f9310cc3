//! Reference data: the CSV files of INTERFACE 4 as typed, immutable lookup tables.

pub mod authorizations;
mod code_columns;
pub mod members;
mod packed;
pub mod providers;

pub use code_columns::CodeType;
