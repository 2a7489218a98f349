//! Help, exit codes and small commands.

use crate::support::lakegate;

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
