//! AWS Glue's Data Quality Definition Language (DQDL), anywhere: parse, check, judge.
//!
//! [`parse`] reads a ruleset, [`check`] compares it with a dataset's schema, [`RowRules`] judges the rows of batches as
//! they pass by, [`DatasetRules`] judges a whole dataset. The semantics are those of AWS's documentation
//! (<https://docs.aws.amazon.com/glue/latest/dg/dqdl.html>); where the open-source engine differs, the documentation wins.
//!
//! ```
//! let ruleset = lakegate_quality::parse("Rules = [ IsComplete \"order_id\", RowCount > 0 ]", "orders.dqdl")?;
//! assert_eq!(ruleset.rules().len(), 2);
//! let error = lakegate_quality::parse("Rules = [ IsCmplete \"order_id\" ]", "orders.dqdl").unwrap_err();
//! assert_eq!(error.advice(), Some("did you mean `IsComplete`?"));
//! # Ok::<(), lakegate_contract::Error>(())
//! ```

mod age;
mod anomaly;
mod ast;
mod castable;
mod check;
mod compare;
mod condition;
mod custom_sql;
mod dataset;
mod distribution;
mod dynamic;
mod encoding;
mod extremes;
mod files;
mod finding;
mod format;
mod history;
mod judge;
mod keys;
mod lexer;
mod lint;
mod matching;
mod measure;
mod measuring;
mod metric;
mod moments;
mod options;
mod outcome;
mod parser;
mod pass;
mod pattern;
mod plan_error;
mod print;
mod profile;
mod queries;
mod row;
mod row_outcome;
mod row_wise;
mod rule_type;
mod shape;
mod spark;
mod spark_time;
mod suggest;
mod untyped;

pub use ast::{Analyzer, Rule, Ruleset};
pub use check::{check, check_with_references};
pub use dataset::{DatasetRules, Scope};
pub use encoding::text_of;
pub use files::{DigestAlgorithm, FileFacts, FileListing};
pub use format::format;
pub use history::{History, Observation};
pub use lint::{Concern, Warning, lint};
pub use options::{Composite, FilteredRows, Options};
pub use outcome::{AnalyzerOutcome, Evaluation, RuleOutcome, RuleResult};
pub use parser::parse;
pub use row::{RowRules, RowVerdict};
pub use row_outcome::{EVALUATION_RESULT, JudgedRows, RULES_FAIL, RULES_PASS, RULES_SKIP, RowOutcomes};
pub use suggest::{Sensitive, SuggestOptions, Suggested, suggest};
pub use untyped::untyped;

/// Reads any bytes as a ruleset, and takes what is one through everything that works on its text: the body of the fuzz target,
/// and of properties that are tested without a fuzzer.
///
/// # Panics
/// When a ruleset that parses is not printed, formatted or placed as it should be.
#[doc(hidden)]
#[expect(clippy::panic, reason = "a fuzzer's way to say that it has found something")]
pub fn exercise(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(ruleset) = parse(text, "t") else { return };
    let warnings = lint(&ruleset, None);
    if warnings.iter().any(|warning| warning.line == 0 || warning.column == 0) {
        panic!("a warning without a place");
    }
    for rule in ruleset.rules() {
        match parse(&format!("Rules = [ {} ]", rule.text()), "t") {
            Ok(again) if again.rules().first().is_some_and(|again| again.text() == rule.text()) => {}
            Ok(_) => panic!("a rule is printed as another one"),
            Err(error) => panic!("a rule is printed that is none: {error}"),
        }
    }
    match format(text, "t").map(|formatted| (format(&formatted, "t"), formatted)) {
        Ok((Ok(again), formatted)) if again == formatted => {}
        _ => panic!("formatting is not done after one time"),
    }
}

#[cfg(test)]
mod tests;
