//! `lakegate quarantine replay`: refused rows, judged again.

use std::process::ExitCode;
use std::sync::Arc;

use lakegate_contract::{Error, Result, TableName};
use lakegate_pipeline::{
    Cancellation, JobDefinition, Project, Replay, ReplayOptions, ReplaySelection, RunOptions, Trigger,
    replay_quarantine,
};
use serde_json::json;

use super::arguments::{DatasetRules, ReplayArguments};
use super::{counted, rule_lines};
use crate::arguments::GlobalArguments;
use crate::cloud::Services;
use crate::commands::run::stop_on_signals;
use crate::progress::Bars;
use crate::{context, errors, output};

/// Judges refused rows again, and publishes those that pass.
pub async fn run(arguments: &ReplayArguments, global: &GlobalArguments) -> Result<ExitCode> {
    let project = context::project(global)?;
    let job = job_of(&project, &TableName::new(arguments.table.as_str())?)?;
    let services = Services::new(&project).await?;
    let relative = |error| context::relative(error, &project.root);
    let context = context::job_context(&project, &services, job.name.as_str()).await.map_err(relative)?;
    let cancellation = Cancellation::default();
    stop_on_signals(cancellation.clone());
    let options = RunOptions {
        force: false,
        trigger: Trigger::Manual,
        occasion: Some("replay of the quarantine".to_owned()),
        only: None,
        cancellation,
        progress: Arc::new(Bars::new(global.json)),
    };
    let selection = match (arguments.run, arguments.all) {
        (Some(run), _) => ReplaySelection::Run(run),
        (None, true) => ReplaySelection::All,
        (None, false) => ReplaySelection::Newest,
    };
    let how = ReplayOptions {
        selection,
        rehearse: arguments.dry_run,
        rules_warn: arguments.dataset_rules == DatasetRules::Warn,
    };
    let mut replay = replay_quarantine(&context, how, &options).await;
    let error = replay.report.error.take().map(relative);
    if global.json {
        print_json(&replay, error.as_ref(), arguments.dry_run)?;
    } else {
        tell(&replay, error.as_ref(), arguments)?;
    }
    Ok(error.map_or(ExitCode::SUCCESS, |error| ExitCode::from(error.class().exit_code())))
}

/// The job that loads a table.
fn job_of<'a>(project: &'a Project, table: &TableName) -> Result<&'a JobDefinition> {
    let jobs = || project.jobs.iter().map(|job| &job.definition);
    jobs().find(|job| job.table == *table).ok_or_else(|| {
        let tables = || jobs().map(|job| job.table.as_str());
        Error::usage(format!("no job loads table `{table}`"))
            .expected(format!("one of {}", tables().collect::<Vec<_>>().join(", ")))
            .suggesting(table.as_str(), tables())
    })
}

/// Rows that were published, or that a rehearsal would have.
fn passed(replay: &Replay, error: Option<&Error>) -> u64 {
    let record = &replay.report.record;
    let published = record.published_version.is_some() || error.is_none();
    if published { record.rows_out } else { 0 }
}

fn print_json(replay: &Replay, error: Option<&Error>, dry_run: bool) -> Result<()> {
    output::print_json(&json!({
        "dry_run": dry_run,
        "outcome": replay.report.record.outcome,
        "replayed": replay.runs,
        "judged": replay.judged(),
        "published": if dry_run { 0 } else { passed(replay, error) },
        "would_publish": if dry_run { Some(passed(replay, error)) } else { None },
        "still_refused": replay.refused(),
        "undecodable": replay.undecodable(),
        "other_runs_waiting": replay.waiting,
        "error": error.map(errors::to_json),
        "notices": replay.report.notices,
        "record": replay.report.record,
    }))
}

fn tell(replay: &Replay, error: Option<&Error>, arguments: &ReplayArguments) -> Result<()> {
    let record = &replay.report.record;
    if !replay.runs.is_empty() && record.rows_in > 0 && error.is_none() {
        output::print(&summary(replay, error, arguments))?;
    }
    if replay.refused() > 0 {
        let rules = record.refused.iter().map(|(rule, rows)| (rule.as_str(), *rows));
        let mut rules: Vec<(&str, u64)> = rules.filter(|(rule, _)| !rule.starts_with("undecodable: ")).collect();
        rules.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        output::print(&format!("refused by\n{}", rule_lines(rules)))?;
    }
    if replay.undecodable() > 0 {
        let records = counted(replay.undecodable(), "record");
        output::warn(&format!(
            "{}: {records} could not be decoded when read: the quarantine keeps where",
            arguments.table
        ));
    }
    for notice in &replay.report.notices {
        output::warn(&format!("{}: {notice}", arguments.table));
    }
    if replay.waiting > 0 {
        let others = counted(replay.waiting as u64, "other run");
        output::warn(&format!("{}: {others} with rows in quarantine: `lakegate quarantine list {0}`", arguments.table));
    }
    if let Some(error) = error {
        output::warn(&errors::render(error));
    }
    Ok(())
}

fn summary(replay: &Replay, error: Option<&Error>, arguments: &ReplayArguments) -> String {
    let record = &replay.report.record;
    let runs = match replay.runs.as_slice() {
        [one] => format!("run {}", one.run),
        several => counted(several.len() as u64, "run"),
    };
    let passed = passed(replay, error);
    let published = match record.published_version {
        Some(version) => format!("{passed} published as version {version}"),
        None if arguments.dry_run => format!("{passed} would be published"),
        None => format!("{passed} published"),
    };
    let judged = counted(replay.judged(), "row");
    format!("{}: {judged} of {runs} judged again: {published}, {} still refused", arguments.table, replay.refused())
}
