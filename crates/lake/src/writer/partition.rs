//! One partition's buffer and open files.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use lakegate_contract::{PartitionValue, Result};

use super::StagedFile;
use super::file::{FileFormat, OpenFile};

/// Rows that wait to be written, and the files that take them.
pub(super) struct Partition {
    values: Vec<PartitionValue>,
    folder: String,
    format: Arc<FileFormat>,
    buffer: Mutex<Buffer>,
    /// Open files that no worker is writing to.
    free: Mutex<Vec<OpenFile>>,
    closed: Mutex<Vec<StagedFile>>,
}

#[derive(Default)]
struct Buffer {
    rows: Vec<RecordBatch>,
    size: usize,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Partition {
    pub(super) fn new(values: Vec<PartitionValue>, folder: String, format: Arc<FileFormat>) -> Self {
        Self { values, folder, format, buffer: Mutex::default(), free: Mutex::default(), closed: Mutex::default() }
    }

    /// Adds rows; returns the bytes that wait now.
    pub(super) fn push(&self, rows: RecordBatch, size: usize) -> usize {
        let mut buffer = locked(&self.buffer);
        buffer.rows.push(rows);
        buffer.size += size;
        buffer.size
    }

    pub(super) fn buffered(&self) -> usize {
        locked(&self.buffer).size
    }

    pub(super) fn take(&self) -> (Vec<RecordBatch>, usize) {
        let buffer = std::mem::take(&mut *locked(&self.buffer));
        (buffer.rows, buffer.size)
    }

    /// Writes rows as one row group to a file that is free, or to a new one.
    pub(super) async fn encode(&self, rows: Vec<RecordBatch>) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let free = locked(&self.free).pop();
        let mut file = match free {
            Some(file) => file,
            None => self.open(),
        };
        file.write_row_group(&rows).await?;
        if file.is_full() {
            let closed = file.close(&self.values).await?;
            locked(&self.closed).push(closed);
        } else {
            locked(&self.free).push(file);
        }
        Ok(())
    }

    /// No two files of a run have the same number: on a disk that takes two partitions' names for one they would overwrite
    /// each other.
    fn open(&self) -> OpenFile {
        OpenFile::new(&self.format, format!("{}/part-{:05}.parquet", self.folder, self.format.next_part()))
    }

    /// Bytes of the largest file that is open and idle; 0 when there is none.
    pub(super) fn idle_bytes(&self) -> usize {
        locked(&self.free).iter().map(OpenFile::bytes).max().unwrap_or(0)
    }

    /// Closes the largest idle file: what comes later goes to another.
    pub(super) async fn close_one_idle(&self) -> Result<()> {
        let taken = {
            let mut free = locked(&self.free);
            let largest = (0..free.len()).max_by_key(|i| free.get(*i).map_or(0, OpenFile::bytes));
            largest.map(|index| free.swap_remove(index))
        };
        if let Some(file) = taken {
            let closed = file.close(&self.values).await?;
            locked(&self.closed).push(closed);
        }
        Ok(())
    }

    /// Writes what waits and closes every file.
    pub(super) async fn close(&self) -> Result<Vec<StagedFile>> {
        let (rows, _) = self.take();
        self.encode(rows).await?;
        let open = std::mem::take(&mut *locked(&self.free));
        let mut closed = std::mem::take(&mut *locked(&self.closed));
        for file in open {
            closed.push(file.close(&self.values).await?);
        }
        Ok(closed)
    }
}
