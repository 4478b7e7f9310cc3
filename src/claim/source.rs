//! The text of a claim: every segment as it was received, with its loop and place. Typed fields say what
//! the house decides by; whatever else a sender said, and every repeat of it, is here.
//!
//! A [`SourceText`] is one buffer that grows at its end: per segment a head of [`HEAD_BYTES`] and the
//! bytes. To the next editor: [`SourceText::push`] is on the hot path, once a segment; reading is on
//! demand and cuts elements each time it is asked.

use std::fmt;

use crate::limits;
use crate::loop_id::LoopId;
use crate::phi::Phi;
use crate::position::{Position, SegmentPosition, SegmentTag};
use crate::x12::segment::Segment;
use crate::x12::separators::Separators;

/// Segments in the order received: those of one claim, of a party that claims share, or of the head of a
/// transaction set.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SourceText {
    packed: Vec<u8>,
    separators: Option<Separators>,
    is_cut: bool,
}

/// Offset in the file, ordinal, length, loop, whether the loop starts here.
const HEAD_BYTES: usize = 16;

/// In place of a loop: the guide has none for the segment.
const UNPLACED: u8 = u8::MAX;

impl SourceText {
    /// Empty, with room for the text of so many bytes (of [`SourceText::size`]).
    pub(super) fn with_room(bytes: usize) -> SourceText {
        SourceText {
            packed: Vec::with_capacity(bytes),
            ..SourceText::default()
        }
    }

    /// Keeps a segment; false when it is the first one beyond [`limits::CLAIM_TEXT_BYTES_MAX`], which is
    /// dropped as are all after it.
    #[inline(always)]
    pub(super) fn push(&mut self, segment: &Segment<'_>, loop_id: Option<LoopId>, starts_loop: bool) -> bool {
        let (start, length) = (self.packed.len(), segment.bytes.len());
        let end = start + HEAD_BYTES + length;
        if end > self.packed.capacity() && !self.make_room(end) {
            return std::mem::replace(&mut self.is_cut, true);
        }
        let loop_number = loop_id.map_or(UNPLACED, |loop_id| loop_id as u8);
        let place = u64::from(segment.at.ordinal) | (length as u64 & 0xffff) << 32 | u64::from(loop_number) << 48 | u64::from(starts_loop) << 56;
        let head = u128::from(segment.at.byte) | u128::from(place) << 64;
        self.packed.extend_from_slice(&head.to_le_bytes());
        match segment.block() {
            // To copy more than is wanted and cut it off takes a third of asking how much is wanted.
            Some(block) if length <= block.len() && start + HEAD_BYTES + block.len() <= self.packed.capacity() => {
                self.packed.extend_from_slice(block);
                self.packed.truncate(end);
            }
            _ => self.packed.extend_from_slice(segment.bytes),
        }
        self.separators = Some(segment.separators);
        true
    }

    /// Room up to `end`, unless that is beyond the bound; nothing is kept after what was not.
    #[cold]
    fn make_room(&mut self, end: usize) -> bool {
        let kept = self.packed.len();
        if self.is_cut || end > limits::CLAIM_TEXT_BYTES_MAX {
            // Full: the next segment asks again, however short it is.
            self.packed.shrink_to_fit();
            return false;
        }
        let wanted = end.max(2 * kept).clamp(limits::CLAIM_TEXT_BYTES_TYPICAL / 2, limits::CLAIM_TEXT_BYTES_MAX);
        self.packed.reserve_exact(wanted - kept);
        true
    }

    /// Bytes in memory.
    pub fn size(&self) -> usize {
        self.packed.len()
    }

    /// How many segments are kept; counts them.
    pub fn len(&self) -> usize {
        self.segments().count()
    }

    pub fn is_empty(&self) -> bool {
        self.packed.is_empty()
    }

    /// Whether segments were dropped for the bound; the claim then has a finding that rejects it.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Every segment, in the order received.
    pub fn segments(&self) -> Segments<'_> {
        Segments {
            packed: &self.packed,
            separators: self.separators.unwrap_or(Separators::OURS),
            line: None,
        }
    }

    /// The segments of a loop (all its repeats) with a tag, in the order received.
    pub fn segments_of(&self, loop_id: LoopId, tag: SegmentTag) -> impl Iterator<Item = SourceSegment<'_>> {
        self.segments().filter(move |segment| segment.loop_id == Some(loop_id) && segment.at.tag == tag)
    }
}

/// Value-free: how much there is.
impl fmt::Debug for SourceText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} segments]", self.len())
    }
}

/// The segments of a [`SourceText`].
#[derive(Clone)]
pub struct Segments<'a> {
    packed: &'a [u8],
    separators: Separators,
    line: Option<u16>,
}

impl<'a> Iterator for Segments<'a> {
    type Item = SourceSegment<'a>;

