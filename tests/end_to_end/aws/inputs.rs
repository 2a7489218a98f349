//! Inputs in a bucket: read under their pins.

use serde_json::json;

use super::{Cloud, ledger};
use crate::demo::assert_equal_to_oracle_with;
use crate::support::{Outcome, edit};

#[test]
fn the_shops_files_may_be_in_a_bucket() {
    let Some(cloud) = Cloud::shop(0.002) else { return };
    let data = cloud.path().join("data");
    for (job, folder, pattern) in [("clicks", "clicks", "**/*.json.gz"), ("survey_responses", "surveys", "*.xlsx")] {
        let prefix = format!("raw/{folder} 원본/");
        cloud.tool(&["upload", &cloud.bucket, &prefix, data.join(folder).to_str().unwrap()]);
        let file = cloud.path().join(format!("jobs/{job}.toml"));
        edit(&file, &format!("data/{folder}/{pattern}"), &format!("s3://{}/{prefix}{pattern}", cloud.bucket));
        std::fs::rename(data.join(folder), data.join(format!("{folder}-aside"))).unwrap();
    }
    cloud.run(&["run"]).expect_code(0);
    for folder in ["clicks", "surveys"] {
        std::fs::rename(data.join(format!("{folder}-aside")), data.join(folder)).unwrap();
    }
    assert_equal_to_oracle_with(cloud.path(), |name| {
        cloud.run(&["report", name, "--format", "json"]).expect_code(0).json().as_array().unwrap().clone()
    });
    let again = cloud.run(&["run", "clicks", "survey_responses", "--json"]).expect_code(0).json();
    assert!(again["jobs"].as_array().unwrap().iter().all(|job| job["outcome"] == "unchanged"), "{again}");
}

fn events_in_the_bucket() -> Option<Cloud> {
    let cloud = Cloud::of(|| ledger::project(2, 2))?;
    cloud.tool(&["upload", &cloud.bucket, "in/", cloud.path().join("events").to_str().unwrap()]);
    edit(&cloud.path().join("jobs/events.toml"), "events/*.json", &format!("s3://{}/in/*.json", cloud.bucket));
    Some(cloud)
}

/// Many small objects, as Firehose leaves them: one worker must not tire of waiting for them.
#[test]
fn hundreds_of_objects_are_read_by_one_worker() {
    let Some(cloud) = Cloud::of(|| ledger::project(2, 2)) else { return };
    for number in 2..=300 {
        ledger::add_events(cloud.path(), number);
    }
    cloud.tool(&["upload", &cloud.bucket, "in/", cloud.path().join("events").to_str().unwrap()]);
    edit(&cloud.path().join("jobs/events.toml"), "events/*.json", &format!("s3://{}/in/*.json", cloud.bucket));
    cloud.configure("[connections.books]", "[run]\nworkers = 1\n\n[connections.books]");
    cloud.run(&["run", "events"]).expect_code(0);
    assert_eq!(cloud.count("events"), 300 * ledger::EVENTS_PER_FILE);
}

#[test]
fn an_object_that_is_replaced_while_it_is_read_is_told() {
    let Some(cloud) = events_in_the_bucket() else { return };
    let rule = cloud
        .standin
        .rule(json!({ "scope": cloud.bucket, "operation": "GetObject", "key": "^in/", "action": "hold_before" }));
    let mut child = cloud.start(&["run", "events"]);
    assert!(rule.wait(|| child.try_wait().unwrap().is_some()));
    cloud.tool(&["put", &cloud.bucket, "in/0001.json", "{\"event_id\": \"other\", \"ts\": \"2026-03-01T00:00:00Z\"}"]);
    rule.release();
    let outcome: Outcome = child.wait_with_output().unwrap().into();
    let outcome = outcome.expect_code(5);
    assert!(outcome.stderr.contains("was replaced after the run was planned"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("in/0001.json"), "{}", outcome.stderr);
    cloud.run(&["run", "events"]).expect_code(0);
    assert_eq!(cloud.count("events"), 1);
}

#[test]
fn an_object_that_comes_short_is_read_again_or_refused_and_never_taken_for_whole() {
    let Some(cloud) = events_in_the_bucket() else { return };
    let rule = cloud.standin.rule(json!({ "scope": cloud.bucket, "operation": "GetObject", "key": "^in/", "action": "truncate", "bytes": 100, "times": 2 }));
    cloud.run(&["run", "events"]).expect_code(0);
    assert_eq!((rule.hits(), cloud.count("events")), (2, ledger::EVENTS_PER_FILE));
}

#[test]
fn an_object_that_is_replaced_after_it_was_loaded_is_refused() {
    let Some(cloud) = events_in_the_bucket() else { return };
    cloud.run(&["run", "events"]).expect_code(0);
    cloud.tool(&["put", &cloud.bucket, "in/0001.json", "{\"event_id\": \"other\", \"ts\": \"2026-03-01T00:00:00Z\"}"]);
    let outcome = cloud.run(&["run", "events"]).expect_code(4);
    assert!(outcome.stderr.contains("has changed after its rows were published"), "{}", outcome.stderr);
    assert_eq!(cloud.count("events"), ledger::EVENTS_PER_FILE);
}

#[test]
fn an_object_that_is_uploaded_again_under_another_etag_is_no_new_one() {
    let Some(cloud) = events_in_the_bucket() else { return };
    cloud.run(&["run", "events"]).expect_code(0);
    let file = cloud.path().join("events/0001.json");
    cloud.tool(&["in_parts", &cloud.bucket, "in/0001.json", file.to_str().unwrap()]);
    for _ in 0..2 {
        let outcome = cloud.run(&["run", "events"]).expect_code(0);
        assert!(outcome.stdout.contains("unchanged"), "{}", outcome.stdout);
    }
    assert_eq!(cloud.count("events"), ledger::EVENTS_PER_FILE);
}
