//! One run of one job: plan, extract, audit, publish, record.

mod audit;
mod extract;
mod fingerprint;
mod mirror;
mod publish;
mod replay;
mod shared;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use chrono_tz::Tz;
use lakegate_contract::{Class, Contract, Error, OnNewColumn, Result, Treatment};
use lakegate_lake::{Head, KilledRun, Lake, RunId, RunInfo, Tail, published_meanwhile, record_name};
use lakegate_quality::{RuleOutcome, Ruleset, json_metrics};
use lakegate_redaction::KeyRing;
use tracing::Instrument as _;

pub use fingerprint::would_be_unchanged;
use fingerprint::{configuration_of, redaction_state, same_as_published};
pub use replay::{Replay, ReplayOptions, ReplaySelection, ReplayedRun, replay_quarantine};

use crate::files::published_files;
use crate::record::{peak_memory, principal, shortened};
use crate::rule_history;
use crate::source::{Bookmark, Plan, Scope, Source};
use crate::text::digest;
use crate::{
    Breakers, Cancellation, Catalog, JobDefinition, LoadMode, Outcome, Phase, Progress, RunRecord, Timings, Trigger,
};

/// How long a run that has failed tries to clear up after itself.
const CLEARING: Duration = Duration::from_secs(60);
/// How long the record of a run may take to be written.
const WRITING: Duration = Duration::from_secs(120);

/// What a run needs besides its source.
pub struct JobContext {
    /// The job.
    pub definition: JobDefinition,
    /// What the job's file says of the rows that it publishes.
    pub job_text: String,
    /// The contract of its table.
    pub contract: Arc<Contract>,
    /// The ruleset of its table.
    pub ruleset: Option<Ruleset>,
    /// The project's time zone.
    pub time_zone: Tz,
    /// Keys for pseudonyms.
    pub keys: KeyRing,
    /// Where it publishes.
    pub lake: Lake,
    /// The catalog that is kept equal to the lake.
    pub catalog: Option<Arc<dyn Catalog>>,
    /// Breakers that all jobs share.
    pub breakers: Breakers,
    /// Splits that are read at once.
    pub workers: usize,
    /// Bytes that buffers and queries may use.
    pub memory_limit: usize,
}

/// How a run is to go.
#[derive(Clone)]
pub struct RunOptions {
    /// Also when nothing has changed.
    pub force: bool,
    /// What set it off.
    pub trigger: Trigger,
    /// That by name: an invocation, a message, a workflow.
    pub occasion: Option<String>,
    /// Of files, only those that these events name, and what a replacing job has published before. Those of a job that reads
    /// no files have no such parts.
    pub only: Option<Arc<BTreeSet<String>>>,
    /// Asks it to stop.
    pub cancellation: Cancellation,
    /// Watches.
    pub progress: Arc<dyn Progress>,
}

/// How a run went.
#[derive(Debug)]
pub struct JobReport {
    /// Its record.
    pub record: RunRecord,
    /// What failed.
    pub error: Option<Error>,
    /// Things worth telling.
    pub notices: Vec<String>,
}

impl JobReport {
    /// Whether jobs that wait for this one may go on.
    pub fn succeeded(&self) -> bool {
        self.error.is_none()
    }
}

/// Runs a job once. Whatever happens is in the report, and in the lake's `system/runs`.
pub async fn run_job(context: &JobContext, source: Arc<dyn Source>, options: &RunOptions) -> JobReport {
    let mut attempt = Attempt::new(context, options);
    // Of the highest level, so that whatever is logged within it tells the run.
    let span = tracing::error_span!("run", job = %context.definition.name, run = %attempt.run);
    async {
        let result = attempt.run(source).await;
        attempt.finish(result).await
    }
    .instrument(span)
    .await
}

