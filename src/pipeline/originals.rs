//! What a replacement or void is about: found in the ledger by the payer's claim number.
//!
//! A number is a function of the whole file that brought its claim, so no file can name a claim of its
//! own; what it can do is replace one earlier claim twice. To the next editor: ask [`Seen`] before the
//! ledger: what a batch leaves there it leaves in the ledger first.

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::seen::Seen;
use crate::adjudication::decision::{ClaimSource, Decision, Reversal, ReversalReason};
use crate::adjudication::determination::{ClaimOutcome, UnitsConsumed};
use crate::adjudication::facts::OriginalClaim;
use crate::claim::Claim;
use crate::clock::Timestamp;
use crate::events::fact::Fact;
use crate::ids::{ClaimId, Form, Npi, PayerClaimNumber, Tin, Token};
use crate::ledger::claim_index::NUMBER_BYTES;
use crate::ledger::{Ledger, LedgerError, Seq};
use crate::limits;
use crate::money::Money;

/// What is left of a claim: its decision, where it stands, and whether it was voided.
#[derive(Debug, Clone)]
pub struct Standing {
    pub claim_id: ClaimId,
    version: u16,
    /// `None`: not in the journal yet.
    seq: Option<Seq>,
    source: ClaimSource,
    form: Form,
    payer_claim_number: PayerClaimNumber,
    member_token: Token,
    pcn_token: Token,
    billing_npi: Option<Npi>,
    billing_tin: Option<Tin>,
    outcome: ClaimOutcome,
    charge: Money,
    paid: Money,
    /// What it has taken of authorizations.
    pub consumed: Vec<UnitsConsumed>,
    decided_at: Timestamp,
    /// Of the claim at the beginning.
    filed_on: NaiveDate,
    is_voided: bool,
}

/// What came after a decision that was taken back.
#[derive(Debug, Clone)]
pub enum Successor {
    Voided,
    Replaced(Box<Standing>),
}

impl Standing {
    /// Of a claim that was decided, at its place in the journal.
    pub fn of(decision: &Decision, seq: Option<Seq>) -> Standing {
        let determination = &decision.determination;
        Standing {
            claim_id: decision.claim_id,
            version: decision.version,
            seq,
            source: decision.source.clone(),
            form: decision.echo.form,
            payer_claim_number: decision.payer_claim_number.clone(),
            member_token: decision.member_token,
            pcn_token: decision.pcn_token,
            billing_npi: decision.echo.billing_npi,
            billing_tin: decision.echo.billing_tin,
            outcome: determination.outcome(),
            charge: determination.charge(),
            paid: determination.paid(),
            consumed: determination.consumed().to_vec(),
            decided_at: decision.decided_at,
            filed_on: match (determination.reverses(), decision.facts.original.found()) {
                (Some(_), Some(original)) => original.filed_on,
                (None, _) | (_, None) => decision.receipt.received_on,
            },
            is_voided: false,
        }
    }

    /// As the claim that names it is decided by it.
    pub fn fact(&self, claim: &Claim, zone: Tz) -> OriginalClaim {
        let payee = &claim.billing_provider;
        OriginalClaim {
            claim: self.claim_id,
            version: self.version,
            decided_on: self.decided_at.date_in(zone),
            filed_on: self.filed_on,
            outcome: self.outcome,
            paid: self.paid,
            is_of_same_payee: (self.billing_npi, self.billing_tin) == (payee.npi, payee.tin),
            is_voided: self.is_voided,
        }
    }

    /// Taken back by this decision. Position 0 where this one is not in the journal yet.
    pub fn reversed_by(self, decision: &Decision) -> Reversal {
        let is_remitted = decision.determination.outcome().is_remitted();
        Reversal {
            claim_id: self.claim_id,
            version: self.version,
            decided_seq: self.seq.unwrap_or(0),
            source: self.source,
            form: self.form,
            payer_claim_number: self.payer_claim_number,
            member_token: self.member_token,
            pcn_token: self.pcn_token,
            billing_npi: self.billing_npi,
            billing_tin: self.billing_tin,
            outcome: self.outcome,
            charge: self.charge,
            paid: self.paid,
            returned: self.consumed,
            reason: if is_remitted { ReversalReason::Replacement } else { ReversalReason::Void },
            by: decision.claim_id,
            corrected_paid: decision.determination.paid(),
            received_on: decision.receipt.received_on,
            reversed_at: decision.decided_at,
        }
    }
}

