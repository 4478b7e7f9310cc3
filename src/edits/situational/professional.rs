//! Situations of a professional claim: accidents and ambulance transports (S409, S411), and its dates
//! (S418).

use chrono::NaiveDate;

use crate::claim::Claim;
use crate::claim::party::ProviderRole;
use crate::claim::professional::ProfessionalClaim;
use crate::edits::{Found, component, element, invalid, missing, procedure_family, whole};
use crate::finding::{Check, Finding};
use crate::loop_id::LoopId;

pub(super) fn check(claim: &Claim, detail: &ProfessionalClaim, received_on: NaiveDate, found: &mut Found) {
    accident(claim, detail, found);
    ambulance(claim, detail, found);
    found.add(accident_in_future(claim, detail, received_on));
}

/// S409. An auto (AA) or other (OA) accident has its day; an auto accident in this country its state.
/// Employment (EM) alone may be an illness.
fn accident(claim: &Claim, detail: &ProfessionalClaim, found: &mut Found) {
    let is_caused_by = |cause: &[u8]| detail.related_causes.iter().flatten().any(|related| related.as_bytes() == cause);
    let is_auto = is_caused_by(b"AA");
    let is_accident = is_auto || is_caused_by(b"OA");
    let is_undated = is_accident && detail.accident_date.is_none();
    let is_nowhere = is_auto && detail.accident_state.is_none() && detail.accident_country.is_none();
    found.add(is_undated.then(|| Finding::status(Check::S409, missing(727), element(LoopId::L2300, claim.at, 11))));
    found.add(is_nowhere.then(|| Finding::status(Check::S409, missing(728), component(LoopId::L2300, claim.at, 11, 4))));
}

/// S411. A transport says why (CR1, CRC) and from where to where (2310E and 2310F, or 2420G and H).
fn ambulance(claim: &Claim, detail: &ProfessionalClaim, found: &mut Found) {
    if !claim.lines.iter().any(|line| line.procedure.is_some_and(procedure_family::is_ambulance)) {
        return;
    }
    let has_place = |role: ProviderRole| {
        let on_lines = || claim.lines.iter().flat_map(|line| &line.providers);
        claim.providers.iter().chain(on_lines()).any(|provider| provider.role == role)
    };
    let is_certified = detail.has_ambulance_transport && detail.has_ambulance_certification;
    let is_located = has_place(ProviderRole::AmbulancePickUp) && has_place(ProviderRole::AmbulanceDropOff);
    found.add((!is_certified).then(|| Finding::status(Check::S411, missing(337), whole(LoopId::L2300, claim.at))));
    found.add((!is_located).then(|| Finding::status(Check::S411, missing(266), whole(LoopId::L2300, claim.at))));
}

/// S418.
fn accident_in_future(claim: &Claim, detail: &ProfessionalClaim, received_on: NaiveDate) -> Option<Finding> {
    let is_future = detail.accident_date.is_some_and(|date| date > received_on);
    is_future.then(|| Finding::status(Check::S418, invalid(510).and(727), whole(LoopId::L2300, claim.at)))
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;
    use crate::claim::ClaimDetail;
    use crate::edits::sample::{check_rows, code, date, procedure, professional, provider};

    fn detail(claim: &mut Claim) -> &mut ProfessionalClaim {
        match &mut claim.detail {
            ClaimDetail::Professional(detail) => detail,
            ClaimDetail::Institutional(_) => panic!("a professional claim"),
        }
    }

    /// An auto accident with its date and state.
    fn accident() -> Claim {
        let mut claim = professional();
        let detail = detail(&mut claim);
        detail.related_causes = [code("AA"), code("EM"), None];
        detail.accident_state = code("CA");
        detail.accident_date = NaiveDate::from_ymd_opt(2025, 1, 10);
        claim
    }

    /// A transport with all that belongs to it.
    fn transport() -> Claim {
        let mut claim = professional();
        claim.lines[0].procedure = procedure("A0427");
        claim.providers.push(provider(ProviderRole::AmbulancePickUp));
        claim.providers.push(provider(ProviderRole::AmbulanceDropOff));
        let detail = detail(&mut claim);
        detail.has_ambulance_transport = true;
        detail.has_ambulance_certification = true;
        claim
    }

    #[test]
    fn accidents() {
        check_rows(
            accident,
            &[
                ("complete", |_| {}, ""),
                ("no date", |claim| detail(claim).accident_date = None, "S409 A6:727 2300 CLM11"),
                ("no state", |claim| detail(claim).accident_state = None, "S409 A6:728 2300 CLM11-4"),
                (
                    "abroad",
                    |claim| {
                        detail(claim).accident_state = None;
                        detail(claim).accident_country = code("MX");
                    },
                    "",
                ),
                (
                    "employment alone",
                    |claim| {
                        detail(claim).related_causes = [code("EM"), None, None];
                        detail(claim).accident_date = None;
                    },
                    "",
                ),
                ("tomorrow", |claim| detail(claim).accident_date = date((2025, 3, 2)), "S418 A7:510+727 2300 CLM"),
            ],
        );
    }

    #[test]
    fn transports() {
        check_rows(
            transport,
            &[
                ("complete", |_| {}, ""),
                ("no CR1", |claim| detail(claim).has_ambulance_transport = false, "S411 A6:337 2300 CLM"),
                ("no CRC", |claim| detail(claim).has_ambulance_certification = false, "S411 A6:337 2300 CLM"),
                (
                    "no drop-off",
                    |claim| claim.providers.retain(|provider| provider.role != ProviderRole::AmbulanceDropOff),
                    "S411 A6:266 2300 CLM",
                ),
                (
                    "drop-off on the line",
                    |claim| {
                        claim.providers.retain(|provider| provider.role != ProviderRole::AmbulanceDropOff);
                        claim.lines[1].providers.push(provider(ProviderRole::AmbulanceDropOff));
                    },
                    "",
                ),
                (
                    "no transport",
                    |claim| {
                        claim.lines[0].procedure = procedure("99214");
                        detail(claim).has_ambulance_transport = false;
                    },
                    "",
                ),
            ],
        );
    }
}
