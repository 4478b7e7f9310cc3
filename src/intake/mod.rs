//! Files at the door: partners' channels, when an upload is whole, the data directory with its keys, and
//! the sealed archive.

pub mod archive;
pub mod channel;
pub mod completeness;
pub mod data_directory;
pub mod drop_folder;
pub mod openpgp;
pub mod sftp;
pub mod unpack;
pub mod verification;
mod zip_entries;
