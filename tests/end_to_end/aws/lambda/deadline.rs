//! The end of an invocation's time, and of a process, at any point.

use std::time::Duration;

use serde_json::json;

use super::runtime::{Invoked, notification};
use super::{AMPLE, events_function, ledger, put_events};
use crate::aws::standin::on;

const SHORT: Duration = Duration::from_secs(5);

/// How an invocation ends that is held somewhere until its time is up.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    /// It gives up before it publishes, and says so.
    Abandoned,
    /// It has published, or may have: it is killed.
    Killed,
    /// What is left to do is given up, and it answers.
    Answered,
}

/// Where runs are held: `(operation, key)`.
const POINTS: [(&str, &str, End); 7] = [
    ("HeadObject", "in/events", End::Abandoned),
    ("GetObject", "in/events", End::Abandoned),
    ("PutObject", "staging/", End::Abandoned),
    ("PutObject", r"_delta_log/\d{20}\.json$", End::Killed),
    ("CopyObject", "tables/events", End::Killed),
    ("UpdateTable", "", End::Killed),
    ("PutObject", "system/runs", End::Answered),
];

#[test]
fn whatever_it_was_doing_when_its_time_was_up_the_next_delivery_ends_right() {
    let Some((cloud, mut function)) = events_function() else { return };
    let keys = put_events(&cloud, 1..=u32::try_from(POINTS.len()).unwrap() + 1);
    function.invoke(&notification(&cloud.bucket, &[&keys[0]]), AMPLE).answer();
    for (number, (operation, key, end)) in POINTS.iter().enumerate() {
        let event = notification(&cloud.bucket, &[&keys[number + 1]]);
        let scope = if *operation == "UpdateTable" { &cloud.database } else { &cloud.bucket };
        let mut rule = on(scope, operation, "hold_before");
        if !key.is_empty() {
            rule["key"] = json!(key);
        }
        let rule = cloud.standin.rule(rule);
        let ended = function.invoke(&event, SHORT);
        assert!(rule.hits() > 0, "{operation} {key}: never asked; {ended:?}");
        let how = match &ended {
            Invoked::Failed { kind, .. } if kind == "Lakegate.Interrupted" => End::Abandoned,
            Invoked::Answer(_) => End::Answered,
            Invoked::TimedOut => End::Killed,
            other => panic!("{operation} {key}: {other:?}\n{}", function.logs()),
        };
        assert_eq!(how, *end, "{operation} {key}: {ended:?}");
        rule.release();
        let again = function.invoke(&event, AMPLE);
        assert!(matches!(again, Invoked::Answer(_)), "{operation} {key}: {again:?}\n{}", function.logs());
        let expected = (number as u64 + 2) * ledger::EVENTS_PER_FILE;
        assert_eq!(cloud.count("events"), expected, "{operation} {key}");
        assert_eq!(cloud.count_through_catalog("events", "event_id"), expected, "{operation} {key}");
    }
    cloud.expect_equal_catalog();
}

/// Any instant: the process is killed after 20, 40, 60 … ms of a run.
#[test]
fn a_process_that_is_killed_at_any_instant_leaves_what_the_next_one_completes() {
    let Some((cloud, mut function)) = events_function() else { return };
    let keys = put_events(&cloud, 1..=14);
    for (number, key) in keys.iter().enumerate() {
        let event = notification(&cloud.bucket, &[key]);
        // Without a margin: the emulator kills at the deadline, wherever that is.
        let _ = function.invoke(&event, Duration::from_millis(30 + 45 * number as u64));
        function.kill();
        let again = function.invoke(&event, AMPLE);
        assert!(matches!(again, Invoked::Answer(_)), "{again:?}\n{}", function.logs());
        assert_eq!(cloud.count("events"), (number as u64 + 1) * ledger::EVENTS_PER_FILE);
    }
    cloud.expect_equal_catalog();
}
