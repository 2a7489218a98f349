//! Any bytes as a text that is cast, with the format of a date and NUL in front, and as numbers.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lakegate_quality::exercise::casts(bytes));
