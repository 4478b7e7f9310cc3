//! `inspect`: the loop tree of a file, masked.

use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::output::{Exit, Failure, Output};
use crate::config::Config;
use crate::finding::{Finding, Severity};
use crate::pipeline::inspection::{InspectedSegment, Inspection, InspectionError, inspect};
use crate::pipeline::validation::{ValidationError, ValidationFinding, Verdict};

/// The loop tree of a file, its values masked, findings where they stand; changes nothing.
#[derive(Debug, Args)]
#[command(
    after_help = "Columns: byte, segment of its set, loop, the segment indented by its depth. Shown are codes that the guide\nlists; every other value becomes its shape: letters x, digits d. Below a segment, `!` marks what is wrong.\n\nExamples:\n  claimstream inspect claims.837\n  claimstream inspect claims.837 | grep -n ' ! '\n  claimstream inspect claims.837 --at 18431\n  claimstream inspect --json claims.837 | jq -c 'select(.loop == \"2400\")'"
)]
pub struct Inspect {
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only the segment at this byte (from 0, as findings give it), with its path, claim and line.
    #[arg(long, value_name = "BYTE")]
    at: Option<u64>,
}

impl Inspect {
    pub fn run(self, config: &Config, output: &Output) -> Result<Exit, Failure> {
        let mut out = BufWriter::new(io::stdout().lock());
        let (mut found_here, is_json) = (0, output.is_json());
        let inspected = inspect(config, &self.file, self.at, &mut |segment| {
            found_here += segment.findings.len();
            match (is_json, self.at) {
                (true, _) => writeln!(out, "{}", object(segment, self.at)),
                (false, Some(at)) => spot(segment, at, &mut out),
                (false, None) => row(segment, &mut out),
            }
        });
        let inspection = match inspected {
            Ok(inspection) => inspection,
            Err(InspectionError::Output(error)) if error.kind() == ErrorKind::BrokenPipe => return Ok(Exit::Done),
            Err(error) => return Err(failure(error)),
        };
        let ended = self.end(&inspection, found_here, is_json, &mut out).and_then(|()| out.flush());
        match ended {
            // Who reads no further has seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(Exit::Done),
            ended => ended?,
        }
        let is_clean = match self.at {
            Some(_) => found_here == 0,
            None => inspection.findings == 0 && inspection.validation.verdict == Verdict::Accepted,
        };
        Ok(if is_clean { Exit::Done } else { Exit::Findings })
    }

    /// What stands behind the last segment, and the sums.
    fn end(&self, inspection: &Inspection, found_here: usize, is_json: bool, out: &mut dyn Write) -> io::Result<()> {
        let validation = &inspection.validation;
        let file = self.file.display().to_string();
        let verdict = match validation.verdict {
            Verdict::Accepted => "accepted",
            Verdict::Partial => "partial",
            Verdict::Rejected => "rejected",
        };
        if is_json && self.at.is_some() {
            return writeln!(out, "{}", json!({"type": "result", "file": file, "verdict": verdict, "findings": found_here}));
        }
        if is_json {
            let behind: Vec<Value> = inspection.behind.iter().map(finding_object).collect();
            let result = json!({
                "type": "result", "file": file, "verdict": verdict, "segments": inspection.segments, "claims": validation.received,
                "findings": inspection.findings, "findings_behind": behind, "findings_not_kept": inspection.not_kept,
            });
            return writeln!(out, "{result}");
        }
        if self.at.is_some() {
            return Ok(());
        }
        inspection.behind.iter().try_for_each(|found| finding_row(found, 0, out))?;
        if inspection.not_kept > 0 {
            writeln!(out, "… and {} more findings", inspection.not_kept)?;
        }
        writeln!(
            out,
            "{file}: {verdict}, {} segments, {} claims, {} findings",
            inspection.segments, validation.received, inspection.findings
        )
    }
}

fn failure(error: InspectionError) -> Failure {
    match error {
        InspectionError::Validation(ValidationError::Open { ref source, .. }) if source.kind() == ErrorKind::NotFound => Failure::not_found(error),
        InspectionError::NoSuchByte { .. } => Failure::not_found(error),
        InspectionError::Validation(ValidationError::House(error)) => error.into(),
        other => Failure::unfinished(other),
    }
}

/// The segment as it is printed: identifier and masked elements.
fn text(segment: &InspectedSegment<'_>) -> String {
    let mut text = segment.tag.to_string();
    for element in &segment.elements {
        text.push(segment.separator);
        text.push_str(element);
    }
    text
}

