//! A queue of SQS: dead letters are sent to it and taken from it.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/>

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName};
use lakegate_contract::{Error, Result};

use crate::{Aws, AwsFailure};

/// Most that one call hands out.
const BATCH: i32 = 10;
/// How long a call waits for messages: with no wait, a queue's servers are asked only in part.
const WAIT_SECONDS: i32 = 1;
/// Attributes are for people: longer ones are cut.
const MOST_ATTRIBUTE: usize = 2_000;
const SERVICE: &str = "SQS";

/// A queue.
#[derive(Debug, Clone)]
pub struct Queue {
    client: Client,
    url: String,
}

/// A message that was received: nobody else sees it for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// Its id.
    pub id: String,
    /// By which it is deleted or given back.
    pub handle: String,
    /// Its text.
    pub body: String,
    /// What was sent beside its text.
    pub attributes: BTreeMap<String, String>,
    /// When it was sent, in milliseconds since 1970.
    pub sent: Option<i64>,
}

impl Queue {
    /// The queue with this URL.
    ///
    /// # Errors
    /// When no region is known.
    pub async fn new(aws: &Aws, url: String) -> Result<Self> {
        Ok(Self { client: Client::new(aws.config().await?), url })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or_default()
    }

    /// Sends a text, with attributes. Those that are empty are left out: SQS refuses them.
    ///
    /// # Errors
    /// When it is not taken.
    pub async fn send(&self, body: &str, attributes: &[(&str, &str)]) -> Result<()> {
        let mut request = self.client.send_message().queue_url(&self.url).message_body(body);
        for (name, value) in attributes.iter().filter(|(_, value)| !value.is_empty()) {
            let value: String = value.chars().filter(|c| !c.is_control()).take(MOST_ATTRIBUTE).collect();
            let attribute = MessageAttributeValue::builder().data_type("String").string_value(value).build();
            let attribute =
                attribute.map_err(|e| Error::bug("an attribute of a message cannot be made").caused_by(e))?;
            request = request.message_attributes(*name, attribute);
        }
        let sent = request.send().await;
        sent.map(drop).map_err(|e| self.failed(AwsFailure::of(SERVICE, "SendMessage", &e)))
    }

    /// Up to `most` messages, ten at most, which nobody else sees for `hidden`; none when there are none now.
    ///
    /// # Errors
    /// When they cannot be received.
    pub async fn receive(&self, hidden: Duration, most: usize) -> Result<Vec<ReceivedMessage>> {
        let answer = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(i32::try_from(most).unwrap_or(BATCH).clamp(1, BATCH))
            .wait_time_seconds(WAIT_SECONDS)
            .visibility_timeout(i32::try_from(hidden.as_secs()).unwrap_or(i32::MAX))
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .message_attribute_names("All")
            .send()
            .await;
        let answer = answer.map_err(|e| self.failed(AwsFailure::of(SERVICE, "ReceiveMessage", &e)))?;
        Ok(answer.messages().iter().map(received).collect())
    }

    /// How many messages somebody else has received and not yet deleted, about.
    ///
    /// # Errors
    /// When the queue cannot be asked.
    pub async fn hidden(&self) -> Result<u64> {
        let name = QueueAttributeName::ApproximateNumberOfMessagesNotVisible;
        let answer = self.client.get_queue_attributes().queue_url(&self.url).attribute_names(name.clone()).send().await;
        let answer = answer.map_err(|e| self.failed(AwsFailure::of(SERVICE, "GetQueueAttributes", &e)))?;
        Ok(answer.attributes().and_then(|a| a.get(&name)).and_then(|count| count.parse().ok()).unwrap_or_default())
    }

    /// Deletes a message.
    ///
    /// # Errors
    /// When that fails.
    pub async fn delete(&self, message: &ReceivedMessage) -> Result<()> {
        let request = self.client.delete_message().queue_url(&self.url).receipt_handle(&message.handle);
        request.send().await.map(drop).map_err(|e| self.failed(AwsFailure::of(SERVICE, "DeleteMessage", &e)))
    }

    /// Gives a message back: it can be received again at once.
    ///
    /// # Errors
    /// When that fails.
    pub async fn give_back(&self, message: &ReceivedMessage) -> Result<()> {
        let request = self.client.change_message_visibility().queue_url(&self.url).receipt_handle(&message.handle);
        let changed = request.visibility_timeout(0).send().await;
        changed.map(drop).map_err(|e| self.failed(AwsFailure::of(SERVICE, "ChangeMessageVisibility", &e)))
    }

    fn failed(&self, failure: AwsFailure) -> Error {
        failure.into_error().at(format!("queue {}", self.name()))
    }
}

fn received(message: &Message) -> ReceivedMessage {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let attributes = message.message_attributes().map(|all| {
        all.iter().map(|(name, value)| (name.clone(), text(value.string_value()))).collect::<BTreeMap<_, _>>()
    });
    let sent = message.attributes().and_then(|a| a.get(&MessageSystemAttributeName::SentTimestamp));
    ReceivedMessage {
        id: text(message.message_id()),
        handle: text(message.receipt_handle()),
        body: text(message.body()),
        attributes: attributes.unwrap_or_default(),
        sent: sent.and_then(|sent| sent.parse().ok()),
    }
}
