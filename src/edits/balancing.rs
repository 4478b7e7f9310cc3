//! SNIP 3: what must add up (S301–S304). An amount that can't be one, negative ones among them (S305), was
//! refused when the claim was assembled.

use crate::claim::Claim;
use crate::claim::other_payer::{InboundAdjustment, LineAdjudication, OtherPayer};
use crate::claim::service_line::ServiceLine;
use crate::finding::{Check, Finding};
use crate::loop_id::LoopId;
use crate::money::{Money, Quantity};

use super::{Found, element, invalid, whole};

pub(super) fn check(claim: &Claim, found: &mut Found) {
    found.add(claim_charge(claim));
    found.add(accommodation_days(claim));
    for payer in &claim.other_payers {
        found.add(other_payer_balance(claim, payer));
    }
    for line in &claim.lines {
        other_payer_line_balance(line, found);
    }
}

/// S301. CLM02 is the sum of SV102 or SV203.
fn claim_charge(claim: &Claim) -> Option<Finding> {
    let lines: Money = claim.lines.iter().map(|line| line.charge).sum();
    (lines != claim.charge).then(|| Finding::status(Check::S301, invalid(400).and(178), element(LoopId::L2300, claim.at, 2)))
}

/// S302. What another payer paid and adjusted, on the claim and on its lines, is the claim's charge.
///
/// A payer without AMT*D and CAS has not decided yet; one with AMT*A8 alone was never asked. Line
/// adjudications name their payer by its id: with the same id twice on a claim they cannot be told
/// apart, and only the lines are balanced.
fn other_payer_balance(claim: &Claim, payer: &OtherPayer) -> Option<Finding> {
    if payer.paid.is_none() && payer.adjustments.is_empty() {
        return None;
    }
    if claim.other_payers.iter().filter(|other| other.payer_id == payer.payer_id).count() > 1 {
        return None;
    }
    let on_lines: Money = claim
        .lines
        .iter()
        .flat_map(|line| &line.other_payers)
        .filter(|adjudication| adjudication.payer_id == payer.payer_id)
        .map(|adjudication| sum(&adjudication.adjustments))
        .sum();
    let accounted = payer.paid.unwrap_or_default() + sum(&payer.adjustments) + on_lines;
    (accounted != claim.charge).then(|| Finding::status(Check::S302, invalid(672), whole(LoopId::L2320, payer.at)))
}

/// S303. What another payer paid and adjusted on a line is the line's charge. A payer that split the
/// line answers with several 2430 loops: together they make the charge.
fn other_payer_line_balance(line: &ServiceLine, found: &mut Found) {
    let of_payer = |payer_id: &str| -> Money {
        let accounted = |adjudication: &LineAdjudication| adjudication.paid + sum(&adjudication.adjustments);
        line.other_payers
            .iter()
            .filter(|adjudication| adjudication.payer_id == payer_id)
            .map(accounted)
            .sum()
    };
    for (place, adjudication) in line.other_payers.iter().enumerate() {
        let is_first = !line.other_payers.iter().take(place).any(|earlier| earlier.payer_id == adjudication.payer_id);
        let differs = is_first && of_payer(&adjudication.payer_id) != line.charge;
        let position = element(LoopId::L2430, adjudication.at, 2);
        found.add(differs.then(|| Finding::status(Check::S303, invalid(672).and(710), position).on_line(line.number)));
    }
}

/// S304. Covered (value code 80) and non-covered (81) days are the units of the accommodation lines.
/// Compared only when days are sent: not every payer asks for them.
fn accommodation_days(claim: &Claim) -> Option<Finding> {
    let detail = claim.institutional()?;
    let (sent, status) = match (detail.value("80"), detail.value("81")) {
        (Some(covered), _) => (covered, 456),
        (None, Some(non_covered)) => (non_covered, 457),
        (None, None) => return None,
    };
    let days: Money = detail
        .value_codes
        .iter()
        .filter(|value| matches!(value.code.as_bytes(), b"80" | b"81"))
        .map(|value| value.amount)
        .sum();
    let accommodation = || claim.lines.iter().filter(|line| line.revenue.is_some_and(super::shape::is_accommodation));
    if accommodation().next().is_none() && !detail.is_inpatient() {
        return None;
    }
    let units: Quantity = accommodation().map(|line| line.units).sum();
    (units.decimal() != days.decimal()).then(|| Finding::status(Check::S304, invalid(status).and(258), whole(LoopId::L2300, sent.at)))
}

fn sum(adjustments: &[InboundAdjustment]) -> Money {
    adjustments.iter().map(|adjustment| adjustment.amount).sum()
}

