//! A topic of SNS: <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>.

use async_trait::async_trait;
use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;
use lakegate_aws::{Aws, AwsFailure};
use lakegate_contract::{Error, Result};
use lakegate_pipeline::alarm::{Alarm, AlarmChannel};

use crate::text::{cut, heading, plain};

/// A subject has less than 100 characters, on one line.
const MOST_SUBJECT: usize = 99;
/// A message has at most 256 KiB; more than this nobody reads.
const MOST_MESSAGE: usize = 8_000;

/// A topic: e-mail, chat, telephones, functions.
pub struct Sns {
    aws: Aws,
    topic: String,
}

impl Sns {
    /// The topic with this ARN.
    pub fn new(aws: Aws, topic: String) -> Self {
        Self { aws, topic }
    }
}

#[async_trait]
impl AlarmChannel for Sns {
    fn describe(&self) -> String {
        format!("SNS topic {}", self.topic.rsplit(':').next().unwrap_or_default())
    }

    async fn send(&self, alarm: &Alarm) -> Result<()> {
        let attribute = |value: &str| {
            MessageAttributeValue::builder()
                .data_type("String")
                .string_value(value)
                .build()
                .map_err(|e| Error::bug("an attribute of a message cannot be made").caused_by(e))
        };
        let request = Client::new(self.aws.config().await?)
            .publish()
            .topic_arn(&self.topic)
            .subject(subject(alarm))
            .message(cut(&format!("{}\n\n{}", heading(alarm), plain(alarm)), MOST_MESSAGE))
            .message_attributes("kind", attribute(alarm.kind.as_str())?)
            .message_attributes("job", attribute(&alarm.job)?);
        let sent = request.send().await;
        sent.map(drop).map_err(|e| AwsFailure::of("SNS", "Publish", &e).into_error().at(self.describe()))
    }
}

fn subject(alarm: &Alarm) -> String {
    let heading: String = heading(alarm).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    cut(&heading, MOST_SUBJECT)
}

#[cfg(test)]
mod tests {
    use lakegate_pipeline::alarm::AlarmKind;

    use super::*;

    #[test]
    fn a_subject_is_short_plain_text() {
        let alarm = |project: &str| Alarm {
            kind: AlarmKind::Failed,
            project: project.to_owned(),
            job: "orders".to_owned(),
            run: None,
            summary: String::new(),
            facts: Vec::new(),
            rules: Vec::new(),
            help: None,
        };
        assert_eq!(subject(&alarm("가게\n")), "가게 : orders: job failed");
        assert!(subject(&alarm(&"x".repeat(300))).chars().count() < 100);
    }
}
