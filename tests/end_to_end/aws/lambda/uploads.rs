//! Uploads that wake a function: workbooks, batches with broken ones, a thousand events in any order.

use std::time::Duration;

use serde_json::json;

use super::runtime::{batch, notification};
use super::{AMPLE, Cloud, PREFIX, edit, events_function, ledger, put_events};
use crate::support::{count, lakegate};

/// 2,000 answers of a quarter: a survey as the shop has it.
fn surveys() -> Option<Cloud> {
    let cloud = Cloud::shop(0.04)?;
    cloud.inputs_in_the_bucket();
    Some(cloud)
}

fn put_workbook(cloud: &Cloud, name: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(cloud.path().join("data/surveys").join(name), folder.path().join(name)).unwrap();
    cloud.tool(&["upload", &cloud.bucket, "in/data/surveys/", folder.path().to_str().unwrap()]);
    format!("in/data/surveys/{name}")
}

#[test]
fn a_workbook_is_in_the_catalog_after_one_invocation() {
    let Some(cloud) = surveys() else { return };
    let key = put_workbook(&cloud, "설문_2026Q1.xlsx");
    let mut function = cloud.function();
    let answer = function.invoke(&notification(&cloud.bucket, &[&key]), Duration::from_secs(10)).answer();
    assert_eq!(answer, json!({ "objects": 1 }), "{}", function.logs());
    let rows = cloud.count_through_catalog("survey_responses", "respondent_id");
    assert!(rows >= 2_000, "{rows} rows");
    let peak = function.peak_memory();
    assert!(peak < 256 << 20, "{} MiB", peak >> 20);
    cloud.expect_equal_catalog();
}

/// Hands what a queue holds to the function, as Lambda does, until it is empty; how many messages there were.
fn drain(cloud: &Cloud, url: &str, function: &mut super::Function) -> usize {
    let mut served = 0;
    loop {
        let records = cloud.tool(&["receive", url, "10"]).json();
        let Some(messages) = records.as_array().filter(|m| !m.is_empty()) else { return served };
        let answer = function.invoke(&json!({ "Records": messages }), AMPLE).answer();
        assert_eq!(answer, json!({ "batchItemFailures": [] }), "{}", function.logs());
        for message in messages {
            cloud.tool(&["delete", url, message["receiptHandle"].as_str().unwrap()]);
            served += 1;
        }
    }
}

/// S3 tells a queue, directly, through a topic, or through EventBridge; the queue tells the function.
#[test]
fn s3_tells_the_function_by_every_way_that_there_is() {
    let Some((cloud, mut function)) = events_function() else { return };
    let queue = |name: &str| {
        let made = cloud.tool(&["queue", &format!("{name}-{}", cloud.bucket)]).json();
        [&made["url"], &made["arn"]].map(|text| text.as_str().unwrap().to_owned())
    };
    let ([direct, direct_arn], [by_topic, topic_queue], [by_bridge, bridge_queue]) =
        (queue("direct"), queue("topic"), queue("bridge"));
    let topic = cloud.tool(&["topic", &format!("uploads-{}", cloud.bucket), &topic_queue]).stdout;
    let odd = "in/events/나 + 너%20";
    for (prefix, arn) in [("in/events/0001", direct_arn.as_str()), ("in/events/0002", topic.trim())] {
        cloud.tool(&["notify", &cloud.bucket, prefix, ".json", arn]);
    }
    cloud.tool(&["rule", &format!("uploads-{}", cloud.bucket), &bridge_queue, &cloud.bucket]);
    // What S3 sends when notifications are set up is no upload.
    for url in [&direct, &by_topic] {
        drain(&cloud, url, &mut function);
    }
    put_events(&cloud, 1..=2);
    assert_eq!([&direct, &by_topic].map(|url| drain(&cloud, url, &mut function)), [1, 1]);
    assert_eq!(cloud.count_through_catalog("events", "event_id"), 2 * ledger::EVENTS_PER_FILE);
    // EventBridge hears of everything in the bucket: of the lake's own files, too.
    cloud.tool(&["notify_eventbridge", &cloud.bucket]);
    let event = "{\"event_id\": \"odd\", \"ts\": \"2026-03-01T00:00:00Z\"}";
    cloud.tool(&["put", &cloud.bucket, &format!("{odd}.json"), event]);
    assert!(drain(&cloud, &by_bridge, &mut function) >= 1);
    assert_eq!(cloud.count("events"), 2 * ledger::EVENTS_PER_FILE + 1);
}

