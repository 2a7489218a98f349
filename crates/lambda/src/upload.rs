//! Uploads to buckets, as S3 tells of them: directly, or in the envelopes of SNS and EventBridge.
//!
//! Keys of S3's own notifications are form-encoded, those of EventBridge's events are not. An event is delivered at least once
//! and in any order: it is a call to look, not news of what is there.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>

use lakegate_contract::{Error, Result};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;

/// The version of S3's event format whose fields are read here; minor versions only add to it.
const MAJOR_VERSION: &str = "2";
/// An envelope holds another one at most so often: S3 in SNS in SQS, and one to spare.
const MOST_ENVELOPES: u32 = 4;

/// An object that was put into a bucket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Upload {
    /// The bucket.
    pub bucket: String,
    /// The key, decoded.
    pub key: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_version: String,
    event_name: String,
    s3: Entity,
}

/// Also `detail` of EventBridge's `Object Created`.
#[derive(Deserialize)]
struct Entity {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
struct Object {
    key: String,
}

impl Upload {
    /// As inputs are named: `s3://bucket/key`.
    pub fn name(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }
}

/// The uploads of a notification of S3, the same within SNS, or of an event of EventBridge. Empty for events that are no
/// uploads: deletions, and the test event that S3 sends when a notification is set up.
///
/// # Errors
/// When it is none of these, or of another major version.
pub fn uploads_of(event: &Value) -> Result<Vec<Upload>> {
    unwrap(event, MOST_ENVELOPES)
}

fn unwrap(event: &Value, envelopes: u32) -> Result<Vec<Upload>> {
    let text = |key: &str| event.get(key).and_then(Value::as_str);
    if text("Event") == Some("s3:TestEvent") {
        return Ok(Vec::new());
    }
    if text("source") == Some("aws.s3") {
        return of_event_bridge(event, text("detail-type"));
    }
    // SNS to SQS, unless the subscription delivers raw messages.
    if let (Some("Notification"), Some(inner)) = (text("Type"), text("Message")) {
        return inside(inner, envelopes);
    }
    let records = event.get("Records").and_then(Value::as_array).ok_or_else(unknown)?;
    let mut uploads = Vec::new();
    for record in records {
        match record.get("Sns").and_then(|sns| sns.get("Message")).and_then(Value::as_str) {
            Some(inner) => uploads.extend(inside(inner, envelopes)?),
            None => uploads.extend(of_record(record)?),
        }
    }
    Ok(uploads)
}

fn inside(text: &str, envelopes: u32) -> Result<Vec<Upload>> {
    let inner = serde_json::from_str(text).map_err(|_| unknown())?;
    match envelopes {
        0 => Err(unknown()),
        _ => unwrap(&inner, envelopes - 1),
    }
}

fn of_event_bridge(event: &Value, kind: Option<&str>) -> Result<Vec<Upload>> {
    if kind != Some("Object Created") {
        return Ok(Vec::new());
    }
    let detail: Entity =
        Deserialize::deserialize(event.get("detail").unwrap_or(&Value::Null)).map_err(|_| unknown())?;
    Ok(vec![Upload { bucket: detail.bucket.name, key: detail.object.key }])
}

fn of_record(record: &Value) -> Result<Option<Upload>> {
    let record: Record = Deserialize::deserialize(record).map_err(|_| unknown())?;
    if record.event_version.split('.').next() != Some(MAJOR_VERSION) {
        return Err(Error::usage("the notification has another version of S3's event format")
            .at("the invocation's event")
            .expected("version 2 of any minor version")
            .help("take a newer lakegate"));
    }
    // Notifications have `ObjectCreated:Put`, without the `s3:` of their configuration.
    if !record.event_name.trim_start_matches("s3:").starts_with("ObjectCreated:") {
        return Ok(None);
    }
    let (bucket, encoded) = (record.s3.bucket.name, record.s3.object.key);
    let key = form_decoded(&encoded).map_err(|e| e.at(format!("s3://{bucket}, key {encoded} as it is encoded")))?;
    Ok(Some(Upload { bucket, key }))
}

/// Decoded once: `+` is a space, `%2B` a plus.
fn form_decoded(key: &str) -> Result<String> {
    let spaced = key.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| Error::bad_input("the key of an uploaded object is not UTF-8").help("rename the object"))
}

