//! The identity of a run, and what its commit says about it.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// The ULID of one attempt of a job: unique, and sorted by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(Ulid);

impl RunId {
    /// A new identity.
    #[expect(clippy::new_without_default, reason = "two runs are never equal, so there is no default one")]
    pub fn new() -> Self {
        Self(Ulid::generate())
    }

    /// An identity of that time.
    pub fn of(time: DateTime<Utc>) -> Self {
        Self(Ulid::from_datetime(time.into()))
    }

    /// The earliest identity of that time: all later ones sort behind it.
    pub fn earliest(time: DateTime<Utc>) -> Self {
        Self(Ulid::from_parts(u64::try_from(time.timestamp_millis()).unwrap_or_default(), 0))
    }

    /// When the run began.
    pub fn began(self) -> DateTime<Utc> {
        DateTime::from(self.0.datetime())
    }

    /// The name of the generation folder that the run writes.
    pub fn generation(self) -> String {
        format!("g-{}", self.to_string().to_ascii_lowercase())
    }
}

impl From<Ulid> for RunId {
    fn from(ulid: Ulid) -> Self {
        Self(ulid)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A run whose process ended before it could write its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KilledRun {
    /// The run.
    pub run: RunId,
    /// The version that it had published by then, if it had.
    pub published_version: Option<u64>,
    /// Rows of that version.
    pub rows: Option<u64>,
    /// The runs whose quarantine that version has replayed.
    pub replays: Vec<RunId>,
}

/// What a commit says about the run that made it; stands in Delta's `commitInfo` under `lakegate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunInfo {
    /// The run.
    pub run: RunId,
    /// Its job.
    pub job: String,
    /// Identity of the input that was read.
    pub input: String,
    /// Hash of the configuration under which it was read.
    pub configuration: String,
    /// Hash of the treatments and keys under which its rows were redacted.
    pub redaction: String,
    /// How far the job has read; the source's own data.
    pub bookmark: Option<serde_json::Value>,
    /// The job's commits, counted: Delta's application transaction.
    pub sequence: i64,
    /// Rows in the commit.
    pub rows: u64,
    /// Whether it only keeps abandoned runs from committing: then it says of input and bookmark what the commit before said.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fence: bool,
    /// The runs whose quarantine it has judged again: no later commit may do that once more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replays: Vec<RunId>,
}

impl RunInfo {
    /// What a commit says that only takes a number.
    pub(crate) fn fence(before: Option<RunInfo>, sequence: i64) -> Self {
        let run = RunId::new();
        match before {
            Some(before) => Self { run, sequence, rows: 0, fence: true, replays: Vec::new(), ..before },
            None => Self {
                run,
                job: String::new(),
                input: String::new(),
                configuration: String::new(),
                redaction: String::new(),
                bookmark: None,
                sequence,
                rows: 0,
                fence: true,
                replays: Vec::new(),
            },
        }
    }
}
