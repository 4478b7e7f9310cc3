//! Values that are stored and shown as text, read without copying the text first: a decision has dozens
//! of them, and the ledger is read several times per claim.

use std::fmt;
use std::marker::PhantomData;

use chrono::{Datelike, NaiveDate};
use compact_str::CompactString;
use serde::Deserializer;
use serde::de::{Error, Visitor};

/// Reads a value from the text of any format.
///
/// # Errors
/// Those of the format, and of `parse`.
pub fn read<'de, T, E: fmt::Display, D: Deserializer<'de>>(deserializer: D, parse: impl FnOnce(&str) -> Result<T, E>) -> Result<T, D::Error> {
    struct Text<T, E, P> {
        parse: P,
        read: PhantomData<Result<T, E>>,
    }
    impl<T, E: fmt::Display, P: FnOnce(&str) -> Result<T, E>> Visitor<'_> for Text<T, E, P> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("text")
        }
        fn visit_str<X: Error>(self, text: &str) -> Result<T, X> {
            (self.parse)(text).map_err(X::custom)
        }
    }
    deserializer.deserialize_str(Text { parse, read: PhantomData })
}

/// Lower-case hex digits of bytes.
pub fn write_hex(bytes: &[u8], out: &mut impl fmt::Write) -> fmt::Result {
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    let mut digits = [0; 64];
    for bytes in bytes.chunks(digits.len() / 2) {
        for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
            *pair = [digit(byte >> 4), digit(byte & 15)];
        }
        let digits = digits.get(..2 * bytes.len()).unwrap_or_default();
        out.write_str(str::from_utf8(digits).unwrap_or_default())?;
    }
    Ok(())
}

/// Lower-case hex digits of bytes.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    // Writing to memory does not fail.
    let _ = write_hex(bytes, &mut text);
    text
}

/// A date as X12 has it: `CCYYMMDD`.
pub fn ccyymmdd(day: NaiveDate) -> CompactString {
    match digits(day) {
        Some(digits) => CompactString::from_utf8(digits).unwrap_or_default(),
        None => day.format("%Y%m%d").to_string().into(),
    }
}

/// Four digits of the year, two of the month, two of the day; `None` for a year that has not four.
fn digits(day: NaiveDate) -> Option<[u8; 8]> {
    let year @ 0..=9_999 = u32::try_from(day.year()).ok()? else {
        return None;
    };
    let digit = |number: u32| b'0' + (number % 10) as u8;
    let (month, day) = (day.month(), day.day());
    Some([
        digit(year / 1_000),
        digit(year / 100),
        digit(year / 10),
        digit(year),
        digit(month / 10),
        digit(month),
        digit(day / 10),
        digit(day),
    ])
}

/// `#[serde(with = "crate::text_form::day")]`: a date as `CCYY-MM-DD`, as chrono has it, read in a tenth
/// of the time.
pub mod day {
    use chrono::NaiveDate;
    use compact_str::CompactString;
    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer>(day: &NaiveDate, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&text(*day))
    }

    /// `CCYY-MM-DD`.
    pub fn text(day: NaiveDate) -> CompactString {
        match super::digits(day) {
            Some([a, b, c, d, e, f, g, h]) => CompactString::from_utf8([a, b, c, d, b'-', e, f, b'-', g, h]).unwrap_or_default(),
            None => day.to_string().into(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveDate, D::Error> {
        super::read(deserializer, |text| quick(text).map_or_else(|| text.parse(), Ok))
    }

    fn quick(text: &str) -> Option<NaiveDate> {
        let [a, b, c, d, b'-', e, f, b'-', g, h] = *text.as_bytes().as_array::<10>()? else {
            return None;
        };
        let number = |digits: &[u8]| {
            digits
                .iter()
                .try_fold(0u32, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0')))
        };
        NaiveDate::from_ymd_opt(i32::try_from(number(&[a, b, c, d])?).ok()?, number(&[e, f])?, number(&[g, h])?)
    }
}

/// `#[serde(with = "crate::text_form::optional_day")]`: the same, or none.
pub mod optional_day {
    use chrono::NaiveDate;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Day(#[serde(with = "super::day")] NaiveDate);

    pub fn serialize<S: Serializer>(day: &Option<NaiveDate>, serializer: S) -> Result<S::Ok, S::Error> {
        day.map(Day).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NaiveDate>, D::Error> {
        Ok(Option::<Day>::deserialize(deserializer)?.map(|day| day.0))
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Quick(#[serde(with = "day")] NaiveDate);

    #[test]
    fn bytes_as_hex() {
        assert_eq!(hex(&[0x00, 0x9f, 0xa0, 0xff]), "009fa0ff");
    }

    proptest! {
        #[test]
        fn a_day_is_read_as_chrono_reads_it(year in 0i32..12_000, month in 0u32..14, day in 0u32..33) {
            let text = format!("\"{year:04}-{month:02}-{day:02}\"");
            let (quick, slow) = (serde_json::from_str::<Quick>(&text), serde_json::from_str::<NaiveDate>(&text));
            prop_assert_eq!(quick.as_ref().ok().map(|quick| quick.0), slow.ok());
            if let Ok(day) = quick {
                prop_assert_eq!(ccyymmdd(day.0), day.0.format("%Y%m%d").to_string());
                prop_assert_eq!(serde_json::to_string(&day).unwrap(), serde_json::to_string(&day.0).unwrap());
                let sealed = postcard::to_stdvec(&day).unwrap();
                prop_assert_eq!(&sealed, &postcard::to_stdvec(&day.0).unwrap());
                prop_assert_eq!(postcard::from_bytes::<Quick>(&sealed).unwrap(), day);
            }
        }
    }
}
