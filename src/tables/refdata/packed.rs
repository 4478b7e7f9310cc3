//! Identifiers and dates in four bytes, so that 900,000 members and their segments stay in cache.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;

use chrono::{Datelike, NaiveDate};

use crate::ids::{Cin, Npi};

/// A [`Cin`] as a number: seven digits and one letter fit 32 bits. Sorts like its text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CinKey(u32);

impl CinKey {
    pub(super) fn of(cin: &Cin) -> CinKey {
        let number = cin.as_bytes().iter().skip(1).fold(0u32, |number, byte| match byte {
            b'0'..=b'9' => number.wrapping_mul(10).wrapping_add(u32::from(byte - b'0')),
            letter => number.wrapping_mul(26).wrapping_add(u32::from(letter.wrapping_sub(b'A'))),
        });
        CinKey(number)
    }
}

impl fmt::Debug for CinKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[PHI]")
    }
}

/// Where the keys of each bucket begin in a sorted list: one look narrows a search to a few keys, and
/// spares it the cache misses of halving the whole list.
#[derive(Clone, Default)]
pub(super) struct CinBuckets(Vec<u32>);

impl CinBuckets {
    /// 2^12 keys of the number space a bucket: 64 Ki buckets, 256 KiB.
    const SHIFT: u32 = 12;

    pub(super) fn of(sorted: &[CinKey]) -> CinBuckets {
        let last = sorted.last().map_or(0, |key| key.0 >> Self::SHIFT);
        let mut starts = Vec::with_capacity(last as usize + 2);
        for bucket in 0..=last + 1 {
            starts.push(sorted.partition_point(|key| key.0 >> Self::SHIFT < bucket) as u32);
        }
        CinBuckets(starts)
    }

    /// Where the key stands in the list the buckets were made of.
    pub(super) fn find(&self, sorted: &[CinKey], key: CinKey) -> Option<usize> {
        let bucket = (key.0 >> Self::SHIFT) as usize;
        let (start, end) = (*self.0.get(bucket)? as usize, *self.0.get(bucket + 1)? as usize);
        sorted.get(start..end)?.binary_search(&key).ok().map(|place| start + place)
    }
}

/// An optional [`Npi`]: at most 2,999,999,999, and no NPI is zero.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct PackedNpi(u32);

impl PackedNpi {
    pub(super) fn of(npi: Option<Npi>) -> PackedNpi {
        PackedNpi(npi.and_then(|npi| npi.as_str().parse().ok()).unwrap_or(0))
    }

    pub(super) fn get(self) -> Option<Npi> {
        let mut digits = [0; 10];
        let mut rest = self.0;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        Npi::parse(&digits).ok()
    }
}

/// An optional date as days of the common era.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PackedDate(i32);

impl PackedDate {
    const NONE: PackedDate = PackedDate(i32::MIN);

    pub(super) fn of(date: Option<NaiveDate>) -> PackedDate {
        date.map_or(PackedDate::NONE, |date| PackedDate(date.num_days_from_ce()))
    }

    pub(super) fn get(self) -> Option<NaiveDate> {
        NaiveDate::from_num_days_from_ce_opt(self.0)
    }
}

/// Values that many rows share, each once.
#[derive(Clone)]
pub(super) struct Pool<T> {
    values: Vec<T>,
    places: HashMap<T, u32>,
}

/// Where a value stands in its pool.
pub(super) struct Place<T>(u32, PhantomData<T>);

impl<T> Default for Pool<T> {
    fn default() -> Pool<T> {
        Pool {
            values: Vec::new(),
            places: HashMap::new(),
        }
    }
}

impl<T: Copy + Eq + Hash> Pool<T> {
    /// The place of a value, which gets one when it has none.
    pub(super) fn place(&mut self, value: T) -> Place<T> {
        let next = self.values.len() as u32;
        let place = *self.places.entry(value).or_insert(next);
        if place == next {
            self.values.push(value);
        }
        Place(place, PhantomData)
    }

    /// No more values come: what only finds their places goes.
    pub(super) fn close(&mut self) {
        self.places = HashMap::new();
        self.values.shrink_to_fit();
    }

    pub(super) fn get(&self, place: Place<T>) -> Option<T> {
        self.values.get(place.0 as usize).copied()
    }
}

impl<T> Clone for Place<T> {
    fn clone(&self) -> Place<T> {
        *self
    }
}

impl<T> Copy for Place<T> {}

impl<T> PartialEq for Place<T> {
    fn eq(&self, other: &Place<T>) -> bool {
        self.0 == other.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_values_come_back() {
        for text in ["1234567893", "1003000126"] {
            let npi = Npi::parse(text.as_bytes()).ok();
            assert_eq!(PackedNpi::of(npi).get(), npi);
            assert!(npi.is_some(), "{text}");
        }
        assert_eq!(PackedNpi::of(None).get(), None);
        for date in [NaiveDate::from_ymd_opt(1899, 12, 31), NaiveDate::from_ymd_opt(9999, 12, 31), None] {
            assert_eq!(PackedDate::of(date).get(), date);
        }
    }

    #[test]
    fn a_pool_has_each_value_once() {
        let mut pool = Pool::default();
        let places = ["a", "b", "a"].map(|value| pool.place(value));
        assert!(places[0] == places[2] && places[0] != places[1]);
        assert_eq!((pool.values.len(), pool.get(places[1])), (2, Some("b")));
    }

    #[test]
    fn buckets_find_what_a_scan_finds() {
        let keys: Vec<CinKey> = [0, 1, 4095, 4096, 4097, 12288, 259_999_999].map(CinKey).to_vec();
        let buckets = CinBuckets::of(&keys);
        for key in [0, 1, 2, 4095, 4096, 8192, 12288, 12289, 259_999_999, 259_999_998, u32::MAX].map(CinKey) {
            assert_eq!(buckets.find(&keys, key), keys.iter().position(|known| *known == key), "{}", key.0);
        }
        assert_eq!(CinBuckets::of(&[]).find(&[], CinKey(0)), None);
    }

    #[test]
    fn different_members_have_different_keys_in_the_order_of_their_text() {
        let keys: Vec<CinKey> = ["90000000A", "90000000Z", "90000001A", "99999999Z"]
            .map(|text| CinKey::of(&Cin::parse(text.as_bytes()).unwrap()))
            .to_vec();
        assert!(keys.is_sorted_by(|a, b| a < b));
    }
}
