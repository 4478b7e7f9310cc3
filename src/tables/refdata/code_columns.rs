//! The pair of columns that holds a code range, in the spelling of each kind of code.

use crate::ids::{Code, Modifier};
use crate::tables::code_range::{CodeRange, RangeError};
use crate::tables::csv_table::{Columns, LoadError, Problem, Row, vocabulary};

vocabulary! {
    /// Which code set a code belongs to.
    CodeType {
        /// HCPCS and CPT procedures.
        Hcpcs = "HCPCS",
        /// NUBC revenue codes.
        Revenue = "REV",
        /// ICD-10-CM diagnoses.
        Diagnosis = "DX",
        /// Diagnosis-related groups.
        Drg = "DRG",
        /// Types of bill: facility and frequency.
        TypeOfBill = "TOB",
    }
}

const A_CODE: &str = "a code of 1 to 8 characters";

/// Procedure or revenue codes. Both ends empty, or `*`: any code; an empty upper end: the one code.
pub(super) fn read_code_range<C: Columns>(row: &Row<'_, C>, from: C, to: C) -> Result<CodeRange, LoadError> {
    read_range(row, from, to, parse_code, CodeRange::exact)
}

/// Codes in the spelling of a code type: diagnoses may have their point, revenue codes and bill types
/// may lack or have their leading zero. Diagnoses and bill types are families.
pub(super) fn read_typed_code_range<C: Columns>(row: &Row<'_, C>, code_type: CodeType, from: C, to: C) -> Result<CodeRange, LoadError> {
    let make = match code_type {
        CodeType::Hcpcs | CodeType::Revenue | CodeType::Drg => CodeRange::exact,
        CodeType::Diagnosis | CodeType::TypeOfBill => CodeRange::families,
    };
    read_range(row, from, to, |text| parse_typed_code(code_type, text), make)
}

/// One code in the spelling of a code type; `None` is any.
pub(super) fn read_typed_code<C: Columns>(row: &Row<'_, C>, code_type: CodeType, column: C) -> Result<Option<Code<8>>, LoadError> {
    match row.text(column) {
        "*" => Ok(None),
        _ => row.required(column, A_CODE, |text| parse_typed_code(code_type, text)).map(Some),
    }
}

type MakeRange = fn(Code<8>, Code<8>) -> Result<CodeRange, RangeError>;

fn read_range<C: Columns>(row: &Row<'_, C>, from: C, to: C, parse: impl Fn(&str) -> Option<Code<8>>, make: MakeRange) -> Result<CodeRange, LoadError> {
    let (first, last) = (row.unless_any(from, A_CODE, &parse)?, row.unless_any(to, A_CODE, &parse)?);
    match (first, last) {
        (None, None) => Ok(CodeRange::ANY),
        (None, Some(_)) => Err(row.error(from, Problem::Empty { expected: A_CODE })),
        (Some(first), last) => make(first, last.unwrap_or(first)).map_err(|error| match error {
            RangeError::Reversed => row.error(to, Problem::Reversed),
            RangeError::Uneven => row.error(to, Problem::Rule("of another length than the code it ends")),
        }),
    }
}

/// The modifier column: `None` is any.
pub(super) fn read_modifier<C: Columns>(row: &Row<'_, C>, column: C) -> Result<Option<Modifier>, LoadError> {
    row.unless_any(column, "a modifier of two characters", |text| {
        Modifier::parse(text.as_bytes()).ok().filter(|_| text.len() == 2)
    })
}

fn parse_code(text: &str) -> Option<Code<8>> {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric()).then(|| text.parse().ok()).flatten()
}

/// The code as claims carry it.
pub(super) fn parse_typed_code(code_type: CodeType, text: &str) -> Option<Code<8>> {
    match code_type {
        CodeType::Hcpcs | CodeType::Drg => parse_code(text),
        CodeType::Diagnosis => parse_code(&text.replace('.', "")),
        CodeType::Revenue if text.len() == 3 => parse_code(&format!("0{text}")),
        CodeType::Revenue => parse_code(text).filter(|_| text.len() == 4),
        // A bill type on a claim has no leading zero (CLM05-1); an `x` in last place is any frequency.
        CodeType::TypeOfBill => {
            let digits = if text.len() == 4 { text.strip_prefix('0')? } else { text };
            parse_code(digits.strip_suffix('x').unwrap_or(digits))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_type_has_its_spelling() {
        use CodeType::*;
        for (code_type, text, read) in [
            (Hcpcs, "99213", Some("99213")),
            (Hcpcs, "99.13", None),
            (Hcpcs, "123456789", None),
            (Diagnosis, "A64.9", Some("A649")),
            (Revenue, "450", Some("0450")),
            (Revenue, "0450", Some("0450")),
            (Revenue, "45", None),
            (Drg, "560", Some("560")),
            (TypeOfBill, "0131", Some("131")),
            (TypeOfBill, "13x", Some("13")),
            (TypeOfBill, "013x", Some("13")),
            (TypeOfBill, "1131", None),
        ] {
            assert_eq!(
                parse_typed_code(code_type, text).map(|code| code.to_string()).as_deref(),
                read,
                "{code_type:?} {text}"
            );
        }
    }
}
