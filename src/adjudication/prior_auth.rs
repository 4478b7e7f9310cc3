//! Prior authorization: whether a line needs one, and which one it uses (DOMAIN C).

use chrono::{NaiveDate, NaiveTime};

use super::case::{Case, Draw, OpenLine, SoFar};
use super::determination::Signal;
use super::exemptions;
use super::facts::AuthorizationFacts;
use super::ruling::{Reason, Ruling};
use crate::ids::AuthorizationNumber;
use crate::money::{Money, Quantity};
use crate::position::SegmentPosition;
use crate::tables::code_range::CodeKey;
use crate::tables::refdata::authorizations::{AuthorizationStatus, AuthorizationType, UnitBasis};
use crate::tables::refdata::prior_auth_codes::{LineOfBusiness, PriorAuthQuery, Requirement};
use crate::tables::refdata::providers::ProviderKind;

const ABSENT: Reason = Reason::contractual("197");
const NUMBER_INVALID: Reason = ABSENT.remark("M62");
const DENIED_WHEN_REQUESTED: Reason = Reason::contractual("39");
const OTHER_PROVIDER: Reason = Reason::contractual("296");
const OTHER_SERVICE: Reason = Reason::contractual("284").remark("N54");
const TIME_LIMIT: Reason = Reason::contractual("302").remark("N351");
const EXCEEDED: Reason = Reason::contractual("198").remark("N640");
const NOT_NOTIFIED: Reason = ABSENT.remark("N385");
const NOTIFIED_LATE: Reason = Reason::contractual("210").remark("N385");

/// Why a line needs an authorization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// On the list.
    Listed,
    /// On the list: the plan must be told.
    Notification,
    /// A specialist's first consult (P3).
    Consult,
    /// A specialist's routine follow-up, covered by the consult's authorization (P4).
    FollowUp,
    /// A specialist's visit of the highest level, which needs its own (P5).
    HighLevelVisit,
}

/// The steps of DOMAIN C4; the first that fails decides.
pub(super) fn rule(case: &Case<'_>, line: &OpenLine<'_>, so_far: &SoFar<'_>) -> Ruling {
    let Some(need) = need(case, line) else {
        return Ruling::skipped("needs no authorization");
    };
    if let Some(exemption) = exemptions::exempt(case, line, need) {
        return exemption;
    }
    let Some(on_file) = case.facts.authorizations.found() else {
        return Ruling::not_enforced("authorizations not loaded");
    };
    let mut candidates = match candidates(case, line, on_file, need) {
        Ok(candidates) => candidates,
        Err(ruling) => return *ruling,
    };
    let evidence = candidates.at;
    let rows = &mut candidates.rows;
    let is_denied = rows.iter().any(|row| row.status == AuthorizationStatus::Denied);
    // What has expired since is still good for services of its time.
    rows.retain(|row| matches!(row.status, AuthorizationStatus::Approved | AuthorizationStatus::Expired));
    if rows.is_empty() {
        return match is_denied {
            true => Ruling::denied(DENIED_WHEN_REQUESTED, "the authorization was denied when requested"),
            false => Ruling::denied(ABSENT, "the authorization is pended or cancelled"),
        }
        .at(evidence);
    }
    rows.retain(|row| is_for_provider(case, line, row));
    if rows.is_empty() {
        return Ruling::denied(OTHER_PROVIDER, "the authorization is for another provider").at(evidence);
    }
    rows.retain(|row| is_for_service(line, row, need));
    if rows.is_empty() {
        return Ruling::denied(OTHER_SERVICE, "the authorization is for other services").at(evidence);
    }
    let span = line.dates.value;
    rows.retain(|row| row.service.covers(span.from) && row.service.covers(span.through));
    if rows.is_empty() {
        return Ruling::denied(TIME_LIMIT, "outside the authorized dates").at(line.dates.at);
    }
    if need == Need::Notification {
        return notified(case, rows, line.dates.value.from).at(evidence);
    }
    drawn(case, line, so_far, rows, need).at(evidence)
}

/// C1 and P3 to P5. The list's version is that of the service date.
fn need(case: &Case<'_>, line: &OpenLine<'_>) -> Option<Need> {
    visit_need(case, line).or_else(|| match listed(case, line)? {
        Requirement::Required => Some(Need::Listed),
        Requirement::Notify => Some(Need::Notification),
        Requirement::None => None,
    })
}

fn visit_need(case: &Case<'_>, line: &OpenLine<'_>) -> Option<Need> {
    let procedure = line.line.procedure.as_ref()?;
    if case.rendering(line.line).1?.kind != ProviderKind::Specialist {
        return None;
    }
    let rules = &case.tables.rules.prior_authorization;
    let code = CodeKey::of(procedure.as_bytes());
    let needs = [
        (&rules.initial_consults, Need::Consult),
        (&rules.follow_ups, Need::FollowUp),
        (&rules.new_authorization, Need::HighLevelVisit),
    ];
    needs.into_iter().find(|(codes, _)| codes.contains(code)).map(|(_, need)| need)
}

