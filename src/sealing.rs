//! Encryption at rest and keyed tokens, on the primitives of `aws-lc-rs`.
//!
//! **Sealed stream, version 1** (archive files, reference data):
//!
//! ```text
//! header  8 magic "CLSTSEA1" · 1 algorithm (1 = AES-256-GCM, 64 KiB chunks) · 4 key id
//!         12 nonce + 48 data key wrapped by the master key · 7 nonce prefix          (80 bytes)
//! chunk   up to 65,536 bytes of ciphertext + 16 tag
//!         nonce = prefix (7) · chunk number (4, big-endian) · final flag (1);  AAD = header
//! ```
//! The last chunk carries the final flag, so a cut, swapped or reordered chunk does not open. Every
//! file has its own data key. Chunks have one size, so a byte range can be read without the rest.
//!
//! **Sealed record** (ledger columns): 12 random nonce bytes · ciphertext · 16 tag; AAD names the
//! table and row, so a record cannot be moved to another row.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom, Write};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{hmac, rand};
use zeroize::Zeroizing;

use crate::ids::Token;
use crate::limits::SEALED_CHUNK_BYTES;

const MAGIC: &[u8; 8] = b"CLSTSEA1";
const ALGORITHM: u8 = 1;
const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
const PREFIX_BYTES: usize = 7;
const HEADER_BYTES: usize = 8 + 1 + 4 + NONCE_LEN + KEY_BYTES + TAG_BYTES + PREFIX_BYTES;

/// Why something cannot be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("the key file is not one of ours, expected `claimstream-keys 1`, an id and two keys of 64 hex digits")]
    KeyFile,
    #[error("sealed with another key")]
    OtherKey,
    #[error("not a sealed file of a known version")]
    Format,
    #[error("the sealed bytes were changed, cut or reordered")]
    Tampered,
    #[error("the cryptographic library failed")]
    Primitive,
}

impl From<SealError> for io::Error {
    fn from(error: SealError) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}

/// The master key, which wraps data keys, and the separate token key.
pub struct Keys {
    id: [u8; 4],
    master: LessSafeKey,
    token: hmac::Key,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.id())
    }
}

impl Keys {
    /// The text of a fresh key file: random master key, token key and id.
    ///
    /// # Errors
    /// [`SealError::Primitive`] when the system gives no randomness.
    pub fn generate() -> Result<Zeroizing<String>, SealError> {
        let mut bytes = Zeroizing::new([0u8; 4 + 2 * KEY_BYTES]);
        rand::fill(bytes.as_mut_slice()).map_err(|_| SealError::Primitive)?;
        let (id, keys) = bytes.split_at(4);
        let (master, token) = keys.split_at(KEY_BYTES);
        Ok(Zeroizing::new(format!(
            "claimstream-keys 1\nid = {}\nmaster = {}\ntoken = {}\n",
            hex(id),
            *hex_secret(master),
            *hex_secret(token)
        )))
    }

    /// Reads the text of a key file.
    ///
    /// # Errors
    /// [`SealError::KeyFile`] when it is not one.
    pub fn parse(text: &str) -> Result<Keys, SealError> {
        let mut lines = text.lines();
        if lines.next() != Some("claimstream-keys 1") {
            return Err(SealError::KeyFile);
        }
        let mut value = |name: &str| {
            lines
                .next()
                .and_then(|line| line.strip_prefix(name))
                .and_then(|rest| rest.strip_prefix(" = "))
                .ok_or(SealError::KeyFile)
        };
        let id = unhex::<4>(value("id")?)?;
        let master = unhex::<KEY_BYTES>(value("master")?)?;
        let token = unhex::<KEY_BYTES>(value("token")?)?;
        Ok(Keys {
            id: *id,
            master: aes_key(master.as_slice())?,
            token: hmac::Key::new(hmac::HMAC_SHA256, token.as_slice()),
        })
    }

    /// Public id of the pair, in every sealed header.
    pub fn id(&self) -> String {
        hex(&self.id)
    }

    /// Keyed token of a value; `kind` keeps tokens of different meanings apart.
    pub fn token(&self, kind: &str, value: &[u8]) -> Token {
        let mut context = hmac::Context::with_key(&self.token);
        context.update(kind.as_bytes());
        context.update(&[0]);
        context.update(value);
        let mut token = [0; 16];
        token.iter_mut().zip(context.sign().as_ref()).for_each(|(to, from)| *to = *from);
        Token::from_bytes(token)
    }

