//! Worked examples of the rules: a claim file, the tables it meets, and what must come out.
//!
//! An example is `<rule-id>--<what-it-shows>.x12` with a `.toml` of the same name beside it; tables that it
//! does not set are those of `reference/` in the same directory. Examples are decided as the program
//! decides, each claim after the ones before it, but for the edits: a rule is shown also where an edit
//! would stop the claim first. A replacement or void names the claim before it by `C` and that claim's place
//! in the example, in 18 digits.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use serde::Deserialize;

use super::decide::determine_and_tell;
use super::inbound::InboundError;
use super::open_sets::for_each_claim;
use super::survey::survey;
use crate::adjudication::determination::{Determination, LineOutcome};
use crate::adjudication::facts::{EarlierLine, EarlierService, Facts, Known, OriginalClaim, OtherClaims, Receipt};
use crate::adjudication::other_claims::{self, Beside, ForLater};
use crate::adjudication::rule_id::RuleId;
use crate::adjudication::trace::StepResult;
use crate::adjudication::{Tables, frequency, line_identity};
use crate::claim::Claim;
use crate::claim::echo::ClaimEcho;
use crate::config::SeverityProfile;
use crate::finding::Finding;
use crate::ids::{Cin, ClaimId, Npi, Tin};
use crate::money::{Money, Quantity};
use crate::phi::Purpose;
use crate::tables::LoadError;
use crate::tables::refdata::authorizations::AuthorizationRow;
use crate::tables::refdata::{ReferenceData, ReferenceTable};
use crate::tables::rules::{RuleError, RulePack};

/// What an example says beside its claims.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sidecar {
    /// Day of receipt.
    received: NaiveDate,
    /// That of replacements and voids, where it is another.
    corrected: Option<NaiveDate>,
    /// `denied CO-29/N892 150.00`: outcome, paid, and each adjustment, of every line of every claim.
    lines: Vec<String>,
    /// Names of what is told beside the decisions, each with its amount.
    #[serde(default)]
    signals: Vec<String>,
    /// What the claims are told as a whole, in their order.
    #[serde(default)]
    remarks: Vec<String>,
    /// Why the claims wait, in their order.
    #[serde(default)]
    pended: Vec<String>,
    /// Rows by file name, in place of those of `reference/`; under its header unless they bring their own.
    #[serde(default)]
    rows: BTreeMap<String, Vec<String>>,
    /// Tables that were never loaded.
    #[serde(default)]
    without: Vec<String>,
    /// Changes of the rule pack's text.
    #[serde(default)]
    pack: Vec<Replacement>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Replacement {
    replace: String,
    with: String,
}

/// Why an example cannot be worked.
#[derive(Debug, thiserror::Error)]
pub enum ExampleError {
    #[error("{path}: cannot be read")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path}: {source}")]
    Sidecar { path: PathBuf, source: Box<toml::de::Error> },
    #[error("{path}: no reference table is called `{name}`")]
    UnknownTable { path: PathBuf, name: String },
    #[error("{path}: {source}")]
    Table { path: PathBuf, source: LoadError },
    #[error("{path}: its change of the rule pack: {source}")]
    Pack { path: PathBuf, source: RuleError },
    #[error("{path}: the rule pack does not hold what it changes")]
    NothingToChange { path: PathBuf },
    #[error("{path}: begins with no rule's id, expected <rule-id>--<what-it-shows>.x12")]
    Name { path: PathBuf },
    #[error("{path}: {source}")]
    Claims { path: PathBuf, source: Box<InboundError> },
    #[error("{path}: claim {ordinal} is rejected: {finding}")]
    Rejected { path: PathBuf, ordinal: u32, finding: Box<Finding> },
    #[error("{path}: an embedded reference table is unusable")]
    Embedded { path: PathBuf, source: LoadError },
}

/// An example and how it came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkedExample {
    pub name: String,
    /// The rule that it shows.
    pub id: RuleId,
    pub expected: Vec<String>,
    pub found: Vec<String>,
    /// How often each rule was the one that a step came to.
    pub fired: BTreeMap<RuleId, u64>,
}

impl WorkedExample {
    /// Everything came out as it says, and the rule had its part in it.
    pub fn holds(&self) -> bool {
        self.expected == self.found && self.fired.contains_key(&self.id)
    }
}

