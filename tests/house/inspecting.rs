//! `inspect`: the tree of a file, masked, with what is wrong where it stands.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use claimstream::x12::tokenizer::for_each_segment;
use serde_json::Value;

use super::site::{Site, files_below, repository};

const EVERYTHING: [&str; 2] = [
    "fixtures/valid/837p--every-loop-and-segment.x12",
    "fixtures/valid/837i--every-loop-and-segment.x12",
];

/// What a file says that names a person, their care or their money, as it stands: names, addresses, numbers,
/// dates, free text. Short values can't be told from the program's own words, short numbers from its places.
fn protected(bytes: &[u8]) -> BTreeSet<String> {
    let mut values = BTreeSet::new();
    // A file that stops being X12 has said something before.
    let _ = for_each_segment(bytes, usize::MAX, |segment| {
        if segment.at.ordinal > 0 && !segment.is("ST") {
            let elements = segment.elements().flat_map(|(number, _)| segment.components(number));
            let parts = elements.map(|part| String::from_utf8_lossy(part).into_owned());
            values.extend(parts.filter(|part| part.len() >= 8 || part.len() >= 4 && part.bytes().any(|byte| byte.is_ascii_alphabetic())));
        }
    });
    values
}

#[test]
fn nothing_protected_is_shown() {
    let site = Site::new();
    let files = EVERYTHING.map(repository).into_iter();
    let invalid = files_below(repository("fixtures/invalid").as_ref())
        .into_iter()
        .map(|path| path.display().to_string());
    for path in files.chain(invalid.filter(|path| path.ends_with(".x12"))) {
        let values = protected(&fs::read(&path).unwrap());
        assert!(path.contains("/S10") || values.len() > 20, "{path}");
        for arguments in [vec!["inspect", &path], vec!["--json", "inspect", &path], vec!["inspect", &path, "--at", "300"]] {
            let run = site.run(&arguments);
            assert!(matches!(run.code, Some(0 | 4)), "{path}: {run:?}");
            let shown = (run.stdout + &run.stderr).replace(&path, "");
            for value in &values {
                assert!(
                    !shown.contains(value.as_str()),
                    "{path}: a value of {} bytes is shown by {arguments:?}",
                    value.len()
                );
            }
        }
    }
}

#[test]
fn every_value_in_the_tree_is_a_code_or_a_shape() {
    let site = Site::new();
    for path in EVERYTHING.map(repository) {
        let bytes = fs::read(&path).unwrap();
        let values = protected(&bytes);
        let lines = site.json(&["inspect", &path]).expect(0).lines();
        let shown: Vec<&Value> = lines.iter().flat_map(|line| line["elements"].as_array().into_iter().flatten()).collect();
        assert!(shown.len() > 700, "{}", shown.len());
        for value in shown.iter().filter_map(|value| value.as_str()).flat_map(|value| value.split(':')) {
            assert!(!values.contains(value), "a value of {} bytes is shown", value.len());
        }
    }
}

#[test]
fn the_tree_has_every_segment_in_its_loop() {
    let site = Site::new();
    let path = repository(EVERYTHING[0]);
    let lines = site.json(&["inspect", &path]).expect(0).lines();
    let (result, segments) = lines.split_last().unwrap();
    let bytes = fs::read(&path).unwrap();
    let mut places = Vec::new();
    for_each_segment(&bytes, usize::MAX, |segment| places.push(segment.at)).unwrap();
    assert_eq!(segments.len(), places.len());
    for (line, at) in segments.iter().zip(&places) {
        assert_eq!(
            (line["byte"].as_u64(), line["segment_ordinal"].as_u64()),
            (Some(at.byte), Some(at.ordinal.into()))
        );
        assert_eq!(line["segment"], at.tag.to_string());
        assert_eq!(line["loop"].is_null(), at.ordinal == 0, "{line}");
    }
    assert_eq!((result["segments"].as_u64(), result["claims"].as_u64()), (Some(places.len() as u64), Some(2)));
    assert_eq!(result["verdict"], "accepted");
    let of = |loop_id: &str| segments.iter().filter(|line| line["loop"] == loop_id && line["starts_loop"] == true).count();
    assert_eq!(["2000B", "2300", "2320", "2400", "2420F", "2440"].map(of), [2, 2, 2, 3, 2, 1]);
    let text = site.run(&["inspect", &path]).expect(0).stdout;
    // Depth shows as indentation: ST, 2000A, 2000B, 2300, 2400, 2440.
    assert!(text.contains(&format!(" 2440{}LQ*UT*ddd.d\n", " ".repeat(13))), "{text}");
    assert!(text.ends_with(&format!("accepted, {} segments, 2 claims, 0 findings\n", places.len())));
}

