//! The elements of one placed segment against their shape: SNIP 1 (length, type, characters, dates,
//! separators) and SNIP 2 (usage, codes, dependencies). At most one finding an element.
//!
//! To the next editor: a sound segment is let through by [`super::screen`]; what is not sound, or not quite usual,
//! is looked at here. Bit `n - 1` of a mask means element `n`.

use super::screen::passes;
use super::value_check::value_fault;
use crate::finding::{Check, ElementError, Finding, ReportCode, SegmentError};
use crate::loop_id::LoopId;
use crate::position::Position;
use crate::tables::guides::{ElementKind, ElementShape, Guide, Note, NoteKind, Shape, Slot, Usage};
use crate::x12::segment::Segment;
use crate::x12::separators::Separators;

/// Checks every element of a segment that stands in `slot` of `loop_id`.
pub(super) fn check(guide: &Guide, slot: &Slot, segment: &Segment<'_>, loop_id: LoopId, findings: &mut Vec<Finding>) {
    let Some(shape) = guide.shape(slot.shape) else { return };
    let clean = is_clean(segment.bytes, &segment.separators, shape.has_composites);
    if clean && passes(guide, slot, shape, segment) {
        return;
    }
    check_each(guide, slot, shape, segment, loop_id, (clean, findings));
}

#[cold]
fn check_each(guide: &Guide, slot: &Slot, shape: &Shape, segment: &Segment<'_>, loop_id: LoopId, (clean, findings): (bool, &mut Vec<Finding>)) {
    let count = segment.element_count();
    let mut checked = Checked {
        guide,
        segment,
        loop_id,
        clean,
        reported: 0,
        findings,
    };
    let mut present = 0u64;
    for ((number, value), element) in segment.elements().zip(&shape.elements) {
        if !value.is_empty() {
            present |= 1 << (number - 1);
            if element.usage != Usage::NotUsed {
                checked.element(number, element, value, shape.has_composites);
            }
        }
    }
    if count == 0 || count > shape.elements.len() || segment.element(count).is_empty() {
        checked.separators(shape, present);
    }
    let broken = (shape.required & !present) | (shape.not_used & present);
    if broken != 0 {
        checked.usage(shape, present);
    }
    for note in &slot.notes {
        if let Some((number, error)) = broken_note(*note, present) {
            checked.report(Check::S205, error, number);
        }
    }
}

/// Whether every byte is printable ASCII, none is the repetition separator, and the component separator
/// occurs only where composites do. Sixteen bytes at a time, the last block overlapping the one before.
fn is_clean(bytes: &[u8], separators: &Separators, has_composites: bool) -> bool {
    // ISA11 of 00402 and earlier is a letter that separates nothing.
    let repetition = if separators.repetition.is_ascii_alphanumeric() {
        0
    } else {
        separators.repetition
    };
    let component = if has_composites { 0 } else { separators.component };
    let dirty = |byte: &u8| (byte.wrapping_sub(b' ') > b'~' - b' ') | (*byte == repetition) | (*byte == component);
    if let Some(last) = bytes.last_chunk::<16>() {
        let any = |block: &[u8; 16]| block.iter().fold(false, |any, byte| any | dirty(byte));
        return !bytes.as_chunks::<16>().0.iter().any(any) && !any(last);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        return !first.iter().zip(last).fold(false, |any, (one, other)| any | dirty(one) | dirty(other));
    }
    !bytes.iter().any(dirty)
}

/// One segment being checked.
struct Checked<'a, 's> {
    guide: &'a Guide,
    segment: &'a Segment<'s>,
    loop_id: LoopId,
    clean: bool,
    /// Elements that have a finding.
    reported: u64,
    findings: &'a mut Vec<Finding>,
}

