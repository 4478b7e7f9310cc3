//! Codes of people and payers: taxonomies, states and ZIPs, adjustments of other payers (S509, S511,
//! S512).

use super::is_known;
use crate::claim::Claim;
use crate::claim::other_payer::InboundAdjustment;
use crate::claim::party::{Address, Provider, ProviderRole};
use crate::edits::{CodeLookup, Found, element, invalid, shape, whole};
use crate::finding::{Check, Finding};
use crate::ids::{Form, Taxonomy};
use crate::loop_id::LoopId;
use crate::phi::{Phi, Purpose};
use crate::position::Position;

/// S509. Taxonomies of the billing provider and of the claim's and its lines' providers.
pub(super) fn taxonomies(claim: &Claim, sets: &dyn CodeLookup, found: &mut Found) {
    let check = |taxonomy: Option<Taxonomy>, entity: &str, position: Position| {
        let passes = taxonomy.is_none_or(|taxonomy| shape::is_taxonomy(taxonomy.as_bytes()) && is_known(sets.taxonomy(taxonomy)));
        (!passes).then(|| Finding::status(Check::S509, invalid(145).of(entity), position))
    };
    let of_provider = |provider: &Provider, is_on_line: bool| {
        let position = whole(provider_loop(claim.form, provider.role, is_on_line), provider.at);
        check(provider.taxonomy, provider.role.entity(), position)
    };
    let billing = &claim.billing_provider;
    found.add(check(billing.taxonomy, "85", whole(LoopId::L2010AA, billing.at)));
    for provider in &claim.providers {
        found.add(of_provider(provider, false));
    }
    for line in &claim.lines {
        for provider in &line.providers {
            found.add(of_provider(provider, true).map(|finding| finding.on_line(line.number)));
        }
    }
}

/// S511. States and ZIPs of billing provider, subscriber and patient. The billing provider's ZIP is
/// S419's; an address without a state is foreign, one in Canada has no ZIP.
pub(super) fn addresses(claim: &Claim, found: &mut Found) {
    let state = |address: &Address, loop_id, at, entity: &str| {
        let passes = address.state.is_empty() || shape::is_state_or_province(&address.state);
        (!passes).then(|| Finding::status(Check::S511, invalid(501).of(entity), element(loop_id, at, 2)))
    };
    let zip = |address: &Address, loop_id, at, entity: &str| {
        let passes = !shape::is_us_state(&address.state) || shape::is_zip(&address.zip);
        (!passes).then(|| Finding::status(Check::S511, invalid(500).of(entity), element(loop_id, at, 3)))
    };
    let (provider, subscriber) = (&claim.billing_provider, &claim.subscriber);
    found.add(state(&provider.address, LoopId::L2010AA, provider.city_at, "85"));
    let mut person = |address: &Phi<Address>, loop_id, at, entity: &str| {
        let address = address.expose_for(Purpose::Adjudicate);
        found.add(state(address, loop_id, at, entity));
        found.add(zip(address, loop_id, at, entity));
    };
    person(&subscriber.address, LoopId::L2010BA, subscriber.city_at, "IL");
    if let Some(patient) = &claim.patient {
        person(&patient.address, LoopId::L2010CA, patient.city_at, "QC");
    }
}

/// S512. Group and reason of another payer's adjustments.
pub(super) fn adjustments(adjustments: &[InboundAdjustment], loop_id: LoopId, line: Option<u16>, sets: &dyn CodeLookup, found: &mut Found) {
    for adjustment in adjustments {
        let has_reason = adjustment
            .reason
            .is_some_and(|reason| shape::is_adjustment_reason(reason.as_bytes()) && is_known(sets.adjustment_reason(reason)));
        let about = |status: u16, position| Finding {
            line,
            ..Finding::status(Check::S512, invalid(status), position)
        };
        found.add(adjustment.group.is_none().then(|| about(696, element(loop_id, adjustment.at, 1))));
        found.add((!has_reason).then(|| about(521, whole(loop_id, adjustment.at))));
    }
}

