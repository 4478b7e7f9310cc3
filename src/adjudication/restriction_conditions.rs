//! Whether the condition of a restriction holds for a line (DOMAIN D2), kind by kind.
//!
//! What is not known (a birth date, a place of an institutional line, a form that has no such element)
//! fails no condition: a line is denied for what its claim says, never for what nobody knows.

use chrono::{Datelike, Months, NaiveDate};

use super::billing_restrictions::{for_each_diagnosis, same_day_units};
use super::case::{Case, OpenLine, SoFar};
use super::exemptions;
use super::facts::{Known, ProviderFacts};
use super::{frequency, pricing, status_conditions};
use crate::claim::diagnosis::{Diagnosis, DiagnosisKind};
use crate::claim::institutional::InstitutionalClaim;
use crate::claim::party::{Provider, ProviderRole};
use crate::ids::{Npi, Qualifier};
use crate::money::Quantity;
use crate::phi::Purpose;
use crate::tables::code_range::CodeKey;
use crate::tables::refdata::CodeType;
use crate::tables::refdata::members::Sex;
use crate::tables::refdata::restrictions::{
    AdmissionCondition, AidCodeCondition, CalendarPart, CodeRanges, ModifierCondition, NdcCondition, Referral, ReferralRole, Restriction, RestrictionKind,
    TelehealthCondition,
};
use crate::x12::element::DateRange;

/// Whether a row's condition holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Condition {
    Met,
    /// Not met.
    Failed,
    /// Not met by the units above this number.
    Over(Quantity),
    /// Needs what is not at hand, which this names.
    Unknown(&'static str),
}

impl From<bool> for Condition {
    fn from(holds: bool) -> Condition {
        if holds { Condition::Met } else { Condition::Failed }
    }
}

