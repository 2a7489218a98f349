//! Which runs people are told of, and what they are told.

use std::time::Duration;

use chrono::{DateTime, Utc};
use lakegate_contract::{Class, Error, TableName};
use lakegate_quality::RuleOutcome;

use super::{Alarm, AlarmKind};
use crate::history::Stale;
use crate::{JobDefinition, RunRecord, shown_duration};

/// The alarm of a job that has ended, if it is worth one. `usual` is how long it usually takes.
///
/// A run that published and whose catalog lags has one for that; a slow run has one only if nothing else is wrong with it.
pub fn alarm_of(
    project: &str,
    job: &JobDefinition,
    record: Option<&RunRecord>,
    error: Option<&Error>,
    attempts: u32,
    usual: Option<Duration>,
) -> Option<Alarm> {
    let (kind, summary) = match (error, record) {
        (Some(error), _) => of_error(job, error),
        (None, Some(record)) => {
            let limit = exceeded_limit(job, record)?;
            (AlarmKind::Slow, slow_summary(job.name.as_str(), record.took(), limit, usual))
        }
        (None, None) => return None,
    };
    let mut facts = Vec::new();
    let mut fact = |name: &str, value: String| facts.push((name.to_owned(), value));
    if let Some(record) = record {
        fact("run", record.run.to_string());
        fact("rows in", record.rows_in.to_string());
        fact("rows quarantined", record.rows_quarantined.to_string());
        fact("took", shown_duration(record.took()));
    }
    if attempts > 1 {
        fact("attempts", attempts.to_string());
    }
    if let Some(error) = error {
        fact("exit code", error.class().exit_code().to_string());
        fact("a retry", if error.retryable() { "can help" } else { "does not help" }.to_owned());
    }
    Some(Alarm {
        run: record.map(|r| r.run),
        facts,
        rules: if kind == AlarmKind::GateClosed { record.map(failing).unwrap_or_default() } else { Vec::new() },
        help: error.and_then(Error::advice).map(str::to_owned),
        ..Alarm::new(kind, project, job.name.as_str(), summary)
    })
}

fn of_error(job: &JobDefinition, error: &Error) -> (AlarmKind, String) {
    match error.class() {
        Class::GateClosed => {
            (AlarmKind::GateClosed, format!("{}: the gate stayed closed; nothing was published", job.name))
        }
        Class::CatalogLagging => (AlarmKind::CatalogLagging, format!("{}: {}", job.name, error.found())),
        _ => (AlarmKind::Failed, format!("{} failed: {error}", job.name)),
    }
}

/// The `max_duration` of a job, if the run took longer.
pub fn exceeded_limit(job: &JobDefinition, record: &RunRecord) -> Option<Duration> {
    job.max_duration.filter(|limit| record.took() > *limit)
}

/// `orders took 14 m, limit 10 m, usually 6 m`
pub fn slow_summary(what: &str, took: Duration, limit: Duration, usual: Option<Duration>) -> String {
    let usual = usual.map(|time| format!(", usually {}", shown_duration(time))).unwrap_or_default();
    format!("{what} took {}, limit {}{usual}", shown_duration(took), shown_duration(limit))
}

/// The rules that did not hold, and what refused rows.
fn failing(record: &RunRecord) -> Vec<String> {
    let dataset = record.rules.iter().filter(|outcome| outcome.closes_gate()).map(RuleOutcome::to_string);
    let rows = record.refused.iter().map(|(rule, rows)| format!("{rule}: {rows} rows refused"));
    dataset.chain(rows).collect()
}

/// The alarm of a job whose data are too old.
pub fn stale_alarm(project: &str, stale: &Stale, now: DateTime<Utc>) -> Alarm {
    let limit = shown_duration(stale.limit);
    let (ago, run) = match &stale.last {
        Some(last) => {
            let age = shown_duration((now - last.at).to_std().unwrap_or_default());
            (format!("its last success was {age} ago"), Some(("last run that succeeded".to_owned(), last.run.clone())))
        }
        None => ("no success of it is recorded".to_owned(), None),
    };
    let summary = format!("{}: {ago}, limit {limit}", stale.job);
    Alarm {
        facts: run.into_iter().collect(),
        help: Some(format!("see `lakegate runs {}`, and whether its schedule still stands", stale.job)),
        ..Alarm::new(AlarmKind::NotFresh, project, stale.job.as_str(), summary)
    }
}

/// The alarm of a table that the catalog shows in an older version than the lake has.
pub fn lagging_alarm(project: &str, job: &JobDefinition, table: &TableName, lake: u64, shown: Option<u64>) -> Alarm {
    let shown =
        shown.map_or_else(|| "nothing, or part of a version".to_owned(), |version| format!("version {version}"));
    let summary = format!("{table}: the lake has version {lake}, the catalog shows {shown}");
    Alarm {
        help: Some(format!("the next run of {} makes it equal, or `lakegate catalog apply {table}` now", job.name)),
        ..Alarm::new(AlarmKind::CatalogLagging, project, job.name.as_str(), summary)
    }
}
