//! The demo shop on S3 and Glue; its reports on both engines.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use super::Cloud;
use super::standin::on;
use crate::demo::{REPORTS, assert_equal_to_oracle_with};
use crate::support::Outcome;

#[test]
fn the_shops_reports_are_equal_on_both_engines_and_to_the_oracle() {
    let Some(cloud) = Cloud::shop(0.002) else { return };
    cloud.run(&["run"]).expect_code(0);
    cloud.expect_equal_catalog();
    assert_equal_to_oracle_with(cloud.path(), |name| {
        let outcome = cloud.run(&["report", name, "--engine", "athena", "--format", "json"]).expect_code(0);
        assert!(outcome.stderr.contains("scanned, about $"), "{}", outcome.stderr);
        outcome.json().as_array().unwrap().clone()
    });
    for name in REPORTS {
        let compared = cloud.run(&["report", name, "--compare", "--json"]).expect_code(0).json();
        assert_eq!((&compared["equal"], &compared["cells"]), (&json!(true), &json!([])), "{compared}");
        assert!(compared["rows"]["local"].as_u64().unwrap() > 0);
    }
    let early = ["report", "hourly_clicks", "--param", "until=2026-03-01", "--compare"];
    cloud.run(&early).expect_code(0);
}

#[test]
fn views_and_named_queries_are_made_and_updated_in_place() {
    let Some(cloud) = Cloud::shop(0.001) else { return };
    cloud.run(&["run", "categories", "products", "users", "orders", "order_items"]).expect_code(0);
    let publish = || cloud.run(&["report", "publish", "category_sales", "--json"]).expect_code(0).json();
    assert_eq!(
        publish()["reports"][0],
        json!({ "report": "category_sales", "view": true, "created": true, "fixed": [] })
    );
    let rows = |sql: &str| cloud.tool(&["sql", &cloud.database, sql]).json();
    let by_view = rows("SELECT count(*), sum(revenue) FROM category_sales");
    let report = cloud.run(&["report", "category_sales", "--format", "csv"]).expect_code(0).stdout;
    assert_eq!(by_view[0][0].as_str().unwrap(), (report.lines().count() - 1).to_string());
    crate::support::edit(&cloud.path().join("sql/category_sales.sql"), "ORDER BY revenue DESC, pc.category", "LIMIT 2");
    assert_eq!(publish()["reports"][0]["created"], json!(false));
    assert_eq!(rows("SELECT count(*) FROM category_sales")[0][0], "2");
    let updates = cloud.standin.operations(&cloud.database);
    assert_eq!(updates.iter().filter(|o| *o == "UpdateNamedQuery").count(), 1, "{updates:?}");
    let taken = cloud.path().join("sql/products.sql");
    std::fs::write(&taken, "-- title: Products\nSELECT 1 AS one FROM products\n").unwrap();
    let refused = cloud.run(&["report", "publish"]).expect_code(2);
    assert!(refused.stderr.contains("cannot have the name of a table"), "{}", refused.stderr);
}

#[test]
fn what_fails_on_athena_is_told_without_values() {
    let Some(cloud) = Cloud::shop(0.001) else { return };
    cloud.run(&["run", "categories", "products"]).expect_code(0);
    let report = |sql: &str| {
        std::fs::write(cloud.path().join("sql/odd.sql"), format!("-- title: Odd\n{sql}\n")).unwrap();
        cloud.run(&["report", "odd", "--engine", "athena"])
    };
    let unknown = report("SELECT prise FROM products").expect_code(2);
    assert!(unknown.stderr.contains("prise"), "{}", unknown.stderr);
    let cast = report("SELECT CAST(name AS bigint) AS n FROM categories").expect_code(2);
    let name = cloud.run(&["query", "SELECT name FROM categories LIMIT 1", "--format", "csv"]).stdout;
    let name = name.lines().nth(1).unwrap();
    assert!(!cast.stderr.contains(name), "{name}: {}", cast.stderr);
    let failing =
        json!({ "scope": cloud.database, "fail_next": { "message": "INTERNAL_ERROR: node lost", "retryable": true } });
    cloud.standin.athena(failing);
    report("SELECT count(*) AS n FROM products").expect_code(0);
    cloud.configure("[env.test.catalog]", "[env.test.athena]\nwork_group = \"missing\"\n\n[env.test.catalog]");
    let missing = report("SELECT 1 AS n FROM products").expect_code(2);
    assert!(missing.stderr.contains("work_group under [athena]"), "{}", missing.stderr);
}

