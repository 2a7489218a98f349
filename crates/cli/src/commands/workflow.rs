//! `lakegate workflow`: how the last one stands, and its definition for Step Functions.

use std::process::ExitCode;

use comfy_table::{ContentArrangement, Table, presets};
use lakegate_contract::Result;
use lakegate_pipeline::{Target, WorkflowState, in_order, state_machine};
use serde_json::{Value, json};

use crate::arguments::{GlobalArguments, WorkflowAction, WorkflowArguments};
use crate::{context, output};

/// Does what was asked.
pub async fn run(arguments: &WorkflowArguments, global: &GlobalArguments) -> Result<ExitCode> {
    match &arguments.action {
        WorkflowAction::Status => status(global).await,
        WorkflowAction::StepFunctions { jobs, function, glue_job } => {
            let target = match glue_job {
                Some(name) => Target::GlueJob { name: name.clone(), environment: global.env.clone() },
                None => Target::Function(function.clone()),
            };
            define(jobs, &target, global)
        }
    }
}

fn define(jobs: &[String], target: &Target, global: &GlobalArguments) -> Result<ExitCode> {
    let project = context::project(global)?;
    let definitions = project.definitions();
    let machine = state_machine(&project.title(), &in_order(&definitions, jobs)?, target)?;
    output::print_json(&machine)?;
    Ok(ExitCode::SUCCESS)
}

async fn status(global: &GlobalArguments) -> Result<ExitCode> {
    let project = context::project(global)?;
    let state = WorkflowState::newest(&context::lake(&project).await?).await?;
    if global.json {
        output::print_json(&json!({ "workflow": state }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let Some(state) = state else {
        output::print("no workflow has run yet: one is kept for runs of several jobs")?;
        return Ok(ExitCode::SUCCESS);
    };
    let word = |value: Value| value.as_str().unwrap_or_default().to_owned();
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["job", "status", "attempts", "run", "error"]);
    for (name, job) in &state.jobs {
        table.add_row([
            name.to_string(),
            word(json!(job.status)),
            job.attempts.to_string(),
            job.run.map(|run| run.to_string()).unwrap_or_default(),
            job.error.clone().unwrap_or_default(),
        ]);
    }
    output::print(&format!(
        "workflow {}: {}, begun {}, last written {}\n{table}",
        state.workflow,
        word(json!(state.status)),
        if state.begun == 1 { "once".to_owned() } else { format!("{} times", state.begun) },
        state.updated_at.format("%Y-%m-%d %H:%M:%S UTC"),
    ))?;
    Ok(ExitCode::SUCCESS)
}
