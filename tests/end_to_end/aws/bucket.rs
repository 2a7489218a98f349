//! The lake on a bucket: replaced, appended, vacuumed, killed, shared.

use std::process::Stdio;
use std::time::Duration;

use super::{Cloud, PREFIX};
use crate::demo::assert_equal_to_oracle_with;
use crate::support::{Outcome, command, edit, repository, run_python};

#[test]
fn the_shop_on_a_bucket_gives_the_reports_that_the_oracle_computes() {
    let Some(bucket) = Cloud::shop(0.002) else { return };
    bucket.run(&["run"]).expect_code(0);
    assert_equal_to_oracle_with(bucket.path(), |name| {
        let outcome = bucket.run(&["report", name, "--format", "json"]).expect_code(0);
        outcome.json().as_array().unwrap().clone()
    });
    let again = bucket.run(&["run", "--json"]).expect_code(0).json();
    for job in again["jobs"].as_array().unwrap() {
        assert_eq!(job["outcome"], "unchanged", "{job}");
    }
    assert!(bucket.keys("staging/").is_empty() && bucket.keys("system/intents/").is_empty());
    assert!(bucket.keys("system/open/").is_empty());
    assert_eq!(bucket.tool(&["uploads", &bucket.bucket]).stdout.trim(), "0");
    let copy = bucket.path().join("copy");
    bucket.tool(&["download", &bucket.bucket, &format!("{PREFIX}/tables/"), copy.to_str().unwrap()]);
    let script = repository().join("tests/oracle/readers.py");
    let lake = copy.join(PREFIX);
    let counts = run_python(&bucket.python, &script, &[lake.to_str().unwrap()]).expect_code(0).json();
    for table in ["users", "orders", "survey_responses", "clicks"] {
        for reader in ["deltalake", "duckdb"] {
            assert_eq!(counts[table][reader], bucket.count(table), "{table} through {reader}");
        }
    }
}

#[test]
fn files_are_appended_and_tables_replaced_on_a_bucket() {
    let Some(bucket) = Cloud::shop(0.002) else { return };
    edit(&bucket.path().join("jobs/clicks.toml"), "\"1%\"", "\"10%\"");
    let clicks = bucket.path().join("data/clicks");
    let mut files = Vec::new();
    crate::demo::list(&clicks, &mut files);
    files.sort();
    let late = files.last().unwrap();
    let held = bucket.path().join("late.json.gz");
    std::fs::rename(late, &held).unwrap();
    bucket.run(&["run", "clicks"]).expect_code(0);
    let before = bucket.count("clicks");
    std::fs::rename(&held, late).unwrap();
    bucket.run(&["run", "clicks"]).expect_code(0);
    let after = bucket.count("clicks");
    assert!(after > before);
    bucket.run(&["run", "clicks"]).expect_code(0);
    assert_eq!(bucket.count("clicks"), after);
    assert!(bucket.keys("staging/").is_empty());
    bucket.run(&["run", "categories", "products"]).expect_code(0);
    let database = rusqlite::Connection::open(bucket.path().join("data/shop.db")).unwrap();
    database.execute("DELETE FROM products WHERE product_id % 2 = 0", []).unwrap();
    drop(database);
    let before = bucket.count("products");
    bucket.run(&["run", "products"]).expect_code(0);
    let after = bucket.count("products");
    assert!(after < before);
    let data_files = || bucket.keys("tables/products/").iter().filter(|k| k.ends_with(".parquet")).count();
    let files = data_files();
    std::thread::sleep(Duration::from_secs(2));
    let would = bucket.run(&["vacuum", "products", "--retain", "1s", "--dry-run", "--json"]).expect_code(0).json();
    assert_eq!((would["tables"][0]["files"].as_u64(), data_files()), (Some(1), files));
    bucket.run(&["vacuum", "--retain", "1s"]).expect_code(0);
    assert_eq!((data_files(), bucket.count("products")), (files - 1, after));
}

#[test]
fn runs_that_are_killed_or_that_meet_leave_a_bucket_in_order() {
    let Some(bucket) = Cloud::shop(0.005) else { return };
    bucket.run(&["run", "users", "products", "categories"]).expect_code(0);
    for round in 0..6 {
        let mut children: Vec<_> = (0..2)
            .map(|_| {
                let mut command = bucket.command(&["run", "orders", "clicks"]);
                command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
            })
            .collect();
        std::thread::sleep(Duration::from_millis(150 * (round + 1)));
        children.iter_mut().for_each(|child| drop(child.kill()));
        children.iter_mut().for_each(|child| drop(child.wait()));
    }
    // Two whole runs at once: each ends well, or is told that the other was first.
    let children: Vec<_> = (0..2)
        .map(|_| {
            bucket.command(&["run", "orders", "clicks"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for child in children {
        let outcome: Outcome = child.wait_with_output().unwrap().into();
        assert!(matches!(outcome.code, 0 | 5), "{}: {}", outcome.code, outcome.stderr);
    }
    bucket.run(&["run"]).expect_code(0);
    let local: Outcome = command(bucket.path(), &["run"]).output().unwrap().into();
    local.expect_code(0);
    for table in ["orders", "clicks"] {
        assert_eq!(bucket.count(table), crate::support::count(bucket.path(), table), "{table}");
    }
}

#[test]
fn a_bucket_that_is_not_there_is_told_apart() {
    let Some(bucket) = Cloud::shop(0.001) else { return };
    bucket.configure(&format!("s3://{}/", bucket.bucket), "s3://no-such-bucket-here/");
    let outcome = bucket.run(&["run", "categories"]);
    assert!(matches!(outcome.code, 2 | 4 | 5), "{}: {}", outcome.code, outcome.stderr);
    assert!(outcome.stderr.contains("no-such-bucket-here"), "{}", outcome.stderr);
}
