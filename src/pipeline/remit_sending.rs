//! The record that an 835 is with the partner that carries it, made once however often it was uploaded.

use std::collections::BTreeSet;

use crate::clock::Timestamp;
use crate::events::fact::{Fact, RemitSent};
use crate::ids::PartnerId;
use crate::ledger::remits::{RemitState, Remits};
use crate::ledger::{Batch, Ledger, LedgerError, Seq};

/// An upload that ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentRemit {
    /// Journal position of the 835.
    pub built: Seq,
    pub sent_at: Timestamp,
}

/// Journals that these 835s are with a partner; those that were before are left out. Returns how many are now.
///
/// # Errors
/// [`LedgerError`]; then none of them is recorded, and all will be sent again.
pub fn record(ledger: &mut (impl Ledger + Remits), partner: &PartnerId, sent: &[SentRemit]) -> Result<u64, LedgerError> {
    let (mut facts, mut noted) = (Vec::with_capacity(sent.len()), BTreeSet::new());
    for SentRemit { built, sent_at } in sent {
        let row = ledger.remit(*built)?.filter(|row| row.state == RemitState::Unsent);
        let Some(row) = row.filter(|_| noted.insert(*built)) else { continue };
        facts.push(Fact::RemitSent(RemitSent {
            trace: row.trace,
            control_number: row.control_number,
            payee_npi: row.payee_npi,
            partner: partner.clone(),
            built: *built,
            sent_at: *sent_at,
        }));
    }
    let count = facts.len() as u64;
    if count > 0 {
        ledger.append(&Batch { facts, ..Batch::default() })?;
    }
    Ok(count)
}
