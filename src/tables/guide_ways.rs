//! Where a segment leads from where the walk stands, worked out once for each guide: a row for each slot,
//! a column for each tag and code. A segment in its place costs two look-ups instead of a search.
//!
//! A row knows the loops around its own as long as each has one parent. The 2300 has two (2000B, 2000C), so
//! what leaves it is not in the table; neither is what stands out of its place. Both are searched for.

use super::guides::{GuideLoop, LoopIndex, PackedCode, TagNumber};
use crate::limits;

/// The table of one guide.
#[derive(Debug)]
pub(super) struct Ways {
    columns: Columns,
    /// Rows of [`Step::packed`].
    steps: Box<[u16]>,
}

/// A move of the walk: how many of the innermost loops end, and the slot that the segment takes in the loop
/// that is then the innermost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub closes: u8,
    pub place: u8,
}

const NO_STEP: u16 = u16::MAX;

impl Step {
    fn packed(self) -> u16 {
        u16::from_be_bytes([self.closes, self.place])
    }
}

impl Ways {
    /// From loops that know their first row.
    pub(super) fn of(loops: &[GuideLoop]) -> Ways {
        let mut columns = Columns::new();
        for slot in loops.iter().flat_map(|each| &each.slots) {
            let tag = slot.tag_number;
            match &*slot.key {
                [] => columns.insert(tag, PackedCode::EMPTY),
                codes => codes.iter().for_each(|code| columns.insert(tag, *code)),
            }
        }
        let mut steps = Vec::new();
        for (index, each) in loops.iter().enumerate() {
            for slot in &each.slots {
                let chain = chain(loops, index, slot.onwards);
                steps.extend(columns.known.iter().map(|(tag, key)| step(&chain, *tag, *key).map_or(NO_STEP, Step::packed)));
            }
        }
        Ways { columns, steps: steps.into() }
    }

    #[inline]
    pub(super) fn step(&self, row: u16, tag: TagNumber, key: Option<PackedCode>) -> Option<Step> {
        let column = match key {
            Some(key) => self.columns.get(tag, key)?,
            None => self.columns.of_tags.get(usize::from(tag.0)).copied().flatten()?,
        };
        let [closes, place] = self.steps.get(usize::from(row) * self.columns.known.len() + usize::from(column))?.to_be_bytes();
        (place != u8::MAX).then_some(Step { closes, place })
    }
}

/// The innermost loop and those around it that can be told, each with the slots that may still come.
fn chain(loops: &[GuideLoop], index: usize, onwards: u64) -> Vec<(&GuideLoop, u64)> {
    let mut chain: Vec<_> = loops.get(index).map(|each| (each, onwards)).into_iter().collect();
    let mut inner = index;
    while chain.len() < limits::LOOP_DEPTH_MAX {
        let enters = |slot: &super::guides::Slot| slot.enters.is_some_and(|LoopIndex(child)| usize::from(child) == inner);
        let mut parents = (0..)
            .zip(loops)
            .flat_map(|(place, each)| each.slots.iter().filter(|slot| enters(slot)).map(move |slot| (place, each, slot)));
        let (Some((parent, around, slot)), None) = (parents.next(), parents.next()) else {
            break;
        };
        chain.push((around, slot.onwards));
        inner = parent;
    }
    chain
}

fn step(chain: &[(&GuideLoop, u64)], tag: TagNumber, key: PackedCode) -> Option<Step> {
    chain.iter().zip(0u8..).find_map(|((each, onwards), closes)| {
        let (place, _) = each.slot_for(each.slots_of(tag) & onwards, key)?;
        Some(Step {
            closes,
            place: u8::try_from(place).ok()?,
        })
    })
}

/// Columns of tags and codes, by open addressing: one multiplication and mostly one probe.
#[derive(Debug)]
struct Columns {
    known: Vec<(TagNumber, PackedCode)>,
    /// Those of tags that take any code, which are not looked for.
    of_tags: Vec<Option<u16>>,
    /// The number of a tag and code above, its column from 1 in the lower sixteen bits; 0 is free.
    places: Box<[u64; PLACES]>,
}

const PLACES: usize = 1024;

impl Columns {
    fn new() -> Columns {
        Columns {
            known: Vec::new(),
            of_tags: Vec::new(),
            places: Box::new([0; PLACES]),
        }
    }

