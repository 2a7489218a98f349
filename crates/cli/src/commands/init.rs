//! `lakegate init`: a new project.

use std::path::Path;
use std::process::ExitCode;

use lakegate_contract::{Error, Result};
use serde_json::json;

use crate::arguments::{GlobalArguments, InitArguments};
use crate::embedded::{TEMPLATE, write_files};
use crate::output;

/// Writes the template into an empty or new folder.
pub fn run(arguments: &InitArguments, global: &GlobalArguments) -> Result<ExitCode> {
    let folder = &arguments.dir;
    let occupied = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if occupied {
        return Err(Error::usage("the folder is not empty")
            .at(folder.display().to_string())
            .help("name a new folder: lakegate init DIR"));
    }
    write_files(folder, TEMPLATE)?;
    name_project(folder)?;
    if global.json {
        output::print_json(
            &json!({ "project": folder, "files": TEMPLATE.iter().map(|(name, _)| name).collect::<Vec<_>>() }),
        )?;
    } else {
        let files = TEMPLATE.iter().map(|(name, _)| format!("  {name}")).collect::<Vec<_>>().join("\n");
        output::print(&format!(
            "made a project in {}\n{files}\n\nnext: export SHOP_DATABASE_URL=postgres://…, then\n  lakegate --project {0} check\n  lakegate --project {0} run",
            quoted(&folder.display().to_string())
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The project is called like its folder.
fn name_project(folder: &Path) -> Result<()> {
    let canonical = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    let Some(name) = canonical.file_name().map(|n| n.to_string_lossy().replace(['"', '\\'], "")) else { return Ok(()) };
    let path = folder.join("lakegate.toml");
    let failed = |e: std::io::Error| output::unwritable(&e, &path);
    let text = std::fs::read_to_string(&path).map_err(failed)?;
    std::fs::write(&path, text.replacen("name = \"my-shop\"", &format!("name = \"{name}\""), 1)).map_err(failed)
}

/// A path as a shell takes it.
fn quoted(path: &str) -> String {
    let plain = path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-+".contains(&b));
    if plain { path.to_owned() } else { format!("'{}'", path.replace('\'', "'\\''")) }
}
