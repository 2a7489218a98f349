//! Writing to standard output and standard error.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use lakegate_contract::{Error, Result};
use serde_json::Value;

/// Prints a text and a line break to standard output. A reader that has seen enough, as `| head`, is no failure: what the command came
/// to, its exit code says.
///
/// # Errors
/// When standard output cannot be written.
pub fn print(text: &str) -> Result<()> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(closed),
    }
}

/// Prints one JSON value to standard output.
///
/// # Errors
/// When standard output cannot be written.
pub fn print_json(value: &Value) -> Result<()> {
    print(&format!("{value:#}"))
}

/// What a file that cannot be written means: a path that is wrong, or a disk that may recover.
pub fn unwritable(error: &std::io::Error, path: &Path) -> Error {
    use std::io::ErrorKind as Kind;
    if let (Kind::NotFound, Some(missing)) = (error.kind(), missing_folder(path)) {
        return missing;
    }
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

/// Refuses a file that could not be written in the end, before the work for it begins.
///
/// # Errors
/// When its folder is not there or may not be written to, or the file itself may not.
pub fn refuse_unwritable(path: &Path) -> Result<()> {
    if path.display().to_string().contains("://") {
        return Err(Error::usage("results are written to files of this machine")
            .at(path.display().to_string())
            .expected("a path"));
    }
    let failed = |e: std::io::Error| unwritable(&e, path);
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            Err(Error::usage("it is a folder").at(path.display().to_string()).expected("the name of a file"))
        }
        Ok(found) if found.is_file() => OpenOptions::new().append(true).open(path).map(drop).map_err(failed),
        // A pipe or a device: to open it may wait for a reader.
        Ok(_) => Ok(()),
        Err(_) => match missing_folder(path) {
            Some(missing) => Err(missing),
            None => tempfile::tempfile_in(folder_of(path)).map(drop).map_err(failed),
        },
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// That the folder of a file is not there, if so.
fn missing_folder(path: &Path) -> Option<Error> {
    let folder = folder_of(path);
    let shown = folder.display();
    let error = match std::fs::metadata(folder) {
        Ok(found) if found.is_dir() => return None,
        Ok(_) => Error::usage(format!("{shown} is a file")).expected("a folder"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Error::usage(format!("there is no folder {shown}")).help(format!("make it: mkdir -p '{shown}'"))
        }
        Err(_) => return None,
    };
    Some(error.at(path.display().to_string()))
}

/// Prints a text to standard error, where nobody may listen.
pub fn warn(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

fn closed(error: std::io::Error) -> Error {
    Error::unavailable(format!("standard output cannot be written: {}", error.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_is_told_before() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "as it was").unwrap();
        let refused = |name: &str| refuse_unwritable(&at(name)).unwrap_err();
        assert!(refused("not/there/x.json").found().ends_with("not/there"));
        assert!(refused("not/there/x.json").advice().unwrap().starts_with("make it: mkdir -p '/"));
        assert!(refused("file/x.json").found().ends_with("file is a file"));
        assert_eq!(refused("").found(), "it is a folder");
        assert!(refuse_unwritable(Path::new("s3://bucket/x.json")).is_err());
        refuse_unwritable(&at("file")).unwrap();
        refuse_unwritable(&at("new")).unwrap();
        assert_eq!(std::fs::read_to_string(at("file")).unwrap(), "as it was");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
