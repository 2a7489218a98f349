//! Jobs as Glue and ECS start and stop them.

use std::process::Child;

use serde_json::json;

use super::standin::on;
use super::{Cloud, ledger};
use crate::support::Outcome;

fn ended(child: Child) -> Outcome {
    child.wait_with_output().unwrap().into()
}

fn terminate(child: &Child) {
    assert!(std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn glues_arguments_run_the_jobs_that_they_name() {
    let Some(cloud) = Cloud::of(|| ledger::project(2, 3)) else { return };
    let mut command = crate::support::command(cloud.path(), &["--json", "glue"]);
    command.args([
        "--JOB_NAME",
        "nightly",
        "--JOB_ID",
        "j_1",
        "--JOB_RUN_ID",
        "jr_7",
        "--enable-metrics",
        "--TempDir",
        "s3://b/t",
    ]);
    command.args(["--lakegate_env", "test", "--lakegate_jobs", "entries"]);
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test").env_remove("AWS_PROFILE");
    let outcome = Outcome::from(command.output().unwrap()).expect_code(0);
    let jobs = &outcome.json()["jobs"];
    assert_eq!((jobs.as_array().unwrap().len(), &jobs[0]["outcome"]), (1, &json!("published")));
    assert_eq!(
        (&jobs[0]["record"]["trigger"], &jobs[0]["record"]["occasion"]),
        (&json!("schedule"), &json!("Glue jr_7"))
    );
    let local = crate::support::lakegate(cloud.path(), &["glue", "--JOB_NAME", "nightly"]).expect_code(2);
    assert!(local.stderr.contains("--lakegate_env"), "a lake that goes away with the machine: {}", local.stderr);
    let refused = cloud.run(&["glue", "--JOB_NAME", "nightly", "--lakegate_job", "entries"]).expect_code(2);
    assert!(refused.stderr.contains("did you mean `--lakegate_jobs`?"), "{}", refused.stderr);
}

/// A container that is stopped: what is not published is abandoned, and nothing of it stays.
#[test]
fn a_signal_before_the_commit_abandons_the_run() {
    let Some(cloud) = Cloud::of(|| ledger::project(2, 3)) else { return };
    cloud.run(&["run"]).expect_code(0);
    ledger::set_load(cloud.path(), 2);
    let mut rule = on(&cloud.bucket, "PutObject", "hold_before");
    rule["key"] = json!(r"entries/.*\.parquet$");
    let rule = cloud.standin.rule(rule);
    let mut child = cloud.start(&["run", "entries"]);
    assert!(rule.wait(|| child.try_wait().unwrap().is_some()));
    terminate(&child);
    let outcome = ended(child).expect_code(130);
    assert!(outcome.stderr.contains("it has published nothing"), "{}", outcome.stderr);
    rule.release();
    let shown = cloud.through_catalog("entries", "load");
    assert!(shown.values().all(|p| *p == json!([3, [1]])), "{shown:?}");
    cloud.run(&["run", "entries"]).expect_code(0);
    assert!(cloud.keys("staging").is_empty(), "{:?}", cloud.keys("staging"));
}

/// What is published is to be seen: the catalog is finished before the process ends.
#[test]
fn a_signal_after_the_commit_finishes_the_catalog() {
    let Some(cloud) = Cloud::of(|| ledger::project(2, 3)) else { return };
    cloud.run(&["run"]).expect_code(0);
    ledger::set_load(cloud.path(), 2);
    let rule = cloud.standin.rule(on(&cloud.database, "BatchUpdatePartition", "hold_before"));
    let mut child = cloud.start(&["run", "entries"]);
    assert!(rule.wait(|| child.try_wait().unwrap().is_some()));
    terminate(&child);
    std::thread::sleep(std::time::Duration::from_millis(300));
    rule.release();
    ended(child).expect_code(0);
    let shown = cloud.through_catalog("entries", "load");
    assert!(shown.values().all(|p| *p == json!([3, [2]])), "{shown:?}");
    cloud.expect_equal_catalog();
}
