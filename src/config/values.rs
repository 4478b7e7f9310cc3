//! The types of single settings: each is read from its text by one constructor and shown as that text.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{NaiveTime, Weekday};
use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

use crate::ids::Code;

/// Declares a closed choice with the words by which it is written.
macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident $word:literal),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant),* }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),* }
            }

            pub(super) fn parse(text: &str) -> Option<$name> {
                $name::ALL.iter().copied().find(|choice| choice.as_str() == text)
            }

            /// `one of a, b, c`.
            pub(super) fn expected() -> String {
                format!("one of {}", $name::ALL.iter().map(|choice| choice.as_str()).collect::<Vec<_>>().join(", "))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    )*};
}

choices! {
    /// Interchange usage indicator. ISA15.
    Usage { Production "P", Test "T" }
    /// How a partner shows that an upload has ended.
    Completion {
        /// The last IEA has arrived.
        Trailer "trailer",
        /// The file is renamed when it is whole.
        Rename "rename",
        /// An empty file beside it says so.
        Marker "marker",
    }
    /// When an acknowledgement is sent.
    AckPolicy { Always "always", OnError "on-error" }
    /// Where the ledger lives.
    LedgerKind { Sqlite "sqlite" }
    /// Compression of Kafka record batches.
    Compression { None "none", Gzip "gzip", Snappy "snappy", Lz4 "lz4", Zstd "zstd" }
    /// SASL mechanism of the Kafka brokers.
    SaslMechanism { Plain "plain", ScramSha256 "scram-sha-256", ScramSha512 "scram-sha-512" }
}

/// A length of time written as a number and a unit: `250ms`, `15s`, `5m`, `2h`, `1d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(Duration);

impl Period {
    pub(super) const EXPECTED: &'static str = "a time such as 250ms, 15s, 5m, 2h or 1d, not zero";

    pub const fn from_secs(seconds: u64) -> Period {
        Period(Duration::from_secs(seconds))
    }

    pub(super) fn parse(text: &str) -> Option<Period> {
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
        let unit_ms: u64 = UNITS.iter().find(|(name, _)| *name == unit)?.1;
        let millis = number.parse::<u64>().ok()?.checked_mul(unit_ms)?;
        (millis > 0).then_some(Period(Duration::from_millis(millis)))
    }

    pub fn duration(self) -> Duration {
        self.0
    }
}

/// Units and their milliseconds, longest first.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let (unit, unit_ms) = UNITS
            .into_iter()
            .find(|(_, unit_ms)| millis.is_multiple_of(u128::from(*unit_ms)))
            .unwrap_or(("ms", 1));
        write!(f, "{}{unit}", millis / u128::from(unit_ms))
    }
}

/// Week days and a time of the payer's day: `Tue,Fri 18:00`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    days: Vec<Weekday>,
    time: NaiveTime,
}

impl Schedule {
    pub(super) const EXPECTED: &'static str = "week days and a time such as Tue,Fri 18:00";

    pub fn new(days: Vec<Weekday>, time: NaiveTime) -> Schedule {
        Schedule { days, time }
    }

    pub(super) fn parse(text: &str) -> Option<Schedule> {
        let (days, time) = text.split_once(' ')?;
        let days = days.split(',').map(|day| Weekday::from_str(day).ok()).collect::<Option<Vec<_>>>()?;
        let time = NaiveTime::parse_from_str(time.trim(), "%H:%M").ok()?;
        Some(Schedule { days, time })
    }

    pub fn days(&self) -> &[Weekday] {
        &self.days
    }

    pub fn time(&self) -> NaiveTime {
        self.time
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days: Vec<String> = self.days.iter().map(Weekday::to_string).collect();
        write!(f, "{} {}", days.join(","), self.time.format("%H:%M"))
    }
}

/// An interchange party: qualifier and id, `ZZ:330897513`. ISA05/06, ISA07/08 without their padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InterchangeParty {
    qualifier: Code<2>,
    id: Code<15>,
}

/// Text that is no `qualifier:id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no interchange party, expected {}", InterchangeParty::EXPECTED)]
pub struct InterchangePartyError;

impl InterchangeParty {
    pub(super) const EXPECTED: &'static str = "qualifier:id such as ZZ:330897513 (2 and 2 to 15 letters, digits or blanks)";

    /// From the two elements; trailing padding is dropped. The id has at least the two characters that
    /// GS02 needs, and none that can be taken for a separator.
    pub fn new(qualifier: &str, id: &str) -> Option<InterchangeParty> {
        let id = id.trim_end();
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" -._/".contains(&byte));
        if qualifier.len() != 2 || id.len() < 2 || !plain(qualifier) || !plain(id) {
            return None;
        }
        Some(InterchangeParty {
            qualifier: Code::parse(qualifier.as_bytes()).ok()?,
            id: Code::parse(id.as_bytes()).ok()?,
        })
    }

    pub(super) fn parse(text: &str) -> Option<InterchangeParty> {
        let (qualifier, id) = text.split_once(':')?;
        InterchangeParty::new(qualifier, id)
    }

    pub fn qualifier(&self) -> &str {
        self.qualifier.as_str()
    }

    /// Without padding; also GS02 or GS03.
    pub fn id(&self) -> &str {
        self.id.as_str()
    }
}

