//! Acknowledgements and 835s, rendered from journal facts to bytes: the same bytes each time.

use std::io::{self, Write};

use compact_str::CompactString;

use crate::acks::ack_999::{Acknowledgement, ReceivedGroup, ReceivedSet};
use crate::acks::status_277ca::{AnsweredClaim, AnsweredSet, ClaimAcknowledgement, Organisation, ProviderRun, StatusTotals, TotalsDiffer};
use crate::acks::ta1::{self, InterchangeVerdict, ReceivedInterchange};
use crate::adjudication::decision::ClaimSource;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::config::Payer;
use crate::envelope::Interchange;
use crate::events::fact::{AckBuilt, Answer, DeadReason, Fact, FactHead, RemitBuilt, SetParties};
use crate::ids::{FileDigest, Npi};
use crate::ledger::{Ledger, LedgerError, Seq};
use crate::phi::Phi;
use crate::remittance::balance::BalanceCheck;
use crate::remittance::payment_batch::{self, Balances, BankAccount, Payee, PaymentMethod, PaymentTotals, RemittedClaim};
use crate::remittance::writer_835::{Remittance, RemittanceError, RemittanceHeader};
use crate::x12::outgoing::{Envelope, InterchangeParty, Usage};
use crate::x12::tokenizer::{Step, TokenError, Tokenizer};

/// Facts read at once while rendering: bounds memory for an answer of any size, and for as many answers
/// as there are threads.
const FACTS_AT_ONCE: usize = 256;

/// Claims of a set that a 277CA keeps between its two walks, some 8 MB; those beyond are read twice.
const CLAIMS_KEPT: usize = 8_192;