fn row(segment: &InspectedSegment<'_>, out: &mut dyn Write) -> io::Result<()> {
    let ordinal = match segment.at.ordinal {
        0 => "-".to_string(),
        ordinal => ordinal.to_string(),
    };
    let loop_id = segment.loop_id.map_or("-", |loop_id| loop_id.as_str());
    let depth = segment.path.len().saturating_sub(1);
    writeln!(
        out,
        "{:>10} {ordinal:>7} {loop_id:<6} {:indent$}{}",
        segment.at.byte,
        "",
        text(segment),
        indent = 2 * depth
    )?;
    segment.findings.iter().try_for_each(|found| finding_row(found, depth, out))
}

fn finding_row(found: &ValidationFinding, depth: usize, out: &mut dyn Write) -> io::Result<()> {
    let Finding {
        check,
        code,
        severity,
        position,
        ..
    } = &found.finding;
    let severity = match severity {
        Severity::Reject => "error",
        Severity::Warn => "warning",
        Severity::Ignore => return Ok(()),
    };
    let place = position.element_name().unwrap_or_else(|| position.segment.text().to_string());
    writeln!(
        out,
        "{:>10} {:>7} {:<6} {:indent$}! {place} {severity} {check} [{code}]: {}",
        position.byte,
        "",
        position.loop_id.map_or("-", |loop_id| loop_id.as_str()),
        "",
        check.title(),
        indent = 2 * depth
    )
}

/// One segment at length.
fn spot(segment: &InspectedSegment<'_>, at: u64, out: &mut dyn Write) -> io::Result<()> {
    let (first, end) = (segment.at.byte, segment.at.byte + u64::from(segment.at.length));
    let place = segment.spot.element_name();
    writeln!(out, "byte      {at}")?;
    writeln!(out, "segment   {} {}, bytes {first}..{end}", segment.at.ordinal, segment.tag)?;
    writeln!(out, "path      {}", path(segment).join(" > "))?;
    writeln!(
        out,
        "element   {}",
        place.map_or_else(|| "-".to_string(), |name| format!("{name} (byte {})", segment.spot.byte))
    )?;
    let number = |number: Option<u64>| number.map_or_else(|| "-".to_string(), |number| number.to_string());
    writeln!(out, "claim     {}", number(segment.claim.map(u64::from)))?;
    writeln!(out, "line      {}", number(segment.line.map(u64::from)))?;
    writeln!(out, "shape     {}", text(segment))?;
    segment
        .findings
        .iter()
        .try_for_each(|found| writeln!(out, "finding   {} [{}]", found.finding, found.finding.code))
}

fn path<'a>(segment: &InspectedSegment<'a>) -> Vec<&'a str> {
    match segment.path {
        [] => vec!["-"],
        path => path.iter().map(|loop_id| loop_id.as_str()).collect(),
    }
}

fn object(segment: &InspectedSegment<'_>, at: Option<u64>) -> Value {
    let mut object = json!({
        "type": "segment", "byte": segment.at.byte, "bytes": segment.at.length, "segment_ordinal": segment.at.ordinal,
        "segment": segment.tag, "loop": segment.loop_id.map(|loop_id| loop_id.as_str()), "starts_loop": segment.starts_loop,
        "depth": segment.path.len(), "elements": segment.elements, "claim_ordinal": segment.claim, "line": segment.line,
        "findings": segment.findings.iter().map(finding_object).collect::<Vec<_>>(),
    });
    if let (Some(at), Some(fields)) = (at, object.as_object_mut()) {
        fields.insert("at".into(), at.into());
        fields.insert("path".into(), json!(segment.path.iter().map(|loop_id| loop_id.as_str()).collect::<Vec<_>>()));
        fields.insert("element".into(), json!(segment.spot.element_name()));
        fields.insert("element_byte".into(), segment.spot.byte.into());
    }
    object
}

fn finding_object(found: &ValidationFinding) -> Value {
    let Finding {
        check,
        code,
        severity,
        position,
        line,
    } = &found.finding;
    json!({
        "severity": severity, "snip": check.snip(), "check": check, "code": code.to_string(), "loop": position.loop_id.map(|loop_id| loop_id.as_str()),
        "element": position.element_name(), "byte": position.byte, "claim_ordinal": found.claim, "line": line, "message": found.finding.to_string(),
    })
}
