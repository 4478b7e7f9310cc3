//! Signs of fraud, waste and abuse (DOMAIN E5): noticed behind the decision, for a person to look at. They
//! never deny anything, and stand beside the determination: `replay` compares decisions, not these.
//!
//! What the claim, its facts and its decision tell is here, with what other claims of the member say. Signs
//! that need the claims of a provider and its peers (visits coded too high) are in [`super::peer_comparison`].

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::case::{Case, OpenLine};
use super::determination::LineDetermination;
use super::facts::{Known, ProviderFacts, Stay};
use super::rule_id::RuleId;
use super::telling::{Told, Trace};
use super::trace::{Rule, StepResult};
use super::{coding_edits, duplicate, eligibility};
use crate::claim::Located;
use crate::claim::service_line::ServiceLine;
use crate::ids::{AuthorizationNumber, Npi};
use crate::money::Quantity;
use crate::position::SegmentPosition;
use crate::tables::code_range::CodeKey;

const MINUTES_OF_A_DAY: i64 = 24 * 60;

/// Places of service where inpatients are treated: hospital, skilled nursing, psychiatric, rehabilitation.
const INPATIENT_PLACES: [&str; 5] = ["21", "31", "51", "55", "61"];

/// What was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FraudSignal {
    /// DECEASED: service after the patient's death.
    Deceased,
    /// An authorization number of another member.
    ForeignAuthorization,
    /// DUP_PATTERN: lines of several earlier claims again, or one line again and again.
    DuplicatePattern,
    /// NOT_RENDERED: the provider was not enrolled on the day of service.
    InactiveProvider,
    /// NOT_RENDERED: more than 24 hours a day of services that are billed by time.
    HoursBeyondDay,
    /// NOT_RENDERED: service elsewhere on a day between admission and discharge.
    DuringStay,
    /// UNBUNDLE: the procedures of a pair on two claims of one day.
    Unbundled,
}

impl FraudSignal {
    pub const ALL: [FraudSignal; 7] = [
        FraudSignal::Deceased,
        FraudSignal::ForeignAuthorization,
        FraudSignal::DuplicatePattern,
        FraudSignal::InactiveProvider,
        FraudSignal::HoursBeyondDay,
        FraudSignal::DuringStay,
        FraudSignal::Unbundled,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            FraudSignal::Deceased => "deceased",
            FraudSignal::ForeignAuthorization => "foreign-authorization",
            FraudSignal::DuplicatePattern => "duplicate-pattern",
            FraudSignal::InactiveProvider => "inactive-provider",
            FraudSignal::HoursBeyondDay => "hours-beyond-day",
            FraudSignal::DuringStay => "during-stay",
            FraudSignal::Unbundled => "unbundled",
        }
    }

    fn rule(self) -> (RuleId, &'static str) {
        match self {
            FraudSignal::Deceased => (RuleId::FraudDeceased, "service after the date of death"),
            FraudSignal::ForeignAuthorization => (RuleId::FraudAuthorization, "the authorization number is another member's"),
            FraudSignal::DuplicatePattern => (RuleId::FraudDuplicates, "lines are repeated again and again"),
            FraudSignal::InactiveProvider => (RuleId::FraudInactive, "the provider was not enrolled on the day of service"),
            FraudSignal::HoursBeyondDay => (RuleId::FraudHours, "more hours of service than the day has"),
            FraudSignal::DuringStay => (RuleId::FraudDuringStay, "the member was in a hospital elsewhere"),
            FraudSignal::Unbundled => (RuleId::FraudUnbundled, "one of a pair of procedures is on an earlier claim"),
        }
    }
}

/// A sign with the line it is about; 0 = the claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Suspicion {
    pub signal: FraudSignal,
    pub line: u16,
}

