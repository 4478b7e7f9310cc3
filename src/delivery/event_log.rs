//! The embedded event log: one NDJSON file per topic, appended in journal order.
//!
//! The ledger records the length of each file together with the position reached; at start every file
//! is cut back to its recorded length, so a crash between the two leaves nothing twice.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Serialize, Serializer};

use super::sink::{Appended, EventSink, OutgoingEvent, SinkError};
use crate::durable::private_file;
use crate::events::cloudevent::Topic;
use crate::failpoints::reach;
use crate::ledger::{Delivered, OutboxMark, Seq};

/// First part of the files' names. `[kafka] prefix` is that of topics.
const PREFIX: &str = "claims";

/// The name under which the ledger keeps the position and the lengths.
pub const DELIVERY: &str = "event-log";

/// The open files of the log.
#[derive(Debug)]
pub struct EventLog {
    files: BTreeMap<&'static str, (File, u64)>,
    position: Seq,
}

/// The file of a topic.
pub fn path(directory: &Path, topic: &str) -> PathBuf {
    directory.join(format!("{PREFIX}.{topic}.ndjson"))
}

impl EventLog {
    /// Opens `<directory>/claims.<topic>.ndjson` for every topic and cuts each back to what was recorded.
    ///
    /// # Errors
    /// I/O; a file shorter than its recorded length has lost events and is not continued.
    pub fn open(directory: &Path, recorded: &Delivered) -> io::Result<EventLog> {
        let mut files = BTreeMap::new();
        for topic in Topic::ALL {
            let path = path(directory, topic.name());
            let mut file = private_file(&path)?.open(&path)?;
            let length = recorded.lengths.get(topic.name()).copied().unwrap_or(0);
            if file.metadata()?.len() < length {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("{}: shorter than the ledger recorded, events are missing", path.display()),
                ));
            }
            reach("event-log::open::before-cut")?;
            file.set_len(length)?;
            file.seek(SeekFrom::Start(length))?;
            files.insert(topic.name(), (file, length));
        }
        // The ledger will rely on files that may just have been made.
        reach("event-log::open::before-sync")?;
        File::open(directory)?.sync_all()?;
        Ok(EventLog { files, position: recorded.seq })
    }

    fn write(&mut self, topic: Topic, lines: &[u8]) -> io::Result<()> {
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

    /// Makes everything durable and says how long each file is now. After a failed sync nothing may be
    /// retried.
    fn sync(&mut self) -> io::Result<BTreeMap<String, u64>> {
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

/// The step is whole when the ledger records the lengths: until then the files are cut back at the next
/// start.
impl EventSink for EventLog {
    fn position(&self) -> Seq {
        self.position
    }

    fn append(&mut self, events: &[OutgoingEvent], through: &OutboxMark) -> Result<Appended, SinkError> {
        let rendered: Vec<(Topic, Vec<u8>)> = events.par_iter().with_min_len(256).map(|outgoing| (outgoing.topic, line(outgoing))).collect();
        let mut lines: BTreeMap<Topic, Vec<u8>> = BTreeMap::new();
        for (topic, line) in rendered {
            lines.entry(topic).or_default().extend_from_slice(&line);
        }
        lines.into_iter().try_for_each(|(topic, lines)| self.write(topic, &lines))?;
        let lengths = self.sync()?;
        self.position = through.seq;
        Ok(Appended::Whole(Delivered {
            seq: through.seq,
            lengths,
            ..Delivered::default()
        }))
    }
}

/// One event as a line: `{"key","headers","value"}`.
fn line(outgoing: &OutgoingEvent) -> Vec<u8> {
    let mut line = Vec::with_capacity(outgoing.event.value.len() + 512);
    line.extend_from_slice(br#"{"key":"#);
    // Text as JSON into memory does not fail.
    let _ = serde_json::to_writer(&mut line, &outgoing.event.key);
    line.extend_from_slice(br#","headers":"#);
    let _ = serde_json::to_writer(&mut line, &Headers(outgoing));
    line.extend_from_slice(br#","value":"#);
    // A dead letter of a dead letter has none.
    let value: &[u8] = if outgoing.event.value.is_empty() { b"null" } else { &outgoing.event.value };
    line.extend_from_slice(value);
    line.extend_from_slice(b"}\n");
    line
}

struct Headers<'a>(&'a OutgoingEvent);

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
        let recorded = |seq, lengths| Delivered {
            seq,
            lengths,
            ..Delivered::default()
        };
        let mut log = EventLog::open(directory.path(), &Delivered::default()).unwrap();
        log.write(Topic::Files, b"one\n").unwrap();
        let one = recorded(1, log.sync().unwrap());
        log.write(Topic::Files, b"lost in a crash\n").unwrap();
        drop(log);
        let mut log = EventLog::open(directory.path(), &one).unwrap();
        assert_eq!(log.position(), 1);
        log.write(Topic::Files, b"two\n").unwrap();
        log.sync().unwrap();
        let path = directory.path().join("claims.files.ndjson");
        assert_eq!(std::fs::read(&path).unwrap(), b"one\ntwo\n");
        std::fs::write(&path, b"on").unwrap();
        assert!(EventLog::open(directory.path(), &one).is_err());
    }
}
