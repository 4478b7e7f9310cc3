//! Loop 2100 of the 835: a claim, its lines, and why each was not paid in full.
//!
//! By our own segment writer: this is the part of an 835 that grows, and the structs of x12-types took
//! more than three times as long (16 against 5 µs for a claim of two lines). x12-types reads every shape
//! back and renders it to the same bytes (`tests/answers/remittances.rs`).

use chrono::NaiveDate;
use compact_str::{CompactString, ToCompactString};

use super::payment_batch::RemittedClaim;
use crate::adjudication::adjustment::Adjustment;
use crate::adjudication::decision::ReversalReason;
use crate::adjudication::determination::{ClaimOutcome, Determination, LineDetermination, LineOutcome};
use crate::claim::echo::{ClaimEcho, LineEcho};
use crate::ids::{Form, Rarc};
use crate::money::Money;
use crate::phi::Purpose;
use crate::tables::reasons::AdjustmentGroup;
use crate::text_form::ccyymmdd;
use crate::x12::outgoing::{OutgoingInterchange, simple};

/// CLP02 of a decision that is taken back.
const REVERSAL: &str = "22";

/// The first two digits of the types of bill that are stays (CLM05-1).
const STAYS: [&str; 6] = ["11", "12", "18", "21", "22", "41"];

/// Remarks of a decision that is taken back: the provider voided the claim, or sent it anew.
const VOIDED: Rarc = Rarc::of("N693");
const RESUBMITTED: Rarc = Rarc::of("N694");

/// Remarks that a claim has room for.
const REMARKS_MAX: usize = 5;

pub(super) fn write_claim(out: &mut OutgoingInterchange, claim: &RemittedClaim<'_>) {
    let decision = claim.decision;
    let (echo, determination) = (&decision.echo, &decision.determination);
    write_payment(out, claim);
    write_names(out, echo, determination);
    match claim.reversed {
        Some(reason) => write_claim_remarks(out, echo, &[reversal_remark(reason)]),
        None => write_claim_remarks(out, echo, determination.remarks()),
    }
    if let Some(authorization) = echo.prior_authorization.as_ref().filter(|_| determination.outcome() == ClaimOutcome::Paid) {
        out.segment(&["REF", "G1", &simple(authorization.as_str())]);
    }
    if let Some(statement) = echo.dates.filter(|_| echo.lines.iter().any(|line| line.service.is_none())) {
        write_date(out, "232", statement.from);
        write_date(out, "233", statement.through);
    }
    write_date(out, "050", decision.receipt.received_on);
    if !claim.interest.is_zero() {
        out.segment(&["AMT", "I", &claim.interest.to_x12()]);
    }
    for (place, line) in determination.lines().iter().enumerate() {
        write_line(out, line, echo.lines.get(place), Sign::of(claim));
    }
}

/// Every amount of a decision that is taken back goes out negated, with its groups and reasons as they
/// were; units are those that were paid and billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    AsDecided,
    Turned,
}

impl Sign {
    fn of(claim: &RemittedClaim<'_>) -> Sign {
        if claim.reversed.is_some() { Sign::Turned } else { Sign::AsDecided }
    }

    fn x12(self, amount: Money) -> CompactString {
        match self {
            Sign::AsDecided => amount.to_x12(),
            Sign::Turned => (-amount).to_x12(),
        }
    }
}

/// Why a decision is taken back.
fn reversal_remark(reason: ReversalReason) -> Rarc {
    match reason {
        ReversalReason::Void => VOIDED,
        ReversalReason::Replacement => RESUBMITTED,
    }
}

/// CLP. CLP01 is `0` when the claim had no CLM01.
fn write_payment(out: &mut OutgoingInterchange, claim: &RemittedClaim<'_>) {
    let (decision, sign) = (claim.decision, Sign::of(claim));
    let (echo, determination) = (&decision.echo, &decision.determination);
    let control_number = simple(echo.patient_control_number.expose_for(Purpose::Answer));
    let owed_by_patient = determination.patient_responsibility();
    out.segment(&[
        "CLP",
        if control_number.is_empty() { "0" } else { &control_number },
        if claim.reversed.is_some() { REVERSAL } else { claim_status(determination) },
        &sign.x12(determination.charge()),
        &sign.x12(determination.paid()),
        &if owed_by_patient.is_zero() {
            CompactString::default()
        } else {
            sign.x12(owed_by_patient)
        },
        "MC",
        &simple(decision.payer_claim_number.as_str()),
        &simple(&echo.facility),
        echo.frequency.as_ref().map_or("", |frequency| frequency.as_str()),
        "",
        echo.drg.as_ref().map_or("", |drg| drg.as_str()),
    ]);
}

/// CLP02 (DOMAIN 0.6, E2): 4 is only for a member whom we do not know; 19 and 23 are forwarded, with
/// and without a payment of ours; 2 when another payer's payment was taken into account, 3 when that of two.
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
        ClaimOutcome::Paid | ClaimOutcome::Denied | ClaimOutcome::Pended | ClaimOutcome::Recorded if after_other_payer => match determination.payers_before() {
            0 | 1 => "2",
            _ => "3",
        },
        ClaimOutcome::Paid | ClaimOutcome::Denied | ClaimOutcome::Pended | ClaimOutcome::Recorded => "1",
    }
}

