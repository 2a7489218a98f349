//! A table's log: loading it, making it, and what its head says.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel as _;
use deltalake::kernel::{MetadataExt as _, StructType};
use deltalake::logstore::{LogStoreRef, StorageConfig, default_logstore};
use deltalake::operations::create::CreateBuilder;
use deltalake::{DeltaTable, DeltaTableError};
use lakegate_contract::{Contract, Error, PartitionValue, Result, TableName};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use serde_json::Value;
use url::Url;

use crate::{Lake, RunInfo, failure};

/// A file that the head of a log names.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveFile {
    /// Its place in the table's folder.
    pub relative: String,
    /// Values of the partition columns, in the table's order.
    pub partition: Vec<PartitionValue>,
    /// Rows in it, where the log knows.
    pub rows: Option<u64>,
    /// Its size in bytes.
    pub bytes: u64,
}

impl LiveFile {
    /// The folder of the partition's generation, relative to the table's folder.
    pub fn folder(&self) -> &str {
        self.relative.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

/// The newest version of a table.
#[derive(Debug, Clone)]
pub struct Head {
    /// Delta's version.
    pub version: u64,
    /// What the newest of our commits says of its run.
    pub run: Option<RunInfo>,
    /// The files of this version.
    pub files: Vec<LiveFile>,
}

impl Head {
    /// Rows in all files.
    pub fn rows(&self) -> u64 {
        self.files.iter().filter_map(|f| f.rows).sum()
    }
}

impl Lake {
    /// The newest version of a table; `None` when it has never been published.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn head(&self, table: &TableName) -> Result<Option<Head>> {
        let Some(delta) = self.load(table, None).await? else { return Ok(None) };
        let version = version_of(&delta)?;
        let run =
            newest_run(&delta.log_store(), version, None).await.map_err(|e| failure::delta(e, self.place(table)))?;
        Ok(Some(Head { version, run: run.map(|(_, info)| info), files: live_files(&delta, &self.place(table))? }))
    }

    pub(crate) fn place(&self, table: &TableName) -> String {
        format!("{}/tables/{table}", self.location().trim_end_matches('/'))
    }

    /// Delta's view of a table. Its addresses begin at the lake, not at the root of the disk or bucket: Delta's kernel
    /// decodes a folder's name once too often, so a lake below `a%41` would be looked for below `aA`.
    pub(crate) fn log_store(&self, table: &TableName) -> Result<LogStoreRef> {
        let root = PrefixStore::new(self.store(), self.key("")?);
        let below = PrefixStore::new(self.store(), self.table_key(table)?);
        let url =
            Url::parse(&format!("lake:///tables/{table}/")).map_err(|_| Error::bug("a table's URL is malformed"))?;
        Ok(default_logstore(Arc::new(below), Arc::new(root), &url, &StorageConfig::default()))
    }

    /// Loads a table at a version, or at its newest.
    pub(crate) async fn load(&self, table: &TableName, version: Option<u64>) -> Result<Option<DeltaTable>> {
        if !self.has_log(table).await? {
            return Ok(None);
        }
        let mut delta = DeltaTable::new(self.log_store(table)?);
        let loaded = match version {
            None => delta.load().await,
            Some(version) => delta.load_version(version).await,
        };
        match loaded {
            Ok(()) => Ok(Some(delta)),
            Err(DeltaTableError::NotATable(_)) => Ok(None),
            Err(error) => Err(failure::delta(error, self.place(table))),
        }
    }

    /// Loads the table, making it first if it is not there.
    pub(crate) async fn load_or_create(&self, contract: &Contract) -> Result<DeltaTable> {
        let table = contract.table();
        if let Some(delta) = self.load(table, None).await? {
            return Ok(delta);
        }
        let schema = log_schema(contract)?;
        let mut create = CreateBuilder::new()
            .with_log_store(self.log_store(table)?)
            .with_table_name(table.as_str())
            .with_columns(schema.fields().cloned())
            .with_partition_columns(contract.partition_by().iter().map(|f| f.name.to_string()));
        if let Some(description) = contract.description() {
            create = create.with_comment(description);
        }
        match create.await {
            Ok(delta) => Ok(delta),
            // Another run may have made it in between; whatever it was, the log now tells.
            Err(error) => match self.load(table, None).await? {
                Some(delta) => Ok(delta),
                None => Err(failure::delta(error, self.place(table))),
            },
        }
    }
}

pub(crate) fn version_of(delta: &DeltaTable) -> Result<u64> {
    delta.version().ok_or_else(|| Error::bug("a loaded table has no version"))
}

/// The schema as the log has it: the columns of the files, then the partition columns.
pub(crate) fn log_schema(contract: &Contract) -> Result<StructType> {
    let files = contract.file_columns().map(|column| {
        let field = Field::new(column.name.as_str(), column.published_type().to_arrow(), column.nullable);
        match &column.comment {
            Some(comment) => field.with_metadata([("comment".to_owned(), comment.clone())].into()),
            None => field,
        }
    });
    let partitions = contract
        .partition_columns()
        .map(|(field, data_type)| Field::new(field.name.as_str(), data_type.to_arrow(), true));
    let schema = Schema::new(files.chain(partitions).collect::<Vec<_>>());
    (&schema).try_into_kernel().map_err(|e| Error::bug("the contract's schema is not one of Delta's").caused_by(e))
}

/// The action that brings the log's schema up to the contract's; `None` when they are the same.
///
/// Columns may come; a column that the contract no longer has stays in the log, as NULL in new files.
pub(crate) fn schema_change(delta: &DeltaTable, contract: &Contract) -> Result<Option<deltalake::kernel::Action>> {
    let snapshot = delta.snapshot().map_err(|e| failure::delta(e, contract.table().to_string()))?;
    let (old, new) = (snapshot.schema(), log_schema(contract)?);
    let partitions: Vec<&str> = contract.partition_by().iter().map(|f| f.name.as_str()).collect();
    let logged: Vec<&String> = snapshot.metadata().partition_columns().iter().collect();
    if logged != partitions {
        return Err(Error::usage(format!(
            "table {} is partitioned by {logged:?}, the contract says {partitions:?}",
            contract.table()
        ))
        .help("a published table keeps its partition columns: give the new layout another table name"));
    }
    let mut fields: Vec<_> = old.fields().cloned().collect();
    let mut changed = false;
    for field in new.fields() {
        match fields.iter_mut().find(|f| f.name() == field.name()) {
            Some(known) if known.data_type() != field.data_type() => {
                return Err(Error::usage(format!(
                    "column `{}` of table {} is {} in the lake and {} in the contract",
                    field.name(),
                    contract.table(),
                    known.data_type(),
                    field.data_type()
                ))
                .help("a published column keeps its type: give the new one another name"));
            }
            Some(known) if known != field => {
                changed = true;
                *known = field.clone();
            }
            Some(_) => {}
            None => {
                changed = true;
                fields.push(field.clone());
            }
        }
    }
    if !changed {
        return Ok(None);
    }
    let merged = StructType::try_new(fields).map_err(|e| Error::bug("two schemas cannot be merged").caused_by(e))?;
    let metadata = snapshot
        .metadata()
        .clone()
        .with_schema(&merged)
        .map_err(|e| Error::bug("the log's metadata cannot be changed").caused_by(e))?;
    Ok(Some(deltalake::kernel::Action::Metadata(metadata)))
}

/// The newest commit at or below `version`, and above `after`, that one of our runs made.
pub(crate) async fn newest_run(
    log: &LogStoreRef,
    version: u64,
    after: Option<u64>,
) -> Result<Option<(u64, RunInfo)>, DeltaTableError> {
    let mut version = Some(version);
    while let Some(current) = version.filter(|v| after.is_none_or(|after| *v > after)) {
        // Cleaned-up commits are gone: nothing older can be told.
        let Some(entry) = log.read_commit_entry(current).await? else { return Ok(None) };
        if let Some(info) = run_of(&entry) {
            return Ok(Some((current, info)));
        }
        version = current.checked_sub(1);
    }
    Ok(None)
}

fn run_of(entry: &[u8]) -> Option<RunInfo> {
    let text = std::str::from_utf8(entry).ok()?;
    text.lines().find_map(|line| {
        let action: Value = serde_json::from_str(line).ok()?;
        serde_json::from_value(action.get("commitInfo")?.get("lakegate")?.clone()).ok()
    })
}

pub(crate) fn live_files(delta: &DeltaTable, place: &str) -> Result<Vec<LiveFile>> {
    let snapshot = delta.snapshot().map_err(|e| failure::delta(e, place))?;
    let columns = snapshot.metadata().partition_columns().to_vec();
    let log = snapshot.log_data();
    let files = log.iter().map(|file| {
        let mut values = file.partition_values_map();
        LiveFile {
            relative: file.path().into_owned(),
            partition: columns.iter().map(|c| values.remove(c).flatten()).collect(),
            rows: file.num_records().map(|n| n as u64),
            bytes: u64::try_from(file.size()).unwrap_or(0),
        }
    });
    Ok(files.collect())
}

/// The key of a file of a table.
pub(crate) fn file_key(lake: &Lake, table: &TableName, relative: &str) -> Result<Path> {
    lake.key(&format!("tables/{table}/{relative}"))
}
