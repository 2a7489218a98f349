//! The transformation of a stream, with a Firehose that tries a failing invocation three times and then gives the batch up.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::runtime::{Function, Invoked};
use super::{AMPLE, Cloud, edit};

/// What Firehose does with the answer: objects by prefix, and records below the prefix for errors.
#[derive(Default)]
struct Delivered {
    objects: BTreeMap<String, String>,
    errors: Vec<String>,
    attempts: u32,
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for part in bytes.chunks(3) {
        let bits = part.iter().fold(0u32, |bits, b| bits << 8 | u32::from(*b)) << (8 * (3 - part.len()));
        for i in 0..4 {
            out.push(if i <= part.len() { char::from(LETTERS[(bits >> (18 - 6 * i)) as usize & 63]) } else { '=' });
        }
    }
    out
}

fn unbase64(text: &str) -> Vec<u8> {
    let value = |b: u8| match b {
        b'A'..=b'Z' => b - b'A',
        b'a'..=b'z' => b - b'a' + 26,
        b'0'..=b'9' => b - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let mut out = Vec::new();
    for part in text.trim_end_matches('=').as_bytes().chunks(4) {
        let bits = part.iter().fold(0u32, |bits, b| bits << 6 | u32::from(value(*b))) << (6 * (4 - part.len()));
        out.extend((0..part.len() - 1).map(|i| (bits >> (16 - 8 * i)) as u8));
    }
    out
}

/// Hands records to the function as Firehose does, and takes its answer as strictly as Firehose does.
fn deliver(function: &mut Function, records: &[&str]) -> Delivered {
    let sent: Vec<Value> = (0..)
        .zip(records)
        .map(|(i, text)| json!({ "recordId": format!("r{i}"), "approximateArrivalTimestamp": 1_773_000_000_000_u64, "data": base64(text.as_bytes()) }))
        .collect();
    let event = json!({ "invocationId": "i", "deliveryStreamArn": "arn:aws:firehose:r:1:deliverystream/clicks", "region": "r", "records": sent });
    let mut delivered = Delivered::default();
    let answer = loop {
        delivered.attempts += 1;
        match function.invoke(&event, AMPLE) {
            Invoked::Answer(answer) => break answer,
            _ if delivered.attempts < 4 => continue,
            _ => {
                delivered.errors = records.iter().map(|text| (*text).to_owned()).collect();
                return delivered;
            }
        }
    };
    let answered = answer["records"].as_array().unwrap();
    let ids: Vec<&Value> = answered.iter().map(|record| &record["recordId"]).collect();
    assert_eq!(ids, sent.iter().map(|record| &record["recordId"]).collect::<Vec<_>>());
    for (record, text) in answered.iter().zip(records) {
        match record["result"].as_str().unwrap() {
            "Ok" => {
                let keys = record["metadata"]["partitionKeys"].as_object().unwrap();
                let prefix: Vec<String> = keys.iter().map(|(k, v)| format!("{k}={}", v.as_str().unwrap())).collect();
                let data = String::from_utf8(unbase64(record["data"].as_str().unwrap())).unwrap();
                delivered.objects.entry(prefix.join("/")).or_default().push_str(&data);
            }
            "ProcessingFailed" => delivered.errors.push((*text).to_owned()),
            other => panic!("{other} is no result"),
        }
    }
    delivered
}

#[test]
fn events_are_cut_by_their_own_time_and_loaded_from_there() {
    let Some(cloud) = Cloud::shop(0.001) else { return };
    cloud.inputs_in_the_bucket();
    let mut function = cloud.function();
    let event = |id: &str, ts: &str| {
        format!(
            "{{\"event_id\":\"{id}\",\"ts\":\"{ts}\",\"session_id\":\"0123456789abcdef\",\"event\":\"product_view\",\"product_id\":7,\"ip\":\"203.0.113.7\",\"token\":\"canary\"}}"
        )
    };
    let (late, next, broken) =
        (event("a", "2026-03-08T15:30:00Z"), event("b", "2026-03-09T01:00:00Z"), "{\"event_id\":\"c\"}");
    let delivered = deliver(&mut function, &[&late, broken, &next, "not JSON"]);
    assert_eq!(delivered.attempts, 1);
    assert_eq!(delivered.errors, [broken, "not JSON"]);
    let prefixes: Vec<&String> = delivered.objects.keys().collect();
    assert_eq!(prefixes, ["date=2026-03-09/hour=00", "date=2026-03-09/hour=10"]);
    for (prefix, text) in &delivered.objects {
        assert!(!text.contains("203.0.113.7") && !text.contains("canary") && text.ends_with('\n'), "{text}");
        // Firehose compresses; the job tells gzip by the content.
        cloud.tool(&["put", &cloud.bucket, &format!("in/data/clicks/{prefix}/part.json.gz"), text]);
    }
    cloud.run(&["run", "clicks"]).expect_code(0);
    assert_eq!(cloud.count("clicks"), 2);
    assert!(
        !function.logs().contains("canary") && function.logs().contains("records could not be cut"),
        "{}",
        function.logs()
    );
}

/// A function that cannot work: Firehose asks three times more, and then keeps the records below its prefix for errors.
#[test]
fn a_batch_that_cannot_be_cut_is_tried_again_and_given_up() {
    let Some(cloud) = Cloud::shop(0.001) else { return };
    cloud.append("\n[env.test.lambda]\ntransform = \"click\"\n");
    let mut function = cloud.function();
    let delivered = deliver(&mut function, &["{}"]);
    assert_eq!((delivered.attempts, delivered.errors.len()), (4, 1));
    assert!(function.logs().len() < 100_000);
    edit(&cloud.path().join("lakegate.toml"), "transform = \"click\"", "transform = \"clicks\"");
    function.kill();
    assert_eq!(deliver(&mut function, &["{}"]).attempts, 1);
}
