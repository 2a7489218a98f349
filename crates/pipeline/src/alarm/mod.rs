//! Alarms: what they say, and who is told.

mod decide;
mod deliver;

use lakegate_contract::Result;
use lakegate_lake::RunId;
use serde::Serialize;

pub use decide::{alarm_of, exceeded_limit, lagging_alarm, slow_summary, stale_alarm};
pub use deliver::{Delivery, deliver, was_told};

/// What an alarm is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmKind {
    /// A job has failed, as often as it may be tried.
    Failed,
    /// A gate stayed closed.
    GateClosed,
    /// A job succeeded, and took longer than its `max_duration`.
    Slow,
    /// The lake has data that the catalog does not show.
    CatalogLagging,
    /// A job's last success is longer ago than its `fresh_within`.
    NotFresh,
    /// Somebody tries whether alarms arrive.
    Test,
}

impl AlarmKind {
    /// In words, for a heading.
    pub fn title(self) -> &'static str {
        match self {
            AlarmKind::Failed => "job failed",
            AlarmKind::GateClosed => "gate closed",
            AlarmKind::Slow => "job was slow",
            AlarmKind::CatalogLagging => "catalog lags",
            AlarmKind::NotFresh => "data not fresh",
            AlarmKind::Test => "test",
        }
    }

    /// As it stands in records.
    pub fn as_str(self) -> &'static str {
        match self {
            AlarmKind::Failed => "failed",
            AlarmKind::GateClosed => "gate_closed",
            AlarmKind::Slow => "slow",
            AlarmKind::CatalogLagging => "catalog_lagging",
            AlarmKind::NotFresh => "not_fresh",
            AlarmKind::Test => "test",
        }
    }
}

/// Something that people are told. Names, counts and times; never a value of a row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alarm {
    /// What it is about.
    pub kind: AlarmKind,
    /// The project, and its environment.
    pub project: String,
    /// The job.
    pub job: String,
    /// The run, if one had begun.
    pub run: Option<RunId>,
    /// One sentence.
    pub summary: String,
    /// Names and what they are.
    pub facts: Vec<(String, String)>,
    /// Rules that did not hold, with why.
    pub rules: Vec<String>,
    /// What to do.
    pub help: Option<String>,
}

impl Alarm {
    /// One that says no more than this.
    pub fn new(kind: AlarmKind, project: impl Into<String>, job: impl Into<String>, summary: String) -> Self {
        Self {
            kind,
            project: project.into(),
            job: job.into(),
            run: None,
            summary,
            facts: Vec::new(),
            rules: Vec::new(),
            help: None,
        }
    }
}

/// Somewhere that alarms go.
#[async_trait::async_trait]
pub trait AlarmChannel: Send + Sync {
    /// What people call it: `Slack`, `SNS topic shop-alarms`. No secret.
    fn describe(&self) -> String;

    /// Sends an alarm, once. It is tried again by who calls.
    ///
    /// # Errors
    /// When it did not arrive, or that is not known.
    async fn send(&self, alarm: &Alarm) -> Result<()>;
}
