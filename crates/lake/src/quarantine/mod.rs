//! Rows that were refused: `quarantine/<table>/run=<ulid>/part-00000.parquet`.
//!
//! A file has the published columns, redacted, then where each row stood and why it was refused. What it says of itself stands in
//! its footer: the job, how the rows were redacted, and, if a replay made it, of which runs.

mod fate;
mod reader;
mod writer;

use arrow::datatypes::{DataType, Field};
use lakegate_contract::{Result, TableName};
use lakegate_redaction::RedactionState;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

pub use fate::Fate;
pub use reader::{Quarantine, QuarantineFile, QuarantinedPlace, QuarantinedRows};
pub use writer::{QuarantineSummary, QuarantineWriter, RejectedRecord};

use crate::{Lake, RunId};

/// What a file of the quarantine says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineLabel {
    /// The job whose run it was.
    pub job: String,
    /// Under which treatments and keys its rows were redacted.
    pub redaction: RedactionState,
    /// The runs whose quarantine was judged again, for a replay: what it refuses once more stands here from then on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replays: Vec<RunId>,
}

/// The footer's entry that holds the label.
const LABEL: &str = "lakegate";

/// The columns of a quarantine's file behind the published ones, in order; the first are the rules, a list of texts.
pub fn place_fields() -> [Field; 7] {
    let rules = DataType::List(Arc::new(Field::new("element", DataType::Utf8, true)));
    [
        Field::new("_rules", rules, true),
        Field::new("_object", DataType::Utf8, false),
        Field::new("_part", DataType::Utf8, true),
        Field::new("_unit", DataType::Utf8, false),
        Field::new("_start", DataType::Int64, false),
        Field::new("_end", DataType::Int64, false),
        Field::new("_undecodable", DataType::Boolean, false),
    ]
}

fn relative_path(table: &TableName, run: RunId) -> String {
    format!("quarantine/{table}/run={run}/part-00000.parquet")
}

impl Lake {
    /// Deletes the quarantine of a run. Only for a replay that has published nothing: its rows are still in the quarantine that
    /// it has read.
    ///
    /// # Errors
    /// When it cannot be deleted.
    pub async fn discard_quarantine(&self, table: &TableName, run: RunId) -> Result<()> {
        self.delete_below(&format!("quarantine/{table}/run={run}")).await
    }
}
