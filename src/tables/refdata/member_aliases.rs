//! Member ids that were merged into others (DOMAIN E1). `member_aliases.csv`.

use std::collections::HashMap;
use std::fmt;
use std::io::Read;

use crate::ids::Cin;
use crate::tables::csv_table::{LoadError, Problem, TableDigest, columns, error_at, read_rows};

columns! { "member_aliases.csv": cin_old, cin_new; }

const A_CIN: &str = "a CIN: 9, seven digits and a letter";

/// Every id that was given up, with the one that stands for it today.
#[derive(Clone, Default)]
pub struct MemberAliases {
    current: HashMap<Cin, Cin>,
}

impl fmt::Debug for MemberAliases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemberAliases({} ids)", self.current.len())
    }
}

impl MemberAliases {
    /// # Errors
    /// [`LoadError`] at the first bad row, at an id that was merged twice, or where merges lead in a circle.
    pub fn read(source: impl Read) -> Result<MemberAliases, LoadError> {
        MemberAliases::read_digested(source).map(|(aliases, _)| aliases)
    }

    pub(super) fn read_digested(source: impl Read) -> Result<(MemberAliases, TableDigest), LoadError> {
        let mut merged: HashMap<Cin, (Cin, u32)> = HashMap::new();
        let digest = read_rows(source, |row| {
            let cin = |column| row.required(column, A_CIN, |text| Cin::parse(text.as_bytes()).ok());
            let (old, new) = (cin(Column::cin_old)?, cin(Column::cin_new)?);
            match merged.insert(old, (new, row.number)) {
                Some((_, first)) => Err(row.error(Column::cin_old, Problem::Repeated { row: first })),
                None => Ok(()),
            }
        })?;
        let mut current = HashMap::with_capacity(merged.len());
        for (old, (new, row)) in &merged {
            let mut last = *new;
            for _ in 0..merged.len() {
                match merged.get(&last) {
                    Some((next, _)) => last = *next,
                    None => break,
                }
            }
            if merged.contains_key(&last) {
                return Err(error_at(*row, Column::cin_new, Problem::Rule("leads back to an id that was given up")));
            }
            current.insert(*old, last);
        }
        Ok((MemberAliases { current }, digest))
    }

    /// The id that stands for a given-up one, however many merges lie between.
    pub fn current(&self, cin: &Cin) -> Option<Cin> {
        self.current.get(cin).copied()
    }

    /// Ids that were given up.
    pub fn len(&self) -> usize {
        self.current.len()
    }

    pub fn is_empty(&self) -> bool {
        self.current.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rows: &str) -> Result<MemberAliases, LoadError> {
        MemberAliases::read(format!("cin_old,cin_new\n{rows}\n").as_bytes())
    }

    fn cin(text: &str) -> Cin {
        Cin::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_merged_id_leads_to_the_last_one() {
        let aliases = read("90000001A,90000002A\n90000002A,90000003A").unwrap();
        for (old, current) in [("90000001A", Some("90000003A")), ("90000002A", Some("90000003A")), ("90000003A", None)] {
            assert_eq!(aliases.current(&cin(old)), current.map(cin), "{old}");
        }
        assert_eq!((aliases.len(), format!("{aliases:?}")), (2, "MemberAliases(2 ids)".to_string()));
    }

    #[test]
    fn a_bad_row_fails_the_load_at_its_place_without_its_value() {
        for (rows, message) in [
            ("90000001A,", "row 2, column cin_new: empty, expected a CIN: 9, seven digits and a letter"),
            (
                "90000001A,90000002A\n90000001A,90000003A",
                "row 3, column cin_old: the same as row 2, expected each once",
            ),
            ("90000001A,90000001A", "row 2, column cin_new: leads back to an id that was given up"),
        ] {
            assert_eq!(read(rows).unwrap_err().to_string(), format!("member_aliases.csv {message}"));
        }
        let circle = read("90000001A,90000002A\n90000002A,90000001A").unwrap_err().to_string();
        assert!(circle.ends_with("column cin_new: leads back to an id that was given up"), "{circle}");
    }
}
