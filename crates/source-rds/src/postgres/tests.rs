//! Against a real server: `LAKEGATE_TEST_POSTGRES` names it, and `./test.sh` starts one.

use std::sync::Arc;

use lakegate_contract::{Class, Contract};
use lakegate_pipeline::testing::{Everything, check_source, read_all};
use lakegate_pipeline::{Scope, Source, SourceEnvironment};
use lakegate_redaction::Secret;
use tokio_postgres::NoTls;

use crate::{RdsConfig, RdsSource};

fn server() -> Option<String> {
    let url = std::env::var("LAKEGATE_TEST_POSTGRES").ok();
    if url.is_none() {
        eprintln!("skipped: LAKEGATE_TEST_POSTGRES is not set (./test.sh sets it)");
    }
    url
}

async fn execute(url: &str, sql: &str) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    let driver = tokio::spawn(connection);
    client.batch_execute(sql).await.unwrap();
    driver.abort();
}

fn source(url: &str, table: &str, contract: &str, splits: Option<usize>) -> (Arc<RdsSource>, Arc<Contract>) {
    let contract = Arc::new(Contract::parse(contract, "schemas/t.toml").unwrap());
    let environment = SourceEnvironment {
        inputs: lakegate_pipeline::Inputs::new(".".into(), None, Default::default()),
        project_root: ".".into(),
        time_zone: chrono_tz::Asia::Seoul,
        connections: [("shop".to_owned(), Secret::new(url))].into(),
        batch_rows: 100,
    };
    let config = RdsConfig { kind: "rds".into(), connection: "shop".into(), table: table.into(), splits };
    (Arc::new(RdsSource::new(config, Arc::clone(&contract), environment).unwrap()), contract)
}

