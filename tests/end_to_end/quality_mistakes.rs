//! What `lakegate quality` says to who has made a mistake.

use serde_json::{Value, json};

use crate::quality::folder_with;
use crate::support::{Outcome, lakegate};

fn judged(folder: &tempfile::TempDir, data: &str, more: &[&str]) -> Outcome {
    lakegate(folder.path(), &[&["quality", "--data", data, "--rules", "rules.dqdl"], more].concat())
}

/// What is told of rules over `orders.csv` that are refused.
fn refused(rules: &str) -> Value {
    let folder = folder_with(&format!("Rules = [ {rules} ]"));
    judged(&folder, "orders.csv", &["--json"]).expect_code(2).json()
}

#[test]
fn all_that_is_wrong_is_told_in_json_as_well() {
    let told = refused("IsComplete \"stats\", RowCount > 1, Mean \"status\" > 1, Sum \"status\" > 1");
    let places: Vec<&Value> = told["errors"].as_array().unwrap().iter().map(|error| &error["where"]).collect();
    assert_eq!(places, ["rules.dqdl:1:11", "rules.dqdl:1:45", "rules.dqdl:1:64"]);
    assert_eq!(told["error"], told["errors"][0]);
    assert_eq!(told["errors"][1]["found"], "column `status` is of type string, and the rule compares numbers");
}

#[test]
fn refused_sql_is_told_in_words_that_name_what_to_write() {
    for (rule, found, expected, help) in [
        ("RowCount > 0 where \"amont > 1\"", "there is no column `amont`", "`status`", "did you mean `amount`?"),
        ("RowCount > 0 where \"status\"", "the predicate is of type string", "true or false", ""),
        ("RowCount > 0 where \"ordered_at > 5\"", "a date is compared with a number", "another date", ""),
        ("RowCount > 0 where \"sum(amount) > 5\"", "the predicate aggregates rows", "", "CustomSql"),
        ("RowCount > 0 where \"primary.amount > 5\"", "`primary.amount` names a table", "`amount`", ""),
        (
            "CustomSql \"select count(*) from user\" > 0",
            "there is no dataset `user`",
            "one of `primary`, `users`",
            "users",
        ),
        (
            "CustomSql \"select status, count(*) from primary\" > 0",
            "column `status` stands beside an aggregate",
            "`group by status`",
            "",
        ),
        ("CustomSql \"select sum(ordered_at) from primary\" > 0", "`sum(date)`", "", "cast"),
        ("CustomSql \"select count(*) form primary\" > 0", "found primary", "end of statement", ""),
    ] {
        let folder = folder_with(&format!("Rules = [ {rule} ]"));
        let told = judged(&folder, "orders.csv", &["--ref", "users=users.csv", "--json"]).expect_code(2).json();
        for (part, wanted) in [("found", found), ("expected", expected), ("help", help)] {
            assert!(told["error"][part].as_str().unwrap_or_default().contains(wanted), "{rule}: {told:#}");
        }
        let shown = told.to_string();
        for foreign in ["Utf8", "Int64", "Date32", "datafusion", "Error during planning"] {
            assert!(!shown.contains(foreign), "{rule}: {shown}");
        }
    }
}

#[test]
fn broken_json_lines_are_placed_without_their_values() {
    let folder = folder_with("Rules = [ RowCount > 0, CustomSql \"select count(a) from primary\" > 0 ]");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("parts")).unwrap();
    write("parts/a.jsonl", "{\"a\":1}\n");
    write("parts/b.jsonl", "{\"a\":2}\n\n{\"a\":\"5550199\"}\n");
    let outcome = judged(&folder, "parts", &[]).expect_code(4);
    insta::assert_snapshot!(outcome.stderr, @r"
    error: parts/b.jsonl, line 3: column `a` holds a text here
      expected: a number, as in parts/a.jsonl, line 1
      help: a column of JSON lines has values of one kind, or NULL
    ");
    write("broken.jsonl", "{\"a\":1}\n{\"a\":5550199x}\n");
    let outcome = judged(&folder, "broken.jsonl", &[]).expect_code(4);
    assert!(
        outcome.stderr.starts_with("error: broken.jsonl, line 2, column 13: the text is no JSON"),
        "{}",
        outcome.stderr
    );
    assert!(!outcome.stderr.contains("5550199"));
    write("array.json", "[\n  {\"a\": 1}\n]\n");
    let outcome = judged(&folder, "array.json", &[]).expect_code(4);
    assert!(outcome.stderr.contains("line 1") && outcome.stderr.contains("jq -c '.[]'"), "{}", outcome.stderr);
}

