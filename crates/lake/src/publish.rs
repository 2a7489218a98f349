//! The commit: the one moment at which staged files become the table.
//!
//! An object store may report a commit that took effect as failed, so no error of the commit call is believed: the log is
//! read, and it says whose commit won. See `deltalake`'s own retry, which is switched off here: after a lost reply it would
//! commit the same files twice.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use deltalake::DeltaTable;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{Action, Add, Remove, Transaction};
use deltalake::protocol::{DeltaOperation, SaveMode};
use lakegate_contract::{Class, Contract, Error, PartitionValue, Result};

use crate::table::{newest_run, schema_change, version_of};
use crate::writer::{Staged, StagedFile, WriteMode};
use crate::{Lake, RunInfo, encode_partition_segment, failure};

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

/// What came of one attempt.
enum Attempt {
    Committed(u64),
    Lost(Error),
}

impl Lake {
    /// Publishes what was staged, in one commit that carries `info`.
    ///
    /// # Errors
    /// [`Class::Unavailable`] when nothing was committed, [`Class::CommitUnknown`] when that could not be found out (then
    /// nothing may be deleted), [`Class::Usage`] when the contract does not fit the published schema.
    pub async fn publish(&self, staged: &Staged, info: &RunInfo) -> Result<Published> {
        let mut pause = FIRST_PAUSE;
        let mut last = Error::bug("no commit was tried");
        for _ in 0..ATTEMPTS {
            let delta = self.load_or_create(&staged.contract).await?;
            refuse_if_overtaken(&delta, staged, info).await?;
            let files = self.put_in_place(staged, &delta).await?;
            match self.attempt(&delta, staged, &files, info).await? {
                Attempt::Committed(version) => {
                    self.finish_append(staged).await;
                    return published(staged, version);
                }
                Attempt::Lost(error) => last = error,
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Err(last)
    }

    async fn attempt(
        &self,
        delta: &DeltaTable,
        staged: &Staged,
        files: &[StagedFile],
        info: &RunInfo,
    ) -> Result<Attempt> {
        let base = version_of(delta)?;
        let actions = actions(delta, staged, files)?;
        let failed = match commit(delta, staged, actions, info).await {
            Ok(version) => return Ok(Attempt::Committed(version)),
            Err(error) => failure::delta(error, self.place(staged.table())),
        };
        match self.who_won(staged, base, info).await {
            Ok(Some(version)) => Ok(Attempt::Committed(version)),
            Ok(None) => Ok(Attempt::Lost(failed)),
            Err(unread) => Err(Error::new(
                Class::CommitUnknown,
                "the commit failed, and the log cannot be read to see whether it took effect",
            )
            .at(self.place(staged.table()))
            .help("nothing was deleted; run the job again once the store answers: it will find out")
            .caused_by(unread)),
        }
    }

    /// The version that our run made since `base`, if it did.
    async fn who_won(&self, staged: &Staged, base: u64, info: &RunInfo) -> Result<Option<u64>> {
        let place = || self.place(staged.table());
        let Some(delta) = self.load(staged.table(), None).await? else { return Ok(None) };
        let newest = version_of(&delta)?;
        let log = delta.log_store();
        let mut version = newest;
        loop {
            match newest_run(&log, version, Some(base)).await.map_err(|e| failure::delta(e, place()))? {
                Some((found, run)) if run.run == info.run => return Ok(Some(found)),
                Some((found, _)) if found > 0 => version = found - 1,
                _ => return Ok(None),
            }
        }
    }
}

/// A job's commits are numbered. When the number is taken, another run of the job published in the meantime, perhaps from
/// newer input: this one must be planned anew.
async fn refuse_if_overtaken(delta: &DeltaTable, staged: &Staged, info: &RunInfo) -> Result<()> {
    let place = || staged.table().to_string();
    let snapshot = delta.snapshot().map_err(|e| failure::delta(e, place()))?;
    let taken = snapshot
        .transaction_version(delta.log_store().as_ref(), info.job.as_str())
        .await
        .map_err(|e| failure::delta(e, place()))?;
    if taken.is_some_and(|taken| taken >= info.sequence) {
        return Err(Error::unavailable(format!("another run of job {} has published in the meantime", info.job))
            .at(place())
            .help("run the job again: it will plan from what is published now"));
    }
    Ok(())
}

async fn commit(
    delta: &DeltaTable,
    staged: &Staged,
    actions: Vec<Action>,
    info: &RunInfo,
) -> std::result::Result<u64, deltalake::DeltaTableError> {
    let metadata = HashMap::from([("lakegate".to_owned(), serde_json::to_value(info)?)]);
    let properties = CommitProperties::default()
        .with_metadata(metadata)
        .with_max_retries(0)
        .with_application_transaction(Transaction::new(&info.job, info.sequence));
    let mode = if staged.mode == WriteMode::Append { SaveMode::Append } else { SaveMode::Overwrite };
    let partition_by: Vec<String> = staged.contract.partition_by().iter().map(|f| f.name.to_string()).collect();
    let operation = DeltaOperation::Write {
        mode,
        partition_by: (!partition_by.is_empty()).then_some(partition_by),
        predicate: None,
    };
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
    let mut actions: Vec<Action> = schema_change(delta, &staged.contract)?.into_iter().collect();
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
