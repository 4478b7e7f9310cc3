//! The National Correct Coding Initiative: pairs of procedures that are not paid side by side, and the
//! most units of one (DOMAIN D2, I). Of the lines of a claim, which are of one member and billing provider,
//! and of what other claims were paid on the same days.

use super::billing_restrictions::same_day_units;
use super::case::{Case, OpenLine, SoFar};
use super::facts::Facts;
use super::other_claims;
use super::rule_id::RuleId;
use super::ruling::{Reason, Ruling};
use crate::claim::Claim;
use crate::claim::service_line::ServiceLine;
use crate::ids::Modifier;
use crate::money::Quantity;
use crate::tables::code_sets::PublicList;
use crate::tables::refdata::CodingSetting;
use crate::tables::refdata::mue::LimitBasis;
use crate::tables::rules::UnitsAbove;

const COLUMN_TWO: Reason = Reason::contractual("236").remark("N20");
const TOO_MANY_UNITS: Reason = Reason::contractual("151").remark("N362");

/// Taxonomies of suppliers of equipment, whose edits are their own.
const SUPPLIERS: [&[u8]; 2] = [b"332", b"335"];

const INPATIENT: &str = "inpatient: correct coding edits do not apply";

/// The procedure of column 2 is denied beside one of column 1 on the same day, unless the edit lets a
/// modifier on either of the two say that the services were separate. A line of column 1 counts as
/// [`SoFar::beside`] says: not when it was denied before.
pub(super) fn pair_rule(case: &Case<'_>, line: &OpenLine<'_>, so_far: &SoFar<'_>) -> Ruling {
    let ruling = || {
        let Some(pairs) = case.tables.reference.ncci_pairs.as_deref() else {
            return Ruling::not_enforced("NCCI pairs not loaded");
        };
        let Some(procedure) = &line.line.procedure else {
            return Ruling::skipped("no procedure");
        };
        let Some(setting) = case.coding_setting else {
            return Ruling::skipped(INPATIENT);
        };
        let column_two = pairs.of_column_two(setting, procedure);
        if column_two.is_empty() {
            return Ruling::passed("in column 2 of no pair");
        }
        let mut is_parted = false;
        for other in so_far.beside(case, line) {
            let Some(column_one) = &other.procedure else { continue };
            match column_two.beside(column_one, line.dates.value.from) {
                None => {}
                Some(pair) if pair.modifiers_part && (has_bypass(line.line) || has_bypass(other)) => is_parted = true,
                Some(_) => return Ruling::denied(COLUMN_TWO, format!("in column 2 of a pair with line {}", other.number)).by(RuleId::CodePair),
            }
        }
        match earlier_pair(case, line, setting) {
            Some(pair) if !pair.is_parted => return Ruling::denied(COLUMN_TWO, "in column 2 of a pair with an earlier claim").by(RuleId::CodePairEarlier),
            pair => is_parted |= pair.is_some(),
        }
        match is_parted {
            true => Ruling::passed("a modifier says that the services of a pair were separate").by(RuleId::CodePairParted),
            false => Ruling::passed("no pair with another line of the day"),
        }
    };
    ruling().at(line.line.at)
}

/// Whether the line is in column 2 of a pair with a procedure of an earlier claim, and nothing parts them.
pub(super) fn is_paired_with_earlier(case: &Case<'_>, line: &OpenLine<'_>) -> bool {
    let pair = case.coding_setting.and_then(|setting| earlier_pair(case, line, setting));
    pair.is_some_and(|pair| !pair.is_parted)
}

struct EarlierPair {
    /// A modifier on either of the two says that the services were separate.
    is_parted: bool,
}

/// The pair that a line makes with a procedure that an earlier claim was paid for: one that is not parted
/// before one that is.
fn earlier_pair(case: &Case<'_>, line: &OpenLine<'_>, setting: CodingSetting) -> Option<EarlierPair> {
    let column_two = case
        .tables
        .reference
        .ncci_pairs
        .as_deref()?
        .of_column_two(setting, line.line.procedure.as_ref()?);
    let pairs = other_claims::edited_with(case, line).filter_map(|other| {
        let pair = column_two.beside(&other.procedure, line.dates.value.from)?;
        let has_modifier = || has_bypass(line.line) || other.modifiers.iter().flatten().any(is_bypass);
        Some(EarlierPair {
            is_parted: pair.modifiers_part && has_modifier(),
        })
    });
    pairs.min_by_key(|pair| pair.is_parted)
}

