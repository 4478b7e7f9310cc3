//! Does an 835 balance? Proven from its bytes alone, ours or anybody's (DOMAIN F2).
//!
//! To the next editor: this check shares nothing with the writer but the tokenizer and [`Money`]; keep
//! it so, or the two can be wrong together.

use std::fmt;

use crate::limits;
use crate::money::{DecimalError, Money};
use crate::position::SegmentPosition;
use crate::x12::segment::Segment;
use crate::x12::tokenizer::{TokenError, for_each_segment};

/// A rule of the 835 that does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Imbalance {
    /// SVC02 − Σ CAS of the line = SVC03.
    Line,
    /// CLP03 = Σ SVC02 of its lines.
    ClaimCharge,
    /// CLP03 − Σ CAS of the claim and its lines = CLP04.
    ClaimPayment,
    /// CLP04 = Σ SVC03 − Σ CAS of the claim.
    ClaimLines,
    /// CLP05 = Σ CAS*PR.
    PatientResponsibility,
    /// BPR02 = Σ CLP04 − Σ PLB.
    Payment,
    /// SE01 counts the segments.
    SegmentCount,
    /// A provider adjustment of zero.
    ZeroProviderAdjustment,
    /// CLP02 is 22 and CLP03 above zero: nothing is taken back.
    ReversalSign,
    /// An amount that is no decimal or is missing.
    NoAmount,
    /// A transaction set without BPR, or that does not end with its SE.
    Incomplete,
}

impl Imbalance {
    fn sentence(self) -> &'static str {
        match self {
            Imbalance::Line => "line charge minus adjustments is not the line payment (SVC02, CAS, SVC03)",
            Imbalance::ClaimCharge => "claim charge is not the sum of the line charges (CLP03, SVC02)",
            Imbalance::ClaimPayment => "claim charge minus adjustments is not the claim payment (CLP03, CAS, CLP04)",
            Imbalance::ClaimLines => "claim payment is not the line payments minus claim adjustments (CLP04, SVC03, CAS)",
            Imbalance::PatientResponsibility => "patient responsibility is not the sum of the PR adjustments (CLP05, CAS)",
            Imbalance::Payment => "payment is not the claim payments minus provider adjustments (BPR02, CLP04, PLB)",
            Imbalance::SegmentCount => "segment count is wrong (SE01)",
            Imbalance::ZeroProviderAdjustment => "a provider adjustment is zero (PLB)",
            Imbalance::ReversalSign => "a reversal has a charge above zero (CLP02, CLP03)",
            Imbalance::NoAmount => "an amount is not a decimal, expected digits with at most one point",
            Imbalance::Incomplete => "the transaction set has no BPR or does not end with its SE",
        }
    }
}

/// Where a rule is broken, and by how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BalanceFinding {
    pub imbalance: Imbalance,
    /// The segment that opens what does not balance: SVC, CLP, BPR, or the one at fault.
    pub at: SegmentPosition,
    /// Left side minus right side of the rule; zero where no amount is compared.
    pub difference: Money,
}

/// `segment 17 (byte 901): line charge minus … by 0.01`
impl fmt::Display for BalanceFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "segment {} (byte {}): {}", self.at.ordinal, self.at.byte, self.imbalance.sentence())?;
        if self.difference.is_zero() {
            Ok(())
        } else {
            write!(f, ", by {}", self.difference)
        }
    }
}

/// What was read, and what does not balance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BalanceReport {
    /// 835 transaction sets.
    pub sets: u64,
    pub claims: u64,
    pub lines: u64,
    /// Σ CLP03.
    pub charge: Money,
    /// Σ CLP04.
    pub paid: Money,
    /// Σ PLB.
    pub provider_adjustments: Money,
    /// Σ BPR02.
    pub payment: Money,
    /// The first [`limits::FINDINGS_PER_FILE_MAX`].
    pub findings: Vec<BalanceFinding>,
}

impl BalanceReport {
    /// At least one 835, and nothing found.
    pub fn is_balanced(&self) -> bool {
        self.sets > 0 && self.findings.is_empty()
    }
}

/// Reads an 835 segment by segment; memory does not grow with the file.
#[derive(Debug, Default)]
pub struct BalanceCheck {
    report: BalanceReport,
    set: Option<OpenSet>,
}

#[derive(Debug, Default)]
struct OpenSet {
    at: SegmentPosition,
    financial_at: Option<SegmentPosition>,
    payment: Money,
    paid: Money,
    provider_adjustments: Money,
    claim: Option<OpenClaim>,
}

