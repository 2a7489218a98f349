//! `lakegate report`: named SQL.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::process::ExitCode;

use comfy_table::{Table, presets};
use lakegate_contract::{Error, Result, suggest};
use lakegate_pipeline::Project;
use lakegate_reports::{LocalEngine, Report, ReportResult};
use serde_json::json;

use crate::arguments::{Format, GlobalArguments, OutputArguments, ReportArguments};
use crate::{context, output};

/// Runs a report, or lists them all.
pub async fn run(arguments: &ReportArguments, global: &GlobalArguments) -> Result<ExitCode> {
    let project = context::project(global)?;
    let reports = load(&project)?;
    let Some(name) = &arguments.name else {
        list(&reports, global.json)?;
        return Ok(ExitCode::SUCCESS);
    };
    let report = find(&reports, name)?;
    let parameters: BTreeMap<String, String> = arguments.parameters.iter().cloned().collect();
    let engine = LocalEngine::new(context::lake(&project)?, project.memory_limit());
    let result = engine.run(report, &parameters).await?;
    let title = format!("{}\n{}", report.title, report.description.as_deref().unwrap_or_default());
    show(&result, &arguments.output, global, Some(title.trim()))?;
    Ok(ExitCode::SUCCESS)
}

/// The project's reports.
pub fn load(project: &Project) -> Result<Vec<Report>> {
    project
        .reports()?
        .iter()
        .map(|path| Report::load(path))
        .collect::<Result<_>>()
        .map_err(|e| context::relative(e, &project.root))
}

fn find<'a>(reports: &'a [Report], name: &str) -> Result<&'a Report> {
    reports.iter().find(|r| r.name.as_str() == name).ok_or_else(|| {
        let names = || reports.iter().map(|r| r.name.as_str());
        let error = Error::usage(format!("there is no report `{name}`"))
            .expected(format!("one of {}", names().collect::<Vec<_>>().join(", ")));
        match suggest(name, names()) {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None => error,
        }
    })
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
    let format = to.format.unwrap_or(if global.json { Format::Json } else { Format::Table });
    let text = match format {
        Format::Table => {
            let head = title.map(|t| format!("{t}\n")).unwrap_or_default();
            format!("{head}{}\n", result.to_table()?)
        }
        Format::Csv => {
            let mut out = Vec::new();
            result.write_csv(&mut out)?;
            String::from_utf8(out).map_err(|_| Error::bug("a result is not UTF-8"))?
        }
        Format::Json => format!("{:#}\n", result.to_json()?),
    };
    match &to.output {
        Some(path) => write(path, &text)?,
        None => output::print(text.trim_end_matches('\n'))?,
    }
    let tables: Vec<String> = result.tables.iter().map(|(table, version)| format!("{table}@{version}")).collect();
    output::warn(&format!(
        "{} rows in {:.2} s over {}",
        result.rows(),
        result.elapsed.as_secs_f64(),
        tables.join(", ")
    ));
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    use std::io::Write as _;
    File::create(path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(|e| {
        Error::unavailable(format!("the file cannot be written: {}", e.kind())).at(path.display().to_string())
    })
}