#[test]
fn the_doctor_says_what_is_there_and_what_could_be_better() {
    let Some(cloud) = Cloud::shop(0.001) else { return };
    cloud.run(&["run", "categories", "products"]).expect_code(0);
    let found = cloud.run(&["doctor"]).expect_code(0).stdout;
    for part in [
        "of two writers the first wins",
        "may be made public",
        "unfinished uploads",
        "work group primary",
        "job clicks",
    ] {
        assert!(found.contains(part), "{part}: {found}");
    }
    assert!(cloud.keys("system/probes/").is_empty());
    let denied = json!({ "scope": cloud.database, "operation": "GetTable", "action": "status", "error": "AccessDeniedException", "times": -1 });
    let _rule = cloud.standin.rule(denied);
    let outcome = cloud.run(&["doctor", "--json"]).expect_code(2).json();
    let catalog = outcome["checks"].as_array().unwrap().iter().find(|c| c["check"] == "catalog").unwrap();
    assert_eq!(catalog["error"]["help"], "the role needs glue:GetTable", "{catalog}");
}

#[test]
fn a_lost_reply_starts_no_second_query() {
    let Some(cloud) = Cloud::shop(0.001) else { return };
    cloud.run(&["run", "categories", "products"]).expect_code(0);
    std::fs::write(cloud.path().join("sql/n.sql"), "-- title: N\nSELECT count(*) AS n FROM products\n").unwrap();
    cloud.standin.forget(&cloud.database);
    let rule = cloud.standin.rule(on(&cloud.database, "StartQueryExecution", "lost_reply"));
    cloud.run(&["report", "n", "--engine", "athena"]).expect_code(0);
    assert_eq!(rule.hits(), 1);
    let started: Vec<_> =
        cloud.standin.log(&cloud.database).into_iter().filter(|c| c["operation"] == "StartQueryExecution").collect();
    let token = |call: &serde_json::Value| {
        let body: serde_json::Value = serde_json::from_str(call["key"].as_str().unwrap()).unwrap();
        body["ClientRequestToken"].as_str().unwrap().to_owned()
    };
    assert_eq!(started.len(), 2, "{started:?}");
    assert_eq!(token(&started[0]), token(&started[1]), "the same token is the same query to Athena");
}

#[test]
fn an_interrupt_stops_the_query_on_athena() {
    let Some(cloud) = Cloud::shop(0.001) else { return };
    cloud.run(&["run", "categories", "products"]).expect_code(0);
    std::fs::write(cloud.path().join("sql/n.sql"), "-- title: N\nSELECT count(*) AS n FROM products\n").unwrap();
    cloud.standin.athena(json!({ "scope": cloud.database, "run_seconds": 60 }));
    let rule = cloud.standin.rule(on(&cloud.database, "GetQueryExecution", "delay"));
    let child = cloud
        .command(&["report", "n", "--engine", "athena"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    rule.wait(|| false);
    let began = Instant::now();
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let outcome: Outcome = child.wait_with_output().unwrap().into();
    let outcome = outcome.expect_code(130);
    assert!(began.elapsed() < Duration::from_secs(10));
    assert!(outcome.stderr.contains("was stopped on Athena"), "{}", outcome.stderr);
    assert!(cloud.standin.operations(&cloud.database).contains(&"StopQueryExecution".to_owned()));
}

#[test]
fn an_earlier_result_is_given_again_where_that_is_asked_for() {
    let Some(cloud) = Cloud::shop(0.001) else { return };
    cloud.run(&["run", "categories", "products"]).expect_code(0);
    std::fs::write(cloud.path().join("sql/n.sql"), "-- title: N\nSELECT count(*) AS n FROM products\n").unwrap();
    cloud.configure("[env.test.catalog]", "[env.test.athena]\nreuse = \"1h\"\n\n[env.test.catalog]");
    let run = || cloud.run(&["report", "n", "--engine", "athena"]).expect_code(0).stderr;
    assert!(run().contains("scanned"));
    assert!(run().contains("given again"));
    assert!(cloud.run(&["report", "n", "--compare"]).expect_code(0).stderr.contains("scanned"));
}
