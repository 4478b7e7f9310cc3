//! `demo`: the main job on synthetic claims, from nothing to balanced 835s.

use std::fs::File;
use std::path::Path;

use clap::Args;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::json;

use super::generate::{default_anchor, to_file, write_reference};
use super::ingest::{ingest_files, open_house};
use super::output::{Exit, Failure, Output, claims, claims_text};
use crate::config::Config;
use crate::durable::create_directory;
use crate::events::fact::Fact;
use crate::ids::ClaimId;
use crate::ledger::Ledger;
use crate::pipeline::house::House;
use crate::pipeline::outcome_check::check;
use crate::pipeline::reference_store;
use crate::synthetic::{Mix, Recipe, write_claims, write_key};
use crate::tables::refdata::Origin;

/// The main job on synthetic claims: reference data, files, decisions, events, 835s.
#[derive(Debug, Args)]
#[command(
    after_help = "Everything goes under the data directory; nothing else needs to run. Exit 0 when every claim came out\nas the answer key says.\n\nExample:\n  claimstream demo --claims 20000"
)]
pub struct Demo {
    /// Number of claims.
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    claims: u64,
    /// Seed: another one makes other people, dates and amounts.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Percent of the claims that get one known defect each.
    #[arg(long, value_name = "PCT", default_value = "5")]
    errors: Decimal,
}

impl Demo {
    pub fn run(self, config: Config, output: &Output) -> Result<Exit, Failure> {
        let per_mille = (self.errors * Decimal::TEN)
            .to_u32()
            .ok_or_else(|| Failure::usage("--errors: expected a percentage from 0 to 90"))?;
        let recipe = Recipe::new(Mix::Both, self.claims, self.seed, per_mille, default_anchor(&config)).map_err(Failure::usage)?;
        let mut house = open_house(config, output)?;
        let place = house.directory.root().join("demo");
        create_directory(&place).map_err(Failure::unfinished)?;
        let (file, key, tables) = (
            place.join(format!("claims-{}-{}.837", self.seed, self.claims)),
            place.join("key.csv"),
            place.join("refdata"),
        );
        to_file(&file, |out| write_claims(&recipe, out))?;
        to_file(&key, |out| write_key(&recipe, out))?;
        write_reference(&recipe, &tables)?;
        refuse_to_replace(&house, &tables)?;
        house.reference = reference_store::load(&house.directory.refdata(), &house.keys, &tables).map_err(Failure::unfinished)?;
        output.text(&format!(
            "made {} claims, their reference data and answer key under {}",
            self.claims,
            place.display()
        ))?;
        let ingested = ingest_files(&mut house, std::slice::from_ref(&file), None, None, None, false, output)?;
        let outcomes = check(&house.ledger, File::open(&key)?).map_err(Failure::unfinished)?;
        if output.is_json() {
            output.object(&json!({
                "type": "result", "claims": claims(&ingested.counts), "charge": ingested.counts.charge, "paid": ingested.counts.amount_paid,
                "remittances": ingested.remittances, "events": ingested.delivery.events, "acknowledgements": ingested.delivery.acknowledgements,
                "conservation": ingested.counts.conservation(), "duplicates": ingested.duplicates, "as_expected": outcomes.matched,
                "different": outcomes.different, "missing": outcomes.missing, "data_dir": house.directory.root().display().to_string(),
            }))?;
        } else {
            ingested.print(output)?;
            output.text(&format!(
                "{} outcomes as the answer key says, {} different, {} missing",
                outcomes.matched, outcomes.different, outcomes.missing
            ))?;
        }
        for difference in &outcomes.differences {
            output.note(difference);
        }
        if ingested.counts.received > 0 {
            output.note(&claims_text(&ingested.counts));
        }
        next_steps(&house, &file, output)?;
        Ok(if !outcomes.is_clean() {
            Exit::Findings
        } else if ingested.counts.conservation() != 0 {
            Exit::Integrity
        } else {
            Exit::Done
        })
    }
}

/// Reference data that someone loaded is not the demo's to replace.
fn refuse_to_replace(house: &House, tables: &Path) -> Result<(), Failure> {
    let loaded = &house.reference;
    let after = reference_store::read_directory(loaded, tables).map_err(Failure::unfinished)?;
    if after.digest() == loaded.digest() || loaded.contents().iter().all(|content| content.origin != Origin::Loaded) {
        return Ok(());
    }
    let root = house.directory.root().display();
    Err(Failure::usage(format!(
        "{root}: other reference data is loaded here (by refdata load, or a demo of another size, seed or month), and the demo would replace it; use another --data-dir"
    )))
}

/// What to try next, with a claim and a payment that exist.
fn next_steps(house: &House, file: &Path, output: &Output) -> Result<(), Failure> {
    let claim = denied_claim(house)?.map_or_else(|| "CLAIM".to_string(), |claim| claim.to_string());
    let root = house.directory.root().display();
    output.text("")?;
    output.text("Try next:")?;
    output.text(&format!("  claimstream --data-dir {root} status"))?;
    output.text(&format!("  claimstream --data-dir {root} explain {claim} --verify"))?;
    output.text(&format!("  claimstream remit check {root}/outbound/835/*/*.835"))?;
    output.text(&format!("  claimstream --data-dir {root} replay --all --dry-run"))?;
    output.text(&format!(
        "  claimstream --data-dir {root} ingest {}      # the same file again pays nothing more",
        file.display()
    ))?;
    output.text(&format!("  claimstream --data-dir {root} topics tail decisions --max 1"))?;
    Ok(())
}

/// A claim with a story to tell: the first one with a denied line.
fn denied_claim(house: &House) -> Result<Option<ClaimId>, Failure> {
    let facts = house.ledger.facts(1, 4_096)?;
    Ok(facts.into_iter().find_map(|(_, fact)| match fact {
        Fact::ClaimAdjudicated(decision) if decision.determination.carcs().any(|carc| carc.as_str() != "45") => Some(decision.claim_id),
        _ => None,
    }))
}
