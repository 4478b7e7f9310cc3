//! The decision on a claim. Balanced by construction: for every line and for the claim,
//! charge − adjustments = paid. There is no way to build one that does not.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::adjustment::Adjustment;
use super::former;
use super::fraud_signals::Suspicion;
use super::ruling::Reason;
use super::trace::{Rule, Step};
use crate::ids::{Carc, ClaimId, Rarc};
use crate::money::{Money, Quantity};
use crate::position::SegmentPosition;
use crate::tables::reasons::AdjustmentGroup;
use crate::tables::refdata::authorizations::AuthorizationRow;
use crate::tables::rules::{EvidenceItem, EvidenceStrength};

/// What happened to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LineOutcome {
    Paid,
    Denied,
    Pended,
    Forwarded,
    Recorded,
}

impl LineOutcome {
    pub fn as_str(self) -> &'static str {
        match self {
            LineOutcome::Paid => "paid",
            LineOutcome::Denied => "denied",
            LineOutcome::Pended => "pended",
            LineOutcome::Forwarded => "forwarded",
            LineOutcome::Recorded => "recorded",
        }
    }
}

/// What happened to a claim (INTERFACE 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClaimOutcome {
    Paid,
    Denied,
    Pended,
    Forwarded,
    Recorded,
}

impl ClaimOutcome {
    pub fn as_str(self) -> &'static str {
        match self {
            ClaimOutcome::Paid => "paid",
            ClaimOutcome::Denied => "denied",
            ClaimOutcome::Pended => "pended",
            ClaimOutcome::Forwarded => "forwarded",
            ClaimOutcome::Recorded => "recorded",
        }
    }

    /// Whether the claim belongs on an 835.
    pub fn is_remitted(self) -> bool {
        matches!(self, ClaimOutcome::Paid | ClaimOutcome::Denied | ClaimOutcome::Forwarded)
    }
}

/// Why a person must look at a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PendReason {
    /// No row says who is responsible for the member's network.
    NetworkUnknown,
    /// A replacement whose original nobody could look up.
    Replacement,
    /// A restriction row says so.
    Restriction,
    /// No rate, and the rule pack says pend.
    Unpriced,
    /// The other payer's part cannot be computed yet.
    Coordination,
    /// A rule failed on this claim; the rest of the file went on.
    RuleFailure,
    /// The billing provider has no NPI: there is nobody to pay, and no 835 to say so on.
    NoPayee,
    /// A line is like one of an earlier claim, and not exactly the same (E4).
    SuspectDuplicate,
}

impl PendReason {
    pub fn as_str(self) -> &'static str {
        match self {
            PendReason::NetworkUnknown => "network-unknown",
            PendReason::Replacement => "replacement",
            PendReason::Restriction => "restriction",
            PendReason::Unpriced => "unpriced",
            PendReason::Coordination => "coordination",
            PendReason::RuleFailure => "rule-failure",
            PendReason::NoPayee => "no-payee",
            PendReason::SuspectDuplicate => "suspect-duplicate",
        }
    }
}

/// Something worth telling beside the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signal {
    /// MB1/MB5: the patient paid and owes no share of cost.
    PatientPaid,
    /// MB2: the amount differs from the share of cost on record.
    ShareOfCostMismatch,
    /// MB6: an estimate of what the patient owes (837I AMT*F3).
    PatientEstimate,
    /// TF_BOUNDARY: late in days, timely in years, or the reverse.
    TimelyFilingBoundary,
    /// P8: a specialist bills the first assessment of a new member.
    HealthAssessment,
}

impl Signal {
    pub fn as_str(self) -> &'static str {
        match self {
            Signal::PatientPaid => "patient-paid",
            Signal::ShareOfCostMismatch => "share-of-cost-mismatch",
            Signal::PatientEstimate => "patient-estimate",
            Signal::TimelyFilingBoundary => "timely-filing-boundary",
            Signal::HealthAssessment => "health-assessment-by-specialist",
        }
    }
}

/// A signal with the line it is about; 0 = the claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Raised {
    pub signal: Signal,
    pub line: u16,
    pub amount: Option<Money>,
}

/// Units of an authorization row that a line consumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitsConsumed {
    pub line: u16,
    pub row: AuthorizationRow,
    pub units: Quantity,
}

/// Why a listed service needed no prior authorization: the exempt service and what on the claim shows it
/// (DOMAIN C3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exempted {
    /// Of the rule pack.
    pub name: CompactString,
    pub strength: EvidenceStrength,
    pub item: EvidenceItem,
    /// The segment of the item; the line's where several items count.
    pub at: SegmentPosition,
    /// From 1; 0 is the whole segment.
    pub element: u8,
    /// From 1; 0 is the whole element.
    pub component: u8,
}

