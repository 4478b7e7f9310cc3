//! `explain`: decision → rule → facts → segment and bytes.

use clap::Args;
use serde_json::{Value, json};

use super::ingest::look_into_house;
use super::output::{Exit, Failure, Output};
use crate::adjudication::trace::{Given, StepResult, TableRow};
use crate::config::Config;
use crate::ids::ClaimId;
use crate::loop_id::LoopId;
use crate::pipeline::explain::{Explanation, ToldStep, explain};
use crate::tables::reasons;

/// Why a claim was decided as it was, down to the bytes of the archived file.
#[derive(Debug, Args)]
#[command(
    after_help = "The steps are the ones adjudication took, run again on the facts that were stored with the decision\nand under the rules and tables that it names. Values of the claim are never shown, only where they stand.\n\nExample:\n  claimstream explain 5f0c9a1be3d24c7f9f1f2f7f5a0b6c1d --line 2 --verify"
)]
pub struct Explain {
    /// Claim id, as events and `status` show it.
    claim: ClaimId,
    /// Only this service line (LX01).
    #[arg(long, value_name = "N")]
    line: Option<u16>,
    /// Read the archived file again, element by element and as a whole, and check that the decision comes out the same.
    #[arg(long)]
    verify: bool,
}

impl Explain {
    pub fn run(self, config: Config, output: &Output) -> Result<Exit, Failure> {
        let house = look_into_house(config)?;
        let explanation =
            explain(&house, &self.claim, self.verify)?.ok_or_else(|| Failure::not_found(format!("claim {} is not in this data directory", self.claim)))?;
        match &explanation {
            Explanation::Rejected { findings, bytes_hold } => {
                for finding in findings {
                    output.object(&json!({"type": "finding", "check": finding.check, "code": finding.code.to_string(), "loop": finding.position.loop_id.map(|loop_id| loop_id.as_str()), "element": finding.position.element_name(), "byte": finding.position.byte, "message": finding.to_string()}))?;
                    output.text(&format!("{}  {finding}", finding.code))?;
                }
                let verified = self.verify.then_some(*bytes_hold);
                output.object(&json!({"type": "result", "claim_id": self.claim, "outcome": "rejected", "findings": findings.len(), "verified": verified}))?;
                if let Some(verified) = verified {
                    output.text(if verified {
                        "verified: the archived file has the claim where it was rejected"
                    } else {
                        "NOT verified"
                    })?;
                }
                Ok(if *bytes_hold { Exit::Done } else { Exit::Integrity })
            }
            Explanation::Decided { .. } => self.decided(&explanation, output),
        }
    }

    fn decided(&self, explanation: &Explanation, output: &Output) -> Result<Exit, Failure> {
        let Explanation::Decided {
            decision,
            reversal,
            steps,
            same_again,
            bytes_hold,
        } = explanation
        else {
            return Ok(Exit::Done);
        };
        let source = &decision.source;
        output.text(&format!(
            "claim {} version {}: {}",
            decision.claim_id,
            decision.version,
            decision.determination.outcome().as_str()
        ))?;
        output.text(&format!(
            "file {} bytes {}..{} (ISA13 {}, ST02 {}, claim {})",
            source.file, source.bytes.start, source.bytes.end, source.isa13, source.st02, source.ordinal
        ))?;
        let reverses = decision.determination.reverses();
        if let Some(original) = &reverses {
            output.text(&format!("takes back claim {original}"))?;
        }
        if let Some(reversal) = reversal {
            output.text(&format!(
                "taken back by claim {} ({}) at {}",
                reversal.by,
                reversal.reason.as_str(),
                reversal.reversed_at.to_rfc3339()
            ))?;
        }
        output.text(&format!("rules {}  reference data {}", decision.rules, decision.refdata))?;
        for line in decision.determination.lines().iter().filter(|line| self.is_wanted(line.number())) {
            let reasons: Vec<String> = line
                .adjustments()
                .iter()
                .map(|adjustment| format!("{}-{} {}", adjustment.group.code(), adjustment.carc, adjustment.amount))
                .collect();
            output.text(&format!(
                "line {}: charge {}, paid {}, by {}  {}",
                line.number(),
                line.charge(),
                line.amount_paid(),
                line.rule().as_str(),
                reasons.join(", ")
            ))?;
        }
        for told in steps.iter().filter(|told| self.is_wanted(told.step.line)) {
            output.object(&step_object(told))?;
            step_lines(told).iter().try_for_each(|line| output.text(line))?;
        }
        let verified = self.verify.then_some(*same_again && *bytes_hold);
        output.object(&json!({
            "type": "result", "claim_id": decision.claim_id, "version": decision.version, "outcome": decision.determination.outcome(), "charge": decision.determination.charge(),
            "paid": decision.determination.paid(), "source": {"file": source.file, "isa13": source.isa13, "st02": source.st02, "ordinal": source.ordinal, "bytes": [source.bytes.start, source.bytes.end]},
            "reverses": reverses, "reversed_by": reversal.as_ref().map(|reversal| reversal.by), "reversal": reversal.as_ref().map(|reversal| reversal.reason.as_str()),
            "rules": decision.rules, "refdata": decision.refdata, "same_again": same_again, "verified": verified,
        }))?;
        if let Some(verified) = verified {
            output.text(if verified {
                "verified: the archived file is the one received, every element stands where it is told, and the decision comes out the same"
            } else {
                "NOT verified"
            })?;
        }
        Ok(if *same_again && verified != Some(false) {
            Exit::Done
        } else {
            Exit::Integrity
        })
    }
}

