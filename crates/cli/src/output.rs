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

/// What a file that cannot be written means: a path that is wrong, or a disk that may recover.
pub fn unwritable(error: &std::io::Error, path: &std::path::Path) -> Error {
    use std::io::ErrorKind as Kind;
    let found = format!("the file cannot be written: {}", error.kind());
    let out = match error.kind() {
        Kind::NotFound
        | Kind::PermissionDenied
        | Kind::IsADirectory
        | Kind::NotADirectory
        | Kind::ReadOnlyFilesystem
        | Kind::InvalidFilename => {
            Error::usage(found).help("name a file in a folder that exists and may be written to")
        }
        _ => Error::unavailable(found),
    };
    out.at(path.display().to_string())
}

/// Prints a text to standard error, where nobody may listen.
pub fn warn(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

fn closed(error: std::io::Error) -> Error {
    Error::unavailable(format!("standard output cannot be written: {}", error.kind()))
}
