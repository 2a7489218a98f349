//! Putting appended files in place, so that a crash between that and the commit can be told and undone.
//!
//! Files of an append join the folder of a partition's current generation, where readers of the folder would see them at
//! once. So they are staged elsewhere, audited, and only then linked (or copied within the bucket) into place. An intent
//! record written before says which; the next run of the table reads it and either finishes or undoes.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use deltalake::DeltaTable;
use futures::{StreamExt as _, TryStreamExt as _};
use lakegate_contract::{Error, PartitionValue, Result, TableName};
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutMode, PutPayload, UpdateVersion};
use serde::{Deserialize, Serialize};

use crate::table::{commit_of_run, file_key, live_files, newest_run, sequence_of, version_of};
use crate::writer::{Staged, StagedFile, WriteMode};
use crate::{KilledRun, Lake, RunId, RunInfo, failure};

/// On a bucket a run has no lock that would tell its death: older than this, it counts as dead. AWS ends a Lambda function
/// after 15 minutes and a Glue job after at most 7 days; the fence keeps a longer one from doing harm.
const ABANDONED_AFTER: chrono::Duration = chrono::Duration::hours(6);
/// On a bucket, a run that has noted its intent notes it again this often, for as long as it is at work.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(5);
/// An intent that is not noted again for so long is that of a dead run. What it has put in place is seen through the catalog, so
/// it is fenced off and undone before the next run puts the same rows there again.
const SILENCE: Duration = Duration::from_secs(20);
/// An intent that is this old by both clocks, the store's and ours, is not waited for.
const STALE_INTENT: chrono::Duration = chrono::Duration::minutes(10);
/// A run that goes on noting its intent is waited for so long.
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How often a fence is tried against runs that commit at the same time.
const FENCES: u32 = 5;
/// Copies that are asked for at once.
const COPIES: usize = 16;

/// What an append is about to put in place.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Intent {
    run: RunId,
    /// Places in the table's folder.
    files: Vec<String>,
}

/// An intent, where it stands and when it was written.
struct Noted {
    intent: Intent,
    key: Path,
    at: DateTime<Utc>,
}

/// An intent of this run, to be noted again while it is at work.
#[derive(Debug, Default)]
pub(crate) struct OwnIntent(Mutex<Option<Written>>);

#[derive(Debug, Clone)]
struct Written {
    key: Path,
    text: String,
    version: UpdateVersion,
}

impl OwnIntent {
    fn get(&self) -> Option<Written> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, written: Option<Written>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = written;
    }
}

impl Lake {
    /// The files as they will be published: for an append, linked into their partitions' current generations.
    /// `intended` has the places of this run's earlier attempts: the intent keeps them.
    pub(crate) async fn put_in_place(
        &self,
        staged: &Staged,
        delta: &DeltaTable,
        intended: &mut BTreeSet<String>,
        sequence: i64,
        own: &OwnIntent,
    ) -> Result<Vec<StagedFile>> {
        if staged.mode != WriteMode::Append {
            return Ok(staged.files.clone());
        }
        let files = placed(staged, delta, &self.place(staged.table()))?;
        intended.extend(files.iter().map(|f| f.relative.clone()));
        self.write_intent(staged, intended, sequence, own).await?;
        let copies =
            futures::stream::iter(&files).map(Ok).try_for_each_concurrent(COPIES, |file| self.place_file(staged, file));
        copies.await?;
        Ok(files)
    }

    async fn place_file(&self, staged: &Staged, file: &StagedFile) -> Result<()> {
        let target = file_key(self, staged.table(), &file.relative)?;
        // The name holds the run's own ULID: what is there already was put there by an earlier attempt of this run.
        let placed = match self.folder() {
            Some(_) => self.store().copy_if_not_exists(&file.location, &target).await,
            None => self.store().copy(&file.location, &target).await,
        };
        match placed {
            Ok(()) | Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(failure::store(&error, self.shown(&target))),
        }
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
        for noted in self.intents(table).await?.iter().filter(|noted| noted.intent.run == run) {
            self.delete(&noted.key).await?;
        }
        Ok(())
    }

    /// One intent for each number that a commit can have: of two appends at once, one does not even begin to put files in
    /// place, where readers would see those of both.
    fn intent_key(&self, table: &TableName, sequence: i64) -> Result<Path> {
        self.key(&format!("system/intents/{table}/{sequence:020}.json"))
    }

    /// Finishes or undoes what earlier runs of a table left between staging and commit. On a local disk the caller holds the
    /// table's lock, so none of them is still at work. On a bucket a run counts as dead once it is of some age, or does not
    /// commit what it has put in place; and before anything of theirs is deleted a commit of no files takes the number that
    /// they would need: should one wake up, it is refused.
    ///
    /// # Errors
    /// When the log or the staging folder cannot be read.
    pub async fn reconcile(&self, table: &TableName) -> Result<Vec<KilledRun>> {
        let (open, intents) = (self.open_runs(table).await?, self.settled_intents(table).await?);
        let placing = intents.iter().map(|noted| noted.intent.run);
        let dead: Vec<RunId> = open.iter().copied().filter(|run| self.is_dead(*run)).chain(placing).collect();
        if dead.is_empty() || !self.fence(table, intents.is_empty()).await? {
            return Ok(Vec::new());
        }
        for noted in intents {
            self.settle_intent(table, noted).await?;
        }
        let open = open.into_iter().filter(|run| dead.contains(run)).collect();
        self.clear_abandoned(table, open).await
    }

