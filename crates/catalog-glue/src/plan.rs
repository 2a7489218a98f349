//! The difference between what the catalog holds and what it should hold, as changes that can be shown and applied.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use lakegate_contract::{Error, Result};

use crate::model::{COLUMNS, Column, Current, Desired, Format, Partition, Table, is_stale_marker};

/// What has to change so that the catalog shows the lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TablePlan {
    /// The table as it will be, others' parts kept.
    pub(crate) target: Table,
    pub(crate) changes: Vec<Change>,
    pub(crate) create: Vec<Partition>,
    pub(crate) update: Vec<Partition>,
    /// Values of partitions that the lake no longer has.
    pub(crate) delete: Vec<Vec<String>>,
}

impl TablePlan {
    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty() && !self.touches_partitions()
    }

    pub(crate) fn touches_partitions(&self) -> bool {
        !(self.create.is_empty() && self.update.is_empty() && self.delete.is_empty())
    }
}

/// A change, as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The database is made.
    CreateDatabase,
    /// The table is made.
    CreateTable,
    /// A column is added.
    AddColumn(String),
    /// A column gets the type that the files have.
    ColumnType {
        /// The column.
        name: String,
        /// Its type in the catalog.
        from: String,
        /// Its type in the lake.
        to: String,
    },
    /// A column gets another comment.
    ColumnComment(String),
    /// The description changes.
    Description,
    /// The location changes.
    Location,
    /// How files are read changes.
    Format,
    /// A parameter is set or removed.
    Parameter(String),
    /// A partition is made.
    CreatePartition(String),
    /// A partition is pointed at another generation, or gets the table's columns.
    UpdatePartition(String),
    /// A partition that the lake no longer has is removed.
    DeletePartition(String),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::CreateDatabase => f.write_str("+ database"),
            Change::CreateTable => f.write_str("+ table"),
            Change::AddColumn(name) => write!(f, "+ column {name}"),
            Change::ColumnType { name, from, to } => write!(f, "~ column {name}: {from} → {to}"),
            Change::ColumnComment(name) => write!(f, "~ comment of column {name}"),
            Change::Description => f.write_str("~ description"),
            Change::Location => f.write_str("~ location"),
            Change::Format => f.write_str("~ format"),
            Change::Parameter(name) => write!(f, "~ parameter {name}"),
            Change::CreatePartition(name) => write!(f, "+ partition {name}"),
            Change::UpdatePartition(name) => write!(f, "~ partition {name}"),
            Change::DeletePartition(name) => write!(f, "- partition {name}"),
        }
    }
}

/// Compares. Nothing is asked or changed. With `adopt`, a table that is elsewhere becomes ours.
///
/// # Errors
/// When somebody else has made something of the table that cannot be kept or turned into ours.
pub(crate) fn plan(desired: Desired, current: &Current, adopt: bool) -> Result<TablePlan> {
    let mut changes = Vec::new();
    if !current.database {
        changes.push(Change::CreateDatabase);
    }
    let target = match &current.table {
        None => {
            changes.push(Change::CreateTable);
            desired.table
        }
        Some(known) => {
            refuse_foreign(known, &desired, adopt)?;
            merge(known, desired.table, &mut changes)
        }
    };
    let mut plan = TablePlan { target, changes, create: Vec::new(), update: Vec::new(), delete: Vec::new() };
    plan_partitions(desired.partitions, &current.partitions, &mut plan);
    Ok(plan)
}

/// Whether a table of the catalog is at a folder of the lake and is read as its table says.
pub(crate) fn is_ours(known: &Table, folder: &str) -> bool {
    known.format != Format::Other && is_within(known, folder) && !is_projected(known)
}

fn is_within(known: &Table, folder: &str) -> bool {
    known.location.trim_end_matches('/') == folder || known.location.starts_with(&format!("{folder}/"))
}

