//! Identifiers and short codes. Every identifier is a type; none of them can be mixed up.
//!
//! Codes are ASCII text held inline ([`Code`]): `Copy`, no allocation, ordered like their text.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use compact_str::CompactString;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text_form;
use crate::word;

/// Up to `N` bytes of printable ASCII, inline.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code<const N: usize> {
    bytes: [u8; N],
    length: u8,
}

/// A code that is empty, too long, or not printable ASCII. Never carries the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a code of 1 to {longest} printable characters")]
pub struct CodeError {
    pub longest: usize,
}

impl<const N: usize> Code<N> {
    /// # Errors
    /// [`CodeError`] when the text is empty, longer than `N`, or has a byte outside 0x21–0x7E
    /// (inner spaces are allowed).
    #[inline]
    pub fn parse(text: &[u8]) -> Result<Code<N>, CodeError> {
        let error = CodeError { longest: N };
        if text.is_empty() || text.len() > N {
            return Err(error);
        }
        let length = u8::try_from(text.len()).map_err(|_| error)?;
        let (mut bytes, mut rest) = ([0; N], text);
        for places in bytes.chunks_mut(8) {
            let eight = word::of(rest);
            if !word::is_printable(eight, rest.len()) {
                return Err(error);
            }
            for (to, from) in places.iter_mut().zip(eight.to_le_bytes()) {
                *to = from;
            }
            rest = rest.get(8..).unwrap_or_default();
        }
        Ok(Code { bytes, length })
    }

    /// The code of a literal in our source, cut at `N` bytes.
    pub const fn of(text: &str) -> Code<N> {
        let mut bytes = [0; N];
        let mut length = 0;
        let mut from = text.as_bytes();
        let mut to: &mut [u8] = &mut bytes;
        while let ([first, rest @ ..], [place, places @ ..]) = (from, to) {
            *place = *first;
            length += 1;
            from = rest;
            to = places;
        }
        Code { bytes, length }
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl<const N: usize> fmt::Display for Code<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl<const N: usize> fmt::Debug for Code<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<const N: usize> FromStr for Code<N> {
    type Err = CodeError;
    fn from_str(text: &str) -> Result<Self, CodeError> {
        Code::parse(text.as_bytes())
    }
}

impl<const N: usize> Serialize for Code<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de, const N: usize> Deserialize<'de> for Code<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_form::read(deserializer, |text| Code::parse(text.as_bytes()))
    }
}

