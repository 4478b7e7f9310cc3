//! What adjudication must know beyond the claim: fetched by the pipeline, stored sealed with the
//! decision, so that the decision of then can be run again without today's tables.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::determination::ClaimOutcome;
use crate::claim::Claim;
use crate::claim::party::ProviderRole;
use crate::clock::Timestamp;
use crate::ids::{
    AidCode, AuthorizationNumber, Cin, ClaimId, Form, Modifier, NetworkId, Npi, OhcCode, PlaceOfService, ProcedureCode, RevenueCode, Taxonomy, Tin,
};
use crate::money::{Money, Quantity};
use crate::phi::{Phi, Purpose, sealing};
use crate::tables::code_range::CodeRange;
use crate::tables::period::Period;
use crate::tables::refdata::ReferenceData;
use crate::tables::refdata::authorizations::{Authorization, AuthorizationRow, AuthorizationStatus, AuthorizationType, Authorizations, UnitBasis};
use crate::tables::refdata::filing_exceptions::FilingException;
use crate::tables::refdata::members::{Coverage, Member, Sex};
use crate::tables::refdata::providers::{Provider, ProviderKind};

/// Everything adjudication looks up outside the claim and the rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    pub member: Known<MemberFacts>,
    /// Billing and rendering providers of the claim and the member's assigned primary care providers on
    /// the days of its lines, each NPI once; referring and ordering ones only where a restriction asks for
    /// them, facilities only where some are tertiary centres.
    pub providers: Vec<(Npi, Known<ProviderFacts>)>,
    /// Every authorization row that the claim could use: the rows of the numbers that it names, and
    /// the member's own unless one number stands for the whole claim (and one for its referral, where
    /// there are referrals). `NotLoaded` when authorizations
    /// were never loaded.
    pub authorizations: Known<Vec<AuthorizationFacts>>,
    /// Earlier lines, not denied, that are exactly this claim's lines (DOMAIN E4).
    pub duplicates: Vec<EarlierLine>,
    /// What stands of the claim that REF*F8 names. Looked up for replacements and voids only: `NotLoaded`
    /// where nobody looked, `Unknown` where this member has no such claim.
    pub original: Known<OriginalClaim>,
    /// What was granted for late claims of this member by this billing provider.
    pub filing_exceptions: Vec<FilingException>,
    /// What earlier claims of the member were paid for, of the claim's codes that are counted over months.
    pub services: Vec<EarlierService>,
    /// What other claims of the member say; looked up only where the claim, the rule pack and the tables ask.
    /// Stored behind the decision ([`crate::events::stored`]): most claims ask nobody.
    #[serde(skip)]
    pub others: OtherClaims,
    /// Days on which the member has elected a hospice. Stored behind the decision too.
    #[serde(skip)]
    pub hospice: Vec<Period>,
}

impl Facts {
    /// Looks up everything about a claim but the member's earlier services. `units_used` answers what the
    /// ledger has counted for a row beyond the table's own count; `duplicates` and `original` come from the
    /// ledger too. For a replacement both are those of a ledger without what it replaces.
    pub fn gather(
        claim: &Claim,
        reference: &ReferenceData,
        units_used: &dyn Fn(AuthorizationRow) -> Quantity,
        duplicates: Vec<EarlierLine>,
        original: Known<OriginalClaim>,
    ) -> Facts {
        let on_claim = claim.subscriber.cin.as_ref().map(|cin| cin.expose_for(Purpose::Adjudicate));
        let current = on_claim.map(|cin| reference.current_cin(cin));
        let cin = current.as_ref();
        let member = Known::look_up(reference.members.as_deref(), |members| {
            cin.and_then(|cin| members.find(cin)).map(MemberFacts::of)
        });
        let elected = || Some(hospice(reference.members.as_deref()?.find(cin?)?));
        let exceptions = |npi: Npi| Some(reference.filing_exceptions.as_ref()?.of(cin?, &npi).to_vec());
        Facts {
            providers: providers(claim, reference, member.found()),
            authorizations: match &reference.authorizations {
                None => Known::NotLoaded,
                Some(table) => Known::Found(authorizations(claim, table, &[cin, on_claim], units_used)),
            },
            member,
            duplicates,
            original,
            filing_exceptions: claim.billing_provider.npi.and_then(exceptions).unwrap_or_default(),
            services: Vec::new(),
            others: OtherClaims::default(),
            hospice: match &reference.restrictions {
                Some(restrictions) if restrictions.asks_for_hospice() => elected().unwrap_or_default(),
                Some(_) | None => Vec::new(),
            },
        }
    }

