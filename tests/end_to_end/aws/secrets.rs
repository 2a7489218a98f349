//! Secrets of the account, credentials, and services that are away.

use std::time::{Duration, Instant};

use super::{Cloud, ledger};
use crate::support::{edit, needs};

#[test]
fn connections_and_keys_come_from_secrets_manager_and_ssm() {
    let (Some(cloud), Some(url)) = (Cloud::of(|| ledger::project(2, 2)), needs("LAKEGATE_TEST_POSTGRES")) else {
        return;
    };
    let name = format!("books/{}", cloud.database);
    let address = url.strip_prefix("postgres://lakegate@").unwrap();
    let value = format!("{{\"address\": \"{address}\", \"username\": \"lakegate\", \"password\": \"canary-4711\"}}");
    cloud.tool(&["secret", &name, &value]);
    cloud.tool(&["parameter", &format!("/{name}"), "canary-key-0123456789abcdef0123456789abcdef"]);
    let reference = |key: &str| format!("${{secretsmanager:{name}#{key}}}");
    let connection = format!("postgres://{}@{}", reference("username"), reference("address"));
    cloud.configure("sqlite:books.db", &connection);
    cloud.configure(
        "[connections.books]",
        &format!("[keys.people]\nvalue = \"${{ssm:/{name}}}\"\n\n[connections.books]"),
    );
    let table = format!("people_{}", cloud.database);
    let sql = format!(
        "CREATE TABLE {table} (id bigint, name text); INSERT INTO {table} VALUES (1, 'kim'), (2, 'lee'), (3, 'kim')"
    );
    assert!(std::process::Command::new("psql").args(["-q", &url, "-c", &sql]).status().unwrap().success());
    edit(&cloud.path().join("jobs/entries.toml"), "\"entries\"", &format!("\"public.{table}\""));
    let contract = "columns = [\n  { name = \"id\", type = \"bigint\" },\n  { name = \"name\", type = \"string\", treatment = { hmac = { key = \"people\", domain = \"name\" } } },\n]\n";
    std::fs::write(cloud.path().join("schemas/entries.toml"), contract).unwrap();
    let outcome = cloud.run(&["-vvv", "run", "entries"]);
    assert!(!outcome.stderr.contains("canary") && !outcome.stdout.contains("canary"), "{}", outcome.stderr);
    outcome.expect_code(0);
    assert_eq!(cloud.count("entries"), 3);
    cloud.configure("#username}", "#user}");
    let outcome = cloud.run(&["run", "entries"]).expect_code(2);
    assert!(outcome.stderr.contains("has no key `user`") && outcome.stderr.contains("username"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("canary"), "{}", outcome.stderr);
    cloud.configure(&format!("secretsmanager:{name}#address"), "secretsmanager:no-such-secret#address");
    cloud.configure("#user}", "#username}");
    let outcome = cloud.run(&["run", "entries"]).expect_code(2);
    assert!(outcome.stderr.contains("secret no-such-secret"), "{}", outcome.stderr);
}

#[test]
fn without_credentials_it_is_said_what_is_missing() {
    let Some(cloud) = Cloud::of(|| ledger::project(2, 2)) else { return };
    let outcome: crate::support::Outcome = cloud
        .command(&["run", "entries"])
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .env("HOME", cloud.path())
        .output()
        .unwrap()
        .into();
    let outcome = outcome.expect_code(2);
    assert!(outcome.stderr.contains("credentials"), "{}", outcome.stderr);
}

/// One dead database keeps nobody else waiting: after two failures its jobs are told at once.
#[test]
fn a_dead_service_does_not_stall_the_other_jobs() {
    let Some(cloud) = Cloud::of(|| ledger::project(2, 2)) else { return };
    let job = std::fs::read_to_string(cloud.path().join("jobs/entries.toml")).unwrap();
    let contract = std::fs::read_to_string(cloud.path().join("schemas/entries.toml")).unwrap();
    cloud.configure(
        "[connections.books]",
        "[connections.away]\nurl = \"postgres://reader@127.0.0.1:1/shop\"\n\n[connections.books]",
    );
    for number in 0..8 {
        std::fs::write(cloud.path().join(format!("jobs/away_{number}.toml")), job.replace("\"books\"", "\"away\""))
            .unwrap();
        std::fs::write(cloud.path().join(format!("schemas/away_{number}.toml")), &contract).unwrap();
    }
    let began = Instant::now();
    let outcome = cloud.run(&["run"]).expect_code(5);
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert!(outcome.stderr.contains("is left alone"), "{}", outcome.stderr);
    assert_eq!((cloud.count("entries"), cloud.count("events")), (4, ledger::EVENTS_PER_FILE));
}

#[test]
fn a_dead_catalog_costs_little_and_loses_nothing() {
    let Some(cloud) = Cloud::of(|| ledger::project(2, 2)) else { return };
    let away = serde_json::json!({ "scope": cloud.database, "service": "glue", "action": "status", "status": 503, "error": "ServiceUnavailableException", "times": -1 });
    let rule = cloud.standin.rule(away);
    let began = Instant::now();
    let outcome = cloud.run(&["run"]).expect_code(7);
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    assert!(outcome.stderr.contains("the lake has the data"), "{}", outcome.stderr);
    drop(rule);
    assert_eq!((cloud.count("entries"), cloud.count("events")), (4, ledger::EVENTS_PER_FILE));
    cloud.run(&["catalog", "apply"]).expect_code(0);
    cloud.expect_equal_catalog();
}
