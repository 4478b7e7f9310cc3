//! Reference data: the CSV files of INTERFACE 4 as typed, immutable lookup tables, and the files that CMS
//! publishes for the National Correct Coding Initiative.
//!
//! To the next editor: a new table is a new [`ReferenceTable`] behind the others, a file of this room, a
//! field below and an arm of [`ReferenceData::with_files`]; the digest takes it from there, and is what it
//! was where the table was never loaded.

pub mod authorizations;
mod code_columns;
pub mod fee_schedule;
pub mod filing_exceptions;
pub mod filing_limits;
pub mod member_aliases;
pub mod members;
pub mod mue;
pub mod ncci;
pub mod networks;
pub mod outliers;
mod packed;
pub mod prior_auth_codes;
pub mod providers;
mod published;
mod reason_columns;
mod restriction_kind;
mod restriction_params;
pub mod restrictions;

use std::fmt;
use std::io::Read;
use std::sync::Arc;

pub use code_columns::CodeType;
pub use published::CodingSetting;
pub use reason_columns::RowReason;

use self::authorizations::Authorizations;
use self::fee_schedule::FeeSchedule;
use self::filing_exceptions::FilingExceptions;
use self::filing_limits::FilingLimits;
use self::member_aliases::MemberAliases;
use self::members::{Member, Members};
use self::mue::UnitLimits;
use self::ncci::NcciPairs;
use self::networks::Networks;
use self::prior_auth_codes::PriorAuthCodes;
use self::providers::Providers;
use self::restrictions::Restrictions;
use super::csv_table::{LoadError, Problem, TableDigest};
use crate::ids::{Cin, ContentDigest};

/// Every reference table. `None`: never loaded, so not enforced.
#[derive(Debug, Clone)]
pub struct ReferenceData {
    pub members: Option<Arc<Members>>,
    pub providers: Option<Arc<Providers>>,
    pub authorizations: Option<Arc<Authorizations>>,
    pub prior_auth_codes: Option<Arc<PriorAuthCodes>>,
    pub restrictions: Option<Arc<Restrictions>>,
    pub fee_schedule: Option<Arc<FeeSchedule>>,
    pub networks: Option<Arc<Networks>>,
    pub filing_limits: Arc<FilingLimits>,
    pub ncci_pairs: Option<Arc<NcciPairs>>,
    pub unit_limits: Option<Arc<UnitLimits>>,
    pub member_aliases: Option<Arc<MemberAliases>>,
    pub filing_exceptions: Option<Arc<FilingExceptions>>,
    /// What is known of each table, in the order of [`ReferenceTable::ALL`].
    contents: [TableContent; ReferenceTable::ALL.len()],
    digest: ContentDigest,
}

/// The reference tables, in the order in which the digest takes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReferenceTable {
    Members,
    Providers,
    Authorizations,
    PriorAuthCodes,
    Restrictions,
    FeeSchedule,
    Networks,
    FilingLimits,
    NcciPairs,
    UnitLimits,
    MemberAliases,
    FilingExceptions,
}

impl ReferenceTable {
    pub const ALL: [ReferenceTable; 12] = [
        ReferenceTable::Members,
        ReferenceTable::Providers,
        ReferenceTable::Authorizations,
        ReferenceTable::PriorAuthCodes,
        ReferenceTable::Restrictions,
        ReferenceTable::FeeSchedule,
        ReferenceTable::Networks,
        ReferenceTable::FilingLimits,
        ReferenceTable::NcciPairs,
        ReferenceTable::UnitLimits,
        ReferenceTable::MemberAliases,
        ReferenceTable::FilingExceptions,
    ];

