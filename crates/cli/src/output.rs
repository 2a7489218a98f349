//! Writing to standard output and standard error.

use std::io::Write as _;

use lakegate_contract::{Error, Result};
use serde_json::Value;

/// Prints a text and a line break to standard output.
///
/// # Errors
/// When standard output is closed, as by `| head`.
pub fn print(text: &str) -> Result<()> {
    writeln!(std::io::stdout().lock(), "{text}").map_err(closed)
}

/// Prints one JSON value to standard output.
///
/// # Errors
/// When standard output is closed.
pub fn print_json(value: &Value) -> Result<()> {
    print(&format!("{value:#}"))
}

/// Prints a text to standard error, where nobody may listen.
pub fn warn(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

fn closed(error: std::io::Error) -> Error {
    Error::unavailable(format!("standard output cannot be written: {}", error.kind()))
}
