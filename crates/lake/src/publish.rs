//! The commit: the one moment at which staged files become the table.
//!
//! An object store may report a commit that took effect as failed, so no error of the commit call is believed: the log is
//! read, and it says whose commit won. See `deltalake`'s own retry, which is switched off here: after a lost reply it would
//! commit the same files twice.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use deltalake::kernel::transaction::{CommitBuilder, CommitProperties, TransactionError};
use deltalake::kernel::{Action, Add, Remove, Transaction};
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::{DeltaTable, DeltaTableError};
use lakegate_contract::{Class, Contract, Error, PartitionValue, Result, TableName};

use crate::append::OwnIntent;
use crate::table::{APPLICATION, application_version, commit_of_run, schema_change, sequence_of, version_of};
use crate::writer::{Staged, StagedFile, WriteMode};
use crate::{Lake, RunId, RunInfo, encode_partition_segment, failure};

/// How often a commit is tried on a log that others write to.
const ATTEMPTS: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// What was published.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// The table's version that has it first.
    pub version: u64,
    /// Files that were added.
    pub files: usize,
    /// Bytes of those files.
    pub bytes: u64,
    /// Partitions that were written, as `key=value/…`; empty for an unpartitioned table.
    pub partitions: Vec<String>,
    /// The generation folder's name.
    pub generation: String,
}

/// A publication on its way: what earlier attempts of it may have left.
struct Publication<'a> {
    lake: &'a Lake,
    staged: &'a Staged,
    info: &'a RunInfo,
    /// Places that files were put in or were about to be.
    placed: BTreeSet<String>,
    intent: &'a OwnIntent,
    /// The version that the first attempt was built on: our own commit can only stand above it.
    base: Option<u64>,
    /// A version whose commit was sent and neither seen nor refused: until somebody has that version, it may still arrive.
    doubtful: Option<u64>,
}

impl Lake {
    /// Publishes what was staged, in one commit that carries `info`.
    ///
    /// # Errors
    /// [`Class::Unavailable`] when nothing was committed, [`Class::CommitUnknown`] when that could not be found out (then
    /// nothing may be deleted), [`Class::Usage`] when the contract does not fit the published schema.
    pub async fn publish(&self, staged: &Staged, info: &RunInfo) -> Result<Published> {
        let intent = OwnIntent::default();
        let mut publication = Publication {
            lake: self,
            staged,
            info,
            placed: BTreeSet::new(),
            intent: &intent,
            base: None,
            doubtful: None,
        };
        let result = tokio::select! {
            result = publication.run() => result,
            () = self.keep_noting(&intent) => Err(Error::bug("a run stopped noting its intent")),
        };
        match result {
            Err(error) if publication.doubtful.is_some() && error.class() != Class::CommitUnknown => {
                Err(unknown(&self.place(staged.table()), error))
            }
            other => other,
        }
    }
}

