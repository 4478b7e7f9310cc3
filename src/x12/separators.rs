//! The four separators of an interchange, read from its ISA.

use nom::bytes::complete::{tag, take};
use nom::{IResult, Parser};

/// Bytes of an ISA segment with its terminator: every element has a fixed width.
pub const ISA_BYTES: usize = 106;

/// The separators in force for one interchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Separators {
    /// Byte 4 of the ISA, usually `*`.
    pub element: u8,
    /// ISA16, usually `:`.
    pub component: u8,
    /// ISA11, usually `^`.
    pub repetition: u8,
    /// The byte after ISA16, usually `~`.
    pub segment: u8,
}

/// Why an ISA cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SeparatorsError {
    #[error("no ISA segment of 106 bytes")]
    NotAnIsa,
    #[error("the separators of the ISA are not four distinct bytes outside letters, digits, spaces and NUL")]
    NotDistinct,
}

impl Separators {
    /// What we write.
    pub const OURS: Separators = Separators {
        element: b'*',
        component: b':',
        repetition: b'^',
        segment: b'~',
    };

    /// Reads the separators of an ISA; needs its first [`ISA_BYTES`] bytes.
    ///
    /// # Errors
    /// [`SeparatorsError`] when the fixed-width shape does not hold or two separators are the same.
    pub fn of_isa(isa: &[u8]) -> Result<Separators, SeparatorsError> {
        let (_, separators) = isa_shape(isa).map_err(|_| SeparatorsError::NotAnIsa)?;
        let bytes = [separators.element, separators.component, separators.repetition, separators.segment];
        let usable = |byte: &u8| !byte.is_ascii_alphanumeric() && !matches!(*byte, b' ' | 0) && byte.is_ascii();
        let distinct = bytes
            .iter()
            .enumerate()
            .all(|(place, byte)| !bytes.iter().skip(place + 1).any(|other| other == byte));
        // 00402 and earlier carry a standards id letter (`U`) in ISA11: no repetition separator there.
        let repetition_is_unused = separators.repetition.is_ascii_alphanumeric();
        if distinct
            && [separators.element, separators.component, separators.segment].iter().all(usable)
            && (repetition_is_unused || usable(&separators.repetition))
        {
            Ok(separators)
        } else {
            Err(SeparatorsError::NotDistinct)
        }
    }
}

/// Widths of ISA01 to ISA15.
const ISA_WIDTHS: [usize; 15] = [2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1];

fn isa_shape(input: &[u8]) -> IResult<&[u8], Separators> {
    let (input, _) = tag(&b"ISA"[..]).parse(input)?;
    let (mut input, element) = take(1usize).parse(input)?;
    let mut repetition = 0;
    for (place, width) in ISA_WIDTHS.into_iter().enumerate() {
        let (rest, value): (&[u8], &[u8]) = take(width).parse(input)?;
        let (rest, _) = tag(element).parse(rest)?;
        if place == 10 {
            repetition = value.first().copied().unwrap_or_default();
        }
        input = rest;
    }
    let (input, last) = take(2usize).parse(input)?;
    match (element, last) {
        ([element], [component, segment]) => Ok((
            input,
            Separators {
                element: *element,
                component: *component,
                repetition,
                segment: *segment,
            },
        )),
        _ => Err(nom::Err::Error(nom::error::Error::new(input, nom::error::ErrorKind::LengthValue))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISA: &[u8] = b"ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260116*0930*^*00501*000000001*0*T*:~";

    #[test]
    fn the_usual_four() {
        assert_eq!(Separators::of_isa(ISA), Ok(Separators::OURS));
    }

    #[test]
    fn what_is_no_isa() {
        assert_eq!(Separators::of_isa(&ISA[..105]), Err(SeparatorsError::NotAnIsa));
        assert_eq!(Separators::of_isa(b"GS*HC"), Err(SeparatorsError::NotAnIsa));
        let mut same = ISA.to_vec();
        same[105] = b':';
        assert_eq!(Separators::of_isa(&same), Err(SeparatorsError::NotDistinct));
    }

    #[test]
    fn what_cannot_separate() {
        for unusable in [b'E', b'7', b' ', 0, 0xff] {
            let text: Vec<u8> = ISA.iter().map(|byte| if *byte == b'*' { unusable } else { *byte }).collect();
            assert!(Separators::of_isa(&text).is_err(), "{unusable}");
        }
    }
}
