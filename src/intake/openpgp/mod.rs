//! OpenPGP messages (RFC 9580) are decrypted on the way in: encrypted to our key, binary or in ASCII armour,
//! compressed within and signed where the partner's profile asks for it.
//!
//! Plain text is handed out while it is decrypted, before its integrity is proven: constant memory has that
//! price. So the end of what is read means more than elsewhere: it comes only when the protection of the
//! whole message (MDC or AEAD) was right, nothing follows the message, and a signature that is asked for is
//! there. Whoever reads keeps nothing of what ends in an error; the archive publishes at the end only.
//!
//! To the next editor: the `pgp` crate decides what is right. Beside it stands [`framing`], which alone says
//! whether an error means that more has to arrive, and the bounds here: on what is read without anything
//! handed out (headers and signatures are collected in memory), on layers (one of compression), and
//! [`unpack`](super::unpack)'s on the whole. A panic below is an error of the one file.

pub mod framing;
mod inflate;
mod keyring;

use std::fmt;
use std::io::{self, BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pgp::armor::{Dearmor, DearmorOptions};
use pgp::composed::{DecryptionOptions, Message, TheRing};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::SignatureType;
use pgp::types::{Seipdv1ReadMode, VerifyingKey};

use self::framing::{Form, Framing};
use self::inflate::Inflate;
use self::keyring::Keyring;
pub use self::keyring::{KeyFault, Stamp};
use super::unpack::UnpackError;
use crate::config;
use crate::limits;

/// What is wrong with a message that has arrived in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenPgpError {
    #[error("an OpenPGP message, and the partner has no [partner.pgp]")]
    NotConfigured,
    #[error(transparent)]
    Keys(#[from] KeyFault),
    #[error("an OpenPGP message that is not encrypted, expected one that is encrypted to our key")]
    NotEncrypted,
    #[error("an OpenPGP message that our key of key_file does not decrypt")]
    NotForUs,
    #[error("an OpenPGP message without a valid signature of one of signers, made with SHA-256 or better")]
    NotSigned,
    #[error("an OpenPGP message with more layers than one of encryption, one of compression and one of signatures, in this order, or with bzip2")]
    Layers,
}

/// The OpenPGP side of a partner: its configuration, and the keys when they were needed.
#[derive(Default)]
pub struct OpenPgp {
    config: Option<config::OpenPgp>,
    read: Mutex<Option<(Stamp, Arc<Keyring>)>>,
}

impl fmt::Debug for OpenPgp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenPgp").field("config", &self.config).finish_non_exhaustive()
    }
}

impl OpenPgp {
    /// `None`: whoever has no `[partner.pgp]`.
    pub fn new(config: Option<config::OpenPgp>) -> OpenPgp {
        OpenPgp {
            config,
            read: Mutex::new(None),
        }
    }

    /// How the files of the keys look now: what was refused with one stamp may be taken with another.
    pub fn stamp(&self) -> Stamp {
        self.config.as_ref().map(Stamp::of).unwrap_or_default()
    }

    fn keyring(&self) -> Result<Arc<Keyring>, OpenPgpError> {
        let config = self.config.as_ref().ok_or(OpenPgpError::NotConfigured)?;
        let stamp = Stamp::of(config);
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, keyring)) = &*read
            && *of == stamp
        {
            return Ok(Arc::clone(keyring));
        }
        *read = None;
        let keyring = catch_unwind(AssertUnwindSafe(|| Keyring::read(config))).unwrap_or(Err(KeyFault::NotAKey))?;
        let (_, keyring) = read.insert((stamp, Arc::new(keyring)));
        Ok(Arc::clone(keyring))
    }

    /// Whether the keys can be used; nothing is wrong where there are none.
    ///
    /// # Errors
    /// [`KeyFault`] inside an [`OpenPgpError`].
    pub fn check(&self) -> Result<(), OpenPgpError> {
        match self.config {
            Some(_) => self.keyring().map(|_| ()),
            None => Ok(()),
        }
    }

    /// Opens a message up to its plain text.
    ///
    /// # Errors
    /// Those of `input`; an [`UnpackError`].
    pub(super) fn open(&self, input: Box<dyn Read + Send>, form: Form) -> io::Result<Plain> {
        let keyring = self.keyring().map_err(UnpackError::from)?;
        let source = Source::new(input, form);
        let opened = catch_unwind(AssertUnwindSafe(|| unsealed(&source, form, &keyring))).unwrap_or(Err(UnpackError::Damaged));
        match opened {
            Ok(message) => Ok(Plain {
                message: Some(message),
                source,
                keyring,
                ended: None,
            }),
            Err(error) => Err(source.verdict(error)),
        }
    }
}

