//! Ranges of procedure, revenue, diagnosis, DRG and bill type codes, and a search over many of them.

use serde::{Deserialize, Serialize};

use crate::ids::Code;

/// A code as a number that sorts like its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodeKey(u64);

impl CodeKey {
    /// The first eight bytes; no code of ours is longer.
    pub fn of(code: &[u8]) -> CodeKey {
        // Every rule looks for the codes of every line, so: two overlapping reads instead of a byte at a time.
        CodeKey(match (code.first_chunk::<4>(), code.last_chunk::<4>()) {
            (Some(first), Some(last)) if code.len() <= 8 => {
                let (first, last) = (u64::from(u32::from_be_bytes(*first)), u64::from(u32::from_be_bytes(*last)));
                first << 32 | last << (8 * (8 - code.len()))
            }
            _ => padded(code, 0),
        })
    }

    /// Where [`CodeScreen::beginnings`] has a code, by its first two bytes.
    fn beginning(self) -> (usize, u64) {
        let hash = ((self.0 >> 48) as u16).wrapping_mul(40_503) >> 6;
        (usize::from(hash / 64), 1 << (hash % 64))
    }
}

/// Codes from one to another, both included.
///
/// An exact range holds codes of its own length only: revenue code `0128` is not inside the procedures
/// `00100`–`01999`. A range of families also holds what continues its ends: `A50`–`A64` holds `A649`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "Ends", try_from = "Ends")]
pub struct CodeRange {
    from: u64,
    /// Padded with zeros when exact, with ones when of families.
    to: u64,
}

/// The two ends as text, and whether they name families; `None` is any code.
type Ends = Option<(Code<8>, Code<8>, bool)>;

/// Two codes that are not the ends of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    #[error("code range ends before it begins")]
    Reversed,
    #[error("code range has ends of different length")]
    Uneven,
}

impl CodeRange {
    /// Every code.
    pub const ANY: CodeRange = CodeRange { from: 0, to: u64::MAX };

    /// # Errors
    /// [`RangeError`] when `to` sorts before `from` or has another length.
    pub fn exact(from: Code<8>, to: Code<8>) -> Result<CodeRange, RangeError> {
        let range = CodeRange {
            from: padded(from.as_bytes(), 0),
            to: padded(to.as_bytes(), 0),
        };
        match (from.as_bytes().len() == to.as_bytes().len(), range.from <= range.to) {
            (false, _) => Err(RangeError::Uneven),
            (true, false) => Err(RangeError::Reversed),
            (true, true) => Ok(range),
        }
    }

    /// # Errors
    /// [`RangeError::Reversed`] when `to` sorts before `from`.
    pub fn families(from: Code<8>, to: Code<8>) -> Result<CodeRange, RangeError> {
        let range = CodeRange {
            from: padded(from.as_bytes(), 0),
            to: padded(to.as_bytes(), u8::MAX),
        };
        if range.from <= range.to { Ok(range) } else { Err(RangeError::Reversed) }
    }

    pub fn single(code: Code<8>) -> CodeRange {
        CodeRange {
            from: padded(code.as_bytes(), 0),
            to: padded(code.as_bytes(), 0),
        }
    }

    pub fn contains(self, code: CodeKey) -> bool {
        (self.from..=self.to).contains(&code.0) && (self.is_of_families() || length(code.0) == length(self.to))
    }

    /// Grows with the number of codes inside; for choosing the narrowest.
    pub fn width(self) -> u64 {
        self.to - self.from
    }

    pub fn is_any(self) -> bool {
        self == CodeRange::ANY
    }

    /// First and last code; `None` for any.
    pub fn ends(self) -> Option<(Code<8>, Code<8>)> {
        let text = |key: u64| {
            let bytes = key.to_be_bytes();
            let length = bytes.iter().rposition(|byte| !matches!(*byte, 0 | u8::MAX)).map_or(0, |last| last + 1);
            Code::parse(bytes.get(..length)?).ok()
        };
        text(self.from).zip(text(self.to))
    }

    fn is_of_families(self) -> bool {
        self.to as u8 == u8::MAX
    }
}

/// A quick no to whether any of many ranges holds a code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CodeScreen {
    /// A bit for each beginning that a span has, shared by some.
    beginnings: [u64; 16],
    /// Sorted and apart.
    spans: Vec<(u64, u64)>,
}

