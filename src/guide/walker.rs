//! Segments of one transaction set → their loops, with what SNIP 1 and 2 find on the way.
//!
//! The walker holds the open loops (at most [`limits::LOOP_DEPTH_MAX`]) and for each which slots were
//! met; for the HL hierarchy only the open levels. A set of any length takes the same memory.
//!
//! To the next editor: a segment is looked for in its place first (from the innermost loop outwards, at
//! or after the last position), then out of its place: at an earlier position, or where its tag stands
//! but not its code. Only what is found in its place moves the walker.

use super::hierarchy::OpenLevels;
use super::slot::key_of;
use super::{element_check, hierarchy};
use crate::finding::{Check, ElementError, Finding, ReportCode, SegmentError};
use crate::limits;
use crate::loop_id::LoopId;
use crate::position::Position;
use crate::tables::guides::{Guide, GuideLoop, KeyPlace, LoopIndex, PackedCode, Slot, Step, TagEntry, TagNumber};
use crate::word;
use crate::x12::segment::Segment;

/// Walks one transaction set. Hand it every segment from ST to SE; whether there is an SE, and what it
/// counts, is the envelope's to check.
#[derive(Debug)]
pub struct Walker<'g> {
    guide: &'g Guide,
    /// The open loops, outermost first; never empty.
    open: Vec<OpenLoop<'g>>,
    /// The row of the last slot in [`Guide::step`], while every open loop stands where that expects it.
    row: Option<u16>,
    /// Loops were taken as read: nothing is where the table of steps expects it.
    astray: bool,
    /// Where in `open` a loop stands that came out of order: on top of the loops it interrupts, which
    /// go on when it ends.
    interrupting: Option<usize>,
    hierarchy: OpenLevels,
    /// LX01 of the open service line.
    line: Option<u16>,
    /// What was found at the last segment.
    closed: Vec<Finding>,
    findings: Vec<Finding>,
    /// Of an HL that stands nowhere: told after those of its elements.
    broken: Option<Finding>,
}

/// Where a segment stands and what is wrong with it. Allocates nothing when nothing is.
#[derive(Debug, Default)]
pub struct Placed {
    /// `None`: the segment has no place in the guide.
    pub loop_id: Option<LoopId>,
    /// The segment is the first of a (new repeat of a) loop.
    pub starts_loop: bool,
    /// About the loops that this segment closed. Those of 2300 and below belong to the claim before
    /// this segment; those of 2000B to 2010CA to every claim of that subscriber or patient.
    pub closed: Vec<Finding>,
    /// About this segment, and about required segments and loops that should have come before it in
    /// the loops still open.
    pub findings: Vec<Finding>,
}

/// Where a segment stands: [`Placed`] without its findings.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place<'g> {
    pub loop_id: Option<LoopId>,
    pub starts_loop: bool,
    slot: Option<&'g Slot>,
}

impl From<Placed> for Place<'_> {
    fn from(placed: Placed) -> Self {
        Place {
            loop_id: placed.loop_id,
            starts_loop: placed.starts_loop,
            slot: None,
        }
    }
}

/// One open loop. Bits of the masks are slots of `guide`.
#[derive(Debug)]
struct OpenLoop<'g> {
    guide: &'g GuideLoop,
    index: LoopIndex,
    /// The slot met last in its place.
    last: u8,
    /// Slots that may still come.
    onwards: u64,
    met: u64,
    /// Required slots whose absence was reported, or stands to reason.
    excused: u64,
    counts: [u16; limits::LOOP_COUNTERS_MAX],
}