/// The signs on a claim that was decided, each told as a step. A void bills nothing.
pub(super) fn notice(case: &Case<'_>, decided: &[LineDetermination], trace: &mut Trace) -> Vec<Suspicion> {
    let mut noticed = Noticed::default();
    if !case.claim.is_void() {
        of_deaths(case, &mut noticed);
        of_authorizations(case, &mut noticed);
        of_duplicates(case, decided, &mut noticed);
        of_enrolment(case, &mut noticed);
        of_hours(case, decided, &mut noticed);
        of_stays(case, &mut noticed);
        of_pairs(case, decided, &mut noticed);
    }
    if noticed.0.is_empty() {
        trace.of_claim(case, || Told::new(RuleId::FraudNone, StepResult::Skipped, "nothing stands out", None));
    }
    for (suspicion, at) in &noticed.0 {
        let (id, note) = suspicion.signal.rule();
        trace.of_claim(case, || Told::new(id, StepResult::Passed, note, *at));
    }
    noticed.0.into_iter().map(|(suspicion, _)| suspicion).collect()
}

/// Signs with what they are seen on, in the order of their finding.
#[derive(Default)]
struct Noticed(Vec<(Suspicion, SegmentPosition)>);

impl Noticed {
    fn add(&mut self, signal: FraudSignal, line: u16, at: SegmentPosition) {
        self.0.push((Suspicion { signal, line }, at));
    }
}

fn of_deaths(case: &Case<'_>, noticed: &mut Noticed) {
    let Some(death) = eligibility::death(case) else { return };
    for line in &case.claim.lines {
        let dates = case.claim.service_dates(line);
        if let Some(dates) = dates.filter(|dates| death < dates.value.through) {
            noticed.add(FraudSignal::Deceased, line.number, dates.at);
        }
    }
}

/// A number that is on file, and not for this member.
fn of_authorizations(case: &Case<'_>, noticed: &mut Noticed) {
    let Known::Found(on_file) = &case.facts.authorizations else { return };
    let is_foreign = |number: &AuthorizationNumber| {
        let mut rows = on_file.iter().filter(|row| row.number == *number).peekable();
        rows.peek().is_some() && rows.all(|row| !row.is_of_member)
    };
    let mut look = |line: u16, number: Option<&Located<AuthorizationNumber>>| {
        if let Some(number) = number.filter(|number| is_foreign(&number.value)) {
            noticed.add(FraudSignal::ForeignAuthorization, line, number.at);
        }
    };
    let referral = case.claim.referral.as_ref().map(|referral| Located {
        value: AuthorizationNumber::new(referral.value.as_str()),
        at: referral.at,
    });
    let of_claim = case.claim.prior_authorization.as_ref().into_iter().chain(referral.as_ref());
    look(0, of_claim.into_iter().find(|number| is_foreign(&number.value)));
    for line in &case.claim.lines {
        look(line.number, line.authorizations.iter().find(|number| is_foreign(&number.value)));
    }
}

/// A claim that is sent again repeats the lines of one other: that is no pattern.
fn of_duplicates(case: &Case<'_>, decided: &[LineDetermination], noticed: &mut Noticed) {
    let Some(most) = case.tables.rules.fraud_signals.repeats else { return };
    let most = usize::from(most);
    let repeated: Vec<&ServiceLine> = case
        .claim
        .lines
        .iter()
        .zip(decided)
        .filter(|(_, decided)| is_repeat(decided))
        .map(|(line, _)| line)
        .collect();
    if repeated.is_empty() {
        return;
    }
    let mut originals: Vec<_> = case.facts.duplicates.iter().map(|earlier| earlier.earlier_claim).collect();
    originals.sort_unstable();
    originals.dedup();
    if originals.len() >= most {
        noticed.add(FraudSignal::DuplicatePattern, 0, case.claim.at);
    }
    let is_earlier = |line: &ServiceLine| case.facts.duplicates.iter().any(|earlier| earlier.line == line.number);
    for (place, line) in repeated.iter().enumerate().filter(|(_, line)| !is_earlier(line)) {
        let before = repeated.iter().take(place).filter(|earlier| duplicate::equal(case.claim, earlier, line));
        // Told once, on the line with which it becomes a pattern.
        if before.count() + 1 == most {
            noticed.add(FraudSignal::DuplicatePattern, line.number, line.at);
        }
    }
}

