//! `lakegate quarantine list`: the runs that refused rows.

use std::process::ExitCode;

use chrono::Utc;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use indicatif::HumanCount;
use lakegate_contract::{Result, TableName};
use lakegate_pipeline::parse_duration;
use lakegate_pipeline::quarantine::{QuarantineFilter, QuarantineState, QuarantinedRun, quarantined_runs};
use serde_json::json;

use super::arguments::ListArguments;
use crate::arguments::GlobalArguments;
use crate::{context, output};

/// Rules that a line has room for.
const RULES: usize = 2;

/// Lists runs with a quarantine, newest first.
pub async fn run(arguments: &ListArguments, global: &GlobalArguments) -> Result<ExitCode> {
    let project = context::project(global)?;
    let since = arguments.since.as_deref().map(parse_duration).transpose().map_err(|e| e.at("--since"))?;
    let table = arguments.table.as_deref().map(TableName::new).transpose()?;
    let lake = context::lake(&project).await?;
    if let Some(table) = &table {
        // A table that is no longer in the project may still have a quarantine; one that never was has a typing error.
        if lake.quarantine_files(Some(table)).await?.is_empty() {
            project.contract(table)?;
        }
    }
    let filter = QuarantineFilter { table, since: since.map(|since| Utc::now() - since), newest: arguments.limit };
    let runs = quarantined_runs(&lake, &filter).await?;
    if global.json {
        output::print_json(&json!({ "quarantine": runs }))?;
    } else if runs.is_empty() {
        output::print("no run has refused a row")?;
    } else {
        output::print(&table_of(&runs))?;
        output::print(&waiting(&runs))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn table_of(runs: &[QuarantinedRun]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header([
        "table",
        "run",
        "job",
        "began (UTC)",
        "rows",
        "undecodable",
        "outcome",
        "rows are",
        "refused by",
    ]);
    for run in runs {
        table.add_row([
            run.table.to_string(),
            run.run.to_string(),
            run.job.clone().unwrap_or_default(),
            run.at.format("%Y-%m-%d %H:%M:%S").to_string(),
            HumanCount(run.tally.rows).to_string(),
            HumanCount(run.tally.undecodable).to_string(),
            run.outcome.clone().unwrap_or_else(|| "no record".to_owned()),
            run.state.as_str().to_owned(),
            worst(run),
        ]);
    }
    for index in [4, 5] {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
}

fn worst(run: &QuarantinedRun) -> String {
    let rules = run.tally.worst();
    let shown = rules.iter().take(RULES).map(|(rule, rows)| format!("{rows} × {rule}"));
    let more = rules.len().saturating_sub(RULES);
    shown.chain((more > 0).then(|| format!("{more} more"))).collect::<Vec<_>>().join("; ")
}

/// What is to be done, if anything.
fn waiting(runs: &[QuarantinedRun]) -> String {
    let waiting: Vec<&QuarantinedRun> = runs.iter().filter(|run| run.state == QuarantineState::Waiting).collect();
    let rows: u64 = waiting.iter().map(|run| run.tally.rows).sum();
    match waiting.as_slice() {
        [] => "none of these rows is missing from its table".to_owned(),
        [first, ..] => {
            let runs = super::counted(waiting.len() as u64, "run");
            let wait = super::counted(rows, "row");
            format!("{wait} of {runs} wait: `lakegate quarantine show {}` shows them", first.table)
        }
    }
}
