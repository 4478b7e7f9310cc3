//! Whether a placed segment is beyond suspicion: nearly all are, and then nothing has to be looked at one by one.
//!
//! To the next editor: what passes here must have no finding in [`super::element_check`], which decides on all
//! the rest (a property there holds both to it). Doubt is cheap: what is unusual and sound may well be looked at
//! twice.

use super::element_check::broken_note;
use super::slot::code_at;
use super::value_check::{is_date, is_period, is_time};
use crate::tables::guides::{ElementKind, ElementShape, Guide, PackedCode, Shape, Slot, Usage};
use crate::word;
use crate::x12::segment::{Components, Segment};

/// Whether no element of a segment can have a finding. All of its characters are known to be clean.
#[inline]
pub(super) fn passes(guide: &Guide, slot: &Slot, shape: &Shape, segment: &Segment<'_>) -> bool {
    let count = segment.element_count();
    if count == 0 || count > shape.lengths.len() {
        return false;
    }
    let (mut present, mut bit, mut suspect) = (0u64, 1u64, false);
    for (value, (shortest, longest)) in segment.spans().zip(&shape.lengths) {
        let there = value.length != 0;
        suspect |= value.length > *longest || (value.length < *shortest && there);
        // What begins with a blank may be nothing but blanks.
        suspect |= value.first == b' ';
        present |= if there { bit } else { 0 };
        bit <<= 1;
    }
    // The last element is there, all that must be, and nothing that must not.
    let last_is_missing = present < bit >> 1;
    let faults = (shape.required & !present) | (shape.not_used & present);
    if suspect || last_is_missing || faults != 0 || slot.notes.iter().any(|note| broken_note(*note, present).is_some()) {
        return false;
    }
    let mut unproven = slot.unproven & present;
    while unproven != 0 {
        let place = unproven.trailing_zeros() as usize;
        if !shape
            .elements
            .get(place)
            .is_some_and(|element| element_passes(guide, element, shape, segment, place + 1))
        {
            return false;
        }
        unproven &= unproven - 1;
    }
    // A component separator outside of composites and codes; the scan of the segment knows where there are none.
    !shape.has_composites || no_component_elsewhere(shape, segment, present)
}

#[inline]
fn element_passes(guide: &Guide, element: &ElementShape, shape: &Shape, segment: &Segment<'_>, number: usize) -> bool {
    if !element.codes.is_empty() {
        return element.codes.contains(&code_at(segment, number));
    }
    match element.kind {
        ElementKind::Composite(composite) => guide
            .shape(composite)
            .is_some_and(|composite| composite_passes(composite, segment.components(number))),
        _ => {
            let value = segment.element(number);
            let separates = shape.has_composites && word::position(value, segment.separators.component).is_some();
            !separates && value_passes(element, value, segment.element(number - 1))
        }
    }
}

/// Whether no text that is told by its length has a component separator in it.
fn no_component_elsewhere(shape: &Shape, segment: &Segment<'_>, present: u64) -> bool {
    let mut texts = present & !shape.particular;
    while texts != 0 {
        let number = texts.trailing_zeros() as usize + 1;
        if word::position(segment.element(number), segment.separators.component).is_some() {
            return false;
        }
        texts &= texts - 1;
    }
    true
}

fn composite_passes(shape: &Shape, components: Components<'_>) -> bool {
    let mut elements = shape.elements.iter();
    let (mut present, mut bit) = (0u64, 1u64);
    let mut before: &[u8] = &[];
    for value in components {
        let Some(element) = elements.next() else { return false };
        if !value.is_empty() {
            present |= bit;
            let is_code = !element.codes.is_empty() && element.codes.contains(&PackedCode::of(value));
            if element.usage == Usage::NotUsed || !(is_code || element.codes.is_empty() && value_passes(element, value, before)) {
                return false;
            }
        }
        before = value;
        bit <<= 1;
    }
    !before.is_empty() && shape.required & !present == 0
}

/// A value that no list of codes decides on. `before` is the value before it.
fn value_passes(element: &ElementShape, value: &[u8], before: &[u8]) -> bool {
    let within = |length: usize| (usize::from(element.shortest)..=usize::from(element.longest)).contains(&length);
    match element.kind {
        ElementKind::Text | ElementKind::Identifier => within(value.len()) && value.first() != Some(&b' '),
        ElementKind::Integer => word::number_of(value).is_some() && within(value.len()),
        ElementKind::Decimal => match word::decimal(value) {
            // Not with a point at its end.
            Some((_, digits, decimals)) => within(digits) && (decimals > 0 || digits == value.len()),
            None => false,
        },
        ElementKind::Date => within(value.len()) && is_date(value),
        ElementKind::Time => within(value.len()) && is_time(value),
        ElementKind::Period => within(value.len()) && is_period(before, value),
        ElementKind::Composite(_) => false,
    }
}