fn is_repeat(decided: &LineDetermination) -> bool {
    decided.rule() == Rule::Duplicate
}

/// Each provider once, on the first line of a day on which the provider was not enrolled.
fn of_enrolment(case: &Case<'_>, noticed: &mut Noticed) {
    if are_all_enrolled(case) {
        return;
    }
    let mut told: Vec<Npi> = Vec::new();
    for line in &case.claim.lines {
        let (Some(dates), (Some(npi), Some(provider))) = (case.claim.service_dates(line), case.rendering(line)) else {
            continue;
        };
        let was_enrolled = provider.enrolled.covers(dates.value.from) && provider.enrolled.covers(dates.value.through);
        if !was_enrolled && !told.contains(&npi) {
            told.push(npi);
            noticed.add(FraudSignal::InactiveProvider, line.number, dates.at);
        }
    }
}

/// A quick look: every provider of the claim was enrolled from its first to its last day.
fn are_all_enrolled(case: &Case<'_>) -> bool {
    let mut days: Option<(NaiveDate, NaiveDate)> = None;
    for dates in case.claim.lines.iter().filter_map(|line| case.claim.service_dates(line)) {
        let (from, through) = days.unwrap_or((dates.value.from, dates.value.through));
        days = Some((from.min(dates.value.from), through.max(dates.value.through)));
    }
    let is_enrolled = |provider: &ProviderFacts, (from, through)| provider.enrolled.covers(from) && provider.enrolled.covers(through);
    let mut providers = case.facts.providers.iter().filter_map(|(_, known)| known.found());
    days.is_none_or(|days| providers.all(|provider| is_enrolled(provider, days)))
}

/// Minutes of one provider over equal days, on the line with which they become too many. A line that
/// repeats another adds nothing.
fn of_hours(case: &Case<'_>, decided: &[LineDetermination], noticed: &mut Noticed) {
    let rules = &case.tables.rules.fraud_signals;
    let units = case.claim.lines.iter().fold(Quantity::ZERO, |units, line| units + line.units);
    if units.each_day(rules.longest_minutes()) <= Quantity::count(MINUTES_OF_A_DAY) {
        return;
    }
    let mut sums: Vec<(Option<Npi>, NaiveDate, NaiveDate, Quantity)> = Vec::new();
    for (line, decided) in case.claim.lines.iter().zip(decided) {
        let minutes = line.procedure.as_ref().and_then(|code| rules.minutes(CodeKey::of(code.as_bytes())));
        let (Some(minutes), Some(dates)) = (minutes, case.claim.service_dates(line).map(|dates| dates.value)) else {
            continue;
        };
        if is_repeat(decided) {
            continue;
        }
        let key = (case.claim.rendering_npi(line), dates.from, dates.through);
        let spent = line.units.each_day(i64::from(minutes));
        let most = Quantity::count((dates.through - dates.from).num_days() + 1).each_day(MINUTES_OF_A_DAY);
        let known = sums.iter_mut().find(|(npi, from, through, _)| (*npi, *from, *through) == key);
        let before = match known {
            Some((.., sum)) => std::mem::replace(sum, *sum + spent),
            None => {
                sums.push((key.0, key.1, key.2, spent));
                Quantity::ZERO
            }
        };
        if before <= most && before + spent > most {
            noticed.add(FraudSignal::HoursBeyondDay, line.number, line.at);
        }
    }
}

/// Lines between admission and discharge of another facility's stay, unless they say that they were
/// rendered to an inpatient. On the days of admission and discharge a member may well be elsewhere.
fn of_stays(case: &Case<'_>, noticed: &mut Noticed) {
    let stays = &case.facts.others.stays;
    if stays.is_empty() {
        return;
    }
    let elsewhere = |stay: &&Stay| stay.billing_npi != case.claim.billing_provider.npi;
    for line in &case.claim.lines {
        let place = case.claim.place_of_service(line);
        if place.is_some_and(|place| INPATIENT_PLACES.contains(&place.as_str())) {
            continue;
        }
        let Some(dates) = case.claim.service_dates(line) else { continue };
        let is_during = |stay: &Stay| stay.from < dates.value.from && dates.value.through < stay.through;
        if stays.iter().filter(elsewhere).any(is_during) {
            noticed.add(FraudSignal::DuringStay, line.number, dates.at);
        }
    }
}

