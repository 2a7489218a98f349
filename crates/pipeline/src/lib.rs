//! Sources and their splits, projects and their jobs, the run and its gate.
//!
//! A source implements [`Source`]; [`run_job`] takes it through redaction, row rules, staging, audit and publish.

pub mod alarm;
mod cancellation;
mod catalog;
pub mod files;
mod gate;
mod history;
pub mod inputs;
mod job;
pub mod memory;
mod order;
pub mod patterns;
mod progress;
mod project;
pub mod quarantine;
mod record;
mod resilience;
pub mod rows;
mod rule_history;
mod run;
pub mod source;
mod state_machine;
mod stored_digest;
mod stored_files;
pub mod testing;
pub mod text;
mod workflow;

pub use cancellation::{Cancellation, Limit};
pub use catalog::{Catalog, Mirrored};
pub use gate::{BadRowLimit, Gate, GuardMode, RowMode};
pub use history::{Stale, Success, stale_jobs, usual, usual_duration};
pub use inputs::{InputPlace, Inputs, PinnedFile, WholeFile};
pub use job::{Condition, JobDefinition, JobFile, LoadMode, parse_duration, shown_duration};
pub use order::{in_order, run_in_order};
pub use progress::{Phase, Progress, Silent};
pub use project::{
    AthenaSettings, AthenaTables, CatalogSettings, Declared, LambdaSettings, NoSecrets, Project, SecretStore,
    parse_size,
};
pub use record::{Outcome, RunRecord, Timings, Trigger};
pub use resilience::Breakers;
pub use run::{
    JobContext, JobReport, Replay, ReplayOptions, ReplaySelection, ReplayedRun, RunOptions, replay_quarantine, run_job,
    would_be_unchanged,
};
pub use source::{
    Bookmark, InputObject, ItemStream, Plan, Rejected, Scope, Source, SourceEnvironment, SourceItem, Split,
};
pub use state_machine::{Target, state_machine};
pub use stored_files::StoredFiles;
pub use workflow::{JobState, JobStatus, WorkflowState, WorkflowStatus, attempts};
