//! An event, and what serves it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use lakegate_contract::{Class, Error, Result, TableName};
use lakegate_lambda::{Event, RunRequest, Upload};
use lakegate_pipeline::{Limit, Project, Trigger};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::firehose::Transformations;
use super::metrics::Metrics;
use super::uploads::{Group, Refusal, plain_alarm, serve_uploads, tell_all};
use super::{Invocation, queue, watch};
use crate::arguments::GlobalArguments;
use crate::commands::run::most_telling_class;
use crate::commands::vacuum::vacuum;
use crate::context;
use crate::runner::{Finished, Runner, Selection};

/// A function, for as long as its environment lives.
pub struct Function {
    global: GlobalArguments,
    project: OnceCell<Project>,
    transformations: Transformations,
}

impl Function {
    pub fn new(global: &GlobalArguments) -> Self {
        Self { global: global.clone(), project: OnceCell::new(), transformations: Transformations::default() }
    }

    /// The answer to an event.
    pub async fn serve(&self, event: Value, invocation: &Invocation) -> Result<Value> {
        let project = self.project.get_or_try_init(|| async { context::project(&self.global) }).await?;
        match Event::parse(&event)? {
            Event::Uploads(uploads) => {
                let runner = runner(project, Trigger::Event, invocation).await?;
                direct(&runner, uploads, &invocation.id).await
            }
            Event::Queue(messages) => {
                let runner = runner(project, Trigger::Event, invocation).await?;
                queue::serve(&runner, messages).await
            }
            Event::Run(request) => {
                let runner = runner(project, Trigger::Schedule, invocation).await?;
                run(runner, &request).await
            }
            Event::CheckFreshness => {
                let runner = runner(project, Trigger::Schedule, invocation).await?;
                in_time(invocation, watch::freshness(&runner)).await
            }
            Event::Vacuum(tables) => {
                let runner = runner(project, Trigger::Schedule, invocation).await?;
                in_time(invocation, vacuum_all(&runner, &tables)).await
            }
            Event::GlueJob(job) => {
                let runner = runner(project, Trigger::Event, invocation).await?;
                in_time(invocation, watch::glue_job(&runner, &job)).await
            }
            Event::Firehose(request) => self.transformations.answer(project, &request),
        }
    }
}

/// Services are made anew for each invocation: passwords and roles change while an environment lives.
async fn runner<'a>(project: &'a Project, trigger: Trigger, invocation: &Invocation) -> Result<Runner<'a>> {
    let mut runner = Runner::new(project, Arc::new(Metrics)).await?;
    runner.refuse_local_lake()?;
    runner.trigger = trigger;
    runner.occasion = Some(format!("invocation {}", invocation.id));
    runner.cancellation =
        runner.cancellation.until(invocation.stop, Limit::Process(invocation.stop + invocation.margin));
    Ok(runner)
}

async fn run(mut runner: Runner<'_>, request: &RunRequest) -> Result<Value> {
    runner.force = request.force;
    let selection = Selection::of(request.resume, &request.jobs);
    let finished = match runner.workflow(selection).await {
        Ok(finished) => finished,
        Err(error) => {
            // No job has begun that could tell of it.
            let alarm = plain_alarm(&runner, "workflow", error.to_string(), error.advice().map(str::to_owned));
            let occasion = runner.occasion.clone().unwrap_or_default();
            runner.tell(&alarm, &occasion).await;
            return Err(error);
        }
    };
    let summary = json!({ "jobs": finished.iter().map(summary).collect::<Vec<_>>() });
    match together(finished) {
        None => Ok(summary),
        Some(error) => Err(error),
    }
}

/// The failures of jobs as one: of the class that matters most, and retryable only if each is.
fn together(finished: Vec<Finished>) -> Option<Error> {
    let failed: Vec<(String, Error)> =
        finished.into_iter().filter(|f| !f.skipped).filter_map(|f| Some((f.name.to_string(), f.error?))).collect();
    let lasting = failed.iter().any(|(_, error)| !error.retryable());
    let told: Vec<String> = failed.iter().map(|(job, error)| format!("{job}: {error}")).collect();
    let class = most_telling_class(failed.iter().map(|(_, error)| error.class()))?;
    let help = failed.iter().find_map(|(_, error)| error.advice().map(str::to_owned));
    let error = help.into_iter().fold(Error::new(class, told.join("; ")).at("the workflow"), Error::help);
    Some(if lasting { error.lasting() } else { error })
}

/// An event of S3, SNS or EventBridge: its objects succeed together or fail together.
async fn direct(runner: &Runner<'_>, uploads: Vec<Upload>, id: &str) -> Result<Value> {
    let groups: Vec<Group> = uploads.iter().map(|u| Group::of(format!("{id} {}", u.key), [u.name()], 1)).collect();
    let served = serve_uploads(runner, &groups).await?;
    let of_groups = groups.iter().zip(&served);
    tell_all(runner, of_groups.flat_map(|(group, of)| of.iter().map(|refusal| (refusal, group.id.clone())))).await;
    let refusals: Vec<Refusal> = served.into_iter().flatten().collect();
    match Refusal::together(&refusals) {
        None => Ok(json!({ "objects": groups.len() })),
        Some(error) => Err(error.at("uploads")),
    }
}

/// Table by table; one that is not published yet has nothing that is old.
async fn vacuum_all(runner: &Runner<'_>, tables: &[String]) -> Result<Value> {
    let cutoff = Utc::now() - runner.project.retain();
    let (mut told, mut failed) = (Vec::new(), None);
    for name in tables {
        match vacuum_one(runner, name, cutoff).await {
            Ok(gone) => told.extend(gone),
            Err(error) => {
                tracing::warn!(table = name, %error, "the table was not vacuumed");
                failed.get_or_insert(error);
            }
        }
    }
    failed.map_or(Ok(json!({ "vacuumed": told })), Err)
}

async fn vacuum_one(runner: &Runner<'_>, name: &str, cutoff: DateTime<Utc>) -> Result<Option<Value>> {
    let table = TableName::new(name)?;
    runner.project.contract(&table)?;
    if runner.services.lake.tail(&table).await?.is_none() {
        return Ok(None);
    }
    let gone = vacuum(&runner.services, &table, cutoff, false).await?;
    Ok(Some(json!({ "table": table, "files": gone.files, "bytes": gone.bytes })))
}

/// What can be done later is given up when the time is up.
async fn in_time(invocation: &Invocation, work: impl Future<Output = Result<Value>>) -> Result<Value> {
    let late = || Error::new(Class::Interrupted, "the time of the invocation was up").at("the invocation");
    tokio::time::timeout_at(invocation.stop.into(), work).await.unwrap_or_else(|_| Err(late()))
}

/// A job, in few words.
pub fn summary(done: &Finished) -> Value {
    let record = done.report.as_ref().map(|report| &report.record);
    json!({
        "job": done.name,
        "outcome": done.outcome(),
        "run": record.map(|r| r.run),
        "rows_in": record.map(|r| r.rows_in),
        "rows_out": record.map(|r| r.rows_out),
        "rows_quarantined": record.map(|r| r.rows_quarantined),
        "version": record.and_then(|r| r.published_version),
        "error": done.error.as_ref().map(ToString::to_string),
    })
}
