//! What other claims of the member have to say about one: the same day with the same payee, for suspect
//! duplicates (DOMAIN E4) and for pairs and units of a day (D2); the share of cost of the month (D1 MB4); stays
//! in a hospital (E5 NOT_RENDERED).
//!
//! Looked up only where the claim, the rule pack and the tables ask, and stored with the decision like all
//! facts. Claims are found by the identities of [`asked`], so a part added to one changes what the ledger
//! knows of the claims before.

use chrono::{Datelike, Days, NaiveDate};

use super::case::{Case, OpenLine};
use super::determination::{Determination, LineOutcome};
use super::facts::{DayService, Facts, OtherClaims, Stay};
use crate::claim::echo::ClaimEcho;
use crate::claim::{Claim, institutional};
use crate::ids::{ClaimId, Form};
use crate::money::{Money, Quantity};
use crate::phi::Purpose;
use crate::tables::refdata::ReferenceData;
use crate::tables::rules::{RulePack, SuspectAction};
use crate::x12::element::DateRange;

/// A stay is found in its last months: one statement is of a month or a few.
const STAY_MONTHS_MAX: i32 = 13;

/// In what one claim stands beside another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// Same payee, and lines that begin on this day.
    Day(NaiveDate),
    /// The month of the share of cost.
    ShareOfCost,
    /// A month with days of service; for a stay, all of its months, and where readmissions count those of the
    /// days before it.
    Stays,
}

/// What a decision leaves for later claims.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForLater {
    /// Procedures that are paid or wait for a person. An inpatient stay is priced and edited as a whole, and
    /// has none.
    services: Vec<DayService>,
    /// What it took off as the patient's.
    share_of_cost: Money,
    stay: Option<Stay>,
}

/// What a claim asks other claims for, each with the canonical bytes by which the ledger knows those that
/// have it.
pub fn asked(claim: &Claim, facts: &Facts, rules: &RulePack, reference: &ReferenceData) -> Vec<(Beside, Vec<u8>)> {
    let mut asked = Vec::new();
    let Some(cin) = &claim.subscriber.cin else { return asked };
    let cin = cin.expose_for(Purpose::Tokenise).as_bytes();
    let has_edits = || reference.ncci_pairs.is_some() || reference.unit_limits.is_some();
    if rules.duplicate.suspect != SuspectAction::Ignore || (rules.correct_coding.across_claims && has_edits()) {
        let payee = match (&claim.billing_provider.tin, &claim.billing_provider.npi) {
            (Some(tin), _) => Some(tin.as_str().as_bytes()),
            (None, npi) => npi.as_ref().map(|npi| npi.as_str().as_bytes()),
        };
        let of_day = |payee: &[u8], day: NaiveDate| identity(&[b"day", cin, payee], day.num_days_from_ce());
        let days = first_days(claim);
        asked.extend(
            payee
                .into_iter()
                .flat_map(|payee| days.iter().map(move |day| (Beside::Day(*day), of_day(payee, *day)))),
        );
    }
    if let Some(day) = share_of_cost_day(claim, facts) {
        asked.push((Beside::ShareOfCost, identity(&[b"share-of-cost", cin], month(day))));
    }
    let of_stay = |month: i32| (Beside::Stays, identity(&[b"stays", cin], month));
    let readmission_days = reference.restrictions.as_ref().and_then(|restrictions| restrictions.readmission_days());
    match (stay_dates(claim), readmission_days) {
        (Some(dates), Some(days)) => asked.extend(months_of(dates, u64::from(days)).map(of_stay)),
        (Some(dates), None) if rules.fraud_signals.during_stay => asked.extend(months_of(dates, 0).map(of_stay)),
        (None, _) if rules.fraud_signals.during_stay => {
            let mut months: Vec<i32> = first_days(claim).into_iter().map(month).collect();
            months.dedup();
            asked.extend(months.into_iter().map(of_stay));
        }
        (Some(_) | None, _) => {}
    }
    asked
}

/// The dates of an inpatient claim.
fn stay_dates(claim: &Claim) -> Option<DateRange> {
    let inpatient = claim.institutional().filter(|claim| claim.is_inpatient())?;
    inpatient.statement.map(|statement| statement.value)
}

/// The months of a stay, and of so many days before it: the last ones, of a stay without an end.
fn months_of(dates: DateRange, days_before: u64) -> impl Iterator<Item = i32> {
    let from = dates.from.checked_sub_days(Days::new(days_before)).unwrap_or(dates.from);
    let last = month(dates.through);
    month(from).max(last - STAY_MONTHS_MAX)..=last
}

