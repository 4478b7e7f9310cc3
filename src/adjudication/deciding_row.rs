//! The table row that decided a step, with the version of its table: found again when a decision is told.

use compact_str::{CompactString, format_compact};

use super::case::{Case, Draw, OpenLine, SoFar};
use super::rule_id::RuleId;
use super::trace::{Rule, TableRow};
use super::{authorization_needs, billing_restrictions, pricing, routing};
use crate::tables::code_range::CodeRange;
use crate::tables::period::Period;
use crate::tables::refdata::ReferenceTable;
use crate::tables::refdata::filing_limits::FilingLimit;
use crate::tables::refdata::networks::NetworkRow;
use crate::tables::refdata::prior_auth_codes::PriorAuthCode;

/// How an entry of the rule pack is told.
const PACK: &str = "rule pack";

/// The row of a step about the claim as a whole.
pub(super) fn of_claim(id: RuleId, case: &Case<'_>) -> Option<TableRow> {
    match id.step() {
        Rule::Routing => routing::deciding_row(case, None).map(|row| network(case, row)),
        Rule::MemberBilling => case.coverage.map(|_| of_table(case, ReferenceTable::Members, None, Period::default())),
        Rule::PromptPay => Some(of_pack(case, "prompt_pay".into())),
        Rule::FraudSignals => match id {
            RuleId::FraudHours => Some(of_pack(case, "fraud_signals.timed".into())),
            RuleId::FraudDuplicates => Some(of_pack(case, "fraud_signals.repeats".into())),
            _ => None,
        },
        Rule::Coordination => Some(of_pack(case, "coordination.qualified_beneficiaries".into())),
        Rule::Encounter
        | Rule::Replacement
        | Rule::Eligibility
        | Rule::TimelyFiling
        | Rule::Restriction
        | Rule::Duplicate
        | Rule::PriorAuthorization
        | Rule::CodePair
        | Rule::UnitLimit
        | Rule::FeeSchedule => None,
    }
}

/// The row of a step of a line.
pub(super) fn of_line(id: RuleId, case: &Case<'_>, line: &OpenLine<'_>, so_far: &SoFar<'_>, draws: Option<Draw>) -> Option<TableRow> {
    let member = || {
        case.facts
            .member
            .found()
            .map(|_| of_table(case, ReferenceTable::Members, None, Period::default()))
    };
    match id.step() {
        Rule::Eligibility => member(),
        Rule::TimelyFiling => match id {
            RuleId::FilingRetroactive => member(),
            RuleId::FilingDelayReason | RuleId::FilingDelayUnproved => Some(of_pack(case, "timely_filing.delay_reasons".into())),
            // What would name a row names a member.
            RuleId::FilingMisdirected | RuleId::FilingGoodCause => Some(of_table(case, ReferenceTable::FilingExceptions, None, Period::default())),
            _ => case.filing_limit.map(|limit| filing_limit(case, limit)),
        },
        Rule::Coordination => match id {
            RuleId::PaidFirst => Some(of_pack(case, "exemption".into())),
            RuleId::PriorPayment | RuleId::OtherPayerDecided => None,
            _ => member(),
        },
        Rule::Restriction => billing_restrictions::deciding_row(case, line, so_far)
            .map(|row| of_table(case, ReferenceTable::Restrictions, Some(row.rule_id.clone()), row.effective)),
        Rule::Duplicate => (id == RuleId::DuplicateDistinct).then(|| of_pack(case, "duplicate.distinct_modifiers".into())),
        Rule::PriorAuthorization => authorization(id, case, line, draws),
        Rule::FeeSchedule if id == RuleId::FeeMultiplied => Some(of_pack(case, "pricing.multipliers".into())),
        Rule::FeeSchedule if id == RuleId::FeeMultiple => Some(of_pack(case, "pricing.multiple_procedures".into())),
        Rule::FeeSchedule if id == RuleId::FeeLate => Some(of_pack(case, "pricing.late_filing".into())),
        Rule::FeeSchedule => pricing::deciding_row(case, line).map(|row| {
            let code = row.code.map_or_else(|| "*".into(), |code| code.to_string());
            let modifier = row.modifier.map(|modifier| format_compact!(":{modifier}")).unwrap_or_default();
            let name = format_compact!("{} {code}{modifier}", row.code_type.as_str());
            of_table(case, ReferenceTable::FeeSchedule, Some(name), row.effective)
        }),
        Rule::CodePair => published(
            case,
            line,
            ReferenceTable::NcciPairs,
            matches!(id, RuleId::CodePair | RuleId::CodePairEarlier | RuleId::CodePairParted),
        ),
        Rule::UnitLimit => published(case, line, ReferenceTable::UnitLimits, id == RuleId::UnitsAbove),
        Rule::Routing => routing::deciding_row(case, Some(line.line)).map(|row| network(case, row)),
        Rule::Encounter | Rule::Replacement | Rule::MemberBilling | Rule::PromptPay | Rule::FraudSignals => None,
    }
}