/// What the list says of the procedure, else of the revenue code.
fn listed(case: &Case<'_>, line: &OpenLine<'_>) -> Option<Requirement> {
    let list = case.tables.reference.prior_auth_codes.as_deref()?;
    let date = line.dates.value.from;
    let entry = |code: &[u8]| {
        list.find(&PriorAuthQuery {
            code,
            modifiers: &line.line.modifiers,
            line_of_business: LineOfBusiness::MediCal,
            date,
            place_of_service: case.claim.place_of_service(line.line),
            age_years: case.age_on(date),
            charge: line.line.charge,
        })
    };
    let by_procedure = line.line.procedure.as_ref().and_then(|code| entry(code.as_bytes()));
    let by_either = by_procedure.or_else(|| line.line.revenue.as_ref().and_then(|code| entry(code.as_bytes())));
    by_either.map(|entry| entry.requirement)
}

/// The rows that a line may use, and where it names them.
struct Candidates<'a> {
    rows: Vec<&'a AuthorizationFacts>,
    at: SegmentPosition,
}

/// C4 steps 2 to 4: the numbers on the line, else on the claim, else the member's own rows for this
/// provider and service.
fn candidates<'a>(case: &Case<'_>, line: &OpenLine<'_>, on_file: &'a [AuthorizationFacts], need: Need) -> Result<Candidates<'a>, Box<Ruling>> {
    let on_line = &line.line.authorizations;
    let on_claim = case.claim.prior_authorization.as_ref();
    let Some(at) = on_line.first().or(on_claim).map(|number| number.at) else {
        let fits = |row: &&AuthorizationFacts| row.is_of_member && is_for_provider(case, line, row) && is_for_service(line, row, need);
        let rows: Vec<&AuthorizationFacts> = match case.tables.rules.prior_authorization.auto_match {
            true => on_file.iter().filter(fits).collect(),
            false => Vec::new(),
        };
        return match rows.is_empty() {
            true => Err(Box::new(absent(need).at(line.line.at))),
            false => Ok(Candidates { rows, at: line.line.at }),
        };
    };
    let is_named = |number: &AuthorizationNumber| match on_line.is_empty() {
        true => on_claim.is_some_and(|named| named.value == *number),
        false => on_line.iter().any(|named| named.value == *number),
    };
    let mut rows: Vec<&AuthorizationFacts> = on_file.iter().filter(|row| is_named(&row.number)).collect();
    if rows.is_empty() {
        return Err(Box::new(Ruling::denied(NUMBER_INVALID, "the authorization number is not on file").at(at)));
    }
    rows.retain(|row| row.is_of_member);
    if rows.is_empty() {
        let foreign = Ruling::denied(NUMBER_INVALID, "the authorization is another member's").at(at);
        return Err(Box::new(foreign.signalling(Signal::ForeignAuthorization, None)));
    }
    Ok(Candidates { rows, at })
}

fn absent(need: Need) -> Ruling {
    match need {
        Need::Listed => Ruling::denied(ABSENT, "on the authorization list, and no authorization found"),
        Need::Notification => Ruling::denied(NOT_NOTIFIED, "the plan was not notified"),
        Need::Consult => Ruling::denied(ABSENT, "a specialist's initial consult without authorization"),
        Need::FollowUp => Ruling::denied(ABSENT, "a specialist's follow-up without the consult's authorization"),
        Need::HighLevelVisit => Ruling::denied(ABSENT, "a specialist's high-level visit without its own authorization"),
    }
}

/// The rendering or billing provider, or the billing provider's group.
fn is_for_provider(case: &Case<'_>, line: &OpenLine<'_>, row: &AuthorizationFacts) -> bool {
    let (rendering_npi, rendering) = case.rendering(line.line);
    let billing = &case.claim.billing_provider;
    let by_npi = row.provider_npi.map(|npi| Some(npi) == rendering_npi || Some(npi) == billing.npi);
    let by_group = row.group_tin.map(|tin| {
        let groups = [
            billing.tin,
            case.billing_provider().and_then(|provider| provider.group_tin),
            rendering.and_then(|provider| provider.group_tin),
        ];
        groups.contains(&Some(tin))
    });
    match (by_npi, by_group) {
        (None, None) => true,
        (by_npi, by_group) => by_npi == Some(true) || by_group == Some(true),
    }
}

