//! What operators say to a running service: a partner is cut off, a partner may go on, a partner's channel is
//! this one.
//!
//! A file `control/suspended/<partner>` or `control/channel/<partner>` in the data directory says it, so it is
//! there after a restart, and can be said while no service runs. The service looks every fifth of a second.

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

/// The two channels of a partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Main,
    Fallback,
}

impl Side {
    pub fn as_str(self) -> &'static str {
        match self {
            Side::Main => "main",
            Side::Fallback => "fallback",
        }
    }

    fn parse(word: &str) -> Option<Side> {
        [Side::Main, Side::Fallback].into_iter().find(|side| side.as_str() == word)
    }
}

/// A channel that stands in a file, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    pub side: Side,
    pub reason: String,
}

impl Chosen {
    fn parse(text: &str) -> Option<Chosen> {
        let (word, reason) = text.split_once('\n').unwrap_or((text, ""));
        Side::parse(word).map(|side| Chosen {
            side,
            reason: reason.to_string(),
        })
    }
}

/// Chosen by hand.
pub(super) fn channel_directory(data_dir: &Path) -> PathBuf {
    data_dir.join("control").join("channel")
}

/// In use, as the service says.
fn in_use_directory(data_dir: &Path) -> PathBuf {
    data_dir.join("control").join("in-use")
}

/// Chooses a partner's channel by hand; `None` leaves it to the service again. Effective a second later.
///
/// # Errors
/// [`ControlError::Io`].
pub fn choose_channel(data_dir: &Path, partner: &PartnerId, side: Option<Side>, reason: &str) -> Result<(), ControlError> {
    let directory = channel_directory(data_dir);
    match side {
        Some(side) => say(&directory, partner, &format!("{}\n{reason}", side.as_str())),
        None => unsay(&directory, partner).map(|_| ()),
    }
}

/// The channels that were chosen by hand.
///
/// # Errors
/// I/O.
pub fn chosen_channels(data_dir: &Path) -> io::Result<BTreeMap<String, Chosen>> {
    read_chosen(&channel_directory(data_dir))
}

/// The channels that a service last used, of partners that have two; the reason says since when and why.
///
/// # Errors
/// I/O.
pub fn channels_in_use(data_dir: &Path) -> io::Result<BTreeMap<String, Chosen>> {
    read_chosen(&in_use_directory(data_dir))
}

/// Says which channel is in use.
pub(super) fn use_channel(data_dir: &Path, partner: &PartnerId, side: Side, reason: &str) -> Result<(), ControlError> {
    say(&in_use_directory(data_dir), partner, &format!("{}\n{reason}", side.as_str()))
}

fn read_chosen(directory: &Path) -> io::Result<BTreeMap<String, Chosen>> {
    let said = read(directory)?;
    Ok(said.into_iter().filter_map(|(partner, text)| Some((partner, Chosen::parse(&text)?))).collect())
}

fn say(directory: &Path, partner: &PartnerId, text: &str) -> Result<(), ControlError> {
    let path = directory.join(partner.as_str());
    let written = create_directory(directory).and_then(|()| write_private(&path, text.as_bytes()));
    written.map_err(|source| ControlError::Io { path, source })
}

/// Whether it was said.
fn unsay(directory: &Path, partner: &PartnerId) -> Result<bool, ControlError> {
    let path = directory.join(partner.as_str());
    match fs::remove_file(&path).and_then(|()| sync_parent(&path)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(ControlError::Io { path, source }),
    }
}

pub(super) fn directory(data_dir: &Path) -> PathBuf {
    data_dir.join("control").join("suspended")
}

/// Cuts a partner off: nothing is exchanged with it a second later. `reason` is kept.
///
/// # Errors
/// [`ControlError::Io`].
pub fn suspend(data_dir: &Path, partner: &PartnerId, reason: &str) -> Result<(), ControlError> {
    say(&directory(data_dir), partner, reason)
}

/// Lets a partner on.
///
/// # Errors
/// [`ControlError`].
pub fn resume(data_dir: &Path, partner: &PartnerId) -> Result<(), ControlError> {
    match unsay(&directory(data_dir), partner)? {
        true => Ok(()),
        false => Err(ControlError::NotSuspended { partner: partner.clone() }),
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

/// What a directory says, looked at until nobody asks any more.
fn watched(directory: PathBuf) -> watch::Receiver<BTreeMap<String, String>> {
    let (now, receiver) = watch::channel(read(&directory).unwrap_or_default());
    tokio::spawn(async move {
        while !now.is_closed() {
            tokio::time::sleep(LOOK).await;
            // A look that fails changes nothing: a partner that was cut off stays so.
            if let Ok(said) = read(&directory) {
                now.send_if_modified(|known| {
                    let differs = *known != said;
                    *known = said;
                    differs
                });
            }
        }
    });
    receiver
}

/// The channels that are chosen by hand now.
pub(super) struct Choices(watch::Receiver<BTreeMap<String, String>>);

impl Choices {
    pub(super) fn watch(directory: PathBuf) -> Choices {
        Choices(watched(directory))
    }

    pub(super) fn of(&self, partner: &PartnerId) -> Choice {
        Choice {
            partner: partner.clone(),
            all: self.0.clone(),
        }
    }
}

/// Which channel of one partner is chosen by hand.
#[derive(Clone)]
pub(super) struct Choice {
    partner: PartnerId,
    all: watch::Receiver<BTreeMap<String, String>>,
}

impl Choice {
    /// `None`: the service decides.
    pub(super) fn now(&self) -> Option<Chosen> {
        self.all.borrow().get(self.partner.as_str()).and_then(|text| Chosen::parse(text))
    }

    /// Waits until it is another one.
    pub(super) async fn differs_from(&mut self, side: Option<Side>) {
        let name = self.partner.as_str();
        let of = |all: &BTreeMap<String, String>| all.get(name).and_then(|text| Chosen::parse(text)).map(|chosen| chosen.side);
        if self.all.wait_for(|all| of(all) != side).await.is_err() {
            // Nobody looks any more: the service ends, and with it the task that waits.
            std::future::pending::<()>().await;
        }
    }
}

/// The partners that are cut off now.
pub(super) struct Suspensions(watch::Receiver<BTreeMap<String, String>>);

impl Suspensions {
    /// Looks until nobody asks any more.
    pub(super) fn watch(directory: PathBuf) -> Suspensions {
        Suspensions(watched(directory))
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

    #[tokio::test]
    async fn a_channel_is_chosen_by_hand_until_it_is_left_to_the_service() {
        let home = tempfile::tempdir().unwrap();
        let partner = PartnerId::new("one");
        let choices = Choices::watch(channel_directory(home.path()));
        let mut choice = choices.of(&partner);
        assert_eq!(choice.now(), None);
        choose_channel(home.path(), &partner, Some(Side::Fallback), "their server moves").unwrap();
        tokio::time::timeout(Duration::from_secs(1), choice.differs_from(None)).await.unwrap();
        let chosen = Chosen {
            side: Side::Fallback,
            reason: "their server moves".to_string(),
        };
        assert_eq!(choice.now(), Some(chosen.clone()));
        assert_eq!(chosen_channels(home.path()).unwrap().get("one"), Some(&chosen));
        for _ in 0..2 {
            choose_channel(home.path(), &partner, None, "it has moved").unwrap();
        }
        tokio::time::timeout(Duration::from_secs(1), choice.differs_from(Some(Side::Fallback)))
            .await
            .unwrap();
        assert_eq!(choice.now(), None);
    }
}
