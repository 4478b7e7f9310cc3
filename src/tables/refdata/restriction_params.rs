//! The `params` of a restriction: JSON by kind (INTERFACE 4), parsed once at load.

use compact_str::CompactString;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::members::Sex;
use super::prior_auth_codes::parse_place;
use super::restrictions::{ModifierCondition, RestrictionKind};
use crate::ids::{Code, Modifier};
use crate::money::Quantity;
use crate::tables::csv_table::{Problem, vocabulary};

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
            KindWord::NonCovered => "{}",
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
        KindWord::NonCovered => parse(if params.is_empty() { "{}" } else { params }, |_: Empty| Some(RestrictionKind::NonCovered)),
    };
    parsed.ok_or(Problem::Unexpected { expected: kind.example() })
}

fn parse<P: DeserializeOwned, T>(params: &str, convert: impl FnOnce(P) -> Option<T>) -> Option<T> {
    serde_json::from_str(params).ok().and_then(convert)
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
}
