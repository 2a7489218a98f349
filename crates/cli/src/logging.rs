//! Logs, on standard error.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts logging: warnings by default, more with `-v`. Crates that may log what they read stay silent below warnings,
/// whatever is asked: their traces could show values that redaction would have removed.
pub fn start(verbose: u8, as_json: bool) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let ours = [
        "lakegate",
        "lakegate_aws",
        "lakegate_catalog_glue",
        "lakegate_quality",
        "lakegate_redaction",
        "lakegate_reports",
        "lakegate_pipeline",
        "lakegate_lake",
        "lakegate_source_rds",
        "lakegate_source_survey",
        "lakegate_source_clicks",
    ];
    // What other crates warn of reaches people as our errors, without their backtraces.
    let others = if verbose == 0 { "off" } else { "warn" };
    let filter = ours.iter().fold(others.to_owned(), |filter, name| format!("{filter},{name}={level}"));
    let coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_ansi(coloured)
        .with_writer(std::io::stderr);
    // A second start, as in tests, changes nothing.
    let _ = if as_json { builder.json().finish().try_init() } else { builder.with_target(false).finish().try_init() };
}
