//! The `params` of a restriction: JSON by kind (INTERFACE 4), parsed once at load.

use compact_str::CompactString;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::code_columns::{CodeType, parse_typed_code};
use super::members::Sex;
use super::prior_auth_codes::parse_place;
use super::restriction_kind::{
    AdmissionCondition, AidCodeCondition, CalendarPart, CodeRanges, EnrolledRole, ModifierCondition, NdcCondition, Referral, ReferralRole, RestrictionKind,
    TelehealthCondition,
};
use crate::ids::{Code, Modifier};
use crate::money::Quantity;
use crate::tables::code_range::CodeRange;
use crate::tables::csv_table::{Problem, vocabulary};

/// Longer ago no stay counts as the one before.
const READMISSION_DAYS_MAX: u16 = 366;

vocabulary! {
    KindWord {
        Age = "age",
        Sex = "sex",
        PlaceOfService = "place_of_service",
        Taxonomy = "taxonomy",
        Modifier = "modifier",
        Diagnosis = "diagnosis",
        UnitsPerLine = "units_per_line",
        UnitsPerDay = "units_per_day",
        Frequency = "frequency",
        NonCovered = "non_covered",
        BillType = "bill_type",
        PatientStatus = "patient_status",
        ReferringOrdering = "referring_ordering",
        RevenueNeedsProcedure = "revenue_needs_procedure",
        Bundled = "bundled",
        MutuallyExclusive = "mutually_exclusive",
        AddOn = "add_on",
        Ndc = "ndc",
        Unlisted = "unlisted",
        Attachment = "attachment",
        Consent = "consent",
        Newborn = "newborn",
        Clia = "clia",
        Telehealth = "telehealth",
        PresentOnAdmission = "present_on_admission",
        Span = "span",
        AidCode = "aid_code",
        OutOfNetwork = "out_of_network",
        FeeListed = "fee_listed",
        Enrolled = "enrolled",
        Readmission = "readmission",
        Hospice = "hospice",
    }
}

impl KindWord {
    /// What the parameters look like; shown when they do not.
    fn example(self) -> &'static str {
        match self {
            KindWord::Age => r#"{"min_years":0,"max_years":20}"#,
            KindWord::Sex => r#"{"sex":"F"} or {"sex":"M"}"#,
            KindWord::PlaceOfService => r#"{"allow":["11","22"]}"#,
            KindWord::Taxonomy => r#"{"allow_prefix":["207","208"]}"#,
            KindWord::Modifier => r#"{"require_any":["26","TC"]} or {"forbid":["50"]}"#,
            KindWord::Diagnosis => r#"{"require_prefix":["Z30"]}"#,
            KindWord::UnitsPerLine | KindWord::UnitsPerDay => r#"{"max":4}"#,
            KindWord::Frequency => r#"{"max":1,"months":12}"#,
            KindWord::BillType => r#"{"allow":["13x","851"]}"#,
            KindWord::PatientStatus => r#"{"allow":["01","30"]}"#,
            KindWord::ReferringOrdering => r#"{"role":"ordering","on_file":true,"allow_prefix":["207"]}, role one of referring, ordering, either"#,
            KindWord::RevenueNeedsProcedure => r#"{"require_procedure":true} or {"procedures":["J0120-J9999"]}"#,
            KindWord::Bundled => r#"{"into":["99202-99215"]}"#,
            KindWord::MutuallyExclusive => r#"{"with":["99381-99397"]}"#,
            KindWord::AddOn => r#"{"primary":["90791","99202-99215"]}"#,
            KindWord::Ndc => r#"{"require":"code"} or {"require":"quantity"} or {"allow_prefix":["99999"]}"#,
            KindWord::Attachment | KindWord::Consent => r#"{} or {"with_control":true}"#,
            KindWord::Newborn => r#"{"months_after":1}"#,
            KindWord::Telehealth => r#"{"covered":false} or {"require_any":["93","95"]}"#,
            KindWord::PresentOnAdmission => r#"{"require":true} or {"forbid":["N","U"]}"#,
            KindWord::Span => r#"{"within":"month"} or {"within":"year"}"#,
            KindWord::AidCode => r#"{"allow":["M1"]} or {"forbid":["M1"]}"#,
            KindWord::Enrolled => r#"{"role":"billing"} or {"role":"rendering"}"#,
            KindWord::Readmission => r#"{"days":30}"#,
            KindWord::Hospice => r#"{} or {"unless_modifier":["GV","GW"]}"#,
            KindWord::NonCovered | KindWord::Unlisted | KindWord::Clia | KindWord::OutOfNetwork | KindWord::FeeListed => "{}",
        }
    }
}

