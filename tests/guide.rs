//! SNIP 1–2 over whole files: what is valid passes, each one-change mutation is found where it is.

use std::fs;
use std::path::{Path, PathBuf};

use claimstream::finding::Finding;
use claimstream::guide::walker::Walker;
use claimstream::ids::Form;
use claimstream::tables::guides::guide;
use claimstream::x12::tokenizer::{TokenError, for_each_segment};
use proptest::prelude::*;

const SAMPLES: &str = "../shared/samples";
const PROFESSIONAL: &str = "fixtures/valid/837p--dependent-drug-and-other-payer.x12";
const INSTITUTIONAL: &str = "fixtures/valid/837i--inpatient-stay.x12";

/// Findings of every set of a file, and how many segments found their loop.
fn walk(bytes: &[u8]) -> Result<(Vec<Finding>, usize), TokenError> {
    let (mut findings, mut placed_segments) = (Vec::new(), 0);
    let mut walker: Option<Walker<'static>> = None;
    for_each_segment(bytes, usize::MAX, |segment| {
        if segment.is("ST") {
            let institutional = segment.element(3).windows(4).any(|part| part == b"X223");
            let form = if institutional { Form::Institutional } else { Form::Professional };
            walker = Some(Walker::new(guide(form).expect("the embedded guide loads")));
        }
        if let Some(walker) = walker.as_mut() {
            let placed = walker.accept(segment);
            placed_segments += usize::from(placed.loop_id.is_some());
            findings.extend(placed.closed.into_iter().chain(placed.findings));
        }
        if segment.is("SE") {
            walker = None;
        }
    })?;
    Ok((findings, placed_segments))
}

/// `S201 IK304:3 2400 DTP` or `S202 IK403:7 2300 CLM05-2`.
fn brief(finding: &Finding) -> String {
    let position = finding.position;
    let loop_id = position.loop_id.map_or("-", |loop_id| loop_id.as_str());
    let place = position.element_name().unwrap_or_else(|| position.segment.to_string());
    format!("{} {} {loop_id} {place}", finding.check, finding.code)
}

fn findings_of(text: &str) -> Vec<String> {
    walk(text.as_bytes()).expect("X12").0.iter().map(brief).collect()
}

fn samples(under: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(Path::new(SAMPLES).join(under))
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_file()).collect())
        .unwrap_or_default();
    files.sort();
    files
}

#[test]
fn valid_fixtures_have_no_findings() {
    for file in [PROFESSIONAL, INSTITUTIONAL] {
        let text = fs::read_to_string(file).unwrap();
        assert_eq!(findings_of(&text), Vec::<String>::new(), "{file}");
    }
}

#[test]
fn valid_samples_are_not_rejected() {
    let manifest = fs::read_to_string(Path::new(SAMPLES).join("third-party/MANIFEST.tsv")).unwrap_or_default();
    let mut files: Vec<PathBuf> = samples("").into_iter().filter(|path| path.to_string_lossy().contains("/837")).collect();
    for row in manifest.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        if (columns[0].starts_with("p/") || columns[0].starts_with("i/")) && columns[6].starts_with("yes") {
            files.push(Path::new(SAMPLES).join("third-party").join(columns[0]));
        }
    }
    for file in files {
        let (findings, _) = walk(&fs::read(&file).unwrap()).unwrap();
        let rejecting: Vec<String> = findings.iter().filter(|finding| finding.rejects()).map(brief).collect();
        assert_eq!(rejecting, Vec::<String>::new(), "{}", file.display());
    }
}

#[test]
fn every_sample_is_walked_to_its_end() {
    for folder in ["277ca", "835", "999", "i", "invalid", "p", "ta1"] {
        for file in samples(&format!("third-party/{folder}")) {
            let _ = walk(&fs::read(file).unwrap());
        }
    }
}
