//! Services that need no prior authorization, and the evidence for them on a claim (DOMAIN C3).

use std::ops::ControlFlow;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::code_list::{CodeList, DiagnosisList, parse_code};
use crate::ids::{AidCode, Modifier, PlaceOfService, ProcedureCode, Qualifier, RevenueCode, Taxonomy};
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
    /// May be rendered outside the network, and needs as much authorization as within it.
    #[serde(default)]
    pub network_only: bool,
    /// Paid before other coverage, which is asked for its part later (DOMAIN E3).
    #[serde(default)]
    pub pay_and_chase: bool,
    /// Notices about it may be suppressed.
    #[serde(default)]
    pub sensitive: bool,
    /// Procedures that are never this service.
    #[serde(default)]
    exclude_procedures: CodeList,
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
pub(super) struct Evidence {
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
    /// Beginnings of taxonomies, of who rendered or who bills.
    taxonomy_prefixes: Vec<CompactString>,
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
    /// Of who rendered and who bills.
    pub taxonomies: [Option<Taxonomy>; 2],
}

/// How well a line shows that it is exempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvidenceStrength {
    /// One item that is enough.
    Strong,
    /// Items that count in combination.
    Together,
    /// Two weak items of different kinds.
    TwoWeak,
}

/// The kind of item that shows an exempt service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvidenceItem {
    PlaceOfService,
    RevenueCode,
    Procedure,
    Modifier,
    Diagnosis,
    Indicator,
    AuthorizationException,
    AidCode,
    Taxonomy,
    /// Who rendered, as the assigned provider.
    Provider,
    /// More than one item, or the bill as a whole.
    Several,
}

impl Exemption {
    /// How the line shows that it is this service; `None` when it does not.
    pub fn shown_by(&self, line: &LineEvidence<'_>) -> Option<EvidenceStrength> {
        let is_excluded = |code: ProcedureCode| self.exclude_procedures.contains(CodeKey::of(code.as_bytes()));
        if line.procedure.is_some_and(is_excluded) {
            None
        } else if self.strong.found(line) > 0 {
            Some(EvidenceStrength::Strong)
        } else if self.together.iter().any(|evidence| evidence.is_complete(line)) {
            Some(EvidenceStrength::Together)
        } else if self.weak.found(line) > 1 {
            Some(EvidenceStrength::TwoWeak)
        } else {
            None
        }
    }

