//! Files at the door: the data directory, its keys, and the sealed archive.

pub mod archive;
pub mod channel;
pub mod data_directory;
pub mod sftp;
pub mod verification;
