//! Every call that changes a file can fail, those of SQLite among them: the program says so and ends,
//! and the same command again ends as if nothing had happened.

use std::fmt;

use super::disk::{library, on_disk, read};
use super::scenario::{COMMANDS, each, scenario, setting};
use super::site::Run;

/// Calls that fail in a short run, of every command.
const SAMPLE: usize = 16;

/// One call of one command that fails.
struct Fault {
    command: usize,
    /// From 1.
    call: usize,
    what: &'static str,
    /// For `DISK_FAIL`: ENOSPC lasts, as a full disk does; EIO comes once.
    how: &'static str,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {} from call {}", COMMANDS[self.command][..2].join(" "), self.what, self.call)
    }
}

#[test]
fn a_call_that_fails_stops_the_command() {
    let Some(library) = library() else { return };
    let scenario = scenario();
    let every = setting("CLAIMSTREAM_EVERY");
    let mut faults = Vec::new();
    for (command, arguments) in COMMANDS.iter().enumerate() {
        let data = format!("counted-{command}");
        scenario.start(&data, command);
        let trace = scenario.site.path(&format!("{data}.calls"));
        let output = on_disk(scenario, library, command, &data).env("DISK_TRACE", &trace).output().unwrap();
        assert!(matches!(Run::of(output).code, Some(0 | 4)));
        let calls = read(&trace, &scenario.site.path(&data)).len();
        assert!(calls > 30, "{} made only {calls} calls", arguments[..2].join(" "));
        for (number, (what, how)) in [("a full disk", "28:on"), ("an I/O error", "5:once")].into_iter().enumerate() {
            let step = every.map_or(calls / SAMPLE, |step| step as usize).max(1);
            // Other calls for the other fault.
            let chosen = (1 + number * step / 2..=calls).step_by(step);
            faults.extend(chosen.map(|call| Fault { command, call, what, how }));
        }
    }
    let ended_well = std::sync::atomic::AtomicUsize::new(0);
    each(&faults, |number, fault| {
        let data = format!("call-{number}");
        scenario.start(&data, fault.command);
        let mut run = on_disk(scenario, library, fault.command, &data);
        let run = Run::of(run.env("DISK_FAIL", format!("{}:{}", fault.call, fault.how)).output().unwrap());
        match run.code {
            Some(1) => {
                assert!(run.stderr.contains("error: "), "{}", run.stderr);
                run.says_none_of(&scenario.protected.iter().map(String::as_str).collect::<Vec<_>>());
            }
            // What failed was no more than tidying up: then everything is done.
            Some(0 | 4) => {
                ended_well.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if fault.command + 1 == COMMANDS.len() {
                    scenario.assert_whole(&data);
                }
            }
            code => panic!("ended with {code:?}: {}", run.stderr),
        }
        scenario.recover(&data, fault.command);
    });
    println!("{} calls failed, {} of them of no consequence", faults.len(), ended_well.into_inner());
}
