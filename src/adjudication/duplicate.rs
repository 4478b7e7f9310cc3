//! Duplicates of earlier lines, exact and suspect, and of lines of the same claim (DOMAIN E4).
//!
//! To the next editor: [`line_identity`] is what the ledger fingerprints and [`equal`] what is compared
//! inside a claim; a part added to one belongs into the other, and changes every stored fingerprint.

use chrono::Datelike;

use super::case::{Case, OpenLine, SoFar};
use super::determination::PendReason;
use super::facts::DayService;
use super::other_claims;
use super::rule_id::RuleId;
use super::ruling::{Reason, Ruling};
use crate::claim::service_line::ServiceLine;
use crate::claim::{Claim, ClaimDetail};
use crate::ids::{Modifier, PlaceOfService, Qualifier};
use crate::phi::Purpose;
use crate::tables::reasons::AdjustmentGroup;
use crate::tables::rules::SuspectAction;

const EXACT_DUPLICATE: Reason = Reason::new(AdjustmentGroup::OtherAdjustment, "18");

/// Modifiers are part of what is compared. Inside a claim the pack's distinct modifiers (76, 77, 59, …)
/// say that a line stands beside an equal one on purpose; on another claim the same line with the same
/// modifiers is the claim sent again, and never paid twice. A line that was denied is no original.
pub(super) fn rule(case: &Case<'_>, line: &OpenLine<'_>, so_far: &SoFar<'_>) -> Ruling {
    if case.facts.duplicates.iter().any(|earlier| earlier.line == line.line.number) {
        return Ruling::denied(EXACT_DUPLICATE, "equals a line of an earlier claim")
            .by(RuleId::DuplicateEarlier)
            .at(line.line.at);
    }
    let distinct = &case.tables.rules.duplicate.distinct_modifiers;
    let is_distinct = line.line.modifiers().any(|modifier| distinct.contains(&modifier));
    let repeats = !is_distinct && so_far.standing(case.claim).any(|(earlier, _)| equal(case.claim, earlier, line.line));
    if repeats {
        return Ruling::denied(EXACT_DUPLICATE, "equals an earlier line of this claim")
            .by(RuleId::DuplicateSame)
            .at(line.line.at);
    }
    if !is_distinct && let Some(ruling) = suspect(case, line) {
        return ruling.by(RuleId::DuplicateSuspect).at(line.line.at);
    }
    let ruling = Ruling::passed("no equal line").at(line.line.at);
    if is_distinct { ruling.by(RuleId::DuplicateDistinct) } else { ruling }
}

/// The same procedure on the same days to the same payee, on a claim before: as the rule pack says, unless a
/// modifier on either of the two says that they are distinct.
fn suspect(case: &Case<'_>, line: &OpenLine<'_>) -> Option<Ruling> {
    const NOTE: &str = "like a line of an earlier claim";
    let rules = &case.tables.rules.duplicate;
    let ruling = match rules.suspect {
        SuspectAction::Ignore => return None,
        SuspectAction::Pend => Ruling::pended(PendReason::SuspectDuplicate, NOTE),
        SuspectAction::Deny => Ruling::denied(EXACT_DUPLICATE, NOTE),
    };
    let procedure = line.line.procedure?;
    let is_distinct = |service: &DayService| service.modifiers.iter().flatten().any(|modifier| rules.distinct_modifiers.contains(modifier));
    let mut services = other_claims::of_line(case, line);
    services
        .any(|service| service.procedure == procedure && service.form == case.claim.form && !is_distinct(service))
        .then_some(ruling)
}

/// What makes a line an exact duplicate of another, as canonical bytes for the ledger's keyed
/// fingerprints: form, CIN, rendering NPI (else billing), code with sorted modifiers or revenue code,
/// dates, place of service or facility type, units and charge. `None` when a part is missing: such a
/// line is never a duplicate.
pub fn line_identity(claim: &Claim, line: &ServiceLine) -> Option<Vec<u8>> {
    let cin = claim.subscriber.cin.as_ref()?;
    let npi = claim.rendering_npi(line)?;
    let dates = claim.service_dates(line)?.value;
    let code = match (&line.procedure, &line.revenue) {
        (Some(procedure), _) => procedure.as_bytes(),
        (None, Some(revenue)) => revenue.as_bytes(),
        (None, None) => return None,
    };
    let place_of_service = claim.place_of_service(line);
    let place = match &claim.detail {
        ClaimDetail::Professional(_) => place_of_service.as_ref().map(PlaceOfService::as_bytes),
        ClaimDetail::Institutional(detail) => detail.facility_type.as_ref().map(Qualifier::as_bytes),
    };
    let modifiers = sorted_modifiers(line);
    let [first, second, third, fourth] = modifiers.each_ref().map(|modifier| modifier.as_ref().map_or(&b""[..], Modifier::as_bytes));
    let cin = cin.expose_for(Purpose::Tokenise);
    let mut identity = Vec::with_capacity(96);
    for text in [
        claim.form.as_str().as_bytes(),
        cin.as_bytes(),
        npi.as_str().as_bytes(),
        code,
        first,
        second,
        third,
        fourth,
        place?,
    ] {
        identity.extend_from_slice(text);
        // Codes hold no control characters, so parts cannot run into each other.
        identity.push(0);
    }
    for date in [dates.from, dates.through] {
        identity.extend_from_slice(&date.num_days_from_ce().to_le_bytes());
    }
    identity.extend_from_slice(&line.charge.cents().to_le_bytes());
    identity.extend_from_slice(&line.units.decimal().normalize().serialize());
    Some(identity)
}

