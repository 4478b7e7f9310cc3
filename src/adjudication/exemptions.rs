//! Services that need no prior authorization, and how a claim shows that (DOMAIN C2, C3).

use std::borrow::Cow;

use super::billing_restrictions::for_each_diagnosis;
use super::case::{Case, OpenLine};
use super::prior_auth::Need;
use super::rule_id::RuleId;
use super::ruling::Ruling;
use crate::ids::RevenueCode;
use crate::money::Money;
use crate::tables::code_range::CodeKey;
use crate::tables::rules::{EvidenceStrength, Exemption, Indicator, LineEvidence};

/// Exempt services that Medi-Cal pays before other coverage and recovers later (DOMAIN E3).
const PAID_FIRST: [&str; 2] = ["basic-prenatal", "pediatric-preventive"];

/// Why a line that would need an authorization needs none. Being an emergency does not excuse from
/// telling the plan about one.
pub(super) fn exempt(case: &Case<'_>, line: &OpenLine<'_>, need: Need) -> Option<Ruling> {
    if need == Need::Notification {
        return None;
    }
    let by_service = with_evidence(case, line, |evidence| {
        let (exemption, strength) = case.tables.rules.exemption(evidence)?;
        let note = format!("exempt: {} ({})", exemption.name, named(exemption, strength, evidence));
        Some((RuleId::of_exemption(&exemption.name), note))
    });
    if let Some((id, note)) = by_service {
        return Some(Ruling::skipped(note).by(id).at(line.line.at));
    }
    let (id, reason) = primary_care(case, line)
        .or_else(|| open_network(case, need))
        .or_else(|| cheap_repair(case, line))?;
    Some(Ruling::skipped(reason).by(id).at(line.line.at))
}

/// The exempt service that a line shows and that is paid first whatever other coverage there is.
pub(super) fn paid_before_other_coverage<'a>(case: &Case<'a>, line: &OpenLine<'_>) -> Option<&'a str> {
    with_evidence(case, line, |evidence| {
        let mut exemptions = case.tables.rules.exemptions.iter();
        let shown = exemptions.find(|exemption| PAID_FIRST.contains(&exemption.name.as_str()) && exemption.shown_by(evidence).is_some());
        shown.map(|exemption| exemption.name.as_str())
    })
}

/// Whether a line shows a service that members may have from any provider (DOMAIN C3).
pub(super) fn from_any_network(case: &Case<'_>, line: &OpenLine<'_>) -> bool {
    with_evidence(case, line, |evidence| {
        let mut exemptions = case.tables.rules.exemptions.iter();
        exemptions.any(|exemption| exemption.any_network && exemption.shown_by(evidence).is_some())
    })
}

/// P1 and P2: visits and preventive care by the member's assigned provider or that provider's group.
fn primary_care(case: &Case<'_>, line: &OpenLine<'_>) -> Option<(RuleId, &'static str)> {
    let procedure = line.line.procedure.as_ref()?;
    let is_primary_care = case.tables.rules.prior_authorization.primary_care.contains(CodeKey::of(procedure.as_bytes()));
    let assigned = case.facts.member.found()?.coverage_on(line.dates.value.from)?.pcp_npi?;
    if !is_primary_care {
        return None;
    }
    if case.claim.rendering_npi(line.line) == Some(assigned) {
        return Some((RuleId::PrimaryCare, "exempt: the assigned primary care provider"));
    }
    let assigned = case.facts.provider(Some(assigned))?;
    let billing_tin = case.claim.billing_provider.tin?;
    [assigned.tin, assigned.group_tin]
        .contains(&Some(billing_tin))
        .then_some((RuleId::PrimaryCareGroup, "exempt: the assigned primary care provider's group"))
}

/// P6: members without an assigned provider see a specialist first, and again, without authorization.
fn open_network(case: &Case<'_>, need: Need) -> Option<(RuleId, &'static str)> {
    let coverage = case.coverage?;
    let is_open = case.tables.rules.prior_authorization.open_networks.contains(&coverage.network?);
    let is_visit = matches!(need, Need::Consult | Need::FollowUp);
    let note = "exempt: a consult of a member without a primary care provider";
    (is_open && is_visit && coverage.pcp_npi.is_none()).then_some((RuleId::OpenNetwork, note))
}

/// Wheelchair repairs that stay below an amount in total.
fn cheap_repair(case: &Case<'_>, line: &OpenLine<'_>) -> Option<(RuleId, &'static str)> {
    let repairs = &case.tables.rules.prior_authorization.wheelchair_repairs;
    let is_repair = |line: &crate::claim::service_line::ServiceLine| {
        line.procedure
            .is_some_and(|procedure| repairs.codes.contains(CodeKey::of(procedure.as_bytes())))
    };
    if !is_repair(line.line) {
        return None;
    }
    let total: Money = case.claim.lines.iter().filter(|line| is_repair(line)).map(|line| line.charge).sum();
    (total < repairs.below).then_some((RuleId::CheapRepair, "exempt: wheelchair repairs below the amount"))
}

