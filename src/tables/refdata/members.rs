//! Members and their eligibility segments. `members.csv`, one row per segment.
//!
//! 900,000 members are kept as sorted arrays of 4 byte keys and of 16 and 28 byte records: looking one up is a binary
//! search over numbers, and a segment is unpacked only when it is looked at.

use std::fmt;
use std::io::Read;

use chrono::NaiveDate;

use super::packed::{CinBuckets, CinKey, PackedDate, PackedNpi};
use crate::ids::{AidCode, Cin, NetworkId, Npi, OhcCode};
use crate::money::Money;
use crate::phi::Phi;
use crate::tables::csv_table::{LoadError, Problem, TableDigest, columns, error_at, parse_yes_no, read_rows, vocabulary};

columns! { "members.csv": cin, birth_date, sex, eligible_from, eligible_to, aid_code, network, pcp_npi, share_of_cost, death_date, other_coverage, added_on;; ohc_code, hospice }

vocabulary! {
    /// DMG03.
    Sex { Female = "F", Male = "M", Unknown = "U" }
}

/// Every member of the plan.
#[derive(Clone, Default)]
pub struct Members {
    /// Sorted, each once; apart from the rows, so that a search stays in cache.
    cins: Vec<CinKey>,
    buckets: CinBuckets,
    /// In the order of `cins`.
    members: Vec<MemberRow>,
    /// Grouped by member in the same order, by first day within a member.
    segments: Vec<SegmentRow>,
    /// Every network that a segment names; segments hold its place plus one.
    networks: Vec<NetworkId>,
}

#[derive(Clone, Copy)]
struct MemberRow {
    birth_date: PackedDate,
    death_date: PackedDate,
    first_segment: u32,
    sex: Sex,
}

#[derive(Clone, Copy)]
struct SegmentRow {
    from: PackedDate,
    to: PackedDate,
    added_on: PackedDate,
    pcp: PackedNpi,
    share_of_cost_cents: u32,
    network: u16,
    aid_code: [u8; 2],
    /// 0: none.
    ohc_code: u8,
    flags: u8,
}

/// Bits of [`SegmentRow::flags`].
const OTHER_COVERAGE: u8 = 1;
const HOSPICE: u8 = 2;

/// A member as looked up.
#[derive(Clone, Copy)]
pub struct Member<'a> {
    pub birth_date: Phi<NaiveDate>,
    pub sex: Sex,
    pub death_date: Phi<Option<NaiveDate>>,
    segments: &'a [SegmentRow],
    networks: &'a [NetworkId],
}

/// One eligibility segment; both ends are covered days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coverage {
    pub from: NaiveDate,
    pub to: Option<NaiveDate>,
    pub aid_code: Option<AidCode>,
    pub network: Option<NetworkId>,
    /// The assigned primary care provider.
    pub pcp_npi: Option<Npi>,
    /// Per month.
    pub share_of_cost: Money,
    /// Another payer covers the member.
    pub has_other_coverage: bool,
    /// What kind of coverage that is: the letter of Medi-Cal's OHC code.
    pub other_coverage_code: Option<OhcCode>,
    /// When the plan learned of the segment (retroactive eligibility, DOMAIN B2 E4).
    pub added_on: Option<NaiveDate>,
    /// The member has elected a hospice (DOMAIN D2).
    pub is_in_hospice: bool,
}

impl Coverage {
    pub fn covers(&self, day: NaiveDate) -> bool {
        self.from <= day && self.to.is_none_or(|to| day <= to)
    }
}

impl<'a> Member<'a> {
    /// The segments, by first day; at least one.
    pub fn coverage(&self) -> impl ExactSizeIterator<Item = Coverage> + use<'a> {
        let networks = self.networks;
        self.segments.iter().map(move |segment| segment.unpack(networks))
    }
}

impl fmt::Debug for Member<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Member([PHI], {} segments)", self.segments.len())
    }
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Members({} members, {} segments)", self.members.len(), self.segments.len())
    }
}

impl Members {
    /// # Errors
    /// [`LoadError`] at the first bad row, or where two rows of a member disagree on birth date, sex
    /// or death date.
    pub fn read(source: impl Read) -> Result<Members, LoadError> {
        Members::read_digested(source).map(|(members, _)| members)
    }

