//! `completions SHELL`.

use std::io;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Arguments;
use super::output::{Exit, Failure};

/// Shell completions on stdout.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  claimstream completions bash > /etc/bash_completion.d/claimstream")]
pub struct Completions {
    shell: Shell,
}

impl Completions {
    pub fn run(self) -> Result<Exit, Failure> {
        clap_complete::generate(self.shell, &mut Arguments::command(), "claimstream", &mut io::stdout());
        Ok(Exit::Done)
    }
}
