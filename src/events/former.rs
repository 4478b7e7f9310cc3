//! Payments as they were stored before any could take something back.
//!
//! To the next editor: as `adjudication::former` says of decisions, this shape does not change any more.

use chrono::NaiveDate;
use compact_str::CompactString;
use serde::Deserialize;

use super::fact::{self, PayeeBank, Recovery, RemittedSeq};
use crate::clock::Timestamp;
use crate::ids::{Npi, Tin, TraceNumber};
use crate::money::Money;

#[derive(Debug, Deserialize)]
pub(super) struct RemitBuilt {
    trace: TraceNumber,
    control_number: u32,
    payee_npi: Npi,
    payee_tin: Option<Tin>,
    payee_name: CompactString,
    payee_bank: Option<PayeeBank>,
    pay_date: NaiveDate,
    built_at: Timestamp,
    claims: Vec<RemittedSeq>,
    charge: Money,
    paid: Money,
    interest: Money,
}

impl From<RemitBuilt> for fact::RemitBuilt {
    fn from(former: RemitBuilt) -> fact::RemitBuilt {
        fact::RemitBuilt {
            trace: former.trace,
            control_number: former.control_number,
            payee_npi: former.payee_npi,
            payee_tin: former.payee_tin,
            payee_name: former.payee_name,
            payee_bank: former.payee_bank,
            pay_date: former.pay_date,
            built_at: former.built_at,
            claims: former.claims,
            charge: former.charge,
            paid: former.paid,
            interest: former.interest,
            recovery: Recovery::default(),
        }
    }
}
