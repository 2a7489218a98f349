//! A bucket that fails: before it does what was asked, after it has, and in between.

use serde_json::{Value, json};

use super::{Cloud, ledger};

const COMMIT: &str = r"_delta_log/\d{20}\.json$";

fn fault(cloud: &Cloud, rule: Value) -> Value {
    let mut merged = json!({ "scope": cloud.bucket, "service": "s3" });
    merged.as_object_mut().unwrap().extend(rule.as_object().unwrap().clone());
    merged
}

/// Runs both jobs of a ledger under each fault; what is published afterwards is one load, whole.
fn survive(faults: &[Value]) {
    let Some(cloud) = Cloud::of(|| ledger::project(3, 2)) else { return };
    // A rule with a query of its own reads the staged files.
    let rules = cloud.path().join("quality-rules");
    std::fs::create_dir_all(&rules).unwrap();
    let one_load = "Rules = [ CustomSql \"select count(distinct load) from primary\" = 1 ]";
    std::fs::write(rules.join("entries.dqdl"), one_load).unwrap();
    cloud.run(&["run"]).expect_code(0);
    for (load, rule) in (2..).zip(faults) {
        ledger::set_load(cloud.path(), load);
        ledger::add_events(cloud.path(), load);
        let set = cloud.standin.rule(fault(&cloud, rule.clone()));
        cloud.run(&["run"]).expect_code(0);
        assert!(set.hits() > 0, "{rule}");
        drop(set);
        let shown = cloud.through_catalog("entries", "load");
        assert_eq!(shown.len(), 3, "{rule}");
        assert!(shown.values().all(|p| *p == json!([2, [load]])), "{rule}: {shown:?}");
        let events = u64::from(load) * ledger::EVENTS_PER_FILE;
        assert_eq!(cloud.count("events"), events, "{rule}");
        assert_eq!(cloud.count_through_catalog("events", "event_id"), events, "{rule}");
        assert!(cloud.keys("staging/").is_empty() && cloud.keys("system/intents/").is_empty(), "{rule}");
        assert!(cloud.keys("system/open/").is_empty(), "{rule}");
    }
}

#[test]
fn lost_replies_and_conflicts_of_the_commit_publish_once() {
    survive(&[
        json!({ "operation": "PutObject", "key": COMMIT, "action": "lost_reply" }),
        json!({ "operation": "PutObject", "key": COMMIT, "action": "lost_reply", "times": 2 }),
        json!({ "operation": "PutObject", "key": COMMIT, "action": "reset", "times": 2 }),
        json!({ "operation": "PutObject", "key": COMMIT, "action": "status", "status": 409, "times": 4 }),
        json!({ "operation": "PutObject", "key": COMMIT, "action": "status", "status": 503, "times": 3 }),
        json!({ "operation": "PutObject", "key": COMMIT, "action": "status", "status": 500 }),
    ]);
}

#[test]
fn slow_downs_resets_and_short_answers_are_survived() {
    survive(&[
        json!({ "operation": "PutObject", "key": r"\.parquet$", "action": "status", "status": 503, "times": 4 }),
        json!({ "operation": "PutObject", "key": r"\.parquet$", "action": "lost_reply", "times": 2 }),
        json!({ "operation": "GetObject", "key": r"\.parquet$", "action": "truncate", "bytes": 60, "times": 2 }),
        json!({ "operation": "GetObject", "key": "_delta_log", "action": "reset", "times": 2 }),
        json!({ "operation": "CopyObject", "action": "error_200" }),
        json!({ "operation": "CopyObject", "action": "lost_reply", "times": 2 }),
        json!({ "operation": "ListObjectsV2", "action": "status", "status": 503, "times": 3 }),
        json!({ "operation": "DeleteObjects", "action": "status", "status": 503, "times": 2 }),
    ]);
}

#[test]
fn a_commit_that_cannot_be_settled_is_exit_6_and_deletes_nothing() {
    let Some(cloud) = Cloud::of(|| ledger::project(3, 2)) else { return };
    cloud.run(&["run", "entries"]).expect_code(0);
    ledger::set_load(cloud.path(), 2);
    // The commit arrives, its reply is lost, and from then on the log cannot be read.
    let lost =
        cloud.standin.rule(fault(&cloud, json!({ "operation": "PutObject", "key": COMMIT, "action": "hold_after" })));
    let mut child = cloud.start(&["run", "entries"]);
    assert!(lost.wait(|| child.try_wait().unwrap().is_some()), "no commit was sent");
    let away = cloud.standin.rule(fault(
        &cloud,
        json!({ "key": "_delta_log", "action": "status", "status": 403, "error": "AccessDenied", "times": -1 }),
    ));
    let cut = cloud
        .standin
        .rule(fault(&cloud, json!({ "operation": "PutObject", "key": COMMIT, "action": "reset", "times": -1 })));
    // The held reply never comes: the attempt's deadline ends it, and later attempts are cut off.
    let outcome: crate::support::Outcome = child.wait_with_output().unwrap().into();
    let outcome = outcome.expect_code(6);
    assert!(outcome.stderr.contains("nothing was deleted"), "{}", outcome.stderr);
    drop((lost, away, cut));
    assert_eq!(cloud.count("entries"), 6);
    let shown = cloud.run(&["query", "SELECT max(load) AS n FROM entries", "--format", "csv"]).expect_code(0).stdout;
    assert_eq!(shown.lines().nth(1), Some("2"), "the commit had taken effect");
    cloud.run(&["run", "entries"]).expect_code(0);
    cloud.expect_equal_catalog();
}

#[test]
fn a_bucket_that_refuses_says_what_it_refuses_and_keeps_what_was_published() {
    let Some(cloud) = Cloud::of(|| ledger::project(3, 2)) else { return };
    cloud.run(&["run"]).expect_code(0);
    ledger::set_load(cloud.path(), 2);
    let rule = cloud.standin.rule(fault(&cloud, json!({ "operation": "PutObject", "key": r"\.parquet$", "action": "status", "status": 403, "error": "AccessDenied", "times": -1 })));
    let outcome = cloud.run(&["run", "entries"]).expect_code(2);
    assert!(
        outcome.stderr.contains("access is refused") && outcome.stderr.contains("tables/entries"),
        "{}",
        outcome.stderr
    );
    drop(rule);
    let shown = cloud.through_catalog("entries", "load");
    assert!(shown.values().all(|p| *p == json!([2, [1]])), "{shown:?}");
}
