//! Objects through the whole source.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use lakegate_contract::{Class, Contract};
use lakegate_pipeline::testing::{Everything, check_source, read_all};
use lakegate_pipeline::{Scope, Source, SourceEnvironment};
use proptest::prelude::*;

use crate::{ClicksConfig, ClicksSource, LogFormat};

fn contract() -> Arc<Contract> {
    let text = r#"columns = [
        { name = "id", type = "bigint" },
        { name = "ts", type = "timestamp" },
        { name = "page", type = "string" },
        { name = "campaign", source = "utm.campaign", type = "string" },
        { name = "ip", type = "string", treatment = "drop" },
    ]"#;
    Arc::new(Contract::parse(text, "schemas/clicks.toml").unwrap())
}

fn source(folder: &Path, format: LogFormat, contract: &Arc<Contract>, max_record_bytes: usize) -> ClicksSource {
    let config = ClicksConfig { kind: "clicks".into(), files: "*".into(), format, max_record_bytes };
    let environment = SourceEnvironment {
        inputs: lakegate_pipeline::Inputs::new(folder.to_path_buf(), None, Default::default()),
        project_root: folder.to_path_buf(),
        time_zone: chrono_tz::UTC,
        connections: Default::default(),
        batch_rows: 7,
    };
    ClicksSource::new(config, Arc::clone(contract), environment).unwrap()
}

fn read_json(bytes: &[u8]) -> Everything {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("f"), bytes).unwrap();
    let source = Arc::new(source(folder.path(), LogFormat::Json, &contract(), 4096));
    runtime().block_on(check_source(source, &contract())).unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

