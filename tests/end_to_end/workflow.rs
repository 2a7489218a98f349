//! Jobs in the order of their dependencies: conditions, what is resumed, and the same as a state machine.

use std::path::Path;

use lakegate_sample_shop::Options;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{edit, lakegate, python, repository, run_python, shop};

fn small_shop() -> TempDir {
    shop(&Options { scale: 0.001, ..Options::default() })
}

fn outcomes(answer: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut jobs: Vec<_> =
        answer["jobs"].as_array().unwrap().iter().map(|job| (text(&job["job"]), text(&job["outcome"]))).collect();
    jobs.sort();
    jobs
}

fn of<'a>(outcomes: &'a [(String, String)], job: &str) -> &'a str {
    &outcomes.iter().find(|(name, _)| name == job).unwrap().1
}

/// Makes the job of a table fail, or puts it right again.
fn break_job(project: &Path, job: &str, broken: bool) {
    let file = project.join(format!("jobs/{job}.toml"));
    let (old, new) = (format!("table = \"{job}\""), format!("table = \"{job}_gone\""));
    if broken { edit(&file, &old, &new) } else { edit(&file, &new, &old) }
}

#[test]
fn a_failed_workflow_goes_on_where_it_stopped() {
    let shop = small_shop();
    let project = shop.path();
    let nothing = lakegate(project, &["run", "--resume"]).expect_code(2);
    assert!(nothing.stderr.contains("there is no workflow to resume"), "{}", nothing.stderr);
    break_job(project, "orders", true);
    let first = outcomes(&lakegate(project, &["run", "--json"]).expect_code(4).json());
    assert_eq!(
        (of(&first, "users"), of(&first, "orders"), of(&first, "order_items")),
        ("published", "failed", "skipped")
    );
    let status = lakegate(project, &["workflow", "status", "--json"]).expect_code(0).json();
    let jobs = &status["workflow"]["jobs"];
    assert_eq!((&jobs["orders"]["status"], &jobs["order_items"]["status"]), (&json!("failed"), &json!("skipped")));
    assert!(jobs["users"]["run"].is_string() && jobs["orders"]["error"].as_str().unwrap().contains("orders_gone"));
    // A job alone does not take the workflow's place.
    break_job(project, "orders", false);
    lakegate(project, &["run", "users"]).expect_code(0);
    let resumed = outcomes(&lakegate(project, &["run", "--resume", "--json"]).expect_code(0).json());
    let names: Vec<&str> = resumed.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.contains(&"orders") && names.contains(&"order_items") && !names.contains(&"users"), "{names:?}");
    let shown = lakegate(project, &["workflow", "status"]).expect_code(0);
    assert!(shown.stdout.contains(": succeeded, begun 2 times"), "{}", shown.stdout);
    let done = lakegate(project, &["run", "--resume"]).expect_code(2);
    assert!(done.stderr.contains("has succeeded: there is nothing to resume"), "{}", done.stderr);
    lakegate(project, &["run", "--resume", "orders"]).expect_code(2);
}

#[test]
fn a_killed_workflow_is_resumed_too() {
    let shop = small_shop();
    let project = shop.path();
    lakegate(project, &["run"]).expect_code(0);
    // As a process leaves it that is killed while `orders` runs.
    let folder = std::fs::read_dir(project.join("lake/system/workflows")).unwrap().next().unwrap().unwrap().path();
    let file = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(&file).unwrap();
    let mut state: Value = serde_json::from_str(text.trim()).unwrap();
    state["status"] = json!("running");
    state["jobs"]["orders"]["status"] = json!("running");
    std::fs::write(&file, format!("{state}\n")).unwrap();
    let resumed = outcomes(&lakegate(project, &["run", "--resume", "--json"]).expect_code(0).json());
    assert_eq!(resumed, [("orders".to_owned(), "unchanged".to_owned())]);
}

