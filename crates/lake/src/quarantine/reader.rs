//! Reading refused rows back.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, ListArray, RecordBatch, RecordBatchOptions, StringArray,
    UInt64Array,
};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Int64Type, Schema};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _, TryFutureExt as _};
use lakegate_contract::{Error, Result, TableName};
use lakegate_redaction::{Origin, OriginUnit};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use super::{LABEL, QuarantineLabel, place_fields};
use crate::{Lake, RunId, failure};

/// Rows of a batch.
const BATCH_ROWS: usize = 8192;

/// A file of the quarantine, as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineFile {
    /// The table that its rows were refused for.
    pub table: TableName,
    /// The run that refused them.
    pub run: RunId,
    /// Its place in the lake.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// What tells its content from another: the ETag, or else size and time of change.
    pub version: String,
    key: Path,
}

/// A file of the quarantine, opened: its footer is read.
#[derive(Clone)]
pub struct Quarantine {
    reader: StoredFile,
    metadata: ArrowReaderMetadata,
    label: Option<QuarantineLabel>,
    /// Columns before those of the place.
    published: usize,
}

/// Rows of the quarantine: what was published of such rows, and in the same order why and where.
#[derive(Debug, Clone)]
pub struct QuarantinedRows {
    /// The redacted columns, or those of them that were asked for.
    pub columns: RecordBatch,
    /// The texts of the rules that refuse each row, or what is wrong with the record.
    pub rules: ListArray,
    /// The object that it stands in.
    pub object: StringArray,
    /// The part of the object, such as a sheet.
    pub part: StringArray,
    /// What the positions count.
    pub unit: StringArray,
    /// Where it begins.
    pub start: Int64Array,
    /// Where it ends (not included).
    pub end: Int64Array,
    /// Whether it is a record that could not be decoded: it has no values.
    pub undecodable: BooleanArray,
}

/// Where a refused row stood in its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuarantinedPlace<'a> {
    /// The object: a file, a key, a table.
    pub object: &'a str,
    /// The part of the object, such as a sheet.
    pub part: Option<&'a str>,
    /// What the positions count: `byte` or `row`.
    pub unit: &'a str,
    /// Where it begins.
    pub start: u64,
    /// Where it ends (not included).
    pub end: u64,
}

impl Lake {
    /// The files of the quarantine, of one table or of all, newest run first.
    ///
    /// # Errors
    /// When the lake cannot be listed.
    pub async fn quarantine_files(&self, table: Option<&TableName>) -> Result<Vec<QuarantineFile>> {
        let place = match table {
            Some(table) => self.key(&format!("quarantine/{table}"))?,
            None => self.key("quarantine")?,
        };
        let mut files: Vec<QuarantineFile> =
            self.objects_below(&place).await?.into_iter().filter_map(|meta| self.quarantine_file(meta)).collect();
        files.sort_by(|a, b| b.run.cmp(&a.run).then_with(|| a.path.cmp(&b.path)));
        Ok(files)
    }

    /// `None` for what lies there and is not ours.
    fn quarantine_file(&self, meta: ObjectMeta) -> Option<QuarantineFile> {
        let name = meta.location.filename().filter(|name| name.ends_with(".parquet"))?.to_owned();
        let parts: Vec<String> = meta.location.parts().map(|part| part.as_ref().to_owned()).collect();
        let [.., table, run, _] = parts.as_slice() else { return None };
        let table = TableName::new(table.as_str()).ok()?;
        let run: RunId = serde_json::from_value(run.strip_prefix("run=")?.into()).ok()?;
        let path = format!("quarantine/{table}/run={run}/{name}");
        let changed = || format!("{}-{}", meta.size, meta.last_modified.timestamp_micros());
        let version = meta.e_tag.clone().unwrap_or_else(changed);
        Some(QuarantineFile { table, run, path, bytes: meta.size, version, key: meta.location })
    }

