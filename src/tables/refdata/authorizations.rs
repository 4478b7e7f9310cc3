//! Prior authorizations on file, one row per authorized line (DOMAIN C4). `authorizations.csv`.

use std::fmt;
use std::io::Read;

use serde::{Deserialize, Serialize};

use super::code_columns::{read_code_range, read_modifier};
use super::packed::{CinKey, PackedDate, PackedNpi, Place, Pool};
use super::prior_auth_codes::parse_place;
use super::providers::parse_tin;
use crate::clock::Timestamp;
use crate::ids::{AuthorizationNumber, Cin, Code, Modifier, Npi, PlaceOfService, Tin};
use crate::money::Quantity;
use crate::tables::code_range::CodeRange;
use crate::tables::csv_table::{LoadError, Problem, TableDigest, columns, error_at, read_rows, vocabulary};
use crate::tables::period::Period;

columns! {
    "authorizations.csv": auth_number, cin, status, r#type, service_from, service_to, provider_npi, group_tin, code_from, code_to, modifier, units, unit_basis;
    units_used, notified_at; facility_npi, pos, dx, referral
}

vocabulary! {
    AuthorizationStatus { Approved = "approved", Denied = "denied", Pended = "pended", Cancelled = "cancelled", Expired = "expired" }
}

vocabulary! {
    AuthorizationType { Consult = "consult", Service = "service", Inpatient = "inpatient", Dme = "dme", Wrap = "wrap" }
}

vocabulary! {
    /// What one authorized unit is.
    UnitBasis { Visit = "visit", Unit = "unit", Day = "day", Dollar = "$" }
}

/// Names an authorized line across reloads: derived from its number, codes and modifier, so that
/// changed units, dates or status keep the units already used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AuthorizationRow(u64);

impl AuthorizationRow {
    pub fn from_u64(id: u64) -> AuthorizationRow {
        AuthorizationRow(id)
    }

    /// For the key of a stored accumulator.
    pub fn as_u64(self) -> u64 {
        self.0
    }

    /// `repetition` counts rows that share number, codes and modifier, from 0.
    fn derive(number: &AuthorizationNumber, codes: CodeRange, modifier: Option<Modifier>, repetition: u32) -> AuthorizationRow {
        let mut hasher = blake3::Hasher::new_derive_key("claimstream authorization row v1");
        let (from, to) = match codes.ends() {
            Some((from, to)) => (from.to_string(), to.to_string()),
            None => (String::new(), String::new()),
        };
        let modifier = modifier.map(|modifier| modifier.to_string()).unwrap_or_default();
        for part in [number.as_str(), &from, &to, &modifier] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        hasher.update(&repetition.to_le_bytes());
        let mut id = [0; 8];
        hasher.finalize_xof().fill(&mut id);
        AuthorizationRow(u64::from_le_bytes(id))
    }
}

/// Every authorized line, found by number or by member. A line is 80 bytes: what many lines share stands
/// in a pool, and a line is unpacked only when it is looked at.
#[derive(Clone, Default)]
pub struct Authorizations {
    /// Sorted by number, rows of one number in file order.
    rows: Vec<PackedRow>,
    /// Member and place in `rows`, sorted.
    by_member: Vec<(CinKey, u32)>,
    pools: Pools,
    has_referrals: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Amounts {
    units: Option<Quantity>,
    units_used: Quantity,
    notified_at: Option<Timestamp>,
}

/// To whom a line is authorized, and what for beside its code: most lines of a plan share a few of these.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Terms {
    group_tin: Option<Tin>,
    facility_npi: Option<Npi>,
    place_of_service: Option<PlaceOfService>,
    diagnoses: Option<CodeRange>,
    is_referral: bool,
}

#[derive(Clone, Default)]
struct Pools {
    codes: Pool<CodeRange>,
    amounts: Pool<Amounts>,
    terms: Pool<Terms>,
}

#[derive(Clone)]
struct PackedRow {
    row: AuthorizationRow,
    number: AuthorizationNumber,
    member: CinKey,
    provider: PackedNpi,
    from: PackedDate,
    to: PackedDate,
    codes: Place<CodeRange>,
    amounts: Place<Amounts>,
    terms: Place<Terms>,
    modifier: Option<Modifier>,
    status: AuthorizationStatus,
    kind: AuthorizationType,
    unit_basis: UnitBasis,
}