/// The loop in which a provider of a role stands: 2310x on the claim, 2420x on a line.
fn provider_loop(form: Form, role: ProviderRole, is_on_line: bool) -> LoopId {
    use LoopId::*;
    use ProviderRole::*;
    let (on_claim, on_line) = match (form, role) {
        (Form::Professional, Referring) => (L2310A, L2420F),
        (Form::Professional, Rendering) => (L2310B, L2420A),
        (Form::Professional, ServiceFacility) => (L2310C, L2420C),
        (Form::Professional, Supervising) => (L2310D, L2420D),
        (Form::Professional, AmbulancePickUp) => (L2310E, L2420G),
        (Form::Professional, AmbulanceDropOff) => (L2310F, L2420H),
        (Form::Professional, PurchasedService) => (L2300, L2420B),
        (Form::Professional, Ordering) => (L2300, L2420E),
        (Form::Institutional, Attending) => (L2310A, L2400),
        (Form::Institutional, Operating) => (L2310B, L2420A),
        (Form::Institutional, OtherOperating) => (L2310C, L2420B),
        (Form::Institutional, Rendering) => (L2310D, L2420C),
        (Form::Institutional, ServiceFacility) => (L2310E, L2400),
        (Form::Institutional, Referring) => (L2310F, L2420D),
        (Form::Professional, Attending | Operating | OtherOperating)
        | (Form::Institutional, Supervising | AmbulancePickUp | AmbulanceDropOff | PurchasedService | Ordering) => (L2300, L2400),
    };
    if is_on_line { on_line } else { on_claim }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::claim::party::Patient;
    use crate::edits::sample::{at, check_rows, institutional, professional, provider, secondary};
    use crate::ids::Carc;
    use crate::phi::Phi;

    fn taxonomy(text: &str) -> Option<Taxonomy> {
        Taxonomy::parse(text.as_bytes()).ok()
    }

    fn address(state: &str, zip: &str) -> Phi<Address> {
        Phi::new(Address {
            state: state.into(),
            zip: zip.into(),
            ..Address::default()
        })
    }

    /// A claim for a dependent in California.
    fn dependent() -> Claim {
        let mut claim = professional();
        Arc::make_mut(&mut claim.subscriber).is_patient = false;
        claim.patient = Some(Arc::new(Patient {
            address: address("CA", "92701"),
            city_at: at("N4"),
            ..Patient::default()
        }));
        claim
    }

    fn patient(claim: &mut Claim) -> &mut Patient {
        Arc::make_mut(claim.patient.as_mut().unwrap())
    }

    #[test]
    fn provider_taxonomies() {
        check_rows(
            professional,
            &[
                (
                    "billing",
                    |claim| Arc::make_mut(&mut claim.billing_provider).taxonomy = taxonomy("203BF0100Y"),
                    "S509 A7:145:85 2010AA NM1",
                ),
                ("rendering", |claim| claim.providers[0].taxonomy = taxonomy("207Q"), "S509 A7:145:82 2310B NM1"),
                (
                    "ordering, on a line",
                    |claim| {
                        claim.lines[1].providers.push(provider(ProviderRole::Ordering));
                        claim.lines[1].providers[0].taxonomy = taxonomy("207Q");
                    },
                    "S509 A7:145:DK 2420E NM1 line 2",
                ),
                ("none", |claim| claim.providers[0].taxonomy = None, ""),
            ],
        );
        check_rows(
            institutional,
            &[(
                "attending",
                |claim| claim.providers[0].taxonomy = taxonomy("363LP0200N"),
                "S509 A7:145:71 2310A NM1",
            )],
        );
    }

    #[test]
    fn states_and_zips() {
        check_rows(
            dependent,
            &[
                ("at home", |_| {}, ""),
                (
                    "no such state of the patient",
                    |claim| patient(claim).address = address("CX", "92701"),
                    "S511 A7:501:QC 2010CA N402",
                ),
                (
                    "four digits",
                    |claim| patient(claim).address = address("CA", "9270"),
                    "S511 A7:500:QC 2010CA N403",
                ),
                ("in Canada", |claim| patient(claim).address = address("ON", "K1A0B1"), ""),
                ("abroad", |claim| patient(claim).address = address("", ""), ""),
                (
                    "no such state of the subscriber",
                    |claim| Arc::make_mut(&mut claim.subscriber).address = address("C", "92701"),
                    "S511 A7:501:IL 2010BA N402",
                ),
                (
                    "no ZIP of the subscriber",
                    |claim| Arc::make_mut(&mut claim.subscriber).address = address("CA", ""),
                    "S511 A7:500:IL 2010BA N403",
                ),
                (
                    "no such state of the billing provider",
                    |claim| Arc::make_mut(&mut claim.billing_provider).address.state = "XX".into(),
                    "S511 A7:501:85 2010AA N402",
                ),
            ],
        );
    }

    #[test]
    fn inbound_adjustments() {
        check_rows(
            secondary,
            &[
                (
                    "no group of 5010",
                    |claim| claim.other_payers[0].adjustments[0].group = None,
                    "S512 A7:696 2320 CAS01",
                ),
                (
                    "no reason, on a line",
                    |claim| claim.lines[0].other_payers[0].adjustments[0].reason = None,
                    "S512 A7:521 2430 CAS line 1",
                ),
                (
                    "no such reason",
                    |claim| claim.other_payers[0].adjustments[0].reason = Carc::parse(b"CO45").ok(),
                    "S512 A7:521 2320 CAS",
                ),
                (
                    "a property and casualty reason",
                    |claim| claim.other_payers[0].adjustments[0].reason = Carc::parse(b"P12").ok(),
                    "",
                ),
            ],
        );
    }

    #[test]
    fn every_role_has_its_loop() {
        for (form, role, on_claim, on_line) in [
            (Form::Professional, ProviderRole::Referring, LoopId::L2310A, LoopId::L2420F),
            (Form::Professional, ProviderRole::AmbulanceDropOff, LoopId::L2310F, LoopId::L2420H),
            (Form::Institutional, ProviderRole::Rendering, LoopId::L2310D, LoopId::L2420C),
            (Form::Institutional, ProviderRole::Referring, LoopId::L2310F, LoopId::L2420D),
        ] {
            assert_eq!((provider_loop(form, role, false), provider_loop(form, role, true)), (on_claim, on_line));
        }
    }
}
