//! Situations that both forms share: replacements, subscriber and patient, other payers, attachments,
//! the billing provider's address (S401, S402, S403, S413, S419).

use crate::claim::Claim;
use crate::claim::other_payer::{LineAdjudication, OtherPayer};
use crate::edits::{Found, component, disagrees, element, invalid, missing, shape, whole};
use crate::finding::{Check, Finding};
use crate::loop_id::LoopId;

pub(super) fn check(claim: &Claim, found: &mut Found) {
    found.add(original_claim(claim));
    found.add(patient_loop(claim));
    found.add(other_payer_present(claim));
    found.add(attachment_control(claim));
    subscriber_demographics(claim, found);
    billing_address(claim, found);
    for payer in &claim.other_payers {
        found.add(adjudication_date(claim, payer));
    }
}

/// S401. A replacement or void names the claim it acts on.
fn original_claim(claim: &Claim) -> Option<Finding> {
    let needed = claim.is_replacement() || claim.is_void();
    (needed && claim.original_claim.is_none()).then(|| Finding::status(Check::S401, invalid(464).and(535), component(LoopId::L2300, claim.at, 5, 3)))
}

/// S402. Either the subscriber is the patient, or there is a patient loop.
fn patient_loop(claim: &Claim) -> Option<Finding> {
    (claim.subscriber.is_patient == claim.patient.is_some())
        .then(|| Finding::status(Check::S402, disagrees(156), element(LoopId::L2000B, claim.subscriber.at, 2)))
}

/// S402. A subscriber who is the patient has a birth date and a sex.
fn subscriber_demographics(claim: &Claim, found: &mut Found) {
    let subscriber = &claim.subscriber;
    let lacking = |is_lacking: bool, second: u16| {
        (subscriber.is_patient && is_lacking)
            .then(|| Finding::status(Check::S402, disagrees(155).of("IL").and(second), whole(LoopId::L2010BA, subscriber.name_at)))
    };
    found.add(lacking(subscriber.birth_date.is_none(), 158));
    found.add(lacking(subscriber.sex.is_none(), 157));
}

/// S403. Whoever is not first to pay learns who is.
fn other_payer_present(claim: &Claim) -> Option<Finding> {
    let is_first = claim.subscriber.payer_responsibility.is_none_or(|place| place.as_bytes() == b"P");
    (!is_first && claim.other_payers.is_empty()).then(|| Finding::status(Check::S403, missing(286), element(LoopId::L2000B, claim.subscriber.at, 1)))
}

/// S403. A payer that paid or adjusted did so on a day, given for the claim or for one of its lines.
fn adjudication_date(claim: &Claim, payer: &OtherPayer) -> Option<Finding> {
    let on_lines = || {
        claim
            .lines
            .iter()
            .flat_map(|line| &line.other_payers)
            .filter(|adjudication: &&LineAdjudication| adjudication.payer_id == payer.payer_id)
    };
    let decided = payer.paid.is_some() || !payer.adjustments.is_empty() || on_lines().next().is_some();
    let dated = payer.adjudicated_on.is_some() || on_lines().any(|adjudication| adjudication.adjudicated_on.is_some());
    (decided && !dated).then(|| Finding::status(Check::S403, invalid(516).of("PR"), whole(LoopId::L2320, payer.at)))
}

/// S413. An attachment that travels apart has the number it is found by.
fn attachment_control(claim: &Claim) -> Option<Finding> {
    let at = claim.attachment_without_control?;
    Some(Finding::status(Check::S413, missing(489), element(LoopId::L2300, at, 6)))
}

