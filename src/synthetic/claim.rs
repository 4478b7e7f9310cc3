//! A made-up claim with the decision that must come of it.

use chrono::{Days, NaiveDate};
use rust_decimal::Decimal;

use super::members::Member;
use super::plan::Place;
use super::providers::{Organization, Practitioner};
use super::scenario::{Effect, Scenario};
use super::services::{Procedure, RevenueRate, RevenueService};
use crate::money::{Money, Quantity};

/// One claim, ready for the file, the answer key and the authorization table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub place: Place,
    pub scenario: Scenario,
    /// Seed, form and position: unique, the stem of PCN, trace and authorization number.
    pub stem: String,
    pub member: Member,
    /// The id the claim gives for the member (2010BA NM109).
    pub member_id: String,
    pub organization: Organization,
    pub practitioner: Practitioner,
    pub setting: Setting,
    /// CLM05-3.
    pub frequency: &'static str,
    /// REF*F8.
    pub original_number: Option<String>,
    pub diagnoses: Vec<&'static str>,
    /// REF*G1.
    pub authorization_number: Option<String>,
    pub authorizations: Vec<Authorization>,
    /// REF*9F.
    pub referral_number: Option<String>,
    /// AMT*F5, and value code FC of a hospital.
    pub patient_paid: Option<Money>,
    /// What of it is the patient's (PR-142).
    pub share_of_cost: Money,
    /// What another payer paid (2320 AMT*D) of the only line.
    pub prior_payment: Option<Money>,
    pub lines: Vec<Line>,
}

/// Where the service took place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Setting {
    /// CMS place of service.
    Office {
        place: &'static str,
    },
    Hospital(Stay),
}

/// The institutional part of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stay {
    pub kind: StayKind,
    pub from: NaiveDate,
    pub through: NaiveDate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StayKind {
    Outpatient,
    OutpatientEmergency,
    Inpatient { group: &'static str },
    EmergencyInpatient { group: &'static str },
    Delivery,
}

impl StayKind {
    pub(super) fn is_inpatient(self) -> bool {
        match self {
            StayKind::Outpatient | StayKind::OutpatientEmergency => false,
            StayKind::Inpatient { .. } | StayKind::EmergencyInpatient { .. } | StayKind::Delivery => true,
        }
    }
}

/// A service line (2400) and what it must be decided to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub procedure: Option<&'static str>,
    pub modifier: &'static str,
    pub revenue: &'static str,
    pub is_laboratory: bool,
    pub charge: Money,
    pub units: u32,
    pub days: bool,
    pub date: NaiveDate,
    /// SV107: diagnosis pointers.
    pub pointers: &'static str,
    pub price: Price,
    pub decision: Decision,
}

/// What the fee schedule allows for a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Price {
    PerUnit(Money),
    Whole(Money),
    None,
}

/// The decision that must come of a line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Decision {
    pub outcome: Outcome,
    pub paid: Money,
    /// Group and reason (`CO-45`) with the amount taken away.
    pub adjustments: Vec<(&'static str, Money)>,
}

/// Outcomes of claims and lines as the answer key names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Outcome {
    Rejected,
    #[default]
    Paid,
    Denied,
    Pended,
    Forwarded,
    Recorded,
}

impl Outcome {
    pub(super) fn name(self) -> &'static str {
        match self {
            Outcome::Rejected => "rejected",
            Outcome::Paid => "paid",
            Outcome::Denied => "denied",
            Outcome::Pended => "pended",
            Outcome::Forwarded => "forwarded",
            Outcome::Recorded => "recorded",
        }
    }
}

/// One row of `authorizations.csv`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Authorization {
    pub number: String,
    pub cin: String,
    pub status: &'static str,
    pub kind: &'static str,
    pub service_from: NaiveDate,
    pub service_to: NaiveDate,
    pub provider_npi: String,
    pub group_tin: String,
    pub code: &'static str,
    pub units: u32,
    pub unit_basis: &'static str,
    pub units_used: u32,
    /// Named by REF*9F.
    pub is_referral: bool,
    /// The day of an admission, when the payer was told of it.
    pub notified_on: Option<NaiveDate>,
}

impl Line {
    /// A line for a procedure, priced by unit.
    pub(super) fn of(procedure: &Procedure, units: u32, unit_charge: Money, date: NaiveDate) -> Line {
        Line {
            procedure: Some(procedure.code),
            modifier: "",
            revenue: procedure.revenue,
            is_laboratory: procedure.is_laboratory,
            charge: unit_charge.times(Quantity::whole(units)),
            units,
            days: false,
            date,
            pointers: "1",
            price: if procedure.fee_cents == 0 {
                Price::None
            } else {
                Price::PerUnit(procedure.fee())
            },
            decision: Decision::default(),
        }
    }

