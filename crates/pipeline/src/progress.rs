//! What a run tells while it goes on.

use std::fmt;

use lakegate_contract::JobName;

use crate::JobReport;

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Asking the source what there is.
    Plan,
    /// Reading, redacting, judging rows, staging them and measuring them for dataset rules.
    Extract,
    /// Judging dataset rules over what was staged.
    Audit,
    /// Committing.
    Publish,
    /// Making the catalog equal.
    Mirror,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Plan => "planning",
            Phase::Extract => "reading",
            Phase::Audit => "judging",
            Phase::Publish => "publishing",
            Phase::Mirror => "cataloguing",
        })
    }
}

/// Someone who watches runs. Called from several threads.
pub trait Progress: Send + Sync {
    /// A job has entered a phase.
    fn phase(&self, job: &JobName, phase: Phase);
    /// How much a job will read, where that is known.
    fn planned(&self, job: &JobName, bytes: Option<u64>, rows: Option<u64>);
    /// A job has read more.
    fn advanced(&self, job: &JobName, rows: u64, bytes: u64);
    /// A job has ended.
    fn finished(&self, job: &JobName, report: &JobReport);
}

/// Nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn phase(&self, _: &JobName, _: Phase) {}
    fn planned(&self, _: &JobName, _: Option<u64>, _: Option<u64>) {}
    fn advanced(&self, _: &JobName, _: u64, _: u64) {}
    fn finished(&self, _: &JobName, _: &JobReport) {}
}
