//! See `hibernaculum_testkit::fuzz::handshake`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hibernaculum_testkit::fuzz::handshake(data));
