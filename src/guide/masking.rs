//! A segment for human eyes: codes that the guide lists are shown, every other value becomes its shape.
//!
//! To the next editor: what is shown is a closed list. A value is shown because the guide (or the list of
//! the envelope below) has that very code in that very place, never because it looks harmless: a name may
//! stand where a code belongs.

use super::slot::slot_of;
use crate::loop_id::LoopId;
use crate::tables::guides::{ElementKind, ElementShape, Guide, PackedCode, Shape};
use crate::x12::segment::Segment;

/// Characters of one shape; the count of the others follows.
const SHAPE_MAX: usize = 40;

/// Codes of the envelope, which no guide lists: segment, element, codes.
const ENVELOPE: &[(&str, usize, &[&str])] = &[
    ("ISA", 1, &["00", "03"]),
    ("ISA", 3, &["00", "01"]),
    ("ISA", 5, &["01", "14", "20", "27", "28", "29", "30", "33", "ZZ"]),
    ("ISA", 7, &["01", "14", "20", "27", "28", "29", "30", "33", "ZZ"]),
    ("ISA", 12, &["00401", "00402", "00501"]),
    ("ISA", 14, &["0", "1"]),
    ("ISA", 15, &["P", "T"]),
    ("GS", 1, &["FA", "HC", "HN", "HP"]),
    ("GS", 7, &["X"]),
    ("ST", 1, &["837", "999", "277", "835"]),
];

/// The elements of a segment that the guide placed in `loop_id` (`None`: it has no place, and no value is
/// shown). Letters become `x`, digits `d`, other printable ASCII stays, all else is `?`.
pub fn masked(guide: Option<&Guide>, loop_id: Option<LoopId>, segment: &Segment<'_>) -> Vec<String> {
    let shape = guide
        .zip(loop_id)
        .and_then(|(guide, loop_id)| guide.shape(slot_of(guide, loop_id, segment)?.shape));
    let elements = segment.elements().map(|(number, value)| {
        let place = shape.and_then(|shape| shape.elements.get(number - 1));
        match (guide, place.map(|place| place.kind)) {
            _ if is_shown(segment, number, value) => String::from_utf8_lossy(value).into_owned(),
            (Some(guide), Some(ElementKind::Composite(composite))) => composite_text(guide.shape(composite), segment, value),
            _ => element_text(place, value),
        }
    });
    elements.collect()
}

/// Numbers of levels and lines, codes and versions of the envelope.
fn is_shown(segment: &Segment<'_>, number: usize, value: &[u8]) -> bool {
    let is_number = || (1..=6).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
    match (segment.id(), number) {
        (b"HL", 1 | 2) | (b"LX", 1) => is_number(),
        (b"GS", 8) | (b"ST", 3) => is_version(value),
        (id, _) => ENVELOPE
            .iter()
            .any(|(tag, place, codes)| tag.as_bytes() == id && *place == number && codes.iter().any(|code| code.as_bytes() == value)),
    }
}

/// `005010X222A1`: version, release, guide, and its addendum.
fn is_version(value: &[u8]) -> bool {
    let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    match value.split_at_checked(6) {
        Some((release, [b'X', a, b, c, addendum @ ..])) => {
            release.starts_with(b"00") && digits(release) && digits(&[*a, *b, *c]) && matches!(addendum, [] | [b'A', b'1'..=b'9'])
        }
        _ => false,
    }
}

fn composite_text(shape: Option<&Shape>, segment: &Segment<'_>, value: &[u8]) -> String {
    let separator = segment.separators.component;
    let components = value.split(|byte| *byte == separator).enumerate().map(|(place, component)| {
        let place = shape.and_then(|shape| shape.elements.get(place));
        element_text(place, component)
    });
    components.collect::<Vec<_>>().join(&char::from(separator).to_string())
}

