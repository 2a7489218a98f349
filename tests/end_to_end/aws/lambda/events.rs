//! Other events: schedules, what is wrong with an event or a project, logs and metrics.

use serde_json::{Value, json};

use super::{AMPLE, Cloud, edit, ledger};

fn lines(logs: &str) -> Vec<Value> {
    logs.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

#[test]
fn a_schedule_runs_jobs_and_says_so_in_metrics_and_logs() {
    let Some(cloud) = Cloud::of(|| ledger::project(2, 3)) else { return };
    let mut function = cloud.function();
    let answer = function.invoke(&json!({ "run": ["entries", "events"] }), AMPLE).answer();
    let jobs = answer["jobs"].as_array().unwrap();
    assert!(jobs.iter().all(|job| job["outcome"] == "published"), "{answer}");
    let lines = lines(&function.logs());
    let metrics: Vec<&Value> = lines.iter().filter(|line| line.get("_aws").is_some()).collect();
    assert_eq!(metrics.len(), 2);
    for line in &metrics {
        let declared = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!((&declared["Namespace"], &declared["Dimensions"]), (&json!("lakegate"), &json!([["job"]])));
        for metric in declared["Metrics"].as_array().unwrap() {
            assert!(line[metric["Name"].as_str().unwrap()].is_u64(), "{line}");
        }
        let job = jobs.iter().find(|job| job["job"] == line["job"]).unwrap();
        assert_eq!((&line["run"], &line["rows_out"]), (&job["run"], &job["rows_out"]));
    }
    let of_run = |line: &&Value| line.get("message") == Some(&json!("run")) && line["run"].is_string();
    let logged: Vec<&Value> = lines.iter().filter(of_run).collect();
    assert!(logged.len() >= 10, "{lines:?}");
    for line in logged {
        assert!(jobs.iter().any(|job| job["run"] == line["run"] && job["job"] == line["job"]), "{line}");
        assert!(line["request"].as_str().unwrap().starts_with("request-"), "{line}");
    }
    let record = &cloud.run(&["runs", "entries", "--json"]).expect_code(0).json()["runs"][0];
    assert_eq!(record["trigger"], "schedule");
    assert!(record["occasion"].as_str().unwrap().starts_with("invocation request-"), "{record}");
}

#[test]
fn a_failed_workflow_is_resumed_by_an_event() {
    let Some(cloud) = Cloud::of(|| ledger::project(2, 3)) else { return };
    let job = cloud.path().join("jobs/events.toml");
    edit(&job, "mode = \"append\"", "mode = \"append\"\nafter = [\"entries\"]");
    edit(&job, "events/*.json", "elsewhere/*.json");
    let mut function = cloud.function();
    let (kind, message) = function.invoke(&json!({ "run": "all" }), AMPLE).failed();
    assert_eq!(kind, "Lakegate.BadInput");
    assert!(message.contains("events: ") && message.contains("no file matches"), "{message}");
    let state = cloud.run(&["workflow", "status", "--json"]).expect_code(0).json();
    assert_eq!(
        (&state["workflow"]["status"], &state["workflow"]["jobs"]["entries"]["status"]),
        (&json!("failed"), &json!("succeeded"))
    );
    edit(&job, "elsewhere/*.json", "events/*.json");
    function.kill();
    let answer = function.invoke(&json!({ "resume": true }), AMPLE).answer();
    assert_eq!(answer["jobs"].as_array().unwrap().len(), 1, "{answer}");
    assert_eq!((&answer["jobs"][0]["job"], &answer["jobs"][0]["outcome"]), (&json!("events"), &json!("published")));
    let (kind, message) = function.invoke(&json!({ "resume": true }), AMPLE).failed();
    assert!(kind == "Lakegate.Usage" && message.contains("has succeeded"), "{message}");
}

#[test]
fn what_is_wrong_is_the_answer_to_an_event_and_the_function_lives_on() {
    let Some(cloud) = Cloud::of(|| ledger::project(2, 3)) else { return };
    edit(&cloud.path().join("jobs/entries.toml"), "kind = \"rds\"", "kind = \"rdz\"");
    let mut function = cloud.function();
    for _ in 0..2 {
        let (kind, message) = function.invoke(&json!({ "run": ["entries"] }), AMPLE).failed();
        assert!(kind == "Lakegate.Usage" && message.contains("jobs/entries.toml:2"), "{kind}: {message}");
    }
    edit(&cloud.path().join("jobs/entries.toml"), "kind = \"rdz\"", "kind = \"rds\"");
    for (event, said) in [
        (json!({ "run": ["entrees"] }), "did you mean `entries`?"),
        (json!({ "hello": 1 }), "none that lakegate knows"),
        (json!({ "detail-type": "Scheduled Event" }), "names no jobs"),
    ] {
        let (kind, message) = function.invoke(&event, AMPLE).failed();
        assert!(kind == "Lakegate.Usage" && message.contains(said), "{kind}: {message}");
    }
    function.invoke(&json!({ "run": ["entries"] }), AMPLE).answer();
}