/// Units above the limit are cut, or the line is denied where the rule pack says so. A limit by day counts
/// the units that lines before this one are paid for.
pub(super) fn unit_rule(case: &Case<'_>, line: &OpenLine<'_>, so_far: &SoFar<'_>) -> Ruling {
    let ruling = || {
        let Some(limits) = case.tables.reference.unit_limits.as_deref() else {
            return Ruling::not_enforced("MUE values not loaded");
        };
        let Some(procedure) = &line.line.procedure else {
            return Ruling::skipped("no procedure");
        };
        let Some(setting) = case.coding_setting else {
            return Ruling::skipped(INPATIENT);
        };
        let Some(limit) = limits.find(setting, procedure) else {
            return Ruling::passed("no limit of units");
        };
        let of_span = limit.max().each_day(line.dates.value.days());
        let (left, basis) = match limit.of {
            LimitBasis::Line => (of_span, "line"),
            LimitBasis::Day => (of_span.less(same_day_units(case, line, so_far)).less(units_before(case, line)), "day"),
        };
        if line.units <= left {
            return Ruling::passed("within the limit of units");
        }
        let note = format!("{} of {} units believed for a {basis}", left, line.units);
        match case.tables.rules.correct_coding.units_above {
            UnitsAbove::Cut if !left.is_zero() => Ruling::cut(TOO_MANY_UNITS, left, note).by(RuleId::UnitsAbove),
            UnitsAbove::Cut | UnitsAbove::Deny => Ruling::denied(TOO_MANY_UNITS, note).by(RuleId::UnitsAbove),
        }
    };
    ruling().at(line.line.at)
}

/// Which files of edits a claim is under; none for inpatient claims.
pub(super) fn setting(claim: &Claim, facts: &Facts) -> Option<CodingSetting> {
    if let Some(institutional) = claim.institutional() {
        return (!institutional.is_inpatient()).then_some(CodingSetting::Outpatient);
    }
    let billing = &claim.billing_provider;
    let on_record = || facts.provider(billing.npi).and_then(|provider| provider.taxonomy);
    let taxonomy = billing.taxonomy.or_else(on_record);
    let is_supplier = taxonomy.is_some_and(|taxonomy| SUPPLIERS.iter().any(|prefix| taxonomy.as_bytes().starts_with(prefix)));
    Some(if is_supplier { CodingSetting::Equipment } else { CodingSetting::Practitioner })
}

/// Units of the line's procedure that earlier claims were paid for on its days.
fn units_before(case: &Case<'_>, line: &OpenLine<'_>) -> Quantity {
    let services = other_claims::edited_with(case, line);
    services
        .filter(|service| Some(service.procedure) == line.line.procedure)
        .map(|service| service.units)
        .sum()
}

fn has_bypass(line: &ServiceLine) -> bool {
    line.modifiers().any(|modifier| is_bypass(&modifier))
}

