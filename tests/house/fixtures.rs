//! Fixtures: each file of `fixtures/invalid` shows one thing, said in its name, and its golden is what
//! `validate --json` says about it; each file of `fixtures/valid` that it can hold is also read by x12-types.

use std::fs;
use std::path::{Path, PathBuf};

use claimstream::x12::tokenizer::for_each_segment;
use serde_json::Value;
use x12_types::util::Parser;
use x12_types::v005010::{_837, Transmission};

use super::site::{Site, files_below, repository};

fn fixtures(directory: &str) -> Vec<PathBuf> {
    let files = files_below(Path::new(&repository(directory)));
    files
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "x12"))
        .collect()
}

fn name(path: &Path) -> &str {
    path.file_stem().unwrap().to_str().unwrap()
}

#[test]
fn invalid_files_are_told_what_is_wrong_with_them() {
    let files = fixtures("fixtures/invalid");
    assert!(files.len() >= 25, "{} fixtures", files.len());
    let paths: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
    let arguments: Vec<&str> = ["validate"].into_iter().chain(paths.iter().map(String::as_str)).collect();
    let said = Site::new().json(&arguments).expect(4).lines();
    for (file, path) in files.iter().zip(&paths) {
        let lines: Vec<Value> = said
            .iter()
            .filter(|line| line["file"] == path.as_str())
            .map(|line| named_only(line, file))
            .collect();
        let shown: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let golden = file.with_extension("ndjson");
        if std::env::var_os("CLAIMSTREAM_REWRITE_GOLDENS").is_some() {
            fs::write(&golden, &shown).unwrap();
        }
        assert_eq!(shown, fs::read_to_string(&golden).unwrap_or_default(), "{}", name(file));
        let (check, _) = name(file).split_once("--").unwrap();
        assert!(lines.iter().any(|line| line["check"] == check), "{}: no finding of {check}", name(file));
    }
}

/// The line with the file's name instead of its path, which is the machine's.
fn named_only(line: &Value, file: &Path) -> Value {
    let mut line = line.clone();
    line["file"] = file.file_name().unwrap().to_str().unwrap().into();
    line
}

#[test]
fn no_golden_is_left_over() {
    for path in files_below(Path::new(&repository("fixtures/invalid"))) {
        assert!(path.with_extension("x12").exists(), "{} has no fixture", path.display());
    }
}

#[test]
fn valid_files_are_read_alike_by_x12_types() {
    let files = fixtures("fixtures/valid");
    assert!(files.len() >= 3);
    // x12-types 0.12 holds one PER, REF or HI where the guides allow several.
    for file in files.into_iter().filter(|file| !name(file).ends_with("--every-loop-and-segment")) {
        let bytes = fs::read(&file).unwrap();
        let mut ours = 0;
        for_each_segment(&bytes, usize::MAX, |segment| ours += usize::from(segment.is("CLM"))).unwrap();
        let text = with_one_reference_a_line(std::str::from_utf8(&bytes).unwrap());
        let (rest, transmission) = Transmission::<_837>::parse(&text).unwrap_or_else(|error| panic!("{}: {error:?}", name(&file)));
        assert_eq!(rest.trim(), "", "{}: x12-types stops early", name(&file));
        assert_eq!(claims_of(&transmission), ours, "{}", name(&file));
        assert!(ours > 0);
    }
}

/// CLM segments under every hierarchical level of every set.
fn claims_of(transmission: &Transmission<_837>) -> usize {
    let sets = transmission.functional_group.iter().flat_map(|group| &group.segments);
    sets.flat_map(|set| &set.loop_2000).map(|level| level.loop_2300.len()).sum()
}

/// The file without the second and later REF of each service line: x12-types 0.12 holds one.
fn with_one_reference_a_line(text: &str) -> String {
    let (mut kept, mut references) = (String::new(), None);
    for segment in text.split_terminator("~\n") {
        match segment.split('*').next() {
            Some("LX") => references = Some(0),
            Some("CLM" | "HL") => references = None,
            Some("REF") => references = references.map(|count| count + 1),
            Some(_) | None => {}
        }
        if !(segment.starts_with("REF*") && references.is_some_and(|count| count > 1)) {
            kept += &(segment.to_string() + "~");
        }
    }
    kept
}