    pub(super) fn read_digested(source: impl Read) -> Result<(Members, TableDigest), LoadError> {
        let mut loaded = Vec::new();
        let mut networks = Vec::new();
        let digest = read_rows(source, |row| {
            let (cin, member, segment) = read_row(row, &mut networks)?;
            loaded.push((cin, row.number, member, segment));
            Ok(())
        })?;
        loaded.sort_unstable_by_key(|(cin, number, _, segment)| (*cin, segment.from, *number));
        let mut members = Members {
            cins: Vec::new(),
            buckets: CinBuckets::default(),
            members: Vec::new(),
            segments: Vec::with_capacity(loaded.len()),
            networks,
        };
        let mut first_row = 0;
        for (cin, number, member, segment) in loaded {
            match members.members.last_mut() {
                Some(known) if members.cins.last() == Some(&cin) => known.agree(&member, first_row, number)?,
                _ => {
                    first_row = number;
                    members.cins.push(cin);
                    members.members.push(MemberRow {
                        first_segment: members.segments.len() as u32,
                        ..member
                    });
                }
            }
            members.segments.push(segment);
        }
        members.buckets = CinBuckets::of(&members.cins);
        members.cins.shrink_to_fit();
        members.members.shrink_to_fit();
        Ok((members, digest))
    }

    /// The member with this CIN.
    pub fn find(&self, cin: &Cin) -> Option<Member<'_>> {
        let place = self.buckets.find(&self.cins, CinKey::of(cin))?;
        let member = self.members.get(place)?;
        let end = self.members.get(place + 1).map_or(self.segments.len(), |next| next.first_segment as usize);
        Some(Member {
            birth_date: Phi::new(member.birth_date.get()?),
            sex: member.sex,
            death_date: Phi::new(member.death_date.get()),
            segments: self.segments.get(member.first_segment as usize..end)?,
            networks: &self.networks,
        })
    }

    /// Members, each counted once.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Eligibility segments: rows of the file.
    pub fn segments(&self) -> usize {
        self.segments.len()
    }
}

impl MemberRow {
    /// Takes over what `self` lacks; refuses what contradicts it.
    fn agree(&mut self, other: &MemberRow, row: u32, other_row: u32) -> Result<(), LoadError> {
        let (first, second) = (row.min(other_row), row.max(other_row));
        let contradiction = |column| Err(error_at(second, column, Problem::Contradicts { row: first }));
        if self.birth_date != other.birth_date {
            return contradiction(Column::birth_date);
        }
        if self.sex != other.sex {
            return contradiction(Column::sex);
        }
        match (self.death_date.get(), other.death_date.get()) {
            (Some(known), Some(death)) if known != death => return contradiction(Column::death_date),
            (None, Some(_)) => self.death_date = other.death_date,
            _ => {}
        }
        Ok(())
    }
}

impl SegmentRow {
    fn unpack(&self, networks: &[NetworkId]) -> Coverage {
        Coverage {
            from: self.from.get().unwrap_or_default(),
            to: self.to.get(),
            aid_code: AidCode::parse(self.aid_code.trim_ascii_end()).ok(),
            network: usize::from(self.network).checked_sub(1).and_then(|place| networks.get(place)).copied(),
            pcp_npi: self.pcp.get(),
            share_of_cost: Money::from_cents(i64::from(self.share_of_cost_cents)),
            has_other_coverage: self.flags & OTHER_COVERAGE != 0,
            other_coverage_code: OhcCode::parse(&[self.ohc_code]).ok(),
            added_on: self.added_on.get(),
            is_in_hospice: self.flags & HOSPICE != 0,
        }
    }
}

type Row<'a> = crate::tables::csv_table::Row<'a, Column>;

