//! `lakegate quality`: DQDL over any data, without a project.

mod arguments;
mod files;
mod fmt;
mod github;
mod glue_result;
mod history;
mod judge;
mod judgement;
mod junit;
mod lint;
mod phases;
mod row_files;
mod rows;
mod suggest;
mod table;

use std::process::ExitCode;

use arguments::QualityAction;
use lakegate_contract::{Error, Result};

pub use arguments::QualityArguments;

/// Does what the arguments ask for.
pub async fn run(arguments: &QualityArguments, as_json: bool) -> Result<ExitCode> {
    match (&arguments.action, &arguments.judge) {
        (Some(QualityAction::Fmt(fmt)), _) => fmt::run(fmt, as_json),
        (None, Some(judge)) if arguments.lint => lint::run(&judge.rules, as_json),
        (Some(QualityAction::Suggest(arguments)), _) => suggest::run(arguments, as_json).await,
        (None, Some(judge)) => judge::run(judge, as_json).await,
        (None, None) => Err(Error::usage("nothing is named to judge").expected("--data PATH --rules FILE")),
    }
}