/// The decision on one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineDetermination {
    number: u16,
    outcome: LineOutcome,
    charge: Money,
    allowed: Money,
    paid: Money,
    paid_units: Quantity,
    adjustments: Vec<Adjustment>,
    rule: Rule,
    exempted: Option<Box<Exempted>>,
    sensitivity: Vec<CompactString>,
}

/// A line whose charge, adjustments and payment do not add up. A bug, reported with the difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unbalanced {
    #[error("line {line}: charge minus adjustments differs from paid by {difference}")]
    Line { line: u16, difference: Money },
    #[error("line {line}: a negative or zero adjustment, or a negative payment")]
    Sign { line: u16 },
    #[error("claim: charge differs from the sum of the lines by {difference}")]
    Claim { difference: Money },
}

impl LineDetermination {
    /// A line paid `allowed − prior payers' effect`, the rest explained by `adjustments`.
    ///
    /// # Errors
    /// [`Unbalanced`] unless charge − Σ adjustments = paid, every adjustment is positive, paid ≥ 0.
    pub fn paid(
        number: u16,
        charge: Money,
        allowed: Money,
        paid: Money,
        paid_units: Quantity,
        adjustments: Vec<Adjustment>,
        rule: Rule,
    ) -> Result<LineDetermination, Unbalanced> {
        let adjusted: Money = adjustments.iter().map(|adjustment| adjustment.amount).sum();
        let difference = charge - adjusted - paid;
        if !difference.is_zero() {
            return Err(Unbalanced::Line { line: number, difference });
        }
        if paid.is_negative() || adjustments.iter().any(|adjustment| adjustment.amount <= Money::ZERO) {
            return Err(Unbalanced::Sign { line: number });
        }
        Ok(LineDetermination {
            number,
            outcome: LineOutcome::Paid,
            charge,
            allowed,
            paid,
            paid_units,
            adjustments,
            rule,
            exempted: None,
            sensitivity: Vec::new(),
        })
    }

    /// A line denied in full with one reason for its whole charge. A charge of zero has no amount to
    /// adjust and keeps the reason out of its CAS.
    pub fn denied(number: u16, charge: Money, reason: Adjustment, rule: Rule) -> LineDetermination {
        LineDetermination::unpaid(number, LineOutcome::Denied, charge, Some(reason), rule)
    }

    /// A line that another entity will decide (CO-B11).
    pub fn forwarded(number: u16, charge: Money, reason: Adjustment) -> LineDetermination {
        LineDetermination::unpaid(number, LineOutcome::Forwarded, charge, Some(reason), Rule::Routing)
    }

    /// A line that a person must look at: no money moves, nothing is adjusted.
    pub fn pended(number: u16, charge: Money, rule: Rule) -> LineDetermination {
        LineDetermination::unpaid(number, LineOutcome::Pended, charge, None, rule)
    }

    /// A line of an encounter, or of a void.
    pub fn recorded(number: u16, charge: Money, rule: Rule) -> LineDetermination {
        LineDetermination::unpaid(number, LineOutcome::Recorded, charge, None, rule)
    }

    /// With a remark beside the reason for which nothing is paid; a line whose charge of zero has no reason
    /// has none.
    pub(super) fn remarked(mut self, remark: Rarc) -> LineDetermination {
        if let Some(adjustment) = self.adjustments.first_mut().filter(|adjustment| !adjustment.rarcs.contains(&remark)) {
            adjustment.rarcs.push(remark);
        }
        self
    }

    /// With another reason for a part of what one reason took away: what is paid stays what it is. Also how
    /// much that is, at most `most`.
    pub(super) fn explained(mut self, carc: Carc, reason: Reason, most: Money) -> (LineDetermination, Money) {
        let Some(adjustment) = self.adjustments.iter_mut().find(|adjustment| adjustment.carc == carc) else {
            return (self, Money::ZERO);
        };
        let taken = adjustment.amount.min(most);
        if taken > Money::ZERO {
            adjustment.amount -= taken;
            self.adjustments.retain(|adjustment| !adjustment.amount.is_zero());
            self.adjustments.push(reason.adjusts(taken));
        }
        (self, taken)
    }

    fn unpaid(number: u16, outcome: LineOutcome, charge: Money, reason: Option<Adjustment>, rule: Rule) -> LineDetermination {
        let adjustments = reason
            .filter(|_| !charge.is_zero())
            .map(|reason| Adjustment { amount: charge, ..reason })
            .into_iter()
            .collect();
        LineDetermination {
            number,
            outcome,
            charge,
            allowed: Money::ZERO,
            paid: Money::ZERO,
            paid_units: Quantity::ZERO,
            adjustments,
            rule,
            exempted: None,
            sensitivity: Vec::new(),
        }
    }

