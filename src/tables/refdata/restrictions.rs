//! Conditions under which codes are payable (DOMAIN D2). `restrictions.csv`.

use std::io::Read;

use chrono::NaiveDate;
use compact_str::CompactString;

use super::code_columns::{CodeType, read_typed_code_range};
use super::prior_auth_codes::LineOfBusiness;
use super::reason_columns::{RowReason, read_reason};
pub use super::restriction_kind::{
    AdmissionCondition, AidCodeCondition, CalendarPart, CodeRanges, EnrolledRole, ModifierCondition, NdcCondition, Referral, ReferralRole, RestrictionKind,
    TelehealthCondition,
};
use super::restriction_params::read_kind;
use crate::ids::NetworkId;
use crate::tables::code_range::{CodeKey, CodeRange, RangeIndex};
use crate::tables::csv_table::{LoadError, Problem, TableDigest, columns, read_rows, vocabulary};
use crate::tables::period::Period;

columns! { "restrictions.csv": rule_id, kind, code_type, code_from, code_to, effective_from, effective_to, params, action, group, carc, rarc;; line_of_business, network }

vocabulary! {
    ActionWord { Deny = "deny", Cut = "cut", Pend = "pend", Warn = "warn" }
}

/// Every restriction, found by code.
#[derive(Debug, Clone, Default)]
pub struct Restrictions {
    /// One index for each [`CodeType`], in the order of `CodeType::ALL`.
    indexes: [RangeIndex<Restriction>; CodeType::ALL.len()],
    asks_who_referred: bool,
    counts_any: bool,
    readmission_days: Option<u16>,
    asks_for_hospice: bool,
}

/// One condition on a range of codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restriction {
    pub rule_id: CompactString,
    pub code_type: CodeType,
    pub codes: CodeRange,
    pub effective: Period,
    /// `None`: any.
    pub line_of_business: Option<LineOfBusiness>,
    /// `None`: members of any network.
    pub network: Option<NetworkId>,
    pub kind: RestrictionKind,
    pub action: RestrictionAction,
    /// Place among all rows by rule id, then by content: what goes first does not hang on the order of
    /// the file.
    pub rank: u32,
}

/// What follows when the condition does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestrictionAction {
    /// The line is denied.
    Deny(RowReason),
    /// The units above the maximum are cut; units kinds only.
    Cut(RowReason),
    /// A person must look.
    Pend(Option<RowReason>),
    /// Only told.
    Warn(Option<RowReason>),
}

impl Restrictions {
    /// # Errors
    /// [`LoadError`] at the first bad row, or a reason that may not be sent.
    pub fn read(source: impl Read) -> Result<Restrictions, LoadError> {
        Restrictions::read_digested(source).map(|(restrictions, _)| restrictions)
    }

    pub(super) fn read_digested(source: impl Read) -> Result<(Restrictions, TableDigest), LoadError> {
        let mut rows = Vec::new();
        let digest = read_rows(source, |row| {
            rows.push((read_row(row)?, content(row)));
            Ok(())
        })?;
        rows.sort_by(|(a, a_content), (b, b_content)| (&a.rule_id, a_content).cmp(&(&b.rule_id, b_content)));
        let ranked = (0..).zip(rows).map(|(rank, (row, _))| Restriction { rank, ..row });
        let rows: Vec<Restriction> = ranked.collect();
        let of_type = |code_type: &CodeType| {
            RangeIndex::new(
                rows.iter()
                    .filter(|row| row.code_type == *code_type)
                    .map(|row| (row.codes, row.clone()))
                    .collect(),
            )
        };
        let mut indexes: [RangeIndex<Restriction>; CodeType::ALL.len()] = Default::default();
        for (index, code_type) in indexes.iter_mut().zip(CodeType::ALL) {
            *index = of_type(code_type);
        }
        let asks_who_referred = rows.iter().any(|row| matches!(row.kind, RestrictionKind::ReferringOrdering(_)));
        let counts_any = rows.iter().any(|row| matches!(row.kind, RestrictionKind::Frequency { .. }));
        let readmission_days = rows.iter().filter_map(|row| match row.kind {
            RestrictionKind::Readmission { days } => Some(days),
            _ => None,
        });
        let readmission_days = readmission_days.max();
        let asks_for_hospice = rows.iter().any(|row| matches!(row.kind, RestrictionKind::Hospice { .. }));
        Ok((
            Restrictions {
                indexes,
                asks_who_referred,
                counts_any,
                readmission_days,
                asks_for_hospice,
            },
            digest,
        ))
    }

