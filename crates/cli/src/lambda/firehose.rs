//! The transformation of a stream, by the contract of the job that will read what it delivers.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use lakegate_contract::{Error, Result};
use lakegate_lambda::{FirehoseRequest, FirehoseVerdict};
use lakegate_pipeline::{JobFile, Project};
use lakegate_source_clicks::{ClicksConfig, LogFormat, Transformation};
use serde_json::Value;

use super::metrics;

/// The transformation, made once.
#[derive(Default)]
pub struct Transformations(OnceLock<(String, Transformation)>);

impl Transformations {
    /// The answer to Firehose.
    pub fn answer(&self, project: &Project, request: &FirehoseRequest) -> Result<Value> {
        let (job, transformation) = match self.0.get() {
            Some(made) => made,
            None => {
                let made = make(project)?;
                self.0.get_or_init(|| made)
            }
        };
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        let (answer, refused) = request.answer(|data| match transformation.record(data) {
            Ok(event) => FirehoseVerdict::Ok { data: event.data, keys: event.keys },
            Err(reason) => {
                *reasons.entry(reason).or_default() += 1;
                FirehoseVerdict::Failed
            }
        });
        reasons.extend([("not base64", refused.not_base64), ("the answer has no room for them", refused.without_room)]);
        reasons.retain(|_, count| *count > 0);
        let failed: usize = reasons.values().sum();
        metrics::of_batch(job, request.records.len(), failed);
        for (reason, count) in reasons {
            tracing::warn!(job, records = request.records.len(), failed = count, reason, "records could not be cut");
        }
        Ok(answer)
    }
}

fn make(project: &Project) -> Result<(String, Transformation)> {
    let job = match project.lambda()?.transform {
        Some(name) => named(project, &name)?,
        None => only_one(project)?,
    };
    let contract = project.contract(&job.definition.table)?;
    Ok((job.definition.name.to_string(), Transformation::new(&contract, project.time_zone)?))
}

/// What is wrong with `[lambda] transform`, if the project has one.
pub fn check(project: &Project) -> Option<Error> {
    let name = project.lambda().ok()?.transform?;
    named(project, &name).err()
}

/// The jobs that read JSON events.
fn event_jobs(project: &Project) -> impl Iterator<Item = &JobFile> {
    project.jobs.iter().filter(|job| {
        let clicks = job.definition.source_kind == "clicks";
        clicks && job.source::<ClicksConfig>().is_ok_and(|config| config.format == LogFormat::Json)
    })
}

fn named<'a>(project: &'a Project, name: &str) -> Result<&'a JobFile> {
    let names = || event_jobs(project).map(|job| job.definition.name.as_str());
    let found = event_jobs(project).find(|job| job.definition.name.as_str() == name);
    found.ok_or_else(|| {
        Error::usage(format!("`{name}` is no job that reads JSON events"))
            .at("[lambda] transform in lakegate.toml")
            .expected(match names().next() {
                None => "a job with kind = \"clicks\" and format = \"json\", of which there is none".to_owned(),
                Some(_) => format!("one of {}", names().collect::<Vec<_>>().join(", ")),
            })
            .suggesting(name, names())
    })
}

fn only_one(project: &Project) -> Result<&JobFile> {
    let mut jobs = event_jobs(project);
    match (jobs.next(), jobs.next()) {
        (Some(job), None) => Ok(job),
        (found, _) => {
            let several = if found.is_some() { "several jobs read" } else { "no job reads" };
            Err(Error::usage(format!("{several} JSON events, so it is not known whose events these are"))
                .at("lakegate.toml")
                .expected(
                    "transform = \"JOB\" under [lambda], the name of a job with kind = \"clicks\", format = \"json\"",
                ))
        }
    }
}