/// What a row says of a line.
pub(super) fn condition(case: &Case<'_>, line: &OpenLine<'_>, so_far: &SoFar<'_>, row: &Restriction) -> Condition {
    let day = line.dates.value.from;
    let procedure = line.line.procedure.as_ref();
    let holds = match &row.kind {
        RestrictionKind::Age { min_years, max_years } => case
            .age_on(day)
            .is_none_or(|age| min_years.is_none_or(|min| min <= age) && max_years.is_none_or(|max| age <= max)),
        RestrictionKind::Sex(sex) => case.sex() == *sex || case.sex() == Sex::Unknown,
        RestrictionKind::PlaceOfService { allow } => case.claim.place_of_service(line.line).is_none_or(|place| allow.contains(&place)),
        RestrictionKind::Taxonomy { allow_prefix } => {
            let on_record = || case.rendering(line.line).1.and_then(|provider| provider.taxonomy);
            let taxonomy = case.claim.rendering_taxonomy().or_else(on_record);
            taxonomy.is_none_or(|taxonomy| begins_with_any(taxonomy.as_str(), allow_prefix))
        }
        RestrictionKind::Modifier(ModifierCondition::RequireAny(any)) => line.line.modifiers().any(|modifier| any.contains(&modifier)),
        RestrictionKind::Modifier(ModifierCondition::Forbid(none)) => !line.line.modifiers().any(|modifier| none.contains(&modifier)),
        RestrictionKind::Diagnosis { require_prefix } => for_each_diagnosis(case.claim, line.line, &mut |code| {
            require_prefix.iter().any(|prefix| code.starts_with(prefix.as_bytes()))
        }),
        RestrictionKind::UnitsPerLine { max } => return at_most(line.units, *max),
        RestrictionKind::UnitsPerDay { max } => {
            let of_span = max.each_day(line.dates.value.days());
            return at_most(line.units, of_span.less(same_day_units(case, line, so_far)));
        }
        RestrictionKind::Frequency { max, months } => {
            let left = frequency::units_left(case, line, so_far, row, *max, *months);
            return left.map_or(Condition::Unknown("only procedures and revenue codes are counted"), |left| {
                at_most(line.units, left)
            });
        }
        RestrictionKind::NonCovered => false,
        RestrictionKind::BillType { allow_prefix } => bill_type(case).is_none_or(|bill_type| begins_with_any(&bill_type, allow_prefix)),
        RestrictionKind::PatientStatus { allow } => {
            let status = case.claim.institutional().and_then(|claim| claim.patient_status);
            status.is_none_or(|status| allow.contains(&status))
        }
        RestrictionKind::ReferringOrdering(referral) => return referred(case, line, referral),
        RestrictionKind::RevenueNeedsProcedure(procedures) => procedure.is_some_and(|code| procedures.is_empty() || procedures.contains(code.as_bytes())),
        RestrictionKind::Bundled { into } => !beside_any(case, line, so_far, into),
        RestrictionKind::MutuallyExclusive { with } => {
            let mut earlier = so_far.standing(case.claim).map(|(earlier, _)| earlier);
            !earlier.any(|earlier| case.is_same_day(earlier, line) && is_any(earlier.procedure.as_ref(), with))
        }
        RestrictionKind::AddOn { primary } => beside_any(case, line, so_far, primary),
        RestrictionKind::Ndc(ndc) => has_drug(line, ndc),
        RestrictionKind::Unlisted => line.line.has_description,
        RestrictionKind::Attachment { with_control } => case.claim.has_attachment || (!with_control && case.claim.attachment_without_control.is_some()),
        RestrictionKind::Newborn { months_after } => is_newborn_covered(case, day, *months_after),
        RestrictionKind::Clia => case.claim.professional().is_none() || line.line.has_clia || case.claim.has_clia,
        RestrictionKind::Telehealth(telehealth) => is_telehealth_allowed(case, line, telehealth),
        RestrictionKind::PresentOnAdmission(admission) => {
            let inpatient = case.claim.institutional().filter(|claim| claim.is_inpatient());
            inpatient.is_none_or(|_| are_indicated(case, row, admission))
        }
        RestrictionKind::Span { within } => stays_within(span(case, line), *within),
        RestrictionKind::AidCode(aid_code) => has_aid_code(case, day, aid_code),
        RestrictionKind::OutOfNetwork => return in_network(case, line),
        RestrictionKind::FeeListed => pricing::is_listed(case, line),
        RestrictionKind::Enrolled(role) => return status_conditions::enrolled(case, line, *role),
        RestrictionKind::Readmission { days } => !status_conditions::is_readmission(case, *days),
        RestrictionKind::Hospice { unless_modifier } => status_conditions::is_beside_hospice(case, line, unless_modifier),
    };
    holds.into()
}

fn at_most(units: Quantity, max: Quantity) -> Condition {
    if units <= max { Condition::Met } else { Condition::Over(max) }
}

fn begins_with_any(text: &str, prefixes: &[compact_str::CompactString]) -> bool {
    prefixes.iter().any(|prefix| text.starts_with(prefix.as_str()))
}

/// Facility and frequency as one, `131`; professional claims have none.
fn bill_type(case: &Case<'_>) -> Option<String> {
    let facility = case.claim.institutional()?.facility_type?;
    let frequency = case.claim.frequency.as_ref().map_or("", Qualifier::as_str);
    Some(format!("{}{frequency}", facility.as_str()))
}

fn is_any(procedure: Option<&crate::ids::ProcedureCode>, codes: &CodeRanges) -> bool {
    procedure.is_some_and(|code| codes.contains(code.as_bytes()))
}

/// Whether one of the codes stands beside the line, on its day.
fn beside_any(case: &Case<'_>, line: &OpenLine<'_>, so_far: &SoFar<'_>, codes: &CodeRanges) -> bool {
    so_far.beside(case, line).any(|other| is_any(other.procedure.as_ref(), codes))
}

