//! The server's key: a handshake goes on only with one that is pinned.

use russh::Preferred;
use russh::client::Handler;
use russh::keys::{Algorithm, HashAlg, PublicKeyOrCertificate};

/// Ends a handshake before anything of ours is said, unless the server has shown a pinned key.
#[derive(Debug)]
pub(super) struct PinnedHost {
    /// As OpenSSH writes them: `SHA256:` and base64 without padding.
    pub pins: Vec<String>,
}

/// Why a handshake ended.
#[derive(Debug)]
pub(super) enum HandshakeError {
    NotPinned { found: String, algorithm: Algorithm },
    Ssh(russh::Error),
}

impl From<russh::Error> for HandshakeError {
    fn from(error: russh::Error) -> HandshakeError {
        HandshakeError::Ssh(error)
    }
}

impl Handler for PinnedHost {
    type Error = HandshakeError;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, HandshakeError> {
        let key = shown.public_key();
        let found = key.fingerprint(HashAlg::Sha256).to_string();
        // We ask for no certificates: whoever signs them is not pinned.
        let is_pinned = shown.certificate().is_none() && self.pins.contains(&found);
        if is_pinned {
            Ok(true)
        } else {
            Err(HandshakeError::NotPinned {
                found,
                algorithm: key.algorithm(),
            })
        }
    }
}

/// The kinds of host keys that we take, best first: the library's, without signatures by SHA-1.
pub(super) fn algorithms() -> Vec<Algorithm> {
    let all = Preferred::DEFAULT.key;
    all.iter().filter(|algorithm| **algorithm != Algorithm::Rsa { hash: None }).cloned().collect()
}

/// The same without those that a key of this kind signs with. `None` when that leaves none, or leaves them all.
pub(super) fn without(algorithms: &[Algorithm], shown: &Algorithm) -> Option<Vec<Algorithm>> {
    let is_rsa = |algorithm: &Algorithm| matches!(algorithm, Algorithm::Rsa { .. });
    let is_other = |algorithm: &&Algorithm| *algorithm != shown && !(is_rsa(algorithm) && is_rsa(shown));
    let others: Vec<Algorithm> = algorithms.iter().filter(is_other).cloned().collect();
    (!others.is_empty() && others.len() < algorithms.len()).then_some(others)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RSA: Algorithm = Algorithm::Rsa { hash: None };

    #[test]
    fn no_host_key_is_asked_for_by_sha_1() {
        assert!(!algorithms().contains(&RSA));
        assert!(algorithms().contains(&Algorithm::Rsa { hash: Some(HashAlg::Sha256) }));
    }

    #[test]
    fn passing_over_keys_comes_to_an_end() {
        let mut left = algorithms();
        let mut turns = 0;
        while let Some(others) = without(&left, &left[0].clone()) {
            left = others;
            turns += 1;
        }
        assert_eq!(turns, 4);
        assert_eq!(left.len(), 2, "what is left are the two of RSA");
        assert_eq!(without(&left, &RSA), None);
        assert_eq!(without(&[Algorithm::Ed25519], &RSA), None, "a key that was not asked for");
    }
}
