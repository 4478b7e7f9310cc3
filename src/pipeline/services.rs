//! What members were paid for, of the codes that are counted over months: in memory, read from the journal
//! when the program starts. The journal is the truth, so a row that is loaded today counts what was paid
//! before it; where no row counts anything, nothing is read and nothing kept.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::adjudication::facts::EarlierService;
use crate::adjudication::frequency::services_paid;
use crate::events::fact::Fact;
use crate::ids::Token;
use crate::ledger::{Ledger, LedgerError};
use crate::tables::refdata::ReferenceData;

/// By the member's token; a member's claims are decided one after the other.
#[derive(Debug, Default)]
pub struct Services(Mutex<HashMap<Token, Vec<EarlierService>>>);

impl Services {
    /// Everything that the journal has of codes that are counted.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn load(ledger: &impl Ledger, reference: &ReferenceData) -> Result<Services, LedgerError> {
        let services = Services::default();
        if !reference.restrictions.as_ref().is_some_and(|restrictions| restrictions.counts_any()) {
            return Ok(services);
        }
        ledger.each_fact(&mut |fact| {
            if let Fact::ClaimAdjudicated(decision) = fact {
                let paid = services_paid(decision.claim_id, &decision.echo, &decision.determination, reference);
                services.remember(decision.member_token, paid);
            }
            Ok(())
        })?;
        Ok(services)
    }

    pub fn remember(&self, member: Token, paid: Vec<EarlierService>) {
        if !paid.is_empty() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(member).or_default().extend(paid);
        }
    }

    /// A member's services, taken back or not.
    pub fn of(&self, member: &Token) -> Vec<EarlierService> {
        let services = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        services.get(member).cloned().unwrap_or_default()
    }
}