    pub(super) fn with_exempted(mut self, exempted: Option<Box<Exempted>>) -> LineDetermination {
        self.exempted = exempted;
        self
    }

    pub(super) fn with_sensitivity(mut self, sensitivity: Vec<CompactString>) -> LineDetermination {
        self.sensitivity = sensitivity;
        self
    }

    /// The same line for a person to look at; what it shows stands.
    fn waiting(self) -> LineDetermination {
        LineDetermination {
            exempted: self.exempted,
            sensitivity: self.sensitivity,
            ..LineDetermination::pended(self.number, self.charge, self.rule)
        }
    }

    /// LX01.
    pub fn number(&self) -> u16 {
        self.number
    }
    pub fn outcome(&self) -> LineOutcome {
        self.outcome
    }
    pub fn charge(&self) -> Money {
        self.charge
    }
    pub fn allowed(&self) -> Money {
        self.allowed
    }
    pub fn amount_paid(&self) -> Money {
        self.paid
    }
    pub fn paid_units(&self) -> Quantity {
        self.paid_units
    }
    pub fn adjustments(&self) -> &[Adjustment] {
        &self.adjustments
    }
    /// The rule that decided the line.
    pub fn rule(&self) -> Rule {
        self.rule
    }
    /// The exempt service in place of an authorization.
    pub fn exempted(&self) -> Option<&Exempted> {
        self.exempted.as_deref()
    }
    /// Every sensitive service that the line shows, whatever became of it: notices about it may be
    /// suppressed.
    pub fn sensitivity(&self) -> &[CompactString] {
        &self.sensitivity
    }
}

/// The decision on a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Determination {
    outcome: ClaimOutcome,
    pend_reason: Option<PendReason>,
    charge: Money,
    paid: Money,
    lines: Vec<LineDetermination>,
    signals: Vec<Raised>,
    consumed: Vec<UnitsConsumed>,
    /// Where a forwarded claim goes.
    forward_to: Option<compact_str::CompactString>,
    /// What is said of the claim as a whole.
    remarks: Vec<Rarc>,
    /// Other payers that decided before the plan.
    payers_before: u8,
    /// The claim that a replacement or void takes back.
    reverses: Option<ClaimId>,
    #[serde(skip)]
    suspicions: Vec<Suspicion>,
    #[serde(skip)]
    trace: Vec<Step>,
}

/// What the steps hand to [`Determination::new`] beside the lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aside {
    pub pend_reason: Option<PendReason>,
    pub signals: Vec<Raised>,
    pub consumed: Vec<UnitsConsumed>,
    pub forward_to: Option<compact_str::CompactString>,
    /// MOA and MIA: of the claim as a whole.
    pub remarks: Vec<Rarc>,
    pub payers_before: u8,
}

impl Determination {
    /// Puts the lines together. One pended line pends the claim: then no line pays and nothing is
    /// consumed. `charge` is CLM02.
    ///
    /// # Errors
    /// [`Unbalanced::Claim`] unless the lines' charges sum to the claim's.
    pub fn new(charge: Money, lines: Vec<LineDetermination>, aside: Aside) -> Result<Determination, Unbalanced> {
        let difference = charge - lines.iter().map(LineDetermination::charge).sum();
        if !difference.is_zero() {
            return Err(Unbalanced::Claim { difference });
        }
        let outcome = claim_outcome(&lines);
        let (lines, consumed) = if outcome == ClaimOutcome::Pended {
            (lines.into_iter().map(LineDetermination::waiting).collect(), Vec::new())
        } else {
            (lines, aside.consumed)
        };
        Ok(Determination {
            outcome,
            pend_reason: aside.pend_reason.filter(|_| outcome == ClaimOutcome::Pended),
            charge,
            paid: lines.iter().map(LineDetermination::amount_paid).sum(),
            lines,
            signals: aside.signals,
            consumed,
            forward_to: aside.forward_to,
            remarks: if outcome == ClaimOutcome::Pended { Vec::new() } else { aside.remarks },
            payers_before: aside.payers_before,
            reverses: None,
            suspicions: Vec::new(),
            trace: Vec::new(),
        })
    }

    /// A claim that a person must look at, whatever its lines were to become: its charge is the sum of
    /// theirs, so it is balanced.
    pub fn pended(lines: Vec<LineDetermination>, reason: PendReason) -> Determination {
        let lines: Vec<LineDetermination> = lines.into_iter().map(LineDetermination::waiting).collect();
        Determination {
            outcome: ClaimOutcome::Pended,
            pend_reason: Some(reason),
            charge: lines.iter().map(LineDetermination::charge).sum(),
            paid: Money::ZERO,
            lines,
            signals: Vec::new(),
            consumed: Vec::new(),
            forward_to: None,
            remarks: Vec::new(),
            payers_before: 0,
            reverses: None,
            suspicions: Vec::new(),
            trace: Vec::new(),
        }
    }

