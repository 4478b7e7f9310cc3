//! From a position to its claim: who, when, where; what is billed is the forms' own business.

use chrono::{Days, NaiveDate};

use super::claim::{Authorization, Claim, Line, Setting};
use super::draw::{Draw, Stream};
use super::members::{Member, Membership, member, unknown_cin};
use super::plan::{Place, Plan, Purpose};
use super::providers::{Organization, Practitioner, Role, assigned, billing, lapsed, other_organization, tertiary, uncontracted, with_wrong_check_digit};
use super::recipe::Recipe;
use super::restricted::{COLUMN_ONE, COLUMN_TWO, FEW_OF_A_DAY, FEW_OF_A_LINE};
use super::scenario::{Defect, Grant, Scenario, defect, position};
use super::services::{LISTED_PROCEDURES, OTHER_ROOM_CODE, Procedure};
use super::{institutional, professional};
use crate::ids::Form;
use crate::money::Money;

/// Makes any claim of a recipe.
#[derive(Debug, Clone)]
pub(super) struct Maker<'a> {
    recipe: &'a Recipe,
    plan: Plan<'a>,
    membership: Membership,
    seed_tag: String,
}

/// What is settled about a claim before its services are chosen.
#[derive(Debug, Clone)]
pub(super) struct Visit<'a> {
    pub recipe: &'a Recipe,
    pub place: Place,
    pub scenario: Option<Scenario>,
    pub draw: Draw,
    pub stem: String,
    pub member: Member,
    pub member_id: String,
    pub organization: Organization,
    /// The service date, or the last day of a stay.
    pub date: NaiveDate,
    /// The date a late line of this claim has.
    pub late_date: NaiveDate,
}

impl<'a> Maker<'a> {
    pub(super) fn new(recipe: &'a Recipe) -> Maker<'a> {
        Maker {
            recipe,
            plan: Plan::new(recipe),
            membership: Membership::of(recipe),
            seed_tag: recipe.seed_tag(),
        }
    }

    pub(super) fn plan(&self) -> &Plan<'a> {
        &self.plan
    }

    /// All claims in file order, form by form.
    pub(super) fn claims(&self) -> impl Iterator<Item = Claim> + '_ {
        let forms = self.recipe.form().forms().iter();
        forms.flat_map(|form| (0..self.plan.claims_of(*form)).map(|of_form| self.claim(*form, of_form)))
    }

    /// The claim of a form at a position counted from 0.
    pub(super) fn claim(&self, form: Form, of_form: u64) -> Claim {
        let place = self.plan.place(form, of_form);
        let defect = match place.purpose {
            Purpose::Chargeable => defect(self.recipe, form, of_form),
            Purpose::Reporting => None,
        };
        match defect.map(|defect| defect.scenario) {
            Some(scenario @ (Scenario::Duplicate | Scenario::SuspectDuplicate)) => self.duplicate(place, scenario),
            Some(_) | None => made(
                defect
                    .and_then(|defect| self.following(place, defect))
                    .unwrap_or_else(|| self.visit(place, defect)),
            ),
        }
    }

    /// The last sound claim before this one, sent again under another control number; a suspect asks more.
    fn duplicate(&self, place: Place, scenario: Scenario) -> Claim {
        let original = (0..place.of_form)
            .rev()
            .find(|earlier| defect(self.recipe, place.form, *earlier).is_none())
            .unwrap_or(0);
        let mut original = made(self.visit(self.plan.place(place.form, original), None));
        if scenario == Scenario::SuspectDuplicate {
            original.lines.iter_mut().for_each(|line| line.charge += Money::from_cents(700));
        }
        Claim {
            place,
            scenario,
            stem: self.stem(place),
            authorizations: Vec::new(),
            ..original
        }
        .decided(0, 0)
    }

    /// A visit that follows that of an earlier claim. Where that claim only reports, this one is in its place.
    fn following(&self, place: Place, defect: Defect) -> Option<Visit<'a>> {
        let first = Defect {
            scenario: defect.scenario.follows()?,
            ..defect
        };
        let earlier = self.plan.place(place.form, position(self.recipe, place.form, first)?);
        Some(match earlier.purpose {
            Purpose::Chargeable => Visit {
                place,
                scenario: Some(defect.scenario),
                stem: self.stem(place),
                ..self.visit(earlier, Some(first))
            },
            Purpose::Reporting => self.visit(place, Some(first)),
        })
    }

    fn visit(&self, place: Place, defect: Option<Defect>) -> Visit<'a> {
        let (number, day) = self.membership.visit(self.recipe, place, defect);
        let mut member = member(self.recipe, self.membership, number);
        if defect.is_some_and(|defect| defect.scenario == Scenario::BirthDateDiffers) {
            member.birth_date = member.birth_date.pred_opt().unwrap_or(member.birth_date);
        }
        let member_id = match defect {
            Some(Defect {
                scenario: Scenario::UnknownMember,
                occurrence,
            }) => unknown_cin(self.recipe, self.membership, occurrence),
            Some(_) | None => member.cin.clone(),
        };
        // Beyond every filing limit here, and again a day that only this claim of the member has.
        let late_date = self.recipe.days_before(415 + day);
        let date = match defect.map(|defect| defect.scenario) {
            Some(
                Scenario::LateClaim
                | Scenario::DelayUnproved
                | Scenario::DelayRefused
                | Scenario::DelayExcused
                | Scenario::Misdirected
                | Scenario::GoodCause
                | Scenario::OtherPayerLate
                | Scenario::GraceGranted
                | Scenario::RetroactiveCoverage
                | Scenario::ContractLimit,
            ) => late_date,
            Some(Scenario::FutureDate) => self.recipe.anchor().checked_add_days(Days::new(3 * 365 + day)).unwrap_or(NaiveDate::MAX),
            Some(_) | None => self.recipe.days_before(day),
        };
        Visit {
            recipe: self.recipe,
            place,
            scenario: defect.map(|defect| defect.scenario),
            draw: Draw::new(self.recipe.seed() ^ u64::from(place.form == Form::Institutional), Stream::Claim, place.of_form),
            stem: self.stem(place),
            member,
            member_id,
            organization: match defect.map(|defect| defect.scenario) {
                Some(Scenario::OutOfNetwork | Scenario::OutsideNetwork | Scenario::HealthCenter | Scenario::IndianHealth) => {
                    uncontracted(self.recipe, place.form)
                }
                Some(Scenario::NotEnrolled) => lapsed(self.recipe, place.form),
                Some(Scenario::TertiaryVisit) => tertiary(self.recipe, place.form),
                Some(_) | None => billing(self.recipe, place.form, place.of_form),
            },
            date,
            late_date,
        }
    }

    fn stem(&self, place: Place) -> String {
        let form = match place.form {
            Form::Professional => 'P',
            Form::Institutional => 'I',
        };
        format!("{}{form}{:08}", self.seed_tag, place.of_form + 1)
    }
}