/// # Errors
/// [`Problem::Unexpected`] with an example of the kind's parameters.
pub(super) fn read_kind(kind: KindWord, params: &str) -> Result<RestrictionKind, Problem> {
    let parsed = match kind {
        KindWord::Age => parse(params, |age: Age| {
            let ordered = age.min_years.zip(age.max_years).is_none_or(|(min, max)| min <= max);
            let bounded = age.min_years.is_some() || age.max_years.is_some();
            (ordered && bounded).then_some(RestrictionKind::Age {
                min_years: age.min_years,
                max_years: age.max_years,
            })
        }),
        KindWord::Sex => parse(params, |params: OfSex| match params.sex {
            Sex::Female | Sex::Male => Some(RestrictionKind::Sex(params.sex)),
            Sex::Unknown => None,
        }),
        KindWord::PlaceOfService => parse(params, |params: Allow| {
            Some(RestrictionKind::PlaceOfService {
                allow: each(&params.allow, parse_place)?,
            })
        }),
        KindWord::Taxonomy => parse(params, |params: AllowPrefix| {
            Some(RestrictionKind::Taxonomy {
                allow_prefix: each(&params.allow_prefix, parse_prefix)?,
            })
        }),
        KindWord::Modifier => parse(params, |params: OfModifier| match params {
            OfModifier {
                require_any: Some(any),
                forbid: None,
            } => Some(ModifierCondition::RequireAny(each(&any, parse_modifier)?)),
            OfModifier {
                require_any: None,
                forbid: Some(none),
            } => Some(ModifierCondition::Forbid(each(&none, parse_modifier)?)),
            OfModifier { .. } => None,
        })
        .map(RestrictionKind::Modifier),
        KindWord::Diagnosis => parse(params, |params: RequirePrefix| {
            Some(RestrictionKind::Diagnosis {
                require_prefix: each(&params.require_prefix, |text| parse_prefix(&text.replace('.', "")))?,
            })
        }),
        KindWord::UnitsPerLine => parse(params, |params: Max| Some(RestrictionKind::UnitsPerLine { max: quantity(&params.max)? })),
        KindWord::UnitsPerDay => parse(params, |params: Max| Some(RestrictionKind::UnitsPerDay { max: quantity(&params.max)? })),
        KindWord::Frequency => parse(params, |params: MaxInMonths| {
            Some(RestrictionKind::Frequency {
                max: quantity(&params.max)?,
                months: Some(params.months).filter(|months| *months > 0)?,
            })
        }),
        KindWord::NonCovered => empty(params, RestrictionKind::NonCovered),
        KindWord::BillType => parse(params, |params: Allow| {
            Some(RestrictionKind::BillType {
                allow_prefix: each(&params.allow, |text| Some(parse_typed_code(CodeType::TypeOfBill, text)?.as_str().into()))?,
            })
        }),
        KindWord::PatientStatus => parse(params, |params: Allow| {
            Some(RestrictionKind::PatientStatus {
                allow: each(&params.allow, |text| text.parse().ok().filter(|_| text.len() == 2))?,
            })
        }),
        KindWord::ReferringOrdering => parse(params, |params: OfReferral| {
            Some(RestrictionKind::ReferringOrdering(Referral {
                role: params.role,
                on_file: params.on_file,
                allow_prefix: match params.allow_prefix {
                    None => Vec::new(),
                    Some(prefixes) => each(&prefixes, parse_prefix)?,
                },
            }))
        }),
        KindWord::RevenueNeedsProcedure => parse(params, |params: OfProcedures| match params {
            OfProcedures {
                require_procedure: Some(true),
                procedures: None,
            } => Some(CodeRanges::default()),
            OfProcedures {
                require_procedure: None,
                procedures: Some(procedures),
            } => code_ranges(&procedures),
            OfProcedures { .. } => None,
        })
        .map(RestrictionKind::RevenueNeedsProcedure),
        KindWord::Bundled => parse(params, |params: OfBundle| {
            Some(RestrictionKind::Bundled {
                into: code_ranges(&params.into)?,
            })
        }),
        KindWord::MutuallyExclusive => parse(params, |params: OfExclusion| {
            Some(RestrictionKind::MutuallyExclusive {
                with: code_ranges(&params.with)?,
            })
        }),
        KindWord::AddOn => parse(params, |params: OfAddOn| {
            Some(RestrictionKind::AddOn {
                primary: code_ranges(&params.primary)?,
            })
        }),
        KindWord::Ndc => parse(params, |params: OfNdc| match params {
            OfNdc {
                require: Some(NdcPart::Code),
                allow_prefix: None,
            } => Some(NdcCondition::Code),
            OfNdc {
                require: Some(NdcPart::Quantity),
                allow_prefix: None,
            } => Some(NdcCondition::Quantity),
            OfNdc {
                require: None,
                allow_prefix: Some(prefixes),
            } => Some(NdcCondition::AllowPrefix(each(&prefixes, parse_digits)?)),
            OfNdc { .. } => None,
        })
        .map(RestrictionKind::Ndc),
        KindWord::Unlisted => empty(params, RestrictionKind::Unlisted),
        KindWord::Attachment | KindWord::Consent => parse(or_empty(params), |params: WithControl| {
            Some(RestrictionKind::Attachment {
                with_control: params.with_control,
            })
        }),
        KindWord::Newborn => parse(params, |params: MonthsAfter| {
            Some(RestrictionKind::Newborn {
                months_after: Some(params.months_after).filter(|months| *months <= 12)?,
            })
        }),
        KindWord::Clia => empty(params, RestrictionKind::Clia),
        KindWord::Telehealth => parse(params, |params: OfTelehealth| match params {
            OfTelehealth {
                covered: Some(false),
                require_any: None,
            } => Some(TelehealthCondition::NotCovered),
            OfTelehealth {
                covered: None,
                require_any: Some(any),
            } => Some(TelehealthCondition::RequireAny(each(&any, parse_modifier)?)),
            OfTelehealth { .. } => None,
        })
        .map(RestrictionKind::Telehealth),
        KindWord::PresentOnAdmission => parse(params, |params: OfAdmission| match params {
            OfAdmission {
                require: Some(true),
                forbid: None,
            } => Some(AdmissionCondition::Required),
            OfAdmission {
                require: None,
                forbid: Some(indicators),
            } => Some(AdmissionCondition::Forbid(each(&indicators, |text| {
                text.parse().ok().filter(|_| text.len() == 1)
            })?)),
            OfAdmission { .. } => None,
        })
        .map(RestrictionKind::PresentOnAdmission),
        KindWord::Span => parse(params, |params: Within| Some(RestrictionKind::Span { within: params.within })),
        KindWord::AidCode => parse(params, |params: AllowOrForbid| match params {
            AllowOrForbid {
                allow: Some(allow),
                forbid: None,
            } => Some(AidCodeCondition::Allow(each(&allow, |text| text.parse().ok())?)),
            AllowOrForbid {
                allow: None,
                forbid: Some(forbid),
            } => Some(AidCodeCondition::Forbid(each(&forbid, |text| text.parse().ok())?)),
            AllowOrForbid { .. } => None,
        })
        .map(RestrictionKind::AidCode),
        KindWord::OutOfNetwork => empty(params, RestrictionKind::OutOfNetwork),
        KindWord::FeeListed => empty(params, RestrictionKind::FeeListed),
        KindWord::Enrolled => parse(params, |params: OfRole| Some(RestrictionKind::Enrolled(params.role))),
        KindWord::Readmission => parse(params, |params: InDays| {
            Some(RestrictionKind::Readmission {
                days: Some(params.days).filter(|days| (1..=READMISSION_DAYS_MAX).contains(days))?,
            })
        }),
        KindWord::Hospice => parse(or_empty(params), |params: UnlessModifier| {
            Some(RestrictionKind::Hospice {
                unless_modifier: params.unless_modifier.map_or(Some(Vec::new()), |modifiers| each(&modifiers, parse_modifier))?,
            })
        }),
    };
    parsed.ok_or(Problem::Unexpected { expected: kind.example() })
}

