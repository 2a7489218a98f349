//! What `lakegate quality` reads and which rows it writes, beside readers and writers that are not ours.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::quality::folder_with;
use crate::support::{Outcome, command, lakegate, python, repository, run_python};

/// What holds of the rows that `tests/oracle/quality_files.py` writes, in whatever form they are read.
pub const RULES: &str = "Rules = [ RowCount = 1000, ColumnCount = 5, IsPrimaryKey \"id\", Mean \"amount\" = 249.75,
    Completeness \"day\" = 1.0, ColumnValues \"status\" in [\"paid\", \"lost\"],
    CustomSql \"SELECT count(DISTINCT day) FROM primary\" = 5, CustomSql \"SELECT count(*) FROM primary WHERE day = date '2026-03-02'\" = 200 ]";

/// A folder with those rows, and rules.
pub fn rows(rules: &str) -> Option<(tempfile::TempDir, String)> {
    let python = python()?;
    let folder = tempfile::tempdir().unwrap();
    oracle(&python, &["write", folder.path().to_str().unwrap()]);
    std::fs::write(folder.path().join("rules.dqdl"), rules).unwrap();
    Some((folder, python))
}

fn oracle(python: &str, arguments: &[&str]) -> Outcome {
    run_python(python, &repository().join("tests/oracle/quality_files.py"), arguments).expect_code(0)
}

fn judged(folder: &Path, data: &str, more: &[&str]) -> Outcome {
    lakegate(folder, &[&["quality", "--data", data, "--rules", "rules.dqdl"], more].concat())
}

#[test]
fn the_same_rows_are_the_same_in_every_form() {
    let Some((folder, _)) = rows(RULES) else { return };
    for data in [
        "rows.parquet",
        "rows.csv",
        "rows.csv.gz",
        "rows.jsonl",
        "rows.jsonl.gz",
        "days_parquet",
        "days_csv/",
        "days_parquet/day=*/*.parquet",
        "parts",
        "part?/part-*.parquet",
        "table 표%41",
        "table 표%41/@1",
        "table 표%41@1",
    ] {
        let outcome = judged(folder.path(), data, &["--json"]);
        let failed: Vec<_> = match outcome.code {
            0 => continue,
            _ => outcome.json()["RuleResults"].as_array().cloned().unwrap_or_default(),
        };
        let failed: Vec<_> = failed.iter().filter(|rule| rule["Result"] != "PASS").collect();
        panic!("{data}: exit code {}, {failed:#?}\n{}", outcome.code, outcome.stderr);
    }
}

#[test]
fn a_delta_table_is_read_at_its_newest_version_or_at_another() {
    let Some((folder, _)) = rows("Rules = [ RowCount > 0 ]") else { return };
    let read = |data: &str| {
        let json = judged(folder.path(), data, &["--json"]).expect_code(0).json();
        let rows = &json["RuleResults"][0]["EvaluatedMetrics"]["Dataset.*.RowCount"];
        (json["lakegate"]["version"].as_u64().unwrap(), rows.as_f64().unwrap())
    };
    assert_eq!(read("table 표%41"), (1, 1000.0));
    assert_eq!(read("table 표%41@0"), (0, 500.0));
    let outcome = judged(folder.path(), "table 표%41@7", &[]).expect_code(2);
    assert!(outcome.stderr.contains("version 7"), "{}", outcome.stderr);
    let outcome = judged(folder.path(), ".", &[]).expect_code(2);
    assert!(outcome.stderr.contains("Delta table"), "{}", outcome.stderr);
}

#[test]
fn rows_that_spark_has_deleted_and_columns_that_it_has_renamed_are_not_what_the_files_say() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    oracle(&python, &["features", folder.path().to_str().unwrap()]);
    let deleted =
        "Rules = [ RowCount = 996, Sum \"id\" = 498000, ColumnValues \"id\" not in [0, 1, 500, 999], IsUnique \"id\" ]";
    for (table, rules) in [("deleted", deleted), ("renamed", "Rules = [ RowCount = 1000, Sum \"id\" = 499500 ]")] {
        std::fs::write(folder.path().join("rules.dqdl"), rules).unwrap();
        judged(folder.path(), table, &["--row-outcomes", "all.parquet"]).expect_code(0);
    }
}

