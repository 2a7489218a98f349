//! Which rows break rules about keys, other datasets and statements.

use std::collections::BTreeSet;

use arrow::array::{Array as _, AsArray as _, Int64Array, StringArray};

use super::*;
use crate::{Composite, FilteredRows, History, Options, RowOutcomes};

/// ids 1, 2, 2, NULL, NULL, 3; kinds a, a, b, b, NULL, NULL; amounts 10 to 60.
fn rows() -> RecordBatch {
    let columns: [(&str, ArrayRef); 3] = [
        ("id", Arc::new(Int64Array::from(vec![Some(1), Some(2), Some(2), None, None, Some(3)]))),
        ("kind", Arc::new(StringArray::from(vec![Some("a"), Some("a"), Some("b"), Some("b"), None, None]))),
        ("amount", Arc::new(Int64Array::from(vec![10, 20, 30, 40, 50, 60]))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, values)| (name, values, true))).unwrap()
}

/// Keys of other types than those of the rows: 1 twice, 3, NULL, 9.
fn other() -> RecordBatch {
    let columns: [(&str, ArrayRef); 3] = [
        ("key", Arc::new(arrow::array::Int32Array::from(vec![Some(1), Some(1), Some(3), None, Some(9)]))),
        ("kind", Arc::new(arrow::array::StringViewArray::from(vec![Some("a"), Some("b"), None, None, Some("a")]))),
        ("amount", Arc::new(arrow::array::Float64Array::from(vec![10.0, 20.0, 61.0, 40.0, 90.0]))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, values)| (name, values, true))).unwrap()
}

fn context() -> SessionContext {
    let context = SessionContext::new();
    context.register_batch("primary", rows()).unwrap();
    context.register_batch("other", other()).unwrap();
    context
}

/// For each row: `P`assed, `F`ailed or `s`kipped.
async fn said(rule: &str, filtered_rows: FilteredRows) -> String {
    let ruleset = parse(&format!("Rules = [ {rule} ]"), "t.dqdl").unwrap();
    let options = Options { filtered_rows, ..Options::default() };
    let outcomes =
        RowOutcomes::prepare(&ruleset, rows().schema(), &options, &BTreeSet::new(), &context()).await.unwrap();
    let batch = outcomes.judge(&rows()).unwrap().batch;
    let lengths = |name: &str| {
        let lists = batch.column_by_name(name).unwrap().as_list::<i32>().clone();
        (0..lists.len()).map(|row| lists.value(row).len()).collect::<Vec<_>>()
    };
    let (failed, skipped) = (lengths(crate::RULES_FAIL), lengths(crate::RULES_SKIP));
    failed.iter().zip(skipped).map(|(failed, skipped)| ["P", "F", "s"][failed + 2 * skipped]).collect()
}

#[tokio::test]
async fn the_rows_that_break_a_rule_about_keys_are_known() {
    for (rule, wanted) in [
        // A row without any key is none that the rule counts.
        ("IsUnique \"id\"", "PFFPPP"),
        ("Uniqueness \"id\" > 0.1", "PFFPPP"),
        ("UniqueValueRatio \"id\" > 0.1", "PFFPPP"),
        ("IsUnique \"amount\"", "PPPPPP"),
        // A key that is NULL in part is a key: all pairs are different but for none.
        ("IsUnique \"id\" \"kind\"", "PPPPPP"),
        ("IsPrimaryKey \"id\"", "PFFFFP"),
        ("IsPrimaryKey \"id\" \"kind\"", "PPPFFF"),
        // Of the two rows of 2 one is left out: the other is alone.
        ("IsUnique \"id\" where \"amount > 20\"", "PPPPPP"),
        ("IsUnique \"id\" where \"amount < 40\"", "PFFPPP"),
        ("IsPrimaryKey \"id\" where \"amount > 20\"", "PPPFFP"),
        // 1 and 3 stand there; NULL matches nothing.
        ("ReferentialIntegrity \"id\" \"other.key\" > 0.1", "PFFFFP"),
        ("ReferentialIntegrity \"id,kind\" \"other.{key,kind}\" > 0.1", "PFFFFF"),
        // The keys of the other dataset are not unique: no row is guilty of it.
        ("DatasetMatch \"other\" \"id->key\" > 0.1", "ssssss"),
        ("CustomSql \"select id from primary where amount < 25 or id is null\"", "PPPPPF"),
        ("CustomSql \"select id, amount from primary where amount < 25\"", "PPFFFF"),
        ("CustomSql \"select id from primary where amount < 0\" with threshold >= 0", "FFFFFF"),
        ("CustomSql \"select count(*) from primary\" > 0", "ssssss"),
        // A combination has a truth for rows when each of its rules has.
        ("(IsUnique \"id\") or (ColumnValues \"amount\" = 20)", "PPFPPP"),
        ("(IsUnique \"id\") and (IsComplete \"kind\")", "PFFPFF"),
        ("(IsUnique \"id\") and (RowCount > 0)", "ssssss"),
        // What cannot be judged says nothing.
        ("CustomSql \"select nope from primary\"", "ssssss"),
        ("ReferentialIntegrity \"id\" \"nobody.key\" > 0.1", "ssssss"),
    ] {
        assert_eq!(said(rule, FilteredRows::Passed).await, wanted, "{rule}");
    }
    assert_eq!(said("IsUnique \"id\" where \"amount < 40\"", FilteredRows::Skipped).await, "PFFsss");
}

