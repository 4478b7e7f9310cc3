//! Made-up claim files, the reference data that fits them, and the answer key of what must come of
//! every claim: all three are pure functions of a [`Recipe`], written as a stream in constant memory.
//!
//! A claim is made by its position alone, so the writers never share state: the file, the key and the
//! authorization table each make it again and get the same.

//!
//! Some rules no generated claim shows; each has a worked example below `fixtures/rules`. The embedded rule pack leaves
//! them off (TF-9, PA-exempt, FEE-multiplier, FEE-59, FEE-B4, MB-3), or they want a table that is not loaded (TF-none,
//! FEE-not-loaded); they leave the outcome as it is, and the key has outcomes (FWA-duplicates, FWA-stay, FWA-unbundled);
//! they want a leap day (TF-4), a receipt before 2026 (PAY-before), a list that asks for a notice alone (PA-10), a patient
//! under another's id (RES-newborn), a payee without NPI (PAYEE-1), a second practice of the assigned provider's (PA-P2),
//! a capped rate (FEE-222), or a further claim of a chain (FREQ-open, FREQ-voided, FREQ-payee, TF-E3, RES-readmission).

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
