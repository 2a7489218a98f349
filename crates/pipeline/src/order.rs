//! Jobs in the order of their dependencies.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use futures::stream::{FuturesUnordered, StreamExt as _};
use lakegate_contract::{Error, JobName, Result};

use crate::{Condition, JobDefinition};

/// The jobs named by `selected` (all, when there is none), upstream first.
///
/// # Errors
/// When a name is not that of a job, or jobs wait for each other in a circle.
pub fn in_order<'a>(jobs: &'a [JobDefinition], selected: &[String]) -> Result<Vec<&'a JobDefinition>> {
    let by_name: BTreeMap<&str, &JobDefinition> = jobs.iter().map(|job| (job.name.as_str(), job)).collect();
    for job in jobs {
        for upstream in &job.after {
            find(&by_name, upstream.as_str()).map_err(|e| e.at(format!("jobs/{}.toml", job.name)))?;
        }
    }
    let mut ordered: Vec<&JobDefinition> = Vec::with_capacity(jobs.len());
    let mut path = Vec::new();
    for job in jobs {
        visit(job, &by_name, &mut path, &mut ordered)?;
    }
    if selected.is_empty() {
        return Ok(ordered);
    }
    let mut wanted = BTreeSet::new();
    for name in selected {
        wanted.insert(find(&by_name, name)?.name.clone());
    }
    ordered.retain(|job| wanted.contains(&job.name));
    Ok(ordered)
}

fn find<'a>(jobs: &BTreeMap<&str, &'a JobDefinition>, name: &str) -> Result<&'a JobDefinition> {
    jobs.get(name).copied().ok_or_else(|| {
        let listed = jobs.keys().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
        let error = Error::usage(format!("there is no job `{name}`")).expected(format!("one of {listed}"));
        error.suggesting(name, jobs.keys().copied())
    })
}

fn visit<'a>(
    job: &'a JobDefinition,
    jobs: &BTreeMap<&str, &'a JobDefinition>,
    path: &mut Vec<&'a str>,
    ordered: &mut Vec<&'a JobDefinition>,
) -> Result<()> {
    if ordered.iter().any(|done| done.name == job.name) {
        return Ok(());
    }
    if let Some(start) = path.iter().position(|name| *name == job.name.as_str()) {
        let circle: Vec<&str> = path.iter().skip(start).copied().chain([job.name.as_str()]).collect();
        return Err(Error::usage(format!("jobs wait for each other: {}", circle.join(" → ")))
            .help("remove one of these from `after`"));
    }
    path.push(job.name.as_str());
    for upstream in &job.after {
        visit(find(jobs, upstream.as_str())?, jobs, path, ordered)?;
    }
    path.pop();
    ordered.push(job);
    Ok(())
}

/// Whether a job may run.
enum Readiness<'a> {
    Now,
    Later,
    /// Because of this upstream.
    Never(&'a JobName),
}

fn readiness<'a>(
    condition: Condition,
    upstream: &[&'a JobName],
    succeeded: &BTreeSet<&JobName>,
    failed: &BTreeSet<&JobName>,
) -> Readiness<'a> {
    let broken = upstream.iter().find(|name| failed.contains(*name));
    let all_ended = upstream.iter().all(|name| succeeded.contains(name) || failed.contains(name));
    let good = upstream.iter().filter(|name| succeeded.contains(*name)).count();
    match (condition, broken) {
        (Condition::All, Some(broken)) => Readiness::Never(broken),
        (Condition::Any, Some(broken)) if all_ended && good == 0 => Readiness::Never(broken),
        _ if all_ended => Readiness::Now,
        _ => Readiness::Later,
    }
}

