//! Refused rows of a lake in a bucket.

use std::process::Child;

use serde_json::json;

use super::Cloud;
use super::standin::on;
use crate::quarantine::{correct, project};
use crate::support::Outcome;

fn loaded() -> Option<Cloud> {
    let cloud = Cloud::of(project)?;
    cloud.run(&["run"]).expect_code(0);
    correct(cloud.path());
    Some(cloud)
}

fn states(cloud: &Cloud) -> Vec<(String, u64)> {
    let listed = cloud.run(&["quarantine", "list", "--json"]).expect_code(0).json();
    let runs = listed["quarantine"].as_array().unwrap().iter();
    runs.map(|run| (run["state"].as_str().unwrap().to_owned(), run["rows"].as_u64().unwrap())).collect()
}

#[test]
fn of_several_replays_at_once_one_publishes() {
    let Some(cloud) = loaded() else { return };
    let children: Vec<Child> = (0..5).map(|_| cloud.start(&["quarantine", "replay", "events", "--json"])).collect();
    let mut published = 0;
    for child in children {
        let outcome: Outcome = child.wait_with_output().unwrap().into();
        // 5: another was first.
        assert!(matches!(outcome.code, 0 | 5), "{}: {}", outcome.code, outcome.stderr);
        published += usize::from(outcome.json()["outcome"] == "published");
    }
    assert_eq!(published, 1);
    assert_eq!(cloud.count("events"), 3);
    assert_eq!(cloud.count_through_catalog("events", "event_id"), 3);
    assert_eq!(states(&cloud), [("waiting".to_owned(), 2), ("replayed".to_owned(), 4)]);
    cloud.run(&["quarantine", "show", "events"]).expect_code(0);
    cloud.expect_equal_catalog();
}

/// The process dies when its commit has arrived and nothing else has: no record says so, the log does.
#[test]
fn a_replay_that_is_killed_behind_its_commit_is_not_done_twice() {
    let Some(cloud) = loaded() else { return };
    let mut rule = on(&cloud.bucket, "PutObject", "hold_after");
    rule["key"] = json!(r"events/_delta_log/\d{20}\.json$");
    let rule = cloud.standin.rule(rule);
    let mut killed = cloud.start(&["quarantine", "replay", "events"]);
    assert!(rule.wait(|| killed.try_wait().unwrap().is_some()), "no commit was sent");
    killed.kill().unwrap();
    killed.wait().unwrap();
    rule.release();
    assert_eq!(states(&cloud), [("waiting".to_owned(), 2), ("replayed".to_owned(), 4)]);
    let again = cloud.run(&["quarantine", "replay", "events", "--all", "--json"]).expect_code(0).json();
    assert_eq!(again["published"], 0, "{again}");
    assert_eq!(cloud.count("events"), 3);
    cloud.run(&["run"]).expect_code(0);
    assert_eq!(cloud.count_through_catalog("events", "event_id"), 3);
    cloud.expect_equal_catalog();
}
