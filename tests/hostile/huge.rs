//! Hostile files, large ones, through the binary: what is said of them, in bounded time and memory.
#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rayon::prelude::*;
use serde_json::Value;

use super::verdicts::base;

/// Peak resident memory of a process that reads a file with no sense in it.
const RESIDENT_KB_MAX: u64 = 64 * 1024;

/// Generous, for a slow machine and an unoptimised build: a hang is what is looked for.
const PATIENCE: Duration = Duration::from_secs(300);

const MILLION: usize = 1_000_000;

/// One file: what stands in it before `body`, how often that is written, and what is said: verdict,
/// reason, claims received and accepted, and the first finding with its byte.
struct Case {
    name: &'static str,
    head: String,
    body: fn(usize, &mut dyn Write) -> io::Result<()>,
    times: usize,
    /// Segments of one body; none: the file ends without trailers.
    segments: Option<usize>,
    expected: &'static str,
}

/// The base file up to a text.
fn up_to(text: &str) -> String {
    let base = base();
    base[..base.find(text).unwrap()].to_string()
}

fn cases() -> [Case; 10] {
    [
        Case {
            name: "100 MB without a terminator",
            head: base()[..106].to_string(),
            body: |_, out| out.write_all(&[b'X'; 1000]),
            times: 100_000,
            segments: None,
            expected: "rejected not-x12 0-0 TA1:022@106",
        },
        Case {
            name: "a segment of a million elements",
            head: up_to("HI*ABK") + "REF",
            body: |_, out| out.write_all(b"*1"),
            times: MILLION,
            segments: None,
            expected: "rejected not-x12 1-1 TA1:022@699",
        },
        Case {
            name: "a million levels, each below the one before",
            head: up_to("HL*1"),
            body: |n, out| write!(out, "HL*{}*{n}*22*1~", n + 1),
            times: MILLION,
            segments: Some(1),
            expected: "rejected envelope 0-0 IK403:7@356",
        },
        Case {
            name: "300,000 levels, each its own parent or that of its parent",
            head: up_to("HL*2"),
            body: |n, out| write!(out, "HL*{}*{}*{}*1~", n + 2, n + 2 + n % 2, 22 + n % 2),
            times: 300_000,
            segments: Some(1),
            expected: "rejected envelope 0-0 IK403:7@502",
        },
        Case {
            name: "300,000 unknown segments in a claim",
            head: up_to("HI*ABK"),
            body: |_, out| out.write_all(b"ZZ~"),
            times: 300_000,
            segments: Some(1),
            expected: "rejected 1-1 IK304:1@700",
        },
        Case {
            name: "a claim of 100,000 lines",
            head: up_to("LX*1"),
            body: |n, out| write!(out, "LX*{}~SV1*HC:99213*1*UN*1***1~DTP*472*D8*20251110~", n + 1),
            times: 100_000,
            segments: Some(3),
            expected: "rejected 1-1 IK304:4@3204",
        },
        Case {
            name: "a claim of 300,000 diagnoses",
            head: up_to("HI*ABK"),
            body: |_, out| {
                out.write_all(b"HI")?;
                (0..12).try_for_each(|_| out.write_all(b"*ABF:J069"))?;
                out.write_all(b"~")
            },
            times: 300_000 / 12,
            segments: Some(1),
            expected: "rejected 1-1 IK403:7@703",
        },
        Case {
            name: "a line with 100,000 decisions of other payers",
            head: up_to("CLM*PCNALDER2"),
            body: |_, out| out.write_all(b"SVD*X*1*HC:99213**1~CAS*CO*45*1~"),
            times: 100_000,
            segments: Some(2),
            expected: "rejected 1-1 IK403:4@787",
        },
        Case {
            name: "200,000 claims of nothing",
            head: up_to("CLM*PCNALDER1"),
            body: |_, out| out.write_all(b"CLM*A*1***11:B:1*Y*A*Y*Y~"),
            times: 200_000,
            segments: Some(1),
            expected: "rejected 200000-200000 IK304:3@689",
        },
        Case {
            name: "a million transaction sets without a claim",
            head: up_to("ST*837"),
            body: |n, out| write!(out, "ST*837*{n:09}*005010X222A1~SE*2*{n:09}~"),
            times: MILLION,
            segments: None,
            expected: "rejected envelope 0-0 TA1:022@3375107",
        },
    ]
}

impl Case {
    fn write(&self, path: &Path) -> io::Result<()> {
        let mut out = BufWriter::new(File::create(path)?);
        out.write_all(self.head.as_bytes())?;
        (0..self.times).try_for_each(|n| (self.body)(n, &mut out))?;
        if let Some(segments) = self.segments {
            let in_head = self.head[self.head.find("\nST*").unwrap()..].matches('~').count();
            write!(out, "SE*{}*0001~GE*1*103~IEA*1*000000103~", in_head + segments * self.times + 1)?;
        }
        out.flush()
    }
}

/// Runs `validate` and returns its exit code and its peak resident memory in KiB.
fn validate(directory: &Path, case: &Case) -> (Option<i32>, u64) {
    let output = |name: &str| Stdio::from(File::create(directory.join(name)).unwrap());
    let mut child = Command::new(env!("CARGO_BIN_EXE_claimstream"))
        .args(["--json", "validate", "file"])
        .current_dir(directory)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(output("out"))
        .stderr(output("err"))
        .spawn()
        .unwrap();
    let (begin, mut peak) = (Instant::now(), 0);
    loop {
        // The mark only rises, so what is missed is what the last milliseconds added.
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let mark = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = peak.max(mark.and_then(|mark| mark.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            return (status.code(), peak);
        }
        if begin.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{}: still running after {PATIENCE:?}", case.name);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn said(directory: &Path) -> String {
    let out = fs::read_to_string(directory.join("out")).unwrap();
    let first: Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    let result: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    let claims = &result["claims"];
    let reason = result["reason"].as_str().map(|reason| format!(" {reason}")).unwrap_or_default();
    let (verdict, code) = (result["verdict"].as_str().unwrap(), first["code"].as_str().unwrap());
    format!("{verdict}{reason} {}-{} {code}@{}", claims["received"], claims["rejected"], first["byte"])
}

#[test]
fn no_size_of_nonsense_takes_the_machine() {
    let wrong = std::sync::Mutex::new(Vec::new());
    cases().par_iter().for_each(|case| {
        let directory = tempfile::tempdir().unwrap();
        case.write(&directory.path().join("file")).unwrap();
        let (code, peak) = validate(directory.path(), case);
        let errors = fs::read_to_string(directory.path().join("err")).unwrap();
        assert!(!errors.contains("panicked"), "{}: {errors}", case.name);
        let found = said(directory.path());
        if (code, found.as_str()) != (Some(4), case.expected) || !(1..=RESIDENT_KB_MAX).contains(&peak) {
            wrong.lock().unwrap().push(format!("{} | {found} (exit {code:?}, {peak} KiB)", case.name));
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}
