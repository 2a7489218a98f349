//! Tables and partitions of a catalog as this crate sees them: what is compared and planned, without any client.

use std::collections::BTreeMap;

use chrono::Utc;
use lakegate_lake::RunId;
use ulid::Ulid;

/// The most characters of a column's comment. Source: Glue's API, `Column`, `Comment`.
/// <https://docs.aws.amazon.com/glue/latest/webapi/API_Column.html>
pub(crate) const MAX_COMMENT: usize = 255;
/// The most characters of a description. <https://docs.aws.amazon.com/glue/latest/webapi/API_TableInput.html>
pub(crate) const MAX_DESCRIPTION: usize = 2048;

/// The version of the lake's table that the catalog shows.
pub(crate) const VERSION: &str = "lakegate.version";
/// The run that published it.
pub(crate) const RUN: &str = "lakegate.run";
/// Followed by who is at work on the partitions: while one of these stands, some may show another version. Each writer takes
/// away its own alone, so that one that is overtaken and then killed in the middle does not go unnoticed.
const PENDING: &str = "lakegate.pending.";
/// A writer is taken for dead after so long: then whoever finds partitions as they should be takes its marker away.
const LONGEST_WRITE: chrono::Duration = chrono::Duration::hours(1);
/// Digest of the columns under which a partition was written: they are not listed with partitions.
pub(crate) const COLUMNS: &str = "lakegate.columns";

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) data_type: String,
    pub(crate) comment: Option<String>,
}

/// How the files of a table are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Parquet files in folders.
    Parquet,
    /// A Delta log.
    Delta,
    /// Something else: the table is not ours.
    Other,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) columns: Vec<Column>,
    pub(crate) partition_keys: Vec<Column>,
    pub(crate) location: String,
    pub(crate) format: Format,
    pub(crate) parameters: BTreeMap<String, String>,
}

impl Table {
    /// The version that it shows in full.
    pub(crate) fn shown_version(&self) -> Option<u64> {
        if self.markers().next().is_some() {
            return None;
        }
        self.parameters.get(VERSION)?.parse().ok()
    }

    /// Whoever is at work on the partitions.
    pub(crate) fn markers(&self) -> impl Iterator<Item = &String> {
        self.parameters.keys().filter(|name| name.starts_with(PENDING))
    }
}

/// The marker of a writer.
pub(crate) fn marker(writer: RunId) -> String {
    format!("{PENDING}{writer}")
}

/// Whether a parameter is the marker of a writer that cannot be at work any more.
pub(crate) fn is_stale_marker(name: &str) -> bool {
    let writer = name.strip_prefix(PENDING).and_then(|id| Ulid::from_string(id).ok()).map(RunId::from);
    writer.is_some_and(|writer| Utc::now() - writer.began() > LONGEST_WRITE)
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Partition {
    /// Its values, in the order of the keys; NULL has Hive's name for it.
    pub(crate) values: Vec<String>,
    pub(crate) location: String,
    pub(crate) parameters: BTreeMap<String, String>,
}

/// What the catalog should hold for a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Desired {
    pub(crate) table: Table,
    pub(crate) partitions: Vec<Partition>,
    /// The table's folder in the lake: a table of the catalog that is elsewhere is somebody else's.
    pub(crate) folder: String,
}

/// What it holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Current {
    pub(crate) database: bool,
    pub(crate) table: Option<Table>,
    pub(crate) partitions: Vec<Partition>,
}

/// A text as Glue takes it: on one line, of so many characters; `None` when nothing is left.
pub(crate) fn told(text: &str, most: usize) -> Option<String> {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(most).collect();
    let line = line.trim();
    (!line.is_empty()).then(|| line.to_owned())
}
