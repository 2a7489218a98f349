//! Alarms: once for each occasion, to Slack and SNS, without ever failing a job.

use serde_json::{Value, json};

use super::{AMPLE, Cloud, edit, ledger};

impl Cloud {
    /// Slack and a topic of SNS, whose messages go to a queue; the queue's URL.
    fn told(&self) -> String {
        let queue = self.tool(&["queue", &format!("told-{}", self.bucket)]).json();
        let topic = self.tool(&["topic", &format!("alarms-{}", self.bucket), queue["arn"].as_str().unwrap()]);
        let topic = topic.stdout.trim().to_owned();
        let webhook = format!("{}/_slack/{}/T0/B0/s3cret-token", self.standin.endpoint, self.bucket);
        self.append(&format!("\n[env.test.alarms]\nslack = \"{webhook}\"\nsns = \"{topic}\"\n"));
        queue["url"].as_str().unwrap().to_owned()
    }

    /// What Slack has taken so far.
    fn slack(&self) -> Vec<Value> {
        self.standin.slack(&self.bucket)
    }
}

fn summaries(messages: &[Value]) -> Vec<String> {
    messages.iter().map(|m| m["blocks"][1]["text"]["text"].as_str().unwrap().to_owned()).collect()
}

/// A project whose gate stays closed.
fn closed_gate() -> Option<Cloud> {
    let cloud = Cloud::of(|| ledger::project(2, 3))?;
    let rules = "Rules = [ ColumnValues \"load\" < 100, Completeness \"load\" > 0.5, Sum \"load\" > 1000000 ]\n";
    std::fs::create_dir_all(cloud.path().join("quality-rules")).unwrap();
    std::fs::write(cloud.path().join("quality-rules/entries.dqdl"), rules).unwrap();
    Some(cloud)
}

#[test]
fn a_closed_gate_is_told_once_however_often_lambda_tries() {
    let Some(cloud) = closed_gate() else { return };
    let queue = cloud.told();
    let mut function = cloud.function();
    for _ in 0..3 {
        let (kind, _) = function.invoke_as("the-same-id", &json!({ "run": ["entries"] }), AMPLE).failed();
        assert_eq!(kind, "Lakegate.GateClosed");
    }
    let told = cloud.slack();
    assert_eq!(summaries(&told), ["entries: the gate stayed closed; nothing was published"]);
    let text = told[0].to_string();
    assert!(text.contains("gate closed") && text.contains("1000000") && text.contains("ledger (test)"), "{text}");
    assert_eq!(cloud.peek(&queue).len(), 1);
    function.invoke(&json!({ "run": ["entries"] }), AMPLE).failed();
    assert_eq!(cloud.slack().len(), 2, "another invocation is another occasion");
    assert!(!function.logs().contains("s3cret-token"), "{}", function.logs());
}

#[test]
fn a_slack_that_is_down_fails_nothing_and_the_topic_is_told_all_the_same() {
    let Some(cloud) = closed_gate() else { return };
    let queue = cloud.told();
    let mut function = cloud.function();
    let down = json!({ "scope": cloud.bucket, "service": "slack", "action": "status", "status": 500, "times": -1 });
    let rule = cloud.standin.rule(down);
    let (kind, _) = function.invoke(&json!({ "run": ["entries"] }), AMPLE).failed();
    assert_eq!(kind, "Lakegate.GateClosed", "how the job ended, not how the alarm did");
    function.invoke(&json!({ "run": ["events"] }), AMPLE).answer();
    assert_eq!(rule.hits(), 3, "tried three times");
    drop(rule);
    let letters = cloud.peek(&queue);
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert!(letters[0].to_string().contains("the gate stayed closed"), "{letters:?}");
    assert!(cloud.slack().is_empty());
    let logs = function.logs();
    assert!(logs.contains("an alarm was not sent") && !logs.contains("s3cret-token"), "{logs}");
}

#[test]
fn a_slow_run_is_told_with_how_long_it_usually_takes() {
    let Some(cloud) = Cloud::of(|| ledger::project(2, 3)) else { return };
    cloud.told();
    for load in 2..6 {
        cloud.run(&["run", "entries"]).expect_code(0);
        ledger::set_load(cloud.path(), load);
    }
    assert!(cloud.slack().is_empty(), "nothing was wrong");
    edit(&cloud.path().join("jobs/entries.toml"), "[source]", "max_duration = \"1s\"\n\n[source]");
    let slow =
        json!({ "scope": cloud.database, "operation": "GetPartitions", "action": "delay", "seconds": 2, "times": 1 });
    let _rule = cloud.standin.rule(slow);
    cloud.run(&["run", "entries"]).expect_code(0);
    let told = summaries(&cloud.slack());
    let [told] = told.as_slice() else { panic!("{told:?}") };
    assert!(told.starts_with("entries took ") && told.contains(", limit 1 s, usually "), "{told}");
}