impl CodeScreen {
    pub fn of(ranges: impl Iterator<Item = CodeRange>) -> CodeScreen {
        let mut spans: Vec<(u64, u64)> = ranges.map(|range| (range.from, range.to)).collect();
        spans.sort_unstable();
        spans.dedup_by(|next, kept| {
            let is_joined = next.0 <= kept.1;
            if is_joined {
                kept.1 = kept.1.max(next.1);
            }
            is_joined
        });
        let mut beginnings = [0; 16];
        for two in spans.iter().flat_map(|(from, to)| from >> 48..=to >> 48) {
            let (word, bit) = CodeKey(two << 48).beginning();
            beginnings.get_mut(word).into_iter().for_each(|word| *word |= bit);
        }
        CodeScreen { beginnings, spans }
    }

    /// `false`: none holds it. A range of exact codes lets pass what is longer than they are.
    pub fn may_hold(&self, code: CodeKey) -> bool {
        let (word, bit) = code.beginning();
        if self.beginnings.get(word).is_none_or(|word| word & bit == 0) {
            return false;
        }
        let before = self.spans.partition_point(|(from, _)| *from <= code.0);
        before.checked_sub(1).and_then(|last| self.spans.get(last)).is_some_and(|(_, to)| code.0 <= *to)
    }
}

impl From<CodeRange> for Ends {
    fn from(range: CodeRange) -> Ends {
        range.ends().map(|(from, to)| (from, to, range.is_of_families()))
    }
}

impl TryFrom<Ends> for CodeRange {
    type Error = RangeError;
    fn try_from(ends: Ends) -> Result<CodeRange, RangeError> {
        match ends {
            None => Ok(CodeRange::ANY),
            Some((from, to, true)) => CodeRange::families(from, to),
            Some((from, to, false)) => CodeRange::exact(from, to),
        }
    }
}

fn padded(code: &[u8], pad: u8) -> u64 {
    let mut bytes = [pad; 8];
    for (place, byte) in bytes.iter_mut().zip(code) {
        *place = *byte;
    }
    u64::from_be_bytes(bytes)
}

/// Bytes of a code that is padded with zeros.
fn length(key: u64) -> u32 {
    8 - key.trailing_zeros() / 8
}

/// Rows found by the code ranges that contain a code: `O(log rows)` per answer, no allocation.
///
/// Rows are sorted by the lower end, so those that may contain a code are a prefix; a tree of the
/// highest upper ends skips the rows of that prefix which end too early.
#[derive(Debug, Clone)]
pub struct RangeIndex<T> {
    rows: Vec<(CodeRange, T)>,
    /// A complete binary tree, root at 1; leaf `leaves + i` is the upper end of row `i`.
    highest_end: Vec<u64>,
    leaves: usize,
}

impl<T> Default for RangeIndex<T> {
    fn default() -> Self {
        RangeIndex::new(Vec::new())
    }
}

impl<T> RangeIndex<T> {
    /// Rows with the same lower end keep their order.
    pub fn new(mut rows: Vec<(CodeRange, T)>) -> RangeIndex<T> {
        rows.sort_by_key(|(range, _)| range.from);
        let leaves = rows.len().next_power_of_two();
        let mut level: Vec<u64> = rows.iter().map(|(range, _)| range.to).collect();
        level.resize(leaves, 0);
        let mut levels = Vec::new();
        while level.len() > 1 {
            let above = level.chunks(2).map(|pair| pair.iter().copied().max().unwrap_or(0)).collect();
            levels.push(std::mem::replace(&mut level, above));
        }
        let mut highest_end = vec![0];
        highest_end.extend(level);
        highest_end.extend(levels.into_iter().rev().flatten());
        RangeIndex { rows, highest_end, leaves }
    }

