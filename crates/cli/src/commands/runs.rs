//! `lakegate runs`: the newest runs.

use std::process::ExitCode;

use comfy_table::{ContentArrangement, Table, presets};
use lakegate_contract::{Error, Result};
use serde_json::{Value, json};

use crate::arguments::{GlobalArguments, RunsArguments};
use crate::{context, output};

/// Record files that are looked through for one job's runs.
const LOOKED_THROUGH: usize = 1000;

/// Lists runs, newest first.
pub async fn run(arguments: &RunsArguments, global: &GlobalArguments) -> Result<ExitCode> {
    let project = context::project(global)?;
    let newest = if arguments.job.is_some() { LOOKED_THROUGH } else { arguments.limit };
    let records = context::lake(&project).await?.system_records("runs", newest).await?;
    let of_job = |record: &&Value| {
        arguments.job.as_ref().is_none_or(|job| record.get("job").and_then(Value::as_str) == Some(job))
    };
    if let Some(job) =
        arguments.job.as_ref().filter(|job| !project.jobs.iter().any(|j| j.definition.name.as_str() == **job))
    {
        let names = || project.jobs.iter().map(|j| j.definition.name.as_str());
        if !records.iter().any(|record| of_job(&record)) {
            let error = Error::usage(format!("there is no job `{job}`, and no run of one"))
                .expected(format!("one of {}", names().collect::<Vec<_>>().join(", ")));
            return Err(error.suggesting(job, names()));
        }
    }
    let records: Vec<&Value> = records.iter().filter(of_job).take(arguments.limit).collect();
    if global.json {
        output::print_json(&json!({ "runs": records }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic).set_header([
        "run",
        "job",
        "started",
        "outcome",
        "rows in",
        "published",
        "quarantined",
        "error",
    ]);
    for record in records {
        let text = |key: &str| match record.get(key) {
            Some(Value::String(text)) => text.clone(),
            None | Some(Value::Null) => String::new(),
            Some(other) => other.to_string(),
        };
        let started = text("started_at").chars().take(19).collect::<String>();
        let error = text("error");
        table.add_row([
            text("run"),
            text("job"),
            started,
            text("outcome"),
            text("rows_in"),
            if text("outcome") == "published" { text("rows_out") } else { String::new() },
            text("rows_quarantined"),
            error,
        ]);
    }
    output::print(&table.to_string())?;
    Ok(ExitCode::SUCCESS)
}
