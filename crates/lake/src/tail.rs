//! The newest entry of a log, for little: two or three requests, however long the log has grown.

use futures::TryStreamExt as _;
use lakegate_contract::{Result, TableName};
use serde::Deserialize;

use crate::location::refuse_empty_entry;
use crate::table::run_of;
use crate::{Lake, RunInfo, failure};

/// The newest version of a table, without its files.
#[derive(Debug, Clone, PartialEq)]
pub struct Tail {
    /// Delta's version.
    pub version: u64,
    /// What the entry says of our run; `None` when another program made it.
    pub run: Option<RunInfo>,
}

/// `_delta_log/_last_checkpoint`, of which only the version is needed.
#[derive(Deserialize)]
struct LastCheckpoint {
    version: u64,
}

impl Lake {
    /// The newest version of a table and whose it is; `None` when it has never been published. It says what has been read
    /// last, which is all that a run with nothing to do needs; whether the whole log is sound, [`Lake::head`] finds out.
    ///
    /// # Errors
    /// When the log cannot be listed, or its newest entry cannot be read.
    pub async fn tail(&self, table: &TableName) -> Result<Option<Tail>> {
        let log = self.table_key(table)?.join("_delta_log");
        let failed = |e: object_store::Error| failure::store(&e, self.shown(&log));
        let from = self.last_checkpoint(table).await?;
        let offset = log.clone().join(format!("{from:020}"));
        let entries: Vec<_> = self.store().list_with_offset(Some(&log), &offset).try_collect().await.map_err(failed)?;
        let versions = entries.iter().filter(|meta| meta.location.extension() == Some("json")).filter_map(|meta| {
            let name = meta.location.filename()?.strip_suffix(".json")?;
            Some((name.parse::<u64>().ok().filter(|_| name.len() == 20)?, meta))
        });
        let Some((version, newest)) = versions.max_by_key(|(version, _)| *version) else { return Ok(None) };
        refuse_empty_entry(newest)?;
        let entry =
            self.bytes_of(&newest.location).await.map_err(|e| failure::store(&e, self.shown(&newest.location)))?;
        Ok(Some(Tail { version, run: run_of(&entry, version)? }))
    }

    /// The version of the last checkpoint; 0 when there is none, or what says so is damaged: it is only a hint.
    async fn last_checkpoint(&self, table: &TableName) -> Result<u64> {
        let key = self.table_key(table)?.join("_delta_log").join("_last_checkpoint");
        match self.bytes_of(&key).await {
            Ok(bytes) => Ok(serde_json::from_slice::<LastCheckpoint>(&bytes).map_or(0, |hint| hint.version)),
            Err(object_store::Error::NotFound { .. }) => Ok(0),
            Err(error) => Err(failure::store(&error, self.shown(&key))),
        }
    }
}
