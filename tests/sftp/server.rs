//! A server, and what lies in its folders.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use claimstream::config::Sftp;
use claimstream::intake::channel::{Listing, RemoteName};
use claimstream::intake::sftp::SftpChannel;

/// A running server.
#[derive(Debug, Clone)]
pub struct Server {
    directory: PathBuf,
    /// The line of `tests/services/sftp start`.
    line: BTreeMap<String, String>,
}

/// The server that tests share, each with folders of its own; `None` where it can't be had.
pub fn shared() -> Option<Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(|| Server::start("shared", &[])).clone()
}

/// A server that a test may end; `None` where it can't be had.
pub fn own(name: &str) -> Option<Server> {
    Server::start(name, &[])
}

/// A server without extensions of the protocol.
pub fn bare(name: &str) -> Option<Server> {
    Server::start(name, &["--bare"])
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/services/sftp")
}

fn service(command: &str, directory: &Path, options: &[&str]) -> Output {
    let mut service = Command::new(script());
    service.arg(command).arg(directory).args(options).stdin(Stdio::null());
    service.output().unwrap()
}

impl Server {
    fn start(name: &str, options: &[&str]) -> Option<Server> {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("sftp-{name}-{}", std::process::id()));
        let started = service("start", &directory, options);
        if started.status.code() == Some(3) {
            println!("left out: no SFTP server to be had here: {}", String::from_utf8_lossy(&started.stderr));
            return None;
        }
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        stop_after_us(&directory);
        Some(Server {
            directory,
            line: parsed(&started.stdout),
        })
    }

    /// `restart`, `rekey`, `pause`, `resume` or `kill`.
    pub fn service(&mut self, command: &str) {
        let done = service(command, &self.directory, &[]);
        assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
        self.line.extend(parsed(&done.stdout));
    }

    /// How to end it while it is used.
    pub fn killer(&self) -> impl Fn() + Send + 'static {
        let directory = self.directory.clone();
        move || assert!(service("kill", &directory, &[]).status.success())
    }

    pub fn value(&self, key: &str) -> String {
        self.line[key].clone()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("sshd.log")).unwrap()
    }

    /// Folders of a test's own.
    pub fn site(&self, name: &str) -> Site {
        let folder = Path::new(&self.line["root"]).join(name);
        for part in ["in", "out"] {
            std::fs::create_dir_all(folder.join(part)).unwrap();
        }
        let text = |path: PathBuf| path.to_str().unwrap().to_string();
        let config = Sftp {
            host: self.value("host"),
            port: self.value("port").parse().unwrap(),
            user: self.value("user"),
            key_file: self.value("key").into(),
            host_keys: vec![self.value("host_key")],
            inbound: text(folder.join("in")),
            outbound: text(folder.join("out")),
        };
        Site { folder, config }
    }
}

fn parsed(line: &[u8]) -> BTreeMap<String, String> {
    let line = String::from_utf8(line.to_vec()).unwrap();
    let pairs = line.split_whitespace().filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

/// The server ends when this process has, however it does.
fn stop_after_us(directory: &Path) {
    let watch = "while kill -0 \"$0\" 2>/dev/null; do sleep 0.2; done; exec \"$1\" stop \"$2\"";
    let mut command = Command::new("setsid");
    command.args(["--fork", "bash", "-c", watch, &std::process::id().to_string()]).arg(script());
    command.arg(directory).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(command.status().unwrap().success());
}

/// An inbound and an outbound folder, seen from the server's side.
#[derive(Debug)]
pub struct Site {
    pub folder: PathBuf,
    pub config: Sftp,
}

impl Site {
    pub fn channel(&self) -> SftpChannel {
        SftpChannel::new(self.config.clone())
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.folder.join(below)
    }

    pub fn write(&self, below: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(below), content).unwrap();
    }

    pub fn read(&self, below: &str) -> Vec<u8> {
        std::fs::read(self.path(below)).unwrap()
    }

    /// What is in a folder, hidden files too, sorted.
    pub fn names(&self, below: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(below)).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

pub fn name(text: &str) -> RemoteName {
    RemoteName::parse(text).unwrap()
}

/// Names and sizes.
pub fn seen(listing: &Listing) -> Vec<(&str, u64)> {
    listing.files.iter().map(|file| (file.name.as_str(), file.bytes)).collect()
}

/// Bytes that no two windows of a file have in common.
pub fn pattern(bytes: usize) -> Vec<u8> {
    (0_u64..)
        .flat_map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes())
        .take(bytes)
        .collect()
}