impl Checked<'_, '_> {
    #[inline]
    fn element(&mut self, number: usize, element: &ElementShape, value: &[u8], among_composites: bool) {
        if let ElementKind::Composite(composite) = element.kind {
            if let Some(shape) = self.guide.shape(composite) {
                self.composite(number, element, shape, value);
            }
            return;
        }
        if !self.clean
            && let Some(error) = character_fault(value, &self.segment.separators, true)
        {
            return self.report(Check::S111, error, number);
        }
        let segment = self.segment;
        if let Some((check, error)) = value_fault(element, value, || segment.element(number - 1)) {
            return self.report(check, error, number);
        }
        // Elsewhere the scan of the whole segment has seen to it.
        if among_composites && element.codes.is_empty() && value.contains(&self.segment.separators.component) {
            self.report(Check::S111, ElementError::InvalidCharacter, number);
        }
    }

    #[inline(never)]
    fn composite(&mut self, number: usize, element: &ElementShape, shape: &Shape, value: &[u8]) {
        let separator = self.segment.separators.component;
        let (mut present, mut count, mut offset, mut trailing) = (0u64, 0usize, 0usize, 0usize);
        let (mut before, mut is_beyond): (&[u8], bool) = (&[], false);
        for component in value.split(|byte| *byte == separator) {
            count += 1;
            trailing = if component.is_empty() { trailing + 1 } else { 0 };
            if !component.is_empty() {
                present |= u64::from(count <= 64) << (count - 1).min(63);
                match shape.elements.get(count - 1) {
                    Some(each) if each.usage == Usage::NotUsed => self.report_component(Check::S203, ElementError::NotUsedPresent, number, count, offset),
                    Some(each) => {
                        if let Some((check, error)) = self.component_fault(each, component, before) {
                            self.report_component(check, error, number, count, offset);
                        }
                    }
                    None if !is_beyond => {
                        is_beyond = true;
                        self.report_component(Check::S113, ElementError::TooManyComponents, number, count, offset);
                    }
                    None => {}
                }
            }
            before = component;
            offset += component.len() + 1;
        }
        if trailing > 0 {
            self.report_component(Check::S113, ElementError::TooMany, number, count - trailing + 1, value.len() - (trailing - 1));
        }
        if present == 0 {
            return;
        }
        for place in places(shape.required & !present) {
            let check = shape
                .elements
                .get(place - 1)
                .and_then(|each| each.check)
                .or(element.check)
                .unwrap_or(Check::S201);
            let at = value
                .len()
                .min(value.split(|byte| *byte == separator).take(place - 1).map(|each| each.len() + 1).sum());
            self.report_component(check, ElementError::RequiredMissing, number, place, at);
        }
    }

    #[inline]
    fn component_fault(&self, element: &ElementShape, value: &[u8], before: &[u8]) -> Option<(Check, ElementError)> {
        if !self.clean
            && let Some(error) = character_fault(value, &self.segment.separators, false)
        {
            return Some((Check::S111, error));
        }
        value_fault(element, value, || before)
    }

    /// Elements beyond the shape, separators after the last element, a segment of separators alone.
    #[cold]
    fn separators(&mut self, shape: &Shape, present: u64) {
        let known = shape.elements.len();
        let beyond = self.segment.elements().skip(known).find(|(_, value)| !value.is_empty());
        match (beyond, 64 - present.leading_zeros() as usize) {
            (Some((number, _)), _) => self.report(Check::S113, ElementError::TooMany, number),
            (None, 0) => {
                let position = Position::of_segment(Some(self.loop_id), self.segment.at);
                self.findings
                    .push(Finding::new(Check::S113, ReportCode::Segment(SegmentError::HasElementErrors), position));
                // Said once for the whole segment.
                self.reported = u64::MAX;
            }
            (None, last) => self.report(Check::S113, ElementError::TooMany, last + 1),
        }
    }

    /// Required elements that are missing, not-used elements that are present.
    #[cold]
    fn usage(&mut self, shape: &Shape, present: u64) {
        for number in places((shape.required & !present) | (shape.not_used & present)) {
            if present >> (number - 1) & 1 == 1 {
                self.report(Check::S203, ElementError::NotUsedPresent, number);
            } else {
                let check = shape.elements.get(number - 1).and_then(|element| element.check).unwrap_or(Check::S201);
                self.report(check, ElementError::RequiredMissing, number);
            }
        }
    }

