//! Records of runs and rules: JSON lines under `system/`, a file a run.

use chrono::NaiveDate;
use lakegate_contract::{Error, Result};
use object_store::{ObjectStoreExt as _, PutPayload};
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

    /// The records of the newest `newest` files of a kind, newest file first. A line that does not parse is left out.
    ///
    /// # Errors
    /// When they cannot be listed or read.
    pub async fn system_records(&self, kind: &str, newest: usize) -> Result<Vec<Value>> {
        let place = self.key(&format!("system/{kind}"))?;
        let mut keys = self.keys_below(&place).await?;
        // Run ids begin with their time, so the file's name sorts by it whatever the date folder's zone.
        keys.sort_by(|a, b| b.filename().cmp(&a.filename()));
        let mut records = Vec::new();
        for key in keys.into_iter().take(newest) {
            let read = async { self.store().get(&key).await?.bytes().await };
            let bytes = read.await.map_err(|e| failure::store(&e, self.shown(&key)))?;
            let text = std::str::from_utf8(&bytes)
                .map_err(|_| Error::bad_input("a record is not UTF-8").at(key.to_string()))?;
            records.extend(text.lines().filter_map(|line| serde_json::from_str(line).ok()));
        }
        Ok(records)
    }
}
