//! Reasons: claim adjustment reason codes (CARC), remark codes (RARC) and 277CA status codes
//! (DOMAIN 0.1, 0.14, D3, G4). The codes are facts, the labels are our own; X12's texts are not here.
//!
//! The CARC list is complete but for the property and casualty codes (P1–P32), which a health plan
//! never sends; the RARC list holds what this program and its reference data use.

use std::sync::LazyLock;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::csv_table::{LoadError, Problem, Row, Vocabulary, columns, error_at, read_rows, vocabulary};
use crate::ids::{Carc, Rarc};

/// Claim adjustment group (CAS01). The four of 5010; `CR` is gone (DOMAIN 0.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AdjustmentGroup {
    #[serde(rename = "CO")]
    ContractualObligation,
    #[serde(rename = "OA")]
    OtherAdjustment,
    #[serde(rename = "PI")]
    PayerInitiated,
    #[serde(rename = "PR")]
    PatientResponsibility,
}

impl AdjustmentGroup {
    pub const ALL: &'static [AdjustmentGroup] = &[
        AdjustmentGroup::ContractualObligation,
        AdjustmentGroup::OtherAdjustment,
        AdjustmentGroup::PayerInitiated,
        AdjustmentGroup::PatientResponsibility,
    ];

    pub fn code(self) -> &'static str {
        match self {
            AdjustmentGroup::ContractualObligation => "CO",
            AdjustmentGroup::OtherAdjustment => "OA",
            AdjustmentGroup::PayerInitiated => "PI",
            AdjustmentGroup::PatientResponsibility => "PR",
        }
    }
}

impl Vocabulary for AdjustmentGroup {
    const ALL: &'static [AdjustmentGroup] = AdjustmentGroup::ALL;
    fn word(self) -> &'static str {
        self.code()
    }
}

vocabulary! {
    /// Whether X12 still allows a code.
    ReasonStatus { Current = "current", Deactivated = "deactivated" }
}

/// A claim adjustment reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarcRow {
    pub code: Carc,
    pub status: ReasonStatus,
    /// Groups the reason may stand under; none when deactivated.
    pub groups: Vec<AdjustmentGroup>,
    /// A remark that is no alert must come with it (DOMAIN 0.14).
    pub needs_remark: bool,
    pub label: CompactString,
}

/// A remittance advice remark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RarcRow {
    pub code: Rarc,
    /// Informational: explains nothing about an adjustment.
    pub is_alert: bool,
    pub label: CompactString,
}

/// A claim status of the 277CA. STC01-2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimStatusRow {
    pub code: u16,
    /// STC01-3 must say which entity.
    pub needs_entity: bool,
    /// A second status must say which element.
    pub needs_second: bool,
    pub label: CompactString,
}

/// Why a group, reason and remarks may not be sent together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReasonError {
    #[error("no known adjustment reason")]
    Unknown,
    #[error("a deactivated adjustment reason")]
    Deactivated,
    #[error("not allowed under this adjustment group")]
    WrongGroup,
    #[error("with a remark that is not known")]
    RemarkUnknown,
    #[error("without the remark that the adjustment reason needs (an alert does not count)")]
    RemarkMissing,
}

/// The three code lists, each sorted by code.
#[derive(Debug, Clone, Default)]
pub struct Reasons {
    carcs: Vec<CarcRow>,
    rarcs: Vec<RarcRow>,
    statuses: Vec<ClaimStatusRow>,
}

static EMBEDDED: LazyLock<Result<Reasons, LoadError>> = LazyLock::new(|| {
    Reasons::parse(
        include_str!("../../config/reasons/carc.csv"),
        include_str!("../../config/reasons/rarc.csv"),
        include_str!("../../config/reasons/claim_status.csv"),
    )
});

/// The embedded row of an adjustment reason.
pub fn carc(code: &Carc) -> Option<&'static CarcRow> {
    Reasons::embedded().ok()?.carc(code)
}

/// The embedded row of a remark.
pub fn rarc(code: &Rarc) -> Option<&'static RarcRow> {
    Reasons::embedded().ok()?.rarc(code)
}

/// The embedded row of a claim status.
pub fn claim_status(code: u16) -> Option<&'static ClaimStatusRow> {
    Reasons::embedded().ok()?.claim_status(code)
}

impl Reasons {
    /// The lists that ship with the program.
    ///
    /// # Errors
    /// [`LoadError`] when they are inconsistent, which a test rules out.
    pub fn embedded() -> Result<&'static Reasons, &'static LoadError> {
        EMBEDDED.as_ref()
    }

    /// # Errors
    /// [`LoadError`] at the first bad or repeated row.
    pub fn parse(carcs: &str, rarcs: &str, statuses: &str) -> Result<Reasons, LoadError> {
        Ok(Reasons {
            carcs: carc_file::read(carcs)?,
            rarcs: rarc_file::read(rarcs)?,
            statuses: status_file::read(statuses)?,
        })
    }

