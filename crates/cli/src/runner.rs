//! Running jobs: as a workflow in the order of their dependencies, or one alone for what events name. Whoever starts them, at a
//! keyboard or on a schedule, gets the same.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lakegate_contract::{Class, Error, JobName, Result};
use lakegate_pipeline::alarm::{Alarm, AlarmChannel, alarm_of, deliver, exceeded_limit};
use lakegate_pipeline::{
    Cancellation, JobDefinition, JobReport, JobState, JobStatus, Outcome, Progress, Project, RunOptions, Trigger,
    WorkflowState, attempts, in_order, run_in_order, run_job, usual_duration,
};
use tokio::sync::OnceCell;

use crate::cloud::Services;
use crate::context;

/// How long a state may take to be written: it must not hold up the jobs.
const STATE_PATIENCE: Duration = Duration::from_secs(10);
/// How long telling people may take.
const TELL_PATIENCE: Duration = Duration::from_secs(40);
/// How long the records of earlier runs may take to be read, for an alarm.
const HISTORY_PATIENCE: Duration = Duration::from_secs(10);

/// How one job went.
pub struct Finished {
    /// The job.
    pub name: JobName,
    /// Its report; `None` when it could not even begin.
    pub report: Option<JobReport>,
    /// What failed.
    pub error: Option<Error>,
    /// Whether it was not run, because of another.
    pub skipped: bool,
    attempts: u32,
    /// Of files, those that the run was restricted to.
    objects: Vec<String>,
}

impl Finished {
    /// Whether jobs that wait for it may go on: a catalog that lags behind keeps nobody from the lake.
    pub fn succeeded(&self) -> bool {
        self.error.as_ref().is_none_or(|error| error.class() == Class::CatalogLagging)
    }

    /// How it ended, as records say it.
    pub fn outcome(&self) -> &'static str {
        match self.report.as_ref().map(|r| r.record.outcome) {
            _ if self.skipped => "skipped",
            Some(Outcome::Published) => "published",
            Some(Outcome::Unchanged) => "unchanged",
            Some(Outcome::GateClosed) => "gate_closed",
            Some(Outcome::Interrupted) => "interrupted",
            _ => "failed",
        }
    }

    fn state(&self) -> JobState {
        let status = match self.succeeded() {
            _ if self.skipped => JobStatus::Skipped,
            true => JobStatus::Succeeded,
            false => JobStatus::Failed,
        };
        JobState {
            status,
            run: self.report.as_ref().map(|report| report.record.run),
            attempts: self.attempts,
            error: self.error.as_ref().map(ToString::to_string),
        }
    }
}

/// Which jobs are run.
pub enum Selection<'a> {
    /// Those that are named; all, when none is.
    Jobs(&'a [String]),
    /// What is left of the last workflow.
    Resume,
}

impl<'a> Selection<'a> {
    /// What is left of the last workflow, or else the jobs that are named.
    pub fn of(resume: bool, jobs: &'a [String]) -> Self {
        if resume { Selection::Resume } else { Selection::Jobs(jobs) }
    }
}

/// Runs jobs of a project.
pub struct Runner<'a> {
    /// The project.
    pub project: &'a Project,
    /// Its services.
    pub services: Services,
    /// Also when nothing has changed.
    pub force: bool,
    /// What set the runs off.
    pub trigger: Trigger,
    /// That by name, the same when it is tried again: one alarm is sent for it.
    pub occasion: Option<String>,
    /// Asks the runs to stop.
    pub cancellation: Cancellation,
    /// Watches.
    pub progress: Arc<dyn Progress>,
    channels: OnceCell<Vec<Arc<dyn AlarmChannel>>>,
}

impl<'a> Runner<'a> {
    /// For someone at a keyboard; the fields say what may differ.
    pub async fn new(project: &'a Project, progress: Arc<dyn Progress>) -> Result<Self> {
        Ok(Self {
            project,
            services: Services::new(project).await?,
            force: false,
            trigger: Trigger::Manual,
            occasion: None,
            cancellation: Cancellation::default(),
            progress,
            channels: OnceCell::new(),
        })
    }

