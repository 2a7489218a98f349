//! The fourteen traps of taking a ruleset to AWS Glue: each is told, with what to write instead.

use arrow::datatypes::{DataType, Field, Schema};

use crate::{check, lint, parse};

fn schema() -> Schema {
    let column = |name: &str, data_type| Field::new(name, data_type, true);
    Schema::new(vec![column("a", DataType::Utf8), column("n", DataType::Int64), column("a.b", DataType::Utf8)])
}

/// All that is said of a text: a warning's code and fix, or an error and its advice.
fn told(text: &str) -> Vec<(String, String)> {
    let advice = |error: &lakegate_contract::Error| {
        let expected = error.expectation().map(|e| format!("expected {e}"));
        (error.to_string(), error.advice().map(str::to_owned).or(expected).unwrap_or_default())
    };
    let ruleset = match parse(text, "t") {
        Ok(ruleset) => ruleset,
        Err(error) => return vec![advice(&error)],
    };
    let warnings = lint(&ruleset, Some(&schema())).into_iter().map(|warning| (warning.code.to_owned(), warning.fix));
    warnings.chain(check(&ruleset, &schema(), None).iter().map(advice)).collect()
}

#[test]
fn every_trap_is_told_with_a_fix() {
    let rules = |rule: &str| format!("Rules = [ {rule} ]\n");
    for (trap, text, found, fix) in [
        (1, rules("RowCount between 5 and 9"), "exclusive-between", "`>= 5` and `<= 9`"),
        (1, rules("RowCount not between 5 and 9"), "exclusive-between", "`< 5` or `> 9`"),
        (2, rules("RowCount > 1 + 2 * 3"), "flat-arithmetic", "`(1 + 2)`"),
        (3, rules("ColumnValues \"a\" in [\"2024-01-31\"]"), "date-on-text", "backslash"),
        (3, rules("IsComplete \"12:30\""), "date-form", "another form"),
        (3, rules("ColumnValues \"a\" in [\"2024-01-31\", \"x\"]"), "mixes values", "is a date or a time"),
        (4, "Rules = [ RowCount > 0 ]\r\n".to_owned(), "carriage-return", "end lines in LF"),
        (4, "Rules = [ RowCount > 0 ] # end".to_owned(), "final-comment", "line break"),
        (
            5,
            rules("ColumnValues \"a\" = \"x\" with threshold > 0.5 labels=[\"k\"=\"v\"]"),
            "part-order",
            "where, labels, with",
        ),
        (6, rules("ColumnValues \"a\" = \"x\" with threshold = \"0.5\""), "quoted-threshold", "`with threshold = 0.5`"),
        (
            7,
            rules(
                "FileSize > 0 with recentFiles = 2 with uriRegex = \"x\" with filterOrder = [\"uriRegex\",\"recentFiles\"]",
            ),
            "tag-form",
            "one string",
        ),
        (8, rules("ColumnValues \"a\" > now() - 3 days"), "found `-`", "in parentheses"),
        (9, rules("ColumnLength \"a\" > 4"), "null-length", "IsComplete \"a\""),
        (10, rules("DistinctValuesCount \"n\" = 4"), "null-distinct", "is not null"),
        (11, rules("RowCount > avg(last(5))"), "glue-etl-only", "Data Catalog"),
        (11, rules("ColumnValues \"n\" > 0 with threshold > last()"), "glue-etl-only", "Data Catalog"),
        (11, rules("RowCount > 0 labels=[\"k\"=\"v\"]"), "glue-etl-only", "Data Catalog"),
        (11, "DefaultLabels = [\"k\"=\"v\"] Rules = [ RowCount > 0 ]\n".to_owned(), "glue-etl-only", "Data Catalog"),
        (11, "Rules = [ RowCount > 0 ] Analyzers = [ ColumnCount ]\n".to_owned(), "glue-etl-only", "Data Catalog"),
        (12, rules("RowCount > 0 where \"lenght(a) > 1\""), "there is no function `lenght`", "`length`"),
        (12, rules("RowCount > 0 where \"get_json_object(a, '$.x') > 1\""), "get_json_object", ""),
        (13, rules("ColumnValues \"a\" matches \"\\X+\""), "\\X", ""),
        (13, rules("ColumnValues \"a\" matches \"a|b\""), "pattern-alternatives", "`matches \"(a|b)\"`"),
        (13, rules("ColumnValues \"a\" not matches \"ab\""), "pattern-negated", "ends in `$`"),
        (14, rules("IsComplete \"a.b\""), "dotted-column", "another name"),
    ] {
        let told = told(&text);
        let hit = told.iter().find(|(what, _)| what.contains(found));
        assert!(
            hit.is_some_and(|(_, advice)| advice.contains(fix) && !advice.is_empty()),
            "trap {trap}: {text}: {told:?}"
        );
    }
}

/// Regular expressions with look-around, back-references and possessive quantifiers run as in Java, so there is nothing to tell.
#[test]
fn javas_expressions_are_taken() {
    for pattern in ["(?!x)[a-z]+", "(?<=a)b", "(.).*\\1", "a++b", "(?>a|ab)c", "\\p{IsHangul}+"] {
        assert_eq!(told(&format!("Rules = [ ColumnValues \"a\" matches \"{pattern}\" ]\n")), [], "{pattern}");
    }
}
