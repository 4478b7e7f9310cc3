//! Stage one of the hot path: where the delimiters stand.
//!
//! One pass over the bytes writes the offset of every element separator and segment terminator. The
//! only file with `unsafe`: AVX2 intrinsics behind run-time detection, SSE2 on processors that lack it, a
//! portable fallback on others, which must all give the same marks (property test below), and marks written
//! without asking for room one by one.
//!
//! To the next editor: a delimiter falls every 4.2 bytes of an 837, so walking a bit mask beats
//! calling `memchr` per element (TARGETS); keep every path free of per-byte branches, and the AVX2 one of
//! branches on how many delimiters a block has, which no processor foresees.

/// The delimiters of a buffer, in order.
#[derive(Debug, Default)]
pub struct Marks {
    /// The offset of each.
    pub places: Vec<u32>,
    /// Which of them end a segment: indexes into `places`.
    pub ends: Vec<u32>,
}

impl Marks {
    pub fn clear(&mut self) {
        self.places.clear();
        self.ends.clear();
    }

    /// Adds the delimiters of `bytes`, whose first byte has the offset `base`.
    pub fn add(&mut self, bytes: &[u8], base: u32, element: u8, segment: u8) {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("bmi2") && std::arch::is_x86_feature_detected!("popcnt") {
            #[allow(unsafe_code)]
            // SAFETY: these were detected on this machine just above.
            unsafe {
                avx2::add(self, bytes, base, element, segment);
            }
            return;
        }
        #[cfg(target_arch = "x86_64")]
        sse2::add(self, bytes, base, element, segment);
        #[cfg(not(target_arch = "x86_64"))]
        self.add_portable(bytes, base, element, segment);
    }

    /// Sixty-four bytes at a time into bit masks, without intrinsics; the compiler vectorises it.
    fn add_portable(&mut self, bytes: &[u8], base: u32, element: u8, segment: u8) {
        let mut at = base;
        for block in bytes.chunks(64) {
            let (mut elements, mut segments) = (0u64, 0u64);
            for (place, byte) in block.iter().enumerate() {
                elements |= u64::from(*byte == element) << place;
                segments |= u64::from(*byte == segment) << place;
            }
            self.push(elements, segments, at);
            at = at.wrapping_add(64);
        }
    }

    /// The delimiters of one block, a bit for each byte.
    #[inline(always)]
    fn push(&mut self, elements: u64, mut segments: u64, at: u32) {
        let before = self.places.len() as u32;
        let mut all = elements | segments;
        while segments != 0 {
            let below = segments.wrapping_sub(1) & !segments;
            self.ends.push(before + (all & below).count_ones());
            segments &= segments - 1;
        }
        let count = all.count_ones() as usize;
        self.places.reserve(64);
        // Eight at a time and some in vain: one branch that is foreseen beats fifteen that are counted.
        for (written, eight) in self.places.spare_capacity_mut().chunks_exact_mut(8).enumerate() {
            if 8 * written >= count {
                break;
            }
            for place in eight {
                place.write(at.wrapping_add(all.trailing_zeros()));
                all &= all.wrapping_sub(1);
            }
        }
        #[allow(unsafe_code)]
        // SAFETY: room for 64 was reserved, a block has at most 64 delimiters, and `count` were written.
        unsafe {
            self.places.set_len(before as usize + count);
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm_cvtsi64_si128, _mm256_add_epi32, _mm256_cmpeq_epi8, _mm256_cvtepu8_epi32, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_set1_epi8,
        _mm256_set1_epi32, _mm256_storeu_si256, _pext_u64,
    };

    use super::Marks;

    /// For each byte the places of its set bits, a byte each.
    static PLACES: [i64; 256] = places_of_bits();

    #[allow(clippy::indexing_slicing)] // the compiler runs it
    const fn places_of_bits() -> [i64; 256] {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < table.len() {
            let (mut place, mut found) = (0, 0);
            while place < 8 {
                if byte >> place & 1 == 1 {
                    table[byte] |= place << (8 * found);
                    found += 1;
                }
                place += 1;
            }
            byte += 1;
        }
        table
    }

    /// # Safety
    /// The machine must have AVX2, BMI2 and POPCNT.
    #[target_feature(enable = "avx2,bmi2,popcnt")]
    #[allow(unsafe_code)]
    pub unsafe fn add(marks: &mut Marks, bytes: &[u8], base: u32, element: u8, segment: u8) {
        let (element_wide, segment_wide) = (_mm256_set1_epi8(element.cast_signed()), _mm256_set1_epi8(segment.cast_signed()));
        let load = |half: &[u8]| {
            // SAFETY: `half` is a slice of exactly 32 bytes and the load is unaligned.
            unsafe { _mm256_loadu_si256(half.as_ptr().cast::<__m256i>()) }
        };
        let hits = |low: __m256i, high: __m256i, wanted: __m256i| -> u64 {
            let mask = |half| u64::from(_mm256_movemask_epi8(_mm256_cmpeq_epi8(half, wanted)).cast_unsigned());
            mask(low) | mask(high) << 32
        };
        // A place for every byte: what a block may need is there without asking.
        marks.places.reserve(bytes.len());
        marks.ends.reserve(bytes.len());
        let (mut places, mut ends, mut at) = (marks.places.len(), marks.ends.len(), base);
        let blocks = bytes.chunks_exact(64);
        let rest = blocks.remainder();
        for block in blocks {
            let (low, high) = block.split_at(32);
            let (low, high) = (load(low), load(high));
            let segments = hits(low, high, segment_wide);
            let all = hits(low, high, element_wide) | segments;
            // Which of the delimiters end a segment: a bit for each of them instead of for each byte.
            let ranks = _pext_u64(segments, all);
            // SAFETY: the vectors have room for as many marks as there are bytes, a block adds at most 64 to
            // what its predecessors added at most, and `write` reaches no further than eight for each byte of its mask.
            unsafe {
                let (to_places, to_ends) = (marks.places.as_mut_ptr().add(places), marks.ends.as_mut_ptr().add(ends));
                ends += write::<3>(ranks, places as u32, to_ends);
                if ranks >> 24 != 0 {
                    ends += write::<5>(ranks >> 24, places as u32 + 24, marks.ends.as_mut_ptr().add(ends));
                }
                places += write::<8>(all, at, to_places);
            }
            at = at.wrapping_add(64);
        }
        // SAFETY: so many were written.
        unsafe {
            marks.places.set_len(places);
            marks.ends.set_len(ends);
        }
        marks.add_portable(rest, at, element, segment);
    }

    /// Writes where the set bits of the lowest `BYTES` bytes of a mask stand, counted from `base`, and says how many
    /// there are. Eight at a time and some in vain, which what follows overwrites.
    ///
    /// # Safety
    /// `to` must have room for eight numbers a byte, and the machine what [`add`] needs.
    #[target_feature(enable = "avx2,bmi2,popcnt")]
    #[allow(unsafe_code)]
    unsafe fn write<const BYTES: usize>(mask: u64, base: u32, to: *mut u32) -> usize {
        let mut base = _mm256_set1_epi32(base.cast_signed());
        let mut written = 0;
        for byte in mask.to_le_bytes().into_iter().take(BYTES) {
            let places = PLACES.get(usize::from(byte)).copied().unwrap_or_default();
            let places = _mm256_add_epi32(base, _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(places)));
            // SAFETY: at most eight were written for each byte before.
            unsafe { _mm256_storeu_si256(to.add(written).cast::<__m256i>(), places) };
            written += byte.count_ones() as usize;
            base = _mm256_add_epi32(base, _mm256_set1_epi32(8));
        }
        written
    }
}