fn parse<P: DeserializeOwned, T>(params: &str, convert: impl FnOnce(P) -> Option<T>) -> Option<T> {
    serde_json::from_str(params).ok().and_then(convert)
}

fn empty(params: &str, kind: RestrictionKind) -> Option<RestrictionKind> {
    parse(or_empty(params), |_: Empty| Some(kind))
}

fn or_empty(params: &str) -> &str {
    if params.is_empty() { "{}" } else { params }
}

/// Codes and ranges such as `99202-99215`.
fn code_ranges(texts: &[CompactString]) -> Option<CodeRanges> {
    let range = |text: &str| {
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        let code = |text| parse_typed_code(CodeType::Hcpcs, text);
        CodeRange::exact(code(from)?, code(to)?).ok()
    };
    each(texts, range).map(CodeRanges)
}

fn parse_digits(text: &str) -> Option<CompactString> {
    let is_some = (1..=11).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_some.then(|| text.into())
}

/// Every text converted; `None` when one cannot be, or there is none.
fn each<T>(texts: &[CompactString], convert: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    texts
        .iter()
        .map(|text| convert(text))
        .collect::<Option<Vec<T>>>()
        .filter(|converted| !converted.is_empty())
}

fn parse_modifier(text: &str) -> Option<Modifier> {
    Modifier::parse(text.as_bytes()).ok().filter(|_| text.len() == 2)
}

