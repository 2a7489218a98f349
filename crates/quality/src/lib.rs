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

mod ast;
mod check;
mod compare;
mod condition;
mod custom_sql;
mod dataset;
mod finding;
mod keys;
mod lexer;
mod measure;
mod moments;
mod outcome;
mod parser;
mod pattern;
mod print;
mod queries;
mod row;
mod rule_type;
mod spark;

pub use ast::{Rule, Ruleset};
pub use check::{check, check_with_references};
pub use dataset::{DatasetRules, Scope};
pub use outcome::{RuleOutcome, RuleResult};
pub use parser::parse;
pub use row::{RowRules, RowVerdict};

#[cfg(test)]
mod tests;
