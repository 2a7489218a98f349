//! Between this crate's tables and those of Glue's API.

use std::collections::BTreeMap;

use aws_sdk_glue::error::BuildError;
use aws_sdk_glue::types;
use lakegate_contract::Error;

use crate::model::{Column, Format, Partition, Table};

const PARQUET_INPUT: &str = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat";
const PARQUET_OUTPUT: &str = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat";
const PARQUET_SERDE: &str = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe";
/// What Glue's crawler writes for a native Delta table: engines look at the parameters, not at these.
const DELTA_INPUT: &str = "org.apache.hadoop.mapred.SequenceFileInputFormat";
const DELTA_OUTPUT: &str = "org.apache.hadoop.hive.ql.io.HiveSequenceFileOutputFormat";
const DELTA_SERDE: &str = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe";

/// Glue's table as ours.
pub(crate) fn table(table: &types::Table) -> Table {
    let storage = table.storage_descriptor();
    let parameters: BTreeMap<String, String> = parameters(table.parameters());
    Table {
        name: table.name().to_owned(),
        description: table.description().map(str::to_owned).filter(|text| !text.is_empty()),
        columns: columns(storage.map(types::StorageDescriptor::columns).unwrap_or_default()),
        partition_keys: columns(table.partition_keys()),
        location: storage.and_then(types::StorageDescriptor::location).unwrap_or_default().to_owned(),
        format: format(storage, table.table_type(), &parameters),
        parameters,
    }
}

fn format(
    storage: Option<&types::StorageDescriptor>,
    table_type: Option<&str>,
    parameters: &BTreeMap<String, String>,
) -> Format {
    let kind = parameters.get("table_type").map(|kind| kind.to_ascii_uppercase());
    let serde =
        storage.and_then(types::StorageDescriptor::serde_info).and_then(types::SerDeInfo::serialization_library);
    match (kind.as_deref(), serde) {
        _ if table_type == Some("VIRTUAL_VIEW") => Format::Other,
        (Some("DELTA"), _) => Format::Delta,
        (None, Some(PARQUET_SERDE)) => Format::Parquet,
        _ => Format::Other,
    }
}

fn columns(columns: &[types::Column]) -> Vec<Column> {
    let column = |c: &types::Column| Column {
        name: c.name().to_owned(),
        data_type: c.r#type().unwrap_or_default().to_owned(),
        comment: c.comment().map(str::to_owned).filter(|text| !text.is_empty()),
    };
    columns.iter().map(column).collect()
}

fn parameters(parameters: Option<&std::collections::HashMap<String, String>>) -> BTreeMap<String, String> {
    parameters.into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect()
}

/// Glue's partition as ours.
pub(crate) fn partition(partition: &types::Partition) -> Partition {
    let location = partition.storage_descriptor().and_then(types::StorageDescriptor::location);
    Partition {
        values: partition.values().to_vec(),
        location: location.unwrap_or_default().to_owned(),
        parameters: parameters(partition.parameters()),
    }
}

/// The error of a part that the API requires and that is missing.
pub(crate) fn unwritable(what: &'static str) -> impl Fn(BuildError) -> Error + Copy {
    move |e| Error::bug(format!("{what} cannot be put into Glue's words")).caused_by(e)
}

/// The whole of what an update writes: Glue forgets what is left out, so parts that are not ours come from what is there.
pub(crate) fn table_input(target: &Table, known: Option<&types::Table>) -> Result<types::TableInput, Error> {
    let built = unwritable("a table");
    let storage = storage(target, &target.location, known.and_then(types::Table::storage_descriptor)).map_err(built)?;
    types::TableInput::builder()
        .name(&target.name)
        .set_description(target.description.clone())
        .set_owner(known.and_then(|t| t.owner().map(str::to_owned)))
        .retention(known.map_or(0, types::Table::retention))
        .table_type("EXTERNAL_TABLE")
        .storage_descriptor(storage)
        .set_partition_keys(Some(glue_columns(&target.partition_keys).map_err(built)?))
        .set_parameters(Some(target.parameters.clone().into_iter().collect()))
        .build()
        .map_err(built)
}

/// A partition as Glue takes it: it repeats how the table's files are read.
pub(crate) fn partition_input(table: &Table, partition: &Partition) -> Result<types::PartitionInput, Error> {
    let built = unwritable("a partition");
    Ok(types::PartitionInput::builder()
        .set_values(Some(partition.values.clone()))
        .storage_descriptor(storage(table, &partition.location, None).map_err(built)?)
        .set_parameters(Some(partition.parameters.clone().into_iter().collect()))
        .build())
}

fn storage(
    table: &Table,
    location: &str,
    known: Option<&types::StorageDescriptor>,
) -> Result<types::StorageDescriptor, BuildError> {
    let (input, output, library) = match table.format {
        Format::Delta => (DELTA_INPUT, DELTA_OUTPUT, DELTA_SERDE),
        Format::Parquet | Format::Other => (PARQUET_INPUT, PARQUET_OUTPUT, PARQUET_SERDE),
    };
    let others = known.and_then(|s| s.serde_info()).filter(|s| s.serialization_library() == Some(library));
    let serde = types::SerDeInfo::builder()
        .serialization_library(library)
        .set_parameters(others.and_then(|s| s.parameters().cloned()))
        .parameters("serialization.format", "1")
        .build();
    Ok(types::StorageDescriptor::builder()
        .set_columns(Some(glue_columns(&table.columns)?))
        .location(location)
        .input_format(input)
        .output_format(output)
        .compressed(false)
        .number_of_buckets(-1)
        .serde_info(serde)
        .set_bucket_columns(Some(Vec::new()))
        .set_sort_columns(Some(Vec::new()))
        .set_parameters(known.and_then(|s| s.parameters().cloned()))
        .set_skewed_info(known.and_then(|s| s.skewed_info().cloned()))
        .stored_as_sub_directories(false)
        .build())
}

fn glue_columns(columns: &[Column]) -> Result<Vec<types::Column>, BuildError> {
    let column =
        |c: &Column| types::Column::builder().name(&c.name).r#type(&c.data_type).set_comment(c.comment.clone()).build();
    columns.iter().map(column).collect()
}
