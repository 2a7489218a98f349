//! Reading: a table at a version, or staged files before they are published, as a DataFusion table.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, ScalarValue, Statistics, stats::Precision};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result as DataFusionResult;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::prelude::SessionContext;
use deltalake::kernel::engine::arrow_conversion::TryIntoArrow as _;
use lakegate_contract::{Contract, Error, PartitionValue, Result, TableName};
use object_store::ObjectMeta;
use object_store::path::Path;

use crate::table::{file_key, live_files, version_of};
use crate::{Lake, Staged, failure};

impl Lake {
    /// Registers a table under `name`, at `version` or at its newest; returns the version.
    ///
    /// # Errors
    /// When the table has not been published, or its log cannot be read.
    pub async fn register(
        &self,
        context: &SessionContext,
        name: &str,
        table: &TableName,
        version: Option<u64>,
    ) -> Result<u64> {
        let delta = self.load(table, version).await?.ok_or_else(|| {
            Error::usage(format!("table {table} has not been published"))
                .at(self.location())
                .help("run the job that loads it, then try again")
        })?;
        let version = version_of(&delta)?;
        let snapshot = delta.snapshot().map_err(|e| failure::delta(e, self.place(table)))?;
        let schema: Schema = snapshot
            .schema()
            .as_ref()
            .try_into_arrow()
            .map_err(|e| Error::bug("the log's schema is not one of Arrow's").caused_by(e))?;
        let partition_columns = snapshot.metadata().partition_columns().to_vec();
        let files = live_files(&delta, &self.place(table))?
            .into_iter()
            .map(|file| {
                let key = file_key(self, table, &file.relative)?;
                Ok(File { key, bytes: file.bytes, rows: file.rows, partition: file.partition })
            })
            .collect::<Result<Vec<_>>>()?;
        self.provide(context, name, &schema, &partition_columns, files)?;
        Ok(version)
    }

    fn provide(
        &self,
        context: &SessionContext,
        name: &str,
        schema: &Schema,
        partition_columns: &[String],
        files: Vec<File>,
    ) -> Result<()> {
        let url = self.store_url()?;
        context.runtime_env().register_object_store(url.as_ref(), self.store());
        let table = ParquetTable::new(url, schema, partition_columns, files)?;
        context
            .register_table(name, Arc::new(table))
            .map_err(|e| Error::usage(format!("`{name}` cannot be registered")).caused_by(e))?;
        Ok(())
    }
}

impl Staged {
    /// Registers the staged files under `name`, partition columns included, as readers would find them once published.
    ///
    /// # Errors
    /// When the staged schema cannot be read back, which is a defect.
    pub fn register(&self, lake: &Lake, context: &SessionContext, name: &str) -> Result<()> {
        let schema = self.schema();
        let partition_columns: Vec<String> = self.contract.partition_by().iter().map(|f| f.name.to_string()).collect();
        let files = self
            .files
            .iter()
            .map(|file| File {
                key: file.location.clone(),
                bytes: file.bytes,
                rows: Some(file.rows),
                partition: file.partition.clone(),
            })
            .collect();
        lake.provide(context, name, &schema, &partition_columns, files)
    }

    /// The columns of the files, then the partition columns.
    pub fn schema(&self) -> Schema {
        schema_of(&self.contract)
    }
}

/// The columns of a table's files, then its partition columns.
pub(crate) fn schema_of(contract: &Contract) -> Schema {
    let files = contract.file_columns().map(|c| Field::new(c.name.as_str(), c.published_type().to_arrow(), c.nullable));
    let partitions = contract.partition_columns().map(|(field, t)| Field::new(field.name.as_str(), t.to_arrow(), true));
    Schema::new(files.chain(partitions).collect::<Vec<_>>())
}

struct File {
    key: Path,
    bytes: u64,
    rows: Option<u64>,
    partition: Vec<PartitionValue>,
}

/// A fixed list of Parquet files with their partition values.
#[derive(Debug)]
struct ParquetTable {
    url: ObjectStoreUrl,
    table_schema: TableSchema,
    schema: SchemaRef,
    files: Vec<PartitionedFile>,
}

