//! Data that grow old and a catalog that lags: what no run tells, because none runs.

use chrono::{DateTime, Utc};
use lakegate_contract::Result;
use lakegate_pipeline::alarm::{Alarm, lagging_alarm, stale_alarm};
use lakegate_pipeline::{JobDefinition, Project, stale_jobs};

use crate::cloud::Services;

/// The alarms that are due, each with its occasion: once a day for as long as it lasts.
///
/// # Errors
/// When the lake or the catalog cannot be asked.
pub async fn alarms(project: &Project, services: &Services, now: DateTime<Utc>) -> Result<Vec<(Alarm, String)>> {
    let (title, definitions) = (project.title(), project.definitions());
    let today = now.with_timezone(&project.time_zone).date_naive();
    let mut alarms = Vec::new();
    for stale in stale_jobs(&services.lake, &definitions, now).await? {
        alarms.push((stale_alarm(&title, &stale, now), format!("not fresh on {today}")));
    }
    for job in &definitions {
        if let Some((version, shown)) = lag(project, services, job).await? {
            let alarm = lagging_alarm(&title, job, &job.table, version, shown);
            alarms.push((alarm, format!("lagging at version {version} on {today}")));
        }
    }
    Ok(alarms)
}

/// The version of the lake, and the one that the catalog shows, where that is another one.
async fn lag(project: &Project, services: &Services, job: &JobDefinition) -> Result<Option<(u64, Option<u64>)>> {
    let (Some(catalog), Some(tail)) = (services.catalog(), services.lake.tail(&job.table).await?) else {
        return Ok(None);
    };
    let shown = catalog.shown_version(&services.lake, &job.table).await?;
    if shown == Some(tail.version) {
        return Ok(None);
    }
    // A writer that died has left its mark there: that alone does not make it lag.
    let contract = project.contract(&job.table)?;
    let differences = services.glue(false)?.diff(&services.lake, &contract, false).await?;
    let equal = differences.iter().all(|difference| difference.changes.is_empty());
    Ok((!equal).then_some((tail.version, shown)))
}
