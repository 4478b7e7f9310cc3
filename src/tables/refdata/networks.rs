//! Which entity is responsible for a network's claims (DOMAIN E2). `networks.csv`.

use std::cmp::Reverse;
use std::io::Read;

use chrono::NaiveDate;
use compact_str::CompactString;

use super::code_columns::{CodeType, read_typed_code_range};
use super::reason_columns::{self, RowReason};
use crate::ids::{Form, NetworkId};
use crate::tables::code_range::{CodeKey, CodeRange};
use crate::tables::csv_table::{LoadError, Problem, TableDigest, Vocabulary, columns, read_rows, refuse_overlaps};
use crate::tables::period::Period;

columns! { "networks.csv": network, name, service_category, effective_from, effective_to, responsible, forward_to;; carc, rarc, code_type, code_from, code_to }

/// The division of financial responsibility.
#[derive(Debug, Clone, Default)]
pub struct Networks {
    rows: Vec<NetworkRow>,
    /// Some row is for certain codes only.
    has_codes: bool,
}

/// Who answers for one network's claims of one form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkRow {
    /// `None`: any network without its own row.
    pub network: Option<NetworkId>,
    pub name: CompactString,
    /// `professional` is the 837P, `hospital` the 837I; `None`: both.
    pub form: Option<Form>,
    /// Procedures or revenue codes that are set apart; `None`: all that are not.
    pub codes: Option<(CodeType, CodeRange)>,
    pub effective: Period,
    pub responsible: Responsible,
}

/// The entity that pays or denies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Responsible {
    Plan,
    /// The network itself: forwarded when it says where to, else denied, as sent to the wrong payer unless
    /// the row has a reason of its own (capitation, a contracted group, a plan of another kind).
    Network {
        forward_to: Option<CompactString>,
        denial: Option<RowReason>,
    },
}

impl Networks {
    /// # Errors
    /// [`LoadError`] at the first bad row, or where two rows of one network and category overlap in time.
    pub fn read(source: impl Read) -> Result<Networks, LoadError> {
        Networks::read_digested(source).map(|(networks, _)| networks)
    }

    pub(super) fn read_digested(source: impl Read) -> Result<(Networks, TableDigest), LoadError> {
        let mut rows = Vec::new();
        let digest = read_rows(source, |row| {
            let network = read_row(row)?;
            rows.push(((network.network, network.form, network.codes), network.effective, row.number, network));
            Ok(())
        })?;
        refuse_overlaps(&mut rows, Column::effective_from)?;
        let rows: Vec<NetworkRow> = rows.into_iter().map(|(_, _, _, network)| network).collect();
        let has_codes = rows.iter().any(|row| row.codes.is_some());
        Ok((Networks { rows, has_codes }, digest))
    }

    /// The row of the network, form and day; its own row goes before one for any. There are tens of
    /// rows, so a scan finds it.
    pub fn responsible(&self, network: NetworkId, form: Form, date: NaiveDate) -> Option<&NetworkRow> {
        let rows = self.applying(network, form, date).filter(|row| row.codes.is_none());
        rows.max_by_key(|row| (row.network.is_some(), row.form.is_some()))
    }

    /// The row that sets apart one of a service's codes: the network's own before one for any, then the one
    /// for the fewest codes.
    pub fn set_apart(&self, network: NetworkId, form: Form, date: NaiveDate, codes: &[(CodeType, CodeKey)]) -> Option<&NetworkRow> {
        let holds = |row: &&NetworkRow| {
            row.codes
                .is_some_and(|(of, range)| codes.iter().any(|(code_type, code)| *code_type == of && range.contains(*code)))
        };
        let rows = self.applying(network, form, date).filter(holds);
        rows.max_by_key(|row| {
            let width = row.codes.map_or(u64::MAX, |(_, range)| range.width());
            (row.network.is_some(), row.form.is_some(), Reverse(width), row.codes)
        })
    }

    fn applying(&self, network: NetworkId, form: Form, date: NaiveDate) -> impl Iterator<Item = &NetworkRow> {
        self.rows
            .iter()
            .filter(move |row| row.network.is_none_or(|known| known == network) && row.form.is_none_or(|known| known == form) && row.effective.covers(date))
    }

