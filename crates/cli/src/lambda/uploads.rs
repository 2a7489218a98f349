//! Uploaded objects to jobs: each object to those whose pattern it matches. A broken one does not hold up the others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lakegate_contract::{Class, Error, JobName, Result};
use lakegate_pipeline::alarm::{Alarm, AlarmKind};
use lakegate_pipeline::patterns::{bucket_of, is_beside, names_object};
use lakegate_pipeline::{JobDefinition, in_order};

use crate::commands::run::most_telling_class;
use crate::runner::{Finished, Runner};
use crate::sources;

/// How often a job that events woke is tried again at least: two invocations may want the same table at once.
const LEAST_RETRIES: u32 = 3;

/// Deliveries after which a message is tried alone: it may be what keeps the others from being served in time.
const TOGETHER: u32 = 2;

/// Objects that succeed or fail together: those of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The message, or what else tells it from others.
    pub id: String,
    /// Its objects: `s3://bucket/key`.
    pub names: BTreeSet<String>,
    /// How often it was delivered.
    delivered: u32,
}

impl Group {
    /// A group of these objects.
    pub fn of(id: String, names: impl IntoIterator<Item = String>, delivered: u32) -> Self {
        Self { id, names: names.into_iter().collect(), delivered }
    }
}

/// Why a group was not published by one job.
pub struct Refusal {
    /// The kind of trouble.
    pub class: Class,
    /// Whether trying again can help.
    pub retryable: bool,
    /// What failed, in one line.
    pub reason: String,
    /// What to do.
    pub help: Option<String>,
    /// Whether it was not even begun, for want of time.
    pub put_off: bool,
    /// The job, and how it went; `None` when there is no job for it.
    of: Option<(JobDefinition, Arc<Finished>)>,
}

impl Refusal {
    /// What no job can do anything about.
    pub fn without_job(error: &Error) -> Self {
        Self {
            class: error.class(),
            retryable: error.retryable(),
            reason: error.to_string(),
            help: error.advice().map(str::to_owned),
            put_off: false,
            of: None,
        }
    }

    fn of(job: &JobDefinition, finished: &Arc<Finished>, names: &BTreeSet<String>) -> Option<Self> {
        let error = finished.error.as_ref()?;
        let blamed = error.place().filter(|place| place.contains("s3://"));
        // A file that was published before and has changed since: these objects are not to blame, and may yet be loaded.
        let of_another = blamed.is_some_and(|place| !names.iter().any(|name| place.contains(name.as_str())));
        Some(Self {
            retryable: error.retryable() || of_another,
            of: Some((job.clone(), Arc::clone(finished))),
            ..Self::without_job(error)
        })
    }

    fn put_off(job: &JobName) -> Self {
        let error = Error::new(Class::Interrupted, "there was no time left to begin").at(format!("job {job}"));
        Self { put_off: true, ..Self::without_job(&error) }
    }

    /// The job and its run, for who reads the dead letter.
    pub fn job_and_run(&self) -> (String, String) {
        let Some((job, finished)) = &self.of else { return Default::default() };
        let run = finished.report.as_ref().map(|report| report.record.run.to_string());
        (job.name.to_string(), run.unwrap_or_default())
    }

    /// Several as one error: of the class that matters most, lasting only if none can pass. `None` when there is none.
    pub fn together(refusals: &[Refusal]) -> Option<Error> {
        let class = most_telling_class(refusals.iter().map(|refusal| refusal.class))?;
        let told: Vec<&str> = refusals.iter().map(|refusal| refusal.reason.as_str()).collect();
        let help = refusals.iter().find_map(|refusal| refusal.help.clone());
        let error = help.into_iter().fold(Error::new(class, told.join("; ")), Error::help);
        Some(if refusals.iter().any(|refusal| refusal.retryable) { error } else { error.lasting() })
    }

    async fn tell(&self, runner: &Runner<'_>, occasion: &str) {
        if self.put_off {
            return;
        }
        if let Some((job, finished)) = &self.of {
            return runner.tell_of(job, finished, occasion).await;
        }
        let alarm = plain_alarm(runner, "uploads", self.reason.clone(), self.help.clone());
        // Several objects of one message may have no job, each for a reason of its own.
        runner.tell(&alarm, &format!("{occasion}: {}", self.reason)).await;
    }

    /// Whether both are about one and the same run.
    fn is_of_run(&self, other: &Refusal) -> bool {
        matches!((&self.of, &other.of), (Some((_, one)), Some((_, another))) if Arc::ptr_eq(one, another))
    }
}

/// An alarm that something failed for which there is no run.
pub fn plain_alarm(runner: &Runner<'_>, what: &str, summary: String, help: Option<String>) -> Alarm {
    Alarm { help, ..Alarm::new(AlarmKind::Failed, runner.project.title(), what, summary) }
}

/// Tells people, once for each run: several messages can have failed in one. Each comes with its occasion.
pub async fn tell_all<'a>(runner: &Runner<'_>, refusals: impl IntoIterator<Item = (&'a Refusal, String)>) {
    let mut told: Vec<(&Refusal, String)> = Vec::new();
    for (refusal, occasion) in refusals {
        if !told.iter().any(|(known, _)| known.is_of_run(refusal)) {
            told.push((refusal, occasion));
        }
    }
    futures::future::join_all(told.iter().map(|(refusal, occasion)| refusal.tell(runner, occasion))).await;
}

