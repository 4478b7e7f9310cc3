//! Killed from outside, at random moments.

use std::fmt;
use std::process::{Command, Stdio};
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
pub struct Kill {
    seed: u64,
    /// In thousandths of the time that a whole run takes.
    pub after: Vec<u64>,
}

/// So many of them.
pub fn random_kills(count: u64) -> Vec<Kill> {
    let kill = |seed| {
        let mut dice = Dice::new(seed + 1);
        let kills = 1 + dice.roll(3) / 2;
        let after = (0..kills).map(|_| dice.roll(1_200)).collect();
        Kill { seed, after }
    };
    (0..count).map(kill).collect()
}

/// Kills at thousandths of a run. Others use the machine too: the estimate of how long that takes is
/// corrected by runs that end too early or too late.
pub struct Killer {
    whole_us: AtomicU64,
    interrupted: AtomicUsize,
}

impl Killer {
    pub fn new(whole: Duration) -> Killer {
        Killer {
            whole_us: AtomicU64::new(whole.as_micros() as u64),
            interrupted: AtomicUsize::new(0),
        }
    }

    pub fn kill(&self, command: &mut Command, after: u64) {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let whole = self.whole_us.load(Ordering::Relaxed);
        std::thread::sleep(Duration::from_micros(whole * after / 1_000));
        child.kill().unwrap();
        let was_running = child.wait().unwrap().code().is_none();
        self.interrupted.fetch_add(usize::from(was_running), Ordering::Relaxed);
        match (was_running, after > 1_000) {
            (true, true) => self.whole_us.store(whole * 5 / 4, Ordering::Relaxed),
            (false, false) => self.whole_us.store(whole * 9 / 10, Ordering::Relaxed),
            (true, false) | (false, true) => {}
        }
    }

    /// Fails when it came too late too often.
    pub fn end(self, runs: usize) {
        let (interrupted, whole) = (self.interrupted.into_inner(), Duration::from_micros(self.whole_us.into_inner()));
        println!("{runs} runs, {interrupted} kills of a running process within {whole:?}");
        assert!(interrupted * 2 >= runs, "only {interrupted} of {runs} were still running");
    }
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
    let killer = Killer::new(start.elapsed());
    std::fs::remove_dir_all(scenario.site.path("timed")).unwrap();

    let kills = random_kills(setting("CLAIMSTREAM_KILLS").unwrap_or(KILLS));
    each(&kills, |number, kill| {
        let data = format!("random-{number}");
        scenario.start(&data, INGEST);
        for after in &kill.after {
            killer.kill(&mut scenario.command(INGEST, &data), *after);
        }
        scenario.recover(&data, INGEST);
    });
    killer.end(kills.len());
}
