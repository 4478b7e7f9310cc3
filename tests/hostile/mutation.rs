//! Changes to a file, drawn from a seed: the same on every machine.

/// Draws from a seed.
pub struct Draw(u64);

impl Draw {
    pub fn new(seed: u64) -> Draw {
        Draw(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound.max(1)
    }
}

/// What is put into files: what separates, what counts, and what should be in none.
const PIECES: [&[u8]; 22] = [
    b"*",
    b"~",
    b":",
    b"^",
    b"\n",
    b"\r\n",
    b"\0",
    b"\xff",
    b"\xc3\x28",
    b"ISA",
    b"ST*837*0001~",
    b"SE*2*0001~",
    b"GE*1*1~",
    b"IEA*1*1~",
    b"HL*2*2*22*1~",
    b"CLM*A*1~",
    b"LX*1~",
    b"-1",
    b"1E9",
    b"99999999999999999999",
    b".",
    b"HI*ABK:*::::~",
];

/// `bytes` with one to four changes.
pub fn mutated(bytes: &[u8], draw: &mut Draw) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..1 + draw.below(4) {
        let at = draw.below(bytes.len() + 1);
        let until = (at + 1 + draw.below(40)).min(bytes.len());
        match draw.below(7) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..until)),
            2 => {
                let piece = PIECES[draw.below(PIECES.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
            3 => {
                let again = bytes[at..until].to_vec();
                let to = draw.below(bytes.len() + 1);
                bytes.splice(to..to, again);
            }
            4 => bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << draw.below(8)),
            5 => bytes.get_mut(at).into_iter().for_each(|byte| *byte = draw.below(256) as u8),
            _ => {
                let segments: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'~').collect();
                let (one, other) = (draw.below(segments.len()), draw.below(segments.len()));
                let mut segments = segments;
                if !segments.is_empty() {
                    segments.swap(one, other);
                }
                bytes = segments.concat();
            }
        }
    }
    bytes
}
