//! Jobs of one command or schedule, run together: each as often as it may be tried, their state kept in the lake, so that a
//! workflow that failed goes on where it stopped.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use lakegate_contract::{Error, JobName, Result};
use lakegate_lake::{Lake, RunId};
use serde::{Deserialize, Serialize};

use crate::resilience::jittered;
use crate::{Cancellation, JobDefinition, Limit, Trigger};

/// Where states stand below the lake's `system/`.
const KIND: &str = "workflows";
const FIRST_PAUSE: Duration = Duration::from_millis(if cfg!(test) { 1 } else { 2_000 });
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How a job of a workflow stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// It has not begun.
    Waiting,
    /// It runs; or its process was killed while it ran.
    Running,
    /// It has published, or there was nothing to do.
    Succeeded,
    /// It has failed, as often as it was tried.
    Failed,
    /// It was not run, because of a job that it waits for.
    Skipped,
}

/// A job of a workflow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobState {
    /// How it stands.
    pub status: JobStatus,
    /// Its last run.
    pub run: Option<RunId>,
    /// How often it was tried.
    pub attempts: u32,
    /// What failed: where, what was found, what was expected.
    pub error: Option<String>,
}

impl JobState {
    /// A job that has just begun.
    pub fn running() -> Self {
        Self { status: JobStatus::Running, ..Self::waiting() }
    }

    fn waiting() -> Self {
        Self { status: JobStatus::Waiting, run: None, attempts: 0, error: None }
    }
}

/// How a workflow stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkflowStatus {
    /// Some job has not ended; or its process was killed.
    Running,
    /// Every job has succeeded.
    Succeeded,
    /// At least one has not.
    Failed,
}

/// The state of a workflow, as it stands in `system/workflows/dt=<date>/<workflow>.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkflowState {
    /// The workflow.
    pub workflow: RunId,
    /// What set it off.
    pub trigger: Trigger,
    /// Whether its jobs run also when nothing has changed.
    #[serde(default)]
    pub force: bool,
    /// How it stands.
    pub status: WorkflowStatus,
    /// How often it was begun: 1, and once more each time that it was resumed.
    pub begun: u32,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When this was written.
    pub updated_at: DateTime<Utc>,
    /// Its jobs.
    pub jobs: BTreeMap<JobName, JobState>,
}

impl WorkflowState {
    /// A new workflow of these jobs.
    pub fn new(jobs: &[&JobDefinition], trigger: Trigger, force: bool) -> Self {
        let now = Utc::now();
        Self {
            workflow: RunId::new(),
            trigger,
            force,
            status: WorkflowStatus::Running,
            begun: 1,
            started_at: now,
            updated_at: now,
            jobs: jobs.iter().map(|job| (job.name.clone(), JobState::waiting())).collect(),
        }
    }

    /// The newest workflow of a lake; `None` when there was none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn newest(lake: &Lake) -> Result<Option<Self>> {
        let Some(newest) = lake.system_records(KIND, 1).await?.pop() else { return Ok(None) };
        let state = serde_json::from_value(newest);
        state.map(Some).map_err(|_| {
            Error::usage("the state of the last workflow cannot be read: another version of lakegate wrote it")
                .at(format!("{}/system/{KIND}", lake.location()))
                .help("run the jobs without --resume")
        })
    }

    /// The newest workflow, to be resumed: what had not succeeded waits again.
    ///
    /// # Errors
    /// When there is none, it has succeeded, or names a job that `known` has no more.
    pub async fn resume(lake: &Lake, known: &[JobDefinition]) -> Result<Self> {
        let place = format!("{}/system/{KIND}", lake.location());
        let Some(mut state) = Self::newest(lake).await? else {
            return Err(Error::usage("there is no workflow to resume").at(place).help("run the jobs without --resume"));
        };
        if state.status == WorkflowStatus::Succeeded {
            return Err(Error::usage(format!(
                "the last workflow, {}, has succeeded: there is nothing to resume",
                state.workflow
            ))
            .at(place)
            .help("run the jobs without --resume"));
        }
        if let Some(gone) = state.jobs.keys().find(|name| !known.iter().any(|job| job.name == **name)) {
            return Err(Error::usage(format!("the last workflow has a job `{gone}`, which the project has no more"))
                .at(place)
                .help("run the jobs without --resume"));
        }
        for job in state.jobs.values_mut().filter(|job| job.status != JobStatus::Succeeded) {
            job.status = JobStatus::Waiting;
        }
        state.begun += 1;
        state.status = WorkflowStatus::Running;
        Ok(state)
    }

    /// Whether this job is to be run, or was done before.
    pub fn is_waiting(&self, job: &JobName) -> bool {
        self.jobs.get(job).is_some_and(|state| state.status == JobStatus::Waiting)
    }

    /// The jobs that succeeded before the workflow was resumed.
    pub fn done(&self) -> Vec<&JobName> {
        self.jobs.iter().filter(|(_, state)| state.status == JobStatus::Succeeded).map(|(name, _)| name).collect()
    }

    /// Notes how a job stands now.
    pub fn note(&mut self, job: &JobName, now: JobState) {
        self.jobs.insert(job.clone(), now);
        let has = |wanted: &[JobStatus]| self.jobs.values().any(|job| wanted.contains(&job.status));
        self.status = match () {
            () if has(&[JobStatus::Waiting, JobStatus::Running]) => WorkflowStatus::Running,
            () if has(&[JobStatus::Failed, JobStatus::Skipped]) => WorkflowStatus::Failed,
            () => WorkflowStatus::Succeeded,
        };
    }

    /// Writes the state to the lake, over what it was before.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn save(&mut self, lake: &Lake) -> Result<()> {
        self.updated_at = Utc::now();
        let state = serde_json::to_value(&self)
            .map_err(|e| Error::bug("the state of a workflow cannot be written").caused_by(e))?;
        lake.append_system_record(KIND, self.started_at.date_naive(), self.workflow, &[state]).await
    }
}

