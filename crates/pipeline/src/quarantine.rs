//! What the quarantine of a lake holds, run by run.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use futures::{StreamExt as _, TryStreamExt as _};
use lakegate_contract::{Error, Result, TableName};
use lakegate_lake::{Fate, Lake, Quarantine, QuarantineFile, QuarantinedRows, RunId};
use serde::Serialize;
use serde_json::Value;

/// Files that are read at once.
const AT_ONCE: usize = 8;
/// The word before what is wrong with a record that could not be decoded, in counts.
const UNDECODABLE: &str = "undecodable: ";

/// What a file of the quarantine holds, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Rows, undecodable records among them.
    pub rows: u64,
    /// Records that could not be decoded: there is their place alone.
    pub undecodable: u64,
    /// Rows by rule. A row that breaks several is counted with each.
    pub rules: BTreeMap<String, u64>,
}

impl Tally {
    /// Counts rows and their rules.
    pub fn add(&mut self, rows: &QuarantinedRows) {
        self.rows += rows.num_rows() as u64;
        self.undecodable += rows.undecodable.true_count() as u64;
        for row in 0..rows.num_rows() {
            for rule in rows.rules_of(row) {
                let rule = if rows.undecodable.value(row) { undecodable(&rule) } else { rule };
                *self.rules.entry(rule).or_default() += 1;
            }
        }
    }

    /// Rows with values, which can be judged again.
    pub fn judgeable(&self) -> u64 {
        self.rows - self.undecodable
    }

    /// The rules, those with the most rows first.
    pub fn worst(&self) -> Vec<(&str, u64)> {
        let mut rules: Vec<(&str, u64)> = self.rules.iter().map(|(rule, rows)| (rule.as_str(), *rows)).collect();
        rules.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        rules
    }
}

/// Counts the rows of a file and their rules. Only these columns are read.
///
/// # Errors
/// When the file cannot be read.
pub async fn tally(quarantine: &Quarantine) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut batches = quarantine.read(|_| false)?;
    while let Some(rows) = batches.try_next().await? {
        tally.add(&rows);
    }
    Ok(tally)
}

/// What is wrong with a record, as it is counted: without its place, which would make each its own kind. The column and what is
/// wrong with it, or the latter alone.
pub fn undecodable(reason: &str) -> String {
    let column = reason.find("column ").and_then(|at| reason.get(at..));
    let kind = column.or_else(|| reason.rsplit(": ").next()).unwrap_or(reason);
    format!("{UNDECODABLE}{kind}")
}

/// Whether refused rows are still missing from their table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum QuarantineState {
    /// They are.
    Waiting,
    /// They were judged again by a replay.
    Replayed,
    /// The whole table was loaded anew since, from an input that has them.
    Reloaded,
    /// The run published nothing, so the job's next run reads its input again.
    Unpublished,
    /// The log no longer tells.
    Unknown,
}

impl QuarantineState {
    /// As it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            QuarantineState::Waiting => "waiting",
            QuarantineState::Replayed => "replayed",
            QuarantineState::Reloaded => "reloaded",
            QuarantineState::Unpublished => "unpublished",
            QuarantineState::Unknown => "unknown",
        }
    }
}

impl From<Fate> for QuarantineState {
    fn from(fate: Fate) -> Self {
        match fate {
            Fate::Waiting { .. } => QuarantineState::Waiting,
            Fate::Replayed { .. } => QuarantineState::Replayed,
            Fate::Reloaded { .. } => QuarantineState::Reloaded,
            Fate::Unpublished => QuarantineState::Unpublished,
            Fate::Unknown => QuarantineState::Unknown,
        }
    }
}

/// The quarantine of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuarantinedRun {
    /// The table that rows were refused for.
    pub table: TableName,
    /// The run.
    pub run: RunId,
    /// Its job, if its record or its file says so.
    pub job: Option<String>,
    /// When it began.
    pub at: DateTime<Utc>,
    /// What the file holds.
    #[serde(flatten)]
    pub tally: Tally,
    /// How the run ended; `None` when it has left no record, as one that was killed, or is still at work.
    pub outcome: Option<String>,
    /// What became of the rows.
    pub state: QuarantineState,
    /// The run that has replayed or reloaded them.
    pub by: Option<RunId>,
    /// The file, relative to the lake.
    pub path: String,
}

