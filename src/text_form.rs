//! Values that are stored and shown as text, read without copying the text first: a decision has dozens
//! of them, and the ledger is read several times per claim.

use std::fmt;
use std::marker::PhantomData;

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
    let digit = |nibble: u8| char::from(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 });
    bytes.iter().try_for_each(|byte| {
        out.write_char(digit(byte >> 4))?;
        out.write_char(digit(byte & 15))
    })
}

/// Lower-case hex digits of bytes.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    // Writing to memory does not fail.
    let _ = write_hex(bytes, &mut text);
    text
}

/// `#[serde(with = "crate::text_form::day")]`: a date as `CCYY-MM-DD`, as chrono has it, read in a tenth
/// of the time.
pub mod day {
    use chrono::NaiveDate;
    use serde::{Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(day: &NaiveDate, serializer: S) -> Result<S::Ok, S::Error> {
        day.serialize(serializer)
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
                let sealed = postcard::to_stdvec(&day).unwrap();
                prop_assert_eq!(&sealed, &postcard::to_stdvec(&day.0).unwrap());
                prop_assert_eq!(postcard::from_bytes::<Quick>(&sealed).unwrap(), day);
            }
        }
    }
}
