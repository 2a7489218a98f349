//! Which rows break rules about keys, other datasets and statements.

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
    let outcomes = RowOutcomes::prepare(&ruleset, rows().schema(), &options, &context()).await.unwrap();
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
        let outcomes = RowOutcomes::prepare(&ruleset, unique.schema(), &Options::default(), &context).await.unwrap();
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
