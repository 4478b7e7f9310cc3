//! The answer key: one CSV row per claim, in file order, with what must come of it.

use std::io::{self, Write};

use super::claim::{Claim, Outcome};
use super::corrections;
use super::maker::Maker;
use super::plan::{Group, Set};
use super::recipe::Recipe;
use super::wire::set_control;

const COLUMNS: [&str; 11] = [
    "isa13", "gs06", "st02", "ordinal", "pcn", "form", "scenario", "outcome", "charge", "paid", "lines",
];

/// Writes the answer key of a recipe.
///
/// `lines` is empty for a rejected claim, else `number:outcome:paid:adjustments` joined by `|`, the
/// adjustments `CO-45=27.95` or `CO-197/M62=27.95`, each with its remarks, joined by `+`. `charge` is CLM02; a claim that pays nothing has `paid`
/// 0.00.
///
/// # Errors
/// Those of `out`.
pub fn write_key(recipe: &Recipe, out: &mut impl Write) -> io::Result<()> {
    let maker = Maker::new(recipe);
    let mut key = csv::Writer::from_writer(out);
    key.write_record(COLUMNS)?;
    for interchange in maker.plan().interchanges() {
        for group in &interchange.groups {
            for set in &group.sets {
                for offset in 0..set.claims {
                    let claim = maker.claim(group.form, set.first_of_form + offset);
                    key.write_record(row(interchange.isa13, group, set, offset + 1, &claim))?;
                }
            }
        }
    }
    key.flush()
}

/// Writes the answer key of the recipe's corrections, for a ledger that has taken in its file.
///
/// # Errors
/// Those of `out`.
pub fn write_corrections_key(recipe: &Recipe, out: &mut impl Write) -> io::Result<()> {
    let maker = Maker::new(recipe);
    let mut key = csv::Writer::from_writer(out);
    key.write_record(COLUMNS)?;
    for interchange in corrections::plan(&maker) {
        for group in &interchange.groups {
            for set in &group.sets {
                let corrected = (0..set.claims).filter_map(|offset| corrections::of(&maker, group.form, set, offset));
                for (ordinal, claim) in (1..).zip(corrected) {
                    key.write_record(row(corrections::isa13(&interchange), group, set, ordinal, &claim))?;
                }
            }
        }
    }
    key.flush()
}

fn row(isa13: u64, group: &Group, set: &Set, ordinal: u64, claim: &Claim) -> [String; 11] {
    [
        format!("{isa13:09}"),
        group.gs06.to_string(),
        set_control(set),
        ordinal.to_string(),
        claim.control_number(),
        group.form.as_str().to_string(),
        claim.scenario.name().to_string(),
        claim.outcome().name().to_string(),
        claim.charge().to_string(),
        claim.paid().to_string(),
        lines(claim),
    ]
}

fn lines(claim: &Claim) -> String {
    if claim.outcome() == Outcome::Rejected {
        return String::new();
    }
    let lines: Vec<String> = (1..)
        .zip(&claim.lines)
        .map(|(number, line)| {
            let adjustments: Vec<String> = line.decision.adjustments.iter().map(|(reason, amount)| format!("{reason}={amount}")).collect();
            format!("{number}:{}:{}:{}", line.decision.outcome.name(), line.decision.paid, adjustments.join("+"))
        })
        .collect();
    lines.join("|")
}