/// The line's referring or ordering provider, else the claim's; with an NPI, on file and of the
/// specialty where that is asked.
fn referred(case: &Case<'_>, line: &OpenLine<'_>, referral: &Referral) -> Condition {
    let is_of_role = |provider: &&Provider| match referral.role {
        ReferralRole::Referring => provider.role == ProviderRole::Referring,
        ReferralRole::Ordering => provider.role == ProviderRole::Ordering,
        ReferralRole::Either => matches!(provider.role, ProviderRole::Referring | ProviderRole::Ordering),
    };
    let on_line = line.line.providers.iter().find(is_of_role);
    let Some((provider, npi)) = on_line
        .or_else(|| case.claim.providers.iter().find(is_of_role))
        .and_then(|provider| Some((provider, provider.npi?)))
    else {
        return Condition::Failed;
    };
    let known = known(case, npi);
    if referral.on_file {
        match known {
            Some(Known::Found(_)) => {}
            Some(Known::Unknown) => return Condition::Failed,
            Some(Known::NotLoaded) | None => return Condition::Unknown("providers are not at hand"),
        }
    }
    let on_record = || known.and_then(Known::found).and_then(|provider| provider.taxonomy);
    let taxonomy = provider.taxonomy.or_else(on_record);
    let is_allowed = referral.allow_prefix.is_empty() || taxonomy.is_none_or(|taxonomy| begins_with_any(taxonomy.as_str(), &referral.allow_prefix));
    is_allowed.into()
}

/// What looking up a provider came to; `None` when nobody did.
pub(super) fn known<'a>(case: &Case<'a>, npi: Npi) -> Option<&'a Known<ProviderFacts>> {
    case.facts.providers.iter().find(|(known, _)| *known == npi).map(|(_, provider)| provider)
}

fn has_drug(line: &OpenLine<'_>, condition: &NdcCondition) -> bool {
    let code = line.line.ndc.as_ref().map(|ndc| ndc.value.as_str());
    match condition {
        NdcCondition::Code => code.is_some_and(|code| code.len() == 11 && code.bytes().all(|byte| byte.is_ascii_digit())),
        NdcCondition::Quantity => line.line.has_ndc_quantity,
        NdcCondition::AllowPrefix(prefixes) => code.is_none_or(|code| begins_with_any(code, prefixes)),
    }
}

fn is_newborn_covered(case: &Case<'_>, day: NaiveDate, months_after: u16) -> bool {
    let birth_date = case.claim.patient.as_ref().and_then(|patient| patient.birth_date);
    let end = birth_date.and_then(|birth_date| {
        let month = birth_date.expose_for(Purpose::Adjudicate).with_day(1)?;
        month.checked_add_months(Months::new(u32::from(months_after) + 1))
    });
    end.is_none_or(|end| day < end)
}

fn is_telehealth_allowed(case: &Case<'_>, line: &OpenLine<'_>, condition: &TelehealthCondition) -> bool {
    let is_remote = case
        .claim
        .place_of_service(line.line)
        .is_some_and(|place| matches!(place.as_bytes(), b"02" | b"10"));
    match condition {
        TelehealthCondition::NotCovered => !is_remote && !["93", "95", "FQ", "GQ", "GT"].iter().any(|modifier| line.line.has_modifier(modifier)),
        TelehealthCondition::RequireAny(any) => !is_remote || line.line.modifiers().any(|modifier| any.contains(&modifier)),
    }
}

/// The diagnoses that carry an indicator: of a row on diagnoses those in its range, else all.
fn are_indicated(case: &Case<'_>, row: &Restriction, condition: &AdmissionCondition) -> bool {
    let is_meant = |diagnosis: &&Diagnosis| {
        let carries = matches!(diagnosis.kind, DiagnosisKind::Principal | DiagnosisKind::Other | DiagnosisKind::ExternalCause);
        let code = CodeKey::of(diagnosis.code.expose_for(Purpose::Adjudicate).as_bytes());
        carries && (row.code_type != CodeType::Diagnosis || row.codes.contains(code))
    };
    case.claim.diagnoses.iter().filter(is_meant).all(|diagnosis| match condition {
        AdmissionCondition::Required => diagnosis.present_on_admission.is_some(),
        AdmissionCondition::Forbid(none) => diagnosis.present_on_admission.is_none_or(|indicator| !none.contains(&indicator)),
    })
}

/// The statement of an institutional claim, else the line's dates.
fn span(case: &Case<'_>, line: &OpenLine<'_>) -> DateRange {
    let statement = |claim: &InstitutionalClaim| claim.statement.map(|statement| statement.value);
    case.claim.institutional().and_then(statement).unwrap_or(line.dates.value)
}

