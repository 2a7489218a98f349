//! `lakegate quality`: DQDL over any data, without a project.

mod arguments;
mod files;
mod judge;
mod suggest;

use std::process::ExitCode;

use lakegate_contract::{Error, Result};

use arguments::QualityAction;
pub use arguments::QualityArguments;

/// Does what the arguments ask for.
pub async fn run(arguments: &QualityArguments, as_json: bool) -> Result<ExitCode> {
    match (&arguments.action, &arguments.judge) {
        (Some(QualityAction::Suggest(arguments)), _) => suggest::run(arguments, as_json).await,
        (None, Some(judge)) => judge::run(judge, as_json).await,
        (None, None) => Err(Error::usage("nothing is named to judge").expected("--data PATH --rules FILE")),
    }
}
