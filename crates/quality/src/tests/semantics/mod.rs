//! What each rule type gives, worked out by hand from the documentation: ordinary values, NULL, NaN, repeated values, a column of NULLs
//! alone, no rows at all, and a `where`.

mod dates;
mod language;
mod measures;
mod others;
mod portability;
mod rows;

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use datafusion::common::TableReference;
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;

use crate::{DatasetRules, History, Options, RuleOutcome, RuleResult, Scope, parse};

/// Six rows:
///
/// | id | n    | x    | s       | day        | price | void | blank |
/// |----|------|------|---------|------------|-------|------|-------|
/// | 1  | 2    | 1.0  | a       | 2026-03-01 | 0.10  | NULL | NULL  |
/// | 2  | 2    | NaN  | bb      | 2026-03-02 | 0.20  | NULL | NULL  |
/// | 3  | NULL | NULL | NULL    | NULL       | 0.30  | NULL | NULL  |
/// | 4  | 0    | 4.0  | (empty) | 2026-03-02 | NULL  | NULL | NULL  |
/// | 5  | 6    | 4.0  | 2 spaces| 2020-01-01 | 10.00 | NULL | NULL  |
/// | 6  | -2   | -2.0 | bb      | 2026-03-09 | 0.30  | NULL | NULL  |
pub(super) fn six() -> RecordBatch {
    let price = Decimal128Array::from(vec![Some(10), Some(20), Some(30), None, Some(1000), Some(30)]);
    table(vec![
        ("id", Arc::new(Int64Array::from(vec![1, 2, 3, 4, 5, 6]))),
        ("n", Arc::new(Int64Array::from(vec![Some(2), Some(2), None, Some(0), Some(6), Some(-2)]))),
        ("x", floats(&[Some(1.0), Some(f64::NAN), None, Some(4.0), Some(4.0), Some(-2.0)])),
        ("s", Arc::new(StringArray::from(vec![Some("a"), Some("bb"), None, Some(""), Some("  "), Some("bb")]))),
        ("day", days(&[Some(20_513), Some(20_514), None, Some(20_514), Some(18_262), Some(20_521)])),
        ("price", Arc::new(price.with_precision_and_scale(10, 2).unwrap())),
        ("void", floats(&[None; 6])),
        ("blank", Arc::new(StringArray::from(vec![None::<&str>; 6]))),
    ])
}

/// Each of the six rows twice.
fn twice() -> RecordBatch {
    let once = six();
    concat_batches(&once.schema(), [&once, &once]).unwrap()
}

/// None of them.
fn none() -> RecordBatch {
    six().slice(0, 0)
}

fn table(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, values)| (name, values, true))).unwrap()
}

fn floats(values: &[Option<f64>]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

/// Days since 1970-01-01.
fn days(values: &[Option<i32>]) -> ArrayRef {
    Arc::new(Date32Array::from(values.to_vec()))
}

/// A rule, its result, and all its metrics.
type Case<'a> = (&'a str, RuleResult, Vec<(&'a str, f64)>);

const PASS: RuleResult = RuleResult::Pass;
const FAIL: RuleResult = RuleResult::Fail;

async fn judged(data: &RecordBatch, references: &[(&str, RecordBatch)], rule: &str) -> RuleOutcome {
    let ruleset = parse(&format!("Rules = [ {rule} ]"), "t").unwrap_or_else(|error| panic!("{rule}: {error}"));
    let context = SessionContext::new();
    context.register_batch("primary", data.clone()).unwrap();
    for (alias, batch) in references {
        let table = MemTable::try_new(batch.schema(), vec![vec![batch.clone()]]).unwrap();
        context.register_table(TableReference::bare(*alias), Arc::new(table)).unwrap();
    }
    let rules = DatasetRules::compile(&ruleset, data.schema(), Scope::Whole, &Options::default()).unwrap();
    let whole = rules.evaluate(&context, &History::new()).await.unwrap().outcomes.swap_remove(0);
    let metered = passing_by(rules, data, &context).await;
    assert_eq!((metered.result, &metered.message), (whole.result, &whole.message), "{rule}");
    let same = metered.metrics.iter().zip(&whole.metrics).all(|(a, b)| a.0 == b.0 && near(*a.1, *b.1));
    assert!(same && metered.metrics.len() == whole.metrics.len(), "{rule}: {metered:?} and {whole:?}");
    whole
}

/// The same with the rows one by one through a meter that two threads share, as in a load.
async fn passing_by(rules: DatasetRules, data: &RecordBatch, context: &SessionContext) -> RuleOutcome {
    let rules = rules.metered(1 << 20, 2);
    if let Some(columns) = rules.columns() {
        let places: Vec<usize> = columns.fields().iter().map(|f| data.schema().index_of(f.name()).unwrap()).collect();
        let rows = data.project(&places).unwrap();
        let add = |first: usize| {
            (first..rows.num_rows()).step_by(2).for_each(|row| rules.add(&rows.slice(row, 1)).unwrap());
        };
        std::thread::scope(|threads| {
            threads.spawn(|| add(0));
            threads.spawn(|| add(1));
        });
    }
    rules.evaluate(data.num_rows() as u64, context, &History::new()).await.unwrap().outcomes.swap_remove(0)
}

fn near(found: f64, expected: f64) -> bool {
    found == expected
        || (found.is_nan() && expected.is_nan())
        || (found - expected).abs() <= 1e-12 * expected.abs().max(1.0)
}

/// Fails with all cases that differ.
async fn compare(data: &RecordBatch, references: &[(&str, RecordBatch)], cases: &[Case<'_>]) {
    let mut differences = Vec::new();
    for (rule, result, metrics) in cases {
        let found = judged(data, references, rule).await;
        let has = |(name, value): &(&str, f64)| found.metrics.get(*name).is_some_and(|found| near(*found, *value));
        if found.result != *result || found.metrics.len() != metrics.len() || !metrics.iter().all(has) {
            differences.push(format!("{rule}: expected {result} {metrics:?}, found {found:?}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Conditions over a column of single rows, and how many of its rows satisfy each.
async fn count(data: &RecordBatch, rule: &str, metric: &str, cases: &[(&str, usize)]) {
    let mut differences = Vec::new();
    for (condition, rows) in cases {
        let found = judged(data, &[], &format!("{rule} {condition}")).await;
        let share = *rows as f64 / data.num_rows() as f64;
        let result = if *rows == data.num_rows() { PASS } else { FAIL };
        if found.metrics.get(metric).is_none_or(|m| (m - share).abs() > 1e-12) || found.result != result {
            differences.push(format!("{rule} {condition}: expected {rows} rows, found {found:?}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
