//! Parsing, checking and judging together.

mod history;
mod pairs;
mod row_keys;
mod row_wise;
mod semantics;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray};
use datafusion::prelude::SessionContext;
use proptest::prelude::*;

use crate::{DatasetRules, RowRules, RuleResult, Scope, check, parse};

/// Five rows:
///
/// | id | status | amount | score | day        | ref  |
/// |----|--------|--------|-------|------------|------|
/// | 1  | paid   | 10.50  | 1.0   | 2026-03-01 | 1    |
/// | 2  | lost   | -0.10  | NaN   | 2026-03-02 | 2    |
/// | 3  | NULL   | NULL   | NULL  | NULL       | NULL |
/// | 3  | (empty)| 0.30   | 2.0   | 2026-03-09 | 9    |
/// | 5  | (space)| 99.99  | 3.0   | 1999-12-31 | 1    |
fn data() -> RecordBatch {
    let amounts =
        Decimal128Array::from(vec![Some(1050), Some(-10), None, Some(30), Some(9999)]).with_precision_and_scale(12, 2);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from(vec![1, 2, 3, 3, 5]))),
        ("status", Arc::new(StringArray::from(vec![Some("paid"), Some("lost"), None, Some(""), Some(" ")]))),
        ("amount", Arc::new(amounts.unwrap())),
        ("score", Arc::new(Float64Array::from(vec![Some(1.0), Some(f64::NAN), None, Some(2.0), Some(3.0)]))),
        ("day", Arc::new(Date32Array::from(vec![Some(20513), Some(20514), None, Some(20521), Some(10956)]))),
        ("ref", Arc::new(Int64Array::from(vec![Some(1), Some(2), None, Some(9), Some(1)]))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap()
}

fn references() -> RecordBatch {
    RecordBatch::try_from_iter([("id", Arc::new(Int64Array::from(vec![1, 2, 2, 3])) as ArrayRef)]).unwrap()
}