fn ids(read: &Everything) -> Vec<String> {
    read.rows.iter().map(|r| r.split('|').next().unwrap().to_owned()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

const GOOD: &str = r#"{"id":1,"ts":"2026-03-09T01:02:03.456Z","page":"/\ud55c\"\u00e9","utm":{"campaign":"봄","x":[1,{"y":2}]},"ip":"1.2.3.4"}"#;

#[test]
fn events_with_and_without_line_breaks_are_records() {
    let text = format!("{GOOD}\n{GOOD}{GOOD}\r\n  {{\n \"id\": 9\n}}");
    let read = read_json(text.as_bytes());
    assert_eq!(read.rows[0], "1|2026-03-09T01:02:03.456Z|/한\"é|봄");
    assert_eq!(ids(&read), ["1", "1", "1", "9"]);
    assert!(read.rejected.is_empty());
    let members = [gzip(GOOD.as_bytes()), gzip(format!("\n{GOOD}").as_bytes())].concat();
    assert_eq!(ids(&read_json(&members)), ["1", "1"]);
}

#[test]
fn a_broken_record_is_one_rejection_and_swallows_nothing() {
    for (text, good, rejected) in [
        ("{\"id\":1,\"page\":\"/a\n{\"id\":2}\n", vec!["2"], 1),
        ("{\"id\":1,\n{\"id\":2}\n{\"id\":3}", vec!["2", "3"], 1),
        ("{\"id\":1}\ngarbage here\n{\"id\":2}", vec!["1", "2"], 1),
        ("{\"id\":1}{\"id\":2,\"x{\"id\":3}{\"id\":4}", vec!["1", "4"], 1),
        ("{\"id\":1}\n{\"id\":2", vec!["1"], 1),
        ("[1,2]\n\"text\"\n{\"id\":1}", vec!["1"], 2),
        ("{\"id\":1,\"id\":2}\n{\"id\":3}", vec!["3"], 1),
        (
            "{\"id\":01}\n{\"id\":1.5}\n{\"id\":\"7\"}\n{\"id\":1e3}\n{\"id\":2.0}\n{\"id\":9223372036854775808}",
            vec!["2", "7"],
            4,
        ),
        ("{\"ts\":\"yesterday\"}\n{\"page\":\"\\ud800\"}\n{\"page\":\"\\x\"}\n{\"id\":5}", vec!["5"], 3),
        ("", vec![], 0),
        (" \n\n ", vec![], 0),
    ] {
        let read = read_json(text.as_bytes());
        assert_eq!(
            (ids(&read), read.rejected.len()),
            (good.into_iter().map(str::to_owned).collect(), rejected),
            "{text}: {read:?}"
        );
    }
}

#[test]
fn members_that_no_column_takes_are_told_of_good_records_alone() {
    let torn = r#"{"id":1,"utm":{"campaign":"a","torn{"id":2,"ts":null,"utm":{"x":1}}"#;
    let unfit = r#"{"id":"one","unfit":1}"#;
    let long = format!(r#"{{"id":4,"long":"{}"}}"#, "x".repeat(5000));
    let good = r#"{"id":3,"new":1,"utm":{"medium":"b","deep":{"er":1}},"ip":"1.2.3.4"}"#;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("f"), [torn, unfit, &long, good, good].join("\n")).unwrap();
    let source = source(folder.path(), LogFormat::Json, &contract(), 4096);
    let plan = runtime().block_on(source.plan(&Scope::ALL)).unwrap();
    let read = runtime().block_on(read_all(&source, &contract(), &plan)).unwrap();
    assert_eq!((ids(&read), read.rejected.len()), (vec!["3".to_owned(), "3".to_owned()], 3));
    assert_eq!(source.met_unread(), ["new", "utm.deep", "utm.medium"]);
}

#[test]
fn one_member_may_fill_several_columns_and_an_object_is_no_value() {
    let text = r#"columns = [
        { name = "id", type = "bigint" },
        { name = "id_text", source = "id", type = "string" },
        { name = "user_email", source = "user.email", type = "string" },
    ]"#;
    let contract = Arc::new(Contract::parse(text, "schemas/clicks.toml").unwrap());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("f"), "{\"id\":7,\"user\":null}\n{\"id\":8,\"user\":\"kim\"}\n").unwrap();
    let source = Arc::new(source(folder.path(), LogFormat::Json, &contract, 4096));
    let read = runtime().block_on(check_source(source, &contract)).unwrap();
    assert_eq!(read.rows, ["7|7|NULL"]);
    assert_eq!(read.rejected, ["f 21..42: member user: something else where an object was expected"]);
    let twisted = text.replace("\"user.email\"", "\"id.email\"");
    let contract = Arc::new(Contract::parse(&twisted, "schemas/clicks.toml").unwrap());
    let config =
        ClicksConfig { kind: "clicks".into(), files: "*".into(), format: LogFormat::Json, max_record_bytes: 4096 };
    let environment = SourceEnvironment {
        inputs: lakegate_pipeline::Inputs::new(folder.path().to_path_buf(), None, Default::default()),
        project_root: folder.path().to_path_buf(),
        time_zone: chrono_tz::UTC,
        connections: Default::default(),
        batch_rows: 7,
    };
    assert_eq!(ClicksSource::new(config, contract, environment).err().unwrap().class(), Class::Usage);
}

#[test]
fn a_record_that_is_too_long_is_rejected_wherever_it_ends() {
    let long = format!("{{\"id\":1,\"page\":\"{}\"}}", "x".repeat(5000));
    let read = read_json(format!("{long}\n{{\"id\":2}}").as_bytes());
    assert_eq!((ids(&read), read.rejected.len()), (vec!["2".to_owned()], 1), "{:?}", read.rejected);
    assert!(read.rejected[0].contains("max_record_bytes"));
}

#[test]
fn rejections_say_where_and_why_and_not_what() {
    let read = read_json(b"{\"id\":1}\n{\"id\":\"hunter2\"}\n");
    assert_eq!(read.rejected, ["f 9..25: column id: text that is no whole number where bigint was expected"]);
}

#[test]
fn a_number_too_large_for_its_type_is_a_bad_record() {
    let text = "columns = [{ name = \"f\", type = \"float\" }, { name = \"d\", type = \"double\" }]";
    let contract = Arc::new(Contract::parse(text, "schemas/numbers.toml").unwrap());
    let folder = tempfile::tempdir().unwrap();
    let lines = "{\"f\":1e300}\n{\"f\":3e38,\"d\":1e300}\n{\"d\":1e999}\n{\"f\":-3.5e38}\n";
    std::fs::write(folder.path().join("f"), lines).unwrap();
    let source = Arc::new(source(folder.path(), LogFormat::Json, &contract, 4096));
    let read = runtime().block_on(check_source(source, &contract)).unwrap();
    assert_eq!(read.rows, ["3e38|1e300"]);
    let told = |column: &str, t: &str| format!("column {column}: a number that is too large where {t} was expected");
    let told = [told("f", "float"), told("d", "double"), told("f", "float")];
    let reasons: Vec<&str> = read.rejected.iter().filter_map(|r| Some(r.split_once(": ")?.1)).collect();
    assert_eq!(reasons, told);
}

#[test]
fn hostile_texts_are_rejected() {
    let deep = format!("{{\"x\":{}{}}}\n{{\"id\":1}}", "[".repeat(100_000), "]".repeat(100_000));
    let long = format!("{{\"page\":\"{}\"}}\n{{\"id\":1}}", "x".repeat(3 << 20));
    let long_last = format!("{{\"id\":1}}\n{{\"page\":\"{}", "x".repeat(3 << 20));
    for text in [deep.as_bytes(), long.as_bytes(), long_last.as_bytes(), b"{\"page\":\"\xff\"}\n{\"id\":1}"] {
        let read = read_json(text);
        assert_eq!((ids(&read), read.rejected.len()), (vec!["1".to_owned()], 1));
    }
}

#[test]
fn a_truncated_gzip_is_an_error_that_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let whole = gzip(GOOD.repeat(5000).as_bytes());
    std::fs::write(folder.path().join("f.gz"), &whole[..whole.len() / 2]).unwrap();
    let source = source(folder.path(), LogFormat::Json, &contract(), 4096);
    let error = runtime()
        .block_on(async { read_all(&source, &contract(), &source.plan(&Scope::ALL).await.unwrap()).await })
        .unwrap_err();
    assert_eq!(error.class(), Class::BadInput);
    assert!(error.place().unwrap().starts_with("f.gz@byte "), "{error}");
}

