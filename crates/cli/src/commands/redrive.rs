//! `lakegate redrive`: what a Lambda function could not serve, once its cause is gone.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use comfy_table::{ContentArrangement, Table, presets};
use lakegate_aws::{Queue, ReceivedMessage};
use lakegate_contract::{Error, Result};
use lakegate_lambda::{DeadLetter, Event};
use lakegate_pipeline::{Silent, Trigger, WorkflowState, WorkflowStatus};
use serde_json::{Value, json};

use crate::arguments::{GlobalArguments, RedriveArguments};
use crate::commands::run::{most_telling, rank, stop_on_signals};
use crate::lambda::{Group, Refusal, glue_job, serve_uploads};
use crate::runner::{Runner, Selection};
use crate::{context, errors, output};

/// How long others do not see a message that is being served: as long as a function may run, and some.
const HIDDEN: Duration = Duration::from_secs(1_200);
/// Messages that are served before more are received.
const AT_ONCE: usize = 10;
/// The same while messages are only shown.
const HIDDEN_WHILE_SHOWN: Duration = Duration::from_secs(60);

/// Serves dead letters again, shows them, or takes one away.
pub async fn run(arguments: &RedriveArguments, global: &GlobalArguments) -> Result<ExitCode> {
    let project = context::project(global)?;
    let url = project.lambda()?.dead_letters.ok_or_else(|| {
        Error::usage("the project has no queue of dead letters")
            .at("lakegate.toml")
            .expected("dead_letters = \"https://sqs…\" under [lambda], or under the environment: [env.prod.lambda]")
    })?;
    let mut runner = Runner::new(&project, Arc::new(Silent)).await?;
    runner.trigger = Trigger::Event;
    let queue = Queue::new(&runner.services.aws, url).await?;
    if let Some(id) = &arguments.discard {
        return discard(&queue, id, arguments.limit, global).await;
    }
    if arguments.list {
        let letters = receive(&queue, HIDDEN_WHILE_SHOWN, arguments.limit).await?;
        return list(&queue, &letters, global).await;
    }
    stop_on_signals(runner.cancellation.clone());
    serve(runner, &queue, arguments.limit, global).await
}

/// All messages that there are, or so many; each stays hidden from others for a time.
async fn receive(queue: &Queue, hidden: Duration, limit: usize) -> Result<Vec<ReceivedMessage>> {
    let mut letters: Vec<ReceivedMessage> = Vec::new();
    let mut empty = 0;
    // A queue has many servers, and an answer without messages is not yet the end.
    while letters.len() < limit && empty < 2 {
        let more = queue.receive(hidden, limit - letters.len()).await?;
        empty = if more.is_empty() { empty + 1 } else { 0 };
        letters.extend(more);
    }
    Ok(letters)
}