    /// Whether any row is about referring or ordering providers, so that they must be looked up.
    pub fn asks_who_referred(&self) -> bool {
        self.asks_who_referred
    }

    /// How far back stays before an admission count; `None` where no row asks.
    pub fn readmission_days(&self) -> Option<u16> {
        self.readmission_days
    }

    /// Whether any row is about members in a hospice.
    pub fn asks_for_hospice(&self) -> bool {
        self.asks_for_hospice
    }

    /// Whether any row counts units over months.
    pub fn counts_any(&self) -> bool {
        self.counts_any
    }

    /// Whether units of a code are counted over months, whenever the row is in force.
    pub fn counts(&self, code_type: CodeType, code: &[u8]) -> bool {
        let mut index = self.indexes.iter().zip(CodeType::ALL).filter(|(_, known)| **known == code_type);
        let is_frequency = |row: &Restriction| matches!(row.kind, RestrictionKind::Frequency { .. });
        self.counts_any && index.any(|(index, _)| index.containing(CodeKey::of(code)).any(|(_, row)| is_frequency(row)))
    }

    /// The restrictions on a code that are in force on a day, by lower end of their range and then by
    /// rank.
    pub fn of(&self, code_type: CodeType, code: &[u8], date: NaiveDate) -> impl Iterator<Item = &Restriction> {
        let index = self
            .indexes
            .iter()
            .zip(CodeType::ALL)
            .find(|(_, known)| **known == code_type)
            .map(|(index, _)| index);
        let key = CodeKey::of(code);
        index
            .into_iter()
            .flat_map(move |index| index.containing(key))
            .map(|(_, row)| row)
            .filter(move |row| row.effective.covers(date))
    }

    /// Whether any restriction is on codes of this type.
    pub fn has(&self, code_type: CodeType) -> bool {
        self.indexes
            .iter()
            .zip(CodeType::ALL)
            .any(|(index, known)| *known == code_type && !index.is_empty())
    }

