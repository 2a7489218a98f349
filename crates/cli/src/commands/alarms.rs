//! `lakegate alarms`: whether data grow old, and whether alarms arrive.

use std::process::ExitCode;
use std::sync::Arc;

use chrono::Utc;
use lakegate_contract::{Error, Result};
use lakegate_pipeline::Silent;
use lakegate_pipeline::alarm::{Alarm, AlarmKind};
use serde_json::{Value, json};

use crate::arguments::{AlarmsAction, AlarmsArguments, GlobalArguments};
use crate::cloud::Services;
use crate::commands::run::most_telling;
use crate::runner::Runner;
use crate::{context, errors, freshness, output};

/// Does what was asked.
pub async fn run(arguments: &AlarmsArguments, global: &GlobalArguments) -> Result<ExitCode> {
    match arguments.action {
        AlarmsAction::Check { dry_run } => check(dry_run, global).await,
        AlarmsAction::Test => test(global).await,
    }
}

async fn check(dry_run: bool, global: &GlobalArguments) -> Result<ExitCode> {
    let project = context::project(global)?;
    let runner = Runner::new(&project, Arc::new(Silent)).await?;
    let found = freshness::look(&project, &runner.services, Utc::now()).await;
    for (alarm, occasion) in found.alarms.iter().filter(|_| !dry_run) {
        runner.tell(alarm, occasion).await;
    }
    let alarms: Vec<&Alarm> = found.alarms.iter().map(|(alarm, _)| alarm).collect();
    if global.json {
        output::print_json(
            &json!({ "alarms": alarms, "errors": found.errors.iter().map(errors::to_json).collect::<Vec<_>>() }),
        )?;
    } else if alarms.is_empty() && found.errors.is_empty() {
        output::print("everything is as fresh as it should be")?;
    }
    for alarm in alarms.iter().filter(|_| !global.json) {
        output::print(&alarm.summary)?;
    }
    found.errors.iter().for_each(|error| output::warn(&errors::render(error)));
    Ok(most_telling(found.errors.iter()))
}

async fn test(global: &GlobalArguments) -> Result<ExitCode> {
    let project = context::project(global)?;
    let (channels, mut failed) = Services::new(&project).await?.alarm_channels(&project).await;
    if channels.is_empty() && failed.is_empty() {
        return Err(Error::usage("nobody is told of alarms")
            .at("lakegate.toml")
            .expected("slack or sns under [alarms], or under the environment: [env.prod.alarms]"));
    }
    let summary = "somebody tries whether alarms arrive; nothing is wrong".to_owned();
    let alarm = Alarm::new(AlarmKind::Test, project.title(), "alarms", summary);
    let mut told: Vec<Value> = failed.iter().map(|e| json!({ "channel": null, "error": errors::to_json(e) })).collect();
    for channel in &channels {
        let sent = channel.send(&alarm).await;
        told.push(json!({ "channel": channel.describe(), "error": sent.as_ref().err().map(errors::to_json) }));
        if sent.is_ok() && !global.json {
            output::print(&format!("{}: sent", channel.describe()))?;
        }
        failed.extend(sent.err());
    }
    if global.json {
        output::print_json(&json!({ "channels": told }))?;
    }
    for error in &failed {
        output::warn(&errors::render(error));
    }
    Ok(most_telling(failed.iter()))
}
