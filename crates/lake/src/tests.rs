//! Staging, publishing and reading together, also on a store that fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, ListBuilder,
    RecordBatch, StringArray, StringBuilder, TimestampMicrosecondArray,
};
use arrow::compute::concat_batches;
use arrow::datatypes::Int64Type;
use async_trait::async_trait;
use datafusion::prelude::SessionContext;
use futures::stream::BoxStream;
use lakegate_contract::{Class, Contract, Result};
use lakegate_redaction::{CleanBatch, KeyRing, Origin, RawBatch, Redactor};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult,
};

use crate::testing::FaultStore;
use crate::{Lake, Published, RunId, RunInfo, Staged, WriteMode, WriterOptions};

fn contract() -> Arc<Contract> {
    let text = r#"
        partition_by = ["city"]
        columns = [
          { name = "id", type = "bigint", nullable = false },
          { name = "city", type = "string" },
          { name = "note", type = "string", comment = "free" },
        ]"#;
    Arc::new(Contract::parse(text, "schemas/places.toml").unwrap())
}

fn clean(contract: &Contract, rows: &[(i64, Option<&str>)]) -> CleanBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.0)));
    let cities: ArrayRef = Arc::new(rows.iter().map(|r| r.1).collect::<StringArray>());
    let notes: ArrayRef = Arc::new(StringArray::from_iter_values(rows.iter().map(|r| format!("note {}", r.0))));
    let batch = RecordBatch::try_new(contract.source_schema(), vec![ids, cities, notes]).unwrap();
    let raw = RawBatch::new(batch, Origin::rows("t", None, 1, rows.len())).unwrap();
    Redactor::new(contract, &KeyRing::new(), chrono::NaiveDate::MIN).unwrap().redact(raw).unwrap()
}

async fn stage(lake: &Lake, mode: WriteMode, run: RunId, rows: &[(i64, Option<&str>)]) -> Result<Staged> {
    let contract = contract();
    let writer = lake.stage(&contract, chrono_tz::UTC, run, mode, WriterOptions::default())?;
    writer.write(clean(&contract, rows)).await?;
    writer.finish().await
}

fn info(run: RunId, sequence: i64) -> RunInfo {
    RunInfo {
        fence: false,
        run,
        job: "places".into(),
        input: "i".into(),
        configuration: "c".into(),
        redaction: "r".into(),
        bookmark: Some(serde_json::json!({ "at": sequence })),
        sequence,
        rows: 0,
        replays: Vec::new(),
    }
}

async fn load(lake: &Lake, mode: WriteMode, sequence: i64, rows: &[(i64, Option<&str>)]) -> Result<Published> {
    load_as(RunId::new(), lake, mode, sequence, rows).await
}

async fn load_as(
    run: RunId,
    lake: &Lake,
    mode: WriteMode,
    sequence: i64,
    rows: &[(i64, Option<&str>)],
) -> Result<Published> {
    let staged = stage(lake, mode, run, rows).await?;
    lake.publish(&staged, &info(run, sequence)).await
}

async fn rows(lake: &Lake) -> Vec<(i64, Option<String>)> {
    let context = SessionContext::new();
    lake.register(&context, "places", contract().table(), None).await.unwrap();
    let batches = context.sql("SELECT id, city FROM places ORDER BY id").await.unwrap().collect().await.unwrap();
    let mut out = Vec::new();
    for batch in batches {
        let ids = batch.column(0).as_primitive::<Int64Type>().clone();
        let cities = arrow::compute::cast(batch.column(1), &arrow::datatypes::DataType::Utf8).unwrap();
        for (id, city) in ids.values().iter().zip(cities.as_string::<i32>()) {
            out.push((*id, city.map(str::to_owned)));
        }
    }
    out
}

fn owned(rows: &[(i64, Option<&str>)]) -> Vec<(i64, Option<String>)> {
    rows.iter().map(|(id, city)| (*id, city.map(str::to_owned))).collect()
}

fn lake() -> (tempfile::TempDir, Lake) {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(folder.path().join("내 lake %41").to_str().unwrap()).unwrap();
    (folder, lake)
}

