//! The keys of `[partner.pgp]`: ours, with which we decrypt, and the partner's, whose signatures count.
//!
//! They are read when a message comes and kept until one of their files changes, so that keys are renewed
//! without a restart. What was read of a secret is wiped here; what the `pgp` crate keeps of it is wiped when
//! the keys are dropped, but for copies within its parsers.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

use pgp::composed::{Deserializable, SignedPublicKey, SignedPublicSubKey, SignedSecretKey};
use pgp::packet::{Signature, SignatureType};
use pgp::types::{KeyDetails, Password, Tag, Timestamp};
use zeroize::Zeroizing;

use crate::config::OpenPgp as Config;
use crate::limits;

/// Why the keys can't be used. Names keys of the configuration, never what the files hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    #[error("a file of [partner.pgp] cannot be read")]
    Unreadable,
    #[error("key_file or passphrase_file of [partner.pgp] is open to others than its owner, expected mode 0600")]
    OpenToOthers,
    #[error("key_file of [partner.pgp] holds no secret key in ASCII armour that can decrypt")]
    NotAKey,
    #[error("key_file of [partner.pgp] is locked and passphrase_file does not open it")]
    Locked,
    #[error("signer_keys of [partner.pgp] lacks a key of signers that is valid, not expired and may sign")]
    Signers,
}

/// How the files of the keys look from outside: another look, other keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stamp(Vec<Option<[i64; 4]>>);

impl Stamp {
    pub(super) fn of(config: &Config) -> Stamp {
        let paths = [Some(&config.key_file), config.passphrase_file.as_ref(), config.signer_keys.as_ref()];
        let look = |path: &Path| {
            let metadata = path.metadata().ok()?;
            Some([
                metadata.ctime(),
                metadata.ctime_nsec(),
                metadata.size().cast_signed(),
                metadata.ino().cast_signed(),
            ])
        };
        Stamp(paths.into_iter().flatten().map(|path| look(path)).collect())
    }
}

/// The keys, ready for use.
pub(super) struct Keyring {
    pub(super) secret: Vec<SignedSecretKey>,
    /// `None`: a message needs no signature.
    pub(super) signers: Option<Vec<Signer>>,
}

/// A partner's key.
pub(super) struct Signer {
    key: SignedPublicKey,
    /// Those that its primary key has bound, for signing.
    subkeys: Vec<SignedPublicSubKey>,
    primary_signs: bool,
}

impl Keyring {
    pub(super) fn read(config: &Config) -> Result<Keyring, KeyFault> {
        let text = text_of(&config.key_file, true)?;
        let passphrase = match &config.passphrase_file {
            Some(path) => {
                let text = text_of(path, true)?;
                let line = text.strip_suffix('\n').unwrap_or(&text);
                Password::from(line.strip_suffix('\r').unwrap_or(line))
            }
            None => Password::empty(),
        };
        let mut secret = Vec::new();
        for block in blocks(&text, "-----BEGIN PGP PRIVATE KEY BLOCK-----") {
            let (keys, _) = SignedSecretKey::from_string_many(block).map_err(|_| KeyFault::NotAKey)?;
            for key in keys {
                secret.push(key.map_err(|_| KeyFault::NotAKey)?);
            }
        }
        if secret.iter().flat_map(decrypting).next().is_none() {
            return Err(KeyFault::NotAKey);
        }
        for key in &mut secret {
            // A stub of a primary key that is kept elsewhere stays locked; its subkeys decrypt.
            let _ = key.primary_key.remove_password(&passphrase);
            for subkey in &mut key.secret_subkeys {
                let _ = subkey.key.remove_password(&passphrase);
            }
        }
        if !secret.iter().flat_map(decrypting).any(|is_locked| !is_locked) {
            return Err(KeyFault::Locked);
        }
        let signers = match &config.signer_keys {
            Some(path) => Some(signers(&text_of(path, false)?, &config.signers)?),
            None => None,
        };
        Ok(Keyring { secret, signers })
    }
}

/// The keys that can decrypt, by whether they are locked.
fn decrypting(key: &SignedSecretKey) -> impl Iterator<Item = bool> {
    let primary = (key.primary_key.algorithm(), key.primary_key.secret_params().is_encrypted());
    let subkeys = key
        .secret_subkeys
        .iter()
        .map(|subkey| (subkey.key.algorithm(), subkey.key.secret_params().is_encrypted()));
    let keys = std::iter::once(primary).chain(subkeys);
    keys.filter(|(algorithm, _)| algorithm.can_encrypt()).map(|(_, is_locked)| is_locked)
}

