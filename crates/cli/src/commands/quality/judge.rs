//! Judging a dataset.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use chrono::Utc;
use lakegate_contract::{Class, Error, Result};
use lakegate_pipeline::shown_duration;
use lakegate_quality::{DatasetRules, RuleResult, Ruleset, Scope, check_with_references, parse, text_of};
use tokio::sync::oneshot;
use ulid::Ulid;

use super::arguments::{JudgeArguments, ResultFormat};
use super::judgement::{Judgement, RowCounts};
use super::phases::Phases;
use super::row_files::RowFormat;
use super::table::{self, Screen};
use super::{github, glue_result, history, junit, rows};
use crate::cloud::interrupted;
use crate::dataset::{Dataset, Datasets};
use crate::output;

/// How long is waited for the thread that judges once it has been told to stop.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Judges a dataset; the exit code is 3 when a rule keeps the gate closed.
pub async fn run(arguments: &JudgeArguments, as_json: bool) -> Result<ExitCode> {
    refuse_overwriting(arguments)?;
    let format = chosen(arguments, as_json)?;
    let judgement = in_time(arguments.clone()).await?;
    publish(&judgement, format, arguments.output.as_deref(), as_json)?;
    let closed = ExitCode::from(Class::GateClosed.exit_code());
    Ok(if judgement.opens_gate() { ExitCode::SUCCESS } else { closed })
}

/// The format: the one that was asked for, else that of the file's name, else what suits the reader.
fn chosen(arguments: &JudgeArguments, as_json: bool) -> Result<ResultFormat> {
    let ending = arguments.output.as_ref().and_then(|path| path.extension()).and_then(|e| e.to_str());
    let format = match (arguments.format, ending) {
        (Some(format), _) => format,
        (None, Some("json")) => ResultFormat::Json,
        (None, Some("xml")) => ResultFormat::Junit,
        (None, Some(ending)) if ending != "txt" => {
            return Err(Error::usage(format!("the ending `.{ending}` of --output is that of no result"))
                .expected(".json, .xml (JUnit) or .txt (the table), or --format"));
        }
        (None, None) if as_json => ResultFormat::Json,
        (None, _) => ResultFormat::Table,
    };
    if as_json && arguments.output.is_none() && format != ResultFormat::Json {
        return Err(Error::usage("--json and --format want different things on standard output")
            .expected("one of them, or -o FILE for the formatted result"));
    }
    Ok(format)
}

/// Judges on a thread of its own: a plan may compute for long without a pause in which anybody could look at the clock.
async fn in_time(arguments: JudgeArguments) -> Result<Judgement> {
    let limit = arguments.timeout;
    let runtime = tokio::runtime::Handle::current();
    let (stop, stopped) = oneshot::channel::<()>();
    let mut thread = tokio::task::spawn_blocking(move || {
        runtime.block_on(async {
            tokio::select! { judged = judge(arguments) => Some(judged), _ = stopped => None }
        })
    });
    let why = tokio::select! {
        judged = &mut thread => {
            return judged.ok().flatten().unwrap_or_else(|| Err(Error::bug("judging has stopped")));
        }
        limit = passed(limit) => {
            Error::unavailable(format!("the data was not judged within {}", shown_duration(limit)))
                .help("raise --timeout; nothing was written")
        }
        () = interrupted() => Error::new(Class::Interrupted, "interrupted before the data was judged"),
    };
    // Files that were begun are removed on its way out.
    drop(stop);
    let _ = tokio::time::timeout(LAST_WORDS, thread).await;
    Err(why)
}

/// Ends when the time is over, if there is a limit to it.
async fn passed(limit: Option<Duration>) -> Duration {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
    limit.unwrap_or_default()
}

async fn judge(arguments: JudgeArguments) -> Result<Judgement> {
    let started = Utc::now();
    let phases = Phases::begin();
    let options = arguments.options();
    let ruleset = load_rules(&arguments.rules)?;
    let datasets = Datasets::new(arguments.memory_limit)?;
    phases.now(format!("looking at {}", arguments.data));
    let primary = datasets.register("primary", &arguments.data).await?;
    let mut references: BTreeMap<String, SchemaRef> = BTreeMap::new();
    for (name, place) in &arguments.references {
        phases.now(format!("looking at {place}"));
        references.insert(name.clone(), datasets.register(name, place).await?.schema);
    }
    references.insert("primary".to_owned(), SchemaRef::clone(&primary.schema));
    if let Some(problem) = Error::first_of(check_with_references(&ruleset, "primary", &references).await) {
        return Err(problem);
    }
    if arguments.row_outcomes.is_some() || arguments.bad_rows.is_some() {
        rows::refuse_names(&primary)?;
    }
    phases.now(format!("judging {} rules", ruleset.rules().len()));
    let rules = DatasetRules::compile(&ruleset, SchemaRef::clone(&primary.schema), Scope::Whole, &options)?;
    let rules = super::files::known(rules, &ruleset, &arguments.data, &primary).await?;
    let history = history::read(arguments.history.as_deref())?;
    let evaluation = match rules.evaluate(datasets.context(), &history).await {
        Ok(evaluation) => evaluation,
        Err(error) => return Err(datasets.explained(error).await),
    };
    if evaluation.outcomes.iter().any(|outcome| outcome.result == RuleResult::Error) {
        // The statement of a rule may have met what cannot be read: then it is the data that is wrong.
        datasets.refuse_broken().await?;
    }
    let rows = match write_rows(&arguments, &datasets, &primary, &ruleset, &evaluation.unjudged, &phases).await {
        Ok(rows) => rows,
        Err(error) => return Err(datasets.explained(error).await),
    };
    let id = format!("dqresult-{}", Ulid::generate().to_string().to_lowercase());
    if let Some(path) = &arguments.history {
        history::add(path, &id, started, &evaluation)?;
    }
    Ok(Judgement {
        id,
        rules: arguments.rules.display().to_string(),
        data: arguments.data,
        references: arguments.references,
        files: primary.version.is_none().then_some(primary.files.len()),
        version: primary.version,
        started,
        completed: Utc::now(),
        outcomes: evaluation.outcomes,
        analyzers: evaluation.analyzers,
        rows,
    })
}