#[derive(Debug, Default)]
struct OpenClaim {
    at: SegmentPosition,
    charge: Money,
    payment: Money,
    patient_responsibility: Money,
    /// Σ CAS before the first line, over all, and of group PR.
    own_adjustments: Money,
    adjustments: Money,
    patient_adjustments: Money,
    /// Σ SVC02 and Σ SVC03.
    line_charges: Money,
    line_payments: Money,
    has_lines: bool,
    line: Option<OpenLine>,
}

#[derive(Debug, Default)]
struct OpenLine {
    at: SegmentPosition,
    charge: Money,
    payment: Money,
    adjustments: Money,
}

impl BalanceCheck {
    /// Takes the next segment of the file. Segments outside an 835 set are passed over.
    pub fn accept(&mut self, segment: &Segment<'_>) {
        match segment.id() {
            b"ST" => {
                self.abandon_set();
                if segment.element(1) == b"835" {
                    self.report.sets += 1;
                    self.set = Some(OpenSet {
                        at: segment.at,
                        ..OpenSet::default()
                    });
                }
            }
            b"GE" | b"IEA" | b"GS" | b"ISA" => self.abandon_set(),
            id => {
                if let Some(mut set) = self.set.take() {
                    let ends = id == b"SE";
                    self.accept_in_set(&mut set, segment);
                    if !ends {
                        self.set = Some(set);
                    }
                }
            }
        }
    }

    /// The file has ended.
    pub fn finish(mut self) -> BalanceReport {
        self.abandon_set();
        self.report
    }

    fn accept_in_set(&mut self, set: &mut OpenSet, segment: &Segment<'_>) {
        match segment.id() {
            b"BPR" => {
                set.financial_at = Some(segment.at);
                set.payment = self.found_amount(Money::parse_x12_total(segment.element(2)), segment);
            }
            b"CLP" => {
                self.close_claim(set);
                self.report.claims += 1;
                set.claim = Some(OpenClaim {
                    at: segment.at,
                    charge: self.required_amount(segment, 3),
                    payment: self.required_amount(segment, 4),
                    patient_responsibility: self.amount(segment, 5),
                    ..OpenClaim::default()
                });
                if let Some(claim) = set.claim.as_ref().filter(|claim| segment.element(2) == b"22" && claim.charge > Money::ZERO) {
                    self.found(Imbalance::ReversalSign, claim.at, claim.charge);
                }
            }
            b"SVC" => {
                let line = OpenLine {
                    at: segment.at,
                    charge: self.required_amount(segment, 2),
                    payment: self.amount(segment, 3),
                    adjustments: Money::ZERO,
                };
                if let Some(claim) = set.claim.as_mut() {
                    self.close_line(claim);
                    self.report.lines += 1;
                    claim.has_lines = true;
                    claim.line_charges += line.charge;
                    claim.line_payments += line.payment;
                    claim.line = Some(line);
                }
            }
            b"CAS" => {
                let adjusted = self.adjusted(segment);
                if let Some(claim) = set.claim.as_mut() {
                    claim.adjustments += adjusted;
                    if segment.element(1) == b"PR" {
                        claim.patient_adjustments += adjusted;
                    }
                    match claim.line.as_mut() {
                        Some(line) => line.adjustments += adjusted,
                        None => claim.own_adjustments += adjusted,
                    }
                }
            }
            b"LX" => self.close_claim(set),
            b"PLB" => {
                self.close_claim(set);
                set.provider_adjustments += self.provider_adjusted(segment);
            }
            b"SE" => self.close_set(set, segment),
            _ => {}
        }
    }

    fn close_line(&mut self, claim: &mut OpenClaim) {
        if let Some(line) = claim.line.take() {
            self.compare(Imbalance::Line, line.at, line.charge - line.adjustments, line.payment);
        }
    }

    fn close_claim(&mut self, set: &mut OpenSet) {
        let Some(mut claim) = set.claim.take() else { return };
        self.close_line(&mut claim);
        self.compare(Imbalance::ClaimPayment, claim.at, claim.charge - claim.adjustments, claim.payment);
        self.compare(
            Imbalance::PatientResponsibility,
            claim.at,
            claim.patient_responsibility,
            claim.patient_adjustments,
        );
        if claim.has_lines {
            self.compare(Imbalance::ClaimCharge, claim.at, claim.charge, claim.line_charges);
            self.compare(Imbalance::ClaimLines, claim.at, claim.payment, claim.line_payments - claim.own_adjustments);
        }
        self.report.charge += claim.charge;
        set.paid += claim.payment;
    }

