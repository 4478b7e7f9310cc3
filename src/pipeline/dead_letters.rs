//! The dead-letter store: what could not leave, by what it is about, and sending it on its way again.

use crate::clock::Timestamp;
use crate::events::cloudevent::CloudEvent;
use crate::events::dead_letter;
use crate::events::fact::{Answer, DeadLettered, DeadReason, Fact, Redriven};
use crate::ids::{ClaimId, FileDigest, Npi};
use crate::ledger::{Batch, Ledger, LedgerError, Seq};

/// A dead letter with what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Journal position of the letter: its number.
    pub number: Seq,
    pub letter: DeadLettered,
    pub is_redriven: bool,
    /// The fact that the unit is rendered from.
    pub original: Fact,
}

impl DeadLetter {
    /// The event it stands for, unchanged.
    pub fn event(&self) -> Option<CloudEvent> {
        dead_letter::original_event(&self.letter, &self.original)
    }
}

/// Which letters; what is not set matches all.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    pub numbers: Vec<Seq>,
    pub claim: Option<ClaimId>,
    pub file: Option<FileDigest>,
    pub payee: Option<Npi>,
    pub reason: Option<DeadReason>,
    /// Those that were sent again, too.
    pub with_redriven: bool,
}

/// The letters of a selection, oldest first, at most `count`.
///
/// # Errors
/// [`LedgerError`].
pub fn select(ledger: &impl Ledger, selection: &Selection, count: usize) -> Result<Vec<DeadLetter>, LedgerError> {
    let claim_seq = selection.claim.map(|claim| ledger.find_claim(&claim)).transpose()?;
    let mut found = Vec::new();
    for row in ledger.dead_letters()? {
        if found.len() >= count {
            break;
        }
        if row.is_redriven && !selection.with_redriven || !(selection.numbers.is_empty() || selection.numbers.contains(&row.letter)) {
            continue;
        }
        let Fact::DeadLettered(letter) = ledger.fact(row.letter)? else {
            return Err(LedgerError::Inconsistent {
                what: "a dead letter's position has another fact",
            });
        };
        let original = ledger.fact(row.seq)?;
        let subject = subject(row.seq, &original, ledger)?;
        if selection.reason.is_none_or(|reason| reason == letter.reason)
            && claim_seq.is_none_or(|seq| seq.is_some_and(|seq| subject.is_about_claim(seq)))
            && selection.file.is_none_or(|file| subject.file == Some(file))
            && selection.payee.is_none_or(|payee| subject.payee == Some(payee))
        {
            found.push(DeadLetter {
                number: row.letter,
                letter: *letter,
                is_redriven: row.is_redriven,
                original,
            });
        }
    }
    Ok(found)
}

/// Puts letters back into the outbox; the next delivery renders and publishes them again.
///
/// # Errors
/// [`LedgerError`].
pub fn redrive(ledger: &mut impl Ledger, letters: &[DeadLetter]) -> Result<(), LedgerError> {
    let redriven_at = Timestamp::now();
    let facts = letters.iter().map(|letter| {
        Fact::Redriven(Redriven {
            letter: letter.number,
            redriven_at,
        })
    });
    ledger.append(&Batch {
        facts: facts.collect(),
        ..Batch::default()
    })?;
    Ok(())
}

/// What a fact is about, as far as letters are selected by it.
#[derive(Debug, Default)]
struct Subject {
    file: Option<FileDigest>,
    payee: Option<Npi>,
    /// Journal positions of its claims: a range, or one by one.
    range: Option<(Seq, Seq)>,
    claims: Vec<Seq>,
}

impl Subject {
    fn is_about_claim(&self, seq: Seq) -> bool {
        self.range.is_some_and(|(first, last)| (first..=last).contains(&seq)) || self.claims.contains(&seq)
    }
}

fn subject(seq: Seq, fact: &Fact, ledger: &impl Ledger) -> Result<Subject, LedgerError> {
    let of_file = |file: FileDigest| Subject {
        file: Some(file),
        ..Subject::default()
    };
    Ok(match fact {
        Fact::FileReceived(fact) => of_file(fact.file),
        Fact::FileDuplicate(fact) => of_file(fact.file),
        Fact::FileRejected(fact) => of_file(fact.file),
        Fact::FileCompleted(fact) => of_file(fact.file),
        Fact::AckBuilt(ack) => Subject {
            range: match &ack.answer {
                Answer::Claims { first, last, .. } => Some((*first, *last)),
                Answer::Interchange { .. } | Answer::Group { .. } => None,
            },
            ..of_file(ack.file)
        },
        Fact::ClaimRejected(rejection) => Subject {
            payee: rejection.echo.billing_npi,
            claims: vec![seq],
            ..of_file(rejection.source.file)
        },
        Fact::ClaimAdjudicated(decision) => Subject {
            payee: decision.echo.billing_npi,
            claims: vec![seq],
            ..of_file(decision.source.file)
        },
        Fact::ClaimReversed(reversal) => Subject {
            payee: reversal.billing_npi,
            claims: vec![seq, reversal.decided_seq],
            ..of_file(reversal.source.file)
        },
        Fact::RemitBuilt(remit) => Subject {
            payee: Some(remit.payee_npi),
            claims: remit.claims.iter().map(|claim| claim.seq).collect(),
            ..Subject::default()
        },
        Fact::RemitDelivered(delivered) => Subject {
            payee: Some(delivered.payee_npi),
            ..Subject::default()
        },
        Fact::RemitSent(sent) => Subject {
            payee: Some(sent.payee_npi),
            ..Subject::default()
        },
        Fact::RemitAcknowledged(acknowledged) => Subject {
            payee: Some(acknowledged.payee_npi),
            ..of_file(acknowledged.file)
        },
        // A letter is about what its letter is about.
        Fact::DeadLettered(letter) => match ledger.fact(letter.seq)? {
            Fact::DeadLettered(_) | Fact::Redriven(_) => Subject::default(),
            original => subject(letter.seq, &original, ledger)?,
        },
        Fact::Redriven(_) => Subject::default(),
    })
}
