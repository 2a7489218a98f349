//! What the records of earlier runs tell: how long a job usually takes, when it last succeeded.

use std::time::Duration;

use chrono::{DateTime, Utc};
use lakegate_contract::{JobName, Result};
use lakegate_lake::{Lake, RunId};
use serde_json::Value;

use crate::JobDefinition;

/// How far back runs are looked for, and how many records are looked through for them.
const LOOKED_BACK: chrono::TimeDelta = chrono::TimeDelta::days(90);
const LOOKED_THROUGH: usize = 300;
/// Runs that a usual duration is taken from, and that it needs at least.
const TAKEN: usize = 20;
const ENOUGH: usize = 3;

/// How long runs of a job that published took: the median of the newest twenty but `except`; `None` when there were fewer than
/// three.
///
/// # Errors
/// When the records cannot be read.
pub async fn usual_duration(lake: &Lake, job: &JobName, except: RunId) -> Result<Option<Duration>> {
    let except = except.to_string();
    let (mut times, mut looked) = (Vec::new(), 0);
    lake.newest_system_records("runs", Utc::now() - LOOKED_BACK, |record| {
        looked += 1;
        let counts = text(record, "job") == Some(job.as_str())
            && text(record, "outcome") == Some("published")
            && text(record, "run") != Some(except.as_str())
            && !is_replay(record);
        if let Some(time) = record.pointer("/timings/total").and_then(Value::as_u64).filter(|_| counts) {
            times.push(Duration::from_millis(time));
        }
        times.len() < TAKEN && looked < LOOKED_THROUGH
    })
    .await?;
    Ok(usual(times))
}

/// The median of some times; `None` when they are too few to call anything usual.
pub fn usual(mut times: Vec<Duration>) -> Option<Duration> {
    times.sort_unstable();
    times.get(times.len() / 2).copied().filter(|_| times.len() >= ENOUGH)
}

/// A job whose last success is too long ago.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    /// The job.
    pub job: JobName,
    /// How old its data may be.
    pub limit: Duration,
    /// Its last success, if that is not so long ago that nobody looks for it.
    pub last: Option<Success>,
}

/// A run that has published, or had nothing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Success {
    /// The run.
    pub run: String,
    /// When it began.
    pub at: DateTime<Utc>,
}

/// The jobs whose last success is longer ago than their `fresh_within`. A run that found its input unchanged counts as one that
/// published: the data are as fresh as their source.
///
/// # Errors
/// When the records cannot be read.
pub async fn stale_jobs(lake: &Lake, jobs: &[JobDefinition], now: DateTime<Utc>) -> Result<Vec<Stale>> {
    /// How many times its limit ago a last success is looked for, to be told.
    const LOOKED_BACK: u32 = 4;
    let mut wanted: Vec<(&JobDefinition, Duration)> =
        jobs.iter().filter_map(|job| Some((job, job.fresh_within?))).collect();
    let mut stale = Vec::new();
    let Some(longest) = wanted.iter().map(|(_, limit)| *limit).max() else { return Ok(stale) };
    let earliest = now - chrono::TimeDelta::from_std(longest * LOOKED_BACK).unwrap_or_default();
    lake.newest_system_records("runs", earliest, |record| {
        let (Some(run), Some(at)) = (text(record, "run"), began(record)) else { return true };
        if !matches!(text(record, "outcome"), Some("published" | "unchanged")) || is_replay(record) {
            return true;
        }
        wanted.retain(|(job, limit)| {
            let found = text(record, "job") == Some(job.name.as_str());
            let late = (now - at).to_std().is_ok_and(|age| age > *limit);
            if found && late {
                let last = Success { run: run.to_owned(), at };
                stale.push(Stale { job: job.name.clone(), limit: *limit, last: Some(last) });
            }
            !found
        });
        !wanted.is_empty()
    })
    .await?;
    stale.extend(wanted.iter().map(|(job, limit)| Stale { job: job.name.clone(), limit: *limit, last: None }));
    Ok(stale)
}

/// A replay of the quarantine reads no source: it makes no data fresh, and says nothing of how long a load takes.
fn is_replay(record: &Value) -> bool {
    record.get("replays").and_then(Value::as_array).is_some_and(|runs| !runs.is_empty())
}

fn text<'a>(record: &'a Value, key: &str) -> Option<&'a str> {
    record.get(key).and_then(Value::as_str)
}

fn began(record: &Value) -> Option<DateTime<Utc>> {
    text(record, "started_at")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use serde_json::json;

    use super::*;
    use crate::order::tests::job;

    async fn record(lake: &Lake, job: &str, outcome: &str, at: DateTime<Utc>, minutes: u64) -> RunId {
        let run = RunId::of(at);
        let record = json!({
            "run": run, "job": job, "outcome": outcome, "started_at": at, "timings": { "total": minutes * 60_000 }
        });
        lake.append_system_record("runs", at.date_naive(), run, &[record]).await.unwrap();
        run
    }

    #[tokio::test]
    async fn the_usual_duration_is_the_median_of_what_published() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(folder.path().to_str().unwrap()).unwrap();
        let name = JobName::new("orders").unwrap();
        let now = Utc::now();
        for (minutes, outcome, job) in [
            (6, "published", "orders"),
            (5, "published", "orders"),
            (90, "failed", "orders"),
            (1, "published", "users"),
        ] {
            record(&lake, job, outcome, now, minutes).await;
        }
        let mine = record(&lake, "orders", "published", now, 14).await;
        assert_eq!(usual_duration(&lake, &name, mine).await.unwrap(), None);
        record(&lake, "orders", "published", now, 7).await;
        assert_eq!(usual_duration(&lake, &name, mine).await.unwrap(), Some(Duration::from_secs(360)));
    }

    #[tokio::test]
    async fn jobs_are_stale_by_their_last_success() {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(folder.path().to_str().unwrap()).unwrap();
        let now = Utc::now();
        let hours = |hours| now - TimeDelta::hours(hours);
        record(&lake, "fresh", "unchanged", hours(2), 1).await;
        record(&lake, "late", "published", hours(40), 1).await;
        record(&lake, "late", "failed", hours(1), 1).await;
        record(&lake, "never", "failed", hours(1), 1).await;
        let day = Some(Duration::from_secs(86_400));
        let jobs: Vec<JobDefinition> = ["fresh", "late", "never", "unasked"]
            .map(|name| JobDefinition { fresh_within: day.filter(|_| name != "unasked"), ..job(name, &[]) })
            .into();
        let stale = stale_jobs(&lake, &jobs, now).await.unwrap();
        let names: Vec<(&str, bool)> = stale.iter().map(|s| (s.job.as_str(), s.last.is_some())).collect();
        assert_eq!(names, [("late", true), ("never", false)]);
    }
}
