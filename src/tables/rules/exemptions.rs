//! Services that need no prior authorization, and the evidence for them on a claim (DOMAIN C3).

use compact_str::CompactString;
use serde::Deserialize;

use super::code_list::{CodeList, DiagnosisList, parse_code};
use crate::ids::{AidCode, Modifier, PlaceOfService, ProcedureCode, Qualifier, RevenueCode};
use crate::money::Quantity;
use crate::tables::code_range::CodeKey;

/// One exempt service.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exemption {
    pub name: CompactString,
    /// May be rendered outside the network.
    #[serde(default)]
    pub any_network: bool,
    /// Notices about it may be suppressed.
    #[serde(default)]
    pub sensitive: bool,
    /// One item is enough.
    #[serde(default)]
    strong: Evidence,
    /// Of one entry, an item of every kind it lists.
    #[serde(default)]
    together: Vec<Evidence>,
    /// Items of two kinds.
    #[serde(default)]
    weak: Evidence,
    #[serde(rename = "example", default)]
    pub(super) examples: Vec<Example>,
}

/// What a line must show. Bounds hold beside the lists.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Evidence {
    age_min: Option<u16>,
    age_max: Option<u16>,
    units_max: Option<Quantity>,
    places_of_service: Vec<PlaceOfService>,
    revenue_codes: CodeList,
    /// On any line of the claim.
    claim_revenue_codes: CodeList,
    procedures: CodeList,
    modifiers: Vec<Modifier>,
    diagnoses: DiagnosisList,
    indicators: Vec<Indicator>,
    admission_types: Vec<Qualifier>,
    facility_types: Vec<Qualifier>,
    authorization_exceptions: Vec<Qualifier>,
    aid_codes: Vec<AidCode>,
}

/// A yes on the claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Indicator {
    /// SV109.
    Emergency,
    /// SV111.
    Epsdt,
    /// SV112.
    FamilyPlanning,
    /// CRC*ZZ.
    EpsdtReferral,
    /// PAT09.
    Pregnancy,
}

/// What is known of a service line.
#[derive(Debug, Clone, Copy, Default)]
pub struct LineEvidence<'a> {
    pub age_years: Option<u16>,
    pub units: Quantity,
    pub place_of_service: Option<PlaceOfService>,
    pub revenue_code: Option<RevenueCode>,
    /// Of every line of the claim.
    pub claim_revenue_codes: &'a [RevenueCode],
    pub procedure: Option<ProcedureCode>,
    pub modifiers: &'a [Option<Modifier>],
    /// Pointed diagnoses (P), all of the claim (I); keys, since codes are protected.
    pub diagnoses: &'a [CodeKey],
    pub indicators: &'a [Indicator],
    /// CL101.
    pub admission_type: Option<Qualifier>,
    /// CLM05-1 of an institutional claim.
    pub facility_type: Option<Qualifier>,
    /// REF*4N.
    pub authorization_exception: Option<Qualifier>,
    /// Of the member on the service date.
    pub aid_code: Option<AidCode>,
}

/// How well a line shows that it is exempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvidenceStrength {
    Strong,
    /// Items that count in combination.
    Together,
    /// Two weak items of different kinds.
    TwoWeak,
}

impl Exemption {
    /// How the line shows that it is this service; `None` when it does not.
    pub fn shown_by(&self, line: &LineEvidence<'_>) -> Option<EvidenceStrength> {
        if self.strong.found(line) > 0 {
            Some(EvidenceStrength::Strong)
        } else if self.together.iter().any(|evidence| evidence.is_complete(line)) {
            Some(EvidenceStrength::Together)
        } else if self.weak.found(line) > 1 {
            Some(EvidenceStrength::TwoWeak)
        } else {
            None
        }
    }

    /// Lines that prove it, exempt or not.
    pub fn example_count(&self) -> usize {
        self.examples.len()
    }

    /// Whether every entry of evidence can ever be met.
    pub(super) fn is_empty(&self) -> bool {
        self.strong.is_empty() && self.weak.is_empty() && self.together.iter().all(Evidence::is_empty)
    }

    pub(super) fn has_boundless_combination(&self) -> bool {
        self.together.iter().any(Evidence::is_empty)
    }
}