    pub fn len(&self) -> usize {
        self.indexes.iter().map(RangeIndex::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl RestrictionAction {
    /// How the remittance explains the action, where it does.
    pub fn reason(&self) -> Option<&RowReason> {
        match self {
            RestrictionAction::Deny(reason) | RestrictionAction::Cut(reason) => Some(reason),
            RestrictionAction::Pend(reason) | RestrictionAction::Warn(reason) => reason.as_ref(),
        }
    }
}

type Row<'a> = crate::tables::csv_table::Row<'a, Column>;

fn read_row(row: &Row<'_>) -> Result<Restriction, LoadError> {
    let code_type = row.word(Column::code_type)?;
    let kind = read_kind(row.word(Column::kind)?, row.text(Column::params)).map_err(|problem| row.error(Column::params, problem))?;
    let reason = read_reason(row, Some(Column::group), Column::carc, Column::rarc)?;
    let needed = || {
        reason.ok_or_else(|| {
            row.error(
                Column::carc,
                Problem::Empty {
                    expected: "an adjustment reason code",
                },
            )
        })
    };
    let action = match row.word(Column::action)? {
        ActionWord::Deny => RestrictionAction::Deny(needed()?),
        ActionWord::Cut if kind.counts_units() => RestrictionAction::Cut(needed()?),
        ActionWord::Cut => return Err(row.error(Column::action, Problem::Rule("cut is for units only, expected deny, pend or warn"))),
        ActionWord::Pend => RestrictionAction::Pend(reason),
        ActionWord::Warn => RestrictionAction::Warn(reason),
    };
    Ok(Restriction {
        rule_id: row.required(Column::rule_id, "a name for the rule", |text| Some(text.into()))?,
        code_type,
        codes: read_typed_code_range(row, code_type, Column::code_from, Column::code_to)?,
        effective: row.period(Column::effective_from, Column::effective_to)?,
        line_of_business: row.word_unless_any(Column::line_of_business)?,
        network: row.unless_any(Column::network, "a network", |text| text.parse().ok())?,
        kind,
        action,
        rank: 0,
    })
}

/// Every field, for an order that the file's does not matter for.
fn content(row: &Row<'_>) -> Vec<CompactString> {
    let columns = [
        Column::kind,
        Column::code_type,
        Column::code_from,
        Column::code_to,
        Column::effective_from,
        Column::effective_to,
        Column::params,
        Column::action,
        Column::group,
        Column::carc,
        Column::rarc,
        Column::line_of_business,
        Column::network,
    ];
    columns.map(|column| row.text(column).into()).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Quantity;

    const HEADER: &str = "rule_id,kind,code_type,code_from,code_to,effective_from,effective_to,params,action,group,carc,rarc";

    fn read(rows: &str) -> Result<Restrictions, LoadError> {
        Restrictions::read(format!("{HEADER}\n{rows}\n").as_bytes())
    }

    fn ids(restrictions: &Restrictions, code_type: CodeType, code: &str, date: &str) -> Vec<String> {
        restrictions
            .of(code_type, code.as_bytes(), date.parse().unwrap())
            .map(|row| row.rule_id.to_string())
            .collect()
    }

    #[test]
    fn restrictions_are_found_by_code_type_code_and_day() {
        let restrictions = read(
            r#"wide,age,HCPCS,99380,99397,,,"{""max_years"":20}",deny,CO,6,N129
infant,age,HCPCS,99381,,2025-01-01,2025-12-31,"{""min_years"":0,""max_years"":0}",deny,CO,6,N129
room,units_per_line,REV,120,129,,,"{""max"":30}",cut,CO,151,N362
sti,sex,DX,A50,A64,,,"{""sex"":""F""}",warn,,,
gone,non_covered,HCPCS,*,,,2024-12-31,{},deny,CO,96,N130"#,
        )
        .unwrap();
        assert_eq!(restrictions.len(), 5);
        for (code_type, code, date, found) in [
            (CodeType::Hcpcs, "99381", "2025-06-01", &["wide", "infant"][..]),
            (CodeType::Hcpcs, "99381", "2026-01-01", &["wide"]),
            (CodeType::Hcpcs, "99381", "2024-12-31", &["gone", "wide"]),
            (CodeType::Hcpcs, "99398", "2025-06-01", &[]),
            (CodeType::Revenue, "0120", "2025-06-01", &["room"]),
            (CodeType::Hcpcs, "0120", "2025-06-01", &[]),
            (CodeType::Diagnosis, "A649", "2025-06-01", &["sti"]),
            (CodeType::Drg, "560", "2025-06-01", &[]),
        ] {
            assert_eq!(ids(&restrictions, code_type, code, date), found, "{code_type:?} {code} {date}");
        }
        let room = restrictions.of(CodeType::Revenue, b"0129", "2025-06-01".parse().unwrap()).next().unwrap();
        assert_eq!(room.kind, RestrictionKind::UnitsPerLine { max: Quantity::whole(30) });
        assert_eq!(
            room.action
                .reason()
                .map(|reason| (reason.group.code(), reason.carc.to_string(), reason.rarc.map(|rarc| rarc.to_string()))),
            Some(("CO", "151".into(), Some("N362".into())))
        );
    }

    #[test]
    fn rows_rank_by_rule_id_and_content_whatever_their_order() {
        let rows = [
            r#"b,non_covered,HCPCS,99381,,,,{},deny,CO,96,N130"#,
            r#"a,age,HCPCS,99381,,,,"{""max_years"":9}",deny,CO,6,N129"#,
            r#"a,age,HCPCS,99381,,,,"{""max_years"":5}",deny,CO,6,N129"#,
        ];
        let ranked = |rows: &[&str]| {
            let restrictions = read(&rows.join("\n")).unwrap();
            let found = restrictions.of(CodeType::Hcpcs, b"99381", "2025-06-01".parse().unwrap());
            let mut found: Vec<(u32, RestrictionKind)> = found.map(|row| (row.rank, row.kind.clone())).collect();
            found.sort_by_key(|(rank, _)| *rank);
            found
        };
        let [b, a9, a5] = rows;
        let age = |max| RestrictionKind::Age {
            min_years: None,
            max_years: Some(max),
        };
        let expected = [(0, age(5)), (1, age(9)), (2, RestrictionKind::NonCovered)];
        for order in [[b, a9, a5], [a5, a9, b], [a9, b, a5]] {
            assert_eq!(ranked(&order), expected);
        }
    }

    #[test]
    fn a_row_may_be_for_one_network_or_line_of_business() {
        let with_columns = |row: &str| Restrictions::read(format!("{HEADER},line_of_business,network\n{row}\n").as_bytes());
        let row = "r,non_covered,HCPCS,99381,,,,{},deny,CO,96,N130";
        let restrictions = with_columns(&format!("{row},onecare,CCN")).unwrap();
        let found = restrictions.of(CodeType::Hcpcs, b"99381", "2025-06-01".parse().unwrap()).next().unwrap();
        assert_eq!((found.line_of_business, found.network), (Some(LineOfBusiness::OneCare), "CCN".parse().ok()));
        let error = with_columns(&format!("{row},medicare,CCN")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "restrictions.csv row 2, column line_of_business: not one of medi-cal, onecare"
        );
    }

    #[test]
    fn a_bad_row_fails_the_load_at_its_place() {
        let good = r#"r,units_per_line,HCPCS,99381,99382,2025-01-01,2025-12-31,"{""max"":4}",cut,CO,151,N362"#;
        assert!(read(good).is_ok());
        for (from, to, message) in [
            ("r,units", ",units", "column rule_id: empty, expected a name for the rule"),
            (
                "units_per_line",
                "units",
                "column kind: not one of age, sex, place_of_service, taxonomy, modifier, diagnosis, units_per_line, units_per_day, frequency, non_covered, \
                 bill_type, patient_status, referring_ordering, revenue_needs_procedure, bundled, mutually_exclusive, add_on, ndc, unlisted, attachment, \
                 consent, newborn, clia, telehealth, present_on_admission, span, aid_code, out_of_network, fee_listed, enrolled, readmission, hospice",
            ),
            ("HCPCS", "CPT", "column code_type: not one of HCPCS, REV, DX, DRG, TOB"),
            ("99382", "99380", "column code_to: ends before it begins"),
            ("2025-12-31", "2024-12-31", "column effective_to: ends before it begins"),
            (r#""{""max"":4}""#, "4", r#"column params: not {"max":4}"#),
            ("cut", "reduce", "column action: not one of deny, cut, pend, warn"),
            (
                r#"units_per_line,HCPCS,99381,99382,2025-01-01,2025-12-31,"{""max"":4}""#,
                "non_covered,HCPCS,99381,,,,{}",
                "column action: cut is for units only, expected deny, pend or warn",
            ),
            ("CO,151", "CR,151", "column group: not one of CO, OA, PI, PR"),
            (
                "CO,151",
                "PR,151",
                "column group: PR, but members may not be billed (DOMAIN D1), expected CO, OA or PI",
            ),
            ("CO,151", "CO,18", "column group: not allowed with the adjustment reason (DOMAIN 0.14)"),
            ("151", "", "column carc: empty, expected an adjustment reason code"),
            ("151", "15", "column carc: a deactivated adjustment reason (DOMAIN 0.1)"),
            ("151", "999", "column carc: no known adjustment reason"),
            ("N362", "362", "column rarc: not a remark code such as N130"),
            ("N362", "N9999", "column rarc: no known remark"),
            (
                "151,N362",
                "96,",
                "column rarc: no remark, or an alert, though the adjustment reason needs a remark (DOMAIN 0.14)",
            ),
            (
                "151,N362",
                "96,N842",
                "column rarc: no remark, or an alert, though the adjustment reason needs a remark (DOMAIN 0.14)",
            ),
        ] {
            let row = good.replacen(from, to, 1);
            assert_eq!(read(&row).unwrap_err().to_string(), format!("restrictions.csv row 2, {message}"), "{row}");
        }
    }
}