fn made(visit: Visit<'_>) -> Claim {
    match visit.place.form {
        Form::Professional => professional::made(visit),
        Form::Institutional => institutional::made(visit),
    }
}

impl Visit<'_> {
    /// What a provider asks for one unit: usually above the fee, in whole dollars; now and then below.
    pub(super) fn asks(&mut self, fee: Money) -> Money {
        let cents = fee.cents().max(3_500 * i64::from(fee.is_zero()));
        let percent = if self.draw.one_in(16) {
            80
        } else {
            125 + i64::try_from(self.draw.below(90)).unwrap_or(0)
        };
        let dollars = (cents * percent / 10_000).max(1) + i64::from(percent > 100);
        let odd_cents = if self.draw.one_in(8) { 50 } else { 0 };
        Money::from_cents(dollars * 100 + odd_cents)
    }

    pub(super) fn line(&mut self, procedure: &Procedure, units: u32) -> Line {
        let unit_charge = self.asks(procedure.fee());
        Line::of(procedure, units, unit_charge, self.date)
    }

    /// What bears on a coding edit: the second of two lines is denied, cut, or told apart by its modifier.
    pub(super) fn coding_edit_lines(&mut self, scenario: Scenario) -> (Vec<Line>, Subject) {
        match scenario {
            Scenario::UnitsOfLine => {
                let (procedure, most) = FEW_OF_A_LINE;
                let line = self.line(&procedure, most + 3);
                let subject = Subject {
                    units_left: most,
                    ..Subject::default()
                };
                (vec![line], subject)
            }
            Scenario::UnitsOfDay => {
                let (procedure, most) = FEW_OF_A_DAY;
                let lines = vec![self.line(&procedure, most - 1), self.line(&procedure, most)];
                let subject = Subject {
                    units_left: 1,
                    ..Subject::line(1)
                };
                (lines, subject)
            }
            _ => {
                let modifier = if scenario == Scenario::PartedPair { "59" } else { "" };
                let lines = vec![self.line(&COLUMN_ONE, 1), self.line(&COLUMN_TWO, 1).with_modifier(modifier)];
                (lines, Subject::line(1))
            }
        }
    }

    pub(super) fn units(&mut self, most: u32) -> u32 {
        1 + u32::try_from(self.draw.below(u64::from(most))).unwrap_or(0)
    }

    /// `count` different items, in an order of the claim's own. The length of `items` must be a prime
    /// or the items repeat early; they are then fewer, never twice.
    pub(super) fn several<T: Copy + PartialEq>(&mut self, items: &[T], count: usize) -> Vec<T> {
        let length = items.len().max(1);
        let start = usize::try_from(self.draw.below(length as u64)).unwrap_or(0);
        let step = 1 + usize::try_from(self.draw.below(length as u64 - 1)).unwrap_or(0);
        let mut chosen = Vec::with_capacity(count);
        for turn in 0..count.min(length) {
            match items.get((start + turn * step) % length) {
                Some(item) if !chosen.contains(item) => chosen.push(*item),
                Some(_) | None => break,
            }
        }
        chosen
    }

    /// An approved authorization for the whole of a line; scenarios change one thing about it.
    pub(super) fn authorization(&self, provider_npi: &str, code: &'static str, units: u32) -> Authorization {
        Authorization {
            number: format!("A{}", self.stem),
            cin: self.member.cin.clone(),
            status: "approved",
            kind: "service",
            service_from: self.date.checked_sub_days(Days::new(30)).unwrap_or(self.date),
            service_to: self.date.checked_add_days(Days::new(60)).unwrap_or(self.date),
            provider_npi: provider_npi.to_string(),
            group_tin: self.organization.tin.clone(),
            code,
            units,
            unit_basis: "unit",
            units_used: 0,
            is_referral: false,
            notified_on: None,
        }
    }

    /// The authorization number of the claim and its rows, with the scenario's one defect. `own` is
    /// sound; `stranger` is someone elsewhere who could have been authorized instead.
    pub(super) fn authorized(&self, scenario: Scenario, own: Authorization, stranger: &str, units_left: u32) -> (Option<String>, Vec<Authorization>) {
        let number = own.number.clone();
        let row = match scenario.grant() {
            Grant::Sound => own,
            Grant::Missing => return (None, Vec::new()),
            Grant::UnknownNumber => return (Some(format!("X{}", self.stem)), Vec::new()),
            Grant::Denied => Authorization { status: "denied", ..own },
            Grant::Cancelled => Authorization { status: "cancelled", ..own },
            Grant::OtherProvider => Authorization {
                provider_npi: stranger.to_string(),
                group_tin: other_organization(self.recipe, &self.organization).tin,
                ..own
            },
            Grant::OtherCode => Authorization {
                code: another_listed(own.code),
                ..own
            },
            Grant::OutsideDates => Authorization {
                service_from: self.recipe.days_before(400),
                service_to: self.recipe.days_before(200),
                ..own
            },
            Grant::OtherMember => Authorization {
                cin: unknown_cin(self.recipe, Membership::of(self.recipe), self.place.of_all),
                ..own
            },
            Grant::UnitsShort => Authorization { units: units_left, ..own },
            Grant::UsedUp => Authorization { units_used: own.units, ..own },
            Grant::OtherLevel => Authorization { code: OTHER_ROOM_CODE, ..own },
            Grant::LateNotice => Authorization {
                notified_on: own.notified_on.and_then(|day| day.checked_add_days(Days::new(3))),
                ..own
            },
        };
        (Some(number), vec![row])
    }

    /// The claim of these services, decided.
    pub(super) fn claim(self, scenario: Scenario, role: Role, setting: Setting, diagnoses: Vec<&'static str>, lines: Vec<Line>, subject: Subject) -> Claim {
        let practitioner = match self.member.pcp.filter(|_| scenario == Scenario::AssignedProvider) {
            Some(number) => assigned(number),
            None => self.organization.practitioner(role),
        };
        let npi = match scenario == Scenario::PractitionerCheckDigit {
            true => with_wrong_check_digit(&practitioner.npi),
            false => practitioner.npi,
        };
        Claim {
            place: self.place,
            scenario,
            stem: self.stem,
            member: self.member,
            member_id: self.member_id,
            organization: self.organization,
            practitioner: Practitioner { npi, ..practitioner },
            setting,
            frequency: match scenario {
                Scenario::ReplacementWithoutOriginal | Scenario::ReplacementOfNothing => "7",
                Scenario::VoidOfNothing => "8",
                _ => "1",
            },
            original_number: match scenario {
                Scenario::ReplacementOfNothing | Scenario::VoidOfNothing => Some("C000000000000000000".to_string()),
                _ => None,
            },
            diagnoses,
            authorization_number: subject.authorization.0,
            authorizations: subject.authorization.1,
            referral_number: None,
            patient_paid: None,
            share_of_cost: Money::ZERO,
            prior_payment: None,
            lines,
        }
        .decided(subject.line, subject.units_left)
    }
}

/// The line a scenario is about, and its authorization.
#[derive(Debug, Clone, Default)]
pub(super) struct Subject {
    pub line: usize,
    pub units_left: u32,
    pub authorization: (Option<String>, Vec<Authorization>),
}

impl Subject {
    pub(super) fn line(line: usize) -> Subject {
        Subject { line, ..Subject::default() }
    }
}

fn another_listed(code: &str) -> &'static str {
    LISTED_PROCEDURES
        .iter()
        .map(|listed| listed.code)
        .find(|listed| *listed != code)
        .unwrap_or_default()
}
