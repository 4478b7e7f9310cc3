//! Loaded reference data in the data directory: `refdata/<digest>/`, sealed, kept while any decision
//! names it; `refdata/current` says which one new claims are decided with.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::durable::{create_directory, private_file, publish, write_private};
use crate::failpoints::reach;
use crate::ids::ContentDigest;
use crate::intake::data_directory::{self, DataDirectoryError};
use crate::sealing::{Keys, SealedReader, SealedWriter};
use crate::tables::LoadError;
use crate::tables::refdata::{Origin, ReferenceData, ReferenceTable, TableFile};

/// Why reference data cannot be loaded or opened.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceStoreError {
    #[error("{file}: {source}")]
    Load { file: &'static str, source: LoadError },
    #[error("an embedded reference table is unusable")]
    Embedded(#[source] LoadError),
    #[error("{path}: cannot be read or written")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path}: none of the reference files is there, expected members.csv, providers.csv or the like")]
    Empty { path: PathBuf },
    #[error(transparent)]
    Store(#[from] DataDirectoryError),
    #[error("reference data {digest} is not in the store")]
    Missing { digest: ContentDigest },
}

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> ReferenceStoreError + '_ {
    move |source| ReferenceStoreError::Io {
        path: path.to_path_buf(),
        source,
    }
}

/// The reference data that new claims are decided with: the last load, else the embedded tables.
///
/// # Errors
/// [`ReferenceStoreError`].
pub fn current(store: &Path, keys: &Keys) -> Result<ReferenceData, ReferenceStoreError> {
    let path = store.join("current");
    match fs::read_to_string(&path) {
        Ok(name) => read_tables(&store.join(name.trim()), keys),
        Err(error) if error.kind() == io::ErrorKind::NotFound => ReferenceData::embedded().map_err(ReferenceStoreError::Embedded),
        Err(error) => Err(io_at(&path)(error)),
    }
}

/// When reference data was last loaded; `None` when it never was.
pub fn loaded_at(store: &Path) -> Option<SystemTime> {
    fs::metadata(store.join("current")).and_then(|current| current.modified()).ok()
}

/// The reference data of a digest that a decision names.
///
/// # Errors
/// [`ReferenceStoreError::Missing`] when it was removed.
pub fn by_digest(store: &Path, keys: &Keys, digest: ContentDigest) -> Result<ReferenceData, ReferenceStoreError> {
    let directory = store.join(digest.hex());
    if directory.exists() {
        return read_tables(&directory, keys);
    }
    let embedded = ReferenceData::embedded().map_err(ReferenceStoreError::Embedded)?;
    if embedded.digest() == digest {
        Ok(embedded)
    } else {
        Err(ReferenceStoreError::Missing { digest })
    }
}

/// Reads the tables of a directory of plain files over `base`; tables without a file stay as they are.
///
/// # Errors
/// [`ReferenceStoreError`] at the first bad row; then nothing takes effect.
pub fn read_directory(base: &ReferenceData, directory: &Path) -> Result<ReferenceData, ReferenceStoreError> {
    let mut reference = base.clone();
    let files = files_by_table(directory, "")?;
    if files.is_empty() {
        return Err(ReferenceStoreError::Empty { path: directory.to_path_buf() });
    }
    for (table, names) in files {
        let open = |name: &String| {
            let path = directory.join(name);
            File::open(&path).map(BufReader::new).map_err(io_at(&path))
        };
        reference = with_files(&reference, table, &names, open)?;
    }
    Ok(reference)
}

/// The names of a directory's files by the table they hold, in order; a suffix is left off. None where
/// there is no directory.
fn files_by_table(directory: &Path, suffix: &str) -> Result<BTreeMap<ReferenceTable, Vec<String>>, ReferenceStoreError> {
    let mut files: BTreeMap<ReferenceTable, Vec<String>> = BTreeMap::new();
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(files),
        Err(error) => return Err(io_at(directory)(error)),
    };
    for entry in entries {
        let name = entry.map_err(io_at(directory))?.file_name();
        let name = name.to_str().and_then(|name| name.strip_suffix(suffix));
        if let Some((name, table)) = name.and_then(|name| Some((name, ReferenceTable::of_file(name)?))) {
            files.entry(table).or_default().push(name.to_string());
        }
    }
    files.values_mut().for_each(|names| names.sort());
    Ok(files)
}

