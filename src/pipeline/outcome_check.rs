//! Decisions against an answer key: every claim of the key must have come out as it says.

use std::collections::HashMap;
use std::io::Read;

use crate::adjudication::determination::Determination;
use crate::events::fact::Fact;
use crate::ledger::{Ledger, LedgerError};

/// How many claims came out as the key says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutcomeCheck {
    pub matched: u64,
    /// The first differences, as `isa13/gs06/st02/ordinal scenario: expected …, found …`. Synthetic only.
    pub differences: Vec<String>,
    pub different: u64,
    /// Claims of the key without a decision.
    pub missing: u64,
}

impl OutcomeCheck {
    pub fn is_clean(&self) -> bool {
        self.different == 0 && self.missing == 0
    }
}

/// Why a key can't be compared.
#[derive(Debug, thiserror::Error)]
pub enum OutcomeCheckError {
    #[error("the answer key is not one of ours")]
    Key(#[from] csv::Error),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// ISA13, GS06, ST02 and the claim's ordinal.
type Place = (String, String, String, u32);

struct Expected {
    scenario: String,
    outcome: String,
    paid: String,
    lines: String,
}

const DIFFERENCES_SHOWN: usize = 20;

/// Compares the latest outcome of every claim in the journal with the key of its file.
///
/// # Errors
/// [`OutcomeCheckError`].
pub fn check(ledger: &impl Ledger, key: impl Read) -> Result<OutcomeCheck, OutcomeCheckError> {
    let mut expected = read_key(key)?;
    let mut check = OutcomeCheck::default();
    let mut from = 1;
    loop {
        let facts = ledger.facts(from, 4_096)?;
        let Some((last, _)) = facts.last() else { break };
        from = last + 1;
        for (_, fact) in &facts {
            let (source, outcome, paid, lines) = match fact {
                Fact::ClaimAdjudicated(decision) => {
                    let determination = &decision.determination;
                    (
                        &decision.source,
                        determination.outcome().as_str(),
                        determination.paid().to_string(),
                        lines(determination),
                    )
                }
                Fact::ClaimRejected(rejection) => (&rejection.source, "rejected", "0.00".to_string(), String::new()),
                _ => continue,
            };
            let place = (source.isa13.to_string(), source.gs06.to_string(), source.st02.to_string(), source.ordinal);
            let Some(wanted) = expected.remove(&place) else { continue };
            if (wanted.outcome.as_str(), &wanted.paid, &wanted.lines) == (outcome, &paid, &lines) {
                check.matched += 1;
            } else {
                check.different += 1;
                if check.differences.len() < DIFFERENCES_SHOWN {
                    let Expected {
                        scenario,
                        outcome: wanted_outcome,
                        paid: wanted_paid,
                        lines: wanted_lines,
                    } = wanted;
                    check.differences.push(format!(
                        "{}/{}/{}/{} {scenario}: expected {wanted_outcome} {wanted_paid} {wanted_lines}, found {outcome} {paid} {lines}",
                        place.0, place.1, place.2, place.3
                    ));
                }
            }
        }
    }
    check.missing = expected.len() as u64;
    Ok(check)
}

fn read_key(key: impl Read) -> Result<HashMap<Place, Expected>, csv::Error> {
    #[derive(serde::Deserialize)]
    struct Row {
        isa13: String,
        gs06: String,
        st02: String,
        ordinal: u32,
        scenario: String,
        outcome: String,
        paid: String,
        lines: String,
    }
    csv::Reader::from_reader(key)
        .deserialize()
        .map(|row| {
            let Row {
                isa13,
                gs06,
                st02,
                ordinal,
                scenario,
                outcome,
                paid,
                lines,
            } = row?;
            Ok((
                (isa13, gs06, st02, ordinal),
                Expected {
                    scenario,
                    outcome,
                    paid,
                    lines,
                },
            ))
        })
        .collect()
}

/// `number:outcome:paid:adjustments` joined by `|`, as the key spells them.
fn lines(determination: &Determination) -> String {
    let lines: Vec<String> = determination
        .lines()
        .iter()
        .map(|line| {
            let adjustments: Vec<String> = line
                .adjustments()
                .iter()
                .map(|adjustment| {
                    let remarks: String = adjustment.rarcs.iter().map(|rarc| format!("/{rarc}")).collect();
                    format!("{}-{}{remarks}={}", adjustment.group.code(), adjustment.carc, adjustment.amount)
                })
                .collect();
            let outcome = serde_json::to_value(line.outcome())
                .ok()
                .and_then(|outcome| outcome.as_str().map(str::to_string))
                .unwrap_or_default();
            format!("{}:{outcome}:{}:{}", line.number(), line.amount_paid(), adjustments.join("+"))
        })
        .collect();
    lines.join("|")
}
