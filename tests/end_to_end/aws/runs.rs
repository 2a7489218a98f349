//! Several runs at once, a run that sleeps, a reader that looks all the time.

use std::process::Child;

use serde_json::json;

use super::standin::{Rule, on};
use super::{Cloud, ledger};
use crate::support::{Outcome, repository};

fn ended(child: Child) -> Outcome {
    child.wait_with_output().unwrap().into()
}

#[test]
fn ten_runs_at_once_leave_one_line_of_versions() {
    let Some(cloud) = Cloud::of(|| ledger::project(3, 2)) else { return };
    cloud.run(&["run"]).expect_code(0);
    for round in 2..4 {
        ledger::set_load(cloud.path(), round);
        ledger::add_events(cloud.path(), round);
        let children: Vec<Child> = (0..10).map(|_| cloud.start(&["run", "--json"])).collect();
        let mut published = std::collections::BTreeMap::new();
        for child in children {
            let outcome = ended(child);
            // 5: another was first with one of the jobs.
            assert!(matches!(outcome.code, 0 | 5 | 7), "{}: {}", outcome.code, outcome.stderr);
            for job in outcome.json()["jobs"].as_array().unwrap() {
                *published.entry(job["job"].to_string()).or_insert(0) += usize::from(job["outcome"] == "published");
            }
        }
        // Rows that are replaced may be so by several runs, one after the other; those that are appended, by one.
        assert!(published["\"entries\""] >= 1 && published["\"events\""] == 1, "{published:?}");
        cloud.run(&["run"]).expect_code(0);
        let events = u64::from(round) * ledger::EVENTS_PER_FILE;
        assert_eq!(cloud.count("events"), events);
        assert_eq!(cloud.count_through_catalog("events", "event_id"), events);
        let shown = cloud.through_catalog("entries", "load");
        assert!(shown.values().all(|p| *p == json!([2, [round]])), "{shown:?}");
        cloud.expect_equal_catalog();
    }
}