#[test]
fn a_published_table_of_a_lake_is_one_of_them() {
    let shop = crate::support::shop(&lakegate_sample_shop::Options { scale: 0.001, ..Default::default() });
    lakegate(shop.path(), &["run", "categories"]).expect_code(0);
    let rules = "Rules = [ RowCount = 40, IsPrimaryKey \"category_id\", RowCount > 0 where \"true\" ]";
    std::fs::write(shop.path().join("rules.dqdl"), rules).unwrap();
    judged(shop.path(), "lake/tables/categories", &[]).expect_code(0);
}

#[test]
fn several_references_may_be_of_several_kinds() {
    let Some((folder, _)) = rows(
        "Rules = [ ReferentialIntegrity \"id\" \"a.id\" = 1.0, ReferentialIntegrity \"id\" \"b.id\" = 0.5,
        CustomSql \"SELECT count(*) FROM primary JOIN c USING (day)\" = 200000 ]",
    ) else {
        return;
    };
    let more = ["--ref", "a=rows.csv.gz", "--ref", "b=table 표%41@0", "--ref", "c=days_csv"];
    judged(folder.path(), "parts/*.parquet", &more).expect_code(0);
}

#[test]
fn missing_data_is_named() {
    let folder = folder_with("Rules = [ RowCount > 0 ]");
    for (data, said) in [
        ("gone.csv", "gone.csv: there is no such file"),
        ("*.parquet", "*.parquet: there is no Parquet"),
        ("rules.dqdl", "not known from its name"),
        ("ftp://host/a.csv", "s3://bucket/prefix"),
    ] {
        let outcome = judged(folder.path(), data, &[]).expect_code(2);
        assert!(outcome.stderr.contains(said), "{data}: {}", outcome.stderr);
    }
    let twice = ["--ref", "a=users.csv", "--ref", "a=users.csv"];
    let outcome = judged(folder.path(), "orders.csv", &twice).expect_code(2);
    assert!(outcome.stderr.contains("`a` names two datasets"), "{}", outcome.stderr);
    let of_own_name = ["--ref", "Primary=users.csv"];
    let outcome = judged(folder.path(), "orders.csv", &of_own_name).expect_code(2);
    assert!(outcome.stderr.contains("`Primary` names two datasets"), "{}", outcome.stderr);
}

const ROW_RULES: &str = "Rules = [ RowCount = 1000, ColumnValues \"status\" = \"paid\",
    ColumnValues \"amount\" < 100 where \"status = 'lost'\" ]";

#[test]
fn row_outcomes_are_those_of_glue_in_every_format() {
    let Some((folder, python)) = rows(ROW_RULES) else { return };
    let [count, paid, amount] = [
        "RowCount = 1000",
        "ColumnValues \"status\" = \"paid\"",
        "ColumnValues \"amount\" < 100 where \"status = 'lost'\"",
    ];
    let key = |pass: &[&str], fail: &[&str], skip: &[&str], result: &str| {
        // As Python writes lists: with a blank behind each comma.
        let list = |rules: &[&str]| json!(rules).to_string().replace("\",\"", "\", \"");
        format!("{} {} {} {result}", list(pass), list(fail), list(skip))
    };
    // `lost` is every tenth row; of those the first 20 have an amount below 100.
    let passed = json!({
        key(&[paid, amount], &[], &[count], "Passed"): 900,
        key(&[amount], &[paid], &[count], "Failed"): 20,
        key(&[], &[paid, amount], &[count], "Failed"): 80,
    });
    let skipped = json!({
        key(&[paid], &[], &[count, amount], "Passed"): 900,
        key(&[amount], &[paid], &[count], "Failed"): 20,
        key(&[], &[paid, amount], &[count], "Failed"): 80,
    });
    for ending in ["parquet", "csv", "jsonl"] {
        for (label, expected) in [("passed", &passed), ("skipped", &skipped)] {
            let (all, bad) = (format!("all.{ending}"), format!("bad.{ending}"));
            let more = ["--row-outcomes", &all, "--bad-rows", &bad, "--filtered-rows", label, "--json"];
            let json = judged(folder.path(), "rows.parquet", &more).expect_code(3).json();
            let rows = ["TotalRowsProcessed", "TotalRowsPassed", "TotalRowsFailed"];
            assert_eq!(rows.map(|name| json["AggregatedMetrics"][name].as_u64().unwrap()), [1000, 900, 100]);
            let read = |file: &str| oracle(&python, &["read", folder.path().join(file).to_str().unwrap()]).json();
            assert_eq!(&read(&all), expected, "{ending}");
            let mut failed = expected.clone();
            failed.as_object_mut().unwrap().retain(|key, _| key.ends_with("Failed"));
            assert_eq!(read(&bad), failed, "{ending}");
        }
    }
}

