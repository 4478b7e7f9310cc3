//! What every step sees: the claim with its facts and tables, the line at hand, and the lines before it.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::adjudicate::Tables;
use super::adjustment::Adjustment;
use super::coding_edits;
use super::determination::{Exempted, LineDetermination, LineOutcome, UnitsConsumed};
use super::facts::{CoverageFacts, Facts, Known, ProviderFacts, Receipt};
use crate::claim::service_line::ServiceLine;
use crate::claim::{Claim, Located};
use crate::ids::Npi;
use crate::money::{Money, Quantity};
use crate::phi::{Phi, Purpose};
use crate::tables::refdata::CodingSetting;
use crate::tables::refdata::authorizations::AuthorizationRow;
use crate::tables::refdata::fee_schedule::FeeRow;
use crate::tables::refdata::filing_limits::FilingLimit;
use crate::tables::refdata::members::Sex;
use crate::x12::element::DateRange;

/// One claim's adjudication: what does not change from line to line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case<'a> {
    pub claim: &'a Claim,
    pub receipt: &'a Receipt,
    pub facts: &'a Facts,
    pub tables: &'a Tables<'a>,
    pub first_day: Option<NaiveDate>,
    /// The member's coverage on the first day of service.
    pub coverage: Option<&'a CoverageFacts>,
    /// That of the member's network and the billing provider's contract on the day of receipt.
    pub filing_limit: Option<&'a FilingLimit>,
    /// `None` where correct coding edits do not apply.
    pub coding_setting: Option<CodingSetting>,
    /// The billing provider has a contract; `None` when providers were never loaded.
    pub is_in_network: Option<bool>,
    age_on_first_day: Option<u16>,
}

impl<'a> Case<'a> {
    pub(super) fn new(claim: &'a Claim, receipt: &'a Receipt, facts: &'a Facts, tables: &'a Tables<'a>) -> Case<'a> {
        let first_day = claim.dates().map(|dates| dates.from);
        let member = facts.member.found();
        let coverage = member.zip(first_day).and_then(|(member, day)| member.coverage_on(day));
        let is_contracted = facts.provider(claim.billing_provider.npi).is_some_and(|provider| provider.contracted);
        let reference_has_providers = facts.providers.iter().any(|(_, known)| !matches!(known, Known::NotLoaded));
        let case = Case {
            claim,
            receipt,
            facts,
            tables,
            first_day,
            coverage,
            filing_limit: None,
            coding_setting: coding_edits::setting(claim, facts),
            is_in_network: reference_has_providers.then_some(is_contracted),
            age_on_first_day: None,
        };
        Case {
            filing_limit: case.filing_limit_on(receipt.received_on),
            age_on_first_day: first_day.and_then(|day| case.age_years(day)),
            ..case
        }
    }

    /// The limit for what is received on a day.
    pub(super) fn filing_limit_on(&self, day: NaiveDate) -> Option<&'a FilingLimit> {
        let is_contracted = self.billing_provider().is_some_and(|provider| provider.contracted);
        let network = self.coverage.and_then(|coverage| coverage.network);
        self.tables.reference.filing_limits.find(network, is_contracted, day)
    }

    pub(super) fn billing_provider(&self) -> Option<&'a ProviderFacts> {
        self.facts.provider(self.claim.billing_provider.npi)
    }

    pub(super) fn rendering(&self, line: &ServiceLine) -> (Option<Npi>, Option<&'a ProviderFacts>) {
        let npi = self.claim.rendering_npi(line);
        (npi, self.facts.provider(npi))
    }

    /// The patient's birth date: 2010CA of a newborn billed under its mother's id, else what the plan
    /// has on record, else what the claim says.
    pub(super) fn birth_date(&self) -> Option<Phi<NaiveDate>> {
        match (&self.claim.patient, self.facts.member.found()) {
            (None, Some(member)) => Some(member.birth_date),
            (Some(_), _) | (None, None) => self.claim.patient_birth_date(),
        }
    }

    /// The patient's age in whole years on a day.
    pub(super) fn age_on(&self, day: NaiveDate) -> Option<u16> {
        if self.first_day == Some(day) {
            self.age_on_first_day
        } else {
            self.age_years(day)
        }
    }

    fn age_years(&self, day: NaiveDate) -> Option<u16> {
        let birth_date = self.birth_date()?;
        day.years_since(*birth_date.expose_for(Purpose::Adjudicate))
            .and_then(|years| u16::try_from(years).ok())
    }

    /// Whether another line of the claim has the dates of this one.
    pub(super) fn is_same_day(&self, other: &ServiceLine, line: &OpenLine<'_>) -> bool {
        self.claim.service_dates(other).is_some_and(|dates| dates.value == line.dates.value)
    }

    pub(super) fn sex(&self) -> Sex {
        let on_claim = match (&self.claim.patient, self.facts.member.found()) {
            (None, Some(member)) => return member.sex,
            (Some(patient), _) => patient.sex,
            (None, None) => self.claim.subscriber.sex,
        };
        match on_claim.map(|sex| *sex.expose_for(Purpose::Adjudicate)) {
            Some(sex) if sex.as_bytes() == b"F" => Sex::Female,
            Some(sex) if sex.as_bytes() == b"M" => Sex::Male,
            Some(_) | None => Sex::Unknown,
        }
    }
}