    /// Opens a file of the quarantine.
    ///
    /// # Errors
    /// When it cannot be read, or is none that lakegate has written.
    pub async fn open_quarantine(&self, file: &QuarantineFile) -> Result<Quarantine> {
        let mut reader =
            StoredFile { store: self.store(), key: file.key.clone(), bytes: file.bytes, path: file.path.clone() };
        let options = ArrowReaderOptions::new();
        let metadata = ArrowReaderMetadata::load_async(&mut reader, options).await;
        let metadata = metadata.map_err(|e| unreadable(&e, &file.path))?;
        let published = published_columns(metadata.schema())
            .ok_or_else(|| Error::bad_input("the file has not the columns of a quarantine").at(&file.path))?;
        let pairs = metadata.metadata().file_metadata().key_value_metadata();
        let label = pairs.and_then(|pairs| pairs.iter().find(|pair| pair.key == LABEL)?.value.as_deref());
        let label = label.map(serde_json::from_str).transpose().map_err(|_| {
            Error::usage("the file was written by another version of lakegate")
                .at(&file.path)
                .help("run the newest version")
        })?;
        Ok(Quarantine { reader, metadata, label, published })
    }
}

/// How many columns stand before those of the place; `None` when these are not there. A published column may have any name, so
/// they are known by their order. The last of them has been written for as long as there are labels.
fn published_columns(schema: &Schema) -> Option<usize> {
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    let fields = place_fields();
    let wanted: Vec<&str> = fields.iter().map(|f| f.name().as_str()).collect();
    [wanted.as_slice(), wanted.get(..wanted.len() - 1)?]
        .iter()
        .find_map(|wanted| names.strip_suffix(*wanted))
        .map(<[_]>::len)
}

impl Quarantine {
    /// Rows, records that could not be decoded among them.
    pub fn rows(&self) -> u64 {
        u64::try_from(self.metadata.metadata().file_metadata().num_rows()).unwrap_or(0)
    }

    /// What the file says of itself; `None` for one of an older version, which says nothing.
    pub fn label(&self) -> Option<&QuarantineLabel> {
        self.label.as_ref()
    }

    /// The published columns of the time.
    pub fn schema(&self) -> Schema {
        Schema::new(self.metadata.schema().fields().iter().take(self.published).cloned().collect::<Vec<_>>())
    }

    /// The rows in their order, with the published columns that `wanted` takes by their name.
    ///
    /// # Errors
    /// When the file cannot be read; the stream gives later errors.
    pub fn read(&self, wanted: impl Fn(&str) -> bool) -> Result<BoxStream<'static, Result<QuarantinedRows>>> {
        let fields = self.metadata.schema().fields();
        let roots =
            (0..fields.len()).filter(|i| *i >= self.published || fields.get(*i).is_some_and(|f| wanted(f.name())));
        let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(self.reader.clone(), self.metadata.clone());
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        let path = self.reader.path.clone();
        let places = fields.len() - self.published;
        let batches = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build();
        let batches = batches.map_err(|e| unreadable(&e, &path))?;
        let read = move |batch: std::result::Result<RecordBatch, ParquetError>| {
            let batch = batch.map_err(|e| unreadable(&e, &path))?;
            QuarantinedRows::of(&batch, places)
                .ok_or_else(|| Error::bad_input("the file has not the columns of a quarantine").at(&path))
        };
        Ok(batches.map(read).boxed())
    }
}

impl std::fmt::Debug for Quarantine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Quarantine({}, {} rows)", self.reader.path, self.rows())
    }
}

impl QuarantinedRows {
    fn of(batch: &RecordBatch, places: usize) -> Option<Self> {
        let published = batch.num_columns().checked_sub(places)?;
        let place = |index: usize| batch.columns().get(published + index);
        let text = |index: usize| Some(place(index)?.as_string_opt::<i32>()?.clone());
        let number = |index: usize| Some(place(index)?.as_primitive_opt::<Int64Type>()?.clone());
        let undecodable = match place(6) {
            Some(column) => column.as_boolean_opt()?.clone(),
            None => BooleanArray::from(vec![false; batch.num_rows()]),
        };
        Some(Self {
            columns: batch.project(&(0..published).collect::<Vec<_>>()).ok()?,
            rules: place(0)?.as_list_opt::<i32>()?.clone(),
            object: text(1)?,
            part: text(2)?,
            unit: text(3)?,
            start: number(4)?,
            end: number(5)?,
            undecodable,
        })
    }

    /// How many there are.
    pub fn num_rows(&self) -> usize {
        self.rules.len()
    }

    /// The texts of the rules that refuse a row.
    pub fn rules_of(&self, row: usize) -> Vec<String> {
        let texts = self.rules.value(row);
        texts
            .as_string_opt::<i32>()
            .map(|texts| texts.iter().flatten().map(str::to_owned).collect())
            .unwrap_or_default()
    }

