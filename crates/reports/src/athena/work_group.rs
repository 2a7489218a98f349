//! What a work group decides for the queries in it.

use lakegate_aws::AwsFailure;
use lakegate_contract::{Error, Result};

use super::AthenaEngine;

/// A work group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkGroup {
    /// Its name.
    pub name: String,
    /// Where results go: the work group's place, or that of the project's settings.
    pub output: Option<String>,
    /// Bytes that a query may scan before it is cancelled.
    pub limit: Option<i64>,
    /// The version of the engine.
    pub engine: Option<String>,
}

impl AthenaEngine {
    /// The work group that queries run in.
    ///
    /// # Errors
    /// When it does not exist, is disabled, or may not be looked at.
    pub async fn work_group(&self) -> Result<WorkGroup> {
        let name = &self.options.work_group;
        let place = || format!("Athena's work group {name}");
        let answer = self.client.get_work_group().work_group(name).send().await;
        let answer = answer.map_err(|e| AwsFailure::of("Athena", "GetWorkGroup", &e).into_error().at(place()))?;
        let group = answer.work_group().ok_or_else(|| Error::bug("a work group has no description"))?;
        if group.state().is_some_and(|state| state.as_str() == "DISABLED") {
            return Err(Error::usage("the work group is disabled").at(place()).help("enable it, or name another one"));
        }
        let configuration = group.configuration();
        let output = configuration.and_then(|c| c.result_configuration()?.output_location());
        let engine = configuration.and_then(|c| c.engine_version()?.effective_engine_version());
        Ok(WorkGroup {
            name: name.clone(),
            output: output.map(str::to_owned).or_else(|| self.options.output.clone()),
            limit: configuration.and_then(|c| c.bytes_scanned_cutoff_per_query()),
            engine: engine.map(str::to_owned),
        })
    }
}
