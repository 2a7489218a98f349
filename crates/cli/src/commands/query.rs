//! `lakegate query`: one SELECT over the lake.

use std::process::ExitCode;

use lakegate_contract::Result;
use lakegate_reports::LocalEngine;

use crate::arguments::{GlobalArguments, QueryArguments};
use crate::cloud::end_on_signals;
use crate::commands::report::show;
use crate::context;

/// Runs a statement and prints its rows.
pub async fn run(arguments: &QueryArguments, global: &GlobalArguments) -> Result<ExitCode> {
    let project = context::project(global)?;
    end_on_signals();
    let engine = LocalEngine::new(context::lake(&project).await?, project.memory_limit());
    arguments.output.check(global)?;
    let result = engine.query(&arguments.sql).await?;
    show(&result, &arguments.output, global, None)?;
    Ok(ExitCode::SUCCESS)
}
