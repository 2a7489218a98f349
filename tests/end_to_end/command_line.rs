//! Help, exit codes and small commands.

use lakegate_sample_shop::Options;

use crate::support::{command, edit, lakegate, shop};

#[test]
fn a_new_project_checks_clean_without_any_secret() {
    let folder = tempfile::tempdir().unwrap();
    lakegate(folder.path(), &["init", "my-shop"]).expect_code(0);
    lakegate(folder.path(), &["--project", "my-shop", "check"]).expect_code(0);
    let again = lakegate(folder.path(), &["init", "my-shop"]).expect_code(2);
    assert!(again.stderr.contains("my-shop"), "{}", again.stderr);
}

#[test]
fn a_missing_secret_is_named_when_a_job_needs_it() {
    let folder = tempfile::tempdir().unwrap();
    lakegate(folder.path(), &["init", "."]).expect_code(0);
    let outcome = lakegate(folder.path(), &["run"]).expect_code(2);
    assert!(outcome.stderr.contains("SHOP_DATABASE_URL"), "{}", outcome.stderr);
}

#[test]
fn outside_a_project_the_error_says_how_to_begin() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = lakegate(folder.path(), &["run"]).expect_code(2);
    assert!(outcome.stderr.contains("lakegate.toml") && outcome.stderr.contains("lakegate init"), "{}", outcome.stderr);
}

#[test]
fn usage_errors_end_with_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = lakegate(folder.path(), &["rn"]).expect_code(2);
    assert!(outcome.stderr.contains("run"), "{}", outcome.stderr);
    lakegate(folder.path(), &["--version"]).expect_code(0);
}

fn small() -> tempfile::TempDir {
    shop(&Options { scale: 0.001, ..Options::default() })
}

#[test]
fn what_the_engine_says_holds_no_value_of_a_row() {
    let folder = small();
    lakegate(folder.path(), &["run", "categories", "products"]).expect_code(0);
    let database = rusqlite::Connection::open(folder.path().join("data/shop.db")).unwrap();
    let name: String = database.query_row("SELECT name FROM products LIMIT 1", [], |row| row.get(0)).unwrap();
    for sql in ["SELECT cast(name AS bigint) FROM products", "SELECT 1 / (price - price) FROM products"] {
        let outcome = lakegate(folder.path(), &["-vvv", "query", sql]).expect_code(2);
        let word = name.split(' ').next().unwrap();
        assert!(!outcome.stderr.contains(word) && !outcome.stdout.contains(word), "{}", outcome.stderr);
    }
    let outcome = lakegate(folder.path(), &["query", "SELECT nmae FROM products"]).expect_code(2);
    assert!(outcome.stderr.contains("did you mean `name`?"), "{}", outcome.stderr);
    let outcome = lakegate(folder.path(), &["query", "DROP TABLE products"]).expect_code(2);
    assert!(outcome.stderr.contains("no SELECT"), "{}", outcome.stderr);
}

#[test]
fn json_is_one_object_whatever_happens() {
    let folder = small();
    lakegate(folder.path(), &["run"]).expect_code(0);
    let query =
        lakegate(folder.path(), &["query", "SELECT a.a, b.a FROM (SELECT 1 AS a) a, (SELECT 2 AS a) b", "--json"])
            .expect_code(0)
            .json();
    assert_eq!(query["rows"], serde_json::json!([{ "a": 1, "a_2": 2 }]));
    let report =
        lakegate(folder.path(), &["report", "category_sales", "--json", "-o", "out.csv"]).expect_code(0).json();
    assert_eq!(report["written"], "out.csv");
    assert!(std::fs::read_to_string(folder.path().join("out.csv")).unwrap().starts_with("category,"));
    for (arguments, code) in [
        (vec!["frob", "--json"], 2),
        (vec!["query", "SELECT nothing", "--json"], 2),
        (vec!["report", "category_sales", "--json", "--format", "csv"], 2),
        (vec!["report", "nope", "--json"], 2),
        (vec!["check", "--json"], 0),
        (vec!["plan", "--json"], 0),
        (vec!["runs", "--json"], 0),
        (vec!["run", "--json"], 0),
    ] {
        assert!(lakegate(folder.path(), &arguments).expect_code(code).json().is_object(), "{arguments:?}");
    }
}

#[test]
fn what_is_there_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("d.csv"), "id\n1\n").unwrap();
    std::fs::write(folder.path().join("r.dqdl"), "Rules = [ ColumnValues \"id\" > 1 ]").unwrap();
    let arguments = ["quality", "--data", "d.csv", "--rules", "r.dqdl", "--bad-rows", "d.csv"];
    lakegate(folder.path(), &arguments).expect_code(2);
    assert_eq!(std::fs::read_to_string(folder.path().join("d.csv")).unwrap(), "id\n1\n");
    lakegate(folder.path(), &["init", "my 가게"]).expect_code(0);
    lakegate(folder.path(), &["demo", "--dir", "my 가게", "--scale", "0.001"]).expect_code(2);
    lakegate(folder.path(), &["demo", "--dir", "shop", "--scale", "0.001"]).expect_code(0);
    let other = lakegate(folder.path(), &["demo", "--dir", "shop", "--scale", "0.002"]).expect_code(2);
    assert!(other.stderr.contains("another size"), "{}", other.stderr);
    lakegate(folder.path(), &["demo", "--dir", "shop", "--scale", "0.001"]).expect_code(0);
}