async fn write_rows(
    arguments: &JudgeArguments,
    datasets: &Datasets,
    primary: &Dataset,
    ruleset: &Ruleset,
    unjudged: &BTreeSet<usize>,
    phases: &Phases,
) -> Result<Option<RowCounts>> {
    let paths = [arguments.row_outcomes.as_ref(), arguments.bad_rows.as_ref()];
    if paths.iter().all(Option::is_none) {
        return Ok(None);
    }
    rows::write(datasets, primary, ruleset, &arguments.options(), unjudged, paths, phases).await.map(Some)
}

/// The result in its format: to the file, with the table for the terminal, or to standard output.
fn publish(judgement: &Judgement, format: ResultFormat, file: Option<&Path>, as_json: bool) -> Result<()> {
    let json = || format!("{:#}", glue_result::to_json(judgement));
    let text = match format {
        ResultFormat::Table if file.is_none() => table::render(judgement, Screen::of_output()),
        ResultFormat::Table => table::render(judgement, Screen::none()),
        ResultFormat::Json => json(),
        ResultFormat::Junit => junit::render(judgement)?.trim_end().to_owned(),
        ResultFormat::Github => github::render(judgement),
    };
    if format == ResultFormat::Github {
        github::summarize(judgement)?;
    }
    let Some(path) = file else { return output::print(&text) };
    std::fs::write(path, text + "\n").map_err(|e| output::unwritable(&e, path))?;
    output::print(&if as_json { json() } else { table::render(judgement, Screen::of_output()) })
}

/// Outputs must not take the place of what is read, nor of one another.
fn refuse_overwriting(arguments: &JudgeArguments) -> Result<()> {
    let mut outputs: Vec<(&str, PathBuf)> = Vec::new();
    for (option, path, of_rows) in [
        ("--row-outcomes", &arguments.row_outcomes, true),
        ("--bad-rows", &arguments.bad_rows, true),
        ("--output", &arguments.output, false),
        ("--history", &arguments.history, false),
    ] {
        let Some(path) = path else { continue };
        if of_rows {
            RowFormat::of(path)?;
        }
        output::refuse_unwritable(path)?;
        let Some(resolved) = resolved(path) else { continue };
        let inputs = arguments.references.iter().map(|(_, place)| place).chain([&arguments.data]);
        for input in inputs.map(Path::new).chain([arguments.rules.as_path()]) {
            let overwrites = |input: PathBuf| resolved == input || (of_rows && resolved.starts_with(input));
            if input.canonicalize().is_ok_and(overwrites) {
                return Err(Error::usage(format!("{option} would overwrite what is read, or be read the next time"))
                    .at(path.display().to_string())
                    .help("name another file"));
            }
        }
        if let Some((other, _)) = outputs.iter().find(|(_, other)| *other == resolved) {
            return Err(Error::usage(format!("{other} and {option} name the same file")).at(path.display().to_string()));
        }
        outputs.push((option, resolved));
    }
    Ok(())
}

/// A path without links, also one of a file that does not exist yet.
fn resolved(path: &Path) -> Option<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    path.canonicalize().ok().or_else(|| Some(folder.canonicalize().ok()?.join(path.file_name()?)))
}

/// The ruleset of a file.
pub fn load_rules(path: &Path) -> Result<Ruleset> {
    let name = path.display().to_string();
    parse(&read_rules(path)?, &name)
}

/// The text of a ruleset's file.
pub fn read_rules(path: &Path) -> Result<String> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| unread_rules(&error, &name))?;
    text_of(bytes, &name)
}

/// Why a ruleset cannot be read.
pub fn unread_rules(error: &std::io::Error, name: &str) -> Error {
    let error = match error.kind() {
        ErrorKind::NotFound => Error::usage("there is no such ruleset"),
        ErrorKind::IsADirectory => Error::usage("it is a folder").expected("the file of a ruleset"),
        ErrorKind::PermissionDenied => Error::usage("the ruleset may not be read by you"),
        kind => Error::usage(format!("the ruleset cannot be read: {kind}")),
    };
    error.at(name)
}