/// A value that the guide lists in this place, else its shape.
fn element_text(place: Option<&ElementShape>, value: &[u8]) -> String {
    let is_listed = |place: &ElementShape| !value.is_empty() && place.codes.contains(&PackedCode::of(value));
    if place.is_some_and(is_listed) && value.iter().all(u8::is_ascii_graphic) {
        return String::from_utf8_lossy(value).into_owned();
    }
    let shape = |byte: &u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' => 'x',
        b'0'..=b'9' => 'd',
        b' '..=b'~' => char::from(*byte),
        _ => '?',
    };
    let mut text: String = value.iter().take(SHAPE_MAX).map(shape).collect();
    if let Some(others) = value.len().checked_sub(SHAPE_MAX).filter(|others| *others > 0) {
        text += &format!("+{others}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guide::walker::Walker;
    use crate::ids::Form;
    use crate::tables::guides::guide;
    use crate::x12::tokenizer::for_each_segment;

    const SET: &str = "ISA*00*          *00*          *ZZ*330897513      *ZZ*CALOPTIMA      *260116*0930*^*00501*000000101*0*T*:~\
        GS*HC*330897513*CALOPTIMA*20260116*0930*101*X*005010X222A1~ST*837*0001*005010X222A1~BHT*0019*00*BATCH-7*20260116*0930*CH~\
        NM1*41*2*O'BRIEN & SONS*****46*330897513~PER*IC*DESK*TE*7145550100~NM1*40*2*CALOPTIMA*****46*CALOP~HL*1**20*1~\
        NM1*85*2*CLINIC*****XX*1881546299~N3*1 STREET~N4*ORANGE*CA*928680001~REF*EI*951234567~HL*2*1*22*0~SBR*P*18*******MC~\
        NM1*IL*1*SAMPLE*ALPHA****MI*91234567A~DMG*D8*19800102*F~NM1*PR*2*CALOPTIMA*****PI*CALOP~CLM*P-1*80.5***11:B:1*Y*A*Y*Y~\
        HI*ABK:Z00129*ABF:I10~NTE*ADD*a note with\u{1b}[31m colour, as long as it takes to be cut somewhere~LX*1~SV1*HC:99381:25*80.5*UN*1***1:2~\
        DTP*472*D8*20251106~DTP*SMITH*D8*20251106~ANNA*MARIA*EI~";

    #[test]
    fn codes_of_the_guide_are_shown_and_values_become_their_shape() {
        let guide = guide(Form::Professional).unwrap();
        let (mut walker, mut shown) = (Walker::new(guide), Vec::new());
        let _ = for_each_segment(SET.as_bytes(), 4096, |segment| {
            let loop_id = (segment.at.ordinal > 0).then(|| walker.accept(segment).loop_id).flatten();
            shown.push(masked(Some(guide), loop_id, segment).join("*"));
        });
        let expected = [
            "00*          *00*          *ZZ*ddddddddd      *ZZ*xxxxxxxxx      *dddddd*dddd*^*00501*ddddddddd*0*T*:",
            "HC*ddddddddd*xxxxxxxxx*dddddddd*dddd*ddd*X*005010X222A1",
            "837*dddd*005010X222A1",
            "0019*00*xxxxx-d*dddddddd*dddd*CH",
            "41*2*x'xxxxx & xxxx*****46*ddddddddd",
            "IC*xxxx*TE*dddddddddd",
            "40*2*xxxxxxxxx*****46*xxxxx",
            "1**20*1",
            "85*2*xxxxxx*****XX*dddddddddd",
            "d xxxxxx",
            "xxxxxx*xx*ddddddddd",
            "EI*ddddddddd",
            "2*1*22*0",
            "P*18*******MC",
            "IL*1*xxxxxx*xxxxx****MI*ddddddddx",
            "D8*dddddddd*F",
            "PR*2*xxxxxxxxx*****PI*xxxxx",
            "x-d*dd.d***dd:B:d*Y*A*Y*Y",
            "ABK:xddddd*ABF:xdd",
            "ADD*x xxxx xxxx?[ddx xxxxxx, xx xxxx xx xx x+24",
            "1",
            "HC:ddddd:dd*dd.d*UN*d***1:2",
            "472*D8*dddddddd",
            "xxxxx*xd*dddddddd",
            "xxxxx*xx",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn what_only_looks_like_a_code_is_masked() {
        for (value, shown) in [
            ("005010X222A1", true),
            ("005010X222", true),
            ("005010X22A1", false),
            ("105010X222A1", false),
            ("005010X222A0", false),
            ("005010X222A12", false),
            ("SMITH", false),
        ] {
            assert_eq!(is_version(value.as_bytes()), shown, "{value}");
        }
    }
}
