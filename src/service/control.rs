//! What operators say to a running service: a partner is cut off, a partner may go on.
//!
//! A file `control/suspended/<partner>` in the data directory says it, so it is there after a restart,
//! and can be said while no service runs. The service looks every fifth of a second.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;

use crate::durable::{create_directory, sync_parent, write_private};
use crate::ids::PartnerId;

/// How soon a suspension is seen.
const LOOK: Duration = Duration::from_millis(200);

/// Why a partner could not be cut off or let on.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    #[error("{path}: cannot be written")]
    Io { path: PathBuf, source: io::Error },
    #[error("{partner} is not suspended")]
    NotSuspended { partner: PartnerId },
}

pub(super) fn directory(data_dir: &Path) -> PathBuf {
    data_dir.join("control").join("suspended")
}

/// Cuts a partner off: nothing is exchanged with it a second later. `reason` is kept.
///
/// # Errors
/// [`ControlError::Io`].
pub fn suspend(data_dir: &Path, partner: &PartnerId, reason: &str) -> Result<(), ControlError> {
    let directory = directory(data_dir);
    let path = directory.join(partner.as_str());
    let written = create_directory(&directory).and_then(|()| write_private(&path, reason.as_bytes()));
    written.map_err(|source| ControlError::Io { path, source })
}

/// Lets a partner on.
///
/// # Errors
/// [`ControlError`].
pub fn resume(data_dir: &Path, partner: &PartnerId) -> Result<(), ControlError> {
    let path = directory(data_dir).join(partner.as_str());
    match fs::remove_file(&path).and_then(|()| sync_parent(&path)) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(ControlError::NotSuspended { partner: partner.clone() }),
        Err(source) => Err(ControlError::Io { path, source }),
    }
}

/// Partners that are cut off, with the reasons.
///
/// # Errors
/// I/O.
pub fn suspended(data_dir: &Path) -> io::Result<BTreeMap<String, String>> {
    read(&directory(data_dir))
}

fn read(directory: &Path) -> io::Result<BTreeMap<String, String>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    let mut suspended = BTreeMap::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // Half written, or none of ours.
        if !name.ends_with(".tmp") {
            suspended.insert(name, fs::read_to_string(entry.path()).unwrap_or_default());
        }
    }
    Ok(suspended)
}

/// The partners that are cut off now.
pub(super) struct Suspensions(watch::Receiver<BTreeMap<String, String>>);

impl Suspensions {
    /// Looks until nobody asks any more.
    pub(super) fn watch(directory: PathBuf) -> Suspensions {
        let (now, receiver) = watch::channel(read(&directory).unwrap_or_default());
        tokio::spawn(async move {
            while !now.is_closed() {
                tokio::time::sleep(LOOK).await;
                // A look that fails changes nothing: a partner that was cut off stays so.
                if let Ok(suspended) = read(&directory) {
                    now.send_if_modified(|known| {
                        let differs = *known != suspended;
                        *known = suspended;
                        differs
                    });
                }
            }
        });
        Suspensions(receiver)
    }

    pub(super) fn of(&self, partner: &PartnerId) -> Suspension {
        Suspension {
            partner: partner.clone(),
            all: self.0.clone(),
        }
    }
}

/// Whether one partner is cut off.
#[derive(Debug, Clone)]
pub(super) struct Suspension {
    partner: PartnerId,
    all: watch::Receiver<BTreeMap<String, String>>,
}

impl Suspension {
    pub(super) fn is_on(&self) -> bool {
        self.all.borrow().contains_key(self.partner.as_str())
    }

    /// Waits until it is on, or off.
    pub(super) async fn becomes(&mut self, on: bool) {
        let name = self.partner.as_str();
        if self.all.wait_for(|all| all.contains_key(name) == on).await.is_err() {
            // Nobody looks any more: the service ends, and with it the task that waits.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_suspension_is_seen_and_outlives_the_service() {
        let home = tempfile::tempdir().unwrap();
        let (one, other) = (PartnerId::new("one"), PartnerId::new("other"));
        let suspensions = Suspensions::watch(directory(home.path()));
        let (mut first, second) = (suspensions.of(&one), suspensions.of(&other));
        assert!(!first.is_on());
        suspend(home.path(), &one, "breach reported").unwrap();
        tokio::time::timeout(Duration::from_secs(1), first.becomes(true)).await.unwrap();
        assert!(first.is_on() && !second.is_on());
        assert_eq!(suspended(home.path()).unwrap().get("one").map(String::as_str), Some("breach reported"));
        assert!(Suspensions::watch(directory(home.path())).of(&one).is_on());
        resume(home.path(), &one).unwrap();
        tokio::time::timeout(Duration::from_secs(1), first.becomes(false)).await.unwrap();
        assert!(matches!(resume(home.path(), &one), Err(ControlError::NotSuspended { .. })));
    }
}