/// One authorized line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    pub row: AuthorizationRow,
    pub number: AuthorizationNumber,
    member: CinKey,
    pub status: AuthorizationStatus,
    pub kind: AuthorizationType,
    pub service: Period,
    /// `None`: any provider.
    pub provider_npi: Option<Npi>,
    /// `None`: any group.
    pub group_tin: Option<Tin>,
    /// Where the service is to be had; `None`: anywhere.
    pub facility_npi: Option<Npi>,
    /// `None`: any place.
    pub place_of_service: Option<PlaceOfService>,
    /// A family of diagnoses; `None`: any.
    pub diagnoses: Option<CodeRange>,
    /// A referral, named by REF*9F, and no authorization.
    pub is_referral: bool,
    /// Procedure or revenue codes.
    pub codes: CodeRange,
    /// `None`: any modifier.
    pub modifier: Option<Modifier>,
    /// `None`: no limit.
    pub units: Option<Quantity>,
    pub unit_basis: UnitBasis,
    /// Used before this program kept count.
    pub units_used: Quantity,
    /// When the plan was told of an emergency admission.
    pub notified_at: Option<Timestamp>,
}

impl Authorization {
    /// The line is this member's.
    pub fn is_of(&self, cin: &Cin) -> bool {
        self.member == CinKey::of(cin)
    }
}

impl fmt::Debug for Authorizations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorizations({} rows)", self.rows.len())
    }
}

impl Authorizations {
    /// # Errors
    /// [`LoadError`] at the first bad row.
    pub fn read(source: impl Read) -> Result<Authorizations, LoadError> {
        Authorizations::read_digested(source).map(|(authorizations, _)| authorizations)
    }

    pub(super) fn read_digested(source: impl Read) -> Result<(Authorizations, TableDigest), LoadError> {
        let mut read: Vec<(u32, PackedRow)> = Vec::new();
        let mut pools = Pools::default();
        let mut has_referrals = false;
        let digest = read_rows(source, |row| {
            let line = read_row(row)?;
            has_referrals |= line.is_referral;
            read.push((row.number, pools.pack(line)));
            Ok(())
        })?;
        pools.close();
        read.sort_unstable_by(|a, b| (&a.1.number, a.0).cmp(&(&b.1.number, b.0)));
        name_rows(&mut read, &pools)?;
        let mut by_member: Vec<(CinKey, u32)> = read.iter().zip(0..).map(|((_, row), place)| (row.member, place)).collect();
        by_member.sort_unstable();
        let mut rows = Vec::with_capacity(read.len());
        rows.extend(read.into_iter().map(|(_, row)| row));
        let authorizations = Authorizations {
            rows,
            by_member,
            pools,
            has_referrals,
        };
        Ok((authorizations, digest))
    }

    /// The lines of an authorization, in file order; none when the number is unknown.
    pub fn by_number(&self, number: &AuthorizationNumber) -> impl Iterator<Item = Authorization> {
        let start = self.rows.partition_point(|row| row.number < *number);
        let found = self.rows.get(start..).unwrap_or_default();
        found
            .iter()
            .take_while(move |row| row.number == *number)
            .filter_map(|row| self.pools.unpack(row))
    }

    /// A member's authorized lines, by number and then in file order.
    pub fn of_member(&self, cin: &Cin) -> impl Iterator<Item = Authorization> {
        let key = CinKey::of(cin);
        let start = self.by_member.partition_point(|(member, _)| *member < key);
        let found = self.by_member.get(start..).unwrap_or_default();
        found
            .iter()
            .take_while(move |(member, _)| *member == key)
            .filter_map(|(_, place)| self.pools.unpack(self.rows.get(*place as usize)?))
    }

