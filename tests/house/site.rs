//! The binary, run in a directory of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use claimstream::sealing::Keys;
use serde_json::Value;

/// A working directory with a key file in it; data directories are made below it by name.
pub struct Site {
    directory: std::sync::Arc<tempfile::TempDir>,
    variables: Vec<(String, String)>,
}

/// What one run left behind.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Site {
    pub fn new() -> Site {
        let directory = tempfile::tempdir().unwrap();
        let key_file = directory.path().join("master.key");
        fs::write(&key_file, Keys::generate().unwrap().as_bytes()).unwrap();
        let variables = vec![("CLAIMSTREAM__PHI__KEY_FILE".to_string(), key_file.display().to_string())];
        Site {
            directory: std::sync::Arc::new(directory),
            variables,
        }
    }

    /// The same place, without the variables that begin like this.
    #[allow(dead_code, reason = "for tests/kafka, whose sites are these")]
    pub fn without(&self, beginning: &str) -> Site {
        let others = self.variables.iter().filter(|(name, _)| !name.starts_with(beginning));
        Site {
            directory: self.directory.clone(),
            variables: others.cloned().collect(),
        }
    }

    /// The same with an environment variable set for every run.
    pub fn with(mut self, name: &str, value: &str) -> Site {
        self.variables.push((name.to_string(), value.to_string()));
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file and gives its path as an argument.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }

    /// The command, run where relative paths are those of the site; no variable of the caller reaches it.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_claimstream"));
        command.args(arguments).current_dir(self.directory.path()).env_clear();
        command.envs(self.variables.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
        command
    }

    /// Runs `claimstream --json …`.
    pub fn json(&self, arguments: &[&str]) -> Run {
        self.run(&[&["--json"], arguments].concat())
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments).output().unwrap())
    }

    /// The files below a directory, with their bytes, by relative path.
    pub fn tree(&self, directory: &str) -> BTreeMap<String, Vec<u8>> {
        let root = self.path(directory);
        files_below(&root)
            .into_iter()
            .map(|path| (path.strip_prefix(&root).unwrap().display().to_string(), fs::read(&path).unwrap()))
            .collect()
    }

    /// The events of a data directory's topic.
    pub fn events(&self, data: &str, topic: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path(&format!("{data}/events/claims.{topic}.ndjson"))).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The claim ids of a data directory with this outcome, in file order.
    pub fn claims_that_are(&self, data: &str, outcome: &str) -> Vec<String> {
        let events = self.events(data, "decisions");
        let of_outcome = events.iter().filter(|event| event["value"]["outcome"] == outcome);
        of_outcome.map(|event| event["key"].as_str().unwrap().to_string()).collect()
    }
}

pub const TOPICS: [&str; 5] = ["files", "acks", "decisions", "findings", "remits"];

pub fn files_below(root: &Path) -> Vec<PathBuf> {
    let (mut files, mut open) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// A file of the repository.
pub fn repository(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name).display().to_string()
}

impl Run {
    /// Fails when the program panicked, even where the panic stopped one claim only.
    pub fn of(output: Output) -> Run {
        let run = Run {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        assert!(!run.stderr.contains("panicked at") && !matches!(run.code, None | Some(101 | 134)), "{run:?}");
        run
    }

    /// Fails unless the run ended with this code.
    pub fn expect(self, code: i32) -> Run {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// Every line of stdout as JSON.
    pub fn lines(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.stdout.lines().map(parse).collect()
    }

    /// The last line, which must be the result.
    pub fn result(&self) -> Value {
        let last = self.lines().pop().unwrap_or_else(|| panic!("nothing on stdout; stderr: {}", self.stderr));
        assert_eq!(last["type"], "result", "{last}");
        last
    }

    /// The lines of one type.
    pub fn of_type(&self, kind: &str) -> Vec<Value> {
        self.lines().into_iter().filter(|line| line["type"] == kind).collect()
    }

    /// Fails when anything that was printed has one of these values.
    pub fn says_none_of(&self, values: &[&str]) {
        for value in values {
            assert!(!self.stdout.contains(value), "{value} on stdout: {}", self.stdout);
            assert!(!self.stderr.contains(value), "{value} on stderr: {}", self.stderr);
        }
    }
}