    pub fn provider(&self, npi: Option<Npi>) -> Option<&ProviderFacts> {
        let npi = npi?;
        self.providers
            .iter()
            .find(|(known, _)| *known == npi)
            .and_then(|(_, provider)| provider.found())
    }
}

/// A look-up's answer: the table was never loaded, it has no such row, or the row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Known<T> {
    #[default]
    NotLoaded,
    Unknown,
    Found(T),
}

impl<T> Known<T> {
    fn look_up<Table>(table: Option<&Table>, find: impl FnOnce(&Table) -> Option<T>) -> Known<T> {
        match table {
            None => Known::NotLoaded,
            Some(table) => find(table).map_or(Known::Unknown, Known::Found),
        }
    }

    /// The same answer about something made of the row.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Known<U> {
        match self {
            Known::NotLoaded => Known::NotLoaded,
            Known::Unknown => Known::Unknown,
            Known::Found(found) => Known::Found(make(found)),
        }
    }

    pub fn found(&self) -> Option<&T> {
        match self {
            Known::Found(found) => Some(found),
            Known::NotLoaded | Known::Unknown => None,
        }
    }
}

/// A member's rows of `members.csv`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberFacts {
    #[serde(with = "sealing")]
    pub birth_date: Phi<NaiveDate>,
    pub sex: Sex,
    #[serde(with = "sealing")]
    pub death_date: Phi<Option<NaiveDate>>,
    /// Ordered by `from`.
    pub coverage: Vec<CoverageFacts>,
}

/// One eligibility segment; both ends are covered days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverageFacts {
    #[serde(with = "crate::text_form::day")]
    pub from: NaiveDate,
    #[serde(with = "crate::text_form::optional_day")]
    pub to: Option<NaiveDate>,
    pub aid_code: Option<AidCode>,
    pub network: Option<NetworkId>,
    pub pcp_npi: Option<Npi>,
    pub share_of_cost: Money,
    pub has_other_coverage: bool,
    pub other_coverage_code: Option<OhcCode>,
    #[serde(with = "crate::text_form::optional_day")]
    pub added_on: Option<NaiveDate>,
}

impl MemberFacts {
    fn of(member: Member<'_>) -> MemberFacts {
        MemberFacts {
            birth_date: member.birth_date,
            sex: member.sex,
            death_date: member.death_date,
            coverage: member.coverage().map(CoverageFacts::from).collect(),
        }
    }

    /// The first day of the coverage without a gap that holds a day.
    pub fn enrolled_since(&self, day: NaiveDate) -> Option<NaiveDate> {
        let mut since = self.coverage_on(day)?.from;
        while let Some(earlier) = since
            .pred_opt()
            .and_then(|before| self.coverage_on(before))
            .filter(|earlier| earlier.from < since)
        {
            since = earlier.from;
        }
        Some(since)
    }

    /// The segment that covers a day.
    pub fn coverage_on(&self, day: NaiveDate) -> Option<&CoverageFacts> {
        self.coverage.iter().find(|coverage| coverage.covers(day))
    }
}

impl From<Coverage> for CoverageFacts {
    fn from(coverage: Coverage) -> CoverageFacts {
        CoverageFacts {
            from: coverage.from,
            to: coverage.to,
            aid_code: coverage.aid_code,
            network: coverage.network,
            pcp_npi: coverage.pcp_npi,
            share_of_cost: coverage.share_of_cost,
            has_other_coverage: coverage.has_other_coverage,
            other_coverage_code: coverage.other_coverage_code,
            added_on: coverage.added_on,
        }
    }
}

/// Where a member has elected a hospice.
fn hospice(member: Member<'_>) -> Vec<Period> {
    let elected = member.coverage().filter(|coverage| coverage.is_in_hospice);
    elected.filter_map(|coverage| Period::new(Some(coverage.from), coverage.to)).collect()
}

impl CoverageFacts {
    pub fn covers(&self, day: NaiveDate) -> bool {
        self.from <= day && self.to.is_none_or(|to| day <= to)
    }
}

/// A provider's row of `providers.csv`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderFacts {
    pub tin: Option<Tin>,
    pub group_tin: Option<Tin>,
    pub taxonomy: Option<Taxonomy>,
    pub kind: ProviderKind,
    pub contracted: bool,
    pub group_npi: Option<Npi>,
    /// A tertiary centre.
    pub tertiary: bool,
    /// Enrolment of the NPI: that of a row which holds the claim's first day, where there is one.
    pub enrolled: Period,
}

