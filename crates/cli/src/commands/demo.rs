//! `lakegate demo`: a sample shop, all its jobs, all its reports.

use std::collections::BTreeMap;
use std::process::ExitCode;

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use lakegate_contract::{Error, Result};
use lakegate_pipeline::Project;
use lakegate_reports::LocalEngine;
use lakegate_sample_shop::{Options, generate};
use serde_json::json;
use std::io::IsTerminal as _;
use std::path::Path;

use crate::arguments::{DemoArguments, GlobalArguments};
use crate::commands::{report, run};
use crate::embedded::{SHOP, write_files};
use crate::runner::Selection;
use crate::{context, output};

/// Remembers which shop a folder holds.
const MARK: &str = "data/sample.json";

/// Makes the shop, loads it, prints its five reports.
pub async fn run(arguments: &DemoArguments, global: &GlobalArguments) -> Result<ExitCode> {
    let folder = &arguments.dir;
    refuse_other_contents(folder, &mark_of(arguments))?;
    write_files(folder, SHOP)?;
    make_data(folder, arguments, global.json)?;
    let root =
        folder.canonicalize().map_err(|e| Error::bug(format!("the new folder cannot be opened: {}", e.kind())))?;
    let project = Project::load(&root, global.env.as_deref())?;
    let finished = run::run_jobs(&project, Selection::Jobs(&[]), false, global.json).await?;
    let mut shown = Vec::new();
    let engine = LocalEngine::new(context::lake(&project).await?, project.memory_limit());
    if !global.json {
        output::print(&run::table(&finished))?;
    }
    run::tell(&finished);
    let code = run::exit_code(&finished);
    if code != ExitCode::SUCCESS {
        return Ok(code);
    }
    for named in report::load(&project)? {
        let result = engine.run(&named, &BTreeMap::new()).await?;
        if global.json {
            let rows: serde_json::Value = serde_json::from_str(result.to_json()?.get())
                .map_err(|e| Error::bug("a result is no JSON").caused_by(e))?;
            shown.push(json!({ "report": named.name, "title": named.title, "rows": rows }));
        } else {
            output::print(&format!("\n{} ({})\n{}", named.title, named.name, head(&result.to_table()?)))?;
        }
    }
    if global.json {
        output::print_json(&json!({ "project": root, "reports": shown }))?;
    } else {
        output::print(&next_steps(folder, &root))?;
    }
    Ok(code)
}

fn mark_of(arguments: &DemoArguments) -> String {
    json!({ "scale": arguments.scale, "seed": arguments.seed }).to_string()
}

/// A demo goes to a new folder, or to one that holds the same demo.
fn refuse_other_contents(folder: &Path, mark: &str) -> Result<()> {
    let occupied = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    let (found, help) = match std::fs::read_to_string(folder.join(MARK)) {
        Ok(same) if same == mark => return Ok(()),
        Ok(other) => (
            format!("the folder holds a demo of another size: {other}"),
            "name another folder with --dir, or remove this one",
        ),
        Err(_) if !occupied => return Ok(()),
        Err(_) => ("the folder holds something else".to_owned(), "name another: lakegate demo --dir DIR"),
    };
    Err(Error::usage(found).at(folder.display().to_string()).help(help))
}

/// The first rows of a table, and how many there are more.
fn head(table: &str) -> String {
    const LINES: usize = 15;
    let lines: Vec<&str> = table.lines().collect();
    if lines.len() <= LINES {
        return table.to_owned();
    }
    let shown = lines.get(..LINES - 1).unwrap_or_default().join("\n");
    format!("{shown}\n{}\n  … and {} more rows", lines.last().unwrap_or(&""), lines.len() - LINES)
}

fn next_steps(folder: &Path, root: &Path) -> String {
    let size = folder_size(&root.join("lake"));
    format!(
        "\nThe lake is {} in {}/lake: any reader of Delta Lake or Parquet opens it.\nTry:\n  lakegate --project {1} report category_sales --format csv\n  \
         lakegate --project {1} query 'SELECT count(*) FROM clicks'\n  lakegate --project {1} run        # nothing has changed: nothing to do",
        HumanBytes(size),
        folder.display()
    )
}

fn folder_size(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => folder_size(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

/// Makes the data, unless the folder holds the same shop already.
fn make_data(folder: &Path, arguments: &DemoArguments, quiet: bool) -> Result<()> {
    let mark = mark_of(arguments);
    let path = folder.join(MARK);
    if std::fs::read_to_string(&path).is_ok_and(|found| found == mark) {
        return Ok(());
    }
    let visible = std::io::stderr().is_terminal() && !quiet;
    let bar = ProgressBar::with_draw_target(
        None,
        if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() },
    );
    if let Ok(style) = ProgressStyle::with_template("making {msg:<10} [{bar:30}] {human_pos}/{human_len}") {
        bar.set_style(style);
    }
    let options = Options { scale: arguments.scale, seed: arguments.seed, canary: None };
    generate(folder, &options, &|progress| {
        bar.set_message(progress.part);
        bar.set_length(progress.all);
        bar.set_position(progress.done);
    })?;
    bar.finish_and_clear();
    std::fs::write(&path, mark).map_err(|e| output::unwritable(&e, &path))
}