fn with_files<R: Read>(
    reference: &ReferenceData,
    table: ReferenceTable,
    names: &[String],
    open: impl Fn(&String) -> Result<R, ReferenceStoreError>,
) -> Result<ReferenceData, ReferenceStoreError> {
    let mut sources = names.iter().map(open).collect::<Result<Vec<R>, _>>()?;
    let mut files: Vec<TableFile<'_>> = (names.iter().zip(&mut sources)).map(|(name, source)| TableFile { name, source }).collect();
    reference.with_files(table, &mut files).map_err(|source| ReferenceStoreError::Load {
        file: table.file_name(),
        source,
    })
}

/// Loads a directory over what is current: checks every row, seals a copy under the new digest, and makes
/// it current. One load at a time; whoever decides with the one before goes on with it.
///
/// # Errors
/// [`ReferenceStoreError`]; then the load takes no effect.
pub fn load(store: &Path, keys: &Keys, directory: &Path) -> Result<ReferenceData, ReferenceStoreError> {
    let _lock = data_directory::lock(store)?;
    let base = current(store, keys)?;
    let reference = read_directory(&base, directory)?;
    let name = reference.digest().hex();
    let target = store.join(&name);
    if !target.exists() {
        let staging = store.join(format!("{name}.tmp"));
        if staging.exists() {
            reach("refdata::load::before-discard")
                .and_then(|()| fs::remove_dir_all(&staging))
                .map_err(io_at(&staging))?;
        }
        create_directory(&staging).map_err(io_at(&staging))?;
        let before = store.join(base.digest().hex());
        let fresh = files_by_table(directory, "")?;
        let kept = files_by_table(&before, SEALED)?;
        let is_loaded = |table: &ReferenceTable| {
            reference
                .contents()
                .iter()
                .any(|content| content.table == *table && content.origin == Origin::Loaded)
        };
        for table in ReferenceTable::ALL.into_iter().filter(is_loaded) {
            let names = fresh.get(&table).or_else(|| kept.get(&table));
            for name in names.into_iter().flatten() {
                let sealed = staging.join(sealed_name(name));
                reach("refdata::load::before-seal").map_err(io_at(&sealed))?;
                match fresh.contains_key(&table) {
                    true => seal(&directory.join(name), &sealed, keys),
                    false => copy(&before.join(sealed_name(name)), &sealed),
                }
                .map_err(io_at(&sealed))?;
            }
        }
        // The names of its files, before its own.
        File::open(&staging).and_then(|staging| staging.sync_all()).map_err(io_at(&staging))?;
        reach("refdata::load::before-publish")
            .and_then(|()| publish(&staging, &target))
            .map_err(io_at(&target))?;
    }
    let current = store.join("current");
    reach("refdata::load::before-current")
        .and_then(|()| write_private(&current, name.as_bytes()))
        .and_then(|()| reach("refdata::load::after-current"))
        .map_err(io_at(&current))?;
    Ok(reference)
}

const SEALED: &str = ".sealed";

fn sealed_name(name: &str) -> String {
    format!("{name}{SEALED}")
}

fn seal(from: &Path, to: &Path, keys: &Keys) -> io::Result<()> {
    let mut writer = SealedWriter::new(private_file(to)?.open(to)?, keys)?;
    io::copy(&mut File::open(from)?, &mut writer)?;
    writer.flush()?;
    let file = writer.finish()?;
    reach("refdata::seal::before-sync")?;
    file.sync_all()
}

/// A table that this load leaves as it is.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut file = private_file(to)?.open(to)?;
    io::copy(&mut File::open(from)?, &mut file)?;
    file.sync_all()
}