    /// A fresh data key, wrapped for storage and ready for use.
    ///
    /// # Errors
    /// [`SealError::Primitive`].
    pub fn new_record_key(&self) -> Result<(Vec<u8>, RecordKey), SealError> {
        let mut plain = Zeroizing::new([0u8; KEY_BYTES]);
        rand::fill(plain.as_mut_slice()).map_err(|_| SealError::Primitive)?;
        let mut wrapped = self.id.to_vec();
        wrapped.extend(seal_random(&self.master, b"record key", plain.as_slice())?);
        Ok((wrapped, RecordKey(aes_key(plain.as_slice())?)))
    }

    /// Opens a key that [`Keys::new_record_key`] wrapped.
    ///
    /// # Errors
    /// [`SealError::OtherKey`] when another master key wrapped it.
    pub fn record_key(&self, wrapped: &[u8]) -> Result<RecordKey, SealError> {
        let sealed = wrapped.strip_prefix(&self.id).ok_or(SealError::OtherKey)?;
        let plain = Zeroizing::new(open_random(&self.master, b"record key", sealed).map_err(|_| SealError::OtherKey)?);
        Ok(RecordKey(aes_key(&plain)?))
    }
}

/// Seals and opens single records.
pub struct RecordKey(LessSafeKey);

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordKey")
    }
}

impl RecordKey {
    /// # Errors
    /// [`SealError::Primitive`].
    pub fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        seal_random(&self.0, place, plain)
    }

    /// # Errors
    /// [`SealError::Tampered`] when the record was changed or belongs to another place.
    pub fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        open_random(&self.0, place, sealed)
    }

    /// The same without a copy: the plain text lies where the ciphertext was.
    ///
    /// # Errors
    /// [`SealError::Tampered`].
    pub fn open_in_place<'s>(&self, place: &[u8], sealed: &'s mut [u8]) -> Result<&'s mut [u8], SealError> {
        open_in_place(&self.0, place, sealed)
    }
}

/// Writes a sealed stream.
#[derive(Debug)]
pub struct SealedWriter<W: Write> {
    out: W,
    chunks: Chunks,
    pending: Vec<u8>,
}

impl<W: Write> SealedWriter<W> {
    /// # Errors
    /// I/O, or [`SealError::Primitive`] inside an [`io::Error`].
    pub fn new(mut out: W, keys: &Keys) -> io::Result<SealedWriter<W>> {
        let mut fresh = Zeroizing::new([0u8; KEY_BYTES + PREFIX_BYTES]);
        rand::fill(fresh.as_mut_slice()).map_err(|_| SealError::Primitive)?;
        let (plain, prefix) = fresh.split_at(KEY_BYTES);
        let mut header = Vec::with_capacity(HEADER_BYTES);
        header.extend_from_slice(MAGIC);
        header.push(ALGORITHM);
        header.extend_from_slice(&keys.id);
        let wrapped = seal_random(&keys.master, &header, plain)?;
        header.extend_from_slice(&wrapped);
        header.extend_from_slice(prefix);
        out.write_all(&header)?;
        Ok(SealedWriter {
            out,
            chunks: Chunks::new(header, aes_key(plain)?),
            pending: Vec::with_capacity(SEALED_CHUNK_BYTES + TAG_BYTES),
        })
    }

