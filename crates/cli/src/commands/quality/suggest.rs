//! A first ruleset from a dataset.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::ExitCode;

use lakegate_contract::{Error, Result};
use lakegate_quality::{SuggestOptions, Suggested, suggest};
use serde_json::json;

use super::arguments::SuggestArguments;
use crate::cloud::end_on_signals;
use crate::dataset::Datasets;
use crate::output;

/// Profiles, judges and writes.
pub async fn run(arguments: &SuggestArguments, as_json: bool) -> Result<ExitCode> {
    if let Some(path) = &arguments.output {
        refuse_existing(path)?;
        output::refuse_unwritable(path)?;
    }
    end_on_signals();
    let datasets = Datasets::new(arguments.memory_limit)?;
    let schema = datasets.register("primary", &arguments.data).await?.schema;
    let mut references = BTreeMap::new();
    for (name, place) in &arguments.references {
        references.insert(name.clone(), datasets.register(name, place).await?.schema);
    }
    let name = arguments.table_name.clone().unwrap_or_else(|| name_of(&arguments.data));
    let sensitive = |text: &str| lakegate_redaction::looks_like(text).map(|kind| kind.as_str());
    let options = SuggestOptions { table: &name, references: &references, sensitive };
    let suggested = match suggest(datasets.context(), &schema, &options).await {
        Ok(suggested) => suggested,
        Err(error) => return Err(datasets.explained(error.within(&arguments.data)).await),
    };
    if let Some(path) = &arguments.output {
        write_new(path, &suggested.text)?;
    }
    report(arguments, &suggested, as_json)?;
    Ok(ExitCode::SUCCESS)
}

fn report(arguments: &SuggestArguments, suggested: &Suggested, as_json: bool) -> Result<()> {
    if as_json {
        return output::print_json(&json!({
            "data": arguments.data,
            "output": arguments.output,
            "rows": suggested.rows,
            "rules": suggested.rules,
            "dropped": suggested.dropped,
            "ruleset": suggested.text,
        }));
    }
    match &arguments.output {
        None => output::print(suggested.text.trim_end()),
        Some(path) => output::print(&format!(
            "{} rules written to {}: each holds on the {} rows of {}; read them before you rely on them",
            suggested.rules,
            path.display(),
            suggested.rows,
            arguments.data
        )),
    }
}

/// The name of the file without its endings, or that of the folder.
fn name_of(data: &str) -> String {
    let name = data.trim_end_matches('/').rsplit('/').next().unwrap_or(data);
    name.split('.').find(|part| !part.is_empty()).unwrap_or(name).to_owned()
}

/// A ruleset that somebody has worked on is not written over.
fn refuse_existing(path: &Path) -> Result<()> {
    if path.exists() { Err(existing(path)) } else { Ok(()) }
}

fn existing(path: &Path) -> Error {
    Error::usage("the file exists already").at(path.display().to_string()).help("name another file, or delete this one")
}

fn write_new(path: &Path, text: &str) -> Result<()> {
    let failed = |e: std::io::Error| match e.kind() {
        ErrorKind::AlreadyExists => existing(path),
        _ => output::unwritable(&e, path),
    };
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|e| output::unwritable(&e, path))
}
