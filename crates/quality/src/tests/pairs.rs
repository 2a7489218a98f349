//! Conditions on columns of every type: what a check lets through can be judged, and nothing else is refused.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Float64Array, Int64Array, ListArray, RecordBatch, StringArray,
    StructArray, Time64MicrosecondArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::datatypes::{DataType, Field, Int64Type};

use crate::{RowRules, check, parse};

fn columns() -> Vec<(&'static str, ArrayRef)> {
    let member = Arc::new(Field::new("n", DataType::Int64, true));
    vec![
        ("whole", Arc::new(Int64Array::from(vec![5]))),
        ("double", Arc::new(Float64Array::from(vec![5.5]))),
        ("text", Arc::new(StringArray::from(vec!["5"]))),
        ("truth", Arc::new(BooleanArray::from(vec![true]))),
        ("day", Arc::new(Date32Array::from(vec![20_513]))),
        ("moment", Arc::new(TimestampMicrosecondArray::from(vec![5]))),
        ("bytes", Arc::new(BinaryArray::from(vec![&b"5"[..]]))),
        ("clock", Arc::new(Time64MicrosecondArray::from(vec![5]))),
        ("list", Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>([Some([Some(5)])]))),
        ("object", Arc::new(StructArray::from(vec![(member, Arc::new(Int64Array::from(vec![5])) as ArrayRef)]))),
    ]
}

#[test]
fn what_can_never_be_judged_is_refused_and_nothing_else() {
    let conditions = [
        "> 5",
        "= 5",
        "in [1, 5]",
        "between 1 and 9",
        "!= NULL",
        "= \"a\"",
        "in [\"a\", EMPTY]",
        "matches \"a\"",
        "not matches \"a\"",
    ];
    let mut refused = Vec::new();
    for (name, values) in columns() {
        for condition in conditions {
            let batch = RecordBatch::try_from_iter_with_nullable([(name, Arc::clone(&values), true)]).unwrap();
            let ruleset = parse(&format!("Rules = [ ColumnValues \"{name}\" {condition} ]"), "r").unwrap();
            let problems = check(&ruleset, &batch.schema(), None);
            let judged = RowRules::compile(&ruleset, batch.schema()).unwrap().judge(&batch);
            assert_eq!(problems.is_empty(), judged.is_ok(), "{name} {condition}: {problems:?}");
            let nulls = new_null_array(values.data_type(), 1);
            let nulls = RecordBatch::try_from_iter_with_nullable([(name, nulls, true)]).unwrap();
            let of_nulls = RowRules::compile(&ruleset, batch.schema()).unwrap().judge(&nulls);
            assert_eq!(judged.is_ok(), of_nulls.is_ok(), "{name} {condition}");
            if !problems.is_empty() {
                refused.push(format!("{name} {condition}"));
            }
        }
    }
    let numbers = |name: &str| conditions[..4].iter().map(|c| format!("{name} {c}")).collect::<Vec<_>>();
    let texts = |name: &str| conditions[5..].iter().map(|c| format!("{name} {c}")).collect::<Vec<_>>();
    let expected =
        [numbers("day"), numbers("bytes"), numbers("clock"), numbers("list"), numbers("object"), texts("object")];
    assert_eq!(refused, expected.concat());
}

#[test]
fn a_date_compared_with_a_number_is_answered() {
    let schema = RecordBatch::try_from_iter([columns().swap_remove(4)]).unwrap().schema();
    let problem = |rule: &str| {
        let mut problems = check(&parse(&format!("Rules = [ {rule} ]"), "r.dqdl").unwrap(), &schema, None);
        assert_eq!(problems.len(), 1, "{problems:?}");
        let problem = problems.swap_remove(0);
        format!("{problem} | {}", problem.advice().unwrap_or("-"))
    };
    insta::assert_snapshot!(problem("ColumnValues \"day\" > 5"), @r#"r.dqdl:1:11: column `day` is of type date, and the rule compares numbers | a date stands in quotes, such as `> "2026-01-31"`; one that moves is `(now() - 3 days)`"#);
    assert_eq!(problem("ColumnValues \"day\" > 5"), problem("ColumnValues \"day\" > 5 with threshold > 0.5"));
}

#[test]
fn a_rule_that_fails_on_rows_says_where_it_stands() {
    let text = "Rules = [\n  RowCount > 0,\n  ColumnValues \"day\" > 5 ]";
    let ruleset = parse(text, "r.dqdl").unwrap();
    let batch = RecordBatch::try_from_iter([columns().swap_remove(4)]).unwrap();
    let error = RowRules::compile(&ruleset, batch.schema()).unwrap().judge(&batch).unwrap_err();
    assert_eq!(error.place(), Some("r.dqdl:3:3"));
}
