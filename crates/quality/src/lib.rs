//! AWS Glue's Data Quality Definition Language (DQDL), anywhere: parse, check, judge.
//!
//! [`parse`] reads a ruleset, [`check`] compares it with a dataset's schema, [`RowRules`] judges the rows of batches as
//! they pass by, [`DatasetRules`] judges a whole dataset, and [`MeteredRules`] one that passes by. The semantics are those of AWS's documentation
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
mod compared;
mod condition;
mod custom_sql;
mod dataset;
mod distribution;
mod dynamic;
mod encoding;
#[doc(hidden)]
pub mod exercise;
mod extremes;
mod files;
mod finding;
mod format;
mod history;
mod json_number;
mod judge;
mod key_search;
mod keys;
mod lexer;
mod lint;
mod matching;
mod measure;
mod measuring;
mod metered;
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
mod row_keys;
mod row_outcome;
mod row_wise;
mod rule_type;
mod shape;
mod spark;
mod spark_number;
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
pub use json_number::{json_metrics, json_number};
pub use lint::{Concern, Warning, lint};
pub use metered::MeteredRules;
pub use options::{Composite, FilteredRows, Options};

pub use outcome::{AnalyzerOutcome, Evaluation, RuleOutcome, RuleResult};
pub use parser::parse;
pub use row::{RowRules, RowVerdict};
pub use row_outcome::{EVALUATION_RESULT, JudgedRows, RULES_FAIL, RULES_PASS, RULES_SKIP, RowOutcomes};
pub use suggest::{Sensitive, SuggestOptions, Suggested, suggest};
pub use untyped::untyped;

#[cfg(test)]
mod tests;