/// Runs `jobs` (in order), at most `limit` at once, each once those of them that it waits for have ended as its condition asks;
/// `done` have succeeded before. `run` says whether it succeeded; a job that may not run is handed to `skip` with the upstream
/// that is to blame.
pub async fn run_in_order<'a, F>(
    jobs: &[&'a JobDefinition],
    done: &[&'a JobName],
    limit: usize,
    mut run: impl FnMut(&'a JobDefinition) -> F,
    mut skip: impl FnMut(&'a JobDefinition, &JobName),
) where
    F: Future<Output = bool>,
{
    let names: BTreeSet<&JobName> = jobs.iter().map(|job| &job.name).chain(done.iter().copied()).collect();
    let mut waiting: Vec<&'a JobDefinition> = jobs.to_vec();
    let mut succeeded: BTreeSet<&'a JobName> = done.iter().copied().collect();
    let mut failed: BTreeSet<&'a JobName> = BTreeSet::new();
    let mut running = FuturesUnordered::new();
    loop {
        let mut still = Vec::new();
        for job in waiting {
            let upstream: Vec<&JobName> = job.after.iter().filter(|name| names.contains(name)).collect();
            match readiness(job.condition, &upstream, &succeeded, &failed) {
                Readiness::Never(broken) => {
                    skip(job, broken);
                    failed.insert(&job.name);
                }
                Readiness::Now if running.len() < limit.max(1) => {
                    let future = run(job);
                    running.push(async move { (job, future.await) });
                }
                _ => still.push(job),
            }
        }
        waiting = still;
        match running.next().await {
            Some((job, true)) => succeeded.insert(&job.name),
            Some((job, false)) => failed.insert(&job.name),
            None => break,
        };
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{Gate, LoadMode};

    pub(crate) fn job(name: &str, after: &[&str]) -> JobDefinition {
        JobDefinition {
            name: JobName::new(name).unwrap(),
            description: None,
            table: lakegate_contract::TableName::new(name).unwrap(),
            mode: LoadMode::Replace,
            after: after.iter().map(|n| JobName::new(*n).unwrap()).collect(),
            condition: crate::Condition::All,
            schedule: None,
            retries: 0,
            timeout: None,
            max_duration: None,
            fresh_within: None,
            gate: Gate::default(),
            source_kind: "memory".to_owned(),
        }
    }

    #[test]
    fn upstream_comes_first_and_circles_are_shown() {
        let jobs = [job("items", &["orders"]), job("orders", &["users"]), job("users", &[])];
        let names: Vec<_> = in_order(&jobs, &[]).unwrap().iter().map(|j| j.name.as_str()).collect();
        assert_eq!(names, ["users", "orders", "items"]);
        let circle = [job("a", &["b"]), job("b", &["a"])];
        assert!(in_order(&circle, &[]).unwrap_err().found().contains("a → b → a"));
        assert_eq!(in_order(&jobs, &["user".to_owned()]).unwrap_err().advice(), Some("did you mean `users`?"));
    }

    #[tokio::test]
    async fn what_waits_for_a_failed_job_is_skipped() {
        let jobs = [job("a", &[]), job("b", &["a"]), job("c", &["b"]), job("d", &[])];
        let ordered = in_order(&jobs, &[]).unwrap();
        let mut skipped = Vec::new();
        let ran = std::sync::Mutex::new(Vec::new());
        let run = |job: &JobDefinition| {
            ran.lock().unwrap().push(job.name.to_string());
            let good = job.name.as_str() != "a";
            async move { good }
        };
        run_in_order(&ordered, &[], 2, run, |job, upstream| skipped.push(format!("{} for {upstream}", job.name))).await;
        assert_eq!(ran.into_inner().unwrap(), ["a", "d"]);
        assert_eq!(skipped, ["b for a", "c for b"]);
    }

    #[tokio::test]
    async fn any_runs_when_one_of_its_upstream_succeeded_and_all_have_ended() {
        let any = |name: &str, after: &[&str]| JobDefinition { condition: Condition::Any, ..job(name, after) };
        let jobs = [
            job("a", &[]),
            job("b", &[]),
            job("z", &[]),
            any("c", &["a", "b"]),
            any("d", &["a", "z"]),
            any("e", &["d"]),
        ];
        let ordered = in_order(&jobs, &[]).unwrap();
        let ran = std::sync::Mutex::new(Vec::new());
        let mut skipped = Vec::new();
        let run = |job: &JobDefinition| {
            ran.lock().unwrap().push(job.name.to_string());
            let good = !["a", "z"].contains(&job.name.as_str());
            async move { good }
        };
        run_in_order(&ordered, &[], 1, run, |job, upstream| skipped.push(format!("{} for {upstream}", job.name))).await;
        assert_eq!(ran.into_inner().unwrap(), ["a", "b", "z", "c"]);
        assert_eq!(skipped, ["d for a", "e for d"]);
    }

    #[tokio::test]
    async fn what_is_done_is_not_run_again() {
        let jobs = [job("a", &[]), job("b", &["a"]), job("c", &["b"])];
        let left: Vec<&JobDefinition> = jobs.iter().skip(1).collect();
        let ran = std::sync::Mutex::new(Vec::new());
        let run = |job: &JobDefinition| {
            ran.lock().unwrap().push(job.name.to_string());
            async { true }
        };
        run_in_order(&left, &[&jobs[0].name], 2, run, |_, _| {}).await;
        assert_eq!(ran.into_inner().unwrap(), ["b", "c"]);
    }
}