    /// With the claim that it takes back. A pended claim takes nothing back: what it is about stands until
    /// it is decided.
    pub fn reversing(self, original: Option<ClaimId>) -> Determination {
        let reverses = original.filter(|_| self.outcome != ClaimOutcome::Pended);
        Determination { reverses, ..self }
    }

    pub fn with_trace(self, trace: Vec<Step>) -> Determination {
        Determination { trace, ..self }
    }

    pub(super) fn with_suspicions(self, suspicions: Vec<Suspicion>) -> Determination {
        Determination { suspicions, ..self }
    }

    /// The signs of fraud on the claim, which stand beside the decision; empty on a determination read back
    /// from the ledger.
    pub fn suspicions(&self) -> &[Suspicion] {
        &self.suspicions
    }

    /// As it is stored and compared: without its trace and what stands beside it.
    pub fn bare(self) -> Determination {
        Determination {
            suspicions: Vec::new(),
            ..self.without_trace()
        }
    }

    /// The trace belongs to one run.
    pub fn without_trace(self) -> Determination {
        Determination { trace: Vec::new(), ..self }
    }

    pub fn outcome(&self) -> ClaimOutcome {
        self.outcome
    }
    pub fn pend_reason(&self) -> Option<PendReason> {
        self.pend_reason
    }
    /// CLM02.
    pub fn charge(&self) -> Money {
        self.charge
    }
    /// Without interest.
    pub fn paid(&self) -> Money {
        self.paid
    }
    pub fn lines(&self) -> &[LineDetermination] {
        &self.lines
    }
    pub fn signals(&self) -> &[Raised] {
        &self.signals
    }
    pub fn consumed(&self) -> &[UnitsConsumed] {
        &self.consumed
    }
    pub fn forward_to(&self) -> Option<&str> {
        self.forward_to.as_deref()
    }
    /// What is said of the claim as a whole: MOA, or MIA of a stay.
    pub fn remarks(&self) -> &[Rarc] {
        &self.remarks
    }
    /// Other payers that decided before the plan: it is the secondary payer after one, the tertiary after more.
    pub fn payers_before(&self) -> u8 {
        self.payers_before
    }
    /// The claim that a replacement or void takes back.
    pub fn reverses(&self) -> Option<ClaimId> {
        self.reverses
    }
    /// The steps; empty unless they were asked for, as on a determination read back from the ledger.
    pub fn trace(&self) -> &[Step] {
        &self.trace
    }
    /// Σ PR adjustments: CLP05.
    pub fn patient_responsibility(&self) -> Money {
        self.lines
            .iter()
            .flat_map(|line| &line.adjustments)
            .filter(|adjustment| adjustment.group == AdjustmentGroup::PatientResponsibility)
            .map(|adjustment| adjustment.amount)
            .sum()
    }
    /// The reasons that took money away, each once per line.
    pub fn carcs(&self) -> impl Iterator<Item = Carc> + '_ {
        self.lines.iter().flat_map(|line| line.adjustments.iter().map(|adjustment| adjustment.carc))
    }
}

/// It was balanced when it was stored.
impl From<former::Determination> for Determination {
    fn from(former: former::Determination) -> Determination {
        Determination {
            outcome: former.outcome,
            pend_reason: former.pend_reason,
            charge: former.charge,
            paid: former.paid,
            lines: former.lines.into_iter().map(Into::into).collect(),
            signals: former.signals.into_iter().filter_map(former::Raised::told).collect(),
            consumed: former.consumed,
            forward_to: former.forward_to,
            remarks: Vec::new(),
            payers_before: 0,
            reverses: None,
            suspicions: Vec::new(),
            trace: Vec::new(),
        }
    }
}

impl From<former::LineDetermination> for LineDetermination {
    fn from(former: former::LineDetermination) -> LineDetermination {
        LineDetermination {
            number: former.number,
            outcome: former.outcome,
            charge: former.charge,
            allowed: former.allowed,
            paid: former.paid,
            paid_units: former.paid_units,
            adjustments: former.adjustments,
            rule: former.rule,
            exempted: None,
            sensitivity: Vec::new(),
        }
    }
}

fn claim_outcome(lines: &[LineDetermination]) -> ClaimOutcome {
    let any = |outcome| lines.iter().any(|line| line.outcome == outcome);
    if any(LineOutcome::Pended) || lines.is_empty() {
        ClaimOutcome::Pended
    } else if any(LineOutcome::Forwarded) {
        ClaimOutcome::Forwarded
    } else if any(LineOutcome::Recorded) {
        ClaimOutcome::Recorded
    } else if any(LineOutcome::Paid) {
        ClaimOutcome::Paid
    } else {
        ClaimOutcome::Denied
    }
}