fn is_for_service(line: &OpenLine<'_>, row: &AuthorizationFacts, need: Need) -> bool {
    let lists = |code: Option<&[u8]>| code.is_some_and(|code| row.codes.contains(CodeKey::of(code)));
    let line = line.line;
    let is_listed = lists(line.procedure.as_ref().map(|code| code.as_bytes())) || lists(line.revenue.as_ref().map(|code| code.as_bytes()));
    let has_modifier = row.modifier.is_none_or(|modifier| line.modifiers.contains(&Some(modifier)));
    let is_consult = row.kind == AuthorizationType::Consult;
    has_modifier
        && match need {
            Need::Listed | Need::Notification | Need::Consult => is_listed,
            Need::FollowUp => is_listed || is_consult,
            // A consult for any code does not list the visit (P5).
            Need::HighLevelVisit => is_listed && !(is_consult && row.codes.is_any()),
        }
}

/// C4 step 10. DTP*435 has no hour here, so the time starts at the end of the day of admission, in the
/// payer's (Pacific) time.
fn notified(case: &Case<'_>, rows: &[&AuthorizationFacts], first_day: NaiveDate) -> Ruling {
    let admission = case.claim.institutional().and_then(|claim| claim.admission).map_or(first_day, |admission| admission.value);
    let Some(notified_at) = rows.iter().filter_map(|row| row.notified_at).min() else {
        return Ruling::denied(NOT_NOTIFIED, "the plan was not notified");
    };
    const PACIFIC_HOURS_BEHIND: i64 = 8;
    let hours = i64::from(case.tables.rules.prior_authorization.notification_hours) + PACIFIC_HOURS_BEHIND;
    let day_after = admission.succ_opt().unwrap_or(NaiveDate::MAX).and_time(NaiveTime::MIN).and_utc().timestamp();
    if notified_at.unix_seconds() <= day_after + hours * 3600 {
        Ruling::passed("the plan was notified in time")
    } else {
        Ruling::denied(NOTIFIED_LATE, "the plan was notified too long after the admission")
    }
}

/// C4 step 9 on the row that goes first: the narrowest codes, then the narrowest dates, then the
/// earliest end, then the most units left, then the lowest number. A row without units left stands
/// back behind one that has some.
fn drawn(case: &Case<'_>, line: &OpenLine<'_>, so_far: &SoFar<'_>, rows: &[&AuthorizationFacts], need: Need) -> Ruling {
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
    let chosen = rows.iter().min_by(|a, b| preference(a).cmp(&preference(b)).then_with(|| (&a.number, a.row).cmp(&(&b.number, b.row))));
    let Some(row) = chosen else {
        return absent(need);
    };
    let is_follow_up = need == Need::FollowUp && row.kind == AuthorizationType::Consult;
    if is_follow_up {
        return Ruling::passed("a routine follow-up under the consult's authorization").drawing(Draw::Units {
            row: row.row,
            units: Quantity::ZERO,
        });
    }
    let Some(left) = left(row) else {
        return Ruling::passed("authorized without a limit of units").drawing(Draw::Units {
            row: row.row,
            units: needed(case, line, so_far, row),
        });
    };
    if row.unit_basis == UnitBasis::Dollar {
        return match Money::rounded(left.decimal()) {
            left if left.is_zero() => Ruling::denied(EXCEEDED, "no authorized dollars left"),
            left => Ruling::passed("authorized").drawing(Draw::Dollars { row: row.row, left }),
        };
    }
    let needed = needed(case, line, so_far, row);
    if needed <= left {
        return Ruling::passed("authorized").drawing(Draw::Units { row: row.row, units: needed });
    }
    let kept = match row.unit_basis {
        UnitBasis::Unit | UnitBasis::Day | UnitBasis::Dollar => left,
        UnitBasis::Visit => line.units.share(left, needed),
    };
    if kept.is_zero() {
        return Ruling::denied(EXCEEDED, "no authorized units left");
    }
    let note = format!("{left} of {needed} units left");
    Ruling::cut(EXCEEDED, kept, note).drawing(Draw::Units { row: row.row, units: left })
}

/// Authorized units that the line takes. A visit is a day, however many lines it has.
fn needed(case: &Case<'_>, line: &OpenLine<'_>, so_far: &SoFar<'_>, row: &AuthorizationFacts) -> Quantity {
    match row.unit_basis {
        UnitBasis::Unit | UnitBasis::Day | UnitBasis::Dollar => line.units,
        UnitBasis::Visit => {
            let is_same_visit = so_far.consumed.iter().filter(|consumed| consumed.row == row.row).any(|consumed| {
                let earlier = case.claim.lines.iter().find(|earlier| earlier.number == consumed.line);
                earlier.and_then(|earlier| case.claim.service_dates(earlier)).is_some_and(|dates| dates.value == line.dates.value)
            });
            let days = Quantity::count(line.dates.value.days());
            if is_same_visit { Quantity::ZERO } else { days.min(line.units.max(Quantity::ONE)) }
        }
    }
}
