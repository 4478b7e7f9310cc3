//! The payment run: claims that wait for payment become one 835 per payee (DOMAIN F6).

use chrono::NaiveDate;
use compact_str::CompactString;

use super::house::House;
use super::tally;
use crate::clock::Timestamp;
use crate::events::fact::{Fact, PayeeBalance, PayeeBank, Recovery, RemitBuilt, RemittedSeq};
use crate::ids::{Form, Npi, Tin, TraceNumber};
use crate::ledger::{Batch, ClaimDue, Counter, Ledger, LedgerError, Numbers, PayeeDue, reach};
use crate::limits;
use crate::money::Money;
use crate::remittance::prompt_pay::{emergency_interest, interest};
use crate::tables::refdata::providers::PaymentMethod;

/// What a run built.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PaymentRun {
    pub remittances: u64,
    pub claims: u64,
    pub paid: Money,
    pub interest: Money,
}

/// Builds the payments of every payee with claims due, as of `pay_date`. A payment stands in one
/// transaction with the claims it settles, so a claim is on exactly one 835; small payments share one,
/// because a sync costs as much as hundreds of claims (TARGETS).
///
/// # Errors
/// [`LedgerError`]; payments of earlier transactions stay built.
pub fn run(house: &mut House, pay_date: NaiveDate, progress: &dyn Fn(u64, u64)) -> Result<PaymentRun, LedgerError> {
    let mut run = PaymentRun::default();
    let due = house.ledger.payees_due()?;
    let total = due.iter().map(|payee| payee.claims).sum();
    let mut numbers = (
        Numbers::after_last(&house.ledger, Counter::Interchange)?,
        Numbers::after_last(&house.ledger, Counter::Payment)?,
    );
    let (mut built, mut claims_built) = (Vec::new(), 0);
    for payee in due {
        let (mut after, mut balance) = (0, house.ledger.balance(payee.number)?);
        loop {
            let mut claims = house.ledger.claims_due(payee.number, after, limits::CLAIMS_PER_REMITTANCE_MAX)?;
            if claims.len() == limits::CLAIMS_PER_REMITTANCE_MAX {
                // A reversal goes with what corrects it, which stands right behind it.
                while claims.len() > 1 && claims.last().is_some_and(|last| last.principal.is_none()) {
                    claims.pop();
                }
            }
            let Some(last) = claims.last() else { break };
            after = last.seq;
            let oldest = claims.iter().map(|due| due.received_on).min().unwrap_or(pay_date);
            let remit = build(house, &payee, &claims, &balance, pay_date, (numbers.0.take(), numbers.1.take()))?;
            balance = balance.after(&remit.trace, &remit.recovery);
            tally::remittance_built(&remit, oldest);
            run.remittances += 1;
            run.claims += remit.claims.len() as u64;
            run.paid += remit.net_paid();
            run.interest += remit.interest;
            claims_built += remit.claims.len();
            built.push(Fact::RemitBuilt(Box::new(remit)));
            if claims_built >= limits::CLAIMS_PER_REMITTANCE_MAX {
                record(house, std::mem::take(&mut built), numbers)?;
                claims_built = 0;
                progress(run.claims, total);
            }
        }
    }
    if !built.is_empty() {
        record(house, built, numbers)?;
    }
    progress(run.claims, total);
    Ok(run)
}

/// One transaction: payments with the claims they settle and the numbers they use.
fn record(house: &mut House, facts: Vec<Fact>, (controls, traces): (Numbers, Numbers)) -> Result<(), LedgerError> {
    let counters = vec![controls.used(), traces.used()];
    reach("payment-run::record::before-append")?;
    house.ledger.append(&Batch {
        facts,
        counters,
        ..Batch::default()
    })?;
    reach("payment-run::record::after-append")
}

fn build(
    house: &House,
    payee: &PayeeDue,
    claims: &[ClaimDue],
    balance: &PayeeBalance,
    pay_date: NaiveDate,
    (control_number, trace): (u32, u32),
) -> Result<RemitBuilt, LedgerError> {
    let mut remit = RemitBuilt {
        trace: TraceNumber::new(format!("CS{trace:09}")),
        control_number,
        payee_npi: payee.npi,
        payee_tin: payee.tin,
        payee_name: payee_name(house, claims)?,
        payee_bank: payee_bank(house, &payee.npi, payee.tin.as_ref()),
        pay_date,
        built_at: Timestamp::now(),
        claims: Vec::with_capacity(claims.len()),
        charge: Money::ZERO,
        paid: Money::ZERO,
        interest: Money::ZERO,
        recovery: Recovery::default(),
    };
    let mut reversed = Money::ZERO;
    for due in claims {
        let interest = owed(house, due, pay_date)?;
        remit.claims.push(RemittedSeq { seq: due.seq, interest });
        remit.charge += due.charge;
        remit.interest += interest;
        match due.principal {
            Some(_) => remit.paid += due.paid,
            None => reversed -= due.paid,
        }
    }
    let before_balances = remit.paid + remit.interest - reversed;
    remit.recovery = Recovery::of(reversed, before_balances, balance);
    Ok(remit)
}

/// Interest on a claim. Whether it was an emergency is only asked where an earlier rule holds.
fn owed(house: &House, due: &ClaimDue, pay_date: NaiveDate) -> Result<Money, LedgerError> {
    let (rules, principal) = (&house.rules.prompt_pay, due.principal.unwrap_or(Money::ZERO));
    let is_by_emergency = rules.before.is_some() && due.received_on < rules.received_from && principal > Money::ZERO;
    let of = match is_by_emergency && is_emergency(&house.ledger.fact(due.seq)?) {
        true => emergency_interest,
        false => interest,
    };
    Ok(of(principal, due.received_on, pay_date, rules))
}

/// Place of service 23, or a revenue code of the emergency room.
fn is_emergency(fact: &Fact) -> bool {
    let Fact::ClaimAdjudicated(decision) = fact else { return false };
    let echo = &decision.echo;
    match echo.form {
        Form::Professional => echo.facility == "23",
        Form::Institutional => {
            let mut rooms = echo.lines.iter().filter_map(|line| line.revenue);
            rooms.any(|revenue| revenue.as_str().starts_with("045"))
        }
    }
}

/// As the first claim that has a name gives it.
fn payee_name(house: &House, claims: &[ClaimDue]) -> Result<CompactString, LedgerError> {
    for due in claims {
        let named = match house.ledger.fact(due.seq)? {
            Fact::ClaimReversed(reversal) => house.ledger.fact(reversal.decided_seq)?,
            fact => fact,
        };
        let Fact::ClaimAdjudicated(decision) = named else {
            return Err(LedgerError::Inconsistent {
                what: "a payable position that is no decision",
            });
        };
        if !decision.echo.billing_last.is_empty() {
            return Ok(decision.echo.billing_last.clone());
        }
    }
    Ok(CompactString::default())
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
