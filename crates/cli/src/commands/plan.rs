//! `lakegate plan`: what a run would read and write.

use std::process::ExitCode;

use comfy_table::{ContentArrangement, Table, presets};
use indicatif::HumanBytes;
use lakegate_contract::Result;
use lakegate_lake::Head;
use lakegate_pipeline::{Bookmark, JobDefinition, LoadMode, Plan, Scope, in_order, would_be_unchanged};
use serde_json::{Value, json};

use crate::arguments::{GlobalArguments, PlanArguments};
use crate::cloud::Services;
use crate::{context, output};

/// Asks each source what there is; changes nothing.
pub async fn run(arguments: &PlanArguments, global: &GlobalArguments) -> Result<ExitCode> {
    let project = context::project(global)?;
    let services = Services::new(&project).await?;
    let lake = &services.lake;
    let definitions = project.definitions();
    let mut planned = Vec::new();
    for definition in in_order(&definitions, &arguments.jobs)? {
        let (job, source) = context::job(&project, &services, definition.name.as_str()).await?;
        let head = lake.head(&definition.table).await?;
        let bookmark = head.as_ref().and_then(|h| h.run.as_ref()).and_then(|r| r.bookmark.clone());
        let since = bookmark.filter(|_| definition.mode == LoadMode::Append).map(Bookmark);
        let plan = source.plan(&Scope { since: since.as_ref(), only: None }).await?;
        let unchanged = would_be_unchanged(&job, &plan, head.as_ref().and_then(|h| h.run.as_ref()));
        planned.push(describe(definition, &source.describe(), &plan, head.as_ref(), unchanged));
    }
    if global.json {
        output::print_json(&json!({ "jobs": planned }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic).set_header([
        "job",
        "reads",
        "splits",
        "size",
        "rows",
        "publishes",
        "now",
    ]);
    for job in &planned {
        let text = |key: &str| {
            job.get(key).map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)).unwrap_or_default()
        };
        let size = job.get("bytes").and_then(Value::as_u64).map_or_else(String::new, |b| HumanBytes(b).to_string());
        let rows = job.get("estimated_rows").and_then(Value::as_u64).map_or_else(String::new, |r| format!("about {r}"));
        table.add_row([text("job"), text("source"), text("splits"), size, rows, text("publishes"), text("published")]);
    }
    output::print(&table.to_string())?;
    Ok(ExitCode::SUCCESS)
}

fn describe(definition: &JobDefinition, source: &str, plan: &Plan, head: Option<&Head>, unchanged: bool) -> Value {
    let bytes: Option<u64> = plan.objects.iter().map(|o| o.bytes).sum();
    let mode = match definition.mode {
        LoadMode::Replace => "replaces",
        LoadMode::Append => "appends to",
    };
    json!({
        "job": definition.name,
        "source": source,
        "splits": plan.splits.len(),
        "objects": plan.objects.len(),
        "bytes": bytes,
        "estimated_rows": plan.estimated_rows,
        "unread_columns": plan.unread_columns,
        "unchanged": unchanged,
        "publishes": if unchanged { "nothing: unchanged".to_owned() } else { format!("{mode} {}", definition.table) },
        "published": head.map_or_else(|| "not published".to_owned(), |h| format!("version {}, {} rows", h.version, h.rows())),
    })
}