    /// What does not fit is left to the search.
    fn insert(&mut self, tag: TagNumber, key: PackedCode) {
        let (Some(number), Ok(column)) = (number(tag, key), u16::try_from(self.known.len() + 1)) else {
            return;
        };
        if self.get(tag, key).is_some() || self.known.len() >= PLACES / 2 {
            return;
        }
        if key == PackedCode::EMPTY {
            let of_tag = usize::from(tag.0);
            self.of_tags.resize(self.of_tags.len().max(of_tag + 1), None);
            if let Some(place) = self.of_tags.get_mut(of_tag) {
                *place = column.checked_sub(1);
            }
        }
        let free = probes(number).find(|place| self.places.get(*place) == Some(&0));
        if let Some(place) = free.and_then(|place| self.places.get_mut(place)) {
            *place = number << 16 | u64::from(column);
            self.known.push((tag, key));
        }
    }

    #[inline]
    fn get(&self, tag: TagNumber, key: PackedCode) -> Option<u16> {
        let number = number(tag, key)?;
        for place in probes(number) {
            match self.places.get(place) {
                Some(entry) if *entry >> 16 == number => return (*entry as u16).checked_sub(1),
                Some(0) | None => return None,
                Some(_) => {}
            }
        }
        None
    }
}

/// Tag and code in one number; codes that tell equal tags apart have at most four characters.
#[inline]
fn number(tag: TagNumber, key: PackedCode) -> Option<u64> {
    let code = key.packed();
    (code <= u64::from(u32::MAX)).then_some(u64::from(tag.0) << 32 | code)
}

#[inline]
fn probes(number: u64) -> impl Iterator<Item = usize> {
    let start = (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54) as usize;
    (0..PLACES).map(move |step| (start + step) % PLACES)
}

#[cfg(test)]
mod tests {
    use super::super::guides::{Guide, guide};
    use super::*;
    use crate::ids::Form;
    use crate::loop_id::LoopId;

    /// The loop and slot reached from a slot of a loop; bit 0 of a loop starts it.
    fn reached(guide: &Guide, from: LoopId, at: (&str, &str), to: (&str, &str)) -> Option<(u8, String)> {
        let each = guide.loops.iter().find(|each| each.id == from)?;
        let tag = |text: &str| guide.tag(crate::position::SegmentTag::of(text));
        let number = |text| match tag(text) {
            Some(super::super::guides::TagEntry::Used { number, .. }) => Some(number),
            _ => None,
        };
        let (place, slot) = each.slot_for(each.slots_of(number(at.0)?), PackedCode::of(at.1.as_bytes()))?;
        assert!(slot.enters.is_none(), "a slot that starts another loop is no row of its own");
        let key = Some(PackedCode::of(to.1.as_bytes())).filter(|_| !to.1.is_empty());
        let step = guide.step(each.first_row + place as u16, number(to.0)?, key)?;
        let around = chain(&guide.loops, guide.loops.iter().position(|other| other.id == from)?, slot.onwards);
        let slot = around[usize::from(step.closes)].0.slot(u32::from(step.place))?;
        Some((
            step.closes,
            slot.enters
                .and_then(|index| guide.loop_at(index))
                .map_or("-", |entered| entered.id.as_str())
                .to_string(),
        ))
    }

    #[test]
    fn a_segment_leads_where_the_guide_says() {
        let professional = guide(Form::Professional).unwrap();
        for (from, at, to, expected) in [
            (LoopId::L2400, ("SV1", ""), ("DTP", "472"), Some((0, "-"))),
            (LoopId::L2400, ("REF", "6R"), ("LX", ""), Some((1, "2400"))),
            (LoopId::L2400, ("REF", "6R"), ("NM1", "82"), Some((0, "2420A"))),
            // Behind its place, in no place, and out of a loop of two parents: searched for.
            (LoopId::L2400, ("REF", "6R"), ("SV1", ""), None),
            (LoopId::L2400, ("REF", "6R"), ("NM1", "QC"), None),
            (LoopId::L2400, ("REF", "6R"), ("CLM", ""), None),
            (LoopId::L2010AA, ("N3", ""), ("HL", "22"), Some((1, "2000B"))),
        ] {
            let expected = expected.map(|(closes, loop_id)| (closes, loop_id.to_string()));
            assert_eq!(reached(professional, from, at, to), expected, "{from} {at:?} {to:?}");
        }
    }
}
