//! Settings of what runs without anybody watching: `[inputs]`, `[alarms]`, `[lambda]`.

use std::collections::BTreeMap;
use std::time::Duration;

use lakegate_contract::{Error, Result};
use serde::Deserialize;

use super::references;
use crate::parse_duration;

/// How often a message is tried before it is a dead letter.
const DEFAULT_ATTEMPTS: u32 = 4;

/// `[inputs]`: where files of sources are.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Inputs {
    pub(super) location: Option<String>,
}

/// `[alarms]`: who is told.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Alarms {
    pub(super) slack: Option<String>,
    pub(super) sns: Option<String>,
    #[serde(default)]
    pub(super) glue_jobs: BTreeMap<String, GlueJob>,
}

/// `[alarms.glue_jobs.<name>]`: a job of Glue's own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GlueJob {
    max_duration: String,
}

/// `[lambda]`: how events are served.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lambda {
    dead_letters: Option<String>,
    attempts: Option<u32>,
    transform: Option<String>,
}

/// These settings, for one environment.
#[derive(Debug, Clone, Default)]
pub(super) struct Operations {
    pub(super) inputs: Option<String>,
    pub(super) alarms: Alarms,
    pub(super) glue_limits: BTreeMap<String, Duration>,
    pub(super) lambda: LambdaSettings,
}

/// `[lambda]`, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LambdaSettings {
    /// URL of the queue that takes messages which cannot be served.
    pub dead_letters: Option<String>,
    /// How often a message is tried before it goes there.
    pub attempts: u32,
    /// The job whose events the transformation of Firehose cuts.
    pub transform: Option<String>,
}

impl Default for LambdaSettings {
    fn default() -> Self {
        Self { dead_letters: None, attempts: DEFAULT_ATTEMPTS, transform: None }
    }
}

/// Checks what needs no variable.
pub(super) fn check(inputs: Inputs, alarms: Alarms, lambda: Lambda) -> Result<Operations> {
    if let Some(location) = inputs.location.as_deref().filter(|location| {
        location.trim().is_empty() || location.split_once("://").is_some_and(|(scheme, _)| scheme != "s3")
    }) {
        return Err(Error::usage(format!("[inputs] location = \"{location}\" is no place of files"))
            .expected("a folder, or s3://bucket/prefix"));
    }
    references::check(alarms.slack.as_deref().unwrap_or_default()).map_err(|e| e.within("[alarms] slack"))?;
    let address =
        |text: &str| text.contains("${") || text.starts_with("https://") || text.starts_with("http://127.0.0.1:");
    if alarms.slack.as_deref().is_some_and(|webhook| !webhook.is_empty() && !address(webhook)) {
        return Err(Error::usage("[alarms] slack is no address of an incoming webhook").expected(
            "https://hooks.slack.com/services/…, best as a secret: \"${secretsmanager:shop/slack#webhook}\"",
        ));
    }
    if let Some(url) = lambda.dead_letters.as_deref().filter(|url| !url.is_empty() && !address(url)) {
        return Err(Error::usage(format!("[lambda] dead_letters = \"{url}\" is no URL of a queue"))
            .expected("https://sqs.ap-northeast-2.amazonaws.com/123456789012/shop-dead-letters"));
    }
    if let Some(topic) = alarms.sns.as_deref().filter(|topic| !topic.is_empty() && !topic.contains("${")) {
        check_topic(topic)?;
    }
    let glue_limits = alarms
        .glue_jobs
        .iter()
        .map(|(name, job)| {
            let limit = parse_duration(&job.max_duration);
            Ok((name.clone(), limit.map_err(|e| e.within(format!("[alarms.glue_jobs.{name}]")))?))
        })
        .collect::<Result<_>>()?;
    if lambda.attempts == Some(0) {
        return Err(Error::usage("[lambda] attempts is 0").expected("at least 1"));
    }
    let lambda = LambdaSettings {
        dead_letters: lambda.dead_letters,
        attempts: lambda.attempts.unwrap_or(DEFAULT_ATTEMPTS),
        transform: lambda.transform,
    };
    Ok(Operations { inputs: inputs.location, alarms, glue_limits, lambda })
}

/// # Errors
/// When it is not the ARN of a topic.
pub(super) fn check_topic(topic: &str) -> Result<()> {
    let parts: Vec<&str> = topic.split(':').collect();
    match parts.as_slice() {
        ["arn", _, "sns", _, _, name] if !name.is_empty() => Ok(()),
        _ => Err(Error::usage(format!("[alarms] sns = \"{topic}\" is no topic"))
            .expected("its ARN, such as arn:aws:sns:ap-northeast-2:123456789012:shop-alarms")),
    }
}
