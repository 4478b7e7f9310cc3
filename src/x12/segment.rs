//! A borrowed segment and the nom parser that cuts one from a marked buffer.

use nom::{IResult, Needed};

use super::separators::Separators;
use crate::limits;
use crate::position::{Position, SegmentPosition, SegmentTag};

/// One segment, borrowed from the tokenizer's buffer. Elements are cut on demand; nothing is copied.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'a> {
    /// Identifier to last element, without the terminator.
    pub bytes: &'a [u8],
    /// The same and what is buffered behind it.
    ahead: &'a [u8],
    /// Offsets of the element separators, counted from `base`.
    marks: &'a [u32],
    base: u32,
    pub separators: Separators,
    pub at: SegmentPosition,
}

impl<'a> Segment<'a> {
    /// The identifier exactly as it stands.
    #[inline]
    pub fn id(&self) -> &'a [u8] {
        self.element(0)
    }

    /// The packed identifier; `at.tag`.
    #[inline]
    pub fn tag(&self) -> SegmentTag {
        self.at.tag
    }

    /// Whether the identifier is exactly this literal.
    #[inline]
    pub fn is(&self, id: &str) -> bool {
        self.id() == id.as_bytes()
    }

    /// Number of elements after the identifier.
    #[inline]
    pub fn element_count(&self) -> usize {
        self.marks.len()
    }

    /// Element `number` (1 = first after the identifier, 0 = the identifier); empty when absent.
    #[inline]
    pub fn element(&self, number: usize) -> &'a [u8] {
        let start = match number.checked_sub(1) {
            None => 0,
            Some(before) => match self.marks.get(before) {
                Some(mark) => (mark - self.base) as usize + 1,
                None => return &[],
            },
        };
        let end = self.marks.get(number).map_or(self.bytes.len(), |mark| (mark - self.base) as usize);
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// The first eight bytes of element `number`, whatever follows it included, and its length; `None` when it
    /// is absent or stands at the end of the buffer.
    #[inline]
    pub fn element_word(&self, number: usize) -> Option<([u8; 8], usize)> {
        let start = (self.marks.get(number.checked_sub(1)?)? - self.base) as usize + 1;
        let end = self.marks.get(number).map_or(self.bytes.len(), |mark| (mark - self.base) as usize);
        let word = self.ahead.get(start..)?.first_chunk()?;
        Some((*word, end.checked_sub(start)?))
    }

    /// Component `place` (from 1) of element `number`; empty when absent.
    pub fn component(&self, number: usize, place: usize) -> &'a [u8] {
        self.components(number).nth(place.saturating_sub(1)).unwrap_or_default()
    }

    /// The components of element `number`, at least one (possibly empty).
    pub fn components(&self, number: usize) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let separator = self.separators.component;
        self.element(number).split(move |byte| *byte == separator)
    }

    /// Offset in the file of element `number`, or of the place where it is missed.
    pub fn element_byte(&self, number: usize) -> u64 {
        let offset = number.checked_sub(1).map_or(0, |before| {
            self.marks.get(before).map_or(self.bytes.len(), |mark| (mark - self.base) as usize + 1)
        });
        self.at.byte + offset as u64
    }

    /// The position of element `number` for a finding.
    pub fn position_of(&self, loop_id: Option<crate::loop_id::LoopId>, number: usize) -> Position {
        Position {
            element: u8::try_from(number).unwrap_or(u8::MAX),
            byte: self.element_byte(number),
            ..Position::of_segment(loop_id, self.at)
        }
    }

    /// Elements from 1 on, with their numbers.
    #[inline]
    pub fn elements(&self) -> Elements<'a> {
        Elements {
            bytes: self.bytes,
            marks: self.marks,
            base: self.base,
            number: 0,
        }
    }
}

/// The elements of a segment, each with its number.
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    bytes: &'a [u8],
    marks: &'a [u32],
    base: u32,
    number: usize,
}

impl<'a> Iterator for Elements<'a> {
    type Item = (usize, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<(usize, &'a [u8])> {
        let (mark, rest) = self.marks.split_first()?;
        let start = (mark - self.base) as usize + 1;
        let end = rest.first().map_or(self.bytes.len(), |mark| (mark - self.base) as usize);
        self.marks = rest;
        self.number += 1;
        Some((self.number, self.bytes.get(start..end).unwrap_or_default()))
    }
}

/// The unread part of a marked buffer: what [`segment`] parses.
#[derive(Debug, Clone, Copy)]
pub struct Marked<'a> {
    pub bytes: &'a [u8],
    /// Offset of `bytes`.
    pub base: u32,
    /// Offsets of the delimiters inside `bytes`.
    pub marks: &'a [u32],
    /// Which of the marks are terminators: their places in a list that is longer than `marks` by the
    /// `first` ones already cut away.
    pub ends: &'a [u32],
    pub first: u32,
    pub separators: Separators,
}

/// A segment that breaks a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutOfBounds {
    TooLong,
    TooManyElements,
}

/// Cuts one segment: `identifier (element-separator element)* terminator`. Its position is filled in
/// by the caller, who knows the offset in the file.
///
/// # Errors
/// `Incomplete` when the terminator is not in the buffer yet; `Failure` when a bound is broken.
#[inline(always)]
pub fn segment(input: Marked<'_>) -> IResult<Marked<'_>, Segment<'_>, OutOfBounds> {
    let Some((terminator, ends)) = input.ends.split_first() else {
        return if input.bytes.len() > limits::SEGMENT_BYTES_MAX {
            Err(nom::Err::Failure(OutOfBounds::TooLong))
        } else {
            Err(nom::Err::Incomplete(Needed::Unknown))
        };
    };
    let count = (terminator - input.first) as usize;
    let (marks, after) = input.marks.split_at_checked(count).unwrap_or((input.marks, &[]));
    let end = after.first().map_or(input.bytes.len(), |mark| (mark - input.base) as usize);
    if end > limits::SEGMENT_BYTES_MAX {
        return Err(nom::Err::Failure(OutOfBounds::TooLong));
    }
    if count > limits::SEGMENT_ELEMENTS_MAX {
        return Err(nom::Err::Failure(OutOfBounds::TooManyElements));
    }
    let (bytes, rest) = input.bytes.split_at_checked(end).unwrap_or((input.bytes, &[]));
    let mut segment = Segment {
        bytes,
        ahead: input.bytes,
        marks,
        base: input.base,
        separators: input.separators,
        at: SegmentPosition::default(),
    };
    segment.at.tag = SegmentTag::at_start_of(bytes, segment.id().len());
    segment.at.length = u32::try_from(end).unwrap_or(u32::MAX);
    let rest = Marked {
        bytes: rest.get(1..).unwrap_or_default(),
        base: input.base + segment.at.length + 1,
        marks: after.get(1..).unwrap_or_default(),
        ends,
        first: terminator + 1,
        separators: input.separators,
    };
    Ok((rest, segment))
}
