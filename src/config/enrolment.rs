//! `[partner.remit]`: whose 835s a partner carries, and how soon it must say what became of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};

use super::document::{ConfigError, Keys};
use super::partner::Partner;
use super::values::Period;
use crate::clock::Timestamp;
use crate::ids::Npi;

/// `[partner.remit]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Enrolment {
    pub payees: Payees,
    /// An 835 without a 999 for so long is overdue.
    pub ack_after: Period,
}

impl Default for Enrolment {
    fn default() -> Enrolment {
        Enrolment {
            payees: Payees::default(),
            ack_after: Period::from_secs(48 * 3_600),
        }
    }
}

impl Enrolment {
    /// An 835 sent by then and not acknowledged is overdue now.
    pub fn overdue_since(&self, now: Timestamp) -> Timestamp {
        let patience = i64::try_from(self.ack_after.duration().as_secs()).unwrap_or(i64::MAX);
        Timestamp::from_unix_seconds(now.unix_seconds().saturating_sub(patience))
    }
}

/// Payees by their NPIs. Those of two partners have none in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Payees {
    named: BTreeSet<Npi>,
    /// `*`: also every payee but these, whom other partners name.
    others: Option<BTreeSet<Npi>>,
}

impl Payees {
    pub fn have(&self, payee: &Npi) -> bool {
        self.named.contains(payee) || self.others.as_ref().is_some_and(|elsewhere| !elsewhere.contains(payee))
    }

    pub fn is_empty(&self) -> bool {
        self.named.is_empty() && self.others.is_none()
    }
}

impl Serialize for Payees {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let everyone = self.others.as_ref().map(|_| EVERY_OTHER);
        serializer.collect_seq(self.named.iter().map(Npi::as_str).chain(everyone))
    }
}

/// Every payee whom no partner names.
const EVERY_OTHER: &str = "*";

const KEY: &str = "partner.remit.payees";

enum Named {
    Payee(Npi),
    EveryOther,
}

impl Enrolment {
    pub(super) fn read(mut keys: Keys<'_>) -> Result<Enrolment, ConfigError> {
        const PAYEES: &str = "NPIs of ten digits, and * for every payee whom no partner names";
        let standard = Enrolment::default();
        let named = keys.list("payees", PAYEES, |text| match text {
            EVERY_OTHER => Some(Named::EveryOther),
            npi => Npi::parse(npi.as_bytes()).ok().map(Named::Payee),
        })?;
        let ack_after = keys.text("ack_after", Period::EXPECTED, Period::parse)?;
        keys.finish()?;
        let mut payees = Payees::default();
        for named in named.into_iter().flatten() {
            match named {
                Named::Payee(npi) => drop(payees.named.insert(npi)),
                Named::EveryOther => payees.others = Some(BTreeSet::new()),
            }
        }
        Ok(Enrolment {
            payees,
            ack_after: ack_after.unwrap_or(standard.ack_after),
        })
    }
}

/// Refuses a payee, or all others, with two partners: an 835 must not go into two envelopes. Tells `*` whom it
/// leaves out.
pub(super) fn distinct(mut partners: Vec<Partner>, keys: &Keys<'_>) -> Result<Vec<Partner>, ConfigError> {
    let (mut carriers, mut of_others) = (BTreeMap::new(), None);
    for (place, partner) in partners.iter().enumerate() {
        let id = partner.profile.id.as_str();
        let twice = |what: &str, earlier: &str| Err(keys.refuse(KEY, &format!("{what:?} for {earlier} and {id}"), "one partner for each payee"));
        for payee in &partner.remit.payees.named {
            if let Some(earlier) = carriers.insert(*payee, id) {
                return twice(payee.as_str(), earlier);
            }
        }
        if partner.remit.payees.others.is_some()
            && let Some((_, earlier)) = of_others.replace((place, id))
        {
            return twice(EVERY_OTHER, earlier);
        }
    }
    let (named, place) = (carriers.into_keys().collect(), of_others.map(|(place, _)| place));
    if let Some(partner) = place.and_then(|place| partners.get_mut(place)) {
        partner.remit.payees.others = Some(named);
    }
    Ok(partners)
}