#[test]
fn findings_stand_below_their_segment() {
    let site = Site::new();
    let path = repository("fixtures/invalid/S301--charges-do-not-add-up.x12");
    let text = site.run(&["inspect", &path]).expect(4).stdout;
    let lines: Vec<&str> = text.lines().collect();
    let place = lines.iter().position(|line| line.contains(" ! ")).unwrap();
    assert!(lines[place].contains("S301") && lines[place].contains("CLM02"), "{}", lines[place]);
    assert!(lines[place - 1].contains("CLM*"), "{}", lines[place - 1]);
    // What validate reports is what inspect shows, each once.
    for path in files_below(repository("fixtures/invalid").as_ref())
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "x12"))
    {
        let path = path.display().to_string();
        let mut reported: Vec<(u64, String)> = site.json(&["validate", &path]).expect(4).of_type("finding").iter().map(key).collect();
        let inspected = site.json(&["inspect", &path]).expect(4).lines();
        let within = inspected.iter().flat_map(|line| line["findings"].as_array().into_iter().flatten());
        let behind = inspected.last().unwrap()["findings_behind"].as_array().unwrap();
        let mut shown: Vec<(u64, String)> = within.chain(behind).map(key).collect();
        reported.sort();
        shown.sort();
        assert_eq!(shown, reported, "{path}");
    }
}

fn key(finding: &Value) -> (u64, String) {
    (finding["byte"].as_u64().unwrap(), finding["message"].as_str().unwrap().to_string())
}

#[test]
fn one_byte_is_shown_with_its_path_claim_and_line() {
    let site = Site::new();
    let path = repository(EVERYTHING[0]);
    let text = fs::read_to_string(&path).unwrap();
    let byte = |needle: &str, offset: usize| text.find(needle).unwrap() + offset;
    for (at, segment, element, loop_path, claim, line) in [
        (byte("ISA*", 1), "ISA", None, "", None, None),
        (byte("NM1*IL", 7), "NM1", Some("NM102"), "ST 2000A 2000B 2010BA", None, None),
        (byte("CLM*", 0), "CLM", None, "ST 2000A 2000B 2300", Some(1), None),
        (byte("CLM*P-0101", 15), "CLM", Some("CLM04"), "ST 2000A 2000B 2300", Some(1), None),
        (
            byte("CLM*P-0101*500***11:B:7", 20),
            "CLM",
            Some("CLM05-2"),
            "ST 2000A 2000B 2300",
            Some(1),
            None,
        ),
        (byte("FRM*1B", 4), "FRM", Some("FRM01"), "ST 2000A 2000B 2300 2400 2440", Some(1), Some(1)),
        (byte("LIN**", 6), "LIN", Some("LIN02"), "ST 2000A 2000B 2300 2400 2410", Some(1), Some(2)),
        // The terminator belongs to its segment, the line end to the next one.
        (byte("~\nLIN**", 0), "REF", None, "ST 2000A 2000B 2300 2400", Some(1), Some(2)),
        (byte("\nLIN**", 0), "LIN", None, "ST 2000A 2000B 2300 2400 2410", Some(1), Some(2)),
        (byte("PAT*19", 4), "PAT", Some("PAT01"), "ST 2000A 2000B 2000C", None, None),
        (byte("CLM*P-0102", 4), "CLM", Some("CLM01"), "ST 2000A 2000B 2000C 2300", Some(2), None),
        (byte("~\nSE*", 2), "SE", None, "ST SE", None, None),
    ] {
        let run = site.json(&["inspect", &path, "--at", &at.to_string()]).expect(0);
        let [found, result] = &run.lines()[..] else { panic!("{run:?}") };
        let shown: Vec<&str> = found["path"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!((found["segment"].as_str(), found["element"].as_str()), (Some(segment), element), "byte {at}");
        assert_eq!(shown.join(" "), loop_path, "byte {at}");
        assert_eq!((found["claim_ordinal"].as_u64(), found["line"].as_u64()), (claim, line), "byte {at}");
        assert_eq!(result["type"], "result");
    }
    let said = site.run(&["inspect", &path, "--at", &byte("LIN**", 6).to_string()]).expect(0).stdout;
    for part in [
        "path      ST > 2000A > 2000B > 2300 > 2400 > 2410",
        "element   LIN02",
        "claim     1",
        "line      2",
        "shape     LIN**N4*ddddddddddd",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
}

#[test]
fn who_reads_no_further_ends_it_quietly() {
    let site = Site::new();
    site.json(&["gen", "837p", "--claims", "2000", "--seed", "5", "--out", "made.837"]).expect(0);
    let mut child = site
        .command(&["inspect", "made.837"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.contains("ISA*"));
    let (mut stderr, status) = (String::new(), child.wait().unwrap());
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((status.code(), stderr.as_str()), (Some(0), ""));
}
