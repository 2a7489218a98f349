//! Writing refused rows: redacted, with the rules that refused them and their place in the source.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, ListArray, RecordBatch, StringArray, UInt64Array, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use lakegate_contract::{Contract, Error, Result};
use lakegate_redaction::CleanBatch;
use object_store::path::Path;
use parquet::arrow::AsyncArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use tokio::sync::Mutex;

use super::{LABEL, QuarantineLabel, place_fields, relative_path};
use crate::writer::{Writer, sink_at};
use crate::{Lake, RunId, failure};

/// Rows after which a row group is written.
const ROW_GROUP: usize = 65_536;
/// Bytes after which it is written although it has fewer rows.
const ROW_GROUP_BYTES: usize = 8 << 20;

/// A record that could not be decoded: by its place alone, since what it holds has not been redacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRecord<'a> {
    /// The object it stands in.
    pub object: &'a str,
    /// The part of the object, such as a sheet.
    pub part: Option<&'a str>,
    /// What `start` and `end` count: `byte` or `row`.
    pub unit: &'a str,
    /// Where it begins.
    pub start: u64,
    /// Where it ends (not included).
    pub end: u64,
    /// What is wrong with it, without its values.
    pub reason: &'a str,
}

/// What a run has put aside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QuarantineSummary {
    /// Rows that a rule refused.
    pub rows: u64,
    /// Records that could not be decoded.
    pub rejected: u64,
    /// The file, relative to the lake; `None` when there is nothing to see.
    pub path: Option<String>,
}

/// Takes refused rows of one run from several workers. The file is made with the first of them.
pub struct QuarantineWriter {
    lake: Lake,
    relative: String,
    schema: SchemaRef,
    label: QuarantineLabel,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    writer: Option<(Path, Writer)>,
    rows: u64,
    rejected: u64,
}

impl Lake {
    /// The quarantine of a run; `label` is what its file will say of itself.
    pub fn quarantine(&self, contract: &Contract, run: RunId, label: QuarantineLabel) -> QuarantineWriter {
        let published = contract.published_schema();
        let fields: Vec<Field> = published.fields().iter().map(|f| f.as_ref().clone()).chain(place_fields()).collect();
        QuarantineWriter {
            lake: self.clone(),
            relative: relative_path(contract.table(), run),
            schema: Arc::new(Schema::new(fields)),
            label,
            open: Mutex::default(),
        }
    }
}

impl QuarantineWriter {
    /// Puts rows aside; `rules` has the texts of the rules that refuse each of them.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn write(&self, batch: &CleanBatch, rules: ListArray) -> Result<()> {
        let rows = batch.num_rows();
        let origin = batch.origin();
        let mut columns: Vec<ArrayRef> = batch.columns().columns().to_vec();
        columns.push(Arc::new(rules));
        columns.push(repeated(Some(origin.object()), rows));
        columns.push(repeated(origin.part().map(AsRef::as_ref), rows));
        columns.push(repeated(Some(origin.unit().as_str()), rows));
        columns.push(signed(origin.start())?);
        columns.push(signed(origin.end())?);
        columns.push(Arc::new(BooleanArray::from(vec![false; rows])));
        let mut open = self.open.lock().await;
        self.append(&mut open, columns).await?;
        open.rows += rows as u64;
        Ok(())
    }

    /// Notes records that could not be decoded.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn reject(&self, records: &[RejectedRecord<'_>]) -> Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let published = self.schema.fields().len() - place_fields().len();
        let mut columns: Vec<ArrayRef> =
            self.schema.fields().iter().take(published).map(|f| new_null_array(f.data_type(), records.len())).collect();
        columns.push(Arc::new(one_each(records.iter().map(|r| r.reason))));
        columns.push(Arc::new(StringArray::from_iter_values(records.iter().map(|r| r.object))));
        columns.push(Arc::new(records.iter().map(|r| r.part).collect::<StringArray>()));
        columns.push(Arc::new(StringArray::from_iter_values(records.iter().map(|r| r.unit))));
        columns.push(signed(&UInt64Array::from_iter_values(records.iter().map(|r| r.start)))?);
        columns.push(signed(&UInt64Array::from_iter_values(records.iter().map(|r| r.end)))?);
        columns.push(Arc::new(BooleanArray::from(vec![true; records.len()])));
        let mut open = self.open.lock().await;
        self.append(&mut open, columns).await?;
        open.rejected += records.len() as u64;
        Ok(())
    }

    /// Closes the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn finish(&self) -> Result<QuarantineSummary> {
        let mut open = self.open.lock().await;
        let path = match open.writer.take() {
            None => None,
            Some((location, mut writer)) => {
                writer.finish().await.map_err(|e| failure::parquet(&e, location.to_string()))?;
                Some(self.relative.clone())
            }
        };
        Ok(QuarantineSummary { rows: open.rows, rejected: open.rejected, path })
    }

    /// Deletes the file after [`Self::finish`].
    ///
    /// # Errors
    /// When it cannot be deleted.
    pub async fn discard(&self) -> Result<()> {
        self.lake.delete(&self.lake.key(&self.relative)?).await
    }

    async fn append(&self, open: &mut Open, columns: Vec<ArrayRef>) -> Result<()> {
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .map_err(|_| Error::bug("quarantined rows do not have the table's schema"))?;
        let (location, writer) = match &mut open.writer {
            Some(open) => open,
            unopened => unopened.insert(self.create()?),
        };
        let failed = |e| failure::parquet(&e, location.to_string());
        writer.write(&batch).await.map_err(failed)?;
        if writer.in_progress_rows() >= ROW_GROUP || writer.in_progress_size() >= ROW_GROUP_BYTES {
            writer.flush().await.map_err(failed)?;
        }
        Ok(())
    }

    fn create(&self) -> Result<(Path, Writer)> {
        let location = self.lake.key(&self.relative)?;
        let sink = sink_at(&self.lake, &location)?;
        let label =
            serde_json::to_string(&self.label).map_err(|e| Error::bug("a label cannot be written").caused_by(e))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_key_value_metadata(Some(vec![KeyValue::new(LABEL.to_owned(), label)]))
            .build();
        let writer = AsyncArrowWriter::try_new(sink, Arc::clone(&self.schema), Some(properties))
            .map_err(|e| failure::parquet(&e, location.to_string()))?;
        Ok((location, writer))
    }
}

fn repeated(text: Option<&str>, rows: usize) -> ArrayRef {
    Arc::new(std::iter::repeat_n(text, rows).collect::<StringArray>())
}

fn signed(positions: &UInt64Array) -> Result<ArrayRef> {
    cast(positions, &DataType::Int64).map_err(|_| Error::bug("a position is too large"))
}

fn one_each<'a>(texts: impl Iterator<Item = &'a str>) -> ListArray {
    use arrow::array::{ListBuilder, StringBuilder};
    let mut lists = ListBuilder::new(StringBuilder::new()).with_field(Field::new("element", DataType::Utf8, true));
    for text in texts {
        lists.values().append_value(text);
        lists.append(true);
    }
    lists.finish()
}