/// Declares a code type: a [`Code`] of at most the given length with a meaning.
macro_rules! code_types {
    ($($(#[$doc:meta])* $name:ident($longest:literal);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Code<$longest>);

        impl $name {
            /// # Errors
            /// [`CodeError`] when the text does not fit this code.
            #[inline]
            pub fn parse(text: &[u8]) -> Result<Self, CodeError> {
                Code::parse(text).map(Self)
            }
            /// The code of a literal in our source.
            pub const fn of(text: &str) -> Self {
                Self(Code::of(text))
            }
            pub fn as_bytes(&self) -> &[u8] {
                self.0.as_bytes()
            }
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
        impl FromStr for $name {
            type Err = CodeError;
            fn from_str(text: &str) -> Result<Self, CodeError> {
                Self::parse(text.as_bytes())
            }
        }
    )*};
}

code_types! {
    /// HCPCS/CPT procedure code (5 characters) or HIPPS rate code. SV101-2, SV202-2.
    ProcedureCode(8);
    /// Procedure modifier, 2 characters. SV101-3..6.
    Modifier(2);
    /// ICD-10 diagnosis or procedure code without its point. HI composites.
    DiagnosisCode(8);
    /// NUBC revenue code with its leading zero. SV201.
    RevenueCode(4);
    /// CMS place of service. CLM05-1 (P), SV105.
    PlaceOfService(2);
    /// NUCC provider taxonomy. PRV03.
    Taxonomy(10);
    /// Taxpayer identification number, digits only. REF*EI / REF*SY.
    Tin(9);
    /// NUBC value, condition or occurrence code. HI*BE, HI*BG, HI*BH.
    NubcCode(3);
    /// Claim adjustment reason code (CARC), X12 external code source 139.
    Carc(4);
    /// Remittance advice remark code (RARC), X12 external code source 411.
    Rarc(5);
    /// Qualifier or short code of a guide (SBR09, CLM20, PWK02 and the like).
    Qualifier(3);
    /// Medi-Cal aid code.
    AidCode(2);
    /// Medi-Cal other health coverage (OHC) code: what kind of coverage another payer gives.
    OhcCode(1);
    /// Health network of a member (`COD`, `CCN`, …), as the reference data names it.
    NetworkId(12);
    /// Diagnosis-related group. HI*DR.
    Drg(5);
}

/// National provider identifier: ten digits with a valid Luhn check digit over `80840` + NPI
/// (DOMAIN A3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Npi(Code<10>);

/// Text that is not an NPI: wrong length, not digits, or a wrong check digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an NPI, expected ten digits starting with 1 or 2 and a Luhn check digit")]
pub struct NpiError;

impl Npi {
    /// # Errors
    /// [`NpiError`] unless the text is ten digits, first 1 or 2, Luhn-correct.
    pub fn parse(text: &[u8]) -> Result<Npi, NpiError> {
        let [b'1' | b'2', .., ninth, check] = *text else { return Err(NpiError) };
        let (Some(digits), true) = (
            word::digits(word::of(text)),
            text.len() == 10 && ninth.is_ascii_digit() && check.is_ascii_digit(),
        ) else {
            return Err(NpiError);
        };
        // Luhn: every second digit twice, from the ninth on towards the first, and of two digits their sum. 24 is the
        // sum of the constant prefix 80840.
        let (twice, once) = (digits & 0x00ff_00ff_00ff_00ff, digits >> 8 & 0x00ff_00ff_00ff_00ff);
        let nines = (twice + 0x007b_007b_007b_007b) >> 7 & 0x0001_0001_0001_0001;
        let eight = (2 * twice - 9 * nines + once).wrapping_mul(0x0001_0001_0001_0001) >> 48;
        let (ninth, check) = (u64::from(ninth - b'0'), u64::from(check - b'0'));
        let ninth = if ninth < 5 { 2 * ninth } else { 2 * ninth - 9 };
        if !(24 + eight + ninth + check).is_multiple_of(10) {
            return Err(NpiError);
        }
        Code::parse(text).map(Npi).map_err(|_| NpiError)
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for Npi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Npi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Medi-Cal client index number: `9`, seven digits, one letter (DOMAIN A2). Always inside
/// [`crate::phi::Phi`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cin(Code<9>);

/// Text that is not a CIN in its 9, 10 or 14 character form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a CIN, expected 9, seven digits and a letter, optionally a check digit and issue date")]
pub struct CinError;

/// Redacted: a CIN outside its [`crate::phi::Phi`] still does not print.
impl fmt::Debug for Cin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[CIN]")
    }
}

impl Cin {
    /// Reads the 9, 10 (check digit) or 14 (issue date `YDDD`) character form and keeps the first
    /// nine. The check digit's algorithm is unpublished and not verified.
    ///
    /// # Errors
    /// [`CinError`] when the text is none of the three forms.
    pub fn parse(text: &[u8]) -> Result<Cin, CinError> {
        let (nine, rest) = text.split_at_checked(9).ok_or(CinError)?;
        let (digits, letter) = nine.split_at(8);
        let well_formed =
            digits.first() == Some(&b'9') && word::number_of(digits).is_some() && letter.iter().all(|letter| b"ACDEFGHMNTUVWXYZ".contains(letter));
        let rest_well_formed = match rest.len() {
            0 | 1 => rest.iter().all(u8::is_ascii_digit),
            5 => {
                let day = rest
                    .get(2..5)
                    .and_then(|day| std::str::from_utf8(day).ok())
                    .and_then(|day| day.parse::<u16>().ok());
                rest.iter().all(u8::is_ascii_digit) && day.is_some_and(|day| (1..=366).contains(&day))
            }
            _ => false,
        };
        if well_formed && rest_well_formed {
            Code::parse(nine).map(Cin).map_err(|_| CinError)
        } else {
            Err(CinError)
        }
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Declares an identifier that is text as received.
macro_rules! text_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(CompactString);

        impl $name {
            pub fn new(text: impl Into<CompactString>) -> Self {
                Self(text.into())
            }
            pub fn as_str(&self) -> &str {
                &self.0
            }
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

text_ids! {
    /// ISA13, GS06 or ST02 as received, leading zeros kept.
    ControlNumber;
    /// Trading partner of the configuration (`officeally`).
    PartnerId;
    /// Prior authorization number issued by the payer. REF*G1.
    AuthorizationNumber;
    /// Payer claim control number. CLP07, REF*F8.
    PayerClaimNumber;
    /// Reassociation trace number of a payment. TRN02.
    TraceNumber;
}

/// Declares a fixed-size binary identifier shown as lower-case hex.
macro_rules! hex_ids {
    ($($(#[$doc:meta])* $name:ident($bytes:literal, $prefix:literal);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $bytes]);

        impl $name {
            pub const PREFIX: &'static str = $prefix;
            pub fn from_bytes(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }
            pub fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }
            /// The hex digits without the prefix.
            pub fn hex(&self) -> String {
                text_form::hex(&self.0)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($prefix)?;
                text_form::write_hex(&self.0, f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl FromStr for $name {
            type Err = HexError;
            fn from_str(text: &str) -> Result<Self, HexError> {
                let digits = text.strip_prefix($prefix).unwrap_or(text);
                if digits.len() != 2 * $bytes || !digits.is_ascii() {
                    return Err(HexError { digits: 2 * $bytes });
                }
                let mut bytes = [0; $bytes];
                for (place, byte) in bytes.iter_mut().enumerate() {
                    *byte = digits.get(2 * place..2 * place + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()).ok_or(HexError { digits: 2 * $bytes })?;
                }
                Ok(Self(bytes))
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    text_form::read(deserializer, str::parse)
                } else {
                    <[u8; $bytes]>::deserialize(deserializer).map(Self)
                }
            }
        }
    )*};
}

/// Text that is not the expected number of hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not {digits} hex digits")]
pub struct HexError {
    pub digits: usize,
}

hex_ids! {
    /// SHA-256 of a received file's plain bytes.
    FileDigest(32, "sha256:");
    /// BLAKE3 of (file digest, byte offset of the ST, claim ordinal), 128 bits: the same on every
    /// run and machine (INTERFACE 3).
    ClaimId(16, "");
    /// BLAKE3 of a rule pack, reference data or replay run.
    ContentDigest(32, "b3:");
    /// Keyed HMAC of a member's or patient's identifier: stable under one token key, not reversible
    /// without it.
    Token(16, "");
}

impl ClaimId {
    /// `ordinal` counts CLM from 1 within the set whose ST starts at `st_byte`.
    pub fn derive(file: &FileDigest, st_byte: u64, ordinal: u32) -> ClaimId {
        // The context is hashed once, not for each claim.
        static OF_CLAIMS: LazyLock<blake3::Hasher> = LazyLock::new(|| blake3::Hasher::new_derive_key("claimstream claim id v1"));
        let mut hasher = OF_CLAIMS.clone();
        hasher.update(file.as_bytes()).update(&st_byte.to_be_bytes()).update(&ordinal.to_be_bytes());
        let mut id = [0; 16];
        hasher.finalize_xof().fill(&mut id);
        ClaimId(id)
    }
}

/// Bytes of a claim's id that its [`PayerClaimNumber`] has.
pub const NUMBER_BYTES: usize = 9;

impl PayerClaimNumber {
    /// `C` and 18 hex digits of the claim's id; the same on every run.
    pub fn of(claim: &ClaimId) -> PayerClaimNumber {
        let (number, _) = claim.0.split_at(NUMBER_BYTES);
        // 19 bytes stay within the text itself.
        let mut text = CompactString::const_new("C");
        // Writing to memory does not fail.
        let _ = text_form::write_hex(number, &mut text);
        text.make_ascii_uppercase();
        PayerClaimNumber::new(text)
    }
}

/// Which guide a claim follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Form {
    /// 837P, 005010X222A1.
    #[serde(rename = "837P")]
    Professional,
    /// 837I, 005010X223A2.
    #[serde(rename = "837I")]
    Institutional,
}

impl Form {
    pub fn as_str(self) -> &'static str {
        match self {
            Form::Professional => "837P",
            Form::Institutional => "837I",
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FileDigest {
    /// By what log lines and traces name a file: the first 16 digits.
    pub fn trace(&self) -> String {
        let mut digits = self.hex();
        digits.truncate(16);
        digits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_is_the_code_of_its_text() {
        const LATE: Carc = Carc::of("29");
        assert_eq!(Ok(LATE), Carc::parse(b"29"));
        assert_eq!(Modifier::of("25"), Modifier::parse(b"25").unwrap());
    }

    #[test]
    fn npi_check_digit() {
        assert!(Npi::parse(b"1234567893").is_ok());
        for wrong in ["1234567890", "3234567893", "123456789", "12345678931", "12345678a3"] {
            assert_eq!(Npi::parse(wrong.as_bytes()), Err(NpiError), "{wrong}");
        }
    }

    #[test]
    fn cin_forms() {
        for form in ["91234567A", "91234567A2", "91234567A29180"] {
            assert_eq!(
                Cin::parse(form.as_bytes()).ok().map(|cin| cin.as_str().to_string()).as_deref(),
                Some("91234567A")
            );
        }
        for wrong in ["81234567A", "91234567B", "9123456A", "91234567A29400", "91234567AX", ""] {
            assert!(Cin::parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn hex_ids_read_what_they_write() {
        let digest = FileDigest::from_bytes([0xab; 32]);
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!("sha256:12".parse::<FileDigest>(), Err(HexError { digits: 64 }));
    }
}
