//! `explain`: decision → rule → facts → segment and bytes.

use clap::Args;
use serde_json::json;

use super::ingest::look_into_house;
use super::output::{Exit, Failure, Output};
use crate::config::Config;
use crate::ids::ClaimId;
use crate::pipeline::explain::{Explanation, explain};

/// Why a claim was decided as it was, down to the bytes of the archived file.
#[derive(Debug, Args)]
#[command(
    after_help = "The steps are the ones adjudication took, run again on the facts that were stored with the decision.\nValues of the claim are never shown, only where they stand.\n\nExample:\n  claimstream explain 5f0c9a1be3d24c7f9f1f2f7f5a0b6c1d --line 2 --verify"
)]
pub struct Explain {
    /// Claim id, as events and `status` show it.
    claim: ClaimId,
    /// Only this service line (LX01).
    #[arg(long, value_name = "N")]
    line: Option<u16>,
    /// Read the evidence again from the archive and check that the decision comes out the same.
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
        output.text(&format!("rules {}  reference data {}", decision.rules, decision.refdata))?;
        for line in decision
            .determination
            .lines()
            .iter()
            .filter(|line| self.line.is_none_or(|wanted| wanted == line.number()))
        {
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
        for step in steps.iter().filter(|step| self.line.is_none_or(|wanted| step.line == 0 || wanted == step.line)) {
            let evidence = step
                .evidence
                .map(|at| json!({"segment": at.tag.text(), "segment_ordinal": at.ordinal, "bytes": [at.range().start, at.range().end]}));
            output.object(&json!({"type": "step", "line": step.line, "rule": step.rule, "result": step.result, "note": step.note, "evidence": evidence}))?;
            let place = step.evidence.map_or_else(String::new, |at| {
                format!("  [{} segment {}, bytes {}..{}]", at.tag, at.ordinal, at.range().start, at.range().end)
            });
            let scope = if step.line == 0 { "claim".to_string() } else { format!("line {}", step.line) };
            output.text(&format!(
                "  {scope:<8} {:<20} {:<13} {}{place}",
                step.rule.as_str(),
                json!(step.result).as_str().unwrap_or_default(),
                step.note
            ))?;
        }
        let verified = self.verify.then_some(*same_again && *bytes_hold);
        output.object(&json!({
            "type": "result", "claim_id": decision.claim_id, "version": decision.version, "outcome": decision.determination.outcome(), "charge": decision.determination.charge(),
            "paid": decision.determination.paid(), "source": {"file": source.file, "isa13": source.isa13, "st02": source.st02, "ordinal": source.ordinal, "bytes": [source.bytes.start, source.bytes.end]},
            "rules": decision.rules, "refdata": decision.refdata, "same_again": same_again, "verified": verified,
        }))?;
        if let Some(verified) = verified {
            output.text(if verified {
                "verified: the archived bytes are unchanged and the decision comes out the same"
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
