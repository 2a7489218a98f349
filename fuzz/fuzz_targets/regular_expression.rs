//! Any bytes as a regular expression of Java, a text and a replacement, with NUL between them.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lakegate_quality::exercise::regular_expression(bytes));
