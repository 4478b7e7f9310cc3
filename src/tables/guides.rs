//! The implementation guides 005010X222A1 (837P) and 005010X223A2 (837I) as tables, compiled for the
//! walker: per loop a short list of slots held as bits of a `u64`, codes as packed numbers.
//!
//! The facts stand in `config/guides/`, columns explained at the head of each file; they were checked
//! against public machine-readable maps, and DOMAIN.md (0.x, A, H) wins where those differ. Positions
//! order the slots of a loop; slots of one position may stand in any order. Loops of one X12 family
//! (2310A–F, 2330A–I, 2420A–H, …) share a position: the standard knows them as one loop.
//!
//! To the next editor: `onwards`, `passed`, `required` and `by_tag` are masks over `GuideLoop::slots`,
//! whose bit 0 is always the segment that starts the loop.

use std::fmt::{self, Write};
use std::sync::LazyLock;

use serde::Deserialize;

pub use super::guide_files::{GuideError, GuideErrorKind, GuideFiles};
pub use super::guide_ways::Step;
use super::guide_ways::Ways;
use crate::finding::Check;
use crate::ids::{ContentDigest, Form};
use crate::loop_id::LoopId;
use crate::position::SegmentTag;
use crate::word;

/// One guide, compiled.
#[derive(Debug)]
pub struct Guide {
    pub form: Form,
    /// Of the files it was read from.
    pub digest: ContentDigest,
    pub(super) loops: Box<[GuideLoop]>,
    pub(super) shapes: Box<[Shape]>,
    pub(super) tags: TagTable,
    pub(super) ways: Ways,
}

/// The embedded guide of a form; its aliases (X222A2, X223A3) use the same tables.
///
/// # Errors
/// The [`GuideError`] of a broken embedded table; a test keeps one from being shipped.
pub fn guide(form: Form) -> Result<&'static Guide, &'static GuideError> {
    static PROFESSIONAL: LazyLock<Result<Guide, GuideError>> = LazyLock::new(|| Guide::read(Form::Professional, GuideFiles::embedded(Form::Professional)));
    static INSTITUTIONAL: LazyLock<Result<Guide, GuideError>> = LazyLock::new(|| Guide::read(Form::Institutional, GuideFiles::embedded(Form::Institutional)));
    match form {
        Form::Professional => PROFESSIONAL.as_ref(),
        Form::Institutional => INSTITUTIONAL.as_ref(),
    }
}

impl Guide {
    /// The loop of the whole set; it holds ST, BHT and, as loops, 1000A … 2000A and SE.
    pub const ROOT: LoopIndex = LoopIndex(0);

    #[inline]
    pub fn loop_at(&self, index: LoopIndex) -> Option<&GuideLoop> {
        self.loops.get(usize::from(index.0))
    }

    /// Every loop, parents before their children.
    pub fn loops(&self) -> &[GuideLoop] {
        &self.loops
    }

    pub fn loop_of(&self, id: LoopId) -> Option<&GuideLoop> {
        self.loops.iter().find(|each| each.id == id)
    }

    #[inline]
    pub fn shape(&self, index: ShapeIndex) -> Option<&Shape> {
        self.shapes.get(usize::from(index.0))
    }

    /// What is known of a tag; `None` when no X12 set has it.
    #[inline]
    pub fn tag(&self, tag: SegmentTag) -> Option<TagEntry> {
        self.tags.get(tag)
    }

    /// Where a segment leads from the slot with this row, if it stands in its place and what is around the
    /// slot's loop is known from the loop alone. Rows count from a loop's [`GuideLoop::first_row`]. A tag that no code
    /// tells apart has no key.
    #[inline]
    pub fn step(&self, row: u16, tag: TagNumber, key: Option<PackedCode>) -> Option<Step> {
        self.ways.step(row, tag, key)
    }

