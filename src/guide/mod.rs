//! Segments → loops, driven by the guide tables; findings of SNIP types 1 and 2.

mod element_check;
mod hierarchy;
pub mod masking;
mod screen;
pub mod slot;
mod value_check;
pub mod walker;
