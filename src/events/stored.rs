//! Facts as bytes: how they are stored, in each form that they were ever stored in.
//!
//! A fact is its variant's number and then its fields in their order (postcard), with no names: what it
//! was stored as must be known to read it. So a decision is marked with the number of its form in the
//! place of its variant's.

use serde::de::DeserializeOwned;

use super::fact::{Fact, FactHead};
use super::former as former_payment;
use crate::adjudication::facts::OtherClaims;
use crate::adjudication::former;

/// The number of [`Fact::ClaimAdjudicated`], which marks decisions of the first form.
const FIRST_FORM: u8 = 6;
/// Marks decisions of today's form; far behind the numbers of variants.
const SECOND_FORM: u8 = 64;
/// The same, with what other claims say ([`OtherClaims`]) behind it: the few that asked any.
const WITH_OTHERS: u8 = 66;
/// The same, and behind that the days in a hospice: the few of a member that has any.
const WITH_HOSPICE: u8 = 67;
/// The same for [`Fact::RemitBuilt`].
const FIRST_PAYMENT: u8 = 7;
const SECOND_PAYMENT: u8 = 65;

/// What is read of a stored fact: all of it, or its beginning.
pub trait Stored: DeserializeOwned {
    /// Reads a decision of the first form; the heads of decisions are the same in all forms.
    ///
    /// # Errors
    /// The bytes are none.
    fn of_first_form(bytes: &[u8]) -> postcard::Result<Self> {
        postcard::from_bytes(bytes)
    }

    /// Reads a decision with what stands behind it.
    ///
    /// # Errors
    /// The bytes are none.
    fn with_others(bytes: &[u8]) -> postcard::Result<Self> {
        postcard::from_bytes(bytes)
    }

    /// Reads a decision with all that stands behind it.
    ///
    /// # Errors
    /// The bytes are none.
    fn with_hospice(bytes: &[u8]) -> postcard::Result<Self> {
        postcard::from_bytes(bytes)
    }

    /// Reads a payment of the first form.
    ///
    /// # Errors
    /// The bytes are none.
    fn of_first_payment(bytes: &[u8]) -> postcard::Result<Self> {
        postcard::from_bytes(bytes)
    }
}

impl Stored for FactHead {}

impl Stored for Fact {
    fn of_first_form(bytes: &[u8]) -> postcard::Result<Fact> {
        let fields = bytes.get(1..).unwrap_or_default();
        let decision: former::Decision = postcard::from_bytes(fields)?;
        Ok(Fact::ClaimAdjudicated(Box::new(decision.into())))
    }

    fn with_others(bytes: &[u8]) -> postcard::Result<Fact> {
        let (mut fact, behind) = postcard::take_from_bytes(bytes)?;
        if let Fact::ClaimAdjudicated(decision) = &mut fact {
            decision.facts.others = postcard::from_bytes::<OtherClaims>(behind)?;
        }
        Ok(fact)
    }

    fn with_hospice(bytes: &[u8]) -> postcard::Result<Fact> {
        let (mut fact, behind) = postcard::take_from_bytes(bytes)?;
        if let Fact::ClaimAdjudicated(decision) = &mut fact {
            (decision.facts.others, decision.facts.hospice) = postcard::from_bytes(behind)?;
        }
        Ok(fact)
    }

    fn of_first_payment(bytes: &[u8]) -> postcard::Result<Fact> {
        let fields = bytes.get(1..).unwrap_or_default();
        let payment: former_payment::RemitBuilt = postcard::from_bytes(fields)?;
        Ok(Fact::RemitBuilt(Box::new(payment.into())))
    }
}

/// # Errors
/// None for facts that exist.
pub fn to_bytes(fact: &Fact) -> postcard::Result<Vec<u8>> {
    let mut bytes = postcard::to_extend(fact, Vec::with_capacity(1024))?;
    let mut form = SECOND_FORM;
    if let Fact::ClaimAdjudicated(decision) = fact {
        let (others, hospice) = (&decision.facts.others, &decision.facts.hospice);
        if !hospice.is_empty() {
            form = WITH_HOSPICE;
            bytes = postcard::to_extend(&(others, hospice), bytes)?;
        } else if !others.is_empty() {
            form = WITH_OTHERS;
            bytes = postcard::to_extend(others, bytes)?;
        }
    }
    match (fact, bytes.first_mut()) {
        (Fact::ClaimAdjudicated(_), Some(first)) => *first = form,
        (Fact::RemitBuilt(_), Some(form)) => *form = SECOND_PAYMENT,
        (_, Some(_) | None) => {}
    }
    Ok(bytes)
}