#[test]
fn a_catalog_that_lags_and_data_that_grow_old_are_told_once_a_day() {
    let Some(cloud) = Cloud::of(|| ledger::project(2, 3)) else { return };
    cloud.told();
    edit(&cloud.path().join("jobs/events.toml"), "[source]", "fresh_within = \"1h\"\n\n[source]");
    let away = json!({ "scope": cloud.database, "operation": "UpdateTable", "action": "status", "status": 400, "error": "InvalidInputException", "times": -1 });
    let rule = cloud.standin.rule(away);
    cloud.run(&["run", "entries"]).expect_code(7);
    drop(rule);
    assert_eq!(cloud.slack().len(), 1);
    let mut function = cloud.function();
    for _ in 0..2 {
        function.invoke(&json!({ "check": "freshness" }), AMPLE).answer();
    }
    let told = summaries(&cloud.slack());
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(
        told.iter().any(|t| t.contains("no success of it is recorded, limit 60 m") || t.contains("limit 1 h")),
        "{told:?}"
    );
    assert!(told.iter().any(|t| t.contains("the lake has version")), "{told:?}");
    cloud.run(&["run"]).expect_code(0);
    let quiet = cloud.run(&["alarms", "check"]).expect_code(0);
    assert!(quiet.stdout.contains("as fresh as it should be"), "{}", quiet.stdout);
}

#[test]
fn glues_own_jobs_are_asked_for_how_long_they_took() {
    let Some(cloud) = Cloud::of(|| ledger::project(2, 3)) else { return };
    cloud.told();
    let job = format!("nightly-{}", cloud.bucket);
    cloud.append(&format!("\n[env.test.alarms.glue_jobs.\"{job}\"]\nmax_duration = \"10m\"\n"));
    for (run, seconds) in [("jr_1", 350), ("jr_2", 360), ("jr_3", 370), ("jr_4", 840), ("jr_5", 300)] {
        cloud.standin.glue_run(&job, run, seconds);
    }
    let event = |run: &str, state: &str| {
        json!({ "version": "0", "source": "aws.glue", "detail-type": "Glue Job State Change", "detail": {
            "jobName": job, "severity": "INFO", "state": state, "jobRunId": run, "message": "canary of a row" } })
    };
    let mut function = cloud.function();
    for (run, state) in [("jr_5", "SUCCEEDED"), ("jr_4", "SUCCEEDED"), ("jr_4", "SUCCEEDED"), ("jr_3", "FAILED")] {
        function.invoke(&event(run, state), AMPLE).answer();
    }
    let told = cloud.slack();
    assert_eq!(
        summaries(&told),
        [
            format!("Glue job {job} took 14 m, limit 10 m, usually 6 m"),
            format!("Glue job {job} ended as FAILED after 6 m")
        ]
    );
    assert!(!json!(told).to_string().contains("canary"), "{told:?}");
}

#[test]
fn alarms_can_be_tried() {
    let Some(cloud) = Cloud::of(|| ledger::project(2, 3)) else { return };
    let outcome = cloud.run(&["alarms", "test"]).expect_code(2);
    assert!(outcome.stderr.contains("[env.prod.alarms]"), "{}", outcome.stderr);
    let queue = cloud.told();
    let outcome = cloud.run(&["alarms", "test"]).expect_code(0);
    assert_eq!(outcome.stdout.lines().count(), 2, "{}", outcome.stdout);
    assert_eq!((cloud.slack().len(), cloud.peek(&queue).len()), (1, 1));
    let gone = json!({ "scope": cloud.bucket, "service": "slack", "action": "status", "status": 404, "times": -1 });
    let _rule = cloud.standin.rule(gone);
    let outcome = cloud.run(&["alarms", "test"]).expect_code(2);
    assert!(outcome.stderr.contains("make a new incoming webhook"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("s3cret-token") && !outcome.stdout.contains("s3cret-token"));
}
