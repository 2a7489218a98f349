//! Deleting files that no version within the retention time needs.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use deltalake::DeltaTable;
use lakegate_contract::{Error, Result, TableName};
use object_store::path::Path;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use ulid::Ulid;

use crate::table::{live_files, version_of};
use crate::{Lake, RunId, failure};

/// A run's name has the time of its beginning cut to milliseconds.
const CLOCK_TICK: chrono::Duration = chrono::Duration::milliseconds(1);

/// What vacuuming a table deletes, or has deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vacuumed {
    /// Files.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// The oldest version that stays readable.
    pub oldest_version: u64,
}

impl Lake {
    /// Deletes the data files of a table that no version published since `cutoff` needs, nor the one that was the newest then.
    /// Files of runs that began after `cutoff`, or that are still open, stay: a run may be about to publish them. So do those
    /// below `shown`, addresses of folders that a catalog points at. With `dry_run` nothing is deleted.
    ///
    /// # Errors
    /// When the log or the store cannot be read, or a file cannot be deleted; what is needed stays in any case.
    pub async fn vacuum(
        &self,
        table: &TableName,
        cutoff: DateTime<Utc>,
        shown: &[String],
        dry_run: bool,
    ) -> Result<Vacuumed> {
        // Before the log is read: what has committed and closed since then is in the log.
        let open: HashSet<RunId> = self.open_runs(table).await?.into_iter().collect();
        let Some(head) = self.load(table, None).await? else { return Ok(Vacuumed::default()) };
        let (oldest_version, needed) = self.needed_since(table, &head, cutoff).await?;
        let place = self.table_key(table)?;
        let mut stale = Vec::new();
        let mut bytes = 0;
        for meta in self.objects_below(&place).await? {
            let Some(relative) = relative_to(&place, &meta.location) else { continue };
            // Whose run cannot be told from its name is not ours to delete.
            let Some(run) = run_of(&relative) else { continue };
            if needed.contains(&relative) || run.began() + CLOCK_TICK >= cutoff || open.contains(&run) {
                continue;
            }
            let address = self.shown(&meta.location);
            if shown.iter().any(|folder| address.strip_prefix(folder.as_str()).is_some_and(|r| r.starts_with('/'))) {
                continue;
            }
            bytes += meta.size;
            stale.push(meta.location);
        }
        let files = stale.len();
        if !dry_run {
            self.delete_all(stale).await?;
            if let Some(folder) = self.folder() {
                crate::location::remove_empty_folders(&folder.join("tables").join(table.as_str()));
            }
        }
        Ok(Vacuumed { files, bytes, oldest_version })
    }

    /// The newest version that was published before `cutoff`, and the files of it and of all later ones.
    async fn needed_since(
        &self,
        table: &TableName,
        head: &DeltaTable,
        cutoff: DateTime<Utc>,
    ) -> Result<(u64, HashSet<String>)> {
        let log = head.log_store();
        let mut needed: HashSet<String> = HashSet::new();
        let mut version = version_of(head)?;
        loop {
            let place = || format!("log entry {version} of {table}");
            let entry = log.read_commit_entry(version).await.map_err(|e| failure::delta(e, place()))?;
            let entry = entry.ok_or_else(|| {
                Error::bad_input("the entry is missing").at(place()).help("nothing was deleted; restore the log")
            })?;
            let entry = read_entry(&entry).ok_or_else(|| {
                Error::bad_input("the entry cannot be read").at(place()).help("nothing was deleted; restore the log")
            })?;
            needed.extend(entry.added);
            let before_cutoff = entry.committed.is_some_and(|at| at < cutoff);
            let Some(before) = version.checked_sub(1).filter(|_| !before_cutoff) else { break };
            version = before;
        }
        let base = self
            .load(table, Some(version))
            .await?
            .ok_or_else(|| Error::bug("a version of the table is gone").at(table.to_string()))?;
        needed.extend(live_files(&base, &self.place(table))?.into_iter().map(|file| file.relative));
        Ok((version, needed))
    }
}

struct Entry {
    committed: Option<DateTime<Utc>>,
    added: Vec<String>,
}

/// When an entry was committed and which files it adds; `None` when it is not one of Delta's.
fn read_entry(bytes: &[u8]) -> Option<Entry> {
    let mut entry = Entry { committed: None, added: Vec::new() };
    for line in std::str::from_utf8(bytes).ok()?.lines() {
        let action: Value = serde_json::from_str(line).ok()?;
        if let Some(milliseconds) = action.pointer("/commitInfo/timestamp").and_then(Value::as_i64) {
            entry.committed = DateTime::from_timestamp_millis(milliseconds);
        }
        if let Some(add) = action.get("add") {
            let path = add.get("path")?.as_str()?;
            entry.added.push(percent_decode_str(path).decode_utf8().ok()?.into_owned());
        }
    }
    Some(entry)
}

fn relative_to(place: &Path, key: &Path) -> Option<String> {
    key.as_ref().strip_prefix(place.as_ref())?.strip_prefix('/').map(str::to_owned)
}

/// The run that wrote a data file: appended files have it in their own name, others in their generation's.
fn run_of(relative: &str) -> Option<RunId> {
    let (folder, name) = relative.rsplit_once('/')?;
    let name = name.strip_suffix(".parquet")?.strip_prefix("part-")?;
    let generation = folder.rsplit('/').next()?.strip_prefix("g-")?;
    let own = name.split('-').next().filter(|first| first.len() == 26);
    Ulid::from_string(&own.unwrap_or(generation).to_ascii_uppercase()).ok().map(RunId::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_run_is_told_from_its_place() {
        let run = RunId::new();
        let lower = run.to_string().to_ascii_lowercase();
        let other = RunId::new().to_string().to_ascii_lowercase();
        assert_eq!(run_of(&format!("month=2026-03/g-{lower}/part-00000.parquet")), Some(run));
        assert_eq!(run_of(&format!("g-{other}/part-{lower}-00003.parquet")), Some(run));
        for foreign in ["part-00000.parquet", "_delta_log/00000000000000000000.json", "g-x/part-0.parquet", "g-x/y.txt"]
        {
            assert_eq!(run_of(foreign), None, "{foreign}");
        }
    }
}
