//! Slack's incoming webhooks: <https://api.slack.com/messaging/webhooks>; limits of blocks:
//! <https://api.slack.com/reference/block-kit/blocks>.

use std::time::Duration;

use async_trait::async_trait;
use lakegate_contract::{Error, Result};
use lakegate_pipeline::alarm::{Alarm, AlarmChannel, AlarmKind};
use lakegate_redaction::Secret;
use reqwest::{Client, StatusCode, redirect};
use serde_json::{Value, json};

use crate::text::{cut, heading, plain, rules};

const PATIENCE: Duration = Duration::from_secs(4);
const MOST_HEADER: usize = 150;
/// Slack allows 3,000 characters of a section, after `&`, `<` and `>` are written as entities.
const MOST_SECTION: usize = 2_900;
const MOST_FIELDS: usize = 10;
const MOST_FIELD: usize = 300;

/// A channel of Slack, behind an incoming webhook. Its address is a secret: who knows it can write to the channel.
pub struct Slack {
    client: Client,
    webhook: Secret,
}

impl Slack {
    /// # Errors
    /// When the address is not one that a secret may be sent to: HTTPS, or this machine for tests.
    pub fn new(webhook: Secret) -> Result<Self> {
        let trimmed = webhook.expose().trim();
        if !trimmed.starts_with("https://") && !trimmed.starts_with("http://127.0.0.1:") {
            return Err(Error::usage("[alarms] slack is no address of an incoming webhook")
                .expected("https://hooks.slack.com/services/…"));
        }
        let webhook = Secret::new(trimmed);
        let client = Client::builder()
            .timeout(PATIENCE)
            .connect_timeout(PATIENCE)
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|e| Error::unavailable("no HTTPS connection can be made here").caused_by(e.without_url()))?;
        Ok(Self { client, webhook })
    }
}

#[async_trait]
impl AlarmChannel for Slack {
    fn describe(&self) -> String {
        "Slack".to_owned()
    }

    async fn send(&self, alarm: &Alarm) -> Result<()> {
        let request = self.client.post(self.webhook.expose()).header("content-type", "application/json");
        // The address stands in reqwest's errors unless it is taken out.
        let answer =
            request.body(message(alarm).to_string()).send().await.map_err(|e| {
                Error::unavailable("the webhook does not answer").at("Slack").caused_by(e.without_url())
            })?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() => {
                Err(Error::unavailable(format!("the webhook answered {status}")).at("Slack"))
            }
            status => Err(Error::usage(format!("the webhook answered {status}"))
                .at("Slack")
                .help("make a new incoming webhook and store its address where [alarms] slack points")),
        }
    }
}

/// The message, in Block Kit, with a text for notifications.
fn message(alarm: &Alarm) -> Value {
    let mut blocks = vec![
        json!({ "type": "header", "text": { "type": "plain_text", "emoji": true,
            "text": cut(&format!("{} {}", symbol(alarm.kind), heading(alarm)), MOST_HEADER) } }),
        section(&alarm.summary),
    ];
    let rules = rules(alarm);
    if !rules.is_empty() {
        blocks.push(section(&rules.join("\n")));
    }
    let fields: Vec<Value> = alarm
        .facts
        .iter()
        .take(MOST_FIELDS)
        .map(|(name, value)| {
            let value = escaped(&cut(value, MOST_FIELD));
            json!({ "type": "mrkdwn", "text": format!("*{}*\n{value}", escaped(name)) })
        })
        .collect();
    if !fields.is_empty() {
        blocks.push(json!({ "type": "section", "fields": fields }));
    }
    if let Some(help) = &alarm.help {
        blocks.push(json!({ "type": "context", "elements": [
            { "type": "mrkdwn", "text": fitting(&format!("What to do: {help}")) }
        ] }));
    }
    json!({ "text": escaped(&cut(&plain(alarm), MOST_SECTION)), "blocks": blocks })
}

fn section(text: &str) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": fitting(text) } })
}

/// The text, escaped and cut so that entities cannot make it too long again.
fn fitting(text: &str) -> String {
    let mut most = MOST_SECTION;
    let mut shown = escaped(&cut(text, most));
    while shown.chars().count() > MOST_SECTION && most > 1 {
        most /= 2;
        shown = escaped(&cut(text, most));
    }
    shown
}

/// Slack reads these three as markup: <https://api.slack.com/reference/surfaces/formatting#escaping>
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn symbol(kind: AlarmKind) -> &'static str {
    match kind {
        AlarmKind::Failed => ":red_circle:",
        AlarmKind::GateClosed => ":no_entry:",
        AlarmKind::Slow => ":snail:",
        AlarmKind::CatalogLagging | AlarmKind::NotFresh => ":hourglass:",
        AlarmKind::Test => ":bell:",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarm(rules: usize) -> Alarm {
        Alarm {
            kind: AlarmKind::GateClosed,
            project: "shop (prod)".to_owned(),
            job: "orders".to_owned(),
            run: None,
            summary: "orders: the gate stayed closed; the version published before is untouched".to_owned(),
            facts: vec![("rows in".to_owned(), "1000".to_owned()), ("took".to_owned(), "6 m".to_owned())],
            rules: (0..rules).map(|i| format!("Completeness \"c{i}\" > 0.99 (it is 0.5)")).collect(),
            help: Some("correct the source".to_owned()),
        }
    }

    #[test]
    fn a_closed_gate_names_its_rules() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&message(&alarm(2))).unwrap());
    }

    #[test]
    fn a_message_keeps_within_slacks_limits_whatever_it_says() {
        let mut alarm = alarm(400);
        alarm.summary = "<&>".repeat(3_000);
        alarm.rules = vec!["&".repeat(5_000); 40];
        alarm.help = Some("<".repeat(9_000));
        alarm.facts = (0..30).map(|i| (format!("fact {i}"), ">".repeat(2_000))).collect();
        alarm.project = "p".repeat(400);
        let message = message(&alarm);
        let blocks = message["blocks"].as_array().unwrap();
        assert!(blocks.len() <= 50);
        let length = |value: &Value| value.as_str().unwrap().chars().count();
        assert!(length(&blocks[0]["text"]["text"]) <= 150);
        let texts = blocks.iter().skip(1).flat_map(|block| {
            let elements = block["elements"].as_array().into_iter().flatten().map(|element| &element["text"]);
            block.get("text").map(|text| &text["text"]).into_iter().chain(elements)
        });
        assert!(texts.map(length).inspect(|length| assert!(*length <= 3_000)).count() >= 3);
        let fields = blocks.iter().find_map(|b| b.get("fields")).unwrap().as_array().unwrap();
        assert!(fields.len() <= 10 && fields.iter().all(|f| length(&f["text"]) <= 2_000));
        assert!(!message.to_string().contains('>'));
    }

    #[test]
    fn an_address_that_anybody_could_read_is_refused_without_being_shown() {
        let error = Slack::new(Secret::new("http://hooks.slack.com/services/T1/B2/s3cret")).err().unwrap();
        assert!(!error.to_string().contains("s3cret"));
        assert!(Slack::new(Secret::new(" https://hooks.slack.com/services/x\n")).is_ok());
    }

    #[tokio::test]
    async fn a_webhook_that_is_away_is_no_secret_told() {
        let slack = Slack::new(Secret::new("http://127.0.0.1:1/services/s3cret")).unwrap();
        let error = slack.send(&alarm(0)).await.unwrap_err();
        assert!(error.retryable());
        let shown = format!("{error:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
