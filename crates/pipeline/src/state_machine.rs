//! The jobs and their order as a state machine of Step Functions, for those who want to see it in the console.
//!
//! Amazon States Language has no graph of dependencies. So jobs are put into layers: those of one run side by side, each after a
//! look at how those that it waits for have ended. <https://states-language.net/spec.html>

use lakegate_contract::{Error, JobName, Result};
use serde_json::{Map, Value, json};

use crate::text::digest;
use crate::{Condition, JobDefinition};

/// A state's name has at most 80 characters: <https://docs.aws.amazon.com/step-functions/latest/dg/concepts-states.html>
const MOST_NAME: usize = 60;
/// Failures of Lambda itself that pass: <https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html>
const LAMBDA_AWAY: [&str; 5] = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
];
/// What a function of ours calls failures that can pass.
const AWAY: [&str; 3] = ["Lakegate.Unavailable", "Lakegate.Interrupted", "Lakegate.CommitUnknown"];
/// The data are there, so jobs that wait may go on.
const LAGGING: &str = "Lakegate.CatalogLagging";
const LEAST_RETRIES: u32 = 2;
const GLUE_PATIENCE_MINUTES: u32 = 120;

/// What runs a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A Lambda function, by name or ARN.
    Function(String),
    /// A Glue job, which is started for each job of the project.
    GlueJob {
        /// Its name.
        name: String,
        /// The environment that it is told.
        environment: Option<String>,
    },
}

/// The state machine of these jobs, which are in order.
///
/// # Errors
/// When there is no job.
pub fn state_machine(title: &str, jobs: &[&JobDefinition], target: &Target) -> Result<Value> {
    let layers = layers(jobs);
    if layers.is_empty() {
        return Err(Error::usage("there is no job to put into a state machine"));
    }
    let mut states = Map::new();
    for (index, layer) in layers.iter().enumerate() {
        let next = if index + 1 < layers.len() { layer_name(index + 1) } else { "Have all succeeded".to_owned() };
        let branches: Vec<Value> = layer.iter().map(|job| branch(job, jobs, &layers, target)).collect();
        let ended: Map<String, Value> =
            layer.iter().enumerate().map(|(i, job)| (format!("{}.$", job.name), format!("$[{i}].ok").into())).collect();
        states.insert(
            layer_name(index),
            json!({
                "Type": "Parallel",
                "Branches": branches,
                "ResultSelector": ended,
                "ResultPath": format!("$.{}", layer_key(index)),
                "Next": next,
            }),
        );
    }
    let all: Vec<Value> = jobs.iter().map(|job| succeeded(&job.name, &layers)).collect();
    states.insert(
        "Have all succeeded".to_owned(),
        json!({ "Type": "Choice", "Choices": [{ "And": all, "Next": "Done" }], "Default": "Not all" }),
    );
    states.insert("Done".to_owned(), json!({ "Type": "Succeed" }));
    states.insert(
        "Not all".to_owned(),
        json!({ "Type": "Fail", "Error": "Lakegate.WorkflowFailed", "Cause": "at least one job did not succeed" }),
    );
    Ok(json!({
        "Comment": format!("{title}: jobs of lakegate in the order of their dependencies"),
        "StartAt": layer_name(0),
        "States": states,
    }))
}

/// Each job in the first layer behind those that it waits for.
fn layers<'a>(jobs: &[&'a JobDefinition]) -> Vec<Vec<&'a JobDefinition>> {
    let mut layers: Vec<Vec<&JobDefinition>> = Vec::new();
    for job in jobs {
        let behind = |name: &JobName| layers.iter().position(|layer| layer.iter().any(|j| j.name == *name));
        let index = job.after.iter().filter_map(behind).max().map_or(0, |layer| layer + 1);
        if layers.len() <= index {
            layers.resize_with(index + 1, Vec::new);
        }
        if let Some(layer) = layers.get_mut(index) {
            layer.push(job);
        }
    }
    layers
}

fn layer_name(index: usize) -> String {
    format!("Layer {}", index + 1)
}

fn layer_key(index: usize) -> String {
    format!("layer{}", index + 1)
}

/// A name for a state that is short enough, and that of this job alone.
fn shown(name: &JobName) -> String {
    match name.as_str().get(MOST_NAME..) {
        None => name.to_string(),
        Some(_) => {
            let short: String = name.as_str().chars().take(MOST_NAME - 12).collect();
            let digest: String = digest([name.as_str()]).chars().take(8).collect();
            format!("{short}~{digest}")
        }
    }
}

