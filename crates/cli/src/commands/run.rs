//! `lakegate run`: jobs in the order of their dependencies.

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use indicatif::{HumanBytes, HumanCount};
use lakegate_contract::{Class, Error, JobName, Result};
use lakegate_pipeline::{
    Cancellation, JobReport, Outcome, Project, RunOptions, Trigger, in_order, run_in_order, run_job,
};
use serde_json::{Value, json};

use crate::arguments::{GlobalArguments, RunArguments};
use crate::cloud::{Services, interrupted};
use crate::progress::Bars;
use crate::{context, errors, output};

/// How one job of the command went.
pub struct Finished {
    /// The job.
    pub name: JobName,
    /// Its report; `None` when it could not even begin.
    report: Option<JobReport>,
    /// What failed.
    error: Option<Error>,
    skipped: bool,
}

/// Runs the jobs that were named, or all.
pub async fn run(arguments: &RunArguments, global: &GlobalArguments) -> Result<ExitCode> {
    let project = context::project(global)?;
    let finished = run_jobs(&project, &arguments.jobs, arguments.force, global.json).await?;
    if global.json {
        output::print_json(&json!({ "jobs": finished.iter().map(to_json).collect::<Vec<_>>() }))?;
    } else {
        output::print(&table(&finished))?;
    }
    tell(&finished);
    Ok(exit_code(&finished))
}

/// Runs jobs of a project; a failing job does not stop those that do not wait for it.
pub async fn run_jobs(project: &Project, selected: &[String], force: bool, quiet: bool) -> Result<Vec<Finished>> {
    let services = Services::new(project).await?;
    let definitions = project.definitions();
    let ordered = in_order(&definitions, selected)?;
    let cancellation = Cancellation::default();
    stop_on_signals(cancellation.clone());
    let options = RunOptions {
        force,
        trigger: Trigger::Manual,
        cancellation: cancellation.clone(),
        progress: Arc::new(Bars::new(quiet)),
    };
    let finished = Mutex::new(Vec::new());
    let add = |done: Finished| finished.lock().unwrap_or_else(PoisonError::into_inner).push(done);
    run_in_order(
        &ordered,
        project.parallel_jobs(),
        |definition| {
            let (services, options) = (&services, &options);
            async move {
                let done = run_one(project, services, &definition.name, options).await;
                // A catalog that lags behind keeps nobody from the lake.
                let good = done.error.as_ref().is_none_or(|e| e.class() == Class::CatalogLagging);
                add(done);
                good
            }
        },
        |definition, upstream| {
            let error = Error::usage(format!("not run, because job {upstream} did not succeed"))
                .at(format!("job {}", definition.name));
            add(Finished { name: definition.name.clone(), report: None, error: Some(error), skipped: true });
        },
    )
    .await;
    Ok(finished.into_inner().unwrap_or_else(PoisonError::into_inner))
}

async fn run_one(project: &Project, services: &Services, name: &JobName, options: &RunOptions) -> Finished {
    match context::job(project, services, name.as_str()).await {
        Ok((context, source)) => {
            let mut report = run_job(&context, source, options).await;
            let error = report.error.take().map(|e| context::relative(e, &project.root));
            Finished { name: name.clone(), report: Some(report), error, skipped: false }
        }
        Err(error) => Finished {
            name: name.clone(),
            report: None,
            error: Some(context::relative(error, &project.root)),
            skipped: false,
        },
    }
}

/// The first interrupt asks the runs to stop before they publish; the second ends the process.
fn stop_on_signals(cancellation: Cancellation) {
    tokio::spawn(async move {
        interrupted().await;
        cancellation.cancel();
        output::warn("stopping: runs that have not published yet are abandoned (again to end at once)");
        interrupted().await;
        std::process::exit(i32::from(Class::Interrupted.exit_code()));
    });
}

/// The most telling of the jobs' exit codes: what failed by itself before what was skipped.
pub fn exit_code(finished: &[Finished]) -> ExitCode {
    most_telling(finished.iter().filter(|f| !f.skipped).filter_map(|f| f.error.as_ref()))
}

/// The exit code of the error among these that matters most; success when there is none.
pub fn most_telling<'a>(errors: impl Iterator<Item = &'a Error>) -> ExitCode {
    let worst = errors.map(|e| e.class().exit_code()).min_by_key(rank);
    worst.map_or(ExitCode::SUCCESS, ExitCode::from)
}

/// A defect or an unknown commit matters more than a service that was away.
fn rank(code: &u8) -> usize {
    const ORDER: [u8; 8] = [1, 6, 2, 4, 3, 5, 7, 130];
    ORDER.iter().position(|c| c == code).unwrap_or(ORDER.len())
}

fn outcome(done: &Finished) -> &'static str {
    match done.report.as_ref().map(|r| r.record.outcome) {
        _ if done.skipped => "skipped",
        Some(Outcome::Published) => "published",
        Some(Outcome::Unchanged) => "unchanged",
        Some(Outcome::GateClosed) => "gate_closed",
        Some(Outcome::Interrupted) => "interrupted",
        _ => "failed",
    }
}

fn to_json(done: &Finished) -> Value {
    json!({
        "job": done.name,
        "outcome": outcome(done),
        "error": done.error.as_ref().map(errors::to_json),
        "notices": done.report.as_ref().map(|r| &r.notices),
        "record": done.report.as_ref().map(|r| &r.record),
    })
}

/// A line for each job.
pub fn table(finished: &[Finished]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["job", "outcome", "rows in", "published", "quarantined", "written", "seconds", "version"]);
    for done in finished {
        let Some(report) = &done.report else {
            table.add_row([done.name.as_str(), outcome(done)]);
            continue;
        };
        let record = &report.record;
        let count = |n: u64| HumanCount(n).to_string();
        let published = if record.published_version.is_some() { record.rows_out } else { 0 };
        #[expect(clippy::cast_precision_loss, reason = "milliseconds for people")]
        let seconds = record.timings.total as f64 / 1000.0;
        table.add_row([
            done.name.to_string(),
            outcome(done).to_owned(),
            count(record.rows_in),
            count(published),
            count(record.rows_quarantined),
            HumanBytes(record.bytes_out).to_string(),
            format!("{seconds:.2}"),
            record.published_version.map(|v| v.to_string()).unwrap_or_default(),
        ]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// Notices and errors, on standard error.
pub fn tell(finished: &[Finished]) {
    for done in finished {
        for notice in done.report.iter().flat_map(|r| &r.notices) {
            output::warn(&format!("{}: {notice}", done.name));
        }
        if let Some(error) = done.error.as_ref().filter(|_| !done.skipped) {
            output::warn(&errors::render(error));
        }
        if let Some(path) = done.report.as_ref().and_then(|r| r.record.quarantine.as_ref()) {
            output::warn(&format!("{}: refused rows, redacted, with their reasons: {path} in the lake", done.name));
        }
    }
}
