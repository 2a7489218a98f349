//! Sources and their splits, projects and their jobs, the run and its gate.
//!
//! A source implements [`Source`]; [`run_job`] takes it through redaction, row rules, staging, audit and publish.

mod catalog;
pub mod files;
mod gate;
pub mod inputs;
mod job;
pub mod memory;
mod order;
mod progress;
mod project;
mod record;
mod resilience;
pub mod rows;
mod run;
pub mod source;
pub mod testing;
pub mod text;

pub use catalog::{Catalog, Mirrored};
pub use gate::{BadRowLimit, Gate, GuardMode, RowMode};
pub use inputs::{InputPlace, Inputs, PinnedFile, WholeFile};
pub use job::{JobDefinition, JobFile, LoadMode, parse_duration};
pub use order::{in_order, run_in_order};
pub use progress::{Phase, Progress, Silent};
pub use project::{AthenaSettings, AthenaTables, CatalogSettings, Declared, NoSecrets, Project, SecretStore};
pub use record::{Outcome, RunRecord, Timings};
pub use resilience::Breakers;
pub use run::{Cancellation, JobContext, JobReport, RunOptions, Trigger, run_job, would_be_unchanged};
pub use source::{Bookmark, InputObject, ItemStream, Plan, Rejected, Source, SourceEnvironment, SourceItem, Split};