const NASTY: [(i64, Option<&str>); 9] = [
    (1, Some("서울 강남")),
    (2, Some("a/b")),
    (3, Some("100%")),
    (4, Some("k=v")),
    (5, Some("a%2Fb")),
    (6, Some("..")),
    (7, Some("#?+&:*\\\"'")),
    (8, None),
    (9, Some("plain")),
];

#[tokio::test]
async fn every_partition_value_reads_back_as_it_was() {
    let (_folder, lake) = lake();
    load(&lake, WriteMode::Replace, 1, &NASTY).await.unwrap();
    assert_eq!(rows(&lake).await, owned(&NASTY));
    let head = lake.head(contract().table()).await.unwrap().unwrap();
    assert_eq!(head.rows(), 9);
    assert_eq!(head.run.unwrap().sequence, 1);
    assert_eq!(lake.tables().await.unwrap(), [contract().table().clone()]);
}

#[tokio::test]
async fn deltas_own_reader_sees_the_same() {
    let (_folder, lake) = lake();
    load(&lake, WriteMode::Replace, 1, &NASTY).await.unwrap();
    let delta = lake.load(contract().table(), None).await.unwrap().unwrap();
    let context = SessionContext::new();
    delta.update_datafusion_session(&context.state()).unwrap();
    context.register_table("places", Arc::new(delta.table_provider().build().await.unwrap())).unwrap();
    let frame =
        context.sql("SELECT id, city FROM places WHERE city = '서울 강남' OR city IS NULL ORDER BY id").await.unwrap();
    let shown = arrow::util::pretty::pretty_format_batches(&frame.collect().await.unwrap()).unwrap().to_string();
    assert!(shown.contains("| 1  | 서울 강남") && shown.contains("| 8  |") && !shown.contains("| 9 "), "{shown}");
}

#[tokio::test]
async fn replace_touched_partitions_and_append_do_what_they_say() {
    let (_folder, lake) = lake();
    load(&lake, WriteMode::Replace, 1, &[(1, Some("a")), (2, Some("b")), (3, None)]).await.unwrap();
    load(&lake, WriteMode::ReplacePartitions, 2, &[(4, Some("b")), (5, None)]).await.unwrap();
    assert_eq!(rows(&lake).await, owned(&[(1, Some("a")), (4, Some("b")), (5, None)]));
    let appended = load(&lake, WriteMode::Append, 3, &[(6, Some("a")), (7, Some("c"))]).await.unwrap();
    assert_eq!(rows(&lake).await, owned(&[(1, Some("a")), (4, Some("b")), (5, None), (6, Some("a")), (7, Some("c"))]));
    assert_eq!(appended.partitions, ["city=a", "city=c"]);
    let head = lake.head(contract().table()).await.unwrap().unwrap();
    let folders: Vec<&str> =
        head.files.iter().filter(|f| f.partition == [Some("a".to_owned())]).map(crate::LiveFile::folder).collect();
    assert_eq!(folders.len(), 2);
    assert_eq!(folders.first(), folders.last());
    load(&lake, WriteMode::Replace, 4, &[(9, Some("z"))]).await.unwrap();
    assert_eq!(rows(&lake).await, owned(&[(9, Some("z"))]));
}

#[tokio::test]
async fn an_older_version_stays_readable() {
    let (_folder, lake) = lake();
    let first = load(&lake, WriteMode::Replace, 1, &[(1, Some("a"))]).await.unwrap();
    load(&lake, WriteMode::Replace, 2, &[(2, Some("a"))]).await.unwrap();
    let context = SessionContext::new();
    lake.register(&context, "old", contract().table(), Some(first.version)).await.unwrap();
    let found = context.sql("SELECT id FROM old").await.unwrap().collect().await.unwrap();
    assert_eq!(found.first().unwrap().column(0).as_primitive::<Int64Type>().values(), &[1]);
}