fn is_bypass(modifier: &Modifier) -> bool {
    PublicList::BypassModifier.contains(modifier.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::testing::*;
    use super::super::trace::{Rule, StepResult};
    use super::super::{Tables, adjudicate};
    use crate::claim::Claim;
    use crate::money::Quantity;
    use crate::tables::refdata::{ReferenceData, ReferenceTable, TableFile};
    use crate::tables::rules::RulePack;

    /// Made-up codes; the limit of the one that is not is made up too.
    const FEES: &str = "code_type,code,modifier,method,amount,effective_from,effective_to
HCPCS,X9001,,fee,50.00,,
HCPCS,X9002,,fee,20.00,,
HCPCS,X9003,,fee,10.00,,
HCPCS,97112,,fee,31.05,,
";
    const PAIRS: &str = "Column 1\tColumn 2\t*\tEffective\tDeletion\tModifier
X9001\tX9002\t\t20200101\t*\t1
X9001\tX9003\t\t20200101\t20250120\t0
";
    const LIMITS: &str = "HCPCS/CPT Code,Practitioner Services MUE Values,MUE Adjudication Indicator
X9001,0,3 Date of Service Edit: Clinical
X9002,2,1 Line Edit
X9003,3,2 Date of Service Edit: Policy
97112,1,2 Date of Service Edit: Policy
";

    fn with_edits(plan: &ReferenceData, pairs: Option<&str>, limits: Option<&str>) -> ReferenceData {
        let mut plan = plan.with_table(ReferenceTable::FeeSchedule, FEES.as_bytes()).unwrap();
        let tables = [
            (ReferenceTable::NcciPairs, "ccipra-f1.txt", pairs),
            (ReferenceTable::UnitLimits, "mue.csv", limits),
        ];
        for (table, name, text) in tables {
            let Some(mut source) = text.map(str::as_bytes) else { continue };
            let file = TableFile { name, source: &mut source };
            plan = plan.with_files(table, &mut [file]).unwrap();
        }
        plan
    }

    fn two(first: &str, second: &str, day: &str) -> Claim {
        claim(vec![line(first, 1, "60", "2025-01-20"), line(second, 1, "60", day)])
    }

    #[test]
    fn column_two_is_denied_beside_column_one() {
        let plan = with_edits(&plan(), Some(PAIRS), None);
        let (one, two_paid, three) = ("paid 50.00 CO-45 10.00", "paid 20.00 CO-45 40.00", "paid 10.00 CO-45 50.00");
        let denied = "denied CO-236/N20 60.00";
        let supplier = |claim: Claim| claim.with(|claim| Arc::make_mut(&mut claim.billing_provider).taxonomy = "332B00000X".parse().ok());
        let uncovered = |claim: Claim| claim.with(|claim| claim.lines[0].service = dated("DTP", "2019-01-20"));
        for (claim, lines, text) in [
            (two("X9001", "X9002", "2025-01-20"), [one, denied], "in column 2 of a pair with line 1"),
            (two("X9002", "X9001", "2025-01-20"), [denied, one], "in column 2 of no pair"),
            (
                two("X9001", "X9002:59", "2025-01-20"),
                [one, two_paid],
                "a modifier says that the services of a pair were separate",
            ),
            (
                two("X9001:XE", "X9002", "2025-01-20"),
                [one, two_paid],
                "a modifier says that the services of a pair were separate",
            ),
            (two("X9001", "X9002:26", "2025-01-20"), [one, denied], "in column 2 of a pair with line 1"),
            (two("X9001", "X9002", "2025-01-21"), [one, two_paid], "no pair with another line of the day"),
            (two("X9001", "X9003:59", "2025-01-20"), [one, denied], "in column 2 of a pair with line 1"),
            (two("X9002", "X9003", "2025-01-20"), [two_paid, three], "no pair with another line of the day"),
            // The setting of the file is practitioners'.
            (supplier(two("X9001", "X9002", "2025-01-20")), [one, two_paid], "in column 2 of no pair"),
            // What was denied takes nothing with it.
            (uncovered(two("X9001", "X9002", "2019-01-20")), ["denied CO-26 60.00", "denied CO-26 60.00"], ""),
        ] {
            let determination = decided(&claim, &plan);
            assert_eq!(lines_of(&determination), lines);
            assert_eq!(note(&determination, 2, Rule::CodePair), text);
        }
        // From the day after its deletion an edit is none.
        let later = claim(vec![line("X9001", 1, "60", "2025-01-21"), line("X9003", 1, "60", "2025-01-21")]);
        assert_eq!(lines_of(&decided(&later, &plan)), [one, three]);
    }

    #[test]
    fn a_denied_line_of_column_one_takes_nothing_with_it() {
        let restrictions = "rule_id,kind,code_type,code_from,code_to,effective_from,effective_to,params,action,group,carc,rarc
no,non_covered,HCPCS,X9001,,,,{},deny,CO,96,N130
";
        let plan = with_edits(&plan(), Some(PAIRS), None)
            .with_table(ReferenceTable::Restrictions, restrictions.as_bytes())
            .unwrap();
        assert_eq!(
            lines_of(&decided(&two("X9001", "X9002", "2025-01-20"), &plan)),
            ["denied CO-96/N130 60.00", "paid 20.00 CO-45 40.00"]
        );
    }

    #[test]
    fn units_above_the_limit_are_cut_by_line_or_day() {
        let plan = with_edits(&plan(), None, Some(LIMITS));
        let lines =
            |first: (&str, u32, &str), second: (&str, u32, &str)| claim([first, second].map(|(code, units, day)| line(code, units, "60", day)).to_vec());
        let day = "2025-01-20";
        for (claim, results, text) in [
            (
                lines(("X9002", 2, day), ("X9002", 3, day)),
                ["paid 40.00 CO-45 20.00", "paid 40.00 CO-151x1/N362 20.00"],
                "2 of 3 units believed for a line",
            ),
            (
                lines(("X9003", 2, day), ("X9003", 3, day)),
                ["paid 20.00 CO-45 40.00", "paid 10.00 CO-151x2/N362 40.00 CO-45 10.00"],
                "1 of 3 units believed for a day",
            ),
            (
                lines(("X9003", 3, day), ("X9003:76", 1, day)),
                ["paid 30.00 CO-45 30.00", "denied CO-151/N362 60.00"],
                "0 of 1 units believed for a day",
            ),
            (
                lines(("X9003", 3, day), ("X9003", 3, "2025-01-21")),
                ["paid 30.00 CO-45 30.00", "paid 30.00 CO-45 30.00"],
                "within the limit of units",
            ),
            (
                lines(("X9003", 3, day), ("X9003", 7, "2025-01-21/2025-01-22")),
                ["paid 30.00 CO-45 30.00", "paid 51.43 CO-151x1/N362 8.57"],
                "6 of 7 units believed for a day",
            ),
            (
                lines(("X9001", 1, day), ("97112:GP", 1, day)),
                ["denied CO-151/N362 60.00", "denied CO-197 60.00"],
                "",
            ),
        ] {
            let determination = decided(&claim, &plan);
            assert_eq!(lines_of(&determination), results);
            assert_eq!(note(&determination, 2, Rule::UnitLimit), text);
        }
        let text = RulePack::EMBEDDED_TEXT.replace("across_claims = true", "units_above = \"deny\"");
        let rules = RulePack::parse(&text).unwrap();
        let claim = claim(vec![line("X9002", 3, "60", day)]);
        let tables = Tables {
            rules: &rules,
            reference: &plan,
        };
        let determination = adjudicate(&claim, &received("2025-02-15"), &facts(&claim, &plan), &tables);
        assert_eq!(outcome(&determination), "denied CO-151/N362 60.00");
    }

    #[test]
    fn units_that_are_cut_are_not_drawn_from_the_authorization() {
        for (basis, used) in [("4,unit,0", "1"), ("4,visit,0", "1"), (",unit,0", "1"), ("500,$,0", "31.05")] {
            let row = THERAPY.replacen("4,unit,2", basis, 1);
            let plan = with_edits(&with_authorizations(&[&row]), None, Some(LIMITS));
            let determination = decided(&therapy(3).authorized_by("A1"), &plan);
            assert_eq!(outcome(&determination), "paid 31.05 CO-151x2/N362 100.00 CO-45 18.95", "{basis}");
            let consumed: Vec<String> = determination.consumed().iter().map(|consumed| consumed.units.to_string()).collect();
            assert_eq!(consumed, [used], "{basis}");
        }
        // An authorization that runs short cuts first; the limit cuts what it left.
        let row = THERAPY.replacen("4,unit,2", "2,unit,0", 1);
        let plan = with_edits(&with_authorizations(&[&row]), None, Some(LIMITS));
        let determination = decided(&therapy(3).authorized_by("A1"), &plan);
        assert_eq!(outcome(&determination), "paid 31.05 CO-198x1/N640 50.00 CO-151x1/N362 50.00 CO-45 18.95");
        assert_eq!(determination.consumed().first().map(|consumed| consumed.units), Some(Quantity::ONE));
    }

    #[test]
    fn inpatient_claims_and_lines_without_procedure_are_skipped() {
        let any = |text: &str| text.replace("Practitioner Services ", "");
        let plan = with_edits(&plan(), Some(PAIRS), Some(&any(LIMITS)));
        let bill = |facility: &str| {
            stay(
                "2025-01-20/2025-01-20",
                vec![line("0250", 1, "60", "2025-01-20"), line("X9002", 3, "60", "2025-01-20")],
            )
            .with(|claim| claim.institutional_mut().facility_type = qualifier(facility))
        };
        for (facility, number, result, text) in [
            ("11", 2, StepResult::Skipped, super::INPATIENT),
            ("13", 2, StepResult::Cut, "2 of 3 units believed for a line"),
        ] {
            let determination = decided(&bill(facility), &plan);
            let is_of_rule = |rule: Rule| determination.trace().iter().find(move |step| step.line == number && step.rule == rule).cloned();
            let step = is_of_rule(Rule::UnitLimit).unwrap();
            assert_eq!((step.result, step.note.to_string().as_str()), (result, text), "{facility}");
        }
        assert!(lines_of(&decided(&bill("13"), &plan))[0].starts_with("denied CO-147"));
        let plan = plan
            .with_table(ReferenceTable::FeeSchedule, format!("{FEES}REV,0250,,percent,40,,\n").as_bytes())
            .unwrap();
        let determination = decided(&bill("13"), &plan);
        assert_eq!(note(&determination, 1, Rule::CodePair), "no procedure");
    }
}
