//! The generator's answer key against the decisions on its claims: two ways, one answer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::NaiveDate;
use claimstream::adjudication::determination::{Determination, LineOutcome};
use claimstream::adjudication::facts::{EarlierLine, Facts, Known, Receipt};
use claimstream::adjudication::other_claims::{self, ForLater};
use claimstream::adjudication::{Tables, adjudicate, line_identity};
use claimstream::claim::echo::ClaimEcho;
use claimstream::claim::{Assembler, Claim};
use claimstream::guide::walker::Walker;
use claimstream::ids::{ClaimId, Form};
use claimstream::limits;
use claimstream::money::Quantity;
use claimstream::phi::Purpose;
use claimstream::synthetic::{Mix, REFERENCE_FILES, Recipe, write_claims, write_key};
use claimstream::tables::guides::guide;
use claimstream::tables::refdata::authorizations::AuthorizationRow;
use claimstream::tables::refdata::{ReferenceData, ReferenceTable};
use claimstream::tables::rules::RulePack;
use claimstream::x12::tokenizer::for_each_segment;

/// Every claim of a file, in file order, with whether it is an encounter.
fn claims(file: &[u8]) -> Vec<(Claim, bool)> {
    let mut claims = Vec::new();
    let mut set: Option<(Walker<'_>, Assembler)> = None;
    for_each_segment(file, limits::READ_BYTES, |segment| {
        if segment.id() == b"ST" {
            let form = match segment.element(3) {
                b"005010X222A1" => Form::Professional,
                _ => Form::Institutional,
            };
            set = Some((Walker::new(guide(form).unwrap()), Assembler::new(form)));
        }
        let Some((walker, assembler)) = set.as_mut().filter(|_| segment.at.ordinal > 0) else {
            return;
        };
        let placed = walker.accept(segment);
        if let Some(assembled) = assembler.accept(segment, placed.loop_id, placed.starts_loop) {
            let is_encounter = assembler.header().claim_kind.is_some_and(|kind| kind.as_bytes() == b"RP");
            claims.push((*assembled.claim, is_encounter));
        }
    })
    .unwrap();
    claims
}

/// What the ledger would remember.
#[derive(Default)]
struct History {
    units: HashMap<AuthorizationRow, Quantity>,
    lines: HashSet<Vec<u8>>,
    /// What claims left for later ones, by what those ask.
    left: HashMap<Vec<u8>, Vec<ForLater>>,
    claims: u128,
}

impl History {
    fn decide(&mut self, claim: &Claim, is_encounter: bool, received_on: NaiveDate, tables: &Tables<'_>) -> Determination {
        let identities: Vec<(u16, Vec<u8>)> = claim.lines.iter().filter_map(|line| Some((line.number, line_identity(claim, line)?))).collect();
        let seen = identities.iter().filter(|(_, identity)| self.lines.contains(identity));
        let duplicates = seen
            .map(|(line, _)| EarlierLine {
                line: *line,
                earlier_claim: ClaimId::from_bytes([0; 16]),
            })
            .collect();
        let original = if claim.is_replacement() || claim.is_void() {
            Known::Unknown
        } else {
            Known::NotLoaded
        };
        let units_used = |row| self.units.get(&row).copied().unwrap_or_default();
        let mut facts = Facts::gather(claim, tables.reference, &units_used, duplicates, original);
        let asked = other_claims::asked(claim, &facts, tables.rules, tables.reference);
        for (beside, identity) in &asked {
            let left = self.left.get(identity).into_iter().flatten();
            left.for_each(|left| facts.others.add(*beside, left));
        }
        let determination = adjudicate(claim, &Receipt { received_on, is_encounter }, &facts, tables);
        self.claims += 1;
        let left = ForLater::of(ClaimId::from_bytes(self.claims.to_be_bytes()), &ClaimEcho::of(claim), &determination);
        for (beside, identity) in asked {
            if left.has(beside) {
                self.left.entry(identity).or_default().push(left.clone());
            }
        }
        for consumed in determination.consumed() {
            let used = self.units.entry(consumed.row).or_default();
            *used = *used + consumed.units;
        }
        for (number, identity) in identities {
            let line = determination.lines().iter().find(|line| line.number() == number);
            if line.is_some_and(|line| line.outcome() != LineOutcome::Denied) {
                self.lines.insert(identity);
            }
        }
        determination
    }
}

/// The `lines` column of the answer key.
fn lines(determination: &Determination) -> String {
    let lines: Vec<String> = determination
        .lines()
        .iter()
        .map(|line| {
            let adjustments = line.adjustments().iter().map(|adjustment| {
                let remarks: String = adjustment.rarcs.iter().map(|rarc| format!("/{rarc}")).collect();
                format!("{}-{}{remarks}={}", adjustment.group.code(), adjustment.carc, adjustment.amount)
            });
            let outcome = serde_json::to_string(&line.outcome()).unwrap().replace('"', "");
            format!(
                "{}:{outcome}:{}:{}",
                line.number(),
                line.amount_paid(),
                adjustments.collect::<Vec<_>>().join("+")
            )
        })
        .collect();
    lines.join("|")
}

fn reference(recipe: &Recipe) -> ReferenceData {
    REFERENCE_FILES.iter().fold(ReferenceData::embedded().unwrap(), |reference, file| {
        let mut text = Vec::new();
        file.write(recipe, &mut text).unwrap();
        reference.with_table(ReferenceTable::of_file(file.file_name).unwrap(), text.as_slice()).unwrap()
    })
}

#[test]
fn every_claim_comes_out_as_its_key_says() {
    let anchor = NaiveDate::from_ymd_opt(2026, 11, 1).unwrap();
    for (mix, seed) in [(Mix::Professional, 1), (Mix::Institutional, 2), (Mix::Both, 3)] {
        let recipe = Recipe::new(mix, 3_000, seed, 200, anchor).unwrap();
        let (mut file, mut key) = (Vec::new(), Vec::new());
        write_claims(&recipe, &mut file).unwrap();
        write_key(&recipe, &mut key).unwrap();
        let reference = reference(&recipe);
        let tables = Tables {
            rules: RulePack::embedded().unwrap(),
            reference: &reference,
        };
        let mut history = History::default();
        let mut differences: BTreeMap<String, (usize, String)> = BTreeMap::new();
        let mut scenarios: BTreeMap<String, usize> = BTreeMap::new();
        let decided = claims(&file);
        let mut rows = csv::Reader::from_reader(key.as_slice());
        let rows: Vec<csv::StringRecord> = rows.records().map(Result::unwrap).collect();
        assert_eq!(decided.len(), rows.len());
        for ((claim, is_encounter), row) in decided.iter().zip(&rows) {
            let [_, _, _, _, pcn, _, scenario, outcome, _, paid, expected] = row.iter().collect::<Vec<_>>()[..] else {
                panic!("eleven columns expected")
            };
            assert_eq!(claim.patient_control_number.expose_for(Purpose::Synthesise), pcn);
            if outcome == "rejected" {
                continue;
            }
            *scenarios.entry(scenario.to_string()).or_default() += 1;
            let determination = history.decide(claim, *is_encounter, anchor, &tables);
            let found = (determination.outcome().as_str(), determination.paid().to_string(), lines(&determination));
            if found != (outcome, paid.to_string(), expected.to_string()) {
                let text = || format!("expected {outcome} {paid} {expected}, found {} {} {}", found.0, found.1, found.2);
                differences.entry(scenario.to_string()).or_insert_with(|| (0, text())).0 += 1;
            }
        }
        assert!(scenarios.len() >= 20, "{scenarios:?}");
        assert!(differences.is_empty(), "{differences:#?}");
    }
}
