//! The `lakegate` program.

mod arguments;
mod cloud;
mod commands;
mod context;
mod dataset;
mod embedded;
mod errors;
mod freshness;
mod lambda;
mod logging;
mod output;
mod progress;
mod runner;
mod sources;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;
use lakegate_contract::{Class, Error, Result};

use crate::arguments::{Arguments, Command};

/// Arrow's buffers are large and short-lived: this allocator gives them back, where the system's keeps them.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // As the bootstrap of a function the program is started without a word.
    let words = lambda::is_bootstrap().then(|| ["bootstrap".into(), "lambda".into()].into_iter().collect());
    let words: Vec<OsString> = words.unwrap_or_else(|| std::env::args_os().collect());
    let arguments = match Arguments::try_parse_from(words) {
        Ok(arguments) => arguments,
        Err(error) => return refused_arguments(&error),
    };
    match arguments.command {
        Command::Lambda => logging::start_for_machines(arguments.global.verbose.max(1)),
        _ => logging::start(arguments.global.verbose, arguments.global.json),
    }
    let as_json = arguments.global.json;
    match run(arguments) {
        Ok(code) => code,
        // `lakegate … | head` closes the pipe: that is no failure of ours.
        Err(error) if error.found().contains("broken pipe") => ExitCode::SUCCESS,
        Err(error) => {
            output::warn(&errors::render_all(&error));
            if as_json {
                let _ = output::print_json(&errors::report(&error));
            }
            ExitCode::from(error.class().exit_code())
        }
    }
}

/// Also who mistypes an option with `--json` gets one JSON object.
fn refused_arguments(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    if error.use_stderr() && std::env::args_os().any(|a| a == "--json") {
        let text = error.to_string();
        let found = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let _ = output::print_json(&errors::report(&Error::usage(found)));
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

fn run(arguments: Arguments) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::new(Class::Unavailable, format!("threads cannot be started: {}", e.kind())))?;
    let result = runtime.block_on(dispatch(arguments));
    // Threads that still read for an interrupted run are not waited for.
    runtime.shutdown_background();
    lakegate_lake::clear_spill();
    result
}

async fn dispatch(arguments: Arguments) -> Result<ExitCode> {
    let global = &arguments.global;
    match &arguments.command {
        Command::Demo(demo) => commands::demo::run(demo, global).await,
        Command::Init(init) => commands::init::run(init, global),
        Command::Check => commands::check::run(global).await,
        Command::Plan(plan) => commands::plan::run(plan, global).await,
        Command::Run(run) => commands::run::run(run, global).await,
        Command::Report(report) => commands::report::run(report, global).await,
        Command::Query(query) => commands::query::run(query, global).await,
        Command::Quality(quality) => commands::quality::run(quality, global.json).await,
        Command::Quarantine(quarantine) => commands::quarantine::run(quarantine, global).await,
        Command::Runs(runs) => commands::runs::run(runs, global).await,
        Command::Catalog(catalog) => commands::catalog::run(catalog, global).await,
        Command::Doctor => commands::doctor::run(global).await,
        Command::Vacuum(vacuum) => commands::vacuum::run(vacuum, global).await,
        Command::Workflow(workflow) => commands::workflow::run(workflow, global).await,
        Command::Alarms(alarms) => commands::alarms::run(alarms, global).await,
        Command::Redrive(redrive) => commands::redrive::run(redrive, global).await,
        Command::Glue(glue) => commands::glue::run(glue, global).await,
        Command::Lambda => lambda::run(global).await.map(|()| ExitCode::SUCCESS),
    }
}
