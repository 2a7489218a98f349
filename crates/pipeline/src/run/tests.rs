//! Runs over an in-memory source and a lake in a temporary folder.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use async_trait::async_trait;
use futures::StreamExt as _;
use lakegate_contract::{Class, Contract, Error, JobName, Result, TableName};
use lakegate_lake::Lake;
use lakegate_quality::{RuleResult, parse};
use lakegate_redaction::{KeyRing, OriginUnit, RawBatch};

use super::{JobContext, JobReport, RunOptions, run_job};
use crate::memory::MemorySource;
use crate::source::Scope;
use crate::source::{Bookmark, ItemStream, Plan, Rejected, Source, SourceItem, Split};
use crate::{BadRowLimit, Gate, GuardMode, JobDefinition, LoadMode, Outcome, RowMode, Silent};
use crate::{Cancellation, Trigger};

pub(super) const CONTRACT: &str = r#"
key = ["id"]
columns = [
  { name = "id", type = "bigint", nullable = false },
  { name = "status", type = "string" },
  { name = "email", type = "string", treatment = "drop" },
]"#;
pub(super) const RULES: &str =
    "Rules = [ ColumnValues \"status\" in [\"paid\", \"lost\"], RowCount > 1, IsPrimaryKey \"id\" ]";

pub(super) struct Fixture {
    _folder: tempfile::TempDir,
    pub(super) context: JobContext,
    pub(super) options: RunOptions,
}

pub(super) fn fixture(mode: LoadMode, gate: Gate, rules: &str) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let definition = JobDefinition {
        name: JobName::new("orders").unwrap(),
        description: None,
        table: TableName::new("orders").unwrap(),
        mode,
        after: Vec::new(),
        condition: crate::Condition::All,
        schedule: None,
        retries: 0,
        timeout: None,
        max_duration: None,
        fresh_within: None,
        gate,
        source_kind: "memory".to_owned(),
    };
    let context = JobContext {
        definition,
        job_text: String::new(),
        contract: Arc::new(Contract::parse(CONTRACT, "schemas/orders.toml").unwrap()),
        ruleset: Some(parse(rules, "quality-rules/orders.dqdl").unwrap()),
        time_zone: chrono_tz::UTC,
        keys: KeyRing::new(),
        lake: Lake::open(folder.path().join("lake").to_str().unwrap()).unwrap(),
        catalog: None,
        breakers: crate::Breakers::default(),
        workers: 2,
        memory_limit: 64 << 20,
    };
    let options = RunOptions {
        force: false,
        trigger: Trigger::Manual,
        occasion: None,
        only: None,
        cancellation: Cancellation::default(),
        progress: Arc::new(Silent),
    };
    Fixture { _folder: folder, context, options }
}

pub(super) fn lenient() -> Gate {
    Gate { max_bad_rows: BadRowLimit::Percent(60.0), ..Gate::default() }
}

pub(super) fn batch(rows: &[(Option<i64>, &str)]) -> RecordBatch {
    let ids: ArrayRef = Arc::new(rows.iter().map(|r| r.0).collect::<Int64Array>());
    let statuses: ArrayRef = Arc::new(StringArray::from_iter_values(rows.iter().map(|r| r.1)));
    let schema = Contract::parse(CONTRACT, "schemas/orders.toml").unwrap().source_schema();
    RecordBatch::try_new(schema, vec![ids, statuses]).unwrap()
}

pub(super) fn good(first: i64, count: i64) -> RecordBatch {
    batch(&(first..first + count).map(|id| (Some(id), "paid")).collect::<Vec<_>>())
}

impl Fixture {
    pub(super) async fn run(&self, source: impl Source + 'static) -> JobReport {
        run_job(&self.context, Arc::new(source), &self.options).await
    }