    fn close_set(&mut self, set: &mut OpenSet, trailer: &Segment<'_>) {
        self.close_claim(set);
        match set.financial_at {
            Some(at) => self.compare(Imbalance::Payment, at, set.payment, set.paid - set.provider_adjustments),
            None => self.found(Imbalance::Incomplete, set.at, Money::ZERO),
        }
        let counted = std::str::from_utf8(trailer.element(1)).ok().and_then(|count| count.parse::<u32>().ok());
        if counted != Some(trailer.at.ordinal) {
            self.found(Imbalance::SegmentCount, trailer.at, Money::ZERO);
        }
        self.report.paid += set.paid;
        self.report.payment += set.payment;
        self.report.provider_adjustments += set.provider_adjustments;
    }

    /// A set that ends without its SE proves nothing.
    fn abandon_set(&mut self) {
        if let Some(set) = self.set.take() {
            self.found(Imbalance::Incomplete, set.at, Money::ZERO);
        }
    }

    /// Σ CAS03, 06 … 18.
    fn adjusted(&mut self, segment: &Segment<'_>) -> Money {
        (3..=segment.element_count().min(18)).step_by(3).map(|place| self.amount(segment, place)).sum()
    }

    /// Σ PLB04, 06 … 14; an adjustment that is named must have an amount other than zero.
    fn provider_adjusted(&mut self, segment: &Segment<'_>) -> Money {
        let mut total = Money::ZERO;
        for place in (4..=14).step_by(2).filter(|place| !segment.element(place - 1).is_empty()) {
            match Money::parse_x12(segment.element(place)) {
                Ok(amount) if amount.is_zero() => self.found(Imbalance::ZeroProviderAdjustment, segment.at, Money::ZERO),
                Ok(amount) => total += amount,
                Err(_) => self.found(Imbalance::NoAmount, segment.at, Money::ZERO),
            }
        }
        total
    }

    fn required_amount(&mut self, segment: &Segment<'_>, place: usize) -> Money {
        self.found_amount(Money::parse_x12(segment.element(place)), segment)
    }

    fn found_amount(&mut self, amount: Result<Money, DecimalError>, segment: &Segment<'_>) -> Money {
        amount.unwrap_or_else(|_| {
            self.found(Imbalance::NoAmount, segment.at, Money::ZERO);
            Money::ZERO
        })
    }

    /// An amount that may be left out when it is zero.
    fn amount(&mut self, segment: &Segment<'_>, place: usize) -> Money {
        if segment.element(place).is_empty() {
            Money::ZERO
        } else {
            self.required_amount(segment, place)
        }
    }

    fn compare(&mut self, rule: Imbalance, at: SegmentPosition, left: Money, right: Money) {
        if left != right {
            self.found(rule, at, left - right);
        }
    }

    fn found(&mut self, imbalance: Imbalance, at: SegmentPosition, difference: Money) {
        if self.report.findings.len() < limits::FINDINGS_PER_FILE_MAX {
            self.report.findings.push(BalanceFinding { imbalance, at, difference });
        }
    }
}

