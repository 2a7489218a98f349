//! `lakegate report`: named SQL.

mod athena;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::ExitCode;

use comfy_table::{Table, presets};
use lakegate_contract::{Error, Result};
use lakegate_pipeline::Project;
use lakegate_reports::{LocalEngine, Report, ReportResult};
use serde_json::json;

use crate::arguments::{Engine, Format, GlobalArguments, OutputArguments, ReportArguments};
use crate::cloud::end_on_signals;
use crate::{context, output};

/// Runs a report, or lists them all.
pub async fn run(arguments: &ReportArguments, global: &GlobalArguments) -> Result<ExitCode> {
    let project = context::project(global)?;
    let Some(name) = &arguments.name else {
        list(&load(&project)?, global.json)?;
        return Ok(ExitCode::SUCCESS);
    };
    if name == PUBLISH {
        return athena::publish(&project, &arguments.reports, global).await;
    }
    if let Some(extra) = arguments.reports.first() {
        return Err(Error::usage(format!("`{extra}` is one report too many")).expected("one report, or `publish`"));
    }
    let report = &find(&project, name)?;
    refuse_repeated(&arguments.parameters)?;
    arguments.output.check(global)?;
    let parameters: BTreeMap<String, String> = arguments.parameters.iter().cloned().collect();
    if arguments.compare {
        return athena::compare(&project, report, &parameters, global).await;
    }
    let title = format!("{}\n{}", report.title, report.description.as_deref().unwrap_or_default());
    let result = match arguments.engine {
        Engine::Local => {
            end_on_signals();
            let engine = LocalEngine::new(context::lake(&project).await?, project.memory_limit());
            engine.run(report, &parameters).await?
        }
        Engine::Athena => athena::run(&project, report, &parameters).await?,
    };
    show(&result, &arguments.output, global, Some(title.trim()))?;
    Ok(ExitCode::SUCCESS)
}

/// What `report` takes for an order rather than for a report's name.
const PUBLISH: &str = "publish";

/// The project's reports.
pub fn load(project: &Project) -> Result<Vec<Report>> {
    project
        .reports()?
        .iter()
        .map(|path| Report::load(path))
        .collect::<Result<_>>()
        .map_err(|e| context::relative(e, &project.root))
}

/// The report of that name: a mistake in another one does not matter.
fn find(project: &Project, name: &str) -> Result<Report> {
    let paths = project.reports()?;
    let stem = |path: &Path| path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    if let Some(path) = paths.iter().find(|path| stem(path) == name) {
        return Report::load(path).map_err(|e| context::relative(e, &project.root));
    }
    let names: Vec<String> = paths.iter().map(|path| stem(path)).collect();
    let error = Error::usage(format!("there is no report `{name}`")).expected(format!("one of {}", names.join(", ")));
    Err(error.suggesting(name, names.iter().map(String::as_str)))
}

fn refuse_repeated(parameters: &[(String, String)]) -> Result<()> {
    for (index, (name, _)) in parameters.iter().enumerate() {
        if parameters.iter().take(index).any(|(other, _)| other == name) {
            return Err(Error::usage(format!("the parameter `{name}` is given twice")).expected("one value for each"));
        }
    }
    Ok(())
}

fn list(reports: &[Report], as_json: bool) -> Result<()> {
    if as_json {
        let listed: Vec<_> = reports
            .iter()
            .map(|r| {
                let parameters: Vec<_> = r
                    .parameters
                    .iter()
                    .map(|p| json!({ "name": p.name, "type": p.data_type.to_string(), "default": p.default, "description": p.description }))
                    .collect();
                json!({ "name": r.name, "title": r.title, "description": r.description, "parameters": parameters })
            })
            .collect();
        return output::print_json(&json!({ "reports": listed }));
    }
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY).set_header(["report", "title", "parameters"]);
    for report in reports {
        let parameters: Vec<String> = report
            .parameters
            .iter()
            .map(|p| {
                format!(
                    "{} {}{}",
                    p.name,
                    p.data_type,
                    p.default.as_ref().map(|d| format!(" = {d}")).unwrap_or_default()
                )
            })
            .collect();
        table.add_row([report.name.to_string(), report.title.clone(), parameters.join("\n")]);
    }
    output::print(&table.to_string())
}

/// Prints a result, or writes it to a file.
pub fn show(result: &ReportResult, to: &OutputArguments, global: &GlobalArguments, title: Option<&str>) -> Result<()> {
    let text = match to.chosen(global) {
        Format::Table => {
            let head = title.map(|t| format!("{t}\n")).unwrap_or_default();
            format!("{head}{}\n", result.to_table()?)
        }
        Format::Csv => {
            let mut out = Vec::new();
            result.write_csv(&mut out)?;
            String::from_utf8(out).map_err(|_| Error::bug("a result is not UTF-8"))?
        }
        Format::Json => format!("{}\n", result.to_json()?.get()),
    };
    match &to.output {
        Some(path) => write(path, &text)?,
        None if global.json => {}
        None => output::print(text.trim_end_matches('\n'))?,
    }
    if global.json {
        return output::print(&envelope(result, to)?);
    }
    let tables: Vec<String> = result.tables.iter().map(|(table, version)| format!("{table}@{version}")).collect();
    let over = if tables.is_empty() { String::new() } else { format!(" over {}", tables.join(", ")) };
    output::warn(&format!("{} rows in {:.2} s{over}", result.rows(), result.elapsed.as_secs_f64()));
    Ok(())
}

/// The one JSON object of `--json`: the rows, or where they were written.
fn envelope(result: &ReportResult, to: &OutputArguments) -> Result<String> {
    let columns: Vec<_> =
        result.schema.fields().iter().map(|f| json!({ "name": f.name(), "type": f.data_type().to_string() })).collect();
    let tables: BTreeMap<String, u64> =
        result.tables.iter().map(|(table, version)| (table.to_string(), *version)).collect();
    let mut object = json!({
        "columns": columns,
        "row_count": result.rows(),
        "tables": tables,
        "seconds": result.elapsed.as_secs_f64(),
    })
    .to_string();
    object.pop();
    Ok(match &to.output {
        Some(path) => format!("{object},\"written\":{}}}", json!(path)),
        None => format!("{object},\"rows\":{}}}", result.to_json()?.get()),
    })
}

fn write(path: &Path, text: &str) -> Result<()> {
    use std::io::Write as _;
    File::create(path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(|e| output::unwritable(&e, path))
}
