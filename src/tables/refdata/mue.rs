//! Most units of a procedure that are believed for a line or a day: NCCI medically unlikely edits (DOMAIN
//! I, D2). `mue*`, `*_MUE_*`: any number of files, which together are the table. A file is of one
//! quarter and has no dates; what was loaded last holds for every service date.

use std::fmt;

use super::TableFile;
use super::published::{CodeNumber, CodingSetting, PublishedRows};
use crate::ids::ProcedureCode;
use crate::money::Quantity;
use crate::tables::csv_table::{LoadError, Problem, TableDigest};

/// The unit limits of every setting.
#[derive(Clone, Default)]
pub struct UnitLimits {
    /// By setting and procedure.
    limits: Vec<(u32, UnitLimit)>,
}

/// The most units of a procedure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnitLimit {
    max: u32,
    pub of: LimitBasis,
}

/// What units are counted over: the MUE adjudication indicator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LimitBasis {
    /// Indicator 1, and every value of a file without indicators (Medicaid's).
    Line,
    /// Indicators 2 and 3.
    Day,
}

/// Files that name no setting hold for every one that has no value of its own.
const ANY_SETTING: u32 = 3;

impl fmt::Debug for UnitLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnitLimits({} procedures)", self.limits.len())
    }
}

impl UnitLimit {
    pub fn max(self) -> Quantity {
        Quantity::whole(self.max)
    }
}

