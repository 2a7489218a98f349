//! The Glue catalog beside the lake: made, followed, and left as others made it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::standin::on;
use super::{Cloud, ledger};
use crate::support::{edit, lakegate};

/// Operations that change a catalog.
const WRITES: [&str; 7] = [
    "CreateDatabase",
    "CreateTable",
    "UpdateTable",
    "DeleteTable",
    "BatchCreatePartition",
    "BatchUpdatePartition",
    "BatchDeletePartition",
];

fn calls(cloud: &Cloud) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for operation in cloud.standin.operations(&cloud.database) {
        *counts.entry(operation).or_insert(0) += 1;
    }
    counts
}

#[test]
fn a_thousand_partitions_cost_few_calls() {
    let Some(cloud) = Cloud::of(|| ledger::project(1000, 1)) else { return };
    cloud.run(&["run", "entries"]).expect_code(0);
    let counts = calls(&cloud);
    assert_eq!(counts.get("BatchCreatePartition"), Some(&10), "{counts:?}");
    assert!(counts.values().sum::<usize>() <= 20, "{counts:?}");
    cloud.expect_equal_catalog();
    assert_eq!(cloud.tool(&["sql", &cloud.database, "SELECT count(*) FROM entries"]).json(), json!([["1000"]]));
}

#[test]
fn a_run_with_nothing_to_do_costs_at_most_ten_requests() {
    let Some(cloud) = Cloud::of(|| ledger::project(3, 2)) else { return };
    // Beyond a checkpoint of the log.
    for _ in 0..13 {
        cloud.run(&["run", "entries", "--force"]).expect_code(0);
    }
    cloud.standin.forget(&cloud.bucket);
    cloud.standin.forget(&cloud.database);
    let outcome = cloud.run(&["run", "entries", "--json"]).expect_code(0).json();
    assert_eq!(outcome["jobs"][0]["outcome"], "unchanged");
    let requests = [cloud.standin.operations(&cloud.bucket), cloud.standin.operations(&cloud.database)].concat();
    assert!(requests.len() <= 10, "{requests:?}");
}