/// Runs the jobs that read the groups' objects. For each group, why it is not published: empty when all of its objects are, or
/// nobody is to read them.
///
/// # Errors
/// When the project's jobs cannot be put in order.
pub async fn serve_uploads(runner: &Runner<'_>, groups: &[Group]) -> Result<Vec<Vec<Refusal>>> {
    let definitions = runner.project.definitions();
    let mut refusals: Vec<Vec<Refusal>> = groups.iter().map(|_| Vec::new()).collect();
    let readers = readers(runner, groups, &mut refusals)?;
    for job in in_order(&definitions, &[])? {
        let Some(wanted) = readers.get(&job.name) else { continue };
        let patient = JobDefinition { retries: job.retries.max(LEAST_RETRIES), ..job.clone() };
        let mine: Vec<Part<'_>> = wanted
            .iter()
            .filter_map(|(index, names)| Some(Part { index: *index, names, group: groups.get(*index)? }))
            .collect();
        for (index, refusal) in run_parts(runner, &patient, &mine).await {
            if let Some(place) = refusals.get_mut(index) {
                place.push(refusal);
            }
        }
    }
    Ok(refusals)
}

/// For each job, by group, the objects that it reads.
type Readers = BTreeMap<JobName, BTreeMap<usize, BTreeSet<String>>>;

/// Who reads what. Objects that ought to be read and are not are refused.
fn readers(runner: &Runner<'_>, groups: &[Group], refusals: &mut [Vec<Refusal>]) -> Result<Readers> {
    let mut readers = Readers::new();
    let mut patterns = Vec::new();
    for job in &runner.project.jobs {
        patterns.extend(sources::pattern_of(&runner.services.inputs, job)?.map(|p| (job.definition.name.clone(), p)));
    }
    for ((index, group), refused) in groups.iter().enumerate().zip(refusals) {
        for name in &group.names {
            let mut read = false;
            for (job, _) in patterns.iter().filter(|(_, pattern)| names_object(pattern, name)) {
                readers.entry(job.clone()).or_default().entry(index).or_default().insert(name.clone());
                read = true;
            }
            if !read {
                refused.extend(unread(&patterns, name).map(|error| Refusal::without_job(&error)));
            }
        }
    }
    Ok(readers)
}

/// An object that no job reads. In a bucket that others use too that is nobody's mistake, unless it lies where a job looks, or
/// no job looks into the bucket at all.
fn unread(patterns: &[(JobName, String)], name: &str) -> Option<Error> {
    // What consoles make for folders.
    if name.ends_with('/') {
        return None;
    }
    let ending = |text: &str| text.rsplit_once('.').map(|(_, ending)| ending.to_owned());
    let beside: Vec<_> = patterns.iter().filter(|(_, pattern)| is_beside(pattern, name)).collect();
    let alike = beside.iter().find(|(_, pattern)| ending(pattern) == ending(name));
    let near = alike.or(beside.first());
    let bucket = bucket_of(name).map(|(bucket, _)| bucket);
    let known = patterns.iter().any(|(_, pattern)| bucket_of(pattern).map(|(bucket, _)| bucket) == bucket);
    let error = match near {
        Some((job, pattern)) => {
            Error::usage("no job reads this object").at(name).expected(format!("a key as job {job} has it: {pattern}"))
        }
        None if !known => Error::usage("no job reads objects of this bucket").at(name).help(
            "see `files` of the jobs and [inputs] location in lakegate.toml, and which environment LAKEGATE_ENV names",
        ),
        None => {
            tracing::warn!(object = name, "no job reads this object: its key matches no `files` of a job");
            return None;
        }
    };
    Some(error)
}

/// The objects of one group that one job reads.
struct Part<'a> {
    index: usize,
    names: &'a BTreeSet<String>,
    group: &'a Group,
}

/// All in one run; where that fails for what is in them, and for those that have come again and again, each in a run of its own.
async fn run_parts(runner: &Runner<'_>, job: &JobDefinition, parts: &[Part<'_>]) -> Vec<(usize, Refusal)> {
    let (first, mut alone): (Vec<&Part<'_>>, Vec<&Part<'_>>) =
        parts.iter().partition(|part| part.group.delivered <= TOGETHER);
    let mut refused = Vec::new();
    if !first.is_empty() {
        let together = run_one(runner, job, &first).await;
        let lasting = together.error.as_ref().is_some_and(|error| !error.retryable());
        if lasting && first.len() > 1 {
            tracing::info!(job = %job.name, messages = first.len(), "together they cannot be published: each is tried alone");
            alone.extend(first);
        } else {
            refused
                .extend(first.iter().filter_map(|part| Some((part.index, Refusal::of(job, &together, part.names)?))));
        }
    }
    for part in alone {
        if runner.cancellation.is_cancelled() {
            refused.push((part.index, Refusal::put_off(&job.name)));
            continue;
        }
        let finished = run_one(runner, job, &[part]).await;
        refused.extend(Refusal::of(job, &finished, part.names).map(|refusal| (part.index, refusal)));
    }
    refused
}

/// One run of the job for some groups. Of a failure people are told by who knows whether it is tried again.
async fn run_one(runner: &Runner<'_>, job: &JobDefinition, parts: &[&Part<'_>]) -> Arc<Finished> {
    let names: BTreeSet<String> = parts.iter().flat_map(|part| part.names.iter().cloned()).collect();
    let ids: Vec<&str> = parts.iter().map(|part| part.group.id.as_str()).collect();
    let occasion = ids.join(", ");
    let finished = Arc::new(runner.quietly(job, Some(&Arc::new(names)), &occasion).await);
    if finished.error.is_none() {
        runner.tell_of(job, &finished, &occasion).await;
    }
    finished
}
