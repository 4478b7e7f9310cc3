//! How quick the service is, what it takes when there is nothing to do, and whether it stays as it is.
//!
//! Times are said, not asserted: a busy machine proves nothing. Processor time, memory and open files are.
//!
//! CLAIMSTREAM_PACE_FILES=10000   small files at once (200)
//! CLAIMSTREAM_SOAK_FILES=2000    files of the soak (60)

use std::fs;
use std::time::{Duration, Instant};

use super::town::{PATIENCE, Service, Town, until};

fn setting(name: &str, default: u32) -> u32 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Processor time so far, in all its threads.
fn processor_time(service: &Service) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{}/stat", service.id())).unwrap();
    let (_, after) = stat.rsplit_once(')').unwrap();
    let ticks: u64 = after.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    // USER_HZ is 100 on every Linux.
    Duration::from_millis(ticks * 10)
}

/// Resident memory, in KiB.
fn memory(service: &Service) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", service.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn open_files(service: &Service) -> usize {
    fs::read_dir(format!("/proc/{}/fd", service.id())).unwrap().count()
}

fn events(town: &Town) -> usize {
    let log = fs::read(town.site.path("data/events/claims.decisions.ndjson")).unwrap_or_default();
    log.iter().filter(|byte| **byte == b'\n').count()
}

/// From a file's last byte to the event of its decision, one small file after the other.
#[test]
fn a_small_file_is_decided_while_one_waits() {
    let town = Town::new();
    let service = town.start();
    until("the start", &service, || service.said().contains("the service runs"));
    let mut waited = Vec::new();
    for number in 0..40 {
        let bytes = town.claims("837p", 1, 500 + number);
        let start = Instant::now();
        town.send("officeally", &format!("{number}.837"), &bytes);
        while events(&town) <= number as usize {
            assert!(start.elapsed() < PATIENCE, "{}", service.said());
            std::thread::sleep(Duration::from_millis(2));
        }
        waited.push(start.elapsed());
    }
    assert_eq!(service.end(), Some(0));
    waited.sort();
    println!(
        "file to event, looked for every 100 ms: median {:?}, 9 of 10 within {:?}, all within {:?}",
        waited[waited.len() / 2],
        waited[waited.len() * 9 / 10],
        waited[waited.len() - 1]
    );
}

/// Many small files at once, each answered once.
#[test]
fn many_small_files_are_taken_in_together() {
    let count = setting("CLAIMSTREAM_PACE_FILES", 200);
    let town = Town::new();
    let files: Vec<Vec<u8>> = (0..count).map(|number| town.claims("837p", 5, 1_000 + number)).collect();
    for (number, bytes) in files.iter().enumerate() {
        town.send("officeally", &format!("{number}.837"), bytes);
    }
    let claims = 5 * count as usize;
    let service = town.start();
    let start = Instant::now();
    while events(&town) < claims {
        assert!(start.elapsed() < PATIENCE + Duration::from_millis(50 * u64::from(count)), "{}", service.said());
        std::thread::sleep(Duration::from_millis(5));
    }
    let took = start.elapsed();
    let processor = processor_time(&service);
    until("the folder to be empty", &service, || town.names("officeally", "in").is_empty());
    until("the answers", &service, || town.names("officeally", "out").len() == 2 * count as usize);
    assert_eq!(service.end(), Some(0));
    assert_eq!(town.decided(), (claims, claims));
    println!("{count} files of 5 claims: {took:?}, {processor:?} of processor time");
    // Alone each would have its own transactions and half a dozen syncs; together they have a few for all.
    let told = town.site.events("data", "files").len();
    assert_eq!(told, 2 * count as usize, "received and completed");
}

/// Nothing arrives: the folders are looked into, and that is all.
#[test]
fn it_takes_next_to_nothing_when_there_is_nothing_to_do() {
    let town = Town::new();
    town.configure(&town.configuration().replace("poll = \"100ms\"", "poll = \"1s\""));
    let service = town.start();
    until("the start", &service, || service.said().contains("the service runs"));
    std::thread::sleep(Duration::from_secs(2));
    let (before, start) = (processor_time(&service), Instant::now());
    std::thread::sleep(Duration::from_secs(5));
    let (took, elapsed) = (processor_time(&service) - before, start.elapsed());
    assert_eq!(service.end(), Some(0));
    println!("idle: {took:?} of processor time in {elapsed:?}");
    assert!(took * 50 < elapsed, "more than two hundredths of a processor");
}