#[test]
fn a_file_that_changed_after_it_was_published_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("f"), GOOD).unwrap();
    let source = source(folder.path(), LogFormat::Json, &contract(), 4096);
    runtime().block_on(async {
        let bookmark = source.plan(&Scope::ALL).await.unwrap().bookmark;
        std::fs::write(folder.path().join("f"), format!("{GOOD}{GOOD}")).unwrap();
        assert_eq!(
            source.plan(&Scope { since: bookmark.as_ref(), only: None }).await.unwrap_err().class(),
            Class::BadInput
        );
    });
}

#[test]
fn access_logs_become_rows() {
    let text = r#"columns = [
        { name = "ts", source = "time", type = "timestamp" }, { name = "visitor", source = "ip", type = "string" },
        { name = "status", type = "smallint" }, { name = "bytes", type = "bigint" }, { name = "path", type = "string" }]"#;
    let contract = Arc::new(Contract::parse(text, "schemas/hits.toml").unwrap());
    let folder = tempfile::tempdir().unwrap();
    let log = "1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"GET /a?b HTTP/1.1\" 200 20 \"-\" \"M\"\nbroken\n\n";
    std::fs::write(folder.path().join("f.log"), log).unwrap();
    let source = Arc::new(source(folder.path(), LogFormat::Combined, &contract, 4096));
    let read = runtime().block_on(check_source(source, &contract)).unwrap();
    assert_eq!(read.rows, ["2015-05-17T10:05:03Z|1.2.3.4|200|20|/a"]);
    assert_eq!(read.rejected.len(), 1);
}

fn read_once(text: &str) -> (Vec<String>, usize) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("f"), text).unwrap();
    let source = source(folder.path(), LogFormat::Json, &contract(), 4096);
    let read = runtime()
        .block_on(async { read_all(&source, &contract(), &source.plan(&Scope::ALL).await.unwrap()).await })
        .unwrap();
    (read.rows, read.rejected.len())
}

fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        "\\PC{0,10}".prop_map(|s| serde_json::to_string(&s).unwrap()),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|v| format!("[{}]", v.join(","))),
            prop::collection::vec(("[a-z]{1,3}", inner), 0..3).prop_map(|v| format!(
                "{{{}}}",
                v.into_iter().map(|(k, v)| format!("\"{k}\":{v}")).collect::<Vec<_>>().join(",")
            )),
        ]
    })
}

proptest! {
    #[test]
    fn events_that_serde_json_reads_are_read_alike(ids in prop::collection::vec(any::<i64>(), 1..5), page in "\\PC{0,12}", extra in json_text(), glue in prop::sample::select(vec!["", "\n", " \r\n "])) {
        let text = ids
            .iter()
            .map(|id| format!("{{\"zz\":{extra},\"id\":{id},\"page\":{}}}", serde_json::to_string(&page).unwrap()))
            .collect::<Vec<_>>()
            .join(glue);
        let (rows, rejected) = read_once(&text);
        prop_assert_eq!(rejected, 0);
        let mut expected: Vec<String> = ids.iter().map(|id| format!("{id}|NULL|{page}|NULL")).collect();
        expected.sort();
        prop_assert_eq!(rows, expected);
    }

    #[test]
    fn no_bytes_make_it_panic_or_lose_count(bytes in prop::collection::vec(prop::sample::select(&b"{}[]\":,\\u0a1-.e \n\xff"[..]), 0..120)) {
        let read = read_json(&bytes);
        prop_assert!(read.rows.len() + read.rejected.len() <= bytes.len());
    }
}

#[test]
fn the_json_test_suite_is_read_as_it_says() {
    let folder = std::env::var("LAKEGATE_DATA")
        .unwrap_or_else(|_| std::env::var("CARGO_MANIFEST_DIR").unwrap() + "/../../../shared/data");
    let suite = Path::new(&folder).join("edge/JSONTestSuite");
    if !suite.exists() {
        eprintln!("skipped: there is no {} (LAKEGATE_DATA names the folder of real data)", suite.display());
        return;
    }
    let mut files = Vec::new();
    let mut folders = vec![suite];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    let mut judged = 0;
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let bytes = std::fs::read(&path).unwrap();
        let is_object = bytes.trim_ascii_start().starts_with(b"{");
        let read = read_json(&bytes);
        let empty = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes).trim_ascii().is_empty();
        if name.starts_with("n_") && !empty {
            // An object followed by garbage is a record and a rejection: a stream has no end that it must come to.
            assert!(!read.rejected.is_empty(), "{name}");
            judged += 1;
        } else if name.starts_with("y_") && is_object && !name.contains("duplicated") {
            assert_eq!(read.rows.len() + read.rejected.len(), 1, "{name}: {:?}", read.rejected);
            assert!(
                read.rejected.iter().all(|r| r.contains("column id: text that is no whole number")),
                "{name}: {:?}",
                read.rejected
            );
            judged += 1;
        }
    }
    assert!(judged > 150, "{judged}");
}
