//! Services that need no prior authorization, and how a claim shows that (DOMAIN C2, C3).

use chrono::NaiveDate;
use compact_str::CompactString;

use super::authorization_needs::{Need, is_repair, repair_total};
use super::billing_restrictions::{any_diagnosis, for_each_diagnosis};
use super::case::{Case, OpenLine};
use super::determination::{Exempted, LineDetermination};
use super::evidence::item_place;
use super::rule_id::RuleId;
use super::ruling::Ruling;
use crate::claim::service_line::ServiceLine;
use crate::ids::{RevenueCode, Taxonomy};
use crate::tables::code_range::CodeKey;
use crate::tables::rules::{EvidenceItem, EvidenceStrength, Exemption, Indicator, LineEvidence};

/// How the exempt service of P1 and P2 is named: it is none of the pack's entries.
const PRIMARY_CARE: &str = "primary-care";

/// Why a line that would need an authorization needs none. Being an emergency does not excuse from
/// telling the plan about one.
pub(super) fn exempt(case: &Case<'_>, line: &OpenLine<'_>, need: Need) -> Option<Ruling> {
    if need == Need::Notification {
        return None;
    }
    let by_service = with_evidence(case, line, |evidence| {
        let (exemption, strength) = case.tables.rules.exemption(evidence, need == Need::OutOfNetwork)?;
        let shown = shown(exemption, strength, evidence);
        Some(excused_by(case, line, exemption, strength, &shown))
    });
    if by_service.is_some() || need == Need::OutOfNetwork {
        return by_service;
    }
    let (id, reason) = primary_care(case, line)
        .or_else(|| open_network(case, need))
        .or_else(|| cheap_repair(case, line))?;
    let ruling = Ruling::skipped(reason).by(id).at(line.line.at);
    match id {
        RuleId::PrimaryCare | RuleId::PrimaryCareGroup => {
            let place = item_place(case, line, EvidenceItem::Provider, 0);
            Some(ruling.exempting(exempted(PRIMARY_CARE, EvidenceStrength::Strong, EvidenceItem::Provider, place)))
        }
        _ => Some(ruling),
    }
}

fn excused_by(case: &Case<'_>, line: &OpenLine<'_>, exemption: &Exemption, strength: EvidenceStrength, shown: &Shown<'_>) -> Ruling {
    let note = match (strength, shown.code) {
        (EvidenceStrength::Together, _) => format!("exempt: {} (combined evidence)", exemption.name),
        (EvidenceStrength::TwoWeak, _) => format!("exempt: {} (two items of weak evidence)", exemption.name),
        (EvidenceStrength::Strong, Some(code)) => format!("exempt: {} ({} {code})", exemption.name, in_words(shown.item)),
        (EvidenceStrength::Strong, None) => format!("exempt: {} ({})", exemption.name, in_words(shown.item)),
    };
    let place = item_place(case, line, shown.item, shown.place);
    Ruling::skipped(note)
        .by(RuleId::of_exemption(&exemption.name))
        .at(line.line.at)
        .exempting(exempted(&exemption.name, strength, shown.item, place))
}

fn exempted(name: &str, strength: EvidenceStrength, item: EvidenceItem, place: super::trace::Evidence) -> Exempted {
    Exempted {
        name: name.into(),
        strength,
        item,
        at: place.segment,
        element: place.element,
        component: place.component,
    }
}

/// The exempt service that a line shows and that is paid first whatever other coverage there is.
pub(super) fn paid_before_other_coverage<'a>(case: &Case<'a>, line: &OpenLine<'_>) -> Option<&'a str> {
    with_evidence(case, line, |evidence| {
        let mut exemptions = case.tables.rules.exemptions.iter();
        let shown = exemptions.find(|exemption| exemption.pay_and_chase && exemption.shown_by(evidence).is_some());
        shown.map(|exemption| exemption.name.as_str())
    })
}

/// Whether a line shows a service that members may have from any provider (DOMAIN C3).
pub(super) fn from_any_network(case: &Case<'_>, line: &OpenLine<'_>) -> bool {
    with_evidence(case, line, |evidence| case.tables.rules.exemption(evidence, true).is_some())
}