fn is_projected(known: &Table) -> bool {
    known.parameters.get("projection.enabled").is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// Partition keys of a table cannot be changed in Glue, and a table of another kind is somebody else's.
fn refuse_foreign(known: &Table, desired: &Desired, adopt: bool) -> Result<()> {
    let (folder, desired) = (&desired.folder, &desired.table);
    let remove = || format!("if nobody needs it, delete table {} in Glue (the data stays) and apply again", known.name);
    if known.format == Format::Other {
        return Err(Error::usage("the catalog has a view or a table of another format under this name")
            .help(format!("give the lake's table another name; {}", remove())));
    }
    if !adopt && !is_within(known, folder) {
        return Err(Error::usage(format!("the catalog's table is at {}", known.location))
            .expected(format!("a place below {folder}: this one is of another lake or another program"))
            .help("name another database under [catalog]; or, to take the table over, `lakegate catalog apply TABLE --adopt`"));
    }
    if is_projected(known) {
        return Err(Error::usage(
            "the table has partition projection enabled: Athena would ignore where partitions are",
        )
        .expected("no projection.enabled among the table's parameters")
        .help(format!("remove the parameter, or {}", remove())));
    }
    let keys = |table: &Table| table.partition_keys.iter().map(|c| format!("{} {}", c.name, c.data_type)).collect();
    let (found, expected): (Vec<String>, Vec<String>) = (keys(known), keys(desired));
    if found != expected {
        return Err(Error::usage(format!("the catalog's table is partitioned by ({})", found.join(", ")))
            .expected(format!("({}), as in the lake", expected.join(", ")))
            .help(remove()));
    }
    Ok(())
}

/// Parameters that say how a table's files are read.
const FORMAT_PARAMETERS: [&str; 5] =
    ["classification", "compressionType", "spark.sql.sources.provider", "table_type", "typeOfData"];
/// What others have counted of a partition, which is not so of another generation of it.
const COUNTED: [&str; 7] =
    ["averageRecordSize", "COLUMN_STATS_ACCURATE", "numFiles", "numRows", "objectCount", "rawDataSize", "totalSize"];

/// Ours over theirs: columns keep the catalog's order and stay when the lake has them no more; comments, parameters and a
/// description that only the catalog has are kept.
fn merge(known: &Table, desired: Table, changes: &mut Vec<Change>) -> Table {
    let columns = merge_columns(&known.columns, desired.columns, changes);
    let partition_keys = merge_columns(&known.partition_keys, desired.partition_keys, changes);
    if known.location.trim_end_matches('/') != desired.location.trim_end_matches('/') {
        changes.push(Change::Location);
    }
    if known.format != desired.format {
        changes.push(Change::Format);
    }
    if desired.description.is_some() && desired.description != known.description {
        changes.push(Change::Description);
    }
    let mut parameters = known.parameters.clone();
    let of_other_format = |name: &str| {
        known.format != desired.format && FORMAT_PARAMETERS.contains(&name) && !desired.parameters.contains_key(name)
    };
    parameters.retain(|name, _| {
        let goes = is_stale_marker(name) || of_other_format(name);
        if goes {
            changes.push(Change::Parameter(name.clone()));
        }
        !goes
    });
    for (name, value) in desired.parameters {
        if parameters.get(&name) != Some(&value) {
            changes.push(Change::Parameter(name.clone()));
            parameters.insert(name, value);
        }
    }
    let description = desired.description.or_else(|| known.description.clone());
    Table { columns, partition_keys, parameters, description, ..desired }
}

fn merge_columns(known: &[Column], desired: Vec<Column>, changes: &mut Vec<Change>) -> Vec<Column> {
    let mut missing: BTreeMap<String, Column> = desired.iter().map(|c| (c.name.clone(), c.clone())).collect();
    let mut merged: Vec<Column> = Vec::with_capacity(known.len().max(desired.len()));
    for column in known {
        let Some(ours) = missing.remove(&column.name) else {
            merged.push(column.clone());
            continue;
        };
        if ours.data_type != column.data_type {
            let (name, from, to) = (ours.name.clone(), column.data_type.clone(), ours.data_type.clone());
            changes.push(Change::ColumnType { name, from, to });
        }
        if ours.comment.is_some() && ours.comment != column.comment {
            changes.push(Change::ColumnComment(ours.name.clone()));
        }
        let comment = ours.comment.or_else(|| column.comment.clone());
        merged.push(Column { comment, ..ours });
    }
    for column in desired.into_iter().filter(|c| missing.contains_key(&c.name)) {
        changes.push(Change::AddColumn(column.name.clone()));
        merged.push(column);
    }
    merged
}

fn plan_partitions(desired: Vec<Partition>, current: &[Partition], plan: &mut TablePlan) {
    let known: BTreeMap<&[String], &Partition> = current.iter().map(|p| (p.values.as_slice(), p)).collect();
    let wanted: BTreeSet<Vec<String>> = desired.iter().map(|p| p.values.clone()).collect();
    let name = |values: &[String]| partition_name(&plan.target.partition_keys, values);
    let mut changes = Vec::new();
    for partition in desired {
        match known.get(partition.values.as_slice()) {
            None => {
                changes.push(Change::CreatePartition(name(&partition.values)));
                plan.create.push(partition);
            }
            Some(there) if shows(there, &partition) => {}
            Some(there) => {
                changes.push(Change::UpdatePartition(name(&partition.values)));
                let kept = there.parameters.clone().into_iter().filter(|(name, _)| !COUNTED.contains(&name.as_str()));
                let parameters = kept.chain(partition.parameters).collect();
                plan.update.push(Partition { parameters, ..partition });
            }
        }
    }
    for values in current.iter().map(|p| &p.values).filter(|values| !wanted.contains(*values)) {
        changes.push(Change::DeletePartition(name(values)));
        plan.delete.push(values.clone());
    }
    plan.changes.extend(changes);
}

fn shows(there: &Partition, wanted: &Partition) -> bool {
    there.location.trim_end_matches('/') == wanted.location.trim_end_matches('/')
        && there.parameters.get(COLUMNS) == wanted.parameters.get(COLUMNS)
}

/// `month=2026-03/city=Seoul`
fn partition_name(keys: &[Column], values: &[String]) -> String {
    keys.iter().zip(values).map(|(key, value)| format!("{}={value}", key.name)).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests;