    /// Undoes an append that was never committed, or clears up after one that was. What it copies from goes first: should it
    /// still be at work, it finds nothing to copy any more.
    async fn settle_intent(&self, table: &TableName, noted: Noted) -> Result<()> {
        let committed = self.commit_of(table, noted.intent.run).await?.is_some();
        self.delete_below(&format!("staging/{}", noted.intent.run)).await?;
        if !committed {
            tracing::info!(run = %noted.intent.run, %table, "undoing an append that was never committed");
            for file in &noted.intent.files {
                self.delete(&file_key(self, table, file)?).await?;
            }
        }
        self.delete(&noted.key).await
    }

    /// The intents of runs that are over: those of live ones are noted again and again, and gone in the end.
    async fn settled_intents(&self, table: &TableName) -> Result<Vec<Noted>> {
        let began = Instant::now();
        let mut heard: HashMap<(Path, DateTime<Utc>), Instant> = HashMap::new();
        loop {
            if began.elapsed() > PATIENCE {
                return Err(overtaken(table));
            }
            let noted = self.intents(table).await?;
            let now = Instant::now();
            let silent = |noted: &Noted| {
                let since = heard.get(&(noted.key.clone(), noted.at)).copied().unwrap_or(now);
                now - since > SILENCE || Utc::now() - noted.at > STALE_INTENT
            };
            if self.folder().is_some() || noted.iter().all(silent) {
                return Ok(noted);
            }
            if heard.is_empty() {
                tracing::warn!(%table, "another run has put files in place: waiting until it commits, or is silent for 20 s");
            }
            for noted in &noted {
                heard.entry((noted.key.clone(), noted.at)).or_insert(now);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Whether nobody can be at work on this run any more.
    fn is_dead(&self, run: RunId) -> bool {
        self.folder().is_some() || Utc::now() - run.began() > ABANDONED_AFTER
    }

    /// Takes the table's next number on a bucket, so that every run that was planned before is refused. `false` when that did
    /// not succeed and need not: then nothing may be deleted, and nothing of it is seen.
    async fn fence(&self, table: &TableName, optional: bool) -> Result<bool> {
        if self.folder().is_some() {
            return Ok(true);
        }
        let mut failed = None;
        for _ in 0..FENCES {
            let Some(delta) = self.load(table, None).await? else { return Ok(false) };
            let before = newest_run(&delta.log_store(), version_of(&delta)?, None).await?.map(|(_, info)| info);
            let sequence = sequence_of(&delta, table).await? + 1;
            tracing::info!(%table, sequence, "fencing off runs that were abandoned");
            match crate::publish::commit_nothing(&delta, &RunInfo::fence(before, sequence)).await {
                Ok(_) => return Ok(true),
                Err(error) => failed = Some(failure::delta(error, self.place(table))),
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        match failed {
            Some(error) if !optional => {
                Err(error.help("an earlier run has left files that must be undone first; run the job again"))
            }
            _ => {
                tracing::warn!(%table, "abandoned runs could not be fenced off; their files stay");
                Ok(false)
            }
        }
    }

    pub(crate) async fn open_runs(&self, table: &TableName) -> Result<Vec<RunId>> {
        let place = self.key(&format!("system/open/{table}"))?;
        let keys = self.keys_below(&place).await?;
        Ok(keys.iter().filter_map(|key| serde_json::from_value(key.filename()?.into()).ok()).collect())
    }

    /// Deletes generations that no commit names, left by killed runs of this table.
    async fn clear_abandoned(&self, table: &TableName, runs: Vec<RunId>) -> Result<Vec<KilledRun>> {
        let mut killed = Vec::new();
        for run in runs {
            let commit = self.commit_of(table, run).await?;
            match &commit {
                Some(_) => self.clear_append(table, run).await?,
                None => self.discard_run(table, run).await?,
            }
            self.note_closed(table, run).await?;
            killed.push(match commit {
                Some((version, info)) => {
                    KilledRun { run, published_version: Some(version), rows: Some(info.rows), replays: info.replays }
                }
                None => KilledRun { run, published_version: None, rows: None, replays: Vec::new() },
            });
        }
        Ok(killed)
    }

    /// The commit that a run has made, if it has: perhaps replaced since, and then older versions still need its files.
    async fn commit_of(&self, table: &TableName, run: RunId) -> Result<Option<(u64, RunInfo)>> {
        let Some(delta) = self.load(table, None).await? else { return Ok(None) };
        commit_of_run(&delta.log_store(), version_of(&delta)?, None, run).await
    }

    /// Notes that a run is about to stage files of a table, so that the next one can clear up after it.
    ///
    /// # Errors
    /// When the note cannot be written.
    pub async fn note_open(&self, table: &TableName, run: RunId) -> Result<()> {
        let key = self.key(&format!("system/open/{table}/{run}"))?;
        self.store().put(&key, PutPayload::new()).await.map_err(|e| failure::store(&e, self.shown(&key)))?;
        Ok(())
    }

    /// Takes the note back once the run has published or discarded what it staged.
    ///
    /// # Errors
    /// When the note cannot be deleted.
    pub async fn note_closed(&self, table: &TableName, run: RunId) -> Result<()> {
        self.delete(&self.key(&format!("system/open/{table}/{run}"))?).await
    }

    /// Notes what is about to be put in place, under the number that the commit will have. Nobody else may hold that number, and
    /// nobody may have taken it.
    async fn write_intent(
        &self,
        staged: &Staged,
        files: &BTreeSet<String>,
        sequence: i64,
        own: &OwnIntent,
    ) -> Result<()> {
        let table = staged.table();
        let intent = Intent { run: staged.run, files: files.iter().cloned().collect() };
        let text =
            serde_json::to_string(&intent).map_err(|e| Error::bug("an intent cannot be written").caused_by(e))?;
        let key = self.intent_key(table, sequence)?;
        let version = self.claim(table, &key, &text, staged.run).await?;
        own.set(Some(Written { key, text, version }));
        let taken = match self.tail(table).await?.map(|tail| tail.run) {
            Some(Some(run)) => run.sequence,
            // Another program's commit is the newest: how far ours have come, the whole log says.
            Some(None) => self.head(table).await?.map_or(0, |head| head.sequence),
            None => 0,
        };
        if taken >= sequence {
            own.set(None);
            self.clear_append(table, staged.run).await?;
            return Err(overtaken(table));
        }
        Ok(())
    }

    async fn claim(&self, table: &TableName, key: &Path, text: &str, run: RunId) -> Result<UpdateVersion> {
        let failed = |e: object_store::Error| failure::store(&e, self.shown(key));
        match self.store().put_opts(key, text.to_owned().into(), PutMode::Create.into()).await {
            Ok(put) => return Ok(put.into()),
            Err(object_store::Error::AlreadyExists { .. }) => {}
            Err(error) => return Err(failed(error)),
        }
        let holder = self.intents(table).await?.into_iter().find(|noted| noted.key == *key);
        if holder.is_none_or(|noted| noted.intent.run != run) {
            return Err(overtaken(table));
        }
        // Ours, of an attempt before this one, perhaps with other files.
        self.store().put(key, text.to_owned().into()).await.map(Into::into).map_err(failed)
    }

    /// Notes a run's intent again, for as long as it is there and the run at work.
    pub(crate) async fn keep_noting(&self, own: &OwnIntent) {
        loop {
            tokio::time::sleep(HEARTBEAT).await;
            let Some(written) = own.get().filter(|_| self.folder().is_none()) else { continue };
            let mode = PutMode::Update(written.version.clone());
            match self.store().put_opts(&written.key, written.text.clone().into(), mode.into()).await {
                Ok(put) => own.set(Some(Written { version: put.into(), ..written })),
                // A reply may have been lost; or somebody took this run for dead, and the commit will say so.
                Err(error) => {
                    tracing::info!(%error, "the intent could not be noted again");
                    own.set(self.still_noted(&written).await);
                }
            }
        }
    }

    /// The intent with the version that it has now; as it was when that cannot be told, and `None` when it is gone.
    async fn still_noted(&self, written: &Written) -> Option<Written> {
        let read = async {
            let found = self.store().get(&written.key).await?;
            let version = UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
            Ok::<_, object_store::Error>((version, found.bytes().await?))
        };
        match read.await {
            Ok((version, text)) if text == written.text.as_bytes() => Some(Written { version, ..written.clone() }),
            Ok(_) | Err(object_store::Error::NotFound { .. }) => None,
            Err(_) => Some(written.clone()),
        }
    }

    async fn intents(&self, table: &TableName) -> Result<Vec<Noted>> {
        let place = self.key(&format!("system/intents/{table}"))?;
        let mut intents = Vec::new();
        for meta in self.objects_below(&place).await? {
            let key = meta.location;
            let bytes = match self.bytes_of(&key).await {
                // Its run has finished in the meantime.
                Err(object_store::Error::NotFound { .. }) => continue,
                other => other.map_err(|e| failure::store(&e, self.shown(&key)))?,
            };
            let intent: Intent = serde_json::from_slice(&bytes)
                .map_err(|_| Error::bug("an intent record does not parse").at(key.to_string()))?;
            intents.push(Noted { intent, key, at: meta.last_modified });
        }
        Ok(intents)
    }
}

fn overtaken(table: &TableName) -> Error {
    Error::unavailable("another run is publishing, or has published, in the meantime")
        .at(table.to_string())
        .help("run the job again: it will plan from what is published then")
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