/// Reads a fact, or as much of it as `T` is; what stands behind is not looked at. `bytes` is scratch
/// space afterwards.
///
/// # Errors
/// The bytes are not a fact of any form.
pub fn from_bytes<T: Stored>(bytes: &mut [u8]) -> postcard::Result<T> {
    match bytes.first_mut() {
        Some(&mut FIRST_FORM) => T::of_first_form(bytes),
        Some(form @ &mut SECOND_FORM) => {
            *form = FIRST_FORM;
            postcard::from_bytes(bytes)
        }
        Some(form @ &mut WITH_OTHERS) => {
            *form = FIRST_FORM;
            T::with_others(bytes)
        }
        Some(form @ &mut WITH_HOSPICE) => {
            *form = FIRST_FORM;
            T::with_hospice(bytes)
        }
        Some(&mut FIRST_PAYMENT) => T::of_first_payment(bytes),
        Some(form @ &mut SECOND_PAYMENT) => {
            *form = FIRST_PAYMENT;
            postcard::from_bytes(bytes)
        }
        Some(_) | None => postcard::from_bytes(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fact::{Recovery, RemitBuilt, RemittedSeq};
    use super::*;
    use crate::adjudication::determination::ClaimOutcome;
    use crate::clock::Timestamp;
    use crate::ids::{Npi, TraceNumber};
    use crate::money::Money;
    use crate::tables::period::Period;

    /// Two lines of one synthetic claim, both paid, one with two units of an authorization.
    const FIRST: &[u8] = include_bytes!("../../fixtures/stored/claim-adjudicated-first-form.bin");

    #[test]
    fn a_decision_of_the_first_form_reads_as_one_of_today() {
        let fact: Fact = from_bytes(&mut FIRST.to_vec()).unwrap();
        let Fact::ClaimAdjudicated(decision) = &fact else { panic!("another fact") };
        let determination = &decision.determination;
        assert_eq!(determination.outcome(), ClaimOutcome::Paid);
        assert_eq!(determination.paid(), Money::from_cents(8030));
        let lines: Vec<String> = determination.lines().iter().map(|line| line.amount_paid().to_string()).collect();
        assert_eq!(lines, ["62.10", "18.20"]);
        let [consumed] = determination.consumed() else { panic!("one row is used") };
        assert_eq!(consumed.units.to_string(), "2");
        assert!(decision.facts.member.found().is_some());
        let rows = decision.facts.authorizations.found().unwrap();
        assert!(rows.iter().any(|row| row.row == consumed.row));
        assert_eq!(decision.echo.lines.len(), 2);

        // The head is the same, and what is read today is stored as today.
        let head: FactHead = from_bytes(&mut FIRST.to_vec()).unwrap();
        assert_eq!(head, FactHead::from(fact.clone()));
        let mut again = to_bytes(&fact).unwrap();
        assert_eq!(again.first(), Some(&SECOND_FORM));
        assert_eq!(from_bytes::<FactHead>(&mut again.clone()).unwrap(), head);
        assert_eq!(from_bytes::<Fact>(&mut again).unwrap(), fact);
    }

    #[test]
    fn what_other_claims_say_stands_behind_the_decision() {
        let mut fact: Fact = from_bytes(&mut FIRST.to_vec()).unwrap();
        let plain = to_bytes(&fact).unwrap();
        let Fact::ClaimAdjudicated(decision) = &mut fact else {
            panic!("another fact")
        };
        decision.facts.others.share_of_cost = Money::from_cents(5000);
        let with_others = to_bytes(&fact).unwrap();
        assert_eq!((plain[0], with_others[0]), (SECOND_FORM, WITH_OTHERS));
        assert_eq!(plain[1..], with_others[1..plain.len()], "what was stored before is as it was");
        assert_eq!(from_bytes::<Fact>(&mut with_others.clone()).unwrap(), fact);
        assert_eq!(from_bytes::<FactHead>(&mut with_others.clone()).unwrap(), FactHead::from(fact));
        for end in 0..with_others.len() {
            assert!(from_bytes::<Fact>(&mut with_others[..end].to_vec()).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn days_in_a_hospice_stand_behind_what_other_claims_say() {
        let mut fact: Fact = from_bytes(&mut FIRST.to_vec()).unwrap();
        let Fact::ClaimAdjudicated(decision) = &mut fact else {
            panic!("another fact")
        };
        decision.facts.hospice = vec![Period::new("2025-01-01".parse().ok(), None).unwrap()];
        let stored = to_bytes(&fact).unwrap();
        assert_eq!(stored[0], WITH_HOSPICE);
        assert_eq!(from_bytes::<Fact>(&mut stored.clone()).unwrap(), fact);
        assert_eq!(from_bytes::<FactHead>(&mut stored.clone()).unwrap(), FactHead::from(fact));
        for end in 0..stored.len() {
            assert!(from_bytes::<Fact>(&mut stored[..end].to_vec()).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn a_payment_of_the_first_form_took_nothing_back() {
        let remit = RemitBuilt {
            trace: TraceNumber::new("CS000000001"),
            control_number: 3,
            payee_npi: Npi::parse(b"1234567893").unwrap(),
            payee_tin: None,
            payee_name: "PAYEE".into(),
            payee_bank: None,
            pay_date: chrono::NaiveDate::from_ymd_opt(2026, 2, 20).unwrap(),
            built_at: Timestamp::from_unix_seconds(1_790_000_000),
            claims: vec![RemittedSeq { seq: 4, interest: Money::ZERO }],
            charge: Money::from_cents(100),
            paid: Money::from_cents(80),
            interest: Money::ZERO,
            recovery: Recovery::default(),
        };
        let fact = Fact::RemitBuilt(Box::new(remit.clone()));
        let today = to_bytes(&fact).unwrap();
        assert_eq!(today.first(), Some(&SECOND_PAYMENT));
        assert_eq!(from_bytes::<Fact>(&mut today.clone()).unwrap(), fact);
        assert_eq!(from_bytes::<FactHead>(&mut today.clone()).unwrap(), FactHead::RemitBuilt);
        // The first form ended where the recovery begins.
        let recovery = postcard::to_stdvec(&remit.recovery).unwrap();
        let mut first = today[..today.len() - recovery.len()].to_vec();
        first[0] = FIRST_PAYMENT;
        assert_eq!(from_bytes::<Fact>(&mut first.clone()).unwrap(), fact);
        assert_eq!(from_bytes::<FactHead>(&mut first.clone()).unwrap(), FactHead::RemitBuilt);
        first.pop();
        assert!(from_bytes::<Fact>(&mut first).is_err());
    }

    #[test]
    fn every_cut_of_a_stored_decision_is_an_error() {
        for end in 0..FIRST.len() {
            let cut = FIRST.get(..end).unwrap();
            assert!(from_bytes::<Fact>(&mut cut.to_vec()).is_err(), "cut at {end}");
        }
    }
}
