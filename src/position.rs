//! Where something stands in a received file: down to the byte, never the value.

use std::fmt;

use compact_str::CompactString;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::loop_id::LoopId;

/// Half-open byte range `[start, end)` of the received file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ByteRange {
    pub start: u64,
    pub end: u64,
}

impl ByteRange {
    pub fn new(start: u64, end: u64) -> ByteRange {
        ByteRange { start, end: end.max(start) }
    }

    pub fn length(self) -> u64 {
        self.end - self.start
    }
}

/// A segment identifier of two or three characters (`CLM`, `HI`) in one number: it is compared for every
/// segment, and three loose bytes stall the hot path.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SegmentTag(u32);

impl SegmentTag {
    /// The tag of a literal, padded with spaces: `SegmentTag::of("HI")`.
    pub const fn of(text: &str) -> SegmentTag {
        SegmentTag::from_bytes(text.as_bytes())
    }

    /// The first three bytes, padded with spaces; longer identifiers are unknown to every guide and
    /// reported as such by their length.
    pub const fn from_bytes(bytes: &[u8]) -> SegmentTag {
        let (a, b, c) = match *bytes {
            [] => (b' ', b' ', b' '),
            [a] => (a, b' ', b' '),
            [a, b] => (a, b, b' '),
            [a, b, c, ..] => (a, b, c),
        };
        SegmentTag(u32::from_be_bytes([0, a, b, c]))
    }

    /// [`SegmentTag::from_bytes`] of the first `length` bytes of a segment, without a branch on the length:
    /// no processor foresees whether the next identifier has two characters or three.
    #[inline]
    pub fn at_start_of(segment: &[u8], length: usize) -> SegmentTag {
        match segment.first_chunk::<4>() {
            Some(first) => {
                let missing = 8 * (3 - length.min(3));
                let kept = (u32::from_be_bytes(*first) >> 8 >> missing) << missing;
                SegmentTag(kept | (SegmentTag::of("").0 & ((1 << missing) - 1)))
            }
            None => SegmentTag::from_bytes(segment.get(..length).unwrap_or_default()),
        }
    }

    /// The three bytes as one number, for look-ups.
    #[inline]
    pub const fn packed(self) -> u32 {
        self.0
    }

    /// The identifier when it is upper-case letters and digits, else `?`: a foreign "identifier" may
    /// be someone's name and is never shown.
    pub fn text(self) -> CompactString {
        let [_, bytes @ ..] = self.0.to_be_bytes();
        match std::str::from_utf8(bytes.trim_ascii_end()) {
            Ok(text) if text.len() >= 2 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()) => text.into(),
            _ => CompactString::const_new("?"),
        }
    }
}

/// Stored as its three bytes.
impl Serialize for SegmentTag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [_, bytes @ ..] = self.0.to_be_bytes();
        bytes.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SegmentTag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SegmentTag, D::Error> {
        <[u8; 3]>::deserialize(deserializer).map(|bytes| SegmentTag::from_bytes(&bytes))
    }
}

impl fmt::Display for SegmentTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text())
    }
}

impl fmt::Debug for SegmentTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// A segment's place: which, and where in the file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SegmentPosition {
    pub tag: SegmentTag,
    /// Counted from 1 at the ST of its transaction set; 0 outside a set.
    pub ordinal: u32,
    /// Offset of the identifier's first byte.
    pub byte: u64,
    /// Bytes without the terminator.
    pub length: u32,
}

impl SegmentPosition {
    pub fn range(self) -> ByteRange {
        ByteRange::new(self.byte, self.byte + u64::from(self.length))
    }
}

/// A place that a finding points at. `element` and `component` count from 1; 0 means the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Position {
    pub loop_id: Option<LoopId>,
    pub segment: SegmentTag,
    pub ordinal: u32,
    pub element: u8,
    pub component: u8,
    /// Offset of the element, or of the segment when the whole is meant.
    pub byte: u64,
}

impl Position {
    /// The segment as a whole.
    pub fn of_segment(loop_id: Option<LoopId>, segment: SegmentPosition) -> Position {
        Position {
            loop_id,
            segment: segment.tag,
            ordinal: segment.ordinal,
            element: 0,
            component: 0,
            byte: segment.byte,
        }
    }

    /// `CLM02`, `CLM05-3`, or just `CLM`; `None` when no segment is meant.
    pub fn element_name(&self) -> Option<String> {
        match (self.element, self.component) {
            (0, _) => None,
            (element, 0) => Some(format!("{}{element:02}", self.segment)),
            (element, component) => Some(format!("{}{element:02}-{component}", self.segment)),
        }
    }
}

/// `segment 42 (byte 1873, loop 2300): CLM02`
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "segment {} (byte {}", self.ordinal, self.byte)?;
        if let Some(loop_id) = self.loop_id {
            write!(f, ", loop {loop_id}")?;
        }
        f.write_str("): ")?;
        match self.element_name() {
            Some(name) => f.write_str(&name),
            None => fmt::Display::fmt(&self.segment, f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_cut_from_its_segment() {
        for (segment, length) in [
            ("", 0),
            ("N", 1),
            ("HL", 2),
            ("CLM", 3),
            ("*1*2", 0),
            ("N*1*", 1),
            ("HL*1*", 2),
            ("CLM*1", 3),
            ("CLMS*1", 4),
        ] {
            let id = segment.get(..length).unwrap();
            assert_eq!(SegmentTag::at_start_of(segment.as_bytes(), length), SegmentTag::of(id), "{segment}");
        }
    }

    #[test]
    fn a_position_names_the_place_and_not_the_value() {
        let segment = SegmentPosition {
            tag: SegmentTag::of("CLM"),
            ordinal: 42,
            byte: 1866,
            length: 30,
        };
        let position = Position {
            element: 2,
            byte: 1873,
            ..Position::of_segment(Some(LoopId::L2300), segment)
        };
        assert_eq!(position.to_string(), "segment 42 (byte 1873, loop 2300): CLM02");
        assert_eq!(SegmentTag::from_bytes(b"anaSMITH").text(), "?");
    }
}
