//! `lakegate quality --lint`: what in a ruleset is worth a second look.

use std::path::Path;
use std::process::ExitCode;

use lakegate_contract::Result;
use lakegate_quality::lint;
use serde_json::json;

use super::judge::load_rules;
use crate::output;

/// Prints the warnings, with `--json` as an array. Warnings are no failure: the exit code is 0.
pub fn run(rules: &Path, as_json: bool) -> Result<ExitCode> {
    let warnings = lint(&load_rules(rules)?, None);
    if as_json {
        output::print_json(&json!(warnings))?;
    } else {
        for warning in &warnings {
            output::print(&warning.to_string())?;
        }
        output::warn(&match warnings.len() {
            0 => "no warnings".to_owned(),
            1 => "1 warning".to_owned(),
            count => format!("{count} warnings"),
        });
    }
    Ok(ExitCode::SUCCESS)
}
