//! Connections that read beside the one that writes, for work on several threads.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::LedgerError;
use super::sqlite::SqliteLedger;
use crate::sealing::Keys;

/// Readers of one ledger. What a reader sees is what is committed when it looks.
#[derive(Debug)]
pub struct Readers<K> {
    path: PathBuf,
    keys: K,
    idle: Mutex<Vec<SqliteLedger>>,
}

/// Readers that tasks share.
pub type SharedReaders = Readers<Arc<Keys>>;

impl<K: Deref<Target = Keys>> Readers<K> {
    /// None is opened before it is needed.
    pub fn new(path: PathBuf, keys: K) -> Readers<K> {
        Readers {
            path,
            keys,
            idle: Mutex::default(),
        }
    }

    /// Runs `work` with a reader of its own.
    ///
    /// # Errors
    /// Those of [`SqliteLedger::open_to_read`], and those of `work`.
    pub fn read<T, E: From<LedgerError>>(&self, work: impl FnOnce(&SqliteLedger) -> Result<T, E>) -> Result<T, E> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let reader = match idle {
            Some(reader) => reader,
            None => SqliteLedger::open_to_read(&self.path, &self.keys)?,
        };
        let done = work(&reader);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
        done
    }
}