    fn next(&mut self) -> Option<SourceSegment<'a>> {
        let (head, rest) = self.packed.split_first_chunk::<HEAD_BYTES>()?;
        let head = u128::from_le_bytes(*head);
        let byte_at = |shift: u32| (head >> shift) as u8;
        let (bytes, rest) = rest.split_at_checked(usize::from((head >> 96) as u16))?;
        self.packed = rest;
        let tag_length = bytes.iter().position(|byte| *byte == self.separators.element).unwrap_or(bytes.len());
        let mut segment = SourceSegment {
            at: SegmentPosition {
                tag: SegmentTag::at_start_of(bytes, tag_length),
                ordinal: (head >> 64) as u32,
                byte: head as u64,
                length: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            },
            loop_id: LoopId::ALL.get(usize::from(byte_at(112))).copied(),
            starts_loop: byte_at(120) == 1,
            line: None,
            bytes,
            separators: self.separators,
        };
        match segment.loop_id {
            Some(LoopId::L2400) if segment.starts_loop => self.line = number(segment.value(1)),
            Some(loop_id) if !loop_id.is_in_line() => self.line = None,
            _ => {}
        }
        segment.line = self.line;
        Some(segment)
    }
}

impl fmt::Debug for Segments<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// One segment as received. Its values are protected; its loop, tag and places are not.
#[derive(Clone, Copy)]
pub struct SourceSegment<'a> {
    pub at: SegmentPosition,
    /// `None`: the guide has no place for it, which is a finding.
    pub loop_id: Option<LoopId>,
    /// The first of its loop, or of a repeat of it.
    pub starts_loop: bool,
    /// LX01 of the service line around it.
    pub line: Option<u16>,
    bytes: &'a [u8],
    separators: Separators,
}

impl<'a> SourceSegment<'a> {
    /// Number of elements after the identifier.
    pub fn element_count(&self) -> usize {
        self.bytes.iter().filter(|byte| **byte == self.separators.element).count()
    }

    /// Element `number` from 1 on, 0 for the identifier; empty when absent.
    pub fn element(&self, number: usize) -> Phi<&'a [u8]> {
        Phi::new(self.value(number))
    }

    /// Component `place` (from 1) of element `number`; empty when absent.
    pub fn component(&self, number: usize, place: usize) -> Phi<&'a [u8]> {
        Phi::new(self.part(number, place))
    }

    /// The repetitions of element `number`, at least one (possibly empty).
    pub fn repetitions(&self, number: usize) -> impl Iterator<Item = Phi<&'a [u8]>> + use<'a> {
        let separator = self.separators.repetition;
        // ISA11 of 00402 and earlier is a letter that separates nothing.
        let separates = !separator.is_ascii_alphanumeric();
        self.value(number).split(move |byte| separates && *byte == separator).map(Phi::new)
    }

    /// Identifier to last element, without the terminator.
    pub fn bytes(&self) -> Phi<&'a [u8]> {
        Phi::new(self.bytes)
    }

    /// Whether element `number` is this code. A qualifier of the guide, not what a person is known by.
    pub fn has(&self, number: usize, code: &str) -> bool {
        self.value(number) == code.as_bytes()
    }

    /// Where element `number` and its component `place` stand (0 = the whole): what a finding points at.
    pub fn position_of(&self, number: usize, place: usize) -> Position {
        let (element, mut byte) = (self.value(number), self.at.byte);
        if number > 0 {
            // What is absent is missed behind the last byte.
            let before = match self.element_count() < number {
                true => self.bytes.len(),
                false => (0..number).map(|each| self.value(each).len() + 1).sum(),
            };
            byte += before as u64;
        }
        let components = || element.split(|byte| *byte == self.separators.component);
        byte += components().take(place.saturating_sub(1)).map(|part| part.len() as u64 + 1).sum::<u64>();
        Position {
            element: u8::try_from(number).unwrap_or(u8::MAX),
            component: u8::try_from(place).unwrap_or(u8::MAX),
            byte,
            ..Position::of_segment(self.loop_id, self.at)
        }
    }

    /// [`SourceSegment::element`] for the typed accessors of this room.
    pub(super) fn value(&self, number: usize) -> &'a [u8] {
        let separator = self.separators.element;
        self.bytes.split(move |byte| *byte == separator).nth(number).unwrap_or_default()
    }

    /// [`SourceSegment::component`] for the typed accessors of this room.
    pub(super) fn part(&self, number: usize, place: usize) -> &'a [u8] {
        let separator = self.separators.component;
        let mut components = self.value(number).split(move |byte| *byte == separator);
        components.nth(place.saturating_sub(1)).unwrap_or_default()
    }
}

impl fmt::Debug for SourceSegment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Position::of_segment(self.loop_id, self.at), f)
    }
}

fn number(text: &[u8]) -> Option<u16> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