/// What the claim shows about a line.
fn with_evidence<T>(case: &Case<'_>, line: &OpenLine<'_>, judge: impl FnOnce(&LineEvidence<'_>) -> T) -> T {
    let claim = case.claim;
    let day = line.dates.value.from;
    let institutional = claim.institutional();
    let claim_revenue_codes: Vec<RevenueCode> = claim.lines.iter().filter_map(|line| line.revenue).collect();
    let mut diagnoses: Vec<CodeKey> = Vec::with_capacity(4);
    for_each_diagnosis(case, line, &mut |code| {
        diagnoses.push(CodeKey::of(code));
        false
    });
    let professional = &line.line.professional;
    let is_pregnant = claim.patient.as_ref().map_or(claim.subscriber.pregnant, |patient| patient.pregnant);
    let indicators: Vec<Indicator> = [
        (professional.is_emergency, Indicator::Emergency),
        (professional.is_epsdt, Indicator::Epsdt),
        (professional.is_family_planning, Indicator::FamilyPlanning),
        (claim.professional().is_some_and(|claim| claim.has_epsdt_referral), Indicator::EpsdtReferral),
        (is_pregnant, Indicator::Pregnancy),
    ]
    .into_iter()
    .filter_map(|(is_given, indicator)| is_given.then_some(indicator))
    .collect();
    judge(&LineEvidence {
        age_years: case.age_on(day),
        units: line.units,
        place_of_service: claim.place_of_service(line.line),
        revenue_code: line.line.revenue,
        claim_revenue_codes: &claim_revenue_codes,
        procedure: line.line.procedure,
        modifiers: &line.line.modifiers,
        diagnoses: &diagnoses,
        indicators: &indicators,
        admission_type: institutional.and_then(|claim| claim.admission_type),
        facility_type: institutional.and_then(|claim| claim.facility_type),
        authorization_exception: claim.authorization_exception,
        aid_code: case.facts.member.found().and_then(|member| member.coverage_on(day)?.aid_code),
    })
}

/// The item that shows an exemption: of strong evidence, the first that does so alone. Diagnoses are
/// named by their kind only.
fn named(exemption: &Exemption, strength: EvidenceStrength, line: &LineEvidence<'_>) -> Cow<'static, str> {
    match strength {
        EvidenceStrength::Together => return "combined evidence".into(),
        EvidenceStrength::TwoWeak => return "two items of weak evidence".into(),
        EvidenceStrength::Strong => {}
    }
    // Bounds hold beside every item.
    let bare = LineEvidence {
        age_years: line.age_years,
        units: line.units,
        ..LineEvidence::default()
    };
    let place = line.place_of_service.as_ref().map(|place| place.as_str());
    let revenue = line.revenue_code.as_ref().map(|code| code.as_str());
    let procedure = line.procedure.as_ref().map(|code| code.as_str());
    #[rustfmt::skip] // a table
    let items = [
        ("place of service", place, LineEvidence { place_of_service: line.place_of_service, ..bare }),
        ("revenue code", revenue, LineEvidence { revenue_code: line.revenue_code, ..bare }),
        ("procedure", procedure, LineEvidence { procedure: line.procedure, ..bare }),
        ("modifier", None, LineEvidence { modifiers: line.modifiers, ..bare }),
        ("diagnosis", None, LineEvidence { diagnoses: line.diagnoses, ..bare }),
        ("indicator", None, LineEvidence { indicators: line.indicators, ..bare }),
        ("service authorization exception", None, LineEvidence { authorization_exception: line.authorization_exception, ..bare }),
        ("aid code", None, LineEvidence { aid_code: line.aid_code, ..bare }),
    ];
    let shows = |item: &LineEvidence<'_>| exemption.shown_by(item) == Some(EvidenceStrength::Strong);
    match items.iter().find(|(_, _, item)| shows(item)) {
        Some((kind, Some(code), _)) => format!("{kind} {code}").into(),
        Some((kind, None, _)) => (*kind).into(),
        None => "the claim as a whole".into(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::testing::*;
    use super::super::trace::Rule;
    use crate::claim::Claim;
    use crate::claim::diagnosis::DiagnosisKind;

    const PAID: &str = "paid 31.05 CO-45 18.95";
    const DENIED: &str = "denied CO-197 50.00";

    fn therapy(modifier: &str) -> Claim {
        claim(vec![line(&format!("97112{modifier}"), 1, "50", "2025-01-20")])
    }

    #[test]
    fn each_kind_of_evidence_is_named() {
        for (claim, result, text) in [
            (therapy(""), DENIED, "on the authorization list, and no authorization found"),
            (
                therapy("").with(|claim| claim.professional_mut().place_of_service = "23".parse().ok()),
                PAID,
                "exempt: emergency (place of service 23)",
            ),
            (
                therapy("").with(|claim| claim.lines[0].professional.place_of_service = "20".parse().ok()),
                PAID,
                "exempt: urgent-care (place of service 20)",
            ),
            (
                therapy("").with(|claim| claim.authorization_exception = qualifier("3")),
                PAID,
                "exempt: emergency (service authorization exception)",
            ),
            (
                therapy("").with(|claim| claim.lines[0].professional.is_emergency = true),
                DENIED,
                "on the authorization list, and no authorization found",
            ),
            (
                therapy(":ET").with(|claim| claim.lines[0].professional.is_emergency = true),
                PAID,
                "exempt: emergency (two items of weak evidence)",
            ),
            (therapy(":FP"), PAID, "exempt: family-planning (modifier)"),
            (
                therapy("").with(|claim| claim.lines[0].professional.is_family_planning = true),
                PAID,
                "exempt: family-planning (indicator)",
            ),
            (
                therapy("").with(|claim| claim.diagnoses = vec![diagnosis(DiagnosisKind::Principal, "A539")]),
                PAID,
                "exempt: sexually-transmitted-disease (diagnosis)",
            ),
            (
                // The line does not point to it.
                therapy("").with(|claim| claim.diagnoses.push(diagnosis(DiagnosisKind::Other, "A539"))),
                DENIED,
                "on the authorization list, and no authorization found",
            ),
            (
                therapy("").of_member(CHILD).with(|claim| claim.lines[0].professional.is_epsdt = true),
                PAID,
                "exempt: pediatric-preventive (indicator)",
            ),
            (
                // 44 years are no child.
                therapy("").with(|claim| claim.lines[0].professional.is_epsdt = true),
                DENIED,
                "on the authorization list, and no authorization found",
            ),
        ] {
            let determination = decided(&claim, &plan());
            assert_eq!(outcome(&determination), result, "{text}");
            assert_eq!(note(&determination, 1, Rule::PriorAuthorization), text);
        }
    }

    #[test]
    fn an_emergency_admission_shows_on_another_line() {
        let admission = |admission_type: &str, revenue: &str| {
            let lines = vec![line("0120", 1, "2000", "2025-01-10"), line(revenue, 1, "100", "2025-01-10")];
            stay("2025-01-10/2025-01-11", lines).with(|claim| claim.institutional_mut().admission_type = qualifier(admission_type))
        };
        for (admission_type, revenue, result) in [
            ("1", "0450", "paid 1650.00 CO-45 350.00"),
            ("1", "0250", "denied CO-197 2000.00"),
            ("3", "0450", "denied CO-197 2000.00"),
        ] {
            let determination = decided(&admission(admission_type, revenue), &plan());
            assert_eq!(lines_of(&determination).first().map(String::as_str), Some(result), "{admission_type} {revenue}");
        }
    }

    #[test]
    fn primary_care_and_cheap_repairs() {
        let listed =
            "code_from,code_to,modifier,line_of_business,effective_from,effective_to,requirement,note\n99213,99214,,*,,,required,\nK0739,,,*,,,required,\n";
        let plan = plan()
            .with_table(crate::tables::refdata::ReferenceTable::PriorAuthCodes, listed.as_bytes())
            .unwrap();
        let visit = || claim(vec![line("99213", 1, "80", "2025-01-20")]);
        let paid = "paid 72.40 CO-45 7.60";
        let group_tin = |tin: &'static str| visit().with(|claim| Arc::make_mut(&mut claim.billing_provider).tin = tin.parse().ok());
        let repair = |charges: [&str; 2]| claim(charges.map(|charge| line("K0739", 1, charge, "2025-01-20")).to_vec());
        for (what, claim, result) in [
            ("a stranger", visit(), "denied CO-197 80.00"),
            ("P1", visit().rendered_by(FAMILY_DOCTOR), paid),
            ("P2", group_tin("953000001"), paid),
            ("another group", group_tin("953000002"), "denied CO-197 80.00"),
            (
                "no assigned provider",
                visit().rendered_by(FAMILY_DOCTOR).of_member(UNASSIGNED),
                "denied CO-197 80.00",
            ),
            ("cheap", repair(["100", "149.99"]), "paid 20.00 CO-45 80.00; paid 20.00 CO-45 129.99"),
            ("not cheap", repair(["100", "150"]), "denied CO-197 100.00; denied CO-197 150.00"),
        ] {
            assert_eq!(outcome(&decided(&claim, &plan)), result, "{what}");
        }
    }
}
