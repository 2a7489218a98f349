//! `lakegate glue`: jobs, with the arguments that AWS Glue gives to what it runs: `--JOB_NAME name --key value …`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use lakegate_contract::{Error, Result};
use lakegate_pipeline::{Silent, Trigger};

use crate::arguments::{GlobalArguments, GlueArguments};
use crate::commands::run::{show, stop_on_signals};
use crate::context;
use crate::runner::{Runner, Selection};

const PREFIX: &str = "--lakegate_";
const OURS: [&str; 7] = [
    "--lakegate_jobs",
    "--lakegate_env",
    "--lakegate_project",
    "--lakegate_force",
    "--lakegate_resume",
    // Those of the launcher.
    "--lakegate_package",
    "--lakegate_variables",
];

/// What Glue's arguments ask for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    jobs: Vec<String>,
    environment: Option<String>,
    project: Option<PathBuf>,
    force: bool,
    resume: bool,
    run: Option<String>,
}

/// Runs the jobs that are named.
pub async fn run(arguments: &GlueArguments, global: &GlobalArguments) -> Result<ExitCode> {
    let asked = parse(&arguments.arguments)?;
    let global = GlobalArguments {
        project: asked.project.or_else(|| global.project.clone()),
        env: asked.environment.or_else(|| global.env.clone()),
        ..global.clone()
    };
    let project = context::project(&global)?;
    let mut runner = Runner::new(&project, Arc::new(Silent)).await?;
    runner.refuse_local_lake()?;
    runner.force = asked.force;
    runner.trigger = Trigger::Schedule;
    // Glue's own event of the run then tells nothing twice.
    runner.occasion = asked.run.map(|run| format!("Glue {run}"));
    stop_on_signals(runner.cancellation.clone());
    let selection = Selection::of(asked.resume, &asked.jobs);
    show(&runner.workflow(selection).await?, global.json)
}

/// Glue passes pairs of a key and a value, or `--key=value`, and some keys without a value.
fn parse(words: &[String]) -> Result<Asked> {
    let (mut asked, mut seen) = (Asked::default(), BTreeSet::<&str>::new());
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        let Some(_) = word.strip_prefix("--") else {
            return Err(refused(word).expected("--key value, as Glue passes arguments"));
        };
        let (key, value) = match word.split_once('=') {
            Some((key, value)) => (key, Some(value.to_owned())),
            None => (word.as_str(), words.next_if(|next| !next.starts_with("--")).cloned()),
        };
        if key.starts_with(PREFIX) && !OURS.contains(&key) {
            let error = refused(key).expected(format!("one of {}", OURS.join(", ")));
            return Err(error.suggesting(key, OURS));
        }
        if key.starts_with(PREFIX) && !seen.insert(key) {
            return Err(Error::usage(format!("`{key}` is there twice"))
                .expected("each argument once; several jobs have commas between them"));
        }
        let needed = || {
            let missing = || Error::usage(format!("`{key}` has no value")).expected("a value after it");
            value.clone().filter(|v| !v.is_empty()).ok_or_else(missing)
        };
        match key {
            "--lakegate_jobs" => asked.jobs = names(&needed()?)?,
            "--lakegate_env" => asked.environment = Some(needed()?),
            "--lakegate_project" => asked.project = Some(PathBuf::from(needed()?)),
            "--lakegate_force" => asked.force = truth(key, value.as_deref())?,
            "--lakegate_resume" => asked.resume = truth(key, value.as_deref())?,
            "--JOB_RUN_ID" => asked.run = value,
            _ => {}
        }
    }
    if asked.resume && !asked.jobs.is_empty() {
        return Err(refused("--lakegate_resume").expected("no --lakegate_jobs beside it: a workflow has its own jobs"));
    }
    Ok(asked)
}

fn names(list: &str) -> Result<Vec<String>> {
    let names: Vec<String> =
        list.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    match names.as_slice() {
        [] => Err(refused("--lakegate_jobs").expected("names of jobs, with commas between them")),
        [all] if all == "all" => Ok(Vec::new()),
        _ => Ok(names),
    }
}

fn truth(key: &str, value: Option<&str>) -> Result<bool> {
    match value {
        None | Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(_) => Err(Error::usage(format!("`{key}` has another value")).expected("true or false")),
    }
}

fn refused(word: &str) -> Error {
    Error::usage(format!("`{word}` is not an argument that lakegate takes from Glue"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Asked> {
        parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn glues_own_arguments_pass_and_ours_are_read() {
        let asked = of("--JOB_NAME nightly --JOB_ID j_1 --JOB_RUN_ID jr_7 --enable-metrics --TempDir s3://b/t \
             --lakegate_jobs orders,clicks --lakegate_env=prod --lakegate_force true --job-bookmark-option job-bookmark-disable");
        let expected = Asked {
            jobs: vec!["orders".to_owned(), "clicks".to_owned()],
            environment: Some("prod".to_owned()),
            force: true,
            run: Some("jr_7".to_owned()),
            ..Asked::default()
        };
        assert_eq!(asked.unwrap(), expected);
        assert_eq!(of("").unwrap(), Asked::default());
        assert_eq!(of("--lakegate_jobs all --lakegate_force false").unwrap(), Asked::default());
    }

    #[test]
    fn a_misspelt_argument_does_not_run_everything() {
        assert_eq!(of("--lakegate_job orders").unwrap_err().advice(), Some("did you mean `--lakegate_jobs`?"));
        for bad in [
            "orders",
            "--lakegate_jobs",
            "--lakegate_jobs ,",
            "--lakegate_force maybe",
            "--lakegate_jobs a --lakegate_jobs b",
            "--lakegate_resume --lakegate_jobs a",
            "--lakegate_env --JOB_NAME x",
        ] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }
}
