//! `rules check|test`: a rule pack before it decides anything.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use clap::Subcommand;
use serde_json::json;

use super::output::{Exit, Failure, Output};
use crate::adjudication::Tables;
use crate::adjudication::rule_id::{Reasons, RuleId};
use crate::config::Config;
use crate::pipeline::house::{HouseError, rule_pack};
use crate::pipeline::inbound::InboundError;
use crate::pipeline::rule_examples::{ExampleError, ReceivedOn, WorkedExample, decide_told, examples, work};
use crate::synthetic::{Mix, REFERENCE_FILES, Recipe, RecipeError, write_claims};
use crate::tables::LoadError;
use crate::tables::refdata::{ReferenceData, ReferenceTable};
use crate::tables::rules::RulePack;

/// Where the worked examples stand in the source.
const EXAMPLES: &str = "fixtures/rules";

/// Rule packs: check one, and work its examples.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  claimstream rules check config/rules\n  claimstream rules test --coverage")]
pub enum RulesCommand {
    /// Does a rule pack parse, are its codes current, does every exemption come out as its examples say?
    #[command(
        after_help = "Exit 2 and the place when something is wrong with the pack, 3 when there is none.\n\nExamples:\n  claimstream rules check\n  claimstream rules check config/rules --json"
    )]
    Check {
        /// Directory with calop.toml; left out: the pack in force.
        pack: Option<PathBuf>,
    },
    /// Decide the worked examples with a rule pack and compare with what they say.
    #[command(
        after_help = "An example is <rule-id>--<what-it-shows>.x12 with a .toml beside it: day of receipt, outcome of every line,\nrows of tables. Exit 4 when one comes out otherwise or, with --coverage, when a rule never fired.\n\nExamples:\n  claimstream rules test\n  claimstream rules test new-rules --examples fixtures/rules --coverage --json"
    )]
    Test {
        /// Directory with calop.toml; left out: the pack in force.
        pack: Option<PathBuf>,
        /// Directory of the worked examples.
        #[arg(long, value_name = "DIR", default_value = EXAMPLES)]
        examples: PathBuf,
        /// Count how often each rule fired, over the examples and over generated claims with errors.
        #[arg(long)]
        coverage: bool,
    },
}

impl RulesCommand {
    pub fn run(self, config: &Config, output: &Output) -> Result<Exit, Failure> {
        match self {
            RulesCommand::Check { pack } => check(&open_pack(config, pack)?, output),
            RulesCommand::Test { pack, examples, coverage } => test(&open_pack(config, pack)?, &examples, coverage, output),
        }
    }
}

fn open_pack(config: &Config, pack: Option<PathBuf>) -> Result<RulePack, Failure> {
    let mut config = config.clone();
    config.rules.dir = pack.or(config.rules.dir);
    rule_pack(&config).map_err(|error| match error {
        HouseError::Io { path, source } if source.kind() == std::io::ErrorKind::NotFound => {
            Failure::not_found(format!("{}: no such file, expected a directory with calop.toml", path.display()))
        }
        other => other.into(),
    })
}

fn check(rules: &RulePack, output: &Output) -> Result<Exit, Failure> {
    let examples: usize = rules.exemptions.iter().map(|exemption| exemption.example_count()).sum();
    let fixed = |id: &&RuleId| matches!(id.reasons(), Reasons::Fixed(_));
    output.object(&json!({
        "type": "result", "pack": rules.name, "digest": rules.digest(), "exemptions": rules.exemptions.len(), "examples": examples,
        "rules": RuleId::ALL.len(), "rules_with_reasons": RuleId::ALL.iter().filter(fixed).count(),
    }))?;
    output.text(&format!(
        "rule pack {} {}: {} exemptions hold by {examples} examples, every reason may be sent",
        rules.name,
        rules.digest(),
        rules.exemptions.len()
    ))?;
    Ok(Exit::Done)
}

