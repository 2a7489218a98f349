//! Putting appended files in place, so that a crash between that and the commit can be told and undone.
//!
//! Files of an append join the folder of a partition's current generation, where readers of the folder would see them at
//! once. So they are staged elsewhere, audited, and only then linked (or copied within the bucket) into place. An intent
//! record written before says which; the next run of the table reads it and either finishes or undoes.

use std::collections::{BTreeSet, HashMap};

use deltalake::DeltaTable;
use futures::TryStreamExt as _;
use lakegate_contract::{Error, PartitionValue, Result, TableName};
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutPayload};
use serde::{Deserialize, Serialize};

use crate::table::{file_key, live_files};
use crate::writer::{Staged, StagedFile, WriteMode};
use crate::{KilledRun, Lake, RunId, RunInfo, failure};

/// What an append is about to put in place.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Intent {
    run: RunId,
    /// Places in the table's folder.
    files: Vec<String>,
}

impl Lake {
    /// The files as they will be published: for an append, linked into their partitions' current generations.
    /// `intended` has the places of this run's earlier attempts: the intent keeps them.
    pub(crate) async fn put_in_place(
        &self,
        staged: &Staged,
        delta: &DeltaTable,
        intended: &mut BTreeSet<String>,
    ) -> Result<Vec<StagedFile>> {
        if staged.mode != WriteMode::Append {
            return Ok(staged.files.clone());
        }
        let files = placed(staged, delta, &self.place(staged.table()))?;
        intended.extend(files.iter().map(|f| f.relative.clone()));
        self.write_intent(staged, intended).await?;
        for file in &files {
            let target = file_key(self, staged.table(), &file.relative)?;
            match self.store().copy_if_not_exists(&file.location, &target).await {
                // Put there by an earlier attempt of this run: its name holds the run's own ULID.
                Ok(()) | Err(object_store::Error::AlreadyExists { .. }) => {}
                Err(error) => return Err(failure::store(&error, target.to_string())),
            }
        }
        Ok(files)
    }

    /// Clears the staging folder of a committed append. What is left when that fails is cleared by the next run.
    pub(crate) async fn finish_append(&self, staged: &Staged) {
        if staged.mode == WriteMode::Append
            && let Err(error) = self.clear_append(staged.table(), staged.run).await
        {
            tracing::warn!(run = %staged.run, %error, "the staging folder could not be cleared");
        }
    }

    /// The intent goes last: as long as it is there, the rest will be looked for.
    pub(crate) async fn clear_append(&self, table: &TableName, run: RunId) -> Result<()> {
        self.delete_below(&format!("staging/{run}")).await?;
        self.delete(&self.intent_key(table, run)?).await
    }

    fn intent_key(&self, table: &TableName, run: RunId) -> Result<Path> {
        self.key(&format!("system/intents/{table}/{run}.json"))
    }

    /// Finishes or undoes what earlier runs of a table left between staging and commit. The caller holds the table's lock,
    /// so none of them is still at work.
    ///
    /// # Errors
    /// When the log or the staging folder cannot be read.
    pub async fn reconcile(&self, table: &TableName) -> Result<Vec<KilledRun>> {
        for intent in self.intents(table).await? {
            if self.commit_of(table, intent.run).await?.is_none() {
                tracing::info!(run = %intent.run, %table, "undoing an append that was never committed");
                for file in &intent.files {
                    self.delete(&file_key(self, table, file)?).await?;
                }
            }
            self.clear_append(table, intent.run).await?;
        }
        self.clear_abandoned(table).await
    }

    /// Deletes generations that no commit names, left by killed runs of this table.
    async fn clear_abandoned(&self, table: &TableName) -> Result<Vec<KilledRun>> {
        let mut killed = Vec::new();
        if self.folder().is_none() {
            return Ok(killed);
        }
        let place = self.key(&format!("system/open/{table}"))?;
        let listed: object_store::Result<Vec<_>> =
            self.store().list(Some(&place)).map_ok(|m| m.location).try_collect().await;
        for key in listed.map_err(|e| failure::store(&e, place.to_string()))? {
            let Some(run) = key.filename().and_then(|name| serde_json::from_value(name.into()).ok()) else { continue };
            let commit = self.commit_of(table, run).await?;
            match &commit {
                Some(_) => self.clear_append(table, run).await?,
                None => self.discard_run(table, run).await?,
            }
            self.delete(&key).await?;
            let (published_version, rows) = commit.map_or((None, None), |(v, info)| (Some(v), Some(info.rows)));
            killed.push(KilledRun { run, published_version, rows });
        }
        Ok(killed)
    }

