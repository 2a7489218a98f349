//! `lakegate check`: every file of the project, offline.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use lakegate_contract::{Class, Error, Result, Treatment};
use lakegate_lake::BucketOptions;
use lakegate_pipeline::patterns::would_trigger;
use lakegate_pipeline::{Inputs, JobFile, NoSecrets, Project};
use lakegate_quality::{Concern, Warning, check_with_references, lint};
use lakegate_reports::Report;
use serde_json::json;

use crate::arguments::GlobalArguments;
use crate::context::{project_root, relative, ruleset, table_schema};
use crate::lambda::check_transformation;
use crate::sources::{build, connection_of, pattern_of, undeclared};
use crate::{context, errors, output};

/// Reports every problem that is found; the exit code is 2 when there is one.
pub async fn run(global: &GlobalArguments) -> Result<ExitCode> {
    let root = project_root(global)?;
    let project = context::project(global)?;
    let problems: Vec<Error> = problems(&project).await.into_iter().map(|e| relative(e, &root)).collect();
    let warnings = warnings(&project);
    if global.json {
        let problems: Vec<_> = problems.iter().map(errors::to_json).collect();
        output::print_json(&json!({ "project": project.root, "problems": problems, "warnings": warnings }))?;
    }
    for problem in &problems {
        output::warn(&errors::render(problem));
    }
    for warning in &warnings {
        output::warn(&warning.to_string());
    }
    if !problems.is_empty() {
        return Ok(ExitCode::from(Class::Usage.exit_code()));
    }
    if !global.json {
        output::print(&format!(
            "{}: {} jobs, {} contracts and {} reports are in order",
            project.name,
            project.jobs.len(),
            project.contracts().count(),
            project.reports()?.len()
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn problems(project: &Project) -> Vec<Error> {
    let schemas = schemas(project);
    let inputs = Inputs::new(project.root.clone(), None, BucketOptions::default());
    let mut problems: Vec<Error> = project.jobs.iter().flat_map(|job| undeclared_names(project, job)).collect();
    for job in project.jobs.iter().filter(|job| connection_of(job).is_none()) {
        let built = match project.contract(&job.definition.table) {
            Ok(contract) => build(project, job, &contract, &NoSecrets, &inputs).await.map(drop),
            Err(error) => Err(error),
        };
        problems.extend(built.err());
    }
    for job in &project.jobs {
        match ruleset(project, job) {
            Ok((rules, found)) => {
                let sound = found.is_empty();
                problems.extend(found);
                if let Some(rules) = rules.filter(|_| sound) {
                    let missing = missing_references(project, job, &rules);
                    let complete = missing.is_empty();
                    problems.extend(missing);
                    if complete {
                        problems.extend(check_with_references(&rules, job.definition.table.as_str(), &schemas).await);
                    }
                }
            }
            Err(error) => problems.push(error),
        }
    }
    problems.extend(rulesets_of_nothing(project));
    problems.extend(loops(project));
    problems.extend(check_transformation(project));
    match project.reports() {
        Ok(paths) => {
            for path in paths {
                problems.extend(report_problem(&path, &schemas).await);
            }
        }
        Err(error) => problems.push(error),
    }
    problems
}

/// What in the rulesets is not what it seems. `lakegate quality --lint` also tells what only readers or Glue may take otherwise.
fn warnings(project: &Project) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for job in &project.jobs {
        // What cannot be read, or is wrong, is a problem and not a warning.
        let Ok((Some(rules), problems)) = ruleset(project, job) else { continue };
        let Ok(contract) = project.contract(&job.definition.table) else { continue };
        if problems.is_empty() {
            let found = lint(&rules, Some(&table_schema(&contract)));
            warnings.extend(found.into_iter().filter(|warning| warning.concern == Concern::Rule));
        }
    }
    // Two jobs may load one table.
    in_order(&mut warnings);
    warnings.dedup();
    warnings
}

/// By file, and within it as the lines stand: of their texts, that of line 10 is before that of line 9.
fn in_order(warnings: &mut [Warning]) {
    warnings.sort_by(|a, b| {
        let [one, other] = [a, b].map(|warning| (file_of(warning), warning.line, warning.column, warning.code));
        one.cmp(&other)
    });
}

/// The place without line and column.
fn file_of(warning: &Warning) -> &str {
    warning.place.rsplitn(3, ':').nth(2).unwrap_or(&warning.place)
}

/// What a run writes below what a job reads: an upload would wake the job, whose output would wake it again. Places that name
/// variables which are not set here are not known.
fn loops(project: &Project) -> Vec<Error> {
    let inputs = Inputs::new(project.root.clone(), project.inputs_location().ok().flatten(), BucketOptions::default());
    let output = project.athena().ok().and_then(|athena| athena.output);
    let places: Vec<(&str, String)> = [("the lake", project.lake_location().ok()), ("[athena] output", output)]
        .into_iter()
        .filter_map(|(what, place)| Some((what, place?)))
        .collect();
    let mut problems = Vec::new();
    for job in &project.jobs {
        let Ok(Some(pattern)) = pattern_of(&inputs, job) else { continue };
        for (what, place) in places.iter().filter(|(_, place)| would_trigger(&pattern, place)) {
            problems.push(
                Error::usage(format!(
                    "{what}, {place}, is where the job's files are looked for: its own output would wake it"
                ))
                .at(job.path.display().to_string())
                .expected(format!("files = \"{pattern}\" and {what} in prefixes of which none holds the other"))
                .help("put files that come in below a prefix of their own, such as s3://bucket/data/"),
            );
        }
    }
    problems
}

/// Rulesets that no job's table takes: a misspelt name would leave a table unjudged.
fn rulesets_of_nothing(project: &Project) -> Vec<Error> {
    let Ok(entries) = std::fs::read_dir(project.root.join("quality-rules")) else { return Vec::new() };
    let tables = || project.jobs.iter().map(|job| job.definition.table.as_str());
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "dqdl"))
        .filter_map(|path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned()))
        .filter(|name| !tables().any(|table| table == name))
        .collect();
    names.sort();
    names
        .into_iter()
        .map(|name| {
            let error = Error::usage(format!("no job loads a table `{name}`, so nothing is judged by this ruleset"))
                .at(format!("quality-rules/{name}.dqdl"));
            error.help("add a job for the table, or move the ruleset elsewhere").suggesting(&name, tables())
        })
        .collect()
}