/// The lines with every sensitive service that they show, whatever became of them (DOMAIN C3, last
/// paragraph).
pub(super) fn marked(case: &Case<'_>, lines: Vec<LineDetermination>) -> Vec<LineDetermination> {
    if !may_be_sensitive(case) {
        return lines;
    }
    let of_claim = OfClaim::new(case);
    let mark = |(decided, line)| {
        // A line without a date is looked at as of the day of receipt.
        let day = case.claim.service_dates(line).map_or(case.receipt.received_on, |dates| dates.value.from);
        let shown: Vec<CompactString> = of_claim.with_evidence(line, day, |evidence| {
            let sensitive = case.tables.rules.sensitive(evidence);
            sensitive.map(|exemption| exemption.name.clone()).collect()
        });
        LineDetermination::with_sensitivity(decided, shown)
    };
    lines.into_iter().zip(&case.claim.lines).map(mark).collect()
}

/// A quick no for the claim as a whole: most have nothing that shows a sensitive service.
fn may_be_sensitive(case: &Case<'_>) -> bool {
    let (screen, claim) = (case.tables.rules.sensitive_screen(), case.claim);
    let is_given = |is_given: bool, indicator: Indicator| is_given && screen.holds_indicator(indicator);
    let pregnant = claim.patient.as_ref().map_or(claim.subscriber.pregnant, |patient| patient.pregnant);
    let referred = claim.professional().is_some_and(|claim| claim.has_epsdt_referral);
    let coverage = || case.facts.member.found().into_iter().flat_map(|member| &member.coverage);
    let line_may = |line: &ServiceLine| {
        let professional = &line.professional;
        screen.holds_code(
            line.procedure.as_ref().map(|code| code.as_bytes()),
            line.revenue.as_ref().map(|code| code.as_bytes()),
        ) || line.modifiers().any(|modifier| screen.holds_modifier(modifier))
            || is_given(professional.is_emergency, Indicator::Emergency)
            || is_given(professional.is_epsdt, Indicator::Epsdt)
            || is_given(professional.is_family_planning, Indicator::FamilyPlanning)
    };
    !screen.is_of_codes()
        || is_given(pregnant, Indicator::Pregnancy)
        || is_given(referred, Indicator::EpsdtReferral)
        || any_diagnosis(claim, &mut |code| screen.holds_diagnosis(CodeKey::of(code)))
        || coverage()
            .filter_map(|coverage| coverage.aid_code)
            .any(|aid_code| screen.holds_aid_code(aid_code))
        || claim.lines.iter().any(line_may)
}

/// P1 and P2: visits and preventive care by the member's assigned provider of the day, or by that
/// provider's group: under its TIN or NPI, or by a provider of the same group.
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
    let billing = &case.claim.billing_provider;
    let known = case.billing_provider();
    let tins = [billing.tin, known.and_then(|provider| provider.group_tin)];
    let npis = [billing.npi, known.and_then(|provider| provider.group_npi)];
    let same_tin = tins.iter().flatten().any(|tin| [assigned.tin, assigned.group_tin].contains(&Some(*tin)));
    let same_npi = npis.iter().flatten().any(|npi| assigned.group_npi == Some(*npi));
    (same_tin || same_npi).then_some((RuleId::PrimaryCareGroup, "exempt: the assigned primary care provider's group"))
}

/// P6: members without an assigned provider see a specialist first without authorization. What comes
/// after needs one, as it does for others.
fn open_network(case: &Case<'_>, need: Need) -> Option<(RuleId, &'static str)> {
    let coverage = case.coverage?;
    let is_open = case.tables.rules.prior_authorization.open_networks.contains(&coverage.network?);
    let note = "exempt: the initial consult of a member without a primary care provider";
    (is_open && need == Need::Consult && coverage.pcp_npi.is_none()).then_some((RuleId::OpenNetwork, note))
}

/// Wheelchair repairs that stay below an amount in total.
fn cheap_repair(case: &Case<'_>, line: &OpenLine<'_>) -> Option<(RuleId, &'static str)> {
    let below = case.tables.rules.prior_authorization.wheelchair_repairs.below;
    let is_cheap = is_repair(case, line.line) && repair_total(case) < below;
    is_cheap.then_some((RuleId::CheapRepair, "exempt: wheelchair repairs below the amount"))
}