    /// The commit that a run has made, if it has: perhaps replaced since, and then older versions still need its files.
    async fn commit_of(&self, table: &TableName, run: RunId) -> Result<Option<(u64, RunInfo)>> {
        let Some(delta) = self.load(table, None).await? else { return Ok(None) };
        let log = delta.log_store();
        let mut version = delta.version();
        while let Some(current) = version {
            match crate::table::newest_run(&log, current, None).await? {
                Some((found, info)) if info.run == run => return Ok(Some((found, info))),
                // Runs are sorted by time: what was committed before it began cannot be its own.
                Some((_, info)) if info.run < run => return Ok(None),
                Some((found, _)) => version = found.checked_sub(1),
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Notes that a run is about to stage files of a table, so that the next one can clear up after it.
    ///
    /// # Errors
    /// When the note cannot be written.
    pub async fn note_open(&self, table: &TableName, run: RunId) -> Result<()> {
        let key = self.key(&format!("system/open/{table}/{run}"))?;
        self.store().put(&key, PutPayload::new()).await.map_err(|e| failure::store(&e, key.to_string()))?;
        Ok(())
    }

    /// Takes the note back once the run has published or discarded what it staged.
    ///
    /// # Errors
    /// When the note cannot be deleted.
    pub async fn note_closed(&self, table: &TableName, run: RunId) -> Result<()> {
        self.delete(&self.key(&format!("system/open/{table}/{run}"))?).await
    }

    async fn write_intent(&self, staged: &Staged, files: &BTreeSet<String>) -> Result<()> {
        let intent = Intent { run: staged.run, files: files.iter().cloned().collect() };
        let text =
            serde_json::to_string(&intent).map_err(|e| Error::bug("an intent cannot be written").caused_by(e))?;
        let key = self.intent_key(staged.table(), staged.run)?;
        self.store().put(&key, text.into()).await.map_err(|e| failure::store(&e, key.to_string()))?;
        Ok(())
    }

    async fn intents(&self, table: &TableName) -> Result<Vec<Intent>> {
        let place = self.key(&format!("system/intents/{table}"))?;
        let listed: object_store::Result<Vec<Path>> =
            self.store().list(Some(&place)).map_ok(|m| m.location).try_collect().await;
        let mut intents = Vec::new();
        for key in listed.map_err(|e| failure::store(&e, place.to_string()))? {
            let read = async { self.store().get(&key).await?.bytes().await };
            let bytes = match read.await {
                // Its run has finished in the meantime.
                Err(object_store::Error::NotFound { .. }) => continue,
                other => other.map_err(|e| failure::store(&e, key.to_string()))?,
            };
            let intent: Intent = serde_json::from_slice(&bytes)
                .map_err(|_| Error::bug("an intent record does not parse").at(key.to_string()))?;
            intents.push(intent);
        }
        Ok(intents)
    }
}

/// Each file under its partition's current generation, in a name that is this run's alone.
fn placed(staged: &Staged, delta: &DeltaTable, place: &str) -> Result<Vec<StagedFile>> {
    let mut current: HashMap<Vec<PartitionValue>, String> = HashMap::new();
    for file in live_files(delta, place)? {
        let folder = file.folder().to_owned();
        current.entry(file.partition).and_modify(|known| *known = known.clone().max(folder.clone())).or_insert(folder);
    }
    let run = staged.run.to_string().to_ascii_lowercase();
    let placed = staged.files.iter().map(|file| {
        let (own, name) = file.relative.rsplit_once('/').unwrap_or(("", &file.relative));
        let folder = current.get(&file.partition).map_or(own, String::as_str);
        let number = name.trim_start_matches("part-");
        StagedFile { relative: format!("{folder}/part-{run}-{number}"), ..file.clone() }
    });
    Ok(placed.collect())
}