/// What each table will look like once it is published.
fn schemas(project: &Project) -> BTreeMap<String, SchemaRef> {
    project.contracts().map(|contract| (contract.table().to_string(), Arc::new(table_schema(contract)))).collect()
}

/// Connections and keys that a job or a contract names and `lakegate.toml` does not.
fn undeclared_names(project: &Project, job: &JobFile) -> Vec<Error> {
    let declared = project.declared();
    let mut problems = Vec::new();
    if let Some(connection) = connection_of(job).filter(|name| !declared.connections.contains(&name.as_str())) {
        let error = undeclared("connection", &connection, &declared.connections);
        problems.push(error.at(job.path.display().to_string()));
    }
    let Ok(contract) = project.contract(&job.definition.table) else { return problems };
    for column in contract.published_columns() {
        if let Treatment::Hmac { key, .. } = &column.treatment
            && !declared.keys.contains(&key.as_str())
        {
            let place = format!("schemas/{}.toml, column {}", contract.table(), column.name);
            problems.push(undeclared("key", key, &declared.keys).at(place));
        }
    }
    problems
}

/// A report's statement, planned over tables that are empty.
async fn report_problem(path: &Path, schemas: &BTreeMap<String, SchemaRef>) -> Option<Error> {
    let report = match Report::load(path) {
        Ok(report) => report,
        Err(error) => return Some(error),
    };
    let place = || path.display().to_string();
    report.check_against(schemas).await.err().map(|e| e.at(place()))
}

/// Datasets that a ruleset names must be tables of the project, loaded before.
fn missing_references(
    project: &Project,
    job: &lakegate_pipeline::JobFile,
    ruleset: &lakegate_quality::Ruleset,
) -> Vec<Error> {
    let place = || format!("quality-rules/{}.dqdl", job.definition.table);
    ruleset
        .references()
        .into_iter()
        .filter_map(|alias| {
            let loader = project.jobs.iter().find(|j| j.definition.table.as_str() == alias);
            match loader {
                None => Some(Error::usage(format!("no job loads the table `{alias}` that a rule names")).at(place())),
                Some(loader)
                    if loader.definition.name != job.definition.name
                        && !job.definition.after.contains(&loader.definition.name) =>
                {
                    Some(
                        Error::usage(format!(
                            "a rule needs the table `{alias}`, and the job does not wait for the one that loads it"
                        ))
                        .at(place())
                        .help(format!(
                            "add after = [\"{}\"] to jobs/{}.toml",
                            loader.definition.name, job.definition.name
                        )),
                    )
                }
                Some(_) => None,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_stand_in_the_order_of_the_lines() {
        let rules = |file: &str| {
            let many: String = (0..11).map(|n| format!("ColumnValues \"n{n}\" between 5 and 1,\n")).collect();
            let ruleset = lakegate_quality::parse(&format!("Rules = [\n{many}RowCount > 0 ]"), file).unwrap();
            lint(&ruleset, None)
        };
        let mut warnings: Vec<Warning> = rules("b.dqdl").into_iter().chain(rules("a.dqdl")).collect();
        warnings.reverse();
        in_order(&mut warnings);
        let lines: Vec<String> = warnings.iter().map(|w| format!("{}:{}", file_of(w), w.line)).collect();
        let expected: Vec<String> =
            ["a.dqdl", "b.dqdl"].iter().flat_map(|file| (2..=12).map(move |line| format!("{file}:{line}"))).collect();
        assert_eq!(lines, expected);
    }
}
