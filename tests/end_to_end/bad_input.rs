//! Each kind of bad input: its exit code, a message that says where, and the earlier version still readable.

use std::io::Write as _;
use std::path::Path;

use lakegate_sample_shop::Options;
use tempfile::TempDir;

use crate::support::{count, edit, lakegate, needs, shop};

/// A shop whose categories, products, orders, survey and clicks are published.
fn loaded() -> TempDir {
    let folder = shop(&Options { scale: 0.001, ..Options::default() });
    lakegate(folder.path(), &["run"]).expect_code(0);
    folder
}

/// Runs `job`, expects `code` and every one of `words` in the error, and `table` as it was.
#[track_caller]
fn refused(project: &Path, job: &str, code: i32, words: &[&str]) {
    let before = count(project, job);
    let outcome = lakegate(project, &["run", job, "--force"]).expect_code(code);
    for word in words {
        assert!(outcome.stderr.contains(word), "{word:?} is missing in:\n{}", outcome.stderr);
    }
    assert_eq!(count(project, job), before, "{job} has changed");
}

#[test]
fn an_unknown_key_is_refused_in_every_kind_of_file() {
    let folder = loaded();
    for (file, line) in [
        ("lakegate.toml", "tiem_zone = \"UTC\"\n"),
        ("jobs/orders.toml", "aftr = []\n"),
        ("schemas/orders.toml", "partition = []\n"),
    ] {
        let path = folder.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{line}{text}")).unwrap();
        let outcome = lakegate(folder.path(), &["check"]).expect_code(2);
        assert!(outcome.stderr.contains(&format!("{file}:1:1")), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("did you mean") || outcome.stderr.contains("one of"), "{}", outcome.stderr);
        std::fs::write(&path, text).unwrap();
    }
    lakegate(folder.path(), &["check"]).expect_code(0);
}

#[test]
fn rules_for_rows_that_no_row_can_answer_are_refused_before_a_load() {
    let folder = shop(&Options { scale: 0.0001, ..Options::default() });
    let ruleset = folder.path().join("quality-rules/orders.dqdl");
    let checked = |rule: &str| {
        std::fs::write(&ruleset, format!("Rules = [\n  {rule} ]")).unwrap();
        lakegate(folder.path(), &["check"])
    };
    let derived = checked("IsComplete \"month\"").expect_code(2).stderr;
    assert!(derived.contains("quality-rules/orders.dqdl:2:3") && derived.contains("`Completeness` can"), "{derived}");
    checked("Completeness \"month\" = 1.0").expect_code(0);
    checked("ColumnValues \"month\" matches \"2.*\" with threshold > 0.5").expect_code(0);
    edit(
        &folder.path().join("schemas/orders.toml"),
        "name = \"ordered_at\", type = \"timestamp\"",
        "name = \"ordered_at\", type = \"date\"",
    );
    let date = checked("ColumnValues \"ordered_at\" > 5").expect_code(2).stderr;
    assert!(date.contains("orders.dqdl:2:3: column `ordered_at` is of type date"), "{date}");
}

#[test]
fn a_job_that_names_a_missing_table_or_job_is_refused() {
    let folder = loaded();
    edit(&folder.path().join("jobs/orders.toml"), "mode =", "table = \"ordrs\"\nmode =");
    let outcome = lakegate(folder.path(), &["check"]).expect_code(2);
    assert!(outcome.stderr.contains("ordrs") && outcome.stderr.contains("orders"), "{}", outcome.stderr);
}

#[test]
fn a_table_that_the_database_lacks_is_bad_input() {
    let folder = loaded();
    edit(&folder.path().join("jobs/orders.toml"), "table = \"orders\"", "table = \"ordres\"");
    refused(folder.path(), "orders", 4, &["ordres", "orders"]);
}

#[test]
fn a_contract_column_that_the_source_lacks_is_bad_input() {
    let folder = loaded();
    edit(
        &folder.path().join("schemas/categories.toml"),
        "columns = [",
        "columns = [\n  { name = \"catgory_id\", type = \"bigint\" },",
    );
    refused(folder.path(), "categories", 4, &["catgory_id", "category_id"]);
}

