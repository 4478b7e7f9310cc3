//! Restrictions on codes (DOMAIN D2): the rows that a line's codes find, and what follows where the
//! condition of one is not met.

use super::case::{Case, OpenLine, SoFar};
use super::determination::PendReason;
use super::restriction_conditions::{Condition, condition};
use super::rule_id::RuleId;
use super::ruling::Ruling;
use crate::claim::Claim;
use crate::claim::diagnosis::DiagnosisKind;
use crate::claim::service_line::ServiceLine;
use crate::money::Quantity;
use crate::phi::Purpose;
use crate::tables::refdata::prior_auth_codes::LineOfBusiness;
use crate::tables::refdata::restrictions::{Restriction, RestrictionAction, Restrictions};
use crate::tables::refdata::{CodeType, RowReason};

/// The row of the lowest rank (rule id, then content) whose condition fails and that denies or pends
/// decides; cuts add up to the smallest number of units that any row leaves.
pub(super) fn rule(case: &Case<'_>, line: &OpenLine<'_>, so_far: &SoFar<'_>) -> Ruling {
    let Some(restrictions) = &case.tables.reference.restrictions else {
        return Ruling::not_enforced("restrictions not loaded");
    };
    let review = review(case, line, so_far, restrictions);
    let id = review.deciding().map_or(RuleId::RestrictionsMet, |row| RuleId::of_restriction(&row.kind));
    let ruling = match review {
        Review {
            decided: Some((row, action)), ..
        } => match action {
            Decided::Deny(reason) => Ruling::denied(reason.into(), row.rule_id.to_string()),
            Decided::Pend => Ruling::pended(PendReason::Restriction, row.rule_id.to_string()),
        },
        Review {
            cut: Some((row, reason, kept)),
            ..
        } if kept.is_zero() => Ruling::denied(reason.into(), row.rule_id.to_string()),
        Review {
            cut: Some((row, reason, kept)),
            ..
        } => Ruling::cut(reason.into(), kept, row.rule_id.to_string()),
        Review { warned: Some(row), .. } => Ruling::passed(format!("warning: {}", row.rule_id)),
        Review {
            unknown: Some((row, lacking)), ..
        } => Ruling::not_enforced(format!("{}: {lacking}", row.rule_id)),
        Review { rows: 0, .. } => Ruling::passed("no restriction on the codes"),
        Review { .. } => Ruling::passed("every restriction is met"),
    };
    ruling.by(id).at(line.line.at)
}

/// The row that [`rule`] came to, for who is told.
pub(super) fn deciding_row<'a>(case: &Case<'a>, line: &OpenLine<'_>, so_far: &SoFar<'_>) -> Option<&'a Restriction> {
    let restrictions = case.tables.reference.restrictions.as_ref()?;
    review(case, line, so_far, restrictions).deciding()
}

fn review<'a>(case: &Case<'a>, line: &OpenLine<'_>, so_far: &SoFar<'_>, restrictions: &'a Restrictions) -> Review<'a> {
    let mut review = Review::default();
    for_each_row(case, line, restrictions, &mut |row| review.take(row, &condition(case, line, so_far, row)));
    review
}

