//! Killed with -9 before and after each request that changes something: what readers see then, and that the next run is clean.

use serde_json::{Value, json};

use super::{Cloud, ledger};

/// A request at which a run is killed.
struct Point {
    scope: String,
    operation: String,
    /// How many of that operation are let pass first.
    nth: usize,
}

/// The requests of one run that change something, in order.
fn points(cloud: &Cloud, job: &str) -> Vec<Point> {
    cloud.standin.forget(&cloud.bucket);
    cloud.standin.forget(&cloud.database);
    cloud.run(&["run", job]).expect_code(0);
    let mut calls: Vec<Value> = [cloud.standin.log(&cloud.bucket), cloud.standin.log(&cloud.database)].concat();
    calls.sort_by_key(|call| call["seq"].as_u64());
    let changes = |call: &&Value| {
        let operation = call["operation"].as_str().unwrap();
        !operation.starts_with("Get") && !operation.starts_with("List") && !operation.starts_with("Head")
    };
    let mut points: Vec<Point> = Vec::new();
    for call in calls.iter().filter(changes) {
        let (scope, operation) =
            (call["scope"].as_str().unwrap().to_owned(), call["operation"].as_str().unwrap().to_owned());
        let nth = points.iter().filter(|p| p.operation == operation).count();
        points.push(Point { scope, operation, nth });
    }
    points
}

/// Runs a job and kills it at a point; `false` when it ended before.
fn killed(cloud: &Cloud, job: &str, point: &Point, action: &str) -> bool {
    let rule = cloud.standin.rule(json!({
        "scope": point.scope, "operation": point.operation, "skip": point.nth, "action": action, "times": -1
    }));
    let mut child = cloud.start(&["run", job]);
    let met = rule.wait(|| child.try_wait().unwrap().is_some());
    child.kill().unwrap();
    child.wait().unwrap();
    met
}

/// Whole, and one of these loads, in every partition.
fn expect_whole(cloud: &Cloud, loads: [u32; 2], place: &str) {
    let shown = cloud.through_catalog("entries", "load");
    assert_eq!(shown.len(), 3, "{place}: {shown:?}");
    let whole = |p: &Value| loads.iter().any(|load| *p == json!([2, [load]]));
    assert!(shown.values().all(whole), "{place}: {shown:?}");
    assert_eq!(cloud.count("entries"), 6, "{place}");
}

fn kill_a_replacement_everywhere(action: &str) {
    let Some(cloud) = Cloud::of(|| ledger::project(3, 2)) else { return };
    cloud.run(&["run", "entries"]).expect_code(0);
    ledger::set_load(cloud.path(), 2);
    let points = points(&cloud, "entries");
    assert!(points.len() >= 9, "{}", points.len());
    let mut load = 2;
    for point in points {
        let place = format!("{action} {} {}", point.operation, point.nth);
        load += 1;
        ledger::set_load(cloud.path(), load);
        // Twice in a row: what the first has left must not trip the second.
        assert!(killed(&cloud, "entries", &point, action), "{place}: the run ended before");
        expect_whole(&cloud, [load - 1, load], &place);
        killed(&cloud, "entries", &point, action);
        expect_whole(&cloud, [load - 1, load], &place);
        cloud.run(&["run", "entries"]).expect_code(0);
        expect_whole(&cloud, [load, load], &place);
        cloud.expect_equal_catalog();
    }
}

#[test]
fn a_replacement_that_is_killed_before_any_of_its_requests_is_old_or_new_and_the_next_run_is_clean() {
    kill_a_replacement_everywhere("hold_before");
}

#[test]
fn a_replacement_that_is_killed_after_any_of_its_requests_is_old_or_new_and_the_next_run_is_clean() {
    kill_a_replacement_everywhere("hold_after");
}

/// Between the intent and the commit the next run waits for the dead one, so only telling points are taken.
#[test]
fn an_append_that_is_killed_loses_and_doubles_nothing() {
    let Some(cloud) = Cloud::of(|| ledger::project(3, 2)) else { return };
    cloud.run(&["run", "events"]).expect_code(0);
    let mut files = 1;
    for (operation, key, action) in [
        ("PutObject", r"staging/.*parquet$", "hold_after"),
        ("PutObject", r"system/intents/", "hold_after"),
        ("CopyObject", r".", "hold_after"),
        ("PutObject", r"_delta_log/\d{20}\.json$", "hold_before"),
        ("PutObject", r"_delta_log/\d{20}\.json$", "hold_after"),
        ("DeleteObjects", r"staging/", "hold_before"),
    ] {
        let place = format!("{action} {operation} {key}");
        files += 1;
        ledger::add_events(cloud.path(), files);
        let rule = cloud
            .standin
            .rule(json!({ "scope": cloud.bucket, "operation": operation, "key": key, "action": action, "times": -1 }));
        let mut child = cloud.start(&["run", "events"]);
        assert!(rule.wait(|| child.try_wait().unwrap().is_some()), "{place}: never asked");
        child.kill().unwrap();
        child.wait().unwrap();
        drop(rule);
        let through_log = cloud.count("events");
        let (before, after) =
            (u64::from(files - 1) * ledger::EVENTS_PER_FILE, u64::from(files) * ledger::EVENTS_PER_FILE);
        assert!(through_log == before || through_log == after, "{place}: {through_log}");
        cloud.run(&["run", "events"]).expect_code(0);
        assert_eq!(cloud.count("events"), after, "{place}");
        assert_eq!(cloud.count_through_catalog("events", "event_id"), after, "{place}");
        assert!(cloud.keys("system/intents/").is_empty(), "{place}");
        cloud.expect_equal_catalog();
    }
}

#[test]
fn a_vacuum_that_is_killed_is_resumed_and_hides_nothing() {
    let Some(cloud) = Cloud::of(|| ledger::project(3, 2)) else { return };
    for load in 1..4 {
        ledger::set_load(cloud.path(), load);
        cloud.run(&["run", "entries"]).expect_code(0);
    }
    std::thread::sleep(std::time::Duration::from_secs(2));
    let files = || cloud.keys("tables/entries/").iter().filter(|key| key.ends_with(".parquet")).count();
    // What is held goes its way when it is let go, so that is at the end.
    let mut held = Vec::new();
    for (action, left) in [("hold_before", 9), ("hold_after", 3)] {
        let rule = cloud.standin.rule(json!({ "scope": cloud.bucket, "operation": "DeleteObjects", "action": action }));
        let mut child = cloud.start(&["vacuum", "--retain", "1s"]);
        assert!(rule.wait(|| child.try_wait().unwrap().is_some()), "{action}: nothing was deleted");
        assert_eq!(files(), left, "{action}");
        expect_whole(&cloud, [3, 3], action);
        child.kill().unwrap();
        child.wait().unwrap();
        held.push(rule);
    }
    drop(held);
    cloud.run(&["vacuum", "--retain", "1s"]).expect_code(0);
    assert_eq!(files(), 3);
    expect_whole(&cloud, [3, 3], "afterwards");
}
