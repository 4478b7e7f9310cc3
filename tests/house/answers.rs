//! Reading what we send, without the code that writes it.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::site::files_below;

/// The segments of a document of ours as elements; its envelope must be consistent.
pub fn segments(bytes: &[u8]) -> Vec<Vec<String>> {
    let text = std::str::from_utf8(bytes).unwrap();
    let segments: Vec<Vec<String>> = text
        .split_terminator("~\n")
        .map(|segment| segment.split('*').map(str::to_string).collect())
        .collect();
    assert_eq!(text.matches('~').count(), segments.len(), "a terminator without line end, or none at the end");
    let control = |tag: &str, element: usize| segments.iter().find(|segment| segment[0] == tag).map(|segment| segment[element].clone());
    assert_eq!(control("ISA", 13), control("IEA", 2));
    assert_eq!(control("GS", 6), control("GE", 2));
    let (begin, end) = ("ST", "SE");
    if let (Some(from), Some(to)) = (position(&segments, begin), position(&segments, end)) {
        assert_eq!(segments[to][1], (to - from + 1).to_string(), "SE01");
        assert_eq!(segments[to][2], segments[from][2], "SE02");
    }
    segments
}

fn position(segments: &[Vec<String>], tag: &str) -> Option<usize> {
    segments.iter().position(|segment| segment[0] == tag)
}

/// The elements of every segment with this tag.
pub fn all<'a>(segments: &'a [Vec<String>], tag: &str) -> Vec<&'a [String]> {
    segments.iter().filter(|segment| segment[0] == tag).map(Vec::as_slice).collect()
}

/// One element of every segment with this tag.
pub fn element(segments: &[Vec<String>], tag: &str, number: usize) -> Vec<String> {
    let elements = all(segments, tag).into_iter();
    elements.map(|segment| segment.get(number).cloned().unwrap_or_default()).collect()
}

/// What a directory of acknowledgements says, in the order of their control numbers: `TA1 R 023`,
/// `999 R` (AK901) with its `IK5`s, `277CA` with the category and status of every claim.
pub fn acknowledgements(directory: &Path) -> Vec<String> {
    let mut said = Vec::new();
    for path in files_below(directory) {
        let segments = segments(&fs::read(&path).unwrap());
        let join = |values: Vec<String>| values.join(" ");
        said.push(match path.extension().unwrap().to_str().unwrap() {
            "ta1" => format!("TA1 {} {}", join(element(&segments, "TA1", 4)), join(element(&segments, "TA1", 5))),
            "999" => format!("999 {} / {}", join(element(&segments, "AK9", 1)), join(element(&segments, "IK5", 1))),
            "277ca" => format!("277CA {}", join(claim_statuses(&segments))),
            other => panic!("{other} is no acknowledgement"),
        });
    }
    said
}

/// STC01 of every claim (HL03 = PT).
fn claim_statuses(segments: &[Vec<String>]) -> Vec<String> {
    let mut level = "";
    let mut statuses = Vec::new();
    for segment in segments {
        match segment[0].as_str() {
            "HL" => level = &segment[3],
            "STC" if level == "PT" => statuses.push(segment[1].clone()),
            _ => {}
        }
    }
    statuses
}

/// An 835 or acknowledgement without what the clock decides: ISA09–10, GS04–05, BHT04–05, the
/// production date (DTM*405), the date of a 277CA status (STC02) and of its processing (DTP*009).
pub fn without_clock(bytes: &[u8]) -> String {
    let mut text = String::new();
    for mut segment in segments(bytes) {
        let clocked: &[usize] = match (segment[0].as_str(), segment.get(1).map(String::as_str)) {
            ("ISA", _) => &[9, 10],
            ("GS" | "BHT", _) => &[4, 5],
            ("DTM", Some("405")) | ("STC", _) => &[2],
            ("DTP", Some("009")) => &[3],
            _ => &[],
        };
        for &element in clocked {
            if let Some(value) = segment.get_mut(element) {
                *value = "clock".to_string();
            }
        }
        text += &(segment.join("*") + "~\n");
    }
    text
}

/// What an event says whenever it is told.
pub fn event_without_clock(mut event: Value) -> Value {
    drop_clock(&mut event);
    event
}

fn drop_clock(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| name != "ce_time" && !name.ends_with("_at"));
            fields.values_mut().for_each(drop_clock);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_clock),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
