//! A quick no: whether a line can show any of some exempt services at all. Every line is asked, and few
//! show one.

use super::exemptions::{Evidence, Exemption, Indicator, LineEvidence};
use crate::ids::{AidCode, Modifier};
use crate::tables::code_range::{CodeKey, CodeScreen};

/// For every way in which one of the services is shown, one kind of item that the way can't do without.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Screen {
    /// The long lists.
    procedures: CodeScreen,
    diagnoses: CodeScreen,
    others: Evidence,
}

impl Screen {
    pub(super) fn of<'a>(exemptions: impl Iterator<Item = &'a Exemption>) -> Screen {
        let mut needed = Evidence::default();
        exemptions.for_each(|exemption| exemption.needs(&mut needed));
        let (procedures, diagnoses) = needed.take_codes();
        Screen {
            procedures: procedures.screen(),
            diagnoses: diagnoses.screen(),
            others: needed,
        }
    }

    /// Whether the kinds of items that count are those which [`Screen::holds_code`] and its like ask for, so that
    /// a claim can be screened as a whole.
    pub fn is_of_codes(&self) -> bool {
        self.others.has_line_codes_only()
    }

    /// The procedure or revenue code counts.
    pub fn holds_code(&self, procedure: Option<&[u8]>, revenue: Option<&[u8]>) -> bool {
        procedure.is_some_and(|code| self.procedures.may_hold(CodeKey::of(code))) || revenue.is_some_and(|code| self.others.has_revenue(code))
    }

    pub fn holds_diagnosis(&self, code: CodeKey) -> bool {
        self.diagnoses.may_hold(code)
    }

    pub fn holds_modifier(&self, modifier: Modifier) -> bool {
        self.others.has_modifier(modifier)
    }

    pub fn holds_indicator(&self, indicator: Indicator) -> bool {
        self.others.has_indicator(indicator)
    }

    pub fn holds_aid_code(&self, aid_code: AidCode) -> bool {
        self.others.has_aid_code(aid_code)
    }

    /// `false`: none of the services is shown.
    pub(super) fn may_show(&self, line: &LineEvidence<'_>) -> bool {
        line.procedure.is_some_and(|code| self.procedures.may_hold(CodeKey::of(code.as_bytes())))
            || line.diagnoses.iter().any(|code| self.diagnoses.may_hold(*code))
            || self.others.has_any(line)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::RulePack;
    use super::*;
    use crate::ids::{ProcedureCode, RevenueCode};
    use crate::money::Quantity;

    proptest! {
        /// What the screen keeps out shows nothing.
        #[test]
        fn the_screen_hides_nothing(
            procedure in prop::sample::select(vec!["99213", "59840", "90834", "58600", "81025", "76801", "A4261", "97112", "87389", "11976"]),
            modifier in prop::sample::select(vec!["FP", "25", "EP", "GP"]),
            diagnoses in prop::collection::vec(prop::sample::select(vec!["I10", "A539", "Z3009", "O80", "Z3800", "T7421XA", "Z717", "Z331", "Z3169"]), 0..3),
            revenue in prop::option::of(prop::sample::select(vec!["0120", "0112", "0170", "0450"])),
            (age, units) in (0u16..90, 1u32..5),
            (aid, facility) in (prop::sample::select(vec!["M1", "7M"]), prop::sample::select(vec!["11", "13"])),
            indicator in prop::option::of(prop::sample::select(vec![Indicator::FamilyPlanning, Indicator::Pregnancy, Indicator::Epsdt])),
        ) {
            let pack = RulePack::embedded().unwrap();
            let keys: Vec<CodeKey> = diagnoses.iter().map(|code| CodeKey::of(code.as_bytes())).collect();
            let modifiers: [Option<Modifier>; 1] = [modifier.parse().ok()];
            let revenue: Option<RevenueCode> = revenue.and_then(|code| code.parse().ok());
            let indicators: Vec<Indicator> = indicator.into_iter().collect();
            let codes: Vec<RevenueCode> = revenue.into_iter().collect();
            let line = LineEvidence {
                age_years: Some(age),
                units: Quantity::whole(units),
                revenue_code: revenue,
                claim_revenue_codes: &codes,
                procedure: procedure.parse::<ProcedureCode>().ok(),
                modifiers: &modifiers,
                diagnoses: &keys,
                indicators: &indicators,
                facility_type: facility.parse().ok(),
                aid_code: aid.parse().ok(),
                ..LineEvidence::default()
            };
            let shown: Vec<&str> = pack.exemptions.iter().filter(|it| it.sensitive && it.shown_by(&line).is_some()).map(|it| it.name.as_str()).collect();
            let found: Vec<&str> = pack.sensitive(&line).map(|it| it.name.as_str()).collect();
            prop_assert_eq!(found, shown);
            for outside in [false, true] {
                let counts = |it: &&Exemption| if outside { it.any_network } else { !it.network_only };
                let first = pack.exemptions.iter().filter(counts).find(|it| it.shown_by(&line).is_some());
                prop_assert_eq!(pack.exemption(&line, outside).map(|(it, _)| &it.name), first.map(|it| &it.name));
            }
        }
    }

    #[test]
    fn ordinary_lines_do_not_pass() {
        let pack = RulePack::embedded().unwrap();
        let visit = LineEvidence {
            age_years: Some(44),
            procedure: "99214".parse().ok(),
            diagnoses: &[CodeKey::of(b"I10")],
            ..LineEvidence::default()
        };
        assert!(!pack.screen.may_show(&visit));
        assert!(pack.screen.is_of_codes());
        assert!(pack.screen.may_show(&LineEvidence {
            aid_code: "7M".parse().ok(),
            ..visit
        }));
        assert!(!Screen::default().may_show(&LineEvidence {
            aid_code: "7M".parse().ok(),
            ..visit
        }));
    }
}
