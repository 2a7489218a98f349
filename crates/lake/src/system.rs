//! Records of runs and rules: JSON lines under `system/`, a file a run.

use chrono::{DateTime, NaiveDate, Utc};
use lakegate_contract::{Error, Result};
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _, PutMode, PutOptions, PutPayload};
use serde_json::Value;

use crate::{Lake, RunId, failure};

impl Lake {
    /// Writes one record file: `system/<kind>/dt=<date>/<run>.json`, one JSON object a line.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn append_system_record(&self, kind: &str, date: NaiveDate, run: RunId, lines: &[Value]) -> Result<()> {
        let key = self.key(&format!("system/{kind}/dt={date}/{run}.json"))?;
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        self.store().put(&key, PutPayload::from(text)).await.map_err(|e| failure::store(&e, self.shown(&key)))?;
        Ok(())
    }

    /// Writes a record of that name, if there is none yet; says whether it was written. Of two writers only one is told so.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn claim_system_record(&self, kind: &str, name: &str, line: &Value) -> Result<bool> {
        let key = self.key(&format!("system/{kind}/{name}.json"))?;
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store().put_opts(&key, PutPayload::from(format!("{line}\n")), options).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(failure::store(&error, self.shown(&key))),
        }
    }

    /// Removes a record that was claimed.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub async fn release_system_record(&self, kind: &str, name: &str) -> Result<()> {
        let key = self.key(&format!("system/{kind}/{name}.json"))?;
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
        let earliest = format!("{}", RunId::earliest(earliest));
        for key in self.system_files(kind).await? {
            if key.filename().is_none_or(|name| name < earliest.as_str()) {
                return Ok(());
            }
            for record in self.records_of(&key).await? {
                if !look(&record) {
                    return Ok(());
                }
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
        let read = async { self.store().get(key).await?.bytes().await };
        let bytes = read.await.map_err(|e| failure::store(&e, self.shown(key)))?;
        let text =
            std::str::from_utf8(&bytes).map_err(|_| Error::bad_input("a record is not UTF-8").at(key.to_string()))?;
        Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }
}
