//! Killed from outside, at random moments.

use std::fmt;
use std::process::Stdio;
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
    after: Vec<Duration>,
}

impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}, killed after {:?}", self.seed, self.after)
    }
}

#[test]
fn killed_at_random_moments() {
    let scenario = scenario();
    scenario.start("timed", INGEST);
    let start = Instant::now();
    Run::of(scenario.command(INGEST, "timed").output().unwrap());
    let whole = start.elapsed();
    std::fs::remove_dir_all(scenario.site.path("timed")).unwrap();

    let kills: Vec<Kill> = (0..setting("CLAIMSTREAM_KILLS").unwrap_or(KILLS))
        .map(|seed| {
            let mut dice = Dice::new(seed + 1);
            let kills = 1 + dice.roll(3) / 2;
            let moment = |dice: &mut Dice| whole.mul_f64(dice.roll(1_200) as f64 / 1_000.0);
            let after = (0..kills).map(|_| moment(&mut dice)).collect();
            Kill { seed, after }
        })
        .collect();
    let interrupted = std::sync::atomic::AtomicUsize::new(0);
    each(&kills, |number, kill| {
        let data = format!("random-{number}");
        scenario.start(&data, INGEST);
        for after in &kill.after {
            let mut child = scenario.command(INGEST, &data).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(*after);
            child.kill().unwrap();
            if child.wait().unwrap().code().is_none() {
                interrupted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        }
        scenario.recover(&data, INGEST);
    });
    let interrupted = interrupted.into_inner();
    println!("{} runs, {interrupted} kills of a running process within {whole:?}", kills.len());
    assert!(interrupted * 2 >= kills.len(), "only {interrupted} of {} were still running", kills.len());
}
