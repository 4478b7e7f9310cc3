//! Loop 2100 of the 835: a claim, its lines, and why each was not paid in full.

use x12_types::v005010::element::{E66, E98, E522, E1065, E1270};
use x12_types::v005010::{_835Loop2100, _835Loop2110, AMT, CAS, CLP, LQ, NM1, SVC};

use super::payment_batch::RemittedClaim;
use super::writer_835::{date, reference, text};
use crate::adjudication::adjustment::Adjustment;
use crate::adjudication::determination::{ClaimOutcome, Determination, LineDetermination, LineOutcome};
use crate::claim::echo::{ClaimEcho, LineEcho};
use crate::ids::{Form, Rarc};
use crate::money::Money;
use crate::phi::Purpose;
use crate::tables::reasons::AdjustmentGroup;
use crate::x12::outgoing::OutgoingInterchange;

/// Renders segment by segment: the loops of x12-types copy the text of their segments twice more.
pub(super) fn write_claim(out: &mut OutgoingInterchange, claim: &RemittedClaim<'_>) {
    let claim = claim_loop(claim);
    out.rendered(&claim.clp);
    claim.nm1.iter().for_each(|name| out.rendered(name));
    claim.r#ref.iter().for_each(|reference| out.rendered(reference));
    claim.dtm.iter().for_each(|date| out.rendered(date));
    claim.amt.iter().for_each(|amount| out.rendered(amount));
    for line in &claim.loop_2110 {
        out.rendered(&line.svc);
        line.dtm.iter().for_each(|date| out.rendered(date));
        line.cas.iter().for_each(|adjustment| out.rendered(adjustment));
        line.r#ref.iter().for_each(|reference| out.rendered(reference));
        line.amt.iter().for_each(|amount| out.rendered(amount));
        line.lq.iter().for_each(|remark| out.rendered(remark));
    }
}

fn claim_loop(claim: &RemittedClaim<'_>) -> _835Loop2100 {
    let decision = claim.decision;
    let (echo, determination) = (&decision.echo, &decision.determination);
    let mut references = Vec::new();
    if let Some(authorization) = echo.prior_authorization.as_ref().filter(|_| determination.outcome() == ClaimOutcome::Paid) {
        references.push(reference("G1", authorization.as_str()));
    }
    let mut dates = Vec::new();
    if let Some(statement) = echo.dates.filter(|_| echo.lines.iter().any(|line| line.service.is_none())) {
        dates.push(date("232", statement.from));
        dates.push(date("233", statement.through));
    }
    dates.push(date("050", decision.receipt.received_on));
    let interest = Some(claim.interest).filter(|interest| !interest.is_zero());
    _835Loop2100 {
        clp: claim_payment(claim),
        nm1: names(echo, determination),
        r#ref: references,
        dtm: dates,
        amt: interest.map(|interest| amount("I", interest)).into_iter().collect(),
        loop_2110: determination
            .lines()
            .iter()
            .enumerate()
            .map(|(place, line)| line_loop(line, echo.lines.get(place)))
            .collect(),
        ..Default::default()
    }
}

fn claim_payment(claim: &RemittedClaim<'_>) -> CLP {
    let decision = claim.decision;
    let (echo, determination) = (&decision.echo, &decision.determination);
    let control_number = text(echo.patient_control_number.expose_for(Purpose::Answer));
    let owed_by_patient = determination.patient_responsibility();
    CLP {
        _01: if control_number.is_empty() { "0".into() } else { control_number },
        _02: claim_status(determination).into(),
        _03: determination.charge().to_x12(),
        _04: determination.paid().to_x12(),
        _05: Some(owed_by_patient).filter(|owed| !owed.is_zero()).map(Money::to_x12),
        _06: Some("MC".into()),
        _07: Some(text(decision.payer_claim_number.as_str())),
        _08: Some(text(&echo.facility)).filter(|facility| !facility.is_empty()),
        _09: echo.frequency.map(|frequency| frequency.to_string()),
        _11: echo.drg.map(|drg| drg.to_string()),
        ..CLP::default()
    }
}

/// CLP02 (DOMAIN 0.6, E2): 4 is only for a member whom we do not know; 19 and 23 are forwarded, with
/// and without a payment of ours; 2 when another payer's payment was taken into account.
fn claim_status(determination: &Determination) -> &'static str {
    let mut reasons = determination.lines().iter().flat_map(LineDetermination::adjustments).peekable();
    let any_reason = reasons.peek().is_some();
    let (mut only_unknown_member, mut after_other_payer) = (any_reason, false);
    for adjustment in reasons {
        only_unknown_member &= adjustment.carc.as_str() == "31";
        after_other_payer |= adjustment.carc.as_str() == "23";
    }
    match determination.outcome() {
        ClaimOutcome::Forwarded if determination.paid().is_zero() => "23",
        ClaimOutcome::Forwarded => "19",
        ClaimOutcome::Denied if only_unknown_member => "4",
        ClaimOutcome::Paid | ClaimOutcome::Denied | ClaimOutcome::Pended | ClaimOutcome::Recorded if after_other_payer => "2",
        ClaimOutcome::Paid | ClaimOutcome::Denied | ClaimOutcome::Pended | ClaimOutcome::Recorded => "1",
    }
}

