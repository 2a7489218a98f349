//! A ruleset for every warning, and one for none.

use std::collections::BTreeSet;

use arrow::datatypes::{DataType, Field, Schema};

use super::{code, lint};
use crate::{Concern, Warning, parse};

fn warnings(text: &str) -> Vec<Warning> {
    lint(&parse(text, "r").unwrap_or_else(|error| panic!("{text}\n{error}")), None)
}

/// The codes of a list of rules, but for those that merely concern readers or Glue.
fn codes(rules: &str) -> Vec<&'static str> {
    let found = warnings(&format!("Rules = [ {rules} ]\n"));
    found.iter().filter(|w| w.concern == Concern::Rule).map(|w| w.code).collect()
}

fn all_codes(text: &str) -> Vec<&'static str> {
    warnings(text).iter().map(|w| w.code).collect()
}

#[test]
fn a_sound_ruleset_has_no_warning() {
    let text = "states = [\"paid\", \"lost\"]\nRules = [\n    RowCount > 0, # any\n    IsComplete \"s\",\n    ColumnLength \"s\" > 2,\n    \
        ColumnValues \"s\" in $states with threshold > 0.9,\n    (Completeness \"a\" > 0.5) and (RowCount < 1000),\n    \
        ColumnValues \"d\" > \"2024-01-31\",\n    ColumnValues \"s\" matches \"(paid|lost)\",\n    Mean \"a\" > 2 * 3 + 1\n]\n";
    assert_eq!(warnings(text), []);
}

#[test]
fn what_never_or_always_holds_is_found() {
    for (rule, expected) in [
        ("RowCount between 1 and 1", "never-holds"),
        ("RowCount between 1 and 2", "never-holds"), // whole numbers, both ends left out
        ("Mean a between 2 and 1", "never-holds"),
        ("RowCount < 0", "never-holds"),
        ("RowCount = 1.5", "never-holds"),
        ("Completeness a > 1", "never-holds"),
        ("Completeness a in [2, 3]", "never-holds"),
        ("ColumnValues a > 1 with threshold > 3", "never-holds"),
        ("DataFreshness a between 3 hours and 2 hours", "never-holds"),
        ("FileSize < 0", "never-holds"),
        ("ColumnValues a between \"2024-02-01\" and \"2024-01-01\"", "never-holds"),
        ("ColumnValues a between now() and (now() - 1 days)", "never-holds"),
        ("RowCount >= 0", "always-holds"),
        ("RowCount > -1", "always-holds"),
        ("Completeness a between -1 and 2", "always-holds"),
        ("RowCount != 0.5", "always-holds"),
        ("Mean a > 1, Mean a < 1", "contradiction"),
        ("(RowCount > 5) and (RowCount < 6)", "contradiction"),
        ("ColumnValues a > NULL", "null-comparison"),
        ("ColumnValues a between NULL and \"2024-01-01\"", "null-comparison"),
        ("ColumnValues a in [1, 2, 1.0]", "duplicate-value"),
        ("ColumnValues a in [\"x\", \"x\"]", "duplicate-value"),
        ("FileSize in [1 KB, 1024 B]", "duplicate-value"),
    ] {
        assert_eq!(codes(rule), [expected], "{rule}");
    }
    for rule in [
        "RowCount between 1 and 3",
        "Mean a between 1 and 2",
        "Mean a >= -5",
        "Completeness a = 1",
        "Completeness a != 0.5",
        "ColumnValues a not between 2 and 1", // tells NULL from the rest
        "Mean a > 1, Mean a < 1 where \"b\"",
        "Mean a > 1, Mean b < 1",
        "(Mean a > 1) or (Mean a < 1)",
        "RowCount > avg(last(3))",
        "ColumnValues a > 1 with threshold >= 0.5",
        "ColumnValues a in [NULL, 1]",
        "ColumnValues a between \"2024-01-01\" and now()",
    ] {
        assert_eq!(codes(rule), [] as [&str; 0], "{rule}");
    }
}

#[test]
fn rules_that_are_not_what_they_seem_are_found() {
    for (rule, expected) in [
        ("IsComplete a, RowCount > 0, IsComplete \"a\"", "duplicate-rule"),
        ("ColumnValues a > 1 with threshold = \"0.5\"", "quoted-threshold"),
        ("ColumnValues a > 1 with timezone = \"UTC\"", "unknown-tag"),
        ("RowCount > 0 labels=[\"gate\"=\"off\"]", "gate-label"),
        ("RowCount = 1 + 2 * 3", "flat-arithmetic"),
        ("RowCount > 1 + last() * 2", "flat-arithmetic"),
        ("CustomSql \"select 1\" > 0 with threshold > 0.5", "condition-and-threshold"),
        ("DataFreshness a = 3 hours", "freshness-equality"),
    ] {
        assert_eq!(codes(rule), [expected], "{rule}");
    }
    assert_eq!(
        codes("RowCount = 2 * 3 + 1, RowCount = (1 + 2) * 3, RowCount > 1 labels=[\"gate\"=\"warn\"]"),
        ["contradiction"]
    );
    assert_eq!(all_codes("x = \"y\"\nRules = [ RowCount > 0 ]\n"), ["unused-constant"]);
}

