//! The embedded event log: one NDJSON file per topic, appended in journal order.
//!
//! The ledger records the length of each file together with the position reached; at start every file
//! is cut back to its recorded length, so a crash between the two leaves nothing twice.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Serialize, Serializer};

use crate::durable::private_file;
use crate::events::cloudevent::{CloudEvent, Topic};
use crate::failpoints::reach;

/// The open files of the log.
#[derive(Debug)]
pub struct EventLog {
    files: BTreeMap<&'static str, (File, u64)>,
}

impl EventLog {
    /// Opens `<directory>/<prefix>.<topic>.ndjson` for every topic and cuts each back to `lengths`.
    ///
    /// # Errors
    /// I/O; a file shorter than its recorded length has lost events and is not continued.
    pub fn open(directory: &Path, prefix: &str, lengths: &BTreeMap<String, u64>) -> io::Result<EventLog> {
        let mut files = BTreeMap::new();
        for topic in Topic::ALL {
            let path = directory.join(format!("{prefix}.{}.ndjson", topic.name()));
            let mut file = private_file(&path)?.open(&path)?;
            let recorded = lengths.get(topic.name()).copied().unwrap_or(0);
            if file.metadata()?.len() < recorded {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("{}: shorter than the ledger recorded, events are missing", path.display()),
                ));
            }
            reach("event-log::open::before-cut")?;
            file.set_len(recorded)?;
            file.seek(SeekFrom::Start(recorded))?;
            files.insert(topic.name(), (file, recorded));
        }
        // The ledger will rely on files that may just have been made.
        reach("event-log::open::before-sync")?;
        File::open(directory)?.sync_all()?;
        Ok(EventLog { files })
    }

    /// Appends rendered lines of a topic.
    ///
    /// # Errors
    /// I/O.
    pub fn append(&mut self, topic: Topic, lines: &[u8]) -> io::Result<()> {
        match self.files.get_mut(topic.name()) {
            Some((file, length)) => {
                reach("event-log::append::before-write")?;
                file.write_all(lines)?;
                reach("event-log::append::after-write")?;
                *length += lines.len() as u64;
                Ok(())
            }
            None => Err(io::Error::other("a topic without file")),
        }
    }

    /// Makes everything durable and says how long each file is now.
    ///
    /// # Errors
    /// I/O; after a failed sync nothing may be retried.
    pub fn sync(&mut self) -> io::Result<BTreeMap<String, u64>> {
        reach("event-log::sync::before")?;
        let lengths = self
            .files
            .iter_mut()
            .map(|(topic, (file, length))| file.sync_data().map(|()| ((*topic).to_string(), *length)))
            .collect::<io::Result<_>>()?;
        reach("event-log::sync::after")?;
        Ok(lengths)
    }
}

/// One event as a line: `{"key","headers","value"}`.
pub fn line(event: &CloudEvent) -> Vec<u8> {
    let mut line = Vec::with_capacity(event.value.len() + 512);
    line.extend_from_slice(br#"{"key":"#);
    // Text as JSON into memory does not fail.
    let _ = serde_json::to_writer(&mut line, &event.key);
    line.extend_from_slice(br#","headers":"#);
    let _ = serde_json::to_writer(&mut line, &Headers(event));
    line.extend_from_slice(br#","value":"#);
    line.extend_from_slice(&event.value);
    line.extend_from_slice(b"}\n");
    line
}

struct Headers<'a>(&'a CloudEvent);

impl Serialize for Headers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.headers())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_recorded_is_cut_off() {
        let directory = tempfile::tempdir().unwrap();
        let mut log = EventLog::open(directory.path(), "claims", &BTreeMap::new()).unwrap();
        log.append(Topic::Files, b"one\n").unwrap();
        let recorded = log.sync().unwrap();
        log.append(Topic::Files, b"lost in a crash\n").unwrap();
        drop(log);
        let mut log = EventLog::open(directory.path(), "claims", &recorded).unwrap();
        log.append(Topic::Files, b"two\n").unwrap();
        log.sync().unwrap();
        let path = directory.path().join("claims.files.ndjson");
        assert_eq!(std::fs::read(&path).unwrap(), b"one\ntwo\n");
        std::fs::write(&path, b"on").unwrap();
        assert!(EventLog::open(directory.path(), "claims", &recorded).is_err());
    }
}