impl std::str::FromStr for InterchangeParty {
    type Err = InterchangePartyError;
    fn from_str(text: &str) -> Result<InterchangeParty, InterchangePartyError> {
        InterchangeParty::parse(text).ok_or(InterchangePartyError)
    }
}

impl fmt::Display for InterchangeParty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.qualifier, self.id)
    }
}

/// Text that stands in one X12 element: printable ASCII, within the element's length, free of the
/// characters that our writers separate with.
pub(super) fn element_text(text: &str, longest: usize) -> Option<String> {
    let fits = !text.trim().is_empty() && text.len() <= longest && text.bytes().all(|byte| (0x20..0x7f).contains(&byte) && !b"*~:^".contains(&byte));
    fits.then(|| text.to_string())
}

/// An ABA routing number: nine digits with a valid check digit. BPR07.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoutingNumber(Code<9>);

impl RoutingNumber {
    pub(super) fn parse(text: &str) -> Option<RoutingNumber> {
        let digits = text.chars().map(|digit| digit.to_digit(10)).collect::<Option<Vec<u32>>>()?;
        let sum: u32 = digits.iter().zip([3, 7, 1].iter().cycle()).map(|(digit, weight)| digit * weight).sum();
        (digits.len() == 9 && sum.is_multiple_of(10)).then(|| Code::parse(text.as_bytes()).ok().map(RoutingNumber))?
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for RoutingNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A bank account number. It stands in the clear in every 835 (BPR09), but not in logs and listings:
/// those show the last two digits.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountNumber(String);

impl AccountNumber {
    pub(super) fn parse(text: &str) -> Option<AccountNumber> {
        let fits = (4..=35).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        fits.then(|| AccountNumber(text.to_string()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "…{}", self.0.get(self.0.len().saturating_sub(2)..).unwrap_or_default())
    }
}

impl fmt::Debug for AccountNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A credential: wiped on drop, redacted wherever it is shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub(super) fn new(text: String) -> Secret {
        Secret(Zeroizing::new(text))
    }

    /// The credential itself, for the one library call that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Serialises as its `Display` text, which is what `config show` prints.
macro_rules! shown_as_text {
    ($($name:ident)*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}
shown_as_text!(Period Schedule InterchangeParty RoutingNumber AccountNumber Secret);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_read_and_show() {
        for (text, millis) in [
            ("250ms", Some(250)),
            ("15s", Some(15_000)),
            ("5m", Some(300_000)),
            ("1d", Some(86_400_000)),
            ("0s", None),
            ("15", None),
            ("s", None),
            ("15 s", None),
            ("-1s", None),
            ("99999999999999999999d", None),
        ] {
            let period = Period::parse(text);
            assert_eq!(period.map(|period| period.duration().as_millis()), millis, "{text}");
            assert!(period.is_none_or(|period| period.to_string() == text), "{text}");
        }
    }

    #[test]
    fn schedules_read_and_show() {
        for (text, good) in [
            ("Tue,Fri 18:00", true),
            ("Mon 06:30", true),
            ("Tue,Fri", false),
            ("Dienstag 18:00", false),
            ("Tue 25:00", false),
        ] {
            let schedule = Schedule::parse(text);
            assert_eq!(schedule.is_some(), good, "{text}");
            assert!(schedule.is_none_or(|schedule| schedule.to_string() == text), "{text}");
        }
    }

    #[test]
    fn parties_are_qualifier_and_id() {
        assert_eq!(InterchangeParty::parse("ZZ:330897513"), InterchangeParty::new("ZZ", "330897513      "));
        for text in ["330897513", "Z:1", "ZZ:", "ZZ:1234567890123456"] {
            assert_eq!(InterchangeParty::parse(text), None, "{text}");
        }
    }

    #[test]
    fn routing_numbers_have_a_check_digit() {
        for (text, good) in [("123456780", true), ("123456789", false), ("12345678", false), ("12345678x", false)] {
            assert_eq!(RoutingNumber::parse(text).is_some(), good, "{text}");
        }
    }

    #[test]
    fn nothing_shows_a_secret() {
        let secret = Secret::new("hunter2".into());
        let account = AccountNumber::parse("000987654").unwrap();
        let shown = format!(
            "{secret} {secret:?} {account} {account:?} {}",
            serde_json::to_string(&(&secret, &account)).unwrap()
        );
        assert!(!shown.contains("hunter2") && !shown.contains("0009876"), "{shown}");
    }

    #[test]
    fn a_party_has_a_qualifier_and_an_id() {
        for (text, accepted) in [
            ("ZZ:330897513", true),
            ("30:33-0897513", true),
            ("ZZ:A", false),
            ("Z:330897513", false),
            ("ZZ330897513", false),
            ("ZZ:1234567890123456", false),
            ("ZZ:A*B", false),
        ] {
            assert_eq!(text.parse::<InterchangeParty>().is_ok(), accepted, "{text}");
        }
    }
}