    pub fn carc(&self, code: &Carc) -> Option<&CarcRow> {
        self.carcs
            .binary_search_by_key(code, |row| row.code)
            .ok()
            .and_then(|place| self.carcs.get(place))
    }

    pub fn rarc(&self, code: &Rarc) -> Option<&RarcRow> {
        self.rarcs
            .binary_search_by_key(code, |row| row.code)
            .ok()
            .and_then(|place| self.rarcs.get(place))
    }

    pub fn claim_status(&self, code: u16) -> Option<&ClaimStatusRow> {
        self.statuses
            .binary_search_by_key(&code, |row| row.code)
            .ok()
            .and_then(|place| self.statuses.get(place))
    }

    /// Whether group, reason and remarks may stand together on a remittance.
    ///
    /// # Errors
    /// [`ReasonError`] says what is wrong.
    pub fn check(&self, group: AdjustmentGroup, carc: &Carc, rarcs: &[Rarc]) -> Result<(), ReasonError> {
        let row = self.carc(carc).ok_or(ReasonError::Unknown)?;
        match row.status {
            ReasonStatus::Deactivated => Err(ReasonError::Deactivated),
            ReasonStatus::Current if !row.groups.contains(&group) => Err(ReasonError::WrongGroup),
            ReasonStatus::Current if rarcs.iter().any(|rarc| self.rarc(rarc).is_none()) => Err(ReasonError::RemarkUnknown),
            ReasonStatus::Current if row.needs_remark && rarcs.iter().all(|rarc| self.rarc(rarc).is_some_and(|row| row.is_alert)) => {
                Err(ReasonError::RemarkMissing)
            }
            ReasonStatus::Current => Ok(()),
        }
    }
}

/// Sorts rows by code and refuses a code that stands twice.
fn unique<C: super::csv_table::Columns, K: Ord, T>(mut rows: Vec<(K, u32, T)>, column: C) -> Result<Vec<T>, LoadError> {
    rows.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    match rows.iter().zip(rows.iter().skip(1)).find(|(a, b)| a.0 == b.0) {
        Some((first, second)) => Err(error_at(second.1, column, Problem::Repeated { row: first.1 })),
        None => Ok(rows.into_iter().map(|(_, _, row)| row).collect()),
    }
}

mod carc_file {
    use super::*;

    columns! { "carc.csv": code, status, groups, needs_remark, label; }

    pub(super) fn read(text: &str) -> Result<Vec<CarcRow>, LoadError> {
        let mut rows = Vec::new();
        read_rows(text.as_bytes(), |row| {
            let carc = read_row(row)?;
            rows.push((carc.code, row.number, carc));
            Ok(())
        })?;
        unique(rows, Column::code)
    }

    fn read_row(row: &Row<'_, Column>) -> Result<CarcRow, LoadError> {
        let carc = CarcRow {
            code: row.required(Column::code, "an adjustment reason code", |text| Carc::parse(text.as_bytes()).ok())?,
            status: row.word(Column::status)?,
            groups: row.words(Column::groups)?,
            needs_remark: row.yes_no(Column::needs_remark)?,
            label: row.text(Column::label).into(),
        };
        match carc.status {
            ReasonStatus::Current if carc.groups.is_empty() => Err(row.error(Column::groups, Problem::Rule("empty for a current reason"))),
            ReasonStatus::Current if carc.label.is_empty() => Err(row.error(Column::label, Problem::Rule("empty for a current reason"))),
            ReasonStatus::Deactivated if !carc.groups.is_empty() => Err(row.error(Column::groups, Problem::Rule("given for a deactivated reason"))),
            ReasonStatus::Deactivated if carc.needs_remark => Err(row.error(Column::needs_remark, Problem::Rule("yes for a deactivated reason"))),
            ReasonStatus::Current | ReasonStatus::Deactivated => Ok(carc),
        }
    }
}

mod rarc_file {
    use super::*;

    columns! { "rarc.csv": code, alert, label; }

    pub(super) fn read(text: &str) -> Result<Vec<RarcRow>, LoadError> {
        let mut rows = Vec::new();
        read_rows(text.as_bytes(), |row: &Row<'_, Column>| {
            let code = row.required(Column::code, "a remark code", parse_rarc)?;
            let label = row.required(Column::label, "a label", |text| Some(text.into()))?;
            rows.push((
                code,
                row.number,
                RarcRow {
                    code,
                    is_alert: row.yes_no(Column::alert)?,
                    label,
                },
            ));
            Ok(())
        })?;
        unique(rows, Column::code)
    }
}