/// NM1: the patient; who rendered a professional claim, when not the payee; where it was forwarded.
fn names(echo: &ClaimEcho, determination: &Determination) -> Vec<NM1> {
    let filled = |value: &str| Some(text(value)).filter(|value| !value.is_empty());
    let member_id = filled(echo.member_id.expose_for(Purpose::Answer));
    let mut names = vec![NM1 {
        _01: E98::Unknown("QC".into()),
        _02: E1065::N1,
        _03: filled(echo.patient_last.expose_for(Purpose::Answer)),
        _04: filled(echo.patient_first.expose_for(Purpose::Answer)),
        _05: filled(echo.patient_middle.expose_for(Purpose::Answer)),
        _08: member_id.as_ref().map(|_| E66::Unknown("MI".into())),
        _09: member_id,
        ..NM1::default()
    }];
    // The attending provider of an institutional claim renders nothing that is billed.
    if let Some(rendering) = echo.rendering_npi.filter(|_| echo.form == Form::Professional) {
        names.push(NM1 {
            _01: E98::Unknown("82".into()),
            _02: if echo.rendering_first.is_empty() { E1065::N2 } else { E1065::N1 },
            _03: filled(&echo.rendering_last),
            _04: filled(&echo.rendering_first),
            _08: Some(E66::Unknown("XX".into())),
            _09: Some(rendering.to_string()),
            ..NM1::default()
        });
    }
    if let Some(receiver) = determination.forward_to().filter(|_| determination.outcome() == ClaimOutcome::Forwarded) {
        names.push(NM1 {
            _01: E98::Unknown("TT".into()),
            _02: E1065::N2,
            _03: filled(receiver),
            _08: Some(E66::Unknown("PI".into())),
            _09: filled(receiver),
            ..NM1::default()
        });
    }
    names
}

/// Loop 2110. `echo` repeats the line as it was billed.
fn line_loop(line: &LineDetermination, echo: Option<&LineEcho>) -> _835Loop2110 {
    let dates = match echo.and_then(|echo| echo.service) {
        None => Vec::new(),
        Some(service) if service.from == service.through => vec![date("472", service.from)],
        Some(service) => vec![date("150", service.from), date("151", service.through)],
    };
    let control_number = echo.map(|echo| echo.control_number.as_str()).filter(|number| !number.is_empty());
    _835Loop2110 {
        svc: service_payment(line, echo),
        dtm: dates,
        cas: adjustment_segments(line.adjustments()),
        r#ref: control_number.map(|number| reference("6R", number)).into_iter().collect(),
        amt: match line.outcome() {
            LineOutcome::Paid => vec![amount("B6", line.allowed())],
            LineOutcome::Denied | LineOutcome::Pended | LineOutcome::Forwarded | LineOutcome::Recorded => Vec::new(),
        },
        lq: remarks(line.adjustments())
            .into_iter()
            .map(|remark| LQ {
                _01: Some(E1270::Unknown("HE".into())),
                _02: Some(remark.to_string()),
            })
            .collect(),
        ..Default::default()
    }
}

/// SVC: the code as billed; the revenue code beside a procedure; the billed units where fewer were paid.
fn service_payment(line: &LineDetermination, echo: Option<&LineEcho>) -> SVC {
    let paid_units = line.paid_units();
    SVC {
        _01: echo.map(LineEcho::code_with_modifiers).unwrap_or_default(),
        _02: line.charge().to_x12(),
        _03: Some(line.amount_paid().to_x12()),
        _04: echo
            .filter(|echo| echo.procedure.is_some())
            .and_then(|echo| echo.revenue)
            .map(|revenue| revenue.to_string()),
        _05: Some(paid_units.to_string()),
        _07: echo.map(|echo| echo.units).filter(|units| *units != paid_units).map(|units| units.to_string()),
        ..SVC::default()
    }
}

/// CAS: one segment per group, continued in another after six reasons; amounts of zero are not sent.
fn adjustment_segments(adjustments: &[Adjustment]) -> Vec<CAS> {
    use AdjustmentGroup::{ContractualObligation, OtherAdjustment, PatientResponsibility, PayerInitiated};
    [ContractualObligation, OtherAdjustment, PayerInitiated, PatientResponsibility]
        .into_iter()
        .flat_map(|group| {
            let of_group: Vec<&Adjustment> = adjustments
                .iter()
                .filter(|adjustment| adjustment.group == group && !adjustment.amount.is_zero())
                .collect();
            of_group.chunks(6).map(|six| adjustment_segment(group, six)).collect::<Vec<_>>()
        })
        .collect()
}

fn adjustment_segment(group: AdjustmentGroup, six: &[&Adjustment]) -> CAS {
    let reason = |place: usize| six.get(place).map(|adjustment| adjustment.carc.to_string());
    let amount = |place: usize| six.get(place).map(|adjustment| adjustment.amount.to_x12());
    let units = |place: usize| six.get(place).and_then(|adjustment| adjustment.quantity).map(|quantity| quantity.to_string());
    CAS {
        _01: group.code().into(),
        _02: reason(0).unwrap_or_default(),
        _03: amount(0).unwrap_or_default(),
        _04: units(0),
        _05: reason(1),
        _06: amount(1),
        _07: units(1),
        _08: reason(2),
        _09: amount(2),
        _10: units(2),
        _11: reason(3),
        _12: amount(3),
        _13: units(3),
        _14: reason(4),
        _15: amount(4),
        _16: units(4),
        _17: reason(5),
        _18: amount(5),
        _19: units(5),
    }
}

/// Each remark of the line once, in order.
fn remarks(adjustments: &[Adjustment]) -> Vec<Rarc> {
    let mut remarks = Vec::new();
    for remark in adjustments.iter().flat_map(|adjustment| &adjustment.rarcs) {
        if !remarks.contains(remark) {
            remarks.push(*remark);
        }
    }
    remarks
}

fn amount(qualifier: &str, amount: Money) -> AMT {
    AMT {
        _01: E522::Unknown(qualifier.into()),
        _02: amount.to_x12(),
        _03: None,
    }
}
