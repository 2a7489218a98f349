//! Where alarms go, Slack and SNS, and the runs of Glue's own jobs that some of them are about.

mod glue_runs;
mod slack;
mod sns;
mod text;

pub use glue_runs::{GlueRun, GlueRuns};
pub use slack::Slack;
pub use sns::Sns;
