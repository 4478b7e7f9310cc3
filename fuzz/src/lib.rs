//! The invariants that the targets hold the parser to; the ordinary tests hold it to the same.

#[path = "../../tests/hostile/invariants.rs"]
pub mod invariants;
