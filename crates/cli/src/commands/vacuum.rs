//! `lakegate vacuum`: old generations.

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use comfy_table::{ContentArrangement, Table, presets};
use indicatif::HumanBytes;
use lakegate_contract::{Error, Result, TableName};
use lakegate_lake::Vacuumed;
use lakegate_pipeline::parse_duration;
use serde_json::json;

use crate::arguments::{GlobalArguments, VacuumArguments};
use crate::cloud::Services;
use crate::{context, output};

/// Deletes what no version within the retention time needs.
pub async fn run(arguments: &VacuumArguments, global: &GlobalArguments) -> Result<ExitCode> {
    let project = context::project(global)?;
    let services = Services::new(&project).await?;
    let lake = &services.lake;
    let retain = match &arguments.retain {
        Some(text) => parse_duration(text).map_err(|e| e.at("--retain"))?,
        None => project.retain(),
    };
    let known = lake.tables().await?;
    let tables = if arguments.tables.is_empty() { known.clone() } else { named(&arguments.tables, &known)? };
    let cutoff = Utc::now() - retain;
    let mut shown = Vec::new();
    for table in tables {
        let vacuumed = vacuum(&services, &table, cutoff, arguments.dry_run).await?;
        shown.push((table, vacuumed));
    }
    if global.json {
        let tables: Vec<_> = shown
            .iter()
            .map(|(table, v)| json!({ "table": table, "files": v.files, "bytes": v.bytes, "oldest_version": v.oldest_version }))
            .collect();
        output::print_json(&json!({ "dry_run": arguments.dry_run, "cutoff": cutoff, "tables": tables }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    let verb = if arguments.dry_run { "would delete" } else { "deleted" };
    table.set_header(["table", verb, "size", "readable from version"]);
    for (name, v) in &shown {
        table.add_row([
            name.to_string(),
            format!("{} files", v.files),
            HumanBytes(v.bytes).to_string(),
            v.oldest_version.to_string(),
        ]);
    }
    output::print(&table.to_string())?;
    Ok(ExitCode::SUCCESS)
}

/// Deletes what no version of a table since `cutoff` needs.
///
/// # Errors
/// When another run is at work on the table, or the lake or the catalog cannot be asked.
pub async fn vacuum(services: &Services, table: &TableName, cutoff: DateTime<Utc>, dry_run: bool) -> Result<Vacuumed> {
    let _lock = services.lake.lock(table)?;
    // A catalog may lag behind the log for longer than generations are kept.
    let pointed_at = match services.glue(false) {
        Ok(glue) => glue.locations(table).await?,
        Err(_) => Vec::new(),
    };
    services.lake.vacuum(table, cutoff, &pointed_at, dry_run).await
}

fn named(wanted: &[String], known: &[TableName]) -> Result<Vec<TableName>> {
    let names = || known.iter().map(TableName::as_str);
    wanted
        .iter()
        .map(|name| {
            known.iter().find(|table| table.as_str() == name).cloned().ok_or_else(|| {
                let error = Error::usage(format!("there is no table `{name}` in the lake"))
                    .expected(format!("one of {}", names().collect::<Vec<_>>().join(", ")));
                error.suggesting(name, names())
            })
        })
        .collect()
}
