//! One run of a stage over a workload, for counting its instructions: `benches/instructions` (a script) runs it under callgrind,
//! whose counts are the same on a busy machine and an idle one.

#![allow(clippy::unwrap_used)] // a bench whose workload can't be read must stop

use chrono::NaiveDate;
use claimstream::edits::EditContext;
use claimstream::tables::guides::guide;

#[path = "workloads.rs"]
#[allow(dead_code)]
mod workloads;
use workloads::Workload;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let (Some(stage), Some(name)) = (arguments.next(), arguments.next()) else {
        return; // `cargo bench` without a stage: nothing to count
    };
    let file = workloads::all(500_000).into_iter().find(|file| file.name == name).unwrap();
    guide(file.form).unwrap(); // loaded once a process: not what is counted
    counted(&stage, &file);
    println!("{} {} {}", file.text.len(), file.segments, file.claims);
}

/// What callgrind counts.
#[inline(never)]
fn counted(stage: &str, file: &Workload) {
    match stage {
        "tokenize" => assert_eq!(workloads::tokenize(file.text.as_bytes()).0, file.segments),
        "parse" => assert_eq!(workloads::parse(file, |_| {}), file.segments),
        _ => {
            let context = EditContext::unenforced(NaiveDate::from_ymd_opt(2026, 1, 16).unwrap());
            assert_eq!(workloads::validate(file, &context), (file.claims, 0));
        }
    }
}