/// S419. The billing provider is somewhere: a street, and a nine-digit ZIP. Without a state the
/// address is foreign and has no ZIP.
fn billing_address(claim: &Claim, found: &mut Found) {
    let provider = &claim.billing_provider;
    let address = &provider.address;
    let has_long_zip = address.zip.len() == 9 && shape::is_zip(&address.zip);
    let about = |at, number, status: u16| Finding::status(Check::S419, invalid(status).of("85"), element(LoopId::L2010AA, at, number));
    found.add(shape::is_post_office_box(&address.street).then(|| about(provider.street_at, 1, 503)));
    found.add((shape::is_us_state(&address.state) && !has_long_zip).then(|| about(provider.city_at, 3, 500)));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::NaiveDate;

    use crate::claim::Located;
    use crate::claim::other_payer::OtherPayer;
    use crate::claim::party::Patient;
    use crate::edits::sample::{at, check_rows, code, professional, secondary};
    use crate::ids::PayerClaimNumber;

    #[test]
    fn replacements() {
        check_rows(
            professional,
            &[
                ("original", |_| {}, ""),
                ("replacement without F8", |claim| claim.frequency = code("7"), "S401 A7:464+535 2300 CLM05-3"),
                ("void without F8", |claim| claim.frequency = code("8"), "S401 A7:464+535 2300 CLM05-3"),
                (
                    "replacement with F8",
                    |claim| {
                        claim.frequency = code("7");
                        claim.original_claim = Some(Located {
                            value: PayerClaimNumber::new("X"),
                            at: at("REF"),
                        });
                    },
                    "",
                ),
            ],
        );
    }

    #[test]
    fn subscriber_and_patient() {
        check_rows(
            professional,
            &[
                (
                    "both are the patient",
                    |claim| claim.patient = Some(Arc::new(Patient::default())),
                    "S402 A8:156 2000B SBR02",
                ),
                (
                    "nobody is the patient",
                    |claim| Arc::make_mut(&mut claim.subscriber).is_patient = false,
                    "S402 A8:156 2000B SBR02",
                ),
                (
                    "a patient of the subscriber",
                    |claim| {
                        let subscriber = Arc::make_mut(&mut claim.subscriber);
                        subscriber.is_patient = false;
                        subscriber.birth_date = None;
                        claim.patient = Some(Arc::new(Patient::default()));
                    },
                    "",
                ),
                (
                    "no birth date",
                    |claim| Arc::make_mut(&mut claim.subscriber).birth_date = None,
                    "S402 A8:155:IL+158 2010BA NM1",
                ),
                (
                    "no sex",
                    |claim| Arc::make_mut(&mut claim.subscriber).sex = None,
                    "S402 A8:155:IL+157 2010BA NM1",
                ),
            ],
        );
    }

    #[test]
    fn other_payers() {
        check_rows(
            secondary,
            &[
                ("decided by the first payer", |_| {}, ""),
                ("no other payer", |claim| claim.other_payers.clear(), "S403 A6:286 2000B SBR01"),
                (
                    "no adjudication date",
                    |claim| {
                        claim.other_payers[0].adjudicated_on = None;
                        claim.lines[0].other_payers[0].adjudicated_on = None;
                    },
                    "S403 A7:516:PR 2320 SBR",
                ),
                ("dated on the line", |claim| claim.other_payers[0].adjudicated_on = None, ""),
                (
                    "dated on the claim",
                    |claim| {
                        claim.other_payers[0].adjudicated_on = NaiveDate::from_ymd_opt(2025, 2, 1);
                        claim.lines[0].other_payers[0].adjudicated_on = None;
                    },
                    "",
                ),
                (
                    "a third payer that has not decided",
                    |claim| {
                        claim.other_payers.push(OtherPayer {
                            at: at("SBR"),
                            payer_id: "THIRD".into(),
                            ..OtherPayer::default()
                        });
                    },
                    "",
                ),
            ],
        );
    }

    #[test]
    fn attachments() {
        check_rows(
            professional,
            &[
                (
                    "sent without a control number",
                    |claim| claim.attachment_without_control = Some(at("PWK")),
                    "S413 A6:489 2300 PWK06",
                ),
                ("sent with one", |claim| claim.has_attachment = true, ""),
            ],
        );
    }

    #[test]
    fn billing_addresses() {
        check_rows(
            professional,
            &[
                (
                    "a box",
                    |claim| Arc::make_mut(&mut claim.billing_provider).address.street = "P.O. Box 12".into(),
                    "S419 A7:503:85 2010AA N301",
                ),
                (
                    "five digits",
                    |claim| Arc::make_mut(&mut claim.billing_provider).address.zip = "92868".into(),
                    "S419 A7:500:85 2010AA N403",
                ),
                (
                    "no ZIP",
                    |claim| Arc::make_mut(&mut claim.billing_provider).address.zip = "".into(),
                    "S419 A7:500:85 2010AA N403",
                ),
                (
                    "abroad",
                    |claim| {
                        let address = &mut Arc::make_mut(&mut claim.billing_provider).address;
                        address.state = "".into();
                        address.zip = "".into();
                    },
                    "",
                ),
            ],
        );
    }
}
