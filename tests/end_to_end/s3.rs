//! The same project on a bucket: a stand-in for S3 plays AWS, so what is shown here is not verified on AWS.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use lakegate_sample_shop::Options;
use tempfile::TempDir;

use crate::demo::assert_equal_to_oracle_with;
use crate::support::{Outcome, command, edit, needs, python, repository, run_python, shop};

struct Bucket {
    project: TempDir,
    endpoint: String,
    name: String,
    python: String,
}

impl Bucket {
    /// A shop whose environment `prod` is a fresh bucket; `None` when the stand-in or Python are absent.
    fn new(scale: f64) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let (endpoint, python) = (needs("LAKEGATE_TEST_S3")?, python()?);
        let name = format!("lake-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let project = shop(&Options { scale, ..Options::default() });
        let file = project.path().join("lakegate.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let prod = format!(
            "\n[env.prod.lake]\nlocation = \"s3://{name}/shop 가게\"\nendpoint = \"{endpoint}\"\nregion = \"ap-northeast-2\"\n"
        );
        std::fs::write(&file, text + &prod).unwrap();
        let bucket = Self { project, endpoint, name, python };
        bucket.s3(&["create"], &[]);
        Some(bucket)
    }

    fn path(&self) -> &Path {
        self.project.path()
    }

    fn s3(&self, action: &[&str], rest: &[&str]) -> Outcome {
        let script = repository().join("tests/oracle/s3.py");
        let arguments = [&[self.endpoint.as_str()], action, &[self.name.as_str()], rest].concat();
        run_python(&self.python, &script, &arguments).expect_code(0)
    }

    fn keys(&self, prefix: &str) -> Vec<String> {
        serde_json::from_value(self.s3(&["keys"], &[prefix]).json()).unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(self.path(), &[&["--env", "prod"], arguments].concat());
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        command
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        self.command(arguments).output().unwrap().into()
    }

    fn count(&self, table: &str) -> u64 {
        let sql = format!("SELECT count(*) AS n FROM {table}");
        let outcome = self.run(&["query", &sql, "--format", "csv"]).expect_code(0);
        outcome.stdout.lines().nth(1).unwrap().parse().unwrap()
    }
}

#[test]
fn the_shop_on_a_bucket_gives_the_reports_that_the_oracle_computes() {
    let Some(bucket) = Bucket::new(0.002) else { return };
    bucket.run(&["run"]).expect_code(0);
    assert_equal_to_oracle_with(bucket.path(), |name| {
        let outcome = bucket.run(&["report", name, "--format", "json"]).expect_code(0);
        outcome.json().as_array().unwrap().clone()
    });
    let again = bucket.run(&["run", "--json"]).expect_code(0).json();
    for job in again["jobs"].as_array().unwrap() {
        assert_eq!(job["outcome"], "unchanged", "{job}");
    }
    assert!(bucket.keys("shop 가게/staging/").is_empty() && bucket.keys("shop 가게/system/intents/").is_empty());
    assert!(bucket.keys("shop 가게/system/open/").is_empty());
    assert_eq!(bucket.s3(&["uploads"], &[]).stdout.trim(), "0");
    let copy = bucket.path().join("copy");
    bucket.s3(&["download"], &["shop 가게/tables/", copy.to_str().unwrap()]);
    let script = repository().join("tests/oracle/readers.py");
    let lake = copy.join("shop 가게");
    let counts = run_python(&bucket.python, &script, &[lake.to_str().unwrap()]).expect_code(0).json();
    for table in ["users", "orders", "survey_responses", "clicks"] {
        for reader in ["deltalake", "duckdb"] {
            assert_eq!(counts[table][reader], bucket.count(table), "{table} through {reader}");
        }
    }
}

#[test]
fn files_are_appended_and_tables_replaced_on_a_bucket() {
    let Some(bucket) = Bucket::new(0.002) else { return };
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
    assert!(bucket.keys("shop 가게/staging/").is_empty());
    bucket.run(&["run", "categories", "products"]).expect_code(0);
    let database = rusqlite::Connection::open(bucket.path().join("data/shop.db")).unwrap();
    database.execute("DELETE FROM products WHERE product_id % 2 = 0", []).unwrap();
    drop(database);
    let before = bucket.count("products");
    bucket.run(&["run", "products"]).expect_code(0);
    let after = bucket.count("products");
    assert!(after < before);
    let data_files = || bucket.keys("shop 가게/tables/products/").iter().filter(|k| k.ends_with(".parquet")).count();
    let files = data_files();
    std::thread::sleep(Duration::from_secs(2));
    let would = bucket.run(&["vacuum", "products", "--retain", "1s", "--dry-run", "--json"]).expect_code(0).json();
    assert_eq!((would["tables"][0]["files"].as_u64(), data_files()), (Some(1), files));
    bucket.run(&["vacuum", "--retain", "1s"]).expect_code(0);
    assert_eq!((data_files(), bucket.count("products")), (files - 1, after));
}

#[test]
fn runs_that_are_killed_or_that_meet_leave_a_bucket_in_order() {
    let Some(bucket) = Bucket::new(0.005) else { return };
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
    let Some(bucket) = Bucket::new(0.001) else { return };
    let file = bucket.path().join("lakegate.toml");
    edit(&file, &format!("s3://{}/", bucket.name), "s3://no-such-bucket-here/");
    let outcome = bucket.run(&["run", "categories"]);
    assert!(matches!(outcome.code, 2 | 4 | 5), "{}: {}", outcome.code, outcome.stderr);
    assert!(outcome.stderr.contains("no-such-bucket-here"), "{}", outcome.stderr);
}