/// NM1: the patient; who rendered a professional claim, when not the payee; where it was forwarded.
fn write_names(out: &mut OutgoingInterchange, echo: &ClaimEcho, determination: &Determination) {
    let member_id = simple(echo.member_id.expose_for(Purpose::Answer));
    out.segment(&[
        "NM1",
        "QC",
        "1",
        &simple(echo.patient_last.expose_for(Purpose::Answer)),
        &simple(echo.patient_first.expose_for(Purpose::Answer)),
        &simple(echo.patient_middle.expose_for(Purpose::Answer)),
        "",
        "",
        if member_id.is_empty() { "" } else { "MI" },
        &member_id,
    ]);
    // The attending provider of an institutional claim renders nothing that is billed.
    if let Some(rendering) = echo.rendering_npi.filter(|_| echo.form == Form::Professional) {
        let (last, first) = (simple(&echo.rendering_last), simple(&echo.rendering_first));
        let person = if first.is_empty() { "2" } else { "1" };
        out.segment(&["NM1", "82", person, &last, &first, "", "", "", "XX", rendering.as_str()]);
    }
    if let Some(receiver) = determination.forward_to().filter(|_| determination.outcome() == ClaimOutcome::Forwarded) {
        let receiver = simple(receiver);
        out.segment(&["NM1", "TT", "2", &receiver, "", "", "", "", "PI", &receiver]);
    }
}

/// MIA05 and MIA20 to 23 of a stay, else MOA03 to 07: what is said of the claim as a whole.
fn write_claim_remarks(out: &mut OutgoingInterchange, echo: &ClaimEcho, remarks: &[Rarc]) {
    let is_stay = echo.form == Form::Institutional && STAYS.contains(&echo.facility.as_str());
    let (mut elements, places): (Vec<&str>, [usize; REMARKS_MAX]) = match is_stay {
        true => (vec!["MIA", "0"], [5, 20, 21, 22, 23]),
        false => (vec!["MOA"], [3, 4, 5, 6, 7]),
    };
    for (remark, place) in remarks.iter().zip(places) {
        elements.resize(place, "");
        elements.push(remark.as_str());
    }
    if !remarks.is_empty() {
        out.segment(&elements);
    }
}

/// Loop 2110. `echo` repeats the line as it was billed.
fn write_line(out: &mut OutgoingInterchange, line: &LineDetermination, echo: Option<&LineEcho>, sign: Sign) {
    write_service(out, line, echo, sign);
    match echo.and_then(|echo| echo.service) {
        None => {}
        Some(service) if service.from == service.through => write_date(out, "472", service.from),
        Some(service) => {
            write_date(out, "150", service.from);
            write_date(out, "151", service.through);
        }
    }
    write_adjustments(out, line.adjustments(), sign);
    let control_number = echo.map(|echo| simple(&echo.control_number)).unwrap_or_default();
    if !control_number.is_empty() {
        out.segment(&["REF", "6R", &control_number]);
    }
    match line.outcome() {
        LineOutcome::Paid => out.segment(&["AMT", "B6", &sign.x12(line.allowed())]),
        LineOutcome::Denied | LineOutcome::Pended | LineOutcome::Forwarded | LineOutcome::Recorded => {}
    }
    for remark in remarks(line.adjustments()) {
        out.segment(&["LQ", "HE", remark.as_str()]);
    }
}

/// SVC: the code as billed; the revenue code beside a procedure; the billed units where fewer were paid.
fn write_service(out: &mut OutgoingInterchange, line: &LineDetermination, echo: Option<&LineEcho>, sign: Sign) {
    let paid_units = line.paid_units();
    let revenue = echo.filter(|echo| echo.procedure.is_some()).and_then(|echo| echo.revenue);
    let billed_units = echo.map(|echo| echo.units).filter(|units| *units != paid_units);
    out.segment(&[
        "SVC",
        &echo.map(LineEcho::code_with_modifiers).unwrap_or_default(),
        &sign.x12(line.charge()),
        &sign.x12(line.amount_paid()),
        revenue.as_ref().map_or("", |revenue| revenue.as_str()),
        &paid_units.to_string(),
        "",
        &billed_units.map(|units| units.to_string()).unwrap_or_default(),
    ]);
}

/// CAS: one segment per group, continued in another after six reasons; amounts of zero are not sent.
fn write_adjustments(out: &mut OutgoingInterchange, adjustments: &[Adjustment], sign: Sign) {
    use AdjustmentGroup::{ContractualObligation, OtherAdjustment, PatientResponsibility, PayerInitiated};
    for group in [ContractualObligation, OtherAdjustment, PayerInitiated, PatientResponsibility] {
        let of_group: Vec<&Adjustment> = adjustments
            .iter()
            .filter(|adjustment| adjustment.group == group && !adjustment.amount.is_zero())
            .collect();
        for six in of_group.chunks(6) {
            let triplets: Vec<[CompactString; 3]> = six
                .iter()
                .map(|adjustment| {
                    let units = adjustment.quantity.map(|quantity| quantity.to_compact_string()).unwrap_or_default();
                    [adjustment.carc.as_str().into(), sign.x12(adjustment.amount), units]
                })
                .collect();
            let mut elements = vec!["CAS", group.code()];
            elements.extend(triplets.iter().flatten().map(CompactString::as_str));
            out.segment(&elements);
        }
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

fn write_date(out: &mut OutgoingInterchange, qualifier: &str, date: NaiveDate) {
    out.segment(&["DTM", qualifier, &ccyymmdd(date)]);
}
