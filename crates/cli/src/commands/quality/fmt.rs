//! `lakegate quality fmt`: rulesets in canonical form.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lakegate_contract::{Class, Error, Result};
use lakegate_quality::{format, text_of};
use serde_json::json;

use super::arguments::FmtArguments;
use super::judge::{read_rules, unread_rules};
use crate::output;

/// Formats the files, or says which of them would change: then the exit code is 2.
pub fn run(arguments: &FmtArguments, as_json: bool) -> Result<ExitCode> {
    if arguments.files.iter().any(|file| file == Path::new("-")) {
        return standard_input(arguments, as_json);
    }
    // All are read before one is written: a mistake in one leaves them all as they are.
    let (mut changed, mut problems) = (Vec::new(), Vec::new());
    let files = rulesets(&arguments.files)?;
    for path in &files {
        match reformatted(path) {
            Ok(Some(formatted)) => changed.push((path, formatted)),
            Ok(None) => {}
            Err(problem) => problems.push(problem),
        }
    }
    if let Some(problem) = Error::first_of(problems) {
        return Err(problem);
    }
    if !arguments.check {
        for (path, formatted) in &changed {
            replace(path, formatted)?;
        }
    }
    let names: Vec<String> = changed.iter().map(|(path, _)| path.display().to_string()).collect();
    report(arguments.check, files.len(), &names, as_json)
}

/// The canonical text of a file that has another one.
fn reformatted(path: &Path) -> Result<Option<String>> {
    let text = read_rules(path)?;
    let formatted = format(&text, &path.display().to_string())?;
    Ok((formatted != text).then_some(formatted))
}

fn report(check: bool, files: usize, changed: &[String], as_json: bool) -> Result<ExitCode> {
    if as_json {
        output::print_json(&json!({ "files": files, "changed": changed, "written": !check }))?;
    } else {
        for name in changed {
            output::print(name)?;
        }
    }
    let not_canonical = check && !changed.is_empty();
    if not_canonical {
        output::warn(&format!(
            "{} of {files} rulesets are not in canonical form: `lakegate quality fmt` makes them so",
            changed.len()
        ));
    }
    Ok(if not_canonical { ExitCode::from(Class::Usage.exit_code()) } else { ExitCode::SUCCESS })
}

/// From standard input to standard output; with `--check` nothing is printed.
fn standard_input(arguments: &FmtArguments, as_json: bool) -> Result<ExitCode> {
    if arguments.files.len() > 1 {
        return Err(Error::usage("`-` stands beside other files").expected("`-` alone, or files"));
    }
    let mut bytes = Vec::new();
    let name = "standard input";
    std::io::stdin().lock().read_to_end(&mut bytes).map_err(|error| unread_rules(&error, name))?;
    let text = text_of(bytes, name)?;
    let formatted = format(&text, name)?;
    if arguments.check {
        let changed = if formatted == text { Vec::new() } else { vec![name.to_owned()] };
        return report(true, 1, &changed, as_json);
    }
    if as_json {
        output::print_json(&json!({ "text": formatted, "changed": formatted != text }))?;
    } else {
        output::print(formatted.trim_end_matches('\n'))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The files, and those of the folders that end in .dqdl.
fn rulesets(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let name = path.display().to_string();
        let entries = std::fs::read_dir(path).map_err(|error| unread_rules(&error, &name))?;
        let mut found: Vec<PathBuf> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|p| p.extension().is_some_and(|e| e == "dqdl"))
            .collect();
        if found.is_empty() {
            return Err(Error::usage("the folder holds no .dqdl file").at(name));
        }
        found.sort();
        files.append(&mut found);
    }
    Ok(files)
}

/// The file is its old or its new text at any time, and keeps its permissions; a link stays a link.
fn replace(path: &Path, text: &str) -> Result<()> {
    let failed = |error: std::io::Error| output::unwritable(&error, path);
    let target = path.canonicalize().map_err(failed)?;
    let folder = target.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    let permissions = std::fs::metadata(&target).map_err(failed)?.permissions();
    file.as_file().set_permissions(permissions).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(&target).map_err(|error| failed(error.error))?;
    Ok(())
}