#[test]
fn values_of_a_wrong_type_close_the_gate_and_are_not_shown() {
    let folder = loaded();
    let database = rusqlite::Connection::open(folder.path().join("data/shop.db")).unwrap();
    database.execute("UPDATE products SET price = 'hunter2-' || price WHERE product_id % 2 = 0", []).unwrap();
    drop(database);
    let before = count(folder.path(), "products");
    let outcome = lakegate(folder.path(), &["run", "products"]).expect_code(3);
    assert!(outcome.stderr.contains("where decimal(12,2) was expected"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("hunter2"), "{}", outcome.stderr);
    assert_eq!(count(folder.path(), "products"), before);
}

#[test]
fn malformed_rules_are_placed() {
    let folder = loaded();
    edit(&folder.path().join("quality-rules/orders.dqdl"), "Rules = [", "Rules = [\n    IsCmplete \"order_id\",");
    let outcome = lakegate(folder.path(), &["check"]).expect_code(2);
    assert!(outcome.stderr.contains("orders.dqdl:"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("IsComplete"), "{}", outcome.stderr);
    refused(folder.path(), "orders", 2, &["orders.dqdl:"]);
}

#[test]
fn a_dataset_rule_that_fails_closes_the_gate() {
    let folder = loaded();
    edit(&folder.path().join("quality-rules/orders.dqdl"), "Rules = [", "Rules = [\n    RowCount > 1000000000,");
    refused(folder.path(), "orders", 3, &["RowCount > 1000000000"]);
}

#[test]
fn too_many_bad_rows_close_the_gate() {
    let folder = loaded();
    let database = rusqlite::Connection::open(folder.path().join("data/shop.db")).unwrap();
    database.execute("UPDATE orders SET status = 'lost' WHERE order_id % 20 = 0", []).unwrap();
    drop(database);
    refused(folder.path(), "orders", 3, &["1%"]);
}

fn first_click_file(project: &Path) -> std::path::PathBuf {
    let mut folder = project.join("data/clicks");
    while folder.is_dir() {
        let mut entries: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
        entries.sort();
        folder = entries.swap_remove(0);
    }
    folder
}

#[test]
fn a_truncated_gzip_is_bad_input() {
    let folder = loaded();
    let file = first_click_file(folder.path());
    let bytes = std::fs::read(&file).unwrap();
    let cut = file.with_file_name("cut.json.gz");
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let before = count(folder.path(), "clicks");
    let outcome = lakegate(folder.path(), &["run", "clicks"]).expect_code(4);
    assert!(outcome.stderr.contains("cut.json.gz"), "{}", outcome.stderr);
    assert_eq!(count(folder.path(), "clicks"), before);
    // Another content than the first file's: a mere copy would be left out.
    let blank = std::process::Command::new("sh").args(["-c", "echo | gzip"]).output().unwrap().stdout;
    std::fs::write(&cut, [bytes, blank].concat()).unwrap();
    lakegate(folder.path(), &["run", "clicks"]).expect_code(0);
    assert!(count(folder.path(), "clicks") > before);
}

#[test]
fn an_empty_input_is_bad_input() {
    let folder = loaded();
    let database = rusqlite::Connection::open(folder.path().join("data/shop.db")).unwrap();
    database.execute("DELETE FROM reviews", []).unwrap();
    drop(database);
    let before = count(folder.path(), "reviews");
    let outcome = lakegate(folder.path(), &["run", "reviews"]);
    assert!(matches!(outcome.code, 3 | 4), "{}: {}", outcome.code, outcome.stderr);
    assert_eq!(count(folder.path(), "reviews"), before);
}

#[test]
fn workbooks_with_a_missing_header_a_wrong_sheet_or_a_corrupt_zip_are_bad_input() {
    let folder = loaded();
    let job = folder.path().join("jobs/survey_responses.toml");
    edit(&job, "sheet = \"응답\"", "sheet = \"응답자\"");
    refused(folder.path(), "survey_responses", 4, &["응답자", "응답", ".xlsx"]);
    edit(&job, "sheet = \"응답자\"", "sheet = \"응답\"");
    let schema = folder.path().join("schemas/survey_responses.toml");
    let text = std::fs::read_to_string(&schema).unwrap();
    std::fs::write(&schema, text.replace("\"성별\"", "\"성 구분\"")).unwrap();
    refused(folder.path(), "survey_responses", 4, &["성 구분", "성별"]);
    std::fs::write(&schema, text).unwrap();
    let corrupt = folder.path().join("data/surveys/설문_2026Q2.xlsx");
    std::fs::File::create(&corrupt).unwrap().write_all(b"PK\x03\x04 this is no workbook").unwrap();
    refused(folder.path(), "survey_responses", 4, &["설문_2026Q2.xlsx"]);
}

#[test]
fn a_database_that_refuses_the_password_is_a_matter_of_configuration() {
    let Some(url) = needs("LAKEGATE_TEST_POSTGRES") else { return };
    let folder = loaded();
    // The server asks this user for a password, whether there is such a user or not.
    let refused_url = url.replace("lakegate@", "password_user:hunter2@");
    edit(&folder.path().join("lakegate.toml"), "url = \"sqlite:data/shop.db\"", &format!("url = \"{refused_url}\""));
    let before = count(folder.path(), "orders");
    let outcome = lakegate(folder.path(), &["run", "orders"]).expect_code(2);
    assert!(outcome.stderr.contains("password") && outcome.stderr.contains("lakegate.toml"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("hunter2"), "{}", outcome.stderr);
    assert_eq!(count(folder.path(), "orders"), before);
}

#[test]
fn a_database_that_is_down_or_missing_is_told_apart() {
    let folder = loaded();
    let project = folder.path().join("lakegate.toml");
    edit(&project, "url = \"sqlite:data/shop.db\"", "url = \"postgres://u:hunter2@127.0.0.1:9/shop\"");
    let before = count(folder.path(), "orders");
    let outcome = lakegate(folder.path(), &["run", "orders"]).expect_code(5);
    assert!(outcome.stderr.contains("127.0.0.1:9") || outcome.stderr.contains("port 9"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("retry"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("hunter2"), "{}", outcome.stderr);
    assert_eq!(count(folder.path(), "orders"), before);
    edit(&project, "url = \"postgres://u:hunter2@127.0.0.1:9/shop\"", "url = \"sqlite:data/gone.db\"");
    let outcome = lakegate(folder.path(), &["run", "orders"]);
    assert!(matches!(outcome.code, 2 | 4 | 5), "{}: {}", outcome.code, outcome.stderr);
    assert!(outcome.stderr.contains("gone.db"), "{}", outcome.stderr);
}

/// A job of its own over events without anything but a number, in so little memory that their keys must spill.
fn many_keys(project: &Path, keys: u32) {
    let write = |name: &str, text: &str| {
        let path = project.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    edit(&project.join("lakegate.toml"), "memory_limit = \"256MB\"", "memory_limit = \"16MB\"");
    write("jobs/keys.toml", "[source]\nkind = \"clicks\"\nfiles = \"data/keys/*.json\"\nformat = \"json\"\n");
    write("schemas/keys.toml", "columns = [{ name = \"id\", type = \"bigint\" }]\n");
    write("quality-rules/keys.dqdl", "Rules = [ IsUnique \"id\" ]\n");
    write("data/keys/a.json", &(0..keys).map(|id| format!("{{\"id\":{id}}}\n")).collect::<String>());
}

#[test]
fn no_room_for_keys_while_rows_are_staged_leaves_what_was_published() {
    let folder = shop(&Options { scale: 0.0001, ..Options::default() });
    many_keys(folder.path(), 70_000);
    lakegate(folder.path(), &["run", "keys"]).expect_code(0);
    assert_eq!(count(folder.path(), "keys"), 70_000);
    std::fs::write(folder.path().join("data/keys/b.json"), "{\"id\":-1}\n").unwrap();
    let nowhere = folder.path().join("nowhere");
    let mut run = crate::support::command(folder.path(), &["run", "keys", "--force"]);
    let outcome = crate::support::Outcome::from(run.env("TMPDIR", &nowhere).output().unwrap()).expect_code(5);
    assert!(outcome.stderr.contains("nowhere") && outcome.stderr.contains("spilled"), "{}", outcome.stderr);
    assert_eq!(count(folder.path(), "keys"), 70_000);
    lakegate(folder.path(), &["run", "keys"]).expect_code(0);
    assert_eq!(count(folder.path(), "keys"), 70_001);
}
