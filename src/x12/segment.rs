//! A borrowed segment and the nom parser that cuts one from a marked buffer.

use nom::{IResult, Needed};

use super::separators::Separators;
use crate::limits;
use crate::position::{Position, SegmentPosition, SegmentTag};
use crate::word;

/// One segment, borrowed from the tokenizer's buffer. Elements are cut on demand; nothing is copied.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'a> {
    /// Identifier to last element, without the terminator.
    pub bytes: &'a [u8],
    /// The same and what is buffered behind it.
    ahead: &'a [u8],
    /// Offsets of the element separators and, last, of the terminator. The identifier begins at `base`.
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
        self.marks.len().saturating_sub(1)
    }

    /// Element `number` (1 = first after the identifier, 0 = the identifier); empty when absent.
    #[inline]
    pub fn element(&self, number: usize) -> &'a [u8] {
        match self.range(number).and_then(|range| self.bytes.get(range)) {
            Some(element) => element,
            None => &[],
        }
    }

    /// Where an element stands in `bytes`; `None` when it is absent.
    #[inline]
    fn range(&self, number: usize) -> Option<std::ops::Range<usize>> {
        let end = self.marks.get(number)? - self.base;
        let start = match number.checked_sub(1) {
            None => 0,
            Some(before) => self.marks.get(before)? - self.base + 1,
        };
        Some(start as usize..end as usize)
    }

    /// The first eight bytes of element `number`, whatever follows it included, and its length; `None` when it
    /// is absent or stands at the end of the buffer.
    #[inline]
    pub fn element_word(&self, number: usize) -> Option<([u8; 8], usize)> {
        let range = self.range(number)?;
        let word = self.ahead.get(range.start..)?.first_chunk()?;
        Some((*word, range.len()))
    }

    /// The first bytes of the segment, whatever follows it included; `None` at the end of the buffer.
    #[inline]
    pub fn block(&self) -> Option<&'a [u8; 64]> {
        self.ahead.first_chunk()
    }

    /// Component `place` (from 1) of element `number`; empty when absent.
    pub fn component(&self, number: usize, place: usize) -> &'a [u8] {
        self.components(number).nth(place.saturating_sub(1)).unwrap_or_default()
    }

    /// The components of element `number`, at least one (possibly empty).
    #[inline]
    pub fn components(&self, number: usize) -> Components<'a> {
        self.components_of(self.element(number))
    }

    /// Those of an element of this segment.
    #[inline]
    pub fn components_of(&self, element: &'a [u8]) -> Components<'a> {
        Components {
            rest: Some(element),
            separator: self.separators.component,
        }
    }

    /// What can be told of the elements from 1 on without looking into them.
    #[inline]
    pub fn spans(&self) -> impl Iterator<Item = Span> + use<'a> {
        let (bytes, base) = (self.bytes, self.base);
        self.marks.array_windows().map(move |[before, end]| Span {
            length: end.wrapping_sub(before + 1),
            first: bytes.get((before + 1 - base) as usize).copied().unwrap_or_default(),
        })
    }

    /// Offset in the file of element `number`, or of the place where it is missed.
    pub fn element_byte(&self, number: usize) -> u64 {
        let offset = self.range(number).map_or(self.bytes.len(), |range| range.start);
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
        let [mark, end, ..] = *self.marks else { return None };
        let (start, end) = ((mark - self.base) as usize + 1, (end - self.base) as usize);
        self.marks = self.marks.get(1..)?;
        self.number += 1;
        Some((self.number, self.bytes.get(start..end)?))
    }
}

/// An element from outside.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub length: u32,
    /// Its first byte; that of what follows when it is empty.
    pub first: u8,
}

/// The components of an element.
#[derive(Debug, Clone)]
pub struct Components<'a> {
    rest: Option<&'a [u8]>,
    separator: u8,
}

impl<'a> Iterator for Components<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        match word::position(rest, self.separator) {
            Some(end) => {
                self.rest = rest.get(end + 1..);
                rest.get(..end)
            }
            None => self.rest.take(),
        }
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
    let Some((marks, after)) = input.marks.split_at_checked(count + 1) else {
        return Err(nom::Err::Incomplete(Needed::Unknown));
    };
    let end = marks.last().map_or(0, |mark| (mark - input.base) as usize);
    if end > limits::SEGMENT_BYTES_MAX {
        return Err(nom::Err::Failure(OutOfBounds::TooLong));
    }
    if count > limits::SEGMENT_ELEMENTS_MAX {
        return Err(nom::Err::Failure(OutOfBounds::TooManyElements));
    }
    let Some((bytes, rest)) = input.bytes.split_at_checked(end) else {
        return Err(nom::Err::Incomplete(Needed::Unknown));
    };
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
        marks: after,
        ends,
        first: terminator + 1,
        separators: input.separators,
    };
    Ok((rest, segment))
}
