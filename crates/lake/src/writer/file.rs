//! One Parquet file while it is written.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use lakegate_contract::{Contract, Error, PartitionValue, Result};
use object_store::buffered::BufWriter;
use object_store::path::Path;
use parquet::arrow::AsyncArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::async_writer::AsyncFileWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::spool::Spool;
use super::{StagedFile, WriterOptions};
use crate::{Lake, failure, statistics};

/// Files that may be open at once: a common limit of descriptors is 1,024, and each holds up to a chunk of bytes.
const MAX_OPEN_FILES: usize = 256;
/// Bytes gathered before they go to a local disk.
const LOCAL_CHUNK: usize = 256 << 10;

/// How and where a writer's files are made.
pub(super) struct FileFormat {
    lake: Lake,
    /// The folder that relative names are below.
    folder: String,
    contract: Arc<Contract>,
    schema: SchemaRef,
    properties: WriterProperties,
    target_file_size: u64,
    /// Files made so far.
    parts: AtomicU32,
    /// Files open now.
    open: AtomicUsize,
}

impl FileFormat {
    pub(super) fn new(
        lake: &Lake,
        folder: String,
        contract: Arc<Contract>,
        schema: SchemaRef,
        options: &WriterOptions,
    ) -> Result<Self> {
        let level = ZstdLevel::try_new(options.compression_level).map_err(|_| {
            Error::usage(format!("ZSTD has no level {}", options.compression_level)).expected("1 to 22")
        })?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_created_by(concat!("lakegate ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_statistics_enabled(EnabledStatistics::Page)
            .build();
        let target_file_size = options.target_file_size;
        let (parts, open) = (AtomicU32::new(0), AtomicUsize::new(0));
        Ok(Self { lake: lake.clone(), folder, contract, schema, properties, target_file_size, parts, open })
    }

    /// The number of the next file.
    pub(super) fn next_part(&self) -> u32 {
        self.parts.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn too_many_open(&self) -> bool {
        self.open.load(Ordering::Relaxed) > MAX_OPEN_FILES
    }
}

/// A Parquet file that is being written, wherever it goes.
pub(crate) type Writer = AsyncArrowWriter<Box<dyn AsyncFileWriter>>;

/// A file that row groups are added to.
pub(super) struct OpenFile {
    format: Arc<FileFormat>,
    relative: String,
    writer: Option<(Path, Writer)>,
    rows: u64,
}

impl OpenFile {
    /// A file that is made with its first row group.
    pub(super) fn new(format: &Arc<FileFormat>, relative: String) -> Self {
        Self { format: Arc::clone(format), relative, writer: None, rows: 0 }
    }

    pub(super) async fn write_row_group(&mut self, rows: &[RecordBatch]) -> Result<()> {
        let (location, writer) = match &mut self.writer {
            Some(open) => open,
            unopened => {
                let opened = unopened.insert(open(&self.format, &self.relative)?);
                self.format.open.fetch_add(1, Ordering::Relaxed);
                opened
            }
        };
        for batch in rows {
            self.rows += batch.num_rows() as u64;
            writer.write(batch).await.map_err(|e| failure::parquet(&e, location.to_string()))?;
        }
        writer.flush().await.map_err(|e| failure::parquet(&e, location.to_string()))
    }

    pub(super) fn is_full(&self) -> bool {
        self.writer.as_ref().is_some_and(|(_, writer)| writer.bytes_written() as u64 >= self.format.target_file_size)
    }

    /// Bytes written so far; at least 1 for a file that is open.
    pub(super) fn bytes(&self) -> usize {
        self.writer.as_ref().map_or(0, |(_, writer)| writer.bytes_written().max(1))
    }

    /// Writes the footer; from here on the file is whole and durable, and still nobody's.
    pub(super) async fn close(self, partition: &[PartitionValue]) -> Result<StagedFile> {
        let (location, mut writer) = self.writer.ok_or_else(|| Error::bug("a file without rows is closed"))?;
        self.format.open.fetch_sub(1, Ordering::Relaxed);
        let metadata = writer.finish().await.map_err(|e| failure::parquet(&e, location.to_string()))?;
        Ok(StagedFile {
            bytes: writer.bytes_written() as u64,
            statistics: statistics::of_file(&metadata, &self.format.contract),
            location,
            relative: self.relative,
            partition: partition.to_vec(),
            rows: self.rows,
        })
    }
}

fn open(format: &FileFormat, relative: &str) -> Result<(Path, Writer)> {
    let location = format.lake.key(&format!("{}/{relative}", format.folder))?;
    let sink = sink_at(&format.lake, &location)?;
    let options = ArrowWriterOptions::new().with_properties(format.properties.clone()).with_skip_arrow_metadata(true);
    let writer = AsyncArrowWriter::try_new_with_options(sink, Arc::clone(&format.schema), options)
        .map_err(|e| failure::parquet(&e, location.to_string()))?;
    Ok((location, writer))
}

/// Where a file's bytes go: straight to a local disk, by way of it to a bucket.
pub(crate) fn sink_at(lake: &Lake, location: &Path) -> Result<Box<dyn AsyncFileWriter>> {
    if lake.folder().is_some() {
        return Ok(Box::new(BufWriter::with_capacity(lake.store(), location.clone(), LOCAL_CHUNK)));
    }
    let spool = Spool::new(lake.store(), location.clone()).map_err(|e| failure::parquet(&e, location.to_string()))?;
    Ok(Box::new(spool))
}
