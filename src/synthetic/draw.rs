//! Reproducible choices. Each claim and each member draws from its own stream, keyed by the seed, so
//! any of them can be made alone and on any machine comes out the same.

/// What a stream of choices is for; two purposes never share choices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Claim,
    Member,
    VisitDate,
    ControlNumber,
}

/// A SplitMix64 sequence.
#[derive(Debug, Clone)]
pub(super) struct Draw {
    state: u64,
}

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Draw {
    pub(super) fn new(seed: u64, stream: Stream, index: u64) -> Draw {
        let purpose = match stream {
            Stream::Claim => 1,
            Stream::Member => 2,
            Stream::VisitDate => 3,
            Stream::ControlNumber => 4,
        };
        Draw {
            state: mix(mix(seed.wrapping_add(STEP) ^ purpose) ^ index),
        }
    }

    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mix(self.state)
    }

    /// A number below `bound`; 0 when the bound is 0. The bias of the remainder does not matter here.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    /// True once in `count` times.
    pub(super) fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    /// One of the items; the default of an empty list.
    pub(super) fn pick<T: Copy + Default>(&mut self, items: &[T]) -> T {
        let place = usize::try_from(self.below(items.len() as u64)).unwrap_or(0);
        items.get(place).copied().unwrap_or_default()
    }
}

fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_splitmix64() {
        let mut draw = Draw { state: 0 };
        assert_eq!([draw.next(), draw.next()], [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]);
    }

    #[test]
    fn streams_differ_by_seed_purpose_and_index() {
        let first = |seed, stream, index| Draw::new(seed, stream, index).next();
        let base = first(1, Stream::Claim, 1);
        assert_eq!(base, first(1, Stream::Claim, 1));
        assert!(
            [first(2, Stream::Claim, 1), first(1, Stream::Member, 1), first(1, Stream::Claim, 2)]
                .iter()
                .all(|other| *other != base)
        );
    }
}