    /// The rows whose range contains the code, by lower end and then in their given order.
    pub fn containing(&self, code: CodeKey) -> Containing<'_, T> {
        let end = self.rows.partition_point(|(range, _)| range.from <= code.0);
        Containing {
            index: self,
            code,
            next: 0,
            end,
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &(CodeRange, T)> {
        self.rows.iter()
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The first row at or after `start` that ends at or after `code`.
    fn first_reaching(&self, start: usize, code: u64) -> Option<usize> {
        let reaches = |node: usize| self.highest_end.get(node).is_some_and(|end| *end >= code);
        if start >= self.leaves {
            return None;
        }
        let mut node = self.leaves + start;
        // Up and to the right until a subtree reaches far enough; then down to its first such leaf.
        while !reaches(node) {
            while node % 2 == 1 {
                node /= 2;
            }
            if node == 0 {
                return None;
            }
            node += 1;
        }
        while node < self.leaves {
            node *= 2;
            if !reaches(node) {
                node += 1;
            }
        }
        Some(node - self.leaves)
    }
}

/// Iterator of [`RangeIndex::containing`].
#[derive(Debug)]
pub struct Containing<'a, T> {
    index: &'a RangeIndex<T>,
    code: CodeKey,
    next: usize,
    end: usize,
}

impl<'a, T> Iterator for Containing<'a, T> {
    type Item = (CodeRange, &'a T);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let found = self.index.first_reaching(self.next, self.code.0).filter(|found| *found < self.end)?;
            self.next = found + 1;
            match self.index.rows.get(found) {
                Some((range, row)) if range.contains(self.code) => return Some((*range, row)),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(text: &str) -> Code<8> {
        text.parse().unwrap()
    }

    fn exact(from: &str, to: &str) -> CodeRange {
        CodeRange::exact(code(from), code(to)).unwrap()
    }

    fn families(from: &str, to: &str) -> CodeRange {
        CodeRange::families(code(from), code(to)).unwrap()
    }

    proptest! {
        #[test]
        fn a_screen_lets_pass_what_a_range_holds(ends in prop::collection::vec(("[A-C0-2]{1,4}", "[A-C0-2]{1,4}", any::<bool>()), 0..6), asked in "[A-C0-2]{1,5}") {
            let ranges: Vec<CodeRange> = ends.iter().filter_map(|(from, to, is_family)| match is_family {
                true => CodeRange::families(code(from), code(to)).ok(),
                false => CodeRange::exact(code(from), code(to)).ok(),
            }).collect();
            let key = CodeKey::of(asked.as_bytes());
            let is_held = ranges.iter().any(|range| range.contains(key));
            let is_near = ranges.iter().any(|range| (range.from..=range.to).contains(&key.0));
            let may_hold = CodeScreen::of(ranges.into_iter()).may_hold(key);
            prop_assert!(may_hold || !is_held);
            prop_assert_eq!(may_hold, is_near);
        }
    }

    #[test]
    fn ranges_hold_both_ends_and_families_what_continues_them() {
        for (range, code, inside) in [
            (exact("99381", "99385"), "99381", true),
            (exact("99381", "99385"), "99385", true),
            (exact("99381", "99385"), "99386", false),
            (exact("00100", "01999"), "0128", false),
            (exact("0100", "0219"), "01000", false),
            (families("A50", "A64"), "A649", true),
            (families("A50", "A64"), "A65", false),
            (families("A50", "A64"), "A5", false),
            (exact("A50", "A64"), "A649", false),
            (exact("12345678", "12345678"), "12345678", true),
            (CodeRange::single(code("99381")), "99381", true),
            (CodeRange::ANY, "", true),
            (CodeRange::ANY, "ZZZZZZZZ", true),
        ] {
            assert_eq!(range.contains(CodeKey::of(code.as_bytes())), inside, "{range:?} {code}");
        }
        assert_eq!(CodeRange::exact(code("B"), code("A")), Err(RangeError::Reversed));
        assert_eq!(CodeRange::families(code("B"), code("A")), Err(RangeError::Reversed));
        assert_eq!(CodeRange::exact(code("0100"), code("01999")), Err(RangeError::Uneven));
        assert!(CodeRange::single(code("99381")).width() < exact("99381", "99382").width());
    }

    #[test]
    fn a_key_is_the_code_padded() {
        for length in 0..=9 {
            let code = &b"A1234567Z"[..length];
            assert_eq!(CodeKey::of(code).0, padded(code, 0), "{length}");
        }
    }

    #[test]
    fn a_range_reads_what_it_writes() {
        for range in [
            CodeRange::ANY,
            exact("99381", "99385"),
            families("A50", "A64"),
            CodeRange::single(code("12345678")),
        ] {
            let text = serde_json::to_string(&range).unwrap();
            assert_eq!(serde_json::from_str::<CodeRange>(&text).unwrap(), range, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_index_finds_what_a_scan_finds(ends in prop::collection::vec((0u32..60, 0u32..60), 0..40), code in 0u32..60) {
            let digits = |number: u32| format!("{number:05}");
            let rows: Vec<(CodeRange, usize)> = ends
                .iter()
                .enumerate()
                .map(|(place, (a, b))| (if place % 2 == 0 { exact(&digits(*a.min(b)), &digits(*a.max(b))) } else { families(&digits(*a.min(b)), &digits(*a.max(b))) }, place))
                .collect();
            let key = CodeKey::of(digits(code).as_bytes());
            let mut scanned: Vec<usize> = rows.iter().filter(|(range, _)| range.contains(key)).map(|(_, place)| *place).collect();
            scanned.sort_by_key(|place| (rows[*place].0.from, *place));
            let index = RangeIndex::new(rows);
            let found: Vec<usize> = index.containing(key).map(|(_, place)| *place).collect();
            prop_assert_eq!(found, scanned);
        }
    }
}