/// Four rows of all kinds of columns and partitions.
fn of_all_kinds() -> (Arc<Contract>, CleanBatch) {
    let text = r#"
        partition_by = ["city", "day", "price", "paid", "shop", "moment", "year(at) as y", "month(at) as m", "date(at) as d", "hour(at) as h", "month(day) as dm"]
        columns = [
          { name = "id", type = "bigint", nullable = false },
          { name = "city", type = "string" },
          { name = "at", type = "timestamp" },
          { name = "moment", type = "timestamp" },
          { name = "day", type = "date" },
          { name = "price", type = "decimal(12,2)" },
          { name = "paid", type = "boolean" },
          { name = "shop", type = "int", nullable = false },
          { name = "score", type = "double" },
          { name = "tags", type = "array<string>" },
          { name = "band", source = "id", type = "bigint", treatment = { band = { edges = [2], labels = ["low", "high"] } } },
        ]"#;
    let contract = Arc::new(Contract::parse(text, "schemas/places.toml").unwrap());
    let time = |values: [Option<i64>; 4]| TimestampMicrosecondArray::from(values.to_vec()).with_timezone("UTC");
    let element = arrow::datatypes::Field::new("element", arrow::datatypes::DataType::Utf8, true);
    let mut tags = ListBuilder::new(StringBuilder::new()).with_field(element);
    tags.append_value([Some("a"), None]);
    tags.append_null();
    tags.append_value([Some("")]);
    tags.append(true);
    let price = Decimal128Array::from(vec![Some(-5), Some(100_000), Some(0), None]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![1, 2, 3, 4])),
        Arc::new(StringArray::from(vec![Some("a=b/c %"), Some("Köln"), Some("a"), None])),
        // Just before and after midnight in Berlin, before 1970, and nothing.
        Arc::new(time([Some(1_767_221_999_999_999), Some(1_767_222_000_000_000), Some(-1), None])),
        Arc::new(time([Some(1_500_000), Some(1), Some(-1), None])),
        Arc::new(Date32Array::from(vec![Some(20_513), Some(-1), Some(0), None])),
        Arc::new(price.with_precision_and_scale(12, 2).unwrap()),
        Arc::new(BooleanArray::from(vec![Some(true), Some(false), None, None])),
        Arc::new(Int32Array::from(vec![0, -1, 7, 7])),
        Arc::new(Float64Array::from(vec![Some(f64::NAN), Some(-0.0), Some(0.1), None])),
        Arc::new(tags.finish()),
        Arc::new(Int64Array::from(vec![1, 2, 3, 4])),
    ];
    let raw = RecordBatch::try_new(contract.source_schema(), columns).unwrap();
    let raw = RawBatch::new(raw, Origin::rows("t", None, 1, 4)).unwrap();
    let clean = Redactor::new(&contract, &KeyRing::new(), chrono::NaiveDate::MIN).unwrap().redact(raw).unwrap();
    (contract, clean)
}

#[tokio::test]
async fn rows_on_their_way_have_the_columns_that_readers_find() {
    let (_folder, lake) = lake();
    let (contract, clean) = of_all_kinds();
    let zone = chrono_tz::Europe::Berlin;
    let writer = lake.stage(&contract, zone, RunId::new(), WriteMode::Replace, WriterOptions::default()).unwrap();
    let schema = Arc::new(writer.schema());
    let on_the_way = writer.as_published(&clean, &schema).unwrap();
    let none = clean.filter(&vec![false; 4].into()).unwrap();
    assert_eq!(writer.as_published(&none, &schema).unwrap(), on_the_way.slice(0, 0));
    writer.write(clean).await.unwrap();
    let staged = writer.finish().await.unwrap();
    assert_eq!(staged.schema(), *schema);
    let context = SessionContext::new();
    staged.register(&lake, &context, "staged").unwrap();
    let read = context.sql("SELECT * FROM staged ORDER BY id").await.unwrap().collect().await.unwrap();
    let read = concat_batches(&schema, &read).unwrap();
    for (field, (read, passed)) in schema.fields().iter().zip(read.columns().iter().zip(on_the_way.columns())) {
        assert_eq!(format!("{read:?}"), format!("{passed:?}"), "{}", field.name());
    }
}

