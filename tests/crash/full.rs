//! A file system that is really full.

use std::path::PathBuf;
use std::process::Command;

use super::scenario::{INGEST, scenario};
use super::site::Run;

/// A file system in memory, of a limited size, as long as it is held.
struct Mounted(PathBuf);

impl Mounted {
    /// `None` where mounting is not permitted.
    fn new(place: PathBuf, kib: u64) -> Option<Mounted> {
        std::fs::create_dir_all(&place).unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "none"])
            .arg(&place)
            .output();
        mount.is_ok_and(|output| output.status.success()).then_some(Mounted(place))
    }

    fn resize(&self, kib: u64) {
        let status = Command::new("mount").args(["-o", &format!("remount,size={kib}k")]).arg(&self.0).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

const LARGE_KIB: u64 = 64 * 1024;

#[test]
fn a_full_file_system_stops_the_ingest_and_room_lets_it_go_on() {
    let scenario = scenario();
    // From nearly no room to enough of it.
    let (mut stopped, mut room_kib) = (0, 16);
    loop {
        let name = format!("small-{room_kib}");
        let Some(mounted) = Mounted::new(scenario.site.path(&name), LARGE_KIB) else {
            println!("left out: a full file system, because mounting one is not permitted here");
            return;
        };
        let data = format!("{name}/data");
        scenario.start(&data, INGEST);
        let used = Command::new("du").arg("-sk").arg(&mounted.0).output().unwrap();
        let used: u64 = String::from_utf8_lossy(&used.stdout).split_whitespace().next().unwrap().parse().unwrap();
        mounted.resize(used + room_kib);
        let run = Run::of(scenario.command(INGEST, &data).output().unwrap());
        let is_done = matches!(run.code, Some(0 | 4));
        if is_done {
            scenario.assert_whole(&data);
        } else {
            stopped += 1;
            let said = ["No space left on device", "database or disk is full", "disk I/O error"];
            assert!(
                run.code == Some(1) && said.iter().any(|said| run.stderr.contains(said)),
                "{:?} {}",
                run.code,
                run.stderr
            );
            run.says_none_of(&scenario.protected.iter().map(String::as_str).collect::<Vec<_>>());
        }
        mounted.resize(LARGE_KIB);
        scenario.recover(&data, INGEST);
        if is_done {
            break;
        }
        room_kib += room_kib / 2;
    }
    assert!(stopped >= 4, "only {stopped} runs had too little room");
    println!("{stopped} runs out of room before {room_kib} KiB were enough");
}