/// An authorized line with the units used before this claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationFacts {
    pub row: AuthorizationRow,
    pub number: AuthorizationNumber,
    /// The authorization names this claim's member.
    pub is_of_member: bool,
    pub status: AuthorizationStatus,
    pub kind: AuthorizationType,
    pub service: Period,
    /// `None`: any provider.
    pub provider_npi: Option<Npi>,
    /// `None`: any group.
    pub group_tin: Option<Tin>,
    pub codes: CodeRange,
    /// `None`: any modifier.
    pub modifier: Option<Modifier>,
    /// `None`: no limit.
    pub units: Option<Quantity>,
    pub unit_basis: UnitBasis,
    /// Units of the table plus units consumed by earlier decisions.
    pub units_used: Quantity,
    pub notified_at: Option<Timestamp>,
    /// `None`: anywhere.
    pub facility_npi: Option<Npi>,
    /// `None`: any place.
    pub place_of_service: Option<PlaceOfService>,
    /// A family; `None`: any diagnosis.
    pub diagnoses: Option<CodeRange>,
    /// A referral, and no authorization.
    pub is_referral: bool,
}

/// An earlier line that equals one of this claim's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierLine {
    /// LX01 of this claim's line.
    pub line: u16,
    pub earlier_claim: ClaimId,
}

/// A service that an earlier claim of the member was paid for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierService {
    pub claim: ClaimId,
    pub procedure: Option<ProcedureCode>,
    pub revenue: Option<RevenueCode>,
    #[serde(with = "crate::text_form::day")]
    pub day: NaiveDate,
    /// Units paid.
    pub units: Quantity,
}

/// What other claims of the member say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherClaims {
    /// What they have of the claim's days, with the same payee.
    pub same_day: Vec<DayService>,
    /// What they took off as the member's share of cost of the month.
    pub share_of_cost: Money,
    /// Stays in the months of service.
    pub stays: Vec<Stay>,
}

/// A stay in a hospital or nursing facility that was paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stay {
    pub claim: ClaimId,
    pub billing_npi: Option<Npi>,
    #[serde(with = "crate::text_form::day")]
    pub from: NaiveDate,
    #[serde(with = "crate::text_form::day")]
    pub through: NaiveDate,
}

/// A procedure of another claim of the member to the same payee, paid or waiting for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayService {
    pub claim: ClaimId,
    pub form: Form,
    pub billing_npi: Option<Npi>,
    pub procedure: ProcedureCode,
    pub modifiers: [Option<Modifier>; 4],
    #[serde(with = "crate::text_form::day")]
    pub from: NaiveDate,
    #[serde(with = "crate::text_form::day")]
    pub through: NaiveDate,
    /// Otherwise it waits for a person.
    pub is_paid: bool,
    /// Units paid.
    pub units: Quantity,
}

/// The claim that a replacement or void is about: the one that REF*F8 names, or where that was replaced
/// before, what replaced it last. Always a claim of the same member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginalClaim {
    pub claim: ClaimId,
    pub version: u16,
    /// Day of its decision in the payer's time zone.
    #[serde(with = "crate::text_form::day")]
    pub decided_on: NaiveDate,
    /// Day of receipt of the claim at the beginning, which this one and those between replaced.
    #[serde(with = "crate::text_form::day")]
    pub filed_on: NaiveDate,
    pub outcome: ClaimOutcome,
    pub paid: Money,
    /// Billed under the same NPI and tax number: what it gives back comes from who has it.
    pub is_of_same_payee: bool,
    /// It was voided: nothing of it stands.
    pub is_voided: bool,
}

/// What holds for the whole claim but stands outside it: envelope and receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Calendar date of receipt in the payer's time zone (DOMAIN B7).
    #[serde(with = "crate::text_form::day")]
    pub received_on: NaiveDate,
    /// BHT06 = RP: an encounter, recorded and not paid.
    pub is_encounter: bool,
}

impl From<&Provider> for ProviderFacts {
    fn from(provider: &Provider) -> ProviderFacts {
        ProviderFacts {
            tin: provider.tin,
            group_tin: provider.group_tin,
            taxonomy: provider.taxonomy,
            kind: provider.kind,
            contracted: provider.contracted,
            group_npi: provider.group_npi,
            tertiary: provider.tertiary,
            enrolled: provider.enrolled,
        }
    }
}

