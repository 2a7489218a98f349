//! A batch of a queue: what fails is told message by message, and what will never succeed becomes a dead letter, with its reason.

use std::time::Duration;

use lakegate_aws::Queue;
use lakegate_contract::Result;
use lakegate_lambda::{Message, batch_response};
use lakegate_pipeline::LambdaSettings;
use serde_json::Value;

use super::uploads::{Group, Refusal, serve_uploads, tell_all};
use crate::runner::Runner;

/// How long a dead letter may take to be sent.
const BURY_PATIENCE: Duration = Duration::from_secs(20);

/// A message that was not served, and why.
struct Refused<'a> {
    message: &'a Message,
    refusals: Vec<Refusal>,
}

impl Refused<'_> {
    /// Whether it is to be delivered again.
    fn comes_again(&self, settings: &LambdaSettings) -> bool {
        let put_off = self.refusals.iter().any(|refusal| refusal.put_off);
        let can_pass = self.refusals.iter().any(|refusal| refusal.retryable);
        put_off || (can_pass && self.message.received < settings.attempts)
    }
}

/// Serves a batch; the answer names the messages that are to be delivered again.
pub async fn serve(runner: &Runner<'_>, messages: Vec<Message>) -> Result<Value> {
    let settings = runner.project.lambda()?;
    let refused = refused(runner, &messages).await?;
    let mut again: Vec<&str> = Vec::new();
    let (later, ended): (Vec<&Refused<'_>>, Vec<&Refused<'_>>) = refused.iter().partition(|r| r.comes_again(&settings));
    for one in later {
        let reasons = reasons(&one.refusals);
        tracing::warn!(id = one.message.id, received = one.message.received, reasons, "it is served again later");
        again.push(&one.message.id);
    }
    let queue = match settings.dead_letters.clone().filter(|_| !ended.is_empty()) {
        Some(url) => Some(Queue::new(&runner.services.aws, url).await?),
        None => None,
    };
    for one in &ended {
        tracing::error!(id = one.message.id, reasons = reasons(&one.refusals), "the message cannot be served");
        let patience = runner.cancellation.share(2, BURY_PATIENCE);
        if !tokio::time::timeout(patience, bury(queue.as_ref(), one)).await.unwrap_or(false) {
            again.push(&one.message.id);
        }
    }
    // Last: what takes long here changes nothing of what was done.
    let told = ended.iter().flat_map(|one| one.refusals.iter().map(|r| (r, format!("message {}", one.message.id))));
    tell_all(runner, told).await;
    Ok(batch_response(again))
}

/// The messages whose objects are not published.
async fn refused<'a>(runner: &Runner<'_>, messages: &'a [Message]) -> Result<Vec<Refused<'a>>> {
    let (mut groups, mut of_groups, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    for message in messages {
        match message.uploads() {
            Ok(uploads) => {
                let names = uploads.iter().map(lakegate_lambda::Upload::name);
                groups.push(Group::of(message.id.clone(), names, message.received));
                of_groups.push(message);
            }
            Err(error) => refused.push(Refused { message, refusals: vec![Refusal::without_job(&error)] }),
        }
    }
    let served = of_groups.into_iter().zip(serve_uploads(runner, &groups).await?);
    refused.extend(
        served.filter(|(_, refusals)| !refusals.is_empty()).map(|(message, refusals)| Refused { message, refusals }),
    );
    Ok(refused)
}

/// Whether the message is a dead letter now. Otherwise it stays in its queue, whose own rules for such messages hold.
async fn bury(queue: Option<&Queue>, one: &Refused<'_>) -> bool {
    let Some(queue) = queue else { return false };
    let (reason, first) = (reasons(&one.refusals), one.refusals.first());
    let (job, run) = first.map(Refusal::job_and_run).unwrap_or_default();
    let class = first.and_then(|refusal| serde_json::to_value(refusal.class).ok());
    let class = class.as_ref().and_then(Value::as_str).unwrap_or_default();
    let help = first.and_then(|refusal| refusal.help.as_deref()).unwrap_or_default();
    let attributes =
        [("reason", reason.as_str()), ("class", class), ("job", job.as_str()), ("run", run.as_str()), ("help", help)];
    match queue.send(&one.message.body, &attributes).await {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(%error, id = one.message.id, "the dead letter was not taken");
            false
        }
    }
}

fn reasons(refusals: &[Refusal]) -> String {
    refusals.iter().map(|refusal| refusal.reason.as_str()).collect::<Vec<_>>().join("; ")
}