/// The examples of a directory, by name.
///
/// # Errors
/// [`ExampleError::Io`].
pub fn examples(directory: &Path) -> Result<Vec<PathBuf>, ExampleError> {
    let io_at = |source| ExampleError::Io {
        path: directory.to_path_buf(),
        source,
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(io_at)? {
        let path = entry.map_err(io_at)?.path();
        if path.extension().is_some_and(|extension| extension == "x12") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Works one example with a rule pack.
///
/// # Errors
/// [`ExampleError`].
pub fn work(path: &Path, rules: &RulePack) -> Result<WorkedExample, ExampleError> {
    let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let id = name.split_once("--").and_then(|(id, _)| id.parse::<RuleId>().ok());
    let id = id.ok_or_else(|| ExampleError::Name { path: path.to_path_buf() })?;
    let beside = path.with_extension("toml");
    let sidecar: Sidecar = toml::from_str(&read(&beside)?).map_err(|source| ExampleError::Sidecar {
        path: beside.clone(),
        source: Box::new(source),
    })?;
    let reference = reference(&sidecar, &path.with_file_name("reference"), &beside)?;
    let changed = changed_pack(&sidecar, rules, &beside)?;
    let bytes = read(path)?;
    let told = decide_told(
        bytes.as_bytes(),
        ReceivedOn {
            originals: sidecar.received,
            corrections: sidecar.corrected.unwrap_or(sidecar.received),
        },
        &Tables {
            rules: changed.as_ref().unwrap_or(rules),
            reference: &reference,
        },
    )
    .map_err(|source| ExampleError::Claims {
        path: path.to_path_buf(),
        source: Box::new(source),
    })?;
    if let Some((ordinal, finding)) = told.rejected.first() {
        return Err(ExampleError::Rejected {
            path: path.to_path_buf(),
            ordinal: *ordinal,
            finding: Box::new(*finding),
        });
    }
    let expected = [
        sidecar.lines,
        labelled("signal", &sidecar.signals),
        labelled("remark", &sidecar.remarks),
        labelled("pended", &sidecar.pended),
    ]
    .concat();
    Ok(WorkedExample {
        name,
        id,
        expected,
        found: told.came_out(),
        fired: told.fired,
    })
}

fn labelled(label: &str, texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| format!("{label} {text}")).collect()
}

fn read(path: &Path) -> Result<String, ExampleError> {
    fs::read_to_string(path).map_err(|source| ExampleError::Io {
        path: path.to_path_buf(),
        source,
    })
}

fn changed_pack(sidecar: &Sidecar, rules: &RulePack, beside: &Path) -> Result<Option<RulePack>, ExampleError> {
    if sidecar.pack.is_empty() {
        return Ok(None);
    }
    let mut text = rules.text().to_string();
    for change in &sidecar.pack {
        if !text.contains(&change.replace) {
            return Err(ExampleError::NothingToChange { path: beside.to_path_buf() });
        }
        text = text.replace(&change.replace, &change.with);
    }
    RulePack::parse(&text).map(Some).map_err(|source| ExampleError::Pack {
        path: beside.to_path_buf(),
        source,
    })
}

/// The embedded tables, those of the directory over them, the example's own rows over these.
fn reference(sidecar: &Sidecar, directory: &Path, beside: &Path) -> Result<ReferenceData, ExampleError> {
    let named = |name: &String| {
        ReferenceTable::of_file(name).ok_or_else(|| ExampleError::UnknownTable {
            path: beside.to_path_buf(),
            name: name.clone(),
        })
    };
    let without: Vec<ReferenceTable> = sidecar.without.iter().map(named).collect::<Result<_, _>>()?;
    let own: Vec<(ReferenceTable, &Vec<String>)> = sidecar.rows.iter().map(|(name, rows)| Ok((named(name)?, rows))).collect::<Result<_, _>>()?;
    let mut reference = ReferenceData::embedded().map_err(|source| ExampleError::Embedded {
        path: beside.to_path_buf(),
        source,
    })?;
    for table in ReferenceTable::ALL {
        let path = directory.join(table.file_name());
        let own = own.iter().find(|(of, _)| *of == table).map(|(_, rows)| rows.join("\n"));
        if without.contains(&table) || (own.is_none() && !path.exists()) {
            continue;
        }
        let common = if path.exists() { read(&path)? } else { String::new() };
        let header = common.lines().next().unwrap_or_default();
        let text = match own {
            None => common,
            Some(rows) if is_headed(&rows, header) => rows,
            Some(rows) => format!("{header}\n{rows}\n"),
        };
        let loaded = reference.with_table(table, text.as_bytes());
        reference = loaded.map_err(|source| ExampleError::Table {
            path: beside.to_path_buf(),
            source,
        })?;
    }
    Ok(reference)
}

/// Whether an example's rows begin with a header of their own, as columns beyond the common ones need.
fn is_headed(rows: &str, common_header: &str) -> bool {
    let first = |text: &str| text.split(',').next().unwrap_or_default().to_owned();
    common_header.is_empty() || first(rows) == first(common_header)
}

/// The day on which claims are received, and on which replacements and voids are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceivedOn {
    pub originals: NaiveDate,
    pub corrections: NaiveDate,
}

/// The decisions on a file's claims, and which rules they came to.
#[derive(Debug, Default)]
pub struct Told {
    pub determinations: Vec<Determination>,
    pub fired: BTreeMap<RuleId, u64>,
    /// What stopped the file (0) or the claim of this ordinal before any rule.
    pub rejected: Vec<(u32, Finding)>,
}

impl Told {
    /// In the words of a sidecar.
    fn came_out(&self) -> Vec<String> {
        let mut texts: Vec<String> = self.determinations.iter().flat_map(line_texts).collect();
        let signals = self.determinations.iter().flat_map(|determination| determination.signals());
        texts.extend(signals.map(|raised| {
            let amount = raised.amount.map(|amount| format!(" {amount}")).unwrap_or_default();
            format!("signal {}{amount}", raised.signal.as_str())
        }));
        let suspicions = self.determinations.iter().flat_map(|determination| determination.suspicions());
        texts.extend(suspicions.map(|suspicion| format!("signal {}", suspicion.signal.as_str())));
        let remarks = self.determinations.iter().flat_map(|determination| determination.remarks());
        texts.extend(remarks.map(|remark| format!("remark {remark}")));
        let pended = self.determinations.iter().filter_map(Determination::pend_reason);
        texts.extend(pended.map(|reason| format!("pended {}", reason.as_str())));
        texts
    }
}

/// Decides the claims of a file one after the other and tells each step; nothing is kept. The edits are
/// not run; what its structure rejects is not decided.
///
/// # Errors
/// [`InboundError`] when the bytes are no X12.
pub fn decide_told(bytes: &[u8], received: ReceivedOn, tables: &Tables<'_>) -> Result<Told, InboundError> {
    let survey = survey(&mut &*bytes, &SeverityProfile::default(), &mut |_, _| Vec::new())?;
    let (mut history, mut told) = (History::default(), Told::default());
    told.rejected.extend(survey.stop_finding().map(|finding| (0, finding)));
    for_each_claim(
        &mut &*bytes,
        &survey,
        &mut |open, header, assembled, _| {
            let claim = assembled.claim;
            let mut findings = open.verdict.findings_of(claim.ordinal).into_iter();
            if let Some(finding) = findings.find(Finding::rejects) {
                told.rejected.push((claim.ordinal, finding));
                return Ok(());
            }
            let receipt = Receipt {
                received_on: match claim.is_replacement() || claim.is_void() {
                    true => received.corrections,
                    false => received.originals,
                },
                is_encounter: header.is_encounter(),
            };
            let determination = history.decide(&claim, &receipt, tables);
            let reached = determination.trace().iter().filter(|step| step.result != StepResult::NotReached);
            for step in reached {
                *told.fired.entry(step.id).or_default() += 1;
            }
            told.determinations.push(determination);
            Ok::<(), InboundError>(())
        },
        &mut |_| {},
    )?;
    Ok(told)
}

/// What the ledger would remember of the claims before.
#[derive(Default)]
struct History {
    units: HashMap<AuthorizationRow, Quantity>,
    /// What was paid of codes that are counted over months, each with the place of its claim.
    services: Vec<(usize, EarlierService)>,
    claims: Vec<Remembered>,
}

/// Of a claim's lines, and of what it asks others for.
type Identities = (Vec<(u16, Vec<u8>)>, Vec<(Beside, Vec<u8>)>);

/// A claim of the example. Its payer's number is `C` and its place in 18 digits.
struct Remembered {
    cin: Option<Cin>,
    payee: (Option<Npi>, Option<Tin>),
    decided_on: NaiveDate,
    filed_on: NaiveDate,
    determination: Determination,
    /// Lines that stand, unless the claim was taken back.
    lines: Vec<Vec<u8>>,
    /// What it leaves for later claims, and what those ask that find it.
    for_later: ForLater,
    found_by: Vec<Vec<u8>>,
    /// The place of what took it back.
    reversed_by: Option<usize>,
}

impl History {
    fn decide(&mut self, claim: &Claim, receipt: &Receipt, tables: &Tables<'_>) -> Determination {
        let identities = claim.lines.iter().filter_map(|line| Some((line.number, line_identity(claim, line)?)));
        let identities: Vec<(u16, Vec<u8>)> = identities.collect();
        let (found, original) = match (claim.is_replacement() || claim.is_void()) && !receipt.is_encounter {
            true => self.original(claim),
            false => (None, Known::NotLoaded),
        };
        let replaced = found.filter(|_| claim.is_replacement());
        let standing = (0..)
            .zip(&self.claims)
            .filter(|(place, known)| known.reversed_by.is_none() && Some(*place) != replaced);
        let standing: HashSet<&Vec<u8>> = standing.flat_map(|(_, known)| &known.lines).collect();
        let duplicates = identities
            .iter()
            .filter(|(_, identity)| standing.contains(identity))
            .map(|(line, _)| EarlierLine {
                line: *line,
                earlier_claim: ClaimId::from_bytes([0; 16]),
            });
        let given_back = replaced
            .and_then(|place| self.claims.get(place))
            .map(|known| known.determination.consumed().to_vec());
        let units_used = |row| {
            let back = given_back.iter().flatten().filter(|consumed| consumed.row == row);
            back.fold(self.units.get(&row).copied().unwrap_or_default(), |used, consumed| used.less(consumed.units))
        };
        let gathered = Facts::gather(claim, tables.reference, &units_used, duplicates.collect(), original);
        let stands = |place: usize| {
            Some(place) != replaced
                && self
                    .claims
                    .get(place)
                    .is_some_and(|known| known.reversed_by.is_none() && known.cin == cin_of(claim))
        };
        let services = self.services.iter().filter(|(place, _)| stands(*place)).map(|(_, service)| service.clone());
        let asked = other_claims::asked(claim, &gathered, tables.rules, tables.reference);
        let facts = Facts {
            services: frequency::of_claim(claim, &services.collect::<Vec<_>>()),
            others: self.others(&asked, &stands),
            ..gathered
        };
        let determination = determine_and_tell(claim, receipt, &facts, tables);
        let place = self.claims.len();
        let paid = frequency::services_paid(claim_of(place), &ClaimEcho::of(claim), &determination, tables.reference);
        self.services.extend(paid.into_iter().map(|service| (place, service)));
        self.remember(claim, receipt, &determination, (identities, asked), found);
        determination
    }

    /// What claims before say.
    fn others(&self, asked: &[(Beside, Vec<u8>)], stands: &dyn Fn(usize) -> bool) -> OtherClaims {
        let mut others = OtherClaims::default();
        for (beside, identity) in asked {
            let standing = (0..).zip(&self.claims).filter(|(place, _)| stands(*place)).map(|(_, known)| known);
            standing
                .filter(|known| known.found_by.contains(identity))
                .for_each(|known| others.add(*beside, &known.for_later));
        }
        others
    }

    /// The claim that REF*F8 names, or what replaced it last.
    fn original(&self, claim: &Claim) -> (Option<usize>, Known<OriginalClaim>) {
        let number = claim.original_claim.as_ref().and_then(|number| number.value.as_str().strip_prefix('C'));
        let named = number.and_then(|place| place.parse::<usize>().ok()).and_then(|place| place.checked_sub(1));
        let of_member = |place: &usize| self.claims.get(*place).is_some_and(|known| known.cin == cin_of(claim));
        let Some(mut place) = named.filter(of_member) else {
            return (None, Known::Unknown);
        };
        let is_void = |by: usize| self.claims.get(by).is_some_and(|known| !known.determination.outcome().is_remitted());
        loop {
            let Some(known) = self.claims.get(place) else { return (None, Known::Unknown) };
            match known.reversed_by {
                Some(by) if !is_void(by) => place = by,
                by => {
                    let fact = OriginalClaim {
                        claim: claim_of(place),
                        version: 1,
                        decided_on: known.decided_on,
                        filed_on: known.filed_on,
                        outcome: known.determination.outcome(),
                        paid: known.determination.paid(),
                        is_of_same_payee: known.payee == payee_of(claim),
                        is_voided: by.is_some(),
                    };
                    return (Some(place), Known::Found(fact));
                }
            }
        }
    }

    fn remember(&mut self, claim: &Claim, receipt: &Receipt, determination: &Determination, (identities, asked): Identities, original: Option<usize>) {
        let place = self.claims.len();
        let for_later = ForLater::of(claim_of(place), &ClaimEcho::of(claim), determination);
        let reversed = original.filter(|_| determination.reverses().is_some());
        let filed_on = reversed.and_then(|original| self.claims.get(original)).map(|known| known.filed_on);
        if let Some(known) = reversed.and_then(|original| self.claims.get_mut(original)) {
            known.reversed_by = Some(place);
            for consumed in known.determination.consumed() {
                let used = self.units.entry(consumed.row).or_default();
                *used = used.less(consumed.units);
            }
        }
        for consumed in determination.consumed() {
            let used = self.units.entry(consumed.row).or_default();
            *used = *used + consumed.units;
        }
        let stands = |number: &u16| {
            let line = determination.lines().iter().find(|line| line.number() == *number);
            line.is_some_and(|line| matches!(line.outcome(), LineOutcome::Paid | LineOutcome::Pended))
        };
        self.claims.push(Remembered {
            cin: cin_of(claim),
            payee: payee_of(claim),
            decided_on: receipt.received_on,
            filed_on: filed_on.unwrap_or(receipt.received_on),
            determination: determination.clone(),
            lines: identities
                .into_iter()
                .filter(|(number, _)| stands(number))
                .map(|(_, identity)| identity)
                .collect(),
            found_by: asked
                .into_iter()
                .filter(|(beside, _)| for_later.has(*beside))
                .map(|(_, identity)| identity)
                .collect(),
            for_later,
            reversed_by: None,
        });
    }
}

fn cin_of(claim: &Claim) -> Option<Cin> {
    claim.subscriber.cin.map(|cin| *cin.expose_for(Purpose::Adjudicate))
}

fn payee_of(claim: &Claim) -> (Option<Npi>, Option<Tin>) {
    (claim.billing_provider.npi, claim.billing_provider.tin)
}

/// An id for the claim at a place.
fn claim_of(place: usize) -> ClaimId {
    ClaimId::from_bytes((place as u128 + 1).to_be_bytes())
}

/// `paid 122.05 CO-45 27.95` for each line.
fn line_texts(determination: &Determination) -> Vec<String> {
    let texts = determination.lines().iter().map(|line| {
        let mut text = match line.outcome() {
            LineOutcome::Paid => "paid",
            LineOutcome::Denied => "denied",
            LineOutcome::Pended => "pended",
            LineOutcome::Forwarded => "forwarded",
            LineOutcome::Recorded => "recorded",
        }
        .to_string();
        if line.amount_paid() > Money::ZERO {
            text.push_str(&format!(" {}", line.amount_paid()));
        }
        for adjustment in line.adjustments() {
            text.push_str(&format!(" {}-{}", adjustment.group.code(), adjustment.carc));
            if let Some(quantity) = adjustment.quantity {
                text.push_str(&format!("x{quantity}"));
            }
            adjustment.rarcs.iter().for_each(|rarc| text.push_str(&format!("/{rarc}")));
            text.push_str(&format!(" {}", adjustment.amount));
        }
        text
    });
    texts.collect()
}