/// Lines that the pair rule denied for a procedure of an earlier claim.
fn of_pairs(case: &Case<'_>, decided: &[LineDetermination], noticed: &mut Noticed) {
    if case.facts.others.same_day.is_empty() {
        return;
    }
    let denied = case.claim.lines.iter().zip(decided).filter(|(_, decided)| decided.rule() == Rule::CodePair);
    for (line, _) in denied {
        let Some(dates) = case.claim.service_dates(line) else { continue };
        if coding_edits::is_paired_with_earlier(case, &OpenLine::new(line, dates)) {
            noticed.add(FraudSignal::Unbundled, line.number, line.at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::EarlierLine;
    use super::super::testing::*;
    use crate::claim::Claim;
    use crate::ids::ClaimId;

    fn found(claim: &Claim, reference: &crate::tables::refdata::ReferenceData) -> Vec<String> {
        let determination = decided(claim, reference);
        let suspicions = determination.suspicions().iter();
        suspicions.map(|found| format!("{} {}", found.signal.as_str(), found.line)).collect()
    }

    #[test]
    fn hours_are_summed_for_each_day() {
        for (what, lines, expected) in [
            ("96 quarters are a day", vec![line("97112", 96, "150", "2025-01-20")], vec![]),
            ("one more is not", vec![line("97112", 97, "150", "2025-01-20")], vec!["hours-beyond-day 1"]),
            (
                "two lines of a day",
                vec![line("97112", 96, "150", "2025-01-20"), line("97110", 1, "150", "2025-01-20")],
                vec!["hours-beyond-day 2"],
            ),
            (
                "two days",
                vec![line("97112", 96, "150", "2025-01-20"), line("97110", 96, "150", "2025-01-21")],
                vec![],
            ),
            ("a line of two days", vec![line("97112", 192, "150", "2025-01-20/2025-01-21")], vec![]),
            ("no timed code", vec![line("99214", 900, "150", "2025-01-20")], vec![]),
            (
                "said once",
                (0..4).map(|more| line("97112", 90 + more, "150", "2025-01-20")).collect(),
                vec!["hours-beyond-day 2"],
            ),
        ] {
            assert_eq!(found(&claim(lines), &plan()), expected, "{what}");
        }
    }

    #[test]
    fn a_claim_that_is_sent_again_is_no_pattern() {
        let visits = claim(vec![line("99214", 1, "150", "2025-01-20"), line("99213", 1, "100", "2025-01-21")]);
        for (originals, expected) in [(vec![], 0), (vec![(1, 7), (2, 7)], 0), (vec![(1, 7), (2, 8)], 1)] {
            let mut facts = facts(&visits, &plan());
            facts.duplicates = originals
                .iter()
                .map(|(line, claim)| EarlierLine {
                    line: *line,
                    earlier_claim: ClaimId::from_bytes([*claim; 16]),
                })
                .collect();
            let determination = decided_with(&visits, &received("2025-02-15"), &facts, &plan());
            assert_eq!(determination.suspicions().len(), expected, "{originals:?}");
        }
    }

    #[test]
    fn one_line_again_and_again_is_a_pattern() {
        let times = |times: usize| claim((0..times).map(|_| line("99214", 1, "150", "2025-01-20")).collect());
        assert_eq!(found(&times(2), &plan()), Vec::<String>::new());
        assert_eq!(found(&times(3), &plan()), ["duplicate-pattern 3"]);
        assert_eq!(found(&times(6), &plan()), ["duplicate-pattern 3"]);
    }
}
