//! `[partner.pgp]`: the keys for a partner's OpenPGP messages.

use std::path::PathBuf;

use serde::Serialize;

use super::document::{ConfigError, Keys};

/// Our key, and whose signatures are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenPgp {
    /// Our secret key in ASCII armour, mode 0600.
    pub key_file: PathBuf,
    /// What opens it, where it is locked; mode 0600.
    pub passphrase_file: Option<PathBuf>,
    /// Fingerprints of primary keys, upper case; a message must be signed by one of them. Empty: none is asked for.
    pub signers: Vec<String>,
    /// Their public keys in ASCII armour; set with `signers`.
    pub signer_keys: Option<PathBuf>,
}

impl OpenPgp {
    pub(super) fn read(mut keys: Keys<'_>) -> Result<Option<OpenPgp>, ConfigError> {
        const SIGNERS: &str = "fingerprints of 40 or 64 hexadecimal digits";
        let key_file = keys.path("key_file")?;
        let passphrase_file = keys.path("passphrase_file")?;
        let signers = keys.list("signers", SIGNERS, fingerprint)?;
        let signer_keys = keys.path("signer_keys")?;
        if !keys.is_present() {
            return Ok(None);
        }
        keys.finish()?;
        // One without the other would ask for less than it seems to.
        let signer_keys = match (&signers, signer_keys) {
            (Some(_), keys_of) => Some(keys.required("signer_keys", "the path of the public keys of signers", keys_of)?),
            (None, Some(_)) => return Err(keys.refuse("signer_keys", "set without signers", "both or none")),
            (None, None) => None,
        };
        Ok(Some(OpenPgp {
            key_file: keys.required("key_file", "the path of an OpenPGP secret key", key_file)?,
            passphrase_file,
            signers: signers.unwrap_or_default(),
            signer_keys,
        }))
    }
}

/// As tools print it: in groups or not, upper or lower case.
fn fingerprint(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| *c != ' ').collect();
    let fits = matches!(digits.len(), 40 | 64) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    fits.then(|| digits.to_ascii_uppercase())
}