    /// A hospital line without a procedure, priced by its revenue code.
    pub(super) fn of_revenue(service: RevenueService, units: u32, charge: Money, date: NaiveDate) -> Line {
        Line {
            procedure: None,
            modifier: "",
            revenue: service.code,
            is_laboratory: false,
            charge,
            units,
            days: service.code.starts_with("01"),
            date,
            pointers: "1",
            price: match service.rate {
                RevenueRate::PerDiemCents(cents) => Price::PerUnit(Money::from_cents(cents)),
                RevenueRate::CaseCents(cents) => Price::Whole(Money::from_cents(cents)),
                RevenueRate::Percent(percent) => Price::Whole(charge.percent(Decimal::from(percent))),
            },
            decision: Decision::default(),
        }
    }

    pub(super) fn with_modifier(self, modifier: &'static str) -> Line {
        Line { modifier, ..self }
    }

    /// The lesser of billed and allowed, the rest written off (DOMAIN E6). Units beyond `units_left`
    /// are cut first, with their part of the charge.
    fn priced(&self, units_left: Option<(u32, &'static str)>) -> Decision {
        let units = units_left.map_or(self.units, |(left, _)| left.min(self.units));
        let billed = Money::rounded(self.charge.times(Quantity::whole(units)).decimal() / Decimal::from(self.units.max(1)));
        let allowed = match self.price {
            Price::PerUnit(amount) => amount.times(Quantity::whole(units)),
            Price::Whole(amount) => amount,
            Price::None => Money::ZERO,
        };
        let paid = billed.min(allowed);
        let cut = units_left.map(|(_, reason)| (reason, self.charge - billed));
        Decision {
            outcome: Outcome::Paid,
            paid,
            adjustments: cut
                .into_iter()
                .chain([("CO-45", billed - paid)])
                .filter(|(_, amount)| !amount.is_zero())
                .collect(),
        }
    }

    fn unpaid(&self, outcome: Outcome, reason: Option<&'static str>) -> Decision {
        Decision {
            outcome,
            paid: Money::ZERO,
            adjustments: reason.map(|reason| (reason, self.charge)).into_iter().collect(),
        }
    }
}

impl Decision {
    /// The other payer left the whole rest to the patient: what the plan does not pay of it is no difference of
    /// the plan's, but not owed.
    fn relieve(&mut self) {
        let difference = self.adjustments.iter().position(|(reason, _)| *reason == "CO-45");
        if let Some((_, amount)) = difference.map(|place| self.adjustments.remove(place)) {
            self.adjustments.push(("CO-303", amount));
        }
    }

    /// Takes as much of `left` off what is paid as it holds.
    fn take_off(&mut self, reason: &'static str, left: &mut Money) {
        let taken = self.paid.min(*left);
        if !taken.is_zero() {
            self.adjustments.push((reason, taken));
        }
        self.paid -= taken;
        *left -= taken;
    }
}

impl Claim {
    /// Fills in the lines' decisions. `subject` is the line the scenario is about, `units_left` what an
    /// authorization that runs short still grants it.
    pub(super) fn decided(mut self, subject: usize, units_left: u32) -> Claim {
        let effect = self.scenario.effect();
        let (mut prior, mut of_patient) = (self.prior_payment.unwrap_or_default(), self.share_of_cost);
        for (number, line) in self.lines.iter_mut().enumerate() {
            let is_subject = number == subject;
            line.decision = match effect {
                Effect::Priced | Effect::Rejected => line.priced(None),
                Effect::DeniesClaim(reason) => line.unpaid(Outcome::Denied, Some(reason)),
                Effect::DeniesLine(reason) if is_subject => line.unpaid(Outcome::Denied, Some(reason)),
                Effect::CutsUnits(reason) if is_subject => line.priced(Some((units_left, reason))),
                Effect::DeniesLine(_) | Effect::CutsUnits(_) => line.priced(None),
                Effect::Forwarded(reason) => line.unpaid(Outcome::Forwarded, Some(reason)),
                Effect::Pended => line.unpaid(Outcome::Pended, None),
                Effect::Recorded => line.unpaid(Outcome::Recorded, None),
            };
            for (reason, left) in [("OA-23", &mut prior), ("PR-142", &mut of_patient)] {
                line.decision.take_off(reason, left);
            }
            if self.scenario == Scenario::QualifiedBeneficiary {
                line.decision.relieve();
            }
        }
        self
    }

