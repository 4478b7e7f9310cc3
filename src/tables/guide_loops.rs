//! Rows of loops and segments → compiled loops with their masks. Refuses what doesn't resolve.

use std::collections::BTreeMap;

use super::guide_files::{GuideError, GuideErrorKind, Keys, LoopRow, SegmentRow, Shapes, bits, fault, rows};
use super::guides::{GuideLoop, Hierarchy, LoopIndex, Note, NoteKind, Slot, Usage};
use crate::finding::Check;
use crate::limits;
use crate::loop_id::LoopId;
use crate::position::SegmentTag;

/// The slot that starts a loop, as a mask.
const STARTER: u64 = 1;

/// What a loop is made of before its masks are known.
struct Draft {
    position: u32,
    required: bool,
    line: u64,
    slot: Slot,
}

pub(super) fn compile_loops(text: &str, segments: &[(u64, SegmentRow)], shapes: &Shapes, keys: &Keys) -> Result<Box<[GuideLoop]>, GuideError> {
    let loop_rows = rows::<LoopRow>("loops", text)?;
    let tree = Tree::of(&loop_rows)?;
    if let Some((line, _)) = segments.iter().find(|(_, row)| tree.index_of(row.loop_id).is_none()) {
        return Err(fault("segments", *line, GuideErrorKind::UnknownLoop));
    }
    let mut compiled = Vec::new();
    for id in &tree.order {
        let mut drafts = Vec::new();
        for (line, row) in segments.iter().filter(|(_, row)| row.loop_id == *id) {
            drafts.push(draft(*line, row, shapes, keys)?);
        }
        for (line, child) in loop_rows.iter().filter(|(_, row)| row.parent == Some(*id)) {
            let starter = segments.iter().find(|(_, row)| row.loop_id == child.id);
            let (_, starter) = starter.ok_or_else(|| fault("loops", *line, GuideErrorKind::LoopWithoutSegment))?;
            let mut draft = draft(*line, starter, shapes, keys)?;
            draft.position = child.position;
            draft.required = child.usage == Usage::Required;
            draft.slot.repeat = child.repeat;
            draft.slot.enters = tree.index_of(child.id);
            drafts.push(draft);
        }
        compiled.push(compile_loop(*id, drafts, keys.len())?);
    }
    let hierarchies: Vec<_> = compiled.iter().map(|each| tree.hierarchy(each, &compiled)).collect();
    for (each, hierarchy) in compiled.iter_mut().zip(hierarchies) {
        each.hierarchy = hierarchy;
    }
    let mut rows = 0;
    for each in &mut compiled {
        each.first_row = rows;
        rows += u16::try_from(each.slots.len()).unwrap_or(0);
    }
    Ok(compiled.into())
}

/// Which loop stands in which.
struct Tree {
    /// By first row; the place is the [`LoopIndex`].
    order: Vec<LoopId>,
    /// The first parent of each: 2300 has two.
    parents: BTreeMap<LoopId, LoopId>,
}

impl Tree {
    fn of(loop_rows: &[(u64, LoopRow)]) -> Result<Tree, GuideError> {
        let mut tree = Tree {
            order: Vec::new(),
            parents: BTreeMap::new(),
        };
        for (line, row) in loop_rows {
            let stands_above = row.parent.map_or(tree.order.is_empty(), |parent| tree.order.contains(&parent));
            if !stands_above {
                return Err(fault("loops", *line, GuideErrorKind::UnknownParent));
            }
            if tree.above(row.parent).count() >= limits::LOOP_DEPTH_MAX {
                return Err(fault(
                    "loops",
                    *line,
                    GuideErrorKind::OverLimit(limits::LOOP_DEPTH_MAX, "loops inside each other"),
                ));
            }
            if !tree.order.contains(&row.id) {
                tree.order.push(row.id);
                row.parent.map(|parent| tree.parents.insert(row.id, parent));
            }
        }
        Ok(tree)
    }

    fn index_of(&self, id: LoopId) -> Option<LoopIndex> {
        let place = self.order.iter().position(|each| *each == id)?;
        u8::try_from(place).ok().map(LoopIndex)
    }

    /// A loop and those it stands in.
    fn above(&self, id: Option<LoopId>) -> impl Iterator<Item = LoopId> {
        std::iter::successors(id, |each| self.parents.get(each).copied())
    }

    /// The place of a loop that an HL starts.
    fn hierarchy(&self, this: &GuideLoop, compiled: &[GuideLoop]) -> Option<Hierarchy> {
        let hl = SegmentTag::of("HL");
        let starts_with_hl = |each: &GuideLoop| each.slots.first().is_some_and(|slot| slot.tag == hl);
        let parent = *self.parents.get(&this.id).filter(|_| starts_with_hl(this))?;
        let above = self
            .above(Some(parent))
            .filter(|id| compiled.iter().any(|each| each.id == *id && starts_with_hl(each)));
        let children = bits(this.slots.iter().map(|slot| slot.tag == hl)) & !STARTER;
        Some(Hierarchy {
            depth: u8::try_from(above.count()).ok()?,
            parent: self.index_of(parent)?,
            children_optional: children & !this.required != 0,
        })
    }
}

