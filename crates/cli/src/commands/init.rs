//! `lakegate init`: a new project.

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
    if global.json {
        output::print_json(
            &json!({ "project": folder, "files": TEMPLATE.iter().map(|(name, _)| name).collect::<Vec<_>>() }),
        )?;
    } else {
        let files = TEMPLATE.iter().map(|(name, _)| format!("  {name}")).collect::<Vec<_>>().join("\n");
        output::print(&format!(
            "made a project in {}\n{files}\n\nnext: export SHOP_DATABASE_URL=postgres://…, then\n  lakegate --project {0} check\n  lakegate --project {0} run",
            folder.display()
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