struct Attempt<'a> {
    context: &'a JobContext,
    options: &'a RunOptions,
    run: RunId,
    record: RunRecord,
    notices: Vec<String>,
    /// Digest of treatments and keys: rows made under another do not join with these.
    redaction: String,
    began: Instant,
    /// Whether threads that were left to themselves may still write files of the run.
    left_writing: bool,
    /// Whether nothing is to remain of the run, not even its record.
    rehearsed: bool,
    /// Whether dataset rules only warn, but for those over keys.
    rules_warn: bool,
    /// What the rules have measured.
    measured: BTreeMap<String, f64>,
}

impl<'a> Attempt<'a> {
    fn new(context: &'a JobContext, options: &'a RunOptions) -> Self {
        let run = RunId::new();
        let record = new_record(context, options, run);
        let redaction = digest([redaction_state(context, false).as_str()]);
        Self {
            context,
            options,
            run,
            record,
            notices: Vec::new(),
            redaction,
            began: Instant::now(),
            left_writing: false,
            rehearsed: false,
            rules_warn: false,
            measured: BTreeMap::new(),
        }
    }

    async fn run(&mut self, source: Arc<dyn Source>) -> Result<Outcome> {
        let (lake, table) = (&self.context.lake, self.context.contract.table());
        self.phase(Phase::Plan);
        let _lock = lake.lock(table)?;
        let cancellation = self.options.cancellation.clone();
        let began = Instant::now();
        let (before, lagging) = self.begin().await?;
        let plan = cancellation.or(self.plan(source.as_ref(), before.as_ref())).await?;
        self.record.timings.plan = milliseconds(began);
        self.refuse_mixed_redaction(&plan, before.as_ref())?;
        let nothing_named = self.options.only.is_some() && plan.splits.is_empty();
        if nothing_named {
            self.notices.push("nothing of what the events name is new, or still there".to_owned());
        }
        if nothing_named || self.is_unchanged(&plan, before.as_ref()) {
            self.record.outcome = Outcome::Unchanged;
            return lagging.map_or(Ok(Outcome::Unchanged), Err);
        }
        self.notices.extend(lagging.map(|error| error.to_string()));
        let mode = extract::write_mode(self.context.definition.mode);
        let head = cancellation.or(lake.head_for(&self.context.contract, mode)).await?;
        refuse_if_moved_on(before.as_ref(), head.as_ref(), &self.context.definition)?;
        cancellation.or(lake.note_open(table, self.run)).await?;
        let result = self.load(source, &plan, head.as_ref()).await;
        if !matches!(&result, Err(error) if error.class() == Class::CommitUnknown) {
            self.clear_up(result.is_err()).await;
        }
        self.record.outcome = result?;
        self.mirror().await?;
        Ok(self.record.outcome)
    }

    /// Clears up after earlier runs, and brings the catalog up to date: what the last run says, and what the catalog's trouble is.
    async fn begin(&mut self) -> Result<(Option<RunInfo>, Option<Error>)> {
        let (lake, table) = (&self.context.lake, self.context.contract.table());
        let cancellation = self.options.cancellation.clone();
        let breakers = self.context.breakers.clone();
        let reconciled =
            breakers.call(lake.location(), 1, || async { Ok((lake.reconcile(table).await?, lake.tail(table).await?)) });
        let (killed, tail) = cancellation.or(reconciled).await?;
        self.record_killed(&killed).await;
        let lagging = match self.rehearsed {
            true => None,
            false => self.catch_up(tail.as_ref()).await.err(),
        };
        Ok((cancellation.or(self.last_run(tail.as_ref())).await?, lagging))
    }

    /// What the newest of our commits says. Usually that is the newest commit of all.
    async fn last_run(&self, tail: Option<&Tail>) -> Result<Option<RunInfo>> {
        match tail {
            None => Ok(None),
            Some(Tail { run: Some(run), .. }) => Ok(Some(run.clone())),
            Some(Tail { run: None, .. }) => {
                let head = self.context.lake.head(self.context.contract.table()).await?;
                Ok(head.and_then(|h| h.run))
            }
        }
    }