/// The message whose content is the plain text: decrypted and decompressed.
fn unsealed(source: &Source, form: Form, keyring: &Keyring) -> Result<Message<'static>, UnpackError> {
    let damaged = |_: pgp::errors::Error| UnpackError::Damaged;
    let raw = BufReader::new(source.clone());
    let message = match form {
        Form::Binary => Message::from_bytes(raw),
        Form::Armored => {
            let options = DearmorOptions::new().set_limit(limits::OPENPGP_ARMOR_HEADER_BYTES_MAX);
            Message::from_bytes(BufReader::new(Dearmor::with_options(raw, options)))
        }
    };
    let message = message.map_err(damaged)?;
    if !message.is_encrypted() {
        return Err(OpenPgpError::NotEncrypted.into());
    }
    let options = DecryptionOptions::new().enable_gnupg_aead().set_seipdv1_read_mode(Seipdv1ReadMode::Streaming);
    let ring = TheRing {
        secret_keys: keyring.secret.iter().collect(),
        decrypt_options: options,
        ..TheRing::default()
    };
    let (message, _) = message.decrypt_the_ring(ring, true).map_err(|error| match error {
        pgp::errors::Error::MissingKey => OpenPgpError::NotForUs.into(),
        _ => UnpackError::Damaged,
    })?;
    let message = if message.is_compressed() {
        let inflate = Inflate::new(message, source.clone())?;
        Message::from_bytes(BufReader::new(inflate)).map_err(damaged)?
    } else {
        message
    };
    let is_plain = match &message {
        Message::Literal { .. } => true,
        // Each signature hashes the whole content.
        Message::Signed { reader, .. } => reader.get_ref().is_literal() && reader.num_signatures() <= limits::OPENPGP_SIGNATURES_MAX,
        Message::Compressed { .. } | Message::Encrypted { .. } => false,
    };
    if is_plain { Ok(message) } else { Err(OpenPgpError::Layers.into()) }
}

/// The plain text of a message.
pub(super) struct Plain {
    message: Option<Message<'static>>,
    source: Source,
    keyring: Arc<Keyring>,
    /// What follows the last byte: the end, or an error.
    ended: Option<Result<(), UnpackError>>,
}

impl Plain {
    /// The message was read to its end, and is what it has to be.
    fn is_proven(&self, message: &Message<'static>) -> Result<(), UnpackError> {
        match &self.keyring.signers {
            None => Ok(()),
            Some(signers) => {
                let is_signed = |signer: &keyring::Signer| signer.any(&|key| is_signed_with(message, key));
                if signers.iter().any(is_signed) {
                    Ok(())
                } else {
                    Err(OpenPgpError::NotSigned.into())
                }
            }
        }
    }
}

/// A signature over the content, not one over a key that happens to fit, and with no hash that is broken.
fn is_signed_with(message: &Message<'static>, key: &dyn VerifyingKey) -> bool {
    let Message::Signed { reader, .. } = message else { return false };
    let is_sound = |index: usize| {
        reader.signature(index).is_some_and(|signature| {
            let is_over_content = matches!(signature.typ(), Some(SignatureType::Binary | SignatureType::Text));
            let is_strong = matches!(
                signature.hash_alg(),
                Some(HashAlgorithm::Sha256 | HashAlgorithm::Sha384 | HashAlgorithm::Sha512 | HashAlgorithm::Sha3_256 | HashAlgorithm::Sha3_512)
            );
            is_over_content && is_strong
        })
    };
    (0..reader.num_signatures()).any(|index| is_sound(index) && message.verify_nested_explicit(index, key).is_ok())
}

