//! Data files → typed tables, cross-checked and digested at load.

mod guide_files;
mod guide_loops;
pub mod guides;
