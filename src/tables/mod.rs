//! Data files → typed tables, cross-checked and digested at load.

mod guide_files;
pub mod guides;
pub mod reasons;
pub mod refdata;
