//! `--history FILE`: what earlier judgements measured, one value a line, newest judgement last.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use chrono::{DateTime, Utc};
use lakegate_contract::{Error, Result};
use lakegate_quality::{Evaluation, History};
use serde::{Deserialize, Serialize};

use crate::output;

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    judgement: String,
    at: DateTime<Utc>,
    gate: Gate,
    series: String,
    value: f64,
}

/// Whether a rule kept the gate shut.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Gate {
    Open,
    Closed,
}

/// What the file holds; nothing where there is no file yet.
///
/// # Errors
/// When it cannot be read, or a line is none of a history.
pub fn read(path: Option<&Path>) -> Result<History> {
    let mut history = History::new();
    let Some(path) = path else { return Ok(history) };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(history),
        Err(error) => {
            return Err(
                Error::usage(format!("the history cannot be read: {}", error.kind())).at(path.display().to_string())
            );
        }
    };
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        lines.push(serde_json::from_str::<Line>(line).map_err(|_| {
            Error::usage("the line is none of a history")
                .at(format!("{}:{number}", path.display()))
                .expected("what `lakegate quality --history` wrote: judgement, at, gate, series, value")
                .help("name another file, or delete the line")
        })?);
    }
    for line in lines.into_iter().rev() {
        let value = [(line.series, line.value)];
        match line.gate {
            Gate::Open => history.add_older(line.at, value),
            Gate::Closed => history.add_older_refused(line.at, value),
        }
    }
    Ok(history)
}

/// Adds what a judgement measured, in one write.
///
/// # Errors
/// When it cannot be written.
pub fn add(path: &Path, judgement: &str, at: DateTime<Utc>, evaluation: &Evaluation) -> Result<()> {
    let gate = if evaluation.closes_gate() { Gate::Closed } else { Gate::Open };
    let mut text = String::new();
    for (series, value) in evaluation.series.iter().filter(|(_, value)| value.is_finite()) {
        let line = Line { judgement: judgement.to_owned(), at, gate, series: series.clone(), value: *value };
        text.push_str(
            &serde_json::to_string(&line).map_err(|e| Error::bug("a history cannot be written").caused_by(e))?,
        );
        text.push('\n');
    }
    let file = OpenOptions::new().create(true).append(true).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|e| output::unwritable(&e, path))
}
