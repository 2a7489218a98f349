//! Data that grow old and a catalog that lags: what no run tells, because none runs.

use chrono::{DateTime, Utc};
use lakegate_contract::Result;
use lakegate_pipeline::alarm::{Alarm, lagging_alarm, stale_alarm};
use lakegate_pipeline::{Project, stale_jobs};

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
    let Some(catalog) = services.catalog() else { return Ok(alarms) };
    for job in &definitions {
        let Some(tail) = services.lake.tail(&job.table).await? else { continue };
        let shown = catalog.shown_version(&services.lake, &job.table).await?;
        if shown != Some(tail.version) {
            let alarm = lagging_alarm(&title, job, &job.table, tail.version, shown);
            alarms.push((alarm, format!("lagging at version {} on {today}", tail.version)));
        }
    }
    Ok(alarms)
}
