//! `[service.door]`: claims over HTTP, answered at once.

use std::path::PathBuf;

use serde::Serialize;

use super::document::{ConfigError, Keys};
use super::partner::{ID, folder_name};
use crate::ids::PartnerId;
use crate::limits;

/// `[service.door]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Door {
    /// Bearer tokens, one a line. Read by the service when it starts and when it is told to read again.
    pub token_file: PathBuf,
    /// Whose profile, duplicates and acknowledgements apply.
    pub partner: PartnerId,
    /// Bytes of one posted file.
    pub max_bytes: usize,
    /// Requests at once.
    pub max_waiting: usize,
}

impl Door {
    pub(super) fn read(mut keys: Keys<'_>) -> Result<Option<Door>, ConfigError> {
        let token_file = keys.path("token_file")?;
        let partner = keys.text("partner", ID, folder_name)?;
        let max_bytes = keys.whole("max_bytes", 1_024..=limits::DOOR_FILE_BYTES_MAX as i64)?;
        let max_waiting = keys.whole("max_waiting", 1..=limits::DOOR_WAITING_MAX as i64)?;
        keys.finish()?;
        if !keys.is_present() {
            return Ok(None);
        }
        Ok(Some(Door {
            token_file: keys.required("token_file", "the path of a file with a token", token_file)?,
            partner: keys.required("partner", ID, partner)?,
            max_bytes: max_bytes.unwrap_or(1024 * 1024),
            max_waiting: max_waiting.unwrap_or(16),
        }))
    }
}