fn signal(child: &Child, name: &str) {
    assert!(std::process::Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

/// A process that is stopped where it is about to commit, and goes on when another has published newer rows.
#[test]
fn a_run_that_sleeps_before_its_commit_is_refused_when_it_wakes() {
    let Some(cloud) = Cloud::of(|| ledger::project(3, 2)) else { return };
    cloud.run(&["run"]).expect_code(0);
    for job in ["entries", "events"] {
        ledger::set_load(cloud.path(), 2);
        ledger::add_events(cloud.path(), 2);
        let mut rule = on(&cloud.bucket, "PutObject", "hold_before");
        rule["key"] = json!(format!(r"{job}/_delta_log/\d{{20}}\.json$"));
        let rule = cloud.standin.rule(rule);
        let mut sleeper = cloud.start(&["run", job]);
        assert!(rule.wait(|| sleeper.try_wait().unwrap().is_some()), "no commit was sent");
        signal(&sleeper, "-STOP");
        ledger::set_load(cloud.path(), 3);
        ledger::add_events(cloud.path(), 3);
        cloud.run(&["run", job]).expect_code(0);
        rule.release();
        signal(&sleeper, "-CONT");
        let outcome = ended(sleeper).expect_code(5);
        assert!(outcome.stderr.contains("in the meantime"), "{}", outcome.stderr);
        cloud.run(&["run", job]).expect_code(0);
        cloud.expect_equal_catalog();
    }
    let shown = cloud.through_catalog("entries", "load");
    assert!(shown.values().all(|p| *p == json!([2, [3]])), "{shown:?}");
    assert_eq!(cloud.count("events"), 3 * ledger::EVENTS_PER_FILE);
    assert_eq!(cloud.count_through_catalog("events", "event_id"), 3 * ledger::EVENTS_PER_FILE);
}

/// The commit is done, the catalog not yet: what wakes late shows the newest version, not its own.
#[test]
fn a_run_that_sleeps_before_the_catalog_applies_the_newest_version_when_it_wakes() {
    let Some(cloud) = Cloud::of(|| ledger::project(3, 2)) else { return };
    cloud.run(&["run", "entries"]).expect_code(0);
    for (load, operation) in [(2, "GetPartitions"), (4, "UpdateTable"), (6, "BatchUpdatePartition")] {
        ledger::set_load(cloud.path(), load);
        let rule = cloud.standin.rule(on(&cloud.database, operation, "hold_before"));
        let mut sleeper = cloud.start(&["run", "entries"]);
        assert!(rule.wait(|| sleeper.try_wait().unwrap().is_some()), "{operation}: never asked");
        ledger::set_load(cloud.path(), load + 1);
        cloud.run(&["run", "entries"]).expect_code(0);
        rule.release();
        ended(sleeper).expect_code(0);
        let shown = cloud.through_catalog("entries", "load");
        assert!(shown.values().all(|p| *p == json!([2, [load + 1]])), "{operation}: {shown:?}");
        cloud.expect_equal_catalog();
    }
}

/// A run of load 2 that is held before it writes partitions, while another has published and shown load 3.
fn late_writer(cloud: &Cloud) -> (Rule<'_>, Child) {
    cloud.run(&["run", "entries"]).expect_code(0);
    ledger::set_load(cloud.path(), 2);
    let rule = cloud.standin.rule(on(&cloud.database, "BatchUpdatePartition", "hold_before"));
    let mut late = cloud.start(&["run", "entries"]);
    assert!(rule.wait(|| late.try_wait().unwrap().is_some()), "never asked");
    ledger::set_load(cloud.path(), 3);
    cloud.run(&["run", "entries"]).expect_code(0);
    (rule, late)
}

/// Whether every partition has the rows of one load, through the catalog.
fn shows(cloud: &Cloud, load: u32) -> bool {
    cloud.through_catalog("entries", "load").values().all(|p| *p == json!([2, [load]]))
}

/// The worst of late writers: it wakes, writes partitions of its own version, and is killed before it sees that it was late.
#[test]
fn what_a_late_writer_has_left_is_put_right_by_a_run_with_nothing_to_do() {
    let Some(cloud) = Cloud::of(|| ledger::project(3, 2)) else { return };
    let (rule, mut late) = late_writer(&cloud);
    late.kill().unwrap();
    late.wait().unwrap();
    rule.release();
    let began = std::time::Instant::now();
    while !shows(&cloud, 2) {
        assert!(began.elapsed() < std::time::Duration::from_secs(20), "the late request was never carried out");
    }
    let outcome = cloud.run(&["run", "entries"]).expect_code(0);
    assert!(outcome.stdout.contains("unchanged"), "{}", outcome.stdout);
    assert!(shows(&cloud, 3));
}

/// A late writer that sees that it was late, and cannot put it right itself.
#[test]
fn what_a_late_writer_cannot_put_right_itself_the_next_run_does() {
    let Some(cloud) = Cloud::of(|| ledger::project(3, 2)) else { return };
    let (rule, late) = late_writer(&cloud);
    let mut denied = on(&cloud.database, "UpdateTable", "status");
    denied["error"] = json!("AccessDeniedException");
    denied["times"] = json!(-1);
    let denied = cloud.standin.rule(denied);
    rule.release();
    ended(late).expect_code(7);
    drop(denied);
    assert!(shows(&cloud, 2), "the late writer's partitions stand");
    let outcome = cloud.run(&["run", "entries"]).expect_code(0);
    assert!(outcome.stdout.contains("unchanged") && outcome.stderr.contains("made equal"), "{}", outcome.stderr);
    assert!(shows(&cloud, 3));
}

/// While one append puts files in place, another waits: readers never see the files of both.
#[test]
fn of_two_appends_one_waits_for_the_other() {
    let Some(cloud) = Cloud::of(|| ledger::project(3, 2)) else { return };
    cloud.run(&["run", "events"]).expect_code(0);
    ledger::add_events(cloud.path(), 2);
    let rule = cloud.standin.rule(on(&cloud.bucket, "CopyObject", "hold_after"));
    let mut first = cloud.start(&["run", "events"]);
    assert!(rule.wait(|| first.try_wait().unwrap().is_some()), "never asked");
    let mut second = cloud.start(&["run", "events"]);
    // Longer than a silent run would be waited for.
    std::thread::sleep(std::time::Duration::from_secs(10));
    assert!(second.try_wait().unwrap().is_none(), "the second run does not wait");
    assert!(cloud.count_through_catalog("events", "event_id") <= 2 * ledger::EVENTS_PER_FILE);
    rule.release();
    ended(first).expect_code(0);
    let outcome = ended(second).expect_code(0);
    assert!(outcome.stdout.contains("unchanged"), "{}", outcome.stdout);
    assert_eq!(cloud.count_through_catalog("events", "event_id"), 2 * ledger::EVENTS_PER_FILE);
}

#[test]
fn a_reader_that_looks_all_the_time_never_sees_half_a_hole_or_a_double() {
    let Some(cloud) = Cloud::of(|| ledger::project(6, 3)) else { return };
    cloud.run(&["run", "entries"]).expect_code(0);
    let stop = cloud.path().join("stop");
    let script = repository().join("tests/oracle/aws.py");
    let watcher = std::process::Command::new(&cloud.python)
        .arg(script)
        .args([&cloud.standin.endpoint, "watch", &cloud.database, "entries", "load", stop.to_str().unwrap()])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    for load in 2..52 {
        ledger::set_load(cloud.path(), load);
        cloud.run(&["run", "entries"]).expect_code(0);
    }
    std::fs::write(&stop, "").unwrap();
    let seen = ended(watcher).expect_code(0).json();
    assert_eq!(seen["torn"], json!([]), "{seen}");
    assert!(seen["looks"].as_u64().unwrap() >= 20 && seen["loads_seen"].as_u64().unwrap() >= 10, "{seen}");
}