/// Where the search for a segment ended.
enum Found<'g> {
    InPlace(usize, u32, &'g Slot),
    OutOfOrder(usize, u32, &'g Slot),
    /// Slots of the tag stand here, none takes the code.
    WrongCode(usize, u64),
    Nowhere,
}

impl<'g> Walker<'g> {
    pub fn new(guide: &'g Guide) -> Walker<'g> {
        let mut walker = Walker {
            guide,
            open: Vec::with_capacity(2 * limits::LOOP_DEPTH_MAX),
            row: None,
            astray: false,
            interrupting: None,
            hierarchy: OpenLevels::default(),
            line: None,
            closed: Vec::new(),
            findings: Vec::new(),
            broken: None,
        };
        walker.push(Guide::ROOT);
        // ST starts the root, and no loop around it can have taken it.
        if let Some(root) = walker.open.last_mut() {
            root.onwards = u64::MAX;
            root.met = 0;
        }
        walker
    }

    /// Takes the next segment of the set and checks its elements.
    pub fn accept(&mut self, segment: &Segment<'_>) -> Placed {
        let Place { loop_id, starts_loop, slot } = self.place(segment);
        if let (Some(slot), Some(loop_id)) = (slot, loop_id) {
            element_check::check(self.guide, slot, segment, loop_id, &mut self.findings);
            self.name_line(loop_id);
        }
        self.findings.extend(self.broken.take());
        Placed {
            loop_id,
            starts_loop,
            closed: std::mem::take(&mut self.closed),
            findings: std::mem::take(&mut self.findings),
        }
    }

    /// Takes the next segment of a set whose findings are known: where it stands, and no more.
    #[inline(always)]
    pub fn place(&mut self, segment: &Segment<'_>) -> Place<'g> {
        self.closed.clear();
        self.findings.clear();
        self.broken = None;
        let (number, key_place) = match self.guide.tag(segment.tag()) {
            Some(TagEntry::Used { number, key }) if segment.id().len() <= 3 => (number, key),
            entry => return self.report_unknown(entry, segment),
        };
        let key = key_place.map(|place| key_of(segment, place));
        match self.row.and_then(|row| self.guide.step(row, number, key)) {
            Some(Step { closes: 0, place }) => match self.stay(place) {
                Some(place) => place,
                None => self.step(0, place, segment),
            },
            Some(Step { closes, place }) => self.step(closes, place, segment),
            None => self.search(number, key_place, key.unwrap_or(PackedCode::EMPTY), segment),
        }
    }

    #[cold]
    fn report_unknown(&mut self, entry: Option<TagEntry>, segment: &Segment<'_>) -> Place<'g> {
        self.findings.push(unknown_tag(entry, segment));
        Place::default()
    }

    /// What most segments do: one more of the innermost loop, met for the first time, and nothing missed before it.
    /// `None`, and nothing done, when it is more than that.
    #[inline]
    fn stay(&mut self, place: u8) -> Option<Place<'g>> {
        let open = self.open.last_mut()?;
        let slot = open.guide.slot(u32::from(place))?;
        let bit = 1u64.checked_shl(u32::from(place))?;
        let missing = slot.passed & !open.met & !open.excused;
        if missing != 0 || open.met & bit != 0 || slot.enters.is_some() || slot.counter.is_some() {
            return None;
        }
        open.onwards = slot.onwards;
        open.last = place;
        open.met |= bit;
        self.row = Some(open.guide.first_row + u16::from(place));
        Some(Place {
            loop_id: Some(open.guide.id),
            starts_loop: place == 0,
            slot: Some(slot),
        })
    }

    /// The segment takes a slot of the loop that is the innermost when so many have ended.
    #[inline(never)]
    fn step(&mut self, closes: u8, place: u8, segment: &Segment<'_>) -> Place<'g> {
        let depth = self.open.len().saturating_sub(1 + usize::from(closes));
        let around = self.open.get(depth).map(|open| open.guide);
        match around.and_then(|guide| guide.slot(u32::from(place))) {
            Some(slot) => self.enter(depth, u32::from(place), slot, segment, true),
            None => Place::default(),
        }
    }

    #[inline(never)]
    fn search(&mut self, number: TagNumber, key_place: Option<KeyPlace>, key: PackedCode, segment: &Segment<'_>) -> Place<'g> {
        match (self.find(number, key), key_place) {
            (Found::InPlace(depth, place, slot), _) => self.enter(depth, place, slot, segment, true),
            (Found::OutOfOrder(depth, place, slot), _) => self.enter(depth, place, slot, segment, false),
            (Found::WrongCode(depth, slots), Some(key_place)) => self.report_wrong_code(depth, slots, key_place, key, segment),
            (Found::WrongCode(..) | Found::Nowhere, _) => match self.guide.hierarchical_loop(key).filter(|_| segment.is("HL")) {
                Some(index) => self.enter_hierarchy(index, segment),
                None => self.report_unplaced(segment),
            },
        }
    }

    #[inline]
    fn find(&self, tag: TagNumber, key: PackedCode) -> Found<'g> {
        for (depth, open) in self.open.iter().enumerate().rev() {
            if let Some((place, slot)) = open.guide.slot_for(open.guide.slots_of(tag) & open.onwards, key) {
                return Found::InPlace(depth, place, slot);
            }
        }
        self.find_out_of_place(tag, key)
    }

    /// First an earlier slot that takes the key, within the part of the set that is being described (line,
    /// claim, HL); then the innermost loop that has the tag decides whether place or code is wrong.
    #[cold]
    fn find_out_of_place(&self, tag: TagNumber, key: PackedCode) -> Found<'g> {
        const STARTER: u64 = 1;
        let part = self.open.iter().rposition(|open| is_part(open.guide.id)).unwrap_or(0);
        for (depth, open) in self.open.iter().enumerate().skip(part).rev() {
            if let Some((place, slot)) = open.guide.slot_for(open.guide.slots_of(tag) & !STARTER, key) {
                return Found::OutOfOrder(depth, place, slot);
            }
        }
        for (depth, open) in self.open.iter().enumerate().rev() {
            let slots = open.guide.slots_of(tag) & !STARTER;
            if let Some((place, slot)) = open.guide.slot_for(slots, key) {
                return Found::OutOfOrder(depth, place, slot);
            }
            let segments = (0..).zip(&open.guide.slots).filter(|(_, slot)| slot.enters.is_none());
            let segments = slots & segments.fold(0, |mask, (place, _): (u32, _)| mask | 1u64 << place);
            if segments != 0 {
                return Found::WrongCode(depth, segments);
            }
        }
        Found::Nowhere
    }

    /// The segment takes `slot` of the open loop at `depth`, entering a child loop when it starts one.
    #[inline]
    fn enter(&mut self, depth: usize, place: u32, slot: &'g Slot, segment: &Segment<'_>, in_order: bool) -> Place<'g> {
        if in_order {
            self.close_above(depth, segment);
        } else if slot.enters.is_some() {
            self.interrupt(depth, segment);
        }
        let Some(open) = self.open.get_mut(depth) else { return Place::default() };
        let mut loop_id = open.guide.id;
        if in_order {
            open.onwards = slot.onwards;
            open.last = u8::try_from(place).unwrap_or(u8::MAX);
            let missing = slot.passed & !open.met & !open.excused;
            if missing != 0 {
                open.excused |= missing;
                report_missing(self.guide, open.guide, missing, segment, self.line, &mut self.findings);
            }
        }
        let over = open.count(1 << place, slot);
        if let Some(index) = slot.enters {
            self.push(index);
            loop_id = self.open.last().map_or(loop_id, |open| open.guide.id);
            if loop_id == LoopId::L2400 {
                self.line = line_number(segment.element(1));
            }
        }
        if over || !in_order {
            self.report_order(loop_id, slot, in_order, segment);
        }
        let innermost = self.open.last();
        let known = innermost.filter(|_| !self.astray && self.interrupting.is_none());
        self.row = known.map(|open| open.guide.first_row + u16::from(open.last));
        if let Some(hierarchy) = innermost.and_then(|open| open.guide.hierarchy).filter(|_| slot.enters.is_some()) {
            self.hierarchy.open(hierarchy, loop_id, segment, &mut self.findings);
        }
        self.name_line(loop_id);
        Place {
            loop_id: Some(loop_id),
            starts_loop: slot.enters.is_some() || place == 0,
            slot: Some(slot),
        }
    }

    /// One too many, or behind its place.
    #[cold]
    fn report_order(&mut self, loop_id: LoopId, slot: &Slot, in_order: bool, segment: &Segment<'_>) {
        let (check, error) = match (in_order, slot.enters) {
            (false, _) => (Check::S110, SegmentError::OutOfOrder),
            (true, Some(_)) => (Check::S204, SegmentError::LoopOverMaximum),
            (true, None) => (Check::S204, SegmentError::SegmentOverMaximum),
        };
        let position = Position::of_segment(Some(loop_id), segment.at);
        self.findings.push(Finding::new(check, ReportCode::Segment(error), position));
    }

    fn push(&mut self, index: LoopIndex) {
        let Some(guide) = self.guide.loop_at(index) else { return };
        self.open.push(OpenLoop {
            guide,
            index,
            last: 0,
            onwards: guide.slot(0).map_or(0, |starter| starter.onwards),
            met: 1,
            excused: 0,
            counts: [0; limits::LOOP_COUNTERS_MAX],
        });
    }

    /// Makes room for a loop out of order: one at a time, so the stack stays bounded.
    #[cold]
    fn interrupt(&mut self, depth: usize, segment: &Segment<'_>) {
        match self.interrupting {
            Some(at) if depth >= at => self.close_above(depth, segment),
            Some(at) => self.close_above(at - 1, segment),
            None => {}
        }
        self.interrupting = self.interrupting.or(Some(self.open.len()));
    }

    /// Closes the loops inside the one at `depth`.
    #[inline]
    fn close_above(&mut self, depth: usize, segment: &Segment<'_>) {
        if self.open.len() <= depth + 1 {
            return;
        }
        while let Some(closed) = self.open.get(depth + 1..).and_then(<[_]>::last) {
            let missing = closed.guide.required & !closed.met & !closed.excused;
            if missing != 0 {
                report_missing(self.guide, closed.guide, missing, segment, self.line, &mut self.closed);
            }
            if let Some(hierarchy) = closed.guide.hierarchy {
                self.closed.extend(self.hierarchy.close(hierarchy));
            }
            if closed.guide.id == LoopId::L2400 {
                self.line = None;
            }
            self.open.pop();
        }
        self.interrupting = self.interrupting.filter(|at| *at < self.open.len());
    }

    /// An HL whose parent is not open: reported, then entered below parents that are taken as read, so
    /// that what follows still finds its place.
    #[cold]
    fn enter_hierarchy(&mut self, index: LoopIndex, segment: &Segment<'_>) -> Place<'g> {
        self.astray = true;
        let above = |index: &LoopIndex| Some(self.guide.loop_at(*index)?.hierarchy?.parent);
        let mut path: Vec<LoopIndex> = std::iter::successors(Some(index), above).take(limits::LOOP_DEPTH_MAX).collect();
        path.reverse();
        let shared = self.open.iter().zip(&path).take_while(|(open, index)| open.index == **index).count();
        self.close_above(shared.saturating_sub(1), segment);
        for parent in path.iter().skip(shared).take_while(|each| **each != index) {
            self.excuse_child(*parent);
            self.push(*parent);
            if let Some(open) = self.open.last_mut() {
                open.excused = u64::MAX;
            }
        }
        let slots = self.open.last().map_or(&[][..], |open| &open.guide.slots);
        if let Some((place, slot)) = (0..).zip(slots).find(|(_, slot)| slot.enters == Some(index)) {
            let placed = self.enter(self.open.len() - 1, place, slot, segment, true);
            self.broken = Some(hierarchy::broken(segment.position_of(placed.loop_id, 3)));
            return placed;
        }
        Place::default()
    }

    /// The child loop is taken as met by the innermost loop.
    fn excuse_child(&mut self, child: LoopIndex) {
        if let Some(open) = self.open.last_mut() {
            let place = open.guide.slots.iter().position(|slot| slot.enters == Some(child));
            open.excused |= place.map_or(0, |place| 1 << place);
        }
    }

    /// S202 at the code that tells equal tags apart (S201 when it is empty).
    #[cold]
    fn report_wrong_code(&mut self, depth: usize, slots: u64, key_place: KeyPlace, key: PackedCode, segment: &Segment<'_>) -> Place<'g> {
        let Some(open) = self.open.get_mut(depth) else { return Place::default() };
        // One of them may be the required one, misspelt: its absence is not reported as well.
        open.excused |= slots;
        let loop_id = open.guide.id;
        let finding = if segment.elements().all(|(_, value)| value.is_empty()) {
            empty_segment(Some(loop_id), segment)
        } else {
            let (check, error) = match key {
                PackedCode::EMPTY => (Check::S201, ElementError::RequiredMissing),
                _ => (Check::S202, ElementError::InvalidCode),
            };
            let position = Position {
                component: key_place.component,
                ..segment.position_of(Some(loop_id), usize::from(key_place.element))
            };
            Finding::new(check, ReportCode::Element(error), position)
        };
        self.findings.push(finding);
        self.name_line(loop_id);
        Place {
            loop_id: Some(loop_id),
            ..Place::default()
        }
    }

    #[cold]
    fn report_unplaced(&mut self, segment: &Segment<'_>) -> Place<'g> {
        let finding = if segment.elements().all(|(_, value)| value.is_empty()) {
            empty_segment(None, segment)
        } else if segment.is("HL") {
            hierarchy::broken(segment.position_of(None, 3))
        } else {
            Finding::new(
                Check::S110,
                ReportCode::Segment(SegmentError::Unexpected),
                Position::of_segment(None, segment.at),
            )
        };
        self.findings.push(finding);
        Place::default()
    }

    /// Findings inside a service line name it.
    #[inline]
    fn name_line(&mut self, loop_id: LoopId) {
        if !self.findings.is_empty() && in_line(loop_id) {
            self.findings
                .iter_mut()
                .filter(|finding| finding.position.loop_id.is_some_and(in_line))
                .for_each(|finding| finding.line = self.line);
        }
    }
}

impl OpenLoop<'_> {
    /// Counts one more of a slot; true when that is too many.
    #[inline]
    fn count(&mut self, bit: u64, slot: &Slot) -> bool {
        let again = self.met & bit != 0;
        self.met |= bit;
        match (slot.repeat, slot.counter.and_then(|counter| self.counts.get_mut(usize::from(counter)))) {
            (Some(most), Some(count)) => {
                *count = count.saturating_add(1);
                *count > most
            }
            (Some(_), None) => again,
            (None, _) => false,
        }
    }
}

/// A line, a claim or an HL: what the loops inside describe.
fn is_part(loop_id: LoopId) -> bool {
    matches!(
        loop_id,
        LoopId::L2400 | LoopId::L2300 | LoopId::L2000A | LoopId::L2000B | LoopId::L2000C | LoopId::Header
    )
}

fn in_line(loop_id: LoopId) -> bool {
    (LoopId::L2400..=LoopId::L2440).contains(&loop_id)
}

fn line_number(text: &[u8]) -> Option<u16> {
    word::number_of(text).filter(|_| text.len() <= 5).and_then(|number| u16::try_from(number).ok())
}

/// One finding for each slot of `missing`, at the segment where its absence showed.
#[cold]
fn report_missing(guide: &Guide, in_loop: &GuideLoop, mut missing: u64, segment: &Segment<'_>, line: Option<u16>, findings: &mut Vec<Finding>) {
    while missing != 0 {
        if let Some(slot) = in_loop.slot(missing.trailing_zeros()) {
            // A claim or HL that never came has no place of its own: it is missed in the loop around it.
            let child = slot.enters.and_then(|index| guide.loop_at(index));
            let child = child.filter(|child| child.id != LoopId::L2300 && child.hierarchy.is_none());
            let loop_id = child.map_or(in_loop.id, |child| child.id);
            let position = Position {
                segment: slot.tag,
                ..Position::of_segment(Some(loop_id), segment.at)
            };
            let finding = Finding::new(slot.missing, ReportCode::Segment(SegmentError::RequiredMissing), position);
            findings.push(Finding {
                line: line.filter(|_| in_line(loop_id)),
                ..finding
            });
        }
        missing &= missing - 1;
    }
}

fn empty_segment(loop_id: Option<LoopId>, segment: &Segment<'_>) -> Finding {
    Finding::new(
        Check::S113,
        ReportCode::Segment(SegmentError::HasElementErrors),
        Position::of_segment(loop_id, segment.at),
    )
}

fn unknown_tag(entry: Option<TagEntry>, segment: &Segment<'_>) -> Finding {
    let (check, error) = match entry {
        _ if segment.id().is_empty() => return empty_segment(None, segment),
        _ if segment.id().len() > 3 => (Check::S110, SegmentError::Unrecognised),
        Some(TagEntry::NotUsed) => (Check::S203, SegmentError::NotUsedPresent),
        Some(TagEntry::Foreign) => (Check::S110, SegmentError::NotInSet),
        Some(TagEntry::Used { .. }) | None => (Check::S110, SegmentError::Unrecognised),
    };
    Finding::new(check, ReportCode::Segment(error), Position::of_segment(None, segment.at))
}