    #[cold]
    fn report(&mut self, check: Check, error: ElementError, number: usize) {
        let bit = 1u64.checked_shl(u32::try_from(number - 1).unwrap_or(64)).unwrap_or(0);
        if self.reported & bit == 0 || bit == 0 {
            self.reported |= bit;
            let position = self.segment.position_of(Some(self.loop_id), number);
            self.findings.push(Finding::new(check, ReportCode::Element(error), position));
        }
    }

    #[cold]
    fn report_component(&mut self, check: Check, error: ElementError, number: usize, component: usize, offset: usize) {
        self.reported |= 1 << (number - 1);
        let position = self.segment.position_of(Some(self.loop_id), number);
        let position = Position {
            component: u8::try_from(component).unwrap_or(u8::MAX),
            byte: position.byte + offset as u64,
            ..position
        };
        let known = self.findings.iter().rev();
        let mut known = known.take_while(|finding| finding.position.ordinal == position.ordinal && finding.position.byte >= self.segment.at.byte);
        if !known.any(|finding| (finding.position.element, finding.position.component) == (position.element, position.component)) {
            self.findings.push(Finding::new(check, ReportCode::Element(error), position));
        }
    }
}

/// The places of a mask, from 1.
fn places(mut mask: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = mask.trailing_zeros() as usize + 1;
        let found = mask != 0;
        mask &= mask.wrapping_sub(1);
        found.then_some(place)
    })
}

fn character_fault(value: &[u8], separators: &Separators, simple: bool) -> Option<ElementError> {
    if value.iter().any(|byte| !(b' '..=b'~').contains(byte)) || (simple && value.contains(&separators.component)) {
        return Some(ElementError::InvalidCharacter);
    }
    let repeats = !separators.repetition.is_ascii_alphanumeric() && value.contains(&separators.repetition);
    repeats.then_some(ElementError::TooManyRepetitions)
}

