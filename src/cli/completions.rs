//! `completions SHELL`.

use std::io::{self, Write};

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use serde_json::json;

use super::Arguments;
use super::output::{Exit, Failure, Output};

/// Shell completions on stdout.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  claimstream completions bash > /etc/bash_completion.d/claimstream")]
pub struct Completions {
    shell: Shell,
}

impl Completions {
    pub fn run(self, output: &Output) -> Result<Exit, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "claimstream", &mut script);
        if output.is_json() {
            let script = String::from_utf8_lossy(&script);
            output.object(&json!({"type": "result", "shell": self.shell.to_string(), "script": script}))?;
        } else {
            io::stdout().lock().write_all(&script)?;
        }
        Ok(Exit::Done)
    }
}
