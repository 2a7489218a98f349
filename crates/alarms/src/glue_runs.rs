//! Runs of Glue's own jobs: their events tell no duration, so Glue is asked.

use std::time::Duration;

use aws_sdk_glue::Client;
use aws_sdk_glue::types::JobRun;
use lakegate_aws::{Aws, AwsFailure};
use lakegate_contract::{Error, Result};
use lakegate_pipeline::usual;

/// Earlier runs that are looked at for the usual duration.
const LOOKED_AT: i32 = 50;

/// A run of a job of Glue's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlueRun {
    /// How long it took: Glue's `ExecutionTime`, which leaves out waiting to start.
    pub took: Duration,
    /// The jobs of the project that it was started for, where `--lakegate_jobs` names them.
    pub jobs: Vec<String>,
}

/// Asks for runs.
pub struct GlueRuns(Client);

impl GlueRuns {
    /// # Errors
    /// When no region is known.
    pub async fn new(aws: &Aws) -> Result<Self> {
        Ok(Self(Client::new(aws.config().await?)))
    }

    /// A run: `GetJobRun`.
    ///
    /// # Errors
    /// When there is none, or it may not be asked for.
    pub async fn run(&self, job: &str, run: &str) -> Result<GlueRun> {
        let answer = self.0.get_job_run().job_name(job).run_id(run).send().await;
        let answer = answer.map_err(|e| AwsFailure::of("Glue", "GetJobRun", &e).into_error())?;
        let found = answer.job_run().ok_or_else(|| Error::unavailable("Glue told nothing of the run"))?;
        let named = found.arguments().and_then(|a| a.get("--lakegate_jobs")).map(String::as_str).unwrap_or_default();
        let jobs = named.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        Ok(GlueRun { took: duration(found), jobs })
    }

    /// How long runs of a job that succeeded usually take, but for `except`: as [`usual`] says: `GetJobRuns`.
    ///
    /// # Errors
    /// When they may not be asked for.
    pub async fn usual(&self, job: &str, except: &str) -> Result<Option<Duration>> {
        let answer = self.0.get_job_runs().job_name(job).max_results(LOOKED_AT).send().await;
        let answer = answer.map_err(|e| AwsFailure::of("Glue", "GetJobRuns", &e).into_error())?;
        let succeeded = |run: &&JobRun| {
            run.id() != Some(except) && run.job_run_state().is_some_and(|state| state.as_str() == "SUCCEEDED")
        };
        Ok(usual(answer.job_runs().iter().filter(succeeded).map(duration).collect()))
    }
}

fn duration(run: &JobRun) -> Duration {
    Duration::from_secs(u64::try_from(run.execution_time()).unwrap_or_default())
}
