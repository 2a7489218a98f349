//! Logs, on standard error.

use std::io::IsTerminal as _;

use chrono::{SecondsFormat, Utc};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

const OURS: [&str; 13] = [
    "lakegate",
    "lakegate_alarms",
    "lakegate_aws",
    "lakegate_catalog_glue",
    "lakegate_lambda",
    "lakegate_quality",
    "lakegate_redaction",
    "lakegate_reports",
    "lakegate_pipeline",
    "lakegate_lake",
    "lakegate_source_rds",
    "lakegate_source_survey",
    "lakegate_source_clicks",
];

/// Starts logging for a machine that collects lines: a flat JSON object each, with the invocation, job and run that it is about.
pub fn start_for_machines(verbose: u8) {
    // What the runtime says of an error is its answer once more, as a debug text and outside of our spans.
    let filter = filter(verbose, "off");
    let filter = "lambda_runtime=off".parse().map_or(filter.clone(), |quiet| filter.add_directive(quiet));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .fmt_fields(JsonFields::new())
        .event_format(FlatJson)
        .with_writer(std::io::stderr);
    let _ = lines.finish().try_init();
}

/// What other crates warn of reaches people as our errors, without their backtraces.
fn filter(verbose: u8, others: &str) -> EnvFilter {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    EnvFilter::new(OURS.iter().fold(others.to_owned(), |filter, name| format!("{filter},{name}={level}")))
}

/// Starts logging: warnings by default, more with `-v`. Crates that may log what they read stay silent below warnings,
/// whatever is asked: their traces could show values that redaction would have removed.
pub fn start(verbose: u8, as_json: bool) {
    let filter = filter(verbose, if verbose == 0 { "off" } else { "warn" });
    let coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(coloured).with_writer(std::io::stderr);
    // A second start, as in tests, changes nothing.
    let _ = if as_json { builder.json().finish().try_init() } else { builder.with_target(false).finish().try_init() };
}

/// One flat object: what the spans around an event say stands beside what it says itself.
struct FlatJson;

impl<S> FormatEvent<S, JsonFields> for FlatJson
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let mut line = Map::new();
        line.insert("timestamp".to_owned(), Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true).into());
        line.insert("level".to_owned(), event.metadata().level().as_str().into());
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            let extensions = span.extensions();
            let fields = extensions.get::<FormattedFields<JsonFields>>().map(|fields| fields.fields.as_str());
            let fields: Option<Map<String, Value>> = fields.and_then(|text| serde_json::from_str(text).ok());
            line.extend(fields.into_iter().flatten());
        }
        event.record(&mut Members(&mut line));
        writeln!(writer, "{}", Value::Object(line))
    }
}

/// Collects the fields of an event.
struct Members<'a>(&'a mut Map<String, Value>);

impl Visit for Members<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}