    /// The file of the table inside a reference directory; of a table that is published in several
    /// files, the name it goes by.
    pub fn file_name(self) -> &'static str {
        match self {
            ReferenceTable::Members => "members.csv",
            ReferenceTable::Providers => "providers.csv",
            ReferenceTable::Authorizations => "authorizations.csv",
            ReferenceTable::PriorAuthCodes => "prior_auth_codes.csv",
            ReferenceTable::Restrictions => "restrictions.csv",
            ReferenceTable::FeeSchedule => "fee_schedule.csv",
            ReferenceTable::Networks => "networks.csv",
            ReferenceTable::FilingLimits => "filing_limits.csv",
            ReferenceTable::NcciPairs => "ncci_ptp.csv",
            ReferenceTable::UnitLimits => "mue.csv",
            ReferenceTable::MemberAliases => "member_aliases.csv",
            ReferenceTable::FilingExceptions => "filing_exceptions.csv",
        }
    }

    /// The table that a file of this name holds. Published files keep the names they came with:
    /// `ccipra-v322r0-f1.txt`, `ncci_ptp_outpatient.csv`, `MCR_MUE_PractitionerServices.csv`.
    pub fn of_file(name: &str) -> Option<ReferenceTable> {
        let is_named = |table: &ReferenceTable| table.file_name() == name;
        ReferenceTable::ALL.into_iter().find(is_named).or_else(|| {
            let (stem, extension) = name.rsplit_once('.')?;
            let mut words = stem.split(|letter: char| !letter.is_ascii_alphanumeric());
            let is_text = ["csv", "txt"].iter().any(|known| extension.eq_ignore_ascii_case(known));
            let table = words.find_map(|word| match word.to_ascii_lowercase().as_str() {
                "ptp" | "ccipra" | "ccioph" => Some(ReferenceTable::NcciPairs),
                "mue" => Some(ReferenceTable::UnitLimits),
                _ => None,
            });
            table.filter(|_| is_text)
        })
    }

    /// Whether the table is published in several files.
    pub fn has_several_files(self) -> bool {
        matches!(self, ReferenceTable::NcciPairs | ReferenceTable::UnitLimits)
    }

    /// Whether the digest of the whole names the table even when it was never loaded: those that there
    /// were when the first decisions were made.
    fn is_always_digested(self) -> bool {
        self <= ReferenceTable::FilingLimits
    }
}

impl fmt::Display for ReferenceTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.file_name())
    }
}

/// One of the files of a table.
pub struct TableFile<'a> {
    /// Without its directory: published files say with it whose services they are for.
    pub name: &'a str,
    pub source: &'a mut dyn Read,
}

impl fmt::Debug for TableFile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableFile").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Where a table came from, how large it is, and what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableContent {
    pub table: ReferenceTable,
    pub origin: Origin,
    /// Rows; of members, each member once.
    pub rows: usize,
    /// Of the rows in canonical form; `None` when never loaded.
    pub digest: Option<ContentDigest>,
}

/// Where a table came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    NeverLoaded,
    Embedded,
    Loaded,
}

/// The tables that ship with the program; each applies until its first load.
const EMBEDDED: [(ReferenceTable, &str); 4] = [
    (ReferenceTable::PriorAuthCodes, include_str!("../../../config/reference/prior_auth_codes.csv")),
    (ReferenceTable::Restrictions, include_str!("../../../config/reference/restrictions.csv")),
    (ReferenceTable::Networks, include_str!("../../../config/reference/networks.csv")),
    (ReferenceTable::FilingLimits, include_str!("../../../config/reference/filing_limits.csv")),
];

impl ReferenceData {
    /// The embedded tables; no members, providers, authorizations or fees.
    ///
    /// # Errors
    /// [`LoadError`] when an embedded table is wrong, which a test rules out.
    pub fn embedded() -> Result<ReferenceData, LoadError> {
        let never_loaded = |table| TableContent {
            table,
            origin: Origin::NeverLoaded,
            rows: 0,
            digest: None,
        };
        let mut reference = ReferenceData {
            members: None,
            providers: None,
            authorizations: None,
            prior_auth_codes: None,
            restrictions: None,
            fee_schedule: None,
            networks: None,
            filing_limits: Arc::default(),
            ncci_pairs: None,
            unit_limits: None,
            member_aliases: None,
            filing_exceptions: None,
            contents: ReferenceTable::ALL.map(never_loaded),
            digest: digest_of(&ReferenceTable::ALL.map(never_loaded)),
        };
        for (table, text) in EMBEDDED {
            let file = TableFile {
                name: table.file_name(),
                source: &mut text.as_bytes(),
            };
            reference.replace(table, Origin::Embedded, &mut [file])?;
        }
        Ok(reference)
    }

