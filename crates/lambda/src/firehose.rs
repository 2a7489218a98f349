//! The transformation of Firehose: records in, the same records out, each exactly once, with the keys that it partitions by.
//!
//! <https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html>

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lakegate_contract::{Error, Result};
use serde::Deserialize;
use serde_json::{Value, json};

/// Most bytes of an answer: Lambda's limit for synchronous invocations is 6 MB, less what HTTP adds.
const MOST_BYTES: usize = 6_000_000 - 100_000;
/// What a record of the answer needs besides its data and keys.
const FRAME: usize = 120;

/// What Firehose sends.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FirehoseRequest {
    /// The stream.
    #[serde(default)]
    pub delivery_stream_arn: String,
    /// The records.
    pub records: Vec<FirehoseRecord>,
}

/// A record as it was put into the stream.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FirehoseRecord {
    /// Its id, which must come back once.
    pub record_id: String,
    /// Its bytes, in base64.
    data: String,
}

/// What became of a record. A record is never dropped: what cannot be delivered goes below the stream's prefix for errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FirehoseVerdict {
    /// It is delivered, under these keys.
    Ok {
        /// What is delivered.
        data: Vec<u8>,
        /// The values of `!{partitionKeyFromLambda:…}`.
        keys: BTreeMap<String, String>,
    },
    /// It is not.
    Failed,
}

/// Records that failed before or after they were transformed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refused {
    /// What is not base64.
    pub not_base64: usize,
    /// What would have made the answer too large.
    pub without_room: usize,
}

impl FirehoseRequest {
    pub(crate) fn parse(event: &Value) -> Result<Self> {
        Deserialize::deserialize(event).map_err(|_| {
            Error::usage("the event of Firehose has records without an id or data").at("the invocation's event")
        })
    }

    /// The answer: `transform` is asked for each record, in order. Where the answer would become too large, the rest fails; Firehose
    /// keeps it below its prefix for errors.
    pub fn answer(&self, mut transform: impl FnMut(&[u8]) -> FirehoseVerdict) -> (Value, Refused) {
        let (mut room, mut refused) = (MOST_BYTES, Refused::default());
        let mut records = Vec::with_capacity(self.records.len());
        for record in &self.records {
            let verdict = match STANDARD.decode(&record.data) {
                Ok(data) => transform(&data),
                Err(_) => {
                    refused.not_base64 += 1;
                    FirehoseVerdict::Failed
                }
            };
            let could = verdict != FirehoseVerdict::Failed;
            let (verdict, size) = fitting(verdict, room.saturating_sub(record.record_id.len() + FRAME));
            refused.without_room += usize::from(could && verdict == FirehoseVerdict::Failed);
            room = room.saturating_sub(size + record.record_id.len() + FRAME);
            records.push(match verdict {
                FirehoseVerdict::Ok { data, keys } => json!({
                    "recordId": record.record_id,
                    "result": "Ok",
                    "data": STANDARD.encode(data),
                    "metadata": { "partitionKeys": keys },
                }),
                // Without data: Firehose still has the record.
                FirehoseVerdict::Failed => json!({ "recordId": record.record_id, "result": "ProcessingFailed" }),
            });
        }
        (json!({ "records": records }), refused)
    }
}

/// The verdict and its size in the answer, or a failure where it does not fit into `room`.
fn fitting(verdict: FirehoseVerdict, room: usize) -> (FirehoseVerdict, usize) {
    let size = match &verdict {
        FirehoseVerdict::Ok { data, keys } => {
            data.len().div_ceil(3) * 4 + keys.iter().map(|(k, v)| k.len() + v.len() + 6).sum::<usize>()
        }
        FirehoseVerdict::Failed => 0,
    };
    if size > room { (FirehoseVerdict::Failed, 0) } else { (verdict, size) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(records: &[(&str, &str)]) -> FirehoseRequest {
        let records: Vec<Value> = records
            .iter()
            .map(|(id, data)| json!({ "recordId": id, "data": data, "approximateArrivalTimestamp": 1 }))
            .collect();
        let event = json!({ "invocationId": "i", "deliveryStreamArn": "arn", "region": "r", "records": records });
        FirehoseRequest::parse(&event).unwrap()
    }

    fn echo(data: &[u8]) -> FirehoseVerdict {
        match data.is_empty() {
            true => FirehoseVerdict::Failed,
            false => FirehoseVerdict::Ok {
                data: data.to_vec(),
                keys: BTreeMap::from([("date".to_owned(), "2026-03-09".to_owned())]),
            },
        }
    }

    #[test]
    fn every_record_comes_back_once_as_ok_or_failed() {
        let (answer, refused) = request(&[("1", "YQ=="), ("2", ""), ("3", "not base64")]).answer(echo);
        assert_eq!(refused, Refused { not_base64: 1, without_room: 0 });
        assert_eq!(
            answer,
            json!({ "records": [
            { "recordId": "1", "result": "Ok", "data": "YQ==", "metadata": { "partitionKeys": { "date": "2026-03-09" } } },
            { "recordId": "2", "result": "ProcessingFailed" },
            { "recordId": "3", "result": "ProcessingFailed" },
        ] })
        );
    }

    #[test]
    fn an_answer_keeps_below_the_limit() {
        let large = STANDARD.encode(vec![b'x'; 1_000_000]);
        let records: Vec<(String, &str)> = (0..8).map(|i| (i.to_string(), large.as_str())).collect();
        let borrowed: Vec<(&str, &str)> = records.iter().map(|(id, data)| (id.as_str(), *data)).collect();
        let (answer, refused) = request(&borrowed).answer(echo);
        assert_eq!(refused.without_room, 4);
        assert!(answer.to_string().len() < 6_000_000);
        let results: Vec<&str> =
            answer["records"].as_array().unwrap().iter().map(|r| r["result"].as_str().unwrap()).collect();
        assert_eq!(results.iter().filter(|r| **r == "Ok").count(), 4);
        assert_eq!(results.len(), 8);
    }

    proptest! {
        #[test]
        fn ids_are_kept_in_order(ids in proptest::collection::vec("[a-z0-9]{1,9}", 0..30), data in "[A-Za-z0-9+/=]{0,12}") {
            let records: Vec<(&str, &str)> = ids.iter().map(|id| (id.as_str(), data.as_str())).collect();
            let (answer, _) = request(&records).answer(echo);
            let back: Vec<&str> = answer["records"].as_array().unwrap().iter().map(|r| r["recordId"].as_str().unwrap()).collect();
            prop_assert_eq!(back, ids.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
}
