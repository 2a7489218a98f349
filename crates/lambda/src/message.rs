//! Messages of a queue, as SQS hands them to a function or to who receives them, and dead ones.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>

use std::collections::BTreeMap;

use lakegate_contract::{Error, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::upload::{Upload, uploads_of};

/// A message of a queue.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its id, by which its failure is told.
    pub id: String,
    /// Its text, to be sent on as it is.
    pub body: String,
    /// How often it was received, this time included.
    pub received: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    message_id: String,
    body: String,
    #[serde(default)]
    attributes: BTreeMap<String, Value>,
}

impl Message {
    /// What was uploaded.
    ///
    /// # Errors
    /// When the text is no notification: it never will be one.
    pub fn uploads(&self) -> Result<Vec<Upload>> {
        let event: Value = serde_json::from_str(&self.body).map_err(|_| {
            Error::usage("the message is not JSON").at(format!("message {}", self.id)).expected("a notification of S3")
        })?;
        if event.get("run").is_some() || event.get("resume").is_some() {
            return Err(Error::usage("a message of a queue asks for a run")
                .at(format!("message {}", self.id))
                .expected("a notification of S3: a queue brings uploads alone")
                .help("give the event to the function itself, by a schedule or an invocation"));
        }
        uploads_of(&event).map_err(|e| e.within(format!("message {}", self.id)))
    }
}

/// The messages of SQS's event; `None` when it is another event.
pub(crate) fn messages_of(event: &Value) -> Result<Option<Vec<Message>>> {
    let Some(records) = event.get("Records").and_then(Value::as_array) else { return Ok(None) };
    if !records.iter().any(|r| r.get("eventSource").and_then(Value::as_str) == Some("aws:sqs")) {
        return Ok(None);
    }
    let mut messages = Vec::new();
    for record in records {
        let record: Record = Deserialize::deserialize(record)
            .map_err(|_| Error::usage("a message of the queue has no id or body").at("the invocation's event"))?;
        let received = record.attributes.get("ApproximateReceiveCount").and_then(Value::as_str);
        messages.push(Message {
            id: record.message_id,
            body: record.body,
            received: received.and_then(|count| count.parse().ok()).unwrap_or(1),
        });
    }
    Ok(Some(messages))
}

/// What tells SQS which messages to deliver again; the others are deleted.
pub fn batch_response<'a>(failed: impl IntoIterator<Item = &'a str>) -> Value {
    let failures: Vec<Value> = failed.into_iter().map(|id| json!({ "itemIdentifier": id })).collect();
    json!({ "batchItemFailures": failures })
}

/// What a dead letter holds: the event that could not be served, and why. Ours have the reason beside them; those of a function's
/// destination for failures hold the event and the error that was returned.
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// The event.
    pub event: Value,
    /// What was wrong, as far as the letter itself tells.
    pub reason: Option<String>,
}

impl DeadLetter {
    /// Reads the text of a message in a dead-letter queue.
    ///
    /// # Errors
    /// When it is not JSON.
    pub fn parse(body: &str) -> Result<Self> {
        let letter: Value =
            serde_json::from_str(body).map_err(|_| Error::usage("the dead letter is not JSON").expected("an event"))?;
        match (letter.get("requestContext"), letter.get("requestPayload")) {
            (Some(_), Some(event)) => {
                let said = letter.get("responsePayload").and_then(|p| p.get("errorMessage")).and_then(Value::as_str);
                let condition = letter.pointer("/requestContext/condition").and_then(Value::as_str);
                Ok(Self { event: event.clone(), reason: said.or(condition).map(str::to_owned) })
            }
            _ => Ok(Self { event: letter, reason: None }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_keep_their_ids_and_counts() {
        let event = json!({ "Records": [
            { "messageId": "a", "body": "{\"Event\": \"s3:TestEvent\"}", "attributes": { "ApproximateReceiveCount": "3" }, "eventSource": "aws:sqs" },
            { "messageId": "b", "body": "not JSON", "eventSource": "aws:sqs" },
        ] });
        let messages = messages_of(&event).unwrap().unwrap();
        assert_eq!(messages.iter().map(|m| (m.id.as_str(), m.received)).collect::<Vec<_>>(), [("a", 3), ("b", 1)]);
        assert_eq!(messages[0].uploads().unwrap(), []);
        assert!(messages[1].uploads().unwrap_err().place().unwrap().starts_with("message b"));
        assert_eq!(batch_response(["b"]), json!({ "batchItemFailures": [{ "itemIdentifier": "b" }] }));
        assert_eq!(batch_response([]), json!({ "batchItemFailures": [] }));
        assert_eq!(messages_of(&json!({ "Records": [{ "eventSource": "aws:s3" }] })).unwrap(), None);
    }

    #[test]
    fn dead_letters_of_a_destination_are_opened() {
        let letter = json!({ "version": "1.0", "requestContext": { "condition": "RetriesExhausted" },
            "requestPayload": { "run": ["orders"] }, "responsePayload": { "errorMessage": "gate closed" } });
        let dead = DeadLetter::parse(&letter.to_string()).unwrap();
        assert_eq!(dead, DeadLetter { event: json!({ "run": ["orders"] }), reason: Some("gate closed".to_owned()) });
        let plain = DeadLetter::parse("{\"Records\": []}").unwrap();
        assert_eq!(plain, DeadLetter { event: json!({ "Records": [] }), reason: None });
        assert!(DeadLetter::parse("").is_err());
    }
}