    /// Whether any codes of a network are set apart.
    pub fn sets_apart(&self, network: NetworkId) -> bool {
        let is_of = |row: &NetworkRow| row.codes.is_some() && row.network.is_none_or(|known| known == network);
        self.has_codes && self.rows.iter().any(is_of)
    }

    pub fn rows(&self) -> &[NetworkRow] {
        &self.rows
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// `service_category` names the form by who bills on it.
impl Vocabulary for Form {
    const ALL: &'static [Form] = &[Form::Professional, Form::Institutional];
    fn word(self) -> &'static str {
        match self {
            Form::Professional => "professional",
            Form::Institutional => "hospital",
        }
    }
}

type Row<'a> = crate::tables::csv_table::Row<'a, Column>;

fn read_row(row: &Row<'_>) -> Result<NetworkRow, LoadError> {
    let forward_to = Some(row.text(Column::forward_to)).filter(|text| !text.is_empty()).map(CompactString::from);
    let denial = reason_columns::read_reason(row, None, Column::carc, Column::rarc)?;
    if denial.is_some() && (forward_to.is_some() || row.text(Column::responsible) == "plan") {
        return Err(row.error(Column::carc, Problem::Rule("given though nothing is denied by this row")));
    }
    Ok(NetworkRow {
        network: match row.text(Column::network) {
            "*" => None,
            _ => Some(row.required(Column::network, "a network of at most 12 characters", |text| {
                NetworkId::parse(text.as_bytes()).ok()
            })?),
        },
        name: row.text(Column::name).into(),
        form: row.word_unless_any(Column::service_category)?,
        codes: read_codes(row)?,
        effective: row.period(Column::effective_from, Column::effective_to)?,
        responsible: match (row.text(Column::responsible), forward_to) {
            ("plan", None) => Responsible::Plan,
            ("plan", Some(_)) => return Err(row.error(Column::forward_to, Problem::Rule("given though the plan is responsible"))),
            ("network", forward_to) => Responsible::Network { forward_to, denial },
            _ => return Err(row.error(Column::responsible, Problem::NotOneOf(vec!["plan", "network"]))),
        },
    })
}

fn read_codes(row: &Row<'_>) -> Result<Option<(CodeType, CodeRange)>, LoadError> {
    if row.text(Column::code_type).is_empty() {
        return match [Column::code_from, Column::code_to].into_iter().find(|column| !row.text(*column).is_empty()) {
            Some(column) => Err(row.error(column, Problem::Rule("given without a code_type"))),
            None => Ok(None),
        };
    }
    let code_type = match row.word(Column::code_type)? {
        known @ (CodeType::Hcpcs | CodeType::Revenue) => known,
        CodeType::Diagnosis | CodeType::Drg | CodeType::TypeOfBill => return Err(row.error(Column::code_type, Problem::NotOneOf(vec!["HCPCS", "REV"]))),
    };
    let codes = read_typed_code_range(row, code_type, Column::code_from, Column::code_to)?;
    Ok(Some((code_type, codes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rows: &str) -> Result<Networks, LoadError> {
        Networks::read(format!("network,name,service_category,effective_from,effective_to,responsible,forward_to\n{rows}\n").as_bytes())
    }

    #[test]
    fn the_networks_own_row_of_the_day_is_found() {
        let networks = read("PMG,Group,professional,,2024-12-31,network,\nPMG,Group,professional,2025-01-01,,network,PMGCLAIMS\nPMG,Group,hospital,,,plan,\nHMO,Health,*,,,network,\n").unwrap();
        let find = |network: &str, form, date: &str| {
            networks
                .responsible(network.parse().unwrap(), form, date.parse().unwrap())
                .map(|row| row.responsible.clone())
        };
        let denied = Responsible::Network {
            forward_to: None,
            denial: None,
        };
        let forwarded = Responsible::Network {
            forward_to: Some("PMGCLAIMS".into()),
            denial: None,
        };
        for (network, form, date, responsible) in [
            ("PMG", Form::Professional, "2024-12-31", Some(denied.clone())),
            ("PMG", Form::Professional, "2025-01-01", Some(forwarded)),
            ("PMG", Form::Institutional, "2025-01-01", Some(Responsible::Plan)),
            ("HMO", Form::Institutional, "2025-01-01", Some(denied)),
            ("NEW", Form::Institutional, "2025-01-01", None),
        ] {
            assert_eq!(find(network, form, date), responsible, "{network} {form} {date}");
        }
        let with_default = read("*,Any,*,,,network,\nPMG,Group,*,,,plan,").unwrap();
        let of = |network: &str| {
            with_default
                .responsible(network.parse().unwrap(), Form::Professional, "2025-01-01".parse().unwrap())
                .map(|row| row.name.as_str())
        };
        assert_eq!((of("PMG"), of("NEW")), (Some("Group"), Some("Any")));
    }

    #[test]
    fn a_bad_row_fails_the_load_at_its_place() {
        for (rows, message) in [
            (",Group,*,,,plan,", "row 2, column network: empty, expected a network of at most 12 characters"),
            ("PMG,Group,dental,,,plan,", "row 2, column service_category: not one of professional, hospital"),
            ("PMG,Group,*,2025-01-02,2025-01-01,plan,", "row 2, column effective_to: ends before it begins"),
            ("PMG,Group,*,,,group,", "row 2, column responsible: not one of plan, network"),
            ("PMG,Group,*,,,plan,X", "row 2, column forward_to: given though the plan is responsible"),
            (
                "PMG,Group,*,,,plan,\nPMG,Group,*,2025-01-01,,network,",
                "row 3, column effective_from: overlaps row 2, expected one row for each date",
            ),
        ] {
            assert_eq!(read(rows).unwrap_err().to_string(), format!("networks.csv {message}"));
        }
    }

    #[test]
    fn codes_are_set_apart_from_the_rest() {
        let read = |rows: &str| {
            let header = "network,name,service_category,effective_from,effective_to,responsible,forward_to,carc,rarc,code_type,code_from,code_to";
            Networks::read(format!("{header}\n{rows}\n").as_bytes())
        };
        let networks = read(
            "PMG,rest,professional,,,network,,,,,,\nPMG,drugs,professional,,,plan,,,,HCPCS,J0120,J9999\n\
             PMG,one drug,professional,,,network,,24,,HCPCS,J3490,\n*,dialysis,hospital,,,plan,,,,REV,820,829",
        )
        .unwrap();
        let find = |form, code_type, code: &str| {
            let codes = [(code_type, CodeKey::of(code.as_bytes()))];
            let row = networks.set_apart("PMG".parse().unwrap(), form, "2025-01-01".parse().unwrap(), &codes);
            row.map(|row| row.name.as_str())
        };
        for (form, code_type, code, row) in [
            (Form::Professional, CodeType::Hcpcs, "J1000", Some("drugs")),
            (Form::Professional, CodeType::Hcpcs, "J3490", Some("one drug")),
            (Form::Professional, CodeType::Hcpcs, "99214", None),
            (Form::Institutional, CodeType::Hcpcs, "J1000", None),
            (Form::Institutional, CodeType::Revenue, "0821", Some("dialysis")),
        ] {
            assert_eq!(find(form, code_type, code), row, "{form} {code}");
        }
        let of_all = networks.responsible("PMG".parse().unwrap(), Form::Professional, "2025-01-01".parse().unwrap());
        assert_eq!(of_all.map(|row| row.name.as_str()), Some("rest"));
        for (row, message) in [
            ("PMG,x,*,,,plan,,,,DX,A64,", "column code_type: not one of HCPCS, REV"),
            ("PMG,x,*,,,plan,,,,,J0120,", "column code_from: given without a code_type"),
        ] {
            assert_eq!(read(row).unwrap_err().to_string(), format!("networks.csv row 2, {message}"));
        }
    }

    #[test]
    fn a_reason_stands_only_where_a_row_denies() {
        let read = |row: &str| {
            Networks::read(format!("network,name,service_category,effective_from,effective_to,responsible,forward_to,carc,rarc\n{row}\n").as_bytes())
        };
        assert!(read("PMG,Group,*,,,network,,24,").is_ok());
        for (row, message) in [
            ("PMG,Group,*,,,plan,,24,", "given though nothing is denied by this row"),
            ("PMG,Group,*,,,network,ELSEWHERE,24,", "given though nothing is denied by this row"),
            ("PMG,Group,*,,,network,,9999,", "no known adjustment reason"),
        ] {
            assert_eq!(read(row).unwrap_err().to_string(), format!("networks.csv row 2, column carc: {message}"));
        }
    }
}
