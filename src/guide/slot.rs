//! The slot of a loop that takes a segment, for those who look at one segment and hold no walk.

use crate::loop_id::LoopId;
use crate::tables::guides::{Guide, KeyPlace, PackedCode, Slot, TagEntry};
use crate::x12::segment::Segment;

/// The place in its loop of a segment that stands in `loop_id`; `None` when no slot of the loop takes its
/// tag and code. A segment that starts the loop has the first.
pub fn slot_of<'g>(guide: &'g Guide, loop_id: LoopId, segment: &Segment<'_>) -> Option<&'g Slot> {
    let Some(TagEntry::Used { key, .. }) = guide.tag(segment.tag()).filter(|_| segment.id().len() <= 3) else {
        return None;
    };
    let key = key.map_or(PackedCode::EMPTY, |place| key_of(segment, place));
    let slots = &guide.loop_of(loop_id)?.slots;
    slots.iter().find(|slot| slot.enters.is_none() && slot.tag == segment.tag() && slot.takes(key))
}

/// The code by which slots of one tag are told apart.
#[inline]
pub(super) fn key_of(segment: &Segment<'_>, place: KeyPlace) -> PackedCode {
    let number = usize::from(place.element);
    match place.component {
        0 => code_at(segment, number),
        component => component_key(segment, number, component),
    }
}

#[inline(never)]
fn component_key(segment: &Segment<'_>, number: usize, component: u8) -> PackedCode {
    PackedCode::of(segment.components(number).nth(usize::from(component) - 1).unwrap_or_default())
}

/// An element as a code.
#[inline]
pub(super) fn code_at(segment: &Segment<'_>, number: usize) -> PackedCode {
    match segment.element_word(number) {
        Some((word, length)) => PackedCode::at_start_of(word, length),
        None => PackedCode::of(segment.element(number)),
    }
}