/// Which runs are looked at.
#[derive(Debug, Clone, Default)]
pub struct QuarantineFilter {
    /// Only those of this table.
    pub table: Option<TableName>,
    /// Only those that began since.
    pub since: Option<DateTime<Utc>>,
    /// At most so many, the newest.
    pub newest: usize,
}

/// The runs with a quarantine, newest first.
///
/// # Errors
/// When the lake cannot be read.
pub async fn quarantined_runs(lake: &Lake, filter: &QuarantineFilter) -> Result<Vec<QuarantinedRun>> {
    let mut files = lake.quarantine_files(filter.table.as_ref()).await?;
    files.retain(|file| filter.since.is_none_or(|since| file.run.began() >= since));
    files.truncate(filter.newest);
    let mut of_tables: BTreeMap<&TableName, BTreeSet<RunId>> = BTreeMap::new();
    for file in &files {
        of_tables.entry(&file.table).or_default().insert(file.run);
    }
    let mut fates: BTreeMap<RunId, Fate> = BTreeMap::new();
    for (table, runs) in of_tables {
        fates.extend(lake.fates(table, &runs).await?);
    }
    let described =
        files.iter().map(|file| describe(lake, file, fates.get(&file.run).copied().unwrap_or(Fate::Unknown)));
    let described: Vec<Option<QuarantinedRun>> =
        futures::stream::iter(described).buffered(AT_ONCE).try_collect().await?;
    Ok(described.into_iter().flatten().collect())
}

/// Whether a file is what a replay has left that never committed: its rows still stand in the quarantine that it had read.
pub fn is_leftover(quarantine: &Quarantine, fate: Fate) -> bool {
    fate == Fate::Unpublished && quarantine.label().is_some_and(|label| !label.replays.is_empty())
}

async fn describe(lake: &Lake, file: &QuarantineFile, fate: Fate) -> Result<Option<QuarantinedRun>> {
    let quarantine = lake.open_quarantine(file).await?;
    if is_leftover(&quarantine, fate) {
        return Ok(None);
    }
    let (tally, record) = (tally(&quarantine).await?, lake.run_record(file.run).await?);
    let text = |key: &str| record.as_ref().and_then(|r| r.get(key)).and_then(Value::as_str).map(str::to_owned);
    let published = matches!(fate, Fate::Waiting { .. } | Fate::Replayed { .. }).then(|| "published".to_owned());
    Ok(Some(QuarantinedRun {
        table: file.table.clone(),
        run: file.run,
        job: text("job").or_else(|| quarantine.label().map(|label| label.job.clone())),
        at: file.run.began(),
        tally,
        // A run whose commit was unknown to it may have published all the same.
        outcome: published.or_else(|| text("outcome")),
        state: fate.into(),
        by: match fate {
            Fate::Replayed { by } | Fate::Reloaded { by } => Some(by),
            _ => None,
        },
        path: file.path.clone(),
    }))
}

/// The quarantine of a run of a table, or of its newest run that has one.
///
/// # Errors
/// When there is none of the run that is named, or the lake cannot be read.
pub async fn quarantine_of(
    lake: &Lake,
    table: &TableName,
    run: Option<RunId>,
) -> Result<Option<(QuarantineFile, Quarantine)>> {
    let mut files = lake.quarantine_files(Some(table)).await?;
    if let Some(run) = run {
        files.retain(|file| file.run == run);
        if files.is_empty() {
            return Err(none_of(table, run));
        }
    }
    for file in files {
        let quarantine = lake.open_quarantine(&file).await?;
        let replays = quarantine.label().is_some_and(|label| !label.replays.is_empty());
        if run.is_some() || !replays {
            return Ok(Some((file, quarantine)));
        }
        let fates = lake.fates(table, &BTreeSet::from([file.run])).await?;
        if !fates.get(&file.run).is_some_and(|fate| is_leftover(&quarantine, *fate)) {
            return Ok(Some((file, quarantine)));
        }
    }
    Ok(None)
}

pub(crate) fn none_of(table: &TableName, run: RunId) -> Error {
    Error::usage(format!("run {run} has no quarantine of table {table}"))
        .help(format!("`lakegate quarantine list {table}` shows the runs that have one"))
}