    /// Runs whose process was killed could not write their records.
    async fn record_killed(&self, killed: &[KilledRun]) {
        for run in killed {
            let (outcome, version) = match run.published_version {
                Some(version) => (Outcome::Published, Some(version)),
                None => (Outcome::Interrupted, None),
            };
            let record = serde_json::json!({
                "run": run.run,
                "job": self.context.definition.name,
                "table": self.context.contract.table(),
                "started_at": run.run.began(),
                "outcome": outcome,
                "published_version": version,
                "rows_out": run.rows,
                "replays": run.replays,
                "error": "its process was killed; this record was written by the next run",
            });
            let name = record_name(run.run.began().date_naive(), run.run);
            // One that ended by itself, and left what still wrote, has a record that says more.
            if let Err(error) = self.context.lake.claim_system_record("runs", &name, &record).await {
                tracing::warn!(run = %run.run, %error, "the record of a killed run could not be written");
            }
        }
    }

    /// What cannot be cleared up now is cleared up by the next run: it must not hide how this one ended.
    async fn clear_up(&self, discard: bool) {
        let (lake, table) = (&self.context.lake, self.context.contract.table());
        let cleared = async {
            if discard {
                lake.discard_run(table, self.run).await?;
            }
            // What still writes would stay for ever: the next run clears up behind it.
            if self.left_writing { Ok(()) } else { lake.note_closed(table, self.run).await }
        };
        let patience = self.options.cancellation.share(3, CLEARING);
        match tokio::time::timeout(patience, cleared).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(run = %self.run, %error, "the run's files could not be cleared up; a later run will")
            }
            Err(_) => tracing::warn!(run = %self.run, "clearing up takes too long; a later run will"),
        }
    }

    async fn plan(&mut self, source: &dyn Source, before: Option<&RunInfo>) -> Result<Plan> {
        const ATTEMPTS: u32 = 3;
        let before = before.and_then(|r| r.bookmark.clone());
        let since = before.clone().filter(|_| self.context.definition.mode == LoadMode::Append).map(Bookmark);
        let only = self.options.only.as_deref().and_then(|named| self.with_published(named, before.as_ref()));
        let scope = Scope { since: since.as_ref(), only: only.as_ref() };
        let plan = match source.service() {
            Some(service) => self.context.breakers.call(&service, ATTEMPTS, || source.plan(&scope)).await?,
            None => source.plan(&scope).await?,
        };
        if self.context.definition.mode == LoadMode::Append && plan.bookmark.is_none() && !plan.splits.is_empty() {
            return Err(Error::usage(
                "the source cannot tell what it has read before, so every run would append all of it",
            )
            .at(format!("jobs/{}.toml", self.context.definition.name))
            .expected("mode = \"replace\""));
        }
        self.record.bookmark_after = plan.bookmark.as_ref().map(|b| shortened(&b.0));
        self.record.bookmark_before = before.as_ref().map(shortened);
        self.record.input = Some(plan.identity.clone());
        self.record.input_objects = plan.objects.len();
        self.record.splits = plan.splits.len();
        self.record.unread_columns = plan.unread_columns.clone();
        self.notices.extend(plan.notices.iter().cloned());
        self.refuse_or_tell(&plan.unread_columns)?;
        Ok(plan)
    }

    /// What events name, and for a job that replaces also what is published: without it, its rows would go. `None` when that
    /// is not known, because another source was published before: then all is read.
    fn with_published(&self, named: &BTreeSet<String>, before: Option<&serde_json::Value>) -> Option<BTreeSet<String>> {
        let mut names = named.clone();
        if let (LoadMode::Replace, Some(bookmark)) = (self.context.definition.mode, before) {
            names.extend(published_files(bookmark)?);
        }
        Some(names)
    }

    /// What becomes of columns that the contract does not name.
    fn refuse_or_tell(&mut self, unread: &[String]) -> Result<()> {
        if unread.is_empty() {
            return Ok(());
        }
        let names = unread.join(", ");
        if self.context.contract.on_new_column() == OnNewColumn::Fail {
            return Err(Error::bad_input(format!("the source has columns that the contract does not name: {names}"))
                .at(format!("schemas/{}.toml", self.context.contract.table()))
                .help("name them in the contract, or set on_new_column = \"ignore\""));
        }
        self.notices.push(format!("columns that the contract does not name were not read: {names}"));
        Ok(())
    }

    /// Rows of an append stand beside those of earlier runs: pseudonyms under another key would not join with theirs.
    fn refuse_mixed_redaction(&mut self, plan: &Plan, before: Option<&RunInfo>) -> Result<()> {
        let Some(before) = before else { return Ok(()) };
        let same = before.redaction == self.redaction || before.redaction.is_empty();
        if self.context.definition.mode == LoadMode::Replace || same {
            return Ok(());
        }
        let found = "treatments or keys have changed since the last run: new rows would not fit those published before";
        if plan.splits.is_empty() || self.options.force {
            self.notices.push(found.to_owned());
            return Ok(());
        }
        Err(Error::usage(found)
            .at(format!("schemas/{}.toml", self.context.contract.table()))
            .expected("the treatments and keys of the rows that are there")
            .help("load everything afresh with mode = \"replace\" for one run, or append all the same with --force"))
    }

    fn is_unchanged(&self, plan: &Plan, before: Option<&RunInfo>) -> bool {
        let forced = self.options.force && self.context.definition.mode == LoadMode::Replace;
        !forced && same_as_published(self.context.definition.mode, &self.record.configuration, plan, before)
    }

    async fn load(&mut self, source: Arc<dyn Source>, plan: &Plan, head: Option<&Head>) -> Result<Outcome> {
        let began = Instant::now();
        self.phase(Phase::Extract);
        let staged = self.extract(Arc::clone(&source), plan).await;
        self.record.timings.extract = milliseconds(began);
        let (staged, audit) = staged?;
        let began = Instant::now();
        self.phase(Phase::Audit);
        let cancellation = self.options.cancellation.clone();
        let audited = cancellation.or(self.audit(audit, &staged, source.files(plan))).await;
        self.record.timings.audit = milliseconds(began);
        audited?;
        self.options.cancellation.check()?;
        let began = Instant::now();
        self.phase(Phase::Publish);
        let published = self.publish(source.as_ref(), &staged, plan, head).await;
        self.record.timings.publish = milliseconds(began);
        published.map(|()| Outcome::Published)
    }

    fn phase(&self, phase: Phase) {
        tracing::info!(job = %self.context.definition.name, run = %self.run, %phase, "run");
        self.options.progress.phase(&self.context.definition.name, phase);
    }

    async fn finish(mut self, result: Result<Outcome>) -> JobReport {
        let error = match result {
            Ok(outcome) => {
                self.record.outcome = outcome;
                None
            }
            Err(error) => {
                let error = match error.place() {
                    Some(_) => error,
                    None => error.at(format!("job {}", self.context.definition.name)),
                };
                self.record.outcome = match error.class() {
                    Class::GateClosed => Outcome::GateClosed,
                    Class::Interrupted => Outcome::Interrupted,
                    // The lake has what the run was for.
                    Class::CatalogLagging => self.record.outcome,
                    _ => Outcome::Failed,
                };
                self.record.exit_code = error.class().exit_code();
                self.record.error = Some(error.to_string());
                Some(error)
            }
        };
        self.record.ended_at = Utc::now();
        self.record.timings.total = milliseconds(self.began);
        self.record.peak_memory = peak_memory();
        let patience = self.options.cancellation.share(2, WRITING);
        let written = match self.rehearsed {
            true => Ok(Ok(())),
            false => tokio::time::timeout(patience, self.write_record()).await,
        };
        if let Err(unwritten) = written.unwrap_or_else(|_| Err(Error::unavailable("writing it takes too long"))) {
            self.notices.push(format!("the run's record could not be written: {unwritten}"));
        }
        let report = JobReport { record: self.record, error, notices: self.notices };
        self.options.progress.finished(&self.context.definition.name, &report);
        report
    }

    async fn write_record(&self) -> Result<()> {
        let unwritable = |e: serde_json::Error| Error::bug("a run's record cannot be written").caused_by(e);
        let date = self.record.started_at.date_naive();
        let record = serde_json::to_value(&self.record).map_err(unwritable)?;
        self.context.lake.append_system_record("runs", date, self.run, &[record]).await?;
        let outcomes: Vec<serde_json::Value> =
            self.record.rules.iter().map(|outcome| self.outcome_line(outcome)).collect();
        // What a few rows give, that were refused before, is no measure of the table.
        if !outcomes.is_empty() && self.record.replays.is_empty() {
            self.context.lake.append_system_record("rule_outcomes", date, self.run, &outcomes).await?;
        }
        let open = self.record.outcome == Outcome::Published;
        if (open || self.record.outcome == Outcome::GateClosed) && self.record.replays.is_empty() {
            let (table, at) = (self.context.contract.table(), self.record.started_at);
            rule_history::keep(&self.context.lake, table, self.run, at, open, &self.measured).await?;
        }
        Ok(())
    }

    fn outcome_line(&self, outcome: &RuleOutcome) -> serde_json::Value {
        serde_json::json!({
            "run": self.run,
            "job": self.record.job,
            "table": self.record.table,
            "at": self.record.started_at,
            "rule": outcome.rule,
            "result": outcome.result,
            "metrics": json_metrics(&outcome.metrics),
            "message": outcome.message,
            "line": outcome.line,
            "labels": outcome.labels,
        })
    }
}

