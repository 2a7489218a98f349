//! Records of runs and rules: JSON lines under `system/`, a file a run.

use chrono::{DateTime, NaiveDate, Utc};
use futures::{StreamExt as _, TryStreamExt as _};
use lakegate_contract::{Error, Result};
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _, PutMode, PutOptions, PutPayload};
use serde_json::Value;

use crate::{Lake, RunId, failure};

/// Records that are read at once.
const AT_ONCE: usize = 8;

/// The name of the record of a run that began on that day: `dt=2025-06-30/<run>`.
pub fn record_name(date: NaiveDate, run: RunId) -> String {
    format!("dt={date}/{run}")
}

impl Lake {
    /// Writes one record file: `system/<kind>/dt=<date>/<run>.json`, one JSON object a line.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn append_system_record(&self, kind: &str, date: NaiveDate, run: RunId, lines: &[Value]) -> Result<()> {
        self.put_system_record(kind, &record_name(date, run), lines).await
    }

    /// Writes a record of that name, if there is none yet; says whether it was written. Of two writers only one is told so.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn claim_system_record(&self, kind: &str, name: &str, line: &Value) -> Result<bool> {
        let key = self.system_key(kind, name)?;
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store().put_opts(&key, PutPayload::from(format!("{line}\n")), options).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(failure::store(&error, self.shown(&key))),
        }
    }

    /// A record of that name; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn system_record(&self, kind: &str, name: &str) -> Result<Option<Value>> {
        let key = self.system_key(kind, name)?;
        match self.bytes_of(&key).await {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failure::store(&error, self.shown(&key))),
        }
    }

    /// The record of a run; `None` when there is none. Its day is that of the run's name, or the next when it began at midnight.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn run_record(&self, run: RunId) -> Result<Option<Value>> {
        let day = run.began().date_naive();
        for day in [Some(day), day.succ_opt()].into_iter().flatten() {
            if let Some(record) = self.system_record("runs", &record_name(day, run)).await? {
                return Ok(Some(record));
            }
            if run.began().timestamp() % 86_400 < 86_399 {
                break;
            }
        }
        Ok(None)
    }

    /// Writes a record of that name, over what it was before.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn write_system_record(&self, kind: &str, name: &str, line: &Value) -> Result<()> {
        self.put_system_record(kind, name, std::slice::from_ref(line)).await
    }

    async fn put_system_record(&self, kind: &str, name: &str, lines: &[Value]) -> Result<()> {
        let key = self.system_key(kind, name)?;
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let put = self.store().put(&key, PutPayload::from(text)).await;
        put.map(drop).map_err(|e| failure::store(&e, self.shown(&key)))
    }

    fn system_key(&self, kind: &str, name: &str) -> Result<Path> {
        self.key(&format!("system/{kind}/{name}.json"))
    }

    /// Removes a record that was claimed.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub async fn release_system_record(&self, kind: &str, name: &str) -> Result<()> {
        let key = self.system_key(kind, name)?;
        self.store().delete(&key).await.map_err(|e| failure::store(&e, self.shown(&key)))
    }

    /// Hands records of files that were begun at `earliest` or later to `look`, newest file first, until it says `false`.
    ///
    /// # Errors
    /// When they cannot be listed or read.
    pub async fn newest_system_records(
        &self,
        kind: &str,
        earliest: DateTime<Utc>,
        mut look: impl FnMut(&Value) -> bool,
    ) -> Result<()> {
        let earliest = RunId::earliest(earliest).to_string();
        let mut files = self.system_files(kind).await?;
        files.retain(|key| key.filename().is_some_and(|name| name >= earliest.as_str()));
        let mut read = futures::stream::iter(&files).map(|key| self.records_of(key)).buffered(AT_ONCE);
        while let Some(records) = read.try_next().await? {
            if !records.iter().all(&mut look) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The records of the newest `newest` files of a kind, newest file first. A line that does not parse is left out.
    ///
    /// # Errors
    /// When they cannot be listed or read.
    pub async fn system_records(&self, kind: &str, newest: usize) -> Result<Vec<Value>> {
        let mut records = Vec::new();
        for key in self.system_files(kind).await?.into_iter().take(newest) {
            records.extend(self.records_of(&key).await?);
        }
        Ok(records)
    }

    /// The files of a kind, newest first.
    async fn system_files(&self, kind: &str) -> Result<Vec<Path>> {
        let mut keys = self.keys_below(&self.key(&format!("system/{kind}"))?).await?;
        // Run ids begin with their time, so the file's name sorts by it whatever the date folder's zone.
        keys.sort_by(|a, b| b.filename().cmp(&a.filename()));
        Ok(keys)
    }

    async fn records_of(&self, key: &Path) -> Result<Vec<Value>> {
        let bytes = self.bytes_of(key).await.map_err(|e| failure::store(&e, self.shown(key)))?;
        let text =
            std::str::from_utf8(&bytes).map_err(|_| Error::bad_input("a record is not UTF-8").at(key.to_string()))?;
        Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }
}
