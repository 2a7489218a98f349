//! What the fuzz targets in `fuzz/` run, and property tests too: each function takes any bytes through code that reads what comes
//! from outside, and panics where an answer cannot be right.

#![expect(clippy::panic, reason = "a fuzzer's way to say that it has found something")]

pub use crate::pattern::exercise::regular_expression;
pub use crate::spark::exercise::{casts, spark_sql};

/// Reads any bytes as a ruleset, and takes what is one through everything that works on its text.
///
/// # Panics
/// When a ruleset that parses is not printed, formatted or placed as it should be.
pub fn ruleset(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(ruleset) = crate::parse(text, "t") else { return };
    let warnings = crate::lint(&ruleset, None);
    if warnings.iter().any(|warning| warning.line == 0 || warning.column == 0) {
        panic!("a warning without a place");
    }
    for rule in ruleset.rules() {
        match crate::parse(&format!("Rules = [ {} ]", rule.text()), "t") {
            Ok(again) if again.rules().first().is_some_and(|again| again.text() == rule.text()) => {}
            Ok(_) => panic!("a rule is printed as another one"),
            Err(error) => panic!("a rule is printed that is none: {error}"),
        }
    }
    match crate::format(text, "t").map(|formatted| (crate::format(&formatted, "t"), formatted)) {
        Ok((Ok(again), formatted)) if again == formatted => {}
        _ => panic!("formatting is not done after one time"),
    }
}