/// What stands of the member's claim of this number; `None` where the member has none.
///
/// # Errors
/// [`LedgerError`].
pub fn find(ledger: &impl Ledger, seen: &Seen, number: &PayerClaimNumber, member: &Token) -> Result<Option<Standing>, LedgerError> {
    let Some(beginning) = claim_id_beginning(number) else { return Ok(None) };
    let Some((_, seq)) = seen.decided_claim(beginning, ledger)? else { return Ok(None) };
    // A claim that was rejected was given no number.
    let Fact::ClaimAdjudicated(decision) = ledger.fact(seq)? else { return Ok(None) };
    if decision.member_token != *member || decision.payer_claim_number != *number {
        return Ok(None);
    }
    let mut standing = Standing::of(&decision, Some(seq));
    for _ in 0..limits::REPLACEMENTS_FOLLOWED_MAX {
        match successor(ledger, seen, &standing)? {
            None => return Ok(Some(standing)),
            Some(Successor::Replaced(next)) => standing = *next,
            Some(Successor::Voided) => {
                standing.is_voided = true;
                return Ok(Some(standing));
            }
        }
    }
    Ok(None)
}

fn successor(ledger: &impl Ledger, seen: &Seen, standing: &Standing) -> Result<Option<Successor>, LedgerError> {
    if let Some(successor) = seen.successor(&standing.claim_id) {
        return Ok(Some(successor));
    }
    let seq = match standing.seq {
        Some(seq) => Some(seq),
        // Committed since it was found, or not yet.
        None => find_claim(ledger, seen, &standing.claim_id)?,
    };
    let Some(seq) = seq else { return Ok(None) };
    let Some(reversal) = ledger.reversal_of(seq)? else { return Ok(None) };
    let behind = reversal + 1;
    match (ledger.fact(reversal)?, ledger.fact(behind)?) {
        (Fact::ClaimReversed(reversal), Fact::ClaimAdjudicated(decision)) => Ok(Some(match reversal.reason {
            ReversalReason::Void => Successor::Voided,
            ReversalReason::Replacement => Successor::Replaced(Box::new(Standing::of(&decision, Some(behind)))),
        })),
        _ => Err(LedgerError::Inconsistent {
            what: "a reversal without the decision that made it",
        }),
    }
}

fn find_claim(ledger: &impl Ledger, seen: &Seen, claim: &ClaimId) -> Result<Option<Seq>, LedgerError> {
    let mut beginning = [0; NUMBER_BYTES];
    beginning.iter_mut().zip(claim.as_bytes()).for_each(|(to, from)| *to = *from);
    Ok(seen.decided_claim(beginning, ledger)?.map(|(_, seq)| seq))
}

/// CLP07 of a claim: `C` and 18 hex digits of its id; the same on every run.
pub fn payer_claim_number(claim: &ClaimId) -> PayerClaimNumber {
    let mut number = claim.hex().to_ascii_uppercase();
    number.truncate(2 * NUMBER_BYTES);
    PayerClaimNumber::new(format!("C{number}"))
}

/// The other way; `None` for what is no number of ours.
fn claim_id_beginning(number: &PayerClaimNumber) -> Option<[u8; NUMBER_BYTES]> {
    let digits = number.as_str().strip_prefix('C')?.as_bytes();
    let mut beginning = [0; NUMBER_BYTES];
    if digits.len() != 2 * NUMBER_BYTES {
        return None;
    }
    for (byte, pair) in beginning.iter_mut().zip(digits.as_chunks::<2>().0) {
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let [high, low] = *pair;
        *byte = digit(high)? * 16 + digit(low)?;
    }
    Some(beginning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_beginning_of_its_claims_id() {
        let claim = ClaimId::from_bytes([0xab, 1, 2, 3, 4, 5, 6, 7, 0xff, 9, 10, 11, 12, 13, 14, 15]);
        let number = payer_claim_number(&claim);
        assert_eq!(number.as_str(), "CAB01020304050607FF");
        assert_eq!(claim_id_beginning(&number).as_ref().map(<[u8; 9]>::as_slice), claim.as_bytes().get(..9));
        for none in ["", "C", "CAB01020304050607F", "CAB01020304050607FF0", "XAB01020304050607FF", "CGB01020304050607FF", "Cé01020304050607FF"] {
            assert_eq!(claim_id_beginning(&PayerClaimNumber::new(none)), None, "{none}");
        }
    }
}
