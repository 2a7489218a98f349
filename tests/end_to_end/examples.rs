//! The two examples over real data, compared with DuckDB over the raw files.

use std::path::Path;
use std::process::Command;

use crate::support::{Outcome, binary, copy, lakegate, needs, python, real_data, repository, run_python};

/// Runs a copy of the example, so that nothing is left in the repository.
fn run_example(name: &str, data: &Path, python: &str, environment: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let example = folder.path().join("examples").join(name);
    copy(&repository().join("examples").join(name), &example);
    copy(&repository().join("tests/postgres.sh"), &{
        std::fs::create_dir_all(folder.path().join("tests")).unwrap();
        folder.path().join("tests/postgres.sh")
    });
    for left in ["lake", "secrets", "logs"] {
        let _ = std::fs::remove_dir_all(example.join(left));
    }
    let data = data.to_str().unwrap();
    for _ in 0..2 {
        let outcome: Outcome = Command::new(example.join("run"))
            .arg(data)
            .env("LAKEGATE", binary())
            .envs(environment.iter().copied())
            .output()
            .unwrap()
            .into();
        outcome.expect_code(0);
        run_python(python, &example.join("check.py"), &[binary().to_str().unwrap(), data]).expect_code(0);
    }
}

#[test]
fn olist_equals_duckdb_over_the_raw_files() {
    let (Some(data), Some(python), Some(url)) = (real_data("olist"), python(), needs("LAKEGATE_TEST_POSTGRES")) else {
        return;
    };
    run_example("olist", &data, &python, &[("OLIST_DATABASE_URL", &url)]);
}

#[test]
fn the_web_log_equals_duckdb_over_the_raw_file() {
    let (Some(data), Some(python)) = (real_data("weblogs"), python()) else { return };
    run_example("weblog", &data, &python, &[]);
}

#[test]
fn olists_rules_run_on_its_csv_file() {
    let Some(data) = real_data("olist") else { return };
    let rules = repository().join("examples/olist/quality-rules/orders.dqdl");
    let file = data.join("olist_orders_dataset.csv");
    let outcome = lakegate(
        &repository(),
        &["quality", "--data", file.to_str().unwrap(), "--rules", rules.to_str().unwrap(), "--json"],
    )
    .expect_code(0);
    assert_eq!(outcome.json()["AggregatedMetrics"]["TotalRulesFailed"], 0);
}
