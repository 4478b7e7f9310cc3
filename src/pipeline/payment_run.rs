//! The payment run: claims that wait for payment become one 835 per payee (DOMAIN F6).

use chrono::NaiveDate;

use super::house::House;
use crate::clock::Timestamp;
use crate::events::fact::{Fact, PayeeBank, RemitBuilt, RemittedSeq};
use crate::ids::{Npi, Tin, TraceNumber};
use crate::ledger::{Batch, Counter, Ledger, LedgerError, Numbers, PayeeDue, Seq};
use crate::limits;
use crate::money::Money;
use crate::remittance::prompt_pay::interest;
use crate::tables::refdata::providers::PaymentMethod;

/// What a run built.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PaymentRun {
    pub remittances: u64,
    pub claims: u64,
    pub paid: Money,
    pub interest: Money,
}

/// Builds the payments of every payee with claims due, as of `pay_date`. Each payment is one
/// transaction with the claims it settles, so a claim is on exactly one 835.
///
/// # Errors
/// [`LedgerError`]; payments before the failing one stay built.
pub fn run(house: &mut House, pay_date: NaiveDate, progress: &dyn Fn(u64, u64)) -> Result<PaymentRun, LedgerError> {
    let mut run = PaymentRun::default();
    let due = house.ledger.payees_due()?;
    let total = due.iter().map(|payee| payee.claims).sum();
    for payee in due {
        loop {
            let claims = house.ledger.claims_due(payee.number, 0, limits::CLAIMS_PER_REMITTANCE_MAX)?;
            if claims.is_empty() {
                break;
            }
            let mut controls = Numbers::after_last(&house.ledger, Counter::Interchange)?;
            let mut traces = Numbers::after_last(&house.ledger, Counter::Payment)?;
            let remit = build(house, &payee, &claims, pay_date, controls.take(), traces.take())?;
            run.remittances += 1;
            run.claims += remit.claims.len() as u64;
            run.paid += remit.paid;
            run.interest += remit.interest;
            house.ledger.append(&Batch {
                facts: vec![Fact::RemitBuilt(Box::new(remit))],
                counters: vec![controls.used(), traces.used()],
                ..Batch::default()
            })?;
            progress(run.claims, total);
        }
    }
    Ok(run)
}

fn build(house: &House, payee: &PayeeDue, claims: &[Seq], pay_date: NaiveDate, control_number: u32, trace: u32) -> Result<RemitBuilt, LedgerError> {
    let mut remit = RemitBuilt {
        trace: TraceNumber::new(format!("CS{trace:09}")),
        control_number,
        payee_npi: payee.npi,
        payee_tin: payee.tin,
        payee_name: compact_str::CompactString::default(),
        payee_bank: payee_bank(house, &payee.npi, payee.tin.as_ref()),
        pay_date,
        built_at: Timestamp::now(),
        claims: Vec::with_capacity(claims.len()),
        charge: Money::ZERO,
        paid: Money::ZERO,
        interest: Money::ZERO,
    };
    for &seq in claims {
        let Fact::ClaimAdjudicated(decision) = house.ledger.fact(seq)? else {
            return Err(LedgerError::Inconsistent {
                what: "a payable position that is no decision",
            });
        };
        let determination = &decision.determination;
        let interest = interest(determination.paid(), decision.receipt.received_on, pay_date, &house.rules.prompt_pay);
        remit.claims.push(RemittedSeq { seq, interest });
        remit.charge += determination.charge();
        remit.paid += determination.paid();
        remit.interest += interest;
        if remit.payee_name.is_empty() {
            remit.payee_name = decision.echo.billing_last.clone();
        }
    }
    Ok(remit)
}

/// The account of a payee that is paid by ACH.
fn payee_bank(house: &House, npi: &Npi, tin: Option<&Tin>) -> Option<PayeeBank> {
    let provider = house.reference.providers.as_ref()?.find_under(npi, tin)?;
    match provider.payment {
        PaymentMethod::Ach => provider.bank.as_ref().map(|bank| PayeeBank {
            routing: bank.routing.clone(),
            account: bank.account.clone(),
        }),
        PaymentMethod::Check => None,
    }
}