#[test]
fn a_job_may_run_when_any_of_its_upstream_succeeded() {
    let shop = small_shop();
    let project = shop.path();
    edit(
        &project.join("jobs/orders.toml"),
        "after = [\"users\"]",
        "condition = \"any\"\nafter = [\"users\", \"categories\"]",
    );
    break_job(project, "categories", true);
    let ran = lakegate(project, &["run", "users", "categories", "products", "orders", "--json"]).expect_code(4).json();
    let ran = outcomes(&ran);
    let [categories, products, orders] = ["categories", "products", "orders"].map(|job| of(&ran, job));
    assert_eq!([categories, products, orders], ["failed", "skipped", "published"]);
    break_job(project, "users", true);
    let ran = outcomes(&lakegate(project, &["run", "users", "categories", "orders", "--json"]).expect_code(4).json());
    assert_eq!(of(&ran, "orders"), "skipped");
}

/// The state machine calls the jobs that a run of ours would run, in an order that their dependencies allow.
#[test]
fn step_functions_run_the_same_jobs() {
    let Some(python) = python() else { return };
    let shop = small_shop();
    let project = shop.path();
    edit(&project.join("jobs/order_items.toml"), "after = ", "condition = \"any\"\nafter = ");
    let play = |arguments: &[&str], outcomes: Value| {
        let machine = lakegate(project, &[&["workflow", "step-functions"], arguments].concat()).expect_code(0).stdout;
        let file = project.join("machine.json");
        std::fs::write(&file, machine).unwrap();
        let script = repository().join("tests/oracle/states.py");
        let played =
            run_python(&python, &script, &[file.to_str().unwrap(), &outcomes.to_string()]).expect_code(0).json();
        let calls: Vec<String> = serde_json::from_value(played["calls"].clone()).unwrap();
        (played["status"].as_str().unwrap().to_owned(), calls)
    };
    let (status, calls) = play(&[], json!({}));
    let at = |calls: &[String], job: &str| calls.iter().position(|call| call == job);
    assert_eq!((status.as_str(), calls.len()), ("SUCCEEDED", 8));
    for (first, then) in [("categories", "products"), ("users", "orders"), ("orders", "order_items")] {
        assert!(at(&calls, first) < at(&calls, then), "{calls:?}");
    }
    for arguments in [&["--function", "f"][..], &["--glue-job", "nightly"]] {
        let (status, calls) = play(arguments, json!({ "products": ["fail"] }));
        assert!(status == "FAILED" && at(&calls, "order_items").is_some(), "any: {calls:?}");
        let (status, calls) = play(arguments, json!({ "products": ["fail"], "users": ["fail"] }));
        assert!(
            status == "FAILED" && at(&calls, "orders").is_none() && at(&calls, "order_items").is_none(),
            "{calls:?}"
        );
    }
    let (status, calls) =
        play(&[], json!({ "users": ["Lakegate.Unavailable", "ok"], "clicks": ["Lakegate.CatalogLagging"] }));
    assert_eq!((status.as_str(), calls.iter().filter(|call| *call == "users").count()), ("SUCCEEDED", 2));
    let unknown = lakegate(project, &["workflow", "step-functions", "user"]).expect_code(2);
    assert!(unknown.stderr.contains("did you mean `users`?"), "{}", unknown.stderr);
}

#[test]
fn a_job_that_takes_too_long_is_abandoned_and_tried_again() {
    let shop = small_shop();
    let project = shop.path();
    edit(
        &project.join("lakegate.toml"),
        "sqlite:data/shop.db",
        "postgres://reader@192.0.2.1:5432/shop?sslmode=disable",
    );
    edit(&project.join("jobs/users.toml"), "retries = 2", "retries = 1\ntimeout = \"1s\"");
    let outcome = lakegate(project, &["run", "users"]).expect_code(5);
    assert!(
        outcome.stderr.contains("its timeout of 1 s") || outcome.stderr.contains("192.0.2.1"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("trying the job again"), "{}", outcome.stderr);
    let runs = lakegate(project, &["runs", "users", "--json"]).expect_code(0).json();
    assert_eq!(runs["runs"].as_array().unwrap().len(), 2);
}