/// Rows 1 to 4 of the data, the second with another number, the third without its key; row 1 has no other.
fn twins() -> RecordBatch {
    let money = Decimal128Array::from(vec![Some(1050), Some(-10), None, Some(30)]).with_precision_and_scale(12, 2);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("money", Arc::new(money.unwrap())),
        ("number", Arc::new(Int64Array::from(vec![1, 7, 3, 3]))),
        ("word", Arc::new(StringArray::from(vec![Some("paid"), Some("lost"), None, Some("")]))),
        ("other", Arc::new(Int64Array::from(vec![None, Some(2), None, Some(9)]))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap()
}

async fn judge_over(batch: RecordBatch, rule: &str) -> crate::RuleOutcome {
    let ruleset = parse(&format!("Rules = [ {rule} ]"), "t.dqdl").unwrap_or_else(|e| panic!("{rule}: {e}"));
    let context = SessionContext::new();
    let schema = batch.schema();
    context.register_batch("primary", batch).unwrap();
    context.register_batch("users", references()).unwrap();
    context.register_batch("twins", twins()).unwrap();
    let rules = DatasetRules::compile(&ruleset, schema, Scope::Whole, &crate::Options::default()).unwrap();
    rules.evaluate(&context, &crate::History::new()).await.unwrap().outcomes.swap_remove(0)
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
async fn each_rule_holds_or_not_as_worked_out_by_hand() {
    for (rule, holds) in [
        ("RowCount = 5", true),
        ("RowCount between 5 and 9", false), // exclusive
        ("RowCount between 4 and 6", true),
        ("RowCount not between 5 and 9", true),
        ("RowCount = 2 where \"id = 3\"", true),
        ("RowCount in [4, 5]", true),
        // Names in any case, Spark's functions, Java's regular expressions.
        ("RowCount = 2 where \"ID / 2 = 1.5\"", true),
        ("RowCount = 1 where \"status rlike '^p\\\\w+(?=d)'\"", true),
        ("ColumnValues \"status\" matches \"(?!x)[a-z]+\" where \"isnotnull(STATUS) and trim(status) <> ''\"", true),
        ("ColumnValues \"status\" matches \"(.).*\\1\" where \"id = 1\"", false),
        ("CustomSql \"select max(datediff(day, '2026-03-01')) from PRIMARY where Day > '2000-01-01'\" = 8", true),
        ("ColumnCount = 6", true),
        // NULL alone is of every type.
        ("ColumnValues \"status\" != NULL", false),
        ("ColumnValues \"status\" != NULL where \"id <> 3\"", true),
        ("ColumnValues \"day\" != NULL where \"id <> 3\"", true),
        ("ColumnValues \"day\" not in [NULL] where \"id = 1\"", true),
        ("ColumnValues \"status\" in [NULL] where \"id = 1\"", false),
        ("ColumnExists \"id\"", true),
        ("ColumnNamesMatchPattern \"[a-z]\"", true), // searched for, not the whole name
        ("ColumnNamesMatchPattern \"^.{3,}$\"", false), // `id` has two letters
        ("DistinctValuesCount \"id\" = 4", true),    // 1, 2, 3, 5
        ("DistinctValuesCount \"ref\" = 4", true),   // 1, 2, 9 and NULL
        ("DistinctValuesCount \"ref\" = 3 where \"ref is not null\"", true),
        ("UniqueValueRatio \"id\" = 0.75", true), // 1, 2, 5 of 1, 2, 3, 5
        ("UniqueValueRatio \"ref\" between 0.66 and 0.67", true), // 2, 9 of 1, 2, 9
        ("UniqueValueRatio \"id\" = 1 where \"id < 3\"", true),
        // Of 1, 1, 2, 9 half are 1: ln 2 / 2 + 2 · ln 4 / 4 = 1.5 ln 2 = 1.0397
        ("Entropy \"ref\" between 1.0397 and 1.0398", true),
        ("Entropy \"id\" = 0 where \"id = 3\"", true),
        ("Entropy \"ref\" >= 0 where \"id > 9\"", false), // no value
        // 1, 2, 3, 3, 5: mean 2.8, squares 3.24 + 0.64 + 0.04 + 0.04 + 4.84 = 8.8, by 5
        ("Variance \"id\" between 1.7599 and 1.7601", true),
        ("StandardDeviation \"id\" between 1.3266 and 1.3267", true),
        ("StandardDeviation \"id\" = 0 where \"id = 3\"", true),
        ("StandardDeviation \"score\" > 0", false), // NaN
        // Rows 1, 2, 4, 5: id 1, 2, 3, 5 (mean 2.75), ref 1, 2, 9, 1 (mean 3.25): products 1.25, squares 8.75 and 44.75
        ("ColumnCorrelation \"id\" \"ref\" between 0.0631 and 0.0632", true),
        ("ColumnCorrelation \"id\" \"id\" > 0.9999", true),
        ("ColumnCorrelation \"id\" \"ref\" > 0 where \"id = 3\"", false), // one row does not vary
        // 1, 2, 3, 3, 5: distances -1.8, -0.8, 0.2, 0.2, 2.2: squares 8.8, cubes 4.32, fourth powers 34.336
        // √5 · 4.32 / 8.8^1.5 = 9.6598 / 26.105 = 0.3700; 5 · 34.336 / 77.44 - 3 = -0.7831
        ("Skewness \"id\" between 0.3700 and 0.3701", true),
        ("Kurtosis \"id\" between -0.7831 and -0.7830", true),
        ("Skewness \"id\" = 0 where \"id = 3\"", true),
        ("Kurtosis \"id\" >= 0 where \"id > 9\"", false), // no value
        ("Range \"id\" = 4", true),
        ("Range \"amount\" between 100.0899 and 100.0901", true), // 99.99 - -0.10, as doubles
        ("Range \"amount\" = 0 where \"id = 1\"", true),
        ("Range \"amount\" >= 0 where \"amount is null\"", false), // no value
        // Places 1 and 3 of 1, 2, 3, 3, 5: 3 - 2
        ("InterquartileRange \"id\" = 1", true),
        // -0.1, 0.3, 10.5, 99.99: places 0.75 and 2.25: 0.2 and 32.8725
        ("InterquartileRange \"amount\" between 32.672 and 32.673", true),
        ("InterquartileRange \"id\" = 0 where \"id = 3\"", true),
        ("InterquartileRange \"id\" = 0 where \"id > 9\"", false), // no value
        ("ZerosCount \"id\" = 0", true),
        ("ZerosCount \"ref\" = 0 where \"id > 9\"", true),
        ("DuplicateRowCount \"id\" = 2", true),  // 3 and 3
        ("DuplicateRowCount \"ref\" = 2", true), // 1 and 1; NULL is left out
        ("DuplicateRowCount \"id\" \"ref\" = 0", true),
        ("DuplicateRowCount = 0", true),
        ("DuplicateRowCount \"id\" = 0 where \"status is not null\"", true),
        ("RowCountMatch \"users\" = 1.25", true), // 5 of 4
        ("RowCountMatch \"users\" = 1.0", false),
        ("SchemaMatch \"primary\" = 1.0", true),
        ("SchemaMatch \"users\" = 0.0", true), // 6 columns and 1
        ("AggregateMatch \"sum(id)\" \"sum(users.id)\" = 1.75", true), // 14 of 8
        ("AggregateMatch \"avg(id)\" \"AVG(users.id)\" between 1.39 and 1.41", true), // 2.8 of 2
        ("AggregateMatch \"sum(users.id)\" \"sum(amount)\" < 0.08", true), // 8 of 110.69
        ("DatasetMatch \"users\" \"id\" \"id\" > 0.5", false), // ids are not unique
        ("DatasetMatch \"twins\" \"amount->money\" \"id->number,status->word\" = 0.4", true), // rows 1 and 4 of five
        ("DatasetMatch \"twins\" \"amount->money\" \"id->number\" = 0.4", true),
        ("DatasetMatch \"twins\" \"amount->money\" \"ref->other\" = 0.4", true), // NULL is NULL: rows 2 and 4
        ("ColumnDataType \"status\" = \"Integer\"", false),
        ("ColumnDataType \"status\" != \"Integer\"", true), // NULL is not one either
        ("ColumnDataType \"status\" != \"Boolean\" with threshold = 1.0", true),
        ("ColumnDataType \"id\" = \"LONG\"", true),
        ("ColumnDataType \"amount\" = \"double\"", false), // NULL
        ("ColumnDataType \"amount\" = \"double\" with threshold = 0.8", true),
        ("ColumnDataType \"amount\" = \"double\" where \"amount is not null\"", true),
        ("ColumnDataType \"day\" = \"Date\" where \"id <> 3\"", true),
        ("ColumnDataType \"day\" in [\"Integer\", \"Boolean\"] where \"id <> 3\"", false),
        ("DataFreshness \"day\" > 24 hours where \"day is not null\"", true),
        ("DataFreshness \"day\" > 24 hours", false), // NULL has no age
        ("DataFreshness \"day\" <= 90 minutes where \"id = 1\"", false),
        ("DataFreshness \"day\" not between 1 hours and 20000 days where \"id = 5\"", false),
        ("ColumnExists \"nope\"", false),
        ("IsComplete \"id\"", true),
        ("IsComplete \"status\"", false),
        ("IsComplete \"status\" where \"id <> 3\"", true),
        ("Completeness \"status\" = 0.8", true), // the empty string is complete
        ("Completeness \"status\" > 0.8", false),
        ("IsUnique \"id\"", false),
        ("Uniqueness \"id\" = 0.6", true), // 1, 2 and 5 occur once
        ("IsUnique \"amount\"", true),     // NULL is left out
        ("IsUnique \"id\" \"status\"", true),
        ("IsPrimaryKey \"id\"", false),
        ("IsPrimaryKey \"amount\"", false), // unique, not complete
        ("IsPrimaryKey \"id\" where \"id < 3\"", true),
        ("ColumnValues \"id\" > 0", true),
        ("ColumnValues \"id\" >= 1.5", false),
        ("ColumnValues \"id\" between 0 and 6", true),
        ("ColumnValues \"id\" between 1 and 6", false),
        ("ColumnValues \"amount\" > -0.11", false), // NULL fails
        ("ColumnValues \"amount\" > -0.11 where \"amount is not null\"", true),
        ("ColumnValues \"amount\" >= -0.1 where \"amount is not null\"", true),
        ("ColumnValues \"amount\" != 7", true), // NULL passes !=
        ("ColumnValues \"amount\" not in [7, 0.3]", false),
        ("ColumnValues \"amount\" in [10.5, -0.1, 0.30, 99.99, NULL]", true),
        ("ColumnValues \"score\" > 0 where \"id = 2\"", true), // NaN is greater than every number
        ("ColumnValues \"status\" in [\"paid\", \"lost\"]", false),
        ("ColumnValues \"status\" in [\"paid\", \"lost\", NULL, EMPTY, WHITESPACES_ONLY]", true),
        ("ColumnValues \"status\" in [\"paid\", \"lost\"] with threshold >= 0.4", true),
        ("ColumnValues \"status\" in [\"paid\", \"lost\"] with threshold > 0.4", false),
        ("ColumnValues \"status\" != NULL", false),
        ("ColumnValues \"status\" = NULL where \"id = 3 and status is null\"", true),
        ("ColumnValues \"status\" not in [\"x\"]", true), // NULL passes
        ("ColumnValues \"status\" not in [\"x\", NULL]", false),
        ("ColumnValues \"status\" matches \"pa|lost\" where \"id < 3\"", false), // the whole value must match
        ("ColumnValues \"status\" matches \"pa.*|lost\" where \"id < 3\"", true),
        ("ColumnValues \"status\" not matches \"x.*\" where \"id < 3\"", true),
        ("ColumnValues \"day\" > \"1999-12-30\" where \"day is not null\"", true),
        ("ColumnValues \"day\" between \"1999-12-31\" and \"2026-12-31\" where \"day is not null\"", false),
        ("ColumnValues \"day\" <= now() where \"day is not null\"", true),
        ("ColumnValues \"day\" > (now() - 10 days)", false),
        ("ColumnLength \"status\" < 5", true), // NULL has length 0
        ("ColumnLength \"status\" > 0", false),
        ("Mean \"id\" = 2.8", true), // 14 / 5
        ("Sum \"amount\" = 110.69", true),
        ("Sum \"amount\" = 0.3 where \"id = 3\"", true),
        ("Mean \"amount\" > 0 where \"id = 99\"", false), // nothing to measure
        ("ReferentialIntegrity \"ref\" \"users.id\" = 0.6", true), // 1, 2 and 1 of five; NULL and 9 are not there
        ("ReferentialIntegrity \"ref\" \"users.{id}\" >= 1.0", false),
        ("CustomSql \"select count(*) from primary where id = 3\" = 2", true),
        ("CustomSql \"select max(id) from primary\" > 5", false),
        ("CustomSql \"select id from primary where id < 4\"", false),
        ("CustomSql \"select id from primary where id < 4\" with threshold = 0.8", true),
        ("(RowCount > 0) and (IsUnique \"id\")", false),
        ("(RowCount > 0) or (IsUnique \"id\")", true),
        ("((RowCount > 9) or (ColumnCount > 1)) and (IsComplete \"id\")", true),
        ("CustomSql \"select 10 div 3 * 2\" = 6", true), // from the left
        ("CustomSql \"select 20 div 2 div 5 + 1\" = 3", true),
        ("RowCount = 2 where \"id div 2 = 1\"", false), // 2, 3, 3
        ("RowCount = 3 where \"id div 2 = 1\"", true),
        ("RowCount = 1 where \"year(day) = 1999\"", true),
        (
            "RowCount = 5 where \"coalesce(amount, 0) < 100 and datediff(now(), coalesce(day, date '2026-01-01')) > 5\"",
            true,
        ),
        ("RowCount = 1 + 2 * 3 - 4", true), // (1 + 2) * 3 - 4
    ] {
        let outcome = judge_over(data(), rule).await;
        let expected = if holds { RuleResult::Pass } else { RuleResult::Fail };
        assert_eq!(outcome.result, expected, "{rule}: {outcome:?}");
        assert_eq!(outcome.message.is_some(), !holds, "{rule}");
    }
}

#[tokio::test]
async fn an_empty_dataset_has_no_bad_row_and_nothing_to_measure() {
    for (rule, holds) in [
        ("RowCount = 0", true),
        ("IsComplete \"id\"", true),
        ("ColumnValues \"id\" > 0", true),
        ("Completeness \"id\" > 0.5", false),
        ("IsUnique \"id\"", false),
        ("Sum \"id\" = 0", false),
        ("ReferentialIntegrity \"ref\" \"users.id\" > 0", false),
        ("Skewness \"id\" >= 0", false),
        ("Range \"id\" >= 0", false),
        ("InterquartileRange \"id\" >= 0", false),
        ("ZerosCount \"id\" = 0", true),
        ("DuplicateRowCount = 0", true),
        ("RowCountMatch \"users\" = 0.0", true),
        ("AggregateMatch \"sum(id)\" \"sum(users.id)\" >= 0", false),
        ("DatasetMatch \"twins\" \"amount->money\" \"id->number\" >= 0", false),
        ("ColumnDataType \"status\" = \"Integer\"", true),
        ("DataFreshness \"day\" <= 1 hours", true),
    ] {
        let outcome = judge_over(data().slice(0, 0), rule).await;
        assert_eq!(outcome.result == RuleResult::Pass, holds, "{rule}: {outcome:?}");
    }
}

#[tokio::test]
async fn metrics_carry_glues_names() {
    let outcome = judge_over(data(), "IsPrimaryKey \"id\" \"status\"").await;
    assert_eq!(
        outcome.metrics,
        BTreeMap::from([
            ("Column.id.Completeness".to_owned(), 1.0),
            ("Column.status.Completeness".to_owned(), 0.8),
            ("Multicolumn.id,status.Uniqueness".to_owned(), 1.0),
        ])
    );
}

#[tokio::test]
async fn a_rule_that_cannot_be_judged_does_not_stop_the_others() {
    for rule in [
        "IsComplete \"nope\"",
        "CustomSql \"drop table primary\" > 0",
        "CustomSql \"select id from primary\" > 0",
        "Sum \"status\" > 0",
    ] {
        assert_eq!(judge_over(data(), rule).await.result, RuleResult::Error, "{rule}");
    }
}

#[tokio::test]
async fn a_rule_that_fails_on_the_data_stops_no_other() {
    let ruleset = parse(
        "Rules = [ RowCount = 5, ColumnValues \"status\" matches \"(?!x)(p|pa|a|ai|i|id|d|l|lo|o|os|s|st|t)+#\", IsComplete \"id\" ]",
        "t",
    );
    let context = SessionContext::new();
    let word = "paid".repeat(40);
    let batch = RecordBatch::try_from_iter([
        ("id", Arc::new(Int64Array::from(vec![1; 5])) as ArrayRef),
        ("status", Arc::new(StringArray::from(vec![word.as_str(); 5])) as ArrayRef),
    ])
    .unwrap();
    context.register_batch("primary", batch.clone()).unwrap();
    let rules =
        DatasetRules::compile(&ruleset.unwrap(), batch.schema(), Scope::Whole, &crate::Options::default()).unwrap();
    let evaluation = rules.evaluate(&context, &crate::History::new()).await.unwrap();
    let results: Vec<RuleResult> = evaluation.outcomes.iter().map(|outcome| outcome.result).collect();
    assert_eq!(results, [RuleResult::Pass, RuleResult::Error, RuleResult::Pass]);
    assert!(!evaluation.outcomes[1].message.as_ref().unwrap().contains("paid"));
}

#[test]
fn row_rules_say_which_rows_break_which_rule() {
    let text =
        "Rules = [ IsComplete \"status\", RowCount > 9, ColumnValues \"amount\" >= 0 where \"amount is not null\",
        (ColumnValues \"id\" = 1) or (ColumnValues \"id\" = 2), ColumnValues \"id\" > 9 with threshold > 0.1 ]";
    let rules = RowRules::compile(&parse(text, "t").unwrap(), data().schema()).unwrap();
    assert_eq!(rules.rules().len(), 3);
    let verdict = rules.judge(&data()).unwrap();
    let rows = |mask: &arrow::array::BooleanArray| mask.iter().map(|v| u8::from(v.unwrap())).collect::<Vec<_>>();
    assert_eq!(rows(&verdict.passed), [1, 0, 0, 0, 0]);
    let failed: Vec<_> = verdict.failed.iter().map(|(rule, mask)| (*rule, rows(mask))).collect();
    assert_eq!(failed, [(0, vec![0, 0, 1, 0, 0]), (1, vec![0, 1, 0, 0, 0]), (2, vec![0, 0, 1, 1, 1])]);
}

#[test]
fn labels_decide_whether_a_rule_closes_the_gate() {
    let ruleset =
        parse("DefaultLabels = [\"team\"=\"shop\"] Rules = [ RowCount > 0 labels=[\"gate\"=\"warn\"] ]", "t").unwrap();
    let labels = ruleset.rules()[0].labels();
    assert_eq!((labels["team"].as_str(), labels["gate"].as_str()), ("shop", "warn"));
}

fn error_of(text: &str) -> String {
    let error = parse(text, "r.dqdl").unwrap_err();
    format!("{error} | {}", error.advice().unwrap_or("-"))
}

#[test]
fn mistakes_are_placed_and_answered() {
    let long = |text: &str| error_of(text).split("; expected one of RowCount").next().unwrap().to_owned();
    insta::assert_snapshot!(long("Rules = [\n  IsCmplete \"a\"\n]"), @"r.dqdl:2:3: `IsCmplete` is not a rule type");
    insta::assert_snapshot!(long("rules = [ RowCount > 0 ]"), @"r.dqdl:1:1: found `rules`; expected `Rules = [ … ]` | did you mean `Rules`?");
    insta::assert_snapshot!(error_of("Rules = [ RowCount ]"), @"r.dqdl:1:11: `RowCount` has no condition; expected a condition over numbers, such as `> 0.9` | -");
    insta::assert_snapshot!(error_of("Rules = [ RowCount > \"5\" ]"), @"r.dqdl:1:20: strings cannot be ordered; expected `=`, `!=`, `in`, `not in` or `matches` | a number stands without quotes");
    insta::assert_snapshot!(error_of("Rules = [ RowCount => 5 ]"), @"r.dqdl:1:20: `=>` is no operator of DQDL | did you mean `>=`?");
    insta::assert_snapshot!(error_of("Rules = [ RowCount <> 5 ]"), @"r.dqdl:1:20: `<>` is no operator of DQDL | did you mean `!=`?");
    insta::assert_snapshot!(error_of("Rules = [ RowCount > 5, ]"), @"r.dqdl:1:25: found `]`; expected another rule after the comma | delete the comma behind the last rule");
    insta::assert_snapshot!(error_of("Rules = [ IsComplete \"a\" IsUnique \"b\" ]"), @"r.dqdl:1:11: `IsComplete` has 3 parameters; expected 1 | a comma, `and` or `or` is missing before the rule `IsUnique`");
    insta::assert_snapshot!(error_of("# nothing\n"), @"r.dqdl:2:1: the ruleset is empty; expected `Rules = [ … ]` | -");
    insta::assert_snapshot!(error_of("Rules = [ IsComplete ]"), @"r.dqdl:1:11: `IsComplete` has 0 parameters; expected 1 | -");
    insta::assert_snapshot!(error_of("Rules = [ RowCount between 1 or 2 ]"), @"r.dqdl:1:30: found `or`; expected `and`: between A and B, both ends excluded | -");
    insta::assert_snapshot!(error_of("Rules = [ RowCount > 0 "), @"r.dqdl:1:24: the ruleset ends; expected `,` and another rule, `]`, `and`, `or`, a condition, `where`, `labels` or `with` | -");
    insta::assert_snapshot!(error_of("Rules = [ ColumnValues \"a\" in [] ]"), @"r.dqdl:1:32: found `]`; expected a value: a number, a string, a date, `NULL`, `EMPTY`, `WHITESPACES_ONLY` or `now()` | -");
    insta::assert_snapshot!(error_of("Rules = [ RowCount > $n ]"), @"r.dqdl:1:22: `$n` is not defined | define it above the rules: name = \"value\"");
    insta::assert_snapshot!(error_of("Rules = [ ColumnCount > 1 where \"x\" ]"), @"r.dqdl:1:27: `ColumnCount` takes no `where` | -");
    insta::assert_snapshot!(error_of("Rules = [ RowCount > 0 ]]"), @"r.dqdl:1:25: found `]`; expected the end of the ruleset | -");
    insta::assert_snapshot!(error_of("Rules = [ ColumnValues \"a\" > now() - 3 days ]"), @"r.dqdl:1:36: found `-`; expected `,` and another rule, `]`, `and`, `or`, a condition, `where`, `labels` or `with` | put it in parentheses, such as `(now() - 3 days)`");
}

#[test]
fn habits_of_other_languages_are_answered() {
    insta::assert_snapshot!(error_of("Rules = [ Uniqueness \"a\",\"b\" > 0.5 ]"), @r#"r.dqdl:1:11: `Uniqueness` has no condition; expected a condition over numbers, such as `> 0.9` | between the parameters of a rule stand no commas, such as `Uniqueness "a" "b" > 0.5`"#);
    insta::assert_snapshot!(error_of("Rules = [ IsPrimaryKey \"a\", \"b\" ]"), @r#"r.dqdl:1:29: found a string; expected another rule after the comma | between the parameters of a rule stand no commas, such as `Uniqueness "a" "b" > 0.5`"#);
    insta::assert_snapshot!(error_of("Rules = [ ColumnCorrelation \"a\",\"b\" > 0.5 ]"), @r#"r.dqdl:1:11: `ColumnCorrelation` has 1 parameters; expected 2 | between the parameters of a rule stand no commas, such as `Uniqueness "a" "b" > 0.5`"#);
    insta::assert_snapshot!(error_of("Rules = [ Completeness \"a\" > 0,5 ]"), @r"r.dqdl:1:32: found `5`; expected another rule after the comma | decimals have a point, such as `0.5`");
    insta::assert_snapshot!(error_of("Rules = [ ColumnValues \"a\" between 0,5 and 1 ]"), @r"r.dqdl:1:37: found `,`; expected `and`: between A and B, both ends excluded | decimals have a point, such as `0.5`");
    insta::assert_snapshot!(error_of("Rules = [ ColumnValues \"s\" is not null ]"), @r"r.dqdl:1:11: `ColumnValues` has 2 parameters; expected 1 | `IsComplete` asks that no value is NULL; `= NULL` and `!= NULL` are conditions of `ColumnValues`");
    insta::assert_snapshot!(error_of("Rules = [ ColumnValues \"s\" IS NULL ]"), @r"r.dqdl:1:31: `NULL` is a word of the language | `IsComplete` asks that no value is NULL; `= NULL` and `!= NULL` are conditions of `ColumnValues`");
    insta::assert_snapshot!(error_of("Rules = [ ColumnValues \"s\" like \"p%\" ]"), @r"r.dqdl:1:11: `ColumnValues` has 3 parameters; expected 1 | write `matches` and a regular expression, in which `.*` stands for the `%` of `like`");
    insta::assert_snapshot!(error_of("Rules = [ IsComplete “s” ]"), @r#"r.dqdl:1:22: `“` is no quote of DQDL: use straight ones, "like these" | -"#);
    insta::assert_snapshot!(error_of("Rules = [ ColumnValues \"s\" > 0 with treshold > 0.5 ]"), @r#"r.dqdl:1:37: found `treshold`; expected `threshold` and a condition, or a tag such as `name = "value"` | did you mean `threshold`?"#);
}

#[test]
fn statistics_of_what_is_no_number_are_found_before_the_data_is_read() {
    for rule in [
        "StandardDeviation \"status\" > 0",
        "Variance \"day\" > 0",
        "ColumnCorrelation \"status\" \"id\" > 0",
        "ColumnCorrelation \"id\" \"status\" > 0",
        "ColumnCorrelation \"id\" \"nope\" > 0",
        "ColumnNamesMatchPattern \"(\"",
    ] {
        let ruleset = parse(&format!("Rules = [ {rule} ]"), "r").unwrap();
        assert_eq!(check(&ruleset, &data().schema(), None).len(), 1, "{rule}");
    }
    let good = parse("Rules = [ Entropy \"status\" > 0, ColumnCorrelation \"id\" \"amount\" > 0 ]", "r").unwrap();
    assert!(check(&good, &data().schema(), None).is_empty());
}

#[test]
fn rules_over_other_datasets_are_checked_before_any_is_read() {
    let references =
        BTreeMap::from([("users".to_owned(), references().schema()), ("twins".to_owned(), twins().schema())]);
    for (rule, problems) in [
        ("RowCountMatch \"users\" = 1", 0),
        ("RowCountMatch \"nobody\" = 1", 1),
        ("SchemaMatch \"user\" = 1", 1),
        ("AggregateMatch \"sum(id)\" \"sum(users.id)\" = 1", 0),
        ("AggregateMatch \"sum(status)\" \"sum(users.id)\" = 1", 1),
        ("AggregateMatch \"sum(id)\" \"sum(users.nope)\" = 1", 1),
        ("AggregateMatch \"max(id)\" \"sum(users.id)\" = 1", 1),
        ("DatasetMatch \"twins\" \"amount->money\" \"id->number\" = 1", 0),
        ("DatasetMatch \"twins\" \"amount->money\" = 1", 5), // all other columns under their own names
        ("DatasetMatch \"twins\" \"nope->money\" \"id->number\" = 1", 1),
        ("DatasetMatch \"twins\" \",\" \"id->number\" = 1", 1),
        ("ReferentialIntegrity \"ref,id\" \"users.id\" = 1", 1),
        ("ColumnDataType \"status\" = \"Text\"", 1),
        ("ColumnDataType \"status\" matches \"Int.*\"", 1),
        ("ColumnDataType \"status\" = \"Date\" with format = \"yyyy\"", 1),
        ("DataFreshness \"amount\" < 1 hours", 1),
        ("Kurtosis \"status\" < 1", 1),
    ] {
        let ruleset = parse(&format!("Rules = [ {rule} ]"), "r").unwrap();
        let found = check(&ruleset, &data().schema(), Some(&references));
        assert_eq!(found.len(), problems, "{rule}: {found:?}");
    }
}

#[test]
fn checking_finds_every_problem() {
    let text = "Rules = [\n IsComplete \"stauts\",\n DetectAnomalies \"RowCounts\",\n ColumnValues \"status\" matches \"(a\",\n Sum \"status\" > 1,\n \
        ReferentialIntegrity \"ref\" \"user.id\" = 1,\n RowCount > last(2),\n RowCount > 0 where \"nope > 1\" ]";
    let references = BTreeMap::from([("users".to_owned(), references().schema())]);
    let problems = check(&parse(text, "r").unwrap(), &data().schema(), Some(&references));
    let places: Vec<&str> = problems.iter().map(|p| p.place().unwrap()).collect();
    assert_eq!(places, ["r:2:2", "r:3:2", "r:4:2", "r:5:2", "r:6:2", "r:7:2", "r:8:2: where"]);
    assert_eq!(problems[0].advice(), Some("did you mean `status`?"));
    assert_eq!(problems[4].advice(), Some("did you mean `users`?"));
}

#[test]
fn bombs_are_refused() {
    let deep = format!("Rules = [ {} ]", "(".repeat(100_000));
    assert!(parse(&deep, "t").is_err());
    let minus = format!("Rules = [ RowCount > {}1 ]", "-".repeat(100_000));
    assert!(parse(&minus, "t").is_err());
    let flat = format!("Rules = [ CustomSql \"select {}1\" > 0 ]", "1+".repeat(5000));
    assert_eq!(check(&parse(&flat, "t").unwrap(), &data().schema(), None).len(), 1);
}

const PIECES: [&str; 24] = [
    "Rules",
    "=",
    "[",
    "]",
    "RowCount",
    "ColumnValues",
    "\"a\"",
    "> 1",
    "in",
    "[1, 2]",
    "(",
    ")",
    "and",
    "or",
    "where",
    "with",
    "threshold",
    "labels",
    ",",
    "NULL",
    "between",
    "now()",
    "- 3 days",
    "matches",
];

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,80}") {
        let _ = parse(&text, "t");
        let _ = parse(&format!("Rules = [ {text} ]"), "t");
    }

    #[test]
    fn no_order_of_words_makes_the_parser_panic(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..30)) {
        let _ = parse(&format!("Rules = [ {} ]", pieces.join(" ")), "t");
    }

    #[test]
    fn what_is_printed_parses_back(
        // No word of the language begins so.
        column in "c_[a-z]{0,7}",
        number in -1000i32..1000,
        text in "[a-z\\\\ ]{0,6}",
        negated in any::<bool>(),
    ) {
        let not = if negated { "not " } else { "" };
        let text = text.replace('\\', "\\\\");
        let rules = format!(
            "Rules = [ ColumnValues {column} {not}in [\"{text}\", NULL] where \"x > 1\" with threshold > 0.5, \
             (RowCount > {number}) and (ColumnLength {column} {not}between {number} and 2000) ]"
        );
        let first = parse(&rules, "t").unwrap();
        let printed = format!("Rules = [ {} ]", first.rules().iter().map(crate::Rule::text).collect::<Vec<_>>().join(", "));
        let second = parse(&printed, "t").unwrap();
        for (a, b) in first.rules().iter().zip(second.rules()) {
            prop_assert_eq!(a.text(), b.text());
        }
    }
}