#[tokio::test]
async fn rows_are_matched_by_key_and_values() {
    let context = context();
    let others = "SELECT * FROM (VALUES (1, 'a', 10), (2, 'x', 20), (4, NULL, 50)) AS t(\"key\", word, amount)";
    let others = context.sql(others).await.unwrap();
    context.register_table("pairs", others.into_view()).unwrap();
    let first = rows().slice(0, 2);
    let last = rows().slice(5, 1);
    let unique = arrow::compute::concat_batches(&rows().schema(), [&first, &last]).unwrap();
    context.deregister_table("primary").unwrap();
    context.register_batch("primary", unique.clone()).unwrap();
    let failed = async |rule: &str| {
        let ruleset = parse(&format!("Rules = [ {rule} ]"), "t.dqdl").unwrap();
        let outcomes = RowOutcomes::prepare(&ruleset, unique.schema(), &Options::default(), &BTreeSet::new(), &context)
            .await
            .unwrap();
        let failed = outcomes.judge(&unique).unwrap().failed;
        failed.iter().map(|row| row == Some(true)).collect::<Vec<_>>()
    };
    // Of ids 1, 2 and 3: 2 stands there with another word, and 3 does not.
    let rule = "DatasetMatch \"pairs\" \"id->key\" \"kind->word,amount\" > 0";
    assert_eq!(failed(rule).await, [false, true, true]);
    assert_eq!(failed("DatasetMatch \"pairs\" \"id->key\" \"amount\" > 0").await, [false, false, true]);
}

#[tokio::test]
async fn combinations_by_row_may_ask_for_keys() {
    let by_row = async |rule: &str| {
        let ruleset = parse(&format!("Rules = [ {rule} ]"), "t.dqdl").unwrap();
        let options = Options { composite: Composite::Row, ..Options::default() };
        let rules = DatasetRules::compile(&ruleset, rows().schema(), Scope::Whole, &options).unwrap();
        rules.evaluate(&context(), &History::new()).await.unwrap().outcomes.swap_remove(0)
    };
    // The rows of id 2 have the amounts 20 and 30.
    for (rule, result) in [
        ("(IsUnique \"id\") or (ColumnValues \"amount\" in [20, 30])", RuleResult::Pass),
        ("(IsUnique \"id\") or (ColumnValues \"amount\" = 20)", RuleResult::Fail),
        ("(IsPrimaryKey \"id\") or (ColumnValues \"amount\" between 19 and 51)", RuleResult::Pass),
        ("(IsUnique \"id\") or (RowCount = 6)", RuleResult::Pass),
        (
            "(CustomSql \"select amount from primary where amount > 30\") or (ColumnValues \"amount\" <= 30)",
            RuleResult::Pass,
        ),
        ("(CustomSql \"select nope from primary\") or (ColumnValues \"amount\" <= 30)", RuleResult::Error),
        ("(IsUnique \"nope\") or (ColumnValues \"amount\" <= 30)", RuleResult::Error),
    ] {
        let outcome = by_row(rule).await;
        assert_eq!(outcome.result, result, "{rule}: {:?}", outcome.message);
    }
    let outcome = by_row("(IsUnique \"id\") or (ColumnValues \"amount\" = 20)").await;
    assert_eq!(outcome.message.as_deref(), Some("1 of 6 rows do not satisfy it"));
}