#[tokio::test]
async fn a_run_that_was_overtaken_is_told_to_plan_anew() {
    let (_folder, lake) = lake();
    let late = RunId::new();
    let staged = stage(&lake, WriteMode::Replace, late, &[(1, Some("late"))]).await.unwrap();
    load(&lake, WriteMode::Replace, 1, &[(2, Some("first"))]).await.unwrap();
    let error = lake.publish(&staged, &info(late, 1)).await.unwrap_err();
    assert_eq!(error.class(), Class::Unavailable);
    assert_eq!(rows(&lake).await, owned(&[(2, Some("first"))]));
}

#[tokio::test]
async fn what_is_discarded_leaves_no_file() {
    let (folder, lake) = lake();
    for mode in [WriteMode::Replace, WriteMode::Append] {
        let staged = stage(&lake, mode, RunId::new(), &NASTY).await.unwrap();
        lake.discard(staged).await.unwrap();
    }
    assert_eq!(count_files(folder.path()), 0);
}

fn count_files(folder: &std::path::Path) -> usize {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .map(|p| if p.is_dir() { count_files(&p) } else { 1 })
        .sum()
}

fn parquet_files(folder: &std::path::Path) -> usize {
    let paths = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    paths
        .map(
            |p| if p.is_dir() { parquet_files(&p) } else { usize::from(p.extension().is_some_and(|e| e == "parquet")) },
        )
        .sum()
}

/// One row of ids and notes under another contract than the usual one, as `mode`.
async fn load_under(lake: &Lake, contract: &Arc<Contract>, mode: WriteMode, sequence: i64, columns: Vec<ArrayRef>) {
    let run = RunId::new();
    let writer = lake.stage(contract, chrono_tz::UTC, run, mode, WriterOptions::default()).unwrap();
    let batch = RecordBatch::try_new(contract.source_schema(), columns).unwrap();
    let raw = RawBatch::new(batch, Origin::rows("t", None, 1, 1)).unwrap();
    let redactor = Redactor::new(contract, &KeyRing::new(), chrono::NaiveDate::MIN).unwrap();
    writer.write(redactor.redact(raw).unwrap()).await.unwrap();
    lake.publish(&writer.finish().await.unwrap(), &info(run, sequence)).await.unwrap();
}

async fn shown(lake: &Lake, sql: &str) -> String {
    let context = SessionContext::new();
    lake.register(&context, "t", contract().table(), None).await.unwrap();
    let batches = context.sql(sql).await.unwrap().collect().await.unwrap();
    arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string()
}

#[tokio::test]
async fn required_columns_may_come_and_go_and_old_files_stay_readable() {
    let parse =
        |columns: &str| Arc::new(Contract::parse(&format!("columns = [{columns}]"), "schemas/places.toml").unwrap());
    let (_folder, lake) = lake();
    let id = r#"{ name = "id", type = "bigint", nullable = false }"#;
    let both = parse(&format!(r#"{id}, {{ name = "code", type = "string", nullable = false }}"#));
    let number = |n: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![n])) };
    let text = |t: &str| -> ArrayRef { Arc::new(StringArray::from(vec![t])) };
    load_under(&lake, &parse(id), WriteMode::Replace, 1, vec![number(1)]).await;
    load_under(&lake, &both, WriteMode::Append, 2, vec![number(2), text("b")]).await;
    load_under(&lake, &parse(id), WriteMode::Append, 3, vec![number(3)]).await;
    let all = shown(&lake, "SELECT id, code FROM t ORDER BY id").await;
    assert!(all.contains("| 1  |      |") && all.contains("| 2  | b    |") && all.contains("| 3  |      |"), "{all}");
}

#[tokio::test]
async fn a_published_table_without_rows_counts_to_zero() {
    let (_folder, lake) = lake();
    load(&lake, WriteMode::Replace, 1, &[(1, None)]).await.unwrap();
    load(&lake, WriteMode::Replace, 2, &[]).await.unwrap();
    let counted = shown(&lake, "SELECT count(*) AS n, sum(id) AS s FROM t").await;
    assert!(counted.contains("| 0 |"), "{counted}");
}

