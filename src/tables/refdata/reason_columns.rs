//! The columns that say with which reason a row denies or cuts.

use serde::Deserialize;

use crate::ids::{Carc, Rarc};
use crate::tables::csv_table::{Columns, LoadError, Problem, Row};
use crate::tables::reasons::{self, AdjustmentGroup, ReasonError, Reasons};

/// Group, adjustment reason and remark: of a row, or of an entry of a rule pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowReason {
    pub group: AdjustmentGroup,
    pub carc: Carc,
    pub rarc: Option<Rarc>,
}

/// Group, CARC and RARC that may be sent together; an empty group, or none, is CO (DOMAIN D1).
pub(super) fn read_reason<C: Columns>(row: &Row<'_, C>, group: Option<C>, carc: C, rarc: C) -> Result<Option<RowReason>, LoadError> {
    let given = match group {
        Some(column) => row.word_unless_any(column)?,
        None => None,
    };
    let of_group = given.unwrap_or(AdjustmentGroup::ContractualObligation);
    let Some(code) = row.optional(carc, "an adjustment reason code", |text| Carc::parse(text.as_bytes()).ok())? else {
        return Ok(None);
    };
    let group = group.unwrap_or(carc);
    if of_group == AdjustmentGroup::PatientResponsibility {
        return Err(row.error(group, Problem::Rule("PR, but members may not be billed (DOMAIN D1), expected CO, OA or PI")));
    }
    let remark = row.optional(rarc, "a remark code such as N130", reasons::parse_rarc)?;
    let reasons = Reasons::embedded().map_err(Clone::clone)?;
    reasons.check(of_group, &code, remark.as_slice()).map_err(|error| match error {
        ReasonError::Unknown => row.error(carc, Problem::Rule("no known adjustment reason")),
        ReasonError::Deactivated => row.error(carc, Problem::Rule("a deactivated adjustment reason (DOMAIN 0.1)")),
        ReasonError::WrongGroup => row.error(group, Problem::Rule("not allowed with the adjustment reason (DOMAIN 0.14)")),
        ReasonError::RemarkUnknown => row.error(rarc, Problem::Rule("no known remark")),
        ReasonError::RemarkMissing => row.error(
            rarc,
            Problem::Rule("no remark, or an alert, though the adjustment reason needs a remark (DOMAIN 0.14)"),
        ),
    })?;
    Ok(Some(RowReason {
        group: of_group,
        carc: code,
        rarc: remark,
    }))
}
