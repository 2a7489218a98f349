//! The shop from raw files to its five reports, compared with an independent computation over the raw files.

use std::path::Path;

use lakegate_sample_shop::Options;

use crate::support::{count, edit, lakegate, python, report, repository, run_python, shop};

pub const REPORTS: [&str; 5] = [
    "channel_by_age_band",
    "category_sales",
    "category_sales_by_age_band",
    "category_sales_and_reviews",
    "hourly_clicks",
];

fn tiny() -> Options {
    Options { scale: 0.002, ..Options::default() }
}

fn assert_equal_to_oracle(project: &Path) {
    assert_equal_to_oracle_with(project, |name| report(project, name));
}

/// Compares every report, as `rows` gives it, with what the oracle computes from the project's raw files.
pub fn assert_equal_to_oracle_with(project: &Path, rows: impl Fn(&str) -> Vec<serde_json::Value>) {
    let Some(python) = python() else { return };
    let oracle =
        run_python(&python, &repository().join("tests/oracle/shop.py"), &[project.to_str().unwrap()]).expect_code(0);
    let expected = oracle.json();
    for name in REPORTS {
        let found = rows(name);
        let wanted = expected[name].as_array().unwrap();
        assert!(!wanted.is_empty(), "{name}: the oracle has no rows");
        assert_eq!(found.len(), wanted.len(), "{name}: number of rows");
        for (row, want) in found.iter().zip(wanted) {
            for (column, value) in want.as_object().unwrap() {
                assert!(
                    same(&row[column], value),
                    "{name}: {column} is {} here and {value} in the oracle",
                    row[column]
                );
            }
        }
    }
}

/// Equal as text, or as numbers to nine digits.
fn same(a: &serde_json::Value, b: &serde_json::Value) -> bool {
    let number = |v: &serde_json::Value| v.as_f64().or_else(|| v.as_str().and_then(|s| s.parse().ok()));
    match (number(a), number(b)) {
        (Some(x), Some(y)) => (x - y).abs() <= 1e-9 * x.abs().max(1.0),
        _ => a == b,
    }
}

#[test]
fn the_shop_is_loaded_and_its_reports_equal_the_oracles() {
    let folder = shop(&tiny());
    let run = lakegate(folder.path(), &["run", "--json"]).expect_code(0).json();
    for job in run["jobs"].as_array().unwrap() {
        assert_eq!(job["outcome"], "published", "{job}");
    }
    assert_equal_to_oracle(folder.path());
    let again = lakegate(folder.path(), &["run", "--json"]).expect_code(0).json();
    for job in again["jobs"].as_array().unwrap() {
        assert_eq!(job["outcome"], "unchanged", "{job}");
    }
    assert_equal_to_oracle(folder.path());
}

#[test]
fn new_click_files_are_appended_once() {
    let folder = shop(&tiny());
    // One file of so small a shop may well be bad for more than 1%.
    edit(&folder.path().join("jobs/clicks.toml"), "\"1%\"", "\"10%\"");
    let held = folder.path().join("held");
    let clicks = folder.path().join("data/clicks");
    let mut files = Vec::new();
    list(&clicks, &mut files);
    files.sort();
    let late = files.last().unwrap();
    let kept = held.join("late.json.gz");
    std::fs::create_dir_all(&held).unwrap();
    std::fs::rename(late, &kept).unwrap();
    lakegate(folder.path(), &["run", "clicks"]).expect_code(0);
    let before = count(folder.path(), "clicks");
    std::fs::rename(&kept, late).unwrap();
    lakegate(folder.path(), &["run", "clicks"]).expect_code(0);
    let after = count(folder.path(), "clicks");
    assert!(after > before);
    lakegate(folder.path(), &["run", "clicks"]).expect_code(0);
    assert_eq!(count(folder.path(), "clicks"), after);
}

/// Every file below a folder.
pub fn list(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { list(&path, files) } else { files.push(path) }
    }
}