fn draft(line: u64, row: &SegmentRow, shapes: &Shapes, keys: &Keys) -> Result<Draft, GuideError> {
    let (tag_number, key) = *keys.get(&row.tag).ok_or_else(|| fault("segments", line, GuideErrorKind::UnknownTag))?;
    let shape = *shapes
        .by_name
        .get(&row.shape)
        .ok_or_else(|| fault("segments", line, GuideErrorKind::UnknownShape))?;
    let notes = row
        .notes
        .split_ascii_whitespace()
        .map(|text| note(text).ok_or_else(|| fault("segments", line, GuideErrorKind::BadNote)));
    Ok(Draft {
        position: row.position,
        required: row.usage == Usage::Required,
        line,
        slot: Slot {
            tag: SegmentTag::of(&row.tag),
            tag_number,
            key: shapes
                .key_codes(shape, key)
                .ok_or_else(|| fault("segments", line, GuideErrorKind::KeyWithoutCodes))?,
            enters: None,
            shape,
            unproven: shapes.unproven(shape, key),
            notes: notes.collect::<Result<_, _>>()?,
            repeat: row.repeat,
            counter: None,
            onwards: 0,
            passed: 0,
            missing: row.check.unwrap_or(Check::S201),
        },
    })
}

/// `P0304`: the kind and places of two digits.
fn note(text: &str) -> Option<Note> {
    let (kind, places) = text.split_at_checked(1)?;
    let kind = match kind {
        "P" => NoteKind::Paired,
        "R" => NoteKind::OneRequired,
        "C" => NoteKind::Conditional,
        "L" => NoteKind::ListConditional,
        "E" => NoteKind::Exclusion,
        _ => return None,
    };
    let places: Vec<u8> = places
        .as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).ok()?.parse().ok().filter(|place| (1..=64).contains(place)))
        .collect::<Option<_>>()?;
    let first = *places.first().filter(|_| places.len() > 1)?;
    Some(Note {
        kind,
        first,
        places: places.iter().fold(0, |mask, place| mask | 1 << (place - 1)),
    })
}

fn compile_loop(id: LoopId, mut drafts: Vec<Draft>, tags: usize) -> Result<GuideLoop, GuideError> {
    let line = drafts.first().map_or(0, |draft| draft.line);
    if drafts.first().is_none_or(|starter| starter.slot.enters.is_some()) {
        return Err(fault("loops", 0, GuideErrorKind::LoopWithoutSegment));
    }
    if drafts.len() > limits::LOOP_SLOTS_MAX {
        return Err(fault("segments", line, GuideErrorKind::OverLimit(limits::LOOP_SLOTS_MAX, "slots in a loop")));
    }
    if let Some((_, others)) = drafts.split_first_mut() {
        others.sort_by_key(|draft| draft.position);
    }
    for (place, draft) in drafts.iter().enumerate() {
        let same = |other: &Draft| other.slot.tag == draft.slot.tag && (other.slot.key.is_empty() || other.slot.key.iter().any(|code| draft.slot.takes(*code)));
        if drafts.iter().skip(place + 1).any(same) {
            return Err(fault("segments", draft.line, GuideErrorKind::DuplicateSlot));
        }
    }
    let required = bits(drafts.iter().map(|draft| draft.required));
    let by_tag = (0..tags)
        .map(|number| bits(drafts.iter().map(|draft| usize::from(draft.slot.tag_number.0) == number)))
        .collect();
    let positions: Vec<u32> = drafts.iter().map(|draft| draft.position).collect();
    let mut counters = 0;
    let mut slots = Vec::new();
    for draft in drafts {
        let mut slot = draft.slot;
        slot.onwards = bits(positions.iter().map(|position| *position >= draft.position)) & !STARTER;
        slot.passed = bits(positions.iter().map(|position| *position < draft.position)) & required & !STARTER;
        if slot.repeat.is_some_and(|most| most > 1) {
            slot.counter = Some(counters);
            counters += 1;
        }
        slots.push(slot);
    }
    if usize::from(counters) > limits::LOOP_COUNTERS_MAX {
        return Err(fault(
            "segments",
            line,
            GuideErrorKind::OverLimit(limits::LOOP_COUNTERS_MAX, "counted slots in a loop"),
        ));
    }
    Ok(GuideLoop {
        id,
        slots: slots.into(),
        required,
        by_tag,
        hierarchy: None,
        first_row: 0,
    })
}
