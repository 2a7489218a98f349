//! Quarantines that are judged again, also on a store that fails.

use std::sync::{Arc, OnceLock};

use arrow::array::AsArray as _;
use datafusion::prelude::SessionContext;
use lakegate_contract::{Class, Contract};
use lakegate_lake::testing::FaultStore;
use lakegate_lake::{Fate, Lake, RunId};
use lakegate_quality::parse;
use lakegate_redaction::{KeyRing, OriginUnit, Secret};

use super::super::run_job;
use super::super::tests::{CONTRACT, Fixture, batch, fixture, good, lenient};
use super::{Replay, ReplayOptions, ReplaySelection, replay_quarantine};
use crate::memory::MemorySource;
use crate::quarantine::{QuarantineFilter, QuarantineState, QuarantinedRun, quarantined_runs};
use crate::{LoadMode, Outcome, Rejected};

/// Only `paid` passes.
const STRICT: &str = "Rules = [ ColumnValues \"status\" in [\"paid\"], IsPrimaryKey \"id\" ]";
/// So does `lost`.
const CORRECTED: &str = "Rules = [ ColumnValues \"status\" in [\"paid\", \"lost\"], IsPrimaryKey \"id\" ]";

fn rejected() -> Rejected {
    Rejected {
        object: "memory".into(),
        part: None,
        unit: OriginUnit::Row,
        start: 9,
        end: 10,
        reason: "column id: text where bigint was expected".into(),
    }
}

/// Two rows that a corrected rule takes, one that none does, one without its key, and a record that could not be decoded.
fn mixed() -> MemorySource {
    let rows = [(Some(1), "paid"), (Some(2), "lost"), (Some(3), "lost"), (Some(4), "odd"), (None, "paid")];
    MemorySource::new("one", vec![batch(&rows)]).with_rejected(vec![rejected()])
}

async fn loaded(mode: LoadMode, rules: &str) -> (Fixture, RunId) {
    let mut gate = lenient();
    gate.max_bad_rows = crate::BadRowLimit::Percent(90.0);
    let fixture = fixture(mode, gate, rules);
    let report = fixture.run(mixed()).await;
    assert_eq!(report.record.outcome, Outcome::Published, "{report:?}");
    (fixture, report.record.run)
}

impl Fixture {
    fn with_rules(mut self, rules: &str) -> Self {
        self.context.ruleset = Some(parse(rules, "quality-rules/orders.dqdl").unwrap());
        self
    }

    fn with_contract(mut self, text: &str) -> Self {
        self.context.contract = Arc::new(Contract::parse(text, "schemas/orders.toml").unwrap());
        self
    }

    async fn replay(&self, selection: ReplaySelection) -> Replay {
        self.replay_how(ReplayOptions { selection, rehearse: false, rules_warn: false }).await
    }

    async fn replay_how(&self, how: ReplayOptions) -> Replay {
        replay_quarantine(&self.context, how, &self.options).await
    }

    async fn quarantined(&self) -> Vec<QuarantinedRun> {
        let filter = QuarantineFilter { newest: 100, ..QuarantineFilter::default() };
        quarantined_runs(&self.context.lake, &filter).await.unwrap()
    }

    /// The published values of a query, as text.
    async fn values(&self, sql: &str) -> Vec<String> {
        values(&self.context.lake, sql).await
    }
}

async fn values(lake: &Lake, sql: &str) -> Vec<String> {
    let context = SessionContext::new();
    let table = lakegate_contract::TableName::new("orders").unwrap();
    lake.register(&context, "orders", &table, None).await.unwrap();
    let mut out = Vec::new();
    for batch in context.sql(sql).await.unwrap().collect().await.unwrap() {
        let texts = arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Utf8).unwrap();
        out.extend(texts.as_string::<i32>().iter().map(|text| text.unwrap_or("NULL").to_owned()));
    }
    out
}

const IDS: &str = "SELECT id FROM orders ORDER BY id";