/// What the claim shows about a line.
fn with_evidence<T>(case: &Case<'_>, line: &OpenLine<'_>, judge: impl FnOnce(&LineEvidence<'_>) -> T) -> T {
    OfClaim::new(case).with_evidence(line.line, line.dates.value.from, judge)
}

/// What is the same for all lines of a claim.
struct OfClaim<'c, 'a> {
    case: &'c Case<'a>,
    revenue_codes: Vec<RevenueCode>,
    is_pregnant: bool,
    has_epsdt_referral: bool,
    rendering_taxonomy: Option<Taxonomy>,
    billing_taxonomy: Option<Taxonomy>,
}

impl<'c, 'a> OfClaim<'c, 'a> {
    fn new(case: &'c Case<'a>) -> OfClaim<'c, 'a> {
        let claim = case.claim;
        let on_file = || case.billing_provider().and_then(|provider| provider.taxonomy);
        OfClaim {
            case,
            revenue_codes: claim.lines.iter().filter_map(|line| line.revenue).collect(),
            is_pregnant: claim.patient.as_ref().map_or(claim.subscriber.pregnant, |patient| patient.pregnant),
            has_epsdt_referral: claim.professional().is_some_and(|claim| claim.has_epsdt_referral),
            rendering_taxonomy: claim.rendering_taxonomy(),
            billing_taxonomy: claim.billing_provider.taxonomy.or_else(on_file),
        }
    }

    fn with_evidence<T>(&self, line: &ServiceLine, day: NaiveDate, judge: impl FnOnce(&LineEvidence<'_>) -> T) -> T {
        let (case, claim) = (self.case, self.case.claim);
        let institutional = claim.institutional();
        // Every line comes here, so nothing is allocated: an 837I has 25 diagnoses, an 837P line points to four.
        let mut diagnoses = [CodeKey::of(b""); DIAGNOSES_MAX];
        let mut places = diagnoses.iter_mut();
        let mut count = 0;
        for_each_diagnosis(claim, line, &mut |code| match places.next() {
            Some(place) => {
                *place = CodeKey::of(code);
                count += 1;
                false
            }
            None => true,
        });
        let professional = &line.professional;
        let given = [
            (professional.is_emergency, Indicator::Emergency),
            (professional.is_epsdt, Indicator::Epsdt),
            (professional.is_family_planning, Indicator::FamilyPlanning),
            (self.has_epsdt_referral, Indicator::EpsdtReferral),
            (self.is_pregnant, Indicator::Pregnancy),
        ];
        let mut indicators = [Indicator::Emergency; 5];
        let is_given = given.iter().filter(|(is_given, _)| *is_given);
        let indicator_count = indicators.iter_mut().zip(is_given).map(|(place, (_, indicator))| *place = *indicator).count();
        let rendering = || case.rendering(line).1.and_then(|provider| provider.taxonomy);
        judge(&LineEvidence {
            age_years: case.age_on(day),
            units: line.units,
            place_of_service: claim.place_of_service(line),
            revenue_code: line.revenue,
            claim_revenue_codes: &self.revenue_codes,
            procedure: line.procedure,
            modifiers: &line.modifiers,
            diagnoses: diagnoses.get(..count).unwrap_or_default(),
            indicators: indicators.get(..indicator_count).unwrap_or_default(),
            admission_type: institutional.and_then(|claim| claim.admission_type),
            facility_type: institutional.and_then(|claim| claim.facility_type),
            authorization_exception: claim.authorization_exception,
            aid_code: case.facts.member.found().and_then(|member| member.coverage_on(day)?.aid_code),
            taxonomies: [self.rendering_taxonomy.or_else(rendering), self.billing_taxonomy],
        })
    }
}

/// Of an institutional claim: principal and 24 others, rounded up.
const DIAGNOSES_MAX: usize = 32;

/// The item that shows an exemption, with its place among those of its kind on the line.
struct Shown<'c> {
    item: EvidenceItem,
    place: usize,
    /// Of codes that are no diagnosis.
    code: Option<&'c str>,
}

/// Whether the item at a place shows it alone.
type Shows<'c> = &'c dyn Fn(usize) -> bool;

/// Of strong evidence, the first item that shows it alone.
fn shown<'c>(exemption: &Exemption, strength: EvidenceStrength, line: &'c LineEvidence<'_>) -> Shown<'c> {
    let several = Shown {
        item: EvidenceItem::Several,
        place: 0,
        code: None,
    };
    if strength != EvidenceStrength::Strong {
        return several;
    }
    // Bounds hold beside every item.
    let bare = LineEvidence {
        age_years: line.age_years,
        units: line.units,
        ..LineEvidence::default()
    };
    let shows = |evidence: &LineEvidence<'_>| exemption.shown_by(evidence) == Some(EvidenceStrength::Strong);
    let first = |count: usize, shows: Shows<'_>| (0..count).find(|place| shows(*place));
    let part = |place: usize| place..place + 1;
    let place_code = line.place_of_service.as_ref().map(|place| place.as_str());
    let revenue = line.revenue_code.as_ref().map(|code| code.as_str());
    let procedure = line.procedure.as_ref().map(|code| code.as_str());
    #[rustfmt::skip] // a table
    let kinds: [(EvidenceItem, Option<&str>, usize, Shows<'_>); 9] = [
        (EvidenceItem::PlaceOfService, place_code, 1, &|_| shows(&LineEvidence { place_of_service: line.place_of_service, ..bare })),
        (EvidenceItem::RevenueCode, revenue, 1, &|_| shows(&LineEvidence { revenue_code: line.revenue_code, ..bare })),
        (EvidenceItem::Procedure, procedure, 1, &|_| shows(&LineEvidence { procedure: line.procedure, ..bare })),
        (EvidenceItem::Modifier, None, line.modifiers.len(), &|place| shows(&LineEvidence { modifiers: line.modifiers.get(part(place)).unwrap_or_default(), ..bare })),
        (EvidenceItem::Diagnosis, None, line.diagnoses.len(), &|place| shows(&LineEvidence { diagnoses: line.diagnoses.get(part(place)).unwrap_or_default(), ..bare })),
        (EvidenceItem::Indicator, None, 1, &|_| shows(&LineEvidence { indicators: line.indicators, ..bare })),
        (EvidenceItem::AuthorizationException, None, 1, &|_| shows(&LineEvidence { authorization_exception: line.authorization_exception, ..bare })),
        (EvidenceItem::AidCode, None, 1, &|_| shows(&LineEvidence { aid_code: line.aid_code, ..bare })),
        (EvidenceItem::Taxonomy, None, 1, &|_| shows(&LineEvidence { taxonomies: line.taxonomies, ..bare })),
    ];
    let found = kinds
        .iter()
        .find_map(|(item, code, count, shows)| first(*count, *shows).map(|place| (*item, place, *code)));
    found.map_or(several, |(item, place, code)| Shown { item, place, code })
}

fn in_words(item: EvidenceItem) -> &'static str {
    match item {
        EvidenceItem::PlaceOfService => "place of service",
        EvidenceItem::RevenueCode => "revenue code",
        EvidenceItem::Procedure => "procedure",
        EvidenceItem::Modifier => "modifier",
        EvidenceItem::Diagnosis => "diagnosis",
        EvidenceItem::Indicator => "indicator",
        EvidenceItem::AuthorizationException => "service authorization exception",
        EvidenceItem::AidCode => "aid code",
        EvidenceItem::Taxonomy => "taxonomy",
        EvidenceItem::Provider => "provider",
        EvidenceItem::Several => "the claim as a whole",
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
    fn what_shows_an_exemption_is_kept() {
        let dx = |codes: [&str; 2]| {
            therapy("").with(|claim| {
                claim.diagnoses = codes.map(|code| diagnosis(DiagnosisKind::Principal, code)).to_vec();
                claim.lines[0].professional.diagnosis_pointers = [1, 2, 0, 0];
            })
        };
        for (claim, kept) in [
            (
                therapy("").with(|claim| claim.professional_mut().place_of_service = "23".parse().ok()),
                "emergency Strong PlaceOfService CLM05-1",
            ),
            (therapy(":FP"), "family-planning Strong Modifier SV101-3"),
            (therapy(":GP:FP"), "family-planning Strong Modifier SV101-4"),
            (dx(["I10", "A539"]), "sexually-transmitted-disease Strong Diagnosis HI01-2"),
            (
                therapy("").with(|claim| claim.lines[0].professional.is_family_planning = true),
                "family-planning Strong Indicator SV112",
            ),
            (therapy(""), ""),
        ] {
            let determination = decided(&claim, &plan());
            let [line] = determination.lines() else { panic!("one line expected") };
            let found = line.exempted().map(|shown| {
                let place = crate::adjudication::trace::Evidence {
                    loop_id: None,
                    segment: shown.at,
                    element: shown.element,
                    component: shown.component,
                };
                format!("{} {:?} {:?} {}", shown.name, shown.strength, shown.item, place.name())
            });
            assert_eq!(found.unwrap_or_default(), kept);
            assert_eq!(line.exempted().is_some(), outcome(&determination) == PAID);
        }
    }

    #[test]
    fn every_sensitive_service_is_marked_whatever_becomes_of_the_line() {
        let of = |claim: &Claim, received_on: &str| {
            let determination = decided_on(claim, received_on, &plan());
            let line = determination.lines().first().unwrap();
            (line.outcome(), line.sensitivity().join(" "))
        };
        let std = |claim: Claim| claim.with(|claim| claim.diagnoses = vec![diagnosis(DiagnosisKind::Principal, "A539")]);
        use crate::adjudication::determination::LineOutcome::{Denied, Paid, Pended, Recorded};
        const STD: &str = "sexually-transmitted-disease";
        for (what, claim, received_on, expected) in [
            ("paid", std(therapy("")), "2025-02-15", (Paid, STD)),
            (
                "two kinds",
                std(therapy(":FP")),
                "2025-02-15",
                (Paid, "family-planning sexually-transmitted-disease"),
            ),
            ("late", std(therapy("")), "2028-02-15", (Denied, STD)),
            (
                "a void",
                std(therapy("")).with(|claim| claim.frequency = qualifier("8")),
                "2025-02-15",
                (Recorded, STD),
            ),
            (
                "nobody to pay",
                std(therapy("")).with(|claim| Arc::make_mut(&mut claim.billing_provider).npi = None),
                "2025-02-15",
                (Pended, STD),
            ),
            (
                "without a date",
                std(therapy("")).with(|claim| claim.lines[0].service = None),
                "2025-02-15",
                (Pended, STD),
            ),
            ("no sum", std(therapy("")).with(|claim| claim.charge = money("1")), "2025-02-15", (Pended, STD)),
            ("none", therapy(""), "2025-02-15", (Denied, "")),
        ] {
            assert_eq!(of(&claim, received_on), (expected.0, expected.1.to_string()), "{what}");
        }
        // A girl of fourteen: the same, and as what she may consent to.
        let minor = std(therapy(""))
            .of_member(CHILD)
            .with(|claim| claim.lines[0].service = dated("DTP", "2030-02-01"));
        assert_eq!(of(&minor, "2030-02-15"), (Paid, format!("{STD} minor-consent")));
    }

    #[test]
    fn the_providers_group_of_the_day() {
        const GROUPED: &str = "npi,tin,group_tin,taxonomy,kind,contracted,enrolled_from,enrolled_to,payment,routing,account,group_npi\n\
            1234567893,951234567,953000002,261QM1300X,other,yes,,,check,,,\n\
            1003000126,953000001,953000002,207Q00000X,pcp,yes,,,check,,,\n\
            1457389991,953000003,,207Q00000X,pcp,yes,,,check,,,1234567893\n";
        const MOVED: &str = "cin,birth_date,sex,eligible_from,eligible_to,aid_code,network,pcp_npi,share_of_cost,death_date,other_coverage,added_on\n\
            91234567A,1980-05-05,F,2020-01-01,2025-01-31,M1,CCN,1679576722,0,,no,\n\
            91234567A,1980-05-05,F,2025-02-01,2025-02-28,M1,CCN,1003000126,0,,no,\n\
            91234567A,1980-05-05,F,2025-03-01,,M1,CCN,1457389991,0,,no,\n";
        let listed = "code_from,code_to,modifier,line_of_business,effective_from,effective_to,requirement,note\n99214,,,*,,,required,\n";
        let tables = [
            (crate::tables::refdata::ReferenceTable::PriorAuthCodes, listed),
            (crate::tables::refdata::ReferenceTable::Providers, GROUPED),
            (crate::tables::refdata::ReferenceTable::Members, MOVED),
        ];
        let plan = tables
            .iter()
            .fold(plan(), |plan, (table, text)| plan.with_table(*table, text.as_bytes()).unwrap());
        // One claim over three months, each with a provider of its own: nobody's group, one that the billing
        // provider is of by its TIN, and one whose group the billing provider is by its NPI.
        let visits = claim(["2025-01-20", "2025-02-20", "2025-03-20"].map(|day| line("99214", 1, "150", day)).to_vec());
        let paid = "paid 122.05 CO-45 27.95";
        assert_eq!(lines_of(&decided_on(&visits, "2025-04-15", &plan)), ["denied CO-197 150.00", paid, paid]);
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