#[cfg(test)]
mod tests {
    use crate::claim::other_payer::OtherPayer;
    use crate::edits::sample::{adjustment, at, check_rows, institutional, institutional_detail, outpatient, professional, revenue, secondary, value_code};
    use crate::money::{Money, Quantity};

    #[test]
    fn claim_charges() {
        check_rows(
            professional,
            &[
                ("one cent more", |claim| claim.charge = Money::from_cents(22501), "S301 A7:400+178 2300 CLM02"),
                (
                    "a line less",
                    |claim| {
                        claim.lines.pop();
                    },
                    "S301 A7:400+178 2300 CLM02",
                ),
                ("the same without its zeros", |claim| claim.charge = Money::parse_x12(b"225").unwrap(), ""),
            ],
        );
        check_rows(
            institutional,
            &[("one cent less", |claim| claim.charge = Money::from_cents(899_999), "S301 A7:400+178 2300 CLM02")],
        );
    }

    #[test]
    fn other_payers() {
        check_rows(
            secondary,
            &[
                ("paid, and adjusted on claim and line", |_| {}, ""),
                (
                    "paid a cent more",
                    |claim| claim.other_payers[0].paid = Some(Money::from_cents(10001)),
                    "S302 A7:672 2320 SBR",
                ),
                ("no payment sent", |claim| claim.other_payers[0].paid = None, "S302 A7:672 2320 SBR"),
                (
                    "denied in full",
                    |claim| {
                        claim.lines[0].other_payers.clear();
                        claim.other_payers[0].paid = None;
                        claim.other_payers[0].adjustments = vec![adjustment("96", 22500)];
                    },
                    "",
                ),
                (
                    "never asked (AMT*A8)",
                    |claim| {
                        claim.lines[0].other_payers.clear();
                        claim.other_payers[0] = OtherPayer {
                            at: at("SBR"),
                            non_covered: Some(claim.charge),
                            ..OtherPayer::default()
                        };
                    },
                    "",
                ),
                (
                    "two coverages of one payer",
                    |claim| {
                        let again = claim.other_payers[0].clone();
                        claim.other_payers.push(again);
                    },
                    "",
                ),
            ],
        );
    }

    #[test]
    fn other_payer_lines() {
        check_rows(
            secondary,
            &[
                (
                    "out of balance on the line and so on the claim",
                    |claim| claim.lines[0].other_payers[0].adjustments[0].amount = Money::from_cents(4999),
                    "S302 A7:672 2320 SBR; S303 A7:672+710 2430 SVD02 line 1",
                ),
                (
                    "a line split in two by the payer",
                    |claim| {
                        let mut rest = claim.lines[0].other_payers[0].clone();
                        rest.paid = Money::from_cents(3000);
                        rest.adjustments.clear();
                        claim.lines[0].other_payers[0].paid = Money::from_cents(7000);
                        claim.lines[0].other_payers.push(rest);
                    },
                    "",
                ),
                (
                    "another payer's line, reported once",
                    |claim| {
                        let mut other = claim.lines[0].other_payers[0].clone();
                        other.payer_id = "OTHER".into();
                        claim.lines[0].other_payers.push(other.clone());
                        claim.lines[0].other_payers.push(other);
                    },
                    "S303 A7:672+710 2430 SVD02 line 1",
                ),
            ],
        );
    }

    #[test]
    fn days() {
        check_rows(
            institutional,
            &[
                (
                    "a covered day more",
                    |claim| institutional_detail(claim).value_codes[0] = value_code("80", 4),
                    "S304 A7:456+258 2300 HI",
                ),
                (
                    "one of three not covered",
                    |claim| {
                        institutional_detail(claim).value_codes[0] = value_code("80", 2);
                        institutional_detail(claim).value_codes.push(value_code("81", 1));
                    },
                    "",
                ),
                (
                    "only uncovered days, one too few",
                    |claim| institutional_detail(claim).value_codes[0] = value_code("81", 2),
                    "S304 A7:457+258 2300 HI",
                ),
                ("no days sent", |claim| institutional_detail(claim).value_codes.clear(), ""),
                (
                    "a day of intensive care more",
                    |claim| {
                        claim.lines[1].revenue = revenue("0200");
                        claim.lines[1].units = Quantity::ONE;
                    },
                    "S304 A7:456+258 2300 HI",
                ),
            ],
        );
        check_rows(
            outpatient,
            &[(
                "days without a room, as an outpatient",
                |claim| institutional_detail(claim).value_codes.push(value_code("80", 1)),
                "",
            )],
        );
    }
}
