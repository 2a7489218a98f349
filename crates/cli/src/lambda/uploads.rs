//! Uploaded objects to jobs: each object to those whose pattern it matches. A broken one does not hold up the others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lakegate_contract::{Class, JobName, Result};
use lakegate_pipeline::patterns::names_object;
use lakegate_pipeline::{JobDefinition, in_order};

use crate::runner::{Finished, Runner};
use crate::sources;

/// How often a job that events woke is tried again at least: two invocations may want the same table at once.
const LEAST_RETRIES: u32 = 3;

/// Objects that succeed or fail together: those of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The message, or what else tells it from others.
    pub id: String,
    /// Its objects: `s3://bucket/key`.
    pub names: BTreeSet<String>,
}

impl Group {
    /// A group of these objects.
    pub fn of(id: String, names: impl IntoIterator<Item = String>) -> Self {
        Self { id, names: names.into_iter().collect() }
    }
}

/// Why a group was not published.
pub struct Refusal {
    /// The kind of trouble.
    pub class: Class,
    /// Whether trying again can help.
    pub retryable: bool,
    /// What failed, in one line.
    pub reason: String,
    /// What to do.
    pub help: Option<String>,
    /// The job, and how it went.
    pub of: Option<(JobDefinition, Arc<Finished>)>,
}

impl Refusal {
    fn of(job: &JobDefinition, finished: &Arc<Finished>) -> Option<Self> {
        let error = finished.error.as_ref()?;
        Some(Self {
            class: error.class(),
            retryable: error.retryable(),
            reason: error.to_string(),
            help: error.advice().map(str::to_owned),
            of: Some((job.clone(), Arc::clone(finished))),
        })
    }

    /// The job and its run, for who reads the dead letter.
    pub fn job_and_run(&self) -> (String, String) {
        let Some((job, finished)) = &self.of else { return Default::default() };
        let run = finished.report.as_ref().map(|report| report.record.run.to_string());
        (job.name.to_string(), run.unwrap_or_default())
    }

    /// Tells people.
    pub async fn tell(&self, runner: &Runner<'_>, occasion: &str) {
        if let Some((job, finished)) = &self.of {
            runner.tell_of(job, finished, occasion).await;
        }
    }
}

/// Runs the jobs that read the groups' objects. For each group: `None` when all of its objects are published, or nobody reads
/// them.
///
/// # Errors
/// When the project's jobs cannot be put in order.
pub async fn serve_uploads(runner: &Runner<'_>, groups: &[Group]) -> Result<Vec<Option<Refusal>>> {
    let definitions = runner.project.definitions();
    let readers = readers(runner, groups)?;
    let mut refusals: Vec<Option<Refusal>> = groups.iter().map(|_| None).collect();
    for job in in_order(&definitions, &[])? {
        let Some(wanted) = readers.get(&job.name) else { continue };
        let patient = JobDefinition { retries: job.retries.max(LEAST_RETRIES), ..job.clone() };
        let mine: Vec<(usize, &BTreeSet<String>)> = wanted.iter().map(|(index, names)| (*index, names)).collect();
        for (index, refusal) in run_together(runner, &patient, &mine, groups).await {
            if let Some(place) = refusals.get_mut(index) {
                place.get_or_insert(refusal);
            }
        }
    }
    Ok(refusals)
}

/// For each job, by group, the objects that it reads.
fn readers(runner: &Runner<'_>, groups: &[Group]) -> Result<BTreeMap<JobName, BTreeMap<usize, BTreeSet<String>>>> {
    let mut readers: BTreeMap<JobName, BTreeMap<usize, BTreeSet<String>>> = BTreeMap::new();
    let mut patterns = Vec::new();
    for job in &runner.project.jobs {
        patterns.extend(sources::pattern_of(&runner.services.inputs, job)?.map(|p| (job.definition.name.clone(), p)));
    }
    for (index, group) in groups.iter().enumerate() {
        for name in &group.names {
            let mut read = false;
            for (job, _) in patterns.iter().filter(|(_, pattern)| names_object(pattern, name)) {
                readers.entry(job.clone()).or_default().entry(index).or_default().insert(name.clone());
                read = true;
            }
            if !read {
                tracing::warn!(object = name, "no job reads this object: its key matches no `files` of a job");
            }
        }
    }
    Ok(readers)
}

/// All groups in one run; where that fails for what is in them, each in a run of its own.
async fn run_together(
    runner: &Runner<'_>,
    job: &JobDefinition,
    mine: &[(usize, &BTreeSet<String>)],
    groups: &[Group],
) -> Vec<(usize, Refusal)> {
    let all: BTreeSet<String> = mine.iter().flat_map(|(_, names)| names.iter().cloned()).collect();
    let ids: Vec<&str> = mine.iter().filter_map(|(index, _)| groups.get(*index)).map(|g| g.id.as_str()).collect();
    let finished = Arc::new(runner.quietly(job, Some(&Arc::new(all)), &ids.join(", ")).await);
    let Some(error) = finished.error.as_ref() else {
        runner.tell_of(job, &finished, &ids.join(", ")).await;
        return Vec::new();
    };
    let of_content = matches!(error.class(), Class::BadInput | Class::GateClosed) && !error.retryable();
    if !of_content || mine.len() == 1 {
        let refused = mine.iter().filter_map(|(index, _)| Some((*index, Refusal::of(job, &finished)?)));
        return refused.collect();
    }
    tracing::info!(job = %job.name, objects = ids.len(), "together they cannot be published: each is tried alone");
    let mut refused = Vec::new();
    for (index, names) in mine {
        let id = groups.get(*index).map(|g| g.id.as_str()).unwrap_or_default();
        let alone = Arc::new(runner.quietly(job, Some(&Arc::new((*names).clone())), id).await);
        match Refusal::of(job, &alone) {
            Some(refusal) => refused.push((*index, refusal)),
            None => runner.tell_of(job, &alone, id).await,
        }
    }
    refused
}