    /// For a process that goes away with its disk: what it would publish there would be gone.
    ///
    /// # Errors
    /// When the lake is a folder of this machine.
    pub fn refuse_local_lake(&self) -> Result<()> {
        let location = self.services.lake.location();
        if location.contains("://") {
            return Ok(());
        }
        let environment = match &self.project.environment {
            Some(name) => format!("environment {name}"),
            None => "no environment".to_owned(),
        };
        Err(Error::usage(format!(
            "the lake is a folder of this machine, which goes away with it ({environment} is named)"
        ))
        .at(location.to_owned())
        .expected("a lake in a bucket: s3://bucket/prefix")
        .help("name the environment that has it: LAKEGATE_ENV for a function, --lakegate_env for Glue"))
    }

    /// Runs jobs in the order of their dependencies; one that fails does not stop those that do not wait for it.
    pub async fn workflow(&self, selection: Selection<'_>) -> Result<Vec<Finished>> {
        let definitions = self.project.definitions();
        let (jobs, state) = match selection {
            Selection::Jobs(names) => {
                let jobs = in_order(&definitions, names)?;
                let state = WorkflowState::new(&jobs, self.trigger, self.force);
                (jobs, state)
            }
            Selection::Resume => {
                let state = WorkflowState::resume(&self.services.lake, &definitions).await?;
                let mut jobs = in_order(&definitions, &[])?;
                jobs.retain(|job| state.is_waiting(&job.name));
                (jobs, state)
            }
        };
        let force = state.force;
        // A job alone is no workflow: it does not take the place of one that is to be resumed.
        let kept = state.jobs.len() > 1;
        let occasion =
            self.occasion.clone().unwrap_or_else(|| format!("workflow {} begun {}", state.workflow, state.begun));
        let (ids, done) = (Occasion { name: occasion, kept }, state.done().into_iter().cloned().collect::<Vec<_>>());
        let state = tokio::sync::Mutex::new(state);
        self.save(&ids, &mut *state.lock().await).await;
        let finished = Mutex::new(Vec::new());
        let add = |one: Finished| finished.lock().unwrap_or_else(PoisonError::into_inner).push(one);
        run_in_order(
            &jobs,
            &done.iter().collect::<Vec<_>>(),
            self.project.parallel_jobs(),
            |job| {
                let (ids, state, add) = (&ids, &state, &add);
                async move {
                    self.note(ids, state, job, JobState::running()).await;
                    let one = self.tried(job, None, &ids.name, force).await;
                    self.note(ids, state, job, one.state()).await;
                    self.tell_of(job, &one, &ids.name).await;
                    let good = one.succeeded();
                    add(one);
                    good
                }
            },
            |job, upstream| add(skipped(job, upstream)),
        )
        .await;
        let finished = finished.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut state = state.into_inner();
        if finished.iter().any(|one| one.skipped) {
            finished.iter().filter(|one| one.skipped).for_each(|one| state.note(&one.name, one.state()));
            self.save(&ids, &mut state).await;
        }
        Ok(finished)
    }

    async fn note(
        &self,
        ids: &Occasion,
        state: &tokio::sync::Mutex<WorkflowState>,
        job: &JobDefinition,
        now: JobState,
    ) {
        let mut state = state.lock().await;
        state.note(&job.name, now);
        self.save(ids, &mut state).await;
    }

    /// Runs one job, as often as it may be tried, and tells nobody. `only`: of files, those that events name.
    pub async fn quietly(&self, job: &JobDefinition, only: Option<&Arc<BTreeSet<String>>>, occasion: &str) -> Finished {
        self.tried(job, only, occasion, self.force).await
    }

    async fn tried(
        &self,
        job: &JobDefinition,
        only: Option<&Arc<BTreeSet<String>>>,
        occasion: &str,
        force: bool,
    ) -> Finished {
        let attempt = |cancellation| {
            let options = RunOptions {
                force,
                trigger: self.trigger,
                occasion: Some(occasion.to_owned()),
                only: only.cloned(),
                cancellation,
                progress: Arc::clone(&self.progress),
            };
            self.attempt(job, options)
        };
        let closed = || self.services.breakers.closed_for();
        let (mut finished, tried) = attempts(job, &self.cancellation, closed, attempt, |one| one.error.as_ref()).await;
        finished.attempts = tried;
        finished
    }

