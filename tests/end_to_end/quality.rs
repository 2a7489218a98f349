//! `lakegate quality` on files.

use crate::support::{lakegate, python, repository, run_python};

fn folder_with(rules: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let orders = "order_id,user_id,status,amount,ordered_at\n1,1,paid,10.50,2026-03-01\n2,2,lost,0.10,2026-03-02\n3,9,paid,-5,\n";
    std::fs::write(folder.path().join("orders.csv"), orders).unwrap();
    std::fs::write(folder.path().join("users.csv"), "user_id\n1\n2\n3\n").unwrap();
    std::fs::write(folder.path().join("rules.dqdl"), rules).unwrap();
    folder
}

const ARGUMENTS: [&str; 5] = ["quality", "--data", "orders.csv", "--rules", "rules.dqdl"];

#[test]
fn rules_that_hold_give_exit_code_0() {
    let folder = folder_with("Rules = [ RowCount = 3, IsPrimaryKey \"order_id\", Completeness \"ordered_at\" > 0.6 ]");
    let outcome = lakegate(folder.path(), &ARGUMENTS).expect_code(0);
    assert!(outcome.stdout.contains("3 of 3 rules passed"), "{}", outcome.stdout);
}

#[test]
fn a_rule_that_fails_gives_exit_code_3_and_its_metric() {
    let folder = folder_with(
        "Rules = [ ColumnValues \"status\" in [\"paid\"], ReferentialIntegrity \"user_id\" \"users.user_id\" = 1.0, RowCount > 1 ]",
    );
    let mut arguments = ARGUMENTS.to_vec();
    arguments.extend(["--ref", "users=users.csv", "--bad-rows", "bad.csv", "--json"]);
    let outcome = lakegate(folder.path(), &arguments).expect_code(3);
    let json = outcome.json();
    assert_eq!((&json["passed"], &json["failed"], &json["bad_rows"]), (&1.into(), &2.into(), &1.into()));
    let bad = std::fs::read_to_string(folder.path().join("bad.csv")).unwrap();
    assert!(bad.lines().nth(1).unwrap().starts_with("2,2,lost,"), "{bad}");
}