#[test]
fn what_others_have_set_is_kept() {
    let Some(cloud) = Cloud::of(|| ledger::project(2, 3)) else { return };
    cloud.run(&["run", "entries"]).expect_code(0);
    cloud.tool(&["meddle", &cloud.database, "entries"]);
    ledger::set_load(cloud.path(), 2);
    cloud.run(&["run", "entries"]).expect_code(0);
    let table = cloud.tool(&["table", &cloud.database, "entries"]).json()["table"].clone();
    assert_eq!((&table["Parameters"]["team"], &table["Owner"]), (&json!("finance"), &json!("kim")));
    let columns: Vec<(&str, Option<&str>)> = table["StorageDescriptor"]["Columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (c["Name"].as_str().unwrap(), c["Comment"].as_str()))
        .collect();
    // A comment of the contract is the contract's; where it has none, that of the catalog stays.
    assert_eq!(columns, [("load", Some("Which load wrote it")), ("day", None), ("entry_id", Some("Number"))]);
    assert_eq!(cloud.count_through_catalog("entries", "load"), 6);
}

#[test]
fn a_new_column_reaches_the_table_and_its_partitions() {
    let Some(cloud) = Cloud::of(|| ledger::project(3, 2)) else { return };
    cloud.run(&["run", "events"]).expect_code(0);
    let contract = cloud.path().join("schemas/events.toml");
    edit(&contract, "  { name = \"ts\"", "  { name = \"page\", type = \"string\" },\n  { name = \"ts\"");
    ledger::add_events(cloud.path(), 2);
    cloud.run(&["run", "events"]).expect_code(0);
    let held = cloud.tool(&["table", &cloud.database, "events"]).json();
    let names = |columns: &Value| -> Vec<String> {
        columns.as_array().unwrap().iter().map(|c| c["Name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&held["table"]["StorageDescriptor"]["Columns"]), ["event_id", "ts", "page"]);
    for partition in held["partitions"].as_array().unwrap() {
        assert_eq!(names(&partition["StorageDescriptor"]["Columns"]), ["event_id", "ts", "page"]);
    }
    let rows = cloud.tool(&["sql", &cloud.database, "SELECT count(*), count(page) FROM events"]).json();
    assert_eq!(rows, json!([[(2 * ledger::EVENTS_PER_FILE).to_string(), "0"]]));
    cloud.expect_equal_catalog();
}

#[test]
fn partitions_that_the_lake_no_longer_has_are_removed() {
    let Some(cloud) = Cloud::of(|| ledger::project(60, 1)) else { return };
    cloud.run(&["run", "entries"]).expect_code(0);
    let database = rusqlite::Connection::open(cloud.path().join("books.db")).unwrap();
    database.execute("DELETE FROM entries WHERE entry_id % 60 >= 5", []).unwrap();
    drop(database);
    cloud.run(&["run", "entries"]).expect_code(0);
    assert_eq!(cloud.through_catalog("entries", "load").len(), 5);
    assert_eq!(calls(&cloud).get("BatchDeletePartition"), Some(&3), "55 partitions, 25 at a time");
}

#[test]
fn a_catalog_that_fails_leaves_the_data_and_is_made_good_by_the_next_run() {
    let Some(cloud) = Cloud::of(|| ledger::project(4, 2)) else { return };
    let denied = json!({ "scope": cloud.database, "operation": "BatchCreatePartition", "action": "status", "error": "AccessDeniedException", "times": -1 });
    let rule = cloud.standin.rule(denied);
    let outcome = cloud.run(&["run", "entries"]).expect_code(7);
    assert!(outcome.stderr.contains("glue:BatchCreatePartition"), "{}", outcome.stderr);
    assert!(outcome.stdout.contains("published"), "{}", outcome.stdout);
    assert_eq!(cloud.count("entries"), 8);
    assert!(cloud.run(&["catalog", "diff"]).expect_code(7).stdout.contains("+ partition month=1900-01"));
    rule.release();
    let outcome = cloud.run(&["run", "entries"]).expect_code(0);
    assert!(outcome.stdout.contains("unchanged") && outcome.stderr.contains("made equal"), "{}", outcome.stderr);
    assert_eq!(cloud.count_through_catalog("entries", "load"), 8);
    cloud.expect_equal_catalog();
}

#[test]
fn throttling_conflicts_lost_replies_and_errors_of_single_items_are_survived() {
    let Some(cloud) = Cloud::of(|| ledger::project(4, 2)) else { return };
    let fault = |operation: &str, rule: Value| {
        let mut merged = on(&cloud.database, operation, "status");
        merged.as_object_mut().unwrap().extend(rule.as_object().unwrap().clone());
        merged
    };
    let faults = [
        fault("BatchCreatePartition", json!({ "action": "partial", "count": 2 })),
        fault("CreateTable", json!({ "action": "lost_reply" })),
        fault("UpdateTable", json!({ "error": "ConcurrentModificationException" })),
        fault("UpdateTable", json!({ "action": "lost_reply" })),
        fault("GetPartitions", json!({ "error": "ThrottlingException", "times": 2 })),
        fault("BatchUpdatePartition", json!({ "action": "partial", "count": 1, "error": "ThrottlingException" })),
        fault("BatchUpdatePartition", json!({ "action": "lost_reply" })),
        fault("BatchCreatePartition", json!({ "action": "lost_reply" })),
    ];
    for (load, fault) in (2..).zip(faults) {
        // The first two need a table that is not there yet, the last one partitions that are not.
        if fault["operation"] == "BatchCreatePartition" && load > 2 {
            let database = rusqlite::Connection::open(cloud.path().join("books.db")).unwrap();
            database.execute("UPDATE entries SET day = '1899-01-01' WHERE entry_id < 2", []).unwrap();
        }
        let scope = if fault["operation"] == "CreateTable" { "events" } else { "entries" };
        ledger::set_load(cloud.path(), load);
        let rule = cloud.standin.rule(fault.clone());
        cloud.run(&["run", scope]).expect_code(0);
        assert!(rule.hits() > 0, "{fault}");
        drop(rule);
        cloud.expect_equal_catalog();
        let shown = cloud.through_catalog("entries", "load");
        assert!(scope == "events" || shown.values().all(|p| p[1] == json!([load])), "{fault}: {shown:?}");
    }
}

#[test]
fn a_catalog_that_is_read_only_is_never_written() {
    let Some(cloud) = Cloud::of(|| ledger::project(2, 2)) else { return };
    cloud.configure(
        &format!("database = \"{}\"", cloud.database),
        &format!("database = \"{}\"\nmode = \"read_only\"", cloud.database),
    );
    cloud.run(&["run"]).expect_code(0);
    assert!(cloud.run(&["catalog", "diff"]).expect_code(7).stdout.contains("+ database"));
    assert!(cloud.run(&["catalog", "apply"]).expect_code(2).stderr.contains("read-only"));
    let operations = cloud.standin.operations(&cloud.database);
    assert!(!operations.iter().any(|o| WRITES.contains(&o.as_str())), "{operations:?}");
}

#[test]
fn vacuum_keeps_what_a_lagging_catalog_points_at() {
    let Some(cloud) = Cloud::of(|| ledger::project(3, 2)) else { return };
    cloud.run(&["run", "entries"]).expect_code(0);
    let mut denied = on(&cloud.database, "UpdateTable", "status");
    denied
        .as_object_mut()
        .unwrap()
        .extend([("error".to_owned(), json!("AccessDeniedException")), ("times".to_owned(), json!(-1))]);
    let rule = cloud.standin.rule(denied);
    for load in 2..4 {
        ledger::set_load(cloud.path(), load);
        cloud.run(&["run", "entries"]).expect_code(7);
    }
    std::thread::sleep(std::time::Duration::from_secs(2));
    cloud.run(&["vacuum", "--retain", "1s"]).expect_code(0);
    let shown = cloud.through_catalog("entries", "load");
    assert!(shown.values().all(|p| *p == json!([2, [1]])), "{shown:?}");
    let files = || cloud.keys("tables/entries/").iter().filter(|k| k.ends_with(".parquet")).count();
    assert_eq!(files(), 6, "those of the newest version and those that Glue points at");
    drop(rule);
    cloud.run(&["run", "entries"]).expect_code(0);
    cloud.run(&["vacuum", "--retain", "1s"]).expect_code(0);
    assert_eq!(files(), 3);
    let away = cloud
        .standin
        .rule(json!({ "scope": cloud.database, "action": "status", "error": "AccessDeniedException", "times": -1 }));
    cloud.run(&["vacuum", "--retain", "1s"]).expect_code(2);
    drop(away);
}

#[test]
fn a_table_of_another_lake_is_taken_over_only_on_request() {
    let Some(cloud) = Cloud::of(|| ledger::project(3, 2)) else { return };
    cloud.run(&["run", "entries"]).expect_code(0);
    let staging = format!("{}-staging", cloud.bucket);
    cloud.tool(&["create", &staging]);
    cloud.configure(&format!("s3://{}/", cloud.bucket), &format!("s3://{staging}/"));
    let outcome = cloud.run(&["run", "entries"]).expect_code(7);
    assert!(outcome.stderr.contains("of another lake") && outcome.stderr.contains("--adopt"), "{}", outcome.stderr);
    let location = || {
        cloud.tool(&["table", &cloud.database, "entries"]).json()["table"]["StorageDescriptor"]["Location"].to_string()
    };
    assert!(!location().contains("staging"));
    cloud.run(&["catalog", "apply", "--adopt"]).expect_code(2);
    cloud.run(&["catalog", "apply", "entries", "--adopt"]).expect_code(0);
    assert!(location().contains("staging"));
    cloud.expect_equal_catalog();
}

#[test]
fn native_delta_tables_stand_beside_the_others_on_request() {
    let Some(cloud) = Cloud::of(|| ledger::project(3, 4)) else { return };
    cloud.configure(
        &format!("database = \"{}\"", cloud.database),
        &format!("database = \"{}\"\nathena_table = \"both\"", cloud.database),
    );
    cloud.run(&["run", "entries"]).expect_code(0);
    ledger::set_load(cloud.path(), 2);
    cloud.run(&["run", "entries"]).expect_code(0);
    for table in ["entries", "entries_delta"] {
        let sql = format!("SELECT count(*), min(load), max(load), min(month) FROM {table}");
        assert_eq!(cloud.tool(&["sql", &cloud.database, &sql]).json(), json!([["12", "2", "2", "1900-01"]]), "{table}");
    }
    cloud.expect_equal_catalog();
    let shown = cloud.run(&["catalog", "show", "entries", "--json"]).expect_code(0).json();
    assert_eq!(shown["tables"].as_array().unwrap().len(), 2);
}

#[test]
fn what_is_somebody_elses_is_refused() {
    let Some(cloud) = Cloud::of(|| ledger::project(2, 2)) else { return };
    cloud.run(&["run", "events"]).expect_code(0);
    cloud.tool(&["sql", &cloud.database, "CREATE OR REPLACE VIEW entries AS SELECT 1 AS one"]);
    let outcome = cloud.run(&["run", "entries"]).expect_code(7);
    assert!(outcome.stderr.contains("a view"), "{}", outcome.stderr);
    assert_eq!(cloud.count("entries"), 4);
    let outcome = lakegate(cloud.path(), &["catalog", "diff"]).expect_code(2);
    assert!(outcome.stderr.contains("has no catalog"), "{}", outcome.stderr);
}