/// The conformance suite. Other tests write to the same server, and any commit makes another input: then it is asked again.
async fn check(source: Arc<dyn Source>, contract: &Contract) -> Everything {
    for _ in 0..100 {
        match check_source(Arc::clone(&source), contract).await {
            Ok(read) => return read,
            Err(error) if error.found().contains("different identities") => {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the server never came to rest");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_is_read_exactly() {
    let Some(url) = server() else { return };
    let sql = "DROP TABLE IF EXISTS rds_types; CREATE TABLE rds_types (id int, b boolean, s smallint, n numeric(12, 2), f float8,
        t text, c char(3), u uuid, j jsonb, d date, ts timestamp, tz timestamptz, a text[], secret text, extra int);
        INSERT INTO rds_types VALUES (1, true, -7, -129.90, 0.1, '한글', 'ab', '550e8400-e29b-41d4-a716-446655440000', '{\"k\": 1}',
        '2026-03-09', '2026-03-09 10:02:03.456', '2026-03-09 10:02:03.456+09', '{x,\"y z\"}', 'hunter2', 1),
        (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
        (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'infinity', NULL, NULL, NULL, NULL, NULL);";
    execute(&url, sql).await;
    let contract = r#"columns = [{ name = "id", type = "bigint" }, { name = "b", type = "boolean" }, { name = "s", type = "int" },
        { name = "n", type = "decimal(12,2)" }, { name = "f", type = "double" }, { name = "t", type = "string" },
        { name = "c", type = "string" }, { name = "u", type = "string" }, { name = "j", type = "string" }, { name = "d", type = "date" },
        { name = "ts", type = "timestamp" }, { name = "tz", type = "timestamp" }, { name = "a", type = "array<string>" },
        { name = "secret", type = "string", treatment = "drop" }]"#;
    let (source, contract) = source(&url, "public.rds_types", contract, None);
    let read = check(Arc::clone(&source) as Arc<dyn Source>, &contract).await;
    let first = "1|true|-7|-129.90|0.1|한글|ab |550e8400-e29b-41d4-a716-446655440000|{\"k\": 1}|2026-03-09|2026-03-09T01:02:03.456Z|2026-03-09T01:02:03.456Z|[x, y z]";
    assert_eq!(read.rows, [first.to_owned(), format!("2{}", "|NULL".repeat(12))]);
    assert_eq!(read.rejected.len(), 1);
    assert_eq!(source.plan(&Scope::ALL).await.unwrap().unread_columns, ["extra"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_readers_see_one_snapshot_and_a_change_is_another_input() {
    let Some(url) = server() else { return };
    execute(&url, "DROP TABLE IF EXISTS rds_many; CREATE TABLE rds_many AS SELECT i AS id, repeat('x', 200) AS pad FROM generate_series(1, 20000) i").await;
    let (source, contract) = source(
        &url,
        "rds_many",
        "columns = [{ name = \"id\", type = \"bigint\" }, { name = \"pad\", type = \"string\" }]",
        Some(4),
    );
    let plan = source.plan(&Scope::ALL).await.unwrap();
    assert_eq!(plan.splits.len(), 4);
    execute(&url, "INSERT INTO rds_many SELECT i, 'new' FROM generate_series(20001, 30000) i; DELETE FROM rds_many WHERE id <= 10").await;
    let read = read_all(source.as_ref(), &contract, &plan).await.unwrap();
    assert_eq!(read.rows.len(), 20000);
    assert_ne!(source.plan(&Scope::ALL).await.unwrap().identity, plan.identity);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_may_not_be_read_is_not_needed() {
    let Some(url) = server() else { return };
    let sql = "DROP TABLE IF EXISTS rds_granted; CREATE TABLE rds_granted (id int, email text); INSERT INTO rds_granted VALUES (1, 'a@b.c');
        DO $$ BEGIN CREATE ROLE rds_reader LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
        GRANT SELECT (id) ON rds_granted TO rds_reader";
    execute(&url, sql).await;
    let reader = url.replace("lakegate@", "rds_reader@");
    let dropped =
        r#"columns = [{ name = "id", type = "bigint" }, { name = "email", type = "string", treatment = "drop" }]"#;
    let (granted, contract) = source(&reader, "rds_granted", dropped, None);
    assert_eq!(check(granted, &contract).await.rows, ["1"]);
    let (denied, _) = source(&reader, "rds_granted", &dropped.replace(", treatment = \"drop\"", ""), None);
    assert_eq!(denied.plan(&Scope::ALL).await.unwrap_err().class(), Class::Usage);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_killed_is_an_error_and_not_a_short_input() {
    let Some(url) = server() else { return };
    execute(&url, "DROP TABLE IF EXISTS rds_killed; CREATE TABLE rds_killed AS SELECT i AS id, repeat('x', 1000) AS pad FROM generate_series(1, 100000) i").await;
    let (source, _) = source(
        &url,
        "rds_killed",
        "columns = [{ name = \"id\", type = \"bigint\" }, { name = \"pad\", type = \"string\" }]",
        Some(1),
    );
    let plan = source.plan(&Scope::ALL).await.unwrap();
    let mut stream = source.open(&plan.splits[0]).await.unwrap();
    use futures::StreamExt as _;
    assert!(stream.next().await.unwrap().is_ok());
    execute(&url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY%rds_killed%' AND pid <> pg_backend_pid()").await;
    let mut last = None;
    while let Some(item) = stream.next().await {
        last = Some(item);
    }
    assert!(last.unwrap().unwrap_err().class().retryable());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planned_table_cannot_be_truncated_and_an_unencrypted_connection_must_be_meant() {
    let Some(url) = server() else { return };
    execute(
        &url,
        "DROP TABLE IF EXISTS rds_held; CREATE TABLE rds_held AS SELECT i AS id FROM generate_series(1, 10) i",
    )
    .await;
    let (held, contract) = source(&url, "rds_held", "columns = [{ name = \"id\", type = \"bigint\" }]", None);
    let plan = held.plan(&Scope::ALL).await.unwrap();
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    let driver = tokio::spawn(connection);
    client.batch_execute("SET lock_timeout = '200ms'").await.unwrap();
    assert!(client.batch_execute("TRUNCATE rds_held").await.is_err());
    assert_eq!(read_all(held.as_ref(), &contract, &plan).await.unwrap().rows.len(), 10);
    drop(plan);
    driver.abort();
    let (open, _) =
        source("postgres://u@db.example.com/shop", "t", "columns = [{ name = \"id\", type = \"bigint\" }]", None);
    assert_eq!(open.plan(&Scope::ALL).await.unwrap_err().class(), Class::Usage);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_password_is_for_people_to_correct_and_is_not_shown() {
    let Some(url) = server() else { return };
    let sql = "DO $$ BEGIN CREATE ROLE password_user LOGIN PASSWORD 'right'; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
        DROP TABLE IF EXISTS rds_secret; CREATE TABLE rds_secret (id int); GRANT SELECT ON rds_secret TO password_user";
    execute(&url, sql).await;
    let id = r#"columns = [{ name = "id", type = "bigint" }]"#;
    let plan = async |password: &str| {
        let (source, _) =
            source(&url.replace("lakegate@", &format!("password_user:{password}@")), "rds_secret", id, None);
        source.plan(&Scope::ALL).await
    };
    assert!(plan("right").await.is_ok());
    let error = plan("hunter2").await.unwrap_err();
    assert_eq!(error.class(), Class::Usage);
    assert!(error.found().contains("password") && !format!("{error:?} {error}").contains("hunter2"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn domains_times_and_views_are_read_and_a_view_that_fails_is_bad_input() {
    let Some(url) = server() else { return };
    let sql = "DROP VIEW IF EXISTS rds_view; DROP TABLE IF EXISTS rds_domains; DROP DOMAIN IF EXISTS rds_outer; DROP DOMAIN IF EXISTS rds_inner;
        CREATE DOMAIN rds_inner AS bigint; CREATE DOMAIN rds_outer AS rds_inner CHECK (value > 0);
        CREATE TABLE rds_domains (id rds_outer, opens time); INSERT INTO rds_domains VALUES (7, '09:30');
        CREATE VIEW rds_view AS SELECT 1 / (id - 7) AS id FROM rds_domains";
    execute(&url, sql).await;
    let columns = r#"columns = [{ name = "id", type = "bigint" }, { name = "opens", type = "string" }]"#;
    let (domains, contract) = source(&url, "rds_domains", columns, None);
    assert_eq!(check(domains, &contract).await.rows, ["7|09:30:00"]);
    let (view, contract) = source(&url, "rds_view", r#"columns = [{ name = "id", type = "bigint" }]"#, None);
    let plan = view.plan(&Scope::ALL).await.unwrap();
    let error = read_all(view.as_ref(), &contract, &plan).await.unwrap_err();
    assert_eq!(error.class(), Class::BadInput);
    assert!(error.found().contains("22012"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_refused_when_tls_is_asked_for() {
    let Some(url) = server() else { return };
    for mode in ["require", "verify-full", "verify-ca"] {
        let id = r#"columns = [{ name = "id", type = "bigint" }]"#;
        let (source, _) = source(&format!("{url}?sslmode={mode}"), "t", id, None);
        let error = source.plan(&Scope::ALL).await.unwrap_err();
        assert!(error.found().contains("TLS"), "{mode}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_apart() {
    let Some(url) = server() else { return };
    execute(&url, "DROP TABLE IF EXISTS rds_wrong; CREATE TABLE rds_wrong (id int, at timestamp)").await;
    let plan = async |url: &str, table: &str, columns: &str| {
        let (source, _) = source(url, table, &format!("columns = [{columns}]"), None);
        source.plan(&Scope::ALL).await.unwrap_err()
    };
    let id = r#"{ name = "id", type = "bigint" }"#;
    let error = plan("postgres://u:hunter2@127.0.0.1:9/shop", "t", id).await;
    assert_eq!(error.class(), Class::Unavailable);
    assert!(
        error.place().unwrap().contains("127.0.0.1:9/shop") && !format!("{error:?}").contains("hunter2"),
        "{error}"
    );
    let error = plan(&url.replace("/postgres", "/nowhere"), "t", id).await;
    assert_eq!(error.class(), Class::Usage);
    assert_eq!(plan(&url, "rds_wron", id).await.advice(), Some("did you mean `rds_wrong`?"));
    let error = plan(&url, "rds_wrong", r#"{ name = "id", type = "timestamp" }"#).await;
    assert_eq!(error.class(), Class::BadInput);
    assert!(error.found().contains("integer") && error.found().contains("timestamp"), "{error}");
    assert!(plan(&url, "rds_wrong", r#"{ name = "idd", type = "int" }"#).await.advice().unwrap().contains("`id`"));
}