/// Hours of files in a minute: as much memory and as many open files at the end as after a quarter of
/// them.
#[test]
fn it_stays_as_it_is() {
    let count = setting("CLAIMSTREAM_SOAK_FILES", 60);
    let town = Town::new();
    let service = town.start();
    until("the start", &service, || service.said().contains("the service runs"));
    let (mut claims, mut quarter) = (0, None);
    for number in 0..count {
        let (partner, form) = if number % 3 == 0 { ("change", "837i") } else { ("officeally", "837p") };
        let size = [1, 5, 20, 60][number as usize % 4];
        let name = format!("{number}.837");
        let bytes = town.claims(form, size, 5_000 + number);
        town.send(partner, &name, &bytes);
        claims += size as usize;
        // Now and then the same again, and what is no claim file.
        if number % 10 == 9 {
            town.send(partner, &format!("again-{name}"), &bytes);
            town.send("officeally", &format!("{number}.txt"), format!("note {number} ").repeat(20).as_bytes());
        }
        until("the decisions", &service, || events(&town) >= claims);
        if number == count / 4 {
            quarter = Some((memory(&service), open_files(&service)));
        }
    }
    until("empty folders", &service, || {
        town.names("officeally", "in").is_empty() && town.names("change", "in").is_empty()
    });
    let (memory_then, files_then) = quarter.unwrap();
    let (memory_now, files_now) = (memory(&service), open_files(&service));
    let metrics = service.get("/metrics");
    assert_eq!(service.end(), Some(0));
    println!("{claims} claims in {count} files: {memory_then} KiB after a quarter, {memory_now} KiB at the end; {files_then} and {files_now} open files");
    assert_eq!(town.decided(), (claims, claims), "every claim once");
    assert!(memory_now < memory_then + 16 * 1024, "it grows");
    assert!(files_now <= files_then + 8, "it keeps files open");
    for zero in ["claims_conservation_imbalance ", "claims_remit_unbalanced_total "] {
        let line = metrics.lines().find(|line| line.starts_with(zero)).unwrap_or_else(|| panic!("no {zero}"));
        assert_eq!(line.rsplit(' ').next(), Some("0"), "{line}");
    }
}

/// A large file is in work, and small ones of both partners come: they don't wait for its end, and nothing
/// of either is mixed up.
#[test]
fn a_large_file_does_not_hold_up_small_ones() {
    let town = Town::new();
    let service = town.start();
    until("the start", &service, || service.said().contains("the service runs"));
    let large = town.claims("837p", 12_000, 71);
    let smalls: Vec<(&str, Vec<u8>)> = (0..12)
        .map(|number| match number % 2 {
            0 => ("change", town.claims("837i", 3, 80 + number)),
            _ => ("officeally", town.claims("837p", 3, 80 + number)),
        })
        .collect();
    // A 999 for each group, a 277CA for each set.
    let count = |bytes: &[u8]| String::from_utf8_lossy(bytes).matches("~GS*").count() + String::from_utf8_lossy(bytes).matches("~ST*").count();
    let answers = count(&large) + 12;
    // Its own folder is looked into again when it is decided; so the small files are the other partner's.
    town.send("officeally", "large.837", &large);
    until("its first decisions", &service, || events(&town) > 500);
    for (number, (_, bytes)) in smalls.iter().enumerate().filter(|(_, (partner, _))| *partner == "change") {
        town.send("change", &format!("{number}.837"), bytes);
    }
    let of_partners = || -> (usize, usize) {
        let decisions = town.decisions();
        let small = decisions.iter().filter(|event| event["value"]["source"]["partner"] == "change").count();
        (small, decisions.len())
    };
    until("the small files' decisions", &service, || of_partners().0 == 18);
    let (small, all) = of_partners();
    println!("18 small claims were decided after {} of 12,000", all - small);
    assert!(small == 18 && all < 12_000, "{small} of {all}");
    for (number, (_, bytes)) in smalls.iter().enumerate().filter(|(_, (partner, _))| *partner == "officeally") {
        town.send("officeally", &format!("{number}.837"), bytes);
    }
    let claims = 12_000 + 36;
    until("all decisions", &service, || events(&town) == claims);
    until("all answers", &service, || {
        town.names("officeally", "in").is_empty() && town.names("officeally", "out").len() == answers && town.names("change", "out").len() == 12
    });
    assert_eq!(town.decided(), (claims, claims));
    // Every 277CA has the claims of its set and no other: its totals are checked when it is written, its
    // claims here.
    for (partner, sent) in [("officeally", 12_000 + 18), ("change", 18)] {
        let statuses: usize = town
            .names(partner, "out")
            .iter()
            .filter(|name| name.ends_with(".277ca"))
            .map(|name| fs::read_to_string(town.folder(partner, "out").join(name)).unwrap().matches("*PT~").count())
            .sum();
        assert_eq!(statuses, sent, "claims answered, and sent");
    }
    let data = town.site.path("data").display().to_string();
    let replay = town.site.json(&["--data-dir", &data, "replay", "--all", "--dry-run"]).expect(0).result();
    assert_eq!((&replay["changed"], &replay["errors"]), (&0.into(), &0.into()), "{replay}");
    assert_eq!(service.end(), Some(0));
    let doctor = town.site.json(&["--config", "claimstream.toml", "--data-dir", "data", "doctor", "--deep"]);
    assert!(matches!(doctor.code, Some(0 | 4)), "{doctor:?}");
}