/// Tries `attempt` until it succeeds, fails in a way that lasts, or the job may not be tried again; says how often it was
/// tried. Each attempt has the job's `timeout`, and is handed what asks it to stop. `closed` says how long a further one would
/// be in vain.
pub async fn attempts<T, F>(
    job: &JobDefinition,
    cancellation: &Cancellation,
    closed: impl Fn() -> Duration,
    mut attempt: impl FnMut(Cancellation) -> F,
    error_of: impl Fn(&T) -> Option<&Error>,
) -> (T, u32)
where
    F: Future<Output = T>,
{
    let (mut pause, mut tried) = (FIRST_PAUSE, 0);
    loop {
        let stop = match job.timeout {
            Some(timeout) => cancellation.until(Instant::now() + timeout, Limit::Timeout(timeout)),
            None => cancellation.clone(),
        };
        let done = attempt(stop).await;
        tried += 1;
        let again = error_of(&done).is_some_and(Error::retryable) && tried <= job.retries;
        if !again || cancellation.is_cancelled() {
            return (done, tried);
        }
        if let Some(error) = error_of(&done) {
            tracing::warn!(job = %job.name, attempt = tried, %error, "trying the job again");
        }
        let rest = async {
            tokio::time::sleep(jittered(pause).max(closed())).await;
            Ok(())
        };
        if cancellation.or(rest).await.is_err() {
            return (done, tried);
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::tests::job;

    fn state_of(status: JobStatus) -> JobState {
        JobState { status, run: None, attempts: 1, error: None }
    }

    fn name(text: &str) -> JobName {
        JobName::new(text).unwrap()
    }

    #[tokio::test]
    async fn a_failed_workflow_is_resumed_where_it_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(folder.path().to_str().unwrap()).unwrap();
        let jobs = [job("a", &[]), job("b", &["a"]), job("c", &["b"])];
        assert!(WorkflowState::resume(&lake, &jobs).await.unwrap_err().found().contains("no workflow"));
        let mut state = WorkflowState::new(&jobs.iter().collect::<Vec<_>>(), Trigger::Schedule, false);
        state.note(&name("a"), state_of(JobStatus::Succeeded));
        state.note(&name("b"), state_of(JobStatus::Failed));
        assert_eq!(state.status, WorkflowStatus::Running);
        state.note(&name("c"), state_of(JobStatus::Skipped));
        assert_eq!(state.status, WorkflowStatus::Failed);
        state.save(&lake).await.unwrap();

        let mut resumed = WorkflowState::resume(&lake, &jobs).await.unwrap();
        assert_eq!((resumed.workflow, resumed.begun), (state.workflow, 2));
        assert_eq!(resumed.done(), [&name("a")]);
        assert!(resumed.is_waiting(&name("b")) && resumed.is_waiting(&name("c")));
        let gone = WorkflowState::resume(&lake, &jobs[..2]).await.unwrap_err();
        assert!(gone.found().contains("`c`"), "{gone}");
        for job in ["b", "c"] {
            resumed.note(&name(job), state_of(JobStatus::Succeeded));
        }
        resumed.save(&lake).await.unwrap();
        assert!(WorkflowState::resume(&lake, &jobs).await.unwrap_err().found().contains("has succeeded"));
    }

    #[tokio::test]
    async fn a_job_is_tried_again_only_where_that_can_help() {
        let patient = JobDefinition { retries: 2, ..job("a", &[]) };
        let none = Cancellation::default();
        let flaky = |count: &mut u32| {
            *count += 1;
            if *count < 3 { Some(Error::unavailable("away")) } else { None }
        };
        let mut count = 0;
        let (done, tried) =
            attempts(&patient, &none, || Duration::ZERO, |_| std::future::ready(flaky(&mut count)), Option::as_ref)
                .await;
        assert!(done.is_none() && tried == 3);
        let lasting = |_| std::future::ready(Some(Error::usage("no such table")));
        assert_eq!(attempts(&patient, &none, || Duration::ZERO, lasting, Option::as_ref).await.1, 1);
        let away = |_| std::future::ready(Some(Error::unavailable("away")));
        assert_eq!(attempts(&patient, &none, || Duration::ZERO, away, Option::as_ref).await.1, 3);
        none.cancel();
        assert_eq!(attempts(&patient, &none, || Duration::ZERO, away, Option::as_ref).await.1, 1);
    }

    #[tokio::test]
    async fn an_attempt_has_the_time_of_its_job() {
        let hurried = JobDefinition { timeout: Some(Duration::from_millis(5)), ..job("a", &[]) };
        let slow = |stop: Cancellation| async move {
            tokio::time::sleep(Duration::from_millis(30)).await;
            stop.check().err()
        };
        let (error, _) = attempts(&hurried, &Cancellation::default(), || Duration::ZERO, slow, Option::as_ref).await;
        assert!(error.unwrap().found().contains("timeout of 5 ms"));
    }
}
