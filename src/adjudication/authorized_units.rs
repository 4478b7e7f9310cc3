//! What a line takes of an authorized row, and what is left of it (DOMAIN C4 steps 9 and 11).

use chrono::NaiveDate;

use super::authorization_needs::{Need, is_room};
use super::case::{Case, Draw, OpenLine, SoFar};
use super::facts::AuthorizationFacts;
use super::prior_auth::absent;
use super::rule_id::RuleId;
use super::ruling::{Reason, Ruling};
use crate::money::{Money, Quantity};
use crate::tables::refdata::authorizations::{AuthorizationType, UnitBasis};

pub(super) const EXCEEDED: Reason = Reason::contractual("198").remark("N640");
const REFERRAL_EXCEEDED: Reason = Reason::contractual("287");

/// C4 step 9 on the row that goes first: the narrowest codes, then the narrowest dates, then the
/// earliest end, then the most units left, then the lowest number. A row without units left stands
/// back behind one that has some.
pub(super) fn drawn(case: &Case<'_>, line: &OpenLine<'_>, so_far: &SoFar<'_>, rows: &[&AuthorizationFacts], need: Need) -> Ruling {
    let left = |row: &AuthorizationFacts| row.units.map(|units| units.less(row.units_used + so_far.consumed_of(row.row)));
    let preference = |row: &&AuthorizationFacts| {
        let (from, to) = (row.service.from().unwrap_or(NaiveDate::MIN), row.service.to().unwrap_or(NaiveDate::MAX));
        let left = left(row);
        let is_used_up = left.is_some_and(|left| left.is_zero());
        (
            is_used_up,
            row.codes.width(),
            to.signed_duration_since(from),
            to,
            std::cmp::Reverse(left.map_or((true, Quantity::ZERO), |left| (false, left))),
        )
    };
    let chosen = rows
        .iter()
        .min_by(|a, b| preference(a).cmp(&preference(b)).then_with(|| (&a.number, a.row).cmp(&(&b.number, b.row))));
    let Some(row) = chosen else {
        return absent(case, need);
    };
    let (exceeded, id) = match (need, row.unit_basis) {
        (Need::Referral, _) => (REFERRAL_EXCEEDED, RuleId::Referred),
        (_, UnitBasis::Day) => (EXCEEDED, RuleId::AuthorizedDays),
        (_, UnitBasis::Unit | UnitBasis::Visit | UnitBasis::Dollar) => (EXCEEDED, RuleId::AuthorizedUnits),
    };
    let is_follow_up = need == Need::FollowUp && row.kind == AuthorizationType::Consult;
    if is_follow_up {
        let follow_up = Ruling::passed("a routine follow-up under the consult's authorization").by(RuleId::FollowUp);
        return follow_up.drawing(Draw::Units {
            row: row.row,
            units: Quantity::ZERO,
        });
    }
    let Some(left) = left(row) else {
        return Ruling::passed("authorized without a limit of units").by(id).drawing(Draw::Units {
            row: row.row,
            units: needed(case, line, so_far, row),
        });
    };
    if row.unit_basis == UnitBasis::Dollar {
        return match Money::rounded(left.decimal()) {
            left if left.is_zero() => Ruling::denied(exceeded, "no authorized dollars left").by(id),
            left => Ruling::passed("authorized").by(id).drawing(Draw::Dollars { row: row.row, left }),
        };
    }
    let needed = needed(case, line, so_far, row);
    if needed <= left {
        return Ruling::passed("authorized").by(id).drawing(Draw::Units { row: row.row, units: needed });
    }
    let kept = match row.unit_basis {
        UnitBasis::Unit | UnitBasis::Day | UnitBasis::Dollar => left,
        UnitBasis::Visit => line.units.share(left, needed),
    };
    if kept.is_zero() {
        return Ruling::denied(exceeded, "no authorized units left").by(id);
    }
    let note = format!("{left} of {needed} units left");
    Ruling::cut(exceeded, kept, note).by(id).drawing(Draw::Units { row: row.row, units: left })
}

