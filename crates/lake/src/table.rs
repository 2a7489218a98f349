//! A table's log: loading it, making it, and what its head says.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel as _;
use deltalake::kernel::transaction::CommitProperties;
use deltalake::kernel::{DataType, MetadataExt as _, PrimitiveType, StructField, StructType};
use deltalake::logstore::{LogStoreRef, StorageConfig, default_logstore};
use deltalake::operations::create::CreateBuilder;
use deltalake::{DeltaTable, DeltaTableError, TableProperty};
use lakegate_contract::{Contract, Error, PartitionValue, Result, TableName};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use serde_json::Value;
use url::Url;

use crate::{Lake, RunId, RunInfo, WriteMode, failure};

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
    /// The number of that commit: the next run's is one more.
    pub sequence: i64,
    /// The files of this version.
    pub files: Vec<LiveFile>,
    /// The columns of the files.
    pub columns: Vec<PublishedColumn>,
    /// The partition columns, outermost first.
    pub partition_columns: Vec<PublishedColumn>,
}

/// A column as the log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedColumn {
    /// Its name.
    pub name: String,
    /// Its type, in Athena's words.
    pub data_type: String,
    /// What it holds, for people.
    pub comment: Option<String>,
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
        match self.load(table, None).await? {
            Some(delta) => self.head_of(&delta, table).await.map(Some),
            None => Ok(None),
        }
    }

    /// The newest version of the contract's table, once its published schema is known to take what the contract declares:
    /// before anything is read for it.
    ///
    /// # Errors
    /// [`Class::Usage`](lakegate_contract::Class::Usage) when a column's type or the partition columns differ.
    pub async fn head_for(&self, contract: &Contract, mode: WriteMode) -> Result<Option<Head>> {
        let Some(delta) = self.load(contract.table(), None).await? else { return Ok(None) };
        schema_change(&delta, contract, mode).map_err(|e| e.within(format!("schemas/{}.toml", contract.table())))?;
        self.head_of(&delta, contract.table()).await.map(Some)
    }

    async fn head_of(&self, delta: &DeltaTable, table: &TableName) -> Result<Head> {
        let version = version_of(delta)?;
        let sequence = sequence_of(delta, table).await?;
        let run = newest_run(&delta.log_store(), version, None).await?.map(|(_, info)| info);
        if run.is_none() && sequence > 0 {
            return Err(Error::unavailable("the log no longer has the commit of the last run")
                .at(self.place(table))
                .expected("a log whose entries are kept: it says how far the last run has read")
                .help(
                    "restore the deleted entries of _delta_log; without them the next run would load everything twice",
                ));
        }
        let files = live_files(delta, &self.place(table))?;
        let (partition_columns, columns) = published_columns(delta, table)?;
        Ok(Head { version, run, sequence, files, columns, partition_columns })
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
            Ok(()) => {
                refuse_unknown_features(&delta, &self.place(table))?;
                Ok(Some(delta))
            }
            Err(DeltaTableError::NotATable(_)) => Err(Error::unavailable("the table's log has no readable version")
                .at(format!("{}/_delta_log", self.place(table)))
                .expected("00000000000000000000.json and those that follow it")
                .help("restore the log; if the table was never published, delete the folder")),
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
            // The library's own retry would make the table a second time, at version 1, when another run was first.
            .with_commit_properties(CommitProperties::default().with_max_retries(0))
            // How far the last run has read stands in its log entry.
            .with_configuration_property(TableProperty::EnableExpiredLogCleanup, Some("false"))
            // Every load reads the entries since the last checkpoint: one request each on a bucket.
            .with_configuration_property(TableProperty::CheckpointInterval, Some("10"))
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

/// Runs are sorted by when they began, and commits by when they ended: a run may be overtaken by one that began this much
/// later. A Glue job ends after at most 7 days.
pub(crate) const LONGEST_RUN: chrono::Duration = chrono::Duration::days(8);

/// The name under which a table's commits are numbered in its log.
pub(crate) const APPLICATION: &str = "lakegate";

/// The number of the newest of our commits; 0 when there is none.
pub(crate) async fn sequence_of(delta: &DeltaTable, table: &TableName) -> Result<i64> {
    Ok(application_version(delta, table, APPLICATION).await?.unwrap_or(0))
}

/// The version of an application transaction; `None` when the table has none of that name.
pub(crate) async fn application_version(delta: &DeltaTable, table: &TableName, name: &str) -> Result<Option<i64>> {
    let failed = |e| failure::delta(e, table.to_string());
    let snapshot = delta.snapshot().map_err(failed)?;
    snapshot.transaction_version(delta.log_store().as_ref(), name).await.map_err(failed)
}

/// Reading goes by the files' own columns and rows: features that change what they mean must not be passed over.
fn refuse_unknown_features(delta: &DeltaTable, place: &str) -> Result<()> {
    let protocol = delta.snapshot().map_err(|e| failure::delta(e, place))?.protocol();
    if protocol.min_reader_version() <= 1 {
        return Ok(());
    }
    Err(Error::usage(format!("the table was upgraded to Delta reader version {}", protocol.min_reader_version()))
        .at(place)
        .expected("reader version 1: no deletion vectors, no column mapping")
        .help("restore the table, or load it into one of another name"))
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
/// Columns may come; a column that the contract no longer has stays in the log, as NULL in new files. Where older files stay,
/// what they may lack or hold as NULL stays nullable, whatever the contract says.
pub(crate) fn schema_change(
    delta: &DeltaTable,
    contract: &Contract,
    mode: WriteMode,
) -> Result<Option<deltalake::kernel::Action>> {
    let keeps_files = mode != WriteMode::Replace;
    let snapshot = delta.snapshot().map_err(|e| failure::delta(e, contract.table().to_string()))?;
    let (old, new) = (snapshot.schema(), log_schema(contract)?);
    let partitions: Vec<&str> = contract.partition_by().iter().map(|f| f.name.as_str()).collect();
    let logged: Vec<&String> = snapshot.metadata().partition_columns().iter().collect();
    if logged != partitions {
        return Err(Error::usage(format!(
            "table {} is partitioned by ({}), the contract says ({})",
            contract.table(),
            logged.iter().map(|s| s.as_str()).collect::<Vec<_>>().join(", "),
            partitions.join(", ")
        ))
        .help("a published table keeps its partition columns: give the new layout another table name"));
    }
    let mut changed = false;
    let mut fields: Vec<StructField> = Vec::new();
    for field in old.fields() {
        let gone = new.field(field.name()).is_none() && !field.is_nullable();
        changed |= gone;
        fields.push(if gone { with_nullable(field, true) } else { field.clone() });
    }
    for field in new.fields() {
        let known_nullable = fields.iter().find(|f| f.name() == field.name()).is_none_or(StructField::is_nullable);
        let field = &with_nullable(field, field.is_nullable() || (keeps_files && known_nullable));
        match fields.iter_mut().find(|f| f.name() == field.name()) {
            Some(known) if known.data_type() != field.data_type() => {
                return Err(Error::usage(format!(
                    "column `{}` of table {} is {} in the lake and {} in the contract",
                    field.name(),
                    contract.table(),
                    athena_word(known.data_type()),
                    athena_word(field.data_type())
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

/// The partition columns, in their order, and those of the files.
fn published_columns(delta: &DeltaTable, table: &TableName) -> Result<(Vec<PublishedColumn>, Vec<PublishedColumn>)> {
    let snapshot = delta.snapshot().map_err(|e| failure::delta(e, table.to_string()))?;
    let schema = snapshot.schema();
    let keys = snapshot.metadata().partition_columns();
    let column = |field: &StructField| PublishedColumn {
        name: field.name().clone(),
        data_type: athena_word(field.data_type()),
        comment: field.metadata().get("comment").map(ToString::to_string),
    };
    let partitions = keys.iter().filter_map(|key| schema.field(key)).map(column).collect();
    let files = schema.fields().filter(|field| !keys.contains(field.name())).map(column).collect();
    Ok((partitions, files))
}

/// A type of the log in the words of contracts.
fn athena_word(data_type: &DataType) -> String {
    match data_type {
        DataType::Primitive(PrimitiveType::Long) => "bigint".to_owned(),
        DataType::Primitive(PrimitiveType::Integer) => "int".to_owned(),
        DataType::Primitive(PrimitiveType::Short) => "smallint".to_owned(),
        DataType::Primitive(PrimitiveType::Byte) => "tinyint".to_owned(),
        DataType::Primitive(PrimitiveType::TimestampNtz) => "timestamp".to_owned(),
        DataType::Array(array) => format!("array<{}>", athena_word(array.element_type())),
        DataType::Map(map) => format!("map<{},{}>", athena_word(map.key_type()), athena_word(map.value_type())),
        DataType::Struct(fields) => {
            let fields: Vec<String> =
                fields.fields().map(|f| format!("{}:{}", f.name(), athena_word(f.data_type()))).collect();
            format!("struct<{}>", fields.join(","))
        }
        other => other.to_string(),
    }
}

fn with_nullable(field: &StructField, nullable: bool) -> StructField {
    let mut field = field.clone();
    field.nullable = nullable;
    field
}

/// The newest commit at or below `version`, and above `after`, that one of our runs made.
pub(crate) async fn newest_run(log: &LogStoreRef, version: u64, after: Option<u64>) -> Result<Option<(u64, RunInfo)>> {
    let mut version = Some(version);
    while let Some(current) = version.filter(|v| after.is_none_or(|after| *v > after)) {
        // Cleaned-up commits are gone: nothing older can be told.
        let entry =
            log.read_commit_entry(current).await.map_err(|e| failure::delta(e, format!("log entry {current}")))?;
        let Some(entry) = entry else { return Ok(None) };
        if let Some(info) = run_of(&entry, current)? {
            return Ok(Some((current, info)));
        }
        version = current.checked_sub(1);
    }
    Ok(None)
}

/// The commit that a run has made, at or below `version` and above `after`, if it has made one.
pub(crate) async fn commit_of_run(
    log: &LogStoreRef,
    version: u64,
    after: Option<u64>,
    run: RunId,
) -> Result<Option<(u64, RunInfo)>> {
    let mut version = Some(version);
    while let Some(current) = version {
        match newest_run(log, current, after).await? {
            Some((found, info)) if info.run == run => return Ok(Some((found, info))),
            // What was committed by a run that had to be over before this one began cannot have this one's below it.
            Some((_, info)) if run.began() - info.run.began() > LONGEST_RUN => return Ok(None),
            Some((found, _)) => version = found.checked_sub(1),
            None => return Ok(None),
        }
    }
    Ok(None)
}

/// What a log entry says of our run; `None` when another program made it.
pub(crate) fn run_of(entry: &[u8], version: u64) -> Result<Option<RunInfo>> {
    let place = || format!("log entry {version}");
    let text = std::str::from_utf8(entry).map_err(|_| Error::unavailable("the entry is not UTF-8").at(place()))?;
    for line in text.lines().filter(|line| line.contains("commitInfo")) {
        let action: Value = serde_json::from_str(line)
            .map_err(|_| Error::unavailable("the entry is not whole").at(place()).help("restore the log's file"))?;
        let Some(info) = action.get("commitInfo").and_then(|info| info.get("lakegate")) else { continue };
        return serde_json::from_value(info.clone()).map(Some).map_err(|_| {
            Error::usage("the entry was written by another version of lakegate")
                .at(place())
                .help("run the newest version: this one cannot tell how far the last run has read")
        });
    }
    Ok(None)
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
