//! The record of a run. It holds counts, names, hashes and times, never a value of a row.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use lakegate_lake::RunId;
use lakegate_quality::RuleOutcome;
use lakegate_redaction::Finding;
use serde::{Deserialize, Serialize};

use crate::text::digest;

/// What set a run off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// Someone at a keyboard.
    #[default]
    Manual,
    /// A scheduler.
    Schedule,
    /// An event, such as an upload.
    Event,
}

impl Trigger {
    /// As it stands in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Trigger::Manual => "manual",
            Trigger::Schedule => "schedule",
            Trigger::Event => "event",
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A new version is published.
    Published,
    /// Input and configuration are as at the last publish: nothing to do.
    Unchanged,
    /// The gate stayed closed.
    GateClosed,
    /// Something failed.
    Failed,
    /// Someone stopped it, or its process was killed.
    Interrupted,
    /// It was not run, because a job that it waits for did not succeed.
    Skipped,
}

/// Milliseconds that each phase took.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timings {
    /// Asking the source.
    pub plan: u64,
    /// Reading to staging, and measuring what is staged.
    pub extract: u64,
    /// Dataset rules.
    pub audit: u64,
    /// The commit.
    pub publish: u64,
    /// The catalog.
    pub mirror: u64,
    /// All of it.
    pub total: u64,
}

/// The record of a run, as it stands in `system/runs`.
#[derive(Debug, Clone, Serialize)]
pub struct RunRecord {
    /// The run.
    pub run: RunId,
    /// Its job.
    pub job: String,
    /// The table that the job loads.
    pub table: String,
    /// What set it off: `manual`, `schedule`, `event`.
    pub trigger: String,
    /// That by name: an invocation, a message, a workflow.
    pub occasion: Option<String>,
    /// Who ran it: the user of the process.
    pub principal: String,
    /// Version of lakegate.
    pub code_version: &'static str,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: DateTime<Utc>,
    /// How it ended.
    pub outcome: Outcome,
    /// The exit code that goes with the outcome.
    pub exit_code: u8,
    /// What failed: where, what was found, what was expected.
    pub error: Option<String>,
    /// SHA-256 over job, contract, ruleset and time zone.
    pub configuration: String,
    /// SHA-256 of the contract alone.
    pub contract: String,
    /// SHA-256 of the ruleset alone.
    pub ruleset: Option<String>,
    /// Identity of the input.
    pub input: Option<String>,
    /// Objects behind it.
    pub input_objects: usize,
    /// Splits that were planned.
    pub splits: usize,
    /// Records read.
    pub rows_in: u64,
    /// Rows staged for publishing.
    pub rows_out: u64,
    /// Rows that went to quarantine, undecodable records included.
    pub rows_quarantined: u64,
    /// Records that the job's own configuration leaves out.
    pub rows_excluded: u64,
    /// Rows that broke a row rule and were published all the same (`rows = "publish"`).
    pub rows_flagged: u64,
    /// Bytes read from the source.
    pub bytes_in: u64,
    /// Bytes written to the lake.
    pub bytes_out: u64,
    /// Values that a treatment could make nothing of, and which became NULL, by column.
    pub values_nulled: BTreeMap<String, u64>,
    /// Refused rows by rule.
    pub refused: BTreeMap<String, u64>,
    /// The quarantine's file, relative to the lake.
    pub quarantine: Option<String>,
    /// The runs whose quarantine it has judged again; none for a run that reads a source.
    pub replays: Vec<RunId>,
    /// What the dataset rules said.
    pub rules: Vec<RuleOutcome>,
    /// What the sensitive-value guard found.
    pub findings: Vec<Finding>,
    /// Columns that the source has and the contract does not name.
    pub unread_columns: Vec<String>,
    /// Columns that the contract drops at the source.
    pub dropped_columns: Vec<String>,
    /// Version of the table, once published.
    pub published_version: Option<u64>,
    /// Version of the table that the catalog shows, once it was made equal.
    pub catalog_version: Option<u64>,
    /// Name of the generation folder.
    pub generation: Option<String>,
    /// Partitions that were written.
    pub partitions: usize,
    /// How long the phases took.
    pub timings: Timings,
    /// Most memory that the process has held so far, in bytes.
    pub peak_memory: Option<u64>,
    /// The bookmark before the run; of a long one, how many entries it has and its digest.
    pub bookmark_before: Option<serde_json::Value>,
    /// The bookmark after it, likewise.
    pub bookmark_after: Option<serde_json::Value>,
}

impl RunRecord {
    /// How long the run took.
    pub fn took(&self) -> Duration {
        Duration::from_millis(self.timings.total)
    }
}

/// A bookmark as records hold it: one that names every file would make each record as long as all before it.
pub(crate) fn shortened(bookmark: &serde_json::Value) -> serde_json::Value {
    const MOST_BYTES: usize = 512;
    let text = bookmark.to_string();
    if text.len() <= MOST_BYTES {
        return bookmark.clone();
    }
    let entries = bookmark.as_object().map(serde_json::Map::len).or_else(|| bookmark.as_array().map(Vec::len));
    serde_json::json!({ "entries": entries, "sha256": digest([text.as_str()]) })
}

/// Most memory that this process has held, in bytes; where the system tells.
pub(crate) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// The user of the process.
pub(crate) fn principal() -> String {
    let named = ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let numbered = || {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find(|line| line.starts_with("Uid:"))?;
        Some(format!("uid {}", line.split_whitespace().nth(1)?))
    };
    named.or_else(numbered).unwrap_or_else(|| "unknown".to_owned())
}
