//! See `hibernaculum_testkit::fuzz::correlation`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hibernaculum_testkit::fuzz::correlation(data));
