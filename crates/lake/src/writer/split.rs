//! Which partition each row of a batch belongs to.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array, new_empty_array};
use arrow::compute::{take, take_record_batch};
use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use chrono_tz::Tz;
use datafusion::common::ScalarValue;
use lakegate_contract::{Contract, Error, PartitionCodes, PartitionField, PartitionValue, Result};
use lakegate_redaction::CleanBatch;

use crate::reading::partition_value;
use crate::{RunId, encode_partition_segment};

/// Cuts batches by partition and leaves out the columns that stand in the folders' names.
pub(super) struct Splitter {
    zone: Tz,
    /// Partition fields and the index of the column that each is made from.
    fields: Vec<(PartitionField, usize)>,
    /// Indices of the columns that stand in the files.
    kept: Vec<usize>,
    file_schema: SchemaRef,
}

type Group = (Vec<PartitionValue>, RecordBatch);

impl Splitter {
    pub(super) fn new(contract: &Contract, zone: Tz) -> Result<Self> {
        let published: Vec<_> = contract.published_columns().collect();
        let index_of = |name: &str| {
            published
                .iter()
                .position(|c| c.name.as_str() == name)
                .ok_or_else(|| Error::bug(format!("column `{name}` is not published")))
        };
        let fields = contract
            .partition_by()
            .iter()
            .map(|field| Ok((field.clone(), index_of(field.column.as_str())?)))
            .collect::<Result<_>>()?;
        let kept = contract.file_columns().map(|c| index_of(c.name.as_str())).collect::<Result<_>>()?;
        let file_schema = Arc::new(Schema::new(
            contract
                .file_columns()
                .map(|c| Field::new(c.name.as_str(), c.published_type().to_arrow(), c.nullable))
                .collect::<Vec<_>>(),
        ));
        Ok(Self { zone, fields, kept, file_schema })
    }

    pub(super) fn file_schema(&self) -> SchemaRef {
        Arc::clone(&self.file_schema)
    }

    /// The folder of a partition's generation, relative to the table's.
    pub(super) fn folder(&self, values: &[PartitionValue], run: RunId) -> Result<String> {
        let mut folder = String::new();
        for ((field, _), value) in self.fields.iter().zip(values) {
            folder.push_str(&encode_partition_segment(field, value)?);
            folder.push('/');
        }
        folder.push_str(&run.generation());
        Ok(folder)
    }

    pub(super) fn split(&self, batch: &CleanBatch) -> Result<Vec<Group>> {
        let columns = batch.columns();
        let codes = self.codes(columns)?;
        let groups = group(&codes, columns.num_rows());
        let whole = self.file_batch(columns)?;
        if let [only] = groups.as_slice() {
            return Ok(vec![(values_of(&codes, only.first().copied()), whole)]);
        }
        groups
            .into_iter()
            .map(|rows| {
                let values = values_of(&codes, rows.first().copied());
                let taken = take_record_batch(&whole, &UInt32Array::from(rows))
                    .map_err(|e| Error::bug("rows cannot be taken from a batch").caused_by(e))?;
                Ok((values, taken))
            })
            .collect()
    }