/// Authorized units that the line takes. A visit is a day, however many lines it has; the days of a stay
/// are those of its rooms.
fn needed(case: &Case<'_>, line: &OpenLine<'_>, so_far: &SoFar<'_>, row: &AuthorizationFacts) -> Quantity {
    match row.unit_basis {
        UnitBasis::Unit | UnitBasis::Dollar => line.units,
        UnitBasis::Day => {
            let counts_rooms = !case.tables.rules.prior_authorization.room_and_board.is_empty();
            let is_stay = counts_rooms && case.claim.institutional().is_some_and(|claim| claim.is_inpatient());
            match is_stay && !is_room(case, line.line.revenue) {
                true => Quantity::ZERO,
                false => line.units,
            }
        }
        UnitBasis::Visit => {
            let is_same_visit = so_far.consumed.iter().filter(|consumed| consumed.row == row.row).any(|consumed| {
                let earlier = case.claim.lines.iter().find(|earlier| earlier.number == consumed.line);
                earlier
                    .and_then(|earlier| case.claim.service_dates(earlier))
                    .is_some_and(|dates| dates.value == line.dates.value)
            });
            let days = Quantity::count(line.dates.value.days());
            if is_same_visit {
                Quantity::ZERO
            } else {
                days.min(line.units.max(Quantity::ONE))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::determination::Determination;
    use super::super::testing::*;
    use crate::ids::AuthorizationNumber;
    use crate::money::Quantity;

    #[test]
    fn the_narrowest_row_goes_first() {
        let rows = [
            ("A1", "97110,97119,,4,unit,0", "2025-01-31"),
            ("A2", "97112,97112,,4,unit,0", "2025-02-28"),
            ("A3", "97112,97112,,4,unit,0", "2025-01-31"),
            ("A4", "97112,97112,,9,unit,0", "2025-01-31"),
            ("A5", "97112,97112,,9,unit,0", "2025-01-31"),
        ]
        .map(|(number, rest, to)| {
            let row = THERAPY.replacen("A1", number, 1).replacen("97112,97112,,4,unit,2", rest, 1);
            row.replacen("2025-01-31", to, 1)
        });
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let plan = with_authorizations(&rows);
        let determination = decided(&therapy(1), &plan);
        let used = determination.consumed().iter().map(|consumed| consumed.row).collect::<Vec<_>>();
        let expected = plan
            .authorizations
            .as_ref()
            .unwrap()
            .by_number(&AuthorizationNumber::new("A4"))
            .next()
            .unwrap()
            .row;
        assert_eq!(used, [expected]);
    }

    #[test]
    fn lines_see_what_the_lines_before_them_use() {
        let consumed = |determination: &Determination| {
            determination
                .consumed()
                .iter()
                .map(|used| (used.line, used.units.to_string()))
                .collect::<Vec<_>>()
        };
        let two = |first: &str| {
            let lines = vec![line(first, 1, "60", "2025-01-20"), line("97112", 2, "100", "2025-01-21")];
            claim(lines).rendered_by(SPECIALIST).authorized_by("A1")
        };
        let determination = with(&two("97112"), &[THERAPY]);
        assert_eq!(
            lines_of(&determination),
            ["paid 31.05 CO-45 28.95", "paid 31.05 CO-198x1/N640 50.00 CO-45 18.95"]
        );
        assert_eq!(consumed(&determination), [(1, "1".into()), (2, "1".into())]);
        // A denied line uses nothing: here it has no rate.
        let unpriced = THERAPY.replacen("97112,97112", "97110,97112", 1);
        let unpriced_listed = "code_from,code_to,modifier,line_of_business,effective_from,effective_to,requirement,note\n97110,97112,,*,,,required,\n";
        let plan = with_authorizations(&[&unpriced])
            .with_table(crate::tables::refdata::ReferenceTable::PriorAuthCodes, unpriced_listed.as_bytes())
            .unwrap();
        let determination = decided(&two("97110"), &plan);
        assert_eq!(lines_of(&determination), ["denied CO-147 60.00", "paid 62.10 CO-45 37.90"]);
        assert_eq!(consumed(&determination), [(2, "2".into())]);
        // So does a pended claim.
        let pended = two("97112").with(|claim| claim.lines[1].service = None);
        let determination = with(&pended, &[THERAPY]);
        assert_eq!((lines_of(&determination), consumed(&determination)), (vec!["pended".to_string(); 2], vec![]));
    }

    #[test]
    fn units_of_earlier_claims_are_facts() {
        let plan = with_authorizations(&[THERAPY]);
        let claim = therapy(2).authorized_by("A1");
        let facts = super::super::facts::Facts::gather(&claim, &plan, &|_| Quantity::ONE, Vec::new(), super::super::facts::Known::NotLoaded);
        let determination = decided_with(&claim, &received("2025-02-15"), &facts, &plan);
        assert_eq!(outcome(&determination), "paid 31.05 CO-198x1/N640 50.00 CO-45 18.95");
    }

    #[test]
    fn a_visit_is_one_day_however_many_lines_it_has() {
        let visits = THERAPY.replacen("4,unit,2", "2,visit,0", 1);
        let lines = [(4, "2025-01-20"), (2, "2025-01-20"), (4, "2025-01-21"), (4, "2025-01-22")];
        let lines = lines.map(|(units, day)| line("97112", units, "300", day));
        let days = claim(lines.to_vec()).rendered_by(SPECIALIST).authorized_by("A1");
        assert_eq!(
            lines_of(&with(&days, &[&visits])),
            [
                "paid 124.20 CO-45 175.80",
                "paid 62.10 CO-45 237.90",
                "paid 124.20 CO-45 175.80",
                "denied CO-198/N640 300.00"
            ]
        );
        let week = claim(vec![line("97112", 6, "300", "2025-01-20/2025-01-22")])
            .rendered_by(SPECIALIST)
            .authorized_by("A1");
        assert_eq!(outcome(&with(&week, &[&visits])), "paid 124.20 CO-198x2/N640 100.00 CO-45 75.80");
    }
}
