//! A batch of a queue: what fails is told message by message, and what will never succeed becomes a dead letter, with its reason.

use lakegate_aws::Queue;
use lakegate_contract::Result;
use lakegate_lambda::{Message, batch_response};
use lakegate_pipeline::LambdaSettings;
use serde_json::Value;

use super::uploads::{Group, Refusal, serve_uploads};
use crate::runner::Runner;

/// Serves a batch; the answer names the messages that are to be delivered again.
pub async fn serve(runner: &Runner<'_>, messages: Vec<Message>) -> Result<Value> {
    let settings = runner.project.lambda()?;
    let (mut groups, mut refusals) = (Vec::new(), Vec::new());
    for message in &messages {
        match message.uploads() {
            Ok(uploads) => groups.push(Group::of(message.id.clone(), uploads.iter().map(|upload| upload.name()))),
            Err(error) => {
                let refusal =
                    Refusal { class: error.class(), retryable: false, reason: error.to_string(), help: None, of: None };
                refusals.push((message, refusal));
            }
        }
    }
    for (group, refusal) in groups.iter().zip(serve_uploads(runner, &groups).await?) {
        let message = messages.iter().find(|message| message.id == group.id);
        refusals.extend(message.zip(refusal));
    }
    let mut again = Vec::new();
    for (message, refusal) in &refusals {
        if !is_settled(runner, &settings, message, refusal).await {
            again.push(message.id.as_str());
        }
    }
    Ok(batch_response(again))
}

/// Whether a refused message needs no further delivery: it is a dead letter now.
async fn is_settled(runner: &Runner<'_>, settings: &LambdaSettings, message: &Message, refusal: &Refusal) -> bool {
    if refusal.retryable && message.received < settings.attempts {
        tracing::warn!(message = message.id, received = message.received, reason = refusal.reason, "tried again later");
        return false;
    }
    tracing::error!(message = message.id, reason = refusal.reason, "the message cannot be served");
    let bury = async {
        let Some(url) = settings.dead_letters.clone() else { return Ok(false) };
        let (job, run) = refusal.job_and_run();
        let class = serde_json::to_value(refusal.class).ok();
        let class = class.as_ref().and_then(Value::as_str).unwrap_or_default();
        let attributes =
            [("reason", refusal.reason.as_str()), ("class", class), ("job", job.as_str()), ("run", run.as_str())];
        Queue::new(&runner.services.aws, url).await?.send(&message.body, &attributes).await.map(|()| true)
    };
    let buried = bury.await.unwrap_or_else(|error| {
        tracing::error!(%error, message = message.id, "the dead letter was not taken; the message stays in its queue");
        false
    });
    refusal.tell(runner, &format!("message {}", message.id)).await;
    buried
}
