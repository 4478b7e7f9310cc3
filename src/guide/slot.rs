//! The slot of a loop that takes a segment, for those who look at one segment and hold no walk.

use crate::loop_id::LoopId;
use crate::tables::guides::{Guide, PackedCode, Slot, TagEntry};
use crate::x12::segment::Segment;

/// The place in its loop of a segment that stands in `loop_id`; `None` when no slot of the loop takes its
/// tag and code. A segment that starts the loop has the first.
pub fn slot_of<'g>(guide: &'g Guide, loop_id: LoopId, segment: &Segment<'_>) -> Option<&'g Slot> {
    let Some(TagEntry::Used { key, .. }) = guide.tag(segment.tag()).filter(|_| segment.id().len() <= 3) else {
        return None;
    };
    let key = key.map_or(PackedCode::EMPTY, |place| {
        PackedCode::of(match place.component {
            0 => segment.element(usize::from(place.element)),
            component => segment.component(usize::from(place.element), usize::from(component)),
        })
    });
    let slots = &guide.loop_of(loop_id)?.slots;
    slots.iter().find(|slot| slot.enters.is_none() && slot.tag == segment.tag() && slot.takes(key))
}