/// A line that no step has denied yet.
#[derive(Debug, Clone)]
pub(super) struct OpenLine<'a> {
    pub line: &'a ServiceLine,
    /// DTP*472, else the statement dates.
    pub dates: Located<DateRange>,
    /// Units left after cuts.
    pub units: Quantity,
    /// The charge of these units.
    pub billed: Money,
    /// One adjustment for each cut.
    pub cuts: Vec<Adjustment>,
    /// What the line takes from an authorization if it is paid.
    pub draws: Option<Draw>,
}

/// What a line takes from an authorized row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Draw {
    Units {
        row: AuthorizationRow,
        units: Quantity,
    },
    /// As many dollars as are allowed, at most these.
    Dollars {
        row: AuthorizationRow,
        left: Money,
    },
}

impl<'a> OpenLine<'a> {
    pub(super) fn new(line: &'a ServiceLine, dates: Located<DateRange>) -> OpenLine<'a> {
        OpenLine {
            line,
            dates,
            units: line.units,
            billed: line.charge,
            cuts: Vec::new(),
            draws: None,
        }
    }
}

/// What the lines before this one have come to.
#[derive(Debug, Clone, Default)]
pub(super) struct SoFar<'a> {
    /// In the order of the claim's lines.
    pub lines: Vec<LineDetermination>,
    pub consumed: Vec<UnitsConsumed>,
    /// The exempt service of the line at hand.
    pub exempted: Option<Box<Exempted>>,
    /// Case rates of this claim, each with what its lines have not taken up.
    case_rates: Vec<(&'a FeeRow, Money)>,
    /// Of each line that has a rate its place and the rate; kept only where lines are compared by it.
    pub rates: Vec<(usize, Money)>,
    /// Of lines by their place, in its order, what is paid of several procedures of a day.
    percents: Vec<(usize, Decimal)>,
}

impl<'a> SoFar<'a> {
    /// Nothing yet, with what is paid of the lines that are among several procedures of a day.
    pub(super) fn paying(percents: Vec<(usize, Decimal)>) -> SoFar<'a> {
        SoFar { percents, ..SoFar::default() }
    }

    /// What is paid of the line at hand as one of several procedures of a day.
    pub(super) fn percent(&self) -> Option<Decimal> {
        let place = self.lines.len();
        let found = self.percents.binary_search_by_key(&place, |(place, _)| *place).ok()?;
        self.percents.get(found).map(|(_, percent)| *percent)
    }

    /// What is left of a case rate: its amount belongs to the claim, and goes to its first lines as far
    /// as their charges hold it.
    pub(super) fn left_of_case(&self, row: &FeeRow, amount: Money) -> Money {
        let taken = self.case_rates.iter().find(|(taken, _)| std::ptr::eq(*taken, row));
        taken.map_or(amount, |(_, left)| *left)
    }

    /// Counts what a line takes up of its case rate.
    pub(super) fn take_of_case(&mut self, row: &'a FeeRow, amount: Money, allowed: Money) {
        let left = self.left_of_case(row, amount) - allowed;
        match self.case_rates.iter_mut().find(|(taken, _)| std::ptr::eq(*taken, row)) {
            Some(entry) => entry.1 = left,
            None => self.case_rates.push((row, left)),
        }
    }

    /// The earlier lines that were not denied, each with its determination.
    pub(super) fn standing<'c>(&'c self, claim: &'c Claim) -> impl Iterator<Item = (&'c ServiceLine, &'c LineDetermination)> {
        let decided = claim.lines.iter().zip(&self.lines);
        decided.filter(|(_, decided)| decided.outcome() != LineOutcome::Denied)
    }

    /// The other lines of the claim on a line's dates: of those before it the ones that were not denied,
    /// those behind it as they are billed, since nothing is decided of them yet.
    pub(super) fn beside<'c>(&'c self, case: &'c Case<'_>, line: &'c OpenLine<'_>) -> impl Iterator<Item = &'c ServiceLine> {
        let before = self.standing(case.claim).map(|(earlier, _)| earlier);
        let behind = case.claim.lines.iter().skip(self.lines.len() + 1);
        before.chain(behind).filter(|other| case.is_same_day(other, line))
    }

    /// Units of a row that earlier lines of this claim consume.
    pub(super) fn consumed_of(&self, row: AuthorizationRow) -> Quantity {
        let of_row = self.consumed.iter().filter(|consumed| consumed.row == row);
        of_row.map(|consumed| consumed.units).sum()
    }
}