#[test]
fn vacuuming_deletes_what_no_recent_version_needs() {
    let folder = small();
    lakegate(folder.path(), &["run", "categories", "products"]).expect_code(0);
    lakegate(folder.path(), &["run", "products", "--force"]).expect_code(0);
    let json = |arguments: &[&str]| lakegate(folder.path(), arguments).expect_code(0).json();
    // What was just replaced is kept for a week.
    assert_eq!(json(&["vacuum", "products", "--json"])["tables"][0]["files"], 0);
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert_eq!(json(&["vacuum", "products", "--retain", "1s", "--dry-run", "--json"])["tables"][0]["files"], 1);
    assert_eq!(json(&["vacuum", "products", "--retain", "1s", "--json"])["tables"][0]["files"], 1);
    assert_eq!(json(&["vacuum", "products", "--retain", "1s", "--json"])["tables"][0]["files"], 0);
    assert!(crate::support::count(folder.path(), "products") > 0);
    assert!(lakegate(folder.path(), &["vacuum", "prodcts"]).expect_code(2).stderr.contains("did you mean `products`?"));
    assert!(lakegate(folder.path(), &["vacuum", "--retain", "soon"]).expect_code(2).stderr.contains("7d"));
}

#[test]
fn check_finds_what_a_run_would_stumble_over() {
    let folder = small();
    for (file, old, new, words) in [
        ("jobs/orders.toml", "connection = \"shop\"", "connection = \"shpo\"", "did you mean `shop`?"),
        ("quality-rules/order_items.dqdl", "\"orders.order_id\"", "\"orders.order_no\"", "order_no"),
        ("quality-rules/orders.dqdl", "Rules = [", "Rules = [\n  CustomSql \"selec 1\" = 1,", "CustomSql"),
        ("sql/category_sales.sql", "order_items", "order_itms", "category_sales.sql"),
        ("lakegate.toml", "location = \"lake\"", "location = \"gs://bucket\"", "s3://bucket/prefix"),
        ("lakegate.toml", "memory_limit = \"256MB\"", "memory_limit = \"1KB\"", "16MB"),
    ] {
        let path = folder.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        edit(&path, old, new);
        let outcome = lakegate(folder.path(), &["check"]).expect_code(2);
        assert!(outcome.stderr.contains(words), "{file}: {}", outcome.stderr);
        std::fs::write(&path, text).unwrap();
    }
    lakegate(folder.path(), &["check"]).expect_code(0);
}

#[test]
fn a_damaged_lake_is_told_and_not_read_around() {
    let folder = small();
    lakegate(folder.path(), &["run"]).expect_code(0);
    let log = folder.path().join("lake/tables/orders/_delta_log/00000000000000000001.json");
    let text = std::fs::read(&log).unwrap();
    std::fs::write(&log, "").unwrap();
    let outcome = lakegate(folder.path(), &["query", "SELECT count(*) FROM orders"]).expect_code(4);
    assert!(
        outcome.stderr.contains("00000000000000000001.json") && !outcome.stderr.contains("retry"),
        "{}",
        outcome.stderr
    );
    std::fs::write(&log, &text[..text.len() / 2]).unwrap();
    let outcome = lakegate(folder.path(), &["query", "SELECT count(*) FROM orders"]).expect_code(4);
    assert!(!outcome.stderr.contains("stack backtrace"), "{}", outcome.stderr);
}

#[test]
fn a_run_that_was_killed_has_a_record_all_the_same() {
    let folder = shop(&Options { scale: 0.02, ..Options::default() });
    lakegate(folder.path(), &["run", "users", "products", "categories"]).expect_code(0);
    for round in 1..20 {
        let mut child = command(folder.path(), &["run", "clicks"]).stderr(std::process::Stdio::null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(100 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        if folder.path().join("lake/system/open/clicks").read_dir().is_ok_and(|mut d| d.next().is_some()) {
            break;
        }
    }
    lakegate(folder.path(), &["run", "clicks"]).expect_code(0);
    let runs = lakegate(folder.path(), &["runs", "clicks", "--json"]).expect_code(0).json();
    let outcomes: Vec<&str> = runs["runs"].as_array().unwrap().iter().map(|r| r["outcome"].as_str().unwrap()).collect();
    assert!(
        outcomes.len() >= 2 && outcomes.contains(&"interrupted") && outcomes.contains(&"published"),
        "{outcomes:?}"
    );
}

/// What a run writes must not wake it again.
#[test]
fn output_where_a_job_looks_for_its_files_is_refused() {
    let folder = shop(&Options { scale: 0.001, ..Options::default() });
    let file = folder.path().join("lakegate.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    for (settings, problems) in [
        ("lake.location = \"s3://bucket-1/lake\"\ninputs.location = \"s3://bucket-1\"", 0),
        ("lake.location = \"s3://bucket-1/data/clicks/lake\"\ninputs.location = \"s3://bucket-1\"", 1),
        ("lake.location = \"s3://bucket-1\"\ninputs.location = \"s3://bucket-1\"", 2),
        ("lake.location = \"s3://bucket-2\"\ninputs.location = \"s3://bucket-1\"", 0),
        (
            "lake.location = \"s3://bucket-2\"\ninputs.location = \"s3://bucket-1\"\nathena.output = \"s3://bucket-1/data/\"",
            2,
        ),
    ] {
        std::fs::write(&file, format!("{text}\n[env.try]\n{settings}\n")).unwrap();
        let outcome = lakegate(folder.path(), &["--env", "try", "check"]);
        assert_eq!(outcome.code, if problems == 0 { 0 } else { 2 }, "{settings}: {}", outcome.stderr);
        let found = outcome.stderr.matches("its own output would wake it").count();
        assert_eq!(found, problems, "{settings}: {}", outcome.stderr);
    }
}