impl ParquetTable {
    fn new(url: ObjectStoreUrl, schema: &Schema, partition_columns: &[String], files: Vec<File>) -> Result<Self> {
        let is_partition = |field: &FieldRef| partition_columns.contains(field.name());
        let in_files: Vec<FieldRef> = schema.fields().iter().filter(|f| !is_partition(f)).cloned().collect();
        let partitions: Vec<FieldRef> = partition_columns
            .iter()
            .filter_map(|name| schema.fields().iter().find(|f| f.name() == name).cloned())
            .collect();
        let table_schema =
            TableSchema::builder(Arc::new(Schema::new(in_files))).with_table_partition_cols(partitions.clone()).build();
        let schema = Arc::clone(table_schema.table_schema());
        let files =
            files.into_iter().map(|file| partitioned_file(file, &partitions, &schema)).collect::<Result<_>>()?;
        Ok(Self { url, table_schema, schema, files })
    }
}

fn partitioned_file(file: File, partitions: &[FieldRef], schema: &SchemaRef) -> Result<PartitionedFile> {
    let values = partitions
        .iter()
        .zip(&file.partition)
        .map(|(field, value)| partition_value(field.data_type(), value))
        .collect::<Result<Vec<_>>>()?;
    let mut out = PartitionedFile::new_from_meta(ObjectMeta {
        location: file.key,
        last_modified: chrono::DateTime::UNIX_EPOCH,
        size: file.bytes,
        e_tag: None,
        version: None,
    });
    out.partition_values = values;
    if let Some(rows) = file.rows.and_then(|rows| usize::try_from(rows).ok()) {
        let mut statistics = Statistics::new_unknown(schema);
        statistics.num_rows = Precision::Exact(rows);
        out.statistics = Some(Arc::new(statistics));
    }
    Ok(out)
}

pub(crate) fn partition_value(data_type: &DataType, value: &PartitionValue) -> Result<ScalarValue> {
    let bad = |e| Error::bug(format!("a partition value is not of type {data_type}")).caused_by(e);
    match value {
        None => ScalarValue::try_from(data_type).map_err(bad),
        Some(text) => ScalarValue::try_from_string(text.clone(), data_type).map_err(bad),
    }
}

impl Lake {
    fn store_url(&self) -> Result<ObjectStoreUrl> {
        let text = match self.location().strip_prefix("s3://") {
            Some(rest) => format!("s3://{}/", rest.split('/').next().unwrap_or_default()),
            None => "file:///".to_owned(),
        };
        ObjectStoreUrl::parse(text).map_err(|e| Error::bug("the store has no URL").caused_by(e))
    }
}

#[async_trait]
impl TableProvider for ParquetTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DataFusionResult<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        if self.files.is_empty() {
            // A scan without a file has no partition, and an aggregate over it would give no row at all.
            let projected =
                projection.map_or_else(|| Ok(Arc::clone(&self.schema)), |p| self.schema.project(p).map(Arc::new))?;
            return Ok(Arc::new(EmptyExec::new(projected)));
        }
        let mut source = ParquetSource::new(self.table_schema.clone())
            .with_table_parquet_options(state.table_options().parquet.clone());
        if let Some(filter) = conjunction(filters.to_vec()) {
            let schema = DFSchema::try_from(Arc::clone(&self.schema))?;
            source = source.with_predicate(state.create_physical_expr(filter, &schema)?);
        }
        let groups = FileGroup::new(self.files.clone()).split_files(state.config().target_partitions());
        let mut statistics = Statistics::new_unknown(&self.schema);
        let rows: Option<usize> = self.files.iter().map(|f| f.statistics.as_ref()?.num_rows.get_value().copied()).sum();
        statistics.num_rows = rows.map_or(Precision::Absent, Precision::Exact);
        let config = FileScanConfigBuilder::new(self.url.clone(), Arc::new(source))
            .with_file_groups(groups)
            .with_statistics(statistics)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}