impl Publication<'_> {
    async fn run(&mut self) -> Result<Published> {
        let mut pause = FIRST_PAUSE;
        let mut last = Error::bug("no commit was tried");
        for _ in 0..ATTEMPTS {
            let delta = self.lake.load_or_create(&self.staged.contract).await?;
            if let Some(version) = self.settled(&delta).await? {
                return self.finished(version).await;
            }
            refuse_if_overtaken(&delta, self.staged, self.info).await?;
            refuse_if_replayed(&delta, self.staged, self.info).await?;
            schema_change(&delta, &self.staged.contract, self.staged.mode)?;
            let files =
                self.lake.put_in_place(self.staged, &delta, &mut self.placed, self.info.sequence, self.intent).await?;
            match self.attempt(&delta, &files).await {
                Ok(version) => return self.finished(version).await,
                Err(error) => last = error,
            }
            if let Some(version) = self.read_back().await? {
                return self.finished(version).await;
            }
            if !last.class().retryable() {
                return Err(last);
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Err(last)
    }

    async fn finished(&self, version: u64) -> Result<Published> {
        self.lake.finish_append(self.staged).await;
        published(self.staged, version)
    }

    async fn attempt(&mut self, delta: &DeltaTable, files: &[StagedFile]) -> Result<u64> {
        let base = version_of(delta)?;
        self.base.get_or_insert(base);
        let actions = actions(delta, self.staged, files)?;
        match commit(delta, self.staged, actions, self.info).await {
            Ok(version) => Ok(version),
            Err(error) => {
                // A local disk has done what was asked or has not, by the time it answers.
                if self.lake.folder().is_none() && !was_refused(&error) {
                    self.doubtful = Some(base + 1);
                }
                Err(failure::delta(error, self.lake.place(self.staged.table())))
            }
        }
    }

    /// After an error of the commit: what the log says of it.
    async fn read_back(&mut self) -> Result<Option<u64>> {
        let place = self.lake.place(self.staged.table());
        let read = async {
            match self.lake.load(self.staged.table(), None).await? {
                Some(delta) => self.settled(&delta).await,
                None => Ok(None),
            }
        };
        read.await.map_err(|unread| unknown(&place, unread))
    }

    /// The version that this run has made, if the log has it. A version that is somebody else's can no longer be ours.
    async fn settled(&mut self, delta: &DeltaTable) -> Result<Option<u64>> {
        let Some(base) = self.base else { return Ok(None) };
        let newest = version_of(delta)?;
        if let Some((found, _)) = commit_of_run(&delta.log_store(), newest, Some(base), self.info.run).await? {
            return Ok(Some(found));
        }
        self.doubtful = self.doubtful.filter(|slot| *slot > newest);
        Ok(None)
    }
}

fn unknown(place: &str, cause: Error) -> Error {
    Error::new(Class::CommitUnknown, "the commit failed, and it cannot be told whether it took effect")
        .at(place)
        .help("nothing was deleted; run the job again once the store answers: it will find out")
        .caused_by(cause)
}

/// Whether a store's answer means that the commit was not and will not be carried out. That the entry exists already does not:
/// S3 says so of a conflict, too, and an earlier attempt of ours may be on its way. The log clears that doubt.
fn was_refused(error: &DeltaTableError) -> bool {
    use object_store::Error as E;
    let store = match error {
        DeltaTableError::ObjectStore { source } => source,
        DeltaTableError::Transaction { source: TransactionError::ObjectStore { source } } => source,
        DeltaTableError::VersionAlreadyExists(_)
        | DeltaTableError::Transaction {
            source:
                TransactionError::LogStoreError { .. }
                | TransactionError::MaxCommitAttempts(_)
                | TransactionError::VersionAlreadyExists(_),
        } => return false,
        _ => return true,
    };
    matches!(
        store,
        E::PermissionDenied { .. }
            | E::Unauthenticated { .. }
            | E::NotFound { .. }
            | E::NotImplemented { .. }
            | E::NotSupported { .. }
    )
}

/// The commits of a table are numbered by Delta's application transaction. When the number is not the one that follows what
/// the run was planned on, another run has published in the meantime, perhaps from newer input: this one must be planned anew.
async fn refuse_if_overtaken(delta: &DeltaTable, staged: &Staged, info: &RunInfo) -> Result<()> {
    if sequence_of(delta, staged.table()).await? + 1 == info.sequence {
        return Ok(());
    }
    Err(published_meanwhile(&info.job, staged.table()))
}

/// What a run was planned on is no longer the newest.
pub fn published_meanwhile(job: &str, table: &TableName) -> Error {
    Error::unavailable(format!("another run of job {job} has published in the meantime"))
        .at(table.to_string())
        .help("run the job again: it will plan from what is published now")
}

/// The application transaction that a replay leaves for each run whose quarantine it has judged again. It outlives the log's
/// entries: checkpoints keep it.
fn replay_of(run: RunId) -> String {
    format!("{APPLICATION}.replay.{run}")
}

/// The rows of a quarantine are published once.
async fn refuse_if_replayed(delta: &DeltaTable, staged: &Staged, info: &RunInfo) -> Result<()> {
    for run in &info.replays {
        if application_version(delta, staged.table(), &replay_of(*run)).await?.is_some() {
            return Err(Error::unavailable(format!("the quarantine of run {run} has been replayed already"))
                .at(staged.table().to_string())
                .help("`lakegate quarantine list` shows what still waits"));
        }
    }
    Ok(())
}

async fn commit(
    delta: &DeltaTable,
    staged: &Staged,
    actions: Vec<Action>,
    info: &RunInfo,
) -> std::result::Result<u64, DeltaTableError> {
    let mode = if staged.mode == WriteMode::Append { SaveMode::Append } else { SaveMode::Overwrite };
    let partition_by: Vec<String> = staged.contract.partition_by().iter().map(|f| f.name.to_string()).collect();
    let operation = DeltaOperation::Write {
        mode,
        partition_by: (!partition_by.is_empty()).then_some(partition_by),
        predicate: None,
    };
    send(delta, actions, operation, info).await
}

/// A commit without files, which takes a number: see [`Lake::reconcile`].
pub(crate) async fn commit_nothing(delta: &DeltaTable, info: &RunInfo) -> std::result::Result<u64, DeltaTableError> {
    let operation = DeltaOperation::Write { mode: SaveMode::Append, partition_by: None, predicate: None };
    send(delta, Vec::new(), operation, info).await
}

/// The one way in which entries are written: numbered, with what they say of their run, and tried once.
async fn send(
    delta: &DeltaTable,
    actions: Vec<Action>,
    operation: DeltaOperation,
    info: &RunInfo,
) -> std::result::Result<u64, DeltaTableError> {
    let metadata = HashMap::from([("lakegate".to_owned(), serde_json::to_value(info)?)]);
    let transactions = info.replays.iter().map(|run| Transaction::new(replay_of(*run), info.sequence));
    let properties =
        CommitProperties::default().with_metadata(metadata).with_max_retries(0).with_application_transactions(
            [Transaction::new(APPLICATION, info.sequence)].into_iter().chain(transactions).collect(),
        );
    let finalized = CommitBuilder::from(properties)
        .with_actions(actions)
        .build(Some(delta.snapshot()?), delta.log_store(), operation)
        .await?;
    Ok(finalized.version())
}

fn actions(delta: &DeltaTable, staged: &Staged, files: &[StagedFile]) -> Result<Vec<Action>> {
    let place = staged.table().to_string();
    let now = chrono::Utc::now().timestamp_millis();
    let names: Vec<&str> = staged.contract.partition_by().iter().map(|f| f.name.as_str()).collect();
    let mut actions: Vec<Action> = schema_change(delta, &staged.contract, staged.mode)?.into_iter().collect();
    if staged.mode != WriteMode::Append {
        let touched: BTreeSet<Vec<PartitionValue>> = files.iter().map(|f| f.partition.clone()).collect();
        let snapshot = delta.snapshot().map_err(|e| failure::delta(e, &place))?;
        for file in snapshot.log_data().iter() {
            let mut values = file.partition_values_map();
            let partition: Vec<PartitionValue> = names.iter().map(|n| values.remove(*n).flatten()).collect();
            if staged.mode == WriteMode::Replace || touched.contains(&partition) {
                actions.push(Action::Remove(Remove { deletion_timestamp: Some(now), ..file.remove_action(true) }));
            }
        }
    }
    actions.extend(files.iter().map(|file| Action::Add(add(file, &names, now))));
    Ok(actions)
}

fn add(file: &StagedFile, names: &[&str], now: i64) -> Add {
    Add {
        path: file.relative.clone(),
        partition_values: names.iter().map(|n| (*n).to_owned()).zip(file.partition.iter().cloned()).collect(),
        size: file.bytes.cast_signed(),
        modification_time: now,
        data_change: true,
        stats: Some(file.statistics.clone()),
        tags: None,
        deletion_vector: None,
        base_row_id: None,
        default_row_commit_version: None,
        clustering_provider: None,
    }
}

fn published(staged: &Staged, version: u64) -> Result<Published> {
    Ok(Published {
        version,
        files: staged.files.len(),
        bytes: staged.bytes,
        partitions: partition_names(&staged.contract, &staged.files)?,
        generation: staged.run.generation(),
    })
}

fn partition_names(contract: &Contract, files: &[StagedFile]) -> Result<Vec<String>> {
    let mut names = BTreeSet::new();
    for file in files.iter().filter(|f| !f.partition.is_empty()) {
        let segments: Result<Vec<String>> =
            contract.partition_by().iter().zip(&file.partition).map(|(f, v)| encode_partition_segment(f, v)).collect();
        names.insert(segments?.join("/"));
    }
    Ok(names.into_iter().collect())
}