/// The plan says what is new since `before`: had another run published since, its rows would be there twice.
fn refuse_if_moved_on(before: Option<&RunInfo>, head: Option<&Head>, job: &JobDefinition) -> Result<()> {
    if head.and_then(|h| h.run.as_ref()).map(|r| (r.run, r.sequence)) == before.map(|r| (r.run, r.sequence)) {
        return Ok(());
    }
    Err(published_meanwhile(job.name.as_str(), &job.table))
}

fn new_record(context: &JobContext, options: &RunOptions, run: RunId) -> RunRecord {
    let now = Utc::now();
    let ruleset = context.ruleset.as_ref().map(Ruleset::text);
    let dropped = context.contract.columns().iter().filter(|c| c.treatment == Treatment::Drop);
    RunRecord {
        run,
        job: context.definition.name.to_string(),
        table: context.contract.table().to_string(),
        trigger: options.trigger.as_str().to_owned(),
        occasion: options.occasion.clone(),
        principal: principal(),
        code_version: env!("CARGO_PKG_VERSION"),
        started_at: now,
        ended_at: now,
        outcome: Outcome::Failed,
        exit_code: 0,
        error: None,
        configuration: configuration_of(context),
        contract: digest([context.contract.text()]),
        ruleset: ruleset.map(|text| digest([text])),
        input: None,
        input_objects: 0,
        splits: 0,
        rows_in: 0,
        rows_out: 0,
        rows_quarantined: 0,
        rows_excluded: 0,
        rows_flagged: 0,
        bytes_in: 0,
        bytes_out: 0,
        values_nulled: BTreeMap::new(),
        refused: BTreeMap::new(),
        quarantine: None,
        replays: Vec::new(),
        rules: Vec::new(),
        findings: Vec::new(),
        unread_columns: Vec::new(),
        dropped_columns: dropped.map(|c| c.name.to_string()).collect(),
        published_version: None,
        catalog_version: None,
        generation: None,
        partitions: 0,
        timings: Timings::default(),
        peak_memory: None,
        bookmark_before: None,
        bookmark_after: None,
    }
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