fn parse_prefix(text: &str) -> Option<CompactString> {
    Code::<10>::parse(text.as_bytes()).ok().map(|_| text.into())
}

fn quantity(number: &serde_json::Number) -> Option<Quantity> {
    Quantity::parse_x12(number.to_string().as_bytes())
        .ok()
        .filter(|quantity| !quantity.is_negative())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Age {
    min_years: Option<u16>,
    max_years: Option<u16>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfSex {
    sex: Sex,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Allow {
    allow: Vec<CompactString>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AllowPrefix {
    allow_prefix: Vec<CompactString>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfModifier {
    require_any: Option<Vec<CompactString>>,
    forbid: Option<Vec<CompactString>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequirePrefix {
    require_prefix: Vec<CompactString>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Max {
    max: serde_json::Number,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MaxInMonths {
    max: serde_json::Number,
    months: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfReferral {
    role: ReferralRole,
    #[serde(default)]
    on_file: bool,
    allow_prefix: Option<Vec<CompactString>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfProcedures {
    require_procedure: Option<bool>,
    procedures: Option<Vec<CompactString>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfBundle {
    into: Vec<CompactString>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfExclusion {
    with: Vec<CompactString>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfAddOn {
    primary: Vec<CompactString>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfNdc {
    require: Option<NdcPart>,
    allow_prefix: Option<Vec<CompactString>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum NdcPart {
    Code,
    Quantity,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WithControl {
    #[serde(default)]
    with_control: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfRole {
    role: EnrolledRole,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InDays {
    days: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UnlessModifier {
    unless_modifier: Option<Vec<CompactString>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MonthsAfter {
    months_after: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfTelehealth {
    covered: Option<bool>,
    require_any: Option<Vec<CompactString>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfAdmission {
    require: Option<bool>,
    forbid: Option<Vec<CompactString>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Within {
    within: CalendarPart,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AllowOrForbid {
    allow: Option<Vec<CompactString>>,
    forbid: Option<Vec<CompactString>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Empty {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_by_kind() {
        let modifiers = |texts: &[&str]| texts.iter().filter_map(|text| parse_modifier(text)).collect::<Vec<_>>();
        let half = Quantity::parse_x12(b"0.5").unwrap();
        for (kind, params, read) in [
            (
                KindWord::Age,
                r#"{"min_years":0,"max_years":20}"#,
                Some(RestrictionKind::Age {
                    min_years: Some(0),
                    max_years: Some(20),
                }),
            ),
            (
                KindWord::Age,
                r#"{"max_years":20}"#,
                Some(RestrictionKind::Age {
                    min_years: None,
                    max_years: Some(20),
                }),
            ),
            (KindWord::Age, r#"{"min_years":21,"max_years":20}"#, None),
            (KindWord::Age, "{}", None),
            (KindWord::Sex, r#"{"sex":"F"}"#, Some(RestrictionKind::Sex(Sex::Female))),
            (KindWord::Sex, r#"{"sex":"U"}"#, None),
            (
                KindWord::PlaceOfService,
                r#"{"allow":["11","22"]}"#,
                Some(RestrictionKind::PlaceOfService {
                    allow: vec!["11".parse().unwrap(), "22".parse().unwrap()],
                }),
            ),
            (KindWord::PlaceOfService, r#"{"allow":[]}"#, None),
            (KindWord::PlaceOfService, r#"{"allow":["office"]}"#, None),
            (
                KindWord::Taxonomy,
                r#"{"allow_prefix":["207"]}"#,
                Some(RestrictionKind::Taxonomy {
                    allow_prefix: vec!["207".into()],
                }),
            ),
            (
                KindWord::Modifier,
                r#"{"require_any":["26","TC"]}"#,
                Some(RestrictionKind::Modifier(ModifierCondition::RequireAny(modifiers(&["26", "TC"])))),
            ),
            (
                KindWord::Modifier,
                r#"{"forbid":["50"]}"#,
                Some(RestrictionKind::Modifier(ModifierCondition::Forbid(modifiers(&["50"])))),
            ),
            (KindWord::Modifier, r#"{"forbid":["50"],"require_any":["26"]}"#, None),
            (
                KindWord::Diagnosis,
                r#"{"require_prefix":["Z30.0"]}"#,
                Some(RestrictionKind::Diagnosis {
                    require_prefix: vec!["Z300".into()],
                }),
            ),
            (
                KindWord::UnitsPerLine,
                r#"{"max":4}"#,
                Some(RestrictionKind::UnitsPerLine { max: Quantity::whole(4) }),
            ),
            (KindWord::UnitsPerDay, r#"{"max":0.5}"#, Some(RestrictionKind::UnitsPerDay { max: half })),
            (KindWord::UnitsPerDay, r#"{"max":-1}"#, None),
            (
                KindWord::Frequency,
                r#"{"max":1,"months":12}"#,
                Some(RestrictionKind::Frequency {
                    max: Quantity::ONE,
                    months: 12,
                }),
            ),
            (KindWord::Frequency, r#"{"max":1,"months":0}"#, None),
            (KindWord::Frequency, r#"{"max":1,"months":12,"years":1}"#, None),
            (KindWord::NonCovered, "{}", Some(RestrictionKind::NonCovered)),
            (KindWord::NonCovered, "", Some(RestrictionKind::NonCovered)),
            (KindWord::NonCovered, r#"{"max":1}"#, None),
        ] {
            assert_eq!(read_kind(kind, params).ok(), read, "{params}");
        }
    }

    #[test]
    fn every_kind_reads_its_examples_and_nothing_like_them() {
        for kind in KindWord::ALL {
            let examples = kind.example().split(", role").next().unwrap();
            for example in examples.split(" or ") {
                assert!(read_kind(*kind, example).is_ok(), "{} {example}", kind.as_str());
                let with_more = example.replacen('{', r#"{"more":1,"#, 1).replace(",}", "}");
                assert!(read_kind(*kind, &with_more).is_err(), "{} {with_more}", kind.as_str());
            }
        }
        for (kind, params) in [
            (KindWord::BillType, r#"{"allow":["1131"]}"#),
            (KindWord::PatientStatus, r#"{"allow":["1"]}"#),
            (KindWord::ReferringOrdering, r#"{"role":"attending"}"#),
            (KindWord::ReferringOrdering, r#"{"role":"either","allow_prefix":[]}"#),
            (KindWord::RevenueNeedsProcedure, r#"{"require_procedure":false}"#),
            (KindWord::RevenueNeedsProcedure, r#"{"procedures":["J9999-J0120"]}"#),
            (KindWord::Bundled, r#"{"into":[]}"#),
            (KindWord::AddOn, r#"{"primary":["99-1"]}"#),
            (KindWord::Ndc, r#"{"require":"unit"}"#),
            (KindWord::Ndc, r#"{"allow_prefix":["99999-0001"]}"#),
            (KindWord::Newborn, r#"{"months_after":13}"#),
            (KindWord::Telehealth, r#"{"covered":true}"#),
            (KindWord::PresentOnAdmission, r#"{"forbid":["NO"]}"#),
            (KindWord::PresentOnAdmission, r#"{"require":true,"forbid":["N"]}"#),
            (KindWord::Span, r#"{"within":"week"}"#),
            (KindWord::AidCode, r#"{"allow":["M1"],"forbid":["M2"]}"#),
            (KindWord::AidCode, r#"{"allow":["M1M"]}"#),
            (KindWord::Span, ""),
            (KindWord::Enrolled, r#"{"role":"attending"}"#),
            (KindWord::Readmission, r#"{"days":0}"#),
            (KindWord::Readmission, r#"{"days":367}"#),
            (KindWord::Hospice, r#"{"unless_modifier":[]}"#),
        ] {
            assert!(read_kind(kind, params).is_err(), "{} {params}", kind.as_str());
        }
    }
}