/// Why an answer is not written.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    #[error("the answer cannot be written")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("the totals of a 277CA do not fit its claims: {0}")]
    Totals(#[from] TotalsDiffer),
    #[error("the 835 is refused: {0}")]
    Remittance(#[from] RemittanceError),
    #[error("the 835 {trace} is refused, it does not balance: {finding}")]
    Unbalanced { trace: String, finding: String },
    #[error("the 835 is refused, it cannot be read back: {0}")]
    Unreadable(#[from] TokenError),
    #[error("the journal has something else where a claim of this answer should stand")]
    NotAClaim,
}

impl AnswerError {
    /// This answer can't be given, as against: nothing can be written now.
    pub fn is_about_the_answer(&self) -> bool {
        match self {
            AnswerError::Io(_) | AnswerError::Ledger(_) => false,
            AnswerError::Totals(_) | AnswerError::Remittance(_) | AnswerError::Unbalanced { .. } | AnswerError::Unreadable(_) | AnswerError::NotAClaim => true,
        }
    }

    /// By what name it is put aside.
    pub fn dead_reason(&self) -> DeadReason {
        match self {
            AnswerError::Totals(_)
            | AnswerError::Unbalanced { .. }
            | AnswerError::Remittance(RemittanceError::TotalsDiffer { .. } | RemittanceError::NegativePayment(_)) => DeadReason::Unbalanced,
            AnswerError::Io(_) | AnswerError::Ledger(_) | AnswerError::Remittance(_) | AnswerError::Unreadable(_) | AnswerError::NotAClaim => {
                DeadReason::Unwritable
            }
        }
    }
}

/// Where the claims of an answer are read from.
pub trait ClaimFacts {
    /// Up to `count` facts from `from` on.
    ///
    /// # Errors
    /// [`LedgerError`].
    fn claim_facts(&self, from: Seq, count: usize) -> Result<Vec<(Seq, FactHead)>, LedgerError>;
}

impl<L: Ledger> ClaimFacts for L {
    fn claim_facts(&self, from: Seq, count: usize) -> Result<Vec<(Seq, FactHead)>, LedgerError> {
        self.fact_heads(from, count)
    }
}

/// Writes an acknowledgement.
///
/// # Errors
/// [`AnswerError`].
pub fn write_acknowledgement(claims: &impl ClaimFacts, config: &Config, ack: &AckBuilt, out: &mut dyn Write) -> Result<(), AnswerError> {
    let envelope = envelope_back(config, &ack.interchange, ack.control_number, ack.built_at);
    match &ack.answer {
        Answer::Interchange { note } => {
            let Interchange {
                control_number, date, time, ..
            } = ack.interchange.clone();
            let verdict = note.map_or(InterchangeVerdict::Accepted, InterchangeVerdict::Rejected);
            out.write_all(&ta1::render(&envelope, &ReceivedInterchange { control_number, date, time }, verdict))?;
        }
        Answer::Group { group, sets, findings } => {
            let mut acknowledgement = Acknowledgement::open(&envelope);
            let included_sets = u32::try_from(sets.len()).ok();
            let received = ReceivedGroup {
                functional_id: group.functional_id.clone(),
                control_number: group.control_number.clone(),
                version: group.guide.clone(),
                included_sets,
            };
            out.write_all(&acknowledgement.begin_group(&received))?;
            for set in sets {
                let received = ReceivedSet {
                    set_id: &set.set.id,
                    control_number: &set.set.control_number,
                    version: &set.set.guide,
                    is_rejected: set.is_rejected,
                    has_rejected_claims: set.rejected_claims > 0,
                    findings: &set.findings,
                };
                out.write_all(&acknowledgement.set(&received))?;
            }
            out.write_all(&acknowledgement.end_group(findings))?;
            out.write_all(&acknowledgement.close())?;
        }
        Answer::Claims { set, header, first, last } => {
            let set = SetInJournal {
                file: ack.file,
                st_byte: set.byte,
                first: *first,
                last: *last,
            };
            write_claim_status(claims, config, ack, &envelope, header, set, out)?;
        }
    }
    Ok(())
}

/// Two walks over the set's claims: the totals stand above them.
fn write_claim_status(
    claims: &impl ClaimFacts,
    config: &Config,
    ack: &AckBuilt,
    envelope: &Envelope,
    header: &SetParties,
    set: SetInJournal,
    out: &mut dyn Write,
) -> Result<(), AnswerError> {
    let zone = config.payer.timezone;
    let mut totals = StatusTotals::default();
    let mut runs: Vec<ProviderRun> = Vec::new();
    let mut received_at = ack.built_at;
    let mut walk = ClaimWalk::new(claims, set);
    walk.each(&mut |claim| {
        received_at = claim.received_at();
        totals.add(claim);
        if runs.last().is_none_or(|run| !is_same_provider(run, claim)) {
            runs.push(ProviderRun::of(claim.echo(), StatusTotals::default()));
        }
        if let Some(run) = runs.last_mut() {
            run.totals.add(claim);
        }
        Ok(())
    })?;
    let payer = Organisation {
        name: config.payer.name.as_str().into(),
        id: payer_id(&config.payer),
    };
    let mut acknowledgement = ClaimAcknowledgement::open(envelope, payer);
    let submitter = Organisation {
        name: header.submitter_name.clone(),
        id: header.submitter_id.clone(),
    };
    out.write_all(&acknowledgement.begin_set(&AnsweredSet {
        reference: format!("{:09}", ack.control_number).into(),
        submitter,
        batch: header.reference.clone(),
        received_on: received_at.date_in(zone),
        processed_on: ack.built_at.date_in(zone),
        totals,
    }))?;
    let mut runs = runs.iter();
    let mut current: Option<&ProviderRun> = None;
    walk.each(&mut |claim| {
        if current.is_none_or(|run| !is_same_provider(run, claim)) {
            current = runs.next();
            if let Some(run) = current {
                out.write_all(&acknowledgement.begin_provider(run)?)?;
            }
        }
        out.write_all(&acknowledgement.claim(claim))?;
        Ok(())
    })?;
    out.write_all(&acknowledgement.end_set()?)?;
    out.write_all(&acknowledgement.close())?;
    Ok(())
}

fn is_same_provider(run: &ProviderRun, claim: &AnsweredClaim<'_>) -> bool {
    let echo = claim.echo();
    run.npi == echo.billing_npi && run.tin == echo.billing_tin
}

/// A set, and from where to where its claims stand in the journal, maybe with others between them.
#[derive(Debug, Clone, Copy)]
struct SetInJournal {
    file: FileDigest,
    st_byte: u64,
    first: Seq,
    last: Seq,
}

impl SetInJournal {
    fn has(&self, source: &ClaimSource) -> bool {
        source.file == self.file && source.st_byte == self.st_byte
    }
}

/// Walks the claims of a set, more than once, and reads the first of them once.
struct ClaimWalk<'a, C> {
    claims: &'a C,
    set: SetInJournal,
    kept: Vec<FactHead>,
    /// Where the facts behind those that are kept begin.
    kept_to: Seq,
}

impl<'a, C: ClaimFacts> ClaimWalk<'a, C> {
    fn new(claims: &'a C, set: SetInJournal) -> ClaimWalk<'a, C> {
        ClaimWalk {
            claims,
            set,
            kept: Vec::new(),
            kept_to: set.first,
        }
    }

    fn each(&mut self, each: &mut dyn FnMut(&AnsweredClaim<'_>) -> Result<(), AnswerError>) -> Result<(), AnswerError> {
        self.kept.iter().try_for_each(|fact| answered_claim(fact).and_then(|claim| each(&claim)))?;
        let mut from = self.kept_to;
        while from <= self.set.last {
            let wanted = usize::try_from(self.set.last - from + 1).unwrap_or(usize::MAX).min(FACTS_AT_ONCE);
            let facts = self.claims.claim_facts(from, wanted)?;
            if facts.is_empty() {
                return Err(AnswerError::NotAClaim);
            }
            let keeps = from == self.kept_to && self.kept.len() + facts.len() <= CLAIMS_KEPT;
            from += facts.len() as u64;
            let facts = facts.into_iter().map(|(_, fact)| fact);
            let of_set: Vec<FactHead> = facts.filter(|fact| fact.claim_source().is_some_and(|source| self.set.has(source))).collect();
            of_set.iter().try_for_each(|fact| answered_claim(fact).and_then(|claim| each(&claim)))?;
            if keeps {
                self.kept.extend(of_set);
                self.kept_to = from;
            }
        }
        Ok(())
    }
}

fn answered_claim(fact: &FactHead) -> Result<AnsweredClaim<'_>, AnswerError> {
    match fact {
        FactHead::ClaimAdjudicated(decision) => Ok(AnsweredClaim::Accepted(decision)),
        FactHead::ClaimRejected(rejection) => Ok(AnsweredClaim::Rejected(rejection)),
        FactHead::FileReceived
        | FactHead::FileDuplicate
        | FactHead::FileRejected
        | FactHead::FileCompleted
        | FactHead::AckBuilt
        | FactHead::RemitBuilt
        | FactHead::ClaimReversed
        | FactHead::RemitDelivered
        | FactHead::RemitSent
        | FactHead::RemitAcknowledged
        | FactHead::DeadLettered
        | FactHead::Redriven => Err(AnswerError::NotAClaim),
    }
}

/// Writes an 835 through the release gate: every byte is read back and proven to balance before the
/// caller may publish it.
///
/// # Errors
/// [`AnswerError`]; then what was written so far must not be published.
pub fn write_remittance(ledger: &impl Ledger, config: &Config, remit: &RemitBuilt, out: &mut dyn Write) -> Result<(), AnswerError> {
    let payer = payer(&config.payer);
    let carrier = config.carrier_of(&remit.payee_npi);
    let payee = Payee {
        npi: remit.payee_npi,
        tin: remit.payee_tin,
        name: remit.payee_name.clone(),
        payment: match &remit.payee_bank {
            Some(bank) => PaymentMethod::Ach(BankAccount {
                routing: bank.routing.clone(),
                account: bank.account.clone(),
            }),
            None => PaymentMethod::Check,
        },
    };
    let totals = PaymentTotals {
        claims: remit.claims.len() as u64,
        charge: remit.charge,
        paid: remit.net_paid(),
        interest: remit.interest,
        payment: remit.net_paid() + remit.interest,
    };
    let balances = Balances {
        collected: remit.recovery.collected,
        collected_from: remit.recovery.collected_from.as_ref(),
        forwarded: remit.recovery.forwarded,
    };
    let envelope = Envelope {
        sender: config.payer.receiver_id,
        receiver: payee_party(remit.payee_npi).unwrap_or(config.payer.receiver_id),
        interchange_control: remit.control_number,
        group_control: remit.control_number,
        usage: carrier.and_then(|partner| partner.profile.usage).unwrap_or(Usage::Production),
        created_at: remit.built_at,
        zone: config.payer.timezone,
    };
    let header = RemittanceHeader {
        envelope: &envelope,
        payer: &payer,
        payee: &payee,
        trace: &remit.trace,
        pay_date: remit.pay_date,
        produced_on: remit.built_at.date_in(config.payer.timezone),
        totals,
        balances,
    };
    let mut gate = ReleaseGate::default();
    let mut remittance = Remittance::begin(&header)?;
    for claims in remit.claims.chunks(FACTS_AT_ONCE) {
        let positions: Vec<Seq> = claims.iter().map(|claim| claim.seq).collect();
        for (claim, fact) in claims.iter().zip(ledger.facts_at(&positions)?) {
            let (fact, reversed) = match fact {
                Fact::ClaimReversed(reversal) => (ledger.fact(reversal.decided_seq)?, Some(reversal.reason)),
                fact => (fact, None),
            };
            let Fact::ClaimAdjudicated(decision) = fact else {
                return Err(AnswerError::NotAClaim);
            };
            gate.pass(
                &remittance.claim(&RemittedClaim {
                    decision: &decision,
                    interest: claim.interest,
                    reversed,
                })?,
                out,
            )?;
        }
    }
    gate.pass(&remittance.end()?, out)?;
    gate.close(remit)
}

/// Reads back what is written, with the tokenizer and the balance check that any 835 goes through.
#[derive(Debug, Default)]
struct ReleaseGate {
    tokenizer: Tokenizer,
    check: BalanceCheck,
}

impl ReleaseGate {
    fn pass(&mut self, mut bytes: &[u8], out: &mut dyn Write) -> Result<(), AnswerError> {
        out.write_all(bytes)?;
        while !bytes.is_empty() {
            let space = self.tokenizer.space();
            let (now, later) = bytes.split_at(bytes.len().min(space.len()));
            if let Some(space) = space.get_mut(..now.len()) {
                space.copy_from_slice(now);
            }
            self.tokenizer.filled(now.len());
            bytes = later;
            self.drain()?;
        }
        Ok(())
    }

    fn drain(&mut self) -> Result<(), AnswerError> {
        while let Step::Segment(segment) = self.tokenizer.next()? {
            self.check.accept(&segment);
        }
        Ok(())
    }

    fn close(mut self, remit: &RemitBuilt) -> Result<(), AnswerError> {
        self.tokenizer.finish();
        self.drain()?;
        let report = self.check.finish();
        let trace = remit.trace.to_string();
        if let Some(finding) = report.findings.first() {
            return Err(AnswerError::Unbalanced {
                trace,
                finding: finding.to_string(),
            });
        }
        if (report.claims, report.charge, report.paid, report.payment) != (remit.claims.len() as u64, remit.charge, remit.net_paid(), remit.payment()) {
            return Err(AnswerError::Unbalanced {
                trace,
                finding: "its sums are not those of the payment".to_string(),
            });
        }
        Ok(())
    }
}

fn payer(payer: &Payer) -> payment_batch::Payer {
    payment_batch::Payer {
        name: payer.name.as_str().into(),
        tin: payer.tin,
        id: payer_id(payer),
        street: payer.address.street.as_str().into(),
        city: payer.address.city.as_str().into(),
        state: payer.address.state.as_str().into(),
        zip: payer.address.zip.as_str().into(),
        contact_name: payer.contact.name.as_str().into(),
        contact_phone: payer.contact.phone.as_str().into(),
        web_site: payer.contact.url.as_deref().map(CompactString::from),
        bank: Some(BankAccount {
            routing: Phi::new(payer.bank.routing.as_str().into()),
            account: Phi::new(payer.bank.account.as_str().into()),
        }),
    }
}

/// The first of the payer's ids: REF*2U, 277CA NM109.
fn payer_id(payer: &Payer) -> CompactString {
    payer.ids.first().map(CompactString::from).unwrap_or_default()
}

/// Back to whoever sent the interchange, under the names it used.
fn envelope_back(config: &Config, interchange: &Interchange, control_number: u32, created_at: Timestamp) -> Envelope {
    let ours = config.payer.receiver_id;
    Envelope {
        sender: interchange.receiver.parse().unwrap_or(ours),
        receiver: interchange.sender.parse().unwrap_or(ours),
        interchange_control: control_number,
        group_control: control_number,
        usage: if interchange.usage == "T" { Usage::Test } else { Usage::Production },
        created_at,
        zone: config.payer.timezone,
    }
}

/// A payee as an interchange party: its NPI under the mutually defined qualifier.
fn payee_party(npi: Npi) -> Option<InterchangeParty> {
    InterchangeParty::new("ZZ", npi.as_str())
}
