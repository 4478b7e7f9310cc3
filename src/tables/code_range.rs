//! Ranges of procedure, revenue, diagnosis, DRG and bill type codes, and a search over many of them.

use serde::{Deserialize, Serialize};

use crate::ids::Code;

/// A code as a number that sorts like its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodeKey(u64);

impl CodeKey {
    /// The first eight bytes; no code of ours is longer.
    pub fn of(code: &[u8]) -> CodeKey {
        CodeKey(padded(code, 0))
    }
}

/// Codes from one to another, both included. A code that continues the upper end is inside:
/// `A50`–`A64` holds `A649`, and a single `Z30` holds its subcategories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "Ends", try_from = "Ends")]
pub struct CodeRange {
    from: u64,
    to: u64,
}

/// The two ends as text; `None` is any code.
type Ends = Option<(Code<8>, Code<8>)>;

/// A range that ends before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("code range ends before it begins")]
pub struct ReversedRange;

impl CodeRange {
    /// Every code.
    pub const ANY: CodeRange = CodeRange { from: 0, to: u64::MAX };

    /// # Errors
    /// [`ReversedRange`] when `to` sorts before `from`.
    pub fn new(from: Code<8>, to: Code<8>) -> Result<CodeRange, ReversedRange> {
        let range = CodeRange {
            from: padded(from.as_bytes(), 0),
            to: padded(to.as_bytes(), u8::MAX),
        };
        if range.from <= range.to { Ok(range) } else { Err(ReversedRange) }
    }

    pub fn single(code: Code<8>) -> CodeRange {
        CodeRange {
            from: padded(code.as_bytes(), 0),
            to: padded(code.as_bytes(), u8::MAX),
        }
    }

    pub fn contains(self, code: CodeKey) -> bool {
        (self.from..=self.to).contains(&code.0)
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
        let text = |key: u64, pad: u8| {
            let bytes = key.to_be_bytes();
            let length = bytes.iter().rposition(|byte| *byte != pad).map_or(0, |last| last + 1);
            Code::parse(bytes.get(..length)?).ok()
        };
        text(self.from, 0).zip(text(self.to, u8::MAX))
    }
}

impl From<CodeRange> for Ends {
    fn from(range: CodeRange) -> Ends {
        range.ends()
    }
}

impl TryFrom<Ends> for CodeRange {
    type Error = ReversedRange;
    fn try_from(ends: Ends) -> Result<CodeRange, ReversedRange> {
        match ends {
            None => Ok(CodeRange::ANY),
            Some((from, to)) => CodeRange::new(from, to),
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
        let found = self.index.first_reaching(self.next, self.code.0).filter(|found| *found < self.end)?;
        self.next = found + 1;
        self.index.rows.get(found).map(|(range, row)| (*range, row))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(from: &str, to: &str) -> CodeRange {
        CodeRange::new(from.parse().unwrap(), to.parse().unwrap()).unwrap()
    }

    #[test]
    fn ranges_hold_both_ends_and_what_continues_the_upper_one() {
        for (from, to, code, inside) in [
            ("99381", "99385", "99381", true),
            ("99381", "99385", "99385", true),
            ("99381", "99385", "99386", false),
            ("A50", "A64", "A649", true),
            ("A50", "A64", "A65", false),
            ("A50", "A64", "A5", false),
            ("0450", "0459", "0981", false),
        ] {
            assert_eq!(range(from, to).contains(CodeKey::of(code.as_bytes())), inside, "{from}-{to} {code}");
        }
        assert!(CodeRange::ANY.contains(CodeKey::of(b"")) && CodeRange::ANY.contains(CodeKey::of(b"ZZZZZZZZ")));
        assert_eq!(CodeRange::new("B".parse().unwrap(), "A".parse().unwrap()), Err(ReversedRange));
        assert!(CodeRange::single("99381".parse().unwrap()).width() < range("99381", "99382").width());
    }

    #[test]
    fn a_range_reads_what_it_writes() {
        for range in [CodeRange::ANY, range("99381", "99385"), CodeRange::single("12345678".parse().unwrap())] {
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
                .map(|(place, (a, b))| (range(&digits(*a.min(b)), &digits(*a.max(b))), place))
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
