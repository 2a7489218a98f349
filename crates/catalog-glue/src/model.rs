//! Tables and partitions of a catalog as this crate sees them: what is compared and planned, without any client.

use std::collections::BTreeMap;

/// The most characters of a column's comment. Source: Glue's API, `Column`, `Comment`.
/// <https://docs.aws.amazon.com/glue/latest/webapi/API_Column.html>
pub(crate) const MAX_COMMENT: usize = 255;
/// The most characters of a description. <https://docs.aws.amazon.com/glue/latest/webapi/API_TableInput.html>
pub(crate) const MAX_DESCRIPTION: usize = 2048;

/// The version of the lake's table that the catalog shows.
pub(crate) const VERSION: &str = "lakegate.version";
/// The run that published it.
pub(crate) const RUN: &str = "lakegate.run";
/// The version that partitions are being brought to: while it is set, some show it and some do not.
pub(crate) const PENDING: &str = "lakegate.pending";
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
        if self.parameters.contains_key(PENDING) {
            return None;
        }
        self.parameters.get(VERSION)?.parse().ok()
    }
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
}

/// What it holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Current {
    pub(crate) database: bool,
    pub(crate) table: Option<Table>,
    pub(crate) partitions: Vec<Partition>,
}

/// Cuts a text to so many characters.
pub(crate) fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