    /// Seals the last chunk and hands the writer back, not yet synced.
    ///
    /// # Errors
    /// I/O.
    pub fn finish(mut self) -> io::Result<W> {
        self.write_chunk(true)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn write_chunk(&mut self, is_final: bool) -> io::Result<()> {
        self.chunks.seal(is_final, &mut self.pending)?;
        self.out.write_all(&self.pending)?;
        self.pending.clear();
        Ok(())
    }
}

impl<W: Write> Write for SealedWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.pending.len() == SEALED_CHUNK_BYTES {
            self.write_chunk(false)?;
        }
        let room = SEALED_CHUNK_BYTES - self.pending.len();
        let (now, _) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        self.pending.extend_from_slice(now);
        Ok(now.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Bytes of the sealed stream of so many plain bytes.
pub fn sealed_length(plain: u64) -> u64 {
    let chunks = plain.div_ceil(SEALED_CHUNK_BYTES as u64).max(1);
    HEADER_BYTES as u64 + plain + chunks * TAG_BYTES as u64
}

/// Reads a sealed stream; bytes are only handed out after their chunk was authenticated.
#[derive(Debug)]
pub struct SealedReader<R: Read> {
    input: R,
    chunks: Chunks,
    plain: Vec<u8>,
    at: usize,
    /// The first ciphertext byte of the next chunk, read ahead to know whether a chunk is the last.
    ahead: Vec<u8>,
    ended: bool,
}

impl<R: Read> SealedReader<R> {
    /// # Errors
    /// I/O; [`SealError::Format`] or [`SealError::OtherKey`] inside an [`io::Error`].
    pub fn new(mut input: R, keys: &Keys) -> io::Result<SealedReader<R>> {
        let mut header = vec![0; HEADER_BYTES];
        input.read_exact(&mut header).map_err(|_| SealError::Format)?;
        let (fixed, rest) = header.split_at(8 + 1 + 4);
        let (magic, algorithm_and_id) = fixed.split_at(8);
        if magic != MAGIC || algorithm_and_id.first() != Some(&ALGORITHM) {
            return Err(SealError::Format.into());
        }
        if algorithm_and_id.get(1..) != Some(&keys.id[..]) {
            return Err(SealError::OtherKey.into());
        }
        let (wrapped, _) = rest.split_at(NONCE_LEN + KEY_BYTES + TAG_BYTES);
        let plain = Zeroizing::new(open_random(&keys.master, fixed, wrapped)?);
        let chunks = Chunks::new(header, aes_key(&plain)?);
        Ok(SealedReader {
            input,
            chunks,
            plain: Vec::new(),
            at: 0,
            ahead: Vec::new(),
            ended: false,
        })
    }

    fn next_chunk(&mut self) -> io::Result<()> {
        let mut chunk = std::mem::take(&mut self.ahead);
        let whole = SEALED_CHUNK_BYTES + TAG_BYTES;
        self.input.by_ref().take((whole + 1 - chunk.len()) as u64).read_to_end(&mut chunk)?;
        let is_final = chunk.len() <= whole;
        if !is_final {
            self.ahead = chunk.split_off(whole);
        }
        self.chunks.open(is_final, &mut chunk)?;
        self.ended = is_final;
        self.plain = chunk;
        self.at = 0;
        Ok(())
    }
}

impl<R: Read + Seek> SealedReader<R> {
    /// Continues at `byte` of the plain text.
    ///
    /// # Errors
    /// I/O; a changed chunk.
    pub fn seek_to(&mut self, byte: u64) -> io::Result<()> {
        let chunk = byte / SEALED_CHUNK_BYTES as u64;
        self.input
            .seek(SeekFrom::Start(HEADER_BYTES as u64 + chunk * (SEALED_CHUNK_BYTES + TAG_BYTES) as u64))?;
        self.ahead.clear();
        self.chunks.next = u32::try_from(chunk).map_err(|_| SealError::Format)?;
        self.next_chunk()?;
        self.at = usize::try_from(byte % SEALED_CHUNK_BYTES as u64).unwrap_or(0).min(self.plain.len());
        Ok(())
    }
}

impl<R: Read> Read for SealedReader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.plain.len() {
            if self.ended {
                return Ok(0);
            }
            self.next_chunk()?;
        }
        let ready = self.plain.get(self.at..).unwrap_or_default();
        let count = ready.len().min(out.len());
        out.iter_mut().zip(ready).for_each(|(to, from)| *to = *from);
        self.at += count;
        Ok(count)
    }
}

/// The chunk cipher of one stream.
struct Chunks {
    header: Vec<u8>,
    key: LessSafeKey,
    next: u32,
}

impl fmt::Debug for Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chunks(next {})", self.next)
    }
}

impl Chunks {
    fn new(header: Vec<u8>, key: LessSafeKey) -> Chunks {
        Chunks { header, key, next: 0 }
    }

    fn nonce(&mut self, is_final: bool) -> Result<Nonce, SealError> {
        let mut nonce = [0; NONCE_LEN];
        let prefix = self.header.get(HEADER_BYTES - PREFIX_BYTES..).unwrap_or_default();
        let number = self.next.to_be_bytes();
        let bytes = prefix.iter().chain(&number).copied().chain([u8::from(is_final)]);
        nonce.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        self.next = self.next.checked_add(1).ok_or(SealError::Format)?;
        Ok(Nonce::assume_unique_for_key(nonce))
    }

    fn seal(&mut self, is_final: bool, chunk: &mut Vec<u8>) -> Result<(), SealError> {
        let nonce = self.nonce(is_final)?;
        self.key
            .seal_in_place_append_tag(nonce, Aad::from(&self.header), chunk)
            .map_err(|_| SealError::Primitive)
    }

    fn open(&mut self, is_final: bool, chunk: &mut Vec<u8>) -> Result<(), SealError> {
        let nonce = self.nonce(is_final)?;
        let length = self
            .key
            .open_in_place(nonce, Aad::from(&self.header), chunk)
            .map_err(|_| SealError::Tampered)?
            .len();
        chunk.truncate(length);
        Ok(())
    }
}

fn aes_key(bytes: &[u8]) -> Result<LessSafeKey, SealError> {
    UnboundKey::new(&AES_256_GCM, bytes).map(LessSafeKey::new).map_err(|_| SealError::Primitive)
}