    /// These tables with one replaced by what `source` says; the others are shared.
    ///
    /// # Errors
    /// [`LoadError`] at the first bad row; nothing has changed then.
    pub fn with_table(&self, table: ReferenceTable, mut source: impl Read) -> Result<ReferenceData, LoadError> {
        let file = TableFile {
            name: table.file_name(),
            source: &mut source,
        };
        self.with_files(table, &mut [file])
    }

    /// These tables with one replaced by what its files say together; only a published table may have
    /// more than one.
    ///
    /// # Errors
    /// [`LoadError`] at the first bad row; nothing has changed then.
    pub fn with_files(&self, table: ReferenceTable, files: &mut [TableFile<'_>]) -> Result<ReferenceData, LoadError> {
        let mut reference = self.clone();
        reference.replace(table, Origin::Loaded, files)?;
        Ok(reference)
    }

    /// BLAKE3 over the names of the tables and their rows in canonical form, whatever their origin.
    pub fn digest(&self) -> ContentDigest {
        self.digest
    }

    /// The id under which a member stands today: its own, or the one that it was merged into.
    pub fn current_cin(&self, cin: &Cin) -> Cin {
        self.member_aliases.as_ref().and_then(|aliases| aliases.current(cin)).unwrap_or(*cin)
    }

    /// The member with this id, or with the one that it was merged into; `None` when there is no such
    /// member, or members were never loaded.
    pub fn member(&self, cin: &Cin) -> Option<Member<'_>> {
        self.members.as_ref()?.find(&self.current_cin(cin))
    }

    /// Each table's origin, size and digest.
    pub fn contents(&self) -> &[TableContent] {
        &self.contents
    }