/// Whether two lines of one claim have the same identity.
pub(super) fn equal(claim: &Claim, a: &ServiceLine, b: &ServiceLine) -> bool {
    // Cheap comparisons first: decimals are dearer than codes.
    a.procedure == b.procedure
        && a.charge == b.charge
        && a.units == b.units
        && (a.procedure.is_some() || (a.revenue.is_some() && a.revenue == b.revenue))
        && claim.service_dates(a).map(|dates| dates.value) == claim.service_dates(b).map(|dates| dates.value)
        && claim.rendering_npi(a) == claim.rendering_npi(b)
        && sorted_modifiers(a) == sorted_modifiers(b)
        && claim.place_of_service(a) == claim.place_of_service(b)
}

fn sorted_modifiers(line: &ServiceLine) -> [Option<Modifier>; 4] {
    let mut modifiers = line.modifiers;
    modifiers.sort_unstable();
    modifiers
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use super::super::facts::EarlierLine;
    use super::super::testing::*;
    use super::*;
    use crate::ids::ClaimId;
    use crate::money::Quantity;

    const PAID: &str = "paid 16.25 CO-45 3.75";
    const DUPLICATE: &str = "denied OA-18 20.00";

    #[test]
    fn lines_of_one_claim() {
        let ecg = || line("93000", 1, "20", "2025-01-20");
        for (what, second, result) in [
            ("equal", ecg(), DUPLICATE),
            ("other day", line("93000", 1, "20", "2025-01-21"), PAID),
            ("other charge", line("93000", 1, "30", "2025-01-20"), "paid 16.25 CO-45 13.75"),
            ("modifier", line("93000:76", 1, "20", "2025-01-20"), PAID),
        ] {
            let determination = decided(&claim(vec![ecg(), second]), &plan());
            assert_eq!(lines_of(&determination), [PAID, result], "{what}");
        }
        for (modifiers, result) in [("93000:RT", PAID), ("93000:GP", DUPLICATE)] {
            let twice = claim(vec![line(modifiers, 1, "20", "2025-01-20"), line(modifiers, 1, "20", "2025-01-20")]);
            assert_eq!(lines_of(&decided(&twice, &plan())), [PAID, result], "{modifiers}");
        }
        let swapped = claim(vec![line("93000:GP:GO", 1, "20", "2025-01-20"), line("93000:GO:GP", 1, "20", "2025-01-20")]);
        assert_eq!(lines_of(&decided(&swapped, &plan())), [PAID, DUPLICATE]);
    }

    #[test]
    fn a_denied_line_is_no_original() {
        let late = || line("93000", 1, "20", "2023-01-20");
        let determination = decided(&claim(vec![late(), late()]), &plan());
        assert_eq!(lines_of(&determination), ["denied CO-29 20.00", "denied CO-29 20.00"]);
    }

    #[test]
    fn earlier_claims_come_as_facts() {
        let claim = claim(vec![line("93000", 1, "20", "2025-01-20"), line("99214", 1, "150", "2025-01-20")]);
        let earlier = EarlierLine {
            line: 1,
            earlier_claim: ClaimId::from_bytes([1; 16]),
        };
        let plan = plan();
        let facts = super::super::facts::Facts::gather(&claim, &plan, &|_| Quantity::ZERO, vec![earlier], super::super::facts::Known::NotLoaded);
        let determination = decided_with(&claim, &received("2025-02-15"), &facts, &plan);
        assert_eq!(lines_of(&determination), [DUPLICATE, "paid 122.05 CO-45 27.95"]);
    }

    #[test]
    fn an_identity_has_every_part() {
        let base = || claim(vec![line("93000:GP:GO", 1, "20", "2025-01-20")]);
        let identity = |claim: &Claim| line_identity(claim, &claim.lines[0]);
        let changed = [
            base(),
            base().of_member(UNASSIGNED),
            base().rendered_by(FAMILY_DOCTOR),
            base().with(|claim| claim.lines[0].procedure = "93005".parse().ok()),
            base().with(|claim| claim.lines[0].modifiers = [None; 4]),
            base().with(|claim| claim.lines[0].service = dated("DTP", "2025-01-20/2025-01-21")),
            base().with(|claim| claim.lines[0].service = dated("DTP", "2025-01-19/2025-01-20")),
            base().with(|claim| claim.lines[0].professional.place_of_service = "22".parse().ok()),
            base().with(|claim| claim.lines[0].units = Quantity::whole(2)),
            base().with(|claim| claim.lines[0].charge = money("21")),
            stay("2025-01-20", vec![line("93000:GP:GO", 1, "20", "2025-01-20")]),
        ];
        let identities: BTreeSet<Vec<u8>> = changed.iter().map(|claim| identity(claim).unwrap()).collect();
        assert_eq!(identities.len(), changed.len());
        // The order of modifiers and the spelling of a number are no difference.
        let respelled = base().with(|claim| {
            claim.lines[0].modifiers.swap(0, 1);
            claim.lines[0].units = Quantity::parse_x12(b"1.00").unwrap();
            claim.lines[0].charge = money("20.00");
        });
        assert_eq!(identity(&respelled), identity(&base()));
    }

    #[test]
    fn an_identity_without_a_part_is_none() {
        let base = || claim(vec![line("93000", 1, "20", "2025-01-20")]);
        for claim in [
            base().with(|claim| Arc::make_mut(&mut claim.subscriber).cin = None),
            base().with(|claim| Arc::make_mut(&mut claim.billing_provider).npi = None),
            base().with(|claim| claim.lines[0].procedure = None),
            base().with(|claim| claim.lines[0].service = None),
            base().with(|claim| claim.professional_mut().place_of_service = None),
        ] {
            assert_eq!(line_identity(&claim, &claim.lines[0]), None);
        }
    }
}