fn seal_random(key: &LessSafeKey, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
    let mut nonce = [0; NONCE_LEN];
    rand::fill(&mut nonce).map_err(|_| SealError::Primitive)?;
    let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len() + TAG_BYTES);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(plain);
    let tag = {
        let body = sealed.get_mut(NONCE_LEN..).unwrap_or_default();
        key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), body)
            .map_err(|_| SealError::Primitive)?
    };
    sealed.extend_from_slice(tag.as_ref());
    Ok(sealed)
}

fn open_random(key: &LessSafeKey, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
    let (nonce, body) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(SealError::Tampered)?;
    let mut body = body.to_vec();
    let length = key
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(place), &mut body)
        .map_err(|_| SealError::Tampered)?
        .len();
    body.truncate(length);
    Ok(body)
}

fn open_in_place<'s>(key: &LessSafeKey, place: &[u8], sealed: &'s mut [u8]) -> Result<&'s mut [u8], SealError> {
    let (nonce, body) = sealed.split_first_chunk_mut::<NONCE_LEN>().ok_or(SealError::Tampered)?;
    key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(place), body)
        .map_err(|_| SealError::Tampered)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hex_secret(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(hex(bytes))
}

fn unhex<const N: usize>(text: &str) -> Result<Zeroizing<[u8; N]>, SealError> {
    let mut bytes = Zeroizing::new([0; N]);
    if text.len() != 2 * N || !text.is_ascii() {
        return Err(SealError::KeyFile);
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = text
            .get(2 * place..2 * place + 2)
            .and_then(|pair| u8::from_str_radix(pair, 16).ok())
            .ok_or(SealError::KeyFile)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn keys() -> Keys {
        Keys::parse(&Keys::generate().unwrap()).unwrap()
    }

    fn sealed(keys: &Keys, plain: &[u8]) -> Vec<u8> {
        let mut writer = SealedWriter::new(Vec::new(), keys).unwrap();
        writer.write_all(plain).unwrap();
        writer.finish().unwrap()
    }

    fn opened(keys: &Keys, sealed: &[u8]) -> io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        SealedReader::new(sealed, keys)?.read_to_end(&mut plain)?;
        Ok(plain)
    }

    #[test]
    fn what_is_sealed_opens_at_every_chunk_boundary() {
        let keys = keys();
        for length in [0, 1, SEALED_CHUNK_BYTES - 1, SEALED_CHUNK_BYTES, SEALED_CHUNK_BYTES + 1, 3 * SEALED_CHUNK_BYTES] {
            let plain: Vec<u8> = (0..length).map(|place| (place % 251) as u8).collect();
            let bytes = sealed(&keys, &plain);
            assert_eq!(opened(&keys, &bytes).unwrap(), plain, "{length}");
            assert_eq!(sealed_length(length as u64), bytes.len() as u64, "{length}");
            let mut reader = SealedReader::new(Cursor::new(&bytes), &keys).unwrap();
            for byte in [0, length / 2, length.saturating_sub(1)] {
                let mut rest = Vec::new();
                reader.seek_to(byte as u64).unwrap();
                reader.read_to_end(&mut rest).unwrap();
                assert_eq!(rest, &plain[byte.min(length)..], "{length} from {byte}");
            }
        }
    }

    #[test]
    fn every_change_is_found() {
        let keys = keys();
        let plain = vec![7; SEALED_CHUNK_BYTES + 100];
        let bytes = sealed(&keys, &plain);
        for byte in (0..bytes.len()).step_by(97) {
            let mut changed = bytes.clone();
            changed[byte] ^= 1;
            assert!(opened(&keys, &changed).is_err(), "byte {byte}");
        }
        for cut in [HEADER_BYTES, HEADER_BYTES + SEALED_CHUNK_BYTES + TAG_BYTES, bytes.len() - 1] {
            assert!(opened(&keys, &bytes[..cut]).is_err(), "cut at {cut}");
        }
        assert!(opened(&self::keys(), &bytes).is_err());
    }

    #[test]
    fn a_record_opens_in_its_place_only() {
        let keys = keys();
        let (wrapped, record_key) = keys.new_record_key().unwrap();
        let sealed = record_key.seal(b"journal 1", b"value").unwrap();
        assert_eq!(keys.record_key(&wrapped).unwrap().open(b"journal 1", &sealed).unwrap(), b"value");
        assert_eq!(record_key.open(b"journal 2", &sealed), Err(SealError::Tampered));
        assert_eq!(self::keys().record_key(&wrapped).unwrap_err(), SealError::OtherKey);
    }

    #[test]
    fn tokens_are_keyed_and_kept_apart() {
        let (one, other) = (keys(), keys());
        assert_eq!(one.token("member", b"91234567A"), one.token("member", b"91234567A"));
        assert_ne!(one.token("member", b"91234567A"), one.token("pcn", b"91234567A"));
        assert_ne!(one.token("member", b"91234567A"), other.token("member", b"91234567A"));
    }
}
