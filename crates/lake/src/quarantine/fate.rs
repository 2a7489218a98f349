//! What became of a run: whether it published, and whether what it refused is still missing from the table.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use lakegate_contract::{Result, TableName};
use serde_json::Value;

use crate::table::{LONGEST_RUN, run_of};
use crate::{Lake, RunId, failure};

/// Entries of a log that are read at once.
const AT_ONCE: usize = 16;

/// What became of a run and of the rows that it refused. The log alone decides it: a record may be missing, or say less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It published, and the rows that it refused are missing from the table.
    Waiting {
        /// The version that it made.
        version: u64,
    },
    /// Its quarantine was replayed.
    Replayed {
        /// By that run.
        by: RunId,
    },
    /// A later run loaded the whole table anew, from an input that has those rows, too.
    Reloaded {
        /// That run.
        by: RunId,
    },
    /// It published nothing: its input counts as not read, and the job's next run reads it again.
    Unpublished,
    /// The entries of the log that would tell are gone.
    Unknown,
}

impl Lake {
    /// What became of runs of a table, by its log: from the newest entry back to the oldest of the runs.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn fates(&self, table: &TableName, runs: &BTreeSet<RunId>) -> Result<BTreeMap<RunId, Fate>> {
        let mut walk = Walk { wanted: runs.clone(), ..Walk::default() };
        let Some(newest) = self.tail(table).await?.filter(|_| !runs.is_empty()).map(|tail| tail.version) else {
            return Ok(walk.rest(Fate::Unpublished));
        };
        let log = self.log_store(table)?;
        let read = |version: u64| {
            let log = &log;
            async move {
                let entry = log.read_commit_entry(version).await;
                Ok((version, entry.map_err(|e| failure::delta(e, format!("log entry {version} of {table}")))?))
            }
        };
        let mut entries = futures::stream::iter((0..=newest).rev()).map(read).buffered(AT_ONCE);
        while let Some((version, entry)) = entries.try_next().await? {
            let Some(entry) = entry else { return Ok(walk.rest(Fate::Unknown)) };
            if let Some(rest) = walk.step(version, &entry)? {
                return Ok(walk.rest(rest));
            }
        }
        Ok(walk.rest(Fate::Unpublished))
    }
}

/// What is known of the runs on the way back through the log.
#[derive(Default)]
struct Walk {
    wanted: BTreeSet<RunId>,
    found: BTreeMap<RunId, Fate>,
    replayed: BTreeMap<RunId, RunId>,
}

impl Walk {
    /// Takes one entry; returns the fate of all runs that are still wanted, once it is told.
    fn step(&mut self, version: u64, entry: &Bytes) -> Result<Option<Fate>> {
        let Some(info) = run_of(entry, version)? else { return Ok(None) };
        if self.wanted.remove(&info.run) {
            let fate = self.replayed.get(&info.run).map_or(Fate::Waiting { version }, |by| Fate::Replayed { by: *by });
            self.found.insert(info.run, fate);
        }
        self.replayed.extend(info.replays.iter().map(|replayed| (*replayed, info.run)));
        if is_reload(entry) {
            return Ok(Some(Fate::Reloaded { by: info.run }));
        }
        // What committed before all of them began to run cannot have their commits below it.
        let over = self.wanted.first().is_none_or(|oldest| oldest.began() - info.run.began() > LONGEST_RUN);
        Ok(over.then_some(Fate::Unpublished))
    }

    fn rest(mut self, fate: Fate) -> BTreeMap<RunId, Fate> {
        self.found.extend(self.wanted.into_iter().map(|run| (run, fate)));
        self.found
    }
}

/// Whether an entry of ours takes the place of all that was published before.
fn is_reload(entry: &[u8]) -> bool {
    let text = String::from_utf8_lossy(entry);
    text.lines().filter(|line| line.contains("commitInfo")).any(|line| {
        let action: Option<Value> = serde_json::from_str(line).ok();
        let mode = action.as_ref().and_then(|action| action.pointer("/commitInfo/operationParameters/mode")?.as_str());
        mode == Some("Overwrite")
    })
}
