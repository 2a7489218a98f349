//! Any bytes as a ruleset: parsed, printed, formatted, looked at for warnings.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lakegate_quality::exercise::ruleset(bytes));