fn unknown() -> Error {
    Error::usage("the event is none that lakegate knows").at("the invocation's event").expected(
        "a notification of S3 (also in SQS, SNS, EventBridge), {\"run\": [\"job\"]}, {\"resume\": true}, \
         {\"check\": \"freshness\"}, {\"vacuum\": [\"table\"]}, a transformation of Firehose, or a Glue Job State Change",
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn notification(name: &str, version: &str, key: &str) -> Value {
        json!({ "Records": [{
            "eventVersion": version, "eventSource": "aws:s3", "eventName": name, "newField": 1,
            "s3": { "bucket": { "name": "shop" }, "object": { "key": key, "size": 3, "sequencer": "0A" } }
        }] })
    }

    fn keys(event: &Value) -> Vec<String> {
        uploads_of(event).unwrap().into_iter().map(|upload| upload.key).collect()
    }

    #[test]
    fn keys_of_notifications_are_decoded_once() {
        let key = "data/surveys/%EC%84%A4%EB%AC%B8+2026Q1%2Bb%2520.xlsx";
        let direct = notification("ObjectCreated:Put", "2.1", key);
        assert_eq!(keys(&direct), ["data/surveys/설문 2026Q1+b%20.xlsx"]);
        assert_eq!(uploads_of(&direct).unwrap()[0].name(), "s3://shop/data/surveys/설문 2026Q1+b%20.xlsx");
        let bridge = json!({ "source": "aws.s3", "detail-type": "Object Created", "detail": {
            "version": "0", "bucket": { "name": "shop" }, "object": { "key": "a+b%20c.xlsx" }, "reason": "PutObject" } });
        assert_eq!(keys(&bridge), ["a+b%20c.xlsx"]);
    }

    #[test]
    fn envelopes_are_opened() {
        let direct = notification("ObjectCreated:CompleteMultipartUpload", "2.6", "a.xlsx");
        let subscribed =
            json!({ "Type": "Notification", "TopicArn": "arn:aws:sns:r:1:t", "Message": direct.to_string() });
        assert_eq!(keys(&subscribed), ["a.xlsx"]);
        let invoked = json!({ "Records": [{ "EventSource": "aws:sns", "Sns": { "Message": direct.to_string() } }] });
        assert_eq!(keys(&invoked), ["a.xlsx"]);
        let mut nested = direct;
        for _ in 0..9 {
            nested = json!({ "Type": "Notification", "Message": nested.to_string() });
        }
        assert!(uploads_of(&nested).is_err());
    }

    #[test]
    fn what_is_no_upload_is_passed_over() {
        assert!(keys(&json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "shop" })).is_empty());
        assert!(keys(&notification("ObjectRemoved:Delete", "2.1", "a")).is_empty());
        assert!(keys(&json!({ "source": "aws.s3", "detail-type": "Object Deleted", "detail": {} })).is_empty());
    }

    #[test]
    fn other_versions_and_shapes_are_refused() {
        assert!(uploads_of(&notification("ObjectCreated:Put", "3.0", "a")).unwrap_err().found().contains("version"));
        assert!(uploads_of(&notification("ObjectCreated:Put", "2.1", "%ff%fe")).is_err());
        assert!(uploads_of(&json!({ "Records": [{}] })).is_err());
        assert!(uploads_of(&json!({ "Type": "Notification", "Message": "hello" })).is_err());
    }

    proptest! {
        #[test]
        fn a_key_survives_its_encoding(key in "\\PC{1,40}") {
            let encoded: String = key.bytes().map(|b| match b {
                b' ' => "+".to_owned(),
                b if b.is_ascii_alphanumeric() || b == b'/' => char::from(b).to_string(),
                b => format!("%{b:02X}"),
            }).collect();
            prop_assert_eq!(keys(&notification("ObjectCreated:Put", "2.1", &encoded)), [key]);
        }
    }
}