impl Evidence {
    /// For each kind of item: `None` when not listed, else whether the line has one.
    fn kinds(&self, line: &LineEvidence<'_>) -> [Option<bool>; 11] {
        let key = |code: &[u8]| CodeKey::of(code);
        let has = |listed: bool, found: bool| listed.then_some(found);
        let one_of = |list: &[Qualifier], value: Option<Qualifier>| has(!list.is_empty(), value.is_some_and(|value| list.contains(&value)));
        [
            has(
                !self.places_of_service.is_empty(),
                line.place_of_service.is_some_and(|place| self.places_of_service.contains(&place)),
            ),
            has(
                !self.revenue_codes.is_empty(),
                line.revenue_code.is_some_and(|code| self.revenue_codes.contains(key(code.as_bytes()))),
            ),
            has(
                !self.claim_revenue_codes.is_empty(),
                line.claim_revenue_codes
                    .iter()
                    .any(|code| self.claim_revenue_codes.contains(key(code.as_bytes()))),
            ),
            has(
                !self.procedures.is_empty(),
                line.procedure.is_some_and(|code| self.procedures.contains(key(code.as_bytes()))),
            ),
            has(
                !self.modifiers.is_empty(),
                line.modifiers.iter().flatten().any(|modifier| self.modifiers.contains(modifier)),
            ),
            has(!self.diagnoses.is_empty(), line.diagnoses.iter().any(|code| self.diagnoses.contains(*code))),
            has(
                !self.indicators.is_empty(),
                line.indicators.iter().any(|indicator| self.indicators.contains(indicator)),
            ),
            one_of(&self.admission_types, line.admission_type),
            one_of(&self.facility_types, line.facility_type),
            one_of(&self.authorization_exceptions, line.authorization_exception),
            has(!self.aid_codes.is_empty(), line.aid_code.is_some_and(|code| self.aid_codes.contains(&code))),
        ]
    }

    fn is_within_bounds(&self, line: &LineEvidence<'_>) -> bool {
        self.age_min.is_none_or(|age| line.age_years.is_some_and(|years| age <= years))
            && self.age_max.is_none_or(|age| line.age_years.is_some_and(|years| years <= age))
            && self.units_max.is_none_or(|units| line.units <= units)
    }

    /// Kinds of items that the line has.
    fn found(&self, line: &LineEvidence<'_>) -> usize {
        if self.is_within_bounds(line) {
            self.kinds(line).iter().filter(|kind| **kind == Some(true)).count()
        } else {
            0
        }
    }

    /// Whether the line has an item of every kind listed.
    fn is_complete(&self, line: &LineEvidence<'_>) -> bool {
        self.is_within_bounds(line) && self.kinds(line).iter().all(|kind| *kind != Some(false))
    }

    /// Lists nothing, so that bounds alone would decide.
    fn is_empty(&self) -> bool {
        self.kinds(&LineEvidence::default()).iter().all(Option::is_none)
    }
}

/// A line and whether it is exempt: every exemption carries its own proof.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Example {
    line: ExampleLine,
    pub(super) exempt: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ExampleLine {
    age_years: Option<u16>,
    units: Option<Quantity>,
    place_of_service: Option<PlaceOfService>,
    revenue_code: Option<RevenueCode>,
    claim_revenue_codes: Vec<RevenueCode>,
    procedure: Option<ProcedureCode>,
    modifiers: Vec<Modifier>,
    diagnoses: Vec<CompactString>,
    indicators: Vec<Indicator>,
    admission_type: Option<Qualifier>,
    facility_type: Option<Qualifier>,
    authorization_exception: Option<Qualifier>,
    aid_code: Option<AidCode>,
}

impl Example {
    /// Whether the exemption answers as the example says.
    pub(super) fn holds(&self, exemption: &Exemption) -> bool {
        let line = &self.line;
        let modifiers: Vec<Option<Modifier>> = line.modifiers.iter().copied().map(Some).collect();
        let diagnoses: Vec<CodeKey> = line
            .diagnoses
            .iter()
            .filter_map(|code| parse_code(code))
            .map(|code| CodeKey::of(code.as_bytes()))
            .collect();
        let evidence = LineEvidence {
            age_years: line.age_years,
            units: line.units.unwrap_or(Quantity::ONE),
            place_of_service: line.place_of_service,
            revenue_code: line.revenue_code,
            claim_revenue_codes: &line.claim_revenue_codes,
            procedure: line.procedure,
            modifiers: &modifiers,
            diagnoses: &diagnoses,
            indicators: &line.indicators,
            admission_type: line.admission_type,
            facility_type: line.facility_type,
            authorization_exception: line.authorization_exception,
            aid_code: line.aid_code,
        };
        exemption.shown_by(&evidence).is_some() == self.exempt
    }
}
