//! Against a store that checks signatures and digests, as S3 does and the stand-in does not.

use std::path::Path;

use tempfile::TempDir;

use super::ledger;
use crate::support::{Outcome, command, edit, needs, python, repository, run_python};

/// A ledger whose environment `test` is a bucket of that store; `None` when it, or Python, is absent.
fn project(owner: bool) -> Option<TempDir> {
    let (endpoint, python) = (needs("LAKEGATE_TEST_SIGNED_S3")?, python()?);
    let project = ledger::project(3, 2);
    let bucket = format!("signed-{}-{owner}", std::process::id());
    let owner = if owner { "owner = \"123456789012\"\n" } else { "" };
    let settings = format!(
        "\n[env.test.aws]\nregion = \"us-east-1\"\nendpoint = \"{endpoint}\"\n\
         \n[env.test.lake]\nlocation = \"s3://{bucket}/lake 레이크\"\n{owner}"
    );
    let file = project.path().join("lakegate.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text + &settings).unwrap();
    run_python(&python, &repository().join("tests/oracle/aws.py"), &[&endpoint, "create", &bucket]).expect_code(0);
    Some(project)
}

fn run(project: &Path, secret: &str, arguments: &[&str]) -> Outcome {
    let mut command = command(project, &[&["--env", "test"], arguments].concat());
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", secret).output().unwrap().into()
}

fn everything_is_signed(owner: bool) {
    let Some(project) = project(owner) else { return };
    // Enough for a file in parts.
    let database = rusqlite::Connection::open(project.path().join("books.db")).unwrap();
    database
        .execute_batch(
            "CREATE TABLE big (id INTEGER PRIMARY KEY, noise TEXT);
             INSERT INTO big (noise) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400000)
             SELECT hex(randomblob(60)) FROM n;",
        )
        .unwrap();
    let job = project.path().join("jobs/big.toml");
    std::fs::copy(project.path().join("jobs/entries.toml"), &job).unwrap();
    edit(&job, "\"entries\"", "\"big\"");
    let contract =
        "columns = [\n  { name = \"id\", type = \"bigint\" },\n  { name = \"noise\", type = \"string\" },\n]\n";
    std::fs::write(project.path().join("schemas/big.toml"), contract).unwrap();
    run(project.path(), "test", &["run"]).expect_code(0);
    ledger::set_load(project.path(), 2);
    ledger::add_events(project.path(), 2);
    run(project.path(), "test", &["run"]).expect_code(0);
    run(project.path(), "test", &["vacuum", "--retain", "1s"]).expect_code(0);
    let sql = "SELECT (SELECT count(*) FROM events) AS events, (SELECT max(load) FROM entries) AS load, (SELECT count(*) FROM big) AS big";
    let counted = run(project.path(), "test", &["query", sql, "--format", "csv"]).expect_code(0).stdout;
    assert_eq!(counted.lines().nth(1), Some(format!("{},2,400000", 2 * ledger::EVENTS_PER_FILE).as_str()));
    let refused = run(project.path(), "wrong", &["run"]).expect_code(2);
    assert!(refused.stderr.contains("access is refused"), "{}", refused.stderr);
}

#[test]
fn every_request_is_signed() {
    everything_is_signed(false);
}

#[test]
fn every_request_is_signed_with_the_owner_of_the_bucket() {
    everything_is_signed(true);
}
