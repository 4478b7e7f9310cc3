//! Stage one of the hot path: where the delimiters stand.
//!
//! One pass over the bytes writes the offset of every element separator and segment terminator. The
//! only file with `unsafe`: AVX2 intrinsics behind run-time detection, with a portable word-at-a-time
//! fallback that must give the same marks (property test below).
//!
//! To the next editor: a delimiter falls every 4.2 bytes of an 837, so walking a bit mask beats
//! calling `memchr` per element (TARGETS); keep both paths free of per-byte branches.

/// Appends to `marks` the offset (from `base`) of every byte of `bytes` that is `first` or `second`.
pub fn mark(bytes: &[u8], base: u32, first: u8, second: u8, marks: &mut Vec<u32>) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[allow(unsafe_code)]
        // SAFETY: AVX2 was detected on this machine just above.
        unsafe {
            avx2::mark(bytes, base, first, second, marks);
        }
        return;
    }
    mark_portable(bytes, base, first, second, marks);
}

/// Sixty-four bytes at a time into a bit mask, without intrinsics; the compiler vectorises it.
fn mark_portable(bytes: &[u8], base: u32, first: u8, second: u8, marks: &mut Vec<u32>) {
    let mut at = base;
    for block in bytes.chunks(64) {
        let mut mask = 0u64;
        for (place, byte) in block.iter().enumerate() {
            mask |= u64::from(*byte == first || *byte == second) << place;
        }
        push_mask(mask, at, marks);
        at = at.wrapping_add(64);
    }
}

#[inline(always)]
fn push_mask(mut mask: u64, at: u32, marks: &mut Vec<u32>) {
    marks.reserve(mask.count_ones() as usize);
    while mask != 0 {
        marks.push(at + mask.trailing_zeros());
        mask &= mask - 1;
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{__m256i, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8};

    /// # Safety
    /// The machine must have AVX2.
    #[target_feature(enable = "avx2")]
    #[allow(unsafe_code)]
    pub unsafe fn mark(bytes: &[u8], base: u32, first: u8, second: u8, marks: &mut Vec<u32>) {
        let (first_wide, second_wide) = (_mm256_set1_epi8(first.cast_signed()), _mm256_set1_epi8(second.cast_signed()));
        let half = |half: &[u8]| -> u64 {
            // SAFETY: `half` is a slice of exactly 32 bytes and the load is unaligned.
            let loaded = unsafe { _mm256_loadu_si256(half.as_ptr().cast::<__m256i>()) };
            let hits = _mm256_or_si256(_mm256_cmpeq_epi8(loaded, first_wide), _mm256_cmpeq_epi8(loaded, second_wide));
            u64::from(_mm256_movemask_epi8(hits).cast_unsigned())
        };
        let mut at = base;
        let blocks = bytes.chunks_exact(64);
        let rest = blocks.remainder();
        for block in blocks {
            let (low, high) = block.split_at(32);
            super::push_mask(half(low) | half(high) << 32, at, marks);
            at = at.wrapping_add(64);
        }
        super::mark_portable(rest, at, first, second, marks);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn both_paths_give_the_same_marks(bytes in proptest::collection::vec(prop_oneof![Just(b'*'), Just(b'~'), any::<u8>()], 0..500), base in 0u32..1000) {
            let expected: Vec<u32> = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'*' || **byte == b'~').map(|(place, _)| base + place as u32).collect();
            let (mut fast, mut portable) = (Vec::new(), Vec::new());
            mark(&bytes, base, b'*', b'~', &mut fast);
            mark_portable(&bytes, base, b'*', b'~', &mut portable);
            prop_assert_eq!(&fast, &expected);
            prop_assert_eq!(&portable, &expected);
        }
    }
}