/// What the rows have said so far.
#[derive(Debug, Default)]
struct Review<'a> {
    rows: usize,
    decided: Option<(&'a Restriction, Decided)>,
    cut: Option<(&'a Restriction, RowReason, Quantity)>,
    warned: Option<&'a Restriction>,
    unknown: Option<(&'a Restriction, &'static str)>,
}

#[derive(Debug, Clone, Copy)]
enum Decided {
    Deny(RowReason),
    Pend,
}

impl<'a> Review<'a> {
    fn deciding(&self) -> Option<&'a Restriction> {
        let decided = self.decided.map(|(row, _)| row);
        decided.or(self.cut.map(|(row, _, _)| row)).or(self.warned).or(self.unknown.map(|(row, _)| row))
    }

    fn take(&mut self, row: &'a Restriction, condition: &Condition) {
        self.rows += 1;
        let kept = match condition {
            Condition::Met => return,
            Condition::Unknown(lacking) => {
                if self.unknown.is_none_or(|(other, _)| row.rank < other.rank) {
                    self.unknown = Some((row, lacking));
                }
                return;
            }
            Condition::Failed => Quantity::ZERO,
            Condition::Over(kept) => *kept,
        };
        let decided = match row.action {
            RestrictionAction::Deny(reason) => Decided::Deny(reason),
            RestrictionAction::Pend(_) => Decided::Pend,
            RestrictionAction::Cut(reason) => {
                if self.cut.is_none_or(|(other, _, smallest)| (kept, row.rank) < (smallest, other.rank)) {
                    self.cut = Some((row, reason, kept));
                }
                return;
            }
            RestrictionAction::Warn(_) => {
                if self.warned.is_none_or(|other| row.rank < other.rank) {
                    self.warned = Some(row);
                }
                return;
            }
        };
        if self.decided.is_none_or(|(other, _)| row.rank < other.rank) {
            self.decided = Some((row, decided));
        }
    }
}

/// The rows on the line's procedure and revenue code, the diagnoses it points to, and the claim's
/// group and type of bill.
fn for_each_row<'a>(case: &Case<'a>, line: &OpenLine<'_>, restrictions: &'a Restrictions, take: &mut dyn FnMut(&'a Restriction)) {
    let day = line.dates.value.from;
    let is_for_member = |row: &&Restriction| {
        let network = || case.facts.member.found().and_then(|member| member.coverage_on(day)?.network);
        let is_ours = row.line_of_business.is_none_or(|line_of_business| line_of_business == LineOfBusiness::MediCal);
        is_ours && row.network.is_none_or(|only| network() == Some(only))
    };
    let mut on = |code_type, code: &[u8]| restrictions.of(code_type, code, day).filter(is_for_member).for_each(&mut *take);
    if let Some(procedure) = &line.line.procedure {
        on(CodeType::Hcpcs, procedure.as_bytes());
    }
    if let Some(revenue) = &line.line.revenue {
        on(CodeType::Revenue, revenue.as_bytes());
    }
    if restrictions.has(CodeType::Diagnosis) {
        for_each_diagnosis(case.claim, line.line, &mut |code| {
            on(CodeType::Diagnosis, code);
            false
        });
    }
    let Some(claim) = case.claim.institutional() else { return };
    if let Some(group) = &claim.drg {
        on(CodeType::Drg, group.as_bytes());
    }
    if let Some(facility) = &claim.facility_type {
        let frequency = case.claim.frequency;
        let bill_type = [facility.as_bytes(), frequency.as_ref().map_or(&b""[..], |frequency| frequency.as_bytes())].concat();
        on(CodeType::TypeOfBill, &bill_type);
    }
}

/// Calls `until` with each diagnosis that counts for a line, stopping when it says so: those that a
/// professional line points to; principal and other ones of an institutional claim, which has no
/// pointers.
pub(super) fn for_each_diagnosis(claim: &Claim, line: &ServiceLine, until: &mut dyn FnMut(&[u8]) -> bool) -> bool {
    let is_counted = |kind| matches!(kind, DiagnosisKind::Principal | DiagnosisKind::Other);
    let mut of = |diagnosis: &crate::claim::diagnosis::Diagnosis| until(diagnosis.code.expose_for(Purpose::Adjudicate).as_bytes());
    match claim.professional() {
        Some(_) => claim.pointed_diagnoses(line).any(&mut of),
        None => claim.diagnoses.iter().filter(|diagnosis| is_counted(diagnosis.kind)).any(&mut of),
    }
}

/// Whether `is_meant` holds for a diagnosis of the claim, whatever its kind.
pub(super) fn any_diagnosis(claim: &Claim, is_meant: &mut dyn FnMut(&[u8]) -> bool) -> bool {
    let mut diagnoses = claim.diagnoses.iter();
    diagnoses.any(|diagnosis| is_meant(diagnosis.code.expose_for(Purpose::Adjudicate).as_bytes()))
}

