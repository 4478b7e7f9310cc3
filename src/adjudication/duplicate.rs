//! Exact duplicates of earlier lines, and of lines of the same claim (DOMAIN E4).
//!
//! To the next editor: [`line_identity`] is what the ledger fingerprints and [`equal`] what is compared
//! inside a claim; a part added to one belongs into the other, and changes every stored fingerprint.

use chrono::Datelike;

use super::case::{Case, OpenLine, SoFar};
use super::ruling::{Reason, Ruling};
use crate::claim::{Claim, ClaimDetail};
use crate::claim::service_line::ServiceLine;
use crate::ids::{Modifier, PlaceOfService, Qualifier};
use crate::phi::Purpose;
use crate::tables::reasons::AdjustmentGroup;

const EXACT_DUPLICATE: Reason = Reason::new(AdjustmentGroup::OtherAdjustment, "18");

/// Modifiers are part of what is compared. Inside a claim the pack's distinct modifiers (76, 77, 59, …)
/// say that a line stands beside an equal one on purpose; on another claim the same line with the same
/// modifiers is the claim sent again, and never paid twice. A line that was denied is no original.
pub(super) fn rule(case: &Case<'_>, line: &OpenLine<'_>, so_far: &SoFar<'_>) -> Ruling {
    if case.facts.duplicates.iter().any(|earlier| earlier.line == line.line.number) {
        return Ruling::denied(EXACT_DUPLICATE, "equals a line of an earlier claim").at(line.line.at);
    }
    let distinct = &case.tables.rules.duplicate.distinct_modifiers;
    let is_distinct = line.line.modifiers().any(|modifier| distinct.contains(&modifier));
    let repeats = !is_distinct && so_far.standing(case.claim).any(|(earlier, _)| equal(case.claim, earlier, line.line));
    if repeats {
        return Ruling::denied(EXACT_DUPLICATE, "equals an earlier line of this claim").at(line.line.at);
    }
    Ruling::passed("no equal line")
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
    for text in [claim.form.as_str().as_bytes(), cin.as_bytes(), npi.as_str().as_bytes(), code, first, second, third, fourth, place?] {
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
fn equal(claim: &Claim, a: &ServiceLine, b: &ServiceLine) -> bool {
    a.charge == b.charge
        && a.units == b.units
        && a.procedure == b.procedure
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
