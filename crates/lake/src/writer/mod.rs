//! Staging: rows go to the files of their partitions, in bounded memory, where nobody sees them yet.

mod file;
mod partition;
mod split;
mod spool;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use chrono_tz::Tz;
use futures::StreamExt as _;
use lakegate_contract::{Contract, Error, PartitionValue, Result, TableName};
use lakegate_redaction::CleanBatch;
use object_store::path::Path;

use crate::reading::schema_of;
use crate::{Lake, RunId};
use file::FileFormat;
pub(crate) use file::{Writer, sink_at};
use partition::Partition;
use split::Splitter;

/// How staged files relate to those that are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteMode {
    /// They become the whole table.
    Replace,
    /// They become the whole of each partition that they touch.
    ReplacePartitions,
    /// They join what is there.
    Append,
}

/// Limits of a writer.
#[derive(Debug, Clone)]
pub struct WriterOptions {
    /// Bytes of rows held in memory over all open partitions.
    pub memory_budget: usize,
    /// Bytes of rows, as in memory, that make a row group.
    pub row_group_size: usize,
    /// Bytes after which a file is closed and the next one begun.
    pub target_file_size: u64,
    /// Files of one partition that may be written at once.
    pub lanes: usize,
    /// Level of ZSTD.
    pub compression_level: i32,
}

impl Default for WriterOptions {
    fn default() -> Self {
        const MIB: usize = 1 << 20;
        Self {
            memory_budget: 128 * MIB,
            row_group_size: 48 * MIB,
            target_file_size: 256 * MIB as u64,
            lanes: std::thread::available_parallelism().map_or(1, Into::into),
            compression_level: 3,
        }
    }
}

/// A file that has been staged.
#[derive(Debug, Clone, PartialEq)]
pub struct StagedFile {
    /// Where it is now.
    pub location: Path,
    /// Its place in the table's folder once published: `k=v/g-…/part-00000.parquet`.
    pub relative: String,
    /// Values of the partition columns, in the contract's order.
    pub partition: Vec<PartitionValue>,
    /// Rows in it.
    pub rows: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// Delta's statistics of it, as JSON.
    pub statistics: String,
}

/// What a run has staged: audited next, then published or discarded.
#[derive(Debug, Clone)]
pub struct Staged {
    pub(crate) contract: Arc<Contract>,
    pub(crate) run: RunId,
    pub(crate) mode: WriteMode,
    /// The files.
    pub files: Vec<StagedFile>,
    /// Rows in all.
    pub rows: u64,
    /// Bytes in all.
    pub bytes: u64,
}

impl Staged {
    /// The table that it is for.
    pub fn table(&self) -> &TableName {
        self.contract.table()
    }
}

/// Takes clean batches from several workers at once.
///
/// Rows wait in memory, by partition. A partition that holds a row group's worth is encoded and written by the worker
/// that filled it; when all partitions together exceed the budget, the fullest one is written early. Between row groups an
/// open file costs its metadata and up to a chunk of bytes, and only so many are open at once.
pub struct StagedWriter {
    contract: Arc<Contract>,
    run: RunId,
    mode: WriteMode,
    options: WriterOptions,
    splitter: Splitter,
    format: Arc<FileFormat>,
    partitions: Mutex<HashMap<Vec<PartitionValue>, Arc<Partition>>>,
    buffered: AtomicUsize,
}

impl Lake {
    /// Begins to stage rows of a table.
    ///
    /// # Errors
    /// When the contract's schema cannot be written as Parquet, which is a defect.
    pub fn stage(
        &self,
        contract: &Arc<Contract>,
        zone: Tz,
        run: RunId,
        mode: WriteMode,
        options: WriterOptions,
    ) -> Result<StagedWriter> {
        let folder = match mode {
            WriteMode::Append => format!("staging/{run}/{}", contract.table()),
            _ => format!("tables/{}", contract.table()),
        };
        let splitter = Splitter::new(contract, zone)?;
        let format = FileFormat::new(self, folder, Arc::clone(contract), splitter.file_schema(), &options)?;
        Ok(StagedWriter {
            contract: Arc::clone(contract),
            run,
            mode,
            options,
            splitter,
            format: Arc::new(format),
            partitions: Mutex::default(),
            buffered: AtomicUsize::new(0),
        })
    }

    /// Deletes what a run has staged. Only for runs that no commit names.
    ///
    /// # Errors
    /// When it cannot be listed or deleted.
    pub async fn discard(&self, staged: Staged) -> Result<()> {
        for file in &staged.files {
            self.delete(&file.location).await?;
        }
        self.discard_run(staged.table(), staged.run).await
    }

