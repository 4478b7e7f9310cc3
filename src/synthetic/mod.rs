//! Made-up claim files, the reference data that fits them, and the answer key of what must come of
//! every claim: all three are pure functions of a [`Recipe`], written as a stream in constant memory.
//!
//! A claim is made by its position alone, so the writers never share state: the file, the key and the
//! authorization table each make it again and get the same.

mod answer_key;
mod claim;
mod corrections;
mod draw;
mod institutional;
mod maker;
mod members;
mod plan;
mod professional;
mod providers;
mod recipe;
mod reference;
mod restricted;
mod scenario;
mod services;
mod special;
#[cfg(test)]
mod tests;
mod wire;

pub use answer_key::{write_corrections_key, write_key};
pub use recipe::{CLAIMS_MAX, ERRORS_PER_MILLE_MAX, Mix, Recipe, RecipeError, Usage};
pub use reference::{REFERENCE_FILES, ReferenceFile};
pub use wire::{Written, write_claims, write_corrections};