/// The element that a note finds at fault: the first missing one, or the one too many.
#[inline]
pub(super) fn broken_note(note: Note, present: u64) -> Option<(usize, ElementError)> {
    let first = 1u64 << (note.first - 1);
    let there = present & note.places;
    let missing = match note.kind {
        NoteKind::Paired if there != 0 => note.places & !there,
        NoteKind::OneRequired if there == 0 => first,
        NoteKind::Conditional if there & first != 0 => note.places & !there,
        NoteKind::ListConditional if there == first => note.places & !first,
        NoteKind::Exclusion if there.count_ones() > 1 => {
            return Some((64 - there.leading_zeros() as usize, ElementError::Exclusion));
        }
        _ => 0,
    };
    (missing != 0).then(|| (missing.trailing_zeros() as usize + 1, ElementError::ConditionalMissing))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::guide::slot::slot_of;
    use crate::ids::Form;
    use crate::tables::guides::guide;
    use crate::x12::tokenizer::for_each_segment;

    const SOUND: [(Form, LoopId, &str); 14] = [
        (Form::Professional, LoopId::L2010AA, "NM1*85*2*CLINIC*****XX*1234567893"),
        (Form::Professional, LoopId::L2010BA, "NM1*IL*1*DOE*ANA*M***MI*91234567A"),
        (Form::Professional, LoopId::L2010BA, "N4*ORANGE*CA*92868"),
        (Form::Professional, LoopId::L2010BA, "DMG*D8*19900228*F"),
        (Form::Professional, LoopId::L2300, "CLM*A1*225.5***11:B:1*Y*A*Y*Y"),
        (Form::Professional, LoopId::L2300, "REF*G1*AUTH1"),
        (Form::Professional, LoopId::L2300, "HI*ABK:E119*ABF:I10"),
        (Form::Professional, LoopId::L2400, "LX*1"),
        (Form::Professional, LoopId::L2400, "SV1*HC:99214:25*150.00*UN*1***1:2"),
        (Form::Professional, LoopId::L2400, "DTP*472*RD8*20250101-20250104"),
        (Form::Professional, LoopId::L2320, "CAS*PR*1*50**2*.5"),
        (Form::Institutional, LoopId::L2300, "HI*BH:11:D8:20250101"),
        (Form::Institutional, LoopId::L2300, "CL1*1*1*01"),
        (Form::Institutional, LoopId::L2400, "SV2*0301*HC:80053*500.11*UN*1"),
    ];

    /// Whether the segment passes the screen, and whether it would have a finding; nothing when it has no slot.
    fn looked_at((form, loop_id, text): (Form, LoopId, &str)) -> Option<(bool, bool)> {
        const ISA: &str = "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260116*0930*^*00501*000000001*0*T*:~";
        let (guide, mut told) = (guide(form).unwrap(), None);
        for_each_segment(format!("{ISA}{text}~").as_bytes(), usize::MAX, |segment| {
            if segment.at.byte == ISA.len() as u64
                && let Some(slot) = slot_of(guide, loop_id, segment)
                && let Some(shape) = guide.shape(slot.shape)
            {
                let clean = is_clean(segment.bytes, &segment.separators, shape.has_composites);
                let mut findings = Vec::new();
                check_each(guide, slot, shape, segment, loop_id, (clean, &mut findings));
                told = Some((clean && passes(guide, slot, shape, segment), !findings.is_empty()));
            }
        })
        .unwrap();
        told
    }

    #[test]
    fn sound_segments_pass_the_screen() {
        for sound in SOUND {
            assert_eq!(looked_at(sound), Some((true, false)), "{sound:?}");
        }
    }

    #[test]
    fn notes_name_the_element_at_fault() {
        let note = |kind, places: &[u8]| Note {
            kind,
            first: places[0],
            places: places.iter().fold(0, |mask, place| mask | 1 << (place - 1)),
        };
        for (kind, places, present, expected) in [
            (NoteKind::Paired, &[3, 4][..], 0b0000, None),
            (NoteKind::Paired, &[3, 4], 0b1100, None),
            (NoteKind::Paired, &[3, 4], 0b1000, Some((3, ElementError::ConditionalMissing))),
            (NoteKind::OneRequired, &[2, 4], 0b1000, None),
            (NoteKind::OneRequired, &[2, 4], 0b0101, Some((2, ElementError::ConditionalMissing))),
            (NoteKind::Conditional, &[4, 2, 3], 0b0110, None),
            (NoteKind::Conditional, &[4, 2, 3], 0b1010, Some((3, ElementError::ConditionalMissing))),
            (NoteKind::ListConditional, &[1, 2, 3], 0b101, None),
            (NoteKind::ListConditional, &[1, 2, 3], 0b001, Some((2, ElementError::ConditionalMissing))),
            (NoteKind::Exclusion, &[1, 3], 0b100, None),
            (NoteKind::Exclusion, &[1, 3], 0b101, Some((3, ElementError::Exclusion))),
        ] {
            assert_eq!(broken_note(note(kind, places), present), expected, "{kind:?} {places:?} {present:b}");
        }
    }

    proptest! {
        #[test]
        fn what_passes_the_screen_has_no_finding(chosen in any::<proptest::sample::Index>(), changes in proptest::collection::vec((any::<proptest::sample::Index>(), 0u8..3, "[*: .0-9A-Z^-]"), 1..4)) {
            let (form, loop_id, sound) = *chosen.get(&SOUND);
            let mut text = sound.as_bytes().to_vec();
            for (place, how, byte) in changes {
                let (place, byte) = (place.index(text.len()), byte.as_bytes()[0]);
                match how {
                    0 => text[place] = byte,
                    1 => text.insert(place, byte),
                    _ => drop(text.remove(place)),
                }
            }
            let text = String::from_utf8(text).unwrap();
            if let Some((passes, has_findings)) = looked_at((form, loop_id, &text)) {
                prop_assert!(!(passes && has_findings), "{text}");
            }
        }

        #[test]
        fn the_scan_finds_what_the_bytes_are(bytes in proptest::collection::vec(prop_oneof![8 => b' '..=b'~', 1 => any::<u8>()], 0..50), has_composites: bool) {
            let ours = Separators::OURS;
            let expected = bytes.iter().all(|byte| (b' '..=b'~').contains(byte) && *byte != b'^' && (has_composites || *byte != b':'));
            prop_assert_eq!(is_clean(&bytes, &ours, has_composites), expected);
        }
    }
}