    /// The rows for which `mask` is true.
    ///
    /// # Errors
    /// When the mask's length is not theirs.
    pub fn filter(&self, mask: &BooleanArray) -> Result<Self> {
        let cut = |batch: &RecordBatch| {
            filter_record_batch(batch, mask).map_err(|e| Error::bug("refused rows cannot be filtered").caused_by(e))
        };
        let places: Vec<ArrayRef> = vec![
            Arc::new(self.rules.clone()),
            Arc::new(self.object.clone()),
            Arc::new(self.part.clone()),
            Arc::new(self.unit.clone()),
            Arc::new(self.start.clone()),
            Arc::new(self.end.clone()),
            Arc::new(self.undecodable.clone()),
        ];
        let count = places.len();
        let fields: Vec<_> =
            self.columns.schema().fields().iter().cloned().chain(place_fields().map(Arc::new)).collect();
        let columns = self.columns.columns().iter().cloned().chain(places).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.num_rows()));
        let whole = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
            .map_err(|_| Error::bug("refused rows differ in length"))?;
        Self::of(&cut(&whole)?, count).ok_or_else(|| Error::bug("refused rows have lost a column"))
    }

    /// The rows, cut where their object, part or unit changes, each piece with its place.
    ///
    /// # Errors
    /// When a position or a unit is none.
    pub fn by_place(&self) -> Result<Vec<(RecordBatch, Origin)>> {
        let mut pieces = Vec::new();
        let mut first = 0;
        for row in 1..=self.num_rows() {
            if row < self.num_rows() && self.stands_with(row, first) {
                continue;
            }
            pieces.push((self.columns.slice(first, row - first), self.origin(first, row - first)?));
            first = row;
        }
        Ok(pieces)
    }

    /// Where a row stood in its source.
    pub fn place(&self, row: usize) -> QuarantinedPlace<'_> {
        QuarantinedPlace {
            object: self.object.value(row),
            part: self.part.is_valid(row).then(|| self.part.value(row)),
            unit: self.unit.value(row),
            start: position(self.start.value(row)),
            end: position(self.end.value(row)),
        }
    }

    fn stands_with(&self, row: usize, other: usize) -> bool {
        let (a, b) = (self.place(row), self.place(other));
        (a.object, a.part, a.unit) == (b.object, b.part, b.unit)
    }

    fn origin(&self, first: usize, count: usize) -> Result<Origin> {
        let place = self.place(first);
        let unit = OriginUnit::parse(place.unit)
            .ok_or_else(|| Error::bad_input("the quarantine counts in an unknown unit").at(place.object))?;
        let positions = |column: &Int64Array| -> UInt64Array { column.slice(first, count).unary(position) };
        Origin::new(place.object, place.part.map(Arc::from), unit, positions(&self.start), positions(&self.end))
    }
}

fn position(stored: i64) -> u64 {
    stored.max(0).cast_unsigned()
}

/// An object as Parquet's reader asks for it.
#[derive(Clone)]
struct StoredFile {
    store: Arc<dyn ObjectStore>,
    key: Path,
    bytes: u64,
    path: String,
}

fn external(error: object_store::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

impl AsyncFileReader for StoredFile {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, parquet::errors::Result<Bytes>> {
        self.store.get_range(&self.key, range).map_err(external).boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, parquet::errors::Result<Vec<Bytes>>> {
        async move { self.store.get_ranges(&self.key, &ranges).await.map_err(external) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, parquet::errors::Result<Arc<ParquetMetaData>>> {
        async move {
            let bytes = self.bytes;
            let reader = ParquetMetaDataReader::new().with_arrow_reader_options(options);
            reader.load_and_finish(self, bytes).await.map(Arc::new)
        }
        .boxed()
    }
}

/// Parquet's own message may quote what it could not read.
fn unreadable(error: &ParquetError, path: &str) -> Error {
    match error {
        ParquetError::External(inner) => match inner.downcast_ref::<object_store::Error>() {
            Some(found) => failure::store(found, path),
            None => Error::unavailable("the quarantine's file cannot be read").at(path),
        },
        _ => Error::bad_input("the quarantine's file is no whole Parquet file").at(path),
    }
}