/// Every x86-64 processor has it.
#[cfg(target_arch = "x86_64")]
mod sse2 {
    use std::arch::x86_64::{__m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8};

    use super::Marks;

    pub fn add(marks: &mut Marks, bytes: &[u8], base: u32, element: u8, segment: u8) {
        let (element_wide, segment_wide) = wide(element, segment);
        let mut at = base;
        let blocks = bytes.chunks_exact(64);
        let rest = blocks.remainder();
        for block in blocks {
            let (mut elements, mut segments) = (0u64, 0u64);
            for (quarter, shift) in block.chunks_exact(16).zip([0, 16, 32, 48]) {
                elements |= hits(quarter, element_wide) << shift;
                segments |= hits(quarter, segment_wide) << shift;
            }
            marks.push(elements, segments, at);
            at = at.wrapping_add(64);
        }
        marks.add_portable(rest, at, element, segment);
    }

    #[inline(always)]
    #[allow(unsafe_code)]
    fn wide(element: u8, segment: u8) -> (__m128i, __m128i) {
        // SAFETY: SSE2 is part of x86-64.
        unsafe { (_mm_set1_epi8(element.cast_signed()), _mm_set1_epi8(segment.cast_signed())) }
    }

    /// A bit for each of sixteen bytes that is the wanted one.
    #[inline(always)]
    #[allow(unsafe_code)]
    fn hits(sixteen: &[u8], wanted: __m128i) -> u64 {
        // SAFETY: SSE2 is part of x86-64; `sixteen` is a slice of exactly 16 bytes and the load is unaligned.
        let mask = unsafe { _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(sixteen.as_ptr().cast()), wanted)) };
        u64::from(mask.cast_unsigned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn all_paths_give_the_same_marks(bytes in proptest::collection::vec(prop_oneof![Just(b'*'), Just(b'~'), any::<u8>()], 0..500), base in 0u32..1000) {
            let is_mark = |byte: u8| byte == b'*' || byte == b'~';
            let places: Vec<u32> = bytes.iter().enumerate().filter(|(_, byte)| is_mark(**byte)).map(|(place, _)| base + place as u32).collect();
            let ends: Vec<u32> = (0..).zip(bytes.iter().filter(|byte| is_mark(**byte))).filter(|(_, byte)| **byte == b'~').map(|(index, _)| index).collect();
            let (mut fast, mut portable, mut narrow) = (Marks::default(), Marks::default(), Marks::default());
            fast.add(&bytes, base, b'*', b'~');
            portable.add_portable(&bytes, base, b'*', b'~');
            prop_assert_eq!((&fast.places, &fast.ends), (&places, &ends));
            prop_assert_eq!((&portable.places, &portable.ends), (&places, &ends));
            #[cfg(target_arch = "x86_64")]
            sse2::add(&mut narrow, &bytes, base, b'*', b'~');
            #[cfg(not(target_arch = "x86_64"))]
            narrow.add(&bytes, base, b'*', b'~');
            prop_assert_eq!((&narrow.places, &narrow.ends), (&places, &ends));
        }
    }
}