#[test]
fn what_is_wrong_with_a_ruleset_is_said_before_the_data_is_judged() {
    let folder = folder_with("Rules = [\n    IsComplete \"stauts\",\n    Kurtosis \"amount\" > 0\n]");
    let outcome = lakegate(folder.path(), &ARGUMENTS).expect_code(2);
    assert!(outcome.stderr.contains("rules.dqdl:2:"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("did you mean `status`"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("Kurtosis"), "{}", outcome.stderr);
}

#[test]
fn missing_data_is_named() {
    let folder = folder_with("Rules = [ RowCount > 0 ]");
    let outcome = lakegate(folder.path(), &["quality", "--data", "gone.csv", "--rules", "rules.dqdl"]).expect_code(2);
    assert!(outcome.stderr.contains("gone.csv"), "{}", outcome.stderr);
}

/// What is measured, beside what DuckDB measures.
#[test]
fn statistics_are_those_of_another_engine() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data.parquet");
    let script = repository().join("tests/oracle/statistics.py");
    let expected = run_python(&python, &script, &[data.to_str().unwrap()]).expect_code(0).json();
    let rules = "Rules = [ StandardDeviation \"amount\" > 0, Variance \"kind\" > 0, StandardDeviation \"price\" > 0,
        ColumnCorrelation \"amount\" \"follower\" > 0, Entropy \"kind\" > 0, Entropy \"word\" > 0,
        DistinctValuesCount \"kind\" > 0, UniqueValueRatio \"word\" > 0 ]";
    std::fs::write(folder.path().join("rules.dqdl"), rules).unwrap();
    let arguments = ["quality", "--data", "data.parquet", "--rules", "rules.dqdl", "--json"];
    let judged = lakegate(folder.path(), &arguments).expect_code(0).json();
    let mut measured = serde_json::Map::new();
    for outcome in judged["outcomes"].as_array().unwrap() {
        measured.extend(outcome["metrics"].as_object().unwrap().clone());
    }
    let expected = expected.as_object().unwrap();
    assert_eq!(measured.len(), expected.len(), "{measured:?}");
    for (metric, value) in expected {
        let (value, ours) = (value.as_f64().unwrap(), measured[metric].as_f64().unwrap());
        assert!((value - ours).abs() <= 1e-9 * value.abs(), "{metric}: {ours}, DuckDB has {value}");
    }
}

#[test]
fn rulesets_are_written_in_canonical_form() {
    let rules = "Rules=[RowCount>0,# any\nIsComplete \"order_id\" and IsComplete \"status\"]";
    let folder = folder_with(rules);
    let file = folder.path().join("rules.dqdl");
    let checked = lakegate(folder.path(), &["quality", "fmt", "--check", "rules.dqdl"]).expect_code(2);
    assert_eq!(checked.stdout, "rules.dqdl\n");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), rules);
    // A mistake in one file leaves all as they are.
    std::fs::write(folder.path().join("z.dqdl"), "Rules = [ RowCount >").unwrap();
    let mistaken = lakegate(folder.path(), &["quality", "fmt", "."]).expect_code(2);
    assert!(mistaken.stderr.contains("z.dqdl:1:21"), "{}", mistaken.stderr);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), rules);
    std::fs::remove_file(folder.path().join("z.dqdl")).unwrap();

    lakegate(folder.path(), &["quality", "fmt", "."]).expect_code(0);
    let formatted =
        "Rules = [\n    RowCount > 0, # any\n    (IsComplete \"order_id\") AND (IsComplete \"status\")\n]\n";
    assert_eq!(std::fs::read_to_string(&file).unwrap(), formatted);
    let checked = lakegate(folder.path(), &["quality", "fmt", "--check", ".", "--json"]).expect_code(0);
    assert_eq!(checked.json()["changed"], serde_json::json!([]));
    lakegate(folder.path(), &ARGUMENTS).expect_code(0);
}

#[test]
fn standard_input_is_formatted_to_standard_output() {
    use std::io::Write as _;
    use std::process::Stdio;
    let folder = tempfile::tempdir().unwrap();
    let mut child = crate::support::command(folder.path(), &["quality", "fmt", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"Rules=[RowCount>0]").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "Rules = [\n    RowCount > 0\n]\n");
}

#[test]
fn warnings_need_no_data() {
    let folder = folder_with("Rules = [\n    RowCount between 1 and 2\n]");
    let arguments = ["quality", "--rules", "rules.dqdl", "--lint"];
    let shown = lakegate(folder.path(), &arguments).expect_code(0);
    assert!(shown.stdout.starts_with("rules.dqdl:2:5: warning[never-holds]: "), "{}", shown.stdout);
    let json = lakegate(folder.path(), &[&arguments[..], &["--json"]].concat()).expect_code(0).json();
    assert_eq!(
        (&json[0]["code"], &json[0]["line"], &json[0]["concern"]),
        (&"never-holds".into(), &2.into(), &"rule".into())
    );
    // Without --lint data is needed, with it it is not looked at.
    lakegate(folder.path(), &["quality", "--rules", "rules.dqdl"]).expect_code(2);
    lakegate(folder.path(), &[&arguments[..], &["--data", "orders.csv"]].concat()).expect_code(2);
}

#[test]
fn the_rulesets_of_this_repository_are_canonical_and_without_warnings() {
    let folders = [
        "quality-rules",
        "examples/weblog/quality-rules",
        "examples/olist/quality-rules",
        "crates/cli/template/quality-rules",
    ];
    let mut arguments = vec!["quality", "fmt", "--check"];
    arguments.extend(folders);
    lakegate(&repository(), &arguments).expect_code(0);
    for project in [repository(), repository().join("examples/weblog"), repository().join("examples/olist")] {
        let json = lakegate(&project, &["check", "--json"]).expect_code(0).json();
        assert_eq!(json["warnings"], serde_json::json!([]), "{}", project.display());
    }
}