/// Units of this code that earlier lines of the claim are paid for on the same days.
pub(super) fn same_day_units(case: &Case<'_>, line: &OpenLine<'_>, so_far: &SoFar<'_>) -> Quantity {
    let same = so_far.standing(case.claim).filter(|(earlier, _)| {
        let same_code = earlier.procedure == line.line.procedure && (line.line.procedure.is_some() || earlier.revenue == line.line.revenue);
        same_code && case.claim.service_dates(earlier).is_some_and(|dates| dates.value == line.dates.value)
    });
    same.map(|(_, decided)| decided.paid_units()).sum()
}

#[cfg(test)]
mod tests {
    use super::super::determination::PendReason;
    use super::super::testing::*;
    use super::super::trace::{Rule, StepResult};
    use crate::claim::diagnosis::DiagnosisKind;
    use crate::claim::party::ProviderRole;

    const PAID: &str = "paid 122.05 CO-45 27.95";

    #[test]
    fn each_kind_holds_or_fails() {
        let visit = || claim(vec![line("99214:25", 1, "150", "2025-01-20")]);
        let specialty = || {
            let claim = visit().rendered_by(FAMILY_DOCTOR);
            claim.with(|claim| claim.providers.iter_mut().for_each(|provider| provider.taxonomy = "207Q00000X".parse().ok()))
        };
        // The member is a woman of 44.
        for (kind, params, claim, result) in [
            ("age", r#"{""min_years"":0,""max_years"":20}"#, visit(), "denied CO-6/N129 150.00"),
            ("age", r#"{""min_years"":44,""max_years"":44}"#, visit(), PAID),
            ("age", r#"{""max_years"":20}"#, visit().of_member(CHILD), PAID),
            ("sex", r#"{""sex"":""F""}"#, visit(), PAID),
            ("sex", r#"{""sex"":""M""}"#, visit(), "denied CO-6/N129 150.00"),
            ("place_of_service", r#"{""allow"":[""11"",""22""]}"#, visit(), PAID),
            ("place_of_service", r#"{""allow"":[""22""]}"#, visit(), "denied CO-6/N129 150.00"),
            ("taxonomy", r#"{""allow_prefix"":[""207""]}"#, specialty(), PAID),
            ("taxonomy", r#"{""allow_prefix"":[""208""]}"#, specialty(), "denied CO-6/N129 150.00"),
            ("modifier", r#"{""require_any"":[""25"",""TC""]}"#, visit(), PAID),
            ("modifier", r#"{""require_any"":[""26"",""TC""]}"#, visit(), "denied CO-6/N129 150.00"),
            ("modifier", r#"{""forbid"":[""50""]}"#, visit(), PAID),
            ("modifier", r#"{""forbid"":[""25""]}"#, visit(), "denied CO-6/N129 150.00"),
            ("diagnosis", r#"{""require_prefix"":[""I1""]}"#, visit(), PAID),
            ("diagnosis", r#"{""require_prefix"":[""Z30""]}"#, visit(), "denied CO-6/N129 150.00"),
            ("non_covered", "{}", visit(), "denied CO-6/N129 150.00"),
            ("frequency", r#"{""max"":1,""months"":12}"#, visit(), PAID),
        ] {
            let plan = with_restrictions(&format!(r#"rule,{kind},HCPCS,99214,,,,"{params}",deny,CO,6,N129"#));
            assert_eq!(outcome(&decided(&claim, &plan)), result, "{kind} {params}");
        }
        assert!(specialty().provider(ProviderRole::Rendering).is_some());
    }

    #[test]
    fn each_action() {
        let units = r#""{""max"":2}""#;
        for (row, result, text) in [
            (
                format!("rule,units_per_line,HCPCS,99214,,,,{units},deny,CO,222,"),
                "denied CO-222 600.00",
                "rule",
            ),
            (
                format!("rule,units_per_line,HCPCS,99214,,,,{units},cut,CO,222,"),
                "paid 244.10 CO-222x2 300.00 CO-45 55.90",
                "rule",
            ),
            (
                format!("rule,units_per_line,HCPCS,99214,,,,{units},warn,,,"),
                "paid 488.20 CO-45 111.80",
                "warning: rule",
            ),
            (format!("rule,units_per_line,HCPCS,99214,,,,{units},pend,,,"), "pended", "rule"),
            (
                format!("rule,units_per_line,HCPCS,99213,,,,{units},deny,CO,222,"),
                "paid 488.20 CO-45 111.80",
                "no restriction on the codes",
            ),
            (
                format!("rule,units_per_line,HCPCS,99214,,2025-02-01,,{units},deny,CO,222,"),
                "paid 488.20 CO-45 111.80",
                "no restriction on the codes",
            ),
            (
                format!("two,units_per_line,HCPCS,99214,,,,{units},cut,CO,222,\none,units_per_line,HCPCS,99200,99215,,,\"{{\"\"max\"\":1}}\",cut,CO,222,"),
                "paid 122.05 CO-222x3 450.00 CO-45 27.95",
                "one",
            ),
        ] {
            let determination = decided(&claim(vec![line("99214", 4, "600", "2025-01-20")]), &with_restrictions(&row));
            assert_eq!(outcome(&determination), result, "{row}");
            assert_eq!(note(&determination, 1, Rule::Restriction), text, "{row}");
            let is_pended = result == "pended";
            assert_eq!(determination.pend_reason(), is_pended.then_some(PendReason::Restriction));
        }
    }

    #[test]
    fn every_kind_knows_every_action() {
        let params = r#""{""into"":[""93000""]}""#;
        let pair = || claim(vec![line("99214", 1, "150", "2025-01-20"), line("93000", 1, "20", "2025-01-20")]);
        for (action, reason, result, text) in [
            ("deny", "CO,97,N19", "denied CO-97/N19 150.00", "rule"),
            ("pend", ",,", "pended", "rule"),
            ("warn", ",,", PAID, "warning: rule"),
        ] {
            let plan = with_restrictions(&format!("rule,bundled,HCPCS,99214,,,,{params},{action},{reason}"));
            let determination = decided(&pair(), &plan);
            assert_eq!(lines_of(&determination)[0], result, "{action}");
            assert_eq!(note(&determination, 1, Rule::Restriction), text, "{action}");
        }
    }

    #[test]
    fn the_order_of_rows_decides_nothing() {
        let rows = [
            r#"c,non_covered,HCPCS,99000,99999,,,{},deny,CO,96,N130"#,
            r#"a,sex,HCPCS,99214,,,,"{""sex"":""M""}",deny,CO,7,"#,
            r#"b,age,HCPCS,99214,,,,"{""max_years"":5}",pend,,,"#,
            r#"a,age,HCPCS,99214,,,,"{""max_years"":5}",warn,,,"#,
            r#"d,units_per_line,HCPCS,99214,,,,"{""max"":1}",cut,CO,222,"#,
            r#"e,units_per_line,HCPCS,99214,,,,"{""max"":1}",cut,CO,151,"#,
        ];
        let claim = claim(vec![line("99214", 2, "300", "2025-01-20")]);
        let decide = |rows: &[&str]| outcome(&decided(&claim, &with_restrictions(&rows.join("\n"))));
        for (from, result) in [
            (0, "denied CO-7 300.00"),
            (2, "pended"),
            (3, "paid 122.05 CO-222x1 150.00 CO-45 27.95"),
            (5, "paid 122.05 CO-151x1 150.00 CO-45 27.95"),
        ] {
            // What stands first without the rows before: `c` is in the first set only.
            let mut rows = rows[from..].to_vec();
            for _ in 0..rows.len() {
                assert_eq!(decide(&rows), result, "{rows:?}");
                rows.rotate_left(1);
            }
            rows.reverse();
            assert_eq!(decide(&rows), result, "{rows:?}");
        }
    }

    #[test]
    fn a_row_may_be_for_members_of_one_network() {
        let header = "rule_id,kind,code_type,code_from,code_to,effective_from,effective_to,params,action,group,carc,rarc,line_of_business,network";
        let visit = || claim(vec![line("99214", 1, "150", "2025-01-20")]);
        for (columns, claim, result) in [
            (",CCN", visit(), "denied CO-96/N130 150.00"),
            (",CCN", visit().of_member(UNASSIGNED), PAID),
            ("medi-cal,", visit(), "denied CO-96/N130 150.00"),
            ("onecare,", visit(), PAID),
            ("*,*", visit(), "denied CO-96/N130 150.00"),
        ] {
            let text = format!("{header}\nrule,non_covered,HCPCS,99214,,,,{{}},deny,CO,96,N130,{columns}\n");
            let plan = plan()
                .with_table(crate::tables::refdata::ReferenceTable::Restrictions, text.as_bytes())
                .unwrap();
            assert_eq!(outcome(&decided(&claim, &plan)), result, "{columns}");
        }
    }

    #[test]
    fn a_day_counts_the_lines_before() {
        let plan = with_restrictions(r#"rule,units_per_day,HCPCS,93000,,,,"{""max"":3}",cut,CO,151,"#);
        let two = |first: u32, day: &str| claim(vec![line("93000", first, "60", "2025-01-20"), line("93000", 2, "40", day)]);
        for (claim, lines) in [
            (two(1, "2025-01-20"), ["paid 16.25 CO-45 43.75", "paid 32.50 CO-45 7.50"]),
            (two(2, "2025-01-20"), ["paid 32.50 CO-45 27.50", "paid 16.25 CO-151x1 20.00 CO-45 3.75"]),
            (two(3, "2025-01-20"), ["paid 48.75 CO-45 11.25", "denied CO-151 40.00"]),
            (two(3, "2025-01-21"), ["paid 48.75 CO-45 11.25", "paid 32.50 CO-45 7.50"]),
            (two(3, "2025-01-20/2025-01-21"), ["paid 48.75 CO-45 11.25", "paid 32.50 CO-45 7.50"]),
        ] {
            assert_eq!(lines_of(&decided(&claim, &plan)), lines);
        }
    }

    #[test]
    fn other_code_types_and_unknown_history() {
        let bill = stay("2025-01-01/2025-01-02", vec![line("0250", 1, "100", "2025-01-01")]).with(|claim| {
            claim.institutional_mut().drg = "193".parse().ok();
            claim.frequency = qualifier("1");
            claim.diagnoses.push(diagnosis(DiagnosisKind::Other, "A539"));
        });
        for (row, result) in [
            ("rule,non_covered,REV,0250,,,,{},deny,CO,96,N130", "denied CO-96/N130 100.00"),
            ("rule,non_covered,DRG,193,,,,{},deny,CO,96,N130", "denied CO-96/N130 100.00"),
            ("rule,non_covered,TOB,111,,,,{},deny,CO,96,N130", "denied CO-96/N130 100.00"),
            ("rule,non_covered,TOB,11x,,,,{},deny,CO,96,N130", "denied CO-96/N130 100.00"),
            ("rule,non_covered,TOB,131,,,,{},deny,CO,96,N130", "paid 40.00 CO-45 60.00"),
            ("rule,non_covered,DX,A50,A64,,,{},deny,CO,96,N130", "denied CO-96/N130 100.00"),
            ("rule,non_covered,HCPCS,0250,,,,{},deny,CO,96,N130", "paid 40.00 CO-45 60.00"),
        ] {
            assert_eq!(outcome(&decided(&bill, &with_restrictions(row))), result, "{row}");
        }
        let plan = with_restrictions(r#"yearly,frequency,DX,A50,A64,,,"{""max"":1,""months"":12}",deny,CO,119,"#);
        let determination = decided(&bill, &plan);
        let step = determination.trace().iter().find(|step| step.rule == Rule::Restriction).unwrap();
        assert_eq!(
            (step.result, step.note.to_string().as_str()),
            (StepResult::NotEnforced, "yearly: only procedures and revenue codes are counted")
        );
    }
}