fn stays_within(span: DateRange, part: CalendarPart) -> bool {
    let of = |day: NaiveDate| match part {
        CalendarPart::Month => (day.year(), day.month()),
        CalendarPart::Year => (day.year(), 0),
    };
    of(span.from) == of(span.through)
}

fn has_aid_code(case: &Case<'_>, day: NaiveDate, condition: &AidCodeCondition) -> bool {
    let aid_code = case.facts.member.found().and_then(|member| member.coverage_on(day)?.aid_code);
    aid_code.is_none_or(|aid_code| match condition {
        AidCodeCondition::Allow(allow) => allow.contains(&aid_code),
        AidCodeCondition::Forbid(none) => !none.contains(&aid_code),
    })
}

fn in_network(case: &Case<'_>, line: &OpenLine<'_>) -> Condition {
    let is_contracted = match case.claim.billing_provider.npi.and_then(|npi| known(case, npi)) {
        Some(Known::Found(provider)) => provider.contracted,
        Some(Known::Unknown) => false,
        Some(Known::NotLoaded) | None => return Condition::Unknown("providers are not at hand"),
    };
    (is_contracted || exemptions::from_any_network(case, line)).into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::testing::*;
    use super::super::trace::{Rule, StepResult};
    use crate::claim::party::{Patient, Provider, ProviderRole};
    use crate::claim::{Claim, Located};
    use crate::phi::Phi;
    use crate::tables::refdata::{ReferenceData, ReferenceTable};

    const PAID: &str = "paid 122.05 CO-45 27.95";
    const STAY_PAID: &str = "paid 40.00 CO-45 60.00";

    fn visit() -> Claim {
        claim(vec![line("99214:25", 1, "150", "2025-01-20")])
    }

    fn bill() -> Claim {
        stay("2025-01-01/2025-01-02", vec![line("0250", 1, "100", "2025-01-01")]).with(|claim| claim.frequency = qualifier("1"))
    }

    fn provider(role: ProviderRole, npi_text: &str, taxonomy: &str) -> Provider {
        Provider {
            at: at("NM1"),
            role,
            name: Default::default(),
            npi: npi(npi_text),
            taxonomy: taxonomy.parse().ok(),
        }
    }

    fn referred(role: ProviderRole, npi: &str, taxonomy: &str) -> Claim {
        visit().with(|claim| claim.providers.push(provider(role, npi, taxonomy)))
    }

    fn born(day_of_birth: &str) -> Claim {
        let patient = Patient {
            birth_date: Some(Phi::new(day(day_of_birth))),
            ..Patient::default()
        };
        visit().with(|claim| claim.patient = Some(Arc::new(patient)))
    }

    fn plan_with(row: &str) -> ReferenceData {
        let (kind, rest) = row.split_once(' ').unwrap();
        let (codes, rest) = rest.split_once(' ').unwrap();
        let (params, reason) = rest.rsplit_once(' ').unwrap();
        let (code_type, code) = codes.split_once(':').unwrap();
        let (carc, rarc) = reason.split_once('/').unwrap_or((reason, ""));
        with_restrictions(&format!(
            "rule,{kind},{code_type},{code},,,,\"{}\",deny,CO,{carc},{rarc}",
            params.replace('"', "\"\"")
        ))
    }

    /// `kind code_type:code params carc/rarc`, what the claim is, and its first line.
    #[test]
    fn each_kind_that_a_claim_can_decide_is_met_or_fails() {
        let with_line = |change: fn(&mut crate::claim::service_line::ServiceLine)| visit().with(|claim| change(&mut claim.lines[0]));
        let drug = |code: &str| {
            let ndc = Located {
                value: code.into(),
                at: at("LIN"),
            };
            visit().with(|claim| claim.lines[0].ndc = Some(ndc))
        };
        let status = |status: &str| bill().with(|claim| claim.institutional_mut().patient_status = qualifier(status));
        let with_procedure = |code: &str| bill().with(|claim| claim.lines[0].procedure = code.parse().ok());
        let in_place = |place: &str, modifier: &str| {
            let line = line(&format!("99214:{modifier}"), 1, "150", "2025-01-20");
            claim(vec![line]).with(|claim| claim.professional_mut().place_of_service = place.parse().ok())
        };
        let indicated = |indicator: &str| bill().with(|claim| claim.diagnoses[0].present_on_admission = qualifier(indicator));
        let bill_types = r#"bill_type REV:0250 {"allow":["11x","131"]} 282/MA30"#;
        let statuses = r#"patient_status TOB:11x {"allow":["01","30"]} 306"#;
        let ordering = r#"referring_ordering HCPCS:99214 {"role":"ordering"} 184/N265"#;
        let on_file = r#"referring_ordering HCPCS:99214 {"role":"either","on_file":true,"allow_prefix":["207"]} 183/N574"#;
        let any_procedure = r#"revenue_needs_procedure REV:0250 {"require_procedure":true} 16/M20"#;
        let of_these = r#"revenue_needs_procedure REV:0250 {"procedures":["93000","99211-99214"]} 199"#;
        let ndc = r#"ndc HCPCS:99214 {"require":"code"} 16/M119"#;
        let ndc_quantity = r#"ndc HCPCS:99214 {"require":"quantity"} 16/N815"#;
        let ndc_pair = r#"ndc HCPCS:99214 {"allow_prefix":["99999"]} 16/N846"#;
        let consent = r#"consent HCPCS:99214 {} 252/N3"#;
        let attachment = r#"attachment HCPCS:99214 {"with_control":true} 252/M127"#;
        let newborn = r#"newborn HCPCS:99214 {"months_after":1} 34/N15"#;
        let not_remote = r#"telehealth HCPCS:99214 {"covered":false} 96/N776"#;
        let remote_modifier = r#"telehealth HCPCS:99214 {"require_any":["93","95"]} 16/N776"#;
        let admission = r#"present_on_admission DX:I10 {"require":true} 16/N434"#;
        let acquired = r#"present_on_admission DX:I10 {"forbid":["N","U"]} 233"#;
        let month = r#"span TOB:11x {"within":"month"} 267/N74"#;
        let year = r#"span HCPCS:99214 {"within":"year"} 268"#;
        for (row, claim, result) in [
            (bill_types, bill(), STAY_PAID),
            (
                bill_types,
                bill().with(|claim| claim.institutional_mut().facility_type = qualifier("13")),
                STAY_PAID,
            ),
            (
                bill_types,
                bill().with(|claim| claim.institutional_mut().facility_type = qualifier("85")),
                "denied CO-282/MA30 100.00",
            ),
            (bill_types, bill().with(|claim| claim.institutional_mut().facility_type = None), STAY_PAID),
            (statuses, status("30"), STAY_PAID),
            (statuses, status("20"), "denied CO-306 100.00"),
            (statuses, bill(), STAY_PAID),
            (ordering, visit(), "denied CO-184/N265 150.00"),
            (ordering, referred(ProviderRole::Ordering, SPECIALIST, ""), PAID),
            (ordering, referred(ProviderRole::Referring, SPECIALIST, ""), "denied CO-184/N265 150.00"),
            (
                ordering,
                visit().with(|claim| claim.lines[0].providers.push(provider(ProviderRole::Ordering, SPECIALIST, ""))),
                PAID,
            ),
            (on_file, referred(ProviderRole::Referring, FAMILY_DOCTOR, ""), PAID),
            (on_file, referred(ProviderRole::Ordering, SPECIALIST, ""), PAID),
            (on_file, referred(ProviderRole::Ordering, SPECIALIST, "363L00000X"), "denied CO-183/N574 150.00"),
            (
                on_file,
                referred(ProviderRole::Ordering, "1972574325", "207Q00000X"),
                "denied CO-183/N574 150.00",
            ),
            (any_procedure, bill(), "denied CO-16/M20 100.00"),
            (any_procedure, with_procedure("99215"), "paid 100.00"),
            (of_these, with_procedure("99213"), "paid 72.40 CO-45 27.60"),
            (of_these, with_procedure("99215"), "denied CO-199 100.00"),
            (ndc, visit(), "denied CO-16/M119 150.00"),
            (ndc, drug("99999000101"), PAID),
            (ndc, drug("99999-0001-01"), "denied CO-16/M119 150.00"),
            (ndc_quantity, drug("99999000101"), "denied CO-16/N815 150.00"),
            (ndc_quantity, with_line(|line| line.has_ndc_quantity = true), PAID),
            (ndc_pair, drug("99999000101"), PAID),
            (ndc_pair, drug("99998000101"), "denied CO-16/N846 150.00"),
            (ndc_pair, visit(), PAID),
            ("unlisted HCPCS:99214 {} 16/N350", visit(), "denied CO-16/N350 150.00"),
            ("unlisted HCPCS:99214 {} 16/N350", with_line(|line| line.has_description = true), PAID),
            (consent, visit(), "denied CO-252/N3 150.00"),
            (consent, visit().with(|claim| claim.attachment_without_control = Some(at("PWK"))), PAID),
            (
                attachment,
                visit().with(|claim| claim.attachment_without_control = Some(at("PWK"))),
                "denied CO-252/M127 150.00",
            ),
            (attachment, visit().with(|claim| claim.has_attachment = true), PAID),
            (newborn, visit(), PAID),
            (newborn, born("2024-12-02"), PAID),
            (newborn, born("2024-11-30"), "denied CO-34/N15 150.00"),
            ("clia HCPCS:99214 {} B23/MA120", visit(), "denied CO-B23/MA120 150.00"),
            ("clia HCPCS:99214 {} B23/MA120", with_line(|line| line.has_clia = true), PAID),
            ("clia HCPCS:99214 {} B23/MA120", visit().with(|claim| claim.has_clia = true), PAID),
            ("clia REV:0250 {} B23/MA120", bill(), STAY_PAID),
            (not_remote, visit(), PAID),
            (not_remote, in_place("10", "25"), "denied CO-96/N776 150.00"),
            (not_remote, in_place("11", "GT"), "denied CO-96/N776 150.00"),
            (remote_modifier, visit(), PAID),
            (remote_modifier, in_place("02", "95"), PAID),
            (remote_modifier, in_place("02", "25"), "denied CO-16/N776 150.00"),
            (admission, bill(), "denied CO-16/N434 100.00"),
            (admission, indicated("Y"), STAY_PAID),
            (
                admission,
                bill().with(|claim| claim.institutional_mut().facility_type = qualifier("13")),
                STAY_PAID,
            ),
            (acquired, bill(), STAY_PAID),
            (acquired, indicated("W"), STAY_PAID),
            (acquired, indicated("N"), "denied CO-233 100.00"),
            (month, bill(), STAY_PAID),
            (
                month,
                bill().with(|claim| claim.institutional_mut().statement = dated("DTP", "2024-12-31/2025-01-02")),
                "denied CO-267/N74 100.00",
            ),
            (year, visit(), PAID),
            (
                year,
                visit().with(|claim| claim.lines[0].service = dated("DTP", "2024-12-31/2025-01-01")),
                "denied CO-268 150.00",
            ),
            (r#"aid_code HCPCS:99214 {"allow":["M1","P5"]} 204"#, visit(), PAID),
            (r#"aid_code HCPCS:99214 {"forbid":["M1"]} 258/N103"#, visit(), "denied CO-258/N103 150.00"),
            (r#"aid_code HCPCS:99214 {"allow":["P5"]} 204"#, visit(), "denied CO-204 150.00"),
            ("fee_listed HCPCS:99214 {} 96/N448", visit(), PAID),
            (
                "fee_listed HCPCS:99217 {} 96/N448",
                claim(vec![line("99217", 1, "150", "2025-01-20")]),
                "denied CO-96/N448 150.00",
            ),
        ] {
            assert_eq!(outcome(&decided(&claim, &plan_with(row))), result, "{row}");
        }
    }

    #[test]
    fn services_of_one_day_bear_on_each_other() {
        let two = |second: &str, day: &str| claim(vec![line("93000", 1, "20", "2025-01-20"), line(second, 1, "150", day)]);
        let swapped = || claim(vec![line("99214", 1, "150", "2025-01-20"), line("93000", 1, "20", "2025-01-20")]);
        let bundled = r#"bundled HCPCS:93000 {"into":["99202-99215"]} 97/N19"#;
        let exclusive = r#"mutually_exclusive HCPCS:93000 {"with":["99214"]} 231"#;
        let add_on = r#"add_on HCPCS:93000 {"primary":["99214"]} 107/N122"#;
        let visit_denied = |claim: Claim| {
            claim.with(|claim| {
                for line in &mut claim.lines {
                    line.service = line
                        .procedure
                        .filter(|code| code.as_str() == "99214")
                        .map_or(line.service, |_| dated("DTP", "2019-01-20"));
                }
            })
        };
        for (row, claim, lines) in [
            (bundled, two("99214", "2025-01-20"), ["denied CO-97/N19 20.00", PAID]),
            (bundled, swapped(), [PAID, "denied CO-97/N19 20.00"]),
            (bundled, two("99214", "2025-01-21"), ["paid 16.25 CO-45 3.75", PAID]),
            (bundled, two("99392", "2025-01-20"), ["paid 16.25 CO-45 3.75", "paid 90.00 CO-45 60.00"]),
            (bundled, visit_denied(swapped()), ["denied CO-26 150.00", "paid 16.25 CO-45 3.75"]),
            (exclusive, swapped(), [PAID, "denied CO-231 20.00"]),
            (exclusive, two("99214", "2025-01-20"), ["paid 16.25 CO-45 3.75", PAID]),
            (add_on, two("99214", "2025-01-20"), ["paid 16.25 CO-45 3.75", PAID]),
            (add_on, two("99214", "2025-01-21"), ["denied CO-107/N122 20.00", PAID]),
            (add_on, visit_denied(swapped()), ["denied CO-26 150.00", "denied CO-107/N122 20.00"]),
        ] {
            assert_eq!(lines_of(&decided(&claim, &plan_with(row))), lines, "{row}");
        }
    }

    #[test]
    fn a_provider_outside_the_network_is_paid_for_what_anyone_may_render() {
        let row = "out_of_network HCPCS:99214 {} 242";
        let stranger = || visit().with(|claim| Arc::make_mut(&mut claim.billing_provider).npi = npi("1972574325"));
        let emergency = || stranger().with(|claim| claim.professional_mut().place_of_service = "23".parse().ok());
        for (claim, result) in [(visit(), PAID), (stranger(), "denied CO-242 150.00"), (emergency(), PAID)] {
            assert_eq!(outcome(&decided(&claim, &plan_with(row))), result);
        }
    }

    #[test]
    fn what_was_not_looked_up_fails_nothing_and_is_told() {
        let bare = |row: &str| {
            let restrictions = row.replace('|', ",");
            let header = "rule_id,kind,code_type,code_from,code_to,effective_from,effective_to,params,action,group,carc,rarc";
            let text = format!("{header}\n{restrictions}\n");
            let tables = [
                (
                    ReferenceTable::FeeSchedule,
                    "code_type,code,modifier,method,amount,effective_from,effective_to\nHCPCS,99214,,fee,122.05,,\n",
                ),
                (ReferenceTable::Restrictions, &text),
            ];
            let embedded = ReferenceData::embedded().unwrap();
            tables
                .iter()
                .fold(embedded, |plan, (table, text)| plan.with_table(*table, text.as_bytes()).unwrap())
        };
        let referred = referred(ProviderRole::Ordering, SPECIALIST, "");
        for row in [
            "r,out_of_network,HCPCS,99214,,,,{},deny,CO,242,",
            r#"r,referring_ordering,HCPCS,99214,,,,"{""role"":""ordering"",""on_file"":true}",deny,CO,184,N265"#,
        ] {
            let determination = decided(&referred, &bare(row));
            assert_eq!(note(&determination, 1, Rule::Restriction), "r: providers are not at hand");
            let step = determination.trace().iter().find(|step| step.rule == Rule::Restriction).unwrap();
            assert_eq!(step.result, StepResult::NotEnforced);
        }
    }
}
