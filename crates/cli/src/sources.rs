//! The sources that this binary knows, by the `kind` of a job.

use std::collections::BTreeMap;
use std::sync::Arc;

use lakegate_contract::{Contract, Error, Result, suggest};
use lakegate_pipeline::files::check_pattern;
use lakegate_pipeline::{JobFile, Project, Source, SourceEnvironment};
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

/// Makes the source of a job.
pub fn build(project: &Project, job: &JobFile, contract: &Arc<Contract>) -> Result<Arc<dyn Source>> {
    let contract = Arc::clone(contract);
    Ok(match job.definition.source_kind.as_str() {
        "rds" => {
            let config: RdsConfig = job.source()?;
            let environment = environment(project, Some(&config.connection))?;
            Arc::new(RdsSource::new(config, contract, environment)?)
        }
        "survey" => Arc::new(SurveySource::new(job.source::<SurveyConfig>()?, contract, environment(project, None)?)?),
        "clicks" => Arc::new(ClicksSource::new(job.source::<ClicksConfig>()?, contract, environment(project, None)?)?),
        other => return Err(unknown_kind(job, other)),
    })
}

/// A variable that is not set is an error only for the job that needs it.
fn environment(project: &Project, connection: Option<&str>) -> Result<SourceEnvironment> {
    let mut connections = BTreeMap::new();
    for (name, url) in project.connections() {
        match url {
            Ok(url) => {
                connections.insert(name, url);
            }
            Err(error) if Some(name.as_str()) == connection => {
                return Err(error.at(format!("[connections.{name}] in lakegate.toml")));
            }
            Err(_) => {}
        }
    }
    Ok(SourceEnvironment {
        project_root: project.root.clone(),
        time_zone: project.time_zone,
        connections,
        batch_rows: BATCH_ROWS,
    })
}

fn unknown_kind(job: &JobFile, kind: &str) -> Error {
    let error = Error::usage(format!("`{kind}` is not a kind of source"))
        .at(job.kind_place())
        .expected(format!("one of {}", KINDS.join(", ")));
    match suggest(kind, KINDS) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error,
    }
}