fn refusal(replay: &Replay) -> String {
    let error = replay.report.error.as_ref().unwrap_or_else(|| panic!("nothing was refused: {replay:?}"));
    format!("{error} {}", error.advice().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_today_is_published_once_and_the_rest_stays() {
    let (fixture, first) = loaded(LoadMode::Append, STRICT).await;
    let fixture = fixture.with_rules(CORRECTED);
    let replay = fixture.replay(ReplaySelection::Newest).await;
    let record = &replay.report.record;
    assert_eq!(record.outcome, Outcome::Published, "{replay:?}");
    assert_eq!((replay.judged(), record.rows_out, replay.refused(), replay.undecodable()), (4, 2, 2, 1));
    assert_eq!(record.rows_in, record.rows_out + record.rows_quarantined);
    assert_eq!(record.replays, [first]);
    assert_eq!(fixture.values(IDS).await, ["1", "2", "3"]);
    let runs = fixture.quarantined().await;
    let states: Vec<_> = runs.iter().map(|run| (run.run, run.state, run.tally.rows, run.tally.undecodable)).collect();
    let again = record.run;
    assert_eq!(states, [(again, QuarantineState::Waiting, 3, 1), (first, QuarantineState::Replayed, 5, 1)]);
    assert_eq!(runs[1].by, Some(again));
    let rules: Vec<&str> = runs[0].tally.rules.keys().map(String::as_str).collect();
    assert_eq!(
        rules,
        [
            "ColumnValues \"status\" in [\"paid\",\"lost\"]",
            "column id is required",
            "undecodable: column id: text where bigint was expected"
        ]
    );
    for selection in [ReplaySelection::Run(first), ReplaySelection::Newest, ReplaySelection::All] {
        let second = fixture.replay(selection).await;
        assert_eq!(
            (second.report.record.outcome, second.report.record.exit_code),
            (Outcome::Unchanged, 0),
            "{second:?}"
        );
    }
    assert_eq!(fixture.values(IDS).await, ["1", "2", "3"]);
    assert_eq!(fixture.quarantined().await.len(), 2, "a replay that publishes nothing left a quarantine");
    // The source goes on from where it was.
    assert_eq!(fixture.run(mixed()).await.record.outcome, Outcome::Unchanged);
    let more = MemorySource::new("one", vec![good(1, 5), good(11, 2)]);
    assert_eq!(fixture.run(more).await.record.rows_in, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_waits_is_judged_together() {
    let (fixture, first) = loaded(LoadMode::Append, STRICT).await;
    let rows = batch(&[(Some(20), "paid"), (Some(21), "lost")]);
    let second = fixture.run(MemorySource::new("one", vec![good(1, 1), rows])).await.record.run;
    let fixture = fixture.with_rules(CORRECTED);
    let replay = fixture.replay(ReplaySelection::All).await;
    assert_eq!(replay.runs.iter().map(|run| (run.run, run.rows)).collect::<Vec<_>>(), [(second, 1), (first, 4)]);
    assert_eq!(fixture.values(IDS).await, ["1", "2", "3", "20", "21"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_replaces_is_run_again_instead() {
    let (fixture, first) = loaded(LoadMode::Replace, STRICT).await;
    let replay = fixture.replay(ReplaySelection::Newest).await;
    assert!(refusal(&replay).contains("lakegate run orders --force"), "{}", refusal(&replay));
    assert_eq!(replay.report.record.exit_code, 2);
    // Once it appends, what it refused when it replaced is missing all the same.
    let mut fixture = fixture.with_rules(CORRECTED);
    fixture.context.definition.mode = LoadMode::Append;
    assert_eq!(fixture.replay(ReplaySelection::Run(first)).await.report.record.rows_out, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_again_since_is_not_replayed() {
    let (fixture, first) = loaded(LoadMode::Append, STRICT).await;
    let mut fixture = fixture;
    fixture.context.definition.mode = LoadMode::Replace;
    fixture.run(MemorySource::new("afresh", vec![good(1, 5)])).await;
    fixture.context.definition.mode = LoadMode::Append;
    let fixture = fixture.with_rules(CORRECTED);
    let replay = fixture.replay(ReplaySelection::Run(first)).await;
    assert!(refusal(&replay).contains("loaded the whole table anew"), "{}", refusal(&replay));
    assert_eq!(fixture.replay(ReplaySelection::All).await.report.record.outcome, Outcome::Unchanged);
    assert_eq!(fixture.quarantined().await[0].state, QuarantineState::Reloaded);
    assert_eq!(fixture.published_rows().await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_published_nothing_is_run_again_instead() {
    let fixture = fixture(LoadMode::Append, crate::Gate::default(), STRICT);
    let closed = fixture.run(mixed()).await.record;
    assert_eq!(closed.outcome, Outcome::GateClosed);
    let fixture = fixture.with_rules(CORRECTED);
    let replay = fixture.replay(ReplaySelection::Run(closed.run)).await;
    assert!(refusal(&replay).contains("`lakegate run orders`"), "{}", refusal(&replay));
    assert_eq!(fixture.quarantined().await[0].state, QuarantineState::Unpublished);
    assert_eq!(fixture.published_rows().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_gate_changes_nothing() {
    let (fixture, first) = loaded(LoadMode::Append, STRICT).await;
    let fixture = fixture.with_rules(&CORRECTED.replace("IsPrimaryKey", "RowCount > 100, IsPrimaryKey"));
    let replay = fixture.replay(ReplaySelection::Newest).await;
    assert_eq!((replay.report.record.outcome, replay.report.record.exit_code), (Outcome::GateClosed, 3));
    let runs = fixture.quarantined().await;
    assert_eq!(runs.iter().map(|run| (run.run, run.state)).collect::<Vec<_>>(), [(first, QuarantineState::Waiting)]);
    assert_eq!(fixture.published_rows().await, 1);
    let warned = ReplayOptions { selection: ReplaySelection::Newest, rehearse: false, rules_warn: true };
    let replay = fixture.replay_how(warned).await;
    assert_eq!(replay.report.record.outcome, Outcome::Published, "{replay:?}");
    assert!(replay.report.notices.iter().any(|notice| notice.contains("RowCount > 100")), "{replay:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_over_keys_close_the_gate_of_every_replay() {
    let (fixture, _) = loaded(LoadMode::Append, STRICT).await;
    let twice = batch(&[(Some(2), "lost"), (Some(9), "paid")]);
    fixture.run(MemorySource::new("one", vec![good(1, 1), twice])).await;
    let fixture = fixture.with_rules(CORRECTED);
    let warned = ReplayOptions { selection: ReplaySelection::All, rehearse: false, rules_warn: true };
    assert!(refusal(&fixture.replay_how(warned).await).contains("IsPrimaryKey"));
}

fn files_below(folder: &std::path::Path) -> Vec<String> {
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path.display().to_string()] })
        .collect();
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_says_what_would_be_and_leaves_nothing() {
    let (fixture, _) = loaded(LoadMode::Append, STRICT).await;
    let fixture = fixture.with_rules(CORRECTED);
    let before = files_below(fixture.context.lake.folder().unwrap());
    let replay =
        fixture.replay_how(ReplayOptions { selection: ReplaySelection::All, rehearse: true, rules_warn: false }).await;
    assert_eq!((replay.report.record.rows_out, replay.refused()), (2, 2), "{replay:?}");
    assert_eq!(replay.report.record.published_version, None);
    assert_eq!(files_below(fixture.context.lake.folder().unwrap()), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_not_redacted_a_second_time() {
    let treated = |domain: &str| {
        CONTRACT.replace(
            "{ name = \"status\", type = \"string\" }",
            &format!("{{ name = \"status\", type = \"string\", treatment = {{ hmac = {{ key = \"pii\", domain = \"{domain}\" }} }} }}"),
        )
    };
    let keys = |letter: &str| {
        let mut ring = KeyRing::new();
        ring.insert("pii", &Secret::new(letter.repeat(32))).unwrap();
        ring
    };
    let source = || MemorySource::new("one", vec![batch(&[(Some(1), "paid"), (Some(2), "paid"), (Some(3), "paid")])]);
    let mut fixture =
        fixture(LoadMode::Append, lenient(), "Rules = [ ColumnValues \"id\" < 3 ]").with_contract(&treated("a"));
    fixture.context.keys = keys("k");
    assert_eq!(fixture.run(source()).await.record.rows_quarantined, 1);
    let mut fixture = fixture.with_rules("Rules = [ ColumnValues \"id\" < 9 ]");
    fixture.context.keys = keys("l");
    assert!(refusal(&fixture.replay(ReplaySelection::All).await).contains("under another key"));
    fixture.context.keys = keys("k");
    let fixture = fixture.with_contract(&treated("b"));
    assert!(refusal(&fixture.replay(ReplaySelection::All).await).contains("was treated otherwise"));
    let fixture = fixture.with_contract(&treated("a"));
    assert_eq!(fixture.replay(ReplaySelection::All).await.report.record.outcome, Outcome::Published);
    assert_eq!(fixture.values("SELECT count(DISTINCT status) FROM orders").await, ["1"]);
    assert_eq!(fixture.values("SELECT count(*) FROM orders").await, ["3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_came_or_went_are_null_or_left_out() {
    let (fixture, _) = loaded(LoadMode::Append, STRICT).await;
    let required =
        CONTRACT.replace("columns = [", "columns = [ { name = \"note\", type = \"string\", nullable = false },");
    let fixture = fixture.with_rules(CORRECTED).with_contract(&required);
    assert!(refusal(&fixture.replay(ReplaySelection::All).await).contains("`note` is required"));
    let changed = CONTRACT.replace("columns = [", "columns = [ { name = \"note\", type = \"string\" },");
    let changed = changed.replace("{ name = \"status\", type = \"string\" },", "");
    let fixture = fixture.with_contract(&changed).with_rules("Rules = [ ColumnValues \"id\" < 4 ]");
    let replay = fixture.replay(ReplaySelection::All).await;
    assert_eq!(replay.report.record.rows_out, 2, "{replay:?}");
    assert_eq!(replay.report.notices.len(), 2, "{:?}", replay.report.notices);
    let odd = fixture.values("SELECT coalesce(status, 'gone') FROM orders WHERE id > 1").await;
    assert_eq!(odd, ["gone", "gone"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_replays_at_once_one_publishes() {
    let (fixture, _) = loaded(LoadMode::Append, STRICT).await;
    let fixture = fixture.with_rules(CORRECTED);
    let (one, other) = tokio::join!(fixture.replay(ReplaySelection::All), fixture.replay(ReplaySelection::All));
    let published = [&one, &other].iter().filter(|r| r.report.record.outcome == Outcome::Published).count();
    assert_eq!(published, 1, "{one:?} {other:?}");
    assert_eq!(fixture.values(IDS).await, ["1", "2", "3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_logs_entries_nothing_is_published_twice() {
    let (fixture, first) = loaded(LoadMode::Append, STRICT).await;
    let fixture = fixture.with_rules(CORRECTED);
    fixture.replay(ReplaySelection::Run(first)).await;
    for count in 2..16 {
        let batches = (0..count).map(|n| good(100 + n * 10, 3)).collect();
        assert_eq!(fixture.run(MemorySource::new("one", batches)).await.record.outcome, Outcome::Published);
    }
    // Somebody has cleaned up the log.
    let log = fixture.context.lake.folder().unwrap().join("tables/orders/_delta_log");
    let checkpoint = files_below(&log).into_iter().rfind(|file| file.contains(".checkpoint.")).unwrap();
    for entry in files_below(&log).iter().filter(|file| file.ends_with(".json") && **file < checkpoint) {
        std::fs::remove_file(entry).unwrap();
    }
    let table = &fixture.context.definition.table;
    let fates = fixture.context.lake.fates(table, &[first].into()).await.unwrap();
    assert_eq!(fates.get(&first), Some(&Fate::Unknown));
    let rows = fixture.published_rows().await;
    let replay = fixture.replay(ReplaySelection::Run(first)).await;
    assert!(refusal(&replay).contains("no longer tells"), "{}", refusal(&replay));
    fixture.replay(ReplaySelection::All).await;
    assert_eq!(fixture.published_rows().await, rows);
}

/// Replays over a store whose Nth operation fails, for N = 1, 2, … until none does. Whatever happens, a row is published or waits,
/// never both and never neither, and the next replay ends right.
async fn survive_every_fault(after: bool, forever: bool) {
    for n in 1..400 {
        let (fixture, _) = loaded(LoadMode::Append, STRICT).await;
        let mut fixture = fixture.with_rules(CORRECTED);
        let whole = fixture.context.lake.clone();
        let faults = OnceLock::new();
        fixture.context.lake = whole.with_store(|inner| {
            let store = FaultStore::new(inner, n, after);
            let store = Arc::new(if forever { store.and_ever_after() } else { store });
            let _ = faults.set(Arc::clone(&store));
            store
        });
        let replay = fixture.replay(ReplaySelection::All).await;
        fixture.context.lake = whole;
        let seen = fixture.values(IDS).await.len() as u64;
        let waiting = fixture.quarantined().await.into_iter().filter(|run| run.state == QuarantineState::Waiting);
        let waiting: u64 = waiting.map(|run| run.tally.rows).sum();
        assert!(seen == 1 || seen == 3, "fault {n}: {seen} rows are published");
        assert_eq!(seen + waiting, 6, "fault {n}: {replay:?}");
        if replay.report.record.outcome == Outcome::Published {
            assert_eq!(seen, 3, "fault {n}: reported as published");
        } else if seen == 3 {
            let error = replay.report.error.as_ref().unwrap();
            assert_eq!(error.class(), Class::CommitUnknown, "fault {n}: published without a word: {error}");
        }
        let next = fixture.replay(ReplaySelection::All).await;
        assert!(next.report.error.is_none(), "fault {n}: {next:?}");
        assert_eq!(fixture.values(IDS).await, ["1", "2", "3"], "fault {n}: after the next replay");
        assert_eq!(fixture.run(mixed()).await.record.outcome, Outcome::Unchanged, "fault {n}: the bookmark was lost");
        if !faults.get().unwrap().has_fired() {
            assert!(n > 20, "too few operations were seen to fail");
            return;
        }
    }
    panic!("faults did not end");
}

#[tokio::test(flavor = "multi_thread")]
async fn replays_survive_every_fault_before_an_operation() {
    survive_every_fault(false, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replays_survive_every_lost_reply() {
    survive_every_fault(true, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replays_survive_a_death_at_every_operation() {
    survive_every_fault(true, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_makes_no_data_fresh() {
    let (fixture, _) = loaded(LoadMode::Append, STRICT).await;
    let fixture = fixture.with_rules(CORRECTED);
    fixture.replay(ReplaySelection::All).await;
    let lake = &fixture.context.lake;
    let outcomes = lake.system_records("rule_outcomes", 10).await.unwrap();
    let runs: std::collections::BTreeSet<_> = outcomes.iter().map(|o| o["run"].to_string()).collect();
    assert_eq!(runs.len(), 1, "the outcomes of a replay are no measure of the table");
    let mut definition = fixture.context.definition.clone();
    definition.fresh_within = Some(std::time::Duration::from_secs(1));
    let later = chrono::Utc::now() + chrono::TimeDelta::seconds(2);
    let stale = crate::stale_jobs(lake, &[definition], later).await.unwrap();
    let report = run_job(&fixture.context, Arc::new(mixed()), &fixture.options).await;
    assert_eq!(report.record.outcome, Outcome::Unchanged);
    let load = lake.system_records("runs", 10).await.unwrap();
    let first = load.iter().rev().find(|r| r["replays"].as_array().is_some_and(Vec::is_empty)).unwrap();
    assert_eq!(stale[0].last.as_ref().map(|last| last.run.clone()), first["run"].as_str().map(str::to_owned));
}
