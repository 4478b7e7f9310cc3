//! Power losses: what a disk may hold at any moment, if only what was synced is sure.
//!
//! One uninterrupted run is recorded call by call (`disk.c`). From any beginning of the record follow
//! the directories that a power loss at that moment may leave:
//!
//! - of a file, what it was at its last sync; of a directory, the names it had at its last sync. A file's
//!   own sync does not keep its name. Nothing else is sure.
//! - Of what came later, according to [`Kept`]: nothing; all names, but no bytes; or by chance some
//!   4 KiB blocks of the writes (so a write may be torn) and some first of each directory's changes.
//!
//! This is stricter than ext4 and XFS are (they keep a name with its file), and weaker than no promise:
//! a disk that drops what it reported as synced, or damages blocks that were at rest, is not
//! assumed. Writes through a memory map are not seen; SQLite maps only its `-shm` file, which is left
//! out and which it makes anew. Power is lost in an undisturbed run, not in one that recovers.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::disk::{Call, library, on_disk, read};
use super::kills::Dice;
use super::scenario::{COMMANDS, Scenario, each, scenario, setting};
use super::site::Run;

/// Moments in a short run.
const SAMPLE: usize = 24;

const BLOCK_BYTES: usize = 4096;

/// What of the unsynced changes survives.
#[derive(Debug, Clone, Copy)]
enum Kept {
    Nothing,
    Names,
    ByChance(u64),
}

#[derive(Debug, Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Cut(usize),
}

#[derive(Debug, Clone, Default)]
struct Node {
    synced: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Entry {
    File(usize),
    Directory,
}

#[derive(Debug, Clone)]
enum Naming {
    Put(String, Entry),
    Take(String),
    Rename(String, String),
}

#[derive(Debug, Clone, Default)]
struct Directory {
    synced: BTreeMap<String, Entry>,
    unsynced: Vec<Naming>,
}

/// A disk as the record has it so far.
#[derive(Debug, Clone)]
struct Disk {
    nodes: Vec<Node>,
    /// Inode numbers are used again, so each creation has a node of its own.
    by_inode: HashMap<u64, usize>,
    directories: BTreeMap<PathBuf, Directory>,
}

impl Disk {
    /// Nothing but the data directory itself, whose name its parent has.
    fn empty() -> Disk {
        Disk {
            nodes: Vec::new(),
            by_inode: HashMap::new(),
            directories: BTreeMap::from([(PathBuf::new(), Directory::default())]),
        }
    }

    fn apply(&mut self, call: &Call) {
        match call {
            Call::Create { inode, path } => {
                let node = self.nodes.len();
                self.nodes.push(Node::default());
                self.by_inode.insert(*inode, node);
                self.name(path, |name| Naming::Put(name, Entry::File(node)));
            }
            Call::MakeDirectory { path } => {
                self.name(path, |name| Naming::Put(name, Entry::Directory));
                self.directories.insert(path.clone(), Directory::default());
            }
            Call::Rename { from, to } => {
                assert_eq!(from.parent(), to.parent(), "a rename across directories");
                if let Some(moved) = self.directories.remove(from) {
                    self.directories.insert(to.clone(), moved);
                }
                let to = file_name(to);
                self.name(from, |from| Naming::Rename(from, to));
            }
            Call::Remove { path } => self.name(path, Naming::Take),
            Call::Write { inode, at, bytes } => self.change(*inode, Change::Write(*at, bytes.clone())),
            Call::Cut { inode, length } => self.change(*inode, Change::Cut(*length)),
            Call::Sync { inode } => self.node(*inode).sync(),
            Call::SyncDirectory { path } => self.directories.get_mut(path).unwrap().sync(),
            Call::SyncAll => {
                self.nodes.iter_mut().for_each(Node::sync);
                self.directories.values_mut().for_each(Directory::sync);
            }
        }
    }

    fn name(&mut self, path: &Path, naming: impl FnOnce(String) -> Naming) {
        let naming = naming(file_name(path));
        self.directories.get_mut(path.parent().unwrap()).unwrap().unsynced.push(naming);
    }

    fn node(&mut self, inode: u64) -> &mut Node {
        &mut self.nodes[self.by_inode[&inode]]
    }

    fn change(&mut self, inode: u64, change: Change) {
        self.node(inode).unsynced.push(change);
    }