/// Parts that hold no control characters, so that they cannot run into each other, and a number of days or
/// months.
fn identity(parts: &[&[u8]], number: i32) -> Vec<u8> {
    let mut identity = Vec::with_capacity(48);
    for part in parts {
        identity.extend_from_slice(part);
        identity.push(0);
    }
    identity.extend_from_slice(&number.to_le_bytes());
    identity
}

fn month(day: NaiveDate) -> i32 {
    day.year() * 12 + day.month0() as i32
}

/// The days on which lines of a claim begin, each once, in their order.
fn first_days(claim: &Claim) -> Vec<NaiveDate> {
    let dates = claim.lines.iter().filter_map(|line| claim.service_dates(line));
    let mut days: Vec<NaiveDate> = dates.map(|dates| dates.value.from).collect();
    days.sort_unstable();
    days.dedup();
    days
}

/// The first day of service, where the member has a share of cost on it.
fn share_of_cost_day(claim: &Claim, facts: &Facts) -> Option<NaiveDate> {
    let day = claim.dates()?.from;
    let coverage = facts.member.found()?.coverage_on(day)?;
    (!coverage.share_of_cost.is_zero()).then_some(day)
}

impl ForLater {
    pub fn of(claim: ClaimId, echo: &ClaimEcho, determination: &Determination) -> ForLater {
        let is_stay = echo.form == Form::Institutional && institutional::is_inpatient(echo.facility.as_bytes());
        let is_paid = determination.lines().iter().any(|line| line.outcome() == LineOutcome::Paid);
        let stay = echo.dates.filter(|_| is_stay && is_paid).map(|dates| Stay {
            claim,
            billing_npi: echo.billing_npi,
            from: dates.from,
            through: dates.through,
        });
        ForLater {
            services: if is_stay { Vec::new() } else { services(claim, echo, determination) },
            share_of_cost: determination.patient_responsibility(),
            stay,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.services.is_empty() && self.share_of_cost.is_zero() && self.stay.is_none()
    }

    /// Whether later claims that ask for this find something.
    pub fn has(&self, beside: Beside) -> bool {
        match beside {
            Beside::Day(day) => self.services.iter().any(|service| service.from == day),
            Beside::ShareOfCost => !self.share_of_cost.is_zero(),
            Beside::Stays => self.stay.is_some(),
        }
    }
}

fn services(claim: ClaimId, echo: &ClaimEcho, determination: &Determination) -> Vec<DayService> {
    let stands = determination.lines().iter().filter_map(|line| match line.outcome() {
        LineOutcome::Paid => Some((line.number(), true, line.paid_units())),
        LineOutcome::Pended => Some((line.number(), false, Quantity::ZERO)),
        LineOutcome::Denied | LineOutcome::Forwarded | LineOutcome::Recorded => None,
    });
    let service = |(number, is_paid, units)| {
        let line = echo.lines.iter().find(|line| line.number == number)?;
        let dates = line.service.or(echo.dates)?;
        Some(DayService {
            claim,
            form: echo.form,
            billing_npi: echo.billing_npi,
            procedure: line.procedure?,
            modifiers: line.modifiers,
            from: dates.from,
            through: dates.through,
            is_paid,
            units,
        })
    };
    stands.filter_map(service).collect()
}

impl OtherClaims {
    pub fn is_empty(&self) -> bool {
        *self == OtherClaims::default()
    }

    /// Takes what another claim has of what was asked.
    pub fn add(&mut self, beside: Beside, left: &ForLater) {
        match beside {
            Beside::Day(day) => self.same_day.extend(left.services.iter().filter(|service| service.from == day).cloned()),
            Beside::ShareOfCost => self.share_of_cost += left.share_of_cost,
            // A stay over the end of a month is found in both.
            Beside::Stays => self.stays.extend(left.stay.filter(|stay| !self.stays.contains(stay))),
        }
    }
}

/// Services of other claims on exactly the dates of a line.
pub(super) fn of_line<'a>(case: &Case<'a>, line: &OpenLine<'_>) -> impl Iterator<Item = &'a DayService> {
    let dates = line.dates.value;
    let services = case.facts.others.same_day.iter();
    services.filter(move |service| (service.from, service.through) == (dates.from, dates.through))
}

/// Those that were paid to the same provider on the same form, where the rule pack lets coding edits look
/// at other claims.
pub(super) fn edited_with<'a>(case: &Case<'a>, line: &OpenLine<'_>) -> impl Iterator<Item = &'a DayService> {
    let (form, npi) = (case.claim.form, case.claim.billing_provider.npi);
    let looks = case.tables.rules.correct_coding.across_claims;
    of_line(case, line).filter(move |service| looks && service.is_paid && service.form == form && service.billing_npi == npi)
}
