//! One service line: loops 2400 and 2410.

use super::super::claim::Located;
use super::super::professional::ProfessionalLine;
use super::super::service_line::ServiceLine;
use super::push_within;
use super::reading::{Reading, a7, tags, text};
use crate::finding::Check;
use crate::ids::{AuthorizationNumber, Modifier, PlaceOfService, ProcedureCode, RevenueCode};
use crate::limits;
use crate::word;
use crate::x12::segment::Segment;

/// DTP*472.
pub(super) fn read_date(line: &mut ServiceLine, reading: &Reading<'_, '_>) {
    let segment = reading.segment;
    if segment.element(1) == b"472" {
        line.service = reading.period().map(|value| Located { value, at: segment.at });
    }
}

/// Loop 2410: the drug of the line.
pub(super) fn read_drug(line: &mut ServiceLine, reading: &Reading<'_, '_>) {
    let segment = reading.segment;
    match segment.tag() {
        tags::LIN if segment.element(2) == b"N4" && !segment.element(3).is_empty() => {
            line.ndc = Some(Located {
                value: text(segment.element(3)),
                at: segment.at,
            });
        }
        tags::CTP => line.has_ndc_quantity = !segment.element(4).is_empty() && !segment.component(5, 1).is_empty(),
        _ => {}
    }
}

/// LX01; the line's place when it is no number, so that findings name some line.
pub(super) fn number(segment: &Segment<'_>, lines_before: usize) -> u16 {
    small_number(segment.element(1)).unwrap_or_else(|| u16::try_from(lines_before + 1).unwrap_or(u16::MAX))
}

/// Two lines of one number can't be told apart by whatever names a line: decisions, units, answers.
pub(super) fn report_number(reading: &mut Reading<'_, '_>, number: u16) {
    reading.on_line(number);
    reading.report(1, 0, Check::S110, a7(247));
}

pub(super) fn read_professional(line: &mut ServiceLine, reading: &mut Reading<'_, '_>) {
    line.at = reading.segment.at;
    read_procedure(line, 1, reading);
    line.charge = reading.amount(2).unwrap_or_default();
    line.units = reading.quantity(4).unwrap_or_default();
    let is_minutes = reading.element(3) == b"MJ";
    line.professional = ProfessionalLine {
        place_of_service: reading.code(5, PlaceOfService::parse, Check::S505, 249),
        diagnosis_pointers: read_pointers(reading),
        is_emergency: reading.element(9) == b"Y",
        is_epsdt: reading.element(11) == b"Y",
        is_family_planning: reading.element(12) == b"Y",
        is_minutes,
        minutes: is_minutes.then_some(line.units),
    };
}

pub(super) fn read_institutional(line: &mut ServiceLine, reading: &mut Reading<'_, '_>) {
    line.at = reading.segment.at;
    line.revenue = reading.code(1, RevenueCode::parse, Check::S506, 455);
    read_procedure(line, 2, reading);
    line.charge = reading.amount(3).unwrap_or_default();
    line.units = reading.quantity(5).unwrap_or_default();
    line.non_covered = reading.amount(7).unwrap_or_default();
}

/// SV101 or SV202 (C003): qualifier, code, up to four modifiers, description.
fn read_procedure(line: &mut ServiceLine, element: usize, reading: &mut Reading<'_, '_>) {
    if reading.element(element).is_empty() {
        return;
    }
    let mut modifiers = line.modifiers.iter_mut();
    for (place, value) in (1..).zip(reading.segment.components(element).take(7)) {
        match place {
            2 => line.procedure = reading.component_code(element, place, value, ProcedureCode::parse, Check::S503, 507),
            3..=6 => {
                let modifier = reading.component_code(element, place, value, Modifier::parse, Check::S504, 453);
                if modifier.is_some()
                    && let Some(free) = modifiers.next()
                {
                    *free = modifier;
                }
            }
            7 => line.has_description = !value.is_empty(),
            _ => {}
        }
    }
}

/// SV107. A pointer that is no number from 1 on is 0 and a finding: the edits see only its absence.
fn read_pointers(reading: &mut Reading<'_, '_>) -> [u8; 4] {
    let mut pointers = [0; 4];
    if reading.element(7).is_empty() {
        return pointers;
    }
    for ((place, value), pointer) in (1..).zip(reading.segment.components(7)).zip(&mut pointers) {
        if value.is_empty() {
            continue;
        }
        match small_number(value).and_then(|number| u8::try_from(number).ok()) {
            Some(number) if number > 0 => *pointer = number,
            _ => reading.report(7, place, Check::S414, a7(477)),
        }
    }
    pointers
}

pub(super) fn read_reference(line: &mut ServiceLine, segment: &Segment<'_>) {
    let value = segment.element(2);
    if value.is_empty() {
        return;
    }
    match segment.element(1) {
        b"6R" => line.control_number = text(value),
        // REF04 names another payer (2U): the number is that payer's, not ours.
        b"G1" if segment.component(4, 1) != b"2U" => {
            let authorization = Located {
                value: AuthorizationNumber::new(text(value)),
                at: segment.at,
            };
            push_within(&mut line.authorizations, limits::LINE_AUTHORIZATIONS_MAX, authorization);
        }
        b"X4" | b"F4" => line.has_clia = true,
        _ => {}
    }
}

/// Up to five digits.
fn small_number(text: &[u8]) -> Option<u16> {
    word::number_of(text).filter(|_| text.len() <= 5).and_then(|number| u16::try_from(number).ok())
}