#[test]
fn every_reader_sees_the_same_rows() {
    let Some(python) = python() else { return };
    let folder = shop(&tiny());
    lakegate(folder.path(), &["run"]).expect_code(0);
    let script = repository().join("tests/oracle/readers.py");
    let lake = folder.path().join("lake");
    let counts = run_python(&python, &script, &[lake.to_str().unwrap()]).expect_code(0).json();
    for table in ["users", "orders", "survey_responses", "clicks"] {
        let expected = count(folder.path(), table);
        for reader in ["deltalake", "duckdb"] {
            assert_eq!(counts[table][reader], expected, "{table} through {reader}");
        }
    }
}

/// A partition value is percent-encoded once in the folder's name and once more in the log, and every reader must undo that.
#[test]
fn every_reader_sees_the_same_values_in_awkward_partitions() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "lakegate.toml",
        "name = \"places\"\ntime_zone = \"UTC\"\n[lake]\nlocation = \"lake\"\n[connections.shop]\nurl = \"sqlite:shop.db\"\n",
    );
    write(
        "jobs/places.toml",
        "mode = \"replace\"\n[source]\nkind = \"rds\"\nconnection = \"shop\"\ntable = \"places\"\n",
    );
    write(
        "schemas/places.toml",
        "partition_by = [\"city\", \"month(opened_at)\"]\ncolumns = [{ name = \"id\", type = \"bigint\" }, { name = \"city\", type = \"string\" }, \
         { name = \"note\", type = \"string\" }, { name = \"opened_at\", type = \"timestamp\" }]\n",
    );
    let cities = [
        Some("서울 강남"),
        Some("a/b"),
        Some("100%"),
        Some("k=v"),
        Some("a%2Fb"),
        Some(".."),
        Some("#?+&:*\\\"'"),
        Some("  two  "),
        None,
    ];
    let database = rusqlite::Connection::open(folder.path().join("shop.db")).unwrap();
    database
        .execute_batch("CREATE TABLE places (id INTEGER PRIMARY KEY, city TEXT, note TEXT, opened_at TEXT)")
        .unwrap();
    for (id, city) in cities.iter().enumerate() {
        let note = city.map(|c| format!("in {c}"));
        let values = rusqlite::params![id as i64, city, note, "2026-03-09T23:30:00Z"];
        database.execute("INSERT INTO places VALUES (?1, ?2, ?3, ?4)", values).unwrap();
    }
    lakegate(folder.path(), &["run"]).expect_code(0);
    let expected: Vec<serde_json::Value> = cities
        .iter()
        .enumerate()
        .map(|(id, city)| serde_json::json!([id, city, city.map(|c| format!("in {c}")), "2026-03-09 23:30:00"]))
        .collect();
    let script = repository().join("tests/oracle/values.py");
    let lake = folder.path().join("lake/tables/places");
    let seen = run_python(&python, &script, &[lake.to_str().unwrap()]).expect_code(0).json();
    for reader in ["deltalake", "duckdb, through the log", "duckdb, through the folders", "polars"] {
        assert_eq!(seen[reader], serde_json::json!(expected), "{reader}");
    }
}

#[test]
fn the_demo_command_does_it_all() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = lakegate(folder.path(), &["demo", "--dir", "shop", "--scale", "0.002"]).expect_code(0);
    for title in [
        "연령대별 유입 경로",
        "카테고리별 판매",
        "연령대별 카테고리 판매량",
        "카테고리별 판매 및 리뷰",
        "시간대별 클릭스트림",
    ] {
        assert!(outcome.stdout.contains(title), "{title} is missing:\n{}", outcome.stdout);
    }
    let csv =
        lakegate(folder.path(), &["--project", "shop", "report", "category_sales", "--format", "csv"]).expect_code(0);
    assert!(csv.stdout.lines().count() > 1);
}

#[test]
fn the_reports_parse_in_athenas_dialect() {
    let Some(python) = python() else { return };
    let mut files: Vec<String> = Vec::new();
    for folder in ["sql", "examples/olist/sql", "examples/weblog/sql"] {
        for entry in std::fs::read_dir(repository().join(folder)).unwrap() {
            files.push(entry.unwrap().path().to_str().unwrap().to_owned());
        }
    }
    let arguments: Vec<&str> = files.iter().map(String::as_str).collect();
    run_python(&python, &repository().join("tests/oracle/athena.py"), &arguments).expect_code(0);
}
