//! Rule packs in the data directory: `rules/<digest>/`, sealed, kept from the first time that work is
//! done under them, so that a decision can be run again under the pack that it names.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use super::house::HouseError;
use crate::durable::{create_directory, write_private};
use crate::ids::ContentDigest;
use crate::limits;
use crate::sealing::{Keys, SealedReader, SealedWriter};
use crate::tables::rules::RulePack;

const FILE: &str = "calop.toml.sealed";

fn path_of(store: &Path, digest: ContentDigest) -> PathBuf {
    store.join(digest.hex()).join(FILE)
}

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> HouseError + '_ {
    move |source| HouseError::Io {
        path: path.to_path_buf(),
        source,
    }
}

/// Keeps a pack under its digest, unless it is there already. When this returns the pack is durable, so
/// no decision can name one that is not.
///
/// # Errors
/// [`HouseError::Io`].
pub fn keep(store: &Path, keys: &Keys, rules: &RulePack) -> Result<(), HouseError> {
    let path = path_of(store, rules.digest());
    if path.exists() {
        return Ok(());
    }
    let sealed = || {
        let mut writer = SealedWriter::new(Vec::new(), keys)?;
        writer.write_all(rules.text().as_bytes())?;
        writer.finish()
    };
    create_directory(&store.join(rules.digest().hex()))
        .and_then(|()| write_private(&path, &sealed()?))
        .map_err(io_at(&path))
}

/// The pack that a decision names; `None` when it was never kept or was removed.
///
/// # Errors
/// [`HouseError::Io`], also when the file holds another pack than its name says; [`HouseError::Rules`]
/// when this version of the program cannot use it.
pub fn by_digest(store: &Path, keys: &Keys, digest: ContentDigest) -> Result<Option<RulePack>, HouseError> {
    let path = path_of(store, digest);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_at(&path)(error)),
    };
    let mut text = String::new();
    SealedReader::new(BufReader::new(file), keys)
        .and_then(|reader| reader.take(limits::RULE_PACK_BYTES_MAX).read_to_string(&mut text))
        .map_err(io_at(&path))?;
    let rules = RulePack::parse(&text)?;
    if rules.digest() == digest {
        Ok(Some(rules))
    } else {
        let other = io::Error::new(io::ErrorKind::InvalidData, "holds another rule pack than its name says");
        Err(io_at(&path)(other))
    }
}

/// The pack in force if it is the one, else the kept one.
///
/// # Errors
/// Those of [`by_digest`].
pub fn in_force_or_kept(store: &Path, keys: &Keys, in_force: &RulePack, digest: ContentDigest) -> Result<Option<RulePack>, HouseError> {
    if in_force.digest() == digest {
        return Ok(Some(in_force.clone()));
    }
    by_digest(store, keys, digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys::parse(&Keys::generate().unwrap()).unwrap()
    }

    #[test]
    fn what_is_kept_is_found_by_its_digest_and_sealed() {
        let directory = tempfile::tempdir().unwrap();
        let (keys, embedded) = (keys(), RulePack::embedded().unwrap());
        let changed = RulePack::parse(&RulePack::EMBEDDED_TEXT.replace("auto_match = true", "auto_match = false")).unwrap();
        for pack in [embedded, &changed, embedded] {
            keep(directory.path(), &keys, pack).unwrap();
            assert_eq!(by_digest(directory.path(), &keys, pack.digest()).unwrap().as_ref(), Some(pack));
        }
        let sealed = std::fs::read(path_of(directory.path(), changed.digest())).unwrap();
        assert!(!sealed.windows(10).any(|window| window == b"auto_match"));
        let never = ContentDigest::from_bytes([7; 32]);
        assert_eq!(by_digest(directory.path(), &keys, never).unwrap(), None);
        assert_eq!(
            in_force_or_kept(directory.path(), &keys, embedded, changed.digest()).unwrap().as_ref(),
            Some(&changed)
        );
    }

    #[test]
    fn a_pack_under_another_name_or_key_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let (keys, embedded) = (keys(), RulePack::embedded().unwrap());
        keep(directory.path(), &keys, embedded).unwrap();
        let other = ContentDigest::from_bytes([7; 32]);
        std::fs::rename(directory.path().join(embedded.digest().hex()), directory.path().join(other.hex())).unwrap();
        let error = by_digest(directory.path(), &keys, other).unwrap_err();
        assert!(matches!(error, HouseError::Io { .. }), "{error}");
        assert!(by_digest(directory.path(), &self::keys(), other).is_err());
    }
}