    /// Columns of the table, as readers will find them in these rows.
    pub(super) fn as_published(&self, batch: &CleanBatch, columns: &SchemaRef) -> Result<RecordBatch> {
        let clean = batch.columns();
        let of_field = |field: &FieldRef| match clean.column_by_name(field.name()) {
            Some(column) => Ok(Arc::clone(column)),
            None => self.partition_column(clean, field),
        };
        let values = columns.fields().iter().map(of_field).collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(clean.num_rows()));
        RecordBatch::try_new_with_options(SchemaRef::clone(columns), values, &options)
            .map_err(|_| Error::bug("rows do not have the columns that will be published"))
    }

    fn partition_column(&self, clean: &RecordBatch, wanted: &Field) -> Result<ArrayRef> {
        let (field, index) = self
            .fields
            .iter()
            .find(|(field, _)| field.name.as_str() == wanted.name())
            .ok_or_else(|| Error::bug(format!("column `{}` is not published", wanted.name())))?;
        let column = clean.columns().get(*index).ok_or_else(|| Error::bug("a batch lacks a partition's column"))?;
        let codes = field.codes(column, self.zone)?;
        let (mut known, mut values, mut rows) = (HashMap::new(), Vec::new(), Vec::with_capacity(clean.num_rows()));
        let mut last = None;
        for code in codes.codes() {
            // Rows come mostly in runs of one partition.
            let place = match last {
                Some((same, place)) if same == *code => place,
                _ => match known.entry(*code) {
                    Entry::Occupied(entry) => *entry.get(),
                    Entry::Vacant(entry) => {
                        values.push(partition_value(wanted.data_type(), &codes.value(*code))?);
                        *entry.insert(u32::try_from(values.len() - 1).unwrap_or(u32::MAX))
                    }
                },
            };
            rows.push(place);
            last = Some((*code, place));
        }
        if values.is_empty() {
            return Ok(new_empty_array(wanted.data_type()));
        }
        let values = ScalarValue::iter_to_array(values)
            .map_err(|e| Error::bug("partition values are of several types").caused_by(e))?;
        take(&values, &UInt32Array::from(rows), None)
            .map_err(|e| Error::bug("partition values cannot be repeated").caused_by(e))
    }

    fn codes(&self, columns: &RecordBatch) -> Result<Vec<PartitionCodes>> {
        self.fields
            .iter()
            .map(|(field, index)| {
                let column =
                    columns.columns().get(*index).ok_or_else(|| Error::bug("a batch lacks a partition's column"))?;
                field.codes(column, self.zone)
            })
            .collect()
    }

    fn file_batch(&self, columns: &RecordBatch) -> Result<RecordBatch> {
        let kept: Vec<_> = self.kept.iter().filter_map(|i| columns.columns().get(*i).cloned()).collect();
        for (field, column) in self.file_schema.fields().iter().zip(&kept) {
            if !field.is_nullable() && column.null_count() > 0 {
                return Err(Error::bug(format!("column `{}` is required and holds NULL", field.name())));
            }
        }
        RecordBatch::try_new(Arc::clone(&self.file_schema), kept)
            .map_err(|_| Error::bug("a clean batch does not have the contract's schema"))
    }
}

/// Row numbers by equal codes, in order of first appearance. Rows come mostly in runs of one partition, so the group
/// of the row before is tried first.
fn group(codes: &[PartitionCodes], rows: usize) -> Vec<Vec<u32>> {
    let mut assigned: Vec<u32> = vec![0; rows];
    let mut count = u32::from(rows > 0);
    for column in codes {
        let mut known: HashMap<(u32, i64), u32> = HashMap::new();
        let mut last: Option<((u32, i64), u32)> = None;
        for (group, code) in assigned.iter_mut().zip(column.codes()) {
            let key = (*group, *code);
            *group = match last {
                Some((same, found)) if same == key => found,
                _ => {
                    let next = u32::try_from(known.len()).unwrap_or(u32::MAX);
                    match known.entry(key) {
                        Entry::Occupied(entry) => *entry.get(),
                        Entry::Vacant(entry) => *entry.insert(next),
                    }
                }
            };
            last = Some((key, *group));
        }
        count = u32::try_from(known.len()).unwrap_or(u32::MAX);
    }
    let mut groups = vec![Vec::new(); usize::try_from(count).unwrap_or(0)];
    for (row, group) in (0u32..).zip(assigned) {
        if let Some(rows) = groups.get_mut(group as usize) {
            rows.push(row);
        }
    }
    groups
}

fn values_of(codes: &[PartitionCodes], row: Option<u32>) -> Vec<PartitionValue> {
    codes
        .iter()
        .map(|column| {
            let code = row.and_then(|row| column.codes().get(row as usize));
            code.and_then(|code| column.value(*code))
        })
        .collect()
}