#[test]
fn headers_that_tell_no_columns_apart_are_refused() {
    let folder = folder_with("Rules = [ RowCount > 0 ]");
    for (text, said) in [
        ("id,name,id\n1,a,2\n", "t.csv, line 1: columns 1 and 3 are named `id`"),
        ("id;name\n1;a\n", "t.csv, line 1: the cells seem to be separated by semicolons"),
    ] {
        std::fs::write(folder.path().join("t.csv"), text).unwrap();
        let outcome = judged(&folder, "t.csv", &[]).expect_code(4);
        assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    }
}

#[test]
fn a_column_without_any_value_fails_rules_over_numbers() {
    let folder = folder_with(
        "Rules = [ Mean \"c\" > 1, IsComplete \"c\", ColumnValues \"c\" = NULL, ZerosCount \"c\" = 0, \
            InterquartileRange \"c\" = 0, AggregateMatch \"sum(c)\" \"sum(id)\" = 0 ]",
    );
    std::fs::write(folder.path().join("t.csv"), "id,c\n1,\n2,\n").unwrap();
    std::fs::write(folder.path().join("t.jsonl"), "{\"id\":1,\"c\":null}\n").unwrap();
    // A blank cell of CSV is the empty string where it is no number.
    for (data, expected) in [
        ("t.csv", ["FAIL", "PASS", "FAIL", "PASS", "FAIL", "FAIL"]),
        ("t.jsonl", ["FAIL", "FAIL", "PASS", "PASS", "FAIL", "FAIL"]),
    ] {
        let rows = ["--row-outcomes", "all.parquet", "--bad-rows", "bad.csv", "--json"];
        let told = judged(&folder, data, &rows).expect_code(3).json();
        let results: Vec<&Value> = told["RuleResults"].as_array().unwrap().iter().map(|rule| &rule["Result"]).collect();
        assert_eq!(results, expected, "{data}");
    }
}

#[test]
fn where_results_go_is_looked_at_before_the_data() {
    let folder = folder_with("Rules = [ RowCount > 0 ]");
    for option in ["--output", "--bad-rows", "--row-outcomes", "--history"] {
        let more = [option, "not/there/x.csv", "--format", "table"];
        let outcome = judged(&folder, "gone.csv", &more).expect_code(2);
        let told = "error: not/there/x.csv: there is no folder not/there\n  help: make it: mkdir -p 'not/there'\n";
        assert_eq!(outcome.stderr, told, "{option}");
    }
}

#[test]
fn rulesets_that_are_not_utf_8_are_told() {
    let folder = folder_with("");
    let write = |bytes: &[u8]| std::fs::write(folder.path().join("rules.dqdl"), bytes).unwrap();
    write(b"Rules = [\n  RowCount > 0 # caf\xe9\n]\n");
    let outcome = judged(&folder, "orders.csv", &[]).expect_code(2);
    assert!(outcome.stderr.contains("rules.dqdl:2:21: the text is not UTF-8 from byte 31 of"), "{}", outcome.stderr);
    write(&"\u{feff}Rules = [ RowCount > 0 ]".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
    let outcome = judged(&folder, "orders.csv", &[]).expect_code(2);
    assert!(outcome.stderr.contains("rules.dqdl: the file is written in UTF-16"), "{}", outcome.stderr);
    write("\u{feff}Rules = [ RowCount > 0 ]".as_bytes());
    judged(&folder, "orders.csv", &[]).expect_code(0);
}

#[test]
fn rules_are_shown_with_the_amounts_that_were_written() {
    let rules = "FileSize < 2048 KB, (DataFreshness \"ordered_at\" > 90 minutes) or (RowCount > last()), FileFreshness > (now() - 48 hours)";
    let folder = folder_with(&format!("Rules = [ {rules} ]"));
    let told = judged(&folder, "orders.csv", &["--json"]).expect_code(0).json();
    let shown: Vec<&Value> =
        told["RuleResults"].as_array().unwrap().iter().map(|rule| &rule["EvaluatedRule"]).collect();
    assert_eq!(
        json!(shown),
        json!([
            "FileSize < 2048 KB",
            "(DataFreshness \"ordered_at\" > 90 minutes) OR (RowCount > 0)",
            "FileFreshness > (now() - 48 hours)"
        ])
    );
}