/// Whether a job of an earlier layer succeeded.
fn succeeded(name: &JobName, layers: &[Vec<&JobDefinition>]) -> Value {
    let layer = layers.iter().position(|layer| layer.iter().any(|job| job.name == *name)).unwrap_or_default();
    json!({ "Variable": format!("$.{}.{name}", layer_key(layer)), "BooleanEquals": true })
}

fn branch(job: &JobDefinition, jobs: &[&JobDefinition], layers: &[Vec<&JobDefinition>], target: &Target) -> Value {
    let name = shown(&job.name);
    let [may, good, bad] = ["may it run", "succeeded", "did not"].map(|what| format!("{name}: {what}"));
    let upstream: Vec<Value> = job
        .after
        .iter()
        .filter(|name| jobs.iter().any(|j| j.name == **name))
        .map(|name| succeeded(name, layers))
        .collect();
    let mut states = Map::new();
    let start = if upstream.is_empty() { name.clone() } else { may.clone() };
    if !upstream.is_empty() {
        let all = match job.condition {
            Condition::All => "And",
            Condition::Any => "Or",
        };
        states.insert(
            may,
            json!({ "Type": "Choice", "Choices": [{ all: upstream, "Next": name.clone() }], "Default": bad.clone() }),
        );
    }
    states.insert(name, task(job, target, &good, &bad));
    states.insert(good, json!({ "Type": "Pass", "Result": { "ok": true }, "End": true }));
    states.insert(bad, json!({ "Type": "Pass", "Result": { "ok": false }, "End": true }));
    json!({ "StartAt": start, "States": states })
}

fn task(job: &JobDefinition, target: &Target, good: &str, bad: &str) -> Value {
    /// An attempt ends by itself before this, with the pause that follows it.
    const SPARE_SECONDS: u64 = 60;
    let attempts = job.retries.max(LEAST_RETRIES);
    let (resource, parameters, retry) = match target {
        Target::Function(function) => (
            "arn:aws:states:::lambda:invoke",
            json!({ "FunctionName": function, "Payload": { "run": [job.name] } }),
            json!({ "ErrorEquals": AWAY.iter().chain(&LAMBDA_AWAY).copied().collect::<Vec<_>>(), "IntervalSeconds": 5,
                "BackoffRate": 2, "MaxAttempts": attempts }),
        ),
        Target::GlueJob { name, environment } => {
            let mut arguments = json!({ "--lakegate_jobs": job.name });
            if let (Some(environment), Some(members)) = (environment, arguments.as_object_mut()) {
                members.insert("--lakegate_env".to_owned(), environment.as_str().into());
            }
            (
                "arn:aws:states:::glue:startJobRun.sync",
                json!({ "JobName": name, "Arguments": arguments }),
                // Until other runs of the same job have ended, unless it allows as many at once as a layer has jobs.
                json!({ "ErrorEquals": ["Glue.ConcurrentRunsExceededException", "Glue.InternalServiceException"],
                    "IntervalSeconds": 60, "BackoffRate": 1, "MaxAttempts": GLUE_PATIENCE_MINUTES }),
            )
        }
    };
    let mut task = json!({
        "Type": "Task",
        "Resource": resource,
        "Parameters": parameters,
        "ResultPath": null,
        "Retry": [retry],
        "Catch": [
            { "ErrorEquals": [LAGGING], "ResultPath": null, "Next": good },
            { "ErrorEquals": ["States.ALL"], "ResultPath": null, "Next": bad },
        ],
        "Next": good,
    });
    if let (Some(timeout), Some(members)) = (job.timeout, task.as_object_mut()) {
        let tries = u64::from(job.retries) + 1;
        members.insert("TimeoutSeconds".to_owned(), (tries * (timeout.as_secs() + SPARE_SECONDS)).into());
    }
    task
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::tests::job;

    #[test]
    fn jobs_stand_in_layers_behind_what_they_wait_for() {
        let jobs =
            [job("users", &[]), job("products", &[]), job("orders", &["users"]), job("items", &["orders", "products"])];
        let machine =
            state_machine("shop", &jobs.iter().collect::<Vec<_>>(), &Target::Function("f".to_owned())).unwrap();
        insta::assert_snapshot!(serde_json::to_string_pretty(&machine).unwrap());
    }

    #[test]
    fn names_are_short_and_their_own() {
        let long = "j".repeat(128);
        let names = [long.as_str(), &long[..127]].map(|name| shown(&JobName::new(name).unwrap()));
        assert!(names[0] != names[1] && names.iter().all(|name| name.len() + ": may it run".len() <= 80));
        assert!(state_machine("shop", &[], &Target::Function("f".to_owned())).is_err());
    }
}
