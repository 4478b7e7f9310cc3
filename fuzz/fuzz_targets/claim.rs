#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| claimstream_fuzz::invariants::claim(bytes));
