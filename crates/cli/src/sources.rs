//! The sources that this binary knows, by the `kind` of a job.

use std::collections::BTreeMap;
use std::sync::Arc;

use lakegate_contract::{Contract, Error, Result};
use lakegate_pipeline::patterns::check_pattern;
use lakegate_pipeline::{Inputs, JobFile, Project, SecretStore, Source, SourceEnvironment};
use lakegate_source_clicks::{ClicksConfig, ClicksSource};
use lakegate_source_rds::{RdsConfig, RdsSource};
use lakegate_source_survey::{SurveyConfig, SurveySource};

const KINDS: [&str; 3] = ["rds", "survey", "clicks"];
/// Rows of a batch: enough to make work on columns worth it, few enough to stay in the caches.
const BATCH_ROWS: usize = 16_384;

/// Checks a job's `[source]`, without secrets and without asking any service.
pub fn check(job: &JobFile) -> Result<()> {
    match job.definition.source_kind.as_str() {
        "rds" => job.source::<RdsConfig>().map(drop),
        "survey" => check_pattern(&job.source::<SurveyConfig>()?.files).map_err(|e| e.at(job.kind_place())),
        "clicks" => check_pattern(&job.source::<ClicksConfig>()?.files).map_err(|e| e.at(job.kind_place())),
        other => Err(unknown_kind(job, other)),
    }
}

/// The connection that a job reads from, if it reads from one.
pub fn connection_of(job: &JobFile) -> Option<String> {
    job.source::<RdsConfig>().ok().filter(|_| job.definition.source_kind == "rds").map(|config| config.connection)
}

/// The pattern of the files that a job reads, if it reads files, with the place of `[inputs]` before it.
pub fn pattern_of(inputs: &Inputs, job: &JobFile) -> Result<Option<String>> {
    let files = match job.definition.source_kind.as_str() {
        "survey" => job.source::<SurveyConfig>()?.files,
        "clicks" => job.source::<ClicksConfig>()?.files,
        _ => return Ok(None),
    };
    Ok(Some(inputs.pattern(&files)))
}

/// Makes the source of a job.
pub async fn build(
    project: &Project,
    job: &JobFile,
    contract: &Arc<Contract>,
    secrets: &dyn SecretStore,
    inputs: &Inputs,
) -> Result<Arc<dyn Source>> {
    let contract = Arc::clone(contract);
    Ok(match job.definition.source_kind.as_str() {
        "rds" => {
            let config: RdsConfig = job.source()?;
            let environment = environment(project, Some(&config.connection), secrets, inputs).await?;
            Arc::new(RdsSource::new(config, contract, environment)?)
        }
        "survey" => {
            let environment = environment(project, None, secrets, inputs).await?;
            let mut config: SurveyConfig = job.source()?;
            config.files = inputs.pattern(&config.files);
            Arc::new(SurveySource::new(config, contract, environment)?)
        }
        "clicks" => {
            let environment = environment(project, None, secrets, inputs).await?;
            let mut config: ClicksConfig = job.source()?;
            config.files = inputs.pattern(&config.files);
            Arc::new(ClicksSource::new(config, contract, environment)?)
        }
        other => return Err(unknown_kind(job, other)),
    })
}

/// With the one connection that the job needs: others may have secrets that are out of reach here.
async fn environment(
    project: &Project,
    connection: Option<&str>,
    secrets: &dyn SecretStore,
    inputs: &Inputs,
) -> Result<SourceEnvironment> {
    let mut connections = BTreeMap::new();
    if let Some(name) = connection {
        let url = project
            .connection(name, secrets)
            .await?
            .ok_or_else(|| undeclared("connection", name, &project.declared().connections))?;
        connections.insert(name.to_owned(), url);
    }
    Ok(SourceEnvironment {
        project_root: project.root.clone(),
        time_zone: project.time_zone,
        connections,
        batch_rows: BATCH_ROWS,
        inputs: inputs.clone(),
    })
}

/// What `lakegate.toml` does not declare under `[connections]` or `[keys]`, though something names it.
pub fn undeclared(what: &str, name: &str, known: &[&str]) -> Error {
    Error::usage(format!("there is no {what} `{name}`"))
        .expected(format!("[{what}s.{name}] in lakegate.toml"))
        .suggesting(name, known.iter().copied())
}

fn unknown_kind(job: &JobFile, kind: &str) -> Error {
    let error = Error::usage(format!("`{kind}` is not a kind of source"))
        .at(job.kind_place())
        .expected(format!("one of {}", KINDS.join(", ")));
    error.suggesting(kind, KINDS)
}
