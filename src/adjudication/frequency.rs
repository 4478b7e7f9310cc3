//! Units of a code over months (DOMAIN D2, kind `frequency`): what earlier claims of the member were paid
//! for, and what is left of it.
//!
//! Services are looked up only for codes that a row names; they are stored with the decision like all
//! facts. Only what was paid counts: what was denied, or waits for a person, used nothing up.

use chrono::{Months, NaiveDate};

use super::case::{Case, OpenLine, SoFar};
use super::determination::{Determination, LineOutcome};
use super::facts::EarlierService;
use crate::claim::Claim;
use crate::claim::echo::{ClaimEcho, LineEcho};
use crate::ids::{ClaimId, ProcedureCode, RevenueCode};
use crate::money::Quantity;
use crate::tables::refdata::restrictions::{Restriction, Restrictions};
use crate::tables::refdata::{CodeType, ReferenceData};

/// Whether the services of a line with these codes are counted over months.
fn is_counted(restrictions: &Restrictions, procedure: Option<&ProcedureCode>, revenue: Option<&RevenueCode>) -> bool {
    procedure.is_some_and(|code| restrictions.counts(CodeType::Hcpcs, code.as_bytes()))
        || revenue.is_some_and(|code| restrictions.counts(CodeType::Revenue, code.as_bytes()))
}

/// Whether a claim needs the member's earlier services.
pub fn asks_for_services(claim: &Claim, reference: &ReferenceData) -> bool {
    let restrictions = reference.restrictions.as_ref().filter(|restrictions| restrictions.counts_any());
    restrictions.is_some_and(|restrictions| {
        let mut lines = claim.lines.iter();
        lines.any(|line| is_counted(restrictions, line.procedure.as_ref(), line.revenue.as_ref()))
    })
}

/// What a decision adds to the member's services that are counted.
pub fn services_paid(claim: ClaimId, echo: &ClaimEcho, determination: &Determination, reference: &ReferenceData) -> Vec<EarlierService> {
    let Some(restrictions) = reference.restrictions.as_ref().filter(|restrictions| restrictions.counts_any()) else {
        return Vec::new();
    };
    let paid = determination.lines().iter().filter(|line| line.outcome() == LineOutcome::Paid);
    let service = |line: &LineEcho, units: Quantity| {
        let dates = line.service.or(echo.dates)?;
        Some(EarlierService {
            claim,
            procedure: line.procedure,
            revenue: line.revenue,
            day: dates.from,
            units,
        })
    };
    paid.filter_map(|paid| {
        let mut lines = echo.lines.iter();
        let line = lines.find(|line| line.number == paid.number())?;
        is_counted(restrictions, line.procedure.as_ref(), line.revenue.as_ref())
            .then(|| service(line, paid.paid_units()))
            .flatten()
    })
    .collect()
}

/// Of the member's services, those with a code of the claim.
pub fn of_claim(claim: &Claim, services: &[EarlierService]) -> Vec<EarlierService> {
    let is_on_claim = |service: &&EarlierService| {
        claim
            .lines
            .iter()
            .any(|line| (service.procedure.is_some() && service.procedure == line.procedure) || (service.revenue.is_some() && service.revenue == line.revenue))
    };
    services.iter().filter(is_on_claim).cloned().collect()
}