#[test]
fn a_schema_tells_more() {
    let schema =
        Schema::new(vec![Field::new("text", DataType::Utf8, false), Field::new("count", DataType::Int64, true)]);
    let codes = |rule: &str| {
        let ruleset = parse(&format!("Rules = [ {rule} ]\n"), "r").unwrap();
        lint(&ruleset, Some(&schema)).iter().map(|w| w.code).collect::<Vec<_>>()
    };
    assert_eq!(codes("ColumnValues text in [\"2024-01-31\"]"), ["date-on-text"]);
    assert_eq!(codes("ColumnValues count between 1 and 2"), ["never-holds"]);
    assert_eq!(codes("ColumnLength text > 1"), [] as [&str; 0]);
    assert_eq!(codes("DistinctValuesCount count > 1"), ["null-distinct"]);
}

#[test]
fn what_readers_and_glue_may_take_otherwise_is_found() {
    for (text, expected) in [
        ("Rules = [ ColumnValues a between 0 and 6 ]\n", "exclusive-between"),
        ("Rules = [ ColumnLength a > 5 ]\n", "null-length"),
        ("Rules = [ DistinctValuesCount a > 5 ]\n", "null-distinct"),
        ("Rules = [ IsComplete \"é\" ]\n", "not-ascii"),
        ("Rules = [ IsComplete a ]\r\n", "carriage-return"),
        ("Rules = [ IsComplete a ] # end", "final-comment"),
        ("Rules = [ IsComplete a and IsComplete b ]\n", "bare-composite"),
        ("Rules = [ FileFreshness > now() with failFast = true ]\n", "tag-form"),
        ("Rules = [ IsComplete \"12:30\" ]\n", "date-form"),
        ("Rules = [ ColumnValues a matches \"12:30\" ]\n", "date-form"),
        ("x = \"y\" Rules = [ ColumnValues a = $x ]\n", "constant-place"),
        ("Rules = [ FileSize < 9000000000 B ]\n", "large-amount"),
        ("Rules = [ Skewness a > 1 ]\n", "not-in-open-grammar"),
        ("Rules = [ RowCount > last() ]\n", "glue-etl-only"),
        ("Analyzers = [ RowCount ]\n", "glue-etl-only"),
        ("Rules = [ IsComplete \"a.b\" ]\n", "dotted-column"),
        ("Rules = [ ColumnValues a matches \"a|b\" ]\n", "pattern-alternatives"),
        ("Rules = [ ColumnValues a not matches \"ab\" ]\n", "pattern-negated"),
    ] {
        let found = all_codes(text);
        assert!(found.contains(&expected), "{text}: {found:?}");
    }
    let labels = all_codes(
        "DefaultLabels=[\"a\"=\"\"] Rules = [ ColumnValues a > 1 with threshold > 0.5 labels=[\"k\"=\"v\"], \
        (RowCount > 1 labels=[\"k\"=\"v\"]) and (RowCount > 2) ]\n",
    );
    assert_eq!(labels, ["glue-etl-only", "empty-label", "part-order", "composite-labels"]);
    let long = format!("Rules = [ {} ]\n", vec!["IsComplete \"a_column_with_a_long_name\""; 2_001].join(", "));
    let found: BTreeSet<&str> = all_codes(&long).into_iter().collect();
    assert!(found.contains("too-many-rules") && found.contains("too-long"));
}

#[test]
fn a_warning_says_where_what_why_and_what_to_write() {
    let text = "Rules = [\n    RowCount > 0, IsComplete a, ColumnValues \"é\" > 1 + 2 * 3\n]\n";
    let found: Vec<String> = warnings(text).iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(found.join("\n"), @r#"r:2:47: warning[not-ascii]: `é` is not ASCII; Glue's API takes printable ASCII characters and white space alone; fix: write it in ASCII; in a pattern as \uXXXX
r:2:52: warning[flat-arithmetic]: `1 + 2` is worked out before what follows it; `+ - * /` have one precedence and are worked out from the left; fix: `(1 + 2)`, or parentheses where they are meant"#);
    let json = serde_json::to_value(&warnings(text)[1]).unwrap();
    insta::assert_snapshot!(json.to_string(), @r#"{"code":"flat-arithmetic","column":52,"concern":"rule","fix":"`(1 + 2)`, or parentheses where they are meant","line":2,"place":"r:2:52","what":"`1 + 2` is worked out before what follows it","why":"`+ - * /` have one precedence and are worked out from the left"}"#);
}

#[test]
fn every_warning_is_documented() {
    let documentation = include_str!("../../../../docs/quality.md");
    for code in code::ALL {
        assert!(documentation.contains(&format!("| `{}` |", code.name)), "{} is not in docs/quality.md", code.name);
    }
}