    /// Whether any line is a referral.
    pub fn has_referrals(&self) -> bool {
        self.has_referrals
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl Pools {
    fn pack(&mut self, line: Authorization) -> PackedRow {
        PackedRow {
            row: line.row,
            number: line.number,
            member: line.member,
            provider: PackedNpi::of(line.provider_npi),
            from: PackedDate::of(line.service.from()),
            to: PackedDate::of(line.service.to()),
            codes: self.codes.place(line.codes),
            amounts: self.amounts.place(Amounts {
                units: line.units,
                units_used: line.units_used,
                notified_at: line.notified_at,
            }),
            terms: self.terms.place(Terms {
                group_tin: line.group_tin,
                facility_npi: line.facility_npi,
                place_of_service: line.place_of_service,
                diagnoses: line.diagnoses,
                is_referral: line.is_referral,
            }),
            modifier: line.modifier,
            status: line.status,
            kind: line.kind,
            unit_basis: line.unit_basis,
        }
    }

    fn close(&mut self) {
        self.codes.close();
        self.amounts.close();
        self.terms.close();
    }

    /// `None` never happens to a row of these pools.
    fn unpack(&self, row: &PackedRow) -> Option<Authorization> {
        let amounts = self.amounts.get(row.amounts)?;
        let terms = self.terms.get(row.terms)?;
        Some(Authorization {
            row: row.row,
            number: row.number.clone(),
            member: row.member,
            status: row.status,
            kind: row.kind,
            service: Period::new(row.from.get(), row.to.get())?,
            provider_npi: row.provider.get(),
            group_tin: terms.group_tin,
            facility_npi: terms.facility_npi,
            place_of_service: terms.place_of_service,
            diagnoses: terms.diagnoses,
            is_referral: terms.is_referral,
            codes: self.codes.get(row.codes)?,
            modifier: row.modifier,
            units: amounts.units,
            unit_basis: row.unit_basis,
            units_used: amounts.units_used,
            notified_at: amounts.notified_at,
        })
    }
}

/// Gives every row its id; rows are sorted by number.
fn name_rows(read: &mut [(u32, PackedRow)], pools: &Pools) -> Result<(), LoadError> {
    let mut ids: Vec<(AuthorizationRow, u32)> = Vec::with_capacity(read.len());
    let mut seen: Vec<(Place<CodeRange>, Option<Modifier>)> = Vec::new();
    for same_number in read.chunk_by_mut(|a, b| a.1.number == b.1.number) {
        seen.clear();
        for (row, line) in same_number {
            let same = (line.codes, line.modifier);
            let repetition = seen.iter().filter(|known| **known == same).count();
            seen.push(same);
            let codes = pools.codes.get(line.codes).unwrap_or(CodeRange::ANY);
            line.row = AuthorizationRow::derive(&line.number, codes, line.modifier, u32::try_from(repetition).unwrap_or(u32::MAX));
            ids.push((line.row, *row));
        }
    }
    // Two lines under one id would share their units; at 64 bits this is a one-in-a-billion load.
    ids.sort_unstable();
    match ids.iter().zip(ids.iter().skip(1)).find(|(a, b)| a.0 == b.0) {
        Some((first, second)) => Err(error_at(second.1, Column::auth_number, Problem::Overlaps { row: first.1 })),
        None => Ok(()),
    }
}

type Row<'a> = crate::tables::csv_table::Row<'a, Column>;

fn read_row(row: &Row<'_>) -> Result<Authorization, LoadError> {
    let cin = row.required(Column::cin, "a CIN: 9, seven digits and a letter", |text| Cin::parse(text.as_bytes()).ok())?;
    Ok(Authorization {
        row: AuthorizationRow(0),
        number: row.required(Column::auth_number, "an authorization number of at most 50 characters", |text| {
            // REF02 holds 50 characters.
            (text.len() <= 50).then(|| AuthorizationNumber::new(text))
        })?,
        member: CinKey::of(&cin),
        status: row.word(Column::status)?,
        kind: row.word(Column::r#type)?,
        service: row.period(Column::service_from, Column::service_to)?,
        provider_npi: row.unless_any(Column::provider_npi, "an NPI", |text| Npi::parse(text.as_bytes()).ok())?,
        group_tin: row.unless_any(Column::group_tin, "a TIN of nine digits", parse_tin)?,
        facility_npi: row.unless_any(Column::facility_npi, "an NPI", |text| Npi::parse(text.as_bytes()).ok())?,
        place_of_service: row.unless_any(Column::pos, "a place of service of two characters", parse_place)?,
        diagnoses: row.unless_any(Column::dx, "a diagnosis or the beginning of one", parse_family)?,
        is_referral: !row.text(Column::referral).is_empty() && row.yes_no(Column::referral)?,
        codes: read_code_range(row, Column::code_from, Column::code_to)?,
        modifier: read_modifier(row, Column::modifier)?,
        units: row.optional_quantity(Column::units)?,
        unit_basis: if row.text(Column::unit_basis).is_empty() {
            UnitBasis::Unit
        } else {
            row.word(Column::unit_basis)?
        },
        units_used: row.optional_quantity(Column::units_used)?.unwrap_or_default(),
        notified_at: row.optional_timestamp(Column::notified_at)?,
    })
}

/// `Z30` or `Z30.1`: a diagnosis with all that continues it.
fn parse_family(text: &str) -> Option<CodeRange> {
    let bare = text.replace('.', "");
    let code: Code<8> = bare.bytes().all(|byte| byte.is_ascii_alphanumeric()).then(|| bare.parse().ok()).flatten()?;
    CodeRange::families(code, code).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::code_range::CodeKey;

    const HEADER: &str =
        "auth_number,cin,status,type,service_from,service_to,provider_npi,group_tin,code_from,code_to,modifier,units,unit_basis,units_used,notified_at";

    fn read(rows: &[&str]) -> Result<Authorizations, LoadError> {
        Authorizations::read(format!("{HEADER}\n{}\n", rows.join("\n")).as_bytes())
    }

    fn cin(text: &str) -> Cin {
        Cin::parse(text.as_bytes()).unwrap()
    }

    const CONSULT: &str = "A2,91234567A,approved,consult,2025-01-01,2025-06-30,1234567893,951234567,99202,99205,,1,visit,,";
    const WHEELCHAIR: &str = "A1,91234567C,approved,dme,2025-01-01,,*,,K0001,,RR,3,unit,1,2025-01-02T03:04:05Z";
    const STAY: &str = "A2,91234567A,pended,inpatient,,,,,*,,,,day,,";

    #[test]
    fn lines_are_found_by_number_and_by_member() {
        let authorizations = read(&[CONSULT, WHEELCHAIR, STAY]).unwrap();
        assert_eq!(authorizations.len(), 3);
        let lines = |number| authorizations.by_number(&AuthorizationNumber::new(number)).collect::<Vec<_>>();
        let [consult, stay] = &lines("A2")[..] else { panic!("two rows expected") };
        assert_eq!(
            (consult.kind, consult.units, consult.unit_basis),
            (AuthorizationType::Consult, Some(Quantity::ONE), UnitBasis::Visit)
        );
        assert!(consult.codes.contains(CodeKey::of(b"99203")) && !consult.codes.contains(CodeKey::of(b"99215")));
        assert_eq!((stay.status, stay.units, stay.codes.is_any()), (AuthorizationStatus::Pended, None, true));
        let [wheelchair] = &lines("A1")[..] else { panic!("one row expected") };
        assert!(wheelchair.is_of(&cin("91234567C")) && !wheelchair.is_of(&cin("91234567A")));
        assert_eq!(
            (wheelchair.provider_npi, wheelchair.modifier, wheelchair.units_used),
            (None, Modifier::parse(b"RR").ok(), Quantity::ONE)
        );
        assert_eq!(wheelchair.notified_at.map(Timestamp::to_rfc3339).as_deref(), Some("2025-01-02T03:04:05Z"));
        assert!(lines("A").is_empty());
        let numbers = |text| {
            authorizations
                .of_member(&cin(text))
                .map(|line| (line.number.to_string(), line.kind.as_str()))
                .collect::<Vec<_>>()
        };
        assert_eq!(numbers("91234567A"), [("A2".into(), "consult"), ("A2".into(), "inpatient")]);
        assert_eq!(numbers("91234567C"), [("A1".into(), "dme")]);
        assert!(numbers("91234567D").is_empty());
    }

    #[test]
    fn where_and_for_what_a_line_is_authorized() {
        let rows = format!("{HEADER},facility_npi,pos,dx,referral\n{CONSULT},1003000126,22,Z30.1,yes\n{WHEELCHAIR},*,,,no\n");
        let read = |text: &str| Authorizations::read_digested(text.as_bytes());
        let (authorizations, digest) = read(&rows).unwrap();
        let line = |number| authorizations.by_number(&AuthorizationNumber::new(number)).next().unwrap();
        let consult = line("A2");
        assert_eq!(
            (consult.facility_npi, consult.place_of_service, consult.is_referral),
            (Npi::parse(b"1003000126").ok(), parse_place("22"), true)
        );
        let diagnoses = consult.diagnoses.unwrap();
        assert!(diagnoses.contains(CodeKey::of(b"Z3012")) && !diagnoses.contains(CodeKey::of(b"Z302")));
        let wheelchair = line("A1");
        assert_eq!(
            (
                wheelchair.facility_npi,
                wheelchair.place_of_service,
                wheelchair.diagnoses,
                wheelchair.is_referral
            ),
            (None, None, None, false)
        );
        // A file that fills none of these columns has the digest of a file without them.
        let bare = |columns: &str, ends: &str| read(&format!("{HEADER}{columns}\n{CONSULT}{ends}\n")).unwrap().1;
        assert_eq!(bare("", ""), bare(",facility_npi,pos,dx,referral", ",,,,"));
        assert_ne!(bare("", ""), digest);
        for (from, to, message) in [
            ("1003000126", "1", "column facility_npi: not an NPI"),
            ("22", "222", "column pos: not a place of service of two characters"),
            ("Z30.1", "Z30-1", "column dx: not a diagnosis or the beginning of one"),
            (",yes", ",maybe", "column referral: not yes or no"),
        ] {
            let error = read(&rows.replacen(from, to, 1)).unwrap_err();
            assert_eq!(error.to_string(), format!("authorizations.csv row 2, {message}"));
        }
    }

    #[test]
    fn a_line_keeps_its_id_when_what_may_change_changes() {
        let id = |rows: &[&str], place: usize| read(rows).unwrap().by_number(&AuthorizationNumber::new("A2")).nth(place).unwrap().row;
        let first = id(&[CONSULT], 0);
        for same in [
            CONSULT.replace("approved", "expired"),
            CONSULT.replace(",1,visit", ",5,visit"),
            CONSULT.replace("2025-06-30", "2025-12-31"),
        ] {
            assert_eq!(id(&[WHEELCHAIR, &same], 0), first, "{same}");
        }
        for other in [CONSULT.replace("99205", "99204"), CONSULT.replace("99205,", "99205,25"), STAY.to_string()] {
            assert_ne!(id(&[&other], 0), first, "{other}");
        }
        assert_ne!(id(&[CONSULT, CONSULT], 1), first);
    }

    #[test]
    fn a_bad_row_fails_the_load_at_its_place() {
        for (from, to, message) in [
            (
                "A2,",
                ",",
                "column auth_number: empty, expected an authorization number of at most 50 characters",
            ),
            ("91234567A", "1", "column cin: not a CIN: 9, seven digits and a letter"),
            ("approved", "open", "column status: not one of approved, denied, pended, cancelled, expired"),
            ("consult", "visit", "column type: not one of consult, service, inpatient, dme, wrap"),
            ("2025-06-30", "2024-06-30", "column service_to: ends before it begins"),
            ("1234567893", "1234567890", "column provider_npi: not an NPI"),
            ("951234567", "95", "column group_tin: not a TIN of nine digits"),
            ("99205", "99201", "column code_to: ends before it begins"),
            (",,1,visit", ",ABC,1,visit", "column modifier: not a modifier of two characters"),
            (",1,visit", ",-1,visit", "column units: not a quantity, not negative"),
            (",1,visit", ",1,hour", "column unit_basis: not one of visit, unit, day, $"),
            ("visit,,", "visit,x,", "column units_used: not a quantity, not negative"),
            ("visit,,", "visit,,x", "column notified_at: not an RFC 3339 time or a date"),
        ] {
            let row = CONSULT.replacen(from, to, 1);
            assert_eq!(read(&[&row]).unwrap_err().to_string(), format!("authorizations.csv row 2, {message}"), "{row}");
        }
    }
}