/// `M`, `MA` or `N` and digits.
pub(super) fn parse_rarc(text: &str) -> Option<Rarc> {
    let digits = text.strip_prefix("MA").or_else(|| text.strip_prefix(['M', 'N']))?;
    Rarc::parse(text.as_bytes())
        .ok()
        .filter(|_| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

mod status_file {
    use super::*;

    columns! { "claim_status.csv": code, entity, second, label; }

    pub(super) fn read(text: &str) -> Result<Vec<ClaimStatusRow>, LoadError> {
        let mut rows = Vec::new();
        read_rows(text.as_bytes(), |row: &Row<'_, Column>| {
            let code = row.required(Column::code, "a status code", |text| text.parse::<u16>().ok())?;
            let label = row.required(Column::label, "a label", |text| Some(text.into()))?;
            let status = ClaimStatusRow {
                code,
                needs_entity: row.yes_no(Column::entity)?,
                needs_second: row.yes_no(Column::second)?,
                label,
            };
            rows.push((code, row.number, status));
            Ok(())
        })?;
        unique(rows, Column::code)
    }
}

#[cfg(test)]
mod tests {
    use super::AdjustmentGroup::*;
    use super::*;

    fn codes(text: &[&str]) -> Vec<Rarc> {
        text.iter().map(|text| parse_rarc(text).unwrap()).collect()
    }

    #[test]
    fn the_embedded_lists_load_and_answer() {
        let reasons = Reasons::embedded().unwrap();
        assert_eq!((reasons.carcs.len(), reasons.rarcs.len() > 80, reasons.statuses.len() > 140), (375, true, true));
        let carc_of = |text: &str| carc(&text.parse().unwrap());
        assert_eq!(carc_of("29").map(|row| (row.status, row.needs_remark)), Some((ReasonStatus::Current, false)));
        assert_eq!(carc_of("15").map(|row| row.status), Some(ReasonStatus::Deactivated));
        assert_eq!(carc_of("P12"), None);
        assert_eq!(rarc(&codes(&["N842"])[0]).map(|row| row.is_alert), Some(true));
        assert_eq!(rarc(&codes(&["M62"])[0]).map(|row| row.is_alert), Some(false));
        assert_eq!(claim_status(562).map(|row| (row.needs_entity, row.needs_second)), Some((true, false)));
        assert_eq!(claim_status(510).map(|row| (row.needs_entity, row.needs_second)), Some((false, true)));
        assert_eq!(claim_status(999), None);
    }

    #[test]
    fn group_reason_and_remark_must_fit() {
        for (group, carc, rarcs, result) in [
            (ContractualObligation, "29", &[][..], Ok(())),
            (ContractualObligation, "15", &[], Err(ReasonError::Deactivated)),
            (ContractualObligation, "999", &[], Err(ReasonError::Unknown)),
            (OtherAdjustment, "18", &[], Ok(())),
            (ContractualObligation, "18", &[], Err(ReasonError::WrongGroup)),
            (OtherAdjustment, "45", &[], Err(ReasonError::WrongGroup)),
            (PatientResponsibility, "142", &[], Ok(())),
            (ContractualObligation, "16", &[], Err(ReasonError::RemarkMissing)),
            (ContractualObligation, "16", &["N842"], Err(ReasonError::RemarkMissing)),
            (ContractualObligation, "16", &["N842", "N822"], Ok(())),
            (ContractualObligation, "16", &["N9999"], Err(ReasonError::RemarkUnknown)),
        ] {
            let reasons = Reasons::embedded().unwrap();
            assert_eq!(
                reasons.check(group, &carc.parse().unwrap(), &codes(rarcs)),
                result,
                "{} {carc} {rarcs:?}",
                group.code()
            );
        }
    }

    #[test]
    fn inconsistent_rows_are_refused() {
        const CARC: &str = "code,status,groups,needs_remark,label\n";
        const RARC: &str = "code,alert,label\n";
        const STATUS: &str = "code,entity,second,label\n";
        for (carc, rarc, status, message) in [
            ("29,current,,no,late", "", "", "carc.csv row 2, column groups: empty for a current reason"),
            ("29,current,CO CR,no,late", "", "", "carc.csv row 2, column groups: not one of CO, OA, PI, PR"),
            ("29,current,CO,no,", "", "", "carc.csv row 2, column label: empty for a current reason"),
            ("15,deactivated,CO,no,", "", "", "carc.csv row 2, column groups: given for a deactivated reason"),
            (
                "15,deactivated,,yes,",
                "",
                "",
                "carc.csv row 2, column needs_remark: yes for a deactivated reason",
            ),
            ("15,gone,,no,", "", "", "carc.csv row 2, column status: not one of current, deactivated"),
            (
                "29,current,CO,no,late\n29,current,CO,no,late",
                "",
                "",
                "carc.csv row 3, column code: the same as row 2, expected each once",
            ),
            ("", "X1,no,what", "", "rarc.csv row 2, column code: not a remark code"),
            ("", "N1,no,", "", "rarc.csv row 2, column label: empty, expected a label"),
            ("", "", "A1,no,no,what", "claim_status.csv row 2, column code: not a status code"),
        ] {
            let error = Reasons::parse(&format!("{CARC}{carc}"), &format!("{RARC}{rarc}"), &format!("{STATUS}{status}")).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }
}