fn read_row(row: &Row<'_>, networks: &mut Vec<NetworkId>) -> Result<(CinKey, MemberRow, SegmentRow), LoadError> {
    let birth_date = row.date(Column::birth_date)?;
    let death_date = row.optional_date(Column::death_date)?;
    if death_date.is_some_and(|death| death < birth_date) {
        return Err(row.error(Column::death_date, Problem::Rule("before the birth date")));
    }
    row.date(Column::eligible_from)?;
    let eligible = row.period(Column::eligible_from, Column::eligible_to)?;
    let aid_code = row.optional(Column::aid_code, "an aid code of one or two characters", |text| {
        AidCode::parse(text.as_bytes()).ok()
    })?;
    let cin = row.required(Column::cin, "a CIN: 9, seven digits and a letter", |text| Cin::parse(text.as_bytes()).ok())?;
    let member = MemberRow {
        birth_date: PackedDate::of(Some(birth_date)),
        death_date: PackedDate::of(death_date),
        first_segment: 0,
        sex: if row.text(Column::sex).is_empty() {
            Sex::Unknown
        } else {
            row.word(Column::sex)?
        },
    };
    let segment = SegmentRow {
        from: PackedDate::of(eligible.from()),
        to: PackedDate::of(eligible.to()),
        added_on: PackedDate::of(row.optional_date(Column::added_on)?),
        pcp: PackedNpi::of(row.optional(Column::pcp_npi, "an NPI", |text| Npi::parse(text.as_bytes()).ok())?),
        share_of_cost_cents: match u32::try_from(row.optional_money(Column::share_of_cost)?.unwrap_or_default().cents()) {
            Ok(cents) => cents,
            Err(_) => return Err(row.error(Column::share_of_cost, Problem::Rule("more than 42,949,672.95 a month"))),
        },
        network: match row.optional(Column::network, "a network of at most 12 characters", |text| {
            NetworkId::parse(text.as_bytes()).ok()
        })? {
            Some(network) => intern(networks, network).ok_or_else(|| row.error(Column::network, Problem::Rule("more than 65,534 networks")))?,
            None => 0,
        },
        aid_code: aid_code.map_or([b' '; 2], two_bytes),
        ohc_code: row
            .optional(Column::ohc_code, "an OHC code of one letter", |text| match text.as_bytes() {
                [letter @ b'A'..=b'Z'] => Some(*letter),
                _ => None,
            })?
            .unwrap_or(0),
        flags: flag(row, Column::other_coverage, OTHER_COVERAGE)? | flag(row, Column::hospice, HOSPICE)?,
    };
    Ok((CinKey::of(&cin), member, segment))
}

/// The bit where the column says yes.
fn flag(row: &Row<'_>, column: Column, bit: u8) -> Result<u8, LoadError> {
    let is_set = row.optional(column, "yes or no", parse_yes_no)?.unwrap_or(false);
    Ok(if is_set { bit } else { 0 })
}

fn two_bytes(aid_code: AidCode) -> [u8; 2] {
    match *aid_code.as_bytes() {
        [a, b, ..] => [a, b],
        [a] => [a, b' '],
        [] => [b' '; 2],
    }
}

