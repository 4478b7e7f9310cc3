//! Who pays whom, how, and how much: the values that one 835 is written from.

use compact_str::CompactString;

use crate::adjudication::decision::{Decision, ReversalReason};
use crate::ids::{Npi, Tin, TraceNumber};
use crate::money::Money;
use crate::phi::Phi;

/// Loop 1000A and the payer's side of BPR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payer {
    pub name: CompactString,
    pub tin: Tin,
    /// REF*2U.
    pub id: CompactString,
    pub street: CompactString,
    pub city: CompactString,
    pub state: CompactString,
    pub zip: CompactString,
    /// PER*BL: who answers technical questions, and the telephone number.
    pub contact_name: CompactString,
    pub contact_phone: CompactString,
    /// PER*IC.
    pub web_site: Option<CompactString>,
    /// Required as soon as one payee is paid by ACH.
    pub bank: Option<BankAccount>,
}

/// Loop 1000B and the payee's side of BPR: who billed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payee {
    pub npi: Npi,
    pub tin: Option<Tin>,
    pub name: CompactString,
    pub payment: PaymentMethod,
}

/// How a payee wants its money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentMethod {
    /// Electronic transfer to this account.
    Ach(BankAccount),
    Check,
}

/// A bank and an account there. BPR07/09, BPR13/15.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankAccount {
    /// ABA routing number, nine digits.
    pub routing: Phi<CompactString>,
    pub account: Phi<CompactString>,
}

/// A decision on its way to the payee.
#[derive(Debug, Clone, Copy)]
pub struct RemittedClaim<'a> {
    pub decision: &'a Decision,
    /// See [`super::prompt_pay::interest`]; zero when on time.
    pub interest: Money,
    /// The decision is taken back: every amount goes out with its sign turned (DOMAIN F4).
    pub reversed: Option<ReversalReason>,
}

/// What goes from one payment to the next, because a payment is never negative (DOMAIN F5). PLB FB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Balances<'a> {
    /// Of what an earlier payment was short of: lowers this one.
    pub collected: Money,
    /// The payment that was short of it last.
    pub collected_from: Option<&'a TraceNumber>,
    /// What this payment is short of: raises it to zero.
    pub forwarded: Money,
}

/// The sums of one payment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PaymentTotals {
    pub claims: u64,
    /// Σ CLP03.
    pub charge: Money,
    /// Σ CLP04; negative where more is taken back than paid.
    pub paid: Money,
    pub interest: Money,
    /// Σ CLP04 − Σ PLB without balances; interest is a negative PLB.
    pub payment: Money,
}

impl PaymentTotals {
    pub fn add(&mut self, claim: &RemittedClaim<'_>) {
        let determination = &claim.decision.determination;
        self.claims += 1;
        match claim.reversed {
            None => {
                self.charge += determination.charge();
                self.paid += determination.paid();
            }
            Some(_) => {
                self.charge -= determination.charge();
                self.paid -= determination.paid();
            }
        }
        self.interest += claim.interest;
        self.payment = self.paid + self.interest;
    }
}

impl<'a> FromIterator<RemittedClaim<'a>> for PaymentTotals {
    fn from_iter<I: IntoIterator<Item = RemittedClaim<'a>>>(claims: I) -> PaymentTotals {
        claims.into_iter().fold(PaymentTotals::default(), |mut totals, claim| {
            totals.add(&claim);
            totals
        })
    }
}
