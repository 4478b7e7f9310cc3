//! One value against its element: code, type, length, date.

use crate::finding::{Check, ElementError};
use crate::tables::guides::{ElementKind, ElementShape, PackedCode};
use crate::word;

/// What is wrong with a value that is present. `before` is the element or component before it: the
/// qualifier of a period.
#[inline]
pub(super) fn value_fault<'v>(element: &ElementShape, value: &[u8], before: impl FnOnce() -> &'v [u8]) -> Option<(Check, ElementError)> {
    if !element.codes.is_empty() {
        let known = element.codes.contains(&PackedCode::of(value));
        return (!known).then(|| (element.check.unwrap_or(Check::S202), ElementError::InvalidCode));
    }
    let fault = match element.kind {
        ElementKind::Integer => return number_fault(element, value, false).map(|error| (Check::S111, error)),
        ElementKind::Decimal => return number_fault(element, value, true).map(|error| (Check::S111, error)),
        ElementKind::Text | ElementKind::Identifier | ElementKind::Composite(_) => {
            let blank = value.first() == Some(&b' ') && value.iter().all(|byte| *byte == b' ');
            blank.then_some((Check::S111, ElementError::InvalidCharacter))
        }
        ElementKind::Date => (!is_date(value)).then_some((Check::S112, ElementError::InvalidDate)),
        ElementKind::Time => (!is_time(value)).then_some((Check::S112, ElementError::InvalidTime)),
        ElementKind::Period => period_fault(before(), value).map(|error| (Check::S112, error)),
    };
    length_fault(element, value.len()).map(|error| (Check::S111, error)).or(fault)
}

#[inline]
fn length_fault(element: &ElementShape, length: usize) -> Option<ElementError> {
    if length < usize::from(element.shortest) {
        Some(ElementError::TooShort)
    } else if length > usize::from(element.longest) {
        Some(ElementError::TooLong)
    } else {
        None
    }
}

fn number_fault(element: &ElementShape, value: &[u8], decimal: bool) -> Option<ElementError> {
    let (mut digits, mut points) = (0, 0);
    for byte in value.strip_prefix(b"-").unwrap_or(value) {
        match byte {
            b'0'..=b'9' => digits += 1,
            b'.' if decimal => points += 1,
            _ => return Some(ElementError::InvalidCharacter),
        }
    }
    if points > 1 || value.last() == Some(&b'.') {
        return Some(ElementError::InvalidCharacter);
    }
    length_fault(element, digits)
}

/// Whether a value is what its qualifier says.
pub(super) fn is_period(qualifier: &[u8], value: &[u8]) -> bool {
    period_fault(qualifier, value).is_none()
}

fn period_fault(qualifier: &[u8], value: &[u8]) -> Option<ElementError> {
    let (holds, error) = match qualifier {
        b"D8" => (is_date(value), ElementError::InvalidDate),
        b"RD8" => match (value.split_at_checked(8), value.get(9..)) {
            (Some((from, [b'-', ..])), Some(through)) => (is_date(from) && is_date(through), ElementError::InvalidDate),
            _ => (false, ElementError::InvalidDate),
        },
        b"DT" => match value.split_at_checked(8) {
            Some((date, time)) => (is_date(date) && is_time(time), ElementError::InvalidDate),
            None => (false, ElementError::InvalidDate),
        },
        b"TM" => (is_time(value), ElementError::InvalidTime),
        // A qualifier of no guide is reported itself.
        _ => return None,
    };
    (!holds).then_some(error)
}

/// `CCYYMMDD` that exists. The quick twin of [`crate::x12::element::date`].
#[inline]
pub(super) fn is_date(text: &[u8]) -> bool {
    let Some(number) = word::number_of(text) else { return false };
    let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => 0,
    };
    text.len() == 8 && (1..=days).contains(&day)
}

/// `HHMM`, `HHMMSS`, `HHMMSSD` or `HHMMSSDD`. The quick twin of [`crate::x12::element::time`].
#[inline]
pub(super) fn is_time(text: &[u8]) -> bool {
    let within = |range, most| digits(text.get(range)).is_some_and(|value| value <= most);
    match text.len() {
        4 => within(0..2, 23) && within(2..4, 59),
        6..=8 => within(0..2, 23) && within(2..4, 59) && within(4..6, 59) && text.iter().skip(6).all(u8::is_ascii_digit),
        _ => false,
    }
}

#[inline]
fn digits(text: Option<&[u8]>) -> Option<u32> {
    text?
        .iter()
        .try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + u32::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tables::guides::Usage;
    use crate::x12::element;

    #[test]
    fn numbers_count_their_digits() {
        let element = ElementShape {
            usage: Usage::Required,
            kind: ElementKind::Decimal,
            shortest: 1,
            longest: 4,
            codes: Box::default(),
            check: None,
        };
        for (value, decimal, expected) in [
            ("-12.34", true, None),
            (".5", true, None),
            ("12345", true, Some(ElementError::TooLong)),
            ("-", true, Some(ElementError::TooShort)),
            ("1.", true, Some(ElementError::InvalidCharacter)),
            ("1.2.3", true, Some(ElementError::InvalidCharacter)),
            ("1E3", true, Some(ElementError::InvalidCharacter)),
            ("1.5", false, Some(ElementError::InvalidCharacter)),
            ("-12", false, None),
        ] {
            assert_eq!(number_fault(&element, value.as_bytes(), decimal), expected, "{value}");
        }
    }

    proptest! {
        #[test]
        fn the_quick_date_and_time_agree_with_the_parsers(text in "[0-9]{0,9}", year in 1890u32..2110, month in 0u32..14, day in 0u32..33, seconds in 0u32..100_000_000) {
            let likely = format!("{year:04}{month:02}{day:02}");
            for text in [text.as_bytes(), likely.as_bytes()] {
                prop_assert_eq!(is_date(text), element::date(text).is_some());
            }
            for text in [text, format!("{seconds:08}"), format!("{:04}", seconds % 10_000)] {
                prop_assert_eq!(is_time(text.as_bytes()), element::time(text.as_bytes()).is_some());
            }
        }
    }
}