fn read_tables(directory: &Path, keys: &Keys) -> Result<ReferenceData, ReferenceStoreError> {
    let mut reference = ReferenceData::embedded().map_err(ReferenceStoreError::Embedded)?;
    for (table, names) in files_by_table(directory, SEALED)? {
        let open = |name: &String| {
            let path = directory.join(sealed_name(name));
            let file = File::open(&path).map_err(io_at(&path))?;
            SealedReader::new(BufReader::new(file), keys).map_err(io_at(&path))
        };
        reference = with_files(&reference, table, &names, open)?;
    }
    Ok(reference)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROVIDERS: &str =
        "npi,tin,group_tin,taxonomy,kind,contracted,enrolled_from,enrolled_to,payment,routing,account\n1234567893,951234567,,207Q00000X,pcp,yes,,,check,,\n";
    const MEMBERS: &str = "cin,birth_date,sex,eligible_from,eligible_to,aid_code,network,pcp_npi,share_of_cost,death_date,other_coverage,added_on\n91234567A,1990-02-14,F,2020-01-01,,,CCN,,,,,\n";

    #[test]
    fn a_load_replaces_what_is_present_and_keeps_the_rest() {
        let directory = tempfile::tempdir().unwrap();
        let keys = Keys::parse(&Keys::generate().unwrap()).unwrap();
        let (store, first, second) = (directory.path().join("store"), directory.path().join("a"), directory.path().join("b"));
        for path in [&store, &first, &second] {
            fs::create_dir(path).unwrap();
        }
        fs::write(first.join("providers.csv"), PROVIDERS).unwrap();
        fs::write(second.join("members.csv"), MEMBERS).unwrap();
        let embedded = current(&store, &keys).unwrap();
        let one = load(&store, &keys, &first).unwrap();
        let two = load(&store, &keys, &second).unwrap();
        let opened = current(&store, &keys).unwrap();
        assert_eq!(opened.digest(), two.digest());
        assert!(opened.providers.is_some() && opened.members.is_some());
        assert!(by_digest(&store, &keys, one.digest()).unwrap().members.is_none());
        assert_eq!(by_digest(&store, &keys, embedded.digest()).unwrap().digest(), embedded.digest());
        let sealed = fs::read(store.join(two.digest().hex()).join("members.csv.sealed")).unwrap();
        assert!(!sealed.windows(9).any(|window| window == b"91234567A"));
    }

    #[test]
    fn published_files_are_kept_under_their_names() {
        let pairs = |one: &str| format!("Column 1\tColumn 2\t*\tEffective\tDeletion\tModifier\n{one}\tX9002\t\t20200101\t*\t1\n");
        let directory = tempfile::tempdir().unwrap();
        let keys = Keys::parse(&Keys::generate().unwrap()).unwrap();
        let (store, first, second) = (directory.path().join("store"), directory.path().join("a"), directory.path().join("b"));
        for path in [&store, &first, &second] {
            fs::create_dir(path).unwrap();
        }
        fs::write(first.join("ccipra-v900r0-f1.txt"), pairs("X9001")).unwrap();
        fs::write(first.join("ccipra-v900r0-f2.txt"), pairs("X9003")).unwrap();
        fs::write(
            first.join("MCR_MUE_PractitionerServices.csv"),
            "HCPCS/CPT Code,Practitioner Services MUE Values\nX9001,1\n",
        )
        .unwrap();
        fs::write(second.join("members.csv"), MEMBERS).unwrap();
        load(&store, &keys, &first).unwrap();
        let loaded = load(&store, &keys, &second).unwrap();
        let opened = current(&store, &keys).unwrap();
        assert_eq!(opened.digest(), loaded.digest());
        let sizes = |reference: &ReferenceData| {
            (
                reference.ncci_pairs.as_ref().map(|pairs| pairs.len()),
                reference.unit_limits.as_ref().map(|limits| limits.len()),
                reference.members.is_some(),
            )
        };
        assert_eq!(sizes(&opened), (Some(2), Some(1), true));
        // The files of a load are the whole table.
        let third = directory.path().join("c");
        fs::create_dir(&third).unwrap();
        fs::write(third.join("ccipra-v901r0-f1.txt"), pairs("X9001")).unwrap();
        load(&store, &keys, &third).unwrap();
        assert_eq!(sizes(&current(&store, &keys).unwrap()), (Some(1), Some(1), true));
        fs::write(third.join("ccipra-v901r0-f2.txt"), pairs("X90")).unwrap();
        fs::write(third.join("ccipra-v901r0-f3.txt"), pairs("X9001").replace("\t1\n", "\t7\n")).unwrap();
        let error = load(&store, &keys, &third).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(cause, "ccipra-v901r0-f3.txt row 2, column Modifier: not 0, 1 or 9");
    }

    #[test]
    fn a_bad_row_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let keys = Keys::parse(&Keys::generate().unwrap()).unwrap();
        let embedded = ReferenceData::embedded().unwrap();
        fs::write(directory.path().join("providers.csv"), PROVIDERS.replace("pcp", "doctor")).unwrap();
        let error = load(directory.path(), &keys, directory.path()).unwrap_err();
        assert!(matches!(error, ReferenceStoreError::Load { file: "providers.csv", .. }));
        let nowhere = load(directory.path(), &keys, &directory.path().join("nowhere")).unwrap_err();
        assert!(matches!(nowhere, ReferenceStoreError::Empty { .. }));
        assert!(!error.to_string().contains("doctor"));
        assert_eq!(current(directory.path(), &keys).unwrap().digest(), embedded.digest());
    }
}