    fn replace(&mut self, table: ReferenceTable, origin: Origin, files: &mut [TableFile<'_>]) -> Result<(), LoadError> {
        let (source, others) = match files {
            [first, others @ ..] => (&mut *first.source as &mut dyn Read, others.len()),
            [] => (&mut std::io::empty() as &mut dyn Read, 0),
        };
        if others > 0 && !table.has_several_files() {
            return Err(LoadError {
                file: table.file_name().into(),
                row: 0,
                column: None,
                problem: Problem::Rule("several files, expected one"),
            });
        }
        let (rows, digest): (usize, TableDigest) = match table {
            ReferenceTable::Members => {
                let (members, digest) = Members::read_digested(source)?;
                (self.members.insert(Arc::new(members)).len(), digest)
            }
            ReferenceTable::Providers => {
                let (providers, digest) = Providers::read_digested(source)?;
                (self.providers.insert(Arc::new(providers)).len(), digest)
            }
            ReferenceTable::Authorizations => {
                let (authorizations, digest) = Authorizations::read_digested(source)?;
                (self.authorizations.insert(Arc::new(authorizations)).len(), digest)
            }
            ReferenceTable::PriorAuthCodes => {
                let (codes, digest) = PriorAuthCodes::read_digested(source)?;
                (self.prior_auth_codes.insert(Arc::new(codes)).len(), digest)
            }
            ReferenceTable::Restrictions => {
                let (restrictions, digest) = Restrictions::read_digested(source)?;
                (self.restrictions.insert(Arc::new(restrictions)).len(), digest)
            }
            ReferenceTable::FeeSchedule => {
                let (fees, digest) = FeeSchedule::read_digested(source)?;
                (self.fee_schedule.insert(Arc::new(fees)).len(), digest)
            }
            ReferenceTable::Networks => {
                let (networks, digest) = Networks::read_digested(source)?;
                (self.networks.insert(Arc::new(networks)).len(), digest)
            }
            ReferenceTable::FilingLimits => {
                let (limits, digest) = FilingLimits::read_digested(source)?;
                self.filing_limits = Arc::new(limits);
                (self.filing_limits.len(), digest)
            }
            ReferenceTable::NcciPairs => {
                let (pairs, digest) = NcciPairs::read_digested(files)?;
                (self.ncci_pairs.insert(Arc::new(pairs)).len(), digest)
            }
            ReferenceTable::UnitLimits => {
                let (limits, digest) = UnitLimits::read_digested(files)?;
                (self.unit_limits.insert(Arc::new(limits)).len(), digest)
            }
            ReferenceTable::MemberAliases => {
                let (aliases, digest) = MemberAliases::read_digested(source)?;
                (self.member_aliases.insert(Arc::new(aliases)).len(), digest)
            }
            ReferenceTable::FilingExceptions => {
                let (exceptions, digest) = FilingExceptions::read_digested(source)?;
                (self.filing_exceptions.insert(Arc::new(exceptions)).len(), digest)
            }
        };
        for content in self.contents.iter_mut().filter(|content| content.table == table) {
            *content = TableContent {
                table,
                origin,
                rows,
                digest: Some(ContentDigest::from_bytes(digest)),
            };
        }
        self.digest = digest_of(&self.contents);
        Ok(())
    }
}

fn digest_of(contents: &[TableContent]) -> ContentDigest {
    let mut hasher = blake3::Hasher::new_derive_key("claimstream reference data v1");
    let counts = |content: &&TableContent| content.digest.is_some() || content.table.is_always_digested();
    for content in contents.iter().filter(counts) {
        let name = content.table.file_name();
        hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes());
        match &content.digest {
            Some(digest) => hasher.update(&[1]).update(digest.as_bytes()),
            None => hasher.update(&[0]),
        };
    }
    ContentDigest::from_bytes(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Form;

    const MEMBERS: &str = "cin,birth_date,sex,eligible_from,eligible_to,aid_code,network,pcp_npi,share_of_cost,death_date,other_coverage,added_on\n\
                           91234567A,2001-02-03,F,2024-01-01,,,COD,,,,,\n";

    #[test]
    fn the_embedded_tables_load() {
        let reference = ReferenceData::embedded().unwrap();
        assert!(reference.members.is_none() && reference.providers.is_none() && reference.authorizations.is_none() && reference.fee_schedule.is_none());
        assert!(reference.ncci_pairs.is_none() && reference.unit_limits.is_none());
        let loaded: Vec<_> = reference
            .contents()
            .iter()
            .filter(|content| content.origin == Origin::Embedded)
            .map(|content| content.table)
            .collect();
        assert_eq!(loaded, EMBEDDED.map(|(table, _)| table));
        assert!(
            reference
                .contents()
                .iter()
                .all(|content| (content.rows > 0) == (content.origin == Origin::Embedded))
        );
    }

    #[test]
    fn the_embedded_filing_limits_decide_the_vectors_of_the_domain() {
        let limits = ReferenceData::embedded().unwrap().filing_limits;
        for (network, contracted, service, received, timely) in [
            ("COD", true, "2025-01-15", "2026-01-15", true),
            ("COD", true, "2025-01-15", "2026-01-16", false),
            ("COD", false, "2024-01-01", "2024-12-31", true),
            ("COD", false, "2024-01-01", "2025-01-01", false),
            ("COD", true, "2023-03-01", "2024-03-01", true),
            ("COD", true, "2023-08-01", "2024-10-29", true),
            ("COD", true, "2023-08-01", "2024-10-30", false),
            ("CHOC", true, "2025-01-01", "2025-04-01", true),
            ("CHOC", true, "2025-01-01", "2025-04-02", false),
            ("CHOC", false, "2025-01-01", "2025-04-02", true),
        ] {
            let received: chrono::NaiveDate = received.parse().unwrap();
            let limit = limits.find(network.parse().ok(), contracted, received).unwrap();
            let last = limit.last_day(service.parse().unwrap()).unwrap();
            assert_eq!(received <= last, timely, "{network} {contracted} {service} {received}");
        }
    }

    #[test]
    fn every_embedded_network_says_who_is_responsible_for_both_forms() {
        let networks = ReferenceData::embedded().unwrap().networks.unwrap();
        let date = "2025-01-01".parse().unwrap();
        for row in networks.rows() {
            for form in [Form::Professional, Form::Institutional] {
                assert!(
                    row.network.is_some_and(|network| networks.responsible(network, form, date).is_some()),
                    "{} {form}",
                    row.name
                );
            }
        }
    }

    #[test]
    fn a_load_replaces_its_table_only_and_a_bad_one_nothing() {
        let embedded = ReferenceData::embedded().unwrap();
        let loaded = embedded.with_table(ReferenceTable::Members, MEMBERS.as_bytes()).unwrap();
        assert_eq!(loaded.members.as_ref().map(|members| members.len()), Some(1));
        assert!(Arc::ptr_eq(&loaded.filing_limits, &embedded.filing_limits));
        assert_eq!(
            loaded.contents().first().map(|content| (content.origin, content.rows)),
            Some((Origin::Loaded, 1))
        );
        assert_ne!(loaded.digest(), embedded.digest());
        let refused = loaded.with_table(ReferenceTable::Networks, "network\n".as_bytes());
        assert_eq!(refused.unwrap_err().to_string(), "networks.csv row 1, column name: the column is missing");
    }

    #[test]
    fn the_digest_is_of_the_content_and_not_of_its_history() {
        let embedded = ReferenceData::embedded().unwrap();
        let networks = EMBEDDED[2].1;
        assert_eq!(
            embedded.with_table(ReferenceTable::Networks, networks.as_bytes()).unwrap().digest(),
            embedded.digest()
        );
        let windows = networks.replace('\n', "\r\n");
        assert_eq!(
            embedded.with_table(ReferenceTable::Networks, windows.as_bytes()).unwrap().digest(),
            embedded.digest()
        );
        let other = networks.replacen("plan", "network", 1);
        assert_ne!(
            embedded.with_table(ReferenceTable::Networks, other.as_bytes()).unwrap().digest(),
            embedded.digest()
        );
    }

    /// Decisions name this digest: a change of the embedded tables, or of how digests are made, leaves
    /// them without their reference data.
    #[test]
    fn the_embedded_tables_keep_their_digest() {
        assert_eq!(
            ReferenceData::embedded().unwrap().digest().to_string(),
            "b3:91bf7410c6ee10b714d164d551fd46e159493b99dd72ae1b819659d2c06d590a"
        );
    }

    #[test]
    fn a_published_table_is_its_files_and_counts_once_it_is_loaded() {
        const PAIRS: &str = "Column 1,Column 2,*,Effective,Deletion,Modifier\nX9001,X9002,,20200101,*,1\n";
        let embedded = ReferenceData::embedded().unwrap();
        let (mut first, mut second) = (PAIRS.as_bytes(), PAIRS.as_bytes());
        let mut files = [("ccipra-f1.txt", &mut first), ("ccioph-f1.txt", &mut second)].map(|(name, source)| TableFile { name, source });
        let loaded = embedded.with_files(ReferenceTable::NcciPairs, &mut files).unwrap();
        assert_eq!(loaded.ncci_pairs.as_ref().map(|pairs| pairs.len()), Some(2));
        assert_ne!(loaded.digest(), embedded.digest());
        let content = loaded.contents().iter().find(|content| content.table == ReferenceTable::NcciPairs).unwrap();
        assert_eq!((content.origin, content.rows), (Origin::Loaded, 2));
        let (mut first, mut second) = (MEMBERS.as_bytes(), MEMBERS.as_bytes());
        let mut files = [("members.csv", &mut first), ("members2.csv", &mut second)].map(|(name, source)| TableFile { name, source });
        let refused = embedded.with_files(ReferenceTable::Members, &mut files).unwrap_err();
        assert_eq!(refused.to_string(), "members.csv: several files, expected one");
    }

    #[test]
    fn every_table_has_its_file_name() {
        for table in ReferenceTable::ALL {
            assert_eq!(ReferenceTable::of_file(table.file_name()), Some(table));
        }
        for (name, table) in [
            ("ccipra-v322r0-f1.txt", Some(ReferenceTable::NcciPairs)),
            ("CCIOPH-v322r0-f2.TXT", Some(ReferenceTable::NcciPairs)),
            ("medicaid-ncci-ptp-edits-dme.csv", Some(ReferenceTable::NcciPairs)),
            ("MCR_MUE_PractitionerServices_Eff_01-01-2026.csv", Some(ReferenceTable::UnitLimits)),
            ("mue.txt", Some(ReferenceTable::UnitLimits)),
            ("ncci_ptp.xlsx", None),
            ("museum.csv", None),
            ("notes.csv", None),
            ("mue", None),
        ] {
            assert_eq!(ReferenceTable::of_file(name), table, "{name}");
        }
    }
}