impl AuthorizationFacts {
    fn of(row: Authorization, cins: &[Option<&Cin>], used_since: Quantity) -> AuthorizationFacts {
        AuthorizationFacts {
            row: row.row,
            is_of_member: cins.iter().flatten().any(|cin| row.is_of(cin)),
            number: row.number,
            status: row.status,
            kind: row.kind,
            service: row.service,
            provider_npi: row.provider_npi,
            group_tin: row.group_tin,
            codes: row.codes,
            modifier: row.modifier,
            units: row.units,
            unit_basis: row.unit_basis,
            units_used: row.units_used + used_since,
            notified_at: row.notified_at,
            facility_npi: row.facility_npi,
            place_of_service: row.place_of_service,
            diagnoses: row.diagnoses,
            is_referral: row.is_referral,
        }
    }
}

/// The providers that a step may ask about. A provider under several TINs is the one of the billing
/// TIN.
fn providers(claim: &Claim, reference: &ReferenceData, member: Option<&MemberFacts>) -> Vec<(Npi, Known<ProviderFacts>)> {
    // A member's provider may change within a claim: each line is judged by that of its own day.
    let primary_care = claim.lines.iter().filter_map(|line| {
        let day = claim.service_dates(line)?.value.from;
        member?.coverage_on(day)?.pcp_npi
    });
    let rendering = claim.lines.iter().map(|line| claim.rendering_npi(line));
    let mut found: Vec<(Npi, Known<ProviderFacts>)> = Vec::with_capacity(3);
    let asks_who_referred = reference.restrictions.as_ref().is_some_and(|restrictions| restrictions.asks_who_referred());
    let asks_where = reference.providers.as_ref().is_some_and(|providers| providers.has_tertiary());
    let of_lines = claim.lines.iter().flat_map(|line| &line.providers);
    let referring = (claim.providers.iter().chain(of_lines))
        .filter(|provider| match provider.role {
            ProviderRole::Referring | ProviderRole::Ordering => asks_who_referred,
            ProviderRole::ServiceFacility => asks_where,
            _ => false,
        })
        .map(|provider| provider.npi);
    for npi in [claim.billing_provider.npi]
        .into_iter()
        .chain(primary_care.map(Some))
        .chain(rendering)
        .chain(referring)
        .flatten()
    {
        if found.iter().all(|(known, _)| *known != npi) {
            let tin = claim.billing_provider.tin.as_ref();
            let facts = Known::look_up(reference.providers.as_deref(), |table| {
                let facts = table.find_under(&npi, tin).map(ProviderFacts::from)?;
                let first_day = claim.dates().map(|dates| dates.from);
                let mut enrolments = table.find(&npi).iter().map(|row| row.enrolled);
                let enrolled = enrolments.find(|enrolled| first_day.is_some_and(|day| enrolled.covers(day)));
                Some(ProviderFacts {
                    enrolled: enrolled.unwrap_or(facts.enrolled),
                    ..facts
                })
            });
            found.push((npi, facts));
        }
    }
    found
}

/// `cins` are the member's id of today and the one on the claim: an authorization may be on either.
fn authorizations(claim: &Claim, table: &Authorizations, cins: &[Option<&Cin>], units_used: &dyn Fn(AuthorizationRow) -> Quantity) -> Vec<AuthorizationFacts> {
    let named = claim.prior_authorization.iter().chain(claim.lines.iter().flat_map(|line| &line.authorizations));
    let mut found: Vec<AuthorizationFacts> = Vec::new();
    let mut take = |row: Authorization| {
        if found.iter().all(|known| known.row != row.row) {
            let used_since = units_used(row.row);
            found.push(AuthorizationFacts::of(row, cins, used_since));
        }
    };
    for number in named {
        table.by_number(&number.value).for_each(&mut take);
    }
    let asks_for_referrals = table.has_referrals();
    if let Some(referral) = claim.referral.as_ref().filter(|_| asks_for_referrals) {
        table.by_number(&AuthorizationNumber::new(referral.value.as_str())).for_each(&mut take);
    }
    let names_all = claim.prior_authorization.is_some() && (claim.referral.is_some() || !asks_for_referrals);
    if !names_all {
        cins.iter().flatten().for_each(|cin| table.of_member(cin).for_each(&mut take));
    }
    found
}
