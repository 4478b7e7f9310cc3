//! Killed from outside, at random moments.

use std::fmt;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::scenario::{INGEST, each, scenario, setting};
use super::site::Run;

/// Kills in 50 moments unless `CLAIMSTREAM_KILLS` says otherwise.
const KILLS: u64 = 50;

/// Numbers that look random and are the same every time.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Below `limit`.
    pub fn roll(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit.max(1)
    }
}

/// A run that is killed once, or again while it recovers.
struct Kill {
    seed: u64,
    /// In thousandths of the time that a whole run takes.
    after: Vec<u64>,
}

impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}, killed after {:?} thousandths", self.seed, self.after)
    }
}

#[test]
fn killed_at_random_moments() {
    let scenario = scenario();
    scenario.start("timed", INGEST);
    let start = Instant::now();
    Run::of(scenario.command(INGEST, "timed").output().unwrap());
    // Others use the machine too: the estimate is corrected by runs that end too early or too late.
    let whole_us = AtomicU64::new(start.elapsed().as_micros() as u64);
    std::fs::remove_dir_all(scenario.site.path("timed")).unwrap();

    let kills: Vec<Kill> = (0..setting("CLAIMSTREAM_KILLS").unwrap_or(KILLS))
        .map(|seed| {
            let mut dice = Dice::new(seed + 1);
            let kills = 1 + dice.roll(3) / 2;
            let after = (0..kills).map(|_| dice.roll(1_200)).collect();
            Kill { seed, after }
        })
        .collect();
    let interrupted = AtomicUsize::new(0);
    each(&kills, |number, kill| {
        let data = format!("random-{number}");
        scenario.start(&data, INGEST);
        for after in &kill.after {
            let mut child = scenario.command(INGEST, &data).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let whole = whole_us.load(Ordering::Relaxed);
            std::thread::sleep(Duration::from_micros(whole * after / 1_000));
            child.kill().unwrap();
            let was_running = child.wait().unwrap().code().is_none();
            interrupted.fetch_add(usize::from(was_running), Ordering::Relaxed);
            match (was_running, *after > 1_000) {
                (true, true) => whole_us.store(whole * 5 / 4, Ordering::Relaxed),
                (false, false) => whole_us.store(whole * 9 / 10, Ordering::Relaxed),
                (true, false) | (false, true) => {}
            }
        }
        scenario.recover(&data, INGEST);
    });
    let interrupted = interrupted.into_inner();
    let whole = Duration::from_micros(whole_us.into_inner());
    println!("{} runs, {interrupted} kills of a running process within {whole:?}", kills.len());
    assert!(interrupted * 2 >= kills.len(), "only {interrupted} of {} were still running", kills.len());
}