impl Explain {
    /// The claim as a whole always is.
    fn is_wanted(&self, line: u16) -> bool {
        line == 0 || self.line.is_none_or(|wanted| line == wanted)
    }
}

fn step_object(told: &ToldStep) -> Value {
    let step = &told.step;
    let evidence: Vec<Value> = told
        .places
        .iter()
        .map(|place| {
            let at = place.evidence.segment;
            json!({
                "loop": place.evidence.loop_id.map(LoopId::as_str), "segment": at.tag.text(), "segment_ordinal": at.ordinal, "element": place.evidence.name(),
                "bytes": place.bytes.map(|bytes| [bytes.start, bytes.end]), "segment_bytes": [at.range().start, at.range().end],
            })
        })
        .collect();
    json!({
        "type": "step", "line": step.line, "rule": step.rule, "id": step.id, "domain": step.id.domain(), "says": step.id.sentence(), "result": step.result,
        "note": step.note, "reason": step.given.map(|given| reason_object(&given)), "evidence": evidence, "row": step.row,
    })
}

/// Group, codes, and what they mean.
fn reason_object(given: &Given) -> Value {
    let rarcs: Vec<Value> = given
        .rarcs
        .iter()
        .flatten()
        .map(|rarc| json!({"rarc": rarc.to_string(), "means": reasons::rarc(rarc).map(|row| row.label.as_str())}))
        .collect();
    json!({"group": given.group.code(), "carc": given.carc.to_string(), "means": reasons::carc(&given.carc).map(|row| row.label.as_str()), "remarks": rarcs})
}

/// The step, then, further in, what it gave, where its facts stand and which row decided.
fn step_lines(told: &ToldStep) -> Vec<String> {
    let step = &told.step;
    let scope = if step.line == 0 { "claim".to_string() } else { format!("line {}", step.line) };
    let result = json!(step.result);
    let rule = if step.result == StepResult::NotReached {
        step.rule.as_str().to_string()
    } else {
        format!("{}: {}", step.id.domain(), step.id.sentence())
    };
    let mut lines = vec![format!(
        "  {scope:<8} {:<22} {:<13} {}  ({rule})",
        step.id,
        result.as_str().unwrap_or_default(),
        step.note
    )];
    if let Some(given) = &step.given {
        let label = |label: Option<&str>| label.unwrap_or("not in the tables").to_string();
        let mut means = vec![format!("{} {}", given.carc, label(reasons::carc(&given.carc).map(|row| row.label.as_str())))];
        for rarc in given.rarcs.iter().flatten() {
            means.push(format!("{rarc} {}", label(reasons::rarc(rarc).map(|row| row.label.as_str()))));
        }
        lines.push(format!("             gives {given}: {}", means.join("; ")));
    }
    for place in &told.places {
        let (evidence, at) = (place.evidence, place.evidence.segment);
        let loop_id = evidence.loop_id.map_or("?", LoopId::as_str);
        let bytes = place
            .bytes
            .map_or_else(|| "left out".to_string(), |bytes| format!("bytes {}..{}", bytes.start, bytes.end));
        lines.push(format!("             read  {loop_id} {} (segment {}), {bytes}", evidence.name(), at.ordinal));
    }
    if let Some(row) = &step.row {
        lines.push(format!("             by    {}", row_text(row)));
    }
    lines
}

fn row_text(row: &TableRow) -> String {
    let name = row
        .row
        .as_ref()
        .map_or_else(|| " (the member's own row)".to_string(), |name| format!(", {name}"));
    let day = |day: Option<chrono::NaiveDate>| day.map_or_else(|| "open".to_string(), |day| day.to_string());
    let effective = match (row.effective.from(), row.effective.to()) {
        (None, None) => String::new(),
        (from, to) => format!(", {} to {}", day(from), day(to)),
    };
    let digest = row.digest.map_or_else(String::new, |digest| format!("  [{digest}]"));
    format!("{}{name}{effective}{digest}", row.table)
}
