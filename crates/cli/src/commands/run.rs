//! `lakegate run`: jobs in the order of their dependencies.

use std::process::ExitCode;
use std::sync::Arc;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use indicatif::{HumanBytes, HumanCount};
use lakegate_contract::{Class, Error, Result};
use lakegate_pipeline::{Cancellation, Project};
use serde_json::{Value, json};

use crate::arguments::{GlobalArguments, RunArguments};
use crate::cloud::{interrupted, interrupted_by_hand};
use crate::progress::Bars;
use crate::runner::{Finished, Runner, Selection};
use crate::{context, errors, output};

/// Runs the jobs that were named, or all, or what is left of the last workflow.
pub async fn run(arguments: &RunArguments, global: &GlobalArguments) -> Result<ExitCode> {
    let project = context::project(global)?;
    let selection = Selection::of(arguments.resume, &arguments.jobs);
    show(&run_jobs(&project, selection, arguments.force, global.json).await?, global.json)
}

/// Prints how jobs went; the exit code is the most telling of theirs.
pub fn show(finished: &[Finished], as_json: bool) -> Result<ExitCode> {
    if as_json {
        output::print_json(&json!({ "jobs": finished.iter().map(to_json).collect::<Vec<_>>() }))?;
    } else {
        output::print(&table(finished))?;
    }
    tell(finished);
    Ok(exit_code(finished))
}

/// Runs jobs for someone at a keyboard.
pub async fn run_jobs(project: &Project, selection: Selection<'_>, force: bool, quiet: bool) -> Result<Vec<Finished>> {
    let mut runner = Runner::new(project, Arc::new(Bars::new(quiet))).await?;
    runner.force = force;
    stop_on_signals(runner.cancellation.clone());
    runner.workflow(selection).await
}

/// The first interrupt asks the runs to stop before they publish; the second ends the process.
pub fn stop_on_signals(cancellation: Cancellation) {
    tokio::spawn(async move {
        match interrupted_by_hand().await {
            true => cancellation.cancel_by_hand(),
            false => cancellation.cancel(),
        }
        output::warn("stopping: runs that have not published yet are abandoned (again to end at once)");
        interrupted().await;
        lakegate_lake::clear_spill();
        std::process::exit(i32::from(Class::Interrupted.exit_code()));
    });
}

/// The most telling of the jobs' exit codes: what failed by itself before what was skipped.
pub fn exit_code(finished: &[Finished]) -> ExitCode {
    most_telling(finished.iter().filter(|f| !f.skipped).filter_map(|f| f.error.as_ref()))
}

/// The exit code of the error among these that matters most; success when there is none.
pub fn most_telling<'a>(errors: impl Iterator<Item = &'a Error>) -> ExitCode {
    most_telling_class(errors.map(Error::class)).map_or(ExitCode::SUCCESS, |class| ExitCode::from(class.exit_code()))
}

/// The class that matters most.
pub fn most_telling_class(classes: impl Iterator<Item = Class>) -> Option<Class> {
    classes.min_by_key(|class| rank(*class))
}

/// The less, the more it matters: a defect or an unknown commit more than a service that was away.
pub fn rank(class: Class) -> usize {
    const ORDER: [u8; 8] = [1, 6, 2, 4, 3, 5, 7, 130];
    ORDER.iter().position(|code| *code == class.exit_code()).unwrap_or(ORDER.len())
}

/// A job, for `--json`.
pub fn to_json(done: &Finished) -> Value {
    json!({
        "job": done.name,
        "outcome": done.outcome(),
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
            table.add_row([done.name.as_str(), done.outcome()]);
            continue;
        };
        let record = &report.record;
        let count = |n: u64| HumanCount(n).to_string();
        let published = if record.published_version.is_some() { record.rows_out } else { 0 };
        table.add_row([
            done.name.to_string(),
            done.outcome().to_owned(),
            count(record.rows_in),
            count(published),
            count(record.rows_quarantined),
            HumanBytes(record.bytes_out).to_string(),
            format!("{:.2}", record.took().as_secs_f64()),
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
