//! What commands make of the global options: the project, its lake, its jobs.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use lakegate_contract::{Contract, Error, Result, Treatment};
use lakegate_lake::Lake;
use lakegate_pipeline::{JobContext, JobFile, Project, Source};
use lakegate_quality::{RowRules, Ruleset, check, parse};

use crate::arguments::GlobalArguments;
use crate::cloud::Services;
use crate::sources;

/// The project's folder: the one that was named, or found from here.
pub fn project_root(global: &GlobalArguments) -> Result<PathBuf> {
    match &global.project {
        Some(folder) if folder.join("lakegate.toml").is_file() => folder.canonicalize().map_err(|e| {
            Error::usage(format!("the folder cannot be opened: {}", e.kind())).at(folder.display().to_string())
        }),
        Some(folder) if !folder.is_dir() => {
            Err(Error::usage("there is no such folder").at(folder.display().to_string()).expected("a project's folder"))
        }
        Some(folder) => Err(Error::usage("the folder has no lakegate.toml")
            .at(folder.display().to_string())
            .help("make a project with `lakegate init DIR`, or try `lakegate demo`")),
        None => Project::find(
            &std::env::current_dir().map_err(|e| Error::usage(format!("there is no working folder: {}", e.kind())))?,
        ),
    }
}

/// The project that the options name.
pub fn project(global: &GlobalArguments) -> Result<Project> {
    let root = project_root(global)?;
    let project = Project::load(&root, global.env.as_deref()).map_err(|e| relative(e, &root))?;
    project.jobs.iter().try_for_each(|job| sources::check(job).map_err(|e| relative(e, &root)))?;
    Ok(project)
}

/// Places are shown relative to the project, as people write them.
pub fn relative(error: Error, root: &std::path::Path) -> Error {
    let root = format!("{}/", root.display());
    match error.place().map(|place| place.replace(&root, "")) {
        Some(place) => error.at(place),
        None => error,
    }
}

/// The project's lake.
pub async fn lake(project: &Project) -> Result<Lake> {
    Ok(Services::new(project).await?.lake)
}

/// The ruleset of a job's table, parsed and checked against the table's contract.
pub fn ruleset(project: &Project, job: &JobFile) -> Result<(Option<Ruleset>, Vec<Error>)> {
    let Some((text, path)) = project.ruleset(&job.definition.table)? else { return Ok((None, Vec::new())) };
    let shown = path.strip_prefix(&project.root).unwrap_or(&path).display().to_string();
    let ruleset = parse(&text, &shown)?;
    let contract = project.contract(&job.definition.table)?;
    let mut problems = check(&ruleset, &table_schema(&contract), None);
    if problems.is_empty() {
        // Row rules are judged before partition columns are made.
        problems.extend(RowRules::compile(&ruleset, contract.published_schema()).err().map(|e| {
            e.help(
                "a rule for single rows cannot name a partition column that a function makes: name the column that it is made of; over the \
                 dataset, `ColumnValues`, `ColumnLength` and `ColumnDataType` can with a threshold, and `Completeness` can",
            )
        }));
    }
    Ok((Some(ruleset), problems))
}

/// What a table looks like to rules and reports: its published columns, and its partition columns.
pub fn table_schema(contract: &Contract) -> Schema {
    let mut fields: Vec<_> = contract.published_schema().fields().iter().map(|f| f.as_ref().clone()).collect();
    for (field, data_type) in contract.partition_columns() {
        if !fields.iter().any(|f| f.name() == field.name.as_str()) {
            fields.push(Field::new(field.name.as_str(), data_type.to_arrow(), true));
        }
    }
    Schema::new(fields)
}

/// The keys that a contract's treatments need.
fn key_names(contract: &Contract) -> BTreeSet<&str> {
    contract
        .published_columns()
        .filter_map(|column| match &column.treatment {
            Treatment::Hmac { key, .. } => Some(key.as_str()),
            _ => None,
        })
        .collect()
}

/// A job ready to run.
pub async fn job(project: &Project, services: &Services, name: &str) -> Result<(JobContext, Arc<dyn Source>)> {
    let context = job_context(project, services, name).await?;
    let file = job_file(project, name)?;
    let source = sources::build(project, file, &context.contract, &services.secrets, &services.inputs).await?;
    Ok((context, source))
}

fn job_file<'a>(project: &'a Project, name: &str) -> Result<&'a JobFile> {
    project
        .jobs
        .iter()
        .find(|job| job.definition.name.as_str() == name)
        .ok_or_else(|| Error::bug(format!("job `{name}` is gone")))
}

/// What a job needs besides its source, which is not touched.
pub async fn job_context(project: &Project, services: &Services, name: &str) -> Result<JobContext> {
    let file = job_file(project, name)?;
    let contract = project.contract(&file.definition.table)?;
    let (ruleset, problems) = ruleset(project, file)?;
    if let Some(problem) = Error::first_of(problems) {
        return Err(problem);
    }
    let keys = project.keys(&key_names(&contract), &services.secrets).await?;
    Ok(JobContext {
        definition: file.definition.clone(),
        job_text: file.defining_text()?,
        contract,
        ruleset,
        time_zone: project.time_zone,
        keys,
        lake: services.lake.clone(),
        catalog: services.catalog(),
        breakers: services.breakers.clone(),
        workers: project.workers(),
        memory_limit: project.memory_limit(),
    })
}
