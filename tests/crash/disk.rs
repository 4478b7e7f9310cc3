//! The disk under the binary: `disk.c`, compiled once and preloaded, and the record it keeps.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::scenario::Scenario;

/// The compiled disk; `None` where it can't be had (then its tests are left out, and say so).
pub fn library() -> Option<&'static Path> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    let compile = || {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crash/disk.c");
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("disk-{}.so", std::process::id()));
        let compiled = Command::new("cc")
            .args(["-O1", "-shared", "-fPIC", "-o"])
            .arg(&library)
            .arg(source)
            .args(["-ldl", "-lpthread"])
            .status();
        match compiled {
            Ok(status) if status.success() && cfg!(all(target_os = "linux", target_env = "gnu")) => Some(library),
            _ => {
                println!("left out: faults of single calls and power losses need cc and Linux with glibc");
                None
            }
        }
    };
    LIBRARY.get_or_init(compile).as_deref()
}

/// A command of the scenario on the recorded disk.
pub fn on_disk(scenario: &Scenario, library: &Path, command: usize, data: &str) -> Command {
    let root = scenario.site.path(data);
    fs::create_dir_all(&root).unwrap();
    let mut run = scenario.command(command, data);
    run.env("LD_PRELOAD", library).env("DISK_ROOT", fs::canonicalize(root).unwrap());
    run
}

/// One call that changed something.
#[derive(Debug)]
pub enum Call {
    Create { inode: u64, path: PathBuf },
    MakeDirectory { path: PathBuf },
    Rename { from: PathBuf, to: PathBuf },
    Remove { path: PathBuf },
    Write { inode: u64, at: usize, bytes: Vec<u8> },
    Cut { inode: u64, length: usize },
    Sync { inode: u64 },
    SyncDirectory { path: PathBuf },
    SyncAll,
}

/// Reads a record; paths are relative to `root`.
pub fn read(trace: &Path, root: &Path) -> Vec<Call> {
    let root = fs::canonicalize(root).unwrap();
    let bytes = fs::read(trace).unwrap();
    let (mut calls, mut rest) = (Vec::new(), bytes.as_slice());
    while let Some((kind, after)) = rest.split_first() {
        let (numbers, after) = after.split_at(24);
        let [inode, at, length] = *numbers.as_chunks::<8>().0 else { unreachable!() };
        let [inode, at, length] = [inode, at, length].map(u64::from_ne_bytes);
        let (bytes, after) = after.split_at(length as usize);
        let path = |bytes: &[u8]| Path::new(std::str::from_utf8(bytes).unwrap()).strip_prefix(&root).unwrap().to_path_buf();
        calls.push(match kind {
            b'C' => Call::Create { inode, path: path(bytes) },
            b'M' => Call::MakeDirectory { path: path(bytes) },
            b'R' => {
                let (from, to) = bytes.split_at(bytes.iter().position(|byte| *byte == 0).unwrap());
                Call::Rename {
                    from: path(from),
                    to: path(&to[1..]),
                }
            }
            b'U' => Call::Remove { path: path(bytes) },
            b'W' => Call::Write {
                inode,
                at: at as usize,
                bytes: bytes.to_vec(),
            },
            b'T' => Call::Cut { inode, length: at as usize },
            b'S' => Call::Sync { inode },
            b'D' => Call::SyncDirectory { path: path(bytes) },
            b'A' => Call::SyncAll,
            other => panic!("{other} is no kind of call"),
        });
        rest = after;
    }
    calls
}
