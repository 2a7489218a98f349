//! What tells people of things that no run of ours would tell: data that grow old, a catalog that lags, jobs of Glue's.

use std::time::Duration;

use chrono::Utc;
use lakegate_alarms::{GlueRun, GlueRuns};
use lakegate_contract::Result;
use lakegate_lambda::GlueJobEvent;
use lakegate_pipeline::alarm::{Alarm, AlarmKind, slow_summary, was_told};
use lakegate_pipeline::{JobDefinition, shown_duration};
use serde_json::{Value, json};

use crate::freshness;
use crate::runner::Runner;

/// Looks at how old the data are, and tells people.
pub async fn freshness(runner: &Runner<'_>) -> Result<Value> {
    let found = freshness::look(runner.project, &runner.services, Utc::now()).await;
    for (alarm, occasion) in &found.alarms {
        runner.tell(alarm, occasion).await;
    }
    found.errors.iter().for_each(|error| tracing::warn!(%error, "it could not be looked at"));
    if let Some(error) = found.errors.into_iter().next() {
        return Err(error);
    }
    let told: Vec<Value> =
        found.alarms.iter().map(|(alarm, _)| json!({ "job": alarm.job, "kind": alarm.kind })).collect();
    Ok(json!({ "alarms": told }))
}

/// A job of Glue's has ended: with a failure, or after too long a time.
pub async fn glue_job(runner: &Runner<'_>, event: &GlueJobEvent) -> Result<Value> {
    let Some(has_failed) = event.failed() else { return Ok(json!({ "told": "nothing" })) };
    let occasion = format!("Glue {}", event.job_run_id);
    // Ours tell of themselves, with more to say.
    if was_told(&runner.services.lake, &occasion).await.unwrap_or(false) {
        return Ok(json!({ "told": "before" }));
    }
    let runs = GlueRuns::new(&runner.services.aws).await?;
    let run = runs.run(&event.job_name, &event.job_run_id).await;
    let took = run.as_ref().ok().map(|run| run.took);
    let alarm = match has_failed {
        true => Some(failed(runner, event, took)),
        false => slow(runner, event, &run?, &runs).await,
    };
    let Some(alarm) = alarm else { return Ok(json!({ "told": "nothing" })) };
    runner.tell(&alarm, &occasion).await;
    Ok(json!({ "told": alarm.kind, "summary": alarm.summary }))
}

/// Glue's own message is left out: that of a Spark job can quote what it read.
fn failed(runner: &Runner<'_>, event: &GlueJobEvent, took: Option<Duration>) -> Alarm {
    let after = took.map(|took| format!(" after {}", shown_duration(took))).unwrap_or_default();
    let summary = format!("Glue job {} ended as {}{after}", event.job_name, event.state);
    of_glue(runner, event, AlarmKind::Failed, summary, "see the run in Glue's console, and its log")
}

async fn slow(runner: &Runner<'_>, event: &GlueJobEvent, run: &GlueRun, runs: &GlueRuns) -> Option<Alarm> {
    let limit = limit(runner, event, run).filter(|limit| run.took > *limit)?;
    let usual = runs.usual(&event.job_name, &event.job_run_id).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "the usual duration is not known");
        None
    });
    let summary = slow_summary(&format!("Glue job {}", event.job_name), run.took, limit, usual);
    Some(of_glue(runner, event, AlarmKind::Slow, summary, "see the run in Glue's console"))
}

/// What `[alarms.glue_jobs]` says of the job; else `max_duration` of the one job of ours that it runs, or is named as.
fn limit(runner: &Runner<'_>, event: &GlueJobEvent, run: &GlueRun) -> Option<Duration> {
    let ours = |name: &str| -> Option<JobDefinition> {
        runner.project.definitions().into_iter().find(|job| job.name.as_str() == name)
    };
    let named = match run.jobs.as_slice() {
        [one] => ours(one),
        _ => ours(&event.job_name),
    };
    runner.project.glue_job_limit(&event.job_name).or(named.and_then(|job| job.max_duration))
}

fn of_glue(runner: &Runner<'_>, event: &GlueJobEvent, kind: AlarmKind, summary: String, help: &str) -> Alarm {
    Alarm {
        facts: vec![("Glue run".to_owned(), event.job_run_id.clone()), ("state".to_owned(), event.state.clone())],
        help: Some(help.to_owned()),
        ..Alarm::new(kind, runner.project.title(), event.job_name.as_str(), summary)
    }
}
