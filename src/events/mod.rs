//! What the outside may learn, as closed and versioned facts, and their CloudEvents.

mod adjudicated;
pub mod cloudevent;
pub mod dead_letter;
pub mod fact;
mod former;
mod remits;
mod reversals;
pub mod stored;
