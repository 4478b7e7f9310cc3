//! Short texts eight bytes at a time: codes, dates and amounts are nearly all no longer, and there are dozens of
//! them in a claim.
//!
//! A word has the first byte of its text lowest and zeros behind the last.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x80 * ONES;

/// The first eight bytes of a text.
#[inline(always)]
pub fn of(text: &[u8]) -> u64 {
    if let Some(eight) = text.first_chunk::<8>() {
        return u64::from_le_bytes(*eight);
    }
    if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        // They overlap where there are fewer than eight.
        let beyond = 8 * (text.len() - 4);
        return u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << beyond;
    }
    match *text {
        [one] => u64::from(one),
        [one, two] => u64::from(u16::from_le_bytes([one, two])),
        [one, two, three] => u64::from(u32::from_le_bytes([one, two, three, 0])),
        _ => 0,
    }
}

/// The lowest `length` bytes, at most eight.
#[inline(always)]
pub const fn low(length: usize) -> u64 {
    match length {
        0..=7 => (1 << (8 * length)) - 1,
        _ => u64::MAX,
    }
}

/// Whether the first `length` bytes, at most eight, are all printable ASCII, blanks included.
#[inline(always)]
pub fn is_printable(word: u64, length: usize) -> bool {
    let filled = word | ((0x20 * ONES) & !low(length));
    let beyond = (filled | filled.wrapping_add(ONES)) & HIGH;
    let from_blank = filled.wrapping_add(0x60 * ONES) & HIGH;
    beyond == 0 && from_blank == HIGH
}

/// Where a byte stands first; 8 when it is not among the eight.
#[inline(always)]
pub fn find(word: u64, byte: u8) -> usize {
    let others = word ^ (u64::from(byte) * ONES);
    let found = others.wrapping_sub(ONES) & !others & HIGH;
    found.trailing_zeros() as usize / 8
}

/// The values of eight digits, a byte each; `None` when one is no digit.
#[inline(always)]
pub fn digits(word: u64) -> Option<u64> {
    let digits = word ^ (0x30 * ONES);
    ((digits | digits.wrapping_add(6 * ONES)) & (0xf0 * ONES) == 0).then_some(digits)
}

/// The number that the first `length` bytes spell, from one to eight; `None` when they are not all digits.
#[inline(always)]
pub fn number(word: u64, length: usize) -> Option<u32> {
    if !(1..=8).contains(&length) {
        return None;
    }
    // The last digit stands highest; zeros before the first.
    let missing = 8 - length;
    let spelt = word.checked_shl(8 * missing as u32).unwrap_or(0) | ((0x30 * ONES) & low(missing));
    let digits = digits(spelt)?;
    // Pairs, then fours, then all eight.
    let pairs = (digits.wrapping_mul(10) + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100) + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours.wrapping_mul(10_000) + (fours >> 32)) as u32)
}

/// The number of a text of one to eight digits.
#[inline(always)]
pub fn number_of(text: &[u8]) -> Option<u32> {
    number(of(text), text.len())
}

/// A decimal of at most eight characters without a sign: its digits as a number, how many they are, and how many of
/// them stand behind a point. `None` for everything else.
#[inline]
pub fn decimal(text: &[u8]) -> Option<(u32, usize, usize)> {
    if text.len() > 8 {
        return None;
    }
    let word = of(text);
    let before = find(word, b'.').min(text.len());
    let point = usize::from(before < text.len());
    // What stands behind the point moves into its place.
    let digits = (word & low(before)) | (word >> 8 & !low(before));
    let count = text.len() - point;
    Some((number(digits, count)?, count, count - before))
}

/// Where a byte stands first in a text of any length.
#[inline]
pub fn position(text: &[u8], byte: u8) -> Option<usize> {
    let mut before = 0;
    loop {
        let rest = text.get(before..)?;
        let found = find(of(rest), byte);
        if found < rest.len().min(8) {
            return Some(before + found);
        }
        before += 8;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..20),
            "[0-9]{0,10}".prop_map(String::into_bytes),
            "[0-9:. ~A-Z]{0,20}".prop_map(String::into_bytes),
        ]
    }

    proptest! {
        #[test]
        fn a_word_says_what_its_bytes_say(text in text(), byte: u8) {
            let eight = &text[..text.len().min(8)];
            let word = of(&text);
            prop_assert_eq!(&word.to_le_bytes()[..eight.len()], eight);
            prop_assert_eq!(word & !low(text.len()), 0);
            let printable = eight.iter().all(|byte| (b' '..=b'~').contains(byte));
            prop_assert_eq!(is_printable(word, text.len()), printable);
            let number = std::str::from_utf8(&text).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()) && text.len() <= 8);
            prop_assert_eq!(number_of(&text), number.and_then(|text| text.parse().ok()));
            if let Some((number, digits, decimals)) = decimal(&text) {
                let (whole, part) = text.split_at(digits - decimals);
                let joined = [whole, part.get(1..).unwrap_or_default()].concat();
                prop_assert_eq!((joined.len(), number_of(&joined)), (digits, Some(number)));
                prop_assert!(part.is_empty() || part[0] == b'.');
            }
            for byte in [byte, b':', b'.'] {
                prop_assert_eq!(position(&text, byte), text.iter().position(|each| *each == byte));
            }
        }
    }
}
