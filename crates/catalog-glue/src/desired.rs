//! From the lake's newest version to what the catalog should hold.

use std::collections::BTreeMap;

use lakegate_contract::{Contract, Error, HIVE_NULL_PARTITION, PartitionValue, Result, TableName};
use lakegate_lake::{Head, Lake, PublishedColumn};

use crate::model::{
    COLUMNS, Column, Desired, Format, MAX_COMMENT, MAX_DESCRIPTION, Partition, RUN, Table, VERSION, told,
};

/// A Hive table whose partitions are at the generations of `head`; a table without partitions is at its generation itself.
pub(crate) fn hive(lake: &Lake, contract: &Contract, head: &Head) -> Result<Desired> {
    let folder = table_folder(lake, contract.table());
    let partitions = if head.partition_columns.is_empty() { Vec::new() } else { partitions(&folder, head)? };
    let location = match head.partition_columns.is_empty() {
        true => generation(&folder, head)?,
        false => format!("{folder}/"),
    };
    let mut parameters = common_parameters(head);
    for (name, value) in [("classification", "parquet"), ("compressionType", "zstd"), ("typeOfData", "file")] {
        parameters.insert(name.to_owned(), value.to_owned());
    }
    let table = table(contract, head, contract.table().to_string(), location, Format::Parquet, parameters);
    Ok(Desired { table, partitions, folder })
}

/// A native Delta table over the lake's own log: Athena finds versions and files there by itself. Its partition columns are
/// ordinary columns to the catalog.
pub(crate) fn delta(lake: &Lake, contract: &Contract, head: &Head, name: String) -> Desired {
    let mut parameters = common_parameters(head);
    for (key, value) in [("classification", "delta"), ("table_type", "DELTA"), ("spark.sql.sources.provider", "delta")]
    {
        parameters.insert(key.to_owned(), value.to_owned());
    }
    let location = format!("{}/", table_folder(lake, contract.table()));
    let mut table = table(contract, head, name, location, Format::Delta, parameters);
    table.columns.append(&mut table.partition_keys);
    Desired { table, partitions: Vec::new(), folder: table_folder(lake, contract.table()) }
}

fn table(
    contract: &Contract,
    head: &Head,
    name: String,
    location: String,
    format: Format,
    parameters: BTreeMap<String, String>,
) -> Table {
    Table {
        name,
        description: contract.description().and_then(|text| told(text, MAX_DESCRIPTION)),
        columns: columns(&head.columns),
        partition_keys: columns(&head.partition_columns),
        location,
        format,
        parameters,
    }
}

/// The address of a table's folder.
pub(crate) fn table_folder(lake: &Lake, table: &TableName) -> String {
    format!("{}/tables/{table}", lake.location().trim_end_matches('/'))
}

fn common_parameters(head: &Head) -> BTreeMap<String, String> {
    let mut parameters =
        BTreeMap::from([("EXTERNAL".to_owned(), "TRUE".to_owned()), (VERSION.to_owned(), head.version.to_string())]);
    if let Some(run) = &head.run {
        parameters.insert(RUN.to_owned(), run.run.to_string());
    }
    parameters
}

fn columns(columns: &[PublishedColumn]) -> Vec<Column> {
    let column = |c: &PublishedColumn| Column {
        name: c.name.clone(),
        data_type: c.data_type.clone(),
        comment: c.comment.as_ref().and_then(|text| told(text, MAX_COMMENT)),
    };
    columns.iter().map(column).collect()
}

/// The one folder that holds all files; one that does not exist when there are none, which engines read as no rows.
fn generation(folder: &str, head: &Head) -> Result<String> {
    let mut folders = head.files.iter().map(|file| file.folder());
    match folders.next() {
        None => Ok(format!("{folder}/no-rows/")),
        Some(first) if folders.all(|other| other == first) => Ok(format!("{folder}/{first}/")),
        Some(_) => Err(scattered("the table's files")),
    }
}

fn partitions(folder: &str, head: &Head) -> Result<Vec<Partition>> {
    let digest = digest_of(&head.columns);
    let mut by_values: BTreeMap<Vec<String>, &str> = BTreeMap::new();
    for file in &head.files {
        let values: Vec<String> = file.partition.iter().map(value).collect();
        let known = *by_values.entry(values).or_insert_with(|| file.folder());
        if known != file.folder() {
            return Err(scattered("a partition's files"));
        }
    }
    let partition = |(values, place): (Vec<String>, &str)| Partition {
        values,
        location: format!("{folder}/{place}/"),
        parameters: BTreeMap::from([(COLUMNS.to_owned(), digest.clone())]),
    };
    Ok(by_values.into_iter().map(partition).collect())
}

fn value(value: &PartitionValue) -> String {
    value.clone().unwrap_or_else(|| HIVE_NULL_PARTITION.to_owned())
}

/// Another program has added files: a Hive partition is one folder, so not all of them could be shown.
fn scattered(what: &str) -> Error {
    Error::usage(format!("{what} stand in several folders: another program has written to the table"))
        .expected("one generation folder for each partition")
        .help("run the table's job with --force, which writes it anew; or use athena_table = \"delta\"")
}

/// When it changes, partitions are written once more, with the table's columns.
fn digest_of(columns: &[PublishedColumn]) -> String {
    let mut hasher = blake3::Hasher::new();
    for column in columns {
        hasher.update(format!("{} {}\n", column.name, column.data_type).as_bytes());
    }
    hasher.finalize().to_hex().chars().take(16).collect()
}
