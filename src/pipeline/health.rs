//! Whether the service works and can take work: what `/livez` and `/readyz` answer.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use metrics::gauge;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::intake::data_directory::free_bytes;
use crate::limits;
use crate::telemetry as names;

/// What must be there before files are taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Open, and its journal readable.
    Ledger,
    ReferenceData,
    /// The event log is writable, or the brokers are reachable.
    Events,
    /// There is room left.
    Disk,
}

impl Part {
    pub const ALL: [Part; 4] = [Part::Ledger, Part::ReferenceData, Part::Events, Part::Disk];

    pub fn as_str(self) -> &'static str {
        match self {
            Part::Ledger => "ledger",
            Part::ReferenceData => "reference-data",
            Part::Events => "events",
            Part::Disk => "disk",
        }
    }
}

/// The state of the service, shared by who works and who answers.
#[derive(Debug)]
pub struct Health {
    parts: Mutex<BTreeMap<Part, Result<(), String>>>,
    beat: Mutex<Instant>,
    silent_max: Duration,
}

/// The state of one part: `reason` says why it is not ready. No secret and no value of a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartState {
    pub part: Part,
    pub ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Default for Health {
    fn default() -> Health {
        Health::new()
    }
}

impl Health {
    /// Alive, and not ready before every part has said that it is.
    pub fn new() -> Health {
        Health::silent_for(Duration::from_secs(limits::WORKER_SILENT_SECONDS_MAX))
    }

    /// The same for a worker that may be silent for another time than the usual.
    pub fn silent_for(silent_max: Duration) -> Health {
        Health {
            parts: Mutex::default(),
            beat: Mutex::new(Instant::now()),
            silent_max,
        }
    }

    /// A part is ready, or why not. The reason is shown to whoever asks: positions and names of ours only.
    pub fn set(&self, part: Part, state: Result<(), String>) {
        gauge!(names::PART_READY, "part" => part.as_str()).set(if state.is_ok() { 1.0 } else { 0.0 });
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).insert(part, state);
    }

    /// The worker is alive: called between two pieces of its work.
    pub fn beat(&self) {
        gauge!(names::WORKER_BEAT_TIMESTAMP_SECONDS).set(Timestamp::now().unix_seconds() as f64);
        *self.beat.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Looks at the disk: below the limit nothing more may be taken in, so that what the ledger has can go
    /// on.
    pub fn has_room(&self, data_dir: &Path) -> bool {
        let has_room = free_bytes(data_dir).map_or(true, |free| free >= limits::DISK_FREE_BYTES_MIN);
        let state = if has_room {
            Ok(())
        } else {
            Err("nearly full, nothing is taken in".to_string())
        };
        self.set(Part::Disk, state);
        has_room
    }

    pub fn is_alive(&self) -> bool {
        self.beat.lock().unwrap_or_else(PoisonError::into_inner).elapsed() < self.silent_max
    }

    pub fn is_ready(&self) -> bool {
        self.parts().iter().all(|part| part.ready)
    }

    /// Every part, in its order.
    pub fn parts(&self) -> Vec<PartState> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let state = |part: Part| match parts.get(&part) {
            Some(Ok(())) => (true, None),
            Some(Err(reason)) => (false, Some(reason.clone())),
            None => (false, Some("starting".to_string())),
        };
        Part::ALL
            .into_iter()
            .map(|part| {
                let (ready, reason) = state(part);
                PartState { part, ready, reason }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_when_every_part_is() {
        let health = Health::new();
        assert!(health.is_alive() && !health.is_ready());
        Part::ALL.into_iter().for_each(|part| health.set(part, Ok(())));
        assert!(health.is_ready());
        health.set(Part::Events, Err("no broker".into()));
        assert!(!health.is_ready());
        let reasons: Vec<Option<String>> = health.parts().into_iter().map(|part| part.reason).collect();
        assert_eq!(reasons, [None, None, Some("no broker".into()), None]);
        health.set(Part::Events, Ok(()));
        assert!(health.is_ready());
    }

    #[test]
    fn alive_as_long_as_it_beats() {
        let health = Health::silent_for(Duration::from_millis(50));
        std::thread::sleep(Duration::from_millis(60));
        assert!(!health.is_alive());
        health.beat();
        assert!(health.is_alive());
    }
}