impl UnitLimits {
    /// Reads every file of a load.
    ///
    /// # Errors
    /// [`LoadError`] at the first bad row, or where a procedure has two limits.
    pub(super) fn read_digested(files: &mut [TableFile<'_>]) -> Result<(UnitLimits, TableDigest), LoadError> {
        let mut limits = Vec::new();
        for file in files {
            read_file(file, &mut limits)?;
        }
        limits.sort_by_key(|(key, _)| *key);
        limits.dedup();
        let mut hasher = blake3::Hasher::new_derive_key("claimstream MUE values v1");
        for (key, limit) in &limits {
            let of = [u8::from(limit.of == LimitBasis::Day)];
            hasher.update(&key.to_le_bytes()).update(&limit.max.to_le_bytes()).update(&of);
        }
        Ok((UnitLimits { limits }, *hasher.finalize().as_bytes()))
    }

    pub fn find(&self, setting: CodingSetting, procedure: &ProcedureCode) -> Option<UnitLimit> {
        let code = CodeNumber::of(procedure)?;
        let of = |setting| {
            let place = self.limits.binary_search_by_key(&key(setting, code), |(key, _)| *key).ok()?;
            self.limits.get(place).map(|(_, limit)| *limit)
        };
        of(setting as u32).or_else(|| of(ANY_SETTING))
    }

    pub fn len(&self) -> usize {
        self.limits.len()
    }

    pub fn is_empty(&self) -> bool {
        self.limits.is_empty()
    }
}

fn key(setting: u32, code: CodeNumber) -> u32 {
    setting << CodeNumber::BITS | code.0
}

struct Header {
    code: usize,
    value: usize,
    /// Absent in Medicaid's files.
    indicator: Option<usize>,
    setting: Option<CodingSetting>,
}

fn header(names: &[String]) -> Option<Header> {
    let place = |word: &str| names.iter().position(|name| name.contains(word));
    let value = place("muevalue")?;
    let code = names.iter().position(|name| name.starts_with("hcpcs") || name.starts_with("cpt"));
    Some(Header {
        code: code?,
        value,
        indicator: place("adjudicationindicator").or_else(|| names.iter().position(|name| name == "mai")),
        setting: names.get(value).and_then(|name| CodingSetting::named_in(name)),
    })
}

fn read_file(file: &mut TableFile<'_>, limits: &mut Vec<(u32, UnitLimit)>) -> Result<(), LoadError> {
    let by_name = CodingSetting::named_in(file.name);
    let expected = "no header row, expected one with HCPCS/CPT Code and MUE Values";
    let (mut rows, header) = PublishedRows::open(file.name, &mut *file.source, expected, header)?;
    let setting = header.setting.or(by_name).map_or(ANY_SETTING, |setting| setting as u32);
    let last = header.code.max(header.value).max(header.indicator.unwrap_or(0));
    let mut known: std::collections::BTreeMap<u32, UnitLimit> = limits.iter().copied().collect();
    while let Some(code) = rows.next(header.code, last, "HCPCS/CPT Code")? {
        let unexpected = |column, expected| rows.error(Some(column), Problem::Unexpected { expected });
        let max = std::str::from_utf8(rows.field(header.value)).ok().and_then(|text| text.parse().ok());
        let max = max.ok_or_else(|| unexpected("MUE Values", "a number of units"))?;
        let of = match header.indicator.and_then(|place| rows.field(place).first().copied()) {
            None | Some(b'1') => LimitBasis::Line,
            Some(b'2' | b'3') => LimitBasis::Day,
            Some(_) => return Err(unexpected("MUE Adjudication Indicator", "1, 2 or 3")),
        };
        let limit = (key(setting, code), UnitLimit { max, of });
        match known.insert(limit.0, limit.1) {
            Some(other) if other != limit.1 => return Err(rows.error(Some("HCPCS/CPT Code"), Problem::Rule("stood before with another limit"))),
            Some(_) => {}
            None => limits.push(limit),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<(UnitLimits, TableDigest), LoadError> {
        let mut sources: Vec<&[u8]> = files.iter().map(|(_, text)| text.as_bytes()).collect();
        let mut files: Vec<TableFile<'_>> = (files.iter().zip(&mut sources)).map(|((name, _), source)| TableFile { name, source }).collect();
        UnitLimits::read_digested(&mut files)
    }

    fn found(limits: &UnitLimits, setting: CodingSetting, code: &str) -> Option<(String, LimitBasis)> {
        limits.find(setting, &code.parse().unwrap()).map(|limit| (limit.max().to_string(), limit.of))
    }

    /// As practitioners' files are laid out: a copyright of several lines, a header with a line end.
    const QUARTER: &str = "\"Made-up limits,\nno codes of anyone\",,,\n\
        \"HCPCS/\nCPT Code\",Practitioner Services MUE Values,MUE Adjudication Indicator,MUE Rationale\n\
        X9001,1,1 Line Edit,Made up\n\
        X9002,3,2 Date of Service Edit: Policy,\"Made, up\"\n\
        X9003,0,3 Date of Service Edit: Clinical,Made up\n";
    const NAME: &str = "MCR_MUE_PractitionerServices.csv";

    #[test]
    fn limits_are_found_by_setting_and_code() {
        use CodingSetting::{Equipment, Outpatient, Practitioner};
        let medicaid = "HCPCS/CPT Code\tOutpatient Hospital Services MUE Values\nX9001\t7\n";
        let any = "Code list\nHCPCS/CPT Code,MUE Values\nX9001,9\n";
        let (limits, digest) = read(&[(NAME, QUARTER), ("mue_2.txt", medicaid), ("mue.csv", any)]).unwrap();
        for (setting, code, result) in [
            (Practitioner, "X9001", Some(("1", LimitBasis::Line))),
            (Practitioner, "X9002", Some(("3", LimitBasis::Day))),
            (Practitioner, "X9003", Some(("0", LimitBasis::Day))),
            (Practitioner, "X9004", None),
            (Outpatient, "X9001", Some(("7", LimitBasis::Line))),
            (Outpatient, "X9002", None),
            (Equipment, "X9001", Some(("9", LimitBasis::Line))),
        ] {
            let result = result.map(|(max, of)| (max.to_string(), of));
            assert_eq!(found(&limits, setting, code), result, "{setting:?} {code}");
        }
        assert_eq!(limits.len(), 5);
        assert_eq!(read(&[("mue.csv", any), (NAME, QUARTER), ("mue_2.txt", medicaid)]).unwrap().1, digest);
        assert_ne!(read(&[(NAME, QUARTER)]).unwrap().1, digest);
    }

    #[test]
    fn a_bad_row_fails_the_load_at_its_place() {
        for (from, to, message) in [
            ("MUE Values", "Values", ": no header row, expected one with HCPCS/CPT Code and MUE Values"),
            ("X9002", "X9-02", " row 6, column HCPCS/CPT Code: not a procedure of five letters and digits"),
            ("X9002,3", "X9002,3.5", " row 6, column MUE Values: not a number of units"),
            ("2 Date", "4 Date", " row 6, column MUE Adjudication Indicator: not 1, 2 or 3"),
            ("X9003", "X9001", " row 7, column HCPCS/CPT Code: stood before with another limit"),
        ] {
            let text = QUARTER.replacen(from, to, 1);
            assert_eq!(read(&[(NAME, &text)]).unwrap_err().to_string(), format!("{NAME}{message}"), "{text}");
        }
    }
}
