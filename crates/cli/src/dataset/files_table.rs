//! A fixed list of files of one format as a DataFusion table: what was looked at before is what is read.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{ScalarValue, Statistics};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result as DataFusionResult;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use object_store::ObjectMeta;

use super::partitions::Partitions;

/// The table.
#[derive(Debug, Clone)]
pub struct FilesTable {
    url: ObjectStoreUrl,
    format: Arc<dyn FileFormat>,
    partition_columns: Vec<FieldRef>,
    table_schema: TableSchema,
    files: Vec<PartitionedFile>,
}

impl FilesTable {
    /// A table of these files, whose own columns are those of `schema`.
    pub fn new(
        url: ObjectStoreUrl,
        format: Arc<dyn FileFormat>,
        schema: SchemaRef,
        files: &[ObjectMeta],
        partitions: Partitions,
    ) -> Self {
        let mut values = partitions.values.into_iter();
        let files = files
            .iter()
            .map(|meta| {
                let own = values.next().unwrap_or_default();
                PartitionedFile::new_from_meta(meta.clone()).with_partition_values(own)
            })
            .collect();
        let partition_columns = partitions.columns;
        let table_schema = with_partitions(schema, &partition_columns);
        Self { url, format, partition_columns, table_schema, files }
    }

    /// The same files, read as of another schema.
    #[must_use]
    pub fn with_schema(&self, schema: SchemaRef) -> Self {
        Self { table_schema: with_partitions(schema, &self.partition_columns), ..self.clone() }
    }

    /// The columns of the files.
    pub fn file_schema(&self) -> &SchemaRef {
        self.table_schema.file_schema()
    }

    /// The same with what the files say of themselves, one for each: plans are better for it.
    #[must_use]
    pub fn with_statistics(mut self, statistics: Vec<Statistics>) -> Self {
        // What is told of partition columns takes their values for other than NULL.
        let known = |file: &PartitionedFile| !file.partition_values.iter().any(ScalarValue::is_null);
        let files = self.files.into_iter().zip(statistics);
        let with =
            |(file, own): (PartitionedFile, _)| if known(&file) { file.with_statistics(Arc::new(own)) } else { file };
        self.files = files.map(with).collect();
        self
    }

    /// The same files, which say of each row in which of them it stands, in a column of that name behind all others.
    #[must_use]
    pub fn with_objects(&self, name: &str, shown: impl Fn(&ObjectMeta) -> String) -> Self {
        let mut table = self.clone();
        table.partition_columns.push(Arc::new(Field::new(name, DataType::Utf8, false)));
        table.table_schema = with_partitions(Arc::clone(self.file_schema()), &table.partition_columns);
        for file in &mut table.files {
            file.partition_values.push(ScalarValue::Utf8(Some(shown(&file.object_meta))));
            // It tells nothing of the new column.
            file.statistics = None;
        }
        table
    }

    fn statistics(&self) -> Statistics {
        let schema = self.table_schema.table_schema();
        let known: Option<Vec<&Statistics>> = self.files.iter().map(|file| file.statistics.as_deref()).collect();
        let merged = known.and_then(|known| Statistics::try_merge_iter(known, schema).ok());
        merged.unwrap_or_else(|| Statistics::new_unknown(schema))
    }
}

fn with_partitions(schema: SchemaRef, partitions: &[FieldRef]) -> TableSchema {
    let own = schema.fields().iter().filter(|f| !partitions.iter().any(|p| p.name() == f.name()));
    let own = Schema::new_with_metadata(own.cloned().collect::<Vec<_>>(), schema.metadata().clone());
    TableSchema::builder(Arc::new(own)).with_table_partition_cols(partitions.to_vec()).build()
}

#[async_trait]
impl TableProvider for FilesTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.table_schema.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DataFusionResult<Vec<TableProviderFilterPushDown>> {
        // The optimizer passes them to the files' source afterwards; nothing is decided by the log of a table here.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let groups = FileGroup::new(self.files.clone()).split_files(state.config().target_partitions());
        let source = self.format.file_source(self.table_schema.clone());
        let config = FileScanConfigBuilder::new(self.url.clone(), source)
            .with_file_groups(groups)
            .with_statistics(self.statistics())
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        self.format.create_physical_plan(state, config).await
    }
}