#[test]
fn a_poisoned_workbook_becomes_a_dead_letter_and_the_others_are_published() {
    let Some(cloud) = surveys() else { return };
    let dead = cloud.dead_letters();
    let good = ["설문_2025Q2.xlsx", "설문_2025Q3.xlsx", "설문_2025Q4.xlsx"].map(|name| put_workbook(&cloud, name));
    let bad = "in/data/surveys/설문_2026Q1.xlsx".to_owned();
    cloud.tool(&["put", &cloud.bucket, &bad, "this is no workbook"]);
    let message = |id, key: &String| (id, 1, notification(&cloud.bucket, &[key]));
    let event = batch(&[message("one", &good[0]), message("two", &bad), message("three", &good[1])]);
    let mut function = cloud.function();
    let answer = function.invoke(&event, AMPLE).answer();
    assert_eq!(answer, json!({ "batchItemFailures": [] }), "{}", function.logs());
    let quarters = |cloud: &Cloud| {
        let sql = "SELECT DISTINCT quarter FROM survey_responses ORDER BY quarter";
        let outcome = cloud.run(&["query", sql, "--format", "csv"]).expect_code(0);
        outcome.stdout.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(quarters(&cloud), ["2025-Q2", "2025-Q3"]);
    let letters = cloud.peek(&dead);
    assert_eq!(letters.len(), 1, "{letters:?}");
    let shown = letters[0].to_string();
    assert!(shown.contains("reason") && shown.contains("설문_2026Q1.xlsx") && shown.contains("bad_input"), "{shown}");

    // The broken one still lies there, and does not hold up the next.
    let answer = function.invoke(&batch(&[message("four", &good[2])]), AMPLE).answer();
    assert_eq!(answer, json!({ "batchItemFailures": [] }), "{}", function.logs());
    assert_eq!(quarters(&cloud).len(), 3);

    // One that was published and is broken now is not the fault of who comes next: it waits, and nothing is lost.
    cloud.tool(&["put", &cloud.bucket, &good[0], "this is no workbook any more"]);
    cloud.tool(&["put", &cloud.bucket, "in/data/surveys/설문_2026Q2.xlsx", "soon"]);
    let fifth = put_workbook(&cloud, "설문_2025Q4.xlsx");
    let answer = function.invoke(&batch(&[message("five", &fifth)]), AMPLE).answer();
    assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "five" }] }), "{}", function.logs());
    assert_eq!(quarters(&cloud).len(), 3);
    put_workbook(&cloud, "설문_2025Q2.xlsx");

    let listed = cloud.run(&["redrive", "--list", "--json"]).expect_code(0).json();
    assert_eq!(listed["messages"][0]["job"], "survey_responses", "{listed}");
    let outcome = cloud.run(&["redrive"]).expect_code(4);
    assert!(outcome.stderr.contains("설문_2026Q1.xlsx"), "{}", outcome.stderr);
    put_workbook(&cloud, "설문_2026Q1.xlsx");
    let outcome = cloud.run(&["redrive"]).expect_code(0);
    assert!(outcome.stdout.contains("1 of 1 messages served"), "{}", outcome.stdout);
    assert_eq!(quarters(&cloud).len(), 4);
    assert!(cloud.peek(&dead).is_empty());
    cloud.expect_equal_catalog();
}

#[test]
fn what_is_no_notification_becomes_a_dead_letter_that_can_be_discarded() {
    let Some((cloud, mut function)) = events_function() else { return };
    let dead = cloud.dead_letters();
    let event = batch(&[("odd", 1, json!({ "hello": "world" }))]);
    assert_eq!(function.invoke(&event, AMPLE).answer(), json!({ "batchItemFailures": [] }));
    let letters = cloud.run(&["redrive", "--list", "--json"]).expect_code(0).json();
    let id = letters["messages"][0]["message"].as_str().unwrap().to_owned();
    assert!(letters["messages"][0]["reason"].as_str().unwrap().contains("none that lakegate knows"), "{letters}");
    cloud.run(&["redrive"]).expect_code(2);
    cloud.run(&["redrive", "--discard", "no-such"]).expect_code(2);
    cloud.run(&["redrive", "--discard", &id]).expect_code(0);
    assert!(cloud.peek(&dead).is_empty());
}

