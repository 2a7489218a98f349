//! Data that grow old and a catalog that lags: what no run tells, because none runs.

use chrono::{DateTime, TimeDelta, Utc};
use lakegate_contract::{Error, Result};
use lakegate_lake::record_name;
use lakegate_pipeline::alarm::{Alarm, lagging_alarm, stale_alarm};
use lakegate_pipeline::{JobDefinition, Project, stale_jobs};

use crate::cloud::Services;

/// A run that has committed and has no record yet is still at work, at most for this long.
const SHOWN_WITHIN: TimeDelta = TimeDelta::hours(6);

/// What was found: alarms that are due, each with its occasion, and what could not be looked at.
#[derive(Default)]
pub struct Found {
    /// Each once a day for as long as it lasts.
    pub alarms: Vec<(Alarm, String)>,
    /// What could not be asked.
    pub errors: Vec<Error>,
}

/// Looks at all jobs.
pub async fn look(project: &Project, services: &Services, now: DateTime<Utc>) -> Found {
    let (title, definitions) = (project.title(), project.definitions());
    let today = now.with_timezone(&project.time_zone).date_naive();
    let mut found = Found::default();
    match stale_jobs(&services.lake, &definitions, now).await {
        Ok(stale) => found
            .alarms
            .extend(stale.iter().map(|stale| (stale_alarm(&title, stale, now), format!("not fresh on {today}")))),
        Err(error) => found.errors.push(error),
    }
    for job in &definitions {
        match lag(project, services, job, now).await {
            Ok(None) => {}
            Ok(Some((version, shown))) => {
                let alarm = lagging_alarm(&title, job, &job.table, version, shown);
                found.alarms.push((alarm, format!("lagging at version {version} on {today}")));
            }
            Err(error) => found.errors.push(error.within(format!("table {}", job.table))),
        }
    }
    found
}

/// The version of the lake, and the one that the catalog shows, where that is another one.
async fn lag(
    project: &Project,
    services: &Services,
    job: &JobDefinition,
    now: DateTime<Utc>,
) -> Result<Option<(u64, Option<u64>)>> {
    let (Some(catalog), Some(tail)) = (services.catalog(), services.lake.tail(&job.table).await?) else {
        return Ok(None);
    };
    let shown = catalog.shown_version(&services.lake, &job.table).await?;
    if shown == Some(tail.version) {
        return Ok(None);
    }
    if let Some(run) = tail.run.map(|info| info.run).filter(|run| now - run.began() < SHOWN_WITHIN) {
        let name = record_name(run.began().date_naive(), run);
        if services.lake.system_record("runs", &name).await?.is_none() {
            return Ok(None);
        }
    }
    // A writer that died has left its mark there: that alone does not make it lag.
    let contract = project.contract(&job.table)?;
    let differences = services.glue(false)?.diff(&services.lake, &contract, false).await?;
    let equal = differences.iter().all(|difference| difference.changes.is_empty());
    Ok((!equal).then_some((tail.version, shown)))
}
