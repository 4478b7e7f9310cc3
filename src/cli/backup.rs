//! `backup` and `restore`: a data directory to another disk, and back.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::output::{Exit, Failure, Output};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::intake::data_directory::{DataDirectory, DataDirectoryError};
use crate::pipeline::backup::{self, BackupError, Manifest};

/// Copy the data directory to a new directory, with a digest of every file.
#[derive(Debug, Args)]
#[command(
    after_help = "Copied: the ledger (through SQLite, with what its log has), archive/, refdata/, rules/, events/, outbound/ and audit/. Never the keys: keep them apart, or a lost backup is a lost secret. The index is not copied, since the next start rebuilds it. Everything sealed stays sealed; outbound/ is plain X12 unless [phi] seal_outbound. No other process may work in the data directory meanwhile (75). DEST appears when all of it is on the disk.\n\nExamples:\n  claimstream backup /mnt/backup/2026-11-22\n  claimstream backup --json /mnt/backup/2026-11-22"
)]
pub struct Backup {
    /// Directory to make; its parent must exist, itself must not.
    #[arg(value_name = "DEST")]
    destination: PathBuf,
}

/// Put a backup into a new or empty data directory.
#[derive(Debug, Args)]
#[command(
    after_help = "Every file is compared with its digest first: one that differs, and nothing is restored (5). The key file comes another way ([phi] key_file, or keys/ in the data directory): without the one the backup was made with, nothing in it can be read.\n\nWhat was taken in after the backup is unknown to it: take those files in again. Their decisions and claim ids come out the same; an 835 that had left already must not be sent twice.\n\nWith Kafka: topics that are ahead of the restored ledger would get other events at positions that are taken. Delivery therefore compares the ledger's generation and position with the progress topic, and refuses. Restore a newer backup, or set [kafka] prefix to new topics. The embedded event log is restored with its ledger.\n\nExamples:\n  claimstream --data-dir /var/lib/claimstream restore /mnt/backup/2026-11-22\n  claimstream --data-dir /tmp/look restore /mnt/backup/2026-11-22 && claimstream --data-dir /tmp/look doctor --deep"
)]
pub struct Restore {
    /// A directory that `backup` made.
    #[arg(value_name = "SRC")]
    source: PathBuf,
}

impl Backup {
    pub fn run(self, config: &Config, output: &Output) -> Result<Exit, Failure> {
        let bar = output.progress(0, "copying");
        let made = backup::backup(config, &self.destination, Timestamp::now(), &|done, all| {
            bar.set_length(all);
            bar.set_position(done);
        });
        bar.finish_and_clear();
        print(&made?, &format!("backed up to {}", self.destination.display()), output)
    }
}

impl Restore {
    pub fn run(self, config: &Config, output: &Output) -> Result<Exit, Failure> {
        let bar = output.progress(0, "restoring");
        let restored = backup::restore(config, &self.source, &|done, all| {
            bar.set_length(all);
            bar.set_position(done);
        });
        bar.finish_and_clear();
        let manifest = restored?;
        note_key(config, &manifest, output);
        print(&manifest, &format!("restored to {}", config.service.data_dir.display()), output)
    }
}

/// Says which key file the restored directory needs, where it is not the one in force.
fn note_key(config: &Config, manifest: &Manifest, output: &Output) {
    let in_force = DataDirectory::look_at(&config.service.data_dir)
        .and_then(|directory| directory.keys(config.phi.key_file.as_deref(), false))
        .map(|(keys, _)| keys.id());
    let wanted = &manifest.key_id;
    match in_force {
        Ok(id) if id == *wanted => {}
        Ok(id) => output.note(&format!("warning: made with key {wanted}, and key {id} is in force; set [phi] key_file")),
        Err(DataDirectoryError::NoKeys { path }) => output.note(&format!("note: put the file of key {wanted} to {}, or set [phi] key_file", path.display())),
        Err(error) => output.note(&format!("warning: made with key {wanted}, and the one in force cannot be read: {error}")),
    }
}

fn print(manifest: &Manifest, what: &str, output: &Output) -> Result<Exit, Failure> {
    output.object(&json!({
        "type": "result", "files": manifest.files.len(), "bytes": manifest.bytes(), "last_seq": manifest.last_seq, "generation": manifest.generation,
        "key_id": manifest.key_id, "made_at": manifest.made_at,
    }))?;
    output.text(&format!(
        "{what}: {} files, {} bytes, journal up to {}, key {}",
        manifest.files.len(),
        manifest.bytes(),
        manifest.last_seq,
        manifest.key_id
    ))?;
    Ok(Exit::Done)
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Failure {
        match error {
            BackupError::Directory(error) => error.into(),
            BackupError::NotABackup { .. } => Failure::not_found(error),
            BackupError::Exists { .. } | BackupError::Inside { .. } | BackupError::NotEmpty { .. } => Failure::usage(error),
            error if error.is_integrity_failure() => Failure::integrity(error),
            BackupError::Ledger(_) | BackupError::Io { .. } | BackupError::Foreign { .. } | BackupError::Changed { .. } => Failure::unfinished(error),
        }
    }
}