    /// Adds to `needed` one kind of item of every way in which it is shown.
    pub(super) fn needs(&self, needed: &mut Evidence) {
        for evidence in [&self.strong, &self.weak] {
            evidence.add_all(needed);
        }
        self.together.iter().for_each(|evidence| evidence.add_rarest(needed));
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
    /// Calls `judge` with each kind of item that is listed: whether the line has one. Every line comes here,
    /// and most entries list two or three kinds: what is not listed is not looked for.
    fn each_kind<B>(&self, line: &LineEvidence<'_>, mut judge: impl FnMut(bool) -> ControlFlow<B>) -> ControlFlow<B> {
        let holds = |list: &CodeList, code: Option<&[u8]>| code.is_some_and(|code| list.contains(CodeKey::of(code)));
        if !self.places_of_service.is_empty() {
            judge(line.place_of_service.is_some_and(|place| self.places_of_service.contains(&place)))?;
        }
        if !self.revenue_codes.is_empty() {
            judge(holds(&self.revenue_codes, line.revenue_code.as_ref().map(RevenueCode::as_bytes)))?;
        }
        if !self.claim_revenue_codes.is_empty() {
            let mut codes = line.claim_revenue_codes.iter();
            judge(codes.any(|code| holds(&self.claim_revenue_codes, Some(code.as_bytes()))))?;
        }
        if !self.procedures.is_empty() {
            judge(holds(&self.procedures, line.procedure.as_ref().map(ProcedureCode::as_bytes)))?;
        }
        if !self.modifiers.is_empty() {
            judge(line.modifiers.iter().flatten().any(|modifier| self.modifiers.contains(modifier)))?;
        }
        if !self.diagnoses.is_empty() {
            judge(line.diagnoses.iter().any(|code| self.diagnoses.contains(*code)))?;
        }
        if !self.indicators.is_empty() {
            judge(line.indicators.iter().any(|indicator| self.indicators.contains(indicator)))?;
        }
        for (list, value) in [
            (&self.admission_types, line.admission_type),
            (&self.facility_types, line.facility_type),
            (&self.authorization_exceptions, line.authorization_exception),
        ] {
            if !list.is_empty() {
                judge(value.is_some_and(|value| list.contains(&value)))?;
            }
        }
        if !self.aid_codes.is_empty() {
            judge(line.aid_code.is_some_and(|code| self.aid_codes.contains(&code)))?;
        }
        if !self.taxonomy_prefixes.is_empty() {
            let begins = |taxonomy: &Taxonomy| self.taxonomy_prefixes.iter().any(|prefix| taxonomy.as_bytes().starts_with(prefix.as_bytes()));
            judge(line.taxonomies.iter().flatten().any(begins))?;
        }
        ControlFlow::Continue(())
    }

    fn is_within_bounds(&self, line: &LineEvidence<'_>) -> bool {
        self.age_min.is_none_or(|age| line.age_years.is_some_and(|years| age <= years))
            && self.age_max.is_none_or(|age| line.age_years.is_some_and(|years| years <= age))
            && self.units_max.is_none_or(|units| line.units <= units)
    }

    /// Kinds of items that the line has.
    fn found(&self, line: &LineEvidence<'_>) -> usize {
        let mut found = 0;
        if self.is_within_bounds(line) {
            let _ = self.each_kind(line, |has| {
                found += usize::from(has);
                ControlFlow::<()>::Continue(())
            });
        }
        found
    }

    /// Whether the line has an item of every kind listed.
    fn is_complete(&self, line: &LineEvidence<'_>) -> bool {
        let go_on = |has| if has { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
        self.is_within_bounds(line) && self.each_kind(line, go_on).is_continue()
    }

    /// Whether the line has an item of any kind, whatever the bounds.
    pub(super) fn has_any(&self, line: &LineEvidence<'_>) -> bool {
        let stop = |has| if has { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        self.each_kind(line, stop).is_break()
    }

    /// Whether it lists nothing but what stands on lines as codes: revenue codes, modifiers, indicators, and
    /// the member's aid code.
    pub(super) fn has_line_codes_only(&self) -> bool {
        let Evidence {
            age_min: _,
            age_max: _,
            units_max: _,
            places_of_service,
            revenue_codes: _,
            claim_revenue_codes,
            procedures: _,
            modifiers: _,
            diagnoses: _,
            indicators: _,
            admission_types,
            facility_types,
            authorization_exceptions,
            aid_codes: _,
            taxonomy_prefixes,
        } = self;
        places_of_service.is_empty()
            && claim_revenue_codes.is_empty()
            && admission_types.is_empty()
            && facility_types.is_empty()
            && authorization_exceptions.is_empty()
            && taxonomy_prefixes.is_empty()
    }

    pub(super) fn has_revenue(&self, code: &[u8]) -> bool {
        self.revenue_codes.contains(CodeKey::of(code))
    }

    pub(super) fn has_modifier(&self, modifier: Modifier) -> bool {
        self.modifiers.contains(&modifier)
    }

    pub(super) fn has_indicator(&self, indicator: Indicator) -> bool {
        self.indicators.contains(&indicator)
    }

    pub(super) fn has_aid_code(&self, aid_code: AidCode) -> bool {
        self.aid_codes.contains(&aid_code)
    }

    /// Its procedures and diagnoses, which it then lists no more.
    pub(super) fn take_codes(&mut self) -> (CodeList, DiagnosisList) {
        (std::mem::take(&mut self.procedures), std::mem::take(&mut self.diagnoses))
    }

    fn add_all(&self, needed: &mut Evidence) {
        needed.places_of_service.extend(&self.places_of_service);
        needed.revenue_codes.extend(&self.revenue_codes);
        needed.claim_revenue_codes.extend(&self.claim_revenue_codes);
        needed.procedures.extend(&self.procedures);
        needed.modifiers.extend(&self.modifiers);
        needed.diagnoses.extend(&self.diagnoses);
        needed.indicators.extend(&self.indicators);
        needed.admission_types.extend(&self.admission_types);
        needed.facility_types.extend(&self.facility_types);
        needed.authorization_exceptions.extend(&self.authorization_exceptions);
        needed.aid_codes.extend(&self.aid_codes);
        needed.taxonomy_prefixes.extend(self.taxonomy_prefixes.iter().cloned());
    }

    /// One kind is enough where an item of every kind is asked: the one that fewest claims have.
    fn add_rarest(&self, needed: &mut Evidence) {
        if !self.diagnoses.is_empty() {
            needed.diagnoses.extend(&self.diagnoses);
        } else if !self.modifiers.is_empty() {
            needed.modifiers.extend(&self.modifiers);
        } else if !self.indicators.is_empty() {
            needed.indicators.extend(&self.indicators);
        } else if !self.procedures.is_empty() {
            needed.procedures.extend(&self.procedures);
        } else {
            self.add_all(needed);
        }
    }

    /// Lists nothing, so that bounds alone would decide.
    fn is_empty(&self) -> bool {
        self.each_kind(&LineEvidence::default(), |_| ControlFlow::Break(())).is_continue()
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
    taxonomy: Option<Taxonomy>,
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
            taxonomies: [line.taxonomy, None],
        };
        exemption.shown_by(&evidence).is_some() == self.exempt
    }
}