fn text_of(path: &Path, is_secret: bool) -> Result<Zeroizing<String>, KeyFault> {
    let file = File::open(path).map_err(|_| KeyFault::Unreadable)?;
    let mode = file.metadata().map_err(|_| KeyFault::Unreadable)?.mode();
    if is_secret && mode & 0o077 != 0 {
        return Err(KeyFault::OpenToOthers);
    }
    let mut text = Zeroizing::new(String::with_capacity(limits::KEY_FILE_BYTES_MAX as usize));
    file.take(limits::KEY_FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|_| KeyFault::Unreadable)?;
    Ok(text)
}

/// The armoured blocks of a file: two during a rotation.
fn blocks<'t>(text: &'t str, begin: &'t str) -> impl Iterator<Item = &'t str> {
    let places: Vec<usize> = text.match_indices(begin).map(|(place, _)| place).collect();
    let ends: Vec<usize> = places.iter().skip(1).copied().chain([text.len()]).collect();
    places.into_iter().zip(ends).filter_map(|(start, end)| text.get(start..end))
}

/// The keys with these fingerprints, each of which must be there.
fn signers(text: &str, fingerprints: &[String]) -> Result<Vec<Signer>, KeyFault> {
    let mut keys = Vec::new();
    for block in blocks(text, "-----BEGIN PGP PUBLIC KEY BLOCK-----") {
        let (found, _) = SignedPublicKey::from_string_many(block).map_err(|_| KeyFault::Signers)?;
        keys.extend(found.flatten());
    }
    let now = unix_now();
    let signer = |fingerprint: &String| {
        let named = |key: &&SignedPublicKey| key.fingerprint().to_string().eq_ignore_ascii_case(fingerprint);
        keys.iter().find(named).and_then(|key| Signer::of(key, now)).ok_or(KeyFault::Signers)
    };
    fingerprints.iter().map(signer).collect()
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl Signer {
    /// The primary key is the configured one; what belongs to it is what it has signed. `None`: revoked,
    /// expired, or none of its keys may sign.
    fn of(key: &SignedPublicKey, now: u64) -> Option<Signer> {
        let primary = &key.primary_key;
        let is_revoked = key
            .details
            .revocation_signatures
            .iter()
            .any(|revocation| revocation.verify_key(primary).is_ok());
        let of_users = key.details.users.iter().flat_map(|user| {
            let own = |signature: &&Signature| signature.verify_certification(primary, Tag::UserId, &user.id).is_ok();
            user.signatures.iter().filter(own)
        });
        let direct = key.details.direct_signatures.iter().filter(|signature| signature.verify_key(primary).is_ok());
        let newest = of_users.chain(direct).max_by_key(|signature| created(signature));
        if is_revoked || newest.is_none_or(|signature| is_expired(primary.created_at(), signature, now)) {
            return None;
        }
        let subkeys: Vec<SignedPublicSubKey> = key.public_subkeys.iter().filter(|subkey| may_sign(subkey, key, now)).cloned().collect();
        let primary_signs = newest.is_some_and(|signature| signature.key_flags().sign());
        (primary_signs || !subkeys.is_empty()).then(|| Signer {
            key: key.clone(),
            subkeys,
            primary_signs,
        })
    }

    /// Whether `verifies` holds of one of the keys that may sign.
    pub(super) fn any(&self, verifies: &dyn Fn(&dyn pgp::types::VerifyingKey) -> bool) -> bool {
        (self.primary_signs && verifies(&self.key.primary_key)) || self.subkeys.iter().any(|subkey| verifies(&subkey.key))
    }
}

/// Bound for signing by its primary key and that by it, neither revoked nor expired.
fn may_sign(subkey: &SignedPublicSubKey, key: &SignedPublicKey, now: u64) -> bool {
    let bound = |signature: &&Signature| signature.verify_subkey_binding(&key.primary_key, &subkey.key).is_ok();
    let of_kind = |kind: SignatureType| subkey.signatures.iter().filter(move |signature| signature.typ() == Some(kind));
    let is_revoked = of_kind(SignatureType::SubkeyRevocation).any(|signature| bound(&signature));
    let newest = of_kind(SignatureType::SubkeyBinding).filter(bound).max_by_key(|signature| created(signature));
    let is_mutual = |signature: &Signature| {
        let back = signature.embedded_signature();
        back.is_some_and(|back| back.verify_primary_key_binding(&subkey.key, &key.primary_key).is_ok())
    };
    !is_revoked && newest.is_some_and(|binding| binding.key_flags().sign() && is_mutual(binding) && !is_expired(subkey.key.created_at(), binding, now))
}

fn created(signature: &Signature) -> u32 {
    signature.created().map_or(0, Timestamp::as_secs)
}

fn is_expired(key_created: Timestamp, signature: &Signature, now: u64) -> bool {
    let ends = signature
        .key_expiration_time()
        .map(|valid| std::time::Duration::from(valid).as_secs())
        .filter(|seconds| *seconds > 0);
    ends.is_some_and(|seconds| u64::from(key_created.as_secs()) + seconds <= now)
}
