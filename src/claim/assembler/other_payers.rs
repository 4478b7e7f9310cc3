//! Coordination of benefits: what other payers did with the claim (2320, 2330B) and a line (2430).

use super::super::other_payer::{InboundAdjustment, LineAdjudication, OtherPayer};
use super::push_within;
use super::reading::{Reading, tags};
use crate::finding::Check;
use crate::ids::Carc;
use crate::limits;
use crate::tables::reasons::AdjustmentGroup;

/// Loops 2320 and 2330B.
pub(super) fn read_claim_level(payer: &mut OtherPayer, reading: &mut Reading<'_, '_>) {
    match reading.segment.tag() {
        tags::SBR => {
            payer.at = reading.segment.at;
            payer.payer_responsibility = reading.qualifier(1);
            payer.filing_indicator = reading.qualifier(9);
        }
        tags::CAS => read_adjustments(&mut payer.adjustments, reading),
        tags::AMT => match reading.element(1) {
            b"D" => payer.paid = reading.amount(2),
            b"A8" => payer.non_covered = reading.amount(2),
            b"EAF" => payer.remaining_patient_liability = reading.amount(2),
            _ => {}
        },
        tags::NM1 => payer.payer_id = reading.text(9),
        tags::DTP if reading.element(1) == b"573" => payer.adjudicated_on = reading.period().map(|day| day.from),
        _ => {}
    }
}

/// Loop 2430.
pub(super) fn read_line_level(adjudication: &mut LineAdjudication, reading: &mut Reading<'_, '_>) {
    match reading.segment.tag() {
        tags::SVD => {
            adjudication.at = reading.segment.at;
            adjudication.payer_id = reading.text(1);
            adjudication.paid = reading.amount(2).unwrap_or_default();
            adjudication.units = reading.quantity(5);
        }
        tags::CAS => read_adjustments(&mut adjudication.adjustments, reading),
        tags::DTP if reading.element(1) == b"573" => adjudication.adjudicated_on = reading.period().map(|day| day.from),
        _ => {}
    }
}

/// CAS: one group, up to six reasons (02, 05, … 17) each with its amount in the next element.
fn read_adjustments(adjustments: &mut Vec<InboundAdjustment>, reading: &mut Reading<'_, '_>) {
    let group = match reading.element(1) {
        b"CO" => Some(AdjustmentGroup::ContractualObligation),
        b"OA" => Some(AdjustmentGroup::OtherAdjustment),
        b"PI" => Some(AdjustmentGroup::PayerInitiated),
        b"PR" => Some(AdjustmentGroup::PatientResponsibility),
        _ => None,
    };
    for number in (2..=17).step_by(3) {
        if reading.element(number).is_empty() && reading.element(number + 1).is_empty() {
            continue;
        }
        let adjustment = InboundAdjustment {
            at: reading.segment.at,
            group,
            reason: reading.code(number, Carc::parse, Check::S512, 521),
            amount: reading.signed_amount(number + 1).unwrap_or_default(),
        };
        push_within(adjustments, limits::INBOUND_ADJUSTMENTS_MAX, adjustment);
    }
}