    /// The hierarchical loop of an HL03 value.
    pub fn hierarchical_loop(&self, level: PackedCode) -> Option<LoopIndex> {
        let found = self.loops.iter().position(|each| each.hierarchy.is_some() && each.starter_key() == [level])?;
        u8::try_from(found).ok().map(LoopIndex)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoopIndex(pub(super) u8);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShapeIndex(pub(super) u16);

/// One loop. Bit `n` of a mask means `slots[n]`.
#[derive(Debug)]
pub struct GuideLoop {
    pub id: LoopId,
    /// By position; the first is the segment that starts the loop.
    pub slots: Box<[Slot]>,
    /// Slots of usage R.
    pub required: u64,
    /// The slots of each tag, by [`TagEntry`] number.
    pub(super) by_tag: Box<[u64]>,
    /// Place in the HL hierarchy when an HL starts the loop.
    pub hierarchy: Option<Hierarchy>,
    /// Of the slots of all loops counted on, the number of this loop's first.
    pub first_row: u16,
}

/// Place of a loop in the HL hierarchy.
#[derive(Debug, Clone, Copy)]
pub struct Hierarchy {
    /// 0 = billing provider, 1 = subscriber, 2 = patient.
    pub depth: u8,
    pub parent: LoopIndex,
    /// Whether HL04 is free to say that children follow or not.
    pub children_optional: bool,
}

impl GuideLoop {
    /// The slots of this tag.
    #[inline]
    pub fn slots_of(&self, tag: TagNumber) -> u64 {
        self.by_tag.get(usize::from(tag.0)).copied().unwrap_or(0)
    }

    #[inline]
    pub fn slot(&self, place: u32) -> Option<&Slot> {
        self.slots.get(place as usize)
    }

    /// The first slot among `candidates` that takes the key.
    #[inline]
    pub fn slot_for(&self, mut candidates: u64, key: PackedCode) -> Option<(u32, &Slot)> {
        while candidates != 0 {
            let place = candidates.trailing_zeros();
            if let Some(slot) = self.slot(place).filter(|slot| slot.takes(key)) {
                return Some((place, slot));
            }
            candidates &= candidates - 1;
        }
        None
    }

    fn starter_key(&self) -> &[PackedCode] {
        self.slots.first().map_or(&[], |slot| &slot.key)
    }
}

/// A segment, or a child loop by the segment that starts it, in its place in a loop.
#[derive(Debug)]
pub struct Slot {
    pub tag: SegmentTag,
    pub(super) tag_number: TagNumber,
    /// The codes of the tag's key that belong here; empty = any.
    pub key: Box<[PackedCode]>,
    /// The child loop that the segment starts.
    pub enters: Option<LoopIndex>,
    pub shape: ShapeIndex,
    /// The elements whose values have to be looked into: those of [`Shape::particular`] less the key, which a
    /// segment has right that stands here.
    pub unproven: u64,
    pub notes: Box<[Note]>,
    /// Most times in one loop; `None` = any.
    pub repeat: Option<u16>,
    /// Number of its counter when it may repeat a limited number of times.
    pub counter: Option<u8>,
    /// The slots that may still come when this one was met: those of the same or a later position.
    pub onwards: u64,
    /// Required slots of earlier positions: missing when they were not met before this one.
    pub passed: u64,
    /// Reported when the slot is required and missing.
    pub missing: Check,
}

impl Slot {
    #[inline]
    pub fn takes(&self, key: PackedCode) -> bool {
        self.key.is_empty() || self.key.contains(&key)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TagNumber(pub(super) u8);

/// Where the code stands that tells equal tags apart. `component` 0 = the whole element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyPlace {
    pub element: u8,
    pub component: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagEntry {
    /// Used by this guide.
    Used { number: TagNumber, key: Option<KeyPlace> },
    /// In the base standard of the 837, not used by this guide.
    NotUsed,
    /// Of other sets or the envelope.
    Foreign,
}

/// Open addressing over the packed tags: one multiplication and mostly one probe a segment.
#[derive(Debug)]
pub(super) struct TagTable {
    /// No tag packs to 0, which is free.
    places: Box<[(u32, TagEntry); 256]>,
}

impl TagTable {
    pub(super) fn new() -> TagTable {
        TagTable {
            places: Box::new([(0, TagEntry::Foreign); 256]),
        }
    }

    /// False when the table is full.
    pub(super) fn insert(&mut self, tag: SegmentTag, entry: TagEntry) -> bool {
        let free = Self::probes(tag).find(|place| self.places.get(usize::from(*place)).is_some_and(|(packed, _)| *packed == 0));
        match free.and_then(|place| self.places.get_mut(usize::from(place))) {
            Some(place) => {
                *place = (tag.packed(), entry);
                true
            }
            None => false,
        }
    }

    #[inline]
    pub(super) fn get(&self, tag: SegmentTag) -> Option<TagEntry> {
        match self.places.get(usize::from(Self::first_probe(tag))) {
            Some((packed, entry)) if *packed == tag.packed() => Some(*entry),
            _ => self.get_elsewhere(tag),
        }
    }

    #[inline(never)]
    fn get_elsewhere(&self, tag: SegmentTag) -> Option<TagEntry> {
        for place in Self::probes(tag) {
            match self.places.get(usize::from(place)) {
                Some((packed, entry)) if *packed == tag.packed() => return Some(*entry),
                Some((0, _)) | None => return None,
                Some(_) => {}
            }
        }
        None
    }

    #[inline]
    fn first_probe(tag: SegmentTag) -> u8 {
        (tag.packed().wrapping_mul(0x9e37_79b1) >> 24) as u8
    }

    fn probes(tag: SegmentTag) -> impl Iterator<Item = u8> {
        let start = Self::first_probe(tag);
        (0..=u8::MAX).map(move |step| start.wrapping_add(step))
    }
}

/// The elements of a segment, or the components of a composite.
#[derive(Debug)]
pub struct Shape {
    /// From place 1 on.
    pub elements: Box<[ElementShape]>,
    /// The shortest and the longest value that may be told by its length alone, from place 1 on; any, where it can't.
    pub lengths: Box<[(u32, u32)]>,
    /// Bit `place - 1`.
    pub required: u64,
    pub not_used: u64,
    /// Whose values are more than a text of some length: codes, numbers, dates, composites.
    pub particular: u64,
    pub has_composites: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Usage {
    #[serde(rename = "R")]
    Required,
    #[serde(rename = "S")]
    Situational,
    #[serde(rename = "N")]
    NotUsed,
}

#[derive(Debug)]
pub struct ElementShape {
    pub usage: Usage,
    pub kind: ElementKind,
    /// Characters, without sign and decimal point.
    pub shortest: u16,
    pub longest: u16,
    /// The codes the guide allows; empty = not listed in the guide.
    pub codes: Box<[PackedCode]>,
    /// Reported in place of S201 (missing) and S202 (wrong code).
    pub check: Option<Check>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementKind {
    /// AN.
    Text,
    /// ID.
    Identifier,
    /// N0.
    Integer,
    /// R.
    Decimal,
    /// DT, `CCYYMMDD`.
    Date,
    /// TM.
    Time,
    /// 1251: as the qualifier before it says (D8, RD8, DT, TM).
    Period,
    Composite(ShapeIndex),
}

/// A syntax note of a segment. `places` is the mask of all its elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note {
    pub kind: NoteKind,
    pub first: u8,
    pub places: u64,
}

/// How the elements of a note depend on each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteKind {
    /// P: all or none.
    Paired,
    /// R: at least one.
    OneRequired,
    /// C: with the first, all others.
    Conditional,
    /// L: with the first, at least one other.
    ListConditional,
    /// E: at most one.
    Exclusion,
}

/// A code of one to eight bytes as a number; [`PackedCode::EMPTY`] for no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackedCode(u64);

impl PackedCode {
    pub const EMPTY: PackedCode = PackedCode(0);
    /// What is longer than any code; equals none.
    pub const TOO_LONG: PackedCode = PackedCode(u64::MAX);

    #[inline]
    pub(super) fn packed(self) -> u64 {
        self.0
    }

    #[inline]
    pub fn of(bytes: &[u8]) -> PackedCode {
        PackedCode::at_start_of(word::of(bytes).to_le_bytes(), bytes.len())
    }

    /// The same of the first `length` bytes of a word, without a branch on the length: no processor foresees
    /// how long the next code is.
    #[inline]
    pub fn at_start_of(word: [u8; 8], length: usize) -> PackedCode {
        let missing = 8usize.checked_sub(length).map(|bytes| 8 * bytes as u32);
        missing.map_or(PackedCode::TOO_LONG, |bits| PackedCode(u64::from_be_bytes(word).checked_shr(bits).unwrap_or(0)))
    }
}

/// The code as it is written.
impl fmt::Display for PackedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.to_be_bytes();
        bytes.iter().filter(|byte| **byte != 0).try_for_each(|byte| f.write_char(char::from(*byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both() -> [&'static Guide; 2] {
        [Form::Professional, Form::Institutional].map(|form| guide(form).unwrap())
    }

    #[test]
    fn both_embedded_guides_load() {
        let [professional, institutional] = both();
        assert_eq!((professional.loops.len(), institutional.loops.len()), (40, 37));
        assert_ne!(professional.digest, institutional.digest);
        for guide in both() {
            assert_eq!(guide.loop_at(Guide::ROOT).map(|root| root.id), Some(LoopId::Header));
            assert!(guide.hierarchical_loop(PackedCode::of(b"22")).is_some());
            assert_eq!(guide.hierarchical_loop(PackedCode::of(b"24")), None);
        }
    }

    #[test]
    fn facts_that_domain_names() {
        // (form, loop, tag, key) → whether the guide has the slot, most repeats (DOMAIN 0.2, 0.3, A, L)
        let [professional, institutional] = both();
        for (guide, loop_id, tag, key, expected) in [
            (professional, LoopId::L2300, "AMT", "F5", Some(Some(1))),
            (institutional, LoopId::L2300, "AMT", "F5", None),
            (institutional, LoopId::L2300, "AMT", "F3", Some(Some(1))),
            (professional, LoopId::L2400, "REF", "G1", Some(Some(5))),
            (institutional, LoopId::L2400, "REF", "G1", None),
            (professional, LoopId::L2300, "LX", "", Some(Some(50))),
            (institutional, LoopId::L2300, "LX", "", Some(Some(999))),
            (professional, LoopId::L2000B, "CLM", "", Some(Some(100))),
            (professional, LoopId::L2000C, "CLM", "", Some(Some(100))),
            (professional, LoopId::L2010AA, "REF", "SY", Some(Some(1))),
            (institutional, LoopId::L2010AA, "REF", "SY", None),
            (institutional, LoopId::L2300, "HI", "DR", Some(Some(1))),
            (professional, LoopId::Header, "HL", "20", Some(None)),
        ] {
            let each = guide.loops.iter().find(|each| each.id == loop_id).unwrap();
            let slot = each
                .slots
                .iter()
                .find(|slot| slot.tag == SegmentTag::of(tag) && slot.takes(PackedCode::of(key.as_bytes())));
            assert_eq!(slot.map(|slot| slot.repeat), expected, "{} {loop_id} {tag}*{key}", guide.form);
        }
    }

    #[test]
    fn tags_are_known_by_standing() {
        let [professional, institutional] = both();
        assert!(matches!(professional.tag(SegmentTag::of("HI")), Some(TagEntry::Used { .. })));
        assert_eq!(professional.tag(SegmentTag::of("CL1")), Some(TagEntry::NotUsed));
        assert!(matches!(institutional.tag(SegmentTag::of("CL1")), Some(TagEntry::Used { .. })));
        assert_eq!(professional.tag(SegmentTag::of("BPR")), Some(TagEntry::Foreign));
        assert_eq!(professional.tag(SegmentTag::of("ZZZ")), None);
    }

    #[test]
    fn codes_pack_without_collisions() {
        for text in ["", "A", "HC", "472", "ABCD", "ABCDEFGH", "ABCDEFGHI"] {
            let word: Vec<u8> = text.bytes().chain(*b"*padding").take(8).collect();
            assert_eq!(
                PackedCode::at_start_of(word.try_into().unwrap(), text.len()),
                PackedCode::of(text.as_bytes()),
                "{text}"
            );
        }
        for text in ["", "A", "HC", "472", "ABCD", "ABCDEFGH", "ABCDEFGHI"] {
            let word: Vec<u8> = text.bytes().chain(*b"*padding").take(8).collect();
            assert_eq!(
                PackedCode::at_start_of(word.try_into().unwrap(), text.len()),
                PackedCode::of(text.as_bytes()),
                "{text}"
            );
        }
        for (one, other) in [("1", "01"), ("AB", "BA"), ("", "0"), ("ABCDEFGH", "ABCDEFGHI")] {
            assert_ne!(PackedCode::of(one.as_bytes()), PackedCode::of(other.as_bytes()));
        }
        assert_eq!(PackedCode::of(b"123456789"), PackedCode::TOO_LONG);
        assert_eq!(PackedCode::of(b"ABK").to_string(), "ABK");
    }
}