#[test]
fn row_files_do_not_mix_with_what_is_read() {
    let Some((folder, _)) = rows(ROW_RULES) else { return };
    let said = |data: &str, more: &[&str]| judged(folder.path(), data, more).expect_code(2).stderr;
    assert!(said("parts", &["--bad-rows", "parts/bad.parquet"]).contains("be read the next time"));
    assert!(said("rows.csv", &["--bad-rows", "x.csv", "--row-outcomes", "./x.csv"]).contains("the same file"));
    assert!(said("rows.csv", &["-o", "rows.csv"]).contains("overwrite"));
    assert!(said("rows.csv", &["--bad-rows", "bad.txt"]).contains(".jsonl"));
    assert!(said("rows.csv", &["--bad-rows", "gone/bad.csv"]).contains("gone/bad.csv"));
    judged(folder.path(), "rows.csv", &["--row-outcomes", "all.parquet"]).expect_code(3);
    assert!(said("all.parquet", &["--bad-rows", "bad.csv"]).contains("DataQualityRulesPass"));
}

#[test]
fn keys_of_many_rows_fit_into_little_memory() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("keys.parquet");
    oracle(&python, &["keys", data.to_str().unwrap(), "400000"]);
    let rules =
        "Rules = [ IsPrimaryKey \"key\", ReferentialIntegrity \"key\" \"same.key\" = 1.0, Entropy \"key\" > 12.8 ]";
    std::fs::write(folder.path().join("rules.dqdl"), rules).unwrap();
    judged(folder.path(), "keys.parquet", &["--ref", "same=keys.parquet", "--memory-limit", "24MB"]).expect_code(0);
    let outcome = judged(folder.path(), "keys.parquet", &["--memory-limit", "1MB"]).expect_code(2);
    assert!(outcome.stderr.contains("16MB"), "{}", outcome.stderr);
}

#[test]
fn rows_that_are_interrupted_leave_no_file() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("keys.parquet");
    oracle(&python, &["keys", data.to_str().unwrap(), "600000"]);
    // Rows with the texts of many rules are written more slowly than they are read: the reader never makes the writer wait.
    let rules: Vec<String> = (0..20).map(|length| format!("ColumnLength \"key\" > {length}")).collect();
    std::fs::write(folder.path().join("rules.dqdl"), format!("Rules = [ {} ]", rules.join(", "))).unwrap();
    let files = || std::fs::read_dir(folder.path()).unwrap().count();
    let arguments = ["quality", "--data", "keys.parquet", "--rules", "rules.dqdl", "--row-outcomes", "all.csv"];
    let child = command(folder.path(), &arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    while files() < 3 && began.elapsed() < Duration::from_secs(40) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let stopped = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(stopped.success());
    let outcome = Outcome::from(child.wait_with_output().unwrap()).expect_code(130);
    assert!(outcome.stderr.contains("interrupted"), "{}", outcome.stderr);
    assert_eq!(files(), 2);
}