    /// Writes what is left of it.
    fn leave(&self, to: &Path, kept: Kept) {
        let mut dice = match kept {
            Kept::ByChance(seed) => Some(Dice::new(seed)),
            Kept::Nothing | Kept::Names => None,
        };
        let mut open = vec![PathBuf::new()];
        while let Some(place) = open.pop() {
            fs::create_dir_all(to.join(&place)).unwrap();
            // One whose own making was undone by a rename of its parent has nothing.
            let directory = self.directories.get(&place).cloned().unwrap_or_default();
            let mut names = directory.synced;
            let survive = match kept {
                Kept::Nothing => 0,
                Kept::Names => directory.unsynced.len(),
                Kept::ByChance(_) => dice.as_mut().unwrap().roll(directory.unsynced.len() as u64 + 1) as usize,
            };
            directory.unsynced.iter().take(survive).cloned().for_each(|naming| naming.make(&mut names));
            for (name, entry) in names.into_iter().filter(|(name, _)| !name.ends_with("-shm")) {
                match entry {
                    Entry::Directory => open.push(place.join(name)),
                    Entry::File(node) => {
                        let node = &self.nodes[node];
                        let mut bytes = node.synced.clone();
                        if let Some(dice) = &mut dice {
                            node.unsynced.iter().for_each(|change| change.clone().make(&mut bytes, Some(dice)));
                        }
                        fs::write(to.join(&place).join(name), bytes).unwrap();
                    }
                }
            }
        }
    }
}

impl Node {
    fn sync(&mut self) {
        for change in std::mem::take(&mut self.unsynced) {
            change.make(&mut self.synced, None);
        }
    }
}

impl Directory {
    fn sync(&mut self) {
        for naming in std::mem::take(&mut self.unsynced) {
            naming.make(&mut self.synced);
        }
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_string()
}

impl Change {
    /// With dice, some blocks of it.
    fn make(self, bytes: &mut Vec<u8>, mut dice: Option<&mut Dice>) {
        match self {
            Change::Cut(length) => {
                if dice.is_none_or(|dice| dice.roll(2) == 0) {
                    bytes.resize(length, 0);
                }
            }
            Change::Write(at, new) => {
                let mut done = 0;
                while done < new.len() {
                    let end = new.len().min(done + BLOCK_BYTES - (at + done) % BLOCK_BYTES);
                    if dice.as_mut().is_none_or(|dice| dice.roll(2) == 0) {
                        if bytes.len() < at + end {
                            bytes.resize(at + end, 0);
                        }
                        bytes[at + done..at + end].copy_from_slice(&new[done..end]);
                    }
                    done = end;
                }
            }
        }
    }
}

impl Naming {
    fn make(self, names: &mut BTreeMap<String, Entry>) {
        match self {
            Naming::Put(name, entry) => {
                names.insert(name, entry);
            }
            Naming::Take(name) => {
                names.remove(&name);
            }
            Naming::Rename(from, to) => {
                if let Some(entry) = names.remove(&from) {
                    names.insert(to, entry);
                }
            }
        }
    }
}

/// A power loss after so many calls, in this command.
struct Loss {
    calls: usize,
    command: usize,
    kept: Kept,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} without power after call {}, kept: {:?}",
            COMMANDS[self.command][..2].join(" "),
            self.calls,
            self.kept
        )
    }
}

/// The record of all commands, and how much of it each had made at its end.
fn record(scenario: &Scenario, library: &Path) -> (Vec<Call>, Vec<usize>) {
    let (trace, mut ends) = (scenario.site.path("powered.calls"), Vec::new());
    let root = scenario.site.path("powered");
    for command in 0..COMMANDS.len() {
        let run = on_disk(scenario, library, command, "powered").env("DISK_TRACE", &trace).output().unwrap();
        assert!(matches!(Run::of(run).code, Some(0 | 4)));
        ends.push(read(&trace, &root).len());
    }
    scenario.assert_whole("powered");
    (read(&trace, &root), ends)
}

#[test]
fn power_is_lost_at_any_moment() {
    let Some(library) = library() else { return };
    let scenario = scenario();
    let (calls, ends) = record(scenario, library);
    let every = setting("CLAIMSTREAM_EVERY");
    let step = every.map_or(calls.len() / SAMPLE, |step| step as usize).max(1);
    let mut losses = Vec::new();
    for (number, calls) in (0..=calls.len()).step_by(step).chain(ends.iter().copied()).enumerate() {
        let command = ends.iter().position(|end| calls < *end).unwrap_or(COMMANDS.len() - 1);
        // Each moment with one of the three in a short run, with all in the long one.
        let kinds = [Kept::Nothing, Kept::Names, Kept::ByChance(number as u64 + 1)];
        let chosen = kinds
            .into_iter()
            .enumerate()
            .filter(|(kind, _)| every.is_some() || kind == &(number % 3) || ends.contains(&calls));
        losses.extend(chosen.map(|(_, kept)| Loss { calls, command, kept }));
    }
    each(&losses, |number, loss| {
        let data = format!("power-{number}");
        let mut disk = Disk::empty();
        calls[..loss.calls].iter().for_each(|call| disk.apply(call));
        disk.leave(&scenario.site.path(&data), loss.kept);
        // What a command has reported as done needs no second start.
        if loss.calls == calls.len() {
            scenario.assert_whole(&data);
        }
        scenario.recover(&data, loss.command);
    });
    println!("{} power losses within {} calls", losses.len(), calls.len());
}
