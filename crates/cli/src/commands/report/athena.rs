//! Reports on Athena: run, compared with this machine's, published.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use comfy_table::{ContentArrangement, Table, presets};
use indicatif::HumanBytes;
use lakegate_contract::{Class, Result};
use lakegate_pipeline::Project;
use lakegate_reports::{
    Comparison, Execution, LocalEngine, Publication, Report, ReportResult, compare as compare_results,
};
use serde_json::json;

use super::{find, load};
use crate::arguments::GlobalArguments;
use crate::cloud::{Services, interrupted};
use crate::commands::run::most_telling;
use crate::{errors, output};

/// Differing cells that are shown.
const SHOWN_CELLS: usize = 20;

/// Runs a report and tells what it took.
pub async fn run(project: &Project, report: &Report, parameters: &BTreeMap<String, String>) -> Result<ReportResult> {
    let services = Services::new(project).await?;
    let ran = services.athena(project, true).await?.run(report, parameters, interrupted()).await?;
    output::warn(&took(&ran.execution));
    Ok(ran.result)
}

/// Runs a report on both engines.
pub async fn compare(
    project: &Project,
    report: &Report,
    parameters: &BTreeMap<String, String>,
    global: &GlobalArguments,
) -> Result<ExitCode> {
    let services = Services::new(project).await?;
    // A result of yesterday says nothing of today's tables.
    let engine = services.athena(project, false).await?;
    let here = LocalEngine::new(services.lake.clone(), project.memory_limit()).run(report, parameters).await?;
    let there = engine.run(report, parameters, interrupted()).await?;
    output::warn(&took(&there.execution));
    let comparison = compare_results(&here, &there.result)?;
    if global.json {
        output::print_json(&comparison_json(report, &comparison, &there.execution))?;
    } else {
        output::print(&told(report, &comparison))?;
    }
    Ok(ExitCode::from(if comparison.is_equal() { 0 } else { Class::BadInput.exit_code() }))
}

/// Makes or updates views and named queries.
pub async fn publish(project: &Project, names: &[String], global: &GlobalArguments) -> Result<ExitCode> {
    let reports = match names.is_empty() {
        true => load(project)?,
        false => names.iter().map(|name| find(project, name)).collect::<Result<_>>()?,
    };
    // Views stand in the catalog.
    let services = Services::new(project).await?;
    let glue = services.glue(true)?;
    let taken = glue.taken(reports.iter().map(|report| report.name.as_str())).await?;
    let tables: BTreeSet<String> = project.contracts().flat_map(|c| glue.names(c.table())).collect();
    let published = services.athena(project, true).await?.publish(&reports, &tables, &taken, interrupted()).await?;
    if global.json {
        output::print_json(&json!({ "reports": published.iter().map(publication_json).collect::<Vec<_>>() }))?;
    } else {
        output::print(&publication_table(&published))?;
    }
    let failures = || published.iter().filter_map(|(_, done)| done.as_ref().err());
    failures().for_each(|error| output::warn(&errors::render(error)));
    Ok(most_telling(failures()))
}

fn publication_json((report, done): &(String, Result<Publication>)) -> serde_json::Value {
    match done {
        Ok(p) => json!({ "report": report, "view": p.view, "created": p.named_query_created, "fixed": p.fixed }),
        Err(error) => json!({ "report": report, "error": errors::to_json(error) }),
    }
}

fn publication_table(published: &[(String, Result<Publication>)]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["report", "view", "named query"]);
    for (report, done) in published {
        let (view, query) = match done {
            Ok(p) => (view(p), if p.named_query_created { "made" } else { "up to date" }),
            Err(_) => ("failed".to_owned(), ""),
        };
        table.add_row([report.clone(), view, query.to_owned()]);
    }
    table.to_string()
}

fn view(publication: &Publication) -> String {
    match (publication.view, publication.fixed.is_empty()) {
        (false, _) => "none: a parameter has no default".to_owned(),
        (true, true) => publication.report.clone(),
        (true, false) => format!("{} (with the defaults of {})", publication.report, publication.fixed.join(", ")),
    }
}

fn took(execution: &Execution) -> String {
    let scanned = match execution.reused {
        true => "an earlier result was given again".to_owned(),
        false => format!("{} scanned, about ${:.6}", HumanBytes(execution.scanned), execution.dollars()),
    };
    let (total, queued) = (execution.total.as_secs_f64(), execution.queued.as_secs_f64());
    format!("Athena: {scanned}; {total:.2} s, {queued:.2} s of them in the queue; query {}", execution.id)
}

fn told(report: &Report, comparison: &Comparison) -> String {
    if comparison.is_equal() {
        let order = if comparison.reordered { ", in another order" } else { "" };
        return format!("{}: {} rows, equal on both engines{order}", report.name, comparison.rows.0);
    }
    let mut lines = vec![format!("{}: the engines differ", report.name)];
    let (here, there) = comparison.rows;
    if here != there {
        lines.push(format!("  {here} rows here, {there} on Athena"));
    }
    for column in &comparison.columns {
        lines.push(format!("  column {column} has different names"));
    }
    for (column, count) in comparison.by_column() {
        lines.push(format!("  {count} cells of column {column}"));
    }
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY).set_header(["row", "column", "here", "Athena"]);
    for cell in comparison.cells.iter().take(SHOWN_CELLS) {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "NULL".to_owned());
        table.add_row([cell.row.to_string(), cell.column.clone(), text(&cell.left), text(&cell.right)]);
    }
    if !comparison.cells.is_empty() {
        lines.push(table.to_string());
    }
    lines.push("`lakegate catalog diff` says whether Athena sees the newest version".to_owned());
    lines.join("\n")
}

fn comparison_json(report: &Report, comparison: &Comparison, execution: &Execution) -> serde_json::Value {
    let cells: Vec<_> = comparison
        .cells
        .iter()
        .map(|c| json!({ "row": c.row, "column": c.column, "local": c.left, "athena": c.right }))
        .collect();
    json!({
        "report": report.name,
        "equal": comparison.is_equal(),
        "rows": { "local": comparison.rows.0, "athena": comparison.rows.1 },
        "reordered": comparison.reordered,
        "cells": cells,
        "query": execution.id,
        "scanned": execution.scanned,
    })
}
