//! `lakegate check`: every file of the project, offline.

use std::process::ExitCode;

use lakegate_contract::{Class, Error, Result};
use lakegate_pipeline::Project;
use lakegate_reports::Report;
use serde_json::json;

use crate::arguments::GlobalArguments;
use crate::context::{project_root, relative, ruleset};
use crate::{context, errors, output};

/// Reports every problem that is found; the exit code is 2 when there is one.
pub fn run(global: &GlobalArguments) -> Result<ExitCode> {
    let root = project_root(global)?;
    let project = context::project(global)?;
    let problems: Vec<Error> = problems(&project).into_iter().map(|e| relative(e, &root)).collect();
    if global.json {
        output::print_json(
            &json!({ "project": project.root, "problems": problems.iter().map(errors::to_json).collect::<Vec<_>>() }),
        )?;
    }
    for problem in &problems {
        output::warn(&errors::render(problem));
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

fn problems(project: &Project) -> Vec<Error> {
    let mut problems = Vec::new();
    for job in &project.jobs {
        match ruleset(project, job) {
            Ok((rules, found)) => {
                problems.extend(found);
                problems.extend(rules.into_iter().flat_map(|r| missing_references(project, job, &r)));
            }
            Err(error) => problems.push(error),
        }
    }
    match project.reports() {
        Ok(paths) => problems.extend(paths.iter().filter_map(|path| Report::load(path).err())),
        Err(error) => problems.push(error),
    }
    problems
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
