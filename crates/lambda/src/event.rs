//! An invocation's event, by its shape.

use lakegate_contract::{Error, Result};
use serde::Deserialize;
use serde_json::Value;

use crate::firehose::FirehoseRequest;
use crate::message::{Message, messages_of};
use crate::upload::{Upload, uploads_of};

/// An invocation's event.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Uploads that S3, SNS or EventBridge told of: they succeed together or fail together. Empty for a test event, or one of a
    /// deletion.
    Uploads(Vec<Upload>),
    /// Messages of a queue: each succeeds or fails by itself.
    Queue(Vec<Message>),
    /// A schedule, or somebody, names jobs.
    Run(RunRequest),
    /// A look at how old the data are.
    CheckFreshness,
    /// Old generations of these tables are to go.
    Vacuum(Vec<String>),
    /// Firehose asks for its records' partition keys.
    Firehose(FirehoseRequest),
    /// A job of Glue's has ended.
    GlueJob(GlueJobEvent),
}

/// `{"run": ["orders", "clicks"], "force": false}`, `{"run": "all"}` or `{"resume": true}`
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunRequest {
    /// Names of jobs; none means all.
    pub jobs: Vec<String>,
    /// As `--force`.
    pub force: bool,
    /// As `--resume`.
    pub resume: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RunDocument {
    run: Option<Jobs>,
    #[serde(default)]
    force: bool,
    #[serde(default)]
    resume: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Jobs {
    Word(String),
    Names(Vec<String>),
}

/// `detail` of "Glue Job State Change". It has no duration: GetJobRun is asked for that.
/// <https://docs.aws.amazon.com/glue/latest/dg/automating-awsglue-with-cloudwatch-events.html>
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GlueJobEvent {
    /// The job.
    pub job_name: String,
    /// `SUCCEEDED`, `FAILED`, `TIMEOUT`, `STOPPED`.
    pub state: String,
    /// The run.
    pub job_run_id: String,
    /// What Glue says.
    #[serde(default)]
    pub message: Option<String>,
}

impl GlueJobEvent {
    /// Whether the run ended as it should not have; `None` when it has not ended.
    pub fn failed(&self) -> Option<bool> {
        match self.state.as_str() {
            "SUCCEEDED" => Some(false),
            "FAILED" | "TIMEOUT" | "STOPPED" | "ERROR" | "EXPIRED" => Some(true),
            _ => None,
        }
    }
}

impl Event {
    /// Tells an event by its shape.
    ///
    /// # Errors
    /// When it is none that is known, or lacks what it needs.
    pub fn parse(event: &Value) -> Result<Self> {
        let has = |key: &str| event.get(key).is_some();
        if has("run") || has("resume") {
            return run_request(event).map(Event::Run);
        }
        if has("check") {
            return match event.get("check").and_then(Value::as_str) {
                Some("freshness") => Ok(Event::CheckFreshness),
                _ => {
                    Err(refused("the event asks for a check that there is not").expected("{\"check\": \"freshness\"}"))
                }
            };
        }
        if let Some(tables) = event.get("vacuum") {
            let names: Option<Vec<String>> = Deserialize::deserialize(tables).ok();
            let names = names.filter(|names| !names.is_empty());
            return names.map(Event::Vacuum).ok_or_else(|| {
                refused("the event names no tables to vacuum").expected("{\"vacuum\": [\"orders\", \"clicks\"]}")
            });
        }
        if has("invocationId") && has("records") {
            return FirehoseRequest::parse(event).map(Event::Firehose);
        }
        match event.get("detail-type").and_then(Value::as_str) {
            Some("Glue Job State Change") => return glue_job(event).map(Event::GlueJob),
            Some("Scheduled Event") => {
                return Err(refused("the schedule names no jobs")
                    .expected("a constant input of its target: {\"run\": [\"orders\"]}, or {\"run\": \"all\"}"));
            }
            _ => {}
        }
        if let Some(messages) = messages_of(event)? {
            return Ok(Event::Queue(messages));
        }
        uploads_of(event).map(Event::Uploads)
    }
}

fn run_request(event: &Value) -> Result<RunRequest> {
    let expected = "{\"run\": [\"orders\"], \"force\": false}, {\"run\": \"all\"} or {\"resume\": true}";
    let document: RunDocument = serde_json::from_value(event.clone())
        .map_err(|e| refused(&format!("the event of a run cannot be read: {e}")).expected(expected))?;
    if document.resume && document.run.is_some() {
        return Err(refused("a workflow is resumed with the jobs that it has").expected("{\"resume\": true}"));
    }
    let jobs = match document.run {
        Some(Jobs::Names(names)) if !names.is_empty() => names,
        Some(Jobs::Word(word)) if word == "all" => Vec::new(),
        None if document.resume => Vec::new(),
        _ => return Err(refused("the event names no jobs").expected(expected)),
    };
    Ok(RunRequest { jobs, force: document.force, resume: document.resume })
}

fn glue_job(event: &Value) -> Result<GlueJobEvent> {
    let detail = event.get("detail").cloned().unwrap_or_default();
    serde_json::from_value(detail)
        .map_err(|_| refused("the event of a Glue job lacks its name, state or run").expected("that of EventBridge"))
}

fn refused(found: &str) -> Error {
    Error::usage(found).at("the invocation's event")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_told_by_their_shape() {
        let run = Event::parse(&json!({ "run": ["orders"] })).unwrap();
        assert_eq!(run, Event::Run(RunRequest { jobs: vec!["orders".to_owned()], force: false, resume: false }));
        assert_eq!(
            Event::parse(&json!({ "run": "all", "force": true })).unwrap(),
            Event::Run(RunRequest { jobs: vec![], force: true, resume: false })
        );
        assert!(matches!(
            Event::parse(&json!({ "resume": true })).unwrap(),
            Event::Run(RunRequest { resume: true, .. })
        ));
        assert_eq!(Event::parse(&json!({ "check": "freshness" })).unwrap(), Event::CheckFreshness);
        let glue = json!({ "source": "aws.glue", "detail-type": "Glue Job State Change", "detail": {
            "jobName": "nightly", "severity": "ERROR", "state": "FAILED", "jobRunId": "jr_1", "message": "OOM" } });
        assert!(
            matches!(Event::parse(&glue).unwrap(), Event::GlueJob(job) if job.failed() == Some(true) && job.job_name == "nightly")
        );
    }

    #[test]
    fn what_names_nothing_is_refused_and_says_what_it_should_be() {
        for event in [
            json!({ "run": [] }),
            json!({ "run": "orders" }),
            json!({ "run": ["a"], "forced": true }),
            json!({ "run": ["a"], "resume": true }),
            json!({ "resume": false }),
            json!({ "check": "everything" }),
            json!({ "vacuum": [] }),
            json!({ "vacuum": "all" }),
            json!({ "detail-type": "Scheduled Event", "source": "aws.events" }),
            json!({ "hello": "world" }),
            json!(null),
            json!([]),
        ] {
            let error = Event::parse(&event).unwrap_err();
            assert!(error.expectation().is_some(), "{event}: {error}");
            assert!(!error.retryable());
        }
    }

    proptest! {
        #[test]
        fn no_json_makes_it_panic(text in r#"[\{\}\[\]":,a-z0-9 ]{0,60}"#, key in "(run|Records|check|detail|invocationId|records|Message)") {
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                let _ = Event::parse(&value);
                let _ = Event::parse(&json!({ key: value }));
            }
        }
    }
}