impl Read for Plain {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.ended {
            Some(Ok(())) => return Ok(0),
            Some(Err(error)) => return Err(error.into()),
            None if into.is_empty() => return Ok(0),
            None => {}
        }
        let Some(mut message) = self.message.take() else {
            return Err(UnpackError::Damaged.into());
        };
        let read = catch_unwind(AssertUnwindSafe(|| message.read(into)));
        let error = match read {
            Ok(Ok(0)) => match catch_unwind(AssertUnwindSafe(|| self.is_proven(&message))).unwrap_or(Err(UnpackError::Damaged)) {
                Ok(()) if self.source.is_all_read()? => {
                    self.ended = Some(Ok(()));
                    return Ok(0);
                }
                Ok(()) => UnpackError::Damaged,
                Err(error) => error,
            },
            Ok(Ok(count)) => {
                self.source.lock().handed_out += count as u64;
                self.message = Some(message);
                return Ok(count);
            }
            Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {
                self.message = Some(message);
                return Err(error);
            }
            Ok(Err(_)) | Err(_) => UnpackError::Damaged,
        };
        let error = self.source.verdict(error);
        self.ended = Some(Err(UnpackError::of(&error).unwrap_or(UnpackError::Damaged)));
        Err(error)
    }
}

/// The file as it arrives, followed on its way into the decryption.
#[derive(Clone)]
pub(super) struct Source(Arc<Mutex<Arriving>>);

struct Arriving {
    input: Box<dyn Read + Send>,
    framing: Framing,
    read: u64,
    handed_out: u64,
    /// What ended it, where that was no error of the decryption.
    fault: Option<UnpackError>,
    broken: Option<io::Error>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}

impl Source {
    fn new(input: Box<dyn Read + Send>, form: Form) -> Source {
        Source(Arc::new(Mutex::new(Arriving {
            input,
            framing: Framing::new(form),
            read: 0,
            handed_out: 0,
            fault: None,
            broken: None,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Arriving> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses what is read and read without a byte of plain text: it would be collected in memory.
    pub(super) fn allows(&self, read: u64) -> io::Result<()> {
        let mut arriving = self.lock();
        if read <= limits::OPENPGP_OVERHEAD_BYTES_MAX.saturating_add(arriving.handed_out.saturating_mul(2)) {
            return Ok(());
        }
        arriving.fault = Some(UnpackError::Bomb);
        Err(UnpackError::Bomb.into())
    }

    /// Nothing follows the message.
    fn is_all_read(&self) -> io::Result<bool> {
        let mut arriving = self.lock();
        arriving.read_to_end()?;
        Ok(arriving.framing.is_whole() && !arriving.framing.goes_on())
    }

    /// What an error of the decryption is: one of the input, a message that is still on its way, or itself.
    fn verdict(&self, error: UnpackError) -> io::Error {
        let mut arriving = self.lock();
        if error == UnpackError::OpenPgp(OpenPgpError::NotEncrypted) {
            return error.into();
        }
        // A read that failed may have been taken for the end below.
        let _ = arriving.read_to_end();
        match arriving.broken.take() {
            Some(broken) => broken,
            None if !arriving.framing.is_whole() => UnpackError::Truncated.into(),
            None => arriving.fault.unwrap_or(error).into(),
        }
    }
}

impl Arriving {
    fn next(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if let Some(broken) = &self.broken {
            return Err(broken.kind().into());
        }
        match self.input.read(into) {
            Ok(count) => {
                self.read += count as u64;
                self.framing.follow(into.get(..count).unwrap_or_default());
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let kind = error.kind();
                self.broken = Some(error);
                Err(kind.into())
            }
        }
    }

    fn read_to_end(&mut self) -> io::Result<()> {
        let mut rest = vec![0; limits::SEALED_CHUNK_BYTES];
        loop {
            match self.next(&mut rest) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Read for Source {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.lock().read;
        self.allows(read)?;
        self.lock().next(into)
    }
}

#[cfg(test)]
mod tests;