fn table(context: &SessionContext, name: &str, columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let columns = columns.into_iter().map(|(name, values)| (name, values, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    context.register_batch(name, batch.clone()).unwrap();
    batch
}

/// The result of each rule over the dataset, its share of rows where it has one, and which rows fail or are skipped.
async fn judged(context: &SessionContext, rows: &RecordBatch, rules: &str) -> Vec<(RuleResult, Option<f64>, String)> {
    let ruleset = parse(&format!("Rules = [ {rules} ]"), "t.dqdl").unwrap();
    let options = Options::default();
    let compiled = DatasetRules::compile(&ruleset, rows.schema(), Scope::Whole, &options).unwrap();
    let evaluation = compiled.evaluate(context, &History::new()).await.unwrap();
    let outcomes =
        RowOutcomes::prepare(&ruleset, rows.schema(), &options, &evaluation.unjudged, context).await.unwrap();
    let batch = outcomes.judge(rows).unwrap().batch;
    let lists = |name: &str| batch.column_by_name(name).unwrap().as_list::<i32>().clone();
    let (failed, skipped) = (lists(crate::RULES_FAIL), lists(crate::RULES_SKIP));
    let holds = |lists: &arrow::array::ListArray, row: usize, rule: &str| {
        lists.value(row).as_string::<i32>().iter().any(|text| text == Some(rule))
    };
    let said = |rule: &str| {
        let letter = |row| match (holds(&failed, row, rule), holds(&skipped, row, rule)) {
            (true, _) => 'F',
            (_, true) => 's',
            _ => 'P',
        };
        (0..rows.num_rows()).map(letter).collect::<String>()
    };
    let outcomes = evaluation.outcomes.iter();
    outcomes.map(|o| (o.result, o.metrics.values().next().copied(), said(&o.rule))).collect()
}

#[tokio::test]
async fn what_the_types_of_two_datasets_have_in_common_is_said_alike_of_rows_and_of_all() {
    use arrow::array::{Date32Array, Decimal128Array, Float64Array, TimestampMicrosecondArray};
    let context = SessionContext::new();
    let price = |values: Vec<i128>| Decimal128Array::from(values).with_precision_and_scale(12, 2).unwrap();
    let day = 86_400_000_000_i64;
    // The last day of the year 9999.
    let never = 2_932_896;
    let rows = table(
        &context,
        "primary",
        vec![
            ("id", Arc::new(Int64Array::from(vec![1, 2, 3, 4])) as ArrayRef),
            ("code", Arc::new(StringArray::from(vec![Some("1"), Some("abc"), None, Some("02")]))),
            ("price", Arc::new(price(vec![115, 120, -7, 0]))),
            ("day", Arc::new(Date32Array::from(vec![0, never, 2, 3]))),
            ("at", Arc::new(TimestampMicrosecondArray::from(vec![0, day, 1, i64::from(never) * day]))),
            ("text", Arc::new(StringArray::from(vec!["1970-01-01", "9999-12-31", "1970-01-02 00:00:00", "no day"]))),
        ],
    );
    let zoned = TimestampMicrosecondArray::from(vec![0, i64::from(never) * day, day, 5]).with_timezone("Asia/Seoul");
    table(
        &context,
        "other",
        vec![
            ("id", Arc::new(Int64Array::from(vec![1, 2, 3, 4])) as ArrayRef),
            ("code", Arc::new(Int64Array::from(vec![Some(1), None, None, Some(2)]))),
            ("price", Arc::new(Float64Array::from(vec![1.15, 1.2, -0.07, -0.0]))),
            ("at", Arc::new(zoned)),
        ],
    );
    let (pass, fail) = (RuleResult::Pass, RuleResult::Fail);
    for (rule, result, share, said) in [
        // What is no number equals none, and not NULL either.
        ("ReferentialIntegrity \"code\" \"other.code\" = 0.5", pass, 0.5, "PFFP"),
        ("DatasetMatch \"other\" \"id\" \"code\" = 0.75", pass, 0.75, "PFPP"),
        ("CustomSql \"select code from other\" with threshold = 0.75", pass, 0.75, "PFPP"),
        // A decimal beside a double is a double.
        ("ReferentialIntegrity \"price\" \"other.price\" = 1.0", pass, 1.0, "PPPP"),
        ("DatasetMatch \"other\" \"id\" \"price\" = 1.0", pass, 1.0, "PPPP"),
        // Times without a zone are those of UTC, and the year 9999 is one of them.
        ("ReferentialIntegrity \"day\" \"other.at\" = 1.0", fail, 0.5, "PPFF"),
        ("ReferentialIntegrity \"at\" \"other.at\" = 0.75", pass, 0.75, "PPFP"),
        ("ReferentialIntegrity \"text\" \"other.at\" = 0.75", pass, 0.75, "PPPF"),
        ("CustomSql \"select day as at from primary\"", fail, 0.5, "PFFP"),
        // A rule may name a column twice.
        ("ReferentialIntegrity \"id,code\" \"other.{id,id}\" > 0.1", pass, 0.25, "PFFF"),
        ("DatasetMatch \"other\" \"id\" \"code->id\" > 0.1", pass, 0.25, "PFFF"),
    ] {
        assert_eq!(judged(&context, &rows, rule).await, [(result, Some(share), said.to_owned())], "{rule}");
    }
    let rule = "ReferentialIntegrity \"day\" \"other.id\" = 1.0";
    assert_eq!(judged(&context, &rows, rule).await, [(RuleResult::Error, None, "ssss".to_owned())]);
}

#[tokio::test]
async fn a_rule_that_fails_on_the_data_skips_all_rows_and_others_go_on() {
    let context = SessionContext::new();
    let rows = table(
        &context,
        "primary",
        vec![
            ("id", Arc::new(Int64Array::from(vec![1, 2, 2])) as ArrayRef),
            ("s", Arc::new(StringArray::from(vec!["b".to_owned(), "a".repeat(60) + "c", "x".to_owned()]))),
        ],
    );
    // It takes more steps than a value may.
    let slow = r"s rlike '((a*)*)*\\2b(?=d)'";
    let rules = [
        format!("IsUnique \"id\" where \"{slow}\""),
        format!("IsComplete \"id\" where \"{slow}\""),
        format!("(IsComplete \"s\") or (IsComplete \"id\" where \"{slow}\")"),
        format!("CustomSql \"select id from primary where {slow}\""),
        "IsUnique \"id\"".to_owned(),
    ];
    let found = judged(&context, &rows, &rules.join(", ")).await;
    let said: Vec<&str> = found.iter().map(|(_, _, said)| said.as_str()).collect();
    assert_eq!(said, ["sss", "sss", "sss", "sss", "PFF"]);
    let results: Vec<RuleResult> = found.iter().map(|(result, ..)| *result).collect();
    use RuleResult::{Error, Fail, Pass};
    assert_eq!(results, [Error, Error, Pass, Error, Fail]);
    let ruleset = format!("Rules = [ ({}) and (IsComplete \"s\"), RowCount = 3 ]", rules[0]);
    let ruleset = parse(&ruleset, "t.dqdl").unwrap();
    let options = Options { composite: Composite::Row, ..Options::default() };
    let compiled = DatasetRules::compile(&ruleset, rows.schema(), Scope::Whole, &options).unwrap();
    let outcomes = compiled.evaluate(&context, &History::new()).await.unwrap().outcomes;
    assert_eq!([outcomes[0].result, outcomes[1].result], [Error, Pass]);
}

#[tokio::test]
async fn where_may_name_columns_that_no_rule_names() {
    let context = SessionContext::new();
    let rows = table(
        &context,
        "primary",
        vec![
            ("id", Arc::new(Int64Array::from(vec![1, 1, 2, 2])) as ArrayRef),
            ("a`b", Arc::new(Int64Array::from(vec![1, 1, 2, 3]))),
            ("GRÖSSE", Arc::new(Int64Array::from(vec![1, 2, 2, 2]))),
        ],
    );
    for (rule, said) in
        [("IsUnique \"id\" where \"`a``b` < 3\"", "FFPP"), ("IsUnique \"id\" where \"`grösse` = 2\"", "PPFF")]
    {
        assert_eq!(judged(&context, &rows, rule).await[0].2, said, "{rule}");
    }
}