/// Checks a whole 835 in memory.
///
/// # Errors
/// [`TokenError`] where the bytes stop being X12.
pub fn check(bytes: &[u8]) -> Result<BalanceReport, TokenError> {
    let mut check = BalanceCheck::default();
    for_each_segment(bytes, limits::READ_BYTES, |segment| check.accept(segment))?;
    Ok(check.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A payment of 122.30: one claim, a line adjusted twice, a line denied, a claim without lines
    /// adjusted at its own level, interest.
    const BALANCED: &str = "ISA*00*          *00*          *ZZ*CALOP          *ZZ*330897513      *260219*0930*^*00501*000000001*0*T*:~\
        GS*HP*CALOP*330897513*20260219*0930*1*X*005010X221A1~\
        ST*835*0001~\
        BPR*I*152.30*C*CHK************20260220~\
        TRN*1*EFT1*1330123456~\
        LX*1~\
        CLP*A*1*225*112.05*10*MC*P1~\
        SVC*HC:99214*150*112.05**1~\
        CAS*CO*45*25.95**253*2~\
        CAS*PR*142*10~\
        SVC*HC:93000*75*0**0**1~\
        CAS*CO*29*75~\
        CLP*B*1*50*40**MC*P2~\
        CAS*CO*45*10~\
        PLB*1234567893*20261231*L6:P1*-0.25*L6:P2*-.05*WO:P0*0.05~\
        SE*14*0001~\
        GE*1*1~\
        IEA*1*000000001~";

    fn findings(text: &str) -> Vec<(Imbalance, i64)> {
        let report = check(text.as_bytes()).unwrap();
        report.findings.iter().map(|finding| (finding.imbalance, finding.difference.cents())).collect()
    }

    #[test]
    fn a_balanced_835_is_summed_up() {
        let report = check(BALANCED.as_bytes()).unwrap();
        assert!(report.is_balanced(), "{:?}", report.findings);
        assert_eq!((report.sets, report.claims, report.lines), (1, 2, 2));
        assert_eq!(
            [report.charge, report.paid, report.provider_adjustments, report.payment].map(Money::cents),
            [27500, 15205, -25, 15230]
        );
    }

    #[test]
    fn one_change_unbalances_it_at_its_level() {
        use Imbalance::*;
        for (from, to, expected) in [
            ("CAS*CO*45*25.95", "CAS*CO*45*25.94", vec![(Line, 1), (ClaimPayment, 1)]),
            ("*253*2~", "*253*1~", vec![(Line, 100), (ClaimPayment, 100)]),
            ("SVC*HC:99214*150", "SVC*HC:99214*151", vec![(Line, 100), (ClaimCharge, -100)]),
            ("SVC*HC:93000*75*0*", "SVC*HC:93000*75**", vec![]),
            ("112.05**1~", "112.04**1~", vec![(Line, 1), (ClaimLines, 1)]),
            ("CLP*A*1*225", "CLP*A*1*226", vec![(ClaimPayment, 100), (ClaimCharge, 100)]),
            (
                "CLP*A*1*225*112.05",
                "CLP*A*1*225*112.06",
                vec![(ClaimPayment, -1), (ClaimLines, 1), (Payment, -1)],
            ),
            ("112.05*10*MC", "112.05**MC", vec![(PatientResponsibility, -1000)]),
            ("CAS*PR*142", "CAS*CO*142", vec![(PatientResponsibility, 1000)]),
            ("CAS*CO*45*10~", "CAS*CO*45*9~", vec![(ClaimPayment, 100)]),
            ("BPR*I*152.30", "BPR*I*152.05", vec![(Payment, -25)]),
            ("CLP*B*1*", "CLP*B*22*", vec![(ReversalSign, 5000)]),
            ("L6:P1*-0.25", "L6:P1*0.25", vec![(Payment, 50)]),
            ("WO:P0*0.05", "WO:P0*0", vec![(ZeroProviderAdjustment, 0), (Payment, -5)]),
            ("WO:P0*0.05", "WO:P0", vec![(NoAmount, 0), (Payment, -5)]),
            ("SE*14", "SE*13", vec![(SegmentCount, 0)]),
            ("CLP*B*1*50*40", "CLP*B*1*fifty*40", vec![(NoAmount, 0), (ClaimPayment, -5000)]),
            // A payment may be larger than any claim.
            ("BPR*I*152.30", "BPR*I*10000000152.30", vec![(Payment, 1_000_000_000_000)]),
            ("SE*14*0001~", "", vec![(Incomplete, 0)]),
            ("BPR*", "BPX*", vec![(Incomplete, 0)]),
        ] {
            assert!(BALANCED.contains(from), "{from}");
            assert_eq!(findings(&BALANCED.replace(from, to)), expected, "{from} -> {to}");
        }
    }

    #[test]
    fn a_finding_says_where_and_by_how_much() {
        let report = check(BALANCED.replace("CAS*CO*45*25.95", "CAS*CO*45*25.94").as_bytes()).unwrap();
        let at = BALANCED.find("SVC*").unwrap();
        assert_eq!(
            report.findings.first().map(ToString::to_string),
            Some(format!(
                "segment 6 (byte {at}): line charge minus adjustments is not the line payment (SVC02, CAS, SVC03), by 0.01"
            ))
        );
    }

    #[test]
    fn what_holds_no_835_is_not_balanced() {
        let none = BALANCED.replace("ST*835", "ST*999");
        let report = check(none.as_bytes()).unwrap();
        assert_eq!((report.sets, report.findings.len(), report.is_balanced()), (0, 0, false));
    }
}