    /// Tells people what they should know of a job that has ended.
    pub async fn tell_of(&self, job: &JobDefinition, finished: &Finished, occasion: &str) {
        if let Some(alarm) = self.alarm(job, finished).await {
            self.tell(&alarm, occasion).await;
        }
    }

    async fn attempt(&self, job: &JobDefinition, options: RunOptions) -> Finished {
        let relative = |error| context::relative(error, &self.project.root);
        let (report, error) = match context::job(self.project, &self.services, job.name.as_str()).await {
            Ok((context, source)) => {
                let mut report = run_job(&context, source, &options).await;
                let error = report.error.take().map(relative);
                (Some(report), error)
            }
            Err(error) => (None, Some(relative(error))),
        };
        let objects = options.only.iter().flat_map(|only| only.iter().cloned()).collect();
        Finished { name: job.name.clone(), report, error, skipped: false, attempts: 1, objects }
    }

    /// What people should know of a job that has ended. Who stops a run by hand knows it.
    async fn alarm(&self, job: &JobDefinition, finished: &Finished) -> Option<Alarm> {
        let (record, error) = (finished.report.as_ref().map(|r| &r.record), finished.error.as_ref());
        let by_hand = self.cancellation.is_by_hand() && error.is_some_and(|e| e.class() == Class::Interrupted);
        let slow = error.is_none() && record.is_some_and(|record| exceeded_limit(job, record).is_some());
        if by_hand || (error.is_none() && !slow) {
            return None;
        }
        let usual = match record.filter(|_| slow) {
            None => None,
            Some(record) => {
                let usual = usual_duration(&self.services.lake, &job.name, record.run);
                tokio::time::timeout(HISTORY_PATIENCE, usual).await.ok().and_then(Result::ok).flatten()
            }
        };
        let mut alarm = alarm_of(&self.project.title(), job, record, error, finished.attempts, usual)?;
        alarm.facts.extend(told_of(&finished.objects));
        Some(alarm)
    }

    /// Sends an alarm, in no more time than there is. What goes wrong is logged.
    pub async fn tell(&self, alarm: &Alarm, occasion: &str) {
        let told = async {
            let made = self.channels.get_or_try_init(|| async {
                match self.services.alarm_channels(self.project).await {
                    (channels, errors) if errors.is_empty() => Ok(channels),
                    broken => Err(broken),
                }
            });
            match made.await {
                Ok(channels) => deliver(&self.services.lake, channels, alarm, occasion).await,
                // What is broken now may not be so for the next alarm.
                Err((channels, errors)) => {
                    errors.iter().for_each(|error| tracing::warn!(%error, "a channel of alarms cannot be used"));
                    deliver(&self.services.lake, &channels, alarm, occasion).await
                }
            }
        };
        let patience = self.cancellation.share(2, TELL_PATIENCE);
        if tokio::time::timeout(patience, told).await.is_err() {
            tracing::warn!(job = alarm.job, "telling of it takes too long");
        }
    }

    /// The state is for people and for `--resume`: a run does not fail for want of it.
    async fn save(&self, ids: &Occasion, state: &mut WorkflowState) {
        if !ids.kept {
            return;
        }
        match tokio::time::timeout(self.cancellation.share(4, STATE_PATIENCE), state.save(&self.services.lake)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the state of the workflow was not written"),
            Err(_) => tracing::warn!("writing the state of the workflow takes too long"),
        }
    }
}

/// The files that a run was restricted to, the first of them by name.
fn told_of(objects: &[String]) -> Option<(String, String)> {
    const SHOWN: usize = 3;
    let mut shown = objects.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    let more = objects.len().saturating_sub(SHOWN);
    if more > 0 {
        shown.push_str(&format!(" and {more} more"));
    }
    (!objects.is_empty()).then(|| ("files".to_owned(), shown))
}

struct Occasion {
    name: String,
    kept: bool,
}

fn skipped(job: &JobDefinition, upstream: &JobName) -> Finished {
    let error =
        Error::usage(format!("not run, because job {upstream} did not succeed")).at(format!("job {}", job.name));
    Finished {
        name: job.name.clone(),
        report: None,
        error: Some(error),
        skipped: true,
        attempts: 0,
        objects: Vec::new(),
    }
}