    /// Deletes whatever a run has left below the table and in staging. Only for runs that no commit names.
    ///
    /// # Errors
    /// When it cannot be listed or deleted.
    pub async fn discard_run(&self, table: &TableName, run: RunId) -> Result<()> {
        let place = self.table_key(table)?;
        let generation = run.generation();
        // Appended files stand in other runs' generations, under names of their own.
        let appended = format!("part-{}-", run.to_string().to_ascii_lowercase());
        let mut own = Vec::new();
        let mut listed = self.store().list(Some(&place));
        while let Some(meta) = listed.next().await {
            let key = meta.map_err(|e| crate::failure::store(&e, self.shown(&place)))?.location;
            let own_name = key.filename().is_some_and(|name| name.starts_with(&appended));
            if own_name || key.parts().any(|part| part.as_ref() == generation) {
                own.push(key);
            }
        }
        drop(listed);
        self.delete_all(own).await?;
        if let Some(folder) = self.folder() {
            let table = folder.join("tables").join(table.as_str());
            for below in generation_folders(&table, &generation) {
                crate::location::remove_empty_folders(&below);
            }
        }
        self.clear_append(table, run).await
    }
}

/// Folders named `generation` below `folder`.
fn generation_folders(folder: &std::path::Path, generation: &str) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for path in entries.flatten().map(|e| e.path()).filter(|p| p.is_dir()) {
        if path.file_name().is_some_and(|name| name == generation) {
            found.push(path);
        } else {
            found.extend(generation_folders(&path, generation));
        }
    }
    found
}

impl StagedWriter {
    /// The columns of the table, as of [`Staged::schema`].
    pub fn schema(&self) -> Schema {
        schema_of(&self.contract)
    }

    /// Columns of the table, partition columns among them, as readers will find them in these rows.
    ///
    /// # Errors
    /// When there is no such column.
    pub fn as_published(&self, batch: &CleanBatch, columns: &SchemaRef) -> Result<RecordBatch> {
        self.splitter.as_published(batch, columns)
    }

    /// Takes the rows of a batch.
    ///
    /// # Errors
    /// When a file cannot be written, or a partition value cannot become a folder's name.
    pub async fn write(&self, batch: CleanBatch) -> Result<()> {
        for (values, rows) in self.splitter.split(&batch)? {
            let partition = self.partition(values)?;
            let size = rows.columns().iter().map(|c| c.to_data().get_slice_memory_size().unwrap_or(0)).sum();
            self.buffered.fetch_add(size, Ordering::Relaxed);
            if partition.push(rows, size) >= self.options.row_group_size {
                self.flush(&partition).await?;
            }
        }
        while self.buffered.load(Ordering::Relaxed) > self.options.memory_budget {
            let Some(fullest) = self.all_partitions().into_iter().max_by_key(|p| p.buffered()) else { break };
            if self.flush(&fullest).await? == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Writes what is still in memory and closes every file.
    ///
    /// # Errors
    /// When a file cannot be written or closed.
    pub async fn finish(self) -> Result<Staged> {
        let partitions = std::mem::take(&mut *self.partitions.lock().unwrap_or_else(PoisonError::into_inner));
        // Encoding runs on threads of its own, and all are waited for: what a failed run goes on writing could not be cleared.
        let handle = tokio::runtime::Handle::current();
        let closed: Vec<Result<Vec<StagedFile>>> = futures::stream::iter(partitions.into_values())
            .map(|partition| {
                let handle = handle.clone();
                tokio::task::spawn_blocking(move || handle.block_on(partition.close()))
            })
            .buffer_unordered(self.options.lanes.max(1))
            .map(|joined| joined.unwrap_or_else(|_| Err(Error::bug("a writer has stopped"))))
            .collect()
            .await;
        let closed: Vec<Vec<StagedFile>> = closed.into_iter().collect::<Result<_>>()?;
        let mut files: Vec<StagedFile> = closed.into_iter().flatten().collect();
        files.sort_by(|a, b| a.relative.cmp(&b.relative));
        let (rows, bytes) = (files.iter().map(|f| f.rows).sum(), files.iter().map(|f| f.bytes).sum());
        Ok(Staged { contract: self.contract, run: self.run, mode: self.mode, files, rows, bytes })
    }

    fn partition(&self, values: Vec<PartitionValue>) -> Result<Arc<Partition>> {
        let mut partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = partitions.get(&values) {
            return Ok(Arc::clone(known));
        }
        let folder = self.splitter.folder(&values, self.run)?;
        let partition = Arc::new(Partition::new(values.clone(), folder, Arc::clone(&self.format)));
        partitions.insert(values, Arc::clone(&partition));
        Ok(partition)
    }

    fn all_partitions(&self) -> Vec<Arc<Partition>> {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Rows count as held until they are written: while one worker encodes, the others must not fill the same space again.
    async fn flush(&self, partition: &Partition) -> Result<usize> {
        let (rows, size) = partition.take();
        let encoded = partition.encode(rows).await;
        self.buffered.fetch_sub(size, Ordering::Relaxed);
        encoded?;
        self.close_idle(partition).await?;
        Ok(size)
    }

    /// Closes files of other partitions when too many are open: each holds a descriptor and a chunk of bytes.
    async fn close_idle(&self, busy: &Partition) -> Result<()> {
        while self.format.too_many_open() {
            let idle = self.all_partitions().into_iter().filter(|p| !std::ptr::eq(Arc::as_ptr(p), busy));
            let Some(largest) = idle.max_by_key(|p| p.idle_bytes()).filter(|p| p.idle_bytes() > 0) else { break };
            largest.close_one_idle().await?;
        }
        Ok(())
    }
}
