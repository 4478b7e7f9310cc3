//! Files at the door: the data directory, its keys, and the sealed archive.

pub mod archive;
pub mod channel;
pub mod completeness;
pub mod data_directory;
pub mod drop_folder;
pub mod unpack;
pub mod verification;
mod zip_entries;