/// One plus the network's place; there are tens of networks, so a scan finds it.
fn intern(networks: &mut Vec<NetworkId>, network: NetworkId) -> Option<u16> {
    let place = networks.iter().position(|known| *known == network).unwrap_or_else(|| {
        networks.push(network);
        networks.len() - 1
    });
    u16::try_from(place + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phi::Purpose;

    const HEADER: &str = "cin,birth_date,sex,eligible_from,eligible_to,aid_code,network,pcp_npi,share_of_cost,death_date,other_coverage,added_on";

    fn read(rows: &[&str]) -> Result<Members, LoadError> {
        Members::read(format!("{HEADER}\n{}\n", rows.join("\n")).as_bytes())
    }

    fn cin(text: &str) -> Cin {
        Cin::parse(text.as_bytes()).unwrap()
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn records_stay_small() {
        assert_eq!((size_of::<MemberRow>(), size_of::<SegmentRow>()), (16, 28));
    }

    #[test]
    fn segments_of_a_member_are_found_in_order_of_their_first_day() {
        let members = read(&[
            "91234567C,1980-05-06,M,2024-01-01,,,CCN,,,,,",
            "91234567A2,2001-02-03,F,2025-03-01,,7M,COD,1234567893,12.50,2025-06-01,yes,2025-04-02",
            "91234567A,2001-02-03,F,2024-01-01,2024-12-31,M1,CHOC,,,,no,",
        ])
        .unwrap();
        assert_eq!((members.len(), members.segments()), (2, 3));
        let member = members.find(&cin("91234567A")).unwrap();
        assert_eq!(*member.birth_date.expose_for(Purpose::Synthesise), day("2001-02-03"));
        assert_eq!(*member.death_date.expose_for(Purpose::Synthesise), Some(day("2025-06-01")));
        assert_eq!(member.sex, Sex::Female);
        let first = Coverage {
            from: day("2024-01-01"),
            to: Some(day("2024-12-31")),
            aid_code: AidCode::parse(b"M1").ok(),
            network: NetworkId::parse(b"CHOC").ok(),
            pcp_npi: None,
            share_of_cost: Money::ZERO,
            has_other_coverage: false,
            other_coverage_code: None,
            added_on: None,
            is_in_hospice: false,
        };
        let second = Coverage {
            from: day("2025-03-01"),
            to: None,
            aid_code: AidCode::parse(b"7M").ok(),
            network: NetworkId::parse(b"COD").ok(),
            pcp_npi: Npi::parse(b"1234567893").ok(),
            share_of_cost: Money::from_cents(1250),
            has_other_coverage: true,
            other_coverage_code: None,
            added_on: Some(day("2025-04-02")),
            is_in_hospice: false,
        };
        assert_eq!(member.coverage().collect::<Vec<_>>(), [first, second]);
        assert_eq!(members.find(&cin("91234567C")).unwrap().coverage().len(), 1);
        for unknown in ["90000000A", "91234567D", "99999999Z"] {
            assert!(members.find(&cin(unknown)).is_none(), "{unknown}");
        }
    }

    #[test]
    fn a_bad_row_fails_the_load_at_its_place_without_its_value() {
        let good = "91234567A,2001-02-03,F,2024-01-01,2024-12-31,M1,CHOC,1234567893,10,,no,2024-01-01";
        for (row, message) in [
            (
                "81234567A,2001-02-03,F,2024-01-01,,,,,,,,",
                "row 3, column cin: not a CIN: 9, seven digits and a letter",
            ),
            (
                ",2001-02-03,F,2024-01-01,,,,,,,,",
                "row 3, column cin: empty, expected a CIN: 9, seven digits and a letter",
            ),
            ("91234567D,2001-02-30,F,2024-01-01,,,,,,,,", "row 3, column birth_date: not a date YYYY-MM-DD"),
            ("91234567D,2001-02-03,X,2024-01-01,,,,,,,,", "row 3, column sex: not one of F, M, U"),
            (
                "91234567D,2001-02-03,F,,,,,,,,,",
                "row 3, column eligible_from: empty, expected a date YYYY-MM-DD",
            ),
            (
                "91234567D,2001-02-03,F,2024-01-02,2024-01-01,,,,,,,",
                "row 3, column eligible_to: ends before it begins",
            ),
            (
                "91234567D,2001-02-03,F,2024-01-01,,7MX,,,,,,",
                "row 3, column aid_code: not an aid code of one or two characters",
            ),
            (
                "91234567D,2001-02-03,F,2024-01-01,,,THIRTEENCHARS,,,,,",
                "row 3, column network: not a network of at most 12 characters",
            ),
            ("91234567D,2001-02-03,F,2024-01-01,,,,1234567890,,,,", "row 3, column pcp_npi: not an NPI"),
            (
                "91234567D,2001-02-03,F,2024-01-01,,,,,-1,,,",
                "row 3, column share_of_cost: not an amount of at most two decimals, not negative",
            ),
            (
                "91234567D,2001-02-03,F,2024-01-01,,,,,50000000,,,",
                "row 3, column share_of_cost: more than 42,949,672.95 a month",
            ),
            (
                "91234567D,2001-02-03,F,2024-01-01,,,,,,2000-01-01,,",
                "row 3, column death_date: before the birth date",
            ),
            ("91234567D,2001-02-03,F,2024-01-01,,,,,,,maybe,", "row 3, column other_coverage: not yes or no"),
            ("91234567D,2001-02-03,F,2024-01-01,,,,,,,,soon", "row 3, column added_on: not a date YYYY-MM-DD"),
            (
                "91234567A,2001-02-04,F,2024-02-01,,,,,,,,",
                "row 3, column birth_date: differs from row 2, expected the same for one member",
            ),
            (
                "91234567A,2001-02-03,M,2023-02-01,,,,,,,,",
                "row 3, column sex: differs from row 2, expected the same for one member",
            ),
        ] {
            assert_eq!(read(&[good, row]).unwrap_err().to_string(), format!("members.csv {message}"));
        }
        let dead_twice = read(&[
            "91234567A,2001-02-03,F,2024-01-01,,,,,,2024-05-01,,",
            "91234567A,2001-02-03,F,2024-02-01,,,,,,2024-05-02,,",
        ]);
        assert_eq!(
            dead_twice.unwrap_err().to_string(),
            "members.csv row 3, column death_date: differs from row 2, expected the same for one member"
        );
    }

    #[test]
    fn debug_shows_counts_only() {
        let members = read(&["91234567A,2001-02-03,F,2024-01-01,,,,,,,,"]).unwrap();
        assert_eq!(
            format!("{members:?} {:?}", members.find(&cin("91234567A"))),
            "Members(1 members, 1 segments) Some(Member([PHI], 1 segments))"
        );
    }
}
