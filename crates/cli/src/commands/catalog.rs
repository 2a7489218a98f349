//! `lakegate catalog`: the Glue catalog beside the lake.

use std::process::ExitCode;
use std::sync::Arc;

use comfy_table::{ContentArrangement, Table, presets};
use lakegate_catalog_glue::{Difference, GlueCatalog, Shown};
use lakegate_contract::{Class, Contract, Error, Result};
use lakegate_pipeline::{Catalog as _, Project};
use serde_json::{Value, json};

use crate::arguments::{CatalogAction, CatalogArguments, GlobalArguments};
use crate::cloud::Services;
use crate::{context, errors, output};

/// Changes of a table that are shown one by one; of more, only how many.
const SHOWN_CHANGES: usize = 20;

/// Compares, applies or shows.
pub async fn run(arguments: &CatalogArguments, global: &GlobalArguments) -> Result<ExitCode> {
    let project = context::project(global)?;
    let services = Services::new(&project).await?;
    match &arguments.action {
        CatalogAction::Diff { tables } => {
            let differences = differences(&project, &services, tables).await?;
            tell(&differences, "the catalog shows the newest versions", global)?;
            let equal = differences.iter().all(|d| d.changes.is_empty());
            Ok(ExitCode::from(if equal { 0 } else { Class::CatalogLagging.exit_code() }))
        }
        CatalogAction::Apply { tables, adopt } => apply(&project, &services, tables, *adopt, global).await,
        CatalogAction::Show { tables } => {
            let shown = shown(services.glue(false)?, &project, tables).await?;
            print_shown(&shown, global)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Applies table by table: one that cannot be kept holds up no other.
async fn apply(
    project: &Project,
    services: &Services,
    tables: &[String],
    adopt: bool,
    global: &GlobalArguments,
) -> Result<ExitCode> {
    let glue = services.glue(true)?;
    if adopt && tables.is_empty() {
        return Err(Error::usage("--adopt takes over tables of somebody else").expected("the names of these tables"));
    }
    let (mut applied, mut failures) = (Vec::new(), Vec::new());
    for contract in published(project, services, tables).await? {
        let one = async {
            let differences = glue.diff(&services.lake, &contract, adopt).await?;
            match adopt {
                true => glue.adopt(&services.lake, &contract).await?,
                false => glue.mirror(&services.lake, &contract).await?,
            };
            Ok(differences)
        };
        match one.await {
            Ok(differences) => applied.extend(differences),
            Err(error) => failures.push(error),
        }
    }
    let nothing = match failures.is_empty() {
        true => "nothing to do: the catalog shows the newest versions",
        false => "nothing was changed",
    };
    tell(&applied, nothing, global)?;
    let Some(last) = failures.pop() else { return Ok(ExitCode::SUCCESS) };
    failures.iter().for_each(|error| output::warn(&errors::render(error)));
    Err(last)
}

/// Contracts of the tables that were named, or of all.
fn contracts(project: &Project, tables: &[String]) -> Result<Vec<Arc<Contract>>> {
    let all: Vec<Arc<Contract>> = project.contracts().cloned().collect();
    if tables.is_empty() {
        return Ok(all);
    }
    let names = || all.iter().map(|c| c.table().as_str());
    let find = |name: &String| {
        all.iter().find(|c| c.table().as_str() == name).cloned().ok_or_else(|| {
            let error = Error::usage(format!("there is no table `{name}` in the project"))
                .expected(format!("one of {}", names().collect::<Vec<_>>().join(", ")));
            error.suggesting(name, names())
        })
    };
    tables.iter().map(find).collect()
}

async fn published(project: &Project, services: &Services, tables: &[String]) -> Result<Vec<Arc<Contract>>> {
    let mut published = Vec::new();
    for contract in contracts(project, tables)? {
        if services.lake.tail(contract.table()).await?.is_some() {
            published.push(contract);
        }
    }
    Ok(published)
}

async fn differences(project: &Project, services: &Services, tables: &[String]) -> Result<Vec<Difference>> {
    let glue = services.glue(false)?;
    let mut differences = Vec::new();
    for contract in published(project, services, tables).await? {
        differences.extend(glue.diff(&services.lake, &contract, false).await?);
    }
    Ok(differences)
}

fn tell(differences: &[Difference], nothing: &str, global: &GlobalArguments) -> Result<()> {
    if global.json {
        let tables: Vec<Value> = differences
            .iter()
            .map(|d| {
                let changes: Vec<String> = d.changes.iter().map(ToString::to_string).collect();
                json!({ "table": d.table, "version": d.version, "changes": changes })
            })
            .collect();
        return output::print_json(&json!({ "tables": tables }));
    }
    let mut lines = Vec::new();
    for difference in differences.iter().filter(|d| !d.changes.is_empty()) {
        lines.push(format!("{} (version {})", difference.table, difference.version));
        lines.extend(difference.changes.iter().take(SHOWN_CHANGES).map(|change| format!("  {change}")));
        if let Some(more) = difference.changes.len().checked_sub(SHOWN_CHANGES).filter(|more| *more > 0) {
            lines.push(format!("  … and {more} more"));
        }
    }
    if lines.is_empty() {
        lines.push(nothing.to_owned());
    }
    output::print(&lines.join("\n"))
}

async fn shown(glue: &GlueCatalog, project: &Project, tables: &[String]) -> Result<Vec<Shown>> {
    let mut shown = Vec::new();
    for contract in contracts(project, tables)? {
        shown.extend(glue.show(contract.table()).await?);
    }
    Ok(shown)
}

fn print_shown(shown: &[Shown], global: &GlobalArguments) -> Result<()> {
    if global.json {
        let tables: Vec<Value> = shown
            .iter()
            .map(|s| {
                json!({ "table": s.table, "version": s.version, "location": s.location, "columns": s.columns, "partitions": s.partitions })
            })
            .collect();
        return output::print_json(&json!({ "tables": tables }));
    }
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["table", "version", "columns", "partitions", "location"]);
    for s in shown {
        table.add_row([
            s.table.clone(),
            s.version.map_or_else(|| "unknown".to_owned(), |v| v.to_string()),
            s.columns.len().to_string(),
            s.partitions.map(|n| n.to_string()).unwrap_or_default(),
            s.location.clone(),
        ]);
    }
    output::print(&table.to_string())
}