/// A service that is away: the message comes again, until it has come too often.
#[test]
fn a_message_is_delivered_again_while_a_service_is_away() {
    let Some((cloud, mut function)) = events_function() else { return };
    let dead = cloud.dead_letters();
    let keys = put_events(&cloud, 1..=1);
    let event = |received| batch(&[("m", received, notification(&cloud.bucket, &[&keys[0]]))]);
    edit(&cloud.path().join("jobs/events.toml"), "mode = \"append\"", "mode = \"append\"\ntimeout = \"1s\"");
    let away =
        json!({ "scope": cloud.bucket, "operation": "HeadObject", "action": "delay", "seconds": 30, "times": -1 });
    let rule = cloud.standin.rule(away);
    let answer = function.invoke(&event(1), AMPLE).answer();
    assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "m" }] }), "{}", function.logs());
    assert!(cloud.peek(&dead).is_empty());
    let answer = function.invoke(&event(4), AMPLE).answer();
    assert_eq!(answer, json!({ "batchItemFailures": [] }));
    assert!(cloud.peek(&dead)[0].to_string().contains("timeout of 1 s"));
    drop(rule);
    cloud.run(&["redrive"]).expect_code(0);
    assert_eq!(cloud.count("events"), ledger::EVENTS_PER_FILE);
}

#[test]
fn a_thousand_events_in_any_order_leave_the_same_lake_as_each_once() {
    const FILES: u32 = 60;
    let Some((cloud, mut function)) = events_function() else { return };
    let keys = put_events(&cloud, 1..=FILES);
    // Each about seventeen times, in an order that is the same for each run of the test.
    let mut order: Vec<usize> = (0..1_000).map(|i| i % keys.len()).collect();
    let mut random = 7_u64;
    for i in (1..order.len()).rev() {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        order.swap(i, usize::try_from(random >> 33).unwrap() % (i + 1));
    }
    for (number, part) in order.chunks(25).enumerate() {
        let ids: Vec<String> = part.iter().enumerate().map(|(i, _)| format!("{number}-{i}")).collect();
        let messages: Vec<_> = ids
            .iter()
            .zip(part)
            .map(|(id, key)| (id.as_str(), 1, notification(&cloud.bucket, &[keys[*key].as_str()])))
            .collect();
        let answer = function.invoke(&batch(&messages), AMPLE).answer();
        assert_eq!(answer, json!({ "batchItemFailures": [] }), "{}", function.logs());
    }
    let sql = "SELECT event_id, ts, day FROM events ORDER BY event_id";
    let shuffled = cloud.run(&["query", sql, "--format", "csv"]).expect_code(0).stdout;
    let once = ledger::project(2, 2);
    for number in 1..=FILES {
        ledger::add_events(once.path(), number);
        lakegate(once.path(), &["run", "events"]).expect_code(0);
    }
    assert_eq!(count(once.path(), "events"), u64::from(FILES) * ledger::EVENTS_PER_FILE);
    assert_eq!(shuffled, lakegate(once.path(), &["query", sql, "--format", "csv"]).expect_code(0).stdout);
    assert_eq!(cloud.count_through_catalog("events", "event_id"), u64::from(FILES) * ledger::EVENTS_PER_FILE);
    cloud.expect_equal_catalog();
}

/// A key where a job looks, that it does not read: somebody's mistake, and not to be passed over in a log.
#[test]
fn an_upload_beside_the_pattern_becomes_a_dead_letter() {
    let Some((cloud, mut function)) = events_function() else { return };
    let dead = cloud.dead_letters();
    let event = |id, key| batch(&[(id, 1, notification(&cloud.bucket, &[key]))]);
    for (id, key) in [("deeper", "in/events/2026/0001.json"), ("other", "in/events/0001.csv")] {
        assert_eq!(function.invoke(&event(id, key), AMPLE).answer(), json!({ "batchItemFailures": [] }));
    }
    assert_eq!(function.invoke(&event("folder", "in/events/"), AMPLE).answer(), json!({ "batchItemFailures": [] }));
    let letters = cloud.peek(&dead);
    assert_eq!(letters.len(), 2, "{letters:?}");
    assert!(letters[0].to_string().contains("a key as job events has it"), "{letters:?}");
    let (kind, message) = function.invoke(&notification("another-bucket", &["a.json"]), AMPLE).failed();
    assert!(kind == "Lakegate.Usage" && message.contains("[inputs] location"), "{message}");
}

#[test]
fn an_upload_that_nobody_reads_is_told_and_harms_nothing() {
    let Some((cloud, mut function)) = events_function() else { return };
    let event = notification(&cloud.bucket, &["in/other/a+b.csv", &format!("{PREFIX}/tables/x")]);
    assert_eq!(function.invoke(&event, AMPLE).answer(), json!({ "objects": 2 }));
    assert!(function.logs().contains("no job reads this object"), "{}", function.logs());
    let gone = notification(&cloud.bucket, &["in/events/9999.json"]);
    assert_eq!(function.invoke(&gone, AMPLE).answer(), json!({ "objects": 1 }), "{}", function.logs());
}