    /// The same claim sent again as a void: it is recorded.
    pub(super) fn voided(mut self) -> Claim {
        self.scenario = Scenario::Void;
        self.frequency = "8";
        self.decided(0, 0)
    }

    /// The same claim sent again as a replacement: it is decided as it was.
    pub(super) fn replaced(self) -> Claim {
        Claim {
            scenario: Scenario::Replacement,
            frequency: "7",
            ..self
        }
    }

    /// The day on which the payer before us decided a service: where that excuses a late claim, a year later.
    pub(super) fn other_payer_decided_on(&self, service: NaiveDate) -> NaiveDate {
        let days = if self.scenario == Scenario::OtherPayerLate { 365 } else { 0 };
        service.checked_add_days(Days::new(days)).unwrap_or(service)
    }

    /// Why a late claim counts as timely: kind and first receipt, for `filing_exceptions.csv`.
    pub(super) fn filing_exception(&self) -> Option<(&'static str, Option<NaiveDate>)> {
        match self.scenario {
            Scenario::Misdirected => {
                let service = self.lines.first()?.date;
                Some(("misdirected", service.checked_add_days(Days::new(30))))
            }
            Scenario::GoodCause => Some(("good_cause", None)),
            _ => None,
        }
    }

    /// CLM01.
    pub(super) fn control_number(&self) -> String {
        format!("S{}", self.stem)
    }

    /// CLM02 as submitted.
    pub(super) fn charge(&self) -> Money {
        let sum: Money = self.lines.iter().map(|line| line.charge).sum();
        if self.scenario == Scenario::ChargeNotSum {
            sum + Money::from_cents(100)
        } else {
            sum
        }
    }

    pub(super) fn paid(&self) -> Money {
        match self.outcome() {
            Outcome::Paid => self.lines.iter().map(|line| line.decision.paid).sum(),
            Outcome::Rejected | Outcome::Denied | Outcome::Pended | Outcome::Forwarded | Outcome::Recorded => Money::ZERO,
        }
    }

    pub(super) fn outcome(&self) -> Outcome {
        if self.scenario.effect() == Effect::Rejected {
            return Outcome::Rejected;
        }
        let is = |outcome: Outcome| self.lines.iter().any(|line| line.decision.outcome == outcome);
        [Outcome::Pended, Outcome::Forwarded, Outcome::Recorded, Outcome::Paid]
            .into_iter()
            .find(|outcome| is(*outcome))
            .unwrap_or(Outcome::Denied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::services::{PHARMACY, VISITS};

    fn line(charge_cents: i64, units: u32) -> Line {
        let visit = VISITS.iter().find(|visit| visit.code == "99214").unwrap();
        Line::of(visit, units, Money::from_cents(charge_cents), NaiveDate::from_ymd_opt(2026, 9, 1).unwrap())
    }

    fn text(decision: &Decision) -> (String, Vec<(&'static str, String)>) {
        (
            decision.paid.to_string(),
            decision.adjustments.iter().map(|(reason, amount)| (*reason, amount.to_string())).collect(),
        )
    }

    #[test]
    fn prices() {
        let expected = |paid: &str, adjustments: &[(&'static str, &str)]| {
            (
                paid.to_string(),
                adjustments.iter().map(|(reason, amount)| (*reason, (*amount).to_string())).collect::<Vec<_>>(),
            )
        };
        assert_eq!(text(&line(15_000, 1).priced(None)), expected("122.05", &[("CO-45", "27.95")]));
        assert_eq!(text(&line(10_000, 1).priced(None)), expected("100.00", &[]));
        assert_eq!(text(&line(15_000, 3).priced(None)), expected("366.15", &[("CO-45", "83.85")]));
        assert_eq!(
            text(&line(15_000, 3).priced(Some((2, "CO-198")))),
            expected("244.10", &[("CO-198", "150.00"), ("CO-45", "55.90")])
        );
        assert_eq!(text(&line(10_000, 3).priced(Some((1, "CO-198")))), expected("100.00", &[("CO-198", "200.00")]));
        let pharmacy = Line::of_revenue(PHARMACY, 1, Money::from_cents(10_001), NaiveDate::from_ymd_opt(2026, 9, 1).unwrap());
        assert_eq!(text(&pharmacy.priced(None)), expected("40.00", &[("CO-45", "60.01")]));
    }
}