/// Units that a line may still have under a row of so many units of a code in so many months; `None`
/// where the row is not on a code that is counted. Of every span of so many months that holds the line's
/// day, the fullest decides: claims need not come in the order of their services.
pub(super) fn units_left(case: &Case<'_>, line: &OpenLine<'_>, so_far: &SoFar<'_>, row: &Restriction, max: Quantity, months: u16) -> Option<Quantity> {
    let day = line.dates.value.from;
    let same = |procedure: Option<ProcedureCode>, revenue: Option<RevenueCode>| match row.code_type {
        CodeType::Hcpcs => procedure.is_some() && procedure == line.line.procedure,
        CodeType::Revenue => revenue.is_some() && revenue == line.line.revenue,
        _ => false,
    };
    if !matches!(row.code_type, CodeType::Hcpcs | CodeType::Revenue) {
        return None;
    }
    // The same line again is a duplicate, which has a rule of its own.
    if case.facts.duplicates.iter().any(|earlier| earlier.line == line.line.number) {
        return Some(line.units.max(max));
    }
    let earlier = case.facts.services.iter();
    let earlier = earlier
        .filter(|service| same(service.procedure, service.revenue))
        .map(|service| (service.day, service.units));
    let on_claim = so_far.standing(case.claim).filter(|(other, _)| same(other.procedure, other.revenue));
    let on_claim = on_claim.filter_map(|(other, decided)| Some((case.claim.service_dates(other)?.value.from, decided.paid_units())));
    let used: Vec<(NaiveDate, Quantity)> = earlier.chain(on_claim).collect();
    let end_of = |start: NaiveDate| start.checked_add_months(Months::new(u32::from(months)));
    let holds = |start: NaiveDate, day: NaiveDate| start <= day && end_of(start).is_none_or(|end| day < end);
    let starts = used.iter().map(|(start, _)| *start).chain([day]).filter(|start| holds(*start, day));
    let fullest = starts.map(|start| used.iter().filter(|(other, _)| holds(start, *other)).map(|(_, units)| *units).sum::<Quantity>());
    Some(max.less(fullest.max().unwrap_or(Quantity::ZERO)))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    const ROW: &str = r#"often,frequency,HCPCS,99214,,,,"{""max"":3,""months"":2}",cut,CO,119,M86"#;

    /// `day units` of earlier services of the code.
    fn after(services: &[&str], units: u32, service: &str) -> String {
        let visit = claim(vec![line("99214", units, "200", service)]);
        let plan = with_restrictions(ROW);
        let mut facts = facts(&visit, &plan);
        facts.services = services
            .iter()
            .map(|text| {
                let (on, units) = text.split_once(' ').unwrap();
                EarlierService {
                    claim: ClaimId::from_bytes([7; 16]),
                    procedure: "99214".parse().ok(),
                    revenue: None,
                    day: day(on),
                    units: Quantity::whole(units.parse().unwrap()),
                }
            })
            .collect();
        let determination = decided_with(&visit, &received("2025-02-15"), &facts, &plan);
        let line = determination.lines().first().unwrap();
        line.paid_units().to_string()
    }

    #[test]
    fn the_fullest_span_decides() {
        for (services, units, service, paid) in [
            (&[][..], 3, "2025-01-20", "3"),
            (&[], 4, "2025-01-20", "3"),
            (&["2025-01-02 2"], 2, "2025-01-20", "1"),
            // The span ends before the same day two months on.
            (&["2024-11-20 3"], 1, "2025-01-20", "1"),
            (&["2024-11-21 3"], 1, "2025-01-20", "0"),
            // A later service that was billed first.
            (&["2025-02-03 3"], 1, "2025-01-20", "0"),
            // Before and after, but never three within two months beside this one.
            (&["2024-12-01 1", "2025-02-10 1"], 2, "2025-01-20", "2"),
            (&["2024-12-11 1", "2025-02-10 1"], 2, "2025-01-20", "1"),
        ] {
            assert_eq!(after(services, units, service), paid, "{services:?} {units} {service}");
        }
    }

    #[test]
    fn lines_of_the_claim_count_too() {
        let twice = claim(vec![line("99214", 2, "200", "2025-01-10"), line("99214", 2, "200", "2025-01-20")]);
        let determination = decided(&twice, &with_restrictions(ROW));
        let paid: Vec<String> = determination.lines().iter().map(|line| line.paid_units().to_string()).collect();
        assert_eq!(paid, ["2", "1"]);
    }
}