#[tokio::test]
async fn a_log_without_the_last_runs_entry_is_no_reason_to_begin_anew() {
    let (_folder, lake) = lake();
    load(&lake, WriteMode::Append, 1, &[(1, Some("a"))]).await.unwrap();
    let log = lake.folder().unwrap().join("tables/places/_delta_log");
    let entry = log.join("00000000000000000001.json");
    let text = std::fs::read_to_string(&entry).unwrap();
    std::fs::write(&entry, text.replace("\"sequence\"", "\"unknown\"")).unwrap();
    assert_eq!(lake.head(contract().table()).await.unwrap_err().class(), Class::Usage);
    std::fs::write(&entry, &text[..text.len() / 2]).unwrap();
    assert!(lake.head(contract().table()).await.is_err());
    std::fs::remove_file(log.join("00000000000000000000.json")).unwrap();
    assert!(lake.head(contract().table()).await.is_err());
}

/// A bucket whose answer to the commit is lost, and which carries it out some requests later.
#[derive(Debug)]
struct LateStore {
    inner: Arc<dyn ObjectStore>,
    /// Requests until the commit arrives, once it was sent.
    delay: u64,
    waiting: std::sync::Mutex<Option<(Path, PutPayload, PutOptions, u64)>>,
    sent: AtomicU64,
}

impl std::fmt::Display for LateStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("store with a late commit")
    }
}

impl LateStore {
    async fn tick(&self) {
        let due = {
            let mut waiting = self.waiting.lock().unwrap();
            match waiting.as_mut() {
                Some((.., 0)) => waiting.take(),
                Some((.., left)) => {
                    *left -= 1;
                    None
                }
                None => None,
            }
        };
        if let Some((at, payload, options, _)) = due {
            let _ = self.inner.put_opts(&at, payload, options).await;
        }
    }
}

