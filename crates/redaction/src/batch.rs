//! Batches before and after redaction.

use arrow::array::{Array, BooleanArray, RecordBatch};
use arrow::compute::{filter_record_batch, take_record_batch};
use arrow::datatypes::SchemaRef;
use lakegate_contract::{Error, Result};

use crate::Origin;

/// A batch as it came from a source: the columns of [`Contract::source_schema`], not yet redacted.
///
/// It prints nothing of its values: there is no way to log one by accident.
///
/// [`Contract::source_schema`]: lakegate_contract::Contract::source_schema
pub struct RawBatch {
    columns: RecordBatch,
    origin: Origin,
}

impl RawBatch {
    /// A raw batch and where its rows stand in the source.
    ///
    /// # Errors
    /// When the origin does not cover the rows.
    pub fn new(columns: RecordBatch, origin: Origin) -> Result<Self> {
        if columns.num_rows() != origin.len() {
            return Err(Error::bug("a raw batch and its origin differ in length"));
        }
        Ok(Self { columns, origin })
    }

    /// How many rows it holds.
    pub fn num_rows(&self) -> usize {
        self.columns.num_rows()
    }

    /// Bytes held in memory.
    pub fn memory_size(&self) -> usize {
        self.columns.get_array_memory_size()
    }

    /// The columns, unredacted: for tests of sources.
    pub fn expose(&self) -> &RecordBatch {
        &self.columns
    }

    /// Where its rows stand.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(crate) fn into_parts(self) -> (RecordBatch, Origin) {
        (self.columns, self.origin)
    }
}

impl std::fmt::Debug for RawBatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RawBatch({} rows)", self.num_rows())
    }
}

/// A redacted batch: what a sink accepts.
///
/// Only this crate makes one: from a [`RawBatch`] through [`Redactor::redact`](crate::Redactor::redact), and from rows of the
/// lake's own quarantine, which were redacted when they were put there, through [`Restorer::restore`](crate::Restorer::restore):
///
/// ```compile_fail,E0451
/// use lakegate_redaction::CleanBatch;
///
/// fn forge(columns: arrow::array::RecordBatch, origin: lakegate_redaction::Origin) -> CleanBatch {
///     CleanBatch { columns, origin }
/// }
/// ```
#[derive(Clone)]
pub struct CleanBatch {
    columns: RecordBatch,
    origin: Origin,
}

impl CleanBatch {
    pub(crate) fn new(columns: RecordBatch, origin: Origin) -> Self {
        Self { columns, origin }
    }

    /// The redacted columns.
    pub fn columns(&self) -> &RecordBatch {
        &self.columns
    }

    /// Schema of the redacted columns.
    pub fn schema(&self) -> SchemaRef {
        self.columns.schema()
    }

    /// Where its rows stand in the source.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// How many rows it holds.
    pub fn num_rows(&self) -> usize {
        self.columns.num_rows()
    }

    /// The rows for which `mask` is true.
    ///
    /// # Errors
    /// When the mask's length is not the batch's.
    pub fn filter(&self, mask: &BooleanArray) -> Result<Self> {
        let columns = filter_record_batch(&self.columns, mask)
            .map_err(|e| Error::bug("a batch cannot be filtered").caused_by(e))?;
        Ok(Self { columns, origin: self.origin.filter(mask)? })
    }

    /// The rows at `indices`, in that order.
    ///
    /// # Errors
    /// When an index lies outside the batch.
    pub fn take(&self, indices: &dyn Array) -> Result<Self> {
        let columns = take_record_batch(&self.columns, indices)
            .map_err(|e| Error::bug("rows cannot be taken from a batch").caused_by(e))?;
        Ok(Self { columns, origin: self.origin.take(indices)? })
    }

    /// The rows `offset..offset + length`, without a copy.
    #[must_use]
    pub fn slice(&self, offset: usize, length: usize) -> Self {
        Self { columns: self.columns.slice(offset, length), origin: self.origin.slice(offset, length) }
    }
}

impl std::fmt::Debug for CleanBatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CleanBatch({} rows)", self.num_rows())
    }
}