/// An edit of a published table is named by the line's procedure.
fn published(case: &Case<'_>, line: &OpenLine<'_>, table: ReferenceTable, has_decided: bool) -> Option<TableRow> {
    let procedure = line.line.procedure.as_ref().filter(|_| has_decided)?;
    Some(of_table(case, table, Some(format_compact!("{procedure}")), Period::default()))
}

/// The entry of the list that asks for an authorization, the pack's entry that excuses from it, or the
/// authorization that was drawn on: told by the row's own id, not by its number.
fn authorization(id: RuleId, case: &Case<'_>, line: &OpenLine<'_>, draws: Option<Draw>) -> Option<TableRow> {
    let entry = match id {
        RuleId::PrimaryCare | RuleId::PrimaryCareGroup => "prior_authorization.primary_care",
        RuleId::Consult => "prior_authorization.initial_consults",
        RuleId::HighLevelVisit => "prior_authorization.new_authorization",
        RuleId::OpenNetwork => "prior_authorization.open_networks",
        RuleId::CheapRepair => "prior_authorization.wheelchair_repairs",
        RuleId::UnlistedCode => "prior_authorization.unlisted",
        RuleId::ScheduledStay => "prior_authorization.scheduled_admissions",
        RuleId::TertiaryCentre => "prior_authorization.tertiary_elective",
        RuleId::OutOfNetworkService => "prior_authorization.out_of_network",
        RuleId::EmergencyNotice => "prior_authorization.emergency_admissions",
        RuleId::HealthAssessment => "prior_authorization.health_assessment",
        RuleId::AuthorizedUnits | RuleId::AuthorizedDays | RuleId::Referred | RuleId::FollowUp if draws.is_some() => {
            let (Draw::Units { row, .. } | Draw::Dollars { row, .. }) = line.draws?;
            let known = case.facts.authorizations.found()?.iter().find(|known| known.row == row)?;
            let name = format_compact!("{:016x}", row.as_u64());
            return Some(of_table(case, ReferenceTable::Authorizations, Some(name), known.service));
        }
        RuleId::FollowUp => "prior_authorization.follow_ups",
        _ => match id.as_str().strip_prefix("PA-") {
            Some(name) if RuleId::of_exemption(name) == id && id != RuleId::ExemptOther => {
                return Some(of_pack(case, format_compact!("exemption {name}")));
            }
            _ => return authorization_needs::list_row(case, line).map(|row| listed(case, row)),
        },
    };
    Some(of_pack(case, entry.into()))
}

fn listed(case: &Case<'_>, row: &PriorAuthCode) -> TableRow {
    of_table(case, ReferenceTable::PriorAuthCodes, Some(range(row.codes)), row.effective)
}

fn network(case: &Case<'_>, row: &NetworkRow) -> TableRow {
    let network = row.network.map_or_else(|| "*".into(), |network| network.to_string());
    let form = row.form.map_or_else(|| "*".into(), |form| form.to_string());
    let codes = row.codes.map(|(code_type, codes)| format_compact!(" {} {}", code_type.as_str(), range(codes)));
    let name = format_compact!("{network} {form}{}", codes.unwrap_or_default());
    of_table(case, ReferenceTable::Networks, Some(name), row.effective)
}

fn filing_limit(case: &Case<'_>, limit: &FilingLimit) -> TableRow {
    let network = limit.network.map_or_else(|| "*".into(), |network| network.to_string());
    let contract = match limit.contracted {
        None => "any contract",
        Some(true) => "contracted",
        Some(false) => "not contracted",
    };
    of_table(
        case,
        ReferenceTable::FilingLimits,
        Some(format_compact!("{network} {contract}")),
        limit.received,
    )
}

fn range(codes: CodeRange) -> CompactString {
    match codes.ends() {
        None => "*".into(),
        Some((from, to)) if from == to => format_compact!("{from}"),
        Some((from, to)) => format_compact!("{from}-{to}"),
    }
}

fn of_table(case: &Case<'_>, table: ReferenceTable, row: Option<CompactString>, effective: Period) -> TableRow {
    let content = case.tables.reference.contents().iter().find(|content| content.table == table);
    TableRow {
        table: table.file_name(),
        row,
        effective,
        digest: content.and_then(|content| content.digest),
    }
}

fn of_pack(case: &Case<'_>, entry: CompactString) -> TableRow {
    TableRow {
        table: PACK,
        row: Some(entry),
        effective: Period::default(),
        digest: Some(case.tables.rules.digest()),
    }
}