#[async_trait]
impl ObjectStore for LateStore {
    async fn put_opts(&self, at: &Path, payload: PutPayload, options: PutOptions) -> object_store::Result<PutResult> {
        self.tick().await;
        let commit = at.as_ref().ends_with("_delta_log/00000000000000000002.json");
        if commit && self.sent.fetch_add(1, Ordering::SeqCst) == 0 {
            *self.waiting.lock().unwrap() = Some((at.clone(), payload, options, self.delay));
            return Err(crate::testing::fault());
        }
        self.inner.put_opts(at, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(at, options).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        self.tick().await;
        self.inner.get_opts(at, options).await
    }

    fn delete_stream(
        &self,
        at: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.inner.delete_stream(at)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[tokio::test]
async fn a_commit_that_arrives_late_is_found_and_its_files_are_kept() {
    for delay in 0..40 {
        let (_folder, lake) = lake();
        load(&lake, WriteMode::Replace, 1, &[(1, Some("a"))]).await.unwrap();
        let late = lake
            .as_bucket()
            .with_store(|inner| Arc::new(LateStore { inner, delay, waiting: Default::default(), sent: 0.into() }));
        let published = load(&late, WriteMode::Replace, 2, &[(2, Some("a"))]).await.unwrap();
        assert_eq!(published.version, 2, "delay {delay}");
        assert_eq!(rows(&lake).await, owned(&[(2, Some("a"))]), "delay {delay}");
    }
}

#[tokio::test]
async fn a_commit_that_may_still_arrive_is_said_to_be_unknown() {
    let (_folder, lake) = lake();
    load(&lake, WriteMode::Replace, 1, &[(1, Some("a"))]).await.unwrap();
    // Every request that could tell fails as soon as the commit was sent.
    let mut unknown = 0;
    for n in 1..200 {
        let faulty = lake.as_bucket().with_store(|inner| Arc::new(FaultStore::new(inner, n, false).and_ever_after()));
        match load(&faulty, WriteMode::Replace, 2, &[(2, Some("a"))]).await {
            Ok(_) => break,
            Err(error) if error.class() == Class::CommitUnknown => unknown += 1,
            Err(_) => assert_eq!(rows(&lake).await, owned(&[(1, Some("a"))]), "fault {n}"),
        }
        if rows(&lake).await == owned(&[(2, Some("a"))]) {
            break;
        }
    }
    assert!(unknown > 0, "no commit was in doubt");
}

#[tokio::test]
async fn a_commit_is_found_below_one_of_a_run_that_began_before_it() {
    let (_folder, lake) = lake();
    let table = contract().table().clone();
    let earlier = RunId::new();
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    let later = RunId::new();
    load_as(later, &lake, WriteMode::Replace, 1, &[(1, Some("a"))]).await.unwrap();
    load_as(earlier, &lake, WriteMode::Replace, 2, &[(2, Some("a"))]).await.unwrap();
    lake.note_open(&table, later).await.unwrap();
    let killed = lake.reconcile(&table).await.unwrap();
    assert_eq!(killed.first().unwrap().published_version, Some(1));
    assert_eq!(parquet_files(lake.folder().unwrap()), 2, "files of an older version were deleted");
}

#[tokio::test]
async fn a_quarantine_is_replayed_by_one_commit_also_when_only_a_checkpoint_tells() {
    let (_folder, lake) = lake();
    let (table, refused) = (contract().table().clone(), RunId::new());
    load_as(refused, &lake, WriteMode::Append, 1, &[(1, Some("a"))]).await.unwrap();
    let replay = async |sequence| {
        let run = RunId::new();
        let staged = stage(&lake, WriteMode::Append, run, &[(2, Some("a"))]).await?;
        lake.publish(&staged, &RunInfo { replays: vec![refused], ..info(run, sequence) }).await.map(|_| run)
    };
    let by = replay(2).await.unwrap();
    assert_eq!(lake.fates(&table, &[refused, by].into()).await.unwrap()[&refused], crate::Fate::Replayed { by });
    assert_eq!(replay(3).await.unwrap_err().class(), Class::Unavailable);
    for sequence in 3..15 {
        load(&lake, WriteMode::Append, sequence, &[(sequence + 10, Some("a"))]).await.unwrap();
    }
    let log = lake.folder().unwrap().join("tables/places/_delta_log");
    let mut names: Vec<_> = std::fs::read_dir(&log).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    let checkpoint = names.iter().rfind(|name| name.to_str().unwrap().contains(".checkpoint.")).unwrap();
    for name in names.iter().filter(|name| *name < checkpoint) {
        std::fs::remove_file(log.join(name)).unwrap();
    }
    let error = replay(15).await.unwrap_err();
    assert!(error.to_string().contains("replayed already"), "{error}");
    assert_eq!(rows(&lake).await.iter().filter(|(id, _)| *id == 2).count(), 1);
}

#[tokio::test]
async fn vacuuming_keeps_what_the_retention_time_needs() {
    let (_folder, lake) = lake();
    let table = contract().table().clone();
    load(&lake, WriteMode::Replace, 1, &NASTY).await.unwrap();
    load(&lake, WriteMode::Append, 2, &[(10, Some("서울 강남"))]).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    let between = chrono::Utc::now();
    let folder = lake.folder().unwrap().join("tables/places");
    load(&lake, WriteMode::Replace, 3, &[(1, Some("a/b"))]).await.unwrap();
    // The version that was the newest at that time is still needed.
    assert_eq!(lake.vacuum(&table, between, &[], false).await.unwrap().files, 0);
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    let now = chrono::Utc::now();
    let staged = stage(&lake, WriteMode::Replace, RunId::new(), &[(5, Some("x"))]).await.unwrap();
    let would = lake.vacuum(&table, now, &[], true).await.unwrap();
    assert_eq!((would.files, parquet_files(&folder)), (10, 12));
    let vacuumed = lake.vacuum(&table, now, &[], false).await.unwrap();
    assert_eq!((&vacuumed, vacuumed.oldest_version), (&would, 3));
    // What a run has staged meanwhile stays, and can be published.
    lake.publish(&staged, &info(RunId::new(), 4)).await.unwrap();
    assert_eq!(rows(&lake).await, owned(&[(5, Some("x"))]));
    assert_eq!(parquet_files(&folder), 2);
}

#[tokio::test]
async fn columns_may_come_and_may_not_change_their_type() {
    let (_folder, lake) = lake();
    load(&lake, WriteMode::Replace, 1, &[(1, Some("a"))]).await.unwrap();
    let changed = |from: &str, to: &str| {
        Arc::new(Contract::parse(&contract().text().replace(from, to), "schemas/places.toml").unwrap())
    };
    let more = changed("columns = [", "columns = [ { name = \"extra\", type = \"int\" },");
    let run = RunId::new();
    let writer = lake.stage(&more, chrono_tz::UTC, run, WriteMode::Append, WriterOptions::default()).unwrap();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(arrow::array::Int32Array::from(vec![7])),
        Arc::new(Int64Array::from(vec![2])),
        Arc::new(StringArray::from(vec!["a"])),
        Arc::new(StringArray::from(vec!["n"])),
    ];
    let batch = RecordBatch::try_new(more.source_schema(), columns).unwrap();
    let raw = RawBatch::new(batch, Origin::rows("t", None, 1, 1)).unwrap();
    writer
        .write(Redactor::new(&more, &KeyRing::new(), chrono::NaiveDate::MIN).unwrap().redact(raw).unwrap())
        .await
        .unwrap();
    lake.publish(&writer.finish().await.unwrap(), &info(run, 2)).await.unwrap();
    let context = SessionContext::new();
    lake.register(&context, "t", more.table(), None).await.unwrap();
    let sums = context.sql("SELECT sum(extra), count(*) FROM t").await.unwrap().collect().await.unwrap();
    assert_eq!(sums.first().unwrap().column(1).as_primitive::<Int64Type>().values(), &[2]);
    let other = changed("\"bigint\"", "\"string\"");
    let delta = lake.load(other.table(), None).await.unwrap().unwrap();
    assert_eq!(crate::table::schema_change(&delta, &other, WriteMode::Replace).unwrap_err().class(), Class::Usage);
}

/// Publishes over a store whose Nth operation fails, for N = 1, 2, … until none does. Whatever happens, the table is as
/// before or as after, and the next run ends right.
async fn survive_every_fault(mode: WriteMode, after: bool) {
    for n in 1..400 {
        let (_folder, lake) = lake();
        load(&lake, WriteMode::Replace, 1, &[(1, Some("a"))]).await.unwrap();
        let old = rows(&lake).await;
        let expected = match mode {
            WriteMode::Append => owned(&[(1, Some("a")), (2, Some("a"))]),
            _ => owned(&[(2, Some("a"))]),
        };
        let faults = std::sync::OnceLock::new();
        let faulty = lake.with_store(|inner| {
            let store = Arc::new(FaultStore::new(inner, n, after));
            let _ = faults.set(Arc::clone(&store));
            store
        });
        let run = RunId::new();
        lake.note_open(contract().table(), run).await.unwrap();
        let outcome = load_as(run, &faulty, mode, 2, &[(2, Some("a"))]).await;
        let seen = rows(&lake).await;
        assert!(seen == old || seen == expected, "fault {n}: {seen:?}");
        if outcome.is_ok() {
            assert_eq!(seen, expected, "fault {n}: reported as published");
        }
        // A run that knows how it failed clears up after itself; one that was killed leaves that to the next.
        if n % 2 == 0 && matches!(&outcome, Err(e) if e.class() != Class::CommitUnknown) {
            lake.discard_run(contract().table(), run).await.unwrap();
        } else {
            lake.reconcile(contract().table()).await.unwrap();
        }
        if seen == old && mode == WriteMode::Append {
            assert_eq!(parquet_files(lake.folder().unwrap()), 1, "fault {n}: a file that no commit names was left");
        }
        if seen == old {
            load(&lake, mode, 2, &[(2, Some("a"))]).await.unwrap();
        }
        assert_eq!(rows(&lake).await, expected, "fault {n}: after the next run");
        if !faults.get().unwrap().has_fired() {
            assert!(n > 5, "too few operations were seen to fail");
            return;
        }
    }
    panic!("faults did not end");
}

#[tokio::test]
async fn replace_survives_every_fault_before_an_operation() {
    survive_every_fault(WriteMode::Replace, false).await;
}

#[tokio::test]
async fn replace_survives_every_lost_reply() {
    survive_every_fault(WriteMode::Replace, true).await;
}

#[tokio::test]
async fn append_survives_every_fault_before_an_operation() {
    survive_every_fault(WriteMode::Append, false).await;
}

#[tokio::test]
async fn append_survives_every_lost_reply() {
    survive_every_fault(WriteMode::Append, true).await;
}
