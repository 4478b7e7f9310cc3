//! Any chunking gives the same segments: every pair of cuts of a small file, ten thousand chunkings of a
//! file that is larger than the tokenizer's buffer.

use claimstream::x12::tokenizer::{Step, TokenError, Tokenizer};
use rayon::prelude::*;

/// Two interchanges with separators of their own, line ends, filler and an element that looks like an ISA.
const SMALL: &str = "\u{feff}ISA*00*          *00*          *ZZ*S              *ZZ*R              *260116*0930*^*00501*000000001*0*T*:~\
    ST*837~\r\nN1*ISA~SE*3~IEA*1~\r\n ISA|00|          |00|          |ZZ|S              |ZZ|R              |260116|0930|!|00501|000000002|0|T|>\n\
    ST|837\nSE|2\n\nIEA|1\n";

const LARGE: &str = include_str!("../../fixtures/valid/837p--three-claims-of-two-members.x12");

/// Where each segment stands, with its ordinal and the sum of its elements' lengths; and how reading ended.
type Reading = (Vec<(u64, u32, u32, usize)>, Option<TokenError>);

/// Reads in pieces of the given sizes, and what is left after them at once.
fn read(bytes: &[u8], buffer: (usize, usize), mut sizes: impl FnMut() -> Option<usize>) -> Reading {
    let mut tokenizer = Tokenizer::with_buffer(buffer.0, buffer.1);
    let (mut found, mut rest, mut piece): (Vec<_>, &[u8], &[u8]) = (Vec::new(), bytes, &[]);
    loop {
        match tokenizer.next() {
            Err(error) => return (found, Some(error)),
            Ok(Step::End) => return (found, None),
            Ok(Step::Segment(segment)) => {
                let lengths = segment.elements().map(|(number, element)| number + element.len()).sum();
                found.push((segment.at.byte, segment.at.length, segment.at.ordinal, lengths));
            }
            Ok(Step::NeedInput) => {
                if piece.is_empty() {
                    let size = sizes().map_or(rest.len(), |size| size.clamp(1, rest.len().max(1)).min(rest.len()));
                    (piece, rest) = rest.split_at(size);
                }
                if piece.is_empty() {
                    tokenizer.finish();
                    continue;
                }
                let space = tokenizer.space();
                let (now, later) = piece.split_at(piece.len().min(space.len()));
                space[..now.len()].copy_from_slice(now);
                tokenizer.filled(now.len());
                piece = later;
            }
        }
    }
}

fn whole(bytes: &[u8]) -> Reading {
    read(bytes, (512, 0), || None)
}

#[test]
fn every_pair_of_cuts_of_a_small_file() {
    let bytes = SMALL.as_bytes();
    let expected = whole(bytes);
    assert_eq!((expected.0.len(), expected.1), (10, None));
    (0..=bytes.len()).into_par_iter().for_each(|first| {
        for second in first..=bytes.len() {
            let mut sizes = [first, second - first].into_iter().filter(|size| *size > 0);
            assert!(read(bytes, (512, 0), || sizes.next()) == expected, "cut at {first} and {second}");
        }
    });
}

#[test]
fn every_cut_of_a_file_that_ends_anywhere() {
    let bytes = SMALL.as_bytes();
    (0..=bytes.len()).into_par_iter().for_each(|end| {
        let bytes = &bytes[..end];
        let expected = whole(bytes);
        for cut in 0..=end {
            let mut sizes = Some(cut).filter(|cut| *cut > 0).into_iter();
            assert!(read(bytes, (512, 0), || sizes.next()) == expected, "cut at {cut}, ends at {end}");
        }
    });
}

#[test]
fn ten_thousand_chunkings_of_a_large_file() {
    // Long texts for most of the buffer, so that it is small segments that its end cuts.
    let texts = format!("NTE*ADD*{}~", "N".repeat(2_000)).repeat(31);
    let bytes = (LARGE.replacen("GS*HC", &(texts + "GS*HC"), 1) + &LARGE.repeat(9)).into_bytes();
    assert!(bytes.len() > 65_536 + 5_000);
    let expected = whole(&bytes);
    assert!(expected.1.is_none() && expected.0.len() > 400);
    (0u64..10_000).into_par_iter().for_each(|seed| {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut draw = |bound: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as usize % bound
        };
        let longest = [2_000, 9_000, 40_000, 70_000][draw(4)];
        let buffer = (1 + draw(5_000), 65_536 + draw(5_000));
        assert!(read(&bytes, buffer, || Some(1 + draw(longest))) == expected, "chunking {seed}");
    });
}