/// Why a test could not be carried out.
#[derive(Debug, thiserror::Error)]
enum TestError {
    #[error(transparent)]
    Example(#[from] ExampleError),
    #[error("generated claims cannot be decided")]
    Generated(#[from] InboundError),
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    #[error("generated reference data")]
    Reference(#[from] LoadError),
    #[error("generated claims cannot be written")]
    Write(#[from] std::io::Error),
}

impl From<TestError> for Failure {
    fn from(error: TestError) -> Failure {
        match &error {
            TestError::Example(ExampleError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Failure::not_found(error),
            TestError::Example(_) => Failure::usage(error),
            TestError::Generated(_) | TestError::Recipe(_) | TestError::Reference(_) | TestError::Write(_) => Failure::unfinished(error),
        }
    }
}

fn test(rules: &RulePack, directory: &Path, coverage: bool, output: &Output) -> Result<Exit, Failure> {
    let (mut failed, mut fired) = (0_u64, BTreeMap::new());
    let paths = examples(directory).map_err(TestError::from)?;
    for path in &paths {
        let worked = work(path, rules).map_err(TestError::from)?;
        failed += u64::from(!worked.holds());
        print_example(&worked, output)?;
        add(&mut fired, &worked.fired);
    }
    let of_pack: usize = rules.exemptions.iter().map(|exemption| exemption.example_count()).sum();
    let never_fired = if coverage {
        let generated = generated(rules)?;
        print_coverage(&fired, &generated, output)?;
        RuleId::ALL
            .iter()
            .copied()
            .filter(|id| !fired.contains_key(id) && !generated.contains_key(id))
            .collect()
    } else {
        Vec::new()
    };
    output.object(&json!({
        "type": "result", "pack": rules.name, "digest": rules.digest(), "examples": paths.len(), "examples_of_pack": of_pack, "failed": failed,
        "rules": RuleId::ALL.len(), "never_fired": coverage.then_some(&never_fired),
    }))?;
    output.text(&format!(
        "{} examples, {failed} came out otherwise; {of_pack} of the pack's own hold",
        paths.len()
    ))?;
    if coverage {
        let names: Vec<&str> = never_fired.iter().map(|id| id.as_str()).collect();
        output.text(&match names.is_empty() {
            true => format!("each of {} rules fired", RuleId::ALL.len()),
            false => format!("{} of {} rules never fired: {}", names.len(), RuleId::ALL.len(), names.join(", ")),
        })?;
    }
    Ok(if failed > 0 || !never_fired.is_empty() { Exit::Findings } else { Exit::Done })
}

fn print_example(worked: &WorkedExample, output: &Output) -> Result<(), Failure> {
    let holds = worked.holds();
    output.object(&json!({
        "type": "example", "name": worked.name, "id": worked.id, "holds": holds, "fired": worked.fired.contains_key(&worked.id),
        "expected": worked.expected, "found": worked.found,
    }))?;
    if holds {
        return Ok(());
    }
    output.text(&format!("{}: comes out otherwise", worked.name))?;
    output.text(&format!("  expected {}", worked.expected.join("; ")))?;
    output.text(&format!("  found    {}", worked.found.join("; ")))?;
    if !worked.fired.contains_key(&worked.id) {
        output.text(&format!("  and {} had no part in it", worked.id))?;
    }
    Ok(())
}

fn print_coverage(examples: &BTreeMap<RuleId, u64>, generated: &BTreeMap<RuleId, u64>, output: &Output) -> Result<(), Failure> {
    output.text(&format!("{:<32} {:<9} {:>9} {:>9}  says", "rule", "DOMAIN", "examples", "generated"))?;
    for id in RuleId::ALL {
        let count = |fired: &BTreeMap<RuleId, u64>| fired.get(id).copied().unwrap_or_default();
        let reasons = match id.reasons() {
            Reasons::None => Vec::new(),
            Reasons::Fixed(reasons) => reasons.to_vec(),
            Reasons::OfItsRow => vec!["of its row"],
        };
        output.object(&json!({
            "type": "rule", "id": id, "step": id.step(), "domain": id.domain(), "says": id.sentence(), "reasons": reasons,
            "examples": count(examples), "generated": count(generated),
        }))?;
        output.text(&format!(
            "{id:<32} {:<9} {:>9} {:>9}  {}",
            id.domain(),
            count(examples),
            count(generated),
            id.sentence()
        ))?;
    }
    Ok(())
}

fn add(sum: &mut BTreeMap<RuleId, u64>, fired: &BTreeMap<RuleId, u64>) {
    for (id, times) in fired {
        *sum.entry(*id).or_default() += times;
    }
}

/// What fires over the generator's error mix: those of its claims that are well formed.
fn generated(rules: &RulePack) -> Result<BTreeMap<RuleId, u64>, TestError> {
    const CLAIMS: u64 = 2_000;
    const ERRORS_PER_MILLE: u32 = 400;
    let anchor = NaiveDate::from_ymd_opt(2026, 11, 1).unwrap_or_default();
    let recipe = Recipe::new(Mix::Both, CLAIMS, 1, ERRORS_PER_MILLE, anchor)?;
    let mut reference = ReferenceData::embedded()?;
    for file in REFERENCE_FILES {
        let Some(table) = ReferenceTable::of_file(file.file_name) else { continue };
        let mut text = Vec::new();
        file.write(&recipe, &mut text)?;
        reference = reference.with_table(table, text.as_slice())?;
    }
    let mut file = Vec::new();
    write_claims(&recipe, &mut file)?;
    let tables = Tables { rules, reference: &reference };
    let received = ReceivedOn {
        originals: anchor,
        corrections: anchor,
    };
    Ok(decide_told(&file, received, &tables)?.fired)
}