    pub(super) async fn published_rows(&self) -> u64 {
        let head = self.context.lake.head(&self.context.definition.table).await.unwrap();
        head.map_or(0, |h| h.rows())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_publishes_and_the_next_finds_nothing_to_do() {
    let fixture = fixture(LoadMode::Replace, Gate::default(), RULES);
    let source = MemorySource::new("one", vec![good(1, 50), good(51, 50)]);
    let report = fixture.run(source.clone()).await;
    assert_eq!(
        (report.record.outcome, report.record.rows_in, report.record.rows_out),
        (Outcome::Published, 100, 100),
        "{report:?}"
    );
    assert_eq!(report.record.rules.len(), 2);
    assert_eq!(report.record.dropped_columns, ["email"]);
    assert_eq!(fixture.run(source.clone()).await.record.outcome, Outcome::Unchanged);
    let again = MemorySource::new("two", vec![good(1, 10)]);
    assert_eq!(fixture.run(again).await.record.outcome, Outcome::Published);
    assert_eq!(fixture.published_rows().await, 10);
    let records = fixture.context.lake.system_records("runs", 10).await.unwrap();
    assert_eq!(records.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_rows_go_to_quarantine_and_too_many_close_the_gate() {
    let rows = batch(&[(Some(1), "paid"), (Some(2), "hunter2"), (None, "paid"), (Some(4), "paid")]);
    let rejected = Rejected {
        object: "memory".into(),
        part: None,
        unit: OriginUnit::Row,
        start: 9,
        end: 10,
        reason: "column id: text where bigint was expected".into(),
    };
    let source = MemorySource::new("one", vec![rows]).with_rejected(vec![rejected]);
    let strict = fixture(LoadMode::Replace, Gate::default(), RULES);
    let report = strict.run(source.clone()).await;
    assert_eq!((report.record.outcome, report.record.exit_code), (Outcome::GateClosed, 3));
    assert_eq!(strict.published_rows().await, 0);
    let error = report.error.unwrap();
    assert!(error.found().contains("3 of 5 rows are bad") && !error.to_string().contains("hunter2"), "{error}");
    let open = fixture(LoadMode::Replace, lenient(), RULES);
    let report = open.run(source).await;
    assert_eq!((report.record.rows_out, report.record.rows_quarantined), (2, 3), "{report:?}");
    assert!(report.record.refused.contains_key("column id is required"));
    let text = serde_json::to_string(&report.record).unwrap();
    assert!(!text.contains("hunter2"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_may_also_be_refused_or_published_with_a_count() {
    let source = MemorySource::new("one", vec![batch(&[(Some(1), "paid"), (Some(2), "odd"), (Some(3), "paid")])]);
    let refusing = fixture(LoadMode::Replace, Gate { rows: RowMode::Refuse, ..lenient() }, RULES);
    assert_eq!(refusing.run(source.clone()).await.record.outcome, Outcome::GateClosed);
    let publishing = fixture(LoadMode::Replace, Gate { rows: RowMode::Publish, ..Gate::default() }, RULES);
    let report = publishing.run(source).await;
    assert_eq!((report.record.rows_out, report.record.rows_flagged, report.record.rows_quarantined), (3, 1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_gate_leaves_the_earlier_version_and_no_files() {
    let fixture = fixture(LoadMode::Replace, Gate::default(), RULES);
    fixture.run(MemorySource::new("one", vec![good(1, 10)])).await;
    let twice = MemorySource::new("two", vec![good(1, 10), good(5, 10)]);
    let report = fixture.run(twice).await;
    assert_eq!(report.record.outcome, Outcome::GateClosed);
    assert!(report.error.unwrap().found().contains("IsPrimaryKey"));
    assert_eq!(fixture.published_rows().await, 10);
    let warned = RULES.replace("IsPrimaryKey \"id\"", "IsPrimaryKey \"id\" labels=[\"gate\"=\"warn\"]");
    let mut fixture = fixture;
    fixture.context.ruleset = Some(parse(&warned, "r").unwrap());
    let report = fixture.run(MemorySource::new("two", vec![good(1, 10), good(5, 10)])).await;
    assert_eq!((report.record.outcome, report.notices.len()), (Outcome::Published, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn dataset_rules_judge_what_is_published_and_nothing_else() {
    let rules = "Rules = [ ColumnValues \"status\" in [\"paid\", \"lost\"], RowCount = 21, Uniqueness \"id\" = 1.0,
        Sum \"id\" = 231, CustomSql \"select count(*) from primary where id > 20\" = 1,
        DistinctValuesCount \"status\" = 2, Completeness \"id\" = 1.0 where \"status = 'lost'\" ]";
    let mut fixture = fixture(LoadMode::Replace, lenient(), rules);
    let contract = CONTRACT.replace("key = [\"id\"]", "partition_by = [\"status\"]");
    fixture.context.contract = Arc::new(Contract::parse(&contract, "schemas/orders.toml").unwrap());
    // Refused are a second 1, and a row that is bad by two rules; both workers have some.
    let others = batch(&[(Some(1), "odd"), (Some(21), "lost"), (None, "odd")]);
    let report = fixture.run(MemorySource::new("one", vec![good(1, 10), others, good(11, 10)])).await;
    assert_eq!(report.record.outcome, Outcome::Published, "{report:?}");
    assert_eq!((report.record.rows_out, report.record.rows_quarantined), (21, 2));
    assert_eq!(report.record.rules.len(), 6, "{:?}", report.record.rules);
    assert!(report.record.rules.iter().all(|rule| rule.result == RuleResult::Pass), "{:?}", report.record.rules);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_that_are_no_number_are_kept_as_texts() {
    // One row has no spread, and so no correlation.
    let rules = "Rules = [ RowCount > 0, ColumnCorrelation \"id\" \"id\" > 0.5 labels=[\"gate\"=\"warn\"] ]";
    let fixture = fixture(LoadMode::Replace, Gate::default(), rules);
    let report = fixture.run(MemorySource::new("one", vec![good(1, 1)])).await;
    assert_eq!(report.record.outcome, Outcome::Published, "{report:?}");
    let lake = &fixture.context.lake;
    let outcomes = lake.system_records("rule_outcomes", 10).await.unwrap();
    let metrics: Vec<_> = outcomes.iter().map(|outcome| outcome["metrics"].clone()).collect();
    let expected = [
        serde_json::json!({ "Dataset.*.RowCount": 1.0 }),
        serde_json::json!({ "Multicolumn.id,id.ColumnCorrelation": "NaN" }),
    ];
    assert_eq!(metrics[..2], expected);
    let run = &lake.system_records("runs", 1).await.unwrap()[0];
    assert_eq!(run["rules"][1]["metrics"], expected[1]);
    let series = lake.system_records("metrics/table=orders", 10).await.unwrap();
    assert!(series.iter().all(|line| line["value"].is_number()) && !series.is_empty(), "{series:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_do_not_fit_into_memory_are_counted_while_rows_are_staged() {
    let rules =
        "Rules = [ Uniqueness \"id\" > 0.9, DistinctValuesCount \"id\" = 59000, IsUnique \"status\" where \"id < 0\" ]";
    let mut fixture = fixture(LoadMode::Replace, Gate::default(), rules);
    let contract = CONTRACT.replace("key = [\"id\"]", "");
    fixture.context.contract = Arc::new(Contract::parse(&contract, "schemas/orders.toml").unwrap());
    // Each counter holds 1,024 keys.
    fixture.context.memory_limit = 1 << 20;
    // 1,000 ids stand in two splits.
    let batches = (0..6).map(|n| good(n * 10_000 - i64::from(n == 5) * 1000, 10_000)).collect();
    let report = fixture.run(MemorySource::new("one", batches)).await;
    let found = &report.record.rules;
    // 58,000 of 60,000 rows; of no row, nothing is unique.
    assert!((found[0].metrics["Column.id.Uniqueness"] - 58_000.0 / 60_000.0).abs() < 1e-12, "{found:?}");
    assert_eq!(found.iter().map(|rule| rule.result == RuleResult::Pass).collect::<Vec<_>>(), [true, true, false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contracts_key_is_kept_without_a_rule_for_it() {
    let fixture = fixture(LoadMode::Replace, Gate::default(), "Rules = [ RowCount > 0 ]");
    let report = fixture.run(MemorySource::new("two", vec![good(1, 10), good(5, 10)])).await;
    assert_eq!(report.record.outcome, Outcome::GateClosed);
    assert!(report.error.unwrap().found().contains("IsPrimaryKey \"id\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_rule_that_only_warns_lets_its_rows_pass_and_says_so() {
    let rules = "Rules = [ ColumnValues \"status\" in [\"paid\"] labels=[\"gate\"=\"warn\"] ]";
    let fixture = fixture(LoadMode::Replace, Gate::default(), rules);
    let source = MemorySource::new("one", vec![batch(&[(Some(1), "paid"), (Some(2), "odd"), (Some(3), "paid")])]);
    let report = fixture.run(source).await;
    assert_eq!((report.record.rows_out, report.record.rows_quarantined), (3, 0));
    assert_eq!(report.notices.len(), 1);
    assert!(report.notices[0].starts_with("1 rows break ColumnValues"), "{:?}", report.notices);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_left_to_publish_does_not_empty_the_table() {
    let fixture = fixture(LoadMode::Replace, lenient(), RULES);
    fixture.run(MemorySource::new("one", vec![good(1, 10)])).await;
    let report = fixture.run(MemorySource::new("two", vec![batch(&[(Some(1), "odd"), (Some(2), "odd")])])).await;
    assert_eq!(report.record.outcome, Outcome::GateClosed);
    assert_eq!(fixture.published_rows().await, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn appended_rows_are_redacted_like_those_before_them() {
    let contract = |domain: &str| {
        let text = CONTRACT.replace(
            "{ name = \"status\", type = \"string\" }",
            &format!("{{ name = \"status\", type = \"string\", treatment = {{ hmac = {{ key = \"pii\", domain = \"{domain}\" }} }} }}"),
        );
        Arc::new(Contract::parse(&text, "schemas/orders.toml").unwrap())
    };
    let keys = |secret: &str| {
        let mut ring = KeyRing::new();
        ring.insert("pii", &lakegate_redaction::Secret::new(secret.repeat(32))).unwrap();
        ring
    };
    let mut fixture = fixture(LoadMode::Append, Gate::default(), "Rules = [ RowCount > 0 ]");
    fixture.context.contract = contract("a");
    fixture.context.keys = keys("k");
    let (first, both) = (vec![good(1, 10)], vec![good(1, 10), good(11, 5)]);
    assert_eq!(fixture.run(MemorySource::new("one", first.clone())).await.record.outcome, Outcome::Published);
    fixture.context.keys = keys("l");
    let report = fixture.run(MemorySource::new("one", both.clone())).await;
    assert_eq!(report.record.exit_code, 2, "{report:?}");
    assert_eq!(fixture.run(MemorySource::new("one", first)).await.notices.len(), 1);
    fixture.context.keys = keys("k");
    fixture.context.contract = contract("b");
    assert_eq!(fixture.run(MemorySource::new("one", both.clone())).await.record.exit_code, 2);
    fixture.context.contract = contract("a");
    assert_eq!(fixture.run(MemorySource::new("one", both)).await.record.outcome, Outcome::Published);
    assert_eq!(fixture.published_rows().await, 15);
}

#[tokio::test(flavor = "multi_thread")]
async fn sensitive_looking_values_close_the_gate_unless_told_otherwise() {
    let rules = "Rules = [ RowCount > 0 ]";
    let source = MemorySource::new("one", vec![batch(&[(Some(1), "kim@example.com")])]);
    let closing = fixture(LoadMode::Replace, Gate::default(), rules);
    let error = closing.run(source.clone()).await.error.unwrap();
    assert_eq!(error.class(), Class::GateClosed);
    assert!(error.found().contains("`status`") && !error.to_string().contains("kim@"), "{error}");
    let row_rules = "Rules = [ ColumnValues \"status\" in [\"paid\"] ]";
    let refused = fixture(LoadMode::Replace, lenient(), row_rules);
    let mixed = batch(&[(Some(1), "kim@example.com"), (Some(2), "paid"), (Some(3), "paid")]);
    let report = refused.run(MemorySource::new("one", vec![mixed])).await;
    assert_eq!((report.record.outcome, report.record.quarantine), (Outcome::GateClosed, None));
    let quarantine = refused.context.lake.folder().unwrap().join("quarantine/orders");
    let files = std::fs::read_dir(quarantine).unwrap().flat_map(|run| std::fs::read_dir(run.unwrap().path()).unwrap());
    assert_eq!(files.count(), 0, "refused rows that look sensitive were kept");
    let warning = fixture(LoadMode::Replace, Gate { guard: GuardMode::Warn, ..Gate::default() }, rules);
    assert_eq!(warning.run(source).await.record.outcome, Outcome::Published);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appending_job_reads_what_is_new() {
    let fixture = fixture(LoadMode::Append, Gate::default(), RULES);
    fixture.run(MemorySource::new("one", vec![good(1, 10)])).await;
    assert_eq!(fixture.run(MemorySource::new("one", vec![good(1, 10)])).await.record.outcome, Outcome::Unchanged);
    let report = fixture.run(MemorySource::new("one", vec![good(1, 10), good(11, 5)])).await;
    assert_eq!((report.record.outcome, report.record.rows_in), (Outcome::Published, 5));
    assert_eq!(fixture.published_rows().await, 15);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_without_rows_is_refused_unless_it_may_be_empty() {
    let rules = "Rules = [ ColumnCount > 0 ]";
    let refusing = fixture(LoadMode::Replace, Gate::default(), rules);
    assert_eq!(refusing.run(MemorySource::new("one", vec![good(1, 0)])).await.record.exit_code, 4);
    let allowing = fixture(LoadMode::Replace, Gate { allow_empty: true, ..Gate::default() }, rules);
    assert_eq!(allowing.run(MemorySource::new("one", vec![good(1, 0)])).await.record.outcome, Outcome::Published);
}

/// A source that breaks its promises.
struct Broken {
    /// Records that it claims to have read.
    claimed: Option<u64>,
    fails: bool,
    cancellation: Option<Cancellation>,
    /// Whether it tells how far it has read.
    resumable: bool,
}

#[async_trait]
impl Source for Broken {
    fn describe(&self) -> String {
        "broken".to_owned()
    }

    async fn plan(&self, _: &Scope<'_>) -> Result<Plan> {
        let split = Split { name: "only".to_owned(), bytes: None, payload: serde_json::Value::Null };
        let bookmark = self.resumable.then(|| Bookmark(serde_json::Value::Null));
        Ok(Plan { splits: vec![split], identity: "x".to_owned(), bookmark, ..Plan::default() })
    }

    async fn open(&self, _: &Split) -> Result<ItemStream> {
        let raw = RawBatch::new(good(1, 10), lakegate_redaction::Origin::rows("b", None, 1, 10))?;
        let mut items = vec![Ok(SourceItem::Batch(raw))];
        if let Some(cancellation) = &self.cancellation {
            cancellation.cancel();
        }
        if self.fails {
            items.push(Err(Error::unavailable("the line is dead")));
        }
        items.extend(self.claimed.map(|records| Ok(SourceItem::Done { records, bytes: 0 })));
        Ok(futures::stream::iter(items).boxed())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_breaks_nothing_is_published_and_nothing_is_left() {
    let cancellation = Cancellation::default();
    for (source, code) in [
        (Broken { claimed: Some(11), fails: false, cancellation: None, resumable: true }, 1),
        (Broken { claimed: None, fails: false, cancellation: None, resumable: true }, 5),
        (Broken { claimed: Some(10), fails: true, cancellation: None, resumable: true }, 5),
        (Broken { claimed: Some(10), fails: false, cancellation: Some(cancellation.clone()), resumable: true }, 130),
        // It would be appended again by every run.
        (Broken { claimed: Some(10), fails: false, cancellation: None, resumable: false }, 2),
    ] {
        let mut fixture = fixture(LoadMode::Append, Gate::default(), RULES);
        if source.cancellation.is_some() {
            fixture.options.cancellation = cancellation.clone();
        }
        let report = fixture.run(source).await;
        assert_eq!(report.record.exit_code, code, "{report:?}");
        assert_eq!(fixture.published_rows().await, 0);
        let lake = fixture.context.lake.folder().unwrap();
        assert!(!lake.join("staging").exists() || std::fs::read_dir(lake.join("staging")).unwrap().next().is_none());
        let retry = MemorySource::new("one", vec![good(1, 10)]);
        fixture.options.cancellation = Cancellation::default();
        assert_eq!(fixture.run(retry).await.record.outcome, Outcome::Published);
    }
}

/// A source that never answers.
struct Hanging;

#[async_trait]
impl Source for Hanging {
    fn describe(&self) -> String {
        "hanging".to_owned()
    }

    async fn plan(&self, _: &Scope<'_>) -> Result<Plan> {
        let split = Split { name: "only".to_owned(), bytes: None, payload: serde_json::Value::Null };
        Ok(Plan { splits: vec![split], identity: "x".to_owned(), ..Plan::default() })
    }

    async fn open(&self, _: &Split) -> Result<ItemStream> {
        Ok(futures::stream::pending().boxed())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_hangs_can_be_interrupted() {
    let fixture = fixture(LoadMode::Replace, Gate::default(), RULES);
    let cancellation = fixture.options.cancellation.clone();
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        cancellation.cancel();
    });
    assert_eq!(fixture.run(Hanging).await.record.exit_code, 130);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_in_memory_source_holds_the_suite() {
    let contract = Contract::parse(CONTRACT, "schemas/orders.toml").unwrap();
    let source = Arc::new(MemorySource::new("one", vec![good(1, 3), good(4, 2)]));
    assert_eq!(crate::testing::check_source(source, &contract).await.unwrap().rows.len(), 5);
}