async fn list(queue: &Queue, letters: &[ReceivedMessage], global: &GlobalArguments) -> Result<ExitCode> {
    for letter in letters {
        queue.give_back(letter).await?;
    }
    tell_hidden(queue).await;
    let shown: Vec<Value> = letters.iter().map(describe).collect();
    if global.json {
        output::print_json(&json!({ "queue": queue.name(), "messages": shown }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["message", "since", "what", "job", "reason"]);
    for letter in &shown {
        let text = |key: &str| letter.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        table.add_row([text("message"), text("since"), text("what"), text("job"), text("reason")]);
    }
    output::print(&format!("{}: {} messages\n{table}", queue.name(), shown.len()))?;
    Ok(ExitCode::SUCCESS)
}

/// Messages that somebody is serving, or was when he was killed: they come back by themselves.
async fn tell_hidden(queue: &Queue) {
    if let Ok(hidden @ 1..) = queue.hidden().await {
        output::warn(&format!(
            "{}: {hidden} more are being served by somebody, and are seen again within {} minutes if not",
            queue.name(),
            HIDDEN.as_secs() / 60
        ));
    }
}

fn describe(letter: &ReceivedMessage) -> Value {
    let parsed = DeadLetter::parse(&letter.body);
    let event = parsed.as_ref().ok().and_then(|dead| Event::parse(&dead.event).ok());
    let what = match event {
        Some(Event::Uploads(uploads)) => {
            uploads.iter().map(lakegate_lambda::Upload::name).collect::<Vec<_>>().join(", ")
        }
        Some(Event::Run(request)) if request.resume => "the rest of a workflow".to_owned(),
        Some(Event::Run(request)) if request.jobs.is_empty() => "a run of all jobs".to_owned(),
        Some(Event::Run(request)) => format!("a run of {}", request.jobs.join(", ")),
        Some(Event::CheckFreshness) => "a look at how old the data are".to_owned(),
        Some(Event::GlueJob(job)) => format!("the end of Glue job {}", job.job_name),
        Some(_) => "an event of another kind".to_owned(),
        None => "nothing that lakegate knows".to_owned(),
    };
    let attribute = |name: &str| letter.attributes.get(name).cloned();
    let since = letter.sent.and_then(DateTime::from_timestamp_millis);
    json!({
        "message": letter.id,
        "since": since.map(|at| at.format("%Y-%m-%d %H:%M:%S UTC").to_string()),
        "what": what,
        "job": attribute("job"),
        "run": attribute("run"),
        "class": attribute("class"),
        "help": attribute("help"),
        "reason": attribute("reason").or_else(|| parsed.ok().and_then(|dead| dead.reason)),
    })
}

async fn discard(queue: &Queue, id: &str, limit: usize, global: &GlobalArguments) -> Result<ExitCode> {
    let (mut found, mut others) = (None, Vec::new());
    while found.is_none() && others.len() < limit {
        let letters = receive(queue, HIDDEN_WHILE_SHOWN, AT_ONCE).await?;
        if letters.is_empty() {
            break;
        }
        for letter in letters {
            match letter.id == id {
                true => found = Some(letter),
                false => others.push(letter),
            }
        }
    }
    if let Some(letter) = &found {
        queue.delete(letter).await?;
    }
    for letter in &others {
        queue.give_back(letter).await?;
    }
    let Some(found) = found else {
        return Err(Error::usage(format!("the queue has no message `{id}` now"))
            .at(format!("queue {}", queue.name()))
            .help("`lakegate redrive --list` shows those that there are"));
    };
    if global.json {
        output::print_json(&json!({ "discarded": describe(&found) }))?;
    } else {
        output::print(&format!("{id}: discarded"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Ten at a time, so that none is hidden for longer than it takes to serve a few.
async fn serve(mut runner: Runner<'_>, queue: &Queue, limit: usize, global: &GlobalArguments) -> Result<ExitCode> {
    let (mut told, mut failed): (Vec<Value>, Vec<Error>) = (Vec::new(), Vec::new());
    let mut kept: Vec<ReceivedMessage> = Vec::new();
    while told.len() < limit && !runner.cancellation.is_cancelled() {
        let letters = match receive(queue, HIDDEN, AT_ONCE.min(limit - told.len())).await {
            Ok(letters) if letters.is_empty() => break,
            Ok(letters) => letters,
            Err(error) => {
                failed.push(error);
                break;
            }
        };
        for letter in letters {
            let served = again(&mut runner, &letter).await;
            let settled = match served {
                Ok(()) => queue.delete(&letter).await,
                Err(error) => Err(error),
            };
            let mut line = describe(&letter);
            if let Some(members) = line.as_object_mut() {
                members.insert("served".to_owned(), settled.is_ok().into());
                members.insert("error".to_owned(), json!(settled.as_ref().err().map(errors::to_json)));
            }
            told.push(line);
            if let Err(error) = settled {
                failed.push(error.within(format!("message {}", letter.id)));
                kept.push(letter);
            }
        }
    }
    // At the end: what is given back at once would be received again.
    for letter in &kept {
        failed.extend(queue.give_back(letter).await.err());
    }
    tell_hidden(queue).await;
    if global.json {
        output::print_json(&json!({ "queue": queue.name(), "messages": told }))?;
    } else {
        let good = told.len() - kept.len();
        output::print(&format!("{}: {good} of {} messages served", queue.name(), told.len()))?;
    }
    failed.iter().for_each(|error| output::warn(&errors::render(error)));
    Ok(most_telling(failed.iter()))
}

/// Serves what a letter holds, as the function would.
async fn again(runner: &mut Runner<'_>, letter: &ReceivedMessage) -> Result<()> {
    let dead = DeadLetter::parse(&letter.body)?;
    match Event::parse(&dead.event)? {
        Event::Uploads(uploads) => {
            let names = uploads.iter().map(lakegate_lambda::Upload::name);
            let group = Group::of(format!("message {}", letter.id), names, 1);
            let refusals: Vec<Refusal> = serve_uploads(runner, &[group]).await?.into_iter().flatten().collect();
            Refusal::together(&refusals).map_or(Ok(()), Err)
        }
        Event::Run(request) if request.resume && is_done(runner).await? => Ok(()),
        Event::Run(request) => {
            let selection = Selection::of(request.resume, &request.jobs);
            runner.force = request.force;
            let finished = runner.workflow(selection).await;
            runner.force = false;
            let errors = finished?.into_iter().filter(|one| !one.skipped).filter_map(|one| one.error);
            errors.min_by_key(|error| rank(error.class())).map_or(Ok(()), Err)
        }
        // What they were for is looked at again by the next of their kind.
        Event::CheckFreshness | Event::Vacuum(_) => Ok(()),
        Event::GlueJob(job) => glue_job(runner, &job).await.map(drop),
        Event::Queue(_) | Event::Firehose(_) => Err(Error::usage("an event of this kind cannot be served again")
            .expected("uploads, or a run of jobs")
            .help("`lakegate redrive --discard ID` takes it away")),
    }
}

/// Whether nothing of the last workflow is left.
async fn is_done(runner: &Runner<'_>) -> Result<bool> {
    let newest = WorkflowState::newest(&runner.services.lake).await?;
    Ok(newest.is_none_or(|state| state.status == WorkflowStatus::Succeeded))
}
